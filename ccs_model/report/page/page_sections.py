"""The parts of the page from top to bottom; each gives HTML, or nothing where a run has nothing to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ccs_model.plan.plan_json import plain, records
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.page import charts
from ccs_model.report.page.charts import CHEMICALS, FAINT, INK, OTHER, PIPE, SITE, STEEL, spec
from ccs_model.report.page.html import Column, Words, figure, number, percent, safe, table
from ccs_model.report.page.map import map_chart
from ccs_model.units import label_of

_NOT_CALIBRATED = "Not calibrated: capture is planned to deliver all that it is designed for."


def heading(run: StoredRun, words: Words) -> str:
    """What was asked, what came out, how far it can be trusted."""
    document, totals = run.document, run.document["totals"]
    question = " ".join(run.scenario.description.split())
    calibration = document["calibration"]
    when = "" if run.scenario.is_static else f" {run.years[-1]}"
    budget = totals["budget_mn"]
    of_budget = "" if budget is None else f" ({words('budget')} {number(budget)})"
    if run.scenario.is_static:
        # There a budget is what a year may cost, capital being a yearly share.
        of_budget = f"; {words('year_cost')} {number(sum(document['costs'].values()))}{of_budget}"
    money = words.unit(f"million {run.money}")
    shown = [
        (f"{totals['n_plants_retrofitted']} / {totals['n_plants']}", words("plants_fitted")),
        (number(totals["captured_ktpa"]), f"{words.unit('kt/y')} {words('captured')}{when}"),
        (number(totals["avoided_ktpa"]), f"{words.unit('kt/y')} {words('avoided')}{when}"),
        (
            percent(totals["abatement_share"], 2),
            f"{words('cut')}{when} ({words('direct_cut')} {percent(totals['on_site_abatement_share'], 2)})",
        ),
        (number(totals["capex_mn"]), f"{money} {words('capex')}{of_budget}"),
        (
            number(totals["avoidance_cost_per_t"]),
            f"{run.money} {words('avoidance_cost')} ({number(totals['capture_cost_per_t'])} {words('capture_cost')})",
        ),
    ]
    tiles = "".join(f"<li><b>{safe(value)}</b><span>{safe(label)}</span></li>" for value, label in shown)
    message = [
        (words("status"), f"{_capital(words.known(document['status']))}{words.stop}{words.message(_gaps(document))}"),
        (words("calibration"), words.message(_NOT_CALIBRATED if calibration is None else calibration["statement"])),
    ]
    lines = "".join(f"<dt>{safe(name)}</dt><dd>{safe(text)}</dd>" for name, text in message)
    requested = f"<p class=question>{safe(question)}</p>" if question else ""
    return f"<h1>{safe(document['scenario'])}</h1>{requested}<ul class=figures>{tiles}</ul><dl class=said>{lines}</dl>"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _gaps(document: Mapping[str, Any]) -> str:
    """The gap, and beside it the one over all candidate links."""
    objective = document["objective"]
    corridors = document["corridors"]
    within = "" if corridors is None else " within its corridors"
    if objective["searched_gap_share"] is None:
        return "How near this is to the best plan was not found."
    message = f"Within {percent(objective['gap_share'], 2)} of the best plan{within}."
    value, bound = objective["value"], objective["bound"]
    if corridors is not None and value and bound is not None and bound != objective["searched_bound"]:
        better = "cheaper" if document["objective_name"] == "min_cost" else "better"
        wider = percent(abs(bound - value) / abs(value), 2)
        message += f" Over all candidate links no plan can be more than {wider} {better}."
    return message


def the_map(run: StoredRun, words: Words, outlines: Sequence[Mapping[str, Any]]) -> str:
    """The map with its legend."""
    note = "Outlines are schematic, not a boundary statement. " if outlines else ""
    last = "a representative year" if run.scenario.is_static else f"the period from {run.years[-1]}"
    caption = (
        f"{note}The area of a circle is what the plant emits without capture; full colour: fitted, pale: not. "
        f"Flows are of {last}."
    )
    return (
        f"<h2>{safe(words('map'))}</h2><div class=whole>"
        + figure("map", spec(map_chart(run, words, outlines)), css="map")
        + _legend(run, words)
        + f"<p class=note>{safe(words.message(caption))}</p></div>"
    )


def _legend(run: StoredRun, words: Words) -> str:
    sectors = sorted({str(each["properties"]["sector"]) for each in run.features("plant")})
    colours = {"steel": STEEL, "chemicals": CHEMICALS}
    dot = '<circle cx=8 cy=8 r=6 fill="{}" stroke="{}" fill-opacity="{}" stroke-width=1.4 />'
    diamond = '<path d="M8 1 15 8 8 15 1 8Z" fill="{}" stroke="{}" stroke-width=1.4 />'
    items = [
        (dot.format(colours.get(each, OTHER), INK, 0.95), f"{words.known(each)}, {words('fitted')}") for each in sectors
    ]
    items += [
        (dot.format(colours.get(each, OTHER), FAINT, 0.3), f"{words.known(each)}, {words('not_fitted')}")
        for each in sectors
    ]
    items += [(diamond.format(SITE, SITE), words("used_site")), (diamond.format("#fff", SITE), words("unused_site"))]
    line = '<path d="M0 8H16" stroke="{}" stroke-width=4 {} />'
    items.append((line.format(PIPE, ""), words("pipe")))
    if run.features("truck"):
        items.append((line.format(PIPE, 'stroke-dasharray="4 4"'), words("road")))
    drawn = "".join(
        f'<li><svg width=16 height=16 viewBox="0 0 16 16" aria-hidden=true>{shape}</svg>{safe(text)}</li>'
        for shape, text in items
    )
    return f"<ul class=legend>{drawn}</ul>"


def built(run: StoredRun, words: Words) -> str:
    """Every retrofit of the plan."""
    rows = [
        {
            **row,
            "name": words.named(str(row["name"]), str(row["name_zh"] or "")),
            "stream": words.known(str(row["stream"])),
            "technology": words.known(str(row["technology"])),
            "start": "" if run.scenario.is_static else str(row["year"]),
        }
        for row in run.document["retrofits"]
    ]
    title = f"<h2>{safe(words('built'))}</h2>"
    if not rows:
        return f"{title}<p>{safe(words.message('Nothing is built.'))}</p>"
    rows.sort(key=lambda row: (-row["avoided_ktpa"], row["plant"], row["stream"]))
    columns = [
        Column("name", words("plant")),
        Column("province", words("province")),
        Column("stream", words("stream")),
        Column("technology", words("technology")),
        Column("start", words("year"), ""),
        Column("site", words("site")),
        Column("captured_ktpa", words("captured"), words.unit("kt/y")),
        Column("avoided_ktpa", words("avoided"), words.unit("kt/y")),
        Column("capex_mn", words("capex"), words.unit(f"million {run.money}")),
        Column("avoidance_cost_per_t", words("cost_of_avoiding"), f"{run.money}/t"),
    ]
    return title + table(columns, rows, words("built"))


def cost_curve(run: StoredRun, words: Words) -> str:
    """The marginal abatement cost curve."""
    chart = charts.macc_chart(run, words)
    if chart is None:
        return ""
    note = (
        "Each bar is a stream at full size with its cheapest route: as wide as what it avoids in a year, as high as "
        "what a tonne costs. The curve knows nothing of the budget and of limits that streams share; the plan does, so "
        "it may pass over a cheap stream."
    )
    return f"<h2>{safe(words('macc'))}</h2>" + figure("macc", spec(chart), words.message(note))


def timeline(run: StoredRun, words: Words) -> str:
    """Spending and tonnes by period, drawn and told."""
    rows = [
        {**row, "period": period}
        for period, row in zip(charts.periods(run), run.document["by_year"], strict=True)
    ]  # fmt: skip
    columns = [
        Column("period", words("period")),
        Column("n_started", words("started"), "", 0),
        Column("spending_mn", words("spending"), words.unit(f"million {run.money}")),
        Column("captured_ktpa", words("captured_pa"), words.unit("kt/y")),
        Column("avoided_ktpa", words("avoided_pa"), words.unit("kt/y")),
        Column("abatement_share", words("cut")),
    ]
    drawn = figure("spending", spec(charts.spending_chart(run, words))) + figure(
        "tonnes", spec(charts.tonnes_chart(run, words))
    )
    return f"<h2>{safe(words('timeline'))}</h2><div class=pair>{drawn}</div>" + table(columns, rows, words("timeline"))


def zones(run: StoredRun, words: Words) -> str:
    """Cuts by zone: as delivered, as designed, as reported."""
    chart = charts.zones_chart(run, words)
    columns = [
        Column("zone", words("zone")),
        Column("baseline_ktpa", words("baseline"), words.unit("kt/y")),
        Column("avoided_ktpa", words("avoided"), words.unit("kt/y")),
        Column("abatement_share", f"{words('cut')}: {words('calibrated_cut')}"),
        Column("on_site_abatement_share", words("direct_cut")),
        Column("uncalibrated_abatement_share", words("uncalibrated_cut")),
        Column("reported_abatement_share", words("reported_cut")),
    ]
    note = (
        "A reported cut is a press figure without baseline, metric or technology: not a cut that capture is known to "
        "have made."
    )
    has_report = any(zone["reported_abatement_share"] is not None for zone in run.document["zones"])
    return (
        f"<h2>{safe(words('zones'))}</h2>"
        + ("" if chart is None else figure("zones", spec(chart), words.message(note) if has_report else ""))
        + table(columns, run.document["zones"], words("zones"))
    )


def stakeholders(run: StoredRun, words: Words) -> str:
    """Who gains and who pays."""
    title = f"<h2>{safe(words('stakeholders'))}</h2>"
    chart = charts.stakeholders_chart(run, words)
    if chart is None:
        return f"{title}<p>{safe(words.message('A representative year has no accounts of owners and society.'))}</p>"
    unit = words.unit(f"million {run.money}")
    named = [
        {
            **row,
            "stakeholder": words("owners_stakeholder")
            if row["stakeholder"] == "owners"
            else words.known(str(row["stakeholder"])),
        }
        for row in run.document["stakeholders"]
    ]
    columns = [
        Column("stakeholder", words("stakeholder")),
        Column("benefits_mn", words("benefits"), unit),
        Column("costs_mn", words("costs"), unit),
        Column("npv_mn", words("net"), unit),
        Column("benefit_cost_ratio", words("ratio"), "", 2),
    ]
    note = "The mark is the balance. What one stakeholder pays another cancels in society's account."
    return (
        title
        + figure("stakeholders", spec(chart), words.message(note))
        + table(columns, named, words("stakeholders"))
        + _ledger(run, words, unit)
    )


def _ledger(run: StoredRun, words: Words, unit: str) -> str:
    frame = pd.DataFrame(run.document["ledger"])
    if frame.empty:
        return ""
    amounts = [name for name in frame.columns if name != "item"]
    total = {"item": words("net"), **{name: float(frame[name].sum()) for name in amounts}}
    rows = [{**row, "item": words.label(label_of(str(row["item"])))} for row in records(frame)]
    headings = {"owners_mn": "owners_stakeholder", "public_purse_mn": "public purse"}
    columns = [
        Column("item", words("item")),
        *(Column(name, words(headings.get(name, name.removesuffix("_mn"))), unit) for name in amounts),
    ]
    return table(columns, [*rows, total], words("item"), sums=True)


def owners(run: StoredRun, words: Words) -> str:
    """What each owner earns; nothing in a static year."""
    found = run.document["owners"]
    if not found:
        return ""
    plants = {each["properties"]["id"]: each["properties"] for each in run.features("plant")}
    rows = []
    for row in found:
        about = plants.get(row["plant"])
        name = row["plant"] if about is None else words.named(str(about["name"]), str(about["name_zh"] or ""))
        rows.append({**row, "name": name, "is_all": row["plant"] == "all"})
    rows.sort(key=lambda row: (row["is_all"], -(row["capex_mn"] or 0.0), row["plant"]))
    unit = words.unit(f"million {run.money}")
    columns = [
        Column("name", words("plant")),
        Column("capex_mn", words("capex"), unit),
        Column("npv_mn", words("npv"), unit),
        Column("equity_irr_share", words("irr")),
        Column("payback_yr", words("payback"), words("years_unit")),
        Column("break_even_carbon_price_per_t", words("break_even"), f"{run.money}/t"),
    ]
    return f"<h2>{safe(words('owners'))}</h2>" + table(
        columns, plain(rows), words("owners"), sums=bool(rows[-1]["is_all"])
    )


def sources(words: Words, references: Sequence[Mapping[str, Any]]) -> str:
    """What the numbers rest on: each reference with its place, its licence and the tables that name it."""
    lines = []
    for row in references:
        about = [
            str(row["where"] or ""),
            f"{words('licence')}: {row['licence']}",
            f"{words('used_by')}: {row['used_by']}",
        ]
        small = safe(" · ".join(part for part in about if part))
        lines.append(f"<li>{safe(row['citation'])} <small>{small}</small></li>")
    return f"<h2>{safe(words('sources'))}</h2><ol class=sources>{chr(10).join(lines)}</ol>"
