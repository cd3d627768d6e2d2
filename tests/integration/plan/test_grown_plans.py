"""Tree growth finds feasible solutions that are near the optimum and no better than it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ccs_model.mip import SolverOptions
from ccs_model.mip.clock import effort, now
from ccs_model.mip.cut_sets import Relax
from ccs_model.mip.highs import Outcome
from ccs_model.mip.matrix import residuals
from ccs_model.mip.search import Result, SearchContext
from ccs_model.mip.tree_growth import Grow
from ccs_model.model.build_model import build_model
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem
from ccs_model.solve.fixed_charge_network import network_of
from ccs_model.solve.growth_network import growth_network_of
from ccs_model.solve.strategies import SIZES
from tests.hand_network import LINKS, PLANTS, SITES

pytestmark = pytest.mark.slow

STAGED = {"objective": "max_abatement", "years": [2026, 2031], "capital_recovery_share": None}


def grow(problem: Problem) -> tuple[float, np.ndarray] | None:
    """Objective value and solution of tree growth alone."""
    matrix = matrix_of(build_model(problem))
    network = growth_network_of(problem, matrix)
    with effort():
        context = SearchContext(matrix, network_of(problem, matrix), SolverOptions(0.0), now() + 60.0, growth=network)
        found = Grow(n_rounds=40).run(context, Result("limit")).incumbent
    if found is None:
        return None
    assert residuals(matrix, found).hold
    return context.value(found), found


@pytest.mark.parametrize("pipe_costs", ["as_built", "dea"])
@pytest.mark.parametrize("budget", [60, 300, 2_000])
def test_growth_is_feasible_and_near_the_optimum(
    hand_problem: Callable[..., Problem], hand_solved: Callable[..., Plan], budget: float, pipe_costs: str
) -> None:
    requested: dict[str, Any] = {
        **STAGED, "budget.total_mn": budget, "transport.corridors": "all", "transport.pipe_costs": pipe_costs,
        "budget.cumulative_mn": {2026: budget / 2},
    }  # fmt: skip
    optimum = hand_solved(requested, plants=PLANTS, sites=SITES, links=LINKS).objective.value
    found = grow(hand_problem(requested, plants=PLANTS, sites=SITES, links=LINKS))
    value = 0.0 if found is None else found[0]
    assert value <= optimum * (1 + 1e-6) + 1e-6
    assert value >= 0.7 * optimum - 1e-6


def test_growth_keeps_the_budget_of_a_province(
    hand_problem: Callable[..., Problem], hand_solved: Callable[..., Plan]
) -> None:
    plants = {**PLANTS, "C": {**PLANTS["C"], "province": "There"}}
    requested = {**STAGED, "budget.total_mn": 900, "transport.corridors": "all"}
    values = []
    for budget in (10, 80, 900):
        limited = {**requested, "budget.by_province_mn": {"There": budget}}
        problem = hand_problem(limited, plants=plants, sites=SITES, links=LINKS)
        found = grow(problem)
        assert found is not None
        optimum = hand_solved(limited, plants=plants, sites=SITES, links=LINKS).objective.value
        assert 0.7 * optimum <= found[0] <= optimum * (1 + 1e-6)
        values.append(found[0])
    # With a small budget there, C is not retrofitted; it emits three fifths of all CO2.
    assert values[0] < 0.5 * values[2] and values == sorted(values)


@pytest.mark.parametrize("plant", sorted(PLANTS))
def test_growth_retrofits_a_required_plant(
    hand_problem: Callable[..., Problem], hand_solved: Callable[..., Plan], plant: str
) -> None:
    requested = {**STAGED, "budget.total_mn": 300, "transport.corridors": "all", "plants.require": [plant]}
    optimum = hand_solved(requested, plants=PLANTS, sites=SITES, links=LINKS).objective.value
    found = grow(hand_problem(requested, plants=PLANTS, sites=SITES, links=LINKS))
    assert found is not None
    assert 0.7 * optimum <= found[0] <= optimum * (1 + 1e-6)


@pytest.mark.parametrize("least", [300, 900])
def test_growth_reaches_a_cumulative_target(
    hand_problem: Callable[..., Problem], hand_solved: Callable[..., Plan], least: float
) -> None:
    requested = {
        **STAGED,
        "objective": "min_cost",
        "targets.cumulative_avoided_kt": least,
        "transport.corridors": "all",
    }
    problem = hand_problem(requested, plants=PLANTS, sites=SITES, links=LINKS)
    matrix = matrix_of(build_model(problem))
    optimum = hand_solved(requested, plants=PLANTS, sites=SITES, links=LINKS).objective.value
    network = growth_network_of(problem, matrix, to_targets=True)
    assert network is not None and network.ends_at_targets
    with effort():
        context = SearchContext(matrix, network_of(problem, matrix), SolverOptions(0.0), now() + 60.0, growth=network)
        found = Grow(n_seeds=0, n_rounds=0).run(context, Result("limit")).incumbent
    assert found is not None and residuals(matrix, found).hold
    assert context.value(found) >= optimum * (1 - 1e-6)
    at_least_cost = grow(problem)
    assert at_least_cost is not None
    assert optimum * (1 - 1e-6) <= at_least_cost[0] <= min(1.1 * optimum, context.value(found) * (1 + 1e-6))


@pytest.mark.parametrize(
    ("objective", "budget"),
    [
        ("min_cost", None),
        ("min_cost", 900),
        ("max_abatement", 900),  # requires a budget
        ("max_npv", None),
        ("max_npv", 900),
    ],
)
def test_growth_reaches_targets_of_two_years_with_every_objective(
    hand_problem: Callable[..., Problem], hand_solved: Callable[..., Plan], budget: float | None, objective: str
) -> None:
    requested: dict[str, Any] = {
        **STAGED, "objective": objective, "transport.corridors": "all",
        "targets.abatement_share": {2026: 0.1, 2031: 0.25},
    }  # fmt: skip
    if budget is not None:
        requested["budget.total_mn"] = budget
    optimum = hand_solved(requested, plants=PLANTS, sites=SITES, links=LINKS).objective.value
    found = grow(hand_problem(requested, plants=PLANTS, sites=SITES, links=LINKS))
    assert found is not None  # its residuals hold, including those of the targets
    sign = 1.0 if objective == "min_cost" else -1.0
    assert -1e-6 * abs(optimum) <= sign * (found[0] - optimum) <= 0.3 * abs(optimum)


@pytest.mark.parametrize(
    ("requested", "most"),
    [
        # Growth towards one target after another takes a small plant first and lacks money for the last target.
        (
            {
                "targets.abatement_share": {2031: 0.2, 2036: 0.5},
                "budget.total_mn": 130,
                "budget.cumulative_mn": {2026: 40},
            },
            1.05,
        ),
        # Retrofitting the required plants in the last period costs least.
        ({"targets.abatement_share": {2036: 0.8}, "plants.require": ["A", "B"]}, 1.0),
    ],
)
def test_growth_at_minimum_cost_handles_tight_budgets_and_required_plants(
    hand_problem: Callable[..., Problem], hand_solved: Callable[..., Plan], requested: dict[str, Any], most: float
) -> None:
    requested = {
        **STAGED, "years": [2026, 2031, 2036], "objective": "min_cost", "transport.corridors": "all", **requested,
    }  # fmt: skip
    optimum = hand_solved(requested, plants=PLANTS, sites=SITES, links=LINKS).objective.value
    found = grow(hand_problem(requested, plants=PLANTS, sites=SITES, links=LINKS))
    assert found is not None
    assert optimum * (1 - 1e-6) <= found[0] <= most * optimum * (1 + 1e-6)


@pytest.mark.parametrize("existing", [50, 300])
def test_growth_uses_an_existing_pipeline(
    hand_problem: Callable[..., Problem], hand_solved: Callable[..., Plan], existing: float
) -> None:
    links = {**LINKS, "A-S": {"length_km": 60, "existing_ktpa": existing}}
    requested = {**STAGED, "budget.total_mn": 300, "transport.corridors": "all"}
    optimum = hand_solved(requested, plants=PLANTS, sites=SITES, links=links).objective.value
    found = grow(hand_problem(requested, plants=PLANTS, sites=SITES, links=links))
    without = grow(hand_problem(requested, plants=PLANTS, sites=SITES, links=LINKS))
    assert found is not None and without is not None
    assert max(0.8 * optimum, without[0]) <= found[0] <= optimum * (1 + 1e-6)


@pytest.mark.parametrize("objective", ["max_npv", "max_net_benefit"])
@pytest.mark.parametrize("budget", [200, None])
@pytest.mark.parametrize("price", [60, 400])
def test_growth_with_monetary_objectives_is_near_the_optimum(
    hand_problem: Callable[..., Problem],
    hand_solved: Callable[..., Plan],
    price: float,
    budget: float | None,
    objective: str,
) -> None:
    requested: dict[str, Any] = {
        **STAGED, "objective": objective, "transport.corridors": "all",
        "policy.paid_per_captured_t": price, "policy.social_cost_of_carbon_per_t": {2026: price, 2031: price},
    }  # fmt: skip
    if budget is not None:
        requested["budget.total_mn"] = budget
    optimum = hand_solved(requested, plants=PLANTS, sites=SITES, links=LINKS).objective.value
    found = grow(hand_problem(requested, plants=PLANTS, sites=SITES, links=LINKS))
    assert 0.9 * optimum - 1e-6 <= (found[0] if found else 0.0) <= optimum * (1 + 1e-6) + 1e-6
    # Only the NPV at the lowest price may be 0, where no retrofit pays for its owners.
    assert optimum > 0 or (price == 60 and objective == "max_npv")


def test_growth_does_not_apply_to_a_static_year(hand_problem: Callable[..., Problem]) -> None:
    problem = hand_problem({"targets.captured_ktpa": 500}, plants=PLANTS, sites=SITES, links=LINKS)
    assert growth_network_of(problem, matrix_of(build_model(problem))) is None


def test_growth_is_deterministic(hand_problem: Callable[..., Problem]) -> None:
    problem = hand_problem({**STAGED, "budget.total_mn": 900}, plants=PLANTS, sites=SITES, links=LINKS)
    one, other = grow(problem), grow(problem)
    assert one is not None and other is not None
    assert (one[1] == other[1]).all()


def test_a_search_without_a_solved_relaxation_still_has_a_plan(
    hand_solved: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    requested = {**STAGED, "budget.total_mn": 900}
    best = hand_solved(requested, plants=PLANTS, sites=SITES, links=LINKS)
    nothing = Outcome("limit", np.nan, np.nan, None, None, None)
    monkeypatch.setattr(Relax, "run", lambda self, context, *given: (context, Result("limit", relaxation=nothing)))
    found = hand_solved(requested, plants=PLANTS, sites=SITES, links=LINKS)
    assert found.status == "limit" and np.isinf(found.objective.gap_share)
    assert 0.7 * best.objective.value <= found.objective.value <= best.objective.value * (1 + 1e-6)
    assert "gap unknown" in repr(found)
    assert len(found.retrofits) and found.checks["holds"].sum() == len(found.checks) - 1


def test_growth_handles_a_first_period_in_which_no_retrofit_may_start(hand_problem: Callable[..., Problem]) -> None:
    plants = {name: {**each, "turnaround_from": 2031, "turnaround_until": 2040} for name, each in PLANTS.items()}
    problem = hand_problem({**STAGED, "budget.total_mn": 900}, plants=plants, sites=SITES, links=LINKS)
    matrix = matrix_of(build_model(problem))
    assert {matrix.columns[j].index[1] for j in matrix.columns_of("build")} == {2031}
    network = growth_network_of(problem, matrix)
    assert network is not None and network.n_periods == 2 and set(network.period) == {1}
    found = grow(problem)
    assert found is not None and found[0] > 0


@pytest.mark.parametrize("budget", [900, 120])
def test_growth_resumes_from_a_plan_and_never_worsens_it(hand_problem: Callable[..., Problem], budget: float) -> None:
    requested: dict[str, Any] = {**STAGED, "budget.total_mn": 900, "transport.corridors": "all"}
    poor = {**requested, "budget.total_mn": budget}
    value, start = grow(hand_problem(poor, plants=PLANTS, sites=SITES, links=LINKS)) or (0.0, np.zeros(0))
    problem = hand_problem(requested, plants=PLANTS, sites=SITES, links=LINKS)
    matrix = matrix_of(build_model(problem))
    network = growth_network_of(problem, matrix)
    with effort():
        context = SearchContext(matrix, network_of(problem, matrix), SolverOptions(0.0), now() + 60.0, growth=network)
        found = Grow(n_rounds=10, resume=True).run(context, Result("limit", incumbent=start)).incumbent
    assert found is not None and residuals(matrix, found).hold
    # Retrofits that the smaller budget does not allow are added.
    assert context.value(found) >= value * (1.1 if budget < 900 else 1 - 1e-9)


_AT_A_PRICE = {
    "policy.carbon_price_per_t": {2026: 300.0, 2031: 300.0},
    "policy.capture_deductible": True,
    "policy.market": None,
}
_REVENUES: dict[str, dict[str, Any]] = {
    "carbon price": _AT_A_PRICE,
    "carbon price within a band": {**_AT_A_PRICE, "policy.surplus_band_share": 0.9},
    "payments with a cap": {"policy.paid_per_captured_t": 300.0, "policy.paid_cap_mn": 100_000.0},
    "a grant": {
        "policy.paid_per_captured_t": 25.0, "budget.total_mn": 100_000.0,
        "funds": {"grant": {"kind": "grant", "share_max": 0.95}},
    },
    "a budget of the first period": {**_AT_A_PRICE, "budget.cumulative_mn": {2026: 110.0}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("revenue", "size"), [*((name, "all_links") for name in sorted(_REVENUES)), ("payments with a cap", "staged_rows")]
)
def test_a_required_plant_does_not_limit_the_search_to_its_links(
    hand_solved: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch, revenue: str, size: str
) -> None:
    tables = {"plants": PLANTS, "sites": SITES, "links": LINKS}
    requested = {**STAGED, "objective": "max_npv", "plants.require": ["A"], **_REVENUES[revenue]}
    full = hand_solved(requested, **tables)
    # Treat the network as one of many links, or the model as a large one.
    monkeypatch.setattr("ccs_model.solve.network_search.SIZES", replace(SIZES, **{size: 0}))
    part = hand_solved({**requested, "solver.seed": 1}, **tables)
    assert 0.9 * full.objective.value <= part.objective.value <= full.objective.value * (1 + 1e-6)
