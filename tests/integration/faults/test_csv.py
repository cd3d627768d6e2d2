"""CSV inventories as people and spreadsheets write them: F16–F25 and further cases."""

from __future__ import annotations

from typing import Any

import pytest

from tests.own_tables import WORKS, works

from .conftest import Report, Workspace, csv_text


@pytest.mark.parametrize("name", ["NA", "null", "None", "NaN", "nan", "#N/A", "-", "TRUE", "1e5", "007"])
def test_F16_a_name_that_looks_like_a_number_or_null_stays_text(workspace: Workspace, name: str) -> None:
    from ccs_model.inputs import load_inputs
    from ccs_model.scenario import read_scenario

    workspace.csv(works(name, name=name))
    assert workspace.check().code == 0
    plants = load_inputs(read_scenario(workspace.folder / "s.yaml"))["plants/steel"]
    assert plants[["plant", "name"]].to_numpy().tolist() == [[name, name]]


@pytest.mark.parametrize(("extra", "n_fields"), [(["one more"], 13), (None, 11)])
def test_F17_an_extra_or_missing_field_is_reported_with_its_line(
    workspace: Workspace, reported: Report, extra: list[str] | None, n_fields: int
) -> None:
    rows = works("M1", "M2")
    rows[2] = rows[2] + extra if extra else rows[2][:-1]
    workspace.csv(rows)
    assert f"mine.csv:3: {n_fields} fields, expected 12" in reported()


def test_F19_a_duplicate_heading_is_reported_with_both_positions(workspace: Workspace, reported: Report) -> None:
    rows = works("M1")
    workspace.csv([[*rows[0], "status"], [*rows[1], "operating"]])
    assert "mine.csv:1: column 'status' is given twice, at 8 and 13" in reported()


@pytest.mark.parametrize(
    ("cell", "sign", "code", "words"),
    [
        (
            "5,000",
            ";",
            3,
            "mine.csv:2:crude_steel_ktpa: '5,000' is not a finite number (write 5000 for thousands or 5.000 for",
        ),
        ("5.000,5", ";", 3, "mine.csv:2:crude_steel_ktpa: '5.000,5' is not a finite number (write 5000.5)"),
        ("5000,5", "\t", 3, "'5000,5' is not a finite number (write 5000.5)"),
        ("５０００", ",", 0, ""),
        ("5 000", ",", 3, "write 5000"),
        ("5'000", ",", 3, "mine.csv:2:crude_steel_ktpa: '5'000' is not a finite number"),
    ],
)
def test_F21_separators_in_numbers_are_reported_at_their_cell(
    workspace: Workspace, cell: str, sign: str, code: int, words: str
) -> None:
    workspace.csv(works("M1", crude_steel_ktpa=cell), sign=sign)
    answer = workspace.check()
    assert (answer.code, words in answer.err) == (code, True), answer.err


def test_F22_gb18030_is_read_and_invalid_bytes_are_reported_with_their_position(
    workspace: Workspace, reported: Report
) -> None:
    text = csv_text(works("M1", name="石家庄钢铁有限责任公司"))
    workspace.put("mine.csv", text.encode("gb18030"))
    assert workspace.check().code == 0
    workspace.put("mine.csv", text.encode("utf-8").replace("石".encode(), b"\xff\xfd"))
    at = text.encode("utf-8").index("石".encode())
    line = text[: text.index("石")].count("\n") + 1
    assert f"mine.csv: not UTF-8 text in line {line}, at byte {at} (save it as CSV UTF-8)" in reported()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_F23_byte_order_marks_line_endings_and_separators_are_accepted(
    workspace: Workspace, end: str, sign: str
) -> None:
    workspace.put("mine.csv", b"\xef\xbb\xbf" + csv_text(works("M1", "M2"), sign, end).encode())
    answer = workspace.check()
    assert answer.code == 0, answer.err
    assert "2 operating plants" in answer.out


@pytest.mark.parametrize("cell", ["1e400", "inf", "-inf", "nan", "-", "NaN", "Infinity", "1e", "0x10", "1_000", "²"])
def test_F25_malformed_and_non_finite_numbers_are_rejected(workspace: Workspace, reported: Report, cell: str) -> None:
    workspace.csv(works("M1", crude_steel_ktpa=cell))
    assert f"mine.csv:2:crude_steel_ktpa: '{cell}' is not a finite number" in reported()


