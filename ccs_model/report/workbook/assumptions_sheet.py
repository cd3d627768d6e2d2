"""Sheets Assumptions and Sources: assumptions of the model, assumed rows of the input tables, and references."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ccs_model.engineering.capture_units import COAL_BOILER
from ccs_model.inputs.declarations import read_dictionary
from ccs_model.inputs.merged_tables import SHIPPED
from ccs_model.plan.citations import QUALITY_NOTE, QUALITY_NOTE_OF_YEAR, TONNES, quality_rows
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.problem import Problem
from ccs_model.problem.pipe_costs import DEA
from ccs_model.report.tables_in_use import references_in_use, rows_in_use
from ccs_model.report.workbook.columns import Cell, declared_rows, label
from ccs_model.report.workbook.series_sheet import spans
from ccs_model.report.workbook.sheet import Row, Sheet, SheetSpec
from ccs_model.units import join_first_names


def model_assumptions(problem: Problem) -> list[Row]:
    """The rows of assumptions.csv that apply to a problem, transport and storage first."""
    scenario, network, accounts, is_static = problem.scenario, problem.network, problem.accounts, problem.is_static
    is_shared = network is not None
    has_trends = len(problem.inputs["transport/trends"]) > 0
    has_classes = scenario.transport.pipe_costs == DEA
    by_class, is_designed = scenario.calibration.is_by_class, problem.calibrated is None
    is_coal = scenario.capture.heat_sources == (COAL_BOILER,)
    is_credited, pays, is_taxed = bool(accounts.credit_per_t.any()), accounts.pays, accounts.tax_share > 0
    # In a representative year the carbon price is only compared with costs.
    earns = is_credited and not is_static
    is_grant = accounts.funds["kind"].eq("grant")
    applies = {
        "own_pipelines": not is_shared,
        "own_storage": not is_shared,
        "cost_trends": is_shared and has_trends,
        "size_classes": is_shared and not has_trends and has_classes,
        "pipe_law": is_shared and not has_trends and not has_classes,
        "candidate_links": is_shared,
        "link_length": is_shared,
        "shared_capacity": is_shared,
        "obligation": is_shared and not is_static,
        "period_means": is_shared and not is_static,
        "searched_links": is_shared and problem.is_integer and scenario.transport.corridors != "all",
        "trucks": network is not None and (network.links["kind"] == "truck").any(),
        "site_capital": is_shared,
        "wells_as_needed": is_shared,
        "representative_year": is_static,
        "by_class": by_class,
        "as_designed": not by_class and is_designed,
        "as_fitted": not by_class and not is_designed,
        "coal_steam": is_coal,
        "heat_by_choice": not is_coal,
        "wells": True,
        "coke_ovens": problem.plants["sector"].eq("steel").any(),
        "operation": True,
        "permanence": True,
        "upstream": True,
        "prices": True,
        _grid_assumption(problem): True,
        "carbon_price": earns and scenario.policy.market is None,
        "carbon_market": earns and scenario.policy.market is not None,
        "surplus_band": earns and accounts.is_banded,
        "payment": pays,
        "payment_by_start": pays and accounts.paid_share is not None,
        "payment_untaxed": pays and not is_static and is_taxed and not scenario.policy.paid_is_taxed,
        "payment_cap": pays and accounts.is_capped,
        "no_revenue": not is_credited and not pays,
        "grants": is_grant.any(),
        "loans": not is_grant.all(),
        "tax": is_taxed and not is_static,
    }
    declared = {row["assumption"]: row for row in declared_rows("assumptions.csv")}
    paid = declared["payment"]
    paid["statement"] = paid["statement"].format(spans(problem.calendar[accounts.paying_years]))
    return [declared[name] for name, holds in applies.items() if holds]


def _grid_assumption(problem: Problem) -> str:
    """The assumption on grid emission factors: constant, or on a path after the last known year."""
    known = problem.inputs["prices/grid_factors"].sort_values("year").groupby("province")["grid_kg_per_kwh"].last()
    factors = problem.grid_kg_per_kwh.sort_values("year")
    for zone in factors["province"].unique():
        path = factors[factors["province"] == zone]
        used = np.interp(problem.calendar, path["year"].to_numpy(float), path["grid_kg_per_kwh"].to_numpy(float))
        if zone in problem.zones and not np.allclose(used, known[zone]):
            return "grid_of_scenario" if problem.scenario.policy.non_fossil_share else "grid_path"
    return "grid_constant"


# Columns that describe the origin of a row.
_ABOUT_THE_ROW = frozenset(("line", "reference", "quality", "note", "price_year", "name", "name_zh"))
_MOST_NAMED = 6


def write_assumptions(sheet: Sheet, plan: Plan) -> None:
    """Write the model assumptions, then the assumed rows; rows with the same reason share a line."""
    tables = rows_in_use(plan.problem.inputs, plan.problem.scenario, plan.problem.zones)
    sheet.paragraph(
        "Model assumptions come first, then numbers assumed without a published source. Rows of a table with the "
        "same reason share one line."
    )
    sheet.section("Model assumptions")
    sheet.table(
        "assumptions.model",
        [{**each, "table": str(number)} for number, each in enumerate(model_assumptions(plan.problem), start=1)],
        plain=True,
        named="of_model",
    )
    sheet.section("Data assumptions")
    rows = [row for name, table in tables.items() if "quality" in table for row in _assumed_rows(name, table)]
    sheet.table("assumptions.tables", rows, main=True)


def _assumed_rows(name: str, table: pd.DataFrame) -> Iterator[Row]:
    """Rows of quality "assumed", by reason; then columns assumed in rows that are not."""
    key, what = _key_and_quantities(name)
    if name.startswith("plants/"):  # an inventory's rows may stand in any order, and only the first are named
        table = table.sort_values(key, kind="stable")
    assumed = table[table["quality"] == "assumed"]
    if len(assumed):
        groups = assumed.groupby(["reference", "note"], sort=False)
        keys = assumed[key].to_numpy(object)
        # A quantity without a value in these rows is not assumed.
        given = assumed[what].notna().to_numpy()
        for (reference, note), at in sorted(groups.indices.items(), key=lambda group: int(group[1][0])):
            quantities = [label(each) for each, some in zip(what, given[at].any(axis=0), strict=True) if some]
            yield _line(name, keys[at], ", ".join(quantities), note, reference)
    if "assumed_columns" in table:
        partly = table[(table["assumed_columns"] != "") & (table["quality"] != "assumed")]
        for (columns, reference), group in partly.groupby(["assumed_columns", "reference"]):
            labels = ", ".join(map(label, columns.split(";")))
            why = "not in the inventory; the usual case is assumed"
            yield _line(name, group[key].to_numpy(object), labels, why, reference)


def _line(name: str, keys: np.ndarray, what: str, note: str, reference: str) -> dict[str, object]:
    texts = ((f"{each:g}" if isinstance(each, float) else str(each) for each in row) for row in keys)
    named = [" ".join(filter(None, row)) for row in texts]
    return {
        "table": name,
        "rows": join_first_names(named, _MOST_NAMED, "; "),
        "what": what,
        "note": note,
        "reference": reference,
        "n_assumed": len(keys),
    }


def _key_and_quantities(name: str) -> tuple[list[str], list[str]]:
    """The columns that name a row (those before the first quantity, and its year), and the quantities themselves."""
    declared = read_dictionary()[name]
    # A currency beside a price year is that of the row's money; elsewhere it is what the row is about.
    about = _ABOUT_THE_ROW | ({"currency"} if any(column.name == "price_year" for column in declared) else set())
    columns = [column for column in declared if column.name not in about]
    is_quantity = [column.kind in ("number", "whole") and column.name != "year" for column in columns]
    first = max(is_quantity.index(True), 1) if True in is_quantity else len(columns)
    key = [column.name for column in columns[:first]]
    # The heat of a technology is identified by its concentration, a plant or a site by its id alone.
    if name == "technologies/heat":
        key.append("co2_share")
    if name.startswith(("plants/", "storage/", "technologies/technologies")):
        key = key[:1]
    return key, [
        column.name for column, counts in zip(columns, is_quantity, strict=True) if counts and column.name not in key
    ]


ASSUMPTIONS = SheetSpec(
    "Assumptions", "Assumptions of the model, and every assumed number with its reason.", write_assumptions
)


# Licences that ask for the author to be named wherever the data go.
_NAMED_BY_LICENCE = ("CC BY", "ECL")


def write_sources(sheet: Sheet, plan: Plan) -> None:
    """References with their use, then the lines that licences ask for."""
    inputs = plan.problem.inputs
    used = references_in_use(rows_in_use(inputs, plan.problem.scenario, plan.problem.zones))
    # References of other countries' packs are left out; the user's own are kept, used or not.
    is_own = [source.is_own for source in inputs.sources.get("references", ())]
    is_own = is_own or [False] * len(inputs["references"])
    references = [
        row
        for row, own in zip(records(inputs["references"]), is_own, strict=True)
        if own or str(row["reference"]) in used
    ]
    rows = [{**row, "used_by": ", ".join(used.get(str(row["reference"]), []))} for row in references]
    sheet.paragraph("Each number of the tables names its reference; this sheet lists the references.")
    own = [f"{name}: {origin}" for name, origin in inputs.origins.items() if origin and origin != SHIPPED]
    for line in own:
        sheet.paragraph(f"Own table: {line}")
    for notice in inputs.notices:
        sheet.paragraph(f"Notice on own tables: {notice}")
    sheet.table("sources", rows, main=True)
    if len(plan.retrofits):
        sheet.section("What the plan rests on")
        sheet.paragraph(QUALITY_NOTE_OF_YEAR if plan.problem.is_static else QUALITY_NOTE)
        quality = []
        for row in quality_rows(plan.problem, plan.retrofits):
            name = "captured_ktpa" if row["amount"] == TONNES else "capex_mn"
            quality.append({**row, "value": Cell(row["value"], name), "unit": sheet.unit(name)})
        sheet.table("sources.quality", quality, plain=True)
    sheet.section("Attributions")
    for row in references:
        if str(row["licence"]).startswith(_NAMED_BY_LICENCE):
            where = f", {row['where']}" if row["where"] else ""
            sheet.paragraph(
                f"{row['citation']}{where}: {row['licence']}; changed here: selected, converted and put together."
            )


SOURCES = SheetSpec(
    "Sources", "Every reference with its licence and the tables that use it; attributions.", write_sources
)
