"""Text, tables and charts as HTML. Everything that comes from a run passes through `safe` or `as_data`."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ccs_model.report.language import Language, labels
from ccs_model.units import unit_of

# Inside a block of data none of these may stand, or a name could end the block; JSON takes them as escapes.
_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


# Texts of several words, which want a wider column than a code.
_LONG = ("name", "item")
# A longer table scrolls by itself on the screen; on paper it stands whole.
_MOST_ROWS = 40


@dataclass(frozen=True)
class Column:
    """A column of a table: `name` gives unit and digits where it has a suffix; `unit` stands below the heading."""

    name: str
    heading: str
    unit: str = ""
    digits: int | None = None

    @property
    def is_number(self) -> bool:
        """Numbers stand to the right."""
        return self.digits is not None or unit_of(self.name) is not None


def safe(text: object) -> str:
    """Text for HTML, in elements and in quoted attributes."""
    return html.escape(str(text), quote=True)


def as_data(value: Any) -> str:
    """JSON that may stand in a script element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign, escape in _ESCAPED.items():
        text = text.replace(sign, escape)
    return text


def number(value: Any, digits: int = 0) -> str:
    """A number with thousands, a dash where there is none; never `-0`."""
    if value is None or value == "" or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    shown = f"{float(value):,.{digits}f}"
    return shown.lstrip("-") if float(shown.replace(",", "")) == 0 else shown.replace("-", "−")


def percent(value: Any, digits: int = 1) -> str:
    """A share as a percentage."""
    return "–" if number(value) == "–" else f"{number(100 * float(value), digits)} %"


def table(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], label: str, *, sums: bool = False) -> str:
    """A table that scrolls by itself where the screen is narrow; `sums` sets the last row apart."""
    head = "".join(
        f"<th{' class=n' if each.is_number else ''} scope=col>{safe(each.heading)}"
        f"{f'<small>{safe(each.unit)}</small>' if each.unit else ''}</th>"
        for each in columns
    )
    long = " long" if len(rows) > _MOST_ROWS else ""
    lines = []
    for place, row in enumerate(rows):
        mark = " class=sum" if sums and place == len(rows) - 1 else ""
        lines.append(f"<tr{mark}>{''.join(_cell(each, row[each.name]) for each in columns)}</tr>")
    return (
        f'<div class="wide{long}" tabindex=0 role=region aria-label="{safe(label)}">'
        f"<table><thead><tr>{head}</tr></thead>\n"
        f"<tbody>{chr(10).join(lines)}</tbody></table></div>"
    )


def _cell(column: Column, value: Any) -> str:
    if not column.is_number:
        wide = " class=t" if column.name in _LONG else ""
        return f"<td{wide}>{safe('' if value is None else value)}</td>"
    shown = percent(value) if column.name.endswith("_share") else number(value, column.digits or 0)
    return f"<td class=n>{shown}</td>"


def figure(name: str, spec: Mapping[str, Any], caption: str = "", css: str = "") -> str:
    """A chart with its data beside it, and the same words for those who do not see it."""
    message = safe(spec["description"])
    below = f"<figcaption>{safe(caption)}</figcaption>" if caption else ""
    return (
        f'<figure{f" class={css}" if css else ""}><div class=chart id="{name}" data-chart="{name}-data" role=img '
        f'aria-label="{message}"></div>{below}</figure>\n'
        f'<script type="application/json" id="{name}-data">{as_data(spec)}</script>'
    )


# The page's words in English, Chinese or both; the table of all labels holds them by key.


@dataclass(frozen=True)
class Words:
    """Words in one language, or in both side by side."""

    lang: str

    def __call__(self, key: str) -> str:
        """Return the text of a key in the language."""
        english, chinese = labels().keyed[key]
        if self.lang == "both":
            return f"{english} / {chinese}"
        return chinese if self.lang == "zh" else english

    @property
    def tag(self) -> str:
        """The page's language as HTML names it."""
        return "zh-CN" if self.lang == "zh" else "en"

    @property
    def stop(self) -> str:
        """What ends a sentence before the next one."""
        return "。" if self.lang == "zh" else ". "

    def known(self, text: str) -> str:
        """A word of the tables where it is in the list, else as it stands, without underscores."""
        return self(text) if text in labels().keyed else self.label(text.replace("_", " "))

    def message(self, text: str) -> str:
        """A sentence in the page's language."""
        return Language(self.lang).sentence(text)

    def label(self, text: str) -> str:
        """A heading or label in the page's language."""
        return Language(self.lang).label(text)

    def unit(self, text: str) -> str:
        """A unit in the page's language."""
        return Language(self.lang).unit(text)

    def named(self, name: str, name_zh: str) -> str:
        """A plant's name in the page's language, as far as it has one."""
        if self.lang == "both" and name_zh:
            return f"{name} {name_zh}"
        return name_zh if self.lang == "zh" and name_zh else name
