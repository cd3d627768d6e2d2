"""Network presolve (series reduction, dead ends) keeps the optimum of random networks in one period."""

from __future__ import annotations

import time

import numpy as np
import pyomo.environ as pyo
import pytest

from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip.matrix import residuals
from ccs_model.model.standard_form import matrix_of
from ccs_model.solve.network_presolve import reduced_model

pytestmark = pytest.mark.slow

OPTIONS = SolverOptions(gap_share=0.0, threads=1)
YEAR = 2030
# Small pipes up to 10 cost 4 + 1 per unit, large ones from 10 cost 9 + 0.5 per unit: at 10 the costs are equal.
SIZES = {"small": (0.0, 10.0, 4.0, 1.0), "large": (10.0, 40.0, 9.0, 0.5)}
SOURCES = {"p0": 14.0, "p1": 8.0}
SITES = {"s0": 12.0, "s1": 30.0}


def network(seed: int) -> Matrix:
    """The MILP of sources, sites and junctions on a random tree with three additional links."""
    rng = np.random.default_rng(seed)
    nodes = [*SOURCES, *SITES, *(f"n{k}" for k in range(6))]
    order = rng.permutation(nodes).tolist()
    ends = [(order[int(rng.integers(k))], order[k]) for k in range(1, len(order))]
    ends += [tuple(rng.choice(nodes, 2, replace=False).tolist()) for _ in range(3)]
    links = {f"{a} – {b}": (a, b) for a, b in ends}
    length = dict(zip(links, rng.uniform(0.5, 2.0, len(links)), strict=True))
    lines = {f"{link} | {size}": (link, size) for link in links for size in SIZES}
    revenue_per_unit = float(rng.uniform(12, 20))
    m = pyo.ConcreteModel()
    keys = [(line, YEAR) for line in lines]
    m.build = pyo.Var([(p, YEAR) for p in SOURCES], domain=pyo.Binary)
    m.opened = pyo.Var([(s, YEAR) for s in SITES], domain=pyo.Binary)
    m.pipe = pyo.Var(keys, domain=pyo.Binary)
    m.added_capacity_ktpa = pyo.Var(keys, domain=pyo.NonNegativeReals)
    m.pipe_flow_ktpa = pyo.Var(keys, domain=pyo.NonNegativeReals)
    m.forward_ktpa = pyo.Var([(link, YEAR) for link in links], domain=pyo.NonNegativeReals)
    m.reverse_ktpa = pyo.Var([(link, YEAR) for link in links], domain=pyo.NonNegativeReals)
    m.injected_ktpa = pyo.Var([(s, YEAR) for s in SITES], domain=pyo.NonNegativeReals)

    @m.Constraint(list(lines), [YEAR])
    def capacity_needs_a_pipe(m, line, year):
        return m.added_capacity_ktpa[line, year] <= SIZES[lines[line][1]][1] * m.pipe[line, year]

    @m.Constraint([line for line, (_, size) in lines.items() if size == "large"], [YEAR])
    def a_larger_trend_carries_more(m, line, year):
        return m.added_capacity_ktpa[line, year] >= SIZES["large"][0] * m.pipe[line, year]

    @m.Constraint(list(lines), [YEAR])
    def flow_within_pipes(m, line, year):
        return m.pipe_flow_ktpa[line, year] - m.added_capacity_ktpa[line, year] == 0

    @m.Constraint(list(links), [YEAR])
    def one_size_a_link_and_vintage(m, link, year):
        return sum(m.pipe[f"{link} | {size}", year] for size in SIZES) <= 1

    @m.Constraint(list(links), [YEAR])
    def both_ways_share_the_pipe(m, link, year):
        flow = sum(m.pipe_flow_ktpa[f"{link} | {size}", year] for size in SIZES)
        return m.forward_ktpa[link, year] + m.reverse_ktpa[link, year] - flow == 0

    @m.Constraint(nodes, [YEAR])
    def co2_in_equals_co2_out(m, node, year):
        out = sum(m.forward_ktpa[k, year] - m.reverse_ktpa[k, year] for k, (a, _) in links.items() if a == node)
        into = sum(m.forward_ktpa[k, year] - m.reverse_ktpa[k, year] for k, (_, b) in links.items() if b == node)
        sent = SOURCES[node] * m.build[node, year] if node in SOURCES else 0
        stored = m.injected_ktpa[node, year] if node in SITES else 0
        return sent + into - out - stored == 0

    @m.Constraint(list(SITES), [YEAR])
    def a_used_site_is_open(m, site, year):
        return m.injected_ktpa[site, year] <= SITES[site] * m.opened[site, year]

    pipe_cost = sum(
        length[link] * (SIZES[size][2] * m.pipe[line, YEAR] + SIZES[size][3] * m.added_capacity_ktpa[line, YEAR])
        for line, (link, size) in lines.items()
    )
    sites = sum(10.0 * m.opened[s, YEAR] for s in SITES)
    revenue = sum(
        revenue_per_unit * share * SOURCES[p] * m.build[p, YEAR] for p, share in zip(SOURCES, (1.0, 0.8), strict=True)
    )
    m.objective = pyo.Objective(expr=pipe_cost + sites - revenue, sense=pyo.minimize)
    return matrix_of(m)


def solve_to_optimality(matrix: Matrix, start: np.ndarray | None = None) -> tuple[float, np.ndarray]:
    highs = Highs(matrix, OPTIONS)
    if start is not None:
        highs.start_from(start)
    found = highs.run(20, "whole")
    assert found.x is not None
    return found.objective, found.x


@pytest.mark.parametrize(("incumbent", "least_merged"), [("best", 4), ("nothing", 0)])
def test_reduced_models_of_random_networks_have_the_same_optimum(incumbent: str, least_merged: int) -> None:
    # The presolve does not reduce every network; with the best incumbent, series reduction applies to several.
    n_merged = 0
    for seed in range(16):
        matrix = network(seed)
        optimum, x = solve_to_optimality(matrix)
        start = x if incumbent == "best" else np.zeros(len(x))
        small = reduced_model(matrix, start, OPTIONS, deadline=time.monotonic() + 20)
        if small is None:
            continue
        n_merged += len(small.aggregated.stands_for) > len(small.aggregated.columns)
        assert len(small.matrix.lower) < len(matrix.lower), seed
        found, point = solve_to_optimality(small.matrix, small.start)
        assert found == pytest.approx(optimum, rel=1e-7, abs=1e-7), seed
        assert residuals(matrix, small.lift_to_full_model(point)).hold, seed
        assert float(matrix.costs[0] @ small.lift_to_full_model(point)) == pytest.approx(optimum, rel=1e-7, abs=1e-7), (
            seed
        )
    assert n_merged >= least_merged
