"""Formulas: each carries its number, uses few functions, and names cells by what they hold.

A template stands for a cell of a table; names in braces become addresses when the table's place is known:

    {capex_mn}          this row, column capex_mn            {capex_mn:all}   the column, from first row to last
    {^capex_mn}         the cell above, in that column       {@tax}           this column, the row with the id `tax`
    {<@tax}             the same, one column to the left     {@tax:all}       that row, over all years
    {@tax.pv_mn}        that row, column pv_mn               {money!pv_mn}    a column of another table
    {money!:col}        another table, this column           {series!@price}  another table's row, this column
    {series!@price:all} another table's row, over all years  {macc!cost_per_t@total}   a cell of another table

Functions are limited to those that every spreadsheet program computes alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from numbers import Real

import numpy as np
from xlsxwriter.utility import xl_col_to_name as _letters_of

from ccs_model.errors import CcsModelError
from ccs_model.report.language import Language
from ccs_model.report.workbook.columns import Cell, Column, is_missing

FUNCTIONS = (
    "SUM", "SUMIFS", "COUNTIF", "SUMPRODUCT", "INDEX", "MATCH", "SMALL", "IF", "IFERROR", "AND", "OR", "MIN", "MAX",
    "NPV", "IRR", "PMT", "ROUND", "TEXT",
)  # fmt: skip
TOTAL = "total"
xl_col_to_name = lru_cache(maxsize=None)(_letters_of)


def column_number(letters: str) -> int:
    """Number of a column, counted from 1."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number


