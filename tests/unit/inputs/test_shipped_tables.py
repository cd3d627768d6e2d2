"""Checks of the shipped tables: totals, names, places, references and units."""

from __future__ import annotations

import csv
import re

import numpy as np
import pandas as pd
import pytest

from ccs_model.inputs import Inputs
from ccs_model.inputs import geography as places
from ccs_model.inputs.declarations import Column, read_dictionary
from ccs_model.inputs.geography import km_outside_province
from ccs_model.paths import data_folder
from ccs_model.units import unit_of
from tests.paths import ROOT

COLUMNS = [column for columns in read_dictionary().values() for column in columns]
QUALITIES = {"measured", "reported", "estimated", "assumed"}
# Years, counts, indices and exponents have no unit; the unit of a factor or limit is in the name of its row.
WITHOUT_UNIT = {
    "year", "start_year", "closing_year", "relining_year", "price_year", "first_year", "last_year",
    "n_blast_furnaces", "n_wells_max", "readiness_level",
    "n_stages", "cop",
    "step", "price_index", "cny_per_unit", "scale_exponent", "gas_exponent", "cost_factor", "cost_multiplier", "detour",
    "capex_factor", "value", "low", "high", "amount", "retrofit_factor", "tasc_factor", "level", "aace_class",
    "mode", "sigma", "flow_exponent", "length_exponent",
}  # fmt: skip


# Years of turnarounds.
WITHOUT_UNIT |= {"turnaround_from", "turnaround_until"}


def column_id(column: Column) -> str:
    return f"{column.table}.{column.name}"


# GEM tracker: 224.2 and 62.8 Mt/y operating, including plants in pre-retirement.
@pytest.mark.parametrize(("province", "mt"), [("Hebei", 224.2), ("Shanxi", 62.8)])
def test_operating_crude_steel_matches_the_tracker(inputs: Inputs, province: str, mt: float) -> None:
    steel = inputs["plants/steel"]
    steel = steel[(steel["province"] == province) & steel["status"].str.startswith("operating")]
    assert steel["crude_steel_ktpa"].sum() / 1_000 == pytest.approx(mt, abs=0.05)
    # The steel routes of each plant sum to its crude steel.
    parts = steel[["bof_steel_ktpa", "eaf_steel_ktpa"]].fillna(0).sum(axis=1)
    assert (parts - steel["crude_steel_ktpa"].fillna(0)).abs().max() < 1


# Rows of the tracker in every status; 56 and 22 of them operate.
@pytest.mark.parametrize(("province", "rows", "operating"), [("Hebei", 84, 56), ("Shanxi", 26, 22)])
def test_number_of_steel_plants_matches_the_tracker(inputs: Inputs, province: str, rows: int, operating: int) -> None:
    steel = inputs["plants/steel"]
    status = steel.loc[steel["province"] == province, "status"]
    assert len(status) == rows
    assert status.str.startswith("operating").sum() == operating


@pytest.mark.parametrize(
    ("product", "province", "plants"),
    [("ammonia", "Hebei", 12), ("ammonia", "Shanxi", 17), ("methanol", "Hebei", 12), ("methanol", "Shanxi", 29)],
)
def test_chemical_plants_have_the_expected_number(inputs: Inputs, product: str, province: str, plants: int) -> None:
    table = inputs["plants/chemicals"]
    assert len(table[(table["product"] == product) & (table["province"] == province)]) == plants


def test_every_plant_has_a_latin_and_a_chinese_name(inputs: Inputs) -> None:
    for table in ("plants/steel", "plants/chemicals", "plants/coal_chemicals", "plants/captive_units"):
        for row in inputs[table].itertuples():
            assert re.search("[A-Za-z]{3}", row.name), row.plant
            assert not re.search("[一-鿿]", row.name), row.plant
            assert re.search("[一-鿿]", row.name_zh), row.plant


def test_every_ammonia_plant_has_an_assumed_urea_share(inputs: Inputs) -> None:
    ammonia = inputs["plants/chemicals"].query("product == 'ammonia'")
    # National mean 0.52; Jincheng in Shanxi 0.93.
    assert set(ammonia.loc[ammonia["province"] == "Hebei", "urea_share"]) == {0.52}
    assert set(ammonia.loc[ammonia["province"] == "Shanxi", "urea_share"]) == {0.93}
    assert ammonia["assumed_columns"].str.contains("urea_share").all()