# Further cases.


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_text_of_excel_is_read(workspace: Workspace, encoding: str) -> None:
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    workspace.put("mine.csv", mark + csv_text(works("M1"), "\t").encode(encoding))
    assert workspace.check().code == 0


def test_truncated_utf_16_is_reported(workspace: Workspace, reported: Report) -> None:
    workspace.put("mine.csv", csv_text(works("M1")).encode("utf-16")[:-1])
    assert "mine.csv: not UTF-8 text in line" in reported()


def test_mixed_line_endings_are_accepted(workspace: Workspace) -> None:
    one, two, three = csv_text(works("M1", "M2")).splitlines()
    workspace.put("mine.csv", f"{one}\r\n{two}\r{three}\n\n")
    assert "2 operating plants" in workspace.check().out


def test_files_without_rows_or_without_a_header_are_reported(workspace: Workspace, reported: Report) -> None:
    workspace.csv(works())
    assert "mine.csv: has no plants" in reported()
    workspace.put("mine.csv", "")
    assert "mine.csv: the file is empty, expected a header and one row per plant" in reported()
    workspace.put("mine.csv", "\n \n,,,\n")
    assert "mine.csv: the file is empty" in reported()


def test_trailing_empty_rows_and_columns_are_ignored(workspace: Workspace) -> None:
    rows = [[*row, "", ""] for row in works("M1")]
    workspace.csv([*rows, [""] * 14, [""] * 14])
    answer = workspace.check()
    assert (answer.code, "1 operating plant with" in answer.out) == (0, True), answer.err


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_a_title_above_the_header_is_reported_with_the_line_of_the_header(
    workspace: Workspace, reported: Report, sign: str
) -> None:
    rows = works("M1")
    workspace.csv([["Our plants 2026", *[""] * 11], [""] * 12, *rows], sign=sign)
    assert "the header is on line 3" in reported()


def test_a_title_above_an_own_table_is_the_only_error(workspace: Workspace, reported: Report) -> None:
    workspace.csv(works("M1"))
    rows = [["site", "lat_deg", "lon_deg", "capacity_mid_kt", "storage_cost_per_t"], ["deep", 38, 114, 9_000, 60]]
    workspace.csv([["Our sites", *[""] * 4], *rows], name="my/storage/sites.csv", sign=";")
    workspace.put("my/instead.txt", "storage/sites\n")
    workspace.scenario(data="my", storage="")
    message = reported()
    assert "my/storage/sites.csv: the header is on line 2, expected on the first" in message
    assert "1 error;" in message and "no rows" not in message


@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_first_line_that_states_the_separator_is_skipped(workspace: Workspace, sign: str, end: str) -> None:
    workspace.put("mine.csv", f"sep={sign}{end}" + csv_text(works("M1", "M2"), sign, end))
    answer = workspace.check()
    assert (answer.code, "2 operating plants" in answer.out) == (0, True), answer.err


@pytest.mark.parametrize("word", ["TOTAL", "Total:", "TOTAL ESPAÑA", "合计"])
@pytest.mark.parametrize("column", ["plant", "name"])
@pytest.mark.parametrize("amount", ["5000", "5.000,5"])
def test_a_row_of_totals_is_one_error(
    workspace: Workspace, reported: Report, word: str, column: str, amount: str
) -> None:
    rows = works("M1")
    total = dict.fromkeys(rows[0], "") | {column: word, "crude_steel_ktpa": amount, "bof_steel_ktpa": amount}
    workspace.csv([*rows, list(total.values())], sign=";")
    message = reported()
    assert "mine.csv:3: looks like a row of totals, expected a row of the table (delete it)" in message
    assert "1 error;" in message


def test_a_plant_named_total_is_accepted(workspace: Workspace) -> None:
    workspace.csv(works("Total 1", name="Total"))
    answer = workspace.check()
    assert answer.code == 0, answer.err


