"""Sheet Cover: question, answer, quality of the solution and contents."""

from __future__ import annotations

from ccs_model.plan.cache_key import run_key
from ccs_model.plan.plan import Plan
from ccs_model.report import sentences as words
from ccs_model.report.workbook.checks_sheet import write_check_result
from ccs_model.report.workbook.columns import CALCULATION, CELL_CLASSES, Cell
from ccs_model.report.workbook.sheet import Page, Sheet


def write_cover(sheet: Sheet, plan: Plan) -> None:
    """Question, answer, status, checks, legend, contents."""
    scenario = plan.problem.scenario
    sheet.hide_gridlines()
    sheet.one_page()
    sheet.title("ccs-model: carbon capture retrofit plan")
    sheet.quotation(scenario.name, "lead")
    if scenario.description.strip():
        sheet.section("Question")
        sheet.quotation(" ".join(scenario.description.split()), "lead")
    sheet.section("Answer")
    sheet.paragraph(words.answer(plan), "lead")
    sheet.section("Quality of the solution")
    sheet.paragraph(words.status(plan))
    write_check_result(sheet, plan)
    sheet.banner()
    sheet.paragraph(
        f"Money is in real {plan.problem.currency} of {plan.problem.price_year}. Tonnes are metric; kt is a thousand "
        "tonnes of CO2 unless stated otherwise.",
        "note",
    )
    run = run_key(plan.problem.scenario, plan.problem.inputs).folder_name
    sheet.paragraph(f"Run {run}; see sheet RunLog.", "note")
    sheet.section("Contents")
    sheet.table(
        "cover.contents",
        [{"sheet": Cell(page.name, sheet=page.name), "holds": page.holds} for page in sheet.contents],
        plain=True,
    )
    sheet.section("Cell classes")
    sheet.paragraph("The letter above each column gives the class of its numbers; the colour repeats it.")
    sheet.table(
        "cover.classes",
        [
            {
                "letter": Cell(kind.letter, cell_class=kind),
                "kind": Cell(kind.name, cell_class=kind),
                "meaning": Cell(kind.meaning, cell_class=CALCULATION),
            }
            for kind in CELL_CLASSES
        ],
        plain=True,
    )


COVER = Page("Cover", "Question, answer, quality of the solution and contents.", write_cover)
