"""Costs of measures, sources with given costs and own pipes, and removal of dominated options, checked by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ccs_model.economics.prices import PriceLevel
from ccs_model.inputs import Inputs
from ccs_model.problem import Problem
from ccs_model.problem.options import (
    drop_dominated_options,
    measured_streams,
    measures_alone,
    measures_of,
    with_measure_costs,
)
from ccs_model.problem.problem import periods_of
from ccs_model.problem.storage_sites import wells_for
from ccs_model.scenario import Scenario

Changes = dict[str, Any]
MakeProblem = Callable[..., Problem]

# Measures

MEASURES = pd.DataFrame(
    [("saving", "sinter", 0.1, 900.0, 0.03, 280.0, 2028, 1, 15, 5), ("firing", "boiler", 0.2, 500.0, 0.0, 0.0, 2026, 1,
                                                                    15, 5)],
    columns=["measure", "stream", "shrink_share", "capex_per_tpa", "fixed_om_share", "saving_per_t", "first_year",
             "lead_yr", "life_yr", "min_life_yr"],
)  # fmt: skip
STREAMS = pd.DataFrame(
    [("P", "sinter", 1_000.0, 0.8), ("P", "stoves", 500.0, 1.0), ("Q", "sinter", 400.0, 0.0)],
    columns=["plant", "stream", "co2_ktpa", "lasting_share"],
)
# 10 % of the 800 kt/y that last; 900 per t/y; 3 % of that per year, less 280 per tonne.
REDUCED, CAPEX, FIXED_OM = 80.0, 72.0, 0.03 * 72 - 22.4


def test_measure_reduces_the_lasting_part_of_its_stream() -> None:
    found = measured_streams(STREAMS, MEASURES)
    assert found[["plant", "stream", "measure"]].to_numpy().tolist() == [
        ["P", "sinter", ""], ["P", "stoves", ""], ["Q", "sinter", ""], ["P", "sinter", "saving"],
    ]  # fmt: skip
    assert found["reduced_ktpa"].tolist() == pytest.approx([0, 0, 0, REDUCED])
    # 90 % of the gas remains for a downstream unit; the stream of Q does not last.
    assert found["co2_ktpa"].tolist() == pytest.approx([1_000, 500, 400, 900])
    # The reduced and the remaining part sum to the stream.
    shrunk = found.iloc[3]
    assert shrunk["reduced_ktpa"] + shrunk["co2_ktpa"] * shrunk["lasting_share"] == pytest.approx(800)
    assert len(measured_streams(STREAMS[1:2], MEASURES)) == 1


def test_unit_downstream_of_a_measure_has_the_costs_of_both_and_the_shorter_life() -> None:
    options = pd.DataFrame(
        {
            "measure": ["", "saving", "saving"], "reduced_ktpa": [0.0, REDUCED, REDUCED],
            "capture_capex_mn": 100.0, "fixed_om_mn_pa": 5.0, "life_yr": [25.0, 25.0, 10.0],
            "first_year": [2020, 2020, 2030], "lead_yr": [2, 2, 0], "min_life_yr": [10, 10, 3],
        }
    )  # fmt: skip
    found = with_measure_costs(options, MEASURES)
    assert found["capture_capex_mn"].tolist() == pytest.approx([100, 100 + CAPEX, 100 + CAPEX])
    assert found["fixed_om_mn_pa"].tolist() == pytest.approx([5, 5 + FIXED_OM, 5 + FIXED_OM])
    # The measure: from 2028 on, a lead time of one year, a life of 15 years and a minimum life of 5.
    assert found["life_yr"].tolist() == [25, 15, 10]
    assert found["first_year"].tolist() == [2020, 2028, 2030]
    assert found["lead_yr"].tolist() == [2, 2, 1] and found["min_life_yr"].tolist() == [10, 10, 5]


def test_measure_alone_has_no_nameplate_and_uses_no_energy() -> None:
    columns = pd.Index(
        ["option", "plant", "stream", "technology", "measure", "size", "stream_share", "heat_efficiency_share",
         "last_year", "is_extrapolated", "nameplate_ktpa", "heat_gj_per_t", "power_kwh_per_t", "reduced_ktpa",
         "capture_capex_mn", "fixed_om_mn_pa", "fixed_om_share", "life_yr", "first_year", "lead_yr", "min_life_yr"]
    )  # fmt: skip
    (measure_only,) = measures_alone(measured_streams(STREAMS, MEASURES), MEASURES, columns).to_dict("records")
    assert (
        measure_only["option"] == "P/sinter/saving/full"
        and measure_only["technology"] == measure_only["measure"] == "saving"
    )
    assert (measure_only["nameplate_ktpa"], measure_only["heat_gj_per_t"], measure_only["power_kwh_per_t"]) == (0, 0, 0)
    assert (measure_only["reduced_ktpa"], measure_only["capture_capex_mn"]) == pytest.approx((REDUCED, CAPEX))
    assert (measure_only["fixed_om_mn_pa"], measure_only["fixed_om_share"]) == pytest.approx((FIXED_OM, 0.03))
    assert (
        measure_only["first_year"],
        measure_only["lead_yr"],
        measure_only["life_yr"],
        measure_only["min_life_yr"],
    ) == (2028, 1, 15, 5)
    # It treats the whole stream, never expires and is not extrapolated; an efficiency of 1 keeps its heat at 0.
    assert (measure_only["stream_share"], measure_only["heat_efficiency_share"], measure_only["is_extrapolated"]) == (
        1,
        1,
        False,
    )
    assert measure_only["last_year"] >= 2200
    assert measures_alone(STREAMS.assign(measure=""), MEASURES, columns).empty


def test_measure_costs_are_converted_to_the_scenario_currency(
    measure_tables: Inputs, small: Callable[..., Scenario]
) -> None:
    # The table of the fixture: 900 and 280 CNY of 2024 per tonne; 7.1957 yuan per dollar.
    level = PriceLevel.of("USD", 2024, measure_tables)
    (found,) = measures_of(small({"capture.measures": ["sinter_fuel_saving"]}), measure_tables, level).to_dict(
        "records"
    )
    assert (found["capex_per_tpa"], found["saving_per_t"]) == pytest.approx((900 / 7.1957, 280 / 7.1957))
    assert measures_of(small(), measure_tables, level).empty


# Sources of given costs


def test_source_with_given_costs_has_one_option(hand_problem: MakeProblem) -> None:
    given = {"co2_ktpa": 400, "capture_capex_mn": 20, "fixed_om_mn_pa": 2, "capture_cost_per_t": 30}
    plants = {"A": {**given, "avoided_per_captured_share": 0.85, "life_yr": np.nan}, "B": {**given, "life_yr": 12}}
    links = {"A-S": {"length_km": 10}, "B-S": {"length_km": 10}}
    problem = hand_problem({"targets.captured_ktpa": 100}, plants=plants, sites={"S": {}}, links=links)
    one, other = problem.options.to_dict("records")
    assert (one["option"], one["stream"], one["grade"]) == ("A/all/given/full", "all", "given")
    # 20 million over 400 kt/y are 50 per t/y.
    assert (one["capex_per_tpa"], one["reference_capex_per_tpa"]) == pytest.approx((50, 50))
    assert (one["capture_capex_mn"], one["fixed_om_mn_pa"], one["variable_om_per_t"]) == (20, 2, 30)
    assert (one["life_yr"], other["life_yr"], one["min_life_yr"], one["lead_yr"]) == (20, 12, 1, 0)
    assert not one["is_extrapolated"] and one["n_trains"] == one["stream_share"] == 1
    assert problem.avoided_t_per_t.tolist() == [pytest.approx([0.85]), pytest.approx([1.0])]
    assert (problem.recovery(problem.options["life_yr"]) == 0.1).all()


def test_option_has_no_own_pipe_site_or_well_on_a_shared_network(hand_problem: MakeProblem) -> None:
    plants = {"A": {"co2_ktpa": 400, "capture_capex_mn": 20, "life_yr": 12}}
    sites = {"S": {"site_capex_mn": 9, "well_capex_mn": 2, "injection_cost_per_t": 3, "eor_revenue_per_t": 10}}
    problem = hand_problem({"targets.captured_ktpa": 100}, plants=plants, sites=sites, links={"A-S": {"length_km": 10}})
    (route,) = problem.routes.to_dict("records")
    zero_columns = [
        "straight_km", "length_km", "n_lines", "pipe_capex_mn", "pipe_om_mn_pa", "booster_kwh_per_t", "n_wells",
        "site_capex_mn", "site_om_mn_pa", "monitoring_mn_pa", "closure_mn", "post_injection_mn", "well_capex_mn",
        "well_om_mn_pa", "injection_cost_per_t", "eor_revenue_per_t",
    ]  # fmt: skip
    assert [route[name] for name in zero_columns] == [0.0] * len(zero_columns)
    assert (route["route"], route["pipe"], route["site"], route["cost_factor"]) == ("A/all/given/full", "shared", "", 1)
    assert route["capex_mn"] == 20 and route["pipe_life_yr"] == route["storage_life_yr"] == 12


def test_location_factor_scales_only_capture_capital_and_its_fixed_om(
    problem_of: MakeProblem, inputs: Inputs, with_tables: Callable[..., Inputs], one_vent: Changes
) -> None:
    table = pd.DataFrame({"province": ["Hebei"], "capex_factor": [1.3]})
    scaled = problem_of(one_vent, tables=with_tables({"technologies/location_factors": table})).routes
    plain = problem_of(one_vent).routes
    for name, factor in (("capture_capex_mn", 1.3), ("fixed_om_mn_pa", 1.3), ("pipe_capex_mn", 1), ("well_capex_mn", 1),
                         ("variable_om_per_t", 1)):  # fmt: skip
        assert scaled[name].tolist() == pytest.approx((factor * plain[name]).tolist()), name


# Own pipes

OWN_PIPES: Changes = {
    "transport.shared_trunklines": False, "transport.candidate_links": "made_and_given", "targets.captured_ktpa": 100,
}  # fmt: skip


def test_offshore_own_pipe_capital_is_scaled_by_the_offshore_factor(hand_problem: MakeProblem, inputs: Inputs) -> None:
    pipes = inputs["transport/pipes"].assign(power_kwh_per_t_km=0.0)
    site = {"lon_deg": 116.0, "well_injectivity_ktpa": 150, "well_capex_mn": 2, "well_om_mn_pa": 0.5,
            "site_capex_mn": 9}  # fmt: skip
    sites = {"S": site, "T": {**site, "is_offshore": "yes"}}
    plants = {"A": {"co2_ktpa": 500, "capture_capex_mn": 40}}
    routes = hand_problem(OWN_PIPES, plants=plants, sites=sites, links={}, transport__pipes=pipes).routes.set_index(
        "site"
    )
    assert routes["cost_factor"].tolist() == [1, 1.74]
    assert routes.at["T", "pipe_capex_mn"] == pytest.approx(1.74 * routes.at["S", "pipe_capex_mn"])
    assert routes.at["T", "pipe_om_mn_pa"] == pytest.approx(routes.at["S", "pipe_om_mn_pa"])
    # 500 kt/y need four wells of 150.
    assert routes["n_wells"].tolist() == [4, 4]
    assert (routes["well_capex_mn"].tolist(), routes["well_om_mn_pa"].tolist()) == ([8, 8], [2, 2])
    assert routes.at["S", "capex_mn"] == pytest.approx(40 + routes.at["S", "pipe_capex_mn"] + 9 + 8)


@pytest.mark.parametrize(
    ("flow", "rate", "most", "wells"),
    [
        (500, 150, 8, 4),
        (450, 150, 8, 3),
        (450.1, 150, 8, 4),
        (10, 150, 8, 1),  # at least one
        (0, 150, 8, 1),
        (5_000, 150, 8, 8),  # at most the wells of the site
        (5_000, 150, 8.9, 8),
        (500, 0, 8, 1),
        (500, 150, 0, 0),
        (500, 150, 0.9, 0),
    ],
)
def test_well_count_is_rounded_up_and_limited_by_the_site(flow: float, rate: float, most: float, wells: int) -> None:
    assert wells_for([flow], [rate], [most]).tolist() == [wells]


# Dominance among options of the same stream, size and site

WASTE = {"heat_source": "waste_heat", "fuel": "none", "heat_efficiency_share": 1.0, "fuel_t_per_gj": 0.0}
OPTION = {
    "plant": "P", "stream": "sinter", "size": "half", "site": "", "technology": "amine", "vintage": 0, "measure": "",
    "heat_source": "coal_boiler", "fuel": "coal", "grid": "Hebei south", "province": "Hebei",
    "capture_capex_mn": 10.0, "fixed_om_mn_pa": 1.0, "first_year": 2020, "last_year": 9999, "min_load_share": 0.0,
    "nameplate_ktpa": 100.0, "reduced_ktpa": 0.0, "lead_yr": 2, "life_yr": 25, "min_life_yr": 10,
    "heat_gj_per_t": 3.0, "heat_efficiency_share": 0.84, "fuel_t_per_gj": 0.0957, "power_kwh_per_t": 100.0,
    "booster_kwh_per_t": 0.0, "given_co2_t_per_t": 0.1, "variable_om_per_t": 5.0, "injection_cost_per_t": 0.0,
    "eor_revenue_per_t": 0.0,
}  # fmt: skip
OTHER = {"technology": "advanced_amine"}
TWO_HEAT_SOURCES = {"capture.heat_sources": ["coal_boiler", "waste_heat"]}


@pytest.fixture(scope="module")
def remaining_technologies(inputs: Inputs, small: Callable[..., Scenario]) -> Callable[..., list[str]]:
    """Return the technologies left after the removal of dominated options, of a base option and one that differs."""

    def make(another: Changes, one: Changes | None = None, changes: Changes | None = None) -> list[str]:
        scenario = small(TWO_HEAT_SOURCES, changes or {})
        routes = pd.DataFrame([{**OPTION, **(one or {})}, {**OPTION, **OTHER, **another}])
        level = PriceLevel.of("CNY", 2024, inputs)
        return list(drop_dominated_options(scenario, inputs, level, routes, periods_of(scenario))["technology"])

    return make


BOTH = ["amine", "advanced_amine"]
WORSE = [
    {"capture_capex_mn": 10.1}, {"fixed_om_mn_pa": 1.1}, {"first_year": 2021}, {"last_year": 2035},
    {"min_load_share": 0.1}, {"heat_gj_per_t": 3.1}, {"power_kwh_per_t": 101.0}, {"booster_kwh_per_t": 1.0},
    {"given_co2_t_per_t": 0.11}, {"variable_om_per_t": 5.1}, {"injection_cost_per_t": 0.1},
]  # fmt: skip


@pytest.mark.parametrize("worse", WORSE, ids=lambda each: next(iter(each)))
def test_option_that_is_worse_in_one_respect_and_better_in_none_is_removed(
    remaining_technologies: Callable[..., list[str]], worse: Changes
) -> None:
    assert remaining_technologies(worse) == ["amine"]
    assert remaining_technologies({}, one=worse) == ["advanced_amine"]


@pytest.mark.parametrize("worse", WORSE[1:], ids=lambda each: next(iter(each)))
def test_option_that_is_worse_in_one_respect_but_cheaper_is_kept(
    remaining_technologies: Callable[..., list[str]], worse: Changes
) -> None:
    assert remaining_technologies({**worse, "capture_capex_mn": 9.9}) == BOTH


def test_equal_options_stay(remaining_technologies: Callable[..., list[str]]) -> None:
    assert remaining_technologies({}) == BOTH


@pytest.mark.parametrize(
    "another",
    [
        {"nameplate_ktpa": 101.0}, {"reduced_ktpa": 1.0}, {"lead_yr": 3}, {"life_yr": 20}, {"min_life_yr": 9},
        {"plant": "Q"}, {"stream": "stoves"}, {"size": "full"}, {"site": "S"},
    ],
    ids=lambda each: next(iter(each)),
)  # fmt: skip
def test_options_with_different_stream_size_site_amount_or_life_are_not_compared(
    remaining_technologies: Callable[..., list[str]], another: Changes
) -> None:
    assert remaining_technologies({**another, "capture_capex_mn": 99.0}) == BOTH


def test_waste_heat_option_does_not_dominate_options_without_waste_heat(
    remaining_technologies: Callable[..., list[str]],
) -> None:
    # Cheaper and cleaner, but waste heat is limited.
    assert remaining_technologies({**WASTE, "capture_capex_mn": 5.0}) == BOTH
    # Of two options with waste heat, the one that needs more of it is dominated.
    assert remaining_technologies({**WASTE, "heat_gj_per_t": 3.5}, one=WASTE) == ["amine"]


def test_option_with_less_fuel_co2_but_more_power_is_kept(remaining_technologies: Callable[..., list[str]]) -> None:
    # Power CO2 rises by more than fuel CO2 falls: on-site emissions are lower, total emissions higher.
    assert remaining_technologies({"given_co2_t_per_t": 0.05, "power_kwh_per_t": 300.0}) == BOTH


def test_no_option_is_removed_with_one_heat_source_or_minimum_shares(
    remaining_technologies: Callable[..., list[str]],
) -> None:
    worse = {"capture_capex_mn": 99.0}
    assert remaining_technologies(worse, changes={"capture.heat_sources": ["coal_boiler"]}) == BOTH
    assert remaining_technologies(worse, changes={"targets.share_of_avoided_min": {"Hebei": 0.1}}) == BOTH
