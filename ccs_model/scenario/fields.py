"""Kinds of value that several keys share."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field

from ccs_model.scenario.findings import Finding, findings_error
from ccs_model.scenario.known_keys import nearest_word
from ccs_model.scenario.scalars import describe

SHIPPED_INVENTORIES = ("steel", "chemicals")
_UNWRITABLE = frozenset(("Cc", "Zl", "Zp"))  # a workbook cell or one line of a file cannot hold these


def _refuse_controls(text: str, allowed: str = "") -> str:
    for sign in text:
        if unicodedata.category(sign) in _UNWRITABLE and sign not in allowed:
            raise findings_error([Finding((), f"holds the control character U+{ord(sign):04X}", "remove it")])
    return text


def _one_line(text: str) -> str:
    _refuse_controls(text)
    if text and not text.strip():
        raise findings_error([Finding((), "expected some text, got blanks")])
    return text


def _paragraph(text: str) -> str:
    return _refuse_controls(text, allowed="\n\t")


def no_repeats(words: tuple[str, ...]) -> tuple[str, ...]:
    """Refuses a list that names something twice."""
    first: dict[str, int] = {}
    repeats = []
    for place, word in enumerate(words):
        if word in first:
            repeats.append(Finding((place,), f"'{word}' stands twice in the list, first", other=(first[word],)))
        first.setdefault(word, place)
    if repeats:
        raise findings_error(repeats)
    return words


def names_a_file(name: str) -> bool:
    """A word without a dot or a slash is the name of a shipped table, or a slip of the pen; all else names a file."""
    return any(sign in name for sign in "./\\")


def _inventories(names: tuple[str, ...]) -> tuple[str, ...]:
    """Shipped tables and files, each once."""
    strays = [
        Finding(
            (place,),
            f"expected {', '.join(SHIPPED_INVENTORIES)} or a file of your own, got {describe(name)}",
            nearest_word(name, SHIPPED_INVENTORIES) or "your own tables end in .csv or .xlsx",
        )
        for place, name in enumerate(names)
        if name not in SHIPPED_INVENTORIES and not names_a_file(name)
    ]
    if strays:
        raise findings_error(strays)
    return no_repeats(names)


def _increasing(years: tuple[int, ...]) -> tuple[int, ...]:
    late = [
        Finding((place + 1,), f"expected a year after {before}, got {after}", "years go upwards, each once")
        for place, (before, after) in enumerate(pairwise(years))
        if after <= before
    ]
    if late:
        raise findings_error(late)
    return years


def _by_year(values: dict[int, float]) -> dict[int, float]:
    return dict(sorted(values.items()))


def _by_name(values: dict[str, float]) -> dict[str, float]:
    return dict(sorted(values.items()))


Line = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_one_line)]
Paragraph = Annotated[str, AfterValidator(_paragraph)]
# What no file can be called is told when it is opened.
FileName = Annotated[str, Field(min_length=1, max_length=1000)]
Inventories = Annotated[tuple[FileName, ...], Field(min_length=1), AfterValidator(_inventories)]
Words = Annotated[tuple[Line, ...], AfterValidator(no_repeats)]
MoneyByYear = Annotated[dict[int, Annotated[float, Field(ge=0)]], AfterValidator(_by_year)]
AmountByName = Annotated[dict[Line, Annotated[float, Field(ge=0)]], AfterValidator(_by_name)]
ShareByName = Annotated[dict[Line, Annotated[float, Field(ge=0, le=1)]], AfterValidator(_by_name)]
ShareByYear = Annotated[dict[int, Annotated[float, Field(ge=0, le=1)]], AfterValidator(_by_year)]
Years = Annotated[
    tuple[Annotated[int, Field(ge=2020, le=2100)], ...],
    Field(min_length=2),
    AfterValidator(_increasing),
]
