"""Import of the GEM chemicals inventory: plants are read, missing values are listed, and given capacities are joined.

The inventory's workbook is not part of this project; the workbooks of these tests follow its published headings.
"""

from __future__ import annotations

from typing import Any

import pytest

from ccs_model.errors import InputError
from ccs_model.importers import GemChemicals, GemTracker, gem_files, gem_place, gem_trial, read_gem
from tests.unit.inputs.gem_workbooks import CHEMICALS, chemicals_book, plant_book, unit_book

COLUMNS = "plant,product,capacity_ktpa,feedstock,gasifier,urea_share,figures_from\n"


def read(book: bytes | None = None, *countries: str, given: str = "", **options: Any) -> GemTracker:
    capacities = ("caps.csv", (COLUMNS + given).encode()) if given else None
    return read_gem([("c.xlsx", book or chemicals_book())], countries, capacities, **options)


def chemicals_of(tracker: GemTracker) -> GemChemicals:
    assert tracker.chemicals is not None
    return tracker.chemicals


def book(**changes: Any) -> bytes:
    return chemicals_book([CHEMICALS[0] | changes, *CHEMICALS[1:]])


def test_plants_and_products_are_read_and_capacities_stay_empty():
    tracker = read()
    chemicals = chemicals_of(tracker)
    assert list(chemicals.plants["plant"]) == ["C1-ammonia", "C1-methanol", "C2-ammonia", "C3-methanol"]
    assert list(chemicals.plants["feedstock"]) == ["coal", "coal", "natural_gas", ""]
    assert list(chemicals.plants["province"]) == ["Anhui", "Anhui", "Germany", "Germany"]
    assert list(chemicals.plants["grid"]) == ["Anhui", "Anhui", "Germany", "Germany"]
    assert list(chemicals.plants["name_zh"]) == ["安徽晋煤中能化工"] * 2 + ["", ""]
    assert list(chemicals.plants["place_accuracy"]) == ["exact", "exact", "approximate", "approximate"]
    assert chemicals.plants[["capacity_ktpa", "urea_share"]].isna().all(axis=None)
    assert set(chemicals.plants["reference"]) == {"GCI-2025-11"}
    assert tracker.countries == chemicals.countries == ("China", "Germany")
    assert tracker.plants.empty
    assert "ammonia is a secondary product" in chemicals.plants.loc[2, "note"]
    assert "feedstock in the inventory: hydrogen; biomass" in chemicals.plants.loc[3, "note"]


def test_missing_values_and_omitted_plants_are_counted():
    chemicals = chemicals_of(read())
    # By hand: coal needs a gasifier, ammonia a urea share; hydrogen and biomass are not feedstocks of the model.
    assert list(chemicals.missing) == [
        ("capacity_ktpa", "gasifier", "urea_share"),
        ("capacity_ktpa", "gasifier"),
        ("capacity_ktpa", "urea_share"),
        ("capacity_ktpa", "feedstock"),
    ]
    assert chemicals.n_missing == {"capacity_ktpa": 4, "feedstock": 1, "gasifier": 2, "urea_share": 2}
    assert chemicals.by_file == {"c.xlsx": (4, 4)}
    assert (chemicals.n_left_out, chemicals.left_out) == (1, {"ethylene": 1, "benzene": 1})


def test_nearby_shipped_plant_is_suggested_but_not_used():
    chemicals = chemicals_of(read())
    to_fill_in = chemicals.to_fill_in.set_index("plant")
    # data/plants/chemicals.csv: NH3_36 and MEOH_32 are Anhui Jinmei Zhongneng's, of 600 and 800 kt/y.
    assert list(to_fill_in["suggested_plant"]) == ["NH3_36", "MEOH_32", "", ""]
    assert list(to_fill_in["suggested_capacity_ktpa"]) == ["600", "800", "", ""]
    assert to_fill_in["capacity_ktpa"].isna().all()
    assert chemicals.plants.loc[0, "note"].endswith("1.2 km away, 600 kt/y")


