"""Merges the user's tables with the shipped ones: rows by key, whole tables, inventories, terrain and oil fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ccs_model.errors import Issue
from ccs_model.inputs.checked_table import Table
from ccs_model.inputs.declarations import SITES
from ccs_model.inputs.table_checks import key_of
from ccs_model.inputs.terrain_file import TERRAIN_TABLE, TerrainFile
from ccs_model.inputs.user_tables import COAL_CHEMICALS, INVENTORIES, Inventory, OwnFolder
from ccs_model.scenario.sections import TERRAIN, OwnTables

SHIPPED = "shipped"
OIL_FIELDS = "storage/oil_fields"
# Tables whose rows belong together by a column: the user's rows for a value replace all shipped rows for it.
# A grid factor of a later shipped year would otherwise follow the user's.
_GROUPED_BY = {"storage/site_costs": "site", "prices/grid_factors": "province"}
# Tables of values by year: shipped rows of later years than the user's last one for the same place are left out.
_BY_YEAR = {
    "prices/power": ("grid",),
    "prices/fuels": ("province", "fuel"),
    "streams/utilisation": ("province", "product"),
}
# Rows that the model looks up by name: (table, column, required names; empty means every shipped row).
_REQUIRED_ROWS = (
    ("streams/factors", "factor", ()),
    ("streams/chemical_grades", "stream", ()),
    ("streams/mill_stacks", "profile", ("ieaghg",)),
    ("streams/utilisation", "province", ("all",)),
    ("technologies/heat_sources", "heat_source", ("coal_boiler",)),
    ("transport/limits", "limit", ()),
    ("storage/factors", "factor", ()),
    ("storage/reservoir_classes", "reservoir_class", ()),
)


@dataclass
class Merged:
    """The merged tables with their origins and issues."""

    frames: dict[str, pd.DataFrame]
    origins: dict[str, str]
    issues: list[Issue] = field(default_factory=list)


def merged(
    shipped: Mapping[str, Table],
    folder: OwnFolder,
    inventories: list[Inventory],
    requested: OwnTables,
    terrain: TerrainFile | None = None,
) -> Merged:
    """Override the shipped tables with the folder's, then add the inventories to the requested plants."""
    result = Merged({name: table.frame for name, table in shipped.items()}, dict.fromkeys(shipped, SHIPPED))
    for table in folder.tables:
        _override(result, table, is_instead=table.name in folder.instead)
    sectors = (*INVENTORIES, COAL_CHEMICALS)
    for name in sectors:
        result.frames[f"plants/{name}"] = result.frames[f"plants/{name}"].assign(inventory=name)
    if inventories:
        _drop_inventories(result, [name for name in sectors if name not in requested.inventory])
    for inventory in inventories:
        for table in inventory.tables:
            if table.name == "references":
                _override(result, table, is_instead=False)
            else:
                _append(result, table.name, table.frame.assign(inventory=inventory.name))
    if terrain is not None:
        result.issues += _replace_terrain(result, terrain, folder, requested)
    if requested.oil_fields:
        result.issues += _add_oil_fields(result, folder, requested)
    result.issues += _missing_rows(result, shipped, folder)
    return result


def _replace_terrain(result: Merged, terrain: TerrainFile, folder: OwnFolder, requested: OwnTables) -> list[Issue]:
    """Replace the terrain table with the file; for a grid, the table is empty."""
    given = [
        table.frame["source"].iloc[0].file
        for table in folder.tables
        if table.name == TERRAIN_TABLE and len(table.frame)
    ]
    if given:
        return [Issue(requested.where(TERRAIN), f"{TERRAIN_TABLE} is already given in {given[0]}", "keep one of them")]
    frame = result.frames[TERRAIN_TABLE].iloc[:0] if terrain.table is None else terrain.table.frame
    message = _counted(len(frame), "place")
    if terrain.raster is not None:
        n_rows, n_columns = terrain.raster.values.shape
        message = f"{n_columns} × {n_rows} cells"
    result.frames[TERRAIN_TABLE] = frame
    result.origins[TERRAIN_TABLE] = f"{terrain.name}, replaces the shipped table ({message})"
    return []


def _add_oil_fields(result: Merged, folder: OwnFolder, requested: OwnTables) -> list[Issue]:
    """Add the oil fields to the sites; the shipped ones lie in China and go with the shipped sites."""
    fields = result.frames[OIL_FIELDS]
    if SITES in folder.instead:
        fields = fields[[source.is_own for source in fields["source"]]]
    if fields.empty:
        what = f"{OIL_FIELDS} has no rows of yours, and the shipped ones go with the shipped {SITES} only"
        return [Issue(requested.where("storage.oil_fields"), what, f"add {OIL_FIELDS}.csv to your data folder")]
    sites = result.frames[SITES]
    # A column that oil fields lack is empty: a text, or no number.
    lacking = {name: np.nan if kind.kind == "f" else "" for name, kind in sites.dtypes.items() if name not in fields}
    added = fields.assign(**{**lacking, "kind": "eor"})[sites.columns]
    result.frames[SITES] = pd.concat([sites, added], ignore_index=True)
    result.origins[SITES] += f" + {_counted(len(fields), 'oil field')} of {OIL_FIELDS}"
    return []


