"""Errors that later checks find, without those that follow from earlier ones."""

from __future__ import annotations

import pytest

from ccs_model.errors import Issue
from ccs_model.inputs.table_checks import UNKNOWN_REFERENCE
from ccs_model.problem.scenario_names import _without_consequences, place_of
from ccs_model.scenario import Scenario, read_scenario


def told(n_first: int, *issues: tuple[str, str]) -> list[str]:
    """Where the issues that are left are; the first ones are those of the first stage."""
    found = _without_consequences([Issue(where, what, "") for where, what in issues], n_first)
    return [issue.where for issue in found]


def test_all_errors_of_the_first_stage_stay() -> None:
    assert told(2, ("a.csv:2:x", "is empty"), ("a.csv:2:y", "is empty")) == ["a.csv:2:x", "a.csv:2:y"]


@pytest.mark.parametrize(
    ("place", "same_row", "other_row"),
    [
        ("a.csv:2:status", "a.csv:2:name", "a.csv:3:name"),
        ("a.csv:2:status", "a.csv:2", "b.csv:2"),
        ("a.xlsx:steel!D12", "a.xlsx:steel!AB12", "a.xlsx:steel!D13"),
        ("a.xlsx:steel!D12", "a.xlsx:steel!A12", "a.xlsx:other!D12"),
    ],
)
def test_a_later_error_on_the_row_of_a_first_one_is_a_consequence(place: str, same_row: str, other_row: str) -> None:
    assert told(1, (place, "is empty"), (same_row, "follows"), (other_row, "is another")) == [place, other_row]


def test_later_errors_on_one_row_are_all_told() -> None:
    later = [("a.csv:2:x", "one"), ("a.csv:2:y", "other")]
    assert told(1, ("b.csv:9:z", "is empty"), *later) == ["b.csv:9:z", "a.csv:2:x", "a.csv:2:y"]
    assert told(0, *later) == ["a.csv:2:x", "a.csv:2:y"]


def test_an_error_is_told_once_whatever_its_column() -> None:
    # The problem knows the line of a value, and the first stage its column as well.
    assert told(1, ("s.yaml:3:5", "is unknown"), ("s.yaml:3", "is unknown")) == ["s.yaml:3:5"]
    assert told(1, ("s.yaml:3:5", "is unknown"), ("s.yaml:3", "is too large")) == ["s.yaml:3:5", "s.yaml:3"]


def test_an_unknown_reference_may_be_in_a_table_of_references_that_is_invalid() -> None:
    unknown = ("a.csv:2:reference", f"'MINE' {UNKNOWN_REFERENCE}")
    assert told(1, ("data/references.csv:2", "has too few cells"), unknown) == ["data/references.csv:2"]
    assert told(1, ("b.csv:5:x", "is empty"), unknown) == ["b.csv:5:x", "a.csv:2:reference"]


def test_the_place_of_a_value_is_its_line_or_its_key(tmp_path, small) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "asked.yaml"
    path.write_text("name: Asked\nplants: {provinces: [Hebei]}\nbudget: {total_mn: 5}\n", encoding="utf-8")
    asked: Scenario = read_scenario(path)
    assert place_of(asked, "budget.total_mn").endswith("asked.yaml:3")
    # A value that is not given, or given in Python.
    assert place_of(asked, "years") == place_of(small(), "years") == "years"
