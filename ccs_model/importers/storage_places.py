"""Places of storage units: polygons of KML files and shapefiles, and coordinates of map projections.

A shapefile has a table of attributes (.dbf), shapes (.shp) and a projection (.prj).

References
----------
ESRI (1998), ESRI Shapefile Technical Description. dBASE III file format.
"""

from __future__ import annotations

import io
import math
import re
import struct
from collections.abc import Callable, Collection, Mapping, Sequence
from xml.etree import ElementTree

import numpy as np

from ccs_model._typing import Floats
from ccs_model.errors import InputError, Issue
from ccs_model.inputs.cells import number_in
from ccs_model.inputs.excel_reader import plain_tag

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
Place = tuple[float, float]
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
    columns = [[_decode_cell(cell) for cell in table[f"f{place + 1}"].tolist()] for place in kept]
    rows: list[Sequence[str] | None] = list(zip(*columns, strict=True)) if columns else [()] * n_rows
    for place in np.flatnonzero(table["deleted"] == _DELETED):
        rows[int(place)] = None
    return [names[place] for place in kept], rows


def _decode_cell(cell: bytes) -> str:
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


def projection_of(text: str, file: str) -> ToPlace:
    """Return the conversion of x and y to latitude and longitude that the text of a .prj file names.

    Raises InputError for another projection than degrees and Lambert azimuthal equal-area.
    """
    words = text.strip()
    if words.upper().startswith("GEOGCS"):
        return lambda x, y: (y, x)
    given = {name.lower(): number_in(value) for name, value in _PARAMETER.findall(words)}
    lat = given.get("latitude_of_origin", given.get("latitude_of_center"))
    lon = given.get("central_meridian", given.get("longitude_of_center"))
    if _LAMBERT not in words.lower() or lat is None or lon is None or not abs(lat) <= _HIGHEST_DEG:
        name = words.partition('"')[2].partition('"')[0] or "unknown"
        hint = "expected degrees, or Lambert azimuthal equal-area in metres"
        raise InputError([Issue(file, f"the projection '{name[:60]}' is not supported", hint)])
    east, north = given.get("false_easting", 0.0), given.get("false_northing", 0.0)
    return lambda x, y: from_lambert_azimuthal(x - east, y - north, lat, lon)


_UTM = re.compile(r"UTM\D{0,6}(\d{1,2})\s*([NS]?)\b", re.IGNORECASE)
# WGS84; the older datums in use differ by some 100 m.
_RADIUS_M, _FLATTENING = 6_378_137.0, 1 / 298.257223563
_SCALE, _FALSE_EAST_M, _FALSE_NORTH_M = 0.9996, 500_000.0, 10_000_000.0


def place_of(x: float, y: float, projection: str) -> Place | None:
    """Return latitude and longitude of coordinates in degrees or on the UTM grid; None for (0, 0) and other grids."""
    if x == 0 and y == 0:
        return None
    zone = _UTM.search(projection.replace("_", " "))
    if zone is not None and 1 <= int(zone[1]) <= 60:
        return from_utm(x, y, int(zone[1]), is_south=zone[2].upper() == "S")
    return (y, x) if abs(x) <= 180 and abs(y) <= 90 else None


def from_utm(east_m: float, north_m: float, zone: int, *, is_south: bool = False) -> Place:
    """Return latitude and longitude of a point of the UTM grid.

    References
    ----------
    Snyder (1987), Map Projections: A Working Manual, USGS Professional Paper 1395, pages 63-64.
    """
    e2 = _FLATTENING * (2 - _FLATTENING)
    e1 = (1 - math.sqrt(1 - e2)) / (1 + math.sqrt(1 - e2))
    ep2 = e2 / (1 - e2)
    m = (north_m - _FALSE_NORTH_M * is_south) / _SCALE
    mu = m / (_RADIUS_M * (1 - e2 / 4 - 3 * e2**2 / 64 - 5 * e2**3 / 256))
    foot = (
        mu
        + (3 * e1 / 2 - 27 * e1**3 / 32) * math.sin(2 * mu)
        + (21 * e1**2 / 16 - 55 * e1**4 / 32) * math.sin(4 * mu)
        + 151 * e1**3 / 96 * math.sin(6 * mu)
    )
    sine, cosine, tangent = math.sin(foot), math.cos(foot), math.tan(foot)
    c, t = ep2 * cosine**2, tangent**2
    n = _RADIUS_M / math.sqrt(1 - e2 * sine**2)
    r = _RADIUS_M * (1 - e2) / (1 - e2 * sine**2) ** 1.5
    d = (east_m - _FALSE_EAST_M) / (n * _SCALE)
    lat = foot - n * tangent / r * (d**2 / 2 - (5 + 3 * t + 10 * c - 4 * c**2 - 9 * ep2) * d**4 / 24)
    lon = (d - (1 + 2 * t + c) * d**3 / 6) / cosine
    return math.degrees(lat), math.degrees(lon) + 6 * zone - 183


