"""Costs of measures, of sources with given costs, and of own pipes, and options that another one dominates, by hand."""

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
    measured_streams,
    measures_alone,
    measures_of,
    with_measure_costs,
    without_dominated,
)
from ccs_model.problem.problem import periods_of
from ccs_model.problem.storage_sites import wells_for
from ccs_model.scenario import Scenario

Changes = dict[str, Any]
Posed = Callable[..., Problem]

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
# 10 % of the 800 kt/y that last; 900 a t/y; 3 % of that a year, less 280 a tonne.
REDUCED, CAPEX, YEARLY = 80.0, 72.0, 0.03 * 72 - 22.4


def test_a_measure_shrinks_what_lasts_of_its_stream() -> None:
    found = measured_streams(STREAMS, MEASURES)
    assert found[["plant", "stream", "measure"]].to_numpy().tolist() == [
        ["P", "sinter", ""], ["P", "stoves", ""], ["Q", "sinter", ""], ["P", "sinter", "saving"],
    ]  # fmt: skip
    assert found["reduced_ktpa"].tolist() == pytest.approx([0, 0, 0, REDUCED])
    # Nine tenths of the gas are left for a unit behind it; no stream of Q lasts.
    assert found["co2_ktpa"].tolist() == pytest.approx([1_000, 500, 400, 900])
    # What is reduced and what is left are the stream.
    shrunk = found.iloc[3]
    assert shrunk["reduced_ktpa"] + shrunk["co2_ktpa"] * shrunk["lasting_share"] == pytest.approx(800)
    assert len(measured_streams(STREAMS[1:2], MEASURES)) == 1


def test_a_unit_behind_a_measure_has_the_costs_of_both_and_the_shorter_life() -> None:
    options = pd.DataFrame(
        {
            "measure": ["", "saving", "saving"], "reduced_ktpa": [0.0, REDUCED, REDUCED],
            "capture_capex_mn": 100.0, "fixed_om_mn_pa": 5.0, "life_yr": [25.0, 25.0, 10.0],
            "first_year": [2020, 2020, 2030], "lead_yr": [2, 2, 0], "min_life_yr": [10, 10, 3],
        }
    )  # fmt: skip
    found = with_measure_costs(options, MEASURES)
    assert found["capture_capex_mn"].tolist() == pytest.approx([100, 100 + CAPEX, 100 + CAPEX])
    assert found["fixed_om_mn_pa"].tolist() == pytest.approx([5, 5 + YEARLY, 5 + YEARLY])
    # The measure: from 2028 on, built in a year, for 15 years and at least 5.
    assert found["life_yr"].tolist() == [25, 15, 10]
    assert found["first_year"].tolist() == [2020, 2028, 2030]
    assert found["lead_yr"].tolist() == [2, 2, 1] and found["min_life_yr"].tolist() == [10, 10, 5]


def test_a_measure_alone_captures_nothing_and_takes_no_energy() -> None:
    columns = pd.Index(
        ["option", "plant", "stream", "technology", "measure", "size", "stream_share", "heat_efficiency_share",
         "last_year", "is_extrapolated", "nameplate_ktpa", "heat_gj_per_t", "power_kwh_per_t", "reduced_ktpa",
         "capture_capex_mn", "fixed_om_mn_pa", "fixed_om_share", "life_yr", "first_year", "lead_yr", "min_life_yr"]
    )  # fmt: skip
    (alone,) = measures_alone(measured_streams(STREAMS, MEASURES), MEASURES, columns).to_dict("records")
    assert alone["option"] == "P/sinter/saving/full" and alone["technology"] == alone["measure"] == "saving"
    assert (alone["nameplate_ktpa"], alone["heat_gj_per_t"], alone["power_kwh_per_t"]) == (0, 0, 0)
    assert (alone["reduced_ktpa"], alone["capture_capex_mn"]) == pytest.approx((REDUCED, CAPEX))
    assert (alone["fixed_om_mn_pa"], alone["fixed_om_share"]) == pytest.approx((YEARLY, 0.03))
    assert (alone["first_year"], alone["lead_yr"], alone["life_yr"], alone["min_life_yr"]) == (2028, 1, 15, 5)
    # It serves the whole stream, is on offer for ever, and extrapolates nothing; heat over efficiency stays 0.
    assert (alone["stream_share"], alone["heat_efficiency_share"], alone["is_extrapolated"]) == (1, 1, False)
    assert alone["last_year"] >= 2200
    assert measures_alone(STREAMS.assign(measure=""), MEASURES, columns).empty


def test_money_of_measures_is_that_of_the_scenario(measure_tables: Inputs, small: Callable[..., Scenario]) -> None:
    # The made table: 900 and 280 CNY of 2024 a tonne; 7.1957 yuan a dollar.
    level = PriceLevel.of("USD", 2024, measure_tables)
    (found,) = measures_of(small({"capture.measures": ["sinter_fuel_saving"]}), measure_tables, level).to_dict(
        "records"
    )
    assert (found["capex_per_tpa"], found["saving_per_t"]) == pytest.approx((900 / 7.1957, 280 / 7.1957))
    assert measures_of(small(), measure_tables, level).empty


