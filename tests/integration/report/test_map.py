"""The map as GeoJSON: every plant, site and pipe, with the figures of the plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ccs_model.plan.plan import Plan
from ccs_model.report.export.formats import _line, geojson_text


def features_of(plan: Plan, kind: str) -> list[dict[str, Any]]:
    features = json.loads(geojson_text(plan))["features"]
    return [feature for feature in features if feature["properties"]["kind"] == kind]


def positions(feature: dict[str, Any]) -> Iterator[list[float]]:
    coordinates = feature["geometry"]["coordinates"]
    yield from coordinates if feature["geometry"]["type"] == "LineString" else [coordinates]


def test_map_is_a_feature_collection_as_defined_in_rfc_7946(plan: Plan) -> None:
    def rejected(constant: str) -> None:
        raise AssertionError(constant)

    document = json.loads(geojson_text(plan), parse_constant=rejected)
    assert set(document) == {"type", "features"} and document["type"] == "FeatureCollection"
    shapes = {"plant": "Point", "site": "Point", "pipe": "LineString"}
    for feature in document["features"]:
        assert set(feature) == {"type", "geometry", "properties"} and feature["type"] == "Feature"
        assert feature["geometry"]["type"] == shapes[feature["properties"]["kind"]]
        for lon, lat in positions(feature):
            # Within China; with latitude first, the first coordinate would be below 54.
            assert 73 < lon < 136 and 17 < lat < 54
            assert (round(lon, 5), round(lat, 5)) == (lon, lat)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (
            [178.43, -18.0],
            [-179.43, -16.0],
            [[[178.43, -18.0], [180.0, -16.53271]], [[-180.0, -16.53271], [-179.43, -16.0]]],
        ),
        ([-179.0, 10.0], [179.0, 10.0], [[[-179.0, 10.0], [-180.0, 10.0]], [[180.0, 10.0], [179.0, 10.0]]]),
        ([180.0, 1.0], [-179.0, 2.0], [[-180.0, 1.0], [-179.0, 2.0]]),
        ([-179.0, 1.0], [180.0, 2.0], [[-179.0, 1.0], [-180.0, 2.0]]),
        ([180.0, 1.0], [-180.0, 2.0], [[-180.0, 1.0], [-180.0, 2.0]]),
        ([178.0, 1.0], [180.0, 2.0], [[178.0, 1.0], [180.0, 2.0]]),
        ([-60.0, 1.0], [60.0, 2.0], [[-60.0, 1.0], [60.0, 2.0]]),
    ],
)
def test_line_across_180_degrees_is_cut_as_rfc_7946_asks(start: list[float], end: list[float], expected: Any) -> None:
    is_cut = isinstance(expected[0][0], list)
    assert _line(start, end) == ("MultiLineString" if is_cut else "LineString", expected)


def test_map_contains_every_plant_and_site_once(plan: Plan) -> None:
    for kind, table in (("plant", plan.problem.plants), ("site", plan.problem.sites)):
        assert [feature["properties"]["id"] for feature in features_of(plan, kind)] == list(table[kind])


def test_pipes_connect_every_retrofitted_plant_to_a_used_site(plan: Plan) -> None:
    coordinates_of = {
        feature["properties"]["id"]: feature["geometry"]["coordinates"]
        for kind in ("plant", "site")
        for feature in features_of(plan, kind)
    }
    pipes = features_of(plan, "pipe")
    assert len(pipes) == len(plan.retrofits) > 0
    for pipe in pipes:
        ends = pipe["properties"]
        assert pipe["geometry"]["coordinates"] == [coordinates_of[ends["plant"]], coordinates_of[ends["site"]]]
    retrofitted = {
        feature["properties"]["id"] for feature in features_of(plan, "plant") if feature["properties"]["is_retrofitted"]
    }
    used = {feature["properties"]["id"] for feature in features_of(plan, "site") if feature["properties"]["is_used"]}
    assert retrofitted == {pipe["properties"]["plant"] for pipe in pipes} == set(plan.retrofits["plant"])
    assert used == {pipe["properties"]["site"] for pipe in pipes} == set(plan.storage["site"])


def test_figures_of_the_map_add_up_to_the_totals_of_the_plan(plan: Plan) -> None:
    def total(kind: str, name: str) -> float:
        return sum(feature["properties"][name] for feature in features_of(plan, kind))

    for name in ("baseline_ktpa", "captured_ktpa", "avoided_ktpa", "capex_mn"):
        assert total("plant", name) == pytest.approx(plan.totals[name], rel=1e-9), name
    assert total("pipe", "capex_mn") == pytest.approx(plan.totals["pipe_capex_mn"], rel=1e-9)
    assert total("pipe", "flow_ktpa") == pytest.approx(total("site", "injected_ktpa"), rel=1e-9)
    last = plan.storage[plan.storage["year"] == plan.problem.years[-1]]
    assert total("site", "stored_kt") == pytest.approx(last["stored_kt"].sum(), rel=1e-9)


def test_map_is_deterministic_and_has_no_pipes_for_an_empty_plan(plan: Plan, empty_plan: Plan) -> None:
    assert geojson_text(plan) == geojson_text(replace(plan))
    assert features_of(empty_plan, "pipe") == []
    assert not any(feature["properties"]["is_retrofitted"] for feature in features_of(empty_plan, "plant"))
