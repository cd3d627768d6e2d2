"""Later validation errors that follow from earlier ones are dropped."""

from __future__ import annotations

import pytest

from ccs_model.errors import Issue
from ccs_model.inputs.table_checks import UNKNOWN_REFERENCE
from ccs_model.problem.scenario_names import _drop_consequences, place_of
from ccs_model.scenario import Scenario, read_scenario


def remaining_places(n_first: int, *issues: tuple[str, str]) -> list[str]:
    """Return where the remaining issues are; the first `n_first` issues are those of the first stage."""
    found = _drop_consequences([Issue(where, what, "") for where, what in issues], n_first)
    return [issue.where for issue in found]


def test_all_first_stage_errors_are_kept() -> None:
    assert remaining_places(2, ("a.csv:2:x", "is empty"), ("a.csv:2:y", "is empty")) == ["a.csv:2:x", "a.csv:2:y"]


@pytest.mark.parametrize(
    ("place", "same_row", "other_row"),
    [
        ("a.csv:2:status", "a.csv:2:name", "a.csv:3:name"),
        ("a.csv:2:status", "a.csv:2", "b.csv:2"),
        ("a.xlsx:steel!D12", "a.xlsx:steel!AB12", "a.xlsx:steel!D13"),
        ("a.xlsx:steel!D12", "a.xlsx:steel!A12", "a.xlsx:other!D12"),
    ],
)
def test_later_error_on_the_row_of_a_first_stage_error_is_dropped(place: str, same_row: str, other_row: str) -> None:
    assert remaining_places(1, (place, "is empty"), (same_row, "follows"), (other_row, "is another")) == [
        place,
        other_row,
    ]


def test_all_later_errors_on_one_row_are_kept() -> None:
    later = [("a.csv:2:x", "one"), ("a.csv:2:y", "other")]
    assert remaining_places(1, ("b.csv:9:z", "is empty"), *later) == ["b.csv:9:z", "a.csv:2:x", "a.csv:2:y"]
    assert remaining_places(0, *later) == ["a.csv:2:x", "a.csv:2:y"]


def test_error_repeated_without_its_column_is_dropped() -> None:
    # The problem knows the line of a value, the first stage also its column.
    assert remaining_places(1, ("s.yaml:3:5", "is unknown"), ("s.yaml:3", "is unknown")) == ["s.yaml:3:5"]
    assert remaining_places(1, ("s.yaml:3:5", "is unknown"), ("s.yaml:3", "is too large")) == ["s.yaml:3:5", "s.yaml:3"]


def test_unknown_reference_is_dropped_if_the_reference_table_is_invalid() -> None:
    unknown = ("a.csv:2:reference", f"'MINE' {UNKNOWN_REFERENCE}")
    assert remaining_places(1, ("data/references.csv:2", "has too few cells"), unknown) == ["data/references.csv:2"]
    assert remaining_places(1, ("b.csv:5:x", "is empty"), unknown) == ["b.csv:5:x", "a.csv:2:reference"]


def test_the_place_of_a_value_is_its_line_or_its_key(tmp_path, small) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "asked.yaml"
    path.write_text("name: Asked\nplants: {provinces: [Hebei]}\nbudget: {total_mn: 5}\n", encoding="utf-8")
    scenario: Scenario = read_scenario(path)
    assert place_of(scenario, "budget.total_mn").endswith("asked.yaml:3")
    # A value that is not given, or that is given in Python.
    assert place_of(scenario, "years") == place_of(small(), "years") == "years"
