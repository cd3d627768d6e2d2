"""Reads Global Energy Monitor's Global Chemicals Inventory into plants/chemicals.

The inventory lists operating plants by location, owner, products and feedstock. It has no capacities, gasifiers or urea
shares: these cells stay empty, are noted as missing, and can be given in a CSV file of capacities by plant and product,
which the import writes with suggestions from the shipped plants. Plants without ammonia or methanol are excluded.

Global Energy Monitor, Global Chemicals Inventory, CC BY 4.0,
https://globalenergymonitor.org/projects/global-chemicals-inventory
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import Any

import numpy as np
import pandas as pd

from ccs_model.errors import Issue
from ccs_model.importers.gem_workbooks import CHINA, SheetRow, china_places, plant_values
from ccs_model.inputs.checked_table import table_of
from ccs_model.inputs.csv_reader import csv_grid
from ccs_model.inputs.declarations import Column, Source, read_dictionary
from ccs_model.paths import data_folder
from ccs_model.scenario.validation import shown_text

PRODUCTS = ("ammonia", "methanol")
GIVEN = ("capacity_ktpa", "feedstock", "gasifier", "urea_share")
TABLE_NOTE = "figures_from"
SUGGESTED = ("suggested_plant", "suggested_name", *(f"suggested_{name}" for name in GIVEN), "suggested_km")
_ASIDE = ("name", "country", "province", "missing", *SUGGESTED)
# A shipped plant of the same product is suggested if it is this near, or farther away with a similar name.
_NEAR_KM, _FAR_KM, _ALIKE_SHARE = 5.0, 30.0, 0.6
_KM_PER_DEGREE = 111.195
# Words that do not distinguish plants.
_COMMON_WORDS = re.compile(
    r"\b(?:plants?|chemicals?|chemical industry|industr(?:y|ies)|group|company|co|ltd|corporation|ammonia|methanol|coal"
    r"|energy|branch|to|coking|coke|fertili[sz]er)\b|[()\-]|集团|股份|有限|责任|公司|化工|化学|煤"
)


def row_id(plant: str, product: str) -> str:
    """Id of a row of the inventory; a plant with both products has two rows."""
    return f"{plant}-{product}"


@dataclass(frozen=True)
class GivenCapacities:
    """Rows of a file of capacities by (plant, product); the product is "" if the row names none.

    `notices` says which values were converted.
    """

    rows: Mapping[tuple[str, str], Mapping[str, object]] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @classmethod
    def read(cls, given: tuple[str, bytes], issues: list[Issue]) -> GivenCapacities:
        """Read the file of (name, bytes). Plants are named by their id in the inventory, or by their row id."""
        name, raw = given
        columns = _columns()
        table = table_of(csv_grid(raw, Source(name, is_own=True), columns), "capacities", columns)
        issues += table.issues
        rows: dict[tuple[str, str], Mapping[str, object]] = {}
        for row in table.frame.to_dict("records"):
            plant, product = str(row["plant"]), str(row["product"])
            of_id = next((each for each in PRODUCTS if plant.endswith(row_id("", each))), "")
            place = row["source"].at(int(row["line"]), "plant")
            if of_id and product not in ("", of_id):
                issues.append(Issue(place, f"'{shown_text(plant)}' makes {of_id}, but the row has product {product}"))
            key = (plant.removesuffix(row_id("", of_id)), of_id) if of_id else (plant, product)
            if key in rows:
                issues.append(Issue(place, f"'{shown_text(plant)}' is already given at {rows[key]['place']}"))
            elif plant:
                at = {each: row["source"].at(int(row["line"]), each) for each in ("product", *GIVEN)}
                rows[key] = {each: row[each] for each in (*GIVEN, TABLE_NOTE)} | {"place": place, "places": at}
        return cls(rows, table.notices)

    def values_of(self, plant: str, product: str, n_products: int) -> Mapping[str, object]:
        """Values given for a row of the inventory; a row without product applies to plants with one product."""
        return self.rows.get((plant, product)) or (self.rows.get((plant, ""), {}) if n_products == 1 else {})

    def issues(self, made: Mapping[str, tuple[str, ...]], known: set[str]) -> Iterator[Issue]:
        """Issues of rows that match no plant. `made` holds products by selected plant, `known` all plant ids."""
        for (plant, product), row in self.rows.items():
            place = str(row["place"])
            if plant not in known:
                yield Issue(place, f"no plant '{shown_text(plant)}' in the workbooks", "name it by its GEM plant ID")
            elif plant in made and not product and len(made[plant]) > 1:
                at = dict(row["places"])["product"]  # type: ignore[call-overload]
                yield Issue(at, f"'{shown_text(plant)}' makes {' and '.join(made[plant])}", "enter the product")
            elif plant in made and product and product not in made[plant]:
                makes = " and ".join(made[plant]) or "neither ammonia nor methanol"
                yield Issue(place, f"'{shown_text(plant)}' makes {makes} according to the inventory, not {product}")


def _columns() -> tuple[Column, ...]:
    declared = {column.name: column for column in read_dictionary()["plants/chemicals"]}
    text = replace(declared["note"], name=TABLE_NOTE, meaning="source of the values")
    ours = [replace(declared[name], required=name == "plant") for name in ("plant", "product", *GIVEN)]
    aside = [replace(text, name=name, meaning="for information; ignored on reading") for name in _ASIDE]
    return (*ours, text, *aside)


def with_suggestions(plants: pd.DataFrame) -> pd.DataFrame:
    """Suggested shipped plants for the rows of plants/chemicals: nearby plants of the product, each used once."""
    shipped = pd.read_csv(data_folder() / "plants" / "chemicals.csv", keep_default_na=False, dtype=str)
    names, places = shipped[["name", "name_zh"]].to_numpy(), shipped[["lat_deg", "lon_deg"]].to_numpy(float)
    result = pd.DataFrame("", index=plants.index, columns=list(SUGGESTED), dtype=object)
    pairs = sorted(_pairs(plants, shipped["product"].to_numpy(), names, places))
    taken: set[int] = set()
    offered: set[int] = set()
    for _, km, i, k in pairs:
        if i in offered or k in taken:
            continue
        offered.add(i)
        taken.add(k)
        row = shipped.iloc[k]
        result.iloc[i] = [row["plant"], row["name"] or row["name_zh"], *(row[name] for name in GIVEN), f"{km:.1f}"]
    return result


def _pairs(
    plants: pd.DataFrame, products: np.ndarray, names: np.ndarray, places: np.ndarray
) -> Iterator[tuple[float, float, int, int]]:
    """Pairs of rows that may be the same plant: (score, km, row, shipped row); the lowest score is the best match."""
    lats, lons = plants["lat_deg"].to_numpy(float), plants["lon_deg"].to_numpy(float)
    makes = plants["product"].to_numpy()
    called = plants[["name", "name_zh"]].to_numpy()
    for i in range(len(plants)):
        if not np.isfinite(lats[i]) or not np.isfinite(lons[i]):
            continue
        north = (places[:, 0] - lats[i]) * _KM_PER_DEGREE
        east = (places[:, 1] - lons[i]) * _KM_PER_DEGREE * np.cos(np.radians(lats[i]))
        km = np.hypot(north, east)
        for k in np.flatnonzero((km <= _FAR_KM) & (products == makes[i])):
            alike = _likeness(called[i], names[k])
            if km[k] <= _NEAR_KM or alike >= _ALIKE_SHARE:
                yield float(km[k] * (1.0 - alike)), float(km[k]), i, int(k)


def _likeness(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Similarity of the names, 0 to 1: of the Chinese names if both have one, else of the Latin names."""
    at = 1 if ours[1] and theirs[1] else 0
    our_text, their_text = (" ".join(_COMMON_WORDS.sub(" ", str(each[at]).lower()).split()) for each in (ours, theirs))
    return SequenceMatcher(None, our_text, their_text, autojunk=False).ratio()