# Sources of given costs


def test_a_source_of_given_costs_is_one_option(hand_problem: Posed) -> None:
    given = {"co2_ktpa": 400, "capture_capex_mn": 20, "fixed_om_mn_pa": 2, "capture_cost_per_t": 30}
    plants = {"A": {**given, "avoided_per_captured_share": 0.85, "life_yr": np.nan}, "B": {**given, "life_yr": 12}}
    links = {"A-S": {"length_km": 10}, "B-S": {"length_km": 10}}
    problem = hand_problem({"targets.captured_ktpa": 100}, plants=plants, sites={"S": {}}, links=links)
    one, other = problem.options.to_dict("records")
    assert (one["option"], one["stream"], one["grade"]) == ("A/all/given/full", "all", "given")
    # 20 million over 400 kt/y are 50 a t/y.
    assert (one["capex_per_tpa"], one["reference_capex_per_tpa"]) == pytest.approx((50, 50))
    assert (one["capture_capex_mn"], one["fixed_om_mn_pa"], one["variable_om_per_t"]) == (20, 2, 30)
    assert (one["life_yr"], other["life_yr"], one["min_life_yr"], one["lead_yr"]) == (20, 12, 1, 0)
    assert not one["is_extrapolated"] and one["n_trains"] == one["stream_share"] == 1
    assert problem.avoided_t_per_t.tolist() == [pytest.approx([0.85]), pytest.approx([1.0])]
    assert (problem.recovery(problem.options["life_yr"]) == 0.1).all()


def test_over_a_shared_network_an_option_has_no_pipe_site_or_well_of_its_own(hand_problem: Posed) -> None:
    plants = {"A": {"co2_ktpa": 400, "capture_capex_mn": 20, "life_yr": 12}}
    sites = {"S": {"site_capex_mn": 9, "well_capex_mn": 2, "injection_cost_per_t": 3, "eor_revenue_per_t": 10}}
    problem = hand_problem({"targets.captured_ktpa": 100}, plants=plants, sites=sites, links={"A-S": {"length_km": 10}})
    (route,) = problem.routes.to_dict("records")
    none = ["straight_km", "length_km", "n_lines", "pipe_capex_mn", "pipe_om_mn_pa", "booster_kwh_per_t", "n_wells",
            "site_capex_mn", "site_om_mn_pa", "monitoring_mn_pa", "closure_mn", "post_injection_mn", "well_capex_mn",
            "well_om_mn_pa", "injection_cost_per_t", "eor_revenue_per_t"]  # fmt: skip
    assert [route[name] for name in none] == [0.0] * len(none)
    assert (route["route"], route["pipe"], route["site"], route["cost_factor"]) == ("A/all/given/full", "shared", "", 1)
    assert route["capex_mn"] == 20 and route["pipe_life_yr"] == route["storage_life_yr"] == 12


def test_a_location_factor_multiplies_the_capital_of_capture_alone(
    problem_of: Posed, inputs: Inputs, with_tables: Callable[..., Inputs], one_vent: Changes
) -> None:
    table = pd.DataFrame({"province": ["Hebei"], "capex_factor": [1.3]})
    dear = problem_of(one_vent, tables=with_tables({"technologies/location_factors": table})).routes
    plain = problem_of(one_vent).routes
    for name, factor in (("capture_capex_mn", 1.3), ("fixed_om_mn_pa", 1.3), ("pipe_capex_mn", 1), ("well_capex_mn", 1),
                         ("variable_om_per_t", 1)):  # fmt: skip
        assert dear[name].tolist() == pytest.approx((factor * plain[name]).tolist()), name


# Own pipes

OWN: Changes = {
    "transport.shared_trunklines": False, "transport.candidate_links": "made_and_given", "targets.captured_ktpa": 100,
}  # fmt: skip


def test_an_own_pipe_at_sea_costs_the_offshore_factor(hand_problem: Posed, inputs: Inputs) -> None:
    pipes = inputs["transport/pipes"].assign(power_kwh_per_t_km=0.0)
    site = {"lon_deg": 116.0, "well_injectivity_ktpa": 150, "well_capex_mn": 2, "well_om_mn_pa": 0.5,
            "site_capex_mn": 9}  # fmt: skip
    sites = {"S": site, "T": {**site, "is_offshore": "yes"}}
    plants = {"A": {"co2_ktpa": 500, "capture_capex_mn": 40}}
    routes = hand_problem(OWN, plants=plants, sites=sites, links={}, transport__pipes=pipes).routes.set_index("site")
    assert routes["cost_factor"].tolist() == [1, 1.74]
    assert routes.at["T", "pipe_capex_mn"] == pytest.approx(1.74 * routes.at["S", "pipe_capex_mn"])
    assert routes.at["T", "pipe_om_mn_pa"] == pytest.approx(routes.at["S", "pipe_om_mn_pa"])
    # 500 kt/y take four wells of 150.
    assert routes["n_wells"].tolist() == [4, 4]
    assert (routes["well_capex_mn"].tolist(), routes["well_om_mn_pa"].tolist()) == ([8, 8], [2, 2])
    assert routes.at["S", "capex_mn"] == pytest.approx(40 + routes.at["S", "pipe_capex_mn"] + 9 + 8)


