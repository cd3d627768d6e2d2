"""Targets and minimum cost: the cost of abatement, attainable targets, and fixed decisions."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from ccs_model.errors import InfeasibleError, InputError
from ccs_model.plan.plan import Plan

pytestmark = pytest.mark.slow

Solved = Callable[..., Plan]
LEAST_COST = {"objective": "min_cost", "budget.total_mn": None}
CONTINUOUS = {"capture.decisions": "continuous"}


def abatement_target(share: float, year: int = 2031) -> dict[str, object]:
    return {"targets.abatement_share": {year: share}}


def conflicts(solved: Solved, *changes: dict[str, object]) -> dict[str, str]:
    with pytest.raises(InfeasibleError) as caught:
        solved(*changes)
    return {line.split(":")[0]: line for line in caught.value.conflicts}


def test_an_abatement_target_is_reached_at_minimum_cost(solved: Solved) -> None:
    plan = solved(abatement_target(0.04), LEAST_COST)
    (target,) = plan.targets.itertuples(index=False)
    assert target.required_kt == pytest.approx(0.04 * plan.problem.baseline_ktpa)
    last = plan.by_year.iloc[-1]
    assert last["avoided_ktpa"] >= target.required_kt * (1 - 1e-6)
    assert target.reached_kt == pytest.approx(last["avoided_ktpa"])
    assert plan.objective.value == pytest.approx(sum(plan.cost_terms.values()), rel=1e-9)
    assert plan.totals["budget_mn"] is None
    # The same target without minimising cost cannot be cheaper.
    other = solved({"budget.total_mn": plan.totals["capex_mn"]}, abatement_target(0.04))
    assert sum(other.cost_terms.values()) >= plan.objective.value - 1e-6


def test_the_minimum_cost_never_falls_with_a_higher_target(solved: Solved) -> None:
    costs = [solved(abatement_target(share), LEAST_COST).objective.value for share in (0.01, 0.02, 0.04, 0.06)]
    assert costs == sorted(costs)
    assert costs[0] > 0


@pytest.mark.parametrize("share", [0.02, 0.05])
def test_the_cost_of_the_next_tonne_is_the_finite_difference_of_the_cost(solved: Solved, share: float) -> None:
    step = 1e-4
    here, more = (solved(abatement_target(each), LEAST_COST, CONTINUOUS) for each in (share, share + step))
    tonnes_kt = step * here.problem.baseline_ktpa
    # Paid in every year of the period, discounted as its flows are.
    discounted_kt = tonnes_kt * float(here.problem.periods["flow_weight"].iloc[-1])
    difference_per_t = (more.objective.value - here.objective.value) / discounted_kt * 1000
    assert here.relaxation.cost_of_next_tonne_per_t == pytest.approx(difference_per_t, rel=1e-3)


def test_a_target_beyond_the_physical_maximum_reports_the_attainable_target(solved: Solved) -> None:
    lines = conflicts(solved, abatement_target(0.9), LEAST_COST)
    assert set(lines) == {"abatement_target_reached"}
    assert "targets.abatement_share.2031 is 90.00%" in lines["abatement_target_reached"]
    attainable = (
        float(re.search(r"([\d.]+)% would restore feasibility", lines["abatement_target_reached"]).group(1)) / 100
    )  # type: ignore[union-attr]
    assert 0 < attainable < 0.9
    assert solved(abatement_target(attainable), LEAST_COST).status != "limit"
    with pytest.raises(InfeasibleError):
        solved(abatement_target(attainable + 0.01), LEAST_COST)


def test_a_target_that_conflicts_with_a_budget_reports_a_relaxation_of_either(solved: Solved) -> None:
    lines = conflicts(solved, abatement_target(0.08), LEAST_COST, {"budget.total_mn": 200})
    money = float(
        re.search(r"([\d,.]+) million CNY would restore feasibility", lines["spending_within_budget"])
        .group(1)
        .replace(",", "")
    )  # type: ignore[union-attr]
    attainable = (
        float(re.search(r"([\d.]+)% would restore feasibility", lines["abatement_target_reached"]).group(1)) / 100
    )  # type: ignore[union-attr]
    assert solved(abatement_target(0.08), LEAST_COST, {"budget.total_mn": money}).status != "limit"
    assert solved(abatement_target(attainable), LEAST_COST, {"budget.total_mn": 200}).status != "limit"


def test_the_shortfall_price_decides_between_abatement_and_shortfall(solved: Solved) -> None:
    expensive = solved(abatement_target(0.04), LEAST_COST, {"targets.shortfall_per_t": 100_000})
    assert expensive.targets["shortfall_kt"].sum() == pytest.approx(0, abs=1e-3)
    cheap = solved(abatement_target(0.04), LEAST_COST, {"targets.shortfall_per_t": 10})
    assert cheap.retrofits.empty
    (target,) = cheap.targets.itertuples(index=False)
    assert target.shortfall_kt == pytest.approx(target.required_kt)
    # 10 CNY for every missing tonne, in each year of the period, discounted.
    weight = float(cheap.problem.periods["flow_weight"].iloc[-1])
    assert cheap.objective.value == pytest.approx(target.required_kt * 10 / 1000 * weight, rel=1e-9)
    assert cheap.cashflow["discounted_mn"].sum() == pytest.approx(cheap.objective.value, rel=1e-9)


def test_a_cumulative_target_is_reached_over_the_horizon(solved: Solved) -> None:
    plan = solved({"targets.cumulative_avoided_kt": 5_000}, LEAST_COST)
    n_years = plan.problem.periods["n_years"].to_numpy()
    assert plan.by_year["avoided_ktpa"].to_numpy() @ n_years >= 5_000 * (1 - 1e-6)


def test_a_sector_target_and_a_province_budget_hold(solved: Solved) -> None:
    both = {
        "plants.inventory": ["steel", "chemicals"],
        "plants.provinces": [],
        "plants.min_emissions_ktpa": 16_000,
        "plants.exclude": [],
    }
    requested = {"targets.by_sector": {"steel": {"abatement_share": {2031: 0.0005}}}, **both}
    plan = solved(LEAST_COST, requested)
    steel = plan.emissions[(plan.emissions["sector"] == "steel") & (plan.emissions["year"] == 2031)]
    assert steel["avoided_ktpa"].sum() >= 0.0005 * steel["baseline_ktpa"].sum() * (1 - 1e-6)
    province = plan.retrofits["province"].iloc[0]
    capped = solved({**both, "budget.total_mn": 5_000, "budget.by_province_mn": {province: 0}})
    assert province not in set(capped.retrofits["province"])
    assert len(capped.retrofits)


def test_the_minimum_share_of_a_sector_in_avoided_co2_holds(solved: Solved) -> None:
    requested = {"plants.inventory": ["steel", "chemicals"], "plants.min_emissions_ktpa": 4_000}
    free = solved({"budget.total_mn": 3_000, "solver.mip_gap": 0.01}, requested)
    limited = solved(
        {"budget.total_mn": 3_000, "solver.mip_gap": 0.01, "targets.share_of_avoided_min": {"steel": 0.6}}, requested
    )
    n_years = limited.emissions["year"].map(limited.problem.periods.set_index("year")["n_years"])
    by_sector = (limited.emissions["avoided_ktpa"] * n_years).groupby(limited.emissions["sector"]).sum()
    assert by_sector["steel"] >= 0.6 * by_sector.sum() * (1 - 1e-6)
    assert limited.objective.value <= free.objective.value * 1.01


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"targets.by_province": {"Hebei": {"abatement_share": {2031: 0.1}}}}, "Hebei"),
        ({"targets.share_of_avoided_min": {"steel": 0.1}}, "steel"),
        ({"budget.by_province_mn": {"Shanxy": 5}}, "did you mean 'Shanxi'"),
    ],
)
def test_a_target_or_budget_of_a_group_without_plants_is_an_input_error_with_its_key(
    solved: Solved, changes: dict[str, object], error: str
) -> None:
    with pytest.raises(InputError) as caught:
        solved(changes)
    assert error in str(caught.value)
    assert next(iter(changes)) in str(caught.value)


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"objective": "min_cost", "budget": {"total_mn": 5}}, "targets"),
        ({"targets": {"abatement_share": {2029: 0.1}}}, "targets.abatement_share.2029"),
        ({"targets": {"abatement_share": {2026: 5}}}, "targets.abatement_share.2026"),
    ],
)
def test_invalid_targets_are_input_errors_at_their_key(values: dict[str, object], where: str) -> None:
    from ccs_model.scenario import Scenario

    with pytest.raises(InputError) as caught:
        Scenario.from_dict({"name": "T", "plants": {}, **values})
    assert any(issue.where == where for issue in caught.value.issues), caught.value.issues


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        (
            {
                "plants.provinces": ["Shanxi", "Hainan"],
                "targets.by_province": {"Hainan": {"abatement_share": {2031: 0.01}}},
            },
            "0.00%",
        ),
        (
            {"plants.exclude": ["NH3_21", "NH3_27", "NH3_82", "MEOH_22", "MEOH_48"], **abatement_target(0.01)},
            "no retrofit can operate",
        ),
    ],
)
def test_a_target_that_no_retrofit_can_serve_is_infeasible(
    solved: Solved, changes: dict[str, object], error: str
) -> None:
    ((key, text),) = conflicts(solved, changes).items()
    assert key.startswith("targets.") and error in text


def test_minimum_shares_that_sum_to_more_than_100_percent_are_an_input_error(solved: Solved) -> None:
    with pytest.raises(InputError, match="sum to 140%"):
        solved(
            {
                "plants.inventory": ["steel", "chemicals"],
                "targets.share_of_avoided_min": {"steel": 0.7, "chemicals": 0.7},
            }
        )


def test_costs_per_tonne_exclude_units_at_the_end_of_their_life(solved: Solved) -> None:
    years = {"years": [2026, 2036, 2046, 2056]}
    plan = solved(
        years, {"objective": "min_cost", "budget.total_mn": None, "targets.abatement_share": {2026: 0.01, 2056: 0.01}}
    )
    working = plan.retrofits[plan.retrofits["captured_ktpa"] > 0]
    assert 0 < len(working) < len(plan.retrofits)
    low, high = working["avoidance_cost_per_t"].min(), working["avoidance_cost_per_t"].max()
    assert low - 1e-6 <= plan.totals["avoidance_cost_per_t"] <= high + 1e-6


@pytest.mark.parametrize(("budget", "gap"), [(850.0, 0.0), (1_400.0, 0.0), (1_700.0, 0.1)])
def test_plants_of_the_marginal_budget_are_affordable_with_every_retrofit_kept(
    solved: Solved, budget: float, gap: float
) -> None:
    requested = {"plants.min_emissions_ktpa": 700, "budget.total_mn": budget, "solver.mip_gap": gap}
    plan = solved(requested)
    bought = plan.marginal_budget
    assert bought is not None and bought.abatement_kt >= 0
    # Plants that enter are affordable with the unspent budget and the added money.
    left = budget - plan.totals["capex_mn"] + bought.added_mn
    if bought.plants:
        cheapest = min(
            plan.problem.routes.loc[plan.problem.routes["plant"] == name, "capex_mn"].min() for name in bought.plants
        )
        assert cheapest <= left + 1e-6
    if bought.spent_mn is not None:
        assert 2 * bought.added_mn < bought.spent_mn <= left + 1e-6
        assert bought.kt_per_mn == pytest.approx(bought.abatement_kt / bought.spent_mn)


def test_every_fixed_decision_has_a_cost(solved: Solved) -> None:
    free = solved()
    required, excluded = "MEOH_22", "NH3_82"
    plan = solved({"plants.require": [required], "plants.exclude": [excluded]})
    fixed_decisions = plan.fixed_decisions.set_index("decision")
    assert fixed_decisions.loc["require", "plant"] == required and fixed_decisions.loc["exclude", "plant"] == excluded
    assert (plan.fixed_decisions["abatement_lost_kt"] >= 0).all() and plan.fixed_decisions["cost_added_mn"].isna().all()
    # With a monetary objective, the costs are monetary.
    paid = solved({"plants.exclude": [required], "objective": "max_npv", "policy.carbon_price_per_t": {2026: 900}})
    of_money = paid.fixed_decisions
    assert (of_money["cost_added_mn"] >= 0).all() and of_money["abatement_lost_kt"].isna().all() and len(of_money)
    # The cost of the exclusion is the gain of the LP relaxation without it.
    without = solved({"plants.require": [required]})
    gained = without.relaxation.value - plan.relaxation.value
    assert fixed_decisions.loc["exclude", "abatement_lost_kt"] == pytest.approx(gained, abs=1e-3)
    assert free.fixed_decisions.empty
