"""Charts of the page as Vega-Lite: cost curve, timeline, zones and stakeholders, and what all charts share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import altair as alt
import pandas as pd
import vl_convert
from altair.utils._importers import vl_version_for_vl_convert

from ccs_model.plan.plan_json import to_plain_values
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.page.html import PageLanguage, percent
from ccs_model.units import unit_of

# Colours that differ for colour-blind readers and in greyscale, each at least 3:1 on white.
INK, FAINT, GRID = "#1d2733", "#5b6875", "#dfe5ea"
IN_PLAN, OUT = "#1b7f5c", "#8794a0"
FIRST, SECOND, THIRD = "#1b5e8a", "#5b96bf", "#c97c1c"

# Heights in pixels: a bar of a group, a single bar, axis and legend.
_ROW, _WIDE_ROW, _EDGE = 15, 36, 90
# More zones than these are drawn only where they have abatement.
_MOST_ZONES = 30
# Columns that the cost curve draws or describes, and their decimal places.
_OF_CURVE = [
    "name", "stream", "technology", "avoided_at_full_load_ktpa", "cumulative_avoided_at_full_load_ktpa",
    "avoidance_cost_at_full_load_per_t",
]  # fmt: skip
_DECIMALS = 3
_OF_TOOLTIP = ("name", "stream", "technology", "avoided_at_full_load_ktpa", "avoidance_cost_at_full_load_per_t")
# Up to this number, bars of the cost curve have outlines; more outlines would hide the bars.
_FEW = 60

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Sans CJK SC', 'Microsoft YaHei', sans-serif"
_CONFIG: Mapping[str, Any] = {
    "font": FONT,
    "background": "transparent",
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK, "titleColor": INK, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
        "gridColor": GRID, "domainColor": FAINT, "tickColor": FAINT, "labelLimit": 160, "titleLimit": 700,
    },
    # Horizontal, above the axis, where a long title is neither cut nor rotated.
    "axisY": {"titleAngle": 0, "titleAlign": "left", "titleAnchor": "start", "titleY": -9, "titleX": -38},
    "legend": {
        "labelColor": INK, "titleColor": INK, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
        "orient": "bottom", "direction": "horizontal", "labelLimit": 260, "columns": 3, "offset": 8,
        "symbolType": "square", "symbolOpacity": 1,
    },
}  # fmt: skip


def data(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return rows as inline data of a chart."""
    return alt.Data(values=to_plain_values([dict(row) for row in rows]))


def style_chart(chart: Any, description: str, height: int | str) -> Any:
    """Return a chart with the width of the page, a description for screen readers, and the common style.

    The height is in pixels, or `container` for the height of the surrounding block.
    """
    fit = alt.AutoSizeParams(type="fit", contains="padding")
    padding = 0 if height == "container" else 4
    return chart.properties(
        width="container", height=height, description=description, autosize=fit, padding=padding
    ).configure(**_CONFIG)


@cache
def drawing_library() -> str:
    """Return Vega, Vega-Lite and vega-embed as one script."""
    bundle: str = vl_convert.javascript_bundle(vl_version=vl_version_for_vl_convert())  # type: ignore[call-arg]
    return bundle


def shades(field: str, colours: Mapping[str, str], **more: Any) -> Any:
    """Return the colours of the values of a field, in their order."""
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color(f"{field}:N", title=None, scale=scale, **more)


def tooltips(titles: Mapping[str, str], form: str = ",.0f") -> list[Any]:
    """Return tooltips with a title for each field; fields of numbers end in `:Q` and have a format."""
    return [
        alt.Tooltip(field, title=title, format=form) if field.endswith(":Q") else alt.Tooltip(field, title=title)
        for field, title in titles.items()
    ]


def macc_chart(run: StoredRun, words: PageLanguage, table: pd.DataFrame, cut: float) -> Any:
    """Return the cost curve up to a cost: the width of a bar is the annual abatement, its height the cost per tonne."""
    ends = table["cumulative_avoided_at_full_load_ktpa"]
    shown = (
        table[_OF_CURVE]
        .round(_DECIMALS)
        .assign(start_ktpa=(ends - table["avoided_at_full_load_ktpa"]).round(_DECIMALS), zero=0)
    )
    yes, no = words("in_plan"), words("not_in_plan")
    shown["state"] = table["in_plan"].map({True: yes, False: no})
    for name in ("stream", "technology"):
        shown[name] = [words.translate_identifier(str(each), name) for each in shown[name]]
    tonnes, price = (
        words.title("avoided_at_full_load_ktpa", "cumulative_abatement"),
        words.title("avoidance_cost_at_full_load_per_t"),
    )
    # CSV is the shortest form of many rows.
    form = alt.CsvDataFormat(type="csv", parse=dict.fromkeys(shown.select_dtypes("number"), "number"))
    chart = (
        alt.Chart(alt.InlineData(values=shown.to_csv(index=False, lineterminator="\n"), format=form))
        .mark_rect(stroke="#ffffff", strokeWidth=0.5 if len(table) <= _FEW else 0, clip=True)
        .encode(
            x=alt.X("start_ktpa:Q", title=tonnes, axis=alt.Axis(format=",.0f", tickCount=6, grid=False)),
            x2="cumulative_avoided_at_full_load_ktpa:Q",
            y=alt.Y(
                "avoidance_cost_at_full_load_per_t:Q",
                title=price,
                axis=alt.Axis(format=",.0f"),
                scale=alt.Scale(domainMax=cut, nice=False),
            ),
            y2="zero:Q",
            color=shades("state", {yes: IN_PLAN, no: OUT}),
            tooltip=tooltips({f"{name}:{'Q' if unit_of(name) else 'N'}": words.title(name) for name in _OF_TOOLTIP}),
        )
    )
    message = (
        f"Cost curve of {len(table)} streams, from {table['avoidance_cost_at_full_load_per_t'].min():,.0f} to "
        f"{table['avoidance_cost_at_full_load_per_t'].max():,.0f} {run.money} per tonne avoided, "
        f"{float(ends.iloc[-1]):,.0f} kt a year in total"
    )
    return style_chart(chart, words.sentence(message), 340)


