"""Carbon intensity and air pollution of a plan, compared with hand calculations."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from ccs_model.inputs import Inputs
from ccs_model.plan.plan import Plan

pytestmark = pytest.mark.slow

Solved = Callable[..., Plan]


def table_with(inputs: Inputs, table: str, **row: object) -> pd.DataFrame:
    """The table with one more row."""
    return pd.concat([inputs[table], pd.DataFrame([row])], ignore_index=True)


def test_an_intensity_goal_is_evaluated_in_the_last_year_of_its_five_year_plan(
    solved: Solved, inputs: Inputs, with_tables: Callable[..., Inputs]
) -> None:
    money = {"currency": "CNY", "price_year": 2024}
    tables = with_tables(
        {
            "policy/value_added": table_with(
                inputs,
                "policy/value_added",
                province="Shanxi",
                year=2025,
                gdp_mn=2_600_000.0,
                quality="reported",
                **money,
            ),
            "policy/provincial_co2": table_with(
                inputs, "policy/provincial_co2", province="Shanxi", year=2025, co2_ktpa=500_000.0, quality="reported"
            ),
        }
    )
    plan = solved({"policy.value_added_growth_rate": 0.04}, tables=tables)
    (row,) = plan.intensity.to_dict("records")
    # The 15th five-year plan requires 17 % from 2025 to 2030; 2030 is in the period from 2026.
    assert (row["province"], row["year"], row["plan"], row["since"], row["goal_share"]) == (
        "Shanxi", 2030, "15th five-year plan", 2025, 0.17,
    )  # fmt: skip
    abatement = plan.emissions.set_index(["province", "year"]).loc["Shanxi", 2026]["on_site_abatement_ktpa"].sum()
    assert row["emission_ktpa"] == pytest.approx(500_000 - abatement)
    assert row["value_added_mn"] == pytest.approx(2_600_000 * 1.04**5)
    assert row["without_plan_share"] == pytest.approx(1 - 1.04**-5)
    assert row["intensity_reduction_share"] == pytest.approx(1 - (1 - abatement / 500_000) / 1.04**5)
    assert row["is_reached"] and not row["not_judged"]


def test_a_series_that_ends_early_is_named_and_the_goal_is_not_evaluated(solved: Solved) -> None:
    (row,) = solved().intensity.to_dict("records")
    assert row["not_judged"] == (
        "CO2 of Shanxi ends in 2019, before 2025; value added of Shanxi ends in 2024, before 2025"
    )
    assert row["is_reached"] is None or pd.isna(row["is_reached"])
    assert pd.isna(row["intensity_reduction_share"])


def test_air_pollution_of_steam_and_power_matches_the_hand_calculation(
    solved: Solved, one_mill: dict[str, object], inputs: Inputs
) -> None:
    plan = solved(one_mill)
    retrofits = plan.retrofits
    table = plan.air_pollution.set_index(["province", "pollutant"]).loc["Hebei"]
    rates = inputs["policy/pollutants"].set_index("pollutant")
    routes = plan.problem.routes.set_index("route").loc[retrofits["route"]]
    captured = retrofits["captured_ktpa"].to_numpy()
    coal_gj = captured * (routes["heat_gj_per_t"] / 0.84).to_numpy()
    kwh = captured * routes["power_kwh_per_t"].to_numpy()
    for name in ("SO2", "NOx"):
        by_hand = (coal_gj * rates.at[name, "coal_g_per_gj"] + kwh * rates.at[name, "grid_g_per_kwh"]).sum() / 1e6
        assert table.at[name, "emission_ktpa"] == pytest.approx(by_hand, rel=1e-12)
    # Capturing 1,000 kt burns about 3.8 million GJ of coal: 48 t of SO2, and 9 t from power.
    assert 0.02e-3 < table.at["SO2", "emission_ktpa"] / captured.sum() < 0.1e-3
    # 9.6 CNY per 0.95 kg in tier 1 and 4.8 in tier 3, in the money of 2024.
    deflators = inputs["indices/deflators"].set_index(["currency", "year"])["price_index"]
    price_ratio = deflators["CNY", 2024] / deflators["CNY", 2018]
    assert table.at["SO2", "tax_high_per_t"] == pytest.approx(10_105 * price_ratio, rel=1e-9)
    assert table.at["SO2", "tax_low_per_t"] == pytest.approx(5_053 * price_ratio, rel=1e-9)
