"""Values of a country pack, each with its reference and quality.

The values are those given in the files of the pack: numbers of its tables, and keys of country.csv. China has no pack;
its values are those of the shipped tables, which also hold for the tables that a pack lacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from ccs_model.errors import InputError
from ccs_model.inputs.checked_table import table_of
from ccs_model.inputs.country_packs import FOLDER, PRICE_YEAR, SETTINGS, countries, pack_of
from ccs_model.inputs.csv_reader import csv_grid, table_bytes
from ccs_model.inputs.declarations import QUALITIES, Column, Source, read_dictionary
from ccs_model.inputs.table_checks import key_of
from ccs_model.paths import data_folder
from ccs_model.scenario.fields import HOME, SHIPPED_INVENTORIES
from ccs_model.scenario.spelling import same_name
from ccs_model.units import unit_text

COLUMNS = ("table", "row", "column", "value", "unit", "price_year", "quality", "reference", "note")
_NUMBERS = ("number", "whole")
_YEARS = ("year", "price_year")
# Tables of amounts whose unit is that of a column of another table, named in the row.
_UNITS_OF: Mapping[str, tuple[str, str]] = {"storage/class_costs": ("cost", "storage/sites")}
# Keys of country.csv that describe the pack; they have no quality.
_NOT_VALUES = ("country", "also", "currency")


@dataclass(frozen=True)
class CountryValues:
    """Values of a country, one a row of `values`, with the columns of `COLUMNS`."""

    country: str
    values: pd.DataFrame

    def counts(self) -> dict[str, int]:
        """Return the number of values by quality, the best first."""
        found = self.values["quality"].value_counts()
        return {name: int(found.get(name, 0)) for name in QUALITIES}


def listed_countries() -> tuple[str, ...]:
    """Return the countries with values: that of the shipped tables first, then those with a pack by name."""
    return (HOME, *countries())


def country_values(country: str, root: Path | None = None) -> CountryValues:
    """Return the values of a country's pack; for China, those of the shipped tables.

    Parameters
    ----------
    country
        Name of the country, in any case.
    root
        Folder of the packs; the shipped ones by default.

    Raises
    ------
    InputError
        If there is no pack of the country, or if a file of it is invalid.
    """
    declared = read_dictionary()
    rows: list[dict[str, object]] = []
    if same_name(country, (HOME,)) is not None:
        name = HOME
        for table, columns in declared.items():
            file = f"{table}.csv"
            rows += _of_table(table, table_bytes(data_folder() / file, file), file, columns)
    else:
        pack = pack_of(country, root=root)
        name = pack.country
        rows += _of_settings(pack.settings, pack.value("currency"))
        for inner, raw in pack.files.items():
            table = inner.removesuffix(".csv")
            table = f"plants/{table}" if table in SHIPPED_INVENTORIES else table
            rows += _of_table(table, raw, f"{FOLDER}/{name}/{inner}", declared[table])
    return CountryValues(name, pd.DataFrame(rows, columns=list(COLUMNS), dtype=object))


def _of_settings(settings: pd.DataFrame, currency: str) -> Iterator[dict[str, object]]:
    for row in settings.itertuples():
        key = str(row.key)
        if key in _NOT_VALUES:
            continue
        unit = unit_text(key.rpartition(".")[2], currency)
        is_money = bool(unit) and currency in unit
        yield {
            "table": SETTINGS.removesuffix(".csv"), "row": key, "column": "value", "value": row.value, "unit": unit,
            "price_year": PRICE_YEAR if is_money else None, "quality": row.quality, "reference": row.reference,
            "note": row.note,
        }  # fmt: skip


def _of_table(table: str, raw: bytes, place: str, columns: Sequence[Column]) -> Iterator[dict[str, object]]:
    """Values given in a table; a cell that a default fills is none. Raises InputError if the table is invalid."""
    if not {"reference", "quality"} <= {column.name for column in columns}:
        return
    given = [replace(column, default="") for column in columns]
    read = table_of(csv_grid(raw, Source(place), given), table, given)
    if read.issues:
        raise InputError(read.issues)
    key = key_of(table, read.frame)
    numbers = [each for each in columns if each.kind in _NUMBERS and each.name not in (*key, *_YEARS)]
    for row in read.frame.to_dict("records"):
        name = ", ".join(_text(row[each]) for each in key if _text(row[each]))
        for column in numbers:
            if pd.isna(row[column.name]):
                continue
            unit = _unit(table, column, row)
            is_money = "money" in unit
            year = row.get("price_year")
            yield {
                "table": table, "row": name, "column": column.name, "value": _plain(row[column.name]),
                "unit": unit.replace("money", str(row.get("currency", ""))),
                "price_year": int(year) if is_money and pd.notna(year) else None,
                "quality": row["quality"], "reference": row["reference"], "note": row.get("note", ""),
            }  # fmt: skip


def _unit(table: str, column: Column, row: Mapping[str, object]) -> str:
    """Unit of a number, with `money` for the currency; the name of a factor or a limit ends in its unit."""
    if not column.unit and (name := row.get("factor", row.get("limit"))):
        return unit_text(str(name), "money")
    if column.unit or table not in _UNITS_OF:
        return column.unit
    named_in, other = _UNITS_OF[table]
    return next((each.unit for each in read_dictionary()[other] if each.name == row[named_in]), "")


def _plain(number: float) -> float | int:
    return int(number) if float(number).is_integer() else float(number)


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return "" if pd.isna(cell) else f"{cell:g}"
    return str(cell)
