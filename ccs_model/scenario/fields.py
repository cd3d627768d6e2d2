"""Kinds of value that several keys share."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field

from ccs_model.scenario.findings import Finding, findings_error

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


Line = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_one_line)]
Paragraph = Annotated[str, AfterValidator(_paragraph)]
Words = Annotated[tuple[Line, ...], AfterValidator(no_repeats)]
MoneyByYear = Annotated[dict[int, Annotated[float, Field(ge=0)]], AfterValidator(_by_year)]
Years = Annotated[
    tuple[Annotated[int, Field(ge=2020, le=2100)], ...],
    Field(min_length=2),
    AfterValidator(_increasing),
]
