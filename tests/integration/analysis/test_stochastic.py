"""Two-stage stochastic plans: newsvendor cases solved by hand, and properties of VSS and EVPI."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import ccs_model as ccs
from ccs_model.analysis.regret import Future
from ccs_model.analysis.stochastic import StochasticPlan, stochastic, stochastic_plan_of
from ccs_model.analysis.stochastic_tables import (
    AT_RISK,
    EVPI,
    HEDGED,
    MEAN_PLAN,
    OBJECTIVE_ROW,
    PERFECT,
    TAIL,
    VSS,
    mean_changes,
    risk_measures,
)
from ccs_model.cli import group
from ccs_model.errors import InfeasibleError, InputError
from ccs_model.model.build_model import Outlook
from ccs_model.problem import Problem
from ccs_model.scenario import Scenario

ProblemBuilder = Callable[..., Problem]
SHORT = {"length_km": 1e-6}
# Capacity for 1,000 kt/y costs 10 a year at every plant; a shortfall costs its price.
PLANTS = {
    "A": {"co2_ktpa": 1_000, "capture_capex_mn": 100},
    "B": {"co2_ktpa": 500, "capture_capex_mn": 50},
    "C": {"co2_ktpa": 500, "capture_capex_mn": 50},
}
STATIC = 2015


def newsvendor(problem_of: ProblemBuilder, shortfall_per_t: float, **outlook: Any) -> StochasticPlan:
    """Targets of 1,000 or 2,000 kt/y, equally likely; all builds are first-stage decisions."""
    requested = {"targets.shortfall_per_t": shortfall_per_t, "transport.corridors": "all"}
    links = {f"{plant}-S": SHORT for plant in PLANTS}

    def problem(target: float) -> Problem:
        return problem_of({**requested, "targets.captured_ktpa": target}, plants=PLANTS, sites={"S": {}}, links=links)

    futures = [Future("low", problem(1_000), 0.5), Future("high", problem(2_000), 0.5)]
    return stochastic_plan_of(futures, Outlook((0.5, 0.5), (STATIC,), **outlook), problem(1_500))


@pytest.mark.slow
def test_values_of_the_stochastic_plan_match_the_hand_calculation(hand_problem: ProblemBuilder) -> None:
    # At a shortfall price of 50, the plan of the mean builds 1,500 for 15 and misses 500 in half of the futures: 27.5.
    # Building 2,000 costs 20 in both futures. With perfect information the cost is 10 or 20.
    found = newsvendor(hand_problem, 50)
    assert found.value(MEAN_PLAN) == pytest.approx(27.5, rel=1e-5)
    assert found.value(OBJECTIVE_ROW) == found.value(HEDGED) == pytest.approx(20, rel=1e-5)
    assert found.value(PERFECT) == pytest.approx(15, rel=1e-5)
    assert found.value(VSS) == pytest.approx(7.5, rel=1e-5)
    assert found.value(EVPI) == pytest.approx(5, rel=1e-5)
    assert found.plants["plant"].tolist() == ["A", "B", "C"]
    assert (found.futures["residual"] <= 1e-6).all()


@pytest.mark.slow
def test_the_cvar_weight_shifts_the_plan_from_the_mean_to_the_tail(hand_problem: ProblemBuilder) -> None:
    # At a shortfall price of 15, building 1,000 costs 10 or 25, on average 17.5; building 2,000 costs 20 in both.
    mean = newsvendor(hand_problem, 15, cvar_share=0.5, weight=0.0)
    assert [mean.value(name) for name in (OBJECTIVE_ROW, HEDGED, TAIL)] == pytest.approx([17.5, 17.5, 25], rel=1e-5)
    tail = newsvendor(hand_problem, 15, cvar_share=0.5, weight=1.0)
    assert [tail.value(name) for name in (OBJECTIVE_ROW, HEDGED, TAIL)] == pytest.approx([20, 20, 20], rel=1e-5)
    assert tail.value(TAIL) <= mean.value(TAIL) and tail.value(HEDGED) >= mean.value(HEDGED)
    # The tail of all futures is their mean.
    full = newsvendor(hand_problem, 15, cvar_share=0.0, weight=1.0)
    assert [full.value(name) for name in (OBJECTIVE_ROW, HEDGED, TAIL)] == pytest.approx([17.5, 17.5, 17.5], rel=1e-5)
    # With equal weights, 0.5 × 17.5 + 0.5 × 25 = 21.25 is worse than 20.
    half = newsvendor(hand_problem, 15, cvar_share=0.5, weight=0.5)
    assert half.value(OBJECTIVE_ROW) == pytest.approx(20, rel=1e-5)


def test_mean_and_cvar_match_the_hand_calculation() -> None:
    outlook = Outlook((0.5, 0.3, 0.15, 0.05), (2026,), 0.9, 0.25)
    # The worst tenth: 5 % at 40 and 5 of the 15 % at 60.
    found = risk_measures([100.0, 80.0, 60.0, 40.0], outlook, 1.0)
    assert found.mean == pytest.approx(50 + 24 + 9 + 2)
    assert (found.tail, found.at_risk, found.worst) == pytest.approx((50, 60, 40))
    assert found.objective == pytest.approx(0.75 * 85 + 0.25 * 50)
    # 1 − 0.7 is above 0.3 as a floating-point number: the second future is no part of the tail.
    rounded = risk_measures([10.0, 20.0, 30.0], Outlook((0.3, 0.3, 0.4), (2026,), 0.7, 0.5), 1.0)
    assert (rounded.at_risk, rounded.tail) == pytest.approx((10, 10))
    # For costs, the most expensive futures are the tail.
    assert risk_measures([100.0, 80.0, 60.0, 40.0], outlook, -1.0).tail == pytest.approx(100)


def two_periods(small: Callable[..., Scenario], *changes: dict[str, Any]) -> Scenario:
    return small({"plants.min_emissions_ktpa": 1_200}, *changes)


@pytest.mark.slow
def test_equal_futures_give_the_deterministic_plan(small: Callable[..., Scenario]) -> None:
    same = {"budget.total_mn": 700}
    scenario = two_periods(small, {"futures": {"one": {"changes": same}, "two": {"changes": same}}})
    found = stochastic(scenario)
    plan = ccs.optimize(two_periods(small, same))
    assert found.value(OBJECTIVE_ROW) == pytest.approx(plan.objective.value, rel=1e-9)
    assert found.value(VSS) == pytest.approx(0, abs=1e-6) and found.value(EVPI) == pytest.approx(0, abs=1e-6)
    first_stage = plan.retrofits[plan.retrofits["year"] == 2026]
    assert set(found.plants["plant"]) == set(first_stage["plant"])


BUDGETS = st.lists(st.floats(200, 1_500), min_size=2, max_size=3)


@pytest.mark.slow
@given(BUDGETS, st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from(["integer", "continuous"]))
@settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate])
def test_vss_and_evpi_are_never_negative(
    small: Callable[..., Scenario], budgets: list[float], weight: float, kind: str
) -> None:
    futures = {str(n): {"changes": {"budget.total_mn": each}} for n, each in enumerate(budgets)}
    requested = {"futures": futures, "risk": {"weight": weight, "cvar_share": 0.6}, "capture.decisions": kind}
    found = stochastic(two_periods(small, requested))
    assert found.value(EVPI) >= -1e-9 * found.value(PERFECT)
    vss = found.value(VSS)
    assert math.isnan(vss) or vss >= -1e-6 * found.value(OBJECTIVE_ROW)
    assert found.about["objective"] <= found.about["bound"] * (1 + 1e-9) + 1e-6
    assert (found.futures["residual"] <= 1e-6).all()
    assert (found.futures["regret"] >= 0).all()
    # First-stage builds are the same in every future.
    first_stage = found.retrofits[found.retrofits["is_here_and_now"]]
    by_future = {
        f: set(zip(rows["plant"], rows["technology"], strict=True)) for f, rows in first_stage.groupby("future")
    }
    assert len({frozenset(each) for each in by_future.values()}) <= 1


@pytest.mark.slow
def test_a_cvar_weight_of_one_never_worsens_the_tail(small: Callable[..., Scenario]) -> None:
    futures = {"poor": {"changes": {"budget.total_mn": 300}}, "rich": {"changes": {"budget.total_mn": 1_100}}}
    mean, tail = (
        stochastic(two_periods(small, {"futures": futures, "risk": {"cvar_share": 0.5, "weight": weight}}))
        for weight in (0.0, 1.0)
    )
    assert tail.value(TAIL) >= mean.value(TAIL) * (1 - 1e-9)
    assert mean.value(HEDGED) >= tail.value(HEDGED) * (1 - 1e-9)


@pytest.mark.slow
def test_the_stochastic_plan_on_a_shared_network_is_feasible_in_every_future(small: Callable[..., Scenario]) -> None:
    futures = {"poor": {"changes": {"budget.total_mn": 800}}, "rich": {"changes": {"budget.total_mn": 1_400}}}
    requested = {
        "transport.shared_trunklines": True, "storage.sites": ["Qinshui"], "solver.mip_gap": 0.1,
        "solver.effort": "quick", "futures": futures,
    }  # fmt: skip
    found = stochastic(two_periods(small, requested))
    assert (found.futures["residual"] <= 1e-6).all()
    assert found.value(EVPI) >= 0 and not found.value(VSS) < 0


@pytest.mark.slow
def test_the_stochastic_plan_is_no_worse_than_any_plan_of_a_single_future(small: Callable[..., Scenario]) -> None:
    """Futures without a mean have no plan of the mean; the plans of single futures are still candidate first stages."""
    sites = {
        "transport.shared_trunklines": True, "storage.sites": ["Qinshui"], "solver.mip_gap": 0.02,
        "solver.effort": "quick",
    }  # fmt: skip
    shares = (0.002, 0.01)
    futures = {f"fill {share}": {"changes": {"storage.max_fill_share": share, "storage.capacity": size}}
               for share, size in zip(shares, ("low", "mid"), strict=True)}  # fmt: skip
    base = two_periods(small, sites, {"budget.total_mn": 1_400})
    found = stochastic(base.with_changes({"futures": futures}))
    assert "no mean" in found.values.set_index("quantity").at[MEAN_PLAN, "text"]
    compared = ccs.regret(base, [each["changes"] for each in futures.values()])
    expected = compared.regrets.pivot(index="plan", columns="future", values="objective").mean(axis=1, skipna=False)
    assert found.value(HEDGED) >= expected.dropna().max() * (1 - 1e-9)
    assert found.value(EVPI) <= found.value(PERFECT) - expected.dropna().max() + 1e-6


def test_the_mean_of_futures_averages_numbers_and_is_none_for_other_values(small: Callable[..., Scenario]) -> None:
    base = small()
    price = "policy.carbon_price_per_t"
    mean = mean_changes(base, [{price: {2026: 60, 2031: 100}}, {price: {2026: 80, 2031: 300}}], (0.75, 0.25))
    assert mean == {price: {2026: 65, 2031: 150}}
    # A key that a future does not change keeps the value of the scenario.
    assert mean_changes(base, [{"budget.total_mn": 500}, {}], (0.5, 0.5)) == {"budget.total_mn": 1_250}
    assert mean_changes(base, [{"storage.sites": ("Ordos",)}, {}], (0.5, 0.5)) is None
    # One future sets all prices, the other one of them.
    priced = base.with_changes({price: {2026: 40, 2031: 50}})
    mean = mean_changes(priced, [{price: {2026: 60, 2031: 300}}, {f"{price}.2031": 100}], (0.5, 0.5))
    assert mean == {price: {2026: 50, 2031: 200}}
    # The name of a fund may have a dot.
    share, bond = "funds.green.bond.share_max", {"kind": "bond", "share_max": 0.3, "interest_rate": 0.02, "term_yr": 8}
    funded = base.with_changes({"funds": {"green.bond": bond}})
    assert mean_changes(funded, [{share: 0.2}, {}], (0.5, 0.5)) == {share: 0.25}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"futures": {"one": {"changes": {}}}}, "expected at least two futures, got one"),
        ({"futures": {"a": {"probability_share": 0.5}, "b": {"probability_share": 0.4}}}, "sum to 0.9"),
        ({"futures": {"a": {"probability_share": 0.5}, "b": {}}}, "probability_share is missing"),
        ({"futures": {"a": {"changes": {"years": [2026]}}, "b": {}}}, "cannot differ between futures"),
        ({"futures": {"a": {"changes": {"currency": "EUR"}}, "b": {}}}, "currency: cannot differ between futures"),
        ({"futures": {"a": {"changes": {"price_year": 2010}}, "b": {}}}, "price_year: cannot differ between futures"),
        ({"futures": {"a": {"changes": {"solver.mip_gap": 0.5}}, "b": {}}}, "solver.mip_gap: cannot differ between"),
        ({"futures": {"a": {"changes": {"capture.decisions": "continuous"}}, "b": {}}}, "cannot differ between"),
        ({"here_and_now": [2026, 2026]}, "2026 is listed twice"),
        ({"here_and_now": [2027]}, "no period starts in 2027"),
        ({"futures": {"a": {"changes": {"budget.totl_mn": 5}}, "b": {}}}, "did you mean 'total_mn'"),
        ({"futures": {"a": {"changes": {"budget.total_mn": "much"}}, "b": {}}}, "expected a number"),
        ({"futures": {"a": {"changes": {"objective.most": 1}}, "b": {}}}, "has a value, not keys"),
    ],
)
def test_invalid_futures_are_input_errors(small: Callable[..., Scenario], changes: dict[str, Any], error: str) -> None:
    with pytest.raises(InputError, match=error):
        small(changes)


def test_a_scenario_without_futures_is_an_input_error(small: Callable[..., Scenario]) -> None:
    with pytest.raises(InputError, match="no futures"):
        stochastic(small())


def test_errors_of_futures_name_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    text = (
        "name: T\nyears: [2026, 2031]\nplants: {provinces: [Shanxi]}\nbudget: {total_mn: 1}\nfutures:\n"
        "  low: {changes: {plants.provinces: [Shanxi]}}\n  high: {changes: {plants.provinces: [Shanxy]}}\n"
    )
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        stochastic(path)
    (issue,) = caught.value.issues
    assert issue.where.endswith("s.yaml:7: futures.high.changes: plants.provinces[0]")
    path.write_text(text.partition("futures:")[0], encoding="utf-8")
    with pytest.raises(InputError, match=r"s\.yaml: futures: the scenario has no futures"):
        stochastic(path)


@pytest.mark.slow
def test_optimize_ignores_the_futures_and_warns(small: Callable[..., Scenario]) -> None:
    futures = {"poor": {"changes": {"budget.total_mn": 300}}, "rich": {}}
    plan = ccs.optimize(two_periods(small, {"futures": futures}))
    assert any("ccs-model stochastic" in each for each in plan.warnings)
    assert plan.objective.value == pytest.approx(ccs.optimize(two_periods(small)).objective.value)


@pytest.mark.slow
def test_the_command_writes_its_tables(tmp_path: Path) -> None:
    scenario = tmp_path / "small.yaml"
    scenario.write_text(
        "name: Small\nyears: [2026, 2031]\nplants: {inventory: [chemicals], provinces: [Shanxi], "
        "min_emissions_ktpa: 1_200}\ntransport: {shared_trunklines: false}\nbudget: {total_mn: 900}\n"
        "solver: {mip_gap: 0.0, threads: 1}\nfutures:\n  poor: {probability_share: 0.6, changes: "
        "{budget.total_mn: 500}}\n  rich: {probability_share: 0.4, changes: {budget.total_mn: 1_200}}\n",
        encoding="utf-8",
    )
    out = tmp_path / "out"
    args = ["stochastic", str(scenario), "--out", str(out)]
    result = CliRunner().invoke(group, [*args, "--json"], catch_exceptions=False, standalone_mode=False)
    document = json.loads(result.stdout)
    assert document["schema"] == "ccs-model/stochastic/2"
    assert [row["name"] for row in document["futures"]] == ["poor", "rich"]
    names = {row["quantity"] for row in document["values"]}
    assert {OBJECTIVE_ROW, VSS, EVPI, AT_RISK} <= names
    first = {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert set(first) == {
        "stochastic.json", "manifest.json", "stochastic.xlsx", "values.csv", "futures.csv", "plants.csv",
        "retrofits.csv",
    }  # fmt: skip
    again = CliRunner().invoke(group, [*args, "--force"], catch_exceptions=False, standalone_mode=False)
    assert "First stage (" in again.stdout
    assert {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()} == first


def test_futures_of_different_objectives_are_input_errors(problem_of: ProblemBuilder, one_vent: dict[str, Any]) -> None:
    from ccs_model.analysis.regret import regret_of

    futures = [
        Future(objective, problem_of(one_vent, {"objective": objective}), 0.5)
        for objective in ("max_abatement", "max_npv")
    ]
    with pytest.raises(InputError, match="different objectives: max_abatement, max_npv"):
        stochastic_plan_of(futures, Outlook((0.5, 0.5), (2026,)), None)
    with pytest.raises(InputError, match="futures have different objectives: max_abatement, max_npv"):
        regret_of(futures)


def test_futures_in_different_money_are_input_errors(problem_of: ProblemBuilder, one_vent: dict[str, Any]) -> None:
    from ccs_model.analysis.regret import regret_of

    futures = [
        Future(str(year), problem_of(one_vent, {"currency": currency, "price_year": year}), 0.5)
        for currency, year in (("CNY", 2024), ("EUR", 2010))
    ]
    with pytest.raises(InputError, match=r"different currencies: CNY, EUR.*\n?.*price years: 2010, 2024"):
        regret_of(futures)
    with pytest.raises(InputError, match="different currencies: CNY, EUR"):
        stochastic_plan_of(futures, Outlook((0.5, 0.5), (2026,)), None)


def one_plant_problem(problem_of: ProblemBuilder, target: float, cost: float = 10.0) -> Problem:
    """A problem whose only plant is A (1,000 kt/y)."""
    plants = {"A": {"co2_ktpa": 1_000, "capture_capex_mn": cost}}
    requested = {"targets.captured_ktpa": target, "transport.corridors": "all"}
    return problem_of(requested, plants=plants, sites={"S": {}}, links={"A-S": SHORT})


@pytest.mark.slow
def test_a_missing_plan_of_the_mean_has_no_value_and_is_explained(hand_problem: ProblemBuilder) -> None:
    futures = [
        Future("low", one_plant_problem(hand_problem, 500), 0.5),
        Future("high", one_plant_problem(hand_problem, 1_000), 0.5),
    ]
    outlook = Outlook((0.5, 0.5), (STATIC,))
    for mean in (None, one_plant_problem(hand_problem, 1_500)):  # 1,500 kt/y are infeasible
        found = stochastic_plan_of(futures, outlook, mean)
        assert found.value(HEDGED) == pytest.approx(1, rel=1e-5)
        row = found.values.set_index("quantity").loc[MEAN_PLAN]
        assert math.isnan(row["objective"])
        assert "the futures have no mean, or the mean future has no plan" in row["text"]
        assert set(found.plants["plant"]) == {"A"}


@pytest.mark.slow
def test_a_plan_of_the_mean_that_is_infeasible_in_a_future_is_reported(hand_problem: ProblemBuilder) -> None:
    plants = {"A": {"co2_ktpa": 500, "capture_capex_mn": 50}, "B": {"co2_ktpa": 500, "capture_capex_mn": 60}}
    links = {f"{plant}-S": SHORT for plant in plants}

    def problem(target: float) -> Problem:
        requested = {"targets.captured_ktpa": target, "transport.corridors": "all"}
        return hand_problem(requested, plants=plants, sites={"S": {}}, links=links)

    # The mean target of 500 kt/y needs A, for 5; the 1,000 kt/y of the second future need both plants, for 11.
    futures = [Future("none", problem(0), 0.5), Future("all", problem(1_000), 0.5)]
    found = stochastic_plan_of(futures, Outlook((0.5, 0.5), (STATIC,)), problem(500))
    assert set(found.plants["plant"]) == {"A", "B"} and found.value(HEDGED) == pytest.approx(11, rel=1e-5)
    text = found.values.set_index("quantity").at[MEAN_PLAN, "text"]
    assert "cannot be kept in all (" in text


@pytest.mark.slow
def test_futures_without_a_common_first_stage_are_infeasible(hand_problem: ProblemBuilder) -> None:
    plants = {"A": {"co2_ktpa": 500, "capture_capex_mn": 50}, "B": {"co2_ktpa": 500, "capture_capex_mn": 60}}
    links = {f"{plant}-S": SHORT for plant in plants}

    def problem(required: str, excluded: str) -> Problem:
        requested = {
            "targets.captured_ktpa": 400, "transport.corridors": "all", "plants.require": [required],
            "plants.exclude": [excluded],
        }  # fmt: skip
        return hand_problem(requested, plants=plants, sites={"S": {}}, links=links)

    futures = [Future("a", problem("A", "B"), 0.5), Future("b", problem("B", "A"), 0.5)]
    with pytest.raises(InfeasibleError) as caught:
        stochastic_plan_of(futures, Outlook((0.5, 0.5), (STATIC,)), None)
    assert caught.value.conflicts == (
        f"here_and_now_is_the_same: every future has a plan, but none with the same builds in {STATIC}",
    )
