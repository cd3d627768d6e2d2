"""A workbook of plain tables: a sheet each, values only. The same tables give the same bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pandas as pd
import xlsxwriter

import ccs_model
from ccs_model.report.cells import FACTOR_FORMAT, checked_number, checked_text, is_missing, number_format, quoted
from ccs_model.report.cells import text_width as width_of
from ccs_model.report.workbook import CREATED, OPTIONS
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

    for name, said, table in sheets:
        _write(book.add_worksheet(name), form, name, said, table)
    book.close()
    return out.getvalue()


def _write(sheet: Any, form: Any, name: str, said: str, table: pd.DataFrame) -> None:
    sheet.write_string(0, 0, name, form(bold=True, font_size=14))
    sheet.write_string(1, 0, checked_text(said, name), form(font_color="#55616D"))
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
