"""Which declared column a heading means: its name, its label or its Chinese name, with or without the unit in brackets.

A Chinese heading of a capacity must say its unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import islice

from ccs_model.errors import Issue
from ccs_model.inputs.cells import shown
from ccs_model.inputs.chinese import CONVERSIONS, UNITS, headings_of, plain
from ccs_model.inputs.declarations import Column, Source
from ccs_model.units import label_of

_REQUIRED_UNITS = ("kt/y",)
# How far below titles a header is looked for, and how many columns a row must name to be one.
LINES_OF_TITLE, _PLAINLY_A_HEADER = 20, 4
_WITH_UNIT = re.compile(r"(.*\S)\s*[\[(（［【]([^\[\]()（）［］【】]*)[\])）］】]")


def matched(
    header: Sequence[str], columns: Sequence[Column], source: Source, line: int
) -> tuple[list[str], list[Issue]]:
    """The column name each heading means ("" for none), and what is wrong with the headings."""
    issues: list[Issue] = []
    names: list[str] = []
    for position, heading in enumerate(header):
        column = column_of(heading, columns)
        names.append(column.name if column else "")
        if not heading:
            continue
        place = source.at_position(line, position)
        if column is None:
            issues.append(Issue(place, f"unknown column '{shown(heading)}'", nearest(heading, columns)))
        elif (unit := stated_unit(heading, column)) and _unit(unit) != _unit(column.unit):
            what = f"column '{shown(heading)}' is in {shown(unit)}, expected {column.unit or 'no unit'}"
            how = f" ({CONVERSIONS[plain(unit)]})" if plain(unit) in CONVERSIONS else ""
            issues.append(Issue(place, what, f"convert it{how} and name it '{column.name}'"))
        elif not unit and column.unit in _REQUIRED_UNITS and _same(heading) in _chinese(column):
            what = f"column '{shown(heading)}' names no unit, expected {column.unit}"
            issues.append(
                Issue(place, what, f"name it {shown(heading)}（千吨/年）, or convert it first: 1 万吨 is 10 kt")
            )
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        at = [str(i + 1) for i, other in enumerate(names) if other == name]
        issues.append(
            Issue(source.at_position(line, names.index(name)), f"column '{name}' stands twice, at {' and '.join(at)}")
        )
    issues.extend(
        Issue(source.at_position(line, 0), f"column '{column.name}' is missing", column.meaning)
        for column in columns
        if column.required and column.name not in names
    )
    return names, issues


def column_of(heading: str, columns: Sequence[Column]) -> Column | None:
    """The column that a heading names, if it names one."""
    for column in columns:
        if column.name == heading:
            return column
    message = _same(heading)
    found = [column for column in columns if message == _same(label_of(column.name)) or message in _chinese(column)]
    if not found and (match := _WITH_UNIT.fullmatch(_on_one_line(heading))):
        message = _same(match[1])
        found = [
            column
            for column in columns
            if message in (_same(label_of(column.name)), _same(column.name)) or message in _chinese(column)
        ]
    return found[0] if len(found) == 1 else None


def header_below(header: Sequence[str], rows: Iterable[tuple[int, Sequence[object]]], columns: Sequence[Column]) -> int:
    """The line of a row that is plainly the header where the first row is none, a title perhaps; else 0."""
    if any(column_of(heading, columns) for heading in header if heading):
        return 0
    for line, cells in islice(rows, LINES_OF_TITLE):
        known = sum(isinstance(cell, str) and column_of(cell.strip(), columns) is not None for cell in cells)
        if known >= _PLAINLY_A_HEADER:
            return line
    return 0


def not_first(line: int) -> tuple[str, str]:
    """What is wrong where the header stands on a later line, and how to mend it."""
    return f"the header stands on line {line}, expected on the first", "delete the lines above it"


def stated_unit(heading: str, column: Column) -> str:
    """The unit that stands in brackets behind the heading."""
    if _same(heading) in (_same(column.name), _same(label_of(column.name)), *_chinese(column)):
        return ""
    match = _WITH_UNIT.fullmatch(_on_one_line(heading))
    return match[2].strip() if match else ""


def nearest(heading: str, columns: Sequence[Column]) -> str:
    """A hint that names the nearest column, or nothing."""
    message = heading[:80]
    if (match := _WITH_UNIT.fullmatch(message)) and not message.isascii():
        message = match[1]
    words = [column.name for column in columns] + [word for column in columns for word in _chinese(column)]
    near = get_close_matches(message, words, n=1)
    return f"did you mean '{near[0]}'?" if near else ""


def _chinese(column: Column) -> Sequence[str]:
    return headings_of(column.name)


def _unit(words: str) -> str:
    message = plain(words)
    return UNITS.get(message.replace(" ", ""), message)


def _on_one_line(words: str) -> str:
    return " ".join(words.split())


def _same(words: str) -> str:
    return plain(words)
