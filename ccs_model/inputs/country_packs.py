"""Country packs: folders of data/countries that hold what `init --country` needs to write a scenario that runs.

A pack has country.csv (keys of the scenario, each with its reference and quality), an inventory for each sector
(steel.csv) and tables in the folders of data/, which override or replace the shipped ones. A new pack is data only.

`country_values` lists its numbers with reference and quality. China has no pack; its values are those of the shipped
tables, which also hold for the tables that a pack lacks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from textwrap import wrap

import pandas as pd

from ccs_model.errors import InputError, Issue, raise_issues
from ccs_model.inputs.cells import nearest_hint
from ccs_model.inputs.checked_table import table_of
from ccs_model.inputs.csv_reader import csv_grid, table_bytes
from ccs_model.inputs.declarations import QUALITIES, Column, Source, read_dictionary
from ccs_model.inputs.geography import countries_with_outline, country_in_text, country_named
from ccs_model.inputs.table_checks import key_of
from ccs_model.inputs.user_tables import INSTEAD
from ccs_model.paths import data_folder
from ccs_model.scenario.fields import HOME, SHIPPED_INVENTORIES
from ccs_model.scenario.validation import most_similar_name, same_name, shown_text
from ccs_model.units import unit_text

FOLDER, SETTINGS = "countries", "country.csv"
# Price year of the money in country.csv, and of the scenarios that `init --country` writes.
PRICE_YEAR = 2024
# Without one of these tables, the plants of a country have no price, factor, site or cost of their own.
REQUIRED = (
    "prices/power", "prices/fuels", "prices/grid_factors", "storage/sites", "streams/utilisation",
    "technologies/technologies", "transport/pipe_laws",
)  # fmt: skip
# Keys that describe the pack; they have no quality.
_COUNTRY, _ALSO, _CURRENCY = _NOT_VALUES = ("country", "also", "currency")
_KEYS = (_COUNTRY, _CURRENCY, "budget.total_mn")
_COLUMNS = (
    Column(
        SETTINGS, "key", "text", required=True, meaning="dotted key of the scenario, or country, also (other names)"
    ),
    Column(SETTINGS, "value", "text", required=True, meaning="its value, as in a scenario file"),
    Column(SETTINGS, "year", "whole", low=1990, high=2100, meaning="year of the value"),
    Column(SETTINGS, "reference", "text", meaning="key into references.csv"),
    Column(SETTINGS, "quality", "text", meaning="measured, reported, estimated or assumed"),
    Column(SETTINGS, "note", "text", meaning="remarks on the row"),
)


@dataclass(frozen=True)
class CountryPack:
    """A pack as read: its country, the rows of country.csv, and its files by their name in the pack."""

    country: str
    settings: pd.DataFrame
    files: Mapping[str, bytes]

    @property
    def sectors(self) -> tuple[str, ...]:
        """Sectors that have an inventory."""
        return tuple(sector for sector in SHIPPED_INVENTORIES if f"{sector}.csv" in self.files)

    def value(self, key: str) -> str:
        """Value of a key of country.csv."""
        return str(self.settings.set_index("key").at[key, "value"])


@cache
def _packs(root: Path) -> Mapping[str, tuple[str, Path]]:
    """Country and folder of each pack by every name of its country."""
    packs: dict[str, tuple[str, Path]] = {}
    for path in sorted(root.glob(f"*/{SETTINGS}")):
        rows = _settings(path)
        found = dict(zip(rows["key"], rows["value"], strict=True))
        country = found.get(_COUNTRY, path.parent.name)
        names = [name.strip() for name in (country, *found.get(_ALSO, "").split(","))]
        packs |= dict.fromkeys(filter(None, names), (country, path.parent))
    return packs


def countries(root: Path | None = None) -> tuple[str, ...]:
    """Return the countries that have a pack, by name."""
    return tuple(sorted({country for country, _ in _packs(root or data_folder() / FOLDER).values()}))


def has_pack(country: str) -> bool:
    """Return whether a country has a shipped pack, by name or short name in any case."""
    return same_name(country, _packs(data_folder() / FOLDER)) is not None


def pack_of(country: str, sectors: Sequence[str] = (), root: Path | None = None) -> CountryPack:
    """Read the pack of a country and validate that it is complete.

    Parameters
    ----------
    country
        Name of the country, in any case.
    sectors
        Sectors that the pack must have; empty means those it has.
    root
        Folder of the packs; the shipped ones by default.

    Raises
    ------
    InputError
        If there is no pack of the country, or if the pack lacks a table, a key or a sector.
    """
    known = _packs(root or data_folder() / FOLDER)
    named = same_name(country, known)
    if named is None:
        listed = ", ".join(sorted({HOME, *countries(root)}))
        # The name of another country is no misspelling: Spain is not Japan.
        cutoff = 0.6 if country_named(country) else 0.75
        near = most_similar_name(country, (HOME, *known, *countries_with_outline()), cutoff)
        is_meant = near == HOME or near in known or (near and country_named(country) is None)
        meant = f"did you mean '{near}'? " if is_meant else ""
        hint = f"{meant}there are {listed}; for others see docs/reference/other-countries.md and `ccs-model import gem`"
        raise InputError([Issue("--country", f"there is no pack of '{shown_text(country)}'", hint)])
    name, folder = known[named]
    files = {
        path.relative_to(folder).as_posix(): table_bytes(path, str(path))
        for path in sorted(folder.rglob("*.csv"))
        if path.name != SETTINGS
    }
    pack = CountryPack(name, _settings(folder / SETTINGS), files)
    raise_issues([*_missing_part_issues(pack, folder.name), *_missing_sector_issues(pack, sectors)])
    return pack


def pack_files(pack: CountryPack, name: str, sectors: Sequence[str] = ()) -> dict[str, bytes]:
    """Content of the files that `init` writes for a pack, by name: scenario.yaml, the inventories and data/."""
    chosen = tuple(sectors) or pack.sectors
    files = {"scenario.yaml": _scenario(pack, name, chosen).encode()}
    for inner, raw in pack.files.items():
        if "/" in inner:
            files[f"data/{inner}"] = raw
        elif inner.removesuffix(".csv") in chosen:
            files[inner] = raw
    files[f"data/{INSTEAD}"] = b"# The shipped sites are in China: this table replaces them.\nstorage/sites\n"
    return files


def _settings(path: Path) -> pd.DataFrame:
    """The rows of country.csv."""
    place = f"{FOLDER}/{path.parent.name}/{SETTINGS}"
    table = table_of(csv_grid(table_bytes(path, place), Source(place), _COLUMNS), SETTINGS, _COLUMNS)
    raise_issues(table.issues)
    return table.frame


def _missing_part_issues(pack: CountryPack, folder: str) -> Iterator[Issue]:
    """Issues of tables and keys that a pack lacks, and of files that are not tables."""
    place = f"{FOLDER}/{folder}"
    for table in REQUIRED:
        if f"{table}.csv" not in pack.files:
            yield Issue(place, f"the pack lacks {table}.csv", "`ccs-model data " + table + "` lists its columns")
    keys = set(pack.settings["key"])
    for key in _KEYS:
        if key not in keys:
            yield Issue(f"{place}/{SETTINGS}", f"has no row for {key}", "the scenario needs it")
    if not pack.sectors:
        yield Issue(
            place, "the pack has no plants", f"add {' or '.join(f'{sector}.csv' for sector in SHIPPED_INVENTORIES)}"
        )
    tables = [*read_dictionary(), *SHIPPED_INVENTORIES]
    for inner in pack.files:
        if inner.removesuffix(".csv") not in tables:
            hint = nearest_hint(inner, [f"{each}.csv" for each in tables], "`ccs-model data` lists the tables")
            yield Issue(f"{place}/{inner}", "is not a table", hint)


def _missing_sector_issues(pack: CountryPack, sectors: Sequence[str]) -> Iterator[Issue]:
    for sector in sectors:
        if sector not in pack.sectors:
            hint = nearest_hint(sector, pack.sectors, f"it has {', '.join(pack.sectors)}")
            yield Issue(
                "--sector", f"the pack of {country_in_text(pack.country)} has no plants of '{shown_text(sector)}'", hint
            )


_HEAD = """\
# yaml-language-server: $schema=./scenario.schema.json
#
# Run it:      ccs-model check scenario.yaml
#              ccs-model optimize scenario.yaml
# The plants are in {inventories}; steel works are those of Global Energy Monitor's tracker (CC BY 4.0).
# Prices, factors, sites and costs of {country} are in data/; every row has its reference and quality.
# Values below without a document are marked assumed: replace them with your own.
name: {name}
description: >
  Which {what} of {country} should be retrofitted with carbon capture within the budget, when, and with which
  technology?

