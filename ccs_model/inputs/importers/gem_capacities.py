"""What the chemicals inventory lacks, as the user gives it: a CSV file of capacities by plant and product.

The import writes such a file to be filled in, with what our own table of plants suggests beside it; suggestions are
read by nobody but its reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

import numpy as np
import pandas as pd

from ccs_model.errors import Fault
from ccs_model.inputs.cells import shown
from ccs_model.inputs.csv_grid import csv_grid
from ccs_model.inputs.dictionary import Column, read_dictionary
from ccs_model.inputs.source import Source
from ccs_model.inputs.table import table_of
from ccs_model.paths import data_folder

PRODUCTS = ("ammonia", "methanol")
GIVEN = ("capacity_ktpa", "feedstock", "gasifier", "urea_share")
SAID = "figures_from"
SUGGESTED = ("suggested_plant", "suggested_name", *(f"suggested_{name}" for name in GIVEN), "suggested_km")
_ASIDE = ("name", "country", "province", "missing", *SUGGESTED)
# A shipped plant of the same product this near is worth a look, and one farther off whose name is alike.
_NEAR_KM, _FAR_KM, _ALIKE_SHARE = 5.0, 30.0, 0.6
_KM_PER_DEGREE = 111.195
# What tells no plant from another.
_SAID_OF_ALL = re.compile(
    r"\b(?:plants?|chemicals?|chemical industry|industr(?:y|ies)|group|company|co|ltd|corporation|ammonia|methanol|coal"
    r"|energy|branch|to|coking|coke|fertili[sz]er)\b|[()\-]|集团|股份|有限|责任|公司|化工|化学|煤"
)


def row_id(plant: str, product: str) -> str:
    """The id of a plant's product in the inventory: a place that makes both products is two rows."""
    return f"{plant}-{product}"


@dataclass(frozen=True)
class Given:
    """(plant, product) → our columns, SAID and `places`; a row that names no product has "" for it."""

    rows: Mapping[tuple[str, str], Mapping[str, object]] = field(default_factory=dict)

    @classmethod
    def read(cls, given: tuple[str, bytes], faults: list[Fault]) -> Given:
        """The file of (name, bytes). A plant is named by the inventory's id or by the id of its row here."""
        name, raw = given
        columns = _columns()
        table = table_of(csv_grid(raw, Source(name, is_own=True), columns), "capacities", columns)
        faults += table.faults
        rows: dict[tuple[str, str], Mapping[str, object]] = {}
        for row in table.frame.to_dict("records"):
            plant, product = str(row["plant"]), str(row["product"])
            of_id = next((each for each in PRODUCTS if plant.endswith(row_id("", each))), "")
            place = row["source"].at(int(row["line"]), "plant")
            if of_id and product not in ("", of_id):
                faults.append(Fault(place, f"'{shown(plant)}' makes {of_id}, and the row says {product}"))
            key = (plant.removesuffix(row_id("", of_id)), of_id) if of_id else (plant, product)
            if key in rows:
                faults.append(Fault(place, f"'{shown(plant)}' stands already at {rows[key]['place']}"))
            elif plant:
                at = {each: row["source"].at(int(row["line"]), each) for each in ("product", *GIVEN)}
                rows[key] = {each: row[each] for each in (*GIVEN, SAID)} | {"place": place, "places": at}
        return cls(rows)

    def of(self, plant: str, product: str, n_products: int) -> Mapping[str, object]:
        """What is given for one row of the inventory; a line without a product counts where the plant makes but one."""
        return self.rows.get((plant, product)) or (self.rows.get((plant, ""), {}) if n_products == 1 else {})

    def faults(self, made: Mapping[str, tuple[str, ...]], known: set[str]) -> Iterator[Fault]:
        """Rows that nothing takes; `made` are the products of the plants at hand, `known` all of the workbook."""
        for (plant, product), row in self.rows.items():
            place = str(row["place"])
            if plant not in known:
                yield Fault(place, f"no plant '{shown(plant)}' in the workbooks", "name it by its GEM plant ID")
            elif plant in made and not product and len(made[plant]) > 1:
                at = dict(row["places"])["product"]  # type: ignore[call-overload]
                yield Fault(at, f"'{shown(plant)}' makes {' and '.join(made[plant])}", "say which: product")
            elif plant in made and product and product not in made[plant]:
                makes = " and ".join(made[plant]) or "neither ammonia nor methanol"
                yield Fault(place, f"'{shown(plant)}' makes {makes} in the inventory, and not {product}")


def _columns() -> tuple[Column, ...]:
    declared = {column.name: column for column in read_dictionary()["plants/chemicals"]}
    text = replace(declared["note"], name=SAID, meaning="where the figures of the row are from, in words")
    ours = [replace(declared[name], required=name == "plant") for name in ("plant", "product", *GIVEN)]
    aside = [replace(text, name=name, meaning="for the reader; not read") for name in _ASIDE]
    return (*ours, text, *aside)


def with_suggestions(plants: pd.DataFrame) -> pd.DataFrame:
    """SUGGESTED beside each row of plants/chemicals: a shipped plant of its product nearby, each offered once."""
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
    """(how far apart and unlike, km, row, shipped row) of what may be the same plant; the likeliest sort first."""
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
    """0 to 1, by the names in Chinese where both have one, else by those in Latin letters."""
    at = 1 if ours[1] and theirs[1] else 0
    ours_said, theirs_said = (" ".join(_SAID_OF_ALL.sub(" ", str(each[at]).lower()).split()) for each in (ours, theirs))
    return SequenceMatcher(None, ours_said, theirs_said, autojunk=False).ratio()
