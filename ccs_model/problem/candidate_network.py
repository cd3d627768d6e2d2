"""Candidate links of a shared network.

Nodes are places: plants at one place share a node, each site has one, and hubs gather clusters of plants. Candidate
links are a planar graph (Delaunay, pruned), the minimum spanning tree, each node's nearest neighbours, each plant's
nearest sites, and the planner's own links. The result does not depend on the order of the places.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.spatial import Delaunay, QhullError

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.engineering.co2_transport import distances_km, great_circle_km, unwrap_deg, wrap_deg
from ccs_model.errors import InputError, Issue, raise_issues
from ccs_model.inputs import Inputs
from ccs_model.inputs.checked_table import column_of
from ccs_model.inputs.csv_reader import csv_grid, own_bytes
from ccs_model.inputs.declarations import Column, Source
from ccs_model.problem.scenario_names import place_of
from ccs_model.scenario import Scenario
from ccs_model.scenario.sections import OwnTables
from ccs_model.scenario.validation import shown_text

NODE_COLUMNS = ["node", "kind", "lat_deg", "lon_deg", "is_offshore"]
# Places nearer to each other than this are one node: about a hundred metres.
_SAME_PLACE_KM = 0.1


@dataclass(frozen=True, eq=False)
class Network:
    """Nodes, candidate links and their pipe options.

    nodes   node, kind (plant, site, hub), lat_deg, lon_deg, is_offshore, grid, grid_province, province
    links   link, node_a, node_b, kind (pipe, truck), straight_km, length_km, cost_factor, is_offshore, grid,
            grid_province (of the plant whose grid pumps use), province (for budgets and funds)
    lines   line, link, pipe; a pipe option to build costs fixed_mn, and slope_mn_per_ktpa above included_ktpa, up to
            largest_ktpa; an existing pipe or a road has a flow of up to free_ktpa. All have om_mn_per_ktpa (a year, per
            kt/y of flow), kwh_per_t, haul_per_t, life_yr
    node_of_plant, node_of_site     by id
    most_ktpa       upper bound on the nameplate of any useful plan
    """

    nodes: pd.DataFrame
    links: pd.DataFrame
    lines: pd.DataFrame
    node_of_plant: dict[str, str]
    node_of_site: dict[str, str]
    most_ktpa: float = math.inf

    @property
    def built(self) -> Mask:
        """Pipe options that need construction."""
        here: Mask = ~self.lines["is_free"].to_numpy(bool)
        return here

    @cached_property
    def link_of(self) -> Mapping[str, str]:
        """The link of each pipe option."""
        return dict(zip(self.lines["line"], self.lines["link"], strict=True))

    @cached_property
    def lines_of(self) -> Mapping[str, list[str]]:
        """The pipe options of each link."""
        return self.lines.groupby("link")["line"].agg(list).to_dict()

    @cached_property
    def limits(self) -> Mapping[str, Mapping[str, float]]:
        """What each pipe option carries at least and at most: is_free, free_ktpa, included_ktpa, largest_ktpa."""
        columns = ["is_free", "free_ktpa", "included_ktpa", "largest_ktpa"]
        return self.lines.set_index("line")[columns].T.to_dict()

    def plants_with_a_site(self) -> set[str]:
        """Plants that are connected to a site."""
        part = self._parts()
        served = {part[node] for node in self.node_of_site.values()}
        return {plant for plant, node in self.node_of_plant.items() if part[node] in served}

    def sites_with_a_plant(self) -> set[str]:
        """Sites that are connected to a plant."""
        part = self._parts()
        served = {part[node] for node in self.node_of_plant.values()}
        return {site for site, node in self.node_of_site.items() if part[node] in served}

    def _parts(self) -> dict[str, int]:
        """Component of the network by node."""
        names = {node: k for k, node in enumerate(self.nodes["node"])}
        used = self.links[self.links["link"].isin(set(self.lines["link"]))]
        ends = [used[end].map(names).to_numpy(np.int64) for end in ("node_a", "node_b")]
        graph = sparse.csr_array((np.ones(len(used)), (ends[0], ends[1])), shape=(len(names), len(names)))
        _, part = connected_components(graph, directed=False)
        return {node: int(part[k]) for node, k in names.items()}


@dataclass(frozen=True)
class SearchRadii:
    """Parameters of the candidate links, from transport/limits."""

    link_max_km: float
    n_neighbours: int
    n_direct_sites: int
    prune_factor: float
    hub_diameter_km: float
    hub_plants_min: int


def places_as_nodes(plants: pd.DataFrame, sites: pd.DataFrame, hubs: pd.DataFrame, radii: SearchRadii) -> pd.DataFrame:
    """One row a node: sites, then plants at places of their own, then hubs; `members` lists the plants of a node."""
    plants = plants.sort_values("plant", kind="stable").reset_index(drop=True)
    group = _clusters(plants, _SAME_PLACE_KM)
    first = plants.groupby(group, sort=True).first()
    members = plants.groupby(group, sort=True)["plant"].agg(tuple)
    at_plants = _as_nodes(first, "plant").assign(members=members)
    at_sites = _as_nodes(sites, "site")
    if "is_offshore" in sites:
        at_sites["is_offshore"] = sites["is_offshore"].to_numpy(bool)
    gathered = _hubs(at_plants, radii)
    nodes = pd.concat([at_sites, at_plants, _as_nodes(hubs, "hub"), gathered], ignore_index=True)
    return nodes.sort_values(["kind", "node"], kind="stable").reset_index(drop=True)


def _as_nodes(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Rows of a table as nodes on land without members; their ids are in the column `kind`."""
    return pd.DataFrame(
        {
            "node": table[kind],
            "kind": kind,
            "lat_deg": table["lat_deg"],
            "lon_deg": table["lon_deg"],
            "is_offshore": False,
            "members": [()] * len(table),
        }
    )


