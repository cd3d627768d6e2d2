"""The sheets of Global Energy Monitor's workbooks: which heading means what, in every release known so far.

Headings changed between releases ("Plant ID" → "GEM plant ID", "Subnational unit (province/state)" → "Subnational
unit") and the unit workbooks write theirs in Title Case, so they are told by an alias table whatever their case. The
chemicals inventory names its sheet of plants as the steel tracker does; its products tell the two apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches

from ccs_model.errors import Fault
from ccs_model.inputs.cells import converted, shown
from ccs_model.inputs.dictionary import Column
from ccs_model.inputs.grid import Grid

PLANTS, CAPACITIES = "Plant data", "Plant capacities and status"
# Sheets that the workbooks carry and the model has no use for.
ASIDE = ("about", "metadata", "plant production", "blast furnace relinings", "readme")
KIND_OF = {
    "blast furnaces": "BF",
    "basic oxygen furnaces": "BOF",
    "electric arc furnaces": "EAF",
    "direct reduced iron furnaces": "DRI",
}

Aliases = Mapping[str, Sequence[str]]
_ID = ("plant id", "gem plant id")
PLANT_HEADINGS: Aliases = {
    "plant": _ID,
    "name": ("plant name (english)", "plant name"),
    "country": ("country/area", "country"),
    "subnational": ("subnational unit (province/state)", "subnational unit", "province/state"),
    "coordinates": ("coordinates",),
    "name_local": ("plant name (other language)",),
    "other_names": ("other plant names (english)", "other plant names"),
    "parent": ("parent",),
    "municipality": ("municipality",),
    "address": ("location address",),
    "address_local": ("other language location address", "location address (other language)"),
    "accuracy": ("coordinate accuracy",),
    "start": ("start date", "start year"),
    "coke": ("coking plant capacity",),
}
CAPACITY_HEADINGS: Aliases = {
    "plant": _ID,
    "status": ("status", "capacity operating status"),
    "crude": ("nominal crude steel capacity", "crude steel capacity"),
    "bof": ("nominal bof steel capacity", "bof steel capacity"),
    "eaf": ("nominal eaf steel capacity", "eaf steel capacity"),
    "bf": ("nominal bf capacity", "bf capacity", "nominal bf iron capacity"),
    "dri": ("nominal dri capacity", "dri capacity", "nominal dri iron capacity"),
    "ohf": ("nominal ohf steel capacity", "ohf steel capacity"),
    "induction": ("nominal if steel capacity", "if steel capacity"),
    "other": ("other/unspecified steel capacity", "other unspecified steel capacity"),
}
UNIT_HEADINGS: Aliases = {
    "unit": ("gem unit id", "unit id"),
    "plant": _ID,
    "name": ("unit name",),
    "status": ("unit status", "status"),
    "capacity": ("current capacity", "capacity"),
    "relining": ("most recent relining",),
}
CHEMICAL_HEADINGS: Aliases = {
    "plant": _ID,
    "name": ("plant name (english)", "plant name"),
    "country": ("country/area", "country"),
    "subnational": ("subnational unit", "subnational unit (province/state)", "province/state"),
    "coordinates": ("coordinates",),
    "products": ("primary products", "primary product"),
    "secondary": ("secondary products", "secondary product"),
    "feedstock": ("feedstock", "feedstocks"),
    "name_local": ("plant name (other language)",),
    "owner": ("owner (english)", "owner"),
    "municipality": ("municipality",),
    "accuracy": ("coordinate accuracy",),
}
# Where these are missing, a release is not of a kind that is understood; the others only say more.
_NEEDED: Mapping[int, Sequence[str]] = {
    id(PLANT_HEADINGS): ("plant", "name", "country", "subnational", "coordinates"),
    id(CAPACITY_HEADINGS): ("plant", "status", "crude", "bof", "eaf", "bf", "dri"),
    id(UNIT_HEADINGS): ("unit", "plant", "status", "capacity"),
    id(CHEMICAL_HEADINGS): ("plant", "name", "country", "subnational", "coordinates", "products"),
}

# Words of the tracker for what is not there, and for what is there without a number.
_NOTHING = ("", "n/a", "na", "none")
UNKNOWN, SOME = "unknown", ">0"
_MORE_THAN = re.compile(r">\s*(\d[\d,]*(?:\.\d+)?)?")
_UNIT = re.compile(r"\s*\((?:ttpa|thousand tonnes per annum|kt/y|ktpa)\)\s*$")
_COORDINATES = re.compile(r"\s*([-+]?\d+(?:\.\d+)?)\s*[,;]\s*([-+]?\d+(?:\.\d+)?)\s*")
_DECIMALS = 6  # a tenth of a metre
_YEAR = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d|2100)(?!\d)")


@dataclass(frozen=True)
class Row:
    """One line of a sheet; cells are asked for by the key of the alias table."""

    grid: Grid
    line: int
    cells: tuple[object, ...]
    positions: Mapping[str, int]

    def place(self, key: str = "plant") -> str:
        """`FILE:sheet!D12`; a column that the sheet lacks stands where the plant's id does."""
        return self.grid.source.at_position(self.line, self.positions.get(key, self.positions["plant"]))

    def cell(self, key: str) -> object:
        """The value as it stands; None for an empty cell and for a column that is not there."""
        at = self.positions.get(key, len(self.cells))
        return self.cells[at] if at < len(self.cells) else None

    def text(self, key: str, faults: list[Fault]) -> str:
        """The words of the cell on one line; nothing where the tracker says that it does not know."""
        cell = self.cell(key)
        cell = " ".join(cell.split()) if type(cell) is str else cell
        words = str(converted(_column(key, "text"), cell, self.place(key), faults) or "")
        return "" if words.lower() in (*_NOTHING, UNKNOWN) else words

    def year(self, key: str, faults: list[Fault]) -> int | None:
        """The year of a date, of a number or of words that hold one (`2026-06`); None where it is not known."""
        cell = self.cell(key)
        if isinstance(cell, date):
            return cell.year
        words = self.text(key, faults)
        if not words:
            return None
        if found := _YEAR.search(words):
            return int(found[1])
        faults.append(Fault(self.place(key), f"'{shown(words)}' holds no year", "write 2012, or unknown"))
        return None

    def amount(self, key: str, column: Column, faults: list[Fault]) -> tuple[float | None, str]:
        """(kt/y, what is not known of it): nothing, "unknown", or ">0" for what exists and is not quantified.

        A bound such as >2800 counts by its number and says so.
        """
        cell = self.cell(key)
        words = cell.strip().lower() if type(cell) is str else ""
        if cell is None or (type(cell) is str and words in _NOTHING):
            return None, ""
        if words == UNKNOWN:
            return None, UNKNOWN
        if type(cell) is str and (bound := _MORE_THAN.fullmatch(words)):
            number = float(bound[1].replace(",", "")) if bound[1] else 0.0
            if not number:
                return None, SOME
            value = converted(column, number, self.place(key), faults)
            return (value if isinstance(value, float) else None), f">{number:g}"
        value = converted(column, cell, self.place(key), faults)
        return (float(value), "") if isinstance(value, int | float) else (None, "")


