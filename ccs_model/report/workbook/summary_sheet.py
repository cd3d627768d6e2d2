"""Sheet Summary: key figures, charts, results by period and place, costs by stakeholder, objective terms and funds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from ccs_model.plan.calibrated_results import statement
from ccs_model.plan.citations import capture_estimates
from ccs_model.plan.owners import OWNERS_TOTALS
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import binding_text, records
from ccs_model.plan.social_account import SOCIAL_TOTALS, social_terms
from ccs_model.problem.owner_accounts import OWN_SERIES
from ccs_model.report import sentences as words
from ccs_model.report.live_accounts import budgeted_parts_mn_pa, has_accounts
from ccs_model.report.phrases import (
    binding_limits,
    estimates_in_words,
    less_than_captured,
    load_in_words,
    percent,
    society,
)
from ccs_model.report.workbook.cash_flow_sheet import charts
from ccs_model.report.workbook.columns import (
    CALCULATION,
    CHECK,
    INPUT,
    OBSERVED,
    SOLVER,
    WORDS,
    Cell,
    Column,
    columns_of,
    declared_rows,
    label,
    quantities,
    table_columns,
)
from ccs_model.report.workbook.formulas import Formula
from ccs_model.report.workbook.macc_sheet import SLOTS_A_LABEL, curve_series
from ccs_model.report.workbook.native_charts import ChartSpec, sector_colours
from ccs_model.report.workbook.sheet import Row, Sheet, SheetSpec
from ccs_model.report.workbook.uncertainty_sheet import has_evidence
from ccs_model.units import count_text

# Headings and meanings where the price is that of the scenario and not the market's.
_AT_PRICE_OF_SCENARIO = {
    "value_at_market_price_mn": (
        "Value at the scenario's carbon price",
        "tonnes avoided at the scenario's carbon price path, at the social discount rate",
    ),
    "net_value_at_market_price_mn": (
        "Net value at the scenario's carbon price", "value at the scenario's carbon price less resource cost",
    ),
}  # fmt: skip
# A path of the scenario has one value a year, which is discounted at the social rate.
_OWN_DAMAGES = (label("damage_avoided_mn"), "social cost of carbon of the tonnes avoided, at the social discount rate")
_ENDS_OF_SERIES = ("damage_avoided_low_mn", "damage_avoided_high_mn")
# A static year has annualised capital, and nothing happens at its end.
_STATIC_TERMS = {
    "capture_capex_mn": "capture units, annualised", "pipe_capex_mn": "pipelines, annualised",
    "site_capex_mn": "storage sites, annualised", "well_capex_mn": "wells, annualised",
}  # fmt: skip
_AT_THE_END = ("salvage_mn", "closure_mn", "post_injection_mn")


def _captured_by_sector(sheet: Sheet, plan: Plan) -> tuple[ChartSpec, ...]:
    """Write the table of capture by sector; return its chart, if anything is captured."""
    table = plan.emissions.pivot_table(index="sector", columns="year", values="captured_ktpa", aggfunc="sum")
    years = [int(year) for year in table.columns]
    if table.empty or not table.to_numpy().any():
        return ()
    sheet.section("Captured by sector")
    names, last = [f"from_{year}" for year in years], table[years[-1]]
    rows = [
        {"id": f"sector_{at}", **row} for at, row in enumerate(records(table.set_axis(names, axis=1).reset_index()))
    ]
    columns = [
        Column(name, SOLVER, f"From {year}", unit="kt/y", form="#,##0.0", total="live", is_period=True)
        for name, year in zip(names, years, strict=True)
    ]
    columns = [Column("sector", WORDS, widest=32), *columns]
    block = sheet.table(columns, rows, totals={"sector": "Total"}, key="by_sector", named="captured")
    heads = [block.sheet, block.heading, block.columns[names[0]], block.heading, block.columns[names[-1]]]
    sectors, language = [str(row["sector"]) for row in rows], sheet.book.language
    colours = sector_colours(list(dict.fromkeys([*sheet.book.curve_sectors, *sectors])))
    title = "Captured by sector"
    if last.sum() > 0:
        when = "of the total" if plan.problem.is_static else "of the last period"
        title += f": {str(last.idxmax()).replace('_', ' ')}, {percent(last.max() / last.sum(), 0)} {when}"
    return (ChartSpec(
        title, "stacked",
        tuple(
            (language.cell("Plants", "sector", sector), heads, block.row_values(str(row["id"])), colours[sector])
            for row, sector in zip(rows, sectors, strict=True)
        ),
        "Period", "kt CO2 captured per year", "Stacked columns of CO2 captured per year, by sector and period.",
    ),)  # fmt: skip


_OF_PLANTS = {"province": OBSERVED, "sector": OBSERVED, "zone": OBSERVED, "baseline_ktpa": CALCULATION}
_TOTALS_CLASS = {"n_plants": OBSERVED, "baseline_ktpa": CALCULATION, "budget_mn": INPUT}


def _curve(sheet: Sheet) -> tuple[ChartSpec, ...]:
    """The cost curve, if sheet MACC has one."""
    if "slots" not in sheet.book.blocks:
        return ()
    return (ChartSpec(
        f"={sheet.book.blocks['macc_price'].cell('value', 'title')}", "steps",
        curve_series(sheet.book.blocks["slots"], sheet.book.curve_sectors),
        "Cumulative annual abatement (kt/y)", sheet.unit("avoidance_cost_per_t"),
        "Marginal abatement cost curve: the width is the annual abatement of a stream, the height its cost per tonne.",
        SLOTS_A_LABEL, highest=sheet.book.curve_end, lowest=sheet.book.curve_start,
    ),)  # fmt: skip


# Room above a section, its title, the note, room, headings, and room below.
_HEAD_ROWS = 6


def write_summary(sheet: Sheet, plan: Plan) -> None:
    """Write key figures, charts, results, costs, objective terms and the marginal value of the budget."""
    sheet.hide_gridlines()
    sheet.banner()
    sheet.paragraph(words.answer(plan))
    sheet.note(words.AS_SOLVED)
    static, period = plan.problem.is_static, words.last_period(plan).removeprefix("the ")
    # The key figures are read off what follows them, which is written first.
    top = sheet.row
    figures = list(_key_figures(sheet, plan))
    sheet.jump(top + len(figures) + _HEAD_ROWS)
    sheet.section(f"By zone ({period})")
    # Reported shares stand beside those of a calibrated plan.
    zones = plan.zones if plan.problem.calibrated is not None else plan.zones.drop(columns="reported_abatement_share")
    of_zones = {**_OF_PLANTS, "reported_abatement_share": OBSERVED, "budget_mn": INPUT}
    columns = columns_of(zones, classes=of_zones, optional=("reported_abatement_share", "budget_mn", "spending_mn"))
    sheet.table(columns, records(zones), named="zones")
    evidence = " Sheet Calibration gives the evidence." if has_evidence(plan) else ""
    sheet.note(f"{statement(plan)}{evidence}")
    capture = _captured_by_sector(sheet, plan)
    cash = charts(sheet) if has_accounts(plan) else ()
    sheet.charts(*_curve(sheet), *cash[:1])
    sheet.charts(*capture, *cash[1:])
    sheet.section("Optimality gap")
    sheet.paragraph(words.status(plan))
    sheet.table("summary.figures", _bounds(sheet, plan), plain=True)
    sheet.section("Representative year, as solved" if static else "By period, as solved (tonnes are annual means)")
    by_year = _results_by_year(plan)
    of_years = {"year": INPUT, "baseline_ktpa": CALCULATION}
    sheet.table(columns_of(by_year, classes=of_years), records(by_year), named="periods")
    write_stakeholders(sheet, plan)
    write_funds(sheet, plan)
    with sheet.write_at_row(top):
        sheet.section("Key figures (one year)" if static else "Key figures (last period unless stated otherwise)")
        sheet.note(
            f"{less_than_captured(plan.totals)}The abatement "
            "share is avoided CO2 over the baseline of all operating plants, small ones included; the on-site share "
            "counts only the plants' own stacks, not power plants."
        )
        sheet.table("summary.key_figures", figures, plain=True, key="key_figures")
        costs = (
            load_in_words(records(plan.retrofits), words.money(plan, "_per_t")),
            *estimates_in_words(capture_estimates(plan.problem, plan.retrofits)),
            words.storage_band(plan.totals["storage_cost_per_t"], plan.problem),
        )
        if text := " ".join(filter(None, costs)):
            sheet.note(f"{text} These costs are as solved.")
    last = plan.emissions[plan.emissions["year"] == plan.problem.years[-1]].drop(columns="year")
    sheet.section(f"By province and sector ({period})")
    columns = columns_of(last, classes=_OF_PLANTS, summed=("_ktpa",))
    sheet.table(columns, records(last), totals={"province": "Total"}, named="emissions")
    meaning = {name: each["term"] for name, each in quantities().items()} | (_STATIC_TERMS if static else {})
    meaning["storage_mn"] = "cost per tonne stored in addition to sites and wells"
    costs_mn, terms = (
        {name: value for name, value in each.items() if value or not (static and name in _AT_THE_END)}
        for each in (plan.cost_terms, plan.terms)
    )
    over = "one year, annualised capital" if static else "discounted to the first year, over the horizon"
    sheet.section(f"Costs, as solved ({over})")
    _terms(sheet, costs_mn, "Sum of costs" if static else "Sum of discounted costs", meaning)
    sheet.section(f"Objective terms, as solved ({'one year' if static else 'over the horizon'})")
    _terms(sheet, terms, "Objective", meaning)
    if len(plan.targets):
        sheet.section("Targets")
        sheet.paragraph(words.targets(plan))
        of_targets = {"target": INPUT, "group": INPUT, "year": INPUT, "required_kt": INPUT}
        # A cumulative or captured target has no share, and only a minimum cost has a price.
        columns = columns_of(plan.targets, classes=of_targets, optional=("year", "abatement_share", "price_per_t"))
        sheet.table(columns, records(plan.targets), named="targets")
    sheet.section("Marginal value of the budget")
    limits = binding_limits(list(map(binding_text, plan.binding_limits)))
    for text in filter(None, (words.marginal_budget(plan), words.replans(plan), limits)):
        sheet.paragraph(text)
    sheet.table("summary.figures", _marginal_value_rows(sheet, plan), plain=True)


def _key_figures(sheet: Sheet, plan: Plan) -> Iterator[Row]:
    """One row a figure: the formula where key_figures.csv has one, the solver's value, and their difference.

    A figure that the workbook cannot recompute reads "solve again" once an input differs from the solved plan.
    """
    is_static = plan.problem.is_static
    meaning = {name: (is_static and each["static_total"]) or each["total"] for name, each in quantities().items()}
    given = dict(_AT_PRICE_OF_SCENARIO) if plan.problem.scenario.policy.carbon_price_per_t else {}
    damages = plan.problem.accounts.damages
    is_own_path = damages is not None and damages.series == OWN_SERIES
    if is_own_path:
        given["damage_avoided_mn"] = _OWN_DAMAGES
    has = {
        "plants": len(plan.problem.plants) > 0,
        "budget": math.isfinite(plan.problem.budget_mn),
        "retrofits": len(plan.retrofits) > 0,
        "accounts": has_accounts(plan),
        "static": is_static and len(plan.retrofits) > 0 and "shortfall_mn" not in plan.cost_terms,
    }
    totals = dict(plan.totals)
    if has["static"]:
        totals = _with_budgeted_cost(plan)
    income = "-{@income_mn_pa.value}" if "income_mn_pa" in totals else ""
    declared = declared_rows("key_figures.csv", income=income)
    formulas = {each["figure"]: each["formula"] for each in declared if has[each["needs"]]}
    for name, value in totals.items():
        is_unknown = value is None and (name in SOCIAL_TOTALS or (is_static and name in OWNERS_TOTALS))
        if is_unknown or (is_own_path and name in _ENDS_OF_SERIES):
            continue
        heading, text = given.get(name, (label(name), meaning.get(name, "")))
        solved = Cell(value, name, _TOTALS_CLASS.get(name, SOLVER))
        row = {"id": name, **_figure(sheet, heading, solved, text), "solved": solved}
        if name in formulas:
            live = Formula(formulas[name], "" if value is None else float(value))
            gap = Formula('=IFERROR({value}-{solved},"")', "" if value is None else 0.0)
            row |= {"value": Cell(live, name, solved.cell_class), "difference": Cell(gap, name, CHECK)}
        yield row


def _with_budgeted_cost(plan: Plan) -> dict[str, float | int | None]:
    """The totals of a static year with the annual cost that its budget counts, and the income in it, if any."""
    counted, income = budgeted_parts_mn_pa(plan)
    more = {"income_mn_pa": income} if income else {}
    found: dict[str, float | int | None] = {}
    for name, value in plan.totals.items():
        found[name] = value
        if name == "cost_mn_pa":
            found |= {**more, "budgeted_cost_mn_pa": counted}
    return found


def _bounds(sheet: Sheet, plan: Plan) -> Iterator[Row]:
    """Optimality gaps; two where a part of the candidate links was searched."""
    gap = words.gap_of(plan)
    searched, every = (
        Cell(share if math.isfinite(share) else None, "gap_share") for share in (gap.searched_share, gap.share)
    )
    if plan.corridors is None:
        yield _figure(sheet, "Gap", searched, "maximum relative improvement of the objective that is still possible")
        return
    meaning = f"maximum improvement within the {count_text(gap.n_searched, 'searched link')}"
    yield _figure(sheet, "Optimality gap within the searched links", searched, meaning)
    meaning = f"maximum improvement over all {gap.n_links:,} candidate links"
    yield _figure(sheet, "Optimality gap over all candidate links", every, meaning)


def _results_by_year(plan: Plan) -> pd.DataFrame:
    """plan.by_year with the investment in capture, pipelines and storage."""
    by_year = plan.by_year
    if plan.problem.is_static:
        return by_year
    spent = plan.cashflow.set_index("year").reindex(by_year["year"])
    parts = {
        "capture_spending_mn": spent["capture_capex_mn"],
        "pipe_spending_mn": spent["pipe_capex_mn"],
        "storage_spending_mn": spent["site_capex_mn"] + spent["well_capex_mn"],
    }
    by_year, at = by_year.copy(), by_year.columns.get_loc("spending_mn")
    for n, (name, amount) in enumerate(parts.items(), start=1):
        by_year.insert(at + n, name, amount.to_numpy())
    return by_year


def _marginal_value_rows(sheet: Sheet, plan: Plan) -> Iterator[Row]:
    bought = plan.marginal_budget
    if bought is not None:
        how = "re-solved with the retrofits of the plan kept" if plan.problem.is_integer else "re-solved"
        over = "in a year" if plan.problem.is_static else "over the horizon"
        yield _figure(sheet, "Budget added", Cell(bought.added_mn, "added_mn"), "amount by which the budget was raised")
        yield _figure(sheet, "Additional abatement", Cell(bought.abatement_kt, "abatement_kt"), f"{over}; {how}")
        ratio = Cell(bought.kt_per_mn, "abatement_kt_per_mn")
        if bought.spent_mn is None:
            yield _figure(sheet, "Additional abatement per budget added", ratio, f"ratio of the two; {how}")
        else:
            meaning = "budget added, and budget that the plan leaves unspent"
            yield _figure(sheet, "Additional spending", Cell(bought.spent_mn, "spent_mn"), meaning)
            yield _figure(sheet, "Additional abatement per budget spent", ratio, f"ratio of the two; {how}")
        if bought.last_kt_per_mn is not None:
            ratio = Cell(bought.last_kt_per_mn, "abatement_kt_per_mn")
            meaning = "abatement per last million of the budget; at a breakpoint it differs from the next million"
            yield _figure(sheet, "Abatement per last budget spent", ratio, meaning)
        for each in bought.replans:
            added = f"{each.added_mn:,.0f} million {plan.problem.money}"
            meaning = f"{over}; re-planned with {added} more, all decisions free"
            yield _figure(sheet, "Additional abatement, re-plan", Cell(each.abatement_kt, "abatement_kt"), meaning)
    price = plan.relaxation.abatement_per_budget_kt_per_mn
    if price is not None:
        meaning = "marginal value of the LP relaxation, where decisions are continuous; integer retrofits differ"
        yield _figure(sheet, "Shadow price of the budget", Cell(price, "abatement_kt_per_mn"), meaning)


def _figure(sheet: Sheet, words_of_it: str, value: Cell, meaning: str) -> dict[str, object]:
    letter = (value.cell_class or SOLVER).letter
    return {"figure": words_of_it, "value": value, "unit": sheet.unit(value.name), "class": letter, "meaning": meaning}


def _terms(sheet: Sheet, terms: Mapping[str, float], total: str, meaning: Mapping[str, str]) -> None:
    rows: list[Row] = [
        {"id": name, **_figure(sheet, label(name), Cell(value, name), meaning.get(name, ""))}
        for name, value in terms.items()
    ]
    name, last = next(iter(terms), ""), next(reversed(list(terms)), "")
    value = math.fsum(terms.values())
    summed = Formula(f"=SUM({{@{name}.value}}:{{@{last}.value}})", value) if name else value
    sum_row = _figure(sheet, total, Cell(summed, name), "")
    styled = {
        key: replace(cell if isinstance(cell, Cell) else Cell(cell), style="total") for key, cell in sum_row.items()
    }
    sheet.table("summary.figures", [*rows, styled], plain=True)


SUMMARY = SheetSpec(
    "Summary",
    "Key figures; results by period, province, sector and zone; costs; marginal value of the budget.",
    write_summary,
)


_COLUMNS = ("owners_mn", "public_purse_mn", "financiers_mn", "society_mn")


def write_stakeholders(sheet: Sheet, plan: Plan) -> None:
    """The items, then benefits, costs, net and ratio of each stakeholder beside the plan's own."""
    if not has_accounts(plan):
        return
    sheet.section("Costs and benefits by stakeholder (social discount rate)")
    sheet.note(
        "A positive amount is a gain. Payments between stakeholders cancel in the social account, which counts "
        "resources from outside the model and, if requested, the damage avoided."
    )
    sheet.note("The sentences are as solved; the tables follow the inputs.")
    for each in society(plan.totals, plan.problem.currency, plan.problem.price_year, social_terms(plan.problem)):
        sheet.paragraph(each)
    rows = _items(plan)
    totals: dict[str, object] = {"item": "Sum"}
    for name in _COLUMNS:
        totals[name] = Formula(f"=SUM({{{name}:all}})", math.fsum(row[name] for row in rows))
    sheet.table("stakeholders.ledger", rows, totals=totals, key="ledger", named="ledger")
    sheet.table("stakeholders", _accounts(plan), key="stakeholders", named="stakeholders")


