"""Import of GEM steel tracker workbooks: it reproduces the shipped table, and errors are reported at their cell.

The tracker's workbook is not part of this project. The tests against it exist only where it is found, under
../shared/facts/steel or in the folder that CCS_MODEL_FACTS names.
"""

from __future__ import annotations

import io
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

from ccs_model.errors import InputError
from ccs_model.importers import GemTracker, gem_place, read_gem
from ccs_model.inputs.geography import are_in_area
from tests.paths import ROOT
from tests.unit.inputs.gem_workbooks import CAPACITIES, NEW, OLD, WORKS, plant_book, unit_book

FACTS = Path(os.environ.get("CCS_MODEL_FACTS", ROOT.parent / "shared" / "facts")) / "steel"
BOOK = FACTS / "Plant-level-data-Global-Iron-and-Steel-Tracker-September-2025-V1.xlsx"
PLANTS, SHEET = "Plant data", "Plant capacities and status"


def requires_tracker(test: Any) -> Any:
    """Return the test if the tracker's workbook is available, else None: the workbook is not shipped."""
    return test if BOOK.is_file() else None


KINDS = {
    "Blast furnaces": "BF",
    "Basic oxygen furnaces": "BOF",
    "Electric arc furnaces": "EAF",
    "Direct reduced iron furnaces": "DRI",
}
# Not compared column by column: prefectures come from the Chinese address, furnaces and relinings from the workbooks of
# units; six names lack their apostrophe in the tracker (Qian an), and one note says more than the tracker.
NOT_IN_WORKBOOK = {"prefecture", "name", "note", "n_blast_furnaces", "bf_relining_years"}


def shipped_plants() -> pd.DataFrame:
    return pd.read_csv(ROOT / "data/plants/steel.csv", keep_default_na=False, dtype=str).set_index("plant")


def shipped_units() -> pd.DataFrame:
    return pd.read_csv(ROOT / "data/plants/steel_units.csv", keep_default_na=False, dtype=str)


def as_text(values: pd.Series) -> list[str]:
    """Return the values as text, with numbers in one format."""
    texts = []
    for value in values:
        try:
            texts.append("" if pd.isna(value) else f"{float(value):.10g}")
        except ValueError:
            texts.append(str(value))
    return texts


@pytest.fixture(scope="module")
def china() -> GemTracker:
    units = shipped_units()
    book = unit_book(
        {
            sheet: [
                [row.unit, row.plant, row.name, row.status, float(row.capacity_ktpa), row.relining_year or "unknown"]
                for row in units[units["kind"] == kind].itertuples(index=False)
            ]
            for sheet, kind in KINDS.items()
        }
    )
    return read_gem([(BOOK.name, BOOK.read_bytes()), ("units.xlsx", book)], ["china"])


@requires_tracker
@pytest.mark.slow
@pytest.mark.parametrize("column", [name for name in shipped_plants() if name not in NOT_IN_WORKBOOK])
def test_import_reproduces_the_shipped_steel_table(china, column):
    expected = shipped_plants()
    imported = china.plants.set_index("plant")
    assert set(imported.index) == set(expected.index)
    assert as_text(imported.loc[expected.index, column]) == as_text(expected[column])


@requires_tracker
def test_differences_between_the_import_and_the_shipped_table_are_known(china):
    expected, imported = shipped_plants(), china.plants.set_index("plant").loc[shipped_plants().index]
    differs = expected["name"] != imported["name"]
    assert differs.sum() == 6
    assert (expected["name"][differs].str.replace("'", " ") == imported["name"][differs]).all()
    differs = expected["note"] != imported["note"]
    assert list(expected.index[differs]) == ["P100000120288"]
    assert expected.loc["P100000120288", "note"].startswith(imported.loc["P100000120288", "note"])
    assert (expected["prefecture"] != imported["prefecture"]).sum() == 184
    assert set(imported.columns) - set(expected.columns) == {"turnaround_from", "turnaround_until"}
    assert imported[["closing_year", "turnaround_from", "turnaround_until"]].isna().all(axis=None)


