"""Where the rows of a table stand, so that a fault names its file and line, or its workbook, sheet and cell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ccs_model.errors import Fault

_CELL = re.compile(r"(.*!)([A-Z]+)(\d+)")
_LINE = re.compile(r"([^:]*(?::[^:\d][^:]*)?):(\d+)(:.*)?")


@dataclass(frozen=True)
class Source:
    """One file or sheet. `positions` counts columns from 0; only a sheet needs them."""

    file: str
    positions: Mapping[str, int] | None = None
    is_own: bool = False

    def at(self, line: int, column: str = "") -> str:
        """`plants/steel.csv:12:status`, or `inv.xlsx:steel!D12`; a row as a whole stands at its first column."""
        if self.positions is None:
            return f"{self.file}:{line}" + (f":{column}" if column else "")
        first = min(self.positions.values(), default=0)
        return f"{self.file}!{letters_of(self.positions.get(column, first))}{line}"

    def at_position(self, line: int, position: int) -> str:
        """The place of a heading or of a cell under no heading."""
        if self.positions is None:
            return f"{self.file}:{line}"
        return f"{self.file}!{letters_of(position)}{line}"


def letters_of(position: int) -> str:
    """A spreadsheet's name of a column: 0 is A, 26 is AA."""
    letters = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def reading_order(fault: Fault) -> tuple[str, int, int, str, Fault]:
    """Sorts faults as a reader meets them: file by file, line by line, from left to right."""
    if cell := _CELL.fullmatch(fault.where):
        return cell[1], int(cell[3]), len(cell[2]), cell[2], fault
    if line := _LINE.fullmatch(fault.where):
        return line[1], int(line[2]), 0, line[3] or "", fault
    return fault.where, 0, 0, "", fault
