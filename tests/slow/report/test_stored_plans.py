"""Workbooks of stored solutions are recomputed by two spreadsheet programs, as written and with edited inputs."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ccs_model.plan.decisions import Point
from ccs_model.plan.plan import Plan
from ccs_model.report.workbook.workbook import write_workbook
from tests.integration.report.recalculated_accounts import recounted
from tests.integration.report.recalculation import Computed, Values, differences, edited, formula_cells, recomputed
from tests.integration.report.test_recomputation import PRICES, follows_the_money, straight_prices
from tests.slow.report import store

pytestmark = pytest.mark.office

NAMES = tuple(store.stored_names())
# The workbook of China has the same formulas in more rows, so formualizer alone recomputes it. Edited inputs affect the
# same formulas in each workbook.
BY_LIBREOFFICE = tuple(name for name in NAMES if name != "china")
EDITED = ("pilot-zones",)
EDITED_INPUTS: Mapping[str, float] = {"discount_rate": 0.05, "capex_factor": 1.2, "capture_deductible": 1.0}
EQUIVALENT_CHANGES: Mapping[str, Any] = {
    "discount_rate": 0.05,
    "policy.carbon_price_per_t": PRICES,
    "policy.capture_deductible": True,
}


@dataclass(frozen=True)
class Book:
    """A workbook as written, its values in LibreOffice, its copy with edited inputs, and its formulas."""

    plan: Plan
    point: Point
    path: Path
    found: Values | None
    path_edited: Path | None
    cells: list[tuple[str, str, str]]


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Book]:
    folder = tmp_path_factory.mktemp("stored")
    plans = {name: store.plan_of(name, folder) for name in NAMES}
    paths = {name: write_workbook(plan, folder / f"{name}.xlsx") for name, (plan, _) in plans.items()}
    edited_paths = {
        name: edited(
            path, folder / f"{name}--edited.xlsx", EDITED_INPUTS, {"Carbon price": straight_prices(plans[name][0])}
        )
        for name, path in paths.items()
        if name in EDITED
    }
    found = recomputed([paths[name] for name in BY_LIBREOFFICE], folder)
    return {
        name: Book(*plans[name], path, found.get(name), edited_paths.get(name), list(formula_cells(path)))
        for name, path in paths.items()
    }


def test_solutions_of_shipped_scenarios_are_stored() -> None:
    assert {"china", "hebei", "pilot-zones", "shanxi"} <= set(NAMES)
    assert all((store.SCENARIOS / f"{name}.yaml").is_file() for name in NAMES)
    assert all(file.stat().st_size < 300_000 for name in NAMES for file in (store.STORED / name).iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_two_spreadsheet_programs_recompute_the_written_values(books: Mapping[str, Book], name: str) -> None:
    book = books[name]
    written = Values(book.path)
    assert len(book.cells) > 4_000
    for found in filter(None, (book.found, Computed(book.path))):
        difference, worst = differences(book.cells, written, found)
        assert not difference, difference[:5]
        assert worst <= 1e-9


def test_the_pilot_zones_workbook_has_at_most_45_pages_and_600_kb(books: Mapping[str, Book], tmp_path: Path) -> None:
    path = books["pilot-zones"].path
    assert path.stat().st_size <= 600_000
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = ["soffice", "--headless", profile, "--convert-to", "pdf", "--outdir", str(tmp_path), str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=400)
    printed = subprocess.run(["pdfinfo", str(tmp_path / "pilot-zones.pdf")], check=True, capture_output=True, text=True)
    n_pages = re.search(r"^Pages:\s+(\d+)$", printed.stdout, re.MULTILINE)
    assert n_pages is not None and int(n_pages[1]) <= 45


@pytest.mark.parametrize("name", EDITED)
def test_a_workbook_with_edited_inputs_recomputes_to_the_values_of_the_engine(
    books: Mapping[str, Book], name: str, tmp_path: Path
) -> None:
    book = books[name]
    changed_plan = recounted(book.plan, book.point, EQUIVALENT_CHANGES, EDITED_INPUTS["capex_factor"])
    expected = Values(write_workbook(changed_plan, tmp_path / "again.xlsx"))
    cells = [each for each in book.cells if follows_the_money(each)]
    assert book.path_edited is not None
    difference, worst = differences(cells, expected, Computed(book.path_edited))
    assert not difference, difference[:5]
    assert worst <= 1e-9
    assert len(cells) > 2_000


def test_a_stored_solution_of_another_model_is_reported_with_the_command_to_renew_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = tmp_path / "run" / store.POINT
    point.parent.mkdir(parents=True)
    point.write_text('variable,index,value\nno_such_variable,"(1,)",1.0\n', encoding="utf-8")
    record = {"status": "", "objective_name": "", "objective": {}, "relaxation": {}, "marginal_budget": None}
    record |= {"corridors": [], "targets": [], "fixed_decisions": []}
    (tmp_path / "run" / store.PLAN).write_text(json.dumps(record), encoding="utf-8")
    store.store("shanxi", tmp_path / "run", tmp_path)
    monkeypatch.setattr(store, "STORED", tmp_path)
    with pytest.raises(ValueError, match=r"python -m tests\.slow\.report\.store shanxi RUN"):
        store.plan_of("shanxi", tmp_path / "scratch")