def from_lambert_azimuthal(x_m: float, y_m: float, lat_deg: float, lon_deg: float) -> Place:
    """Return latitude and longitude of a point of a Lambert azimuthal equal-area projection about a centre.

    References
    ----------
    Snyder (1987), Map Projections: A Working Manual, USGS Professional Paper 1395, pages 187-190.
    """
    e2 = _FLATTENING * (2 - _FLATTENING)
    e = math.sqrt(e2)

    def q(sine: float) -> float:
        return (1 - e2) * (sine / (1 - e2 * sine**2) - math.log((1 - e * sine) / (1 + e * sine)) / (2 * e))

    centre = math.radians(lat_deg)
    q_pole = q(1.0)
    beta = math.asin(q(math.sin(centre)) / q_pole)
    radius = _RADIUS_M * math.sqrt(q_pole / 2)
    d = _RADIUS_M * math.cos(centre) / math.sqrt(1 - e2 * math.sin(centre) ** 2) / (radius * math.cos(beta))
    rho = math.hypot(x_m / d, d * y_m)
    if rho == 0:
        return lat_deg, lon_deg
    c = 2 * math.asin(min(1.0, rho / (2 * radius)))
    sine = math.cos(c) * math.sin(beta) + d * y_m * math.sin(c) * math.cos(beta) / rho
    b = math.asin(max(-1.0, min(1.0, sine)))
    lat = (
        b
        + (e2 / 3 + 31 * e2**2 / 180 + 517 * e2**3 / 5040) * math.sin(2 * b)
        + (23 * e2**2 / 360 + 251 * e2**3 / 3780) * math.sin(4 * b)
        + 761 * e2**3 / 45360 * math.sin(6 * b)
    )
    across = d * rho * math.cos(beta) * math.cos(c) - d**2 * y_m * math.sin(beta) * math.sin(c)
    return math.degrees(lat), lon_deg + math.degrees(math.atan2(x_m * math.sin(c), across))


def places_of_kml(raw: bytes, file: str) -> Mapping[str, Place]:
    """Return the centroid of the polygons of each placemark, by the value of its data field ID, or else its name.

    Raises InputError if the file is no KML.
    """
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
        raise InputError([Issue(file, "has a document type or entities, expected plain KML", "")])
    found: dict[str, Place] = {}
    try:
        for _, element in ElementTree.iterparse(io.BytesIO(raw)):
            if plain_tag(element.tag) != "Placemark":
                continue
            key = _key_of(element)
            rings = [_ring(each.text or "") for each in element.iter() if plain_tag(each.tag) == "coordinates"]
            rings = [ring for ring in rings if len(ring)]
            if key and rings:
                found.setdefault(key, _centroid(rings))
            element.clear()
    except ElementTree.ParseError as error:
        raise InputError([Issue(file, f"cannot be read as KML: {error}")]) from error
    return found


def _key_of(placemark: ElementTree.Element) -> str:
    names = {}
    for each in placemark.iter():
        if plain_tag(each.tag) == "SimpleData" and each.get("name", "").upper() in ("ID", "STORAGE_UNIT_ID", "TRAP_ID"):
            names["id"] = (each.text or "").strip()
        elif plain_tag(each.tag) == "name":
            names.setdefault("name", (each.text or "").strip())
    return names.get("id") or placemark.get("id") or names.get("name", "")


def _ring(text: str) -> Floats:
    points = [each.split(",")[:2] for each in text.split()]
    try:
        return np.array([[float(lon), float(lat)] for lon, lat in points])
    except ValueError:
        return np.empty((0, 2))


def _centroid(rings: list[Floats]) -> Place:
    """Latitude and longitude of the centroid of rings, each weighted by its area."""
    areas, middles = [], []
    for ring in rings:
        ahead = np.roll(ring, -1, axis=0)
        cross = ring[:, 0] * ahead[:, 1] - ahead[:, 0] * ring[:, 1]
        area = cross.sum() / 2
        flat = abs(area) < 1e-12
        middles.append(ring.mean(axis=0) if flat else ((ring + ahead) * cross[:, None]).sum(axis=0) / (6 * area))
        areas.append(abs(area))
    weights = np.array(areas) if sum(areas) > 0 else np.ones(len(areas))
    lon, lat = np.average(np.array(middles), axis=0, weights=weights)
    return float(lat), float(lon)
