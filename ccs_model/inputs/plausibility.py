"""Whether the numbers of a works fit each other: one of them in tonnes among thousands of tonnes is seen here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from ccs_model.errors import Fault

# No works makes so much more of one thing than of the other; a wrong unit is a factor of a thousand.
_MOST_RATIO = 20.0
_IRON = ("bf_iron_ktpa", "dri_iron_ktpa")
_ROUTES = ("bof_steel_ktpa", "eaf_steel_ktpa")
_HINT = "is one of them in t/y? columns that end in _ktpa are in kt/y"


def own_works_are_plausible(frames: Mapping[str, pd.DataFrame]) -> Iterator[Fault]:
    """A user's works makes no iron, and no steel by any route, out of proportion to its crude steel."""
    steel = frames["plants/steel"]
    steel = steel[[source.is_own for source in steel["source"]]]
    if steel.empty:
        return
    crude = steel["crude_steel_ktpa"].fillna(0.0)
    for column in (*_IRON, *_ROUTES):
        what = "iron" if column in _IRON else "steel by one route"
        part = steel[column].fillna(0.0)
        for i in steel.index[(crude > 0) & (part > _MOST_RATIO * crude)]:
            yield Fault(
                _at(steel.loc[i], column), f"{part[i] / crude[i]:,.0f} t of {what} for each t of crude steel", _HINT
            )
    by_route = steel[list(_ROUTES)].fillna(0.0).sum(axis=1)
    for i in steel.index[(by_route > 0) & (crude > _MOST_RATIO * by_route)]:
        what = f"{crude[i] / by_route[i]:,.0f} t of crude steel for each t that its routes make"
        yield Fault(_at(steel.loc[i], "crude_steel_ktpa"), what, _HINT)


def _at(row: pd.Series, column: str) -> str:
    return str(row["source"].at(int(row["line"]), column))
