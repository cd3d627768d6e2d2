"""Lists and grids of scenarios: accepted spellings, and errors with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccs_model.errors import FileError, InputError, Issue
from ccs_model.scenario.variations import ListedChanges, add_row_place, combinations, grid_of, read_changes


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (["budget.total_mn=1", "budget.total_mn=2"], "--set: budget.total_mn is given twice (give all its"),
        (["a=0:1:1000", "b=0:1:101"], "--set: 101,000 scenarios, expected at most 100,000"),
        (["a=true:false:3"], "--set a: 'true:false:3' is not a range of numbers (expected start:stop:n"),
        (["a=0:1:100001"], "is not a range of numbers"),
        (["a=[1, 2"], "--set a"),
    ],
)
def test_invalid_values_of_a_grid_are_reported(sets: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        grid_of(sets)
    assert message in str(caught.value.issues[0])


def test_commas_within_quotes_and_brackets_do_not_separate_values() -> None:
    assert [each["name"] for each in grid_of(['name="a, b",c'])] == ["a, b", "c"]
    assert [each["x"] for each in grid_of(["x='[', 2"])] == ["[", 2]
    # One scenario for every pair; the last key varies fastest.
    assert combinations({"x": [1, 2], "y": "ab"}) == (
        {"x": 1, "y": "a"}, {"x": 1, "y": "b"}, {"x": 2, "y": "a"}, {"x": 2, "y": "b"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "some.csv",
            "budget.total_mn\n",
            "some.csv:1: no scenarios (expected a header of keys and one row per scenario)",
        ),
        ("some.csv", "a,b\n1,2\n3\n", "some.csv:3: 1 cells, expected 2 as in the header"),
        ("some.csv", "a,b\n1,[2\n", "some.csv:2: b"),
        ("some.yaml", "others: []\n", "some.yaml:1: no key 'scenarios' with a list of changes (such as: scenarios:"),
        ("some.yaml", "scenarios: [5, 6]\n", "some.yaml:1: no key 'scenarios' with a list of changes"),
        ("some.yaml", "scenarios: [\n", "not valid YAML"),
    ],
)
def test_invalid_list_is_reported_with_its_line(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_changes(tmp_path / name)
    assert message in str(caught.value.issues[0])


def test_empty_rows_and_empty_cells_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "some.csv").write_text("budget.total_mn, storage.capacity\n,\n500,\n\n,low\n", encoding="utf-8")
    assert read_changes(tmp_path / "some.csv") == ({"budget.total_mn": 500}, {"storage.capacity": "low"})


def test_errors_of_a_listed_variant_name_its_row(tmp_path: Path) -> None:
    (tmp_path / "some.csv").write_text("budget.total_mn,budget.totl_mn\n500,\n,600\n", encoding="utf-8")
    (tmp_path / "some.yaml").write_text("scenarios:\n- {budget.total_mn: 5}\n- {budget.totl_mn: 6}\n", encoding="utf-8")
    error = InputError([Issue("budget.totl_mn", "unknown key")])
    for name, place in (("some.csv", "some.csv:3"), ("some.yaml", "some.yaml:3:4")):
        (issue,) = add_row_place(read_changes(tmp_path / name)[1], error).issues  # type: ignore[attr-defined]
        assert issue.where.endswith(f"{place}: budget.totl_mn")
    assert add_row_place({"budget.totl_mn": 6}, error) is error


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_a_list_may_have_any_separator(tmp_path, sign):
    path = tmp_path / "list.csv"
    path.write_text(f"budget.total_mn{sign}storage.capacity\n5000{sign}low\n9000{sign}\n", encoding="utf-8")
    assert read_changes(path) == ({"budget.total_mn": 5000, "storage.capacity": "low"}, {"budget.total_mn": 9000})


def test_a_list_may_state_its_separator(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("sep=;\n\nbudget.total_mn;storage.capacity\n5000;low\n", encoding="utf-8")
    (found,) = read_changes(path)
    assert dict(found) == {"budget.total_mn": 5000, "storage.capacity": "low"} and found.place.endswith(":4")


def test_error_of_an_unreadable_file_names_the_place_of_its_changes() -> None:
    error = add_row_place(ListedChanges({"budget.total_mn": 6}, "s.yaml:3"), FileError("cannot read a.csv"))
    assert isinstance(error, FileError) and str(error) == "s.yaml:3: cannot read a.csv"
