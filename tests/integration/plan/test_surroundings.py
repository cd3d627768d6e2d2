"""Carbon intensity and air pollution beside a plan, by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ccs_model.inputs import Inputs
from ccs_model.plan.plan import Plan

Solved = Callable[..., Plan]


def test_intensity_falls_by_growth_and_by_the_plan(solved: Solved, inputs: Inputs) -> None:
    plan = solved({"policy.value_added_growth_rate": 0.04})
    row = plan.intensity.set_index(["province", "year"]).loc["Shanxi", 2026]
    # The period 2026 to 2030 ends with the 15th plan: 17 % from 2025 on, five-year growth counted to the first year.
    assert (row["plan"], row["goal_share"], row["since"]) == ("15th five-year plan", 0.17, 2025)
    emitted = plan.emissions.set_index(["province", "year"]).loc["Shanxi", 2026]
    without = 1 - 1 / 1.04
    assert row["without_plan_share"] == pytest.approx(without, rel=1e-12)
    left = float(emitted["baseline_ktpa"] - emitted["on_site_abatement_ktpa"])
    assert row["intensity_reduction_share"] == pytest.approx(1 - left / emitted["baseline_ktpa"] / 1.04, rel=1e-12)
    gdp = inputs["policy/value_added"].set_index("province").at["Shanxi", "gdp_mn"]
    assert row["value_added_mn"] == pytest.approx(gdp * 1.04**2, rel=1e-12)
    assert row["is_reached"] == (row["intensity_reduction_share"] >= 0.17)


def test_pollutants_of_steam_and_power(solved: Solved, one_mill: dict[str, object], inputs: Inputs) -> None:
    plan = solved(one_mill)
    last = plan.retrofits
    table = plan.air_pollution.set_index(["province", "pollutant"]).loc["Hebei"]
    rates = inputs["policy/pollutants"].set_index("pollutant")
    routes = plan.problem.routes.set_index("route").loc[last["route"]]
    captured = last["captured_ktpa"].to_numpy()
    coal_gj = captured * (routes["heat_gj_per_t"] / 0.84).to_numpy()
    kwh = captured * (routes["power_kwh_per_t"] + routes["booster_kwh_per_t"]).to_numpy()
    for name in ("SO2", "NOx"):
        by_hand = (coal_gj * rates.at[name, "coal_g_per_gj"] + kwh * rates.at[name, "grid_g_per_kwh"]).sum() / 1e6
        assert table.at[name, "emission_ktpa"] == pytest.approx(by_hand, rel=1e-12)
    # 1,000 kt captured burn about 3.8 million GJ of coal: 48 t of SO2, and 9 t of power's.
    assert 0.02e-3 < table.at["SO2", "emission_ktpa"] / captured.sum() < 0.1e-3
    # 9.6 CNY per 0.95 kg in tier 1 and 4.8 in tier 3, in the money of 2024.
    deflators = inputs["indices/deflators"].set_index(["currency", "year"])["price_index"]
    sweep_point = deflators["CNY", 2024] / deflators["CNY", 2018]
    assert table.at["SO2", "tax_high_per_t"] == pytest.approx(10_105 * sweep_point, rel=1e-9)
    assert table.at["SO2", "tax_low_per_t"] == pytest.approx(5_053 * sweep_point, rel=1e-9)
