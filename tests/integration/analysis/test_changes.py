"""What would change a plan, in sentences: findings on one plant from swaps whose answers are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ccs_model.analysis.exchanges import Exchange
from ccs_model.analysis.what_if import Change, _Findings, changes_of
from ccs_model.errors import NoPlanError
from ccs_model.mip.search import now
from ccs_model.problem import Problem
from ccs_model.runs.stored_question import Run
from ccs_model.solve.driver import solve

VALUE = 1_000.0
Worth = Callable[[float], float | None]


class Answers:
    """Swaps whose answers are given: what the aim comes to at a lever's number, with the plant and without."""

    def __init__(self, with_it: Worth, without: Worth = lambda at: VALUE, **message: Any) -> None:
        self._with, self._without, self._sentence = with_it, without, message
        self.sign, self.deadline = message.get("sign", 1.0), now() + message.get("seconds", 1_000.0)
        self.n_left = message.get("n_answers", 1_000)

    def _swap(self, worth: Worth, at: float | None) -> Exchange | None:
        if not self.n_left:
            self.deadline = 0.0
            return None
        self.n_left -= 1
        value = worth(self._sentence.get("here", 1.0) if at is None else at)
        moved = self._sentence.get("moved", ((), ()))
        return None if value is None else Exchange(value, value + 1.0, *moved, np.zeros(0))

    def with_plant(self, plant: str, at: float | None = None, start: Exchange | None = None) -> Exchange | None:
        return self._swap(self._with, at)

    def without_plant(self, plant: str, *, refilled: bool = True, matrix: float | None = None) -> Exchange | None:
        return self._swap(self._without, matrix)

    def money_to_add(self, plant: str, value: float) -> float | None:
        if isinstance(self._sentence.get("money"), Exception):
            raise self._sentence["money"]
        return self._sentence.get("money")

    def relaxed(self) -> Any:
        return SimpleNamespace(
            is_solved="duals" in self._sentence,
            duals=lambda: self._sentence["duals"],
            price_of=lambda plant, fitted: self._sentence.get("price"),
        )

    def with_capex(self, plant: str) -> Any:
        return SimpleNamespace(at=lambda factor: factor)

    def with_carbon_price(self) -> Any:
        return SimpleNamespace(at=lambda more: more)

    def built_at(self, plant: str, exchange: Exchange) -> tuple[tuple[str, int], ...]:
        return (("P/vent/half", 2031),)


def found_by(answers: Answers, *, fitted: bool, **of_problem: Any) -> dict[str, Change]:
    """Findings by their kind."""
    plants = pd.DataFrame({"plant": ["P", "A", "B", "C", "D"], "name": ["Peony", "Aster", "Birch", "Cedar", "Dahlia"]})
    routes = pd.DataFrame({"route": ["P/vent/half"], "stream": ["pure_vent"], "size": ["half"]})
    problem = {
        "objective": "max_abatement", "is_static": False, "currency": "CNY", "plants": plants, "routes": routes,
        "network": None,
    } | of_problem  # fmt: skip
    retrofits = [{"plant": "P"}] if fitted else []
    document = {"objective": {"value": VALUE, "gap_share": 0.005}, "retrofits": retrofits}
    run = Run(Path("run"), document, SimpleNamespace(**problem))
    changes = list(_Findings(run, "P", answers).all())
    assert len({each.kind for each in changes}) == len(changes)
    return {each.kind: each for each in changes}


def test_a_plant_that_is_out_enters_at_a_share_of_its_capital() -> None:
    # Having to fit it loses 70 kt at all of its capital, and nothing at 30 % of it.
    answers = Answers(lambda share: VALUE + 100 * (0.3 - share), duals={}, price=12.0, moved=(("P", "A"), ("B",)))
    found = found_by(answers, fitted=False)
    assert list(found) == ["require", "lock", "capex"]
    assert found["require"].message == (
        "Having to fit it (pure vent, half, from 2031) makes the plan 70 kt over the horizon worse (best swap within "
        "0.05%): Birch (B) left; Aster (A) came in."
    )
    assert found["require"].figures == {"gain_kt": pytest.approx(-70), "at_most_gain_kt": pytest.approx(-69)}
    assert found["require"].to_dict()["entering"] == ["P", "A"]
    assert (
        found["lock"].message == "In the linear program over all links having to fit it costs 12 kt over the horizon."
    )
    low, high = found["capex"].figures["low_share"], found["capex"].figures["high_share"]
    assert low <= 0.3 < high and high - low == pytest.approx(1 / 32)
    assert f"between {low:.0%} and {high:.0%} of what it is" in found["capex"].message