@requires_tracker
def test_blast_furnaces_and_relinings_come_from_unit_workbooks(china):
    expected, imported = shipped_plants(), china.plants.set_index("plant").loc[shipped_plants().index]
    assert as_text(imported["n_blast_furnaces"]) == as_text(expected["n_blast_furnaces"])
    assert list(imported["bf_relining_years"]) == list(expected["bf_relining_years"])
    assert len(china.units) == len(shipped_units()) == 2_410


@requires_tracker
@pytest.mark.slow
def test_world_import_matches_published_totals():
    tracker = read_gem([(BOOK.name, BOOK.read_bytes())])
    plants = tracker.plants
    is_operating = plants["status"].isin(("operating", "operating pre-retirement"))
    # Published: 1,209 plants in 89 countries, 918 of them operating, 2,199 Mt/y of steel.
    assert (len(plants), int(is_operating.sum()), len(tracker.countries)) == (1_209, 918, 89)
    assert plants["crude_steel_ktpa"].sum() == pytest.approx(2_199_263.52)
    world = pd.read_csv(ROOT / "scenarios" / "world-steel" / "steel.csv")
    is_outside_china = is_operating & ~are_in_area(plants["province"], "China")
    assert set(world["plant"]) == set(plants.loc[is_outside_china, "plant"])
    assert world["bf_iron_ktpa"].sum() == pytest.approx(
        plants.loc[is_outside_china, "bf_iron_ktpa"].astype(float).sum()
    )
    assert plants.loc[plants["province"] == "Germany", "grid"].eq("Germany").all()
    facts = pd.read_csv(FACTS / "steel_global.csv", keep_default_na=False, dtype=str).set_index("plant_id")
    plants = plants.set_index("plant").loc[facts.index]
    assert list(plants["status"]) == list(facts["status"])
    for name in ("crude_steel", "bf_iron", "dri_iron"):
        expected = pd.to_numeric(facts[f"operating_{name}_ktpa"]).fillna(0)
        assert np.allclose(plants[f"{name}_ktpa"].astype(float).fillna(0), expected)


@pytest.mark.parametrize("generation", [OLD, NEW])
def test_both_generations_of_headings_give_the_same_plants(generation):
    tracker = read_gem([("tracker.xlsx", plant_book(generation))])
    first, second = (row._asdict() for row in tracker.plants.itertuples(index=False))
    # By hand: 5,000 operating and 1,500 in pre-retirement count as operating; announced steel does not.
    assert (first["crude_steel_ktpa"], first["bof_steel_ktpa"], first["bf_iron_ktpa"]) == (6_500, 5_500, 4_700)
    assert (first["retiring_bf_iron_ktpa"], first["retiring_bof_steel_ktpa"]) == (1_200, 1_500)
    assert first["announced_crude_steel_ktpa"] == 2_500
    assert np.isnan(first["eaf_steel_ktpa"]) and np.isnan(first["dri_iron_ktpa"])
    assert (first["province"], first["grid"], first["prefecture"]) == ("Germany", "Germany", "North Rhine-Westphalia")
    assert (first["lat_deg"], first["lon_deg"], first["start_year"]) == (51.489, 6.731, 1891)
    assert (first["status"], first["coke_ovens"], second["coke_ovens"]) == ("operating", "present", "absent")
    kind = "open-hearth" if generation == OLD else "induction-furnace"
    assert first["note"] == f"also: Old Ruhr; local name: Ruhrwerk; crude steel includes 1000 kt/y {kind}"
    assert np.isnan(second["crude_steel_ktpa"])
    assert second["note"] == "exists but is not quantified: crude steel (>0), EAF (>0), BF (unknown)"
    assert tracker.unquantified == ("P2",)
    assert (tracker.reference, first["reference"], first["quality"]) == ("GIST-2025-09", "GIST-2025-09", "reported")
    assert tracker.citation.endswith("September 2025")


