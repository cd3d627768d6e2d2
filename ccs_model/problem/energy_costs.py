"""Energy, energy CO₂ and their yearly prices for every source–sink option."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.economics.policy import CHINA, grid_factor_path, non_fossil_path, price_path
from ccs_model.economics.prices import PriceLevel, fuelless_steam, path, power_build_up, steam_build_up
from ccs_model.engineering.capture_units import fuel_co2_t_per_t, power_co2_t_per_t
from ccs_model.errors import Issue, raise_issues
from ccs_model.inputs import Inputs
from ccs_model.inputs.declarations import PLANTS
from ccs_model.inputs.geography import are_in_china, are_off_land, country_near, is_in_country
from ccs_model.inputs.place_checks import SEA_KM
from ccs_model.inputs.user_tables import MARGIN_KM
from ccs_model.problem.candidate_network import Network
from ccs_model.problem.problem import calendar, period_sums
from ccs_model.problem.scenario_names import place_of
from ccs_model.scenario import Scenario

_ALIKE = 0.8  # names more similar than this may be misspellings


class RoutePrices:
    """Energy CO₂ [route, year] and costs per t [route, calendar year] of every option."""

    def __init__(
        self,
        scenario: Scenario,
        inputs: Inputs,
        level: PriceLevel,
        routes: pd.DataFrame,
        periods: pd.DataFrame,
        grid: pd.DataFrame,
    ) -> None:
        years = calendar(periods)
        n_years = periods["n_years"].to_numpy()
        self.power = power_build_up(inputs["prices/power"], level)
        sources = inputs["technologies/heat_sources"]
        sources = sources[sources["heat_source"].isin(scenario.capture.heat_sources)]
        self.steam = steam_build_up(inputs["prices/fuels"], sources, level)
        power_per_kwh = path(self.power, "grid", "power_per_kwh", routes["grid"], years)
        steam_per_gj = _steam_per_gj(self.steam, fuelless_steam(sources, level), routes, years)
        grid_kg = path(grid, "province", "grid_kg_per_kwh", routes["province"], years)
        draws = (routes[["power_kwh_per_t", "booster_kwh_per_t"]].sum(axis=1) > 0).to_numpy()
        burns = (routes["heat_gj_per_t"] > 0).to_numpy()
        known = {"grid": set(self.power["grid"]), "province": set(grid["province"])}
        _validate_prices(inputs, routes, power_per_kwh, steam_per_gj, grid_kg, draws, burns, known)
        # Energy that is not used needs no price.
        power_per_kwh = np.where(draws[:, None], power_per_kwh, 0.0)
        grid_kg = np.where(draws[:, None], grid_kg, 0.0)
        steam_per_gj = np.where(burns[:, None], steam_per_gj, 0.0)
        heat, capture_kwh, booster_kwh = (
            routes[name].to_numpy(float)[:, None] for name in ("heat_gj_per_t", "power_kwh_per_t", "booster_kwh_per_t")
        )
        mean_kg = period_sums(grid_kg, periods) / n_years
        efficiency, of_fuel = (
            routes[name].to_numpy(float)[:, None] for name in ("heat_efficiency_share", "fuel_t_per_gj")
        )
        fuel = fuel_co2_t_per_t(heat, efficiency, of_fuel)
        given = routes["given_co2_t_per_t"].to_numpy(float)[:, None]
        self.fuel_co2_t_per_t = np.broadcast_to(fuel + given, mean_kg.shape)
        self.capture_power_t_per_t = power_co2_t_per_t(capture_kwh, mean_kg)
        self.booster_power_t_per_t = power_co2_t_per_t(booster_kwh, mean_kg)

        def constant_price(name: str) -> np.ndarray:
            """A constant yearly price."""
            return np.broadcast_to(routes[name].to_numpy(float)[:, None], power_per_kwh.shape)

        self.cost_per_t = {
            "capture_variable_om": constant_price("variable_om_per_t"),
            "heat": heat * steam_per_gj,
            "capture_power": capture_kwh * power_per_kwh,
            "pipe_power": booster_kwh * power_per_kwh,
            "storage": constant_price("injection_cost_per_t"),
        }
        # Only oil fields at the end of own pipes pay by option; those of a shared network pay by site.
        if (routes["eor_revenue_per_t"] > 0).any():
            self.cost_per_t["oil_revenue"] = -constant_price("eor_revenue_per_t")


def _steam_per_gj(steam: pd.DataFrame, fuelless: dict[str, float], routes: pd.DataFrame, years: Ints) -> Floats:
    """[route, calendar year] price of the route's heat; NaN where its province has no price of its fuel."""
    key = steam["heat_source"].astype(str) + "@" + steam["province"].astype(str)
    wanted = routes["heat_source"].astype(str) + "@" + routes["province"].astype(str)
    price = path(steam.assign(key=key), "key", "steam_per_gj", wanted, years)
    for source, per_gj in fuelless.items():
        price[(routes["heat_source"] == source).to_numpy()] = per_gj
    return price


