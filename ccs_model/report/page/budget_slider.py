"""Abatement by budget: a slider that selects the plan shown on a map, on the frontier and in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
from markupsafe import Markup

from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.page.charts import FIRST, INK, OUT, SITE, THIRD, data, shades, shared, spec, tooltips
from ccs_model.report.page.html import Words, as_data, columns_of, figure, number, percent, render, section, table
from ccs_model.report.page.map import box_of, ground, meets, pipe_layer, plant_layer, projection

_SELECTED = "datum.point == point"


def frontier(run: StoredRun, words: Words, outlines: Sequence[Mapping[str, Any]]) -> Markup:
    """Return the section of the frontier; empty for a run with one budget."""
    document = run.frontier
    if document is None:
        return Markup("")
    points = document["points"]
    first = next((k for k, each in enumerate(points) if each["is_scenario"]), len(points) - 1)
    columns = columns_of(words, "name", "stream", "technology", "start", "site", "avoided_ktpa", "capex_mn")
    plans = [
        {
            "summary": words.sentence(_summary(each, run)),
            "step": step_text(str(each["words"]), words),
            "rows": [_cells(row, run, words) for row in each["rows"]],
            "firstNumber": 5,
        }
        for each in points
    ]
    rows = [_named(row, run, words) for row in points[first]["rows"]]
    exact = (
        "All budgets at which the slope of this LP changes are exact."
        if document["is_exact"]
        else "Every point is an integer solution with its own bound."
    )
    network = str(document["network"])
    note = f"{exact} {network[:1].upper()}{network[1:]}. {document['list_words']}"
    body = render(
        "budget",
        words=words,
        first=first,
        plans=plans,
        curve=figure("frontier", spec(_curve(run, words, first)), words.sentence(note)),
        map=figure("frontier-map", spec(_map(run, words, outlines, first)), css="map"),
        table=table(columns, rows, words("built")),
        data=as_data(plans),
    )
    return section(words("frontier"), body)


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


def _map(run: StoredRun, words: Words, outlines: Sequence[Mapping[str, Any]], first: int) -> Any:
    """The plants retrofitted and pipelines built with the selected budget, over all plants and sites."""
    assert run.frontier is not None
    points = run.frontier["points"]
    box = box_of(run)
    for each in points:
        for lon, lat, lon2, lat2, _ in each["lines"]:
            box = (min(box[0], lon, lon2), min(box[1], lat, lat2), max(box[2], lon, lon2), max(box[3], lat, lat2))
    zones = {str(zone["zone"]) for zone in run.document["zones"]}
    near = [each for each in outlines if meets(each, box)]
    plants = {each["properties"]["id"]: each for each in run.features("plant")}
    layers = [*ground(near, zones), *_lines(points), *_sites(run), *_plants(words, plants, points)]
    message = (
        f"Map of {len(plants)} plants; retrofitted plants and their pipelines for the budget selected above, "
        f"initially {points[first]['n_plants_retrofitted']} plants"
    )
    chart = alt.layer(*layers).project(**projection(box)).add_params(alt.param(name="point", value=first))
    return shared(chart, words.sentence(message), "container")


def _lines(points: Sequence[Mapping[str, Any]]) -> list[Any]:
    rows = [
        {"point": k, "lon": lon, "lat": lat, "lon2": lon2, "lat2": lat2, "flow_ktpa": flow}
        for k, each in enumerate(points)
        for lon, lat, lon2, lat2, flow in each["lines"]
    ]
    if not rows:
        return []
    return [pipe_layer(rows).transform_filter(_SELECTED)]


def _sites(run: StoredRun) -> list[Any]:
    rows = [
        {"name": each["properties"]["name"], "lon": each["geometry"]["coordinates"][0],
         "lat": each["geometry"]["coordinates"][1]}
        for each in run.features("site")
    ]  # fmt: skip
    if not rows:
        return []
    return [
        alt.Chart(data(rows))
        .mark_point(shape="diamond", size=70, stroke=SITE, strokeWidth=1.6, fill="#ffffff", opacity=0.8, clip=True)
        .encode(longitude="lon:Q", latitude="lat:Q", tooltip=[alt.Tooltip("name:N")])
    ]


def _plants(words: Words, plants: Mapping[str, Mapping[str, Any]], points: Sequence[Mapping[str, Any]]) -> list[Any]:
    """All plants in pale colours, and those retrofitted with the selected budget in saturated colours above."""

    def about(plant: str) -> dict[str, Any]:
        feature = plants[plant]
        lon, lat = feature["geometry"]["coordinates"]
        own = feature["properties"]
        named = words.named(str(own["name"]), str(own["name_zh"] or ""))
        return {"shown": named, "sector": own["sector"], "baseline_ktpa": own["baseline_ktpa"], "lon": lon, "lat": lat}

    every = [about(plant) for plant in plants]
    retrofitted = [
        {"point": k, **about(plant), "avoided_ktpa": avoided, "capex_mn": capex}
        for k, each in enumerate(points)
        for plant, (avoided, capex) in each["fitted"].items()
    ]
    names = ("shown", "baseline_ktpa")
    drawn = []
    if every:
        drawn.append(plant_layer(every, every, tooltips(words, *names), is_fitted=False))
    if retrofitted:
        message = tooltips(words, *names, "avoided_ktpa", "capex_mn")
        drawn.append(plant_layer(retrofitted, every, message, is_fitted=True).transform_filter(_SELECTED))
    return drawn
