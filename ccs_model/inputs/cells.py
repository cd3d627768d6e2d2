"""Converts cells to values, with the same rules for CSV files and workbooks.

Nothing is guessed: a plant named NA stays text, and a number must be finite and within its declared range.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from ccs_model.errors import Issue
from ccs_model.inputs.chinese import in_english
from ccs_model.inputs.declarations import Column
from ccs_model.inputs.unit_conversion import scaled
from ccs_model.scenario.fields import CURRENCY, CURRENCY_TEXT
from ccs_model.scenario.spelling import most_similar, same_name
from ccs_model.scenario.validation import shown

LONGEST_TEXT = 32_767  # limit of a workbook cell
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_THOUSANDS = re.compile(r"([-+]?\d{1,3}(?:[, ]\d{3})+)(\.\d+)?")
_BELOW_ONE = re.compile(r"[-+]?0,\d+")
_SPACED = re.compile(r"[-+]?\d{1,3}(?: \d{3})+,\d+")
# A comma before four or more digits may begin decimals, or be a separator of thousands in the wrong place.
_MISPLACED = re.compile(r"[-+]?[1-9]\d{0,2},\d{4,}")
_EUROPEAN = re.compile(r"[-+]?\d{1,3}(?:\.\d{3})+,\d+|[-+]?\d+,\d+")
# What tables of several languages write where there is no number.
_NO_DATA = frozenset(
    ("-", "–", "—", "?", "n/a", "n.a.", "na", "nan", "n/d", "n.d.", "nd", "s/d", "s.d.", "sd", "k.a.", "none", "null",
     "unknown", "no data", "无", "未知")
)  # fmt: skip
_MILLIONS = re.compile(r"[-+]?\d{1,3}(?:\.\d{3}){2,}")
# A point that separates thousands where commas are decimal signs: 5.000.
THOUSANDS_POINT = re.compile(r"[-+]?[1-9]\d{0,2}\.\d{3}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_WITH_UNIT = re.compile(r"[-+]?\d+(?:\.\d+)? ?[a-zA-Z]+(?:/[a-zA-Z]+)?")
_PERCENT = re.compile(r"([-+]?\d+(?:\.\d+)?) ?%")


class Uncomputed:
    """A formula without a value: it was written by a program and never computed by a spreadsheet."""


class Merged:
    """A cell covered by a merged one, whose value is in another row or column."""


class Percent(float):
    """A number with a percent format."""


class ErrorValue(str):
    """An error value of a formula: #N/A, #DIV/0!."""


_REPAIR_HINTS = {
    ErrorValue: "",
    Uncomputed: "open and save it in Excel, or paste values",
    Merged: "unmerge it and write the value in every row",
}


def converted(column: Column, cell: object, place: str, issues: list[Issue], factor: float = 1.0) -> str | float | None:
    """The value of a cell; None for an empty optional cell, and None with an issue for an invalid one.

    `factor` converts a number from the unit of the heading to that of the column.
    """
    odd = _odd(cell)
    if odd:
        expected = "a number" if column.kind in ("number", "whole") else "text"
        hint = _REPAIR_HINTS.get(type(cell), f"expected {expected}")
        issues.append(Issue(place, odd, hint))
        return None
    value = cell.strip() if isinstance(cell, str) else cell
    if not isinstance(value, str | int | float) or value == "":
        if column.required:
            issues.append(Issue(place, "is empty", column.meaning))
        return None
    if column.kind in ("number", "whole"):
        return _number(column, value, place, issues, factor)
    return _text(column, value if isinstance(value, str) else f"{value:.15g}", place, issues)


