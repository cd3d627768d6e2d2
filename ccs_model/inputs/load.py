"""Loads the shipped tables, and the user's own with them, into `Inputs`, the frozen statement of what is true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any

import pandas as pd

from ccs_model.errors import Fault, InputError
from ccs_model.inputs.checks import CHECKS
from ccs_model.inputs.dictionary import read_dictionary
from ccs_model.inputs.inventories import COAL_CHEMICALS, Declared, Inventory, read_inventory
from ccs_model.inputs.overlay import merged
from ccs_model.inputs.own_files import found, table_bytes
from ccs_model.inputs.own_folder import OwnFolder, read_own_folder
from ccs_model.inputs.source import Source, reading_order
from ccs_model.inputs.table import read_table
from ccs_model.inputs.terrain_file import TERRAIN_TABLE, Raster, TerrainFile, read_terrain
from ccs_model.paths import data_folder, data_folder_name
from ccs_model.scenario import Scenario
from ccs_model.scenario.own_tables import DATA, TERRAIN, OwnTables


@dataclass(frozen=True)
class Inputs:
    """The tables, by name (`plants/steel`); every row with its reference and quality. Do not change the frames.

    Plants say in `inventory` which inventory of the scenario they are of. `origins` tells of each table whether it is
    the shipped one or what was laid over it; `own` is what the scenario named when the tables were loaded. `own_files`
    keeps the files themselves as they were read: by the name in the scenario, the files in it (one for an inventory).
    `raster` is the terrain where the scenario names a grid. `sources` says of every row which file it came from;
    `allow_outside` whether files outside the scenario's folder may be read.
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

    def __getitem__(self, table: str) -> pd.DataFrame:
        return self.tables[table]

    def __reduce__(self) -> tuple[Any, ...]:
        """So that it can be handed to another process: read-only mappings cannot."""
        own = self.own and replace(self.own, places=dict(self.own.places))
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        plain = {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}
        return _handed_over, ({**plain, "own": own},)

    def plants_of(self, sector: str) -> pd.DataFrame:
        """All plants of a sector, whatever inventory they are of: coal chemicals are chemical plants."""
        table = self[f"plants/{sector}"]
        more = self[f"plants/{COAL_CHEMICALS}"]
        return table if sector != "chemicals" or more.empty else pd.concat([table, more], ignore_index=True)

    def place(self, table: str, row: int, column: str = "") -> str:
        """Where the row, counted from 0, stands: `data/transport/links.csv:5`; the table where that is not known."""
        sources, frame = self.sources.get(table, ()), self[table]
        if len(sources) != len(frame):
            return table
        return sources[row].at(int(frame["line"].iloc[row]), column)

    def factor(self, name: str) -> float:
        """One number of streams/factors, by its name."""
        table = self["streams/factors"]
        return float(table.loc[table["factor"] == name, "value"].iloc[0])

    def limit(self, name: str) -> float:
        """One number of transport/limits, by its name."""
        table = self["transport/limits"]
        return float(table.loc[table["limit"] == name, "value"].iloc[0])


def _handed_over(values: dict[str, Any]) -> Inputs:
    frozen: dict[str, Any] = {
        n: MappingProxyType(each) if isinstance(each, dict) else each for n, each in values.items()
    }
    return Inputs(**frozen)


def load_inputs(scenario: Scenario | None = None, *, folder: Path | None = None, allow_outside: bool = False) -> Inputs:
    """Read and check every table: those of `folder` (the shipped data by default) with the scenario's own.

    All faults of all tables are raised at once; FileError when a file cannot be read.
    """
    own = OwnTables.of(scenario) if scenario is not None else None
    return load_tables(own, folder=folder, allow_outside=allow_outside)


def load_tables(own: OwnTables | None, *, folder: Path | None = None, allow_outside: bool = False) -> Inputs:
    """As load_inputs, for a scenario that may have faults of its own."""
    root = folder or data_folder()
    declared = read_dictionary(root)
    shipped = {name: read_table(root, name, columns) for name, columns in declared.items()}
    asked = own or OwnTables(Path())
    faults = [fault for table in shipped.values() for fault in table.faults]
    inventories = _inventories(asked, declared, allow_outside, faults)
    theirs = _folder(asked, declared, allow_outside, faults)
    terrain = _terrain(asked, declared, allow_outside, faults)
    if faults:
        raise InputError(sorted(faults, key=reading_order))
    # Checks across tables assume that each table by itself is sound.
    whole = merged(shipped, theirs, inventories, asked, terrain)
    faults = whole.faults or [fault for check in CHECKS for fault in check(whole.frames)]
    if faults:
        raise InputError(sorted(faults, key=reading_order))
    sha256 = {
        **{f"{name}.csv": table.sha256 for name, table in shipped.items() if name not in theirs.instead},
        **{f"own:{name}": sha for name, sha in theirs.sha256.items()},
        **{f"own:{each.name}": each.sha256 for each in inventories},
    }
    own_files = {each.name: {PurePath(each.name).name: each.raw} for each in inventories}
    if asked.data is not None:
        own_files[asked.data] = dict(theirs.files)
    if terrain is not None:
        sha256[f"own:{terrain.name}"] = terrain.sha256
        own_files[terrain.name] = {PurePath(terrain.name).name: terrain.raw}
    return Inputs(
        tables=MappingProxyType({name: frame.drop(columns="source") for name, frame in whole.frames.items()}),
        sha256=MappingProxyType(sha256),
        folder_name=data_folder_name() if folder is None else folder.name,
        origins=MappingProxyType(whole.origins),
        own=own,
        own_files=MappingProxyType(own_files),
        raster=terrain.raster if terrain is not None else None,
        sources=MappingProxyType({name: tuple(frame["source"]) for name, frame in whole.frames.items()}),
        allow_outside=allow_outside,
    )


def _inventories(asked: OwnTables, declared: Declared, allow_outside: bool, faults: list[Fault]) -> list[Inventory]:
    read = []
    for key, name in asked.files:
        try:
            raw = table_bytes(found(asked, key, name, allow_outside=allow_outside), asked.where(key), name=name)
        except InputError as error:
            faults += error.faults
            continue
        read.append(read_inventory(raw, name, declared))
        faults += read[-1].faults
    return read


def _terrain(asked: OwnTables, declared: Declared, allow_outside: bool, faults: list[Fault]) -> TerrainFile | None:
    if asked.terrain is None:
        return None
    try:
        path = found(asked, TERRAIN, asked.terrain, allow_outside=allow_outside)
        raw = table_bytes(path, asked.where(TERRAIN), name=asked.terrain)
    except InputError as error:
        faults += error.faults
        return None
    read = read_terrain(raw, asked.terrain, declared[TERRAIN_TABLE])
    faults += read.faults
    return read


def _folder(asked: OwnTables, declared: Declared, allow_outside: bool, faults: list[Fault]) -> OwnFolder:
    if asked.data is None:
        return OwnFolder()
    try:
        path = found(asked, DATA, asked.data, allow_outside=allow_outside)
        if path.resolve() == asked.folder.resolve():
            what = "is the scenario's own folder, expected a folder in it"
            raise InputError([Fault(asked.where(DATA), f"'{asked.data}' {what}")])
        inside = None if allow_outside else asked.folder
        read = read_own_folder(path, asked.data, asked.where(DATA), declared, inside)
    except InputError as error:
        faults += error.faults
        return OwnFolder()
    faults += read.faults
    return read
