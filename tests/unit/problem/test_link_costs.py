"""Candidate links and their pipe sizes: lengths, costs, terrain, trucks, and upper bounds on the flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ccs_model.engineering.co2_transport import great_circle_km
from ccs_model.errors import InputError
from ccs_model.inputs import Inputs
from ccs_model.inputs.terrain_file import Raster
from ccs_model.problem import Problem
from ccs_model.problem.build_problem import NO_LINK, NO_SITE, NO_WELLS
from ccs_model.problem.candidate_network import Network
from ccs_model.problem.link_costs import Terrain, _add_least_flows, network_of
from tests.hand_network import LINKS, PLANTS, SITES

MakeProblem = Callable[..., Problem]
Changes = dict[str, object]

# Lengths and costs


def network(hand_problem: Callable[..., Problem], changes: dict[str, Any] | None = None, **tables: Any) -> Network:
    tables = {"plants": {"A": {"co2_ktpa": 500}}, "sites": {"S": {"lon_deg": 116.0}}, "links": {}} | tables
    requested = {"objective": "max_abatement", "budget.total_mn": 1e6, "transport.candidate_links": "made_and_given"}
    found = hand_problem(requested | (changes or {}), **tables).network
    assert found is not None
    return found


@pytest.mark.slow
def test_generated_links_use_the_detour_factor_and_given_links_replace_them(
    hand_problem: Callable[..., Problem],
) -> None:
    straight_km = float(great_circle_km(38.0, 115.0, 38.0, 116.0))
    (link,) = network(hand_problem, {"transport.detour_factor": 1.3}).links.itertuples()
    assert (link.link, link.node_a, link.node_b, link.kind) == ("A – S", "A", "S", "pipe")
    assert (link.straight_km, link.length_km, link.cost_factor) == pytest.approx((straight_km, 1.3 * straight_km, 1))
    given = network(hand_problem, links={"A-S": {"length_km": 70, "cost_factor": 1.5}})
    # A given link replaces the generated one between the same ends.
    assert given.links[["link", "length_km", "cost_factor"]].values.tolist() == [["A-S", 70, 1.5]]
    # A generated link has no existing pipe; ends are sorted by name, whichever way a link is given.
    assert link.existing_ktpa == 0 and not link.is_given
    reversed_link = network(hand_problem, links={"S-A": {"length_km": 70}}).links
    assert reversed_link[["link", "node_a", "node_b", "is_given"]].values.tolist() == [["S-A", "A", "S", True]]
    longer = network(hand_problem, {"transport.detour_factor": 1.3}, links={"A-S": {}})
    assert longer.links["length_km"].tolist() == pytest.approx([1.3 * straight_km])


def test_link_has_the_pipe_sizes_that_its_flow_could_need(hand_problem: Callable[..., Problem]) -> None:
    lines = network(hand_problem, links={"A-S": {"length_km": 10}}).lines
    # 500 kt/y are 57 t/h, below the smallest flow of the large class; the small class ends at 16 t/h, at equal cost.
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


def test_pipe_size_starts_at_the_flow_where_it_is_cheapest() -> None:
    lines = pd.DataFrame(
        {
            "link": [*"AAA", "B", *"CC", *"DD"],
            "pipe": ["small", "medium", "large", "small", "small", "medium", "small", "medium"],
            "fixed_mn": [10.0, 30.0, 60.0, 10.0, 10.0, 5.0, 10.0, 30.0],
            "slope_mn_per_ktpa": [1.0, 0.5, 0.4, 1.0, 1.0, 0.5, 0.5, 0.6],
            "largest_ktpa": [100.0, 200.0, 900.0, 100.0, 100.0, 200.0, 100.0, 200.0],
            "included_ktpa": 0.0,
        }
    )
    # 10 + Q = 30 + Q ÷ 2 at 40; 30 + Q ÷ 2 = 60 + 0.4 Q at 300, beyond the largest medium pipe of 200.
    assert _add_least_flows(lines)["smallest_ktpa"].tolist()[:4] == [0, 40, 200, 0]
    # On C the medium pipe costs less from the start, on D never.
    assert _add_least_flows(lines)["smallest_ktpa"].tolist()[4:] == [0, 0, 0, 0]
    # A size that starts at 300 kt/y is removed from a link of 150, whatever the order of the names.
    few = lines[:3].assign(largest_ktpa=[100.0, 150.0, 150.0])
    assert _add_least_flows(few)["pipe"].tolist() == ["small", "medium"]
    # Sizes that include a flow may be built for any flow.
    assert (_add_least_flows(lines.assign(included_ktpa=50.0))["smallest_ktpa"] == 0).all()


@pytest.mark.slow
def test_offshore_and_terrain_factors_raise_pipe_costs(hand_problem: Callable[..., Problem], inputs: Inputs) -> None:
    ashore = network(hand_problem).lines["fixed_mn"].to_numpy()
    at_sea = network(hand_problem, sites={"S": {"lon_deg": 116.0, "is_offshore": "yes"}})
    assert at_sea.links["is_offshore"].tolist() == [True]
    assert at_sea.lines["fixed_mn"].to_numpy() == pytest.approx(1.74 * ashore)
    # Factor 1 in the west, 3 in the east; half of the straight line from 115° to 116° lies in each.
    terrain = pd.DataFrame({"lat_deg": [38.0, 38.0], "lon_deg": [115.0, 116.0], "cost_multiplier": [1.0, 3.0]})
    terrain = terrain.reindex(columns=inputs["transport/terrain"].columns)
    hilly = network(hand_problem, transport__terrain=terrain)
    assert hilly.links["cost_factor"].tolist() == pytest.approx([2.0], rel=0.05)
    given = network(hand_problem, links={"A-S": {"cost_factor": 1.2}}, transport__terrain=terrain)
    assert given.links["cost_factor"].tolist() == [1.2]


def test_existing_pipe_has_no_capital_cost_up_to_its_capacity(hand_problem: Callable[..., Problem]) -> None:
    lines = network(hand_problem, links={"A-S": {"length_km": 10, "existing_ktpa": 300}}).lines.set_index("pipe")
    existing = lines.loc["existing"]
    assert (existing["is_free"], existing["free_ktpa"], existing["fixed_mn"], existing["slope_mn_per_ktpa"]) == (
        True,
        300,
        0,
        0,
    )
    # Its pumping and O&M are those of a new pipe for 300 kt/y, 34 t/h.
    assert existing["kwh_per_t"] == lines.at["medium", "kwh_per_t"] > lines.at["large", "kwh_per_t"]
    assert existing["om_mn_per_ktpa"] == lines.at["medium", "om_mn_per_ktpa"] > 0


@pytest.mark.parametrize(
    ("site", "reason"), [({"lon_deg": 130.0}, NO_SITE), ({}, NO_LINK), ({"n_wells_max": 0}, NO_WELLS)]
)
def test_plant_without_a_path_to_a_site_is_not_eligible_with_the_reason(
    hand_problem: Callable[..., Problem], site: dict[str, float], reason: str
) -> None:
    links = {"A-S": {"length_km": 10}}
    problem = hand_problem({}, plants={"A": {"co2_ktpa": 500}, "B": {"co2_ktpa": 500}}, sites={"S": site}, links=links)
    # A has a link to the site.
    assert problem.plants.set_index("plant")["reason"].to_dict() == {"A": reason * (reason == NO_WELLS), "B": reason}


def test_link_counts_in_the_province_of_its_western_site_and_uses_the_grid_of_the_plant(
    hand_problem: Callable[..., Problem],
) -> None:
    # S lies west of A, so the link starts there.
    tables = {"plants": {"A": {"co2_ktpa": 500}}, "links": {"A-S": {"length_km": 10}}}
    for province, counted_in in (("There", "There"), ("India", "Here"), ("", "Here")):
        sites = {"S": {"lon_deg": 114.9, "province": province}}
        (link,) = hand_problem({}, sites=sites, **tables).network.links.to_dict("records")
        assert (link["province"], link["grid_province"]) == (counted_in, "Here")


def test_trucks_serve_only_the_nearest_onshore_site_in_reach(hand_problem: Callable[..., Problem]) -> None:
    sites = {"S": {"lon_deg": 116.5}, "T": {"lon_deg": 116.0, "is_offshore": "yes"}, "U": {"lon_deg": 119.5}}
    found = network(hand_problem, {"transport.trucks": True}, sites=sites)
    road = found.links[found.links["kind"] == "truck"].iloc[0]
    straight_km = float(great_circle_km(38.0, 115.0, 38.0, 116.5))
    assert (road["link"], road["node_a"], road["node_b"]) == ("road A – S", "A", "S")
    assert road["length_km"] == pytest.approx(1.3 * straight_km)
    truck = found.lines.set_index("line").loc["road A – S | truck"]
    # EUR of 2020 in those of 2015.
    assert truck["haul_per_t"] == pytest.approx((3.8 + 0.14 * 1.3 * straight_km) * 92.9 / 100)
    assert truck["kwh_per_t"] == pytest.approx(140 + 0.17 * 1.3 * straight_km)
    assert (truck["free_ktpa"], truck["is_free"], truck["fixed_mn"]) == (100, True, 0)
    # Trucks do not go 400 km or offshore.
    for unreachable in ({"U": {"lon_deg": 119.5}}, {"T": {"lon_deg": 116.0, "is_offshore": "yes"}}):
        none = network(hand_problem, {"transport.trucks": True}, sites=unreachable)
        assert "truck" not in set(none.links["kind"])


def test_quotation_replaces_the_cost_of_a_pipe_size(hand_problem: Callable[..., Problem], inputs: Inputs) -> None:
    quote = {"link": "A-S", "pipe": "large", "fixed_mn": 7.0, "slope_mn_per_ktpa": 0.01, "currency": "EUR"}
    table = pd.DataFrame([quote | {"price_year": 2015}]).reindex(columns=inputs["transport/line_costs"].columns)
    requested: dict[str, Any] = {"links": {"A-S": {"length_km": 10}}}
    lines = network(hand_problem, **requested, transport__line_costs=table).lines.set_index("pipe")
    assert lines.loc["large", ["fixed_mn", "slope_mn_per_ktpa"]].tolist() == [7, 0.01]
    assert lines.at["medium", "fixed_mn"] == pytest.approx(2.4)
    with pytest.raises(InputError, match="'A – S' is no candidate link") as caught:
        network(hand_problem, **requested, transport__line_costs=table.assign(link="A – S"))
    assert caught.value.issues[0].hint == "it is named 'A-S' in transport/links"
    given_only = {"transport.candidate_links": "given"}
    two = {"plants": {"A": {"co2_ktpa": 500}, "B": {"co2_ktpa": 500}}, "links": {"A-S": {}, "A-B": {}}}
    with pytest.raises(InputError, match="'B – S' is no candidate link") as caught:
        network(hand_problem, given_only, **two, transport__line_costs=table.assign(link="B – S"))
    assert caught.value.issues[0].hint == "give it in transport/links as well"
    # A quotation for a node outside the network is ignored.
    unknown = network(hand_problem, **requested, transport__line_costs=table.assign(link="A – Z"))
    assert unknown.lines["line"].tolist() == ["A-S | large", "A-S | medium", "A-S | small"]


def test_shipped_network_does_not_depend_on_the_order_of_table_rows(problem_of: MakeProblem, shuffled: Inputs) -> None:
    requested = {"transport.shared_trunklines": True, "plants.inventory": ["steel", "chemicals"]}
    original, reordered = problem_of(requested).network, problem_of(requested, tables=shuffled).network
    assert original is not None and reordered is not None
    for name in ("nodes", "links", "lines"):
        pd.testing.assert_frame_equal(getattr(original, name), getattr(reordered, name))
    assert original.links["length_km"].max() <= 450 * 1.14
    assert (original.lines["largest_ktpa"] > 0).all()


def test_link_has_the_province_of_its_western_end_whatever_its_name(hand_problem: Callable[..., Problem]) -> None:
    """Renaming the ends does not change the province in which the cost of a link counts."""
    for west, east in (("A", "B"), ("B", "A")):
        plants = {
            west: {"co2_ktpa": 500, "province": "Here", "lon_deg": 114.0},
            east: {"co2_ktpa": 500, "province": "There", "lon_deg": 115.0},
        }
        given = {"A-B": {"length_km": 50}, "A-S": {"length_km": 60}}
        links = network(hand_problem, plants=plants, links=given).links.set_index("link")
        assert links.at["A-B", "province"] == "Here"


def test_link_along_a_meridian_has_the_province_of_its_southern_end(hand_problem: Callable[..., Problem]) -> None:
    for south, north in (("A", "B"), ("B", "A")):
        plants = {
            south: {"co2_ktpa": 500, "province": "Here", "lat_deg": 37.0, "lon_deg": 114.0},
            north: {"co2_ktpa": 500, "province": "There", "lat_deg": 38.0, "lon_deg": 114.0},
        }
        links = network(hand_problem, plants=plants, links={"A-B": {}, "A-S": {}}).links.set_index("link")
        assert links.at["A-B", "province"] == "Here"


# Upper bounds on the useful flow

# A: 300 kt/y for 10 million, B: 700 for 30, C: 1,500 for 45. By cost per kt/y: C 0.03, A 0.033, B 0.043.
TWO_PERIODS: Changes = {
    "years": [2026, 2031], "capital_recovery_share": None, "objective": "max_abatement", "targets.captured_ktpa": None,
}  # fmt: skip
STATIC: Changes = {"targets.captured_ktpa": 400}


@pytest.fixture(scope="module")
def static_problem(hand_problem: Callable[..., Problem]) -> Problem:
    """A static year with a target of 400 kt/y."""
    return hand_problem(STATIC, plants=PLANTS, sites=SITES, links=LINKS)


@pytest.fixture(scope="module")
def make_network(static_problem: Problem) -> Callable[..., Network]:
    """Build the network of a scenario with changes, with the same options and other costs or sites if given."""

    def make(
        changes: Changes,
        capex_mn: tuple[float, ...] = (10, 30, 45),
        sites: pd.DataFrame = static_problem.sites,
        **more: float,
    ) -> Network:
        scenario, options = (
            static_problem.scenario.with_changes(changes),
            static_problem.options.assign(capture_capex_mn=capex_mn),
        )
        return network_of(
            scenario, static_problem.inputs, static_problem.price_level, options, static_problem.plants, sites, **more
        )

    return make


@pytest.mark.parametrize(
    ("changes", "most_ktpa"),
    [
        ({"budget.total_mn": 50}, 1_500 + 150),  # C for 45, half of A for 5
        ({"budget.total_mn": 55}, 1_500 + 300),
        ({"budget.total_mn": 60}, 1_500 + 300 + 700 * 5 / 30),
        ({"budget.total_mn": 85}, 2_500),
        ({"budget.total_mn": 9_000}, 2_500),
        # Less than the cheapest stream costs: that stream stays in the bound.
        ({"budget.total_mn": 10}, 1_500),
        ({"budget.total_mn": 0}, 1_500),
        # A grant adds to the budget, a loan does not.
        ({"budget.total_mn": 50, "funds": {"gift": {"kind": "grant", "ceiling_mn": 5}}}, 1_800),
        ({"budget.total_mn": 50, "funds": {"loan": {"kind": "loan", "interest_rate": 0.03}}}, 1_650),
    ],
)
def test_flow_bound_spends_the_budget_on_the_cheapest_streams_first(
    make_network: Callable[..., Network], changes: Changes, most_ktpa: float
) -> None:
    assert make_network(TWO_PERIODS | changes).most_ktpa == pytest.approx(most_ktpa)


def test_flow_bound_includes_all_streams_without_capital_cost(make_network: Callable[..., Network]) -> None:
    budget = TWO_PERIODS | {"budget.total_mn": 50}
    # B for 0, C for 45, half of A for 5.
    assert make_network(budget, (10, 0, 45)).most_ktpa == pytest.approx(700 + 1_500 + 150)
    assert make_network(budget, (0, 0, 0)).most_ktpa == pytest.approx(2_500)
    # Costs below a million count like others: C for 0.45 and half of A for 0.05.
    small_budget = TWO_PERIODS | {"budget.total_mn": 0.5}
    assert make_network(small_budget, (0.1, 0.3, 0.45)).most_ktpa == pytest.approx(1_500 + 150)


@pytest.mark.parametrize(
    "changes",
    [
        {"budget.total_mn": 50, "capture.decisions": "continuous"},
        {"budget.total_mn": 50, "plants.require": ["B"]},
        {"budget.total_mn": 50, "targets.captured_ktpa": 100},
        {"budget.total_mn": 50, "targets.abatement_share": {2031: 0.1}},
        {"budget.total_mn": 50, "targets.cumulative_avoided_kt": 100},
        {"budget.total_mn": 50, "targets.share_of_avoided_min": {"Here": 0.1}},
        {"budget.total_mn": 50, "plants.committed": {"B/all/given/full": 2026}},
        {"budget.total_mn": None, "objective": "max_npv"},
    ],
    ids=lambda changes: next(reversed(changes)),
)
def test_flow_is_unbounded_with_requirements_continuous_decisions_or_no_budget(
    make_network: Callable[..., Network], changes: Changes
) -> None:
    assert make_network(TWO_PERIODS | changes).most_ktpa == np.inf


def test_static_target_bounds_the_flow(make_network: Callable[..., Network]) -> None:
    assert make_network(STATIC).most_ktpa == pytest.approx(400)
    assert make_network({"targets.captured_ktpa": 0.5}).most_ktpa == pytest.approx(0.5)
    # Only 80 % of the nameplate is delivered.
    assert make_network(STATIC, delivered_share=0.8).most_ktpa == pytest.approx(500)


@pytest.mark.parametrize(
    "changes",
    [
        {"policy.paid_per_captured_t": 0.5},
        {"policy.paid_per_avoided_t": 0.5},
        {"policy.paid_per_avoided_t": 1.0, "policy.paid_per_captured_t": 1.0},
        {"targets.abatement_share": {2015: 0.1}},
        {"plants.require": ["B"]},
        {"objective": "max_abatement", "budget.total_mn": 100},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_static_flow_is_unbounded_if_more_than_the_target_may_be_captured(
    make_network: Callable[..., Network], changes: Changes
) -> None:
    assert make_network(STATIC | changes).most_ktpa == np.inf


def test_static_flow_is_unbounded_with_an_oil_field_that_pays_for_co2(
    make_network: Callable[..., Network], static_problem: Problem
) -> None:
    assert make_network(STATIC, sites=static_problem.sites.assign(eor_revenue_per_t=[0.0, 0.5])).most_ktpa == np.inf


def test_flow_bound_is_at_least_the_given_least_bound(make_network: Callable[..., Network]) -> None:
    for least, most in ((1_600, 1_650), (1_700, 1_700)):
        assert make_network(TWO_PERIODS | {"budget.total_mn": 50}, least_bound_ktpa=least).most_ktpa == pytest.approx(
            most
        )


def test_pipe_sizes_are_limited_by_the_flow_bound_of_their_link(
    make_network: Callable[..., Network], static_problem: Problem
) -> None:
    ample_budget = TWO_PERIODS | {"budget.total_mn": 1_650}
    largest = make_network(ample_budget).lines.groupby("link")["largest_ktpa"].max()
    # A, B and S form a ring, which all 2,500 kt/y may use, as may C – T. B – C carries either the 1,000 of A and B
    # to T, or as much of C's 1,500 as S can store: three wells of 400.
    assert largest.to_dict() == pytest.approx({"C-T": 2_500, "B-C": 1_200, "A-B": 2_500, "A-S": 2_500, "B-S": 2_500})
    # The target of a static year bounds every link.
    assert make_network(STATIC).lines["largest_ktpa"].max() == pytest.approx(400)
    # A site without wells stores nothing.
    closed = make_network(ample_budget, sites=static_problem.sites.assign(injection_max_ktpa=[0.0, 5e4])).lines
    assert closed.groupby("link")["largest_ktpa"].max()["B-C"] == pytest.approx(1_000)


# Existing pipes


def test_small_existing_pipe_is_free_up_to_its_capacity(hand_problem: Callable[..., Problem]) -> None:
    links = {"A-S": {"length_km": 30, "existing_ktpa": 0.4}, "B-S": {"length_km": 30, "existing_ktpa": 0}}
    plants = {name: PLANTS[name] for name in "AB"}
    found = hand_problem(STATIC, plants=plants, sites={"S": {}}, links=links).network
    assert found is not None
    lines = found.lines.set_index("line")
    (existing,) = lines.index[lines["is_free"].astype(bool)]
    assert existing == "A-S | existing"
    assert (lines.at[existing, "free_ktpa"], lines.at[existing, "largest_ktpa"]) == (0.4, 0.4)
    assert not lines.loc[existing, ["fixed_mn", "slope_mn_per_ktpa", "included_ktpa", "haul_per_t"]].any()
    # 0.06 kWh/t and km of the small class, and 20 EUR per year, t/h and km; 1 t/h is 8.76 kt/y.
    assert lines.at[existing, "kwh_per_t"] == pytest.approx(0.06 * 30)
    assert lines.at[existing, "om_mn_per_ktpa"] == pytest.approx(20e-6 / 8.76 * 30)
    assert found.built.sum() == len(lines) - 1


# Terrain


def points(*rows: tuple[float, float, float]) -> Terrain:
    """Points as (lat, lon, multiplier)."""
    lat, lon, multiplier = np.array(rows, dtype=float).reshape(-1, 3).T
    return Terrain(lat, lon, multiplier)


def factor(terrain: Terrain, a: tuple[float, float], b: tuple[float, float]) -> float:
    return float(terrain.factor(*(np.array([x]) for x in (*a, *b)))[0])


def covers(terrain: Terrain, a: tuple[float, float], b: tuple[float, float]) -> bool:
    return terrain.covers(*(np.array([x]) for x in (*a, *b)))


# Four points on a grid of one degree; each applies within its diagonal, 1.414 degrees.
SQUARE = points((40, 110, 2), (40, 111, 4), (41, 110, 6), (41, 111, 8))


def test_terrain_factor_is_one_without_points() -> None:
    none = points()
    assert factor(none, (40, 110), (41, 111)) == 1.0 and not covers(none, (40, 110), (41, 111))


def test_single_terrain_point_applies_everywhere() -> None:
    assert factor(points((40, 110, 3)), (20, 80), (50, 130)) == 3.0


@pytest.mark.parametrize(
    ("at", "multiplier"),
    [
        ((40, 110), 2),
        ((40.1, 110.9), 4),
        ((40.9, 109.9), 6),
        ((42.41, 110), 6),  # 1.41 degrees from its point
        ((42.42, 110), 1),  # 1.42 degrees
        ((40, 108.59), 2),
        ((40, 108.58), 1),
    ],
)
def test_nearest_terrain_point_applies_within_its_cell_diagonal(at: tuple[float, float], multiplier: float) -> None:
    assert factor(SQUARE, at, at) == multiplier


def test_terrain_point_applies_at_exactly_one_cell_diagonal() -> None:
    # The far corner of a cell of one degree lies exactly one diagonal from the opposite point.
    assert factor(SQUARE, (42, 112), (42, 112)) == 8


def test_isolated_terrain_point_has_the_range_of_the_other_points() -> None:
    # The median distance to the nearest point is one degree, although the last point lies eight degrees away.
    scattered = points((40, 110, 2), (40, 111, 2), (40, 112, 2), (40, 120, 5))
    assert [factor(scattered, (40, lon), (40, lon)) for lon in (120, 121.4, 121.5)] == [5, 5, 1]


def test_terrain_factor_is_the_mean_of_the_cells_crossed() -> None:
    # Half of the line from 110 to 111 degrees is nearest to each point: (2 + 4) ÷ 2, up to one sample in the middle.
    assert factor(SQUARE, (40, 110), (40, 111)) == pytest.approx(3, abs=0.02)
    # Three quarters of this line lie before 110.5.
    assert factor(SQUARE, (40, 110), (40, 110 + 2 / 3)) == pytest.approx(0.75 * 2 + 0.25 * 4, abs=0.02)
    # The reverse direction has the same factor.
    assert factor(SQUARE, (40, 111), (40, 110)) == pytest.approx(factor(SQUARE, (40, 110), (40, 111)), abs=0.03)


def test_terrain_factor_holds_for_diagonal_and_meridional_lines() -> None:
    # Along the diagonal the nearest points are the first and the last, for half of the line each.
    assert factor(SQUARE, (40, 110), (41, 111)) == pytest.approx((2 + 8) / 2, abs=0.05)
    assert factor(SQUARE, (40, 110), (41, 110)) == pytest.approx((2 + 6) / 2, abs=0.05)


def test_each_line_has_its_own_terrain_factor() -> None:
    lat, lon = np.array([40.0, 41.0, 60.0]), np.array([110.0, 111.0, 60.0])
    assert SQUARE.factor(lat, lon, lat, lon).tolist() == [2, 8, 1]


GRID = Terrain(np.zeros(0), np.zeros(0), np.zeros(0), Raster(110.0, 41.0, 1.0, np.array([[6, 8], [2, 4]], np.float32)))


def test_terrain_raster_has_the_factors_of_equal_points() -> None:
    for at in ((40, 110), (40.1, 110.9), (40.9, 109.9), (45, 110)):
        assert factor(GRID, at, at) == factor(SQUARE, at, at)


def test_line_across_180_degrees_crosses_the_terrain_on_its_short_way() -> None:
    # Cells from 177 to 180 degrees east; 1.57 of the 1.6 degrees from 178.43 to -179.97 lie in them.
    fiji = Terrain(*np.zeros((3, 0)), Raster(177.05, -16.05, 0.1, np.full((30, 30), 5.0, np.float32)))
    for ends in (((-18.13, 178.43), (-16.85, -179.97)), ((-16.85, -179.97), (-18.13, 178.43))):
        assert factor(fiji, *ends) == pytest.approx(5.0, abs=0.1)
    assert not covers(fiji, (-17, -170), (-17, -175))


@pytest.mark.parametrize("terrain", [SQUARE, GRID], ids=["points", "grid"])
def test_line_outside_all_terrain_cells_is_not_covered(terrain: Terrain) -> None:
    assert not covers(terrain, (45, 110), (46, 111))
    assert covers(terrain, (40, 110), (46, 111))
    # Flat cells count as well.
    flat = points((40, 110, 1), (40, 111, 1))
    assert covers(flat, (40, 110), (40, 111))
