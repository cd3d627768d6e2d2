"""The scenario world-steel: operating works outside China, tables of the country packs, and a budget per country."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ccs_model.economics.prices import PriceLevel
from ccs_model.inputs import Inputs
from ccs_model.inputs.checked_scenario import read_checked
from ccs_model.inputs.geography import are_in_area
from ccs_model.paths import data_folder
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.build_problem import NO_LINK, NO_SITE
from ccs_model.scenario import read_scenario
from tests.paths import ROOT

SCENARIO = ROOT / "scenarios" / "world-steel.yaml"
WORLD = ROOT / "scenarios" / "world-steel"
OPERATING = ("operating", "operating pre-retirement")
PACKS = sorted((data_folder() / "countries").glob("*/country.csv"))
KEYS = {
    "prices/power": ["grid", "year"], "prices/fuels": ["province", "fuel", "year"],
    "prices/grid_factors": ["province", "year"], "streams/utilisation": ["province", "product", "year"],
}  # fmt: skip


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def pack_countries() -> list[str]:
    return [read(pack).set_index("key").at["country", "value"] for pack in PACKS]


@pytest.fixture(scope="module")
def problem() -> Problem:
    return build_problem(*read_checked(SCENARIO))


@pytest.mark.parametrize("table", KEYS)
def test_world_tables_contain_the_rows_of_the_country_packs_unchanged(table, pack_countries):
    world = read(WORLD / "data" / f"{table}.csv").set_index(KEYS[table])
    rows = [(pack, row) for pack in PACKS for _, row in read(pack.parent / f"{table}.csv").iterrows()]
    assert world.index.get_level_values(0).isin(pack_countries).sum() == len(rows)
    for _, row in rows:
        expected = row.drop(KEYS[table])
        assert world.loc[tuple(row[KEYS[table]]), expected.index].tolist() == expected.tolist()


def test_works_begin_with_the_operating_works_of_the_packs():
    works = pd.concat([read(pack.parent / "steel.csv") for pack in PACKS])
    works = works[works["status"].isin(OPERATING)]
    assert read(WORLD / "steel.csv")["plant"].tolist()[: len(works)] == works["plant"].tolist()


def test_works_are_all_operating_works_outside_china():
    works = read(WORLD / "steel.csv")
    # 918 operating works of the tracker, of which 323 are Chinese.
    assert (len(works), works["province"].nunique(), works["plant"].nunique()) == (595, 81, 595)
    assert works["status"].isin(OPERATING).all()
    assert not are_in_area(works["province"], "China").any()
    counts = works["province"].value_counts()
    some = ["India", "United States", "Iran", "Russia", "Türkiye", "Italy", "Vietnam", "France", "Kazakhstan"]
    assert counts[some].tolist() == [74, 70, 31, 27, 25, 22, 20, 10, 1]


def test_sites_keep_the_coordinates_and_capacities_of_the_packs(pack_countries):
    packs = pd.concat([read(pack.parent / "storage" / "sites.csv") for pack in PACKS])
    sites = read(WORLD / "data/storage/sites.csv")
    columns = ["site", "province", "lat_deg", "lon_deg", "capacity_mid_kt"]
    from_packs = sites[sites["province"].isin(pack_countries)]
    assert from_packs[columns].to_numpy().tolist() == packs[columns].to_numpy().tolist()
    # Costs are those of two classes: saline onshore and saline offshore, which also holds for gas fields offshore.
    costs = sites.columns[sites.columns.get_loc("site_capex_mn") : sites.columns.get_loc("reference")]
    assert len(sites[costs].drop_duplicates()) == 2


@pytest.mark.slow
def test_every_country_with_candidates_has_rows_and_a_budget(problem):
    candidates = problem.plants[problem.plants["is_candidate"]]
    countries = {name for name in candidates["province"] if not are_in_area(pd.Series([name]), "China")[0]}
    assert len(countries) == 29
    assert {"China", *countries} == set(problem.scenario.budget.by_province_mn)
    for table in ("technologies/location_factors", "streams/utilisation", "prices/grid_factors"):
        assert countries <= set(read(WORLD / "data" / f"{table}.csv")["province"])
    assert countries <= set(read(WORLD / "data/prices/power.csv")["grid"])
    fuels = read(WORLD / "data/prices/fuels.csv")
    assert set(fuels.loc[fuels["province"] == "*", "fuel"]) == {"coal", "natural_gas"}


def test_works_without_a_reachable_site_have_that_reason(problem):
    reasons = problem.plants.set_index("name")["reason"]
    names = reasons.index[reasons.isin((NO_SITE, NO_LINK))]
    assert sorted(names) == [
        "ArcelorMittal Lázaro Cárdenas steel plant",
        "ArcelorMittal Pecém steel plant",
        "ArcelorMittal Vanderbijlpark Steel Works",
        "Xinjiang Ka Steel Group Co",
    ]


def test_location_factors_reproduce_the_capture_capital_of_the_packs(inputs: Inputs):
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
    budget = read_scenario(SCENARIO).budget
    assert sum(budget.by_province_mn.values()) == budget.total_mn


def test_are_in_area_matches_countries_and_provinces():
    names = pd.Series(["Hebei", "Inner Mongolia", "India", "China"])
    assert are_in_area(names, "China").tolist() == [True, True, False, True]
    assert are_in_area(names, "Hebei").tolist() == [True, False, False, False]
