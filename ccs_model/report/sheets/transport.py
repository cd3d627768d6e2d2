"""Transport: every pipe with its size, flow and cost, then what each carries by period; or the shared network."""

from __future__ import annotations

import pandas as pd

from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.report import words
from ccs_model.report.pipes import flows_by_year, pipes_table
from ccs_model.report.sheet import Page, Sheet
from ccs_model.report.sheets.network import write_network
from ccs_model.report.style import CALCULATION, OBSERVED, SOLVER
from ccs_model.report.table import Column

_COLUMNS = (
    Column("plant", OBSERVED, widest=16),
    Column("name", OBSERVED, widest=30),
    Column("stream", SOLVER, widest=18),
    Column("site", SOLVER, widest=18),
    Column("pipe", CALCULATION, label="Class"),
    Column("n_lines", CALCULATION, label="Lines"),
    Column("length_km", CALCULATION, label="Length"),
    Column("capacity_ktpa", SOLVER),
    Column("flow_ktpa", SOLVER, label="Flow, last period"),
    Column("pipe_capex_mn", SOLVER, label="Capex"),
    Column("pipe_capital_mn_pa", SOLVER, label="Capital"),
    Column("pipe_fixed_om_mn_pa", SOLVER, label="Fixed O&M"),
    Column("pipe_power_mn_pa", SOLVER, label="Booster power"),
    Column("transport_mn_pa", SOLVER, label="Transport, all of it"),
    Column("transport_cost_per_t", SOLVER, label="Transport"),
)


def write_transport(sheet: Sheet, plan: Plan) -> None:
    """One row a pipe with totals, then the flows with the periods across; a shared network has its own way."""
    if plan.problem.network is not None:
        write_network(sheet, plan)
        return
    pipes = pipes_table(plan)
    why = f"Nothing is built, because {words.why_nothing_is_built(plan)}."
    if len(plan.retrofits):
        why = "No pipe is laid: measures alone capture nothing."
    empty = why if pipes.empty else ""
    sheet.title("Transport")
    sheet.paragraph(
        "Each retrofit has its own pipe. Length is the straight distance with the scenario's detour; the class and the "
        "lines follow from capacity. Yearly costs are at full load and the last year's prices; capital is capex × "
        "capital recovery; cost per tonne is all of it ÷ captured."
    )
    sheet.table(_COLUMNS, records(pipes), main=True, frozen=2, totals=_totals(plan, pipes), empty=empty)
    sheet.section("Flows by period (the period's yearly mean)")
    _flows(sheet, plan, pipes, empty)


def _totals(plan: Plan, pipes: pd.DataFrame) -> dict[str, object]:
    summed = [name for name in pipes if name.endswith(("_ktpa", "_mn", "_mn_pa", "_km"))]
    totals: dict[str, object] = {name: pipes[name].sum() for name in summed}
    full_ktpa = pipes["capacity_ktpa"].sum() * plan.problem.delivered_share
    if full_ktpa > 0:
        totals["transport_cost_per_t"] = pipes["transport_mn_pa"].sum() * 1000.0 / full_ktpa
    return {**totals, "plant": "Total"}


def _flows(sheet: Sheet, plan: Plan, pipes: pd.DataFrame, empty: str) -> None:
    flows = flows_by_year(plan).rename(columns={year: f"flow_{year}_ktpa" for year in plan.problem.years})
    table = pipes[["plant", "name", "stream", "site", "route"]].merge(flows, on="route")
    sheet.table(
        [
            *_COLUMNS[:4],
            *(Column(f"flow_{year}_ktpa", SOLVER, label=f"From {year}") for year in plan.problem.years),
        ],
        records(table),
        totals={**flows.sum().to_dict(), "plant": "Total"},
        named="periods",
        empty=empty,
    )


TRANSPORT = Page(
    "Transport", "Every pipe: length, size, flow, capex; flows by period; who pays for what is shared.", write_transport
)
