"""How the workbook looks: the classes of cells, each with a letter and a colour, and the named formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class CellClass:
    """What kind of number a cell holds. The letter stands above its column, so that colour is never the only sign."""

    letter: str
    name: str
    meaning: str
    ink: str
    fill: str


INPUT = CellClass("I", "input", "set by the scenario; change it there and run again", "#1F4FA3", "#DCE7F7")
OBSERVED = CellClass(
    "O",
    "observed",
    "measured, reported, or estimated from what is reported; its reference is named",
    "#37474F",
    "#E6EBEE",
)
ASSUMED = CellClass(
    "A", "assumed", "assumed for want of a document; sheet Assumptions lists them all", "#9C5700", "#FFEFD0"
)
CALCULATION = CellClass("C", "calculation", "computed from inputs, whatever the solver chose", "#1A1A1A", "#F0F0F0")
SOLVER = CellClass("S", "solver result", "what the solver chose, or what follows from its choice", "#1B6637", "#DFF1E5")
CHECK = CellClass("K", "check", "compares two figures that must agree; says so in words", "#5B2C83", "#EDE3F5")
# Words that name or explain the numbers beside them.
WORDS = CellClass("", "words", "", "#1A1A1A", "#FFFFFF")

CELL_CLASSES = (INPUT, OBSERVED, ASSUMED, CALCULATION, SOLVER, CHECK)

_DARK, _MUTED, _HEAD, _UNIT, _LINE = "#1F3A5F", "#5F6B76", "#D5E0EC", "#EDF2F7", "#D9D9D9"
_BOXED = {"bottom": 1, "bottom_color": _LINE, "valign": "top"}

STYLES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "title": {"bold": True, "font_size": 16, "font_color": _DARK},
        "section": {"bold": True, "font_size": 12, "font_color": _DARK},
        "text": {"text_wrap": True, "valign": "top"},
        "lead": {"text_wrap": True, "valign": "top", "font_size": 12},
        "note": {"text_wrap": True, "valign": "top", "italic": True, "font_color": _MUTED},
        "link": {"font_color": "#0563C1", "underline": 1, "valign": "top"},
        "letter": {"bold": True, "align": "center", "font_size": 8},
        "label": {
            "bold": True,
            "text_wrap": True,
            "valign": "bottom",
            "bg_color": _HEAD,
            "font_color": _DARK,
        },
        "unit": {"italic": True, "font_size": 8, "text_wrap": True, "valign": "bottom", "bg_color": _UNIT},
        "cell": _BOXED,
        "cell link": {**_BOXED, "font_color": "#0563C1", "underline": 1},
        "total": {"bold": True, "top": 1, "bottom": 6, "valign": "top"},
        "holds": {**_BOXED, "bold": True, "bg_color": "#C6EFCE", "font_color": "#006100"},
        "banner": {"valign": "vcenter", "font_color": _MUTED, "italic": True, "text_wrap": True},
        "alarm": {"bold": True, "italic": False, "bg_color": "#FFC7CE", "font_color": "#9C0006"},
        "broken": {**_BOXED, "bold": True, "bg_color": "#FFC7CE", "font_color": "#9C0006"},
    }
)

_FONT = {"font_name": "Arial", "font_size": 10}


class Styles:
    """The formats of one workbook, each made when first asked for."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._made: dict[tuple[object, ...], Any] = {}

    def get(self, style: str, **changes: object) -> Any:
        """The format of a named style, with some properties changed."""
        asked = (style, *changes.items())
        if asked not in self._made:
            key = (style, *sorted(changes.items()))
            if key not in self._made:
                self._made[key] = self._book.add_format({**_FONT, **STYLES[style], **changes})
            self._made[asked] = self._made[key]
        return self._made[asked]
