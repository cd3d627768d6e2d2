"""The folder written by an import of GEM workbooks: a scenario, its inventories, and tables for the user to fill in.

For Chinese plants, the shipped tables have prices, factors and storage sites. Plants of other countries have their
country as province and grid, for which the user adds rows to tables that are written with their headings only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from textwrap import wrap

import pandas as pd

from ccs_model.importers.gem import GemTracker
from ccs_model.importers.gem_workbooks import CHEMICALS, CHINA, STEEL
from ccs_model.inputs.country_packs import countries
from ccs_model.inputs.declarations import read_dictionary
from ccs_model.inputs.geography import country_in_text
from ccs_model.units import count_text, join_first_names

INSTEAD = "data/instead.txt"
CAPACITIES = "capacities.csv"
# Tables to fill in for a country without shipped prices, and the rows to add; its plants have the country's name as
# province and grid.
_NEEDS = {
    "prices/power": "a row for each grid",
    "prices/fuels": "a row, fuel coal, for each province",
    "prices/grid_factors": "a row for each province",
    "storage/sites": "the storage sites within range; the shipped sites are in China",
}
# Tables whose shipped default row is for China.
_ADVISED = {"streams/utilisation": "utilisation by province and product; without rows, the averages of China apply"}
_EURO = frozenset(
    (
        "Austria", "Belgium", "Croatia", "Estonia", "Finland", "France", "Germany", "Greece", "Ireland", "Italy",
        "Latvia", "Lithuania", "Luxembourg", "Malta", "Netherlands", "Portugal", "Slovakia", "Slovenia", "Spain",
    )
)  # fmt: skip
_NAMED = 6  # countries listed in the scenario's name
_NAMED_AT_MOST = 12
_REFERENCE_COLUMNS = ["reference", "citation", "where", "licence", "use"]
_OWN_SITES = b"# The shipped sites are in China: your table replaces them.\nstorage/sites\n"
_BEFORE = "Before you run it, add the missing data (docs/reference/own-tables.md):"
_PLANTS_NEEDED = "plants.xlsx: a row for each plant, with any name as province and grid, such as the country's"
PACK = "Or use the country pack, which has these tables:"

_TEXT = """\
@SOURCES@
#
# Check it:  ccs-model check scenario.yaml
# Run it:    ccs-model optimize scenario.yaml
@NEEDS@name: @NAME@
description: >
  Which of these plants should be retrofitted with carbon capture, when, and with which technology?

currency: @CURRENCY@
price_year: 2024
years: [2026, 2030, 2035, 2040]

plants:
  inventory: [@INVENTORY@]
  min_emissions_ktpa: 200
data: data

capture:
  technologies: [@TECHNOLOGIES@]

