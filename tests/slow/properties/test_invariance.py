"""A plan does not depend on the currency, the number of threads or the load of the machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem

Solved = Callable[..., Plan]
ProblemOf = Callable[..., Problem]
NETWORK: dict[str, Any] = {
    "transport.shared_trunklines": True,
    "storage.sites": ["Qinshui", "Ordos"],
    "solver.mip_gap": 0.02,
}
DECISION_COLUMNS = ["plant", "stream", "technology", "size", "year", "site"]


def decisions(plan: Plan) -> list[tuple[str, ...]]:
    return sorted(plan.retrofits[DECISION_COLUMNS].astype(str).itertuples(index=False, name=None))


@pytest.mark.parametrize("shared", [False, True])
def test_another_currency_gives_the_same_plan(problem_of: ProblemOf, solved: Solved, shared: bool) -> None:
    changes = NETWORK if shared else {}
    base = problem_of(changes)
    expected = solved(changes)
    for currency in ("USD", "EUR"):
        other = problem_of(changes, {"currency": currency})
        rate = float(other.routes["capex_mn"].iloc[0] / base.routes["capex_mn"].iloc[0])
        plan = solved(changes, {"currency": currency, "budget.total_mn": 2_000 * rate})
        assert decisions(plan) == decisions(expected)
        assert plan.objective.value == pytest.approx(expected.objective.value, rel=1e-9)
        assert plan.objective.bound == pytest.approx(expected.objective.bound, rel=1e-9)
        assert plan.totals["capex_mn"] == pytest.approx(expected.totals["capex_mn"] * rate, rel=1e-9)


def test_threads_and_machine_load_do_not_change_a_plan(solved: Solved) -> None:
    expected = solved(NETWORK)
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        plan = solved(NETWORK, {"solver.threads": 8})
    finally:
        for process in busy:
            process.kill()
            process.wait()
    assert decisions(plan) == decisions(expected)
    assert plan.objective == expected.objective
    assert plan.point is not None and expected.point is not None and plan.point.equals(expected.point)


def test_a_more_thorough_search_never_worsens_the_plan(solved: Solved) -> None:
    values = []
    for effort in ("quick", "normal", "thorough"):
        plan = solved(NETWORK, {"solver.effort": effort, "solver.mip_gap": 0.0})
        assert plan.checks["holds"].all() or plan.status == "limit"
        values.append(plan.objective.value)
    assert values[0] <= values[1] * (1 + 1e-9) and values[1] <= values[2] * (1 + 1e-9)
