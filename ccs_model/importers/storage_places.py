"""Places of storage units: centroids of the polygons of KML files, and coordinates of map projections."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping
from xml.etree import ElementTree

import numpy as np

from ccs_model._typing import Floats
from ccs_model.errors import InputError, Issue

Place = tuple[float, float]
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
            if _plain(element.tag) != "Placemark":
                continue
            key = _key_of(element)
            rings = [_ring(each.text or "") for each in element.iter() if _plain(each.tag) == "coordinates"]
            rings = [ring for ring in rings if len(ring)]
            if key and rings:
                found.setdefault(key, _centroid(rings))
            element.clear()
    except ElementTree.ParseError as error:
        raise InputError([Issue(file, f"cannot be read as KML: {error}")]) from error
    return found


def _plain(tag: str) -> str:
    return tag.rsplit("}", 1)[-1]


def _key_of(placemark: ElementTree.Element) -> str:
    names = {}
    for each in placemark.iter():
        if _plain(each.tag) == "SimpleData" and each.get("name", "").upper() in ("ID", "STORAGE_UNIT_ID", "TRAP_ID"):
            names["id"] = (each.text or "").strip()
        elif _plain(each.tag) == "name":
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
