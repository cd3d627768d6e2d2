"""Checks a point against the matrix without the solver: rows, bounds, whole columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ccs_model.solver.matrix import Matrix

Floats = npt.NDArray[np.float64]
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Residuals:
    """The largest violation of each kind; rows are measured against the size of their own terms."""

    row: float
    worst_row: str
    bound: float
    wholeness: float

    @property
    def hold(self) -> bool:
        """All within 1e-6."""
        return max(self.row, self.bound, self.wholeness) <= TOLERANCE


def residuals(matrix: Matrix, x: Floats) -> Residuals:
    """How far `x` is from keeping every row, bound and wholeness of the matrix."""
    if not np.isfinite(x).all():
        return Residuals(row=np.inf, worst_row="", bound=np.inf, wholeness=np.inf)
    activity = matrix.rows @ x
    size = np.maximum(abs(matrix.rows) @ np.abs(x), 1.0)
    over = np.maximum(np.maximum(activity - matrix.row_upper, matrix.row_lower - activity), 0.0) / size
    worst = int(np.argmax(over)) if len(over) else -1
    outside = np.maximum(np.maximum(x - matrix.upper, matrix.lower - x), 0.0) / np.maximum(np.abs(x), 1.0)
    whole = x[matrix.is_whole]
    name, index = matrix.row_claims[worst] if worst >= 0 else ("", None)
    return Residuals(
        row=float(over[worst]) if worst >= 0 else 0.0,
        worst_row=f"{name}[{index}]" if worst >= 0 else "",
        bound=float(outside.max(initial=0.0)),
        wholeness=float(np.abs(whole - np.round(whole)).max(initial=0.0)),
    )


def snapped(matrix: Matrix, x: Floats) -> Floats:
    """`x` with whole columns set to the whole number they are within tolerance of, and all within their bounds."""
    snap = np.where(matrix.is_whole & (np.abs(x - np.round(x)) <= TOLERANCE), np.round(x), x)
    return np.clip(snap, matrix.lower, matrix.upper)
