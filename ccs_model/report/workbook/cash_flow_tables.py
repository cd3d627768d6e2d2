"""Tables of sheet CashFlow: rows of the accounts, and capital, cash items and tonnes of each plant."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from ccs_model._typing import Floats
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.report.live_accounts import GIVEN, TAXED, by_plant, capital_of, plants_of
from ccs_model.report.workbook.columns import CALCULATION, SOLVER, Cell, Column, declared_rows, table_columns
from ccs_model.report.workbook.formulas import Formula
from ccs_model.report.workbook.series_sheet import carbon_price_per_t, year_column, year_columns, year_span, years_of
from ccs_model.report.workbook.sheet import Row, Sheet

# Factors of sheet Inputs by cash item; account_rows.csv applies them too.
FACTORS = {
    "capture_om_mn": "om_factor", "transport_om_mn": "om_factor", "storage_om_mn": "om_factor",
    "energy_mn": "energy_factor", "oil_mn": "oil_factor", "paid_mn": "subsidy_factor",
}  # fmt: skip
# What the marks in the formulas of account_rows.csv stand for: all plants, or the selected one.
_ALL_PLANTS = {"$salvage": "SUM({capital!salvage_mn})", "$capital": "", "$money": "", "$tonnes": ""}
_SELECTED = {
    "$salvage": "SUMIFS({capital!salvage_mn},{capital!n},plant_picked_n)",
    **{f"${table}": f",{{{table}!n}},plant_picked_n" for table in ("capital", "money", "tonnes")},
}


def account_rows(sheet: Sheet, plan: Plan, values: Mapping[str, Floats], *, of_plant: bool) -> list[Row]:
    """The rows of an account (income positive, expense negative), their sums, and the bases of tax and ratios."""
    discount = np.r_[plan.problem.discount, plan.problem.closing_discount]
    rows = []
    for declared in declared_rows("account_rows.csv"):
        formula = declared["formula"]
        for mark, text in (_SELECTED if of_plant else _ALL_PLANTS).items():
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

    def row(name: str, item: str, note: str, template: str) -> Row:
        cells = {
            year_column(year): Cell(Formula(template, float(value)), "", CALCULATION)
            for year, value in zip(years_of(plan.problem), values[name], strict=True)
        }
        return {"id": name, "item": item, "unit": "", "class": CALCULATION.letter, "note": note, **cells}

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
            f"=IF(SUM({{<@sign_{name}}})*{{@sign_{name}}}<0,1,0)",
        )  # fmt: skip
    project = f"{{{account}!@project_mn}}"
    yield row("begun", "Begun", "1 from the first cash flow", f"=IF(OR({project}<>0,MAX({{<@begun}})=1),1,0)")
    for name, (flow, of) in _OF_PAYBACK.items():
        cell, left = f"{{{account}!@{flow}}}", f"SUM({{{account}!<@{flow}}})"
        yield row(
            f"was_{name}", f"Was negative, {of}", "1 once it was negative",
            f"=IF({cell}<-{{@dust_project}},1,MAX({{<@was_{name}}}))",
        )  # fmt: skip
        yield row(
            f"back_{name}", f"Recovered in the year, {of}", "1 in the year it returns to 0",
            f"=IF(AND({{@was_{name}}}=1,{cell}>=-{{@dust_project}},MAX({{<@done_{name}}})=0),1,0)",
        )  # fmt: skip
        yield row(f"done_{name}", f"Recovered, {of}", "1 from that year", f"=MAX({{<@done_{name}}},{{@back_{name}}})")
        yield row(
            f"years_{name}", f"Years to payback, {of}", "years, linear within the year",
            f"=IF({{@back_{name}}}=1,{{series!@when}}-first_year-1+IF({cell}>{left},-{left}/({cell}-{left}),0),0)",
        )  # fmt: skip


NONE = "none"
RESULTS = (
    ("npv_mn", "Net present value", "after tax and financing"),
    ("project_npv_mn", "Net present value of the project", "without loans"),
    ("project_irr_share", "IRR of the project", "none: the cash flow changes sign never or several times"),
    ("equity_irr_share", "IRR of the equity", "none: as above"),
    ("payback_yr", "Payback period", "years from the first cash flow of the project; none: not within the horizon"),
    ("discounted_payback_yr", "Discounted payback period", "the same, discounted"),
    ("debt_service_cover", "Minimum debt service cover", "none: no debt"),
    ("break_even_carbon_price_per_t", "Break-even carbon price", "constant, per t of on-site abatement, after tax"),
)


def write_tables(sheet: Sheet, plan: Plan) -> int:
    """Write capital, cash items, tonnes and results of each plant; return the first row of the results."""
    numbers = {plant: n for n, plant in enumerate(plants_of(plan), 1)}
    _capital(sheet, plan, numbers)
    _money(sheet, plan, numbers)
    _tonnes(sheet, plan, numbers)
    top = sheet.row
    _plants(sheet, plan, numbers)
    return top


def _capital(sheet: Sheet, plan: Plan, numbers: Mapping[str, int]) -> None:
    rows = [{**row, "n": numbers[row["plant"]]} for row in records(capital_of(plan))]
    sheet.section("Capital by plant, start year and lifetime")
    sheet.table("cash_flow.capital", rows, key="capital", named="capital")


def _money(sheet: Sheet, plan: Plan, numbers: Mapping[str, int]) -> None:
    assert plan.owner_cashflow is not None
    problem = plan.problem
    discount = np.r_[problem.discount, problem.closing_discount]
    wide = plan.owner_cashflow.pivot(index="plant", columns="year", values=list(dict.fromkeys(GIVEN)))
    factor = "1"
    for name, named in FACTORS.items():
        factor = f'IF({{item}}="{name}",{named},{factor})'
    first, last = (f"{{{each}}}" for each in year_span(problem))
    rows = []
    for item in dict.fromkeys(GIVEN):
        for plant, amounts in wide[item].iterrows():
            values = amounts.to_numpy(float)
            # The first plant keeps every item, so that no list is empty.
            if not values.any() and numbers[str(plant)] > 1:
                continue
            rows.append(
                {
                    "plant": plant, "item": item, "n": numbers[str(plant)], "taxed": int(item in TAXED),
                    "factor": Formula(f"={factor}", 1.0), "note": "",
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
