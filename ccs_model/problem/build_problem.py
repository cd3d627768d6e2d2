"""Builds a Problem from Scenario and Inputs: plants, options with their pipes and sites, prices, and targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import fsum
from types import MappingProxyType

import numpy as np
import pandas as pd

from ccs_model.arguments import instance_of
from ccs_model.economics.prices import PriceLevel
from ccs_model.engineering.co2_transport import distances_km
from ccs_model.engineering.streams import is_operating, source_products
from ccs_model.errors import InfeasibleError, InputError, Issue, raise_issues
from ccs_model.inputs import Inputs
from ccs_model.inputs.cells import nearest_hint
from ccs_model.inputs.changed_tables import issues_of_changed_tables
from ccs_model.inputs.geography import are_in_china
from ccs_model.inputs.user_tables import INVENTORIES
from ccs_model.problem.applied_calibration import calibration_of, delivery_of, deployment_ceilings
from ccs_model.problem.candidate_network import corridor_rows, validate_sites_reachable
from ccs_model.problem.energy_costs import RoutePrices, grid_factors, line_power
from ccs_model.problem.link_costs import network_of
from ccs_model.problem.options import (
    drop_dominated_options,
    options_of,
    own_pipe_routes,
    shared_routes,
    streams_of,
    waste_heat_of,
    with_notes,
)
from ccs_model.problem.owner_accounts import accounts_of
from ccs_model.problem.problem import Problem, Target, calendar, is_in_group, paid_share, periods_of
from ccs_model.problem.scenario_names import amount_issues, name_issues, place_of, validate_tables
from ccs_model.problem.starts import Starts, name_without_vintage, starts_of
from ccs_model.problem.storage_sites import sites_of, stores_of
from ccs_model.scenario import Scenario
from ccs_model.scenario.fields import HOME, SOURCES
from ccs_model.scenario.sections import Costs, corridors_file

PLANT_COLUMNS = [
    "plant", "name", "name_zh", "sector", "product", "province", "grid", "lat_deg", "lon_deg", "status", "closing_year",
    "capacity_ktpa", "turnaround_from", "turnaround_until", "reference", "quality", "note",
]  # fmt: skip
NO_SITE = "no storage site in reach"
NO_LINK = "no candidate link leads to a storage site; transport/links may add one"
NO_WELLS = "no storage site in reach takes CO2"
EXCLUDED = "excluded by the scenario"
RETIRES, STREAMS_RETIRE = "announced to retire", "all capturable streams announced to retire"
CLOSED = "closes before the first period"
CLOSES = "closes before a retrofit reaches its minimum life"
WAITS_TOO_LONG = "closes too soon after its earliest start"
STARTS_TOO_LATE = "earliest start too late for the horizon"
SITES_TOO_LATE = "storage sites in reach open too late for the horizon"
# By the reason why a plant is not eligible, the scenario key that changes it.
REASON_KEYS = MappingProxyType(
    {
        EXCLUDED: "plants.exclude",
        RETIRES: "",
        STREAMS_RETIRE: "",
        "no capturable stream": "",
        "below the smallest size": "plants.min_emissions_ktpa",
        "no selected technology suits its streams": "capture.technologies",
        NO_SITE: "storage.site_reach_km",
        NO_LINK: "",
        NO_WELLS: "",
        CLOSED: "",
        CLOSES: "",
        WAITS_TOO_LONG: "plants.not_before",
        STARTS_TOO_LATE: "plants.not_before",
        SITES_TOO_LATE: "storage.not_before",
        "no turnaround in time for a retrofit to start": "",
        "nothing can start and work within the horizon": "years",
    }
)

# Cost factors (`costs.*`) act on the coefficients of a finished problem. The kinds are those of the workbook's live
# inputs: pump power, trucks and injection fees belong to O&M, so that a plan at new factors agrees with a workbook at
# the same factors. O&M as a share of capital is not capital.
_CAPEX, _OM, _OIL = "capex_factor", "om_factor", "oil_factor"
_OPTIONS = {
    _CAPEX: ("reference_capex_per_tpa", "capex_per_tpa", "capture_capex_mn"),
    _OM: ("fixed_om_mn_pa", "variable_om_per_t"),
}
_SITES = {
    _CAPEX: ("site_capex_mn", "well_capex_mn"),
    _OM: (
        "site_om_mn_pa", "monitoring_mn_pa", "closure_mn", "post_injection_mn", "well_om_mn_pa", "injection_cost_per_t",
    ),
    _OIL: ("eor_revenue_per_t",),
}  # fmt: skip
_ROUTES = {
    _CAPEX: (*_OPTIONS[_CAPEX], *_SITES[_CAPEX], "pipe_capex_mn", "capex_mn"),
    _OM: (*_OPTIONS[_OM], *_SITES[_OM], "pipe_om_mn_pa"),
    _OIL: ("eor_revenue_per_t",),
}
_LINES = {_CAPEX: ("fixed_mn", "slope_mn_per_ktpa"), _OM: ("om_mn_per_ktpa", "haul_per_t")}
_COSTS_PER_T = {
    "capture_variable_om": _OM, "heat": "energy_factor", "capture_power": "energy_factor", "pipe_power": _OM,
    "storage": _OM, "oil_revenue": _OIL,
}  # fmt: skip


def build_problem(
    scenario: Scenario, inputs: Inputs, *, keep_dominated: bool = False, least_bound_ktpa: float = 0.0
) -> Problem:
    """Return the problem that a scenario states.

    Parameters
    ----------
    scenario
        The scenario.
    inputs
        Its tables, from `load_inputs`.
    keep_dominated
        Keep dominated source–sink options, for studies that change prices later.
    least_bound_ktpa
        Nameplate of a plan of another budget, for which shared pipes and sites are large enough as well.

    Returns
    -------
    Problem
        Sets and coefficients in canonical units (kt, million of the scenario's currency and price year, km).

    Raises
    ------
    InputError
        For names that the tables do not contain, and for a table of `inputs` that was changed and is invalid.
    InfeasibleError
        If no retrofit can contribute to a target.
    """
    instance_of("scenario", scenario, Scenario, "a Scenario", "read_scenario(path) reads one")
    instance_of("inputs", inputs, Inputs, "Inputs", "load_inputs(scenario) reads them")
    raise_issues(issues_of_changed_tables(inputs))
    level = PriceLevel.of(scenario.currency, scenario.price_year, inputs)
    validate_tables(scenario, inputs)
    raise_issues([*name_issues(scenario, inputs), *amount_issues(scenario, inputs)])
    calibrated = calibration_of(scenario, inputs)
    plants, streams = _plants_and_streams(scenario, inputs)
    if plants.empty:
        raise InputError([_no_plants_issue(scenario)])
    periods = periods_of(scenario)
    candidates = plants[plants["is_candidate"]]
    options = options_of(scenario, inputs, level, streams[streams["plant"].isin(candidates["plant"])], candidates)
    delivered_share, options["relative_delivery"] = delivery_of(scenario, inputs, calibrated, options)
    sites = sites_of(scenario, inputs, level)
    stores = None
    if scenario.transport.shared_trunklines:
        stores = stores_of(sites, inputs, level)
        linked = candidates[candidates["plant"].isin(set(options["plant"]))]
        network = network_of(
            scenario, inputs, level, options, linked, sites, delivered_share, least_bound_ktpa=least_bound_ktpa
        )
        validate_sites_reachable(scenario, inputs, network, linked, sites)
        routes = shared_routes(options[options["plant"].isin(network.plants_with_a_site())])
    else:
        network = None
        routes = own_pipe_routes(scenario, inputs, level, options, candidates, sites)
    if corridors_file(scenario) is not None:
        corridor_rows(scenario, inputs, [] if network is None else list(network.links["link"]))
    # Factors differ by kind of cost, and may reverse a dominance.
    if not keep_dominated and scenario.costs == Costs():
        kept = drop_dominated_options(scenario, inputs, level, routes, periods)["route"]
        named = {name_without_vintage(name) for name in scenario.plants.committed}
        is_named = routes["route"].map(name_without_vintage).isin(named) if named else False
        routes = routes[routes["route"].isin(kept) | is_named].reset_index(drop=True)
    starts = starts_of(scenario, inputs, plants, streams, routes, periods)
    unlinked = _reasons_without_route(scenario, inputs, plants, sites)
    left_out = plants[_is_excluded_only(scenario, plants) & (unlinked == NO_LINK)]
    excluded = None
    if len(left_out) and calibrated is not None and calibrated.has_ceiling:
        excluded = options_of(scenario, inputs, level, streams[streams["plant"].isin(left_out["plant"])], left_out)
    plants = _mark_dead_ends(scenario, plants, options, routes, starts, unlinked)
    shared = set() if network is None else set(sites["province"][sites["site"].isin(network.node_of_site)])
    _validate_groups(scenario, plants, shared)
    targets = _targets_of(scenario, plants)
    works = starts.running.any(axis=(1, 2)) & (routes["technology"] != routes["measure"]).to_numpy(bool)
    _validate_required_plants(scenario, plants, set(routes["plant"][works]))
    grid = grid_factors(scenario, inputs, calendar(periods))
    priced = RoutePrices(scenario, inputs, level, routes, periods, grid)
    line_power_per_t, line_co2 = (
        line_power(network, priced.power, grid, periods) if network is not None else (None, None)
    )
    problem = Problem(
        scenario=scenario,
        inputs=inputs,
        name=scenario.name,
        objective=scenario.objective,
        is_integer=scenario.capture.decisions == "integer",
        currency=scenario.currency,
        price_year=scenario.price_year,
        discount_rate=scenario.discount_rate,
        first_year=scenario.starts[0],
        horizon_end=scenario.horizon_end,
        plants=plants,
        streams=streams,
        options=options,
        routes=routes,
        sites=sites,
        periods=periods,
        zones=tuple(sorted(set(plants["province"]))),
        running_share=starts.running,
        unit_life_yr=np.maximum(starts.lasts, 1.0),
        unit_used_yr=scenario.horizon_end - periods["year"].to_numpy() - starts.lead_yr[:, None],
        years_after_horizon=np.maximum(starts.ends - scenario.horizon_end, 0.0)
        * starts.may_start
        * (not scenario.is_static),
        fuel_co2_t_per_t=priced.fuel_co2_t_per_t,
        capture_power_t_per_t=priced.capture_power_t_per_t,
        booster_power_t_per_t=priced.booster_power_t_per_t,
        cost_per_t=MappingProxyType(priced.cost_per_t),
        accounts=accounts_of(
            scenario,
            inputs,
            level,
            routes,
            calendar(periods),
            () if network is None else {*network.links["province"], *sites["province"]},
            paid_share(scenario.policy, periods, starts.lead_yr, starts.ends, starts.running)
            if scenario.pays_by_start
            else None,
        ),
        network=network,
        stores=stores,
        line_power_per_t=line_power_per_t,
        line_power_co2_t_per_t=line_co2,
        power_per_kwh=priced.power,
        steam_per_gj=priced.steam,
        grid_kg_per_kwh=grid,
        budget_mn=np.inf if scenario.budget.total_mn is None else scenario.budget.total_mn,
        cumulative_mn=MappingProxyType(dict(sorted(scenario.budget.cumulative_mn.items()))),
        max_builds_per_year=scenario.capture.max_builds_per_year,
        max_fill_share=scenario.storage.max_fill_share,
        require=tuple(sorted(scenario.plants.require)),
        committed=starts.committed,
        targets=targets,
        share_of_avoided_min=MappingProxyType(dict(scenario.targets.share_of_avoided_min)),
        shortfall_per_t=scenario.targets.shortfall_per_t,
        waste_heat_tj_pa=MappingProxyType(waste_heat_of(scenario, inputs, candidates)),
        delivered_share=delivered_share,
        calibrated=calibrated,
        deployment_ceiling_ktpa=MappingProxyType(
            deployment_ceilings(calibrated, routes, periods, scenario.is_static, excluded)
        ),
        province_budget_mn=MappingProxyType(dict(scenario.budget.by_province_mn)),
    )
    _validate_reachable_targets(problem)
    return _with_cost_factors(problem)


def _plants_and_streams(scenario: Scenario, inputs: Inputs) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Operating plants of the zones, each marked candidate or with the reason why it is none, and their streams."""
    parts, streams = [], []
    for sector in INVENTORIES:
        table = inputs.plants_of(sector)
        table = table[table["inventory"].isin(scenario.plants.inventory)]
        if table.empty:
            continue
        inside = table["province"].isin(scenario.plants.provinces) | (len(scenario.plants.provinces) == 0)
        table = table[inside & is_operating(table)].sort_values("plant", kind="stable").reset_index(drop=True)
        streams.append(streams_of(sector, table, scenario, inputs))
        table = with_notes(sector, table, scenario, inputs)
        if sector == "steel":
            table = table.assign(product="crude_steel", capacity_ktpa=table["crude_steel_ktpa"].fillna(0.0))
        table = source_products(table, inputs) if sector == SOURCES else table.assign(sector=sector)
        parts.append(table[PLANT_COLUMNS])
    if not parts:
        raise InputError([Issue(place_of(scenario, "plants.inventory"), "names tables without plants")])
    plants = pd.concat(parts, ignore_index=True).sort_values("plant", kind="stable").reset_index(drop=True)
    all_streams = pd.concat(streams, ignore_index=True).sort_values(["plant", "stream"]).reset_index(drop=True)
    totals = all_streams.groupby("plant")["co2_ktpa"].sum()
    plants["baseline_ktpa"] = plants["plant"].map(totals).fillna(0.0)
    capturable = all_streams[all_streams["grade"] != "none"]
    offered = (capturable["co2_ktpa"] * capturable["lasting_share"]).groupby(capturable["plant"]).sum()
    plants["capturable_ktpa"] = plants["plant"].map(offered).fillna(0.0)
    small = plants["baseline_ktpa"] < scenario.plants.min_emissions_ktpa
    none_lasts = plants["plant"].isin(set(capturable["plant"])) & (plants["capturable_ktpa"] <= 0)
    plants["reason"] = np.select(
        [
            plants["plant"].isin(scenario.plants.excluded),
            plants["status"] != "operating",
            none_lasts,
            plants["capturable_ktpa"] <= 0,
            small,
        ],
        [EXCLUDED, RETIRES, STREAMS_RETIRE, "no capturable stream", "below the smallest size"],
        default="",
    )
    for plant, why in scenario.plants.excluded.items():
        if why:
            plants.loc[plants["plant"] == plant, "reason"] = f"{EXCLUDED}: {why}"
    plants["is_candidate"] = plants["reason"] == ""
    return plants, all_streams


def _is_excluded_only(scenario: Scenario, plants: pd.DataFrame) -> pd.Series:
    """Whether a plant would be a candidate if the scenario did not exclude it."""
    could = (plants["status"] == "operating") & (plants["capturable_ktpa"] > 0)
    return (
        could
        & (plants["baseline_ktpa"] >= scenario.plants.min_emissions_ktpa)
        & plants["plant"].isin(scenario.plants.excluded)
    )


def _validate_required_plants(scenario: Scenario, plants: pd.DataFrame, captures: set[str]) -> None:
    """Raise if a required plant cannot be retrofitted; `captures` are plants at which a capture unit can work."""
    reasons = plants.set_index("plant")["reason"]
    # A measure alone is no retrofit.
    without_capture = ~plants["plant"].isin(captures).to_numpy(bool)
    reasons = reasons.mask((reasons == "") & without_capture, "no capture unit can start and work within the horizon")
    elsewhere = "not operating, or outside the selected provinces and inventories"
    raise_issues(
        Issue(place_of(scenario, f"plants.require[{i}]"), f"plant '{plant}' cannot be retrofitted: {why}")
        for i, plant in enumerate(scenario.plants.require)
        if (why := reasons.get(plant, elsewhere))
    )


def _mark_dead_ends(
    scenario: Scenario,
    plants: pd.DataFrame,
    options: pd.DataFrame,
    routes: pd.DataFrame,
    starts: Starts,
    without_route: np.ndarray,
) -> pd.DataFrame:
    """Plants with the reason why a candidate has no way to capture and store within the horizon."""
    candidate, closes = plants["is_candidate"], plants["closing_year"].notna()
    idle = candidate & ~plants["plant"].isin(set(routes["plant"][starts.running.any(axis=(1, 2))]))
    unlinked = candidate & ~plants["plant"].isin(set(routes["plant"]))
    unsuited = candidate & ~plants["plant"].isin(set(options["plant"]))
    reason = plants["reason"].mask(idle, "nothing can start and work within the horizon")
    is_late, site_is_late = (plants["plant"].isin(each) for each in (starts.delayed, starts.waits_for_site))
    reason = reason.mask(idle & site_is_late, SITES_TOO_LATE)
    reason = reason.mask(idle & is_late, STARTS_TOO_LATE)
    reason = reason.mask(idle & plants["plant"].isin(starts.waits), "no turnaround in time for a retrofit to start")
    reason = reason.mask(idle & closes & ~site_is_late, CLOSES)
    reason = reason.mask(idle & closes & is_late, WAITS_TOO_LONG)
    reason = reason.mask(candidate & (plants["closing_year"] <= scenario.starts[0]), CLOSED)
    reason = reason.mask(unlinked, without_route)
    reason = reason.mask(unsuited, "no selected technology suits its streams")
    return plants.assign(reason=reason, is_candidate=reason == "")


def _reasons_without_route(scenario: Scenario, inputs: Inputs, plants: pd.DataFrame, sites: pd.DataFrame) -> np.ndarray:
    """Why each plant would have no way to a site: none in reach, none there that takes CO₂, or no link to one."""
    reach_km = scenario.storage.site_reach_km or inputs.limit(
        "site_reach_km" if scenario.transport.shared_trunklines else "own_pipe_reach_km"
    )
    is_near = distances_km(sites, plants) <= reach_km
    takes = ((sites["injection_max_ktpa"] > 0) & (sites["capacity_kt"] > 0)).to_numpy(bool)
    otherwise = np.where(is_near.any(axis=0), NO_WELLS, NO_SITE)
    return np.where(is_near[takes].any(axis=0), NO_LINK, otherwise).astype(object)


# Cost factors of the scenario.


def _with_cost_factors(problem: Problem) -> Problem:
    """Return the problem with the cost factors of its scenario; the same problem if all are 1."""
    costs = problem.scenario.costs
    if costs == Costs():
        return problem
    om_per_capex = costs.om_factor / costs.capex_factor
    network = problem.network
    if network is not None:
        lines = _scale_columns(network.lines, _LINES, costs)
        network = replace(network, lines=lines.assign(om_share=lines["om_share"] * om_per_capex))
    tables = {
        name: table.assign(fixed_om_share=table["fixed_om_share"] * om_per_capex)
        for name, table in (
            ("options", _scale_columns(problem.options, _OPTIONS, costs)),
            ("routes", _scale_columns(problem.routes, _ROUTES, costs)),
        )
    }
    stores, power = problem.stores, problem.line_power_per_t
    return replace(
        problem,
        **tables,
        sites=_scale_columns(problem.sites, _SITES, costs),
        stores=None if stores is None else _scale_columns(stores, {_OM: ("variable_per_t",)}, costs),
        network=network,
        cost_per_t=MappingProxyType(
            {name: cost * getattr(costs, _COSTS_PER_T[name]) for name, cost in problem.cost_per_t.items()}
        ),
        line_power_per_t=None if power is None else power * costs.om_factor,
    )


def _scale_columns(table: pd.DataFrame, columns: Mapping[str, tuple[str, ...]], costs: Costs) -> pd.DataFrame:
    """The table with its columns multiplied by their factor."""
    changed = {
        name: table[name].astype(float) * getattr(costs, factor) for factor, names in columns.items() for name in names
    }
    return table.assign(**changed)


# Targets in tonnes, relative to plant baselines.


def _targets_of(scenario: Scenario, plants: pd.DataFrame) -> tuple[Target, ...]:
    """Return all targets of the scenario in tonnes, sorted by key."""
    found = []
    for key, group, cut in scenario.targets.abatement_targets():
        baseline = float(plants.loc[is_in_group(plants, group), "baseline_ktpa"].sum())
        for year, share in cut.abatement_share.items():
            found.append(Target(f"{key}.abatement_share.{year}", group, year, share * baseline, baseline))
        for year, required in cut.avoided_ktpa.items():
            found.append(Target(f"{key}.avoided_ktpa.{year}", group, year, required, baseline))
        if cut.cumulative_avoided_kt is not None:
            found.append(Target(f"{key}.cumulative_avoided_kt", group, None, cut.cumulative_avoided_kt, baseline))
    if scenario.targets.captured_ktpa is not None:
        required, last = scenario.targets.captured_ktpa, scenario.starts[-1]
        found.append(Target("targets.captured_ktpa", "", last, required, required, "captured"))
    return tuple(sorted(found, key=lambda target: target.key))


def _validate_reachable_targets(problem: Problem) -> None:
    """Raise InfeasibleError if no retrofit can contribute to a target that has no price for its shortfall.

    No retrofit contributes if none can operate in the target's year and group, or if none of these avoids CO₂. The row
    of such a target may be empty, so the check precedes the model.
    """
    if problem.shortfall_per_t is not None:
        return
    works = np.any(problem.running_share > 0, axis=1)
    avoids = works & ((problem.avoided_t_per_t > 0) | (problem.reduced_ktpa[:, None] > 0))
    unreachable = []
    for target in problem.targets:
        inside = problem.routes_of(target.group)
        at = slice(None) if target.year is None else problem.years.index(target.year)
        here, serves = (each[inside][:, at] for each in (works, avoids))
        if target.required > 0 and not (here if target.measure == "captured" else serves).any():
            why = "no retrofit there avoids any CO2" if here.any() else "no retrofit can operate there"
            when = "" if target.year is None else f" in the period from {target.year}"
            nothing = "0 kt/y" if target.measure == "captured" else "0.00%" if target.year is not None else "0 kt"
            unreachable.append(f"{target.key}: {why}{when}; {nothing} would restore feasibility")
    if unreachable:
        raise InfeasibleError(unreachable)


def _no_plants_issue(scenario: Scenario) -> Issue:
    """What is wrong with a scenario that no operating plant belongs to."""
    chosen = scenario.plants
    where = f" in {', '.join(chosen.provinces)}" if chosen.provinces else ""
    what = f"no operating plant of {', '.join(map(str, chosen.inventory))}{where}"
    return Issue(
        place_of(scenario, "plants"), what, "choose other provinces or inventories; ccs-model data lists those shipped"
    )


def _validate_groups(scenario: Scenario, plants: pd.DataFrame, of_sites: set[str]) -> None:
    """Raise if a target, share or budget names a province or sector without operating plants, a budget without sites.

    Minimum shares need plants that can be retrofitted, and sum to 1 at most.
    """
    there = sorted({*plants["province"], *plants["sector"]})
    issues = []
    is_here = {*of_sites, *([HOME] if are_in_china(plants["province"]).any() else [])}
    for key, group in _groups(scenario):
        is_budget = key.startswith("budget.")
        if group not in there and not (is_budget and group in is_here):
            hint = nearest_hint(group, there, f"with plants: {', '.join(there[:12])}")
            what = "operating plant or shared storage site" if is_budget else "operating plant"
            issues.append(Issue(place_of(scenario, key), f"{key}: '{group}' has no {what} here", hint))
    candidates = plants[plants["is_candidate"]]
    fitting = {*candidates["province"], *candidates["sector"]}
    shares = scenario.targets.share_of_avoided_min
    key = "targets.share_of_avoided_min"
    for group, share in shares.items():
        if share > 0 and group in there and group not in fitting:
            where = place_of(scenario, f"{key}.{group}")
            issues.append(Issue(where, f"{key}.{group}: no plant of '{group}' is eligible", "sheet Plants says why"))
    for kind in ("province", "sector"):
        together = fsum(share for group, share in shares.items() if group in set(plants[kind]))
        if together > 1 + 1e-9:
            issues.append(
                Issue(place_of(scenario, key), f"{key}: the shares of each {kind} sum to {together:.0%}", "at most 1")
            )
    raise_issues(issues)


def _groups(scenario: Scenario) -> Iterator[tuple[str, str]]:
    targets, budget = scenario.targets, scenario.budget
    for key, groups in (
        ("targets.by_province", targets.by_province),
        ("targets.by_sector", targets.by_sector),
        ("targets.share_of_avoided_min", targets.share_of_avoided_min),
        ("budget.by_province_mn", budget.by_province_mn),
    ):
        yield from ((f"{key}.{name}", name) for name in groups)
