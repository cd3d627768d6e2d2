"""`Sheet`: a page that is written from top to bottom; `finish` gives it the widths that fit what was written."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from ccs_model.errors import CcsModelError
from ccs_model.report.canvas import Canvas, Page, Row
from ccs_model.report.cells import (
    checked_number,
    checked_text,
    is_missing,
    number_format,
    quoted,
    shown,
    text_width,
    widest_word,
)
from ccs_model.report.chart import CHART_ROWS, PICTURE_ROWS, Chart, Picture, draw, draw_picture
from ccs_model.report.formulas import TOTAL, Block, Formula, resolved
from ccs_model.report.language import LABEL_COLUMNS
from ccs_model.report.style import ASSUMED, INPUT, OBSERVED
from ccs_model.report.table import Cell, Column
from ccs_model.units import unit_of

_FILTER_BUTTON = 3
_COLUMNS_A_PAGE = 15
_UNIT_SIZE = 0.9

__all__ = ["Page", "Row", "Sheet"]


class Sheet(Canvas):
    """A canvas with tables and charts."""

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
        key: str = "",
        named: str = "",
        years: tuple[str, str] | None = None,
    ) -> Block:
        """Letters of the classes, units, headings, rows, totals; a `plain` table of words has only headings and rows.

        Headings stand right above the rows, so that a spreadsheet knows both as one of its own tables: the main one
        by the name of the sheet (`Plants_table`), another by what it is `named` besides (`Transport_shared_table`).

        The `main` table of a sheet is filtered, frozen together with its first columns, and its head printed on each
        page. Where other things stand above it `frozen` is 0: it is only filtered, and its head or that of a table
        above it may stand `head_on_each_page`. Formulas of other tables find it by its `key`, and its rows by what
        stands in them as `id`; `years` are the first and last column where time runs across.
        """
        rows = list(rows)
        self._row += 0 if self._below_section else 1
        self._below_section = False
        head = self._row
        numeric = {column.name for column in columns if any(_is_number(row.get(column.name)) for row in rows)}
        own = (main or bool(named)) and bool(rows)
        headings = self._headings(columns, unique=own)
        if plain:
            self._labels(columns, headings, numeric, self._row, filtered=False)
            self._row += 1
        else:
            self._head(columns, headings, numeric, filtered=main and bool(rows))
        first = self._row
        self._own = block = self._block(columns, rows, first, years, has_total=totals is not None)
        if key:
            self.book.blocks[key] = block
        self._body(columns, rows)
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
        if own:
            self._own_table(columns, headings, numeric, first, f"_{named}" if named else "", filtered=main)
        if totals is not None and rows:
            for at, column in enumerate(columns):
                self._cell(at, column, totals, style="total")
            self._row += 1
        return block

    def chart(self, chart: Chart, columns: Sequence[Column], rows: Sequence[Row], *, left: int, key: str) -> Block:
        """A chart across the sheet; the table it draws stands beside it from column `left` on, and is not printed."""
        self._row += 1
        top, self._left, self._printed_columns = self._row, left, left - 1
        self._head(columns, self._headings(columns), {column.name for column in columns}, filtered=False)
        self._own = block = self._block(columns, rows, self._row, None, has_total=False)
        self.book.blocks[key] = block
        self._body(columns, rows)
        draw(self.book.workbook, self._sheet, top, chart, block, self._language)
        self._row, self._left, self._below_section = top + CHART_ROWS, 0, False
        return block

    def pictures(self, *pictures: Picture) -> None:
        """Charts side by side, of tables that stand elsewhere."""
        self._row += 1
        for at, picture in enumerate(pictures):
            draw_picture(self.book.workbook, self._sheet, self._row, at, picture, self._language)
        self._row, self._below_section = self._row + PICTURE_ROWS, False

    def formula(self, row: int, column: int, formula: Formula, form: Any, where: str) -> None:
        """Write a formula together with its value. The only way a formula of a table gets into the workbook."""
        assert self._own is not None
        value = formula.value
        if is_missing(value):
            raise CcsModelError(f"{where}: the formula has no value")
        # Most values are floats, and known for that at once; what else is a number takes five times as long to ask.
        shown_value = (
            checked_number(value, where) if isinstance(value, float | Real) else checked_text(str(value), where)
        )
        text = resolved(formula.template, self._own, row, column, self.book.blocks)
        self._sheet.write_formula(row, column, text, form, shown_value)

    def _block(
        self,
        columns: Sequence[Column],
        rows: Sequence[Row],
        first: int,
        years: tuple[str, str] | None,
        *,
        has_total: bool,
    ) -> Block:
        names = {column.name: at for at, column in enumerate(columns, self._left)}
        ids = {str(row["id"]): first + at for at, row in enumerate(rows) if "id" in row}
        last = first + max(len(rows), 1) - 1
        if has_total:
            ids[TOTAL] = last + 1
        across = (names[years[0]], names[years[1]]) if years else None
        return Block(self._name, names, first - 1, first, last, ids, across)

    def _body(self, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        placed = list(enumerate(columns, self._left))
        for record in rows:
            for at, column in placed:
                self._cell(at, column, record)
            self._row += 1

    def finish(self) -> None:
        """Widths, heights, and the text that goes by them."""
        if self._printed_columns is not None:
            self._sheet.print_area(0, 0, self._row - 1, self._printed_columns - 1)
        self._layout.apply(self._sheet, self._styles)

    def _head(
        self, columns: Sequence[Column], headings: Sequence[str], numeric: Collection[str], *, filtered: bool
    ) -> None:
        """Letters, units, headings; a unit wraps in the width that its heading asks for."""
        self._letters(columns)
        self._labels(columns, headings, numeric, self._row + 1, filtered=filtered)
        self._units(columns, numeric)
        self._row += 1

    def _headings(self, columns: Sequence[Column], *, unique: bool = False) -> list[str]:
        """Words above the columns; `unique` tells those that are alike by their unit, else by their number."""
        headings = [self._language.label(column.heading) for column in columns]
        if not unique:
            return headings
        units, numbers = [self._unit_of(column) for column in columns], [str(at) for at in range(1, len(columns) + 1)]
        for telling in (units, numbers):
            counted = Counter(heading.casefold() for heading in headings)
            headings = [
                f"{heading} ({told})" if counted[heading.casefold()] > 1 and told else heading
                for heading, told in zip(headings, telling, strict=True)
            ]
        return headings

    def _own_table(
        self,
        columns: Sequence[Column],
        headings: Sequence[str],
        numeric: Collection[str],
        first: int,
        name: str,
        *,
        filtered: bool,
    ) -> None:
        """Headings and rows, without totals, as a table of the spreadsheet's own; it looks as it did."""
        heads = [
            {"header": heading, "header_format": self._label_format(at, column, heading, numeric)}
            for at, (column, heading) in enumerate(zip(columns, headings, strict=True))
        ]
        options = {"name": f"{self._name}{name}_table", "columns": heads, "autofilter": filtered, "style": None}
        if self._sheet.add_table(first - 1, 0, self._row - 1, len(columns) - 1, {**options, "banded_rows": False}):
            raise CcsModelError(f"sheet {self._name}: {options['name']} cannot be a table")

    def _letters(self, columns: Sequence[Column]) -> None:
        for at, column in enumerate(columns, self._left):
            kind = column.cell_class or OBSERVED
            letter = kind.letter if column.cell_class else f"{OBSERVED.letter}/{ASSUMED.letter}"
            self._heading_cell(self._row, at, column, letter, "letter", bg_color=kind.fill, font_color=kind.ink)
        self._row += 1

    def _labels(
        self, columns: Sequence[Column], headings: Sequence[str], numeric: Collection[str], row: int, *, filtered: bool
    ) -> None:
        for at, (column, heading) in enumerate(zip(columns, headings, strict=True), self._left):
            self._heading_cell(row, at, column, heading, "label", **_alignment(at, column.name in numeric))
            if not column.wide:
                # A heading may take three lines; a unit stands in smaller print, and wraps between its words.
                unit = self._unit_of(column)
                longest = max(widest_word(heading), widest_word(unit)) + 1
                needed = max(longest, math.ceil(text_width(heading) / 3) + 1, math.ceil(text_width(unit) / 2))
                self._layout.widen(at, needed + (_FILTER_BUTTON if filtered else 0))
                self._layout.heading(row, at, heading)

    def _label_format(self, at: int, column: Column, heading: str, numeric: Collection[str]) -> Any:
        return self._styles.get("label", **_alignment(at, column.name in numeric), **quoted(heading))

    def _units(self, columns: Sequence[Column], numeric: Collection[str]) -> None:
        lines = 1
        for at, column in enumerate(columns, self._left):
            unit = self._unit_of(column)
            self._heading_cell(self._row, at, column, unit, "unit", **_alignment(at, column.name in numeric))
            lines = max(lines, math.ceil(_UNIT_SIZE * text_width(unit) / self._layout.width(at)))
        self._sheet.set_row(self._row, 11 * lines + 3)
        self._row += 1

    def _heading_cell(self, row: int, at: int, column: Column, text: str, style: str, **changes: object) -> None:
        if column.wide:
            self._layout.wide(row, at, text, style, changes, sets_height=False)
        else:
            self._text(row, at, text, style, **changes)

    def _unit_of(self, column: Column) -> str:
        return self._language.unit(column.unit if column.unit is not None else self.unit(column.name))

    def _cell(self, at: int, column: Column, record: Row, style: str = "cell") -> None:
        value, name, kind = record.get(column.name), column.name, column.cell_class
        sheet = ""
        unlocked = False
        if isinstance(value, Cell):
            name, kind, sheet = value.name or name, value.cell_class or kind, value.sheet
            style, unlocked = value.style if value.style != "cell" else style, value.unlocked
            value = value.value
        kind = kind or (ASSUMED if record.get("quality") == "assumed" else OBSERVED)
        where = f"sheet {self._name}, row {self._row + 1}, {column.name}"
        ink: dict[str, object] = {"font_color": kind.ink} if style == "cell" else {}
        if unlocked:
            ink |= {"locked": False, "bg_color": INPUT.fill}
        if isinstance(value, Formula):
            self._live(at, column, name, value, style, ink, where)
        elif is_missing(value):
            if not column.optional and style != "total":
                raise CcsModelError(f"{where}: there is no value")
            self._sheet.write_blank(self._row, at, None, self._styles.get(style, **ink))
        elif isinstance(value, float | Real) and _is_number(value):
            number = checked_number(value, where)
            self._number(at, number, column.form or number_format(name, number), style, ink)
        elif sheet:
            self._link(self._row, at, sheet, str(value), "cell link")
            self._layout.widen(at, text_width(str(value)) + 1)
        else:
            self._words(at, column, value, where, style, ink)

    def _live(
        self, at: int, column: Column, name: str, value: Formula, style: str, ink: Mapping[str, object], where: str
    ) -> None:
        """A formula in the format of its value, and room for it."""
        if isinstance(value.value, float | Real):
            form = column.form or number_format(name, float(value.value))
            self._layout.widen(at, text_width(shown(float(value.value), form)) + 1)
            self.formula(self._row, at, value, self._styles.get(style, num_format=form, **ink), where)
            return
        form = column.form or (unit.number_format if (unit := unit_of(name)) else "General")
        self._layout.widen(at, min(text_width(str(value.value)) + 2, column.widest))
        # Another plant of a list may have a longer name than the one that is shown.
        align = {**_alignment(at, False), "text_wrap": True}
        self.formula(self._row, at, value, self._styles.get(style, num_format=form, **ink, **align), where)

    def _number(self, at: int, value: float, form: str, style: str, ink: Mapping[str, object]) -> None:
        self._sheet.write_number(self._row, at, value, self._styles.get(style, num_format=form, **ink))
        self._layout.widen(at, text_width(shown(value, form)) + 1)

    def _label(self, text: str, column: Column, style: str) -> str:
        """Labels in the workbook's language; names, data and what formulas compare stay as they are."""
        if (self._name, column.name) in LABEL_COLUMNS:
            return self._language.unit(text) if column.name == "unit" else self._language.label(text)
        return self._language.label(text) if style == "total" and text == "Total" else text

    def _words(self, at: int, column: Column, value: object, where: str, style: str, ink: Mapping[str, object]) -> None:
        text = ("yes" if value else "no") if isinstance(value, bool | np.bool_) else str(value)
        text = checked_text(self._label(text, column, style), where)
        if column.wide:
            self._layout.wide(self._row, at, text, style, {**ink, **_alignment(at, False)})
            return
        self._text(self._row, at, text, style, text_wrap=True, **ink, **_alignment(at, False))
        self._layout.widen(at, min(text_width(text) + 2, column.widest))
        self._layout.wrapped(self._row, at, text)


def _is_number(value: object) -> bool:
    kind = type(value)
    if kind is float:
        return value == value
    if kind is str:
        return False
    value = value.value if isinstance(value, Cell) else value
    value = value.value if isinstance(value, Formula) else value
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_) and not is_missing(value)


def _alignment(at: int, is_number: bool) -> dict[str, object]:
    """Numbers stand right, under headings that do; words keep off the number before them."""
    if is_number:
        return {"align": "right"}
    return {"align": "left", "indent": 1} if at else {}
