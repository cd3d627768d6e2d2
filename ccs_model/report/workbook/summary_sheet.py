"""Summary: the answer's figures on one page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from ccs_model.plan.calibrated_results import statement
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.report import sentences as words
from ccs_model.report.figures import gap_of
from ccs_model.report.live_accounts import has_accounts
from ccs_model.report.workbook.cash_flow_sheet import pictures
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
    label,
)
from ccs_model.report.workbook.formulas import Formula
from ccs_model.report.workbook.native_charts import PICTURE_ROWS, Picture
from ccs_model.report.workbook.sheet import Page, Row, Sheet
from ccs_model.report.workbook.stakeholders_sheet import write_stakeholders

# The head of Summary: key figures as formulas beside the solver's values, and the charts.

_COLOURS = ("#1F4FA3", "#1B6637", "#9C5700", "#5B2C83", "#37474F", "#5B8DB8", "#A9B4BF")
_SLOTS_A_LABEL = 20


def live_figures(sheet: Sheet, plan: Plan) -> dict[str, Formula]:
    """Formulas of key figures, as far as other sheets hold what they are made from."""
    blocks, totals = sheet.book.blocks, plan.totals
    found = {"baseline_ktpa": "={plants!baseline_ktpa@total}"} if len(plan.problem.plants) else {}
    if len(plan.retrofits):
        for name in ("captured_ktpa", "on_site_abatement_ktpa", "avoided_ktpa"):
            found[name] = f"={{retrofits!{name}@total}}"
        for share, amount in (
            ("abatement_share", "avoided_ktpa"),
            ("on_site_abatement_share", "on_site_abatement_ktpa"),
        ):
            found[share] = f"=IF({{@baseline_ktpa.value}}>0,{{@{amount}.value}}/{{@baseline_ktpa.value}},0)"
        capex = ["capture_capex_mn", "pipe_capex_mn"]
        capex += ["storage_capex_mn"] if "storage_capex_mn" in blocks["economics"].columns else []
        found |= {name: f"={{economics!{name}@total}}" for name in capex}
        found["capex_mn"] = "=" + "+".join(f"{{@{name}.value}}" for name in capex)
        found["cost_mn_pa"] = "=SUMPRODUCT({economics!works},{economics!cost_mn_pa})"
        for name in ("capture_cost_per_t", "avoidance_cost_per_t"):
            found[name] = f"={{economics!{name}@total}}"
    if has_accounts(plan):
        found["npv_mn"] = "={programme_results!live@npv_mn}"
        found["net_benefit_mn"] = "={stakeholders!npv_mn@society}"
        found["benefit_cost_ratio"] = "={stakeholders!benefit_cost_ratio@society}"
    return {
        name: Formula(template, "" if totals[name] is None else float(totals[name] or 0.0))
        for name, template in found.items()
        if name in totals
    }


def write_key_figures(sheet: Sheet, plan: Plan, rows: Sequence[Row]) -> None:
    """One row a figure: live where it can be, the solver's value, their difference."""
    live = live_figures(sheet, plan)
    sheet.table(
        "summary.key_figures",
        [_with_formula(row, live) for row in rows],
        plain=True,
        key="key_figures",
    )


def _with_formula(row: Row, live: Mapping[str, Formula]) -> Row:
    name, cell = str(row["id"]), row["value"]
    assert isinstance(cell, Cell)
    if name not in live:
        return {**row, "solved": cell}
    gap = Formula('=IFERROR({value}-{solved},"")', "" if cell.value is None else 0.0)
    return {
        **row,
        "value": Cell(live[name], cell.name, cell.cell_class),
        "solved": cell,
        "difference": Cell(gap, cell.name, CHECK),
    }


