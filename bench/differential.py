"""`python -m bench.differential [--problems 500] [--first 0]`: plans against an independent MILP.

The problems are small and random: one to four plants, one to three sites, own or shared pipes, the four objectives,
integer and continuous decisions, a static year, two or three periods. `bench/independent_milp.py` builds each as a MILP
from the numbers of its tables, without the model package, and solves it with `scipy.optimize.milp`.

The model of the package, solved in one call without heuristics, must have the same optimum to a relative 1e-9. The plan
of the package may differ by 2e-7, which allows for tie-breaking and solver tolerances. An infeasible problem must be
infeasible in both.

Prints one JSON object. Exit codes: 0 all agree, 1 a difference.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from bench import independent_milp
from bench.independent_milp import Case
from ccs_model.errors import InfeasibleError
from ccs_model.inputs import Inputs, load_inputs
from ccs_model.mip import Highs, SolverOptions
from ccs_model.model.build_model import build_model
from ccs_model.model.standard_form import matrix_of
from ccs_model.problem import build_problem
from ccs_model.scenario import Scenario
from ccs_model.solve.driver import solve

MODEL_TOLERANCE = 1e-9
# Tie-breaking and the solver tolerances may change the objective in digits that are not printed.
PLAN_TOLERANCE = 2e-7
SOLVED, INFEASIBLE = "solved in both", "infeasible in both"
KIND_STRIDE = 11  # coprime to the number of kinds
YEARS: tuple[str | tuple[int, ...], ...] = ("static", (2026, 2031), (2026, 2029, 2036))
KINDS = tuple(
    itertools.product((False, True), ("min_cost", "max_abatement", "max_npv", "max_net_benefit"), (True, False), YEARS)
)
# Currency, provenance and location of every row.
_PROVENANCE = MappingProxyType({"currency": "EUR", "price_year": 2015, "reference": "OWN", "quality": "reported"})
_LOCATION = MappingProxyType({"lat_deg": 38.0, "province": "Here", "grid": "Here"})


def draw_case(n: int) -> Case:
    """Draw case `n`: its kind follows from `n`, its numbers are random."""
    rng = np.random.default_rng(n)
    is_shared, objective, is_integer, years = KINDS[n * KIND_STRIDE % len(KINDS)]
    if years == "static" and objective in ("max_npv", "max_net_benefit"):
        years = (2026, 2031)

    def choose(*values: float) -> float:
        return float(rng.choice(values))

    plants = {
        f"P{k}": {
            "co2_ktpa": float(rng.integers(50, 2_000)),
            "capture_capex_mn": float(rng.integers(0, 80)),
            "fixed_om_mn_pa": float(rng.integers(0, 4)),
            "capture_cost_per_t": float(rng.integers(5, 60)),
            "life_yr": choose(8, 20, 25),
        }
        for k in range(rng.integers(1, 5))
    }
    sites = {
        f"S{k}": {
            "site_capex_mn": float(rng.integers(0, 30)),
            "site_om_mn_pa": choose(0, 0.5),
            "closure_mn": choose(0, 4),
            "well_capex_mn": float(rng.integers(0, 6)),
            "well_om_mn_pa": choose(0, 0.1),
            "well_injectivity_ktpa": choose(100, 400, 1_000),
            "n_wells_max": choose(20, 40),
            "capacity_kt": choose(8_000, 30_000, 1_000_000),
            "injection_cost_per_t": float(rng.integers(0, 9)),
        }
        for k in range(rng.integers(1, 4))
    }
    links = [pair for pair in itertools.combinations([*plants, *sites], 2) if rng.random() < 0.6]
    links += [(name, "S0") for name in plants if (name, "S0") not in links]
    total_ktpa = sum(row["co2_ktpa"] for row in plants.values())
    return Case(
        objective=objective,
        is_integer=is_integer,
        years=years,
        discount_rate=choose(0.0, 0.08),
        capital_recovery_share=0.1 if years == "static" and rng.random() < 0.5 else None,
        target_ktpa=float(np.floor(rng.uniform(0.2, 0.7) * total_ktpa)) if objective == "min_cost" else None,
        budget_mn=None if objective == "min_cost" else float(rng.integers(20, 300)),
        paid_per_t=float(rng.integers(30, 150)) if objective == "max_npv" else choose(0, 15),
        damage_per_t=float(rng.integers(20, 200)) if objective == "max_net_benefit" else 0.0,
        social_rate=choose(0.03, 0.08),
        tax_share=choose(0, 0.25),
        power_per_kwh=choose(0.05, 0.2),
        grid_kg_per_kwh=choose(0.2, 0.7),
        plants=plants,
        sites=sites,
        lengths_km={pair: choose(1, 10, 40, 100) for pair in links} if is_shared else None,
        lon_deg={name: 115.0 + 0.2 * k for k, name in enumerate([*plants, *sites])},
    )


@cache
def _shipped_inputs() -> Inputs:
    return load_inputs()


def build_scenario(case: Case) -> Scenario:
    """Build the scenario of a case."""
    values: dict[str, Any] = {
        "name": "Differential",
        "currency": "EUR",
        "price_year": 2015,
        "years": case.years,
        "discount_rate": case.discount_rate,
        "objective": case.objective,
        "plants": {"inventory": ["sources"]},
        "capture": {"decisions": "integer" if case.is_integer else "continuous"},
        "transport": {"candidate_links": "given", "trucks": False, "pipe_costs": "dea"},
        "storage": {"nearest_sites": 3},
        "budget": {"total_mn": case.budget_mn},
        "finance": {"tax_share": case.tax_share},
        "policy": {"paid_per_captured_t": case.paid_per_t, "social_discount_rate": case.social_rate},
        "solver": {"mip_gap": 0.0, "threads": 1},
    }
    if case.is_static:
        values["capital_recovery_share"] = case.capital_recovery_share
    if case.lengths_km is None:
        values["transport"]["shared_trunklines"] = False
    else:
        values["transport"] |= {"shared_trunklines": True, "corridors": "all"}
    if case.target_ktpa is not None:
        values["targets"] = {"captured_ktpa": case.target_ktpa}
    if case.damage_per_t:
        values["policy"]["social_cost_of_carbon_per_t"] = {2026: case.damage_per_t}
    return Scenario.from_dict(values)


def build_tables(case: Case) -> Inputs:
    """Return the shipped tables with the plants, sites and links of the case."""
    inputs = _shipped_inputs()

    def frame(table: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
        return pd.DataFrame([{**_PROVENANCE, **row} for row in rows], columns=inputs[table].columns)

    def located_rows(kind: str, rows: Mapping[str, Mapping[str, float]], extra: dict[str, Any]) -> list[dict[str, Any]]:
        common = {**_LOCATION, **extra}
        return [
            {**common, kind: name, "name": name, "lon_deg": case.lon_deg[name], **row} for name, row in rows.items()
        ]

    plants = located_rows("plant", case.plants, {"inventory": "sources", "sector": "", "status": "operating"})
    sites = located_rows("site", case.sites, {"basin": "B", "is_offshore": "no", "storage_cost_per_t": 0.0})
    for row in sites:
        row.update(dict.fromkeys(("capacity_low_kt", "capacity_mid_kt", "capacity_high_kt"), row.pop("capacity_kt")))
    lengths = (case.lengths_km or {}).items()
    links = [{"link": f"{a}-{b}", "node_a": a, "node_b": b, "length_km": km} for (a, b), km in lengths]
    unused = ("transmission_per_kwh", "loss_share", "demand_per_kw_month", "fees_per_kwh", "vat_share")
    power = {"grid": "Here", "year": 2015, "benchmark_per_kwh": case.power_per_kwh, "load_factor_share": 1.0}
    factor = {"province": "Here", "year": 2015, "grid_kg_per_kwh": case.grid_kg_per_kwh}
    own = {
        "plants/sources": frame("plants/sources", plants),
        "storage/sites": frame("storage/sites", sites),
        "storage/site_costs": inputs["storage/site_costs"].iloc[:0],
        "transport/links": frame("transport/links", links),
        "prices/power": frame("prices/power", [power | dict.fromkeys(unused, 0.0)]),
        "prices/grid_factors": frame("prices/grid_factors", [factor]),
    }
    return Inputs(MappingProxyType({**inputs.tables, **own}), inputs.sha256, inputs.folder_name)


@dataclass(frozen=True)
class Comparison:
    """Outcome of a case, and the relative differences of the package's model and plan from the independent optimum."""

    outcome: str
    model: float = 0.0
    plan: float = 0.0

    @property
    def agrees(self) -> bool:
        return self.outcome in (SOLVED, INFEASIBLE) and self.model <= MODEL_TOLERANCE and self.plan <= PLAN_TOLERANCE


