"""Public data of storage basins as a table of sites: CO2StoP of the European Union and NATCARB of the United States.

CO2StoP    Hydrocarbon_Storage_Units.csv, Hydrocarbon_Traps.csv and Hydrocarbon_Formations.csv with their polygons in
           KML; capacities in Mt. A unit is a site; a trap is one where its unit has no capacity.
NATCARB    the layers Saline_10K (cells of 10 km) and OilGas; capacities in t. The cells of a resource in a basin are
           one site; each reservoir of a field is one.

The class of the Storage Resources Management System (SRMS) is taken over where a file has one.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from ccs_model.errors import InputError, Issue, raise_issues
from ccs_model.importers.storage_places import Place, place_of
from ccs_model.importers.storage_sheets import CO2STOP, NATCARB, Sheet, layouts_of, read_sheets
from ccs_model.inputs.cells import nearest_hint
from ccs_model.inputs.declarations import RESOURCE_CLASSES
from ccs_model.inputs.geography import are_off_land, km_outside_country
from ccs_model.inputs.place_checks import PROVINCE_MARGIN_KM
from ccs_model.scenario.validation import shown_text, without_accents
from ccs_model.units import join_first_names

REFERENCES = {
    CO2STOP: ("CO2STOP", "CO2StoP, European CO2 storage database, JRC open release", "https://setis.ec.europa.eu",
              "copyright of the national geological surveys"),
    NATCARB: ("NATCARB", "NATCARB v1502, National Energy Technology Laboratory, US Department of Energy",
              "https://edx.netl.doe.gov/dataset/natcarb", "public domain"),
}  # fmt: skip
# Words of the SRMS and of the CO2 Storage Resource Catalogue by class, beside its name.
_WORDS_OF_CLASSES = (
    (),
    ("commercial", "on injection", "approved for development", "justified for development"),
    ("sub-commercial", "discovered", "development pending", "development on hold", "development unclarified",
     "development not viable"),
    ("undiscovered", "prospect", "lead", "sequence play", "basin play"),
    (),
)  # fmt: skip
_CLASSES = {name: (name, *words) for name, words in zip(RESOURCE_CLASSES, _WORDS_OF_CLASSES, strict=True)}
_OFFSHORE_KM, _FAR_KM = 5.0, 500.0
# A whole basin of the North Sea has some 10 Gt.
_LARGE_KT = 20e6
_NAMED = 5
_CAPACITIES = ("capacity_low_kt", "capacity_mid_kt", "capacity_high_kt")
_M2_PER_KM2, _KM_PER_DEG = 1e6, 111.2


@dataclass
class Resources:
    """Sites of a source, and what was left out: reason by number of rows.

    `lost` names the rows with a capacity among them, by reason. The column `adjusted` of the sites says which estimates
    were changed because they are negative or out of order.
    """

    sites: pd.DataFrame
    left_out: Counter[str] = field(default_factory=Counter)
    lost: dict[str, list[str]] = field(default_factory=dict)

    def lose(self, reason: str, row: Mapping[str, Any], mid_mt: float, hint: str = "") -> None:
        """Leave a row with a capacity out, and name it."""
        self.left_out[reason] += 1
        words = f"{row['place']} {shown_text(row['id'] or row['name'])} ({mid_mt:,.1f} Mt{', ' if hint else ''}{hint})"
        self.lost.setdefault(reason, []).append(words)

    @property
    def adjusted(self) -> list[str]:
        """Sites whose estimates were changed, with the published ones."""
        changed = self.sites[self.sites["adjusted"] != ""]
        return [f"{name} ({words})" for name, words in zip(changed["name"], changed["adjusted"], strict=True)]

    @property
    def largest(self) -> list[str]:
        """Sites with a capacity (mid) that is implausible for one site, with the capacity, the largest first."""
        large = self.sites[self.sites["capacity_mid_kt"] > _LARGE_KT].sort_values("capacity_mid_kt", ascending=False)
        return [
            f"{name} ({kt / 1e6:,.0f} Gt)" for name, kt in zip(large["name"], large["capacity_mid_kt"], strict=True)
        ]


def read_storage(
    source: str,
    files: Sequence[tuple[str, bytes]],
    countries: Sequence[str] = (),
    min_mt: float = 0.0,
    block_km: float | None = None,
) -> Resources:
    """Return the sites of the files of a source.

    Parameters
    ----------
    source
        `co2stop` or `natcarb`.
    files
        Name and content of each file: CSV and Excel workbooks, for CO2StoP polygons in KML, for NATCARB shapefiles.
    countries
        Only sites of these countries; empty means all.
    min_mt
        Smallest capacity (mid) of a site in Mt.
    block_km
        Side of the squares that the cells of a resource are grouped by, each a site; None for one site a resource.

    Raises
    ------
    InputError
        With every issue of the files, if none of them is a table of the source, or for an unknown country.
    """
    sheets, polygons = read_sheets(source, files)
    made = _co2stop_resources(sheets, polygons) if source == CO2STOP else _natcarb_resources(sheets, block_km)
    return _select_sites(made, countries, min_mt)


@dataclass(frozen=True)
class _Estimates:
    """Low, mid and high capacity in the unit of the file; `adjusted` holds the published ones if they were changed."""

    amounts: tuple[float, float, float]
    adjusted: str = ""


def _find_estimates(row: Mapping[str, Any], *prefixes: str) -> _Estimates | None:
    """The estimates of the first prefix with an amount above 0; a missing one takes its neighbour's."""
    for prefix in prefixes:
        published = [row.get(f"{prefix}{case}", np.nan) for case in ("low", "mid", "high")]
        low, mid, high = given = [amount if amount > 0 else np.nan for amount in published]
        if np.isnan(given).all():
            continue
        if np.isnan(mid):
            mid = np.sqrt(low * high) if low > 0 and high > 0 else low if low > 0 else high
        is_adjusted = low > mid or high < mid or any(amount < 0 for amount in published)
        low = mid if np.isnan(low) else min(low, mid)
        high = mid if np.isnan(high) else max(high, mid)
        words = "/".join("–" if np.isnan(amount) else f"{amount:,.10g}" for amount in published) if is_adjusted else ""
        return _Estimates((float(low), float(mid), float(high)), words)
    return None


