"""Golden answers of a shipped scenario: what the code gave when it was last found right.

These numbers come from the code, not from outside it. A change that moves one names its reason in CHANGELOG.md under
*Results may change*, and only then is the number here changed.
"""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from ccs_model.paths import scenarios_folder
from ccs_model.plan.decisions import Point
from ccs_model.plan.plan import Plan
from ccs_model.report.workbook.workbook import write_workbook
from ccs_model.scenario import read_scenario
from ccs_model.solve.driver import optimize
from tests.integration.report.recomputing import Computed, differences, edited, formula_cells
from tests.integration.report.recounting import recounted, with_point
from tests.integration.report.test_recomputation import EDITS, follows_the_money, straight_prices

# Of the linear program with the connection cuts of all its rounds.
RELAXATION = 62_852.54


@pytest.fixture(scope="module")
def solved() -> tuple[Plan, Point]:
    scenario = read_scenario(scenarios_folder() / "shanxi.yaml")
    return with_point(lambda: optimize(scenario.with_changes({"solver.mip_gap": 0.03, "solver.time_limit_s": 400})))


@pytest.fixture(scope="module")
def shanxi(solved: tuple[Plan, Point]) -> Plan:
    return solved[0]


def test_size_of_the_program(shanxi: Plan) -> None:
    assert (shanxi.size.n_rows, shanxi.size.n_columns, shanxi.size.n_integer) == (10_510, 15_845, 6_320)


def test_the_relaxation(shanxi: Plan) -> None:
    # Which cuts are found depends a little on the solver's path.
    assert shanxi.relaxation.value == pytest.approx(RELAXATION, rel=2e-3)


def test_the_objective_within_the_gap_asked_for(shanxi: Plan) -> None:
    assert shanxi.status == "optimal"
    assert shanxi.objective.value == pytest.approx(58_000.0, rel=0.03)
    assert shanxi.objective.value <= shanxi.objective.bound <= 1.0301 * shanxi.objective.value
    # Over all candidate links only the wider bound holds.
    assert shanxi.objective.all_links_bound == pytest.approx(RELAXATION, rel=2e-3)


def test_pipes_are_shared(shanxi: Plan) -> None:
    assert shanxi.shares is not None
    assert shanxi.shares["n_users"].max() > 2


def test_every_check_holds(shanxi: Plan) -> None:
    assert shanxi.checks["holds"].all()


def test_its_workbook_is_computed_alike_by_another_engine_as_written_and_edited(
    solved: tuple[Plan, Point], tmp_path: Path
) -> None:
    plan, point = solved
    path = write_workbook(plan, tmp_path / "plan.xlsx")
    cells = list(formula_cells(path))
    assert len(cells) > 4_000
    difference, worst = differences(cells, openpyxl.load_workbook(path, data_only=True), Computed(path))
    assert not difference, difference[:5]
    assert worst <= 1e-9

    values, changes, capex_factor = EDITS["all"]
    other = edited(path, tmp_path / "edited.xlsx", values, {"Carbon price": straight_prices(plan)})
    again = write_workbook(recounted(plan, point, changes, capex_factor), tmp_path / "again.xlsx")
    money = [each for each in cells if follows_the_money(each)]
    difference, worst = differences(money, openpyxl.load_workbook(again, data_only=True), Computed(other))
    assert not difference, difference[:5]
    assert worst <= 1e-9
    assert len(money) > 2_000
