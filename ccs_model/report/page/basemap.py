"""Outlines and names below the map: provinces of China, countries, cities, or the user's own polygons; Mercator.

Countries are those of Natural Earth at 1:50 million and cities those of GeoNames, both reduced; see data/README.md.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ccs_model.bounded_reading import GEOJSON_BYTES, parse_json
from ccs_model.errors import InputError, Issue
from ccs_model.paths import data_folder
from ccs_model.scenario.yaml_document import contents

Ring = list[list[float]]
Box = tuple[float, float, float, float]

# Size of the drawing into which the box of a run is fitted.
WIDTH, HEIGHT = 1072, 560
# The map can be moved and zoomed out to a window this much larger than its box on each side.
_BEYOND_SHARE = 1.0
_MERCATOR_END_DEG = 80.0
_EARTH_RADIUS_KM = 6371.0
# Objects of GeoJSON other than a feature collection.
_OTHER_OBJECTS = frozenset(
    {"Feature", "GeometryCollection", "LineString", "MultiLineString", "MultiPoint", "MultiPolygon", "Point", "Polygon"}
)
_COLLECTION_HINT = "give a feature collection of polygons"
# Properties that name a polygon, in lower case, the first one kept: plain GeoJSON and Natural Earth, GADM (the finer
# level first), BKG, geoBoundaries, OCHA.
_NAME_PROPERTIES = ("name", "name_2", "name_1", "gen", "admin", "shapename", "adm1_en")
# Names of outlines that differ from the tables.
_OUTLINE_NAMES = {"Inner Mongol": "Inner Mongolia", "Xizang": "Tibet"}


@dataclass(frozen=True)
class Outline:
    """A province, a country or a polygon of the user, as rings without distinction of holes."""

    name: str
    name_zh: str
    rings: Sequence[Ring]
    is_country: bool = False

    @property
    def middle(self) -> tuple[float, float]:
        """Longitude and latitude of its name: the centre of the largest ring."""
        ring = max(self.rings, key=lambda each: abs(_area(each)))
        lon, lat = [point[0] for point in ring], [point[1] for point in ring]
        return (min(lon) + max(lon)) / 2, (min(lat) + max(lat)) / 2


@dataclass(frozen=True)
class Basemap:
    """Outlines and cities; `own` is the name of the file of the user's polygons, if there is one."""

    outlines: Sequence[Outline]
    cities: Sequence[Mapping[str, Any]]
    own: str = ""

    def visible_part(self, projection: Projection) -> Basemap:
        """The part that can be seen with a projection."""
        outlines = [
            Outline(each.name, each.name_zh, rings, each.is_country)
            for each in self.outlines
            if (rings := [ring for ring in each.rings if projection.is_visible(ring)])
        ]
        cities = [city for city in self.cities if projection.is_visible([[city["lon"], city["lat"]]])]
        return Basemap(outlines, cities, self.own)


