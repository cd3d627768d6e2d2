"""Files of a scenario: their text, the paths they may name, YAML values with line and column, and texts to write.

Written are the resolved scenario with the origin of each value, and the scenario of `init`.
"""

from __future__ import annotations

import codecs
import errno
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from types import MappingProxyType
from typing import Any, Literal

from ccs_model.bounded_reading import read_regular
from ccs_model.errors import FileError, InputError, Issue
from ccs_model.scenario.validation import (
    Finding,
    KeyPath,
    dotted_key,
    has_leading_zero,
    is_old_truth,
    number_hint,
    scalar,
    shown_text,
)

LARGEST_BYTES = 1_000_000

# The printable characters of YAML.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_text(path: Path) -> str:
    """Text of a scenario file. Raises FileError if it cannot be read, InputError if it is too large or not text."""
    at = f"{shown_path(path)}:1:1"
    try:
        raw = contents(path, largest_bytes=LARGEST_BYTES, expected="a scenario file", at=at)
    except InputError:
        with path.open("rb") as file:
            _validate_no_workbook(path, file.read(_LONGEST_START))
        raise
    return _decode_text(path, raw.removeprefix(codecs.BOM_UTF8))


def contents(path: Path, *, largest_bytes: int, expected: str, at: str, requested_at: str = "") -> bytes:
    """Bytes of a regular file.

    Raises FileError, starting with `requested_at`, if it cannot be read; InputError, placed `at`, if it is too large.
    """
    start = f"{requested_at}: cannot read" if requested_at else "cannot read"
    try:
        return read_regular(path, largest_bytes)
    except IsADirectoryError as error:
        raise FileError(f"{start} {full_path(path)}: it is a folder, expected {expected}") from error
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise InputError([Issue(at, str(error.strerror))]) from error
        hint = " (folders are separated by /)" if requested_at and "\\" in path.name else ""
        hint = hint or (_other_letters(path) if error.errno == errno.ENOENT else "")
        raise FileError(f"{start} {full_path(path)}: {(error.strerror or str(error)).lower()}{hint}") from error
    except ValueError as error:
        raise FileError(f"{start} {full_path(path)}: no file can have this name (a NUL in it)") from error


def _other_letters(path: Path) -> str:
    """Hint that names a file of the folder with a similar name, such as in other case."""
    try:
        names = [each.name for each in path.parent.iterdir()]
    except OSError:
        return ""
    same = [name for name in names if name.casefold() == path.name.casefold()]
    near = same or get_close_matches(path.name, names, n=1, cutoff=0.85)
    return f" (did you mean '{shown_text(near[0])}'?)" if near else ""


def path_inside(folder: Path, name: str, *, allow_outside: bool) -> Path | None:
    """Path of `name` relative to the scenario's folder; None if it lies outside and that is not allowed."""
    path = folder / name
    if allow_outside:
        return path
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        return None
    try:
        return path if path.resolve().is_relative_to(folder.resolve()) else None
    except (OSError, RuntimeError, ValueError):
        return path  # an impossible name or a loop of links; opening the file reports it


def full_path(path: Path) -> str:
    """Resolved path, escaped for a terminal."""
    try:
        return _escape_path(path.resolve())
    except (OSError, RuntimeError, ValueError):
        return _escape_path(path.absolute())


def _escape_path(path: Path) -> str:
    text = str(path)
    return text if text.isprintable() else ascii(text)


# First bytes of a zip archive, as .xlsx, .xlsm, .xlsb and .ods are, and of an old Excel workbook (.xls).
_WORKBOOK_STARTS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_LONGEST_START = max(map(len, _WORKBOOK_STARTS))


def _validate_no_workbook(path: Path, raw: bytes) -> None:
    """Raise InputError if these are the first bytes of a workbook or archive."""
    if raw.startswith(_WORKBOOK_STARTS):
        what = "a workbook or archive, not text; expected a scenario (.yaml) or the workbook of a run (.xlsx)"
        hint = "save the workbook of a run as an Excel workbook (.xlsx); tables of plants belong in plants.inventory"
        raise InputError([Issue(shown_path(path), what, hint)])


def _decode_text(path: Path, raw: bytes) -> str:
    _validate_no_workbook(path, raw)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        raise _not_text_error(path, before, "not UTF-8, expected a text file in UTF-8") from error
    odd = _UNPRINTABLE.search(text)
    if odd:
        what = f"control character U+{ord(odd[0]):04X}, expected a text file in UTF-8"
        raise _not_text_error(path, text[: odd.start()], what)
    return text


