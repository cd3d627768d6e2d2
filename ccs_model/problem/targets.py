"""Targets of the scenario in tonnes, against the baselines of the plants looked at."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

import pandas as pd

from ccs_model.errors import Fault, InputError
from ccs_model.problem.names import place_of
from ccs_model.problem.problem import Target
from ccs_model.scenario import Scenario


def targets_of(scenario: Scenario, plants: pd.DataFrame) -> tuple[Target, ...]:
    """Every cut of the scenario as tonnes that must be avoided, by key."""
    found = []
    for key, group, cut in scenario.targets.cuts():
        inside = (plants["province"] == group) | (plants["sector"] == group) | (group == "")
        baseline = float(plants.loc[inside, "baseline_ktpa"].sum())
        for year, share in cut.cut_share.items():
            found.append(Target(f"{key}.cut_share.{year}", group, year, share * baseline, baseline))
        if cut.cumulative_avoided_kt is not None:
            found.append(Target(f"{key}.cumulative_avoided_kt", group, None, cut.cumulative_avoided_kt, baseline))
    return tuple(sorted(found, key=lambda target: target.key))


def refuse_empty_groups(scenario: Scenario, plants: pd.DataFrame) -> None:
    """A province or sector that a target, a share or a budget names must have plants among those looked at."""
    there = sorted({*plants["province"], *plants["sector"]})
    faults = []
    for key, group in _groups(scenario):
        if group not in there:
            near = get_close_matches(group, there, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"with plants: {', '.join(there[:12])}"
            faults.append(Fault(place_of(scenario, key), f"{key}: '{group}' has no operating plant here", hint))
    if faults:
        raise InputError(faults)


def _groups(scenario: Scenario) -> Iterator[tuple[str, str]]:
    targets = scenario.targets
    yield from ((f"targets.by_province.{name}", name) for name in targets.by_province)
    yield from ((f"targets.by_sector.{name}", name) for name in targets.by_sector)
    yield from ((f"targets.share_of_avoided_min.{name}", name) for name in targets.share_of_avoided_min)
    yield from ((f"budget.by_province_mn.{name}", name) for name in scenario.budget.by_province_mn)
