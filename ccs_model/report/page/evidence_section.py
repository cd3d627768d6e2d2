"""What a plan rests on: the quality of the numbers behind its tonnes and capital, and the references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from ccs_model.plan.citations import CAPITAL, DOCUMENTED, QUALITY_NOTE, TONNES, quality_rows
from ccs_model.plan.stored_run import StoredRun
from ccs_model.problem import Problem
from ccs_model.report.page.html import Column, Words, paragraph, percent, render, section, table


def evidence(run: StoredRun, words: Words, problem: Problem | None) -> Markup:
    """Return the quality of the inputs; empty for a plan without retrofits or where tables have changed."""
    retrofits = run.tables.get("retrofits")
    if problem is None or retrofits is None or retrofits.empty:
        return Markup("")
    found = quality_rows(problem, retrofits)
    rows = [
        {
            **row,
            "item": words.label(str(row["amount"])),
            "unit_text": words.unit("kt/y") if row["amount"] == TONNES else words.millions,
        }
        for row in found
    ]
    columns = [
        Column("item", words("amount")),
        Column("value", words("value"), "", 0),
        Column("unit_text", words("unit")),
        *(
            Column(f"{name}_share", words.label(f"{name[:1].upper()}{name[1:].replace('_', ' ')}"))
            for name in (DOCUMENTED, "estimated", "assumed", "built_projects")
        ),
    ]
    capital = next(row for row in found if row["amount"] == CAPITAL)
    tonnes = next(row for row in found if row["amount"] == TONNES)
    message = (
        f"Documented numbers carry {percent(capital['documented_share'], 0)} of the capital and "
        f"{percent(tonnes['documented_share'], 0)} of the tonnes."
    )
    return section(
        "evidence",
        words("evidence"),
        paragraph(words.sentence(message)),
        paragraph(words.sentence(QUALITY_NOTE), "note"),
        table("evidence", columns, rows, words, words("evidence")),
    )


def sources(words: Words, references: Sequence[Mapping[str, Any]]) -> Markup:
    """Return the references with their places, licences and the tables that use them, folded."""
    return section("sources", words("sources"), render("sources", words=words, references=references))
