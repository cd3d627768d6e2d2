"""Sections for an economist: cost curve, costs and benefits by stakeholder, and the returns of the owners."""

from __future__ import annotations

from collections import Counter

import pandas as pd
from markupsafe import Markup

from ccs_model.plan.plan_json import plain, records
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.page import charts
from ccs_model.report.page.charts import spec
from ccs_model.report.page.html import Column, Words, columns_of, figure, number, paragraph, section, table
from ccs_model.report.page.plan_map import plant_names
from ccs_model.report.phrases import society
from ccs_model.units import label_of


def cost_curve(run: StoredRun, words: Words) -> Markup:
    """Return the marginal abatement cost curve; empty without a stream."""
    found = run.tables.get("macc")
    if found is None or found.empty:
        return Markup("")
    cut = charts.macc_cut(found)
    note = (
        "Each bar is a stream at full size with its cheapest option: the width is its annual abatement, the height its "
        "cost per tonne. The curve ignores the budget and limits shared between streams; the plan respects them and "
        "may therefore skip a cheap stream."
    )
    costs, ends = found["avoidance_cost_at_full_load_per_t"], found["cumulative_avoided_at_full_load_ktpa"]
    if cut < float(costs.max()):
        above = found[costs > cut]
        n_in = int((above["in_plan"] == "yes").sum())
        note += f" Bars cut off at {number(cut)}: {len(above)}, of which {n_in} in the plan; the highest reaches "
        note += f"{number(costs.max())}."
    half = float(costs[ends >= ends.iloc[-1] / 2].iloc[0])
    title = f"Half of the {number(ends.iloc[-1])} kt a year costs at most {number(half)} {run.money} per t avoided."
    chart = charts.macc_chart(run, words, found, cut)
    drawn = figure("macc-chart", spec(chart), words, title=title, caption=note, source="tables/macc.csv")
    return section("macc", words("macc"), drawn)


def stakeholders(run: StoredRun, words: Words) -> Markup:
    """Return costs and benefits of each stakeholder, with the payments between them."""
    chart = charts.stakeholders_chart(run, words)
    if chart is None:
        message = words.sentence("A representative year has no owners' or social accounts.")
        return section("stakeholders", words("stakeholders"), paragraph(message))
    rows = [
        {**row, "stakeholder": words.known(str(row["stakeholder"]), "stakeholder")}
        for row in run.document["stakeholders"]
    ]
    ratio = Column("benefit_cost_ratio", words("ratio"), "", 2)
    columns = columns_of(words, "stakeholder", "benefits_mn", "costs_mn", "npv_mn", ratio, npv_mn="net")
    note = "The mark is the net value. Payments between stakeholders cancel in the social account."
    lowest = min(rows, key=lambda row: row["npv_mn"] or 0.0)
    title = f"The net value is lowest for {lowest['stakeholder']}: {number(lowest['npv_mn'])} million {run.money}."
    drawn = figure(
        "stakeholders-chart", spec(chart), words, title=title, caption=note, source="tables/stakeholders.csv"
    )
    document = run.document
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


def _ledger(run: StoredRun, words: Words) -> Markup:
    """The payments of each item, with their sum."""
    frame = pd.DataFrame(run.document["ledger"])
    if frame.empty:
        return Markup("")
    amounts = [name for name in frame.columns if name != "item"]
    total = {"item": words("net"), **{name: float(frame[name].sum()) for name in amounts}}
    rows = [{**row, "item": words.label(label_of(str(row["item"])))} for row in records(frame)]
    columns = [
        Column("item", words("item")),
        *(Column(name, words.known(name.removesuffix("_mn"), "stakeholder"), words.millions) for name in amounts),
    ]
    return table("ledger", columns, [*rows, total], words, words("payments"), has_total=True)


def owners(run: StoredRun, words: Words) -> Markup:
    """Return the returns of each owner; empty for a representative year."""
    found = run.document["owners"]
    if not found:
        return Markup("")
    names = plant_names(run, words)
    rows = []
    for row in found:
        is_total = row["plant"] == "all"
        name = words.label("All plants") if is_total else names.get(row["plant"], row["plant"])
        rows.append({**row, "name": name, "is_total": is_total})
    rows.sort(key=lambda row: (row["is_total"], -(row["capex_mn"] or 0.0), row["plant"]))
    columns = columns_of(
        words, "name", "capex_mn", "npv_mn", "equity_irr_share", "payback_yr", "break_even_carbon_price_per_t"
    )
    has_total = bool(rows[-1]["is_total"])
    reasons = Counter(str(row["no_equity_irr"]) for row in rows if row["no_equity_irr"] and not row["is_total"])
    notes = [
        words.sentence(f"Plants without an internal rate of return: {n} ({reason}).") for reason, n in reasons.items()
    ]
    shown = table("owners", columns, plain(rows), words, words("owner_returns"), has_total=has_total)
    return section("owners", words("owner_returns"), shown, *(paragraph(note, "note") for note in notes))