def write_charts(sheet: Sheet, plan: Plan, free: int) -> int:
    """MACC and cumulative cash, capture by sector and spending by year; the table of the third below them.

    Between charts and table so many rows are left `free`; gives the first of them.
    """
    drawn = []
    if "slots" in sheet.book.blocks:
        drawn.append(_macc(sheet))
    cash = pictures(sheet) if has_accounts(plan) else ()
    drawn += list(cash[:1])
    if drawn:
        sheet.pictures(*drawn)
    table = plan.emissions.pivot_table(index="sector", columns="year", values="captured_ktpa", aggfunc="sum")
    years = [int(year) for year in table.columns]
    top = sheet.row
    if table.empty or not table.to_numpy().any():
        sheet.jump(top + free)
        return top
    below = top + PICTURE_ROWS + 1
    sheet.jump(below + free)
    sheet.section("Captured by sector")
    names = [f"from_{year}" for year in years]
    rows = _sector_rows(table, years)
    totals: dict[str, object] = {
        name: Formula(f"=SUM({{{name}:all}})", float(table[year].sum()))
        for name, year in zip(names, years, strict=True)
    }
    block = sheet.table(
        [
            Column("sector", WORDS, widest=32),
            *(
                Column(name, SOLVER, label=f"From {year}", unit="kt/y", form="#,##0.0")
                for name, year in zip(names, years, strict=True)
            ),
        ],
        rows,
        totals={**totals, "sector": "Total"},
        key="by_sector",
        named="captured",
        years=(names[0], names[-1]),
    )
    end = sheet.row
    heads = [block.sheet, block.heading, block.columns[names[0]], block.heading, block.columns[names[-1]]]
    capture = Picture(
        "Captured by sector", "stacked",
        tuple(
            (str(row["sector"]), heads, block.row_values(str(row["id"])), _COLOURS[at % len(_COLOURS)])
            for at, row in enumerate(rows)
        ),
        "Period", "kt CO2 captured per year", "Stacked columns of CO2 captured per year, by sector and period.",
    )  # fmt: skip
    sheet.jump(top)
    sheet.pictures(capture, *cash[1:])
    sheet.jump(end)
    return below


def _sector_rows(table: pd.DataFrame, years: Sequence[int]) -> list[Row]:
    return [
        {
            "id": f"sector_{at}",
            "sector": str(sector),
            **{f"from_{year}": float(amount) for year, amount in zip(years, amounts, strict=True)},
        }
        for at, (sector, amounts) in enumerate(zip(table.index, table.to_numpy(float), strict=True))
    ]


def _macc(sheet: Sheet) -> Picture:
    block = sheet.book.blocks["slots"]
    axis = block.values("axis")
    return Picture(
        "Marginal abatement cost", "steps",
        (
            ("In the plan", axis, block.values("in_plan_per_t"), SOLVER.ink),
            ("Not in the plan", axis, block.values("not_in_plan_per_t"), "#A9B4BF"),
        ),
        "Avoided in a year, added up (kt/y)", f"{sheet.unit('avoidance_cost_per_t')}",
        "Marginal abatement cost curve: the width is the annual abatement of a stream, the height its cost per tonne.",
        _SLOTS_A_LABEL,
    )  # fmt: skip


TOTALS_MEAN = {
    "n_plants": "operating plants of the zones, of any size",
    "n_plants_retrofitted": "plants with at least one retrofit",
    "n_retrofits": "retrofits; a plant may have several, one per stream",
    "baseline_ktpa": "direct emissions of all these plants",
    "captured_ktpa": "CO2 taken from the plants' gas streams",
    "uncalibrated_abatement_share": "abatement share if every retrofit delivered its design capacity",
    "delivered_share": "captured ÷ nameplate, from sheet Calibration; 1 means as designed",
    "on_site_abatement_ktpa": "captured less the CO2 of steam generation: the reduction at the plants' own stacks",
    "avoided_ktpa": "on-site abatement less the CO2 of grid electricity for capture and pipelines",
    "abatement_share": "avoided ÷ baseline",
    "on_site_abatement_share": "on-site abatement ÷ baseline",
    "capex_mn": "investment over the horizon, undiscounted; the budget limits this amount",
    "capture_capex_mn": "of which capture units",
    "pipe_capex_mn": "of which pipelines",
    "storage_capex_mn": "of which storage sites and wells",
    "budget_mn": "maximum spending",
    "cost_mn_pa": "annual cost of all retrofits at full load: annualised capital, O&M, heat, electricity, transport "
    "and storage",
    "capture_cost_per_t": "cost of capture alone ÷ captured at full load",
    "avoidance_cost_per_t": "cost of capture, transport and storage ÷ avoided at full load",
    "npv_mn": "owners' NPV after tax and financing, at their discount rate",
    "net_benefit_mn": "net social benefit: damage avoided less resource costs, at the social discount rate",
    "benefit_cost_ratio": "social benefits ÷ social costs",
}
# A static year has no horizon: its budget limits a year's cost, with capital as a yearly share.
_STATIC_MEAN = {
    "capex_mn": "total capital of everything built",
    "budget_mn": "maximum annual cost, with annualised capital",
    "npv_mn": "annual cost with the opposite sign",
}
_TOTALS_CLASS = {"n_plants": OBSERVED, "baseline_ktpa": CALCULATION, "budget_mn": INPUT}

