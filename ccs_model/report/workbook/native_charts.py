"""Native charts of columns without gaps, so that steps have true edges in every spreadsheet program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ccs_model.report.language import Language
from ccs_model.report.workbook.formulas import Block

# Rows under a chart have a height of their own, so that it keeps its proportions in programs of other plain rows.
CHART_ROWS, PICTURE_ROWS, ROW_POINTS = 26, 15, 15.75
_PIXELS_A_ROW = 21
_WIDEST, _BESIDE = 1500, 8
_HALVES = (470, 720)
_FONT = {"name": "Arial", "size": 10}
_HEAD_FONT = {"name": "Arial", "size": 10, "bold": False}
_TITLE_FONT = {"name": "Arial", "size": 12, "bold": True}
# Spending lies below 0 and is drawn upwards; what comes in keeps a sign of its own.
_SPENDING_FORMAT = "-#,##0;#,##0;0"
_GRID = {"color": "#E0E0E0", "width": 0.5}


@dataclass(frozen=True)
class Chart:
    """What a chart shows of the table beside it; axis titles carry their units.

    across   column of the table with the labels of the x axis
    series   columns of the table to draw, with the colour of each
    every    a label stands at every so many rows
    alt      the chart in words, for who cannot see it
    """

    title: str
    across: str
    across_title: str
    up_title: str
    series: Mapping[str, str]
    every: int
    alt: str


def draw(
    book: Any, worksheet: Any, row: int, chart: Chart, block: Block, language: Language, width: int
) -> None:  # fmt: skip
    """Insert the chart from the left edge to `width` pixels, from `row` on."""
    drawn = book.add_chart({"type": "column"})
    for name, colour in chart.series.items():
        drawn.add_series(
            {
                "name": [block.sheet, block.heading, block.columns[name]],
                "categories": block.values(chart.across),
                "values": block.values(name),
                "fill": {"color": colour},
                "border": {"none": True},
                "gap": 0,
                "overlap": 100,
            }
        )
    drawn.set_title({"name": language.label(chart.title), "name_font": _TITLE_FONT, "overlay": False})
    drawn.set_x_axis(
        {
            "name": language.label(chart.across_title),
            "name_font": _HEAD_FONT,
            "num_font": {**_FONT, "rotation": 0},
            "num_format": "#,##0",
            "interval_unit": chart.every,
            "interval_tick": chart.every,
            "label_position": "low",
        }
    )
    drawn.set_y_axis(
        {
            "name": language.label(chart.up_title),
            "name_font": _HEAD_FONT,
            "num_font": _FONT,
            "num_format": "#,##0",
            "major_gridlines": {"visible": True, "line": _GRID},
            "line": {"none": True},
        }
    )
    drawn.set_legend({"position": "top", "font": _FONT})
    drawn.set_size({"width": min(width - _BESIDE, _WIDEST), "height": CHART_ROWS * _PIXELS_A_ROW - _BESIDE})
    # Filtering the sheet's rows must not take bars away.
    drawn.show_hidden_data()
    worksheet.insert_chart(row, 0, drawn, {"description": language.sentence(chart.alt), "x_offset": 4, "y_offset": 4})


@dataclass(frozen=True, eq=False)
class Picture:
    """A chart of ranges that stand in some table; `series` are (name, categories, values, colour).

    `kind` is "line", "scatter" (a line over numbers), "stacked", "steps" (columns without gaps; every `every`-th has a
    label), "spending" (stacked columns of amounts below 0, drawn upwards), "bars" (across, from one line to both sides,
    the first on top) or "shares" (the same from 0 to 100 %).
    """

    title: str
    kind: str
    series: tuple[tuple[str, list[object], list[object], str], ...]
    across_title: str
    up_title: str
    alt: str
    every: int = 1


def draw_picture(
    book: Any, worksheet: Any, row: int, at: int, picture: Picture, language: Language, width: int
) -> None:  # fmt: skip
    """Insert a chart of half of `width` pixels, the `at`-th from the left."""
    kinds = {
        "line": {"type": "line"},
        "scatter": {"type": "scatter", "subtype": "straight"},
        "stacked": {"type": "column", "subtype": "stacked"},
        "spending": {"type": "column", "subtype": "stacked"},
        "steps": {"type": "column"},
        "bars": {"type": "bar"},
        "shares": {"type": "bar"},
    }
    across = picture.kind in ("bars", "shares")
    drawn = book.add_chart(kinds[picture.kind])
    for name, categories, values, colour in picture.series:
        looks: dict[str, object] = {"fill": {"color": colour}, "border": {"none": True}, "gap": 60}
        if picture.kind == "steps":
            looks |= {"gap": 0, "overlap": 100}
        if across:
            looks |= {"gap": 40, "overlap": 100}
        if picture.kind in ("line", "scatter"):
            looks = {"line": {"color": colour, "width": 2}}
        drawn.add_series({"name": language.label(name), "categories": categories, "values": values, **looks})
    drawn.set_title({"name": language.label(picture.title), "name_font": {**_TITLE_FONT, "size": 11}, "overlay": False})
    # Of bars that lie the library takes the axis of the categories for the upright one.
    of_categories, of_values = (drawn.set_y_axis, drawn.set_x_axis) if across else (drawn.set_x_axis, drawn.set_y_axis)
    of_categories(
        {
            "name": language.label(picture.across_title),
            "name_font": _HEAD_FONT,
            # Years and steps turned, so that they stay whole where a program labels every one of them.
            "num_font": {**_FONT, "rotation": -90 if picture.across_title == "Year" or picture.kind == "steps" else 0},
            "label_position": "high" if picture.kind == "spending" else "low",
            "num_format": "General" if picture.across_title == "Year" else "#,##0",
            "interval_unit": picture.every,
            "interval_tick": picture.every,
            "reverse": across,
        }
    )
    of_values(
        {
            "name": language.label(picture.up_title),
            "name_font": _HEAD_FONT,
            "num_font": _FONT,
            "num_format": {"shares": "0%", "spending": _SPENDING_FORMAT}.get(picture.kind, "#,##0"),
            "reverse": picture.kind == "spending",
            "major_gridlines": {"visible": True, "line": _GRID},
            "line": {"none": True},
            **({"min": 0, "max": 1} if picture.kind == "shares" else {}),
            # The first bar stands on top, so that the scale would stand there as well.
            **({"label_position": "high"} if across else {}),
        }
    )
    drawn.set_legend({"position": "bottom", "font": _FONT})
    half = max(min((width - 3 * _BESIDE) // 2, _HALVES[1]), _HALVES[0])
    drawn.set_size({"width": half, "height": PICTURE_ROWS * _PIXELS_A_ROW - 2 * _BESIDE})
    drawn.show_hidden_data()
    place = {"x_offset": 4 + at * (half + _BESIDE), "y_offset": _BESIDE}
    worksheet.insert_chart(row, 0, drawn, {"description": language.sentence(picture.alt), **place})