def test_every_plant_lies_within_thirty_kilometres_of_its_province(inputs: Inputs) -> None:
    for table in ("plants/steel", "plants/chemicals", "plants/coal_chemicals", "plants/captive_units"):
        frame = inputs[table]
        distance_km = km_outside_province(frame["province"], frame["lat_deg"], frame["lon_deg"])
        assert distance_km.max() <= 30, frame.loc[distance_km.idxmax(), "plant"]


def test_distance_to_a_province_is_zero_inside_its_outline() -> None:
    # Shijiazhuang lies in Hebei, about 60 km from Shanxi; Taiyuan in Shanxi; Wuhan about 500 km from either.
    lat, lon = [38.04, 38.04, 37.87, 30.59], [114.51, 114.51, 112.55, 114.31]
    distance_km = km_outside_province(
        pd.Series(["Hebei", "Shanxi", "Shanxi", "Shanxi"]), pd.Series(lat), pd.Series(lon)
    )
    assert distance_km[0] == 0
    assert 30 < distance_km[1] < 110
    assert distance_km[2] == 0
    assert 400 < distance_km[3] < 700
    assert km_outside_province(pd.Series(["Atlantis"]), pd.Series([0.0]), pd.Series([0.0]))[0] == 0


def test_distances_of_many_points_match_those_of_single_points(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    province = pd.Series(rng.choice(["Hebei", "Liaoning", "Inner Mongolia", "Atlantis"], 200), index=range(50, 250))
    lat, lon = (pd.Series(rng.uniform(*ends, 200), province.index) for ends in ((36, 46), (108, 125)))
    monkeypatch.setattr(places, "_MOST_PAIRS", 1_000)
    of_many = km_outside_province(province, lat, lon)
    of_single = [km_outside_province(province[[i]], lat[[i]], lon[[i]]).iloc[0] for i in province.index]
    assert of_many.tolist() == pytest.approx(of_single)
    assert 10 < (of_many[province != "Atlantis"] == 0).sum() < 100


def test_every_row_has_a_known_reference_and_a_quality(inputs: Inputs) -> None:
    known = set(inputs["references"]["reference"])
    for table, frame in inputs.tables.items():
        if table == "references":
            continue
        assert set(frame["reference"]) <= known, table
        assert set(frame["quality"]) <= QUALITIES, table


def test_every_reference_is_used(inputs: Inputs) -> None:
    used = {key for table, frame in inputs.tables.items() if table != "references" for key in frame["reference"]}
    scenarios = ROOT / "scenarios" / "world-steel"
    for path in (*(data_folder() / "countries").rglob("*.csv"), *scenarios.rglob("*.csv")):
        used |= set(pd.read_csv(path)["reference"].dropna())
    # OWN is the reference of own rows that state none.
    assert set(inputs["references"]["reference"]) - used == {"OWN"}


def test_table_files_and_declarations_match() -> None:
    folder = data_folder()
    files = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.csv")} - {"dictionary"}
    of_packs = {name for name in files if name.startswith("countries/")}
    assert files - of_packs == set(read_dictionary())
    # Tables of a country pack have the names of shipped tables, apart from its inventories and settings.
    inner = {name.split("/", 2)[2] for name in of_packs}
    assert inner - {"country", "steel", "chemicals"} <= set(read_dictionary())


def test_tables_with_money_state_currency_and_price_year(inputs: Inputs) -> None:
    for table, columns in read_dictionary().items():
        money = [column.name for column in columns if column.unit.startswith("money")]
        names = {column.name for column in columns}
        assert not money or {"currency", "price_year"} <= names, table
        if money:
            assert inputs[table]["currency"].isin(["CNY", "USD", "EUR"]).all(), table
            assert inputs[table]["price_year"].notna().all(), table


@pytest.mark.parametrize("column", [c for c in COLUMNS if c.kind in ("number", "whole")], ids=column_id)
def test_name_of_a_numeric_column_ends_in_its_unit(column: Column) -> None:
    if column.name in WITHOUT_UNIT:
        assert unit_of(column.name) is None
        assert column.unit == ""
        return
    unit = unit_of(column.name)
    assert unit is not None, f"{column.name} ends in no unit"
    assert column.unit == unit.text.format(currency="money")


@pytest.mark.parametrize("column", COLUMNS, ids=column_id)
def test_column_declaration_is_consistent(column: Column) -> None:
    assert column.kind in {"text", "number", "whole", "choice", "currency", "reference"}
    assert bool(column.choices) == (column.kind == "choice")
    assert not column.name.endswith("_mtpa")
    assert column.meaning
    if column.kind in ("number", "whole"):
        assert column.low is not None
    else:
        assert unit_of(column.name) is None
        assert column.unit == ""


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("streams/factors", "factor"),
        ("transport/limits", "limit"),
        ("storage/factors", "factor"),
        ("finance/factors", "factor"),
    ],
)
def test_name_of_a_factor_or_limit_ends_in_its_unit(inputs: Inputs, table: str, name: str) -> None:
    counts = {"n_neighbours", "n_direct_sites", "hub_plants_min", "wells_of_a_site"}
    ratios = {"prune_factor", "offshore_cost_factor"}
    assert [each for each in inputs[table][name] if unit_of(each) is None and each not in counts | ratios] == []