_TERMS_MEAN = {
    "capture_capex_mn": "capture units, in the decision year",
    "pipe_capex_mn": "pipelines, in the decision year",
    "site_capex_mn": "storage sites, in the year of opening",
    "well_capex_mn": "wells, in the year of drilling",
    "salvage_mn": "salvage value of all capital at the end of the horizon",
    "capture_fixed_om_mn": "maintenance and staff of the capture units",
    "pipe_fixed_om_mn": "maintenance of the pipelines",
    "capture_variable_om_mn": "solvent, water, waste",
    "heat_mn": "steam for capture: fuel and non-fuel costs",
    "capture_power_mn": "electricity for capture and compression",
    "pipe_power_mn": "electricity of booster stations and trucks",
    "haul_mn": "trucks, without electricity",
    "site_fixed_om_mn": "maintenance and monitoring of storage sites",
    "well_fixed_om_mn": "maintenance of wells",
    "closure_mn": "plugging and post-closure care at the end of the horizon",
    "oil_revenue_mn": "payments of oil fields for CO2 (income)",
    "paid_mn": "policy payments per tonne (income)",
    "carbon_mn": "carbon-market revenue of on-site abatement (income)",
    "grants_mn": "grants received",
    "drawn_mn": "loans and bonds drawn",
    "repaid_mn": "repayment of loans and bonds, including the balance at the end of the horizon",
    "interest_mn": "interest of loans and bonds",
    "tax_on_income_mn": "tax on income less operating costs",
    "tax_of_depreciation_mn": "tax saved by depreciation",
    "tax_on_salvage_mn": "tax on the salvage value at the end of the horizon",
    "tax_of_book_value_mn": "tax saved by the net book value at the end of the horizon",
    "tax_of_interest_mn": "tax saved by interest",
    "damage_avoided_mn": "social cost of carbon of the tonnes avoided",
    "shortfall_mn": "cost of the shortfall against targets",
    "captured_kt": "CO2 taken from the plants' gas streams",
    "reduced_kt": "reduction by measures before capture",
    "fuel_co2_kt": "CO2 of the fuel for steam",
    "capture_power_co2_kt": "CO2 of electricity for capture and compression",
    "booster_power_co2_kt": "CO2 of electricity for booster stations and trucks",
}
# Room above a section, its title, the note, room, headings, and room below.
_HEAD_ROWS = 6
_STORAGE_MEANS = {
    False: "levelised cost of the sites; not part of the budget",
    True: "cost per tonne stored in addition to sites and wells",
}


