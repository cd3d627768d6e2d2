"""Errors in the values of a scenario, by key, in plain words instead of those of pydantic; spelling of names.

Readers of files add the line and column of each error. Names in tables and scenarios are compared in their
`visible_form`, so that a difference that no reader sees decides nothing. Unicode Technical Standard 39 describes the
method; the table of letters here holds the Cyrillic and Greek letters that have the shape of a Latin one.
"""

from __future__ import annotations

import difflib
import math
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, replace

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from ccs_model.scenario.upgrade import HINT, is_match, renamed_key, renamed_value

# The search for similar words takes time, so a file with many unknown keys has hints for the first ones only.
MOST_HINTS = 500

_FULL_WIDTH = str.maketrans({"：": ": ", "，": ", ", "［": "[", "］": "]", "｛": "{", "｝": "}", "、": ", "})


def unknown_key(path: tuple[str, ...], known: tuple[str, ...], n_before: int = 0) -> tuple[str, str]:
    """Message and hint for the unknown key at `path`: where it belongs, or the most similar of the `known` dotted keys.

    There is no hint after MOST_HINTS unknown keys, of which `n_before` came before.
    """
    if n_before >= MOST_HINTS:
        return "unknown key", ""
    level = path[:-1]
    homes = {_leaf(each): each for each in sorted(known, reverse=True)}  # the first one wins
    siblings = [_leaf(each) for each in known if is_match(each, (*level, _leaf(each)))]
    name = path[-1]
    if spelt := half_width_text(name):
        return "unknown key", f"write {shown_text(spelt)} with half-width punctuation"
    # A key without its unit, or with its words in another order, is not one of another section.
    words = sorted(name.split("_"))
    meant = next((each for each in siblings if each.startswith(f"{name}_") or sorted(each.split("_")) == words), "")
    near = meant or _similar_word(name, siblings)
    if name in homes and not meant:
        home = homes[name].rpartition(".")[0]
        return "unknown key", f"'{name}' belongs {f'under {home!r}' if home else 'at the top level'}"
    if "intensity" in name and level == ("targets",):
        return "unknown key", "goals of carbon intensity are judged in tables/intensity.csv, not enforced as targets"
    if near:
        return "unknown key", f"did you mean '{near}'?"
    # A key of another section has to be nearly the same.
    far = _similar_word(name, homes, 0.8)
    if far:
        return "unknown key", f"did you mean '{homes[far]}'?"
    return "unknown key", f"known here: {', '.join(sorted(siblings))}" if siblings else "no key is expected here"


def half_width_text(text: str) -> str:
    """The text with the punctuation of YAML in place of full-width forms; "" if it has none of these."""
    spelt = text.translate(_FULL_WIDTH)
    return "" if spelt == text else " ".join(spelt.split())


def nearest_word(given: object, allowed: Iterable[str]) -> str:
    """Hint that names the allowed word most similar to the given one, or ""."""
    if not isinstance(given, str):
        return ""
    near = _similar_word(given, allowed) or next((each for each in allowed if each in given.casefold().split()), "")
    return f"did you mean '{near}'?" if near else ""


# Beginnings of words for the quantity of an objective, and for its direction where no quantity is named.
_QUANTITIES: Mapping[str, tuple[str, ...]] = {
    "max_net_benefit": ("benefit", "welfare", "soci"),
    "max_npv": ("npv", "profit", "value", "return", "earn", "revenue", "income"),
    "min_cost": ("cost", "cheap", "expen", "spend", "capex"),
    "max_abatement": ("abate", "avoid", "captur", "reduc", "emission", "co2", "carbon", "tonne", "mitigat"),
}
_DIRECTIONS: Mapping[str, tuple[str, ...]] = {
    "min_cost": ("min", "least", "low"),
    "max_abatement": ("max", "most", "high"),
}


def _objective_hint(given: str, allowed: Sequence[str]) -> str:
    """Hint that names the objective that is meant: by a quantity that is named, the spelling, then parts of words."""
    words = re.findall("[a-z0-9]+", given[:_LONGEST_SHOWN].casefold())
    by_quantity = [name for name, starts in _QUANTITIES.items() if any(word.startswith(starts) for word in words)]
    by_direction = [
        name for name, starts in _DIRECTIONS.items() if words and all(word.startswith(starts) for word in words)
    ]
    named = [name for name, starts in _QUANTITIES.items() if not set(words).isdisjoint(starts)]
    near = next(iter(named), "") or _similar_word(given, allowed, 0.8) or next(iter((*by_quantity, *by_direction)), "")
    return f"did you mean '{near}'?" if near else nearest_word(given, allowed)