@dataclass(frozen=True)
class Projection:
    """Mercator, fitted so that a box fills the drawing in one direction and is centred in the other.

    The box may reach beyond 180° east or west; a view across 180° shows each place and each ring on its nearer side.
    """

    box: Box

    @cached_property
    def scale(self) -> float:
        """Units of the drawing per radian of longitude."""
        west, south, east, north = self.box
        height = _mercator(north) - _mercator(south)
        return min(WIDTH / math.radians(east - west), HEIGHT / height)

    @cached_property
    def _centre(self) -> tuple[float, float]:
        west, south, east, north = self.box
        return (west + east) / 2, (_mercator(south) + _mercator(north)) / 2

    def __call__(self, lon: float, lat: float) -> tuple[float, float]:
        """Return the place of a point in the drawing."""
        return self._at(lon + self._turn(lon), lat)

    @cached_property
    def _crosses_180(self) -> bool:
        """Whether the window that opens first reaches beyond 180°."""
        return abs(self._centre[0]) + math.degrees(WIDTH / 2 / self.scale) > 180.0

    def _turn(self, lon: float) -> float:
        """Degrees that move a longitude to the side of 180° that is nearer to the centre."""
        return 360.0 * round((self._centre[0] - lon) / 360.0) if self._crosses_180 else 0.0

    def _at(self, lon: float, lat: float) -> tuple[float, float]:
        lon_deg, north = self._centre
        x = math.radians(lon - lon_deg) * self.scale
        y = (_mercator(lat) - north) * self.scale
        return round(WIDTH / 2 + x, 1), round(HEIGHT / 2 - y, 1)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the box in the drawing."""
        west, south, east, north = self.box
        return *self._at(west, north), *self._at(east, south)

    @property
    def km_per_unit(self) -> float:
        """Kilometres in a unit of the drawing, at the latitude of its centre."""
        middle = math.atan(math.sinh(self._centre[1]))
        return _EARTH_RADIUS_KM * math.cos(middle) / self.scale

    def opens_with(self, lon: float, lat: float) -> bool:
        """Return whether the window that opens first contains a point."""
        x, y = self(lon, lat)
        return 0 <= x <= WIDTH and 0 <= y <= HEIGHT

    def is_visible(self, ring: Sequence[Sequence[float]]) -> bool:
        """Return whether a ring may be visible when the map is moved or zoomed out."""
        lon, lat = zip(*ring, strict=True)
        turn = self._turn_of(ring)
        left, top = self._at(min(lon) + turn, max(lat))
        right, bottom = self._at(max(lon) + turn, min(lat))
        wide, high = _BEYOND_SHARE * WIDTH, _BEYOND_SHARE * HEIGHT
        return right >= -wide and left <= WIDTH + wide and bottom >= -high and top <= HEIGHT + high

    def path(self, rings: Sequence[Ring]) -> str:
        """Return rings as the path of an SVG."""
        drawn = ([self._at(lon + turn, lat) for lon, lat in ring] for ring in rings for turn in [self._turn_of(ring)])
        paths = (list(dict.fromkeys(self._visible_points(points))) for points in drawn)
        return "".join("M" + "L".join(f"{x:g} {y:g}" for x, y in path) + "Z" for path in paths if len(path) > 2)

    def _turn_of(self, ring: Sequence[Sequence[float]]) -> float:
        """Degrees that move the middle of a ring, as those of a point."""
        lon = [point[0] for point in ring]
        return self._turn((min(lon) + max(lon)) / 2)

    def _visible_points(self, points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
        """Points without those that lie, with both neighbours, beyond one edge of the largest window."""
        wide, high = _BEYOND_SHARE * WIDTH, _BEYOND_SHARE * HEIGHT
        beyond = [(x < -wide, x > WIDTH + wide, y < -high, y > HEIGHT + high) for x, y in points]
        around = zip(points, beyond, [beyond[-1], *beyond[:-1]], [*beyond[1:], beyond[0]], strict=True)
        return (point for point, *edges in around if not any(map(all, zip(*edges, strict=True))))


def _mercator(lat_deg: float) -> float:
    clipped = max(-_MERCATOR_END_DEG, min(_MERCATOR_END_DEG, lat_deg))
    return math.log(math.tan(math.pi / 4 + math.radians(clipped) / 2))


def basemap_of(option: str | None) -> Basemap:
    """Return the shipped outlines and cities, the polygons of a GeoJSON file with the cities, or none for `none`.

    Raises
    ------
    FileError
        If the file cannot be read.
    InputError
        If the file contains no polygons.
    """
    if option == "none":
        return Basemap([], [])
    if option is not None:
        return Basemap(_read_polygons(Path(option)), _read_geo_file("cities"), Path(option).name)
    countries = [Outline(row["name"], row["name_zh"], row["rings"], True) for row in _read_geo_file("countries")]
    provinces = [
        Outline(_OUTLINE_NAMES.get(row["name"], row["name"]), "", row["rings"]) for row in _read_geo_file("provinces")
    ]
    return Basemap([*countries, *provinces], _read_geo_file("cities"))


def _read_geo_file(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((data_folder() / "geo" / f"{name}.json").read_text(encoding="utf-8"))
    return found


def _read_polygons(path: Path) -> list[Outline]:
    """The polygons of a GeoJSON file."""
    try:
        raw = contents(path, largest_bytes=GEOJSON_BYTES, expected="a GeoJSON file, or none", at=str(path))
        document = parse_json(raw)
    except ValueError as error:
        raise InputError([Issue(str(path), f"is not JSON: {error}", "give a GeoJSON file, or none")]) from error
    try:
        found = list(_polygons(document, str(path)))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError([Issue(str(path), "is not GeoJSON", _COLLECTION_HINT)]) from error
    if not found:
        raise InputError([Issue(str(path), "contains no polygon", "give a feature collection of polygons in WGS84")])
    return found


def _polygons(document: Mapping[str, Any], path: str) -> Iterator[Outline]:
    if (kind := document.get("type")) in _OTHER_OBJECTS:
        raise InputError([Issue(path, f"is a {kind}, expected a FeatureCollection", _COLLECTION_HINT)])
    for k, feature in enumerate(document["features"], start=1):
        shape = feature["geometry"]
        if shape is None or shape["type"] not in ("Polygon", "MultiPolygon"):
            continue
        polygons = [shape["coordinates"]] if shape["type"] == "Polygon" else shape["coordinates"]
        about = feature.get("properties") or {}
        rings = [_ring(ring, f"{path}: feature {k}") for polygon in polygons for ring in polygon]
        # Of properties that differ in case only, the first one counts.
        named = {str(key).lower(): value for key, value in reversed(about.items())}
        name = next((str(named[key]) for key in _NAME_PROPERTIES if named.get(key)), "")
        yield Outline(name, str(named.get("name_zh") or ""), rings)


def _ring(points: Any, where: str) -> Ring:
    ring = [[float(point[0]), float(point[1])] for point in points]
    strays = [(x, y) for x, y in ring if not (abs(x) <= 180 and abs(y) <= 90)]
    if strays:
        x, y = strays[0]
        are_swapped = all(abs(x) <= 90 and abs(y) <= 180 for x, y in ring)
        hint = "longitude comes first in GeoJSON" if are_swapped else "give WGS84 coordinates, EPSG:4326"
        raise InputError(
            [Issue(where, f"has a point at {x:.9g}, {y:.9g}, expected longitude and latitude in degrees", hint)]
        )
    if len(ring) < 4 or ring[0] != ring[-1]:
        what = "has a ring that is not closed" if ring[:1] != ring[-1:] else f"has a ring of {len(ring)} points"
        raise InputError([Issue(where, what, "a ring has at least four points, the last one equal to the first")])
    return ring


def _area(ring: Ring) -> float:
    pairs = zip(ring, [*ring[1:], ring[0]], strict=True)
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs) / 2.0
