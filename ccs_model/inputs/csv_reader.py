"""Reads CSV files as grids of cells: with or without byte-order mark, UTF-8, UTF-16 or GB18030, any delimiter.

A row with too many fields is an error and never shifts columns.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path, PurePath, PureWindowsPath

from ccs_model.bounded_reading import TABLE_BYTES
from ccs_model.errors import FileError, InputError, Issue
from ccs_model.inputs.checked_table import LINES_OF_TITLE, column_of, late_header_line, late_header_message
from ccs_model.inputs.declarations import (
    BINARY,
    MOST_COLUMNS,
    MOST_ROWS,
    Column,
    Grid,
    Source,
    kind_of,
    unreadable_grid,
)
from ccs_model.scenario.sections import OwnTables
from ccs_model.scenario.yaml_document import contents, full_path, path_inside

_DELIMITERS = ",;\t"
_FEW = 20
_LONGEST_LINE = 100_000  # read to find the delimiter
# A quoted field, up to its closing quote or to the end of the text.
_QUOTED = re.compile(r'"(?:[^"]|"")*+("|\Z)')
# First line that Excel writes and reads to state the separator.
_STATED = re.compile(rf'"?sep=([{_DELIMITERS}])"?[{_DELIMITERS} ]*(?=[\r\n]|\Z)', re.IGNORECASE)
# Minimum share of common Chinese characters among the non-ASCII ones of a text in GB18030.
_COMMON_SHARE = 0.8


def csv_grid(raw: bytes, source: Source, columns: Sequence[Column]) -> Grid:
    """The grid of a CSV file. `columns` are those that the header may name; they identify the delimiter."""
    kind = kind_of(raw)
    # A text with a few NUL characters is reported by its rows.
    if kind and not (kind == BINARY and raw.count(b"\0") <= _FEW and isinstance(_decode_text(raw), str)):
        hint = "name it .xlsx" if kind.startswith("an Excel workbook (.xlsx)") else "save it as CSV UTF-8"
        return unreadable_grid(source, f"this is {kind}, expected CSV", hint)
    if _has_too_many_rows(raw):
        return unreadable_grid(source, f"more than {MOST_ROWS:,} rows")
    text = _decode_text(raw)
    if isinstance(text, int):
        line = len((raw[:text] + b".").splitlines())
        return unreadable_grid(source, f"not UTF-8 text in line {line}, at byte {text}", "save it as CSV UTF-8")
    stated = _STATED.match(text)
    delimiter = stated[1] if stated else _delimiter(text, columns)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    issues: list[Issue] = []
    first: list[tuple[int, list[str]]] = []
    header: list[str] = []
    header_line = 1
    rows: list[tuple[int, tuple[object, ...]]] = []
    next_line = 1
    try:
        for fields in reader:
            # A row of several lines is named after its first.
            line, next_line = next_line, reader.line_num + 1
            if not any(field.strip() for field in fields) or (stated and line == 1):
                continue
            if not header:
                header, header_line = [field.strip() for field in fields], line
                if len(header) > MOST_COLUMNS:
                    return unreadable_grid(source, f"{len(header):,} columns, expected at most {MOST_COLUMNS:,}")
                continue
            if len(first) < LINES_OF_TITLE:
                first.append((line, fields))
            if len(fields) != len(header):
                what = f"{len(fields)} fields, expected {len(header)} as in the header"
                n_lines = next_line - line
                hint = f"the row has {n_lines:,} lines; is a quote not closed?" if n_lines > 1 else ""
                issues.append(Issue(source.at(line), what, hint))
            elif len(rows) == MOST_ROWS:
                return unreadable_grid(source, f"more than {MOST_ROWS:,} rows")
            else:
                rows.append((line, tuple(field.strip() for field in fields)))
    except csv.Error as error:
        issues.append(_syntax_issue(text, next_line, reader.line_num, error, source))
    if below := late_header_line(header, first, columns):
        return unreadable_grid(source, *late_header_message(below))
    return Grid(source, tuple(header), header_line, tuple(rows), tuple(issues), is_semicolon=delimiter == ";")


def _syntax_issue(text: str, first: int, last: int, error: csv.Error, source: Source) -> Issue:
    """Issue of a row from line `first` that cannot be read beyond line `last`."""
    is_open = "end of data" in str(error)
    if last == first and not is_open:
        return Issue(source.at(last), f"not readable as CSV: {error}")
    opened = _line_of_open_quote(text, first, is_open=is_open)
    return Issue(source.at(opened), "the quote that opens here is not closed", "close the quote")


def _line_of_open_quote(text: str, first: int, *, is_open: bool) -> int:
    """Line of the quote that is not closed in the text from line `first` on.

    Unless it `is_open` up to the end, the quote of a later row has closed it: it is that of the longest quoted field.
    """
    lines = text.splitlines(keepends=True)
    rest = "".join(lines[first - 1 :])
    fields = list(_QUOTED.finditer(rest))
    opened = next((each for each in fields if is_open and not each[1]), None)
    opened = opened or max(fields, key=lambda each: each[0].count("\n") if each[1] else 0)
    return first + rest[: opened.start()].count("\n")


def _has_too_many_rows(raw: bytes) -> bool:
    """Whether there are more rows than a table may have, counted without holding them."""
    if max(raw.count(b"\n"), raw.count(b"\r")) <= MOST_ROWS:
        return False
    encoding = "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    lines = io.TextIOWrapper(io.BytesIO(raw), encoding=encoding, errors="replace", newline="")
    n_rows = 0
    try:
        for fields in csv.reader(lines):
            n_rows += any(fields)
            if n_rows > MOST_ROWS + 1:  # with the header
                return True
    except csv.Error:
        return False  # reported with its line by the reader
    return False


def _decode_text(raw: bytes) -> str | int:
    """The text, or the position of the first byte that cannot be decoded."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return raw.decode("utf-16")
        except UnicodeDecodeError as error:
            return error.start
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _decode_chinese(raw) or error.start