def test_of_money_amounts_are_told_in_millions_and_of_costs_less_is_better() -> None:
    answers = Answers(lambda share: VALUE + 25.0, sign=-1.0, duals={}, price=2.5)
    found = found_by(answers, fitted=False, objective="min_cost", is_static=True)
    assert "makes the plan 25.0 million CNY a year worse" in found["require"].message
    assert "no other plant moves" in found["require"].message
    assert found["require"].figures["gain_mn"] == pytest.approx(-25)
    assert found["lock"].figures == {"lost_mn": 2.5}
    assert found["capex"].message == "Not even without any capital cost of capture would it enter by a swap."


def test_a_plant_that_could_as_well_be_in_has_no_turning_point() -> None:
    found = found_by(Answers(lambda share: VALUE + 3.0), fitted=False)
    assert list(found) == ["require"]
    assert found["require"].message.startswith(
        "A plan with it is 3 kt over the horizon better than this one, within this one's gap of 0.50%: it could as "
    )


def test_more_than_three_plants_that_move_are_counted() -> None:
    answers = Answers(lambda share: VALUE - 1, moved=(("P",), ("A", "B", "C", "D")))
    message = found_by(answers, fitted=False)["require"].message
    assert message.endswith("Aster (A), Birch (B), Cedar (C) and 1 more left.")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (1_234.4, "A budget 1,234 million CNY higher, ceilings of years aside, would hold all that the plan builds"),
        (-5.0, "The budget alone would hold all that the plan builds and it as well: ceilings of years do not."),
    ],
)
def test_money_that_would_hold_the_plan_and_the_plant(more: float, words: str) -> None:
    found = found_by(Answers(lambda share: VALUE - 1, money=more), fitted=False)
    assert words in found["budget"].message
    assert found["budget"].figures == {"added_mn": more}


def test_what_binds_is_told_by_its_name_and_sites_are_counted() -> None:
    duals = {
        ("spending_within_budget", None): 3.456, ("builds_within_yearly_rate", 2031): 7.0,
        ("stored_within_capacity", "Ordos"): 1.0, ("injection_within_wells", ("Ordos", 2031)): 1.0,
        ("injection_within_wells", ("Qinshui", 2031)): 1.0, ("flow_needs_a_pipe", "x"): 1.0,
    }  # fmt: skip
    message = found_by(Answers(lambda share: VALUE - 1, duals=duals), fitted=False)["binds"].message
    assert message == (
        "In the linear program these bind: the budget (3.46 kt a million), retrofits a year from 2031, wells or room "
        "of 2 sites."
    )
    # Wells of a network are laid as they are needed: only room is scarce. Money is no tonnes.
    network = found_by(
        Answers(lambda share: VALUE - 1, duals=duals), fitted=False, network=object(), objective="max_net_benefit"
    )
    assert network["binds"].message.endswith("the budget, retrofits a year from 2031, wells or room of 1 site.")


def test_a_plant_that_is_in_leaves_at_a_multiple_of_its_capital() -> None:
    # Without it 40 kt are lost; at 3.2 times its capital it brings no more than that.
    answers = Answers(lambda factor: VALUE - 40 * (factor - 1) / 2.2, lambda at: VALUE - 40, moved=((), ("P",)))
    found = found_by(answers, fitted=True)
    assert found["exclude"].message == (
        "Without it, the rest kept, the plan is 40 kt over the horizon worse (best swap within 0.05%): no other plant "
        "moves."
    )
    low, high = found["capex"].figures["low_factor"], found["capex"].figures["high_factor"]
    assert low <= 3.2 < high and high - low == pytest.approx(2 / 16)
    assert (
        f"It would leave at a capital cost of capture between {low:.2f} and {high:.2f} times" in found["capex"].message
    )


