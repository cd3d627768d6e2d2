"""Fingerprints of the cells that hold results of the solver, by which a changed one is found when a workbook is read.

Three signs stand for a cell: 18 bits of the CRC-32 of its text, or of its number in ten digits. Programs that save a
workbook may change the last of sixteen digits, so that a number also counts as unchanged if its neighbours match.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

_SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"
_WIDTH = 3
# So far a number may move when another program saves it.
_MOVED = 4e-14
# A row of the list holds at most this many signs, which a cell can hold.
_LONGEST = 30_000

Place = tuple[int, int]


@dataclass
class Fingerprints:
    """Cells as they are written, by sheet; rows and columns counted from 0."""

    cells: dict[str, dict[Place, str]] = field(default_factory=dict)

    def record(self, sheet: str, row: int, column: int, value: float | str) -> None:
        """Keep the fingerprint of one cell."""
        self.cells.setdefault(sheet, {})[row, column] = _of(value)

    def rows(self) -> Iterator[dict[str, str]]:
        """The list: sheet, first and last row, columns and signs, of rows with the same columns."""
        for sheet, cells in self.cells.items():
            by_row: dict[int, list[int]] = {}
            for row, column in sorted(cells):
                by_row.setdefault(row, []).append(column)
            rows = sorted(by_row)
            first = 0
            for at in range(1, len(rows) + 1):
                group = rows[first:at]
                n_signs = _WIDTH * len(group) * len(by_row[group[0]])
                is_next = at < len(rows) and rows[at] == rows[at - 1] + 1 and by_row[rows[at]] == by_row[group[0]]
                if is_next and n_signs + _WIDTH * len(by_row[group[0]]) <= _LONGEST:
                    continue
                signs = "".join(cells[row, column] for row in group for column in by_row[group[0]])
                yield {
                    "sheet": sheet,
                    "rows": f"{group[0] + 1}:{group[-1] + 1}",
                    "columns": " ".join(str(column + 1) for column in by_row[group[0]]),
                    "signs": signs,
                }
                first = at


def changed_cells(
    rows: Iterable[tuple[str, str, str, str]], cells: Mapping[tuple[str, int, int], float | str | bool]
) -> Iterator[tuple[str, int, int]]:
    """Yield sheet, row and column (counted from 1) of each cell that differs from the list `rows`.

    Raises ValueError if the list itself is damaged.
    """
    for sheet, span, columns, signs in rows:
        first, last = map(int, span.split(":"))
        n_cells = (last - first + 1) * len(columns.split())
        if len(signs) != _WIDTH * n_cells:
            raise ValueError(f"{len(signs)} signs for {n_cells} cells of sheet {sheet}")
        places = [(row, int(column)) for row in range(first, last + 1) for column in columns.split()]
        for k, (row, column) in enumerate(places):
            value = cells.get((sheet, row, column), "")
            if signs[_WIDTH * k : _WIDTH * (k + 1)] not in _like(value):
                yield sheet, row, column


def _of(value: float | str | bool) -> str:
    text = value if isinstance(value, str) else f"{float(value) + 0.0:.9e}"
    number = zlib.crc32(text.encode("utf-8", "surrogatepass"))
    return "".join(_SIGNS[(number >> shift) & 63] for shift in (0, 6, 12))


def _like(value: float | str | bool) -> tuple[str, ...]:
    if isinstance(value, str):
        return (_of(value),)
    number = float(value)
    return _of(number), _of(number * (1.0 - _MOVED)), _of(number * (1.0 + _MOVED))
