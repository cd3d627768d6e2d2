"""Tables of pipelines: candidate links, links in use, flows, cost sharing, and own pipelines of retrofits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model.plan.merit_order import CAPTURE_PARTS
from ccs_model.plan.plan import Plan
from ccs_model.problem.candidate_network import Network
from ccs_model.units import join_first_names

# Users of a link named in a table.
_SHOWN = 3


def network_of(plan: Plan) -> Network:
    """Return the network of a plan with shared pipelines."""
    network = plan.problem.network
    assert network is not None
    return network


def candidate_links(plan: Plan) -> pd.DataFrame:
    """Return every candidate link and whether it was searched; a file with some of the rows restricts the search."""
    links = network_of(plan).links
    columns = ["link", "node_a", "node_b", "kind", "length_km", "cost_factor"]
    # The LP relaxation contains every link.
    within = links["link"] if plan.corridors is None else plan.corridors
    return links[columns].assign(is_corridor=links["link"].isin(list(within))).reset_index(drop=True)


def node_names(plan: Plan) -> dict[str, str]:
    """Return the name of each node: its plants or its site; for a hub the node of its cluster."""
    problem, network = plan.problem, network_of(plan)
    plants = problem.plants.set_index("plant")["name"]
    at: dict[str, list[str]] = {}
    for plant, node in sorted(network.node_of_plant.items()):
        at.setdefault(node, []).append(str(plants[plant]))
    names = {node: join_first_names(found, 1, "; ") for node, found in at.items()}
    names |= {str(site): str(name) for site, name in zip(problem.sites["site"], problem.sites["name"], strict=True)}
    for node in network.nodes.loc[network.nodes["kind"] == "hub", "node"]:
        near = str(node).removeprefix("hub ")
        # Junctions of SimCCS have telling ids.
        called = near if near.startswith("junction ") else f"hub {near}"
        names[str(node)] = f"hub by {names[near]}" if near != node and near in names else called
    return names


def links_in_use(plan: Plan) -> pd.DataFrame:
    """Return one row per link built or in use, in the direction of its flow in the last period."""
    flows, problem = plan.flows, plan.problem
    names, shares = node_names(plan), shares_of(plan)
    links = network_of(plan).links.set_index("link")
    last = flows[flows["year"] == problem.years[-1]].set_index("link")
    # A road that is not used in the last period has flows in earlier periods only.
    removed = flows[~flows["link"].isin(last.index)].drop_duplicates("link", keep="last").set_index("link")
    table = pd.concat([last, removed.assign(flow_ktpa=0.0)]) if len(removed) else last
    table = table.sort_index(kind="stable")
    by_link = flows.groupby("link")
    first = {link: int(year) for link, year in flows[flows["built_mn"] > 0].groupby("link")["year"].min().items()}
    users = shares[shares["kind"] == "link"].groupby("facility")["plant"].agg(list)
    full = table["capacity_ktpa"] * problem.delivered_share
    used = np.divide(table["flow_ktpa"], full, out=np.zeros(len(table)), where=full.to_numpy() > 0)
    return pd.DataFrame(
        {
            "link": table.index,
            "kind": table["kind"],
            "from_node": table["from_node"],
            "from_name": table["from_node"].map(names),
            "to_node": table["to_node"],
            "to_name": table["to_node"].map(names),
            "pipe": table["pipe"],
            # None for a road; dtype object keeps integers.
            "built_year": pd.Series([first.get(link) for link in table.index], table.index, dtype=object),
            "length_km": table["length_km"],
            "cost_factor": links["cost_factor"].reindex(table.index),
            "diameter_mm": table["diameter_mm"],
            "capacity_ktpa": table["capacity_ktpa"],
            "flow_ktpa": table["flow_ktpa"],
            # The solver's tolerance may leave a flow slightly above the capacity.
            "used_share": np.minimum(used, 1.0),
            "pipe_capex_mn": by_link["built_mn"].sum().reindex(table.index),
            "n_users": users.map(len).reindex(table.index, fill_value=0),
            "users": users.map(lambda each: join_first_names(each, _SHOWN, "; ")).reindex(table.index, fill_value=""),
        }
    ).reset_index(drop=True)


def pipes_by_vintage(plan: Plan) -> pd.DataFrame:
    """Return one row per link, size and period of construction; existing pipelines and roads have no such period.

    The flow of a link is divided by capacity, so that all rows of a link have the same `used_share`: that of the link
    in the last period. The capex of a period's rows is the period's spending on pipelines.
    """
    links = links_in_use(plan)
    assert plan.vintages is not None
    of_vintage = ["pipe", "built_year", "capacity_ktpa", "diameter_mm", "pipe_capex_mn"]
    table = links.drop(columns=of_vintage).merge(plan.vintages, on="link")
    whole = table["link"].map(links.set_index("link")["capacity_ktpa"])
    part = np.divide(table["capacity_ktpa"], whole, out=np.ones(len(table)), where=whole.to_numpy(float) > 0)
    return table.assign(flow_ktpa=table["flow_ktpa"] * part)[list(links.columns)]


def flows_of_links(plan: Plan, links: pd.DataFrame) -> pd.DataFrame:
    """Return flow and investment by link and period; flow against the direction of the last period is negative."""
    flows, years = plan.flows, list(plan.problem.years)
    start = links.set_index("link")["from_node"]
    against = flows["from_node"] != flows["link"].map(start)
    signed = flows.assign(flow_ktpa=flows["flow_ktpa"].where(~against, -flows["flow_ktpa"]))
    table = links[["link", "from_node", "from_name", "to_node", "to_name"]]
    for name, suffix in (("flow", "ktpa"), ("built", "mn")):
        across = signed.pivot(index="link", columns="year", values=f"{name}_{suffix}")
        across = across.reindex(index=links["link"], columns=years).astype(float).fillna(0.0)
        table = table.assign(**{f"{name}_{year}_{suffix}": across[year].to_numpy() for year in years})
    return table


def shares_of(plan: Plan) -> pd.DataFrame:
    """Return plan.shares of a plan with a shared network."""
    assert plan.shares is not None
    return plan.shares


def shared_facilities(plan: Plan) -> pd.DataFrame:
    """Return one row per user of each link and site that has several users and a capital cost."""
    shares, names = shares_of(plan), node_names(plan)
    table = shares[(shares["n_users"] > 1) & (shares["capex_mn"] > 0)].reset_index(drop=True)
    ends = links_in_use(plan).set_index("link")
    called = dict(zip(ends.index, ends["from_name"] + " → " + ends["to_name"], strict=True)) | names
    plants = plan.problem.plants.set_index("plant")["name"]
    use_share = table["by_use_mn"] / table["capex_mn"]
    table.insert(1, "facility_name", table["facility"].map(called).to_numpy(object))
    table.insert(4, "name", table["plant"].map(plants).to_numpy(object))
    return table.assign(use_share=use_share)


def shared_cost_by_plant(plan: Plan) -> pd.DataFrame:
    """Return one row per plant: its share of pipelines and sites, by use and by Shapley value, and its full-chain cost.

    Costs per tonne captured are those of the last period at the load of the plan. The two splits differ in capital
    only.
    """
    # A measure without capture uses no pipeline or site.
    shares, retrofits = shares_of(plan), plan.retrofits[plan.retrofits["captured_at_full_load_ktpa"] > 0]
    by_plant = retrofits.groupby("plant", sort=False)
    table = by_plant[["name", "province"]].first()
    moved_mn: pd.Series | float = 0.0
    for kind, what in (("link", "pipe"), ("site", "storage")):
        paid = shares[shares["kind"] == kind].groupby("plant")[["by_use_mn", "by_shapley_mn", "shapley_error_mn"]].sum()
        paid = paid.reindex(table.index).fillna(0.0)
        table[f"{what}_by_use_mn"] = paid["by_use_mn"]
        table[f"{what}_by_shapley_mn"] = paid["by_shapley_mn"]
        table["shapley_error_mn"] = table.get("shapley_error_mn", 0.0) + paid["shapley_error_mn"]
        capital = float(retrofits[f"{what}_capex_mn"].sum())
        recovery = float(retrofits[f"{what}_capital_mn_pa"].sum()) / capital if capital > 0 else 0.0
        moved_mn = moved_mn + (paid["by_shapley_mn"] - paid["by_use_mn"]) * recovery
    captured = by_plant["captured_ktpa"].sum()
    capture_mn = by_plant[list(CAPTURE_PARTS)].sum().sum(axis=1)
    by_use_mn = by_plant["cost_mn_pa"].sum()
    return table.assign(
        captured_ktpa=captured,
        capture_mn_pa=capture_mn,
        cost_by_use_mn_pa=by_use_mn,
        cost_by_shapley_mn_pa=by_use_mn + moved_mn,
        capture_cost_per_t=_cost_per_t(capture_mn, captured),
        transport_and_storage_per_t=_cost_per_t(by_use_mn - capture_mn, captured),
        all_in_by_use_per_t=_cost_per_t(by_use_mn, captured),
        all_in_by_shapley_per_t=_cost_per_t(by_use_mn + moved_mn, captured),
    ).reset_index()


def _cost_per_t(mn_pa: pd.Series, ktpa: pd.Series) -> pd.Series:
    return mn_pa * 1000.0 / ktpa.where(ktpa > 0, np.nan)


def pipes_table(plan: Plan) -> pd.DataFrame:
    """Return own pipelines in the order of plan.retrofits: one row a retrofit option and period of construction.

    Flow and annual costs are means of the last period, at the load of the plan and prices of the last year; the flow is
    divided by capacity between partial retrofits.
    """
    problem = plan.problem
    # A measure without capture has no pipeline.
    piped = set(problem.routes.loc[problem.captures, "route"])
    by_start = plan.retrofits[plan.retrofits["route"].isin(piped)].groupby(["route", "year"], sort=False)
    about = (
        by_start[["plant", "name", "province", "stream", "site"]]
        .first()
        .reset_index("year")
        .rename(columns={"year": "built_year"})
    )
    yearly = ["pipe_capital_mn_pa", "pipe_fixed_om_mn_pa", "pipe_power_mn_pa"]
    summed = by_start[["share", "pipe_capex_mn", "captured_ktpa", *yearly]].sum().droplevel("year")
    part = summed["share"] / summed["share"].groupby(level="route").transform("sum")
    routes = problem.routes.set_index("route").loc[about.index]
    table = about.assign(
        pipe=routes["pipe"],
        n_lines=routes["n_lines"].astype(int),
        length_km=routes["length_km"],
        capacity_ktpa=routes["nameplate_ktpa"] * summed["share"],
        flow_ktpa=flows_by_year(plan)[problem.years[-1]].loc[about.index] * part,
        **{name: summed[name] for name in ("pipe_capex_mn", *yearly)},
    )
    table["transport_mn_pa"] = table[yearly].sum(axis=1)
    table["transport_cost_per_t"] = _cost_per_t(table["transport_mn_pa"], summed["captured_ktpa"])
    columns = [name for name in table if name != "built_year"]
    columns.insert(columns.index("n_lines") + 1, "built_year")
    return table.reset_index()[[*columns, "route"]]


def flows_by_year(plan: Plan) -> pd.DataFrame:
    """Return flow in kt/y by option and period, in the order of plan.retrofits; 0 before the start."""
    flows = plan.flows.set_index(["route", "year"])["flow_ktpa"].unstack("year")
    routes = pd.Index(plan.retrofits["route"].unique(), name="route")
    return flows.reindex(index=routes, columns=list(plan.problem.years)).fillna(0.0).astype(float)