def test_spaces_and_non_breaking_spaces_around_cells_are_stripped(workspace: Workspace) -> None:
    rows = works("M1")
    rows[0] = [f" {heading}\u00a0" for heading in rows[0]]
    rows[1] = [f"\u00a0{cell} " for cell in rows[1]]
    workspace.csv(rows)
    answer = workspace.check()
    assert answer.code == 0, answer.err


@pytest.mark.parametrize("other", ["m1", "M1 ", "Ｍ１", "M1\u00a0", "M\u200b1"])
def test_ids_that_look_alike_are_reported_as_duplicates(workspace: Workspace, reported: Report, other: str) -> None:
    workspace.csv(works("M1", other))
    assert "mine.csv:3" in (message := reported()) and "line 2" in message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"start_year": "2020-05-01"}, "mine.csv:2:start_year: '2020-05-01' is not a finite number"),
        ({"start_year": "1999.5"}, "mine.csv:2:start_year: 1999.5 is not a whole number"),
        ({"start_year": "99"}, "mine.csv:2:start_year: 99 is outside the range 1850 to 2040"),
        ({"crude_steel_ktpa": "#REF!"}, "mine.csv:2:crude_steel_ktpa: '#REF!' is not a finite number"),
        ({"crude_steel_ktpa": "50%"}, "mine.csv:2:crude_steel_ktpa: '50%' is not a finite number (write 0.5)"),
        ({"crude_steel_ktpa": "5000 kt"}, "mine.csv:2:crude_steel_ktpa: '5000 kt' is not a finite number"),
        ({"coke_ovens": ""}, "mine.csv:2:coke_ovens: is empty"),
        ({"plant": ""}, "mine.csv:2:plant: is empty"),
    ],
)
def test_empty_cells_and_values_of_the_wrong_type_are_reported(
    workspace: Workspace, reported: Report, changes: dict[str, Any], words: str
) -> None:
    rows = works("M1", **changes)
    rows[1][rows[0].index(next(iter(changes)))] = next(iter(changes.values()))
    workspace.csv(rows)
    assert words in reported()


def test_a_missing_required_column_is_reported(workspace: Workspace, reported: Report) -> None:
    at = list(WORKS).index("coke_ovens")
    workspace.csv([row[:at] for row in works("M1")])
    assert "mine.csv:1: column 'coke_ovens' is missing" in reported()


def test_an_html_page_saved_as_csv_is_reported(workspace: Workspace, reported: Report) -> None:
    workspace.put("mine.csv", "<!DOCTYPE html><html><body>Please log in</body></html>")
    assert "mine.csv: this is an HTML or XML document, expected CSV" in reported()


def test_an_unclosed_quote_is_reported_where_it_opens(workspace: Workspace, reported: Report) -> None:
    rows = csv_text(works("M1", "M2", "M3", "M4", name="Works"))
    what = "the quote that opens here is not closed"
    workspace.put("mine.csv", rows.replace("M2,Works", 'M2,"Works'))
    assert f"mine.csv:3: {what}" in reported()
    # The quote of a later row closes it, so that the text is not read to its end.
    workspace.put("mine.csv", rows.replace("M2,Works", 'M2,"Works').replace("M4,Works", 'M4,"Works"'))
    assert f"mine.csv:3: {what}" in reported()
    # An earlier field of two lines does not change the reported line.
    workspace.put("mine.csv", rows.replace("M1,Works", 'M1,"Wo\n""r""ks"').replace("M3,Works", 'M3,"Wo""rks'))
    assert f"mine.csv:5: {what}" in reported()


def test_a_nul_character_is_reported_at_its_row_and_column(workspace: Workspace, reported: Report) -> None:
    workspace.put("mine.csv", csv_text(works("M1", "M2", name="Works")).replace("M2,Works", "M2,Wo\0rks"))
    assert "mine.csv:3:name: contains a control character" in reported()
    # Row 60 of 60 is on line 61.
    rows = csv_text(works(*(f"M{k}" for k in range(1, 61)), name="Works"))
    workspace.put("mine.csv", rows.replace("M60,Works", "M60,Wo\0rks"))
    assert "mine.csv:61:name: contains a control character" in reported()
    workspace.put("mine.csv", b"\0\1\2" * 100)
    assert "mine.csv: this is a binary file" in reported()
