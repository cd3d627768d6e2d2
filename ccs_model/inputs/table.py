"""Reads one CSV table against its declaration and gathers every fault with file, row and column.

Nothing is guessed: a plant named NA stays text, a row with a field too many is a fault and never shifts columns,
and a number must be finite and within its declared range.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from ccs_model.errors import Fault, FileError
from ccs_model.inputs.dictionary import Column


@dataclass(frozen=True)
class Table:
    """A table as read: `frame` has its first declared column as a plain column and one row a line; `line` maps back."""

    name: str
    frame: pd.DataFrame
    sha256: str
    faults: tuple[Fault, ...]


def read_table(folder: Path, name: str, columns: Sequence[Column]) -> Table:
    """Read `folder/name.csv`. Raises FileError when it cannot be opened; everything else comes back as faults."""
    path = folder / f"{name}.csv"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise FileError(f"{name}.csv: cannot be read: {error.strerror}") from error
    where = f"{name}.csv"
    faults: list[Fault] = []
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        faults.append(Fault(where, f"not UTF-8 text at byte {error.start}", "save it as CSV UTF-8"))
        text = ""
    header, rows = _split(text, where, columns, faults)
    data: dict[str, list[object]] = {}
    for column in columns:
        if column.name in header:
            at = header.index(column.name)
            cells = [(line, fields[at].strip()) for line, fields in rows]
            data[column.name] = _convert(column, cells, where, faults)
        else:
            data[column.name] = [None] * len(rows)
    frame = pd.DataFrame(data, columns=[column.name for column in columns])
    for column in columns:
        if column.kind in ("number", "whole"):
            frame[column.name] = pd.to_numeric(frame[column.name]).astype(float)
        else:
            frame[column.name] = frame[column.name].fillna("").astype(str).astype(object)
    frame["line"] = [line for line, _ in rows]
    return Table(name, frame, hashlib.sha256(raw).hexdigest(), tuple(faults))


def _split(
    text: str, where: str, columns: Sequence[Column], faults: list[Fault]
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header and rows (line number, fields) of the right width; what does not fit becomes a fault."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    rows: list[tuple[int, list[str]]] = []
    try:
        for fields in reader:
            if not any(field.strip() for field in fields):
                continue
            if not header:
                header = [field.strip() for field in fields]
                continue
            if len(fields) != len(header):
                faults.append(
                    Fault(f"{where}:{reader.line_num}", f"{len(fields)} fields where the header has {len(header)}")
                )
                continue
            rows.append((reader.line_num, fields))
    except csv.Error as error:
        faults.append(Fault(f"{where}:{reader.line_num}", f"not readable as CSV: {error}"))
    known = [column.name for column in columns]
    for name in sorted({name for name in header if header.count(name) > 1}):
        at = [str(i + 1) for i, other in enumerate(header) if other == name]
        faults.append(Fault(f"{where}:1", f"column '{name}' stands twice, at {' and '.join(at)}"))
    for name in header:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            faults.append(Fault(f"{where}:1", f"unknown column '{name}'", f"did you mean '{near[0]}'?" if near else ""))
    faults.extend(
        Fault(f"{where}:1", f"column '{column.name}' is missing", column.meaning)
        for column in columns
        if column.required and column.name not in header
    )
    return header, rows


def _convert(column: Column, cells: Sequence[tuple[int, str]], where: str, faults: list[Fault]) -> list[object]:
    values: list[object] = []
    for line, cell in cells:
        place = f"{where}:{line}:{column.name}"
        value: object = None
        if not cell:
            if column.required:
                faults.append(Fault(place, "is empty", column.meaning))
        elif column.kind in ("number", "whole"):
            value = _number(column, cell, place, faults)
        elif column.choices and cell not in column.choices:
            near = get_close_matches(cell, column.choices, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"one of {', '.join(column.choices)}"
            faults.append(Fault(place, f"'{cell}' is unknown", hint))
        elif any(ord(character) < 32 for character in cell):
            faults.append(Fault(place, "holds a control character"))
        else:
            value = cell
        values.append(value)
    return values


def _number(column: Column, cell: str, place: str, faults: list[Fault]) -> float | None:
    try:
        value = float(cell) if cell.isascii() and "_" not in cell else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        faults.append(Fault(place, f"'{cell}' is not a finite number", "write 1234.5, without separators"))
        return None
    if column.kind == "whole" and value != int(value):
        faults.append(Fault(place, f"{cell} is not a whole number"))
        return None
    low, high = column.low, column.high
    if (low is not None and value < low) or (high is not None and value > high):
        allowed = f"from {low:g}" if high is None else f"{low:g} to {high:g}" if low is not None else f"up to {high:g}"
        faults.append(Fault(place, f"{cell} is outside the range {allowed}", column.meaning))
        return None
    return value
