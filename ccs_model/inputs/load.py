"""Loads the shipped tables and the user's own into `Inputs`, which is frozen.

The user's tables override rows of the shipped tables by key or replace whole tables; inventories are added.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import lru_cache, partial
from itertools import islice
from os import PathLike
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any

import pandas as pd

from ccs_model.arguments import file_path, instance_of, optional
from ccs_model.errors import FileError, InputError, Issue
from ccs_model.inputs.checked_table import Table, table_of
from ccs_model.inputs.csv_reader import csv_grid, own_bytes, path_of
from ccs_model.inputs.declarations import Column, Declared, Source, read_dictionary, reading_order
from ccs_model.inputs.merged_tables import merge_tables, similar_names, with_known_names
from ccs_model.inputs.place_checks import PLACE_CHECKS, notices_of_links, notices_of_places, notices_of_signs
from ccs_model.inputs.source_checks import notices_of_means, notices_of_paths
from ccs_model.inputs.table_checks import CHECKS, notices_of_capacities
from ccs_model.inputs.terrain_file import TERRAIN_TABLE, Raster, TerrainFile, read_terrain
from ccs_model.inputs.user_tables import (
    COAL_CHEMICALS,
    Inventory,
    OwnFolder,
    read_inventory,
    read_own_folder,
    with_rows_for_other_places,
    with_site_defaults,
)
from ccs_model.paths import data_folder, data_folder_name
from ccs_model.scenario import Scenario
from ccs_model.scenario.sections import DATA, TERRAIN, OwnTables


class UnknownTableError(KeyError):
    """No input table has a name; the message gives the nearest names, or all if none is near."""

    def __init__(self, name: object, tables: Sequence[str]) -> None:
        super().__init__(name, tables)
        text = name if isinstance(name, str) and len(name) > 2 else ""
        near = get_close_matches(text, tables, n=3) or [each for each in tables if text and text in each]
        hint = f"did you mean {' or '.join(map(repr, near[:3]))}?" if near else f"the tables: {', '.join(tables)}"
        self._message = f"no table {name!r}; {hint}"

    def __str__(self) -> str:
        return self._message


@dataclass(frozen=True, repr=False)
class Inputs:
    """The input tables by name (`plants/steel`), each row with its reference and quality. Do not change the frames.

    Attributes
    ----------
    tables
        DataFrames by table name. The column `inventory` of plants names their inventory in the scenario.
    sha256
        SHA-256 of every file read.
    folder_name
        Name of the data folder.
    origins
        Origin of each table: shipped, or the files that override or replace it.
    own
        The tables that the scenario named when the inputs were loaded.
    own_files
        Content of the user's files as read, by the name in the scenario (one file for an inventory).
    raster
        Terrain grid, if the scenario names one.
    sources
        Source of every row, by table name.
    allow_outside
        Whether files outside the scenario's folder may be read.
    notices
        Sentences on values of the user's tables that were converted.
    scenario_notices
        Sentences on names in the scenario that are read as those of the tables.
    loaded
        Copies of the tables as read; a table that differs was changed in Python, and has a hash of its own in runs.
    """

    tables: Mapping[str, pd.DataFrame]
    sha256: Mapping[str, str]
    folder_name: str
    origins: Mapping[str, str] = field(default_factory=dict)
    own: OwnTables | None = None
    own_files: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict, repr=False)
    raster: Raster | None = field(default=None, repr=False)
    sources: Mapping[str, tuple[Source, ...]] = field(default_factory=dict, repr=False)
    allow_outside: bool = False
    notices: tuple[str, ...] = ()
    scenario_notices: tuple[str, ...] = ()
    loaded: Mapping[str, pd.DataFrame] | None = field(default=None, repr=False)

    @property
    def changed_tables(self) -> tuple[str, ...]:
        """Names of the tables that were changed or replaced after loading."""
        loaded = self.tables if self.loaded is None else self.loaded
        return tuple(name for name, frame in self.tables.items() if not frame.equals(loaded.get(name)))

    @property
    def all_notices(self) -> tuple[str, ...]:
        """Notices on the user's tables and on names in the scenario."""
        return self.notices + self.scenario_notices

    def __repr__(self) -> str:
        n_rows = sum(map(len, self.tables.values()))
        return f"Inputs({len(self.tables)} tables, {n_rows:,} rows, from {self.folder_name!r})"

    def __getitem__(self, table: str) -> pd.DataFrame:
        try:
            return self.tables[table]
        except (KeyError, TypeError):
            raise UnknownTableError(table, list(self.tables)) from None

    def column(self, table: str, name: str) -> list[Any]:
        """Values of a column of a table."""
        return list(self[table][name])

    def plants_of(self, sector: str) -> pd.DataFrame:
        """All plants of a sector from every inventory; coal chemicals are chemical plants."""
        table = self[f"plants/{sector}"]
        more = self[f"plants/{COAL_CHEMICALS}"]
        return table if sector != "chemicals" or more.empty else pd.concat([table, more], ignore_index=True)

    def place(self, table: str, row: int, column: str = "") -> str:
        """Place of a row (from 0), such as `data/transport/links.csv:5`; the name of the table if it is unknown."""
        sources, frame = self.sources.get(table, ()), self[table]
        if len(sources) != len(frame):
            return table
        return sources[row].at(int(frame["line"].iloc[row]), column)

    def is_own(self, table: str, row: int) -> bool:
        """Whether a row (from 0) is the user's; false if that is unknown."""
        sources = self.sources.get(table, ())
        return len(sources) == len(self[table]) and sources[row].is_own

    def factor(self, name: str) -> float:
        """Value of a factor in streams/factors, by name."""
        table = self["streams/factors"]
        return float(table.loc[table["factor"] == name, "value"].iloc[0])

    def limit(self, name: str) -> float:
        """Value of a limit in transport/limits, by name."""
        table = self["transport/limits"]
        return float(table.loc[table["limit"] == name, "value"].iloc[0])


