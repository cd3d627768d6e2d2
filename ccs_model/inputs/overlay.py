"""Shipped tables and the user's own become one set: laid over by key, taken instead, or standing beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ccs_model.errors import Fault
from ccs_model.inputs.checks import KEYS
from ccs_model.inputs.inventories import COAL_CHEMICALS, SECTORS, Inventory
from ccs_model.inputs.own_folder import OwnFolder
from ccs_model.inputs.table import Table
from ccs_model.inputs.terrain_file import TERRAIN_TABLE, TerrainFile
from ccs_model.scenario.own_tables import TERRAIN, OwnTables

SHIPPED = "shipped"
_SITES, _CURVES = "storage/sites", "storage/site_costs"
# Rows that only make sense together: (table, column); a user's rows for one of these take the place of all of ours.
_TOGETHER = {_CURVES: "site"}
# Rows of these tables are asked for by name: (table, column, what is always needed; nothing means every row of ours).
_NEEDED = (
    ("streams/factors", "factor", ()),
    ("streams/chemical_grades", "stream", ()),
    ("streams/mill_stacks", "profile", ("ieaghg",)),
    ("streams/utilisation", "province", ("all",)),
    ("technologies/heat_sources", "heat_source", ("coal_boiler",)),
    ("transport/limits", "limit", ()),
)


@dataclass
class Merged:
    """The frames with where each came from, and what is wrong with the whole."""

    frames: dict[str, pd.DataFrame]
    origins: dict[str, str]
    faults: list[Fault] = field(default_factory=list)


def merged(
    shipped: Mapping[str, Table],
    folder: OwnFolder,
    inventories: list[Inventory],
    asked: OwnTables,
    terrain: TerrainFile | None = None,
) -> Merged:
    """Lay the folder over the shipped tables, then set the inventories beside the plants that are asked for."""
    result = Merged({name: table.frame for name, table in shipped.items()}, dict.fromkeys(shipped, SHIPPED))
    for table in folder.tables:
        _lay(result, table, is_instead=table.name in folder.instead)
    ours = (*SECTORS, COAL_CHEMICALS)
    for name in ours:
        result.frames[f"plants/{name}"] = result.frames[f"plants/{name}"].assign(inventory=name)
    if inventories:
        _leave_out(result, [name for name in ours if name not in asked.inventory])
    for inventory in inventories:
        for table in inventory.tables:
            if table.name == "references":
                _lay(result, table, is_instead=False)
            else:
                _set_beside(result, table.name, table.frame.assign(inventory=inventory.name))
    if terrain is not None:
        result.faults += _take_terrain(result, terrain, folder, asked)
    result.faults += _missing_rows(result, shipped, folder)
    _complete_curves(result)
    return result


def _take_terrain(result: Merged, terrain: TerrainFile, folder: OwnFolder, asked: OwnTables) -> list[Fault]:
    """The file takes the place of the table; a grid stays a grid, and the table is then empty."""
    given = [
        table.frame["source"].iloc[0].file
        for table in folder.tables
        if table.name == TERRAIN_TABLE and len(table.frame)
    ]
    if given:
        return [Fault(asked.where(TERRAIN), f"{TERRAIN_TABLE} is given already in {given[0]}", "keep one of the two")]
    frame = result.frames[TERRAIN_TABLE].iloc[:0] if terrain.table is None else terrain.table.frame
    said = _counted(len(frame), "place")
    if terrain.raster is not None:
        n_rows, n_columns = terrain.raster.values.shape
        said = f"{n_columns} × {n_rows} cells"
    result.frames[TERRAIN_TABLE] = frame
    result.origins[TERRAIN_TABLE] = f"{terrain.name}, instead of ours ({said})"
    return []


def _lay(result: Merged, table: Table, *, is_instead: bool) -> None:
    """Rows of the same key take the place of ours, the others follow; or the whole table is taken instead."""
    file = table.frame["source"].iloc[0].file if len(table.frame) else "an empty table"
    if is_instead:
        result.frames[table.name] = table.frame
        result.origins[table.name] = f"{file}, instead of ours ({_counted(len(table.frame), 'row')})"
        return
    if table.frame.empty:
        return
    ours, key = _without_their_groups(result.frames[table.name], table), list(KEYS[table.name])
    places = {named: place for place, named in enumerate(ours[key].itertuples(index=False, name=None))}
    order = [places.get(named, len(ours)) for named in table.frame[key].itertuples(index=False, name=None)]
    n_new = order.count(len(ours))
    kept = ours.assign(_order=range(len(ours)))
    kept = kept[~kept["_order"].isin(order)]
    whole = pd.concat([kept, table.frame.assign(_order=order)], ignore_index=True)
    whole = whole.sort_values("_order", kind="stable").drop(columns="_order")
    result.frames[table.name] = whole.reset_index(drop=True)
    said = f"{_counted(len(order) - n_new, 'row')} laid over" + (f", {n_new} added" if n_new else "")
    result.origins[table.name] += f" + {file} ({said})"


def _without_their_groups(ours: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Our rows less those that belong to a group of which the user's table has rows, and have no successor there."""
    if table.name not in _TOGETHER:
        return ours
    group, key = _TOGETHER[table.name], list(KEYS[table.name])
    theirs = set(table.frame[key].itertuples(index=False, name=None))
    has_successor = np.array([named in theirs for named in ours[key].itertuples(index=False, name=None)], dtype=bool)
    return ours[~ours[group].isin(table.frame[group]) | has_successor].reset_index(drop=True)


