"""A workbook of plain tables: a sheet each, values only. The same tables give the same bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter
from xlsxwriter.utility import xl_rowcol_to_cell

import ccs_model
from ccs_model.atomic_files import write_atomic
from ccs_model.report.workbook.cell_values import (
    FACTOR_FORMAT,
    checked_number,
    checked_text,
    is_missing,
    number_format,
    quoted,
    text_width,
)
from ccs_model.report.workbook.cell_values import (
    text_width as width_of,
)
from ccs_model.report.workbook.workbook import CREATED, OPTIONS
from ccs_model.units import label_of, unit_of

_HEAD_ROW, _WIDEST = 3, 48


def table_book(title: str, sheets: Sequence[tuple[str, str, pd.DataFrame]]) -> bytes:
    """The workbook as bytes; a sheet is its name, a line about it, and its table."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, OPTIONS)
    book.set_properties({"title": title, "author": f"ccs-model {ccs_model.__version__}", "created": CREATED})
    made: dict[tuple[tuple[str, object], ...], Any] = {}

    def form(**properties: object) -> Any:
        key = tuple(sorted(properties.items()))
        if key not in made:
            made[key] = book.add_format({"valign": "top", **properties})
        return made[key]

    for name, message, table in sheets:
        _write(book.add_worksheet(name), form, name, message, table)
    book.close()
    return out.getvalue()


def _write(sheet: Any, form: Any, name: str, message: str, table: pd.DataFrame) -> None:
    sheet.write_string(0, 0, name, form(bold=True, font_size=14))
    sheet.write_string(1, 0, checked_text(message, name), form(font_color="#55616D"))
    for at, column in enumerate(map(str, table.columns)):
        unit = unit_of(column)
        # A key of the scenario stands as a planner types it.
        text = column if "." in column else label_of(column)
        if unit is not None and "." not in column:
            text += f", {unit.text.format(currency='').strip()}" if unit.text.strip() else ""
        is_text = any(isinstance(value, str) for value in table[column])
        side = "left" if is_text else "right"
        sheet.write_string(_HEAD_ROW, at, text, form(bold=True, bottom=1, text_wrap=True, align=side))
        wide = max(map(width_of, text.replace(".", " ").split()), default=0)
        for row, value in enumerate(table[column], start=_HEAD_ROW + 1):
            where = f"{name}, row {row + 1}, {column}"
            if is_missing(value):
                continue
            if isinstance(value, str):
                shown = checked_text(value, where)
                sheet.write_string(row, at, shown, form(**quoted(shown)))
                wide = max(wide, width_of(shown))
            else:
                number = checked_number(value, where)
                shape = number_format(column, number) if unit is not None else FACTOR_FORMAT
                sheet.write_number(row, at, number, form(num_format="0" if float(number).is_integer() else shape))
                wide = max(wide, 10)
        sheet.set_column(at, at, min(wide, _WIDEST) + 2)
    sheet.freeze_panes(_HEAD_ROW + 1, 1)
    if len(table):
        sheet.autofilter(_HEAD_ROW, 0, _HEAD_ROW + len(table), len(table.columns) - 1)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(_HEAD_ROW)
    sheet.hide_gridlines(2)
    sheet.set_footer("&L&A&RPage &P of &N")


# The workbook of a comparison: a sheet a table, differences as live formulas with their values beside them.
#
# The same runs give the same bytes. Text of a run is never a formula.

_TITLES: Mapping[str, tuple[str, str]] = {
    "runs": ("Runs", "What is set side by side; the first is what the others are held against."),
    "totals": ("Totals", "Of the last period, unless the name says otherwise. Differences: this run less the first."),
    "years": ("Years", "By period, from its first year."),
    "zones": ("Zones", "By zone, in the last period."),
    "costs": ("Costs", "Money by term, discounted over the horizon."),
    "terms": ("Terms", "What adds up to the objective, in its unit (sheet Runs)."),
    "plants": ("Plants", "Plants that enter, leave or are fitted otherwise than in the first run."),
    "inputs": (
        "Inputs",
        "What was asked otherwise: keys of the scenario by value, tables by the head of their SHA-256.",
    ),
}
_EMPTY: Mapping[str, str] = {
    "plants": "Every plant is fitted as in the first run.",
    "inputs": "Nothing differs: the runs ask the same of the same tables.",
}
_COMPARISON_HEAD_ROW, _COMPARISON_WIDEST = 3, 60


def write_comparison(names: Sequence[str], tables: Mapping[str, pd.DataFrame], path: Path) -> Path:
    """Write the workbook, whole or not at all. Raises FileError when it cannot be written."""
    return write_atomic(path, comparison_bytes(names, tables))


