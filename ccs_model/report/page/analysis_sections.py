"""Sections of the page from analyses: abatement by budget (frontier), and the uncertainty of the result (Monte Carlo).

The frontier shows the plan of the budget that is selected, on the chart and in a table. Uncertainty covers outcomes
over the futures, their drivers, and the selection frequency of plants.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from markupsafe import Markup

from ccs_model.plan.plan import FIXED, REPLANNED
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.page.charts import FIRST, INK, OUT, THIRD, data, shades, style_chart, tooltips
from ccs_model.report.page.html import (
    PageColumn,
    PageLanguage,
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
from ccs_model.report.page.plan_map import plant_names, site_name, technology_text
from ccs_model.report.phrases import FEW_FUTURES, capitalise, futures_text, is_beyond_noise
from ccs_model.report.workbook.uncertainty_sheet import MODES, measures
from ccs_model.units import count_text

_BINS = 24
# Bars that remain legible in print.
_INPUTS, _PLANTS = 10, 25
_ROW, _EDGE = 20, 110
# Aligned right, a long axis title extends below the names, where a phone has room for it.
_UNDER_BARS = {"titleAnchor": "end", "tickCount": 5}
_SELECTED = "datum.point == point"
_AMOUNTS = ("avoided_ktpa", "capex_mn")


def plans_of(run: StoredRun, words: PageLanguage) -> tuple[int, list[dict[str, Any]]]:
    """Return the budget of the scenario and the plan of each budget as texts; none for a run with one budget."""
    points: Sequence[Mapping[str, Any]] = run.frontier["points"] if run.frontier else ()
    first = next((k for k, each in enumerate(points) if each["is_scenario"]), len(points) - 1)
    known, chinese_names = _known_names(run, words), _chinese_names(run)
    columns = [column for column in _columns(run) if column not in _AMOUNTS]
    plans = [
        {
            "name": f"{number(each['budget_mn'])} {words.millions}",
            "summary": words.sentence(_summary(each, run)),
            "step": step_text(str(each["text"]), words, chinese_names),
            "rows": [_cells(_add_names(row, run, words, known), columns) for row in each["rows"]],
            "firstNumber": len(columns),
        }
        for each in points
    ]
    return first, plans


def frontier(run: StoredRun, words: PageLanguage) -> Markup:
    """Return the section of the frontier; empty for a run with one budget."""
    document = run.frontier
    if document is None:
        return Markup("")
    first, plans = plans_of(run, words)
    columns, known = columns_of(words, *_columns(run)), _known_names(run, words)
    rows = [_add_names(row, run, words, known) for row in document["points"][first]["rows"]]
    n_rows = max(len(point["rows"]) for point in document["points"])
    exact = (
        "All budgets at which the slope of this LP changes are exact."
        if document["is_exact"]
        else "Every point is an integer solution with its own bound."
    )
    note = f"{exact} {capitalise(str(document['network']))}. {document['list_text']}"
    curve = _curve(run, words, first)
    body = render(
        "budget",
        words=words,
        first=first,
        plans=plans,
        curve=figure("frontier-chart", curve, words, caption=note, source="frontier.json"),
        table=table("budget", columns, rows, words, words("frontier"), n_rows=n_rows),
        data=as_data(plans),
    )
    return section("frontier", words("frontier"), body)


def _summary(point: Mapping[str, Any], run: StoredRun) -> str:
    assert run.frontier is not None
    over = "in a year" if run.scenario.is_static else "over the horizon"
    gap = f"gap {percent(point['all_links_gap_share'], 2)}"
    if run.frontier["n_corridors"] is None:
        proven = f", {gap}"
    else:
        searched = percent(point["gap_share"], 2)
        proven = f"; {gap} over all candidate links, {searched} within the links searched"
    return (
        f"{number(point['budget_mn'])} million {run.money}: {number(point['abatement_kt'])} kt avoided {over}, "
        f"{count_text(point['n_plants_retrofitted'], 'plant')}{proven}"
    )


def step_text(text: str, words: PageLanguage, chinese_names: Mapping[str, str]) -> str:
    """Return the effect of a budget step in the page's language, translated clause by clause.

    `chinese_names` are those of the plants by their names in the text.
    """
    if words.lang == "en" or not text:
        return text
    message = [PageLanguage("zh").sentence(f"{clause}.").rstrip("。.") for clause in text.rstrip(".").split("; ")]
    chinese = "；".join(message) + "。"
    # A name may begin with another one.
    for name in sorted(chinese_names, key=len, reverse=True):
        chinese = chinese.replace(name, chinese_names[name])
    return chinese if words.lang == "zh" else f"{text}\n{chinese}"


def _known_names(run: StoredRun, words: PageLanguage) -> dict[str, str]:
    """The names of plants in a language other than English, in which frontier.json has them."""
    return {} if words.lang == "en" else plant_names(run, words)


def _chinese_names(run: StoredRun) -> dict[str, str]:
    """The Chinese name of each plant by its own name, where that belongs to one plant."""
    names = Counter(str(each["properties"]["name"]) for each in run.features("plant"))
    chinese, own = plant_names(run, PageLanguage("zh")), plant_names(run, PageLanguage("en"))
    return {own[plant]: name for plant, name in chinese.items() if names[own[plant]] == 1}


def _columns(run: StoredRun) -> list[str]:
    """Columns of the retrofits of a budget; a representative year has no start."""
    start = () if run.scenario.is_static else ("start",)
    return ["name", "stream", "technology", *start, "site", *_AMOUNTS]


def _add_names(row: Mapping[str, Any], run: StoredRun, words: PageLanguage, known: Mapping[str, str]) -> dict[str, Any]:
    return {
        **row,
        "name": known.get(str(row["plant"]), str(row["name"])),
        "stream": words.translate_identifier(str(row["stream"]), "stream"),
        "technology": technology_text(words, row),
        "start": "" if run.scenario.is_static else str(row["year"]),
        "site": site_name(run, words, row["site"]),
    }


def _cells(named: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    return [*(str(named[name] or "") for name in columns), *(number(named[name]) for name in _AMOUNTS)]


def _curve(run: StoredRun, words: PageLanguage, first: int) -> Any:
    """The solutions, their bounds and the merit order by budget, with a mark at the selected budget."""
    assert run.frontier is not None
    points, unit = run.frontier["points"], words.unit(str(run.frontier["unit"]))
    solutions, bound, merit_order = words("solutions"), words("bound"), words("merit_order")
    rows = [
        {"budget_mn": each["budget_mn"], "what": what, "value": each[name]}
        for name, what in (("all_links_bound", bound), ("list_objective", merit_order), ("objective", solutions))
        for each in points
        if each[name] is not None
    ]
    money = words.title("budget_mn", "budget_axis")
    x = alt.X("budget_mn:Q", title=money, axis=alt.Axis(format=",.0f", tickCount=6))
    drawn = {row["what"] for row in rows}
    colours = {what: shade for what, shade in ((solutions, FIRST), (bound, OUT), (merit_order, THIRD)) if what in drawn}
    lines = (
        alt.Chart(data(rows))
        .mark_line(point=True)
        .encode(
            x=x,
            y=alt.Y("value:Q", title=unit, axis=alt.Axis(format=",.0f")),
            color=shades("what", colours, legend=alt.Legend(columns=1)),
            tooltip=tooltips({"what:N": " ", "budget_mn:Q": money, "value:Q": unit}),
        )
    )
    here = [
        {"point": k, "budget_mn": each["budget_mn"], "value": each["objective"], "what": words("selected_budget")}
        for k, each in enumerate(points)
    ]
    mark = (
        alt.Chart(data(here))
        .mark_point(size=220, stroke=INK, strokeWidth=2.5, fillOpacity=0)
        .encode(x="budget_mn:Q", y="value:Q")
        .transform_filter(_SELECTED)
    )
    message = (
        f"Frontier of {len(points)} budgets from {points[0]['budget_mn']:,.0f} to {points[-1]['budget_mn']:,.0f} "
        f"million {run.money}: from {points[0]['objective']:,.0f} to {points[-1]['objective']:,.0f} {unit}"
    )
    return style_chart(
        alt.layer(lines, mark).add_params(alt.param(name="point", value=first)), words.sentence(message), 340
    )


def uncertainty(run: StoredRun, words: PageLanguage) -> Markup:
    """Return the section of a Monte Carlo run; empty for other runs."""
    document = run.uncertainty
    if document is None:
        return Markup("")
    about = (
        f"{number(document['n_draws'])} futures, seed {document['seed']}. Fixed plan: built as it is in every future. "
        "Re-optimised: the LP of each future, solved with perfect foresight; no plan can do better."
    )
    about += f" {futures_text(document, document.get('broken', ()))}"
    # Rows of the tornado of the objective value over the re-optimised futures.
    rows = [row for row in document["tornado"] if (row["mode"], row["measure"]) == (REPLANNED, "objective_value")]
    drivers = [row for row in rows if is_beyond_noise(row)]
    highest = (
        "Mean of the re-optimised futures in which the input lies in its lowest or highest fifth, minus the mean of "
        f"all. Widest first; inputs within sampling noise, left out: {len(rows) - len(drivers)}."
    )
    selected = "A plant is selected if at least half of a stream's retrofit is built."
    drawn = [
        ("outcomes", _outcomes(document, run.tables.get("futures"), words), "The line is the planned value."),
        ("tornado", _tornado(document, drivers[:_INPUTS], words), highest),
        ("chosen", _selection_chart(document, run, words), selected),
    ]
    figures = [
        figure(name, chart, words, caption=note, source="montecarlo.json")
        for name, chart, note in drawn
        if chart is not None
    ]
    return section(
        "uncertainty", words("uncertainty"), paragraph(words.sentence(about)), *figures, _table(document, words)
    )  # fmt: skip


def _outcomes(document: Mapping[str, Any], futures: pd.DataFrame | None, words: PageLanguage) -> Any | None:
    """Histogram of the objective value over the futures; None without values."""
    names = {mode: f"{mode}_objective_value" for mode in MODES}
    if futures is None or not set(names.values()) <= set(futures.columns):
        return None
    values = {mode: futures[name].dropna().to_numpy(float) for mode, name in names.items()}
    together = np.concatenate(list(values.values()))
    if not together.size:
        return None
    edges = np.histogram_bin_edges(together, bins=_BINS)
    rows = [
        {"mode": words(f"mode_{mode}"), "low": low, "high": high, "n": int(n), "zero": 0}
        for mode, found in values.items()
        for low, high, n in zip(edges[:-1], edges[1:], np.histogram(found, edges)[0], strict=True)
        if n
    ]
    unit = words.unit(str(document["unit"]))
    title = f"{words('objective_value')}{words.comma}{unit}"
    bars = (
        alt.Chart(data(rows))
        .mark_rect(opacity=0.62)
        .encode(
            x=alt.X("low:Q", title=title, axis=alt.Axis(format=",.0f", tickCount=6, grid=False)),
            x2="high:Q",
            y=alt.Y("n:Q", title=words("n_futures"), axis=alt.Axis(format=",.0f", tickMinStep=1)),
            y2="zero:Q",
            color=shades("mode", {words(f"mode_{FIXED}"): THIRD, words(f"mode_{REPLANNED}"): FIRST}),
            tooltip=[
                *tooltips({"mode:N": " ", "low:Q": words("from"), "high:Q": words("to")}),
                alt.Tooltip("n:Q", title=words("n_futures")),
            ],
        )
    )
    fixed = _spread(document, FIXED)
    line = alt.Chart(data([{"planned": fixed["planned"]}])).mark_rule(color=INK, strokeWidth=2).encode(x="planned:Q")
    message = (
        f"Outcomes of {len(futures)} futures: the fixed plan reaches {number(fixed['p5'])} to "
        f"{number(fixed['p95'])} {unit} (90 % interval), median {number(fixed['p50'])}"
        if len(futures) >= FEW_FUTURES
        else f"Outcomes of {len(futures)} futures: the fixed plan reaches {number(fixed['p50'])} {unit} in the median"
    )
    return style_chart(alt.layer(bars, line), words.sentence(message), 280)


def _tornado(document: Mapping[str, Any], drivers: Sequence[Mapping[str, Any]], words: PageLanguage) -> Any | None:
    """Drivers of the objective value, widest first; None with too few futures or no effect beyond noise."""
    if not drivers:
        return None
    mean = _spread(document, REPLANNED)["mean"]
    low, high = words("lowest_fifth"), words("highest_fifth")
    rows = [
        {
            "input": words.translate_identifier(str(row["input"]), "input"),
            "end": end,
            "change": row[name] - mean,
            "value": row[name],
        }
        for row in drivers
        for end, name in ((low, "low"), (high, "high"))
    ]
    title = f"{words('minus_mean')}{words.comma}{words.unit(str(document['unit']))}"
    chart = (
        alt.Chart(data(rows))
        .mark_bar()
        .encode(
            y=alt.Y("input:N", title=None, sort=None),
            x=alt.X("change:Q", title=title, stack=None, axis=alt.Axis(format=",.0f", **_UNDER_BARS)),
            color=shades("end", {low: THIRD, high: FIRST}, legend=alt.Legend(columns=1)),
            tooltip=tooltips({"input:N": " ", "end:N": " ", "value:Q": words("mean"), "change:Q": title}),
        )
    )
    message = (
        f"Drivers of the objective value: {words.translate_identifier(str(drivers[0]['input']), 'input')} most, "
        f"with a mean of {drivers[0]['low']:,.0f} in its lowest fifth and {drivers[0]['high']:,.0f} in its highest"
    )
    return style_chart(chart, words.sentence(message), _EDGE + _ROW * len(drivers))


def _selection_chart(document: Mapping[str, Any], run: StoredRun, words: PageLanguage) -> Any | None:
    """Share of the futures in which each plant is selected, in descending order; None without plants."""
    found = document["plants"]
    known = plant_names(run, words)
    shown = {row["plant"]: known.get(str(row["plant"]), str(row["name"])) for row in found}
    names = Counter(shown.values())
    rows = [
        {
            # Plants with the same name are distinguished by their ids.
            "name": shown[row["plant"]] if names[shown[row["plant"]]] == 1 else f"{row['plant']} {shown[row['plant']]}",
            "share": row["chosen_share"],
            "state": words("in_plan") if row["is_planned"] else words("not_in_plan"),
        }
        for row in sorted(found, key=lambda row: (-(row["chosen_share"] or 0.0), row["plant"]))[:_PLANTS]
        if row["chosen_share"] is not None
    ]
    if not rows:
        return None
    colours = {words("in_plan"): FIRST, words("not_in_plan"): THIRD}
    chart = (
        alt.Chart(data(rows))
        .mark_bar()
        .encode(
            y=alt.Y("name:N", title=None, sort=None),
            x=alt.X(
                "share:Q",
                title=words("selected_share"),
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format=".0%", **_UNDER_BARS),
            ),
            color=shades("state", colours, legend=alt.Legend(columns=1)),
            tooltip=tooltips({"name:N": words("plant"), "share:Q": words("selected_share"), "state:N": " "}, ".0%"),
        )
    )
    n_sure = sum((row["chosen_share"] or 0.0) >= document["no_regret"]["share_min"] for row in found)
    message = f"The LP relaxation selects {n_sure} of {len(found)} plants in at least 90 % of the futures"
    return style_chart(chart, words.sentence(message), _EDGE + _ROW * len(rows))


def _table(document: Mapping[str, Any], words: PageLanguage) -> Markup:
    names = measures(document)
    rows = [
        {**row, "mode": words(f"mode_{row['mode']}"), "item": words.label(names[row["measure"]])}
        for row in document["spread"]
    ]
    columns = [
        PageColumn("mode", words("plan_mode")),
        PageColumn("item", words("result")),
        PageColumn("planned", words("as_planned"), digits=0),
        *(PageColumn(name, name.upper(), digits=0) for name in ("p5", "p50", "p95")),
    ]
    return table("outcomes-table", columns, rows, words, words("uncertainty"))


def _spread(document: Mapping[str, Any], mode: str) -> Mapping[str, Any]:
    """Spread of the objective value."""
    return next(row for row in document["spread"] if (row["mode"], row["measure"]) == (mode, "objective_value"))
