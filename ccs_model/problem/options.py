"""Capture options with their costs, and source–sink options with their pipes."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.economics.prices import PriceLevel, concentration_factor, small_train_factor, tasc_factor
from ccs_model.engineering.capture_units import (
    NO_FUEL,
    NO_VINTAGE,
    WASTE_HEAT,
    capture_options,
    covered_rows,
    is_shared,
    shared_streams,
    split_by_start,
    vintages,
    waste_heat_tj_pa,
)
from ccs_model.engineering.co2_transport import Train, nearest_sites
from ccs_model.engineering.streams import (
    HELD_IN,
    captive_streams,
    chemical_streams,
    is_operating,
    retiring_stoves,
    source_streams,
    steel_streams,
    stoves_by_furnace,
)
from ccs_model.inputs import Inputs
from ccs_model.problem.energy_costs import RoutePrices, grid_factors
from ccs_model.problem.link_costs import Terrain
from ccs_model.problem.pipe_costs import pipe_costs_of
from ccs_model.problem.problem import calendar
from ccs_model.problem.storage_sites import SITE_MONEY, WELL_MONEY, wells_for
from ccs_model.scenario import Scenario
from ccs_model.scenario.fields import SOURCES

# Dominance among source–sink options of the same stream, size and site.


SAME_IF_DOMINATED = ("nameplate_ktpa", "reduced_ktpa", "lead_yr", "life_yr", "min_life_yr")


def drop_dominated_options(
    scenario: Scenario, inputs: Inputs, level: PriceLevel, routes: pd.DataFrame, periods: pd.DataFrame
) -> pd.DataFrame:
    """Return the options that no other one dominates; all of them with one heat source or minimum regional shares.

    docs/explanation/formulation.md lists the conditions. Replacing a dominated option keeps every constraint and
    worsens no objective. Minimum regional shares are the exception: more avoided in one region lowers the share of
    another.
    """
    if len(scenario.capture.heat_sources) < 2 or scenario.targets.share_of_avoided_min or routes.empty:
        return routes
    priced = RoutePrices(scenario, inputs, level, routes, periods, grid_factors(scenario, inputs, calendar(periods)))
    # Criteria to minimise, each [route, n]: fixed money, money per tonne by year, CO₂ by period.
    low = np.column_stack(
        [
            routes[["capture_capex_mn", "fixed_om_mn_pa", "first_year", "min_load_share"]].to_numpy(float),
            -routes[["last_year"]].to_numpy(float),
            sum(priced.cost_per_t.values()),
            priced.fuel_co2_t_per_t,
            priced.fuel_co2_t_per_t + priced.capture_power_t_per_t,
            np.where(routes["heat_source"] == WASTE_HEAT, routes["heat_gj_per_t"], 0.0),
        ]
    )
    same = routes[list(SAME_IF_DOMINATED)].to_numpy(float)
    group = routes.groupby(["plant", "stream", "size", "site"], sort=False).ngroup().to_numpy()
    variant = routes.groupby(["technology", "vintage", "heat_source", "measure"], sort=False).ngroup().to_numpy()
    at = np.full((group.max() + 1, variant.max() + 1), -1)
    at[group, variant] = np.arange(len(routes))
    dominated = np.zeros(len(routes), dtype=bool)
    for one, other in permutations(range(at.shape[1]), 2):
        both = (at[:, one] >= 0) & (at[:, other] >= 0)
        a, b = at[both, one], at[both, other]
        better = (low[a] <= low[b]).all(axis=1) & (low[a] < low[b]).any(axis=1) & (same[a] == same[b]).all(axis=1)
        dominated[b[better]] = True
    return routes[~dominated].reset_index(drop=True)


# Measures that reduce a stream before capture, alone or ahead of a capture unit.
#
#     reduced = shrink share × CO₂ of the stream × lasting share      kt/y, avoided but never captured
#     yearly  = fixed O&M − saving × reduced                          million
#
# A unit behind a measure is sized on the remaining stream. The option includes the measure's capital, O&M and saving;
# its tonnes count while the option works, curtailed or not. The option's life is the shorter of the two. A stream takes
# one measure at most, and streams of a shared unit take none.

_LIFE = ("first_year", "lead_yr", "min_life_yr")


def measures_of(scenario: Scenario, inputs: Inputs, level: PriceLevel) -> pd.DataFrame:
    """Return the measures that the scenario allows, in the scenario's money."""
    table = inputs["technologies/measures"]
    table = table[table["measure"].isin(scenario.capture.measures)].sort_values("measure").reset_index(drop=True)
    return table.assign(**{name: level.column(table, name) for name in ("capex_per_tpa", "saving_per_t")})


