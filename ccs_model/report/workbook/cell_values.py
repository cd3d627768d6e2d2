"""What may stand in a cell, and how wide it looks."""

from __future__ import annotations

import math
import unicodedata
from functools import cache, lru_cache
from numbers import Real

import pandas as pd

from ccs_model.errors import CcsModelError
from ccs_model.units import unit_of

MOST_CHARACTERS = 32_767
FORMULA_STARTS = ("=", "+", "-", "@")

# Formats of numbers without a unit: years, counts and plain factors.
YEAR_FORMAT, COUNT_FORMAT, FACTOR_FORMAT = "0", "#,##0", "#,##0.0##"
_NOT_XML = frozenset("\ufffe\uffff")


def number_format(name: str, value: float) -> str:
    """The number format of a quantity, from its unit; without one, from whether it is a year or a whole number."""
    if name.endswith("payback_yr"):
        return "0.0"
    unit = unit_of(name)
    if unit is not None:
        return unit.number_format
    if name == "year" or name.endswith("_year"):
        return YEAR_FORMAT
    return COUNT_FORMAT if value == int(value) else FACTOR_FORMAT


@cache
def with_dash(form: str) -> str:
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


def quoted(text: str) -> dict[str, object]:
    """The format of text that looks like a formula: it keeps being text when a reader edits its cell."""
    return {"quote_prefix": True} if text.startswith(FORMULA_STARTS) else {}


@lru_cache(maxsize=16_384)
def text_width(text: str) -> int:
    """Width of the widest line in columns of a Latin letter; wide East Asian characters count double."""
    if text.isascii() and "\n" not in text:
        return len(text)
    return max(sum(1 + (unicodedata.east_asian_width(sign) in "WF") for sign in line) for line in text.split("\n"))


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


def shown(value: float, form: str) -> str:
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
