"""The network of a matrix with its sources, for inequalities by source."""

from __future__ import annotations

import numpy as np

from ccs_model._typing import Floats, Ints
from ccs_model.mip import Matrix
from ccs_model.mip.search import FixedChargeNetwork
from ccs_model.mip.source_prices import Columns, SourceNetwork
from ccs_model.model.names import (
    ADDED_CAPACITY,
    BALANCE,
    BUILD,
    CAPACITY_NEEDS_PIPE,
    FORWARD,
    INJECTED,
    OPENED,
    PIPE,
    PIPE_FLOW,
    PIPE_LIMIT,
    REVERSE,
    WELL_LIMIT,
    WELLS,
)
from ccs_model.problem import Problem
from ccs_model.solve.fixed_charge_network import network_of


def source_network_of(problem: Problem, matrix: Matrix) -> SourceNetwork | None:
    """Return the network in the last year.

    There is none where a line is free to use, or where columns of the network have been removed one by one.
    """
    assert problem.network is not None
    if problem.network.lines["is_free"].any():
        return None
    return _network_in(matrix, problem, network_of(problem, matrix), problem.years[-1])


def _network_in(matrix: Matrix, problem: Problem, fixed_charges: FixedChargeNetwork, year: int) -> SourceNetwork | None:
    rows = [int(i) for i in matrix.rows_of(BALANCE) if matrix.row_constraints[i][1][1] == year]
    node_at = {matrix.row_constraints[i][1][0]: n for n, i in enumerate(rows)}
    ends: dict[object, list[tuple[int, float]]] = {}
    captured: list[tuple[int, int, float]] = []
    injected: list[tuple[int, int, float]] = []
    for n, i in enumerate(rows):
        for j, value in zip(*(each.tolist() for each in matrix.entries(i)), strict=True):
            kind = matrix.columns[j].variable
            if kind in (FORWARD, REVERSE):
                # Reverse flow counts at both ends with the other sign.
                ends.setdefault(matrix.columns[j].index[0], []).append((n, value if kind == FORWARD else -value))
            else:
                (injected if kind == INJECTED else captured).append((n, j, value))
    signs = {np.sign(value) for _, j, value in captured if matrix.columns[j].variable == BUILD}
    if len(signs) != 1:
        return None
    (sign,) = signs
    joined = _joined(ends, sign)
    if joined is None:
        return None
    start, end = joined
    links = {link: k for k, link in enumerate(ends)}
    pipes = _pipes_in(matrix, problem, links, year)
    if pipes is None or not len(pipes[0]):
        return None
    supply = _supplies([(n, j, value * sign) for n, j, value in captured], fixed_charges.choice)
    if not supply:
        return None
    source_at = {n: p for p, n in enumerate(supply)}
    sites = [s for s in problem.sites["site"] if s in node_at]
    site_at = {site: k for k, site in enumerate(sites)}
    opened = [(site_at[s], int(j), 1.0) for j, (s, y) in _named(matrix, OPENED) if y <= year and s in site_at]
    at_node = {node_at[s]: k for s, k in site_at.items()}
    if any(n not in at_node for n, _, _ in injected):
        return None
    wells = _wells_by(matrix, site_at, year)
    link, included, largest, built, added = pipes
    return SourceNetwork(
        start=start,
        end=end,
        link=link,
        included=included,
        largest=largest,
        pipes=_columns(built),
        added=_columns(added),
        source=np.array([*supply], dtype=np.int64),
        supply=np.array([*supply.values()]),
        captured=_columns([(source_at[n], j, value * sign) for n, j, value in captured if n in source_at]),
        site=np.array([node_at[s] for s in sites], dtype=np.int64),
        opened=_columns(opened),
        injected=_columns([(at_node[n], j, -value * sign) for n, j, value in injected]),
        wells=_columns(wells),
        balance=np.array(rows, dtype=np.int64),
        sign=float(sign),
        money_rows=fixed_charges.budget_rows,
    )


