"""Plain words of a scenario: what they mean as values, and how values are named in a sentence.

YAML 1.2 rules, narrowed where planners have been caught: NO, on and off are text, 12:30:00 is text, and a whole number
that starts with 0 is refused, because some programs read it as octal. 5e9 and 12_000 are numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*(_[0-9]+)*)")
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
    if _WHOLE.fullmatch(word):
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
