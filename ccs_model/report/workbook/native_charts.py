"""Native charts of columns without gaps, so that steps have true edges in every spreadsheet program.

Colours of sectors and the end of the cost axis are the same on the page.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pandas as pd

from ccs_model.report.language import Language

# Rows under a chart have a height of their own, so that it keeps its proportions in programs of other plain rows.
CHART_ROWS, HALF_CHART_ROWS, ROW_POINTS = 26, 15, 15.75
_PIXELS_A_ROW = 21
_WIDEST, _BESIDE = 1500, 8
_HALVES = (470, 720)
_FONT = {"name": "Arial", "size": 10}
_HEAD_FONT = {"name": "Arial", "size": 10, "bold": False}
_TITLE_FONT = {"name": "Arial", "size": 12, "bold": True}
# Spending lies below 0 and is drawn upwards; what comes in keeps a sign of its own.
_SPENDING_FORMAT = "-#,##0;#,##0;0"
_GRID = {"color": "#E0E0E0", "width": 0.5}


@dataclass(frozen=True, eq=False)
class ChartSpec:
    """A chart of ranges of a table; `series` are (name, or the cell that holds it; categories; values; colour).

    `kind` is "line", "scatter" (a line over numbers), "stacked", "steps" (columns without gaps; every `every`-th has a
    label), "curve" (the same across the sheet), "spending" (stacked columns of amounts below 0, drawn upwards), "bars"
    (across, from one line to both sides, the first on top) or "shares" (the same from 0 to 100 %). `alt` is the chart
    in words; titles of axes carry their units. A `line` over the columns is (cell of its name, values, colour). A
    title may be the address of a cell, `=Sheet!$A$1`. The upright axis runs from `lowest` to `highest`.
    """

    title: str
    kind: str
    series: tuple[tuple[str | list[object], list[object], list[object], str], ...]
    across_title: str
    up_title: str
    alt: str
    every: int = 1
    line: tuple[list[object], list[object], str] | None = None
    highest: float | None = None
    lowest: float | None = None


def _axis_title(language: Language, title: str) -> str:
    """The title of an axis in the workbook's language; some are units alone."""
    label = language.label(title)
    return language.unit(title) if label == title else label


