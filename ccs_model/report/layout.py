"""Widths and heights of a sheet: gathered while it is written, set when all of it is known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ccs_model.report.cells import quoted, text_width
from ccs_model.report.printing import parts
from ccs_model.report.style import Styles

NO_CHANGES: Mapping[str, object] = MappingProxyType({})
_NARROWEST, _SPARE = 7, 11
# Running text is set about as wide as an A4 page lying down; longer lines are hard to read.
_PAGE_WIDTH = 120
_LEAST_ROOM = 40
_LINE_POINTS, _TALLEST_POINTS = 13.0, 400.0
_PLAIN_POINTS, _POINTS_A_PIXEL = 14.0, 0.75
# Widths count digits; running text is narrower, a wide character nearly as wide as two, larger print wider.
_TEXT_SIZE = {"lead": 1.15}
_TEXT_WIDTH, _WIDE_WIDTH = 0.76, 1.92


@dataclass(frozen=True)
class _Wide:
    """Text that reaches over several columns; `sets_height` where its row has no height of its own."""

    row: int
    column: int
    text: str
    style: str
    changes: Mapping[str, object]
    sets_height: bool


class Layout:
    """What each column needs, and the texts that go by the widths."""

    def __init__(self) -> None:
        self._widths: dict[int, int] = {}
        self._headings: dict[int, list[tuple[int, str]]] = {}
        self._wides: list[_Wide] = []
        self._wrapped: dict[int, list[tuple[int, str]]] = {}
        self._reach = _PAGE_WIDTH
        self.widths: list[int] = []
        self.parts: list[tuple[int, int]] = []

    def widen(self, column: int, width: int) -> None:
        """A column must be at least this wide."""
        self._widths[column] = max(self._widths.get(column, 0), width)

    def reach(self, width: int) -> None:
        """The columns together are at least this wide."""
        self._reach = max(self._reach, width)

    def width(self, column: int) -> int:
        """What a column needs so far."""
        return max(self._widths.get(column, 0), _NARROWEST)

    def heading(self, row: int, column: int, text: str) -> None:
        """A heading that may wrap: its row becomes as tall as its lines."""
        self._headings.setdefault(row, []).append((column, text))

    def wrapped(self, row: int, column: int, text: str) -> None:
        """Text that may wrap in its cell: spreadsheets make its row tall enough, unless a wide text sets its height."""
        self._wrapped.setdefault(row, []).append((column, text))

    def wide(
        self,
        row: int,
        column: int,
        text: str,
        style: str,
        changes: Mapping[str, object] = NO_CHANGES,
        *,
        sets_height: bool = True,
    ) -> None:
        """Text that reaches to the right edge."""
        self._wides.append(_Wide(row, column, text, style, changes, sets_height))

    def apply(self, worksheet: Any, styles: Styles, n_repeated: int = 0) -> None:
        """Set widths, then heights, then the wide texts; afterwards `widths` and `parts` are those of the sheet.

        Where the first `n_repeated` columns are printed again beside later ones, no wide text runs on past a page.
        """
        self.widths = widths = self._all_widths()
        self.parts = parts(widths, n_repeated)
        for column, width in enumerate(widths):
            worksheet.set_column(column, column, width)
        for row, headings in self._headings.items():
            lines = max(math.ceil((text_width(text) + 1) / _room(text, widths[column])) for column, text in headings)
            worksheet.set_row(row, _LINE_POINTS * lines + 3)
        heights: dict[int, float] = {}
        for wide in self._wides:
            edge = next(last for first, last in self.parts if wide.column <= last)
            room = _place(worksheet, styles, wide, widths[: edge + 1])
            if wide.sets_height:
                others = [_height(text, widths[column]) for column, text in self._wrapped.get(wide.row, [])]
                heights[wide.row] = max(heights.get(wide.row, 0.0), _height(wide.text, room, wide.style), *others)
        for row, height in heights.items():
            worksheet.set_row(row, min(height, _TALLEST_POINTS))

    def row_points(self, row: int, worksheet: Any) -> float:
        """How tall a row is, as far as its texts tell: spreadsheets differ a little in those that set their own."""
        if row in worksheet.row_sizes:
            return float(worksheet.row_sizes[row][0]) * _POINTS_A_PIXEL
        texts = self._wrapped.get(row, ())
        return max([_PLAIN_POINTS, *(_height(text, self.widths[column]) for column, text in texts)])

    def _all_widths(self) -> list[int]:
        """Widths of all columns that are used, and of as many more as a page has room for."""
        widths = [max(self._widths.get(at, _SPARE), _NARROWEST) for at in range(max(self._widths, default=0) + 1)]
        while sum(widths) < self._reach or any(sum(widths[wide.column :]) < _LEAST_ROOM for wide in self._wides):
            widths.append(_SPARE)
        return widths


def _place(worksheet: Any, styles: Styles, wide: _Wide, widths: list[int]) -> int:
    """Write a wide text over the columns it reaches; gives their width. Running text stops at the page's width."""
    end = wide.column
    while end + 1 < len(widths) and (wide.column > 0 or sum(widths[: end + 1]) < _PAGE_WIDTH):
        end += 1
    room = sum(widths[wide.column : end + 1])
    form = styles.get(wide.style, **{"text_wrap": True, **wide.changes, **quoted(wide.text)})
    if end > wide.column:
        worksheet.merge_range(wide.row, wide.column, wide.row, end, "", form)
    worksheet.write_string(wide.row, wide.column, wide.text, form)
    return room


def _room(text: str, width: int) -> int:
    """Columns of a line that can be used: where wide characters stand, the last one may be left over."""
    return width if text_width(text) == len(text) else max(width - 2, 2)


def _height(text: str, room: int, style: str = "") -> float:
    size = _TEXT_SIZE.get(style, 1.0)
    lines = sum(max(math.ceil(size * _printed_width(line) / room), 1) for line in text.split("\n"))
    return _LINE_POINTS * size * lines + 3


def _printed_width(line: str) -> float:
    n_wide = text_width(line) - len(line)
    return _TEXT_WIDTH * (len(line) - n_wide) + _WIDE_WIDTH * n_wide
