"""Sentences on a plan: why nothing is built, status, marginal budget value, targets, cost of fixed decisions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ccs_model.cli.inspect_run import run_text
from ccs_model.plan.plan import MarginalBudget, Plan, Replan
from ccs_model.report import sentences as words

Solved = Callable[..., Plan]
Changes = Mapping[str, Any]


@pytest.fixture(scope="module")
def required_plan(solved: Solved, one_vent: Changes) -> Plan:
    """A plan of one ammonia plant whose retrofit is required."""
    return solved(one_vent, {"plants.require": ["NH3_79"]})


def flat(text: str) -> str:
    """The text on one line."""
    return " ".join(text.split())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"budget.total_mn": 1},
            "the budget of 1 million CNY 2024 is below the cost of the cheapest retrofit with its pipeline",
        ),
        (
            {"capture.max_builds_per_year": 0},
            "the scenario allows no retrofit to start (capture.max_builds_per_year is 0)",
        ),
        ({"objective": "max_npv"}, "no retrofit, with transport and storage, has a positive NPV for its owners"),
        (
            {
                "objective": "min_cost",
                "targets.captured_ktpa": 100,
                "targets.shortfall_per_t": 0.001,
                "budget.total_mn": None,
            },
            "paying for the shortfall of 1 of 1 targets costs less than further retrofits",
        ),
    ],
)
def test_empty_plan_states_why_nothing_is_built_in_workbook_and_on_screen(
    solved: Solved, one_vent: Changes, changes: Changes, why: str
) -> None:
    plan = solved(one_vent, changes)
    assert plan.retrofits.empty
    assert f"none is retrofitted. Nothing is built because {why}" in words.answer(plan)
    shown = flat(run_text(plan.to_dict(), Path("runs/one")))
    assert f"Nothing is built because {why}" in shown
    if plan.problem.objective == "min_cost":
        assert re.fullmatch(
            r"1 of 1 targets are missed; the cost includes [\d,.]+ million CNY 2024 for the missing tonnes\.",
            words.targets(plan),
        )
        assert words.marginal_budget(plan).startswith("The objective is the minimum cost of the targets")
        assert "100 0 (100 short)" in shown
    elif plan.problem.objective == "max_npv":
        assert words.marginal_budget(plan).startswith("The objective is money, not tonnes")
    else:
        assert "no additional abatement" in words.marginal_budget(plan)


def with_problem_fields(plan: Plan, **changes: Any) -> Plan:
    """The plan with fields of its problem replaced."""
    return replace(plan, problem=replace(plan.problem, **changes))


def test_abatement_per_million_counts_the_unspent_budget_that_is_spent_as_well() -> None:
    """25 million more, with 1,375 left unspent, buy 63,000 kt: 45 kt per million spent, not 2,520."""
    assert MarginalBudget(25.0, 63_000.0, ("A",), spent_mn=1_400.0).kt_per_mn == 45.0
    assert MarginalBudget(25.0, 250.0, ("A",)).kt_per_mn == 10.0


def test_cheapest_retrofit_of_a_network_is_stated_without_its_pipeline(solved: Solved, one_vent: Changes) -> None:
    # Capture costs 211, and pipe and well about the same: a budget of 220 pays for capture only.
    shared = {"transport.shared_trunklines": True}
    low_budget = solved(one_vent, shared, {"budget.total_mn": 10})
    cheapest = float(low_budget.problem.routes["capex_mn"].min())
    why = words.reason_for_empty_plan
    assert f"below the cost of the cheapest retrofit without its pipeline ({cheapest:,.0f})" in why(low_budget)
    capture_budget = with_problem_fields(low_budget, budget_mn=cheapest + 1)
    assert why(capture_budget).startswith("no retrofit with its pipelines and wells satisfies every constraint")
    # A larger budget pays for a retrofit, so the budget is the reason.
    marginal = MarginalBudget(22.0, 0.0, (), replans=(Replan(220.0, 900.0, ("A",), ()),))
    assert why(replace(capture_budget, marginal_budget=marginal)) == (
        "no retrofit is affordable together with its pipelines and wells"
    )
    assert low_budget.status == "optimal" and "Nothing is built" in run_text(low_budget.to_dict(), Path("run"))


def test_gains_that_would_be_printed_as_zero_are_no_further_abatement(required_plan: Plan) -> None:
    traces = MarginalBudget(22.0, 0.004, ("A",), replans=(Replan(220.0, 0.02, ("A",), ()), Replan(440.0, 9.0, (), ())))
    plan = replace(required_plan, marginal_budget=traces)
    assert plan.problem.is_integer
    assert words.marginal_budget(plan).endswith(": no additional abatement; the next retrofit costs more than that.")
    none, some = words.replans(plan).split("Re-planned")[1:]
    assert none.strip().endswith(" more: no further abatement found.") and "0.02" not in none
    assert "at least 9 kt more abatement" in some


def test_first_sufficient_reason_explains_an_empty_plan(required_plan: Plan) -> None:
    problem = required_plan.problem
    no_candidates = problem.plants.assign(is_candidate=False)
    why = words.reason_for_empty_plan
    assert why(with_problem_fields(required_plan, budget_mn=0.0, plants=no_candidates)) == "the budget is 0"
    assert why(with_problem_fields(required_plan, plants=no_candidates, routes=problem.routes.iloc[:0])).startswith(
        "no plant is eligible"
    )
    no_routes = with_problem_fields(required_plan, routes=problem.routes.iloc[:0], max_builds_per_year=0)
    assert why(no_routes) == "no capturable stream can reach a storage site"
    assert "has a positive net social benefit" in why(with_problem_fields(required_plan, objective="max_net_benefit"))
    assert why(required_plan) == "no retrofit that satisfies every constraint has positive net abatement"


def test_texts_report_a_search_limit_an_unknown_marginal_value_and_no_budget(required_plan: Plan) -> None:
    assert words.status(required_plan).startswith("Status: optimal.")
    limited = words.status(replace(required_plan, status="limit"))
    assert limited.startswith("Status: stopped by a limit before the requested gap (0.00 %) was reached.")
    unknown = replace(required_plan, marginal_budget=None)
    assert words.marginal_budget(unknown).startswith("The marginal value of the budget is unknown")
    unlimited = replace(unknown, totals={**required_plan.totals, "budget_mn": None})
    assert words.marginal_budget(unlimited) == "The plan has no budget limit."


def test_cost_of_fixed_decisions_is_shown_in_tonnes_or_money(required_plan: Plan) -> None:
    assert required_plan.fixed_decisions["plant"].iloc[0] == "NH3_79"
    lost = float(required_plan.fixed_decisions["abatement_lost_kt"].iloc[0])
    name = str(required_plan.fixed_decisions["name"].iloc[0])
    assert f"Requiring {name} costs {lost:,.0f} kt CO2 over the horizon in the LP relaxation." in flat(
        run_text(required_plan.to_dict(), Path("run"))
    )
    excluded = pd.DataFrame([required_plan.fixed_decisions.iloc[0].to_dict() | {
        "decision": "exclude", "name": "", "abatement_lost_kt": float("nan"), "cost_added_mn": 1_234.4
    }])  # fmt: skip
    assert "Excluding NH3_79 costs 1,234 million CNY 2024 in the LP relaxation." in run_text(
        replace(required_plan, fixed_decisions=excluded).to_dict(), Path("run")
    )


def test_reached_targets_are_shown_with_the_marginal_price(solved: Solved, one_vent: Changes) -> None:
    plan = solved(one_vent, {"objective": "min_cost", "targets.captured_ktpa": 100, "budget.total_mn": None})
    assert words.targets(plan).startswith("All targets are reached.")
    row = plan.targets.iloc[0]
    assert row["reached_kt"] >= 100
    shown = flat(run_text(plan.to_dict(), Path("run")))
    assert f"100 {row['reached_kt']:,.0f} kt/y {row['price_per_t']:,.0f} CNY 2024/t" in shown
    assert f"Discounted cost over the horizon {sum(plan.cost_terms.values()):,.0f} million CNY 2024" in shown


def test_the_cost_of_targets_is_net_of_payments(hand_solved: Solved) -> None:
    plants = {"A": {"co2_ktpa": 1000.0, "capture_cost_per_t": 20.0, "avoided_per_captured_share": 1.0}}
    paid = {"targets": {"captured_ktpa": 500.0}, "policy.paid_per_captured_t": 50.0}
    kept = {"plants": plants, "sites": {"S": {}}, "links": {"A-S": {"length_km": 10.0}}}
    # 1,000 kt at 50 EUR/t.
    shown = flat(run_text(hand_solved(paid, **kept).to_dict(), Path("run")))
    assert ", net of payments per tonne of 50 million" in shown
    del paid["policy.paid_per_captured_t"]
    assert "net of" not in flat(run_text(hand_solved(paid, **kept).to_dict(), Path("run")))


def test_small_amount_is_not_rounded_to_zero() -> None:
    texts = [words.rounded_text(value) for value in (0, 1e-6, 0.25, 1234.5, None)]
    assert texts == ["0", "1e-06", "0.25", "1,234", "0"]