def _clusters(places: pd.DataFrame, diameter_km: float) -> Ints:
    """Number of each place's cluster, by complete linkage."""
    if len(places) < 2:
        return np.zeros(len(places), dtype=np.int64)
    from scipy.cluster.hierarchy import fcluster, linkage  # takes 0.2 s, and only a shared network needs it

    xy = _flat_coordinates(places["lat_deg"].to_numpy(float), places["lon_deg"].to_numpy(float))
    return np.asarray(fcluster(linkage(xy, "complete"), diameter_km, "distance"), dtype=np.int64)


def _hubs(at_plants: pd.DataFrame, radii: SearchRadii) -> pd.DataFrame:
    """A hub in the middle of every cluster of plants that is no wider than hub_diameter_km."""
    none = pd.DataFrame(columns=[*NODE_COLUMNS, "members"])
    if len(at_plants) < max(radii.hub_plants_min, 2) or radii.hub_diameter_km <= 0:
        return none
    rows = []
    for _, inside in at_plants.groupby(_clusters(at_plants, radii.hub_diameter_km)):
        if len(inside) >= radii.hub_plants_min:
            placed = inside.assign(lon_deg=unwrap_deg(inside["lon_deg"].to_numpy(float)))
            middle = placed[["lat_deg", "lon_deg"]].astype(float).mean()
            rows.append((f"hub {min(inside['node'])}", middle["lat_deg"], float(wrap_deg(middle["lon_deg"]))))
    return _as_nodes(pd.DataFrame(rows, columns=["hub", "lat_deg", "lon_deg"]), "hub") if rows else none


def candidate_pairs(nodes: pd.DataFrame, radii: SearchRadii) -> Ints:
    """[n, 2] pairs of rows of `nodes`, each once with the smaller row first, sorted."""
    n = len(nodes)
    lat, lon = nodes["lat_deg"].to_numpy(float), nodes["lon_deg"].to_numpy(float)
    if n < 2:
        return np.zeros((0, 2), dtype=np.int64)
    planar = _delaunay_edges(_flat_coordinates(lat, lon))
    tree = _spanning_tree(planar, lat, lon, n)
    far = distances_km(nodes, nodes)
    np.fill_diagonal(far, np.inf)
    kept = [
        tree,
        _prune_detours(planar, far, radii),
        _nearest_pairs(far, np.arange(n), np.arange(n), radii.n_neighbours),
    ]
    is_site = (nodes["kind"] == "site").to_numpy()
    at_plants, at_sites = np.flatnonzero(nodes["kind"] == "plant"), np.flatnonzero(is_site)
    kept.append(_nearest_pairs(far, at_plants, at_sites, radii.n_direct_sites))
    pairs = _unique_pairs(np.concatenate(kept))
    return pairs[far[pairs[:, 0], pairs[:, 1]] <= radii.link_max_km]