def _not_text_error(path: Path, before: str, what: str) -> InputError:
    """Error of a file at the place after the text `before`."""
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return InputError([Issue(f"{shown_path(path)}:{line}:{column}", what)])


def shown_path(path: Path) -> str:
    """Path as given by the user, escaped for a terminal."""
    return "".join(shown_text(sign) for sign in str(path))


@dataclass(frozen=True, order=True)
class Mark:
    """A place in a file. Marks sort in reading order: the scenario first (turn 0), then the file it extends."""

    turn: int
    line: int
    column: int
    file: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass
class Document:
    """Values of a file with their places and errors.

    Paths in `rejected` have an error and are not validated again; those in `cleared` were removed by a null.
    """

    start: Mark
    values: dict[Any, Any] = field(default_factory=dict)
    keys: dict[KeyPath, Mark] = field(default_factory=dict)
    marks: dict[KeyPath, Mark] = field(default_factory=dict)
    issues: list[tuple[Mark, Issue]] = field(default_factory=list)
    rejected: set[KeyPath] = field(default_factory=set)
    cleared: set[KeyPath] = field(default_factory=set)

    def add_issue(self, mark: Mark, path: KeyPath, what: str, hint: str = "") -> None:
        """Add an error at `path`, whose value is then not validated again."""
        self.issues.append((mark, Issue(str(mark), f"{dotted_key(path)}: {what}", hint)))
        self.rejected.add(path)

    def note(self, findings: Iterable[Finding]) -> None:
        """Add findings, each at its place, except at or below paths that already have an error."""
        for each in findings:
            if any(each.path[:n] in self.rejected for n in range(1, len(each.path) + 1)):
                continue
            mark = self.mark_of(each.path, on_key=each.on_key)
            what = each.what + (f" at {dotted_key(each.other)}, {self.mark_of(each.other)}" if each.other else "")
            self.issues.append((mark, Issue(str(mark), f"{dotted_key(each.path)}: {what}", each.hint)))

    def issues_in_order(self, others: Iterable[tuple[Mark, Issue]] = ()) -> list[Issue]:
        """The errors and those of `others`, in reading order."""
        return [issue for _, issue in sorted([*self.issues, *others], key=lambda each: each[0])]

    def places(self) -> dict[str, str]:
        """Place of every value, `file:line` by dotted key."""
        return {dotted_key(path): f"{mark.file}:{mark.line}" for path, mark in self.marks.items()}

    def merge_over(
        self, base: Document, is_cleared: Callable[[KeyPath], bool], is_replaced: Callable[[KeyPath], bool]
    ) -> Document:
        """Return the document merged over `base`: mappings key by key, all other values replaced.

        A null removes the value of `base` where `is_cleared` returns True for its path. A mapping without nulls is
        replaced as a whole where `is_replaced` does.
        """
        values, cleared = dict(base.values), set(base.cleared)
        replaced: set[KeyPath] = set()

        def merge_mapping(upper: dict[Any, Any], lower: dict[Any, Any], within: KeyPath) -> None:
            for key, value in upper.items():
                path = (*within, str(key))
                is_merged = isinstance(value, dict) and isinstance(lower.get(key), dict)
                if is_merged and not (is_replaced(path) and None not in value.values()):
                    lower[key] = dict(lower[key])
                    merge_mapping(value, lower[key], path)
                    continue
                replaced.add(path)
                if value is None and (key in lower or path in cleared) and is_cleared(path):
                    lower.pop(key, None)
                    cleared.add(path)
                else:
                    lower[key] = value

        def is_kept(path: KeyPath) -> bool:
            return not any(path[:end] in replaced for end in range(1, len(path) + 1))

        merge_mapping(self.values, values, ())
        return Document(
            self.start,
            values,
            {path: mark for path, mark in base.keys.items() if is_kept(path)} | self.keys,
            {path: mark for path, mark in base.marks.items() if is_kept(path)} | self.marks,
            self.issues + base.issues,
            self.rejected | set(filter(is_kept, base.rejected)),
            cleared,
        )

    def mark_of(self, path: KeyPath, *, on_key: bool = False) -> Mark:
        """The place of the value; of its key for a mapping, an empty value or `on_key`; of its parent when missing."""
        if on_key and path in self.keys:
            return self.keys[path]
        for end in range(len(path), 0, -1):
            if path[:end] in self.marks:
                return self.marks[path[:end]]
            if path[:end] in self.keys:
                return self.keys[path[:end]]
        return self.start


