"""Checks of the signs of coordinates: places that would lie among the others with the other sign."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Mask
from ccs_model.errors import Issue
from ccs_model.inputs.declarations import own_rows
from ccs_model.inputs.declarations import place_of as at
from ccs_model.inputs.geography import (
    are_in_china,
    area_near,
    countries_with_outline,
    km_if_changed,
    lies_in_country,
)
from ccs_model.inputs.place_checks import SEA_KM
from ccs_model.inputs.table_checks import PLANTS, Frames
from ccs_model.scenario.fields import HOME
from ccs_model.scenario.validation import shown

# Tables of the user whose rows of a country tell where the places lie, and their column of places.
_OF_COUNTRIES = (
    ("prices/fuels", "province"),
    ("prices/power", "grid"),
    ("prices/grid_factors", "province"),
    ("streams/utilisation", "province"),
)
# Fewest places of a province that tell where it lies.
_FEWEST = 3
_COORDINATES = ("lon_deg", "lat_deg")


def signs_are_right(frames: Frames) -> Iterator[Issue]:
    """Yield an issue if no place of the user lies in a country of the tables, but most would with the other sign.

    Only provinces without an outline are looked at: the others have a check of their own.
    """
    places = _places(frames)
    if not places.empty and (found := _all_elsewhere(frames, places)) is not None:
        yield found


def notices_of_signs(frames: Frames) -> list[str]:
    """Notices of the user's places that would lie among the others of their province with the other sign.

    A region may span the equator or the zero meridian, so that this is no error.
    """
    return list(_among_others(_places(frames)))


def _among_others(places: pd.DataFrame) -> Iterator[str]:
    for province, group in places.groupby("province", sort=False):
        if len(group) < _FEWEST:
            continue
        for column in _COORDINATES:
            km = km_if_changed(*_coordinates(group), *_coordinates(_changed(group, column)), *_coordinates(group))
            for (_, row), far in zip(group.iterrows(), km, strict=True):
                if np.isfinite(far):
                    yield (
                        f"{at(row)}: '{shown(row['id'])}' lies {_where(row)}{far:,.0f} km from the other places of "
                        f"{province}; {_hint(row, column, 'among them')}"
                    )


def _places(frames: Frames) -> pd.DataFrame:
    """Plants and sites of the user in provinces without an outline, with their `id`."""
    tables = (*((table, "plant") for table in PLANTS), ("storage/sites", "site"))
    parts = [own_rows(frames[table]).assign(id=lambda rows, c=column: rows[c]) for table, column in tables]
    places = pd.concat([part for part in parts if len(part)] or [parts[0]])
    known = are_in_china(places["province"]) | places["province"].isin(["", *countries_with_outline()]).to_numpy(bool)
    given = places[["lat_deg", "lon_deg"]].notna().all(axis=1).to_numpy(bool)
    return places[~known & given]


def _all_elsewhere(frames: Frames, places: pd.DataFrame) -> Issue | None:
    """The issue of places that lie outside the countries of the user's rows, but mostly inside with another sign."""
    countries = {
        str(name)
        for table, column in _OF_COUNTRIES
        for name in own_rows(frames[table])[column]
        if str(name) in countries_with_outline()
    }
    if not countries or _are_in(countries, places).any():
        return None
    for column in _COORDINATES:
        if _are_in(countries, _changed(places, column)).mean() > 0.5:
            row = places.iloc[0]
            names = " or ".join(sorted(countries))
            what = f"no place of your tables lies in {names}, for which they have rows; '{shown(row['id'])}' lies"
            where = _where(row) or f"at {row['lat_deg']:g}, {row['lon_deg']:g}"
            return Issue(at(row, column), f"{what} {where.rstrip(', ')}", _hint(row, column, "there, as most would"))
    return None


def _are_in(countries: set[str], places: pd.DataFrame) -> Mask:
    points = zip(*_coordinates(places), strict=True)
    return np.array([any(lies_in_country(name, *point, SEA_KM) for name in countries) for point in points], bool)


def _where(row: pd.Series) -> str:
    area = area_near(float(row["lat_deg"]), float(row["lon_deg"]))
    area = HOME if area and are_in_china(pd.Series([area])).any() else area
    return f"in or near {area}, " if area else ""


def _hint(row: pd.Series, column: str, there: str) -> str:
    return f"with {column} {-row[column]:g} it would lie {there}: check the sign"


def _changed(places: pd.DataFrame, column: str) -> pd.DataFrame:
    return places.assign(**{column: -places[column]})


def _coordinates(places: pd.DataFrame) -> tuple[Floats, Floats]:
    return places["lat_deg"].to_numpy(float), places["lon_deg"].to_numpy(float)