def test_longitude_of_the_wrong_sign_is_corrected_with_a_note():
    works = [WORKS[0] | {"country": "United States", "place": "30.5191, 91.5209"}, WORKS[1]]
    first, second = read_gem([("tracker.xlsx", plant_book(works=works))]).plants.to_dict("records")
    assert (first["lat_deg"], first["lon_deg"]) == (30.5191, -91.5209)
    assert "the sign of the longitude is corrected: the tracker gives 91.5209" in first["note"]
    assert (second["lon_deg"], "sign" in second["note"]) == (6.747, False)


def test_release_is_read_from_the_file_name_if_the_about_sheet_lacks_it():
    assert read_gem([("Tracker-April-2024-V2.xlsx", plant_book(about="About"))]).reference == "GIST-2024-04"
    assert read_gem([("tracker.xlsx", plant_book(about="About"))]).reference == "GIST"


def test_capacities_of_unknown_plants_are_listed():
    rows = [*CAPACITIES, CAPACITIES[0] | {"id": "P9"}, {"id": "P8", "status": "announced", "crude": ">0"}]
    tracker = read_gem([("t.xlsx", plant_book(capacities=rows))])
    assert tracker.strays == (
        "t.xlsx:Plant capacities and status!A6 P9 (operating, crude steel 5,000 kt/y)",
        "t.xlsx:Plant capacities and status!A7 P8 (announced, crude steel >0)",
    )
    # A plant that the country filter omits is not unknown.
    works = [*WORKS, WORKS[0] | {"id": "P3", "country": "India", "state": "Odisha"}]
    book = plant_book(works=works, capacities=[*CAPACITIES, CAPACITIES[0] | {"id": "P3"}])
    assert read_gem([("t.xlsx", book)], ["India"]).strays == ()


def test_country_filter_ignores_case_and_suggests_the_nearest_name():
    works = [*WORKS, WORKS[0] | {"id": "P3", "country": "India", "state": "Odisha"}]
    book = plant_book(works=works, capacities=[*CAPACITIES, CAPACITIES[0] | {"id": "P3"}])
    assert list(read_gem([("a.xlsx", book)], ["INDIA"]).plants["plant"]) == ["P3"]
    with pytest.raises(InputError, match=r"--country: there are no plants in 'germny' \(did you mean 'Germany'\?\)"):
        read_gem([("a.xlsx", book)], ["Germny"])


def works(**changes: Any) -> bytes:
    return plant_book(works=[WORKS[0] | changes, WORKS[1]])


def capacities(**changes: Any) -> bytes:
    return plant_book(capacities=[CAPACITIES[0] | changes, *CAPACITIES[1:]])


@pytest.mark.parametrize(
    ("book", "reported"),
    [
        (works(place="somewhere"), "Plant data!K2: 'somewhere' is not a pair of "
        "coordinates (write latitude, longitude:"),
        (works(place="36,19; -5,42"), "Plant data!K2: '36,19; -5,42' is not a pair of coordinates "
        "(write latitude, longitude: 36.19, -5.42)"),
        (works(place=None), "Plant data!K2: plant 'P1' has no coordinates (write latitude, longitude:"),
        (works(place="151.4, 6.7"), "Plant data!K2: 151.4 is outside -90 to 90 (write latitude, then longitude)"),
        (works(start="long ago"), "Plant data!M2: 'long ago' has no year (write 2012, or unknown)"),
        (works(coke="much"), "Plant data!N2: 'much' is not a finite number (write 1234.5, without separators)"),
        (works(name=None), "Plant data!B2: plant 'P1' has no name"),
        (works(id="P2"), "Plant data!A3: plant 'P2' is given twice (see t.xlsx:Plant data!A2)"),
        (works(id=None), "Plant data!A2: has no plant id"),
        (works(id="P9"), "Plant data!A2: plant 'P9' has no row on the sheet 'Plant capacities and status'"),
        (capacities(status="operatin"), "!B2: status 'operatin' is unknown (did you mean 'operating'?)"),
        (capacities(status=None), "!B2: has no status (expected one of operating, "
        "operating pre-retirement, construction"),
        (capacities(crude=-5), "!C2: -5 is outside the range 0 to 50000 (operating crude steel capacity)"),
        (capacities(bf="1,200"), "!G2: '1,200' is not a finite number "
        "(write 1200 for thousands or 1.200 for decimals)"),
    ],
)  # fmt: skip
def test_errors_are_reported_at_their_cell(book, reported):
    with pytest.raises(InputError) as error:
        read_gem([("t.xlsx", book)])
    assert any(reported in str(issue) and str(issue).startswith("t.xlsx:") for issue in error.value.issues), str(
        error.value
    )


