"""Cost multipliers of terrain: mean along the way, the reach of a point, and ways that touch none."""

from __future__ import annotations

import numpy as np
import pytest

from ccs_model.inputs.terrain_file import Raster
from ccs_model.problem.link_costs import Terrain


def points(*rows: tuple[float, float, float]) -> Terrain:
    """Points as (lat, lon, multiplier)."""
    lat, lon, multiplier = np.array(rows, dtype=float).reshape(-1, 3).T
    return Terrain(lat, lon, multiplier)


def factor(terrain: Terrain, a: tuple[float, float], b: tuple[float, float]) -> float:
    return float(terrain.factor(*(np.array([x]) for x in (*a, *b)))[0])


def covers(terrain: Terrain, a: tuple[float, float], b: tuple[float, float]) -> bool:
    return terrain.covers(*(np.array([x]) for x in (*a, *b)))


# Four points on a grid of one degree; each holds up to its diagonal, 1.414 degrees.
SQUARE = points((40, 110, 2), (40, 111, 4), (41, 110, 6), (41, 111, 8))


def test_without_terrain_every_way_is_flat() -> None:
    none = points()
    assert factor(none, (40, 110), (41, 111)) == 1.0 and not covers(none, (40, 110), (41, 111))


def test_a_single_point_holds_everywhere() -> None:
    assert factor(points((40, 110, 3)), (20, 80), (50, 130)) == 3.0


@pytest.mark.parametrize(
    ("at", "multiplier"),
    [
        ((40, 110), 2),
        ((40.1, 110.9), 4),
        ((40.9, 109.9), 6),
        ((42.41, 110), 6),  # 1.41 degrees from its point
        ((42.42, 110), 1),  # 1.42 degrees
        ((40, 108.59), 2),
        ((40, 108.58), 1),
    ],
)
def test_the_nearest_point_holds_within_the_diagonal_of_its_cell(at: tuple[float, float], multiplier: float) -> None:
    assert factor(SQUARE, at, at) == multiplier


def test_a_cell_s_own_corner_is_within_its_reach() -> None:
    # The far corner of a cell of one degree lies exactly one diagonal from the opposite point.
    assert factor(SQUARE, (42, 112), (42, 112)) == 8


def test_a_point_far_from_the_others_reaches_no_further_than_they_do() -> None:
    # The median distance to the next point is one degree, although the last one lies eight degrees off.
    scattered = points((40, 110, 2), (40, 111, 2), (40, 112, 2), (40, 120, 5))
    assert [factor(scattered, (40, lon), (40, lon)) for lon in (120, 121.4, 121.5)] == [5, 5, 1]


def test_a_way_costs_the_mean_of_the_cells_that_it_crosses() -> None:
    # From 110 to 111 degrees half of the way is nearest to each point: (2 + 4) ÷ 2; the middle one counts for one.
    assert factor(SQUARE, (40, 110), (40, 111)) == pytest.approx(3, abs=0.02)
    # Three quarters of this way lie before 110.5.
    assert factor(SQUARE, (40, 110), (40, 110 + 2 / 3)) == pytest.approx(0.75 * 2 + 0.25 * 4, abs=0.02)
    # The way back costs as much.
    assert factor(SQUARE, (40, 111), (40, 110)) == pytest.approx(factor(SQUARE, (40, 110), (40, 111)), abs=0.03)


def test_a_diagonal_way_crosses_cells_of_both_directions() -> None:
    # Along the diagonal the nearest points are the first and the last, half each.
    assert factor(SQUARE, (40, 110), (41, 111)) == pytest.approx((2 + 8) / 2, abs=0.05)
    assert factor(SQUARE, (40, 110), (41, 110)) == pytest.approx((2 + 6) / 2, abs=0.05)


def test_each_way_has_its_own_factor() -> None:
    lat, lon = np.array([40.0, 41.0, 60.0]), np.array([110.0, 111.0, 60.0])
    assert SQUARE.factor(lat, lon, lat, lon).tolist() == [2, 8, 1]


GRID = Terrain(np.zeros(0), np.zeros(0), np.zeros(0), Raster(110.0, 41.0, 1.0, np.array([[6, 8], [2, 4]], np.float32)))


def test_a_grid_has_the_factors_of_the_same_points() -> None:
    for at in ((40, 110), (40.1, 110.9), (40.9, 109.9), (45, 110)):
        assert factor(GRID, at, at) == factor(SQUARE, at, at)


@pytest.mark.parametrize("terrain", [SQUARE, GRID], ids=["points", "grid"])
def test_a_way_that_touches_no_cell_is_not_covered(terrain: Terrain) -> None:
    assert not covers(terrain, (45, 110), (46, 111))
    assert covers(terrain, (40, 110), (46, 111))
    # Flat cells count as well.
    flat = points((40, 110, 1), (40, 111, 1))
    assert covers(flat, (40, 110), (40, 111))
