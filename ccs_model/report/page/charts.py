"""The charts beside the map: cost curve, frontier, timeline, zones, stakeholders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import pandas as pd

from ccs_model.errors import MissingExtraError
from ccs_model.plan.plan_json import plain, records
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.page.html import Words

# The one door to Altair: charts become Vega-Lite, and the page carries the programs that draw it.
#
# Importing this module without the extra raises MissingExtraError, which says how to install it.

try:
    alt: Any = import_module("altair")
    _vl_convert: Any = import_module("vl_convert")
except ImportError as missing:
    raise MissingExtraError("report", "report", ["altair", "vl-convert-python"]) from missing

# Told apart by readers who see no red or no green, and in grey.
INK, FAINT, GRID = "#1d2733", "#5b6875", "#dfe5ea"
STEEL, CHEMICALS, OTHER = "#b35806", "#2166ac", "#7b6d8d"
PIPE, SITE, IN_PLAN, OUT = "#1b7f5c", "#542788", "#1b7f5c", "#b8c2cb"
FIRST, SECOND, THIRD = "#1b5e8a", "#8fbbd9", "#d98b2b"

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans CJK SC', 'Microsoft YaHei', sans-serif"
_CONFIG: Mapping[str, Any] = {
    "font": FONT,
    "background": "transparent",
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK, "titleColor": INK, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
        "gridColor": GRID, "domainColor": FAINT, "tickColor": FAINT, "labelLimit": 160, "titleLimit": 700,
    },
    # Above the axis: beside it a long title would be cut, and would have to be read head aside.
    "axisY": {"titleAngle": 0, "titleAlign": "left", "titleAnchor": "start", "titleY": -9, "titleX": -38},
    "legend": {
        "labelColor": INK, "titleColor": INK, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
        "orient": "bottom", "direction": "horizontal", "labelLimit": 260, "columns": 2, "offset": 8,
    },
}  # fmt: skip


def data(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Rows as data that stand in the chart itself."""
    return alt.Data(values=plain([dict(row) for row in rows]))


def shared(chart: Any, description: str, height: int | str) -> Any:
    """What every chart has: as wide as the page lets it, words for those who cannot see it, one look.

    `height` is in pixels, or `container` for that of its place.
    """
    fit = alt.AutoSizeParams(type="fit", contains="padding")
    padding = 0 if height == "container" else 4
    return chart.properties(
        width="container", height=height, description=description, autosize=fit, padding=padding
    ).configure(**_CONFIG)


def spec(chart: Any) -> dict[str, Any]:
    """The chart as checked Vega-Lite."""
    written: dict[str, Any] = chart.to_dict()
    return written


@cache
def programs() -> str:
    """Vega, Vega-Lite and vega-embed in one script."""
    version = import_module("altair.utils._importers").vl_version_for_vl_convert()
    bundle: str = _vl_convert.javascript_bundle(vl_version=version)
    return bundle


def sector_colours(sectors: Sequence[str]) -> Any:
    """A colour a sector."""
    known = {"steel": STEEL, "chemicals": CHEMICALS}
    return alt.Scale(domain=list(sectors), range=[known.get(each, OTHER) for each in sectors])


# Heights in pixels: of a thin bar, of a bar by itself, of axis and legend.
_ROW, _WIDE_ROW, _EDGE = 15, 36, 90
# Of so few bars each can be told from its neighbour; of more, lines between them would hide what is drawn.
_FEW = 60


