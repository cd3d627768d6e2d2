"""Options with their capital and fixed cost, and the routes by which their CO₂ leaves."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model.economics.capital import concentration_factor, pipe_cost, small_train_factor
from ccs_model.economics.price_level import PriceLevel
from ccs_model.engineering.capture import capture_options
from ccs_model.engineering.transport import flow_tph, nearest_sites
from ccs_model.inputs import Inputs
from ccs_model.scenario import Scenario


def options_of(
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
    options["given_co2_t_per_t"] = 0.0
    options = pd.concat([options, _given_options(inputs, level, candidates)], ignore_index=True)
    about = candidates.set_index("plant")[["province", "sector", "grid", "lat_deg", "lon_deg", "closing_year"]]
    return options.join(about, on="plant").sort_values("option", kind="stable").reset_index(drop=True)


def _given_options(inputs: Inputs, level: PriceLevel, candidates: pd.DataFrame) -> pd.DataFrame:
    """The one option of every plant of plants/sources: its capital, its yearly cost and its cost a tonne are given."""
    table = inputs["plants/sources"]
    table = table[table["plant"].isin(candidates["plant"])].reset_index(drop=True)
    if table.empty:
        return pd.DataFrame()
    capex, om, per_t = (
        level.convert(table[name], table["currency"], table["price_year"])
        for name in ("capture_capex_mn", "fixed_om_mn_pa", "capture_cost_per_t")
    )
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
            "power_kwh_per_t": 0.0,
            "heat_gj_per_t": 0.0,
            "first_year": 0,
            "lead_yr": 0,
            "life_yr": table["life_yr"].fillna(20),
            "min_life_yr": 1,
            "min_load_share": 0.0,
            "size": "full",
            "stream_share": 1.0,
            "nameplate_ktpa": table["co2_ktpa"],
            "n_trains": 1.0,
            "is_extrapolated": False,
            "concentration_factor": 1.0,
            "small_train_factor": 1.0,
            "reference_capex_per_tpa": capex * 1000.0 / table["co2_ktpa"].where(table["co2_ktpa"] > 0, np.nan),
            "capex_per_tpa": capex * 1000.0 / table["co2_ktpa"].where(table["co2_ktpa"] > 0, np.nan),
            "capture_capex_mn": capex,
            "fixed_om_share": np.nan,
            "fixed_om_mn_pa": om,
            "variable_om_per_t": per_t,
            "given_co2_t_per_t": 1.0 - table["avoided_per_captured_share"].fillna(1.0),
        }
    )


def shared_routes(options: pd.DataFrame) -> pd.DataFrame:
    """Every option once, with no pipe of its own: its CO₂ enters the network at its plant."""
    routes = options.assign(
        straight_km=0.0,
        length_km=0.0,
        storage_cost_per_t=0.0,
        pipe="shared",
        n_lines=0.0,
        pipe_life_yr=options["life_yr"],
        pipe_capex_mn=0.0,
        pipe_om_mn_pa=0.0,
        booster_kwh_per_t=0.0,
        capex_mn=options["capture_capex_mn"],
        site="",
    )
    routes.insert(0, "route", options["option"].astype(str))
    return routes.sort_values("route", kind="stable").reset_index(drop=True)


def own_pipe_routes(
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
