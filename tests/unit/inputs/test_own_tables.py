"""Tables of one's own: beside ours, laid over ours by key, or instead of ours; always seen, always in the hash."""

from __future__ import annotations

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

from .conftest import works


def issues(scenario, **how) -> list[Issue]:
    with pytest.raises(InputError) as caught:
        load_inputs(scenario, **how)
    return list(caught.value.issues)


def only(scenario, **how) -> Issue:
    found = issues(scenario, **how)
    assert len(found) == 1, [str(issue) for issue in found]
    return found[0]


def overlay(tmp_path: Path, table: str, *rows: str, header: str | None = None) -> Path:
    """Rows for a table of the folder `my`, with our header."""
    header = header or (data_folder() / f"{table}.csv").read_text(encoding="utf-8").splitlines()[0]
    path = tmp_path / "my" / f"{table}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


GRID = "Hebei,2022,0.5,OWN,reported,mine"


# Inventories


def test_only_the_plants_of_ones_own(scenario, write_csv):
    write_csv(works("M1", "M2", "M3"))
    requested = scenario("mine.csv")
    inputs = load_inputs(requested)
    problem = build_problem(requested, inputs)
    assert list(problem.plants["plant"]) == ["M1", "M2", "M3"]
    assert set(problem.routes["plant"]) == {"M1", "M2", "M3"}
    assert set(inputs["plants/steel"]["inventory"]) == {"mine.csv"}
    assert inputs.origins["plants/steel"] == "mine.csv (3 plants)"


def test_beside_the_shipped_ones(scenario, write_csv, inputs):
    write_csv(works("M1", "M2", "M3"))
    requested = scenario("steel", "mine.csv")
    loaded = load_inputs(requested)
    assert len(loaded["plants/steel"]) == len(inputs["plants/steel"]) + 3
    assert {"M1", "P100000120099"} <= set(build_problem(requested, loaded).plants["plant"])
    assert loaded.origins["plants/steel"] == "shipped + mine.csv (3 plants)"


def test_without_reference_and_quality_a_row_says_that_it_is_the_users_own(scenario, write_csv):
    write_csv(works("M1", note="by hand"))
    row = load_inputs(scenario("mine.csv"))["plants/steel"].iloc[0]
    assert (row["reference"], row["quality"]) == ("OWN", "reported")
    assert row["note"] == "by hand; reference and quality not given: recorded as the user's own, reported"


def test_a_header_in_words_with_units(scenario, write_csv):
    rows = works("M1")
    words = {"plant": "Plant", "crude_steel_ktpa": "Crude steel [kt/y]", "bof_steel_ktpa": "BOF STEEL (kt/y)",
             "lat_deg": "Lat"}  # fmt: skip
    write_csv([[words.get(name, name) for name in rows[0]], *rows[1:]])
    steel = load_inputs(scenario("mine.csv"))["plants/steel"]
    assert steel.loc[0, ["plant", "crude_steel_ktpa", "bof_steel_ktpa", "lat_deg"]].tolist() == [
        "M1",
        5000,
        5000,
        38.04,
    ]


def test_a_heading_in_a_unit_of_another_kind_is_refused(scenario, write_csv):
    rows = works("M1")
    for unit in ("MPa", "mt/y", "Mt/month"):
        write_csv([[name if name != "crude_steel_ktpa" else f"Crude steel [{unit}]" for name in rows[0]], *rows[1:]])
        issue = only(scenario("mine.csv"))
        assert (issue.where, issue.what) == ("mine.csv:1", f"column 'Crude steel [{unit}]' is in {unit}, expected kt/y")


def test_numbers_in_a_unit_that_cannot_be_converted_are_in_no_range(scenario, write_csv):
    rows = works("M1", crude_steel_ktpa=5_500_000)
    write_csv([[name if name != "crude_steel_ktpa" else "Crude steel [tons/y]" for name in rows[0]], *rows[1:]])
    issue = only(scenario("mine.csv"))
    assert issue.what == "column 'Crude steel [tons/y]' is in tons/y, expected kt/y"
    assert issue.hint == "a ton may be short or metric: write 'short ton' or 't'"


