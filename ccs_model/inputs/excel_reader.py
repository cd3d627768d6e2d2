"""Reads the sheets of Excel workbooks as grids of cells.

A workbook is untrusted input: a zip archive of XML files. Before it is opened, its declared sizes and its XML are
checked, so that decompression bombs and XML entities are rejected. Plain workbooks are read with calamine if it is
installed, others with openpyxl; both give the same cells. Properties of cells that the readers do not report (formulas
without a value, percent formats, merged cells, hidden rows) are read from the XML of the sheet.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from importlib import util
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import unescape

from ccs_model.errors import Issue
from ccs_model.inputs.cells import CoveredCell, ErrorValue, Percent, UncomputedFormula
from ccs_model.inputs.declarations import MOST_COLUMNS, MOST_ROWS, Grid, Source, kind_of, unreadable_grid

Cell = tuple[int, int]
_RANGE = re.compile(r"([A-Z]{1,3})(\d{1,7})(?::([A-Z]{1,3})(\d{1,7}))?")
# A cell merged over more lines than this is decoration.
_MOST_LINES = 100_000
_PERCENT_IDS = (9, 10)  # built-in formats 0% and 0.00%
_DATE_IDS = (*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59))  # built-in formats of dates and times
_DATE = re.compile(r"[dmyhs]", re.IGNORECASE)
# Texts, colours, currencies and conditions of a number format, and the word General.
_NOT_DATE = re.compile(r'"[^"]*"|\\.|_.|\[(?!h+\]|m+\]|s+\])[^\]]*\]|General', re.IGNORECASE)


@dataclass
class Marks:
    """Properties of cells by (line, position); `merged` holds ranges of positions covered by merged cells, by line.

    `hidden` holds the lines of hidden rows; a filter hides the rows that it leaves out.
    """

    uncomputed: set[Cell] = field(default_factory=set)
    percent: set[Cell] = field(default_factory=set)
    hidden: set[int] = field(default_factory=set)
    merged: dict[int, list[Cell]] = field(default_factory=dict)

    def is_merged(self, line: int, at: int) -> bool:
        """Whether the cell is covered by a merged one."""
        return any(first <= at <= last for first, last in self.merged.get(line, ()))

    def merge(self, reference: str) -> None:
        """Mark all cells of a range but the first, which has the value."""
        if not (found := _RANGE.fullmatch(reference)):
            return
        left, right = position_of(found[1]), position_of(found[3] or found[1])
        top, bottom = int(found[2]), int(found[4] or found[2])
        if bottom - top > _MOST_LINES:
            return
        if right > left:
            self.merged.setdefault(top, []).append((left + 1, right))
        for line in range(top + 1, bottom + 1):
            self.merged.setdefault(line, []).append((left, right))


def marks_of(raw: bytes, part: str, percent_styles: frozenset[int]) -> Marks:
    """Marks of one sheet, whose XML is the `part` of the workbook."""
    marks = Marks()
    line, at = 0, -1
    with zipfile.ZipFile(io.BytesIO(raw)) as archive, archive.open(part) as file:
        for event, element in ElementTree.iterparse(file, events=("start", "end")):
            tag = event, plain_tag(element.tag)
            if tag == ("start", "row"):
                line, at = int(element.get("r", line + 1)), -1
                if element.get("hidden") in ("1", "true"):
                    marks.hidden.add(line)
            elif tag == ("start", "c"):
                at = position_of(element.get("r", "")) if element.get("r") else at + 1
            elif tag == ("end", "c"):
                inside = {plain_tag(child.tag): child for child in element}
                value = inside["v"].text if "v" in inside else None
                # An empty text is a value of a formula; Excel marks it as text.
                if "f" in inside and not value and element.get("t") != "str":
                    marks.uncomputed.add((line, at))
                if value and element.get("t", "n") == "n" and int(element.get("s", 0)) in percent_styles:
                    marks.percent.add((line, at))
            elif tag == ("end", "row"):
                element.clear()
            elif tag == ("end", "mergeCell"):
                marks.merge(element.get("ref", ""))
    return marks


def percent_styles(styles: bytes) -> frozenset[int]:
    """Indices of the cell styles with a percent format, from the part xl/styles.xml."""
    return _styles_of(styles, _PERCENT_IDS, lambda code: "%" in code)


def date_styles(styles: bytes) -> frozenset[int]:
    """Indices of the cell styles with a format of dates or times, from the part xl/styles.xml."""
    return _styles_of(styles, _DATE_IDS, lambda code: _DATE.search(_NOT_DATE.sub("", code)) is not None)


def _styles_of(styles: bytes, ids: Sequence[int], is_shown: Callable[[str], bool]) -> frozenset[int]:
    """Indices of the cell styles with one of the built-in formats `ids`, or a format of the workbook that is shown."""
    root = ElementTree.fromstring(styles)
    shown = set(ids)
    places: list[int] = []
    for element in root:
        name = plain_tag(element.tag)
        if name == "numFmts":
            shown |= {int(each.get("numFmtId", -1)) for each in element if is_shown(each.get("formatCode", ""))}
        elif name == "cellXfs":
            places = [int(each.get("numFmtId", 0)) for each in element]
    return frozenset(place for place, form in enumerate(places) if form in shown)


def position_of(reference: str) -> int:
    """Column number of a cell reference, from 0: D12 is 3."""
    position = 0
    for letter in reference.upper():
        if not "A" <= letter <= "Z":
            break
        position = position * 26 + ord(letter) - ord("A") + 1
    return position - 1


def plain_tag(tag: str) -> str:
    """Name of an XML tag without its namespace."""
    return tag.rpartition("}")[2]


LARGEST_UNPACKED = 200_000_000
LARGEST_RATIO = 200
_MOST_PARTS = 10_000
_HARMLESS_BYTES = 1_000_000  # small sheets of equal rows may exceed the ratio
_CHUNK, _OVERLAP = 1 << 20, 512
# Encodings of XML; entities can only be declared inside a DOCTYPE.
_DOCTYPE = tuple("<!DOCTYPE".encode(encoding) for encoding in ("ascii", "utf-16-le", "utf-16-be"))
_FAR_LINE = 300_000
# Escaped characters, phonetic text and the 1904 date system: the two readers differ there.
_SIGNS = {"other": re.compile(rb"_x[0-9A-Fa-f]{4}_|<(\w+:)?rPh|date1904\s*=\s*[\"'](1|true)")}
_SIGNS_OF_SHEETS = {
    "formula": re.compile(rb"<(\w+:)?f[\s/>]"),
    "merged": re.compile(rb"<(\w+:)?mergeCell\s"),
    "error": re.compile(rb"\st\s*=\s*[\"']e[\"']"),
    "hidden": re.compile(rb"<(\w+:)?row\s[^<>]{0,400}\shidden\s*=\s*[\"'](1|true)"),
}
_HINTS = {
    "a password-protected workbook": "remove the password",
    "a link to a file": "download the file itself",
    "a file of zeros": "copy it again",
}
# What a damaged archive, or its XML, raises; NotImplementedError is a RuntimeError.
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError, ValueError, SyntaxError)
# A row with at least one cell.
_ROW = re.compile(rb"<(?:\w+:)?row(?:\s[^<>]{0,400})?>\s{0,20}<(?:\w+:)?c[\s/>]")
_PLACE = re.compile(rb"\sr\s*=\s*[\"']([^\"']{0,40})")


@dataclass(frozen=True)
class WorkbookInspection:
    """Result of the checks before a workbook is opened: why it is rejected ("" if not), and a hint.

    `has_marks`: there are formulas, merged cells, percent formats or hidden rows.
    `is_plain`: there are none, no error values, and no cells far beyond the size of a table.
    """

    what: str = ""
    hint: str = ""
    has_marks: bool = False
    is_plain: bool = False
    percent_styles: frozenset[int] = frozenset()


def inspect_workbook(raw: bytes) -> WorkbookInspection:
    """Check the bytes of a file named .xlsx."""
    if not raw:
        return WorkbookInspection("the file is empty", "if it is stored in a cloud, open it once to download it")
    kind = kind_of(raw)
    if not raw.startswith(b"PK\x03\x04"):
        hint = _HINTS.get(kind.split(",")[0], "save it as an Excel workbook (.xlsx)")
        return WorkbookInspection(
            f"this is {kind or 'text, perhaps CSV'}, expected .xlsx", hint if kind else "name it .csv"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return _inspect_archive(archive, kind)
    except _BROKEN as error:
        return WorkbookInspection(f"the workbook is damaged or incomplete: {error}", "copy it again")


def _inspect_archive(archive: zipfile.ZipFile, kind: str) -> WorkbookInspection:
    parts = archive.infolist()
    unpacked = sum(part.file_size for part in parts)
    packed = max(sum(part.compress_size for part in parts), 1)
    if len(parts) > _MOST_PARTS:
        return WorkbookInspection(f"the workbook has {len(parts):,} parts, expected at most {_MOST_PARTS:,}")
    if unpacked > LARGEST_UNPACKED:
        return WorkbookInspection(f"would unpack to {unpacked:,} bytes, expected at most {LARGEST_UNPACKED:,}")
    if unpacked > _HARMLESS_BYTES and unpacked > LARGEST_RATIO * packed:
        what = f"would unpack to {unpacked / packed:,.0f} times its size, expected at most {LARGEST_RATIO} times"
        return WorkbookInspection(what, "save it again in Excel")
    names = {part.filename for part in parts}
    if "xl/workbook.xml" not in names:
        kind = "a binary Excel workbook (.xlsb)" if "xl/workbook.bin" in names else kind
        kind = "an OpenDocument spreadsheet (.ods)" if "content.xml" in names else kind
        kind = "a Numbers document" if any(name.endswith(".iwa") for name in names) else kind
        return WorkbookInspection(
            f"this is {kind or 'a zip archive'}, expected .xlsx", "save it as an Excel workbook (.xlsx)"
        )
    signs: set[str] = set()
    for part in parts:
        if not part.filename.lower().endswith((".xml", ".rels", ".vml")):
            continue
        found = _part_features(archive, part)
        signs |= found
        if "doctype" in found:
            return WorkbookInspection(
                f"its part {part.filename} has a DOCTYPE, which is not allowed", "save it again in Excel"
            )
        if "long" in found:
            return WorkbookInspection(f"more than {MOST_ROWS:,} rows", "delete the formatted rows below the table")
    percent = percent_styles(archive.read("xl/styles.xml")) if "xl/styles.xml" in names else frozenset()
    has_marks = bool(percent or signs & {"formula", "merged", "hidden"})
    return WorkbookInspection(has_marks=has_marks, is_plain=not (has_marks or signs), percent_styles=percent)


def _part_features(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> set[str]:
    """Features of the part that decide how the workbook is read."""
    found: set[str] = set()
    is_sheet = part.filename.startswith("xl/worksheets/")
    tail = b""
    n_rows = 0
    with archive.open(part) as file:
        while chunk := file.read(_CHUNK):
            text = tail + chunk
            if any(sign in text for sign in _DOCTYPE):
                found.add("doctype")
            found |= {name for name, sign in _SIGNS.items() if sign.search(text)}
            if is_sheet:
                found |= {name for name, sign in _SIGNS_OF_SHEETS.items() if sign.search(text)}
                if "far" not in found and any(_is_far(each[1]) for each in _PLACE.finditer(text)):
                    found.add("far")
                n_rows += sum(row.end() > len(tail) for row in _ROW.finditer(text))
                if n_rows > MOST_ROWS + 1:  # with the header
                    return found | {"long"}
            tail = text[-_OVERLAP:]
    return found


def _is_far(place: bytes) -> bool:
    """Whether a row or cell is far beyond the size of a table, or has an unusual reference."""
    letters = place.rstrip(b"0123456789")
    line = place[len(letters) :]
    return not (line.isdigit() and len(letters) <= 2 and int(line[:9]) <= _FAR_LINE)


# Calamine is about ten times faster than openpyxl. It does not distinguish an error value from its text, or a formula
# without a value from an empty cell, and it expands a sheet in full; so only plain workbooks are read with it.
_EXACT = 1e15


@dataclass(frozen=True)
class SheetRows:
    """A worksheet: its name, the name of its XML part if known, and its rows from the first line on."""

    title: str
    part: str
    rows: Iterator[Sequence[object]]


def has_quick_reader() -> bool:
    """Whether calamine is installed (extra `fast`)."""
    return util.find_spec("python_calamine") is not None


def quick_sheets(raw: bytes) -> Iterator[SheetRows]:
    """Every worksheet, read with calamine; only for plain workbooks."""
    import python_calamine

    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(raw))
    for sheet in book.sheets_metadata:
        if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet:
            rows = book.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False)
            yield SheetRows(sheet.name, "", ([_plain_value(cell) for cell in row] for row in rows))


def careful_sheets(raw: bytes) -> Iterator[SheetRows]:
    """Every worksheet, read with openpyxl."""
    import openpyxl

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl warns of drop-downs and styles, which are not needed here
        book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # the stored dimensions may be wrong
            rows = ([_convert_cell(cell) for cell in row] for row in sheet.iter_rows())
            yield SheetRows(str(sheet.title), sheet._worksheet_path, rows)
        book.close()


def _convert_cell(cell: Any) -> object:
    if cell.data_type == "e" and isinstance(cell.value, str):
        return ErrorValue(cell.value)
    return _plain_value(cell.value)


def _plain_value(cell: object) -> object:
    """The value in a form independent of the reader: integers as int, dates as datetime."""
    if isinstance(cell, str):
        return cell.strip() or None
    if type(cell) is float and cell.is_integer() and abs(cell) < _EXACT:
        return int(cell)
    if type(cell) is date:
        return datetime.combine(cell, time())
    return cell


_SHEET = re.compile(r"<(?:\w+:)?sheet\s[^<>]{0,2000}>")
_ATTRIBUTE = re.compile(r"(\w+)\s*=\s*\"([^\"<>]*)\"")
_LAST_LINE = 1_048_576  # of any sheet; a file may claim more, and openpyxl would count up to it


@dataclass(frozen=True)
class Book:
    """Grids of a workbook by sheet name, or the issues that prevent reading it."""

    sheets: dict[str, Grid]
    issues: tuple[Issue, ...] = ()


def workbook_grids(raw: bytes, file: str) -> Book:
    """Every worksheet of a workbook as a grid; formulas are not computed. `file` is its name in issues."""
    result = inspect_workbook(raw)
    if result.what:
        return Book({}, (Issue(file, result.what, result.hint),))
    sheets = {}
    try:
        hidden = _hidden_sheets(raw)
        read = quick_sheets if result.is_plain and has_quick_reader() else careful_sheets
        for sheet in read(raw):
            source = Source(f"{file}:{sheet.title}", {}, is_own=True)
            marks = marks_of(raw, sheet.part, result.percent_styles) if result.has_marks and sheet.part else Marks()
            sheets[sheet.title] = replace(_grid(sheet, source, marks), is_hidden=sheet.title in hidden)
    except Exception as error:  # noqa: BLE001 - the readers raise any type of error for broken parts
        what = f"cannot be read as a workbook: {type(error).__name__}: {error}"
        return Book({}, (Issue(file, " ".join(what.split()), "open and save it in Excel"),))
    return Book(sheets)


def _hidden_sheets(raw: bytes) -> frozenset[str]:
    """Titles of the sheets that the workbook hides."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        text = archive.read("xl/workbook.xml").decode("utf-8", errors="replace")
    sheets = (dict(_ATTRIBUTE.findall(each)) for each in _SHEET.findall(text))
    return frozenset(unescape(each.get("name", "")) for each in sheets if each.get("state") in ("hidden", "veryHidden"))


