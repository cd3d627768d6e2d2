"""Validates a grid of cells against the declaration of its table, and converts it to a DataFrame.

CSV files and workbook sheets differ only in how an issue gives the place of a cell.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """A table as read, with its issues. The columns `line` and `source` of the frame give the place of each row."""

    name: str
    frame: pd.DataFrame
    sha256: str
    issues: tuple[Issue, ...] = field(default=())


def read_table(folder: Path, name: str, columns: Sequence[Column]) -> Table:
    """Read `folder/name.csv`. Raises FileError if it cannot be opened; all other errors are issues of the table."""
    path = folder / f"{name}.csv"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise FileError(f"{name}.csv: cannot be read: {error.strerror}") from error
    return table_of(csv_grid(raw, Source(f"{name}.csv"), columns), name, columns)


def table_of(grid: Grid, name: str, columns: Sequence[Column]) -> Table:
    """The grid as a table with the declared columns."""
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
    issues += _values_without_heading(grid)
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
    """Values of one column; valid texts are converted once."""
    valid: dict[str, object] = {}
    values: list[object] = []
    for line, cells in grid.rows:
        cell = cells[at] if at < len(cells) else None
        if type(cell) is str and cell in valid:
            values.append(valid[cell])
            continue
        n_issues = len(issues)
        values.append(converted(column, cell, source.at(line, column.name), issues))
        if type(cell) is str and len(issues) == n_issues:
            valid[cell] = values[-1]
    return values


def _values_without_heading(grid: Grid) -> list[Issue]:
    """Issues of values in columns without a heading, which would be lost otherwise."""
    issues = []
    named = {position for position, heading in enumerate(grid.header) if heading}
    for line, cells in grid.rows:
        for position, cell in enumerate(cells):
            if position not in named and cell is not None and cell != "":
                issues.append(Issue(grid.source.at_position(line, position), "a value in a column without a heading"))
    return issues
