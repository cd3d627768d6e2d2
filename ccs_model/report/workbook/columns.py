"""Columns and cells of the tables on the sheets, their declarations, and the styles of the workbook."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from string import Template
from types import MappingProxyType
from typing import Any

import pandas as pd

from ccs_model.units import label_of, unit_text


@dataclass(frozen=True)
class CellClass:
    """Class of the numbers in a cell, shown by colour; where rows differ, its letter stands in a column."""

    letter: str
    name: str
    meaning: str
    ink: str
    fill: str


INPUT = CellClass("I", "input", "set by the scenario; change it there and run again", "#1F4FA3", "#DCE7F7")
OBSERVED = CellClass(
    "O", "observed", "measured, reported, or estimated from reported values; has a reference", "#37474F", "#E6EBEE"
)
ASSUMED = CellClass(
    "A", "assumed", "assumed without a published source; listed on sheet Assumptions", "#9C5700", "#FFEFD0"
)
CALCULATION = CellClass("C", "calculation", "computed from inputs, independent of the solution", "#1A1A1A", "#F0F0F0")
SOLVER = CellClass("S", "solver result", "chosen by the solver, or derived from its choice", "#1B6637", "#DFF1E5")
CHECK = CellClass(
    "K", "check", "compares two figures that must agree; the result is also stated in words", "#5B2C83", "#EDE3F5"
)
CELL_CLASSES = (INPUT, OBSERVED, ASSUMED, CALCULATION, SOLVER, CHECK)
CLASS_OF: Mapping[str, CellClass] = MappingProxyType({each.name: each for each in CELL_CLASSES})
# Words that name or explain the numbers beside them.
WORDS = CellClass("", "words", "", "#1A1A1A", "#FFFFFF")

# A sheet that holds rows of the inventory beside inputs, and one that only programs read.
PLANT_DATA, _FOR_PROGRAMS = "Plants", "Data"
# Sheets with values solved with beside the new ones.
SOLVED_BESIDE = ("Series", "Storage")
# Sheets with long lists, or with records, of which an edit of a locked cell is found for results of the solver alone.
_WITH_RECORDS = ("Cover", "Changes", "MACC", "Frontier", "Uncertainty", "Sources", "Assumptions", "RunLog")


def fixed_classes(sheet: str) -> tuple[CellClass, ...]:
    """Classes of the locked cells that an edit cannot change: solver results, values solved with, data in use."""
    if sheet == _FOR_PROGRAMS:
        return ()
    return (SOLVER,) if sheet in _WITH_RECORDS else CELL_CLASSES


def fixed_text_classes(sheet: str) -> tuple[CellClass, ...]:
    """Those of cells with text: names and notes of data in use change no number."""
    return tuple(each for each in fixed_classes(sheet) if each in (SOLVER, INPUT) or sheet == PLANT_DATA)


_DARK, _MUTED, _HEAD, _UNIT, _LINE = "#1F3A5F", "#5F6B76", "#D5E0EC", "#EDF2F7", "#D9D9D9"
_BOXED = {"bottom": 1, "bottom_color": _LINE, "valign": "top"}

STYLES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "title": {"bold": True, "font_size": 16, "font_color": _DARK},
        "section": {"bold": True, "font_size": 12, "font_color": _DARK},
        "text": {"text_wrap": True, "valign": "top"},
        "lead": {"text_wrap": True, "valign": "top", "font_size": 12},
        "strong": {"bold": True, "valign": "top"},
        "note": {"text_wrap": True, "valign": "top", "italic": True, "font_color": _MUTED},
        "link": {"font_color": "#0563C1", "underline": 1, "valign": "top"},
        "band": {"font_size": 1},
        "label": {"bold": True, "text_wrap": True, "valign": "bottom", "bg_color": _HEAD, "font_color": _DARK},
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

WIDEST = 40
_FONT = {"font_name": "Arial", "font_size": 10}


class Styles:
    """The formats of one workbook, each made at its first use."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._made: dict[tuple[object, ...], Any] = {}
        self._of_numbers: dict[tuple[str, str], Any] = {}

    def of_number(self, form: str, ink: str) -> Any:
        """The format of a plain number."""
        if (form, ink) not in self._of_numbers:
            self._of_numbers[form, ink] = self.get("cell", num_format=form, font_color=ink)
        return self._of_numbers[form, ink]

    def get(self, style: str, **changes: object) -> Any:
        """The format of a named style, with some properties changed."""
        requested = (style, *changes.items())
        if requested not in self._made:
            key = (style, *sorted(changes.items()))
            if key not in self._made:
                self._made[key] = self._book.add_format({**_FONT, **STYLES[style], **changes})
            self._made[requested] = self._made[key]
        return self._made[requested]


