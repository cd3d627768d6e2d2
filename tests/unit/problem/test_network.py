"""Candidate links of a shared network: which are offered, how long they are, what they cost and how much they take."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from ccs_model.engineering.co2_transport import great_circle_km
from ccs_model.errors import InputError
from ccs_model.inputs import Inputs
from ccs_model.problem import Problem
from ccs_model.problem.build_problem import NO_LINK, NO_SITE, NO_WELLS
from ccs_model.problem.candidate_network import Network, SearchRadii, candidate_pairs, flow_bounds, places_as_nodes
from ccs_model.problem.link_costs import link_id

Posed = Callable[..., Problem]
REACH = SearchRadii(450, 2, 1, 1.08, 40, 4)
NO_HUBS = pd.DataFrame({"hub": [], "lat_deg": [], "lon_deg": []})


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


# Lengths and costs


def network(hand_problem: Callable[..., Problem], changes: dict[str, Any] | None = None, **tables: Any) -> Network:
    tables = {"plants": {"A": {"co2_ktpa": 500}}, "sites": {"S": {"lon_deg": 116.0}}, "links": {}} | tables
    requested = {"objective": "max_abatement", "budget.total_mn": 1e6, "transport.candidate_links": "made_and_given"}
    found = hand_problem(requested | (changes or {}), **tables).network
    assert found is not None
    return found


def test_made_links_are_as_long_as_the_straight_way_times_the_detour(hand_problem: Callable[..., Problem]) -> None:
    straight = float(great_circle_km(38.0, 115.0, 38.0, 116.0))
    (link,) = network(hand_problem, {"transport.detour_factor": 1.3}).links.itertuples()
    assert (link.link, link.node_a, link.node_b, link.kind) == ("A – S", "A", "S", "pipe")
    assert (link.straight_km, link.length_km, link.cost_factor) == pytest.approx((straight, 1.3 * straight, 1))
    given = network(hand_problem, links={"A-S": {"length_km": 70, "cost_factor": 1.5}})
    # One's own link takes the place of the made one between the same ends.
    assert given.links[["link", "length_km", "cost_factor"]].values.tolist() == [["A-S", 70, 1.5]]
    longer = network(hand_problem, {"transport.detour_factor": 1.3}, links={"A-S": {}})
    assert longer.links["length_km"].tolist() == pytest.approx([1.3 * straight])


def test_lines_are_the_sizes_that_the_link_could_need(hand_problem: Callable[..., Problem]) -> None:
    lines = network(hand_problem, links={"A-S": {"length_km": 10}}).lines
    # 500 kt/y are 57 t/h: the large class is laid in part; a small one ends at 16 t/h, where the medium costs the same.
    assert lines["pipe"].tolist() == ["large", "medium", "small"]
    by_pipe = lines.set_index("pipe")
    assert by_pipe["fixed_mn"].to_dict() == pytest.approx(
        {"small": 15 * 10 * 10 / 1e3, "medium": 8 * 30 * 10 / 1e3, "large": 2.3 * 120 * 10 / 1e3}
    )
    ends = {"small": 16 * 8.76, "medium": 34.5 * 8.76, "large": 500}
    assert by_pipe["largest_ktpa"].to_dict() == pytest.approx(ends)
    assert by_pipe["slope_mn_per_ktpa"].to_dict() == pytest.approx(
        {"small": 0.15 / 8.76, "medium": 0.08 / 8.76, "large": 0.023 / 8.76}
    )
    assert by_pipe["kwh_per_t"].to_dict() == pytest.approx({"small": 0.6, "medium": 0.4, "large": 0.2})
    few = network(hand_problem, plants={"A": {"co2_ktpa": 100}}, links={"A-S": {"length_km": 10}}).lines
    assert few["pipe"].tolist() == ["small"]


@pytest.mark.slow
def test_at_sea_and_over_hills_pipes_are_dearer(hand_problem: Callable[..., Problem], inputs: Inputs) -> None:
    ashore = network(hand_problem).lines["fixed_mn"].to_numpy()
    at_sea = network(hand_problem, sites={"S": {"lon_deg": 116.0, "is_offshore": "yes"}})
    assert at_sea.links["is_offshore"].tolist() == [True]
    assert at_sea.lines["fixed_mn"].to_numpy() == pytest.approx(1.74 * ashore)
    # Flat in the west, three times as dear in the east: the straight way from 115° to 116° lies half in each.
    terrain = pd.DataFrame({"lat_deg": [38.0, 38.0], "lon_deg": [115.0, 116.0], "cost_multiplier": [1.0, 3.0]})
    terrain = terrain.reindex(columns=inputs["transport/terrain"].columns)
    hilly = network(hand_problem, transport__terrain=terrain)
    assert hilly.links["cost_factor"].tolist() == pytest.approx([2.0], rel=0.05)
    given = network(hand_problem, links={"A-S": {"cost_factor": 1.2}}, transport__terrain=terrain)
    assert given.links["cost_factor"].tolist() == [1.2]


def test_a_pipe_that_is_there_is_free_up_to_what_is_left(hand_problem: Callable[..., Problem]) -> None:
    lines = network(hand_problem, links={"A-S": {"length_km": 10, "existing_ktpa": 300}}).lines.set_index("pipe")
    there = lines.loc["existing"]
    assert (there["is_free"], there["free_ktpa"], there["fixed_mn"], there["slope_mn_per_ktpa"]) == (True, 300, 0, 0)
    # It is pumped and kept like a new one for 300 kt/y, 34 t/h.
    assert there["kwh_per_t"] == lines.at["medium", "kwh_per_t"] > lines.at["large", "kwh_per_t"]
    assert there["om_mn_per_ktpa"] == lines.at["medium", "om_mn_per_ktpa"] > 0


@pytest.mark.parametrize(
    ("site", "reason"), [({"lon_deg": 130.0}, NO_SITE), ({}, NO_LINK), ({"n_wells_max": 0}, NO_WELLS)]
)
def test_a_plant_without_a_way_to_a_site_has_the_reason_for_it(
    hand_problem: Callable[..., Problem], site: dict[str, float], reason: str
) -> None:
    links = {"A-S": {"length_km": 10}}
    problem = hand_problem({}, plants={"A": {"co2_ktpa": 500}, "B": {"co2_ktpa": 500}}, sites={"S": site}, links=links)
    # A has the link.
    assert problem.plants.set_index("plant")["reason"].to_dict() == {"A": reason * (reason == NO_WELLS), "B": reason}


def test_a_link_belongs_to_the_province_of_a_site_and_its_pumps_to_the_grid_of_the_nearest_plant(
    hand_problem: Callable[..., Problem],
) -> None:
    # S lies west of A: the link starts there.
    tables = {"plants": {"A": {"co2_ktpa": 500}}, "links": {"A-S": {"length_km": 10}}}
    for province, counted_in in (("There", "There"), ("India", "Here"), ("", "Here")):
        sites = {"S": {"lon_deg": 114.9, "province": province}}
        (link,) = hand_problem({}, sites=sites, **tables).network.links.to_dict("records")
        assert (link["province"], link["grid_province"]) == (counted_in, "Here")


def test_trucks_go_from_plants_to_their_nearest_site_ashore(hand_problem: Callable[..., Problem]) -> None:
    two = {"S": {"lon_deg": 116.5}, "T": {"lon_deg": 116.0, "is_offshore": "yes"}, "U": {"lon_deg": 119.5}}
    found = network(hand_problem, {"transport.trucks": True}, sites=two)
    road = found.links[found.links["kind"] == "truck"].iloc[0]
    straight = float(great_circle_km(38.0, 115.0, 38.0, 116.5))
    assert (road["link"], road["node_a"], road["node_b"]) == ("road A – S", "A", "S")
    assert road["length_km"] == pytest.approx(1.3 * straight)
    truck = found.lines.set_index("line").loc["road A – S | truck"]
    # EUR of 2020 in those of 2015.
    assert truck["haul_per_t"] == pytest.approx((3.8 + 0.14 * 1.3 * straight) * 95.29 / 100)
    assert truck["kwh_per_t"] == pytest.approx(140 + 0.17 * 1.3 * straight)
    assert (truck["free_ktpa"], truck["is_free"], truck["fixed_mn"]) == (100, True, 0)
    # Nobody drives 400 km, nor to sea.
    for stores in ({"U": {"lon_deg": 119.5}}, {"T": {"lon_deg": 116.0, "is_offshore": "yes"}}):
        none = network(hand_problem, {"transport.trucks": True}, sites=stores)
        assert "truck" not in set(none.links["kind"])


def test_a_quotation_takes_the_place_of_a_size_s_price(hand_problem: Callable[..., Problem], inputs: Inputs) -> None:
    quote = {"link": "A-S", "pipe": "large", "fixed_mn": 7.0, "slope_mn_per_ktpa": 0.01, "currency": "EUR"}
    table = pd.DataFrame([quote | {"price_year": 2015}]).reindex(columns=inputs["transport/line_costs"].columns)
    requested: dict[str, Any] = {"links": {"A-S": {"length_km": 10}}}
    lines = network(hand_problem, **requested, transport__line_costs=table).lines.set_index("pipe")
    assert lines.loc["large", ["fixed_mn", "slope_mn_per_ktpa"]].tolist() == [7, 0.01]
    assert lines.at["medium", "fixed_mn"] == pytest.approx(2.4)
    with pytest.raises(InputError, match="'A – S' is no candidate link"):
        network(hand_problem, **requested, transport__line_costs=table.assign(link="A – S"))
    # A quotation for a plant that takes no part is passed over.
    unknown = network(hand_problem, **requested, transport__line_costs=table.assign(link="A – Z"))
    assert unknown.lines["line"].tolist() == ["A-S | large", "A-S | medium", "A-S | small"]


def test_the_shipped_network_is_the_same_in_any_order_of_rows(problem_of: Posed, shuffled: Inputs) -> None:
    requested = {"transport.shared_trunklines": True, "plants.inventory": ["steel", "chemicals"]}
    here, there = problem_of(requested).network, problem_of(requested, tables=shuffled).network
    assert here is not None and there is not None
    for name in ("nodes", "links", "lines"):
        pd.testing.assert_frame_equal(getattr(here, name), getattr(there, name))
    assert here.links["length_km"].max() <= 450 * 1.14
    assert (here.lines["largest_ktpa"] > 0).all()


def test_a_link_lies_where_its_western_end_is_whatever_its_name(hand_problem: Callable[..., Problem]) -> None:
    """Renaming the ends changes neither province nor grid of a link, which a province budget and pumps pay for."""
    for west, east in (("A", "B"), ("B", "A")):
        plants = {
            west: {"co2_ktpa": 500, "province": "Here", "lon_deg": 114.0},
            east: {"co2_ktpa": 500, "province": "There", "lon_deg": 115.0},
        }
        given = {"A-B": {"length_km": 50}, "A-S": {"length_km": 60}}
        links = network(hand_problem, plants=plants, links=given).links.set_index("link")
        assert links.at["A-B", "province"] == "Here"
