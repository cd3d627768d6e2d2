"""Recalculation of a workbook by an independent engine, and comparison with the stored values of its formulas.

The engine is formualizer (extra `verify`). It reads the formulas and ignores the stored values. A formula it cannot
compute is reported as not compared.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from xml.etree import ElementTree

from xlsxwriter.utility import xl_col_to_name

from ccs_model.errors import InputError, Issue, MissingExtraError
from ccs_model.inputs.excel_reader import date_styles, inspect_workbook
from ccs_model.report.workbook.formulas import column_number

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_TEXTS, _STYLES = "xl/sharedStrings.xml", "xl/styles.xml"
_ADDRESS = re.compile(r"([A-Z]+)([0-9]+)")


class StoredCell(NamedTuple):
    """One filled cell; rows and columns are counted from 1.

    `value` is a number, text, or a truth; "" for a formula without a stored value. `is_date` tells a number that is
    shown as a date or a time. `formula` is the text of a formula with the row and column that it is written for: those
    of another cell where it is filled from there.
    """

    sheet: str
    row: int
    column: int
    value: float | str | bool
    has_formula: bool
    is_date: bool = False
    formula: tuple[str, int, int] | None = None

    @property
    def address(self) -> str:
        """As a reader names it: `CashFlow!G15`."""
        return f"{self.sheet}!{xl_col_to_name(self.column - 1)}{self.row}"


def stored_cells(raw: bytes, name: str) -> list[StoredCell]:
    """Every filled cell of the workbook whose bytes are `raw`, sheet by sheet.

    Raises InputError where it is no sound workbook.
    """
    return stored_workbook(raw, name)[0]


class MergedArea(NamedTuple):
    """Cells that a program shows as one, with the value of the first; rows and columns are counted from 1."""

    sheet: str
    row: int
    column: int
    last_row: int
    last_column: int

    def overlaps(self, other: MergedArea) -> bool:
        """Whether a cell is in both areas."""
        return (
            self.sheet == other.sheet
            and self.row <= other.last_row
            and other.row <= self.last_row
            and self.column <= other.last_column
            and other.column <= self.last_column
        )


def stored_workbook(
    raw: bytes, name: str, most: int | None = None
) -> tuple[list[StoredCell], dict[str, str], list[MergedArea]]:
    """Every filled cell of a workbook, `most` at the most, the address of each defined name, and the merged areas.

    Raises as `stored_cells`.
    """
    result = inspect_workbook(raw)
    if result.what:
        raise InputError([Issue(name, result.what, result.hint)])
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            merged: list[MergedArea] = []
            cells = list(itertools.islice(_cells(archive, merged), most))
            if most is not None and len(cells) == most:
                raise ValueError(f"{most:,} filled cells or more")
            return cells, _defined_names(archive), merged
    except (KeyError, IndexError, ValueError, zlib.error, zipfile.BadZipFile, ElementTree.ParseError) as error:
        raise InputError([Issue(name, f"is no workbook that can be read: {error}")]) from error


def _sheets(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Name and part of each sheet, in their order."""
    relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    targets = {each.attrib["Id"]: each.attrib["Target"] for each in relations}
    for sheet in ElementTree.fromstring(archive.read("xl/workbook.xml")).iter(f"{_MAIN}sheet"):
        target = targets[sheet.attrib[_RELATION]]
        yield sheet.attrib["name"], target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _defined_names(archive: zipfile.ZipFile) -> dict[str, str]:
    """The address of each name of the whole workbook, without its dollar signs: `Inputs!C7`."""
    names = ElementTree.fromstring(archive.read("xl/workbook.xml")).iter(f"{_MAIN}definedName")
    whole = (each for each in names if "localSheetId" not in each.attrib)
    return {each.attrib["name"]: (each.text or "").replace("$", "").replace("'", "") for each in whole}


def _cells(archive: zipfile.ZipFile, merged: list[MergedArea]) -> Iterator[StoredCell]:
    """Cells one after the other, sheet by sheet; merged areas are added to `merged`."""
    parts = archive.namelist()
    texts = ElementTree.fromstring(archive.read(_TEXTS)) if _TEXTS in parts else ()
    shared = ["".join(text.text or "" for text in item.iter(f"{_MAIN}t")) for item in texts]
    # Cell styles that show a number as a date or a time.
    dates = date_styles(archive.read(_STYLES)) if _STYLES in parts else frozenset()
    for sheet, part in _sheets(archive):
        filled: dict[str, tuple[str, int, int]] = {}
        for cell in _elements(archive, part):
            if cell.tag == f"{_MAIN}mergeCell":
                merged.append(_merged_area(sheet, cell.attrib["ref"]))
                continue
            value = _value(cell, shared)
            if value is None:
                continue
            at = _ADDRESS.fullmatch(cell.attrib["r"])
            if at is None:
                raise ValueError(f"a cell is called {cell.attrib['r']}")
            row, column = int(at[2]), column_number(at[1])
            is_date = isinstance(value, float) and int(cell.attrib.get("s", 0)) in dates
            formula = _formula(cell, row, column, filled)
            yield StoredCell(sheet, row, column, value, formula is not None, is_date, formula)


