"""Defaults of own tables (short site tables, rows of a country or of `*`), with their notices and errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from ccs_model.errors import InputError
from ccs_model.inputs import Inputs
from ccs_model.inputs.checked_scenario import read_checked
from ccs_model.inputs.declarations import PLANTS as PLANT_TABLES
from ccs_model.inputs.geography import area_near
from ccs_model.inputs.load import load_tables
from ccs_model.inputs.source_checks import correlation_matrix
from ccs_model.inputs.user_tables import with_rows_for_other_places
from ccs_model.paths import data_folder
from ccs_model.plan.plan_json import without_folder
from ccs_model.problem import build_problem
from ccs_model.report.language import chinese_text
from ccs_model.scenario.sections import OwnTables

PLANTS = """\
plant,name,province,grid,lat_deg,lon_deg,place_accuracy,status,crude_steel_ktpa,bof_steel_ktpa,bf_iron_ktpa,coke_ovens
A,Rourkela,Odisha,Odisha,22.21,84.87,exact,operating,4400,4400,4300,present
B,Bokaro,Jharkhand,Jharkhand,23.67,86.11,exact,operating,4500,4500,4300,present
C,Hanoi,Vietnam,Vietnam,21.0,105.8,exact,operating,4500,4500,4300,present
"""
TABLES = {
    "prices/power": "grid,year,benchmark_per_kwh,transmission_per_kwh,loss_share,demand_per_kw_month,"
    "load_factor_share,fees_per_kwh,vat_share,currency,price_year\n"
    "India,2025,8.5,0,0,0,1,0,0,INR,2025\n*,2025,0.08,0,0,0,1,0,0,USD,2024\nJharkhand,2025,7,0,0,0,1,0,0,INR,2025\n",
    "prices/fuels": "province,fuel,year,price_per_gj,vat_share,currency,price_year\n*,coal,2024,4.2,0,USD,2024\n",
    "prices/grid_factors": "province,year,grid_kg_per_kwh\nIndia,2024,0.71\n＊,2024,0.5\n",
    "streams/utilisation": "province,product,year,utilisation_share\n*,crude_steel,2024,0.9\n",
    "storage/sites": "site,lat_deg,lon_deg,capacity_mid_kt,storage_cost_per_t\n"
    "damodar,23.6,87.0,100000,12\nhanoi,20.8,106.0,50000,10\n",
}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., tuple[object, Inputs]]:
    def write_and_read(*, instead: str = "", **changes: str) -> tuple[object, Inputs]:
        (tmp_path / "plants.csv").write_text(changes.pop("plants", PLANTS), encoding="utf-8")
        for table, text in {**TABLES, **changes}.items():
            path = tmp_path / "data" / f"{table}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (tmp_path / "data" / "instead.txt").write_text(f"storage/sites\n{instead}")
        path = tmp_path / "scenario.yaml"
        path.write_text(
            "name: Mine\ncurrency: USD\nprice_year: 2023\nyears: [2026, 2030]\nplants: {inventory: [plants.csv]}\n"
            "policy: {market: null}\ndata: data\nbudget: {total_mn: 1000}\n"
        )
        return read_checked(path)

    return write_and_read


@pytest.mark.slow
def test_site_table_with_five_columns_is_completed_with_a_notice(read):
    scenario, inputs = read()
    sites = inputs["storage/sites"].set_index("site")
    columns = ["name", "basin", "province", "kind", "is_offshore", "currency", "price_year"]
    assert sites.loc["hanoi", columns].tolist() == ["hanoi", "hanoi", "Vietnam", "saline", "no", "USD", 2023]
    assert sites.loc["damodar", ["capacity_low_kt", "capacity_high_kt"]].tolist() == [100_000, 100_000]
    assert sites.loc["damodar", ["province", "reference", "quality"]].tolist() == ["India", "OWN", "reported"]
    (notice,) = (each for each in inputs.notices if "sites.csv" in each)
    assert notice.startswith(
        "data/storage/sites.csv:2: empty columns of 2 sites are filled in: name is the id; basin is the id; province "
    )
    assert "low and high capacity are the mid one" in notice
    assert "currency is the scenario's, USD; price year is the scenario's, 2023" in notice
    problem = build_problem(scenario, inputs)
    # An all-in fee of 12 USD of 2023 is not converted.
    assert problem.sites.set_index("site").at["damodar", "injection_cost_per_t"] == pytest.approx(12)
    assert set(problem.plants.loc[problem.plants["is_candidate"], "plant"]) == {"A", "B", "C"}


def test_rows_of_a_place_take_precedence_over_those_of_its_country_and_the_wildcard(read):
    _, inputs = read()
    power = inputs["prices/power"].set_index("grid")["benchmark_per_kwh"]
    assert power[["Jharkhand", "Odisha", "Vietnam"]].tolist() == [7, 8.5, 0.08]
    fuels = inputs["prices/fuels"].set_index("province")["price_per_gj"]
    assert fuels[["Jharkhand", "Odisha", "Vietnam"]].tolist() == [4.2] * 3
    factors = inputs["prices/grid_factors"].set_index("province")["grid_kg_per_kwh"]
    assert factors[["Jharkhand", "Odisha", "Vietnam"]].tolist() == [0.71, 0.71, 0.5]
    where = "data/prices/power.csv"
    assert f"{where}:2: the rows of 'India' apply to grids without rows of their own: Odisha" in inputs.notices
    assert f"{where}:3: the rows of '*' apply to grids without rows of their own: Vietnam" in inputs.notices


def test_place_near_a_border_takes_no_rows_of_the_neighbouring_country():
    # Point Edward in Canada lies on the border with the United States; East Chicago lies in Indiana.
    places = pd.DataFrame({"lat_deg": [42.99, 41.65], "lon_deg": [-82.41, -87.45]})
    plants = places.assign(province=["Canada", "Indiana"], grid=["Canada", "Indiana"], product="", sector="")
    prices = {
        "prices/power": pd.DataFrame({"grid": ["United States", "*"], "price": [1.0, 2.0]}),
        "prices/fuels": pd.DataFrame({"province": ["United States", "*"], "fuel": "coal", "price": [1.0, 2.0]}),
        "prices/grid_factors": pd.DataFrame({"province": ["United States", "*"], "price": [1.0, 2.0]}),
        "streams/utilisation": pd.DataFrame(
            {"province": ["United States", "*"], "product": "crude_steel", "price": [1.0, 2.0]}
        ),
        "technologies/location_factors": pd.DataFrame({"province": ["United States", "*"], "price": [1.0, 2.0]}),
        "policy/non_fossil": pd.DataFrame({"region": ["United States", "*"], "measure": "target", "price": [1.0, 2.0]}),
    }
    for frame in prices.values():
        frame["source"] = [SimpleNamespace(at=lambda line, _: f"table.csv:{line}", is_own=True)] * len(frame)
        frame["line"] = 2
    sectors = pd.DataFrame({"sector": ["cement"], "product": ["clinker"]})
    frames = {**dict.fromkeys(PLANT_TABLES, plants.iloc[:0]), "plants/steel": plants, **prices}
    frames["streams/source_sectors"] = sectors
    with_rows_for_other_places(frames)
    for table, frame in prices.items():
        column = frame.columns[0]
        assert frames[table].set_index(column)["price"][["Canada", "Indiana"]].tolist() == [2.0, 1.0]


SITE = "site,lat_deg,lon_deg,capacity_mid_kt,storage_cost_per_t"
TURKEY = {
    "plants": """\
