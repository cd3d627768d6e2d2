"""Every answer of the solver is verified: F52–F62."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyomo.environ as pyo
import pytest
from scipy import sparse

from ccs_model.errors import CcsModelError
from ccs_model.mip import Highs, Matrix, Outcome, SolverOptions
from ccs_model.mip.branch_and_bound import MipOutcome
from ccs_model.mip.matrix import scaling_of, warning_of
from ccs_model.mip.verification import columns_without_limit, elastic_opinion
from ccs_model.model.standard_form import matrix_of
from ccs_model.solve import driver as optimize
from ccs_model.solve import solution_check as belief
from tests.paths import ROOT

from .conftest import Answer, Desk

ONE = SolverOptions(threads=1)
MODEL = pyo.ConcreteModel


@pytest.fixture
def runs(desk: Desk) -> Callable[[], list[Path]]:
    """The run folders and files that `optimize` wrote beside the earlier run."""
    return lambda: sorted(path for path in (desk.folder / "runs").iterdir() if not path.name.startswith("earlier"))


def ask(desk: Desk, *words: str) -> Answer:
    return desk.ask("optimize", "s.yaml", "--threads", "1", *words)


@pytest.fixture
def solved_as(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replace the answer of HiGHS in the first stage."""

    def made(change: Callable[[Matrix, Outcome], Outcome], *, second: Outcome | None = None) -> None:
        solve = optimize.solve_program

        def other(highs: Highs, **words: Any) -> MipOutcome:
            found = solve(highs, **words)
            return MipOutcome(change(highs.matrix, found.outcome), found.relaxation)

        monkeypatch.setattr(optimize, "solve_program", other)
        if second is not None:
            monkeypatch.setattr(belief, "point_without_presolve", lambda *_: second)

    return made


NOTHING = Outcome("infeasible", np.nan, np.nan, None, None, None)


def small() -> Matrix:
    """Most of 3a + 2b with 2a + 3b ≤ 4, both whole up to 1: a alone, 3."""
    m = MODEL()
    m.a, m.b = pyo.Var(domain=pyo.Binary), pyo.Var(domain=pyo.Binary)
    m.room = pyo.Constraint(expr=2 * m.a + 3 * m.b <= 4)
    m.objective = pyo.Objective(expr=3 * m.a + 2 * m.b, sense=pyo.maximize)
    return matrix_of(m)


@pytest.mark.slow
def test_F52_no_budget_for_a_required_plant(desk: Desk, runs: Callable[[], list[Path]]) -> None:
    desk.scenario(plants="{inventory: [mine.csv], require: [M1]}", budget="{total_mn: 0}")
    answer = ask(desk)
    assert answer.code == 4 and answer.out == ""
    assert "spending_within_budget" in answer.err and "million CNY would restore feasibility" in answer.err
    (folder,) = runs()
    assert folder.name in answer.err
    reported = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    assert reported["status"] == "infeasible" and len(reported["conflicts"]) >= 1
    book = openpyxl.load_workbook(folder / "plan.xlsx")
    assert book.sheetnames == ["Infeasible"]
    cells = " ".join(str(cell.value) for row in book["Infeasible"].iter_rows() for cell in row if cell.value)
    assert reported["conflicts"][0] in cells
    # The cached report gives the same message.
    again = ask(desk)
    assert (again.code, again.err) == (4, answer.err)


def test_F53_a_plan_that_a_second_solve_finds_is_written(
    desk: Desk, runs: Callable[[], list[Path]], solved_as: Callable[..., None]
) -> None:
    solved_as(lambda matrix, outcome: NOTHING)
    assert ask(desk).code == 0
    assert (runs()[0] / "plan.xlsx").exists()


@pytest.mark.slow
def test_F53_a_plan_that_the_elastic_program_finds_is_written(
    desk: Desk, runs: Callable[[], list[Path]], solved_as: Callable[..., None]
) -> None:
    solved_as(lambda matrix, outcome: NOTHING, second=NOTHING)
    answer = ask(desk)
    assert answer.code == 0, answer.err
    plan = json.loads((runs()[0] / "plan.json").read_text(encoding="utf-8"))
    assert plan["status"] != "limit" and {each["plant"] for each in plan["retrofits"]} == {"M1"}
    assert all(check["holds"] for check in plan["checks"])