def measured_streams(streams: pd.DataFrame, measures: pd.DataFrame) -> pd.DataFrame:
    """Return the original streams, then each reduced by every suitable measure (`measure`, `reduced_ktpa`)."""
    plain = streams.assign(measure="", reduced_ktpa=0.0)
    lasting = streams[streams["lasting_share"] > 1e-9]
    shrunk = lasting.merge(measures[["measure", "stream", "shrink_share"]], on="stream")
    if shrunk.empty:
        return plain
    shrunk["reduced_ktpa"] = shrunk["co2_ktpa"] * shrunk["lasting_share"] * shrunk["shrink_share"]
    shrunk["co2_ktpa"] = shrunk["co2_ktpa"] * (1.0 - shrunk["shrink_share"])
    return pd.concat([plain, shrunk[plain.columns]], ignore_index=True)


def with_measure_costs(options: pd.DataFrame, measures: pd.DataFrame) -> pd.DataFrame:
    """Return capture options with the costs of their measure added and the shorter life."""
    at = options["measure"] != ""
    if not at.any():
        return options
    rows = measures.set_index("measure").loc[options.loc[at, "measure"]].set_axis(options.index[at])
    capex, yearly, saving = _money(rows, options.loc[at, "reduced_ktpa"])
    options.loc[at, "capture_capex_mn"] += capex
    options.loc[at, "fixed_om_mn_pa"] += yearly
    options.loc[at, "saving_mn_pa"] = saving
    options.loc[at, "life_yr"] = options.loc[at, "life_yr"].clip(upper=rows["life_yr"])
    for name in _LIFE:
        options.loc[at, name] = options.loc[at, name].clip(lower=rows[name])
    return options


def measures_alone(streams: pd.DataFrame, measures: pd.DataFrame, columns: pd.Index) -> pd.DataFrame:
    """Return options of a measure alone: nameplate 0, other columns of capture options 0 or empty."""
    shrunk = streams[streams["measure"] != ""].reset_index(drop=True)
    if shrunk.empty:
        return pd.DataFrame(columns=columns)
    rows = measures.set_index("measure").loc[shrunk["measure"]].set_axis(shrunk.index)
    capex, yearly, saving = _money(rows, shrunk["reduced_ktpa"])
    alone = shrunk.assign(
        option=shrunk["plant"] + "/" + shrunk["stream"] + "/" + shrunk["measure"] + "/full",
        technology=shrunk["measure"],
        size="full",
        stream_share=1.0,
        heat_source="",
        heat_efficiency_share=1.0,
        fuel=NO_FUEL,
        last_year=NO_VINTAGE,
        is_extrapolated=False,
        capture_capex_mn=capex,
        fixed_om_mn_pa=yearly,
        saving_mn_pa=saving,
        fixed_om_share=rows["fixed_om_share"],
        life_yr=rows["life_yr"],
        **{name: rows[name] for name in _LIFE},
    )
    alone = alone.assign(**dict.fromkeys(columns.difference(alone.columns), 0.0))
    return alone[list(columns)]


