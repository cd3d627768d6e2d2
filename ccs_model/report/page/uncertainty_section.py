"""Uncertainty of the result: outcomes over the futures, their drivers, and the selection frequency of plants."""

from __future__ import annotations

from collections import Counter
from typing import Any

import altair as alt
import numpy as np
from markupsafe import Markup

from ccs_model.plan.plan import FIXED, REPLANNED
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.page.charts import FIRST, INK, THIRD, data, shades, shared, spec
from ccs_model.report.page.html import Column, Words, figure, number, paragraph, percent, section, table
from ccs_model.report.workbook.uncertainty_sheet import MEASURES, MODES

_BINS = 24
# Bars that remain legible in print.
_INPUTS, _PLANTS = 10, 25
_ROW, _EDGE = 20, 110
# Aligned right, a long axis title extends below the names, where a phone has room for it.
_UNDER_BARS = {"titleAnchor": "end", "tickCount": 5}


def uncertainty(run: StoredRun, words: Words) -> Markup:
    """Return the section of a Monte Carlo run; empty for other runs."""
    document = run.uncertainty
    if document is None:
        return Markup("")
    about = (
        f"{number(document['n_draws'])} futures, seed {document['seed']}. Fixed plan: built as it is in every future. "
        "Re-optimised: the LP of each future, solved with perfect foresight; no plan can do better."
    )
    if document["overrun_share"] is not None:
        about += (
            f" The fixed plan exceeds the budget in {percent(document['overrun_share'], 0)} of the futures and "
            f"satisfies every constraint in {percent(document['within_limits_share'], 0)} of them."
        )
    drawn = [
        ("outcomes", _outcomes(run, words), "The line is the planned value."),
        ("tornado", _tornado(run, words), "Mean of the re-optimised futures in which the input lies in its lowest or "
         "highest fifth, minus the mean of all. Widest first."),
        ("chosen", _chosen(run, words), "A plant is selected if at least half of a stream's retrofit is built."),
    ]  # fmt: skip
    figures = [
        figure(name, spec(chart), words, caption=note, source="montecarlo.json")
        for name, chart, note in drawn
        if chart is not None
    ]
    return section(
        "uncertainty", words("uncertainty"), paragraph(words.sentence(about)), *figures, _table(run, words)
    )  # fmt: skip


def _mode(words: Words, mode: str) -> str:
    return words(f"mode_{mode}")


def _outcomes(run: StoredRun, words: Words) -> Any | None:
    """Histogram of the objective value over the futures; None without values."""
    assert run.uncertainty is not None
    futures = run.tables.get("futures")
    names = {mode: f"{mode}_objective_value" for mode in MODES}
    if futures is None or not set(names.values()) <= set(futures.columns):
        return None
    values = {mode: futures[name].dropna().to_numpy(float) for mode, name in names.items()}
    together = np.concatenate(list(values.values()))
    if not together.size:
        return None
    edges = np.histogram_bin_edges(together, bins=_BINS)
    rows = [
        {"mode": _mode(words, mode), "low": low, "high": high, "n": int(n), "zero": 0}
        for mode, found in values.items()
        for low, high, n in zip(edges[:-1], edges[1:], np.histogram(found, edges)[0], strict=True)
        if n
    ]
    unit = words.unit(str(run.uncertainty["unit"]))
    title = f"{words('objective_value')}, {unit}"
    bars = (
        alt.Chart(data(rows))
        .mark_rect(opacity=0.62)
        .encode(
            x=alt.X("low:Q", title=title, axis=alt.Axis(format=",.0f", tickCount=6, grid=False)),
            x2="high:Q",
            y=alt.Y("n:Q", title=words("n_futures"), axis=alt.Axis(format=",.0f", tickMinStep=1)),
            y2="zero:Q",
            color=shades("mode", {_mode(words, FIXED): THIRD, _mode(words, REPLANNED): FIRST}),
            tooltip=[
                alt.Tooltip("mode:N", title=" "),
                alt.Tooltip("low:Q", title=words("from"), format=",.0f"),
                alt.Tooltip("high:Q", title=words("to"), format=",.0f"),
                alt.Tooltip("n:Q", title=words("n_futures")),
            ],
        )
    )
    fixed = _spread(run, FIXED, "objective_value")
    line = alt.Chart(data([{"planned": fixed["planned"]}])).mark_rule(color=INK, strokeWidth=2).encode(x="planned:Q")
    message = (
        f"Outcomes of {len(futures)} futures: the fixed plan reaches {number(fixed['p5'])} to "
        f"{number(fixed['p95'])} {unit} (90 % interval), median {number(fixed['p50'])}"
    )
    return shared(alt.layer(bars, line), words.sentence(message), 280)