def _co2stop_resources(sheets: Sequence[Sheet], polygons: Mapping[str, Place]) -> Resources:
    by_layout: dict[str, list[dict[str, Any]]] = {name: [] for name in layouts_of(CO2STOP)}
    for sheet in sheets:
        by_layout[sheet.layout] += sheet.rows
    formations = {row["id"]: row for row in by_layout["formations"]}
    made = Resources(pd.DataFrame())
    sites: list[dict[str, Any]] = []
    seen: dict[str, set[str]] = {"units": set(), "traps": set()}
    with_capacity: set[str] = set()
    of_unit: dict[str, Mapping[str, Any]] = {}

    def add(
        layout: str, row: Mapping[str, Any], capacity: _Estimates, kind: str, formation: Mapping[str, Any], what: str
    ) -> bool:
        """Add a site; whether it could be added."""
        if row["id"] and row["id"] in seen[layout]:
            made.lose(f"repeated rows of {layout}", row, capacity.amounts[1])
        elif (place := _place_in_country(made, row, polygons, capacity)) is not None:
            seen[layout].add(row["id"])
            sites.append(_site(row, place, capacity, kind, formation, what))
            return True
        return False

    for row in by_layout["units"]:
        formation = of_unit[row["id"]] = formations.get(row.get("formation", ""), {})
        capacity = _find_estimates(row, "", "calc_")
        if capacity is None:
            made.left_out["units without a capacity"] += 1
            continue
        # The traps of a unit that is left out count for themselves.
        if add("units", row, capacity, "saline", formation, "") and row["id"]:
            with_capacity.add(row["id"])
    for row in by_layout["traps"]:
        if row["unit"] in with_capacity:
            made.left_out["traps whose unit has a capacity, which includes theirs"] += 1
            continue
        gas, oil, saline = _find_estimates(row, "gas_"), _find_estimates(row, "oil_"), _find_estimates(row, "", "calc_")
        capacity = gas or oil or saline
        if capacity is None:
            made.left_out["traps without a capacity"] += 1
            continue
        kind = "gas_field" if gas or oil else "saline"
        what = "oil field, without enhanced oil recovery" if oil and not gas else ""
        add("traps", row, capacity, kind, of_unit.get(row["unit"], {}), what)
    made.sites = pd.DataFrame(sites)
    return made


def _place_in_country(
    made: Resources, row: Mapping[str, Any], polygons: Mapping[str, Place], capacity: _Estimates
) -> Place | None:
    """The place of a unit or trap; None if it has none in its country, and is left out."""
    mid_mt = capacity.amounts[1]
    place = polygons.get(row["id"]) or place_of(_number(row, "x"), _number(row, "y"), row.get("projection", ""))
    if place is None:
        reason = "rows without a place in degrees or UTM, and without a polygon (give the .kml file)"
        made.lose(reason, row, mid_mt)
        return None
    if not row["country"]:
        made.lose("rows without a country", row, mid_mt)
        return None
    if km_outside_country(row["country"], *place) > _FAR_KM:
        is_swapped = km_outside_country(row["country"], *reversed(place)) <= PROVINCE_MARGIN_KM
        reason = f"rows whose place lies more than {_FAR_KM:g} km outside their country"
        made.lose(reason, row, mid_mt, "X and Y look swapped" if is_swapped else "")
        return None
    return place


