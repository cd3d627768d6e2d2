"""From one cell to one value: the same rules for a CSV field and for a cell of a workbook.

Nothing is guessed: a plant named NA stays text, and a number must be finite and within its declared range.
"""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches

from ccs_model.errors import Issue
from ccs_model.inputs.chinese import in_english
from ccs_model.inputs.declarations import Column

LONGEST_TEXT = 32_767  # what a cell of a workbook can hold
_LONGEST_SHOWN = 60
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_THOUSANDS = re.compile(r"([-+]?\d{1,3}(?:[, ]\d{3})+)(\.\d+)?")
_EUROPEAN = re.compile(r"[-+]?\d{1,3}(?:\.\d{3})+,\d+|[-+]?\d+,\d+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PERCENT = re.compile(r"([-+]?\d+(?:\.\d+)?) ?%")


class Uncomputed:
    """A formula without a value: a program wrote it and no spreadsheet has worked it out."""


class Merged:
    """A cell that a merged one covers: what it should say stands in another row or column."""


class Percent(float):
    """A number that the sheet shows in percent."""


class ErrorValue(str):
    """What a spreadsheet shows where a formula fails: #N/A, #DIV/0!."""


_REPAIR_HINTS = {
    ErrorValue: "",
    Uncomputed: "open and save it in Excel, or paste values",
    Merged: "unmerge it, and write the value in every row",
}


def converted(column: Column, cell: object, place: str, issues: list[Issue]) -> str | float | None:
    """The value of a cell, or None with a fault, or None for an empty cell that may be empty."""
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
        return _number(column, value, place, issues)
    return _text(column, value if isinstance(value, str) else f"{value:.15g}", place, issues)


def shown(text: object) -> str:
    """A cell short enough and safe enough to stand in a message."""
    whole = str(text)
    short = whole if len(whole) <= _LONGEST_SHOWN else whole[:_LONGEST_SHOWN] + "…"
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in short)


def as_seen(text: str) -> str:
    """The text as a reader sees it: without case, width, blanks, and signs that do not print."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(sign for sign in plain if sign.isprintable() and not sign.isspace())


def _odd(cell: object) -> str:
    """What is wrong with a cell that is neither text nor a number."""
    if isinstance(cell, Merged):
        return "is covered by a merged cell"
    if isinstance(cell, Uncomputed):
        return "holds a formula that was never computed"
    if isinstance(cell, ErrorValue):
        return f"holds the error {shown(cell)}"
    if isinstance(cell, bool):
        return f"holds {str(cell).upper()}, a truth value"
    if isinstance(cell, date | datetime | time | timedelta):
        return f"holds a date or a time, {shown(cell)}"
    return "" if cell is None or isinstance(cell, str | int | float) else f"holds a {type(cell).__name__}"


def _text(column: Column, text: str, place: str, issues: list[Issue]) -> str | None:
    text = in_english(column.name, text, column.choices)
    if column.choices and text not in column.choices:
        near = get_close_matches(text, column.choices, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"one of {', '.join(column.choices)}"
        issues.append(Issue(place, f"'{shown(text)}' is unknown", hint))
    elif _CONTROL.search(text):
        issues.append(Issue(place, "holds a control character"))
    elif len(text) > LONGEST_TEXT:
        issues.append(Issue(place, f"has {len(text):,} characters, expected at most {LONGEST_TEXT:,}"))
    else:
        return text
    return None


def _number(column: Column, cell: str | int | float, place: str, issues: list[Issue]) -> float | None:
    value, message = _read(cell), shown(cell)
    if isinstance(cell, Percent) and column.unit != "share":
        issues.append(Issue(place, f"is shown in percent, expected {column.unit or 'a plain number'}", column.meaning))
        return None
    if not math.isfinite(value):
        issues.append(Issue(place, f"'{message}' is not a finite number", _right_spelling(str(cell))))
        return None
    if column.kind == "whole" and value != int(value):
        issues.append(Issue(place, f"{message} is not a whole number"))
        return None
    low, high = column.low, column.high
    if (low is not None and value < low) or (high is not None and value > high):
        allowed = f"from {low:g}" if high is None else f"{low:g} to {high:g}" if low is not None else f"up to {high:g}"
        issues.append(Issue(place, f"{message} is outside the range {allowed}", column.meaning))
        return None
    return value


def _read(cell: str | int | float) -> float:
    """The number, or NaN; the digits of an input method for Chinese (１２３) are digits."""
    text = cell.translate(_FULL_WIDTH).strip() if isinstance(cell, str) else cell
    try:
        return float(text) if not isinstance(text, str) or (text.isascii() and "_" not in text) else math.nan
    except (ValueError, OverflowError):
        return math.nan


def _right_spelling(text: str) -> str:
    """How to write the number that a text was meant to be."""
    text = text.translate(_FULL_WIDTH).strip()
    if match := _THOUSANDS.fullmatch(text):
        return f"write {re.sub('[, ]', '', match[1])}{match[2] or ''}"
    if _EUROPEAN.fullmatch(text):
        return f"write {text.replace('.', '').replace(',', '.')}"
    if match := _PERCENT.fullmatch(text):
        return f"write {float(match[1]) / 100:.12g}"
    return "write 1234.5, without separators"
