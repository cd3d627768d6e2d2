"""Validates a grid of cells against the declaration of its table, and converts it to a DataFrame.

CSV files and workbook sheets differ only in how an issue gives the place of a cell. Headings match declared columns by
name, label or Chinese name, with or without a unit in brackets; a Chinese heading of a capacity must include its unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice

import pandas as pd

from ccs_model.errors import Issue
from ccs_model.inputs.cells import THOUSANDS_POINT, conversion, convert_cell, currency_of, shipped_rows
from ccs_model.inputs.chinese import UNITS, headings_of, normalize_words
from ccs_model.inputs.declarations import Column, Grid, letters_of
from ccs_model.scenario.fields import CURRENCY, HOME_CURRENCY
from ccs_model.scenario.validation import most_similar_name, shown_text
from ccs_model.units import join_first_names, label_of

_REQUIRED_UNITS = ("kt/y",)
_MONEY = ("money", "million money")
_MONEY_EXAMPLES = "million CNY, 万元, bn USD, kEUR, INR crore, with /t, /kWh or /y where the column has it"
# Number of lines searched for a header below a title, and number of known columns that identify one.
LINES_OF_TITLE, _PLAINLY_A_HEADER = 20, 4
# Similarity of a heading to a column that it misspells: Fuente is no note, longitude is lon_deg.
_SIMILAR = 0.62
_WITH_UNIT = re.compile(r"(.*\S)\s*[\[(（［【]([^\[\]()（）［］【】]*)[\])）］】]")


@dataclass(frozen=True)
class Table:
    """A table as read, with its issues. The columns `line` and `source` of the frame give the place of each row.

    `notices` says which values were converted: columns in another unit, and numbers stored as text.
    """

    name: str
    frame: pd.DataFrame
    issues: tuple[Issue, ...] = ()
    notices: tuple[str, ...] = ()


def table_of(grid: Grid, name: str, columns: Sequence[Column], currency: str = "") -> Table:
    """The grid as a table with the declared columns. `currency` is that of amounts that state none."""
    if below := late_header_line(grid.header, grid.rows, columns):
        issue = Issue(grid.source.at_position(below, 0), *late_header_message(below))
        grid = replace(grid, header=(), rows=(), issues=(issue,), is_unreadable=True)
    issues = list(grid.issues)
    names, wrong = _match_headings(grid, columns)
    issues += wrong if not grid.is_unreadable else ()
    source = grid.source
    if source.positions is not None:
        source = replace(source, positions={each: position for position, each in enumerate(names) if each})
    beside = _rows_beside_the_table(grid, names, columns)
    issues += [Issue(source.at_position(line, 0), *words) for line, words in beside.items()]
    grid = replace(grid, source=source, rows=tuple(row for row in grid.rows if row[0] not in beside))
    data: dict[str, list[object]] = {}
    notices: list[str] = []
    given = {column.name: _Cells.of(column, grid, names) for column in columns if column.name in names}
    currencies = {cells.currency: cells.at for cells in given.values() if cells.currency}
    unstated = next(iter(currencies)) if len(currencies) == 1 else currency
    for column in columns:
        cells = given.get(column.name)
        if cells is None:
            data[column.name] = [None] * len(grid.rows)
            continue
        data[column.name] = cells.values(issues, unstated)
        issues += cells.currency_issues()
        notices += [*cells.conversion(), *cells.numbers_as_text(data[column.name])]
    issues += _fill_currency(data, currencies, grid)
    issues += _values_without_heading(grid)
    notices += _hidden_rows(grid, columns[0].name, data)
    if grid.is_hidden and grid.rows:
        notices.append(
            f"{grid.source.file}: the sheet is hidden but read like the others; delete what should not be read"
        )
    frame = pd.DataFrame(data, columns=[column.name for column in columns])
    for column in columns:
        if column.is_number:
            numbers = pd.to_numeric(frame[column.name]).astype(float)
            frame[column.name] = numbers.fillna(float(column.default)) if column.default else numbers
        else:
            frame[column.name] = frame[column.name].fillna(column.default).astype(str).astype(object)
    frame["line"] = pd.Series([line for line, _ in grid.rows], dtype="int64")
    frame["source"] = pd.Series([source] * len(frame), dtype=object)
    return Table(name, frame, tuple(issues), tuple(notices))


_TOTALS = frozenset(("total", "totals", "sum", "subtotal", "grand total", "合计", "总计", "小计"))
# A total, perhaps of something: TOTAL ESPAÑA.
_TOTAL_OF = re.compile(rf"({'|'.join(sorted(_TOTALS))})([\s:：].*)?")
_IS_TOTAL = ("looks like a row of totals, expected a row of the table", "delete it")
_IS_UNITS = (
    "looks like a row of units, expected a row of the table",
    "delete it; a unit stands in its heading: Capacity [kt/y]",
)


def _rows_beside_the_table(grid: Grid, names: Sequence[str], columns: Sequence[Column]) -> dict[int, tuple[str, str]]:
    """Lines of totals, and of units without a key, with what and hint of their issue."""
    key = columns[0].name
    if key not in names:
        return {}
    by_name = {column.name: column for column in columns}
    required = {column.name for column in columns if column.required}
    found = {}
    for line, cells in grid.rows:
        there = {name: each for name, each in zip(names, cells, strict=False) if each not in (None, "") and name}
        texts = {name: each.strip() for name, each in there.items() if isinstance(each, str)}
        # In a CSV file every number is a text.
        words = [] if required <= there.keys() else [text for text in texts.values() if any(map(str.isalpha, text))]
        if len(words) == 1 and _TOTAL_OF.fullmatch(words[0].lower()):
            found[line] = _IS_TOTAL
        elif key in there:
            continue
        elif any(text.lower().rstrip(":：") in _TOTALS for text in texts.values()):
            found[line] = _IS_TOTAL
        elif any(by_name[name].unit and _factor(text, by_name[name]) is not None for name, text in texts.items()):
            found[line] = _IS_UNITS
    return found


def _factor(unit: str, column: Column) -> float | None:
    """Factor from a stated unit to that of the column; None if it cannot be converted."""
    return 1.0 if _unit(unit) == _unit(column.unit) else conversion(unit, column)


_NAMED = 12


def _hidden_rows(grid: Grid, key: str, data: Mapping[str, Sequence[object]]) -> list[str]:
    """Notice of the hidden rows of a sheet, which are read like the others, with the ids that they hold."""
    names = [
        f"{line} ({shown_text(name)})" if name else str(line)
        for (line, _), name in zip(grid.rows, data[key], strict=True)
        if line in grid.hidden
    ]
    if not names:
        return []
    rows, are = ("1 row", "is") if len(names) == 1 else (f"{len(names):,} rows", "are")
    return [
        f"{grid.source.file}: {rows} hidden by hand or by a filter {are} read like the others: "
        f"{join_first_names(names, _NAMED)}; delete what should not be read"
    ]


@dataclass(frozen=True)
class _Cells:
    """The cells of a declared column at a position of a grid, and what its heading says of them.

    `factor` converts from the `unit` of the heading, None if that is not possible; `currency` is that of the heading.
    `money_at` is the position of the currencies of the rows, -1 if they have none.
    """

    column: Column
    grid: Grid
    at: int
    unit: str
    factor: float | None
    currency: str
    money_at: int

    @classmethod
    def of(cls, column: Column, grid: Grid, names: Sequence[str]) -> _Cells:
        """The cells of a column that `names`, those of the headings, have."""
        at, is_money = names.index(column.name), column.unit.startswith(_MONEY)
        unit = stated_unit(grid.header[at], column)
        factor, currency = _factor(unit, column) if unit else 1.0, currency_of(unit) if is_money else ""
        return cls(column, grid, at, unit, factor, currency, _position("currency", names) if is_money else -1)

    def rows(self) -> Iterator[tuple[int, object, str]]:
        """Line, cell and currency of each row."""
        for line, cells in self.grid.rows:
            money = cells[self.money_at] if -1 < self.money_at < len(cells) else ""
            yield line, cells[self.at] if self.at < len(cells) else None, str(money or "").strip()

    def place(self, line: int) -> str:
        """Place of the cell of a line."""
        return self.grid.source.at(line, self.column.name)

    def values(self, issues: list[Issue], unstated: str) -> list[object]:
        """The converted cells; valid texts are converted once. Amounts without a currency are in the `unstated` one."""
        # Numbers in a unit that cannot be converted are not compared with the range.
        column = self.column if self.factor is not None else replace(self.column, low=None, high=None)
        valid: dict[tuple[str, str], object] = {}
        values: list[object] = []
        is_money = self.column.unit.startswith(_MONEY)
        for line, cell, of_row in self.rows():
            money = of_row or self.currency or (unstated if is_money else "")
            if type(cell) is str and (cell, money) in valid:
                values.append(valid[cell, money])
                continue
            n_issues = len(issues)
            of_money = scale_range(column, money) if money else column
            values.append(convert_cell(of_money, cell, self.place(line), issues, self.factor or 1.0))
            if type(cell) is str and len(issues) == n_issues:
                valid[cell, money] = values[-1]
        return values

    def currency_issues(self) -> Iterator[Issue]:
        """Issues of amounts in a row whose currency is not the one that the heading names."""
        for line, cell, money in self.rows() if self.currency else ():
            if money not in ("", self.currency) and cell not in (None, ""):
                what = f"its heading is in {self.currency}, its row in {shown_text(money)}"
                yield Issue(self.place(line), what, f"convert it to {shown_text(money)} and leave the unit out")

    def conversion(self) -> Iterator[str]:
        """A notice of the conversion from another unit."""
        if self.factor not in (None, 1.0):
            yield (
                f"{self.grid.source.at_position(self.grid.header_line, self.at)}: column "
                f"'{shown_text(self.grid.header[self.at])}' is converted from {shown_text(self.unit)} to "
                f"{self.column.unit.replace('money', self.currency or 'money')} (× {self.factor:.6g})"
            )

    def numbers_as_text(self, values: Sequence[object]) -> Iterator[str]:
        """Notices of numbers that a sheet stores as text, and of texts like 5.000 where a point may separate thousands.

        In a CSV file every number is text. One with semicolons comes from a program whose decimal sign is a comma.
        """
        is_sheet = self.grid.source.positions is not None
        if not self.column.is_number or not (is_sheet or self.grid.is_semicolon):
            return
        rows = zip(self.rows(), values, strict=True)
        texts = [(line, cell) for (line, cell, _), value in rows if value is not None and isinstance(cell, str)]
        for are_thousands in (False, True):
            found = [each for each in texts if bool(THOUSANDS_POINT.fullmatch(each[1])) == are_thousands]
            if not found or (self.column.unit == "degrees" if are_thousands else not is_sheet):
                continue
            line, first = found[0]
            more = f", and {len(found) - 1:,} more of the column" if len(found) > 1 else ""
            what = f"the text '{shown_text(first)}' is read as a number{more}"
            if are_thousands:
                digits = first.replace(".", "")
                what = f"'{first}' is read as {float(first):g}{more}; write {digits} if the point separates thousands"
            yield f"{self.place(line)}: {what}"


def _position(name: str, names: Sequence[str]) -> int:
    return names.index(name) if name in names else -1


def _fill_currency(data: dict[str, list[object]], currencies: Mapping[str, int], grid: Grid) -> Iterator[Issue]:
    """Give rows without a currency that of the headings, which must name one only; `currencies` are their columns."""
    lacking = [row for row, currency in enumerate(data.get("currency", ())) if not currency]
    if len(currencies) > 1 and lacking:
        what = f"headings are in {' and '.join(map(shown_text, currencies))}, and the row has no currency"
        place = grid.source.at_position(grid.rows[lacking[0]][0], max(currencies.values()))
        yield Issue(place, what, "give the row a currency")
    for row in lacking if len(currencies) == 1 else ():
        data["currency"][row] = next(iter(currencies))


def scale_range(column: Column, currency: str) -> Column:
    """The column with the upper end of its range in a currency whose unit is worth less than a yuan."""
    worth = _cny_per_unit().get(currency, 0.0 if CURRENCY.fullmatch(currency) else 1.0)
    if column.high is None or worth >= 1.0:
        return column
    return replace(column, high=column.high / worth if worth else None)


@cache
def _cny_per_unit() -> dict[str, float]:
    """Yuan per unit of each shipped currency, in the last year given; they only scale ranges."""
    rows = sorted(shipped_rows("indices/exchange_rates"), key=lambda row: int(row["year"]))
    return {HOME_CURRENCY: 1.0} | {row["currency"]: float(row["cny_per_unit"]) for row in rows}


def _values_without_heading(grid: Grid) -> list[Issue]:
    """Issues of values in columns without a heading, which would be lost otherwise."""
    issues = []
    named = {position for position, heading in enumerate(grid.header) if heading}
    for line, cells in grid.rows:
        for position, cell in enumerate(cells):
            if position not in named and cell is not None and cell != "":
                issues.append(Issue(grid.source.at_position(line, position), "a value in a column without a heading"))
    return issues


def _match_headings(grid: Grid, columns: Sequence[Column]) -> tuple[list[str], list[Issue]]:
    """Column name of each heading ("" for none), and the issues of the headings."""
    source, line = grid.source, grid.header_line
    issues: list[Issue] = []
    names: list[str] = []
    for position, heading in enumerate(grid.header):
        column = column_of(heading, columns)
        names.append(column.name if column else "")
        if not heading:
            continue
        place = source.at_position(line, position)
        if column is None:
            issues.append(
                Issue(place, f"unknown column '{shown_text(heading)}'", nearest_column_hint(heading, columns))
            )
        elif (unit := stated_unit(heading, column)) and _factor(unit, column) is None:
            what = f"column '{shown_text(heading)}' is in {shown_text(unit)}, expected {column.unit or 'no unit'}"
            is_ton = re.search(r"(?<!short )(?<!metric )\btons?\b", unit.lower())
            hint = "a ton may be short or metric: write 'short ton' or 't'" if is_ton else ""
            if column.unit.startswith(_MONEY) and not hint:
                hint = f"units of money: {_MONEY_EXAMPLES}; or convert it and name it '{column.name}'"
            issues.append(Issue(place, what, hint or f"convert it and name it '{column.name}'"))
        elif not unit and column.unit in _REQUIRED_UNITS and normalize_words(heading) in headings_of(column.name):
            what = f"column '{shown_text(heading)}' has no unit, expected {column.unit}"
            hint = f"name it {shown_text(heading)}（千吨/年） or {shown_text(heading)}（万吨/年）"
            issues.append(Issue(place, what, hint))
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        at = [
            f"column {letters_of(i)}" if source.positions is not None else str(i + 1)
            for i, other in enumerate(names)
            if other == name
        ]
        what = f"column '{name}' is given twice, at {' and '.join(at)}"
        issues.append(Issue(source.at_position(line, names.index(name)), what))
    issues.extend(
        Issue(source.at_position(line, 0), f"column '{column.name}' is missing", column.meaning)
        for column in columns
        if column.required and column.name not in names
    )
    return names, issues


def column_of(heading: str, columns: Sequence[Column]) -> Column | None:
    """The column that a heading names, or None."""
    for column in columns:
        if column.name == heading:
            return column
    found = _find_columns(heading, columns)
    if not found and (match := _WITH_UNIT.fullmatch(_join_lines(heading))):
        found = _find_columns(match[1], columns)
        # The unit tells columns with the same label apart.
        found = [column for column in found if _factor(match[2].strip(), column)] if len(found) > 1 else found
    return found[0] if len(found) == 1 else None


def _find_columns(words: str, columns: Sequence[Column]) -> list[Column]:
    return [column for column in columns if normalize_words(words) in _names_of(column.name)]


@cache
def _names_of(column: str) -> tuple[str, ...]:
    """Name, label and Chinese names of a column."""
    return column, normalize_words(label_of(column)), *headings_of(column)


def late_header_line(
    header: Sequence[str], rows: Iterable[tuple[int, Sequence[object]]], columns: Sequence[Column]
) -> int:
    """Line of the header if it is below the first row, which may be a title; else 0."""
    if any(column_of(heading, columns) for heading in header if heading):
        return 0
    for line, cells in islice(rows, LINES_OF_TITLE):
        known = sum(isinstance(cell, str) and column_of(cell.strip(), columns) is not None for cell in cells)
        if known >= _PLAINLY_A_HEADER:
            return line
    return 0


def late_header_message(line: int) -> tuple[str, str]:
    """Message and hint for a header below the first line."""
    return f"the header is on line {line}, expected on the first", "delete the lines above it"


def stated_unit(heading: str, column: Column) -> str:
    """Unit in brackets at the end of the heading, or ""."""
    if normalize_words(heading) in _names_of(column.name):
        return ""
    match = _WITH_UNIT.fullmatch(_join_lines(heading))
    return match[2].strip() if match else ""


def nearest_column_hint(heading: str, columns: Sequence[Column]) -> str:
    """Hint that names the most similar column, or ""."""
    message = heading[:80]
    if (match := _WITH_UNIT.fullmatch(message)) and not message.isascii():
        message = match[1]
    words = [column.name for column in columns] + [word for column in columns for word in headings_of(column.name)]
    near = most_similar_name(message, words, _SIMILAR)
    return f"did you mean '{shown_text(near)}'?" if near else ""


def _unit(words: str) -> str:
    message = normalize_words(words)
    return UNITS.get(message.replace(" ", ""), message)


def _join_lines(words: str) -> str:
    return " ".join(words.split())
