"""Fingerprints of the cells that hold results of the solver, by which a changed one is found when a workbook is read.

Two signs stand for a cell: 12 bits of the CRC-32 of its text, or of its number in ten digits; one change of 4,096 is
missed. Programs that save a workbook may change the last of sixteen digits, so that a number also counts as unchanged
if its neighbours match.

A formula has two signs of its own, those of its text as seen from its cell, which are the same for all cells that a
formula is filled into. Programs that save a workbook write every filled formula in full, leave out spaces and quotation
marks around names of sheets, and write numbers and ranges in another form. None of that changes `relative_formula`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from ccs_model.report.workbook.formulas import column_number

# Texts, cells with or without dollar signs, numbers, names and functions, signs.
_TOKEN = re.compile(
    r"""(?P<text>"(?:[^"]|"")*")
    |(?P<cell>(?<![\w.])\$?[A-Z]{1,3}\$?[0-9]{1,7}(?![\w.(]))
    |(?P<number>(?<![\w.])(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.]))
    |(?P<name>[^\W0-9][\w.]*)
    |(?P<space>[\s'])
    |(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
# A sheet that is named for both ends of a range, and a range of one cell.
_END = r"R(?:\[-?[0-9]+\]|[0-9]+)C(?:\[-?[0-9]+\]|[0-9]+)(?![0-9])"
_SHEET_AGAIN = re.compile(rf"(?<!\w)(\w+)!({_END}):\1!(?={_END})")
_ONE_CELL = re.compile(rf"({_END}):\1")
_CELL = re.compile(r"(\$?)([A-Z]{1,3})(\$?)([0-9]{1,7})")


def relative_formula(formula: str, row: int, column: int) -> str:
    """The formula of the cell at `row` and `column`, with cells that move along by their distance.

    Rows and columns are counted from 1.
    """
    seen = "".join(_relative_part(match, row, column) for match in _TOKEN.finditer(formula.removeprefix("=")))
    return _ONE_CELL.sub(r"\1", _SHEET_AGAIN.sub(r"\1!\2:", seen))


def _relative_part(match: re.Match[str], row: int, column: int) -> str:
    kind, text = match.lastgroup, match[0]
    if kind == "space":
        return ""
    if kind == "number":
        return f"{float(text):.12g}"
    if kind == "name":
        return text.lower()
    if kind != "cell":
        return text
    cell = _CELL.fullmatch(text)
    assert cell is not None
    fixed_column, letters, fixed_row, number = cell.groups()
    at = column_number(letters)
    across = f"C{at}" if fixed_column else f"C[{at - column}]"
    down = f"R{int(number)}" if fixed_row else f"R[{int(number) - row}]"
    return down + across


_SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"
_WIDTH, _EARLIER_WIDTH = 2, 3
# In place of the signs of cells that hold formulas; theirs stand behind the columns.
_FORMULAS, _SIGNED = "formulas", "="
# So far a number may move when another program saves it.
_MOVED = 4e-14
# A row of the list holds at most this many signs, which a cell can hold.
_LONGEST = 30_000

Place = tuple[int, int]
# A formula, and the row and the column of the cell that it is written for, counted from 1.
Written = tuple[str, int, int]


@dataclass
class Fingerprints:
    """Cells as they are written, by sheet; rows and columns counted from 0."""

    cells: dict[str, dict[Place, str]] = field(default_factory=dict)
    formulas: dict[str, dict[Place, str]] = field(default_factory=dict)

    def record(self, sheet: str, row: int, column: int, value: float | str) -> None:
        """Keep the fingerprint of one cell."""
        self.cells.setdefault(sheet, {})[row, column] = _value_sign(value)[:_WIDTH]

    def record_formula(self, sheet: str, row: int, column: int, text: str, first: Place | None = None) -> None:
        """Keep that a cell holds a formula, whose value may change, and the signs of its text.

        The text is that of the cell `first` if it is filled from there.
        """
        first_row, first_column = first or (row, column)
        self.formulas.setdefault(sheet, {})[row, column] = sign_of(text, first_row + 1, first_column + 1)

    def rows(self) -> Iterator[dict[str, str]]:
        """The list: sheet, first and last row, columns and signs, of rows with the same columns.

        The formulas of a sheet are one row, whose columns are those of each group of rows.
        """
        for sheet, cells in self.cells.items():
            for group, columns in _groups(cells, _LONGEST // _WIDTH):
                yield {
                    "sheet": sheet,
                    "rows": f"{group[0] + 1}:{group[-1] + 1}",
                    "columns": " ".join(str(column + 1) for column in columns),
                    "signs": "".join(cells[row, column] for row in group for column in columns),
                }
        for sheet, formulas in self.formulas.items():
            parts = [
                f"{group[0] + 1}:{group[-1] + 1} {' '.join(str(column + 1) for column in columns)}{_SIGNED}"
                + "".join(formulas[group[0], column] for column in columns)
                for group, columns in _groups(formulas, len(formulas), formulas)
            ]
            for joined in _join_parts(parts):
                yield {"sheet": sheet, "rows": "1:1", "columns": joined, "signs": _FORMULAS}


@lru_cache(maxsize=4096)
def sign_of(formula: str, row: int, column: int) -> str:
    """The signs of the formula of a cell, counted from 1."""
    return _value_sign(relative_formula(formula, row, column))[:_WIDTH]


def _join_parts(parts: Iterable[str]) -> Iterator[str]:
    """The parts in texts that a cell can hold."""
    text = ""
    for part in parts:
        if text and len(text) + len(part) >= _LONGEST:
            yield text
            text = ""
        text += f";{part}" if text else part
    if text:
        yield text


def _groups(
    cells: Iterable[Place], most: int, alike: Mapping[Place, str] | None = None
) -> Iterator[tuple[list[int], list[int]]]:
    """Rows that follow one another with cells in the same columns, and these columns; at most `most` cells.

    With `alike`, the rows of a group also have the same texts there.
    """
    by_row: dict[int, list[int]] = {}
    for row, column in sorted(cells):
        by_row.setdefault(row, []).append(column)
    group: list[int] = []
    for row, columns in by_row.items():
        is_next = group and row == group[-1] + 1 and columns == by_row[group[0]]
        if is_next and alike is not None:
            is_next = all(alike[row, column] == alike[group[0], column] for column in columns)
        if group and not (is_next and (len(group) + 1) * len(columns) <= most):
            yield group, by_row[group[0]]
            group = []
        group.append(row)
    if group:
        yield group, by_row[group[0]]


def changed_cells(
    rows: Iterable[tuple[str, str, str, str]],
    cells: Mapping[tuple[str, int, int], float | str | bool],
    formulas: Mapping[tuple[str, int, int], Written],
) -> Iterator[tuple[str, int, int]]:
    """Yield sheet, row and column (counted from 1) of each cell that differs from the list `rows`.

    `cells` has no cells with formulas: those are in `formulas`. A formula that was deleted, or replaced by a value or
    by another formula, differs.

    Raises ValueError if the list itself is damaged.
    """
    for sheet, span, columns, signs in rows:
        if signs == _FORMULAS:
            for part in columns.split(";"):
                places, expected = _formulas_of(part)
                for (row, column), sign in zip(places, expected, strict=True):
                    written = formulas.get((sheet, row, column))
                    if written is None or (sign and sign_of(*written) != sign):
                        yield sheet, row, column
            continue
        places = _places(span, columns)
        width = len(signs) // max(len(places), 1)
        if len(signs) != width * len(places) or width not in (_WIDTH, _EARLIER_WIDTH):
            raise ValueError(f"{len(signs)} signs for {len(places)} cells of sheet {sheet}")
        for k, (row, column) in enumerate(places):
            value = cells.get((sheet, row, column), "")
            if signs[width * k : width * (k + 1)] not in {each[:width] for each in _similar_signs(value)}:
                yield sheet, row, column


def _formulas_of(part: str) -> tuple[list[Place], list[str]]:
    """Places of a part of the formulas, and the sign of each: empty in workbooks of earlier versions."""
    listed, _, signs = part.partition(_SIGNED)
    places = _places(*listed.split(" ", 1))
    if not signs:
        return places, [""] * len(places)
    each = [signs[at : at + _WIDTH] for at in range(0, len(signs), _WIDTH)]
    if not each or len(places) % len(each):
        raise ValueError(f"{len(signs)} signs for {len(places)} formulas")
    return places, each * (len(places) // len(each))


def _places(span: str, columns: str) -> list[Place]:
    first, last = map(int, span.split(":"))
    return [(row, int(column)) for row in range(first, last + 1) for column in columns.split()]


def _value_sign(value: float | str | bool) -> str:
    text = value if isinstance(value, str) else f"{float(value) + 0.0:.9e}"
    number = zlib.crc32(text.encode("utf-8", "surrogatepass"))
    return "".join(_SIGNS[(number >> shift) & 63] for shift in (0, 6, 12))


def _similar_signs(value: float | str | bool) -> tuple[str, ...]:
    if isinstance(value, str):
        return (_value_sign(value),)
    number = float(value)
    return _value_sign(number), _value_sign(number * (1.0 - _MOVED)), _value_sign(number * (1.0 + _MOVED))
