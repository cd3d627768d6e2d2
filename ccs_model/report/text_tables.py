"""Text in columns for a terminal; a Chinese character takes two columns."""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections.abc import Collection, Sequence
from typing import Any

# Text in a column is not shortened below this width.
_LEAST_WIDTH = 8


def width_of(text: str) -> int:
    """Return the columns that `text` takes on a terminal; a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def amount_text(value: Any, form: str) -> str:
    """Return a number in a format; a dash for none."""
    number = math.nan if value in ("", None) else float(value)
    return format(number, form) if math.isfinite(number) else "–"


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


def align_columns(rows: Sequence[Sequence[str]], left: int | Collection[int], max_width: int | None = None) -> str:
    """Return `rows` as columns of equal width.

    Parameters
    ----------
    rows
        Cells, the same number in each row.
    left
        Columns aligned to the left: their positions, or how many from the first.
    max_width
        Columns aligned to the left are shortened so that lines have this width; figures on the right are never cut.
    """
    at_left = list(range(left)) if isinstance(left, int) else sorted(left)
    widths = [max(width_of(row[k]) for row in rows) for k in range(len(rows[0]))]
    if max_width is not None:
        _shorten(widths, at_left, max_width)
    lines = []
    for row in rows:
        cells = []
        for k, (cell, width) in enumerate(zip(row, widths, strict=True)):
            shown = truncate(cell, width)
            space = " " * (width - width_of(shown))
            cells.append(shown + space if k in at_left else space + shown)
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _shorten(widths: list[int], columns: Sequence[int], max_width: int) -> None:
    """Shorten the widest of some columns, one character at a time, until lines fit or all are short."""
    while sum(widths) + 2 * (len(widths) - 1) > max_width:
        widest = max(columns, key=lambda k: widths[k], default=None)
        if widest is None or widths[widest] <= _LEAST_WIDTH:
            return
        widths[widest] -= 1


def fit_columns(
    rows: Sequence[Sequence[str]], left: Collection[int], max_width: int, less: Sequence[int] = ()
) -> tuple[str, int]:
    """Return `rows` in columns within `max_width`, and how many columns are left out for that.

    The columns of `less` are left out in their order as far as needed. Then text is shortened; figures are never cut.
    """
    kept = list(range(len(rows[0])))
    for column in (*less, None):
        at_left = {place for place, k in enumerate(kept) if k in left}
        cells = [[row[k] for k in kept] for row in rows]
        text = align_columns(cells, at_left)
        if column is None or max(map(width_of, text.splitlines())) <= max_width:
            break
        kept.remove(column)
    return align_columns(cells, at_left, max_width), len(rows[0]) - len(kept)


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
