"""Sheet Checks: checks of the plan, verified without the solver, and checks of the workbook's own cells."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ccs_model.plan.merit_order import macc_table
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.report import sentences as words
from ccs_model.report.live_accounts import by_plant, flows_of, has_accounts
from ccs_model.report.workbook.columns import Cell
from ccs_model.report.workbook.formulas import Formula
from ccs_model.report.workbook.sheet import Page, Row, Sheet

HOLDS, BROKEN = "holds", "does not hold"
_TIGHT = 1e-9


def write_checks(sheet: Sheet, plan: Plan) -> None:
    """One row a check, then how many hold."""
    own = list(_of_workbook(sheet, plan))
    rows = [*(_of_plan(check) for check in records(plan.checks)), *own]
    n_broken = int((~plan.checks["holds"]).sum())
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
    block = sheet.table(
        "checks",
        rows,
        main=True,
        key="checks",
    )
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
    sheet.live_check_result(
        '=IF(checks_broken=0,"All "&checks_n&" checks hold.",'
        'checks_broken&" of "&checks_n&" checks do not hold: see sheet Checks.")',
        words.checks(plan, n_rows or 0),
        "checks_broken>0",
    )


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


def _live(name: str, actual: str, expected: str, value: float, tolerance: float = _TIGHT) -> Row:
    return _row(
        name, Formula(f"={actual}", float(value)), Formula(f"={expected}", float(value)), 0.0, tolerance, "workbook"
    )


def _of_workbook(sheet: Sheet, plan: Plan) -> Iterator[Row]:
    """Figures that stand in two places of the workbook."""
    if len(plan.problem.plants):
        baseline = plan.problem.baseline_ktpa
        yield _live(
            "baseline: sheet Plants equals the key figures", "{plants!baseline_ktpa@total}",
            "{key_figures!solved@baseline_ktpa}", baseline,
        )  # fmt: skip
    if "macc" in sheet.book.blocks:
        yield from _of_macc(plan)
    if len(plan.retrofits):
        yield from _of_retrofits(sheet, plan)
    if has_accounts(plan):
        yield from _of_accounts(plan)


def _of_macc(plan: Plan) -> Iterator[Row]:
    total = float(macc_table(plan.problem, plan.retrofits)["avoided_ktpa"].sum())
    yield _live(
        "MACC: running sums end at the total", "MAX({macc!cumulative_avoided_ktpa})", "SUM({macc!avoided_ktpa})", total
    )


def _of_retrofits(sheet: Sheet, plan: Plan) -> Iterator[Row]:
    table, totals = plan.retrofits, plan.totals
    for name, text in (
        ("captured_ktpa", "captured"),
        ("avoided_ktpa", "avoided"),
        ("on_site_abatement_ktpa", "on-site abatement"),
    ):
        yield _live(
            f"{text}: retrofits sum to the plan", f"{{retrofits!{name}@total}}", f"{{key_figures!solved@{name}}}",
            float(totals[name] or 0.0), 1e-6,
        )  # fmt: skip
    if not table["captured_ktpa"].sum() > 0:
        return
    yield _live(
        "captured by sector sums to the plan", f"{{by_sector!from_{plan.problem.years[-1]}@total}}",
        "{key_figures!solved@captured_ktpa}", float(totals["captured_ktpa"] or 0.0), 1e-6,
    )  # fmt: skip
    capex = float(table["capture_capex_mn"].sum())
    yield _live(
        "capture capex: scaling law on Economics equals sheet Retrofits", "{economics!capture_capex_mn@total}",
        "{retrofits!capture_capex_mn@total}*capex_factor", capex,
    )  # fmt: skip
    yield _live(
        "pipeline capex: Economics equals sheet Retrofits", "{economics!pipe_capex_mn@total}",
        "{retrofits!pipe_capex_mn@total}*capex_factor", float(table["pipe_capex_mn"].sum()),
    )  # fmt: skip
    cost = float(table["cost_mn_pa"].sum())
    parts = "+".join(
        f"{{economics!{name}@total}}"
        for name in sheet.book.blocks["economics"].columns
        if name.endswith("_mn_pa") and not name.startswith("solved_") and name not in ("cost_mn_pa", "capture_mn_pa")
    )
    yield _live(
        "annual cost on Economics: sum of parts equals sum of rows", parts, "{economics!cost_mn_pa@total}", cost
    )


def _of_accounts(plan: Plan) -> Iterator[Row]:
    assert plan.owners is not None and plan.stakeholders is not None and plan.owner_cashflow is not None
    parts, flows = by_plant(plan), flows_of(plan, None)
    npv = float(plan.owners["npv_mn"].iloc[-1])
    discount = np.r_[plan.problem.discount, plan.problem.closing_discount]
    society = plan.stakeholders.set_index("stakeholder")["npv_mn"]
    yield _live(
        "owners' NPV: plants sum to the total", "SUM({plants_paid!npv_mn})", "{programme_results!live@npv_mn}",
        npv,
    )  # fmt: skip
    yield _live(
        "owners' NPV: equals the solver's value at its inputs",
        "{programme_results!live@npv_mn}",
        "IF(inputs_changed=0,{programme_results!solved@npv_mn},{programme_results!live@npv_mn})",
        npv,
    )
    yield _live(
        "owners' NPV: equals the sum of the discounted row", "SUM({programme!@discounted_mn:all})",
        "{programme_results!live@npv_mn}", npv,
    )  # fmt: skip
    yield _live(
        "NPV of the selected plant equals its row in the table", "{picked_results!live@npv_mn}",
        "INDEX({plants_paid!npv_mn},plant_picked_n,1)", float(plan.owners["npv_mn"].iloc[0]),
    )  # fmt: skip
    yield _live(
        "capital: spending in the account equals the capital table", "-{programme!total_mn@own_mn}",
        "-SUM({capital!spent_mn})", -float(flows["own_mn"].sum()),
    )  # fmt: skip
    yield _live(
        "depreciation plus net book value equals capital less grants",
        "SUM({programme!@depreciation_mn:all})+SUM({programme!@book_mn:all})", "{programme!total_mn@own_mn}",
        float(flows["own_mn"].sum()),
    )  # fmt: skip
    yield _live(
        "salvage value: plants sum to the total", "SUM({plants_paid!salvage_mn})", "SUM({programme!@salvage_mn:all})",
        float(parts["salvage_mn"].sum()),
    )  # fmt: skip
    yield _live(
        "carbon revenue, discounted: plants sum to the total", "SUM({plants_paid!carbon_pv_mn})",
        "SUMPRODUCT({programme!@carbon_mn:all},discount_factor)", float((flows["carbon_mn"] * discount).sum()),
    )  # fmt: skip
    yield _live(
        "cumulative cash flow ends at the sum of the net cash flow",
        "INDEX({programme!@cumulative_mn:all},1,horizon_end-first_year+1)",
        "SUM({programme!@net_mn:all})", float(flows["net_mn"].sum()),
    )  # fmt: skip
    yield _live(
        "society: gains of stakeholders plus damage avoided equal the social account",
        "{stakeholders!npv_mn@owners}+{stakeholders!npv_mn@public_purse}+{stakeholders!npv_mn@financiers}"
        "+{ledger!amount_mn@damage_avoided_mn}",
        "{stakeholders!npv_mn@society}", float(society["society"]),
    )  # fmt: skip
    yield _live(
        "net social benefit: equals the solver's value at its inputs", "{stakeholders!npv_mn@society}",
        "IF(inputs_changed=0,{stakeholders!solved_npv_mn@society},{stakeholders!npv_mn@society})",
        float(society["society"]),
    )  # fmt: skip


CHECKS = Page("Checks", "Each check: actual value, expected value, tolerance and result.", write_checks)
