"""A point of the program → the tables of a plan, recomputed from Problem's coefficients, not the solver's."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model.engineering.streams import utilisation_share
from ccs_model.plan.decisions import BUILT, Point
from ccs_model.plan.levelised import levelised_costs


def retrofits_table(point: Point) -> pd.DataFrame:
    """One row a retrofit (route and start), largest avoided first; tonnes of the last period."""
    problem = point.problem
    at, start = np.nonzero(point.build > BUILT)
    routes = problem.routes.iloc[at].reset_index(drop=True)
    share = point.build[at, start]
    # A route built in parts at several starts shares its throttling by what each part captures.
    full = problem.routes["nameplate_ktpa"].to_numpy(float)[at] * problem.delivered_share
    own_full = full * problem.running_share[at, start, -1] * share
    route_full = (problem.routes["nameplate_ktpa"].to_numpy(float) * problem.delivered_share * point.running[:, -1])[at]
    part = np.divide(own_full, route_full, out=np.zeros_like(own_full), where=route_full > 0)
    captured = point.captured_ktpa[at, -1] * part
    levelised = levelised_costs(problem).iloc[at].reset_index(drop=True)
    plants = problem.plants.set_index("plant").loc[routes["plant"]].reset_index()
    output_ktpa = plants["capacity_ktpa"] * utilisation_share(
        plants, plants["product"], problem.inputs["streams/utilisation"]
    )
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
            "year": np.array(problem.years)[start] if len(at) else np.array([], dtype=int),
            "share": share,
            "site": routes["site"],
            "length_km": routes["length_km"],
            "pipe": routes["pipe"],
            "co2_share": routes["co2_share"],
            "nameplate_ktpa": routes["nameplate_ktpa"] * share,
            "captured_ktpa": captured,
            "fuel_co2_ktpa": captured * problem.fuel_co2_t_per_t[at, -1],
            "power_co2_ktpa": captured
            * (problem.capture_power_t_per_t[at, -1] + problem.booster_power_t_per_t[at, -1]),
            "direct_cut_ktpa": captured * (1.0 - problem.fuel_co2_t_per_t[at, -1]),
            "avoided_ktpa": captured * problem.avoided_t_per_t[at, -1],
            "capture_capex_mn": routes["capture_capex_mn"] * share,
            "pipe_capex_mn": routes["pipe_capex_mn"] * share,
            "capex_mn": routes["capex_mn"] * share,
            "cost_mn_pa": levelised["cost_mn_pa"] * share,
            "capture_cost_per_t": levelised["capture_cost_per_t"],
            "avoidance_cost_per_t": levelised["avoidance_cost_per_t"],
            "product_cost_per_t": np.where(
                output_ktpa > 0,
                levelised["cost_mn_pa"] * share * 1000.0 / output_ktpa.where(output_ktpa > 0, 1.0),
                np.nan,
            ),
            "n_trains": routes["n_trains"],
            "is_extrapolated": routes["is_extrapolated"].astype(bool),
            "route": routes["route"],
        }
    )
    ordered = table.sort_values(["avoided_ktpa", "route", "year"], ascending=[False, True, True], kind="stable")
    return ordered.reset_index(drop=True)


def flows_table(point: Point) -> pd.DataFrame:
    """One row a pipe and period with what it carries."""
    problem = point.problem
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
            "route": routes["route"],
        }
    )


def storage_table(point: Point) -> pd.DataFrame:
    """One row a used site and period: injected, stored by the period's end, and room committed after the horizon."""
    problem = point.problem
    n_years = problem.periods["n_years"].to_numpy(float)
    full = problem.routes["nameplate_ktpa"].to_numpy(float)[:, None] * problem.delivered_share
    # Full load less throttling of the same size can leave rounding below 0, which is no tonne.
    by_route = pd.DataFrame(np.maximum(point.captured_ktpa, 0.0), columns=list(problem.years))
    injected = by_route.groupby(problem.routes["site"].to_numpy()).sum()
    committed = pd.Series((full * problem.committed_yr * point.build).sum(axis=1))
    committed_kt = committed.groupby(problem.routes["site"].to_numpy()).sum()
    rows = []
    for site in problem.sites.itertuples():
        if site.site not in injected.index or injected.loc[site.site].sum() <= BUILT:
            continue
        stored_kt = np.cumsum(injected.loc[site.site].to_numpy() * n_years)
        for y, year in enumerate(problem.years):
            rows.append(
                {
                    "site": site.site,
                    "name": site.name,
                    "basin": site.basin,
                    "province": site.province,
                    "year": year,
                    "injected_ktpa": injected.loc[site.site].iloc[y],
                    "injection_max_ktpa": site.injection_max_ktpa,
                    "stored_kt": stored_kt[y],
                    "committed_kt": committed_kt[site.site],
                    "capacity_kt": site.capacity_kt * problem.fill_share_max,
                    "storage_cost_per_t": site.storage_cost_per_t,
                }
            )
    columns = [
        "site", "name", "basin", "province", "year", "injected_ktpa", "injection_max_ktpa", "stored_kt",
        "committed_kt", "capacity_kt", "storage_cost_per_t",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def emissions_table(point: Point) -> pd.DataFrame:
    """One row a province, sector and period. Baselines are direct emissions; avoided counts the grid's part too."""
    problem = point.problem
    base = problem.plants.groupby(["province", "sector"])["baseline_ktpa"].sum()
    sector = problem.plants.set_index("plant")["sector"]
    key = [problem.routes["province"].to_numpy(), problem.routes["plant"].map(sector).to_numpy()]
    rows = []
    for y, year in enumerate(problem.years):
        captured = point.captured_ktpa[:, y]
        amounts = pd.DataFrame(
            {
                "captured_ktpa": captured,
                "fuel_co2_ktpa": captured * problem.fuel_co2_t_per_t[:, y],
                "power_co2_ktpa": captured * (problem.capture_power_t_per_t + problem.booster_power_t_per_t)[:, y],
            }
        )
        amounts["direct_cut_ktpa"] = amounts["captured_ktpa"] - amounts["fuel_co2_ktpa"]
        amounts["avoided_ktpa"] = amounts["direct_cut_ktpa"] - amounts["power_co2_ktpa"]
        summed = amounts.groupby(key).sum().reindex(base.index, fill_value=0.0)
        summed.insert(0, "baseline_ktpa", base)
        summed.insert(0, "year", year)
        rows.append(summed.reset_index(names=["province", "sector"]))
    table = pd.concat(rows, ignore_index=True)
    return _with_shares(table)


def zones_table(emissions: pd.DataFrame) -> pd.DataFrame:
    """One row a province, in the last period. No calibration is applied, so both cuts are the same number."""
    last = emissions[emissions["year"] == emissions["year"].max()]
    zones = last.groupby("province").sum(numeric_only=True).drop(columns="year").reset_index(names="zone")
    zones = _with_shares(zones)
    zones["uncalibrated_cut_share"] = zones["cut_share"]
    return zones


def by_year_table(point: Point, emissions: pd.DataFrame) -> pd.DataFrame:
    """One row a period: retrofits started, spending and tonnes."""
    problem = point.problem
    totals = emissions.groupby("year").sum(numeric_only=True).reset_index()
    totals = _with_shares(totals)
    capex = problem.routes["capex_mn"].to_numpy(float)
    totals.insert(1, "n_started", np.round((point.build > BUILT).sum(axis=0)).astype(int))
    totals.insert(2, "spending_mn", capex @ point.build)
    return totals


def cashflow_table(point: Point) -> pd.DataFrame:
    """Undiscounted million by calendar year; with `discount_factor` it sums to the discounted costs."""
    problem = point.problem
    years = problem.calendar
    first = np.isin(years, problem.years)
    of_year = np.searchsorted(problem.years, years, side="right") - 1
    table = pd.DataFrame({"year": years, "discount_factor": problem.discount})
    for name in ("capture_capex_mn", "pipe_capex_mn"):
        spent = problem.routes[name].to_numpy(float) @ point.build
        table[name] = np.where(first, spent[of_year], 0.0)
    for name, column in (("capture_fixed_om_mn", "fixed_om_mn_pa"), ("pipe_fixed_om_mn", "pipe_om_mn_pa")):
        table[name] = (problem.routes[column].to_numpy(float) @ point.running)[of_year]
    for name, per_t in problem.cost_per_t.items():
        table[f"{name}_mn"] = (point.captured_ktpa[:, of_year] * per_t).sum(axis=0) / 1000.0
    if problem.shortfall_per_t is not None and problem.targets:
        table["shortfall_mn"] = _shortfall_mn(point, of_year)
    table["salvage_mn"] = 0.0
    # Salvage falls due when the horizon has ended: a row of its own.
    end = problem.horizon_end
    factor = (1.0 + problem.discount_share) ** -(end - problem.first_year)
    salvage = (problem.routes["capex_mn"].to_numpy(float)[:, None] * problem.salvage_share * point.build).sum() / factor
    closing = dict.fromkeys(table, 0.0) | {"year": end, "discount_factor": factor, "salvage_mn": -salvage}
    table = pd.concat([table, pd.DataFrame([closing])], ignore_index=True)
    table["year"] = table["year"].astype(int)
    money = [column for column in table if column.endswith("_mn")]
    table["cost_mn"] = table[money].sum(axis=1)
    table["discounted_mn"] = table["cost_mn"] * table["discount_factor"]
    return table


def _shortfall_mn(point: Point, of_year: np.ndarray) -> np.ndarray:
    """What missing targets costs in each calendar year; a miss over the horizon is paid once, in the first year."""
    problem = point.problem
    paid = np.zeros(len(of_year))
    for target in problem.targets:
        missed_mn = point.shortfall_kt.get(target.key, 0.0) * (problem.shortfall_per_t or 0.0) / 1000.0
        when = np.arange(len(of_year)) == 0 if target.year is None else of_year == problem.years.index(target.year)
        paid += np.where(when, missed_mn, 0.0)
    return paid


def _with_shares(table: pd.DataFrame) -> pd.DataFrame:
    base = table["baseline_ktpa"]
    for share, amount in (("cut_share", "avoided_ktpa"), ("direct_cut_share", "direct_cut_ktpa")):
        table[share] = np.where(base > 0, table[amount] / base.where(base > 0, 1.0), 0.0)
    return table
