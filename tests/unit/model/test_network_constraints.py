"""Constraints of a shared network by hand, with post-horizon obligations and continuous decisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ccs_model.inputs import Inputs
from ccs_model.mip import Matrix
from ccs_model.model.build_model import build_model
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem

HandProblem = Callable[..., Problem]
HandSolved = Callable[..., Plan]
STAGED = {"years": [2026, 2031], "capital_recovery_share": None, "objective": "max_abatement"}
PLANTS = {"A": {"co2_ktpa": 500, "capture_capex_mn": 50}, "B": {"co2_ktpa": 1_500, "capture_capex_mn": 150}}
TPH = 8.76  # kt/y
PHI = 0.64
# Million EUR for 100 km of the largest class, which includes 120 t/h.
PIPE = 2.3e-3 * 120 * 100


@pytest.fixture(scope="module")
def large(inputs: Inputs) -> pd.DataFrame:
    """The largest class alone."""
    return inputs["transport/pipes"].tail(1).reset_index(drop=True)


def row(matrix: Matrix, constraint: str, index: object) -> tuple[dict[tuple[object, ...], float], float, float]:
    """Coefficients by (variable, id, year), and the row's bounds."""
    (at,) = [i for i in matrix.rows_of(constraint) if matrix.row_constraints[i][1] == index]
    line = matrix.rows.tocsr()[[at]].toarray().ravel()
    names = [(variable, *(key if isinstance(key, tuple) else (key,))) for variable, key in matrix.columns]
    found: dict[tuple[object, ...], float] = {name: float(c) for name, c in zip(names, line, strict=True) if c}
    return found, float(matrix.row_lower[at]), float(matrix.row_upper[at])


@pytest.mark.parametrize(("link", "existing_ktpa"), [("A-B", 400), ("A-S", 0)])
def test_post_horizon_flow_stays_within_built_and_existing_pipes(
    hand_problem: HandProblem, large: pd.DataFrame, link: str, existing_ktpa: float
) -> None:
    problem = hand_problem(
        STAGED | {"budget.total_mn": 1_000},
        plants=PLANTS,
        sites={"S": {}},
        links={"A-S": {"length_km": 100}, "A-B": {"length_km": 10, "existing_ktpa": 400}},
        transport__pipes=large,
    )
    matrix = matrix_of(build_model(replace(problem, delivered_share=PHI)))
    # A retrofit of 2031 operates for 20 years, the last 15 of them after the horizon.
    expected: dict[tuple[object, ...], float] = {
        ("obligation_forward_kt", link): 1.0,
        ("obligation_reverse_kt", link): 1.0,
    }
    for year in (2026, 2031):
        expected["pipe", f"{link} | large", year] = -15 * PHI * 120 * TPH
        expected["added_capacity_ktpa", f"{link} | large", year] = -15 * PHI
    found, least, upper = row(matrix, "obligation_within_pipes", link)
    assert found == pytest.approx(expected)
    assert (least, upper) == (-np.inf, pytest.approx(15 * PHI * existing_ktpa))


@pytest.mark.slow
@pytest.mark.parametrize(("spare_mn", "avoided_kt"), [(0.5, 5_000), (-0.5, 0)])
def test_post_horizon_flow_needs_a_built_pipe(
    hand_solved: HandSolved, large: pd.DataFrame, spare_mn: float, avoided_kt: float
) -> None:
    # S has capacity for ten years of twenty. T costs nothing but lies behind a second pipe, next to U, which is far too
    # expensive. Neither pipe is full, so none has capacity beyond the included one.
    plan = hand_solved(
        STAGED | {"budget.total_mn": 50 + 2 * PIPE + spare_mn},
        plants={"A": PLANTS["A"]},
        sites={"S": {"capacity_mid_kt": 5_000}, "T": {}, "U": {"site_capex_mn": 1e6}},
        links={"A-S": {"length_km": 100}, "S-U": {"length_km": 100}, "T-U": {"length_km": 0}},
        transport__pipes=large,
    )
    assert plan.objective.value == pytest.approx(avoided_kt)


def test_post_horizon_trucks_carry_only_co2_captured_at_their_origin(
    hand_problem: HandProblem, large: pd.DataFrame
) -> None:
    problem = hand_problem(
        STAGED | {"budget.total_mn": 1_000, "transport.trucks": True},
        plants=PLANTS,
        sites={"S": {}},
        links={"A-B": {"length_km": 10, "existing_ktpa": 400}},
        transport__pipes=large,
    )
    matrix = matrix_of(build_model(problem))
    (road,) = [link for link in problem.network.links["link"] if link.startswith("road A")]
    found, _, upper = row(matrix, "obligation_by_road_is_captured_there", "A")
    assert found.pop(("obligation_forward_kt", road)) == 1.0 and upper == 0.0
    # 500 kt/y for 10 years from 2026 and for 15 years from 2031.
    assert sorted(found.values()) == pytest.approx([-15 * 500, -10 * 500])
    assert {name for name, *_ in found} == {"build"}
    found, _, upper = row(matrix, "obligation_by_road_is_stored_there", "S")
    assert found.pop(("obligation_stored_kt", "S")) == -1.0 and upper == 0.0
    assert set(found.values()) == {1.0} and len(found) == 2