def declared_rows(name: str, /, **marks: str) -> list[dict[str, str]]:
    """The rows of a table of declarations beside this module; with `marks`, these replace each `$mark` in them."""
    with resources.files(__package__).joinpath(name).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, restval=""))
    if not marks:
        return rows
    return [{column: Template(text).substitute(marks) for column, text in row.items()} for row in rows]


@cache
def quantities() -> Mapping[str, Mapping[str, str]]:
    """Heading and meanings of quantities whose name without its unit says too little, from quantities.csv.

    `total` is the meaning among the totals, `static_total` that of a static year, `term` that among the cost terms.
    """
    return MappingProxyType({row["quantity"]: MappingProxyType(row) for row in declared_rows("quantities.csv")})


@dataclass(frozen=True)
class Column:
    """One column. Its heading, unit and number format follow from `name`.

    cell_class   None: observed or assumed, as the quality of each row says
    optional     an empty cell means "not applicable"; elsewhere a missing value is an error
    unit, form   only where the suffix tells neither the unit nor the number format
    widest       text beyond this many letters wraps
    clipped      long text that programs read: one line, cut off at the edge of its cell
    wide         the last column: its text reaches across the sheet and asks for no width of its own
    total        sum of the column in the row of totals: "live" (a formula) or "solved" (a number)
    formula      template of every cell; the rows give its value
    is_period    one of the years or periods that run across
    """

    name: str
    cell_class: CellClass | None = CALCULATION
    label: str = ""
    optional: bool = False
    unit: str | None = None
    form: str = ""
    widest: int = WIDEST
    wide: bool = False
    clipped: bool = False
    total: str = ""
    formula: str = ""
    is_period: bool = False

    @property
    def heading(self) -> str:
        """Words above the column."""
        declared = quantities().get(self.name)
        return self.label or (declared["heading"] if declared else "") or label_of(self.name)


@dataclass(frozen=True)
class Cell:
    """A value with its own unit, class or style, or a link to a sheet.

    `unlocked` marks an input that may be changed in the workbook.
    """

    value: object
    name: str = ""
    cell_class: CellClass | None = None
    style: str = "cell"
    sheet: str = ""
    unlocked: bool = False


@cache
def declared_columns() -> Mapping[str, tuple[Column, ...]]:
    """The columns of each table, as columns.csv declares them.

    A row is a column of a table: its class (`row`: by the quality of each row), heading, unit and number format where
    the name does not give them (`none`: no unit), width in letters (`rest`: up to the edge, `clip`: one line), whether
    a cell may be empty, and the total and formula as in `Column`.
    """
    classes = {"row": None, "words": WORDS, **CLASS_OF}
    found: dict[str, list[Column]] = {}
    for row in declared_rows("columns.csv"):
        width = row["width"]
        found.setdefault(row["table"], []).append(
            Column(
                row["column"],
                classes[row["class"]],
                label=row["heading"],
                optional=row["empty"] == "yes",
                unit={"": None, "none": ""}.get(row["unit"], row["unit"]),
                form=row["format"],
                widest=int(width) if width.isdigit() else WIDEST,
                wide=width == "rest",
                clipped=width == "clip",
                total=row["total"],
                formula=row["formula"],
            )
        )
    return MappingProxyType({table: tuple(columns) for table, columns in found.items()})


def table_columns(
    table: str, without: Collection[str] = (), headings: Mapping[str, str] = MappingProxyType({})
) -> list[Column]:
    """The declared columns of a table, without some, with `headings` that depend on the plan."""
    columns = (column for column in declared_columns()[table] if column.name not in without)
    return [replace(column, label=headings.get(column.name, column.label)) for column in columns]


def label(name: str) -> str:
    """The heading of a name, for where it stands in a row."""
    return Column(name).heading


def columns_of(
    frame: pd.DataFrame,
    *,
    classes: Mapping[str, CellClass],
    optional: Collection[str] = (),
    widest: int = 20,
    summed: tuple[str, ...] = (),
) -> list[Column]:
    """A column for each of the frame's, the solver's but for `classes`; names ending in `summed` have a live total."""
    return [
        Column(
            name,
            classes.get(name, SOLVER),
            optional=name in optional,
            widest=widest,
            total="live" if summed and str(name).endswith(summed) else "",
        )
        for name in frame
    ]


def data_columns(frame: pd.DataFrame) -> list[Column]:
    """Columns of a table of inputs; its money is the row's own, named in the columns beside it.

    What a table needs was checked when it was read, so that an empty cell here always means "not applicable".
    """
    return [
        Column(
            name,
            None,
            optional=True,
            unit=unit_text(name, "own money") if "price_year" in frame else None,
            widest=24,
            wide=name == "note",
        )
        for name in frame
        if name != "line"
    ]
