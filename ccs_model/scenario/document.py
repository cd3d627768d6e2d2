"""Values of a YAML file with the line and column of each, and how one file is laid over another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ccs_model.errors import Fault
from ccs_model.scenario.findings import Finding, KeyPath, dotted


@dataclass(frozen=True, order=True)
class Mark:
    """A place in a file. Marks sort as a reader meets them: the scenario first, then the file it is like."""

    turn: int
    line: int
    column: int
    file: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass
class Document:
    """What one file says. `refused` holds what was already reported, so that it is not reported twice."""

    start: Mark
    values: dict[Any, Any] = field(default_factory=dict)
    keys: dict[KeyPath, Mark] = field(default_factory=dict)
    marks: dict[KeyPath, Mark] = field(default_factory=dict)
    faults: list[tuple[Mark, Fault]] = field(default_factory=list)
    refused: set[KeyPath] = field(default_factory=set)

    def refuse(self, mark: Mark, path: KeyPath, what: str, hint: str = "") -> None:
        """Notes a fault at `path`; what stands there is not looked at again."""
        self.faults.append((mark, Fault(str(mark), f"{dotted(path)}: {what}", hint)))
        self.refused.add(path)

    def note(self, findings: Iterable[Finding]) -> None:
        """Notes what is wrong with the values, each at its line, unless it follows from something reported."""
        for each in findings:
            if any(each.path[:n] in self.refused for n in range(1, len(each.path) + 1)):
                continue
            mark = self.keys[each.path] if each.on_key and each.path in self.keys else self._nearest(each.path)
            what = each.what + (f" at {dotted(each.other)}, {self._nearest(each.other)}" if each.other else "")
            self.faults.append((mark, Fault(str(mark), f"{dotted(each.path)}: {what}", each.hint)))

    def places(self) -> dict[str, str]:
        """`file:line` of every value, by dotted key."""
        return {dotted(path): f"{mark.file}:{mark.line}" for path, mark in self.marks.items()}

    def laid_over(self, base: Document) -> Document:
        """The values of `base` with these on top: mappings merged key by key, everything else replaced."""
        values = dict(base.values)
        replaced: set[KeyPath] = set()
        _lay(self.values, values, (), replaced)
        return Document(
            self.start,
            values,
            _kept(base.keys, replaced) | self.keys,
            _kept(base.marks, replaced) | self.marks,
            self.faults + base.faults,
            self.refused | {path for path in base.refused if not _beneath(path, replaced)},
        )

    def _nearest(self, path: KeyPath) -> Mark:
        """The place of the value; of its key when the value is a mapping or nothing; of what holds it when missing."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.marks:
                return self.marks[path[:end]]
            if path[:end] in self.keys:
                return self.keys[path[:end]]
        return self.start


def _lay(upper: dict[Any, Any], lower: dict[Any, Any], path: KeyPath, replaced: set[KeyPath]) -> None:
    for key, value in upper.items():
        here = (*path, str(key))
        if isinstance(value, dict) and isinstance(lower.get(key), dict):
            lower[key] = dict(lower[key])
            _lay(value, lower[key], here, replaced)
        else:
            lower[key] = value
            replaced.add(here)


def _kept(marks: dict[KeyPath, Mark], replaced: set[KeyPath]) -> dict[KeyPath, Mark]:
    return {path: mark for path, mark in marks.items() if not _beneath(path, replaced)}


def _beneath(path: KeyPath, replaced: set[KeyPath]) -> bool:
    return any(path[:end] in replaced for end in range(1, len(path) + 1))
