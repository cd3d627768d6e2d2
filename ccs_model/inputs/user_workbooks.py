"""Workbooks for the user: the inventory to fill in, and copies of workbooks with their issues marked.

The inventory has headings, units, meanings, drop-downs, ranges, and an example row per sheet; rows whose id starts with
EXAMPLE are ignored on reading. A copy has a fill and comment at each cell with an issue, and a list of all issues. It
has what openpyxl reads: cells, formulas, formats and drop-downs stay; charts and pictures are lost.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import PurePath
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, MergedCell
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter, quote_sheetname
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.hyperlink import Hyperlink

from ccs_model.errors import FileError, InputError, Issue
from ccs_model.inputs.chinese import headings_of
from ccs_model.inputs.csv_reader import own_bytes, path_of, table_bytes
from ccs_model.inputs.declarations import Column, Declared, read_dictionary
from ccs_model.inputs.excel_reader import inspect_workbook
from ccs_model.inputs.load import Inputs
from ccs_model.inputs.user_tables import EXAMPLE, OWN_REFERENCE, REFERENCE_COLUMNS, WORKBOOKS, files_of
from ccs_model.scenario.sections import DATA, OwnTables
from ccs_model.units import label_of

_AUTHOR = "ccs-model"
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
    book.properties.creator = _AUTHOR
    return _bytes_of(book)


def _write_readme(sheet: Any, declared: Declared) -> None:
    for line in _INTRODUCTION:
        sheet.append([line])
        sheet.merge_cells(start_row=sheet.max_row, start_column=1, end_row=sheet.max_row, end_column=7)
        sheet.cell(sheet.max_row, 1).alignment = Alignment(wrap_text=True, vertical="top")
        sheet.row_dimensions[sheet.max_row].height = 32
    sheet["A1"].font = Font(bold=True, size=14)
    sheet.append([])
    sheet.append(["sheet", "column", "label", "unit", "required", "allowed", "meaning", "in Chinese"])
    _style_headings(sheet, sheet.max_row)
    for name in _EXAMPLES:
        for column in declared[name]:
            needed = "yes" if _is_needed(column) else ""
            row = [name.removeprefix("plants/"), column.name, label_of(column.name), column.unit, needed]
            sheet.append([*row, _allowed_values(column), column.meaning, ", ".join(headings_of(column.name))])
    for letter, width in zip("ABCDEFGH", (12, 30, 30, 10, 8, 44, 80, 44), strict=True):
        sheet.column_dimensions[letter].width = width


def _write_table(sheet: Any, columns: Sequence[Column], example: Mapping[str, object]) -> None:
    sheet.append([column.name for column in columns])
    _style_headings(sheet, 1)
    for position, column in enumerate(columns, start=1):
        heading, letter = sheet.cell(1, position), get_column_letter(position)
        if _is_needed(column):
            heading.fill, heading.font = _NEEDED, Font(bold=True)
        heading.comment = Comment(_note(column), _AUTHOR, width=320, height=120)
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
    error = f"Expected {_allowed_values(column)}."
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


def _style_headings(sheet: Any, line: int) -> None:
    for cell in sheet[line]:
        cell.fill, cell.font = _HEADING, Font(bold=True, color="FFFFFF")


def _is_needed(column: Column) -> bool:
    return column.required and not (column.name in REFERENCE_COLUMNS and column.table.startswith("plants/"))


def _allowed_values(column: Column) -> str:
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
    allowed = _allowed_values(column)
    return f"{label_of(column.name)}{unit}. {meaning}. {needed}{allowed[:1].upper()}{allowed[1:]}."


ISSUES_SHEET = "issues"
_MOST_MARKED = 5_000  # cells with a comment; the list has every issue
_MOST_LISTED = 100_000
_FILL = PatternFill("solid", fgColor="FFC7CE")
_CELL = re.compile(r"[A-Z]{1,3}[1-9]\d{0,6}")
_HEADINGS = ("where", "sheet", "cell", "issue", "suggestion")
_WIDTHS = (44, 18, 10, 70, 70)


def annotate_workbooks(issues: Sequence[Issue], books: Mapping[str, bytes]) -> dict[str, bytes]:
    """Marked copies of the workbooks with issues, by name; if there is none, a workbook with only the list, under "".

    `books` are the workbooks that an issue may name (`plants.xlsx`, `tables/mine.xlsx`). Those that cannot be opened
    have no copy.
    """
    copies: dict[str, bytes] = {}
    for name, raw in books.items():
        has_issues = any(issue.where == name or issue.where.startswith(f"{name}:") for issue in issues)
        if has_issues and not inspect_workbook(raw).what and (copy := _mark_workbook(issues, name, raw)) is not None:
            copies[name] = copy
    if not copies:
        book = Workbook()
        book.remove(book.worksheets[0])
        _add_issue_list(book, issues, {})
        copies[""] = _bytes_of(book)
    return copies


def own_books(requested: OwnTables, *, allow_outside: bool) -> dict[str, bytes]:
    """The workbooks that a scenario names, by their name in issues; unreadable files are skipped."""
    books: dict[str, bytes] = {}
    for key, name in requested.files:
        if name.lower().endswith(WORKBOOKS):
            with suppress(InputError, FileError):
                books[name] = own_bytes(requested, key, name, allow_outside=allow_outside)
    if requested.data is not None:
        where = requested.place_of_key(DATA)
        with suppress(InputError, FileError):
            folder = path_of(requested, DATA, requested.data, allow_outside=allow_outside)
            for path in files_of(folder, where) if folder.is_dir() else ():
                is_allowed = allow_outside or path.resolve().is_relative_to(folder.resolve())
                if path.suffix.lower() in WORKBOOKS and path.is_file() and is_allowed:
                    name = f"{requested.data.rstrip('/')}/{path.relative_to(folder).as_posix()}"
                    books[name] = table_bytes(path, where, name=name)
    return books


def copy_names(out: PurePath, books: Sequence[str]) -> dict[str, str]:
    """File name of the copy of each workbook: `out` for a single one, else `out` with the workbook's name appended."""
    if len(books) == 1:
        return {books[0]: out.name}
    names: dict[str, str] = {}
    for book in books:
        inner = re.sub(r"[^\w.-]+", "-", str(PurePath(book).with_suffix("")))
        names[book] = f"{out.stem}-{inner}{out.suffix}"
    return names


