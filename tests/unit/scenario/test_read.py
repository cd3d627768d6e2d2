"""Reading of scenario files: every issue has its line and column."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import pytest

from ccs_model.errors import FILE_TROUBLE, FileError, InputError, Issue
from ccs_model.scenario import json_schema, read_scenario
from ccs_model.scenario.sections import Storage

GOOD = "name: Test\nplants: {}\nbudget: {total_mn: 12_000}\n"


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str | bytes, name: str = "s.yaml") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def issues(text: str | bytes) -> list[Issue]:
    with pytest.raises(InputError) as caught:
        read_scenario(write(text))
    return list(caught.value.issues)


def test_values_of_a_valid_file_have_their_places() -> None:
    scenario = read_scenario(
        write("name: Test\nplants:\n  provinces:\n    - Hebei\nbudget: {total_mn: 5}\n", "d/s.yaml")
    )
    assert scenario.plants.provinces == ("Hebei",)
    assert scenario.places["name"] == "d/s.yaml:1"
    assert scenario.places["plants.provinces"] == "d/s.yaml:4"
    assert scenario.places["plants.provinces[0]"] == "d/s.yaml:4"
    assert scenario.places["budget.total_mn"] == "d/s.yaml:5"
    assert "currency" not in scenario.places
    assert scenario.source_path == Path("d/s.yaml")
    assert read_scenario("d/s.yaml") == scenario


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("5e9", 5e9),
        ("1_000", 1000),
        ("12_000", 12_000),
        ("1.5E+3", 1500),
        ("0.5", 0.5),
        (".5", 0.5),
        ("+3", 3),
        ("0", 0),
    ],
)
def test_numbers_are_read_in_every_accepted_spelling(word: str, number: float) -> None:
    assert read_scenario(write(GOOD.replace("12_000", word))).budget.total_mn == number


@pytest.mark.parametrize(
    ("word", "what", "hint"),
    [
        ('"5e9"', "expected a number, got text '5e9'", "write 5e9 without quotes"),
        ("15%", "expected a number, got text '15%'", "write 0.15"),
        ("'1,000,000'", "expected a number, got text '1,000,000'", "write 1000000 or 1_000_000"),
        ("12:30:00", "expected a number, got text '12:30:00'", "accepted spellings: 1000000, 1_000_000, 1e6, 0.15"),
        ("on", "expected a number, got text 'on'", "accepted spellings: 1000000, 1_000_000, 1e6, 0.15"),
        ("0o10", "expected a number, got text '0o10'", "accepted spellings: 1000000, 1_000_000, 1e6, 0.15"),
        ("true", "expected a number, got true", ""),
        ("~", "expected a number, got nothing", ""),
        (".nan", "expected a finite number, got nan", ""),
        (".inf", "expected a finite number, got inf", ""),
        ("1e999", "expected a finite number, got inf", ""),
        ("-1", "expected at least 0, got -1", ""),
        (
            "010",
            "010 starts with 0, which some programs read as octal",
            "write 10 for the number, '010' in quotes for the text",
        ),
    ],
)
def test_invalid_number_is_reported_at_its_place(word: str, what: str, hint: str) -> None:
    (issue,) = issues(GOOD.replace("{total_mn: 12_000}", f"\n  total_mn: {word}"))
    column = 3 if word == "~" else 13  # an empty value has no place, so its key has the issue
    assert issue == Issue(f"s.yaml:4:{column}", f"budget.total_mn: {what}", hint)


def test_number_with_commas_in_a_block_is_reported_as_text() -> None:
    assert issues("name: T\nplants: {}\nbudget:\n  total_mn: 1,000,000\n") == [
        Issue("s.yaml:4:13", "budget.total_mn: expected a number, got text '1,000,000'", "write 1000000 or 1_000_000")
    ]


def test_number_with_commas_in_braces_is_reported() -> None:
    assert issues("name: T\nplants: {}\nbudget: {total_mn: 1,000,000}\n") == [
        Issue(
            "s.yaml:3:22",
            "budget.000: a comma ends a value, so this is a key without a value",
            "write thousands as 1000000 or 1_000_000",
        )
    ]


def test_no_on_off_yes_and_times_stay_text() -> None:
    scenario = read_scenario(write("name: 12:30:00\nplants: {provinces: [NO, on, off, yes]}\nbudget: {total_mn: 1}\n"))
    assert scenario.name == "12:30:00"
    assert scenario.plants.provinces == ("NO", "on", "off", "yes")


def test_quoted_years_are_years_and_duplicates_are_reported() -> None:
    policy = read_scenario(write(GOOD + 'policy: {carbon_price_per_t: {"2030": 80, 2026: 70}}\n')).policy
    assert list(policy.carbon_price_per_t.items()) == [(2026, 70), (2030, 80)]
    (found,) = issues(GOOD + 'policy: {carbon_price_per_t: {"2030": 80, 2030: 70}}\n')
    assert "2030" in found.what


def test_key_that_some_programs_read_as_a_boolean_is_reported() -> None:
    what = "on: some YAML programs read this key as true or false"
    assert issues(GOOD + "on: 1\n") == [Issue("s.yaml:4:1", what, "write 'on' in quotes")]


def test_duplicate_key_is_reported_with_both_lines() -> None:
    assert issues(GOOD + "currency: CNY\nbudget: {total_mn: 1}\n") == [
        Issue("s.yaml:5:1", "budget: this key is given twice, on lines 3 and 5", "keep one")
    ]


def test_duplicate_key_on_one_line_is_reported_with_the_line_once() -> None:
    (issue,) = issues(GOOD.replace("12_000", "1, total_mn: 2"))
    assert issue.what == "budget.total_mn: this key is given twice, on line 3"


def test_duplicate_year_in_two_spellings_is_reported() -> None:
    (issue,) = issues(GOOD.replace("12_000", "1, cumulative_mn: {2026: 1,\n  2_026: 2}"))
    assert issue.where == "s.yaml:4:3"
    assert issue.what == "budget.cumulative_mn.2026: this key is given twice, on lines 3 and 4"


def test_issues_of_every_kind_are_reported_together_in_order() -> None:
    text = """\