def _tornado(run: StoredRun, words: Words) -> Any | None:
    """Drivers of the objective value, widest first; None with too few futures."""
    assert run.uncertainty is not None
    found = [
        row for row in run.uncertainty["tornado"] if row["mode"] == REPLANNED and row["measure"] == "objective_value"
    ][:_INPUTS]  # fmt: skip
    if not found:
        return None
    mean = _spread(run, REPLANNED, "objective_value")["mean"]
    low, high = words("lowest_fifth"), words("highest_fifth")
    rows = [
        {"input": words.known(str(row["input"]), "input"), "end": end, "change": row[name] - mean, "value": row[name]}
        for row in found
        for end, name in ((low, "low"), (high, "high"))
    ]
    title = f"{words('minus_mean')}, {words.unit(str(run.uncertainty['unit']))}"
    chart = (
        alt.Chart(data(rows))
        .mark_bar()
        .encode(
            y=alt.Y("input:N", title=None, sort=None, axis=alt.Axis(labelLimit=170)),
            x=alt.X("change:Q", title=title, stack=None, axis=alt.Axis(format=",.0f", **_UNDER_BARS)),
            color=shades("end", {low: THIRD, high: FIRST}, legend=alt.Legend(columns=1)),
            tooltip=[
                alt.Tooltip("input:N", title=" "),
                alt.Tooltip("end:N", title=" "),
                alt.Tooltip("value:Q", title=words("mean"), format=",.0f"),
                alt.Tooltip("change:Q", title=title, format=",.0f"),
            ],
        )
    )
    message = (
        f"Drivers of the objective value: {words.known(str(found[0]['input']), 'input')} most, with a mean of "
        f"{found[0]['low']:,.0f} in its lowest fifth and {found[0]['high']:,.0f} in its highest"
    )
    return shared(chart, words.sentence(message), _EDGE + _ROW * len(found))


def _chosen(run: StoredRun, words: Words) -> Any | None:
    """Share of the futures in which each plant is selected, in descending order; None without plants."""
    assert run.uncertainty is not None
    found = run.uncertainty["plants"]
    chinese = {each["properties"]["id"]: str(each["properties"]["name_zh"] or "") for each in run.features("plant")}
    shown = {row["plant"]: words.named(str(row["name"]), chinese.get(row["plant"], "")) for row in found}
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
            y=alt.Y("name:N", title=None, sort=None, axis=alt.Axis(labelLimit=170)),
            x=alt.X(
                "share:Q",
                title=words("selected_share"),
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format=".0%", **_UNDER_BARS),
            ),
            color=shades("state", colours, legend=alt.Legend(columns=1)),
            tooltip=[
                alt.Tooltip("name:N", title=words("plant")),
                alt.Tooltip("share:Q", title=words("selected_share"), format=".0%"),
                alt.Tooltip("state:N", title=" "),
            ],
        )
    )
    n_sure = len(run.uncertainty["no_regret"]["plants"])
    message = f"Selection frequency: {n_sure} of {len(found)} plants are selected in at least 90 % of the futures"
    return shared(chart, words.sentence(message), _EDGE + _ROW * len(rows))


def _table(run: StoredRun, words: Words) -> Markup:
    assert run.uncertainty is not None
    rows = [
        {**row, "mode": _mode(words, row["mode"]), "item": words.label(MEASURES[row["measure"]])}
        for row in run.uncertainty["spread"]
    ]
    columns = [
        Column("mode", words("plan_mode")),
        Column("item", words("result")),
        Column("planned", words("as_planned"), digits=0),
        *(Column(name, name.upper(), digits=0) for name in ("p5", "p50", "p95")),
    ]
    return table("outcomes-table", columns, rows, words, words("uncertainty"))


def _spread(run: StoredRun, mode: str, measure: str) -> dict[str, Any]:
    assert run.uncertainty is not None
    return next(dict(row) for row in run.uncertainty["spread"] if (row["mode"], row["measure"]) == (mode, measure))
