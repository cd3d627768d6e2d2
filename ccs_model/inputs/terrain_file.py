"""Reads cost multipliers by location: an ESRI ASCII grid (.asc) or a .csv with lat_deg, lon_deg, cost_multiplier.

The file replaces the table transport/terrain. Format of the grid: https://desktop.arcgis.com, "Esri ASCII raster
format"; coordinates are in degrees (WGS84), and cells without data have the multiplier 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ccs_model._typing import Floats
from ccs_model.errors import Issue
from ccs_model.inputs.cells import number_in
from ccs_model.inputs.checked_table import Table
from ccs_model.inputs.csv_reader import csv_grid
from ccs_model.inputs.declarations import Column, Source, kind_of
from ccs_model.inputs.user_tables import own_table
from ccs_model.scenario.validation import shown_text

TERRAIN_TABLE = "transport/terrain"
MOST_CELLS = 20_000_000
_MOST_ISSUES = 20  # of one grid
_NO_DATA = -9999.0
_INTEGER, _NUMBERS = ("ncols", "nrows"), ("cellsize", "nodata_value")
_EDGES = {"xllcorner": "x", "xllcenter": "x", "yllcorner": "y", "yllcenter": "y"}
_MARGIN_DEG = 1e-6


@dataclass(frozen=True, eq=False)
class Raster:
    """A grid of cost multipliers with square cells, from north to south; `west_deg`, `north_deg` are cell centres."""

    west_deg: float
    north_deg: float
    cell_deg: float
    values: npt.NDArray[np.float32]

    def at(self, lat_deg: Floats, lon_deg: Floats) -> Floats:
        """Multiplier of the nearest cell within the diagonal of a cell, else 1."""
        n_rows, n_columns = self.values.shape
        row, column = (self.north_deg - lat_deg) / self.cell_deg, (lon_deg - self.west_deg) / self.cell_deg
        i = np.clip(np.rint(row), 0, n_rows - 1).astype(np.int64)
        j = np.clip(np.rint(column), 0, n_columns - 1).astype(np.int64)
        near = np.hypot(row - i, column - j) <= math.sqrt(2.0)
        return np.where(near, self.values[i, j].astype(float), 1.0)


@dataclass(frozen=True)
class TerrainFile:
    """A terrain file as read: points as rows of transport/terrain, or a grid."""

    name: str
    raw: bytes
    table: Table | None = None
    raster: Raster | None = None
    issues: tuple[Issue, ...] = ()


def read_terrain(raw: bytes, name: str, columns: Sequence[Column]) -> TerrainFile:
    """Read a terrain file. `columns` are those of transport/terrain; reference and quality are optional."""
    if name.lower().endswith(".asc"):
        multiplier = next(column for column in columns if column.name == "cost_multiplier")
        raster, issues = _grid(raw, name, multiplier)
        return TerrainFile(name, raw, raster=raster, issues=tuple(issues))
    table = own_table(csv_grid(raw, Source(name, is_own=True), columns), TERRAIN_TABLE, columns)
    issues = list(table.issues)
    if not issues and table.frame.empty:
        issues = [Issue(name, "has no rows", "expected rows with lat_deg, lon_deg, cost_multiplier")]
    return TerrainFile(name, raw, table=table, issues=tuple(issues))


def _grid(raw: bytes, name: str, multiplier: Column) -> tuple[Raster | None, list[Issue]]:
    if kind := kind_of(raw):
        return None, [Issue(name, f"this is {kind}, expected an ESRI ASCII grid")]
    lines = raw.decode("utf-8-sig", errors="replace").splitlines()
    header: dict[str, float] = {}
    at_line: dict[str, int] = {}
    issues: list[Issue] = []
    first = 0
    for number, line in enumerate(lines, start=1):
        words = line.split()
        # The first cell may be nan.
        if words and (not words[0][0].isalpha() or words[0].lower() == "nan"):
            break
        first = number
        if words:
            _header_line(words, f"{name}:{number}", header, issues)
            at_line.setdefault(words[0].lower(), number)
    axes = {_EDGES[key] for key in header if key in _EDGES}
    missing = [key for key in (*_INTEGER, "cellsize") if key not in header]
    missing += [f"{axis}llcorner" for axis in "xy" if axis not in axes]
    if missing and not issues:
        hint = "an ESRI ASCII grid starts with ncols, nrows, xllcorner, yllcorner, cellsize, NODATA_value"
        issues.append(Issue(f"{name}:1", f"the header lacks {', '.join(missing)}", hint))
    if issues:
        return None, issues
    n_rows, n_columns, cell = int(header["nrows"]), int(header["ncols"]), header["cellsize"]
    if n_rows * n_columns > MOST_CELLS:
        what = f"{n_columns:,} × {n_rows:,} cells, expected at most {MOST_CELLS:,}"
        return None, [Issue(f"{name}:{at_line['ncols']}", what, "use coarser cells")]
    west = header["xllcenter"] if "xllcenter" in header else header["xllcorner"] + cell / 2
    south = header["yllcenter"] if "yllcenter" in header else header["yllcorner"] + cell / 2
    north, east = south + (n_rows - 1) * cell, west + (n_columns - 1) * cell
    if max(-west, east) > 180 + _MARGIN_DEG or max(-south, north) > 90 + _MARGIN_DEG:
        what = f"reaches from {west:g} to {east:g} and from {south:g} to {north:g}, expected degrees"
        hint = "give the grid in longitude and latitude (EPSG:4326)"
        return None, [Issue(f"{name}:{next(at_line[key] for key in at_line if key in _EDGES)}", what, hint)]
    rows = [(number, line) for number, line in enumerate(lines[first:], start=first + 1) if line.strip()]
    if len(rows) != n_rows:
        where = f"{name}:{rows[n_rows][0] if len(rows) > n_rows else len(lines) or 1}"
        return None, [Issue(where, f"{len(rows):,} rows of cells, expected {n_rows:,} as nrows says")]
    values = np.ones((n_rows, n_columns), dtype=np.float32)
    no_data = header.get("nodata_value", _NO_DATA)
    for k, (number, line) in enumerate(rows):
        row, wrong = _cells(line, n_columns, no_data, multiplier)
        if wrong:
            issues.append(Issue(f"{name}:{number}", wrong, multiplier.meaning))
            if len(issues) == _MOST_ISSUES:
                issues.append(Issue(f"{name}:{number}", "further lines were not checked"))
                break
        else:
            values[k] = row
    return (None, issues) if issues else (Raster(west, north, cell, values), [])


def _header_line(words: list[str], where: str, header: dict[str, float], issues: list[Issue]) -> None:
    key = words[0].lower()
    if key not in (*_INTEGER, *_NUMBERS, *_EDGES):
        issues.append(Issue(where, f"'{shown_text(words[0])}' is not a header key of an ESRI ASCII grid"))
        return
    value = number_in(words[1]) if len(words) == 2 else math.nan
    if key == "nodata_value" and len(words) == 2 and words[1].lower() == "nan":
        header[key] = value
    elif not math.isfinite(value) or (key in _INTEGER and (value < 1 or value != int(value))):
        issues.append(
            Issue(where, f"expected {words[0]} and {'a positive integer' if key in _INTEGER else 'one number'}")
        )
    elif key == "cellsize" and value <= 0:
        issues.append(Issue(where, f"cellsize is {value:g}, expected more than 0"))
    else:
        header[key] = value


def _cells(line: str, n_columns: int, no_data: float, multiplier: Column) -> tuple[Floats, str]:
    """Multipliers of one line, and a message if the line is invalid."""
    words = line.split()
    if len(words) != n_columns:
        return np.ones(0), f"{len(words):,} cells, expected {n_columns:,} as ncols says"
    try:
        row = np.array(words, dtype=float)
    except ValueError:
        row = np.array([number_in(word) for word in words])
        if bad := [word for word, value in zip(words, row, strict=True) if math.isnan(value) and word.lower() != "nan"]:
            return np.ones(0), f"'{shown_text(bad[0])}' is not a number"
    empty = np.isnan(row) if math.isnan(no_data) else row == no_data
    low, high = multiplier.low or 0.0, multiplier.high or math.inf
    wrong = np.flatnonzero(~empty & ~((row >= low) & (row <= high)))
    if len(wrong):
        cell = f"cell {wrong[0] + 1}: {shown_text(words[wrong[0]])}"
        return np.ones(0), f"{cell} is outside the range {low:g} to {high:g}"
    return np.where(empty, 1.0, row), ""
