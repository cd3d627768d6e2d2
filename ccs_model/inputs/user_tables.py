"""Reads the user's own tables: folders of CSV files and workbooks, and inventories of plants.

A folder has CSV files arranged as in data/ (storage/sites.csv), and workbooks of any name with sheets named after
tables (`sites` or `storage_sites`). An inventory is a CSV file, identified by its header, or a workbook with the sheets
steel, chemicals and sources.

Columns of storage sites that follow from others, and rows for every other place, have defaults. Nothing is filled in
silently: every default is a notice, which `check`, the solver log and sheet Sources repeat.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from pathlib import Path

import pandas as pd

from ccs_model.errors import FileError, Issue
from ccs_model.inputs.cells import nearest_hint
from ccs_model.inputs.checked_table import Table, column_of, nearest_column_hint, table_of
from ccs_model.inputs.chinese import SHEETS
from ccs_model.inputs.csv_reader import csv_grid, table_bytes
from ccs_model.inputs.declarations import ANY, PLANTS, SITES, Column, Declared, Grid, Source, own_rows, place_of
from ccs_model.inputs.excel_reader import workbook_grids
from ccs_model.inputs.geography import are_in_china, area_near, countries_with_outline, is_in_country
from ccs_model.inputs.source_checks import plants_with_products
from ccs_model.inputs.table_checks import rows_that_repeat
from ccs_model.paths import data_folder
from ccs_model.scenario.fields import SHIPPED_INVENTORIES, SOURCES
from ccs_model.scenario.sections import OwnTables
from ccs_model.scenario.validation import shown_text
from ccs_model.scenario.yaml_document import full_path
from ccs_model.units import join_first_names

WORKBOOKS = (".xlsx", ".xlsm")
# Sheets that are not read.
ASIDE = ("readme", "notes", "lists", "issues", "faults")
# Columns of storage/sites that follow from the others.
_FOLLOWING = (
    "name", "basin", "province", "kind", "capacity_low_kt", "capacity_high_kt", "currency", "price_year",
)  # fmt: skip
_KIND = "saline"
# Tables with rows for every other place: the column of the place, that of plants, and one that separates their groups.
_BY_PLACE = (
    ("prices/power", "grid", "grid", ""),
    ("prices/fuels", "province", "province", "fuel"),
    ("prices/grid_factors", "province", "province", ""),
    ("streams/utilisation", "province", "province", "product"),
    ("technologies/location_factors", "province", "province", ""),
    ("policy/non_fossil", "region", "province", "measure"),
)
# Distance outside a country within which a place still belongs to it, and number of places that a notice names.
MARGIN_KM, _PLACES_NAMED = 30.0, 6


def workbook_tables(
    raw: bytes, file: str, declared: Declared, currency: str = ""
) -> tuple[dict[str, Table], list[Issue]]:
    """Tables of a workbook by the place of their sheet, and the issues of the workbook. Empty sheets are skipped.

    `currency` is that of amounts that state none.
    """
    book = workbook_grids(raw, file)
    tables: dict[str, Table] = {}
    issues = list(book.issues)
    for title, grid in book.sheets.items():
        if title.strip().lower() in ASIDE or not (grid.header or grid.issues):
            continue
        names = tables_named(title, declared)
        if len(names) == 1:
            tables[grid.source.file] = own_table(grid, names[0], declared[names[0]], currency)
            continue
        hint = f"name it {' or '.join(map(_word, names))}"
        if not names:
            words = [_word(each) for name in declared for each in (name.rpartition("/")[2], name)]
            hint = nearest_hint(_word(title), words, "sheets are named after tables; `ccs-model data` lists them")
        issues.append(Issue(f"{file}:{title}", f"'{shown_text(title)}' is not a table", hint))
    return tables, issues


def tables_named(title: str, declared: Declared) -> list[str]:
    """Tables that a sheet may be named after, with or without their folder and with `_` for the slash."""
    whole = [name for name in declared if _word(name) == _word(title)]
    return whole or [name for name in declared if _word(name.rpartition("/")[2]) == _word(title)]


def _word(title: str) -> str:
    return re.sub(r"[\s/.-]+", "_", title.strip().lower())


INSTEAD = "instead.txt"
_MOST_FILES = 200
_FOR_PEOPLE = (".md", ".txt")
_OTHER_WORKBOOKS = (".xls", ".xlsb", ".ods")


@dataclass(frozen=True)
class OwnFolder:
    """The tables of a folder. Those named in `instead` replace the shipped tables, the others override them by key.

    `files` holds the content of the files by their name inside the folder, as read.
    """

    tables: tuple[Table, ...] = ()
    instead: frozenset[str] = frozenset()
    name: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    issues: tuple[Issue, ...] = ()


def read_own_folder(
    folder: Path, name: str, where: str, declared: Declared, inside: Path | None, currency: str = ""
) -> OwnFolder:
    """Read the folder that the scenario calls `name`. If `inside` is given, every file must lie in it.

    `currency` is that of amounts that state none.
    """
    if not folder.is_dir():
        what = "it is a file, expected a folder" if folder.exists() else "no such folder"
        raise FileError(f"{where}: cannot read {full_path(folder)}: {what}")
    prefix = name.rstrip("/\\")
    tables: dict[str, Table] = {}
    files: dict[str, bytes] = {}
    issues: list[Issue] = []
    instead: list[tuple[int, str]] = []
    for path in files_of(folder, where):
        inner = path.relative_to(folder).as_posix()
        place = f"{prefix}/{inner}"
        if inside is not None and not path.resolve().is_relative_to(inside.resolve()):
            issues.append(Issue(place, "lies outside the scenario's folder", "allow it with --allow-outside"))
            continue
        if inner != INSTEAD and path.suffix.lower() in _FOR_PEOPLE:
            continue
        raw = table_bytes(path, where, name=place)
        if inner != INSTEAD and _is_shipped(inner, raw):
            continue
        files[inner] = raw
        table = inner[: -len(path.suffix)] if path.suffix else inner
        if inner == INSTEAD:
            instead = _table_lines(raw.decode("utf-8-sig", errors="replace"))
        elif path.suffix.lower() == ".csv" and table in declared:
            grid = csv_grid(raw, Source(place, is_own=True), declared[table])
            tables[place] = own_table(grid, table, declared[table], currency)
        elif path.suffix.lower() in WORKBOOKS:
            sheets, wrong = workbook_tables(raw, place, declared, currency)
            tables |= sheets
            issues += wrong
        else:
            issues.append(Issue(place, "is not a table", _hint(table, path.suffix.lower(), declared)))
    for table_read in tables.values():
        issues += table_read.issues or rows_that_repeat(table_read.name, table_read.frame)
    issues += _duplicates(tables)
    issues += _unknown_replacements(instead, prefix, {table.name for table in tables.values()}, declared)
    return OwnFolder(tuple(tables.values()), frozenset(each for _, each in instead), prefix, files, tuple(issues))


def files_of(folder: Path, where: str) -> list[Path]:
    """Every file below the folder except hidden and lock files. Raises FileError at `where` for too many files."""
    found = []
    for path in sorted(folder.rglob("*")):
        if any(part.startswith((".", "~$")) for part in path.relative_to(folder).parts) or path.is_dir():
            continue
        found.append(path)
        if len(found) > _MOST_FILES:
            raise FileError(
                f"{where}: {full_path(folder)} has more than {_MOST_FILES} files, expected a folder of tables"
            )
    return found


def _hint(table: str, suffix: str, declared: Declared) -> str:
    """Hint for a file that is not a table."""
    if suffix in _OTHER_WORKBOOKS:
        return "save it as an Excel workbook (.xlsx)"
    files = [f"{name}.csv" for name in declared]
    return nearest_hint(f"{table}.csv", files, "`ccs-model data` lists the tables")


def _duplicates(tables: Mapping[str, Table]) -> list[Issue]:
    """Issues of tables that are given in more than one file or sheet."""
    first: dict[str, str] = {}
    issues = []
    for place, table in tables.items():
        before = first.setdefault(table.name, place)
        if before != place:
            issues.append(Issue(place, f"{table.name} is already given in {before}", "keep one of them"))
    return issues


def _is_shipped(inner: str, raw: bytes) -> bool:
    """Whether the file is an unchanged copy of a shipped one."""
    shipped = data_folder() / inner
    return shipped.is_file() and shipped.read_bytes() == raw


def _table_lines(text: str) -> list[tuple[int, str]]:
    """Line and table of each line that is not empty or a comment."""
    lines = enumerate(text.splitlines(), start=1)
    named = [(number, line.partition("#")[0].strip().removesuffix(".csv")) for number, line in lines]
    return [(number, table) for number, table in named if table]


def _unknown_replacements(
    instead: list[tuple[int, str]], prefix: str, there: set[str], declared: Declared
) -> list[Issue]:
    issues = []
    for number, table in instead:
        if table not in there:
            what = "has no file in this folder" if table in declared else "is not a table"
            hint = f"add {table}.csv" if table in declared else nearest_hint(table, declared)
            issues.append(Issue(f"{prefix}/{INSTEAD}:{number}", f"'{shown_text(table)}' {what}", hint))
    return issues


# Tables of plants that an inventory may hold.
INVENTORIES = (*SHIPPED_INVENTORIES, SOURCES)
# Shipped chemical plants that are read only if a scenario names them.
COAL_CHEMICALS = "coal_chemicals"
EXAMPLE = "EXAMPLE"
REFERENCE_COLUMNS = ("reference", "quality")
OWN_REFERENCE, OWN_QUALITY = "OWN", "reported"
OWN_NOTE = "reference and quality not given: recorded as the user's own, reported"
_NAMED = 5


@dataclass(frozen=True)
class Inventory:
    """Tables of one file: plants, and references if it has them.

    `name` is the name in the scenario, `raw` the content of the file.
    """

    name: str
    raw: bytes
    tables: tuple[Table, ...] = ()
    issues: tuple[Issue, ...] = ()

    @property
    def has_plants(self) -> bool:
        """Whether a table of plants has rows."""
        return any(table.name != "references" and len(table.frame) for table in self.tables)


def read_inventory(raw: bytes, name: str, declared: Declared, currency: str = "") -> Inventory:
    """Read the content of a file that `plants.inventory` names; errors are issues of the result.

    `currency` is that of amounts that state none.
    """
    if name.lower().endswith((".csv", ".txt", ".tsv")):
        tables, issues = _read_csv(raw, name, declared, currency)
    else:
        tables, issues = _read_workbook(raw, name, declared, currency)
    plants = [table for table in tables if table.name != "references"]
    issues += [issue for table in tables for issue in table.issues]
    if not issues and not sum(len(table.frame) for table in plants):
        issues = [Issue(name, "has no plants", f"rows whose id starts with {EXAMPLE} are ignored")]
    return Inventory(name, raw, tuple(tables), tuple(issues))


def _read_csv(raw: bytes, name: str, declared: Declared, currency: str) -> tuple[list[Table], list[Issue]]:
    both = [column for sector in INVENTORIES for column in declared[f"plants/{sector}"]]
    grid = csv_grid(raw, Source(name, is_own=True), both)
    if grid.is_unreadable:
        return [], list(grid.issues)
    if not grid.header:
        return [], [Issue(name, "the file is empty, expected a header and one row per plant")]
    headings = [heading for heading in grid.header if heading]
    known = {
        sector: sum(column_of(heading, declared[f"plants/{sector}"]) is not None for heading in headings)
        for sector in INVENTORIES
    }
    if 2 * max(known.values()) < len(headings):
        strays = [heading for heading in headings if column_of(heading, both) is None]
        near = [f"{shown_text(heading)}: {hint}" for heading in strays if (hint := nearest_column_hint(heading, both))]
        hint = (
            "; ".join(near[:_NAMED]) or "`ccs-model init DIR --inventory-only FILE.xlsx` writes a workbook to fill in"
        )
        return [], [Issue(f"{name}:{grid.header_line}", "the header fits none of steel, chemicals and sources", hint)]
    # If the header fits several equally, take the table with fewer missing columns.
    sector = max(INVENTORIES, key=lambda each: (known[each], -_n_missing(headings, declared[f"plants/{each}"])))
    return [_plants(grid, f"plants/{sector}", declared, currency)], []


def _read_workbook(raw: bytes, name: str, declared: Declared, currency: str) -> tuple[list[Table], list[Issue]]:
    book = workbook_grids(raw, name)
    if book.issues:
        return [], list(book.issues)
    tables: list[Table] = []
    strays: list[str] = []
    issues: list[Issue] = []
    for title, grid in book.sheets.items():
        sheet = _sheet(title)
        if grid.is_unreadable and sheet not in ASIDE:
            issues += grid.issues
        elif sheet in INVENTORIES and grid.header:
            tables.append(_plants(grid, f"plants/{sheet}", declared, currency))
        elif sheet == "references" and grid.header:
            columns = declared["references"]
            tables.append(own_table(_without_examples(grid, "reference", columns), "references", columns))
        elif sheet not in (*INVENTORIES, "references", *ASIDE):
            strays.append(title)
    if strays:
        named = ", ".join(f"'{shown_text(title)}'" for title in strays)
        hint = f"sheets are {', '.join(INVENTORIES)} and references; README, notes and lists are ignored"
        issues.append(Issue(name, f"unknown sheet: {named}", hint))
    if not any(_sheet(title) in INVENTORIES for title in book.sheets):
        there = ", ".join(f"'{shown_text(title)}'" for title in book.sheets)
        issues = [Issue(name, "no sheet is named steel, chemicals or sources", f"sheets: {there}")]
    return tables, issues


def _sheet(title: str) -> str:
    """Name of the sheet in lower case, and in English if it is a known Chinese name."""
    name = title.strip().lower()
    return SHEETS.get(name, name)


def _plants(grid: Grid, name: str, declared: Declared, currency: str) -> Table:
    """A table of plants, in which reference and quality are optional."""
    table = own_table(_without_examples(grid, "plant", declared[name]), name, declared[name], currency)
    return replace(table, issues=tuple(_add_table_hint(issue, name, declared) for issue in table.issues))


def _add_table_hint(issue: Issue, name: str, declared: Declared) -> Issue:
    """The issue of an unknown column, with the table of plants that has such a column."""
    for other in INVENTORIES:
        known = {column.name for column in declared[f"plants/{other}"]}
        if name != f"plants/{other}" and issue.what in {f"unknown column '{each}'" for each in known}:
            return replace(issue, hint=f"it is a column of {other}: a plant has the columns of one table")
    return issue


def own_table(grid: Grid, name: str, columns: Sequence[Column], currency: str = "") -> Table:
    """A table of the user, whose amounts without a currency are in that of the scenario.

    Rows without reference and quality are recorded as the user's own data, with a note.
    """
    table = table_of(grid, name, _own_columns(name, columns), currency)
    frame = table.frame
    if all(column in frame for column in (*REFERENCE_COLUMNS, "note")):
        unstated = (frame["reference"] == "") & (frame["quality"] == "")
        frame["note"] = frame["note"].mask(unstated & (frame["note"] == ""), OWN_NOTE)
        frame["note"] = frame["note"].mask(unstated & (frame["note"] != OWN_NOTE), frame["note"] + "; " + OWN_NOTE)
        frame["reference"] = frame["reference"].replace("", OWN_REFERENCE)
        frame["quality"] = frame["quality"].replace("", OWN_QUALITY)
    return table


def _without_examples(grid: Grid, key: str, columns: Sequence[Column]) -> Grid:
    """The grid without the example rows of the template."""
    meant = [column_of(heading, columns) for heading in grid.header]
    names = [column.name if column else heading.lower() for heading, column in zip(grid.header, meant, strict=True)]
    if key not in names:
        return grid
    at = names.index(key)
    kept = [row for row in grid.rows if at >= len(row[1]) or not str(row[1][at]).upper().startswith(EXAMPLE)]
    return replace(grid, rows=tuple(kept))


def _n_missing(headings: Sequence[str], columns: Sequence[Column]) -> int:
    there = {column.name for heading in headings if (column := column_of(heading, columns))}
    return sum(column.required and column.name not in there for column in columns)


# Defaults of the user's tables.


def _own_columns(table: str, columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns of a table of the user: reference, quality and what `with_site_defaults` fills in are optional."""
    optional = () if table == "references" else ("reference", "quality", *(_FOLLOWING if table == SITES else ()))
    return tuple(replace(each, required=each.required and each.name not in optional) for each in columns)


