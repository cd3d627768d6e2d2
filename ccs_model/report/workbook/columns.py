"""Columns and cells of the tables on the sheets: declarations, styles, what may stand in a cell, how wide it looks."""

from __future__ import annotations

import csv
import math
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import resources
from numbers import Real
from string import Template
from types import MappingProxyType
from typing import Any

import pandas as pd

from ccs_model.errors import CcsModelError
from ccs_model.report.text_tables import width_of
from ccs_model.units import label_of, share_digits, unit_of, unit_text


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


# What may stand in a cell, and how wide it looks.

MOST_CHARACTERS = 32_767
FORMULA_STARTS = ("=", "+", "-", "@")

# Formats of numbers without a unit: years, counts and plain factors.
YEAR_FORMAT, COUNT_FORMAT, FACTOR_FORMAT = "0", "#,##0", "#,##0.0##"
_NOT_XML = frozenset("\ufffe\uffff")


def number_format(name: str, value: float) -> str:
    """The number format of a quantity, from its unit; without one, from whether it is a year or a whole number."""
    if name.endswith("payback_yr"):
        return "0.0"
    if name.endswith("_share"):
        return f"0.{'0' * share_digits(name)}%"
    unit = unit_of(name)
    if unit is not None:
        return unit.number_format
    if name == "year" or name.endswith("_year"):
        return YEAR_FORMAT
    return COUNT_FORMAT if value == int(value) else FACTOR_FORMAT


@cache
def dash_format(form: str) -> str:
    """A number format that shows zero as a dash; years and powers of ten keep theirs."""
    return f'{form};-{form};"–"' if form.startswith("#,##0") or form.endswith("%") else form


def is_missing(value: object) -> bool:
    """None, NaN and their kin."""
    kind = type(value)
    if kind is float:
        return value != value
    if kind is str:
        return False
    return value is None or (not isinstance(value, str) and bool(pd.isna(value)))


def checked_number(value: float | Real, where: str) -> float:
    """A finite number; anything else would be an empty or a broken cell, so it is refused."""
    number = float(value)
    if not math.isfinite(number):
        raise CcsModelError(f"{where}: {number} cannot be written")
    # Adding zero turns -0.0, which some programs print with its sign, into 0.0.
    return number + 0.0


def checked_text(text: str, where: str) -> str:
    """Text that a cell can hold: no control characters, and cut at the length that Excel takes."""
    # Nearly all text is plain, and says so at once.
    for sign in () if text.isprintable() else text:
        if (unicodedata.category(sign) in ("Cc", "Cs") and sign not in "\n\t") or sign in _NOT_XML:
            raise CcsModelError(f"{where}: holds the character U+{ord(sign):04X}, which a workbook cannot hold")
    if len(text) < MOST_CHARACTERS // 2:
        return text
    # Excel counts UTF-16 units, so that an emoji is two.
    units = text.encode("utf-16-le")
    if len(units) <= 2 * MOST_CHARACTERS:
        return text
    return units[: 2 * (MOST_CHARACTERS - 1)].decode("utf-16-le", errors="ignore") + "…"


def alignment(column: int, is_number: bool) -> dict[str, object]:
    """Numbers stand right, under headings that do; words keep off the number before them."""
    if is_number:
        return {"align": "right"}
    return {"align": "left", "indent": 1} if column else {}


def quote_format(text: str) -> dict[str, object]:
    """The format of text that looks like a formula: it keeps being text when a reader edits its cell."""
    return {"quote_prefix": True} if text.startswith(FORMULA_STARTS) else {}


@lru_cache(maxsize=16_384)
def text_width(text: str) -> int:
    """Width of the widest line in columns of a Latin letter; wide East Asian characters count double."""
    if text.isascii() and "\n" not in text:
        return len(text)
    return max(map(width_of, text.split("\n")))


def widest_word(text: str) -> int:
    """Width of the widest part that a line cannot break; between wide characters it can."""
    if text.isascii():
        return max(map(len, text.split()), default=0)
    spaced = "".join(f" {sign} " if unicodedata.east_asian_width(sign) in "WF" else sign for sign in text)
    return max(map(text_width, spaced.split()), default=0)


# Widths of letters in Arial, in thousandths of its size; those that are not named are as wide as a digit.
_ARIAL = {
    222: "ijl'", 278: "ft ,.;:!/[]\\I", 333: "r()-", 500: "ckvxyzsJ", 611: "FTZ", 667: "ABEKPSVXY&", 722: "CDHNRUw",
    778: "GOQ", 833: "mM", 889: "%", 944: "W",
}  # fmt: skip
_DIGIT, _WIDE_LETTER = 556, 1.92
_LETTERS = {letter: width / _DIGIT for width, letters in _ARIAL.items() for letter in letters}


@lru_cache(maxsize=16_384)
def printed_width(line: str) -> float:
    """Width of running text in digits of its font; a wide character is nearly as wide as two digits."""
    if line.isascii():
        return sum([_LETTERS.get(letter, 1.0) for letter in line])
    return sum(
        [_WIDE_LETTER if unicodedata.east_asian_width(letter) in "WF" else _LETTERS.get(letter, 1.0) for letter in line]
    )


def lines_of_words(text: str, room: int) -> int:
    """Number of lines of a text in `room` columns, broken between words; a word that is too long takes several."""
    lines, used = 1, 0
    for word in text.split():
        width = text_width(word)
        if used and used + 1 + width > room:
            lines, used = lines + 1, 0
        more = (width - 1) // room if width > room else 0
        lines, used = lines + more, used + (1 if used else 0) + width - more * room
    return lines


def lines_of_name(name: str, room: float) -> int:
    """Number of lines of a name without spaces in `room` columns, broken behind its hyphens; 1 of other texts."""
    lines, used = 1, 0.0
    for part in () if " " in name else re.findall("[^-]*-|[^-]+", name):
        width = printed_width(part)
        lines, used = (lines + 1, width) if used and used + width > room else (lines, used + width)
    return lines


def printed_number(value: float, form: str) -> str:
    """A number about as a spreadsheet prints it in `form`: only its width matters."""
    return format(value, _pattern(form))


@lru_cache(maxsize=256)
def _pattern(form: str) -> str:
    """Python's own format that is as wide as a spreadsheet's."""
    if "E" in form:
        return ".1E"
    digits = len(form.partition(".")[2].rstrip("%"))
    if form.endswith("%"):
        return f".{digits}%"
    return f",.{digits}f" if "," in form else f".{digits}f"