def _items(plan: Plan) -> list[dict[str, Any]]:
    """The items of the owners' account and the damage avoided, with their counterparty, from ledger.csv."""
    assert plan.ledger is not None
    declared = declared_rows("ledger.csv")
    ledger = plan.ledger.set_index("item").reindex([each["item"] for each in declared]).fillna(0.0)
    rows = []
    for each, amounts in zip(declared, records(ledger), strict=True):
        amount = amounts["society_mn" if each["side"] == "damage avoided" else "owners_mn"]
        of_item = {"id": each["item"], "item": label(each["item"]), "side": each["side"]}
        rows.append({**of_item, **amounts, "amount_mn": Formula(each["formula"], amount)})
    return rows


def _accounts(plan: Plan) -> Iterator[Row]:
    assert plan.stakeholders is not None
    for name, own in zip(_COLUMNS, records(plan.stakeholders), strict=True):
        column = f"{{ledger!{name}}}"
        if pd.isna(own["benefit_cost_ratio"]):
            del own["benefit_cost_ratio"]  # no formula either
        yield {
            **own,
            "id": name.removesuffix("_mn"),
            "benefits_mn": Formula(f"=SUMPRODUCT(({column}>0)*{column})", own["benefits_mn"]),
            "costs_mn": Formula(f"=-SUMPRODUCT(({column}<0)*{column})", own["costs_mn"]),
            "solved_npv_mn": own["npv_mn"],
            "difference_mn": 0.0,
        }


