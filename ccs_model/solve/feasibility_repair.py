"""Feasibility repair: changes of an infeasible scenario, each proven by a solution of the changed scenario.

`mip.infeasible_rows` relaxes constraints. The changes here are no relaxation of one constraint: another basin, an
earlier first year, no commitment, a later date, and the wells and capacity of sites on a shared network.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from ccs_model.engineering.co2_transport import great_circle_km
from ccs_model.errors import CcsModelError, InfeasibleError
from ccs_model.inputs import Inputs
from ccs_model.mip import Highs, Matrix, Outcome, SolverOptions
from ccs_model.mip.clock import effort, now
from ccs_model.mip.infeasible_rows import ElasticSearch
from ccs_model.mip.matrix import residuals, round_to_integrality
from ccs_model.model.build_model import build_model
from ccs_model.model.names import SITE_CAPACITY, WELLS, WELLS_NEED_SITE
from ccs_model.model.standard_form import matrix_of
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.build_problem import NO_LINK, NO_SITE, NO_WELLS, SITES_TOO_LATE
from ccs_model.scenario import Scenario
from ccs_model.scenario.sections import YEARLY_TARGETS
from ccs_model.solve.fixed_charge_network import network_of

_BASINS_TRIED = 5
_COMMITMENTS_TRIED = 10
# Share of the effort left that one trial may take.
_TIME_SHARE = 1 / 3


@dataclass(frozen=True)
class Trials:
    """Solves changed scenarios until a deadline."""

    options: SolverOptions
    deadline: float

    def build(self, scenario: Scenario, inputs: Inputs) -> tuple[Problem, Matrix] | None:
        """Return the problem of a scenario and its matrix; None if it is invalid or no effort is left."""
        if now() >= self.deadline:
            return None
        try:
            problem = build_problem(scenario, inputs)
            return problem, matrix_of(build_model(problem))
        except CcsModelError:
            return None

    def trial_deadline(self) -> float:
        """Return the deadline of a trial that begins now."""
        begun = now()
        return begun + _TIME_SHARE * (self.deadline - begun)

    def has_plan(self, scenario: Scenario, inputs: Inputs) -> bool:
        """Return whether a verified solution is found."""
        built = self.build(scenario, inputs)
        until = self.trial_deadline()
        if built is None or until <= now():
            return False
        _, matrix = built
        try:
            highs, outcome = self._solve_relaxation(matrix, until)
            if outcome.status == "optimal" and matrix.is_integer.any():
                highs.set_integrality(True)
                outcome = highs.run(until - now(), "a trial")
        except CcsModelError:
            return False
        return outcome.x is not None and residuals(matrix, round_to_integrality(matrix, outcome.x)).hold

    def is_out_of_reach(self, scenario: Scenario, inputs: Inputs) -> bool:
        """Return whether the problem is valid and its linear relaxation is infeasible."""
        built = self.build(scenario, inputs)
        if built is None:
            return False
        try:
            return self._solve_relaxation(built[1], self.trial_deadline())[1].status == "infeasible"
        except CcsModelError:
            return False

    def _solve_relaxation(self, matrix: Matrix, until: float) -> tuple[Highs, Outcome]:
        """The linear relaxation without an objective, and its outcome."""
        highs = Highs.lp_relaxation(matrix, self.options)
        highs.set_objective(np.zeros(len(matrix.lower)), maximise=False)
        return highs, highs.run(until - now(), "a trial: relaxation")


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


def with_model_changes(
    error: InfeasibleError, problem: Problem, changed: tuple[str, ...], repair_effort: float
) -> InfeasibleError:
    """The error with the changed bounds and domains of a model first, if the problem itself has a plan."""
    requested = problem.scenario.solver
    with effort():
        trials = Trials(SolverOptions(requested.mip_gap, seed=requested.seed), now() + repair_effort)
        if not changed or not trials.has_plan(problem.scenario, problem.inputs):
            return error
    what = f"the model: without its changes ({', '.join(changed)}; fixed values count) there is a plan"
    return InfeasibleError([what, *error.conflicts], tables=error.tables)


def _scenario_changes(scenario: Scenario, inputs: Inputs, plants: pd.DataFrame, trials: Trials) -> Iterator[str]:
    yield from _sites(scenario, inputs, plants, trials)
    yield from _first_years(scenario, inputs, trials)
    yield from _dates(scenario, inputs, trials)
    yield from _ceilings(scenario, inputs, trials)
    yield from _commitments(scenario, inputs, trials)


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


def _commitments(scenario: Scenario, inputs: Inputs, trials: Trials) -> Iterator[str]:
    """Committed retrofits that rule out a plan: single ones, or all of them if none does alone.

    Without its row a committed retrofit may be left out, but the model has no other option of its stream.
    """
    committed = sorted(scenario.plants.committed.items())
    if not committed or not trials.has_plan(scenario.with_changes({"plants.committed": {}}), inputs):
        return
    alone = []
    for retrofit in committed[:_COMMITMENTS_TRIED] if len(committed) > 1 else ():
        rest = dict(each for each in committed if each != retrofit)
        if trials.has_plan(scenario.with_changes({"plants.committed": rest}), inputs):
            alone.append(retrofit)
    for retrofits in [[each] for each in alone] or [committed]:
        names = ", ".join(f"{route} of {year}" for route, year in retrofits)
        plural = "s" * (len(retrofits) > 1)
        yield f"plants.committed: without the committed retrofit{plural} {names} there is a plan"


def _nearest_basins(scenario: Scenario, inputs: Inputs, plants: pd.DataFrame) -> list[str]:
    """Basins with further sites, by their mean distance from the emissions that the targets concern."""
    sites, named = inputs["storage/sites"], scenario.storage.sites
    further = sites[~(sites["site"].isin(named) | sites["basin"].isin(named))]
    concerned = _plants_concerned(scenario, plants)
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


def _plants_concerned(scenario: Scenario, plants: pd.DataFrame) -> pd.DataFrame:
    """Plants that are eligible, but perhaps for a site, and concerned by targets or required."""
    targets = scenario.targets
    groups = {group for _, group, target in targets.abatement_targets() if target.is_set}
    groups |= {group for group, share in targets.share_of_avoided_min.items() if share > 0}
    fitting = plants[plants["reason"].isin(("", NO_SITE, NO_LINK, NO_WELLS, SITES_TOO_LATE))]
    if targets.captured_ktpa or "" in groups:
        return fitting
    requested = fitting["province"].isin(groups) | fitting["sector"].isin(groups)
    return fitting[requested | fitting["plant"].isin(scenario.plants.require)]


@dataclass(frozen=True)
class _Target:
    """An amount of one year: `name` is the key of a yearly target, `place` the dotted key of its group."""

    place: str
    name: str
    year: int
    amount: float

    @property
    def key(self) -> str:
        return f"{self.place}.{self.name}.{self.year}"

    def __str__(self) -> str:
        return f"{self.amount:.2%}" if self.name == "abatement_share" else f"{self.amount:,.0f} kt/y"


def _dates(scenario: Scenario, inputs: Inputs, trials: Trials) -> Iterator[str]:
    """The earliest later period in which the same is feasible: of one target, those of a year, or all of them."""
    if scenario.targets.shortfall_per_t is not None:
        return
    cuts = sorted(
        (
            _Target(place, name, year, amount)
            for place, _, target in scenario.targets.abatement_targets()
            for name in YEARLY_TARGETS
            for year, amount in getattr(target, name).items()
            if amount > 0
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
            changed = _postpone_targets(scenario, moving, later)
            if changed is None:
                break
            if trials.has_plan(changed, inputs):
                yield _postponement_text(scenario, moving, later)
                repaired |= set(moving)
                break


def _postpone_targets(scenario: Scenario, moving: tuple[_Target, ...], later: int) -> Scenario | None:
    """The scenario with these targets `later` periods later; None beyond the horizon.

    If that period has a target already, the larger of both holds.
    """
    starts = scenario.starts
    if max(starts.index(cut.year) for cut in moving) + later >= len(starts):
        return None
    targets = scenario.targets.model_dump()
    for cut in moving:
        del _amounts_by_year(targets, cut)[cut.year]
    for cut in moving:
        amounts, year = _amounts_by_year(targets, cut), starts[starts.index(cut.year) + later]
        amounts[year] = max(cut.amount, amounts.get(year, 0.0))
    return scenario.with_changes({"targets": targets})


def _amounts_by_year(targets: dict[str, Any], of: _Target) -> dict[int, float]:
    """The amounts by year of the dumped targets to which a target belongs."""
    _, *group = of.place.split(".", 2)
    amounts: dict[int, float] = (targets[group[0]][group[1]] if group else targets)[of.name]
    return amounts


def _postponement_text(scenario: Scenario, moving: tuple[_Target, ...], later: int) -> str:
    keys = " and ".join(cut.key for cut in moving)
    starts = scenario.starts
    periods = [starts[starts.index(cut.year) + later] for cut in moving]
    if len(moving) == 1:
        return f"{keys} is out of reach; the same {moving[0]} can be reached in the period from {periods[0]}"
    if len(set(periods)) == 1:
        return f"{keys} are out of reach together; the same can be reached in the period from {periods[0]}"
    when = "one period" if later == 1 else f"{later} periods"
    return f"{keys} are out of reach together; each can be reached {when} later"


def _ceilings(scenario: Scenario, inputs: Inputs, trials: Trials) -> Iterator[str]:
    """A cumulative budget that restores feasibility when dropped in favour of the next one."""
    ceilings = dict(sorted(scenario.budget.cumulative_mn.items()))
    for year, then in zip(list(ceilings), list(ceilings)[1:], strict=False):
        rest = {each: amount for each, amount in ceilings.items() if each != year}
        if trials.has_plan(scenario.with_changes({"budget.cumulative_mn": rest}), inputs):
            money = f"{ceilings[then]:,.1f} million {scenario.currency}"
            yield (
                f"budget.cumulative_mn: without the ceiling of {year} there is a plan; "
                f"the {money} of {then} suffice from {year} on"
            )


# Wells and capacity of sites. Relaxing the row of one site does not suffice: its wells would cost nothing, and pipes
# are bounded by the capacity of the sites. So the problem is solved with very large limits and the smallest excess over
# the present ones, then verified with exactly these limits.

_ROUNDING = 1e-6
# Longer than any horizon with the asset lives after it.
_YEARS = 100.0
# Fuel for capture at most doubles the emissions of a plant.
_FUEL = 2.0

# Limits of sites: a column of storage/sites, and a key of the scenario that replaces the estimates of the table.
_WELLS, _CAPACITY = "n_wells_max", "capacity_kt"

Limits = Mapping[str, Mapping[str, float]]


def limits_of_sites(problem: Problem, matrix: Matrix, trials: Trials) -> Iterator[str]:
    """Yield the smallest limits found that restore feasibility: wells, capacity, or both if neither suffices alone."""
    if problem.network is None:
        return
    # Mostly the sites are not the cause: with wells and capacity for everything, there is no plan either.
    if trials.is_out_of_reach(*_with_site_limits(problem, _ample_limits(problem, (_WELLS, _CAPACITY)))):
        return
    alone = False
    for columns in ((_WELLS,), (_CAPACITY,), (_WELLS, _CAPACITY)):
        if alone and len(columns) > 1:
            return
        needed = _needed_limits(problem, matrix, columns, trials)
        if needed and trials.has_plan(*_with_site_limits(problem, needed)):
            alone = True
            yield _limits_text(problem, needed)


def _needed_limits(problem: Problem, matrix: Matrix, columns: tuple[str, ...], trials: Trials) -> Limits | None:
    """The limits that restore feasibility, by column of storage/sites and site, where they are wider than now."""
    sites = problem.sites.set_index("site")
    scenario = problem.scenario
    built = trials.build(*_with_site_limits(problem, _ample_limits(problem, columns)))
    if built is None:
        return None
    widening, lifted = built
    counted: list[tuple[str, str, sparse.csr_array, float, float]] = []
    if _WELLS in columns:
        counted += [(_WELLS, *each) for each in _wells(problem, matrix, lifted)]
    if _CAPACITY in columns:
        counted += [(_CAPACITY, *each) for each in _site_capacities(problem, matrix, lifted)]
    if not counted:
        return None
    names, at, amounts, limits, weights = zip(*counted, strict=True)
    network = network_of(widening, lifted) if problem.is_integer else None
    beyond = ElasticSearch(lifted, trials.options, network).smallest_excess(
        sparse.csr_array(sparse.vstack(amounts, format="csr")),
        np.array(limits),
        np.array(weights),
        trials.trial_deadline(),
    )
    if beyond is None:
        return None
    # A row of room counts the share that may be filled; in a static year, what fits into one year.
    per_room = (scenario.storage_life_yr if problem.is_static else 1.0) / problem.max_fill_share
    found: dict[str, dict[str, float]] = {}
    for name, site, more in zip(names, at, beyond, strict=True):
        if more > _ROUNDING:
            had = float(sites.at[site, name])
            limit = math.floor(had) + more if name == _WELLS else had + more * per_room
            found.setdefault(name, {})[site] = float(math.ceil(limit - _ROUNDING))
    return found


def _ample_limits(problem: Problem, columns: tuple[str, ...]) -> Limits:
    """Limits of sites, by column and site, with which each site could store all emissions."""
    sites = problem.sites.set_index("site")
    most_ktpa = _FUEL * float(problem.plants["baseline_ktpa"].sum())
    years = problem.scenario.storage_life_yr if problem.is_static else _YEARS
    far_off = {
        _WELLS: np.ceil(most_ktpa / sites["well_injectivity_ktpa"]),
        _CAPACITY: 0 * sites["capacity_kt"] + most_ktpa * years / problem.max_fill_share,
    }
    return {name: (sites[name].astype(float) + far_off[name]).to_dict() for name in columns}


def _wells(problem: Problem, matrix: Matrix, lifted: Matrix) -> Iterator[tuple[str, sparse.csr_array, float, float]]:
    """Site, row that counts its wells, their number and the injectivity of a well, for each site of the network."""
    takes = problem.sites.set_index("site")["well_injectivity_ktpa"]
    most = {matrix.columns[j].index[0]: float(matrix.upper[j]) for j in matrix.columns_of(WELLS)}
    of_site: dict[str, list[int]] = {}
    for j in lifted.columns_of(WELLS):
        of_site.setdefault(lifted.columns[j].index[0], []).append(int(j))
    for site, columns in sorted(of_site.items()):
        counts = sparse.csr_array(
            (np.ones(len(columns)), (np.zeros(len(columns), dtype=int), columns)), shape=(1, len(lifted.lower))
        )
        yield site, counts, most[site], float(takes[site])


def _site_capacities(
    problem: Problem, matrix: Matrix, lifted: Matrix
) -> Iterator[tuple[str, sparse.csr_array, float, float]]:
    """Site, row of the CO2 stored, its capacity and the weight of a kt in kt/y, for each site of the network."""
    years = 1.0 if problem.is_static else float(problem.horizon_end - problem.first_year)
    constraint = SITE_CAPACITY
    room = {matrix.row_constraints[i][1]: float(matrix.row_upper[i]) for i in matrix.rows_of(constraint)}
    rows = sparse.csr_array(lifted.rows)
    for i in lifted.rows_of(constraint):
        site = lifted.row_constraints[i][1]
        yield site, rows[[i]], room[site], 1.0 / years


def _with_site_limits(problem: Problem, limits: Limits) -> tuple[Scenario, Inputs]:
    """The scenario and inputs with other limits of some sites."""
    scenario, inputs = problem.scenario, problem.inputs
    if _CAPACITY in limits:
        wider = {**scenario.storage.capacity_kt, **limits[_CAPACITY]}
        scenario = scenario.with_changes({"storage.capacity_kt": wider})
    if _WELLS in limits:
        sites = inputs["storage/sites"]
        wells = sites["site"].map(limits[_WELLS]).fillna(sites[_WELLS].astype(float))
        tables = {**inputs.tables, "storage/sites": sites.assign(**{_WELLS: wells})}
        inputs = replace(inputs, tables=MappingProxyType(tables))
    return scenario, inputs


def _limits_text(problem: Problem, needed: Limits) -> str:
    sites = problem.sites.set_index("site")
    lines = []
    for name, by_site in needed.items():
        unit = " kt" if name != _WELLS else ""
        each = "; ".join(
            f"{site}: {limit:,.0f}{unit} in place of {math.floor(sites.at[site, name]):,}{unit}"
            for site, limit in sorted(by_site.items())
        )
        if name == _WELLS:
            lines.append(f"{WELLS_NEED_SITE}: too few wells; these limits suffice: {each} (n_wells_max, storage.sites)")
        else:
            keys = "storage.capacity_kt, storage.capacity, storage.max_fill_share"
            lines.append(f"{SITE_CAPACITY}: the sites are too small; these limits suffice: {each} ({keys})")
    return "; and ".join(lines)
