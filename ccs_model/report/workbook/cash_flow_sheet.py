"""Sheet CashFlow: annual cash flow of the owners, of all plants and of one selected from a list, and its tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ccs_model._typing import Floats
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.report import sentences as words
from ccs_model.report.live_accounts import (
    GIVEN,
    capital_of,
    flows_of,
    has_accounts,
    npv_by_plant,
    plants_of,
    taxed_items,
)
from ccs_model.report.phrases import percent
from ccs_model.report.workbook.columns import (
    CALCULATION,
    CHECK,
    INPUT,
    SOLVER,
    Cell,
    CellClass,
    declared_rows,
    table_columns,
)
from ccs_model.report.workbook.formulas import Formula, TableRange, message
from ccs_model.report.workbook.native_charts import HALF_CHART_ROWS, ChartSpec
from ccs_model.report.workbook.series_sheet import carbon_price_per_t, values_by_year, year_columns, year_span
from ccs_model.report.workbook.sheet import Row, Sheet, SheetSpec

# Factors of sheet Inputs by cash item; account_rows.csv applies them too.
FACTORS = {
    "capture_om_mn": "om_factor", "transport_om_mn": "om_factor", "storage_om_mn": "om_factor",
    "energy_mn": "energy_factor", "oil_mn": "oil_factor", "paid_mn": "subsidy_factor",
}  # fmt: skip
# What the marks in account_rows.csv stand for: all plants, or the selected one.
_ALL_PLANTS = {
    "salvage": "SUM({capital!salvage_mn})", "book": "SUM({capital!book_mn})", "capital": "", "money": "", "tonnes": "",
}  # fmt: skip
_SELECTED = {
    "salvage": "SUMIFS({capital!salvage_mn},{capital!n},plant_picked_n)",
    "book": "SUMIFS({capital!book_mn},{capital!n},plant_picked_n)",
    **{table: f",{{{table}!n}},plant_picked_n" for table in ("capital", "money", "tonnes")},
}


def account_rows(sheet: Sheet, plan: Plan, values: Mapping[str, Floats], *, of_plant: bool) -> Iterator[Row]:
    """The rows of an account (income positive, expense negative), their sums, and the bases of tax and ratios."""
    discount = np.r_[plan.problem.discount, plan.problem.closing_discount]
    taxed_paid = "+{@paid_mn}" if plan.problem.accounts.paid_is_taxed else ""
    marks = {**(_SELECTED if of_plant else _ALL_PLANTS), "taxed_paid": taxed_paid}
    for declared in declared_rows("account_rows.csv", **marks):
        name, amounts = declared["row"], values[declared["row"]]
        kind = SOLVER if name in ("sold_kt", "on_site_abatement_kt") else CALCULATION
        style = "total" if name in ("net_mn", "project_mn") else "cell"
        row = _row(sheet, plan, declared, amounts, kind, style)
        if declared["total"]:
            row["total_mn"] = Formula(f"=SUM({{@{name}:all}})", float(amounts.sum()))
            row["pv_mn"] = Formula(f"=SUMPRODUCT({{@{name}:all}},{{series!@discount:all}})", float(amounts @ discount))
        yield row


def _row(
    sheet: Sheet, plan: Plan, declared: Mapping[str, str], values: Floats, kind: CellClass, style: str = "cell"
) -> dict[str, object]:
    """A declared row: its words, and its formula in every year."""
    name, formula = declared["row"], declared["formula"]
    form = "year" if name == "when" else name
    cells = (Cell(Formula(formula, "" if np.isnan(value) else float(value)), form, kind, style) for value in values)
    words_of_it = {"item": declared["item"], "unit": sheet.unit(name), "note": declared["note"]}
    return {"id": name, **words_of_it, "class": CALCULATION.letter, **values_by_year(plan.problem, cells)}


# Families of rows in working_rows.csv, with the name, the flow and the words of each member.
_WORKING = (
    ("flow", "net", "net_mn", "net"),
    ("flow", "net_sum", "cumulative_mn", "cumulative net"),
    ("flow", "project", "project_mn", "project"),
    ("flow", "project_sum", "project_cumulative_mn", "cumulative project"),
    ("rate", "net", "net_mn", "net"),
    ("rate", "project", "project_mn", "project"),
    ("begun", "", "project_mn", ""),
    ("payback", "plain", "project_cumulative_mn", "undiscounted"),
    ("payback", "discounted", "project_discounted_mn", "discounted"),
)


def working_rows(sheet: Sheet, plan: Plan, values: Mapping[str, Floats], account: str) -> Iterator[Row]:
    """Signs, sign changes and years to payback: the bases of rates of return and payback periods."""
    for family, name, flow, of in _WORKING:
        cell, every, before = (f"{{{account}!{each}}}" for each in (f"@{flow}", f"@{flow}:all", f"<@{flow}"))
        marks = {"name": name, "of": of, "cell": cell, "every": every, "before": f"SUM({before})"}
        for declared in declared_rows("working_rows.csv", **marks):
            if declared["family"] != family:
                continue
            amounts, total = values[declared["row"]], values.get(f"{declared['row']}_total")
            row = _row(sheet, plan, declared, amounts, CALCULATION)
            if declared["total"]:
                summed = float(amounts.sum() if total is None else total[0])
                row["total_mn"] = Formula(declared["total"], summed)
            yield row


NONE = "none"


def _money(sheet: Sheet, plan: Plan, numbers: Mapping[str, int]) -> None:
    assert plan.owner_cashflow is not None
    problem = plan.problem
    discount = np.r_[problem.discount, problem.closing_discount]
    wide = plan.owner_cashflow.pivot(index="plant", columns="year", values=list(GIVEN))
    discounted = f"SUMPRODUCT({year_span(problem)},discount_factor)"
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
                    "factor": Formula(f"={FACTORS.get(item, 1)}", 1.0),
                    "pv_mn": Formula(f"={{factor}}*{discounted}", float((values * discount).sum())),
                    **values_by_year(problem, values.tolist()),
                }
            )  # fmt: skip
    sheet.section("Annual cash items of each plant as solved, before the factors on sheet Inputs")
    _write_yearly_amounts(sheet, plan, "cash_flow.money", sheet.unit("x_mn"), rows)


def _tonnes(sheet: Sheet, plan: Plan, numbers: Mapping[str, int]) -> None:
    assert plan.owner_tonnes is not None
    problem = plan.problem
    discount = np.r_[problem.discount, problem.closing_discount]
    price = np.r_[problem.scenario.policy.capture_deductible * np.ones(len(problem.calendar)), 0.0]
    price = price * carbon_price_per_t(problem)
    present = f"=SUMPRODUCT({year_span(problem)},discount_factor)"
    worth = f"=SUMPRODUCT({year_span(problem)},discount_factor,carbon_price_per_t)/1000"
    rows = []
    for row in records(plan.owner_tonnes):
        plant, kind = row.pop("plant"), row.pop("name")
        values = np.array(list(row.values()), dtype=float)
        rows.append(
            {
                "plant": plant, "kind": kind, "n": numbers[plant], "note": "",
                "pv_kt": Formula(present, float((values * discount).sum())),
                "worth_mn": Formula(worth, float((values * discount * price).sum()) / 1000.0),
                **values_by_year(problem, row.values()),
            }
        )  # fmt: skip
    sheet.section("Tonnes by plant")
    _write_yearly_amounts(sheet, plan, "cash_flow.tonnes", sheet.unit("x_kt"), rows)


def _write_yearly_amounts(sheet: Sheet, plan: Plan, table: str, unit: str, rows: Sequence[Row]) -> None:
    """Write amounts of every year in one unit."""
    years = year_columns(plan.problem)
    amounts = [replace(each, cell_class=SOLVER, optional=False, unit=unit, form="#,##0.0") for each in years]
    name = table.partition(".")[2]
    sheet.table([*table_columns(table), *amounts], rows, key=name, named=name)


def _plants(sheet: Sheet, plan: Plan, numbers: Mapping[str, int]) -> None:
    assert plan.owners is not None
    names = plan.problem.plants.set_index("plant")
    owners = plan.owners.set_index("plant")
    indicators = [declared["indicator"] for declared in declared_rows("indicators.csv")]
    rows = []
    for row in records(npv_by_plant(plan)):
        plant, pays = row["plant"], "yes" if row["npv_mn"] >= 0 else "no"
        rows.append(
            {
                **row,
                "n": numbers[plant],
                "break_even_carbon_price_per_t": _value_or_none(row["break_even_carbon_price_per_t"]),
                **{name: names[name][plant] for name in ("name", "province", "sector")},
                **{f"solved_{name}": _value_or_none(owners[name][plant]) for name in indicators},
                "standalone_npv_mn": owners["standalone_npv_mn"][plant],
                "pays": pays,
                "paid": pays,
            }
        )
    sheet.section("Does each plant still break even?")
    sheet.table("cash_flow.plants", rows, key="plants_paid", named="plants", main=True, frozen=0)


def _value_or_none(value: float) -> object:
    return NONE if math.isnan(value) else float(value)


# Rows of the text, the accounts with their indicators and charts; below them stand the list of plants, then the tables
# that all of these are computed from. What refers to others is written after them.
_PLANTS_AT = 121
# Section, head, rows and room of the list of plants besides the plants, and of the working rows of an account.
_HEAD_ROWS, _WORK_ROWS = 7, 32


def write_cash_flow(sheet: Sheet, plan: Plan) -> None:
    """Write the selection of a plant, both accounts with their indicators, and the tables below them."""
    sheet.is_in_one_part = True
    sheet.banner()
    if not has_accounts(plan):
        sheet.note(words.empty_plan_sentence(plan) or "A static year has no cash flow; capital is annualised.")
        none: list[Row] = [
            {"id": "pick", "item": "Plant", "value": "(none)"}, {"id": "n", "item": "Number", "value": 0}
        ]  # fmt: skip
        _write_picked_plant(sheet, "cash_flow.none", none)
        return
    sheet.paragraph(
        "Undiscounted real cash flow of the owners, income positive; the last column is the end of the horizon. "
        "Change inputs on sheets Inputs and Series; every figure here is recomputed for the same retrofits. Losses "
        "are offset against other profits of the same year."
    )
    top, plants = sheet.row, plants_of(plan)
    numbers = {plant: n for n, plant in enumerate(plants, 1)}
    work_at = _PLANTS_AT + _HEAD_ROWS + len(plants)
    with sheet.write_at_row(work_at + 2 * _WORK_ROWS):
        sheet.section("Capital by plant, start year and lifetime")
        capital = [{**row, "n": numbers[row["plant"]]} for row in records(capital_of(plan))]
        sheet.table("cash_flow.capital", capital, key="capital", named="capital")
        _money(sheet, plan, numbers)
        _tonnes(sheet, plan, numbers)
        end = sheet.row
    with sheet.write_at_row(_PLANTS_AT):
        _plants(sheet, plan, numbers)
        sheet.last_printed_row = sheet.row - 1
    # The charts stand above the account that they draw, which is written first.
    sheet.jump(top + 1 + HALF_CHART_ROWS)
    _account(sheet, plan, "programme", "All plants", flows_of(plan, None), work_at, of_plant=False)
    sheet.page_break()
    with sheet.write_at_row(end):
        _titles(sheet, flows_of(plan, None))
    with sheet.write_at_row(top):
        sheet.charts(*charts(sheet))
    _write_picker(sheet, plan)
    first = flows_of(plan, plants[0])
    _account(sheet, plan, "picked", "Selected plant", first, work_at + _WORK_ROWS, of_plant=True)
    if sheet.row > _PLANTS_AT:
        raise AssertionError(f"the accounts reach row {sheet.row}, past {_PLANTS_AT}")
    sheet.freeze_first_column()


def _titles(sheet: Sheet, flows: Mapping[str, Floats]) -> None:
    """Write the titles of the charts, which follow the inputs."""
    amounts = [-float(flows[name].sum()) for name in ("capture_capex_mn", "transport_capex_mn", "storage_capex_mn")]
    invested, ends = sum(amounts), float(flows["net_mn"].sum())
    money, share = sheet.book.plan.problem.money, amounts[0] / invested if invested else 0.0
    parts = "+".join(f"{{programme!total_mn@{name}_capex_mn}}" for name in ("capture", "transport", "storage"))
    of_units = Formula("=IFERROR(-{programme!total_mn@capture_capex_mn}/{@invested.value},0)", share)
    cash = message(
        sheet.book.language, f"Cumulative cash flow of the owners ends at {{}} million {money}, undiscounted",
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


def _write_picked_plant(sheet: Sheet, table: str, rows: Sequence[Row]) -> TableRange:
    """Write the plant that is selected and its number, and name their cells."""
    block = sheet.table(table, rows, plain=True)
    sheet.book.define("plant_picked", block.cell("value", "pick"))
    sheet.book.define("plant_picked_n", block.cell("value", "n"))
    return block


def _write_picker(sheet: Sheet, plan: Plan) -> None:
    first = plants_of(plan)[0]
    name = str(plan.problem.plants.set_index("plant")["name"][first])
    number = Formula("=SUMPRODUCT(({plants_paid!plant}={@pick.value})*{plants_paid!n})", 1)
    rows: list[Row] = [
        {
            "id": "pick", "item": "Plant shown below", "value": Cell(first, "", INPUT, unlocked=True),
            "class": INPUT.letter, "note": "select from the list",
        },
        {
            "id": "n", "item": "Number", "value": number, "class": CALCULATION.letter,
            "note": "in the table of plants below",
        },
    ]  # fmt: skip
    block = _write_picked_plant(sheet, "cash_flow.pick", rows)
    found = f"=INDEX({sheet.book.blocks['plants_paid'].column('name')},plant_picked_n,1)"
    sheet.live_line(found, sheet.book.chinese_names.get(name, name), "strong")
    sheet.choice(block, "value", "pick", sheet.book.blocks["plants_paid"].column("plant"))


def _account(
    sheet: Sheet, plan: Plan, key: str, title: str, values: Mapping[str, Floats], work_at: int, *, of_plant: bool
) -> None:
    """Write an account, its indicators and, from row `work_at` on, the rows that these are read off."""
    columns = [*table_columns("cash_flow.account"), *year_columns(plan.problem)]
    sheet.section(title)
    rows = account_rows(sheet, plan, values, of_plant=of_plant)
    sheet.table(columns, rows, key=key)
    with sheet.write_at_row(work_at):
        sheet.section(f"{title}: working rows for signs and payback")
        work = list(working_rows(sheet, plan, values, key))
        sheet.table(columns, work, key=f"{key}_work", plain=True)
        if sheet.row > work_at + _WORK_ROWS:
            raise AssertionError(f"the working rows reach row {sheet.row}, past {work_at + _WORK_ROWS}")
    sheet.section(f"{title}: investment indicators")
    _results(sheet, plan, key, of_plant=of_plant)


def _results(sheet: Sheet, plan: Plan, key: str, *, of_plant: bool) -> None:
    assert plan.owners is not None
    solved = plan.owners.iloc[0 if of_plant else -1]
    rows = []
    for declared in declared_rows("indicators.csv", account=key, work=f"{key}_work"):
        name = declared["indicator"]
        value = _value_or_none(solved[name])
        known: object = value
        if of_plant:
            known = Formula(f"=INDEX({{plants_paid!solved_{name}}},plant_picked_n,1)", value)
        gap = 0.0 if value != NONE else ""
        rows.append(
            {
                "id": name,
                "item": declared["item"],
                "unit": sheet.unit(name),
                "class": CALCULATION.letter,
                "live": Cell(Formula(declared["formula"], value), name, CALCULATION),
                "solved": Cell(known, name, SOLVER),
                "note": declared["note"],
                "difference": Cell(Formula('=IFERROR({live}-{solved},"")', gap), name, CHECK),
            }
        )
    sheet.table("cash_flow.results", rows, key=f"{key}_results", plain=True)


def charts(sheet: Sheet) -> tuple[ChartSpec, ChartSpec]:
    """Charts of cumulative cash flow and investment by year, from the account of all plants."""
    block = sheet.book.blocks["programme"]
    years, titles = block.row_values("when"), sheet.book.blocks["titles"]
    money = sheet.unit("net_mn")
    cash = ChartSpec(
        f"={titles.cell('value', 'cash')}", "line",
        (
            ("Undiscounted", years, block.row_values("cumulative_mn"), "#1F4FA3"),
            ("Discounted", years, block.row_values("cumulative_discounted_mn"), "#9C5700"),
        ),
        "Year", money, "Line chart of the owners' cumulative cash flow, undiscounted and discounted.", 2,
    )  # fmt: skip
    spend = ChartSpec(
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


CASH_FLOW = SheetSpec(
    "CashFlow",
    "Annual cash flow of the owners: all plants, one plant in detail, and the break-even of each.",
    write_cash_flow,
)
