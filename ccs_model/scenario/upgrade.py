"""Keys and values renamed in format 0.2: how an error names the new one, and how an old file is rewritten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
)

from ccs_model._version import __version__
from ccs_model.errors import InputError, Issue

VERSION = "0.2"
# Optional key with the format of the file.
FORMAT = "schema"
HINT = "run 'ccs-model check --upgrade OUT.yaml'"

RENAMED_KEYS: Mapping[str, str] = {
    "aim": "objective",
    "question": "description",
    "like": "extends",
    "discount_share": "discount_rate",
    "plants.emitting_at_least_ktpa": "plants.min_emissions_ktpa",
    "plants.leave_out": "plants.exclude",
    "plants.must_fit": "plants.require",
    "capture.retrofits": "capture.decisions",
    "capture.built_per_year_max": "capture.max_builds_per_year",
    "transport.detour": "transport.detour_factor",
    "storage.fill_share_max": "storage.max_fill_share",
    "budget.ceiling_mn": "budget.cumulative_mn",
    "targets.cut_share": "targets.abatement_share",
    "targets.by_province.*.cut_share": "targets.by_province.*.abatement_share",
    "targets.by_sector.*.cut_share": "targets.by_sector.*.abatement_share",
    "policy.social_discount_share": "policy.social_discount_rate",
    "policy.value_added_growth_share": "policy.value_added_growth_rate",
    "funds.*.interest_share": "funds.*.interest_rate",
    "funds.*.nominal_interest_share": "funds.*.nominal_interest_rate",
    "finance.inflation_share": "finance.inflation_rate",
    "uncertainty.leave_out": "uncertainty.exclude",
    "solver.gap_share": "solver.mip_gap",
}
"""Old dotted key of a scenario to the new one; `*` stands for a name chosen by the planner."""

RENAMED_VALUES: Mapping[str, Mapping[str, str]] = {
    "objective": {
        "most_abatement": "max_abatement",
        "least_cost": "min_cost",
        "highest_npv": "max_npv",
        "highest_net_benefit": "max_net_benefit",
    },
    "capture.decisions": {"whole": "integer", "fractional": "continuous"},
}
"""Old value to the new one, by the new dotted key."""

RENAMED_CASE_KEYS: Mapping[str, str] = {"question": "description", "values.cut_share": "values.abatement_share"}
_QUANTITIES: Mapping[str, str] = {
    "cut_share": "abatement_share",
    "reported_cut_share": "reported_abatement_share",
    "fitted_cut_share": "fitted_abatement_share",
    "part_of_reported_cut_share": "part_of_reported_abatement_share",
    "cut_without_ceiling_share": "abatement_without_ceiling_share",
    "direct_cut_ktpa": "on_site_abatement_ktpa",
    "price_times_direct_cut_mn": "price_times_on_site_abatement_mn",
    "whole_above_linear_kt": "integer_above_continuous_kt",
    "bought_by_nothing_kt": "abatement_at_zero_budget_kt",
    "bought_by_all_kt": "abatement_at_full_budget_kt",
}
RENAMED_CASE_VALUES: Mapping[str, Mapping[str, str]] = {
    "kind": {"ladder": "budget_sweep"},
    **{f"expect.*.{key}": _QUANTITIES for key in ("quantity", "low", "high", "about")},
}
"""The same for the keys and values of a case file; a case's `scenario:` follows the tables above."""


def format_issue(given: object) -> tuple[str, str]:
    """Message and hint for the value of `schema:`, the format of the file; ("", "") for the format that is read."""
    steps = str(given).split(".")
    if isinstance(given, bool) or not all(each.isascii() and each.isdigit() for each in steps):
        return f"expected {VERSION}, the format of the file", "remove the line"
    version, present = (tuple(int(each[:9]) for each in text) for text in (steps, VERSION.split(".")))
    if version == present:
        return "", ""
    what = f"the file has format {given}; ccs-model {__version__} reads format {VERSION}"
    if version < present:
        return what, HINT
    return what, "install a newer version: python -m pip install --upgrade ccs-model"


