"""Abatement by budget: the plan of the budget that is selected, on the frontier and in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
from markupsafe import Markup

from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.page.charts import FIRST, INK, OUT, THIRD, data, shades, shared, spec
from ccs_model.report.page.html import Words, as_data, columns_of, figure, number, percent, render, section, table
from ccs_model.report.page.plan_map import site_name

_SELECTED = "datum.point == point"


def plans_of(run: StoredRun, words: Words) -> tuple[int, list[dict[str, Any]]]:
    """Return the budget of the scenario and the plan of each budget as texts; none for a run with one budget."""
    points: Sequence[Mapping[str, Any]] = run.frontier["points"] if run.frontier else ()
    first = next((k for k, each in enumerate(points) if each["is_scenario"]), len(points) - 1)
    plans = [
        {
            "name": f"{number(each['budget_mn'])} {words.millions}",
            "summary": words.sentence(_summary(each, run)),
            "step": step_text(str(each["words"]), words),
            "rows": [_cells(row, run, words) for row in each["rows"]],
            "firstNumber": 5,
        }
        for each in points
    ]
    return first, plans


def frontier(run: StoredRun, words: Words) -> Markup:
    """Return the section of the frontier; empty for a run with one budget."""
    document = run.frontier
    if document is None:
        return Markup("")
    first, plans = plans_of(run, words)
    columns = columns_of(words, "name", "stream", "technology", "start", "site", "avoided_ktpa", "capex_mn")
    rows = [_named(row, run, words) for row in document["points"][first]["rows"]]
    n_rows = max(len(point["rows"]) for point in document["points"])
    exact = (
        "All budgets at which the slope of this LP changes are exact."
        if document["is_exact"]
        else "Every point is an integer solution with its own bound."
    )
    network = str(document["network"])
    note = f"{exact} {network[:1].upper()}{network[1:]}. {document['list_words']}"
    curve = spec(_curve(run, words, first))
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
    gap = percent(point["gap_share"], 2)
    return (
        f"{number(point['budget_mn'])} million {run.money}: {number(point['abatement_kt'])} kt avoided over the "
        f"horizon, {point['n_plants_retrofitted']} plants, gap {gap}"
    )


def step_text(text: str, words: Words) -> str:
    """Return the effect of a budget step in the page's language, translated clause by clause."""
    if words.lang == "en" or not text:
        return text
    message = [Words("zh").sentence(f"{clause}.").rstrip("。.") for clause in text.rstrip(".").split("; ")]
    chinese = "；".join(message) + "。"
    return chinese if words.lang == "zh" else f"{text}\n{chinese}"


def _named(row: Mapping[str, Any], run: StoredRun, words: Words) -> dict[str, Any]:
    return {
        **row,
        "stream": words.known(str(row["stream"]), "stream"),
        "technology": words.known(str(row["technology"]), "technology"),
        "start": "" if run.scenario.is_static else str(row["year"]),
        "site": site_name(run, words, row["site"]),
    }


def _cells(row: Mapping[str, Any], run: StoredRun, words: Words) -> list[str]:
    named = _named(row, run, words)
    texts = [str(named[name] or "") for name in ("name", "stream", "technology", "start", "site")]
    return [*texts, number(row["avoided_ktpa"]), number(row["capex_mn"])]


def _curve(run: StoredRun, words: Words, first: int) -> Any:
    """The solutions, their bounds and the merit order by budget, with a mark at the selected budget."""
    assert run.frontier is not None
    points, unit = run.frontier["points"], words.unit(str(run.frontier["unit"]))
    solutions, bound, merit_order = words("solutions"), words("bound"), words("merit_order")
    rows = [
        {"budget_mn": each["budget_mn"], "what": what, "value": each[name]}
        for name, what in (("bound", bound), ("list_objective", merit_order), ("objective", solutions))
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
            tooltip=[
                alt.Tooltip("what:N", title=" "),
                alt.Tooltip("budget_mn:Q", title=money, format=",.0f"),
                alt.Tooltip("value:Q", title=unit, format=",.0f"),
            ],
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
    return shared(alt.layer(lines, mark).add_params(alt.param(name="point", value=first)), words.sentence(message), 340)