def _money(rows: pd.DataFrame, reduced_ktpa: pd.Series) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Capital, fixed O&M less saving, and saving a year, million: kt/y × money per t/y."""
    capex, saving = (rows[name] * reduced_ktpa / 1000.0 for name in ("capex_per_tpa", "saving_per_t"))
    return capex, capex * rows["fixed_om_share"] - saving, saving


def options_of(
    scenario: Scenario, inputs: Inputs, level: PriceLevel, streams: pd.DataFrame, candidates: pd.DataFrame
) -> pd.DataFrame:
    """Options of the candidates' streams with capex (total overnight cost) and fixed O&M."""
    technologies = _technologies(scenario, inputs)
    sources = inputs["technologies/heat_sources"]
    sources = sources[sources["heat_source"].isin(scenario.capture.heat_sources)]
    measures = measures_of(scenario, inputs, level)
    shared = shared_streams(streams).assign(measure="", reduced_ktpa=0.0) if scenario.capture.shared_absorbers else None
    streams = measured_streams(streams, measures)
    if shared is not None:
        streams = pd.concat([streams, shared], ignore_index=True)
    options = capture_options(
        streams, technologies, inputs["technologies/heat"], inputs["technologies/sizes"], sources, train_of(inputs)
    )
    wasted = options["plant"].map(waste_heat_of(scenario, inputs, candidates))
    options = options[(options["heat_source"] != WASTE_HEAT) | (wasted > 0)].reset_index(drop=True)
    of_option = pd.MultiIndex.from_frame(options[["technology", "vintage"]])
    rows = technologies.set_index(["technology", "vintage"]).loc[of_option].set_axis(options.index)
    law = inputs["technologies/concentration_capex"].iloc[0]
    dilute = concentration_factor(
        options["co2_share"].where(options["grade"] == "flue_gas", 1.0),
        rows["reference_co2_share"].fillna(1.0),
        scaled_share=rows["co2_scaled_share"].fillna(law["co2_scaled_share"]).to_numpy(float),
        law_reference_share=law["reference_co2_share"],
        exponent=rows["gas_exponent"].fillna(law["gas_exponent"]).to_numpy(float),
    )
    small = small_train_factor(
        options["nameplate_ktpa"] / options["n_trains"], rows["smallest_train_ktpa"], rows["scale_exponent"]
    )
    options["concentration_factor"] = np.where(options["grade"] == "flue_gas", dilute, 1.0)
    options["small_train_factor"] = small
    # Capital of capture by province or country; 1 without a row.
    located = inputs["technologies/location_factors"].set_index("province")["capex_factor"]
    factor = options["plant"].map(candidates.set_index("plant")["province"]).map(located).fillna(1.0).astype(float)
    options["reference_capex_per_tpa"] = level.column(rows, "capex_per_tpa") * factor
    options["capex_per_tpa"] = options["reference_capex_per_tpa"] * options["concentration_factor"] * small
    options["capture_capex_mn"] = options["capex_per_tpa"] * options["nameplate_ktpa"] / 1000.0
    options["fixed_om_share"] = rows["fixed_om_share"]
    options["fixed_om_mn_pa"] = options["capture_capex_mn"] * rows["fixed_om_share"]
    options["saving_mn_pa"] = 0.0
    options["variable_om_per_t"] = level.column(rows, "variable_om_per_t")
    options["given_co2_t_per_t"] = 0.0
    options = with_measure_costs(options, measures)
    options = _drop_idle_sharing(scenario, options)
    others = (measures_alone(streams, measures, options.columns), _given_options(inputs, level, candidates))
    options = pd.concat([options, *(each for each in others if len(each))], ignore_index=True)
    if scenario.pays_by_start:
        options = split_by_start(options, scenario.starts)
    options["tasc_factor"] = tasc_factor(
        inputs["costs/build_up"], options["grade"].where(options["nameplate_ktpa"] > 0)
    )
    about = candidates.set_index("plant")[["province", "sector", "grid", "lat_deg", "lon_deg", "closing_year"]]
    return options.join(about, on="plant").sort_values("option", kind="stable").reset_index(drop=True)