_BETWEEN = re.compile(r"\s*[;,/|]\s*")
# Feedstock by the words of the inventory.
_FEEDSTOCKS: Mapping[str, str] = {
    **dict.fromkeys(("coal", "hard coal", "lignite", "coal gasification", "bituminous coal", "anthracite"), "coal"),
    **dict.fromkeys(("natural gas", "fossil gas", "gas", "methane", "lng"), "natural_gas"),
    **dict.fromkeys(("coke oven gas", "coke-oven gas", "coking gas"), "coke_oven_gas"),
    **dict.fromkeys(("oil", "crude oil", "fuel oil", "heavy oil", "residual oil", "naphtha"), "oil"),
    **dict.fromkeys(("furnace off-gas", "furnace off gas", "calcium carbide furnace gas"), "furnace_off_gas"),
}
_COKING = re.compile(r"焦化|\bcoking\b|\bcoke\b", re.IGNORECASE)
_LINE_OF = {"name": "name", "name_zh": "name_local", "province": "subnational", "place_accuracy": "accuracy",
            "product": "products", "feedstock": "feedstock", "grid": "municipality"}  # fmt: skip


@dataclass(frozen=True, eq=False)
class GemChemicals:
    """The inventory in the columns of plants/chemicals: one row per plant and product, with empty cells for unknowns.

    `missing` holds the missing columns of each row, `places` the places of its cells. `left_out` counts the excluded
    plants by their products; `by_file` has (rows, incomplete rows) of each workbook. `to_fill_in` is the file of
    capacities with all rows, given and missing values.
    """

    plants: pd.DataFrame
    missing: tuple[tuple[str, ...], ...]
    in_country: tuple[str, ...]
    places: tuple[Mapping[str, str], ...]
    left_out: Mapping[str, int]
    n_left_out: int
    by_file: Mapping[str, tuple[int, int]]
    to_fill_in: pd.DataFrame
    reference: str
    citation: str

    @property
    def countries(self) -> tuple[str, ...]:
        """Countries of the rows, sorted."""
        return tuple(sorted(set(self.in_country)))

    @property
    def is_complete(self) -> bool:
        """Whether no row has missing values."""
        return not any(self.missing)

    def select_complete_rows(self) -> GemChemicals:
        """Only the complete rows; `to_fill_in` and the counts still cover all rows."""
        at = [i for i, names in enumerate(self.missing) if not names]
        return replace(
            self,
            plants=self.plants.iloc[at].reset_index(drop=True),
            missing=((),) * len(at),
            in_country=tuple(self.in_country[i] for i in at),
            places=tuple(self.places[i] for i in at),
        )

    @property
    def n_missing(self) -> dict[str, int]:
        """Number of rows that lack each column, among all rows."""
        counted = Counter(name for names in self.to_fill_in["missing"] for name in str(names).split("; "))
        return {name: counted[name] for name in GIVEN if counted[name]}