def _site(
    row: Mapping[str, Any], place: Place, capacity: _Estimates, kind: str, formation: Mapping[str, Any], what: str
) -> dict[str, Any]:
    where = {"offshore": "yes", "onshore": "no"}.get(formation.get("offshore", "").lower(), "")
    return {
        "name": row["name"] or row["id"], "basin": formation.get("basin") or row["name"] or row["id"],
        "province": row["country"], "lat_deg": place[0], "lon_deg": place[1], "kind": kind, "is_offshore": where,
        **dict(zip(_CAPACITIES, np.multiply(capacity.amounts, 1000.0), strict=True)),
        "resource_class": class_of(row.get("class", ""), row["place"]),
        "note": "; ".join(each for each in (f"CO2StoP {row['id']}", what) if each),
        "adjusted": f"{capacity.adjusted} Mt" if capacity.adjusted else "",
    }  # fmt: skip


def _number(row: Mapping[str, Any], key: str) -> float:
    value = row.get(key, np.nan)
    return 0.0 if np.isnan(value) else float(value)


def _natcarb_resources(sheets: Sequence[Sheet], block_km: float | None) -> Resources:
    left_out: Counter[str] = Counter()
    issues: list[Issue] = []
    rows: list[dict[str, Any]] = []
    for sheet in sheets:
        for row in sheet.rows:
            lat, lon = row["lat"], row["lon"]
            if row.get("assessed", 1.0) == 0:
                left_out["rows that were not assessed"] += 1
            elif row.get("duplicate", 0.0) == 1:
                left_out["duplicate rows"] += 1
            elif (capacity := _find_estimates(row, "")) is None:
                left_out["rows without a capacity"] += 1
            elif np.isnan(lat) or np.isnan(lon):
                left_out["rows without a place"] += 1
            elif not _is_in_america(lat, lon):
                hint = "lat and lon look swapped" if _is_in_america(lon, lat) else "expected degrees, WGS84"
                what = f"latitude {lat:g} and longitude {lon:g} lie outside North America"
                issues.append(Issue(row["place"], what, hint))
            else:
                try:
                    resource_class = class_of(row.get("class", ""), row["place"])
                except InputError as error:
                    issues += error.issues
                else:
                    rows.append({**row, "layout": sheet.layout, "capacity": capacity, "class": resource_class})
    raise_issues(issues)
    together: dict[tuple[str, str, str, str, str], list[dict[str, Any]]] = {}
    for place, row in enumerate(rows):
        # A reservoir of a field is a site of its own; the cells of a class of a resource, or of a block, are one site.
        own = _block_of(row["lat"], row["lon"], block_km) if row["layout"] == "cells" else str(place)
        basin = row.get("basin", row.get("state", ""))
        together.setdefault((row["layout"], basin, row["name"], own, row["class"]), []).append(row)
    sites = []
    for (layout, basin, name, _, resource_class), cells in together.items():
        weights = np.array([cell["capacity"].amounts[1] for cell in cells])
        tonnes = np.array([cell["capacity"].amounts for cell in cells]).sum(axis=0)
        adjusted = [cell["capacity"].adjusted for cell in cells if cell["capacity"].adjusted]
        area_km2 = np.nansum([cell.get("area", np.nan) for cell in cells]) / _M2_PER_KM2
        many = f"{len(cells):,} cell{'s' if len(cells) > 1 else ''} of 10 km; " if layout == "cells" else ""
        is_field = layout == "fields"
        named = ", ".join(dict.fromkeys(each for each in (name, cells[0].get("reservoir", "")) if each))
        sites.append(
            {"name": named or "unnamed", "basin": basin or name, "province": "",
             "lat_deg": float(np.average([cell["lat"] for cell in cells], weights=weights)),
             "lon_deg": float(np.average([cell["lon"] for cell in cells], weights=weights)),
             "kind": "gas_field" if is_field else "saline", "is_offshore": "",
             **dict(zip(_CAPACITIES, tonnes / 1000.0, strict=True)),
             "area_km2": area_km2 if area_km2 > 0 else np.nan,
             "resource_class": resource_class,
             "note": f"{many}NATCARB v1502{' ' + cells[0].get('kind', '').lower() if is_field else ''}",
             "adjusted": join_first_names([f"{words} t" for words in adjusted], 1)}
        )  # fmt: skip
    return Resources(pd.DataFrame(sites), left_out)