def draw(book: Any, worksheet: Any, row: int, at: int, spec: ChartSpec, language: Language, width: int) -> None:
    """Insert a chart of half of `width` pixels, the `at`-th from the left; a "curve" takes all of it."""
    kinds = {
        "line": {"type": "line"},
        "scatter": {"type": "scatter", "subtype": "straight"},
        "stacked": {"type": "column", "subtype": "stacked"},
        "spending": {"type": "column", "subtype": "stacked"},
        "bars": {"type": "bar"},
        "shares": {"type": "bar"},
    }
    kind, is_curve = spec.kind, spec.kind == "curve"
    across, of_years = kind in ("bars", "shares"), spec.across_title == "Year"
    drawn = book.add_chart(kinds.get(kind, {"type": "column"}))
    for name, categories, values, colour in spec.series:
        looks: dict[str, object] = {"fill": {"color": colour}, "border": {"none": True}, "gap": 60}
        if kind in ("steps", "curve"):
            looks |= {"gap": 0, "overlap": 100}
        if across:
            looks |= {"gap": 40, "overlap": 100}
        if kind in ("line", "scatter"):
            looks = {"line": {"color": colour, "width": 2}}
        named = language.label(name) if isinstance(name, str) else name
        drawn.add_series({"name": named, "categories": categories, "values": values, **looks})
    if spec.line is not None:
        name, values, colour = spec.line
        over = book.add_chart({"type": "line"})
        looks = {"line": {"color": colour, "width": 1.5, "dash_type": "dash"}}
        over.add_series({"name": name, "categories": spec.series[0][1], "values": values, **looks})
        drawn.combine(over)
    title_font = {**_TITLE_FONT, "size": 12 if is_curve else 11}
    title = spec.title if spec.title.startswith("=") else language.label(spec.title)
    drawn.set_title({"name": title, "name_font": title_font, "overlay": False})
    # Of bars that lie the library takes the axis of the categories for the upright one.
    of_categories, of_values = (drawn.set_y_axis, drawn.set_x_axis) if across else (drawn.set_x_axis, drawn.set_y_axis)
    of_categories(
        {
            "name": _axis_title(language, spec.across_title),
            "name_font": _HEAD_FONT,
            # Years and steps turned, so that they stay whole where a program labels every one of them.
            "num_font": {**_FONT, "rotation": -90 if of_years or kind == "steps" else 0},
            "label_position": "high" if kind == "spending" else "low",
            "num_format": "General" if of_years else "#,##0",
            "interval_unit": spec.every,
            "interval_tick": spec.every,
            "reverse": across,
        }
    )
    of_values(
        {
            "name": _axis_title(language, spec.up_title),
            "name_font": _HEAD_FONT,
            "num_font": _FONT,
            "num_format": {"shares": "0%", "spending": _SPENDING_FORMAT}.get(kind, "#,##0"),
            "reverse": kind == "spending",
            "major_gridlines": {"visible": True, "line": _GRID},
            "line": {"none": True},
            **({"min": 0, "max": 1} if kind == "shares" else {}),
            **({} if spec.lowest is None else {"min": spec.lowest}),
            **({} if spec.highest is None else {"max": spec.highest}),
            # The first bar stands on top, so that the scale would stand there as well.
            **({"label_position": "high"} if across else {}),
        }
    )
    drawn.set_legend({"position": "top" if is_curve else "bottom", "font": _FONT})
    half = max(min((width - 3 * _BESIDE) // 2, _HALVES[1]), _HALVES[0])
    place = {"x_offset": 4 + at * (half + _BESIDE), "y_offset": _BESIDE}
    size = {"width": half, "height": HALF_CHART_ROWS * _PIXELS_A_ROW - 2 * _BESIDE}
    if is_curve:
        place["y_offset"] = 4
        size = {"width": min(width - _BESIDE, _WIDEST), "height": CHART_ROWS * _PIXELS_A_ROW - _BESIDE}
    drawn.set_size(size)
    # Filtering the sheet's rows must not take bars away.
    drawn.show_hidden_data()
    worksheet.insert_chart(row, 0, drawn, {"description": language.sentence(spec.alt), **place})


# Steel and chemicals have the colours of the house; the others are from the muted scheme of Paul Tol (SRON, 2021),
# whose colours differ for colour-blind readers.
SECTOR_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "steel": "#B35806",
        "chemicals": "#2166AC",
        "cement": "#CC6677",
        "lime": "#DDCC77",
        "refinery": "#332288",
        "hydrogen": "#88CCEE",
        "ethylene": "#44AA99",
        "ethylene_oxide": "#117733",
        "ethanol": "#999933",
        "pulp": "#661100",
        "waste": "#882255",
        "coal_power": "#37474F",
        "gas_power": "#AA4499",
    }
)
# Sectors of a user's own table.
_OWN = ("#7B6D8D", "#1B6637", "#5B2C83", "#888888")
# Share of the full colour in the pale one.
_PALE = 0.3


def sector_colours(sectors: Iterable[str]) -> dict[str, str]:
    """Return the colour of each sector."""
    own = [sector for sector in sectors if sector not in SECTOR_COLOURS]
    return {**SECTOR_COLOURS, **{sector: _OWN[at % len(_OWN)] for at, sector in enumerate(own)}}


def lighten_colour(colour: str) -> str:
    """Return a colour mixed with white."""
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(255 - (255 - part) * _PALE):02X}" for part in parts)


# Share of the tonnes of the cost curve that its cost axis shows in full height.
_SHOWN_SHARE = 0.95


def macc_cut(table: pd.DataFrame) -> float:
    """Return where the cost axis of the curve ends: above the cost of all but the most expensive tonnes."""
    costs, ends = table["avoidance_cost_at_full_load_per_t"], table["cumulative_avoided_at_full_load_ktpa"]
    shown = float(costs[ends >= _SHOWN_SHARE * ends.iloc[-1]].iloc[0])
    step = _step(shown)
    return min(math.ceil(1.25 * shown / step) * step, float(costs.max()))


def macc_start(table: pd.DataFrame) -> float:
    """Return where the cost axis of the curve starts: at 0, or below the lowest cost if that is negative."""
    lowest = float(table["avoidance_cost_at_full_load_per_t"].min())
    step = _step(-lowest)
    return min(math.floor(lowest / step) * step, 0.0)


def _step(cost: float) -> float:
    """A round step of the axis for costs of this size."""
    return float(10 ** math.floor(math.log10(max(cost, 1.0))) / 2)