def _merged_area(sheet: str, ref: str) -> MergedArea:
    ends = [_ADDRESS.fullmatch(each) for each in ref.split(":")]
    first, last = ends[0], ends[-1]
    if first is None or last is None:
        raise ValueError(f"a merged area is called {ref}")
    return MergedArea(sheet, int(first[2]), column_number(first[1]), int(last[2]), column_number(last[1]))


def _formula(
    cell: ElementTree.Element, row: int, column: int, filled: dict[str, tuple[str, int, int]]
) -> tuple[str, int, int] | None:
    """The formula of a cell; None without one. `filled` are those written once for several cells, by their number."""
    found = cell.find(f"{_MAIN}f")
    if found is None:
        return None
    text, number = found.text or "", found.attrib.get("si", "")
    if found.attrib.get("t") == "shared" and not text:
        return filled.get(number, ("", row, column))
    if number:
        filled[number] = (text, row, column)
    return text, row, column


def _elements(archive: zipfile.ZipFile, part: str) -> Iterator[ElementTree.Element]:
    """Cells and merged areas of a part one after the other; rows are forgotten once read."""
    with archive.open(part) as file:
        for _, element in ElementTree.iterparse(file):
            if element.tag == f"{_MAIN}row":
                yield from element.iter(f"{_MAIN}c")
                element.clear()
            elif element.tag == f"{_MAIN}mergeCell":
                yield element


def _value(cell: ElementTree.Element, shared: list[str]) -> float | str | bool | None:
    kind = cell.attrib.get("t", "n")
    if kind == "inlineStr":
        return "".join(text.text or "" for text in cell.iter(f"{_MAIN}t"))
    stored = cell.find(f"{_MAIN}v")
    if stored is None or stored.text is None:
        # A formula may give a text without letters.
        return "" if cell.find(f"{_MAIN}f") is not None else None
    if kind == "s":
        return shared[int(stored.text)]
    if kind == "b":
        return stored.text == "1"
    if kind != "n":
        return stored.text
    number = float(stored.text)
    if not math.isfinite(number):
        raise ValueError(f"{stored.text} is not a finite number")
    return number


TOLERANCE = 1e-9
ENGINE = "formualizer"
# Errors by which the engine says that it does not know a function, not that the function fails.
_UNKNOWN = ("Name", "NImpl")


@dataclass(frozen=True)
class RecomputedWorkbook:
    """How many formulas were compared, the largest distance (relative above 1), and the cells that differ.

    `difference` and `not_compared` are sentences that begin with the address.
    """

    n_compared: int
    worst: float
    difference: tuple[str, ...]
    not_compared: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Every formula was compared, and every one is equal."""
        return not self.difference and not self.not_compared


def engine() -> Any:
    """The engine's module.

    Raises MissingExtraError if it is not installed.
    """
    try:
        import formualizer
    except ImportError as error:
        raise MissingExtraError("recalculating the workbook", "verify", [ENGINE]) from error
    return formualizer


def recompute_workbook(raw: bytes, cells: Sequence[StoredCell]) -> RecomputedWorkbook:
    """Compute every formula of the workbook `raw` and compare it with what is stored, `cells` being its cells.

    Raises MissingExtraError without the engine.
    """
    module = engine()
    formulas = [cell for cell in cells if cell.has_formula]
    try:
        book = module.Workbook.from_bytes(raw)
        book.evaluate_all()
    except Exception as error:  # noqa: BLE001  the engine raises its own kinds for what it cannot read
        return RecomputedWorkbook(
            0, 0.0, (), (f"all {len(formulas):,} formulas: {ENGINE} cannot read the workbook: {error}",)
        )
    difference, skipped = [], []
    worst, n_compared = 0.0, 0
    for cell in formulas:
        found: object = {"kind": _UNKNOWN[0]}
        with contextlib.suppress(Exception):
            found = book.get_value(cell.sheet, cell.row, cell.column)
        # An error of the formula's own is an answer.
        unknown = str(found.get("kind", "")) if isinstance(found, dict) else ""
        if unknown in _UNKNOWN:
            skipped.append(f"{cell.address}: {ENGINE} cannot compute it: {unknown}")
            continue
        n_compared += 1
        distance = distance_of(cell.value, found)
        worst = max(worst, distance or 0.0)
        if distance is None or distance > TOLERANCE:
            difference.append(f"{cell.address}: {cell.value!r} stands there, {found!r} is computed")
    return RecomputedWorkbook(n_compared, worst, tuple(difference), tuple(skipped))


def distance_of(expected: object, computed: object) -> float | None:
    """Difference of two values, relative above 1; None if they are not both numbers and not equal."""
    if isinstance(expected, bool) or isinstance(computed, bool):
        return 0.0 if expected == computed else None
    if isinstance(expected, int | float) and isinstance(computed, int | float):
        return abs(expected - computed) / max(1.0, abs(expected))
    return 0.0 if expected == ("" if computed is None else computed) else None
