"""Sheets Transport and Storage: pipelines with size, flow, cost and cost sharing; sites with injection and limits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import pipe_links, records
from ccs_model.problem import Problem
from ccs_model.problem.storage_sites import sites_of, wells_for
from ccs_model.report import sentences as words
from ccs_model.report.phrases import oil_in_words, percent, resources_in_words, stored_over_life
from ccs_model.report.pipe_tables import (
    flows_by_year,
    flows_of_links,
    links_in_use,
    network_of,
    pipes_by_vintage,
    pipes_table,
    shared_cost_by_plant,
    shared_facilities,
)
from ccs_model.report.workbook.columns import SOLVER, Cell, Column, table_columns
from ccs_model.report.workbook.sheet import Row, Sheet, SheetSpec
from ccs_model.units import count_text


def write_network(sheet: Sheet, plan: Plan) -> None:
    """Write links, flows by period, and the shares of common costs by use and by Shapley value."""
    links, pipes = links_in_use(plan), pipes_by_vintage(plan)
    empty, static = words.empty_plan_sentence(plan), plan.problem.is_static
    sheet.paragraph(_candidates(plan))
    sheet.paragraph(f"{words.bound_text(plan)}.")
    sheet.note(
        "Pipelines are shared. Each row is one size built in one period; the flow of a link is shared among its rows "
        "in proportion to capacity. Use is the flow over what the capacity delivers. The inner diameter is the "
        "hydraulic requirement for the capacity in one line. Roads need no capital; trucks are paid per tonne. From "
        f"and to give the direction of flow{'' if static else ' in the last period'}."
    )
    sheet.write_fixed_notice()
    has_factors = len(links) > 0 and bool((links["cost_factor"] != 1.0).any())
    flow = {"flow_ktpa": "Flow"} if static else {}
    columns = table_columns("transport.links", () if has_factors else ("cost_factor",), flow)
    # Other tables follow, so the head is neither frozen nor repeated on each page.
    empty_links = empty or "No link is used."
    sheet.table(columns, records(pipes), main=True, frozen=0, totals={"from_name": "Total"}, empty=empty_links)
    of_periods = "By period: flow (annual mean; negative is reverse flow) and investment"
    sheet.section("Flow (annual; negative is reverse flow) and investment" if static else of_periods)
    years = plan.problem.years
    columns = [
        *table_columns("transport.links")[:2],
        *(Column(f"flow_{year}_ktpa", SOLVER, label=f"Flow from {year}") for year in years),
        *(Column(f"built_{year}_mn", SOLVER, label=f"Built from {year}", total="solved") for year in years),
    ]
    flows = records(flows_of_links(plan, links))
    sheet.table(columns, flows, totals={"from_name": "Total"}, named="periods", empty=empty_links)
    sheet.section("Cost sharing: pipelines and sites with several users")
    sheet.note(
        "By use: in proportion to tonnes over all periods. By Shapley value: each user's mean incremental cost of a "
        "pipeline or site over all orders of arrival; users that enlarge a pipeline pay for it, and all share the "
        "economies of scale. With more than seven users the orders are sampled; the standard error gives the "
        "precision. Both shares sum to the capex."
    )
    no_rows = empty or "No pipeline or site has more than one user."
    sheet.table("transport.shared", records(shared_facilities(plan)), empty=no_rows, named="shared")
    sheet.section("Cost sharing: full-chain cost of each plant per tonne captured")
    sheet.note(
        "A plant pays for its own capture and for its share of every pipeline and site it uses. Costs per tonne "
        f"captured are {'those of a representative year' if static else 'means of the last period'} at the load of the "
        "plan, with trucks and pump electricity. The Shapley split applies to capital; annual operating costs stay by "
        "use."
    )
    paid = shared_cost_by_plant(plan)
    totals: dict[str, object] = {"name": "Total"}
    if (captured := float(paid["captured_ktpa"].sum())) > 0:
        names = ("capture_mn_pa", "cost_by_use_mn_pa", "cost_by_shapley_mn_pa")
        capture, by_use, by_shapley = (float(paid[name].sum()) * 1000.0 / captured for name in names)
        totals |= {"capture_cost_per_t": capture, "transport_and_storage_per_t": by_use - capture}
        totals |= {"all_in_by_use_per_t": by_use, "all_in_by_shapley_per_t": by_shapley}
    no_rows = empty or "No plant captures."
    sheet.table("transport.paid", records(paid), totals=totals, empty=no_rows, named="paid")


def _candidates(plan: Plan) -> str:
    """Size of the candidate network and how it was searched."""
    network = network_of(plan)
    n_links = pipe_links(plan)[1]
    kinds = network.nodes["kind"].value_counts()
    n_roads = int((network.links["kind"] == "truck").sum())
    text = (
        f"The network has {len(network.nodes)} nodes ({kinds.get('plant', 0)} plant locations, "
        f"{kinds.get('site', 0)} storage sites, {kinds.get('hub', 0)} hubs) and {n_links} candidate links for pipelines"
    )
    text += f", and {n_roads} roads for trucks. " if n_roads else ". "
    if plan.corridors is None:
        return f"{text}Every candidate link is in the model."
    gap = words.gap_of(plan)
    if not gap.is_restricted:
        return f"{text}The plan was optimised over all of them."
    return (
        f"{text}The plan was optimised within {count_text(gap.n_searched, 'searched link')}, listed in "
        "tables/links.csv of the run folder."
    )


def write_transport(sheet: Sheet, plan: Plan) -> None:
    """Write one row a pipeline with totals, then flows by period; a shared network has its own tables."""
    if plan.problem.network is not None:
        write_network(sheet, plan)
        return
    pipes = pipes_table(plan)
    why = words.empty_plan_sentence(plan) or "No pipeline is built: the plan consists of measures only."
    empty = why if pipes.empty else ""
    static = plan.problem.is_static
    annual = "those of a representative year" if static else "means of the last period"
    sheet.paragraph(
        "Each retrofit has its own pipeline. Length is the straight-line distance × the scenario's detour factor; "
        f"class and number of lines follow from the capacity. Annual costs are {annual} at "
        "the load of the plan; capital is capex × capital recovery; cost per tonne is the total ÷ captured."
    )
    sheet.write_fixed_notice()
    totals: dict[str, object] = {"plant": "Total"}
    if (captured := float(plan.retrofits["captured_ktpa"].sum())) > 0:
        totals["transport_cost_per_t"] = pipes["transport_mn_pa"].sum() * 1000.0 / captured
    columns = table_columns("transport.pipes", headings={"flow_ktpa": "Flow"} if static else {})
    sheet.table(columns, records(pipes), main=True, frozen=2, totals=totals, empty=empty)
    sheet.section("Flows (annual)" if static else "Flows by period (annual mean)")
    years = plan.problem.years
    flows = flows_by_year(plan).rename(columns={year: f"flow_{year}_ktpa" for year in years})
    table = pipes[["plant", "name", "stream", "site", "route"]].drop_duplicates("route").merge(flows, on="route")
    across = [Column(f"flow_{year}_ktpa", SOLVER, label=f"From {year}", total="solved") for year in years]
    columns = [*table_columns("transport.pipes")[:4], *across]
    sheet.table(columns, records(table), totals={"plant": "Total"}, named="periods", empty=empty)


TRANSPORT = SheetSpec(
    "Transport", "Every pipeline: length, size, flow, capex; flows by period; cost sharing.", write_transport
)


# A limit is reached when no more than this share of it is left.
_REACHED_SHARE = 1e-6

# Site flow at which the other candidates are compared.
_COMPARED_KTPA = 3_000.0
_TO_CHANGE = "The last table of the sheet has the use and the capacity of each site, which you can change."
_SITE_TOTALS = {"name": "Total"}


def write_storage(sheet: Sheet, plan: Plan) -> None:
    """One row a site used with totals; what is injected with the periods across; costs; the other sites, in short."""
    problem = plan.problem
    used = _sites_in_use(plan)
    empty = words.empty_plan_sentence(plan)
    shared = problem.network is not None
    capacity = {"capacity_kt": f"Capacity, {problem.scenario.storage.capacity} case"}
    injected = {"injected_ktpa": f"Injected, {'annual' if problem.is_static else 'last period'}"}
    sheet.may_be_upright = True
    sheet.paragraph(_storage_note(plan))
    sheet.note(_TO_CHANGE)
    sheet.write_fixed_notice()
    without = ("committed_kt",) if problem.is_static else ()
    over_life = {"stored_kt": stored_over_life(problem.scenario.storage_life_yr)} if problem.is_static else {}
    columns = table_columns("storage.used", without, capacity | injected | over_life)
    sheet.table(columns, records(used), main=True, totals=_SITE_TOTALS, empty=empty)
    _sites_by_period(sheet, plan, used, empty)
    if beside := words.storage_band(plan.totals["storage_cost_per_t"], plan.problem):
        sheet.note(beside)
    storage = records(plan.storage)
    of_oil = oil_in_words(storage, problem.money, is_static=problem.is_static)
    for text in filter(None, (*resources_in_words(storage), of_oil)):
        sheet.note(text)
    _costs(sheet, plan, used, empty)
    sheet.section("Other candidate sites")
    others = problem.sites[~problem.sites["site"].isin(plan.storage["site"])]
    reach = {
        "storage_cost_per_t": "Storage at up to 3 Mt/y",
        "n_plants_in_reach": "In reach" if shared else "Candidates in reach",
    }
    compared = others.assign(
        n_plants_in_reach=_candidates_column(plan, others), storage_cost_per_t=_cost_at(problem, others, _COMPARED_KTPA)
    )
    columns = table_columns("storage.others", headings=capacity | reach)
    empty_others = "None: every candidate site is in use."
    sheet.table(columns, records(compared), empty=empty_others, named="others")
    _basins(sheet, plan)
    _sites_to_change(sheet, plan)


def _basins(sheet: Sheet, plan: Plan) -> None:
    """Write the capacity of the sites of each basin beside that of the whole basin in the literature, where known."""
    problem = plan.problem
    published = problem.inputs["storage/basin_capacities"].groupby("basin")[["saline_capacity_kt", "oil_capacity_kt"]]
    known = published.sum(min_count=1)
    sites = problem.sites.groupby("basin")[["capacity_low_kt", "capacity_mid_kt", "capacity_high_kt"]].sum()
    table = sites.join(known, how="inner").reset_index()
    if table.empty:
        return
    table.insert(1, "n_sites", table["basin"].map(problem.sites["basin"].value_counts()))
    top = sheet.row
    sheet.section("Capacity of basins, beside the literature")
    sheet.note(
        "Capacities of the literature are those of whole basins on a grid, before sites are chosen (Fan et al. 2025). "
        "Capacities of sites come from other sources and may exceed them. An empty cell means that there is no figure."
    )
    block = sheet.table("storage.basins", records(table), named="basins")
    sheet.leave_unprinted(top, block.last)


YES, NO = "yes", "no"


def _sites_to_change(sheet: Sheet, plan: Plan) -> None:
    """Write every site that a plant can reach, and those excluded, with use and capacity, which can be changed."""
    top = sheet.row
    sheet.section("Sites you can change")
    sheet.note(
        "Use and capacity take effect when you solve again with ccs-model optimize FILE: no excludes a site, and a "
        "capacity replaces the estimate of the table."
    )
    sites, network = plan.problem.sites, plan.problem.network
    if network is not None and (reached := network.sites_with_a_plant()):
        sites = sites[sites["site"].isin(reached)]
    off: set[str] = set()
    if plan.problem.scenario.storage.exclude:
        scenario = plan.problem.scenario.with_changes({"storage.exclude": []})
        every = sites_of(scenario, plan.problem.inputs, plan.problem.price_level)
        excluded = every[~every["site"].isin(plan.problem.sites["site"])]
        off = set(excluded["site"])
        sites = pd.concat([sites, excluded], ignore_index=True) if off else sites
    rows: list[Row] = []
    for site in records(sites[["site", "name", "basin", "capacity_kt"]]):
        use = NO if site["site"] in off else YES
        # A site may have no limit.
        capacity_kt = site["capacity_kt"] if np.isfinite(site["capacity_kt"]) else None
        new = Cell(capacity_kt, "capacity_kt", unlocked=True)
        known = {"use_solved": use, "capacity_kt": capacity_kt}
        rows.append({**site, "use": Cell(use, unlocked=True), "new_capacity_kt": new, **known})
    block = sheet.table("storage.sites", rows, key="sites", named="sites")
    sheet.choices(block, "use", [YES, NO], also_chinese=True)
    sheet.leave_unprinted(top, block.last)
    sheet.book.mark(
        site_ids=block.column("site"),
        site_basins=block.column("basin"),
        site_use=block.column("use"),
        site_use_solved=block.column("use_solved"),
        site_capacity=block.column("new_capacity_kt"),
        site_capacity_solved=block.column("capacity_kt"),
    )


def _storage_note(plan: Plan) -> str:
    problem = plan.problem
    share = percent(problem.max_fill_share, 0)
    text = f"A site may be filled to {share} of its capacity in the case chosen by the scenario"
    if problem.is_static:
        life_yr = problem.scenario.storage_life_yr
        text += f", within a storage life of {life_yr:g} years; stored is the total over that life. "
    else:
        text += (
            ". The post-horizon injection obligation is the CO2 that retrofits deliver after the horizon until the end "
            "of their life; capacity is reserved for it. "
        )
    if problem.network is None:
        return (
            f"{text}Every retrofit with a pipe of its own has an injection site and wells of its own; the injectivity "
            "of all wells of a site limits them together."
        )
    return (
        f"{text}The wells drilled so far limit injection at the peak of a period, and a site has a maximum number of "
        "wells."
    )


# Quantities with the periods across: name, unit and heading.
_PERIODS = (("injected", "ktpa", "Injected from"), ("n_wells", "", "Wells from"), ("invested", "mn", "Investment from"))


def _sites_by_period(sheet: Sheet, plan: Plan, used: pd.DataFrame, empty: str) -> None:
    """What is injected, the wells there are by then, and what is spent."""
    of_periods = "By period: injection (annual mean), cumulative wells, investment in sites and wells"
    static = plan.problem.is_static
    sheet.section("Injection (annual), wells, investment in sites and wells" if static else of_periods)
    columns = [
        Column(_period_column(what, year, unit), SOLVER, label=f"{text} {year}", total="solved")
        for what, unit, text in _PERIODS
        for year in plan.problem.years
    ]
    columns = [*table_columns("storage.others")[:2], *columns]
    sheet.table(columns, records(used), totals=_SITE_TOTALS, named="periods", empty=empty)


# Columns of own injection sites, and the headings of those that are costs of one of them.
_OF_OWN_SITES = ("n_injection_sites", "closure_of_all_mn")
_PER_OWN_SITE = {
    "site_capex_mn": "Capital of an injection site",
    "closure_mn": "Closure and post-injection care of an injection site",
}


_OWN_SITES = (
    " Each retrofit has an injection site of its own. Total investment is capital of an injection site × injection "
    "sites + capital of a well × wells drilled."
)


def _costs(sheet: Sheet, plan: Plan, used: pd.DataFrame, empty: str) -> None:
    is_shared = plan.problem.network is not None
    sheet.section("Cost of sites and wells")
    sheet.note(
        "Capital of the site and of each well, whatever they take in. O&M includes monitoring and what is set aside "
        "for closure and post-injection care. Other cost is paid per tonne: injection, or the all-in cost of a site "
        "that gives no other, at the mean of its steps. Payments of an oil field are separate income "
        f"and not part of any cost.{'' if is_shared else _OWN_SITES}"
    )
    columns = table_columns(
        "storage.costs", without=_OF_OWN_SITES if is_shared else (), headings={} if is_shared else _PER_OWN_SITE
    )
    sheet.table(columns, records(used), totals=_SITE_TOTALS, empty=empty, named="costs")


def _sites_in_use(plan: Plan) -> pd.DataFrame:
    """Sites of plan.storage in its order, with what stands at the horizon's end and what is injected by period."""
    problem = plan.problem
    by_site = plan.storage.groupby("site", sort=False)
    end = by_site.tail(1).set_index("site")
    sites = problem.sites.set_index("site").loc[end.index]
    filled_kt = end["stored_kt"] + end["committed_kt"]
    used = sites.assign(
        injected_ktpa=end["injected_ktpa"],
        stored_kt=end["stored_kt"],
        committed_kt=end["committed_kt"],
        room_kt=end["capacity_kt"],
        filled_share=filled_kt / end["capacity_kt"],
        limit=[_limit(periods, filled_kt[site]) for site, periods in by_site],
    )
    for what, unit, _ in _PERIODS:
        across = plan.storage.pivot(index="site", columns="year", values=f"{what}_{unit}".rstrip("_"))
        across = across.reindex(used.index)
        used = used.assign(**{_period_column(what, year, unit): across[year] for year in across})
    injected = end["injected_ktpa"]
    of_site = plan.retrofits.groupby("site")[["share", "storage_closure_mn"]].sum().reindex(end.index)
    variable = sites["injection_cost_per_t"]
    if problem.stores is not None:
        variable = problem.stores.groupby("site")["variable_per_t"].min().reindex(end.index)
    used = used.assign(
        n_wells=end["n_wells"],
        wells_ktpa=end["wells_ktpa"],
        storage_cost_per_t=end["storage_cost_per_t"],
        invested_mn=by_site["invested_mn"].sum(),
        closure_mn=sites["closure_mn"] + sites["post_injection_mn"],
        n_injection_sites=of_site["share"],
        closure_of_all_mn=of_site["storage_closure_mn"],
        capital_mn_pa=end["capital_mn_pa"],
        site_and_well_om_mn_pa=end["fixed_om_mn_pa"],
        fixed_cost_per_t=(end["capital_mn_pa"] + end["fixed_om_mn_pa"]) * 1000.0 / injected.where(injected > 0, np.nan),
        variable_per_t=variable,
        oil_revenue_mn_pa=end.get("oil_revenue_mn_pa", 0.0),
    )
    return used.reset_index(names="site")


