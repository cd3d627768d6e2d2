"""Grants, loans and bonds of a fixed plan in a future: as planned, but within their shares of its capital."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccs_model._typing import Floats, Ints
from ccs_model.mip import Matrix
from ccs_model.model.names import FUND_SHARE, FUNDS_PAY, SPEND


@dataclass(frozen=True, eq=False)
class FundDraws:
    """Rows of a model that limit its draws, with the columns of the draws.

    `shares` has the rows and columns of draws that are limited to a share of capital: first of grants, then of loans
    and bonds, whose share is of capital less grants. `groups` has the row of each group and year, with all its draws.
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

    def capped(self, matrix: Matrix, point: Floats) -> Floats:
        """The point with each draw at most at its share, and all draws of a group and year at most at its capital."""
        point = point.copy()
        for rows, columns in self.shares:
            if len(rows):
                point[columns] = np.maximum(point[columns] - np.maximum(_over(matrix, point)[rows], 0.0), 0.0)
        over = _over(matrix, point) if self.groups else ()
        for row, columns in self.groups:
            drawn = point[columns].sum()
            if over[row] > 0.0 and drawn > 0.0:
                point[columns] *= max(1.0 - over[row] / drawn, 0.0)
        return point


def _pairs(found: Sequence[tuple[int, int]]) -> tuple[Ints, Ints]:
    both = np.array(found, dtype=int).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _over(matrix: Matrix, point: Floats) -> Any:
    """[row] by how much the point exceeds the upper limit."""
    return matrix.rows @ point - matrix.row_upper