GIVEN = (
    "C1,ammonia,600,,oxygen_blown,0.52,company report 2024\n"
    "C1-methanol,,800,,fixed_bed,,\n"
    "C2,,350,,,0,\n"
    "C3-methanol,methanol,200,natural_gas,,,assumed\n"
)  # fmt: skip


def test_capacities_from_a_file_are_joined():
    tracker = read(given=GIVEN)
    chemicals = chemicals_of(tracker)
    assert list(chemicals.plants["capacity_ktpa"]) == [600, 800, 350, 200]
    assert list(chemicals.plants["gasifier"]) == ["oxygen_blown", "fixed_bed", "", ""]
    assert list(chemicals.plants["urea_share"].fillna(-1)) == [0.52, -1, 0, -1]
    assert chemicals.plants.loc[3, "feedstock"] == "natural_gas"
    assert set(chemicals.plants["reference"]) == {""}, "own rows get their reference when they are loaded"
    assert chemicals.is_complete
    assert gem_trial(tracker) is None
    assert "given: company report 2024" in chemicals.plants.loc[0, "note"]
    assert gem_place(tracker, "chemicals.csv:4:capacity_ktpa") == "caps.csv:4:capacity_ktpa"
    # Given capacities are written again, so that the file can be completed step by step.
    written = gem_files(tracker)["capacities.csv"].decode()
    assert "C1-ammonia,ammonia,Anhui JinCoal Zhongneng Fuyang Chemical Plant,China,Anhui,600.0,coal" in written
    assert chemicals_of(read_gem([("c.xlsx", chemicals_book())], (), ("again.csv", written.encode()))).is_complete


def test_conversions_in_the_capacities_are_noticed():
    caps = "plant;product;产能（万吨/年）;urea_share [%]\nC2;;1.800;0\n"
    tracker = read_gem([("c.xlsx", chemicals_book())], (), ("caps.csv", caps.encode()))
    assert chemicals_of(tracker).plants.loc[2, "capacity_ktpa"] == 18.0
    assert [each for each in tracker.notices if each.startswith("caps.csv")] == [
        "caps.csv:1: column '产能（万吨/年）' is converted from 万吨/年 to kt/y (× 10)",
        "caps.csv:2:capacity_ktpa: '1.800' is read as 1.8; write 1800 if the point separates thousands",
        "caps.csv:1: column 'urea_share [%]' is converted from % to share (× 0.01)",
    ]


def test_known_only_keeps_the_plants_with_all_values():
    chemicals = chemicals_of(read(given="C2,,350,,,0,\n", known_only=True))
    assert list(chemicals.plants["plant"]) == ["C2-ammonia"]
    assert chemicals.is_complete
    assert chemicals.countries == ("Germany",)
    assert len(chemicals.to_fill_in) == 4
    assert chemicals.n_missing["capacity_ktpa"] == 3
    assert gem_place(read(given="C2,,350,,,0,\n", known_only=True), "chemicals.csv:2:lat_deg") == "c.xlsx:Plant data!J3"


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        ("C9,,5,,,,\n", "caps.csv:2:plant: no plant 'C9' in the workbooks (name it by its GEM plant ID)"),
        ("C1,,5,,,,\n", "caps.csv:2:product: 'C1' makes ammonia and methanol (enter the product)"),
        ("C2,methanol,5,,,,\n", "caps.csv:2:plant: 'C2' makes ammonia according to the inventory, not methanol"),
        (
            "C4,ammonia,5,,,,\n",
            "caps.csv:2:plant: 'C4' makes neither ammonia nor methanol according to the inventory, not",
        ),
        (
            "C2-ammonia,methanol,5,,,,\n",
            "caps.csv:2:plant: 'C2-ammonia' makes ammonia, but the row has product methanol",
        ),
        (
            "C2,ammonia,5,,,,\nC2-ammonia,,6,,,,\n",
            "caps.csv:3:plant: 'C2-ammonia' is already given at caps.csv:2:plant",
        ),
        ("C2,,many,,,,\n", "caps.csv:2:capacity_ktpa: 'many' is not a finite number"),
        ("C2,,20000,,,,\n", "caps.csv:2:capacity_ktpa: 20000 is outside the range 0 to 10000"),
        (",,5,,,,\n", "caps.csv:2:plant: is empty"),
    ],
)
def test_errors_in_the_capacities_are_reported_at_their_line(given, reported):
    with pytest.raises(InputError) as error:
        read(given=given)
    assert any(str(issue).startswith(reported) for issue in error.value.issues), str(error.value)