def _period_column(what: str, year: int, unit: str) -> str:
    """The name of a quantity of one period: `injected_2030_ktpa`."""
    return f"{what}_{year}_{unit}".rstrip("_")


def _limit(periods: pd.DataFrame, filled_kt: float) -> str:
    """What is full, in words: `all wells, from 2030, 2035; the room`."""
    most = 1.0 - _REACHED_SHARE
    years = periods["year"][periods["peak_injected_ktpa"] >= most * periods["injection_max_ktpa"]]
    full = [f"all wells, from {', '.join(map(str, years))}"] if len(years) else []
    if filled_kt >= most * periods["capacity_kt"].iloc[-1]:
        full.append("the capacity")
    return "; ".join(full) or "none"


def _cost_at(problem: Problem, sites: pd.DataFrame, flow_ktpa: float) -> pd.Series:
    """Levelised cost per t of a site that takes a nameplate flow, or as much as its wells can, at full load."""
    flow = np.minimum(flow_ktpa, sites["injection_max_ktpa"])
    wells = wells_for(flow, sites["well_injectivity_ktpa"], sites["n_wells_max"])
    capital = (sites["site_capex_mn"] + sites["well_capex_mn"] * wells) * problem.recovery(sites["life_yr"])
    yearly = capital + problem.storage_yearly_mn(sites, sites["life_yr"]) + sites["well_om_mn_pa"] * wells
    delivered = (flow * problem.delivered_share).where(flow > 0, np.nan)
    return yearly * 1000.0 / delivered + sites["injection_cost_per_t"]


def _candidates_column(plan: Plan, sites: pd.DataFrame) -> pd.Series:
    """How many candidates may lay a pipe of their own to it; with a shared network, whether it is a node of it."""
    problem = plan.problem
    if problem.network is not None:
        return sites["site"].isin(set(problem.network.node_of_site))
    routes = problem.routes
    routes = routes[routes["plant"].isin(problem.plants["plant"][problem.plants["is_candidate"]])]
    return sites["site"].map(routes.groupby("site")["plant"].nunique()).fillna(0).astype(int)


STORAGE = SheetSpec("Storage", "Every site in use: wells, injection, stored CO2, remaining capacity.", write_storage)
