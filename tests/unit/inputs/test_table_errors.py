"""Errors in tables are reported all at once, each with file, line and column."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ccs_model.errors import BAD_INPUT, FileError, InputError, Issue
from ccs_model.inputs import Inputs, load_inputs
from ccs_model.inputs.cells import nearest_hint
from ccs_model.paths import data_folder

CHEMICALS, STEEL, PIPES = "plants/chemicals.csv", "plants/steel.csv", "transport/pipes.csv"
FIRST = "NH3_21,Shanxi Tianze Coal Chemical Group (ammonia)"  # line 2 of the chemical plants


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(data_folder(), tmp_path / "data"))


Edit = Callable[..., None]


@pytest.fixture
def edit(folder: Path) -> Edit:
    """Replaces the first `old` of a table with `new`."""

    def replace_first(table: str, old: str, new: str) -> None:
        path = folder / table
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8", newline="")

    return replace_first


def issues(folder: Path) -> list[Issue]:
    with pytest.raises(InputError) as caught:
        load_inputs(folder=folder)
    assert caught.value.exit_code == BAD_INPUT
    return list(caught.value.issues)


def only_issue(folder: Path) -> Issue:
    found = issues(folder)
    assert len(found) == 1, [str(issue) for issue in found]
    return found[0]


def loaded(folder: Path) -> Inputs:
    return load_inputs(folder=folder)


def test_unchanged_copy_of_the_data_folder_loads(folder: Path) -> None:
    assert len(loaded(folder)["plants/chemicals"]) == 406
    assert loaded(folder).folder_name == "data"


def test_row_with_an_extra_field_is_reported(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "IR-CHEM,reported,\n", "IR-CHEM,reported,,\n")
    issue = only_issue(folder)
    assert issue.where == "plants/chemicals.csv:2"
    assert issue.what == "21 fields, expected 20 as in the header"


def test_row_with_a_missing_field_is_reported(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "IR-CHEM,reported,\n", "IR-CHEM,reported\n")
    assert only_issue(folder).what == "19 fields, expected 20 as in the header"


def test_repeated_column_is_reported(folder: Path, edit: Edit) -> None:
    edit(PIPES, "price_year", "currency")
    found = {issue.what for issue in issues(folder)}
    assert "column 'currency' is given twice, at 6 and 7" in found
    assert "column 'price_year' is missing" in found


def test_unknown_column_is_reported_with_the_nearest_one(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "capacity_ktpa", "capacity_ktap")
    found = issues(folder)
    assert {issue.where for issue in found} == {"plants/chemicals.csv:1"}
    unknown = next(issue for issue in found if "unknown" in issue.what)
    assert (unknown.what, unknown.hint) == ("unknown column 'capacity_ktap'", "did you mean 'capacity_ktpa'?")
    assert any(issue.what == "column 'capacity_ktpa' is missing" for issue in found)


@pytest.mark.parametrize(
    "cell", ["many", "inf", "-inf", "nan", "1e999", "1_100", '"1,100"', "1¹00", "0x44c", "1100 kt", "=1100"]
)
def test_cell_that_is_not_a_finite_number_is_reported(folder: Path, edit: Edit, cell: str) -> None:
    edit(CHEMICALS, "exact,operating,,,1100,", f"exact,operating,,,{cell},")
    issue = only_issue(folder)
    assert issue.where == "plants/chemicals.csv:2:capacity_ktpa"
    assert "is not a finite number" in issue.what


@pytest.mark.parametrize(("cell", "allowed"), [("-1", "0 to 10000"), ("10000.5", "0 to 10000")])
def test_number_out_of_range_is_reported(folder: Path, edit: Edit, cell: str, allowed: str) -> None:
    edit(CHEMICALS, "exact,operating,,,1100,", f"exact,operating,,,{cell},")
    issue = only_issue(folder)
    assert issue.where == "plants/chemicals.csv:2:capacity_ktpa"
    assert issue.what == f"{cell} is outside the range {allowed}"


def test_percentage_in_place_of_a_share_is_reported(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "fixed_bed,0.93,", "fixed_bed,93,")
    assert only_issue(folder).where == "plants/chemicals.csv:2:urea_share"


def test_fractional_number_of_years_is_reported(folder: Path, edit: Edit) -> None:
    edit("technologies/technologies.csv", "2026,2,20,10", "2026,2.5,20,10")
    issue = only_issue(folder)
    assert issue.where == "technologies/technologies.csv:2:lead_yr"
    assert "not a whole number" in issue.what


def test_empty_required_cell_is_reported(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "exact,operating,,,1100,", "exact,operating,,,,")
    issue = only_issue(folder)
    assert (issue.where, issue.what) == ("plants/chemicals.csv:2:capacity_ktpa", "is empty")
    assert "product capacity" in issue.hint


def test_unknown_choice_is_reported_with_the_nearest_one(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "exact,operating,,,1100,", "exact,operatng,,,1100,")
    issue = only_issue(folder)
    assert (issue.where, issue.hint) == ("plants/chemicals.csv:2:status", "did you mean 'operating'?")


def test_unknown_reference_is_reported(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "IR-CHEM,reported,\n", "IR-CHIM,reported,\n")
    issue = only_issue(folder)
    assert issue.where == "plants/chemicals.csv:2:reference"
    assert "'IR-CHIM'" in issue.what


def test_repeated_key_is_reported_with_both_lines(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "\nNH3_27,", "\nNH3_21,")
    issue = only_issue(folder)
    assert issue.where == "plants/chemicals.csv:3"
    assert issue.what == "plant NH3_21 is already given at line 2"


def test_plant_in_both_inventories_is_reported(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "\nNH3_27,", "\nP100000120099,")
    assert "P100000120099 is in both inventories" in only_issue(folder).what


def test_plant_far_from_its_province_is_reported(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "35.6549,112.88032", "30.59,114.31")  # Wuhan
    issue = only_issue(folder)
    assert issue.where == "plants/chemicals.csv:2"
    assert "NH3_21" in issue.what
    assert "km outside Shanxi" in issue.what


def test_swapped_latitude_and_longitude_are_reported(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "35.6549,112.88032", "112.88032,35.6549")
    found = issues(folder)
    assert found[0].where.startswith("plants/chemicals.csv:2")
    assert "swapped" in " ".join(str(issue) for issue in found)


def test_retiring_capacity_above_the_operating_capacity_is_reported(folder: Path, edit: Edit) -> None:
    # Donghua, line 11: 5,965 kt/y of iron, of which 1,330 retire.
    edit(STEEL, ",5965.0,,1330.0,", ",5965.0,,5966.0,")
    issue = only_issue(folder)
    assert issue.where == "plants/steel.csv:11:retiring_bf_iron_ktpa"
    assert issue.what == "5966 is more than bf_iron_ktpa 5965"


def test_missing_urea_share_and_missing_gasifier_are_reported(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "coal,fixed_bed,0.93,", "coal,,,")
    assert [issue.where for issue in issues(folder)] == [
        "plants/chemicals.csv:2:gasifier",
        "plants/chemicals.csv:2:urea_share",
    ]


def test_flue_gas_technology_without_heat_rows_is_reported(folder: Path, edit: Edit) -> None:
    path = folder / "technologies/heat.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [lines[0], *[line for line in lines[1:] if not line.startswith("advanced_amine")]]
    path.write_text("".join(kept), encoding="utf-8")
    assert "advanced_amine" in only_issue(folder).what


@pytest.mark.parametrize("name", ["NA", "None", "null", "1e5", "TRUE", "-"])
def test_name_that_looks_like_a_number_or_a_null_value_stays_text(folder: Path, edit: Edit, name: str) -> None:
    edit(CHEMICALS, FIRST, f"NH3_21,{name}")
    assert loaded(folder)["plants/chemicals"]["name"][0] == name


def test_byte_order_mark_and_windows_line_ends_change_nothing(folder: Path, inputs: Inputs) -> None:
    path = folder / CHEMICALS
    raw = path.read_bytes().replace(b"\n", b"\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + raw)
    frame = loaded(folder)["plants/chemicals"]
    assert frame.equals(inputs["plants/chemicals"])


def test_blank_lines_are_skipped_but_counted_in_line_numbers(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "\nNH3_21", "\n\n,,,,,\nNH3_21")
    edit(CHEMICALS, "exact,operating,,,1100,", "exact,operating,,,many,")
    assert only_issue(folder).where == "plants/chemicals.csv:4:capacity_ktpa"


def test_text_that_is_not_utf8_is_reported_with_its_byte(folder: Path) -> None:
    path = folder / PIPES
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"12-20 EUR", b"12\x9620 EUR"))
    found = [issue for issue in issues(folder) if "UTF-8" in issue.what]
    assert [issue.where for issue in found] == ["transport/pipes.csv"]
    assert f"byte {raw.index(b'12-20 EUR') + 2}" in found[0].what


def test_control_character_is_reported(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, FIRST, FIRST + "\x07")
    issue = only_issue(folder)
    assert (issue.where, issue.what) == ("plants/chemicals.csv:2:name", "contains a control character")


def test_unclosed_quote_is_reported(folder: Path, edit: Edit) -> None:
    edit(PIPES, "12-20 EUR", '"12-20 EUR')
    assert ("transport/pipes.csv:2", "the quote that opens here is not closed") in {
        (issue.where, issue.what) for issue in issues(folder)
    }


def test_empty_file_is_reported_with_its_missing_columns(folder: Path) -> None:
    (folder / PIPES).write_text("", encoding="utf-8")
    found = issues(folder)
    assert {issue.where for issue in found} == {"transport/pipes.csv:1"}
    assert "column 'pipe' is missing" in {issue.what for issue in found}


def test_missing_table_file_raises_a_file_error(folder: Path) -> None:
    (folder / PIPES).unlink()
    with pytest.raises(FileError, match=r"transport/pipes\.csv"):
        load_inputs(folder=folder)


def test_errors_of_all_tables_are_reported_at_once_and_sorted(folder: Path, edit: Edit) -> None:
    edit(PIPES, "small,10,30,15", "small,ten,30,15")
    edit(CHEMICALS, "exact,operating,,,1100,", "exact,operatng,,,-5,")
    edit(STEEL, "P100000120099,Hebei Xinxing Ductile Iron Pipes Co Ltd", "P100000120099,")
    assert [issue.where for issue in issues(folder)] == [
        "plants/chemicals.csv:2:capacity_ktpa",
        "plants/chemicals.csv:2:status",
        "plants/steel.csv:2:name",
        "transport/pipes.csv:2:smallest_tph",
    ]


def test_hash_of_a_table_changes_with_its_bytes(folder: Path, edit: Edit, inputs: Inputs) -> None:
    edit(PIPES, "12-20 EUR", "12-21 EUR")
    changed = loaded(folder).sha256
    assert {name for name in changed if changed[name] != inputs.sha256[name]} == {"transport/pipes.csv"}


@pytest.mark.parametrize(
    ("word", "hint"), [("SHANXI", "did you mean 'Shanxi'?"), ("hebai", "did you mean 'Hebei'?"), ("Q", "none of these")]
)
def test_nearest_name_is_found_in_any_case(word: str, hint: str) -> None:
    assert nearest_hint(word, ["Anhui", "Hebei", "Shanxi"], "none of these") == hint


def test_distribution_with_low_above_high_is_reported(folder: Path, edit: Edit) -> None:
    edit("uncertainty/inputs.csv", "pipe_cost,,triangular,0.7,1,1.5", "pipe_cost,,triangular,1.7,1,1.5")
    issue = only_issue(folder)
    assert "uncertainty/inputs.csv" in issue.where and "low 1.7 is above high 1.5" in issue.what
