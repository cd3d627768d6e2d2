"""Sheets, headings and cells of Global Energy Monitor's workbooks, in all known releases.

Headings changed between releases ("Plant ID" → "GEM plant ID", "Subnational unit (province/state)" → "Subnational
unit"), so alias tables match them, ignoring case. The chemicals inventory and the steel tracker use the same name for
their sheet of plants; the column of products distinguishes them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from statistics import median

import numpy as np
import pandas as pd

from ccs_model.errors import Issue
from ccs_model.importers.gem_headings import (
    LEAST_MEDIAN_KTPA,
    Aliases,
    heading_notices,
    heading_without_unit,
    keys_without_unit,
    missing_column_hint,
    missing_columns,
    plain_heading,
)
from ccs_model.inputs.cells import convert_cell, nearest_hint
from ccs_model.inputs.declarations import Column, Grid
from ccs_model.inputs.excel_reader import Book, workbook_grids
from ccs_model.inputs.geography import is_in_country, km_outside_country, km_outside_province, province_outlines
from ccs_model.inputs.place_checks import PROVINCE_MARGIN_KM
from ccs_model.scenario.validation import shown_text

PLANTS, CAPACITIES = "Plant data", "Plant capacities and status"
# Sheets that the model does not use.
ASIDE = ("about", "metadata", "plant production", "blast furnace relinings", "readme")
KIND_OF = {
    "blast furnaces": "BF",
    "basic oxygen furnaces": "BOF",
    "electric arc furnaces": "EAF",
    "direct reduced iron furnaces": "DRI",
}

_ID = ("plant id", "gem plant id")
_OF_BOTH: Aliases = {
    "plant": _ID,
    "name": ("plant name (english)", "plant name"),
    "name_local": ("plant name (other language)",),
    "country": ("country/area", "country"),
    "coordinates": ("coordinates",),
    "latitude": ("latitude",),
    "longitude": ("longitude",),
    "accuracy": ("coordinate accuracy",),
    "municipality": ("municipality",),
}
PLANT_HEADINGS: Aliases = {
    **_OF_BOTH,
    "subnational": ("subnational unit (province/state)", "subnational unit", "province/state"),
    "other_names": ("other plant names (english)", "other plant names"),
    "parent": ("parent",),
    "address": ("location address",),
    "address_local": ("other language location address", "location address (other language)"),
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
    "unit_name": ("unit name",),
    "status": ("unit status", "status"),
    "capacity": ("current capacity", "capacity"),
    "relining": ("most recent relining",),
}
CHEMICAL_HEADINGS: Aliases = {
    **_OF_BOTH,
    "subnational": ("subnational unit", "subnational unit (province/state)", "province/state"),
    "products": ("primary products", "primary product"),
    "secondary": ("secondary products", "secondary product"),
    "feedstock": ("feedstock", "feedstocks"),
    "owner": ("owner (english)", "owner"),
}
# These only say more; where others are missing, a release is not of a kind that is understood.
_OPTIONAL = frozenset(
    ("name_local", "accuracy", "municipality", "other_names", "parent", "address", "address_local", "start", "coke",
     "ohf", "induction", "other", "unit_name", "relining", "secondary", "feedstock", "owner", "latitude", "longitude")
)  # fmt: skip

# Words for absent, unknown and unquantified capacities.
_NOTHING = ("", "n/a", "na", "none")
UNKNOWN, SOME = "unknown", ">0"
_MORE_THAN = re.compile(r">\s*(\d[\d,]*(?:\.\d+)?)?")
_COORDINATES = re.compile(r"\s*([-+]?\d+(?:\.\d+)?)\s*[,;]\s*([-+]?\d+(?:\.\d+)?)\s*")
_WITH_COMMAS = re.compile(r"([-+]?\d+[.,]\d+)[\s,;/]+([-+]?\d+[.,]\d+)")
_DECIMALS = 6  # a tenth of a metre
_WRONG_SIGN_KM = 500.0  # a place farther outside its country may have a longitude of the wrong sign
_YEAR = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d|2100)(?!\d)")


@dataclass(frozen=True)
class SheetRow:
    """A row of a sheet, whose cells are accessed by the keys of an alias table; `issues` collects their issues."""

    grid: Grid
    line: int
    cells: tuple[object, ...]
    positions: Mapping[str, int]
    issues: list[Issue]

    def place(self, key: str = "plant") -> str:
        """Place of a cell, `FILE:sheet!D12`; for a missing column, that of the plant id."""
        return self.grid.source.at_position(self.line, self.positions.get(key, self.positions["plant"]))

    def report(self, what: str, hint: str = "", *, key: str = "plant") -> None:
        """Add an issue of a cell."""
        self.issues.append(Issue(self.place(key), what, hint))

    def has(self, key: str) -> bool:
        """Whether the sheet has the column."""
        return key in self.positions

    @property
    def coordinate_keys(self) -> tuple[str, str]:
        """Keys of the columns of latitude and longitude: one column with both, or two columns."""
        is_pair = self.has("coordinates") or not self.has("latitude")
        return ("coordinates", "coordinates") if is_pair else ("latitude", "longitude")

    @property
    def content(self) -> tuple[object, ...]:
        """All cells, with plain text, to compare rows."""
        return tuple(plain_heading(cell) or None if isinstance(cell, str) else cell for cell in self.cells)

    def cell(self, key: str) -> object:
        """Raw value; None for an empty cell or a missing column."""
        at = self.positions.get(key, len(self.cells))
        return self.cells[at] if at < len(self.cells) else None

    def text(self, key: str) -> str:
        """Text of the cell on one line; "" if it is unknown or absent."""
        cell = self.cell(key)
        cell = " ".join(cell.split()) if type(cell) is str else cell
        words = str(convert_cell(Column("gem", key, "text"), cell, self.place(key), self.issues) or "")
        return "" if words.lower() in (*_NOTHING, UNKNOWN) else words

    def words(self, key: str) -> str:
        """The text of a cell whose issues are reported elsewhere, or do not matter."""
        return replace(self, issues=[]).text(key)

    def year(self, key: str) -> int | None:
        """Year in a date, number or text (`2026-06`); None if unknown."""
        cell = self.cell(key)
        if isinstance(cell, date):
            return cell.year
        words = self.text(key)
        if not words:
            return None
        if found := _YEAR.search(words):
            return int(found[1])
        self.report(f"'{shown_text(words)}' has no year", "write 2012, or unknown", key=key)
        return None

    def amount(self, key: str, column: Column) -> tuple[float | None, str]:
        """Amount in kt/y, and what is uncertain: "", "unknown", or ">0" for an unquantified amount.

        The number of a lower bound such as >2800 is used, and the bound is returned as well.
        """
        cell = self.cell(key)
        words = cell.strip().lower() if type(cell) is str else ""
        if cell is None or (type(cell) is str and words in _NOTHING):
            return None, ""
        if words == UNKNOWN:
            return None, UNKNOWN
        uncertain = ""
        if bound := _MORE_THAN.fullmatch(words):
            cell = float(bound[1].replace(",", "")) if bound[1] else 0.0
            if not cell:
                return None, SOME
            uncertain = f">{cell:g}"
        value = convert_cell(column, cell, self.place(key), self.issues)
        return (float(value) if isinstance(value, int | float) else None), uncertain


def has_chemicals(grid: Grid) -> bool:
    """Whether the sheet has a column of products, which only the chemicals inventory has."""
    headings = {heading_without_unit(heading) for heading in grid.header}
    return all(headings & set(CHEMICAL_HEADINGS[key]) for key in ("plant", "products"))


def rows_of(
    grid: Grid, aliases: Aliases, issues: list[Issue], notices: list[str] | None = None, silent: Collection[str] = ()
) -> list[SheetRow]:
    """Rows of a sheet with a plant id; issues for missing and duplicate columns and implausible amounts.

    `notices` receives a text for each missing optional column, except those in `silent`, and for headings without unit.
    """
    positions: dict[str, int] = {}
    known = {alias: key for key, words in aliases.items() for alias in words}
    for at, heading in enumerate(grid.header):
        key = known.get(heading_without_unit(heading))
        if key is None:
            continue
        if key in positions:
            first = grid.header[positions[key]]
            place = grid.source.at_position(grid.header_line, at)
            issues.append(
                Issue(
                    place, f"column '{shown_text(heading)}' has the same meaning as '{shown_text(first)}'", "keep one"
                )
            )
        positions.setdefault(key, at)
    missing = missing_columns(aliases, positions, _OPTIONAL)
    for key in missing:
        place = grid.source.at_position(grid.header_line, 0)
        hint = missing_column_hint(key, aliases, grid)
        issues.append(Issue(place, f"column '{aliases[key][0]}' is missing", hint))
    if notices is not None:
        notices += heading_notices(grid, aliases, positions, _OPTIONAL, silent)
    rows: list[SheetRow] = []
    for line, cells in () if missing else grid.rows:
        row = SheetRow(grid, line, cells, positions, issues)
        if row.cell("plant") is not None:
            rows.append(row)
        elif len([cell for cell in cells if cell is not None]) > 1:  # a single cell is a remark below the table
            row.report("has no plant id")
    issues += _million_tonne_issues(grid, positions, rows)
    return rows


def _million_tonne_issues(grid: Grid, positions: Mapping[str, int], rows: Sequence[SheetRow]) -> Iterator[Issue]:
    """Issues of headings without unit whose amounts in operation look like million tonnes."""
    running = [row for row in rows if "status" not in positions or row.words("status").lower().startswith("operating")]
    for key in keys_without_unit(grid, positions):
        column = Column("gem", key, "number")
        amounts = [amount for row in running if (amount := replace(row, issues=[]).amount(key, column)[0])]
        if amounts and (middle := median(amounts)) < LEAST_MEDIAN_KTPA:
            heading = shown_text(grid.header[positions[key]])
            place = grid.source.at_position(grid.header_line, positions[key])
            what = f"the median of '{heading}' is {middle:.3g}: is it in million tonnes?"
            yield Issue(place, what, f"give thousand tonnes a year and write the unit: {heading} (ttpa)")


def plant_values(plant: str, row: SheetRow, declared: Mapping[str, Column]) -> dict[str, object]:
    """Name and place of a plant on a sheet "Plant data"; outside China, its province is the country."""
    text = {key: row.text(key) for key in ("name", "name_local", "country", "subnational", "municipality")}
    for key in ("name", "country"):
        if not text[key]:
            row.report(f"plant '{shown_text(plant)}' has no {key}", key=key)
    is_chinese = text["country"] == CHINA
    if is_chinese and not text["subnational"]:
        row.report(f"plant '{shown_text(plant)}' has no province", key="subnational")
    lat, lon = _coordinates(row, declared)
    return {
        "plant": plant,
        "name": text["name"],
        "name_zh": text["name_local"] if is_chinese else "",
        "country": text["country"],
        "province": text["subnational"] if is_chinese else text["country"],
        "municipality": text["municipality"],
        "lat_deg": lat,
        "lon_deg": lon,
        "place_accuracy": "exact" if row.text("accuracy").lower() == "exact" else "approximate",
    }


def with_sign_of_country(values: dict[str, object]) -> str:
    """Correct the sign of a longitude that only then lies in the country; return the note, or "" without a change."""
    country, lat, lon = values["country"], values["lat_deg"], values["lon_deg"]
    if not isinstance(lat, float) or not isinstance(lon, float):
        return ""
    if km_outside_country(str(country), lat, lon) <= _WRONG_SIGN_KM:
        return ""
    if not is_in_country(str(country), lat, -lon, PROVINCE_MARGIN_KM):
        return ""
    values["lon_deg"] = -lon
    return f"the sign of the longitude is corrected: the tracker gives {lon:g}"


def _coordinates(row: SheetRow, declared: Mapping[str, Column]) -> tuple[float | None, float | None]:
    """Latitude and longitude from "39.1604010, 118.4298060"; `declared` has the columns lat_deg and lon_deg."""
    keys = row.coordinate_keys
    words = ", ".join(text for text in map(row.text, dict.fromkeys(keys)) if text)
    found = _COORDINATES.fullmatch(words)
    if not found:
        plant = shown_text(row.words("plant"))
        what = f"'{shown_text(words)}' is not a pair of coordinates" if words else f"plant '{plant}' has no coordinates"
        pair = _WITH_COMMAS.fullmatch(words)
        example = ", ".join(each.replace(",", ".") for each in pair.groups()) if pair else "12.34, 56.78"
        row.report(what, f"write latitude, longitude: {example}", key=keys[0])
        return None, None
    lat, lon = float(found[1]), float(found[2])
    for name, value, key in (("lat_deg", lat, keys[0]), ("lon_deg", lon, keys[1])):
        low, high = declared[name].low, declared[name].high
        if low is not None and high is not None and not low <= value <= high:
            what = f"{value:g} is outside {low:g} to {high:g}"
            row.report(what, "write latitude, then longitude", key=key)
    return round(lat, _DECIMALS), round(lon, _DECIMALS)


STEEL, CHEMICALS = "steel", "chemicals"
_KNOWN = (PLANTS.lower(), CAPACITIES.lower(), *KIND_OF)
_KEY_OF = {STEEL: "GIST", CHEMICALS: "GCI"}
_WORK_OF = {STEEL: "Global Iron and Steel Tracker", CHEMICALS: "Global Chemicals Inventory"}
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_RELEASE = re.compile(rf"({'|'.join(_MONTHS)})[\s_-]+(20\d\d)")


@dataclass
class GemSheets:
    """Sheets of the workbooks and their releases.

    `steel` is by the lower-case name of the sheet, `chemicals` by file. `releases` are the release dates that the
    workbooks, or their names, state.
    """

    steel: dict[str, list[Grid]] = field(default_factory=dict)
    chemicals: dict[str, list[Grid]] = field(default_factory=dict)
    releases: dict[str, str] = field(default_factory=dict)

    def reference(self, kind: str) -> tuple[str, str]:
        """Key and citation of the release; that of the steel tracker of September 2025 is GIST-2025-09."""
        key, release = _KEY_OF[kind], self.releases.get(kind, "")
        if release:
            month, year = release.split()
            key = f"{key}-{year}-{_MONTHS.index(month) + 1:02d}"
        return key, f"Global Energy Monitor, {_WORK_OF[kind]}, {release or 'release not stated'}"


def sorted_sheets(files: Sequence[tuple[str, bytes]], issues: list[Issue]) -> GemSheets:
    """Sheets of the workbooks of (name, bytes); issues for unknown sheets with a similar name."""
    found = GemSheets()
    message: dict[str, list[str]] = {STEEL: [], CHEMICALS: []}
    for name, raw in files:
        book = workbook_grids(raw, name)
        issues += book.issues
        chemical = [
            grid for title, grid in book.sheets.items() if plain_heading(title) not in ASIDE and has_chemicals(grid)
        ]
        if chemical:
            found.chemicals[name] = chemical
            issues += [issue for grid in chemical for issue in grid.issues]
        for title, grid in book.sheets.items():
            if grid not in chemical:
                _sort_steel(found, plain_heading(title), grid, issues, is_alone=not chemical)
        kind = CHEMICALS if chemical else STEEL
        message[kind] = [*_about_cells(book), *message[kind], name]
    for kind, words in message.items():
        found.releases[kind] = next((f"{at[1]} {at[2]}" for each in words if (at := _RELEASE.search(each))), "")
    return found


def _sort_steel(found: GemSheets, sheet: str, grid: Grid, issues: list[Issue], *, is_alone: bool) -> None:
    if sheet in _KNOWN:
        issues += grid.issues
        if sheet in found.steel and sheet not in KIND_OF:
            hint = "give one workbook with plants at a time"
            issues.append(Issue(grid.source.file, f"the sheet is also in {found.steel[sheet][0].source.file}", hint))
        found.steel.setdefault(sheet, []).append(grid)
    elif sheet not in ASIDE and is_alone and (hint := nearest_hint(sheet, _KNOWN)):
        issues.append(Issue(grid.source.file, "unknown sheet", hint))


def _about_cells(book: Book) -> list[str]:
    sheets: Mapping[str, Grid] = book.sheets
    words: list[str] = []
    for title, grid in sheets.items():
        if plain_heading(title) == "about":
            words += [str(cell) for cell in grid.header] + [str(cell) for _, row in grid.rows for cell in row]
    return words


def missing_sheet_issue(files: Sequence[tuple[str, bytes]], found: GemSheets) -> Issue | None:
    """Issue if there are neither the sheets of steel plants nor chemical plants."""
    lacking = [each for each in (PLANTS, CAPACITIES) if each.lower() not in found.steel]
    is_any_steel = bool(found.steel) or not found.chemicals
    if not lacking or not is_any_steel:
        return None
    there = ", ".join(f"'{shown_text(grid.source.file)}'" for each in found.steel.values() for grid in each)
    named = " and ".join(f"'{each}'" for each in lacking)
    return Issue(files[0][0], f"no workbook has the sheet {named}", f"known sheets: {there or 'none'}")


CHINA = "China"
_TABLE_NAME = {"Inner Mongol": "Inner Mongolia"}  # name in the tables by name of the outline
# Prefectures of the grids of provinces with two grids (data/README.md), in both scripts.
_GRIDS = {
    "Hebei": {
        "Hebei north": "唐山|秦皇岛|承德|张家口|廊坊|Tangshan|Qinhuangdao|Chengde|Zhangjiakou|Langfang",
        "Hebei south": "石家庄|保定|沧州|衡水|邢台|邯郸|Shijiazhuang|Baoding|Cangzhou|Hengshui|Xingtai|Handan",
    },
    "Inner Mongolia": {
        "Inner Mongolia east": "呼伦贝尔|兴安|通辽|赤峰|Hulunbuir|Xing'an|Tongliao|Chifeng",
        "Inner Mongolia west": "呼和浩特|包头|鄂尔多斯|乌兰察布|巴彦淖尔|乌海|阿拉善|锡林郭勒"
        "|Hohhot|Baotou|Ordos|Ulanqab|Bayannur|Wuhai|Alxa|Xilin",
    },
}


def china_places(works: pd.DataFrame) -> pd.DataFrame:
    """The plants with `province`, `grid` and `note` set; the grid of plants in other countries is the province.

    `works` has the columns country, province, address, address_local, municipality, lat_deg, lon_deg and note.
    """
    works = works.reset_index(drop=True)
    works["grid"] = works["province"]
    is_chinese = (works["country"] == CHINA).to_numpy()
    if is_chinese.any():
        at = works.index[is_chinese & works["lat_deg"].notna().to_numpy()]
        _correct_provinces(works, at)
        _set_grids(works, at)
    return works


def _correct_provinces(works: pd.DataFrame, at: pd.Index) -> None:
    """Set the province by coordinates if they are farther outside the stated one than outlines are accurate."""
    some = works.loc[at]
    outside = km_outside_province(some["province"], some["lat_deg"].astype(float), some["lon_deg"].astype(float))
    for i in outside.index[outside > PROVINCE_MARGIN_KM]:
        place = works.loc[i]
        names = [name for name, rings in province_outlines().items() if rings]
        n = len(names)
        far = km_outside_province(
            pd.Series(names), pd.Series([float(place["lat_deg"])] * n), pd.Series([float(place["lon_deg"])] * n)
        )
        if (far == 0).sum() == 1:
            province = _TABLE_NAME.get(names[int(far.argmin())], names[int(far.argmin())])
            message = (
                f"the tracker says {place['province']}, {outside[i]:.0f} km away; its coordinates lie in {province}"
            )
            works.loc[i, "note"] = "; ".join(words for words in (place["note"], message) if words)
            works.loc[i, ["province", "grid"]] = province


def _set_grids(works: pd.DataFrame, at: pd.Index) -> None:
    """Set the grid by the prefecture in the address, or else that of the nearest plant with a known prefecture."""
    for province, grids in _GRIDS.items():
        some = works.loc[at][works.loc[at, "province"] == province]
        words = some["municipality"] + " " + some["address"] + " " + some["address_local"]
        named = {grid: words.str.contains(names).to_numpy(bool) for grid, names in grids.items()}
        only = np.array([*named.values()]).sum(axis=0) == 1
        for grid, is_named in named.items():
            works.loc[some.index[is_named & only], "grid"] = grid
        places = some[["lat_deg", "lon_deg"]].to_numpy(float)
        for k in np.flatnonzero(~only):
            if only.any():
                scale = np.array([1.0, np.cos(np.radians(places[k, 0]))])
                distance = (((places[only] - places[k]) * scale) ** 2).sum(axis=1)
                works.loc[some.index[k], "grid"] = works.loc[some.index[only][distance.argmin()], "grid"]
            else:
                works.loc[some.index[k], "grid"] = next(reversed(grids))
