"""Conversion between a solver's vector and decisions as arrays along `problem.axes` and years."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Ints
from ccs_model.mip import Matrix
from ccs_model.mip.matrix import residuals
from ccs_model.model.names import BUILD, CAPTURED, CURTAILED, OBLIGATION, SHORTFALL
from ccs_model.problem import Problem

# Smaller builds are within solver tolerance and count as zero.
BUILT = 1e-6
POINT_COLUMNS = ["variable", "index", "value"]
_CURTAILED_SHARE = 1e-7


@dataclass(frozen=True, eq=False)
class Point:
    """Decisions of a plan: arrays [id, year] by variable, and `shortfall_kt` by target.

    `obligation_kt` has the flows after the horizon, by variable and id.
    """

    problem: Problem
    decided: Mapping[str, Floats]
    shortfall_kt: Mapping[str, float] = field(default_factory=dict)
    obligation_kt: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def build(self) -> Floats:
        """Build decisions [route, start]."""
        return self.decided[BUILD]

    @property
    def curtailed_ktpa(self) -> Floats:
        """[route, year]; a unit's curtailment is allocated to its options in proportion to their full load."""
        problem = self.problem
        by_unit = self.decided[CURTAILED]
        full = problem.delivered_ktpa[:, None] * self.running
        total = np.zeros(by_unit.shape)
        np.add.at(total, problem.unit_of, full)
        share = np.divide(by_unit, total, out=np.zeros_like(by_unit), where=total > 0)
        return full * share[problem.unit_of]

    @cached_property
    def values(self) -> Mapping[str, Floats]:
        """All decisions, and captured_ktpa."""
        return MappingProxyType({**self.decided, CAPTURED: self.captured_ktpa})

    @property
    def captured_ktpa(self) -> Floats:
        """[route, year] delivered tonnes, yearly mean of the period."""
        return self.problem.delivered_ktpa[:, None] * self.running - self.curtailed_ktpa

    @property
    def peak_captured_ktpa(self) -> Floats:
        """[route, year] delivered tonnes a year with all options of the period in service.

        With delivered shares by class, the nameplate at the largest share.
        """
        return self.captured_ktpa + np.einsum("rsy,rs->ry", self.problem.above_mean_ktpa, self.build)

    @property
    def on_site_abatement_ktpa(self) -> Floats:
        """[route, year] captured less CO₂ of fuel, plus reduced tonnes."""
        problem = self.problem
        return self.captured_ktpa * (1.0 - problem.fuel_co2_t_per_t) + problem.reduced_ktpa[:, None] * self.running

    @property
    def running(self) -> Floats:
        """[route, year] share of the period's years in which the option works × build."""
        return np.einsum("rsy,rs->ry", self.problem.running_share, self.build)


def point_of(problem: Problem, matrix: Matrix, x: Floats) -> Point:
    """Return the decisions in a solver's vector."""
    decided = {}
    for name, ids in problem.axes.items():
        array = np.zeros((len(ids), len(problem.years)))
        columns, first, years = places_of(problem, matrix, name)
        array[first, years] = x[columns]
        decided[name] = array
    short: dict[str, float] = {}
    obligation: dict[str, dict[str, float]] = {}
    for j, column in enumerate(matrix.columns):
        if column.variable == SHORTFALL and x[j] > 0:
            short[column.index] = float(x[j])
        elif column.variable in OBLIGATION and x[j] > BUILT:
            obligation.setdefault(column.variable, {})[column.index] = float(x[j])
    return Point(problem, MappingProxyType(decided), MappingProxyType(short), MappingProxyType(obligation))


def point_table(matrix: Matrix, x: Floats) -> pd.DataFrame:
    """Return POINT_COLUMNS of every non-zero column: variable, index as JSON, and the exact value."""
    at = np.flatnonzero(x)
    columns = [matrix.columns[j] for j in at]
    index = [json.dumps(each.index, ensure_ascii=False, default=int) for each in columns]
    return pd.DataFrame(
        {"variable": [each.variable for each in columns], "index": index, "value": x[at]}, columns=POINT_COLUMNS
    )


def vector_of(matrix: Matrix, table: pd.DataFrame) -> tuple[Floats, list[str]]:
    """Return the solver's vector of a `point_table`, and the rows that match no column of this matrix, as text."""
    place = {
        (column.variable, json.dumps(column.index, ensure_ascii=False, default=int)): j
        for j, column in enumerate(matrix.columns)
    }
    x = np.zeros(len(matrix.columns))
    strange = []
    for variable, index, value in table[POINT_COLUMNS].itertuples(index=False):
        at = place.get((variable, index))
        if at is None:
            strange.append(f"{variable}{index}")
        else:
            x[at] = value
    return x, strange


def without_traces(problem: Problem, matrix: Matrix, x: Floats) -> Floats:
    """Return `x` without builds below BUILT and without negligible curtailment, if it remains feasible."""
    point = point_of(problem, matrix, x)
    build = np.where(point.build > BUILT, point.build, 0.0)
    routes = problem.routes
    full = problem.delivered_ktpa[:, None]
    room = full * (1.0 - routes["min_load_share"].to_numpy(float)[:, None])
    running = np.einsum("rsy,rs->ry", problem.running_share, build)
    by_unit = point.decided[CURTAILED]
    most, whole = np.zeros(by_unit.shape), np.zeros(by_unit.shape)
    np.add.at(most, problem.unit_of, room * running)
    np.maximum.at(whole, problem.unit_of, np.broadcast_to(full, running.shape))
    curtailed = np.where(by_unit > _CURTAILED_SHARE * whole, np.minimum(by_unit, most), 0.0)
    cleaned = x.copy()
    for name, array in ((BUILD, build), (CURTAILED, curtailed)):
        columns, at, years = places_of(problem, matrix, name)
        cleaned[columns] = array[at, years]
    return cleaned if residuals(matrix, cleaned).hold else x


def places_of(problem: Problem, matrix: Matrix, variable: str) -> tuple[Ints, Ints, Ints]:
    """Return the columns of a variable, with the positions of their ids and years."""
    ids = problem.axes[variable]
    year_at = {year: y for y, year in enumerate(problem.years)}
    columns = matrix.columns_of(variable)
    named = [matrix.columns[j].index for j in columns]
    first = ids.get_indexer([index[0] for index in named]) if named else np.zeros(0)
    return columns, np.asarray(first, dtype=np.int64), np.array([year_at[i[1]] for i in named], dtype=np.int64)


def sum_by_name(names: Iterable[str], of: pd.Series, amount: Floats) -> Floats:
    """Return [name, …] the sum of the rows of `amount` whose name in `of` it is; rows of other names are left out."""
    index = pd.Index(names)
    total = np.zeros((len(index), *amount.shape[1:]))
    at = index.get_indexer(of)
    np.add.at(total, at[at >= 0], amount[at >= 0])
    return total
