"""Matches names in the user's tables to those of the shipped tables, by what a reader sees.

A name that differs from a known one only in case, width, blanks, invisible characters or look-alike letters is read as
that one, and a notice says so with its cell. A name that is merely similar to a known one stays, with a notice of its
own where it would drop a row without an error.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from ccs_model.inputs.checked_table import Table
from ccs_model.inputs.declarations import PLANTS, Declared, own_rows, place_of
from ccs_model.inputs.geography import countries_with_outline
from ccs_model.inputs.table_checks import key_of
from ccs_model.scenario.spelling import as_seen, cleaned, most_similar
from ccs_model.scenario.validation import read_as, shown
from ccs_model.units import first_few

# Tables that give the names of a column; other tables refer to them.
DEFINED_IN: Mapping[str, tuple[str, ...]] = {
    "plant": PLANTS,
    "site": ("storage/sites",),
    "hub": ("transport/hubs",),
    "link": ("transport/links",),
    "reference": ("references",),
}
_ENDS = ("node_a", "node_b")  # of a link: plants, sites or hubs
# Columns whose names are the same in every table; those of other key columns belong to their table.
_SHARED = ("province", "grid", "basin", "fuel", "technology", "heat_source")
_PRICED_BY = {"province": ("prices/fuels", "prices/grid_factors"), "grid": ("prices/power",)}
ANY = "*"  # the name of rows for every province or grid without rows of its own
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
                self.by_look.setdefault(as_seen(name), set()).add(name)

    def known_or_new(self, name: str) -> str:
        """The name as known; the cleaned name, known from now on, if nothing known looks the same."""
        if name in self.exact:
            return name
        found = self.by_look.get(as_seen(name), set())
        if len(found) != 1:
            found = {cleaned(name)}
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
            names = {text: vocabularies[place].known_or_new(text) for text in _texts(respelt.frame[column])}
            respelt = _respelt(respelt, column, names)
        found.append(respelt)
    return found


def _with_clean_ids(table: Table, declared: Declared, ids: Mapping[str, Collection[str]]) -> Table:
    """The table with the ids that it defines without invisible characters and in half-width form.

    One that would become another of the `ids` stays, so that a check reports both.
    """
    for column in _named_columns(table, declared):
        if table.name in DEFINED_IN.get(column, ()):
            texts, taken = _texts(table.frame[column]), ids[column]
            table = _respelt(table, column, {text: cleaned(text) for text in texts if cleaned(text) not in taken})
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


def _respelt(table: Table, column: str, names: Mapping[str, str]) -> Table:
    """The table with the name of each text in a column, and a notice of each change."""
    changes = {text: name for text, name in names.items() if name and name != text}
    frame, notices = table.frame, list(table.notices)
    for text, name in changes.items():
        rows = frame[frame[column] == text]
        more = f", and in {len(rows) - 1:,} more row{'s' if len(rows) > 2 else ''}" if len(rows) > 1 else ""
        notices.append(f"{place_of(rows.iloc[0], column)}: {read_as(text, name)}{more}")
    frame = frame.assign(**{column: frame[column].replace(changes)}) if changes else frame
    return replace(table, frame=frame, notices=tuple(notices))


def similar_names(frames: Mapping[str, pd.DataFrame]) -> list[str]:
    """Notices of the user's provinces and grids that have plants or prices alone and resemble a name that has both."""
    notices: list[str] = []
    for column, priced in _PRICED_BY.items():
        names = {table: set(_texts(frames[table][column])) for table in (*PLANTS, *priced)}
        of_plants = set().union(*(names[table] for table in PLANTS))
        for table in PLANTS:
            for place, name, near in _strays(frames[table], column, set.intersection(*(names[t] for t in priced))):
                lacking = " and ".join(each for each in priced if name not in names[each])
                notices.append(f"{place}: '{shown(name)}' has no row in {lacking}; did you mean '{near}'?")
        for table in priced:
            strays = list(_strays(frames[table], column, of_plants))
            for place, name, near in strays:
                notices.append(f"{place}: '{shown(name)}' has no plants, this row is not used; did you mean '{near}'?")
            notices += _unused(frames[table], column, of_plants | {name for _, name, _ in strays})
    factors = frames["technologies/location_factors"]
    notices += _unused(factors, "province", set().union(*(_texts(frames[table]["province"]) for table in PLANTS)))
    burnt = sorted({"coal", *_texts(frames["technologies/heat_sources"]["fuel"])} - {"none"})
    fuels = frames["prices/fuels"].drop_duplicates("fuel")
    for _, row in fuels[~fuels["fuel"].isin(burnt)].iterrows():
        if row["source"].is_own:
            what = f"no heat source burns '{shown(row['fuel'])}', this row is not used"
            notices.append(f"{place_of(row, 'fuel')}: {what}; fuels are {', '.join(burnt)}")
    return notices


def _unused(frame: pd.DataFrame, column: str, used: set[str]) -> Iterator[str]:
    """A notice of the own rows of places without plants; rows of a whole country or of every place are left out."""
    own = own_rows(frame)
    unused = own[~own[column].isin({*used, "", ANY, *countries_with_outline()})].drop_duplicates(column)
    if len(unused):
        names = first_few([shown(name) for name in unused[column]], _NAMED)
        yield f"{place_of(unused.iloc[0], column)}: rows of places without plants are not used: {names}"


def _strays(frame: pd.DataFrame, column: str, known: set[str]) -> Iterator[tuple[str, str, str]]:
    """Place and name of each own name that is not known but similar to a known one, and that one."""
    first = frame.drop_duplicates(column)
    for _, row in first[~first[column].isin(known | {"", ANY})].iterrows():
        if row["source"].is_own and (near := most_similar(row[column], known, _SIMILAR)):
            yield place_of(row, column), row[column], near
