"""Merges the user's tables with the shipped ones: names, rows by key, whole tables, inventories, terrain, oil fields.

A name that differs from a known one only in case, width, blanks, invisible characters or look-alike letters is read as
that one, and a notice says so with its cell. A name that is merely similar to a known one stays, with a notice of its
own where it would drop a row without an error.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from ccs_model.errors import Issue
from ccs_model.inputs.checked_table import Table
from ccs_model.inputs.declarations import ANY, PLANTS, SITES, Declared, own_rows, place_of
from ccs_model.inputs.geography import countries_with_outline
from ccs_model.inputs.table_checks import key_of
from ccs_model.inputs.terrain_file import TERRAIN_TABLE, TerrainFile
from ccs_model.inputs.user_tables import COAL_CHEMICALS, INVENTORIES, Inventory, OwnFolder
from ccs_model.scenario.sections import TERRAIN, OwnTables
from ccs_model.scenario.validation import clean_text, most_similar_name, respelling_text, shown_text, visible_form
from ccs_model.units import count_text, join_first_names

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
class MergedTables:
    """The merged tables with their origins and issues."""

    frames: dict[str, pd.DataFrame]
    origins: dict[str, str]
    issues: list[Issue] = field(default_factory=list)


def merge_tables(
    shipped: Mapping[str, Table],
    folder: OwnFolder,
    inventories: list[Inventory],
    requested: OwnTables,
    terrain: TerrainFile | None = None,
) -> MergedTables:
    """Override the shipped tables with the folder's, then add the inventories to the requested plants."""
    result = MergedTables({name: table.frame for name, table in shipped.items()}, dict.fromkeys(shipped, SHIPPED))
    for table in folder.tables:
        _override(result, table, is_instead=table.name in folder.instead)
    sectors = (*INVENTORIES, COAL_CHEMICALS)
    for name in sectors:
        result.frames[f"plants/{name}"] = result.frames[f"plants/{name}"].assign(inventory=name)
    replaced = [name for name in sectors if inventories and name not in requested.inventory]
    for name in replaced:
        _drop_inventory(result, name)
    for inventory in inventories:
        for table in inventory.tables:
            if table.name == "references":
                _override(result, table, is_instead=False)
            else:
                _append(result, table.name, table.frame.assign(inventory=inventory.name))
    if replaced:
        _drop_units_without_plant(result)
    if terrain is not None:
        result.issues += _replace_terrain(result, terrain, folder, requested)
    if requested.oil_fields:
        result.issues += _add_oil_fields(result, folder, requested)
    result.issues += _missing_rows(result, shipped, folder)
    return result


def _replace_terrain(
    result: MergedTables, terrain: TerrainFile, folder: OwnFolder, requested: OwnTables
) -> list[Issue]:
    """Replace the terrain table with the file; for a grid, the table is empty."""
    given = [
        table.frame["source"].iloc[0].file
        for table in folder.tables
        if table.name == TERRAIN_TABLE and len(table.frame)
    ]
    if given:
        return [
            Issue(
                requested.place_of_key(TERRAIN), f"{TERRAIN_TABLE} is already given in {given[0]}", "keep one of them"
            )
        ]
    frame = result.frames[TERRAIN_TABLE].iloc[:0] if terrain.table is None else terrain.table.frame
    message = count_text(len(frame), "place")
    if terrain.raster is not None:
        n_rows, n_columns = terrain.raster.values.shape
        message = f"{n_columns} × {n_rows} cells"
    result.frames[TERRAIN_TABLE] = frame
    result.origins[TERRAIN_TABLE] = f"{terrain.name}, replaces the shipped table ({message})"
    return []