def _mark_workbook(issues: Sequence[Issue], name: str, raw: bytes) -> bytes | None:
    """The copy of one workbook; None if openpyxl cannot read it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns of extensions that it does not copy
            book = load_workbook(io.BytesIO(raw), keep_links=False)
            cells: dict[tuple[str, str], list[Issue]] = {}
            for issue in issues:
                if at := _cell_of(issue, name, book.sheetnames):
                    cells.setdefault(at, []).append(issue)
            for (sheet, cell), here in list(cells.items())[:_MOST_MARKED]:
                _mark(book[sheet], cell, here)
            _add_issue_list(book, issues, {id(issue): at for at, here in cells.items() for issue in here})
            return _bytes_of(book)
    except Exception:  # noqa: BLE001 - openpyxl raises any type of error for broken parts; the list is still written
        return None


def _cell_of(issue: Issue, name: str, sheets: Sequence[str]) -> tuple[str, str] | None:
    """Sheet and cell of `plants.xlsx:steel!D12`; the name of a sheet may have any character."""
    for sheet in sheets:
        prefix = f"{name}:{sheet}!"
        if issue.where.startswith(prefix) and _CELL.fullmatch(issue.where[len(prefix) :]):
            return sheet, issue.where[len(prefix) :]
    return None


def _mark(sheet: Any, place: str, issues: Sequence[Issue]) -> None:
    cell = sheet[place]
    if isinstance(cell, MergedCell):  # only the first cell of a merged range can have a comment
        merged = next(area for area in sheet.merged_cells.ranges if place in area)
        cell = sheet.cell(merged.min_row, merged.min_col)
    words = [_clean_text(issue.what + (f" ({issue.hint})" if issue.hint else "")) for issue in issues]
    if cell.comment is not None:
        words.append(cell.comment.text)
    cell.fill = _FILL
    cell.comment = Comment("\n".join(words), _AUTHOR, width=360, height=90 + 20 * len(words))


def _add_issue_list(book: Any, issues: Sequence[Issue], cells: Mapping[int, tuple[str, str]]) -> None:
    """Add the list of issues as the first sheet, with links to the cells."""
    title, n = ISSUES_SHEET, 1
    while title.lower() in (name.lower() for name in book.sheetnames):
        n += 1
        title = f"{ISSUES_SHEET} {n}"
    sheet = book.create_sheet(title, 0)
    sheet.append(_HEADINGS)
    _style_headings(sheet, 1)
    for letter, width in zip("ABCDE", _WIDTHS, strict=True):
        sheet.column_dimensions[letter].width = width
    for line, issue in enumerate(issues[:_MOST_LISTED], start=2):
        at, place = cells.get(id(issue), ("", ""))
        for position, words in enumerate((issue.where, at, place, issue.what, issue.hint), start=1):
            cell = sheet.cell(line, position)
            cell.value = _clean_text(words)
            cell.data_type = "s"  # text of a user is never a formula
            cell.alignment = Alignment(wrap_text=position > 3, vertical="top")
        if place:
            inside = f"{quote_sheetname(at)}!{place}"
            sheet.cell(line, 3).hyperlink = Hyperlink(ref=f"C{line}", location=inside)
            sheet.cell(line, 3).font = Font(color="0563C1", underline="single")
    sheet.freeze_panes = "A2"
    for other in book.worksheets:
        other.sheet_view.tabSelected = False
    book.active = 0


def _clean_text(words: str) -> str:
    return ILLEGAL_CHARACTERS_RE.sub("", words)[:32_000]


def _bytes_of(book: Any) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()
