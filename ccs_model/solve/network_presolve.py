"""Network presolve for one period: reduced-cost fixing, dead ends, series reduction, and flow directions.

Reduced-cost fixing against the incumbent removes most plants and sites. At a node without supply or storage and with
two links, inflow over one link leaves over the other: both carry the same flow in a pipe of the same size, and one set
of columns serves both (series reduction). A link to a node without another link carries nothing (dead end).

    node with links a and b only:   forward[a] = forward[b], reverse[a] = reverse[b] (or crosswise),
                                    pipe[a, size] = pipe[b, size]

The last equation holds where the flow determines the size: each size begins at the flow at which the one before ends,
and is not cheaper there. Then circular flow brings no gain either.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import sparse

from ccs_model._typing import Floats, Ints
from ccs_model.mip import Matrix, Outcome, SolverOptions
from ccs_model.mip.cut_sets import CUT_SET, Connections
from ccs_model.mip.matrix import Column, residuals
from ccs_model.mip.presolve import (
    AggregatedModel,
    RestrictedModel,
    aggregate_columns,
    fix_by_reduced_cost,
    remove_columns,
)
from ccs_model.model.names import (
    ADDED_CAPACITY,
    BALANCE,
    BOTH_WAYS,
    BUILD,
    CAPACITY_NEEDS_PIPE,
    FORWARD,
    LARGER_TREND,
    ONE_SIZE,
    OPENED,
    PIPE,
    PIPE_FLOW,
    PIPE_LIMIT,
    REVERSE,
    SITE_HAS_PIPE,
    SOURCE_HAS_PIPE,
)
from ccs_model.problem import Problem

_FLOWS = (FORWARD, REVERSE)
_PIPE_VARIABLES = (PIPE, ADDED_CAPACITY, PIPE_FLOW)
# Rows of one link, and rows over many links; the columns of a series may stand in no other rows.
_OF_A_LINK = (
    CAPACITY_NEEDS_PIPE, LARGER_TREND, PIPE_LIMIT, ONE_SIZE,
    BOTH_WAYS,
)  # fmt: skip
_OF_MANY = (BALANCE, SOURCE_HAS_PIPE, SITE_HAS_PIPE, CUT_SET)
# Largest share of free retrofits; beyond it the reduction removes little.
_FREE_SHARE = 0.1
# Relative tolerance within which flows and costs count as equal.
_SAME = 1e-12


@dataclass(frozen=True, eq=False)
class ReducedModel:
    """The smaller model, its start, and the two reductions that made it."""

    matrix: Matrix
    start: Floats
    restricted_model: RestrictedModel
    aggregated: AggregatedModel

    def lift_to_full_model(self, x: Floats) -> Floats:
        """Return a point of the smaller model as one of the full model (lifted solution)."""
        return self.restricted_model.lift_to_full_model(self.aggregated.lift_to_full_model(x))


def reduced_model(matrix: Matrix, start: Floats, options: SolverOptions, *, deadline: float) -> ReducedModel | None:
    """Return the model of one period reduced to solutions that are no worse than `start`.

    None if too many retrofits stay free, or `start` is not a point of the smaller model.
    """
    build, decisions = matrix.columns_of(BUILD), matrix.columns_of(BUILD, OPENED)
    if not len(build):
        return None
    value = float(matrix.costs[0] @ start)
    known = fix_by_reduced_cost(matrix, decisions, value, options, deadline=deadline)
    if (known.lower[build] < known.upper[build]).mean() > _FREE_SHARE:
        return None
    first = remove_columns(known, np.zeros(0, dtype=np.int64))
    if not len(first.columns):
        return None
    off = _Network(first.matrix).dead_ends()
    restricted_model = remove_columns(known, first.columns[off])
    if not restricted_model.has_point(start) or not len(restricted_model.columns):
        return None
    pairs = _Network(restricted_model.matrix).pairs()
    aggregated = aggregate_columns(restricted_model.matrix, pairs)
    point = start[restricted_model.columns][aggregated.columns]
    found = ReducedModel(aggregated.matrix, point, restricted_model, aggregated)
    return found if residuals(known, found.lift_to_full_model(point)).hold else None


class _Network:
    """The network of a matrix: nodes, links and their sizes."""

    def __init__(self, matrix: Matrix) -> None:
        self.matrix = matrix
        self.by_column = sparse.csc_array(matrix.rows)
        self.kind = [column.variable for column in matrix.columns]
        self.index = [column.index for column in matrix.columns]
        self.at = {(kind, index): j for j, (kind, index) in enumerate(zip(self.kind, self.index, strict=True))}
        self.flows: dict[object, dict[object, dict[str, tuple[int, float]]]] = {}
        for i in matrix.rows_of(BALANCE):
            terms = matrix.terms(i)
            if all(self.kind[j] in _FLOWS for j in terms):
                ends: dict[object, dict[str, tuple[int, float]]] = defaultdict(dict)
                for j, value in terms.items():
                    ends[self.index[j]][self.kind[j]] = j, value
                self.flows[matrix.row_constraints[i][1]] = dict(ends)
        self.sizes: dict[object, list[object]] = {}
        for i in matrix.rows_of(BOTH_WAYS):
            flows = [self.index[j] for j in matrix.terms(i) if self.kind[j] == PIPE_FLOW]
            self.sizes[matrix.row_constraints[i][1]] = flows
        self.most, self.least = self._capacities(CAPACITY_NEEDS_PIPE), self._capacities(LARGER_TREND)

    def _capacities(self, constraint: str) -> dict[object, float]:
        found = {}
        for i in self.matrix.rows_of(constraint):
            for j, value in self.matrix.terms(i).items():
                if self.kind[j] == PIPE:
                    found[self.index[j]] = abs(value)
        return found

    def dead_ends(self) -> Ints:
        """Return the pipes of dead-end links."""
        removed: set[object] = set()
        while True:
            left = [set(ends) - removed for ends in self.flows.values()]
            new = {link for links in left if len(links) == 1 for link in links}
            if not new:
                break
            removed |= new
        lines = [line for link in removed for line in self.sizes.get(link, [])]
        return np.array([self.at[PIPE, line] for line in lines if (PIPE, line) in self.at], dtype=np.int64)

    def pairs(self) -> list[tuple[int, int]]:
        """Return pairs of columns that are equal in some optimal solution."""
        found: list[tuple[int, int]] = []
        for ends in self.flows.values():
            if len(ends) != 2:
                continue
            (a, at_a), (b, at_b) = ends.items()
            of_a, of_b = self._ordered_sizes(a), self._ordered_sizes(b)
            if (
                of_a is None
                or of_b is None
                or len(of_a) != len(of_b)
                or not all(len(at) == len(_FLOWS) for at in (at_a, at_b))
            ):
                continue
            ways = _FLOWS if at_a[FORWARD][1] * at_b[FORWARD][1] < 0 else _FLOWS[::-1]
            same = {at_a[one][0]: at_b[other][0] for one, other in zip(_FLOWS, ways, strict=True)}
            for one, other in zip(of_a, of_b, strict=True):
                same |= {self.at[kind, one]: self.at[kind, other] for kind in _PIPE_VARIABLES}
            if self._local_rows(a, same) == self._local_rows(b, None):
                found += list(same.items())
        return found

    def _ordered_sizes(self, link: object) -> list[object] | None:
        """Sizes of a link from small to large if the flow determines the size; else None."""
        lines = self.sizes.get(link, [])
        columns = [self.at.get((kind, line), -1) for line in lines for kind in _PIPE_VARIABLES]
        if not lines or min(columns) < 0 or any(line not in self.most for line in lines):
            return None
        costs = self.matrix.costs[0] * -self.matrix.sign
        for j in columns:
            rows = self.by_column.indices[self.by_column.indptr[j] : self.by_column.indptr[j + 1]]
            if costs[j] < 0 or any(self.matrix.row_constraints[i][0] not in _OF_A_LINK + _OF_MANY for i in rows):
                return None

        def cost(line: object, flow: float) -> float:
            fixed, capacity, flowing = (float(costs[self.at[kind, line]]) for kind in _PIPE_VARIABLES)
            return fixed + (capacity + flowing) * flow

        lines = sorted(lines, key=lambda line: self.most[line])
        if self.least.get(lines[0], 0.0) > 0:
            return None
        for small, large in pairwise(lines):
            flow = self.most[small]
            if self.least.get(large, 0.0) < flow * (1 - _SAME) or cost(large, flow) < cost(small, flow) * (1 - _SAME):
                return None
        return lines

    def _local_rows(self, link: object, renamed: dict[int, int] | None) -> set[object]:
        """Rows of one link, with columns renamed."""
        columns = [self.at[kind, link] for kind in _FLOWS if (kind, link) in self.at]
        columns += [self.at[kind, line] for line in self.sizes[link] for kind in _PIPE_VARIABLES]
        found: set[object] = set()
        for j in columns:
            for i in self.by_column.indices[self.by_column.indptr[j] : self.by_column.indptr[j + 1]]:
                if self.matrix.row_constraints[i][0] in _OF_A_LINK:
                    terms = self.matrix.terms(i).items()
                    named = frozenset((j if renamed is None else renamed.get(j, -1), v) for j, v in terms)
                    found.add((named, float(self.matrix.row_lower[i]), float(self.matrix.row_upper[i])))
        return found


# Flow directions: in a period a link carries one way only.
#
# Flows of both directions share a pipe and cost as much as their sum, so the smaller one can be cancelled at no cost.
# Where, in a single period, a larger size must then carry more than is left, the smaller size costs less
# (`is_cheaper_below`). With a share of each direction in each period,
#
#     forward + reverse ≤ pipes built so far, ≤ 1
#     forward flow ≤ largest pipes built so far × forward
#     reverse flow ≤ largest pipes built so far × reverse
#     share into a node over a link ≤ shares out of it over other links + site opened there so far
#
# cut-set inequalities hold arc by arc: every source has a way *out* of each set of nodes around it. This is tighter
# than counting pipes across a border in either direction.

ONE_DIRECTION = "carries_one_way"
_SLACK = 1e-6


@dataclass(frozen=True, eq=False)
class OneWayModel:
    """A matrix with directions as further columns and rows, and its network for cut-set inequalities."""

    matrix: Matrix
    connections: Connections
    n_columns: int

    def drop_directions(self, outcome: Outcome) -> Outcome:
        """Return an outcome as one of the model without directions."""
        n = self.n_columns
        return replace(
            outcome,
            x=None if outcome.x is None else outcome.x[:n],
            reduced_cost=None if outcome.reduced_cost is None else outcome.reduced_cost[:n],
        )


def one_way_model(problem: Problem, matrix: Matrix, connections: Connections) -> OneWayModel | None:
    """Return the model with directions; None with existing pipes or trucks, or without pipes."""
    network, n_years = problem.network, len(problem.years)
    assert network is not None
    if network.lines["is_free"].any() or (n_years == 1 and not is_cheaper_below(network.lines)):
        return None
    if not connections.arcs or not len(matrix.columns_of(FORWARD)):
        return None
    link_of = network.link_of
    edge: dict[str, int] = {}
    for k, arcs in enumerate(connections.arcs):
        edge |= dict.fromkeys((link_of[matrix.columns[j].index[0]] for j in arcs[-1]), k)
    n, n_edges = len(matrix.lower), len(connections.arcs)
    most = _largest_flow(problem, matrix, edge, n_edges)
    ways = np.arange(n, n + 2 * n_years * n_edges).reshape(2, n_years, n_edges)
    n_all = n + ways.size
    year_at = {year: y for y, year in enumerate(problem.years)}
    blocks, limits = [], []
    for way, name in zip(ways, (FORWARD, REVERSE), strict=True):
        flows = matrix.columns_of(name)
        edges = np.array([edge[matrix.columns[j].index[0]] for j in flows], dtype=np.int64)
        in_year = np.array([year_at[matrix.columns[j].index[1]] for j in flows], dtype=np.int64)
        blocks.append(_rows([(flows, np.ones(len(flows))), (way[in_year, edges], -most[in_year, edges])], n_all))
    # A relaxation may have flows in some of the years only.
    with_flow = np.unique([year_at[matrix.columns[j].index[1]] for j in matrix.columns_of(FORWARD)])
    either = _rows([(way[with_flow].ravel(), np.ones(len(with_flow) * n_edges)) for way in ways], n_all)
    by_year = [arcs[y] for y in with_flow for arcs in connections.arcs]
    count = np.repeat(np.arange(len(by_year)), [len(columns) for columns in by_year])
    pipes = np.concatenate(by_year)
    blocks.append(either - sparse.csr_array((np.ones(len(pipes)), (count, pipes)), shape=either.shape))
    limits = [np.zeros(block.shape[0]) for block in blocks]
    if n_years > 1:
        onward = _onward_rows(connections, ways, with_flow, n_all)
        blocks += [either, onward]
        limits += [np.ones(either.shape[0]), np.zeros(onward.shape[0])]
    rows = sparse.vstack(blocks, format="csr")
    n_rows, n_ways = len(matrix.row_lower), ways.size
    columns = (Column("way", k) for k in range(n_ways))
    wide = matrix.with_columns(sparse.csc_array((n_rows, n_ways)), np.zeros(n_ways), np.ones(n_ways), columns)
    names = ((ONE_DIRECTION, k) for k in range(rows.shape[0]))
    extended = wide.with_rows(rows, np.full(rows.shape[0], -np.inf), np.concatenate(limits), names)
    return OneWayModel(extended, replace(connections, ways=ways), n)


def _largest_flow(problem: Problem, matrix: Matrix, edge: dict[str, int], n_edges: int) -> Floats:
    """[year, edge] the largest delivered flow: the largest pipe in each vintage so far, at most all captured CO₂."""
    assert problem.network is not None
    lines, link_of = problem.network.lines, problem.network.link_of
    # Capacities as the matrix has them.
    included = dict(zip(lines["line"], lines[["included_ktpa", "largest_ktpa"]].min(axis=1), strict=True))
    largest = np.zeros(n_edges)
    for line, link in link_of.items():
        if link in edge:
            largest[edge[link]] = max(largest[edge[link]], included[line])
    room = matrix.rows.tocsr()[matrix.rows_of(CAPACITY_NEEDS_PIPE)].tocoo()
    for j, least in zip(room.col, room.data, strict=True):
        if least < 0:
            line = matrix.columns[j].index[0]
            k = edge[link_of[line]]
            largest[k] = max(largest[k], included[line] - least)
    so_far = np.arange(1, len(problem.years) + 1)[:, None] * largest * problem.delivered_share
    streams = problem.routes.groupby(["plant", "stream"])["nameplate_ktpa"].max()
    return np.minimum(so_far, float(streams.sum()) * problem.delivered_share)


def _onward_rows(connections: Connections, ways: Ints, years: Ints, n_columns: int) -> sparse.csr_array:
    """Rows: what flows into a node over one edge leaves over another, or is stored there."""
    n_edges = ways.shape[2]
    out_of: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for k in range(n_edges):
        out_of[int(connections.start[k])].append((0, k))
        out_of[int(connections.end[k])].append((1, k))
    rows, columns, values, n_rows = [], [], [], 0
    for k in range(n_edges):
        for way, node in ((0, int(connections.end[k])), (1, int(connections.start[k]))):
            for y in years:
                onward = [int(ways[side, y, other]) for side, other in out_of[node] if other != k]
                stored = connections.opened[node][y].tolist() if node in connections.opened else []
                rows += [n_rows] * (1 + len(onward) + len(stored))
                columns += [int(ways[way, y, k]), *onward, *stored]
                values += [1.0, *([-1.0] * (len(onward) + len(stored)))]
                n_rows += 1
    return sparse.csr_array((values, (rows, columns)), shape=(n_rows, n_columns))


def is_cheaper_below(lines: pd.DataFrame) -> bool:
    """Whether no size with a least flow costs less at that flow than the next smaller size."""
    lines = lines.sort_values(["link", "largest_ktpa"], kind="stable")
    bounded = lines["smallest_ktpa"].to_numpy(float) > 0
    before = lines.groupby("link").shift()[bounded]
    lines = lines[bounded]
    flow = lines["smallest_ktpa"].to_numpy(float)

    def capex_mn(of: pd.DataFrame) -> Floats:
        beyond = np.maximum(flow - of["included_ktpa"].to_numpy(float), 0.0)
        return of["fixed_mn"].to_numpy(float) + of["slope_mn_per_ktpa"].to_numpy(float) * beyond

    enough = before["largest_ktpa"].to_numpy(float) >= flow * (1 - _SLACK)
    cheaper = capex_mn(before) <= capex_mn(lines) * (1 + _SLACK)
    for running in ("om_mn_per_ktpa", "kwh_per_t"):
        cheaper &= before[running].to_numpy(float) <= lines[running].to_numpy(float) * (1 + _SLACK)
    return bool((enough & cheaper).all())


def _rows(terms: list[tuple[Ints, Floats]], n_columns: int) -> sparse.csr_array:
    """One row per position: Σ over the terms of coefficient × column."""
    n = len(terms[0][0])
    row = np.tile(np.arange(n), len(terms))
    columns, values = (np.concatenate([term[k] for term in terms]) for k in (0, 1))
    return sparse.csr_array((values, (row, columns)), shape=(n, n_columns))