def periods(run: StoredRun, words: PageLanguage) -> list[str]:
    """Return the name of each period, such as `2026–29`."""
    if run.scenario.is_static:
        return [words.label("Representative year")]
    ends = {year: year + run.scenario.period_years(year) - 1 for year in run.years}
    return [f"{year}–{end % 100:02d}" if end > year else str(year) for year, end in ends.items()]


_BY_PERIOD = alt.X("period:N", title=None, sort=None, axis=alt.Axis(labelAngle=0, labelOverlap=True))
# Opacity of the fill of a bar, whose outline stays: full up to the period that is selected on the page.
_UP_TO_THE_PERIOD = alt.condition("datum.at <= period", alt.value(1.0), alt.value(0.35))


def _period_chart(chart: Any, words: PageLanguage, n: int, message: str) -> Any:
    """A chart by period as it stands on the page, with the last of `n` periods selected."""
    return style_chart(chart.add_params(alt.param(name="period", value=n - 1)), words.sentence(message), 260)


def _stroke_of(name: str) -> Any:
    """The outline of bars of a value, without that of a bar of height 0."""
    return alt.condition(f"datum.{name} != 0", alt.value(1.0), alt.value(0.0))


def spending_chart(run: StoredRun, words: PageLanguage) -> Any | None:
    """Return undiscounted investment by period; None without any."""
    by_year = run.document["by_year"]
    if not any(row["spending_mn"] for row in by_year):
        return None
    rows = [
        {"at": at, "period": period, "spending_mn": row["spending_mn"]}
        for at, (period, row) in enumerate(zip(periods(run, words), by_year, strict=True))
    ]
    title = words.title("spending_mn")
    chart = (
        alt.Chart(data(rows))
        .mark_bar(color=FIRST, stroke=FIRST)
        .encode(
            x=_BY_PERIOD,
            y=alt.Y("spending_mn:Q", title=title, axis=alt.Axis(format=",.0f")),
            fillOpacity=_UP_TO_THE_PERIOD,
            strokeOpacity=_stroke_of("spending_mn"),
            tooltip=[alt.Tooltip("period:N"), alt.Tooltip("spending_mn:Q", title=title, format=",.1f")],
        )
    )
    message = "; ".join(f"{row['period']} {row['spending_mn']:,.0f} million {run.money}" for row in rows)
    return _period_chart(chart, words, len(rows), f"Investment by period: {message}")


def tonnes_chart(run: StoredRun, words: PageLanguage) -> Any | None:
    """Return annual captured and avoided tonnes by period; None without any."""
    if not any(row["captured_ktpa"] or row["avoided_ktpa"] for row in run.document["by_year"]):
        return None
    captured, avoided = words("captured_pa"), words("avoided_pa")
    legend = {"title": None, "scale": alt.Scale(domain=[captured, avoided], range=[SECOND, FIRST])}
    rows = [
        {"at": at, "period": period, "what": what, "ktpa": row[name]}
        for at, (period, row) in enumerate(zip(periods(run, words), run.document["by_year"], strict=True))
        for what, name in ((captured, "captured_ktpa"), (avoided, "avoided_ktpa"))
    ]
    chart = (
        alt.Chart(data(rows))
        .mark_bar()
        .encode(
            x=_BY_PERIOD,
            xOffset=alt.XOffset("what:N", sort=[captured, avoided]),
            y=alt.Y("ktpa:Q", title=words.unit("kt CO2/y"), axis=alt.Axis(format=",.0f")),
            fillOpacity=_UP_TO_THE_PERIOD,
            strokeOpacity=_stroke_of("ktpa"),
            color=alt.Color("what:N", **legend),
            stroke=alt.Stroke("what:N", **legend),
            tooltip=[alt.Tooltip("period:N"), *tooltips({"what:N": " ", "ktpa:Q": words.unit("kt/y")})],
        )
    )
    last = run.document["by_year"][-1]
    message = (
        f"captured {last['captured_ktpa']:,.0f} and avoided {last['avoided_ktpa']:,.0f} kt a year in the last period"
    )
    return _period_chart(chart, words, len(run.document["by_year"]), f"Captured and avoided by period; {message}")


