"""Committed retrofits (`plants.committed`, `optimize --keep`) stay fixed while the rest of the plan is optimised."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

import ccs_model as ccs
from ccs_model.cli import group
from ccs_model.errors import InfeasibleError, InputError
from ccs_model.inputs import Inputs
from ccs_model.plan.merit_order import reasons_of
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem
from ccs_model.scenario.read import resolved_scenario
from tests.hand_network import LINKS, PLANTS, SITES, STAGED

Solved = Callable[..., Plan]
TABLES = {"plants": PLANTS, "sites": SITES, "links": LINKS}
BUDGET = {**STAGED, "budget.total_mn": 100.0}
SMALL = """\
name: Works of Shanxi
years: [2026, 2031]
plants: {inventory: [chemicals], provinces: [Shanxi], min_emissions_ktpa: 1_200}
transport: {shared_trunklines: false, pipe_costs: dea}
policy: {non_fossil_share: {2023: 0.19}}
budget: {total_mn: 2_000}
solver: {mip_gap: 0.0, threads: 1}
"""


def starts(plan: Plan) -> dict[str, int]:
    return dict(zip(plan.retrofits["route"], plan.retrofits["year"], strict=True))


@pytest.mark.slow
def test_a_committed_retrofit_is_kept_as_the_only_one_of_its_plant(hand_solved: Solved) -> None:
    free = hand_solved(BUDGET, **TABLES)
    routes = free.problem.routes
    other = routes[(routes["plant"] == "A") & ~routes["route"].isin(starts(free))]["route"].iloc[0]
    committed = {other: 2031}
    solved = hand_solved({**BUDGET, "plants.committed": committed, "plants.not_before": {"A": 2036}}, **TABLES)
    assert starts(solved)[other] == 2031
    assert (solved.retrofits["plant"] == "A").sum() == 1
    assert solved.objective.value <= free.objective.value * (1 + 1e-9)
    assert solved.totals["capex_mn"] <= 100.0 + 1e-6
    # Committing all retrofits of a plan gives the same plan.
    again = hand_solved({**BUDGET, "plants.committed": starts(free)}, **TABLES)
    assert starts(again) == starts(free)
    assert again.objective.value == pytest.approx(free.objective.value, rel=1e-9)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"plants.committed": {"A/given/own/ful": 2026}}, "no retrofit option"),
        ({"plants.committed": {"{A}": 2027}}, "no period starts in 2027"),
        ({"plants.committed": {"{A}": 2026}, "plants.exclude": ["A"]}, "cannot be retrofitted: excluded"),
        ({"plants.committed": {"{A}/built_2031": 2026}}, "is the option of 2031, but starts in 2026"),
        ({"plants.committed": {"{A}@S": 2026}}, "an id with @ is that of an own pipeline"),
    ],
)
def test_invalid_commitments_are_input_errors(
    hand_problem: Callable[..., Problem], changes: Mapping[str, object], error: str
) -> None:
    routes = hand_problem(BUDGET, **TABLES).routes
    of_a = routes.loc[routes["plant"] == "A", "route"].iloc[0]
    committed = {name.replace("{A}", of_a): year for name, year in changes["plants.committed"].items()}  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=error):
        hand_problem({**BUDGET, **changes, "plants.committed": committed}, **TABLES)


@pytest.mark.slow
def test_commitments_beyond_the_budget_report_a_sufficient_budget(hand_solved: Solved) -> None:
    all_starts = starts(hand_solved(BUDGET, **TABLES))
    assert all_starts
    with pytest.raises(InfeasibleError) as raised:
        hand_solved({**BUDGET, "budget.total_mn": 5.0, "plants.committed": all_starts}, **TABLES)
    (of_budget,) = (each for each in raised.value.conflicts if "budget.total_mn" in each)
    # The commitments conflict as rows of the model and as keys of the scenario, and are named once.
    assert sum("committed retrofit" in each for each in raised.value.conflicts) == 1
    enough = float(re.search(r"([\d,.]+) million EUR would", of_budget)[1].replace(",", ""))  # type: ignore[index]
    again = hand_solved({**BUDGET, "budget.total_mn": enough + 0.1, "plants.committed": all_starts}, **TABLES)
    assert starts(again) == all_starts


@pytest.mark.slow
def test_a_commitment_that_comes_too_late_for_a_target_is_named(hand_solved: Solved) -> None:
    # C emits three fifths; A may start whenever the plan likes.
    late = {"C/all/given/full": 2036, "A/all/given/full": 2026}
    target = {"objective": "min_cost", "budget.total_mn": None, "targets.abatement_share": {2031: 0.5}}
    with pytest.raises(InfeasibleError) as raised:
        hand_solved({**BUDGET, **target, "plants.committed": late}, **TABLES)
    assert [each for each in raised.value.conflicts if "plants.committed" in each] == [
        "plants.committed: without the committed retrofit C/all/given/full of 2036 there is a plan"
    ]


def test_a_committed_start_before_its_site_opens_is_an_input_error_with_own_pipes(
    hand_problem: Callable[..., Problem], inputs: Inputs
) -> None:
    tables = {**TABLES, "links": {}, "transport__pipes": inputs["transport/pipes"].assign(power_kwh_per_t_km=0.0)}
    own = {
        **BUDGET, "transport.shared_trunklines": False, "transport.candidate_links": "made_and_given",
        "transport.pipe_costs": "dea", "storage.not_before": {"S": 2031},
    }  # fmt: skip
    routes = hand_problem(own, **tables).routes
    to_s = routes.loc[(routes["plant"] == "A") & (routes["site"] == "S"), "route"].iloc[0]
    with pytest.raises(InputError, match="its site S may not be opened before 2031"):
        hand_problem({**own, "plants.committed": {to_s: 2026}}, **tables)
    assert hand_problem({**own, "plants.committed": {to_s: 2031}}, **tables).committed == ((to_s, 2031),)


@pytest.mark.slow
def test_committed_ids_with_special_characters_are_read_back(hand_solved: Solved, tmp_path: Path) -> None:
    plants = {"N/1": PLANTS["A"], "N/2: x#2 {y}": PLANTS["B"], "- C": PLANTS["C"]}
    links = {"N/1-S": {"length_km": 60}, "N/2: x#2 {y}-S": {"length_km": 50}}
    tables = {"plants": plants, "sites": SITES, "links": links}
    free = hand_solved(BUDGET, **tables)
    all_starts = starts(free)
    assert len(all_starts) > 1
    kept = hand_solved({**BUDGET, "plants.committed": all_starts}, **tables)
    assert starts(kept) == all_starts and kept.problem.committed_plants == set(free.retrofits["plant"])
    text = kept.problem.scenario.resolved_yaml()
    assert dict(resolved_scenario(text, "here", tmp_path / "x.yaml").plants.committed) == all_starts
    assert f"Committed by the scenario: {len(all_starts)} retrofits (plants.committed)." in kept.summary()
    reasons = reasons_of(kept.problem, kept.retrofits).set_index("plant")["reason"]
    assert reasons.loc[sorted(kept.problem.committed_plants)].str.startswith("in: committed, ").all()


def test_commitments_are_matched_to_the_vintage_of_their_start(
    problem_of: Callable[..., Problem], one_vent: Mapping[str, Any]
) -> None:
    paid = {**one_vent, "policy.paid_per_captured_t": 50.0, "policy.paid_for_yr": 5}
    plain, by_start = problem_of(one_vent), problem_of(paid)
    name, start = plain.routes["route"].iloc[0], plain.years[1]
    assert name not in set(by_start.routes["route"])
    ((route, year),) = problem_of({**paid, "plants.committed": {name: start}}).committed
    assert f"/built_{start}" in route and year == start
    ((route, year),) = problem_of({**one_vent, "plants.committed": {route: start}}).committed
    assert (route, year) == (name, start)


@pytest.mark.slow
def test_keep_commits_the_retrofits_of_a_run(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    update = tmp_path / "update.yaml"
    update.write_text("extends: small.yaml\nbudget: {total_mn: 2_600}\ncosts: {capex_factor: 1.2}\n", encoding="utf-8")

    def run_optimize(*args: object) -> None:
        found = CliRunner().invoke(group, ["optimize", *map(str, args)], standalone_mode=False)
        assert found.exception is None, found.output

    run_optimize(path, "--out", tmp_path / "first")
    run_optimize(update, "--keep", tmp_path / "first", "--keep-until", 2026, "--out", tmp_path / "second")
    first, second = (
        pd.read_csv(tmp_path / name / "tables" / "retrofits.csv")[["route", "year"]] for name in ("first", "second")
    )
    early = first[first["year"] <= 2026]
    assert len(early)
    kept = early.merge(second, on=["route", "year"])
    assert len(kept) == len(early)
    committed = ccs.read_run(tmp_path / "second").scenario.plants.committed
    assert dict(committed) == dict(zip(early["route"], early["year"], strict=True))
    rejected = CliRunner().invoke(group, ["optimize", str(update), "--keep-until", "2026"])
    assert rejected.exit_code == 2 and "--keep-until needs --keep" in rejected.output