def load_inputs(
    scenario: Scenario | None = None, *, folder: str | PathLike[str] | None = None, allow_outside: bool = False
) -> Inputs:
    """Read and validate every table.

    Parameters
    ----------
    scenario
        Its own tables and inventories are included, if given.
    folder
        The data folder; the shipped data by default.
    allow_outside
        Whether files outside the scenario's folder may be read.

    Returns
    -------
    Inputs
        The tables by name.

    Raises
    ------
    InputError
        With the issues of all tables; or if `scenario` is a path or a mapping, of which `read_scenario` and
        `Scenario.from_dict` make a Scenario.
    FileError
        If a file cannot be read.
    """
    optional(instance_of, "scenario", scenario, Scenario, "a Scenario", "read_scenario(path) reads one")
    own = OwnTables.of(scenario) if scenario is not None else None
    root = optional(file_path, "folder", folder)
    if root is not None and not root.is_dir():
        raise FileError(f"{root}: no such data folder")
    return load_tables(own, folder=root, allow_outside=allow_outside)


def load_tables(
    own: OwnTables | None, *, folder: Path | None = None, allow_outside: bool = False, found: list[Issue] | None = None
) -> Inputs:
    """As load_inputs, for a scenario that may have errors.

    With `found`, issues are added to it instead of raised, as far as later checks can go on with stand-ins for the
    faulty values: the result then serves to find more issues, and for nothing else.
    """
    root = folder or data_folder()
    raws = {name: _shipped_bytes(root, name) for name in read_dictionary(root)}
    requested = own or OwnTables(Path())
    if requested.data is None and requested.terrain is None and not requested.files:
        try:
            inputs = _inputs_without_own_files(root, tuple(raws.items()), requested.oil_fields, requested.provinces)
        except InputError:
            pass  # Issues are collected below.
        else:
            tables = MappingProxyType({name: frame.copy() for name, frame in inputs.tables.items()})
            return replace(inputs, tables=tables, own=own, allow_outside=allow_outside)
    return replace(_load(root, raws, requested, allow_outside, found), own=own)


