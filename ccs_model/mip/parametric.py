"""Parametric LP: the optimal value as a function of one row's limit, with exact breakpoints.

The value is piecewise linear in the limit, concave if maximised and convex if minimised; the row's dual is its slope.
Where the supporting lines at two limits intersect, the value either lies on both, which makes it a breakpoint, or on a
third line, and both halves are searched in turn. Each solve finds a breakpoint or a line, so that two solves a
breakpoint are enough, each from the basis of the one before.

References
----------
Eisner, M. J., Severance, D. G. (1976). Mathematical techniques for efficient record segmentation in large shared
databases. Journal of the ACM 23, 619–635.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ccs_model._typing import Floats
from ccs_model.errors import NoPlanError
from ccs_model.mip.clock import now
from ccs_model.mip.highs import Highs, Outcome, SolverOptions
from ccs_model.mip.matrix import Matrix

# Breakpoints need exact vertices: the tightest tolerances that HiGHS allows.
_TOLERANCE = 1e-10
_SAME = 1e-10
_PARALLEL = 1e-11
_NO_LIMIT = 1e6


@dataclass(frozen=True, eq=False)
class Support:
    """The optimum at one limit: value, slope (one of two at a breakpoint) and point."""

    limit: float
    value: float
    slope: float
    x: Floats

    @classmethod
    def of(cls, limit: float, outcome: Outcome, row: int) -> Support | None:
        """Return the line of a relaxation at a limit of a row; None without an optimum."""
        if outcome.status != "optimal" or outcome.x is None or outcome.row_dual is None:
            return None
        return cls(limit, outcome.objective, float(outcome.row_dual[row]), outcome.x)

    def value_at(self, limit: float) -> float:
        """Return the value of the supporting line at another limit."""
        return self.value + self.slope * (limit - self.limit)


@dataclass(frozen=True, eq=False)
class Breakpoint:
    """A limit at which the slope changes, with the slopes on both sides; NaN outside the range."""

    limit: float
    value: float
    slope_below: float
    slope_above: float
    x: Floats


class MovingLimit:
    """An LP kept in HiGHS while the upper limit of one row moves: dual simplex from the last basis, without presolve.

    `is_exact` sets the tolerances that breakpoints need.
    """

    def __init__(self, matrix: Matrix, row: int, options: SolverOptions, *, is_exact: bool = True) -> None:
        self.matrix, self.row, self.n_solves = matrix, row, 0
        self._highs = Highs.lp_relaxation(matrix, options)
        for name in ("primal_feasibility_tolerance", "dual_feasibility_tolerance") if is_exact else ():
            self._highs.set_option(name, _TOLERANCE)
        self._lower = float(matrix.row_lower[row])
        self._is_warm = False

    def solve_at(self, limit: float) -> Support | None:
        """Return the optimum at a limit, which may be infinite; None if the LP is infeasible there."""
        self._highs.set_row(self.row, self._lower, limit)
        outcome = self._highs.run(_NO_LIMIT, "another limit")
        self.n_solves += 1
        if not self._is_warm:
            # Presolve helps the first solve; the others start from a basis.
            self._highs.set_option("presolve", "off")
            self._is_warm = True
        if outcome.status == "infeasible":
            return None
        found = Support.of(limit, outcome, self.row)
        if found is None:
            raise NoPlanError(f"the LP at a limit of {limit:g} ended with status {outcome.status}")
        return replace(found, value=float(self.matrix.costs[0] @ found.x))

    def lowest_limit(self) -> float:
        """Return the lowest feasible limit. Raises NoPlanError if there is none."""
        coefficients = _row_of(self.matrix, self.row)
        self._highs.set_objective(coefficients, maximise=False)
        self._highs.set_row(self.row, self._lower, math.inf)
        outcome = self._highs.run(_NO_LIMIT, "the lowest limit")
        self._highs.set_objective(self.matrix.costs[0], maximise=self.matrix.maximise[0])
        if outcome.status != "optimal" or outcome.x is None:
            raise NoPlanError(f"no limit is feasible: the LP without a limit ended with status {outcome.status}")
        return float(coefficients @ outcome.x)

    def row_activity(self, x: Floats) -> float:
        """Return the activity of the row at a point."""
        return float(_row_of(self.matrix, self.row) @ x)


def breakpoints(
    moving: MovingLimit, low: float, high: float, *, deadline: float = math.inf
) -> tuple[tuple[Breakpoint, ...], bool]:
    """Return every breakpoint from `low` to `high`, both ends included, and whether all were found by `deadline`.

    Raises NoPlanError if the LP is infeasible at an end.
    """
    sign = moving.matrix.sign
    ends = moving.solve_at(low), moving.solve_at(high)
    if ends[0] is None or ends[1] is None:
        raise NoPlanError(f"the LP is infeasible at a limit of {low if ends[0] is None else high:g}")
    first, last = ends[0], ends[1]
    found: list[Breakpoint] = []
    lines: list[tuple[Support, Support]] = [(first, last)]
    complete = True
    while lines:
        left, right = lines.pop()
        scale = max(abs(left.value), abs(right.value), 1.0)
        on_one_line = abs(left.value_at(right.limit) - right.value) <= _SAME * scale
        on_other = abs(right.value_at(left.limit) - left.value) <= _SAME * scale
        if abs(left.slope - right.slope) <= _PARALLEL * max(abs(left.slope), 1e-12):
            continue
        if on_one_line or on_other:
            # No breakpoint between them; an end that has the slope of its other side is one itself.
            end = right if on_one_line else left
            if first.limit < end.limit < last.limit:
                found.append(Breakpoint(end.limit, end.value, left.slope, right.slope, end.x))
            continue
        if now() > deadline:
            complete = False
            break
        between = (right.value - left.value + left.slope * left.limit - right.slope * right.limit) / (
            left.slope - right.slope
        )
        if not left.limit < between < right.limit:
            continue
        met = moving.solve_at(between)
        if met is None:
            raise NoPlanError(f"the LP is infeasible at a limit of {between:g}")
        removed = sign * (left.value_at(between) - met.value)
        if removed <= _SAME * scale:
            found.append(Breakpoint(between, met.value, left.slope, right.slope, met.x))
            continue
        # The right half waits, so that limits are solved from low to high.
        lines += [(met, right), (left, met)]
    inner: list[Breakpoint] = []
    for each in sorted(found, key=lambda one: one.limit):
        if inner and each.limit - inner[-1].limit <= _SAME * max(abs(each.limit), 1.0):
            # Two breakpoints within the solver's tolerance are one.
            inner[-1] = replace(inner[-1], slope_above=each.slope_above)
        else:
            inner.append(each)
    straight = (last.value - first.value) / (last.limit - first.limit) if last.limit > first.limit else math.nan
    return (
        Breakpoint(first.limit, first.value, math.nan, inner[0].slope_below if inner else straight, first.x),
        *inner,
        Breakpoint(last.limit, last.value, inner[-1].slope_above if inner else straight, math.nan, last.x),
    ), complete


def _row_of(matrix: Matrix, row: int) -> Floats:
    coefficients: Floats = matrix.rows[[row], :].toarray().ravel()
    return coefficients
