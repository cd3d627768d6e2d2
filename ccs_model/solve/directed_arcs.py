"""Links as two directed arcs: the formulation with one binary column per size and direction, for one period.

The undirected model has one binary column per size of a link, and both directions share its capacity. With two arcs a
used source needs an arc *out* of its node and an opened site an arc *into* its own, and the solver separates flow-cover
inequalities at every node. Which formulation is proven sooner differs from case to case.

Flows of both directions share a pipe and cost as much as their sum, so the smaller one can be cancelled at no cost:
each link needs at most one of its arcs (see `network_presolve.one_way_model` for the condition on sizes).

References
----------
Middleton, R. S., Yaw, S. P., Hoover, B. A., Ellett, K. M. (2020). SimCCS: An open-source tool for optimizing CO2
capture, transport, and storage infrastructure. Environmental Modelling & Software 124, 104560.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from ccs_model._typing import Floats, Ints
from ccs_model.mip import Highs, Matrix, Outcome, SolverOptions
from ccs_model.model.names import (
    ADDED_CAPACITY,
    BOTH_WAYS,
    CAPACITY_NEEDS_PIPE,
    FORWARD,
    LARGER_TREND,
    ONE_SIZE,
    PIPE,
    PIPE_FLOW,
    PIPE_LIMIT,
    REVERSE,
    SITE_HAS_PIPE,
    SOURCE_HAS_PIPE,
)
from ccs_model.problem import Problem
from ccs_model.solve.network_presolve import is_cheaper_below

# Relative improvement of the LP relaxation from which two arcs a link pay off.
_TIGHTER = 1e-5
ONE_ARC = "one_arc_a_link"
_PIPE_VARIABLES = (PIPE, ADDED_CAPACITY, PIPE_FLOW)
_OF_AN_ARC = (CAPACITY_NEEDS_PIPE, LARGER_TREND, PIPE_LIMIT)


@dataclass(frozen=True, eq=False)
class DirectedArcs:
    """The model with two arcs a link.

    Parameters
    ----------
    matrix
        The columns of the undirected model, whose pipes carry forward, then the pipes that carry in reverse.
    forward, reverse
        [k] columns of the two arcs of pipe column k, in `matrix`; `forward` are the columns of the undirected model.
    forward_flow, reverse_flow
        [link] columns of the flows in both directions.
    link
        [k] position of the link of pipe column k.
    """

    matrix: Matrix
    forward: Ints
    reverse: Ints
    forward_flow: Ints
    reverse_flow: Ints
    link: Ints

    def merge_directions(self, x: Floats) -> Floats:
        """Return a point of this model as one of the undirected model."""
        point = x[: len(x) - len(self.reverse)].copy()
        point[self.forward] += x[self.reverse]
        return point

    def split_directions(self, x: Floats) -> Floats:
        """Return a point of the undirected model with the smaller of two opposite flows cancelled.

        Where flows are cancelled it may violate the least flow of a larger size, so that the caller must verify it.
        """
        opposite = np.minimum(x[self.forward_flow], x[self.reverse_flow])
        point = np.r_[x, np.zeros(len(self.reverse))]
        point[self.forward_flow] -= opposite
        point[self.reverse_flow] -= opposite
        backward = (point[self.reverse_flow] > point[self.forward_flow])[self.link]
        point[self.reverse[backward]] = x[self.forward[backward]]
        point[self.forward[backward]] = 0.0
        return point


def relaxation_if_tighter(directed: DirectedArcs, matrix: Matrix, options: SolverOptions) -> Outcome | None:
    """Return the LP relaxation of the undirected model if that with two arcs a link is tighter; else None.

    Where every source has one way out, both relaxations are equal, and the undirected model is proven sooner.
    """
    found = []
    for each in (matrix, directed.matrix):
        found.append(Highs.lp_relaxation(each, options).run(np.inf, "directed arcs: relaxation"))
        if found[-1].status != "optimal":
            return None
    undirected, tighter = (each.objective for each in found)
    gained = (undirected - tighter) * matrix.sign
    return found[0] if gained > _TIGHTER * abs(undirected) else None


def directed_arcs(problem: Problem, matrix: Matrix) -> DirectedArcs | None:
    """Return the model of one period with two arcs a link; None with existing pipes, trucks or more periods."""
    network = problem.network
    assert network is not None
    if len(problem.years) > 1 or network.lines["is_free"].any() or not is_cheaper_below(network.lines):
        return None
    link_at = {link: k for k, link in enumerate(network.links["link"])}
    link_of = {line: link_at[link] for line, link in zip(network.lines["line"], network.lines["link"], strict=True)}
    pipes = np.sort(matrix.columns_of(*_PIPE_VARIABLES))
    link = np.array([link_of[matrix.columns[j].index[0]] for j in pipes], dtype=np.int64)
    n, n_pipes = len(matrix.lower), len(pipes)
    flows = np.full((2, len(link_at)), -1, dtype=np.int64)
    for way, name in enumerate((FORWARD, REVERSE)):
        for j in matrix.columns_of(name):
            flows[way, link_at[matrix.columns[j].index[0]]] = j
    if (flows < 0).any():
        return None
    copy = np.full(n, -1, dtype=np.int64)
    copy[pipes] = n + np.arange(n_pipes)
    return DirectedArcs(
        _split_matrix(problem, matrix, pipes, copy, link), pipes, n + np.arange(n_pipes), flows[0], flows[1], link
    )


def _split_matrix(problem: Problem, matrix: Matrix, pipes: Ints, copy: Ints, link: Ints) -> Matrix:
    """The matrix with a second arc for every pipe column."""
    assert problem.network is not None
    links = problem.network.links
    starts, ends = links["node_a"].to_numpy(object), links["node_b"].to_numpy(object)
    n, n_rows = len(matrix.lower), len(matrix.row_lower)
    is_pipe = copy >= 0
    link_of_column = np.full(n, -1, dtype=np.int64)
    link_of_column[pipes] = link
    is_reverse = matrix.is_of(REVERSE)
    names = np.array([name for name, _ in matrix.row_constraints], dtype=object)
    entries = sparse.coo_array(matrix.rows)
    row, column, value = entries.row, entries.col, entries.data
    on_pipe, of = is_pipe[column], names[row]
    # Rows of an arc stand twice; the row of both ways becomes one row a way.
    doubled = np.flatnonzero(np.isin(names, [*_OF_AN_ARC, BOTH_WAYS]))
    second = np.full(n_rows, -1, dtype=np.int64)
    second[doubled] = n_rows + np.arange(len(doubled))
    node = np.array([_node_of(problem, *each) for each in matrix.row_constraints], dtype=object)
    at = np.where(on_pipe, link_of_column[column], 0)
    leaves_by_forward = starts[at] == node[row]
    enters_by_forward = ends[at] == node[row]
    alone = np.isin(of, [*_OF_AN_ARC, BOTH_WAYS])
    source, site = of == SOURCE_HAS_PIPE, of == SITE_HAS_PIPE
    # First arcs stay in their rows, but for pipes that lead the wrong way and the reverse flow.
    first = ~(on_pipe & ((source & ~leaves_by_forward) | (site & ~enters_by_forward)))
    first &= ~((of == BOTH_WAYS) & is_reverse[column])
    also = on_pipe & ~alone & ~((source & leaves_by_forward) | (site & enters_by_forward))
    of_second = alone & (on_pipe | ((of == BOTH_WAYS) & is_reverse[column]))
    n_one_size = len(matrix.rows_of(ONE_SIZE))
    sized = {matrix.row_constraints[i][1][0] for i in matrix.rows_of(ONE_SIZE)} if n_one_size else set()
    single = np.array(
        [j for j in matrix.columns_of(PIPE) if links["link"].iat[link_of_column[j]] not in sized], dtype=np.int64
    )
    one_arc = n_rows + len(doubled) + np.arange(len(single))
    where = np.where(is_pipe[column], copy[column], column)
    rows = sparse.csc_array(
        (
            np.r_[value[first], value[also], value[of_second], np.ones(2 * len(single))],
            (
                np.r_[row[first], row[also], second[row[of_second]], one_arc, one_arc],
                np.r_[column[first], where[also], where[of_second], single, copy[single]],
            ),
        ),
        shape=(n_rows + len(doubled) + len(single), n + len(pipes)),
    )
    rows.sort_indices()
    return replace(
        matrix,
        rows=rows,
        row_lower=np.r_[matrix.row_lower, matrix.row_lower[doubled], np.full(len(single), -np.inf)],
        row_upper=np.r_[matrix.row_upper, matrix.row_upper[doubled], np.ones(len(single))],
        lower=np.r_[matrix.lower, matrix.lower[pipes]],
        upper=np.r_[matrix.upper, matrix.upper[pipes]],
        is_integer=np.r_[matrix.is_integer, matrix.is_integer[pipes]],
        costs=np.hstack([matrix.costs, matrix.costs[:, pipes]]),
        row_constraints=(
            *matrix.row_constraints,
            *((f"{names[i]}_reverse", matrix.row_constraints[i][1]) for i in doubled),
            *((ONE_ARC, k) for k in range(len(single))),
        ),
        columns=(
            *matrix.columns,
            *(matrix.columns[j]._replace(variable=f"{matrix.columns[j].variable}_reverse") for j in pipes),
        ),
    )


def _node_of(problem: Problem, constraint: str, index: object) -> str | None:
    """The node whose connection a row demands; None for other rows."""
    assert problem.network is not None
    if constraint == SOURCE_HAS_PIPE:
        return problem.network.node_of_plant[index[0]]  # type: ignore[index]
    return index[0] if constraint == SITE_HAS_PIPE else None  # type: ignore[index]