def _joined(ends: dict[object, list[tuple[int, float]]], sign: float) -> tuple[Ints, Ints] | None:
    """[link] nodes at which it starts and ends; None where one has been removed."""
    start, end = np.zeros((2, len(ends)), dtype=np.int64)
    for k, at in enumerate(ends.values()):
        # Flow into a node has the sign of captured CO₂.
        into, out_of = ({n for n, value in at if value * way > 0} for way in (sign, -sign))
        if len(into) != 1 or len(out_of) != 1:
            return None
        (start[k],), (end[k],) = out_of, into
    return start, end


def _supplies(captured: list[tuple[int, int, float]], choice: Ints) -> dict[int, float]:
    """Most that each node delivers, where it delivers: the largest of retrofits that exclude each other."""
    most: dict[tuple[int, int], float] = {}
    for n, j, value in captured:
        key = n, int(choice[j]) if choice[j] >= 0 else -1 - j
        most[key] = max(most.get(key, 0.0), value)
    supply: dict[int, float] = {}
    for (n, _), value in sorted(most.items()):
        supply[n] = supply.get(n, 0.0) + value
    return {n: value for n, value in supply.items() if value > 0}


def _pipes_in(
    matrix: Matrix, problem: Problem, links: dict[object, int], year: int
) -> tuple[Ints, Floats, Floats, list[tuple[int, int, float]], list[tuple[int, int, float]]] | None:
    """Link, included and largest flow of each size, and its pipes and added capacity by column."""
    assert problem.network is not None
    link_of = dict(zip(problem.network.lines["line"], problem.network.lines["link"], strict=True))
    room: dict[str, float] = {}
    for i in matrix.rows_of(CAPACITY_NEEDS_PIPE):
        for j, value in zip(*(each.tolist() for each in matrix.entries(i)), strict=True):
            if matrix.columns[j].variable == PIPE:
                line = matrix.columns[j].index[0]
                room[line] = max(room.get(line, 0.0), -value)
    link: list[int] = []
    included: list[float] = []
    largest: list[float] = []
    built: list[tuple[int, int, float]] = []
    added: list[tuple[int, int, float]] = []
    for i in matrix.rows_of(PIPE_LIMIT):
        line, row_year = matrix.row_constraints[i][1]
        if row_year != year:
            continue
        k, entries = len(link), list(zip(*(each.tolist() for each in matrix.entries(i)), strict=True))
        per_flow = [value for j, value in entries if matrix.columns[j].variable == PIPE_FLOW]
        if not per_flow:
            continue
        if link_of[line] not in links:
            return None
        within = [-value for j, value in entries if matrix.columns[j].variable == PIPE]
        link.append(links[link_of[line]])
        included.append(max(within, default=0.0) / per_flow[0])
        largest.append((max(within, default=0.0) + room.get(line, 0.0)) / per_flow[0])
        built += [(k, j, 1.0) for j, _ in entries if matrix.columns[j].variable == PIPE]
        added += [(k, j, -value / per_flow[0]) for j, value in entries if matrix.columns[j].variable == ADDED_CAPACITY]
    return np.array(link, dtype=np.int64), np.array(included), np.array(largest), built, added


def _wells_by(matrix: Matrix, site_at: dict[str, int], year: int) -> list[tuple[int, int, float]]:
    """Wells by the year, each with the rate at which it injects."""
    found = []
    for i in matrix.rows_of(WELL_LIMIT):
        site, row_year = matrix.row_constraints[i][1]
        if row_year == year and site in site_at:
            entries = zip(*(each.tolist() for each in matrix.entries(i)), strict=True)
            found += [(site_at[site], j, -value) for j, value in entries if matrix.columns[j].variable == WELLS]
    return found


def _named(matrix: Matrix, variable: str) -> list[tuple[int, tuple[str, int]]]:
    return [(int(j), matrix.columns[j].index) for j in matrix.columns_of(variable)]


def _columns(entries: list[tuple[int, int, float]]) -> Columns:
    item, column, value = zip(*entries, strict=True) if entries else ((), (), ())
    return Columns(np.array(item, dtype=np.int64), np.array(column, dtype=np.int64), np.array(value, dtype=float))
