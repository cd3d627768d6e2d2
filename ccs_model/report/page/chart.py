"""The one door to Altair: charts become Vega-Lite, and the page carries the programs that draw it.

Importing this module without the extra raises MissingExtraError, which says how to install it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from ccs_model.errors import MissingExtraError
from ccs_model.plan.plan_json import plain

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