budget: {total_mn: 1_000}            # an example: enter your budget
objective: max_abatement
@POLICY@solver: {mip_gap: 0.02, time_limit_s: 300}
"""
_POLICY = "policy: {market: null}               # a carbon price, if given, applies to all plants in all years\n"
_TABLE_NOTES = {
    STEEL: "# steel.csv: plants of Global Energy Monitor's Global Iron and Steel Tracker (CC BY 4.0)",
    CHEMICALS: "# chemicals.csv: plants of Global Energy Monitor's Global Chemicals Inventory (CC BY 4.0)",
}
_WHERE = "https://globalenergymonitor.org/projects/"


def gem_files(tracker: GemTracker) -> dict[str, bytes]:
    """Content of the folder by file name: scenario.yaml, the inventories, capacities.csv to fill in, and data/."""
    others = _other_countries(tracker)
    files = {"scenario.yaml": _scenario(tracker).encode()}
    references = []
    if _has_steel(tracker):
        where = f"{_WHERE}global-iron-and-steel-tracker"
        references.append((tracker.reference, tracker.citation, where, "CC BY 4.0", "steel plants"))
        files["steel.csv"] = _csv_bytes(tracker.plants)
    if tracker.chemicals is not None:
        made = tracker.chemicals
        where = f"{_WHERE}global-chemicals-inventory"
        references.append((made.reference, made.citation, where, "CC BY 4.0", "locations of chemical plants"))
        files["chemicals.csv"] = _csv_bytes(made.plants)
        files[CAPACITIES] = _csv_bytes(made.to_fill_in)
    files["data/references.csv"] = _csv_bytes(pd.DataFrame(references, columns=_REFERENCE_COLUMNS))
    if len(tracker.units):
        files["data/plants/steel_units.csv"] = _csv_bytes(tracker.units)
    if others:
        files |= _empty_tables()
    if others and CHINA not in tracker.countries:
        files[INSTEAD] = _OWN_SITES
    return files


def gem_trial(tracker: GemTracker) -> bytes | None:
    """chemicals.csv with placeholders for missing values, to validate the rest; None if no value is missing."""
    made = tracker.chemicals
    if made is None or made.is_complete:
        return None
    plants = made.plants.copy()
    plants["capacity_ktpa"] = plants["capacity_ktpa"].fillna(0.0)
    plants["feedstock"] = plants["feedstock"].replace("", "natural_gas")
    plants["gasifier"] = plants["gasifier"].mask(
        (plants["feedstock"] == "coal") & (plants["gasifier"] == ""), "oxygen_blown"
    )
    plants["urea_share"] = plants["urea_share"].fillna(0.0)
    return _csv_bytes(plants)


def gem_needs(tracker: GemTracker) -> list[str]:
    """A line for each table that the user must complete before the scenario can be solved."""
    lines = []
    if tracker.chemicals is not None and not tracker.chemicals.is_complete:
        lacks = ", ".join(f"{name} in {count_text(n, 'row')}" for name, n in tracker.chemicals.n_missing.items())
        lines.append(
            f"chemicals.csv lacks {lacks}; enter the values in {CAPACITIES} (see --capacities) or in chemicals.csv"
        )
    others = _other_countries(tracker)
    listed = join_first_names(others, _NAMED_AT_MOST) + (
        ", as in the inventory" if len(others) > _NAMED_AT_MOST else ""
    )
    if others:
        for table, words in _NEEDS.items():
            lines.append(f"data/{table}.csv: {words}" + (f": {listed}" if words.startswith("a row") else ""))
    return lines


def gem_advice(tracker: GemTracker) -> list[str]:
    """A line for each table whose shipped rows for China would otherwise apply to other countries."""
    return [f"data/{table}.csv: {words}" for table, words in _ADVISED.items()] if _other_countries(tracker) else []


def gem_pack(tracker: GemTracker) -> list[str]:
    """A line on the country pack that has these tables, for a steel inventory of one country; empty without a pack."""
    country = next(iter(tracker.countries))
    if len(tracker.countries) > 1 or country not in countries() or not _has_steel(tracker):
        return []
    copied = (
        "steel.csv, data/references.csv and data/plants" if len(tracker.units) else "steel.csv and data/references.csv"
    )
    name = f'"{country}"' if " " in country else country
    return [f"ccs-model init DIR --country {name}; then copy {copied} of this folder to DIR"]


def _has_steel(tracker: GemTracker) -> bool:
    return not tracker.plants.empty or tracker.chemicals is None


def _other_countries(tracker: GemTracker) -> list[str]:
    return [country for country in tracker.countries if country != CHINA]


def _scenario(tracker: GemTracker) -> str:
    countries = tracker.countries
    listed = ", ".join(countries) if len(countries) <= _NAMED else f"{len(countries)} countries"
    kinds = [STEEL] * _has_steel(tracker) + [CHEMICALS] * (tracker.chemicals is not None)
    needs = gem_needs(tracker)
    message = ""
    if needs:
        message = _comment_block(_BEFORE, needs)
        message += _comment_block("Check also:", advice) if (advice := gem_advice(tracker)) else ""
        message += _comment_block(PACK, pack) if (pack := gem_pack(tracker)) else ""
        message += "#\n"
    name = f"{' and '.join(kinds).capitalize()} in {listed}"[:100]
    sources = "\n".join(_TABLE_NOTES[kind] for kind in kinds)
    inventories = [f"{kind}.csv" for kind in kinds]
    return _scenario_text(name, sources, message, countries, inventories, with_chemicals=CHEMICALS in kinds)


def _scenario_text(
    name: str, sources: str, needs: str, countries: Sequence[str], inventories: Sequence[str], *, with_chemicals: bool
) -> str:
    """Text of scenario.yaml; `sources` and `needs` are comments at its top."""
    currency = "CNY" if tuple(countries) == (CHINA,) else "EUR" if _EURO.issuperset(countries) else "USD"
    text = _TEXT.replace("@SOURCES@", sources).replace("@NEEDS@", needs)
    text = text.replace("@CURRENCY@", currency).replace("@INVENTORY@", ", ".join(inventories))
    text = text.replace("@POLICY@", "" if CHINA in countries else _POLICY)
    technologies = ["amine", "advanced_amine", *(["compression", "purification"] if with_chemicals else [])]
    text = text.replace("@TECHNOLOGIES@", ", ".join(technologies))
    return text.replace("@NAME@", json.dumps(name, ensure_ascii=False))


def blank_country_needs() -> list[str]:
    """Return a line for each file that the user fills in for a country without a pack, and each to check."""
    needs = [f"data/{table}.csv: {words}" for table, words in _NEEDS.items()]
    return [_PLANTS_NEEDED, *needs, *(f"data/{table}.csv: {words}" for table, words in _ADVISED.items())]


def blank_country_files(country: str, name: str, inventory: bytes) -> dict[str, bytes]:
    """Return the files by name of a scenario for a country without a pack, with tables to fill in.

    Parameters
    ----------
    country
        The country.
    name
        Name of the scenario.
    inventory
        An inventory workbook to fill in.
    """
    message = _comment_block(_BEFORE, blank_country_needs()) + "#\n"
    sources = f"# Plants of {country_in_text(country)}"
    text = _scenario_text(name, sources, message, [country], ["plants.xlsx"], with_chemicals=True)
    files = {"scenario.yaml": text.encode(), "plants.xlsx": inventory, INSTEAD: _OWN_SITES}
    references = pd.DataFrame(columns=_REFERENCE_COLUMNS)
    return files | _empty_tables() | {"data/references.csv": _csv_bytes(references)}


def _empty_tables() -> dict[str, bytes]:
    """Tables with their headings only, by file name."""
    declared = read_dictionary()
    return {
        f"data/{table}.csv": _csv_bytes(pd.DataFrame(columns=[column.name for column in declared[table]]))
        for table in (*_NEEDS, *_ADVISED)
    }


def _comment_block(words: str, lines: Sequence[str]) -> str:
    parts = [part for line in lines for part in wrap(line, 110, initial_indent="#   ", subsequent_indent="#     ")]
    return "\n".join(["#", f"# {words}", *parts, ""])


def _csv_bytes(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False, lineterminator="\n").encode()
