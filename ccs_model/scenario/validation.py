"""What is wrong with a scenario's values, by key; a reader of files adds the line.

pydantic's errors are turned into the words of a planner here, so its own vocabulary never reaches the screen.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from ccs_model.scenario.upgrade import HINT, renamed_key, renamed_value

# What to say about a key this version does not know: a misplaced one, or a slip of the pen.

# A file of nothing but unknown keys is no scenario with slips of the pen; looking for near words takes time.
MOST_HINTS = 500


def unknown_key(path: tuple[str, ...], known: tuple[str, ...], n_before: int = 0) -> tuple[str, str]:
    """What is wrong with the key at `path`, and the nearest right one; `known` holds dotted keys.

    After MOST_HINTS unknown keys (`n_before` of them came before) nothing near is looked for.
    """
    if n_before >= MOST_HINTS:
        return "unknown key", ""
    level = path[:-1]
    homes = {_leaf(each): each for each in sorted(known, reverse=True)}  # the first one wins
    siblings = [_leaf(each) for each in known if _stands_at(tuple(each.split(".")[:-1]), level)]
    name = path[-1]
    near = _nearest(name, siblings)
    if name in homes:
        home = homes[name].rpartition(".")[0]
        return "unknown key", f"'{name}' belongs {f'under {home!r}' if home else 'at the top level'}"
    if near:
        return "unknown key", f"did you mean '{near}'?"
    far = _nearest(name, homes)
    return "unknown key", f"did you mean '{homes[far]}'?" if far else f"known here: {', '.join(sorted(siblings))}"


def _stands_at(pattern: tuple[str, ...], level: tuple[str, ...]) -> bool:
    """Whether a known key's level is this one; `*` stands for a name that the planner chose."""
    return len(pattern) == len(level) and all(a in ("*", b) for a, b in zip(pattern, level, strict=True))


def nearest_word(given: object, allowed: Iterable[str]) -> str:
    """A hint that names the allowed word nearest to the one given, or nothing."""
    near = _nearest(given, allowed) if isinstance(given, str) else ""
    return f"did you mean '{near}'?" if near else ""


def _nearest(word: str, words: Iterable[str]) -> str:
    spelt = {_spelling(each): each for each in words}
    near = difflib.get_close_matches(_spelling(word[:80]), spelt, 1)
    return spelt[near[0]] if near else ""


def _spelling(word: str) -> str:
    return word.lower().replace("-", "_").replace(" ", "_")


def _leaf(key: str) -> str:
    return key.rpartition(".")[2]


