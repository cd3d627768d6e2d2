"""What is wrong with a table is told with file, line and column, all at once."""

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

    def made(table: str, old: str, new: str) -> None:
        path = folder / table
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8", newline="")

    return made


def issues(folder: Path) -> list[Issue]:
    with pytest.raises(InputError) as caught:
        load_inputs(folder=folder)
    assert caught.value.exit_code == BAD_INPUT
    return list(caught.value.issues)


def only(folder: Path) -> Issue:
    found = issues(folder)
    assert len(found) == 1, [str(issue) for issue in found]
    return found[0]


def loaded(folder: Path) -> Inputs:
    return load_inputs(folder=folder)


def test_a_copy_without_changes_loads(folder: Path) -> None:
    assert len(loaded(folder)["plants/chemicals"]) == 406
    assert loaded(folder).folder_name == "data"


def test_a_field_too_many_never_shifts_columns(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "IR-CHEM,reported,\n", "IR-CHEM,reported,,\n")
    issue = only(folder)
    assert issue.where == "plants/chemicals.csv:2"
    assert issue.what == "21 fields, expected 20 as in the header"


def test_a_field_too_few(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "IR-CHEM,reported,\n", "IR-CHEM,reported\n")
    assert only(folder).what == "19 fields, expected 20 as in the header"


def test_a_column_that_stands_twice(folder: Path, edit: Edit) -> None:
    edit(PIPES, "price_year", "currency")
    found = {issue.what for issue in issues(folder)}
    assert "column 'currency' is given twice, at 6 and 7" in found
    assert "column 'price_year' is missing" in found


def test_an_unknown_column_is_answered_with_the_nearest(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "capacity_ktpa", "capacity_ktap")
    found = issues(folder)
    assert {issue.where for issue in found} == {"plants/chemicals.csv:1"}
    unknown = next(issue for issue in found if "unknown" in issue.what)
    assert (unknown.what, unknown.hint) == ("unknown column 'capacity_ktap'", "did you mean 'capacity_ktpa'?")
    assert any(issue.what == "column 'capacity_ktpa' is missing" for issue in found)


@pytest.mark.parametrize(
    "cell", ["many", "inf", "-inf", "nan", "1e999", "1_100", '"1,100"', "1¹00", "0x44c", "1100 kt", "=1100"]
)
def test_what_is_not_a_finite_number(folder: Path, edit: Edit, cell: str) -> None:
    edit(CHEMICALS, "exact,operating,,,1100,", f"exact,operating,,,{cell},")
    issue = only(folder)
    assert issue.where == "plants/chemicals.csv:2:capacity_ktpa"
    assert "is not a finite number" in issue.what


@pytest.mark.parametrize(("cell", "allowed"), [("-1", "0 to 10000"), ("10000.5", "0 to 10000")])
def test_out_of_range(folder: Path, edit: Edit, cell: str, allowed: str) -> None:
    edit(CHEMICALS, "exact,operating,,,1100,", f"exact,operating,,,{cell},")
    issue = only(folder)
    assert issue.where == "plants/chemicals.csv:2:capacity_ktpa"
    assert issue.what == f"{cell} is outside the range {allowed}"


def test_a_percent_is_no_share(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "fixed_bed,0.93,", "fixed_bed,93,")
    assert only(folder).where == "plants/chemicals.csv:2:urea_share"


def test_half_a_year(folder: Path, edit: Edit) -> None:
    edit("technologies/technologies.csv", "2026,2,20,10", "2026,2.5,20,10")
    issue = only(folder)
    assert issue.where == "technologies/technologies.csv:2:lead_yr"
    assert "not a whole number" in issue.what


def test_an_empty_cell_that_is_needed(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "exact,operating,,,1100,", "exact,operating,,,,")
    issue = only(folder)
    assert (issue.where, issue.what) == ("plants/chemicals.csv:2:capacity_ktpa", "is empty")
    assert "product capacity" in issue.hint


def test_an_unknown_choice_is_answered_with_the_nearest(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "exact,operating,,,1100,", "exact,operatng,,,1100,")
    issue = only(folder)
    assert (issue.where, issue.hint) == ("plants/chemicals.csv:2:status", "did you mean 'operating'?")


def test_a_reference_that_does_not_exist(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "IR-CHEM,reported,\n", "IR-CHIM,reported,\n")
    issue = only(folder)
    assert issue.where == "plants/chemicals.csv:2:reference"
    assert "'IR-CHIM'" in issue.what


def test_a_key_that_stands_twice_names_both_lines(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "\nNH3_27,", "\nNH3_21,")
    issue = only(folder)
    assert issue.where == "plants/chemicals.csv:3"
    assert issue.what == "plant NH3_21 is already given at line 2"


def test_a_plant_of_both_inventories(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "\nNH3_27,", "\nP100000120099,")
    assert "P100000120099 is in both inventories" in only(folder).what


def test_a_plant_far_from_its_province(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "35.6549,112.88032", "30.59,114.31")  # Wuhan
    issue = only(folder)
    assert issue.where == "plants/chemicals.csv:2"
    assert "NH3_21" in issue.what
    assert "km outside Shanxi" in issue.what


def test_a_swapped_latitude_and_longitude_is_pointed_out(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "35.6549,112.88032", "112.88032,35.6549")
    found = issues(folder)
    assert found[0].where.startswith("plants/chemicals.csv:2")
    assert "swapped" in " ".join(str(issue) for issue in found)


