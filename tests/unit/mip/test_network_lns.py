"""Models restricted by columns at 0, and large-neighbourhood search (LNS), against enumeration."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip.matrix import residuals
from ccs_model.mip.network_lns import Lns, Neighbourhoods
from ccs_model.mip.presolve import remove_columns
from ccs_model.mip.search import FixedChargeNetwork, Places, Result, SearchContext
from ccs_model.model.standard_form import matrix_of
from tests.examples import examples

OPTIONS = SolverOptions(gap_share=0.0, threads=1)
# A line of plants 0 … 5 with stores at both ends; a pipe joins each to the next, and a built plant sends 1.
N = 6
PIPE_COST = (7.0, 2.0, 3.0, 6.0, 1.0)
STORE_COST = {0: 4.0, N - 1: 5.0}
VALUE = (6.0, 1.0, 5.0, 2.0, 9.0, 3.0)


def model(pipe_cost: tuple[float, ...], *, maximise: bool = True) -> pyo.ConcreteModel:
    """Maximise value less the cost of pipes and stores, or minimise the negative of it."""
    m = pyo.ConcreteModel()
    m.build = pyo.Var(range(N), domain=pyo.Binary)
    m.pipe = pyo.Var(range(N - 1), domain=pyo.Binary)
    m.opened = pyo.Var(list(STORE_COST), domain=pyo.Binary)
    m.forward = pyo.Var(range(N - 1), domain=pyo.NonNegativeReals)
    m.back = pyo.Var(range(N - 1), domain=pyo.NonNegativeReals)
    m.stored = pyo.Var(list(STORE_COST), domain=pyo.NonNegativeReals)

    @m.Constraint(range(N))
    def balance(m, k):
        into = (m.forward[k - 1] - m.back[k - 1] if k else 0) + (m.back[k] - m.forward[k] if k < N - 1 else 0)
        return m.build[k] + into - (m.stored[k] if k in STORE_COST else 0) == 0

    m.in_pipe = pyo.Constraint(range(N - 1), rule=lambda m, k: m.forward[k] + m.back[k] <= N * m.pipe[k])
    m.in_store = pyo.Constraint(list(STORE_COST), rule=lambda m, k: m.stored[k] <= N * m.opened[k])
    cost = sum(pipe_cost[k] * m.pipe[k] for k in range(N - 1)) + sum(STORE_COST[k] * m.opened[k] for k in STORE_COST)
    value = sum(VALUE[k] * m.build[k] for k in range(N)) - cost
    m.objective = pyo.Objective(expr=value if maximise else -value, sense=pyo.maximize if maximise else pyo.minimize)
    return m


def network_of(matrix: Matrix) -> FixedChargeNetwork:
    columns = np.r_[matrix.columns_of("pipe"), matrix.columns_of("opened")]
    each, no_choice = np.arange(len(columns)), np.full(len(matrix.lower), -1)
    return FixedChargeNetwork(columns, each, each, np.zeros(len(columns)), np.zeros(0, dtype=np.int64), no_choice)


def places_of(matrix: Matrix) -> Places:
    arc_groups = [(k + 0.5, 0.0) for k in range(N - 1)] + [(float(k), 0.0) for k in STORE_COST]
    columns = matrix.columns_of("build")
    at = [(float(matrix.columns[j].index), 0.0) for j in columns]
    return Places(np.array(arc_groups), columns, np.array(at))


def best_by_hand(pipe_cost: tuple[float, ...]) -> float:
    """The optimum over all sets of pipes: a connected part earns its values less its cheapest store, or nothing."""
    best = 0.0
    for built in itertools.product((False, True), repeat=N - 1):
        parts, part = [], [0]
        for k in range(N - 1):
            if built[k]:
                part.append(k + 1)
            else:
                parts.append(part)
                part = [k + 1]
        parts.append(part)
        value = -sum(pipe_cost[k] for k in range(N - 1) if built[k])
        for each in parts:
            stores = [STORE_COST[k] for k in each if k in STORE_COST]
            if stores:
                value += max(sum(VALUE[k] for k in each) - min(stores), 0.0)
        best = max(best, value)
    return best


COSTS = st.tuples(*[st.integers(0, 12).map(float)] * (N - 1))


@given(COSTS, st.booleans(), st.booleans())
@examples(15)
def test_lns_stays_feasible_never_worsens_and_finds_the_optimum_in_a_full_neighbourhood(
    pipe_cost: tuple[float, ...], maximise: bool, elsewhere: bool
) -> None:
    matrix = matrix_of(model(pipe_cost, maximise=maximise))
    network = network_of(matrix)
    # All pipes and stores and one plant: feasible, but far from optimal.
    start = np.zeros(len(matrix.lower))
    for name, index in (("build", 0), ("stored", 0)):
        start[[j for j in matrix.columns_of(name) if matrix.columns[j].index == index]] = 1.0
    start[network.columns] = 1.0
    assert residuals(matrix, start).hold
    sign = 1.0 if maximise else -1.0
    deadline = time.monotonic() + 60
    context = SearchContext(matrix, network, OPTIONS, deadline, places=places_of(matrix))
    found, value = start, sign * float(matrix.costs[0] @ start)
    for n_arc_groups in (2, 4, N + 1):
        improved = Lns((Neighbourhoods(n_arc_groups, 4, elsewhere),)).run(context, Result("limit", found)).incumbent
        assert improved is not None
        found = improved
        assert residuals(matrix, found).hold
        assert sign * float(matrix.costs[0] @ found) >= value - 1e-9
        value = sign * float(matrix.costs[0] @ found)
    assert value == pytest.approx(best_by_hand(pipe_cost), abs=1e-3 * max(abs(value), 1.0))


@given(COSTS, st.sets(st.integers(0, N)))
@examples(25)
def test_restricted_model_has_the_optimum_of_the_model_with_columns_fixed_at_0(
    pipe_cost: tuple[float, ...], off: set[int]
) -> None:
    matrix = matrix_of(model(pipe_cost))
    columns = network_of(matrix).columns[sorted(off)]
    highs = Highs(matrix, OPTIONS)
    highs.set_bounds(columns, np.zeros(len(columns)), np.zeros(len(columns)))
    small = remove_columns(matrix, columns)
    full, reduced = highs.run(10, "held at 0"), Highs(small.matrix, OPTIONS).run(10, "narrowed")
    assert full.x is not None and reduced.x is not None
    assert reduced.objective == pytest.approx(full.objective, abs=1e-6)
    lifted = small.lift_to_full_model(reduced.x)
    assert residuals(matrix, lifted).hold and not lifted[columns].any() and small.has_point(full.x)


def test_restriction_without_pipes_and_stores_removes_all_columns_and_rows() -> None:
    matrix = matrix_of(model(PIPE_COST))
    small = remove_columns(matrix, network_of(matrix).columns)
    # Without pipes there is no flow, and without stores no storage, so no plant can be built.
    assert len(small.columns) == 0 and small.matrix.rows.shape == (0, 0)
    assert small.has_point(np.zeros(len(matrix.lower))) and not small.has_point(np.ones(len(matrix.lower)))


def test_row_that_is_violated_at_0_is_kept() -> None:
    m = pyo.ConcreteModel()
    m.a, m.b = pyo.Var(domain=pyo.Binary), pyo.Var(bounds=(-1, 1))
    m.at_least = pyo.Constraint(expr=m.a >= 1)
    m.free = pyo.Constraint(expr=m.a + m.b <= 0)
    m.objective = pyo.Objective(expr=m.a + m.b, sense=pyo.maximize)
    matrix = matrix_of(m)
    small = remove_columns(matrix, matrix.columns_of("a"))
    # b may be negative, so the second row fixes no column at 0; the first can no longer be satisfied.
    assert [column.variable for column in small.matrix.columns] == ["b"]
    assert [name for name, _ in small.matrix.row_constraints] == ["at_least", "free"]
    assert Highs(small.matrix, OPTIONS).run(10, "none").status == "infeasible"


def test_row_without_columns_is_kept_only_if_it_is_violated_at_0() -> None:
    m = pyo.ConcreteModel()
    m.a, m.b = pyo.Var(domain=pyo.Binary), pyo.Var(bounds=(-1, 1))
    m.never = pyo.Constraint(expr=-m.a <= -1)
    m.always = pyo.Constraint(expr=m.a <= 3)
    m.other = pyo.Constraint(expr=m.b <= 0.5)
    m.objective = pyo.Objective(expr=m.a + m.b, sense=pyo.maximize)
    matrix = matrix_of(m)
    small = remove_columns(matrix, matrix.columns_of("a"))
    assert [name for name, _ in small.matrix.row_constraints] == ["never", "other"]
    assert small.matrix.row_upper.tolist() == [-1.0, 0.5]
    assert Highs(small.matrix, OPTIONS).run(10, "none").status == "infeasible"


def test_each_centre_is_as_far_as_possible_from_those_before_it() -> None:
    places = places_of(matrix_of(model(PIPE_COST)))
    # Pipes at 0.5, 1.5, …, 4.5; the middle one is nearest to their mean, then both ends are farthest.
    pipes = np.arange(N - 1)
    assert places.centres(pipes, 3)[:, 0].tolist() == [2.5, 0.5, 4.5]
    assert places.centres(pipes, 1)[:, 0].tolist() == [2.5]
    # There are no more centres than arc groups.
    assert sorted(places.centres(pipes, 9)[:, 0].tolist()) == [0.5, 1.5, 2.5, 3.5, 4.5]
    assert len(places.centres(pipes[:0], 3)) == 0
