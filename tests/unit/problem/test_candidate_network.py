"""Candidate links of a shared network: nodes, links that are kept, flow bounds, connected parts, files of corridors."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from ccs_model.engineering.co2_transport import great_circle_km
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

REACH = SearchRadii(450, 2, 1, 1.08, 40, 4)
NO_HUBS = pd.DataFrame({"hub": [], "lat_deg": [], "lon_deg": []})
NO_RADIUS = {"link_max_km": 1e6, "n_neighbours": 0, "n_direct_sites": 0, "prune_factor": 1e6, "hub_diameter_km": 0.0,
             "hub_plants_min": 4}  # fmt: skip
KM = 1 / 111.195  # degrees of latitude


def radii(**changes: float) -> SearchRadii:
    """No links but the spanning tree and those of the changes."""
    return SearchRadii(**{**NO_RADIUS, **changes})


def line(kind: str, **km: float) -> pd.DataFrame:
    """Places north of 36° N 112° E, km from there."""
    rows = [(name, 36 + far * KM, 112.0) for name, far in km.items()]
    return pd.DataFrame(rows, columns=[kind, "lat_deg", "lon_deg"])


def nodes_of(plants: pd.DataFrame, sites: pd.DataFrame | None = None, **changes: float) -> pd.DataFrame:
    none = line("site") if sites is None else sites
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


def scattered(n: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    lat, lon = 36 + 4 * rng.random(n + 3), 110 + 5 * rng.random(n + 3)
    made = plants(**{f"P{k}": (lat[k], lon[k]) for k in range(n)})
    return made, sites(**{f"S{k}": (lat[n + k], lon[n + k]) for k in range(3)})


# Nodes and links


@pytest.mark.parametrize(("apart_km", "n_nodes"), [(0.0, 1), (0.09, 1), (0.11, 2), (0.9, 2)])
def test_plants_within_a_hundred_metres_share_a_node(apart_km: float, n_nodes: int) -> None:
    nodes = nodes_of(line("plant", A=0, B=apart_km))
    assert len(nodes) == n_nodes
    assert sorted(plant for members in nodes["members"] for plant in members) == ["A", "B"]


@pytest.mark.parametrize(("apart_km", "n_nodes"), [(0.095, 1), (0.105, 2)])
def test_a_hundred_metres_are_as_far_east_as_north(apart_km: float, n_nodes: int) -> None:
    # A degree of longitude is half as long at 60° N.
    east = pd.DataFrame({"plant": ["A", "B"], "lat_deg": 60.0, "lon_deg": [112.0, 112.0 + 2 * apart_km * KM]})
    assert len(nodes_of(east)) == n_nodes


def test_a_row_of_near_plants_is_no_single_place() -> None:
    # 60 m from one to the next, but 120 m from the first to the last.
    nodes = nodes_of(line("plant", A=0, B=0.06, C=0.12))
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
def test_a_hub_gathers_plants_that_all_lie_within_its_diameter(
    plants_min: int, diameter_km: float, n_hubs: int
) -> None:
    plants = line("plant", B=0, A=10, C=20)
    nodes = nodes_of(plants, hub_plants_min=plants_min, hub_diameter_km=diameter_km)
    hubs = nodes[nodes["kind"] == "hub"]
    assert len(hubs) == n_hubs
    if n_hubs:
        assert hubs["node"].tolist() == ["hub A"]
        assert hubs["lat_deg"].tolist() == pytest.approx([36 + 10 * KM])
    # One plant has no middle.
    assert len(nodes_of(plants[:1], hub_plants_min=1, hub_diameter_km=50)) == 1


def test_a_row_of_places_is_joined_by_its_spanning_tree() -> None:
    nodes = nodes_of(line("plant", A=0, B=10, C=30, D=60))
    assert links_of(nodes) == {"AB", "BC", "CD"}


def test_each_place_keeps_its_nearest_neighbours() -> None:
    # The nearest two: A has B and C; B, A and C; C, B (20) and A or D (30); D, C and B.
    nodes = nodes_of(line("plant", A=0, B=10, C=30, D=65))
    assert links_of(nodes, n_neighbours=1) == {"AB", "BC", "CD"}
    assert links_of(nodes, n_neighbours=2) == {"AB", "BC", "CD", "AC", "BD"}
    assert links_of(nodes, n_neighbours=3) == links_of(nodes, n_neighbours=9)
    assert len(links_of(nodes, n_neighbours=9)) == 6


def test_each_plant_keeps_straight_links_to_its_nearest_sites() -> None:
    plants, sites = line("plant", A=0, B=10), line("site", S=30, T=70)
    nodes = nodes_of(plants, sites)
    assert links_of(nodes) == {"AB", "BS", "ST"}
    assert links_of(nodes, n_direct_sites=1) == {"AB", "BS", "ST", "AS"}
    assert links_of(nodes, n_direct_sites=2) == {"AB", "BS", "ST", "AS", "AT", "BT"}


def test_no_link_is_longer_than_allowed() -> None:
    nodes = nodes_of(line("plant", A=0, B=10, C=30))
    assert links_of(nodes, link_max_km=20.1) == {"AB", "BC"}
    assert links_of(nodes, link_max_km=19.9) == {"AB"}


def test_a_link_with_a_way_round_that_is_hardly_longer_is_left_out() -> None:
    # B lies almost on the way from A to C, so A – C is 1 % shorter than by way of B; D is far off.
    made = plants(A=(36.0, 112.0), B=(36.06, 113.0), C=(36.0, 114.0), D=(38.0, 113.0))
    nodes = places_as_nodes(made, sites(), NO_HUBS, REACH)
    few = SearchRadii(450, 1, 1, 1.08, 40, 4)
    assert names_of(nodes, candidate_pairs(nodes, few)) == {"A – B", "B – C", "B – D", "A – D", "C – D"}
    every = SearchRadii(450, 1, 1, 1.0, 40, 4)
    assert names_of(nodes, candidate_pairs(nodes, every)) >= {"A – C"}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_spanning_tree_each_node_s_neighbours_and_the_straight_ways_to_sites_are_kept(seed: int) -> None:
    made, stores = scattered(25, seed)
    nodes = places_as_nodes(made, stores, NO_HUBS, REACH)
    # However hard the pruning, all stays connected.
    pairs = candidate_pairs(nodes, SearchRadii(5_000, 1, 1, 100.0, 0, 4))
    n = len(nodes)
    graph = sparse.csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    assert connected_components(graph, directed=False)[0] == 1
    lat, lon = nodes["lat_deg"].to_numpy(), nodes["lon_deg"].to_numpy()
    far = great_circle_km(lat[:, None], lon[:, None], lat, lon)
    np.fill_diagonal(far, np.inf)
    found = {frozenset(pair) for pair in candidate_pairs(nodes, REACH).tolist()}
    at_site = np.flatnonzero(nodes["kind"] == "site")
    for k in range(n):
        near = np.argsort(far[k])[:2]
        assert {frozenset((k, int(j))) for j in near} <= found
        if nodes["kind"].iat[k] == "plant":
            assert frozenset((k, int(at_site[far[k, at_site].argmin()]))) in found
    # Few more than a planar graph has: three a node.
    assert len(found) <= 3 * n + 2 * n


def test_the_order_of_places_never_matters() -> None:
    made, stores = scattered(30, 5)
    every = []
    for seed in (None, 1, 2):
        mixed = [frame if seed is None else frame.sample(frac=1, random_state=seed) for frame in (made, stores)]
        nodes = places_as_nodes(*mixed, NO_HUBS, REACH)
        every.append(names_of(nodes, candidate_pairs(nodes, REACH)))
    assert every[0] == every[1] == every[2]


def test_plants_at_one_place_share_a_node() -> None:
    made = plants(B=(36.0, 112.0), A=(36.0003, 112.0), C=(36.01, 112.0))
    nodes = places_as_nodes(made, sites(S=(36.0, 112.0)), NO_HUBS, REACH)
    assert nodes[["node", "kind"]].values.tolist() == [["A", "plant"], ["C", "plant"], ["S", "site"]]
    assert nodes.set_index("node").at["A", "members"] == ("A", "B")


def test_a_cluster_of_four_plants_gets_a_hub_in_its_middle() -> None:
    close = {"A": (36.0, 112.0), "B": (36.1, 112.0), "C": (36.0, 112.1), "D": (36.1, 112.1)}
    nodes = places_as_nodes(plants(**close, E=(38.0, 112.0)), sites(), NO_HUBS, REACH)
    hub = nodes[nodes["kind"] == "hub"].iloc[0]
    assert hub["node"] == "hub A"
    assert (hub["lat_deg"], hub["lon_deg"]) == pytest.approx((36.05, 112.05))
    three = {name: close[name] for name in "ABC"}
    assert "hub" not in set(places_as_nodes(plants(**three), sites(), NO_HUBS, REACH)["kind"])
    given = pd.DataFrame({"hub": ["H"], "lat_deg": [37.0], "lon_deg": [112.0]})
    assert places_as_nodes(plants(**three), sites(), given, REACH)["node"].tolist() == ["H", "A", "B", "C"]


def test_no_link_is_longer_than_the_longest_allowed() -> None:
    made = plants(A=(36.0, 112.0), B=(36.0, 113.0))
    nodes = places_as_nodes(made, sites(S=(36.0, 118.5)), NO_HUBS, REACH)
    assert names_of(nodes, candidate_pairs(nodes, REACH)) == {"A – B"}
    assert names_of(nodes, candidate_pairs(nodes, SearchRadii(500, 2, 1, 1.08, 40, 4))) == {"A – B", "B – S"}


@pytest.mark.parametrize(("n", "n_links"), [(0, 0), (1, 0), (2, 1), (3, 3)])
def test_few_places_and_places_in_a_line(n: int, n_links: int) -> None:
    nodes = places_as_nodes(plants(**{f"P{k}": (36.0, 110.0 + k) for k in range(n)}), sites(), NO_HUBS, REACH)
    assert len(candidate_pairs(nodes, REACH)) == n_links
    row = places_as_nodes(plants(**{f"P{k}": (36.0, 110.0 + k) for k in range(6)}), sites(), NO_HUBS, REACH)
    assert {link_id(f"P{a}", f"P{b}") for a, b in pairwise(range(6))} <= names_of(row, candidate_pairs(row, REACH))


# Flow bounds


def bounds(links: list[str], supply: dict[str, float], storing: dict[str, float], most: float = np.inf) -> list[float]:
    frame = pd.DataFrame([link.split("-") for link in links], columns=["node_a", "node_b"])
    return flow_bounds(frame, pd.Series(supply), pd.Series(storing), most).tolist()


def test_the_most_that_the_links_of_a_tree_carry_by_hand() -> None:
    # A (10) and B (20) meet at H, from where a trunk leads to S (100) and on to C (5) and T (8).
    links = ["A-H", "B-H", "H-S", "S-C", "C-T"]
    found = bounds(links, {"A": 10, "B": 20, "C": 5}, {"S": 100, "T": 8})
    # A – H: A's 10 one way, nothing stored at A the other. H – S: A and B. S – C: forth what T takes, back C's 5.
    # C – T: T takes 8 of 35.
    assert found == [10, 20, 30, 8, 8]
    # What the money lets capture bounds all of them.
    assert bounds(links, {"A": 10, "B": 20, "C": 5}, {"S": 100, "T": 8}, 12.0) == [10, 12, 12, 8, 8]
    # Little is stored at S, much at T: all but what S takes may go on, so the whole supply behind the link counts.
    assert bounds(links, {"A": 10, "B": 20, "C": 5}, {"S": 1, "T": 100}) == [10, 20, 30, 30, 35]


def test_links_of_a_ring_carry_all_supply_and_parts_without_a_store_nothing() -> None:
    assert bounds(["A-B", "B-S", "A-S"], {"A": 10, "B": 20}, {"S": 100}) == [30, 30, 30]
    # A ring on a stalk: only the stalk parts the network.
    assert bounds(["A-B", "B-H", "A-H", "H-S"], {"A": 10, "B": 20}, {"S": 15}) == [15, 15, 15, 15]
    assert bounds(["A-B", "C-S"], {"A": 10, "C": 5}, {"S": 100}) == [0, 5]
    # Two links between the same ends are no bridge.
    assert bounds(["A-S", "A-S"], {"A": 10}, {"S": 100}) == [10, 10]


@pytest.mark.parametrize("seed", range(4))
def test_flow_bounds_are_those_of_taking_each_link_away(seed: int) -> None:
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


# A connected network


def network(links: dict[str, tuple[str, str]], lines: list[str]) -> Network:
    """Plants A, B and C at nodes of their own, sites S and T."""
    frame = pd.DataFrame([(name, *ends) for name, ends in links.items()], columns=["link", "node_a", "node_b"])
    nodes = pd.DataFrame({"node": list("ABCST")})
    options = pd.DataFrame({"link": lines, "line": lines, "is_free": False})
    return Network(nodes, frame, options, {name: name for name in "ABC"}, {name: name for name in "ST"})


def test_a_plant_is_served_if_links_with_a_pipe_lead_to_a_site() -> None:
    links = {"AB": ("A", "B"), "BS": ("B", "S"), "CT": ("C", "T")}
    whole = network(links, ["AB", "BS", "CT"])
    assert whole.plants_with_a_site() == {"A", "B", "C"} and whole.sites_with_a_plant() == {"S", "T"}
    # A link for which no size is of use connects nothing.
    cut = network(links, ["AB", "BS"])
    assert cut.plants_with_a_site() == {"A", "B"} and cut.sites_with_a_plant() == {"S"}
    apart = network(links, ["AB"])
    assert apart.plants_with_a_site() == apart.sites_with_a_plant() == set()


def test_a_site_that_is_named_and_out_of_reach_is_told(inputs: Inputs, small: Callable[..., Scenario]) -> None:
    links = {"AB": ("A", "B"), "BS": ("B", "S"), "CT": ("C", "T")}
    plants, sites = line("plant", A=0, B=10), line("site", S=30, T=70, U=700).assign(basin=["S", "T", "Sea"])

    def issues(*named: str, reach_km: float | None = None) -> list[Issue]:
        scenario = small({"storage.sites": list(named), "storage.site_reach_km": reach_km})
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
    (asked,) = issues("U", reach_km=500)
    assert asked.what.endswith("site_reach_km is 500")


# Files of corridors

LINKS = ["A – B", "A – S", "B – S"]


@pytest.fixture
def rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: Inputs, small: Callable[..., Scenario]
) -> Callable[..., list[int]]:
    """Places among the candidate links of those in a file with this text."""
    monkeypatch.chdir(tmp_path)
    scenario = small({"transport.shared_trunklines": True, "transport.corridors": "ways.csv"})

    def made(text: str, links: list[str] = LINKS) -> list[int]:
        (tmp_path / "ways.csv").write_text(text, encoding="utf-8")
        found = corridor_rows(scenario, inputs, links)
        assert found.dtype == np.int64
        return list(found)

    return made


def test_a_file_names_candidate_links_in_any_order_and_column(rows: Callable[..., list[int]]) -> None:
    assert rows("link\nB – S\nA – B\nB – S\n") == [0, 2]
    assert rows("length_km,link\n5,A – S\n") == [1]
    # Without a shared network there is nothing to choose from.
    assert rows("link\nB – S\nX – Y\n", []) == []


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("link\nA – B\nX – Y\nA – S\nY – Z\n", ["ways.csv:3", "ways.csv:5"]),
        ("name\nA – B\n", ["ways.csv:1"]),
        ("link\n", ["ways.csv"]),
    ],
)
def test_a_file_of_no_use_is_told_with_its_lines(rows: Callable[..., list[int]], text: str, places: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        rows(text)
    assert [issue.where for issue in caught.value.issues] == places
    assert {issue.hint for issue in caught.value.issues} == {"tables/links.csv of a run lists them"}
