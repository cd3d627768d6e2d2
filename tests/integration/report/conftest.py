"""Small plans, each solved once a session, and their workbooks as openpyxl reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from openpyxl.workbook import Workbook

import ccs_model as ccs
from ccs_model.plan.plan import Plan
from ccs_model.plan.stored_run import StoredRun
from ccs_model.runs.run_reader import run_of
from ccs_model.solve import network_search
from ccs_model.solve.strategies import ModelSizes
from tests.integration.report import editing


def _solved(total_mn: float) -> Plan:
    return ccs.optimize(
        ccs.Scenario.from_dict(
            {
                "name": "Large works of Shanxi",
                "description": "Which works,\nand when?",
                "years": [2026, 2030],
                "plants": {"provinces": ["Shanxi"], "min_emissions_ktpa": 1000},
                "transport": {"shared_trunklines": False},
                "budget": {"total_mn": total_mn, "cumulative_mn": {2026: total_mn}},
                "solver": {"mip_gap": 0.05},
            }
        )
    )


@pytest.fixture(scope="session")
def plan() -> Plan:
    return _solved(3000.0)


@pytest.fixture(scope="session")
def run(plan: Plan) -> StoredRun:
    return run_of(plan)


@pytest.fixture(scope="session")
def empty_plan() -> Plan:
    return _solved(0.0)


@pytest.fixture(scope="session")
def book(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Workbook:
    return read_back(plan, tmp_path_factory.mktemp("book"))


NETWORK = {"transport.shared_trunklines": True, "storage.sites": ["Qinshui", "Ordos"]}


@pytest.fixture(scope="session")
def shared_plan(solved: Callable[..., Plan]) -> Plan:
    """Plants that share pipelines over a part of the links, enough money for several of them to meet on one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network_search, "SIZES", ModelSizes(all_links=0))
        return solved(NETWORK, {"budget.total_mn": 1_800, "transport.trucks": True, "solver.mip_gap": 0.02})


@pytest.fixture(scope="session")
def static_plan(solved: Callable[..., Plan]) -> Plan:
    return solved(NETWORK, {"years": "static", "budget.total_mn": 300})


@pytest.fixture(scope="session")
def shared_book(shared_plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Workbook:
    return read_back(shared_plan, tmp_path_factory.mktemp("shared"))


def read_back(plan: Plan, folder: Path) -> Workbook:
    """The workbook of a plan, written and read again: of formulas the values that were written beside them."""
    return openpyxl.load_workbook(plan.to_excel(folder / "plan.xlsx"), data_only=True)


@pytest.fixture(scope="session")
def solved_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of the scenario."""
    folder = tmp_path_factory.mktemp("round")
    (folder / "five.yaml").write_text(editing.SCENARIO, encoding="utf-8")
    answer = editing.run("optimize", folder / "five.yaml", "--out", folder / "run", "-q")
    assert answer.exit_code == 0, answer.output
    return folder / "run"