def test_effective_capacity_is_ordered_and_never_above_the_theoretical(inputs: Inputs) -> None:
    sites = inputs["storage/sites"]
    assert (sites["capacity_low_kt"] <= sites["capacity_mid_kt"]).all()
    assert (sites["capacity_mid_kt"] <= sites["capacity_high_kt"]).all()
    assert (sites["capacity_high_kt"] <= sites["theoretical_capacity_kt"].fillna(float("inf"))).all()


def test_effective_capacity_of_the_cost_steps_follows_its_rule(inputs: Inputs) -> None:
    # Low is 0.024 of a provincial cost step, high the step, mid their geometric mean; Shanxi 0.47 / 3.0 / 19.4 Gt.
    steps = inputs["storage/sites"].query("reference == 'GCAM-STEPS'")
    ratio = steps["capacity_low_kt"] / steps["capacity_high_kt"]
    assert ratio.to_numpy() == pytest.approx(0.024, rel=1e-4)
    mean = (steps["capacity_low_kt"] * steps["capacity_high_kt"]) ** 0.5
    assert steps["capacity_mid_kt"].to_numpy() == pytest.approx(mean.to_numpy(), rel=1e-3)
    shanxi = steps[steps["province"] == "Shanxi"][["capacity_low_kt", "capacity_mid_kt", "capacity_high_kt"]].sum()
    assert (shanxi / 1e6).tolist() == pytest.approx([0.47, 3.0, 19.4], rel=0.02)


def test_capture_capex_matches_the_reference_projects(inputs: Inputs) -> None:
    # GDP deflators of China: 2022 106.46, 2023 105.84, 2025 held at 105.04 of 2024.
    projects = inputs["technologies/projects"].set_index("project")
    per_tpa = projects["capex_mn"] * 1_000 / projects["design_ktpa"]
    rizhao = per_tpa["Rizhao Steel"] * 105.84 / 105.04
    baotou = per_tpa["Baotou Steel phase 1"] * 105.84 / 106.46
    assert (rizhao, baotou) == pytest.approx((753.9, 1_220.8), abs=0.1)
    costs = inputs["technologies/technologies"].set_index("technology")["capex_per_tpa"]
    assert costs["amine"] == pytest.approx((rizhao + baotou) / 2, abs=0.5)
    assert costs["advanced_amine"] == pytest.approx(1.10 * costs["amine"], abs=0.5)
    assert costs["compression"] == costs["purification"] == per_tpa["Qilu-Shengli"]


def test_co2_bound_in_urea_matches_stoichiometry(inputs: Inputs) -> None:
    # CO(NH2)2: 44/60 t of CO2 and 0.5657 t of ammonia per t of urea.
    assert inputs.factor("urea_co2_t_per_t") == pytest.approx(44 / 60 / 0.5657, abs=0.001)


