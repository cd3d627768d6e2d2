"""Tables of a plan, computed from the decisions and the coefficients of Problem."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model._typing import Floats, Ints
from ccs_model.engineering.co2_transport import diameter_mm
from ccs_model.engineering.streams import OPERATING, product_output_ktpa
from ccs_model.mip import Matrix
from ccs_model.model.names import (
    ABOVE_FORWARD,
    ABOVE_REVERSE,
    ADDED_CAPACITY,
    CUMULATIVE_TARGET,
    FORWARD,
    PIPE,
    PIPE_FLOW,
    REVERSE,
    TARGET,
)
from ccs_model.model.terms import capex_mn
from ccs_model.plan.cost_sharing import CostSharing
from ccs_model.plan.decisions import BUILT, Point, sum_by_name
from ccs_model.plan.merit_order import CAPTURE_PARTS, DETAILS, STORAGE_PARTS, levelised_of
from ccs_model.plan.money import province_spending
from ccs_model.plan.owners import OWNERS_TOTALS, Owners
from ccs_model.plan.plan import TARGET_COLUMNS
from ccs_model.problem import Problem
from ccs_model.problem.build_problem import REASON_KEYS
from ccs_model.scenario.fields import is_file_name

LINK_COLUMNS = [
    "link", "kind", "from_node", "to_node", "year", "pipe", "length_km", "diameter_mm", "capacity_ktpa", "flow_ktpa",
    "peak_flow_ktpa", "built_mn",
]  # fmt: skip


def links_table(point: Point) -> pd.DataFrame:
    """Return one row a built or used link and period: capacity so far, and flow by direction.

    `built_mn` is spent in that period; `diameter_mm` is the inner diameter of a single pipe of that capacity, NaN with
    an existing pipeline, for which only the free capacity is known.
    """
    problem, network = point.problem, point.problem.network
    assert network is not None
    built, free = network.lines[network.built], network.lines[~network.built]
    spent_by_line, capacity_by_line = _built_lines(point)
    links = network.links["link"]
    spent = sum_by_name(links, built["link"], spent_by_line)
    free_ktpa = np.broadcast_to(free["free_ktpa"].to_numpy(float)[:, None], (len(free), len(problem.years)))
    by_line = np.concatenate([np.cumsum(capacity_by_line, axis=1), free_ktpa])
    capacity = sum_by_name(links, pd.concat([built["link"], free["link"]]), by_line)
    flow = point.decided[FORWARD] - point.decided[REVERSE]
    above_mean = point.decided[ABOVE_FORWARD] - point.decided[ABOVE_REVERSE]
    peak = np.maximum(np.abs(flow), np.abs(flow + above_mean))
    there = np.cumsum(spent, axis=1) > BUILT
    # The cost of a road follows its mean flow; one with a peak alone is not used.
    is_road = (network.links["kind"] == "truck").to_numpy()[:, None]
    used = there | (np.where(is_road, np.abs(flow), peak) > BUILT * max(float(peak.max(initial=0.0)), 1.0))
    names = _names_of_sizes(built, point.decided[PIPE], free)
    is_new = (network.links["kind"] == "pipe") & ~network.links["link"].isin(free["link"])
    rows = []
    for k, y in np.argwhere(used):
        link = network.links.iloc[k]
        forward = flow[k, y] >= 0
        capacity_ktpa = float(capacity[k, y])
        rows.append(
            (
                link["link"], link["kind"], link["node_a"] if forward else link["node_b"],
                link["node_b"] if forward else link["node_a"], problem.years[y],
                names.get((link["link"], int(y)), link["kind"]), link["length_km"],
                diameter_mm(capacity_ktpa) if is_new.iloc[k] else np.nan,
                capacity_ktpa, abs(float(flow[k, y])), float(peak[k, y]), float(spent[k, y]),
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=LINK_COLUMNS)


def pipe_vintages_table(point: Point) -> pd.DataFrame:
    """Return one row a link, pipe size and period of construction, with kt/y nameplate, diameter and capex in million.

    Existing pipelines and roads have a row without a period and diameter. The capex of a period's rows is the spending
    of the period on shared pipelines.
    """
    problem = point.problem
    assert problem.network is not None
    lines, years = problem.network.lines, pd.Series(problem.years, dtype=object)
    built, free = lines[problem.network.built], lines[~problem.network.built]
    capex, capacity = _built_lines(point)
    line, year = np.nonzero(capex > BUILT)
    new = built.iloc[line][["link", "pipe"]].assign(
        built_year=years.iloc[year].to_numpy(), capacity_ktpa=capacity[line, year], pipe_capex_mn=capex[line, year]
    )
    old = free[["link", "pipe"]].assign(built_year=None, capacity_ktpa=free["free_ktpa"], pipe_capex_mn=0.0)
    new, old = new.assign(diameter_mm=new["capacity_ktpa"].map(diameter_mm)), old.assign(diameter_mm=np.nan)
    table = pd.concat([old, new]) if len(old) else new
    return table.sort_values("link", kind="stable").reset_index(drop=True)


def _built_lines(point: Point) -> tuple[Floats, Floats]:
    """Return [line that can be built, start] capex in million, and kt/y nameplate.

    Trends have no included capacity, so their capacity is the added capacity.
    """
    network = point.problem.network
    assert network is not None
    built, pipe, added = network.lines[network.built], point.decided[PIPE], point.decided[ADDED_CAPACITY]
    fixed, slope, included = (
        built[names].min(axis=1).to_numpy(float)[:, None]
        for names in (["fixed_mn"], ["slope_mn_per_ktpa"], ["included_ktpa", "largest_ktpa"])
    )
    return fixed * pipe + slope * added, included * pipe + added


def _names_of_sizes(built: pd.DataFrame, pipe: np.ndarray, free: pd.DataFrame) -> dict[tuple[str, int], str]:
    """Sizes on each link by year, such as `large, small`; existing pipes and roads by their own names."""
    names: dict[tuple[str, int], str] = {}
    there = np.concatenate([np.cumsum(pipe, axis=1) > BUILT, np.ones((len(free), pipe.shape[1]), dtype=bool)])
    for line, row in zip(pd.concat([built, free]).itertuples(), there, strict=True):
        for y in np.flatnonzero(row).tolist():
            key = (str(line.link), y)
            names[key] = f"{names[key]}, {line.pipe}" if key in names else str(line.pipe)
    return names


# Energy per tonne captured: heat, and the parts of power.
ENERGY = ("heat_gj_per_t", "compression_kwh_per_t", "process_kwh_per_t", "heat_kwh_per_t")


def retrofits_table(point: Point, sharing: CostSharing | None) -> pd.DataFrame:
    """Return one row a retrofit (option and start), largest avoided first; tonnes are of the last period.

    With a shared network, `pipe_capex_mn` and `storage_capex_mn` are its parts of shared assets by use; `site` receives
    most of its CO₂, the share `site_share`, and `length_km` is the mean distance of its tonnes. Costs are those of a
    mean year of the last period, at the load of the plan; the last columns are its parts and the figures at full load.
    """
    problem = point.problem
    at, start = np.nonzero(point.build > BUILT)
    routes = problem.routes.iloc[at].reset_index(drop=True)
    share = point.build[at, start]
    # Builds of one option at several starts share its curtailment in proportion to their capture.
    own_full = problem.delivered_ktpa[at] * problem.running_share[at, start, -1] * share
    route_full = (problem.delivered_ktpa * point.running[:, -1])[at]
    part = np.divide(own_full, route_full, out=np.zeros_like(own_full), where=route_full > 0)
    captured = point.captured_ktpa[at, -1] * part
    part_of_route = np.divide(share, point.build.sum(axis=1)[at], out=np.zeros_like(share), where=share > 0)
    yearly = levelised_of(point, sharing, at, start, share, part_of_route, part)
    booster_kt = problem.booster_power_t_per_t[at, -1] * captured
    if sharing is None:
        site, site_share = routes["site"], np.ones(len(routes))
        length, pipe_capex = routes["length_km"], routes["pipe_capex_mn"] * share
        storage_capex = (routes["site_capex_mn"] + routes["well_capex_mn"]) * share
        closure = (routes["closure_mn"] + routes["post_injection_mn"]) * share * (not problem.is_static)
    else:
        booster_kt = booster_kt + sharing.power_co2_ktpa[at, -1] * part
        paid = sharing.by_route.reindex(routes["route"]).fillna(0.0).reset_index(drop=True)
        main = sharing.main_site().reindex(routes["route"])
        site, site_share = main["site"].astype(object).fillna("").to_numpy(object), main["site_share"].to_numpy(float)
        length, pipe_capex = paid["path_km"], paid["pipe_capex_mn"] * part_of_route
        storage_capex = paid["storage_capex_mn"] * part_of_route
        closure = paid["storage_closure_mn"] * part_of_route
    reduced = problem.reduced_ktpa[at] * problem.running_share[at, start, -1] * share
    ends = end_years(problem, at, start)
    is_over = (yearly["operating_share"] == 0).to_numpy(bool)
    plants = problem.plants.set_index("plant").loc[routes["plant"]].reset_index()
    output_ktpa = product_output_ktpa(plants, problem.inputs)
    table = pd.DataFrame(
        {
            "plant": routes["plant"],
            "name": plants["name"],
            "name_zh": plants["name_zh"],
            "province": routes["province"],
            "sector": plants["sector"],
            "product": plants["product"],
            "stream": routes["stream"],
            "technology": routes["technology"],
            "size": routes["size"],
            "heat_source": routes["heat_source"],
            "year": np.array(problem.years)[start] if len(at) else np.array([], dtype=int),
            **({"end_year": ends} if ends.notna().any() else {}),
            "share": share,
            "site": site,
            "site_share": site_share,
            "length_km": length,
            "pipe": routes["pipe"],
            "co2_share": routes["co2_share"],
            "nameplate_ktpa": routes["nameplate_ktpa"] * share,
            **({"delivered_share": problem.delivered_share_of[at]} if problem.has_classes else {}),
            "captured_ktpa": captured,
            "fuel_co2_ktpa": captured * problem.fuel_co2_t_per_t[at, -1],
            "power_co2_ktpa": captured * problem.capture_power_t_per_t[at, -1] + booster_kt,
            **({"reduced_ktpa": reduced} if problem.has_measures else {}),
            "on_site_abatement_ktpa": captured * (1.0 - problem.fuel_co2_t_per_t[at, -1]) + reduced,
            "avoided_ktpa": captured * (1.0 - problem.fuel_co2_t_per_t - problem.capture_power_t_per_t)[at, -1]
            - booster_kt
            + reduced,
            "capture_capex_mn": routes["capture_capex_mn"] * share,
            "pipe_capex_mn": pipe_capex,
            "storage_capex_mn": storage_capex,
            "storage_closure_mn": closure,
            "capex_mn": routes["capture_capex_mn"] * share + pipe_capex + storage_capex,
            "cost_mn_pa": yearly["cost_mn_pa"],
            "capture_cost_per_t": yearly["capture_cost_per_t"],
            "avoidance_cost_per_t": yearly["avoidance_cost_per_t"],
            "product_cost_per_t": np.where(
                (output_ktpa > 0) & ~is_over,
                yearly["cost_mn_pa"] * 1000.0 / (output_ktpa * yearly["operating_share"]).where(output_ktpa > 0, 1.0),
                np.nan,
            ),
            "n_trains": routes["n_trains"],
            "is_extrapolated": routes["is_extrapolated"].astype(bool),
            **{name: routes[name] for name in ENERGY},
            "water_ktpa": captured * routes["used_t_water_per_t"],
            "route": routes["route"],
            **{name: yearly[name] for name in DETAILS},
        }
    )
    ordered = table.sort_values(["avoided_ktpa", "route", "year"], ascending=[False, True, True], kind="stable")
    return ordered.reset_index(drop=True)


def end_years(problem: Problem, at: Ints, start: Ints) -> pd.Series:
    """Return the last year in which each retrofit works; None if it works to the end of the horizon.

    `at` and `start` are rows of `problem.routes` and positions of start years.
    """
    ends = problem.horizon_end - (problem.unit_used_yr - problem.unit_life_yr)[at, start]
    years = [None if end >= problem.horizon_end or problem.is_static else int(end) - 1 for end in ends.tolist()]
    return pd.Series(years, dtype=object)


def flows_table(point: Point) -> pd.DataFrame:
    """Return one row a pipe and period with its flow."""
    problem = point.problem
    if problem.network is not None:
        return links_table(point)
    built = point.build.sum(axis=1)
    at, year = np.nonzero(point.captured_ktpa > BUILT)
    routes = problem.routes.iloc[at].reset_index(drop=True)
    return pd.DataFrame(
        {
            "plant": routes["plant"],
            "stream": routes["stream"],
            "site": routes["site"],
            "year": np.array(problem.years)[year] if len(at) else np.array([], dtype=int),
            "pipe": routes["pipe"],
            "n_lines": routes["n_lines"],
            "length_km": routes["length_km"],
            "capacity_ktpa": routes["nameplate_ktpa"] * built[at],
            "flow_ktpa": point.captured_ktpa[at, year],
            "peak_flow_ktpa": point.peak_captured_ktpa[at, year],
            "route": routes["route"],
        }
    )


def emissions_table(point: Point, sharing: CostSharing | None) -> pd.DataFrame:
    """Return one row a province, sector and period. Baselines are direct emissions; avoided includes grid emissions."""
    problem = point.problem
    base = problem.plants.groupby(["province", "sector"])["baseline_ktpa"].sum()
    sector = problem.plants.set_index("plant")["sector"]
    key = [problem.routes["province"].to_numpy(), problem.routes["plant"].map(sector).to_numpy()]
    shared = np.zeros_like(point.captured_ktpa) if sharing is None else sharing.power_co2_ktpa
    rows = []
    for y, year in enumerate(problem.years):
        captured = point.captured_ktpa[:, y]
        amounts = pd.DataFrame(
            {
                "captured_ktpa": captured,
                "fuel_co2_ktpa": captured * problem.fuel_co2_t_per_t[:, y],
                "power_co2_ktpa": captured * (problem.capture_power_t_per_t + problem.booster_power_t_per_t)[:, y]
                + shared[:, y],
            }
        )
        amounts["on_site_abatement_ktpa"] = amounts["captured_ktpa"] - amounts["fuel_co2_ktpa"]
        if problem.has_classes:
            amounts["designed_ktpa"] = captured / problem.delivered_share_of
        if problem.has_measures:
            amounts["reduced_ktpa"] = problem.reduced_ktpa * point.running[:, y]
            amounts["on_site_abatement_ktpa"] += amounts["reduced_ktpa"]
        amounts["avoided_ktpa"] = amounts["on_site_abatement_ktpa"] - amounts["power_co2_ktpa"]
        summed = amounts.groupby(key).sum().reindex(base.index, fill_value=0.0)
        summed.insert(0, "baseline_ktpa", base)
        summed.insert(0, "year", year)
        rows.append(summed.reset_index(names=["province", "sector"]))
    table = pd.concat(rows, ignore_index=True)
    return _with_shares(table)


def not_eligible_table(problem: Problem) -> pd.DataFrame:
    """Return one row a plant that cannot be retrofitted, largest first.

    Columns are plant, name, baseline_ktpa, closing_year, reason and key, the scenario key that changes the reason;
    empty if no key does.
    """
    plants = problem.plants[~problem.plants["is_candidate"]]
    plants = plants.assign(key=plants["reason"].str.split(": ").str[0].map(REASON_KEYS).fillna(""))
    columns = ["plant", "name", "baseline_ktpa", "closing_year", "reason", "key"]
    return plants[columns].sort_values(["baseline_ktpa", "plant"], ascending=[False, True]).reset_index(drop=True)


def left_out_table(problem: Problem) -> pd.DataFrame:
    """Return one row a plant of the user's inventories that is not in the plan: plant, name, province, reason, key.

    Shipped inventories hold plants of the whole country on purpose, and are not listed.
    """
    inputs, scenario = problem.inputs, problem.scenario
    tables = [inputs["plants/steel"], inputs.plants_of("chemicals"), inputs["plants/sources"]]
    columns = ["plant", "name", "province", "status", "inventory"]
    plants = pd.concat([table[columns] for table in tables], ignore_index=True)
    is_own = plants["inventory"].isin([name for name in scenario.plants.inventory if is_file_name(name)])
    plants = plants[is_own & ~plants["plant"].isin(set(problem.plants["plant"]))]
    is_operating = plants["status"].isin(OPERATING)
    reason = ("status " + plants["status"]).mask(is_operating, "outside the selected provinces")
    key = pd.Series("", index=plants.index).mask(is_operating, "plants.provinces")
    plants = plants.assign(reason=reason, key=key).sort_values(["reason", "plant"], kind="stable")
    return plants[["plant", "name", "province", "reason", "key"]].reset_index(drop=True)


def zones_table(emissions: pd.DataFrame, point: Point) -> pd.DataFrame:
    """Return one row a province, in the last period; with budgets by province also what they allow and what is spent.

    `abatement_share` uses the delivered share of the plan. `uncalibrated_abatement_share` is the abatement if all
    retrofits delivered their design capture, and `reported_abatement_share` the figure reported for the zone.
    """
    problem = point.problem
    last = emissions[emissions["year"] == emissions["year"].max()]
    zones = last.groupby("province").sum(numeric_only=True).drop(columns="year").reset_index(names="zone")
    zones = _with_shares(zones)
    zones["uncalibrated_abatement_share"] = uncalibrated_share(zones, problem)
    fitted = problem.calibrated
    reported = [None if fitted is None else fitted.reported_abatement_share(str(zone)) for zone in zones["zone"]]
    zones["reported_abatement_share"] = pd.array(reported, dtype="Float64").to_numpy(float, na_value=np.nan)
    if problem.province_budget_mn:
        zones["budget_mn"] = zones["zone"].map(dict(problem.province_budget_mn)).astype(float)
        zones["spending_mn"] = zones["zone"].map(province_spending(point)).astype(float)
    return zones


def uncalibrated_share(totals: pd.DataFrame, problem: Problem) -> pd.Series:
    """Return the abatement share if all capture were delivered as designed; measures are not calibrated.

    With delivered shares by class, the tonnes of each row are scaled by their mean share.
    """
    base = totals["baseline_ktpa"]
    spared = totals["reduced_ktpa"] / base.where(base > 0, 1.0) if "reduced_ktpa" in totals else 0.0
    return (totals["abatement_share"] - spared) / mean_delivered_share(totals, problem) + spared


def mean_delivered_share(totals: pd.DataFrame, problem: Problem) -> pd.Series:
    """Return captured ÷ design by row of a table of emissions; the largest share where nothing is captured."""
    if "designed_ktpa" not in totals:
        return pd.Series(problem.delivered_share, index=totals.index)
    share = totals["captured_ktpa"] / totals["designed_ktpa"].where(totals["designed_ktpa"] > 0)
    return share.fillna(problem.delivered_share)


def by_year_table(point: Point, emissions: pd.DataFrame) -> pd.DataFrame:
    """One row a period: retrofits started, spending and tonnes."""
    problem = point.problem
    totals = emissions.groupby("year").sum(numeric_only=True).reset_index()
    totals = _with_shares(totals)
    spent = sum(each @ point.decided[name] for name, each in capex_mn(problem).items())
    totals.insert(1, "n_started", np.round((point.build > BUILT).sum(axis=0)).astype(int))
    totals.insert(2, "spending_mn", spent)
    return totals


def _with_shares(table: pd.DataFrame) -> pd.DataFrame:
    base = table["baseline_ktpa"]
    for share, amount in (("abatement_share", "avoided_ktpa"), ("on_site_abatement_share", "on_site_abatement_ktpa")):
        table[share] = np.where(base > 0, table[amount] / base.where(base > 0, 1.0), 0.0)
    return table


def prices_of(problem: Problem, matrix: Matrix, row_dual: npt.NDArray[np.float64] | None) -> dict[str, float]:
    """Return the shadow price of each target in the LP, by key, for the objective `min_cost`.

    Dual ÷ discount factors of the period's years, money per t avoided, or per t captured of a target of that measure.
    """
    if row_dual is None or problem.objective != "min_cost":
        return {}
    dual = {
        index: row_dual[i]
        for i, (name, index) in enumerate(matrix.row_constraints)
        if name in (TARGET, CUMULATIVE_TARGET)
    }
    weight = dict(zip(problem.years, problem.periods["flow_weight"].to_numpy(float), strict=True))
    prices = {
        target.key: float(dual[target.key]) * 1000.0 / (1.0 if target.year is None else weight[target.year])
        for target in problem.targets
        if target.key in dual
    }
    # Smaller prices are numerical noise.
    return {key: 0.0 if abs(price_per_t) < 1e-6 else price_per_t for key, price_per_t in prices.items()}


def targets_table(point: Point, price_per_t: Mapping[str, float]) -> pd.DataFrame:
    """Return one row a target: kt/y in its year, or kt over the horizon if `year` is missing.

    `price_per_t` is the result of `prices_of`.
    """
    problem = point.problem
    avoided = point.captured_ktpa * problem.avoided_t_per_t + problem.reduced_ktpa[:, None] * point.running
    shared = np.zeros(len(problem.years))
    if problem.line_power_co2_t_per_t is not None:
        shared = (point.decided[PIPE_FLOW] * problem.line_power_co2_t_per_t).sum(axis=0)
    n_years = problem.periods["n_years"].to_numpy(float)
    rows = []
    for target in problem.targets:
        inside = problem.routes_of(target.group)
        at = None if target.year is None else problem.years.index(target.year)
        measured = point.captured_ktpa if target.measure == "captured" else avoided
        reached = float((measured[inside] @ n_years if at is None else measured[inside, at]).sum())
        # Pump power of shared pipes counts in targets over all plants.
        if not target.group and target.measure == "avoided":
            reached -= float(shared @ n_years if at is None else shared[at])
        rows.append(
            {
                "target": target.key,
                "group": target.group or "all",
                "measure": target.measure,
                "year": target.year,
                "required_kt": target.required,
                "reached_kt": reached,
                "shortfall_kt": point.shortfall_kt.get(target.key, 0.0),
                "abatement_share": reached / target.baseline_ktpa
                if at is not None and target.baseline_ktpa and target.measure == "avoided"
                else np.nan,
                "price_per_t": price_per_t.get(target.key, np.nan),
            }
        )
    # dtype object keeps whole years beside a target over the horizon.
    return pd.DataFrame(rows, columns=TARGET_COLUMNS).astype({"year": object})


# Totals of a plan, for the last period unless the name says otherwise.

_CAPITAL = ("capex_mn", "capture_capex_mn", "pipe_capex_mn", "storage_capex_mn")
_OF_LAST_PERIOD = (
    "captured_ktpa", "on_site_abatement_ktpa", "avoided_ktpa", "abatement_share", "on_site_abatement_share",
)  # fmt: skip


def plan_totals(
    problem: Problem,
    retrofits: pd.DataFrame,
    by_year: pd.DataFrame,
    costs: Mapping[str, float],
    owners: Owners | None,
    social: Mapping[str, float | None],
) -> dict[str, float | int | None]:
    """Counts, tonnes and yearly cost of the last period, undiscounted capex, and the two levelised costs per t.

    Costs per t divide the yearly cost by the tonnes of the same period, at the load of the plan.

    `social` are the figures of the account at the social rate. In a static year `npv_mn` is a year's cost with its sign
    turned, and there are no other figures of the owners.
    """
    last = by_year.iloc[-1]
    yearly_mn, captured, avoided = (
        float(retrofits[name].sum()) for name in ("cost_mn_pa", "captured_ktpa", "avoided_ktpa")
    )
    capture_mn = float(retrofits[list(CAPTURE_PARTS)].sum().sum())
    return {
        "n_plants": len(problem.plants),
        "n_plants_retrofitted": int(retrofits["plant"].nunique()),
        "n_retrofits": len(retrofits),
        "baseline_ktpa": problem.baseline_ktpa,
        **{name: float(last[name]) for name in _OF_LAST_PERIOD},
        "uncalibrated_abatement_share": float(uncalibrated_share(by_year, problem).iloc[-1]),
        "delivered_share": float(mean_delivered_share(by_year, problem).iloc[-1]),
        **{name: float(retrofits[name].sum()) for name in _CAPITAL},
        "budget_mn": problem.budget_mn if np.isfinite(problem.budget_mn) else None,
        "cost_mn_pa": yearly_mn,
        "capture_cost_per_t": _ratio(capture_mn * 1000.0, captured),
        "avoidance_cost_per_t": _ratio(yearly_mn * 1000.0, avoided),
        # As in the avoidance cost, assets of retrofits that start in the last period count in the years of operation.
        "storage_cost_per_t": _ratio(float(retrofits[list(STORAGE_PARTS)].sum().sum()) * 1000.0, captured),
        **(
            dict.fromkeys(OWNERS_TOTALS) | {"npv_mn": 0.0 - fsum(costs.values())} if owners is None else owners.totals()
        ),
        **social,
    }


def _ratio(above: float, below: float) -> float | None:
    return above / below if below > 0 else None
