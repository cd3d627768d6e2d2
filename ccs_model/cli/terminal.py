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
import textwrap
import threading
import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import click

from ccs_model.report.text_tables import align_columns, truncate, width_of, wrap

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


def wrap_rows(rows: Sequence[Sequence[str]], left: Collection[int], width: int) -> list[str]:
    """Return each row of a table as text of at most `width` columns, without shortening.

    Parameters
    ----------
    rows
        Cells, the same number in each row; the first row is the heading.
    left
        Positions of the columns aligned to the left.
    width
        Columns of the terminal. If needed, headings and text on the left take several lines. If that is not enough,
        the first cell of a row takes a line of its own, unless it is that of the row above.
    """
    aligned = align_columns(rows, left).splitlines()
    if max(map(width_of, aligned)) <= width:
        return aligned
    columns_of = list(zip(*rows, strict=True))
    words = [[width_of(word) for cell in column for word in cell.split() or [""]] for column in columns_of]
    least = [
        max(words[k]) if k in left else max(*map(width_of, column[1:]), *map(width_of, column[0].split() or [""]), 0)
        for k, column in enumerate(columns_of)
    ]
    most = [max(map(width_of, column)) if k in left else least[k] for k, column in enumerate(columns_of)]
    room = width - 2 * (len(most) - 1)
    while sum(most) > room and any(m > n for m, n in zip(most, least, strict=True)):
        widest = max((k for k in range(len(most)) if most[k] > least[k]), key=lambda k: most[k])
        most[widest] -= 1
    if sum(most) > room and len(most) > 2:
        rest = wrap_rows([row[1:] for row in rows], {k - 1 for k in left if k}, width - 2)
        texts, above = [], ""
        for row, text in zip(rows, rest, strict=True):
            name = wrap(row[0], width) if row[0] != above else ""
            texts.append("\n".join(filter(None, (name, textwrap.indent(text, "  ")))))
            above = row[0]
        return texts
    return ["\n".join(_lines_of(row, most, left)) for row in rows]


def _lines_of(row: Sequence[str], widths: Sequence[int], left: Collection[int]) -> list[str]:
    """The lines of a row whose cells are wrapped to columns of some widths."""
    cells = [wrap(cell, width).split("\n") for cell, width in zip(row, widths, strict=True)]
    lines = []
    for at in range(max(map(len, cells))):
        shown = [cell[at] if at < len(cell) else "" for cell in cells]
        spaces = [" " * (width - width_of(text)) for text, width in zip(shown, widths, strict=True)]
        texts = (
            text + space if k in left else space + text
            for k, (text, space) in enumerate(zip(shown, spaces, strict=True))
        )
        lines.append("  ".join(texts).rstrip())
    return lines


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
