"""The folder that an import of the steel tracker leaves: a scenario, its inventory, and tables for the user to fill in.

Chinese works find prices, factors and storage sites in the shipped tables. Works of other countries stand in the
province and on the grid of their country, for which the user gives rows: the tables lie ready with their headings.
"""

from __future__ import annotations

import json
from textwrap import wrap

import pandas as pd

from ccs_model.inputs.dictionary import read_dictionary
from ccs_model.inputs.importers.gem import GemTracker
from ccs_model.inputs.importers.gem_places import CHINA

INSTEAD = "data/instead.txt"
# Tables that a country without shipped prices needs, and what a row of each is for; its works stand in the province and
# on the grid of its name.
_NEEDS = {
    "prices/power": "a row for each grid",
    "prices/fuels": "a row, fuel coal, for each province",
    "prices/grid_factors": "a row for each province",
    "storage/sites": "the sites in reach; ours lie in China",
}
_EURO = frozenset(
    (
        "Austria", "Belgium", "Croatia", "Estonia", "Finland", "France", "Germany", "Greece", "Ireland", "Italy",
        "Latvia", "Lithuania", "Luxembourg", "Malta", "Netherlands", "Portugal", "Slovakia", "Slovenia", "Spain",
    )
)  # fmt: skip
_NAMED = 6  # countries in the scenario's name

_TEXT = """\
# Steel works of Global Energy Monitor's Global Iron and Steel Tracker (CC BY 4.0); they stand in steel.csv.
#
# Check it:  ccs-model check scenario.yaml
# Run it:    ccs-model optimize scenario.yaml
@NEEDS@name: @NAME@
question: >
  Which of these steel works should be fitted with carbon capture, when, and with what?

currency: @CURRENCY@
price_year: 2024
years: [2026, 2030, 2035, 2040]

plants:
  inventory: [steel.csv]
  emitting_at_least_ktpa: 200
data: data

capture:
  technologies: [amine, advanced_amine]

budget: {total_mn: 1_000}            # an example: say yours
aim: most_abatement
solver: {gap_share: 0.02, time_limit_s: 300}
"""


def gem_files(tracker: GemTracker) -> dict[str, bytes]:
    """What stands in the folder: scenario.yaml, steel.csv and data/, by name."""
    others = _others(tracker)
    reference = {
        "reference": tracker.reference,
        "citation": tracker.citation,
        "where": "https://globalenergymonitor.org/projects/global-iron-and-steel-tracker",
        "licence": "CC BY 4.0",
        "use": "steel plants",
    }
    files = {
        "scenario.yaml": _scenario(tracker).encode(),
        "steel.csv": _written(tracker.plants),
        "data/references.csv": _written(pd.DataFrame([reference])),
    }
    if len(tracker.units):
        files["data/plants/steel_units.csv"] = _written(tracker.units)
    if others:
        declared = read_dictionary()
        for table in _NEEDS:
            files[f"data/{table}.csv"] = _written(pd.DataFrame(columns=[column.name for column in declared[table]]))
    if others and CHINA not in tracker.countries:
        files[INSTEAD] = b"# Our sites lie in China: yours are taken instead.\nstorage/sites\n"
    return files


def gem_needs(tracker: GemTracker) -> list[str]:
    """A line for each table that the user must add to before the scenario can be solved; none for China."""
    others = _others(tracker)
    if not others:
        return []
    listed = {table: f": {', '.join(others)}" if words.startswith("a row") else "" for table, words in _NEEDS.items()}
    return [f"data/{table}.csv: {words}{listed[table]}" for table, words in _NEEDS.items()]


def _others(tracker: GemTracker) -> list[str]:
    return [country for country in tracker.countries if country != CHINA]


def _scenario(tracker: GemTracker) -> str:
    countries = tracker.countries
    listed = ", ".join(countries) if len(countries) <= _NAMED else f"{len(countries)} countries"
    currency = "CNY" if countries == (CHINA,) else "EUR" if _EURO.issuperset(countries) else "USD"
    needs = gem_needs(tracker)
    said = ""
    if needs:
        lines = [part for line in needs for part in wrap(line, 110, initial_indent="#   ", subsequent_indent="#     ")]
        said = "\n".join(["#", "# Before that, give what the shipped tables do not hold (docs/own-tables.md):", *lines])
        said += "\n#\n"
    text = _TEXT.replace("@NEEDS@", said).replace("@CURRENCY@", currency)
    return text.replace("@NAME@", json.dumps(f"Steel in {listed}"[:100], ensure_ascii=False))


def _written(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False, lineterminator="\n").encode()
