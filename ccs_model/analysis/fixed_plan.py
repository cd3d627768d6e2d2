"""A fixed plan in a future: same builds, flows in proportion to delivery, and money as the rules of the future allow.

Flows are multiplied by the delivered share relative to the planned one. Shortfalls of targets, tonnes that are credited
or paid for by oil fields, capped policy payments, and draws of funds are recomputed from the future's own constraints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccs_model._typing import Floats, Ints
from ccs_model.mip import Matrix
from ccs_model.model.names import (
    CREDITED,
    FUND_SHARE,
    FUNDS_PAY,
    PAID,
    PAID_CAP,
    PAID_FOR_OIL,
    SHORTFALL,
    SPEND,
    TARGETS,
)

# A row counts as violated beyond this share of its limit or of its largest term.
_VIOLATED_SHARE = 1e-6


@dataclass(frozen=True, eq=False)
class FixedPlan:
    """The plan `x` of a planned model, from which its point in each future follows."""

    x: Floats
    shortfalls: Ints
    sales: LimitedSales
    draws: FundDraws

    @classmethod
    def of(cls, planned: Matrix, x: Floats, worth: Floats) -> FixedPlan:
        """From the planned model and the owners' value of one unit of each column."""
        sales = LimitedSales.of(planned, x, worth)
        return cls(x, planned.columns_of(SHORTFALL), sales, FundDraws.of(planned))

    def point(self, matrix: Matrix, scale: Floats) -> Floats:
        """The plan's point in a future; `scale` [column] is 1 for what is built."""
        point = self.sales.sell(matrix, fixed_point(matrix, scale, self.shortfalls, self.x))
        return self.draws.cap_draws(matrix, point)

    def missed_targets(self, matrix: Matrix, point: Floats, violated: Mapping[str, float]) -> Mapping[str, float]:
        """Largest shortfall of each kind of target that the plan misses in a future, priced or not.

        `violated` are the constraints that the point violates.
        """
        if len(self.shortfalls):
            alone = point.copy()
            alone[self.shortfalls] = 0.0
            violated = violated_constraints(matrix, alone)
        return {name: violated[name] for name in TARGETS if name in violated}


def fixed_point(matrix: Matrix, scale: Floats, shortfalls: Ints, x: Floats) -> Floats:
    """The point of a fixed plan in a future: same builds, flows in proportion to delivery, shortfalls recomputed.

    `scale` [column] is 1 for what is built; `shortfalls` are the columns of target shortfalls.
    """
    point = x * scale
    if len(shortfalls):
        point[shortfalls] = 0.0
        missing = np.maximum(matrix.row_lower - matrix.rows @ point, 0.0)
        for column in shortfalls:
            entries = slice(matrix.rows.indptr[column], matrix.rows.indptr[column + 1])
            point[column] = float(missing[matrix.rows.indices[entries]].max(initial=0.0))
    return point


def violated_constraints(matrix: Matrix, x: Floats) -> Mapping[str, float]:
    """Largest violation of each violated constraint, in the unit of its rows."""
    activity = matrix.rows @ x
    over = np.maximum(activity - matrix.row_upper, matrix.row_lower - activity)
    found: dict[str, float] = {}
    candidates = np.flatnonzero(over > 0.0)
    if not len(candidates):
        return found
    # Rounding errors of a row's terms are not violations.
    largest = np.abs(matrix.rows) @ np.abs(x)
    for row in candidates:
        limits = np.abs([matrix.row_upper[row], matrix.row_lower[row]])
        limit = float(limits[np.isfinite(limits)].max(initial=0.0))
        if over[row] > _VIOLATED_SHARE * max(limit, largest[row], 1.0):
            name = matrix.row_constraints[row][0]
            found[name] = max(found.get(name, 0.0), float(over[row]))
    return found