def line_power(
    network: Network, power: pd.DataFrame, grid: pd.DataFrame, periods: pd.DataFrame
) -> tuple[Floats, Floats]:
    """Money [line, calendar year] and CO₂ [line, year] of the power of pumps and trucks, per t of flow.

    A pipe option uses the grid of its link's western end; without a grid its power has no cost.
    """
    years = calendar(periods)
    links = network.links.set_index("link").loc[network.lines["link"]]
    kwh = network.lines["kwh_per_t"].to_numpy(float)[:, None]
    price = path(power, "grid", "power_per_kwh", links["grid"], years)
    grid_kg = path(grid, "province", "grid_kg_per_kwh", links["grid_province"], years)
    mean_kg = period_sums(np.nan_to_num(grid_kg), periods) / periods["n_years"].to_numpy()
    return kwh * np.nan_to_num(price), power_co2_t_per_t(kwh, mean_kg)


def _validate_prices(
    inputs: Inputs,
    routes: pd.DataFrame,
    power: Floats,
    steam: Floats,
    grid: Floats,
    draws: Mask,
    burns: Mask,
    known: Mapping[str, Collection[str]],
) -> None:
    """Raise if a plant has no price or grid factor; `known` are the grids and provinces that have one."""
    issues = set()
    for table, key, values, needs in (
        ("prices/power.csv", "grid", power, draws),
        ("prices/fuels.csv", "province", steam, burns),
        ("prices/grid_factors.csv", "province", grid, draws),
    ):
        for name, fuel in set(routes.loc[np.isnan(values).any(axis=1) & needs, [key, "fuel"]].itertuples(index=False)):
            near = [] if name in known[key] else get_close_matches(str(name), sorted(known[key]), n=1, cutoff=_ALIKE)
            hint = f"add rows to {table} in the folder that the scenario's `data:` names (one of the country, or of *, "
            hint += f"is enough for all {key}s), see docs/reference/own-tables.md"
            hint = f"did you mean '{near[0]}'? else {hint}" if near else hint
            if at_sea := _sea_hint(inputs, key, str(name)):
                hint = at_sea
            elif not near:
                hint = _outside_hint(inputs, table, key, str(name), str(fuel) if needs is burns else "") or hint
            row = f"row of {fuel}" if needs is burns else "row"
            where = (_cell_of(inputs, key, str(name)) if near else "") or table
            of_table = f" in {table}" if where != table else ""
            issues.add(Issue(where, f"no {row} for {key} '{name}'{of_table}, which has plants", hint))
    raise_issues(sorted(issues))


def _sea_hint(inputs: Inputs, column: str, name: str) -> str:
    """Hint on a plant of the user with this province or grid that lies in no country; empty without one."""
    for table in PLANTS:
        rows = inputs[table][inputs[table][column] == name]
        for row in rows.index[are_off_land(rows["lat_deg"].to_numpy(), rows["lon_deg"].to_numpy(), SEA_KM)]:
            if inputs.is_own(table, row):
                lat, lon = rows.at[row, "lat_deg"], rows.at[row, "lon_deg"]
                where = f"{rows.at[row, 'plant']} at {lat:g}, {lon:g} ({inputs.place(table, row, 'lat_deg')})"
                return f"{where} lies in no country, so that no country's rows apply to it: is its place right?"
    return ""


