"""Reads data/dictionary.csv, the one declaration of every column: type, unit, range, choices and meaning."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from ccs_model.paths import data_folder


@dataclass(frozen=True)
class Column:
    """One declared column. `kind` is text, number, whole or choice; `low` and `high` are inclusive.

    An empty cell takes the `default`, and so does a whole column that is not there.
    """

    table: str
    name: str
    kind: str
    unit: str
    required: bool
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    meaning: str
    default: str = ""


@cache
def read_dictionary(folder: Path | None = None) -> Mapping[str, tuple[Column, ...]]:
    """Table name (`plants/steel`) → its columns, in the order in which they are declared."""
    path = (folder or data_folder()) / "dictionary.csv"
    tables: dict[str, list[Column]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            tables.setdefault(row["table"], []).append(
                Column(
                    table=row["table"],
                    name=row["column"],
                    kind=row["type"],
                    unit=row["unit"],
                    required=row["required"] == "yes",
                    low=float(row["low"]) if row["low"] else None,
                    high=float(row["high"]) if row["high"] else None,
                    choices=tuple(row["choices"].split("|")) if row["choices"] else (),
                    meaning=row["meaning"],
                    default=row["default"],
                )
            )
    return MappingProxyType({table: tuple(columns) for table, columns in tables.items()})
