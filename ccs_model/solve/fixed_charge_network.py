"""The shared network of a problem as a fixed-charge network: its columns, connections, positions and sources."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Ints
from ccs_model.mip import Matrix
from ccs_model.mip.cut_sets import Connections, Demand
from ccs_model.mip.search import FixedChargeNetwork, Places
from ccs_model.mip.source_prices import Columns, SourceNetwork
from ccs_model.model.names import (
    ADDED_CAPACITY,
    BALANCE,
    BUILD,
    CAPACITY_NEEDS_PIPE,
    CURTAILED,
    FORWARD,
    INJECTED,
    MINIMUM_LOAD,
    MONEY_LIMITS,
    ONE_RETROFIT,
    OPENED,
    PIPE,
    PIPE_FLOW,
    PIPE_LIMIT,
    REVERSE,
    SOURCE_HAS_PIPE,
    WELL_LIMIT,
    WELLS,
)
from ccs_model.problem import Problem


def network_of(problem: Problem, matrix: Matrix) -> FixedChargeNetwork:
    """Return pipes and sites as fixed charges; sizes of a link and vintages of a site exclude each other."""
    assert problem.network is not None
    lines = problem.network.lines
    link_at = {link: k for k, link in enumerate(problem.network.links["link"])}
    link_of = {line: link_at[link] for line, link in zip(lines["line"], lines["link"], strict=True)}
    size_of = dict(zip(lines["line"], lines["largest_ktpa"], strict=True))
    pipes, opened = matrix.columns_of(PIPE), matrix.columns_of(OPENED)
    named = [matrix.columns[j].index for j in pipes]
    year_at = {year: y for y, year in enumerate(problem.years)}
    link = np.array([link_of[line] for line, _ in named], dtype=np.int64)
    year = np.array([year_at[y] for _, y in named], dtype=np.int64)
    size = np.array([size_of[line] for line, _ in named], dtype=float)
    sites = {site: k for k, site in enumerate(problem.sites["site"])}
    at_site = [matrix.columns[j].index for j in opened]
    site = np.array([sites[s] for s, _ in at_site], dtype=np.int64) + len(link_at)
    site_year = np.array([year_at[y] for _, y in at_site], dtype=float)
    n_years = len(problem.years)
    return FixedChargeNetwork(
        columns=np.r_[pipes, opened],
        arc_group=np.r_[link, site],
        exclusive=np.r_[link * n_years + year, site * n_years],
        # The largest size; of a site's vintages the first.
        rank=np.r_[size, -site_year],
        budget_rows=matrix.rows_of(*MONEY_LIMITS),
        choice=choices_of(matrix),
    )


def choices_of(matrix: Matrix) -> Ints:
    """[column] the number of the stream that it retrofits, or −1."""
    rows = matrix.rows.tocsr()[matrix.rows_of(ONE_RETROFIT)].tocoo()
    choice = np.full(len(matrix.lower), -1, dtype=np.int64)
    choice[rows.col] = rows.row
    return choice


def connections_of(problem: Problem, matrix: Matrix) -> Connections:
    """Return the network for cut-set inequalities.

    Edges are links on which a pipe can be built or is there already; trucks are no edges, since the rows of use
    subtract what they carry.
    """
    network = problem.network
    assert network is not None
    nodes = pd.Index(network.nodes["node"])
    years = {year: y for y, year in enumerate(problem.years)}
    link_of = network.link_of
    built: dict[str, list[tuple[int, int]]] = {}
    for j in matrix.columns_of(PIPE):
        line, year = matrix.columns[j].index
        built.setdefault(link_of[line], []).append((years[year], int(j)))
    existing = set(network.lines.loc[network.lines["is_free"] & (network.lines["pipe"] != "truck"), "link"])
    links = network.links[network.links["link"].isin(set(built) | existing)]
    opened: dict[int, list[tuple[int, int]]] = {}
    for j in matrix.columns_of(OPENED):
        site, year = matrix.columns[j].index
        opened.setdefault(int(nodes.get_loc(site)), []).append((years[year], int(j)))
    is_pipe, idle = matrix.is_of(PIPE), _curtailment_columns(problem, matrix)
    demands = []
    for i in matrix.rows_of(SOURCE_HAS_PIPE):
        plant, _, year = matrix.row_constraints[i][1]
        column, amount = matrix.entries(i)
        used = ~is_pipe[column]
        curtailed = dict(sorted({idle[j, year] for j in column[used].tolist() if (j, year) in idle}))
        columns, shares = np.array([*curtailed], dtype=np.int64), np.array([*curtailed.values()], dtype=float)
        demands.append(
            Demand(
                int(nodes.get_loc(network.node_of_plant[plant])),
                years[year],
                np.r_[column[used], columns],
                np.r_[amount[used], -shares],
            )
        )
    n_years = len(problem.years)

    def by_year(found: list[tuple[int, int]]) -> tuple[np.ndarray, ...]:
        return tuple(np.array([j for y, j in found if y <= until], dtype=np.int64) for until in range(n_years))

    return Connections(
        n_nodes=len(nodes),
        start=nodes.get_indexer(links["node_a"]).astype(np.int64),
        end=nodes.get_indexer(links["node_b"]).astype(np.int64),
        arcs=tuple(by_year(built.get(link, [])) for link in links["link"]),
        is_there=links["link"].isin(existing).to_numpy(bool),
        opened={node: by_year(found) for node, found in opened.items()},
        demands=tuple(demands),
    )


def _curtailment_columns(problem: Problem, matrix: Matrix) -> dict[tuple[int, int], tuple[int, float]]:
    """Return by retrofit and year the column curtailed, and its share in use per kt/y, where the load may be 0.

    A retrofit that captures nothing needs no path to a site. In one period it is never built unless it is required.
    """
    if len(problem.years) == 1 and not problem.require:
        return {}
    options = problem.routes
    may_idle = set(options.loc[options["min_load_share"] == 0, "route"])
    found = {}
    for i in matrix.rows_of(MINIMUM_LOAD) if may_idle else ():
        terms = matrix.terms(i)
        (curtailed,) = (j for j in terms if matrix.columns[j].variable == CURTAILED)
        delivered = {
            j: -value for j, value in terms.items() if j != curtailed and matrix.columns[j].index[0] in may_idle
        }
        for j in delivered:
            found[j, matrix.row_constraints[i][1][1]] = (curtailed, 1.0 / min(delivered.values()))
    return found


_KM_PER_DEGREE = 111.2


def places_of(problem: Problem, matrix: Matrix) -> Places:
    """Return positions for neighbourhood search: links at their middle, retrofits at their plant, wells at their site.

    Arc groups are links, then sites. The plane is true to scale at the mean latitude.
    """
    network = problem.network
    assert network is not None
    nodes = pd.Index(network.nodes["node"])
    degrees = network.nodes[["lat_deg", "lon_deg"]].to_numpy(float)
    narrower = np.cos(np.radians(degrees[:, 0].mean())) if len(degrees) else 1.0
    at_node = _KM_PER_DEGREE * degrees * np.array([1.0, narrower])
    links = network.links
    middles = (at_node[nodes.get_indexer(links["node_a"])] + at_node[nodes.get_indexer(links["node_b"])]) / 2
    # A site without a link is far from everything.
    found = nodes.get_indexer(problem.sites["site"])
    at_site = np.full((len(found), 2), np.inf)
    at_site[found >= 0] = at_node[found[found >= 0]]
    plant_of = dict(zip(problem.routes["route"], problem.routes["plant"], strict=True))
    columns, node = [], []
    for j in matrix.columns_of(BUILD, WELLS):
        variable, (name, _) = matrix.columns[j]
        columns.append(int(j))
        node.append(network.node_of_plant[plant_of[name]] if variable == BUILD else name)
    return Places(
        arc_groups=np.vstack([middles, at_site]),
        columns=np.array(columns, dtype=np.int64),
        at=at_node[nodes.get_indexer(node)] if node else np.zeros((0, 2)),
    )


def earns_by_tonnes(matrix: Matrix) -> bool:
    """Whether the objective is money that retrofits earn, so that it pays to use the network in every year."""
    gains = matrix.sign * matrix.costs[0]
    return bool((gains[matrix.columns_of(PIPE)] < 0).any() and (gains[matrix.columns_of(BUILD)] > 0).any())


def source_networks_of(problem: Problem, matrix: Matrix) -> list[SourceNetwork]:
    """Return the network in the last year, and in every year where retrofits earn money.

    There is none where a line is free to use, or where columns of the network have been removed one by one.
    """
    assert problem.network is not None
    if problem.network.lines["is_free"].any():
        return []
    years = problem.years if earns_by_tonnes(matrix) else problem.years[-1:]
    return [network for year in years if (network := _source_network(problem, matrix, year)) is not None]


def _source_network(problem: Problem, matrix: Matrix, year: int) -> SourceNetwork | None:
    rows = [int(i) for i in matrix.rows_of(BALANCE) if matrix.row_constraints[i][1][1] == year]
    node_at = {matrix.row_constraints[i][1][0]: n for n, i in enumerate(rows)}
    ends: dict[object, list[tuple[int, float]]] = {}
    captured: list[tuple[int, int, float]] = []
    injected: list[tuple[int, int, float]] = []
    for n, i in enumerate(rows):
        for j, value in matrix.terms(i).items():
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
    joined = _link_ends(ends, sign)
    if joined is None:
        return None
    start, end = joined
    links = {link: k for k, link in enumerate(ends)}
    pipes = _pipe_sizes(matrix, problem, links, year)
    if pipes is None or not len(pipes[0]):
        return None
    supply = _supplies([(n, j, value * sign) for n, j, value in captured], choices_of(matrix))
    if not supply:
        return None
    source_at = {n: p for p, n in enumerate(supply)}
    sites = [s for s in problem.sites["site"] if s in node_at]
    site_at = {site: k for k, site in enumerate(sites)}
    opened = [(site_at[s], int(j), 1.0) for j, (s, y) in _indexed_columns(matrix, OPENED) if y <= year and s in site_at]
    at_node = {node_at[s]: k for s, k in site_at.items()}
    if any(n not in at_node for n, _, _ in injected):
        return None
    wells = _wells_of_year(matrix, site_at, year)
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
        money_rows=matrix.rows_of(*MONEY_LIMITS),
    )


def _link_ends(ends: dict[object, list[tuple[int, float]]], sign: float) -> tuple[Ints, Ints] | None:
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


def _pipe_sizes(
    matrix: Matrix, problem: Problem, links: dict[object, int], year: int
) -> tuple[Ints, Floats, Floats, list[tuple[int, int, float]], list[tuple[int, int, float]]] | None:
    """Link, included and largest flow of each size, and its pipes and added capacity by column."""
    assert problem.network is not None
    link_of = problem.network.link_of
    room: dict[str, float] = {}
    for i in matrix.rows_of(CAPACITY_NEEDS_PIPE):
        for j, value in matrix.terms(i).items():
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
        k, entries = len(link), matrix.terms(i).items()
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


def _wells_of_year(matrix: Matrix, site_at: dict[str, int], year: int) -> list[tuple[int, int, float]]:
    """Wells by the year, each with the rate at which it injects."""
    found = []
    for i in matrix.rows_of(WELL_LIMIT):
        site, row_year = matrix.row_constraints[i][1]
        if row_year == year and site in site_at:
            found += [
                (site_at[site], j, -value)
                for j, value in matrix.terms(i).items()
                if matrix.columns[j].variable == WELLS
            ]
    return found


def _indexed_columns(matrix: Matrix, variable: str) -> list[tuple[int, tuple[str, int]]]:
    return [(int(j), matrix.columns[j].index) for j in matrix.columns_of(variable)]


def _columns(entries: list[tuple[int, int, float]]) -> Columns:
    item, column, value = zip(*entries, strict=True) if entries else ((), (), ())
    return Columns(np.array(item, dtype=np.int64), np.array(column, dtype=np.int64), np.array(value, dtype=float))
