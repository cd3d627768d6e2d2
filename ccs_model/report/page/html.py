"""HTML fragments of the page: templates, tables, charts, numbers as text, and words in the page's language.

Templates escape every value; data in script elements passes through `as_data`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ccs_model.report.language import Language, chinese_value, labels, without_chinese_spaces
from ccs_model.units import share_digits, unit_of

# Characters that could end a script element or break a line of JavaScript, as JSON escapes.
_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
# Columns of long texts, which are wider than columns of codes.
_LONG = ("name", "item")
# Words of labels.csv that head columns and tooltips of other names.
_WORD_OF = {
    "name": "plant", "shown": "plant", "sector_name": "sector", "start": "year", "captured_ktpa": "captured",
    "avoided_ktpa": "avoided", "baseline_ktpa": "baseline", "injected_ktpa": "injected", "flow_ktpa": "flow",
    "capacity_kt": "capacity", "length_km": "length", "capex_mn": "capex", "spending_mn": "spending",
    "benefits_mn": "benefits", "costs_mn": "costs", "npv_mn": "npv", "avoidance_cost_per_t": "avoidance_cost",
    "avoidance_cost_at_full_load_per_t": "avoidance_cost_at_full_load",
    "avoided_at_full_load_ktpa": "avoided_at_full_load",
    "break_even_carbon_price_per_t": "break_even", "project_irr_share": "irr", "payback_yr": "payback",
    "public_money_mn": "public_money",
    "abatement_share": "abatement", "on_site_abatement_share": "on_site_abatement",
    "storage_cost_per_t": "storage_cost", "built_year": "year", "stored_kt": "stored", "diameter_mm": "diameter",
    "uncalibrated_abatement_share": "as_designed", "reported_abatement_share": "as_reported",
}  # fmt: skip
# A hyphen before a number is a minus; a number and its percent sign stay on one line.
_HYPHEN = re.compile(r"(?<![\w-])-(?=[0-9])")
_PERCENT = re.compile(r"(?<=[0-9]) (?=%)")
# The stream of one furnace: its kind and the id of the furnace.
_OF_FURNACE = re.compile(r"(.+)[_ ]([A-Z]\d{6,})")
# Lengths below it have a decimal.
_SHORT_KM = 9.95
# A table with more rows shows the first ones until the reader asks for all of them.
_MOST_ROWS, _FIRST_ROWS = 15, 12


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


def section(name: str, title: str, *parts: Markup) -> Markup:
    """Return a section of the page: its name for links, its heading and its parts."""
    return render("section", name=name, title=title, parts=parts)


def paragraph(text: str, css: str = "") -> Markup:
    """Return a paragraph."""
    return render("paragraph", text=text, css=css)


class ByPeriod(tuple[Any, ...]):
    """A value of each period; the page shows the one of the period that is selected."""

    __slots__ = ()


@dataclass(frozen=True)
class PageColumn:
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
        """Return a value as shown in a cell; of values by period the last."""
        if isinstance(value, ByPeriod):
            return self.text(value[-1])
        if not self.is_number:
            return "" if value is None else str(value)
        if self.name.endswith("_share"):
            return percent(value, share_digits(self.name))
        return length(value) if self.name.endswith("_km") else number(value, self.digits or 0)

    def texts(self, value: Any) -> str:
        """Return the texts of a value by period as JSON; empty for a single value."""
        if not isinstance(value, ByPeriod) or len(value) == 1:
            return ""
        return json.dumps([self.text(each) for each in value], ensure_ascii=False)


def columns_of(words: PageLanguage, *names: str | PageColumn, **keys: str) -> list[PageColumn]:
    """Return columns with their headings and units; `keys` gives the words of some."""
    return [
        each
        if isinstance(each, PageColumn)
        else PageColumn(each, words(keys[each]) if each in keys else words.heading(each), words.unit_of(each))
        for each in names
    ]


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


def length(value: Any) -> str:
    """Return a length in km, below 10 km with one decimal."""
    return number(value, 1 if number(value) != "–" and 0 < float(value) < _SHORT_KM else 0)


def _typeset(text: str) -> str:
    """Return a text with minus signs, without line ends before a percent sign and spaces within Chinese."""
    return without_chinese_spaces(_PERCENT.sub("\u00a0", _HYPHEN.sub("−", text)))


def percent(value: Any, digits: int = 1) -> str:
    """Return a share as a percentage."""
    return "–" if number(value) == "–" else f"{number(100 * float(value), digits)}\u00a0%"


def table(
    name: str,
    columns: Sequence[PageColumn],
    rows: Sequence[Mapping[str, Any]],
    words: PageLanguage,
    label: str,
    *,
    has_total: bool = False,
    n_rows: int | None = None,
) -> Markup:
    """Return a table that can be sorted, searched and saved as CSV; the last row may be a total.

    `n_rows` is the largest number of rows that the table will have, if its rows are replaced.
    A row with `from_period` is shown from that period on; one with `of_period` is marked in its period.
    """
    body, total = (rows[:-1], rows[-1]) if has_total else (rows, None)
    n_rows = len(body) if n_rows is None else n_rows
    return render(
        "table", name=name, columns=columns, rows=body, total=total, label=label, words=words,
        n_rows=n_rows, first_rows=_FIRST_ROWS if n_rows > _MOST_ROWS else 0,
    )  # fmt: skip


def figure(name: str, chart: Any, words: PageLanguage, *, source: str, title: str = "", caption: str = "") -> Markup:
    """Return a chart with its message as title, its data, a source line and a description for screen readers.

    Without a title the description of the chart is its title.
    """
    spec = chart.to_dict()
    return render(
        "figure",
        name=name,
        description=spec["description"],
        title=words.sentence(title) if title else spec["description"],
        caption=words.sentence(caption),
        gap="" if words.lang == "zh" else " ",
        source=words.sentence(f"Source: {source} of this run."),
        data=as_data(spec),
    )


@dataclass(frozen=True)
class PageLanguage(Language):
    """Words of the page in English (`en`), in Chinese (`zh`), or side by side (`both`); `money` as in StoredRun."""

    money: str = ""

    def __call__(self, key: str) -> str:
        """Return the word with a key in labels.csv."""
        return self.choose_text(*labels().keyed[key])

    @property
    def millions(self) -> str:
        """Unit of amounts of money."""
        return self.unit(f"million {self.money}")

    def heading(self, name: str) -> str:
        """Return the heading of a column."""
        return self(_WORD_OF.get(name, name))

    def unit_of(self, name: str) -> str:
        """Return the unit of a column of tonnes, money, lengths or years; empty for others."""
        if name.endswith("_per_t"):
            return self.unit(f"{self.money}/t")
        suffix = name.rpartition("_")[2]
        english = {"ktpa": "kt/y", "kt": "kt", "mn": f"million {self.money}"}.get(suffix, "")
        return {"km": "km", "mm": "mm", "yr": self("years_unit")}.get(suffix) or self.unit(english)

    def title(self, name: str, key: str = "") -> str:
        """Return the heading of a column, or another word, with the unit of the column."""
        heading, unit = self(key) if key else self.heading(name), self.unit_of(name)
        return f"{heading}{self.comma}{unit}" if unit else heading

    @property
    def tag(self) -> str:
        """Language tag of the HTML element."""
        return "zh-CN" if self.lang == "zh" else "en"

    @property
    def stop(self) -> str:
        """Full stop between two sentences."""
        return "。" if self.lang == "zh" else ". "

    @property
    def comma(self) -> str:
        """Comma between two words."""
        return "，" if self.lang == "zh" else ", "

    @property
    def semicolon(self) -> str:
        """Semicolon between two parts of a sentence."""
        return "；" if self.lang == "zh" else "; "

    def with_unit(self, unit: str, text: str) -> str:
        """Return a quantity and its unit in the order of the language."""
        return f"{text}{self.comma}{unit}" if self.lang == "zh" else f"{unit} {text}"

    def add_brackets(self, text: str) -> str:
        """Return a text in brackets, to follow a word."""
        return f"（{text}）" if self.lang == "zh" else f" ({text})"

    @property
    def colon(self) -> str:
        """Colon between two words."""
        return "：" if self.lang == "zh" else ": "

    def sentence(self, text: str) -> str:
        """Return a sentence in the language of the page, with the minus sign of its tables."""
        return _typeset(super().sentence(text))

    def label(self, text: str) -> str:
        """Return a title, heading or label."""
        return _typeset(super().label(text))

    def translate_identifier(self, text: str, *kinds: str) -> str:
        """Return a keyed word, or else an identifier without underscores, as a value of one of these kinds."""
        if text in labels().keyed:
            return self(text)
        if found := _OF_FURNACE.fullmatch(text):
            return f"{self.translate_identifier(found[1], *kinds)} {found[2]}"
        spaced = text.replace("_", " ")
        translated = chinese_value(text, kinds) or chinese_value(spaced, kinds)
        return self.choose_text(spaced, translated) if translated else self.label(spaced)

    def plant_name(self, name: str, name_zh: str) -> str:
        """Return a plant's name; without a Chinese name the given one."""
        if self.lang == "both" and name_zh:
            return f"{name} {name_zh}"
        return name_zh if self.lang == "zh" and name_zh else name