@lru_cache(maxsize=8)
def _inputs_without_own_files(
    root: Path, raws: tuple[tuple[str, bytes], ...], oil_fields: bool, provinces: tuple[str, ...]
) -> Inputs:
    """Inputs of the data folder alone; equal bytes are validated once a process.

    Inventory, currency and price year matter for files of the user's only.
    """
    return _load(root, dict(raws), OwnTables(Path(), oil_fields=oil_fields, provinces=provinces), False, None)


def _load(
    root: Path, raws: Mapping[str, bytes], requested: OwnTables, allow_outside: bool, found: list[Issue] | None
) -> Inputs:
    declared = read_dictionary(root)
    parsed = {name: _parse_table(raws[name], name, columns) for name, columns in declared.items()}
    # The columns are shared until one of the two frames is changed.
    shipped = {name: replace(table, frame=table.frame.copy(deep=False)) for name, table in parsed.items()}
    issues = [issue for table in shipped.values() for issue in table.issues]
    inventories = _inventories(requested, declared, allow_outside, issues)
    own_folder = _folder(requested, declared, allow_outside, issues)
    terrain = _terrain(requested, declared, allow_outside, issues)
    if issues:
        _raise_or_collect(issues, found)
        is_empty = len(inventories) < len(requested.files) or not all(each.has_plants for each in inventories)
        # Without plants, everything that follows is a consequence. A hundred issues are enough for one pass.
        if is_empty or len(issues) > _MOST_ISSUES:
            raise InputError(found or ())
        stand_ins = partial(_with_stand_ins, requested=requested, declared=declared, shipped=shipped, found=found)
        own_folder = replace(own_folder, tables=tuple(map(stand_ins, own_folder.tables)))
        inventories = [replace(each, tables=tuple(map(stand_ins, each.tables))) for each in inventories]
    groups: list[OwnFolder | Inventory] = [own_folder, *inventories]
    own_tables = [with_site_defaults(table, requested) for each in groups for table in each.tables]
    own_tables = with_known_names(shipped, own_tables, declared)
    rest = iter(own_tables)
    own_folder = replace(own_folder, tables=tuple(islice(rest, len(own_folder.tables))))
    inventories = [replace(each, tables=tuple(islice(rest, len(each.tables)))) for each in inventories]
    own_tables += [terrain.table] if terrain is not None and terrain.table is not None else []
    # Checks across tables assume that each table by itself is valid.
    result = merge_tables(shipped, own_folder, inventories, requested, terrain)
    general = with_rows_for_other_places(result.frames)
    issues = list(result.issues)
    if not issues or found is not None:
        issues += [issue for check in (*CHECKS, *PLACE_CHECKS) for issue in check(result.frames)]
    if issues:
        _raise_or_collect(issues, found)
    read = {f"{name}.csv": raw for name, raw in raws.items() if name not in own_folder.instead}
    read |= {f"own:{own_folder.name}/{inner}": raw for inner, raw in own_folder.files.items()}
    read |= {f"own:{each.name}": each.raw for each in inventories}
    own_files = {each.name: {PurePath(each.name).name: each.raw} for each in inventories}
    if requested.data is not None:
        own_files[requested.data] = dict(own_folder.files)
    if terrain is not None:
        read[f"own:{terrain.name}"] = terrain.raw
        own_files[terrain.name] = {PurePath(terrain.name).name: terrain.raw}
    tables = MappingProxyType({name: frame.drop(columns="source") for name, frame in result.frames.items()})
    return Inputs(
        tables=tables,
        loaded=MappingProxyType({name: frame.copy() for name, frame in tables.items()}),
        sha256=MappingProxyType({name: hashlib.sha256(raw).hexdigest() for name, raw in read.items()}),
        folder_name=data_folder_name() if root == data_folder() else root.name,
        origins=MappingProxyType(result.origins),
        own=requested,
        own_files=MappingProxyType(own_files),
        raster=terrain.raster if terrain is not None else None,
        sources=MappingProxyType({name: tuple(frame["source"]) for name, frame in result.frames.items()}),
        allow_outside=allow_outside,
        notices=(
            *(notice for table in own_tables for notice in table.notices),
            *similar_names(result.frames),
            *notices_of_places(result.frames),
            *notices_of_signs(result.frames),
            *notices_of_links(result.frames),
            *notices_of_capacities(result.frames),
            *notices_of_means(result.frames, requested.provinces),
            *notices_of_paths(result.frames),
            *general,
        ),
    )


