"""The HiGHS interface: one instance takes a matrix once, then changes bounds, costs and rows in place and re-solves.

Options are explicit and every return status is read. Nothing is printed: the log of HiGHS goes to a file, progress to a
callback.
"""

from __future__ import annotations

import math
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import highspy
import numpy as np
from scipy import sparse

from ccs_model._typing import Floats, Ints
from ccs_model.errors import CcsModelError, NoPlanError
from ccs_model.mip.clock import (
    counts_cpu,
    counts_effort,
    effort_of,
    iteration_limits,
    seconds_until_stop,
    spend,
    time_s,
    was_cancelled,
)
from ccs_model.mip.highs_instances import lp_of, new_highs, other_options
from ccs_model.mip.matrix import Matrix, Scaling, scaling_of, validate_finite
from ccs_model.mip.warm_start import NamedBasis

Status = Literal["optimal", "limit", "infeasible", "unbounded"]

LARGE_ROWS = 60_000
# How far the value of a point may lie from the objective that HiGHS reports, relative to the sum of absolute terms.
_VALUE_TOLERANCE = 1e-6
_INTERRUPT_PATIENCE_S = 1.5
# Seconds that a solve has after the time limit: enough to re-solve with integers fixed.
_AFTER_STOP_S = 0.5
_NO_LIMIT = 2**31 - 1
# Options with which a model is solved again if HiGHS fails.
_OTHER_WAYS = ({"presolve": "off"}, {"presolve": "off", "solver": "ipm", "run_crossover": "on"})
# Probing and Fourier–Motzkin elimination ignore the time limit and take up to minutes each on these models.
_RULES_OFF = 1 << 15 | 1 << 22
_STATUS = highspy.HighsModelStatus
_KINDS = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
_LIMITS = (
    _STATUS.kTimeLimit, _STATUS.kIterationLimit, _STATUS.kSolutionLimit, _STATUS.kMemoryLimit, _STATUS.kInterrupt,
    _STATUS.kObjectiveBound, _STATUS.kObjectiveTarget,
)  # fmt: skip
_NAMES: dict[highspy.HighsModelStatus, Status] = {
    _STATUS.kOptimal: "optimal", _STATUS.kInfeasible: "infeasible", _STATUS.kUnboundedOrInfeasible: "infeasible",
    _STATUS.kUnbounded: "unbounded", **dict.fromkeys(_LIMITS, "limit"),
}  # fmt: skip
_ANSWERS = {*_NAMES, _STATUS.kModelEmpty}


@dataclass(frozen=True)
class SolverOptions:
    """Options of one solve; `gap_share` is the relative gap at which a MILP counts as solved.

    With more than one thread HiGHS searches another tree, so that solutions repeat with the same number only.
    """

    gap_share: float = 0.005
    threads: int = 1
    seed: int = 0
    log_path: Path | None = None

    def with_log(self, name: str) -> SolverOptions:
        """Return the same options with a log of another name, which does not mix with that of the search."""
        log = self.log_path
        return self if log is None else replace(self, log_path=log.with_stem(f"{log.stem}_{name}"))


@dataclass(frozen=True)
class Progress:
    """A line of progress: the stage, its seconds so far, the bound and the objective of the incumbent."""

    stage: str
    seconds: float
    bound: float
    incumbent: float

    @property
    def gap_share(self) -> float:
        """|bound − incumbent| ÷ |incumbent|."""
        return gap_share(self.bound, self.incumbent)


@dataclass(frozen=True, eq=False)
class Outcome:
    """Outcome of a solve. `x` is None without a point; duals and reduced costs exist for continuous models only."""

    status: Status
    objective: float
    bound: float
    x: Floats | None
    row_dual: Floats | None
    reduced_cost: Floats | None

    @property
    def point(self) -> Floats | None:
        """The point at which the solve ended, by its optimum or a limit; None without one."""
        return self.x if self.status in ("optimal", "limit") else None

    def reduced_cost_gaps(self, sign: float, used: float = 1e-9) -> Floats:
        """[column] the least loss of value if a column at 0 is taken; 0 for columns above `used`."""
        assert self.x is not None and self.reduced_cost is not None
        return np.where(self.x > used, 0.0, np.maximum(-sign * self.reduced_cost, 0.0))


