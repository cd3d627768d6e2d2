"""Defaults of the user's tables: columns of storage sites that follow from others, and rows for every other place.

Nothing is filled in silently: every default is a notice, which `check`, the solver log and sheet Sources repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from ccs_model.inputs.checked_scenario import SITES
from ccs_model.inputs.checked_table import Table
from ccs_model.inputs.declarations import Column, place_of
from ccs_model.inputs.geography import area_near, country_outlines, km_outside_province
from ccs_model.inputs.known_names import ANY
from ccs_model.inputs.table_checks import PLANTS
from ccs_model.scenario.sections import OwnTables
from ccs_model.scenario.validation import shown

# Columns of storage/sites that follow from the others.
_FOLLOWING = (
    "name", "basin", "province", "kind", "capacity_low_kt", "capacity_high_kt", "currency", "price_year",
)  # fmt: skip
_KIND = "saline"
# Tables with rows for every other place, with the column of the place and the column that separates their groups.
_BY_PLACE = (
    ("prices/power", "grid", ""),
    ("prices/fuels", "province", "fuel"),
    ("prices/grid_factors", "province", ""),
)
_MARGIN_KM = 30.0
_NAMED = 6


def own_columns(table: str, columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns of a table of the user: reference, quality and what `with_site_defaults` fills in are optional."""
    optional = () if table == "references" else ("reference", "quality", *(_FOLLOWING if table == SITES else ()))
    return tuple(replace(each, required=each.required and each.name not in optional) for each in columns)


def with_site_defaults(table: Table, requested: OwnTables) -> Table:
    """The user's sites with the columns that they leave empty, and a notice of them."""
    if table.name != SITES or table.frame.empty or table.issues:
        return table
    frame = table.frame.copy()
    fills: list[tuple[str, pd.Series | str | float, str]] = [
        ("name", frame["site"], "name and basin as the id"),
        ("basin", frame["site"], "name and basin as the id"),
        ("province", _areas_of(frame), "province by place ({})"),
        ("kind", _KIND, f"kind {_KIND}"),
        ("capacity_low_kt", frame["capacity_mid_kt"], "low and high capacity as mid"),
        ("capacity_high_kt", frame["capacity_mid_kt"], "low and high capacity as mid"),
        ("currency", requested.currency, "money in {} of the scenario"),
        ("price_year", float(requested.price_year), "price year {} of the scenario"),
        ("well_injectivity_ktpa", float("nan"), "rate of a well by basin or class, or by storage/reservoir_classes"),
        ("n_wells_max", float("nan"), "number of wells by area"),
    ]  # fmt: skip
    texts: list[str] = []
    is_short = False
    for column, value, text in fills:
        empty = frame[column].isna() if frame[column].dtype.kind == "f" else frame[column] == ""
        if not empty.any():
            continue
        is_short |= column in _FOLLOWING
        frame[column] = frame[column].mask(empty, value)
        texts.append(text.format(", ".join(dict.fromkeys(f"{each:g}" if isinstance(each, float) else str(each)
                                                        for each in frame.loc[empty, column]))))  # fmt: skip
    if not is_short:
        return table
    if (frame["area_km2"].isna() & table.frame["n_wells_max"].isna()).any():
        texts.append("area site_area_km2 of storage/factors")
    sites = f"{len(frame)} sites have" if len(frame) > 1 else "1 site has"
    notice = f"{place_of(frame.iloc[0])}: {sites} defaults: {'; '.join(dict.fromkeys(texts))}"
    return replace(table, frame=frame, notices=(*table.notices, notice))


def _areas_of(frame: pd.DataFrame) -> pd.Series:
    """The province of each row; of those without one, that of their place."""
    places = zip(frame["province"], frame["lat_deg"], frame["lon_deg"], strict=True)
    return pd.Series([province or area_near(lat, lon) for province, lat, lon in places], index=frame.index)


def with_rows_for_other_places(frames: dict[str, pd.DataFrame]) -> list[str]:
    """Give every province or grid with plants the rows of its country or of `*` where it has none; return notices.

    Frames are changed in place. Rows of a country need an outline of it (data/geo); the rows of a country come before
    those of `*`.
    """
    notices: list[str] = []
    for table, column, group in _BY_PLACE:
        frame = frames[table]
        given = set(frame[column])
        general = [*(name for name in country_outlines() if name in given), *([ANY] if ANY in given else [])]
        plants = pd.concat([frames[each][[column, "lat_deg", "lon_deg"]] for each in PLANTS], ignore_index=True)
        plants = plants[(plants[column] != "")].drop_duplicates(column)
        if not general:
            continue
        added: list[pd.DataFrame] = []
        for _, rows in frame.groupby(group) if group else [("", frame)]:
            lacking = plants[~plants[column].isin(set(rows[column]))]
            for source in general:
                of_source = rows[rows[column] == source]
                here = lacking if source == ANY else lacking[_lie_in(source, lacking)]
                if of_source.empty or here.empty:
                    continue
                added += [of_source.assign(**{column: name}) for name in here[column]]
                notices.append(_holds_for(of_source, source, list(here[column])))
                lacking = lacking.drop(here.index)
        if added:
            frames[table] = pd.concat([frame, *added], ignore_index=True)
    return notices


def _lie_in(country: str, places: pd.DataFrame) -> pd.Series:
    names = pd.Series(country, index=places.index)
    return km_outside_province(names, places["lat_deg"], places["lon_deg"]) <= _MARGIN_KM


def _holds_for(rows: pd.DataFrame, source: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    listed = ", ".join(map(shown, names[:_NAMED]))
    return f"{place_of(rows.iloc[0])}: the rows of '{source}' hold for what has none of its own: {listed}{more}"
