"""Solving a workbook again gives the same run without edits, and the plan of the edited scenario with edits."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import openpyxl
import pytest
from openpyxl.workbook import Workbook

import ccs_model as ccs
from ccs_model.errors import FileError, InputError
from ccs_model.plan.stored_run import value_text
from ccs_model.report.workbook.edited_workbook import read_edited_workbook
from ccs_model.solve.optimize_run import optimize_to_folder
from tests.integration.report.editing import (
    AS_SCENARIO,
    SCENARIO,
    by_id,
    cells,
    edited,
    files_of,
    five_edits,
    new_value,
    plant,
    run,
    set_more,
    set_named,
)
from tests.integration.report.reading import texts
from tests.integration.report.recalculation import recomputed

pytestmark = pytest.mark.slow


def test_workbook_without_edits_reproduces_the_run_byte_for_byte(solved_run: Path, tmp_path: Path) -> None:
    answer = run("optimize", solved_run / "plan.xlsx", "--out", tmp_path / "again")
    assert answer.exit_code == 0, answer.output
    assert answer.output.startswith(f"No edits in {solved_run / 'plan.xlsx'}.")
    assert files_of(tmp_path / "again") == files_of(solved_run)


def test_values_entered_again_are_not_edits(solved_run: Path, tmp_path: Path) -> None:
    def edit(book: Workbook) -> None:
        cells(book, "discount_rate")[0].value = 0.08
        cells(book, "capex_factor")[0].value = 1
        for key, value in (
            ("budget.cumulative_mn.2026", 1900),
            ("years", "2026, 2031"),
            ("storage.sites", "Ordos；Qinshui"),
            ("transport.shared_trunklines", False),
            ("transport.pipe_costs", "dea"),
            ("solver.mip_gap", 0),
        ):
            new_value(book, key).value = value
        set_more("costs.capex_factor", 1.0)(book)
        by_id(book, "site_ids", "site_capacity", "qinshui").value *= 1 + 1e-14

    read = read_edited_workbook(edited(solved_run / "plan.xlsx", tmp_path / "same.xlsx", edit))
    assert read.scenario is read.solved and not read.revision.edits


@pytest.mark.office
def test_values_entered_again_are_not_counted_as_changes_by_the_workbook(solved_run: Path, tmp_path: Path) -> None:
    book = edited(
        solved_run / "plan.xlsx",
        tmp_path / "same.xlsx",
        lambda book: setattr(new_value(book, "years"), "value", "2026, 2031"),
    )
    recomputed([book], tmp_path)
    saved = openpyxl.load_workbook(tmp_path / "recomputed/same.xlsx", data_only=True)
    assert cells(saved, "inputs_changed")[0].value == 0


@pytest.fixture(scope="module")
def second_run(solved_run: Path) -> Path:
    """The run folder of the edited workbook."""
    book = edited(solved_run / "plan.xlsx", solved_run.parent / "mine.xlsx", five_edits)
    answer = run("optimize", book, "--out", solved_run.parent / "second")
    assert answer.exit_code == 0, answer.output
    assert f"Edits of {book}:" in answer.output and "Inputs!D10  discount_rate: 0.08 → 0.06" in answer.output
    return solved_run.parent / "second"


def test_edited_workbook_gives_the_plan_of_the_edited_scenario(
    solved_run: Path, second_run: Path, tmp_path: Path
) -> None:
    scenario = ccs.read_scenario(solved_run.parent / "five.yaml").with_changes(AS_SCENARIO)
    ccs.optimize(scenario).to_folder(tmp_path / "asked")
    found, expected = files_of(second_run), files_of(tmp_path / "asked")
    names = [name for name in expected if name.startswith("tables/")]
    assert len(names) > 10
    assert {name: found[name] for name in names} == {name: expected[name] for name in names}
    assert found["plan.json"] == expected["plan.json"]


def test_resolved_scenario_names_the_edited_cells(second_run: Path) -> None:
    text = (second_run / "scenario.resolved.yaml").read_text(encoding="utf-8")
    assert "discount_rate: 0.06  # mine.xlsx:Inputs!D10" in text
    assert "min_emissions_ktpa: 1200  # five.yaml:3" in text


def test_sheet_changes_lists_edits_figures_and_plants(solved_run: Path, second_run: Path) -> None:
    sheet = openpyxl.load_workbook(second_run / "plan.xlsx", data_only=True)["Changes"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert ["Inputs!D10", "discount_rate", "discount_rate", 0.08, 0.06] in [row[:5] for row in rows]
    assert any(row[0] and "6 cells of mine.xlsx" in str(row[0]) for row in rows)
    plans = [ccs.read_run(folder).document["totals"] for folder in (solved_run, second_run)]
    figure = next(row for row in rows if row[0] == "Capex")
    assert figure[2:5] == pytest.approx(
        [each["capex_mn"] for each in plans] + [plans[1]["capex_mn"] - plans[0]["capex_mn"]]
    )
    changed_plants = [row for row in rows if row[0] in ("enters", "leaves", "changes")]
    plants = [
        {row["plant"] for row in ccs.read_run(folder).document["retrofits"]} for folder in (solved_run, second_run)
    ]
    assert {row[1] for row in changed_plants if row[0] == "enters"} == plants[1] - plants[0]
    assert {row[1] for row in changed_plants if row[0] == "leaves"} == plants[0] - plants[1]
    # Retrofits are listed with their nameplate capacity, so a different size counts as a change.
    sizes: list[dict[str, set[str]]] = [{}, {}]
    for found, folder in zip(sizes, (solved_run, second_run), strict=True):
        for row in ccs.read_run(folder).document["retrofits"]:
            text = f"{row['stream']} {row['technology']} {row['year']} {row['nameplate_ktpa']:,.0f} kt/y"
            found.setdefault(row["plant"], set()).add(text.replace("_", " "))
    for row in changed_plants:
        for text, found in zip(row[5:7], sizes, strict=True):
            assert (set() if text == "–" else set(text.split("; "))) == found.get(row[1], set())
    kept = {row[1] for row in changed_plants if row[0] == "changes"}
    assert kept == {plant for plant in plants[0] & plants[1] if sizes[0][plant] != sizes[1][plant]}


def test_capex_factor_multiplies_the_factor_of_an_earlier_edit(second_run: Path, tmp_path: Path) -> None:
    book = edited(
        second_run / "plan.xlsx", tmp_path / "b.xlsx", lambda book: setattr(cells(book, "capex_factor")[0], "value", 2)
    )
    assert read_edited_workbook(book).scenario.costs.capex_factor == pytest.approx(2.2)


def test_edited_carbon_prices_become_the_price_path_of_the_scenario(solved_run: Path, tmp_path: Path) -> None:
    def edit(book: Workbook) -> None:
        sheet, address = book.defined_names["_read_carbon_price_input"].attr_text.replace("$", "").split("!")
        for at, cell in enumerate(book[sheet][address][0]):
            cell.value = 50.0 + at
        cells(book, "carbon_price_factor")[0].value = 2

    read = read_edited_workbook(edited(solved_run / "plan.xlsx", tmp_path / "b.xlsx", edit)).scenario
    assert read.policy.carbon_price_per_t == {2026 + at: 2 * (50.0 + at) for at in range(11)}
    assert read.places["policy.carbon_price_per_t.2028"].endswith("b.xlsx:Series!I12, Inputs!D16")


def test_origin_of_a_list_names_every_cell_that_changed_it(solved_run: Path, tmp_path: Path) -> None:
    def edit(book: Workbook) -> None:
        for name in ("MEOH_22", "NH3_21"):
            plant(book, name).value = "exclude"
        for cell in cells(book, "site_use")[:2]:
            cell.value = "no"

    read = read_edited_workbook(edited(solved_run / "plan.xlsx", tmp_path / "b.xlsx", edit)).scenario
    assert re.fullmatch(r".*b\.xlsx:Plants!D\d+, D\d+", read.places["plants.exclude"])
    assert re.fullmatch(r".*b\.xlsx:Storage!C\d+, C\d+", read.places["storage.exclude"])
    assert read.places["storage.exclude[0]"] != read.places["storage.exclude[1]"]


def test_years_can_be_edited_from_a_list_to_static_and_back(solved_run: Path, tmp_path: Path) -> None:
    def set_years(book: Workbook, text: str) -> None:
        new_value(book, "years").value = text

    def static(book: Workbook) -> None:
        set_years(book, "Static")
        new_value(book, "budget.cumulative_mn.2026").value = "none"

    read = read_edited_workbook(edited(solved_run / "plan.xlsx", tmp_path / "b.xlsx", static)).scenario
    assert read.years == "static" and dict(read.budget.cumulative_mn) == {}
    written = ccs.optimize(read).to_excel(tmp_path / "static.xlsx")
    for text in ("2026, 2031", "[2026, 2031]"):
        book = edited(written, tmp_path / "c.xlsx", partial(set_years, text=text))
        assert read_edited_workbook(book).scenario.years == (2026, 2031)
    book = edited(written, tmp_path / "c.xlsx", set_named("carbon_price_factor", 2))
    with pytest.raises(InputError, match="multiplies the carbon price, and the scenario has none"):
        read_edited_workbook(book)


def test_factor_of_a_series_of_the_social_cost_is_an_error(tmp_path: Path) -> None:
    text = SCENARIO.replace("policy: {", "policy: {social_cost_series: EPA 2023, ")
    (tmp_path / "five.yaml").write_text(text, encoding="utf-8")
    book = ccs.optimize(tmp_path / "five.yaml").to_excel(tmp_path / "plan.xlsx")
    with pytest.raises(InputError, match="multiplies the series EPA 2023, which a scenario takes as it is") as error:
        read_edited_workbook(edited(book, tmp_path / "b.xlsx", set_named("social_cost_factor", 2)))
    assert [issue.where.endswith("b.xlsx:Inputs!D17") for issue in error.value.issues] == [True]


def test_sections_and_years_are_printed_as_in_a_scenario_file(solved_run: Path, tmp_path: Path) -> None:
    edits = {
        "targets": ("{}", "abatement_share: {2031: 0.001}"),
        "price_year": ("2024", "2020"),
        "policy.paid_from": ("none", "2028"),
    }

    def edit(book: Workbook) -> None:
        new_value(book, "price_year").value = 2020
        new_value(book, "policy.paid_from").value = 2028
        set_more("targets", "{abatement_share: {2031: 0.001}}")(book)

    read = read_edited_workbook(edited(solved_run / "plan.xlsx", tmp_path / "b.xlsx", edit))
    shown = {each.key: (value_text(each.old, each.key), value_text(each.new, each.key)) for each in read.revision.edits}
    assert shown == edits


def test_an_exclusion_keeps_its_reason(tmp_path: Path) -> None:
    with_reason = SCENARIO.replace("min_emissions_ktpa", "exclude: [{MEOH_22: closes}, MEOH_48], min_emissions_ktpa")
    (tmp_path / "five.yaml").write_text(with_reason, encoding="utf-8")
    book = ccs.optimize(tmp_path / "five.yaml").to_excel(tmp_path / "plan.xlsx")
    read = read_edited_workbook(book)
    assert read.scenario is read.solved and read.solved.plants.exclude == ({"MEOH_22": "closes"}, "MEOH_48")

    def excluded_after(name: str, text: str | None) -> tuple[object, ...]:
        to = edited(book, tmp_path / "edited.xlsx", lambda each: setattr(plant(each, name), "value", text))
        return read_edited_workbook(to).scenario.plants.exclude

    assert excluded_after("NH3_21", "exclude") == ({"MEOH_22": "closes"}, "MEOH_48", "NH3_21")
    assert excluded_after("MEOH_22", None) == ("MEOH_48",)
    assert [each.key for each in read_edited_workbook(tmp_path / "edited.xlsx").revision.edits] == ["plants.exclude"]
    assert excluded_after("MEOH_48", "require from 2031") == ({"MEOH_22": "closes"},)


def test_a_rate_beyond_the_range_of_the_workbook_is_no_error_until_it_is_edited(tmp_path: Path) -> None:
    (tmp_path / "five.yaml").write_text(SCENARIO + "discount_rate: 0.6\n", encoding="utf-8")
    book = ccs.optimize(tmp_path / "five.yaml").to_excel(tmp_path / "plan.xlsx")
    assert not read_edited_workbook(book).revision.edits
    with pytest.raises(InputError, match=r"expected a number from 0 to 0\.5, got 0\.7"):
        read_edited_workbook(edited(book, tmp_path / "edited.xlsx", set_named("discount_rate", 0.7)))


def test_excluded_sites_that_the_workbook_does_not_list_stay_excluded(tmp_path: Path) -> None:
    changed = SCENARIO.replace("sites: [Ordos, Qinshui]", "sites: [Ordos, Qinshui], exclude: [nanpu, ordos_6, Qinshui]")
    (tmp_path / "five.yaml").write_text(changed, encoding="utf-8")
    book = ccs.optimize(tmp_path / "five.yaml").to_excel(tmp_path / "plan.xlsx")

    def use(site: str, text: str) -> tuple[str, ...]:
        edit = partial(lambda each: setattr(by_id(each, "site_ids", "site_use", site), "value", text))
        return read_edited_workbook(edited(book, tmp_path / "edited.xlsx", edit)).scenario.storage.exclude

    assert use("ordos_5", "no") == ("ordos_5", "ordos_6", "qinshui", "nanpu")
    assert use("qinshui", "yes") == ("ordos_6", "nanpu")


def test_excluding_a_plant_with_a_committed_retrofit_is_reported_at_its_cell(tmp_path: Path) -> None:
    (tmp_path / "five.yaml").write_text(SCENARIO, encoding="utf-8")
    row = ccs.optimize(tmp_path / "five.yaml").retrofits.iloc[0]
    kept = SCENARIO.replace("min_emissions", f"committed: {{{row['route']}: {row['year']}}}, min_emissions")
    (tmp_path / "kept.yaml").write_text(kept, encoding="utf-8")
    book = ccs.optimize(tmp_path / "kept.yaml").to_excel(tmp_path / "plan.xlsx")
    edit = partial(lambda each: setattr(plant(each, row["plant"]), "value", "exclude"))
    with pytest.raises(InputError) as caught:
        read_edited_workbook(edited(book, tmp_path / "edited.xlsx", edit))
    (issue,) = caught.value.issues
    assert "edited.xlsx:Plants!D" in issue.where
    assert issue.what == f"'{row['plant']}' has a committed retrofit, plants.committed.{row['route']}"


@pytest.mark.parametrize("lang", ["zh", "both"])
def test_capacity_of_a_site_can_be_edited_in_every_language(solved_run: Path, tmp_path: Path, lang: str) -> None:
    written = run("optimize", solved_run / "plan.xlsx", "--lang", lang, "--out", tmp_path / "run", "-q")
    assert written.exit_code == 0, written.output

    def reduce_capacity(book: Workbook) -> None:
        by_id(book, "site_ids", "site_capacity", "qinshui").value = 90_000

    read = read_edited_workbook(edited(tmp_path / "run/plan.xlsx", tmp_path / "edited.xlsx", reduce_capacity))
    assert read.scenario.storage.capacity_kt == {"qinshui": 90_000.0}
    assert [edit.key for edit in read.revision.edits] == ["storage.capacity_kt"]


def test_decisions_are_read_in_chinese(solved_run: Path, tmp_path: Path) -> None:
    def decide(book: Workbook) -> None:
        plant(book, "MEOH_22").value = "必须 2031年起"
        by_id(book, "site_ids", "site_use", "qinshui").value = "否"

    read = read_edited_workbook(edited(solved_run / "plan.xlsx", tmp_path / "edited.xlsx", decide))
    assert read.scenario.plants.require == ("MEOH_22",)
    assert dict(read.scenario.plants.not_before) == {"MEOH_22": 2031}
    assert read.scenario.storage.exclude == ("qinshui",)


@pytest.mark.parametrize("text", ["require from 2031", "from 2031 require", "从2031年起必须", "require from ２０３１"])
def test_decision_is_read_in_any_word_order_and_character_width(solved_run: Path, tmp_path: Path, text: str) -> None:
    def edit(book: Workbook) -> None:
        plant(book, "MEOH_22").value = text

    scenario = read_edited_workbook(edited(solved_run / "plan.xlsx", tmp_path / "edited.xlsx", edit)).scenario
    assert dict(scenario.plants.not_before) == {"MEOH_22": 2031} and "MEOH_22" in scenario.plants.require


def test_solving_a_workbook_again_keeps_its_language_and_author(solved_run: Path, tmp_path: Path) -> None:
    source = tmp_path / "zh.xlsx"
    assert run("export", solved_run, "--format", "xlsx", "--lang", "zh", "-o", source).exit_code == 0

    def edit(book: Workbook) -> None:
        cells(book, "author")[0].value = "李伟"
        cells(book, "budget_mn")[0].value = 1_900
        book.create_sheet("My notes")["A1"] = "a remark"

    answer = run("optimize", edited(source, tmp_path / "edited.xlsx", edit), "--out", tmp_path / "again")
    assert answer.exit_code == 0 and "sheets that ccs-model did not write are ignored: My notes" in answer.output
    again = openpyxl.load_workbook(tmp_path / "again" / "plan.xlsx")
    assert again["Cover"]["A4"].value == "结论" and cells(again, "author")[0].value == "李伟"


def test_a_site_switched_off_can_be_switched_on_in_the_next_workbook(solved_run: Path, tmp_path: Path) -> None:
    def switch(to: str) -> Callable[[Workbook], None]:
        return lambda book: setattr(by_id(book, "site_ids", "site_use", "qinshui"), "value", to)

    off = edited(solved_run / "plan.xlsx", tmp_path / "off.xlsx", switch("no"))
    written = run("optimize", off, "--out", tmp_path / "run", "-q")
    assert written.exit_code == 0, written.output
    assert "qinshui" not in (tmp_path / "run/tables/storage.csv").read_text()
    again = read_edited_workbook(tmp_path / "run/plan.xlsx")
    assert again.scenario.storage.exclude == ("qinshui",) and not again.revision.edits
    on = read_edited_workbook(edited(tmp_path / "run/plan.xlsx", tmp_path / "on.xlsx", switch("yes")))
    assert on.scenario.storage.exclude == ()
    assert [(edit.key, edit.old, edit.new) for edit in on.revision.edits] == [("storage.exclude", "no", "yes")]


def test_lists_are_read_with_chinese_and_western_separators(solved_run: Path, tmp_path: Path) -> None:
    def edit(book: Workbook) -> None:
        for key, text in (
            ("years", "2026；2031, 2036"),
            ("storage.sites", "Qinshui"),
            ("plants.provinces", "Shanxi、Hebei"),
        ):
            new_value(book, key).value = text

    read = read_edited_workbook(edited(solved_run / "plan.xlsx", tmp_path / "lists.xlsx", edit)).scenario
    assert (read.years, read.storage.sites) == ((2026, 2031, 2036), ("Qinshui",))
    assert read.plants.provinces == ("Shanxi", "Hebei")


def test_edited_carbon_price_has_a_notice_that_it_is_the_price_path(solved_run: Path, tmp_path: Path) -> None:
    def edit(book: Workbook) -> None:
        cells(book, "carbon_price_input")[0].value = 50.0

    (notice,) = read_edited_workbook(edited(solved_run / "plan.xlsx", tmp_path / "price.xlsx", edit)).notices
    assert "the edited carbon price is now the price path of the scenario" in notice


def test_workbook_that_is_read_is_never_overwritten(solved_run: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(solved_run, tmp_path / "run"))
    before = edited(folder / "plan.xlsx", folder / "plan.xlsx", set_named("budget_mn", 2500)).read_bytes()
    answer = run("optimize", folder / "plan.xlsx", "--out", folder, "--force")
    assert answer.exit_code != 0
    assert (folder / "plan.xlsx").read_bytes() == before
    with pytest.raises(FileError, match="contains the workbook that is read"):
        optimize_to_folder(folder / "plan.xlsx", folder, force=True)


def test_frontier_command_rejects_a_workbook(solved_run: Path) -> None:
    error = run("frontier", solved_run / "plan.xlsx").exception
    assert "is a workbook, expected a scenario file" in str(error)


def test_inputs_sheet_explains_how_to_solve_again(solved_run: Path) -> None:
    book = openpyxl.load_workbook(solved_run / "plan.xlsx", data_only=True)
    assert any(
        "Solve again: save the workbook and run ccs-model optimize FILE." in text for text in texts(book["Inputs"])
    )


@pytest.mark.office
def test_workbook_saved_by_libreoffice_gives_the_same_run(solved_run: Path, second_run: Path, tmp_path: Path) -> None:
    plain = Path(shutil.copy(solved_run / "plan.xlsx", tmp_path / "plain.xlsx"))
    mine = edited(plain, tmp_path / "mine.xlsx", five_edits)
    recomputed([plain, mine], tmp_path)
    assert run("check", tmp_path / "recomputed/plain.xlsx").output.startswith("No edits in")
    answer = run("optimize", tmp_path / "recomputed/mine.xlsx", "--out", tmp_path / "run", "-q")
    assert answer.exit_code == 0, answer.output
    found, expected = files_of(tmp_path / "run"), files_of(second_run)
    names: Iterator[str] = (name for name in expected if name != "plan.xlsx")
    for name in names:
        assert found[name] == expected[name], name