def drawn_zones(run: StoredRun) -> list[dict[str, Any]]:
    """Return the zones that the chart draws: of many, those with abatement or a report of it."""
    zones: list[dict[str, Any]] = run.document["zones"]
    if len(zones) <= _MOST_ZONES:
        return zones
    return [zone for zone in zones if zone["abatement_share"] or zone["reported_abatement_share"]]


def zones_chart(run: StoredRun, words: PageLanguage) -> Any | None:
    """Return the abatement of each zone as delivered and designed, the reported one as a mark; None if all are 0.

    Without a calibration, units deliver what they were designed for, and each region has one bar.
    """
    zones = drawn_zones(run)
    is_region = not run.document["calibration"]
    names = {
        "abatement_share": "as_delivered",
        "uncalibrated_abatement_share": "as_designed",
        "reported_abatement_share": "as_reported",
    }
    if is_region:
        names = {"abatement_share": "abatement"}
    rows = [
        {
            "zone": words.value(str(zone["zone"]), "zone", "province"),
            "key": key,
            "what": words(key),
            "share": zone[name],
        }
        for zone in zones
        for name, key in names.items()
        if zone[name] is not None
    ]
    if not any(row["share"] for row in rows):
        return None
    message = list(dict.fromkeys(str(row["what"]) for row in rows))
    colours = dict(zip(map(words, names.values()), (FIRST, SECOND, THIRD), strict=False))
    place = alt.Y("zone:N", title=None, sort=None, scale=alt.Scale(paddingInner=0.35, paddingOuter=0.2))
    of_zone = words("abatement_share_of_region" if is_region else "abatement_share")
    share = alt.X("share:Q", title=of_zone, axis=alt.Axis(format=".2~%", tickCount=6))
    shade = alt.value(FIRST) if is_region else shades("what", {each: colours[each] for each in message})
    titles = {"zone:N": words("region" if is_region else "zone"), "what:N": words("abatement"), "share:Q": of_zone}
    tooltip = tooltips(titles, ".2%")
    bars = [row for row in rows if row["key"] != "as_reported"]
    offset = alt.YOffset("what:N", sort=message)
    layers = [alt.Chart(data(bars)).mark_bar().encode(y=place, yOffset=offset, x=share, color=shade, tooltip=tooltip)]
    if len(bars) < len(rows):
        reported = alt.Chart(data([row for row in rows if row["key"] == "as_reported"]))
        ticks = reported.mark_tick(thickness=4, size=28, opacity=1, stroke="#ffffff", strokeWidth=1)
        layers.append(ticks.encode(y=place, x=share, color=shade, tooltip=tooltip))
    what = "Abatement of each zone as delivered, as designed and as reported. As delivered"
    if is_region:
        what = "Abatement of each region"
    each = "; ".join(
        f"{words.value(str(zone['zone']), 'zone', 'province')} {percent(zone['abatement_share'], 2)}" for zone in zones
    )
    return style_chart(alt.layer(*layers), words.sentence(f"{what}: {each}"), _EDGE + _ROW * 4 * len(zones))


def stakeholders_chart(run: StoredRun, words: PageLanguage) -> Any | None:
    """Return benefits, costs and net value of each stakeholder; None for a representative year."""
    table = run.tables.get("stakeholders", pd.DataFrame())
    if table.empty:
        return None
    named = [words.translate_identifier(str(each), "stakeholder") for each in table["stakeholder"]]
    benefits, costs = words("benefits"), words("costs")
    rows = [
        {"stakeholder": name, "what": what, "mn": value}
        for name, gain, cost in zip(named, table["benefits_mn"], table["costs_mn"], strict=True)
        for what, value in ((benefits, gain), (costs, -cost))
    ]
    net = [{"stakeholder": name, "npv_mn": value} for name, value in zip(named, table["npv_mn"], strict=True)]
    title = words.title("npv_mn", "money")
    place = alt.Y("stakeholder:N", title=None, sort=None)
    bars = (
        alt.Chart(data(rows))
        .mark_bar()
        .encode(
            y=place,
            x=alt.X("mn:Q", title=title, axis=alt.Axis(format=",.0f", tickCount=5)),
            color=shades("what", {benefits: FIRST, costs: THIRD}),
            tooltip=tooltips({"stakeholder:N": words("stakeholder"), "what:N": " ", "mn:Q": title}),
        )
    )
    marks = (
        alt.Chart(data(net))
        .mark_tick(color=INK, thickness=5, size=26, opacity=1, stroke="#ffffff", strokeWidth=1)
        .encode(
            y=place, x="npv_mn:Q", tooltip=tooltips({"stakeholder:N": words("stakeholder"), "npv_mn:Q": words("net")})
        )
    )
    message = "; ".join(f"{row['stakeholder']} {row['npv_mn']:,.0f}" for row in net)
    return style_chart(
        alt.layer(bars, marks),
        words.sentence(f"Benefits, costs and net value of each stakeholder. Net value: {message}"),
        _EDGE + _WIDE_ROW * len(net),
    )
