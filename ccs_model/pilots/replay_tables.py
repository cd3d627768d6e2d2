"""Shared context of replayed cases: tables, fits and the committed calibration, each computed once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ccs_model.inputs import Inputs
from ccs_model.inputs.load import load_tables
from ccs_model.paths import data_folder
from ccs_model.pilots.calibrate import Fit, fit
from ccs_model.pilots.observations import Zone, observations_of, zone_inputs, zone_of, zone_scenario
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.applied_calibration import SHIPPED
from ccs_model.scenario import Scenario
from ccs_model.scenario.case import Case
from ccs_model.scenario.sections import OwnTables
from ccs_model.solve.driver import solve


@dataclass
class ReplayContext:
    """The tables, and results computed from them so far."""

    inputs: Inputs
    zones: dict[str, Zone] = field(default_factory=dict)
    fits: dict[str, Fit] = field(default_factory=dict)
    documents: dict[str, Any] = field(default_factory=dict)

    def zone(self, name: str) -> Zone:
        """Return the figures of a zone."""
        if name not in self.zones:
            self.zones[name] = zone_of(self.inputs, name)
        return self.zones[name]

    def fit(self, preset: str) -> Fit:
        """Return the posterior of a preset; a conflict is reported by the case instead of raised."""
        if preset not in self.fits:
            rows = observations_of(self.inputs, preset)
            zones = sorted({zone for row in rows for zone in row.zones})
            self.fits[preset] = fit(self.inputs, preset, rows, [self.zone(zone) for zone in zones])
        return self.fits[preset]

    def committed(self, preset: str) -> Mapping[str, Any]:
        """Return the preset's record in the shipped calibration.json, or an empty mapping."""
        if "shipped" not in self.documents:
            path = data_folder() / SHIPPED
            self.documents["shipped"] = json.loads(path.read_text(encoding="utf-8"))["presets"]
        found: Mapping[str, Any] = self.documents["shipped"].get(preset, {})
        return found

    def scenario(self, case: Case, *more: Mapping[str, Any]) -> Scenario:
        """Return the zone's scenario, overridden by the case's keys and then by `more`."""
        scenario = zone_scenario(self.inputs, case.zone, _dotted(case.scenario))
        for changes in more:
            scenario = scenario.with_changes(changes)
        return scenario

    def problem(self, case: Case, *more: Mapping[str, Any], plants: Sequence[str] = ()) -> Problem:
        """Its question in sets and coefficients; with `plants`, of these alone."""
        return build_problem(self.scenario(case, *more), zone_inputs(self.inputs, case.zone, plants))

    def plan(self, case: Case, *more: Mapping[str, Any], plants: Sequence[str] = ()) -> Plan:
        """Its plan."""
        return solve(self.problem(case, *more, plants=plants))


@dataclass
class ReplayContexts:
    """One context for each data folder of the cases, and one for the shipped or given tables."""

    inputs: Inputs | None = None
    made: dict[str, ReplayContext] = field(default_factory=dict)

    def of(self, case: Case) -> ReplayContext:
        """Return the context of a case. Raises InputError for invalid tables."""
        key = "" if case.data is None else str((case.folder / case.data).resolve())
        if key not in self.made:
            if case.data is not None:
                tables = load_tables(OwnTables(case.folder, data=case.data))
            else:
                tables = self.inputs if self.inputs is not None else load_tables(None)
            self.made[key] = ReplayContext(tables)
        return self.made[key]


def _dotted(values: Mapping[str, Any]) -> dict[str, Any]:
    """Sections as dotted keys, so that a key replaces its own value only."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            found |= {f"{name}.{key}": each for key, each in value.items()}
        else:
            found[name] = value
    return found
