"""Reads a scenario from a YAML file and reports every error at once, with its line and column.

The parser's events are counted as they come, so that input with excessive aliases, nesting or size is rejected before
it takes memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from ccs_model.errors import FileError, InputError, Issue
from ccs_model.scenario.schema import Scenario, checked
from ccs_model.scenario.sections import INVENTORY, OwnTables
from ccs_model.scenario.upgrade import FORMAT, format_issue
from ccs_model.scenario.validation import MISSING, describe, scalar
from ccs_model.scenario.yaml_document import (
    Document,
    Kind,
    Mark,
    Node,
    document_of,
    full,
    path_inside,
    read_text,
    shown_path,
)

_DEEPEST = 30
_MOST_NODES = 20_000
_MOST_ALIASES = 100
_LONGEST_CHAIN = 20

# Keys whose values are names that are validated against the tables.
NAME_LISTS = (INVENTORY, "plants.provinces", "plants.exclude", "plants.require", "capture.measures", "storage.sites")


@dataclass(frozen=True)
class Name:
    """A name in the scenario that must be in a table, with its key and place."""

    key: str
    text: str
    mark: Mark


@dataclass(frozen=True)
class Reading:
    """Result of reading a file.

    The scenario (None if there are errors), the errors in order, the names to look up in the tables, and the tables of
    the planner.
    """

    scenario: Scenario | None
    issues: tuple[tuple[Mark, Issue], ...]
    names: tuple[Name, ...]
    own: OwnTables

    def validated(self, unknown: Iterable[tuple[Name, str, str]]) -> Scenario:
        """Return the scenario, or raise all errors, including the `unknown` names (name, what, hint) of the tables."""
        strays = [(name.mark, Issue(str(name.mark), f"{name.key}: {what}", hint)) for name, what, hint in unknown]
        issues = [issue for _, issue in sorted([*self.issues, *strays], key=lambda each: each[0])]
        if issues or self.scenario is None:
            raise InputError(issues)
        return self.scenario


def read_scenario(path: str | os.PathLike[str], *, allow_outside: bool = False) -> Scenario:
    """Read a scenario from a YAML file.

    Parameters
    ----------
    path
        The scenario file.
    allow_outside
        Whether the file named by `extends` may lie outside the folder of the scenario.

    Raises
    ------
    InputError
        With every error of the file, each with its `file:line:column`.
    FileError
        If a file cannot be read.
    """
    return read(path, allow_outside=allow_outside).validated(())


def read(path: str | os.PathLike[str], *, allow_outside: bool = False) -> Reading:
    """Read a scenario and return its errors instead of raising them, so that errors of the tables can be added."""
    path = Path(path)
    document = _of_scenario(path, turn=0)
    if "extends" in document.values:
        document = _with_base(document, path, allow_outside)
    result = checked(document.values, document.places(), path)
    if not isinstance(result, Scenario):
        # What is missing may stand in the file to extend, unless that was read.
        whole = ("extends",) not in document.rejected and "like" not in document.values
        document.note(each for each in result if whole or each.what != MISSING)
    sound = result if isinstance(result, Scenario) and not document.issues else None
    own = OwnTables.of(sound) if sound else OwnTables.of_values(document.values, document.places(), path.parent)
    return Reading(sound, tuple(document.issues), tuple(_names(document)), own)


def read_values(path: Path) -> Document:
    """Values of a small YAML file, with the place of each. Raises InputError if it is not YAML."""
    return _read(path, turn=0)


def values_in(text: str, place: str) -> Document:
    """Values of a YAML text that is not in a file; `place` stands for the file name in errors."""
    return document_of(_Reading(place, text).document(), Mark(0, 1, 1, place))


def _names(document: Document) -> Iterator[Name]:
    for key in NAME_LISTS:
        section, last = key.split(".")
        inside = document.values.get(section)
        listed = inside.get(last) if isinstance(inside, dict) else None
        for place, text in enumerate(listed if isinstance(listed, list | tuple) else ()):
            mark = document.marks.get((section, last, place))
            if isinstance(text, str) and mark is not None:
                yield Name(key, text, mark)


def _with_base(document: Document, path: Path, allow_outside: bool) -> Document:
    """The document merged over the one it extends."""
    base_name = document.values.pop("extends")
    mark = document.marks.pop(("extends",))
    if not isinstance(base_name, str) or not base_name:
        document.add_issue(mark, ("extends",), f"expected the name of a scenario file, got {describe(base_name)}")
        return document
    other = path_inside(path.parent, base_name, allow_outside=allow_outside)
    if other is None:
        what = f"{full(path.parent / base_name)} lies outside the scenario's folder"
        document.add_issue(mark, ("extends",), what, "allow it with --allow-outside")
        return document
    try:
        base = _of_scenario(other, turn=1)
    except FileError as error:
        raise FileError(f"{mark}: extends: {error}") from error
    if "extends" in base.values:
        names, is_cycle = _chain(path, other, base.values.pop("extends"), allow_outside)
        what = f"{' extends '.join(names)}, which is a cycle" if is_cycle else f"{' extends '.join(names)}"
        hint = "remove one of them" if is_cycle else f"only one level is followed: extend {names[-1]} directly"
        base.add_issue(base.marks.pop(("extends",)), ("extends",), what, hint)
    return document.overriding(base)


def _chain(path: Path, base: Path, further: object, allow_outside: bool) -> tuple[list[str], bool]:
    """Names of the files that extend each other, the scenario first, and whether the last is among those before."""
    names = [shown_path(Path(path.name)), shown_path(Path(base.name))]
    seen, here = {path.resolve(), base.resolve()}, base
    if path.resolve() == base.resolve():
        return names, True
    while isinstance(further, str) and further and len(names) < _LONGEST_CHAIN:
        names.append(shown_path(Path(further)))
        found = path_inside(here.parent, further, allow_outside=allow_outside)
        if found is None:
            break
        if found.resolve() in seen:
            return names, True
        seen.add(found.resolve())
        try:
            further, here = _read(found, turn=1).values.get("extends"), found
        except (InputError, FileError):
            break
    return names, False


def _of_scenario(path: Path, turn: int) -> Document:
    """Values of one scenario file without its format, which is tested."""
    document = _read(path, turn)
    if FORMAT in document.values:
        what, hint = format_issue(document.values.pop(FORMAT))
        if what:
            document.add_issue(document.marks[(FORMAT,)], (FORMAT,), what, hint)
        document.marks.pop((FORMAT,))
    return document


def _read(path: Path, turn: int) -> Document:
    """Values of one file with their places. Raises InputError if it is not YAML."""
    reading = _Reading(shown_path(path), read_text(path))
    return document_of(reading.document(), Mark(turn, 1, 1, reading.file))


def _ends_at(event: ScalarEvent, line: int) -> bool:
    """Whether a scalar is in quotes that close on the line."""
    return event.style in ("'", '"') and bool(event.end_mark.line == line)


class _Reading:
    """Builds nodes from the parser's events, within limits."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self._events = self._parsed(text)
        self._anchors: dict[str, Node] = {}
        self._nodes = self._aliases = 0

    def document(self) -> Node:
        """The mapping at the top of the file."""
        expected = "expected keys with values, like 'name: My scenario'"
        event = next(self._events)
        while isinstance(event, StreamStartEvent | DocumentStartEvent):
            event = next(self._events)
        if isinstance(event, StreamEndEvent):
            self._stop(0, 0, f"the file is empty, {expected}")
        if not isinstance(event, MappingStartEvent):
            got = "a list" if isinstance(event, SequenceStartEvent) else "a single value"
            self._stop(event.start_mark.line, event.start_mark.column, f"{expected}; got {got}")
        node = self._node(event, 0)
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                what = "a second document starts here, expected one scenario per file"
                self._stop(event.start_mark.line, event.start_mark.column, what, "remove the line '---'")
            if not isinstance(event, DocumentEndEvent | StreamEndEvent):
                break
        return node

    def _parsed(self, text: str) -> Iterator[Event]:
        """The parser's events; its errors become an InputError."""
        quoted: ScalarEvent | None = None
        try:
            for event in YAML(typ="safe", pure=True).parse(text):
                if isinstance(event, ScalarEvent) and event.style and event.end_mark.line > event.start_mark.line:
                    quoted = event
                yield event
        except MarkedYAMLError as error:
            if quoted is not None and error.problem_mark is not None and _ends_at(quoted, error.problem_mark.line):
                what = f"the quote that opens here ends only on line {quoted.end_mark.line + 1}"
                self._stop(quoted.start_mark.line, quoted.start_mark.column, what, "close the quote on its line")
            mark, start = error.problem_mark, error.context_mark
            problem = " ".join(str(error.problem).split())
            if "end of stream" in problem and start is not None:
                self._stop(start.line, start.column, "the quote that opens here is not closed", "close the quote")
            line, column = (0, 0) if mark is None else (mark.line, mark.column)
            context = f"{error.context}, " if error.context else ""
            if "\\t" in problem:
                self._stop(line, column, "a tab, expected spaces", "indent with spaces")
            hint = "indent the keys of one level equally" if "<block" in problem else "expected 'key: value'"
            self._stop(line, column, f"not valid YAML: {context}{problem}", hint)
        except YAMLError as error:
            self._stop(0, 0, f"not valid YAML: {' '.join(str(error).split())}")

    def _node(self, event: Event, depth: int) -> Node:
        line, column = event.start_mark.line, event.start_mark.column
        if isinstance(event, AliasEvent):
            return self._aliased(event, depth)
        self._count(line, column, 1, depth)
        if isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag is not None:
            self._stop(line, column, "tags (words that start with '!') are not supported", "remove the tag")
        if isinstance(event, ScalarEvent):
            plain = not event.style
            value = scalar(event.value) if plain else event.value
            node = Node("scalar", line, column, value=value, word=event.value if plain else "")
        else:
            kind: Kind = "list" if isinstance(event, SequenceStartEvent) else "block"
            if isinstance(event, MappingStartEvent) and event.flow_style:
                kind = "braces"
            node = Node(kind, line, column, items=self._items(depth + 1))
        if isinstance(event, NodeEvent) and event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _items(self, depth: int) -> tuple[Node, ...]:
        items = []
        for event in self._events:
            if isinstance(event, MappingEndEvent | SequenceEndEvent):
                break
            items.append(self._node(event, depth))
        return tuple(items)

    def _aliased(self, event: AliasEvent, depth: int) -> Node:
        line, column = event.start_mark.line, event.start_mark.column
        self._aliases += 1
        if self._aliases > _MOST_ALIASES:
            self._stop(line, column, f"more than {_MOST_ALIASES} aliases", "write the values out")
        node = self._anchors.get(event.anchor)
        if node is None:
            self._stop(line, column, f"no anchor &{event.anchor} before this alias", "write the value out")
        self._count(line, column, node.size, depth + node.height)
        return node

    def _count(self, line: int, column: int, nodes: int, depth: int) -> None:
        self._nodes += nodes
        if self._nodes > _MOST_NODES:
            self._stop(line, column, f"more than {_MOST_NODES:,} values, expected a scenario")
        if depth > _DEEPEST:
            self._stop(line, column, f"nested more than {_DEEPEST} levels deep, expected a scenario")

    def _stop(self, line: int, column: int, what: str, hint: str = "") -> NoReturn:
        raise InputError([Issue(f"{self.file}:{line + 1}:{column + 1}", what, hint)])