def _decode_chinese(raw: bytes) -> str:
    """The text if it is GB18030, with mostly common Chinese characters besides ASCII; else ""."""
    try:
        text = raw.decode("gb18030")
    except UnicodeDecodeError:
        return ""
    others = [sign for sign in text if not sign.isascii()]
    common = sum(map(_is_common_chinese, others))
    return text if others and common >= _COMMON_SHARE * len(others) else ""


def _is_common_chinese(sign: str) -> bool:
    """Whether it is one of the 3,755 most common characters of GB 2312, its punctuation or a full-width character."""
    pair = sign.encode("gb18030")
    return len(pair) == 2 and (0xB0 <= pair[0] <= 0xD7 or pair[0] in (0xA1, 0xA3)) and pair[1] >= 0xA1


def _delimiter(text: str, columns: Sequence[Column]) -> str:
    """The delimiter that splits the first line with known headings, perhaps below a title, into the most of them."""

    def count_headings(line: str, delimiter: str) -> int:
        try:
            fields = next(csv.reader([line[:_LONGEST_LINE]], delimiter=delimiter), [])
        except csv.Error:
            return 0
        return sum(column_of(field.strip(), columns) is not None for field in fields)

    lines = (line for line in text.splitlines() if line.strip())
    for line in islice(lines, 1 + LINES_OF_TITLE):
        n_known = {delimiter: count_headings(line, delimiter) for delimiter in _DELIMITERS}
        if any(n_known.values()):
            return max(_DELIMITERS, key=lambda delimiter: n_known[delimiter])
    return _DELIMITERS[0]


LOCK = "~$"


def path_of(requested: OwnTables, key: str, name: str, *, allow_outside: bool) -> Path:
    """Path of a file that a key names. Raises FileError for an impossible name, InputError outside the folder."""
    if not name.isprintable():
        raise FileError(f"{requested.place_of_key(key)}: {name!a} has a character that is not allowed in file names")
    if os.name != "nt" and PureWindowsPath(name).drive:
        raise FileError(f"{requested.place_of_key(key)}: {name} is a Windows path, but this is not a Windows system")
    if PurePath(name).name.startswith(LOCK):
        whole = PurePath(name).name.removeprefix(LOCK)
        what = f"{name} is a lock file of Excel without rows"
        raise InputError([Issue(requested.place_of_key(key), what, f"name the workbook: {whole}")])
    path = path_inside(requested.folder, name, allow_outside=allow_outside)
    if path is None:
        what = f"{full_path(requested.folder / name)} lies outside the scenario's folder"
        raise InputError([Issue(requested.place_of_key(key), what, "allow it with --allow-outside")])
    return path


def own_bytes(requested: OwnTables, key: str, name: str, *, allow_outside: bool) -> bytes:
    """Bytes of the file that a key names. Raises as `path_of` and `table_bytes`."""
    path = path_of(requested, key, name, allow_outside=allow_outside)
    return table_bytes(path, requested.place_of_key(key), name=name)


def table_bytes(path: Path, where: str, *, name: str = "") -> bytes:
    """Bytes of a table's file. Raises FileError, starting with the key's place `where`, if it cannot be read."""
    return contents(path, largest_bytes=TABLE_BYTES, expected="a file", at=name or where, requested_at=where)
