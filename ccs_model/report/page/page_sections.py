"""Sections of the page; a section without content is empty."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from ccs_model.plan.plan_json import plain, records
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.figures import gap_of_run
from ccs_model.report.page import charts
from ccs_model.report.page.charts import FAINT, INK, PIPE, SITE, sector_colour, spec
from ccs_model.report.page.html import (
    Column,
    Words,
    columns_of,
    figure,
    number,
    paragraph,
    percent,
    render,
    section,
    table,
)
from ccs_model.report.page.map import map_chart
from ccs_model.report.sentences import gap_text, society
from ccs_model.units import label_of

_NOT_CALIBRATED = "Not calibrated: capture delivers its design capacity."


def heading(run: StoredRun, words: Words) -> Markup:
    """Return the question, the headline numbers, and the quality of the solution."""
    document, totals = run.document, run.document["totals"]
    calibration = document["calibration"]
    when = "" if run.scenario.is_static else f" {run.years[-1]}"
    budget = "" if totals["budget_mn"] is None else f" ({words('budget')} {number(totals['budget_mn'])})"
    if run.scenario.is_static:
        # The budget of a representative year limits the annual cost, with annualised capital.
        budget = f"; {words('annual_cost')} {number(sum(document['costs'].values()))}{budget}"
    on_site = f"{words('on_site_abatement')} {percent(totals['on_site_abatement_share'], 2)}"
    per_captured = f"{number(totals['capture_cost_per_t'])} {words('per_t_captured')}"
    status = _capital(words.known(document["status"]))
    return render(
        "heading",
        title=document["scenario"],
        description=" ".join(run.scenario.description.split()),
        figures=[
            (f"{totals['n_plants_retrofitted']} / {totals['n_plants']}", words("plants_retrofitted")),
            (number(totals["captured_ktpa"]), f"{words.unit('kt/y')} {words('captured')}{when}"),
            (number(totals["avoided_ktpa"]), f"{words.unit('kt/y')} {words('avoided')}{when}"),
            (percent(totals["abatement_share"], 2), f"{words('abatement')}{when} ({on_site})"),
            (number(totals["capex_mn"]), f"{words.millions} {words('capex')}{budget}"),
            (number(totals["avoidance_cost_per_t"]), f"{run.money} {words('per_t_avoided')} ({per_captured})"),
        ],
        quality=[
            (words("status"), f"{status}{words.stop}{words.sentence(_gap(run))}"),
            (words("calibration"), words.sentence(_calibration(calibration))),
        ],
    )


def _calibration(calibration: Mapping[str, Any] | None) -> str:
    """The statement of the calibration and what the reported reduction would take; a run of 0.1 lacks the latter."""
    if not calibration:
        return _NOT_CALIBRATED
    return " ".join([calibration["statement"], *calibration.get("reported_reduction", ())])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _gap(run: StoredRun) -> str:
    """The optimality gap as a sentence."""
    gap = gap_of_run(run)
    if not math.isfinite(gap.searched_share):
        return "The optimality gap is unknown."
    return f"{_capital(gap_text(gap, str(run.document['objective']['unit'])))}."


def plan_map(run: StoredRun, words: Words, outlines: Sequence[Mapping[str, Any]]) -> Markup:
    """Return the map with its legend."""
    period = "a representative year" if run.scenario.is_static else f"the period from {run.years[-1]}"
    caption = (
        ("Outlines are schematic, not a boundary statement. " if outlines else "")
        + "The area of a circle is the baseline emission of the plant; saturated: retrofitted, pale: not retrofitted. "
        f"Flows refer to {period}."
    )
    sectors = sorted({str(each["properties"]["sector"]) for each in run.features("plant")})
    legend = render(
        "legend",
        words=words,
        sectors=[(words.known(each, "sector"), sector_colour(each)) for each in sectors],
        ink=INK,
        faint=FAINT,
        site=SITE,
        pipe=PIPE,
        has_trucks=bool(run.features("truck")),
    )
    drawn = figure("map", spec(map_chart(run, words, outlines)), css="map")
    return section(words("map"), drawn, legend, paragraph(words.sentence(caption), "note"), css="whole")


def built(run: StoredRun, words: Words) -> Markup:
    """Return the table of retrofits."""
    rows = [
        {
            **row,
            "name": words.named(str(row["name"]), str(row["name_zh"] or "")),
            "stream": words.known(str(row["stream"]), "stream"),
            "technology": words.known(str(row["technology"]), "technology"),
            "province": words.value(str(row["province"]), "province"),
            "site": words.value(str(row["site"] or ""), "site"),
            "start": "" if run.scenario.is_static else str(row["year"]),
        }
        for row in run.document["retrofits"]
    ]
    if not rows:
        return section(words("built"), paragraph(words.sentence("Nothing is built.")))
    rows.sort(key=lambda row: (-row["avoided_ktpa"], row["plant"], row["stream"]))
    columns = columns_of(
        words, "name", "province", "stream", "technology", "start", "site", "captured_ktpa", "avoided_ktpa", "capex_mn",
        "avoidance_cost_per_t",
    )  # fmt: skip
    return section(words("built"), table(columns, rows, words("built")))


def cost_curve(run: StoredRun, words: Words) -> Markup:
    """Return the marginal abatement cost curve; empty without a stream."""
    chart = charts.macc_chart(run, words)
    if chart is None:
        return Markup("")
    note = (
        "Each bar is a stream at full size with its cheapest option: the width is its annual abatement, the height its "
        "cost per tonne. The curve ignores the budget and limits shared between streams; the plan respects them and "
        "may therefore skip a cheap stream."
    )
    return section(words("macc"), figure("macc", spec(chart), words.sentence(note)))


def timeline(run: StoredRun, words: Words) -> Markup:
    """Return spending and tonnes by period, as charts and as a table."""
    rows = [
        {**row, "period": period}
        for period, row in zip(charts.periods(run, words), run.document["by_year"], strict=True)
    ]  # fmt: skip
    columns = columns_of(
        words, "period", Column("n_started", words("started"), "", 0), "spending_mn", "captured_ktpa", "avoided_ktpa",
        "abatement_share", captured_ktpa="captured_pa", avoided_ktpa="avoided_pa",
    )  # fmt: skip
    pair = render(
        "pair",
        parts=[
            figure("spending", spec(charts.spending_chart(run, words))),
            figure("tonnes", spec(charts.tonnes_chart(run, words))),
        ],
    )
    return section(words("timeline"), pair, table(columns, rows, words("timeline")))


def zones(run: StoredRun, words: Words) -> Markup:
    """Return the abatement of each zone as delivered, as designed and as reported."""
    chart = charts.zones_chart(run, words)
    rows = [{**zone, "zone": words.value(str(zone["zone"]), "zone", "province")} for zone in run.document["zones"]]
    delivered = Column("abatement_share", f"{words('abatement')}: {words('as_delivered')}")
    columns = columns_of(
        words, "zone", "baseline_ktpa", "avoided_ktpa", delivered, "on_site_abatement_share",
        "uncalibrated_abatement_share", "reported_abatement_share",
    )  # fmt: skip
    note = (
        "Reported abatement is a press figure without baseline, metric or technology; it is not known to result from "
        "capture."
    )
    has_report = any(zone["reported_abatement_share"] is not None for zone in rows)
    return section(
        words("zones"),
        Markup("") if chart is None else figure("zones", spec(chart), words.sentence(note) if has_report else ""),
        table(columns, rows, words("zones")),
    )


def stakeholders(run: StoredRun, words: Words) -> Markup:
    """Return costs and benefits of each stakeholder, with the payments between them."""
    chart = charts.stakeholders_chart(run, words)
    if chart is None:
        message = words.sentence("A representative year has no owners' or social accounts.")
        return section(words("stakeholders"), paragraph(message))
    rows = [
        {**row, "stakeholder": words.known(str(row["stakeholder"]), "stakeholder")}
        for row in run.document["stakeholders"]
    ]
    ratio = Column("benefit_cost_ratio", words("ratio"), "", 2)
    columns = columns_of(words, "stakeholder", "benefits_mn", "costs_mn", "npv_mn", ratio, npv_mn="net")
    terms = run.document["social_account"]
    note = "The mark is the net value. Payments between stakeholders cancel in the social account."
    return section(
        words("stakeholders"),
        *(
            paragraph(words.sentence(each))
            for each in society(run.document["totals"], str(run.document["currency"]), terms)
        ),
        figure("stakeholders", spec(chart), words.sentence(note)),
        table(columns, rows, words("stakeholders")),
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
    return table(columns, [*rows, total], words("item"), has_total=True)


def owners(run: StoredRun, words: Words) -> Markup:
    """Return the returns of each owner; empty for a representative year."""
    found = run.document["owners"]
    if not found:
        return Markup("")
    plants = {each["properties"]["id"]: each["properties"] for each in run.features("plant")}
    rows = []
    for row in found:
        about = plants.get(row["plant"])
        is_total = row["plant"] == "all"
        name = words.label("All plants") if is_total else row["plant"]
        if about is not None:
            name = words.named(str(about["name"]), str(about["name_zh"] or ""))
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
    shown = table(columns, plain(rows), words("owner_returns"), has_total=has_total)
    return section(words("owner_returns"), shown, *(paragraph(note, "note") for note in notes))


def sources(words: Words, references: Sequence[Mapping[str, Any]]) -> Markup:
    """Return the references with their places, licences and the tables that use them."""
    return section(words("sources"), render("sources", words=words, references=references))
