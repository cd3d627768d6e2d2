"""Petersen's seven capital-budgeting problems, written as CCS scenarios, reach their published optima.

Each project is a source, and its value is the CO₂ that it avoids. The first resource is the budget of a static year;
the limits of the other resources are constraints added to the Pyomo model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyomo.environ as pyo
import pytest

from ccs_model.mip import grouped_milp as by_groups
from ccs_model.model.build_model import build_model
from ccs_model.problem import build_problem
from ccs_model.problem.scenario_names import read_checked
from ccs_model.solve.driver import solve
from tests.paths import DATA

FILE = DATA / "capital_budgeting" / "petersen.txt"
OPTIMA = (3800.0, 8706.1, 4015.0, 6120.0, 12400.0, 10618.0, 16537.0)
TABLE_NOTE = {"reference": "PETERSEN", "quality": "assumed", "note": "a project of a published case"}
SCENARIO = """name: Capital budgeting
currency: USD
years: static
capital_recovery_share: 1.0
storage_life_yr: 1
plants: {inventory: [sources], min_emissions_ktpa: 0}
data: data
transport: {shared_trunklines: false, trucks: false}
storage: {sites: [Here]}
objective: max_abatement
solver: {mip_gap: 0.0, time_limit_s: 60, threads: 1}
"""


@dataclass(frozen=True)
class Case:
    values: np.ndarray
    usage: np.ndarray
    limits: np.ndarray
    optimum: float


def read_cases() -> Iterator[Case]:
    lines = [line.split() for line in FILE.read_text().splitlines() if not line.startswith("#")]
    while lines:
        (n, m, optimum), values, *rest = lines[: int(lines[0][1]) + 3]
        lines = lines[int(m) + 3 :]
        assert all(len(each) == int(n) for each in (values, *rest[:-1]))
        usage = np.array(rest[:-1], dtype=float)
        yield Case(np.array(values, dtype=float), usage, np.array(rest[-1], dtype=float), float(optimum))


CASES = tuple(read_cases())


def write_scenario(folder: Path, case: Case) -> Path:
    n = len(case.values)
    place = {"province": "Made", "lat_deg": 30.0, "lon_deg": 110.0}
    money = {"currency": "USD", "price_year": 2024, **TABLE_NOTE}
    names = [f"project {k:02d}" for k in range(n)]
    sources = {"plant": names, "name": names, **place, "status": "operating", "co2_ktpa": case.values}
    costs = {"capture_capex_mn": case.usage[0], "fixed_om_mn_pa": 0.0, "capture_cost_per_t": 0.0}
    capacity_kt = 10 * case.values.sum()
    site = {"site": ["here"], "name": "Here", "basin": "Here", **place, "kind": "saline"}
    capacities = {f"capacity_{which}_kt": capacity_kt for which in ("low", "mid", "high")}
    wells = {"well_injectivity_ktpa": 10_000.0, "n_wells_max": 60, "injection_cost_per_t": 0.0, "site_capex_mn": 0.0}
    about = {"reference": ["PETERSEN"], "citation": "Petersen 1967", "where": "", "licence": "none", "use": "a test"}
    tables = {
        "plants/sources": pd.DataFrame({**sources, **costs, **money}),
        "storage/sites": pd.DataFrame(
            {**site, **capacities, **wells, "well_capex_mn": 0.0, "well_om_mn_pa": 0.0, **money}
        ),
        "references": pd.DataFrame(about),
    }
    for name, table in tables.items():
        path = folder / "data" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(path, index=False)
    path = folder / "scenario.yaml"
    path.write_text(f"{SCENARIO}budget: {{total_mn: {float(case.limits[0])!r}}}\n", encoding="utf-8")
    return path


def test_the_file_has_the_seven_published_optima() -> None:
    assert tuple(case.optimum for case in CASES) == OPTIMA


@pytest.mark.slow
@pytest.mark.parametrize("with_groups", [False, True])
@pytest.mark.parametrize("case", CASES, ids=[f"{len(case.values)} projects" for case in CASES])
def test_the_published_optimum_is_reached(
    case: Case, with_groups: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if with_groups:
        monkeypatch.setattr(by_groups, "PAYS_COLUMNS", 0)
    problem = build_problem(*read_checked(write_scenario(tmp_path, case)))
    assert len(problem.routes) == len(case.values)
    m = build_model(problem)
    order = [int(plant.split()[1]) for plant in problem.routes["plant"]]
    built = [m.build[route, problem.years[0]] for route in problem.routes["route"]]
    m.limits = pyo.ConstraintList()
    for usage, limit in zip(case.usage[1:], case.limits[1:], strict=True):
        m.limits.add(sum(float(usage[k]) * x for k, x in zip(order, built, strict=True)) <= float(limit))
    plan = solve(problem, m)
    assert plan.status == "optimal"
    assert plan.objective.value == pytest.approx(case.optimum, rel=1e-9)
    assert plan.objective.searched_bound == pytest.approx(case.optimum, rel=1e-9)
    assert ("by groups: incumbent" in plan.solver_log) == with_groups