def _similar_word(word: str, words: Iterable[str], cutoff: float = 0.6) -> str:
    return _closest_word(word, words, cutoff, _spelling)


def _closest_word(word: str, words: Iterable[str], cutoff: float, form: Callable[[str], str]) -> str:
    """The most similar of some words, compared in a form; "" if none is similar."""
    spelt = {form(each): each for each in words}
    near = difflib.get_close_matches(form(word[:80]), spelt, 1, cutoff)
    return spelt[near[0]] if near else ""


def _spelling(word: str) -> str:
    return visible_form(word.replace("-", "_").replace(" ", "_"))


def _leaf(key: str) -> str:
    return key.rpartition(".")[2]


# Unquoted words follow YAML 1.2 with fewer surprises: NO, on, off and 12:30:00 are text, 5e9 and 12_000 are numbers,
# and an integer that starts with 0 is an error, because some programs read it as octal.

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*(_[0-9]+)*)")
_DECIMAL = re.compile(r"[-+]?([0-9]+(_[0-9]+)*(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
_PERCENT = re.compile(r"([-+]?[0-9]+(\.[0-9]+)?) ?%")
# Also 12,00,000: twelve lakh.
_GROUPED = r"[-+]?[0-9]{1,3}(?:(?:,[0-9]{3})+|(?:,[0-9]{2})+,[0-9]{3})(?:\.[0-9]+)?"
_THOUSANDS = re.compile(_GROUPED)
_AMOUNT = re.compile(
    rf"(?:₹|Rs\.?|[A-Z]{{3}})? ?({_GROUPED}|[-+]?[0-9]+(?:\.[0-9]+)?) ?([^\d\s.,]+(?: crores?)?)(?: [A-Z]{{3}})?", re.I
)
_MILLIONS = {
    **dict.fromkeys(("trillion", "tn", "万亿", "lakh crore"), 1e6), **dict.fromkeys(("billion", "bn", "十亿"), 1e3),
    "亿": 1e2, **dict.fromkeys(("crore", "cr"), 10.0), **dict.fromkeys(("million", "mn", "m", "百万"), 1.0),
    **dict.fromkeys(("lakh", "lac"), 0.1), "万": 0.01,
}  # fmt: skip
_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_OLD_TRUTHS = frozenset(("on", "off", "yes", "no", "y", "n", "true", "false"))
_LONGEST_NUMBER = 300  # digits; Python limits the length of integers it reads
_LONGEST_SHOWN = 60


def has_leading_zero(word: str) -> bool:
    """Whether an unquoted word is an integer with a leading zero, like 010."""
    return _LEADING_ZERO.fullmatch(word) is not None


def is_old_truth(word: str) -> bool:
    """Whether YAML 1.1 programs read the unquoted word as true or false."""
    return word.lower() in _OLD_TRUTHS


def scalar(word: str) -> str | int | float | bool | None:
    """The value of an unquoted word."""
    if word in _WORDS:
        return _WORDS[word]
    if len(word) > _LONGEST_NUMBER or has_leading_zero(word):
        return word
    if _INTEGER.fullmatch(word):
        return int(word)
    if _DECIMAL.fullmatch(word):
        return float(word)
    return word


def shown_text(value: object) -> str:
    """Text of a value, shortened and escaped for a terminal."""
    if isinstance(value, int) and abs(value) >= 10**_LONGEST_NUMBER:
        return "a very long number"  # Python limits the length of integers it writes
    text = str(value)
    text = text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def respelling_text(text: str, name: str) -> str:
    """`'SHANXI' is read as 'Shanxi'`, with what a reader does not see of the text."""
    odd = odd_letters(text)
    return f"'{shown_text(text)}'{f' with {odd}' if odd else ''} is read as '{shown_text(name)}'"


def describe(value: object) -> str:
    """A value as the end of a message "expected …, got …"."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"text '{shown_text(value)}'"
    if isinstance(value, int | float):
        return shown_text(value)
    if isinstance(value, Mapping):
        return "keys with values"
    return "a list" if isinstance(value, tuple | list) else f"a {type(value).__name__}"


def number_hint(text: str, is_whole: bool = False) -> str:
    """Hint for a text that was meant as a number, or as a whole number."""
    text = text.strip()
    if len(text) > _LONGEST_NUMBER:
        return "expected a shorter number"
    percent = _PERCENT.fullmatch(text)
    if percent:
        return f"write {float(percent[1]) / 100:.12g}"
    if _THOUSANDS.fullmatch(text):
        return f"write {text.replace(',', '')} or {text.replace(',', '_')}"
    if has_leading_zero(text):
        return f"write {text.lstrip('+-0_') or '0'}"
    if _DECIMAL.fullmatch(text):
        return f"write {shown_text(text)} without quotes"
    return "write digits, such as 2030" if is_whole else "accepted spellings: 1000000, 1_000_000, 1e6, 0.15"


def _money_hint(text: str) -> str:
    """Hint for an amount of money in words, for a key in million; empty for another text."""
    found = _AMOUNT.fullmatch(text.strip())
    factor = _MILLIONS.get(found[2].lower().removesuffix("s")) if found else None
    return f"write {float(found[1].replace(',', '')) * factor:.12g}, in million" if found and factor else ""


KeyPath = tuple[str | int, ...]
"""Path into nested values: text for keys (including years), integers for list places."""

MISSING = "required key is missing"

_FINDINGS = "findings"
_KEY = "[key]"  # last step of pydantic's location for an error in a mapping's key
_KEY_KINDS = ("extra_forbidden", "invalid_key")
_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "finite_number": "a finite number",
    "tuple_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
}
_TEXTS = {
    "int_from_float": "expected a whole number, got {given}",
    "string_unicode": "contains an incomplete character (a lone surrogate)",
    "too_short": "expected at least {min_length} items, got {actual_length}",
    "too_long": "expected at most {max_length} items, got {n}",
    "string_too_short": "expected text, got an empty text",
    "string_too_long": "expected at most {max_length} characters, got {n}",
}
_HINTS = {"string_unicode": "remove it"}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


# Endings of keys whose values are given by year.
_BY_YEAR = ("_per_t", "_share", "cumulative_mn")


@dataclass(frozen=True)
class Finding:
    """An error at `path`, in the key if `on_key`, else in the value; `other` is a second path in the message."""

    path: KeyPath
    what: str
    hint: str = ""
    other: KeyPath | None = None
    on_key: bool = False


def dotted_key(path: KeyPath) -> str:
    """`("plants", "require", 0)` as `plants.require[0]`; the empty path as `scenario`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{shown_text(step)}" if text else shown_text(step)
    return text or "scenario"


def raise_findings(findings: Iterable[Finding]) -> None:
    """Raise the findings of a validator as one pydantic error, if there are any; paths start at the validated value."""
    if found := tuple(findings):
        raise PydanticCustomError("findings", "see the findings", {_FINDINGS: found})


def findings_of(error: ValidationError, values: Mapping[str, object], known: tuple[str, ...]) -> list[Finding]:
    """Every error of pydantic as a finding; `known` holds the dotted keys that are right."""
    findings: list[Finding] = []
    n_unknown = 0
    for detail in error.errors(include_url=False):
        path = _path(detail["loc"], values)
        if detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]:
            continue  # pydantic counts only valid items, and the invalid ones have findings of their own
        own: Sequence[Finding] = detail.get("ctx", {}).get(_FINDINGS, ())
        if own:
            findings += [
                replace(each, path=path + each.path, other=None if each.other is None else path + each.other)
                for each in own
            ]
        else:
            on_key = detail["type"] in _KEY_KINDS or detail["loc"][-1:] == (_KEY,)
            what, hint = _renaming_message(detail, path) or _message_and_hint(detail, path, known, n_unknown)
            findings.append(Finding(path, what, hint, on_key=on_key))
            n_unknown += detail["type"] in _KEY_KINDS
    return findings


