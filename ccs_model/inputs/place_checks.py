"""Checks of places: plants and sites against the outlines of provinces and countries, and signs of coordinates.

A place that would lie among the others with the other sign has a wrong sign.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Mask
from ccs_model.errors import Issue
from ccs_model.inputs.cells import MILE_KM
from ccs_model.inputs.declarations import NODES, PLACES, PLANTS, SITES, SOURCE_PLANTS, own_rows
from ccs_model.inputs.declarations import place_of as at
from ccs_model.inputs.geography import (
    are_deep_inland,
    are_in_china,
    are_off_land,
    countries_with_outline,
    country_near,
    is_in_country,
    km_if_changed,
    km_if_swapped,
    km_outside_province,
    km_to,
)
from ccs_model.inputs.source_checks import Frames
from ccs_model.scenario.validation import shown_text
from ccs_model.units import join_first_names

PROVINCE_MARGIN_KM = 30.0
# Distance from land beyond which a plant looks misplaced; outlines are simplified and leave out small islands.
SEA_KM = 60.0
_MOST_NAMED = 6


def places_lie_in_their_province(frames: Frames) -> Iterator[Issue]:
    """Plants lie in their province, or within 30 km of its outline."""
    for table in PLANTS:
        frame = frames[table]
        if table == SOURCE_PLANTS:
            frame = frame[frame["sector"] != ""]
        for row, km, hint in _rows_outside_province(frame):
            yield Issue(at(row), f"plant {row['plant']} lies {km:,.0f} km outside {row['province']}", hint)


def onshore_sites_lie_on_land(frames: Frames) -> Iterator[Issue]:
    """Onshore sites of the user lie in their province or country, or within 30 km of its outline."""
    sites = own_rows(frames[SITES])
    for row, km, hint in _rows_outside_province(sites[sites["is_offshore"] != "yes"]):
        what = f"site {row['site']} is onshore, but lies {km:,.0f} km outside {row['province']}"
        yield Issue(at(row, "lat_deg"), what, hint or "set is_offshore to yes if it lies under the sea")


def _rows_outside_province(places: pd.DataFrame) -> Iterator[tuple[pd.Series, float, str]]:
    """Rows far outside their province, with the distance in km; the hint names coordinates that would lie in it."""
    outside = _km_outside(places)
    strays = places[(outside > PROVINCE_MARGIN_KM) & ~_are_at_zero(places)]
    if strays.empty:
        return
    hints: dict[Hashable, str] = {}
    for text, changed in (
        ("lat and lon look swapped", _exchange_coordinates(strays)),
        ("check the sign of lon_deg", _flip_sign(strays, "lon_deg")),
        ("check the sign of lat_deg", _flip_sign(strays, "lat_deg")),
    ):
        hints = dict.fromkeys(strays.index[_km_outside(changed) <= PROVINCE_MARGIN_KM], text) | hints
    for i, row in strays.iterrows():
        yield row, outside[i], hints.get(i, "")


def _km_outside(places: pd.DataFrame) -> pd.Series:
    return km_outside_province(places["province"], places["lat_deg"], places["lon_deg"])


def own_places_are_plausible(frames: Frames) -> Iterator[Issue]:
    """Locations of the user are not at (0, 0), nor with latitude and longitude swapped."""
    own = [(own_rows(frames[table]), column) for table, column in NODES]
    if all(frame.empty for frame, _ in own):
        return
    what, others = _reference_places(frames)
    for frame, column in own:
        for (_, row), km in zip(frame.iterrows(), _km_if_swapped(frame, others), strict=True):
            if row["lat_deg"] == 0 and row["lon_deg"] == 0:
                yield Issue(at(row, "lat_deg"), f"'{shown_text(row[column])}' is at (0, 0), in the sea off Africa")
            elif km == km:
                far = f"'{shown_text(row[column])}' lies {km:,.0f} km from the centre of the {what}"
                yield Issue(at(row, "lat_deg"), far, "lat and lon look swapped")


def _reference_places(frames: Frames) -> tuple[str, pd.DataFrame]:
    """The places that others are compared with: the plants, or the user's sites if all plants look swapped."""
    place = ["province", "lat_deg", "lon_deg"]
    given = frames[SOURCE_PLANTS].loc[frames[SOURCE_PLANTS]["sector"] == "", place]
    plants = given if len(given) else pd.concat([frames[table][place] for table in PLANTS])
    sites = own_rows(frames[SITES])
    if sites.empty or np.isnan(_km_if_swapped(sites, plants)).any():
        return "plants", plants
    # Either all sites are swapped or the plants are. The province of a site may follow from its place.
    sites_alone = sites.assign(province="")
    as_sites_say = _plausible_share(_exchange_coordinates(plants)) + _plausible_share(sites_alone)
    as_plants_say = _plausible_share(plants) + _plausible_share(_exchange_coordinates(sites_alone))
    return ("sites", sites) if as_sites_say > as_plants_say else ("plants", plants)


