"""Errors in the scenario file itself: F01–F11 and further cases."""

from __future__ import annotations

import os
import time
import tracemalloc

import pytest

from .conftest import Report, Workspace


@pytest.mark.parametrize(
    ("budget", "code", "words"),
    [
        ("{total_mn: 5e3}", 0, ""),
        ("{total_mn: '5e3'}", 3, "s.yaml:6:20: budget.total_mn: expected a number, got text '5e3' (write 5e3 without"),
        ("5e9", 3, "s.yaml:6:9: budget: expected keys with values, got 5000000000.0"),
    ],
)
def test_F01_scientific_notation_is_a_number_unless_it_is_quoted(
    workspace: Workspace, budget: str, code: int, words: str
) -> None:
    workspace.scenario(budget=budget)
    answer = workspace.check()
    assert (answer.code, words in answer.err) == (code, True), answer.err


def test_F02_a_duplicate_key_is_reported_with_both_lines(workspace: Workspace, reported: Report) -> None:
    workspace.put("s.yaml", workspace.scenario().read_text() + "budget: {total_mn: 1}\n")
    assert "s.yaml:7:1: budget: this key is given twice, on lines 6 and 7" in reported()


def test_F03_no_and_off_are_text_and_a_key_on_is_rejected(workspace: Workspace, reported: Report) -> None:
    workspace.scenario(plants="{inventory: [mine.csv], provinces: [NO]}", question="off")
    assert "province 'NO' is not in the tables" in reported()
    workspace.scenario(on="true")
    assert "s.yaml:7:1: on: some YAML programs read this key as true or false (write 'on' in quotes)" in reported()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("price_year", "010", "s.yaml:7:13: price_year: 010 starts with 0"),
        ("price_year", "12:30:00", "s.yaml:7:13: price_year: expected a whole number, got text '12:30:00'"),
        ("price_year", "0o10", "got text '0o10'"),
        ("price_year", "0x7E8", "got text '0x7E8'"),
    ],
)
def test_F04_octal_hexadecimal_and_sexagesimal_numbers_are_rejected(
    workspace: Workspace, reported: Report, key: str, value: str, words: str
) -> None:
    workspace.scenario(**{key: value})
    assert words in reported()


@pytest.mark.parametrize(
    ("budget", "hint"),
    [
        ("\n  total_mn: 1,000,000", "write 1000000 or 1_000_000"),
        ("{total_mn: 1,000,000}", "write thousands as 1000000 or 1_000_000"),
        ("\n  total_mn: 15%", "write 0.15"),
        ("\n  total_mn: five", "accepted spellings: 1000000, 1_000_000, 1e6, 0.15"),
    ],
)
def test_F05_thousands_separators_and_percent_are_reported_with_a_valid_spelling(
    workspace: Workspace, reported: Report, budget: str, hint: str
) -> None:
    workspace.scenario(budget=budget)
    message = reported()
    assert hint in message and message.startswith(("s.yaml:6:", "s.yaml:7:"))


def test_F07_an_alias_bomb_is_rejected_with_little_time_and_memory(workspace: Workspace) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 10)]
    workspace.put("s.yaml", "\n".join(lines) + "\n")
    tracemalloc.start()
    begun = time.process_time()
    answer = workspace.run("check", "s.yaml")
    spent, (_, peak) = time.process_time() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.code == 3 and "s.yaml:" in answer.err and "more than" in answer.err
    assert spent < 10 and peak < 100e6


def test_F08_a_yaml_tag_is_rejected_and_not_executed(workspace: Workspace, reported: Report) -> None:
    trace = workspace.folder / "ran"
    workspace.scenario(question=f"!!python/object/apply:os.system ['touch {trace}']")
    assert "s.yaml:7:11: tags" in reported()
    assert not trace.exists()


def test_F09_an_unknown_key_is_reported_with_the_closest_key(workspace: Workspace, reported: Report) -> None:
    workspace.scenario(budgett="{total_mn: 1}")
    assert "s.yaml:7:1: budgett: " in (message := reported()) and "did you mean 'budget'?" in message


@pytest.mark.parametrize(
    ("content", "place", "words"),
    [
        (b"name: x\nplants:\n\tinventory: [mine.csv]\n", "s.yaml:3:1", "a tab, expected spaces"),
        (b'name: "x\nplants: {}\n', "s.yaml:1:7", "the quote that opens here is not closed"),
        (b"name: x\nquestion: \xb8\xd6\xcc\xfa\n", "s.yaml:2:11", "not UTF-8"),
        (b"\x7fELF\x02\x01\x01\x00", "s.yaml:1:1", "control character"),
        (b"PK\x03\x04\x14\x00\x06\x00", "s.yaml:", "a workbook or archive, not text"),
        (b"name: [x\n", "s.yaml:", "not valid YAML"),
    ],
)
def test_F10_invalid_yaml_is_reported_with_its_line_and_column(
    workspace: Workspace, reported: Report, content: bytes, place: str, words: str
) -> None:
    workspace.put("s.yaml", content)
    message = reported()
    assert message.startswith(place) and words in message


