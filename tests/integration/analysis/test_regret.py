"""Regret over futures: a hand case, properties of the table, and builds that are infeasible in a future."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import ccs_model as ccs
from ccs_model.analysis.rebuilt_plan import KEPT, MISSES_TARGET, OVER_BUDGET
from ccs_model.analysis.regret import Future, Regret, regret_of, shares_of
from ccs_model.cli import group
from ccs_model.errors import InputError
from ccs_model.problem import Problem
from ccs_model.scenario import Scenario
from tests import hand_network as network

pytestmark = pytest.mark.slow

ProblemBuilder = Callable[..., Problem]
SHORT = {"length_km": 1e-6}
# A costs 100 to build and 5 per tonne, B 20 and 14: A is better at a low capital recovery factor, B at a high one.
PLANTS = {
    "A": {"co2_ktpa": 1_000, "capture_capex_mn": 100, "capture_cost_per_t": 5},
    "B": {"co2_ktpa": 1_000, "capture_capex_mn": 20, "capture_cost_per_t": 14},
}
RECOVERY = (0.05, 0.1, 0.2)


def futures(
    problem_of: ProblemBuilder, changes: list[dict[str, Any]], shares: tuple[float, ...], plants: Any = PLANTS
) -> list[Future]:
    requested = {"targets.captured_ktpa": 1_000, "transport.corridors": "all"}
    links = {f"{plant}-S": SHORT for plant in plants}
    return [
        Future(str(n), problem_of({**requested, **each}, plants=plants, sites={"S": {}}, links=links), share)
        for n, (each, share) in enumerate(zip(changes, shares, strict=True))
    ]


@pytest.fixture(scope="module")
def found(hand_problem: ProblemBuilder) -> Regret:
    changes = [{"capital_recovery_share": each} for each in RECOVERY]
    return regret_of(futures(hand_problem, changes, (0.5, 0.25, 0.25)))


def test_the_regret_table_matches_the_hand_calculation(found: Regret) -> None:
    # A costs 10, 15 and 25, B 15, 16 and 18; the plans of the first two futures are A.
    assert found.futures["objective"].tolist() == pytest.approx([10, 15, 18], rel=1e-5)
    np.testing.assert_allclose(found.matrix(), [[0, 0, 7], [0, 0, 7], [5, 1, 0]], rtol=1e-5, atol=1e-4)
    plans = found.plans.set_index("plan")
    assert plans["max_regret"].tolist() == pytest.approx([7, 7, 5], rel=1e-5)
    assert plans["expected_regret"].tolist() == pytest.approx([1.75, 1.75, 2.75], rel=1e-5)
    assert plans["worst_future"].tolist() == [3, 3, 1]
    assert (found.about["minimax_plan"], found.about["least_expected_plan"]) == (3, 1)
    assert found.plants.set_index("plant")["n_plans"].to_dict() == {"A": 2, "B": 1}
    assert not found.plants["is_no_regret"].any()


def test_regret_is_not_negative_and_each_future_has_a_plan_with_none(found: Regret) -> None:
    assert (found.regrets["regret"] >= 0).all()
    assert found.matrix().min().tolist() == pytest.approx([0, 0, 0], abs=1e-9)
    assert (found.plans["expected_regret"] <= found.plans["max_regret"]).all()


def test_a_plan_that_is_infeasible_in_a_future_is_marked_and_not_chosen(hand_problem: ProblemBuilder) -> None:
    # A static budget is per year: at the high capital recovery factor, A costs 25, above the budget of 20; B costs 18.
    changes = [
        {"capital_recovery_share": 0.05, "budget.total_mn": 16.0},
        {"capital_recovery_share": 0.2, "budget.total_mn": 20.0},
    ]
    found = regret_of(futures(hand_problem, changes, (0.5, 0.5)))
    states = found.regrets.set_index(["plan", "future"])
    assert states.at[(1, 2), "state"] == OVER_BUDGET
    assert states.at[(1, 2), "excess_mn"] == pytest.approx(5.0, rel=1e-4)
    assert states.at[(2, 1), "state"] == KEPT
    assert states.at[(2, 1), "regret"] == pytest.approx(5, rel=1e-4)
    assert (found.about["minimax_plan"], found.about["least_expected_plan"]) == (2, 2)


@pytest.mark.parametrize("pipe_costs", ["dea", "as_built"])
def test_the_plan_of_a_larger_budget_exceeds_a_smaller_budget_on_a_shared_network(
    hand_problem: ProblemBuilder, pipe_costs: str
) -> None:
    # A small budget limits the candidate wells; a plan with more wells is still evaluated as over the budget.
    staged = {
        "objective": "max_abatement", "years": [2026, 2031], "capital_recovery_share": None,
        "transport.pipe_costs": pipe_costs,
    }  # fmt: skip
    problems = [
        hand_problem(
            {**staged, "budget.total_mn": budget}, plants=network.PLANTS, sites=network.SITES, links=network.LINKS
        )
        for budget in (40, 900)
    ]
    found = regret_of([Future(str(n), problem, 0.5) for n, problem in enumerate(problems)])
    state = found.regrets.set_index(["plan", "future"]).loc[(2, 1)]
    assert state["state"] == OVER_BUDGET and state["excess_mn"] > 0


def test_the_plan_of_a_lower_target_misses_a_higher_target(hand_problem: ProblemBuilder) -> None:
    changes = [{"targets.captured_ktpa": 1_000}, {"targets.captured_ktpa": 1_500}]
    found = regret_of(futures(hand_problem, changes, (0.5, 0.5)))
    states = found.regrets.set_index(["plan", "future"])["state"]
    assert states[1, 2] == MISSES_TARGET
    assert states[2, 1] == KEPT
    assert found.about["minimax_plan"] == 2


@pytest.mark.parametrize("changes", [{"budget.total_mn": 400}, {"budget.total_mn": "400"}, [400, 900], "budget"])
def test_changes_of_an_invalid_type_are_an_input_error(changes: Any, small: Callable[..., Scenario]) -> None:
    for analysis in (ccs.regret, ccs.sweep):
        with pytest.raises(InputError, match=r"^changes: .*expected a list of mappings, or lists of values by key"):
            analysis(small(), changes)


def test_values_by_key_give_the_same_regrets_as_a_list_of_changes(
    one_vent: dict[str, Any], small: Callable[..., Scenario]
) -> None:
    scenario = small(one_vent)
    by_key = ccs.regret(scenario, {"budget.total_mn": [100, 900]})
    listed = ccs.regret(scenario, [{"budget.total_mn": 100}, {"budget.total_mn": 900}])
    assert list(by_key.futures["name"]) == ["budget.total_mn = 100", "budget.total_mn = 900"]
    assert by_key.regrets.equals(listed.regrets)


def test_errors_name_the_parameter(small: Callable[..., Scenario]) -> None:
    for error, call in {
        "changes: 1 future": lambda: ccs.regret(small(), [{}]),
        "probabilities: '1, 1'": lambda: ccs.regret(small(), [{}, {}], probabilities=[1.0, 1.0]),
        "n_points: expected a whole number of at least 2, got 1": lambda: ccs.frontier(small(), n_points=1),
        "draws: expected a whole number of at least 1, got 0": lambda: ccs.montecarlo(small(), draws=0),
    }.items():
        with pytest.raises(InputError, match=f"^{error}"):
            call()


def test_probabilities_are_equal_by_default_and_must_sum_to_one() -> None:
    assert shares_of(None, 4) == (0.25,) * 4
    with pytest.raises(InputError, match="not the probabilities"):
        shares_of([0.5, 0.6], 2)
    with pytest.raises(InputError, match="two or more"):
        shares_of(None, 1)


def test_the_command_writes_its_tables(tmp_path: Path) -> None:
    scenario = tmp_path / "small.yaml"
    scenario.write_text(
        "name: Small\nyears: [2026, 2031]\nplants: {inventory: [chemicals], provinces: [Shanxi], "
        "min_emissions_ktpa: 1_200}\ntransport: {shared_trunklines: false}\nbudget: {total_mn: 900}\n"
        "solver: {mip_gap: 0.0, threads: 1}\n",
        encoding="utf-8",
    )
    out = tmp_path / "out"
    args = ["regret", str(scenario), "--set", "budget.total_mn=600,900", "--out", str(out)]
    result = CliRunner().invoke(group, [*args, "--json"], catch_exceptions=False, standalone_mode=False)
    document = json.loads(result.stdout)
    assert [row["state"] for row in document["regrets"]] == [KEPT, KEPT, OVER_BUDGET, KEPT]
    first = {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert set(first) == {
        "manifest.json",
        "regret.json",
        "regret.xlsx",
        "plans.csv",
        "regrets.csv",
        "plants.csv",
        "futures.csv",
    }
    again = CliRunner().invoke(group, [*args, "--force"], catch_exceptions=False, standalone_mode=False)
    only = "the plan for budget.total_mn = 600, the only one of 2 plans that is feasible in every future"
    assert f"Minimax regret: {only}" in again.stdout
    assert {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()} == first
