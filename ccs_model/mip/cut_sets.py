"""Cut-set inequalities of a fixed-charge network: every source in use has an open path to an open site.

For a source in use and any set S of nodes around it that lacks the site it feeds, some arc must leave S:

    use of the source ≤ Σ arcs across the border of S + Σ sites opened in S

A relaxation violates this freely, since it opens arcs in thin fractions. The most violated set is the minimum cut
between the source and all sites with the fractions as capacities; rounds of cuts and re-solves raise the bound.

References
----------
Magnanti, T. L., Wong, R. T. (1984). Network design and transportation planning: models and algorithms. Transportation
Science 18, 1–55.

Raack, C., Koster, A. M. C. A., Orlowski, S., Wessäly, R. (2011). On cut-based inequalities for capacitated network
design polyhedra. Networks 57, 141–156.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.mip.clock import now
from ccs_model.mip.highs import LARGE_ROWS, Highs, Outcome
from ccs_model.mip.matrix import Matrix, mask_at
from ccs_model.mip.search import Result, SearchContext
from ccs_model.mip.warm_start import NamedBasis

# A row Σ coefficient × column ≤ 0, as (columns, coefficients).
Cut = tuple[Ints, Floats]

_SCALE = 1_000_000
_VIOLATED = 1e-3
_SLACK = 1e-6
CUT_SET = "connected_across_every_border"


@dataclass(frozen=True, eq=False)
class Demand:
    """The use of a source in a year: Σ coefficient × column, at most 1 in an integer point."""

    node: int
    year: int
    columns: Ints
    coefficients: Floats


@dataclass(frozen=True, eq=False)
class Connections:
    """The network as columns of the matrix.

    Parameters
    ----------
    n_nodes
        Number of nodes.
    start, end
        [edge] nodes that an edge joins.
    arcs
        [edge][year] columns that open the edge by that year.
    is_there
        [edge] whether the edge is open without any column.
    opened
        [node][year] columns that open a site at the node by that year.
    demands
        Uses of the sources.
    ways
        [2, year, edge] columns of the shares in which an edge carries forward and in reverse. If given, only ways out
        of a set of nodes count, not all arcs across its border.
    """

    n_nodes: int
    start: Ints
    end: Ints
    arcs: tuple[tuple[Ints, ...], ...]
    is_there: Mask
    opened: dict[int, tuple[Ints, ...]]
    demands: tuple[Demand, ...]
    ways: Ints | None = None

    def find_violated_cuts(self, x: Floats) -> list[Cut]:
        """Return the inequalities Σ coefficient × column ≤ 0 that `x` violates, each once."""
        found: dict[tuple[int, ...], Cut] = {}
        by_year: dict[int, list[Demand]] = {}
        for demand in self.demands:
            if float(demand.coefficients @ x[demand.columns]) > _VIOLATED:
                by_year.setdefault(demand.year, []).append(demand)
        for year, demands in by_year.items():
            forward, reverse = (
                np.round(np.where(self.is_there, 1.0, built) * _SCALE).astype(np.int32)
                for built in self._open_fractions(x, year)
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
                inside = mask_at(target + 1, breadth_first_order(left, demand.node, return_predecessors=False))
                row = self._row(demand, inside, year)
                found.setdefault(tuple(row[0].tolist()), row)
        return list(found.values())

    def _open_fractions(self, x: Floats, year: int) -> tuple[Floats, Floats]:
        """[edge] how much of it is open, or carries, forward and in reverse."""
        if self.ways is None:
            built = np.array([min(float(x[columns[year]].sum()), 1.0) for columns in self.arcs])
            return built, built
        forward, reverse = np.clip(x[self.ways[:, year]], 0.0, 1.0)
        return forward, reverse

    def _row(self, demand: Demand, inside: Mask, year: int) -> Cut:
        crossing = np.flatnonzero(inside[self.start] != inside[self.end])
        if self.ways is None:
            across = [self.arcs[edge][year] for edge in crossing]
        else:
            across = [self.ways[np.where(inside[self.start[crossing]], 0, 1), year, crossing]]
        across += [columns[year] for node, columns in self.opened.items() if inside[node]]
        opening_columns = np.unique(np.concatenate(across)) if across else np.zeros(0, dtype=np.int64)
        columns = np.concatenate([demand.columns, opening_columns])
        return columns, np.concatenate([demand.coefficients, -np.ones(len(opening_columns))])


@dataclass(frozen=True)
class Relax:
    """Solve the LP relaxation, then add rounds of violated cut-set inequalities.

    Parameters
    ----------
    cut_rounds
        Most rounds of cuts.
    cuts_until
        Share of the effort, counted from the end of the relaxation without cuts, by which the cuts end.
    min_gain, idle_rounds
        Cuts end after this number of rounds in a row that each move the bound by less than this relative gain.
    """

    cut_rounds: int = 8
    cuts_until: float = 1.0
    min_gain: float = 1e-5
    idle_rounds: int = 2

    def run(
        self, context: SearchContext, connections: Connections, stage: str, basis: NamedBasis | None = None
    ) -> tuple[SearchContext, Result]:
        """Return the search over the matrix with the cuts that are tight in the end, and the relaxation with them.

        `basis` is one of a relaxation without some of the rows.
        """
        highs = Highs(context.matrix, context.options, context.on_progress)
        if basis is not None:
            highs.start_from_basis(basis)
        effort = self.cuts_until * (context.deadline - context.began)
        cuts, relaxation = self.solve(highs, connections, effort, stage)
        result = Result(relaxation.status, bound=relaxation.objective, relaxation=relaxation)
        return replace(context, matrix=with_cuts(context.matrix, cuts)), result

    def solve(self, highs: Highs, connections: Connections, effort: float, stage: str) -> tuple[list[Cut], Outcome]:
        """Return the cuts that are tight in the end, and the relaxation with all cuts, which stay in the instance.

        The relaxation is solved to its end; `effort` is that of the cuts.
        """
        highs.set_integrality(False)
        is_large = len(highs.matrix.row_lower) > LARGE_ROWS
        if is_large:
            highs.use_interior_point()
        outcome = highs.run(np.inf, f"{stage}: relaxation")
        if is_large or outcome.status != "optimal" or outcome.x is None:
            return [], outcome
        cuts: list[Cut] = []
        x, n_idle, deadline = outcome.x, 0, now() + effort
        for _ in range(self.cut_rounds):
            new = connections.find_violated_cuts(x)
            if not new or now() >= deadline:
                break
            for columns, coefficients in new:
                highs.add_sparse_row(columns, coefficients, -np.inf, 0.0)
            cuts += new
            again = highs.run(deadline - now(), f"{stage}: cuts")
            if again.x is None or again.status != "optimal":
                break
            gain = abs(again.objective - outcome.objective)
            outcome, x = again, again.x
            # A single round of cuts may leave the bound where it is.
            n_idle = n_idle + 1 if gain < self.min_gain * max(abs(again.objective), 1.0) else 0
            if n_idle == self.idle_rounds:
                break
        return select_tight_cuts(cuts, x), outcome


def select_tight_cuts(cuts: Sequence[Cut], x: Floats) -> list[Cut]:
    """Return the cuts that hold with equality at a point."""
    return [cut for cut in cuts if float(cut[1] @ x[cut[0]]) > -_SLACK]


def with_cuts(matrix: Matrix, rows: Sequence[Cut]) -> Matrix:
    """Return the matrix with the cuts as further rows Σ coefficient × column ≤ 0."""
    if not rows:
        return matrix
    count = np.repeat(np.arange(len(rows)), [len(columns) for columns, _ in rows])
    block = sparse.csr_array(
        (np.concatenate([c for _, c in rows]), (count, np.concatenate([columns for columns, _ in rows]))),
        shape=(len(rows), len(matrix.lower)),
    )
    n = len(rows)
    return matrix.with_rows(block, np.full(n, -np.inf), np.zeros(n), ((CUT_SET, k) for k in range(n)))