@pytest.mark.parametrize(("unit", "written"), [("Mt/y", 5), ("万吨/年", 500), ("t/y", 5_000_000), ("Mtpa", 5)])
def test_a_heading_in_a_unit_of_the_same_kind_is_converted_and_reported(scenario, write_csv, unit, written):
    rows = works("M1", crude_steel_ktpa=written)
    heading = f"Crude steel [{unit}]"
    write_csv([[name if name != "crude_steel_ktpa" else heading for name in rows[0]], *rows[1:]])
    inputs = load_inputs(scenario("mine.csv"))
    assert inputs["plants/steel"].loc[0, "crude_steel_ktpa"] == 5_000
    (notice,) = inputs.notices
    assert notice.startswith(f"mine.csv:1: column '{heading}' is converted from {unit} to kt/y (× ")


def test_a_header_that_fits_no_table(scenario, write_csv):
    write_csv([["plnt", "provinz", "lattitude_deg", "tons"], ["M1", "Hebei", "38", "1"]])
    issue = only(scenario("mine.csv"))
    assert issue.where == "mine.csv:1"
    assert issue.what == "the header fits none of steel, chemicals and sources"
    assert "plnt: did you mean 'plant'?" in issue.hint and "did you mean 'province'?" in issue.hint


def test_a_column_that_is_missing_and_one_that_is_unknown(scenario, write_csv):
    rows = works("M1")
    write_csv([[name if name != "province" else "provinc" for name in rows[0]], *rows[1:]])
    assert {issue.what for issue in issues(scenario("mine.csv"))} == {
        "unknown column 'provinc'",
        "column 'province' is missing",
    }


def test_chemicals_are_told_by_their_header(scenario, write_csv):
    header = "plant name product province grid lat_deg lon_deg place_accuracy status capacity_ktpa feedstock gasifier"
    row = ["C1", "Mine", "methanol", "Shanxi", "Shanxi", 37.87, 112.55, "exact", "operating", 500, "coal", "fixed_bed"]
    write_csv([header.split(), row])
    loaded = load_inputs(scenario("mine.csv"))
    assert list(loaded["plants/chemicals"]["plant"]) == ["C1"]
    assert loaded["plants/steel"].empty


def test_a_chemical_plant_whose_co2_no_table_knows(scenario, write_csv):
    header = "plant name product province grid lat_deg lon_deg place_accuracy status capacity_ktpa feedstock"
    row = ["C1", "Mine", "methanol", "Shanxi", "Shanxi", 37.87, 112.55, "exact", "operating", 500, "oil"]
    write_csv([header.split(), row])
    assert "no row for methanol oil" in only(scenario("mine.csv")).what


def test_an_id_that_clashes_names_both_places(scenario, write_csv):
    write_csv(works("M1", "P100000120099"))
    write_csv(works("M1"), name="more.csv")
    assert [(issue.where, issue.what) for issue in issues(scenario("steel", "mine.csv", "more.csv"))] == [
        ("mine.csv:3", "plant P100000120099 is already given at plants/steel.csv:2"),
        ("more.csv:2", "plant M1 is already given at mine.csv:2"),
    ]


def test_an_id_of_an_inventory_that_is_not_asked_for_is_free(scenario, write_csv):
    write_csv(works("P100000120099", "NH3_21"))
    assert list(load_inputs(scenario("mine.csv"))["plants/steel"]["plant"]) == ["P100000120099", "NH3_21"]


def test_examples_are_not_read(scenario, write_csv):
    write_csv(works("EXAMPLE-1", "M1", "example 2"))
    assert list(load_inputs(scenario("mine.csv"))["plants/steel"]["plant"]) == ["M1"]
    write_csv(works("EXAMPLE-1"))
    assert only(scenario("mine.csv")).what == "has no plants"


def test_a_province_without_prices_is_told_how_to_get_them(scenario, write_csv):
    write_csv(works("M1", province="Tibet", grid="Tibet"))
    requested = scenario("mine.csv")
    with pytest.raises(InputError) as caught:
        build_problem(requested, load_inputs(requested))
    reported = [str(issue) for issue in caught.value.issues]
    assert len(reported) == 3
    expected = ("no row", "`data:`", "docs/reference/own-tables.md")
    assert all(each in line for each in expected for line in reported)


# Kindness to CSV files


