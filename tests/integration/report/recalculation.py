"""Recalculation of workbooks by LibreOffice or formualizer, and comparison of their formula cells."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import openpyxl
import pytest
import python_calamine
from openpyxl.utils.cell import coordinate_to_tuple
from openpyxl.workbook import Workbook
from openpyxl.worksheet.merge import MergedCellRange

MISSING = "LibreOffice is not installed: apt-get install libreoffice-calc"
# Settings that make LibreOffice recalculate every workbook on load and ignore its stored values.
_ALWAYS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load">
<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item>
</oor:items>
"""


class Values:
    """The values of a workbook, read like openpyxl as `book[sheet][address].value` but about twenty times faster."""

    def __init__(self, path: Path) -> None:
        self._book = python_calamine.CalamineWorkbook.from_path(path)
        self._sheets: dict[str, ValuesOfSheet] = {}

    def __getitem__(self, sheet: str) -> ValuesOfSheet:
        if sheet not in self._sheets:
            rows = self._book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
            self._sheets[sheet] = ValuesOfSheet([[None if cell == "" else cell for cell in row] for row in rows])
        return self._sheets[sheet]


@dataclass(frozen=True)
class ValuesOfSheet:
    """The rows of a sheet from A1 on."""

    rows: Sequence[Sequence[object]]

    def __getitem__(self, address: str) -> SimpleNamespace:
        row, column = coordinate_to_tuple(address)
        inside = row <= len(self.rows) and column <= len(self.rows[row - 1])
        return SimpleNamespace(value=self.rows[row - 1][column - 1] if inside else None)


def recomputed(paths: Sequence[Path], folder: Path) -> dict[str, Values]:
    """The values of each workbook as recalculated by LibreOffice, by stem; skips the test if it is not installed."""
    program = shutil.which("soffice") or shutil.which("libreoffice")
    if program is None:
        pytest.skip(MISSING)
    profile, out = folder / "profile", folder / "recomputed"
    (profile / "user").mkdir(parents=True, exist_ok=True)
    (profile / "user" / "registrymodifications.xcu").write_text(_ALWAYS, encoding="utf-8")
    command = [program, "--headless", f"-env:UserInstallation={profile.as_uri()}", "--convert-to", "xlsx"]
    subprocess.run([*command, "--outdir", str(out), *map(str, paths)], check=True, capture_output=True, timeout=400)
    return {path.stem: Values(out / path.name) for path in paths}


class Computed:
    """A workbook as recalculated by formualizer, read like openpyxl as `book[sheet][address].value`."""

    def __init__(self, path: Path) -> None:
        formualizer = pytest.importorskip("formualizer", reason='python -m pip install "ccs-model[verify]"')
        self._book = formualizer.load_workbook(str(path))
        self._book.evaluate_all()

    def __getitem__(self, sheet: str) -> Mapping[str, SimpleNamespace]:
        book = self._book

        class Cells(dict[str, SimpleNamespace]):
            def __missing__(self, address: str) -> SimpleNamespace:
                row, column = coordinate_to_tuple(address)
                return SimpleNamespace(value=book.get_value(sheet, row, column))

        return Cells()


def formula_cells(path: Path) -> Iterator[tuple[str, str, str]]:
    """Sheet, address and text of every formula."""
    with closing(openpyxl.load_workbook(path, read_only=True)) as book:
        for sheet in book:
            for row in sheet.iter_rows():
                for cell in row:
                    if cell.data_type == "f":
                        yield sheet.title, cell.coordinate, str(cell.value)


def differences(
    cells: Sequence[tuple[str, str, str]],
    expected: Workbook | Values,
    found: Values | Computed,
    tolerance: float = 1e-9,
) -> tuple[list[str], float]:
    """Messages on cells that differ, and the largest difference of numbers, relative for values above 1."""
    difference, worst = [], 0.0
    for sheet, address, text in cells:
        ours, theirs = (_value(book[sheet][address].value) for book in (expected, found))
        if isinstance(ours, float) and isinstance(theirs, float):
            distance = abs(ours - theirs) / max(1.0, abs(ours))
            worst = max(worst, distance)
            same = distance <= tolerance
        else:
            same = ours == theirs
        if not same:
            difference.append(f"{sheet}!{address}: {ours!r} is {theirs!r} in {text[:120]}")
    return difference, worst


def _value(value: object) -> object:
    if value is None:
        return ""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def edited(path: Path, to: Path, values: Mapping[str, float | str], rows: Mapping[str, Mapping[int, float]]) -> Path:
    """A copy with named inputs changed, and with values by year in rows of sheet Series, named by their first cell."""
    # Do not format borders of merged cells: no value depends on them, and they take half of the time.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MergedCellRange, "format", lambda _: None)
        book = openpyxl.load_workbook(path)
    for name, value in values.items():
        sheet, address = book.defined_names[name].attr_text.split("!")
        assert not book[sheet][address].protection.locked, name
        book[sheet][address].value = value
    series = book["Series"]
    heads = next(row for row in series.iter_rows() if row[1].value == "Place")
    for label, amounts in rows.items():
        row = next(row for row in series.iter_rows() if row[0].value == label)
        for head, cell in zip(heads[6:], row[6:], strict=True):
            year = int(str(head.value)[:4])
            cell.value = amounts[year]
            assert not cell.protection.locked
    book.save(to)
    return to


def assert_same_cells(one: Path, other: Path) -> None:
    """Assert that two workbooks have the same sheets with the same content and as many charts."""
    first, second = map(openpyxl.load_workbook, (one, other))
    assert first.sheetnames == second.sheetnames
    for name in first.sheetnames:
        values, values_again = ([[cell.value for cell in row] for row in book[name].rows] for book in (first, second))
        assert values == values_again, name
        assert len(first[name]._charts) == len(second[name]._charts), name