@pytest.mark.parametrize("content", ["", "# nothing but a comment\n", "---\n"])
def test_F11_an_empty_file_is_reported_with_the_expected_content(
    workspace: Workspace, reported: Report, content: str
) -> None:
    workspace.put("s.yaml", content)
    assert "expected keys with values, like 'name: My scenario'" in reported()


def test_F11_a_top_level_list_is_reported_with_the_expected_content(workspace: Workspace, reported: Report) -> None:
    workspace.put("s.yaml", "- name: x\n")
    assert reported().startswith("s.yaml:1:1: expected keys with values, like 'name: My scenario'; got a list")


def test_F11_a_file_of_60_mb_is_rejected(workspace: Workspace, reported: Report) -> None:
    with (workspace.folder / "s.yaml").open("wb") as file:
        file.truncate(60_000_000)
    assert reported().startswith("s.yaml:1:1: the file has 60,000,000 bytes, expected at most 1,000,000")


# Further cases.


def test_a_byte_order_mark_and_windows_line_endings_are_accepted(workspace: Workspace) -> None:
    text = workspace.scenario().read_text()
    workspace.put("s.yaml", b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert workspace.check().code == 0


def test_a_scenario_in_utf_16_is_rejected(workspace: Workspace, reported: Report) -> None:
    workspace.put("s.yaml", workspace.scenario().read_text().encode("utf-16"))
    assert reported().startswith("s.yaml:1:1: not UTF-8")


def test_merge_keys_are_rejected(workspace: Workspace, reported: Report) -> None:
    workspace.put("s.yaml", "x: &x {name: y}\n<<: *x\n" + workspace.scenario().read_text())
    assert "s.yaml:2:1: <<: merge keys are not supported (use 'extends' to build on another scenario)" in reported()


def test_values_nested_too_deeply_are_rejected(workspace: Workspace, reported: Report) -> None:
    workspace.scenario(question="[" * 100_000)
    assert "nested more than 30 levels deep" in reported()


def test_too_many_values_are_rejected(workspace: Workspace, reported: Report) -> None:
    workspace.scenario(question="[" + "x," * 30_000 + "]")
    assert "more than 20,000 values" in reported()


def test_a_second_yaml_document_is_rejected(workspace: Workspace, reported: Report) -> None:
    workspace.put("s.yaml", workspace.scenario().read_text() + "---\nname: other\n")
    assert reported().startswith("s.yaml:7:1: a second document starts here")


def test_a_very_long_name_and_number_are_reported_in_a_short_message(workspace: Workspace, reported: Report) -> None:
    workspace.scenario(name="x" * 40_000, price_year="9" * 5_000)
    message = reported()
    assert "s.yaml:1:7: name: expected at most 120 characters, got 40000" in message
    assert "price_year" in message and len(message) < 1_000


def test_control_characters_in_a_name_are_escaped_in_the_message(workspace: Workspace, reported: Report) -> None:
    workspace.scenario(name=r'"a\x1b[31mb"')
    assert "\x1b" not in (message := reported()) and "control character U+001B" in message


@pytest.mark.parametrize("value", [".inf", ".nan", "-.inf", "1e999"])
def test_non_finite_numbers_are_rejected(workspace: Workspace, reported: Report, value: str) -> None:
    workspace.scenario(budget=f"{{total_mn: {value}}}")
    assert reported().startswith("s.yaml:6:20: budget.total_mn: expected")


def test_years_that_are_text_or_decreasing_are_rejected(workspace: Workspace, reported: Report) -> None:
    workspace.scenario(years="['2026', 2030]")
    assert "s.yaml:3:9: years[0]: expected a whole number, got text '2026'" in reported()
    workspace.scenario(years="[2030, 2026]")
    assert "expected a year after 2030" in reported()


def test_a_cycle_of_extends_is_reported(workspace: Workspace, reported: Report) -> None:
    workspace.put("s.yaml", "extends: s.yaml\n")
    assert "s.yaml extends s.yaml, which is a cycle" in reported()
    workspace.put("s.yaml", "extends: a.yaml\n")
    workspace.put("a.yaml", "extends: b.yaml\n")
    workspace.put("b.yaml", "extends: a.yaml\n")
    assert "s.yaml extends a.yaml extends b.yaml extends a.yaml, which is a cycle" in reported()


def test_extends_of_a_missing_file_is_reported(workspace: Workspace, reported: Report) -> None:
    workspace.put("s.yaml", "extends: nothing.yaml\n")
    assert (
        "s.yaml:1:10: extends: cannot read" in (message := reported(8))
        and str(workspace.folder / "nothing.yaml") in message
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_scenario_that_is_not_a_regular_file_is_rejected_without_hanging(workspace: Workspace) -> None:
    os.mkfifo(workspace.folder / "pipe.yaml")
    for name in ("pipe.yaml", "/dev/zero", "."):
        answer = workspace.run("check", name)
        assert answer.code == 8 and "cannot read" in answer.err


def test_a_missing_scenario_file_is_reported_with_its_path(workspace: Workspace) -> None:
    answer = workspace.run("check", "S.yml")
    assert answer.code == 8 and str(workspace.folder / "S.yml") in answer.err
