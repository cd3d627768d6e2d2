"""Plants that are not eligible or outside the selection are reported with the reason and the key that decides it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from ccs_model.errors import InputError
from ccs_model.inputs.checked_scenario import read_checked
from ccs_model.plan.tables import left_out_table, not_eligible_table
from ccs_model.problem import Problem, build_problem
from ccs_model.report.language import Language
from ccs_model.report.sentences import left_out_sentences, not_eligible_sentences

HEADER = ("plant", "name", "province", "grid", "lat_deg", "lon_deg", "place_accuracy", "status", "crude_steel_ktpa",
        "bof_steel_ktpa", "bf_iron_ktpa", "coke_ovens", "closing_year")  # fmt: skip


def works_row(
    plant: str, closes: int | None = None, status: str = "operating", province: str = "Hebei"
) -> Sequence[Any]:
    place = ("Hebei south", 38.04, 114.51) if province == "Hebei" else ("Shanxi", 37.9, 112.5)
    return (plant, f"Works {plant}", province, *place, "exact", status, 5000, 5000, 4500, "absent", closes)


@pytest.fixture
def problem_of_workbook(tmp_path: Path) -> Callable[..., Problem]:
    """Return the problem of steel works in a workbook, some rows of which may be hidden."""

    def make(*rows: Sequence[Any], plants: str = "", hidden: Sequence[int] = ()) -> Problem:
        workbook = openpyxl.Workbook()
        sheet = workbook.active
        sheet.title = "steel"
        for row in (HEADER, *rows):
            sheet.append(list(row))
        for line in hidden:
            sheet.row_dimensions[line].hidden = True
        workbook.save(tmp_path / "mine.xlsx")
        path = tmp_path / "scenario.yaml"
        path.write_text(
            f"name: Mine\nplants: {{inventory: [mine.xlsx]{plants}}}\nyears: [2026, 2030, 2035]\n"
            "budget: {total_mn: 1000}\n",
            encoding="utf-8",
        )
        return build_problem(*read_checked(path))

    return make


def test_plants_that_close_too_soon_are_reported_with_the_reason(problem_of_workbook):
    problem = problem_of_workbook(
        works_row("A", 2026), works_row("B", 2033), works_row("C", 2042), works_row("D"),
        plants=", not_before: {C: 2035}, min_emissions_ktpa: 10",
    )  # fmt: skip
    found = not_eligible_table(problem).set_index("plant")
    assert found["reason"].to_dict() == {
        "A": "closes before the first period",
        "B": "closes before a retrofit reaches its minimum life",
        "C": "closes too soon after its earliest start",
    }
    assert found["key"].to_dict() == {"A": "", "B": "", "C": "plants.not_before"}
    sentences = not_eligible_sentences(problem)
    assert any("(closing_year of the plant). Plant: Works A (2026)." in each for each in sentences)
    assert any("min_life_yr of technologies/technologies). Plant: Works B (2033)." in each for each in sentences)
    assert all("不可改造" in Language("zh").sentence(each) for each in sentences)


def test_plants_outside_the_selection_or_not_operating_are_reported(problem_of_workbook):
    problem = problem_of_workbook(
        works_row("A"),
        works_row("B", province="Shanxi"),
        works_row("C", status="mothballed"),
        plants=", provinces: [Hebei]",
    )
    assert left_out_table(problem)[["plant", "reason", "key"]].to_numpy().tolist() == [
        ["B", "outside the selected provinces", "plants.provinces"],
        ["C", "status mothballed", ""],
    ]
    first, second = left_out_sentences(problem)
    assert first == (
        "1 plant of your tables is not in the plan: outside the selected provinces (scenario key plants.provinces). "
        "Plants: Works B, Shanxi."
    )
    assert "status mothballed (column status)" in second
    assert "自有表格" in Language("zh").sentence(first) and "自有表格" in Language("zh").sentence(second)


def test_source_outside_the_selection_is_reported(tmp_path):
    (tmp_path / "sources.csv").write_text(
        "plant,name,province,grid,lat_deg,lon_deg,status,sector,capacity_ktpa\n"
        "C1,North kiln,Hebei,Hebei south,38.2,114.4,operating,cement,1500\n"
        "C2,West kiln,Shanxi,Shanxi,37.8,112.5,operating,cement,1500\n",
        encoding="utf-8",
    )
    path = tmp_path / "scenario.yaml"
    path.write_text("name: Mine\nplants: {inventory: [sources.csv], provinces: [Hebei]}\nbudget: {total_mn: 1000}\n")
    (sentence,) = left_out_sentences(build_problem(*read_checked(path)))
    assert sentence.endswith("(scenario key plants.provinces). Plants: West kiln, Shanxi.")


def test_hidden_rows_are_read_and_reported(problem_of_workbook):
    problem = problem_of_workbook(works_row("A"), works_row("B"), works_row("C"), hidden=(3, 4))
    assert set(problem.plants["plant"]) == {"A", "B", "C"}
    assert problem.inputs.notices == (
        "mine.xlsx:steel: 2 rows hidden by hand or by a filter are read like the others: 3 (B), 4 (C); delete what "
        "should not be read",
    )


def test_a_start_after_the_closing_year_is_an_error_at_its_cell(tmp_path):
    (tmp_path / "mine.csv").write_text(
        "plant,name,province,grid,lat_deg,lon_deg,place_accuracy,status,product,capacity_ktpa,feedstock,gasifier,"
        "urea_share,start_year,closing_year\n"
        "N1,Works,Hebei,Hebei south,38.04,114.51,exact,operating,ammonia,500,coal,fixed_bed,0.5,2032,2030\n",
        encoding="utf-8",
    )
    path = tmp_path / "scenario.yaml"
    path.write_text("name: Mine\nplants: {inventory: [mine.csv]}\nyears: [2026, 2030]\nbudget: {total_mn: 1}\n")
    with pytest.raises(InputError, match=r"mine.csv:2:closing_year: N1 closes in 2030, but starts in 2032"):
        read_checked(path)
