"""Hand-made results for tests of the page: a budget sweep, an uncertainty analysis, and a name that contains markup."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from ccs_model.plan.stored_run import StoredRun

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&{{7*7}}"


def frontier_of(run: StoredRun) -> dict[str, Any]:
    """Three budget points: an empty plan, the plan of the run, and the same plan with names that contain markup."""
    retrofits = run.document["retrofits"]
    rows = [{key: row[key] for key in ("plant", "name", "stream", "technology", "size", "year", "site",
                                       "avoided_ktpa", "capex_mn")} for row in retrofits]  # fmt: skip
    retrofitted = {row["plant"]: [row["avoided_ktpa"], row["capex_mn"]] for row in rows}
    lines = [[*each["geometry"]["coordinates"][0], *each["geometry"]["coordinates"][-1], 100.0]
             for each in run.features("pipe")]  # fmt: skip
    empty: dict[str, Any] = {"retrofitted": {}, "rows": [], "lines": []}
    built = {"retrofitted": retrofitted, "rows": rows, "lines": lines}
    hostile = {**built, "rows": [{**row, "name": HOSTILE} for row in rows]}
    points = [
        {
            "budget_mn": 1000.0 * k, "abatement_kt": value, "objective": value, "bound": value + 10.0,
            "gap_share": 0.01, "all_links_bound": 1.05 * value + 10.0, "all_links_gap_share": 0.05,
            "list_objective": None,
            "n_plants_retrofitted": len(plan["retrofitted"]), "text": f"step {k}", "is_scenario": k == 1, **plan,
        }
        for k, (value, plan) in enumerate(((0.0, empty), (900.0, built), (1500.0, hostile)))
    ]  # fmt: skip
    about = {"unit": "kt over the horizon", "is_exact": False, "network": "every retrofit has its own pipeline",
             "n_corridors": None}  # fmt: skip
    return {**about, "list_text": "", "points": points}


def of_two_regions(run: StoredRun) -> StoredRun:
    """The run with a second region, a copy of its first."""
    (zone,) = run.document["zones"]
    return replace(run, document={**run.document, "zones": [zone, {**zone, "zone": "Hebei"}]})


def futures_of(run: StoredRun) -> StoredRun:
    """The run with five hand-made futures: the fixed plan reaches 10 to 50, the re-optimised plan twice as much."""
    fixed = [10.0, 20.0, 30.0, 40.0, 50.0]
    futures = pd.DataFrame(
        {"fixed_objective_value": fixed, "replanned_objective_value": [2 * value for value in fixed]}
    )
    spread = [
        {"mode": mode, "measure": "objective_value", "planned": 31.0, "mean": 30.0 * k, "p5": 12.0 * k, "p50": 30.0 * k,
         "p95": 48.0 * k, "n_futures": 5}
        for mode, k in (("replanned", 2), ("fixed", 1))
    ]  # fmt: skip
    tornado = [
        {"mode": mode, "measure": "objective_value", "input": name, "low": low, "high": high, "width": abs(high - low),
         "noise_width": 4.0, "variance_share": share}
        for mode in ("replanned", "fixed")
        for name, low, high, share in (
            ("power_price", 80.0, 45.0, 0.8), ("om_cost", 70.0, 50.0, 0.0), ("pipe_cost", 65.0, 55.0, 0.1),
            ("heat_price", 61.0, 59.0, None),
        )
    ]  # fmt: skip
    plants = [
        {"plant": "p1", "name": HOSTILE, "chosen_share": 1.0, "is_planned": True},
        {"plant": "p2", "name": "Works", "chosen_share": 0.4, "is_planned": False},
        {"plant": "p3", "name": "Works", "chosen_share": 0.6, "is_planned": True},
    ]
    about = {
        "n_draws": 5, "seed": 1, "unit": "kt over the horizon", "currency": "CNY", "price_year": 2024,
        "is_static": False,
        "overrun_share": 0.2, "overrun_p95_mn": 30.0, "missed_target_share": 0.4, "within_limits_share": 0.8,
        "no_regret": {"share_min": 0.9, "plants": ["p1"]},
    }  # fmt: skip
    found = {**about, "spread": spread, "tornado": tornado, "plants": plants}
    return replace(run, uncertainty=found, tables={**run.tables, "futures": futures})
