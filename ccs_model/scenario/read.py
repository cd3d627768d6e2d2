"""Reads a scenario from a YAML file and reports every error at once, with its line and column.

The parser's events are counted as they come, so that input with excessive aliases, nesting or size is rejected before
it takes memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
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

from ccs_model.arguments import file_path
from ccs_model.errors import FileError, InputError, Issue
from ccs_model.scenario.schema import Scenario, check_values, is_cleared_by_null
from ccs_model.scenario.sections import OwnTables
from ccs_model.scenario.upgrade import FORMAT, format_issue
from ccs_model.scenario.validation import MISSING, describe, dotted_key, scalar
from ccs_model.scenario.yaml_document import (
    DEFAULT,
    Document,
    Kind,
    Mark,
    Node,
    document_of,
    full_path,
    path_inside,
    read_text,
    shown_path,
)

_DEEPEST = 30
_MOST_NODES = 20_000
_MOST_ALIASES = 100
_LONGEST_CHAIN = 20


@dataclass(frozen=True)
class Reading:
    """Result of reading a file.

    The scenario (None if there are errors), its values and errors with their places, and the tables of the planner.
    """

    scenario: Scenario | None
    document: Document
    own: OwnTables

    @property
    def has_own_tables(self) -> bool:
        """Whether the scenario names tables of the user's own, or oil fields, so that names depend on more tables."""
        own = self.own
        return bool(own.files) or own.data is not None or own.terrain is not None or own.oil_fields

    def issues(self, others: Iterable[tuple[Mark, Issue]] = ()) -> list[Issue]:
        """The errors and those of `others`, in reading order."""
        return self.document.issues_in_order(others)

    def validate_scenario(self, others: Iterable[tuple[Mark, Issue]] = ()) -> Scenario:
        """Return the scenario, or raise all errors, with the `others` that were found by means of the tables."""
        issues = self.issues(others)
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

    Returns
    -------
    Scenario
        The scenario, with the values of the file that it extends.

    Raises
    ------
    InputError
        With every error of the file, each with its `file:line:column`.
    FileError
        If a file cannot be read.
    """
    return read(file_path("path", path), allow_outside=allow_outside).validate_scenario()


def read(path: str | os.PathLike[str], *, allow_outside: bool = False) -> Reading:
    """Read a scenario and return its errors instead of raising them, so that errors of the tables can be added."""
    path = Path(path)
    document = _read_document(path, turn=0)
    if "extends" in document.values:
        document = _with_base(document, path, allow_outside, (path,))
    result = check_values(document.values, document.places(), path)
    if not isinstance(result, Scenario):
        # A missing value may be given in the extended file, unless that file was read.
        whole = ("extends",) not in document.rejected and "like" not in document.values
        document.note(each for each in result if whole or each.what != MISSING)
    sound = result if isinstance(result, Scenario) and not document.issues else None
    own = OwnTables.of(sound) if sound else OwnTables.of_values(document.values, document.places(), path.parent)
    return Reading(sound, document, own)


def read_values(path: Path, turn: int = 0) -> Document:
    """Values of a small YAML file, with the place of each. Raises InputError if it is not YAML."""
    reading = _Parser(shown_path(path), read_text(path))
    return document_of(reading.document(), Mark(turn, 1, 1, reading.file))


def values_in(text: str, place: str) -> Document:
    """Values of a YAML text that is not in a file; `place` stands for the file name in errors."""
    return document_of(_Parser(place, text).document(), Mark(0, 1, 1, place))


def resolved_scenario(text: str, place: str, source_path: Path) -> Scenario:
    """Read the text of a resolved scenario that stands in another document, with the origins that it gives.

    Parameters
    ----------
    text
        Text as `Scenario.resolved_yaml` writes it.
    place
        Where it stands, in place of a file name in errors.
    source_path
        The document; files of the scenario are relative to its folder.

    Raises
    ------
    InputError
        With every error, each with its place and line.
    """
    document = values_in(text, place)
    origins = [line.rpartition("  # ")[2] if "  # " in line else "" for line in text.splitlines()]
    places = {
        dotted_key(path): origin
        for path, mark in document.marks.items()
        if (origin := origins[mark.line - 1] if mark.line <= len(origins) else DEFAULT) not in (DEFAULT, "")
    }
    result = check_values(document.values, places, source_path)
    if isinstance(result, Scenario) and not document.issues:
        return result
    if not isinstance(result, Scenario):
        document.note(result)
    raise InputError(document.issues_in_order())


def _with_base(document: Document, path: Path, allow_outside: bool, chain: tuple[Path, ...]) -> Document:
    """The document merged over the one it extends, and that over its own; `chain` holds the files so far.

    A null clears what it inherits, so that the default applies, unless null is a value of the key.
    """
    base_name = document.values.pop("extends")
    mark = document.marks.pop(("extends",))
    if not isinstance(base_name, str) or not base_name:
        document.add_issue(mark, ("extends",), f"expected the name of a scenario file, got {describe(base_name)}")
        return document
    other = _base_path(path.parent, base_name, chain[0].parent, allow_outside)
    if other is None:
        what = f"{full_path(path.parent / base_name)} lies outside the scenario's folder"
        document.add_issue(mark, ("extends",), what, "allow it with --allow-outside")
        return document
    names = " extends ".join(shown_path(Path(each.name)) for each in (*chain, other))
    if _is_among(other, chain):
        document.add_issue(mark, ("extends",), f"{names}, which is a cycle", "remove one of them")
        return document
    if len(chain) >= _LONGEST_CHAIN:
        document.add_issue(mark, ("extends",), f"more than {_LONGEST_CHAIN} files extend each other")
        return document
    try:
        base = _read_document(other, turn=len(chain))
    except FileError as error:
        raise FileError(f"{mark}: extends: {error}") from error
    if "extends" in base.values:
        base = _with_base(base, other, allow_outside, (*chain, other))
    return document.merge_over(base, is_cleared_by_null, _PATHS_BY_YEAR.__contains__)


# Values by year with straight lines between them: points of two files would make a path that neither has.
_PATHS_BY_YEAR = frozenset(
    ("policy", name) for name in ("carbon_price_per_t", "social_cost_of_carbon_per_t", "non_fossil_share")
)


def _base_path(folder: Path, name: str, root: Path, allow_outside: bool) -> Path | None:
    """Path of a file to extend, named in a file of `folder`; None outside `root`, the folder of the scenario."""
    if folder == root or allow_outside:
        return path_inside(folder, name, allow_outside=allow_outside)
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        return None
    return path_inside(root, os.path.relpath(folder / name, root), allow_outside=False)


def _is_among(path: Path, others: Iterable[Path]) -> bool:
    try:
        return path.resolve() in {each.resolve() for each in others}
    except (OSError, RuntimeError, ValueError):
        return False  # opening the file reports it


def _read_document(path: Path, turn: int) -> Document:
    """Values of one scenario file without its format, which is tested."""
    document = read_values(path, turn)
    if FORMAT in document.values:
        what, hint = format_issue(document.values.pop(FORMAT))
        if what:
            document.add_issue(document.marks[(FORMAT,)], (FORMAT,), what, hint)
        document.marks.pop((FORMAT,))
    return document


def _is_closed_on(event: ScalarEvent, line: int) -> bool:
    """Whether a scalar is in quotes that close on the line."""
    return event.style in ("'", '"') and bool(event.end_mark.line == line)


class _Parser:
    """Builds nodes from the parser's events, within limits."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self._events = self._parse_events(text)
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
            hint = " (write ': ' for the full-width '：')" if "：" in str(getattr(event, "value", "")) else ""
            self._stop(event.start_mark.line, event.start_mark.column, f"{expected}; got {got}{hint}")
        node = self._node(event, 0)
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                what = "a second document starts here, expected one scenario per file"
                self._stop(event.start_mark.line, event.start_mark.column, what, "remove the line '---'")
            if not isinstance(event, DocumentEndEvent | StreamEndEvent):
                break
        return node

    def _parse_events(self, text: str) -> Iterator[Event]:
        """The parser's events; its errors become an InputError."""
        quoted: ScalarEvent | None = None
        try:
            for event in YAML(typ="safe", pure=True).parse(text):
                if isinstance(event, ScalarEvent) and event.style and event.end_mark.line > event.start_mark.line:
                    quoted = event
                yield event
        except MarkedYAMLError as error:
            if quoted is not None and error.problem_mark is not None and _is_closed_on(quoted, error.problem_mark.line):
                what = f"the quote that opens here ends only on line {quoted.end_mark.line + 1}"
                self._stop(quoted.start_mark.line, quoted.start_mark.column, what, "close the quote on its line")
            mark, start = error.problem_mark, error.context_mark
            problem = " ".join(str(error.problem).split())
            if "end of stream" in problem and start is not None:
                self._stop(start.line, start.column, "the quote that opens here is not closed", "close the quote")
            if start is not None and mark is not None and mark.line > start.line and "flow" in str(error.context):
                what = "not valid YAML: the bracket that opens here is not closed on its line"
                self._stop(start.line, start.column, what, f"an error follows on line {mark.line + 1}: {problem}")
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
            return self._resolve_alias(event, depth)
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

    def _resolve_alias(self, event: AliasEvent, depth: int) -> Node:
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