@pytest.mark.parametrize(
    ("changed", "reported"),
    [
        (
            {"place": "somewhere"},
            "c.xlsx:Plant data!J2: 'somewhere' is not a pair of coordinates (write latitude, longitude:",
        ),
        ({"place": None}, "c.xlsx:Plant data!J2: plant 'C1' has no coordinates"),
        ({"name": None}, "c.xlsx:Plant data!B2: plant 'C1' has no name"),
        ({"state": None}, "c.xlsx:Plant data!G2: plant 'C1' has no province"),
        ({"country": None}, "c.xlsx:Plant data!H2: plant 'C1' has no country"),
        ({"id": None}, "c.xlsx:Plant data!A2: has no plant id"),
        ({"id": "C2"}, "c.xlsx:Plant data!A3: plant 'C2' is given twice (see c.xlsx:Plant data!A2)"),
    ],
)
def test_errors_in_the_workbook_are_reported_at_their_cell(changed, reported):
    with pytest.raises(InputError) as error:
        read(book(**changed))
    assert any(str(issue).startswith(reported) for issue in error.value.issues), str(error.value)


def test_headings_match_in_any_case_and_of_older_releases():
    older = {"id": "PLANT ID", "country": "Country", "state": "Subnational unit (province/state)", "products":
             "primary PRODUCT", "feedstock": "Feedstocks", "owner": "Owner"}  # fmt: skip
    first, second = chemicals_of(read()), chemicals_of(read(chemicals_book(headings=older)))
    assert first.plants.equals(second.plants)


def test_kinds_of_workbooks_are_recognised_and_can_be_combined():
    steel, furnaces, chemicals = ("t.xlsx", plant_book()), ("u.xlsx", unit_book({"Blast furnaces": []})), (
        "c.xlsx", chemicals_book())  # fmt: skip
    for books in ([steel, chemicals], [chemicals, furnaces, steel]):
        tracker = read_gem(books)
        assert (tracker.reference, chemicals_of(tracker).reference) == ("GIST-2025-09", "GCI-2025-11")
        assert list(tracker.plants["plant"]) == ["P1", "P2"]
        assert len(chemicals_of(tracker).plants) == 4
    assert read_gem([steel]).chemicals is None
    assert read_gem([steel, chemicals], ["china"]).plants.empty
    with pytest.raises(InputError, match=r"u\.xlsx: no workbook has the sheet 'Plant data' and"):
        read_gem([furnaces, chemicals])
    with pytest.raises(InputError, match="no workbook of the chemicals inventory for these capacities"):
        read_gem([steel], (), ("caps.csv", (COLUMNS + GIVEN).encode()))


def test_capacities_of_other_countries_are_ignored():
    chemicals = chemicals_of(read(None, "Germany", given=GIVEN))
    assert list(chemicals.plants["capacity_ktpa"]) == [350, 200]


def test_note_asks_for_coke_oven_gas_if_the_name_indicates_coking():
    chemicals = chemicals_of(
        read(book(name="Shanxi Coking Plant", local="山西焦化", state="Shanxi", place="36.2, 111.8"))
    )
    assert "the name indicates coking: is the feedstock coke_oven_gas?" in chemicals.plants.loc[0, "note"]
