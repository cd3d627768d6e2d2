"""Statuses of a linear program by name, so that a model with more or fewer rows and columns starts from its basis.

A relaxation without some rows is solved first. The full one then starts from its basis: the new rows are basic and the
new columns at 0, and the dual simplex method needs a fraction of the iterations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import highspy

from ccs_model.mip.matrix import Matrix


@dataclass(frozen=True, eq=False)
class Basis:
    """Statuses of columns and rows by their names."""

    columns: Mapping[Any, Any]
    rows: Mapping[Any, Any]

    @classmethod
    def of(cls, matrix: Matrix, basis: highspy.HighsBasis) -> Basis | None:
        """Return the basis of a solved matrix; None without one, or with rows added that have no name."""
        if not basis.valid or len(basis.row_status) != len(matrix.row_constraints):
            return None
        return cls(
            dict(zip(matrix.columns, basis.col_status, strict=True)),
            dict(zip(matrix.row_constraints, basis.row_status, strict=True)),
        )

    def on(self, matrix: Matrix) -> highspy.HighsBasis:
        """Return the basis of another matrix: its further rows are basic, its further columns at their lower bound."""
        basis, status = highspy.HighsBasis(), highspy.HighsBasisStatus
        basis.col_status = [self.columns.get(each, status.kLower) for each in matrix.columns]
        basis.row_status = [self.rows.get(each, status.kBasic) for each in matrix.row_constraints]
        basis.valid = True
        return basis
