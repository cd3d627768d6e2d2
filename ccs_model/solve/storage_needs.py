"""Wells and storage capacity that a shared network would need: the site limits that restore feasibility.

Relaxing one constraint does not suffice here: its wells would cost nothing, and pipes are bounded by the capacity of
the sites. So the problem is solved with very large limits and the smallest excess over the present ones, then verified
with exactly these limits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from scipy import sparse

from ccs_model.errors import CcsModelError
from ccs_model.inputs import Inputs
from ccs_model.mip import Highs, Matrix, Outcome, SolverOptions
from ccs_model.mip.clock import now
from ccs_model.mip.infeasible_rows import least_beyond
from ccs_model.mip.matrix import residuals, rounded_to_integrality
from ccs_model.model import build_model
from ccs_model.model.names import SITE_CAPACITY, WELLS, WELLS_NEED_SITE
from ccs_model.model.standard_form import matrix_of
from ccs_model.problem import Problem, build_problem
from ccs_model.scenario import Scenario
from ccs_model.solve.fixed_charge_network import network_of

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

    def until(self) -> float:
        """Return the deadline of a trial that begins now."""
        begun = now()
        return begun + _TIME_SHARE * (self.deadline - begun)

    def has_plan(self, scenario: Scenario, inputs: Inputs) -> bool:
        """Return whether a verified solution is found."""
        built = self.build(scenario, inputs)
        until = self.until()
        if built is None or until <= now():
            return False
        _, matrix = built
        try:
            highs, outcome = self._relaxed(matrix, until)
            if outcome.status == "optimal" and matrix.is_integer.any():
                highs.set_integrality(True)
                outcome = highs.run(until - now(), "a trial")
        except CcsModelError:
            return False
        return outcome.x is not None and residuals(matrix, rounded_to_integrality(matrix, outcome.x)).hold

    def is_out_of_reach(self, scenario: Scenario, inputs: Inputs) -> bool:
        """Return whether the problem is valid and its linear relaxation is infeasible."""
        built = self.build(scenario, inputs)
        if built is None:
            return False
        try:
            return self._relaxed(built[1], self.until())[1].status == "infeasible"
        except CcsModelError:
            return False

    def _relaxed(self, matrix: Matrix, until: float) -> tuple[Highs, Outcome]:
        """The linear relaxation without an objective, and its outcome."""
        highs = Highs.relaxed(matrix, self.options)
        highs.set_objective(np.zeros(len(matrix.lower)), maximise=False)
        return highs, highs.run(until - now(), "a trial: relaxation")


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
    if trials.is_out_of_reach(*_with_limits(problem, _wide(problem, (_WELLS, _CAPACITY)))):
        return
    alone = False
    for columns in ((_WELLS,), (_CAPACITY,), (_WELLS, _CAPACITY)):
        if alone and len(columns) > 1:
            return
        needed = _needed(problem, matrix, columns, trials)
        if needed and trials.has_plan(*_with_limits(problem, needed)):
            alone = True
            yield _in_words(problem, needed)


def _needed(problem: Problem, matrix: Matrix, columns: tuple[str, ...], trials: Trials) -> Limits | None:
    """The limits that restore feasibility, by column of storage/sites and site, where they are wider than now."""
    sites = problem.sites.set_index("site")
    scenario = problem.scenario
    built = trials.build(*_with_limits(problem, _wide(problem, columns)))
    if built is None:
        return None
    widening, lifted = built
    counted: list[tuple[str, str, sparse.csr_array, float, float]] = []
    if _WELLS in columns:
        counted += [(_WELLS, *each) for each in _wells(problem, matrix, lifted)]
    if _CAPACITY in columns:
        counted += [(_CAPACITY, *each) for each in _rooms(problem, matrix, lifted)]
    if not counted:
        return None
    names, at, amounts, limits, weights = zip(*counted, strict=True)
    beyond = least_beyond(
        lifted,
        sparse.csr_array(sparse.vstack(amounts, format="csr")),
        np.array(limits),
        np.array(weights),
        trials.options,
        trials.until(),
        network_of(widening, lifted) if problem.is_integer else None,
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


def _wide(problem: Problem, columns: tuple[str, ...]) -> Limits:
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


def _rooms(problem: Problem, matrix: Matrix, lifted: Matrix) -> Iterator[tuple[str, sparse.csr_array, float, float]]:
    """Site, row of the CO2 stored, its capacity and the weight of a kt in kt/y, for each site of the network."""
    years = 1.0 if problem.is_static else float(problem.horizon_end - problem.first_year)
    constraint = SITE_CAPACITY
    room = {matrix.row_constraints[i][1]: float(matrix.row_upper[i]) for i in matrix.rows_of(constraint)}
    rows = sparse.csr_array(lifted.rows)
    for i in lifted.rows_of(constraint):
        site = lifted.row_constraints[i][1]
        yield site, rows[[i]], room[site], 1.0 / years


def _with_limits(problem: Problem, limits: Limits) -> tuple[Scenario, Inputs]:
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


def _in_words(problem: Problem, needed: Limits) -> str:
    sites = problem.sites.set_index("site")
    lines = []
    for name, by_site in needed.items():
        unit = " kt" if name != _WELLS else ""
        each = "; ".join(
            f"{site}: {limit:,.0f}{unit} in place of {math.floor(sites.at[site, name]):,}{unit}"
            for site, limit in sorted(by_site.items())
        )
        if name == _WELLS:
            lines.append(f"{WELLS_NEED_SITE}: too few wells; these would do: {each} (n_wells_max, storage.sites)")
        else:
            keys = "storage.capacity_kt, storage.capacity, storage.max_fill_share"
            lines.append(f"{SITE_CAPACITY}: the sites are too small; these would do: {each} ({keys})")
    return "; and ".join(lines)
