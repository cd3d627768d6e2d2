"""Assumptions: what the model takes for granted, and every row of every table that is assumed."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ccs_model.inputs.dictionary import read_dictionary
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.report.cells import first_few
from ccs_model.report.model_assumptions import model_assumptions
from ccs_model.report.rows_in_use import rows_in_use
from ccs_model.report.sheet import Page, Row, Sheet
from ccs_model.report.style import ASSUMED
from ccs_model.report.table import Column, label

# Columns that say where a number is from, not what it is about.
_ABOUT_THE_ROW = frozenset(("line", "reference", "quality", "note", "price_year", "name", "name_zh"))
_MOST_NAMED = 6


def write_assumptions(sheet: Sheet, plan: Plan) -> None:
    """Statements first, then the assumed rows, those of one reason in one line."""
    tables = rows_in_use(plan.problem.inputs, plan.problem.scenario, plan.problem.zones)
    sheet.title("Assumptions")
    sheet.paragraph(
        "What this version takes for granted comes first, then the numbers that are assumed for want of a document. "
        "Rows of a table that share their reason stand in one line."
    )
    sheet.section("Of the model")
    sheet.table(
        [
            Column("table", ASSUMED, label="No.", widest=26),
            Column("statement", ASSUMED, widest=44),
            Column("why", ASSUMED, widest=44),
            Column("effect_if_wrong", ASSUMED, widest=56),
        ],
        [
            {
                "table": str(number),
                "statement": each.statement,
                "why": each.why,
                "effect_if_wrong": each.effect_if_wrong,
            }
            for number, each in enumerate(model_assumptions(plan.problem), start=1)
        ],
        plain=True,
        named="of_model",
    )
    sheet.section("Of the tables")
    rows = [row for name, table in tables.items() if "quality" in table for row in _assumed_rows(name, table)]
    sheet.table(
        [
            Column("table", ASSUMED, widest=26),
            Column("rows", ASSUMED, widest=44),
            Column("what", ASSUMED, label="What is assumed", widest=44),
            Column("note", ASSUMED, label="Reason", widest=56),
            Column("reference", ASSUMED, widest=20),
            Column("n_assumed", ASSUMED, label="Number of rows"),
        ],
        rows,
        main=True,
    )


def _assumed_rows(name: str, table: pd.DataFrame) -> Iterator[Row]:
    """Rows of quality "assumed", by reason; then columns assumed in rows that are not."""
    key, what = _key_and_quantities(name)
    if name.startswith("plants/"):  # an inventory's rows may stand in any order, and only the first are named
        table = table.sort_values(key, kind="stable")
    assumed = table[table["quality"] == "assumed"]
    for (reference, note), group in assumed.groupby(["reference", "note"], sort=False):
        yield _line(name, group, key, ", ".join(map(label, what)), str(note), str(reference))
    if "assumed_columns" in table:
        partly = table[(table["assumed_columns"] != "") & (table["quality"] != "assumed")]
        for (columns, reference), group in partly.groupby(["assumed_columns", "reference"]):
            labels = ", ".join(map(label, str(columns).split(";")))
            yield _line(name, group, key, labels, "not in the inventory: the usual case is taken", str(reference))


def _line(name: str, group: pd.DataFrame, key: list[str], what: str, note: str, reference: str) -> dict[str, object]:
    named = [" ".join(_said(row[each]) for each in key if _said(row[each])) for row in records(group)]
    return {
        "table": name,
        "rows": first_few(named, _MOST_NAMED),
        "what": what,
        "note": note,
        "reference": reference,
        "n_assumed": len(group),
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
    # The heat of a technology is told by its concentration; a plant or a site by its id alone.
    if name == "technologies/heat":
        key.append("co2_share")
    if name.startswith(("plants/", "storage/", "technologies/technologies")):
        key = key[:1]
    return key, [
        column.name for column, counts in zip(columns, is_quantity, strict=True) if counts and column.name not in key
    ]


def _said(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


ASSUMPTIONS = Page(
    "Assumptions", "What the model takes for granted, and every number that is assumed, with why.", write_assumptions
)