def _block_of(lat_deg: float, lon_deg: float, block_km: float | None) -> str:
    """Name of the square of a place: rows of latitude, divided along the parallel in the middle of the row."""
    if block_km is None:
        return ""
    row = math.floor(lat_deg * _KM_PER_DEG / block_km)
    middle_deg = (row + 0.5) * block_km / _KM_PER_DEG
    across_km = lon_deg * _KM_PER_DEG * math.cos(math.radians(middle_deg))
    return f"{row},{math.floor(across_km / block_km)}"


def _is_in_america(lat_deg: float, lon_deg: float) -> bool:
    return 10 <= lat_deg <= 85 and -180 <= lon_deg <= -50


def class_of(words: str, place: str) -> str:
    """Return the class of the SRMS that the words of a file name, such as `Undiscovered: Basin Play`; "" for none.

    Raises InputError for words that name no class.
    """
    if not words:
        return ""
    parts = [part.strip().lower() for part in re.split(r"[:;(),/]", words) if part.strip()]
    for part in reversed(parts):
        for name, known in _CLASSES.items():
            if part in known:
                return name
    listed = sorted(each for names in _CLASSES.values() for each in names)
    raise InputError(
        [Issue(place, f"'{shown_text(words)}' is no class of the SRMS", nearest_hint(words.lower(), listed))]
    )


def _select_sites(made: Resources, countries: Sequence[str], min_mt: float) -> Resources:
    """Sites of the countries from the smallest capacity on, with ids, sorted by province and name."""
    sites, left_out = made.sites, made.left_out
    if sites.empty:
        reasons = "; ".join(f"{n:,} {why}" for why, n in left_out.items()) or "the files have no rows"
        lost = [name for names in made.lost.values() for name in names]
        raise InputError([Issue("storage", f"no site: {reasons}", join_first_names(lost, _NAMED))])
    there = sorted(set(sites["province"]) - {""})
    issues = []
    for country in countries if there else ():
        if country not in there:
            hint = nearest_hint(country, there, f"there are {', '.join(there)}")
            issues.append(Issue("--country", f"no site in '{shown_text(country)}'", hint))
    if countries and not there:
        issues.append(Issue("--country", "the files name no country", "leave the option out"))
    raise_issues(issues)
    if countries:
        inside = sites["province"].isin(countries)
        if not inside.all():
            left_out["sites of other countries"] += int((~inside).sum())
        sites = sites[inside]
    large = sites["capacity_mid_kt"] >= 1000.0 * min_mt
    if not large.all():
        left_out[f"sites below {min_mt:g} Mt"] += int((~large).sum())
        sites = sites[large]
    if sites.empty:
        raise InputError([Issue("--min-mt", f"no site of {min_mt:g} Mt or more", "")])
    sites = sites.sort_values(["province", "name", "lat_deg"], kind="stable").reset_index(drop=True)
    unknown = np.flatnonzero(sites["is_offshore"] == "")
    lat, lon = (sites[name].to_numpy(float)[unknown] for name in ("lat_deg", "lon_deg"))
    sites.loc[unknown, "is_offshore"] = np.where(are_off_land(lat, lon, _OFFSHORE_KM), "yes", "no")
    sites["lat_deg"], sites["lon_deg"] = sites["lat_deg"].round(4), sites["lon_deg"].round(4)
    sites.insert(0, "site", _ids(sites))
    return replace(made, sites=sites)


def _ids(sites: pd.DataFrame) -> list[str]:
    """An id by name, numbered where names repeat."""
    seen: Counter[str] = Counter()
    ids = []
    for name in sites["name"]:
        plain = re.sub(r"[^a-z0-9]+", "_", without_accents(str(name)).lower()).strip("_")[:60] or "site"
        seen[plain] += 1
        ids.append(plain if seen[plain] == 1 else f"{plain}_{seen[plain]}")
    return ids


def storage_files(source: str, made: Resources) -> dict[str, bytes]:
    """Return the files of a data folder: storage/sites.csv and references.csv."""
    key, citation, where, licence = REFERENCES[source]
    sites = made.sites.assign(reference=key, quality="reported")
    sites = sites[[*(name for name in sites if name not in ("note", "adjusted")), "note"]]
    sites[[*_CAPACITIES]] = sites[[*_CAPACITIES]].round(1)
    references = pd.DataFrame(
        [{"reference": key, "citation": citation, "where": where, "licence": licence, "use": "storage sites"}]
    )
    tables = {"storage/sites.csv": sites, "references.csv": references}
    return {name: frame.to_csv(index=False, lineterminator="\n").encode() for name, frame in tables.items()}
