"""Heat demand by concentration and capture rate, and heat sources."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccs_model.engineering.capture_units import (
    capture_rate_factor,
    fuel_co2_t_per_t,
    heat_gj_per_t,
    least_work_rt,
    power_co2_t_per_t,
    with_heat,
    with_heat_sources,
)
from ccs_model.inputs import Inputs

GASES = st.floats(0.01, 0.9)


def test_least_work_matches_hand_calculation() -> None:
    # Complete separation of a gas of 20 % CO2: −(0.2 ln 0.2 + 0.8 ln 0.8) ÷ 0.2 = 0.5004 ÷ 0.2.
    full_work = -(0.2 * math.log(0.2) + 0.8 * math.log(0.8)) / 0.2
    assert float(least_work_rt(0.2, 1.0)) == pytest.approx(full_work)
    # At 90 % capture, 0.82 mol remain with 0.02 of CO2.
    left, y = 0.82, 0.02 / 0.82
    work_at_90_percent = (left * (y * math.log(y) + (1 - y) * math.log(1 - y)) + full_work * 0.2) / 0.18
    assert float(least_work_rt(0.2, 0.9)) == pytest.approx(work_at_90_percent)
    assert float(capture_rate_factor(0.2, 1.0, 0.9)) == pytest.approx(full_work / work_at_90_percent)


@given(GASES, st.floats(0.9, 1.0), st.floats(0.9, 1.0))
def test_heat_rises_with_the_capture_rate(x: float, one: float, other: float) -> None:
    low, high = capture_rate_factor(x, [min(one, other), max(one, other)], 0.9)
    assert 1.0 <= low <= high + 1e-12
    assert float(capture_rate_factor(x, 0.9, 0.9)) == 1.0
    assert float(capture_rate_factor(x, 0.6, 0.9)) == 1.0


@given(GASES)
def test_capture_rate_factor_is_convex_towards_full_capture(x: float) -> None:
    at = [float(capture_rate_factor(x, rate, 0.9)) for rate in (0.95, 0.97, 0.99, 0.9999)]
    assert (at[3] - at[2]) / 0.0099 > (at[2] - at[1]) / 0.02 > (at[1] - at[0]) / 0.02


@given(GASES, GASES, st.sampled_from([0.9, 0.95, 0.99]))
def test_heat_falls_with_concentration_at_every_rate(inputs: Inputs, one: float, other: float, rate: float) -> None:
    for technology in ("amine", "advanced_amine"):
        gases = pd.DataFrame({"technology": technology, "co2_share": sorted((one, other)), "capture_rate_share": 0.9})
        thin, rich = with_heat(gases, inputs["technologies/heat"])["heat_gj_per_t"]
        assert rich <= thin + 1e-12
        # At a higher rate the separation work also falls with concentration, whatever the slope of the table.
        assert least_work_rt(max(one, other), rate) <= least_work_rt(min(one, other), rate) + 1e-12


def test_capture_rate_factor_is_at_least_the_published_ratios() -> None:
    # NETL 90 and 99 %: hydrogen 2.55 and 2.55 GJ/t, pulp 2.31 and 2.29. The factor is conservative.
    for x, pair in ((0.2, 2.55 / 2.55), (0.13, 2.29 / 2.31)):
        assert pair <= float(capture_rate_factor(x, 0.99, 0.9)) <= 1.10


def options(heat: float) -> pd.DataFrame:
    return pd.DataFrame({"option": ["A"], "heat_gj_per_t": [heat]})


def test_fuel_and_power_of_heat_sources_match_hand_calculation(inputs: Inputs) -> None:
    found = with_heat_sources(options(3.0), inputs["technologies/heat_sources"]).set_index("heat_source")
    assert set(found.index) == {"coal_boiler", "gas_boiler", "waste_heat", "heat_pump"}
    fuel = fuel_co2_t_per_t(found["heat_gj_per_t"], found["heat_efficiency_share"], found["fuel_t_per_gj"])
    by_source = dict(zip(found.index, fuel.tolist(), strict=True))
    assert by_source["coal_boiler"] == pytest.approx(3.0 / 0.84 * 0.0957)
    assert by_source["gas_boiler"] == pytest.approx(3.0 / 0.87 * 0.0561)
    assert by_source["waste_heat"] == by_source["heat_pump"] == 0.0
    # 3 GJ = 833.3 kWh of heat; at a coefficient of performance of 2, half of it is power.
    assert found["heat_kwh_per_t"].to_dict() == pytest.approx(
        {"coal_boiler": 0.0, "gas_boiler": 0.0, "waste_heat": 0.0, "heat_pump": 416.67}, abs=0.01
    )


def test_option_without_heat_demand_has_no_heat_source(inputs: Inputs) -> None:
    (row,) = with_heat_sources(options(0.0), inputs["technologies/heat_sources"]).itertuples()
    assert (row.heat_source, row.heat_kwh_per_t, row.fuel_t_per_gj) == ("", 0.0, 0.0)


def test_on_site_abatement_with_gas_steam_brackets_the_ieaghg_mill(inputs: Inputs) -> None:
    # IEAGHG 2013/04: 0.843 and 0.824 avoided per captured, gas-fired steam, gas of 24.6 %. Its balance also changes the
    # mill's power plant, so it does not follow from heat alone; the on-site abatement of two solvents brackets it.
    table = inputs["technologies/heat"]
    abatement = {
        name: 1 - float(fuel_co2_t_per_t(heat_gj_per_t(0.246, rows), 0.87, 0.0561))
        for name, rows in table.groupby("technology")
    }
    assert 1 - float(fuel_co2_t_per_t(3.03, 0.87, 0.0561)) == pytest.approx(0.805, abs=5e-4)
    assert abatement["amine"] < 0.824 < 0.843 < abatement["advanced_amine"]
    # A heat pump on a clean grid emits less than either boiler, on the current grid more than gas.
    pump = 2.4 * 277.78 / 2
    assert float(power_co2_t_per_t(pump, 0.1)) < 2.4 / 0.87 * 0.0561 < float(power_co2_t_per_t(pump, 0.7252))
