"""Zones as the estimator sees them: tonnes and net avoided share at full retrofit, by the plan's own engineering.

capturable_ktpa     Σ over streams: nameplate of the option that avoids most
net_share           N: Σ over streams: avoided by that option at design ÷ baseline of all operating plants
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import pandas as pd

from ccs_model.errors import Fault, InputError
from ccs_model.inputs import Inputs
from ccs_model.inputs.inventories import SECTORS
from ccs_model.inputs.pilot_checks import parts
from ccs_model.problem import Problem, pose
from ccs_model.scenario import Scenario


@dataclass(frozen=True)
class Zone:
    """One zone's figures; `programme_share` is None where nobody documented a programme."""

    zone: str
    baseline_ktpa: float
    capturable_ktpa: float
    net_share: float
    programme_share: float | None = None


def zone_scenario(inputs: Inputs, zone: str, changes: Mapping[str, object] | None = None) -> Scenario:
    """A representative year of a zone, a linear program with pipes of its own; `changes` by dotted key go on top."""
    row = _row(inputs, zone)
    scenario = Scenario.from_dict(
        {
            "name": f"Zone {zone}",
            "years": "static",
            "plants": {"inventory": parts(row["sectors"]), "provinces": [row["province"]]},
            "transport": {"shared_trunklines": False},
            "capture": {"retrofits": "fractional"},
            "budget": {"total_mn": 0},
            "data": inputs.own.data if inputs.own is not None else None,
            "solver": {"gap_share": 0.0, "threads": 1},
        }
    )
    return scenario.with_changes(changes) if changes else scenario


def zone_inputs(inputs: Inputs, zone: str, plants: Sequence[str] = ()) -> Inputs:
    """The tables with the zone's plants alone, so that a park's baseline is its own; or with `plants` alone."""
    named = list(plants) or parts(_row(inputs, zone)["plants"])
    if not named:
        return inputs
    tables = dict(inputs.tables)
    for sector in SECTORS:
        frame = tables[f"plants/{sector}"]
        tables[f"plants/{sector}"] = frame[frame["plant"].isin(named)].reset_index(drop=True)
    return replace(inputs, tables=MappingProxyType(tables), sources=MappingProxyType({}))


def zone_problem(inputs: Inputs, zone: str, changes: Mapping[str, object] | None = None) -> Problem:
    """The zone's question in sets and coefficients."""
    return pose(zone_scenario(inputs, zone, changes), zone_inputs(inputs, zone))


def zone_of(inputs: Inputs, zone: str) -> Zone:
    """The zone's figures. Raises InputError where it has nothing that emits."""
    row = _row(inputs, zone)
    inside = [inputs[f"plants/{sector}"]["province"] == row["province"] for sector in parts(row["sectors"])]
    where = inputs.place("pilots/zones", int(row.name))
    if not any(each.any() for each in inside):
        what = f"zone {zone} has no plants: no {row['sectors'].replace('|', ' or ')} in {row['province']}"
        raise InputError([Fault(where, what, "name a province of the tables")])
    problem = zone_problem(inputs, zone)
    best = best_options(problem)
    if problem.baseline_ktpa <= 0:
        raise InputError([Fault(where, f"zone {zone} has no operating plant that emits")])
    share = row["programme_share"]
    return Zone(
        zone,
        problem.baseline_ktpa,
        float(best["nameplate_ktpa"].sum()),
        float(best["avoided_ktpa"].sum()) / problem.baseline_ktpa,
        None if pd.isna(share) else float(share),
    )


def best_options(problem: Problem) -> pd.DataFrame:
    """One row a stream: the route that avoids most at design, with avoided_t_per_t, avoided_ktpa and nameplate_ktpa."""
    routes = problem.routes[["route", "plant", "stream", "nameplate_ktpa"]].copy()
    routes["avoided_t_per_t"] = problem.avoided_t_per_t[:, -1]
    routes["avoided_ktpa"] = routes["nameplate_ktpa"] * routes["avoided_t_per_t"]
    ordered = routes.sort_values(["avoided_ktpa", "route"], ascending=[False, True], kind="stable")
    best = ordered.drop_duplicates(["plant", "stream"])
    return best.sort_values(["plant", "stream"], kind="stable").reset_index(drop=True)


def _row(inputs: Inputs, zone: str) -> pd.Series:
    table = inputs["pilots/zones"]
    found = table[table["zone"] == zone]
    if found.empty:
        raise InputError([Fault(f"zone '{zone}'", "is not in the table pilots/zones", ", ".join(table["zone"]))])
    return found.iloc[0]
