"""Tree growth with area budgets, required options, targets, existing pipelines, packing rows and pruning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from ccs_model.mip.clock import effort
from ccs_model.mip.growing_network import GrowthNetwork
from ccs_model.mip.grown_solution import Growth
from ccs_model.mip.highs import SolverOptions
from ccs_model.mip.search import FixedChargeNetwork, SearchContext
from ccs_model.mip.tree_growth import Grow
from tests.hand_matrix import hand_matrix


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


def grow(network: GrowthNetwork) -> Growth:
    with effort():
        return Grow()._grow_solution(Growth.make_empty(network))


def test_options_beyond_their_area_budget_do_not_stop_growth_elsewhere():
    # Seven streams at node 0 cost 60 each, their pipe 50; the area budget is 100. The stream at node 1 has less value.
    network = network_of(
        [(0, 2, 50.0), (1, 2, 50.0)],
        [2],
        [*[(0, 1_000.0, 60.0)] * 7, (1, 1.0, 10.0)],
        [100.0, 100.0],
        {"options": [0] * 7 + [1], "links": [0, 1], "sites": [1]},
    )
    assert set(grow(network).chosen) == {7}


def test_path_avoids_links_beyond_the_area_budget():
    # The path from node 0 to the site at node 1 is shorter, but its area has 20 for a pipe of 30.
    network = network_of(
        [(0, 1, 30.0), (0, 2, 80.0)],
        [1, 2],
        [(0, 1.0, 10.0)],
        [20.0, 100.0],
        {"options": [1], "links": [0, 1], "sites": [0, 1]},
    )
    ((_, _, site),) = grow(network).chosen.values()
    assert site == 1


def test_required_plant_comes_first_with_one_option():
    # The budget pays for one stream and its pipe of 30; the required plant has streams 0 and 1, of less value.
    network = network_of(
        [(0, 2, 30.0), (1, 2, 30.0)],
        [2],
        [(0, 1.0, 10.0), (0, 2.0, 15.0), (1, 9.0, 10.0)],
        [1e6],
        {"options": [0, 0, 0], "links": [0, 0], "sites": [0]},
    )
    network = replace(network, limits=np.array([50.0]))
    assert set(grow(network).chosen) == {2}
    required = grow(replace(network, required=(np.array([0, 1]),)))
    assert set(required.chosen) == {1} and required.value == 2.0
    unaffordable = grow(replace(network, limits=np.array([30.0]), required=(np.array([0, 1]),)))
    assert unaffordable.value == -np.inf


def test_growth_ends_when_every_target_is_reached():
    network = network_of(
        [(0, 2, 30.0), (1, 2, 30.0)],
        [2],
        [(0, 3.0, 10.0), (0, 2.0, 10.0), (1, 1.0, 10.0)],
        [1e6],
        {"options": [0, 0, 0], "links": [0, 0], "sites": [0]},
    )
    assert set(grow(network).chosen) == {0, 1, 2}
    targets = replace(
        network,
        targets=np.array([[3.0, 2.0, 1.0]]),
        target_limits=np.array([4.0]),
        deducted=np.zeros((1, 1, 2)),
        ends_at_targets=True,
    )
    assert set(grow(targets).chosen) == {0, 1} and grow(targets).is_complete
    assert not grow(replace(targets, target_limits=np.array([9.0]))).is_complete
    # The 200 units of flow on the first link take 0.4 from the sum of 5.
    pumped = replace(targets, deducted=np.array([[[0.002, 0.0]]]))
    assert set(grow(replace(pumped, target_limits=np.array([4.5]))).chosen) == {0, 1}
    assert set(grow(replace(pumped, target_limits=np.array([4.7]))).chosen) == {0, 1, 2}


def grow_to_target(target: float, **changes: object) -> Growth:
    """Growth of three options that cost 40, 25 and 60 with their pipes, and contribute 4, 2 and 5 to the target."""
    network = network_of(
        [(0, 3, 20.0), (1, 3, 15.0), (2, 3, 30.0)],
        [3],
        [(0, -20.0, 20.0), (1, -10.0, 10.0), (2, -30.0, 30.0)],
        [1e6],
        {"options": [0] * 3, "links": [0] * 3, "sites": [0]},
        charge=1.0,
    )
    with_target = replace(
        network,
        targets=np.array([[4.0, 2.0, 5.0]]),
        target_limits=np.array([target]),
        deducted=np.zeros((1, 1, 3)),
        **changes,
    )
    with effort():
        return Grow()._grow_and_prune(Growth.make_empty(with_target))


def test_min_cost_growth_adds_the_lowest_cost_per_contribution_and_prunes_unneeded_options():
    assert set(grow_to_target(3.0).chosen) == {0} and grow_to_target(3.0).value == pytest.approx(-40.0)
    # The first option leaves 1.9, for which the second costs less per contribution than the third.
    assert set(grow_to_target(5.9).chosen) == {0, 1}
    # All three contribute 11; of the unneeded options the second contributes least per cost.
    assert set(grow_to_target(6.9).chosen) == {0, 2} and grow_to_target(6.9).value == pytest.approx(-100.0)
    assert grow_to_target(12.0).value == -np.inf


def test_an_existing_pipeline_carries_its_capacity_free_of_cost():
    # The first option needs no pipe and is the cheapest; a capacity of 60 leaves 40 of its flow to a new pipe.
    assert grow_to_target(3.0, free=np.array([100.0, 0.0, 0.0])).value == pytest.approx(-20.0)
    assert grow_to_target(3.0, free=np.array([60.0, 0.0, 0.0])).value == pytest.approx(-40.0)


def test_packing_rows_count_the_use_of_an_option_less_that_of_the_option_it_replaces():
    # The options use 2, 1 and 4 of row 0, the first uses 3 of row 1; both limits are 4. The second option is chosen.
    network = replace(
        network_of([(0, 1, 1.0)], [1], [(0, 1.0, 1.0)] * 3, [1e6], {"options": [0] * 3, "links": [0], "sites": [0]}),
        packing=sparse.csc_array(np.array([[2.0, 1.0, 4.0], [3.0, 0.0, 0.0]])),
        packing_limit=np.array([4.0, 4.0]),
    )
    growth = Growth.make_empty(network)
    growth.add(1, np.array([0]), 0)
    every, none = np.arange(3), np.full(3, -1)
    assert growth.packed.tolist() == [1.0, 0.0]
    assert growth.are_packable(growth.network.packing_entries(every), none).tolist() == [True, True, False]
    # If it replaces the chosen option, the third option fits too.
    assert growth.are_packable(growth.network.packing_entries(every), np.array([1, 1, 1])).tolist() == [
        True,
        True,
        True,
    ]
    growth.remove(1)
    assert growth.packed.tolist() == [0.0, 0.0]
    assert growth.are_packable(growth.network.packing_entries(every), none).tolist() == [True, True, True]
    growth.add(0, np.array([0]), 0)
    assert growth.are_packable(growth.network.packing_entries(every), none).tolist() == [False, True, False]
    assert growth.are_packable(growth.network.packing_entries(np.array([0, 2])), np.array([-1, 0])).tolist() == [
        False,
        True,
    ]


def test_money_left_for_an_option_is_the_lower_of_the_total_and_the_area_budget():
    # The total budget is 200, the area budgets are 20 and 0.25; the pipe and the site are in neither area.
    network = network_of(
        [(0, 1, 30.0)],
        [1],
        [(0, 1.0, 10.0), (0, 1.0, 0.5), (0, 1.0, 0.0)],
        [20.0, 0.25],
        {"options": [0, 1, 1], "links": [0], "sites": [0]},
    )
    none = np.zeros_like(network.area_links)
    network = replace(network, limits=np.array([200.0]), area_links=none, area_sites=np.zeros_like(network.area_sites))
    growth = Growth.make_empty(network)
    # An option without cost needs no area budget.
    assert growth.money_left_for(np.arange(3), 0).tolist() == [20.0, 0.25, 200.0]
    growth.add(0, np.array([0]), 0)
    # 10 and the pipe of 30 are spent.
    assert growth.money_left_by_area().tolist() == [10.0, 0.25]
    assert growth.money_left_for(np.arange(3), 0).tolist() == [10.0, 0.25, 160.0]


def test_shrinking_removes_the_least_value_per_money_saved_and_keeps_required_streams():
    # Streams 0 and 1 share a pipe of 30, which is saved only with the last of them; stream 2 has its own pipe.
    network = network_of(
        [(0, 2, 30.0), (1, 2, 30.0)],
        [2],
        [(0, 8.0, 10.0), (0, 3.0, 10.0), (1, 5.0, 10.0)],
        [1e6],
        {"options": [0, 0, 0], "links": [0, 0], "sites": [0]},
    )
    complete = grow(network)
    assert float(complete.spending().sum()) == 90.0

    def kept(limit: float, required: tuple[np.ndarray, ...] = ()) -> set[int]:
        growth = complete.copy(replace(network, limits=np.array([limit]), required=required))
        growth.shrink()
        return set(growth.chosen)

    # Values per money saved: 8 ÷ 10, 3 ÷ 10 and 5 ÷ 40; without stream 2 they are 0.8 and 0.3.
    assert kept(50.0) == {0, 1}
    assert kept(45.0) == {0}
    assert kept(50.0, required=(np.array([2]),)) == {2}
    assert kept(80.0, required=(np.array([2]),)) == {0, 2}
    assert set(complete.chosen) == {0, 1, 2}


def test_growth_from_a_point_has_its_options_pipes_and_sites():
    network = network_of(
        [(0, 1, 30.0), (1, 2, 30.0), (0, 2, 50.0)],
        [2],
        [(0, 8.0, 10.0), (1, 3.0, 10.0)],
        [1e6],
        {"options": [0, 0], "links": [0, 0, 0], "sites": [0]},
    )
    # Columns: options 0 and 1, links 2 to 4, the site 5 and its wells 6.
    network = replace(network, pipe=np.array([[[2], [3], [4]]]), opened=np.array([[5]]), wells=np.array([[6]]))
    growth = Growth.from_point(network, np.array([1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 2.0]))
    assert growth is not None
    assert {stream: links.tolist() for stream, (_, links, _) in growth.chosen.items()} == {0: [0, 1], 1: [1]}
    assert growth.flow.tolist() == [[100.0, 200.0, 0.0]] and growth.stored.tolist() == [[200.0]]
    # The first plant's pipe is missing.
    assert Growth.from_point(network, np.array([1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 2.0])) is None


def test_growth_adds_streams_that_pay_for_a_shared_pipe_and_omits_those_that_do_not():
    # Pipes count in the objective. Two streams earn 40 each behind a common pipe of 60 with links of 5 to it; the third
    # earns 20 and needs a pipe of 30 to the same node; the fourth earns 100 with a pipe of 150.
    network = network_of(
        [(0, 2, 5.0), (1, 2, 5.0), (2, 4, 60.0), (3, 2, 30.0), (5, 4, 150.0)],
        [4],
        [(0, 40.0, 0.0), (1, 40.0, 0.0), (3, 20.0, 0.0), (5, 100.0, 0.0)],
        [1e6], {"options": [0] * 4, "links": [0] * 5, "sites": [0]}, charge=1.0,
    )  # fmt: skip
    with effort():
        growth = Grow(n_seeds=0)._grow_and_prune(Growth.make_empty(network))
    assert sorted(growth.chosen) == [0, 1]
    assert growth.value == pytest.approx(80.0 - 70.0)


def test_pruning_removes_an_unprofitable_group_unless_one_of_its_streams_is_required():
    # Each stream alone saves only its own link of 5 of the 70 that both cost.
    arguments = (
        [(0, 2, 5.0), (1, 2, 5.0), (2, 3, 60.0)], [3], [(0, 30.0, 0.0), (1, 30.0, 0.0)], [1e6],
        {"options": [0, 0], "links": [0, 0, 0], "sites": [0]},
    )  # fmt: skip
    network = network_of(*arguments, charge=1.0)
    # The required stream costs least together with the other.
    for required, remaining in (((), []), ((np.array([1]),), [0, 1])):
        growth = Growth.make_empty(replace(network, required=required))
        for stream in (0, 1):
            growth.add(stream, np.array([stream, 2]), 0)
        assert growth.value == pytest.approx(-10.0)
        growth.prune()
        assert sorted(growth.chosen) == remaining


def test_rounds_accept_a_loss_that_falls_to_0_and_return_the_best_solution():
    # Each round proposes the solution with the next option alone. Of the best value of 100, five rounds accept losses
    # of 10, 8, 6, 4 and 2.
    proposed = [89.0, 93.0, 86.0, 90.0, 87.0]
    options = [(0, value, 0.0) for value in (100.0, *proposed)]
    network = network_of([(0, 1, 1.0)], [1], options, [1e6], {"options": [0] * 6, "links": [0], "sites": [0]})
    compared = []

    class Propose(Grow):
        def _regrow_part(self, trial: Growth, rng: np.random.Generator) -> Growth:
            compared.append(trial.value)
            trial.remove(next(iter(trial.chosen)))
            trial.add(len(compared), np.array([0]), 0)
            return trial

    first, none = Growth.make_empty(network), np.zeros(0, dtype=np.int64)
    first.add(0, np.array([0]), 0)
    arcs = FixedChargeNetwork(none, none, none, np.zeros(0), none, none)
    context = SearchContext(hand_matrix([[1.0]], 1.0, [1.0]), arcs, SolverOptions(), np.inf)
    grow_ = Propose(n_rounds=5, worse=0.1, beyond_share=0.0, perturbed_share=0.0)
    # A loss of 11 is rejected, 7 accepted, then from 93 another 7 rejected and 3 accepted.
    assert grow_._improve_growth(context, first).value == 100.0
    assert compared == [100.0, 100.0, 93.0, 93.0, 90.0]
