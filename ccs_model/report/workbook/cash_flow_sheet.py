"""Sheet CashFlow: annual cash flow of the owners, of all plants and of one selected from a list, and its tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from ccs_model._typing import Floats
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.report import sentences as words
from ccs_model.report.live_accounts import GIVEN, by_plant, capital_of, flows_of, has_accounts, plants_of, taxed_items
from ccs_model.report.phrases import percent
from ccs_model.report.workbook.columns import (
    CALCULATION,
    CHECK,
    INPUT,
    SOLVER,
    Cell,
    Column,
    declared_rows,
    table_columns,
)
from ccs_model.report.workbook.formulas import Block, Formula, message
from ccs_model.report.workbook.native_charts import PICTURE_ROWS, Picture
from ccs_model.report.workbook.series_sheet import carbon_price_per_t, year_column, year_columns, year_span, years_of
from ccs_model.report.workbook.sheet import Page, Row, Sheet

# Factors of sheet Inputs by cash item; account_rows.csv applies them too.
FACTORS = {
    "capture_om_mn": "om_factor", "transport_om_mn": "om_factor", "storage_om_mn": "om_factor",
    "energy_mn": "energy_factor", "oil_mn": "oil_factor", "paid_mn": "subsidy_factor",
}  # fmt: skip
# What the marks in the formulas of account_rows.csv stand for: all plants, or the selected one.
_ALL_PLANTS = {
    "$salvage": "SUM({capital!salvage_mn})", "$book": "SUM({capital!book_mn})",
    "$capital": "", "$money": "", "$tonnes": "",
}  # fmt: skip
_SELECTED = {
    "$salvage": "SUMIFS({capital!salvage_mn},{capital!n},plant_picked_n)",
    "$book": "SUMIFS({capital!book_mn},{capital!n},plant_picked_n)",
    **{f"${table}": f",{{{table}!n}},plant_picked_n" for table in ("capital", "money", "tonnes")},
}


def account_rows(sheet: Sheet, plan: Plan, values: Mapping[str, Floats], *, of_plant: bool) -> list[Row]:
    """The rows of an account (income positive, expense negative), their sums, and the bases of tax and ratios."""
    discount = np.r_[plan.problem.discount, plan.problem.closing_discount]
    taxed = {"$taxed_paid": "+{@paid_mn}" if plan.problem.accounts.paid_is_taxed else ""}
    rows = []
    for declared in declared_rows("account_rows.csv"):
        formula = declared["formula"]
        for mark, text in {**(_SELECTED if of_plant else _ALL_PLANTS), **taxed}.items():
            formula = formula.replace(mark, text)
        rows.append(_row(sheet, plan, declared, formula, values[declared["row"]], discount))
    return rows


def _row(sheet: Sheet, plan: Plan, declared: Mapping[str, str], template: str, values: Floats, discount: Floats) -> Row:
    name = declared["row"]
    row: dict[str, object] = {
        "id": name,
        "item": declared["item"],
        "unit": sheet.unit(name),
        "class": CALCULATION.letter,
        "note": declared["note"],
        **_years(plan, name, template, values),
    }
    if declared["total"]:
        row["total_mn"] = Formula(f"=SUM({{@{name}:all}})", float(values.sum()))
        row["pv_mn"] = Formula(f"=SUMPRODUCT({{@{name}:all}},{{series!@discount:all}})", float(values @ discount))
    return row


def _years(plan: Plan, name: str, template: str, values: Floats) -> dict[str, object]:
    kind = SOLVER if name in ("sold_kt", "on_site_abatement_kt") else CALCULATION
    form = "year" if name == "when" else name
    style = "total" if name in ("net_mn", "project_mn") else "cell"
    return {
        year_column(year): Cell(Formula(template, "" if np.isnan(value) else float(value)), form, kind, style)
        for year, value in zip(years_of(plan.problem), values, strict=True)
    }


_OF_FLOW = {
    "net": ("net_mn", "net"),
    "net_sum": ("cumulative_mn", "cumulative net"),
    "project": ("project_mn", "project"),
    "project_sum": ("project_cumulative_mn", "cumulative project"),
}
_OF_PAYBACK = {
    "plain": ("project_cumulative_mn", "undiscounted"),
    "discounted": ("project_discounted_mn", "discounted"),
}


def working_rows(plan: Plan, values: Mapping[str, Floats], account: str) -> Iterator[Row]:
    """Signs, sign changes and years to payback: the bases of rates of return and payback periods."""

    def row(name: str, item: str, note: str, template: str, total: str = "") -> Row:
        cells = {
            year_column(year): Cell(Formula(template, float(value)), "", CALCULATION)
            for year, value in zip(years_of(plan.problem), values[name], strict=True)
        }
        found: dict[str, object] = {"id": name, "item": item, "unit": "", "class": CALCULATION.letter, "note": note}
        if total:
            value = float(values[f"{name}_total"][0]) if f"{name}_total" in values else float(values[name].sum())
            found["total_mn"] = Cell(Formula(total.replace("{}", f"{{@{name}:all}}"), value), "", CALCULATION)
        return {**found, **cells}

    for name, (flow, of) in _OF_FLOW.items():
        cell, every = f"{{{account}!@{flow}}}", f"{{{account}!@{flow}:all}}"
        yield row(
            f"dust_{name}", f"Zero threshold, {of}", "smaller amounts count as 0",
            f"=0.000000000001*(SUMPRODUCT(({every}>0)*{every})-SUMPRODUCT(({every}<0)*{every}))",
        )  # fmt: skip
        yield row(
            f"sign_{name}", f"Sign, {of}", "1 or -1, carried forward over zeros",
            f"=IF({cell}>{{@dust_{name}}},1,IF({cell}<-{{@dust_{name}}},-1,SUM({{<@sign_{name}}})))",
        )  # fmt: skip
        yield row(
            f"turn_{name}", f"Sign change, {of}", "1 where the sign changes",
            f"=IF(SUM({{<@sign_{name}}})*{{@sign_{name}}}<0,1,0)", _SUM,
        )  # fmt: skip
    for name in ("net", "project"):
        every, turns = f"{{{account}!@{_OF_FLOW[name][0]}:all}}", f"{{total_mn@turn_{name}}}"
        yield row(
            f"ends_{name}", f"One rate of return, {name}", "years: 1 if the sum is not 0; sum: 1 if the rate is unique",
            f"=IF(OR(SUM({every})>{{@dust_{name}}},SUM({every})<-{{@dust_{name}}}),1,0)",
            f"=IF(OR({turns}=1,AND({turns}>1,{{total_mn@turn_{name}_sum}}=1,MAX({{}})=1)),1,0)",
        )  # fmt: skip
    project = f"{{{account}!@project_mn}}"
    yield row("begun", "Begun", "1 from the first cash flow", f"=IF(OR({project}<>0,MAX({{<@begun}})=1),1,0)",
        _SUM)  # fmt: skip
    for name, (flow, of) in _OF_PAYBACK.items():
        cell, left = f"{{{account}!@{flow}}}", f"SUM({{{account}!<@{flow}}})"
        yield row(
            f"was_{name}", f"Was negative, {of}", "1 once it was negative",
            f"=IF({cell}<-{{@dust_project}},1,MAX({{<@was_{name}}}))", _SUM,
        )  # fmt: skip
        yield row(
            f"back_{name}", f"Recovered in the year, {of}", "1 in the year it returns to 0",
            f"=IF(AND({{@was_{name}}}=1,{cell}>=-{{@dust_project}},MAX({{<@done_{name}}})=0),1,0)", _SUM,
        )  # fmt: skip
        yield row(f"done_{name}", f"Recovered, {of}", "1 from that year", f"=MAX({{<@done_{name}}},{{@back_{name}}})")
        yield row(
            f"years_{name}", f"Years to payback, {of}", "years, linear within the year",
            f"=IF({{@back_{name}}}=1,{{series!@when}}-first_year-1+IF({cell}>{left},-{left}/({cell}-{left}),0),0)",
            _SUM,
        )  # fmt: skip


_SUM = "=SUM({})"
NONE = "none"
RESULTS = (
    ("npv_mn", "Net present value", "after tax and financing"),
    ("project_npv_mn", "Net present value of the project", "without loans"),
    ("project_irr_share", "IRR of the project", "“none” unless the flow, or its cumulative sum, changes sign once"),
    ("equity_irr_share", "IRR of the equity", "“none” as above"),
    ("payback_yr", "Payback period", "years from the first cash flow; counts salvage value; “none” beyond the horizon"),
    ("discounted_payback_yr", "Discounted payback period", "the same, discounted"),
    ("debt_service_cover", "Minimum debt service cover", "“none” without debt"),
    ("break_even_carbon_price_per_t", "Break-even carbon price", "constant, paid on every t of on-site abatement"),
)


def _capital(sheet: Sheet, plan: Plan, numbers: Mapping[str, int]) -> None:
    rows = [{**row, "n": numbers[row["plant"]]} for row in records(capital_of(plan))]
    sheet.section("Capital by plant, start year and lifetime")
    sheet.table("cash_flow.capital", rows, key="capital", named="capital")


def _money(sheet: Sheet, plan: Plan, numbers: Mapping[str, int]) -> None:
    assert plan.owner_cashflow is not None
    problem = plan.problem
    discount = np.r_[problem.discount, problem.closing_discount]
    wide = plan.owner_cashflow.pivot(index="plant", columns="year", values=list(GIVEN))
    first, last = (f"{{{each}}}" for each in year_span(problem))
    taxed, rows = taxed_items(plan), []
    for item in GIVEN:
        for plant, amounts in wide[item].iterrows():
            values = amounts.to_numpy(float)
            # The first plant keeps every item, so that no list is empty.
            if not values.any() and numbers[str(plant)] > 1:
                continue
            rows.append(
                {
                    "plant": plant, "item": item, "n": numbers[str(plant)], "taxed": int(item in taxed),
                    "factor": Formula(f"={FACTORS.get(item, 1)}", 1.0), "note": "",
                    **{year_column(int(year)): value for year, value in amounts.items()},
                    "pv_mn": Formula(
                        f"={{factor}}*SUMPRODUCT({first}:{last},discount_factor)", float((values * discount).sum())
                    ),
                }
            )  # fmt: skip
    sheet.section("Annual cash items of each plant as solved, before the factors on sheet Inputs")
    sheet.table(
        [*table_columns("cash_flow.money"), *_amounts(plan, "_mn")],
        rows,
        key="money",
        named="money",
        years=year_span(problem),
    )


def _amounts(plan: Plan, suffix: str) -> list[Column]:
    """Year columns with their unit."""
    form = "#,##0.0"
    unit = {"_mn": f"million {plan.problem.currency} {plan.problem.price_year}", "_kt": "kt"}[suffix]
    return [
        Column(column.name, SOLVER, label=column.label, unit=unit, form=form) for column in year_columns(plan.problem)
    ]


def _tonnes(sheet: Sheet, plan: Plan, numbers: Mapping[str, int]) -> None:
    assert plan.owner_tonnes is not None
    problem = plan.problem
    discount = np.r_[problem.discount, problem.closing_discount]
    price = np.r_[problem.scenario.policy.capture_deductible * np.ones(len(problem.calendar)), 0.0]
    price = price * carbon_price_per_t(problem)
    first, last = (f"{{{each}}}" for each in year_span(problem))
    rows = []
    for row in records(plan.owner_tonnes):
        years = {year: amount for year, amount in row.items() if year not in ("plant", "name")}
        values = np.array(list(years.values()), dtype=float)
        rows.append(
            {
                "plant": row["plant"], "kind": row["name"], "n": numbers[row["plant"]], "note": "",
                **{year_column(int(str(year))): amount for year, amount in years.items()},
                "pv_kt": Formula(f"=SUMPRODUCT({first}:{last},discount_factor)", float((values * discount).sum())),
                "worth_mn": Formula(
                    f"=SUMPRODUCT({first}:{last},discount_factor,carbon_price_per_t)/1000",
                    float((values * discount * price).sum()) / 1000.0,
                ),
            }
        )  # fmt: skip
    sheet.section("Tonnes by plant")
    sheet.table(
        [*table_columns("cash_flow.tonnes"), *_amounts(plan, "_kt")],
        rows,
        key="tonnes",
        named="tonnes",
        years=year_span(problem),
    )


def _plants(sheet: Sheet, plan: Plan, numbers: Mapping[str, int]) -> None:
    assert plan.owners is not None
    names = plan.problem.plants.set_index("plant")
    owners = plan.owners.set_index("plant")
    rows = []
    for row in records(by_plant(plan)):
        plant, pays = row["plant"], "yes" if row["npv_mn"] >= 0 else "no"
        rows.append(
            {
                **row,
                "n": numbers[plant],
                "break_even_carbon_price_per_t": _or_none(row["break_even_carbon_price_per_t"]),
                **{name: names[name][plant] for name in ("name", "province", "sector")},
                **{f"solved_{name}": _or_none(owners[name][plant]) for name, _, _ in RESULTS},
                "standalone_npv_mn": owners["standalone_npv_mn"][plant],
                "pays": pays,
                "paid": pays,
            }
        )
    sheet.section("Does each plant still break even?")
    sheet.table("cash_flow.plants", rows, key="plants_paid", named="plants", main=True, frozen=0)


def _or_none(value: float) -> object:
    return NONE if math.isnan(value) else float(value)


# Rows of the text, the accounts with their indicators and charts; below them stand the list of plants, then the tables
# that all of these are computed from. What refers to others is written after them.
_PLANTS_AT = 121
# Section, head, rows and room of the list of plants besides the plants, and of the working rows of an account.
_HEAD_ROWS, _WORK_ROWS = 7, 32


def write_cash_flow(sheet: Sheet, plan: Plan) -> None:
    """Write the selection of a plant, both accounts with their indicators, and the tables below them."""
    sheet.one_part()
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
    top, plants = sheet.row, plants_of(plan)
    numbers = {plant: n for n, plant in enumerate(plants, 1)}
    work_at = _PLANTS_AT + _HEAD_ROWS + len(plants)
    sheet.jump(work_at + 2 * _WORK_ROWS)
    _capital(sheet, plan, numbers)
    _money(sheet, plan, numbers)
    _tonnes(sheet, plan, numbers)
    end = sheet.row
    sheet.jump(_PLANTS_AT)
    _plants(sheet, plan, numbers)
    sheet.prints_to(sheet.row - 1)
    # The charts stand above the account that they draw, which is written first.
    sheet.jump(top + 1 + PICTURE_ROWS)
    _account(sheet, plan, "programme", "All plants", flows_of(plan, None), work_at, of_plant=False)
    sheet.page_break()
    accounts = sheet.row
    sheet.jump(end)
    _titles(sheet, flows_of(plan, None))
    end = sheet.row
    sheet.jump(top)
    sheet.pictures(*pictures(sheet))
    sheet.jump(accounts)
    _picker(sheet, plan)
    first = flows_of(plan, plants[0])
    _account(sheet, plan, "picked", "Selected plant", first, work_at + _WORK_ROWS, of_plant=True)
    if sheet.row > _PLANTS_AT:
        raise AssertionError(f"the accounts reach row {sheet.row}, past {_PLANTS_AT}")
    sheet.jump(end)
    sheet.freeze_first_column()


def _titles(sheet: Sheet, flows: Mapping[str, Floats]) -> None:
    """Write the titles of the charts, which follow the inputs."""
    amounts = [-float(flows[name].sum()) for name in ("capture_capex_mn", "transport_capex_mn", "storage_capex_mn")]
    invested, ends = sum(amounts), float(flows["net_mn"].sum())
    money, share = sheet.book.plan.problem.money, amounts[0] / invested if invested else 0.0
    parts = "+".join(f"{{programme!total_mn@{name}_capex_mn}}" for name in ("capture", "transport", "storage"))
    of_units = Formula("=IFERROR(-{programme!total_mn@capture_capex_mn}/{@invested.value},0)", share)
    cash = message(
        sheet.book.language, f"Cumulative cash flow of the owners ends at {{}} million {money}",
        ('TEXT({@ends.value},"#,##0")', f"{ends:,.0f}"),
    )  # fmt: skip
    spend = message(
        sheet.book.language, f"Capture units take {{}} of the {{}} million {money} invested",
        ('TEXT({@share.value},"0 %")', percent(share, 0)), ('TEXT({@invested.value},"#,##0")', f"{invested:,.0f}"),
    )  # fmt: skip
    rows: list[Row] = [
        {"id": "invested", "item": "Investment", "value": Cell(Formula(f"=-({parts})", invested), "x_mn")},
        {"id": "share", "item": "Share of capture units", "value": Cell(of_units, "x_share")},
        {
            "id": "ends", "item": "Cumulative net cash flow at the end",
            "value": Cell(Formula("={programme!total_mn@net_mn}", ends), "x_mn"),
        },
        {"id": "cash", "item": "Title of the chart of cash flow", "value": cash},
        {"id": "spend", "item": "Title of the chart of investment", "value": spend},
    ]  # fmt: skip
    sheet.section("Titles of the charts")
    sheet.table("cash_flow.titles", rows, plain=True, key="titles")


def _name_nothing(sheet: Sheet) -> None:
    rows: list[Row] = [{"id": "pick", "item": "Plant", "value": "(none)"}, {"id": "n", "item": "Number", "value": 0}]
    _name_picked(sheet, sheet.table("cash_flow.none", rows, plain=True, key="pick"))


def _name_picked(sheet: Sheet, block: Block) -> None:
    sheet.book.define("plant_picked", block.cell("value", "pick"))
    sheet.book.define("plant_picked_n", block.cell("value", "n"))


def _picker(sheet: Sheet, plan: Plan) -> None:
    first = plants_of(plan)[0]
    name = str(plan.problem.plants.set_index("plant")["name"][first])
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
    ]  # fmt: skip
    block = sheet.table("cash_flow.pick", rows, plain=True, key="pick")
    _name_picked(sheet, block)
    found = f"=INDEX({sheet.book.blocks['plants_paid'].column('name')},plant_picked_n,1)"
    sheet.live_text(found, sheet.book.chinese_names.get(name, name))
    sheet.choice(block, "value", "pick", sheet.book.blocks["plants_paid"].column("plant"))


def _account(
    sheet: Sheet, plan: Plan, key: str, title: str, values: Mapping[str, Floats], work_at: int, *, of_plant: bool
) -> None:
    """Write an account, its indicators and, from row `work_at` on, the rows that these are read off."""
    span = year_span(plan.problem)
    columns = [*table_columns("cash_flow.account"), *year_columns(plan.problem)]
    sheet.section(title)
    rows = account_rows(sheet, plan, values, of_plant=of_plant)
    sheet.table(columns, rows, key=key, years=span)
    top = sheet.row
    sheet.jump(work_at)
    sheet.section(f"{title}: working rows for signs and payback")
    work = list(working_rows(plan, values, key))
    sheet.table(columns, work, key=f"{key}_work", years=span, plain=True)
    if sheet.row > work_at + _WORK_ROWS:
        raise AssertionError(f"the working rows reach row {sheet.row}, past {work_at + _WORK_ROWS}")
    sheet.jump(top)
    sheet.section(f"{title}: investment indicators")
    _results(sheet, plan, key, of_plant=of_plant)


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
    sheet.table("cash_flow.results", rows, key=f"{key}_results", plain=True)


def _templates(key: str) -> dict[str, str]:
    work = f"{key}_work"

    def rate(flow: str, name: str, short: str) -> str:
        row, once = f"{{{key}!@{flow}:all}}", f"{{{work}!total_mn@ends_{short}}}"
        guess = f'IF({{@{name}.solved}}="{NONE}",0.1,{{@{name}.solved}})'
        return f'=IF({once}=1,IFERROR(IRR({row},{guess}),"{NONE}"),"{NONE}")'

    def payback(name: str) -> str:
        was, back, years, begun = (f"{{{work}!total_mn@{each}}}" for each in
                                   (f"was_{name}", f"back_{name}", f"years_{name}", "begun"))  # fmt: skip
        return f'=IF({was}=0,0,IF({back}=0,"{NONE}",{years}-(horizon_end-first_year+1-{begun})))'

    without, cut = f"{{{key}!pv_mn@without_carbon_mn}}", f"{{{key}!pv_mn@on_site_abatement_kt}}"
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
        "break_even_carbon_price_per_t": (f'=IF({cut}>0,-{without}*1000/({cut}*(1-tax_share)),"{NONE}")'),
    }


def pictures(sheet: Sheet) -> tuple[Picture, Picture]:
    """Charts of cumulative cash flow and investment by year, from the account of all plants."""
    block = sheet.book.blocks["programme"]
    years, titles = block.row_values("when"), sheet.book.blocks["titles"]
    money = sheet.unit("net_mn")
    cash = Picture(
        f"={titles.cell('value', 'cash')}", "line",
        (
            ("Undiscounted", years, block.row_values("cumulative_mn"), "#1F4FA3"),
            ("Discounted", years, block.row_values("cumulative_discounted_mn"), "#9C5700"),
        ),
        "Year", money, "Line chart of the owners' cumulative cash flow, undiscounted and discounted.", 2,
    )  # fmt: skip
    spend = Picture(
        f"={titles.cell('value', 'spend')}", "spending",
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