def with_site_defaults(table: Table, requested: OwnTables) -> Table:
    """The user's sites with the columns that they leave empty, and a notice of them."""
    if table.name != SITES or table.frame.empty or table.issues:
        return table
    frame = table.frame.copy()
    fills: list[tuple[str, pd.Series | str | float, str]] = [
        ("name", frame["site"], "name is the id"),
        ("basin", frame["site"], "basin is the id"),
        ("province", _areas_of(frame), "province is that of the place ({})"),
        ("kind", _KIND, f"kind is {_KIND}"),
        ("capacity_low_kt", frame["capacity_mid_kt"], "low and high capacity are the mid one"),
        ("capacity_high_kt", frame["capacity_mid_kt"], "low and high capacity are the mid one"),
        ("currency", requested.currency, "currency is the scenario's, {}"),
        ("price_year", float(requested.price_year), "price year is the scenario's, {}"),
        ("well_injectivity_ktpa", float("nan"), "rate of a well is that of the basin or class"),
        ("n_wells_max", float("nan"), "number of wells follows from the area"),
    ]  # fmt: skip
    texts: list[str] = []
    is_short = False
    for column, value, text in fills:
        empty = frame[column].isna() if frame[column].dtype.kind == "f" else frame[column] == ""
        if not empty.any():
            continue
        is_short |= column in _FOLLOWING
        frame[column] = frame[column].mask(empty, value)
        texts.append(text.format(", ".join(dict.fromkeys(f"{each:g}" if isinstance(each, float) else str(each)
                                                        for each in frame.loc[empty, column]))))  # fmt: skip
    if not is_short:
        return table
    if (frame["area_km2"].isna() & table.frame["n_wells_max"].isna()).any():
        texts.append("area is site_area_km2 of storage/factors")
    sites = f"{len(frame)} sites" if len(frame) > 1 else "1 site"
    notice = f"{place_of(frame.iloc[0])}: empty columns of {sites} are filled in: {'; '.join(dict.fromkeys(texts))}"
    return replace(table, frame=frame, notices=(*table.notices, notice))


