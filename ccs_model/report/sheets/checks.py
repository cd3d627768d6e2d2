"""Checks: what was found when the plan was gone over without the solver."""

from __future__ import annotations

from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.report import words
from ccs_model.report.cells import RESIDUAL_FORMAT
from ccs_model.report.sheet import Page, Sheet
from ccs_model.report.style import CHECK
from ccs_model.report.table import Cell, Column


def write_checks(sheet: Sheet, plan: Plan) -> None:
    """One row a check."""
    sheet.title("Checks")
    sheet.paragraph(
        "Every figure is computed again from the problem's coefficients and the decisions alone. A check holds when "
        "the distance between actual and expected is within the tolerance; where the expected figure is larger than 1 "
        "the distance is relative to it."
    )
    sheet.verdict(bool(plan.checks["holds"].all()), words.checks(plan))
    sheet.table(
        [
            Column("name", CHECK, label="Check", widest=50),
            Column("holds", CHECK, label="Verdict"),
            Column("actual", CHECK),
            Column("expected", CHECK),
            Column("figure", CHECK, label="Distance", form=RESIDUAL_FORMAT),
            Column("tolerance", CHECK, form=RESIDUAL_FORMAT),
        ],
        [_row(check) for check in records(plan.checks)],
        main=True,
    )


def _row(check: dict[str, object]) -> dict[str, object]:
    holds = bool(check["holds"])
    return {
        **check,
        "holds": Cell("holds" if holds else "does not hold", style="holds" if holds else "broken"),
    }


CHECKS = Page("Checks", "Each check of the plan: actual, expected, tolerance, and whether it holds.", write_checks)
