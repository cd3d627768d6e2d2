"""A linear program solved again and again with other coefficients, each time from the basis of one solved before.

The start is the planned program's basis or one that was kept, so what a solve finds does not hang on the one before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
import numpy.typing as npt

from ccs_model.errors import NoPlanError
from ccs_model.solver.highs import quiet_highs
from ccs_model.solver.matrix import Matrix, refuse_unless_finite

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_STATUS = highspy.HighsModelStatus
_TOLERANCE = 1e-9
_STATES = [highspy.HighsBasisStatus(k) for k in range(5)]
AT_LOWER, BASIC = 0, 1


@dataclass(frozen=True, eq=False)
class Solved:
    """An optimum: its value, point and row duals in the sense of the program; `is_optimal` says whether it is one."""

    is_optimal: bool
    value: float
    x: Floats
    row_dual: Floats


# [column], [row] the number of HiGHS's status of each.
Basis = tuple[Ints, Ints]


def _told(basis: Basis) -> Any:
    found = highspy.HighsBasis()
    found.col_status, found.row_status = ([_STATES[k] for k in each.tolist()] for each in basis)
    found.valid = True
    return found


class HotProgram:
    """Matrices of one pattern, without whole columns; `planned` gives the basis from which all others start."""

    def __init__(self, planned: Matrix, *, seed: int = 0, basis: Basis | None = None) -> None:
        """`basis` is one to begin the planned program with, as `basis` of another instance gave it."""
        self._highs = quiet_highs(threads=1)
        for name, value in (
            ("threads", 1),
            ("random_seed", seed),
            ("primal_feasibility_tolerance", _TOLERANCE),
            ("dual_feasibility_tolerance", _TOLERANCE),
            # A start near the optimum is soon left behind where costs are shaken first.
            ("dual_simplex_cost_perturbation_multiplier", 0.0 if basis is not None else 1.0),
        ):
            self._highs.setOptionValue(name, value)
        self._basis = None if basis is None else _told(basis)
        if basis is not None:
            self._highs.setOptionValue("presolve", "off")
        self._kept: list[Any] = []
        self.planned = self.solve(planned)
        if self.planned.is_optimal:
            self._basis = self._highs.getBasis()
            self._highs.setOptionValue("presolve", "off")
            self._highs.setOptionValue("dual_simplex_cost_perturbation_multiplier", 0.0)

    @property
    def basis(self) -> Basis:
        """Of the planned optimum."""
        assert self._basis is not None
        columns, rows = self._basis.col_status, self._basis.row_status
        return tuple(np.array([int(k) for k in each], dtype=np.int64) for each in (columns, rows))  # type: ignore[return-value]

    def keep(self) -> None:
        """Keep the basis of what was solved last, as the next number to start from."""
        self._kept.append(self._highs.getBasis())

    def solve(self, matrix: Matrix, scale: Floats | None = None, *, start: int | None = None) -> Solved:
        """From the planned basis, or from one that was kept.

        `scale` [column] is what one of the program's columns is of the solver's, near to the planned point's.
        """
        refuse_unless_finite(matrix)
        by = np.ones(len(matrix.lower)) if scale is None else scale
        self._pass(matrix, by)
        basis = self._basis if start is None else self._kept[start]
        if basis is not None:
            self._highs.setBasis(basis)
        self._highs.run()
        status = self._highs.getModelStatus()
        if status in (_STATUS.kInfeasible, _STATUS.kUnbounded, _STATUS.kUnboundedOrInfeasible):
            none = np.zeros(len(matrix.lower))
            return Solved(False, np.nan, none, np.zeros(len(matrix.row_lower)))
        if status not in (_STATUS.kOptimal, _STATUS.kModelEmpty):
            words = self._highs.modelStatusToString(status)
            raise NoPlanError(f"the solver ended with status '{words}' on a future")
        solution = self._highs.getSolution()
        x = np.array(solution.col_value, dtype=float) * by
        return Solved(True, float(matrix.costs[0] @ x), x, np.array(solution.row_dual, dtype=float))

    def _pass(self, matrix: Matrix, by: Floats) -> None:
        program = highspy.HighsLp()
        program.num_col_, program.num_row_ = len(matrix.lower), len(matrix.row_lower)
        program.col_cost_ = matrix.costs[0] * by
        program.col_lower_, program.col_upper_ = matrix.lower / by, matrix.upper / by
        program.row_lower_, program.row_upper_ = matrix.row_lower, matrix.row_upper
        inside = program.a_matrix_
        inside.format_ = highspy.MatrixFormat.kColwise
        inside.num_col_, inside.num_row_ = program.num_col_, program.num_row_
        inside.start_, inside.index_ = matrix.rows.indptr, matrix.rows.indices
        inside.value_ = matrix.rows.data * np.repeat(by, np.diff(matrix.rows.indptr))
        program.sense_ = highspy.ObjSense.kMaximize if matrix.maximise[0] else highspy.ObjSense.kMinimize
        if self._highs.passModel(program) == highspy.HighsStatus.kError:
            raise NoPlanError("the solver refused a future's program")
