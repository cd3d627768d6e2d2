"""Energy of options by year: prices, CO2 of fuel and power, missing prices and paths of grid factors, by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ccs_model.economics.prices import PriceLevel
from ccs_model.errors import InputError, Issue
from ccs_model.inputs import Inputs
from ccs_model.inputs.declarations import Source
from ccs_model.problem.candidate_network import Network
from ccs_model.problem.energy_costs import RoutePrices, grid_factors, line_power
from ccs_model.problem.problem import periods_of
from ccs_model.scenario import Scenario

MakePriced = Callable[..., RoutePrices]
ALL_HEAT = {"capture.heat_sources": ["coal_boiler", "gas_boiler", "heat_pump"]}
YEARS = np.arange(2026, 2036)
# 0.4 per kWh in 2026 and 0.1 more each year until 2030.
POWER = [0.4, 0.5, 0.6, 0.7, *[0.8] * 6]
# 1 kg/kWh in 2026 and 0.1 less each year until 2030: a mean of 0.8 in the first five years, then 0.6.
GRID = pd.DataFrame({"province": "Here", "year": [2026, 2030], "grid_kg_per_kwh": [1.0, 0.6]})
PLAIN = {
    "grid": "G", "province": "Here", "heat_source": "coal_boiler", "fuel": "coal", "heat_efficiency_share": 0.84,
    "fuel_t_per_gj": 0.0957, "heat_gj_per_t": 0.0, "power_kwh_per_t": 0.0, "booster_kwh_per_t": 0.0,
    "given_co2_t_per_t": 0.0, "variable_om_per_t": 0.0, "injection_cost_per_t": 0.0, "eor_revenue_per_t": 0.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def tables(inputs: Inputs, with_tables: Callable[..., Inputs]) -> Inputs:
    """Power of one grid and coal of one province, in CNY of 2024 and without tax."""
    common = {"vat_share": 0.0, "currency": "CNY", "price_year": 2024, "reference": "OWN", "quality": "reported"}
    no_charges = dict.fromkeys(("transmission_per_kwh", "loss_share", "demand_per_kw_month", "fees_per_kwh"), 0.0)
    power = [
        {**common, **no_charges, "grid": "G", "load_factor_share": 1.0, "year": year, "benchmark_per_kwh": price}
        for year, price in ((2026, 0.4), (2030, 0.8))
    ]
    # 21 and 42 per GJ over an efficiency of 0.84 are 25 and 50; with 10 for the boiler, steam costs 35 and 60.
    fuels = [
        {**common, "province": "Here", "fuel": "coal", "year": year, "price_per_gj": price}
        for year, price in ((2026, 21.0), (2028, 42.0))
    ]
    rows = {"prices/power": power, "prices/fuels": fuels}
    return with_tables({name: pd.DataFrame(rows[name], columns=inputs[name].columns) for name in rows})


@pytest.fixture(scope="module")
def price_options(tables: Inputs, small: Callable[..., Scenario]) -> MakePriced:
    """Price options over 2026 to 2035 in two periods; each is `PLAIN`, which uses no energy, with changes."""

    def make(*options: dict[str, Any], inputs: Inputs = tables) -> RoutePrices:
        scenario = small(ALL_HEAT)
        routes = pd.DataFrame([{**PLAIN, **each} for each in options])
        return RoutePrices(scenario, inputs, PriceLevel.of("CNY", 2024, inputs), routes, periods_of(scenario), GRID)

    return make


def test_energy_cost_of_each_year_uses_its_price(price_options: MakePriced) -> None:
    found = price_options({"heat_gj_per_t": 3.0, "power_kwh_per_t": 100.0, "booster_kwh_per_t": 20.0}).cost_per_t
    assert found["heat"][0].tolist() == pytest.approx([3 * 35, 3 * 47.5, *[3 * 60] * 8])
    assert found["capture_power"][0].tolist() == pytest.approx([100 * price for price in POWER])
    assert found["pipe_power"][0].tolist() == pytest.approx([20 * price for price in POWER])


def test_energy_co2_of_each_period_is_the_mean_over_its_years(price_options: MakePriced) -> None:
    found = price_options({"heat_gj_per_t": 3.0, "power_kwh_per_t": 100.0, "booster_kwh_per_t": 20.0})
    assert found.capture_power_t_per_t[0].tolist() == pytest.approx([0.1 * 0.8, 0.1 * 0.6])
    assert found.booster_power_t_per_t[0].tolist() == pytest.approx([0.02 * 0.8, 0.02 * 0.6])
    assert found.fuel_co2_t_per_t[0].tolist() == pytest.approx([3 / 0.84 * 0.0957] * 2)


def test_heat_without_fuel_costs_only_the_heat_source(price_options: MakePriced) -> None:
    pump = {"heat_source": "heat_pump", "fuel": "none", "heat_efficiency_share": 1.0, "fuel_t_per_gj": 0.0}
    found = price_options({**pump, "heat_gj_per_t": 2.0, "province": "Nowhere"})
    # 15 per GJ, whatever the fuel prices of the province.
    assert found.cost_per_t["heat"][0].tolist() == pytest.approx([30] * 10)
    assert not found.fuel_co2_t_per_t.any()


def test_values_given_per_tonne_are_constant_over_the_years(price_options: MakePriced) -> None:
    given = {"given_co2_t_per_t": 0.1, "variable_om_per_t": 7.0, "injection_cost_per_t": 2.0}
    found = price_options(given, {"eor_revenue_per_t": 5.0})
    assert found.cost_per_t["capture_variable_om"].tolist() == [[7] * 10, [0] * 10]
    assert found.cost_per_t["storage"].tolist() == [[2] * 10, [0] * 10]
    assert found.fuel_co2_t_per_t.tolist() == [[0.1, 0.1], [0, 0]]
    # Revenue is a negative cost.
    assert found.cost_per_t["oil_revenue"].tolist() == [[0] * 10, [-5] * 10]
    assert "oil_revenue" not in price_options(given).cost_per_t


def issues(price_options: MakePriced, *options: dict[str, Any], **tables: Inputs) -> list[Issue]:
    with pytest.raises(InputError) as caught:
        price_options(*options, **tables)
    return list(caught.value.issues)


@pytest.mark.parametrize(
    ("option", "missing"),
    [
        ({"heat_gj_per_t": 0.5}, ["prices/fuels.csv"]),
        ({"power_kwh_per_t": 0.5}, ["prices/grid_factors.csv", "prices/power.csv"]),
        ({"booster_kwh_per_t": 0.5}, ["prices/grid_factors.csv", "prices/power.csv"]),
        ({}, []),
    ],
)
def test_only_energy_that_is_used_needs_a_price(
    price_options: MakePriced, option: dict[str, Any], missing: list[str]
) -> None:
    elsewhere = {**option, "grid": "Other", "province": "Elsewhere"}
    if missing:
        assert [issue.where for issue in issues(price_options, PLAIN, elsewhere)] == missing
    else:
        assert not sum(price_options(PLAIN, elsewhere).cost_per_t.values()).any()


def test_missing_price_is_reported_with_its_fuel_and_province_or_grid(price_options: MakePriced) -> None:
    (fuel,) = issues(price_options, {"heat_gj_per_t": 3.0, "province": "Elsewhere"})
    assert fuel.what == "no row of coal for province 'Elsewhere', which has plants"
    power, *_ = issues(price_options, {"power_kwh_per_t": 3.0, "grid": "Other"})
    assert power.what == "no row for grid 'Other', which has plants"
    assert "add rows to prices/power.csv" in power.hint and "is enough for all grids" in power.hint
    # The province has a price of another fuel, but none of this one.
    (gas,) = issues(price_options, {"heat_gj_per_t": 3.0, "heat_source": "gas_boiler", "fuel": "natural_gas"})
    assert gas.what == "no row of natural_gas for province 'Here', which has plants"


@pytest.mark.parametrize(("lon_deg", "is_at_sea"), [(114.5, False), (124.0, True)])
def test_misspelt_grid_is_reported_at_its_cell(
    tables: Inputs, price_options: MakePriced, lon_deg: float, is_at_sea: bool
) -> None:
    # One plant lies on land, one in the Yellow Sea; the grid name resembles one of the tables.
    power = tables["prices/power"].assign(grid="Hebei south")
    plant = {"plant": "X", "province": "Here", "grid": "Hebei souht", "lat_deg": 36.0, "lon_deg": lon_deg, "line": 7}
    works = pd.DataFrame([plant]).reindex(columns=tables["plants/sources"].columns.union(["line"]))
    frames = {**tables.tables, "prices/power": power, "plants/sources": works}
    own_tables = replace(tables, tables=frames, sources={"plants/sources": (Source("mine.csv", is_own=True),)})
    (issue,) = issues(price_options, {"power_kwh_per_t": 3.0, "grid": "Hebei souht"}, inputs=own_tables)
    assert issue.where == "mine.csv:7:grid"
    assert issue.what == "no row for grid 'Hebei souht' in prices/power.csv, which has plants"
    expected = "X at 36, 124 (mine.csv:7:lat_deg) lies in no country" if is_at_sea else "did you mean 'Hebei south'?"
    assert issue.hint.startswith(expected)
    # For a shipped plant, the issue names the price table, which may lack the row.
    (shipped,) = issues(
        price_options, {"power_kwh_per_t": 3.0, "grid": "Hebei souht"}, inputs=replace(own_tables, sources={})
    )
    assert shipped.where == "prices/power.csv" and shipped.hint.startswith("did you mean 'Hebei south'?")


def test_pump_power_of_a_pipe_has_the_price_and_co2_of_its_grid(
    price_options: MakePriced, small: Callable[..., Scenario]
) -> None:
    links = pd.DataFrame({"link": ["A – S", "B – S"], "grid": ["G", "Other"], "grid_province": ["Here", "Elsewhere"]})
    lines = pd.DataFrame({"line": list("xyz"), "link": ["A – S", "B – S", "A – S"], "kwh_per_t": [10.0, 10.0, 0.0]})
    network = Network(pd.DataFrame(), links, lines, {}, {})
    money, co2 = line_power(network, price_options(PLAIN).power, GRID, periods_of(small()))
    # A grid without a price costs nothing.
    assert money.tolist() == [pytest.approx([10 * price for price in POWER]), [0] * 10, [0] * 10]
    assert co2.tolist() == [pytest.approx([0.008, 0.006]), [0, 0], [0, 0]]


# Grid factors


@pytest.fixture(scope="module")
def factor_path(
    inputs: Inputs, with_tables: Callable[..., Inputs], small: Callable[..., Scenario]
) -> Callable[..., dict[int, float]]:
    """Return the grid factors of a region by year, from known factors and shares of non-fossil power."""
    known = {
        "Hebei": {2020: 0.9, 2023: 0.68},
        "Ruritania": {2022: 0.5},
        "Utopia": {2024: 0.4, 2028: 0.3},
        "Arcadia": {2023: 0.7, 2026: 0.6, 2027: 0.5, 2040: 0.1},
        "Atlantis": {2030: 0.2},
    }
    # China: 0.2 in 2020, 0.6 in 2030. Ruritania has one year, which is not a path. Utopia: 0.5 in 2024, 0.8 in 2034.
    shares = [("China", 2020, 0.2), ("China", 2030, 0.6), ("Ruritania", 2020, 0.3), ("Utopia", 2024, 0.5),
              ("Utopia", 2034, 0.8)]  # fmt: skip
    factors = pd.DataFrame(
        [(name, year, value, "OWN", "reported") for name, years in known.items() for year, value in years.items()],
        columns=["province", "year", "grid_kg_per_kwh", "reference", "quality"],
    )
    table = pd.DataFrame(shares, columns=["region", "year", "non_fossil_share"]).assign(measure="reached")
    tables = with_tables({"prices/grid_factors": factors, "policy/non_fossil": table})

    def make(place: str, given: dict[int, float] | None = None) -> dict[int, float]:
        scenario = small({"policy.non_fossil_share": given or {}})
        found = grid_factors(scenario, tables, YEARS)
        rows = found[found["province"] == place]
        assert rows["year"].is_monotonic_increasing and rows["year"].is_unique
        return dict(zip(rows["year"], rows["grid_kg_per_kwh"], strict=True))

    return make


def test_grid_factor_falls_with_the_national_fossil_share(factor_path: Callable[..., dict[int, float]]) -> None:
    # The fossil share is 0.8 − 0.04 a year from 2020 on: 0.68 in 2023, 0.56 in 2026, 0.4 from 2030 on.
    found = factor_path("Hebei")
    assert {year: found[year] for year in (2020, 2023, 2026, 2028, 2030, 2035)} == pytest.approx(
        {2020: 0.9, 2023: 0.68, 2026: 0.56, 2028: 0.48, 2030: 0.4, 2035: 0.4}
    )
    assert sorted(found) == [2020, 2023, *range(2026, 2036)]


def test_a_share_of_one_in_the_year_of_a_known_factor_is_an_error(factor_path: Callable[..., dict[int, float]]) -> None:
    with pytest.raises(InputError, match=r"policy\.non_fossil_share: the non-fossil share of 20.. is 1, but the known"):
        factor_path("Hebei", {2023: 1.0, 2040: 1.0})
    # A year alone keeps the known factors, and a share of 1 later on leads to 0.
    assert factor_path("Hebei", {2023: 1.0})[2030] == pytest.approx(0.68)
    assert factor_path("Hebei", {2022: 0.5, 2030: 1.0})[2035] == 0.0


def test_grid_factor_follows_the_regional_path_from_its_last_known_year(
    factor_path: Callable[..., dict[int, float]],
) -> None:
    # The fossil share of Utopia is 0.5 − 0.03 a year: 0.38 in 2028, 0.35 in 2029, 0.2 in 2034.
    found = factor_path("Utopia")
    assert sorted(found) == [2024, 2028, *range(2029, 2036)]
    assert (found[2028], found[2029], found[2034]) == pytest.approx((0.3, 0.3 * 0.35 / 0.38, 0.3 * 0.2 / 0.38))


def test_grid_factors_are_unchanged_without_a_path_of_shares(factor_path: Callable[..., dict[int, float]]) -> None:
    assert factor_path("Ruritania") == {2022: 0.5}
    assert factor_path("Arcadia") == {2023: 0.7, 2026: 0.6, 2027: 0.5, 2040: 0.1}


def test_scenario_shares_apply_to_all_regions_and_replace_forecasts(
    factor_path: Callable[..., dict[int, float]],
) -> None:
    # The fossil share falls from 0.8 in 2023 by 0.05 a year.
    given = {2023: 0.2, 2033: 0.7}
    assert factor_path("Ruritania", given)[2033] == pytest.approx(0.5 * 0.3 / 0.8)
    assert factor_path("Utopia", given)[2033] == pytest.approx(
        0.4 * 0.3 / 0.75
    )  # 0.75 in 2024; the factor of 2028 is a forecast
    found = factor_path("Arcadia", given)
    # Factors are known until the first year of the horizon, in which the fossil share is 0.65.
    assert (found[2023], found[2026]) == (0.7, 0.6)
    assert (found[2027], found[2033]) == pytest.approx((0.6 * 0.6 / 0.65, 0.6 * 0.3 / 0.65))
    assert max(found) == 2035
    # Shares that begin within the horizon replace the factors after their first year.
    late = factor_path("Arcadia", {2027: 0.2, 2033: 0.8})
    assert late[2027] == 0.5 and late[2033] == pytest.approx(0.5 * 0.2 / 0.8)


def test_single_scenario_share_keeps_the_last_past_factor(factor_path: Callable[..., dict[int, float]]) -> None:
    assert factor_path("Utopia", {2020: 0.2}) == pytest.approx({2024: 0.4} | dict.fromkeys(range(2026, 2036), 0.4))


def test_forecast_is_kept_where_no_past_factor_is_known(factor_path: Callable[..., dict[int, float]]) -> None:
    # The fossil share is 0.45 in 2030 and 0.3 in 2033.
    found = factor_path("Atlantis", {2023: 0.2, 2033: 0.7})
    assert min(found) == 2030 and (found[2030], found[2033]) == pytest.approx((0.2, 0.2 * 0.3 / 0.45))
