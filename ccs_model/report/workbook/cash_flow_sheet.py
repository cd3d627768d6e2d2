"""Sheet CashFlow: annual cash flow of the owners, for all plants and for one plant selected from a list."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ccs_model._typing import Floats
from ccs_model.plan.plan import Plan
from ccs_model.report import sentences as words
from ccs_model.report.live_accounts import flows_of, has_accounts, plants_of
from ccs_model.report.workbook.cash_flow_tables import NONE, RESULTS, account_rows, working_rows, write_tables
from ccs_model.report.workbook.columns import CALCULATION, CHECK, INPUT, SOLVER, Cell, table_columns
from ccs_model.report.workbook.formulas import Block, Formula
from ccs_model.report.workbook.native_charts import Picture
from ccs_model.report.workbook.series_sheet import year_columns, year_span
from ccs_model.report.workbook.sheet import Page, Row, Sheet

# The tables start at this row; they are written first, because the accounts above refer to them.
_TABLES_AT = 174
_RESULT_ROWS = len(RESULTS) + 4


def write_cash_flow(sheet: Sheet, plan: Plan) -> None:
    """Write the selection of a plant, both accounts with their indicators, and the tables below them."""
    sheet.title("CashFlow")
    sheet.banner()
    sheet.paragraph(
        "Undiscounted real cash flow of the owners, income positive; the last column is the end of the horizon. "
        "Change inputs on sheets Inputs and Series; every figure here is recomputed for the same retrofits. Losses "
        "are offset against other profits of the same year."
    )
    if not has_accounts(plan):
        why = "A static year has no cash flow; capital is annualised."
        if plan.retrofits.empty:
            why = words.nothing_built(plan)
        sheet.paragraph(why, "note")
        _name_nothing(sheet)
        return
    top = sheet.row
    sheet.jump(_TABLES_AT)
    of_plants = write_tables(sheet, plan)
    end = sheet.row
    sheet.jump(top)
    _picker(sheet, plan)
    programme, first = flows_of(plan, None), flows_of(plan, plants_of(plan)[0])
    _account(sheet, plan, "programme", "All plants", programme, of_plant=False)
    _account(sheet, plan, "picked", "Selected plant", first, of_plant=True)
    # The same charts are printed with sheet Summary.
    charts = sheet.row
    sheet.pictures(*pictures(sheet))
    sheet.leave_unprinted(charts, of_plants - 1)
    if sheet.row > _TABLES_AT:
        raise AssertionError(f"the accounts reach row {sheet.row}, past {_TABLES_AT}")
    sheet.jump(end)
    sheet.freeze_first_column()


def _name_nothing(sheet: Sheet) -> None:
    rows: list[Row] = [{"id": "pick", "item": "Plant", "value": "(none)"}, {"id": "n", "item": "Number", "value": 0}]
    _name_picked(sheet, sheet.table("cash_flow.none", rows, plain=True, key="pick"))


def _name_picked(sheet: Sheet, block: Block) -> None:
    sheet.book.define("plant_picked", block.cell("value", "pick"))
    sheet.book.define("plant_picked_n", block.cell("value", "n"))


def _picker(sheet: Sheet, plan: Plan) -> None:
    first = plants_of(plan)[0]
    name = plan.problem.plants.set_index("plant")["name"][first]
    rows: list[Row] = [
        {
            "id": "pick", "item": "Plant shown below", "value": Cell(first, "", INPUT, unlocked=True),
            "class": INPUT.letter, "note": "select from the list",
        },
        {
            "id": "n", "item": "Number", "value": Formula(
                "=SUMPRODUCT(({plants_paid!plant}={@pick.value})*{plants_paid!n})", 1
            ),
            "class": CALCULATION.letter, "note": "in the table of plants below",
        },
        {
            "id": "name", "item": "Name", "value": Formula("=INDEX({plants_paid!name},{@n.value},1)", str(name)),
            "class": CALCULATION.letter, "note": "",
        },
    ]  # fmt: skip
    block = sheet.table(
        "cash_flow.pick",
        rows,
        plain=True,
        key="pick",
    )
    _name_picked(sheet, block)
    sheet.choice(block, "value", "pick", sheet.book.blocks["plants_paid"].column("plant"))


def _account(sheet: Sheet, plan: Plan, key: str, title: str, values: Mapping[str, Floats], *, of_plant: bool) -> None:
    span = year_span(plan.problem)
    columns = [*table_columns("cash_flow.account"), *year_columns(plan.problem)]
    sheet.section(title)
    rows = account_rows(sheet, plan, values, of_plant=of_plant)
    sheet.table(columns, rows, key=key, years=span)
    # Ratios are read off the working rows, which stand below them and are written first.
    top = sheet.row
    sheet.jump(top + _RESULT_ROWS)
    sheet.section(f"{title}: working rows for signs and payback")
    work = list(working_rows(plan, values, key))
    sheet.table(columns, work, key=f"{key}_work", years=span, plain=True)
    sheet.leave_unprinted(top + _RESULT_ROWS, sheet.row - 1)
    end = sheet.row
    sheet.jump(top)
    sheet.section(f"{title}: investment indicators")
    _results(sheet, plan, key, of_plant=of_plant)
    sheet.jump(end)


def _results(sheet: Sheet, plan: Plan, key: str, *, of_plant: bool) -> None:
    assert plan.owners is not None
    solved = plan.owners.iloc[0 if of_plant else -1]
    templates = _templates(key)
    rows = []
    for name, text, note in RESULTS:
        value = NONE if math.isnan(solved[name]) else float(solved[name])
        known: object = value
        if of_plant:
            known = Formula(f"=INDEX({{plants_paid!solved_{name}}},plant_picked_n,1)", value)
        gap = 0.0 if value != NONE else ""
        rows.append(
            {
                "id": name,
                "item": text,
                "unit": sheet.unit(name),
                "class": CALCULATION.letter,
                "live": Cell(Formula(templates[name], value), name, CALCULATION),
                "solved": Cell(known, name, SOLVER),
                "note": note,
                "difference": Cell(Formula('=IFERROR({live}-{solved},"")', gap), name, CHECK),
            }
        )
    sheet.table(
        "cash_flow.results",
        rows,
        key=f"{key}_results",
        plain=True,
    )


def _templates(key: str) -> dict[str, str]:
    work, after_tax = f"{key}_work", "(1-tax_share)"

    def rate(flow: str, name: str, short: str) -> str:
        row = f"{{{key}!@{flow}:all}}"
        turns, of_sum = f"SUM({{{work}!@turn_{short}:all}})", f"SUM({{{work}!@turn_{short}_sum:all}})"
        ends = f"OR(SUM({row})>MAX({{{work}!@dust_{short}:all}}),SUM({row})<-MAX({{{work}!@dust_{short}:all}}))"
        guess = f'IF({{@{name}.solved}}="{NONE}",0.1,{{@{name}.solved}})'
        return f'=IF(OR({turns}=1,AND({turns}>1,{of_sum}=1,{ends})),IFERROR(IRR({row},{guess}),"{NONE}"),"{NONE}")'

    def payback(name: str) -> str:
        return (
            f'=IF(SUM({{{work}!@was_{name}:all}})=0,0,IF(SUM({{{work}!@back_{name}:all}})=0,"{NONE}",'
            f"SUM({{{work}!@years_{name}:all}})-(horizon_end-first_year+1-SUM({{{work}!@begun:all}}))))"
        )

    without = f"(SUMPRODUCT({{{key}!@net_mn:all}}-{{{key}!@carbon_mn:all}}*{after_tax},discount_factor))"
    cut = f"SUMPRODUCT({{{key}!@on_site_abatement_kt:all}},discount_factor)"
    return {
        "npv_mn": f"=SUMPRODUCT({{{key}!@net_mn:all}},discount_factor)",
        "project_npv_mn": f"=SUMPRODUCT({{{key}!@project_mn:all}},discount_factor)",
        "project_irr_share": rate("project_mn", "project_irr_share", "project"),
        "equity_irr_share": rate("net_mn", "equity_irr_share", "net"),
        "payback_yr": payback("plain"),
        "discounted_payback_yr": payback("discounted"),
        "debt_service_cover": (
            f'=IF(SUM({{{key}!@interest_mn:all}})+SUM({{{key}!@repaid_mn:all}})=0,"{NONE}",MIN({{{key}!@cover:all}}))'
        ),
        "break_even_carbon_price_per_t": (f'=IF({cut}>0,-{without}/({cut}*{after_tax}/1000),"{NONE}")'),
    }


def pictures(sheet: Sheet) -> tuple[Picture, Picture]:
    """Charts of cumulative cash flow and investment by year, from the account of all plants."""
    block = sheet.book.blocks["programme"]
    years = block.row_values("when")
    money = sheet.unit("net_mn")
    cash = Picture(
        "Cumulative cash flow of the owners", "line",
        (
            ("Undiscounted", years, block.row_values("cumulative_mn"), "#1F4FA3"),
            ("Discounted", years, block.row_values("cumulative_discounted_mn"), "#9C5700"),
        ),
        "Year", money, "Line chart of the owners' cumulative cash flow, undiscounted and discounted.", 2,
    )  # fmt: skip
    spend = Picture(
        "Investment by year", "spending",
        tuple(
            (name, years, block.row_values(row), colour)
            for name, row, colour in (
                ("Capture", "capture_capex_mn", "#1B6637"),
                ("Transport", "transport_capex_mn", "#5B8DB8"),
                ("Storage", "storage_capex_mn", "#9C5700"),
            )
        ),
        "Year", money,
        "Stacked columns of the capital invested each year in capture, transport and storage.", 2,
    )  # fmt: skip
    return cash, spend


CASH_FLOW = Page(
    "CashFlow",
    "Annual cash flow of the owners: all plants, one plant in detail, and the break-even of each.",
    write_cash_flow,
)
