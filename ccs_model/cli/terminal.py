"""Text for a terminal: width, aligned tables, JSON and the progress line."""

from __future__ import annotations

import json
import math
import shutil
import sys
import unicodedata
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ccs_model.mip import Progress

# Width where the terminal's is unknown, as in a file.
DEFAULT_WIDTH = 120
MAX_TEXT_WIDTH = 140


def columns() -> int:
    """Return the width of the terminal, at most MAX_TEXT_WIDTH."""
    return min(shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns, MAX_TEXT_WIDTH)


def width_of(text: str) -> int:
    """Return the columns that `text` takes on a terminal; a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def truncate(text: str, width: int) -> str:
    """Return `text`, shortened with an ellipsis if it is wider than `width`."""
    if width_of(text) <= width:
        return text
    kept = text
    while width_of(kept) > width - 1:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def wrap(text: str, width: int, indent: str = "") -> str:
    """Return `text` in lines of at most `width` columns; every line but the first starts with `indent`."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines[-1].strip() else lines[-1] + word
        if width_of(longer) <= width or not lines[-1].strip():
            lines[-1] = longer
        else:
            lines.append(indent + word)
    return "\n".join(lines)


def shortened(lines: Sequence[str], n: int, indent: str = "  ") -> list[str]:
    """Return the first `n` lines, and a line with the number of the others."""
    more = len(lines) - n
    return [*lines[:n], *([f"{indent}… and {more} more"] if more > 0 else [])]


def aligned(rows: Sequence[Sequence[str]], left: int | Collection[int], max_width: int | None = None) -> str:
    """Return `rows` as columns of equal width.

    Parameters
    ----------
    rows
        Cells, the same number in each row.
    left
        Columns aligned to the left: their positions, or how many from the first.
    max_width
        Lines are shortened to this width.
    """
    at_left = range(left) if isinstance(left, int) else left
    widths = [max(width_of(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = []
        for k, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - width_of(cell))
            cells.append(cell + space if k in at_left else space + cell)
        line = "  ".join(cells).rstrip()
        lines.append(line if max_width is None else truncate(line, max_width))
    return "\n".join(lines)


def print_json(document: Any) -> None:
    """Print `document` as one JSON object."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False))


class ProgressLine:
    """A progress line on stderr that is overwritten in place; silent if stderr is not a terminal."""

    def __init__(self, *, quiet: bool) -> None:
        self.is_shown = not quiet and sys.stderr.isatty()
        self._width = 0

    def show(self, text: str) -> None:
        """Replace the line."""
        if self.is_shown:
            click.echo("\r" + f"  {text}".ljust(self._width), err=True, nl=False)
            self._width = len(text) + 2

    def on_progress(self, progress: Progress) -> None:
        """Show the incumbent, the bound and the gap of a solve."""
        best = f"{progress.incumbent:,.0f}" if math.isfinite(progress.incumbent) else "none yet"
        bound = f"{progress.bound:,.0f}" if math.isfinite(progress.bound) else "none yet"
        gap = f"{progress.gap_share:.2%}" if math.isfinite(progress.gap_share) else "open"
        self.show(f"{progress.stage}: {progress.seconds:4.1f} s  best {best}  bound {bound}  gap {gap}")

    def done(self) -> None:
        """Clear the line."""
        if self.is_shown and self._width:
            click.echo("\r" + " " * self._width + "\r", err=True, nl=False)
            self._width = 0
