"""Variations of a scenario: changes by dotted key, as a grid of values or as a list.

A value is written as in a scenario file: `12_000`, `true`, `[Ordos, Qinshui]`; `start:stop:n` stands for n equidistant
numbers, including both ends.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ccs_model.arguments import items_of
from ccs_model.errors import CcsModelError, FileError, InputError, Issue
from ccs_model.scenario.read import read_values, values_in
from ccs_model.scenario.upgrade import renamed_key, renamed_value
from ccs_model.scenario.yaml_document import read_text, shown_path

Changes = Mapping[str, object]


class ListedChanges(dict[str, object]):
    """Changes of one row of a list; `place` is its file and line."""

    def __init__(self, changes: Changes, place: str) -> None:
        super().__init__(changes)
        self.place = place


MOST = 100_000
_RANGE = re.compile(r"([^:\[{]+):([^:]+):([0-9]+)")
# Significant digits of the numbers of a range.
_DIGITS = 12


def grid_of(sets: Sequence[str]) -> tuple[Changes, ...]:
    """Every combination of `KEY=V1,V2,…` or `KEY=start:stop:n`; the last key varies fastest. Raises InputError."""
    values: dict[str, tuple[object, ...]] = {}
    for text in sets:
        key, sign, message = text.partition("=")
        key = key.strip()
        if not sign or not key or not message.strip():
            raise InputError([Issue("--set", f"'{text}' gives no values", "expected KEY=V1,V2 or KEY=start:stop:n")])
        if key in values:
            raise InputError([Issue("--set", f"{key} is given twice", "give all its values in one --set")])
        values[key] = _values(key, message)
        _validate_names(f"--set {key}", key, values[key])
    return combinations(values)


def _validate_names(place: str, key: str, values: Sequence[object]) -> None:
    """Raise InputError for a key or value of format 0.1."""
    if what := renamed_key(key):
        raise InputError([Issue(place, what)])
    if whats := [what for each in values if (what := renamed_value(key, each))]:
        raise InputError([Issue(place, what) for what in whats])


def variations_of(changes: Sequence[Changes] | Mapping[str, Sequence[object]]) -> tuple[Changes, ...]:
    """Changes as a list, or all combinations of values by key. Raises InputError for anything else."""
    expected = "a list of mappings, or lists of values by key: {'budget.total_mn': [400, 900]}"
    if isinstance(changes, Mapping):
        single = [key for key, each in changes.items() if isinstance(each, str | bytes) or not hasattr(each, "__len__")]
        if single:
            what = "has no list of values"
            raise InputError([Issue("changes", f"{key} {what}", f"expected {expected}") for key in single])
        return combinations(changes, "changes")
    listed = items_of("changes", changes, expected)
    if not all(isinstance(each, Mapping) for each in listed):
        raise InputError([Issue("changes", "a scenario's changes are no mapping", f"expected {expected}")])
    return listed


def combinations(values: Mapping[str, Sequence[object]], place: str = "--set") -> tuple[Changes, ...]:
    """Every combination of the values of some keys; the last key varies fastest. Raises InputError for too many."""
    many = int(np.prod([len(each) for each in values.values()], dtype=float))
    if many > MOST:
        raise InputError([Issue(place, f"{many:,} scenarios, expected at most {MOST:,}")])
    return tuple(dict(zip(values, each, strict=True)) for each in itertools.product(*values.values()))


def add_row_place(changes: Changes, error: CcsModelError) -> CcsModelError:
    """Return the error of changes with the file and line of the row that lists them, if there is one."""
    if not isinstance(changes, ListedChanges):
        return error
    if isinstance(error, FileError):
        return FileError(f"{changes.place}: {error}")
    if not isinstance(error, InputError):
        return error
    return InputError(Issue(f"{changes.place}: {each.where}", each.what, each.hint) for each in error.issues)


_DELIMITERS = ",;\t"


def read_changes(path: Path) -> tuple[ListedChanges, ...]:
    """Read a list of changes from a CSV or YAML file.

    The header of a CSV file has the dotted keys, separated by commas, semicolons or tabs. Each row is a scenario; an
    empty cell changes nothing. A YAML file has one key, `scenarios`, with a list of changes by dotted key. Raises
    InputError and FileError.
    """
    return _read_csv(path) if path.suffix.lower() == ".csv" else _read_yaml(path)


def _read_csv(path: Path) -> tuple[ListedChanges, ...]:
    shown = shown_path(path)
    text = read_text(path)
    delimiter = max(_DELIMITERS, key=text.lstrip().partition("\n")[0].count)
    lines = [(line, row) for line, row in enumerate(csv.reader(io.StringIO(text), delimiter=delimiter), start=1)
             if any(cell.strip() for cell in row)]  # fmt: skip
    if lines and lines[0][1][0].lower().startswith("sep="):
        # Excel writes the separator into the first line.
        lines = lines[1:]
    if len(lines) < 2:
        raise InputError([Issue(f"{shown}:1", "no scenarios", "expected a header of keys and one row per scenario")])
    keys = [each.strip() for each in lines[0][1]]
    found = []
    for line, row in lines[1:]:
        if len(row) != len(keys):
            raise InputError([Issue(f"{shown}:{line}", f"{len(row)} cells, expected {len(keys)} as in the header")])
        changes = {
            key: _value(f"{shown}:{line}: {key}", cell)
            for key, cell in zip(keys, row, strict=True)
            if key and cell.strip()
        }
        for key, value in changes.items():
            _validate_names(f"{shown}:{line}: {key}", key, [value])
        found.append(ListedChanges(changes, f"{shown}:{line}"))
    return tuple(found)


def _read_yaml(path: Path) -> tuple[ListedChanges, ...]:
    document = read_values(path)
    issues = [issue for _, issue in document.issues]
    listed = document.values.get("scenarios")
    if not issues and (not isinstance(listed, list | tuple) or not all(isinstance(each, dict) for each in listed)):
        hint = "such as: scenarios: [{budget.total_mn: 5000}, {budget.total_mn: 9000}]"
        issues = [Issue(f"{shown_path(path)}:1", "no key 'scenarios' with a list of changes", hint)]
    if issues or not isinstance(listed, list | tuple):
        raise InputError(issues)
    found = []
    for place, each in enumerate(listed):
        marks = [document.keys["scenarios", place, str(key)] for key in each]
        for mark, (key, value) in zip(marks, each.items(), strict=True):
            _validate_names(f"{mark}: {key}", str(key), [value])
        found.append(
            ListedChanges(
                {str(key): value for key, value in each.items()}, str(marks[0]) if marks else shown_path(path)
            )
        )
    return tuple(found)


def _values(key: str, text: str) -> tuple[object, ...]:
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        return tuple(_value(f"--set {key}", each) for each in _parts(text))
    start, stop = (_value(f"--set {key}", each) for each in found.groups()[:2])
    n = int(found[3])
    numbers = [each for each in (start, stop) if isinstance(each, int | float) and not isinstance(each, bool)]
    if len(numbers) < 2 or not 1 <= n <= MOST:
        hint = "expected start:stop:n, such as 0:20000:21"
        raise InputError([Issue(f"--set {key}", f"'{text}' is not a range of numbers", hint)])
    steps = [float(f"{each:.{_DIGITS}g}") for each in np.linspace(float(numbers[0]), float(numbers[1]), n)]
    # Integers stay integers if both ends and every step are integers.
    is_integer = all(isinstance(each, int) for each in numbers) and all(each.is_integer() for each in steps)
    return tuple(int(each) if is_integer else each for each in steps)


def _parts(text: str) -> list[str]:
    """Split at commas outside brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        depth += (letter in "[{") - (letter in "]}") if not quote else 0
        if letter == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _value(place: str, text: str) -> object:
    """The value as read from a scenario file."""
    document = values_in(f"value: {text.strip()}\n", place)
    if document.issues:
        raise InputError(issue for _, issue in document.issues)
    return document.values["value"]