def test_F53_without_agreement_and_without_a_plan_the_program_is_saved(
    desk: Desk, runs: Callable[[], list[Path]], solved_as: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    solved_as(lambda matrix, outcome: NOTHING, second=NOTHING)
    monkeypatch.setattr(belief, "elastic_opinion", lambda *_: ("contradiction", None))
    answer = ask(desk)
    assert answer.code == 7 and "an elastic model needs to violate no constraint" in answer.err
    (saved,) = runs()
    assert saved.suffix == ".mps" and saved.name in answer.err
    assert saved.read_text(encoding="utf-8").startswith("NAME")


def test_F53_opinions_of_programs_small_enough_to_see_through() -> None:
    matrix = small()
    opinion, plan = elastic_opinion(matrix, ONE, float("inf"))
    assert opinion == "plan" and plan is not None
    assert (plan.status, plan.objective) == ("optimal", pytest.approx(3.0))
    m = MODEL()
    m.a, m.b = pyo.Var(domain=pyo.Binary), pyo.Var(domain=pyo.Binary)
    m.even = pyo.Constraint(expr=2 * m.a + 2 * m.b == 1)  # half of each, but no whole ones
    m.objective = pyo.Objective(expr=m.a)
    assert elastic_opinion(matrix_of(m), ONE, float("inf")) == ("infeasible", None)
    m.more = pyo.Constraint(expr=m.a + m.b >= 3)
    assert elastic_opinion(matrix_of(m), ONE, float("inf")) == ("infeasible", None)


@pytest.mark.parametrize("kind", ["a row", "a whole number"])
def test_F54_an_optimum_that_breaks_a_row_or_is_not_whole_is_not_believed(
    desk: Desk, runs: Callable[[], list[Path]], solved_as: Callable[..., None], kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def broken(matrix: Matrix, outcome: Outcome) -> Outcome:
        assert outcome.x is not None
        x = outcome.x.copy()
        built = matrix.columns_of("build")
        if kind == "a row":
            x[built] = 1.0  # every option of the one stream at once
        else:
            x[built[np.argmax(x[built])]] = 0.5
        return replace(outcome, x=x)

    solved_as(broken)
    # The stages that would mend the point are kept from it.
    monkeypatch.setattr(optimize, "break_ties", lambda highs, chosen, **_: chosen)
    monkeypatch.setattr(optimize, "marginal_budget", lambda *_: None)
    answer = ask(desk)
    assert answer.code == 7, answer.err
    assert "verification of the plan failed" in answer.err
    (saved,) = runs()
    assert saved.suffix == ".mps" and saved.name in answer.err


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_F55_what_is_not_finite_never_reaches_the_solver(
    desk: Desk, bad: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = optimize.matrix_of

    def with_one_bad(model: Any) -> Matrix:
        matrix = compiled(model)
        matrix.rows.data[0] = bad
        return matrix

    monkeypatch.setattr(optimize, "matrix_of", with_one_bad)
    answer = ask(desk)
    assert answer.code == 1
    assert "is not a finite number; nothing was solved" in answer.err


def test_F55_nor_by_any_other_way_in() -> None:
    highs = Highs(small(), ONE)
    for way in (
        lambda: highs.set_costs(np.array([1.0, np.nan])),
        lambda: highs.set_objective(np.array([np.inf, 1.0]), maximise=True),
        lambda: highs.set_coefficient(0, 0, np.nan),
        lambda: highs.add_row(np.array([1.0, np.nan]), 0.0, 1.0),
        lambda: highs.add_sparse_row(np.array([0]), np.array([np.inf]), 0.0, 1.0),
    ):
        with pytest.raises(CcsModelError, match="not a finite number") as caught:
            way()
        assert caught.value.exit_code == 1


def test_F56_what_could_grow_for_ever_is_named_with_its_limit(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    build = optimize.unshared_model

    def unlimited(problem: Any) -> MODEL:
        model = build(problem)
        model.credit_ktpa = pyo.Var(bounds=(0, None))
        for objective in model.component_data_objects(pyo.Objective, active=True):
            objective.expr = objective.expr + 5.0 * model.credit_ktpa * (1 if objective.sense == pyo.maximize else -1)
        return model

    monkeypatch.setattr(optimize, "unshared_model", unlimited)
    answer = ask(desk)
    assert answer.code == 3, answer.err
    assert "the objective max_abatement is unbounded: credit_ktpa has no limit" in answer.err
    assert "set an upper bound of credit_ktpa" in answer.err


def test_F56_of_several_columns_those_without_a_limit_are_found() -> None:
    m = MODEL()
    m.a, m.b = pyo.Var(bounds=(0, 5)), pyo.Var(bounds=(0, None))
    m.objective = pyo.Objective(expr=9 * m.a + m.b, sense=pyo.maximize)
    m.room = pyo.Constraint(expr=m.a - m.b <= 3)
    assert [column.name for column in columns_without_limit(matrix_of(m), ONE, 10.0)] == ["b"]


def test_F58_a_limit_before_any_plan(
    desk: Desk, runs: Callable[[], list[Path]], solved_as: Callable[..., None]
) -> None:
    solved_as(lambda matrix, outcome: replace(NOTHING, status="limit"))
    answer = ask(desk, "--time-limit", "7")
    assert answer.code == 5 and len(runs()) == 1
    assert json.loads((runs()[0] / "plan.json").read_text(encoding="utf-8"))["status"] == "limit"


def wide() -> tuple[Matrix, Matrix]:
    """One program twice: in thousand tonnes and million money, and with coefficients from 1e-9 to 1e12."""
    rng = np.random.default_rng(7)
    m = MODEL()
    m.k = pyo.RangeSet(0, 5)
    m.build, m.flow = pyo.Var(m.k, domain=pyo.Binary), pyo.Var(m.k, domain=pyo.NonNegativeReals)
    size, cost = rng.uniform(1, 9, 6), rng.uniform(1, 9, 6)
    m.within = pyo.Constraint(m.k, rule=lambda m, k: m.flow[k] <= size[k] * m.build[k])
    m.money = pyo.Constraint(expr=sum(cost[k] * m.build[k] for k in m.k) <= 0.6 * cost.sum())
    m.objective = pyo.Objective(expr=sum(m.flow[k] for k in m.k), sense=pyo.maximize)
    sound = matrix_of(m)
    is_money = np.array([constraint == "money" for constraint, _ in sound.row_constraints])
    row = np.where(is_money, 1e12, 1.0)
    column = np.where([each.variable == "flow" for each in sound.columns], 1e-9, 1.0)
    odd = replace(
        sound,
        rows=sparse.csc_array(sparse.diags_array(row) @ sound.rows @ sparse.diags_array(column)),
        row_lower=sound.row_lower * row, row_upper=sound.row_upper * row,
        lower=sound.lower / column, upper=sound.upper / column, costs=sound.costs * column,
    )  # fmt: skip
    return sound, odd


def test_F59_coefficients_far_apart_are_scaled_and_the_answer_is_the_same() -> None:
    sound, odd = wide()
    assert not scaling_of(sound).is_needed and warning_of(sound) == ""
    assert scaling_of(odd).is_needed
    reported = warning_of(odd)
    assert "from" in reported and "money (" in reported
    answers = [Highs(matrix, replace(ONE, gap_share=0.0)).run(10, "test") for matrix in (sound, odd)]
    assert answers[0].objective == pytest.approx(answers[1].objective, rel=1e-6)
    assert answers[1].x is not None
    activity = odd.rows @ answers[1].x
    assert (activity <= odd.row_upper * (1 + 1e-6) + 1e-6).all()
    relaxed = []
    for matrix in (sound, odd):
        highs = Highs.relaxed(matrix, ONE)
        relaxed.append(highs.run(10, "test"))
    money = int(sound.rows_of("money")[0])
    assert relaxed[0].row_dual is not None and relaxed[1].row_dual is not None
    assert relaxed[1].row_dual[money] * 1e12 == pytest.approx(relaxed[0].row_dual[money], rel=1e-6)


@pytest.mark.slow
def test_F59_the_worst_rows_stand_in_a_warning(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimize, "warning_of", lambda matrix: "coefficients reach far. The worst rows: money (1 to 2)")
    answer = ask(desk)
    assert answer.code == 0 and "warning: coefficients reach far. The worst rows: money" in answer.err


@pytest.mark.slow
def test_F60_other_threads_in_one_process() -> None:
    for threads in (1, 2, 1):
        found = Highs(small(), SolverOptions(threads=threads)).run(10, "test")
        assert (found.status, found.objective) == ("optimal", pytest.approx(3.0))


@pytest.fixture
def elsewhere(desk: Desk) -> Iterator[Callable[[str], subprocess.CompletedProcess[str]]]:
    """`optimize` in a process of its own, with another module highspy in front of the real one."""

    def made(module: str) -> subprocess.CompletedProcess[str]:
        desk.put("lib/highspy/__init__.py", module)
        if "version" in module:
            desk.put("lib/highspy-1.7.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: highspy\nVersion: 1.7.2\n")
        return subprocess.run(
            [sys.executable, "-m", "ccs_model", "optimize", "s.yaml"], cwd=desk.folder, capture_output=True, text=True,
            timeout=300, env={"PYTHONPATH": f"{desk.folder / 'lib'}:{ROOT}"}, check=False,
        )  # fmt: skip

    yield made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("raise ImportError('no shared library')", "the solver cannot be loaded (no shared library)"),
        ("version = 1", "the solver is too old (highspy 1.7.2"),
    ],
)
def test_F62_without_a_solver_the_line_that_installs_it_is_told(
    elsewhere: Callable[[str], subprocess.CompletedProcess[str]], module: str, words: str
) -> None:
    done = elsewhere(module)
    assert done.returncode == 6, done.stderr
    assert words in done.stderr and 'python -m pip install "highspy>=1.11"' in done.stderr
    assert "Traceback" not in done.stderr
