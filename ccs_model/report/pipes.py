"""The pipes of a plan: one row a route that is built, with size, flow and what it costs."""

from __future__ import annotations

import pandas as pd

from ccs_model.plan.levelised import levelised_costs
from ccs_model.plan.plan import Plan


def pipes_table(plan: Plan) -> pd.DataFrame:
    """Pipes in the order of plan.retrofits; a pipe built in parts is one row.

    Flow is that of the last period; yearly costs are levelised, at full load and the last year's prices.
    """
    problem = plan.problem
    # A measure alone lays no pipe.
    piped = set(problem.routes.loc[problem.captures, "route"])
    by_route = plan.retrofits[plan.retrofits["route"].isin(piped)].groupby("route", sort=False)
    about, built = by_route[["plant", "name", "province", "stream", "site"]].first(), by_route["share"].sum()
    routes = problem.routes.set_index("route").loc[about.index]
    yearly = levelised_costs(problem).set_axis(problem.routes["route"]).loc[about.index].mul(built, axis=0)
    table = about.assign(
        pipe=routes["pipe"],
        n_lines=routes["n_lines"].astype(int),
        length_km=routes["length_km"],
        capacity_ktpa=routes["nameplate_ktpa"] * built,
        flow_ktpa=flows_by_year(plan)[problem.years[-1]].reindex(about.index),
        pipe_capex_mn=by_route["pipe_capex_mn"].sum(),
        pipe_capital_mn_pa=yearly["pipe_capital_mn_pa"],
        pipe_fixed_om_mn_pa=yearly["pipe_fixed_om_mn_pa"],
        pipe_power_mn_pa=yearly["pipe_power_mn_pa"],
    )
    table["transport_mn_pa"] = table[["pipe_capital_mn_pa", "pipe_fixed_om_mn_pa", "pipe_power_mn_pa"]].sum(axis=1)
    table["transport_cost_per_t"] = table["transport_mn_pa"] * 1000.0 / yearly["captured_at_full_load_ktpa"]
    return table.reset_index()[[*table, "route"]]


def flows_by_year(plan: Plan) -> pd.DataFrame:
    """kt/y by route and period, in the order of plan.retrofits; 0 where nothing flows yet."""
    flows = plan.flows.set_index(["route", "year"])["flow_ktpa"].unstack("year")
    routes = pd.Index(plan.retrofits["route"].unique(), name="route")
    return flows.reindex(index=routes, columns=list(plan.problem.years)).fillna(0.0).astype(float)
