"""Scenario + Inputs → Problem: filters plants, evaluates options, gives each a pipe and a site, prices all of it."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pandas as pd

from ccs_model.economics.capital import concentration_factor, pipe_cost, small_train_factor
from ccs_model.economics.discounting import discount_factor, salvage_share
from ccs_model.economics.energy_prices import path, power_build_up, steam_build_up
from ccs_model.economics.price_level import PriceLevel
from ccs_model.engineering.capture import capture_options, fuel_co2_t_per_t, power_co2_t_per_t
from ccs_model.engineering.streams import chemical_streams, is_operating, steel_streams
from ccs_model.engineering.transport import flow_tph, nearest_sites
from ccs_model.errors import Fault, InputError
from ccs_model.inputs import Inputs
from ccs_model.inputs.inventories import SECTORS
from ccs_model.problem.names import place_of, refuse_other_tables, unknown_names
from ccs_model.problem.periods import calendar, period_sums, periods_of, running_share
from ccs_model.problem.problem import Problem
from ccs_model.problem.targets import refuse_empty_groups, refuse_what_nothing_can_serve, targets_of
from ccs_model.scenario import Scenario

HEAT_SOURCE = "coal_boiler"
PLANT_COLUMNS = [
    "plant", "name", "name_zh", "sector", "product", "province", "grid", "lat_deg", "lon_deg", "status", "closing_year",
    "capacity_ktpa", "reference", "quality", "note",
]  # fmt: skip


def pose(scenario: Scenario, inputs: Inputs) -> Problem:
    """State the scenario's question in sets and coefficients. Raises InputError for names the tables do not know."""
    level = PriceLevel(
        scenario.currency, scenario.price_year, inputs["indices/deflators"], inputs["indices/exchange_rates"]
    )
    refuse_other_tables(scenario, inputs)
    _refuse_unknown_names(scenario, inputs)
    plants, streams = _plants_and_streams(scenario, inputs)
    periods = periods_of(scenario)
    candidates = plants[plants["is_candidate"]]
    options = _options(scenario, inputs, level, streams[streams["plant"].isin(candidates["plant"])], candidates)
    sites = _sites(scenario, inputs, level)
    routes = _routes(scenario, inputs, level, options, candidates, sites)
    running, ends = running_share(
        periods, *(routes[name].to_numpy(float) for name in ("lead_yr", "life_yr", "closing_year"))
    )
    starts = periods["year"].to_numpy()
    lasts = ends - (starts + routes["lead_yr"].to_numpy(float)[:, None])
    may_start = (starts >= routes["first_year"].to_numpy()[:, None]) & (
        lasts >= routes["min_life_yr"].to_numpy()[:, None]
    )
    running = np.where(may_start[..., None], running, 0.0)
    plants = _without_dead_ends(plants, options, routes, running)
    refuse_empty_groups(scenario, plants)
    targets = targets_of(scenario, plants)
    refuse_what_nothing_can_serve(scenario, targets, routes, running)
    _refuse_what_cannot_be_fitted(scenario, plants)
    priced = _Priced(scenario, inputs, level, routes, periods)
    return Problem(
        scenario=scenario,
        inputs=inputs,
        name=scenario.name,
        aim=scenario.aim,
        is_whole=scenario.capture.retrofits == "whole",
        currency=scenario.currency,
        price_year=scenario.price_year,
        discount_share=scenario.discount_share,
        first_year=scenario.years[0],
        horizon_end=scenario.horizon_end,
        plants=plants,
        streams=streams,
        options=options,
        routes=routes,
        sites=sites,
        periods=periods,
        zones=tuple(sorted(set(plants["province"]))),
        running_share=running,
        salvage_share=_salvage(scenario, routes, starts, ends),
        committed_yr=np.maximum(ends - scenario.horizon_end, 0.0) * may_start,
        fuel_co2_t_per_t=priced.fuel_co2_t_per_t,
        capture_power_t_per_t=priced.capture_power_t_per_t,
        booster_power_t_per_t=priced.booster_power_t_per_t,
        cost_per_t=MappingProxyType(priced.cost_per_t),
        power_per_kwh=priced.power,
        steam_per_gj=priced.steam,
        grid_kg_per_kwh=inputs["prices/grid_factors"][["province", "year", "grid_kg_per_kwh", "reference", "quality"]],
        budget_mn=np.inf if scenario.budget.total_mn is None else scenario.budget.total_mn,
        ceiling_mn=MappingProxyType(dict(sorted(scenario.budget.ceiling_mn.items()))),
        built_per_year_max=scenario.capture.built_per_year_max,
        fill_share_max=scenario.storage.fill_share_max,
        must_fit=tuple(sorted(scenario.plants.must_fit)),
        targets=targets,
        share_of_avoided_min=MappingProxyType(dict(scenario.targets.share_of_avoided_min)),
        shortfall_per_t=scenario.targets.shortfall_per_t,
        province_budget_mn=MappingProxyType(dict(scenario.budget.by_province_mn)),
    )