def macc_chart(run: StoredRun, words: Words) -> Any | None:
    """A bar a stream, as wide as what it avoids and as high as what a tonne costs; None where there is no stream."""
    table = run.tables.get("macc")
    if table is None or table.empty:
        return None
    ends = table["cumulative_avoided_ktpa"]
    shown = table.assign(start_ktpa=ends - table["avoided_ktpa"], zero=0.0)
    yes, no = words("in_plan"), words("not_in_plan")
    shown["state"] = (shown["in_plan"] == "yes").map({True: yes, False: no})
    tonnes, price = f"{words('abatement')}, {words.unit('kt/y')}", f"{words('cost_of_avoiding')}, {run.money}/t"
    chart = (
        alt.Chart(data(records(shown)))
        .mark_rect(stroke="#ffffff", strokeWidth=0.5 if len(table) <= _FEW else 0)
        .encode(
            x=alt.X("start_ktpa:Q", title=tonnes, axis=alt.Axis(format=",.0f", tickCount=6, grid=False)),
            x2="cumulative_avoided_ktpa:Q",
            y=alt.Y("avoidance_cost_per_t:Q", title=price, axis=alt.Axis(format=",.0f")),
            y2="zero:Q",
            color=alt.Color("state:N", title=None, scale=alt.Scale(domain=[yes, no], range=[IN_PLAN, OUT])),
            tooltip=[
                alt.Tooltip("name:N", title=words("plant")),
                alt.Tooltip("stream:N", title=words("stream")),
                alt.Tooltip("technology:N", title=words("technology")),
                alt.Tooltip("avoided_ktpa:Q", title=f"{words('avoided')}, {words.unit('kt/y')}", format=",.0f"),
                alt.Tooltip(
                    "avoidance_cost_per_t:Q", title=f"{words('cost_of_avoiding')}, {run.money}/t", format=",.0f"
                ),
            ],
        )
    )
    message = (
        f"Cost curve of {len(table)} streams, from {table['avoidance_cost_per_t'].min():,.0f} to "
        f"{table['avoidance_cost_per_t'].max():,.0f} {run.money} per tonne avoided, "
        f"{float(ends.iloc[-1]):,.0f} kt a year in all"
    )
    return shared(chart, words.message(message), 340)


def periods(run: StoredRun) -> list[str]:
    """`2026–29` of each period; a static year has no years."""
    if run.scenario.is_static:
        return ["a year"]
    ends = {year: year + run.scenario.period_years(year) - 1 for year in run.years}
    return [f"{year}–{end % 100:02d}" if end > year else str(year) for year, end in ends.items()]


