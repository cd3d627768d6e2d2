"""Converts cells to values, with the same rules for CSV files and workbooks, and columns in another unit.

Nothing is guessed: a plant named NA stays text, and a number must be finite and within its declared range.

A heading may state another unit of the same kind, such as Mt/y for kt/y or 万元 for million CNY. A unit is a product of
terms divided by others: `kt CO2/y`. Mass of carbon is converted to mass of CO2 by molar masses. Money is scaled and
never exchanged: each row must be in the currency that its heading names.
"""

from __future__ import annotations

import csv
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache

from ccs_model.errors import Issue
from ccs_model.inputs.chinese import english_word
from ccs_model.inputs.declarations import Column
from ccs_model.paths import data_folder
from ccs_model.scenario.fields import CURRENCY, CURRENCY_TEXT
from ccs_model.scenario.validation import most_similar_name, same_name, shown_text

LONGEST_TEXT = 32_767  # limit of a workbook cell
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
# Also 12,00,000: twelve lakh.
_THOUSANDS = re.compile(r"([-+]?\d{1,3}(?:(?:[, ]\d{3})+|(?:,\d{2})+,\d{3}))(\.\d+)?")
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
_WITH_UNIT = re.compile(r"[-+]?\d+(?:\.\d+)? ?[^\W\d_]+(?:/[^\W\d_]+)?")
# Degrees with minutes and seconds: 39°21'00"N.
_DEGREES = re.compile(
    r"(?P<sign>[-+]?)(?P<deg>\d+(?:\.\d+)?)\s*[°º]\s*(?:(?P<min>\d+(?:\.\d+)?)\s*['′’]\s*)?"
    r"(?:(?P<sec>\d+(?:\.\d+)?)\s*(?:[\"″”]|'')\s*)?(?P<side>[NSEWnsew]?)"
)
_PERCENT = re.compile(r"([-+]?\d+(?:\.\d+)?) ?%")


class UncomputedFormula:
    """A formula without a value: it was written by a program and never computed by a spreadsheet."""


class CoveredCell:
    """A cell covered by a merged one, whose value is in another row or column."""


class Percent(float):
    """A number with a percent format."""


class ErrorValue(str):
    """An error value of a formula: #N/A, #DIV/0!."""


_REPAIR_HINTS = {
    ErrorValue: "",
    UncomputedFormula: "open and save it in Excel, or paste values",
    CoveredCell: "unmerge it and write the value in every row",
}


def convert_cell(
    column: Column, cell: object, place: str, issues: list[Issue], factor: float = 1.0
) -> str | float | None:
    """The value of a cell; None for an empty optional cell, and None with an issue for an invalid one.

    `factor` converts a number from the unit of the heading to that of the column.
    """
    odd = _odd_cell_message(cell)
    if odd:
        expected = "a number" if column.is_number else "text"
        hint = _REPAIR_HINTS.get(type(cell), f"expected {expected}")
        issues.append(Issue(place, odd, hint))
        return None
    value = cell.strip() if isinstance(cell, str) else cell
    if not isinstance(value, str | int | float) or value == "":
        if column.required:
            issues.append(Issue(place, "is empty", column.meaning))
        return None
    if column.is_number:
        return _number(column, value, place, issues, factor)
    return _text(column, value if isinstance(value, str) else f"{value:.15g}", place, issues)


