"""Findings on one plant, from exchanges with known results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ccs_model.analysis.explain import Change, _Findings, changes_of
from ccs_model.analysis.what_if import Exchange
from ccs_model.errors import NoPlanError
from ccs_model.mip.clock import now
from ccs_model.plan.plan_json import records
from ccs_model.problem import Problem
from ccs_model.runs.run_reader import SolvedProblem
from ccs_model.solve.driver import solve

VALUE = 1_000.0
ValueAt = Callable[[float], float | None]


class KnownExchanges:
    """Exchanges with given objective values, with and without the plant, as functions of the changed parameter."""

    def __init__(self, with_it: ValueAt, without: ValueAt = lambda at: VALUE, **results: Any) -> None:
        self._with, self._without, self._results = with_it, without, results
        self.sign, self.deadline = results.get("sign", 1.0), now() + results.get("seconds", 1_000.0)
        self.n_left = results.get("n_answers", 1_000)

    def _exchange(self, value_at: ValueAt, at: float | None) -> Exchange | None:
        if not self.n_left:
            self.deadline = 0.0
            return None
        self.n_left -= 1
        value = value_at(self._results.get("here", 1.0) if at is None else at)
        moved = self._results.get("moved", ((), ()))
        return (
            None
            if value is None
            else Exchange(value, value + self.sign * self._results.get("open", 0.1), *moved, np.zeros(0))
        )

    def with_plant(self, plant: str, at: float | None = None, start: Exchange | None = None) -> Exchange | None:
        return self._exchange(self._with, at)

    def without_plant(
        self, plant: str, *, refilled: bool = True, others_stay: bool = True, matrix: float | None = None
    ) -> Exchange | None:
        return self._exchange(self._without, matrix)

    def money_to_add(self, plant: str, value: float) -> float | None:
        if isinstance(self._results.get("money"), Exception):
            raise self._results["money"]
        return self._results.get("money")

    def relaxation(self) -> Any:
        return SimpleNamespace(is_solved="duals" in self._results)

    def duals(self, relaxation: Any) -> Any:
        return self._results["duals"]

    def relaxed_cost_of(self, plant: str, relaxation: Any, *, required: bool) -> float | None:
        return self._results.get("price")

    def with_capex(self, plant: str) -> Any:
        return SimpleNamespace(at=lambda factor: factor)

    def with_carbon_price(self) -> Any:
        return SimpleNamespace(at=lambda more: more)

    def builds_at(self, plant: str, exchange: Exchange) -> tuple[tuple[str, int], ...]:
        return (("P/vent/half", 2031),)


def with_budgets(*keys: str, require: tuple[str, ...] = ()) -> SimpleNamespace:
    """A scenario with budgets in addition to the total budget."""
    given = {key: {2029: 5.0} if key in keys else {} for key in ("cumulative_mn", "by_province_mn")}
    return SimpleNamespace(budget=SimpleNamespace(**given), plants=SimpleNamespace(require=require))


def findings_of(exchanges: KnownExchanges, *, is_retrofitted: bool, **of_problem: Any) -> dict[str, Change]:
    """The findings by kind."""
    plants = pd.DataFrame({"plant": ["P", "A", "B", "C", "D"], "name": ["Peony", "Aster", "Birch", "Cedar", "Dahlia"]})
    routes = pd.DataFrame({"route": ["P/vent/half"], "stream": ["pure_vent"], "size": ["half"]})
    problem = {
        "objective": "max_abatement", "is_static": False, "currency": "CNY", "money": "CNY 2024",
        "plants": plants, "routes": routes, "network": None, "scenario": with_budgets(),
        "committed_plants": frozenset(),
    } | of_problem  # fmt: skip
    retrofits = [{"plant": "P"}] if is_retrofitted else []
    document = {"objective": {"value": VALUE, "searched_gap_share": 0.005}, "retrofits": retrofits}
    run = SolvedProblem(Path("run"), document, SimpleNamespace(**problem))
    changes = list(_Findings(run, "P", exchanges).find_changes())
    assert len({each.kind for each in changes}) == len(changes)
    return {each.kind: each for each in changes}


def test_a_plant_enters_at_a_share_of_its_capital_cost() -> None:
    # Requiring the plant loses 70 kt at its present capital cost and nothing at 30 % of it.
    exchanges = KnownExchanges(
        lambda share: VALUE + 100 * (0.3 - share), duals={}, price=12.0, moved=(("P", "A"), ("B",))
    )
    found = findings_of(exchanges, is_retrofitted=False)
    assert list(found) == ["require", "relaxation", "capex"]
    assert found["require"].message == (
        "Requiring it (pure vent, half, from 2031) makes the plan 70 kt over the horizon worse (best exchange within "
        "0.05%): Birch (B) left; Aster (A) entered."
    )
    assert found["require"].figures == {"gain_kt": pytest.approx(-70), "at_most_gain_kt": pytest.approx(-69.9)}
    assert found["require"].to_dict()["entering"] == ["P", "A"]
    assert (
        found["relaxation"].message == "In the LP relaxation over all links, requiring it costs 12 kt over the horizon."
    )
    low, high = found["capex"].figures["low_share"], found["capex"].figures["high_share"]
    assert low <= 0.3 < high and high - low == pytest.approx(1 / 32)
    assert f"between {low:.0%} and {high:.0%} of the present one" in found["capex"].message


@pytest.mark.parametrize(
    ("open_", "expected"),
    [
        (0.4, "70 kt over the horizon worse (best exchange within 0.05%)"),
        (30.0, "70 kt over the horizon worse in the best exchange found (at least 40 kt over the horizon; gap 3.23%)"),
        (100.0, "70 kt over the horizon worse in the best exchange found (possibly none; gap 10.75%)"),
    ],
)
def test_an_exchange_states_the_gap_that_it_reached(open_: float, expected: str) -> None:
    exchanges = KnownExchanges(lambda share: VALUE - 70.0, duals={}, open=open_)
    found = findings_of(exchanges, is_retrofitted=False)
    assert expected in found["require"].message
    assert found["require"].figures["at_most_gain_kt"] == pytest.approx(open_ - 70.0)


def test_amounts_of_money_are_in_millions_and_lower_costs_are_better() -> None:
    exchanges = KnownExchanges(lambda share: VALUE + 25.0, sign=-1.0, duals={}, price=2.5)
    found = findings_of(exchanges, is_retrofitted=False, objective="min_cost", is_static=True)
    assert "makes the plan 25.0 million CNY 2024 a year worse" in found["require"].message
    assert "no other plant enters or leaves" in found["require"].message
    assert found["require"].figures["gain_mn"] == pytest.approx(-25)
    assert found["relaxation"].figures == {"lost_mn": 2.5}
    assert found["capex"].message == "It would not enter by an exchange even at zero capital cost of capture."


def test_an_exchange_within_the_gap_of_the_plan_has_no_break_even_capital_cost() -> None:
    found = findings_of(KnownExchanges(lambda share: VALUE + 3.0), is_retrofitted=False)
    assert list(found) == ["require"]
    assert found["require"].message.startswith(
        "A plan with it is 3 kt over the horizon better than this one, within this plan's gap of 0.50%: both are "
    )


def test_leaving_plants_beyond_the_first_three_are_counted() -> None:
    exchanges = KnownExchanges(lambda share: VALUE - 1, moved=(("P",), ("A", "B", "C", "D")))
    message = findings_of(exchanges, is_retrofitted=False)["require"].message
    assert message.endswith("Aster (A), Birch (B), Cedar (C) and 1 more left.")


@pytest.mark.parametrize(
    ("more", "others", "expected"),
    [
        (
            1_234.4,
            ["cumulative_mn"],
            "A budget 1,234 million CNY 2024 higher, without the cumulative budgets, would pay for the plan and this "
            "plant.",
        ),
        (
            1_234.4,
            ["cumulative_mn", "by_province_mn"],
            "A budget 1,234 million CNY 2024 higher, without the cumulative and province budgets, would pay for the "
            "plan and this plant.",
        ),
        (-5.0, [], "The total budget would pay for the plan and this plant already."),
        (1_234.4, [], "A budget 1,234 million CNY 2024 higher would pay for the plan and this plant."),
        (
            -5.0,
            ["by_province_mn"],
            "The total budget would pay for the plan and this plant; the province budgets do not.",
        ),
    ],
)
def test_the_budget_that_pays_for_the_plan_and_the_plant_is_reported(
    more: float, others: list[str], expected: str
) -> None:
    found = findings_of(
        KnownExchanges(lambda share: VALUE - 1, money=more), is_retrofitted=False, scenario=with_budgets(*others)
    )
    assert expected in found["budget"].message
    assert found["budget"].figures == {"added_mn": more}


def test_binding_constraints_are_named_and_sites_are_counted() -> None:
    duals = {
        ("spending_within_budget", None): 3.456, ("builds_within_yearly_rate", 2031): 7.0,
        ("stored_within_capacity", "Ordos"): 1.0, ("injection_within_wells", ("Ordos", 2031)): 1.0,
        ("injection_within_wells", ("Qinshui", 2031)): 1.0, ("flow_needs_a_pipe", "x"): 1.0,
    }  # fmt: skip
    message = findings_of(KnownExchanges(lambda share: VALUE - 1, duals=duals), is_retrofitted=False)["binding"].message
    assert message == (
        "Binding constraints (LP relaxation with every option of the plant): "
        "the budget (3.46 kt per million), retrofits per year from 2031, wells or "
        "capacity of 2 sites."
    )
    # Wells of a network are decisions, so only capacity binds; a monetary objective has no kt per million.
    network = findings_of(
        KnownExchanges(lambda share: VALUE - 1, duals=duals),
        is_retrofitted=False,
        network=object(),
        objective="max_net_benefit",
    )
    assert network["binding"].message.endswith("the budget, retrofits per year from 2031, wells or capacity of 1 site.")


def test_a_plant_leaves_at_a_multiple_of_its_capital_cost() -> None:
    # Excluding the plant loses 40 kt; at 3.2 times its capital cost, keeping it loses as much.
    exchanges = KnownExchanges(
        lambda factor: VALUE - 40 * (factor - 1) / 2.2, lambda at: VALUE - 40, moved=((), ("P",))
    )
    found = findings_of(exchanges, is_retrofitted=True)
    assert found["exclude"].message == (
        "Without it and with the other retrofits kept, the plan is 40 kt over the horizon worse (best exchange within "
        "0.05%): no other plant enters or leaves."
    )
    low, high = found["capex"].figures["low_factor"], found["capex"].figures["high_factor"]
    assert low <= 3.2 < high and high - low == pytest.approx(2 / 16)
    assert (
        f"It would leave at a capital cost of capture between {low:.2f} and {high:.2f} times" in found["capex"].message
    )


def test_a_plant_can_be_worth_keeping_at_any_capital_cost_or_not_at_all() -> None:
    worth = findings_of(KnownExchanges(lambda factor: VALUE, lambda at: VALUE - 40), is_retrofitted=True)
    assert worth["capex"].message == "At 16 times its capital cost of capture it would still be worth keeping."
    assert worth["capex"].figures == {"low_factor": 16.0, "high_factor": None}
    better = findings_of(KnownExchanges(lambda factor: VALUE, lambda at: VALUE + 2), is_retrofitted=True)["exclude"]
    assert "the plan is 2 kt over the horizon better (within the plan's gap)" in better.message


def test_a_plant_leaves_where_no_plan_with_it_is_feasible() -> None:
    # From 5 times its capital cost on, no plan with it is within the budget.
    found = findings_of(
        KnownExchanges(lambda factor: VALUE if factor < 5 else None, lambda at: VALUE - 1), is_retrofitted=True
    )
    assert found["capex"].figures["low_factor"] < 5 <= found["capex"].figures["high_factor"]


def test_an_exchange_that_was_not_found_is_reported() -> None:
    found = findings_of(KnownExchanges(lambda share: None), is_retrofitted=False)
    assert found["require"].message.startswith("No plan with it close to this one was found")
    assert found["capex"].figures == {"low_share": None, "high_share": None}
    found = findings_of(KnownExchanges(lambda share: None, lambda at: None), is_retrofitted=True)
    assert [each.message for each in found.values()] == [
        "No plan without it that keeps the other retrofits was found in time."
    ]


def test_a_committed_plant_has_no_exchange() -> None:
    exchanges = KnownExchanges(lambda share: VALUE, lambda at: VALUE - 1)
    found = findings_of(exchanges, is_retrofitted=True, committed_plants=frozenset({"P"}))
    assert found["exclude"].message == "No plan is without it: plants.committed names a retrofit of it."
    assert "capex" not in found
    found = findings_of(exchanges, is_retrofitted=True, scenario=with_budgets(require=("P",)))
    assert found["exclude"].message == "No plan is without it: plants.require names it."
    assert "capex" not in found


def test_the_time_limit_is_reported() -> None:
    (late,) = findings_of(KnownExchanges(lambda share: VALUE, seconds=-1.0), is_retrofitted=False).values()
    assert late.message == "The time limit was reached before all analyses ran; a longer time limit completes them."
    short = findings_of(KnownExchanges(lambda share: VALUE - 1, n_answers=1), is_retrofitted=False)
    assert short["capex"].message == "The time limit was reached before a capital cost at which it enters was found."
    assert list(
        findings_of(KnownExchanges(lambda factor: VALUE, lambda at: VALUE - 1, n_answers=1), is_retrofitted=True)
    ) == ["exclude"]


def test_a_failed_analysis_does_not_stop_the_others() -> None:
    exchanges = KnownExchanges(
        lambda share: VALUE - 1, money=NoPlanError("the solver refused a call"), duals={}, price=1.0
    )
    found = findings_of(exchanges, is_retrofitted=False)
    assert found["none"].message == "One analysis failed: the solver refused a call."
    assert {"require", "relaxation", "capex"} <= set(found)


@pytest.fixture(scope="module")
def npv_problem(problem_of: Callable[..., Problem], one_vent: dict[str, Any]) -> Callable[[float], Problem]:
    """The NPV problem of one ammonia plant with a carbon price on stored CO2 from 2026."""

    def build(price: float) -> Problem:
        paid = {"policy.carbon_price_per_t": {2026: price}, "policy.capture_deductible": True}
        return problem_of(one_vent, {"objective": "max_npv", **paid})

    return build


@pytest.mark.slow
def test_the_plan_changes_within_the_carbon_price_bracket(npv_problem: Callable[[float], Problem]) -> None:
    plan = solve(npv_problem(75))
    assert plan.retrofits.empty
    run = SolvedProblem(
        Path("run"),
        {"objective": {"value": 0.0, "searched_gap_share": 0.0}, "retrofits": [], "links": []},
        plan.problem,
    )
    found = {each.kind: each for each in changes_of(run, "NH3_79", 30)}
    low, high = found["carbon_price"].figures["low_per_t"], found["carbon_price"].figures["high_per_t"]
    assert 0 <= low < high
    assert (
        f"It would enter at a carbon price {low:,.0f} to {high:,.0f} CNY 2024/t higher" in found["carbon_price"].message
    )
    assert solve(npv_problem(75 + low)).retrofits.empty
    built = solve(npv_problem(75 + high))
    assert built.retrofits["plant"].tolist() == ["NH3_79"]
    # The opposite case: the fall in the carbon price at which the plant leaves the plan.
    document = {
        "objective": {"value": built.objective.value, "searched_gap_share": 0.0},
        "retrofits": records(built.retrofits),
        "links": [],
    }
    run = SolvedProblem(Path("run"), document, built.problem)
    change = {each.kind: each for each in changes_of(run, "NH3_79", 30)}["carbon_price"]
    least, most = change.figures["low_share"], change.figures["high_share"]
    assert f"between {least:.0%} and {most:.0%} of the present one" in change.message
    assert 0 <= least < most <= 1 and most >= (75 + low) / (75 + high)
    assert solve(npv_problem((75 + high) * least)).retrofits.empty
    assert len(solve(npv_problem((75 + high) * most)).retrofits)
    assert changes_of(run, plan.problem.plants.loc[~plan.problem.plants["is_candidate"], "plant"].iloc[0], 30) == ()
