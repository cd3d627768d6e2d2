"""Values that a reader of the workbook typed: compared with those of the scenario, and in the words of it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from ccs_model.report.workbook.plants_sheet import EXCLUDE, REQUIRE
from ccs_model.report.workbook.storage_sheet import NO, YES
from ccs_model.report.workbook.workbook_reader import Value

# Decisions in Chinese, as own tables take them.
_CHINESE = {"必须": REQUIRE, "必选": REQUIRE, "要求": REQUIRE, "排除": EXCLUDE, "不改造": EXCLUDE, "是": YES, "否": NO}
_CHINESE_YEAR = re.compile(r"(?:自|从)?\s*([0-9]{4})\s*年?\s*(?:起|开始|以后|之后)")
# A number that another program saved may differ in its last digits.
_SAME = 1e-12


def as_typed(value: float, known: object) -> object:
    """A number of a cell as the type that the scenario has."""
    if isinstance(known, bool):
        return bool(value) if value in (0.0, 1.0) else value
    return int(value) if isinstance(known, int) and value.is_integer() else value


def is_same_number(written: float, known: object) -> bool:
    """Whether a number is the known one, up to digits that another program may have changed."""
    return isinstance(known, float | int) and abs(written - float(known)) <= _SAME * max(1.0, abs(float(known)))


def decision(value: Value) -> str:
    """A decision on a plant, a site or a switch in English words; Chinese words are translated."""
    text = _CHINESE_YEAR.sub(r" from \1", str(value))
    for chinese, english in _CHINESE.items():
        text = text.replace(chinese, f" {english} ")
    return " ".join(text.replace("，", " ").replace(",", " ").replace("、", " ").split())


def bracketed(text: str, old: object) -> str:
    """A list or mapping as column Value shows it, or with other separators, in the brackets that YAML needs."""
    is_list, is_mapping = isinstance(old, tuple), isinstance(old, Mapping) and ":" in text
    if text.lstrip()[:1] in ("[", "{") or not (is_list or is_mapping):
        return text
    inner = re.sub(r"\s*[,;，；、]\s*", ", ", text.strip())
    return f"[{inner}]" if is_list else f"{{{inner}}}"


def is_digits(value: object) -> bool:
    """Whether a value is text that is a number."""
    try:
        return isinstance(value, str) and math.isfinite(float(value))
    except ValueError:
        return False


def is_same(new: object, known: object) -> bool:
    """Whether a new value is the one that the scenario has.

    Lists and mappings are compared by their parts, numbers with `is_same_number`.
    """
    if isinstance(new, Mapping) and isinstance(known, Mapping):
        own, other = ({str(key): each for key, each in part.items()} for part in (new, known))
        return own.keys() == other.keys() and all(is_same(each, other[key]) for key, each in own.items())
    if isinstance(new, list | tuple) and isinstance(known, list | tuple):
        return len(new) == len(known) and all(map(is_same, new, known))
    if isinstance(new, bool) or isinstance(known, bool) or not isinstance(new, float | int):
        return type(new) is type(known) and new == known
    return is_same_number(float(new), known)