def _flat_coordinates(lat: Floats, lon: Floats) -> Floats:
    """Coordinates in km east and north of the mean parallel, accurate enough to find neighbours."""
    middle, lon = np.radians(np.mean(lat)), unwrap_deg(lon)
    return np.column_stack([(lon - np.mean(lon)) * 111.195 * np.cos(middle), lat * 111.195])


def _unique_pairs(pairs: Ints) -> Ints:
    ordered = np.sort(pairs.reshape(-1, 2), axis=1)
    ordered = ordered[ordered[:, 0] != ordered[:, 1]]
    return np.unique(ordered, axis=0).astype(np.int64)


def _delaunay_edges(xy: Floats) -> Ints:
    """Edges of the triangulation; all pairs if there are too few points or all lie on a line."""
    n = len(xy)
    if n >= 4:
        try:
            corners = Delaunay(xy).simplices
        except QhullError:
            pass
        else:
            edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]])
            return _unique_pairs(edges.astype(np.int64))
    first, second = np.triu_indices(n, 1)
    return np.column_stack([first, second]).astype(np.int64)


def _spanning_tree(edges: Ints, lat: Floats, lon: Floats, n: int) -> Ints:
    length = great_circle_km(lat[edges[:, 0]], lon[edges[:, 0]], lat[edges[:, 1]], lon[edges[:, 1]])
    # scipy does not treat a length of 0 as an edge.
    graph = sparse.csr_array((np.maximum(length, 1e-6), (edges[:, 0], edges[:, 1])), shape=(n, n))
    tree = sparse.coo_array(minimum_spanning_tree(graph))
    return np.column_stack([tree.row, tree.col]).astype(np.int64)


def _prune_detours(edges: Ints, far: Floats, radii: SearchRadii) -> Ints:
    """Edges without a detour over one other node that is hardly longer."""
    straight = far[edges[:, 0], edges[:, 1]]
    round_about = (far[edges[:, 0]] + far[edges[:, 1]]).min(axis=1)
    return edges[round_about > radii.prune_factor * straight]


def _nearest_pairs(far: Floats, rows: Ints, columns: Ints, n: int) -> Ints:
    """Each of `rows` with its n nearest of `columns`."""
    n = min(n, len(columns))
    if not n or not len(rows):
        return np.zeros((0, 2), dtype=np.int64)
    order = np.argsort(far[np.ix_(rows, columns)], axis=1, kind="stable")[:, :n]
    return np.column_stack([np.repeat(rows, n), columns[order.ravel()]]).astype(np.int64)


def flow_bounds(links: pd.DataFrame, supply_ktpa: pd.Series, storing_ktpa: pd.Series, most_ktpa: float) -> Floats:
    """Return an upper bound on the flow of each link: supply behind it and storage ahead, in the better direction.

    Only a bridge has less than all supply behind it; `most_ktpa` bounds every flow.
    """
    names = sorted({*links["node_a"], *links["node_b"], *supply_ktpa.index, *storing_ktpa.index})
    at = {name: k for k, name in enumerate(names)}
    a = links["node_a"].map(at).to_numpy(np.int64)
    b = links["node_b"].map(at).to_numpy(np.int64)
    supply, storing = np.zeros(len(names)), np.zeros(len(names))
    supply[[at[name] for name in supply_ktpa.index]] = supply_ktpa.to_numpy(float)
    storing[[at[name] for name in storing_ktpa.index]] = storing_ktpa.to_numpy(float)
    n = len(names)
    graph = sparse.csr_array((np.ones(len(a)), (a, b)), shape=(n, n))
    _, part = connected_components(graph, directed=False)
    all_supply, all_storing = np.bincount(part, supply), np.bincount(part, storing)
    most = np.minimum(np.minimum(all_supply, all_storing)[part[a]], most_ktpa)
    for link, side in _bridges(a, b, n).items():
        beyond = np.zeros(n, dtype=bool)
        beyond[side] = True
        home = part[a[link]] == part
        behind, before = supply[beyond].sum(), storing[beyond].sum()
        other_supply, other_storing = supply[home].sum() - behind, storing[home].sum() - before
        out, into = min(behind, other_storing), min(other_supply, before)
        most[link] = min(most[link], max(out, into))
    return np.asarray(most, dtype=float)