Kind = Literal["scalar", "list", "block", "braces"]


@dataclass(frozen=True)
class Node:
    """A value as written; an alias is the same object as its anchor. Lines and columns count from 0."""

    kind: Kind
    line: int
    column: int
    value: str | float | bool | None = None
    word: str = ""
    """Text of an unquoted scalar."""
    items: tuple[Node, ...] = ()
    """Values of a list; keys and values of a mapping in turn."""

    @cached_property
    def size(self) -> int:
        """Number of values with aliases expanded."""
        return 1 + sum(item.size for item in self.items)

    @cached_property
    def height(self) -> int:
        """Number of levels below with aliases expanded."""
        return 1 + max(item.height for item in self.items) if self.items else 0


def document_of(node: Node, start: Mark) -> Document:
    """Plain values of a mapping, with their places and the errors of single words."""
    reader = _NodeReader(Document(start))
    reader.document.values = reader.value(node, ())
    return reader.document


class _NodeReader:
    def __init__(self, document: Document) -> None:
        self.document = document

    def value(self, node: Node, path: KeyPath) -> Any:
        if node.kind == "list":
            return self._list(node, path)
        if node.kind != "scalar":
            return self._mapping(node, path)
        if has_leading_zero(node.word):
            what = f"{node.word} starts with 0, which some programs read as octal"
            hint = f"{number_hint(node.word)} for the number, '{node.word}' in quotes for the text"
            self.document.add_issue(self._mark(node), path, what, hint)
        return node.value

    def _list(self, node: Node, path: KeyPath) -> list[Any]:
        values = []
        for place, item in enumerate(node.items):
            here = (*path, place)
            self.document.marks[here] = self._mark(item)
            values.append(self.value(item, here))
        return values

    def _mapping(self, node: Node, path: KeyPath) -> dict[Any, Any]:
        values: dict[Any, Any] = {}
        for key, item in zip(node.items[::2], node.items[1::2], strict=True):
            here = (*path, str(key.value) if key.kind == "scalar" else "?")
            if here in self.document.rejected or not self._is_key(key, item, node, here):
                continue
            if here in self.document.keys:
                lines = sorted({self.document.keys[here].line, key.line + 1})
                where = f"lines {lines[0]} and {lines[1]}" if len(lines) > 1 else f"line {lines[0]}"
                what = f"this key is given twice, on {where}"
                self.document.add_issue(self._mark(key), here, what, "keep one")
                continue
            self.document.keys[here] = self._mark(key)
            # An empty value has no place, and a block mapping starts on the next line: both are placed at their key.
            at_key = item.kind == "block" or (item.kind == "scalar" and item.value is None)
            self.document.marks[here] = self._mark(key if at_key else item)
            values[key.value] = self.value(item, here)
        return values

    def _is_key(self, key: Node, item: Node, mapping: Node, path: KeyPath) -> bool:
        """Whether the key is valid; if not, add the error."""
        is_empty = item.kind == "scalar" and item.value is None and not item.word
        if mapping.kind == "braces" and is_empty and key.word.isdigit():
            what = "a comma ends a value, so this is a key without a value"
            hint = "write thousands as 1000000 or 1_000_000"
        elif key.word and is_old_truth(key.word):
            what, hint = "some YAML programs read this key as true or false", f"write '{key.word}' in quotes"
        elif key.word == "<<":
            what, hint = "merge keys are not supported", "use 'extends' to build on another scenario"
        elif has_leading_zero(key.word):
            what, hint = "this key starts with 0", number_hint(key.word)
        elif isinstance(key.value, str | int) and not isinstance(key.value, bool):
            return True
        else:
            what, hint = "expected a word or a year as key", "write 'key: value'"
        self.document.add_issue(self._mark(key), path, what, hint)
        return False

    def _mark(self, node: Node) -> Mark:
        return Mark(self.document.start.turn, node.line + 1, node.column + 1, self.document.start.file)


DEFAULT = "default"

_PLAIN = re.compile(r"[^\W\d_]([\w -]*\w)?")
_SAFE_KEY = re.compile(r"\w[\w ./@()+-]*")
_LARGEST_EXACT = 1e15  # integer-valued floats below this are written without a decimal point
_NO_COPIES: Mapping[str, str] = MappingProxyType({})


