"""The chemicals inventory's workbooks: places and products come in, what is missing is said, what is given is taken.

The inventory's own workbook is no part of this project; the books here are made from its published headings.
"""

from __future__ import annotations

from typing import Any

import pytest

from ccs_model.errors import InputError
from ccs_model.importers import GemChemicals, GemTracker, gem_files, gem_place, gem_trial, read_gem
from tests.unit.inputs.gem_books import CHEMICALS, chemicals_book, plant_book, unit_book

COLUMNS = "plant,product,capacity_ktpa,feedstock,gasifier,urea_share,figures_from\n"


def read(book: bytes | None = None, *countries: str, given: str = "", **requested: Any) -> GemTracker:
    capacities = ("caps.csv", (COLUMNS + given).encode()) if given else None
    return read_gem([("c.xlsx", book or chemicals_book())], countries, capacities, **requested)


def made_of(tracker: GemTracker) -> GemChemicals:
    assert tracker.chemicals is not None
    return tracker.chemicals


def book(**changes: Any) -> bytes:
    return chemicals_book([CHEMICALS[0] | changes, *CHEMICALS[1:]])


def test_places_and_products_come_in_and_capacities_stay_empty():
    tracker = read()
    made = made_of(tracker)
    assert list(made.plants["plant"]) == ["C1-ammonia", "C1-methanol", "C2-ammonia", "C3-methanol"]
    assert list(made.plants["feedstock"]) == ["coal", "coal", "natural_gas", ""]
    assert list(made.plants["province"]) == ["Anhui", "Anhui", "Germany", "Germany"]
    assert list(made.plants["grid"]) == ["Anhui", "Anhui", "Germany", "Germany"]
    assert list(made.plants["name_zh"]) == ["安徽晋煤中能化工"] * 2 + ["", ""]
    assert list(made.plants["place_accuracy"]) == ["exact", "exact", "approximate", "approximate"]
    assert made.plants[["capacity_ktpa", "urea_share"]].isna().all(axis=None)
    assert set(made.plants["reference"]) == {"GCI-2025-11"}
    assert tracker.countries == made.countries == ("China", "Germany")
    assert tracker.plants.empty
    assert "ammonia is a secondary product" in made.plants.loc[2, "note"]
    assert "feedstock in the inventory: hydrogen; biomass" in made.plants.loc[3, "note"]


def test_what_is_missing_is_counted_and_what_is_left_out_too():
    made = made_of(read())
    # By hand: coal needs a gasifier, ammonia a urea share, hydrogen and biomass are no feedstock of ours.
    assert list(made.missing) == [
        ("capacity_ktpa", "gasifier", "urea_share"),
        ("capacity_ktpa", "gasifier"),
        ("capacity_ktpa", "urea_share"),
        ("capacity_ktpa", "feedstock"),
    ]
    assert made.n_missing == {"capacity_ktpa": 4, "feedstock": 1, "gasifier": 2, "urea_share": 2}
    assert made.by_file == {"c.xlsx": (4, 4)}
    assert (made.n_left_out, made.left_out) == (1, {"ethylene": 1, "benzene": 1})


def test_a_shipped_plant_near_by_is_suggested_and_never_taken():
    made = made_of(read())
    offered = made.to_fill_in.set_index("plant")
    # data/plants/chemicals.csv: NH3_36 and MEOH_32 are Anhui Jinmei Zhongneng's, of 600 and 800 kt/y.
    assert list(offered["suggested_plant"]) == ["NH3_36", "MEOH_32", "", ""]
    assert list(offered["suggested_capacity_ktpa"]) == ["600", "800", "", ""]
    assert offered["capacity_ktpa"].isna().all()
    assert made.plants.loc[0, "note"].endswith("1.2 km away, 600 kt/y")


GIVEN = (
    "C1,ammonia,600,,oxygen_blown,0.52,company report 2024\n"
    "C1-methanol,,800,,fixed_bed,,\n"
    "C2,,350,,,0,\n"
    "C3-methanol,methanol,200,natural_gas,,,assumed\n"
)  # fmt: skip