def nearest_hint(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """Hint that names the known word most similar to the given one; `otherwise` if none is similar."""
    near = most_similar_name(word, tuple(known))
    return f"did you mean '{shown_text(near)}'?" if near else otherwise


def sector_hint(word: str, sectors: Collection[str], otherwise: str) -> str:
    """Hint for an unknown sector.

    A chemical product is not a misspelt sector, and neither is a sector with one more word, such as coal_hydrogen.
    """
    if word in {row["product"] for row in shipped_rows("streams/chemical_routes")}:
        return f"{word} plants belong to the chemicals inventory; the sector is chemicals"
    parts = set(word.split("_"))
    titles = {row["sector"]: row["name"] for row in shipped_rows("streams/source_sectors")}
    within = [each for each in sectors if set(each.split("_")) < parts]
    if len(within) == 1 and within[0] in titles and "" not in parts:
        title = titles[within[0]]
        return f"sector {within[0]} is '{title}'; for another process add a sector, see docs/how-to/other-sources.md"
    return nearest_hint(word, sectors, otherwise)


@cache
def shipped_rows(table: str) -> tuple[dict[str, str], ...]:
    """Rows of a shipped table, as text."""
    with (data_folder() / f"{table}.csv").open(encoding="utf-8-sig", newline="") as file:
        return tuple(csv.DictReader(file))


def _choice_hint(column: Column, text: str) -> str:
    """Hint for a text that is not one of the choices of a column."""
    if column.name == "product" and text in {row["sector"] for row in shipped_rows("streams/source_sectors")}:
        return f"{text} is a sector of sources, see docs/how-to/other-sources.md"
    return nearest_hint(text, column.choices, f"expected one of {', '.join(column.choices)}")


def _odd_cell_message(cell: object) -> str:
    """Message for a cell that is neither text nor a number, or ""."""
    if isinstance(cell, CoveredCell):
        return "is covered by a merged cell"
    if isinstance(cell, UncomputedFormula):
        return "has a formula that was never computed"
    if isinstance(cell, ErrorValue):
        return f"has the error value {shown_text(cell)}"
    if isinstance(cell, bool):
        return f"is {str(cell).upper()}, a truth value"
    if isinstance(cell, date | datetime | time | timedelta):
        return f"is a date or time, {shown_text(cell)}"
    return "" if cell is None or isinstance(cell, str | int | float) else f"is a {type(cell).__name__}"


def _text(column: Column, text: str, place: str, issues: list[Issue]) -> str | None:
    text = english_word(column.name, text, column.choices)
    if column.choices and text not in column.choices:
        text = same_name(text, column.choices) or text
    if column.choices and text not in column.choices:
        issues.append(Issue(place, f"'{shown_text(text)}' is unknown", _choice_hint(column, text)))
    elif column.kind == "currency" and not CURRENCY.fullmatch(text):
        hint = f"did you mean '{text.upper()}'?" if CURRENCY.fullmatch(text.upper()) else f"expected {CURRENCY_TEXT}"
        issues.append(Issue(place, f"'{shown_text(text)}' is unknown", hint))
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
    value, message = _read(cell), shown_text(cell)
    if isinstance(cell, Percent) and column.unit != "share":
        issues.append(Issue(place, f"is shown in percent, expected {column.unit or 'a plain number'}", column.meaning))
        return None
    if not math.isfinite(value):
        hint = _right_spelling(str(cell), in_percent=math.isclose(factor, 0.01))
        if str(cell).strip().lower() in _NO_DATA:
            hint = f"a number is required: {column.meaning}" if column.required else "leave the cell empty"
        issues.append(Issue(place, f"'{message}' is not a finite number", hint))
        return None
    # A cell in percent format holds the share already.
    if factor != 1.0 and not isinstance(cell, Percent):
        value = scale_value(value, factor)
        message += f" ({value:.6g} {column.unit})"
    if column.kind == "whole" and value != int(value):
        issues.append(Issue(place, f"{message} is not a whole number"))
        return None
    low, high = column.low, column.high
    if (low is not None and value < low) or (high is not None and value > high):
        allowed = f"from {low:g}" if high is None else f"{low:g} to {high:g}" if low is not None else f"up to {high:g}"
        is_too_large = column.unit.startswith("million money") and high is not None and value > high
        hint = "is this in million?" if is_too_large else column.meaning
        if column.name in ("lat_deg", "lon_deg") and abs(value) > 180:
            hint = "these look like projected coordinates; give degrees, WGS84"
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


def number_in(text: str) -> float:
    """The number that a text holds; NaN if it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _right_spelling(text: str, *, in_percent: bool) -> str:
    """Hint for a text that was meant as a number, in a column in percent or of another unit."""
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
    if match := _DEGREES.fullmatch(text):
        degrees = sum(float(match[part] or 0) / size for part, size in (("deg", 1), ("min", 60), ("sec", 3600)))
        is_negative = match["sign"] == "-" or match["side"].upper() in ("S", "W")
        return f"give decimal degrees: {-degrees if is_negative else degrees:.6g}"
    if match := _PERCENT.fullmatch(text.replace(",", ".")):
        return f"write {float(match[1]) / (1 if in_percent else 100):.12g}"
    if _WITH_UNIT.fullmatch(text):
        return "write the number alone, in the unit of the column"
    return "write 1234.5, without separators"


# kg per mol of CO2 and of carbon: standard atomic weights, IUPAC 2021 (conventional values C 12.011, O 15.999).
_CO2_PER_C = (12.011 + 2 * 15.999) / 12.011
# US customary units by definition: the pound of 1959, the international mile, the Btu of the International Table.
_LB_T, MILE_KM, _MMBTU_GJ = 0.45359237e-3, 1.609344, 1.05505585262
# Term → kind and size in the unit of that kind. Capital and small letters matter only for Mt; see `_unit`.
_TERMS: dict[str, tuple[str, float]] = {
    "g": ("mass", 1e-6), "kg": ("mass", 1e-3), "t": ("mass", 1.0), "kt": ("mass", 1e3), "mt": ("mass", 1e6),
    "lb": ("mass", _LB_T), "short_ton": ("mass", 2_000 * _LB_T), "tonne": ("mass", 1.0), "metric_ton": ("mass", 1.0),
    "吨": ("mass", 1.0), "千吨": ("mass", 1e3), "万吨": ("mass", 1e4), "百万吨": ("mass", 1e6), "亿吨": ("mass", 1e8),
    "lakh_tonne": ("mass", 1e5), "million_tonne": ("mass", 1e6), "crore_tonne": ("mass", 1e7),
    "pa": ("pressure", 1e-6), "kpa": ("pressure", 1e-3), "mpa": ("pressure", 1.0), "bar": ("pressure", 0.1),
    "兆帕": ("pressure", 1.0), "kw": ("power", 1e-3), "mw": ("power", 1.0), "gw": ("power", 1e3),
    "千瓦": ("power", 1e-3), "兆瓦": ("power", 1.0), "万千瓦": ("power", 10.0),
    "mj": ("energy", 1e-3), "gj": ("energy", 1.0), "tj": ("energy", 1e3), "kwh": ("energy", 3.6e-3),
    "mwh": ("energy", 3.6), "gwh": ("energy", 3.6e3), "m": ("length", 1e-3), "km": ("length", 1.0),
    "吉焦": ("energy", 1.0), "千瓦时": ("energy", 3.6e-3), "兆瓦时": ("energy", 3.6),
    "mmbtu": ("energy", _MMBTU_GJ), **dict.fromkeys(("mi", "mile"), ("length", MILE_KM)),
    "米": ("length", 1e-3), "公里": ("length", 1.0), "千米": ("length", 1.0),
    **dict.fromkeys(("y", "yr", "a", "year", "annum", "年"), ("year", 1.0)), "h": ("hour", 1.0),
    # A rate per day is kept for 365 days a year.
    **dict.fromkeys(("d", "day", "天", "日"), ("year", 1.0 / 365.0)),
    **dict.fromkeys(("month", "月"), ("month", 1.0)),
    **dict.fromkeys(("share", "份额", "比例", "0-1"), ("share", 1.0)),
    **dict.fromkeys(("%", "percent", "百分比"), ("share", 0.01)),
}  # fmt: skip
# Terms of two words and plurals, as one word.
_PHRASES = (
    (re.compile(r"\b(short(?=[\s-]+tons?\b)|metric)[\s-]+ton(?:ne)?s?\b", re.I), lambda m: f"{m[1].lower()}_ton"),
    (re.compile(r"\bmillion\s+btu\b", re.I), lambda m: "mmbtu"),
    (re.compile(r"\b(tonne|mile|day|year|month|lakh|crore)s\b", re.I), lambda m: m[1]),
    (re.compile(r"\b(lakh|million|crore)\s+(?:t|tonne|metric_ton)\b", re.I), lambda m: f"{m[1].lower()}_tonne"),
    # Rates of Indian statistics, where a unit of electricity is a kWh.
    (re.compile(r"^M?MTPA\b"), lambda m: "million_tonne/y"),
    (re.compile(r"^(k?t)p([ad])\b", re.I), lambda m: f"{m[1]}/{m[2]}"),
    (re.compile(r"(?:\b(?:Rs\.?|INR|pais[ae])|₹)/unit$", re.I), lambda m: m[0][:-4] + "kWh"),
    (re.compile(r"(?:\b(?:INR|Rs)\b\.?\s*)?\bpais[ae]\b", re.I), lambda m: "paise INR"),
    (re.compile(r"\blakh crore\b", re.I), lambda m: "lakh_crore"),
    (re.compile(r"\bRs\b\.?|₹", re.I), lambda m: " INR "),
)
_SPECIES = {"co2": 1.0, "c": _CO2_PER_C}
_DIGITS = 12
# "m" and "MM" are left out: either may be a thousand or a million. So are $ and ¥, which several currencies use.
_MONEY_SCALES = {
    "": 1.0, "k": 1e3, "thousand": 1e3, "mn": 1e6, "mln": 1e6, "mio": 1e6, "million": 1e6, "bn": 1e9, "billion": 1e9,
    "trillion": 1e12, "paise": 0.01, "lakh": 1e5, "lac": 1e5, "crore": 1e7, "cr": 1e7, "lakh_crore": 1e12,
    "千": 1e3, "万": 1e4, "百万": 1e6, "千万": 1e7, "亿": 1e8, "万亿": 1e12,
}  # fmt: skip
_CURRENCIES = {
    "rmb": "CNY", "yuan": "CNY", "元": "CNY", "人民币": "CNY", "元人民币": "CNY", "us$": "USD", "美元": "USD",
    "€": "EUR", "euro": "EUR", "欧元": "EUR", "£": "GBP", "英镑": "GBP", "日元": "JPY", "韩元": "KRW",
    "卢比": "INR",
}  # fmt: skip
_JOINED = re.compile(rf"({'|'.join(sorted(filter(str.strip, _MONEY_SCALES), key=len, reverse=True))})(.*)", re.I)
_MASS, _MASS_A_YEAR = (("mass", 1),), (("mass", 1), ("year", -1))
_ANY_CURRENCY = "money"  # of a column: the currency of the row


@dataclass(frozen=True)
class _Unit:
    """Kinds of the terms with their exponents, the size in the units of those kinds, and what the mass is of.

    `currency` is that of money, `_ANY_CURRENCY` if none is named, "" without money.
    """

    kinds: tuple[tuple[str, int], ...]
    size: float
    species: str
    currency: str = ""


def conversion(given: str, column: Column) -> float | None:
    """Return the factor from a unit stated in a heading to the unit of a column; None if they are of other kinds.

    A mass for a column per year is taken as the mass in a year. Mass of carbon or CO2 converts only to a column of CO2.
    """
    own, other = _unit(column.unit), _unit(given)
    if own is None or other is None:
        return None
    if own.kinds != other.kinds and (own.kinds, other.kinds) != (_MASS_A_YEAR, _MASS):
        return None
    is_of_co2 = own.species == "co2" or "co2" in f"{column.name} {column.meaning}".lower()
    # Money per tonne is per tonne of CO2, except of a product.
    is_of_co2 |= bool(own.currency) and "product" not in column.meaning
    own_species = own.species or ("co2" if is_of_co2 else "")
    species = other.species or own_species
    if species != own_species and not {species, own_species} <= _SPECIES.keys():
        return None
    return float(f"{other.size / own.size * _SPECIES.get(species, 1.0) / _SPECIES.get(own_species, 1.0):.{_DIGITS}g}")


def currency_of(given: str) -> str:
    """Return the currency that a unit names, or ""."""
    unit = _unit(given)
    return unit.currency if unit is not None and unit.currency != _ANY_CURRENCY else ""


def scale_value(value: float, factor: float) -> float:
    """Return the value times the factor, without the error of the last digits: 12.3 times 10 is 123."""
    return value if factor == 1.0 else float(f"{value * factor:.{_DIGITS}g}")


def _unit(text: str) -> _Unit | None:
    kinds: Counter[str] = Counter()
    size, species, currency = 1.0, "", ""
    words = " ".join(unicodedata.normalize("NFKC", text).replace("每", "/").split())
    words = re.sub(r"\s*(?:/|\bper\b)\s*", "/", words)
    words = re.sub(r"^([kMG]?t)pa$", r"\1/y", words)
    for phrase, replacement in _PHRASES:
        words = phrase.sub(replacement, words)
    first, slash, rest = words.partition("/")
    money = _money(first)
    if money is not None:
        kinds["money"], (size, currency) = 1, money
        words = re.sub(r",\s*|\s+and\s+", "/", rest)  # "money per t/h, km and year"
    for n, term in enumerate(words.split("/") if money is None or slash else (), start=int(money is not None)):
        name, _, of = term.partition(" ")
        # mt and MT are also used for the metric ton.
        if (name.lower() == "mt" and name != "Mt") or name.lower() not in _TERMS:
            return None
        if of and n and not (money and of.lower() == "co2"):
            return None
        kind, amount = _TERMS[name.lower()]
        sign = -1 if n else 1
        kinds[kind] += sign
        size *= amount**sign
        species = species or of.lower()
    return _Unit(tuple(sorted((kind, n) for kind, n in kinds.items())), size, species, currency)


def _money(text: str) -> tuple[float, str] | None:
    """Size and currency of an amount of money, such as `million CNY`, `EUR bn` or `万元`; None for anything else."""
    words = [word for word in text.replace(".", " ").split() if word != "in"]  # Rs. in lakh
    if len(words) == 1 and not _currency(text) and (match := _JOINED.fullmatch(text)):
        words = [each for each in match.groups() if each]
    sizes = [_MONEY_SCALES[word.lower()] for word in words if word.lower() in _MONEY_SCALES]
    currencies = [found for word in words if word.lower() not in _MONEY_SCALES and (found := _currency(word))]
    if not words or len(sizes) > 1 or len(currencies) > 1 or len(sizes) + len(currencies) != len(words):
        return None
    return (sizes or [1.0])[0], (currencies or [_ANY_CURRENCY])[0]


def _currency(word: str) -> str:
    if word == _ANY_CURRENCY or (CURRENCY.fullmatch(word) and word.lower() not in _TERMS):
        return word
    return _CURRENCIES.get(word.lower(), "")