def _areas_of(frame: pd.DataFrame) -> pd.Series:
    """The province of each row; of those without one, that of their place."""
    places = zip(frame["province"], frame["lat_deg"], frame["lon_deg"], strict=True)
    return pd.Series([province or area_near(lat, lon) for province, lat, lon in places], index=frame.index)


def with_rows_for_other_places(frames: dict[str, pd.DataFrame]) -> list[str]:
    """Give every province or grid with plants the rows of its country or of `*` where it has none; return notices.

    Frames are changed in place. Rows of a country need an outline of it (data/geo); the rows of a country come before
    those of `*`. A place that is a country itself takes no rows of its neighbour. Rows of a product apply to places
    with a plant that makes it.
    """
    notices: list[str] = []
    made = {pair for each in plants_with_products(frames) for pair in zip(each["province"], each["made"], strict=True)}
    for table, column, of_plants, group in _BY_PLACE:
        # The shipped path of China's power holds without copies of its rows.
        frame = frames[table] if table != "policy/non_fossil" else own_rows(frames[table])
        given = set(frame[column])
        general = [*(name for name in countries_with_outline() if name in given), *([ANY] if ANY in given else [])]
        plants = pd.concat([frames[each][[of_plants, "lat_deg", "lon_deg"]] for each in PLANTS], ignore_index=True)
        plants = plants.rename(columns={of_plants: column})
        plants = plants[(plants[column] != "")].drop_duplicates(column)
        if table == "policy/non_fossil":
            plants = plants[~are_in_china(plants[column])]
        if not general:
            continue
        # Whether each place bears the name of the country whose outline holds it.
        are_countries = _are_in_country(plants[column], plants)
        kind = "grids" if column == "grid" else "provinces"
        added: list[pd.DataFrame] = []
        for name, rows in frame.groupby(group) if group else [("", frame)]:
            lacking = plants[~plants[column].isin(set(rows[column]))]
            if group == "product":
                lacking = lacking.loc[[place for place, at in lacking[column].items() if (at, name) in made]]
            for source in general:
                of_source = rows[rows[column] == source]
                if of_source.empty or lacking.empty:
                    continue
                here = lacking
                if source != ANY:
                    within = lacking[~are_countries[lacking.index]]
                    here = within[_are_in_country(repeat(source), within)]
                if here.empty:
                    continue
                added += [of_source.assign(**{column: place}) for place in here[column]]
                names = join_first_names([shown_text(place) for place in here[column]], _PLACES_NAMED)
                what = f"the rows of '{source}' apply to {kind} without rows of their own"
                notices.append(f"{place_of(of_source.iloc[0])}: {what}: {names}")
                lacking = lacking.drop(here.index)
        if added:
            frames[table] = pd.concat([frames[table], *added], ignore_index=True)
    return notices


def _are_in_country(countries: Iterable[str], places: pd.DataFrame) -> pd.Series:
    """Whether each place lies in its country."""
    rows = zip(countries, places["lat_deg"], places["lon_deg"], strict=False)
    return pd.Series([is_in_country(*row, MARGIN_KM) for row in rows], index=places.index, dtype=bool)
