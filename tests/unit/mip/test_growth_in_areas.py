"""Tree growth under budgets of areas, where what one cannot pay ends nothing elsewhere, and with required plants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from ccs_model.mip.clock import effort
from ccs_model.mip.growing_network import GrowthNetwork
from ccs_model.mip.grown_solution import Growth
from ccs_model.mip.tree_growth import Grow


def network_of(
    links: list[tuple[int, int, float]], sites: list[int], options: list[tuple[int, float, float]],
    area_limits: list[float], area_of: dict[str, list[int]], charge: float = 0.0,
) -> GrowthNetwork:  # fmt: skip
    """One period, free sites and wells, pipes of one size with a fixed cost, and 100 units of flow for each option."""
    n_links, n_sites, n_options, n_areas = len(links), len(sites), len(options), len(area_limits)
    inside = {key: np.zeros((n_areas, len(of))) for key, of in area_of.items()}
    for key, of in area_of.items():
        inside[key][of, np.arange(len(of))] = 1.0
    cost = np.array([money for _, _, money in options])
    one = np.ones((1, n_sites))
    return GrowthNetwork(
        start=np.array([a for a, _, _ in links]),
        end=np.array([b for _, b, _ in links]),
        fixed=np.array([[[money] for _, _, money in links]]),
        slope=np.zeros((1, n_links, 1)),
        included=np.full((n_links, 1), 1e4),
        largest=np.full((n_links, 1), 1e4),
        free=np.zeros(n_links),
        pipe=np.arange(n_links).reshape(1, n_links, 1),
        site_node=np.array(sites),
        opening=0 * one,
        well=0 * one,
        may_be_open=one > 0,
        opened=np.zeros((1, n_sites), dtype=int),
        wells=np.zeros((1, n_sites), dtype=int),
        rate=np.full(n_sites, 100.0),
        most_wells=np.full(n_sites, 100.0),
        room=np.full(n_sites, 1e9),
        weight=one,
        column=np.arange(n_options),
        period=np.zeros(n_options, dtype=int),
        choice=np.arange(n_options),
        node=np.array([node for node, _, _ in options]),
        value=np.array([value for _, value, _ in options]),
        cost=cost,
        price=np.array([-value for _, value, _ in options]),
        flow=np.full((n_options, 1), 100.0),
        packing=sparse.csc_array((0, n_options)),
        packing_limit=np.zeros(0),
        required=(),
        targets=np.zeros((0, n_options)),
        target_limits=np.zeros(0),
        deducted=np.zeros((0, 1, n_links)),
        ends_at_targets=False,
        limits=np.array([1e6]),
        area_limits=np.array(area_limits),
        area_options=inside["options"] * cost,
        area_links=inside["links"],
        area_sites=inside["sites"],
        positions=np.zeros((1 + max(max(a, b) for a, b, _ in links), 2)),
        charge=np.full(1, charge),
        charge_at_sites=np.full(1, charge),
    )


def grown(network: GrowthNetwork) -> Growth:
    with effort():
        return Grow()._grown(Growth.empty(network))


def test_options_beyond_the_budget_of_their_area_do_not_end_the_growth_elsewhere():
    # Seven streams at node 0 cost 60 and need a pipe of 50, of 100 in their area; the stream at node 1 is worth less.
    network = network_of(
        [(0, 2, 50.0), (1, 2, 50.0)],
        [2],
        [*[(0, 1_000.0, 60.0)] * 7, (1, 1.0, 10.0)],
        [100.0, 100.0],
        {"options": [0] * 7 + [1], "links": [0, 1], "sites": [1]},
    )
    assert set(grown(network).chosen) == {7}


def test_a_path_leaves_out_what_its_area_cannot_pay():
    # The way from node 0 to the site at 1 is shorter, but its area has 20 for a pipe of 30.
    network = network_of(
        [(0, 1, 30.0), (0, 2, 80.0)],
        [1, 2],
        [(0, 1.0, 10.0)],
        [20.0, 100.0],
        {"options": [1], "links": [0, 1], "sites": [0, 1]},
    )
    ((_, _, site),) = grown(network).chosen.values()
    assert site == 1


def test_a_required_option_comes_first_and_only_once():
    # The money pays for one stream and its pipe of 30; the required plant has streams 0 and 1, which are worth less.
    network = network_of(
        [(0, 2, 30.0), (1, 2, 30.0)],
        [2],
        [(0, 1.0, 10.0), (0, 2.0, 15.0), (1, 9.0, 10.0)],
        [1e6],
        {"options": [0, 0, 0], "links": [0, 0], "sites": [0]},
    )
    network = replace(network, limits=np.array([50.0]))
    assert set(grown(network).chosen) == {2}
    required = grown(replace(network, required=(np.array([0, 1]),)))
    assert set(required.chosen) == {1} and required.value == 2.0
    out_of_reach = grown(replace(network, limits=np.array([30.0]), required=(np.array([0, 1]),)))
    assert out_of_reach.value == -np.inf


def test_growth_ends_when_every_target_is_reached():
    network = network_of(
        [(0, 2, 30.0), (1, 2, 30.0)],
        [2],
        [(0, 3.0, 10.0), (0, 2.0, 10.0), (1, 1.0, 10.0)],
        [1e6],
        {"options": [0, 0, 0], "links": [0, 0], "sites": [0]},
    )
    assert set(grown(network).chosen) == {0, 1, 2}
    targets = replace(
        network,
        targets=np.array([[3.0, 2.0, 1.0]]),
        target_limits=np.array([4.0]),
        deducted=np.zeros((1, 1, 2)),
        ends_at_targets=True,
    )
    assert set(grown(targets).chosen) == {0, 1} and grown(targets).is_enough
    assert not grown(replace(targets, target_limits=np.array([9.0]))).is_enough
    # The 200 units of flow on the first link take 0.4 from the sum of 5.
    pumped = replace(targets, deducted=np.array([[[0.002, 0.0]]]))
    assert set(grown(replace(pumped, target_limits=np.array([4.5]))).chosen) == {0, 1}
    assert set(grown(replace(pumped, target_limits=np.array([4.7]))).chosen) == {0, 1, 2}


def at_least_cost(least: float, **changes: object) -> Growth:
    """Growth of three options that cost 40, 25 and 60 with their pipes, and contribute 4, 2 and 5 to the target."""
    network = network_of(
        [(0, 3, 20.0), (1, 3, 15.0), (2, 3, 30.0)],
        [3],
        [(0, -20.0, 20.0), (1, -10.0, 10.0), (2, -30.0, 30.0)],
        [1e6],
        {"options": [0] * 3, "links": [0] * 3, "sites": [0]},
        charge=1.0,
    )
    made = replace(
        network,
        targets=np.array([[4.0, 2.0, 5.0]]),
        target_limits=np.array([least]),
        deducted=np.zeros((1, 1, 3)),
        **changes,
    )
    with effort():
        return Grow()._grown_and_pruned(Growth.empty(made))


def test_growth_at_least_cost_takes_the_least_money_per_contribution_and_drops_what_no_target_needs():
    assert set(at_least_cost(3.0).chosen) == {0} and at_least_cost(3.0).value == pytest.approx(-40.0)
    # After the first option 1.9 are missing, for which the second costs less per contribution than the third.
    assert set(at_least_cost(5.9).chosen) == {0, 1}
    # All three contribute 11; of those that are not needed the second contributes least per money.
    assert set(at_least_cost(6.9).chosen) == {0, 2} and at_least_cost(6.9).value == pytest.approx(-100.0)
    assert at_least_cost(12.0).value == -np.inf


def test_an_existing_pipeline_carries_its_capacity_free_of_cost():
    # The first option needs no pipe and is the cheapest; a capacity of 60 leaves 40 of its flow to a new pipe.
    assert at_least_cost(3.0, free=np.array([100.0, 0.0, 0.0])).value == pytest.approx(-20.0)
    assert at_least_cost(3.0, free=np.array([60.0, 0.0, 0.0])).value == pytest.approx(-40.0)


def test_packing_rows_count_what_an_option_takes_less_what_it_replaces():
    # Row 0 takes 2, 1 and 4 of the options, row 1 takes 3 of the first; both have 4. The second option is chosen.
    network = replace(
        network_of([(0, 1, 1.0)], [1], [(0, 1.0, 1.0)] * 3, [1e6], {"options": [0] * 3, "links": [0], "sites": [0]}),
        packing=sparse.csc_array(np.array([[2.0, 1.0, 4.0], [3.0, 0.0, 0.0]])),
        packing_limit=np.array([4.0, 4.0]),
    )
    growth = Growth.empty(network)
    growth.add(1, np.array([0]), 0)
    every, none = np.arange(3), np.full(3, -1)
    assert growth.packed.tolist() == [1.0, 0.0]
    assert growth.packs(growth.network.packed_by(every), none).tolist() == [True, True, False]
    # In place of the chosen one there is room for 4.
    assert growth.packs(growth.network.packed_by(every), np.array([1, 1, 1])).tolist() == [True, True, True]
    growth.remove(1)
    assert growth.packed.tolist() == [0.0, 0.0]
    assert growth.packs(growth.network.packed_by(every), none).tolist() == [True, True, True]
    growth.add(0, np.array([0]), 0)
    assert growth.packs(growth.network.packed_by(every), none).tolist() == [False, True, False]
    assert growth.packs(growth.network.packed_by(np.array([0, 2])), np.array([-1, 0])).tolist() == [False, True]


def test_an_option_has_the_least_money_left_of_all_and_of_its_area():
    # In all 200 are left, in the areas 20 and 0.25; the pipe and the site are in neither.
    network = network_of(
        [(0, 1, 30.0)],
        [1],
        [(0, 1.0, 10.0), (0, 1.0, 0.5), (0, 1.0, 0.0)],
        [20.0, 0.25],
        {"options": [0, 1, 1], "links": [0], "sites": [0]},
    )
    none = np.zeros_like(network.area_links)
    network = replace(network, limits=np.array([200.0]), area_links=none, area_sites=np.zeros_like(network.area_sites))
    growth = Growth.empty(network)
    # What costs nothing needs nothing of its area.
    assert growth.left_for(np.arange(3), 0).tolist() == [20.0, 0.25, 200.0]
    growth.add(0, np.array([0]), 0)
    # 10 and the pipe of 30 are spent.
    assert growth.area_left().tolist() == [10.0, 0.25]
    assert growth.left_for(np.arange(3), 0).tolist() == [10.0, 0.25, 160.0]


def test_shrinking_removes_the_least_value_per_money_saved_and_keeps_required_streams():
    # Streams 0 and 1 share a pipe of 30, which only the last of them saves; stream 2 has one of its own.
    network = network_of(
        [(0, 2, 30.0), (1, 2, 30.0)],
        [2],
        [(0, 8.0, 10.0), (0, 3.0, 10.0), (1, 5.0, 10.0)],
        [1e6],
        {"options": [0, 0, 0], "links": [0, 0], "sites": [0]},
    )
    whole = grown(network)
    assert float(whole.spending().sum()) == 90.0

    def kept(limit: float, required: tuple[np.ndarray, ...] = ()) -> set[int]:
        growth = whole.copy(replace(network, limits=np.array([limit]), required=required))
        growth.shrink()
        return set(growth.chosen)

    # Values per money saved: 8 ÷ 10, 3 ÷ 10 and 5 ÷ 40; without stream 2 they are 0.8 and 0.3.
    assert kept(50.0) == {0, 1}
    assert kept(45.0) == {0}
    assert kept(50.0, required=(np.array([2]),)) == {2}
    assert kept(80.0, required=(np.array([2]),)) == {0, 2}
    assert set(whole.chosen) == {0, 1, 2}


def test_a_point_becomes_the_solution_with_its_options_pipes_and_sites():
    network = network_of(
        [(0, 1, 30.0), (1, 2, 30.0), (0, 2, 50.0)],
        [2],
        [(0, 8.0, 10.0), (1, 3.0, 10.0)],
        [1e6],
        {"options": [0, 0], "links": [0, 0, 0], "sites": [0]},
    )
    # Columns: options 0 and 1, links 2 to 4, the site 5 and its wells 6.
    network = replace(network, pipe=np.array([[[2], [3], [4]]]), opened=np.array([[5]]), wells=np.array([[6]]))
    growth = Growth.at(network, np.array([1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 2.0]))
    assert growth is not None
    assert {stream: links.tolist() for stream, (_, links, _) in growth.chosen.items()} == {0: [0, 1], 1: [1]}
    assert growth.flow.tolist() == [[100.0, 200.0, 0.0]] and growth.stored.tolist() == [[200.0]]
    # The first plant's pipe is missing.
    assert Growth.at(network, np.array([1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 2.0])) is None


def test_streams_that_pay_for_their_pipe_together_are_found_and_those_that_do_not_are_left_out():
    # Pipes count in the objective. Two streams earn 40 each behind a common pipe of 60 with links of 5 to it; the third
    # earns 20 and needs a pipe of 30 to the same node; the fourth earns 100 with a pipe of 150.
    network = network_of(
        [(0, 2, 5.0), (1, 2, 5.0), (2, 4, 60.0), (3, 2, 30.0), (5, 4, 150.0)],
        [4],
        [(0, 40.0, 0.0), (1, 40.0, 0.0), (3, 20.0, 0.0), (5, 100.0, 0.0)],
        [1e6], {"options": [0] * 4, "links": [0] * 5, "sites": [0]}, charge=1.0,
    )  # fmt: skip
    with effort():
        growth = Grow(n_seeds=0)._grown_and_pruned(Growth.empty(network))
    assert sorted(growth.chosen) == [0, 1]
    assert growth.value == pytest.approx(80.0 - 70.0)


def test_pruning_removes_a_group_of_which_no_stream_goes_alone_unless_one_is_required():
    # Each stream alone saves only its own link of 5 of the 70 that both cost.
    arguments = (
        [(0, 2, 5.0), (1, 2, 5.0), (2, 3, 60.0)], [3], [(0, 30.0, 0.0), (1, 30.0, 0.0)], [1e6],
        {"options": [0, 0], "links": [0, 0, 0], "sites": [0]},
    )  # fmt: skip
    network = network_of(*arguments, charge=1.0)
    # With both, the required stream costs least.
    for required, left in (((), []), ((np.array([1]),), [0, 1])):
        growth = Growth.empty(replace(network, required=required))
        for stream in (0, 1):
            growth.add(stream, np.array([stream, 2]), 0)
        assert growth.value == pytest.approx(-10.0)
        growth.prune()
        assert sorted(growth.chosen) == left
