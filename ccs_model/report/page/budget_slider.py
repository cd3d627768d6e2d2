"""What each budget buys: a slider over the budgets that moves a map, a curve and a list, all of it in the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.page.charts import (
    FAINT,
    FIRST,
    INK,
    OUT,
    PIPE,
    SITE,
    THIRD,
    alt,
    data,
    sector_colours,
    shared,
    spec,
)
from ccs_model.report.page.html import Column, Words, as_data, figure, number, percent, safe, table
from ccs_model.report.page.map import box_of, ground, meets, projection

_CHOSEN = "datum.rung == rung"


def frontier(run: StoredRun, words: Words, outlines: Sequence[Mapping[str, Any]]) -> str:
    """The section, where the run was asked for other budgets."""
    document = run.frontier
    if document is None:
        return ""
    points = document["points"]
    first = next((k for k, each in enumerate(points) if each["is_scenario"]), len(points) - 1)
    money = words.unit(f"million {run.money}")
    columns = [
        Column("name", words("plant")),
        Column("stream", words("stream")),
        Column("technology", words("technology")),
        Column("start", words("year")),
        Column("site", words("site")),
        Column("avoided_ktpa", words("avoided"), words.unit("kt/y")),
        Column("capex_mn", words("capex"), money),
    ]
    plans = [
        {
            "said": words.message(_sentence(each, run)),
            "words": step_text(str(each["words"]), words),
            "rows": [_cells(row, run, words) for row in each["rows"]],
            "numbersFrom": 5,
        }
        for each in points
    ]
    rows = [_named(row, run, words) for row in points[first]["rows"]]
    exact = (
        "Of this linear program every budget at which the slope changes is known exactly. "
        if document["is_exact"]
        else "Every point is a whole plan with a bound of its own. "
    )
    note = f"{exact}Here {document['network']}. {document['list_words']}"
    return (
        f"<h2>{safe(words('frontier'))}</h2>"
        f"<div class=budget><label for=budget>{safe(words('budget_slider'))}</label>"
        f"<input type=range id=budget min=0 max={len(points) - 1} step=1 value={first} autocomplete=off>"
        f"<output id=budget-said for=budget>{safe(plans[first]['said'])}</output></div>"
        f"<p id=budget-words>{safe(step_text(str(points[first]['words']), words))}</p>"
        + figure("frontier", spec(_curve(run, words, first)), words.message(note))
        + figure("frontier-map", spec(_map(run, words, outlines, first)), css="map")
        + f"<div id=budget-list>{table(columns, rows, words('built'))}</div>"
        + f'<script type="application/json" id="budget-plans">{as_data(plans)}</script>'
    )


def _sentence(point: Mapping[str, Any], run: StoredRun) -> str:
    gap = percent(point["gap_share"], 2)
    return (
        f"{number(point['budget_mn'])} million {run.money}: {number(point['abatement_kt'])} kt avoided over the "
        f"horizon, {point['n_plants_retrofitted']} plants, gap {gap}"
    )


def step_text(text: str, words: Words) -> str:
    """What a step buys and who moves, clause by clause in the page's language."""
    if words.lang == "en" or not text:
        return text
    message = [Words("zh").message(f"{clause}.").rstrip("。.") for clause in text.rstrip(".").split("; ")]
    chinese = "；".join(message) + "。"
    return chinese if words.lang == "zh" else f"{text}\n{chinese}"


def _named(row: Mapping[str, Any], run: StoredRun, words: Words) -> dict[str, Any]:
    return {
        **row,
        "stream": words.known(str(row["stream"])),
        "technology": words.known(str(row["technology"])),
        "start": "" if run.scenario.is_static else str(row["year"]),
    }


def _cells(row: Mapping[str, Any], run: StoredRun, words: Words) -> list[str]:
    named = _named(row, run, words)
    texts = [str(named[name] or "") for name in ("name", "stream", "technology", "start", "site")]
    return [*texts, number(row["avoided_ktpa"]), number(row["capex_mn"])]


def _curve(run: StoredRun, words: Words, first: int) -> Any:
    """Plans, what no plan can pass, and what the ranked list would reach; a mark at the budget chosen."""
    assert run.frontier is not None
    points, unit = run.frontier["points"], words.unit(str(run.frontier["unit"]))
    plans, bound, by_list = words("plans"), words("no_better"), words("by_list")
    rows = [
        {"budget_mn": each["budget_mn"], "what": what, "value": each[name]}
        for name, what in (("bound", bound), ("list_objective", by_list), ("objective", plans))
        for each in points
        if each[name] is not None
    ]
    money = f"{words('budget_axis')}, {words.unit(f'million {run.money}')}"
    x = alt.X("budget_mn:Q", title=money, axis=alt.Axis(format=",.0f", tickCount=6))
    drawn = {row["what"] for row in rows}
    shades = {what: shade for what, shade in ((plans, FIRST), (bound, OUT), (by_list, THIRD)) if what in drawn}
    colours = alt.Scale(domain=list(shades), range=list(shades.values()))
    lines = (
        alt.Chart(data(rows))
        .mark_line(point=True)
        .encode(
            x=x,
            y=alt.Y("value:Q", title=unit, axis=alt.Axis(format=",.0f")),
            color=alt.Color("what:N", title=None, scale=colours, legend=alt.Legend(columns=1)),
            tooltip=[
                alt.Tooltip("what:N", title=" "),
                alt.Tooltip("budget_mn:Q", title=money, format=",.0f"),
                alt.Tooltip("value:Q", title=unit, format=",.0f"),
            ],
        )
    )
    here = [
        {"rung": k, "budget_mn": each["budget_mn"], "value": each["objective"], "what": words("chosen_budget")}
        for k, each in enumerate(points)
    ]
    mark = (
        alt.Chart(data(here))
        .mark_point(size=220, stroke=INK, strokeWidth=2.5, fillOpacity=0)
        .encode(x="budget_mn:Q", y="value:Q")
        .transform_filter(_CHOSEN)
    )
    message = (
        f"Frontier of {len(points)} budgets from {points[0]['budget_mn']:,.0f} to {points[-1]['budget_mn']:,.0f} "
        f"million {run.money}: from {points[0]['objective']:,.0f} to {points[-1]['objective']:,.0f} {unit}"
    )
    return shared(alt.layer(lines, mark).add_params(alt.param(name="rung", value=first)), words.message(message), 340)


