"""Titles, headings, labels, sentences and values in English, Chinese or both, from one table: labels.csv.

A row is English and Chinese. English with `{}` stands for a family of texts ("Flow from {}"); the Chinese repeats
the captured parts in the same order. The most specific family that matches is used. A row with a `key` is found by it:

* a plain key (`captured`) is a word of the page;
* `value:KIND:ID` is a value of a column, such as `value:province:Hebei`, found by its id or its English text;
* `key:NAME` is the meaning of a scenario key, such as `key:budget.total_mn`; `key:funds.*.kind` is that of any fund.

Texts without a row stay English. Plant names, figures and formulas are never looked up.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from types import MappingProxyType

from ccs_model.errors import InputError, Issue

LANGUAGES = ("en", "zh", "both")
# Columns of labels, by sheet. Other cells hold values (see VALUE_COLUMNS), names, data, or words that formulas compare.
LABEL_COLUMNS = frozenset(
    {
        ("Cover", "figure"), ("Cover", "unit"), ("Cover", "item"), ("Cover", "note"), ("Cover", "value"),
        ("Changes", "figure"), ("Changes", "unit"),
        ("MACC", "figure"), ("MACC", "unit"),
        ("Sources", "amount"), ("Sources", "unit"),
        ("Cover", "holds"), ("Cover", "kind"), ("Cover", "meaning"), ("Summary", "figure"), ("Summary", "meaning"),
        ("Summary", "item"), ("Summary", "side"), ("Summary", "stakeholder"), ("Summary", "unit"),
        ("Series", "series"), ("Series", "unit"), ("CashFlow", "item"), ("CashFlow", "unit"),
        ("Inputs", "meaning"), ("Inputs", "unit"), ("Economics", "covers"), ("Calibration", "question"),
        ("Calibration", "parameter"), ("Calibration", "verdict"), ("Series", "note"), ("CashFlow", "note"),
        ("Inputs", "what"), ("Checks", "name"), ("Checks", "of"),
        ("RunLog", "item"), ("RunLog", "unit"), ("RunLog", "meaning"), ("Plants", "reason"), ("Plants", "why"),
        ("Plants", "change"), ("Retrofits", "reason"), ("Retrofits", "change"), ("Storage", "limit"),
        ("Uncertainty", "mode"), ("Uncertainty", "measure"), ("Uncertainty", "multiplies"),
        ("Assumptions", "statement"), ("Assumptions", "why"), ("Assumptions", "effect_if_wrong"),
        ("Assumptions", "note"), ("Frontier", "change"),
    }
)  # fmt: skip
# Columns of labels joined by commas.
_LISTS = frozenset({("Assumptions", "what")})
# Columns of sentences whose clauses are translated one by one.
_OF_CLAUSES = frozenset({("Frontier", "text")})
# Kinds of the `value:` rows of a column, on every sheet but those of data.
VALUE_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "province": ("province",), "zone": ("zone", "province"), "grid": ("grid", "province"),
        "place": ("grid", "province", "origin"), "sector": ("sector",), "product": ("product",), "stream": ("stream",),
        "technology": ("technology",), "heat_source": ("heat_source",), "fuel": ("fuel",), "feedstock": ("fuel",),
        "gasifier": ("gasifier",), "grade": ("grade",), "size": ("size",), "pipe": ("pipe",), "kind": ("kind",),
        "status": ("status",), "quality": ("quality",), "basin": ("basin",), "site": ("site",),
        "name": ("site", "technology_name", "sector_name"), "sectors": ("sector",), "provinces": ("province",),
        "streams": ("stream",), "reservoir_class": ("reservoir_class",),
        "from_name": ("site",), "to_name": ("site",), "facility_name": ("site",), "measure": ("measure",),
        "compressor": ("compressor",), "profile": ("profile",), "distribution": ("distribution",), "input": ("input",),
        "reference": ("origin",), "quantity": ("quantity",), "verdict": ("verdict",), "held_out": ("verdict",),
        "answer": ("evidence",), "move": ("move",), "truck": ("pipe",),
        "retrofits": ("stream", "technology", "size", "site"),
        "before": ("stream", "technology"), "after": ("stream", "technology"),
        "is_candidate": ("yes_no",), "is_extrapolated": ("yes_no",), "is_offered": ("yes_no",),
        "is_capturable": ("yes_no",), "needs_coke_ovens": ("yes_no",), "is_planned": ("yes_no",),
        "is_no_regret": ("yes_no",), "is_scenario": ("yes_no",), "n_plants_in_reach": ("yes_no",),
        "group": ("province", "sector"), "constraint": ("constraint",), "claim": ("constraint",),
    }
)  # fmt: skip
_VALUE_COLUMNS_OF_SHEETS = MappingProxyType({("Summary", "measure"): ("target_measure",)})
# Cells that formulas compare, and ids that users type.
_AS_THEY_ARE = frozenset({("CashFlow", "kind"), ("CashFlow", "item"), ("MACC", "in_plan"), ("Storage", "site")})
# Columns whose ids are words without underscores on the sheets of a plan; sheets of tables keep what users type.
_IDS_AS_WORDS = frozenset(("sector", "stream", "technology", "heat_source", "product", "retrofits", "before", "after"))
_PLAN_SHEETS = frozenset(("Plants", "Transport", "Retrofits", "Economics", "MACC", "Changes"))
_DATA_SHEETS = frozenset({"Data", "Sources"})
# Units within a list of retrofits.
_UNITS = MappingProxyType({"kt/y": "千吨/年"})
# Columns of several values in one cell, with the separators between them.
_RETROFITS = re.compile("( → |; |: |, | )")
_ITEMS = re.compile("(; ?|, )")
_JOINED = MappingProxyType(
    dict.fromkeys(("retrofits", "before", "after", "pipe"), _RETROFITS)
    | dict.fromkeys(("sectors", "provinces", "streams"), _ITEMS)
)
# Not after an abbreviation of a name or a citation.
_SENTENCES = re.compile(r"(?<=[.!?])(?<!\bal\.)(?<!\bCo\.)(?<!\bNo\.)(?<!\bSt\.)\s+(?=[A-Z0-9])")
# What stands before a sentence that has a family of its own.
_LEAD = "Notice on own tables:"


# Words between the numbers of a part of a sentence, and a zone with the result of its check.
_AMOUNTS = (
    (re.compile(r"(?<=\d) million (?=[A-Z]{3}\b)"), " 百万 "),
    (re.compile(r"(?<=\d) per t$"), "/吨"),
    (re.compile(r"(?<=\d) to (?=\d)"), " 至 "),
    (re.compile(r"(?<=\d)(?:st|nd|rd|th)$"), ""),
    (re.compile(r"(?<=\d)(%| kt/y| kt) for (\S+) \(([^)]+)\)(?: and )?"), r"\1（\2，现为 \3）；"),
    (re.compile("；$"), ""),
    (re.compile(r"(?<=\d) kt/y at (\S+) in (\d{4})$"), r" 千吨/年，场地 \1，\2 年"),
    (re.compile(r"(?<=\d) kt at "), " 千吨，场地 "),
    (re.compile(r"^(\d+%) of it may be filled$"), r"可填充 \1"),
    (re.compile(r"(?<=\d) kt in place of ([\d,]+) kt"), r" 千吨，原为 \1 千吨"),
    (re.compile(r"(?<=\d) in place of "), "，原为 "),
    (re.compile(r"^([\d,]+) in the period from (\d+) instead of ([\d,]+)$"), r"\2 年起的时期 \1 项（现为 \3 项）"),
    (re.compile(r"^(\S+) of (\d{4})$"), r"\1（\2 年）"),
    (re.compile(r"\bbounds of (\w+)"), r"\1 的界限"),
    (re.compile(r"\bdomain of (\w+)"), r"\1 的取值类型"),
    (re.compile(r" \(([\d.]+%)\)$"), r"（\1）"),
    (re.compile(r"(?<=\d) (?:kt/y|kt a year)\b"), " 千吨/年"),
    (re.compile(r"(?<=\d) kt\b"), " 千吨"),
    (re.compile(r"(?<=[A-Z]{3}) a year$"), "/年"),
    (re.compile(r"(?<= \d{4}) a year$"), "/年"),
    (re.compile(r"(?<=\d) million$"), " 百万"),
    (re.compile(r" \(([\d,]+) km, ([\d,]+) km apart\)"), r"（\1 千米，直线 \2 千米）"),
    (re.compile(r"shipped \+ "), "随附数据 + "),
    (re.compile(r"(?<=\d) rows? overridden\b"), " 行被替换"),
    (re.compile(r"(?<=\d) other rows? of later years left out\b"), " 行后续年份的数据不采用"),
    (re.compile(r"(?<=\d) other rows? of the same (\w+) left out\b"), r" 行同一 \1 的数据不采用"),
    (re.compile(r"(?<=\d) added\b"), " 行新增"),
    (re.compile(r"(?<=\d) oil fields? of "), " 个油田，来自 "),
    (re.compile(r"(?<=\d) rows?\b"), " 行"),
    (re.compile(r"(?<=\d) places?\b"), " 处"),
    (re.compile(r"(?<=\d) cells\b"), " 个栅格"),
)
_PRICE_PATH = re.compile(r"([\d,]+) at first, ([\d,]+) at last, (.+) per t")
# What closes a list of names or an amount; the first field is a part itself.
_TAILS = (
    (re.compile(r"(.+) and ([0-9,]+) more"), "{}，另 {} 项"),
    (re.compile(r"(.+) over the horizon, discounted"), "{}（规划期累计现值）"),
    (re.compile(r"(.+) over the horizon"), "{}（规划期内）"),
)
# Forms of a part, or of an item of a list; their fields are parts themselves.
_FORMS = (
    (re.compile(r"(.+) with an invisible character \((.+)\)"), "{}（含不可见字符 {}）"),
    (re.compile(r"(.+) with the (\w+) letter (\S+) \((.+)\)"), "{}（含{}字母 {}，{}）"),
    (re.compile(r"(.+) with characters of another width"), "{}（含其他宽度的字符）"),
    (re.compile(r"([^:]+): ([\d.,]+ million [A-Z]{3})"), "{}：{}"),
    (re.compile(r"(.+) by (\d{4}): ([\d,]+) kt/y of nameplate instead of ([\d,]+)"),
     "{}：截至 {} 年设计能力 {} 千吨/年（现为 {}）"),
    (re.compile(r"(.+) and (.+ \(\S+, [\d.]+ km\))"), "{} 与 {}"),
    (re.compile(r"(targets\.\S+) and (targets\..+)"), "{} 与 {}"),
    (re.compile(r"limit (\S+), shortfall (\S+)"), "限值 {}，差额 {}"),
    (re.compile(r"(\[.+\]) limit (\S+), shortfall (\S+)"), "{} 限值 {}，差额 {}"),
)  # fmt: skip
# A group with its members, such as `Hebei (a, b)`, or a name with its country.
_GROUPED = re.compile(r"([^()]+) \(([^()]+)\)")
_COMMAS = re.compile(r", (?![^()\[\]]*[)\]])")
_ZONE_RESULT = re.compile(r"(.+) (consistent|outside its band)")


@dataclass(frozen=True)
class Labels:
    """The table: exact texts, families, words of the page by key, values by kind, meanings of scenario keys."""

    exact: Mapping[str, str]
    families: Mapping[str, tuple[tuple[re.Pattern[str], str], ...]]
    keyed: Mapping[str, tuple[str, str]]
    values: Mapping[str, Mapping[str, str]]
    meanings: Mapping[str, str]


@cache
def labels() -> Labels:
    """The table, read once."""
    text = resources.files("ccs_model.report").joinpath("labels.csv").read_text(encoding="utf-8")
    exact: dict[str, str] = {}
    families: dict[str, list[tuple[str, str]]] = {}
    keyed: dict[str, tuple[str, str]] = {}
    values: dict[str, dict[str, str]] = {}
    meanings: dict[str, str] = {}
    for row in csv.DictReader(io.StringIO(text)):
        key, english, chinese = row["key"], row["english"], row["chinese"]
        if key.startswith("value:"):
            _, kind, name = key.split(":", 2)
            values.setdefault(kind, {}).setdefault(english, chinese)
            values[kind][name] = chinese
        elif key.startswith("key:"):
            meanings[key.removeprefix("key:")] = chinese
        elif key:
            keyed[key] = english, chinese
        elif "{}" in english:
            families.setdefault(_start(english), []).append((english, chinese))
        else:
            exact[english] = chinese
    # The family with most fixed letters is the most specific one.
    ordered = {
        start: sorted(found, key=lambda each: -len(each[0].replace("{}", ""))) for start, found in families.items()
    }
    patterns = {
        start: tuple(
            (re.compile("(.+?)".join(map(re.escape, english.split("{}")))), chinese) for english, chinese in found
        )
        for start, found in ordered.items()
    }
    return Labels(exact, patterns, keyed, values, meanings)


def _start(text: str) -> str:
    """The first letter of a family, by which it is found; empty if it starts with a field."""
    return "" if text.startswith("{}") else text[:1]


# An amount of Chinese money, with its price year and what it is per.
_YUAN = re.compile(r"(百万|million)? ?CNY(?: ([0-9]{4}))?(/\([^)]*\)|/\w+)?")
# A later amount of the same sentence, whose English text leaves the currency out.
_BARE_MILLIONS = re.compile(r"(?<=[0-9] )百万(?![吨元]| [A-Z]{3}\b)")
_OTHER_MONEY = re.compile(r"百万 [A-Z]{3}\b")
_HALF_WIDTH = str.maketrans({"（": " (", "）": ")"})
_PER = MappingProxyType({"/t": "/吨", "/y": "/年", "/bbl": "/桶"})


def _yuan(found: re.Match[str]) -> str:
    millions, year, per = found.groups(default="")
    space = " " if found.start() and found.string[found.start() - 1].isdigit() else ""
    return f"{space}{'百万' if millions else ''}元{_PER.get(per, per)}{f'（{year}年价）' if year else ''}"


def yuan_text(text: str) -> str:
    """Chinese text with `百万 CNY 2024/年` as `百万元/年（2024年价）`; other currencies keep their codes.

    Further amounts in `百万` are in yuan too, unless the text names another currency.
    """
    if "CNY" not in text:
        return text
    found = _YUAN.sub(_yuan, text)
    return found if _OTHER_MONEY.search(found) else _BARE_MILLIONS.sub("百万元", found)


@lru_cache(maxsize=8192)
def chinese_text(text: str) -> str | None:
    """The Chinese text of the table, or None."""
    table = labels()
    if text in table.exact:
        return table.exact[text]
    for pattern, translated in (*table.families.get(text[:1], ()), *table.families.get("", ())):
        if found := pattern.fullmatch(text):
            return yuan_text(translated.format(*(_part(part, table) for part in found.groups())))
    return None


def _known_term(text: str, table: Labels) -> str | None:
    """A text of the table, or a province, sector, constraint or status."""
    values, name = table.values, text.replace(" ", "_")
    return (
        table.exact.get(text)
        or values["province"].get(text)
        or values["sector"].get(name)
        or values["constraint"].get(name)
        or values["status"].get(text)
    )


def _part(text: str, table: Labels) -> str:
    """A part of a sentence: a text of its own, a province, a list of these, or amounts."""
    if known := _known_term(text, table):
        return known
    if found := _PRICE_PATH.fullmatch(text):
        return f"初期 {found[1]}、末期 {found[2]} {found[3]}/吨"
    if found := _ZONE_RESULT.fullmatch(text):
        return f"{_part(found[1], table)}{table.exact.get(found[2], found[2])}"
    if found := _LIMITS.fullmatch(text):
        limits = "；".join(chinese_text(item) or item for item in found[1].split("; "))
        return f"{limits}，另 {found[2]} 项" if found[2] else limits
    for pattern, form in _TAILS:
        if found := pattern.fullmatch(text):
            return form.format(_part(found[1], table), *found.groups()[1:])
    if "; " in text:
        items = [chinese_text(item) or _part(item, table) for item in text.split("; ")]
        return "；".join(items) if items != text.split("; ") else text
    for pattern, form in _FORMS:
        if found := pattern.fullmatch(text):
            return form.format(*(_part(part, table) for part in found.groups()))
    if found := _GROUPED.fullmatch(text):
        if group := _known_term(found[1], table):
            return f"{group}（{_part(found[2], table)}）"
        if country := table.values["province"].get(found[2]):
            return f"{found[1]}（{country}）"
    if len(parts := _COMMAS.split(text)) > 1:
        items = [_part(item, table) for item in parts]
        return "、".join(items) if items != parts else text
    for english, chinese_form in _AMOUNTS:
        text = english.sub(chinese_form, text)
    return text


# Limits that bind beside the budget, and how many more.
_LIMITS = re.compile(
    "((?:cumulative budget to|province budget of|ceiling of fund|deployment ceiling of|limit on new retrofits from"
    "|capacity of site) .+?)(?: and ([0-9]+) more)?"
)
# A stream of one furnace, such as `hot_stoves U100000140173`; a hub, and a number of further places.
_OF_UNIT = re.compile(r"(.+) (\S*[0-9]\S*)")
_PLACES = (
    (re.compile(r"(.+) and ([0-9]+) more"), r"\1等（另 \2 处）"),
    (re.compile(r"hub by (.+)"), r"\1附近的枢纽"),
    (re.compile(r"hub (.+)"), r"枢纽 \1"),
    (re.compile(r"junction (.+)"), r"节点 \1"),
)
_PLACE_COLUMNS = frozenset(("from_name", "to_name", "facility_name"))


def chinese_value(text: str, kinds: tuple[str, ...]) -> str | None:
    """The value in Chinese from the first kind that has it, or None."""
    values = labels().values
    for kind in kinds:
        known = values.get(kind, {})
        if text in known:
            return known[text]
        if kind == "stream" and (found := _OF_UNIT.fullmatch(text)) and found[1] in known:
            return f"{known[found[1]]} {found[2]}"
    return None


def _chinese_place(text: str) -> str | None:
    """A hub or a group of places in Chinese, the names as they are; None for a name alone."""
    translated = text
    for english, chinese_form in _PLACES:
        if found := english.fullmatch(translated):
            translated = found.expand(chinese_form)
    return None if translated == text else translated


@dataclass(frozen=True)
class Language:
    """Texts in English (`en`), in Chinese (`zh`), or side by side (`both`)."""

    lang: str = "en"

    def __post_init__(self) -> None:
        """Raise InputError for another language."""
        if self.lang not in LANGUAGES:
            raise InputError([Issue("lang", f"'{self.lang}' is unknown", f"one of {', '.join(LANGUAGES)}")])

    def label(self, text: str) -> str:
        """A title, heading or label."""
        return self.choose_text(text, None if self.lang == "en" or not text else chinese_text(text))

    def sheet_heading(self, sheet: str, text: str) -> str:
        """A heading of a table, which may have a meaning of its own on a sheet: `Storage: Capacity` in the table."""
        own = None if self.lang == "en" else labels().exact.get(f"{sheet}: {text}")
        return self.label(text) if own is None else self.choose_text(text, own)

    def value(self, text: str, *kinds: str) -> str:
        """A value of one of these kinds, such as a province."""
        return self.choose_text(text, None if self.lang == "en" or not text else chinese_value(text, kinds))

    def cell(self, sheet: str, column: str, text: str) -> str:
        """The text of a cell: a label, a value, or the text itself; ids of a plan's sheets as words."""
        words = text.replace("_", " ") if sheet in _PLAN_SHEETS and column in _IDS_AS_WORDS else text
        if self.lang == "en" or not text:
            return words
        if (sheet, column) in LABEL_COLUMNS:
            return self.unit(text) if column == "unit" else self.label(text)
        if (sheet, column) in _OF_CLAUSES:
            return self.choose_text(text, _clauses(text))
        if (sheet, column) in _LISTS:
            return ", ".join(map(self.label, text.split(", ")))
        if sheet in _DATA_SHEETS or (sheet, column) in _AS_THEY_ARE or column not in VALUE_COLUMNS:
            return text
        kinds = _VALUE_COLUMNS_OF_SHEETS.get((sheet, column), VALUE_COLUMNS[column])
        if column in _PLACE_COLUMNS:
            parts = [chinese_value(part, kinds) or _chinese_place(part) or part for part in text.split(" → ")]
            return self.choose_text(words, " → ".join(parts))
        if column not in _JOINED or chinese_value(text, kinds):
            return self.choose_text(words, chinese_value(text, kinds))
        parts = [chinese_value(part, kinds) or _UNITS.get(part, part) for part in _JOINED[column].split(text)]
        return self.choose_text(words, "".join(parts))

    def meaning(self, key: str, english: str) -> str:
        """The meaning of a scenario key; `english` is its description in the schema."""
        # Users name their funds.
        key = re.sub(r"^funds\..+\.", "funds.*.", key)
        return self.choose_text(english, labels().meanings.get(key))

    def choose_text(self, english: str, translated: str | None) -> str:
        """The English text, the Chinese text, or both side by side."""
        if self.lang == "en" or translated is None or translated == english:
            return english
        return translated if self.lang == "zh" else f"{english} / {translated}"

    def unit(self, text: str) -> str:
        """A unit; `both` keeps the English, which is shorter than the pair."""
        # Half-width brackets: a heading breaks before them rather than within.
        return yuan_text(chinese_text(text) or text).translate(_HALF_WIDTH) if self.lang == "zh" and text else text

    def sentence(self, text: str) -> str:
        """Running text, translated sentence by sentence; with `both` the Chinese follows on the next line."""
        if self.lang == "en" or not text:
            return text
        translated = _running_text(text)
        if translated is None:
            return text
        translated = without_chinese_spaces(translated)
        return translated if self.lang == "zh" else f"{text}\n{translated}"