def compare(n: int) -> Comparison:
    """Solve case `n` with the package and with the independent MILP."""
    case = draw_case(n)
    optimum = independent_milp.solve(case)
    try:
        problem = build_problem(build_scenario(case), build_tables(case))
        plan = solve(problem).objective.value
    except InfeasibleError:
        return Comparison(INFEASIBLE if optimum is None else "infeasible in the package only")
    if optimum is None:
        return Comparison("infeasible in the independent MILP only")
    options = SolverOptions(gap_share=0.0, threads=1)
    model = Highs(matrix_of(build_model(problem)), options).run(600, "full model").objective
    return Comparison(SOLVED, *(abs(each - optimum) / max(1.0, abs(optimum)) for each in (model, plan)))


def main() -> int:
    """Compare the requested cases and print one JSON object."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.differential", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", type=int, default=500, help="number of problems")
    parser.add_argument("--first", type=int, default=0, help="number of the first problem")
    args = parser.parse_args()
    cases = range(args.first, args.first + args.problems)
    results = {}
    for n in cases:
        results[n] = compare(n)
        if not results[n].agrees:
            sys.stderr.write(f"{results[n]}: case {n}: {draw_case(n)}\n")
    differing = [n for n, each in results.items() if not each.agrees]
    summary = {
        "outcomes": Counter(each.outcome for each in results.values()),
        "kinds": len({n * KIND_STRIDE % len(KINDS) for n in cases}),
        "largest_model_difference": max(each.model for each in results.values()),
        "largest_plan_difference": max(each.plan for each in results.values()),
        "differing_cases": differing,
        "cpu_s": round(time.process_time()),
    }
    sys.stdout.write(json.dumps(summary, indent=1) + "\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
