"""Checks of tables that were changed in Python after loading: their columns, and the values that are new in them."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Real

import pandas as pd

from ccs_model.errors import Issue
from ccs_model.inputs.cells import convert_cell
from ccs_model.inputs.checked_table import scale_range
from ccs_model.inputs.declarations import Column, read_dictionary
from ccs_model.inputs.load import Inputs
from ccs_model.inputs.table_checks import key_of
from ccs_model.scenario.validation import shown_text


def issues_of_changed_tables(inputs: Inputs) -> list[Issue]:
    """Return the issues of every table that differs from the one that was loaded, by table, column and row."""
    declared, loaded = read_dictionary(), inputs.loaded or {}
    return [
        issue
        for table in inputs.changed_tables
        if table in declared and table in loaded
        for issue in _issues(table, inputs[table], loaded[table], declared[table])
    ]


def _issues(table: str, frame: pd.DataFrame, loaded: pd.DataFrame, columns: tuple[Column, ...]) -> Iterator[Issue]:
    missing = [name for name in loaded.columns if name not in frame.columns]
    if missing:
        yield from (Issue(table, f"column '{name}' is missing") for name in missing)
        return
    for column in columns:
        values = frame[column.name]
        is_new = ~values.isin(loaded[column.name])
        for at in is_new.to_numpy().nonzero()[0]:
            currency = str(frame["currency"].iloc[at]) if column.unit.startswith(_MONEY) and "currency" in frame else ""
            of_money = scale_range(column, currency) if currency else column
            yield from _cell_issues(of_money, values.iloc[at], _place(table, frame, at, column.name))
    key = key_of(table, loaded)
    for at in frame.duplicated(key).to_numpy().nonzero()[0]:
        yield Issue(_place(table, frame, at), f"repeats the {' and '.join(key)} of an earlier row")


_MONEY = ("money", "million money")


def _cell_issues(column: Column, value: object, place: str) -> list[Issue]:
    """Issues of a value; an empty cell is NaN in a column of numbers and '' in one of texts."""
    is_empty = value is None or (isinstance(value, Real) and value != value)
    if not is_empty and isinstance(value, Real) != column.is_number:
        return [Issue(place, f"is {value!r:.40}, expected {'a number' if column.is_number else 'text'}")]
    if is_empty and not column.required and not column.is_number:
        return [Issue(place, "is missing, expected text", "'' is an empty cell")]
    issues: list[Issue] = []
    convert_cell(column, None if is_empty else float(value) if isinstance(value, Real) else value, place, issues)
    return issues


def _place(table: str, frame: pd.DataFrame, at: int, column: str = "") -> str:
    """Table, row with its label and first cell, and column."""
    row = f"{table}: row {frame.index[at]} ({shown_text(frame.iloc[at, 0])})"
    return f"{row}: {column}" if column else row
