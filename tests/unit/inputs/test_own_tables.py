"""Own tables add to, override or replace the shipped ones, and enter the origins and the run key."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import pytest

import ccs_model as ccs
from ccs_model.errors import FileError, InputError, Issue
from ccs_model.inputs import load_inputs
from ccs_model.paths import data_folder
from ccs_model.plan.cache_key import run_key
from ccs_model.problem import build_problem
from ccs_model.problem.scenario_names import read_checked
from tests.own_tables import works


def issues(scenario, **options) -> list[Issue]:
    with pytest.raises(InputError) as caught:
        load_inputs(scenario, **options)
    return list(caught.value.issues)


def only_issue(scenario, **options) -> Issue:
    found = issues(scenario, **options)
    assert len(found) == 1, [str(issue) for issue in found]
    return found[0]


def overlay(tmp_path: Path, table: str, *rows: str, header: str | None = None) -> Path:
    """Write rows of a table to the folder `my`, with the shipped header unless one is given."""
    header = header or (data_folder() / f"{table}.csv").read_text(encoding="utf-8").splitlines()[0]
    path = tmp_path / "my" / f"{table}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


GRID_FACTOR_ROW = "Hebei,2022,0.5,OWN,reported,mine"


# Inventories


def test_own_inventory_loads_only_its_plants(scenario, write_csv):
    write_csv(works("M1", "M2", "M3"))
    requested = scenario("mine.csv")
    inputs = load_inputs(requested)
    problem = build_problem(requested, inputs)
    assert list(problem.plants["plant"]) == ["M1", "M2", "M3"]
    assert set(problem.routes["plant"]) == {"M1", "M2", "M3"}
    assert set(inputs["plants/steel"]["inventory"]) == {"mine.csv"}
    assert inputs.origins["plants/steel"] == "mine.csv (3 plants)"


def test_corrected_copy_of_shipped_plants_keeps_their_furnaces(scenario, tmp_path, inputs):
    with (data_folder() / "plants" / "steel.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    with_furnaces = set(inputs["plants/steel_units"]["plant"])
    copied = [row for row in rows if row[0] in with_furnaces][:5]
    with (tmp_path / "mine.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *copied])
    loaded = load_inputs(scenario("mine.csv"))
    shipped = inputs["plants/steel_units"]
    kept = {row[0] for row in copied}
    assert set(loaded["plants/steel_units"]["unit"]) == set(shipped["unit"][shipped["plant"].isin(kept)])


def test_own_inventory_adds_its_plants_to_the_shipped_ones(scenario, write_csv, inputs):
    write_csv(works("M1", "M2", "M3"))
    requested = scenario("steel", "mine.csv")
    loaded = load_inputs(requested)
    assert len(loaded["plants/steel"]) == len(inputs["plants/steel"]) + 3
    assert {"M1", "P100000120099"} <= set(build_problem(requested, loaded).plants["plant"])
    assert loaded.origins["plants/steel"] == "shipped + mine.csv (3 plants)"


def test_row_without_reference_and_quality_is_recorded_as_the_users_own(scenario, write_csv):
    write_csv(works("M1", note="by hand"))
    row = load_inputs(scenario("mine.csv"))["plants/steel"].iloc[0]
    assert (row["reference"], row["quality"]) == ("OWN", "reported")
    assert row["note"] == "by hand; reference and quality not given: recorded as the user's own, reported"


def test_headings_match_as_words_with_units(scenario, write_csv):
    rows = works("M1")
    headings = {"plant": "Plant", "crude_steel_ktpa": "Crude steel [kt/y]", "bof_steel_ktpa": "BOF STEEL (kt/y)",
             "lat_deg": "Lat"}  # fmt: skip
    write_csv([[headings.get(name, name) for name in rows[0]], *rows[1:]])
    steel = load_inputs(scenario("mine.csv"))["plants/steel"]
    assert steel.loc[0, ["plant", "crude_steel_ktpa", "bof_steel_ktpa", "lat_deg"]].tolist() == [
        "M1",
        5000,
        5000,
        38.04,
    ]


def test_heading_with_an_incompatible_or_ambiguous_unit_is_rejected(scenario, write_csv):
    rows = works("M1")
    for unit in ("MPa", "mt/y", "Mt/month"):
        write_csv([[name if name != "crude_steel_ktpa" else f"Crude steel [{unit}]" for name in rows[0]], *rows[1:]])
        issue = only_issue(scenario("mine.csv"))
        assert (issue.where, issue.what) == ("mine.csv:1", f"column 'Crude steel [{unit}]' is in {unit}, expected kt/y")


def test_numbers_under_an_ambiguous_unit_are_not_checked_against_the_range(scenario, write_csv):
    rows = works("M1", crude_steel_ktpa=5_500_000)
    write_csv([[name if name != "crude_steel_ktpa" else "Crude steel [tons/y]" for name in rows[0]], *rows[1:]])
    issue = only_issue(scenario("mine.csv"))
    assert issue.what == "column 'Crude steel [tons/y]' is in tons/y, expected kt/y"
    assert issue.hint == "a ton may be short or metric: write 'short ton' or 't'"


@pytest.mark.parametrize(("unit", "written"), [("Mt/y", 5), ("万吨/年", 500), ("t/y", 5_000_000), ("Mtpa", 5)])
def test_column_in_a_compatible_unit_is_converted_with_a_notice(scenario, write_csv, unit, written):
    rows = works("M1", crude_steel_ktpa=written)
    heading = f"Crude steel [{unit}]"
    write_csv([[name if name != "crude_steel_ktpa" else heading for name in rows[0]], *rows[1:]])
    inputs = load_inputs(scenario("mine.csv"))
    assert inputs["plants/steel"].loc[0, "crude_steel_ktpa"] == 5_000
    (notice,) = inputs.notices
    assert notice.startswith(f"mine.csv:1: column '{heading}' is converted from {unit} to kt/y (× ")


def test_header_that_fits_no_table_is_reported_with_the_nearest_columns(scenario, write_csv):
    write_csv([["plnt", "provinz", "lattitude_deg", "tons"], ["M1", "Hebei", "38", "1"]])
    issue = only_issue(scenario("mine.csv"))
    assert issue.where == "mine.csv:1"
    assert issue.what == "the header fits none of steel, chemicals and sources"
    assert "plnt: did you mean 'plant'?" in issue.hint and "did you mean 'province'?" in issue.hint


def test_misspelt_column_is_reported_as_unknown_and_as_missing(scenario, write_csv):
    rows = works("M1")
    write_csv([[name if name != "province" else "provinc" for name in rows[0]], *rows[1:]])
    assert {issue.what for issue in issues(scenario("mine.csv"))} == {
        "unknown column 'provinc'",
        "column 'province' is missing",
    }


def test_chemical_plants_are_recognised_by_their_header(scenario, write_csv):
    header = "plant name product province grid lat_deg lon_deg place_accuracy status capacity_ktpa feedstock gasifier"
    row = ["C1", "Mine", "methanol", "Shanxi", "Shanxi", 37.87, 112.55, "exact", "operating", 500, "coal", "fixed_bed"]
    write_csv([header.split(), row])
    loaded = load_inputs(scenario("mine.csv"))
    assert list(loaded["plants/chemicals"]["plant"]) == ["C1"]
    assert loaded["plants/steel"].empty


def test_chemical_plant_without_an_emission_row_is_reported(scenario, write_csv):
    header = "plant name product province grid lat_deg lon_deg place_accuracy status capacity_ktpa feedstock"
    row = ["C1", "Mine", "methanol", "Shanxi", "Shanxi", 37.87, 112.55, "exact", "operating", 500, "oil"]
    write_csv([header.split(), row])
    assert "no row for methanol oil" in only_issue(scenario("mine.csv")).what


def test_repeated_plant_id_is_reported_with_both_places(scenario, write_csv):
    write_csv(works("M1", "P100000120099"))
    write_csv(works("M1"), name="more.csv")
    assert [(issue.where, issue.what) for issue in issues(scenario("steel", "mine.csv", "more.csv"))] == [
        ("mine.csv:3", "plant P100000120099 is already given at plants/steel.csv:2"),
        ("more.csv:2", "plant M1 is already given at mine.csv:2"),
    ]


def test_ids_of_an_inventory_that_is_not_selected_can_be_reused(scenario, write_csv):
    write_csv(works("P100000120099", "NH3_21"))
    assert list(load_inputs(scenario("mine.csv"))["plants/steel"]["plant"]) == ["P100000120099", "NH3_21"]


def test_example_rows_are_not_read(scenario, write_csv):
    write_csv(works("EXAMPLE-1", "M1", "example 2"))
    assert list(load_inputs(scenario("mine.csv"))["plants/steel"]["plant"]) == ["M1"]
    write_csv(works("EXAMPLE-1"))
    assert only_issue(scenario("mine.csv")).what == "has no plants"


def test_province_without_prices_is_reported_with_a_hint(scenario, write_csv):
    write_csv(works("M1", province="Tibet", grid="Tibet"))
    requested = scenario("mine.csv")
    with pytest.raises(InputError) as caught:
        build_problem(requested, load_inputs(requested))
    reported = [str(issue) for issue in caught.value.issues]
    assert len(reported) == 3
    expected = ("no row", "`data:`", "docs/reference/own-tables.md")
    assert all(each in line for each in expected for line in reported)


# Variants of CSV files


@pytest.mark.parametrize(
    ("variant", "start"),
    [
        ({"sign": ";"}, b""),
        ({"sign": "\t"}, b""),
        ({"end": "\r"}, b""),
        ({"end": "\r\n"}, b"\xef\xbb\xbf"),
        ({"encoding": "gb18030"}, b""),
        ({"encoding": "utf-16", "sign": "\t"}, b""),
    ],
)
def test_csv_file_loads_with_any_separator_line_end_and_encoding(scenario, write_csv, variant, start):
    path = write_csv(
        works("M1", "M2", name_zh="河北钢铁集团石家庄钢铁有限责任公司", bf_iron_ktpa="４５００"), **variant
    )
    path.write_bytes(start + path.read_bytes())
    steel = load_inputs(scenario("mine.csv"))["plants/steel"]
    assert steel["name_zh"].tolist() == ["河北钢铁集团石家庄钢铁有限责任公司"] * 2
    assert steel["bf_iron_ktpa"].tolist() == [4500, 4500]


def test_latin_1_text_is_reported_and_not_decoded_as_chinese(scenario, write_csv):
    path = write_csv(works("M1", name="Hütte Säle"), encoding="latin-1")
    issue = only_issue(scenario("mine.csv"))
    assert issue.what == f"not UTF-8 text in line 2, at byte {path.read_bytes().index(b'tte') - 1}"


@pytest.mark.parametrize(
    ("cell", "hint"),
    [
        ('"1,234"', "write 1234 for thousands or 1.234 for decimals"),
        ('"1.234,5"', "write 1234.5"),
        ('"12,00,000"', "write 1200000"),
        ('"1,20,000.5"', "write 120000.5"),
        ('"0,004"', "write 0.004"),
        ("93%", "write 0.93"),
        ("1 234", "write 1234"),
        ("60万吨", "write the number alone, in the unit of the column"),
        ("n/d", "leave the cell empty"),
        ("S/D", "leave the cell empty"),
        ("n/x", "write 1234.5, without separators"),
    ],
)
def test_number_in_another_notation_is_reported_with_the_expected_one(scenario, write_csv, cell, hint):
    write_csv(works("M1", crude_steel_ktpa=cell))
    issue = only_issue(scenario("mine.csv"))
    assert (issue.where, issue.hint) == ("mine.csv:2:crude_steel_ktpa", hint)


def test_percent_sign_under_a_heading_in_percent_is_left_out(scenario, write_csv):
    name, product = "urea_share", "plants/chemicals"
    header = (data_folder() / f"{product}.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    row = {"plant": "C1", "name": "C1", "province": "Hebei", "grid": "Hebei south", "lat_deg": 38, "lon_deg": 114.5,
           "status": "operating", "product": "ammonia", "feedstock": "coal", "gasifier": "oxygen_blown",
           "capacity_ktpa": 500, "place_accuracy": "exact", name: "60%"}  # fmt: skip
    write_csv([[f"{name} [%]" if each == name else each for each in header], [row.get(each, "") for each in header]])
    issue = only_issue(scenario("mine.csv"))
    assert (issue.where, issue.hint) == (f"mine.csv:2:{name}", "write 60")


def test_no_data_mark_in_a_required_column_is_reported(scenario, write_csv):
    write_csv(works("M1", lat_deg="n/d"))
    issue = only_issue(scenario("mine.csv"))
    assert issue.hint == "a number is required: latitude, WGS84; beyond 90 the two look swapped"


@pytest.mark.parametrize(
    ("heading", "hint"),
    [("Fuente", ""), ("Nombre", ""), ("longitude", "did you mean 'lon_deg'?"), ("latitude", "did you mean 'lat_deg'?"),
     ("stauts", "did you mean 'status'?"), ("coke_oven", "did you mean 'coke_ovens'?")],
)  # fmt: skip
def test_unknown_heading_is_reported_with_a_column_only_if_one_is_similar(scenario, write_csv, heading, hint):
    write_csv([[*row, ""] if k else [*row, heading] for k, row in enumerate(works("M1"))])
    issue = only_issue(scenario("mine.csv"))
    assert (issue.what, issue.hint) == (f"unknown column '{heading}'", hint)


def test_value_in_a_column_without_a_heading_is_reported(scenario, write_csv):
    header, row = works("M1")
    write_csv([[*header, ""], [*row, ""]])
    assert len(load_inputs(scenario("mine.csv"))["plants/steel"]) == 1
    write_csv([[*header, ""], [*row, "7"]])
    assert only_issue(scenario("mine.csv")).what == "a value in a column without a heading"


# Locations of files


def test_currency_of_small_units_is_accepted(scenario, tmp_path):
    overlay(tmp_path, "indices/exchange_rates", "IDR,2024,0.00045,OWN,reported,")
    overlay(tmp_path, "indices/deflators", "ARS,2024,30000,OWN,reported,", "IDR,2024,130,OWN,reported,")
    rates = load_inputs(scenario(data="my"))["indices/exchange_rates"]
    assert rates.loc[rates["currency"] == "IDR", "cny_per_unit"].tolist() == [0.00045]


def test_path_outside_the_scenario_folder_requires_allow_outside(scenario, write_csv, tmp_path):
    write_csv(works("M1"), name="../outside.csv")
    requested = scenario("../outside.csv")
    issue = only_issue(requested)
    assert issue.where.endswith("scenario.yaml:2: plants.inventory[0]")
    assert "lies outside the scenario's folder" in issue.what and issue.hint == "allow it with --allow-outside"
    assert len(load_inputs(requested, allow_outside=True)["plants/steel"]) == 1


def test_symbolic_link_out_of_the_scenario_folder_is_rejected(scenario, write_csv, tmp_path):
    write_csv(works("M1"), name="../outside.csv")
    (tmp_path / "link.csv").symlink_to(tmp_path.parent / "outside.csv")
    assert "lies outside" in only_issue(scenario("link.csv")).what
    overlay(tmp_path, "prices/grid_factors", GRID_FACTOR_ROW).rename(tmp_path.parent / "factors.csv")
    (tmp_path / "my/prices/grid_factors.csv").symlink_to(tmp_path.parent / "factors.csv")
    assert only_issue(scenario(data="my")).where == "my/prices/grid_factors.csv"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.csv", "no such file"),
        ("folder.csv", "it is a folder"),
        ("'C:\\tables\\mine.csv'", "is a Windows path"),
        ('"a\\nb.csv"', "not allowed in file names"),
        ('"a\\0b.csv"', "not allowed in file names"),
    ],
)
def test_unreadable_inventory_file_is_reported_at_the_scenario_line(scenario, tmp_path, name, reason):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(FileError, match=reason) as caught:
        load_inputs(scenario(name))
    assert "scenario.yaml:2: plants.inventory[0]" in str(caught.value)


def test_errors_of_the_scenario_and_of_its_tables_are_reported_together(scenario, write_csv, tmp_path):
    write_csv(works("M1", status="operatng"))
    scenario("mine.csv")
    path = tmp_path / "scenario.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "discount_rate: 8\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_checked(path)
    assert [issue.where.rsplit("/", 1)[-1] for issue in caught.value.issues] == [
        "scenario.yaml:5:16",
        "mine.csv:2:status",
    ]


def test_inputs_loaded_for_another_scenario_are_rejected(scenario, write_csv, inputs, tmp_path):
    write_csv(works("M1"))
    with pytest.raises(InputError, match=r"plants.inventory\[0\]: 'mine.csv' was not read"):
        build_problem(scenario("mine.csv"), inputs)
    overlay(tmp_path, "prices/grid_factors", GRID_FACTOR_ROW)
    with pytest.raises(InputError, match="data: 'my' was not read"):
        build_problem(scenario(data="my"), inputs)


# Data folders


def test_own_price_replaces_shipped_prices_of_its_year_and_later_years(scenario, inputs, tmp_path):
    """Shanxi has a shipped coal price of 2025. An own price of 2024 replaces it; one of 2030 extends it."""
    coal = {}
    for year in (2024, 2030):
        overlay(tmp_path, "prices/fuels", f"Shanxi,coal,{year},40,0.13,CNY,2024,OWN,assumed,")
        table = load_inputs(scenario(data="my"))["prices/fuels"]
        own_rows = table[(table["province"] == "Shanxi") & (table["fuel"] == "coal")]
        coal[year] = dict(zip(own_rows["year"], own_rows["price_per_gj"], strict=True))
    shipped_rows = inputs["prices/fuels"].query("province == 'Shanxi' and fuel == 'coal'")
    shipped = dict(zip(shipped_rows["year"], shipped_rows["price_per_gj"], strict=True))
    assert set(shipped) == {2025}
    assert coal == {2024: {2024: 40.0}, 2030: {**shipped, 2030: 40.0}}


def test_own_grid_factor_replaces_every_shipped_year_of_its_province(scenario, inputs, tmp_path):
    overlay(tmp_path, "prices/grid_factors", GRID_FACTOR_ROW, "Atlantis,2022,0.9,OWN,assumed,")
    loaded = load_inputs(scenario(data="my"))
    shipped_factors, factors = inputs["prices/grid_factors"], loaded["prices/grid_factors"]
    hebei = factors[factors["province"] == "Hebei"]
    assert hebei[["year", "grid_kg_per_kwh"]].to_numpy().tolist() == [[2022, 0.5]]
    rest = factors[~factors["province"].isin(["Hebei", "Atlantis"])].drop(columns="line")
    shipped = shipped_factors[shipped_factors["province"] != "Hebei"].drop(columns="line")
    assert rest.to_numpy().tolist() == shipped.to_numpy().tolist()
    assert factors.iloc[-1]["province"] == "Atlantis"
    origin = (
        "shipped + my/prices/grid_factors.csv (1 row overridden, 1 added, 2 other rows of the same province left out)"
    )
    assert loaded.origins["prices/grid_factors"] == origin
    others = [table for table in inputs.tables if table != "prices/grid_factors"]
    assert all(loaded[table].equals(inputs[table]) and loaded.origins[table] == "shipped" for table in others)


@pytest.mark.slow
def test_problem_uses_the_overridden_grid_factor(scenario, tmp_path, inputs):
    overlay(tmp_path, "prices/grid_factors", GRID_FACTOR_ROW)
    requested = scenario(data="my")
    own, shipped = build_problem(requested, load_inputs(requested)), build_problem(scenario(), inputs)
    hebei = own.routes["province"] == "Hebei"
    assert (own.capture_power_t_per_t[hebei] < shipped.capture_power_t_per_t[hebei]).all()
    assert (own.capture_power_t_per_t[~hebei] == shipped.capture_power_t_per_t[~hebei]).all()


def test_table_listed_in_instead_txt_replaces_the_shipped_one(scenario, tmp_path):
    header = (data_folder() / "storage/sites.csv").read_text(encoding="utf-8").splitlines()
    overlay(tmp_path, "storage/sites", header[1])
    (tmp_path / "my" / "instead.txt").write_text("# only this site\nstorage/sites\n", encoding="utf-8")
    loaded = load_inputs(scenario(data="my"))
    assert len(loaded["storage/sites"]) == 1
    assert loaded.origins["storage/sites"] == "my/storage/sites.csv, replaces the shipped table (1 row)"
    assert "storage/sites.csv" not in loaded.sha256
    assert {"own:my/storage/sites.csv", "own:my/instead.txt"} <= set(loaded.sha256)


def test_invalid_lines_of_instead_txt_are_reported(scenario, tmp_path):
    overlay(tmp_path, "prices/grid_factors", GRID_FACTOR_ROW)
    (tmp_path / "my" / "instead.txt").write_text("prices/power\nprice/fuel\n", encoding="utf-8")
    assert [str(issue) for issue in issues(scenario(data="my"))] == [
        "my/instead.txt:1: 'prices/power' has no file in this folder (add prices/power.csv)",
        "my/instead.txt:2: 'price/fuel' is not a table (did you mean 'prices/fuels'?)",
    ]


def test_replacing_table_without_a_required_row_is_reported(scenario, tmp_path):
    lines = (data_folder() / "transport/limits.csv").read_text(encoding="utf-8").splitlines()
    overlay(tmp_path, "transport/limits", *lines[2:])
    assert load_inputs(scenario(data="my"))
    (tmp_path / "my" / "instead.txt").write_text("transport/limits", encoding="utf-8")
    assert "no row for limit 'own_pipe_reach_km'" in only_issue(scenario(data="my")).what


def test_file_that_is_not_a_table_is_reported(scenario, tmp_path):
    overlay(tmp_path, "prices/grid_factor", GRID_FACTOR_ROW, header="province,year")
    (tmp_path / "my" / "README.md").write_text("mine", encoding="utf-8")
    (tmp_path / "my" / "sites.xlsx").write_bytes(b"PK")
    shutil.copy(data_folder() / "dictionary.csv", tmp_path / "my")
    found = [str(issue) for issue in issues(scenario(data="my"))]
    assert found[0] == "my/prices/grid_factor.csv: is not a table (did you mean 'prices/grid_factors.csv'?)"
    assert [line.split(":")[0] for line in found] == ["my/prices/grid_factor.csv", "my/sites.xlsx"]


def test_repeated_key_in_an_own_table_is_reported(scenario, tmp_path):
    overlay(tmp_path, "prices/grid_factors", GRID_FACTOR_ROW, GRID_FACTOR_ROW)
    issue = only_issue(scenario(data="my"))
    assert (issue.where, issue.what) == (
        "my/prices/grid_factors.csv:3",
        "province Hebei, year 2022 is already given at line 2",
    )


def test_own_reference_requires_a_row_in_an_own_references_table(scenario, tmp_path):
    overlay(tmp_path, "prices/grid_factors", GRID_FACTOR_ROW.replace("OWN", "MY-STUDY"))
    issue = only_issue(scenario(data="my"))
    assert issue.where == "my/prices/grid_factors.csv:2:reference"
    assert "docs/reference/own-tables.md" in issue.hint
    overlay(tmp_path, "references", "MY-STUDY,A study of mine,,mine,grid factors,")
    assert load_inputs(scenario(data="my"))["prices/grid_factors"]["reference"].isin(["MY-STUDY"]).sum() == 1


def test_reference_is_optional_in_a_data_folder(scenario, tmp_path):
    overlay(tmp_path, "prices/grid_factors", "Hebei,2022,0.5,,,")
    table = load_inputs(scenario(data="my"))["prices/grid_factors"]
    assert table.loc[table["province"] == "Hebei", "grid_kg_per_kwh"].tolist() == [0.5]


def test_invalid_data_folder_is_reported(scenario, tmp_path):
    (tmp_path / "my").write_text("", encoding="utf-8")
    with pytest.raises(FileError, match="expected a folder"):
        load_inputs(scenario(data="my"))
    with pytest.raises(FileError, match="no such folder"):
        load_inputs(scenario(data="other"))
    assert "the scenario's own folder" in only_issue(scenario(data="./")).what


# Run key and Python interface


@pytest.mark.slow
def test_run_key_changes_with_the_contents_of_own_tables(scenario, write_csv, tmp_path):
    path = write_csv(works("M1"))
    requested = scenario("steel", "mine.csv")
    first = run_key(requested, load_inputs(requested)).sha256
    assert run_key(requested, load_inputs(requested)).sha256 == first
    path.write_text(path.read_text(encoding="utf-8").replace("5000", "5001"), encoding="utf-8")
    second = run_key(requested, load_inputs(requested)).sha256
    requested = scenario("steel", "mine.csv", data="my")
    table = overlay(tmp_path, "prices/grid_factors", GRID_FACTOR_ROW)
    third = run_key(requested, load_inputs(requested)).sha256
    table.write_text(table.read_text(encoding="utf-8").replace("0.5", "0.6"), encoding="utf-8")
    assert len({first, second, third, run_key(requested, load_inputs(requested)).sha256}) == 4


def test_row_of_the_page_on_own_technologies_is_valid(scenario, tmp_path):
    page = Path("docs/how-to/own-technology.md").read_text(encoding="utf-8")
    header, row = (line.strip() for line in re.search(r"```csv\n(.*?)```", page, re.DOTALL)[1].strip().splitlines())
    overlay(tmp_path, "technologies/technologies", row, header=header)
    requested = scenario("steel", data="my").with_changes({"capture.technologies": ["compression", "vpsa"]})
    assert "vpsa" in set(build_problem(requested, load_inputs(requested)).routes["technology"])


@pytest.mark.slow
def test_own_inventory_is_read_for_a_scenario_built_in_python(write_csv, tmp_path, monkeypatch):
    write_csv(works("M1"))
    monkeypatch.chdir(tmp_path)
    scenario = ccs.Scenario.from_dict(
        {
            "name": "x",
            "plants": {"inventory": ["mine.csv"]},
            "budget": {"total_mn": 1_000},
            "years": [2026, 2030],
            "storage": {"sites": ["jinxian_sag"]},
        }
    )
    plan = ccs.optimize(scenario)
    assert set(plan.retrofits["plant"]) == {"M1"}