def write_summary(sheet: Sheet, plan: Plan) -> None:
    """Key figures, periods, sectors, zones, costs, the objective, and what more money buys."""
    sheet.hide_gridlines()
    sheet.title("Summary")
    sheet.banner()
    sheet.paragraph(words.answer(plan))
    static = plan.problem.is_static
    # Charts come first: with nothing of changing length above them, no end of a page cuts one. The key figures are read
    # off what follows them, which is written first.
    top = write_charts(sheet, plan, len(plan.totals) + _HEAD_ROWS)
    write_stakeholders(sheet, plan)
    rest = sheet.row
    sheet.jump(top)
    sheet.page_break()
    sheet.section("Key figures (one year)" if static else "Key figures (last period unless stated otherwise)")
    sheet.paragraph(
        "Avoided is less than captured: the CO2 of steam and electricity for capture is subtracted. The abatement "
        "share is avoided CO2 over the baseline of all operating plants, small ones included; the on-site share "
        "counts only the plants' own stacks, not power plants.",
        "note",
    )
    write_key_figures(sheet, plan, list(_key_figures(sheet, plan)))
    sheet.jump(rest)
    sheet.section("Optimality gap")
    sheet.paragraph(words.status(plan))
    _figures(sheet, list(_bounds(sheet, plan)))
    sheet.section("Representative year" if static else "By period (tonnes are annual means)")
    by_year = _by_year(plan)
    of_years = {"year": INPUT, "baseline_ktpa": CALCULATION}
    sheet.table(columns_of(by_year, classes=of_years), records(by_year), named="periods")
    period = words.last_period(plan).removeprefix("the ")
    last = plan.emissions[plan.emissions["year"] == plan.problem.years[-1]].drop(columns="year")
    of_plants = {"province": OBSERVED, "sector": OBSERVED, "zone": OBSERVED, "baseline_ktpa": CALCULATION}
    sheet.section(f"By province and sector ({period})")
    amounts = [name for name in last if str(name).endswith("_ktpa")]
    totals: dict[str, object] = {name: Formula(f"=SUM({{{name}:all}})", float(last[name].sum())) for name in amounts}
    totals["province"] = "Total"
    sheet.table(columns_of(last, classes=of_plants), records(last), totals=totals, named="emissions")
    sheet.section(f"By zone ({period})")
    zones = plan.zones if plan.problem.calibrated is not None else plan.zones.drop(columns="reported_abatement_share")
    of_zones = {**of_plants, "reported_abatement_share": OBSERVED}
    zone_columns = columns_of(zones, classes=of_zones, optional=("reported_abatement_share",))
    sheet.table(zone_columns, records(zones), named="zones")
    sheet.paragraph(f"{statement(plan)} Sheet Calibration gives the evidence.", "note")
    meaning = {**_TERMS_MEAN, "storage_mn": _STORAGE_MEANS[plan.problem.network is not None]}
    over = "one year, annualised capital" if static else "discounted to the first year, over the horizon"
    sheet.section(f"Costs ({over})")
    _terms(sheet, plan.costs, "Sum of costs" if static else "Sum of discounted costs", meaning)
    sheet.section(f"Objective terms ({'one year' if static else 'over the horizon'})")
    _terms(sheet, plan.terms, "Objective", meaning)
    if len(plan.targets):
        sheet.section("Targets")
        sheet.paragraph(words.targets(plan))
        of_targets = {"target": INPUT, "group": INPUT, "year": INPUT, "required_kt": INPUT}
        # A cumulative or captured target has no share, and only a minimum cost has a price.
        columns = columns_of(plan.targets, classes=of_targets, optional=("year", "abatement_share", "price_per_t"))
        sheet.table(columns, records(plan.targets), named="targets")
    sheet.section("Marginal value of the budget")
    sheet.paragraph(words.marginal_budget(plan))
    _figures(sheet, list(_more_money(sheet, plan)))


def _key_figures(sheet: Sheet, plan: Plan) -> Iterator[Row]:
    meaning = {**TOTALS_MEAN, **(_STATIC_MEAN if plan.problem.is_static else {})}
    for name, value in plan.totals.items():
        if name == "storage_capex_mn" and plan.problem.network is None:
            continue
        kind = _TOTALS_CLASS.get(name, SOLVER)
        yield {"id": name, **_figure(sheet, label(name), Cell(value, name, kind), meaning.get(name, ""))}


def _bounds(sheet: Sheet, plan: Plan) -> Iterator[Row]:
    """Optimality gaps; two where a part of the candidate links was searched."""
    gap = gap_of(plan)
    searched, every = (_if_known(share, "gap_share") for share in (gap.searched_share, gap.share))
    if plan.corridors is None:
        yield _figure(sheet, "Gap", searched, "maximum relative improvement of the objective that is still possible")
        return
    yield _figure(
        sheet,
        "Optimality gap within the searched links",
        searched,
        f"maximum improvement within the {words.searched_links(gap.n_searched)}",
    )
    yield _figure(
        sheet,
        "Optimality gap over all candidate links",
        every,
        f"maximum improvement over all {gap.n_links} candidate links",
    )


