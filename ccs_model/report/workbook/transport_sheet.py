"""Sheet Transport: pipelines with size, flow and cost, flows by period, and cost sharing of a shared network."""

from __future__ import annotations

import pandas as pd

from ccs_model.plan.headline import counted
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import pipe_links, records
from ccs_model.report import sentences as words
from ccs_model.report.figures import gap_of
from ccs_model.report.pipe_tables import (
    flows_by_year,
    flows_of_links,
    links_in_use,
    network_of,
    paid_by_plant,
    pipes_by_vintage,
    pipes_table,
    shared_facilities,
)
from ccs_model.report.workbook.columns import SOLVER, Column, table_columns
from ccs_model.report.workbook.sheet import Page, Sheet


def write_network(sheet: Sheet, plan: Plan) -> None:
    """Write links, flows by period, and the shares of common costs by use and by Shapley value."""
    links, pipes = links_in_use(plan), pipes_by_vintage(plan)
    empty = words.nothing_built(plan) if plan.retrofits.empty else ""
    sheet.paragraph(_candidates(plan))
    sheet.paragraph(f"{words.bound_text(plan)}.")
    sheet.note(
        "Pipelines are shared. Each row is one size built in one period; the flow of a link is shared among its rows "
        "in proportion to capacity. Use is the flow over what the capacity delivers. The inner diameter is the "
        "hydraulic requirement for the capacity in one line. Roads need no capital; trucks are paid per tonne. From "
        "and to give the direction of flow in the last period."
    )
    sheet.kept()
    has_factors = len(links) > 0 and bool((links["cost_factor"] != 1.0).any())
    columns = table_columns("transport.links", without=() if has_factors else ("cost_factor",))
    # Other tables follow, so the head is neither frozen nor repeated on each page.
    empty_links = empty or "No link is used."
    sheet.table(columns, records(pipes), main=True, frozen=0, totals={"from_name": "Total"}, empty=empty_links)
    sheet.section("By period: flow (annual mean; negative is reverse flow) and investment")
    _by_period(sheet, plan, links, empty)
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
        "captured are means of the last period at the load of the plan, with trucks and pump electricity. The Shapley "
        "split applies to capital; annual operating costs stay by use."
    )
    _paid(sheet, plan, empty)


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
    gap = gap_of(plan)
    if not gap.is_restricted:
        return f"{text}The plan was optimised over all of them."
    return (
        f"{text}The plan was optimised within {counted(gap.n_searched, 'searched link')}, listed in "
        "tables/links.csv of the run folder."
    )


def _by_period(sheet: Sheet, plan: Plan, links: pd.DataFrame, empty: str) -> None:
    years = plan.problem.years
    columns = [
        *table_columns("transport.links")[:2],
        *(Column(f"flow_{year}_ktpa", SOLVER, label=f"Flow from {year}") for year in years),
        *(Column(f"built_{year}_mn", SOLVER, label=f"Built from {year}", total="solved") for year in years),
    ]
    rows, empty = records(flows_of_links(plan, links)), empty or "No link is used."
    sheet.table(columns, rows, totals={"from_name": "Total"}, named="periods", empty=empty)


def _paid(sheet: Sheet, plan: Plan, empty: str) -> None:
    table = paid_by_plant(plan)
    captured = float(table["captured_ktpa"].sum())
    totals: dict[str, object] = {"name": "Total"}
    if captured > 0:
        names = ("capture_mn_pa", "cost_by_use_mn_pa", "cost_by_shapley_mn_pa")
        capture, by_use, by_shapley = (float(table[name].sum()) * 1000.0 / captured for name in names)
        totals |= {"capture_cost_per_t": capture, "transport_and_storage_per_t": by_use - capture}
        totals |= {"all_in_by_use_per_t": by_use, "all_in_by_shapley_per_t": by_shapley}
    no_rows = empty or "No plant captures."
    sheet.table("transport.paid", records(table), totals=totals, empty=no_rows, named="paid")


def write_transport(sheet: Sheet, plan: Plan) -> None:
    """Write one row a pipeline with totals, then flows by period; a shared network has its own tables."""
    if plan.problem.network is not None:
        write_network(sheet, plan)
        return
    pipes = pipes_table(plan)
    why = words.nothing_built(plan)
    if len(plan.retrofits):
        why = "No pipeline is built: the plan consists of measures only."
    empty = why if pipes.empty else ""
    sheet.paragraph(
        "Each retrofit has its own pipeline. Length is the straight-line distance × the scenario's detour factor; "
        "class and number of lines follow from the capacity. Annual costs are means of the last period at "
        "the load of the plan; capital is capex × capital recovery; cost per tonne is the total ÷ captured."
    )
    sheet.kept()
    sheet.table("transport.pipes", records(pipes), main=True, frozen=2, totals=_totals(plan, pipes), empty=empty)
    sheet.section("Flows by period (annual mean)")
    _flows(sheet, plan, pipes, empty)


def _totals(plan: Plan, pipes: pd.DataFrame) -> dict[str, object]:
    totals: dict[str, object] = {"plant": "Total"}
    captured = float(plan.retrofits["captured_ktpa"].sum())
    if captured > 0:
        totals["transport_cost_per_t"] = pipes["transport_mn_pa"].sum() * 1000.0 / captured
    return totals


def _flows(sheet: Sheet, plan: Plan, pipes: pd.DataFrame, empty: str) -> None:
    flows = flows_by_year(plan).rename(columns={year: f"flow_{year}_ktpa" for year in plan.problem.years})
    table = pipes[["plant", "name", "stream", "site", "route"]].drop_duplicates("route").merge(flows, on="route")
    years = plan.problem.years
    across = [Column(f"flow_{year}_ktpa", SOLVER, label=f"From {year}", total="solved") for year in years]
    columns = [*table_columns("transport.pipes")[:4], *across]
    sheet.table(columns, records(table), totals={"plant": "Total"}, named="periods", empty=empty)


TRANSPORT = Page(
    "Transport", "Every pipeline: length, size, flow, capex; flows by period; cost sharing.", write_transport
)