def test_wrong_files_and_repeated_sheets_are_rejected():
    with pytest.raises(InputError, match=r"no workbook has the sheet 'Plant data' and 'Plant capacities and status'"):
        read_gem([("units.xlsx", unit_book({"Blast furnaces": []}))])
    with pytest.raises(InputError, match=r"this is text, perhaps CSV, expected \.xlsx"):
        read_gem([("plants.xlsx", b"Plant ID,Status\n")])
    with pytest.raises(InputError, match=r"the sheet is also in a\.xlsx:Plant data"):
        read_gem([("a.xlsx", plant_book()), ("b.xlsx", plant_book(NEW))])


def edited(cells: dict[str, dict[str, Any]], **book: Any) -> bytes:
    """Return the workbook with other cells, by sheet and cell."""
    workbook = openpyxl.load_workbook(io.BytesIO(plant_book(**book)))
    for sheet, changes in cells.items():
        for cell, value in changes.items():
            workbook[sheet][cell] = value
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("sheet", "cell", "heading", "reported"),
    [
        (PLANTS, "K1", "Coordinatez", "column 'coordinates' is missing (is it 'Coordinatez'?)"),
        # Coordinate accuracy and the capacity of DRI are other columns.
        (PLANTS, "K1", "Place", "column 'coordinates' is missing (or two columns, Latitude and Longitude)"),
        (SHEET, "G1", "Nominal blast furnace capacity (ttpa)",
         "column 'nominal bf capacity' is missing (is it 'Nominal blast furnace capacity (ttpa)'?)"),
        (SHEET, "G1", "Nominal slag capacity (ttpa)",
         "column 'nominal bf capacity' is missing (also known as bf capacity, nominal bf iron capacity)"),
        (SHEET, "C1", "Nominal crude steel capacity (mtpa)", "column 'nominal crude steel capacity' is missing "
         "('Nominal crude steel capacity (mtpa)' must be in thousand tonnes a year (ttpa))"),
    ],
)  # fmt: skip
def test_only_the_missing_column_is_reported_with_a_heading_that_may_be_it(sheet, cell, heading, reported):
    with pytest.raises(InputError) as error:
        read_gem([("t.xlsx", edited({sheet: {cell: heading}}))])
    assert [*map(str, error.value.issues)] == [f"t.xlsx:{sheet}!A1: {reported}"]


def test_missing_optional_column_is_noticed_and_coke_ovens_are_unknown():
    heading = "Coke oven plant capacity (ttpa)"
    tracker = read_gem([("t.xlsx", edited({PLANTS: {"N1": heading, "L1": "Precision"}}))])
    assert tracker.plants["coke_ovens"].tolist() == ["unknown", "unknown"]
    assert tracker.plants["place_accuracy"].tolist() == ["approximate", "approximate"]
    assert tracker.notices[:2] == (
        "t.xlsx:Plant data!A1: column 'coordinate accuracy' is missing; all places count as approximate",
        f"t.xlsx:Plant data!A1: column 'coking plant capacity' is missing (is it '{heading}'?); coke_ovens is unknown",
    )