currency: {currency}
price_year: {price_year}                     # all amounts are in real prices of this year
years: [2026, 2030, 2035, 2040]      # start of each period; the last is as long as the one before
data: data
"""
_WHAT = {"steel": "steel works", "chemicals": "chemical plants"}
# Keys that every pack shares; those of country.csv are added to their sections.
_SHARED = {
    "plants.inventory": "[{inventories}]",
    "capture.technologies": "[{technologies}]",
    "solver.effort": "quick",
    "solver.mip_gap": "0.15",
}


def _scenario(pack: CountryPack, name: str, sectors: Sequence[str]) -> str:
    inventories = ", ".join(f"{sector}.csv" for sector in sectors)
    technologies = ["amine", "advanced_amine", *(["compression", "purification"] if "chemicals" in sectors else [])]
    text = _HEAD.format(
        name=json.dumps(name, ensure_ascii=False), country=country_in_text(pack.country), inventories=inventories,
        currency=pack.value(_CURRENCY), what=" and ".join(_WHAT[sector] for sector in sectors), price_year=PRICE_YEAR,
    )  # fmt: skip
    rows = [
        (key, value.format(inventories=inventories, technologies=", ".join(technologies)), "")
        for key, value in _SHARED.items()
    ]
    for row in pack.settings.itertuples():
        if row.key not in _NOT_VALUES:
            origin = ", ".join(str(each) for each in (row.quality, row.reference) if each)
            rows.append((str(row.key), str(row.value), f"{row.note} ({origin})" if row.note else origin))
    lines, section = [], ""
    for key, value, note in sorted(rows, key=lambda row: _order(row[0])):
        before, _, last = key.rpartition(".")
        if before != section or not before:
            lines.append("")
        if before and before != section:
            lines.append(f"{before}:")
        section, indent = before, "  " if before else ""
        lines += [f"{indent}# {line}" for line in wrap(note, 110)]
        lines.append(f"{indent}{last}: {value}")
    return text + "\n".join(lines) + "\n"


def _order(key: str) -> tuple[int, str]:
    """Sections in the order of the shipped scenarios; keys without a section come first."""
    sections = ("", "plants", "capture", "transport", "storage", "budget", "policy", "finance", "solver")
    section = key.rpartition(".")[0]
    return (sections.index(section) if section in sections else len(sections), section)


COLUMNS = ("table", "row", "column", "value", "unit", "price_year", "quality", "reference", "note")
_YEARS = ("year", "price_year")
# Tables of amounts whose unit is that of a column of another table, named in the row.
_UNITS_OF: Mapping[str, tuple[str, str]] = {"storage/class_costs": ("cost", "storage/sites")}


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
            rows += _table_values(table, table_bytes(data_folder() / file, file), file, columns)
    else:
        pack = pack_of(country, root=root)
        name = pack.country
        rows += _settings_values(pack.settings, pack.value("currency"))
        for inner, raw in pack.files.items():
            table = inner.removesuffix(".csv")
            table = f"plants/{table}" if table in SHIPPED_INVENTORIES else table
            rows += _table_values(table, raw, f"{FOLDER}/{name}/{inner}", declared[table])
    return CountryValues(name, pd.DataFrame(rows, columns=list(COLUMNS), dtype=object))


def _settings_values(settings: pd.DataFrame, currency: str) -> Iterator[dict[str, object]]:
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


def _table_values(table: str, raw: bytes, place: str, columns: Sequence[Column]) -> Iterator[dict[str, object]]:
    """Values given in a table; a cell that a default fills is none. Raises InputError if the table is invalid."""
    if not {"reference", "quality"} <= {column.name for column in columns}:
        return
    given = [replace(column, default="") for column in columns]
    read = table_of(csv_grid(raw, Source(place), given), table, given)
    raise_issues(read.issues)
    key = key_of(table, read.frame)
    numbers = [each for each in columns if each.is_number and each.name not in (*key, *_YEARS)]
    for row in read.frame.to_dict("records"):
        assumed = set(str(row.get("assumed_columns") or "").split(";"))
        name = ", ".join(filter(None, (_text(row[each]) for each in key)))
        for column in numbers:
            if pd.isna(row[column.name]):
                continue
            unit = _unit(table, column, row)
            is_money = "money" in unit
            year = row.get("price_year")
            yield {
                "table": table, "row": name, "column": column.name, "value": _plain_number(row[column.name]),
                "unit": unit.replace("money", str(row.get("currency", ""))),
                "price_year": int(year) if is_money and pd.notna(year) else None,
                "quality": "assumed" if column.name in assumed else row["quality"],
                "reference": row["reference"], "note": row.get("note", ""),
            }  # fmt: skip


def _unit(table: str, column: Column, row: Mapping[str, object]) -> str:
    """Unit of a number, with `money` for the currency; the name of a factor or a limit ends in its unit."""
    if not column.unit and (name := row.get("factor", row.get("limit"))):
        return unit_text(str(name), "money")
    if column.unit or table not in _UNITS_OF:
        return column.unit
    named_in, other = _UNITS_OF[table]
    return next((each.unit for each in read_dictionary()[other] if each.name == row[named_in]), "")


def _plain_number(number: float) -> float | int:
    return int(number) if float(number).is_integer() else float(number)


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return "" if pd.isna(cell) else f"{cell:g}"
    return str(cell)
