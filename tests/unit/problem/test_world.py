"""The tables of scenarios/world-steel are those of the country packs, and each country keeps its budget."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ccs_model.economics.prices import PriceLevel
from ccs_model.inputs import Inputs
from ccs_model.inputs.geography import are_in_area
from ccs_model.paths import data_folder
from ccs_model.scenario import read_scenario
from tests.paths import ROOT

WORLD = ROOT / "scenarios" / "world-steel"
PACKS = sorted((data_folder() / "countries").glob("*/country.csv"))
KEYS = {
    "prices/power": ["grid", "year"], "prices/fuels": ["province", "fuel", "year"],
    "prices/grid_factors": ["province", "year"], "streams/utilisation": ["province", "product", "year"],
}  # fmt: skip


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


@pytest.mark.parametrize("table", KEYS)
def test_tables_are_those_of_the_packs(table):
    world = read(WORLD / "data" / f"{table}.csv").set_index(KEYS[table])
    rows = [(pack, row) for pack in PACKS for _, row in read(pack.parent / f"{table}.csv").iterrows()]
    assert len(world) == len(rows)
    for _, row in rows:
        expected = row.drop(KEYS[table])
        assert world.loc[tuple(row[KEYS[table]]), expected.index].tolist() == expected.tolist()


def test_works_are_the_operating_ones_of_the_packs():
    works = pd.concat([read(pack.parent / "steel.csv") for pack in PACKS])
    works = works[works["status"].isin(["operating", "operating pre-retirement"])]
    assert read(WORLD / "steel.csv")["plant"].tolist() == works["plant"].tolist()


def test_sites_keep_places_and_capacities_of_the_packs():
    sites = pd.concat([read(pack.parent / "storage" / "sites.csv") for pack in PACKS])
    columns = ["site", "province", "lat_deg", "lon_deg", "capacity_mid_kt"]
    assert read(WORLD / "data/storage/sites.csv")[columns].to_numpy().tolist() == sites[columns].to_numpy().tolist()


def test_location_factors_give_the_capital_of_the_packs(inputs: Inputs):
    level = PriceLevel.of("USD", 2024, inputs)
    home = inputs["technologies/technologies"].set_index("technology").loc["amine"]
    factors = read(WORLD / "data/technologies/location_factors.csv").set_index("province")["capex_factor"].astype(float)
    for pack in PACKS:
        country = read(pack).set_index("key").at["country", "value"]
        row = read(pack.parent / "technologies/technologies.csv").set_index("technology").loc["amine"]
        capex = float(row["capex_per_tpa"]) * level.factor(row["currency"], int(row["price_year"]))
        shipped = home["capex_per_tpa"] * level.factor(home["currency"], int(home["price_year"]))
        assert factors[country] * shipped == pytest.approx(capex, rel=1e-3)


def test_budgets_of_the_countries_sum_to_the_total():
    budget = read_scenario(ROOT / "scenarios" / "world-steel.yaml").budget
    assert sum(budget.by_province_mn.values()) == budget.total_mn


def test_all_chinese_provinces_are_in_china():
    names = pd.Series(["Hebei", "Inner Mongolia", "India", "China"])
    assert are_in_area(names, "China").tolist() == [True, True, False, True]
    assert are_in_area(names, "Hebei").tolist() == [True, False, False, False]
