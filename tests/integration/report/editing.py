"""The scenario of a small run whose workbook the tests edit, and helpers that edit it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openpyxl
from click.testing import CliRunner, Result
from openpyxl.cell import Cell
from openpyxl.workbook import Workbook

from ccs_model.cli import group
from ccs_model.report.workbook.book import READ_BACK

SCENARIO = """\
name: Five plants
years: [2026, 2031]
plants: {inventory: [chemicals], provinces: [Shanxi], min_emissions_ktpa: 1_200}
transport: {shared_trunklines: false, pipe_costs: dea}
storage: {sites: [Ordos, Qinshui]}
policy: {non_fossil_share: {2023: 0.19}}
budget: {total_mn: 2_000, cumulative_mn: {2026: 1_900}}
solver: {mip_gap: 0.0, threads: 1}
"""
# Files that differ between equal runs: they contain times, the command or solver messages.
TIMED = ("manifest.json", "solver.log")


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(group, list(map(str, words)))


def cells(book: Workbook, name: str) -> list[Cell]:
    """The first column of a defined name."""
    name = name if name in book.defined_names else f"{READ_BACK}{name}"
    sheet, address = book.defined_names[name].attr_text.replace("$", "").replace("'", "").split("!")
    found = book[sheet][address]
    return [row[0] for row in found] if isinstance(found, tuple) else [found]


def edited(source: Path, to: Path, edit: Callable[[Workbook], object]) -> Path:
    """A copy of a workbook, edited and saved by openpyxl."""
    book = openpyxl.load_workbook(source)
    edit(book)
    book.save(to)
    return to


def by_id(book: Workbook, ids: str, column: str, name: str) -> Cell:
    return dict(zip((cell.value for cell in cells(book, ids)), cells(book, column), strict=True))[name]


def five_edits(book: Workbook) -> None:
    """Edit discount rate, budget, capex factor, a plant, a site, and the cumulative budget as a new scenario value."""
    cells(book, "discount_rate")[0].value = 0.06
    cells(book, "budget_mn")[0].value = 3000
    cells(book, "capex_factor")[0].value = 1.1
    new_value(book, "budget.cumulative_mn.2026").value = 2500
    plant(book, "MEOH_22").value = "from 2031"
    by_id(book, "site_ids", "site_capacity", "qinshui").value = 90_000


# The same edits as changes of the scenario.
AS_SCENARIO = {
    "discount_rate": 0.06,
    "budget.total_mn": 3000,
    "costs.capex_factor": 1.1,
    "budget.cumulative_mn.2026": 2500,
    "plants.not_before": {"MEOH_22": 2031},
    "storage.capacity_kt": {"qinshui": 90_000.0},
}


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in TIMED
    }


def set_named(name: str, value: object) -> Callable[[Workbook], object]:
    return lambda book: setattr(cells(book, name)[0], "value", value)


def set_more(key: str, value: object) -> Callable[[Workbook], object]:
    """Enter a scenario key and its value in the rows for further keys."""
    return lambda book: (set_named("more_keys", key)(book), set_named("more_values", value)(book))


def first_result(book: Workbook) -> Cell:
    """The first cell of sheet Retrofits that contains the year 2026."""
    return next(cell for row in book["Retrofits"].iter_rows() for cell in row if cell.value == 2026)


def plant(book: Workbook, name: str) -> Cell:
    """The decision on a plant."""
    return by_id(book, "plant_ids", "plant_decisions", name)


def new_value(book: Workbook, key: str) -> Cell:
    """The cell for a new value of a scenario key."""
    return by_id(book, "scenario_keys", "scenario_new", key)