def _override(result: Merged, table: Table, *, is_instead: bool) -> None:
    """Override rows of the same key and append the others; or replace the whole table."""
    file = table.frame["source"].iloc[0].file if len(table.frame) else "an empty table"
    if is_instead:
        result.frames[table.name] = table.frame
        result.origins[table.name] = f"{file}, replaces the shipped table ({_counted(len(table.frame), 'row')})"
        return
    if table.frame.empty:
        return
    shipped_rows, key = _without_replaced_groups(result.frames[table.name], table), key_of(table.name, table.frame)
    n_left_out = len(result.frames[table.name]) - len(shipped_rows)
    places = {named: place for place, named in enumerate(shipped_rows[key].itertuples(index=False, name=None))}
    order = [places.get(named, len(shipped_rows)) for named in table.frame[key].itertuples(index=False, name=None)]
    n_new = order.count(len(shipped_rows))
    kept = shipped_rows.assign(_order=range(len(shipped_rows)))
    kept = kept[~kept["_order"].isin(order)]
    rows = pd.concat([kept, table.frame.assign(_order=order)], ignore_index=True)
    rows = rows.sort_values("_order", kind="stable").drop(columns="_order")
    result.frames[table.name] = rows.reset_index(drop=True)
    message = f"{_counted(len(order) - n_new, 'row')} overridden" + (f", {n_new} added" if n_new else "")
    if n_left_out:
        group = _GROUPED_BY.get(table.name)
        why = f"of the same {group}" if group else "of later years"
        message += f", {_counted(n_left_out, 'other row')} {why} left out"
    result.origins[table.name] += f" + {file} ({message})"


def _without_replaced_groups(shipped_rows: pd.DataFrame, table: Table) -> pd.DataFrame:
    """The shipped rows without those of groups that the user's table replaces, except rows with the same key there.

    Of tables by year, only later years are replaced: the user's last value holds from its year on.
    """
    if columns := _BY_YEAR.get(table.name):
        last = table.frame.groupby(list(columns))["year"].max().rename("last_year")
        until = shipped_rows[list(columns)].join(last, on=list(columns))["last_year"]
        return shipped_rows[~(shipped_rows["year"] > until)].reset_index(drop=True)
    if table.name not in _GROUPED_BY:
        return shipped_rows
    group, key = _GROUPED_BY[table.name], key_of(table.name, table.frame)
    own_rows = set(table.frame[key].itertuples(index=False, name=None))
    is_overridden = np.array(
        [named in own_rows for named in shipped_rows[key].itertuples(index=False, name=None)], dtype=bool
    )
    return shipped_rows[~shipped_rows[group].isin(table.frame[group]) | is_overridden].reset_index(drop=True)


def _drop_inventories(result: Merged, sectors: list[str]) -> None:
    """Drop the shipped inventories that a scenario with files of its own does not name, with their units."""
    dropped: set[str] = set()
    for sector in sectors:
        name = f"plants/{sector}"
        dropped |= set(result.frames[name]["plant"])
        result.frames[name] = result.frames[name].iloc[:0]
        result.origins[name] = ""
    for name in ("plants/steel_units", "plants/captive_units"):
        units = result.frames[name]
        result.frames[name] = units[~units["plant"].isin(dropped)].reset_index(drop=True)


def _append(result: Merged, name: str, frame: pd.DataFrame) -> None:
    if frame.empty:
        return
    shipped_rows = result.frames[name]
    result.frames[name] = (
        pd.concat([shipped_rows, frame], ignore_index=True) if len(shipped_rows) else frame.reset_index(drop=True)
    )
    message = f"{frame['source'].iloc[0].file} ({_counted(len(frame), 'plant')})"
    result.origins[name] = f"{result.origins[name]} + {message}" if result.origins[name] else message


def _missing_rows(result: Merged, shipped: Mapping[str, Table], folder: OwnFolder) -> list[Issue]:
    """Issues of replaced tables that lack required rows; a table that could not be read has its own issues."""
    issues = []
    read = folder.instead - {table.name for table in folder.tables if table.issues and table.frame.empty}
    for table, column, always in _REQUIRED_ROWS:
        if table in read:
            needed = always or tuple(shipped[table].frame[column])
            for name in needed:
                if name not in set(result.frames[table][column]):
                    what = f"no row for {column} '{name}', which is required"
                    issues.append(Issue(f"{table}.csv", what, f"instead.txt replaces the shipped {table} with yours"))
    for table in sorted(read):
        if result.frames[table].empty and len(shipped[table].frame):
            issues.append(Issue(f"{table}.csv", "has no rows", "instead.txt replaces the shipped table with it"))
    return issues


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