def _complete_curves(result: Merged) -> None:
    """Every site has a cost curve: where it has no steps of its own, one step at the cost of the site.

    Our steps do not outlive our site: where the user's row took its place, its cost is what that row says.
    """
    sites, curves = result.frames[_SITES], result.frames[_CURVES]
    theirs = sites.loc[[source.is_own for source in sites["source"]], "site"]
    is_ours = np.array([not source.is_own for source in curves["source"]], dtype=bool)
    curves = curves[~(is_ours & (curves["site"].isin(theirs) | ~curves["site"].isin(sites["site"])))]
    bare = sites[~sites["site"].isin(curves["site"])]
    if len(bare):
        single = bare.assign(step=1.0, capacity_share=1.0)[list(curves.columns)]
        curves = pd.concat([curves, single], ignore_index=True) if len(curves) else single
        result.origins[_CURVES] += f" + one cost each of {_counted(len(bare), 'site')}"
    result.frames[_CURVES] = curves.reset_index(drop=True)


def _leave_out(result: Merged, sectors: list[str]) -> None:
    """Where files are named, the shipped inventories that are not named are not read, nor their furnaces and units."""
    left_out: set[str] = set()
    for sector in sectors:
        name = f"plants/{sector}"
        left_out |= set(result.frames[name]["plant"])
        result.frames[name] = result.frames[name].iloc[:0]
        result.origins[name] = ""
    for name in ("plants/steel_units", "plants/captive_units"):
        units = result.frames[name]
        result.frames[name] = units[~units["plant"].isin(left_out)].reset_index(drop=True)


def _set_beside(result: Merged, name: str, frame: pd.DataFrame) -> None:
    if frame.empty:
        return
    ours = result.frames[name]
    result.frames[name] = pd.concat([ours, frame], ignore_index=True) if len(ours) else frame.reset_index(drop=True)
    said = f"{frame['source'].iloc[0].file} ({_counted(len(frame), 'plant')})"
    result.origins[name] = f"{result.origins[name]} + {said}" if result.origins[name] else said


def _missing_rows(result: Merged, shipped: Mapping[str, Table], folder: OwnFolder) -> list[Fault]:
    """A table taken instead of ours must hold the rows that the program asks for by name."""
    faults = []
    for table, column, always in _NEEDED:
        if table in folder.instead:
            needed = always or tuple(shipped[table].frame[column])
            for name in needed:
                if name not in set(result.frames[table][column]):
                    what = f"no row for {column} '{name}', which the program asks for"
                    faults.append(Fault(f"{table}.csv", what, f"instead.txt takes your {table} instead of ours"))
    for table in sorted(folder.instead):
        if result.frames[table].empty and len(shipped[table].frame):
            faults.append(Fault(f"{table}.csv", "holds no rows", "instead.txt takes it instead of ours"))
    return faults


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
