"""Workbooks in a folder of the user's own tables: the same answers and the same faults as CSV files."""

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
def put(tmp_path: Path, write_book) -> Callable[..., Path]:
    """A workbook in the folder `my`."""
    (tmp_path / "my").mkdir()
    return lambda name="mine.xlsx", **sheets: write_book(f"my/{name}", **sheets)


@pytest.mark.parametrize("title", ["grid_factors", "prices_grid_factors", "Grid factors", "PRICES.GRID_FACTORS "])
def test_a_sheet_says_the_same_as_a_csv(scenario, put, write_csv, title):
    path = put(**{title: FACTORS, "README": [["for people"]], "Sheet1": []})
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


def test_several_tables_and_references_in_one_workbook(scenario, put):
    mine = [[*FACTORS[0]], ["Hebei", 2022, 0.5, "MY-STUDY", "reported", None]]
    references = [["reference", "citation", "licence", "use"], ["MY-STUDY", "A study of mine", "mine", "factors"]]
    put(grid_factors=mine, references=references)
    loaded = load_inputs(scenario(data="my"))
    assert loaded["prices/grid_factors"]["reference"].isin(["MY-STUDY"]).sum() == 1


def test_faults_name_the_cell(scenario, put):
    rows = [row[:] for row in FACTORS]
    rows[1][2], rows[2][4] = "0,5", "guessed"
    put(grid_factors=[[], *rows])
    assert issues(scenario(data="my")) == [
        "my/mine.xlsx:grid_factors!C3: '0,5' is not a finite number (write 0.5)",
        "my/mine.xlsx:grid_factors!E4: 'guessed' is unknown (expected one of measured, reported, estimated, assumed)",
    ]


def test_a_key_twice_and_an_unknown_reference_name_their_cells(scenario, put):
    put(grid_factors=[*FACTORS, FACTORS[1]])
    (twice,) = issues(scenario(data="my"))
    assert twice.startswith("my/mine.xlsx:grid_factors!A4: province Hebei, year 2022 is already given at ")
    assert twice.endswith("my/mine.xlsx:grid_factors!A2")
    put(grid_factors=[FACTORS[0], ["Hebei", 2022, 0.5, "NOWHERE", "reported", None]])
    (unknown,) = issues(scenario(data="my"))
    assert unknown.startswith("my/mine.xlsx:grid_factors!D2: 'NOWHERE' is not in references.csv")


def test_a_table_given_twice(scenario, put, write_csv):
    put(grid_factors=FACTORS)
    write_csv(FACTORS, name="my/prices/grid_factors.csv")
    assert issues(scenario(data="my")) == [
        "my/prices/grid_factors.csv: prices/grid_factors is already given in my/mine.xlsx:grid_factors"
        " (keep one of them)"
    ]
    (write_csv(FACTORS, name="my/prices/grid_factors.csv")).unlink()
    put("more.xlsx", prices_grid_factors=FACTORS)
    (issue,) = issues(scenario(data="my"))
    assert issue.startswith("my/more.xlsx:prices_grid_factors: prices/grid_factors is already given in my/mine.xlsx")


def test_sheets_that_are_no_table(scenario, put):
    put(grid_factor=FACTORS, vw=[["a"], [1]])
    assert issues(scenario(data="my")) == [
        "my/mine.xlsx:grid_factor: 'grid_factor' is not a table (did you mean 'grid_factors'?)",
        "my/mine.xlsx:vw: 'vw' is not a table (sheets are named after tables; `ccs-model data` lists them)",
    ]


def test_a_workbook_of_another_kind(scenario, put, tmp_path):
    (tmp_path / "my" / "mine.xlsx").write_bytes(b"province;year")
    (tmp_path / "my" / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    assert issues(scenario(data="my")) == [
        "my/mine.xlsx: this is text, perhaps CSV, expected .xlsx (name it .csv)",
        "my/old.xls: is not a table (save it as an Excel workbook (.xlsx))",
    ]


def test_instead_of_ours(scenario, put, tmp_path, inputs):
    table = inputs["prices/grid_factors"].drop(columns="line")
    table = table.assign(grid_kg_per_kwh=0.6, reference="OWN")
    put(grid_factors=[list(table.columns), *table.head(5).itertuples(index=False, name=None)])
    (tmp_path / "my" / "instead.txt").write_text("prices/grid_factors\n", encoding="utf-8")
    loaded = load_inputs(scenario(data="my"))
    assert loaded["prices/grid_factors"]["grid_kg_per_kwh"].tolist() == [0.6] * 5
    assert loaded.origins["prices/grid_factors"] == "my/mine.xlsx:grid_factors, replaces the shipped table (5 rows)"


def test_every_table_can_be_named_by_a_sheet():
    declared = read_dictionary()
    for name in declared:
        titles = [title for title in (name.rpartition("/")[2], name.replace("/", "_")) if len(title) <= 31]
        assert titles, name
        found = [tables_named(title, declared) for title in titles]
        assert [name] in found and all(name in names for names in found), name  # a name may be in two folders


def test_a_name_of_two_folders_needs_its_folder():
    declared = {"streams/factors": (), "storage/factors": (), "storage/sites": ()}
    assert len(tables_named("factors", declared)) > 1
    assert tables_named("storage_factors", declared) == ["storage/factors"]
    assert tables_named("Sites", declared) == ["storage/sites"]
