"""What is wrong with a scenario's values, by key; a reader of files adds the line.

pydantic's errors are turned into the words of a planner here, so its own vocabulary never reaches the screen.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from ccs_model.scenario.known_keys import nearest_word, unknown_key
from ccs_model.scenario.scalars import describe, number_hint, shown, text_hint

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
_BY_YEAR = ("_per_t", "_share", "ceiling_mn")


@dataclass(frozen=True)
class Finding:
    """One thing wrong at `path`, with its key or else its value; `other` is a second place named in the sentence."""

    path: KeyPath
    what: str
    hint: str = ""
    other: KeyPath | None = None
    on_key: bool = False


def dotted(path: KeyPath) -> str:
    """`("plants", "must_fit", 0)` as a planner writes it: `plants.must_fit[0]`; the whole is `scenario`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{shown(step)}" if text else shown(step)
    return text or "scenario"


def findings_error(findings: Iterable[Finding]) -> PydanticCustomError:
    """For validators: several findings as one pydantic error; their paths start at the validated value."""
    return PydanticCustomError("findings", "see the findings", {_FINDINGS: tuple(findings)})


def findings_of(error: ValidationError, values: Mapping[str, object], known: tuple[str, ...]) -> list[Finding]:
    """Every error of pydantic as a finding."""
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
            findings.append(Finding(path, *_words(detail, path, known, n_unknown), on_key=on_key))
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
    is_share = str(path[-1]).endswith(("_share", "_share_max"))
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
