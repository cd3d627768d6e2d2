"""Outlines and extent of the map in notebooks, which need the extra `report`."""

from __future__ import annotations

import pytest

pytest.importorskip("altair")

from ccs_model.report.plots import _box, _outlines


def test_map_of_another_country_has_its_outlines() -> None:
    box = _box([{"lon": 6.7, "lat": 51.4}, {"lon": 13.9, "lat": 51.5}])
    rings = {each["properties"]["name"]: each["geometry"]["coordinates"] for each in _outlines(box)}
    assert {"Germany", "Poland", "Netherlands"} <= set(rings)
    # Closed rings of at least a triangle, which Vega requires.
    assert all(ring[0] == ring[-1] and len(ring) > 3 for each in rings.values() for (ring,) in each)


def test_map_across_180_degrees_spans_the_short_way() -> None:
    west, _, east, _ = _box([{"lon": 178.4, "lat": -18.1}, {"lon": -179.9, "lat": -16.8}])
    assert 178.0 - 0.5 < west < 178.4 and 180.1 < east < 181.0
    assert any(each["properties"]["name"] == "Fiji" for each in _outlines((west, -19.0, east, -16.0)))
