"""Tree growth: solutions that hold, no better than the optimum and near it, whatever the costs of pipes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ccs_model.mip import SolverOptions
from ccs_model.mip.clock import effort, now
from ccs_model.mip.matrix import residuals
from ccs_model.mip.search import Result, SearchContext
from ccs_model.mip.tree_growth import Grow
from ccs_model.model import build_model
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem
from ccs_model.solve.fixed_charge_network import network_of
from ccs_model.solve.growth_network import growth_network_of

STAGED = {"objective": "max_abatement", "years": [2026, 2031], "capital_recovery_share": None}
PLANTS = {
    "A": {"co2_ktpa": 300, "capture_capex_mn": 10, "lon_deg": 115.2},
    "B": {"co2_ktpa": 700, "capture_capex_mn": 30, "lon_deg": 115.6},
    "C": {"co2_ktpa": 1_500, "capture_capex_mn": 45, "lon_deg": 116.0},
}
SITES = {
    "S": {"site_capex_mn": 8, "well_capex_mn": 2, "well_injectivity_ktpa": 400, "n_wells_max": 3},
    "T": {"site_capex_mn": 15, "well_capex_mn": 1, "well_injectivity_ktpa": 500, "capacity_mid_kt": 60_000},
}
LINKS = {name: {"length_km": km} for name, km in (("A-B", 20), ("A-S", 60), ("B-S", 50), ("B-C", 30), ("C-T", 40))}


def grown(problem: Problem) -> tuple[float, np.ndarray] | None:
    """Value and point of tree growth alone."""
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
@pytest.mark.parametrize("budget", [60, 120, 300, 900, 2_000])
def test_growth_holds_and_is_near_the_optimum(
    hand_problem: Callable[..., Problem], hand_solved: Callable[..., Plan], budget: float, pipe_costs: str
) -> None:
    requested: dict[str, Any] = {
        **STAGED, "budget.total_mn": budget, "transport.corridors": "all", "transport.pipe_costs": pipe_costs,
        "budget.cumulative_mn": {2026: budget / 2},
    }  # fmt: skip
    optimum = hand_solved(requested, plants=PLANTS, sites=SITES, links=LINKS).objective.value
    found = grown(hand_problem(requested, plants=PLANTS, sites=SITES, links=LINKS))
    value = 0.0 if found is None else found[0]
    assert value <= optimum * (1 + 1e-6) + 1e-6
    assert value >= 0.7 * optimum - 1e-6


def test_growth_is_left_out_where_it_does_not_apply(hand_problem: Callable[..., Problem]) -> None:
    tables = {"plants": PLANTS, "sites": SITES}
    costs = hand_problem({"targets.captured_ktpa": 500}, **tables, links=LINKS)
    assert growth_network_of(costs, matrix_of(build_model(costs))) is None
    existing = {**LINKS, "A-S": {"length_km": 60, "existing_ktpa": 300}}
    used = hand_problem({**STAGED, "budget.total_mn": 300}, **tables, links=existing)
    assert growth_network_of(used, matrix_of(build_model(used))) is None


def test_growth_repeats(hand_problem: Callable[..., Problem]) -> None:
    problem = hand_problem({**STAGED, "budget.total_mn": 900}, plants=PLANTS, sites=SITES, links=LINKS)
    one, other = grown(problem), grown(problem)
    assert one is not None and other is not None
    assert (one[1] == other[1]).all()