# Chinese text has no spaces between its characters and beside its punctuation.
_CHINESE_SPACE = re.compile(r"(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])|(?<=[，。；：、）]) | (?=[，。；：、（])")


def without_chinese_spaces(text: str) -> str:
    """Return a text without spaces within Chinese, as templates leave them beside a Chinese name or unit."""
    return _CHINESE_SPACE.sub("", text)


def _running_text(text: str) -> str | None:
    """Running text in Chinese, sentence by sentence; None if no sentence has a row."""
    if whole := labels().exact.get(text):
        return whole
    if text.startswith(f"{_LEAD} ") and (notice := _running_text(text.removeprefix(f"{_LEAD} "))):
        return f"{labels().exact[_LEAD]}{notice}"
    # Each sentence is looked up separately, because the last field of a family could match several sentences.
    parts = _SENTENCES.split(text)
    found = [chinese_text(each) for each in parts]
    return _join_sentences([each or part for each, part in zip(found, parts, strict=True)]) if any(found) else None


def _clauses(text: str) -> str | None:
    """A sentence of clauses with families of their own in Chinese; None if no clause has a row."""
    clauses = text.rstrip(".").split("; ")
    found = [chinese_text(f"{clause}.") for clause in clauses]
    if not any(found):
        return None
    return "；".join((each or clause).rstrip("。") for each, clause in zip(found, clauses, strict=True)) + "。"


def _join_sentences(parts: list[str]) -> str:
    """Sentences joined without a space after a Chinese full stop."""
    out = ""
    for part in parts:
        out += part if not out or out.endswith(("。", "；", "！", "？")) else f" {part}"
    return out