def has_chemicals(grid: Grid) -> bool:
    """Whether the sheet lists plants by what they make, as the chemicals inventory does and the steel tracker not."""
    headings = {_plain(heading) for heading in grid.header}
    return all(headings & set(CHEMICAL_HEADINGS[key]) for key in ("plant", "products"))


def rows_of(grid: Grid, aliases: Aliases, faults: list[Fault]) -> list[Row]:
    """The lines of a sheet that name a plant; faults for columns that are missing or stand twice."""
    positions: dict[str, int] = {}
    known = {alias: key for key, words in aliases.items() for alias in words}
    for at, heading in enumerate(grid.header):
        key = known.get(_plain(heading))
        if key is None:
            continue
        if key in positions:
            first = grid.header[positions[key]]
            place = grid.source.at_position(grid.header_line, at)
            faults.append(Fault(place, f"column '{shown(heading)}' says the same as '{shown(first)}'", "keep one"))
        positions.setdefault(key, at)
    missing = [key for key in _NEEDED[id(aliases)] if key not in positions]
    for key in missing:
        place = grid.source.at_position(grid.header_line, 0)
        faults.append(Fault(place, f"column '{aliases[key][0]}' is missing", _nearest(aliases[key], grid)))
    if missing:
        return []
    return [*_lines(grid, positions, faults)]


def coordinates(row: Row, declared: Mapping[str, Column], faults: list[Fault]) -> tuple[float | None, float | None]:
    """(latitude, longitude) of "39.1604010, 118.4298060"; `declared` has the columns lat_deg and lon_deg."""
    words = row.text("coordinates", faults)
    found = _COORDINATES.fullmatch(words)
    if not found:
        plant = shown(row.text("plant", []))
        what = f"'{shown(words)}' is no place" if words else f"plant '{plant}' has no coordinates"
        faults.append(Fault(row.place("coordinates"), what, "write latitude, longitude: 39.1604, 118.4298"))
        return None, None
    lat, lon = float(found[1]), float(found[2])
    for name, value in (("lat_deg", lat), ("lon_deg", lon)):
        low, high = declared[name].low, declared[name].high
        if low is not None and high is not None and not low <= value <= high:
            faults.append(Fault(row.place("coordinates"), f"{value:g} is outside {low:g} to {high:g}", "lat, then lon"))
    return round(lat, _DECIMALS), round(lon, _DECIMALS)


def _lines(grid: Grid, positions: Mapping[str, int], faults: list[Fault]) -> Iterator[Row]:
    for line, cells in grid.rows:
        row = Row(grid, line, cells, positions)
        if row.cell("plant") is not None:
            yield row
        elif len([cell for cell in cells if cell is not None]) > 1:  # one lone cell is a remark under the table
            faults.append(Fault(row.place(), "has no plant id"))


def _nearest(words: Sequence[str], grid: Grid) -> str:
    headings = {_plain(heading): heading for heading in grid.header if heading}
    near = get_close_matches(words[0], list(headings), n=1)
    also = f"also known as {', '.join(words[1:])}" if len(words) > 1 else ""
    return f"is it '{shown(headings[near[0]])}'?" if near else also


def _plain(heading: str) -> str:
    return _UNIT.sub("", " ".join(heading.lower().split()))


def _column(key: str, kind: str) -> Column:
    return Column("gem", key, kind, "", required=False, low=None, high=None, choices=(), meaning=key)