def train_of(inputs: Inputs) -> Train:
    """Return the compressor of technologies/compression (first row)."""
    row = inputs["technologies/compression"].iloc[0]
    return Train(
        n_stages=int(row["n_stages"]),
        stage_efficiency_share=float(row["stage_efficiency_share"]),
        pump_efficiency_share=float(row["pump_efficiency_share"]),
        motor_efficiency_share=float(row["motor_efficiency_share"]),
        cooler_c=float(row["cooler_deg"]),
        pump_from_mpa=float(row["pump_from_mpa"]),
        delivery_mpa=float(row["delivery_mpa"]),
    )


def _technologies(scenario: Scenario, inputs: Inputs) -> pd.DataFrame:
    """Selected technologies of sufficient readiness, one row a vintage."""
    table = inputs["technologies/technologies"]
    requested = table["technology"].isin(scenario.capture.technologies)
    ready = table["readiness_level"] >= scenario.capture.readiness_min
    offered = table[requested & ready]
    if scenario.is_static:  # a representative year offers every technology, one of later years at the cost of its first
        offered = offered.assign(first_year=offered["first_year"].clip(upper=scenario.starts[0]))
    return vintages(offered, scenario.starts)


def _drop_idle_sharing(scenario: Scenario, options: pd.DataFrame) -> pd.DataFrame:
    """Drop shared units that separate units dominate.

    Separate units dominate if they capture the same tonnes with no more cost and heat. Shared units stay if builds are
    limited, or if pipes are not shared.
    """
    shared = is_shared(options["stream"]).to_numpy(bool)
    if not shared.any() or scenario.capture.max_builds_per_year is not None or not scenario.transport.shared_trunklines:
        return options
    like = ["plant", "technology", "vintage", "size", "heat_source"]
    options["heat_tj_pa"] = options["heat_gj_per_t"] * options["nameplate_ktpa"]
    sums = ["capture_capex_mn", "heat_tj_pa"]
    members = covered_rows(options[shared]).assign(row=lambda each: np.flatnonzero(shared)[each["row"]])
    members = members.join(options[[name for name in like if name != "plant"]], on="row")
    single = options[~shared & (options["measure"] == "")]
    alone = members.merge(single, on=[*like, "stream"], how="left").groupby("row")[sums].sum(min_count=1)
    together = options.loc[alone.index, sums]
    gains = (together < alone * (1.0 - 1e-9)).any(axis=1)
    return options.drop(index=gains.index[~gains]).drop(columns="heat_tj_pa").reset_index(drop=True)


def waste_heat_of(scenario: Scenario, inputs: Inputs, plants: pd.DataFrame) -> dict[str, float]:
    """Return the steam that each plant's waste heat can raise, TJ/y; empty if waste heat is not a heat source."""
    if WASTE_HEAT not in scenario.capture.heat_sources:
        return {}
    return dict(zip(plants["plant"], waste_heat_tj_pa(plants, inputs), strict=True))


# Columns of options that are 0 for plants with given costs.
_NO_ENERGY = (
    "power_kwh_per_t", "compression_kwh_per_t", "process_kwh_per_t", "heat_kwh_per_t", "used_t_water_per_t",
    "heat_gj_per_t", "fuel_t_per_gj", "reduced_ktpa", "min_load_share",
)  # fmt: skip


