"""Checks of places: plants and sites against the outlines of provinces and countries."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from ccs_model.errors import Issue
from ccs_model.inputs.declarations import own_rows
from ccs_model.inputs.declarations import place_of as at
from ccs_model.inputs.geography import are_deep_inland, are_off_land, km_if_swapped, km_outside_province
from ccs_model.inputs.table_checks import NODES, PLANTS, SOURCE_PLANTS, Frames
from ccs_model.scenario.validation import shown
from ccs_model.units import first_few

PROVINCE_MARGIN_KM = 30.0
# Distance from land beyond which a plant looks misplaced; outlines are simplified and leave out small islands.
_SEA_KM = 60.0
_MOST_NAMED = 6


def places_lie_in_their_province(frames: Frames) -> Iterator[Issue]:
    """Plants lie in their province, or within 30 km of its outline."""
    for table in PLANTS:
        frame = frames[table]
        if table == SOURCE_PLANTS:
            frame = frame[frame["sector"] != ""]
        outside = km_outside_province(frame["province"], frame["lat_deg"], frame["lon_deg"])
        strays = frame[(outside > PROVINCE_MARGIN_KM) & ~_at_zero(frame)]
        swapped = km_outside_province(strays["province"], strays["lon_deg"], strays["lat_deg"])
        for i, row in strays.iterrows():
            hint = "lat and lon look swapped" if swapped[i] <= PROVINCE_MARGIN_KM else ""
            far = f"lies {outside[i]:,.0f} km outside {row['province']}"
            yield Issue(at(row), f"plant {row['plant']} {far}", hint)


def onshore_sites_lie_on_land(frames: Frames) -> Iterator[Issue]:
    """Onshore sites of the user lie in their province or country, or within 30 km of its outline."""
    sites = own_rows(frames["storage/sites"])
    onshore = sites[sites["is_offshore"] != "yes"]
    outside = km_outside_province(onshore["province"], onshore["lat_deg"], onshore["lon_deg"])
    strays = onshore[(outside > PROVINCE_MARGIN_KM) & ~_at_zero(onshore)]
    swapped = km_outside_province(strays["province"], strays["lon_deg"], strays["lat_deg"])
    for i, row in strays.iterrows():
        hint = "set is_offshore to yes if it lies under the sea"
        if swapped[i] <= PROVINCE_MARGIN_KM:
            hint = "lat and lon look swapped"
        what = f"site {row['site']} is onshore, but lies {outside[i]:,.0f} km outside {row['province']}"
        yield Issue(at(row, "lat_deg"), what, hint)


def own_places_are_plausible(frames: Frames) -> Iterator[Issue]:
    """Locations of the user are not at (0, 0), nor with latitude and longitude swapped."""
    for table, column in NODES:
        frame = own_rows(frames[table])
        for (_, row), km in zip(frame.iterrows(), _km_if_swapped(frames, frame), strict=True):
            if row["lat_deg"] == 0 and row["lon_deg"] == 0:
                yield Issue(at(row, "lat_deg"), f"'{shown(row[column])}' is at (0, 0), in the sea off Africa")
            elif km == km:
                what = f"'{shown(row[column])}' lies {km:,.0f} km from the centre of the plants"
                yield Issue(at(row, "lat_deg"), what, "lat and lon look swapped")


def _km_if_swapped(frames: Frames, frame: pd.DataFrame) -> np.ndarray:
    """Distance of each row from the plants if its coordinates look swapped, else NaN."""
    given = frames[SOURCE_PLANTS][frames[SOURCE_PLANTS]["sector"] == ""]
    plants = given if len(given) else pd.concat([frames[table] for table in PLANTS])
    among = [plants[name].to_numpy(float) for name in ("lat_deg", "lon_deg")]
    return km_if_swapped(frame["lat_deg"].to_numpy(float), frame["lon_deg"].to_numpy(float), *among)


def _at_zero(frame: pd.DataFrame) -> pd.Series:
    """Rows at (0, 0), which is an issue of its own."""
    return (frame["lat_deg"] == 0) & (frame["lon_deg"] == 0)


def notices_of_places(frames: Frames) -> list[str]:
    """Notices of plants and onshore sites of the user in the sea, and of offshore sites on land.

    Small islands have no outline, so that these are no errors.
    """
    notices: list[str] = []
    for table, column in (*((table, "plant") for table in PLANTS), ("storage/sites", "site")):
        own = own_rows(frames[table])
        own = own[~_at_zero(own) & np.isnan(_km_if_swapped(frames, own))] if len(own) else own
        if column == "site":
            own = own[own["is_offshore"] != "yes"]
        far = are_off_land(own["lat_deg"].to_numpy(float), own["lon_deg"].to_numpy(float), _SEA_KM)
        notices += _named(own[far], column, f"in the sea, more than {_SEA_KM:g} km from land (is the place right?)")
    sites = own_rows(frames["storage/sites"])
    offshore = sites[sites["is_offshore"] == "yes"]
    inland = are_deep_inland(offshore["lat_deg"], offshore["lon_deg"], PROVINCE_MARGIN_KM)
    where = f"offshore, but on land, more than {PROVINCE_MARGIN_KM:g} km from the sea and the border"
    notices += _named(offshore[inland], "site", where)
    return notices


def _named(rows: pd.DataFrame, column: str, where: str) -> list[str]:
    """A notice at the first row, which names the first of them."""
    if rows.empty:
        return []
    names = first_few([shown(name) for name in rows[column]], _MOST_NAMED)
    return [f"{at(rows.iloc[0], 'lat_deg')}: {column}s {where}: {names}"]


PLACE_CHECKS: tuple[Callable[[Frames], Iterator[Issue]], ...] = (
    places_lie_in_their_province,
    onshore_sites_lie_on_land,
    own_places_are_plausible,
)
