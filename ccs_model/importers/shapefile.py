"""Shapefiles: the table of attributes (.dbf), the middles of the shapes (.shp) and their projection (.prj).

References
----------
ESRI (1998), ESRI Shapefile Technical Description. dBASE III file format.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Collection, Sequence

import numpy as np

from ccs_model._typing import Floats
from ccs_model.errors import InputError, Issue
from ccs_model.importers.storage_places import Place, from_lambert_azimuthal

# Files beside a shapefile that are not needed.
SIDE_FILES = (".shx", ".sbn", ".sbx", ".cpg", ".xml", ".qix", ".qpj")
_FILE_CODE, _SHP_HEADER, _DBF_HEADER, _DESCRIPTOR = 9994, 100, 32, 32
_END_OF_FIELDS, _DELETED = 0x0D, b"*"
# Shape types whose record starts with a box: lines, polygons and points in groups, also with z or m.
_WITH_BOX = (3, 5, 8, 13, 15, 18, 23, 25, 28, 31)
_POINTS = (1, 11, 21)
_PARAMETER = re.compile(r'PARAMETER\["(\w+)",\s*([-+.\deE]+)\s*\]')
_LAMBERT = "lambert_azimuthal_equal_area"
# About a pole the projection has other equations.
_HIGHEST_DEG = 89.0
ToPlace = Callable[[float, float], Place]


def attributes(raw: bytes, file: str, wanted: Collection[str]) -> tuple[list[str], list[Sequence[str] | None]]:
    """Return the names of the wanted fields of a .dbf file, and the text of each row; None for a deleted row.

    Raises InputError if the file is no dBASE table.
    """
    if len(raw) < _DBF_HEADER + 1 or raw[0] & 0x07 != 3:
        raise InputError([Issue(file, "is not a dBASE table (.dbf)")])
    n_rows, header_length, row_length = struct.unpack_from("<IHH", raw, 4)
    names, parts = [], [("deleted", "S1")]
    at = _DBF_HEADER
    while at + _DESCRIPTOR <= min(header_length, len(raw)) and raw[at] != _END_OF_FIELDS:
        name = raw[at : at + 11].partition(b"\0")[0].decode("latin-1").strip()
        names.append(name)
        parts.append((f"f{len(names)}", f"S{max(1, raw[at + 16])}"))
        at += _DESCRIPTOR
    kind = np.dtype(parts)
    if not names or kind.itemsize != row_length or len(raw) < header_length + n_rows * row_length:
        raise InputError([Issue(file, "is cut short or damaged, or is not a dBASE table (.dbf)")])
    table = np.frombuffer(raw, kind, count=n_rows, offset=header_length)
    kept = [place for place, name in enumerate(names) if name.lower() in wanted]
    columns = [[_decoded(cell) for cell in table[f"f{place + 1}"].tolist()] for place in kept]
    rows: list[Sequence[str] | None] = list(zip(*columns, strict=True)) if columns else [()] * n_rows
    for place in np.flatnonzero(table["deleted"] == _DELETED):
        rows[int(place)] = None
    return [names[place] for place in kept], rows


def _decoded(cell: bytes) -> str:
    """Text of a cell; a number that does not fit is written as asterisks and is none."""
    text = cell.strip(b" \0")
    if not text.strip(b"*"):
        return ""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def middles(raw: bytes, file: str) -> Floats:
    """Return x and y of the middle of the box of each shape of a .shp file; nan for an empty shape.

    Raises InputError if the file is no shapefile.
    """
    if len(raw) < _SHP_HEADER or struct.unpack_from(">i", raw)[0] != _FILE_CODE:
        raise InputError([Issue(file, "is not a shapefile (.shp)")])
    found: list[tuple[float, float]] = []
    at = _SHP_HEADER
    try:
        while at + 8 <= len(raw):
            n_bytes = 2 * struct.unpack_from(">i", raw, at + 4)[0]
            kind = struct.unpack_from("<i", raw, at + 8)[0]
            if n_bytes < 4 or at + 8 + n_bytes > len(raw):
                raise struct.error
            if kind in _WITH_BOX:
                west, south, east, north = struct.unpack_from("<4d", raw, at + 12)
                found.append(((west + east) / 2, (south + north) / 2))
            elif kind in _POINTS:
                found.append(struct.unpack_from("<2d", raw, at + 12))
            else:
                found.append((np.nan, np.nan))
            at += 8 + n_bytes
    except struct.error:
        raise InputError([Issue(file, f"is cut short or damaged at shape {len(found) + 1:,}")]) from None
    return np.array(found).reshape(-1, 2)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def projection_of(text: str, file: str) -> ToPlace:
    """Return the conversion of x and y to latitude and longitude that the text of a .prj file names.

    Raises InputError for another projection than degrees and Lambert azimuthal equal-area.
    """
    words = text.strip()
    if words.upper().startswith("GEOGCS"):
        return lambda x, y: (y, x)
    given = {name.lower(): _number(value) for name, value in _PARAMETER.findall(words)}
    lat = given.get("latitude_of_origin", given.get("latitude_of_center"))
    lon = given.get("central_meridian", given.get("longitude_of_center"))
    if _LAMBERT not in words.lower() or lat is None or lon is None or not abs(lat) <= _HIGHEST_DEG:
        name = words.partition('"')[2].partition('"')[0] or "unknown"
        hint = "expected degrees, or Lambert azimuthal equal-area in metres"
        raise InputError([Issue(file, f"the projection '{name[:60]}' is not supported", hint)])
    east, north = given.get("false_easting", 0.0), given.get("false_northing", 0.0)
    return lambda x, y: from_lambert_azimuthal(x - east, y - north, lat, lon)