def _given_options(inputs: Inputs, level: PriceLevel, candidates: pd.DataFrame) -> pd.DataFrame:
    """Return the single option of each source with capital, yearly and per-tonne cost of its own."""
    table = inputs["plants/sources"]
    table = table[table["plant"].isin(candidates["plant"]) & (table["sector"] == "")].reset_index(drop=True)
    if table.empty:
        return pd.DataFrame()
    names = ("capture_capex_mn", "fixed_om_mn_pa", "capture_cost_per_t")
    capex, om, per_t = (level.column(table, name) for name in names)
    capex_per_tpa = capex * 1000.0 / table["co2_ktpa"].where(table["co2_ktpa"] > 0, np.nan)
    return pd.DataFrame(
        {
            "option": table["plant"] + "/all/given/full",
            "plant": table["plant"],
            "stream": "all",
            "grade": "given",
            "co2_ktpa": table["co2_ktpa"],
            "co2_share": np.nan,
            "lasting_share": 1.0,
            "technology": "given",
            "capture_rate_share": 1.0,
            **dict.fromkeys(_NO_ENERGY, 0.0),
            "heat_source": "",
            "heat_efficiency_share": 1.0,
            "fuel": NO_FUEL,
            **dict.fromkeys(("vintage", "first_year", "lead_yr"), 0),
            "measure": "",
            "last_year": NO_VINTAGE,
            "life_yr": table["life_yr"].fillna(20),
            "min_life_yr": 1,
            "size": "full",
            "nameplate_ktpa": table["co2_ktpa"],
            "is_extrapolated": False,
            **dict.fromkeys(("stream_share", "n_trains", "concentration_factor", "small_train_factor"), 1.0),
            **dict.fromkeys(("reference_capex_per_tpa", "capex_per_tpa"), capex_per_tpa),
            "capture_capex_mn": capex,
            "fixed_om_share": np.nan,
            "fixed_om_mn_pa": om,
            "saving_mn_pa": 0.0,
            "variable_om_per_t": per_t,
            "given_co2_t_per_t": 1.0 - table["avoided_per_captured_share"].fillna(1.0),
        }
    )


def shared_routes(options: pd.DataFrame) -> pd.DataFrame:
    """Return every option once, without its own pipe: its CO₂ enters the network at its plant."""
    routes = options.assign(
        straight_km=0.0,
        length_km=0.0,
        cost_factor=1.0,
        injection_cost_per_t=0.0,
        eor_revenue_per_t=0.0,
        pipe="shared",
        n_lines=0.0,
        pipe_life_yr=options["life_yr"],
        pipe_capex_mn=0.0,
        pipe_om_mn_pa=0.0,
        booster_kwh_per_t=0.0,
        n_wells=0.0,
        **dict.fromkeys((*SITE_MONEY, *WELL_MONEY), 0.0),
        storage_life_yr=options["life_yr"],
        capex_mn=options["capture_capex_mn"],
        site="",
    )
    routes.insert(0, "route", options["option"].astype(str))
    return routes.sort_values("route", kind="stable").reset_index(drop=True)


# Capital of an option with its own pipe, injection site and wells.
OWN_CAPEX = ("capture_capex_mn", "pipe_capex_mn", "site_capex_mn", "well_capex_mn")
_OF_SITE = (
    *SITE_MONEY, *WELL_MONEY, "injection_cost_per_t", "eor_revenue_per_t", "well_injectivity_ktpa", "n_wells_max",
)  # fmt: skip


