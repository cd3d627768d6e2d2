"""Observations of a preset and their likelihoods, and figures of pilot zones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.errors import InputError, Issue
from ccs_model.inputs import Inputs
from ccs_model.inputs.pilot_checks import parts
from ccs_model.pilots.sampling import log_normal_below, log_normal_between, mean
from ccs_model.problem import Problem, build_problem
from ccs_model.scenario import Scenario
from ccs_model.scenario.fields import SHIPPED_INVENTORIES
from ccs_model.scenario.sections import SHIPPED_PRESET

REPORTED, LITERAL = SHIPPED_PRESET, "pilot-literal"
# Kinds of observation from which a parameter is drawn.
DRAWN_FROM = "lognormal"


@dataclass(frozen=True)
class Observation:
    """One observation; for shares, `sigma` is at least the minimum of its grade."""

    id: str
    zones: tuple[str, ...]
    quantity: str
    kind: str
    value: float
    low: float
    high: float
    sigma: float
    grade: str

    def log_likelihood(self, predicted: Floats) -> Floats:
        """Return [point] the log likelihood of the observation given the predictions, without constants."""
        if self.kind == "lognormal":
            with np.errstate(divide="ignore"):
                return np.maximum(-0.5 * ((np.log(self.value) - np.log(predicted)) / self.sigma) ** 2, -1e300)
        if self.kind == "upper":
            return log_normal_below((self.value - predicted) / self.sigma)
        if self.kind == "lower":
            return log_normal_below((predicted - self.value) / self.sigma)
        if self.kind == "interval":
            return log_normal_between((self.low - predicted) / self.sigma, (self.high - predicted) / self.sigma)
        return -0.5 * ((self.value - predicted) / self.sigma) ** 2

    def z(self, predicted: Floats, weights: Floats) -> float:
        """Return the distance between the observation and the weighted predictions, in joint standard deviations.

        A bound counts predictions beyond it only, an interval predictions outside it.
        """
        at = np.log(np.maximum(predicted, 1e-300)) if self.kind == "lognormal" else predicted
        middle = mean(at, weights)
        spread = float(np.sqrt(mean((at - middle) ** 2, weights) + self.sigma**2))
        if self.kind == "interval":
            return (min(max(middle, self.low), self.high) - middle) / spread
        reported = float(np.log(self.value)) if self.kind == "lognormal" else self.value
        z = (reported - middle) / spread
        return min(z, 0.0) if self.kind == "upper" else max(z, 0.0) if self.kind == "lower" else z


def presets(inputs: Inputs) -> list[str]:
    """Names of the presets, in the order of the table."""
    return list(dict.fromkeys(inputs["pilots/presets"]["preset"]))


def observations_of(inputs: Inputs, preset: str) -> tuple[Observation, ...]:
    """The preset's rows, sorted by id. Raises InputError for a preset that is not in the table."""
    known = inputs["pilots/presets"]
    wanted = set(known.loc[known["preset"] == preset, "id"])
    if not wanted:
        raise InputError([Issue("preset", f"'{preset}' is not in pilots/presets", ", ".join(presets(inputs)))])
    table = inputs["pilots/observations"]
    factors = inputs["pilots/factors"].set_index("factor")["value"]
    rows = table[table["id"].isin(wanted)].sort_values("id", kind="stable")
    return tuple(_observation(row, factors) for _, row in rows.iterrows())


def zone_names(rows: Iterable[Observation]) -> list[str]:
    """The zones that the observations name, sorted."""
    return sorted({zone for row in rows for zone in row.zones})


def _observation(row: pd.Series, factors: pd.Series) -> Observation:
    least = f"least_sigma_{str(row['grade']).lower()}_share"
    floor = float(factors.get(least, 0.0)) if row["quantity"] == "abatement_share" else 0.0
    identifier, quantity, kind, grade = (str(row[name]) for name in ("id", "quantity", "kind", "grade"))
    value, low, high, sigma = (float(row[name]) for name in ("value", "low", "high", "sigma"))
    zones = tuple(sorted(parts(row["zone"])))
    return Observation(identifier, zones, quantity, kind, value, low, high, max(sigma, floor), grade)


# Zones: tonnes and net avoided share at full retrofit, from the plan's own engineering.
#
# capturable_ktpa     Σ over streams: nameplate of the option that avoids most
# net_share           N: Σ over streams: avoided by that option at design ÷ baseline of all operating plants


@dataclass(frozen=True)
class Zone:
    """Figures of a zone; `programme_share` is None without a documented programme."""

    zone: str
    baseline_ktpa: float
    capturable_ktpa: float
    net_share: float
    programme_share: float | None = None


def zone_scenario(inputs: Inputs, zone: str, changes: Mapping[str, object] | None = None) -> Scenario:
    """Return a representative year of a zone: continuous decisions, own pipes; `changes` by dotted key override."""
    row = _row(inputs, zone)
    scenario = Scenario.from_dict(
        {
            "name": f"Zone {zone}",
            "years": "static",
            "plants": {"inventory": parts(row["sectors"]), "provinces": [row["province"]]},
            "transport": {"shared_trunklines": False},
            "capture": {"decisions": "continuous"},
            "budget": {"total_mn": 0},
            "data": inputs.own.data if inputs.own is not None else None,
            "solver": {"mip_gap": 0.0, "threads": 1},
        }
    )
    return scenario.with_changes(changes) if changes else scenario


def zone_inputs(inputs: Inputs, zone: str, plants: Sequence[str] = ()) -> Inputs:
    """The tables with the zone's plants alone, so that a park's baseline is its own; or with `plants` alone."""
    named = list(plants) or parts(_row(inputs, zone)["plants"])
    if not named:
        return inputs
    tables = dict(inputs.tables)
    for sector in SHIPPED_INVENTORIES:
        frame = tables[f"plants/{sector}"]
        tables[f"plants/{sector}"] = frame[frame["plant"].isin(named)].reset_index(drop=True)
    return replace(inputs, tables=MappingProxyType(tables), sources=MappingProxyType({}))


def zone_of(inputs: Inputs, zone: str) -> Zone:
    """Return the figures of a zone. Raises InputError for a zone without emissions."""
    row = _row(inputs, zone)
    inside = [inputs[f"plants/{sector}"]["province"] == row["province"] for sector in parts(row["sectors"])]
    where = inputs.place("pilots/zones", int(row.name))
    if not any(each.any() for each in inside):
        what = f"zone {zone} has no plants: no {row['sectors'].replace('|', ' or ')} in {row['province']}"
        raise InputError([Issue(where, what, "name a province of the tables")])
    problem = build_problem(zone_scenario(inputs, zone), zone_inputs(inputs, zone))
    best = best_options(problem)
    if problem.baseline_ktpa <= 0:
        raise InputError([Issue(where, f"zone {zone} has no operating plant that emits")])
    share = row["programme_share"]
    return Zone(
        zone,
        problem.baseline_ktpa,
        float(best["nameplate_ktpa"].sum()),
        float(best["avoided_ktpa"].sum()) / problem.baseline_ktpa,
        None if pd.isna(share) else float(share),
    )


def best_options(problem: Problem) -> pd.DataFrame:
    """Return the option of each stream that avoids most at design: avoided_t_per_t, avoided_ktpa, nameplate_ktpa."""
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
        raise InputError([Issue(f"zone '{zone}'", "is not in the table pilots/zones", ", ".join(table["zone"]))])
    return found.iloc[0]