def without_misspelt(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings but for missing keys whose misspelling is reported beside them."""
    meant = {
        (*each.path[:-1], *each.hint.split("'")[1:2]) for each in findings if each.hint.startswith("did you mean '")
    }
    return tuple(each for each in findings if each.what != MISSING or each.path not in meant)


def without_paths(values: Mapping[str, object], faulty: Iterable[KeyPath]) -> dict[str, object]:
    """The values without those at the `faulty` paths; a list with a faulty item is left out as a whole."""
    ends = ((path, next((n for n, step in enumerate(path) if isinstance(step, int)), len(path))) for path in faulty)
    left_out = {path[:end] for path, end in ends}

    def remove_paths(inside: object, within: KeyPath) -> object:
        if not isinstance(inside, Mapping):
            return inside
        paths = {key: (*within, str(key)) for key in inside}
        return {key: remove_paths(each, paths[key]) for key, each in inside.items() if paths[key] not in left_out}

    return {key: remove_paths(each, (key,)) for key, each in values.items() if (key,) not in left_out}


def consequences_of(faulty: Mapping[KeyPath, bool]) -> Callable[[Finding], bool]:
    """Whether a finding may follow from `faulty` values being left out: at or above them, or a known key beside.

    The faulty paths come with whether their key is unknown.
    """
    above = {path[:n] for path in faulty for n in range(len(path) + 1)}
    beside = {path[:-1] for path, on_key in faulty.items() if not on_key and len(path) > 1}

    def is_consequence(finding: Finding) -> bool:
        paths = (finding.path,) if finding.other is None else (finding.path, finding.other)
        return finding.what == MISSING or any(path in above or path[:-1] in beside for path in paths)

    return is_consequence


def _path(location: tuple[int | str, ...], values: object) -> KeyPath:
    """The path of a pydantic location; the values tell years (keys) from list places."""
    path: list[str | int] = []
    for step in location:
        if isinstance(values, Mapping):
            if step == _KEY:
                break
            path.append(str(step))
            values = values.get(step)
        elif isinstance(values, tuple) and isinstance(step, int):
            path.append(step)
            values = values[step]
        elif step != _KEY:
            path.append(step)
    return tuple(path)


def _renaming_message(detail: ErrorDetails, path: KeyPath) -> tuple[str, str] | None:
    """The new name of a key or value of format 0.1, and how to upgrade the file."""
    of_old = {"extra_forbidden": renamed_key, "literal_error": renamed_value}.get(detail["type"])
    what = of_old(".".join(map(str, path)), detail["input"]) if of_old is not None else ""
    return (what, HINT) if what else None


def _message_and_hint(detail: ErrorDetails, path: KeyPath, known: tuple[str, ...], n_unknown: int) -> tuple[str, str]:
    """Message and hint for an error of pydantic."""
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind in _KEY_KINDS:
        return unknown_key(tuple(str(step) for step in path), known, n_unknown)
    if kind == "missing":
        return MISSING, f"add '{path[-1]}:'"
    if kind == "literal_error":
        allowed = re.findall("'([^']+)'", context["expected"])
        is_objective = path == ("objective",) and isinstance(given, str)
        hint = _objective_hint(given, allowed) if is_objective else nearest_word(given, allowed)
        return f"expected one of {', '.join(allowed)}; got {describe(given)}", hint
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"expected {words} {context[name]:.12g}, got {describe(given)}", _share_hint(path, kind, given)
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, got {describe(given)}", _type_hint(kind, given, path)
    if kind in _TEXTS:
        n = len(given) if isinstance(given, Sized) else 0
        return _TEXTS[kind].format(**context, n=n, given=describe(given)), _HINTS.get(kind, "")
    return detail["msg"], ""


def _share_hint(path: KeyPath, kind: str, given: float) -> str:
    """Hint for a share or rate above its bound: most likely a percentage."""
    names = [str(each) for each in path if not str(each).isdigit()]  # a share by year
    is_share = bool(names) and names[-1].endswith(("_share", "share_max", "_rate", "mip_gap"))
    return f"did you mean {given / 100:g}?" if is_share and kind.startswith("less") and 1 < given <= 100 else ""


def _type_hint(kind: str, given: object, path: KeyPath) -> str:
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if kind == "dict_type" and is_number and str(path[-1]).endswith(_BY_YEAR):
        return f"give it by year: {{2026: {shown_text(given)}}}"
    if kind == "dict_type" and isinstance(given, list | tuple) and str(path[-1]).endswith(_BY_YEAR):
        first, last = (0.1, 0.2) if str(path[-1]).endswith("_share") else (100, 200)
        return f"give it by year: {{2026: {first}, 2030: {last}}}"
    if kind == "dict_type" and isinstance(given, list | tuple) and path[-1] == "funds":
        return "give each fund under its name: {green bond: {kind: bond, interest_rate: 0.03}}"
    if kind in ("int_type", "float_type") and isinstance(given, str):
        is_money = any(str(each).endswith("_mn") for each in path)
        return (is_money and _money_hint(given)) or number_hint(given, kind == "int_type")
    if kind == "int_type" and isinstance(given, float) and math.isfinite(given) and given == int(given):
        return f"write {given:.0f}"
    if kind == "string_type":
        return f"write '{shown_text(given)}' in quotes" if isinstance(given, int | float) else ""
    if kind == "tuple_type" and isinstance(given, str | int | float):
        spelt = half_width_text(str(given))
        listed = spelt if spelt.startswith("[") else f"[{spelt or shown_text(given)}]"
        return f"write {shown_text(listed)}{' with half-width punctuation' if spelt else ''}"
    return ""


# Spelling of names: Unicode forms, invisible characters, blanks, case and letters that look alike.

# Shapes of capital and small letters differ: Cyrillic В looks like B, but в does not look like b.
_LOOK_ALIKE = str.maketrans(
    "АВЕЅІЈКМНОРСТХУҮԌԚԜ" "аеѕіјорсхуүԁԛԝһ" "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" "αικνορυχϲϳ" "ıɑɡ",
    "ABESIJKMHOPCTXYYGQW" "aesijopcxyydqwh" "ABEZHIKMNOPTYX" "aikvopuxcj" "iag",
)  # fmt: skip
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−﹘﹣－"), "-")
# Characters without a shape that Unicode does not count as formats: joiners, fillers and variation selectors.
_SHAPELESS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0") | {chr(code) for code in range(0xFE00, 0xFE10)}


def clean_text(text: str) -> str:
    """The text in composed, half-width form, without invisible characters and with single blanks."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    plain = unicodedata.normalize("NFKC", "".join(sign for sign in text if not _is_invisible(sign)))
    return " ".join("".join(sign for sign in plain if not _is_invisible(sign)).split())


def without_accents(text: str) -> str:
    """The text with the letters under its accents: Almazán becomes Almazan."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))


# Most letters of a short word, and the similarity that it needs.
_SHORT, _OF_SHORT_WORDS = 3, 0.75


def visible_form(text: str) -> str:
    """The text as a reader sees it: cleaned, with Latin letters for those that look alike, without case and blanks."""
    plain = clean_text(text)
    if not plain.isascii():
        plain = plain.translate(_DASHES).translate(_LOOK_ALIKE)
    return "".join(plain.casefold().split())


def has_lookalike(text: str) -> bool:
    """Whether the text mixes Latin letters with letters that only look like Latin ones."""
    return any("a" <= sign <= "z" for sign in text.casefold()) and text.translate(_LOOK_ALIKE) != text


def same_name(name: str, known: Iterable[str]) -> str | None:
    """The one known name that looks the same; None if there is none, or more than one."""
    seen = visible_form(name)
    found = {each for each in known if visible_form(each) == seen}
    return found.pop() if len(found) == 1 else None


def most_similar_name(name: str, known: Collection[str], cutoff: float = 0.6) -> str:
    """The known name most similar to the given one, or ""."""
    # Two common letters do not make a word of three a misspelling of another.
    return _closest_word(name, known, max(cutoff, _OF_SHORT_WORDS) if len(name) <= _SHORT else cutoff, visible_form)


def odd_letters(text: str) -> str:
    """What a reader does not see of a text, in words: `a Cyrillic letter а (U+0430)`; "" if there is nothing."""
    for sign in text:
        if _is_invisible(sign):
            return f"an invisible character (U+{ord(sign):04X})"
    if has_lookalike(text):
        sign = next(each for each in text if each.translate(_LOOK_ALIKE) != each)
        script = unicodedata.name(sign, "UNKNOWN").split()[0].capitalize()
        return f"the {script} letter {sign} (U+{ord(sign):04X})"
    if unicodedata.normalize("NFKC", text) != unicodedata.normalize("NFC", text):
        return "characters of another width"
    return ""


def _is_invisible(sign: str) -> bool:
    return unicodedata.category(sign) == "Cf" or sign in _SHAPELESS
