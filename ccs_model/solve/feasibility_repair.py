"""Feasibility repair: changes of an infeasible scenario, each proven by a solution of the changed scenario.

`mip.infeasible_rows` relaxes constraints. The changes here are no relaxation of one constraint: another basin, an
earlier first year, a later date, and the wells and capacity of sites on a shared network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ccs_model.engineering.co2_transport import great_circle_km
from ccs_model.errors import InfeasibleError
from ccs_model.inputs import Inputs
from ccs_model.mip import Matrix, SolverOptions
from ccs_model.mip.clock import effort, now
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.build_problem import NO_LINK, NO_SITE, NO_WELLS, SITES_TOO_LATE
from ccs_model.scenario import Scenario
from ccs_model.solve.storage_needs import Trials, limits_of_sites

_BASINS_TRIED = 5


def scenario_changes(problem: Problem, matrix: Matrix, options: SolverOptions, deadline: float) -> tuple[str, ...]:
    """Return sentences, each a change that restores feasibility alone, in a fixed order, found until `deadline`."""
    trials = Trials(options, deadline)
    return (
        *limits_of_sites(problem, matrix, trials),
        *_scenario_changes(problem.scenario, problem.inputs, problem.plants, trials),
    )


def build_problem_with_advice(scenario: Scenario, inputs: Inputs, repair_effort: float) -> Problem:
    """Return the problem; for a target that is unreachable before any solve, the error suggests changes as well.

    Raises what `build_problem` raises.
    """
    try:
        return build_problem(scenario, inputs)
    except InfeasibleError as error:
        # The same plants without a target that could be unreachable.
        plants = build_problem(
            scenario.with_changes({"objective": "min_cost", "targets.shortfall_per_t": 0.0}), inputs
        ).plants
        requested = scenario.solver
        options = SolverOptions(requested.mip_gap, seed=requested.seed)
        with effort():
            changes = list(_scenario_changes(scenario, inputs, plants, Trials(options, now() + repair_effort)))
        raise InfeasibleError([*error.conflicts, *changes]) from error


def _scenario_changes(scenario: Scenario, inputs: Inputs, plants: pd.DataFrame, trials: Trials) -> Iterator[str]:
    yield from _sites(scenario, inputs, plants, trials)
    yield from _first_years(scenario, inputs, trials)
    yield from _dates(scenario, inputs, trials)
    yield from _ceilings(scenario, inputs, trials)


def _sites(scenario: Scenario, inputs: Inputs, plants: pd.DataFrame, trials: Trials) -> Iterator[str]:
    """The nearest basin that restores feasibility, or all sites if none of the nearest basins does alone."""
    named = scenario.storage.sites
    if not named:
        return
    for basin in _nearest_basins(scenario, inputs, plants)[:_BASINS_TRIED]:
        if trials.has_plan(scenario.with_changes({"storage.sites": [*named, basin]}), inputs):
            yield f"storage.sites: with basin {basin} among storage.sites there is a plan"
            return
    if trials.has_plan(scenario.with_changes({"storage.sites": []}), inputs):
        yield "storage.sites: with all sites there is a plan (storage.sites: [])"


def _first_years(scenario: Scenario, inputs: Inputs, trials: Trials) -> Iterator[str]:
    """Plants and sites whose first year rules out a plan: single ones, or all of a key if none does alone."""
    for key, years in (("plants", scenario.plants.not_before), ("storage", scenario.storage.not_before)):
        if not years or not trials.has_plan(scenario.with_changes({f"{key}.not_before": {}}), inputs):
            continue
        alone = False
        for name, year in sorted(years.items()):
            rest = {each: first for each, first in years.items() if each != name}
            if trials.has_plan(scenario.with_changes({f"{key}.not_before": rest}), inputs):
                alone = True
                yield f"{key}.not_before: if {name} does not have to wait until {year}, there is a plan"
        if not alone:
            yield f"{key}.not_before: without these first years there is a plan"


def _nearest_basins(scenario: Scenario, inputs: Inputs, plants: pd.DataFrame) -> list[str]:
    """Basins with further sites, by their mean distance from the emissions that the targets concern."""
    sites, named = inputs["storage/sites"], scenario.storage.sites
    further = sites[~(sites["site"].isin(named) | sites["basin"].isin(named))]
    concerned = _concerned(scenario, plants)
    if concerned.empty:
        return []
    far = {}
    for basin, inside in further.groupby("basin", sort=True):
        km = great_circle_km(
            inside["lat_deg"].to_numpy(float)[:, None],
            inside["lon_deg"].to_numpy(float)[:, None],
            concerned["lat_deg"].to_numpy(float),
            concerned["lon_deg"].to_numpy(float),
        )
        far[str(basin)] = float(np.average(km.min(axis=0), weights=concerned["capturable_ktpa"]))
    return sorted(far, key=lambda basin: (far[basin], basin))


def _concerned(scenario: Scenario, plants: pd.DataFrame) -> pd.DataFrame:
    """Plants that are eligible, but perhaps for a site, and concerned by targets or required."""
    targets = scenario.targets
    groups = {
        group for _, group, cut in targets.abatement_targets() if cut.abatement_share or cut.cumulative_avoided_kt
    }
    groups |= {group for group, share in targets.share_of_avoided_min.items() if share > 0}
    fitting = plants[plants["reason"].isin(("", NO_SITE, NO_LINK, NO_WELLS, SITES_TOO_LATE))]
    if targets.captured_ktpa or "" in groups:
        return fitting
    requested = fitting["province"].isin(groups) | fitting["sector"].isin(groups)
    return fitting[requested | fitting["plant"].isin(scenario.plants.require)]


@dataclass(frozen=True)
class _Target:
    """The abatement share of one year; `place` is the dotted key of its group."""

    place: str
    year: int
    share: float

    @property
    def key(self) -> str:
        return f"{self.place}.abatement_share.{self.year}"


def _dates(scenario: Scenario, inputs: Inputs, trials: Trials) -> Iterator[str]:
    """The earliest later period in which the same share is feasible: of one target, those of a year, or all of them."""
    if scenario.targets.shortfall_per_t is not None:
        return
    cuts = sorted(
        (
            _Target(place, year, share)
            for place, _, cut in scenario.targets.abatement_targets()
            for year, share in cut.abatement_share.items()
            if share > 0
        ),
        key=lambda cut: cut.key,
    )
    years = sorted({cut.year for cut in cuts})
    together = [tuple(cut for cut in cuts if cut.year == year) for year in years]
    repaired: set[_Target] = set()
    for moving in [*((cut,) for cut in cuts), *(group for group in [*together, tuple(cuts)] if len(group) > 1)]:
        # Targets move together only if none of them alone restores feasibility.
        if repaired & set(moving):
            continue
        for later in range(1, len(scenario.starts)):
            changed = _later(scenario, moving, later)
            if changed is None:
                break
            if trials.has_plan(changed, inputs):
                yield _later_in_words(scenario, moving, later)
                repaired |= set(moving)
                break


def _later(scenario: Scenario, moving: tuple[_Target, ...], later: int) -> Scenario | None:
    """The scenario with these targets `later` periods later; None beyond the horizon.

    If that period has a target already, the larger of both holds.
    """
    starts = scenario.starts
    if max(starts.index(cut.year) for cut in moving) + later >= len(starts):
        return None
    targets = scenario.targets.model_dump()
    for cut in moving:
        del _shares(targets, cut.place)[cut.year]
    for cut in moving:
        shares, year = _shares(targets, cut.place), starts[starts.index(cut.year) + later]
        shares[year] = max(cut.share, shares.get(year, 0.0))
    return scenario.with_changes({"targets": targets})


def _shares(targets: dict[str, Any], place: str) -> dict[int, float]:
    """The abatement shares by year of the group at a dotted key of the dumped targets."""
    _, *group = place.split(".", 2)
    shares: dict[int, float] = (targets[group[0]][group[1]] if group else targets)["abatement_share"]
    return shares


def _later_in_words(scenario: Scenario, moving: tuple[_Target, ...], later: int) -> str:
    keys = " and ".join(cut.key for cut in moving)
    starts = scenario.starts
    periods = [starts[starts.index(cut.year) + later] for cut in moving]
    if len(moving) == 1:
        return f"{keys} is out of reach; the same {moving[0].share:.2%} can be reached in the period from {periods[0]}"
    if len(set(periods)) == 1:
        return f"{keys} are out of reach together; the same shares can be reached in the period from {periods[0]}"
    when = "one period" if later == 1 else f"{later} periods"
    return f"{keys} are out of reach together; each of the same shares can be reached {when} later"


def _ceilings(scenario: Scenario, inputs: Inputs, trials: Trials) -> Iterator[str]:
    """A cumulative budget that restores feasibility when dropped in favour of the next one."""
    ceilings = dict(sorted(scenario.budget.cumulative_mn.items()))
    for year, then in zip(list(ceilings), list(ceilings)[1:], strict=False):
        rest = {each: amount for each, amount in ceilings.items() if each != year}
        if trials.has_plan(scenario.with_changes({"budget.cumulative_mn": rest}), inputs):
            money = f"{ceilings[then]:,.1f} million {scenario.currency}"
            yield (
                f"budget.cumulative_mn: without the ceiling of {year} there is a plan; "
                f"the {money} of {then} would do from {year} on"
            )
