"""Targets of the scenario in tonnes, relative to plant baselines."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ccs_model.errors import InfeasibleError, InputError, Issue
from ccs_model.inputs.cells import nearest_hint
from ccs_model.inputs.geography import are_in_china
from ccs_model.problem.problem import Problem, Target, in_group
from ccs_model.problem.scenario_names import place_of
from ccs_model.scenario import Scenario
from ccs_model.scenario.fields import HOME


def targets_of(scenario: Scenario, plants: pd.DataFrame) -> tuple[Target, ...]:
    """Return all targets of the scenario in tonnes, sorted by key."""
    found = []
    for key, group, cut in scenario.targets.abatement_targets():
        baseline = float(plants.loc[in_group(plants, group), "baseline_ktpa"].sum())
        for year, share in cut.abatement_share.items():
            found.append(Target(f"{key}.abatement_share.{year}", group, year, share * baseline, baseline))
        if cut.cumulative_avoided_kt is not None:
            found.append(Target(f"{key}.cumulative_avoided_kt", group, None, cut.cumulative_avoided_kt, baseline))
    if scenario.targets.captured_ktpa is not None:
        required, last = scenario.targets.captured_ktpa, scenario.starts[-1]
        found.append(Target("targets.captured_ktpa", "", last, required, required, "captured"))
    return tuple(sorted(found, key=lambda target: target.key))


def validate_reachable_targets(problem: Problem) -> None:
    """Raise InfeasibleError if no retrofit can contribute to a target that has no price for its shortfall.

    No retrofit contributes if none can operate in the target's year and group, or if none of these avoids CO₂. The row
    of such a target may be empty, so the check precedes the model.
    """
    if problem.shortfall_per_t is not None:
        return
    works = np.any(problem.running_share > 0, axis=1)
    avoids = works & ((problem.avoided_t_per_t > 0) | (problem.reduced_ktpa[:, None] > 0))
    unreachable = []
    for target in problem.targets:
        inside = problem.routes_of(target.group)
        at = slice(None) if target.year is None else problem.years.index(target.year)
        here, serves = (each[inside][:, at] for each in (works, avoids))
        if target.required > 0 and not (here if target.measure == "captured" else serves).any():
            why = "no retrofit there avoids any CO2" if here.any() else "no retrofit can operate there"
            when = "" if target.year is None else f" in the period from {target.year}"
            nothing = "0 kt/y" if target.measure == "captured" else "0.00%" if target.year is not None else "0 kt"
            unreachable.append(f"{target.key}: {why}{when}; {nothing} would restore feasibility")
    if unreachable:
        raise InfeasibleError(unreachable)


def validate_groups(scenario: Scenario, plants: pd.DataFrame) -> None:
    """Raise if a target, share or budget names a province or sector without operating plants.

    Minimum shares need plants that can be retrofitted, and sum to 1 at most.
    """
    there = sorted({*plants["province"], *plants["sector"]})
    issues = []
    is_here = {HOME} if are_in_china(plants["province"]).any() else set()
    for key, group in _groups(scenario):
        if group not in there and not (key.startswith("budget.") and group in is_here):
            hint = nearest_hint(group, there, f"with plants: {', '.join(there[:12])}")
            issues.append(Issue(place_of(scenario, key), f"{key}: '{group}' has no operating plant here", hint))
    candidates = plants[plants["is_candidate"]]
    fitting = {*candidates["province"], *candidates["sector"]}
    shares = scenario.targets.share_of_avoided_min
    key = "targets.share_of_avoided_min"
    for group, share in shares.items():
        if share > 0 and group in there and group not in fitting:
            where = place_of(scenario, f"{key}.{group}")
            issues.append(Issue(where, f"{key}.{group}: no plant of '{group}' may be fitted", "sheet Plants says why"))
    for kind in ("province", "sector"):
        together = sum(share for group, share in shares.items() if group in set(plants[kind]))
        if together > 1 + 1e-9:
            issues.append(
                Issue(place_of(scenario, key), f"{key}: the shares of each {kind} sum to {together:.0%}", "at most 1")
            )
    if issues:
        raise InputError(issues)


def _groups(scenario: Scenario) -> Iterator[tuple[str, str]]:
    targets, budget = scenario.targets, scenario.budget
    for key, groups in (
        ("targets.by_province", targets.by_province),
        ("targets.by_sector", targets.by_sector),
        ("targets.share_of_avoided_min", targets.share_of_avoided_min),
        ("budget.by_province_mn", budget.by_province_mn),
    ):
        yield from ((f"{key}.{name}", name) for name in groups)
