"""Chains and dead ends of a network in one period: what a plan in hand leaves of it, in as few columns as it needs.

Where nothing can be captured or stored, what comes in over one of two links goes out over the other: both carry the
same, in a pipe of the same size, and one set of columns does for both. A link to a node without any other carries
nothing. Which plants can be in a plan better than the one in hand is found out before, so that most nodes are plain.

    node with links a and b only:   forth[a] = forth[b], back[a] = back[b] (or crosswise), pipe[a, size] = pipe[b, size]

The last holds where the flow says which size is laid: a size begins with the flow that the one before ends with, and
there it is not the cheaper one. Then nothing is gained by sending a flow to and fro, either.
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
from ccs_model.mip.matrix import residuals
from ccs_model.mip.presolve import Merged, RestrictedModel, fixed_by_reduced_cost, merged, restricted
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
# Rows about one link, and rows that hold of whatever is laid; in no others may columns of a chain stand.
_OF_A_LINK = (
    CAPACITY_NEEDS_PIPE, LARGER_TREND, PIPE_LIMIT, ONE_SIZE,
    BOTH_WAYS,
)  # fmt: skip
_OF_MANY = (BALANCE, SOURCE_HAS_PIPE, SITE_HAS_PIPE, CUT_SET)
# Of all retrofits: how many may be left to decide. Beyond that little becomes simpler.
_UNDECIDED_SHARE = 0.1
# Relative: how far computed flows and costs that are the same may lie apart.
_SAME = 1e-12


@dataclass(frozen=True, eq=False)
class ReducedModel:
    """The smaller program, and how it was made."""

    matrix: Matrix
    start: Floats
    lesser: RestrictedModel
    single: Merged

    def lifted(self, x: Floats) -> Floats:
        """A point of the smaller program as one of the larger."""
        return self.lesser.lifted(self.single.lifted(x))


def reduced_model(
    matrix: Matrix, start: Floats, options: SolverOptions, *, maximise: bool, deadline: float
) -> ReducedModel | None:
    """What is left of a program of one period when only plans no worse than `start` are sought.

    None where more than a few retrofits are left to decide, for then few nodes are plain, or `start` does not fit.
    """
    decided = np.r_[matrix.columns_of(BUILD), matrix.columns_of(OPENED)]
    value = float(matrix.costs[0] @ start)
    known = fixed_by_reduced_cost(matrix, decided, value, options, maximise=maximise, deadline=deadline)
    build = matrix.columns_of(BUILD)
    if (known.lower[build] < known.upper[build]).mean() > _UNDECIDED_SHARE:
        return None
    first = restricted(known, np.zeros(0, dtype=np.int64))
    off = _Network(first.matrix).dead_ends()
    lesser = restricted(known, first.columns[off])
    if not lesser.holds(start):
        return None
    pairs = _Network(lesser.matrix).pairs(maximise=maximise)
    single = merged(lesser.matrix, pairs)
    point = start[lesser.columns][single.columns]
    found = ReducedModel(single.matrix, point, lesser, single)
    return found if residuals(known, found.lifted(point)).hold else None


class _Network:
    """A matrix as nodes, links and sizes of links."""

    def __init__(self, matrix: Matrix) -> None:
        self.matrix = matrix
        self.rows = sparse.csr_array(matrix.rows)
        self.by_column = sparse.csc_array(matrix.rows)
        self.kind = [column.variable for column in matrix.columns]
        self.index = [column.index for column in matrix.columns]
        self.at = {(kind, index): j for j, (kind, index) in enumerate(zip(self.kind, self.index, strict=True))}
        self.flows: dict[object, dict[object, dict[str, tuple[int, float]]]] = {}
        for i in matrix.rows_of(BALANCE):
            terms = self.terms(int(i))
            if all(self.kind[j] in _FLOWS for j in terms):
                ends: dict[object, dict[str, tuple[int, float]]] = defaultdict(dict)
                for j, value in terms.items():
                    ends[self.index[j]][self.kind[j]] = j, value
                self.flows[matrix.row_constraints[i][1]] = dict(ends)
        self.sizes: dict[object, list[object]] = {}
        for i in matrix.rows_of(BOTH_WAYS):
            carried = [self.index[j] for j in self.terms(int(i)) if self.kind[j] == PIPE_FLOW]
            self.sizes[matrix.row_constraints[i][1]] = carried
        self.most, self.least = self._room(CAPACITY_NEEDS_PIPE), self._room(LARGER_TREND)

    def terms(self, row: int) -> dict[int, float]:
        """Coefficients of a row."""
        begin, end = self.rows.indptr[row], self.rows.indptr[row + 1]
        return dict(zip(self.rows.indices[begin:end].tolist(), self.rows.data[begin:end].tolist(), strict=True))

    def _room(self, constraint: str) -> dict[object, float]:
        found = {}
        for i in self.matrix.rows_of(constraint):
            for j, value in self.terms(int(i)).items():
                if self.kind[j] == PIPE:
                    found[self.index[j]] = abs(value)
        return found

    def dead_ends(self) -> Ints:
        """Pipes of links that lead to nothing but themselves."""
        removed: set[object] = set()
        while True:
            left = [set(ends) - removed for ends in self.flows.values()]
            new = {link for links in left if len(links) == 1 for link in links}
            if not new:
                break
            removed |= new
        lines = [line for link in removed for line in self.sizes.get(link, [])]
        return np.array([self.at[PIPE, line] for line in lines if (PIPE, line) in self.at], dtype=np.int64)

    def pairs(self, *, maximise: bool) -> list[tuple[int, int]]:
        """Columns that are the same in some best plan."""
        found: list[tuple[int, int]] = []
        for ends in self.flows.values():
            if len(ends) != 2:
                continue
            (a, at_a), (b, at_b) = ends.items()
            of_a, of_b = self._ordered(a, maximise), self._ordered(b, maximise)
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

    def _ordered(self, link: object, maximise: bool) -> list[object] | None:
        """Sizes of a link from small to large, where the flow says which of them is laid; None where it does not."""
        lines = self.sizes.get(link, [])
        columns = [self.at.get((kind, line), -1) for line in lines for kind in _PIPE_VARIABLES]
        if not lines or min(columns) < 0 or any(line not in self.most for line in lines):
            return None
        costs = self.matrix.costs[0] * (-1.0 if maximise else 1.0)
        for j in columns:
            rows = self.by_column.indices[self.by_column.indptr[j] : self.by_column.indptr[j + 1]]
            if costs[j] < 0 or any(self.matrix.row_constraints[i][0] not in _OF_A_LINK + _OF_MANY for i in rows):
                return None

        def cost(line: object, flow: float) -> float:
            pipe, added, carried = (float(costs[self.at[kind, line]]) for kind in _PIPE_VARIABLES)
            return pipe + (added + carried) * flow

        lines = sorted(lines, key=lambda line: self.most[line])
        if self.least.get(lines[0], 0.0) > 0:
            return None
        for small, large in pairwise(lines):
            flow = self.most[small]
            if self.least.get(large, 0.0) < flow * (1 - _SAME) or cost(large, flow) < cost(small, flow) * (1 - _SAME):
                return None
        return lines

    def _local_rows(self, link: object, renamed: dict[int, int] | None) -> set[object]:
        """Rows about one link, with columns named anew."""
        columns = [self.at[kind, link] for kind in _FLOWS if (kind, link) in self.at]
        columns += [self.at[kind, line] for line in self.sizes[link] for kind in _PIPE_VARIABLES]
        found: set[object] = set()
        for j in columns:
            for i in self.by_column.indices[self.by_column.indptr[j] : self.by_column.indptr[j + 1]]:
                if self.matrix.row_constraints[i][0] in _OF_A_LINK:
                    terms = self.terms(int(i)).items()
                    named = frozenset((j if renamed is None else renamed.get(j, -1), v) for j, v in terms)
                    found.add((named, float(self.matrix.row_lower[i]), float(self.matrix.row_upper[i])))
        return found


# Which way pipes carry, told apart: over one period a link that anything is laid on carries one way only.
#
# Flows of both directions share a pipe and cost as much as what they add up to, so the lesser one is taken off both
# at no cost; where a larger trend must carry more than is left then, the smaller one does for less
# (`_less_for_less`). With a share of each direction,
#
#     forth + back ≤ pipes laid        flow forth ≤ largest pipe × forth        flow back ≤ largest pipe × back
#
# connection cuts hold arc by arc: what is used has a way *out* of every set of nodes around it. That is tighter than
# counting pipes across a border whichever way they carry (made cases of 500 sources and 50 sites: the linear program
# with all cuts rises by 0.3 to 0.5 %, and what is proven of the optimum in a minute by 0.2 %).

ONE_DIRECTION = "carries_one_way"
_SLACK = 1e-6


@dataclass(frozen=True, eq=False)
class OneWay:
    """The program with directions as further columns and rows, and the network that its cuts are sought in."""

    matrix: Matrix
    connections: Connections
    n_columns: int

    def without(self, outcome: Outcome) -> Outcome:
        """An outcome as one of the program without directions."""
        n = self.n_columns
        return replace(
            outcome,
            x=None if outcome.x is None else outcome.x[:n],
            reduced_cost=None if outcome.reduced_cost is None else outcome.reduced_cost[:n],
        )


def one_way(problem: Problem, matrix: Matrix, connections: Connections) -> OneWay | None:
    """The program with directions; None where flows are staged, or free lines carry beside what is laid."""
    network = problem.network
    assert network is not None
    if len(problem.years) > 1 or network.lines["is_free"].any() or not _less_for_less(network.lines):
        return None
    built = {matrix.columns[j].index[0]: k for k, (columns,) in enumerate(connections.pipes) for j in columns}
    link_of = dict(zip(network.lines["line"], network.lines["link"], strict=True))
    edge = {link_of[line]: k for line, k in built.items()}
    n, n_edges = len(matrix.lower), len(connections.pipes)
    # What the largest pipe of an edge carries, as the program itself has it.
    included = dict(zip(network.lines["line"], network.lines["included_ktpa"], strict=True))
    largest = np.zeros(n_edges)
    for line, k in built.items():
        largest[k] = max(largest[k], included[line])
    room = matrix.rows.tocsr()[matrix.rows_of(CAPACITY_NEEDS_PIPE)].tocoo()
    for j, least in zip(room.col, room.data, strict=True):
        if least < 0:
            line = matrix.columns[j].index[0]
            largest[built[line]] = max(largest[built[line]], included[line] - least)
    ways = np.arange(n, n + 2 * n_edges).reshape(2, n_edges)
    blocks = []
    for way, name in zip(ways, (FORWARD, REVERSE), strict=True):
        flows = matrix.columns_of(name)
        edges = np.array([edge[matrix.columns[j].index[0]] for j in flows], dtype=np.int64)
        blocks.append(_rows([(flows, np.ones(len(flows))), (way[edges], -largest[edges])], n + 2 * n_edges))
    every = np.arange(n_edges)
    count = np.repeat(every, [len(columns) for (columns,) in connections.pipes])
    pipes = np.concatenate([columns for (columns,) in connections.pipes])
    shares = [(ways[0], np.ones(n_edges)), (ways[1], np.ones(n_edges))]
    either = _rows(shares, n + 2 * n_edges)
    either = either - sparse.csr_array((np.ones(len(pipes)), (count, pipes)), shape=either.shape)
    blocks.append(either)
    return OneWay(_extended(matrix, blocks, 2 * n_edges), replace(connections, ways=ways), n)


def _less_for_less(lines: pd.DataFrame) -> bool:
    """Whether a line that must carry so much at least is nowhere laid for less than the next smaller one costs then."""
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
    """One row for each place: Σ over the terms of coefficient × column."""
    n = len(terms[0][0])
    row = np.tile(np.arange(n), len(terms))
    columns, values = (np.concatenate([term[k] for term in terms]) for k in (0, 1))
    return sparse.csr_array((values, (row, columns)), shape=(n, n_columns))


def _extended(matrix: Matrix, blocks: list[sparse.csr_array], n_new: int) -> Matrix:
    """Further columns between 0 and 1 that cost nothing, and rows ≤ 0 below those of the matrix."""
    beside = sparse.csr_array((matrix.rows.shape[0], n_new))
    wide = sparse.hstack([sparse.csr_array(matrix.rows), beside], format="csr")
    rows = sparse.csc_array(sparse.vstack([wide, *blocks], format="csc"))
    rows.sort_indices()
    n_rows = sum(block.shape[0] for block in blocks)
    some = matrix.columns[0]
    return replace(
        matrix,
        rows=rows,
        row_lower=np.r_[matrix.row_lower, np.full(n_rows, -np.inf)],
        row_upper=np.r_[matrix.row_upper, np.zeros(n_rows)],
        lower=np.r_[matrix.lower, np.zeros(n_new)],
        upper=np.r_[matrix.upper, np.ones(n_new)],
        is_integer=np.r_[matrix.is_integer, np.zeros(n_new, dtype=bool)],
        costs=np.hstack([matrix.costs, np.zeros((len(matrix.costs), n_new))]),
        row_constraints=(*matrix.row_constraints, *((ONE_DIRECTION, k) for k in range(n_rows))),
        columns=(*matrix.columns, *(some._replace(variable="way", index=k) for k in range(n_new))),
    )
