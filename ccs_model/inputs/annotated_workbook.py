"""Copies of the user's workbooks with their issues marked: a fill and comment at each cell, and a list of all issues.

The copy has what openpyxl reads: cells, formulas, formats and drop-downs stay; charts and pictures are lost.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, MergedCell
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import quote_sheetname
from openpyxl.worksheet.hyperlink import Hyperlink

from ccs_model.errors import FileError, InputError, Issue
from ccs_model.inputs.csv_reader import path_of, table_bytes
from ccs_model.inputs.excel_reader import guarded
from ccs_model.inputs.user_tables import WORKBOOKS
from ccs_model.scenario.sections import DATA, OwnTables

ISSUES_SHEET = "issues"
_MOST_MARKED = 5_000  # cells with a comment; the list has every issue
_MOST_LISTED = 100_000
_FILL = PatternFill("solid", fgColor="FFC7CE")
_HEADING = PatternFill("solid", fgColor="1F3864")
_CELL = re.compile(r"[A-Z]{1,3}[1-9]\d{0,6}")
_AUTHOR = "ccs-model"
_HEADINGS = ("where", "sheet", "cell", "issue", "suggestion")
_WIDTHS = (44, 18, 10, 70, 70)


def annotated(issues: Sequence[Issue], books: Mapping[str, bytes]) -> dict[str, bytes]:
    """Marked copies of the workbooks with issues, by name; if there is none, a workbook with only the list, under "".

    `books` are the workbooks that an issue may name (`plants.xlsx`, `tables/mine.xlsx`). Those that cannot be opened
    have no copy.
    """
    copies: dict[str, bytes] = {}
    for name, raw in books.items():
        if any(_is_of(issue, name) for issue in issues) and not guarded(raw).what:
            copy = _marked(issues, name, raw)
            if copy is not None:
                copies[name] = copy
    if not copies:
        book = Workbook()
        book.remove(book.worksheets[0])
        _list(book, issues, {})
        copies[""] = _bytes_of(book)
    return copies


def own_books(requested: OwnTables, *, allow_outside: bool) -> dict[str, bytes]:
    """The workbooks that a scenario names, by their name in issues; unreadable files are skipped."""
    books: dict[str, bytes] = {}
    for key, name in requested.files:
        if name.lower().endswith(WORKBOOKS):
            try:
                books[name] = table_bytes(
                    path_of(requested, key, name, allow_outside=allow_outside), requested.where(key)
                )
            except (InputError, FileError):
                continue
    if requested.data is not None:
        try:
            folder = path_of(requested, DATA, requested.data, allow_outside=allow_outside)
            inside = folder.resolve()
            for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
                hidden = any(part.startswith((".", "~$")) for part in path.relative_to(folder).parts)
                is_book = path.suffix.lower() in WORKBOOKS and path.is_file() and not hidden
                if is_book and (allow_outside or path.resolve().is_relative_to(inside)):
                    name = f"{requested.data.rstrip('/')}/{path.relative_to(folder).as_posix()}"
                    books[name] = table_bytes(path, requested.where(DATA), name=name)
        except (InputError, FileError):
            pass
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


def _marked(issues: Sequence[Issue], name: str, raw: bytes) -> bytes | None:
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
            _list(book, issues, {id(issue): at for at, here in cells.items() for issue in here})
            return _bytes_of(book)
    except Exception:  # noqa: BLE001 - openpyxl raises any type of error for broken parts; the list is still written
        return None


def _is_of(issue: Issue, name: str) -> bool:
    return issue.where == name or issue.where.startswith(f"{name}:")


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
    words = [_safe(issue.what + (f" ({issue.hint})" if issue.hint else "")) for issue in issues]
    if cell.comment is not None:
        words.append(cell.comment.text)
    cell.fill = _FILL
    cell.comment = Comment("\n".join(words), _AUTHOR, width=360, height=90 + 20 * len(words))


def _list(book: Any, issues: Sequence[Issue], cells: Mapping[int, tuple[str, str]]) -> None:
    """Add the list of issues as the first sheet, with links to the cells."""
    title, n = ISSUES_SHEET, 1
    while title.lower() in (name.lower() for name in book.sheetnames):
        n += 1
        title = f"{ISSUES_SHEET} {n}"
    sheet = book.create_sheet(title, 0)
    sheet.append(_HEADINGS)
    for cell, letter, width in zip(sheet[1], "ABCDE", _WIDTHS, strict=True):
        cell.fill, cell.font = _HEADING, Font(bold=True, color="FFFFFF")
        sheet.column_dimensions[letter].width = width
    for line, issue in enumerate(issues[:_MOST_LISTED], start=2):
        at, place = cells.get(id(issue), ("", ""))
        for position, words in enumerate((issue.where, at, place, issue.what, issue.hint), start=1):
            cell = sheet.cell(line, position)
            cell.value = _safe(words)
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


def _safe(words: str) -> str:
    return ILLEGAL_CHARACTERS_RE.sub("", words)[:32_000]


def _bytes_of(book: Any) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()
