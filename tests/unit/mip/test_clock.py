"""Limits by the wall clock or by CPU seconds."""

from __future__ import annotations

import time

import numpy as np
import pyomo.environ as pyo
import pytest

from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip.clock import counts_cpu, cpu_seconds, now
from ccs_model.model.standard_form import matrix_of


def split_markets(n_goods: int = 50, n_rows: int = 5) -> Matrix:
    """Goods split so that every row comes as near to half as it can: small, and beyond branch and bound for minutes."""
    chance = np.random.default_rng(3)
    weights = chance.integers(1, 100, (n_rows, n_goods))
    m = pyo.ConcreteModel()
    m.x = pyo.Var(range(n_goods), domain=pyo.Binary)
    m.over, m.under = (pyo.Var(range(n_rows), domain=pyo.NonNegativeReals) for _ in range(2))

    @m.Constraint(range(n_rows))
    def half(m: pyo.ConcreteModel, i: int) -> object:
        sold = sum(int(weights[i, j]) * m.x[j] for j in range(n_goods))
        return sold + m.under[i] - m.over[i] == int(weights[i].sum()) // 2

    m.objective = pyo.Objective(expr=sum(m.over[i] + m.under[i] for i in range(n_rows)))
    return matrix_of(m)


def test_sleep_takes_wall_seconds_only() -> None:
    before = now()
    time.sleep(0.3)
    assert now() - before >= 0.3
    with cpu_seconds():
        assert counts_cpu()
        before = now()
        time.sleep(0.3)
        assert now() - before < 0.2
    assert not counts_cpu()


@pytest.mark.slow
def test_a_whole_program_ends_by_its_cpu_seconds() -> None:
    highs = Highs(split_markets(), SolverOptions(gap_share=0.0, threads=1))
    with cpu_seconds():
        before = time.process_time()
        found = highs.run(1.0, "test")
        spent = time.process_time() - before
    assert found.status == "limit"
    assert 0.9 <= spent < 4.0
    # The plan in hand is kept, and the instance can go on.
    assert found.x is not None and found.bound <= found.objective
    with cpu_seconds():
        assert highs.run(0.5, "test").status == "limit"
