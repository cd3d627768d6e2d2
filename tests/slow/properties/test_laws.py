"""Invariants of plans, tested on budget sweeps and on random small scenarios."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ccs_model.plan.plan import Plan

Solved = Callable[..., Plan]
BUDGETS = (300.0, 600.0, 900.0, 1_200.0)
CONTINUOUS = {"capture.decisions": "continuous"}


def test_abatement_increases_with_the_budget_up_to_the_lp_relaxation(solved: Solved) -> None:
    values, relaxed = [], []
    for budget in BUDGETS:
        plan = solved({"budget.total_mn": budget})
        values.append(plan.objective.value)
        relaxed.append(plan.relaxation.value)
        assert plan.objective.value <= plan.objective.searched_bound + 1e-6
        assert plan.objective.searched_bound <= plan.relaxation.value * (1 + 1e-9)
        linear = solved({"budget.total_mn": budget}, CONTINUOUS)
        assert linear.objective.value == pytest.approx(plan.relaxation.value, rel=1e-6)
    assert all(less <= more + 1e-6 for less, more in pairwise(values))
    assert all(less < more for less, more in pairwise(relaxed))


def test_marginal_abatement_of_continuous_decisions_decreases_with_the_budget(solved: Solved) -> None:
    values = [solved({"budget.total_mn": budget}, CONTINUOUS).objective.value for budget in BUDGETS]
    steps = np.diff([0.0, *values])
    assert (steps >= -1e-6).all()
    assert all(later <= earlier + 1e-6 * earlier for earlier, later in pairwise(steps))


@pytest.mark.parametrize("budget", [437.0, 911.0])
def test_the_marginal_value_of_the_budget_equals_the_finite_difference(solved: Solved, budget: float) -> None:
    step = 0.5
    below, here, above = (solved({"budget.total_mn": budget + more}, CONTINUOUS) for more in (-step, 0.0, step))
    up = (above.objective.value - here.objective.value) / step
    down = (here.objective.value - below.objective.value) / step
    assert up == pytest.approx(down, rel=1e-4), "a breakpoint: choose another budget"
    assert here.relaxation.abatement_per_budget_kt_per_mn == pytest.approx(up, rel=1e-4)
    # A plan with integer decisions reports the marginal value of its LP relaxation.
    assert solved({"budget.total_mn": budget}).relaxation.abatement_per_budget_kt_per_mn == pytest.approx(up, rel=1e-4)


def test_an_additional_plant_never_worsens_the_objective(solved: Solved, small_plan: Plan) -> None:
    without_plant = solved({"plants.exclude": ["NH3_82"]})
    assert without_plant.objective.value <= small_plan.objective.value + 1e-6
    without_unbuilt = solved({"plants.exclude": ["NH3_27"]})  # no loss if the plant was not built
    if "NH3_27" not in set(small_plan.retrofits["plant"]):
        assert without_unbuilt.objective.value == pytest.approx(small_plan.objective.value, rel=1e-9)


def test_a_cumulative_budget_limits_early_spending_and_reduces_abatement(solved: Solved) -> None:
    unlimited = solved({"budget.total_mn": 1_200})
    limited = solved({"budget.total_mn": 1_200, "budget.cumulative_mn": {2026: 400, 2031: 1_200}})
    assert limited.by_year["spending_mn"].cumsum().tolist()[0] <= 400 + 1e-6
    assert limited.by_year["spending_mn"].sum() <= 1_200 + 1e-6
    assert limited.objective.value <= unlimited.objective.value + 1e-6
    # Later builds operate for fewer years of the horizon, so the limit reduces abatement here.
    assert limited.objective.value < unlimited.objective.value


SCENARIOS = st.fixed_dictionaries(
    {
        # Below 0.1 million, the result is as small as the tolerance of the solver.
        "budget.total_mn": st.one_of(st.just(0.0), st.floats(1.0, 4_000)),
        "discount_rate": st.sampled_from([0.0, 0.03, 0.08, 0.12]),
        "years": st.sampled_from([[2026, 2031], [2027, 2030], [2026, 2028, 2036]]),
        "capture.decisions": st.sampled_from(["integer", "continuous"]),
        "capture.max_builds_per_year": st.sampled_from([None, 0, 1]),
        "storage.max_fill_share": st.sampled_from([1e-4, 0.02, 1.0]),
        "storage.capacity": st.sampled_from(["low", "mid", "high"]),
        "transport.detour_factor": st.floats(1, 2),
        "plants.exclude": st.lists(st.sampled_from(["NH3_21", "MEOH_22", "P100000120119"]), unique=True),
        "currency": st.sampled_from(["CNY", "EUR"]),
    }
)
PLANTS = st.sampled_from(
    [
        {},
        {"plants.inventory": ["steel"], "plants.provinces": ["Hebei"], "plants.min_emissions_ktpa": 15_000},
        {"plants.inventory": ["steel", "chemicals"], "plants.provinces": [], "plants.min_emissions_ktpa": 16_000},
    ]
)


@given(SCENARIOS, PLANTS, st.one_of(st.just(0.0), st.floats(0.01, 1)), st.booleans())
# No shrinking, because each step would solve a model.
@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate])
def test_plans_of_random_small_scenarios_satisfy_every_constraint(
    solved: Solved, requested: dict[str, object], plants: dict[str, object], ceiling: float, has_ceiling: bool
) -> None:
    first = requested["years"][0]  # type: ignore[index]
    budget = float(requested["budget.total_mn"])  # type: ignore[arg-type]
    limits = {"budget.cumulative_mn": {first: ceiling * budget}} if has_ceiling else {}
    plan = solved(requested, plants, limits, {"solver.mip_gap": 0.01})
    assert plan.status != "limit"
    assert plan.checks["holds"].all(), plan.checks[~plan.checks["holds"]]
    assert 0 <= plan.objective.value <= plan.objective.searched_bound * (1 + 1e-9) + 1e-6
    assert plan.objective.searched_bound <= plan.relaxation.value * (1 + 1e-9) + 1e-6
    assert plan.objective.searched_gap_share <= 0.01 + 1e-9
    assert sum(plan.terms.values()) == pytest.approx(plan.objective.value, rel=1e-9, abs=1e-9)
    assert plan.cashflow["discounted_mn"].sum() == pytest.approx(sum(plan.cost_terms.values()), rel=1e-9, abs=1e-9)
    spent = plan.by_year["spending_mn"]
    assert spent.sum() <= budget * (1 + 1e-6) + 1e-6
    if has_ceiling:
        assert spent.iloc[0] <= ceiling * budget * (1 + 1e-6) + 1e-6
    retrofits = plan.retrofits
    assert set(retrofits["plant"]).isdisjoint(requested["plants.exclude"])  # type: ignore[arg-type]
    assert retrofits.groupby(["plant", "stream"])["share"].sum().max() <= 1 + 1e-6 or not len(retrofits)
    rate = requested["capture.max_builds_per_year"]
    if rate is not None:
        started = retrofits.groupby("year")["share"].sum()
        for year, share in started.items():
            assert share <= rate * plan.problem.scenario.period_years(year) + 1e-6  # type: ignore[operator]
    storage = plan.storage
    if len(storage):
        assert (storage["injected_ktpa"] <= storage["injection_max_ktpa"] + 1e-4).all()
        assert (storage["stored_kt"] + storage["committed_kt"] <= storage["capacity_kt"] * (1 + 1e-6) + 1e-3).all()
    # No retrofit avoids more than it captures, and no plant captures more than 99 % of its baseline.
    assert (retrofits["avoided_ktpa"] <= retrofits["captured_ktpa"] + 1e-9).all()
    last = plan.emissions[plan.emissions["year"] == plan.emissions["year"].max()]
    assert (last["captured_ktpa"] <= 0.99 * last["baseline_ktpa"] + 1e-6).all()
    if requested["capture.decisions"] == "integer":
        assert set(np.round(retrofits["share"], 9)) <= {1.0}