def log_line(options: SolverOptions, line: str) -> None:
    """Append a line to the solver log, if there is one."""
    if options.log_path is not None:
        with options.log_path.open("a", encoding="utf-8") as log:
            log.write(f"\n{line}\n")


def gap_share(bound: float, incumbent: float) -> float:
    """Return the relative gap as HiGHS defines it; infinite without an incumbent."""
    if not (math.isfinite(bound) and math.isfinite(incumbent)):
        return math.inf
    difference = abs(bound - incumbent)
    return 0.0 if difference <= 1e-9 else difference / abs(incumbent) if incumbent else math.inf


def _require_finite(values: Floats) -> Floats:
    """Raise CcsModelError for a number that is not finite; HiGHS drops a NaN silently."""
    if not np.isfinite(values).all():
        raise CcsModelError("a coefficient of the model is not a finite number; nothing was solved")
    return values


class Highs:
    """A matrix in a HiGHS instance, with objective 0 and with its integer columns integer unless relaxed.

    Parameters
    ----------
    matrix
        The model.
    options
        Gap, threads, seed and log file.
    progress
        Called with each line of the MIP log.
    scaling
        Factors of rows and columns; by default those of `scaling_of`.
    """

    def __init__(
        self,
        matrix: Matrix,
        options: SolverOptions,
        progress: Callable[[Progress], None] | None = None,
        scaling: Scaling | None = None,
    ) -> None:
        self.matrix = matrix
        self.options = options
        self.costs, self.maximise = matrix.costs[0], matrix.maximise[0]
        self.lower, self.upper = matrix.lower.copy(), matrix.upper.copy()
        self._is_mip = bool(matrix.is_integer.any())
        self._n_columns = len(matrix.lower)
        validate_finite(matrix)
        self._scale = scaling_of(matrix) if scaling is None else scaling
        self.progress = progress
        self._doing, self._has_start = "", False
        self._highs = new_highs(options.threads)
        log = {"output_flag": False} if options.log_path is None else {"log_file": str(options.log_path)}
        given = {
            "log_to_console": False,
            **log,
            "threads": options.threads,
            "random_seed": options.seed,
            "mip_rel_gap": options.gap_share,
            "mip_abs_gap": 0.0,
            "presolve_rule_off": _RULES_OFF,
        }
        for name, value in given.items():
            self.set_option(name, value)
        lp = lp_of(matrix, self._scale)
        if self._is_mip:
            lp.integrality_ = [_KINDS[int(integer)] for integer in matrix.is_integer]
        self._raise_on_error(self._highs.passModel(lp))
        self._checks, self._most_checks = 0, _NO_LIMIT
        self._is_cancelled, self._error = False, None  # type: bool, BaseException | None
        self._highs.cbSimplexInterrupt.subscribe(self._stop_if_cancelled)
        self._highs.cbIpmInterrupt.subscribe(self._stop_if_cancelled)
        self._highs.cbMipInterrupt.subscribe(self._check)
        if progress is not None:
            self._highs.cbMipLogging.subscribe(self._report)

    @classmethod
    def lp_relaxation(cls, matrix: Matrix, options: SolverOptions) -> Highs:
        """Return an instance with the LP relaxation of a matrix."""
        highs = cls(matrix, options)
        highs.set_integrality(False)
        return highs

    @classmethod
    def with_integers_fixed(cls, matrix: Matrix, options: SolverOptions, x: Floats) -> Highs:
        """Return an instance with the LP that is left when the integer columns are those of a point, rounded."""
        highs, integers = cls.lp_relaxation(matrix, options), np.flatnonzero(matrix.is_integer)
        highs.fix(integers, np.round(x[integers]))
        return highs

    def set_objective(self, costs: Floats, *, maximise: bool) -> None:
        """Set the objective."""
        self.set_costs(costs)
        self.maximise = maximise
        sense = highspy.ObjSense.kMaximize if maximise else highspy.ObjSense.kMinimize
        self._raise_on_error(self._highs.changeObjectiveSense(sense))

    def set_costs(self, costs: Floats) -> None:
        """Set the costs of all columns; the sense stays."""
        self.costs = costs
        every, scaled = np.arange(self._n_columns, dtype=np.int32), _require_finite(costs) * self._scale.column
        self._raise_on_error(self._highs.changeColsCost(self._n_columns, every, scaled))

    def set_coefficient(self, row: int, column: int, value: float) -> None:
        """Set one coefficient of the matrix."""
        scaled = float(_require_finite(np.array([value]))[0]) * self._row_scale(row) * float(self._scale.column[column])
        self._raise_on_error(self._highs.changeCoeff(row, column, scaled))

    def use_interior_point(self) -> None:
        """Solve LPs by interior point without crossover: optimal to tolerance, but without a basis to start from.

        From LARGE_ROWS on the simplex method takes three times as long on these models.
        """
        self.set_option("solver", "ipm")
        self.set_option("run_crossover", "off")

    def clear_solver(self) -> None:
        """Discard basis and solution, so that the next run is a cold start."""
        self._raise_on_error(self._highs.clearSolver())

    def set_integrality(self, integer: bool) -> None:
        """Make the integer columns of the matrix integer, or all columns continuous (LP relaxation)."""
        which = np.flatnonzero(self.matrix.is_integer).astype(np.int32)
        self._is_mip = integer and len(which) > 0
        kind = highspy.HighsVarType.kInteger if integer else highspy.HighsVarType.kContinuous
        if len(which):
            kinds = np.full(len(which), kind, dtype=object)
            self._raise_on_error(self._highs.changeColsIntegrality(len(which), which, kinds))

    def fix(self, columns: Ints, values: Floats | float = 0.0) -> None:
        """Fix some columns at values."""
        self.set_bounds(columns, values, values)

    def set_bounds(self, columns: Ints, lower: Floats | float, upper: Floats | float) -> None:
        """Set the bounds of some columns."""
        if len(columns):
            self.lower[columns], self.upper[columns] = lower, upper
            size = self._scale.column[columns]
            which = columns.astype(np.int32)
            self._raise_on_error(self._highs.changeColsBounds(len(columns), which, lower / size, upper / size))

    def set_row(self, row: int, lower: float, upper: float) -> None:
        """Set the bounds of one row."""
        size = self._row_scale(row)
        self._raise_on_error(self._highs.changeRowBounds(row, lower * size, upper * size))

    def add_row(self, coefficients: Floats, lower: float, upper: float) -> None:
        """Add a row over all columns."""
        which = np.flatnonzero(coefficients)
        self.add_sparse_row(which, coefficients[which], lower, upper)

    def add_sparse_row(self, columns: Ints, coefficients: Floats, lower: float, upper: float) -> None:
        """Add a row over some columns."""
        scaled = _require_finite(coefficients) * self._scale.column[columns]
        self._raise_on_error(self._highs.addRow(lower, upper, len(columns), columns.astype(np.int32), scaled))

    def add_rows(self, rows: sparse.csr_array, lower: Floats, upper: Floats) -> None:
        """Add rows over the existing columns."""
        if rows.shape[0]:
            scaled = rows.data * self._scale.column[rows.indices]
            given = (rows.indptr[:-1].astype(np.int32), rows.indices.astype(np.int32), scaled)
            self._raise_on_error(self._highs.addRows(rows.shape[0], lower, upper, rows.nnz, *given))

    def add_columns(self, columns: sparse.csr_array, costs: Floats, lower: Floats, upper: Floats) -> None:
        """Add columns, each a row of `columns`."""
        n_new = columns.shape[0]
        if n_new:
            # Existing rows may be scaled; the factor of a new column is 1.
            row = np.r_[self._scale.row, np.ones(max(columns.shape[1] - len(self._scale.row), 0))]
            scaled = columns.data * row[columns.indices]
            given = (columns.indptr[:-1].astype(np.int32), columns.indices.astype(np.int32), scaled)
            self._scale = replace(self._scale, column=np.r_[self._scale.column, np.ones(n_new)])
            self._raise_on_error(self._highs.addCols(n_new, costs, lower, upper, columns.nnz, *given))
            self.costs = np.r_[self.costs, costs]
            self.lower, self.upper = np.r_[self.lower, lower], np.r_[self.upper, upper]
            self._n_columns += n_new

    def start_from(self, x: Floats) -> None:
        """Set a start solution (warm start)."""
        if not self._n_columns:
            return
        point = highspy.HighsSolution()
        point.col_value = [float(value) for value in x / self._scale.column]
        self._raise_on_error(self._highs.setSolution(point))
        self._has_start = True

    def basis(self) -> NamedBasis | None:
        """Return the basis of the last LP; None without one."""
        return NamedBasis.of(self.matrix, self._highs.getBasis())

    def start_from_basis(self, basis: NamedBasis) -> None:
        """Start the next LP from the basis of another matrix, which must not have rows that this one lacks."""
        self._raise_on_error(self._highs.setBasis(basis.to_highs(self.matrix)))

    def dual_ray(self) -> Floats | None:
        """Return [row] the multipliers with which the last LP, an infeasible one, proves that; None without them."""
        _, has_ray, ray = self._highs.getDualRay()
        return self._duals(ray) if has_ray else None

    def set_option(self, name: str, value: Any) -> None:
        """Set a HiGHS option by name."""
        self._raise_on_error(self._highs.setOptionValue(name, value))

    def run(self, limit: float, stage: str) -> Outcome:
        """Solve the model as it stands, within `limit` effort or seconds, whichever the clock counts.

        Raises
        ------
        NoPlanError
            If HiGHS itself fails.
        KeyboardInterrupt
            On Ctrl-C.
        """
        self._doing = stage
        self._began = time_s()
        limit_s = max(limit, 0.01)
        if counts_effort():
            self._limit_effort(limit)
            limit_s = max(seconds_until_stop(), _AFTER_STOP_S)
        self._until = self._began + limit_s
        outcome = self._run_once()
        had_start, self._has_start = self._has_start, False
        if had_start and not self._has_own_value(outcome):
            # HiGHS may return the start solution as optimal with an objective that is not its own.
            self.clear_solver()
            outcome = self._run_once()
        return outcome

    def _run_once(self) -> Outcome:
        self._checks = 0
        self._solve()
        self._solve_another_way()
        if counts_effort():
            info = self._highs.getInfo()
            iterations = int(info.simplex_iteration_count), int(info.ipm_iteration_count)
            spend(effort_of(*self._size(), *iterations, is_mip=self._is_mip))
        return self._outcome()

    def _has_failed(self) -> bool:
        return self._highs.getModelStatus() not in _ANSWERS and not self._is_cancelled

    def _solve_another_way(self) -> None:
        """Solve again without presolve, then with another algorithm, where HiGHS has failed."""
        for options in _OTHER_WAYS:
            if not self._has_failed() or time_s() >= self._until:
                return
            with other_options(self._highs, options):
                self._highs.clearSolver()
                self._solve()

    def _limit_effort(self, limit: float) -> None:
        limits = iteration_limits(limit, *self._size())
        # Branch and bound limits the iterations of its LPs itself.
        self.set_option("simplex_iteration_limit", _NO_LIMIT if self._is_mip else limits.simplex)
        self.set_option("ipm_iteration_limit", _NO_LIMIT if self._is_mip else limits.interior)
        self._most_checks = limits.checks

    def _size(self) -> tuple[int, int]:
        return int(self._highs.getNumRow()), int(self._highs.getNumNz())

    def _check(self, event: Any) -> None:
        self._checks += 1
        if self._is_cancelled or self._checks > self._most_checks:
            event.interrupt()

    def _stop_if_cancelled(self, event: Any) -> None:
        if self._is_cancelled:
            event.interrupt()

    def attempt(self, limit: float, stage: str) -> Outcome:
        """Like `run`, but a failure of HiGHS is a limit without a point: for heuristics that may fail."""
        try:
            return self.run(limit, stage)
        except NoPlanError:
            return Outcome("limit", math.nan, math.nan, None, None, None)

    def _has_own_value(self, outcome: Outcome) -> bool:
        if outcome.x is None or not self._is_mip:
            return True
        value = float(self.costs @ outcome.x)
        scale = float(np.abs(self.costs) @ np.abs(outcome.x))
        return abs(value - outcome.objective) <= _VALUE_TOLERANCE * max(scale, 1.0)

    def mps(self) -> bytes:
        """Return the model as it stands in MPS format."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.mps"
            self._raise_on_error(self._highs.writeModel(str(path)))
            return path.read_bytes()

    def _solve(self) -> None:
        # HiGHS counts the time of LPs over all runs of an instance, that of a MIP from its own start, and knows the
        # wall clock only.
        limit_s = max(self._until - time_s(), 0.01) + (0.0 if self._is_mip else self._highs.getRunTime())
        self.set_option("time_limit", math.inf if counts_cpu() else limit_s)
        # In a thread of its own, so that signals are heard; `startSolve` of highspy allows one instance at a time.
        self._is_cancelled, self._error = False, None
        worker = threading.Thread(target=self._run_highs, daemon=True)
        worker.start()
        try:
            while worker.is_alive():
                worker.join(0.05)
                # HiGHS has no limit of CPU seconds.
                is_spent = counts_cpu() and time_s() >= self._until
                if is_spent or was_cancelled():
                    self._is_cancelled = True
                    worker.join()
        except KeyboardInterrupt:
            self._is_cancelled = True
            worker.join(_INTERRUPT_PATIENCE_S)
            raise
        if self._error is not None:
            raise self._error

    def _run_highs(self) -> None:
        try:
            self._highs.run()
        except BaseException as error:  # noqa: BLE001
            self._error = error
        # Else the end of the thread may wait for the scheduler of HiGHS on Windows.
        self._highs.resetThreadScheduler(False)

    def _outcome(self) -> Outcome:
        status = self._highs.getModelStatus()
        info = self._highs.getInfo()
        has_point = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        is_mip = self._is_mip
        named: Status
        if status in _NAMES:
            named = _NAMES[status]
        elif status == _STATUS.kModelEmpty:
            # HiGHS does not check the rows of a model without columns.
            rows = self._highs.getLp()
            holds = np.all(np.asarray(rows.row_lower_) <= 0.0) and np.all(np.asarray(rows.row_upper_) >= 0.0)
            named = "optimal" if holds else "infeasible"
        elif status == _STATUS.kSolveError and self._is_cancelled:
            # HiGHS reports an LP that was cancelled as an error.
            named = "limit"
        else:
            words = self._highs.modelStatusToString(status)
            raise NoPlanError(f"the solver ended with status '{words}', also without presolve ({self._doing})")
        solution = self._highs.getSolution()
        # An LP that reached a limit has a point, but no bound.
        usable = named == "optimal" or (is_mip and has_point and status != _STATUS.kSolveError)
        x = np.array(solution.col_value, dtype=float) * self._scale.column if usable else None
        objective = float(info.objective_function_value) if x is not None else math.nan
        bound = float(info.mip_dual_bound) if is_mip else objective
        with_duals = not is_mip and x is not None and solution.dual_valid
        return Outcome(
            status=named,
            objective=objective,
            bound=bound,
            x=x,
            row_dual=self._duals(solution.row_dual) if with_duals else None,
            reduced_cost=np.array(solution.col_dual, dtype=float) / self._scale.column if with_duals else None,
        )

    def _report(self, event: Any) -> None:
        if self.progress is None or self._error is not None:
            return
        seen = event.data_out
        try:
            self.progress(Progress(self._doing, time_s() - self._began, seen.mip_dual_bound, seen.mip_primal_bound))
        except BaseException as error:  # noqa: BLE001
            # HiGHS would report an error of its own.
            self._error, self._is_cancelled = error, True

    def _row_scale(self, row: int) -> float:
        """Added rows are not scaled."""
        return float(self._scale.row[row]) if row < len(self._scale.row) else 1.0

    def _duals(self, duals: Any) -> Floats:
        values = np.array(duals, dtype=float)
        values[: len(self._scale.row)] *= self._scale.row
        return values

    def _raise_on_error(self, status: Any) -> None:
        if status == highspy.HighsStatus.kError:
            raise NoPlanError(f"the solver refused a call ({self._doing})")