def _bridges(a: Ints, b: Ints, n: int) -> dict[int, Ints]:
    """Bridges of the network, each with the nodes on its far side (Tarjan's low points)."""
    around: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    for link, (one, other) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        around[one].append((other, link))
        around[other].append((one, link))
    entered, low = np.full(n, -1), np.full(n, -1)
    order: list[int] = []
    found: dict[int, Ints] = {}
    for root in range(n):
        if entered[root] >= 0:
            continue
        stack: list[tuple[int, int, int]] = [(root, -1, 0)]
        entered[root] = low[root] = len(order)
        order.append(root)
        while stack:
            node, came, k = stack.pop()
            if k < len(around[node]):
                stack.append((node, came, k + 1))
                to, link = around[node][k]
                if link == came:
                    continue
                if entered[to] < 0:
                    entered[to] = low[to] = len(order)
                    order.append(to)
                    stack.append((to, link, 0))
                else:
                    low[node] = min(low[node], entered[to])
            elif stack:
                parent = stack[-1][0]
                low[parent] = min(low[parent], low[node])
                if low[node] > entered[parent]:
                    # All nodes entered since this one lie beyond the link.
                    found[came] = np.array(order[entered[node] :], dtype=np.int64)
    return found


# Corridors file of the planner: a CSV file whose column `link` names candidate links.

CORRIDORS = "transport.corridors"
_LINK = Column(CORRIDORS, "link", "text", required=True, meaning="name of a candidate link")


def corridor_rows(scenario: Scenario, inputs: Inputs, links: Sequence[str]) -> Ints:
    """Places among `links` of those that the file names; `links` is empty where lines are not shared.

    Raises FileError when it cannot be read, InputError with every line of it that is of no use.
    """
    name = scenario.transport.corridors
    raw = own_bytes(OwnTables.of(scenario), CORRIDORS, name, allow_outside=inputs.allow_outside)
    grid = csv_grid(raw, Source(name, is_own=True), (_LINK,))
    named = [column_of(heading, (_LINK,)) is not None for heading in grid.header]
    raise_issues(grid.issues)
    hint = "tables/links.csv of a run lists them"
    if not any(named):
        raise InputError([Issue(f"{name}:{grid.header_line}", "no column 'link'", hint)])
    if not grid.rows:
        raise InputError([Issue(name, "has no rows, expected candidate links", hint)])
    rows = [(line, str(cells[named.index(True)])) for line, cells in grid.rows]
    at = {link: k for k, link in enumerate(links)}
    issues = [
        Issue(f"{name}:{line}", f"no candidate link '{shown_text(link)}'", hint)
        for line, link in rows
        if link not in at
    ]
    if issues and at:
        raise InputError(issues)
    return np.unique(np.array([at[link] for _, link in rows if link in at], dtype=np.int64))


# Named sites that no plant can reach.


def validate_sites_reachable(
    scenario: Scenario, inputs: Inputs, network: Network, plants: pd.DataFrame, sites: pd.DataFrame
) -> None:
    """Raise if a site named in the scenario is out of reach of all `plants`; sites of a named basin may be.

    A site without a basin has its own id as basin.
    """
    if plants.empty:
        return
    reached = network.sites_with_a_plant()
    at, basins = sites.set_index("site"), set(sites.loc[sites["basin"] != sites["site"], "basin"])
    issues = []
    for i, site in enumerate(scenario.storage.sites):
        if site in basins or site not in at.index or site in reached:
            continue
        far = distances_km(at.loc[[site]], plants)[0]
        if at.at[site, "capacity_kt"] <= 0 or at.at[site, "injection_max_ktpa"] <= 0:
            why, hint = (
                "it takes no CO2",
                "leave it out, or give it capacity and wells (storage.capacity_kt, storage/sites)",
            )
        elif site in network.node_of_site:
            why, hint = "no candidate link leads to it", "add links to transport/links, see docs/explanation/network.md"
        else:
            reach_km = scenario.storage.site_reach_km or inputs.limit("site_reach_km")
            why = f"site_reach_km is {reach_km:g}"
            hint = "leave it out, or raise storage.site_reach_km"
        nearest = f"nearest plant is {plants['plant'].iloc[int(far.argmin())]}, {far.min():,.0f} km away"
        what = f"storage.sites: site '{site}' cannot be reached: {nearest}, {why}"
        issues.append(Issue(place_of(scenario, f"storage.sites[{i}]"), what, hint))
    raise_issues(issues)