_LIMITS = ("sectors", "provinces")
_REAL = "=(1+{nominal_interest_rate})/(1+{inflation_rate})-1"
_CONCESSIONAL = (
    "=(1+{nominal_interest_rate}-{passed_through_share}*{facility_principal_share}"
    "*MAX({nominal_interest_rate}-{facility_rate},0))/(1+{inflation_rate})-1"
)


def write_funds(sheet: Sheet, plan: Plan) -> None:
    """Write the terms of each fund, then what it pays by period and what is paid back; nothing without funds."""
    if not plan.problem.scenario.funds or plan.problem.is_static:
        return
    sheet.section("Funds")
    sheet.note(
        "The largest share is of capital in a period; for a loan or bond, of capital less grants. A loan is served "
        "in equal yearly payments from the following year, a bond with yearly interest and its principal at the end of "
        "the term; the balance at the end of the horizon is repaid then."
    )
    limited = {name for fund in plan.problem.scenario.funds.values() for name in _LIMITS if getattr(fund, name)}
    columns = table_columns("summary.funds", without=[name for name in _LIMITS if name not in limited])
    sheet.table(columns, list(_fund_terms(plan)), named="funds")
    first, *others = table_columns("summary.funds_drawn")
    years = plan.problem.years
    drawn = [Column(f"drawn_{year}_mn", SOLVER, label=f"Drawn in {year}", total="solved") for year in years]
    sheet.section("Drawn from funds and paid back over the horizon, undiscounted")
    sheet.table([first, *drawn, *others], list(_fund_payments(plan)), named="drawn", totals={"fund": "Total"})
    assert plan.fund_uses is not None
    sheet.section("Plants that each fund pays for")
    sheet.note(
        "The capital of a plant includes its part of shared pipelines and storage, undiscounted. A fund's share of it "
        "is its share of the tonnes that the plant avoids over the horizon, as in impact reports of green bonds."
    )
    sheet.table("summary.fund_uses", records(plan.fund_uses), named="fund_uses", totals={"fund": "Total"})


