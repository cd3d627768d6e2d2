"""Sections for a planner: the question, the answer by period, the timeline, and the zones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import Markup

from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.figures import gap_of_run
from ccs_model.report.page import charts
from ccs_model.report.page.charts import spec
from ccs_model.report.page.html import (
    Column,
    Words,
    as_data,
    columns_of,
    figure,
    number,
    paragraph,
    percent,
    render,
    section,
    table,
)
from ccs_model.report.phrases import gap_text

_NOT_CALIBRATED = "Not calibrated: capture delivers its design capacity."


def heading(run: StoredRun) -> Markup:
    """Return the name of the run and the question it answers."""
    return render(
        "heading", title=run.document["scenario"], description=" ".join(run.scenario.description.split())
    )  # fmt: skip


def answer(run: StoredRun, words: Words) -> Markup:
    """Return the headline numbers by period, and the quality of the solution."""
    document = run.document
    figures = [
        (texts[-1], label, as_texts(texts)) for texts, label in _headline(run, words) if texts[-1] != number(None)
    ]
    calibration = document["calibration"]
    status = _capital(words.known(document["status"]))
    statement = calibration["statement"] if calibration else _NOT_CALIBRATED
    quality = [
        (words("status"), f"{status}{words.stop}{words.sentence(_gap(run))}"),
        (words("calibration"), words.sentence(statement)),
    ]
    return section("answer", words("answer"), render("answer", figures=figures, quality=quality))


def as_texts(texts: Sequence[str]) -> str:
    """Return the texts of each period for an attribute; empty where they do not differ."""
    return str(as_data(list(texts))) if len(set(texts)) > 1 else ""


def _headline(run: StoredRun, words: Words) -> Iterator[tuple[list[str], str]]:
    """Texts of each period, or one text, and their label."""
    document, totals, is_static = run.document, run.document["totals"], run.scenario.is_static
    by_year = document["by_year"]
    plants: set[str] = set()
    capex, n_plants, invested = 0.0, [], []
    for row in by_year:
        plants |= {each["plant"] for each in document["retrofits"] if is_static or each["year"] <= row["year"]}
        n_plants.append(f"{len(plants)} / {totals['n_plants']}")
        capex += row["spending_mn"] or 0.0
        invested.append(number(totals["capex_mn"] if row is by_year[-1] else capex))
    yield n_plants, words("plants_retrofitted")
    for name in ("captured", "avoided"):
        texts = [number(row[f"{name}_ktpa"]) for row in by_year]
        yield texts, f"{words.unit('kt/y')} {words(name)}"
    on_site = f"{words('on_site_abatement')} {percent(totals['on_site_abatement_share'], 2)}"
    yield [percent(row["abatement_share"], 2) for row in by_year], f"{words('abatement')} ({on_site})"
    budget = "" if totals["budget_mn"] is None else f" ({words('budget')} {number(totals['budget_mn'])})"
    if is_static:
        # The budget of a representative year limits the annual cost, with annualised capital.
        budget = f"; {words('annual_cost')} {number(sum(document['costs'].values()))}{budget}"
    yield invested, f"{words.millions} {words('capex')}{budget}"
    per_captured = f"{number(totals['capture_cost_per_t'])} {words('per_t_captured')}"
    yield [number(totals["avoidance_cost_per_t"])], f"{run.money} {words('per_t_avoided')} ({per_captured})"
    yield [number(totals.get("storage_cost_per_t"))], f"{run.money} {words('per_t_stored')}"
    yield [number(totals.get("owners_break_even_price_per_t"))], f"{run.money}/t {words('owners_break_even')}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _gap(run: StoredRun) -> str:
    """The optimality gap as a sentence."""
    gap = gap_of_run(run)
    if not math.isfinite(gap.searched_share):
        return "The optimality gap is unknown."
    return f"{_capital(gap_text(gap, str(run.document['objective']['unit'])))}."


def timeline(run: StoredRun, words: Words) -> Markup:
    """Return spending and tonnes by period, as charts and as a table."""
    periods = charts.periods(run, words)
    by_year = run.document["by_year"]
    rows = [
        {**row, "period": period, "of_period": at}
        for at, (period, row) in enumerate(zip(periods, by_year, strict=True))
    ]
    columns = columns_of(
        words, "period", Column("n_started", words("started"), "", 0), "spending_mn", "captured_ktpa", "avoided_ktpa",
        "abatement_share", captured_ktpa="captured_pa", avoided_ktpa="avoided_pa",
    )  # fmt: skip
    most = max(rows, key=lambda row: row["spending_mn"] or 0.0)
    last = rows[-1]
    spending = f"Capital spending is highest in {most['period']}: {number(most['spending_mn'])} million {run.money}."
    tonnes = f"In {last['period']}, {number(last['captured_ktpa'])} kt a year are captured and "
    tonnes += f"{number(last['avoided_ktpa'])} kt avoided."
    pair = render(
        "pair",
        parts=[
            figure("spending", spec(charts.spending_chart(run, words)), words, title=spending, source="plan.json"),
            figure("tonnes", spec(charts.tonnes_chart(run, words)), words, title=tonnes, source="plan.json"),
        ],
    )
    return section("timeline", words("timeline"), pair, table("timeline", columns, rows, words, words("timeline")))


def zones(run: StoredRun, words: Words) -> Markup:
    """Return the abatement of each zone as delivered, as designed and as reported."""
    chart = charts.zones_chart(run, words)
    rows = [{**zone, "zone": words.value(str(zone["zone"]), "zone", "province")} for zone in run.document["zones"]]
    delivered = Column("abatement_share", f"{words('abatement')}: {words('as_delivered')}")
    columns = columns_of(
        words, "zone", "baseline_ktpa", "avoided_ktpa", delivered, "on_site_abatement_share",
        "uncalibrated_abatement_share", "reported_abatement_share",
    )  # fmt: skip
    has_report = any(zone["reported_abatement_share"] is not None for zone in rows)
    note = (
        "The thin mark is the reported abatement: a press figure without baseline, metric or technology; it is not "
        "known to result from capture."
    )
    highest = max(rows, key=lambda row: row["abatement_share"] or 0.0)
    title = f"Abatement is highest in {highest['zone']}: {percent(highest['abatement_share'], 2)} of its emissions."
    calibration: dict[str, Any] = run.document["calibration"] or {}
    # A run of 0.1 lacks what the reported reduction would take.
    reported = [paragraph(words.sentence(each)) for each in calibration.get("reported_reduction", ())]
    drawn = Markup("")
    if chart is not None:
        caption = note if has_report else ""
        drawn = figure("zones-chart", spec(chart), words, title=title, caption=caption, source="tables/zones.csv")
    return section("zones", words("zones"), drawn, *reported, table("zones", columns, rows, words, words("zones")))
