"""Candidate links of a shared network: nodes, link selection, flow bounds, connectivity and corridor files."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from ccs_model.engineering.co2_transport import great_circle_km, wrap_deg
from ccs_model.errors import InputError, Issue
from ccs_model.inputs import Inputs
from ccs_model.problem.candidate_network import (
    Network,
    SearchRadii,
    candidate_pairs,
    corridor_rows,
    flow_bounds,
    places_as_nodes,
    validate_sites_reachable,
)
from ccs_model.problem.link_costs import link_id
from ccs_model.scenario import Scenario

DEFAULT_RADII = SearchRadii(450, 2, 1, 1.08, 40, 4)
NO_HUBS = pd.DataFrame({"hub": [], "lat_deg": [], "lon_deg": []})
NO_RADIUS = {"link_max_km": 1e6, "n_neighbours": 0, "n_direct_sites": 0, "prune_factor": 1e6, "hub_diameter_km": 0.0,
             "hub_plants_min": 4}  # fmt: skip
KM = 1 / 111.195  # degrees of latitude


def radii(**changes: float) -> SearchRadii:
    """Radii that allow only the spanning tree and the links of the changes."""
    return SearchRadii(**{**NO_RADIUS, **changes})


def places_north(kind: str, **km: float) -> pd.DataFrame:
    """Places at these distances in km north of 36° N 112° E."""
    rows = [(name, 36 + distance_km * KM, 112.0) for name, distance_km in km.items()]
    return pd.DataFrame(rows, columns=[kind, "lat_deg", "lon_deg"])


def nodes_of(plants: pd.DataFrame, sites: pd.DataFrame | None = None, **changes: float) -> pd.DataFrame:
    none = places_north("site") if sites is None else sites
    return places_as_nodes(plants, none, NO_HUBS, radii(**changes))


def links_of(nodes: pd.DataFrame, **changes: float) -> set[str]:
    names = nodes["node"].to_numpy(object)
    return {"".join(sorted((names[a], names[b]))) for a, b in candidate_pairs(nodes, radii(**changes))}


def plants(**at: tuple[float, float]) -> pd.DataFrame:
    return pd.DataFrame([(name, *place) for name, place in at.items()], columns=["plant", "lat_deg", "lon_deg"])


def sites(**at: tuple[float, float]) -> pd.DataFrame:
    frame = plants(**at).rename(columns={"plant": "site"})
    return frame.assign(is_offshore=False)


def names_of(nodes: pd.DataFrame, pairs: np.ndarray) -> set[str]:
    names = nodes["node"].to_numpy()
    return {link_id(names[i], names[j]) for i, j in pairs}


def random_places(n: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    lat, lon = 36 + 4 * rng.random(n + 3), 110 + 5 * rng.random(n + 3)
    places = plants(**{f"P{k}": (lat[k], lon[k]) for k in range(n)})
    return places, sites(**{f"S{k}": (lat[n + k], lon[n + k]) for k in range(3)})


# Nodes and links


SHARED_NODE = {"A": ("A", "B")}
OWN_NODES = {"A": ("A",), "B": ("B",)}


@pytest.mark.parametrize(
    ("distance_km", "members"), [(0.0, SHARED_NODE), (0.09, SHARED_NODE), (0.11, OWN_NODES), (0.9, OWN_NODES)]
)
def test_plants_within_a_hundred_metres_share_a_node_but_not_with_a_site(
    distance_km: float, members: dict[str, tuple[str, ...]]
) -> None:
    nodes = nodes_of(places_north("plant", B=0, A=distance_km), places_north("site", S=0))
    assert nodes.loc[nodes["kind"] == "plant"].set_index("node")["members"].to_dict() == members
    assert nodes.loc[nodes["kind"] == "site", "node"].tolist() == ["S"]


@pytest.mark.parametrize(("distance_km", "n_nodes"), [(0.095, 1), (0.105, 2)])
def test_node_merging_distance_is_the_same_east_and_north(distance_km: float, n_nodes: int) -> None:
    # A degree of longitude is half as long at 60° N.
    east = pd.DataFrame({"plant": ["A", "B"], "lat_deg": 60.0, "lon_deg": [112.0, 112.0 + 2 * distance_km * KM]})
    assert len(nodes_of(east)) == n_nodes


def test_chain_of_close_plants_is_not_merged_into_one_node() -> None:
    # 60 m from one to the next, but 120 m from the first to the last.
    nodes = nodes_of(places_north("plant", A=0, B=0.06, C=0.12))
    assert len(nodes) == 2


@pytest.mark.parametrize(
    ("plants_min", "diameter_km", "n_hubs"),
    [
        (3, 20.1, 1),
        (3, 19.9, 0),  # 20 km from the first to the last
        (4, 20.1, 0),
        (2, 20.1, 1),
        (3, 0.0, 0),
    ],
)
def test_hub_is_added_where_enough_plants_lie_within_its_diameter(
    plants_min: int, diameter_km: float, n_hubs: int
) -> None:
    plants = places_north("plant", B=0, A=10, C=20)
    nodes = nodes_of(plants, hub_plants_min=plants_min, hub_diameter_km=diameter_km)
    hubs = nodes[nodes["kind"] == "hub"]
    assert len(hubs) == n_hubs
    if n_hubs:
        assert hubs["node"].tolist() == ["hub A"]
        assert hubs["lat_deg"].tolist() == pytest.approx([36 + 10 * KM])
    # A single plant gets no hub.
    assert len(nodes_of(plants[:1], hub_plants_min=1, hub_diameter_km=50)) == 1


def test_places_in_a_row_are_linked_by_their_spanning_tree() -> None:
    nodes = nodes_of(places_north("plant", A=0, B=10, C=30, D=60))
    assert links_of(nodes) == {"AB", "BC", "CD"}


def test_each_node_is_linked_to_its_nearest_neighbours() -> None:
    # The two nearest neighbours: B and C of A; A and C of B; B (20) and A or D (30) of C; C and B of D.
    nodes = nodes_of(places_north("plant", A=0, B=10, C=30, D=65))
    assert links_of(nodes, n_neighbours=1) == {"AB", "BC", "CD"}
    assert links_of(nodes, n_neighbours=2) == {"AB", "BC", "CD", "AC", "BD"}
    assert links_of(nodes, n_neighbours=3) == links_of(nodes, n_neighbours=9)
    assert len(links_of(nodes, n_neighbours=9)) == 6


def test_each_plant_has_direct_links_to_its_nearest_sites() -> None:
    plants, sites = places_north("plant", A=0, B=10), places_north("site", S=30, T=70)
    nodes = nodes_of(plants, sites)
    assert links_of(nodes) == {"AB", "BS", "ST"}
    assert links_of(nodes, n_direct_sites=1) == {"AB", "BS", "ST", "AS"}
    assert links_of(nodes, n_direct_sites=2) == {"AB", "BS", "ST", "AS", "AT", "BT"}


def test_link_to_a_plant_or_a_site_is_no_longer_than_link_max_km() -> None:
    nodes = nodes_of(places_north("plant", A=0, B=10, C=30), places_north("site", S=60))
    assert links_of(nodes, link_max_km=30.1) == {"AB", "BC", "CS"}
    assert links_of(nodes, link_max_km=29.9) == {"AB", "BC"}
    assert links_of(nodes, link_max_km=19.9) == {"AB"}
    # Direct links to sites: B and S are 50 km apart, A and S 60 km.
    assert links_of(nodes, n_direct_sites=1, link_max_km=50.1) == {"AB", "BC", "CS", "BS"}
    assert links_of(nodes, n_direct_sites=1, link_max_km=49.9) == {"AB", "BC", "CS"}


def test_link_is_pruned_if_a_detour_is_hardly_longer() -> None:
    # B lies almost on the line from A to C, so A – C is only 1 % shorter than the detour by B; D is far away.
    places = plants(A=(36.0, 112.0), B=(36.06, 113.0), C=(36.0, 114.0), D=(38.0, 113.0))
    nodes = places_as_nodes(places, sites(), NO_HUBS, DEFAULT_RADII)
    few = SearchRadii(450, 1, 1, 1.08, 40, 4)
    assert names_of(nodes, candidate_pairs(nodes, few)) == {"A – B", "B – C", "B – D", "A – D", "C – D"}
    every = SearchRadii(450, 1, 1, 1.0, 40, 4)
    assert names_of(nodes, candidate_pairs(nodes, every)) >= {"A – C"}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pruning_keeps_connectivity_nearest_neighbours_and_direct_site_links(seed: int) -> None:
    places, storage_sites = random_places(25, seed)
    nodes = places_as_nodes(places, storage_sites, NO_HUBS, DEFAULT_RADII)
    # The network stays connected even under the strongest pruning.
    pairs = candidate_pairs(nodes, SearchRadii(5_000, 1, 1, 100.0, 0, 4))
    n = len(nodes)
    graph = sparse.csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    assert connected_components(graph, directed=False)[0] == 1
    lat, lon = nodes["lat_deg"].to_numpy(), nodes["lon_deg"].to_numpy()
    distance_km = great_circle_km(lat[:, None], lon[:, None], lat, lon)
    np.fill_diagonal(distance_km, np.inf)
    found = {frozenset(pair) for pair in candidate_pairs(nodes, DEFAULT_RADII).tolist()}
    at_site = np.flatnonzero(nodes["kind"] == "site")
    for k in range(n):
        near = np.argsort(distance_km[k])[:2]
        assert {frozenset((k, int(j))) for j in near} <= found
        if nodes["kind"].iat[k] == "plant":
            assert frozenset((k, int(at_site[distance_km[k, at_site].argmin()]))) in found
    # Few more links than in a planar graph, which has at most three per node.
    assert len(found) <= 3 * n + 2 * n


def test_candidate_links_do_not_depend_on_the_order_of_places() -> None:
    places, storage_sites = random_places(30, 5)
    links_by_order = []
    for seed in (None, 1, 2):
        reordered = [
            frame if seed is None else frame.sample(frac=1, random_state=seed) for frame in (places, storage_sites)
        ]
        nodes = places_as_nodes(*reordered, NO_HUBS, DEFAULT_RADII)
        links_by_order.append(names_of(nodes, candidate_pairs(nodes, DEFAULT_RADII)))
    assert links_by_order[0] == links_by_order[1] == links_by_order[2]


@pytest.mark.parametrize("shift_deg", [66.0, 67.0, 68.5])
def test_places_across_180_degrees_have_the_links_and_hubs_of_places_elsewhere(shift_deg: float) -> None:
    at_plants, at_sites = random_places(30, seed=3)
    shared = SearchRadii(450, 2, 1, 1.08, 80, 3)
    found = []
    for shift in (0.0, shift_deg):
        moved = [each.assign(lon_deg=(each["lon_deg"] + shift + 180) % 360 - 180) for each in (at_plants, at_sites)]
        nodes = places_as_nodes(*moved, NO_HUBS, shared)
        found.append((nodes, names_of(nodes, candidate_pairs(nodes, shared))))
    (before, links), (after, links_across) = found
    assert links_across == links and (before["kind"] == "hub").sum() > 2 and after["lon_deg"].min() < 0
    assert wrap_deg(after["lon_deg"] - shift_deg - before["lon_deg"]) == pytest.approx(0.0, abs=1e-9)


def test_hub_lies_at_the_centre_of_its_cluster_of_plants() -> None:
    cluster = {"A": (36.0, 112.0), "B": (36.1, 112.0), "C": (36.0, 112.1), "D": (36.1, 112.1)}
    nodes = places_as_nodes(plants(**cluster, E=(38.0, 112.0)), sites(), NO_HUBS, DEFAULT_RADII)
    (hub,) = nodes[nodes["kind"] == "hub"].to_dict("records")
    assert hub["node"] == "hub A"
    assert (hub["lat_deg"], hub["lon_deg"]) == pytest.approx((36.05, 112.05))


def test_given_hub_is_a_node() -> None:
    given = pd.DataFrame({"hub": ["H"], "lat_deg": [37.0], "lon_deg": [112.0]})
    three = plants(A=(36.0, 112.0), B=(36.1, 112.0), C=(36.0, 112.1))
    nodes = places_as_nodes(three, sites(), given, DEFAULT_RADII)
    assert nodes[["node", "kind"]].values.tolist() == [["H", "hub"], *([name, "plant"] for name in "ABC")]


@pytest.mark.parametrize(("n", "n_links"), [(0, 0), (1, 0), (2, 1), (3, 3)])
def test_few_or_collinear_places_are_linked(n: int, n_links: int) -> None:
    nodes = places_as_nodes(plants(**{f"P{k}": (36.0, 110.0 + k) for k in range(n)}), sites(), NO_HUBS, DEFAULT_RADII)
    assert len(candidate_pairs(nodes, DEFAULT_RADII)) == n_links
    row = places_as_nodes(plants(**{f"P{k}": (36.0, 110.0 + k) for k in range(6)}), sites(), NO_HUBS, DEFAULT_RADII)
    assert {link_id(f"P{a}", f"P{b}") for a, b in pairwise(range(6))} <= names_of(
        row, candidate_pairs(row, DEFAULT_RADII)
    )


# Flow bounds


def bounds(links: list[str], supply: dict[str, float], storing: dict[str, float], most: float = np.inf) -> list[float]:
    frame = pd.DataFrame([link.split("-") for link in links], columns=["node_a", "node_b"])
    return flow_bounds(frame, pd.Series(supply), pd.Series(storing), most).tolist()


def test_flow_bounds_of_a_tree_match_hand_calculation() -> None:
    # A (10) and B (20) join at H; a trunk leads from H to S (100) and on to C (5) and T (8).
    links = ["A-H", "B-H", "H-S", "S-C", "C-T"]
    found = bounds(links, {"A": 10, "B": 20, "C": 5}, {"S": 100, "T": 8})
    # A – H: 10 forward, 0 in reverse. H – S: A and B. S – C: forward what T can store, in reverse the 5 of C.
    # C – T: T can store 8 of 35.
    assert found == [10, 20, 30, 8, 8]
    # The maximum capture that the budget allows bounds every link.
    assert bounds(links, {"A": 10, "B": 20, "C": 5}, {"S": 100, "T": 8}, 12.0) == [10, 12, 12, 8, 8]
    # With little storage at S and much at T, the bound is the whole supply behind the link.
    assert bounds(links, {"A": 10, "B": 20, "C": 5}, {"S": 1, "T": 100}) == [10, 20, 30, 30, 35]


def test_flow_bounds_on_rings_are_the_total_flow_and_zero_without_a_site() -> None:
    assert bounds(["A-B", "B-S", "A-S"], {"A": 10, "B": 20}, {"S": 100}) == [30, 30, 30]
    # A ring attached by one link: only that link separates the network.
    assert bounds(["A-B", "B-H", "A-H", "H-S"], {"A": 10, "B": 20}, {"S": 15}) == [15, 15, 15, 15]
    assert bounds(["A-B", "C-S"], {"A": 10, "C": 5}, {"S": 100}) == [0, 5]
    # Parallel links are not bridges.
    assert bounds(["A-S", "A-S"], {"A": 10}, {"S": 100}) == [10, 10]


@pytest.mark.parametrize("seed", range(4))
def test_flow_bounds_match_those_found_by_removing_each_link(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 12
    ends = {(int(rng.integers(0, k)), k) for k in range(1, n - 2)}
    ends |= {tuple(sorted(rng.choice(n - 2, 2, replace=False).tolist())) for _ in range(2)}
    links = sorted(ends)
    supply, storing = rng.integers(0, 20, n).astype(float), rng.integers(0, 20, n).astype(float) * (rng.random(n) < 0.4)
    named = [f"n{a}-n{b}" for a, b in links]
    found = bounds(named, {f"n{k}": supply[k] for k in range(n)}, {f"n{k}": storing[k] for k in range(n)})
    for k, (a, b) in enumerate(links):
        others = np.array([pair for pair in links if pair != (a, b)])
        graph = sparse.csr_array((np.ones(len(others)), (others[:, 0], others[:, 1])), shape=(n, n))
        _, part = connected_components(graph, directed=False)
        near, away = part == part[a], part == part[b]
        if part[a] == part[b]:
            expected = min(supply[near].sum(), storing[near].sum())
        else:
            out = min(supply[near].sum(), storing[away].sum())
            expected = max(out, min(supply[away].sum(), storing[near].sum()))
        assert found[k] == expected, (links, k)


# Connectivity


def network(links: dict[str, tuple[str, str]], lines: list[str]) -> Network:
    """Plants A, B and C at nodes of their own, sites S and T."""
    frame = pd.DataFrame([(name, *ends) for name, ends in links.items()], columns=["link", "node_a", "node_b"])
    nodes = pd.DataFrame({"node": list("ABCST")})
    options = pd.DataFrame({"link": lines, "line": lines, "is_free": False})
    return Network(nodes, frame, options, {name: name for name in "ABC"}, {name: name for name in "ST"})


def test_plants_and_sites_are_connected_only_by_links_with_a_pipe_option() -> None:
    links = {"AB": ("A", "B"), "BS": ("B", "S"), "CT": ("C", "T")}
    connected = network(links, ["AB", "BS", "CT"])
    assert connected.plants_with_a_site() == {"A", "B", "C"} and connected.sites_with_a_plant() == {"S", "T"}
    # A link without a pipe option connects nothing.
    without_ct = network(links, ["AB", "BS"])
    assert without_ct.plants_with_a_site() == {"A", "B"} and without_ct.sites_with_a_plant() == {"S"}
    without_site = network(links, ["AB"])
    assert without_site.plants_with_a_site() == without_site.sites_with_a_plant() == set()


def test_requested_site_out_of_reach_is_reported(inputs: Inputs, small: Callable[..., Scenario]) -> None:
    links = {"AB": ("A", "B"), "BS": ("B", "S"), "CT": ("C", "T")}
    plants, sites = (
        places_north("plant", A=0, B=10),
        places_north("site", S=30, T=70, U=700).assign(
            basin=["S", "T", "Sea"], capacity_kt=1e3, injection_max_ktpa=1e3
        ),
    )

    def issues(*requested: str, reach_km: float | None = None) -> list[Issue]:
        scenario = small({"storage.sites": list(requested), "storage.site_reach_km": reach_km})
        try:
            validate_sites_reachable(scenario, inputs, network(links, ["AB", "BS"]), plants, sites)
        except InputError as error:
            return list(error.issues)
        return []

    assert issues() == issues("S") == issues("Sea") == []
    (no_link,) = issues("S", "T")
    assert no_link.where == "storage.sites[1]"
    assert no_link.what == (
        "storage.sites: site 'T' cannot be reached: nearest plant is B, 60 km away, no candidate link leads to it"
    )
    (too_far,) = issues("U")
    assert too_far.what.endswith("nearest plant is B, 690 km away, site_reach_km is 450")
    (larger_reach,) = issues("U", reach_km=500)
    assert larger_reach.what.endswith("site_reach_km is 500")


# Corridor files

LINKS = ["A – B", "A – S", "B – S"]


@pytest.fixture
def rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: Inputs, small: Callable[..., Scenario]
) -> Callable[..., list[int]]:
    """Return the positions of the links of a corridor file with this text among the candidate links."""
    monkeypatch.chdir(tmp_path)
    scenario = small({"transport.shared_trunklines": True, "transport.corridors": "ways.csv"})

    def make(text: str, links: list[str] = LINKS) -> list[int]:
        (tmp_path / "ways.csv").write_text(text, encoding="utf-8")
        found = corridor_rows(scenario, inputs, links)
        assert found.dtype == np.int64
        return list(found)

    return make


def test_corridor_file_may_list_links_in_any_order_and_column(rows: Callable[..., list[int]]) -> None:
    assert rows("link\nB – S\nA – B\nB – S\n") == [0, 2]
    assert rows("length_km,link\n5,A – S\n") == [1]
    # Without a shared network there are no candidate links to select.
    assert rows("link\nB – S\nX – Y\n", []) == []


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("link\nA – B\nX – Y\nA – S\nY – Z\n", ["ways.csv:3", "ways.csv:5"]),
        ("name\nA – B\n", ["ways.csv:1"]),
        ("link\n", ["ways.csv"]),
    ],
)
def test_invalid_corridor_file_is_reported_with_its_lines(
    rows: Callable[..., list[int]], text: str, places: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        rows(text)
    assert [issue.where for issue in caught.value.issues] == places
    assert {issue.hint for issue in caught.value.issues} == {"tables/links.csv of a run lists them"}
