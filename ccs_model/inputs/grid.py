"""Cells as they stand in a file, before anything is known of their meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ccs_model.errors import Fault
from ccs_model.inputs.source import Source

MOST_ROWS, MOST_COLUMNS = 200_000, 500


@dataclass(frozen=True)
class Grid:
    """Headings and rows (line, cells) of a CSV file or a sheet. A row may be shorter than the header, never longer."""

    source: Source
    header: tuple[str, ...]
    header_line: int
    rows: tuple[tuple[int, tuple[object, ...]], ...]
    sha256: str
    faults: tuple[Fault, ...] = ()
    is_unreadable: bool = False

    def source_with(self, positions: Mapping[str, int]) -> Source:
        """The source, which from here on knows the letters of a sheet's columns."""
        return self.source if self.source.positions is None else replace(self.source, positions=positions)


def unreadable(source: Source, sha256: str, what: str, hint: str = "") -> Grid:
    """A grid that holds nothing but the reason why."""
    return Grid(source, (), 1, (), sha256, (Fault(source.file, what, hint),), is_unreadable=True)
