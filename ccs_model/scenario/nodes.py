"""Values of a YAML text as written, and what they mean: names, numbers, years; the place of each is kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from ccs_model.scenario.document import Document, Mark
from ccs_model.scenario.findings import KeyPath
from ccs_model.scenario.scalars import has_leading_zero, is_old_truth, number_hint

Kind = Literal["scalar", "list", "block", "braces"]


@dataclass(frozen=True)
class Node:
    """One value as written; an alias is the very node it repeats. Lines and columns count from 0."""

    kind: Kind
    line: int
    column: int
    value: str | float | bool | None = None
    word: str = ""
    """An unquoted scalar, letter by letter."""
    items: tuple[Node, ...] = ()
    """Of a list its values; of a mapping key, value, key, value."""

    @cached_property
    def size(self) -> int:
        """How many values this is when aliases are written out."""
        return 1 + sum(item.size for item in self.items)

    @cached_property
    def height(self) -> int:
        """How many levels lie beneath when aliases are written out."""
        return 1 + max(item.height for item in self.items) if self.items else 0


def unfolded(node: Node, start: Mark) -> Document:
    """The plain values of a mapping, with the place of each and what is wrong with single words."""
    unfolding = _Unfolding(Document(start))
    unfolding.document.values = unfolding.value(node, ())
    return unfolding.document


class _Unfolding:
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
            self.document.refuse(self._mark(node), path, what, hint)
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
            if here in self.document.refused or not self._is_key(key, item, node, here):
                continue
            if here in self.document.keys:
                what = f"this key is given twice, on lines {self.document.keys[here].line} and {key.line + 1}"
                self.document.refuse(self._mark(key), here, what, "keep one")
                continue
            self.document.keys[here] = self._mark(key)
            # An empty value has no place of its own, and a block of keys starts on the next line.
            at_key = item.kind == "block" or (item.kind == "scalar" and item.value is None)
            self.document.marks[here] = self._mark(key if at_key else item)
            values[key.value] = self.value(item, here)
        return values

    def _is_key(self, key: Node, item: Node, mapping: Node, path: KeyPath) -> bool:
        """Whether the key can be one; if not, says why."""
        if mapping.kind == "braces" and item.kind == "scalar" and item.value is None and key.word.isdigit():
            what = "a comma ends a value, so this is a key without a value"
            hint = "write thousands as 1000000 or 1_000_000"
        elif key.word and is_old_truth(key.word):
            what, hint = "older YAML programs read this key as true or false", f"write '{key.word}' in quotes"
        elif key.word == "<<":
            what, hint = "merge keys are not used here", "use 'like' to build on another scenario"
        elif has_leading_zero(key.word):
            what, hint = "a key that starts with 0", number_hint(key.word)
        elif isinstance(key.value, str | int) and not isinstance(key.value, bool):
            return True
        else:
            what, hint = "expected a word or a year as key", "write 'key: value'"
        self.document.refuse(self._mark(key), path, what, hint)
        return False

    def _mark(self, node: Node) -> Mark:
        return Mark(self.document.start.turn, node.line + 1, node.column + 1, self.document.start.file)
