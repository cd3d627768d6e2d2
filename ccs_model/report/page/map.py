"""The map of the page: provinces, plants by sector and size, pipelines by flow, and storage sites.

The projection is Mercator, fitted to the plants, the sites in use and the pipelines; the rest is clipped.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt

from ccs_model.bounded_reading import GEOJSON_BYTES, parse_json
from ccs_model.errors import InputError, Issue
from ccs_model.paths import data_folder
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.page.charts import FAINT, INK, PIPE, SITE, data, sector_colours, shared, tooltips
from ccs_model.report.page.html import Words
from ccs_model.scenario.yaml_document import contents

Ring = list[list[float]]
Box = tuple[float, float, float, float]

_MARGIN_SHARE, _LEAST_DEG = 0.07, 0.6
_MERCATOR_END_DEG = 80.0
# With more names than this, the font is smaller.
_MANY_NAMES = 16
# Names of outlines that differ from the tables.
_OUTLINE_NAMES = {"Inner Mongol": "Inner Mongolia"}


def map_chart(run: StoredRun, words: Words, outlines: Sequence[Mapping[str, Any]]) -> Any:
    """Return the map of a run over outlines, which are polygon features."""
    box = box_of(run)
    near = [each for each in outlines if meets(each, box)]
    zones = {str(zone["zone"]) for zone in run.document["zones"]}
    layers = [*ground(near, zones), *_pipes(run, words), *_sites(run, words), *_plants(run, words)]
    message = (
        f"Map of {len(run.features('plant'))} plants ({run.document['totals']['n_plants_retrofitted']} retrofitted), "
        f"{len(run.features('pipe', 'truck'))} pipelines and roads, and "
        f"{sum(bool(each['properties']['is_used']) for each in run.features('site'))} storage sites in use"
    )
    return shared(alt.layer(*layers).project(**projection(box)), words.sentence(message), "container")


def outlines_of(basemap: str | None) -> list[dict[str, Any]]:
    """Return the outlines of the map: the shipped provinces, those of a GeoJSON file, or none for `none`.

    Raises
    ------
    FileError
        If the file cannot be read.
    InputError
        If the file contains no polygons.
    """
    if basemap == "none":
        return []
    if basemap is None:
        provinces = json.loads((data_folder() / "geo" / "provinces.json").read_text(encoding="utf-8"))
        return [
            _feature(_OUTLINE_NAMES.get(each["name"], str(each["name"])), [[ring] for ring in each["rings"]])
            for each in provinces
        ]
    path = Path(basemap)
    try:
        raw = contents(path, largest_bytes=GEOJSON_BYTES, expected="a GeoJSON file, or none", at=str(path))
        document = parse_json(raw)
    except ValueError as error:
        raise InputError([Issue(str(path), f"is not JSON: {error}", "give a GeoJSON file, or none")]) from error
    try:
        found = list(_polygons(document))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError([Issue(str(path), "is not GeoJSON", "give a feature collection of polygons")]) from error
    if not found:
        raise InputError([Issue(str(path), "contains no polygon", "give a feature collection of polygons in WGS84")])
    return found


def _polygons(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for feature in document["features"]:
        shape = feature["geometry"]
        if shape is None or shape["type"] not in ("Polygon", "MultiPolygon"):
            continue
        polygons = [shape["coordinates"]] if shape["type"] == "Polygon" else shape["coordinates"]
        name = (feature.get("properties") or {}).get("name", "")
        yield _feature(str(name or ""), [[_ring(ring) for ring in polygon] for polygon in polygons])


def _ring(points: Any) -> Ring:
    ring = [[float(point[0]), float(point[1])] for point in points]
    if len(ring) < 4 or not all(abs(lon) <= 180 and abs(lat) <= 90 for lon, lat in ring):
        raise ValueError("not a closed ring of longitudes and latitudes")
    return ring


def _feature(name: str, polygons: list[list[Ring]]) -> dict[str, Any]:
    """A multipolygon with clockwise outer rings and counterclockwise holes, as Vega expects."""
    oriented = [[_oriented(ring, clockwise=place == 0) for place, ring in enumerate(polygon)] for polygon in polygons]
    return {
        "type": "Feature",
        "properties": {"name": name},
        "geometry": {"type": "MultiPolygon", "coordinates": oriented},
    }


def _oriented(ring: Ring, *, clockwise: bool) -> Ring:
    return ring if (_area(ring) < 0) == clockwise else ring[::-1]


def _area(ring: Ring) -> float:
    pairs = zip(ring, [*ring[1:], ring[0]], strict=True)
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs) / 2.0


def box_of(run: StoredRun) -> Box:
    """Return west, south, east and north of the plants, sites in use and pipelines, with a margin."""
    points = [each["geometry"]["coordinates"] for each in run.features("plant")]
    points += [each["geometry"]["coordinates"] for each in run.features("site") if each["properties"]["is_used"]]
    for each in run.features("pipe", "truck"):
        points += each["geometry"]["coordinates"]
    points = points or [[73.0, 18.0], [135.0, 53.0]]
    west, east = min(p[0] for p in points), max(p[0] for p in points)
    south, north = min(p[1] for p in points), max(p[1] for p in points)
    margin = max(_MARGIN_SHARE * max(east - west, north - south), _LEAST_DEG)
    return west - margin, south - margin, east + margin, north + margin


def meets(feature: Mapping[str, Any], box: Box) -> bool:
    """Return whether an outline may be visible in a window on the box."""
    west, south, east, north = box
    # The window is usually wider or taller than the box, so the map extends beyond it on two sides.
    more_lon, more_lat = 2 * (east - west), 2 * (north - south)
    for polygon in feature["geometry"]["coordinates"]:
        lon, lat = [point[0] for point in polygon[0]], [point[1] for point in polygon[0]]
        beside = max(lon) < west - more_lon or min(lon) > east + more_lon
        if not beside and max(lat) >= south - more_lat and min(lat) <= north + more_lat:
            return True
    return False


def projection(box: Box) -> dict[str, Any]:
    """Return a projection that fits the box into the window, as expressions of the window's size."""
    west, south, east, north = box
    lon = [math.radians(west), math.radians(east)]
    lat = [_mercator(south), _mercator(north)]
    scale = f"min(width / {lon[1] - lon[0]:.6f}, height / {lat[1] - lat[0]:.6f})"
    middle = f"[width / 2 - {scale} * {sum(lon) / 2:.6f}, height / 2 + {scale} * {sum(lat) / 2:.6f}]"
    return {"type": "mercator", "scale": alt.ExprRef(scale), "translate": alt.ExprRef(middle)}