def _outside_hint(inputs: Inputs, table: str, column: str, name: str, fuel: str) -> str:
    """Hint on a plant of the user outside the outline of the country near it, which has rows; empty without one."""
    priced = inputs[table.removesuffix(".csv")]
    countries = set(priced[column] if not fuel else priced.loc[priced["fuel"] == fuel, column])
    for plants in PLANTS:
        for row in np.flatnonzero(inputs[plants][column] == name).tolist():
            lat, lon = inputs[plants].loc[inputs[plants].index[row], ["lat_deg", "lon_deg"]].astype(float)
            near = country_near(lat, lon)
            if near in countries and inputs.is_own(plants, row) and not is_in_country(near, lat, lon, MARGIN_KM):
                plant, place = inputs[plants]["plant"].iloc[row], inputs.place(plants, row, "lat_deg")
                return (
                    f"{plant} at {lat:g}, {lon:g} ({place}) lies outside the outline of {near}, which lacks small "
                    f"islands, so that the rows of {near} do not apply: add rows of '{name}' to {table} in the folder "
                    "that the scenario's `data:` names"
                )
    return ""


def _cell_of(inputs: Inputs, column: str, name: str) -> str:
    """Place of the first cell of the user's inventories with this name of a province or grid; empty without one."""
    for table in PLANTS:
        for row in np.flatnonzero(inputs[table][column] == name).tolist():
            if inputs.is_own(table, row):
                return inputs.place(table, row, column)
    return ""


# CO₂ of grid power by province and year, from the tables or lowered by the scenario's non-fossil share.

COLUMNS = ["province", "year", "grid_kg_per_kwh", "reference", "quality"]


def grid_factors(scenario: Scenario, inputs: Inputs, calendar: Ints) -> pd.DataFrame:
    """Return COLUMNS, one row a province and year with a known factor.

    Each province's last known factor falls in proportion to the fossil share of the country's power: that of
    `policy.non_fossil_share`, or the path of policy/non_fossil for a province of China or a region that is named there.
    Elsewhere the last known factor stays. Shares of the scenario also replace factors of later years than its first
    year and theirs, such as forecasts.
    """
    known = inputs["prices/grid_factors"][COLUMNS]
    shares = scenario.policy.non_fossil_share
    if shares:
        until = max(int(calendar[0]), min(shares))
        first = known.groupby("province")["year"].transform("min")
        known = known[(known["year"] <= until) | (known["year"] == first)]
    last = known.sort_values("year").groupby("province", as_index=False).last()
    if len(shares) > 1:
        _reject_power_without_fossil_share(scenario, last[last["year"] <= until])
    table, fossil = inputs["policy/non_fossil"], inputs.factor("fossil_power_kg_per_kwh")
    # One year is no path.
    n_years = table.groupby("region")["year"].nunique()
    regions = last["province"].where(last["province"].isin(n_years.index[n_years > 1]), "")
    regions = regions.mask((regions == "") & are_in_china(last["province"]), CHINA)
    parts = [known]
    for region, rows in last.groupby(regions) if not shares else [("", last)]:
        path = shares or non_fossil_path(table, str(region))
        if path and len(rows):
            parts.append(_later_factors(rows, path, calendar, fossil))
    both = pd.concat(parts, ignore_index=True)
    return both.sort_values(["province", "year"], kind="stable").reset_index(drop=True)


def _reject_power_without_fossil_share(scenario: Scenario, last: pd.DataFrame) -> None:
    """Raise InputError if the scenario has only non-fossil power in the year of a known grid factor above 0."""
    at_known = price_path(scenario.policy.non_fossil_share, last["year"].to_numpy())
    without = last[(at_known >= 1.0) & (last["grid_kg_per_kwh"] > 0)]
    if len(without):
        row = without.iloc[0]
        what = f"the non-fossil share of {row['year']} is 1, but the known grid factor of that year is above 0"
        hint = (
            f"expected less than 1 until {row['year']} ({row['province']}): later factors scale with the fossil share"
        )
        raise_issues([Issue(place_of(scenario, "policy.non_fossil_share"), what, hint)])


def _later_factors(last: pd.DataFrame, non_fossil: Mapping[int, float], calendar: Ints, fossil: float) -> pd.DataFrame:
    """COLUMNS of the years after the last known factor of each province, as the non-fossil share rises."""
    later = calendar[calendar > int(last["year"].min())]
    path = grid_factor_path(last["grid_kg_per_kwh"], last["year"], non_fossil, later, fossil)
    carried = pd.DataFrame(
        {
            "province": np.repeat(last["province"].to_numpy(object), len(later)),
            "year": np.tile(later, len(last)),
            "grid_kg_per_kwh": path.ravel(),
            "reference": np.repeat(last["reference"].to_numpy(object), len(later)),
            "quality": "assumed",
        }
    )
    return carried[carried["year"] > carried["province"].map(last.set_index("province")["year"])]