def test_more_retires_than_there_is(folder: Path, edit: Edit) -> None:
    # Donghua, line 11: 5,965 kt/y of iron, of which 1,330 retire.
    edit(STEEL, ",5965.0,,1330.0,", ",5965.0,,5966.0,")
    issue = only(folder)
    assert issue.where == "plants/steel.csv:11:retiring_bf_iron_ktpa"
    assert issue.what == "5966 is more than bf_iron_ktpa 5965"


def test_an_ammonia_plant_without_urea_share_and_a_coal_plant_without_gasifier(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "coal,fixed_bed,0.93,", "coal,,,")
    assert [issue.where for issue in issues(folder)] == [
        "plants/chemicals.csv:2:gasifier",
        "plants/chemicals.csv:2:urea_share",
    ]


def test_flue_gas_capture_without_heat(folder: Path, edit: Edit) -> None:
    path = folder / "technologies/heat.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [lines[0], *[line for line in lines[1:] if not line.startswith("advanced_amine")]]
    path.write_text("".join(kept), encoding="utf-8")
    assert "advanced_amine" in only(folder).what


@pytest.mark.parametrize("name", ["NA", "None", "null", "1e5", "TRUE", "-"])
def test_a_name_stays_text(folder: Path, edit: Edit, name: str) -> None:
    edit(CHEMICALS, FIRST, f"NH3_21,{name}")
    assert loaded(folder)["plants/chemicals"]["name"][0] == name


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(folder: Path, inputs: Inputs) -> None:
    path = folder / CHEMICALS
    raw = path.read_bytes().replace(b"\n", b"\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + raw)
    frame = loaded(folder)["plants/chemicals"]
    assert frame.equals(inputs["plants/chemicals"])


def test_blank_lines_are_skipped_and_still_counted(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, "\nNH3_21", "\n\n,,,,,\nNH3_21")
    edit(CHEMICALS, "exact,operating,,,1100,", "exact,operating,,,many,")
    assert only(folder).where == "plants/chemicals.csv:4:capacity_ktpa"


def test_what_is_not_utf8(folder: Path) -> None:
    path = folder / PIPES
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"12-20 EUR", b"12\x9620 EUR"))
    found = [issue for issue in issues(folder) if "UTF-8" in issue.what]
    assert [issue.where for issue in found] == ["transport/pipes.csv"]
    assert f"byte {raw.index(b'12-20 EUR') + 2}" in found[0].what


def test_a_control_character(folder: Path, edit: Edit) -> None:
    edit(CHEMICALS, FIRST, FIRST + "\x07")
    issue = only(folder)
    assert (issue.where, issue.what) == ("plants/chemicals.csv:2:name", "contains a control character")


def test_a_quote_that_never_closes(folder: Path, edit: Edit) -> None:
    edit(PIPES, "12-20 EUR", '"12-20 EUR')
    assert any("quote that opens here" in issue.what or "fields where" in issue.what for issue in issues(folder))


def test_an_empty_file_misses_every_column_that_is_needed(folder: Path) -> None:
    (folder / PIPES).write_text("", encoding="utf-8")
    found = issues(folder)
    assert {issue.where for issue in found} == {"transport/pipes.csv:1"}
    assert "column 'pipe' is missing" in {issue.what for issue in found}


def test_a_table_that_is_not_there(folder: Path) -> None:
    (folder / PIPES).unlink()
    with pytest.raises(FileError, match=r"transport/pipes\.csv"):
        load_inputs(folder=folder)


def test_faults_of_all_tables_come_at_once_and_sorted(folder: Path, edit: Edit) -> None:
    edit(PIPES, "small,10,30,15", "small,ten,30,15")
    edit(CHEMICALS, "exact,operating,,,1100,", "exact,operatng,,,-5,")
    edit(STEEL, "P100000120099,Hebei Xinxing Ductile Iron Pipes Co Ltd", "P100000120099,")
    assert [issue.where for issue in issues(folder)] == [
        "plants/chemicals.csv:2:capacity_ktpa",
        "plants/chemicals.csv:2:status",
        "plants/steel.csv:2:name",
        "transport/pipes.csv:2:smallest_tph",
    ]


def test_the_fingerprint_of_a_table_is_that_of_its_bytes(folder: Path, edit: Edit, inputs: Inputs) -> None:
    edit(PIPES, "12-20 EUR", "12-21 EUR")
    changed = loaded(folder).sha256
    assert {name for name in changed if changed[name] != inputs.sha256[name]} == {"transport/pipes.csv"}


@pytest.mark.parametrize(
    ("word", "hint"), [("SHANXI", "did you mean 'Shanxi'?"), ("hebai", "did you mean 'Hebei'?"), ("Q", "none of these")]
)
def test_the_nearest_name_is_found_whatever_its_case(word: str, hint: str) -> None:
    assert nearest_hint(word, ["Anhui", "Hebei", "Shanxi"], "none of these") == hint


def test_a_distribution_with_its_ends_in_the_wrong_order_is_named(folder: Path, edit: Edit) -> None:
    edit("uncertainty/inputs.csv", "pipe_cost,,triangular,0.7,1,1.5", "pipe_cost,,triangular,1.7,1,1.5")
    found = only(folder)
    assert "uncertainty/inputs.csv" in found.where and "low 1.7 is above high 1.5" in found.what
