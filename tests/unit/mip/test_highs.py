"""The living instance: aims, duals, changes in place, statuses."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import highspy
import numpy as np
import pyomo.environ as pyo
import pytest
from scipy import sparse

from ccs_model.errors import NoPlanError
from ccs_model.mip import Highs, Matrix, Progress, SolverOptions
from ccs_model.mip.branch_and_bound import solver_answers
from ccs_model.mip.highs import gap_share
from ccs_model.mip.warm_start import NamedBasis
from ccs_model.model.standard_form import matrix_of
from tests.hand_matrix import hand_matrix
from tests.paths import ROOT

ONE = SolverOptions(gap_share=0.0, threads=1)


def linear(*, maximise: bool = True) -> Matrix:
    """3a + 2b with a + b ≤ 4, a + 3b ≤ 6, a ≤ 3: at (3, 1) it is 11; at its least it is 0."""
    m = pyo.ConcreteModel()
    m.a, m.b = pyo.Var(bounds=(0, 3)), pyo.Var(bounds=(0, None))
    m.first = pyo.Constraint(expr=m.a + m.b <= 4)
    m.second = pyo.Constraint(expr=m.a + 3 * m.b <= 6)
    m.objective = pyo.Objective(expr=3 * m.a + 2 * m.b, sense=pyo.maximize if maximise else pyo.minimize)
    return matrix_of(m)


def at(matrix: Matrix, x: np.ndarray | None) -> dict[str, float]:
    assert x is not None
    return {column.name: float(value) for column, value in zip(matrix.columns, x, strict=True)}


def test_the_most_and_the_least() -> None:
    most = linear()
    found = Highs(most, ONE).run(10, "test")
    assert (found.status, found.objective) == ("optimal", pytest.approx(11))
    assert at(most, found.x) == pytest.approx({"a": 3, "b": 1})
    least = Highs(linear(maximise=False), ONE).run(10, "test")
    assert (least.status, least.objective) == ("optimal", pytest.approx(0))


def test_duals_are_what_one_more_unit_buys() -> None:
    # One more of the first row: b grows by 1 while the second row holds (3 + 3 = 6): both rows bind at (3, 1).
    matrix = linear()
    highs = Highs(matrix, ONE)
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
def test_columns_and_rows_that_are_added_count_as_those_that_were_there(size: float) -> None:
    # With coefficients far apart the program is scaled; what is added must be, too.
    matrix = linear()
    rows = matrix.rows.copy()
    rows.data = rows.data * size
    small = replace(matrix, rows=rows, row_upper=matrix.row_upper * size)
    highs = Highs(small, ONE)
    # c is worth 10 and takes 1 of the first row.
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


def test_changes_in_place() -> None:
    matrix = linear()
    highs = Highs(matrix, ONE)
    names = [column.name for column in matrix.columns]
    a = names.index("a")
    highs.set_bounds(np.array([a]), np.array([0.0]), np.array([1.0]))
    assert highs.run(10, "test").objective == pytest.approx(3 + 2 * 5 / 3)
    highs.add_row(np.array([0.0 if name == "a" else 1.0 for name in names]), -np.inf, 1.0)
    assert highs.run(10, "test").objective == pytest.approx(5)
    highs.set_objective(np.array([1.0 if name == "a" else -1.0 for name in names]), maximise=False)
    assert highs.run(10, "test").objective == pytest.approx(-1)


def test_whole_and_relaxed() -> None:
    m = pyo.ConcreteModel()
    m.n = pyo.Var(domain=pyo.Integers, bounds=(0, 9))
    m.room = pyo.Constraint(expr=2 * m.n <= 7)
    m.objective = pyo.Objective(expr=m.n, sense=pyo.maximize)
    highs = Highs(matrix_of(m), ONE)
    assert highs.run(10, "test").objective == pytest.approx(3)
    highs.set_integrality(False)
    relaxed = highs.run(10, "test")
    assert relaxed.objective == pytest.approx(3.5)
    assert relaxed.row_dual is not None
    highs.set_integrality(True)
    assert highs.run(10, "test").objective == pytest.approx(3)


def test_infeasible_and_unbounded_have_their_names() -> None:
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, None))
    m.objective = pyo.Objective(expr=m.x, sense=pyo.maximize)
    m.least = pyo.Constraint(expr=m.x >= 1)
    unbounded = Highs(matrix_of(m), ONE)
    unbounded.set_option("presolve", "off")
    assert unbounded.run(10, "test").status == "unbounded"
    m.most = pyo.Constraint(expr=m.x <= 0.5)
    found = Highs(matrix_of(m), ONE).run(10, "test")
    assert (found.status, found.x) == ("infeasible", None)


def test_the_gap_as_highs_counts_it() -> None:
    assert gap_share(102.0, 100.0) == pytest.approx(0.02)
    assert gap_share(-98.0, -100.0) == pytest.approx(0.02)
    assert gap_share(0.0, 0.0) == 0
    assert gap_share(1.0, 0.0) == np.inf
    assert gap_share(np.inf, 5.0) == np.inf
    assert Progress("test", 1.0, 102.0, 100.0).gap_share == pytest.approx(0.02)


def test_the_program_is_given_in_mps_format() -> None:
    assert all(part in Highs(linear(), ONE).mps() for part in (b"ROWS", b"COLUMNS", b"RHS", b"BOUNDS"))


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    Highs(linear(), ONE).run(10, "test")
    message = capfd.readouterr()
    assert (message.out, message.err) == ("", "")


def test_the_trial_answers() -> None:
    assert solver_answers()


@pytest.mark.slow
def test_another_number_of_threads_is_taken_even_while_an_error_holds_an_older_instance(tmp_path: Path) -> None:
    # An exception keeps its frames, and with them the instance that was solving; resetting HiGHS's scheduler under a
    # living instance never returns.
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


def test_a_start_that_the_solver_ends_with_at_another_value_is_not_believed() -> None:
    # HiGHS 1.16 ends at once with the start as its optimum, which it says is worth −2.6; it is worth −28.4, and the
    # fourth column alone, at −24.66, serves both rows.
    use = [
        [-16.50121753, -17.29068126, 0.0, -17.40039952, 0.0],
        [-1.53807375, -13.74186388, -13.29660072, -19.94698878, -14.02529771],
        [0.0, 1.0, 1.0, 0.0, 0.0],
    ]
    matrix = hand_matrix(
        use,
        [-12.07144459, -14.73575935, 1.0],
        [-25.84150581, -2.59796743, -1.64457779, -24.65879525, -22.20137467],
    )
    highs = Highs(matrix, SolverOptions(gap_share=0.0, threads=1))
    highs.start_from(np.array([1.0, 1.0, 0.0, 0.0, 0.0]))
    outcome = highs.run(10, "test")
    assert (outcome.status, outcome.objective) == ("optimal", pytest.approx(-24.65879525))
    np.testing.assert_allclose(outcome.x, [0, 0, 0, 1, 0], atol=1e-9)


@pytest.mark.parametrize("was_cut", [True, False])
def test_a_program_stopped_in_its_middle_has_not_failed(monkeypatch: pytest.MonkeyPatch, was_cut: bool) -> None:
    # Stopped from outside while it solves a linear program, HiGHS 1.16 ends a whole program with "Solve error".
    highs = Highs(linear(), ONE)
    inner = highs._highs

    class Stopped:
        def __getattr__(self, name: str) -> object:
            return getattr(inner, name)

        def getModelStatus(self) -> object:
            return highspy.HighsModelStatus.kSolveError

    monkeypatch.setattr(highs, "_highs", Stopped())
    monkeypatch.setattr(highs, "_solve", lambda: setattr(highs, "_is_cancelled", was_cut))
    if was_cut:
        outcome = highs.run(1.0, "test")
        assert outcome.status == "limit" and outcome.x is None
    else:
        with pytest.raises(NoPlanError, match="Solve error"):
            highs.run(1.0, "test")
    assert highs.attempt(1.0, "test").status == "limit"


def test_a_linear_program_starts_from_the_basis_of_one_without_some_rows():
    # 60 projects; the second half of the rows is left out first. The optimum is that of a cold start.
    rng = np.random.default_rng(3)
    n, n_rows = 60, 40
    rows = rng.integers(1, 9, (n_rows, n))
    full = hand_matrix(rows, rng.integers(50, 90, n_rows), rng.integers(1, 30, n), is_integer=False)
    half = full.selected(np.arange(20))
    relaxed = Highs(half, ONE)
    above = relaxed.run(10, "half").objective
    basis = relaxed.basis()
    assert basis is not None
    cold, warm = Highs(full, ONE), Highs(full, ONE)
    warm.start_from_basis(basis)
    optimum = cold.run(10, "cold").objective
    assert warm.run(10, "warm").objective == pytest.approx(optimum, rel=1e-9)
    assert optimum <= above * (1 + 1e-9)
    # Rows that were added to the instance have no names.
    relaxed.add_row(np.ones(n), -np.inf, 10.0)
    relaxed.run(10, "more")
    assert relaxed.basis() is None


def test_what_a_basis_does_not_name_is_at_its_lower_bound_or_basic() -> None:
    matrix, status = linear(), highspy.HighsBasisStatus
    rows = tuple(matrix.row_constraints)
    found = NamedBasis({matrix.columns[1]: status.kBasic}, {rows[1]: status.kUpper}).on(matrix)
    assert found.valid
    assert list(found.col_status) == [status.kLower, status.kBasic]
    assert list(found.row_status) == [status.kBasic, status.kUpper]
    # Without a solve, or with more rows than names, there is none.
    assert NamedBasis.of(matrix, highspy.HighsBasis()) is None
    assert NamedBasis.of(replace(matrix, row_constraints=rows[:1]), found) is None


def test_a_failure_of_the_solver_is_solved_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = linear()
    highs = Highs.relaxed(matrix, ONE)
    failures = [True, True]
    monkeypatch.setattr(Highs, "_has_failed", lambda _: failures.pop(0))
    outcome = highs.run(10, "first")
    assert not failures
    assert outcome.status == "optimal" and at(matrix, outcome.x) == pytest.approx({"a": 3, "b": 1})
    # The next run solves as usual.
    assert [highs._highs.getOptionValue(name)[1] for name in ("presolve", "solver")] == ["choose", "choose"]