def _if_known(share: float, name: str) -> Cell:
    return Cell(share if math.isfinite(share) else None, name)


def _by_year(plan: Plan) -> pd.DataFrame:
    """plan.by_year, with spending apart for capture, pipes and storage where pipelines are shared."""
    by_year = plan.by_year
    if plan.problem.network is None or plan.problem.is_static:
        return by_year
    spent = plan.cashflow.set_index("year").reindex(by_year["year"])
    parts = {
        "capture_spending_mn": spent["capture_capex_mn"],
        "pipe_spending_mn": spent["pipe_capex_mn"],
        "storage_spending_mn": spent["site_capex_mn"] + spent["well_capex_mn"],
    }
    at = by_year.columns.get_loc("spending_mn") + 1
    apart = pd.DataFrame({name: amount.to_numpy() for name, amount in parts.items()}, index=by_year.index)
    return pd.concat([by_year.iloc[:, :at], apart, by_year.iloc[:, at:]], axis=1)


def _more_money(sheet: Sheet, plan: Plan) -> Iterator[Row]:
    bought = plan.marginal_budget
    if bought is not None:
        how = "re-solved with the retrofits of the plan kept" if plan.problem.is_integer else "re-solved"
        over = "in a year" if plan.problem.is_static else "over the horizon"
        yield _figure(sheet, "Budget added", Cell(bought.added_mn, "added_mn"), "amount by which the budget was raised")
        yield _figure(sheet, "Additional abatement", Cell(bought.abatement_kt, "abatement_kt"), f"{over}; {how}")
        yield _figure(
            sheet,
            "Additional abatement per budget added",
            Cell(bought.kt_per_mn, "abatement_kt_per_mn"),
            f"ratio of the two; {how}",
        )
        if bought.last_kt_per_mn is not None:
            yield _figure(
                sheet,
                "Abatement per last budget spent",
                Cell(bought.last_kt_per_mn, "abatement_kt_per_mn"),
                "abatement per last million of the budget; at a breakpoint it differs from the next million",
            )
    price = plan.relaxation.abatement_per_budget_kt_per_mn
    if price is not None:
        yield _figure(
            sheet,
            "Shadow price of the budget",
            Cell(price, "abatement_kt_per_mn"),
            "marginal value of the LP relaxation, where decisions are continuous; integer retrofits differ",
        )


def _figure(sheet: Sheet, words_of_it: str, value: Cell, meaning: str) -> dict[str, object]:
    letter = (value.cell_class or SOLVER).letter
    return {
        "figure": words_of_it,
        "value": value,
        "unit": sheet.unit(value.name),
        "class": letter,
        "meaning": meaning,
    }


def _figures(sheet: Sheet, rows: list[Row]) -> None:
    sheet.table(
        "summary.figures",
        rows,
        plain=True,
    )


def _terms(sheet: Sheet, terms: Mapping[str, float], total: str, meaning: Mapping[str, str]) -> None:
    rows: list[Row] = [
        {"id": name, **_figure(sheet, label(name), Cell(value, name), meaning.get(name, ""))}
        for name, value in terms.items()
    ]
    name, last = next(iter(terms), ""), next(reversed(list(terms)), "")
    _figures(sheet, [*rows, _total(sheet, total, sum(terms.values()), name, name, last)])


def _total(sheet: Sheet, text: str, value: float, name: str, first: str, last: str) -> dict[str, object]:
    summed = Formula(f"=SUM({{@{first}.value}}:{{@{last}.value}})", value) if first else value
    return {
        "figure": Cell(text, style="total"),
        "value": Cell(summed, name, style="total"),
        "unit": Cell(sheet.unit(name), style="total"),
        "class": Cell(SOLVER.letter, style="total"),
        "meaning": Cell("", style="total"),
    }


SUMMARY = Page(
    "Summary",
    "Key figures; results by period, province, sector and zone; costs; marginal value of the budget.",
    write_summary,
)