def _exchange_coordinates(places: pd.DataFrame) -> pd.DataFrame:
    return places.rename(columns={"lat_deg": "lon_deg", "lon_deg": "lat_deg"})


def _plausible_share(places: pd.DataFrame) -> float:
    """Share of places on land, and in their province or country where its outline is known."""
    lat, lon = _coordinates(places)
    on_land = ~are_off_land(lat, lon, PROVINCE_MARGIN_KM)
    far = _km_outside(places).to_numpy()
    in_country = [
        name not in countries_with_outline() or is_in_country(name, *place, PROVINCE_MARGIN_KM)
        for name, *place in zip(places["province"], lat, lon, strict=True)
    ]
    return float(np.mean(on_land & (far <= PROVINCE_MARGIN_KM) & np.array(in_country)))


def _km_if_swapped(frame: pd.DataFrame, others: pd.DataFrame) -> Floats:
    """Distance of each row from the centre of other places if its coordinates look swapped, else NaN."""
    return km_if_swapped(*_coordinates(frame), *_coordinates(others))


def _are_at_zero(frame: pd.DataFrame) -> pd.Series:
    """Rows at (0, 0), which is an issue of its own."""
    return (frame["lat_deg"] == 0) & (frame["lon_deg"] == 0)


def notices_of_places(frames: Frames) -> list[str]:
    """Notices of plants and onshore sites of the user in the sea, and of offshore sites on land.

    Small islands have no outline, so that these are no errors.
    """
    notices: list[str] = []
    own_places = [(own_rows(frames[table]), column) for table, column in PLACES]
    if all(places.empty for places, _ in own_places):
        return notices
    _, others = _reference_places(frames)
    for places, column in own_places:
        own = places[~_are_at_zero(places) & np.isnan(_km_if_swapped(places, others))] if len(places) else places
        if column == "site":
            own = own[own["is_offshore"] != "yes"]
        far = are_off_land(*_coordinates(own), SEA_KM)
        notices += _notices_of_rows(
            own[far], column, f"in the sea, more than {SEA_KM:g} km from land (is the place right?)"
        )
    sites = own_rows(frames[SITES])
    offshore = sites[sites["is_offshore"] == "yes"]
    inland = are_deep_inland(*_coordinates(offshore), PROVINCE_MARGIN_KM)
    where = f"offshore, but on land, more than {PROVINCE_MARGIN_KM:g} km from the sea and the border"
    notices += _notices_of_rows(offshore[inland], "site", where)
    return notices


# Share of the straight line below which a length is too short: places are rounded.
_LENGTH_SHARE = 0.97
# A longer link is no detour: a length in metres, or an end at the wrong place.
_MOST_DETOUR, _LONG_KM = 5.0, 100.0
_SIMCCS = "SIMCCS"


def notices_of_links(frames: Frames) -> list[str]:
    """Notices of the user's links with a doubtful length, and of those to offshore sites at the cost of flat land.

    Lengths of SimCCS are weighted by cost, and its junctions have no places.
    """
    links = own_rows(frames["transport/links"])
    of_simccs = links[links["reference"] == _SIMCCS]
    notices = []
    if len(of_simccs):
        what = "lengths of the links of SimCCS are weighted by cost, and its junctions may be drawn at assumed places"
        notices.append(f"{at(of_simccs.iloc[0], 'length_km')}: {what}")
    links = links[links["reference"] != _SIMCCS]
    if links.empty:
        return notices
    names = [frames[table].rename(columns={column: "id"})[["id", "lat_deg", "lon_deg"]] for table, column in NODES]
    places = pd.concat(names).drop_duplicates("id").set_index("id")
    one, other = (places.reindex(links[end])[["lat_deg", "lon_deg"]].to_numpy(float) for end in ("node_a", "node_b"))
    straight = km_to(one[:, 0], one[:, 1], other.T)
    length = links["length_km"].to_numpy(float)
    short = length < _LENGTH_SHARE * straight
    long = (length > _MOST_DETOUR * straight) & (length > _LONG_KM)
    are_miles = (length[short] * MILE_KM >= _LENGTH_SHARE * straight[short]).any()
    for are_odd, what, hint in (
        (short, "shorter than", " (are these miles?)" if are_miles else ""),
        (long, "far longer than", ""),
    ):
        texts = [
            f"{shown_text(link)} ({km:,.0f} km, {far:,.0f} km apart)"
            for link, km, far in zip(links["link"][are_odd], length[are_odd], straight[are_odd], strict=True)
        ]
        if texts:
            notices.append(
                f"{at(links[are_odd].iloc[0], 'length_km')}: links {what} the straight line between their ends: "
                f"{join_first_names(texts, _MOST_NAMED)}; length_km is in km{hint}"
            )
    sites = frames[SITES]
    offshore = set(sites["site"][sites["is_offshore"] == "yes"])
    flat = links[(links["node_a"].isin(offshore) | links["node_b"].isin(offshore)) & links["cost_factor"].isna()]
    if len(flat):
        names_of = join_first_names([shown_text(link) for link in flat["link"]], _MOST_NAMED)
        notices.append(
            f"{at(flat.iloc[0], 'cost_factor')}: links to offshore sites whose empty cost_factor counts as 1, the cost "
            f"on flat land: {names_of}"
        )
    return notices


