"""A solver's vector ↔ what was decided, as arrays over routes and years."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from ccs_model.problem import Problem
from ccs_model.solver import Matrix
from ccs_model.solver.residuals import residuals

Floats = npt.NDArray[np.float64]

# A build below this is a trace that the solver's tolerance left, and nothing that was decided.
BUILT = 1e-6
_THROTTLED_SHARE = 1e-7


@dataclass(frozen=True, eq=False)
class Point:
    """What was decided: `build` [route, start], `throttled_ktpa` [route, year] and `shortfall_kt` by target."""

    problem: Problem
    build: Floats
    throttled_ktpa: Floats
    shortfall_kt: Mapping[str, float] = field(default_factory=dict)

    @property
    def captured_ktpa(self) -> Floats:
        """[route, year] delivered tonnes, the period's yearly mean."""
        problem = self.problem
        full = problem.routes["nameplate_ktpa"].to_numpy(float)[:, None] * problem.delivered_share
        return full * self.running - self.throttled_ktpa

    @property
    def running(self) -> Floats:
        """[route, year] share of the period in which something runs, times what is built of it."""
        return np.einsum("rsy,rs->ry", self.problem.running_share, self.build)


def point_of(problem: Problem, matrix: Matrix, x: Floats) -> Point:
    """The decisions in `x` as [route, start] and [route, year] arrays."""
    build, throttled = (np.zeros((len(problem.routes), len(problem.years))) for _ in range(2))
    for name, array in (("build", build), ("throttled_ktpa", throttled)):
        columns, routes, years = _places(problem, matrix, name)
        array[routes, years] = x[columns]
    short = {
        column.index: float(x[j])
        for j, column in enumerate(matrix.columns)
        if column.variable == "shortfall_kt" and x[j] > 0
    }
    return Point(problem, build, throttled, MappingProxyType(short))


def without_traces(problem: Problem, matrix: Matrix, x: Floats) -> Floats:
    """`x` without builds below BUILT and without throttling of next to nothing, if it still holds then."""
    point = point_of(problem, matrix, x)
    build = np.where(point.build > BUILT, point.build, 0.0)
    routes = problem.routes
    full = routes["nameplate_ktpa"].to_numpy(float)[:, None] * problem.delivered_share
    room = full * (1.0 - routes["min_load_share"].to_numpy(float)[:, None])
    most = room * np.einsum("rsy,rs->ry", problem.running_share, build)
    throttled = np.where(point.throttled_ktpa > _THROTTLED_SHARE * full, np.minimum(point.throttled_ktpa, most), 0.0)
    cleaned = x.copy()
    for name, array in (("build", build), ("throttled_ktpa", throttled)):
        columns, at, years = _places(problem, matrix, name)
        cleaned[columns] = array[at, years]
    return cleaned if residuals(matrix, cleaned).hold else x


def _places(
    problem: Problem, matrix: Matrix, variable: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Columns of one variable of the model with the route and year each stands for."""
    route_at = {route: r for r, route in enumerate(problem.routes["route"])}
    year_at = {year: y for y, year in enumerate(problem.years)}
    found = [
        (j, route_at[column.index[0]], year_at[column.index[1]])
        for j, column in enumerate(matrix.columns)
        if column.variable == variable
    ]
    places = np.array(found, dtype=np.int64).reshape(-1, 3)
    return places[:, 0], places[:, 1], places[:, 2]
