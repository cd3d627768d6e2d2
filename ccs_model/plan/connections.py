"""The network of a problem as columns of its matrix, for cuts that keep what is used connected."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model.problem import Problem
from ccs_model.solver import Matrix
from ccs_model.solver.connections import Connections, Demand


def connections_of(problem: Problem, matrix: Matrix) -> Connections:
    """Edges are links with something to lay; free lines are none, for the rows of use subtract what they carry."""
    network = problem.network
    assert network is not None
    nodes = pd.Index(network.nodes["node"])
    years = {year: y for y, year in enumerate(problem.years)}
    link_of = dict(zip(network.lines["line"], network.lines["link"], strict=True))
    laid: dict[str, list[tuple[int, int]]] = {}
    for j in matrix.columns_of("pipe"):
        line, year = matrix.columns[j].index
        laid.setdefault(link_of[line], []).append((years[year], int(j)))
    # A pipe that is there already crosses a border without being laid.
    there = set(network.lines.loc[network.lines["is_free"] & (network.lines["pipe"] != "truck"), "link"])
    links = network.links[network.links["link"].isin(set(laid) | there)]
    opened: dict[int, list[tuple[int, int]]] = {}
    for j in matrix.columns_of("opened"):
        site, year = matrix.columns[j].index
        opened.setdefault(int(nodes.get_loc(site)), []).append((years[year], int(j)))
    pipes_and_sites = set(matrix.columns_of("pipe").tolist())
    rows = matrix.rows.tocsr()
    demands = []
    for i in matrix.rows_of("a_used_source_has_a_pipe"):
        plant, _, year = matrix.row_claims[i][1]
        row = rows[[int(i)]].tocoo()
        used = [k for k, j in enumerate(row.col) if int(j) not in pipes_and_sites]
        demands.append(
            Demand(
                int(nodes.get_loc(network.node_of_plant[plant])),
                years[year],
                row.col[used].astype(np.int64),
                row.data[used].astype(float),
            )
        )
    n_years = len(problem.years)

    def by_year(found: list[tuple[int, int]]) -> tuple[np.ndarray, ...]:
        return tuple(np.array([j for y, j in found if y <= until], dtype=np.int64) for until in range(n_years))

    return Connections(
        n_nodes=len(nodes),
        start=nodes.get_indexer(links["node_a"]).astype(np.int64),
        end=nodes.get_indexer(links["node_b"]).astype(np.int64),
        pipes=tuple(by_year(laid.get(link, [])) for link in links["link"]),
        is_there=links["link"].isin(there).to_numpy(bool),
        opened={node: by_year(found) for node, found in opened.items()},
        demands=tuple(demands),
    )
