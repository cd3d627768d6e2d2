"""The view with which the map of the page opens, the home of its plants, and where names of countries stand."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ccs_model.engineering.co2_transport import great_circle_km, unwrap_deg
from ccs_model.inputs.geography import are_in_country, area_near
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.page.basemap import Basemap, Box, Outline, Projection, Ring

_MARGIN_SHARE, _LEAST_DEG = 0.07, 0.6
# Unused sites, and the rest of the country, may reduce the scale of the map to these shares.
_LEAST_SCALE_SHARE, _LEAST_COUNTRY_SHARE = 0.5, 0.6
# Unused sites further than this from every plant do not widen the map.
_NEAR_KM = 300.0
# Margin around a country; its points on which a name is tried, in each direction; names tried; pixels between them.
_COUNTRY_MARGIN_SHARE, _GRID, _MOST_PLACES, _SPACING_PX = 0.02, 24, 6, 60.0


def home_of(run: StoredRun, basemap: Basemap) -> frozenset[str]:
    """Return the outlines that are home: provinces of the plan, and the country of plants of other provinces."""
    drawn = {each.name for each in basemap.outlines}
    zones = {str(zone["zone"]) for zone in run.document["zones"]}
    places = {
        tuple(each["geometry"]["coordinates"])
        for each in run.features("plant")
        if str(each["properties"]["province"]) not in drawn
    }
    return frozenset(zones | {area_near(lat, lon) for lon, lat in places})


def box_of(run: StoredRun, countries: Sequence[Outline] = ()) -> Box:
    """Return west, south, east and north of the view that opens first; east may exceed 180°.

    The box contains plants, sites in use and pipelines, with a margin. If the map would open with unused sites within
    300 km of a plant beyond its edge, the box contains them too, unless the scale were less than half as large. It
    contains the land of `countries` around the plants, unless the scale were less than 60 % as large.
    """
    plants = [each["geometry"]["coordinates"] for each in run.features("plant")]
    points = [*plants, *(_place(each) for each in run.features("site") if each["properties"]["is_used"])]
    for each in run.features("pipe", "truck"):
        points += ends_of(each)
    box = _box_around(points or [[73.0, 18.0], [135.0, 53.0]])
    unused = [_place(each) for each in run.features("site") if not each["properties"]["is_used"]]
    unused = [site for site in unused if _km_from(plants, site) <= _NEAR_KM]
    first = Projection(box)
    if points and not all(first.opens_with(*place) for place in unused):
        wider = _box_around([*points, *unused])
        box = wider if Projection(wider).scale >= first.scale * _LEAST_SCALE_SHARE else box
    with_land = _box_with_land(box, [ring for each in countries for ring in each.rings], plants)
    return with_land if Projection(with_land).scale >= Projection(box).scale * _LEAST_COUNTRY_SHARE else box


def _km_from(plants: Sequence[Sequence[float]], site: Sequence[float]) -> float:
    """Distance of a site from the nearest plant; infinite without plants."""
    lon, lat = np.array(plants, dtype=float).reshape(-1, 2).T
    return float(np.min(great_circle_km(lat, lon, site[1], site[0]), initial=math.inf))


def _place(feature: Mapping[str, Any]) -> list[float]:
    place: list[float] = feature["geometry"]["coordinates"]
    return place


def _box_around(points: Sequence[Sequence[float]]) -> Box:
    lons, lats = unwrap_deg([point[0] for point in points]).tolist(), [point[1] for point in points]
    west, east, south, north = min(lons), max(lons), min(lats), max(lats)
    margin = max(_MARGIN_SHARE * max(east - west, north - south), _LEAST_DEG)
    return west - margin, south - margin, east + margin, north + margin


def _box_with_land(box: Box, rings: Sequence[Ring], plants: Sequence[Sequence[float]]) -> Box:
    """The box widened by the rings with a plant in their own box, with a narrow margin."""
    west, south, east, north = box
    middle = (west + east) / 2
    for ring in rings:
        lon, lat = zip(*ring, strict=True)
        low, high, bottom, top = min(lon), max(lon), min(lat), max(lat)
        if any(low <= point[0] <= high and bottom <= point[1] <= top for point in plants):
            margin = _COUNTRY_MARGIN_SHARE * max(high - low, top - bottom)
            turn = 360.0 * round((middle - (low + high) / 2) / 360.0)
            west, east = min(west, low + turn - margin), max(east, high + turn + margin)
            south, north = min(south, bottom - margin), max(north, top + margin)
    return west, south, east, north


def ends_of(line: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """Return both ends of a pipeline or road; one across 180° is stored in parts."""
    shape = line["geometry"]
    parts = shape["coordinates"] if shape["type"] == "MultiLineString" else [shape["coordinates"]]
    return parts[0][0], parts[-1][-1]


def places_of_name(outline: Outline, place: Projection, home: Collection[str]) -> list[tuple[float, float]]:
    """Return where the name of an outline may stand, the best place first.

    A home country may lie partly beyond the view that opens first, so that it has several places on its land in view.
    """
    middle = place(*outline.middle)
    if not (outline.is_country and outline.name in home):
        return [middle]
    left, top, right, bottom = place.extent
    inside = left <= middle[0] <= right and top <= middle[1] <= bottom
    lon, lat = outline.middle
    is_good = inside and bool(are_in_country(outline.name, np.array([lat]), np.array([lon]), 0.0)[0])
    return [*([middle] if is_good else []), *_places_on_land(outline, place)] or [middle]


def _places_on_land(outline: Outline, place: Projection) -> Iterator[tuple[float, float]]:
    """Places on the land of a country in view, those farthest from its edges first and not close together."""
    west, south, east, north = place.box
    lon, lat = (each.ravel() for each in np.meshgrid(_between(west, east), _between(south, north)))
    lon = (lon + 180.0) % 360.0 - 180.0
    on_land = are_in_country(outline.name, lat, lon, 0.0)
    if not on_land.any():
        return
    at = np.array([place(x, y) for x, y in zip(lon[on_land], lat[on_land], strict=True)])
    edges = np.array([place(*point) for ring in outline.rings for point in ring])
    far = np.min([np.hypot(*(at - edge).T) for edge in edges], axis=0)
    left, top, right, bottom = place.extent
    # The text is wider than high, so that the sides of the view matter more.
    far = np.minimum.reduce([far, (at[:, 0] - left) / 2, (right - at[:, 0]) / 2, at[:, 1] - top, bottom - at[:, 1]])
    found: list[tuple[float, float]] = []
    for k in np.argsort(-far, kind="stable").tolist():
        x, y = float(at[k, 0]), float(at[k, 1])
        if all(math.hypot(x - other[0], y - other[1]) >= _SPACING_PX for other in found):
            found.append((x, y))
            yield x, y
        if len(found) == _MOST_PLACES:
            return


def _between(low: float, high: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Points between two values, without them."""
    return np.linspace(low, high, _GRID + 2)[1:-1]
