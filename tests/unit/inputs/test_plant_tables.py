"""Turnarounds, captive units and coal-chemical sites: valid rows are read, invalid ones are reported."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from ccs_model.errors import InputError, Issue
from ccs_model.inputs import load_inputs
from ccs_model.paths import data_folder
from ccs_model.problem import build_problem
from ccs_model.scenario import Scenario
from tests.own_tables import works

CHEMICALS, UNITS = "plants/chemicals.csv", "plants/captive_units.csv"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(data_folder(), tmp_path / "data"))


def only_issue(folder: Path) -> Issue:
    with pytest.raises(InputError) as caught:
        load_inputs(folder=folder)
    (issue,) = caught.value.issues
    return issue


def set_turnarounds(folder: Path, first_row: tuple[str, str]) -> None:
    """Give every chemical plant a turnaround from 2031 without an end, and the first plant the given one."""
    table = pd.read_csv(folder / CHEMICALS, dtype=str, keep_default_na=False)
    table["turnaround_from"], table["turnaround_until"] = "2031", ""
    table.loc[0, ["turnaround_from", "turnaround_until"]] = first_row
    table.to_csv(folder / CHEMICALS, index=False)


def test_turnaround_window_is_read(folder: Path) -> None:
    set_turnarounds(folder, ("2028", "2029"))
    plants = load_inputs(folder=folder)["plants/chemicals"]
    assert plants.loc[0, ["turnaround_from", "turnaround_until"]].tolist() == [2028, 2029]
    assert set(plants["turnaround_from"][1:]) == {2031}
    assert plants["turnaround_until"][1:].isna().all()
    # The shipped table states no turnaround.
    assert load_inputs()["plants/chemicals"][["turnaround_from", "turnaround_until"]].isna().all(axis=None)


def test_turnaround_that_ends_before_it_begins_is_reported(folder: Path) -> None:
    set_turnarounds(folder, ("2031", "2030"))
    issue = only_issue(folder)
    assert (issue.where, issue.what) == (f"{CHEMICALS}:2:turnaround_until", "2030 is before turnaround_from 2031")


def test_captive_unit_of_an_unknown_plant_is_reported(folder: Path) -> None:
    path = folder / UNITS
    text = path.read_text(encoding="utf-8")
    assert ",NH3_61," in text
    path.write_text(text.replace(",NH3_61,", ",NH3_0,", 1), encoding="utf-8")
    issue = only_issue(folder)
    assert issue.where.startswith(f"{UNITS}:")
    assert issue.where.endswith(":plant")
    assert issue.what == "'NH3_0' is neither a steel plant nor a chemical plant"


def test_coal_chemical_site_with_the_id_of_a_plant_is_reported(folder: Path) -> None:
    path = folder / "plants/coal_chemicals.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("CTL_1", "NH3_21"), encoding="utf-8")
    issue = only_issue(folder)
    assert issue.where == "plants/coal_chemicals.csv:2"
    assert issue.what == "plant NH3_21 is in both inventories, first at plants/chemicals.csv:2"


def test_turnaround_in_an_own_table_limits_the_start_periods_of_a_retrofit(
    scenario: Callable[..., Scenario], write_csv: Callable[..., Path]
) -> None:
    # Periods start in 2026 and 2030: M1 can be retrofitted in the second only, M2 in either, M3 in neither.
    rows = works("M1", "M2", "M3", turnaround_from=2031, turnaround_until=2032)
    rows[2][-2:], rows[3][-2:] = ["", ""], [2020, 2025]
    write_csv(rows)
    requested = scenario("mine.csv")
    problem = build_problem(requested, load_inputs(requested))
    can_run = problem.running_share.any(axis=2)
    found = {
        plant: can_run[(problem.routes["plant"] == plant).to_numpy()].any(axis=0).tolist() for plant in ("M1", "M2")
    }
    assert found == {"M1": [False, True], "M2": [True, True]}
    reasons = problem.plants.set_index("plant")["reason"].to_dict()
    assert reasons == {"M1": "", "M2": "", "M3": "no turnaround in time for a retrofit to start"}
