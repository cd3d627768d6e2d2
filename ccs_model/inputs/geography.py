"""Distances of points from the simplified outlines in data/geo (Natural Earth; no boundary statement)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.paths import data_folder
from ccs_model.scenario.fields import HOME
from ccs_model.scenario.validation import visible_form

_KM_PER_DEGREE = 111.195
_OUTLINE_NAME = {"Inner Mongolia": "Inner Mongol"}
# Other names of countries, as in the releases that importers read, and the name of the outline.
_OTHER_NAMES = {
    "Bosnia and Herzegovina": "Bosnia and Herz.", "Brunei Darussalam": "Brunei", "Cape Verde": "Cabo Verde",
    "Central African Republic": "Central African Rep.", "Czech Republic": "Czechia", "DR Congo": "Dem. Rep. Congo",
    "Democratic Republic of the Congo": "Dem. Rep. Congo", "Dominican Republic": "Dominican Rep.",
    "Equatorial Guinea": "Eq. Guinea", "Great Britain": "United Kingdom", "Ivory Coast": "Côte d'Ivoire",
    "Cote d'Ivoire": "Côte d'Ivoire", "Lao PDR": "Laos", "Macedonia": "North Macedonia",
    "Republic of Korea": "South Korea", "Republic of the Congo": "Congo", "Russian Federation": "Russia",
    "Slovak Republic": "Slovakia", "South Sudan": "S. Sudan", "Swaziland": "Eswatini",
    "Syrian Arab Republic": "Syria", "The Netherlands": "Netherlands", "Turkey": "Türkiye", "UK": "United Kingdom",
    "USA": "United States", "United States of America": "United States", "Viet Nam": "Vietnam",
}  # fmt: skip
# Countries whose name has an article within a sentence.
_WITH_ARTICLE = re.compile(
    r"United |(Bahamas|Comoros|Gambia|Maldives|Netherlands|Philippines|UK|USA?)$|.*(Rep\.|Is\.|Ter\.)$"
)

_EARTH_RADIUS_KM = 6371.0
# Coordinates look swapped if the point is this far from the others and would be this much nearer when swapped.
_FAR_KM, _NEARER_SHARE = 1000.0, 0.2
_MOST_PAIRS = 500_000  # pairs of points and segments computed at once, to limit memory

Ring = Floats


@cache
def province_outlines() -> dict[str, list[Ring]]:
    """Closed rings of (lon, lat) points, by province."""
    with (data_folder() / "geo" / "provinces.json").open(encoding="utf-8") as file:
        return {row["name"]: [np.asarray(ring, dtype=float) for ring in row["rings"]] for row in json.load(file)}


@cache
def country_outlines(*, with_pack: bool = True) -> dict[str, list[Ring]]:
    """Closed rings of (lon, lat) points, by country with a pack or by any country; small islands are left out."""
    with (data_folder() / "geo" / "countries.json").open(encoding="utf-8") as file:
        rows = [row for row in json.load(file) if row.get("has_pack") or not with_pack]
    return {row["name"]: [np.asarray(ring, dtype=float) for ring in row["rings"]] for row in rows}


@cache
def _land() -> tuple[tuple[Ring, ...], Floats, Floats]:
    """The rings of all countries and of the Chinese provinces, with the lowest and highest coordinates [ring, 2]."""
    outlines = (country_outlines(with_pack=False), province_outlines())
    rings = tuple(ring for each in outlines for rings in each.values() for ring in rings)
    return rings, np.array([ring.min(axis=0) for ring in rings]), np.array([ring.max(axis=0) for ring in rings])


def _land_near(points: Floats, margin: float = 0.0) -> Iterator[tuple[Ring, Ints]]:
    """Rings of land with the points in their box, widened by a margin in degrees; rings without one are left out."""
    if not len(points):
        return
    rings, low, high = _land()
    low, high = low - margin, high + margin
    for i in np.flatnonzero(((low <= points.max(axis=0)) & (high >= points.min(axis=0))).all(axis=1)):
        near = np.flatnonzero(((points >= low[i]) & (points <= high[i])).all(axis=1))
        if len(near):
            yield rings[i], near


def countries_with_outline() -> tuple[str, ...]:
    """Return the names of all countries with an outline, and other names of them."""
    return tuple(filter(None, _outlines_by_name()))


def country_named(name: str) -> str | None:
    """Return the country with an outline that has this name in any spelling (Viet Nam); None without one."""
    known = countries_with_outline()
    seen = visible_form(name)
    return name if name in known else next((each for each in known if visible_form(each) == seen), None)


@cache
def _outlines_by_name() -> dict[str, list[Ring]]:
    outlines = country_outlines(with_pack=False)
    return outlines | {name: outlines[of_outline] for name, of_outline in _OTHER_NAMES.items()}


@cache
def area_near(lat_deg: float, lon_deg: float) -> str:
    """The Chinese province or the other country that holds a point or lies nearest to it; "" beyond 1,000 km."""
    point = np.array([[lon_deg, lat_deg]])
    countries = {name: rings for name, rings in country_outlines(with_pack=False).items() if name != "China"}
    named = {name: rings for name, rings in {**countries, **province_outlines()}.items() if rings}
    known = {outline: name for name, outline in _OUTLINE_NAME.items()}
    for name, rings in named.items():
        if any(_are_inside(ring, point)[0] for ring in rings if _is_in_box(ring, point[0])):
            return known.get(name, name)
    far = {name: float(_km_outside(rings, point)[0]) for name, rings in named.items()}
    nearest = min(far, key=lambda name: far[name])
    return known.get(nearest, nearest) if far[nearest] <= _FAR_KM else ""


def _is_in_box(ring: Ring, point: Floats) -> bool:
    return bool((ring.min(axis=0) <= point).all() and (point <= ring.max(axis=0)).all())


def country_in_text(name: str) -> str:
    """Return the name of a country as a sentence takes it, with an article where English has one."""
    name = name.removeprefix("The ")
    return f"the {name}" if _WITH_ARTICLE.match(name) else name


def km_outside_country(country: str, lat_deg: float, lon_deg: float) -> float:
    """Return the distance in km from a point to the outline of any country; 0 inside, or without an outline."""
    rings = _outlines_by_name().get(country)
    return float(_km_outside(rings, np.array([[lon_deg, lat_deg]]))[0]) if rings else 0.0


@cache
def is_in_country(country: str, lat_deg: float, lon_deg: float, margin_km: float) -> bool:
    """Whether a point lies in the outline of the country or within `margin_km` of it; false without an outline."""
    return country in _outlines_by_name() and km_outside_country(country, lat_deg, lon_deg) <= margin_km


@cache
def country_near(lat_deg: float, lon_deg: float) -> str:
    """The country that holds a point or lies nearest to it; "" beyond 1,000 km."""
    area = area_near(lat_deg, lon_deg)
    return HOME if are_in_china([area])[0] else area


def are_in_country(country: str, lat_deg: Floats, lon_deg: Floats, margin_km: float) -> Mask:
    """Return whether each point lies in the outline of the country or within `margin_km` of it."""
    outlines = province_outlines() if country == HOME else {country: _outlines_by_name()[country]}
    rings = [ring for each in outlines.values() for ring in each]
    return _km_outside(rings, np.column_stack([lon_deg, lat_deg])) <= margin_km


def are_off_land(lat_deg: Floats, lon_deg: Floats, km: float) -> Mask:
    """Return whether each point is further than `km` from the outlines of all countries and in none of them."""
    points = np.column_stack([lon_deg, lat_deg])
    is_off = np.ones(len(points), dtype=bool)
    # A degree of longitude is 22 km long at 78 degrees north.
    margin = 2 * km / 22.0
    for ring, near in _land_near(points, margin):
        for some in _batches(near[is_off[near]], ring):
            is_off[some[_are_inside(ring, points[some])]] = False
            # Most points lie inside, and need no distance.
            outside = some[is_off[some]]
            is_off[outside] = _km_to_ring(ring, points[outside]) > km
    return is_off


def _batches(points: Ints, ring: Ring) -> Iterator[Ints]:
    """Points of which each batch makes a limited number of pairs with the segments of a ring."""
    n_together = max(1, _MOST_PAIRS // len(ring))
    for start in range(0, len(points), n_together):
        yield points[start : start + n_together]


def are_deep_inland(lat_deg: Floats, lon_deg: Floats, km: float) -> Mask:
    """Return whether each point lies in the outline of a country and further than `km` from its edge."""
    points = np.column_stack([lon_deg, lat_deg])
    is_inland = np.zeros(len(points), dtype=bool)
    for ring, held in _land_near(points):
        for some in _batches(held, ring):
            inside = some[_are_inside(ring, points[some])]
            is_inland[inside] = _km_to_ring(ring, points[inside]) > km
    return is_inland


def are_in_china(province: Iterable[object]) -> Mask:
    """Whether each name is that of a Chinese province, as spelled in the tables or outlines."""
    known = {*province_outlines(), *_OUTLINE_NAME}
    return np.array([str(name) in known for name in province], dtype=bool)


def are_in_area(province: pd.Series, area: str) -> Mask:
    """Whether each name is that of the area; all Chinese provinces are in China."""
    here: Mask = np.equal(province.to_numpy(object), area).astype(bool)
    return here | are_in_china(province) if area == HOME else here


def km_outside_province(province: pd.Series, lat_deg: pd.Series, lon_deg: pd.Series) -> pd.Series:
    """Distance in km from each point to the outline of its province or country; 0 inside, or without an outline."""
    far = np.zeros(len(province))
    points = np.column_stack([lon_deg.to_numpy(float), lat_deg.to_numpy(float)])
    for name, at in province.groupby(province).indices.items():
        rings = province_outlines().get(_OUTLINE_NAME.get(str(name), str(name))) or country_outlines().get(str(name))
        if rings:
            for some in _batches(at, max(rings, key=len)):
                far[some] = _km_outside(rings, points[some])
    return pd.Series(far, index=province.index)


def km_if_swapped(lat_deg: Floats, lon_deg: Floats, among_lat_deg: Floats, among_lon_deg: Floats) -> Floats:
    """Distance in km of each point from the median of others if its coordinates look swapped, else NaN.

    They look swapped if the point is far from the median and would be much nearer with swapped coordinates.
    """
    km = km_if_changed(lat_deg, lon_deg, lon_deg, lat_deg, among_lat_deg, among_lon_deg)
    return np.where(np.abs(lon_deg) <= 90, km, np.nan)


def km_if_changed(
    lat_deg: Floats, lon_deg: Floats, new_lat: Floats, new_lon: Floats, among_lat_deg: Floats, among_lon_deg: Floats
) -> Floats:
    """Distance in km of each point from the median of others if it would be much nearer at new ones, else NaN."""
    among = np.column_stack([among_lat_deg, among_lon_deg])
    among = among[~np.isnan(among).any(axis=1)]
    if not len(among):
        return np.full(len(lat_deg), np.nan)
    centre = np.median(among, axis=0)
    far, near = km_to(lat_deg, lon_deg, centre), km_to(new_lat, new_lon, centre)
    return np.where((far > _FAR_KM) & (near < _NEARER_SHARE * far), far, np.nan)


def km_to(lat_deg: Floats, lon_deg: Floats, place: Floats) -> Floats:
    """Return the great-circle distances in km to a place or, with `place` [2, n], to a place each."""
    lat, lon, (to_lat, to_lon) = np.radians(lat_deg), np.radians(lon_deg), np.radians(place)
    half = np.sin((lat - to_lat) / 2) ** 2 + np.cos(lat) * np.cos(to_lat) * np.sin((lon - to_lon) / 2) ** 2
    km: Floats = 2 * _EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))
    return km


def _km_outside(rings: list[Ring], points: Floats) -> Floats:
    """0 inside any ring, else the distance in km to the nearest segment, on a local plane around each point."""
    far = np.full(len(points), np.inf)
    for ring in rings:
        far[_are_inside(ring, points)] = 0.0
    outside = np.flatnonzero(far)
    for ring in rings:
        far[outside] = np.minimum(far[outside], _km_to_ring(ring, points[outside]))
    return far


def _are_inside(ring: Ring, points: Floats) -> Mask:
    """Whether each point is inside: a ray to the east crosses the ring an odd number of times."""
    x, y = ring[:, 0] - points[:, :1], ring[:, 1] - points[:, 1:]
    next_x, next_y = np.roll(x, -1, axis=1), np.roll(y, -1, axis=1)
    crosses = (y > 0) != (next_y > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = x - y * (next_x - x) / (next_y - y)
    return np.count_nonzero(crosses & (at > 0), axis=1) % 2 == 1


def _km_to_ring(ring: Ring, points: Floats) -> Floats:
    """Distance in km from each point to the nearest segment."""
    scale = np.cos(np.radians(np.clip(points[:, 1:], -89, 89)))
    x, y = (ring[:, 0] - points[:, :1]) * scale * _KM_PER_DEGREE, (ring[:, 1] - points[:, 1:]) * _KM_PER_DEGREE
    step_x, step_y = np.roll(x, -1, axis=1) - x, np.roll(y, -1, axis=1) - y
    with np.errstate(divide="ignore", invalid="ignore"):
        along = np.nan_to_num(np.clip(-(x * step_x + y * step_y) / (step_x**2 + step_y**2), 0, 1))
    nearest: Floats = np.hypot(x + along * step_x, y + along * step_y).min(axis=1)
    return nearest
