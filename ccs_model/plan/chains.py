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
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ccs_model.solver import Matrix, SolverOptions
from ccs_model.solver.connections import CUT_SET
from ccs_model.solver.merging import Merged, merged, settled_beforehand
from ccs_model.solver.narrowing import Narrowed, narrowed
from ccs_model.solver.residuals import residuals

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FLOWS = ("forth_ktpa", "back_ktpa")
_LAID = ("pipe", "added_ktpa", "carried_ktpa")
# Rows about one link, and rows that hold of whatever is laid; in no others may columns of a chain stand.
_OF_A_LINK = (
    "added_needs_a_pipe", "a_larger_trend_carries_more", "flow_within_pipes", "one_size_a_link_and_vintage",
    "both_ways_share_the_pipe",
)  # fmt: skip
_OF_MANY = ("co2_in_equals_co2_out", "a_used_source_has_a_pipe", "a_used_site_has_a_pipe", CUT_SET)
# Of all retrofits: how many may be left to decide. Beyond that little becomes simpler.
_UNDECIDED_SHARE = 0.1
# Relative: how far computed flows and costs that are the same may lie apart.
_SAME = 1e-12


@dataclass(frozen=True, eq=False)
class Simpler:
    """The smaller program, and how it was made."""

    matrix: Matrix
    start: Floats
    lesser: Narrowed
    single: Merged

    def widened(self, x: Floats) -> Floats:
        """A point of the smaller program as one of the larger."""
        return self.lesser.widened(self.single.widened(x))


def simpler(
    matrix: Matrix, start: Floats, options: SolverOptions, *, maximise: bool, deadline: float
) -> Simpler | None:
    """What is left of a program of one period when only plans no worse than `start` are sought.

    None where more than a few retrofits are left to decide, for then few nodes are plain, or `start` does not fit.
    """
    decided = np.r_[matrix.columns_of("build"), matrix.columns_of("opened")]
    value = float(matrix.costs[0] @ start)
    known = settled_beforehand(matrix, decided, value, options, maximise=maximise, deadline=deadline)
    build = matrix.columns_of("build")
    if (known.lower[build] < known.upper[build]).mean() > _UNDECIDED_SHARE:
        return None
    first = narrowed(known, np.zeros(0, dtype=np.int64))
    off = _Network(first.matrix).dead_ends()
    lesser = narrowed(known, first.columns[off])
    if not lesser.holds(start):
        return None
    pairs = _Network(lesser.matrix).pairs(maximise=maximise)
    single = merged(lesser.matrix, pairs)
    point = start[lesser.columns][single.columns]
    found = Simpler(single.matrix, point, lesser, single)
    return found if residuals(known, found.widened(point)).hold else None


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
        for i in matrix.rows_of("co2_in_equals_co2_out"):
            terms = self.terms(int(i))
            if all(self.kind[j] in _FLOWS for j in terms):
                ends: dict[object, dict[str, tuple[int, float]]] = defaultdict(dict)
                for j, value in terms.items():
                    ends[self.index[j]][self.kind[j]] = j, value
                self.flows[matrix.row_claims[i][1]] = dict(ends)
        self.sizes: dict[object, list[object]] = {}
        for i in matrix.rows_of("both_ways_share_the_pipe"):
            carried = [self.index[j] for j in self.terms(int(i)) if self.kind[j] == "carried_ktpa"]
            self.sizes[matrix.row_claims[i][1]] = carried
        self.most, self.least = self._room("added_needs_a_pipe"), self._room("a_larger_trend_carries_more")

    def terms(self, row: int) -> dict[int, float]:
        """Coefficients of a row."""
        begin, end = self.rows.indptr[row], self.rows.indptr[row + 1]
        return dict(zip(self.rows.indices[begin:end].tolist(), self.rows.data[begin:end].tolist(), strict=True))

    def _room(self, claim: str) -> dict[object, float]:
        found = {}
        for i in self.matrix.rows_of(claim):
            for j, value in self.terms(int(i)).items():
                if self.kind[j] == "pipe":
                    found[self.index[j]] = abs(value)
        return found

    def dead_ends(self) -> Ints:
        """Pipes of links that lead to nothing but themselves."""
        gone: set[object] = set()
        while True:
            left = [set(ends) - gone for ends in self.flows.values()]
            new = {link for links in left if len(links) == 1 for link in links}
            if not new:
                break
            gone |= new
        lines = [line for link in gone for line in self.sizes.get(link, [])]
        return np.array([self.at["pipe", line] for line in lines if ("pipe", line) in self.at], dtype=np.int64)

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
            ways = _FLOWS if at_a["forth_ktpa"][1] * at_b["forth_ktpa"][1] < 0 else _FLOWS[::-1]
            same = {at_a[one][0]: at_b[other][0] for one, other in zip(_FLOWS, ways, strict=True)}
            for one, other in zip(of_a, of_b, strict=True):
                same |= {self.at[kind, one]: self.at[kind, other] for kind in _LAID}
            if self._local_rows(a, same) == self._local_rows(b, None):
                found += list(same.items())
        return found

    def _ordered(self, link: object, maximise: bool) -> list[object] | None:
        """Sizes of a link from small to large, where the flow says which of them is laid; None where it does not."""
        lines = self.sizes.get(link, [])
        columns = [self.at.get((kind, line), -1) for line in lines for kind in _LAID]
        if not lines or min(columns) < 0 or any(line not in self.most for line in lines):
            return None
        costs = self.matrix.costs[0] * (-1.0 if maximise else 1.0)
        for j in columns:
            rows = self.by_column.indices[self.by_column.indptr[j] : self.by_column.indptr[j + 1]]
            if costs[j] < 0 or any(self.matrix.row_claims[i][0] not in _OF_A_LINK + _OF_MANY for i in rows):
                return None

        def cost(line: object, flow: float) -> float:
            pipe, added, carried = (float(costs[self.at[kind, line]]) for kind in _LAID)
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
        columns += [self.at[kind, line] for line in self.sizes[link] for kind in _LAID]
        found: set[object] = set()
        for j in columns:
            for i in self.by_column.indices[self.by_column.indptr[j] : self.by_column.indptr[j + 1]]:
                if self.matrix.row_claims[i][0] in _OF_A_LINK:
                    terms = self.terms(int(i)).items()
                    named = frozenset((j if renamed is None else renamed.get(j, -1), v) for j, v in terms)
                    found.add((named, float(self.matrix.row_lower[i]), float(self.matrix.row_upper[i])))
        return found
