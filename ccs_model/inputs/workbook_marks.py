"""What the cells of a sheet are beside their values: formulas without one, shown in percent, part of a merged cell.

The readers of workbooks do not tell these, or tell them each in its own way, so they are read from the sheet's XML.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

Cell = tuple[int, int]
_RANGE = re.compile(r"([A-Z]{1,3})(\d{1,7})(?::([A-Z]{1,3})(\d{1,7}))?")
# A cell merged over more lines than this is no slip in a table but decoration.
_MOST_LINES = 100_000
_PERCENT_IDS = (9, 10)  # formats that every workbook knows: 0% and 0.00%


@dataclass
class Marks:
    """(line, position) of cells; `merged` says by line from which to which position nothing stands of its own."""

    uncomputed: set[Cell] = field(default_factory=set)
    percent: set[Cell] = field(default_factory=set)
    merged: dict[int, list[Cell]] = field(default_factory=dict)

    def is_merged(self, line: int, at: int) -> bool:
        """Whether the cell is covered by a merged one."""
        return any(first <= at <= last for first, last in self.merged.get(line, ()))


def marks_of(raw: bytes, part: str, percent_styles: frozenset[int]) -> Marks:
    """The marks of one sheet: `part` is its name in the workbook whose bytes are given."""
    marks = Marks()
    with zipfile.ZipFile(io.BytesIO(raw)) as archive, archive.open(part) as file:
        for kind, *where in _cell_marks(file, percent_styles):
            if kind == "merged":
                _take_merged(marks, *where)
            else:
                getattr(marks, kind).add(tuple(where))
    return marks


def percent_styles(styles: bytes) -> frozenset[int]:
    """Which styles of cells show a number in percent, by their place in the part xl/styles.xml."""
    root = ElementTree.fromstring(styles)
    shown = set(_PERCENT_IDS)
    places: list[int] = []
    for element in root:
        name = _plain(element.tag)
        if name == "numFmts":
            shown |= {int(each.get("numFmtId", -1)) for each in element if "%" in each.get("formatCode", "")}
        elif name == "cellXfs":
            places = [int(each.get("numFmtId", 0)) for each in element]
    return frozenset(place for place, form in enumerate(places) if form in shown)


def position_of(reference: str) -> int:
    """The column of a cell reference, from 0: D12 is 3."""
    position = 0
    for letter in reference.upper():
        if not "A" <= letter <= "Z":
            break
        position = position * 26 + ord(letter) - ord("A") + 1
    return position - 1


def _cell_marks(part: Any, percent: frozenset[int]) -> Iterator[tuple[Any, ...]]:
    line, at = 0, -1
    for event, element in ElementTree.iterparse(part, events=("start", "end")):
        tag = _plain(element.tag)
        if event == "start" and tag == "row":
            line, at = int(element.get("r", line + 1)), -1
        elif event == "start" and tag == "c":
            at = position_of(element.get("r", "")) if element.get("r") else at + 1
        elif event == "end" and tag == "c":
            inside = {_plain(child.tag): child for child in element}
            value = inside["v"].text if "v" in inside else None
            # A text that a formula left empty is a value; Excel says so.
            if "f" in inside and not value and element.get("t") != "str":
                yield "uncomputed", line, at
            if value and element.get("t", "n") == "n" and int(element.get("s", 0)) in percent:
                yield "percent", line, at
        elif event == "end" and tag == "row":
            element.clear()
        elif event == "end" and tag == "mergeCell" and (found := _RANGE.fullmatch(element.get("ref", ""))):
            left, top, right, bottom = found.groups()
            yield "merged", int(top), int(bottom or top), position_of(left), position_of(right or left)


def _take_merged(marks: Marks, top: int, bottom: int, left: int, right: int) -> None:
    """All of the range but its first cell, which holds the value."""
    if bottom - top > _MOST_LINES:
        return
    if right > left:
        marks.merged.setdefault(top, []).append((left + 1, right))
    for line in range(top + 1, bottom + 1):
        marks.merged.setdefault(line, []).append((left, right))


def _plain(tag: str) -> str:
    return tag.rpartition("}")[2]