# Issues of tables after which no later check is made.
_MOST_ISSUES = 100


def _raise_or_collect(issues: list[Issue], found: list[Issue] | None) -> None:
    ordered = sorted(issues, key=reading_order)
    if found is None:
        raise InputError(ordered)
    found += ordered


def _with_stand_ins(
    table: Table, requested: OwnTables, declared: Declared, shipped: Mapping[str, Table], found: list[Issue] | None
) -> Table:
    """Return a table without empty required values. Raises InputError if a whole column of texts is invalid."""
    frame = with_site_defaults(table, requested).frame.copy()
    for column in declared[table.name]:
        values = frame[column.name]
        is_empty = values.isna() if column.is_number else values == ""
        if not column.required or not is_empty.any():
            continue
        known = values[~is_empty]
        # Of texts, only a choice is the same everywhere; a province or a name of other rows would mislead.
        if known.empty and len(frame) and (column.is_number or column.choices):
            known = shipped[table.name].frame[column.name]
            known = known.dropna() if column.is_number else known[known != ""]
        if known.empty:
            raise InputError(found or ())
        frame.loc[is_empty, column.name] = known.median() if column.is_number else known.iloc[0]
        if column.name == "plant":  # ids are unique
            frame.loc[is_empty, "plant"] = [f"row {line}" for line in frame.loc[is_empty, "line"]]
    return replace(table, frame=frame)


def _shipped_bytes(folder: Path, name: str) -> bytes:
    """Content of a table of the data folder. Raises FileError if it cannot be opened."""
    try:
        return (folder / f"{name}.csv").read_bytes()
    except OSError as error:
        raise FileError(f"{name}.csv: cannot be read: {error.strerror}") from error


@lru_cache(maxsize=256)
def _parse_table(raw: bytes, name: str, columns: tuple[Column, ...]) -> Table:
    """A table of the data folder; equal bytes are parsed once a process."""
    return table_of(csv_grid(raw, Source(f"{name}.csv"), columns), name, columns)


def _inventories(requested: OwnTables, declared: Declared, allow_outside: bool, issues: list[Issue]) -> list[Inventory]:
    read = []
    for key, name in requested.files:
        if (raw := _bytes(requested, key, name, allow_outside, issues)) is not None:
            read.append(read_inventory(raw, name, declared, requested.currency))
            issues += read[-1].issues
    return read


def _terrain(requested: OwnTables, declared: Declared, allow_outside: bool, issues: list[Issue]) -> TerrainFile | None:
    name = requested.terrain
    if name is None or (raw := _bytes(requested, TERRAIN, name, allow_outside, issues)) is None:
        return None
    read = read_terrain(raw, name, declared[TERRAIN_TABLE])
    issues += read.issues
    return read


def _bytes(requested: OwnTables, key: str, name: str, allow_outside: bool, issues: list[Issue]) -> bytes | None:
    """Bytes of a file that a key names; None with the issues if it is not allowed or too large."""
    try:
        return own_bytes(requested, key, name, allow_outside=allow_outside)
    except InputError as error:
        issues += error.issues
        return None


def _folder(requested: OwnTables, declared: Declared, allow_outside: bool, issues: list[Issue]) -> OwnFolder:
    if requested.data is None:
        return OwnFolder()
    try:
        path = path_of(requested, DATA, requested.data, allow_outside=allow_outside)
        if path.resolve() == requested.folder.resolve():
            what = "is the scenario's own folder, expected a subfolder"
            raise InputError([Issue(requested.place_of_key(DATA), f"'{requested.data}' {what}")])
        inside = None if allow_outside else requested.folder
        where = requested.place_of_key(DATA)
        read = read_own_folder(path, requested.data, where, declared, inside, requested.currency)
    except InputError as error:
        issues += error.issues
        return OwnFolder()
    issues += read.issues
    return read
