"""Sections of the page for an economist and a reviewer: costs and benefits, and what the plan rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from ccs_model.economics.policy import SOCIETY
from ccs_model.plan.citations import CAPITAL, DOCUMENTED, QUALITY_NOTE, QUALITY_NOTE_OF_YEAR, TONNES, quality_rows
from ccs_model.plan.decisions import BUILT
from ccs_model.plan.plan_json import records, to_plain_values
from ccs_model.plan.stored_run import StoredRun
from ccs_model.problem import Problem
from ccs_model.report.page import charts
from ccs_model.report.page.html import (
    PageColumn,
    PageLanguage,
    columns_of,
    figure,
    number,
    paragraph,
    percent,
    section,
    table,
)
from ccs_model.report.page.plan_map import plant_names
from ccs_model.report.phrases import capitalise, society
from ccs_model.report.workbook.native_charts import macc_cut
from ccs_model.units import label_of

# Sections for an economist.


def cost_curve(run: StoredRun, words: PageLanguage) -> Markup:
    """Return the marginal abatement cost curve; empty without a stream."""
    found = run.tables.get("macc")
    if found is None or found.empty:
        return Markup("")
    cut = macc_cut(found)
    note = (
        "Each bar is a stream at full size with its cheapest option: the width is its annual abatement, the height its "
        "cost per tonne. The curve ignores the budget and limits shared between streams; the plan respects them and "
        "may therefore skip a cheap stream."
    )
    costs, ends = found["avoidance_cost_at_full_load_per_t"], found["cumulative_avoided_at_full_load_ktpa"]
    if cut < float(costs.max()):
        above = found[costs > cut]
        n_in = int(above["in_plan"].sum())
        note += f" Bars cut off at {number(cut)}: {len(above)}, of which {n_in} in the plan; the highest reaches "
        note += f"{number(costs.max())}."
    half = float(costs[ends >= ends.iloc[-1] / 2].iloc[0])
    title = f"Half of the {number(ends.iloc[-1])} kt a year costs at most {number(half)} {run.money} per t avoided."
    chart = charts.macc_chart(run, words, found, cut)
    drawn = figure("macc-chart", chart, words, title=title, caption=note, source="tables/macc.csv")
    return section("macc", words("macc"), drawn)


def stakeholders(run: StoredRun, words: PageLanguage) -> Markup:
    """Return costs and benefits of each stakeholder, with the payments between them."""
    chart = charts.stakeholders_chart(run, words)
    if chart is None:
        message = words.sentence("A representative year has no owners' or social accounts.")
        return section("stakeholders", words("stakeholders"), paragraph(message))
    rows = [
        {
            **row,
            "stakeholder": words.translate_identifier(str(row["stakeholder"]), "stakeholder"),
            # A ratio of 0 says only that there are no benefits; the workbook shows a dash too.
            "benefit_cost_ratio": row["benefit_cost_ratio"] or None,
        }
        for row in run.document["stakeholders"]
    ]
    ratio = PageColumn("benefit_cost_ratio", words("ratio"), "", 2)
    columns = columns_of(words, "stakeholder", "benefits_mn", "costs_mn", "npv_mn", ratio, npv_mn="net")
    document = run.document
    note = "The mark is the net value. Payments between stakeholders cancel in the social account."
    if document.get("social_account"):
        note += f" The social discount rate is {100 * document['social_account']['discount_rate']:g} %."
    lowest = min(rows, key=lambda row: row["npv_mn"] or 0.0)
    article = "the " if words.lang == "en" and lowest["stakeholder"] != SOCIETY else ""
    title = (
        f"The net value is lowest for {article}{lowest['stakeholder']}: {number(lowest['npv_mn'])} million {run.money}."
    )
    drawn = Markup("")
    if any(abs(row["npv_mn"] or 0.0) > BUILT for row in rows):
        drawn = figure("stakeholders-chart", chart, words, title=title, caption=note, source="tables/stakeholders.csv")
    money = str(document["currency"]), int(document["price_year"])
    sentences = society(document["totals"], *money, document["social_account"])
    return section(
        "stakeholders",
        words("stakeholders"),
        *(paragraph(words.sentence(each)) for each in sentences),
        drawn,
        table("stakeholders", columns, rows, words, words("stakeholders")),
        _ledger(run, words),
    )


def _ledger(run: StoredRun, words: PageLanguage) -> Markup:
    """The payments of each item, with their sum."""
    frame = pd.DataFrame(run.document["ledger"])
    if frame.empty:
        return Markup("")
    amounts = [name for name in frame.columns if name != "item"]
    total = {"item": words("net"), **{name: float(frame[name].sum()) for name in amounts}}
    rows = [{**row, "item": words.label(label_of(str(row["item"])))} for row in records(frame)]
    columns = [
        PageColumn("item", words("item")),
        *(
            PageColumn(name, words.translate_identifier(name.removesuffix("_mn"), "stakeholder"), words.millions)
            for name in amounts
        ),
    ]
    return table("ledger", columns, [*rows, total], words, words("payments"), has_total=True)


def owners(run: StoredRun, words: PageLanguage) -> Markup:
    """Return the returns of each owner; empty for a representative year."""
    found = run.document["owners"]
    if not found:
        return Markup("")
    names = plant_names(run, words)
    rows = []
    for row in found:
        is_total = row["plant"] == "all"
        name = words.label("All plants") if is_total else names.get(row["plant"], row["plant"])
        payback = row["payback_yr"] if row["capex_mn"] else None  # nothing invested, nothing to pay back
        rows.append({**row, "name": name, "is_total": is_total, "payback_yr": payback})
    rows.sort(key=lambda row: (row["is_total"], -(row["capex_mn"] or 0.0), row["plant"]))
    has_debt = any(row.get("debt_service_cover") is not None for row in rows)
    of_debt = [
        PageColumn("equity_irr_share", words.label("IRR of the equity")),
        PageColumn("debt_service_cover", words.label("Minimum debt service cover"), "", 2),
    ]
    columns = columns_of(
        words, "name", "capex_mn", "public_money_mn", "npv_mn", "project_irr_share", *(of_debt if has_debt else ()),
        "payback_yr", "break_even_carbon_price_per_t",
    )  # fmt: skip
    has_total = bool(rows[-1]["is_total"])
    document, notes = run.document, []
    if document["funds"] or document["costs"].get("paid_mn"):
        notes.append("Break-even prices count the payments, grants and loans of the scenario.")
    notes.append(f"The owners' discount rate is {100 * document['context']['discount_rate']:g} %.")
    notes.append(
        "Public money is grants, payments per tonne and carbon revenue less tax, tax relief on losses included, at the "
        "social discount rate."
    )
    if (left := -document["costs"].get("salvage_mn", 0.0)) > 0:
        worth = f"{number(left)} million {run.money}"
        count = f"The net present values count {worth}, before tax, for assets that outlive the horizon"
        without = document["totals"].get("npv_without_salvage_mn")
        count += "." if without is None else f"; without them their sum is {number(without)} million."
        notes.append(f"{count} Rates of return and payback count these assets too.")
    reasons = Counter(str(row["no_project_irr"]) for row in rows if row["no_project_irr"] and not row["is_total"])
    notes += [f"Plants without an internal rate of return: {n} ({reason})." for reason, n in reasons.items()]
    shown = table("owners", columns, to_plain_values(rows), words, words("owner_returns"), has_total=has_total)
    notes.append("Payback counts from the first cash flow of a plant; for all plants, from that of the first plant.")
    if has_debt:
        notes.append(
            "Debt service cover is the lowest ratio of operating cash after tax to interest and repayment in a year "
            "before the end of the horizon; tax relief on losses counts."
        )
    drawn = [row for row in document["funds"] if row["spend_mn"] > 0]
    of_funds = [
        PageColumn("fund", words.label("Fund")),
        PageColumn("kind", words.label("Kind")),
        PageColumn("of_year", words("year")),
        PageColumn("spend_mn", words.label("Drawn"), words.millions, 0),
        PageColumn("interest_share", words.label("Real interest rate"), ""),
        PageColumn("term_yr", words.label("Term"), words.unit("years"), 0),
    ]
    terms = [
        {
            **row,
            "kind": words.label(str(row["kind"]).capitalize()),
            "of_year": f"{row['year']:.0f}",
            "interest_share": None if row["kind"] == "grant" else row["interest_rate"],
            "term_yr": None if row["kind"] == "grant" else row["term_yr"],
        }
        for row in drawn
    ]
    parts = [shown, *(paragraph(words.sentence(note), "note") for note in notes)]
    if drawn:
        parts.append(paragraph(words.sentence("Funds drawn, by period:")))
        parts.append(table("funds", of_funds, to_plain_values(terms), words, words.label("Funds drawn")))
        parts.append(_fund_uses(run, names, words))
    return section("owners", words("owner_returns"), *parts)


def _fund_uses(run: StoredRun, names: Mapping[str, str], words: PageLanguage) -> Markup:
    """What each fund pays for, with the tonnes attributed to it; empty for a run of a version without this table."""
    uses = run.tables.get("fund_uses")
    if uses is None or uses.empty:
        return Markup("")
    columns = [
        PageColumn("fund", words.label("Fund")),
        PageColumn("plant", words.label("Plant")),
        PageColumn("drawn_mn", words.label("Drawn"), words.millions, 0),
        PageColumn("financed_share", words.label("Share of the capital")),
        PageColumn("attributed_avoided_kt", words.label("Avoided CO₂ attributed to the fund"), words.unit("kt"), 0),
    ]
    rows = [{**row, "plant": names.get(str(row["plant"]), row["plant"])} for row in records(uses)]
    total = {
        "fund": words.label("Total"),
        "plant": "",
        "financed_share": None,
        **uses[["drawn_mn", "attributed_avoided_kt"]].sum().to_dict(),
    }
    note = (
        "Plants that each fund pays for. Its share of the capital of a plant, shared pipelines and storage included, "
        "is its share of the tonnes that the plant avoids over the horizon."
    )
    shown = table("fund-uses", columns, [*rows, total], words, words.label("Use of funds"), has_total=True)
    return paragraph(words.sentence(note)) + shown


# Sections for a reviewer.


def evidence(run: StoredRun, words: PageLanguage, problem: Problem | None) -> Markup:
    """Return the quality of the inputs; empty for a plan without retrofits or where tables have changed."""
    retrofits = run.tables.get("retrofits")
    if problem is None or retrofits is None or retrofits.empty:
        return Markup("")
    found = quality_rows(problem, retrofits)
    rows = [
        {
            **row,
            "item": words.label(str(row["amount"])),
            "unit_text": words.unit("kt/y") if row["amount"] == TONNES else words.millions,
        }
        for row in found
    ]
    columns = [
        PageColumn("item", words("amount")),
        PageColumn("value", words("value"), "", 0),
        PageColumn("unit_text", words("unit")),
        *(
            PageColumn(f"{name}_share", words.label(capitalise(name.replace("_", " "))))
            for name in (DOCUMENTED, "estimated", "assumed", "built_projects")
        ),
    ]
    capital = next(row for row in found if row["amount"] == CAPITAL)
    tonnes = next(row for row in found if row["amount"] == TONNES)
    message = (
        f"Documented numbers carry {percent(capital['documented_share'], 0)} of the capital and "
        f"{percent(tonnes['documented_share'], 0)} of the tonnes as designed."
    )
    if problem.calibrated is not None:
        message += " The delivered share, by which all tonnes are multiplied, is assumed."
    return section(
        "evidence",
        words("evidence"),
        paragraph(words.sentence(message)),
        paragraph(words.sentence(QUALITY_NOTE_OF_YEAR if problem.is_static else QUALITY_NOTE), "note"),
        table("evidence", columns, rows, words, words("evidence")),
    )