def _add_oil_fields(result: MergedTables, folder: OwnFolder, requested: OwnTables) -> list[Issue]:
    """Add the oil fields to the sites; the shipped ones lie in China and go with the shipped sites."""
    fields = result.frames[OIL_FIELDS]
    if SITES in folder.instead:
        fields = fields[[source.is_own for source in fields["source"]]]
    if fields.empty:
        what = f"{OIL_FIELDS} has no rows of yours, and the shipped ones go with the shipped {SITES} only"
        return [Issue(requested.place_of_key("storage.oil_fields"), what, f"add {OIL_FIELDS}.csv to your data folder")]
    sites = result.frames[SITES]
    # A column that oil fields lack is empty: a text, or no number.
    lacking = {name: np.nan if kind.kind == "f" else "" for name, kind in sites.dtypes.items() if name not in fields}
    added = fields.assign(**{**lacking, "kind": "eor"})[sites.columns]
    result.frames[SITES] = pd.concat([sites, added], ignore_index=True)
    result.origins[SITES] += f" + {count_text(len(fields), 'oil field')} of {OIL_FIELDS}"
    return []


def _override(result: MergedTables, table: Table, *, is_instead: bool) -> None:
    """Override rows of the same key and append the others; or replace the whole table."""
    file = table.frame["source"].iloc[0].file if len(table.frame) else "an empty table"
    if is_instead:
        result.frames[table.name] = table.frame
        result.origins[table.name] = f"{file}, replaces the shipped table ({count_text(len(table.frame), 'row')})"
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
    message = f"{count_text(len(order) - n_new, 'row')} overridden" + (f", {n_new} added" if n_new else "")
    if n_left_out:
        group = _GROUPED_BY.get(table.name)
        why = f"of the same {group}" if group else "of later years"
        message += f", {count_text(n_left_out, 'other row')} {why} left out"
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
    own = set(table.frame[key].itertuples(index=False, name=None))
    is_overridden = np.array(
        [named in own for named in shipped_rows[key].itertuples(index=False, name=None)], dtype=bool
    )
    return shipped_rows[~shipped_rows[group].isin(table.frame[group]) | is_overridden].reset_index(drop=True)


def _drop_inventory(result: MergedTables, sector: str) -> None:
    """Drop a shipped inventory that a scenario with files of its own does not name."""
    name = f"plants/{sector}"
    result.frames[name] = result.frames[name].iloc[:0]
    result.origins[name] = ""


def _drop_units_without_plant(result: MergedTables) -> None:
    """Drop the shipped units whose plant was dropped; a corrected copy of the plants keeps the units of their ids."""
    kept = set().union(*(result.frames[name]["plant"] for name in PLANTS))
    for name in ("plants/steel_units", "plants/captive_units"):
        units = result.frames[name]
        is_kept = [
            source.is_own or plant in kept for source, plant in zip(units["source"], units["plant"], strict=True)
        ]
        result.frames[name] = units[is_kept].reset_index(drop=True)


def _append(result: MergedTables, name: str, frame: pd.DataFrame) -> None:
    if frame.empty:
        return
    shipped_rows = result.frames[name]
    result.frames[name] = (
        pd.concat([shipped_rows, frame], ignore_index=True) if len(shipped_rows) else frame.reset_index(drop=True)
    )
    message = f"{frame['source'].iloc[0].file} ({count_text(len(frame), 'plant')})"
    result.origins[name] = f"{result.origins[name]} + {message}" if result.origins[name] else message


def _missing_rows(result: MergedTables, shipped: Mapping[str, Table], folder: OwnFolder) -> list[Issue]:
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


# Names as the tables spell them.

# Tables that give the names of a column; other tables refer to them.
DEFINED_IN: Mapping[str, tuple[str, ...]] = {
    "plant": PLANTS,
    "site": (SITES,),
    "hub": ("transport/hubs",),
    "link": ("transport/links",),
    "reference": ("references",),
}
_ENDS = ("node_a", "node_b")  # of a link: plants, sites or hubs
# Columns whose names are the same in every table; those of other key columns belong to their table.
_SHARED = ("province", "grid", "basin", "fuel", "technology", "heat_source")
_PRICED_BY = {"province": ("prices/fuels", "prices/grid_factors"), "grid": ("prices/power",)}
_ALL = "all"  # the same in streams/utilisation
_SIMILAR = 0.8  # names more similar than this may be misspellings
_NAMED = 6