def _mercator(lat_deg: float) -> float:
    clipped = max(-_MERCATOR_END_DEG, min(_MERCATOR_END_DEG, lat_deg))
    return math.log(math.tan(math.pi / 4 + math.radians(clipped) / 2))


def ground(features: Sequence[Mapping[str, Any]], zones: Collection[str]) -> Iterator[Any]:
    """Yield layers of land with names; the zones of the run are brighter."""
    for inside in (False, True):
        shown = [dict(each) for each in features if (each["properties"]["name"] in zones) is inside]
        if shown:
            land = alt.Chart(alt.Data(values=shown))
            fill = "#fdfcf7" if inside else "#ebe8e0"
            yield land.mark_geoshape(fill=fill, stroke="#aaa494", strokeWidth=1.2 if inside else 0.7, clip=True)
    labels = [each for each in map(_label, features) if each is not None]
    if labels:
        size = 12 if len(labels) <= _MANY_NAMES else 11
        text = alt.Chart(data(labels)).mark_text(color="#6f6a5a", fontSize=size, clip=True, aria=False)
        yield text.encode(longitude="lon:Q", latitude="lat:Q", text="name:N")


def _label(feature: Mapping[str, Any]) -> dict[str, Any] | None:
    """The name, at the centre of the largest polygon."""
    ring = max((polygon[0] for polygon in feature["geometry"]["coordinates"]), key=lambda each: abs(_area(each)))
    lon = (min(p[0] for p in ring) + max(p[0] for p in ring)) / 2
    lat = (min(p[1] for p in ring) + max(p[1] for p in ring)) / 2
    name = feature["properties"]["name"]
    return {"name": name, "lon": lon, "lat": lat} if name else None


