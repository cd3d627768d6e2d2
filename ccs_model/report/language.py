"""Titles, headings, labels and sentences in English, Chinese or both, from one table: labels.csv beside this module.

A row is English and Chinese. Where the English holds `{}` it stands for a family of texts ("Flow from {}"); the
Chinese then takes what stood there, in the same order. A `key` names a word of the page. What is not in the table stays
English, and names, figures and formulas are never looked up.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

LANGUAGES = ("en", "zh", "both")
# Columns whose words are labels, by sheet; every other cell holds names, data or words that formulas compare, such as
# the other side of a payment on Summary.
LABEL_COLUMNS = frozenset(
    {
        ("Cover", "holds"), ("Cover", "kind"), ("Cover", "meaning"), ("Summary", "figure"), ("Summary", "meaning"),
        ("Summary", "item"), ("Summary", "stakeholder"), ("Summary", "unit"), ("Series", "series"),
        ("Series", "unit"), ("CashFlow", "item"), ("CashFlow", "unit"), ("Inputs", "meaning"), ("Inputs", "unit"),
        ("Economics", "covers"), ("Calibration", "question"), ("Calibration", "parameter"), ("Calibration", "verdict"),
        ("Series", "note"), ("CashFlow", "note"), ("Inputs", "what"), ("Checks", "name"), ("Checks", "of"),
        ("RunLog", "item"), ("RunLog", "unit"),
    }
)  # fmt: skip
_SENTENCES = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


@dataclass(frozen=True)
class Labels:
    """The table: texts as they stand, families of texts, and the page's words by key."""

    exact: Mapping[str, str]
    arc_groups: Mapping[str, tuple[tuple[re.Pattern[str], str], ...]]
    keyed: Mapping[str, tuple[str, str]]


@cache
def labels() -> Labels:
    """The table, read once."""
    text = resources.files("ccs_model.report").joinpath("labels.csv").read_text(encoding="utf-8")
    exact: dict[str, str] = {}
    arc_groups: dict[str, list[tuple[re.Pattern[str], str]]] = {}
    keyed: dict[str, tuple[str, str]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        english, chinese = row["english"], row["chinese"]
        if row["key"]:
            keyed[row["key"]] = english, chinese
        elif "{}" in english:
            pattern = re.compile("(.+?)".join(map(re.escape, english.split("{}"))))
            arc_groups.setdefault(_start(english), []).append((pattern, chinese))
        else:
            exact[english] = chinese
    return Labels(exact, {start: tuple(found) for start, found in arc_groups.items()}, keyed)


def _start(text: str) -> str:
    """By its first letter a family is found without trying them all; one that begins with a field has none."""
    return "" if text.startswith("{}") else text[:1]


@lru_cache(maxsize=8192)
def chinese(text: str) -> str | None:
    """The text in Chinese as the table has it, or None."""
    table = labels()
    if text in table.exact:
        return table.exact[text]
    for pattern, message in (*table.arc_groups.get(text[:1], ()), *table.arc_groups.get("", ())):
        if found := pattern.fullmatch(text):
            return message.format(*found.groups())
    return None


@dataclass(frozen=True)
class Language:
    """`en` leaves every text as it is, `zh` puts the table's Chinese in its place, `both` sets them side by side."""

    lang: str = "en"

    def label(self, text: str) -> str:
        """A title, heading or label."""
        message = None if self.lang == "en" or not text else chinese(text)
        if message is None or message == text:
            return text
        return message if self.lang == "zh" else f"{text} / {message}"

    def unit(self, text: str) -> str:
        """A unit; side by side with its Chinese it would only be longer, so that `both` keeps the English."""
        return (chinese(text) or text) if self.lang == "zh" and text else text

    def sentence(self, text: str) -> str:
        """Running text, sentence by sentence; in both languages the Chinese follows on a line of its own."""
        if self.lang == "en" or not text:
            return text
        whole = labels().exact.get(text)
        # A family could take several sentences for the last of its fields, so each is looked up by itself.
        parts = _SENTENCES.split(text)
        found = [chinese(each) for each in parts]
        if whole is None and not any(found):
            return text
        message = whole or _joined([each or part for each, part in zip(found, parts, strict=True)])
        return message if self.lang == "zh" else f"{text}\n{message}"


def _joined(parts: list[str]) -> str:
    """Sentences in a row: no space after a Chinese full stop."""
    out = ""
    for part in parts:
        out += part if not out or out.endswith(("。", "；", "！")) else f" {part}"
    return out