def test_latitude_and_longitude_may_be_two_columns():
    pair = {"K1": "Latitude", "O1": "Longitude", "K2": 51.489, "O2": 6.731, "K3": "49.356", "O3": 6.747}
    tracker = read_gem([("t.xlsx", edited({PLANTS: pair}))])
    assert tracker.plants["lat_deg"].tolist() == [51.489, 49.356]
    assert tracker.plants["lon_deg"].tolist() == [6.731, 6.747]
    assert gem_place(tracker, "steel.csv:3:lon_deg") == "t.xlsx:Plant data!O3"
    with pytest.raises(InputError, match=r"Plant data!O2: 200 is outside -180 to 180"):
        read_gem([("t.xlsx", edited({PLANTS: pair | {"O2": 200}}))])


def test_repeated_row_of_capacities_is_rejected_and_other_rows_of_a_status_add_up():
    with pytest.raises(InputError) as error:
        read_gem([("t.xlsx", plant_book(capacities=[*CAPACITIES, CAPACITIES[0]]))])
    assert [*map(str, error.value.issues)] == [
        f"t.xlsx:{SHEET}!A6: the row of plant 'P1' with status 'operating' is given twice (see t.xlsx:{SHEET}!A2)"
    ]
    started = edited({SHEET: {"I1": "Start date", "I2": 1990, "I6": 2005}}, capacities=[*CAPACITIES, CAPACITIES[0]])
    assert read_gem([("t.xlsx", started)]).plants["crude_steel_ktpa"].tolist()[0] == 11_500
    other = read_gem([("t.xlsx", plant_book(capacities=[*CAPACITIES, CAPACITIES[0] | {"crude": 700}]))])
    assert other.plants["crude_steel_ktpa"].tolist()[0] == 7_200


def test_headings_without_a_unit_are_noticed_and_million_tonnes_rejected():
    bare = {"C1": "Nominal crude steel capacity", "G1": "Nominal BF capacity"}
    tracker = read_gem([("t.xlsx", edited({SHEET: bare}))])
    assert tracker.notices[-1] == (
        f"t.xlsx:{SHEET}!C1: no unit in 'Nominal crude steel capacity', 'Nominal BF capacity'; "
        "thousand tonnes a year (ttpa) are assumed"
    )
    assert tracker.plants["crude_steel_ktpa"].tolist()[0] == 6_500
    amounts = {"C2": 5, "C3": 1.5}
    with pytest.raises(InputError) as error:
        read_gem([("t.xlsx", edited({SHEET: bare | amounts}))])
    assert [*map(str, error.value.issues)] == [
        f"t.xlsx:{SHEET}!C1: the median of 'Nominal crude steel capacity' is 3.25: is it in million tonnes? "
        "(give thousand tonnes a year and write the unit: Nominal crude steel capacity (ttpa))"
    ]
    assert read_gem([("t.xlsx", edited({SHEET: amounts}))]).plants["crude_steel_ktpa"].tolist()[0] == 6.5


@pytest.mark.parametrize("country", ["TÜRKİYE", "türkiye", "Tu\u0308rkiye", "Turkiye"])
def test_country_filter_ignores_case_and_accents(country):
    works = [*WORKS, WORKS[0] | {"id": "P3", "country": "Türkiye", "place": "41.27, 31.42"}]
    book = plant_book(works=works, capacities=[*CAPACITIES, CAPACITIES[0] | {"id": "P3"}])
    assert list(read_gem([("a.xlsx", book)], [country]).plants["plant"]) == ["P3"]


