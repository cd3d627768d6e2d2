"""Sheet Checks: checks of the plan, verified without the solver, and checks of the workbook's own cells."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ccs_model.plan.merit_order import macc_table
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.report.language import Language, chinese, labels
from ccs_model.report.live_accounts import by_plant, flows_of, has_accounts
from ccs_model.report.workbook.columns import Cell, declared_rows
from ccs_model.report.workbook.formulas import Formula
from ccs_model.report.workbook.sheet import Page, Row, Sheet

HOLDS, BROKEN = "holds", "does not hold"


def write_checks(sheet: Sheet, plan: Plan) -> None:
    """One row a check, then how many hold."""
    own = list(_of_workbook(sheet, plan))
    rows = [*(_of_plan(check) for check in records(plan.checks)), *own]
    n_broken = int((~plan.checks["holds"]).sum())
    sheet.one_page()
    sheet.title("Checks")
    sheet.banner()
    sheet.paragraph(
        "The checks of the plan are computed from the problem's coefficients and the decisions alone; their figures "
        "are as solved. The checks of the workbook compare its own cells and follow its inputs. A check holds if the "
        "deviation between actual and expected is within the tolerance; if the expected value exceeds 1, the "
        "deviation is relative."
    )
    top = sheet.row
    sheet.jump(top + 1)
    block = sheet.table("checks", rows, main=True, key="checks")
    sheet.check_results(block, "holds", BROKEN)
    sheet.section("Master check")
    counted = sheet.table(
        "checks.master",
        [
            {"id": "n", "name": "Checks", "value": Formula("=SUMPRODUCT(({checks!tolerance}>0)*1)", len(rows))},
            {
                "id": "broken",
                "name": "Failed checks",
                "value": Formula(f'=COUNTIF({{checks!holds}},"{BROKEN}")', n_broken),
            },
        ],
        plain=True,
    )
    sheet.book.define("checks_n", counted.cell("value", "n"))
    sheet.book.define("checks_broken", counted.cell("value", "broken"))
    end = sheet.row
    sheet.jump(top)
    write_check_result(sheet, plan, len(rows))
    sheet.jump(end)


def write_check_result(sheet: Sheet, plan: Plan, n: int | None = None) -> None:
    """The master check as a live line."""
    block = sheet.book.blocks.get("checks")
    n_rows = n if n is not None or block is None else block.last - block.first + 1
    n_broken, texts = int((~plan.checks["holds"]).sum()), check_texts(sheet.book.language)
    value = f"{n_broken}{texts['checks_of']}{n_rows}{texts['checks_broken']}"
    if n_broken == 0:
        value = f"{texts['checks_all']}{n_rows}{texts['checks_hold']}"
    messages = sheet.book.blocks["messages"]
    every, hold, of, broken = (messages.cell("meaning", name) for name in texts)
    formula = f"=IF(checks_broken=0,{every}&checks_n&{hold},checks_broken&{of}&checks_n&{broken})"
    sheet.live_check_result(formula, value, "checks_broken>0")


def check_texts(language: Language) -> dict[str, str]:
    """The parts of the master check around its numbers, by the ids of their rows on sheet Inputs."""
    texts = {name: labels().keyed[name] for name in ("checks_all", "checks_hold", "checks_of", "checks_broken")}
    if language.lang == "both":
        after = {"checks_hold": chinese("All checks hold."), "checks_broken": chinese("Some checks do not hold.")}
        return {name: each[0] + (f" / {after[name]}" if name in after else "") for name, each in texts.items()}
    return {name: each[language.lang == "zh"] for name, each in texts.items()}


def _of_plan(check: dict[str, object]) -> Row:
    """A check of the plan: its figures are the plan's, the distance and the verdict are computed again."""
    actual, expected, figure = (float(str(check[name])) for name in ("actual", "expected", "figure"))
    if not np.isfinite(actual):
        # The gap of a plan worth nothing is no share of it: all of the bound is open.
        actual, figure = 1.0, abs(1.0 - expected) / max(1.0, abs(expected))
    return _row(
        str(check["name"]),
        Cell(actual, "figure"),
        Cell(expected, "figure"),
        figure,
        float(str(check["tolerance"])),
        "plan",
        holds=bool(check["holds"]),
    )