def nearest_hint(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """Hint that names the known word most similar to the given one; `otherwise` if none is similar."""
    near = most_similar(word, tuple(known))
    return f"did you mean '{shown(near)}'?" if near else otherwise


def _odd(cell: object) -> str:
    """Message for a cell that is neither text nor a number, or ""."""
    if isinstance(cell, Merged):
        return "is covered by a merged cell"
    if isinstance(cell, Uncomputed):
        return "has a formula that was never computed"
    if isinstance(cell, ErrorValue):
        return f"has the error value {shown(cell)}"
    if isinstance(cell, bool):
        return f"is {str(cell).upper()}, a truth value"
    if isinstance(cell, date | datetime | time | timedelta):
        return f"is a date or time, {shown(cell)}"
    return "" if cell is None or isinstance(cell, str | int | float) else f"is a {type(cell).__name__}"


def _text(column: Column, text: str, place: str, issues: list[Issue]) -> str | None:
    text = in_english(column.name, text, column.choices)
    if column.choices and text not in column.choices:
        text = same_name(text, column.choices) or text
    if column.choices and text not in column.choices:
        hint = nearest_hint(text, column.choices, f"expected one of {', '.join(column.choices)}")
        issues.append(Issue(place, f"'{shown(text)}' is unknown", hint))
    elif column.kind == "currency" and not CURRENCY.fullmatch(text):
        hint = f"did you mean '{text.upper()}'?" if CURRENCY.fullmatch(text.upper()) else f"expected {CURRENCY_TEXT}"
        issues.append(Issue(place, f"'{shown(text)}' is unknown", hint))
    elif _CONTROL.search(text):
        issues.append(Issue(place, "contains a control character"))
    elif len(text) > LONGEST_TEXT:
        issues.append(Issue(place, f"has {len(text):,} characters, expected at most {LONGEST_TEXT:,}"))
    else:
        return text
    return None


def _number(
    column: Column, cell: str | int | float, place: str, issues: list[Issue], factor: float = 1.0
) -> float | None:
    value, message = _read(cell), shown(cell)
    if isinstance(cell, Percent) and column.unit != "share":
        issues.append(Issue(place, f"is shown in percent, expected {column.unit or 'a plain number'}", column.meaning))
        return None
    if not math.isfinite(value):
        hint = _right_spelling(str(cell))
        if str(cell).strip().lower() in _NO_DATA:
            hint = f"a number is required: {column.meaning}" if column.required else "leave the cell empty"
        issues.append(Issue(place, f"'{message}' is not a finite number", hint))
        return None
    # A cell in percent format holds the share already.
    if factor != 1.0 and not isinstance(cell, Percent):
        value = scaled(value, factor)
        message += f" ({value:.6g} {column.unit})"
    if column.kind == "whole" and value != int(value):
        issues.append(Issue(place, f"{message} is not a whole number"))
        return None
    low, high = column.low, column.high
    if (low is not None and value < low) or (high is not None and value > high):
        allowed = f"from {low:g}" if high is None else f"{low:g} to {high:g}" if low is not None else f"up to {high:g}"
        is_too_large = column.unit.startswith("million money") and high is not None and value > high
        hint = "is this in million?" if is_too_large else column.meaning
        issues.append(Issue(place, f"{message} is outside the range {allowed}", hint))
        return None
    return value


def _read(cell: str | int | float) -> float:
    """The number, or NaN; full-width digits (１２３) are read as digits."""
    text = cell.translate(_FULL_WIDTH).strip() if isinstance(cell, str) else cell
    try:
        return float(text) if not isinstance(text, str) or (text.isascii() and "_" not in text) else math.nan
    except (ValueError, OverflowError):
        return math.nan


def _right_spelling(text: str) -> str:
    """Hint for a text that was meant as a number."""
    text = text.translate(_FULL_WIDTH).strip()
    if _BELOW_ONE.fullmatch(text):
        return f"write {text.replace(',', '.')}"
    if _SPACED.fullmatch(text):
        return f"write {text.replace(' ', '').replace(',', '.')}"
    if match := _THOUSANDS.fullmatch(text):
        if match[1].count(",") == 1 and " " not in match[1] and not match[2]:
            return f"write {text.replace(',', '')} for thousands or {text.replace(',', '.')} for decimals"
        return f"write {re.sub('[, ]', '', match[1])}{match[2] or ''}"
    if _MISPLACED.fullmatch(text):
        return f"write {text.replace(',', '.')} for decimals or {text.replace(',', '')} for thousands"
    if _MILLIONS.fullmatch(text):
        return f"write {text.replace('.', '')}"
    if _EUROPEAN.fullmatch(text):
        return f"write {text.replace('.', '').replace(',', '.')}"
    if match := _PERCENT.fullmatch(text.replace(",", ".")):
        return f"write {float(match[1]) / 100:.12g}"
    if _WITH_UNIT.fullmatch(text):
        return "write the number alone, in the unit of the column"
    return "write 1234.5, without separators"
