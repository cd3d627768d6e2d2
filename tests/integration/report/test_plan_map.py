"""The map of the page: places on both sides of 180 degrees, the view that opens first, and names of own outlines."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.export.formats import _line
from ccs_model.report.page.basemap import WIDTH, Outline, Projection, basemap_of
from ccs_model.report.page.html import PageLanguage
from ccs_model.report.page.map_view import box_of
from ccs_model.report.page.plan_map import plan_map

pytestmark = pytest.mark.slow


def map_data(run: StoredRun, basemap: str | None = "none") -> dict[str, Any]:
    """The data of a map, by default without outlines."""
    return data_of(str(plan_map(run, PageLanguage("en", run.money), basemap_of(basemap), {})))


def data_of(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text.split("id=map-data>")[1].split("</script>")[0])
    return found


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        ({"NAME": "A", "admin": "Fiji"}, "A"),
        ({"GID_1": "x", "NAME_0": "Fiji", "NAME_1": "A", "NAME_2": "B"}, "B"),
        ({"NAME_1": "A", "NAME_2": None}, "A"),
        ({"GEN": "A"}, "A"),
        ({"shapeName": "A"}, "A"),
        ({"ADM1_EN": "A"}, "A"),
        ({"name": "A", "NAME": "B"}, "A"),
        ({"label": "A"}, ""),
    ],
)
def test_polygons_are_named_by_common_properties(
    run: StoredRun, tmp_path: Path, properties: dict[str, str], name: str
) -> None:
    square = [[110.0, 34.0], [115.0, 34.0], [115.0, 41.0], [110.0, 41.0], [110.0, 34.0]]
    feature = {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [square]}}
    path = tmp_path / "own.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), "utf-8")
    basemap = basemap_of(str(path))
    assert [each.name for each in basemap.outlines] == [name]
    for lang, missing in (
        ("en", "No polygon of own.geojson has a name: expected"),
        ("zh", "own.geojson 的多边形均无名称"),
    ):
        assert (missing in str(plan_map(run, PageLanguage(lang, run.money), basemap, {}))) == (not name)


def moved_run(run: StoredRun, shift_deg: float) -> StoredRun:
    """The run with all places moved east."""

    def move(place: list[float]) -> list[float]:
        return [(place[0] + shift_deg + 180.0) % 360.0 - 180.0, place[1]]

    features = []
    for each in run.map["features"]:
        shape, at = each["geometry"]["type"], each["geometry"]["coordinates"]
        shape, at = (shape, move(at)) if shape == "Point" else _line(move(at[0]), move(at[-1]))
        features.append({**each, "geometry": {"type": shape, "coordinates": at}})
    return replace(run, map={**run.map, "features": features})


def test_map_across_180_degrees_shows_the_places_as_elsewhere(run: StoredRun) -> None:
    (lon, _), (to_lon, _) = run.features("pipe")[0]["geometry"]["coordinates"]
    across = moved_run(run, 180.0 - (lon + to_lon) / 2)
    assert "MultiLineString" in {each["geometry"]["type"] for each in across.features("pipe")}
    drawn = [map_data(each) for each in (run, across)]
    assert drawn[1]["extent"] == pytest.approx(drawn[0]["extent"], abs=0.2)
    for kind, columns in (("plants", ("x", "y")), ("sites", ("x", "y")), ("pipes", ("line",))):
        for one, other in zip(drawn[0][kind], drawn[1][kind], strict=True):
            for name in columns:
                assert other[name] == pytest.approx(one[name], abs=0.2)


def test_basemap_across_180_degrees_shows_both_sides() -> None:
    fiji = Projection((176.8, -18.7, 181.0, -16.3))
    near = basemap_of(None).visible_part(fiji)
    (outline,) = [each for each in near.outlines if each.name == "Fiji"]
    sides = {ring[0][0] > 0 for ring in outline.rings}
    assert sides == {True, False}
    x = [float(point.split()[0]) for point in re.findall(r"[-.\d]+ [-.\d]+", fiji.path(outline.rings))]
    assert min(x) > 0 and max(x) < WIDTH
    assert fiji(-179.9, -17.0)[0] == pytest.approx(fiji(180.1, -17.0)[0])
    # A view that does not reach 180 degrees has no second side.
    assert not Projection((113.0, 35.0, 120.0, 41.0)).is_visible([[-245.0, 38.0]])


def test_map_opens_with_unused_sites_unless_they_are_far_away(run: StoredRun) -> None:
    def with_sites(*lats: float) -> StoredRun:
        """The run with these unused sites only, on the meridian of its centre."""
        sites = []
        for lat in lats:
            site = {**run.features("site")[0], "geometry": {"type": "Point", "coordinates": [(west + east) / 2, lat]}}
            sites.append({**site, "properties": {**site["properties"], "id": f"X{lat}", "is_used": False}})
        return replace(run, map={**run.map, "features": [*shown, *sites]})

    about = [(each, each["properties"]) for each in run.map["features"]]
    shown = [each for each, properties in about if properties["kind"] != "site" or properties["is_used"]]
    west, south, east, north = box_of(replace(run, map={**run.map, "features": shown}))
    assert box_of(with_sites((south + north) / 2)) == (west, south, east, north)
    near, far = south - 1.0, south - 10.0
    box = box_of(with_sites(near))
    assert box[1] < near and box[3] >= north
    assert box_of(with_sites(near, far)) == box and box_of(with_sites(far)) == (west, south, east, north)


def run_at(run: StoredRun, province: str, *places: tuple[float, float]) -> StoredRun:
    """The run with its first plants, and nothing else, at places of a province of another country."""
    features = []
    for each, place in zip(run.features("plant"), places, strict=False):
        properties = {**each["properties"], "province": province}
        features.append({**each, "properties": properties, "geometry": {"type": "Point", "coordinates": list(place)}})
    zones = [{**zone, "zone": province} for zone in run.document["zones"]]
    document = {**run.document, "zones": zones, "links": [], "retrofits": []}
    return replace(run, map={**run.map, "features": features}, document=document)


SAFI, OUJDA, RABAT = (-9.2, 32.3), (-2.3, 34.5), (-6.8, 33.9)


@pytest.mark.parametrize("province", ["Centre", "Morocco"])
def test_country_of_plants_is_home_whatever_its_provinces_are_called(run: StoredRun, province: str) -> None:
    text = str(plan_map(run_at(run, province, SAFI, OUJDA), PageLanguage("en", run.money), basemap_of(None), {}))
    assert text.count('class="land zone"') == 1
    data = data_of(text)
    (home,) = [each for each in data["labels"] if each["rank"] == 0]
    left, top, right, bottom = data["extent"]
    assert home["text"] == "Morocco"
    assert left < home["x"] < right and top < home["y"] < bottom


def test_chinese_province_with_a_part_as_its_name_is_home(run: StoredRun) -> None:
    data = map_data(run_at(run, "Tangshan", (118.2, 39.6)), None)
    assert [each["text"] for each in data["labels"] if each["rank"] == 0] == ["Hebei"]


def test_name_of_a_country_of_which_a_part_is_in_view_stands_on_its_land_there(run: StoredRun) -> None:
    data = map_data(run_at(run, "Centre", RABAT, (-6.7, 33.9)), None)
    (home,) = [each for each in data["labels"] if each["rank"] == 0]
    left, top, right, bottom = data["extent"]
    places = [(home["x"], home["y"]), *home["others"]]
    assert all(left < x < right and top < y < bottom for x, y in places)


def test_map_opens_with_the_whole_country_unless_it_is_much_larger(run: StoredRun) -> None:
    (india,) = [each for each in basemap_of(None).outlines if each.name == "India"]
    wide = run_at(run, "India", (72.9, 19.1), (74.9, 31.6), (77.6, 12.9))
    narrow = run_at(run, "India", (86.2, 22.8))
    west, south, east, north = box_of(wide, [india])
    assert west < 69 and south < 8.2 and east > 97 and north > 35
    assert box_of(narrow, [india]) == box_of(narrow)
    # Land without plants, such as an island of the country far away, does not widen the view.
    island = [[60.0, 0.0], [61.0, 0.0], [61.0, 1.0], [60.0, 0.0]]
    assert box_of(wide, [Outline("India", "", [island, *india.rings], True)]) == box_of(wide, [india])
