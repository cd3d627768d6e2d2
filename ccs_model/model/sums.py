"""Sums over what routes capture, written on the variables themselves so that every variable stands once in a row."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyomo.environ as pyo
from pyomo.core.expr.numeric_expr import LinearExpression

from ccs_model.problem import Problem

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class RouteSum:
    """Σ on_build × build + Σ on_captured × captured_ktpa, for arrays [route, start] and [route, year]."""

    def __init__(self, m: pyo.ConcreteModel, problem: Problem) -> None:
        index = {route: r for r, route in enumerate(problem.routes["route"])}
        years = {year: y for y, year in enumerate(problem.years)}
        self._build = _Columns(m.build.items(), index, years)
        self._throttled = _Columns(m.throttled_ktpa.items(), index, years)
        full_ktpa = problem.routes["nameplate_ktpa"].to_numpy(float) * problem.delivered_share
        self._full_ktpa = full_ktpa[:, None, None] * problem.running_share

    def __call__(
        self, on_build: Floats | None = None, on_captured: Floats | None = None, routes: Mask | None = None
    ) -> LinearExpression:
        """`routes` (bool) keeps only some routes' columns."""
        per_build = np.zeros(self._full_ktpa.shape[:2]) if on_build is None else on_build
        if on_captured is not None:
            per_build = per_build + np.einsum("rsy,ry->rs", self._full_ktpa, on_captured)
        coefficients, variables = self._build.take(per_build, routes)
        if on_captured is not None:
            throttled = self._throttled.take(-on_captured, routes)
            coefficients, variables = coefficients + throttled[0], variables + throttled[1]
        return LinearExpression(constant=0.0, linear_coefs=coefficients, linear_vars=variables)


class _Columns:
    """The variables of one indexed Var with their places in [route, year] arrays."""

    def __init__(
        self, items: Iterable[tuple[tuple[str, int], object]], index: dict[str, int], years: dict[int, int]
    ) -> None:
        pairs = [((index[route], years[year]), variable) for (route, year), variable in items]
        self.at = np.array([place for place, _ in pairs], dtype=int).reshape(-1, 2)
        self.variables = np.array([variable for _, variable in pairs], dtype=object)

    def take(self, coefficients: Floats, routes: Mask | None) -> tuple[list[float], list[object]]:
        values = coefficients[self.at[:, 0], self.at[:, 1]]
        keep = values != 0
        if routes is not None:
            keep &= routes[self.at[:, 0]]
        return values[keep].tolist(), self.variables[keep].tolist()
