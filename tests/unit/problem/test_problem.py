"""Weights of capital, salvage and annual costs in the objective and in levelised costs, by hand at 8 %."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ccs_model.problem import Problem
from tests.hand_network import LINKS, PLANTS, SITES

MakeProblem = Callable[..., Problem]
THREE_PERIODS = {"years": [2026, 2031, 2036], "capital_recovery_share": None}


def annuity(years: float) -> float:
    """Present value of 1 at the end of each year."""
    return sum(1.08**-t for t in range(1, int(years) + 1))


@pytest.fixture(scope="module")
def make_problem(hand_problem: MakeProblem) -> MakeProblem:
    def make(changes: dict[str, object]) -> Problem:
        plants = {**PLANTS, "A": {**PLANTS["A"], "capture_cost_per_t": 20.0, "closing_year": 2044.0}}
        target = {"targets.captured_ktpa": 100, "discount_rate": 0.08}
        return hand_problem(target | changes, plants=plants, sites=SITES, links=LINKS)

    return make


@pytest.fixture(scope="module")
def staged(make_problem: MakeProblem) -> Problem:
    """Three periods of five years."""
    return make_problem(THREE_PERIODS)


@pytest.fixture(scope="module")
def static(make_problem: MakeProblem) -> Problem:
    """A representative year without a requested recovery factor."""
    return make_problem({"capital_recovery_share": None})


def test_costs_are_discounted_to_the_first_year(staged: Problem) -> None:
    assert staged.calendar.tolist() == list(range(2026, 2041))
    assert staged.discount.tolist() == pytest.approx([1.08**-t for t in range(15)])
    assert staged.closing_discount == pytest.approx(1.08**-15)


def test_cost_per_tonne_is_discounted_over_all_years_of_a_period(staged: Problem) -> None:
    # 20 per tonne are 0.02 million per kt.
    at = staged.routes["plant"].tolist().index("A")
    by_hand = [0.02 * sum(1.08**-t for t in range(first, first + 5)) for first in (0, 5, 10)]
    assert staged.cost_mn_per_ktpa("capture_variable_om")[at].tolist() == pytest.approx(by_hand)


def test_capital_is_discounted_from_its_start_year(staged: Problem) -> None:
    weights = [1, 1.08**-5, 1.08**-10]
    assert staged.capital_weight([20, 50]).tolist() == [pytest.approx(weights)] * 2


def test_capital_weight_of_a_static_year_is_the_capital_recovery_factor(
    make_problem: MakeProblem, static: Problem
) -> None:
    assert static.capital_weight([15]).tolist() == [[pytest.approx(1 / annuity(15))]]
    assert make_problem({"capital_recovery_share": 0.1}).capital_weight([15]).tolist() == [[0.1]]


def test_requested_recovery_factor_replaces_the_charge_with_construction_interest(
    make_problem: MakeProblem, static: Problem, staged: Problem
) -> None:
    # Interest during construction adds a tenth to overnight cost, unless the factor is requested.
    option = pd.DataFrame({"life_yr": [15.0], "tasc_factor": [1.1]})
    for problem, expected in (
        (static, 1.1 / annuity(15)),
        (staged, 1.1 / annuity(15)),
        (make_problem({"capital_recovery_share": 0.1}), 0.1),
    ):
        assert problem.capture_charge(option).tolist() == pytest.approx([expected])


def test_capital_is_recovered_evenly_without_interest(make_problem: MakeProblem) -> None:
    problem = make_problem({**THREE_PERIODS, "discount_rate": 0.0})
    assert problem.recovery([10, 40]).tolist() == pytest.approx([0.1, 0.025])
    # Five, ten and fifteen of 40 years are used when the horizon ends.
    assert problem.asset_salvage(problem.shared_asset_lives([40]))[0].tolist() == pytest.approx(
        [25 / 40, 30 / 40, 35 / 40]
    )


def test_salvage_is_the_discounted_annuity_of_the_remaining_life(staged: Problem) -> None:
    # Of fifty years 35, 40 and 45 remain; of twelve, none, two and seven.
    for life, left in ((50, [35, 40, 45]), (12, [0, 2, 7])):
        by_hand = [annuity(years) / annuity(life) * 1.08**-15 for years in left]
        assert staged.asset_salvage(staged.shared_asset_lives([life]))[0].tolist() == pytest.approx(by_hand), life


def test_shared_assets_have_no_salvage_value_beyond_the_last_closing_year(staged: Problem) -> None:
    closed = replace(staged, routes=staged.routes.assign(closing_year=2041.0))  # the horizon ends in 2041
    assert not closed.asset_salvage(closed.shared_asset_lives([50])).any()
    # Five years are left of the 20, 15 and 10 until 2046.
    later = replace(staged, routes=staged.routes.assign(closing_year=2046.0))
    expected = [annuity(5) / annuity(n) * 1.08**-15 for n in (20, 15, 10)]
    assert later.asset_salvage(later.shared_asset_lives([50]))[0].tolist() == pytest.approx(expected)


def test_salvage_of_a_unit_counts_only_the_years_until_its_plant_closes(staged: Problem) -> None:
    by_plant = dict(zip(staged.routes["plant"], staged.salvage_share, strict=True))
    # B's unit operates 20 years, of which 5, 10 and 15 remain after 2040.
    assert by_plant["B"].tolist() == pytest.approx([annuity(n) / annuity(20) * 1.08**-15 for n in (5, 10, 15)])
    # A closes in 2044: units of 2026, 2031 and 2036 operate 18, 13 and 8 years, of which 3 remain.
    assert by_plant["A"].tolist() == pytest.approx([annuity(3) / annuity(n) * 1.08**-15 for n in (18, 13, 8)])
    after = dict(zip(staged.routes["plant"], staged.years_after_horizon, strict=True))
    assert (after["A"].tolist(), after["B"].tolist()) == ([3, 3, 3], [5, 10, 15])
    assert staged.obligation_yr == 15


def test_static_year_has_no_salvage_and_no_years_after_the_horizon(static: Problem) -> None:
    assert not static.salvage_share.any() and not static.asset_salvage(static.shared_asset_lives([40])).any()
    assert not static.years_after_horizon.any() and static.obligation_yr == 0


def test_discounted_at_matches_a_problem_built_with_that_rate(staged: Problem, make_problem: MakeProblem) -> None:
    rediscounted, rebuilt = staged.with_discount_rate(0.05), make_problem({**THREE_PERIODS, "discount_rate": 0.05})
    assert rediscounted.discount.tolist() == rebuilt.discount.tolist()
    assert rediscounted.salvage_share.tolist() == rebuilt.salvage_share.tolist()
    pd.testing.assert_frame_equal(rediscounted.periods, rebuilt.periods)
    assert rediscounted.periods["flow_weight"].tolist() == pytest.approx(
        [sum(1.05**-t for t in range(first, first + 5)) for first in (0, 5, 10)]
    )
    assert staged.discount_rate == 0.08


def test_flow_above_the_mean_follows_partial_operation_and_delivered_shares(staged: Problem) -> None:
    # Nameplate of 300 kt/y, of which the best class delivers 80 % and this class half of that: 240 at most.
    at = staged.routes["plant"].tolist().index("A")
    running = staged.running_share.copy()
    running[at, 0] = [0.8, 1.0, 0.0]
    routes = staged.routes.assign(relative_delivery=0.5)
    problem = replace(staged, running_share=running, delivered_share=0.8, routes=routes)
    # The unit operates 0.8 of the first period: a mean of 240 × 0.8 × 0.5 = 96, then 120; 0 once its life has ended.
    assert problem.above_mean_ktpa[at, 0].tolist() == pytest.approx([240 - 96, 240 - 120, 0])
    assert problem.delivered_share_of[at] == pytest.approx(0.4)
    assert problem.delivered_ktpa[at] == pytest.approx(120)
    assert (problem.has_classes, staged.has_classes) == (True, False)
    # A unit of the best class that operates throughout never exceeds its mean.
    assert staged.above_mean_ktpa[at, 0].tolist() == [0, 0, 0]


def test_avoided_share_is_one_less_the_co2_of_energy(staged: Problem) -> None:
    # 0.1 t of fuel, 0.2 of capture power and 0.3 of boosters per tonne.
    shape = staged.fuel_co2_t_per_t.shape
    names = ("fuel_co2_t_per_t", "capture_power_t_per_t", "booster_power_t_per_t")
    parts = {name: np.full(shape, share) for name, share in zip(names, (0.1, 0.2, 0.3), strict=True)}
    assert replace(staged, **parts).avoided_t_per_t == pytest.approx(np.full(shape, 0.4))


def test_axes_of_a_network_problem_are_the_ids_of_its_tables(staged: Problem) -> None:
    axes = {name: list(ids) for name, ids in staged.axes.items()}
    assert axes["build"] == [f"{plant}/all/given/full" for plant in PLANTS]
    assert axes["curtailed_ktpa"] == [f"{plant}/all/given" for plant in PLANTS]
    assert axes["opened"] == axes["wells"] == axes["paid_for_oil_ktpa"] == axes["above_mean_injected_ktpa"] == [*SITES]
    assert axes["injected_ktpa"] == [f"{site} | 1" for site in SITES]
    assert axes["forward_ktpa"] == axes["reverse_ktpa"] == sorted(LINKS)
    # Three sizes per link, all to be built.
    sizes = [f"{link} | {size}" for link in sorted(LINKS) for size in ("large", "medium", "small")]
    assert axes["pipe"] == axes["added_capacity_ktpa"] == axes["pipe_flow_ktpa"] == sizes
    assert not {"spend_mn", "credited_ktpa", "paid_mn"} & set(axes)
    assert np.array_equal(staged.unit_of, np.arange(3))


def test_funds_bands_and_payment_caps_have_their_own_axes(make_problem: MakeProblem) -> None:
    problem = make_problem({
        **THREE_PERIODS, "funds": {"loan": {"kind": "loan", "interest_rate": 0.03}}, "policy.paid_per_captured_t": 5.0,
        "policy.paid_cap_mn": 10.0, "policy.carbon_price_per_t": {2026: 50.0}, "policy.capture_deductible": True,
        "policy.market": None, "policy.surplus_band_share": 0.5,
    })  # fmt: skip
    assert problem.axes["spend_mn"].tolist() == ["loan"]
    assert problem.axes["credited_ktpa"].tolist() == [*PLANTS]
    assert problem.axes["paid_mn"].tolist() == ["all"]


def test_vintages_with_different_payments_are_separate_units(make_problem: MakeProblem) -> None:
    paid = make_problem({**THREE_PERIODS, "policy.paid_per_captured_t": 5.0, "policy.paid_for_yr": 8})
    # Three starts of each of three plants.
    assert len(paid.units) == 9 and paid.units[0] == "A/all/given/built_2026"
    assert paid.units[paid.unit_of].tolist() == paid.routes["route"].str.replace("/full", "").tolist()


def test_problem_is_immutable(staged: Problem) -> None:
    with pytest.raises(ValueError, match="read-only"):
        staged.calendar[0] = 2000
    with pytest.raises(TypeError):
        staged.axes["build"] = pd.Index([])  # type: ignore[index]


def test_all_options_of_a_network_without_measures_capture(staged: Problem) -> None:
    assert staged.captures.all() and not staged.has_measures
    assert staged.baseline_ktpa == 2_500
