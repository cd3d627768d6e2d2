"""Sources: every reference, its licence, and which tables use it."""

from __future__ import annotations

import pandas as pd

from ccs_model.inputs.geography import are_in_china
from ccs_model.inputs.load import SHIPPED
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.report import figures as published_bands
from ccs_model.report.tables_in_use import references_in_use, rows_in_use
from ccs_model.report.workbook.sheet import Page, Sheet

# Licences that ask for the author to be named wherever the data go.
_NAMED_BY_LICENCE = ("CC BY", "ECL")


def write_sources(sheet: Sheet, plan: Plan) -> None:
    """References with their use, then the lines that licences ask for."""
    inputs = plan.problem.inputs
    in_china = bool(are_in_china(pd.Series(plan.problem.zones, dtype=object)).any())
    used = references_in_use(rows_in_use(inputs, plan.problem.scenario, plan.problem.zones))
    # Where no plant stands in China, what only Chinese rows name is left out.
    references = [row for row in records(inputs["references"]) if in_china or str(row["reference"]) in used]
    rows = [{**row, "used_by": ", ".join(used.get(str(row["reference"]), []))} for row in references]
    if in_china:
        rows.append(
            {
                "reference": "ACCA21",
                "citation": published_bands.CITATION,
                "where": "",
                "licence": "facts with citation",
                "use": f"bands of capture cost to compare with; {published_bands.NOTE}",
                "used_by": "sheet Economics",
            }
        )
    sheet.title("Sources")
    sheet.paragraph("Each number of the tables names its reference; this sheet lists the references.")
    own = [f"{name}: {origin}" for name, origin in inputs.origins.items() if origin and origin != SHIPPED]
    for line in own:
        sheet.paragraph(f"Own table: {line}")
    sheet.table(
        "sources",
        rows,
        main=True,
    )
    sheet.section("Attributions")
    for row in references:
        if str(row["licence"]).startswith(_NAMED_BY_LICENCE):
            where = f", {row['where']}" if row["where"] else ""
            sheet.paragraph(
                f"{row['citation']}{where}: {row['licence']}; changed here: selected, converted and put together."
            )


SOURCES = Page("Sources", "Every reference with its licence and the tables that use it; attributions.", write_sources)