def test_factor_lies_between_its_low_and_high_value(inputs: Inputs) -> None:
    factors = inputs["streams/factors"].dropna(subset=["low", "high"])
    assert len(factors) >= 3
    assert (factors["low"] <= factors["value"]).all()
    assert (factors["value"] <= factors["high"]).all()
    routes = inputs["streams/chemical_routes"].dropna(subset=["process_low_t_per_t"])
    assert routes["process_t_per_t"].between(routes["process_low_t_per_t"], routes["process_high_t_per_t"]).all()


def test_plant_tables_cover_all_of_china(inputs: Inputs) -> None:
    steel, chemicals = inputs["plants/steel"], inputs["plants/chemicals"]
    assert len(steel) == 404
    assert steel["crude_steel_ktpa"].sum() == pytest.approx(1_053_600, abs=50)
    assert steel["bf_iron_ktpa"].sum() == pytest.approx(892_700, abs=50)
    assert chemicals["product"].value_counts().to_dict() == {"methanol": 221, "ammonia": 185}


def test_blast_furnace_capacities_sum_to_the_iron_capacity_of_their_plant(inputs: Inputs) -> None:
    units = inputs["plants/steel_units"]
    iron = units[(units["kind"] == "BF") & units["status"].isin(["operating", "operating pre-retirement"])]
    by_plant = iron.groupby("plant")["capacity_ktpa"].sum()
    steel = inputs["plants/steel"].set_index("plant")["bf_iron_ktpa"].dropna()
    assert by_plant.reindex(steel.index).sub(steel).abs().max() <= 1.0


def test_relining_years_are_known_for_a_third_of_the_blast_furnaces(inputs: Inputs) -> None:
    # 215 of 667 operating furnaces (one at a plant outside the 404 is omitted).
    units = inputs["plants/steel_units"]
    running = units[(units["kind"] == "BF") & units["status"].isin(["operating", "operating pre-retirement"])]
    assert len(running) == 666
    assert running["relining_year"].notna().sum() == 215
    retiring = running.loc[running["status"] != "operating", "capacity_ktpa"].sum()
    assert retiring == pytest.approx(82_200, abs=50)
    assert retiring == pytest.approx(inputs["plants/steel"]["retiring_bf_iron_ktpa"].sum(), abs=1)


def test_possible_duplicate_plants_are_kept_with_a_note(inputs: Inputs) -> None:
    # Pairs of one firm and place: 23 and 23#2, 111 and 205, 139 and 208.
    plants = inputs["plants/chemicals"].set_index("plant")
    for pair in (("MEOH_23", "MEOH_23#2"), ("MEOH_111", "MEOH_205"), ("MEOH_139", "MEOH_208")):
        for plant, other in (pair, pair[::-1]):
            assert f"same firm and place as {other}:" in plants.at[plant, "note"]
            assert "a repeat, not settled" in plants.at[plant, "note"]


def test_captive_units_match_the_tracker(inputs: Inputs) -> None:
    units = inputs["plants/captive_units"]
    running = units[units["status"] == "operating"]
    assert running["co2_ktpa"].sum() == pytest.approx(222_100, rel=1e-3)
    # The CO2 per GJ of fuel is close to that of coal, 0.09 to 0.1 t/GJ.
    gj = running["capacity_mw"] * 8.76 * running["capacity_factor_share"] * 3.6 / running["efficiency_share"]
    assert (running["co2_ktpa"] / gj).between(0.08, 0.115).all()
    assert units["plant_km"].notna().equals(units["plant"] != "")


def test_every_row_has_as_many_fields_as_its_header() -> None:
    for path in data_folder().rglob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        assert {len(row) for row in rows} <= {len(header)}, path.name


def test_grid_factors_of_2023_change_as_the_ministry_reports(inputs: Inputs) -> None:
    """Factors fall in 20 provinces and rise in 10, including Guangdong (China Electric Power News, 15 January 2026)."""
    factors = inputs["prices/grid_factors"].pivot(index="province", columns="year", values="grid_kg_per_kwh")
    provinces = factors[factors[2022].notna()]
    assert (provinces[2023] < provinces[2022]).sum() == 20 and (provinces[2023] > provinces[2022]).sum() == 10
    assert provinces.loc["Guangdong", 2023] > provinces.loc["Guangdong", 2022]
