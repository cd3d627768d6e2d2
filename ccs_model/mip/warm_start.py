"""Warm starts of linear programs: from the basis of a smaller or larger one, or of the one solved before.

`NamedBasis` holds statuses by name: a relaxation without some rows is solved first, and the full program starts from
its basis. The new rows are basic and the new columns at 0, so that the dual simplex method needs a fraction of the
iterations. `WarmStartedLp` solves one program with other coefficients, each time from a given basis; the result does
not depend on the solves before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
import numpy.typing as npt

from ccs_model._typing import Floats
from ccs_model.errors import NoPlanError
from ccs_model.mip.highs_instances import lp_of, new_highs
from ccs_model.mip.matrix import Matrix, Scaling, validate_finite


@dataclass(frozen=True, eq=False)
class NamedBasis:
    """Statuses of columns and rows by their names."""

    columns: Mapping[Any, Any]
    rows: Mapping[Any, Any]

    @classmethod
    def of(cls, matrix: Matrix, basis: highspy.HighsBasis) -> NamedBasis | None:
        """Return the basis of a solved matrix; None without one, or with rows added that have no name."""
        if not basis.valid or len(basis.row_status) != len(matrix.row_constraints):
            return None
        return cls(
            dict(zip(matrix.columns, basis.col_status, strict=True)),
            dict(zip(matrix.row_constraints, basis.row_status, strict=True)),
        )

    def to_highs(self, matrix: Matrix) -> highspy.HighsBasis:
        """Return the basis of another matrix: its further rows are basic, its further columns at their lower bound."""
        basis, status = highspy.HighsBasis(), highspy.HighsBasisStatus
        basis.col_status = [self.columns.get(each, status.kLower) for each in matrix.columns]
        basis.row_status = [self.rows.get(each, status.kBasic) for each in matrix.row_constraints]
        basis.valid = True
        return basis


States = npt.NDArray[np.int8]

_STATUS, _ERROR = highspy.HighsModelStatus, highspy.HighsStatus.kError
_TOLERANCE = 1e-9
_DUAL, _PRIMAL = 1, 4
_STATES = [highspy.HighsBasisStatus(k) for k in range(5)]
AT_LOWER, BASIC = 0, 1


@dataclass(frozen=True, eq=False)
class LpSolution:
    """Value, point and row duals of an LP; meaningless unless `is_optimal`."""

    is_optimal: bool
    value: float
    x: Floats
    row_dual: Floats


# HiGHS's basis status of each [column] and [row], as numbers.
Basis = tuple[States, States]


class WarmStartedLp:
    """One HiGHS instance for continuous matrices."""

    def __init__(self) -> None:
        self._living: Any = None

    def __reduce__(self) -> tuple[type[WarmStartedLp], tuple[()]]:
        """Pickle as a new instance, since no result depends on its state."""
        return WarmStartedLp, ()

    def release_highs(self) -> None:
        """Release the HiGHS instance until the next solve, so that other solves may use another number of threads."""
        self._living = None

    @property
    def _highs(self) -> Any:
        if self._living is None:
            self._living = new_highs(threads=1)
            for name, value in (
                ("output_flag", False),
                ("threads", 1),
                ("random_seed", 0),
                ("primal_feasibility_tolerance", _TOLERANCE),
                ("dual_feasibility_tolerance", _TOLERANCE),
            ):
                self._living.setOptionValue(name, value)
        return self._living

    @property
    def basis(self) -> Any:
        """The basis of the last optimum, as `solve` takes it."""
        return self._highs.getBasis()

    def solve(self, matrix: Matrix, scale: Floats | None = None, *, start: Any = None) -> LpSolution:
        """Solve a matrix from a basis, or from scratch.

        `scale` [column] are factors of the columns, near the point of the start.
        """
        validate_finite(matrix)
        by = np.ones(len(matrix.lower)) if scale is None else scale
        if self._highs.passModel(lp_of(matrix, Scaling(np.ones(len(matrix.row_lower)), by))) == _ERROR:
            raise NoPlanError("HiGHS rejected the LP")
        set_option = self._highs.setOptionValue
        set_option("presolve", "choose" if start is None else "off")
        # Cost perturbation would leave a start near the optimum.
        set_option("dual_simplex_cost_perturbation_multiplier", 1.0 if start is None else 0.0)
        set_option("simplex_strategy", _DUAL)
        if start is not None:
            self._highs.setBasis(start)
        return self._run(matrix, by)

    def solve_extended(self, matrix: Matrix, n_rows: int, n_columns: int, scale: Floats | None = None) -> LpSolution:
        """Solve the last LP with further rows and columns, from its basis.

        The first `n_rows` and `n_columns` of the matrix are those of the last solve; the others join as slack and at 0.
        """
        validate_finite(matrix)
        by = np.ones(len(matrix.lower)) if scale is None else scale
        data = matrix.rows.data * np.repeat(by, np.diff(matrix.rows.indptr))
        split = int(matrix.rows.indptr[n_columns])
        inside = matrix.rows.indices[:split] >= n_rows
        of_column = np.repeat(np.arange(n_columns), np.diff(matrix.rows.indptr[: n_columns + 1]))[inside]
        row = matrix.rows.indices[:split][inside] - n_rows
        order = np.argsort(row, kind="stable")
        starts = np.searchsorted(row[order], np.arange(matrix.rows.shape[0] - n_rows)).astype(np.int32)
        self._highs.addRows(
            len(starts), matrix.row_lower[n_rows:], matrix.row_upper[n_rows:], len(row), starts,
            of_column[order].astype(np.int32), data[:split][inside][order],
        )  # fmt: skip
        starts = (matrix.rows.indptr[n_columns:-1] - split).astype(np.int32)
        status = self._highs.addCols(
            len(starts), (matrix.costs[0] * by)[n_columns:], (matrix.lower / by)[n_columns:],
            (matrix.upper / by)[n_columns:], len(data) - split, starts, matrix.rows.indices[split:].astype(np.int32),
            data[split:],
        )  # fmt: skip
        if status == _ERROR:
            raise NoPlanError("HiGHS rejected columns of the LP")
        # The basis stays primal feasible, but not dual feasible.
        self._highs.setOptionValue("simplex_strategy", _PRIMAL)
        return self._run(matrix, by)

    def _run(self, matrix: Matrix, by: Floats) -> LpSolution:
        self._highs.run()
        status = self._highs.getModelStatus()
        if status in (_STATUS.kInfeasible, _STATUS.kUnbounded, _STATUS.kUnboundedOrInfeasible):
            none = np.zeros(len(matrix.lower))
            return LpSolution(False, np.nan, none, np.zeros(len(matrix.row_lower)))
        if status not in (_STATUS.kOptimal, _STATUS.kModelEmpty):
            words = self._highs.modelStatusToString(status)
            raise NoPlanError(f"HiGHS ended with status '{words}'")
        solution = self._highs.getSolution()
        x = np.array(solution.col_value, dtype=float) * by
        return LpSolution(True, float(matrix.costs[0] @ x), x, np.array(solution.row_dual, dtype=float))


def highs_basis(basis: Basis) -> Any:
    """Return a basis in the form of HiGHS."""
    found = highspy.HighsBasis()
    found.col_status, found.row_status = ([_STATES[k] for k in each.tolist()] for each in basis)
    found.valid = True
    return found


def states(basis: Any) -> Basis:
    """Return a basis of HiGHS as numbers."""
    columns, rows = (
        np.fromiter(map(int, each), dtype=np.int8, count=len(each)) for each in (basis.col_status, basis.row_status)
    )
    return columns, rows


def extend_basis(basis: Any, n_columns: int, n_rows: int) -> Any:
    """Return a basis of HiGHS with further columns, nonbasic at 0, and further rows, basic."""
    found = highspy.HighsBasis()
    columns, rows = basis.col_status, basis.row_status
    found.col_status = [*columns, *[_STATES[AT_LOWER]] * (n_columns - len(columns))]
    found.row_status = [*rows, *[_STATES[BASIC]] * (n_rows - len(rows))]
    found.valid = True
    return found