def test_furnaces_are_read_from_unit_workbooks():
    furnaces = {
        "Blast Furnaces": [
            ["U1", "P1", "BF 2", "operating", 2000, datetime(2019, 5, 1)],
            ["U2", "P1", "BF 1", "operating pre-retirement", 1200, "2015"],
            ["U3", "P1", "BF 3", "retired", 900, "unknown"],
            ["U4", "P7", "BF 1", "operating", 900, "unknown"],
        ],
        "Electric arc furnaces": [["U5", "P2", "EAF 1", "operating", ">0", None]],
        "Blast furnace relinings": [["x", "P1", None, None, None, None]],
    }
    tracker = read_gem([("t.xlsx", plant_book()), ("iron.xlsx", unit_book(furnaces))])
    assert list(tracker.units["unit"]) == ["U1", "U2", "U3"]
    assert tracker.stray_furnaces == ("iron.xlsx:Blast Furnaces!B5 U4 of P7",)
    assert list(tracker.units["relining_year"].fillna(0)) == [2019, 2015, 0]
    assert tracker.plants["n_blast_furnaces"].tolist()[0] == 2
    assert tracker.plants["bf_relining_years"].tolist() == ["BF 1:2015;BF 2:2019", ""]
    # The plant of the electric arc furnace has no blast furnace; its furnace has no capacity.
    assert tracker.plants["n_blast_furnaces"].tolist()[1] == 0
    assert tracker.unknown_furnaces == ("U5 of P2",)
    furnaces["Blast Furnaces"][0][3] = "runs"
    with pytest.raises(InputError, match=r"iron\.xlsx:Blast Furnaces!D2: status 'runs' is unknown"):
        read_gem([("t.xlsx", plant_book()), ("iron.xlsx", unit_book(furnaces))])


def test_blast_furnaces_count_without_a_capacity_and_are_unknown_without_their_sheet():
    furnaces = {
        "Blast Furnaces": [["U1", "P1", "BF 1", "operating", ">0", "2015"], ["U2", "P1", "BF 2", "operating", 900, ""]],
        "Electric arc furnaces": [["U5", "P2", "EAF 1", "operating", 1200, None]],
    }
    tracker = read_gem([("t.xlsx", plant_book()), ("units.xlsx", unit_book(furnaces))])
    assert tracker.plants["n_blast_furnaces"].tolist() == [2, 0]
    assert tracker.plants["bf_relining_years"].tolist() == ["BF 1:2015", ""]
    assert list(tracker.units["unit"]) == ["U2", "U5"] and tracker.unknown_furnaces == ("U1 of P1",)
    del furnaces["Blast Furnaces"]
    tracker = read_gem([("t.xlsx", plant_book()), ("units.xlsx", unit_book(furnaces))])
    assert tracker.plants["n_blast_furnaces"].isna().all()


def test_plant_with_reduced_iron_alone_is_not_counted_as_zero():
    capacities = [*CAPACITIES[:-1], CAPACITIES[-1] | {"dri": 2_000}]
    tracker = read_gem([("t.xlsx", plant_book(capacities=capacities))])
    assert tracker.plants["dri_iron_ktpa"].tolist()[1] == 2_000
    assert tracker.unquantified == ()


def test_repeated_furnace_is_rejected_and_implausible_relining_is_noted():
    furnaces = [["U1", "P1", "BF 1", "operating", 900, "1939"], ["U2", "P1", "BF 2", "operating", 900, None]]
    tracker = read_gem([("t.xlsx", plant_book()), ("iron.xlsx", unit_book({"Blast furnaces": furnaces}))])
    assert tracker.units["note"].tolist() == ["relining 1939", ""]
    furnaces[1][0] = "U1"
    with pytest.raises(InputError, match=r"iron\.xlsx:Blast furnaces!A3: furnace 'U1' is given twice"):
        read_gem([("t.xlsx", plant_book()), ("iron.xlsx", unit_book({"Blast furnaces": furnaces}))])


def test_places_in_the_written_tables_map_to_cells_of_the_tracker():
    tracker = read_gem([("t.xlsx", plant_book())])
    assert gem_place(tracker, "steel.csv:2:retiring_bf_iron_ktpa") == "t.xlsx:Plant capacities and status!G3"
    assert gem_place(tracker, "steel.csv:3:lat_deg") == "t.xlsx:Plant data!K3"
    assert gem_place(tracker, "steel.csv:3") == "t.xlsx:Plant data!A3"
    assert gem_place(tracker, "steel.csv:9") == "steel.csv:9"
    assert gem_place(tracker, "prices/power.csv:3") == "prices/power.csv:3"