def comparison_bytes(names: Sequence[str], tables: Mapping[str, pd.DataFrame]) -> bytes:
    """The workbook as bytes. `tables` are those of analysis.compare, in the order of the sheets."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, OPTIONS)
    book.set_properties(
        {"title": "Runs side by side", "author": f"ccs-model {ccs_model.__version__}", "created": CREATED}
    )
    formats = _Formats(book)
    for name, table in tables.items():
        _write_comparison_sheet(book, formats, name, table, names)
    book.close()
    return out.getvalue()


class _Formats:
    """Cell formats by what they hold, each made once."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._made: dict[tuple[tuple[str, object], ...], Any] = {}

    def of(self, **properties: object) -> Any:
        """The format with these properties."""
        key = tuple(sorted(properties.items()))
        if key not in self._made:
            self._made[key] = self._book.add_format({"valign": "top", **properties})
        return self._made[key]


def _write_comparison_sheet(book: Any, formats: _Formats, name: str, table: pd.DataFrame, names: Sequence[str]) -> None:
    title, message = _TITLES[name]
    sheet = book.add_worksheet(title)
    sheet.write_string(0, 0, title, formats.of(bold=True, font_size=14))
    sheet.write_string(1, 0, message if len(table) else _EMPTY.get(name, message), formats.of(font_color="#55616D"))
    columns = [str(column) for column in table.columns]
    sides = _sides(columns, names)
    widths = [0] * len(columns)
    for at, column in enumerate(columns):
        text = column if at in sides else label_of(column) + _unit_beside(column)
        side = "right" if at in sides or unit_of(column) else "left"
        form = formats.of(bold=True, bottom=1, text_wrap=True, align=side)
        sheet.write_string(_COMPARISON_HEAD_ROW, at, checked_text(text, f"{title}, heading"), form)
        widths[at] = min(text_width(text), 24) + 2
    for place, row in enumerate(table.itertuples(index=False, name=None), start=_COMPARISON_HEAD_ROW + 1):
        form_of = next((str(row[at]) for at, column in enumerate(columns) if column in ("quantity", "term")), "")
        for at, value in enumerate(row):
            where = f"{title}!{xl_rowcol_to_cell(place, at)}"
            minus = sides.get(at)
            if minus is None or is_missing(value):
                wide = _cell(sheet, formats, (place, at), value, form_of if at in sides else columns[at], where)
            else:
                run, first = (xl_rowcol_to_cell(place, other) for other in minus)
                form = formats.of(num_format=number_format(form_of, float(value)))
                sheet.write_formula(place, at, f"={run}-{first}", form, checked_number(value, where))
                wide = 14
            widths[at] = max(widths[at], min(wide, _COMPARISON_WIDEST))
    for at, width in enumerate(widths):
        sheet.set_column(at, at, width)
    _finish(sheet, len(table), len(columns))


def _sides(columns: Sequence[str], names: Sequence[str]) -> dict[int, tuple[int, int] | None]:
    """Columns of runs, and of differences with the two columns they are of."""
    sides: dict[int, tuple[int, int] | None] = {columns.index(name): None for name in names if name in columns}
    for name in names[1:]:
        if f"{name} − first" in columns:
            sides[columns.index(f"{name} − first")] = (columns.index(name), columns.index(names[0]))
    return sides


def _unit_beside(column: str) -> str:
    unit = unit_of(column)
    return "" if unit is None else f", {unit.text.format(currency='').strip()}"


def _cell(sheet: Any, formats: _Formats, at: tuple[int, int], value: Any, name: str, where: str) -> int:
    """Write one value; how wide it looks."""
    if is_missing(value):
        return 0
    if isinstance(value, str):
        text = checked_text(value, where)
        sheet.write_string(*at, text, formats.of(text_wrap=True, **quoted(text)))
        return text_width(text) + 2
    number = checked_number(value, where)
    form = number_format(name, number) if name else FACTOR_FORMAT
    sheet.write_number(*at, number, formats.of(num_format=form))
    return 14


def _finish(sheet: Any, n_rows: int, n_columns: int) -> None:
    """How it scrolls and prints."""
    sheet.freeze_panes(_COMPARISON_HEAD_ROW + 1, 1)
    if n_rows:
        sheet.autofilter(_COMPARISON_HEAD_ROW, 0, _COMPARISON_HEAD_ROW + n_rows, n_columns - 1)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(_COMPARISON_HEAD_ROW)
    sheet.hide_gridlines(2)
    sheet.set_footer("&L&A&RPage &P of &N")