def _plants_and_streams(scenario: Scenario, inputs: Inputs) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Operating plants of the zones, each marked candidate or with the reason why it is none, and their streams."""
    parts, streams = [], []
    for sector in SECTORS:
        table = inputs[f"plants/{sector}"]
        table = table[table["inventory"].isin(scenario.plants.inventory)]
        if table.empty:
            continue
        inside = table["province"].isin(scenario.plants.provinces) | (len(scenario.plants.provinces) == 0)
        table = table[inside & is_operating(table)].sort_values("plant", kind="stable").reset_index(drop=True)
        if sector == "steel":
            streams.append(steel_streams(table, inputs))
            table = table.assign(product="crude_steel", capacity_ktpa=table["crude_steel_ktpa"].fillna(0.0))
        else:
            streams.append(chemical_streams(table, inputs))
        parts.append(table.assign(sector=sector)[PLANT_COLUMNS])
    plants = pd.concat(parts, ignore_index=True).sort_values("plant", kind="stable").reset_index(drop=True)
    all_streams = pd.concat(streams, ignore_index=True).sort_values(["plant", "stream"]).reset_index(drop=True)
    totals = all_streams.groupby("plant")["co2_ktpa"].sum()
    plants["baseline_ktpa"] = plants["plant"].map(totals).fillna(0.0)
    capturable = all_streams[all_streams["grade"] != "none"]
    offered = (capturable["co2_ktpa"] * capturable["lasting_share"]).groupby(capturable["plant"]).sum()
    plants["capturable_ktpa"] = plants["plant"].map(offered).fillna(0.0)
    small = plants["baseline_ktpa"] < scenario.plants.emitting_at_least_ktpa
    plants["reason"] = np.select(
        [
            plants["plant"].isin(scenario.plants.leave_out),
            plants["status"] != "operating",
            plants["capturable_ktpa"] <= 0,
            small,
        ],
        ["left out by the scenario", "announced to retire", "nothing that can be captured", "below the smallest size"],
        default="",
    )
    plants["is_candidate"] = plants["reason"] == ""
    return plants, all_streams


def _refuse_unknown_names(scenario: Scenario, inputs: Inputs) -> None:
    """Provinces, plants and sites of the scenario must be in the tables."""
    faults = [Fault(place, what, hint) for place, what, hint in unknown_names(scenario, inputs)]
    if faults:
        raise InputError(faults)


def _refuse_what_cannot_be_fitted(scenario: Scenario, plants: pd.DataFrame) -> None:
    """A plant that must be fitted can be: otherwise the reason is told here, not as an infeasible program."""
    reasons = plants.set_index("plant")["reason"]
    elsewhere = "not operating, or outside the provinces and inventories asked for"
    faults = [
        Fault(place_of(scenario, f"plants.must_fit[{i}]"), f"plant '{plant}' cannot be fitted: {why}")
        for i, plant in enumerate(scenario.plants.must_fit)
        if (why := reasons.get(plant, elsewhere))
    ]
    if faults:
        raise InputError(faults)


def _without_dead_ends(
    plants: pd.DataFrame, options: pd.DataFrame, routes: pd.DataFrame, running: np.ndarray
) -> pd.DataFrame:
    """Plants with the reason why a candidate has no way to capture and store within the horizon."""
    candidate, closes = plants["is_candidate"], plants["closing_year"].notna()
    idle = candidate & ~plants["plant"].isin(set(routes["plant"][running.any(axis=(1, 2))]))
    unlinked = candidate & ~plants["plant"].isin(set(routes["plant"]))
    unsuited = candidate & ~plants["plant"].isin(set(options["plant"]))
    reason = plants["reason"].mask(idle, "nothing can start and work within the horizon")
    reason = reason.mask(idle & closes, "closes before a retrofit has worked its shortest life")
    reason = reason.mask(unlinked, "no storage site in reach")
    reason = reason.mask(unsuited, "no technology asked for suits its streams")
    return plants.assign(reason=reason, is_candidate=reason == "")


def _options(
    scenario: Scenario, inputs: Inputs, level: PriceLevel, streams: pd.DataFrame, candidates: pd.DataFrame
) -> pd.DataFrame:
    """Options of the candidates' streams with capex (total overnight cost) and fixed O&M."""
    technologies = inputs["technologies/technologies"]
    technologies = technologies[technologies["technology"].isin(scenario.capture.technologies)]
    options = capture_options(streams, technologies, inputs["technologies/heat"], inputs["technologies/sizes"])
    rows = technologies.set_index("technology").loc[options["technology"]].set_axis(options.index)
    law = inputs["technologies/concentration_capex"].iloc[0]
    dilute = concentration_factor(
        options["co2_share"].where(options["grade"] == "flue_gas", 1.0),
        rows["reference_co2_share"].fillna(1.0),
        scaled_share=law["co2_scaled_share"],
        law_reference_share=law["reference_co2_share"],
        exponent=law["gas_exponent"],
    )
    small = small_train_factor(
        options["nameplate_ktpa"] / options["n_trains"], rows["smallest_train_ktpa"], rows["scale_exponent"]
    )
    options["concentration_factor"] = np.where(options["grade"] == "flue_gas", dilute, 1.0)
    options["small_train_factor"] = small
    options["reference_capex_per_tpa"] = level.convert(rows["capex_per_tpa"], rows["currency"], rows["price_year"])
    options["capex_per_tpa"] = options["reference_capex_per_tpa"] * options["concentration_factor"] * small
    options["capture_capex_mn"] = options["capex_per_tpa"] * options["nameplate_ktpa"] / 1000.0
    options["fixed_om_share"] = rows["fixed_om_share"]
    options["fixed_om_mn_pa"] = options["capture_capex_mn"] * rows["fixed_om_share"]
    options["variable_om_per_t"] = level.convert(rows["variable_om_per_t"], rows["currency"], rows["price_year"])
    about = candidates.set_index("plant")[["province", "sector", "grid", "lat_deg", "lon_deg", "closing_year"]]
    return options.join(about, on="plant")


