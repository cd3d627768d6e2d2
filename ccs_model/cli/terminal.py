"""Text for a terminal: width, aligned tables, JSON and the progress line."""

from __future__ import annotations

import codecs
import io
import json
import math
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ccs_model.report.text_tables import truncate

if TYPE_CHECKING:
    from ccs_model.mip import Progress

# Width where the terminal's is unknown, as in a file.
DEFAULT_WIDTH = 120
MAX_TEXT_WIDTH = 140
_NOT_ASCII = re.compile("[^\\x00-\\x7f]")
# Error handlers that fail for characters which an encoding lacks.
_FAILING = ("strict", "surrogateescape")


def columns() -> int:
    """Return the width of the terminal, at most MAX_TEXT_WIDTH."""
    return min(shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns, MAX_TEXT_WIDTH)


def shorten_lines(lines: Sequence[str], n: int, indent: str = "  ") -> list[str]:
    """Return the first `n` lines, and a line with the number of the others."""
    more = len(lines) - n
    return [*lines[:n], *([f"{indent}… and {more} more"] if more > 0 else [])]


def print_json(document: Any) -> None:
    """Print `document` as one JSON object."""
    print_json_text(json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def print_json_text(text: str) -> None:
    """Print JSON text; its characters are escaped if the encoding of the output is not a Unicode encoding."""
    if not is_unicode(sys.stdout):
        text = _NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], text)
    click.echo(text, nl=False)


def is_unicode(stream: Any) -> bool:
    """Return whether a stream can encode all characters; True if it has no encoding."""
    encoding = getattr(stream, "encoding", None)
    return encoding is None or codecs.lookup(encoding).name.startswith("utf")


def prepare_output() -> None:
    """Buffer the output, and replace characters that its encoding lacks.

    With PYTHONUNBUFFERED, Python drops what one write to a full disk or a pipe does not accept.
    """
    found = sys.stdout
    if isinstance(getattr(found, "buffer", None), io.RawIOBase):
        sys.stdout = open(  # noqa: SIM115
            found.fileno(), "w", buffering=1, encoding=found.encoding, errors=found.errors, closefd=False
        )
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not is_unicode(stream) and stream.errors in _FAILING:
            stream.reconfigure(errors="replace")


def show_warnings(warnings: Sequence[str]) -> None:
    """Print the warnings of a run on stderr."""
    for each in warnings:
        click.echo(f"{click.style('warning', fg='yellow')}: {each}", err=True)


def bold_text(text: str) -> str:
    """Return text in bold; click removes the codes if the output is not a terminal or NO_COLOR is set."""
    return click.style(text, bold=True)


def use_color() -> bool | None:
    """Return False if NO_COLOR is set (https://no-color.org) or the terminal is dumb; None lets click decide."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


_LINES: set[ProgressLine] = set()
# Interval of progress lines if stderr is not a terminal.
_LINE_EVERY_S = 30.0


def end_lines() -> None:
    """Clear the progress lines of a command that ends with an error."""
    for line in tuple(_LINES):
        line.clear()


class ProgressLine:
    """A progress line on stderr that is overwritten in place; elsewhere than on a terminal, a line every 30 s.

    It starts with the time since the command began, which a thread updates every second.
    """

    def __init__(self, *, quiet: bool) -> None:
        self.is_shown = not quiet
        self._is_terminal = sys.stderr.isatty()
        self._began = time.monotonic()
        self._text, self._width = "", 0
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._clock: threading.Thread | None = None

    def show(self, text: str) -> None:
        """Replace the line."""
        if not self.is_shown:
            return
        with self._lock:
            self._text = text
            if self._is_terminal:
                self._draw()
        if self._clock is None:
            _LINES.add(self)
            self._ended.clear()
            self._clock = threading.Thread(target=self._tick, daemon=True)
            self._clock.start()

    def on_progress(self, progress: Progress) -> None:
        """Show the stage, the incumbent, the bound and the gap of a solve."""
        if not math.isfinite(progress.bound) and not math.isfinite(progress.incumbent):
            self.show(progress.stage)
            return
        best = f"{progress.incumbent:,.0f}" if math.isfinite(progress.incumbent) else "none yet"
        bound = f"{progress.bound:,.0f}" if math.isfinite(progress.bound) else "none yet"
        gap = f"{progress.gap_share:.2%}" if math.isfinite(progress.gap_share) else "open"
        self.show(f"{progress.stage}: best {best}, bound {bound}, gap {gap}")

    def clear(self) -> None:
        """Clear the line."""
        self._ended.set()
        if self._clock is not None:
            self._clock.join()
            self._clock = None
            _LINES.discard(self)
        if self._is_terminal and self._width:
            click.echo("\r" + " " * self._width + "\r", err=True, nl=False)
            self._width = 0

    def _tick(self) -> None:
        while not self._ended.wait(1.0 if self._is_terminal else _LINE_EVERY_S):
            with self._lock:
                self._draw()

    def _draw(self) -> None:
        line = f"{time.monotonic() - self._began:5.0f} s  {self._text}"
        if not self._is_terminal:
            click.echo(line, err=True)
            return
        # A line that is wider than the terminal could not be overwritten.
        line = truncate(line, columns() - 1)
        click.echo("\r" + line.ljust(self._width), err=True, nl=False)
        self._width = len(line)
