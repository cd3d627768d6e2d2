"""The inventory workbook to fill in: headings, units, meanings, drop-downs, ranges, and an example row per sheet.

Rows whose id starts with EXAMPLE are ignored on reading.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter, quote_sheetname
from openpyxl.worksheet.datavalidation import DataValidation

from ccs_model.inputs.chinese import headings_of
from ccs_model.inputs.declarations import Column, Declared, read_dictionary
from ccs_model.inputs.load import Inputs
from ccs_model.inputs.user_tables import EXAMPLE, OWN_REFERENCE, REFERENCE_COLUMNS
from ccs_model.units import label_of

LAST_ROW = 2000
_LISTED = {"province": "A", "grid": "B", "sector": "C"}
_WRITTEN = datetime(2025, 1, 1)  # a fixed date, so that the file is reproducible
_HEADING = PatternFill("solid", fgColor="1F3864")
_NEEDED = PatternFill("solid", fgColor="FFF2CC")
_GREY = Font(italic=True, color="808080")

_EXAMPLES: Mapping[str, Mapping[str, object]] = {
    "plants/steel": {
        "plant": f"{EXAMPLE}-1", "name": "Example Iron and Steel", "name_zh": "示例钢铁", "province": "Hebei",
        "grid": "Hebei south", "lat_deg": 38.04, "lon_deg": 114.51, "place_accuracy": "exact", "status": "operating",
        "start_year": 2005, "crude_steel_ktpa": 3000, "bof_steel_ktpa": 3000, "bf_iron_ktpa": 2700,
        "coke_ovens": "absent",
    },
    "plants/chemicals": {
        "plant": f"{EXAMPLE}-2", "name": "Example Chemicals", "name_zh": "示例化工", "product": "ammonia",
        "province": "Shanxi", "grid": "Shanxi", "lat_deg": 37.87, "lon_deg": 112.55, "place_accuracy": "approximate",
        "status": "operating", "start_year": 2012, "capacity_ktpa": 500, "feedstock": "coal",
        "gasifier": "oxygen_blown", "urea_share": 0.93,
    },
    "plants/sources": {
        "plant": f"{EXAMPLE}-3", "name": "Example Cement", "name_zh": "示例水泥", "province": "Hebei",
        "grid": "Hebei south", "lat_deg": 38.2, "lon_deg": 114.4, "status": "operating", "sector": "cement",
        "capacity_ktpa": 1500,
    },
    "references": {
        "reference": f"{EXAMPLE}-4", "citation": "Author, year, title of the source of your numbers",
        "where": "address or page", "licence": "yours", "use": "which numbers",
    },
}  # fmt: skip

_INTRODUCTION = (
    "Inventory for ccs-model",
    "Enter one row per plant on the sheets steel, chemicals and sources. Columns with yellow headings are required; "
    "other cells may stay empty, and empty columns may be deleted.",
    "The sheet sources is for plants of other sectors, such as cement works, refineries and power stations: give the "
    "sector and the capacity (capacity_mw for power stations) or co2_ktpa. Leave the columns of capture costs empty, "
    "unless the source has no sector.",
    f"Rows whose id starts with {EXAMPLE} are examples. They are ignored, so you can keep or delete them.",
    f"If you leave reference and quality empty, the row is recorded as your own data ({OWN_REFERENCE}, reported). "
    "Enter your own references on the sheet references.",
    "Save the file next to the scenario and name it there:  plants: {inventory: [plants.xlsx]}  or, together with the "
    "shipped plants,  [steel, chemicals, plants.xlsx].  Then run: ccs-model check scenario.yaml",
    "Headings may be in Chinese, see the last column. A capacity then needs its unit: 粗钢产能（千吨/年）.",
    "Units: thousand tonnes a year (kt/y), shares from 0 to 1, decimal degrees. The sheets README, notes and lists are "
    "ignored.",
)


def template(inputs: Inputs) -> bytes:
    """Bytes of the workbook; its drop-downs offer the provinces and grids with prices in `inputs`."""
    book = Workbook()
    readme = book.active
    assert readme is not None
    readme.title = "README"
    declared = read_dictionary()
    _write_readme(readme, declared)
    for name, example in _EXAMPLES.items():
        _write_table(book.create_sheet(name.removeprefix("plants/")), declared[name], example)
    _write_lists(book.create_sheet("lists"), inputs)
    book.active = 1
    book.properties.created = book.properties.modified = _WRITTEN
    book.properties.creator = "ccs-model"
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _write_readme(sheet: Any, declared: Declared) -> None:
    for line in _INTRODUCTION:
        sheet.append([line])
        sheet.merge_cells(start_row=sheet.max_row, start_column=1, end_row=sheet.max_row, end_column=7)
        sheet.cell(sheet.max_row, 1).alignment = Alignment(wrap_text=True, vertical="top")
        sheet.row_dimensions[sheet.max_row].height = 32
    sheet["A1"].font = Font(bold=True, size=14)
    sheet.append([])
    sheet.append(["sheet", "column", "label", "unit", "required", "allowed", "meaning", "in Chinese"])
    _as_headings(sheet, sheet.max_row)
    for name in _EXAMPLES:
        for column in declared[name]:
            needed = "yes" if _is_needed(column) else ""
            row = [name.removeprefix("plants/"), column.name, label_of(column.name), column.unit, needed]
            sheet.append([*row, _allowed(column), column.meaning, ", ".join(headings_of(column.name))])
    for letter, width in zip("ABCDEFGH", (12, 30, 30, 10, 8, 44, 80, 44), strict=True):
        sheet.column_dimensions[letter].width = width


def _write_table(sheet: Any, columns: Sequence[Column], example: Mapping[str, object]) -> None:
    sheet.append([column.name for column in columns])
    _as_headings(sheet, 1)
    for position, column in enumerate(columns, start=1):
        heading, letter = sheet.cell(1, position), get_column_letter(position)
        if _is_needed(column):
            heading.fill, heading.font = _NEEDED, Font(bold=True)
        heading.comment = Comment(_note(column), "ccs-model", width=320, height=120)
        cell = sheet.cell(2, position, example.get(column.name))
        cell.font = _GREY
        sheet.column_dimensions[letter].width = max(12, min(len(column.name) + 3, 34))
        rule = _rule(column)
        if rule is not None:
            rule.add(f"{letter}2:{letter}{LAST_ROW}")
            sheet.add_data_validation(rule)
    sheet.freeze_panes = "B2"


def _rule(column: Column) -> DataValidation | None:
    """The drop-down or range of a column. Other provinces and grids are allowed, if prices for them are added."""
    error = f"Expected {_allowed(column)}."
    if column.choices:
        rule = DataValidation(type="list", formula1=f'"{",".join(column.choices)}"')
    elif column.name in _LISTED:
        letter = _LISTED[column.name]
        rule = DataValidation(type="list", formula1=f"{quote_sheetname('lists')}!${letter}$2:${letter}$200")
        rule.errorStyle = "warning"
        error = f"Not a {column.name} of the shipped tables. Keep it if it is your own, and add tables for it."
    elif column.is_number and column.low is not None and column.high is not None:
        kind = "whole" if column.kind == "whole" else "decimal"
        rule = DataValidation(
            type=kind, operator="between", formula1=f"{column.low:.15g}", formula2=f"{column.high:.15g}"
        )
    else:
        return None
    rule.allow_blank = True
    rule.errorTitle, rule.error = column.name[:32], error[:255]
    rule.promptTitle, rule.prompt = column.name[:32], _note(column)[:255]
    rule.showErrorMessage = rule.showInputMessage = True
    return rule


def _write_lists(sheet: Any, inputs: Inputs) -> None:
    provinces = sorted(set(inputs["prices/fuels"]["province"]) & set(inputs["prices/grid_factors"]["province"]))
    grids = sorted(set(inputs["prices/power"]["grid"]))
    sectors = inputs["streams/source_sectors"]["sector"].tolist()
    lists = (("province", provinces), ("grid", grids), ("sector", sectors))
    for position, (heading, words) in enumerate(lists, start=1):
        for line, word in enumerate((heading, *words), start=1):
            sheet.cell(line, position, word)
    sheet.sheet_state = "hidden"


def _as_headings(sheet: Any, line: int) -> None:
    for cell in sheet[line]:
        cell.fill, cell.font = _HEADING, Font(bold=True, color="FFFFFF")


def _is_needed(column: Column) -> bool:
    return column.required and not (column.name in REFERENCE_COLUMNS and column.table.startswith("plants/"))


def _allowed(column: Column) -> str:
    if column.choices:
        return "one of " + ", ".join(column.choices)
    if column.low is None and column.high is None:
        return "a whole number" if column.kind == "whole" else "a number" if column.kind == "number" else "text"
    kind = "a whole number" if column.kind == "whole" else "a number"
    return f"{kind} from {column.low:g}" + (f" to {column.high:g}" if column.high is not None else "")


def _note(column: Column) -> str:
    unit = f" [{column.unit}]" if column.unit else ""
    needed = "Required. " if _is_needed(column) else ""
    meaning = column.meaning[:1].upper() + column.meaning[1:]
    return f"{label_of(column.name)}{unit}. {meaning}. {needed}{_allowed(column)[:1].upper()}{_allowed(column)[1:]}."