def _sites(scenario: Scenario, inputs: Inputs, level: PriceLevel) -> pd.DataFrame:
    """Sites the scenario allows, with the capacity case it asks for."""
    sites = inputs["storage/sites"].sort_values("site", kind="stable")
    if scenario.storage.sites:
        asked = scenario.storage.sites
        sites = sites[sites["site"].isin(asked) | sites["basin"].isin(asked)]
    sites = sites.reset_index(drop=True)
    return sites.assign(
        capacity_kt=sites[f"capacity_{scenario.storage.capacity}_kt"],
        injection_max_ktpa=sites["well_injectivity_ktpa"] * sites["n_wells_max"],
        storage_cost_per_t=level.convert(sites["storage_cost_per_t"], sites["currency"], sites["price_year"]),
    )


def _routes(
    scenario: Scenario,
    inputs: Inputs,
    level: PriceLevel,
    options: pd.DataFrame,
    candidates: pd.DataFrame,
    sites: pd.DataFrame,
) -> pd.DataFrame:
    """Every option with its own pipe to each of the nearest sites it can reach."""
    plants = candidates.reset_index(drop=True)
    at_plant, at_site, straight_km = nearest_sites(
        plants["lat_deg"],
        plants["lon_deg"],
        sites["lat_deg"],
        sites["lon_deg"],
        int(inputs.limit("sites_in_reach")),
        inputs.limit("own_pipe_reach_km"),
    )
    links = pd.DataFrame(
        {
            "plant": plants["plant"].to_numpy()[at_plant],
            "site": sites["site"].to_numpy()[at_site],
            "straight_km": straight_km,
            "length_km": straight_km * scenario.transport.detour,
            "storage_cost_per_t": sites["storage_cost_per_t"].to_numpy()[at_site],
        }
    )
    routes = options.merge(links, on="plant")
    routes.insert(0, "route", routes["option"].astype(str) + "@" + routes["site"].astype(str))
    routes = routes.sort_values("route", kind="stable").reset_index(drop=True)
    pipes = inputs["transport/pipes"].sort_values("smallest_tph").reset_index(drop=True)
    pipes["capex_per_tph_m"] = level.convert(pipes["capex_per_tph_m"], pipes["currency"], pipes["price_year"])
    pipes["fixed_om_per_tph_km_pa"] = level.convert(
        pipes["fixed_om_per_tph_km_pa"], pipes["currency"], pipes["price_year"]
    )
    flow = flow_tph(routes["nameplate_ktpa"])
    per_m, chosen, n_lines = pipe_cost(flow, pipes)
    routes["pipe"] = pipes["pipe"].to_numpy()[chosen]
    routes["n_lines"] = n_lines
    routes["pipe_life_yr"] = np.minimum(routes["life_yr"], pipes["life_yr"].to_numpy()[chosen])
    routes["pipe_capex_mn"] = per_m * routes["length_km"] * 1000.0 / 1e6
    routes["pipe_om_mn_pa"] = pipes["fixed_om_per_tph_km_pa"].to_numpy()[chosen] * flow * routes["length_km"] / 1e6
    routes["booster_kwh_per_t"] = pipes["power_kwh_per_t_km"].to_numpy()[chosen] * routes["length_km"]
    routes["capex_mn"] = routes["capture_capex_mn"] + routes["pipe_capex_mn"]
    return routes