plant,name,province,grid,lat_deg,lon_deg,place_accuracy,status,crude_steel_ktpa,bof_steel_ktpa,bf_iron_ktpa,coke_ovens
A,Eregli,Zonguldak,Zonguldak,41.26,31.42,exact,operating,4000,4000,3600,present
""",
    "prices/power": TABLES["prices/power"].replace("India", "Türkiye"),
    "prices/fuels": TABLES["prices/fuels"].replace("*,coal", "Türkiye,coal"),
    "prices/grid_factors": TABLES["prices/grid_factors"].replace("India", "Türkiye"),
    "streams/utilisation": "province,product,year,utilisation_share\nTürkiye,crude_steel,2021,0.72\n",
    "storage/sites": TABLES["storage/sites"].replace("damodar,23.6,87.0", "tuz,38.7,33.4"),
}


def test_rows_of_a_country_without_a_pack_apply_to_its_places(read):
    """Its utilisation takes precedence over the shipped one of a later year."""
    _, inputs = read(**TURKEY)
    for table, column in (("prices/power", "grid"), ("prices/fuels", "province"), ("prices/grid_factors", "province")):
        assert "Zonguldak" in set(inputs[table][column])
    table = inputs["streams/utilisation"]
    found = table[(table["province"] == "Zonguldak") & (table["product"] == "crude_steel")]
    assert found["utilisation_share"].tolist() == [0.72]


def test_capacity_estimates_out_of_order_are_reported(read):
    sites = f"{SITE},capacity_low_kt,capacity_high_kt\ntuz,38.7,33.4,80,12,100,90\n"
    with pytest.raises(InputError, match="capacity_low_kt: 100 is more than"):
        read(**{**TURKEY, "storage/sites": sites})


@pytest.mark.slow
def test_plants_at_sea_offshore_sites_on_land_and_unused_rows_are_noticed(read):
    tables = {
        **TURKEY,
        "plants": TURKEY["plants"].replace("41.26,31.42", "42.7,32.0")
        + TURKEY["plants"].splitlines()[1].replace("A,", "B,"),
        "prices/fuels": TURKEY["prices/fuels"] + "Türkiye,gas,2024,9,0,USD,2024\n",
        "prices/grid_factors": TURKEY["prices/grid_factors"] + "Ankara,2024,0.4\n",
        "storage/sites": f"{SITE},is_offshore\ntuz,38.7,33.4,100,12,yes\nsea,43.0,34.0,100,12,\n",
    }
    notices = "\n".join(read(**tables)[1].all_notices)
    assert "plants.csv:2:lat_deg: plants in the sea, more than 60 km from land (is the place right?): A\n" in notices
    assert (
        "storage/sites.csv:3:lat_deg: sites in the sea, more than 60 km from land (is the place right?): sea" in notices
    )
    assert "storage/sites.csv:2:lat_deg: sites offshore, but on land, more than 30 km from the sea" in notices
    assert (
        "prices/fuels.csv:3:fuel: no heat source burns 'gas', this row is not used; fuels are coal, natural_gas"
        in notices
    )
    assert "prices/grid_factors.csv:4:province: rows of places without plants are not used: Ankara" in notices


def test_wildcard_row_of_utilisation_becomes_its_row_for_all_provinces(read):
    _, inputs = read()
    table = inputs["streams/utilisation"]
    found = table[(table["province"] == "all") & (table["product"] == "crude_steel")].sort_values("year")
    assert found["utilisation_share"].iloc[-1] == 0.9


def test_site_at_sea_without_is_offshore_is_reported(read):
    with pytest.raises(InputError, match="set is_offshore to yes"):
        read(**{"storage/sites": "site,lat_deg,lon_deg,capacity_mid_kt,storage_cost_per_t\nsea,17,88,100,12\n"})


def test_column_without_a_default_is_required(read):
    with pytest.raises(InputError, match="column 'capacity_mid_kt' is missing"):
        read(**{"storage/sites": "site,lat_deg,lon_deg,storage_cost_per_t\ndamodar,23.6,87.0,12\n"})


def test_area_near_returns_the_province_or_country_of_a_point():
    # Tangshan, Rourkela, Duisburg, Hanoi, Kiruna, Vorkuta, Provideniya, and a point in the southern Pacific.
    places = [
        (39.6, 118.2), (22.2, 84.9), (51.4, 6.8), (21.0, 105.8), (67.86, 20.22), (67.5, 64.05), (64.42, -173.23),
        (-50.0, -130.0),
    ]  # fmt: skip
    areas = ["Hebei", "India", "Germany", "Vietnam", "Sweden", "Russia", "Russia", ""]
    assert [area_near(*each) for each in places] == areas


def test_no_outline_crosses_the_antimeridian():
    countries = json.loads((data_folder() / "geo" / "countries.json").read_text(encoding="utf-8"))
    rings = [ring for country in countries for ring in country["rings"]]
    assert all(np.abs(np.diff([lon for lon, _ in ring])).max(initial=0.0) < 180 for ring in rings)


@pytest.mark.slow
def test_country_rows_apply_to_location_factors_and_future_grid_factors(read):
    scenario, inputs = read(
        **TURKEY,
        **{
            "technologies/location_factors": "province,capex_factor\nTürkiye,1.9\nAnkara,1.2\n",
            "policy/non_fossil": "region,measure,year,non_fossil_share\n"
            "Türkiye,reached,2024,0.4\nTürkiye,target,2040,0.7\n",
        },
    )
    problem = build_problem(scenario, inputs)
    plain = build_problem(*read(**TURKEY, **{"technologies/location_factors": "province,capex_factor\n"}))
    ratio = problem.options["capex_per_tpa"] / plain.options["capex_per_tpa"]
    assert ratio[problem.options["capture_capex_mn"] > 0].to_numpy() == pytest.approx(1.9)
    factors = problem.grid_kg_per_kwh[problem.grid_kg_per_kwh["province"] == "Zonguldak"].set_index("year")
    # 0.71 kg/kWh in 2024 with 40 % non-fossil energy; the path to 70 % in 2040 is at 55 % in 2032.
    assert factors.at[2032.0, "grid_kg_per_kwh"] == pytest.approx(0.71 * (1 - 0.55) / (1 - 0.4))
    assert "rows of places without plants are not used: Ankara" in "\n".join(inputs.notices)


def test_heading_gives_the_currency_of_rows_without_one(read):
    sites = "site,lat_deg,lon_deg,capacity_mid_kt,storage_cost_per_t [EUR/t]\n"
    _, inputs = read(**{"storage/sites": sites + "damodar,23.6,87.0,100000,12\nhanoi,20.8,106.0,50000,10\n"})
    assert inputs["storage/sites"]["currency"].tolist() == ["EUR", "EUR"]


def test_mean_of_china_applied_in_another_country_is_noticed(read):
    (notice,) = (
        each
        for each in read(**{"streams/utilisation": TABLES["streams/utilisation"].replace("*", "India")})[1].notices
        if "mean of China" in each
    )
    assert notice.startswith("streams/utilisation: the mean of China holds for crude_steel in Vietnam;")


@pytest.mark.slow
def test_means_of_china_are_noticed_only_for_the_provinces_of_the_scenario(read, tmp_path):
    read(**{"streams/utilisation": TABLES["streams/utilisation"].replace("*", "Atlantis")})
    for provinces, expected in (((), "Odisha, Jharkhand, Vietnam"), (("vietnam",), "Vietnam"), (("Peru",), "")):
        inputs = load_tables(OwnTables(tmp_path, ("plants.csv",), "data", currency="USD", provinces=provinces))
        found = [each for each in inputs.notices if "mean of China" in each]
        assert [each.split(" in ")[1].split(";")[0] for each in found] == [expected][: len(found)]
        assert bool(found) == bool(expected)


KILN = "plant,name,province,grid,lat_deg,lon_deg,status,sector,capacity_ktpa\n"


def test_mean_that_is_not_of_china_is_noticed_with_its_reference_and_without_rows_of_other_products(read):
    kiln = KILN + "K,Durgapur,Odisha,Odisha,23.5,87.3,operating,cement,2000\n"
    _, inputs = read(plants=kiln, **{"streams/utilisation": TABLES["streams/utilisation"].replace("*", "India")})
    found = [each for each in inputs.notices if "utilisation" in each]
    assert found == [
        "streams/utilisation: a value that is not of this country (NETL-2022) holds for clinker in Odisha; add a row "
        "of the country to a table of your own"
    ]
    assert chinese_text(found[0]) and chinese_text(without_folder(found[0]))
    # The row of steel in India applies to no place without a steel works.
    assert "Odisha" not in set(inputs["streams/utilisation"]["province"])


def test_point_that_may_separate_thousands_is_noticed(read):
    rows = PLANTS.replace(",", ";").replace("4400;4400;4300", "4.400;4.400;4.300")
    _, inputs = read(plants=rows)
    notices = [each for each in inputs.notices if "separates thousands" in each]
    assert notices[0] == (
        "plants.csv:2:crude_steel_ktpa: '4.400' is read as 4.4; write 4400 if the point separates thousands"
    )
    assert len(notices) == 3 and not any("_deg" in each for each in notices)


def test_plant_at_sea_without_prices_is_reported(read):
    sites = TURKEY["storage/sites"].replace("38.7,33.4", "40.2,32.0")
    plants = TURKEY["plants"].replace("41.26,31.42", "42.1,31.4")
    scenario, inputs = read(**{**TURKEY, "plants": plants, "storage/sites": sites})
    with pytest.raises(InputError, match=r"A at 42.1, 31.4 \(plants.csv:2:lat_deg\) lies in no country"):
        build_problem(scenario, inputs)


def test_island_outside_the_outline_of_its_country_is_reported_with_the_reason(read):
    # Heligoland lies 51 km from the outline of Germany, which leaves small islands out.
    plants = TURKEY["plants"].replace("Zonguldak,Zonguldak,41.26,31.42", "Heligoland,Heligoland,54.18,7.89")
    tables = {name: text.replace("Türkiye", "Germany") for name, text in TURKEY.items()}
    sites = tables["storage/sites"].replace("38.7,33.4", "54.4,8.5")
    scenario, inputs = read(**{**tables, "plants": plants, "storage/sites": sites})
    with pytest.raises(InputError, match=r"A at 54.18, 7.89 \(plants.csv:2:lat_deg\) lies outside") as caught:
        build_problem(scenario, inputs)
    assert "the rows of Germany do not apply: add rows of 'Heligoland' to prices/fuels.csv" in str(caught.value)


CORRELATION = "input,other_input,rank_correlation_share\n"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("heat_cost,power_price,0.3\n", "'heat_cost' is not an uncertain input"),
        ("heat_price,heat_price,0.3\n", "'heat_price' is correlated with itself"),
        ("pipe_cost,capture_capex,0.9\n", "the pair is given as capture_capex, pipe_cost too"),
        ("capture_capex,pipe_cost,0.95\ncapture_capex,storage_cost,-0.9\n", "matrix is not positive definite"),
    ],
)
def test_invalid_own_correlation_is_reported(read, rows, message):
    with pytest.raises(InputError) as caught:
        read(**{"uncertainty/correlations": CORRELATION + rows})
    (issue,) = caught.value.issues
    assert message in issue.what and issue.where.startswith("data/uncertainty/correlations.csv:2")


def test_own_uncertain_inputs_may_leave_shipped_correlations_unused(read):
    rows = "input,technology,distribution,low,mode,high,multiplies\npipe_cost,,uniform,0.8,1,1.4,capital of pipes\n"
    _, inputs = read(instead="uncertainty/inputs\n", **{"uncertainty/inputs": rows})
    assert inputs["uncertainty/inputs"]["input"].tolist() == ["pipe_cost"]
    # The shipped rows stay in the table, but none correlates two of the user's inputs.
    correlations = inputs["uncertainty/correlations"]
    assert "heat_price" in set(correlations["input"])
    assert correlation_matrix(correlations, ["pipe_cost"]).tolist() == [[1.0]]


def test_own_market_rule_for_an_unknown_sector_is_reported(read):
    rows = "market,sector,first_year,allocation,free_share,band_share,scope\nMine,acero,2026,intensity,1,0.1,direct\n"
    with pytest.raises(InputError, match="'acero' is not a sector of plants"):
        read(**{"policy/ets": rows})


@pytest.mark.slow
def test_non_fossil_path_of_one_year_has_no_effect_and_is_noticed(read):
    rows = "region,measure,year,non_fossil_share\nTürkiye,target,2040,0.7\n"
    scenario, inputs = read(**TURKEY, **{"policy/non_fossil": rows})
    (notice,) = (each for each in inputs.notices if "has one year" in each)
    assert notice.startswith("data/policy/non_fossil.csv:2:year: the path of 'Türkiye' has one year")
    factors = build_problem(scenario, inputs).grid_kg_per_kwh
    assert factors.loc[factors["province"] == "Zonguldak", "grid_kg_per_kwh"].tolist() == [0.71]


def test_range_of_an_amount_follows_the_currency_in_its_heading(read):
    sites = "site,lat_deg,lon_deg,capacity_mid_kt,storage_cost_per_t [JPY/t]\ndamodar,23.6,87.0,100000,2000\n"
    _, inputs = read(**{"storage/sites": sites})
    assert inputs["storage/sites"]["currency"].tolist() == ["JPY"]


def test_thousands_notice_quotes_the_number_before_unit_conversion(read):
    sites = TABLES["storage/sites"].replace("capacity_mid_kt", "capacity_mid_kt [Mt]").replace("100000,", "5.000,")
    notices = read(**{"storage/sites": sites.replace(",", ";")})[1].notices
    assert any("'5.000' is read as 5; write 5000" in each for each in notices)