def _pipes(run: StoredRun, words: Words) -> Iterator[Any]:
    rows = []
    for feature in run.features("pipe", "truck"):
        about, ends = feature["properties"], feature["geometry"]["coordinates"]
        named = " → ".join(str(about.get(key) or "") for key in ("from_name", "to_name"))
        rows.append(
            {
                "name": named if about.get("from_name") else f"{about.get('plant')} → {about.get('site')}",
                "lon": ends[0][0], "lat": ends[0][1], "lon2": ends[-1][0], "lat2": ends[-1][1],
                **{key: about[key] for key in ("kind", "flow_ktpa", "length_km", "capex_mn")},
            }
        )  # fmt: skip
    if not rows:
        return
    dashes = alt.Scale(domain=["pipe", "truck"], range=[[1, 0], [4, 4]])
    message = [alt.Tooltip("name:N", title=words.label("Pipeline"))]
    message += tooltips(words, "flow_ktpa", "length_km", "capex_mn")
    yield pipe_layer(rows, strokeDash=alt.StrokeDash("kind:N", scale=dashes, legend=None), tooltip=message)


def pipe_layer(rows: Sequence[Mapping[str, Any]], **encoding: Any) -> Any:
    """Return a layer of lines, wide by their flow."""
    top = max(float(row["flow_ktpa"]) for row in rows)
    width = alt.StrokeWidth("flow_ktpa:Q", scale=alt.Scale(domain=[0, max(top, 1.0)], range=[1.4, 7]), legend=None)
    ends = {"longitude": "lon:Q", "latitude": "lat:Q", "longitude2": "lon2:Q", "latitude2": "lat2:Q"}
    chart = alt.Chart(data(rows)).mark_rule(color=PIPE, strokeCap="round", clip=True)
    return chart.encode(**ends, strokeWidth=width, **encoding)


def _sites(run: StoredRun, words: Words) -> Iterator[Any]:
    rows = [
        {
            **each["properties"],
            "name": words.value(str(each["properties"]["name"]), "site"),
            "lon": each["geometry"]["coordinates"][0],
            "lat": each["geometry"]["coordinates"][1],
        }
        for each in run.features("site")
    ]
    for used in (False, True):
        shown = [row for row in rows if bool(row["is_used"]) is used]
        if not shown:
            continue
        yield (
            alt.Chart(data(shown))
            .mark_point(shape="diamond", size=210 if used else 70, stroke=SITE, strokeWidth=1.6, filled=used,
                        fill=SITE if used else "#ffffff", opacity=1 if used else 0.7, clip=True)
            .encode(
                longitude="lon:Q", latitude="lat:Q",
                tooltip=tooltips(words, "name", "injected_ktpa", "capacity_kt", name="site"),
            )
        )  # fmt: skip


def _plants(run: StoredRun, words: Words) -> Iterator[Any]:
    """Retrofitted plants above the others, small plants above large ones."""
    rows = []
    for each in run.features("plant"):
        about = each["properties"]
        lon, lat = each["geometry"]["coordinates"]
        named = words.named(str(about["name"]), str(about["name_zh"] or ""))
        rows.append(
            {
                **about,
                "shown": named,
                "sector_name": words.known(str(about["sector"]), "sector"),
                "province": words.value(str(about["province"]), "province"),
                "reason": words.label(str(about["reason"] or "")),
                "lon": lon,
                "lat": lat,
            }
        )
    rows.sort(key=lambda row: (-float(row["baseline_ktpa"] or 0.0), str(row["id"])))
    names = ("shown", "sector_name", "province", "baseline_ktpa")
    for retrofitted in (False, True):
        shown = [row for row in rows if bool(row["is_fitted"]) is retrofitted]
        if shown:
            message = tooltips(
                words, *names, *(("captured_ktpa", "avoided_ktpa", "capex_mn") if retrofitted else ("reason",))
            )
            yield plant_layer(shown, rows, message, is_fitted=retrofitted)


def plant_layer(
    shown: Sequence[Mapping[str, Any]], every: Sequence[Mapping[str, Any]], tooltip: list[Any], *, is_fitted: bool
) -> Any:
    """Return a layer of circles, large by their share of the baseline; retrofitted plants are saturated."""
    sectors = sorted({str(row["sector"]) for row in every})
    top = max((float(row["baseline_ktpa"] or 0.0) for row in every), default=1.0)
    ring = {"stroke": INK, "strokeWidth": 1.6} if is_fitted else {"stroke": FAINT, "strokeWidth": 0.8}
    chart = alt.Chart(data(shown)).mark_circle(**ring, opacity=0.95 if is_fitted else 0.3, clip=True)
    return chart.encode(
        longitude="lon:Q",
        latitude="lat:Q",
        size=alt.Size("baseline_ktpa:Q", scale=alt.Scale(domain=[0, max(top, 1.0)], range=[24, 900]), legend=None),
        color=alt.Color("sector:N", scale=sector_colours(sectors), legend=None),
        tooltip=tooltip,
    )