def own_pipe_routes(
    scenario: Scenario,
    inputs: Inputs,
    level: PriceLevel,
    options: pd.DataFrame,
    candidates: pd.DataFrame,
    sites: pd.DataFrame,
) -> pd.DataFrame:
    """Return every option with its own pipe to each site in reach, its own wells and its own injection site.

    `storage.nearest_sites` or the row sites_in_reach of transport/limits offers each plant its nearest sites only.
    Sites without wells or capacity take no CO₂ and are not offered.
    """
    plants = candidates.reset_index(drop=True)
    sites = sites[(sites["injection_max_ktpa"] > 0) & (sites["capacity_kt"] > 0)]
    at_most = dict(zip(inputs["transport/limits"]["limit"], inputs["transport/limits"]["value"], strict=True))
    at_plant, at_site, straight_km = nearest_sites(
        plants,
        sites,
        scenario.storage.nearest_sites or int(at_most.get("sites_in_reach", len(sites))),
        scenario.storage.site_reach_km or inputs.limit("own_pipe_reach_km"),
    )
    links = pd.DataFrame(
        {
            "plant": plants["plant"].to_numpy()[at_plant],
            "site": sites["site"].to_numpy()[at_site],
            "straight_km": straight_km,
            "length_km": straight_km * scenario.transport.detour_factor,
            "cost_factor": _cost_factor(inputs, plants.iloc[at_plant], sites.iloc[at_site]),
            **{name: sites[name].to_numpy()[at_site] for name in _OF_SITE},
            "storage_life_yr": sites["life_yr"].to_numpy()[at_site],
        }
    )
    # A measure alone sends no CO₂.
    is_silent = options["technology"] == options["measure"]
    silent = shared_routes(options[is_silent])
    routes = options[~is_silent].merge(links, on="plant")
    routes.insert(0, "route", routes["option"].astype(str) + "@" + routes["site"].astype(str))
    routes = routes.sort_values("route", kind="stable").reset_index(drop=True)
    own = pipe_costs_of(scenario, inputs, level).own_pipes(
        routes["nameplate_ktpa"], routes["length_km"], routes["cost_factor"]
    )
    routes = routes.assign(
        pipe=own["pipe"],
        n_lines=own["n_lines"],
        pipe_life_yr=own["life_yr"],
        pipe_capex_mn=own["capex_mn"],
        pipe_om_mn_pa=own["om_mn_pa"],
        booster_kwh_per_t=own["kwh_per_t"],
    )
    routes["n_wells"] = wells_for(
        routes["nameplate_ktpa"], routes.pop("well_injectivity_ktpa"), routes.pop("n_wells_max")
    )
    for name in WELL_MONEY:
        routes[name] = routes[name] * routes["n_wells"]
    routes["capex_mn"] = routes[list(OWN_CAPEX)].sum(axis=1)
    if silent.empty:
        return routes
    return pd.concat([routes, silent], ignore_index=True).sort_values("route", kind="stable").reset_index(drop=True)


def _cost_factor(inputs: Inputs, plants: pd.DataFrame, sites: pd.DataFrame) -> Floats:
    """Cost of each pipe against flat land: terrain, or the offshore factor."""
    ends = (frame[name].to_numpy(float) for frame in (plants, sites) for name in ("lat_deg", "lon_deg"))
    terrain = Terrain.of(inputs).factor(*ends)
    return np.where(sites["is_offshore"].to_numpy(bool), inputs.limit("offshore_cost_factor"), terrain)


# Streams of one sector, split by furnace on request.

_OF_SECTOR = {"steel": steel_streams, "chemicals": chemical_streams, SOURCES: source_streams}


def streams_of(sector: str, plants: pd.DataFrame, scenario: Scenario, inputs: Inputs) -> pd.DataFrame:
    """Return the streams of operating plants of one sector."""
    streams = _OF_SECTOR[sector](plants, inputs)
    if scenario.plants.captive_units and sector in HELD_IN:
        every = inputs.plants_of(sector)
        every = every[is_operating(every)].reset_index(drop=True)
        all_streams = _OF_SECTOR[sector](every, inputs)
        held = all_streams[all_streams["stream"] == HELD_IN[sector]].groupby("plant")["co2_ktpa"].sum()
        captive = captive_streams(plants, streams, every, held, inputs)
        streams = pd.concat([streams, captive], ignore_index=True) if len(captive) else streams
    return stoves_by_furnace(streams, inputs) if scenario.plants.furnace_streams else streams


def with_notes(sector: str, plants: pd.DataFrame, scenario: Scenario, inputs: Inputs) -> pd.DataFrame:
    """Return the plants with notes on furnaces that are excluded, if stoves are split by furnace."""
    if sector != "steel" or not scenario.plants.furnace_streams:
        return plants
    message = retiring_stoves(plants, inputs)
    both = (plants["note"] != "") & (message != "")
    return plants.assign(note=plants["note"] + pd.Series("; ", plants.index).where(both, "") + message)
