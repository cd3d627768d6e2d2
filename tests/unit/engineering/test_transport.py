"""Great-circle distances, nearest sites and hourly flows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.engineering.co2_transport import flow_tph, great_circle_km, nearest_sites, unwrap_deg, wrap_deg

PLACE = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
Place = tuple[float, float]

BEIJING, SHANGHAI, SHIJIAZHUANG = (39.9042, 116.4074), (31.2304, 121.4737), (38.0428, 114.5149)
LONDON, NEW_YORK = (51.5074, -0.1278), (40.7128, -74.0060)


def km(a: Place, b: Place) -> float:
    return float(great_circle_km(*a, *b))


@pytest.mark.parametrize(
    ("a", "b", "known_km"),
    [
        (BEIJING, SHANGHAI, 1_067),
        (BEIJING, SHIJIAZHUANG, 264),
        (LONDON, NEW_YORK, 5_570),
        ((0, 0), (90, 0), 10_007.5),  # a quarter of a meridian of the mean sphere
        ((0, 0), (0, 1), 111.195),
        ((0, 179.5), (0, -179.5), 111.195),  # across the date line
    ],
)
def test_great_circle_distances_match_known_values(a: Place, b: Place, known_km: float) -> None:
    assert km(a, b) == pytest.approx(known_km, rel=0.01)


def test_great_circle_distance_agrees_with_the_spherical_law_of_cosines() -> None:
    (lat_a, lon_a), (lat_b, lon_b) = np.radians(BEIJING), np.radians(SHIJIAZHUANG)
    cosine = np.sin(lat_a) * np.sin(lat_b) + np.cos(lat_a) * np.cos(lat_b) * np.cos(lon_b - lon_a)
    assert km(BEIJING, SHIJIAZHUANG) == pytest.approx(6_371.0088 * np.arccos(cosine), rel=1e-9)


@given(PLACE, PLACE, PLACE)
def test_distance_is_a_metric(a: Place, b: Place, c: Place) -> None:
    assert km(a, a) == 0
    assert km(a, b) == pytest.approx(km(b, a), abs=1e-9)
    assert 0 <= km(a, b) <= np.pi * 6_371.0088 + 1e-6
    # Near antipodes the haversine formula is accurate only to centimetres.
    assert km(a, c) <= km(a, b) + km(b, c) + 1e-3


def test_longitudes_are_unwrapped_at_the_widest_gap() -> None:
    assert unwrap_deg([177.5, -179.0, 178.0]).tolist() == [177.5, 181.0, 178.0]
    # Places on one side of 180 degrees, or all around the globe with the widest gap there, do not change.
    for lon in ([177.5, 178.0], [-60.0, 60.0], [-120.0, 0.0, 110.0], [0.1], []):
        assert unwrap_deg(lon).tolist() == lon
    assert wrap_deg([177.5, 181.0, -190.0, 180.0, -180.0]).tolist() == [177.5, -179.0, 170.0, 180.0, -180.0]


def test_nearest_sites_are_sorted_limited_in_number_and_in_reach() -> None:
    # On the equator a degree is 111.195 km: from 0° the sites lie at 111, 222, 334 and 1,112 km.
    points, sites = (pd.DataFrame({"lat_deg": 0.0, "lon_deg": lon}) for lon in ([0.0, 50.0], [3.0, 1.0, 10.0, 2.0]))
    at_point, at_site, straight = nearest_sites(points, sites, 3, 300.0)
    assert at_point.tolist() == [0, 0]  # the second point has no site within 300 km
    assert at_site.tolist() == [1, 3]
    assert straight == pytest.approx([111.195, 222.390], abs=0.01)
    few = nearest_sites(points[:1], sites, 1, 5_000.0)
    assert few[1].tolist() == [1]


def test_flow_is_spread_over_every_hour() -> None:
    # 1.7 Mt/y over 8,760 h = 194.06 t/h.
    assert float(flow_tph(1_700)) == pytest.approx(194.06, abs=0.01)