@pytest.mark.parametrize(
    ("how", "start"),
    [
        ({"sign": ";"}, b""),
        ({"sign": "\t"}, b""),
        ({"end": "\r"}, b""),
        ({"end": "\r\n"}, b"\xef\xbb\xbf"),
        ({"encoding": "gb18030"}, b""),
        ({"encoding": "utf-16", "sign": "\t"}, b""),
    ],
)
def test_a_csv_of_whatever_program(scenario, write_csv, how, start):
    path = write_csv(works("M1", "M2", name_zh="河北钢铁集团石家庄钢铁有限责任公司", bf_iron_ktpa="４５００"), **how)
    path.write_bytes(start + path.read_bytes())
    steel = load_inputs(scenario("mine.csv"))["plants/steel"]
    assert steel["name_zh"].tolist() == ["河北钢铁集团石家庄钢铁有限责任公司"] * 2
    assert steel["bf_iron_ktpa"].tolist() == [4500, 4500]


def test_latin_letters_in_an_old_encoding_are_not_taken_for_chinese(scenario, write_csv):
    path = write_csv(works("M1", name="Hütte Säle"), encoding="latin-1")
    issue = only(scenario("mine.csv"))
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
        ("n/d", "leave the cell empty"),
        ("S/D", "leave the cell empty"),
        ("n/x", "write 1234.5, without separators"),
    ],
)
def test_a_number_in_another_spelling_is_told_the_right_one(scenario, write_csv, cell, hint):
    write_csv(works("M1", crude_steel_ktpa=cell))
    issue = only(scenario("mine.csv"))
    assert (issue.where, issue.hint) == ("mine.csv:2:crude_steel_ktpa", hint)


def test_no_data_in_a_required_column_is_no_empty_cell(scenario, write_csv):
    write_csv(works("M1", lat_deg="n/d"))
    issue = only(scenario("mine.csv"))
    assert issue.hint == "a number is required: latitude, WGS84; beyond 90 the two look swapped"


@pytest.mark.parametrize(
    ("heading", "hint"),
    [("Fuente", ""), ("Nombre", ""), ("longitude", "did you mean 'lon_deg'?"), ("latitude", "did you mean 'lat_deg'?"),
     ("stauts", "did you mean 'status'?"), ("coke_oven", "did you mean 'coke_ovens'?")],
)  # fmt: skip
def test_an_unknown_heading_is_answered_with_a_column_only_if_it_is_near(scenario, write_csv, heading, hint):
    write_csv([[*row, ""] if k else [*row, heading] for k, row in enumerate(works("M1"))])
    issue = only(scenario("mine.csv"))
    assert (issue.what, issue.hint) == (f"unknown column '{heading}'", hint)


def test_a_value_under_no_heading(scenario, write_csv):
    header, row = works("M1")
    write_csv([[*header, ""], [*row, ""]])
    assert len(load_inputs(scenario("mine.csv"))["plants/steel"]) == 1
    write_csv([[*header, ""], [*row, "7"]])
    assert only(scenario("mine.csv")).what == "a value in a column without a heading"


# Where files may lie


def test_a_path_outside_needs_leave(scenario, write_csv, tmp_path):
    write_csv(works("M1"), name="../outside.csv")
    requested = scenario("../outside.csv")
    issue = only(requested)
    assert issue.where.endswith("scenario.yaml:2: plants.inventory[0]")
    assert "lies outside the scenario's folder" in issue.what and issue.hint == "allow it with --allow-outside"
    assert len(load_inputs(requested, allow_outside=True)["plants/steel"]) == 1


def test_a_link_out_of_the_folder_is_outside(scenario, write_csv, tmp_path):
    write_csv(works("M1"), name="../outside.csv")
    (tmp_path / "link.csv").symlink_to(tmp_path.parent / "outside.csv")
    assert "lies outside" in only(scenario("link.csv")).what
    overlay(tmp_path, "prices/grid_factors", GRID).rename(tmp_path.parent / "factors.csv")
    (tmp_path / "my/prices/grid_factors.csv").symlink_to(tmp_path.parent / "factors.csv")
    assert only(scenario(data="my")).where == "my/prices/grid_factors.csv"


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
def test_a_file_that_cannot_be_read(scenario, tmp_path, name, reason):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(FileError, match=reason) as caught:
        load_inputs(scenario(name))
    assert "scenario.yaml:2: plants.inventory[0]" in str(caught.value)


def test_faults_of_the_scenario_and_of_its_tables_come_together(scenario, write_csv, tmp_path):
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


