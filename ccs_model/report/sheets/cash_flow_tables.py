"""What the accounts of CashFlow are made from: capital, yearly money and tonnes, plant by plant, with live sums."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.report.accounts import GIVEN, TAXED, by_plant, capital_of, plants_of
from ccs_model.report.formulas import Formula
from ccs_model.report.sheet import Sheet
from ccs_model.report.sheets.account_rows import FACTORS
from ccs_model.report.sheets.series import carbon_price_per_t, year_column, year_columns, year_span
from ccs_model.report.style import CALCULATION, CHECK, OBSERVED, SOLVER, WORDS
from ccs_model.report.table import Column

NONE = "none"
RESULTS = (
    ("npv_mn", "Net present value", "after tax and funds"),
    ("project_npv_mn", "Net present value of the project", "without loans"),
    ("project_irr_share", "Rate of return of the project", "none: the flows change sign never, or several times"),
    ("equity_irr_share", "Rate of return of the equity", "none: as above"),
    ("payback_yr", "Payback", "years from the first flow of the project; none within the horizon"),
    ("discounted_payback_yr", "Payback, discounted", "the same, discounted"),
    ("debt_service_cover", "Debt service cover, worst year", "none: there is no debt"),
    ("break_even_carbon_price_per_t", "Break-even carbon price", "constant, per t of direct cut, after tax"),
)


def write_tables(sheet: Sheet, plan: Plan) -> int:
    """Capital, money and tonnes of each plant, then what each earns; gives the row at which that begins."""
    _capital(sheet, plan)
    numbers = {plant: n for n, plant in enumerate(plants_of(plan), 1)}
    _money(sheet, plan, numbers)
    _tonnes(sheet, plan, numbers)
    top = sheet.row
    _plants(sheet, plan, numbers)
    return top


def _capital(sheet: Sheet, plan: Plan) -> None:
    numbers = {plant: n for n, plant in enumerate(plants_of(plan), 1)}
    table = capital_of(plan)
    annuity = "({left_yr}/{life_yr})"
    left = "(1-(1+discount_share)^-{left_yr})/(1-(1+discount_share)^-{life_yr})"
    social = left.replace("discount_share", "social_discount_share")
    templates = {
        "factor": '=IF({kind}="grant",1,capex_factor)',
        "spent_mn": "={capital_mn}*{factor}",
        "pv_mn": "={spent_mn}*(1+discount_share)^-({year}-first_year)",
        "salvage_mn": f"={{spent_mn}}*IF(discount_share=0,{annuity},{left})",
        "social_salvage_mn": f"={{spent_mn}}*IF(social_discount_share=0,{annuity},{social})",
        "written_pv_mn": (
            "={spent_mn}*SUMPRODUCT((calendar_year>={year})*(calendar_year<{year}+depreciation_yr)"
            "*(calendar_year<horizon_end)*discount_factor)/depreciation_yr"
        ),
        "book_mn": "={spent_mn}*MAX(0,1-(horizon_end-{year})/depreciation_yr)",
    }
    rows = [
        {
            **row,
            "n": numbers[row["plant"]],
            **{name: Formula(template, row[name]) for name, template in templates.items()},
        }
        for row in records(table)
    ]
    sheet.section("Capital by plant, start and life")
    sheet.table(
        [
            Column("plant", OBSERVED, widest=34),
            Column("kind", SOLVER, widest=20),
            Column("n", CALCULATION, label="Plant number"),
            Column("year", SOLVER),
            Column("life_yr", OBSERVED),
            Column("left_yr", CALCULATION, label="Left at the end"),
            Column("capital_mn", SOLVER, label="Capital as solved"),
            Column("factor", CALCULATION),
            Column("spent_mn", CALCULATION, label="Spent"),
            Column("pv_mn", CALCULATION, label="Discounted"),
            Column("salvage_mn", CALCULATION),
            Column("social_salvage_mn", CALCULATION, label="Salvage at society's rate"),
            Column("written_pv_mn", CALCULATION, label="Write-offs, discounted"),
            Column("book_mn", CALCULATION, label="In the books at the end"),
        ],
        rows,
        key="capital",
        named="capital",
    )


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
            # The first plant keeps every item, so that no list is ever empty.
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
    sheet.section("Every plant's yearly money as solved, before the factors of sheet Inputs")
    sheet.table(
        [
            Column("plant", OBSERVED, widest=34),
            Column("item", SOLVER, widest=20),
            Column("n", CALCULATION, label="Plant number"),
            Column("taxed", CALCULATION, label="Counts for tax"),
            Column("factor", CALCULATION),
            Column("pv_mn", CALCULATION, label="Discounted sum"),
            *_amounts(plan, "_mn"),
        ],
        rows,
        key="money",
        named="money",
        years=year_span(problem),
    )


def _amounts(plan: Plan, suffix: str) -> list[Column]:
    """Columns of years with a unit of their own."""
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
    sheet.section("Every plant's tonnes")
    sheet.table(
        [
            Column("plant", OBSERVED, widest=34),
            Column("kind", SOLVER, widest=20),
            Column("n", CALCULATION, label="Plant number"),
            Column("note", WORDS, widest=26),
            Column("pv_kt", CALCULATION, label="Discounted sum"),
            Column("worth_mn", CALCULATION, label="At the carbon price, discounted"),
            *_amounts(plan, "_kt"),
        ],
        rows,
        key="tonnes",
        named="tonnes",
        years=year_span(problem),
    )


def _plants(sheet: Sheet, plan: Plan, numbers: Mapping[str, int]) -> None:
    assert plan.owners is not None
    close = "(1+discount_share)^-(horizon_end-first_year)"
    templates = {
        "capital_pv_mn": "=SUMIFS({capital!pv_mn},{capital!n},{n})",
        "money_pv_mn": "=SUMIFS({money!pv_mn},{money!n},{n})",
        "taxed_pv_mn": "=SUMIFS({money!pv_mn},{money!n},{n},{money!taxed},1)",
        "carbon_pv_mn": '=SUMIFS({tonnes!worth_mn},{tonnes!n},{n},{tonnes!kind},"sold_kt")',
        "written_pv_mn": "=SUMIFS({capital!written_pv_mn},{capital!n},{n})",
        "salvage_mn": "=SUMIFS({capital!salvage_mn},{capital!n},{n})",
        "book_mn": "=SUMIFS({capital!book_mn},{capital!n},{n})",
        "cut_pv_kt": '=SUMIFS({tonnes!pv_kt},{tonnes!n},{n},{tonnes!kind},"direct_cut_kt")',
        "npv_mn": (
            f"={{money_pv_mn}}+{{carbon_pv_mn}}-{{capital_pv_mn}}+{{salvage_mn}}*{close}-tax_share*({{taxed_pv_mn}}"
            f"+{{carbon_pv_mn}}-{{written_pv_mn}}+({{salvage_mn}}-{{book_mn}})*{close})"
        ),
        "break_even_carbon_price_per_t": (
            '=IF({cut_pv_kt}>0,-({npv_mn}-{carbon_pv_mn}*(1-tax_share))/({cut_pv_kt}*(1-tax_share)/1000),"none")'
        ),
    }
    names = plan.problem.plants.set_index("plant")
    owners = plan.owners.set_index("plant")
    rows = []
    for row in records(by_plant(plan)):
        plant = row["plant"]
        paid = "yes" if row["npv_mn"] >= 0 else "no"
        rows.append(
            {
                "n": numbers[plant],
                "plant": plant,
                **{name: names[name][plant] for name in ("name", "province", "sector")},
                **{name: Formula(template, _or_none(row[name])) for name, template in templates.items()},
                **{f"solved_{name}": _or_none(owners[name][plant]) for name, _, _ in RESULTS},
                "alone_npv_mn": owners["alone_npv_mn"][plant],
                "pays": Formula('=IF({npv_mn}>=0,"yes","no")', paid),
                "paid": paid,
            }
        )
    sheet.section("Would each plant still pay?")
    sheet.table(
        [
            Column("plant", OBSERVED, widest=34),
            Column("name", OBSERVED, widest=28),
            Column("n", CALCULATION, label="Plant number"),
            Column("province", OBSERVED),
            Column("sector", OBSERVED),
            Column("npv_mn", CALCULATION, label="NPV at these inputs"),
            Column("solved_npv_mn", SOLVER, label="NPV as solved"),
            Column("pays", CHECK, label="Would pay at these inputs"),
            Column("paid", SOLVER, label="Pays as solved"),
            Column("break_even_carbon_price_per_t", CALCULATION, label="Break-even carbon price", widest=12),
            *(Column(name, CALCULATION, label=label) for name, label in _PARTS),
            *(Column(f"solved_{name}", SOLVER, label=f"{text}, as solved", widest=12) for name, text, _ in RESULTS[1:]),
            Column("alone_npv_mn", SOLVER, label="NPV with losses carried forward"),
        ],
        rows,
        key="plants_paid",
        named="plants",
        main=True,
        frozen=0,
    )


_PARTS = (
    ("capital_pv_mn", "Capital less grants, discounted"),
    ("money_pv_mn", "Yearly money and loans, discounted"),
    ("taxed_pv_mn", "Of it taxed"),
    ("carbon_pv_mn", "Carbon value, discounted"),
    ("written_pv_mn", "Write-offs, discounted"),
    ("salvage_mn", "Salvage"),
    ("book_mn", "In the books at the end"),
    ("cut_pv_kt", "Direct cut, discounted"),
)


def _or_none(value: float) -> object:
    return NONE if math.isnan(value) else float(value)