@pytest.mark.parametrize(
    ("flow", "rate", "most", "wells"),
    [
        (500, 150, 8, 4),
        (450, 150, 8, 3),
        (450.1, 150, 8, 4),
        (10, 150, 8, 1),  # the least is one
        (0, 150, 8, 1),
        (5_000, 150, 8, 8),  # at most those of the site
        (5_000, 150, 8.9, 8),
        (500, 0, 8, 1),
        (500, 150, 0, 0),
        (500, 150, 0.9, 0),
    ],
)
def test_a_flow_takes_whole_wells_and_no_more_than_the_site_has(
    flow: float, rate: float, most: float, wells: int
) -> None:
    assert wells_for([flow], [rate], [most]).tolist() == [wells]


# Dominance among options of one stream, size and site

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
MANY = {"capture.heat_sources": ["coal_boiler", "waste_heat"]}


@pytest.fixture(scope="module")
def kept(inputs: Inputs, small: Callable[..., Scenario]) -> Callable[..., list[str]]:
    """Technologies of the options that are left of one and another, which differs from it."""

    def made(another: Changes, one: Changes | None = None, changes: Changes | None = None) -> list[str]:
        scenario = small(MANY, changes or {})
        routes = pd.DataFrame([{**OPTION, **(one or {})}, {**OPTION, **OTHER, **another}])
        level = PriceLevel.of("CNY", 2024, inputs)
        return list(without_dominated(scenario, inputs, level, routes, periods_of(scenario))["technology"])

    return made


BOTH = ["amine", "advanced_amine"]
WORSE = [
    {"capture_capex_mn": 10.1}, {"fixed_om_mn_pa": 1.1}, {"first_year": 2021}, {"last_year": 2035},
    {"min_load_share": 0.1}, {"heat_gj_per_t": 3.1}, {"power_kwh_per_t": 101.0}, {"booster_kwh_per_t": 1.0},
    {"given_co2_t_per_t": 0.11}, {"variable_om_per_t": 5.1}, {"injection_cost_per_t": 0.1},
]  # fmt: skip


@pytest.mark.parametrize("worse", WORSE, ids=lambda each: next(iter(each)))
def test_an_option_that_is_worse_in_one_respect_and_better_in_none_is_left_out(
    kept: Callable[..., list[str]], worse: Changes
) -> None:
    assert kept(worse) == ["amine"]
    assert kept({}, one=worse) == ["advanced_amine"]


@pytest.mark.parametrize("worse", WORSE[1:], ids=lambda each: next(iter(each)))
def test_an_option_that_is_better_in_another_respect_stays(kept: Callable[..., list[str]], worse: Changes) -> None:
    assert kept({**worse, "capture_capex_mn": 9.9}) == BOTH


def test_equal_options_stay(kept: Callable[..., list[str]]) -> None:
    assert kept({}) == BOTH


@pytest.mark.parametrize(
    "another",
    [
        {"nameplate_ktpa": 101.0}, {"reduced_ktpa": 1.0}, {"lead_yr": 3}, {"life_yr": 20}, {"min_life_yr": 9},
        {"plant": "Q"}, {"stream": "stoves"}, {"size": "full"}, {"site": "S"},
    ],
    ids=lambda each: next(iter(each)),
)  # fmt: skip
def test_only_options_of_one_stream_size_and_site_are_compared(
    kept: Callable[..., list[str]], another: Changes
) -> None:
    assert kept({**another, "capture_capex_mn": 99.0}) == BOTH


def test_waste_heat_is_scarce_and_dominates_nothing_that_uses_none(kept: Callable[..., list[str]]) -> None:
    # Cheaper and cleaner, but there is only so much of it.
    assert kept({**WASTE, "capture_capex_mn": 5.0}) == BOTH
    # Of two users of waste heat, the one that needs less of it is as good.
    assert kept({**WASTE, "heat_gj_per_t": 3.5}, one=WASTE) == ["amine"]


def test_clean_power_in_place_of_fuel_stays(kept: Callable[..., list[str]]) -> None:
    # Less CO2 of fuel and more of power than is saved: direct emissions are lower, all emissions higher.
    assert kept({"given_co2_t_per_t": 0.05, "power_kwh_per_t": 300.0}) == BOTH


def test_all_options_stay_with_one_source_of_heat_or_minimum_shares(kept: Callable[..., list[str]]) -> None:
    worse = {"capture_capex_mn": 99.0}
    assert kept(worse, changes={"capture.heat_sources": ["coal_boiler"]}) == BOTH
    assert kept(worse, changes={"targets.share_of_avoided_min": {"Hebei": 0.1}}) == BOTH