def test_tables_of_another_scenario_are_not_taken(scenario, write_csv, inputs, tmp_path):
    write_csv(works("M1"))
    with pytest.raises(InputError, match=r"plants.inventory\[0\]: 'mine.csv' was not read"):
        build_problem(scenario("mine.csv"), inputs)
    overlay(tmp_path, "prices/grid_factors", GRID)
    with pytest.raises(InputError, match="data: 'my' was not read"):
        build_problem(scenario(data="my"), inputs)


# A folder laid over ours


def test_an_own_price_of_an_earlier_year_is_not_followed_by_a_shipped_one(scenario, inputs, tmp_path):
    """Shanxi has a shipped coal price of 2025. The user's of 2024 replaces it; that of 2030 continues it."""
    coal = {}
    for year in (2024, 2030):
        overlay(tmp_path, "prices/fuels", f"Shanxi,coal,{year},40,0.13,CNY,2024,OWN,assumed,")
        table = load_inputs(scenario(data="my"))["prices/fuels"]
        mine = table[(table["province"] == "Shanxi") & (table["fuel"] == "coal")]
        coal[year] = dict(zip(mine["year"], mine["price_per_gj"], strict=True))
    ours = inputs["prices/fuels"].query("province == 'Shanxi' and fuel == 'coal'")
    shipped = dict(zip(ours["year"], ours["price_per_gj"], strict=True))
    assert set(shipped) == {2025}
    assert coal == {2024: {2024: 40.0}, 2030: {**shipped, 2030: 40.0}}


def test_grid_factors_of_a_province_replace_every_shipped_year(scenario, inputs, tmp_path):
    overlay(tmp_path, "prices/grid_factors", GRID, "Atlantis,2022,0.9,OWN,assumed,")
    loaded = load_inputs(scenario(data="my"))
    ours, theirs = inputs["prices/grid_factors"], loaded["prices/grid_factors"]
    hebei = theirs[theirs["province"] == "Hebei"]
    assert hebei[["year", "grid_kg_per_kwh"]].to_numpy().tolist() == [[2022, 0.5]]
    rest = theirs[~theirs["province"].isin(["Hebei", "Atlantis"])].drop(columns="line")
    shipped = ours[ours["province"] != "Hebei"].drop(columns="line")
    assert rest.to_numpy().tolist() == shipped.to_numpy().tolist()
    assert theirs.iloc[-1]["province"] == "Atlantis"
    origin = (
        "shipped + my/prices/grid_factors.csv (1 row overridden, 1 added, 2 other rows of the same province left out)"
    )
    assert loaded.origins["prices/grid_factors"] == origin
    others = [table for table in inputs.tables if table != "prices/grid_factors"]
    assert all(loaded[table].equals(inputs[table]) and loaded.origins[table] == "shipped" for table in others)


@pytest.mark.slow
def test_the_plan_sees_what_was_laid_over(scenario, tmp_path, inputs):
    overlay(tmp_path, "prices/grid_factors", GRID)
    requested = scenario(data="my")
    mine, ours = build_problem(requested, load_inputs(requested)), build_problem(scenario(), inputs)
    hebei = mine.routes["province"] == "Hebei"
    assert (mine.capture_power_t_per_t[hebei] < ours.capture_power_t_per_t[hebei]).all()
    assert (mine.capture_power_t_per_t[~hebei] == ours.capture_power_t_per_t[~hebei]).all()


def test_instead_of_ours(scenario, tmp_path):
    header = (data_folder() / "storage/sites.csv").read_text(encoding="utf-8").splitlines()
    overlay(tmp_path, "storage/sites", header[1])
    (tmp_path / "my" / "instead.txt").write_text("# only this site\nstorage/sites\n", encoding="utf-8")
    loaded = load_inputs(scenario(data="my"))
    assert len(loaded["storage/sites"]) == 1
    assert loaded.origins["storage/sites"] == "my/storage/sites.csv, replaces the shipped table (1 row)"
    assert "storage/sites.csv" not in loaded.sha256
    assert {"own:my/storage/sites.csv", "own:my/instead.txt"} <= set(loaded.sha256)