def _grid(sheet: SheetRows, source: Source, marks: Marks) -> Grid:
    header: list[str] = []
    header_line = 1
    rows: list[tuple[int, tuple[object, ...]]] = []
    for line, cells in enumerate(sheet.rows, start=1):
        if line > _LAST_LINE:
            return unreadable_grid(source, f"more than {_LAST_LINE:,} lines")
        values = [_mark_cell(cell, line, at, marks) for at, cell in enumerate(cells)]
        while values and values[-1] is None:
            values.pop()
        if not values:
            continue
        if len(values) > MOST_COLUMNS and header and len(header) <= MOST_COLUMNS:
            what = f"a value beyond the {MOST_COLUMNS} columns of a table, in a column without a heading"
            stray = Issue(source.at_position(line, len(values) - 1), what, "delete the cell")
            return Grid(source, (), 1, (), (stray,), is_unreadable=True)
        if len(values) > MOST_COLUMNS:
            return unreadable_grid(source, f"{len(values):,} columns at line {line}, expected at most {MOST_COLUMNS}")
        if not header:
            header, header_line = ["" if value is None else str(value).strip() for value in values], line
        elif len(rows) == MOST_ROWS:
            return unreadable_grid(source, f"more than {MOST_ROWS:,} rows")
        else:
            rows.append((line, _mark_merged_cells(values, line, len(header), marks)))
    return Grid(source, tuple(header), header_line, tuple(rows), hidden=frozenset(marks.hidden))


def _mark_cell(cell: object, line: int, at: int, marks: Marks) -> object:
    if (line, at) in marks.uncomputed:
        return UncomputedFormula()
    return Percent(cell) if (line, at) in marks.percent and isinstance(cell, int | float) else cell


def _mark_merged_cells(values: list[object], line: int, n_columns: int, marks: Marks) -> tuple[object, ...]:
    """The row with covered cells marked as `CoveredCell` instead of empty."""
    if line not in marks.merged:
        return tuple(values)
    padded = [*values, *[None] * (n_columns - len(values))]
    return tuple(
        CoveredCell() if cell is None and marks.is_merged(line, at) else cell for at, cell in enumerate(padded)
    )