def test_capacities_of_a_file_are_joined():
    tracker = read(given=GIVEN)
    made = made_of(tracker)
    assert list(made.plants["capacity_ktpa"]) == [600, 800, 350, 200]
    assert list(made.plants["gasifier"]) == ["oxygen_blown", "fixed_bed", "", ""]
    assert list(made.plants["urea_share"].fillna(-1)) == [0.52, -1, 0, -1]
    assert made.plants.loc[3, "feedstock"] == "natural_gas"
    assert set(made.plants["reference"]) == {""}, "the user's own rows say so when they are read"
    assert made.is_complete
    assert gem_trial(tracker) is None
    assert "given: company report 2024" in made.plants.loc[0, "note"]
    assert gem_place(tracker, "chemicals.csv:4:capacity_ktpa") == "caps.csv:4:capacity_ktpa"
    # What was given is written again, so that the file can be filled in step by step.
    again = gem_files(tracker)["capacities.csv"].decode()
    assert "C1-ammonia,ammonia,Anhui JinCoal Zhongneng Fuyang Chemical Plant,China,Anhui,600.0,coal" in again
    assert made_of(read_gem([("c.xlsx", chemicals_book())], (), ("again.csv", again.encode()))).is_complete


def test_only_what_is_known_can_be_asked_for():
    made = made_of(read(given="C2,,350,,,0,\n", known_only=True))
    assert list(made.plants["plant"]) == ["C2-ammonia"]
    assert made.is_complete
    assert made.countries == ("Germany",)
    assert len(made.to_fill_in) == 4
    assert made.n_missing["capacity_ktpa"] == 3
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
def test_faults_of_the_capacities_name_their_line(given, reported):
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
def test_faults_of_the_workbook_name_their_cell(changed, reported):
    with pytest.raises(InputError) as error:
        read(book(**changed))
    assert any(str(issue).startswith(reported) for issue in error.value.issues), str(error.value)


def test_headings_are_told_whatever_their_case_and_release():
    older = {"id": "PLANT ID", "country": "Country", "state": "Subnational unit (province/state)", "products":
             "primary PRODUCT", "feedstock": "Feedstocks", "owner": "Owner"}  # fmt: skip
    first, second = made_of(read()), made_of(read(chemicals_book(headings=older)))
    assert first.plants.equals(second.plants)


def test_kinds_of_workbooks_are_told_apart_and_mixed():
    steel, furnaces, chemicals = ("t.xlsx", plant_book()), ("u.xlsx", unit_book({"Blast furnaces": []})), (
        "c.xlsx", chemicals_book())  # fmt: skip
    for books in ([steel, chemicals], [chemicals, furnaces, steel]):
        mixed = read_gem(books)
        assert (mixed.reference, made_of(mixed).reference) == ("GIST-2025-09", "GCI-2025-11")
        assert list(mixed.plants["plant"]) == ["P1", "P2"]
        assert len(made_of(mixed).plants) == 4
    assert read_gem([steel]).chemicals is None
    assert read_gem([steel, chemicals], ["china"]).plants.empty
    with pytest.raises(InputError, match=r"u\.xlsx: no workbook has the sheet 'Plant data' and"):
        read_gem([furnaces, chemicals])
    with pytest.raises(InputError, match="no workbook of the chemicals inventory for these capacities"):
        read_gem([steel], (), ("caps.csv", (COLUMNS + GIVEN).encode()))


def test_capacities_of_other_countries_are_passed_over():
    made = made_of(read(None, "Germany", given=GIVEN))
    assert list(made.plants["capacity_ktpa"]) == [350, 200]


def test_a_name_that_says_coking_is_asked_about():
    made = made_of(read(book(name="Shanxi Coking Plant", local="山西焦化", state="Shanxi", place="36.2, 111.8")))
    assert "the name indicates coking: is the feedstock coke_oven_gas?" in made.plants.loc[0, "note"]
