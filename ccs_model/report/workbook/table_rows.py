"""Rows of a table before they are written: formulas in place of values, sums, and what is a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real

import numpy as np

from ccs_model.report.workbook.cell_values import is_missing
from ccs_model.report.workbook.columns import Cell, Column
from ccs_model.report.workbook.formulas import Formula
from ccs_model.report.workbook.worksheet import Row


def with_formulas(row: Row, formulas: Mapping[str, str]) -> Row:
    """The row with formulas of these columns; where there is no value they show no text."""
    values = {name: "" if is_missing(row[name]) else row[name] for name in formulas}
    return {**row, **{name: Formula(formulas[name], value) for name, value in values.items()}}


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
