"""Tables of CO2StoP and NATCARB as published: their layouts, and the rows of CSV files, workbooks and shapefiles.

Headings are matched by alias, ignoring case, since a shapefile shortens names to ten letters. The layers of NATCARB
have no columns of place: the middle of each shape is its place. Exports with latitude and longitude are read as well.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from typing import Any

import numpy as np

from ccs_model.errors import InputError, Issue, raise_issues
from ccs_model.importers.storage_places import (
    SIDE_FILES,
    Place,
    ToPlace,
    attributes,
    from_lambert_azimuthal,
    middles,
    places_of_kml,
    projection_of,
)
from ccs_model.inputs.cells import nearest_hint
from ccs_model.inputs.declarations import kind_of
from ccs_model.inputs.excel_reader import workbook_grids
from ccs_model.scenario.validation import shown_text

Aliases = Mapping[str, Sequence[str]]
Rows = list[tuple[int, Sequence[object]]]
CO2STOP, NATCARB = "co2stop", "natcarb"
_CLASS = ("resource_class", "srms class", "srms_class", "srms", "srms classification", "maturity class")
_CAPACITY = {
    "low": ("EST_STORECAP_MIN",), "mid": ("EST_STORECAP_MEAN",), "high": ("EST_STORECAP_MAX",),
    "calc_low": ("STORE_CAP_MIN",), "calc_mid": ("STORE_CAP_MEAN",), "calc_high": ("STORE_CAP_MAX",),
}  # fmt: skip
_PLACE = {"x": ("X",), "y": ("Y",), "projection": ("Projection_Info",)}
_UNITS: Aliases = {
    "id": ("STORAGE_UNIT_ID",), "name": ("STORAGE_UNIT_NAME",), "formation": ("FORMATION_ID",), "country": ("COUNTRY",),
    **_CAPACITY, **_PLACE, "class": _CLASS,
}  # fmt: skip
_TRAPS: Aliases = {
    "id": ("TRAP_ID",), "name": ("TRAP_NAME",), "unit": ("STORAGE_UNIT_ID",), "country": ("COUNTRY",), **_CAPACITY,
    **{f"{fluid.lower()}_{case}": (f"{word}_EST_STORE_CAP_{fluid}",)
       for fluid in ("GAS", "OIL") for case, word in zip(("low", "mid", "high"), ("MIN", "MEAN", "MAX"), strict=True)},
    **_PLACE, "class": _CLASS,
}  # fmt: skip
_FORMATIONS: Aliases = {
    "id": ("FORMATION_ID",), "name": ("FORMATION_NAME",), "basin": ("GEOLOGICAL_BASIN",), "offshore": ("ON_OFFSHOR",),
}  # fmt: skip
_NATCARB: Aliases = {
    "low": ("VOL_LOW",), "mid": ("VOL_MED",), "high": ("VOL_HIGH",), "assessed": ("ASSESSED",),
    "duplicate": ("DUPLICATE",), "lat": ("LAT", "LATITUDE", "Y_LAT", "LAT_DEG"),
    "lon": ("LON", "LONG", "LONGITUDE", "X_LON", "LON_DEG"), "class": _CLASS,
}  # fmt: skip
_CELLS: Aliases = {
    "name": ("RESOURCE_NAME", "RESOURCE_N"), "basin": ("BASIN_NAME",), "area": ("RSC_AREA_CELL", "RSC_AREA_C"),
    **_NATCARB,
}  # fmt: skip
_OIL_GAS: Aliases = {
    "name": ("FIELD_NAME",), "kind": ("FIELD_TYPE",), "state": ("STATE_SRC",),
    "reservoir": ("RESERVOIR_NAME", "RESERVOI_1"), **_NATCARB,
}  # fmt: skip
_OPTIONAL = frozenset(
    ("class", "formation", "offshore", "area", "state", "reservoir", "assessed", "duplicate", "projection", "kind",
     *(key for key in _TRAPS if key[:4] in ("gas_", "oil_")), "calc_low", "calc_mid", "calc_high", "low", "high")
)  # fmt: skip
_LAYOUTS = {CO2STOP: {"units": _UNITS, "traps": _TRAPS, "formations": _FORMATIONS},
            NATCARB: {"cells": _CELLS, "fields": _OIL_GAS}}  # fmt: skip
_OF_SHAPEFILE = (".dbf", ".shp", ".prj")
_EXPECTED = "CSV, Excel (.xlsx), KML (.kml) or for natcarb a shapefile (.shp with .dbf)"
_NO_PLACE = "the layers have no columns of place: give the shapefile, .shp with .dbf"
# Latitude and longitude of the centre of the projection of the layers, Lambert azimuthal equal-area.
_NATCARB_CENTRE = (45.0, -100.0)


@dataclass(frozen=True)
class Sheet:
    """A table of a source: its rows by key of its layout, each with its place."""

    file: str
    layout: str
    rows: list[dict[str, Any]]


def read_sheets(source: str, files: Sequence[tuple[str, bytes]]) -> tuple[list[Sheet], dict[str, Place]]:
    """Return the tables of the files of a source, and the places of polygons by id.

    Raises InputError with every issue of the files.
    """
    issues: list[Issue] = []
    sheets: list[Sheet] = []
    polygons: dict[str, Place] = {}
    shapefiles: dict[str, dict[str, tuple[str, bytes]]] = {}
    for name, raw in files:
        suffix = PurePath(name).suffix.lower()
        try:
            if suffix == ".kml":
                polygons.update(places_of_kml(raw, name))
            elif suffix in _OF_SHAPEFILE:
                shapefiles.setdefault(name[: -len(suffix)].lower(), {})[suffix] = (name, raw)
            elif suffix not in SIDE_FILES:
                sheets += _sheets(source, list(_grids(raw, name)), name)
        except InputError as error:
            issues += error.issues
    for parts in shapefiles.values():
        try:
            grid = _read_shapefile(source, parts)
            sheets += _sheets(source, [grid], grid[0])
        except InputError as error:
            issues += error.issues
    raise_issues(issues)
    return sheets, polygons


def layouts_of(source: str) -> Mapping[str, Aliases]:
    """Return the layouts of the tables of a source: the aliases of each column by its key."""
    return _LAYOUTS[source]


def _read_shapefile(source: str, parts: Mapping[str, tuple[str, bytes]]) -> tuple[str, list[str], Rows]:
    """Place, header and rows of a shapefile, with latitude and longitude of the middle of each shape."""
    first = next(iter(parts.values()))[0]
    if source != NATCARB:
        raise InputError([Issue(first, f"is part of a shapefile, expected {_EXPECTED}")])
    for suffix, what in ((".dbf", "the table of its attributes"), (".shp", "its shapes, which give the places")):
        if suffix not in parts:
            hint = f"give {PurePath(first).stem}{suffix} as well"
            raise InputError([Issue(first, f"is a shapefile without {what}", hint)])
    (file, raw), (shapes, raw_shapes) = parts[".dbf"], parts[".shp"]
    wanted = {alias.lower() for layout in _LAYOUTS[source].values() for aliases in layout.values() for alias in aliases}
    header, table = attributes(raw, file, wanted)
    points = middles(raw_shapes, shapes)
    if len(points) != len(table):
        what = f"has {len(points):,} shapes, but {PurePath(file).name} has {len(table):,} rows"
        raise InputError([Issue(shapes, what, "give the files of one shapefile")])
    # The projection of the layers, for a shapefile without its .prj file.
    to_place: ToPlace = partial(from_lambert_azimuthal, lat_deg=_NATCARB_CENTRE[0], lon_deg=_NATCARB_CENTRE[1])
    if ".prj" in parts:
        name, text = parts[".prj"]
        to_place = projection_of(text.decode("latin-1"), name)
    rows: Rows = []
    for line, (cells, (x, y)) in enumerate(zip(table, points.tolist(), strict=True), start=1):
        if cells is not None:
            rows.append((line, (*cells, *(("", "") if np.isnan(x) else to_place(x, y)))))
    return file, [*header, "LAT", "LONG"], rows


def _sheets(source: str, tables: Sequence[tuple[str, list[str], Rows]], file: str) -> Iterator[Sheet]:
    """The tables of a file, each of a layout of the source. Raises InputError if there is none, or for bad numbers."""
    found = False
    for place, header, rows in tables:
        layout = _layout_of(_LAYOUTS[source], header)
        if layout is None:
            continue
        found = True
        yield Sheet(place, layout, _parse_rows(place, _LAYOUTS[source][layout], header, rows))
    if not found:
        raise InputError([_missing_table_issue(source, file, tables)])


def _grids(raw: bytes, file: str) -> Iterator[tuple[str, list[str], Rows]]:
    """Place, header, and rows with their line."""
    if kind_of(raw).startswith("an Excel workbook (.xlsx)"):
        book = workbook_grids(raw, file)
        raise_issues(book.issues)
        for title, grid in book.sheets.items():
            yield f"{file}:{title}", list(grid.header), list(grid.rows)
        return
    if kind := kind_of(raw):
        raise InputError([Issue(file, f"this is {kind}, expected {_EXPECTED}")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    delimiter = max(",;\t", key=text[:20_000].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header: list[str] = []
    rows: Rows = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = [cell.strip() for cell in cells]
            else:
                rows.append((reader.line_num, cells))
    except csv.Error as error:
        raise InputError([Issue(f"{file}:{reader.line_num}", f"cannot be read as CSV: {error}")]) from error
    yield file, header, rows


def _columns(layout: Aliases, header: Sequence[str]) -> dict[str, int]:
    at = {name.strip().lower(): place for place, name in reversed(list(enumerate(header)))}
    return {
        key: at[alias.lower()] for key, aliases in layout.items() for alias in reversed(aliases) if alias.lower() in at
    }


def _layout_of(layouts: Mapping[str, Aliases], header: Sequence[str]) -> str | None:
    """The layout all of whose required headings are there; of several, the one with most headings."""
    fits = {}
    for name, layout in layouts.items():
        columns = _columns(layout, header)
        if set(layout) - _OPTIONAL <= set(columns):
            fits[name] = len(columns)
    return max(fits, key=lambda name: fits[name]) if fits else None


def _missing_table_issue(source: str, file: str, tables: Sequence[tuple[str, list[str], Any]]) -> Issue:
    """Return an issue that names the missing columns of the most similar layout."""
    other = NATCARB if source == CO2STOP else CO2STOP
    for place, header, _ in tables:
        if _layout_of(_LAYOUTS[other], header):
            return Issue(place, f"is a table of {other}, not of {source}", f"ccs-model import storage {other}")
    best: tuple[int, Issue] | None = None
    for place, header, _ in tables:
        for layout in _LAYOUTS[source].values():
            lacking = [layout[key][0] for key in layout if key not in _OPTIONAL and key not in _columns(layout, header)]
            what = f"no table of {source}: column{'s' * (len(lacking) > 1)} {', '.join(lacking)} missing"
            hint = _layer_hint(source, lacking, header) or nearest_hint(
                lacking[0], header, "give the file as published, with its headings"
            )
            if best is None or len(lacking) < best[0]:
                best = (len(lacking), Issue(place, what, hint))
    return best[1] if best else Issue(file, "has no table")


def _layer_hint(source: str, lacking: Sequence[str], header: Sequence[str]) -> str:
    """Hint for a layer of NATCARB that has no sites, or for one without its shapes; "" for none."""
    found = _columns(_CELLS, header)
    if source != NATCARB or "name" not in found:
        return ""
    if "basin" not in found and "area" in found:
        return "coal seams are no sites; the layers Saline_10K and OilGas are read"
    if not {"low", "mid", "high"} & set(found) and "basin" in found:
        return "the layer of whole formations has no capacities; the layers Saline_10K and OilGas are read"
    return _NO_PLACE if set(lacking) <= {"LAT", "LON"} else ""


_WORDS = frozenset(
    ("id", "name", "formation", "country", "unit", "basin", "offshore", "class", "projection", "kind", "state",
     "reservoir")
)  # fmt: skip


def _parse_rows(
    place: str, layout: Aliases, header: Sequence[str], rows: Sequence[tuple[int, Sequence[object]]]
) -> list[dict[str, Any]]:
    columns = _columns(layout, header)
    issues: list[Issue] = []
    parsed = []
    for line, cells in rows:
        row: dict[str, Any] = {"place": f"{place}:{line}"}
        for key, at in columns.items():
            text = "" if at >= len(cells) or cells[at] is None else str(cells[at]).strip()
            if key in _WORDS:
                row[key] = " ".join(text.split())
                continue
            try:
                row[key] = float(text) if text else np.nan
            except ValueError:
                issues.append(Issue(f"{place}:{line}", f"{header[at]} is '{shown_text(text)}', expected a number"))
                row[key] = np.nan
        parsed.append(row)
    raise_issues(issues)
    return parsed
