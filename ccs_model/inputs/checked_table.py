"""Validates a grid of cells against the declaration of its table, and converts it to a DataFrame.

CSV files and workbook sheets differ only in how an issue gives the place of a cell. Headings match declared columns by
name, label or Chinese name, with or without a unit in brackets; a Chinese heading of a capacity must include its unit.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice

import pandas as pd

from ccs_model.errors import Issue
from ccs_model.inputs.cells import THOUSANDS_POINT, conversion, converted, currency_of
from ccs_model.inputs.chinese import UNITS, headings_of, plain
from ccs_model.inputs.declarations import Column, Grid, Source, letters_of
from ccs_model.paths import data_folder
from ccs_model.scenario.fields import CURRENCY, HOME_CURRENCY
from ccs_model.scenario.spelling import most_similar
from ccs_model.scenario.validation import shown
from ccs_model.units import first_few, label_of

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
    sha256: str
    issues: tuple[Issue, ...] = field(default=())
    notices: tuple[str, ...] = field(default=())


def table_of(grid: Grid, name: str, columns: Sequence[Column]) -> Table:
    """The grid as a table with the declared columns."""
    if below := header_below(grid.header, grid.rows, columns):
        issue = Issue(grid.source.at_position(below, 0), *not_first(below))
        grid = replace(grid, header=(), rows=(), issues=(issue,), is_unreadable=True)
    issues = list(grid.issues)
    names, wrong = matched(grid.header, columns, grid.source, grid.header_line)
    issues += wrong if not grid.is_unreadable else ()
    source = grid.source_with({each: position for position, each in enumerate(names) if each})
    beside = _rows_beside_the_table(grid, names, columns)
    issues += [Issue(source.at_position(line, 0), *words) for line, words in beside.items()]
    grid = replace(grid, rows=tuple(row for row in grid.rows if row[0] not in beside))
    data: dict[str, list[object]] = {}
    notices: list[str] = []
    currencies: dict[str, int] = {}
    for column in columns:
        if column.name in names:
            at = names.index(column.name)
            factor = 1.0
            unit = stated_unit(grid.header[at], column)
            currency = currency_of(unit) if column.unit.startswith(_MONEY) else ""
            currencies |= {currency: at} if currency else {}
            found = _factor(unit, column) if unit else 1.0
            # Numbers in a unit that cannot be converted are not compared with the range.
            read_as = column if found is not None else replace(column, low=None, high=None)
            if found not in (None, 1.0):
                factor = float(found or 1.0)
                place = source.at_position(grid.header_line, at)
                notices.append(
                    f"{place}: column '{shown(grid.header[at])}' is converted from {shown(unit)} to "
                    f"{column.unit.replace('money', currency or 'money')} (× {factor:.6g})"
                )
            money_at = names.index("currency") if column.unit.startswith(_MONEY) and "currency" in names else -1
            data[column.name] = _values(read_as, grid, at, source, issues, factor, money_at, currency)
            issues += _in_other_currency(column, currency, grid, at, money_at, source)
            notices += _numbers_as_text(column, grid, at, source, data[column.name])
        else:
            data[column.name] = [None] * len(grid.rows)
    issues += _with_currency(data, currencies, grid, source)
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
    return Table(name, frame, grid.sha256, tuple(issues), tuple(notices))


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
        f"{line} ({shown(name)})" if name else str(line)
        for (line, _), name in zip(grid.rows, data[key], strict=True)
        if line in grid.hidden
    ]
    if not names:
        return []
    rows, are = ("1 row", "is") if len(names) == 1 else (f"{len(names):,} rows", "are")
    return [
        f"{grid.source.file}: {rows} hidden by hand or by a filter {are} read like the others: "
        f"{first_few(names, _NAMED)}; delete what should not be read"
    ]


def _numbers_as_text(column: Column, grid: Grid, at: int, source: Source, values: Sequence[object]) -> list[str]:
    """Notices of numbers that a sheet stores as text, and of texts like 5.000 where a point may separate thousands.

    In a CSV file every number is text. One with semicolons comes from a program whose decimal sign is a comma.
    """
    if not column.is_number or (source.positions is None and not grid.is_semicolon):
        return []
    texts = [
        (line, cells[at])
        for (line, cells), value in zip(grid.rows, values, strict=True)
        if value is not None and at < len(cells) and isinstance(cells[at], str)
    ]
    notices = []
    for are_thousands in (False, True):
        found = [each for each in texts if bool(THOUSANDS_POINT.fullmatch(str(each[1]))) == are_thousands]
        if not found or (column.unit == "degrees" if are_thousands else source.positions is None):
            continue
        line, first = found[0][0], str(found[0][1])
        more = f", and {len(found) - 1:,} more of the column" if len(found) > 1 else ""
        what = f"the text '{shown(first)}' is read as a number{more}"
        if are_thousands:
            digits = first.replace(".", "")
            what = f"'{first}' is read as {float(first):g}{more}; write {digits} if the point separates thousands"
        notices.append(f"{source.at(line, column.name)}: {what}")
    return notices


def _values(
    column: Column,
    grid: Grid,
    at: int,
    source: Source,
    issues: list[Issue],
    factor: float = 1.0,
    money_at: int = -1,
    currency: str = "",
) -> list[object]:
    """Values of one column; valid texts are converted once.

    `money_at` is the column of their currency, if any, and `currency` that of the heading.
    """
    valid: dict[tuple[str, object], object] = {}
    values: list[object] = []
    for line, cells in grid.rows:
        cell = cells[at] if at < len(cells) else None
        money = (cells[money_at] if -1 < money_at < len(cells) else "") or currency
        if type(cell) is str and (cell, money) in valid:
            values.append(valid[cell, money])
            continue
        n_issues = len(issues)
        of_money = _of_currency(column, str(money).strip()) if money else column
        values.append(converted(of_money, cell, source.at(line, column.name), issues, factor))
        if type(cell) is str and len(issues) == n_issues:
            valid[cell, money] = values[-1]
    return values


def _in_other_currency(
    column: Column, currency: str, grid: Grid, at: int, money_at: int, source: Source
) -> Iterator[Issue]:
    """Issues of amounts in a row whose currency is not the one that the heading names."""
    for line, cells in grid.rows if currency and money_at >= 0 else ():
        money = str(cells[money_at] or "").strip() if money_at < len(cells) else ""
        if money and money != currency and at < len(cells) and cells[at] not in (None, ""):
            what = f"its heading is in {currency}, its row in {shown(money)}"
            yield Issue(source.at(line, column.name), what, f"convert it to {shown(money)} and leave the unit out")


def _with_currency(
    data: dict[str, list[object]], currencies: Mapping[str, int], grid: Grid, source: Source
) -> Iterator[Issue]:
    """Give rows without a currency that of the headings, which must name one only; `currencies` are their columns."""
    lacking = [row for row, currency in enumerate(data.get("currency", ())) if not currency]
    if len(currencies) > 1 and lacking:
        what = f"headings are in {' and '.join(map(shown, currencies))}, and the row has no currency"
        yield Issue(
            source.at_position(grid.rows[lacking[0]][0], max(currencies.values())), what, "give the row a currency"
        )
    for row in lacking if len(currencies) == 1 else ():
        data["currency"][row] = next(iter(currencies))


def _of_currency(column: Column, currency: str) -> Column:
    """The column with the upper end of its range in a currency whose unit is worth less than a yuan."""
    worth = _cny_per_unit().get(currency, 0.0 if CURRENCY.fullmatch(currency) else 1.0)
    if column.high is None or worth >= 1.0:
        return column
    return replace(column, high=column.high / worth if worth else None)


@cache
def _cny_per_unit() -> dict[str, float]:
    """Yuan per unit of each shipped currency, in the last year given; they only scale ranges."""
    with (data_folder() / "indices" / "exchange_rates.csv").open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row["year"]))
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


def matched(
    header: Sequence[str], columns: Sequence[Column], source: Source, line: int
) -> tuple[list[str], list[Issue]]:
    """Column name of each heading ("" for none), and the issues of the headings."""
    issues: list[Issue] = []
    names: list[str] = []
    for position, heading in enumerate(header):
        column = column_of(heading, columns)
        names.append(column.name if column else "")
        if not heading:
            continue
        place = source.at_position(line, position)
        if column is None:
            issues.append(Issue(place, f"unknown column '{shown(heading)}'", nearest(heading, columns)))
        elif (unit := stated_unit(heading, column)) and _factor(unit, column) is None:
            what = f"column '{shown(heading)}' is in {shown(unit)}, expected {column.unit or 'no unit'}"
            is_ton = re.search(r"(?<!short )(?<!metric )\btons?\b", unit.lower())
            hint = "a ton may be short or metric: write 'short ton' or 't'" if is_ton else ""
            if column.unit.startswith(_MONEY) and not hint:
                hint = f"units of money: {_MONEY_EXAMPLES}; or convert it and name it '{column.name}'"
            issues.append(Issue(place, what, hint or f"convert it and name it '{column.name}'"))
        elif not unit and column.unit in _REQUIRED_UNITS and plain(heading) in headings_of(column.name):
            what = f"column '{shown(heading)}' has no unit, expected {column.unit}"
            hint = f"name it {shown(heading)}（千吨/年） or {shown(heading)}（万吨/年）"
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
    word = plain(heading)
    found = [
        column
        for column in columns
        if word in (column.name, plain(label_of(column.name))) or word in headings_of(column.name)
    ]
    if not found and (match := _WITH_UNIT.fullmatch(_on_one_line(heading))):
        word = plain(match[1])
        found = [
            column
            for column in columns
            if word in (plain(label_of(column.name)), plain(column.name)) or word in headings_of(column.name)
        ]
    return found[0] if len(found) == 1 else None


def header_below(header: Sequence[str], rows: Iterable[tuple[int, Sequence[object]]], columns: Sequence[Column]) -> int:
    """Line of the header if it is below the first row, which may be a title; else 0."""
    if any(column_of(heading, columns) for heading in header if heading):
        return 0
    for line, cells in islice(rows, LINES_OF_TITLE):
        known = sum(isinstance(cell, str) and column_of(cell.strip(), columns) is not None for cell in cells)
        if known >= _PLAINLY_A_HEADER:
            return line
    return 0


def not_first(line: int) -> tuple[str, str]:
    """Message and hint for a header below the first line."""
    return f"the header is on line {line}, expected on the first", "delete the lines above it"


def stated_unit(heading: str, column: Column) -> str:
    """Unit in brackets at the end of the heading, or ""."""
    if plain(heading) in (plain(column.name), plain(label_of(column.name)), *headings_of(column.name)):
        return ""
    match = _WITH_UNIT.fullmatch(_on_one_line(heading))
    return match[2].strip() if match else ""


def nearest(heading: str, columns: Sequence[Column]) -> str:
    """Hint that names the most similar column, or ""."""
    message = heading[:80]
    if (match := _WITH_UNIT.fullmatch(message)) and not message.isascii():
        message = match[1]
    words = [column.name for column in columns] + [word for column in columns for word in headings_of(column.name)]
    near = most_similar(message, words, _SIMILAR)
    return f"did you mean '{shown(near)}'?" if near else ""


def _unit(words: str) -> str:
    message = plain(words)
    return UNITS.get(message.replace(" ", ""), message)


def _on_one_line(words: str) -> str:
    return " ".join(words.split())
