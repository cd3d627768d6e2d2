"""Which lines and retrofits of a shared network a pool may leave out, and at which prices that is no loss.

A line outside the pool carries nothing. Whether it could pay is seen line by line: what a tonne gains over the link in
each year sets the price of its room, that of what is added sets the price of the pipe, and the pipe pays or does not.
A retrofit outside is worth what its tonnes are, less what it costs, with throttling where that pays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ccs_model.solver import Matrix

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_LINE_ROWS = ("flow_within_pipes", "added_needs_a_pipe", "a_larger_trend_carries_more")
_LINK_ROWS = ("both_ways_share_the_pipe", "committed_co2_within_pipes", "one_size_a_link_and_vintage")
_LINE_COLUMNS = ("pipe", "added_ktpa", "carried_ktpa")
_LINK_COLUMNS = ("forth_ktpa", "back_ktpa", "tail_forth_kt", "tail_back_kt")
_USED = 1e-9
# Retrofits that lose less than this share of what they are worth begin inside.
_CLOSE_SHARE = 1e-9


class NetworkPricing:
    """Of one planned program with its optimum over all columns: `x`, and `y` [row] its prices."""

    def __init__(self, planned: Matrix, link_of_line: dict[str, str], x: Floats, y: Floats) -> None:
        self._sign = 1.0 if planned.maximise[0] else -1.0
        lines, links = sorted(link_of_line), sorted(set(link_of_line.values()))
        line_at = {line: k for k, line in enumerate(lines)}
        link_at = {link: k for k, link in enumerate(links)}
        self._link_of_line = np.array([link_at[link_of_line[line]] for line in lines], dtype=np.int64)
        n_rows, n_columns = planned.rows.shape
        self._row_line, self._row_link = np.full(n_rows, -1), np.full(n_rows, -1)
        self._column_line, self._column_link = np.full(n_columns, -1), np.full(n_columns, -1)
        for i, (claim, index) in enumerate(planned.row_claims):
            if claim in _LINE_ROWS:
                self._row_line[i] = line_at[_first(index)]
            elif claim in _LINK_ROWS:
                self._row_link[i] = link_at[_first(index)]
        names = np.array([column.variable for column in planned.columns], dtype=object)
        for j, column in enumerate(planned.columns):
            if column.variable in _LINE_COLUMNS:
                self._column_line[j] = line_at[_first(column.index)]
            elif column.variable in _LINK_COLUMNS and _first(column.index) in link_at:
                self._column_link[j] = link_at[_first(column.index)]
        self._open = planned.upper > 0
        self._pipes, self._builds = (np.flatnonzero(names == name) for name in ("pipe", "build"))
        claims = np.array([claim for claim, _ in planned.row_claims], dtype=object)
        self._coefficients = planned.rows.tocsr()
        self._flow = self._pairs(planned, claims, "flow_within_pipes", names, ("carried_ktpa",))
        self._added = self._pairs(planned, claims, "added_needs_a_pipe", names, ("added_ktpa",))
        self._both = self._pairs(planned, claims, "both_ways_share_the_pipe", names, ("forth_ktpa", "back_ktpa"))
        self._tail = self._pairs(
            planned, claims, "committed_co2_within_pipes", names, ("tail_forth_kt", "tail_back_kt")
        )
        self._throttle = self._pairs(planned, claims, "throttling_keeps_minimum_load", names, ("throttled_ktpa",))
        self._throttle_row = np.full(n_columns, -1)
        self._throttle_row[self._throttle[1]] = self._throttle[0]
        self._is_throttle_row = np.isin(claims, ("throttling_keeps_minimum_load",))
        choice = self._pairs(planned, claims, "one_retrofit_per_stream", names, ("build",))
        # A retrofit of several streams stands in several rows; any of them tells its group.
        self._group = np.full(n_columns, -1)
        self._group[choice[1]] = choice[0]
        self._first = self._begin(planned, x, y)

    def first(self) -> Mask:
        """What the planned optimum uses, all that is no line, link or retrofit, and retrofits close to it."""
        return self._first.copy()

    def rows(self, inside: Mask) -> Mask:
        """All but those of lines, links and throttling outside."""
        lines, links = self._inside(inside)
        kept = np.ones(len(self._row_line), dtype=bool)
        kept[self._row_line >= 0] = lines[self._row_line[self._row_line >= 0]]
        kept[self._row_link >= 0] = links[self._row_link[self._row_link >= 0]]
        kept[self._is_throttle_row] = False
        throttled = self._throttle[1][inside[self._throttle[1]]]
        kept[self._throttle_row[throttled]] = True
        return kept

    def priced(self, matrix: Matrix, y: Floats, inside: Mask) -> tuple[Ints, float]:
        """Lines and retrofits outside that could better the point; completes `y`."""
        lines, links = self._inside(inside)
        for pairs, outside, signed in (
            (self._both, ~links[self._row_link[self._both[0]]], False),
            (self._tail, ~links[self._row_link[self._tail[0]]], True),
            (self._flow, ~lines[self._row_line[self._flow[0]]], True),
            (self._added, ~lines[self._row_line[self._added[0]]], True),
            (self._throttle, ~inside[self._throttle[1]], True),
        ):
            self._complete(matrix, y, pairs, outside, signed)
        worth = self._sign * (matrix.costs[0] - matrix.rows.T @ y)
        eps = 1e-12 * max(float(np.abs(matrix.costs[0]).max(initial=0.0)), 1.0)
        pays = self._pipes[(worth[self._pipes] > eps) & ~inside[self._pipes]]
        gain_of_link = np.zeros(int(self._link_of_line.max(initial=-1)) + 1)
        found = np.zeros(len(lines))
        np.maximum.at(found, self._column_line[pays], worth[pays])
        np.add.at(gain_of_link, self._link_of_line, found)
        n_years = max(len(self._pipes) // max(len(lines), 1), 1)
        excess = float(found.sum()) * n_years
        builds = self._builds[(worth[self._builds] > eps) & ~inside[self._builds]]
        best = np.zeros(len(self._row_line))
        np.maximum.at(best, self._group[builds], worth[builds])
        excess += float(best.sum())
        builds = builds[worth[builds] >= best[self._group[builds]]]
        throttled = self._worth_throttling(y, inside)
        excess += float(len(throttled) > 0)
        return self._with_lines(found > 0, np.concatenate([builds, throttled]), inside), excess

    def _worth_throttling(self, y: Floats, inside: Mask) -> Ints:
        """Throttling outside that would pay, of units with a retrofit inside."""
        rows, columns, _ = self._throttle
        pays = ~inside[columns] & (self._sign * y[rows] > 1e-9)
        if not pays.any():
            return np.zeros(0, dtype=np.int64)
        part = self._coefficients[rows[pays]]
        led = np.add.reduceat(
            np.r_[inside[part.indices] & (part.data < 0), False].astype(int), part.indptr[:-1]
        ) > 0  # fmt: skip
        return columns[pays][led]

    def _with_lines(self, joining: Mask, others: Ints, inside: Mask) -> Ints:
        """All columns of lines that join, with those of their links."""
        links = np.zeros(int(self._link_of_line.max(initial=-1)) + 1, dtype=bool)
        links[self._link_of_line[joining]] = True
        mine = np.zeros(len(inside), dtype=bool)
        at = self._column_line >= 0
        mine[at] = joining[self._column_line[at]]
        at = self._column_link >= 0
        mine[at] |= links[self._column_link[at]]
        mine[others] = True
        return np.flatnonzero(mine & ~inside)

    def _complete(self, matrix: Matrix, y: Floats, pairs: Any, outside: Mask, signed: bool) -> None:
        """Raise the prices of rows that stand aside until their own columns are worth nothing."""
        rows, columns, entries = (each[outside] for each in pairs)
        if not len(rows):
            return
        worth = self._sign * (matrix.costs[0] - matrix.rows.T @ y)[columns] / matrix.rows.data[entries]
        worth = np.where(self._open[columns], worth, -np.inf)
        most = np.full(len(y), -np.inf)
        np.maximum.at(most, rows, worth)
        price = np.maximum(most[rows], 0.0) if signed else most[rows]
        y[rows] = self._sign * np.where(np.isfinite(price), price, 0.0)

    def _pairs(
        self, planned: Matrix, claims: Any, claim: str, names: Any, variables: tuple[str, ...]
    ) -> tuple[Ints, Ints, Ints]:
        """Rows of a claim with columns of some variables in them, and where each entry stands."""
        columns = np.repeat(np.arange(planned.rows.shape[1]), np.diff(planned.rows.indptr))
        here = np.flatnonzero((claims[planned.rows.indices] == claim) & np.isin(names[columns], variables))
        return planned.rows.indices[here].astype(np.int64), columns[here], here

    def _inside(self, inside: Mask) -> tuple[Mask, Mask]:
        """Lines and links of the pool."""
        lines = np.zeros(len(self._link_of_line), dtype=bool)
        at = self._column_line >= 0
        lines[self._column_line[at & inside]] = True
        links = np.zeros(int(self._link_of_line.max(initial=-1)) + 1, dtype=bool)
        links[self._link_of_line[lines]] = True
        return lines, links

    def _begin(self, planned: Matrix, x: Floats, y: Floats) -> Mask:
        in_no_pool = (self._column_line < 0) & (self._column_link < 0)
        in_no_pool[self._builds] = False
        in_no_pool[self._throttle[1]] = False
        used = np.abs(x) > _USED
        lines = np.zeros(len(self._link_of_line), dtype=bool)
        at = self._column_line >= 0
        lines[self._column_line[at & used]] = True
        has_pipe = np.zeros(len(lines), dtype=bool)
        has_pipe[self._column_line[self._pipes]] = True
        # What is free to use is never left out.
        lines |= ~has_pipe
        worth = self._sign * (planned.costs[0] - planned.rows.T @ y)
        close = worth >= -_CLOSE_SHARE * np.abs(planned.costs[0])
        builds = self._builds[close[self._builds] | used[self._builds]]
        first = in_no_pool | (used & (self._column_line < 0))
        first[self._with_lines(lines, builds, np.zeros(len(x), dtype=bool))] = True
        return first


def _first(index: Any) -> Any:
    return index[0] if isinstance(index, tuple) else index