def _salvage(scenario: Scenario, routes: pd.DataFrame, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """[route, start] share of capex left at the horizon's end, discounted to the first year.

    The life that counts ends at the earlier of the technology's and the plant's.
    """
    begins = starts + routes["lead_yr"].to_numpy(float)[:, None]
    life = np.maximum(ends - begins, 1.0)
    left = salvage_share(scenario.discount_share, life, scenario.horizon_end - begins)
    return left * discount_factor(scenario.discount_share, scenario.horizon_end - scenario.years[0])


class _Priced:
    """Energy CO₂ [route, year] and costs per t [route, calendar year] of every route, from yearly price paths."""

    def __init__(
        self, scenario: Scenario, inputs: Inputs, level: PriceLevel, routes: pd.DataFrame, periods: pd.DataFrame
    ) -> None:
        years = calendar(periods)
        n_years = periods["n_years"].to_numpy()
        self.power = power_build_up(inputs["prices/power"], level)
        self.steam = steam_build_up(inputs["prices/fuels"], inputs["technologies/heat_sources"], level)
        steam = self.steam[self.steam["heat_source"] == HEAT_SOURCE]
        power_per_kwh = path(self.power, "grid", "power_per_kwh", routes["grid"], years)
        steam_per_gj = path(steam, "province", "steam_per_gj", routes["province"], years)
        grid_kg = path(inputs["prices/grid_factors"], "province", "grid_kg_per_kwh", routes["province"], years)
        _refuse_unpriced(routes, power_per_kwh, steam_per_gj, grid_kg)
        source = steam.iloc[0]
        heat, capture_kwh, booster_kwh = (
            routes[name].to_numpy(float)[:, None] for name in ("heat_gj_per_t", "power_kwh_per_t", "booster_kwh_per_t")
        )
        mean_kg = period_sums(grid_kg, periods) / n_years
        fuel = fuel_co2_t_per_t(heat, source["efficiency_share"], source["fuel_t_per_gj"])
        self.fuel_co2_t_per_t = np.broadcast_to(fuel, mean_kg.shape)
        self.capture_power_t_per_t = power_co2_t_per_t(capture_kwh, mean_kg)
        self.booster_power_t_per_t = power_co2_t_per_t(booster_kwh, mean_kg)

        def flat(name: str) -> np.ndarray:
            """A yearly price that does not change."""
            return np.broadcast_to(routes[name].to_numpy(float)[:, None], power_per_kwh.shape)

        self.cost_per_t = {
            "capture_variable_om": flat("variable_om_per_t"),
            "heat": heat * steam_per_gj,
            "capture_power": capture_kwh * power_per_kwh,
            "pipe_power": booster_kwh * power_per_kwh,
            "storage": flat("storage_cost_per_t"),
        }


def _refuse_unpriced(routes: pd.DataFrame, power: np.ndarray, steam: np.ndarray, grid: np.ndarray) -> None:
    """A plant without a price or a grid factor is a fault, never free."""
    faults = set()
    for table, key, values in (
        ("prices/power.csv", "grid", power),
        ("prices/fuels.csv", "province", steam),
        ("prices/grid_factors.csv", "province", grid),
    ):
        for name in routes.loc[np.isnan(values).any(axis=1), key].unique():
            hint = f"add rows to {table} in the folder that the scenario's `data:` names, see docs/own-tables.md"
            faults.add(Fault(table, f"no row for {key} '{name}', which has plants", hint))
    if faults:
        raise InputError(sorted(faults))