def _row(
    name: str, actual: object, expected: object, figure: float, tolerance: float, of: str, *, holds: bool = True
) -> Row:
    return {
        "name": name,
        "holds": HOLDS if holds else BROKEN,
        "actual": actual,
        "expected": expected,
        "figure": figure,
        "tolerance": tolerance,
        "of": of,
    }


def _of_workbook(sheet: Sheet, plan: Plan) -> Iterator[Row]:
    """The checks of checks.csv: figures that stand in two places of the workbook."""
    values = _figures(sheet, plan)
    parts = (("capture_capital_mn_pa", "capture_power_mn_pa"), ("pipe_capital_mn_pa", "storage_mn_pa"))
    sums = (f"SUM({{economics!{first}@total}}:{{economics!{last}@total}})" for first, last in parts)
    cap = plan.problem.scenario.policy.paid_cap_mn
    marks = {"$cost_parts": "+".join(sums), "$last_year": str(plan.problem.years[-1]), "$paid_cap": repr(cap)}
    for declared in declared_rows("checks.csv"):
        if declared["check"] in values:
            actual, expected, value = declared["actual"], declared["expected"], float(values[declared["check"]])
            for mark, text in marks.items():
                actual, expected = actual.replace(mark, text), expected.replace(mark, text)
            sides = Formula(f"={actual}", value), Formula(f"={expected}", value)
            yield _row(declared["name"], *sides, 0.0, float(declared["tolerance"]), "workbook")


def _figures(sheet: Sheet, plan: Plan) -> dict[str, float]:
    """The figure that each check of the workbook compares; those without their tables are left out."""
    table, totals = plan.retrofits, plan.totals
    found: dict[str, float] = {}
    if len(plan.problem.plants):
        found["baseline"] = plan.problem.baseline_ktpa
    if "macc" in sheet.book.blocks:
        found["macc"] = macc_table(plan.problem, table)["avoided_at_full_load_ktpa"].sum()
    if len(table):
        found |= {name: totals[name] or 0.0 for name in ("captured_ktpa", "avoided_ktpa", "on_site_abatement_ktpa")}
    if table["captured_ktpa"].sum() > 0:
        found |= {
            "by_sector": totals["captured_ktpa"] or 0.0,
            "capture_capex": table["capture_capex_mn"].sum(),
            "pipe_capex": table["pipe_capex_mn"].sum(),
            "cost": table["cost_mn_pa"].sum(),
        }
    if has_accounts(plan):
        assert plan.owners is not None and plan.stakeholders is not None
        flows, npv_mn = flows_of(plan, None), plan.owners["npv_mn"]
        discount = np.r_[plan.problem.discount, plan.problem.closing_discount]
        own = flows["own_mn"].sum()
        found |= dict.fromkeys(("npv_of_plants", "npv_as_solved", "npv_of_row"), npv_mn.iloc[-1])
        found |= {"npv_of_selected": npv_mn.iloc[0], "capital": -own, "depreciation": own}
        found |= {"salvage": by_plant(plan)["salvage_mn"].sum(), "carbon": (flows["carbon_mn"] * discount).sum()}
        society = plan.stakeholders.set_index("stakeholder")["npv_mn"]["society"]
        if math.isfinite(plan.problem.budget_mn):
            found["budget"] = max(float(own), plan.problem.budget_mn)
        if (cap := plan.problem.scenario.policy.paid_cap_mn) is not None:
            found["payments"] = max(float(flows["paid_mn"].sum()), cap)
        found |= {"cumulative": flows["net_mn"].sum(), "society": society, "society_as_solved": society}
    return found


CHECKS = Page("Checks", "Each check: actual value, expected value, tolerance and result.", write_checks)