@dataclass(frozen=True, eq=False)
class FundDraws:
    """Grants, loans and bonds of a fixed plan in a future: as planned, but within their shares of its capital.

    `shares` has the rows and columns of the model for draws that are limited to a share of capital: first of grants,
    then of loans and bonds, whose share is of capital less grants. `groups` has the row of each group and year, with
    all its draws.
    """

    shares: tuple[tuple[Ints, Ints], ...]
    groups: tuple[tuple[int, Ints], ...]

    @classmethod
    def of(cls, matrix: Matrix) -> FundDraws:
        """From a model; without funds nothing is limited."""
        columns = {each.index: k for k, each in enumerate(matrix.columns) if each.variable == SPEND}
        rows = matrix.rows.tocsr()
        limited: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
        groups = []
        for row, (constraint, index) in enumerate(matrix.row_constraints if columns else ()):
            if constraint not in (FUND_SHARE, FUNDS_PAY):
                continue
            draws = np.intersect1d(rows.indices[rows.indptr[row] : rows.indptr[row + 1]], list(columns.values()))
            if constraint == FUNDS_PAY:
                groups.append((row, draws))
            else:
                limited[len(draws) > 1].append((row, columns[index]))
        return cls(tuple(map(_pairs, limited)), tuple(groups))

    def cap_draws(self, matrix: Matrix, point: Floats) -> Floats:
        """The point with each draw at most at its share, and all draws of a group and year at most at its capital."""
        point = point.copy()
        for rows, columns in self.shares:
            if len(rows):
                point[columns] = np.maximum(
                    point[columns] - np.maximum(_excess_over_limits(matrix, point)[rows], 0.0), 0.0
                )
        over = _excess_over_limits(matrix, point) if self.groups else ()
        for row, columns in self.groups:
            drawn = point[columns].sum()
            if over[row] > 0.0 and drawn > 0.0:
                point[columns] *= max(1.0 - over[row] / drawn, 0.0)
        return point


def _pairs(found: Sequence[tuple[int, int]]) -> tuple[Ints, Ints]:
    both = np.array(found, dtype=int).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _excess_over_limits(matrix: Matrix, point: Floats) -> Any:
    """[row] by how much the point exceeds the upper limit."""
    return matrix.rows @ point - matrix.row_upper


# Below this limit, in kt or million, nothing is sold, and the share is unknown.
_LEAST_LIMIT = 1e-9


@dataclass(frozen=True, eq=False)
class LimitedSales:
    """Tonnes and payments of a fixed plan that have limits: the planned share of the limit in each future.

    `columns` are the credited tonnes of a surplus band, tonnes that oil fields pay for, and capped policy payments;
    `shares` [column] are the plan's amounts relative to their own limits. `paid` are the capped payments, the most
    valuable first, and `cap_rows` the row of their common cap. If the planned payments reach the cap, payments that
    one year does not earn are paid in another.
    """

    columns: Ints
    shares: Floats
    paid: Ints
    cap_rows: Ints
    is_cap_reached: bool

    @classmethod
    def of(cls, planned: Matrix, x: Floats, worth: Floats) -> LimitedSales:
        """From a plan and the owners' value of one unit of each column."""
        columns, paid, cap_rows = (
            planned.columns_of(CREDITED, PAID_FOR_OIL, PAID), planned.columns_of(PAID), planned.rows_of(PAID_CAP)
        )  # fmt: skip
        limits = _own_limits(planned, x, columns, cap_rows)
        is_known = limits > _LEAST_LIMIT
        shares = np.divide(x[columns], limits, out=np.ones(len(columns)), where=is_known)
        is_cap_reached = bool(
            len(cap_rows) and x[paid].sum() >= planned.row_upper[cap_rows[0]] * (1.0 - _VIOLATED_SHARE)
        )
        return cls(
            columns, np.clip(shares, 0.0, 1.0), paid[np.argsort(-worth[paid], kind="stable")], cap_rows, is_cap_reached
        )

    def sell(self, matrix: Matrix, point: Floats) -> Floats:
        """The point with these amounts at their shares of the future's limits, and payments within their cap."""
        if not len(self.columns):
            return point
        point = point.copy()
        limits = np.zeros(len(point))
        limits[self.columns] = _own_limits(matrix, point, self.columns, self.cap_rows)
        point[self.columns] = self.shares * limits[self.columns]
        if not len(self.cap_rows):
            return point
        left = float(matrix.row_upper[self.cap_rows[0]] - point[self.paid].sum())
        if left < 0.0:
            for column in self.paid[::-1]:
                taken = min(-left, float(point[column]))
                point[column] -= taken
                left += taken
        elif self.is_cap_reached:
            for column in self.paid:
                added = min(left, float(limits[column] - point[column]))
                point[column] += added
                left -= added
        return point


def _own_limits(matrix: Matrix, point: Floats, columns: Ints, common_rows: Ints) -> Floats:
    """[column] the largest amount of each column that its bound and its rows allow, without the rows in common."""
    others = point.copy()
    others[columns] = 0.0
    room = matrix.row_upper - matrix.rows @ others
    entries = matrix.rows[:, columns].tocoo()
    is_limit = (entries.data > 0.0) & np.isfinite(room[entries.row]) & ~np.isin(entries.row, common_rows)
    limits = matrix.upper[columns].astype(float)
    np.minimum.at(limits, entries.col[is_limit], room[entries.row[is_limit]] / entries.data[is_limit])
    return np.maximum(limits, 0.0)