@dataclass
class _Vocabulary:
    """The names of a column, in the order in which they were found."""

    exact: set[str] = field(default_factory=set)
    by_look: dict[str, set[str]] = field(default_factory=dict)

    def add(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self.exact:
                self.exact.add(name)
                self.by_look.setdefault(visible_form(name), set()).add(name)

    def resolve_name(self, name: str) -> str:
        """The name as known; the cleaned name, known from now on, if nothing known looks the same."""
        if name in self.exact:
            return name
        found = self.by_look.get(visible_form(name), set())
        if len(found) != 1:
            found = {clean_text(name)}
            self.add(found)
        return next(iter(found))


def with_known_names(shipped: Mapping[str, Table], own: Sequence[Table], declared: Declared) -> list[Table]:
    """Return the user's tables with the spelling of known names, each with its notices.

    Known are the names of the shipped tables, then those of the user's tables in their order.
    """
    ids = {column: {name for table in tables for each in (shipped[table], *(t for t in own if t.name == table))
                    for name in _texts(each.frame[column])} for column, tables in DEFINED_IN.items()}  # fmt: skip
    own = [_with_clean_ids(table, declared, ids) for table in own]
    vocabularies: dict[str, _Vocabulary] = {}
    found: list[Table] = []
    for table in own:
        respelt = table
        for column in _named_columns(table, declared):
            if table.name in DEFINED_IN.get(column, ()):
                continue
            is_shared = column in (*_SHARED, *DEFINED_IN, *_ENDS)
            place = column if is_shared else f"{table.name}:{column}"
            if place not in vocabularies:
                vocabularies[place] = _vocabulary(table.name, column, shipped, own, declared)
            if (table.name, column) == ("streams/utilisation", "province"):
                frame = respelt.frame
                respelt = replace(respelt, frame=frame.assign(province=frame[column].replace(ANY, _ALL)))
            names = {text: vocabularies[place].resolve_name(text) for text in _texts(respelt.frame[column])}
            respelt = _respell_names(respelt, column, names)
        found.append(respelt)
    return found


def _with_clean_ids(table: Table, declared: Declared, ids: Mapping[str, Collection[str]]) -> Table:
    """The table with the ids that it defines without invisible characters and in half-width form.

    One that would become another of the `ids` stays, so that a check reports both.
    """
    for column in _named_columns(table, declared):
        if table.name in DEFINED_IN.get(column, ()):
            texts, taken = _texts(table.frame[column]), ids[column]
            table = _respell_names(
                table, column, {text: clean_text(text) for text in texts if clean_text(text) not in taken}
            )
    return table


def _vocabulary(
    table: str, column: str, shipped: Mapping[str, Table], own: Sequence[Table], declared: Declared
) -> _Vocabulary:
    """Known names of a column: those of the shipped tables, and ids of the user's."""
    known = _Vocabulary()
    for name, kind in _sources_of(table, column, declared):
        known.add(_texts(shipped[name].frame[kind]))
        for each in own:
            if each.name == name and name in DEFINED_IN.get(kind, ()):
                known.add(_texts(each.frame[kind]))
    return known


def _sources_of(table: str, column: str, declared: Declared) -> Iterator[tuple[str, str]]:
    """Table and column of each place that gives names of a column."""
    if column in _ENDS:
        yield from ((name, each) for each in ("plant", "site", "hub") for name in DEFINED_IN[each])
    elif column in DEFINED_IN:
        yield from ((name, column) for name in DEFINED_IN[column])
    elif column in _SHARED:
        yield from ((name, column) for name, columns in declared.items() if any(c.name == column for c in columns))
    else:
        yield table, column


def _named_columns(table: Table, declared: Declared) -> list[str]:
    """Text columns of a table that hold names: keys, names of other tables, and ids."""
    keys = key_of(table.name, table.frame)
    named = (*keys, *_SHARED, *DEFINED_IN, *_ENDS)
    texts = [column.name for column in declared[table.name] if column.kind in ("text", "reference")]
    return [name for name in texts if name in named]


def _texts(values: pd.Series) -> list[str]:
    return [str(each) for each in pd.unique(values) if each]


def _respell_names(table: Table, column: str, names: Mapping[str, str]) -> Table:
    """The table with the name of each text in a column, and a notice of each change."""
    changes = {text: name for text, name in names.items() if name and name != text}
    frame, notices = table.frame, list(table.notices)
    for text, name in changes.items():
        rows = frame[frame[column] == text]
        more = f", and in {len(rows) - 1:,} more row{'s' if len(rows) > 2 else ''}" if len(rows) > 1 else ""
        notices.append(f"{place_of(rows.iloc[0], column)}: {respelling_text(text, name)}{more}")
    frame = frame.assign(**{column: frame[column].replace(changes)}) if changes else frame
    return replace(table, frame=frame, notices=tuple(notices))


def similar_names(frames: Mapping[str, pd.DataFrame]) -> list[str]:
    """Notices of names that resemble known ones, and of the user's rows that nothing uses."""
    notices: list[str] = []
    for column, priced in _PRICED_BY.items():
        names = {table: set(_texts(frames[table][column])) for table in (*PLANTS, *priced)}
        of_plants = set().union(*(names[table] for table in PLANTS))
        for table in PLANTS:
            for place, name, near in _strays(frames[table], column, set.intersection(*(names[t] for t in priced))):
                lacking = " and ".join(each for each in priced if name not in names[each])
                notices.append(f"{place}: '{shown_text(name)}' has no row in {lacking}; did you mean '{near}'?")
        for table in priced:
            strays = list(_strays(frames[table], column, of_plants))
            for place, name, near in strays:
                notices.append(
                    f"{place}: '{shown_text(name)}' has no plants, this row is not used; did you mean '{near}'?"
                )
            notices += _unused_place_notices(frames[table], column, of_plants | {name for _, name, _ in strays})
    provinces = set().union(*(_texts(frames[table]["province"]) for table in PLANTS))
    notices += _unused_place_notices(frames["technologies/location_factors"], "province", provinces)
    notices += _unused_place_notices(frames["streams/utilisation"], "province", provinces | {_ALL})
    notices += _unused_row_notices(frames)
    burnt = sorted({"coal", *_texts(frames["technologies/heat_sources"]["fuel"])} - {"none"})
    fuels = frames["prices/fuels"].drop_duplicates("fuel")
    for _, row in fuels[~fuels["fuel"].isin(burnt)].iterrows():
        if row["source"].is_own:
            what = f"no heat source burns '{shown_text(row['fuel'])}', this row is not used"
            notices.append(f"{place_of(row, 'fuel')}: {what}; fuels are {', '.join(burnt)}")
    return notices


# Tables whose rows add to those of another with the same values of these columns.
_ADDITIONS = {
    "streams/source_gases": ("streams/source_streams", ("sector", "stream")),
    "technologies/heat": ("technologies/technologies", ("technology",)),
}


def _unused_row_notices(frames: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """A notice of the own rows of each table that belong to no row of the table they add to."""
    for table, (of_table, columns) in _ADDITIONS.items():
        known = dict.fromkeys(zip(*(frames[of_table][column] for column in columns), strict=True))
        for _, row in own_rows(frames[table]).drop_duplicates(list(columns)).iterrows():
            *groups, last = (row[column] for column in columns)
            if (*groups, last) in known:
                continue
            near = most_similar_name(last, [name for *others, name in known if others == groups])
            hint = f"; did you mean '{near}'?" if near else ""
            name = " ".join((*groups, last))
            yield f"{place_of(row, columns[-1])}: '{shown_text(name)}' is not in {of_table}, this row is not used{hint}"


def _unused_place_notices(frame: pd.DataFrame, column: str, used: set[str]) -> Iterator[str]:
    """A notice of the own rows of places without plants; rows of a whole country or of every place are left out."""
    own = own_rows(frame)
    unused = own[~own[column].isin({*used, "", ANY, *countries_with_outline()})].drop_duplicates(column)
    if len(unused):
        names = join_first_names([shown_text(name) for name in unused[column]], _NAMED)
        yield f"{place_of(unused.iloc[0], column)}: rows of places without plants are not used: {names}"


def _strays(frame: pd.DataFrame, column: str, known: set[str]) -> Iterator[tuple[str, str, str]]:
    """Place and name of each own name that is not known but similar to a known one, and that one."""
    first = frame.drop_duplicates(column)
    for _, row in first[~first[column].isin(known | {"", ANY})].iterrows():
        if row["source"].is_own and (near := most_similar_name(row[column], known, _SIMILAR)):
            yield place_of(row, column), row[column], near