def test_a_plant_may_be_worth_keeping_at_any_capital_or_be_left_out_for_nothing() -> None:
    worth = found_by(Answers(lambda factor: VALUE, lambda at: VALUE - 40), fitted=True)
    assert worth["capex"].message == "At 16 times its capital cost of capture it would still be worth keeping."
    assert worth["capex"].figures == {"low_factor": 16.0, "high_factor": None}
    better = found_by(Answers(lambda factor: VALUE, lambda at: VALUE + 2), fitted=True)["exclude"]
    assert "the plan is 2 kt over the horizon better (within its gap)" in better.message


def test_where_no_plan_can_hold_it_any_longer_it_leaves() -> None:
    # From 5 times its capital on the budget holds no plan with it.
    found = found_by(Answers(lambda factor: VALUE if factor < 5 else None, lambda at: VALUE - 1), fitted=True)
    assert found["capex"].figures["low_factor"] < 5 <= found["capex"].figures["high_factor"]


def test_what_was_not_found_is_said_and_nothing_made_of_it() -> None:
    found = found_by(Answers(lambda share: None), fitted=False)
    assert found["require"].message.startswith("No plan close to this one that holds it was found")
    assert found["capex"].figures == {"low_share": None, "high_share": None}
    found = found_by(Answers(lambda share: None, lambda at: None), fitted=True)
    assert [each.message for each in found.values()] == ["No plan without it was found in time that keeps the rest."]


def test_time_that_runs_out_is_said() -> None:
    (late,) = found_by(Answers(lambda share: VALUE, seconds=-1.0), fitted=False).values()
    assert late.message == "Time ran out before all was asked; --time-limit gives it more."
    short = found_by(Answers(lambda share: VALUE - 1, n_answers=1), fitted=False)
    assert short["capex"].message == "Whether a lower capital cost would bring it in was not found in time."
    assert list(found_by(Answers(lambda factor: VALUE, lambda at: VALUE - 1, n_answers=1), fitted=True)) == ["exclude"]


def test_a_question_without_an_answer_stops_no_other() -> None:
    answers = Answers(lambda share: VALUE - 1, money=NoPlanError("the solver refused a call"), duals={}, price=1.0)
    found = found_by(answers, fitted=False)
    assert found["none"].message == "A question had no answer: the solver refused a call."
    assert {"require", "lock", "capex"} <= set(found)


@pytest.fixture(scope="module")
def npv(problem_of: Callable[..., Problem], one_vent: dict[str, Any]) -> Callable[[float], Problem]:
    """One ammonia plant whose owners are paid for what they store from 2026 on."""

    def made(price: float) -> Problem:
        paid = {"policy.carbon_price_per_t": {2026: price}, "policy.capture_deductible": True}
        return problem_of(one_vent, {"objective": "max_npv", **paid})

    return made


def test_a_carbon_price_in_the_bracket_turns_the_plan(npv: Callable[[float], Problem]) -> None:
    plan = solve(npv(75))
    assert plan.retrofits.empty
    run = Run(Path("run"), {"objective": {"value": 0.0, "gap_share": 0.0}, "retrofits": [], "links": []}, plan.problem)
    found = {each.kind: each for each in changes_of(run, "NH3_79", 30)}
    low, high = found["carbon_price"].figures["low_per_t"], found["carbon_price"].figures["high_per_t"]
    assert 0 <= low < high
    assert f"It would enter at a carbon price {low:,.0f} to {high:,.0f} CNY/t higher" in found["carbon_price"].message
    assert solve(npv(75 + low)).retrofits.empty
    assert solve(npv(75 + high)).retrofits["plant"].tolist() == ["NH3_79"]
    assert changes_of(run, plan.problem.plants.loc[~plan.problem.plants["is_candidate"], "plant"].iloc[0], 30) == ()