# Plain words of a scenario: what they mean as values, and how values are named in a sentence.
#
# YAML 1.2 rules, narrowed where planners have been caught: NO, on and off are text, 12:30:00 is text, and a whole
# number that starts with 0 is refused, because some programs read it as octal. 5e9 and 12_000 are numbers.

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*(_[0-9]+)*)")
_DECIMAL = re.compile(r"[-+]?([0-9]+(_[0-9]+)*(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
_PERCENT = re.compile(r"([-+]?[0-9]+(\.[0-9]+)?) ?%")
_THOUSANDS = re.compile(r"[-+]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_OLD_TRUTHS = frozenset(("on", "off", "yes", "no", "y", "n", "true", "false"))
_LONGEST_NUMBER = 300  # a longer row of digits is no quantity, and Python refuses to read very long ones
_LONGEST_SHOWN = 60


def has_leading_zero(word: str) -> bool:
    """Whether an unquoted word is a whole number written with a leading zero, like 010."""
    return _LEADING_ZERO.fullmatch(word) is not None


def is_old_truth(word: str) -> bool:
    """Whether older YAML programs read the unquoted word as true or false."""
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


def shown(value: object) -> str:
    """A value short enough and safe enough to stand in a message on a terminal."""
    if isinstance(value, int) and abs(value) >= 10**_LONGEST_NUMBER:
        return "a very long number"  # Python refuses to write out the longest ones
    text = str(value)
    text = text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def describe(value: object) -> str:
    """A value as the end of the sentence "expected …, got …"."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"text '{shown(value)}'"
    if isinstance(value, int | float):
        return shown(value)
    if isinstance(value, Mapping):
        return "keys with values"
    return "a list" if isinstance(value, tuple | list) else f"a {type(value).__name__}"


def number_hint(text: str) -> str:
    """How to write the number that a text was meant to be."""
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
        return f"write {shown(text)} without quotes"
    return "accepted spellings: 1000000, 1_000_000, 1e6, 0.15"


def text_hint(value: object) -> str:
    """How to write the text that a number or a truth value was meant to be."""
    return f"write '{shown(value)}' in quotes" if isinstance(value, int | float) else ""


KeyPath = tuple[str | int, ...]
"""A way into nested values: names for keys (a year too is a name), whole numbers for places in a list."""

MISSING = "missing, and needed"

_FINDINGS = "findings"
_KEY = "[key]"  # how pydantic ends the location of a fault in a mapping's key
_KEY_KINDS = ("extra_forbidden", "invalid_key")
_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "tuple_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


# How keys end whose values go by year.
_BY_YEAR = ("_per_t", "_share", "cumulative_mn")


@dataclass(frozen=True)
class Finding:
    """One thing wrong at `path`, with its key or else its value; `other` is a second place named in the sentence."""

    path: KeyPath
    what: str
    hint: str = ""
    other: KeyPath | None = None
    on_key: bool = False


def dotted(path: KeyPath) -> str:
    """`("plants", "require", 0)` as a planner writes it: `plants.require[0]`; the whole is `scenario`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{shown(step)}" if text else shown(step)
    return text or "scenario"


def findings_error(findings: Iterable[Finding]) -> PydanticCustomError:
    """For validators: several findings as one pydantic error; their paths start at the validated value."""
    return PydanticCustomError("findings", "see the findings", {_FINDINGS: tuple(findings)})


def findings_of(error: ValidationError, values: Mapping[str, object], known: tuple[str, ...]) -> list[Finding]:
    """Every error of pydantic as a finding; `known` holds the dotted keys that are right."""
    findings: list[Finding] = []
    n_unknown = 0
    for detail in error.errors(include_url=False):
        path = _path(detail["loc"], values)
        if detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]:
            continue  # pydantic counts only the good items, and the bad ones are findings themselves
        own: Sequence[Finding] = detail.get("ctx", {}).get(_FINDINGS, ())
        if own:
            findings += [
                replace(each, path=path + each.path, other=None if each.other is None else path + each.other)
                for each in own
            ]
        else:
            on_key = detail["type"] in _KEY_KINDS or detail["loc"][-1:] == (_KEY,)
            what, hint = _renamed(detail, path) or _words(detail, path, known, n_unknown)
            findings.append(Finding(path, what, hint, on_key=on_key))
            n_unknown += detail["type"] in _KEY_KINDS
    return findings


def _path(location: tuple[int | str, ...], values: object) -> KeyPath:
    """pydantic's location; what tells a year (a key) from a place in a list is the value it leads into."""
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


def _renamed(detail: ErrorDetails, path: KeyPath) -> tuple[str, str] | None:
    """The new name of a key or value of format 0.1, and how to upgrade the file."""
    key = ".".join(map(str, path))
    what = ""
    if detail["type"] == "extra_forbidden":
        what = renamed_key(key, detail["input"])
    elif detail["type"] == "literal_error":
        what = renamed_value(key, detail["input"])
    return (what, HINT) if what else None


def _words(detail: ErrorDetails, path: KeyPath, known: tuple[str, ...], n_unknown: int) -> tuple[str, str]:
    """What is wrong, and a hint."""
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind in _KEY_KINDS:
        return unknown_key(tuple(str(step) for step in path), known, n_unknown)
    if kind == "missing":
        return MISSING, f"add '{path[-1]}:'"
    if kind == "literal_error":
        allowed = re.findall("'([^']+)'", context["expected"])
        return f"expected one of {', '.join(allowed)}; got {describe(given)}", nearest_word(given, allowed)
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"expected {words} {context[name]:.12g}, got {describe(given)}", _share_hint(path, kind, given)
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, got {describe(given)}", _type_hint(kind, given, path)
    if kind == "int_from_float":
        return f"expected a whole number, got {describe(given)}", ""
    if kind == "string_unicode":
        return "holds half a character (a lone surrogate)", "remove it"
    if kind == "too_short":
        return f"expected at least {context['min_length']} in the list, got {context['actual_length']}", ""
    if kind == "too_long":
        return f"expected at most {context['max_length']} of them, got {len(given)}", ""
    if kind == "string_too_short":
        return "expected some text, got none", ""
    if kind == "string_too_long":
        return f"expected at most {context['max_length']} characters, got {len(given)}", ""
    return detail["msg"], ""


def _share_hint(path: KeyPath, kind: str, given: float) -> str:
    """A share above its bound is most often a percentage."""
    is_share = str(path[-1]).endswith(("_share", "_share_max", "_rate", "mip_gap"))
    return f"did you mean {given / 100:g}?" if is_share and kind.startswith("less") and 1 <= given <= 100 else ""


def _type_hint(kind: str, given: object, path: KeyPath) -> str:
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if kind == "dict_type" and is_number and str(path[-1]).endswith(_BY_YEAR):
        return f"give it by year: {{2026: {shown(given)}}}"
    if kind in ("int_type", "float_type") and isinstance(given, str):
        return number_hint(given)
    if kind == "int_type" and isinstance(given, float) and math.isfinite(given) and given == int(given):
        return f"write {given:.0f}"
    if kind == "string_type":
        return text_hint(given)
    if kind == "tuple_type" and isinstance(given, str | int | float):
        return f"write [{shown(given)}]"
    return ""