name: 12
budgett: 5
discount_rate: 8
detour_factor: 2
plants: {require: [a, b],
  exclude: [b]}
budget: {total_mn: 1, cumulative_mn: {2027: 3}}
capture: {max_builds_per_year: 010}
objective: max_npw
"""
    assert [str(issue) for issue in issues(text)] == [
        "s.yaml:1:7: name: expected text, got 12 (write '12' in quotes)",
        "s.yaml:2:1: budgett: unknown key (did you mean 'budget'?)",
        "s.yaml:3:16: discount_rate: expected less than 1, got 8 (did you mean 0.08?)",
        "s.yaml:4:1: detour_factor: unknown key ('detour_factor' belongs under 'transport')",
        "s.yaml:5:23: plants.require[1]: plant 'b' is both required and excluded, excluded "
        "at plants.exclude[0], s.yaml:6:13 (keep one)",
        "s.yaml:7:39: budget.cumulative_mn.2027: no period starts in 2027 (years: 2026, 2030, 2035, 2040)",
        "s.yaml:8:32: capture.max_builds_per_year: 010 starts with 0, which some programs read as octal "
        "(write 10 for the number, '010' in quotes for the text)",
        "s.yaml:9:12: objective: expected one of max_abatement, min_cost, max_npv, max_net_benefit; "
        "got text 'max_npw' (did you mean 'max_npv'?)",
    ]


@pytest.mark.parametrize(
    ("name", "start"),
    [("plan.xlsm", b"PK\x03\x04"), ("plan.ods", b"PK\x03\x04"), ("plan.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")],
)
def test_workbook_of_another_format_is_reported(tmp_path: Path, name: str, start: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(start + bytes(range(256)))
    with pytest.raises(InputError) as caught:
        read_scenario(path)
    (issue,) = caught.value.issues
    assert issue.where.endswith(name) and "expected a scenario (.yaml) or the workbook of a run (.xlsx)" in issue.what
    assert "save the workbook of a run as an Excel workbook (.xlsx)" in issue.hint


def test_surrogate_pairs_are_joined_and_a_lone_surrogate_is_reported(tmp_path: Path) -> None:
    """JSON, which is valid YAML, writes 😀 as a surrogate pair; a lone surrogate is not a character."""
    path = tmp_path / "s.yaml"
    rest = '"plants": {"inventory": ["steel"]}, "budget": {"total_mn": 1}'
    path.write_text(f'{{"name": "a \\ud83d\\ude00", "description": "b \\ud83d\\ude00", {rest}}}')
    scenario = read_scenario(path)
    assert (scenario.name, scenario.description) == ("a 😀", "b 😀")
    (issue,) = issues('name: T\ndescription: "b \\ud83d"\nplants: {inventory: [steel]}\nbudget: {total_mn: 1}\n')
    assert str(issue).startswith("s.yaml:2:14: description: contains an incomplete character")


def test_missing_key_is_reported_at_its_section() -> None:
    assert issues("name: T\nplants: {}\nbudget:\n  cumulative_mn: {}\n") == [
        Issue("s.yaml:3:1", "budget.total_mn: required key is missing", "add 'total_mn:'")
    ]
    assert [issue.where for issue in issues("description: x\n")] == ["s.yaml:1:1"] * 3


def test_a_misspelt_key_is_not_reported_as_missing_too() -> None:
    (issue,) = issues("name: T\nplants: {}\nbudget: {total: 500}\n")
    assert issue == Issue("s.yaml:3:10", "budget.total: unknown key", "did you mean 'total_mn'?")
    (issue,) = issues("name: T\nplants: {}\nbudjet: {total_mn: 500}\n")
    assert issue == Issue("s.yaml:3:1", "budjet: unknown key", "did you mean 'budget'?")


NO_MAPPING = "expected keys with values, like 'name: My scenario'"


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("", "1:1", f"the file is empty, {NO_MAPPING}"),
        ("# nothing\n", "1:1", f"the file is empty, {NO_MAPPING}"),
        ("\n- a\n", "2:1", f"{NO_MAPPING}; got a list"),
        ("hello\n", "1:1", f"{NO_MAPPING}; got a single value"),
        ("plants:\n\tprovinces: []\n", "2:1", "a tab, expected spaces"),
        ("name: T\nquestion: 'why\nbudget: 1\n", "2:11", "the quote that opens here is not closed"),
        ("name: T\n---\nname: U\n", "2:1", "a second document starts here, expected one scenario per file"),
        ("name: é\nquestion: é\n".encode() + b"aim: \xff\n", "3:6", "not UTF-8, expected a text file in UTF-8"),
        ("name: T".encode("utf-16"), "1:1", "not UTF-8, expected a text file in UTF-8"),
        (b"name: T\nx\x00y", "2:2", "control character U+0000, expected a text file in UTF-8"),
        (
            "name: T\nbudget: !!python/object/apply:os.system [ls]\n",
            "2:9",
            "tags (words that start with '!') are not supported",
        ),
        ("a: &a [*a]\n", "1:8", "no anchor &a before this alias"),
        ("name: a: b\n", "1:8", "not valid YAML: mapping values are not allowed here"),
        ("plants: {a: [b\n", "1:13", "not valid YAML: the bracket that opens here is not closed on its line"),
        (
            "a:\n  b: 1\n c: 2\n",
            "3:2",
            "not valid YAML: while parsing a block mapping, expected <block end>, but found '<block mapping start>'",
        ),
    ],
)
def test_invalid_yaml_is_reported_at_its_place(text: str | bytes, place: str, what: str) -> None:
    (issue,) = issues(text)
    assert (issue.where, issue.what) == (f"s.yaml:{place}", what)


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("<<: {a: 1}\n", "4:1", "<<: merge keys are not supported"),
        ("[a]: 1\n", "4:1", "?: expected a word or a year as key"),
        ("1.5: 1\n", "4:1", "1.5: expected a word or a year as key"),
        ("~: 1\n", "4:1", "None: expected a word or a year as key"),
        ("007: 1\n", "4:1", "007: this key starts with 0"),
        ("7: 1\n", "4:1", "7: unknown key"),
    ],
)
def test_invalid_keys_are_reported(text: str, place: str, what: str) -> None:
    (issue,) = issues(GOOD + text)
    assert (issue.where, issue.what) == (f"s.yaml:{place}", what)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "what"),
    [
        (BOMB, "more than 20,000 values, expected a scenario"),
        ("a: &a x\nb: [" + "*a, " * 101 + "]\n", "more than 100 aliases"),
        ("a: " + "[" * 900_000, "nested more than 30 levels deep, expected a scenario"),
        (
            "a: &a [[[[[[[[[[x]]]]]]]]]]\nb: &b [[[[[[[[[[*a]]]]]]]]]]\nc: [[[[[[[[[[*b]]]]]]]]]]\n",
            "nested more than 30 levels deep, expected a scenario",
        ),
        ("a:\n" + "- x\n" * 200_000, "more than 20,000 values, expected a scenario"),
        ("a: " + "x" * 1_000_000, "the file has 1,000,003 bytes, expected at most 1,000,000"),
    ],
)
def test_oversized_files_are_rejected_quickly_in_little_memory(text: str, what: str) -> None:
    path = write(text)
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(InputError) as caught:
        read_scenario(path)
    took_s, (_, peak_bytes) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.issues[0].what == what
    assert took_s < 60  # tracing slows this several times; untraced it is below 1 s
    assert peak_bytes < 100_000_000


def test_byte_order_mark_and_windows_line_endings_are_accepted() -> None:
    assert read_scenario(write("\ufeff" + GOOD.replace("\n", "\r\n"))) == read_scenario(write(GOOD, "t.yaml"))


def test_alias_within_the_limits_is_resolved() -> None:
    scenario = read_scenario(write(GOOD.replace("{}", "{provinces: &p [Hebei]}") + "storage: {sites: *p}\n"))
    assert scenario.storage.sites == ("Hebei",)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.yaml", "no such file or directory"),
        (".", "it is a folder, expected a scenario file"),
        ("a\0b", "no file can have this name (a NUL in it)"),
        ("a\nb.yaml", "no such file or directory"),
        ("C:\\plans\\s.yaml", "no such file or directory"),
        ("/dev/null", "it is not a regular file"),
        ("x" * 300, "file name too long"),
    ],
)
def test_unreadable_file_is_reported_with_path_and_reason(name: str, reason: str) -> None:
    with pytest.raises(FileError) as caught:
        read_scenario(name)
    assert caught.value.exit_code == FILE_TROUBLE
    assert str(caught.value).endswith(f": {reason}")
    assert str(Path.cwd()) in str(caught.value) or name == "/dev/null"
    assert str(caught.value).isprintable()


def test_missing_permission_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = write(GOOD)
    monkeypatch.setattr("ccs_model.bounded_reading.os.open", denied)
    with pytest.raises(FileError, match=r"cannot read .*s\.yaml: permission denied"):
        read_scenario(path)


def test_extends_overrides_keys_of_the_other_file() -> None:
    write(
        GOOD.replace("12_000", "12_000, cumulative_mn: {2026: 1, 2030: 2}") + "storage: {sites: [A, B]}\n",
        "base/b.yaml",
    )
    path = write("extends: base/b.yaml\nname: V\nbudget: {cumulative_mn: {2030: 3}}\nstorage: {sites: [C]}\n")
    scenario = read_scenario(path)
    assert scenario.name == "V"
    assert scenario.budget.total_mn == 12_000
    assert scenario.budget.cumulative_mn == {2026: 1, 2030: 3}
    assert scenario.storage.sites == ("C",)
    assert scenario.places["budget.total_mn"] == "base/b.yaml:3"
    assert scenario.places["budget.cumulative_mn.2030"] == "s.yaml:3"
    assert "storage.sites[1]" not in scenario.places
    assert scenario.source_path == path


def test_issues_of_both_files_are_reported_with_those_of_the_scenario_first() -> None:
    write(GOOD.replace("name: Test", "discount_rate: 8"), "b.yaml")
    assert [issue.where for issue in issues("extends: b.yaml\nname: 5\nsolver: {seed: -1}\n")] == [
        "s.yaml:2:7",
        "s.yaml:3:16",
        "b.yaml:1:16",
    ]


def test_overridden_invalid_value_is_not_reported() -> None:
    write(GOOD + "discount_rate: 8\n", "b.yaml")
    assert read_scenario(write("extends: b.yaml\ndiscount_rate: 0.06\n")).discount_rate == 0.06


def test_extends_works_over_several_levels() -> None:
    write(
        GOOD.replace("12_000", "12_000, cumulative_mn: {2026: 1}") + "discount_rate: 0.05\nprice_year: 2020\n", "c.yaml"
    )
    write("extends: ../c.yaml\nname: B\ndiscount_rate: 0.06\n", "base/b.yaml")
    write("extends: base/b.yaml\nname: A\n", "a.yaml")
    scenario = read_scenario(write("extends: a.yaml\nbudget: {cumulative_mn: {2030: 2}}\n"))
    assert (scenario.name, scenario.discount_rate, scenario.price_year) == ("A", 0.06, 2020)
    assert scenario.budget.cumulative_mn == {2026: 1, 2030: 2} and scenario.budget.total_mn == 12_000
    assert scenario.places["discount_rate"] == "base/b.yaml:3" and scenario.places["price_year"] == "c.yaml:5"
    write("extends: c.yaml\nname: 5\n", "a.yaml")
    write(GOOD.replace("name: Test", "discount_rate: 8"), "c.yaml")
    assert [issue.where for issue in issues("extends: a.yaml\nsolver: {seed: -1}\n")] == [
        "s.yaml:2:16", "a.yaml:2:7", "c.yaml:1:16",
    ]  # fmt: skip


def test_extended_file_may_not_extend_a_file_outside_the_folder(tmp_path: Path) -> None:
    folder = folder_with_file_outside(tmp_path)
    (folder / "base").mkdir()
    (folder / "base" / "b.yaml").write_text("extends: ../../secret.yaml\n")
    (folder / "s.yaml").write_text("extends: base/b.yaml\n")
    with pytest.raises(InputError, match="lies outside the scenario's folder"):
        read_scenario(folder / "s.yaml")
    assert read_scenario(folder / "s.yaml", allow_outside=True).name == "Test"


def test_null_clears_inherited_values() -> None:
    write(
        GOOD.replace("12_000", "12_000, cumulative_mn: {2026: 1, 2030: 2}, by_province_mn: {Hebei: 5}")
        + "storage: {sites: [A], capacity: low}\npolicy: {market: null, paid_until: 2030}\ndiscount_rate: 0.05\n"
        "funds: {loan: {interest_rate: 0.03, ceiling_mn: 50}, grant: {kind: grant}}\n",
        "b.yaml",
    )
    scenario = read_scenario(
        write(
            "extends: b.yaml\ndiscount_rate: null\nstorage: null\nbudget: {cumulative_mn: {2026: null}, "
            "by_province_mn: null}\npolicy: {paid_until: null}\nfunds: {grant: null, loan: {ceiling_mn: null}}\n"
        )
    )
    assert scenario.discount_rate == 0.08 and scenario.storage == Storage()
    assert scenario.budget.cumulative_mn == {2030: 2} and scenario.budget.by_province_mn == {}
    assert scenario.policy.paid_until is None and scenario.policy.market is None
    assert list(scenario.funds) == ["loan"] and scenario.funds["loan"].ceiling_mn is None
    # A value that an intermediate file has cleared may be cleared again or set.
    write("extends: b.yaml\nbudget: {cumulative_mn: null}\n", "c.yaml")
    assert not read_scenario(write("extends: c.yaml\nbudget: {cumulative_mn: null}\n")).budget.cumulative_mn
    assert read_scenario(write("extends: c.yaml\nbudget: {cumulative_mn: {2030: 3}}\n")).budget.cumulative_mn == {
        2030: 3
    }
    # Null remains a value where the key allows it; null that clears nothing is an error.
    write(GOOD + "policy: {market: China ETS}\n", "b.yaml")
    assert read_scenario(write("extends: b.yaml\npolicy: {market: null}\n")).policy.market is None
    assert [issue.where for issue in issues("extends: b.yaml\nstorage: null\n")] == ["s.yaml:2:1"]
    assert issues("extends: b.yaml\nplants: null\n")[0].what == "plants: required key is missing"


def test_plants_are_excluded_with_or_without_a_reason() -> None:
    text = "plants: {exclude: [A, B: closes in 2027, C: 'under renovation: until 2030']}"
    scenario = read_scenario(write(GOOD.replace("plants: {}", text)))
    assert scenario.plants.excluded == {"A": "", "B": "closes in 2027", "C": "under renovation: until 2030"}
    again = write(scenario.resolved_yaml(), "again.yaml")
    assert read_scenario(again) == scenario
    assert scenario.with_changes({"plants.exclude": ["A"]}).plants.excluded == {"A": ""}
    assert json_schema()["$defs"]["Plants"]["properties"]["exclude"]["items"]["anyOf"][0]["type"] == "string"


@pytest.mark.parametrize(
    ("item", "what"),
    [
        ("5", "plants.exclude[0]: expected a plant id, or 'id: reason', got 5"),
        ("{A: closes, B: closes}", "plants.exclude[0]: expected a plant id, or 'id: reason', got keys with values"),
        ("{A: 5}", "plants.exclude[0]: expected a plant id, or 'id: reason', got 5"),
        ("[A]", "plants.exclude[0]: expected a plant id, or 'id: reason', got a list"),
        ("A, A: twice", "plants.exclude[1]: 'A' is listed twice, first at plants.exclude[0], s.yaml:2:20"),
    ],
)
def test_invalid_exclusion_is_reported(item: str, what: str) -> None:
    (issue,) = issues(GOOD.replace("plants: {}", f"plants: {{exclude: [{item}]}}"))
    assert issue.what == what


def test_cycle_of_extends_is_reported_with_all_its_files() -> None:
    write("extends: c.yaml\n" + GOOD, "b.yaml")
    write("extends: s.yaml\n" + GOOD, "c.yaml")
    (issue,) = issues("extends: b.yaml\n")
    what = "extends: s.yaml extends b.yaml extends c.yaml extends s.yaml, which is a cycle"
    assert (issue.where, issue.what) == ("c.yaml:1:10", what)
    (itself,) = issues("extends: s.yaml\n" + GOOD)
    assert itself.what == "extends: s.yaml extends s.yaml, which is a cycle"


def test_a_long_chain_of_extends_is_an_error() -> None:
    for k in range(25):
        write(f"extends: {k + 1}.yaml\n", f"{k}.yaml")
    assert issues("extends: 0.yaml\n")[-1].what.startswith("extends: more than 20 files")


def test_extends_must_be_a_file_name() -> None:
    assert issues("extends: [b.yaml]\n") == [
        Issue("s.yaml:1:10", "extends: expected the name of a scenario file, got a list")
    ]


def folder_with_file_outside(tmp_path: Path) -> Path:
    folder = tmp_path / "inner"
    folder.mkdir()
    (tmp_path / "secret.yaml").write_text(GOOD)
    (folder / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    return folder


@pytest.mark.parametrize("extended", ["../secret.yaml", "{absolute}", "link.yaml", "x/../../secret.yaml"])
def test_extends_stays_in_its_folder_unless_allowed(extended: str, tmp_path: Path) -> None:
    folder = folder_with_file_outside(tmp_path)
    (folder / "x").mkdir()
    secret = tmp_path / "secret.yaml"
    path = folder / "s.yaml"
    path.write_text(f"extends: {extended.replace('{absolute}', str(secret))}\n")
    with pytest.raises(InputError) as caught:
        read_scenario(path)
    assert caught.value.issues == (
        Issue(
            f"{path}:1:10",
            f"extends: {secret.resolve()} lies outside the scenario's folder",
            "allow it with --allow-outside",
        ),
    )
    assert read_scenario(path, allow_outside=True).name == "Test"


@pytest.mark.parametrize(
    ("extended", "reason"), [("gone.yaml", "no such file"), ('"a\\0b"', "no file can have this name"), ("loop", "")]
)
def test_unreadable_extended_file_is_reported(extended: str, reason: str) -> None:
    Path("loop").symlink_to("loop")
    with pytest.raises(FileError, match=r"^s\.yaml:1:10: extends: cannot read ") as caught:
        read_scenario(write(f"extends: {extended}\n"))
    assert reason in str(caught.value)


def test_a_quote_that_closes_on_a_later_line_is_reported_where_it_opens() -> None:
    (issue,) = issues("name: a\nplants: {provinces: ['Hebei]}\nbudget: {total_mn: 5}\n# it's\nobjective: 'x'\n")
    assert (issue.where, issue.what) == ("s.yaml:2:22", "the quote that opens here ends only on line 4")


def test_text_in_place_of_true_or_false_is_reported() -> None:
    found = {issue.where: issue.what for issue in issues("name: T\ncalibration: {ceiling: perhaps}\n")}
    assert found["s.yaml:2:24"] == "calibration.ceiling: expected true or false, got text 'perhaps'"
