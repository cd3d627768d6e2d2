"""HTML fragments of the page: templates, tables, charts, numbers as text, and words in the page's language.

Templates escape every value; data in script elements passes through `as_data`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ccs_model.report.language import Language, chinese_value, labels
from ccs_model.units import unit_of

# Characters that could end a script element or break a line of JavaScript, as JSON escapes.
_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
# Columns of long texts, which are wider than columns of codes.
_LONG = ("name", "item")
# A longer table scrolls on the screen; printed, it is complete.
_MOST_ROWS = 40


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("ccs_model.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **values: Any) -> Markup:
    """Return a template of the page filled with values."""
    return Markup(_environment().get_template(f"{template}.html").render(values))


def section(title: str, *parts: Markup, css: str = "") -> Markup:
    """Return a heading and its parts, inside a block of a CSS class if one is given."""
    return render("section", title=title, parts=parts, css=css)


def paragraph(text: str, css: str = "") -> Markup:
    """Return a paragraph."""
    return render("paragraph", text=text, css=css)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name : str
        Name of the values; a unit suffix makes them numbers.
    heading, unit : str
        Heading, and the unit below it.
    digits : int, optional
        Decimal places; makes the values numbers.
    """

    name: str
    heading: str
    unit: str = ""
    digits: int | None = None

    @property
    def is_number(self) -> bool:
        """Whether the values are numbers, which are aligned right."""
        return self.digits is not None or unit_of(self.name) is not None

    @property
    def css(self) -> str:
        """CSS class of the cells."""
        return "n" if self.is_number else "t" if self.name in _LONG else ""

    def text(self, value: Any) -> str:
        """Return a value as shown in a cell."""
        if not self.is_number:
            return "" if value is None else str(value)
        return percent(value) if self.name.endswith("_share") else number(value, self.digits or 0)


def as_data(value: Any) -> Markup:
    """Return JSON for a script element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign, escape in _ESCAPED.items():
        text = text.replace(sign, escape)
    return Markup(text)


def number(value: Any, digits: int = 0) -> str:
    """Return a number with thousands separators, or a dash for a missing one; never `-0`."""
    if value is None or value == "" or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    shown = f"{float(value):,.{digits}f}"
    return shown.lstrip("-") if float(shown.replace(",", "")) == 0 else shown.replace("-", "−")


def percent(value: Any, digits: int = 1) -> str:
    """Return a share as a percentage."""
    return "–" if number(value) == "–" else f"{number(100 * float(value), digits)} %"


def table(
    columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], label: str, *, has_total: bool = False
) -> Markup:
    """Return a table, which scrolls sideways on a narrow screen; the last row may be a total."""
    is_long = len(rows) > _MOST_ROWS
    return render("table", columns=columns, rows=rows, label=label, is_long=is_long, has_total=has_total)


def figure(name: str, spec: Mapping[str, Any], caption: str = "", css: str = "") -> Markup:
    """Return a chart with its data and a description for screen readers."""
    return render("figure", name=name, description=spec["description"], caption=caption, css=css, data=as_data(spec))


@dataclass(frozen=True)
class Words:
    """Words of the page in English (`en`), in Chinese (`zh`), or side by side (`both`)."""

    lang: str

    def __call__(self, key: str) -> str:
        """Return the word with a key in labels.csv."""
        english, chinese = labels().keyed[key]
        return self._shown(english, chinese)

    def _shown(self, english: str, chinese: str | None) -> str:
        if self.lang == "en" or chinese is None or chinese == english:
            return english
        return chinese if self.lang == "zh" else f"{english} / {chinese}"

    @property
    def tag(self) -> str:
        """Language tag of the HTML element."""
        return "zh-CN" if self.lang == "zh" else "en"

    @property
    def stop(self) -> str:
        """Full stop between two sentences."""
        return "。" if self.lang == "zh" else ". "

    def known(self, text: str, *kinds: str) -> str:
        """Return a keyed word, or else an identifier without underscores, as a value of one of these kinds."""
        if text in labels().keyed:
            return self(text)
        spaced = text.replace("_", " ")
        translated = chinese_value(text, kinds) or chinese_value(spaced, kinds)
        return self._shown(spaced, translated) if translated else self.label(spaced)

    def value(self, text: str, *kinds: str) -> str:
        """Return a value of one of these kinds, such as a province."""
        return Language(self.lang).value(text, *kinds)

    def message(self, text: str) -> str:
        """Return a sentence."""
        return Language(self.lang).sentence(text)

    def label(self, text: str) -> str:
        """Return a heading or label."""
        return Language(self.lang).label(text)

    def unit(self, text: str) -> str:
        """Return a unit."""
        return Language(self.lang).unit(text)

    def named(self, name: str, name_zh: str) -> str:
        """Return a plant's name; without a Chinese name the given one."""
        if self.lang == "both" and name_zh:
            return f"{name} {name_zh}"
        return name_zh if self.lang == "zh" and name_zh else name
