"""`Sheet`: a page that is written from top to bottom; `finish` gives it the widths that fit what was written."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
from xlsxwriter.utility import xl_range_abs

from ccs_model.errors import CcsModelError
from ccs_model.report.workbook.book import Book, FilledFormula, MoneyUnit, unit_in
from ccs_model.report.workbook.columns import (
    ASSUMED,
    CHECK,
    INPUT,
    OBSERVED,
    Cell,
    Column,
    alignment,
    checked_number,
    checked_text,
    dash_format,
    is_missing,
    number_format,
    printed_number,
    printed_width,
    quote_format,
    table_columns,
    text_width,
    widest_word,
)
from ccs_model.report.workbook.formulas import (
    TOTAL,
    Formula,
    Row,
    TableRange,
    add_formulas,
    is_number,
    resolve_template,
    sums,
)
from ccs_model.report.workbook.native_charts import CHART_ROWS, HALF_CHART_ROWS, ROW_POINTS, ChartSpec, draw
from ccs_model.report.workbook.printed_pages import (
    A4,
    PRINTED_BESIDE,
    UPRIGHT_A3,
    TableExtent,
    UnbrokenRows,
    area,
    breaks,
    page_rows_points,
    pixels_across,
)
from ccs_model.report.workbook.worksheet import SheetSpec, WideText, WorksheetWriter
from ccs_model.units import unit_of

_FILTER_BUTTON, _BAND_POINTS = 3, 5
# Rows of a table that stands on a page or two, and of a sheet whose pages break where they may.
_SHORT, _LONG = 25, 2_000
# So wide in digits, two charts side by side have room for their axes, and two rows of them for a page.
_TWO_CHARTS = 200
_NARROW = 0.9
_FOR_PROGRAMS = "Data"
# Sheets that name plants once; Plants and Retrofits have a column of Chinese names.
_CHINESE_NAMES = ("Changes", "Economics", "CashFlow", "MACC", "Frontier", "Uncertainty")
_INPUTS = "Inputs"  # Its zeros stay numbers.

__all__ = ["Row", "Sheet", "SheetSpec"]


class Sheet(WorksheetWriter):
    """A worksheet with tables and charts."""

    def __init__(self, book: Book, page: SheetSpec, contents: Sequence[SheetSpec]) -> None:
        super().__init__(book, page, contents)
        self._main: TableRange | None = None
        self._n_again = 0
        # Cells of the texts of the table being written: by column, text and quality of the row.
        self._texts: dict[tuple[int, str, object], tuple[Any, str | None, str]] = {}
        self._fills: dict[tuple[TableRange, str, int], FilledFormula] = {}
        self._head_rows: tuple[int, int] | None = None
        self._money_unit = MoneyUnit(book, page.name)
        # Charts are as wide as the page, which is known when all of it is written.
        self._on_finish: list[Callable[[int], None]] = []

    def table(
        self,
        columns: str | Sequence[Column],
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
        left: int = 0,
    ) -> TableRange:
        """Colours of the classes, units, headings, rows, totals; a `plain` table of words has only headings and rows.

        `columns` are those that columns.csv declares under a name, or a list.

        Headings stand right above the rows, so that a spreadsheet knows both as one of its own tables: the main one
        by the name of the sheet (`Plants_table`), another by what it is `named` besides (`Transport_shared_table`).

        The `main` table of a sheet is filtered, frozen together with its first columns, and its head printed on each
        page. Where other things stand above it `frozen` is 0: it is only filtered, and its head or that of a table
        above it may stand `head_on_each_page`. Formulas of other tables find it by its `key`, and its rows by what
        stands in them as `id`. Values of a column with a formula become formulas, and a row of `totals` has the sums of
        all columns that declare one. The table begins in column `left`.
        """
        self._left = left or self._left
        columns = table_columns(columns) if isinstance(columns, str) else columns
        rows = add_formulas(columns, rows)
        if totals is not None:
            totals = {**sums(columns, rows), **totals}
        top = self._row - 1 if self._below_section else None
        if not main and len(rows) > PRINTED_BESIDE:  # Below the rows the note would be printed on a page of its own.
            self.note(f"Printed: the first {PRINTED_BESIDE} of {len(rows):,} rows.")
        self._row += 0 if self._below_section else 1
        self._below_section, head = False, self._row
        numeric = {column.name for column in columns if any(is_number(row.get(column.name)) for row in rows)}
        own = (main or bool(named)) and bool(rows)
        headings = self._headings(columns, unique=own)
        self._head(columns, headings, numeric, plain=plain, filtered=main and bool(rows))
        first = self._row
        self._own = block = self._block(columns, rows, first, has_total=totals is not None)
        if key:
            self.book.blocks[key] = block
        self._body(columns, rows)
        if not rows:
            self.note(empty)
        if head_on_each_page or (main and frozen):
            self._head_rows = (head, first - 1)
        if main:
            self._main, self._n_again = block, max(frozen, 1)
            if frozen:
                self._sheet.freeze_panes(first, frozen)
        if own:
            # Headings and rows, without totals, are a table of the spreadsheet's own; it looks as it did.
            heads = []
            for at, (column, heading) in enumerate(zip(columns, headings, strict=True)):
                form = self._styles.get("label", **alignment(at, column.name in numeric), **quote_format(heading))
                heads.append({"header": heading, "header_format": form})
            name = f"{self._name}_{named}_table" if named else f"{self._name}_table"
            options = {"name": name, "columns": heads, "autofilter": main, "style": None, "banded_rows": False}
            if self._sheet.add_table(first - 1, 0, self._row - 1, len(columns) - 1, options):
                raise CcsModelError(f"sheet {self._name}: {name} cannot be a table")
        if totals is not None and rows:
            for at, column in enumerate(columns):
                self._cell(at, column, totals, style="total")
            self._row += 1
        if not main and len(rows) > PRINTED_BESIDE:
            self.leave_unprinted(first + PRINTED_BESIDE, first + len(rows) - 1)
        bottom = max(self._row, first + 1) - 1
        # Of a table without rows the head is not printed on further parts.
        right = self._left + len(columns) - 1 if rows else 0
        self._stretches.append(TableExtent(head if top is None else top, bottom, right, columns[-1].wide))
        self._left = 0 if left else self._left
        return block

    def table_in_halves(self, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        """A long narrow table whose second half stands beside the first, if all its rows are printed."""
        if len(rows) > 2 * PRINTED_BESIDE:
            self.table(columns, rows)
            return
        half, top, below_section = (len(rows) + 1) // 2, self._row, self._below_section
        self.table(columns, rows[:half])
        end = self._row
        self._row, self._below_section, self._left = top, below_section, len(columns) + 1
        if rows[half:]:
            self.table(columns, rows[half:])
        self._row, self._left = end, 0

    def chart(
        self,
        spec: Callable[[TableRange], ChartSpec],
        columns: Sequence[Column],
        rows: Sequence[Row],
        left: int,
        key: str,
    ) -> TableRange:
        """A chart across the sheet; the table it draws stands beside it from column `left` on, and is not printed."""
        self._row += 1
        top, self._left, self.n_printed_columns = self._row, left, min(self.n_printed_columns or left, left - 1)
        rows = add_formulas(columns, rows)
        self._head(columns, self._headings(columns), {column.name for column in columns})
        self._own = block = self._block(columns, rows, self._row, has_total=False)
        self.book.blocks[key] = block
        self._body(columns, rows)
        self._draw(top, 0, spec(block), CHART_ROWS)
        self._row, self._left, self._below_section = top + CHART_ROWS, 0, False
        return block

    def charts(self, *charts: ChartSpec) -> None:
        """Charts side by side, of tables that stand elsewhere."""
        if not charts:
            return
        self._row += 1
        for at, spec in enumerate(charts):
            self._draw(self._row, at, spec, HALF_CHART_ROWS)
        self._layout.reach = max(self._layout.reach, _TWO_CHARTS)
        self._row, self._below_section = self._row + HALF_CHART_ROWS, False

    def _draw(self, top: int, at: int, spec: ChartSpec, n: int) -> None:
        drawn = partial(draw, self.book.workbook, self._sheet, top, at, spec, self._language)
        self._on_finish.append(drawn)
        for row in range(top, top + n):
            self._sheet.set_row(row, ROW_POINTS)
        self._keeps.append(UnbrokenRows(top, top + n - 1, is_chart=True))

    def formula(self, row: int, column: int, formula: Formula, form: Any, where: str) -> None:
        """Write a formula together with its value. The only way a formula of a table gets into the workbook."""
        assert self._own is not None
        value = formula.value
        if is_missing(value):
            raise CcsModelError(f"{where}: the formula has no value")
        # Most values are floats, and known for that at once; what else is a number takes five times as long to ask.
        result = checked_number(value, where) if isinstance(value, float | Real) else checked_text(str(value), where)
        # A template gives the same formula, moved, in all cells of a column; where years run across, of a row.
        key = (self._own, formula.template, column if self._own.years is None else row)
        fill = self._fills.get(key)
        # Excel fills no formula that names another sheet in this way.
        if fill is None or "!" in fill.text:
            text = resolve_template(formula.template, self._own, row, column, self.book.blocks)
            self._fills[key] = fill = FilledFormula(text.removeprefix("="), row, column)
        if self._fixed:  # Another formula or a number in its place is an edit that has no effect.
            self.book.fingerprints.record_formula(self._name, row, column, fill.text, (fill.row, fill.column))
        self._sheet.write_filled(row, column, fill, form, result)

    def _block(self, columns: Sequence[Column], rows: Sequence[Row], first: int, *, has_total: bool) -> TableRange:
        names = {column.name: at for at, column in enumerate(columns, self._left)}
        ids = {str(row["id"]): first + at for at, row in enumerate(rows) if "id" in row}
        last = first + max(len(rows), 1) - 1
        if has_total:
            ids[TOTAL] = last + 1
        years = [names[column.name] for column in columns if column.is_period]
        return TableRange(self._name, names, first - 1, first, last, ids, (years[0], years[-1]) if years else None)

    def _body(self, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        placed = list(enumerate(columns, self._left))
        self._texts.clear()
        for record in rows:
            for at, column in placed:
                # Most cells are plain texts and numbers, and most texts of a column come again.
                value = record.get(column.name)
                if type(value) is str:
                    self._plain_text(at, column, value, record)
                elif type(value) is float and math.isfinite(value):
                    self._plain_number(at, column, value, record)
                else:
                    self._cell(at, column, record)
            for at, column in placed if self._money_unit.has_amount(self._row) else ():
                if column.name == "unit":
                    self._money_unit.unit(self._row, at, self._language.unit(unit_in(record)))
            self._row += 1

    def _plain_text(self, at: int, column: Column, value: str, record: Row) -> None:
        quality = record.get("quality") if column.cell_class is None else ""
        known = self._texts.get((at, value, quality))
        if known is None:
            self._cell(at, column, record)
            if not column.wide:
                cell = self._sheet.table[self._row][at]
                text = self._label(value, column, "cell")
                self._texts[at, value, quality] = cell, None if column.clipped else text, text
            return
        cell, wrapped, text = known
        self._sheet.write_again(self._row, at, cell)
        if wrapped is not None:
            self._layout.wrapped[self._row].append((at, wrapped))
        if (column.cell_class or OBSERVED) in self._fixed_text:
            self.book.fingerprints.record(self._name, self._row, at, text)

    def _plain_number(self, at: int, column: Column, value: float, record: Row) -> None:
        kind = column.cell_class or (ASSUMED if record.get("quality") == "assumed" else OBSERVED)
        # Adding zero turns -0.0, which some programs print with its sign, into 0.0.
        number = value + 0.0
        if kind in self._fixed:
            self.book.fingerprints.record(self._name, self._row, at, number)
        if self._money_unit.is_amount(column, column.name, record):
            self._money_unit.amount(self._row, at)
        form = column.form or number_format(column.name, number)
        self._sheet.write_number(
            self._row, at, number, self._styles.of_number(self._dash_format(form, kind.ink), kind.ink)
        )
        self._layout.widen(at, len(printed_number(number, form)) + 1)

    def finish(self) -> None:
        """Widths, heights, the text that goes by them, and how all of it is printed."""
        # Beside a chart's own table, which is not printed, all other columns are one part.
        is_divided = self._main is not None and self.n_printed_columns is None and not self.is_in_one_part
        n_again = self._n_again if is_divided else 0
        self._layout.apply(self._sheet, self._styles, n_again, self.n_printed_columns)
        if self._head_rows is not None and self._main is not None:
            # The head of the main table on each page, unless it is short and what stands below has other columns.
            first, last = self._main.first, self._main.last
            if last - first > _SHORT or all(each.top <= first for each in self._stretches):
                self._sheet.repeat_rows(*self._head_rows)
        self._money_unit.apply(self.book.workbook, self._sheet)
        if self._language.lang != "en":
            last = max((each.bottom for each in self._keeps if each.is_chart), default=-1)
            self._layout.fix_heights(last, self._sheet)
        # Charts are as wide as what a page shows.
        page = self._layout.widths[: min(self._layout.parts[0][1] + 1, self.n_printed_columns or 1_000)]
        for draw_it in self._on_finish:
            draw_it(round(pixels_across(page)))
        columns, widths, last = self._layout.parts, self._layout.widths, max(self._sheet.dim_rowmax or 0, self._row - 1)
        end = last if self.last_printed_row is None else self.last_printed_row
        edge = columns[0][1] if self.n_printed_columns is None else self.n_printed_columns - 1
        columns = [(columns[0][0], min(columns[0][1], edge)), *(columns[1:] if self.n_printed_columns is None else ())]
        if len(columns) > 1:
            # On one page the print would be too small to read; the first columns come again on each.
            self._sheet.repeat_columns(0, n_again - 1)
        if len(columns) > 1 or self._unprinted or (end, edge) != (last, len(widths) - 1):
            ranges = area(self._stretches, columns, end, self._unprinted)
            # The library knows areas of one range only.
            self._sheet.print_area_range = ",".join(f"{self._name}!{xl_range_abs(*each)}" for each in ranges)
        shown = widths[: edge + 1 if len(columns) == 1 else None]
        paper = self._layout.paper
        # Rows of long sheets are not looked at.
        rows = range(end + 1 if end <= _LONG else 0)
        heights = [0.0 if row in self._unprinted else self._layout.row_points(row, self._sheet) for row in rows]
        if self.may_be_upright and paper is A4 and sum(heights) > page_rows_points(shown, columns, n_again, paper):
            paper = UPRIGHT_A3
            self._sheet.set_portrait()
        self._sheet.set_paper(paper.number)
        self._break_pages(page_rows_points(shown, columns, n_again, paper), heights)

    def _break_pages(self, points: float, heights: Sequence[float]) -> None:
        """No heading at the foot of a page, no chart or short table cut."""
        rows, end = sorted(set(self._sections)), len(heights) - 1
        if not heights or not (rows or self._keeps):
            return
        below = [*rows[1:], end + 2]
        sections = [UnbrokenRows(top - 1, each - 2) for top, each in zip(rows, below, strict=True)]
        # Each range of the print area begins a page of its own.
        given = {*self._own_breaks, *({row + 1 for row in self._unprinted} - self._unprinted)}
        keeps = [*self._keeps, *(UnbrokenRows(each.top, each.bottom) for each in self._stretches)]
        found = sorted(set(breaks(sections, keeps, points, heights, given)) - self._unprinted)
        if found:
            self._sheet.set_h_pagebreaks(found)

    def _head(
        self, columns: Sequence[Column], headings: Sequence[str], numeric: Collection[str], *, plain: bool = False,
        filtered: bool = False,
    ) -> None:  # fmt: skip
        """Colours of the classes, units, headings, or headings alone; a unit wraps in the width of its heading."""
        units = [self._unit_of(column) for column in columns]
        aligned = [alignment(at, column.name in numeric) for at, column in enumerate(columns, self._left)]
        if not plain:
            # A band of colours; its words are for screen readers, in the colour of the band.
            for at, column in enumerate(columns, self._left):
                kind = column.cell_class or OBSERVED
                words = kind.name if column.cell_class else f"{OBSERVED.name} or {ASSUMED.name}"
                band = {"bg_color": kind.fill, "font_color": kind.fill}
                self._heading_cell(self._row, at, column, self._language.label(words), "band", **band)
            self._sheet.set_row(self._row, _BAND_POINTS)
        row = self._row if plain else self._row + 2
        for at, (column, heading, unit) in enumerate(zip(columns, headings, units, strict=True), self._left):
            self._heading_cell(row, at, column, heading, "label", **aligned[at - self._left])
            if not column.wide:
                # A heading may take three lines; a unit stands in smaller print, and wraps between its words. Bold
                # letters are narrower than digits.
                longest, more = max(widest_word(heading), widest_word(unit)) + 1, _FILTER_BUTTON if filtered else 0
                needed = max(longest, math.ceil(text_width(heading) / 3) + 1, math.ceil(text_width(unit) / 2))
                least = max(
                    math.ceil(_NARROW * longest), math.ceil(text_width(heading) / 5), math.ceil(text_width(unit) / 3)
                )
                self._layout.head(at, needed + more, least + min(more, 1))
                self._layout.headings[row].append((at, heading))
        if not plain:
            for at, (column, unit) in enumerate(zip(columns, units, strict=True), self._left):
                self._heading_cell(row - 1, at, column, unit, "unit", **aligned[at - self._left])
                if self._money_unit.is_amount(column, column.name, {}):
                    self._money_unit.unit(row - 1, at, unit)
                if not column.wide:
                    self._layout.units[row - 1].append((at, unit))
        self._row = row + 1

    def _headings(self, columns: Sequence[Column], *, unique: bool = False) -> list[str]:
        """Words above the columns; `unique` tells those that are alike by their unit, else by their number."""
        headings = [self._language.sheet_heading(self._name, column.heading) for column in columns]
        if not unique:
            return headings
        units, numbers = [self._unit_of(column) for column in columns], [str(at) for at in range(1, len(columns) + 1)]
        for telling in (units, numbers):
            counted = Counter(heading.casefold() for heading in headings)
            headings = [
                f"{heading} ({reported})" if counted[heading.casefold()] > 1 and reported else heading
                for heading, reported in zip(headings, telling, strict=True)
            ]
        return headings

    def _heading_cell(self, row: int, at: int, column: Column, text: str, style: str, **changes: object) -> None:
        if column.wide:
            self._layout.wides.append(WideText(row, at, text, style, changes, sets_height=False))
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
        is_fixed = kind in self._fixed and style in ("cell", "total") and not unlocked
        if unlocked:
            ink |= {"locked": False, "bg_color": INPUT.fill}
        elif self._money_unit.is_amount(column, name, record) and is_number(value):
            self._money_unit.amount(self._row, at, is_difference=kind is CHECK)
        if isinstance(value, Formula):
            self._write_live_formula(at, column, name, value, style, ink, where)
        elif is_missing(value):
            if not column.optional and style != "total":
                raise CcsModelError(f"{where}: there is no value")
            if is_fixed and kind is INPUT:
                self.book.fingerprints.record(self._name, self._row, at, "")
            shape = {"num_format": unit.number_format} if unlocked and (unit := unit_of(name)) else {}
            self._sheet.write_blank(self._row, at, None, self._styles.get(style, **ink, **shape))
        elif isinstance(value, float | Real) and is_number(value):
            number = checked_number(value, where)
            if is_fixed:
                self.book.fingerprints.record(self._name, self._row, at, number)
            form = column.form or number_format(name, number)
            self._sheet.write_number(self._row, at, number, self._number_style(form, style, ink))
            self._layout.widen(at, text_width(printed_number(number, form)) + 1)
        elif sheet:
            self._link(self._row, at, sheet, str(value), "cell link")
            self._layout.widen(at, text_width(str(value)) + 1)
        else:
            text = self._words(at, column, value, where, style, ink)
            if is_fixed and kind in self._fixed_text:
                self.book.fingerprints.record(self._name, self._row, at, text)

    def _write_live_formula(
        self, at: int, column: Column, name: str, value: Formula, style: str, ink: Mapping[str, object], where: str
    ) -> None:
        """A formula in the format of its value, and room for it."""
        if isinstance(value.value, float | Real):
            form = column.form or number_format(name, float(value.value))
            self._layout.widen(at, text_width(printed_number(float(value.value), form)) + 1)
            self.formula(self._row, at, value, self._number_style(form, style, ink), where)
            return
        form = column.form or (number_format(name, 0.0) if unit_of(name) else "General")
        if not value.runs_on:
            self._layout.widen(at, min(text_width(str(value.value)) + 2, column.widest))
        # Another plant of a list may have a longer name than the one that is shown.
        align = {**alignment(at, False), "text_wrap": not value.runs_on}
        self.formula(self._row, at, value, self._styles.get(style, num_format=form, **ink, **align), where)

    def _dash_format(self, form: str, color: object, *, is_input: bool = False) -> str:
        """The format with a dash for zero; not for inputs, sheet Data and differences, which may be residues."""
        is_plain = is_input or self._name in (_INPUTS, _FOR_PROGRAMS) or color == CHECK.ink
        return form if is_plain else dash_format(form)

    def _number_style(self, form: str, style: str, ink: Mapping[str, object]) -> Any:
        form = self._dash_format(form, ink.get("font_color"), is_input="locked" in ink)
        return self._styles.get(style, num_format=form, **ink)

    def _label(self, text: str, column: Column, style: str) -> str:
        """Labels in the workbook's language; names, data and what formulas compare stay as they are."""
        if style == "total" and text == "Total":
            return self._language.label(text)
        if column.name == "name" and self._name in _CHINESE_NAMES:
            return self.book.chinese_names.get(text, text)
        return self._language.cell(self._name, column.name, text)

    def _words(self, at: int, column: Column, value: object, where: str, style: str, ink: Mapping[str, object]) -> str:
        """Write words as the workbook's language says them, and return these."""
        text = ("yes" if value else "no") if isinstance(value, bool | np.bool_) else str(value)
        text = checked_text(self._label(text, column, style), where)
        if column.wide:
            self._layout.wides.append(WideText(self._row, at, text, style, {**ink, **alignment(at, False)}))
            return text
        wrap = not column.clipped
        self._text(self._row, at, text, style, text_wrap=wrap, **ink, **alignment(at, False))
        width = text_width(text) + 2
        if text.isupper():  # Capitals are wider than digits.
            width = max(width, math.ceil(1.03 * printed_width(text)) + 1)
        self._layout.widen(at, min(width, column.widest))
        if wrap:
            self._layout.wrapped[self._row].append((at, text))
        return text
