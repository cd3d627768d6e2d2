"""The map: valid GeoJSON, every fitted plant with its pipe, figures those of the plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ccs_model.plan.plan import Plan
from ccs_model.report.export.formats import geojson_text


def of_kind(plan: Plan, kind: str) -> list[dict[str, Any]]:
    features = json.loads(geojson_text(plan))["features"]
    return [feature for feature in features if feature["properties"]["kind"] == kind]


def positions(feature: dict[str, Any]) -> Iterator[list[float]]:
    coordinates = feature["geometry"]["coordinates"]
    yield from coordinates if feature["geometry"]["type"] == "LineString" else [coordinates]


def test_it_is_a_feature_collection_as_rfc_7946_has_it(plan: Plan) -> None:
    def rejected(constant: str) -> None:
        raise AssertionError(constant)

    document = json.loads(geojson_text(plan), parse_constant=rejected)
    assert set(document) == {"type", "features"} and document["type"] == "FeatureCollection"
    shapes = {"plant": "Point", "site": "Point", "pipe": "LineString"}
    for feature in document["features"]:
        assert set(feature) == {"type", "geometry", "properties"} and feature["type"] == "Feature"
        assert feature["geometry"]["type"] == shapes[feature["properties"]["kind"]]
        for lon, lat in positions(feature):
            # China: longitude before latitude, or the first would be below 54.
            assert 73 < lon < 136 and 17 < lat < 54
            assert (round(lon, 5), round(lat, 5)) == (lon, lat)


def test_every_plant_and_site_stands_once(plan: Plan) -> None:
    for kind, table in (("plant", plan.problem.plants), ("site", plan.problem.sites)):
        assert [feature["properties"]["id"] for feature in of_kind(plan, kind)] == list(table[kind])


def test_pipes_run_from_every_fitted_plant_to_a_used_site(plan: Plan) -> None:
    at = {
        feature["properties"]["id"]: feature["geometry"]["coordinates"]
        for kind in ("plant", "site")
        for feature in of_kind(plan, kind)
    }
    pipes = of_kind(plan, "pipe")
    assert len(pipes) == len(plan.retrofits) > 0
    for pipe in pipes:
        ends = pipe["properties"]
        assert pipe["geometry"]["coordinates"] == [at[ends["plant"]], at[ends["site"]]]
    fitted = {
        feature["properties"]["id"] for feature in of_kind(plan, "plant") if feature["properties"]["is_retrofitted"]
    }
    used = {feature["properties"]["id"] for feature in of_kind(plan, "site") if feature["properties"]["is_used"]}
    assert fitted == {pipe["properties"]["plant"] for pipe in pipes} == set(plan.retrofits["plant"])
    assert used == {pipe["properties"]["site"] for pipe in pipes} == set(plan.storage["site"])


def test_its_figures_add_up_to_the_plan(plan: Plan) -> None:
    def total(kind: str, name: str) -> float:
        return sum(feature["properties"][name] for feature in of_kind(plan, kind))

    for name in ("baseline_ktpa", "captured_ktpa", "avoided_ktpa", "capex_mn"):
        assert total("plant", name) == pytest.approx(plan.totals[name], rel=1e-9), name
    assert total("pipe", "capex_mn") == pytest.approx(plan.totals["pipe_capex_mn"], rel=1e-9)
    assert total("pipe", "flow_ktpa") == pytest.approx(total("site", "injected_ktpa"), rel=1e-9)
    last = plan.storage[plan.storage["year"] == plan.problem.years[-1]]
    assert total("site", "stored_kt") == pytest.approx(last["stored_kt"].sum(), rel=1e-9)


def test_the_same_plan_gives_the_same_text_and_an_empty_one_has_no_pipes(plan: Plan, empty_plan: Plan) -> None:
    assert geojson_text(plan) == geojson_text(replace(plan))
    assert of_kind(empty_plan, "pipe") == []
    assert not any(feature["properties"]["is_retrofitted"] for feature in of_kind(empty_plan, "plant"))
