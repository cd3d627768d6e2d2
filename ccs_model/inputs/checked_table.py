"""A grid of cells against its declaration: every fault is gathered with its place, and a frame comes out.

One converter serves CSV files and sheets of a workbook; only the place of a cell is told differently.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from ccs_model.errors import FileError, Issue
from ccs_model.inputs.cells import converted
from ccs_model.inputs.csv_reader import csv_grid
from ccs_model.inputs.declarations import Column, Grid, Source
from ccs_model.inputs.headings import header_below, matched, not_first


@dataclass(frozen=True)
class Table:
    """A table as read: one row a line of the file; `line` and `source` say where each row stands."""

    name: str
    frame: pd.DataFrame
    sha256: str
    issues: tuple[Issue, ...] = field(default=())


def read_table(folder: Path, name: str, columns: Sequence[Column]) -> Table:
    """Read `folder/name.csv`. Raises FileError when it cannot be opened; everything else comes back as faults."""
    path = folder / f"{name}.csv"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise FileError(f"{name}.csv: cannot be read: {error.strerror}") from error
    return table_of(csv_grid(raw, Source(f"{name}.csv"), columns), name, columns)


def table_of(grid: Grid, name: str, columns: Sequence[Column]) -> Table:
    """The declared table that a grid holds."""
    if below := header_below(grid.header, grid.rows, columns):
        issue = Issue(grid.source.at_position(below, 0), *not_first(below))
        grid = replace(grid, header=(), rows=(), issues=(issue,), is_unreadable=True)
    issues = list(grid.issues)
    names, wrong = matched(grid.header, columns, grid.source, grid.header_line)
    issues += wrong if not grid.is_unreadable else ()
    source = grid.source_with({each: position for position, each in enumerate(names) if each})
    data: dict[str, list[object]] = {}
    for column in columns:
        if column.name in names:
            at = names.index(column.name)
            data[column.name] = _values(column, grid, at, source, issues)
        else:
            data[column.name] = [None] * len(grid.rows)
    issues += _under_no_heading(grid)
    frame = pd.DataFrame(data, columns=[column.name for column in columns])
    for column in columns:
        if column.kind in ("number", "whole"):
            numbers = pd.to_numeric(frame[column.name]).astype(float)
            frame[column.name] = numbers.fillna(float(column.default)) if column.default else numbers
        else:
            frame[column.name] = frame[column.name].fillna(column.default).astype(str).astype(object)
    frame["line"] = pd.Series([line for line, _ in grid.rows], dtype="int64")
    frame["source"] = pd.Series([source] * len(frame), dtype=object)
    return Table(name, frame, grid.sha256, tuple(issues))


def _values(column: Column, grid: Grid, at: int, source: Source, issues: list[Issue]) -> list[object]:
    """The values of one column; a text that was found sound before is not looked at again."""
    sound: dict[str, object] = {}
    values: list[object] = []
    for line, cells in grid.rows:
        cell = cells[at] if at < len(cells) else None
        if type(cell) is str and cell in sound:
            values.append(sound[cell])
            continue
        n_issues = len(issues)
        values.append(converted(column, cell, source.at(line, column.name), issues))
        if type(cell) is str and len(issues) == n_issues:
            sound[cell] = values[-1]
    return values


def _under_no_heading(grid: Grid) -> list[Issue]:
    """Values in columns whose heading is empty: they would be lost without a word."""
    issues = []
    named = {position for position, heading in enumerate(grid.header) if heading}
    for line, cells in grid.rows:
        for position, cell in enumerate(cells):
            if position not in named and cell is not None and cell != "":
                issues.append(Issue(grid.source.at_position(line, position), "a value in a column without a heading"))
    return issues


# Whether the numbers of a works fit each other: one of them in tonnes among thousands of tonnes is seen here.

# No works makes so much more of one thing than of the other; a wrong unit is a factor of a thousand.
_MOST_RATIO = 20.0
_IRON = ("bf_iron_ktpa", "dri_iron_ktpa")
_ROUTES = ("bof_steel_ktpa", "eaf_steel_ktpa")
_HINT = "is one of them in t/y? columns that end in _ktpa are in kt/y"


def own_works_are_plausible(frames: Mapping[str, pd.DataFrame]) -> Iterator[Issue]:
    """A user's works makes no iron, and no steel by any route, out of proportion to its crude steel."""
    steel = frames["plants/steel"]
    steel = steel[[source.is_own for source in steel["source"]]]
    if steel.empty:
        return
    crude = steel["crude_steel_ktpa"].fillna(0.0)
    for column in (*_IRON, *_ROUTES):
        what = "iron" if column in _IRON else "steel by one route"
        part = steel[column].fillna(0.0)
        for i in steel.index[(crude > 0) & (part > _MOST_RATIO * crude)]:
            yield Issue(
                _at(steel.loc[i], column), f"{part[i] / crude[i]:,.0f} t of {what} for each t of crude steel", _HINT
            )
    by_route = steel[list(_ROUTES)].fillna(0.0).sum(axis=1)
    for i in steel.index[(by_route > 0) & (crude > _MOST_RATIO * by_route)]:
        what = f"{crude[i] / by_route[i]:,.0f} t of crude steel for each t that its routes make"
        yield Issue(_at(steel.loc[i], "crude_steel_ktpa"), what, _HINT)


def _at(row: pd.Series, column: str) -> str:
    return str(row["source"].at(int(row["line"]), column))