def _notices_of_rows(rows: pd.DataFrame, column: str, where: str) -> list[str]:
    """A notice at the first row, which names the first of them."""
    if rows.empty:
        return []
    names = join_first_names([shown_text(name) for name in rows[column]], _MOST_NAMED)
    return [f"{at(rows.iloc[0], 'lat_deg')}: {column}s {where}: {names}"]


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
    countries = {
        str(name)
        for table, column in _OF_COUNTRIES
        for name in own_rows(frames[table])[column]
        if str(name) in countries_with_outline()
    }
    if places.empty or not countries or _are_in_countries(countries, places).any():
        return
    for column in _COORDINATES:
        if _are_in_countries(countries, _flip_sign(places, column)).mean() > 0.5:
            row = places.iloc[0]
            names = " or ".join(sorted(countries))
            what = f"no place of your tables lies in {names}, for which they have rows; '{shown_text(row['id'])}' lies"
            where = _area_text(row) or f"at {row['lat_deg']:g}, {row['lon_deg']:g}"
            yield Issue(at(row, column), f"{what} {where.rstrip(', ')}", _hint(row, column, "there, as most would"))
            return


def notices_of_signs(frames: Frames) -> Iterator[str]:
    """Notices of the user's places that would lie among the others of their province with the other sign.

    A region may span the equator or the zero meridian, so that this is no error.
    """
    for province, group in _places(frames).groupby("province", sort=False):
        if len(group) < _FEWEST:
            continue
        for column in _COORDINATES:
            km = km_if_changed(*_coordinates(group), *_coordinates(_flip_sign(group, column)), *_coordinates(group))
            for (_, row), far in zip(group.iterrows(), km, strict=True):
                if np.isfinite(far):
                    yield (
                        f"{at(row)}: '{shown_text(row['id'])}' lies {_area_text(row)}{far:,.0f} km from the other "
                        f"places of {province}; {_hint(row, column, 'among them')}"
                    )


def _places(frames: Frames) -> pd.DataFrame:
    """Plants and sites of the user in provinces without an outline, with their `id`."""
    parts = [own_rows(frames[table]).assign(id=lambda rows, c=column: rows[c]) for table, column in PLACES]
    places = pd.concat([part for part in parts if len(part)] or [parts[0]])
    known = are_in_china(places["province"]) | places["province"].isin(["", *countries_with_outline()]).to_numpy(bool)
    given = places[["lat_deg", "lon_deg"]].notna().all(axis=1).to_numpy(bool)
    return places[~known & given]


def _are_in_countries(countries: set[str], places: pd.DataFrame) -> Mask:
    points = zip(*_coordinates(places), strict=True)
    return np.array([any(is_in_country(name, *point, SEA_KM) for name in countries) for point in points], bool)


def _area_text(row: pd.Series) -> str:
    area = country_near(float(row["lat_deg"]), float(row["lon_deg"]))
    return f"in or near {area}, " if area else ""


def _hint(row: pd.Series, column: str, there: str) -> str:
    return f"with {column} {-row[column]:g} it would lie {there}: check the sign"


def _flip_sign(places: pd.DataFrame, column: str) -> pd.DataFrame:
    return places.assign(**{column: -places[column]})


def _coordinates(places: pd.DataFrame) -> tuple[Floats, Floats]:
    return places["lat_deg"].to_numpy(float), places["lon_deg"].to_numpy(float)


PLACE_CHECKS: tuple[Callable[[Frames], Iterator[Issue]], ...] = (
    places_lie_in_their_province,
    onshore_sites_lie_on_land,
    own_places_are_plausible,
    signs_are_right,
)