def chemicals_of(
    rows: Mapping[str, SheetRow], known: set[str], given: GivenCapacities, release: tuple[str, str], issues: list[Issue]
) -> GemChemicals:
    """The plants of `rows` (by GEM plant id) that make ammonia or methanol, with the given values.

    `known` holds the ids of all plants of the workbooks, in every country.
    """
    declared = {column.name: column for column in read_dictionary()["plants/chemicals"]}
    table = pd.read_csv(data_folder() / "streams" / "chemical_routes.csv", keep_default_na=False, dtype=str)
    routes = set(zip(table["product"], table["feedstock"], strict=True))
    made: list[dict[str, Any]] = []
    places: list[Mapping[str, str]] = []
    products: dict[str, tuple[str, ...]] = {}
    left_out: Counter[str] = Counter()
    n_left_out = 0
    for plant, row in rows.items():
        first, second = _split_items(row, "products"), _split_items(row, "secondary")
        products[plant] = tuple(each for each in PRODUCTS if each in (*first, *second))
        if not products[plant]:
            n_left_out += 1
            left_out.update(dict.fromkeys((*first, *second), 1) or {"no product named": 1})
            continue
        described = _describe_plant(plant, row, declared)
        for product in products[plant]:
            reported = given.values_of(plant, product, len(products[plant]))
            made.append(_row(row, described, product, second if product not in first else (), reported, routes))
            places.append(_places(row, reported))
    issues += given.issues(products, known)
    extra = ["country", "address", "address_local", "municipality", TABLE_NOTE, "file"]
    frame = china_places(pd.DataFrame(made, columns=[*declared, *extra]))
    plants = _convert_types(frame[list(declared)].copy(), declared)
    # The user is the source of a given capacity.
    is_own = pd.to_numeric(frame["capacity_ktpa"]).notna()
    plants["reference"] = ["" if own else release[0] for own in is_own]
    plants["quality"] = ["" if own else "reported" for own in is_own]
    suggested = with_suggestions(plants)
    missing = tuple(_missing_columns(each) for each in plants.to_dict("records"))
    plants["note"] = [
        _note_text(str(note), *offer)
        for note, *offer in zip(plants["note"], missing, suggested.to_dict("records"), strict=True)
    ]
    files = Counter(frame["file"])
    lacking = Counter(name for name, lacks in zip(frame["file"], missing, strict=True) if lacks)
    return GemChemicals(
        plants=plants,
        missing=missing,
        in_country=tuple(frame["country"]),
        places=tuple(places),
        left_out=dict(left_out.most_common()),
        n_left_out=n_left_out,
        by_file={name: (files[name], lacking[name]) for name in files},
        to_fill_in=_capacities_to_fill_in(plants, frame, missing, suggested),
        reference=release[0],
        citation=release[1],
    )


