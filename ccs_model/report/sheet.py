"""`Sheet`: a page that is written from top to bottom; `finish` gives it the widths that fit what was written."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from ccs_model.errors import CcsModelError
from ccs_model.plan.plan import Plan
from ccs_model.report.cells import (
    checked_number,
    checked_text,
    is_missing,
    number_format,
    quoted,
    shown,
    text_width,
)
from ccs_model.report.chart import CHART_ROWS, Block, Chart, draw
from ccs_model.report.layout import Layout
from ccs_model.report.style import ASSUMED, OBSERVED, Styles
from ccs_model.report.table import Cell, Column
from ccs_model.units import unit_text

Row = Mapping[str, object]

_A4 = 9
_FILTER_BUTTON = 3
_COLUMNS_A_PAGE = 15
_UNIT_SIZE = 0.9


@dataclass(frozen=True)
class Page:
    """A sheet to be: its name, what it holds in a line, and who writes it."""

    name: str
    holds: str
    write: Callable[[Sheet, Plan], None]


class Sheet:
    """One worksheet, a cursor on it, and what is needed to name money: currency and price year."""

    def __init__(self, book: Any, name: str, styles: Styles, plan: Plan, contents: Sequence[Page]) -> None:
        self.contents = contents
        self._book, self._name, self._styles = book, name, styles
        self._sheet = worksheet = book.add_worksheet(name)
        self._currency, self._price_year = plan.problem.currency, plan.problem.price_year
        self._row = self._left = 0
        self._printed_columns: int | None = None
        self._layout = Layout()
        self._below_section = False
        worksheet.set_landscape()
        worksheet.set_paper(_A4)
        worksheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
        worksheet.fit_to_pages(1, 0)
        worksheet.set_footer("&L&8&A&R&8Page &P of &N")

    def unit(self, name: str) -> str:
        """The unit of a quantity; money carries its base year."""
        return unit_text(name, self._currency, self._price_year)

    def title(self, text: str) -> None:
        """The first line, with a way back to the cover under it."""
        self._sheet.set_row(self._row, 24)
        self._text(self._row, 0, text, "title")
        self._row += 1
        if self._name != self.contents[0].name:
            self._link(self._row, 0, self.contents[0].name, f"back to {self.contents[0].name}")
            self._row += 1

    def hide_gridlines(self) -> None:
        """For sheets that are read, not worked on."""
        self._sheet.hide_gridlines(2)

    def one_page(self) -> None:
        """Print on a single page."""
        self._sheet.fit_to_pages(1, 1)
        self._sheet.center_horizontally()

    def section(self, text: str) -> None:
        """A heading within the sheet, with room above it."""
        self._row += 1
        self._sheet.set_row(self._row, 19)
        self._text(self._row, 0, text, "section")
        self._row += 1
        self._below_section = True

    def paragraph(self, text: str, style: str = "text") -> None:
        """Running text across the sheet."""
        self._layout.wide(self._row, 0, checked_text(text, self._name), style)
        self._row += 1
        self._below_section = False

    def verdict(self, holds: bool, text: str) -> None:
        """A line in green or red that says in words what the colour says."""
        self.paragraph(text, "holds" if holds else "broken")

    def table(
        self,
        columns: Sequence[Column],
        rows: Iterable[Row],
        *,
        main: bool = False,
        plain: bool = False,
        frozen: int = 1,
        head_on_each_page: bool = False,
        totals: Row | None = None,
        empty: str = "None.",
    ) -> None:
        """Letters of the classes, headings, units, rows, totals; a `plain` table of words has only headings and rows.

        The `main` table of a sheet is filtered, frozen together with its first columns, and its head printed on each
        page. Where other things stand above it `frozen` is 0: it is only filtered, and its head or that of a table
        above it may stand `head_on_each_page`.
        """
        rows = list(rows)
        self._row += 0 if self._below_section else 1
        self._below_section = False
        head = self._row
        numeric = {column.name for column in columns if any(_is_number(row.get(column.name)) for row in rows)}
        if plain:
            self._labels(columns, numeric, filtered=False)
        else:
            self._letters(columns)
            self._labels(columns, numeric, filtered=main and bool(rows))
            self._units(columns, numeric)
        first = self._row
        for record in rows:
            for at, column in enumerate(columns):
                self._cell(at, column, record)
            self._row += 1
        if not rows:
            self.paragraph(empty, "note")
        if head_on_each_page or (main and frozen):
            self._sheet.repeat_rows(head, first - 1)
        if main:
            if frozen:
                self._sheet.freeze_panes(first, frozen)
            pages = math.ceil(len(columns) / _COLUMNS_A_PAGE)
            if pages > 1:
                # On one page the print would be too small to read; the frozen columns come again on each.
                self._sheet.fit_to_pages(pages, 0)
                self._sheet.repeat_columns(0, max(frozen - 1, 0))
            if rows:
                self._sheet.autofilter(first - 1, 0, self._row - 1, len(columns) - 1)
        if totals is not None and rows:
            for at, column in enumerate(columns):
                self._cell(at, column, totals, style="total")
            self._row += 1

    def chart(self, chart: Chart, columns: Sequence[Column], rows: Sequence[Row], *, left: int) -> None:
        """A chart across the sheet; the table it draws stands beside it from column `left` on, and is not printed."""
        self._row += 1
        top, self._left, self._printed_columns = self._row, left, left - 1
        self._letters(columns)
        self._labels(columns, {column.name for column in columns}, filtered=False)
        self._units(columns, {column.name for column in columns})
        first = self._row
        for record in rows:
            for at, column in enumerate(columns, left):
                self._cell(at, column, record)
            self._row += 1
        names = {column.name: at for at, column in enumerate(columns, left)}
        draw(self._book, self._sheet, top, chart, Block(self._name, names, first - 2, first, self._row - 1))
        self._row, self._left, self._below_section = top + CHART_ROWS, 0, False

    def finish(self) -> None:
        """Widths, heights, and the text that goes by them."""
        if self._printed_columns is not None:
            self._sheet.print_area(0, 0, self._row - 1, self._printed_columns - 1)
        self._layout.apply(self._sheet, self._styles)

    def _letters(self, columns: Sequence[Column]) -> None:
        for at, column in enumerate(columns, self._left):
            kind = column.cell_class or OBSERVED
            letter = kind.letter if column.cell_class else f"{OBSERVED.letter}/{ASSUMED.letter}"
            self._heading_cell(at, column, letter, "letter", bg_color=kind.fill, font_color=kind.ink)
        self._row += 1

    def _labels(self, columns: Sequence[Column], numeric: Collection[str], *, filtered: bool) -> None:
        for at, column in enumerate(columns, self._left):
            self._heading_cell(at, column, column.heading, "label", **_alignment(at, column.name in numeric))
            if not column.wide:
                # A heading may take three lines; a unit stands in smaller print, and wraps between its words.
                unit = self._unit_of(column)
                longest = max(map(text_width, [*column.heading.split(), *unit.split()]), default=0) + 1
                needed = max(longest, math.ceil(text_width(column.heading) / 3) + 1, math.ceil(text_width(unit) / 2))
                self._layout.widen(at, needed + (_FILTER_BUTTON if filtered else 0))
                self._layout.heading(self._row, at, column.heading)
        self._row += 1

    def _units(self, columns: Sequence[Column], numeric: Collection[str]) -> None:
        lines = 1
        for at, column in enumerate(columns, self._left):
            unit = self._unit_of(column)
            self._heading_cell(at, column, unit, "unit", **_alignment(at, column.name in numeric))
            lines = max(lines, math.ceil(_UNIT_SIZE * text_width(unit) / self._layout.width(at)))
        self._sheet.set_row(self._row, 11 * lines + 3)
        self._row += 1

    def _heading_cell(self, at: int, column: Column, text: str, style: str, **changes: object) -> None:
        if column.wide:
            self._layout.wide(self._row, at, text, style, changes, sets_height=False)
        else:
            self._text(self._row, at, text, style, **changes)

    def _unit_of(self, column: Column) -> str:
        return column.unit if column.unit is not None else self.unit(column.name)

    def _cell(self, at: int, column: Column, record: Row, style: str = "cell") -> None:
        value, name, kind = record.get(column.name), column.name, column.cell_class
        sheet = ""
        if isinstance(value, Cell):
            name, kind, sheet = value.name or name, value.cell_class or kind, value.sheet
            style = value.style if value.style != "cell" else style
            value = value.value
        kind = kind or (ASSUMED if record.get("quality") == "assumed" else OBSERVED)
        where = f"sheet {self._name}, row {self._row + 1}, {column.name}"
        ink: dict[str, object] = {"font_color": kind.ink} if style == "cell" else {}
        if is_missing(value):
            if not column.optional and style != "total":
                raise CcsModelError(f"{where}: there is no value")
            self._sheet.write_blank(self._row, at, None, self._styles.get(style, **ink))
        elif isinstance(value, Real) and _is_number(value):
            number = checked_number(value, where)
            self._number(at, number, column.form or number_format(name, number), style, ink)
        elif sheet:
            self._link(self._row, at, sheet, str(value), "cell link")
            self._layout.widen(at, text_width(str(value)) + 1)
        else:
            self._words(at, column, value, where, style, ink)

    def _number(self, at: int, value: float, form: str, style: str, ink: Mapping[str, object]) -> None:
        self._sheet.write_number(self._row, at, value, self._styles.get(style, num_format=form, **ink))
        self._layout.widen(at, text_width(shown(value, form)) + 1)

    def _words(self, at: int, column: Column, value: object, where: str, style: str, ink: Mapping[str, object]) -> None:
        text = ("yes" if value else "no") if isinstance(value, bool | np.bool_) else str(value)
        text = checked_text(text, where)
        if column.wide:
            self._layout.wide(self._row, at, text, style, {**ink, **_alignment(at, False)})
            return
        self._text(self._row, at, text, style, text_wrap=True, **ink, **_alignment(at, False))
        self._layout.widen(at, min(text_width(text) + 2, column.widest))
        self._layout.wrapped(self._row, at, text)

    def _text(self, row: int, at: int, text: str, style: str, **changes: object) -> None:
        form = self._styles.get(style, **changes, **quoted(text))
        self._sheet.write_string(row, at, text, form)

    def _link(self, row: int, at: int, sheet: str, text: str, style: str = "link") -> None:
        self._sheet.write_url(row, at, f"internal:'{sheet}'!A1", self._styles.get(style), string=text)


def _is_number(value: object) -> bool:
    value = value.value if isinstance(value, Cell) else value
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_) and not is_missing(value)


def _alignment(at: int, is_number: bool) -> dict[str, object]:
    """Numbers stand right, under headings that do; words keep off the number before them."""
    if is_number:
        return {"align": "right"}
    return {"align": "left", "indent": 1} if at else {}