def _fund_terms(plan: Plan) -> Iterator[Row]:
    problem = plan.problem
    rates, factors = problem.inputs["finance/rates"], problem.inputs["finance/factors"].set_index("factor")["value"]
    facility = rates[rates["instrument"] == "carbon_reduction_facility"].sort_values("from_date").iloc[-1]
    real = problem.accounts.funds.set_index("fund")["interest_rate"]
    for name, fund in problem.scenario.funds.items():
        row: dict[str, object] = {
            "fund": name, "kind": fund.kind, "ceiling_mn": fund.ceiling_mn, "share_max": fund.share_max,
            **{limit: ", ".join(getattr(fund, limit)) for limit in _LIMITS},
        }  # fmt: skip
        if fund.kind == "grant":
            yield row
            continue
        row |= {"term_yr": fund.term_yr, "interest_rate": float(real[name])}
        if fund.nominal_interest_rate is not None:
            template = _CONCESSIONAL if fund.passed_through_share else _REAL
            row |= {
                "nominal_interest_rate": fund.nominal_interest_rate,
                "inflation_rate": problem.scenario.finance.inflation_rate,
                "interest_rate": Formula(template, float(real[name])),
            }
        if fund.passed_through_share:
            row |= {
                "passed_through_share": fund.passed_through_share,
                "facility_principal_share": float(factors["facility_principal_share"]),
                "facility_rate": float(facility["rate_share"]),
            }
        yield row


def _fund_payments(plan: Plan) -> Iterator[Row]:
    assert plan.fund_years is not None
    amounts = ["drawn_mn", "interest_mn", "repaid_mn"]
    sums = plan.fund_years.groupby("fund", sort=False)[amounts].sum()
    spent = plan.funds.pivot(index="fund", columns="year", values="spend_mn")
    for name, of_fund in sums.iterrows():
        drawn = {f"drawn_{year}_mn": amount for year, amount in spent.loc[name].items()}
        yield {"fund": name, **of_fund.to_dict(), **drawn}