_TOKEN = re.compile(r"\{([^{}]+)\}")
_CALL = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*)\s*\(")
_LITERAL = re.compile(r'"[^"]*"')
_PART = re.compile(
    r"(?:(?P<table>\w+)!)?(?P<left><)?(?P<above>\^)?(?P<name>\w+)?(?:@(?P<row>\w+))?(?:\.(?P<of_row>\w+))?"
    r"(?::(?P<extent>all|col))?"
)


@dataclass(frozen=True)
class Formula:
    """A formula with the value it has; there is none without. The value is a number, or words.

    Words that run on reach over the empty cells to the right.
    """

    template: str
    value: object
    runs_on: bool = False


# A character of no script, which stands for the first part of a message.
_MARK = 0xE000


def message(language: Language, sentence: str, *parts: tuple[str, str]) -> Formula:
    """A sentence in a language whose `{}` are what the formulas of `parts` give, with their values."""
    marks = [chr(_MARK + at) for at in range(len(parts))]
    words = language.label(sentence.format(*marks))
    pieces = [piece for piece in re.split(f"([{''.join(marks)}])", words) if piece]
    found = [parts[ord(piece) - _MARK] if piece in marks else (f'"{piece}"', piece) for piece in pieces]
    return Formula("=" + "&".join(formula for formula, _ in found), "".join(value for _, value in found), True)


@dataclass(frozen=True, eq=False)
class TableRange:
    """Where a table stands: column of each name, first and last row of its body, rows by id; all counted from 0.

    `years` are its first and last column of years, where time runs across.
    """

    sheet: str
    columns: Mapping[str, int]
    heading: int
    first: int
    last: int
    rows: Mapping[str, int] = field(default_factory=dict)
    years: tuple[int, int] | None = None

    def values(self, name: str) -> list[object]:
        """The range of a column's values, as charts take it."""
        return [self.sheet, self.first, self.columns[name], self.last, self.columns[name]]

    def row_values(self, name: str) -> list[object]:
        """The range of a row's values over the years, as charts take it."""
        assert self.years is not None
        return [self.sheet, self.rows[name], self.years[0], self.rows[name], self.years[1]]

    def cell(self, name: str, row: str) -> str:
        """Absolute address of one cell, for other sheets and for defined names."""
        return f"{self.sheet}!${xl_col_to_name(self.columns[name])}${self.rows[row] + 1}"

    def column(self, name: str) -> str:
        """Absolute address of a column's body."""
        letter = xl_col_to_name(self.columns[name])
        return f"{self.sheet}!${letter}${self.first + 1}:${letter}${self.last + 1}"

    def row(self, name: str) -> str:
        """Absolute address of a row over the years."""
        assert self.years is not None
        first, last = (xl_col_to_name(at) for at in self.years)
        return f"{self.sheet}!${first}${self.rows[name] + 1}:${last}${self.rows[name] + 1}"


def resolve_template(template: str, own: TableRange, row: int, column: int, blocks: Mapping[str, TableRange]) -> str:
    """The formula of the cell at `row` and `column`."""
    pieces = _pieces(template)
    made = [each if isinstance(each, str) else _address(each, own, row, column, blocks) for each in pieces]
    return "".join(made)


@lru_cache(maxsize=4096)
def _pieces(template: str) -> tuple[str | re.Match[str], ...]:
    """The template in parts, checked: only FUNCTIONS are called, and no other workbook is named."""
    bare = _LITERAL.sub("", template)
    strange = sorted({name for name in _CALL.findall(_TOKEN.sub("", bare)) if name not in FUNCTIONS})
    if strange or "[" in bare or not template.startswith("="):
        raise CcsModelError(f"the formula {template} calls {', '.join(strange) or 'what no formula here may call'}")
    found: list[str | re.Match[str]] = []
    end = 0
    for match in _TOKEN.finditer(template):
        found.append(template[end : match.start()])
        parts = _PART.fullmatch(match[1])
        if parts is None:
            raise CcsModelError(f"the formula {template} names {match[0]}, which names no cell")
        found.append(parts)
        end = match.end()
    return (*found, template[end:])


def _address(place: re.Match[str], own: TableRange, row: int, column: int, blocks: Mapping[str, TableRange]) -> str:
    table, name, extent = place["table"], place["name"], place["extent"]
    block = blocks[table] if table else own
    prefix = "" if block.sheet == own.sheet else f"{block.sheet}!"
    if place["row"] is not None:
        at = block.rows[place["row"]] + 1
        if extent == "all":
            assert block.years is not None
            first, last = (xl_col_to_name(each) for each in block.years)
            return f"{prefix}${first}${at}:${last}${at}"
        fixed = place["of_row"] or name
        if fixed is not None:
            return f"{prefix}${xl_col_to_name(block.columns[fixed])}${at}"
        return f"{prefix}{xl_col_to_name(column - bool(place['left']))}${at}"
    if extent == "col":
        letter = xl_col_to_name(column)
        return f"{prefix}{letter}${block.first + 1}:{letter}${block.last + 1}"
    assert name is not None, place[0]
    letter = xl_col_to_name(block.columns[name])
    if extent == "all" or table:
        return f"{prefix}${letter}${block.first + 1}:${letter}${block.last + 1}"
    return f"${letter}{row if place['above'] else row + 1}"


Row = Mapping[str, object]


def add_formulas(columns: Sequence[Column], rows: Iterable[Row]) -> list[Row]:
    """The rows with the formulas of columns; without a value they show no text, and a formula of a row's own stays."""
    formulas = {column.name: column.formula for column in columns if column.formula}
    if not formulas:
        return list(rows)
    return [
        {
            **row,
            **{
                name: Formula(formula, "" if is_missing(row[name]) else row[name])
                for name, formula in formulas.items()
                if name in row and not isinstance(row[name], Formula)
            },
        }
        for row in rows
    ]


def sums(columns: Sequence[Column], rows: Sequence[Row]) -> Row:
    """The totals that columns declare; a column without values has none."""
    found: dict[str, object] = {}
    for column in columns:
        if column.total and any(column.name in row for row in rows):
            total = float(np.nansum([_amount(row.get(column.name)) for row in rows]))
            found[column.name] = Formula(f"=SUM({{{column.name}:all}})", total) if column.total == "live" else total
    return found


def _amount(value: object) -> float:
    value = value.value if isinstance(value, Formula) else value
    return float(value) if isinstance(value, float | Real) and not is_missing(value) else 0.0


def is_number(value: object) -> bool:
    """Whether a value, or that of a cell or formula, is a number that is not missing."""
    kind = type(value)
    if kind is float:
        return value == value
    if kind is str:
        return False
    value = value.value if isinstance(value, Cell) else value
    value = value.value if isinstance(value, Formula) else value
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_) and not is_missing(value)