def spending_chart(run: StoredRun, words: Words) -> Any:
    """Undiscounted capital by period."""
    by_year = run.document["by_year"]
    rows = [
        {"period": period, "spending_mn": row["spending_mn"]}
        for period, row in zip(periods(run), by_year, strict=True)
    ]  # fmt: skip
    title = f"{words('spending')}, {words.unit(f'million {run.money}')}"
    chart = (
        alt.Chart(data(rows))
        .mark_bar(color=FIRST)
        .encode(
            x=alt.X("period:N", title=None, sort=None, axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            y=alt.Y("spending_mn:Q", title=title, axis=alt.Axis(format=",.0f")),
            tooltip=[alt.Tooltip("period:N"), alt.Tooltip("spending_mn:Q", title=title, format=",.1f")],
        )
    )
    return shared(
        chart, words.message("Spending by period: " + _listed(rows, "spending_mn", f"million {run.money}")), 260
    )


def tonnes_chart(run: StoredRun, words: Words) -> Any:
    """Captured and avoided a year, by period."""
    captured, avoided = words("captured_pa"), words("avoided_pa")
    rows = [
        {"period": period, "what": what, "ktpa": row[name]}
        for period, row in zip(periods(run), run.document["by_year"], strict=True)
        for what, name in ((captured, "captured_ktpa"), (avoided, "avoided_ktpa"))
    ]
    chart = (
        alt.Chart(data(rows))
        .mark_bar()
        .encode(
            x=alt.X("period:N", title=None, sort=None, axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            xOffset=alt.XOffset("what:N", sort=[captured, avoided]),
            y=alt.Y("ktpa:Q", title=words.unit("kt CO2/y"), axis=alt.Axis(format=",.0f")),
            color=alt.Color("what:N", title=None, scale=alt.Scale(domain=[captured, avoided], range=[SECOND, FIRST])),
            tooltip=[
                alt.Tooltip("period:N"),
                alt.Tooltip("what:N", title=" "),
                alt.Tooltip("ktpa:Q", title=words.unit("kt/y"), format=",.0f"),
            ],
        )
    )
    last = run.document["by_year"][-1]
    message = (
        f"captured {last['captured_ktpa']:,.0f} and avoided {last['avoided_ktpa']:,.0f} kt a year in the last period"
    )
    return shared(chart, words.message(f"Captured and avoided by period; {message}"), 260)


def zones_chart(run: StoredRun, words: Words) -> Any | None:
    """Three cuts a zone: as delivered, as designed, as reported."""
    names = {
        "abatement_share": "calibrated_cut",
        "uncalibrated_abatement_share": "uncalibrated_cut",
        "reported_abatement_share": "reported_cut",
    }
    rows = [
        {"zone": zone["zone"], "what": words(key), "share": zone[name]}
        for zone in run.document["zones"]
        for name, key in names.items()
        if zone[name] is not None
    ]
    if not rows:
        return None
    message = list(dict.fromkeys(str(row["what"]) for row in rows))
    colours = {words("calibrated_cut"): FIRST, words("uncalibrated_cut"): SECOND, words("reported_cut"): THIRD}
    shades = alt.Scale(domain=message, range=[colours[each] for each in message])
    chart = (
        alt.Chart(data(rows))
        .mark_bar()
        .encode(
            y=alt.Y("zone:N", title=None, sort=None, scale=alt.Scale(paddingInner=0.25)),
            yOffset=alt.YOffset("what:N", sort=message),
            x=alt.X("share:Q", title=words("abatement_share"), axis=alt.Axis(format=".2~%", tickCount=6)),
            color=alt.Color("what:N", title=None, scale=shades),
            tooltip=[
                alt.Tooltip("zone:N", title=words("zone")),
                alt.Tooltip("what:N", title=words("cut")),
                alt.Tooltip("share:Q", title=words("abatement_share"), format=".2%"),
            ],
        )
    )
    each = "; ".join(f"{zone['zone']} {zone['abatement_share']:.2%}" for zone in run.document["zones"])
    return shared(
        chart,
        words.message(f"Cut of each zone's emissions as delivered, designed and reported. Delivered: {each}"),
        _EDGE + _ROW * 4 * len(run.document["zones"]),
    )


def stakeholders_chart(run: StoredRun, words: Words) -> Any | None:
    """Benefits to the right, costs to the left, the balance as a mark; None in a static year."""
    table = run.tables.get("stakeholders", pd.DataFrame())
    if table.empty:
        return None
    named = [
        words("owners_stakeholder") if each == "owners" else words.known(str(each)) for each in table["stakeholder"]
    ]
    benefits, costs = words("benefits"), words("costs")
    rows = [
        {"stakeholder": name, "what": what, "mn": value}
        for name, gain, cost in zip(named, table["benefits_mn"], table["costs_mn"], strict=True)
        for what, value in ((benefits, gain), (costs, -cost))
    ]
    net = [{"stakeholder": name, "npv_mn": value} for name, value in zip(named, table["npv_mn"], strict=True)]
    title = f"{words('money')}, {words.unit(f'million {run.money}')}"
    place = alt.Y("stakeholder:N", title=None, sort=None)
    bars = (
        alt.Chart(data(rows))
        .mark_bar()
        .encode(
            y=place,
            x=alt.X("mn:Q", title=title, axis=alt.Axis(format=",.0f", tickCount=5)),
            color=alt.Color("what:N", title=None, scale=alt.Scale(domain=[benefits, costs], range=[FIRST, THIRD])),
            tooltip=[
                alt.Tooltip("stakeholder:N", title=words("stakeholder")),
                alt.Tooltip("what:N", title=" "),
                alt.Tooltip("mn:Q", title=title, format=",.0f"),
            ],
        )
    )
    marks = (
        alt.Chart(data(net))
        .mark_tick(color=INK, thickness=3, size=26)
        .encode(
            y=place,
            x="npv_mn:Q",
            tooltip=[
                alt.Tooltip("stakeholder:N", title=words("stakeholder")),
                alt.Tooltip("npv_mn:Q", title=words("net"), format=",.0f"),
            ],
        )
    )
    message = "; ".join(f"{row['stakeholder']} {row['npv_mn']:,.0f}" for row in net)
    return shared(
        alt.layer(bars, marks),
        words.message(f"Benefits, costs and balance of each stakeholder. Balance: {message}"),
        _EDGE + _WIDE_ROW * len(net),
    )


def _listed(rows: list[dict[str, Any]], name: str, unit: str) -> str:
    return "; ".join(f"{row['period']} {row[name]:,.0f} {unit}" for row in rows)
