"""Native charts of columns without gaps, so that steps have true edges in every spreadsheet program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CHART_ROWS = 22
_WIDTH, _HEIGHT = 1240, 440
_FONT = {"name": "Arial", "size": 9}
_HEAD_FONT = {"name": "Arial", "size": 10, "bold": False}
_TITLE_FONT = {"name": "Arial", "size": 12, "bold": True}
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


@dataclass(frozen=True)
class Block:
    """Where the table of a chart stands: the sheet, the column of each name, and the rows of values and of headings."""

    sheet: str
    columns: Mapping[str, int]
    heading: int
    first: int
    last: int

    def values(self, name: str) -> list[object]:
        """The range of a column's values."""
        return [self.sheet, self.first, self.columns[name], self.last, self.columns[name]]


def draw(book: Any, worksheet: Any, row: int, chart: Chart, block: Block) -> None:
    """Insert the chart at the left edge, from `row` on."""
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
    drawn.set_title({"name": chart.title, "name_font": _TITLE_FONT, "overlay": False})
    drawn.set_x_axis(
        {
            "name": chart.across_title,
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
            "name": chart.up_title,
            "name_font": _HEAD_FONT,
            "num_font": _FONT,
            "num_format": "#,##0",
            "major_gridlines": {"visible": True, "line": _GRID},
            "line": {"none": True},
        }
    )
    drawn.set_legend({"position": "top", "font": _FONT})
    drawn.set_size({"width": _WIDTH, "height": _HEIGHT})
    # Filtering the sheet's rows must not take bars away.
    drawn.show_hidden_data()
    worksheet.insert_chart(row, 0, drawn, {"description": chart.alt, "x_offset": 4, "y_offset": 4})