def _capacities_to_fill_in(
    plants: pd.DataFrame, frame: pd.DataFrame, missing: Sequence[Sequence[str]], suggested: pd.DataFrame
) -> pd.DataFrame:
    """The file of capacities: given values, names of missing columns, and suggestions."""
    message = {TABLE_NOTE: frame[TABLE_NOTE], "missing": ["; ".join(names) for names in missing]}
    where = {"country": frame["country"], "province": plants["province"]}
    parts = (plants[["plant", "product", "name"]], where, plants[[*GIVEN]], message, suggested)
    return pd.concat([pd.DataFrame(part, index=plants.index) for part in parts], axis=1)


def _split_items(row: SheetRow, key: str) -> tuple[str, ...]:
    words = row.text(key).lower()
    return tuple(dict.fromkeys(each for each in _BETWEEN.split(words) if each))


def _describe_plant(plant: str, row: SheetRow, declared: Mapping[str, Column]) -> dict[str, Any]:
    """Values of a plant that do not depend on the product."""
    values = plant_values(plant, row, declared)
    owner = row.text("owner")
    notes = [f"owner: {owner}"] if owner else []
    if values["country"] != CHINA:
        for key, words in (("subnational", "in"), ("name_local", "local name:")):
            notes += [f"{words} {text}"] if (text := row.words(key)) else []
    return {**values, "address": "", "address_local": "", "status": "operating", "notes": notes}


def _row(
    row: SheetRow,
    described: Mapping[str, Any],
    product: str,
    beside: Sequence[str],
    reported: Mapping[str, object],
    routes: set[tuple[str, str]],
) -> dict[str, Any]:
    """A row for one product of a plant; given values override those of the inventory."""
    notes = list(described["notes"])
    if beside:
        notes.append(f"{product} is a secondary product")
    words = _split_items(row, "feedstock")
    meant = {_FEEDSTOCKS.get(each, "") for each in words}
    feedstock = meant.pop() if len(meant) == 1 else ""
    if words and (not feedstock or (product, feedstock) not in routes):
        notes.append(f"feedstock in the inventory: {'; '.join(words)}")
        feedstock = ""
    if (
        not reported.get("feedstock")
        and feedstock != "coke_oven_gas"
        and _COKING.search(f"{described['name']} {described['name_zh']}")
    ):
        notes.append("the name indicates coking: is the feedstock coke_oven_gas?")
    if reported.get(TABLE_NOTE):
        notes.append(f"given: {reported[TABLE_NOTE]}")
    return {
        **{key: value for key, value in described.items() if key != "notes"},
        "plant": row_id(described["plant"], product),
        "product": product,
        "capacity_ktpa": reported.get("capacity_ktpa"),
        "feedstock": reported.get("feedstock") or feedstock,
        "gasifier": reported.get("gasifier") or "",
        "urea_share": reported.get("urea_share"),
        "note": "; ".join(notes),
        TABLE_NOTE: reported.get(TABLE_NOTE) or "",
        "file": row.grid.source.file.rsplit(":", 1)[0],
    }


def _places(row: SheetRow, reported: Mapping[str, Any]) -> Mapping[str, str]:
    """Place of each column in the workbook or the file of capacities."""
    line_of = {**_LINE_OF, **dict(zip(("lat_deg", "lon_deg"), row.coordinate_keys, strict=True))}
    places = {"plant": row.place(), **{ours: row.place(theirs) for ours, theirs in line_of.items()}}
    for name in GIVEN:
        value = reported.get(name)
        if value not in (None, "") and value == value:
            places[name] = reported["places"][name]
    return places


def _convert_types(plants: pd.DataFrame, declared: Mapping[str, Column]) -> pd.DataFrame:
    for name, column in declared.items():
        if column.is_number:
            plants[name] = pd.array(pd.to_numeric(plants[name]), dtype="Int64" if column.kind == "whole" else "Float64")
        else:
            plants[name] = plants[name].astype(object).where(plants[name].notna(), "")
    return plants


def _missing_columns(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Columns that the row lacks before the model can use it."""
    lacks = {
        "capacity_ktpa": pd.isna(row["capacity_ktpa"]),
        "feedstock": not row["feedstock"],
        "gasifier": row["feedstock"] == "coal" and not row["gasifier"],
        "urea_share": row["product"] == "ammonia" and pd.isna(row["urea_share"]),
    }
    return tuple(name for name in GIVEN if lacks[name])


def _note_text(note: str, missing: Sequence[str], offer: Mapping[str, str]) -> str:
    parts = [note] if note else []
    parts += [f"missing: {', '.join(missing)}"] if missing else []
    if missing and offer["suggested_plant"]:
        parts.append(
            f"perhaps {offer['suggested_plant']} {offer['suggested_name']}, {offer['suggested_km']} km away, "
            f"{offer['suggested_capacity_ktpa']} kt/y"
        )
    return "; ".join(parts)
