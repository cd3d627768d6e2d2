"""Connection cuts: what is used hangs together with a site by pipes that are laid, whichever way one parts the network.

For a source in use, and any set of nodes around it without the site it feeds, some pipe must cross the set's border:

    use of the source ≤ Σ pipes across the border + Σ sites opened inside

A relaxation breaks this freely, since it lays pipes in thin fractions. The most violated set is the minimum cut between
the source and all sites, with the fractions as capacities; rounds of cuts and re-solves raise the bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.mip.clock import now
from ccs_model.mip.highs import LARGE_ROWS, Highs, Outcome, Progress, SolverOptions
from ccs_model.mip.matrix import Matrix

# A row Σ coefficient × column ≤ 0.
Cut = tuple[Ints, Floats]

_SCALE = 1_000_000
_VIOLATED = 1e-3
_SLACK = 1e-6
_GAINED, _IDLE_ROUNDS = 1e-5, 2
CUT_SET = "connected_across_every_border"


@dataclass(frozen=True, eq=False)
class Demand:
    """A row that says how much a source is used: Σ coefficient × column, at most 1 in a whole plan."""

    node: int
    year: int
    columns: Ints
    coefficients: Floats


@dataclass(frozen=True, eq=False)
class Connections:
    """The network as columns: `pipes[edge][year]` lays an edge by a year, `opened[node][year]` opens a site there.

    `ways` [2, edge], where there are any: the share in which an edge carries from its start to its end, and back. Only
    ways out of a set of nodes then count, not all pipes across its border.
    """

    n_nodes: int
    start: Ints
    end: Ints
    pipes: tuple[tuple[Ints, ...], ...]
    is_there: Mask
    opened: dict[int, tuple[Ints, ...]]
    demands: tuple[Demand, ...]
    ways: Ints | None = None

    def violated(self, x: Floats) -> list[Cut]:
        """Rows Σ coefficient × column ≤ 0 that `x` breaks, each once."""
        found: dict[tuple[int, ...], Cut] = {}
        by_year: dict[int, list[Demand]] = {}
        for demand in self.demands:
            if float(demand.coefficients @ x[demand.columns]) > _VIOLATED:
                by_year.setdefault(demand.year, []).append(demand)
        for year, demands in by_year.items():
            forward, reverse = (
                np.round(np.where(self.is_there, 1.0, built) * _SCALE).astype(np.int32)
                for built in self._built(x, year)
            )
            target = self.n_nodes
            sites = list(self.opened)
            room = np.round([min(float(x[self.opened[s][year]].sum()), 1.0) * _SCALE for s in sites]).astype(np.int32)
            graph = sparse.csr_array(
                (
                    np.concatenate([forward, reverse, room]),
                    (
                        np.concatenate([self.start, self.end, np.array(sites, dtype=np.int64)]),
                        np.concatenate([self.end, self.start, np.full(len(sites), target)]),
                    ),
                ),
                shape=(target + 1, target + 1),
                dtype=np.int32,
            )
            graph.sum_duplicates()
            graph = sparse.csr_matrix(graph)
            for demand in demands:
                used = float(demand.coefficients @ x[demand.columns])
                flow = maximum_flow(graph, demand.node, target)
                if flow.flow_value >= (used - _VIOLATED) * _SCALE:
                    continue
                left = graph - flow.flow
                left.eliminate_zeros()
                inside = np.zeros(target + 1, dtype=bool)
                inside[breadth_first_order(left, demand.node, return_predecessors=False)] = True
                row = self._row(demand, inside, year)
                found.setdefault(tuple(row[0].tolist()), row)
        return list(found.values())

    def _built(self, x: Floats, year: int) -> tuple[Floats, Floats]:
        """[edge] how much of it is laid, or carries, from its start to its end and back."""
        if self.ways is None:
            built = np.array([min(float(x[columns[year]].sum()), 1.0) for columns in self.pipes])
            return built, built
        forward, reverse = np.clip(x[self.ways], 0.0, 1.0)
        return forward, reverse

    def _row(self, demand: Demand, inside: Mask, year: int) -> Cut:
        crossing = np.flatnonzero(inside[self.start] != inside[self.end])
        if self.ways is None:
            across = [self.pipes[edge][year] for edge in crossing]
        else:
            across = [self.ways[np.where(inside[self.start[crossing]], 0, 1), crossing]]
        across += [columns[year] for node, columns in self.opened.items() if inside[node]]
        theirs = np.unique(np.concatenate(across)) if across else np.zeros(0, dtype=np.int64)
        columns = np.concatenate([demand.columns, theirs])
        return columns, np.concatenate([demand.coefficients, -np.ones(len(theirs))])


def with_connection_cuts(
    matrix: Matrix,
    connections: Connections,
    options: SolverOptions,
    *,
    n_rounds: int,
    deadline: float,
    until: float,
    stage: str,
    on_progress: Callable[[Progress], None] | None = None,
) -> tuple[Matrix, Outcome]:
    """The matrix with the cuts that are tight in the end, and the relaxation's outcome with them.

    The relaxation may take until `deadline`, the cuts until `until`.
    """
    highs = Highs(matrix, options, on_progress)
    kept, outcome = cut_relaxation(highs, connections, n_rounds=n_rounds, deadline=deadline, until=until, stage=stage)
    return with_cuts(matrix, kept), outcome


def cut_relaxation(
    highs: Highs, connections: Connections, *, n_rounds: int, deadline: float, until: float, stage: str
) -> tuple[list[Cut], Outcome]:
    """Cuts that are tight in the end, and the relaxation's outcome with all of them, which stay in the instance."""
    highs.set_integrality(False)
    is_large = len(highs.matrix.row_lower) > LARGE_ROWS
    if is_large:
        highs.without_vertices()
    outcome = highs.run(deadline - now(), f"{stage}: relaxation")
    if is_large or outcome.status != "optimal" or outcome.x is None:
        return [], outcome
    rows: list[Cut] = []
    x, n_idle = outcome.x, 0
    for _ in range(n_rounds):
        new = connections.violated(x)
        if not new or now() >= until:
            break
        for columns, coefficients in new:
            highs.add_sparse_row(columns, coefficients, -np.inf, 0.0)
        rows += new
        again = highs.run(until - now(), f"{stage}: connecting")
        if again.x is None or again.status != "optimal":
            break
        gained = abs(again.objective - outcome.objective)
        outcome, x = again, again.x
        # One round of cuts may only move the relaxation sideways.
        n_idle = n_idle + 1 if gained < _GAINED * max(abs(again.objective), 1.0) else 0
        if n_idle == _IDLE_ROUNDS:
            break
    return [row for row in rows if float(row[1] @ x[row[0]]) > -_SLACK], outcome


def with_cuts(matrix: Matrix, rows: Sequence[Cut]) -> Matrix:
    """The matrix with rows Σ coefficient × column ≤ 0 below its own."""
    if not rows:
        return matrix
    count = np.repeat(np.arange(len(rows)), [len(columns) for columns, _ in rows])
    block = sparse.csr_array(
        (np.concatenate([c for _, c in rows]), (count, np.concatenate([columns for columns, _ in rows]))),
        shape=(len(rows), len(matrix.lower)),
    )
    whole = sparse.csc_array(sparse.vstack([matrix.rows, block], format="csc"))
    whole.sort_indices()
    return replace(
        matrix,
        rows=whole,
        row_lower=np.r_[matrix.row_lower, np.full(len(rows), -np.inf)],
        row_upper=np.r_[matrix.row_upper, np.zeros(len(rows))],
        row_constraints=(*matrix.row_constraints, *((CUT_SET, k) for k in range(len(rows)))),
    )