def renamed_key(key: str, value: object = None) -> str:
    """What an error says of an old dotted key: its new name, and that of an old value; "" if the key is not old."""
    return _key_text(tuple(key.split(".")), value, RENAMED_KEYS, RENAMED_VALUES)


def renamed_value(key: str, value: object) -> str:
    """What an error says of an old value under a dotted key; "" if the value is not old."""
    return _value_text(tuple(key.split(".")), value, RENAMED_VALUES)


def case_renames(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], bool, str]]:
    """Every old name in the values of a case file: its path, whether it is a key, and what an error says of it."""
    for path, value in _nested_values(values, ()):
        steps, in_case = _path_in_scenario(tuple(map(str, path)), in_case=True)
        keys, old_values = _tables(in_case)
        if any(is_match(old, steps) for old in keys):
            yield path, True, _key_text(steps, value, keys, old_values)
        elif what := _value_text(steps, value, old_values):
            yield path, False, what


def _nested_values(value: object, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Every value within a value, with its path."""
    if path:
        yield path, value
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _nested_values(each, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for place, each in enumerate(value):
            yield from _nested_values(each, (*path, place))


def _key_text(
    path: Sequence[str], value: object, keys: Mapping[str, str], values: Mapping[str, Mapping[str, str]]
) -> str:
    new = _rename_path(path, keys)
    if new is None:
        return ""
    new_value = _renamed_value(new, value, values)
    return f"renamed to '{'.'.join(new)}' in {VERSION}" + (f", and '{value}' to '{new_value}'" if new_value else "")


def _value_text(path: Sequence[str], value: object, values: Mapping[str, Mapping[str, str]]) -> str:
    new = _renamed_value(path, value, values)
    return f"'{value}' was renamed to '{new}' in {VERSION}" if new else ""


def upgraded_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a scenario with old keys under their new names; old values stay."""
    return _with_new_keys(values, ())


def _with_new_keys(values: Mapping[Any, Any], path: tuple[str, ...]) -> dict[Any, Any]:
    renamed: dict[Any, Any] = {}
    for key, value in values.items():
        here = _rename_path((*path, str(key)), RENAMED_KEYS)
        name = here[-1] if here else key
        inside = _with_new_keys(value, (*path, str(name))) if isinstance(value, Mapping) else value
        renamed.setdefault(name, inside)
    return renamed


def upgraded_text(text: str) -> tuple[str, list[str]]:
    """Rewrite the YAML text of a 0.1 scenario, case or list of changes with the names of 0.2.

    Only the renamed words change: comments, order, quotes and layout stay.

    Parameters
    ----------
    text
        The whole file. Values and keys that are not in the tables of this module are not checked.

    Returns
    -------
    tuple[str, list[str]]
        The new text, and one line for each change, such as `line 8: discount_share -> discount_rate`.

    Raises
    ------
    InputError
        If the text is not YAML.
    """
    words = list(_words(text))
    top = {word.path[0] for word in words if len(word.path) == 1 and word.is_key}
    in_case = {"case", "kind", "expect"} <= top
    edits = [(word, new) for word in words if (new := _new_name(word, in_case)) is not None]
    for word, new in reversed(edits):
        text = text[: word.start] + new + text[word.end :]
    return text, [f"line {word.line}: {word.text} -> {new}" for word, new in edits]


@dataclass(frozen=True)
class _Word:
    """A key or a value of the text, with the path of keys and list places that leads to it."""

    path: tuple[str, ...]
    text: str
    start: int
    end: int
    line: int
    is_key: bool


@dataclass
class _Level:
    """A mapping or list that the walk is inside of."""

    path: tuple[str, ...]
    is_mapping: bool
    n: int = 0
    key: str = field(default="")

    def next_path(self) -> tuple[tuple[str, ...], bool]:
        """Path of the next node, and whether it is a key."""
        place, self.n = self.n, self.n + 1
        if not self.is_mapping:
            return (*self.path, str(place)), False
        return (*self.path, self.key), place % 2 == 0


def _words(text: str) -> Iterator[_Word]:
    """Every scalar of the text, in order."""
    levels: list[_Level] = []
    for event in _events(text):
        if isinstance(event, CollectionEndEvent):
            levels.pop()
        elif isinstance(event, CollectionStartEvent | ScalarEvent | AliasEvent):
            path, is_key = levels[-1].next_path() if levels else ((), False)
            if is_key:
                levels[-1].key = str(event.value) if isinstance(event, ScalarEvent) else "?"
                path = (*path[:-1], levels[-1].key)
            if isinstance(event, CollectionStartEvent):
                levels.append(_Level(path, isinstance(event, MappingStartEvent)))
            elif isinstance(event, ScalarEvent):
                yield _word(text, event, path, is_key)


def _word(text: str, event: ScalarEvent, path: tuple[str, ...], is_key: bool) -> _Word:
    start, end = event.start_mark.index, event.end_mark.index
    inside = text.rfind(event.value, start, end) if event.value else -1  # without quotes, anchor or tag
    if inside >= 0:
        start, end = inside, inside + len(event.value)
    return _Word(path, event.value, start, end, event.start_mark.line + 1, is_key)


def _events(text: str) -> Iterator[Event]:
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except YAMLError as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        place = f"{mark.line + 1}:{mark.column + 1}" if mark is not None else "1:1"
        raise InputError([Issue(place, "not valid YAML", "run 'ccs-model check' for details")]) from error


def _new_name(word: _Word, in_case: bool) -> str | None:
    """The word to write instead, or None."""
    if word.path == (FORMAT,) and not word.is_key:
        return None if word.text == VERSION else VERSION
    path, in_case = _path_in_scenario(word.path, in_case)
    keys, values = _tables(in_case)
    new = _rename_path(path, keys)
    if not word.is_key:
        return _renamed_value(new or path, word.text, values)
    n_own = 1 if path[-1] == word.text else len(word.text.split("."))
    name = ".".join((new or path)[-n_own:])
    return None if name == word.text else name


def _path_in_scenario(path: tuple[str, ...], in_case: bool) -> tuple[tuple[str, ...], bool]:
    """The path as a scenario file has it, and whether it is a key of the case itself.

    The keys of `futures.*.changes` and of a list of changes have dots.
    """
    if in_case and path[:1] == ("scenario",) and len(path) > 1:
        return path[1:], False
    for before in (("futures", "*", "changes"), ("scenarios", "*")):
        if len(path) > len(before) and all(a in ("*", b) for a, b in zip(before, path, strict=False)):
            dotted, *rest = path[len(before) :]
            return (*dotted.split("."), *rest), in_case
    return path, in_case


def _tables(in_case: bool) -> tuple[Mapping[str, str], Mapping[str, Mapping[str, str]]]:
    return (RENAMED_CASE_KEYS, RENAMED_CASE_VALUES) if in_case else (RENAMED_KEYS, RENAMED_VALUES)


def _rename_path(path: Sequence[str], keys: Mapping[str, str]) -> tuple[str, ...] | None:
    """The path with its old key replaced, or None; what lies beneath the key, such as a year, stays."""
    for n in range(len(path), 0, -1):
        for old, new in keys.items():
            if is_match(old, path[:n]):
                steps = [step if name == "*" else name for name, step in zip(new.split("."), path, strict=False)]
                return (*steps, *path[n:])
    return None


def _renamed_value(path: Sequence[str], value: object, values: Mapping[str, Mapping[str, str]]) -> str | None:
    found = next((each for key, each in values.items() if is_match(key, path)), {})
    return found.get(value) if isinstance(value, str) else None


def is_match(pattern: str, path: Sequence[str]) -> bool:
    """Whether a path is that of a dotted key, in which `*` stands for a name chosen by the planner."""
    steps = pattern.split(".")
    return len(steps) == len(path) and all(a in ("*", b) for a, b in zip(steps, path, strict=True))
