"""Summary: the answer's figures on one page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.report import words
from ccs_model.report.sheet import Page, Row, Sheet
from ccs_model.report.style import CALCULATION, INPUT, OBSERVED, SOLVER, WORDS
from ccs_model.report.table import Cell, Column, columns_of, label

TOTALS_MEAN = {
    "n_plants": "operating plants of the zones, whatever their size",
    "n_plants_fitted": "plants with at least one retrofit",
    "n_retrofits": "retrofits; a plant may have several, one on each stream",
    "baseline_ktpa": "direct emissions of all these plants",
    "captured_ktpa": "taken out of the plants' gas, last period",
    "direct_cut_ktpa": "captured less the CO2 of the steam made for it: what no longer leaves the plants' own stacks",
    "avoided_ktpa": "the direct cut less the CO2 of the power drawn from the grid for capture and pipes",
    "cut_share": "avoided ÷ baseline",
    "direct_cut_share": "direct cut ÷ baseline",
    "capex_mn": "spent on capture units and pipes over the horizon, undiscounted; this is what the budget limits",
    "capture_capex_mn": "of it capture units",
    "pipe_capex_mn": "of it pipes",
    "budget_mn": "what may be spent",
    "cost_mn_pa": "a year of all retrofits at full load: capital recovery, O&M, heat, power, pipes and storage",
    "capture_cost_per_t": "capture alone ÷ captured at full load",
    "avoidance_cost_per_t": "capture, pipes and storage ÷ avoided at full load",
    "npv_mn": "discounted cost over the horizon with its sign turned: no income is modelled",
    "benefit_cost_ratio": "empty: no benefit is valued in this version",
}
_TOTALS_CLASS = {"n_plants": OBSERVED, "baseline_ktpa": CALCULATION, "budget_mn": INPUT}

_TERMS_MEAN = {
    "capture_capex_mn": "capture units, when they are decided",
    "pipe_capex_mn": "pipes, when they are decided",
    "salvage_mn": "what is left of them when the horizon ends",
    "capture_fixed_om_mn": "upkeep and staff of the capture units",
    "pipe_fixed_om_mn": "upkeep of the pipes",
    "capture_variable_om_mn": "solvent, water, waste",
    "heat_mn": "steam from coal boilers",
    "capture_power_mn": "power of capture and compression",
    "pipe_power_mn": "power of booster stations",
    "shortfall_mn": "price of the tonnes that targets are missed by",
    "storage_mn": "levelised cost of the sites; no part of the budget",
    "captured_kt": "taken out of the plants' gas",
    "fuel_co2_kt": "CO2 of the steam's fuel",
    "capture_power_co2_kt": "CO2 of the power for capture and compression",
    "booster_power_co2_kt": "CO2 of the power for booster stations",
}


def write_summary(sheet: Sheet, plan: Plan) -> None:
    """Key figures, periods, sectors, zones, costs, the objective, and what more money buys."""
    sheet.hide_gridlines()
    sheet.title("Summary")
    sheet.paragraph(words.answer(plan))
    sheet.paragraph(
        "Avoided is not captured: making the steam and the power for capture emits CO2, which is taken off. "
        "The cut share counts avoided tonnes against the baseline of all operating plants, small ones too; the direct "
        "cut share counts only what leaves the plants' own stacks, not the power plants'.",
        "note",
    )
    sheet.section("Key figures (last period unless they say otherwise)")
    _figures(sheet, list(_key_figures(sheet, plan)))
    sheet.section("By period (tonnes are the period's yearly mean)")
    sheet.table(columns_of(plan.by_year, classes={"year": INPUT, "baseline_ktpa": CALCULATION}), records(plan.by_year))
    last = plan.emissions[plan.emissions["year"] == plan.problem.years[-1]].drop(columns="year")
    of_plants = {"province": OBSERVED, "sector": OBSERVED, "zone": OBSERVED, "baseline_ktpa": CALCULATION}
    sheet.section(f"By province and sector (period from {plan.problem.years[-1]})")
    sheet.table(columns_of(last, classes=of_plants), records(last))
    sheet.section(f"By zone (period from {plan.problem.years[-1]})")
    sheet.table(columns_of(plan.zones, classes=of_plants), records(plan.zones))
    sheet.paragraph(
        "No calibration is applied in this version, so that both cut shares of a zone are the same.", "note"
    )
    sheet.section("Costs (discounted to the first year, over the horizon)")
    _terms(sheet, plan.costs, "Sum of discounted costs")
    sheet.section("What the objective is made of (over the horizon)")
    _terms(sheet, plan.terms, "Objective")
    if len(plan.targets):
        sheet.section("Targets")
        sheet.paragraph(words.targets(plan))
        sheet.table(
            columns_of(plan.targets, classes={"target": INPUT, "group": INPUT, "year": INPUT, "required_kt": INPUT}),
            records(plan.targets),
        )
    sheet.section("What more money buys")
    sheet.paragraph(words.next_money(plan))
    _figures(sheet, list(_more_money(sheet, plan)))


def _key_figures(sheet: Sheet, plan: Plan) -> Iterator[Row]:
    for name, value in plan.totals.items():
        kind = _TOTALS_CLASS.get(name, SOLVER)
        yield _figure(sheet, label(name), Cell(value, name, kind), TOTALS_MEAN.get(name, ""))


def _more_money(sheet: Sheet, plan: Plan) -> Iterator[Row]:
    bought = plan.next_money
    if bought is not None:
        how = "solved again with the plan's retrofits kept" if plan.problem.is_whole else "solved again"
        yield _figure(sheet, "Budget added", Cell(bought.more_mn, "more_mn"), "how much more was offered")
        yield _figure(sheet, "Avoided more", Cell(bought.abatement_kt, "abatement_kt"), f"over the horizon; {how}")
        yield _figure(
            sheet, "Avoided more by money added", Cell(bought.kt_per_mn, "abatement_kt_per_mn"), f"their ratio; {how}"
        )
        if bought.last_kt_per_mn is not None:
            yield _figure(
                sheet,
                "Avoided by the last money spent",
                Cell(bought.last_kt_per_mn, "abatement_kt_per_mn"),
                "what the last million of the budget bought; at a breakpoint it differs from what the next one buys",
            )
    price = plan.relaxation.abatement_per_budget_kt_per_mn
    if price is not None:
        yield _figure(
            sheet,
            "Shadow price of the budget",
            Cell(price, "abatement_kt_per_mn"),
            "at the margin of the linear program, where retrofits may be built in parts; not what whole ones buy",
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
        [
            Column("figure", WORDS, widest=32),
            Column("value", SOLVER, optional=True),
            Column("unit", WORDS, widest=26),
            Column("class", WORDS),
            Column("meaning", WORDS, wide=True),
        ],
        rows,
        plain=True,
    )


def _terms(sheet: Sheet, terms: Mapping[str, float], total: str) -> None:
    rows = [_figure(sheet, label(name), Cell(value, name), _TERMS_MEAN.get(name, "")) for name, value in terms.items()]
    name = next(iter(terms), "")
    _figures(sheet, [*rows, _total(sheet, total, sum(terms.values()), name)])


def _total(sheet: Sheet, text: str, value: float, name: str) -> dict[str, object]:
    return {
        "figure": Cell(text, style="total"),
        "value": Cell(value, name, style="total"),
        "unit": Cell(sheet.unit(name), style="total"),
        "class": Cell(SOLVER.letter, style="total"),
        "meaning": Cell("", style="total"),
    }


SUMMARY = Page(
    "Summary", "Key figures; by period, province, sector and zone; costs; what more money buys.", write_summary
)