def _map(run: StoredRun, words: Words, outlines: Sequence[Mapping[str, Any]], first: int) -> Any:
    """Plants fitted and pipes laid for the budget chosen, over all plants and sites."""
    assert run.frontier is not None
    points = run.frontier["points"]
    box = box_of(run)
    for each in points:
        for lon, lat, lon2, lat2, _ in each["lines"]:
            box = (min(box[0], lon, lon2), min(box[1], lat, lat2), max(box[2], lon, lon2), max(box[3], lat, lat2))
    zones = {str(zone["zone"]) for zone in run.document["zones"]}
    near = [each for each in outlines if meets(each, box)]
    plants = {each["properties"]["id"]: each for each in run.features("plant")}
    layers = [*ground(near, zones), *_lines(points), *_sites(run), *_plants(run, words, plants, points)]
    message = (
        f"Map of {len(plants)} plants; fitted ones and their pipes for the budget that the slider above names, "
        f"at first {points[first]['n_plants_retrofitted']} plants"
    )
    chart = alt.layer(*layers).project(**projection(box)).add_params(alt.param(name="rung", value=first))
    return shared(chart, words.message(message), "container")


def _lines(points: Sequence[Mapping[str, Any]]) -> list[Any]:
    rows = [
        {"rung": k, "lon": lon, "lat": lat, "lon2": lon2, "lat2": lat2, "flow_ktpa": flow}
        for k, each in enumerate(points)
        for lon, lat, lon2, lat2, flow in each["lines"]
    ]
    if not rows:
        return []
    top = max(float(row["flow_ktpa"]) for row in rows)
    width = alt.StrokeWidth("flow_ktpa:Q", scale=alt.Scale(domain=[0, max(top, 1.0)], range=[1.4, 7]), legend=None)
    return [
        alt.Chart(data(rows))
        .mark_rule(color=PIPE, strokeCap="round", clip=True)
        .encode(longitude="lon:Q", latitude="lat:Q", longitude2="lon2:Q", latitude2="lat2:Q", strokeWidth=width)
        .transform_filter(_CHOSEN)
    ]


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


def _plants(
    run: StoredRun, words: Words, plants: Mapping[str, Mapping[str, Any]], points: Sequence[Mapping[str, Any]]
) -> list[Any]:
    """All plants pale below; those fitted at the budget chosen in full colour above."""

    def about(plant: str) -> dict[str, Any]:
        feature = plants[plant]
        lon, lat = feature["geometry"]["coordinates"]
        own = feature["properties"]
        named = words.named(str(own["name"]), str(own["name_zh"] or ""))
        return {"shown": named, "sector": own["sector"], "baseline_ktpa": own["baseline_ktpa"], "lon": lon, "lat": lat}

    every = [about(plant) for plant in plants]
    fitted = [
        {"rung": k, **about(plant), "avoided_ktpa": avoided, "capex_mn": capex}
        for k, each in enumerate(points)
        for plant, (avoided, capex) in each["fitted"].items()
    ]
    top = max((float(row["baseline_ktpa"] or 0.0) for row in every), default=1.0)
    size = alt.Size("baseline_ktpa:Q", scale=alt.Scale(domain=[0, max(top, 1.0)], range=[24, 900]), legend=None)
    sectors = sorted({str(row["sector"]) for row in every})
    colour = alt.Color("sector:N", scale=sector_colours(sectors), legend=None)
    tooltip = [
        alt.Tooltip("shown:N", title=words("plant")),
        alt.Tooltip("baseline_ktpa:Q", title=f"{words('baseline')}, {words.unit('kt/y')}", format=",.0f"),
    ]
    more = [
        alt.Tooltip("avoided_ktpa:Q", title=f"{words('avoided')}, {words.unit('kt/y')}", format=",.0f"),
        alt.Tooltip("capex_mn:Q", title=f"{words('capex')}, {words.unit(f'million {run.money}')}", format=",.0f"),
    ]
    drawn = []
    if every:
        pale = alt.Chart(data(every)).mark_circle(stroke=FAINT, strokeWidth=0.8, opacity=0.3, clip=True)
        drawn.append(pale.encode(longitude="lon:Q", latitude="lat:Q", size=size, color=colour, tooltip=tooltip))
    if fitted:
        full = alt.Chart(data(fitted)).mark_circle(stroke=INK, strokeWidth=1.6, opacity=0.95, clip=True)
        drawn.append(
            full.encode(
                longitude="lon:Q", latitude="lat:Q", size=size, color=colour, tooltip=[*tooltip, *more]
            ).transform_filter(_CHOSEN)
        )
    return drawn
