"""The persistent HiGHS instance: objectives, duals, changes in place, statuses, starts and bases."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import highspy
import numpy as np
import pyomo.environ as pyo
import pytest
from scipy import sparse

from ccs_model.errors import NoPlanError
from ccs_model.mip import Highs, Matrix, Progress, SolverOptions
from ccs_model.mip.branch_and_bound import is_solver_working
from ccs_model.mip.highs import gap_share
from ccs_model.mip.warm_start import NamedBasis
from ccs_model.model.standard_form import matrix_of
from tests.hand_matrix import hand_matrix
from tests.paths import ROOT

EXACT = SolverOptions(gap_share=0.0, threads=1)


def small_lp(*, maximise: bool = True) -> Matrix:
    """3a + 2b with a + b ≤ 4, a + 3b ≤ 6, a ≤ 3: the maximum is 11 at (3, 1), the minimum is 0."""
    m = pyo.ConcreteModel()
    m.a, m.b = pyo.Var(bounds=(0, 3)), pyo.Var(bounds=(0, None))
    m.first = pyo.Constraint(expr=m.a + m.b <= 4)
    m.second = pyo.Constraint(expr=m.a + 3 * m.b <= 6)
    m.objective = pyo.Objective(expr=3 * m.a + 2 * m.b, sense=pyo.maximize if maximise else pyo.minimize)
    return matrix_of(m)


def by_name(matrix: Matrix, x: np.ndarray | None) -> dict[str, float]:
    assert x is not None
    return {column.name: float(value) for column, value in zip(matrix.columns, x, strict=True)}


def test_run_finds_the_maximum_and_the_minimum() -> None:
    matrix = small_lp()
    found = Highs(matrix, EXACT).run(10, "test")
    assert (found.status, found.objective) == ("optimal", pytest.approx(11))
    assert by_name(matrix, found.x) == pytest.approx({"a": 3, "b": 1})
    minimum = Highs(small_lp(maximise=False), EXACT).run(10, "test")
    assert (minimum.status, minimum.objective) == ("optimal", pytest.approx(0))


def test_row_dual_is_the_value_of_one_more_unit() -> None:
    # One more unit of the first row raises b by 1 while the second row holds; both rows bind at (3, 1): 3 + 3 = 6.
    matrix = small_lp()
    highs = Highs(matrix, EXACT)
    row = int(matrix.rows_of("first")[0])
    highs.set_row(row, -np.inf, 3.5)  # now a = 3, b = 0.5: 10
    found = highs.run(10, "test")
    assert found.objective == pytest.approx(10)
    assert found.row_dual is not None
    assert found.row_dual[row] == pytest.approx(2)  # b is worth 2
    assert found.row_dual[int(matrix.rows_of("second")[0])] == pytest.approx(0)
    highs.set_row(row, -np.inf, 3.6)
    assert highs.run(10, "test").objective == pytest.approx(10 + 0.1 * 2)


@pytest.mark.parametrize("size", [1.0, 1e-12])
def test_added_columns_and_rows_are_scaled_like_the_original_ones(size: float) -> None:
    # HiGHS scales models with tiny coefficients; added columns and rows must be scaled too.
    matrix = small_lp()
    rows = matrix.rows.copy()
    rows.data = rows.data * size
    small = replace(matrix, rows=rows, row_upper=matrix.row_upper * size)
    highs = Highs(small, EXACT)
    # c has a value of 10 and uses 1 of the first row.
    first = int(matrix.rows_of("first")[0])
    column = sparse.csr_array(([size], ([0], [first])), shape=(1, 2))
    highs.add_columns(column, np.array([10.0]), np.zeros(1), np.array([2.5]))
    found = highs.run(10, "test")
    # c = 2.5, then 1.5 of the first row is left: a = 1.5.
    assert found.objective == pytest.approx(10 * 2.5 + 3 * 1.5)
    assert found.x is not None and found.x[2] == pytest.approx(2.5)
    highs.add_rows(sparse.csr_array(np.array([[1.0, 1.0, 1.0]])), np.array([-np.inf]), np.array([3.0]))
    assert highs.run(10, "test").objective == pytest.approx(10 * 2.5 + 3 * 0.5)
    highs.set_costs(np.where(np.arange(3) == 2, 0.0, highs.costs))
    # Without c: a = 3 within the new row.
    assert highs.run(10, "test").objective == pytest.approx(9)


def test_bounds_rows_and_objective_are_changed_in_place() -> None:
    matrix = small_lp()
    highs = Highs(matrix, EXACT)
    names = [column.name for column in matrix.columns]
    a = names.index("a")
    highs.set_bounds(np.array([a]), np.array([0.0]), np.array([1.0]))
    assert highs.run(10, "test").objective == pytest.approx(3 + 2 * 5 / 3)
    highs.add_row(np.array([0.0 if name == "a" else 1.0 for name in names]), -np.inf, 1.0)
    assert highs.run(10, "test").objective == pytest.approx(5)
    highs.set_objective(np.array([1.0 if name == "a" else -1.0 for name in names]), maximise=False)
    assert highs.run(10, "test").objective == pytest.approx(-1)


def test_integrality_can_be_relaxed_and_restored() -> None:
    m = pyo.ConcreteModel()
    m.n = pyo.Var(domain=pyo.Integers, bounds=(0, 9))
    m.room = pyo.Constraint(expr=2 * m.n <= 7)
    m.objective = pyo.Objective(expr=m.n, sense=pyo.maximize)
    highs = Highs(matrix_of(m), EXACT)
    assert highs.run(10, "test").objective == pytest.approx(3)
    highs.set_integrality(False)
    relaxed = highs.run(10, "test")
    assert relaxed.objective == pytest.approx(3.5)
    assert relaxed.row_dual is not None
    highs.set_integrality(True)
    assert highs.run(10, "test").objective == pytest.approx(3)


def test_infeasible_and_unbounded_models_have_their_status() -> None:
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, None))
    m.objective = pyo.Objective(expr=m.x, sense=pyo.maximize)
    m.least = pyo.Constraint(expr=m.x >= 1)
    unbounded = Highs(matrix_of(m), EXACT)
    unbounded.set_option("presolve", "off")
    assert unbounded.run(10, "test").status == "unbounded"
    m.most = pyo.Constraint(expr=m.x <= 0.5)
    found = Highs(matrix_of(m), EXACT).run(10, "test")
    assert (found.status, found.x) == ("infeasible", None)


def test_gap_follows_the_definition_of_highs() -> None:
    assert gap_share(102.0, 100.0) == pytest.approx(0.02)
    assert gap_share(-98.0, -100.0) == pytest.approx(0.02)
    assert gap_share(0.0, 0.0) == 0
    assert gap_share(1.0, 0.0) == np.inf
    assert gap_share(np.inf, 5.0) == np.inf
    assert Progress("test", 1.0, 102.0, 100.0).gap_share == pytest.approx(0.02)


def test_model_is_written_in_mps_format() -> None:
    assert all(part in Highs(small_lp(), EXACT).mps() for part in (b"ROWS", b"COLUMNS", b"RHS", b"BOUNDS"))


def test_run_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    Highs(small_lp(), EXACT).run(10, "test")
    message = capfd.readouterr()
    assert (message.out, message.err) == ("", "")


def test_presolve_rules_without_time_limit_are_off(tmp_path: Path) -> None:
    # HiGHS lists in its log the rules that are switched off. Older versions (1.11) have no such rules and list none.
    log = tmp_path / "solver.log"
    matrix = hand_matrix([[3.0, 4.0, 5.0], [2.0, 2.0, 9.0]], [7.0, 8.0], [4.0, 5.0, 6.0])
    Highs(matrix, replace(EXACT, log_path=log)).run(10, "test")
    assert re.findall(r"Rule +\d+ .*: (.+)", log.read_text()) in (["Probing", "Fourier-Motzkin"], [])


def test_interrupted_solve_has_ended_before_the_interrupt_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    highs, events = Highs(small_lp(), EXACT), []

    def solve_until_cancelled() -> None:
        events.append("begun")
        while not highs._is_cancelled:
            time.sleep(0.001)
        time.sleep(0.05)
        events.append("ended")

    join = threading.Thread.join

    def interrupt_once(thread: threading.Thread, timeout: float | None = None) -> None:
        monkeypatch.setattr(threading.Thread, "join", join)
        raise KeyboardInterrupt

    monkeypatch.setattr(highs, "_run_highs", solve_until_cancelled)
    monkeypatch.setattr(threading.Thread, "join", interrupt_once)
    with pytest.raises(KeyboardInterrupt):
        highs.run(10, "test")
    assert events == ["begun", "ended"]


def test_solver_solves_the_trial_model() -> None:
    assert is_solver_working()


@pytest.mark.slow
def test_new_number_of_threads_works_while_an_older_instance_is_alive(tmp_path: Path) -> None:
    # An exception keeps its frames, and with them the instance that was solving; resetting the scheduler of HiGHS
    # while an instance is alive never returns.
    script = tmp_path / "threads.py"
    script.write_text(
        "import pyomo.environ as pyo\n"
        "from ccs_model.mip import Highs, SolverOptions\n"
        "from ccs_model.model.standard_form import matrix_of\n"
        "m = pyo.ConcreteModel()\n"
        "m.x = pyo.Var(domain=pyo.Integers, bounds=(0, 3))\n"
        "m.aim = pyo.Objective(expr=m.x, sense=pyo.maximize)\n"
        "matrix = matrix_of(m)\n"
        "older = Highs(matrix, SolverOptions(threads=1))\n"
        "older.run(10, 'first')\n"
        "print(Highs(matrix, SolverOptions(threads=2)).run(10, 'second').objective)\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.stdout.strip() == "3.0", done.stderr


def test_start_that_highs_returns_with_a_wrong_objective_is_rejected() -> None:
    # HiGHS 1.16 ends at once with the start as its optimum and reports −2.6. The value of the start is −28.4; the
    # fourth column alone satisfies both rows at −24.66.
    rows = [
        [-16.50121753, -17.29068126, 0.0, -17.40039952, 0.0],
        [-1.53807375, -13.74186388, -13.29660072, -19.94698878, -14.02529771],
        [0.0, 1.0, 1.0, 0.0, 0.0],
    ]
    matrix = hand_matrix(
        rows, [-12.07144459, -14.73575935, 1.0], [-25.84150581, -2.59796743, -1.64457779, -24.65879525, -22.20137467]
    )
    highs = Highs(matrix, SolverOptions(gap_share=0.0, threads=1))
    highs.start_from(np.array([1.0, 1.0, 0.0, 0.0, 0.0]))
    outcome = highs.run(10, "test")
    assert (outcome.status, outcome.objective) == ("optimal", pytest.approx(-24.65879525))
    np.testing.assert_allclose(outcome.x, [0, 0, 0, 1, 0], atol=1e-9)


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_solve_error_of_a_cancelled_run_counts_as_a_limit(monkeypatch: pytest.MonkeyPatch, is_cancelled: bool) -> None:
    # Cancelled while it solves an LP, HiGHS 1.16 ends the MILP with "Solve error".
    highs = Highs(small_lp(), EXACT)
    inner = highs._highs

    class Stopped:
        def __getattr__(self, name: str) -> object:
            return getattr(inner, name)

        def getModelStatus(self) -> object:
            return highspy.HighsModelStatus.kSolveError

    monkeypatch.setattr(highs, "_highs", Stopped())
    monkeypatch.setattr(highs, "_solve", lambda: setattr(highs, "_is_cancelled", is_cancelled))
    if is_cancelled:
        outcome = highs.run(1.0, "test")
        assert outcome.status == "limit" and outcome.x is None
    else:
        with pytest.raises(NoPlanError, match="Solve error"):
            highs.run(1.0, "test")
    assert highs.attempt(1.0, "test").status == "limit"


def test_lp_starts_from_the_basis_of_a_model_with_fewer_rows():
    # 60 projects; the second half of the rows is left out first. The optimum is that of a cold start.
    rng = np.random.default_rng(3)
    n, n_rows = 60, 40
    rows = rng.integers(1, 9, (n_rows, n))
    full = hand_matrix(rows, rng.integers(50, 90, n_rows), rng.integers(1, 30, n), is_integer=False)
    half = full.submatrix(np.arange(20))
    relaxed = Highs(half, EXACT)
    upper_bound = relaxed.run(10, "half").objective
    basis = relaxed.basis()
    assert basis is not None
    cold, warm = Highs(full, EXACT), Highs(full, EXACT)
    warm.start_from_basis(basis)
    optimum = cold.run(10, "cold").objective
    assert warm.run(10, "warm").objective == pytest.approx(optimum, rel=1e-9)
    assert optimum <= upper_bound * (1 + 1e-9)
    # Rows added to the instance have no names, so there is no named basis.
    relaxed.add_row(np.ones(n), -np.inf, 10.0)
    relaxed.run(10, "more")
    assert relaxed.basis() is None


def test_named_basis_sets_unnamed_columns_to_lower_bound_and_unnamed_rows_to_basic() -> None:
    matrix, status = small_lp(), highspy.HighsBasisStatus
    rows = tuple(matrix.row_constraints)
    found = NamedBasis({matrix.columns[1]: status.kBasic}, {rows[1]: status.kUpper}).to_highs(matrix)
    assert found.valid
    assert list(found.col_status) == [status.kLower, status.kBasic]
    assert list(found.row_status) == [status.kBasic, status.kUpper]
    # Without a solve, or with more rows than names, there is no named basis.
    assert NamedBasis.of(matrix, highspy.HighsBasis()) is None
    assert NamedBasis.of(replace(matrix, row_constraints=rows[:1]), found) is None


def test_failed_solve_is_repeated_with_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = small_lp()
    highs = Highs.lp_relaxation(matrix, EXACT)
    failures = [True, True]
    monkeypatch.setattr(Highs, "_has_failed", lambda _: failures.pop(0))
    outcome = highs.run(10, "first")
    assert not failures
    assert outcome.status == "optimal" and by_name(matrix, outcome.x) == pytest.approx({"a": 3, "b": 1})
    # The next run uses the default settings again.
    assert [highs._highs.getOptionValue(name)[1] for name in ("presolve", "solver")] == ["choose", "choose"]
