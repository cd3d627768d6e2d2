"""Workbooks in a data folder give the same tables and the same errors as CSV files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ccs_model.errors import InputError, Issue
from ccs_model.inputs import load_inputs
from ccs_model.inputs.declarations import read_dictionary
from ccs_model.inputs.user_tables import tables_named

FACTORS = [
    ["province", "year", "grid_kg_per_kwh", "reference", "quality", "note"],
    ["Hebei", 2022, 0.5, "OWN", "reported", "mine"],
    ["Atlantis", 2022, 0.9, "OWN", "assumed", None],
]


def issues(scenario) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_inputs(scenario)
    assert all(isinstance(issue, Issue) for issue in caught.value.issues)
    return [str(issue) for issue in caught.value.issues]


@pytest.fixture
def write_own_book(tmp_path: Path, write_book) -> Callable[..., Path]:
    """Writes a workbook into the folder `my`."""
    (tmp_path / "my").mkdir()
    return lambda name="mine.xlsx", **sheets: write_book(f"my/{name}", **sheets)


@pytest.mark.parametrize("title", ["grid_factors", "prices_grid_factors", "Grid factors", "PRICES.GRID_FACTORS "])
def test_sheet_loads_like_a_csv_file(scenario, write_own_book, write_csv, title):
    path = write_own_book(**{title: FACTORS, "README": [["for people"]], "Sheet1": []})
    requested = scenario(data="my")
    by_sheet = load_inputs(requested)
    assert by_sheet.origins["prices/grid_factors"] == (
        f"shipped + my/mine.xlsx:{title} (1 row overridden, 1 added, 2 other rows of the same province left out)"
    )
    assert len(by_sheet.sha256["own:my/mine.xlsx"]) == 64
    path.unlink()
    write_csv(FACTORS, name="my/prices/grid_factors.csv")
    by_file = load_inputs(requested)
    assert all(by_sheet[table].equals(by_file[table]) for table in by_file.tables)
    hebei = by_sheet["prices/grid_factors"].query("province == 'Hebei' and year == 2022")
    assert hebei["grid_kg_per_kwh"].tolist() == [0.5]


def test_one_workbook_holds_several_tables_and_references(scenario, write_own_book):
    factors = [[*FACTORS[0]], ["Hebei", 2022, 0.5, "MY-STUDY", "reported", None]]
    references = [["reference", "citation", "licence", "use"], ["MY-STUDY", "A study of mine", "mine", "factors"]]
    write_own_book(grid_factors=factors, references=references)
    loaded = load_inputs(scenario(data="my"))
    assert loaded["prices/grid_factors"]["reference"].isin(["MY-STUDY"]).sum() == 1


def test_errors_are_reported_at_their_cell(scenario, write_own_book):
    rows = [row[:] for row in FACTORS]
    rows[1][2], rows[2][4] = "0,5", "guessed"
    write_own_book(grid_factors=[[], *rows])
    assert issues(scenario(data="my")) == [
        "my/mine.xlsx:grid_factors!C3: '0,5' is not a finite number (write 0.5)",
        "my/mine.xlsx:grid_factors!E4: 'guessed' is unknown (expected one of measured, reported, estimated, assumed)",
    ]


def test_repeated_key_and_unknown_reference_are_reported_at_their_cell(scenario, write_own_book):
    write_own_book(grid_factors=[*FACTORS, FACTORS[1]])
    (twice,) = issues(scenario(data="my"))
    assert twice.startswith("my/mine.xlsx:grid_factors!A4: province Hebei, year 2022 is already given at ")
    assert twice.endswith("my/mine.xlsx:grid_factors!A2")
    write_own_book(grid_factors=[FACTORS[0], ["Hebei", 2022, 0.5, "NOWHERE", "reported", None]])
    (unknown,) = issues(scenario(data="my"))
    assert unknown.startswith("my/mine.xlsx:grid_factors!D2: 'NOWHERE' is not in references.csv")


def test_table_given_twice_is_reported(scenario, write_own_book, write_csv):
    write_own_book(grid_factors=FACTORS)
    write_csv(FACTORS, name="my/prices/grid_factors.csv")
    assert issues(scenario(data="my")) == [
        "my/prices/grid_factors.csv: prices/grid_factors is already given in my/mine.xlsx:grid_factors"
        " (keep one of them)"
    ]
    (write_csv(FACTORS, name="my/prices/grid_factors.csv")).unlink()
    write_own_book("more.xlsx", prices_grid_factors=FACTORS)
    (issue,) = issues(scenario(data="my"))
    assert issue.startswith("my/more.xlsx:prices_grid_factors: prices/grid_factors is already given in my/mine.xlsx")


def test_sheets_that_are_not_tables_are_reported(scenario, write_own_book):
    write_own_book(grid_factor=FACTORS, vw=[["a"], [1]])
    assert issues(scenario(data="my")) == [
        "my/mine.xlsx:grid_factor: 'grid_factor' is not a table (did you mean 'grid_factors'?)",
        "my/mine.xlsx:vw: 'vw' is not a table (sheets are named after tables; `ccs-model data` lists them)",
    ]


def test_files_that_are_not_xlsx_workbooks_are_reported(scenario, write_own_book, tmp_path):
    (tmp_path / "my" / "mine.xlsx").write_bytes(b"province;year")
    (tmp_path / "my" / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    assert issues(scenario(data="my")) == [
        "my/mine.xlsx: this is text, perhaps CSV, expected .xlsx (name it .csv)",
        "my/old.xls: is not a table (save it as an Excel workbook (.xlsx))",
    ]


def test_sheet_listed_in_instead_txt_replaces_the_shipped_table(scenario, write_own_book, tmp_path, inputs):
    table = inputs["prices/grid_factors"].drop(columns="line")
    table = table.assign(grid_kg_per_kwh=0.6, reference="OWN")
    write_own_book(grid_factors=[list(table.columns), *table.head(5).itertuples(index=False, name=None)])
    (tmp_path / "my" / "instead.txt").write_text("prices/grid_factors\n", encoding="utf-8")
    loaded = load_inputs(scenario(data="my"))
    assert loaded["prices/grid_factors"]["grid_kg_per_kwh"].tolist() == [0.6] * 5
    assert loaded.origins["prices/grid_factors"] == "my/mine.xlsx:grid_factors, replaces the shipped table (5 rows)"


def test_sheet_titles_identify_every_table():
    declared = read_dictionary()
    for name in declared:
        titles = [title for title in (name.rpartition("/")[2], name.replace("/", "_")) if len(title) <= 31]
        assert titles, name
        found = [tables_named(title, declared) for title in titles]
        assert [name] in found and all(name in names for names in found), name  # two folders can share a name


def test_ambiguous_sheet_title_requires_the_folder_of_its_table():
    declared = {"streams/factors": (), "storage/factors": (), "storage/sites": ()}
    assert len(tables_named("factors", declared)) > 1
    assert tables_named("storage_factors", declared) == ["storage/factors"]
    assert tables_named("Sites", declared) == ["storage/sites"]