def test_instead_names_tables_that_are_there(scenario, tmp_path):
    overlay(tmp_path, "prices/grid_factors", GRID)
    (tmp_path / "my" / "instead.txt").write_text("prices/power\nprice/fuel\n", encoding="utf-8")
    assert [str(issue) for issue in issues(scenario(data="my"))] == [
        "my/instead.txt:1: 'prices/power' has no file in this folder (add prices/power.csv)",
        "my/instead.txt:2: 'price/fuel' is not a table (did you mean 'prices/fuels'?)",
    ]


def test_what_the_program_asks_for_by_name_must_be_there(scenario, tmp_path):
    lines = (data_folder() / "transport/limits.csv").read_text(encoding="utf-8").splitlines()
    overlay(tmp_path, "transport/limits", *lines[2:])
    assert load_inputs(scenario(data="my"))
    (tmp_path / "my" / "instead.txt").write_text("transport/limits", encoding="utf-8")
    assert "no row for limit 'own_pipe_reach_km'" in only(scenario(data="my")).what


def test_a_file_that_is_no_table(scenario, tmp_path):
    overlay(tmp_path, "prices/grid_factor", GRID, header="province,year")
    (tmp_path / "my" / "README.md").write_text("mine", encoding="utf-8")
    (tmp_path / "my" / "sites.xlsx").write_bytes(b"PK")
    shutil.copy(data_folder() / "dictionary.csv", tmp_path / "my")
    found = [str(issue) for issue in issues(scenario(data="my"))]
    assert found[0] == "my/prices/grid_factor.csv: is not a table (did you mean 'prices/grid_factors.csv'?)"
    assert [line.split(":")[0] for line in found] == ["my/prices/grid_factor.csv", "my/sites.xlsx"]


def test_a_key_twice_in_ones_own_table(scenario, tmp_path):
    overlay(tmp_path, "prices/grid_factors", GRID, GRID)
    issue = only(scenario(data="my"))
    assert (issue.where, issue.what) == (
        "my/prices/grid_factors.csv:3",
        "province Hebei, year 2022 is already given at line 2",
    )


def test_references_of_ones_own(scenario, tmp_path):
    overlay(tmp_path, "prices/grid_factors", GRID.replace("OWN", "MY-STUDY"))
    issue = only(scenario(data="my"))
    assert issue.where == "my/prices/grid_factors.csv:2:reference"
    assert "docs/reference/own-tables.md" in issue.hint
    overlay(tmp_path, "references", "MY-STUDY,A study of mine,,mine,grid factors,")
    assert load_inputs(scenario(data="my"))["prices/grid_factors"]["reference"].isin(["MY-STUDY"]).sum() == 1


def test_in_a_data_folder_the_reference_is_optional(scenario, tmp_path):
    overlay(tmp_path, "prices/grid_factors", "Hebei,2022,0.5,,,")
    table = load_inputs(scenario(data="my"))["prices/grid_factors"]
    assert table.loc[table["province"] == "Hebei", "grid_kg_per_kwh"].tolist() == [0.5]


def test_a_data_folder_that_is_none(scenario, tmp_path):
    (tmp_path / "my").write_text("", encoding="utf-8")
    with pytest.raises(FileError, match="expected a folder"):
        load_inputs(scenario(data="my"))
    with pytest.raises(FileError, match="no such folder"):
        load_inputs(scenario(data="other"))
    assert "the scenario's own folder" in only(scenario(data="./")).what


# The hash


@pytest.mark.slow
def test_the_run_changes_with_the_users_files(scenario, write_csv, tmp_path):
    path = write_csv(works("M1"))
    requested = scenario("steel", "mine.csv")
    first = run_key(requested, load_inputs(requested)).sha256
    assert run_key(requested, load_inputs(requested)).sha256 == first
    path.write_text(path.read_text(encoding="utf-8").replace("5000", "5001"), encoding="utf-8")
    second = run_key(requested, load_inputs(requested)).sha256
    requested = scenario("steel", "mine.csv", data="my")
    table = overlay(tmp_path, "prices/grid_factors", GRID)
    third = run_key(requested, load_inputs(requested)).sha256
    table.write_text(table.read_text(encoding="utf-8").replace("0.5", "0.6"), encoding="utf-8")
    assert len({first, second, third, run_key(requested, load_inputs(requested)).sha256}) == 4


@pytest.mark.slow
def test_in_python_too(write_csv, tmp_path, monkeypatch):
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
