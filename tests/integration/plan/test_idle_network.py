"""Tie-breaking removes idle pipes, sites and wells from a plan and keeps its objective."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ccs_model._typing import Floats
from ccs_model.mip import Highs, SolverOptions
from ccs_model.mip.matrix import residuals
from ccs_model.model.build_model import build_model
from ccs_model.model.names import OBLIGATION_FORWARD, OPENED, PIPE, WELLS
from ccs_model.model.standard_form import matrix_of
from ccs_model.problem import Problem
from ccs_model.solve.tie_breaking import fit_network, idle_links
from tests import hand_network

CHANGES = {
    "objective": "max_abatement", "years": [2026, 2031], "capital_recovery_share": None, "budget.total_mn": 300.0,
    "transport.corridors": "all", "transport.pipe_costs": "as_built",
}  # fmt: skip


def test_idle_pipes_sites_and_wells_are_removed_from_a_plan(hand_problem: Callable[..., Problem]) -> None:
    sites = {**hand_network.SITES, "spare": {**next(iter(hand_network.SITES.values()))}}
    links = {**hand_network.LINKS, "A-C": {"length_km": 45}}
    problem = hand_problem(CHANGES, plants=hand_network.PLANTS, sites=sites, links=links)
    matrix = matrix_of(build_model(problem))
    found = Highs(matrix, SolverOptions(1e-9)).run(60, "test")
    assert found.x is not None
    options = SolverOptions(1e-9)

    def resize_network(x: Floats) -> Floats:
        return fit_network(problem, matrix, options, x, np.inf)

    needed = resize_network(np.where(matrix.is_integer, np.round(found.x), found.x))
    # A plan without idle assets is a fixed point; idle assets that are added to it are removed again.
    assert resize_network(needed) is needed
    wasteful = needed.copy()
    for name in (PIPE, OPENED, WELLS):
        idle = [j for j in matrix.columns_of(name) if needed[j] == 0]
        for j in idle:
            candidate = wasteful.copy()
            candidate[j] = 1.0
            if residuals(matrix, candidate).hold:
                wasteful = candidate
    assert (wasteful != needed).any()
    cleaned = resize_network(wasteful)
    assert residuals(matrix, cleaned).hold
    assert matrix.costs[0] @ cleaned >= matrix.costs[0] @ needed * (1 - 1e-9)
    assert cleaned[matrix.is_integer].sum() < wasteful[matrix.is_integer].sum()
    assert matrix.costs[1] @ cleaned == pytest.approx(matrix.costs[1] @ needed, rel=1e-9)


def test_a_pipe_with_flow_only_after_the_horizon_is_not_idle(hand_problem: Callable[..., Problem]) -> None:
    problem = hand_problem(CHANGES, plants=hand_network.PLANTS, sites=hand_network.SITES, links=hand_network.LINKS)
    matrix = matrix_of(build_model(problem))
    x = np.zeros(len(matrix.lower))
    later = matrix.columns_of(OBLIGATION_FORWARD)[0]
    link = matrix.columns[later].index
    x[next(j for j in matrix.columns_of(PIPE) if str(matrix.columns[j].index[0]).startswith(link))] = 1.0
    assert idle_links(problem, matrix, x) == (link,)
    x[later] = 10.0
    assert idle_links(problem, matrix, x) == ()