@pytest.mark.slow
@pytest.mark.parametrize(("rate_ktpa", "is_short"), [(400, True), (500, False)])
def test_wells_that_cannot_take_post_horizon_deliveries_are_reported(
    hand_solved: HandSolved, large: pd.DataFrame, rate_ktpa: float, is_short: bool
) -> None:
    # S is full after the ten years of the horizon. A operates for ten more years at 500 kt/y; a well of T takes
    # 400. On average over 15 years, the remaining life of a retrofit of 2031, 333 kt/y are enough.
    plan = hand_solved(
        STAGED | {"budget.total_mn": 1_000},
        plants={"A": PLANTS["A"]},
        sites={
            "S": {"capacity_mid_kt": 5_000},
            "T": {"well_injectivity_ktpa": rate_ktpa, "n_wells_max": 1, "injection_cost_per_t": 10},
        },
        links={"A-S": {"length_km": 10}, "S-T": {"length_km": 10}},
        transport__pipes=large,
    )
    assert plan.objective.value == pytest.approx(5_000)
    text = "in the first 10 years after the horizon the retrofits deliver 5,000 kt and the wells of sites that are not"
    assert any(f"{text} full take 4,000 kt" in warning for warning in plan.warnings) == is_short
    assert is_short or not any("after the horizon" in warning for warning in plan.warnings)


def test_larger_pipe_trend_carries_at_least_the_flow_from_which_it_is_cheaper(
    hand_problem: HandProblem, inputs: Inputs
) -> None:
    # 0.4 + q / 1,000 and 0.8 + q / 2,000 million a km cross at 800 kt/y.
    common = {"life_yr": 50, "currency": "EUR", "price_year": 2015, "reference": "OWN", "quality": "reported"}
    trends = pd.DataFrame(
        [
            {"pipe": "1", "fixed_mn_per_km": 0.4, "slope_mn_per_km_per_ktpa": 1e-3, "largest_ktpa": 1_000} | common,
            {"pipe": "2", "fixed_mn_per_km": 0.8, "slope_mn_per_km_per_ktpa": 5e-4} | common,
        ],
        columns=inputs["transport/trends"].columns,
    )
    tables = {"sites": {"S": {}}, "links": {"A-S": {"length_km": 10}}, "transport__trends": trends}
    problem = hand_problem({"targets.captured_ktpa": 1_500}, plants={"A": {"co2_ktpa": 1_500}}, **tables)
    matrix = matrix_of(build_model(problem))
    year = problem.years[0]
    found, *bounds = row(matrix, "a_larger_trend_carries_more", ("A-S | 2", year))
    assert found == pytest.approx({("added_capacity_ktpa", "A-S | 2", year): 1.0, ("pipe", "A-S | 2", year): -800.0})
    assert bounds == [0.0, np.inf]
    assert len(matrix.rows_of("a_larger_trend_carries_more")) == 1


# A sends 300 kt/y to a site for 1,000, or 1,000 kt/y to a site for 300. Any link may carry 1,000, so three tenths of a
# pipe have enough capacity for 300. B and T are far too expensive.
SMALL_SOURCE: dict[str, Any] = {
    "plants": {"A": {"co2_ktpa": 300}, "B": {"co2_ktpa": 700, "capture_cost_per_t": 1_000}},
    "sites": {"S": {"well_injectivity_ktpa": 100, "n_wells_max": 10}},
    "links": {"A-S": {"length_km": 100}, "B-S": {"length_km": 100}, "A-B": {"length_km": 300}},
}
SMALL_SITE: dict[str, Any] = {
    "plants": {"A": {"co2_ktpa": 1_000}},
    "sites": {
        "S": {"well_injectivity_ktpa": 100, "n_wells_max": 3},
        "T": {"well_injectivity_ktpa": 100, "n_wells_max": 7, "site_capex_mn": 1e6},
    },
    "links": {"A-S": {"length_km": 100}, "A-T": {"length_km": 100}, "S-T": {"length_km": 300}},
}


@pytest.mark.parametrize("tables", [SMALL_SOURCE, SMALL_SITE], ids=["source", "site"])
def test_continuous_pipe_is_built_to_the_share_of_its_source_or_site(
    hand_solved: HandSolved, large: pd.DataFrame, tables: dict[str, Any]
) -> None:
    # Half a retrofit of 300 or half a site for 300: half a pipe and its operation.
    half_mn = 0.1 * PIPE / 2 + 20e-6 * 100 * 150 / TPH
    requested = {"objective": "max_abatement", "budget.total_mn": half_mn, "capture.decisions": "continuous"}
    plan = hand_solved(requested, **tables, transport__pipes=large)
    assert plan.objective.value == pytest.approx(150, rel=1e-6)
    assert plan.flows[["link", "built_mn"]].values.tolist() == [["A-S", pytest.approx(PIPE / 2, rel=1e-6)]]


def test_one_variable_per_period_represents_all_open_sites(hand_problem: HandProblem, large: pd.DataFrame) -> None:
    requested = {**STAGED, "budget.total_mn": 1_000}
    matrix = matrix_of(build_model(hand_problem(requested, **SMALL_SITE, transport__pipes=large)))
    columns = {name: len(matrix.columns_of(name)) for name in ("opened", "site_is_open")}
    assert columns == {"opened": 4, "site_is_open": 2}
    # The row of a source has the builds of its stream and that variable, whatever the number of sites.
    of_sources = matrix.rows_of("a_used_source_has_an_open_site")
    names = [{matrix.columns[j].variable for j in matrix.entries(int(i))[0]} for i in of_sources]
    assert len(names) == 2 and all(each == {"build", "site_is_open"} for each in names)
    # In 2031 a site that was opened in 2026 is open as well.
    last = matrix.rows_of("an_open_site_was_opened")[-1]
    column, amount = matrix.entries(int(last))
    opened = sorted(matrix.columns[j].index for j in column if matrix.columns[j].variable == "opened")
    assert opened == [("S", 2026), ("S", 2031), ("T", 2026), ("T", 2031)]
    assert sorted(amount.tolist()) == [-1.0] * 4 + [1.0]