def resolved_yaml(
    values: Mapping[str, object], places: Mapping[str, str], copied_from: Mapping[str, str] = _NO_COPIES
) -> str:
    """YAML text of every value in the order of the schema, one per line, with its origin as a comment.

    Origins name files without their folder. `copied_from` holds, by dotted key, the original names of copied files.
    """
    origins = {key: _origin(place) for key, place in places.items()}
    for key, names in copied_from.items():
        origins[key] = f"{origins.get(key, DEFAULT)}, copied from {''.join(map(_sign, names))}"
    return "\n".join(("# Every value, with its origin.", *_lines(values, origins, "", ""))) + "\n"


def origins_in(text: str, places: Mapping[str, str]) -> dict[str, str]:
    """The origins of values by dotted key in a text of `resolved_yaml`; `places` are those of the values in it."""
    lines = text.splitlines()
    found = {}
    for key, place in places.items():
        line = place.rpartition(":")[2]
        if line.isdecimal() and "  # " in lines[int(line) - 1]:
            found[key] = lines[int(line) - 1].rpartition("  # ")[2]
    return found


def _lines(values: Mapping[str, object], origins: Mapping[str, str], parent: str, indent: str) -> Iterator[str]:
    for key, value in values.items():
        dotted = f"{parent}{key}"
        if isinstance(value, Mapping) and value:
            yield f"{indent}{_key(key)}:"
            yield from _lines(value, origins, f"{dotted}.", indent + "  ")
        else:
            yield f"{indent}{_key(key)}: {_yaml_value(value)}  # {origins.get(dotted, DEFAULT)}"


def _key(key: object) -> str:
    """A key as YAML; an id may be written without quotes where that is safe."""
    if not isinstance(key, str) or (_SAFE_KEY.fullmatch(key) and scalar(key) == key and not is_old_truth(key)):
        return str(key)
    return _text(key)


def _origin(place: str) -> str:
    """A place without its folder, so that the text does not depend on where the scenario lies."""
    return "".join(map(_sign, PurePath(place).name))


def _yaml_value(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_yaml_value, value))}]"
    if isinstance(value, Mapping) and value:
        return "{" + ", ".join(f"{_yaml_value(key)}: {_yaml_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _LARGEST_EXACT else repr(value)
    return "{}" if value == {} else str(value)


def _text(text: str) -> str:
    """The text without quotes if every YAML program reads it as text, else in double quotes."""
    if _PLAIN.fullmatch(text) and text.isprintable() and not is_old_truth(text) and scalar(text) == text:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(map(_sign, escaped)) + '"'


def _sign(sign: str) -> str:
    if sign.isprintable():
        return sign
    wide = f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else f"\\U{ord(sign):08x}"
    return {"\n": "\\n", "\t": "\\t"}.get(sign, wide)


_TEXT = """\
# yaml-language-server: $schema=./scenario.schema.json
#
# Run it:      ccs-model check scenario.yaml
#              ccs-model optimize scenario.yaml
# Every key, its default and its meaning: scenario.schema.json (editors show them while you type).
name: @NAME@
description: >
  With CNY 1.5 billion, which steel, ammonia and methanol plants of Shanxi should be retrofitted with carbon capture,
  when, and with which technology?

currency: CNY
price_year: 2024                     # all amounts are in real prices of this year
years: [2026, 2030, 2035]            # start of each period; the last is as long as the one before
discount_rate: 0.08                  # real, per year; rates and shares from 0 to 1

plants:
  inventory: [steel, chemicals]      # the shipped plants of China
  # inventory: [plants.xlsx]         # only your own plants: fill in plants.xlsx first
  # inventory: [steel, plants.xlsx]  # both
  provinces: [Shanxi]                # remove this line for all provinces
  min_emissions_ktpa: 1_500          # excludes smaller plants
  # exclude: [NH3_21]                # ids of plants that may not be retrofitted
  # require: [NH3_82]                # ids of plants that must be retrofitted

# data: tables                       # a folder of your own prices, sites or technologies, which override the shipped

capture:
  technologies: [amine, advanced_amine, compression, purification]
  decisions: integer                 # or continuous: the LP relaxation

storage: {sites: [Ordos, Qinshui], capacity: mid, max_fill_share: 0.5}

budget:
  total_mn: 1_500                    # million of the currency, over all years
  cumulative_mn: {2026: 900}         # up to the end of the period that starts in 2026

solver: {mip_gap: 0.05}
"""


def starter(name: str) -> str:
    """Text of the scenario file that `init` writes: it runs as it is, with alternatives as comments."""
    return _TEXT.replace("@NAME@", json.dumps(name, ensure_ascii=False))
