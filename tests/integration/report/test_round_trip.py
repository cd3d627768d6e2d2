"""A workbook is edited and solved again: the same plan without edits, that of the edited scenario with them."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner, Result
from openpyxl.cell import Cell
from openpyxl.workbook import Workbook

import ccs_model as ccs
from ccs_model.cli import group
from ccs_model.errors import FileError, InputError
from ccs_model.paths import data_folder
from ccs_model.report.workbook.book import READ_BACK
from ccs_model.report.workbook.edited_workbook import read_edited
from ccs_model.report.workbook.infeasible_workbook import infeasible_workbook
from ccs_model.report.workbook.solver_fingerprints import Fingerprints, changed_cells
from ccs_model.solve.optimize_run import optimize_to_folder
from tests.integration.report.reading import texts
from tests.integration.report.recomputing import recomputed

pytestmark = pytest.mark.slow

SCENARIO = """\
name: Five plants
years: [2026, 2031]
plants: {inventory: [chemicals], provinces: [Shanxi], min_emissions_ktpa: 1_200}
transport: {shared_trunklines: false, pipe_costs: dea}
storage: {sites: [Ordos, Qinshui]}
policy: {non_fossil_share: {2023: 0.19}}
budget: {total_mn: 2_000, cumulative_mn: {2026: 1_900}}
solver: {mip_gap: 0.0, threads: 1}
"""
# Files that hold times, the command or the order of the solver's messages.
TIMED = ("manifest.json", "solver.log")


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(group, list(map(str, words)))


@pytest.fixture(scope="module")
def solved_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of the scenario."""
    folder = tmp_path_factory.mktemp("round")
    (folder / "five.yaml").write_text(SCENARIO, encoding="utf-8")
    answer = run("optimize", folder / "five.yaml", "--out", folder / "run", "-q")
    assert answer.exit_code == 0, answer.output
    return folder / "run"


def cells(book: Workbook, name: str) -> list[Cell]:
    """The first column of a defined name."""
    name = name if name in book.defined_names else f"{READ_BACK}{name}"
    sheet, address = book.defined_names[name].attr_text.replace("$", "").replace("'", "").split("!")
    found = book[sheet][address]
    return [row[0] for row in found] if isinstance(found, tuple) else [found]


def edited(source: Path, to: Path, edit: Callable[[Workbook], object]) -> Path:
    """A copy of a workbook, edited and saved by openpyxl."""
    book = openpyxl.load_workbook(source)
    edit(book)
    book.save(to)
    return to


def by_id(book: Workbook, ids: str, column: str, name: str) -> Cell:
    return dict(zip((cell.value for cell in cells(book, ids)), cells(book, column), strict=True))[name]


def five_edits(book: Workbook) -> None:
    """Discount rate, budget, capital, a plant and a site; the cumulative budget as a new value of the scenario."""
    cells(book, "discount_rate")[0].value = 0.06
    cells(book, "budget_mn")[0].value = 3000
    cells(book, "capex_factor")[0].value = 1.1
    new_value(book, "budget.cumulative_mn.2026").value = 2500
    plant(book, "MEOH_22").value = "from 2031"
    by_id(book, "site_ids", "site_capacity", "qinshui").value = 90_000


# The same edits as a scenario file would have them.
AS_SCENARIO = {
    "discount_rate": 0.06,
    "budget.total_mn": 3000,
    "costs.capex_factor": 1.1,
    "budget.cumulative_mn.2026": 2500,
    "plants.not_before": {"MEOH_22": 2031},
    "storage.capacity_kt": {"qinshui": 90_000.0},
}


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in TIMED
    }


def test_without_edits_the_run_is_the_same_byte_for_byte(solved_run: Path, tmp_path: Path) -> None:
    answer = run("optimize", solved_run / "plan.xlsx", "--out", tmp_path / "again")
    assert answer.exit_code == 0, answer.output
    assert answer.output.startswith(f"No edits in {solved_run / 'plan.xlsx'}.")
    assert files_of(tmp_path / "again") == files_of(solved_run)


@pytest.fixture(scope="module")
def second_run(solved_run: Path) -> Path:
    """The run folder of the edited workbook."""
    book = edited(solved_run / "plan.xlsx", solved_run.parent / "mine.xlsx", five_edits)
    answer = run("optimize", book, "--out", solved_run.parent / "second")
    assert answer.exit_code == 0, answer.output
    assert f"Edits of {book}:" in answer.output and "Inputs!D10  discount_rate: 0.08 → 0.06" in answer.output
    return solved_run.parent / "second"


def test_edits_give_the_plan_of_the_scenario_with_these_edits(
    solved_run: Path, second_run: Path, tmp_path: Path
) -> None:
    scenario = ccs.read_scenario(solved_run.parent / "five.yaml").with_changes(AS_SCENARIO)
    ccs.optimize(scenario).to_folder(tmp_path / "asked")
    found, asked = files_of(second_run), files_of(tmp_path / "asked")
    names = [name for name in asked if name.startswith("tables/")]
    assert len(names) > 10
    assert {name: found[name] for name in names} == {name: asked[name] for name in names}
    assert found["plan.json"] == asked["plan.json"]


def test_the_resolved_scenario_names_the_cells_of_the_edits(second_run: Path) -> None:
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
    moved = [row for row in rows if row[0] in ("enters", "leaves", "changes")]
    plants = [
        {row["plant"] for row in ccs.read_run(folder).document["retrofits"]} for folder in (solved_run, second_run)
    ]
    assert {row[1] for row in moved if row[0] == "enters"} == plants[1] - plants[0]
    assert {row[1] for row in moved if row[0] == "leaves"} == plants[0] - plants[1]
    # Retrofits are listed with their nameplate, so that another size is a change.
    sizes: list[dict[str, set[str]]] = [{}, {}]
    for found, folder in zip(sizes, (solved_run, second_run), strict=True):
        for row in ccs.read_run(folder).document["retrofits"]:
            text = f"{row['stream']} {row['technology']} {row['year']} {row['nameplate_ktpa']:,.0f} kt/y"
            found.setdefault(row["plant"], set()).add(text.replace("_", " "))
    for row in moved:
        for text, found in zip(row[5:7], sizes, strict=True):
            assert (set() if text == "–" else set(text.split("; "))) == found.get(row[1], set())
    kept = {row[1] for row in moved if row[0] == "changes"}
    assert kept == {plant for plant in plants[0] & plants[1] if sizes[0][plant] != sizes[1][plant]}


@pytest.mark.slow
def test_factors_multiply_what_an_earlier_edit_has_left(second_run: Path, tmp_path: Path) -> None:
    book = edited(
        second_run / "plan.xlsx", tmp_path / "b.xlsx", lambda book: setattr(cells(book, "capex_factor")[0], "value", 2)
    )
    assert read_edited(book).scenario.costs.capex_factor == pytest.approx(2.2)


@pytest.mark.slow
def test_the_carbon_price_of_each_year_becomes_the_path(solved_run: Path, tmp_path: Path) -> None:
    def edit(book: Workbook) -> None:
        sheet, address = book.defined_names["_read_carbon_price_input"].attr_text.replace("$", "").split("!")
        for at, cell in enumerate(book[sheet][address][0]):
            cell.value = 50.0 + at
        cells(book, "carbon_price_factor")[0].value = 2

    read = read_edited(edited(solved_run / "plan.xlsx", tmp_path / "b.xlsx", edit)).scenario
    assert read.policy.carbon_price_per_t == {2026 + at: 2 * (50.0 + at) for at in range(11)}


def test_an_exclusion_keeps_its_reason(tmp_path: Path) -> None:
    with_reason = SCENARIO.replace("min_emissions_ktpa", "exclude: [{MEOH_22: closes}, MEOH_48], min_emissions_ktpa")
    (tmp_path / "five.yaml").write_text(with_reason, encoding="utf-8")
    book = ccs.optimize(tmp_path / "five.yaml").to_excel(tmp_path / "plan.xlsx")
    read = read_edited(book)
    assert read.scenario is read.solved and read.solved.plants.exclude == ({"MEOH_22": "closes"}, "MEOH_48")

    def excluded_after(name: str, text: str | None) -> tuple[object, ...]:
        to = edited(book, tmp_path / "edited.xlsx", lambda each: setattr(plant(each, name), "value", text))
        return read_edited(to).scenario.plants.exclude

    assert excluded_after("NH3_21", "exclude") == ({"MEOH_22": "closes"}, "MEOH_48", "NH3_21")
    assert excluded_after("MEOH_22", None) == ("MEOH_48",)
    assert excluded_after("MEOH_48", "require from 2031") == ({"MEOH_22": "closes"},)


def set_named(name: str, value: object) -> Callable[[Workbook], object]:
    return lambda book: setattr(cells(book, name)[0], "value", value)


def set_more(key: str, value: object) -> Callable[[Workbook], object]:
    """A key with its value in the row of further keys."""
    return lambda book: (set_named("more_keys", key)(book), set_named("more_values", value)(book))


def first_result(book: Workbook) -> Cell:
    """The cell of sheet Retrofits with the year of the first retrofit."""
    return next(cell for row in book["Retrofits"].iter_rows() for cell in row if cell.value == 2026)


def plant(book: Workbook, name: str) -> Cell:
    """The decision on a plant."""
    return by_id(book, "plant_ids", "plant_decisions", name)


def new_value(book: Workbook, key: str) -> Cell:
    """The cell for a new value of a scenario key."""
    return by_id(book, "scenario_keys", "scenario_new", key)


@pytest.mark.parametrize("lang", ["zh", "both"])
def test_a_site_is_edited_in_every_language(solved_run: Path, tmp_path: Path, lang: str) -> None:
    written = run("optimize", solved_run / "plan.xlsx", "--lang", lang, "--out", tmp_path / "run", "-q")
    assert written.exit_code == 0, written.output

    def smaller(book: Workbook) -> None:
        by_id(book, "site_ids", "site_capacity", "qinshui").value = 90_000

    read = read_edited(edited(tmp_path / "run/plan.xlsx", tmp_path / "edited.xlsx", smaller))
    assert read.scenario.storage.capacity_kt == {"qinshui": 90_000.0}
    assert [edit.key for edit in read.revision.edits] == ["storage.capacity_kt"]


def test_decisions_are_read_in_chinese(solved_run: Path, tmp_path: Path) -> None:
    def decide(book: Workbook) -> None:
        plant(book, "MEOH_22").value = "必须 2031年起"
        by_id(book, "site_ids", "site_use", "qinshui").value = "否"

    read = read_edited(edited(solved_run / "plan.xlsx", tmp_path / "edited.xlsx", decide))
    assert read.scenario.plants.require == ("MEOH_22",)
    assert dict(read.scenario.plants.not_before) == {"MEOH_22": 2031}
    assert read.scenario.storage.exclude == ("qinshui",)


def test_a_site_switched_off_can_be_switched_on_in_the_next_workbook(solved_run: Path, tmp_path: Path) -> None:
    def switch(to: str) -> Callable[[Workbook], None]:
        return lambda book: setattr(by_id(book, "site_ids", "site_use", "qinshui"), "value", to)

    off = edited(solved_run / "plan.xlsx", tmp_path / "off.xlsx", switch("no"))
    written = run("optimize", off, "--out", tmp_path / "run", "-q")
    assert written.exit_code == 0, written.output
    assert "qinshui" not in (tmp_path / "run/tables/storage.csv").read_text()
    again = read_edited(tmp_path / "run/plan.xlsx")
    assert again.scenario.storage.exclude == ("qinshui",) and not again.revision.edits
    on = read_edited(edited(tmp_path / "run/plan.xlsx", tmp_path / "on.xlsx", switch("yes")))
    assert on.scenario.storage.exclude == ()
    assert [(edit.key, edit.old, edit.new) for edit in on.revision.edits] == [("storage.exclude", "no", "yes")]


# Edits whose errors are found together: in the cells, in the values of the scenario, in the tables.
ERRORS: tuple[dict[str, tuple[Callable[[Workbook], object], str]], ...] = (
    {
        "Inputs!D10": (set_named("discount_rate", "=0.05+0.01"),
                       "holds a formula without a stored value, expected a value (type its value"),
        "Inputs!D13": (set_named("depreciation_yr", date(2026, 5, 30)), "is a date, expected a number from 1 to 60"),
        "Inputs!D11": (set_named("social_discount_rate", 8), "expected a number from 0 to 0.5, got 8 (8 % is 0.08)"),
        "Inputs!D14": (set_named("budget_mn", "much"), "expected a number from 0 to 1e+09, got 'much'"),
        "Plants!D": (lambda book: setattr(plant(book, "MEOH_22"), "value", "build"),
                     "'build' is no decision on a plant (expected require, exclude, from YEAR or require from YEAR)"),
        "Storage!C": (set_named("site_use", "perhaps"), "expected yes or no"),
        "Inputs!B": (lambda book: (set_named("tax_share", 0.2)(book), set_more("finance.tax_share", 0.3)(book)),
                     "finance.tax_share is already changed at Inputs!D12"),
        "Plants!I": (lambda book: setattr(plant(book, "MEOH_22").offset(column=5), "value", 3000),
                     "is 3000.0, which is not what was solved with: the cell is not an input of the workbook"),
        "Retrofits!": (lambda book: setattr(first_result(book), "value", 2031), "only shaded cells can be edited"),
    },
    {
        "Inputs!D18": (set_named("capex_factor", 0), "costs.capex_factor: expected"),
        "Inputs!B": (set_more("solver.mip_gp", 0.1), "solver.mip_gp: unknown key"),
        # Values that no key of the scenario holds alone; found together with errors of the scenario.
        "Inputs!D2": (set_named("first_year", 2028), "is 2028, which is not what was solved with (2026)"),
    },
    {
        "Inputs!D14": (set_named("budget_mn", 9e8), "is implausible"),
        "Inputs!C": (lambda book: setattr(new_value(book, "storage.sites"), "value", "[Ordoss]"),
                     "site or basin 'Ordoss' is not in the tables (did you mean 'Ordos'?)"),
    },
    {"Plants!D": (set_named("plant_decisions", "require"), "cannot be retrofitted: below the smallest size")},
    {"Storage!C": (lambda book: [setattr(cell, "value", "no") for cell in cells(book, "site_use")],
                   "no storage site is left")},
    {
        "Storage!D": (lambda book: setattr(cells(book, "site_use")[0].offset(column=1), "value", "no"),
                      "is 'no', which is not the value of the solved plan: only shaded cells are inputs"),
        "Plants!E": (lambda book: setattr(plant(book, "MEOH_22").offset(column=1), "value", "exclude"),
                     "is 'exclude', which is not what was solved with"),
        "Series!": (lambda book: setattr(cells(book, "carbon_price_solved")[0], "value", 99),
                    "is 99.0, which is not the value of the solved plan"),
    },
)  # fmt: skip


@pytest.mark.parametrize("errors", [*ERRORS[:3], *(pytest.param(each, marks=pytest.mark.slow) for each in ERRORS[3:])])
def test_an_edit_that_cannot_be_is_an_error_at_its_cell(
    solved_run: Path, tmp_path: Path, errors: dict[str, tuple[Callable[[Workbook], object], str]]
) -> None:
    book = edited(
        solved_run / "plan.xlsx", tmp_path / "bad.xlsx", lambda book: [edit(book) for edit, _ in errors.values()]
    )
    error = run("check", book).exception
    assert isinstance(error, InputError)
    assert len(error.issues) == len(errors), error
    for cell, (_, what) in errors.items():
        assert any(f"bad.xlsx:{cell}" in str(issue) and what in str(issue) for issue in error.issues), (what, error)


def test_cells_that_are_no_inputs_cannot_be_edited_in_silence(solved_run: Path, tmp_path: Path) -> None:
    def edit(book: Workbook) -> None:
        new_value(book, "budget.cumulative_mn.2026").offset(column=-1).value = 1_000  # column Value
        *_, formula = (cell for row in book["CashFlow"].iter_rows() for cell in row if cell.data_type == "f")
        formula.value = 999
        capex = book["Technologies"]["E8"]
        assert isinstance(capex.value, int | float)
        capex.value += 1

    error = run("check", edited(solved_run / "plan.xlsx", tmp_path / "bad.xlsx", edit)).exception
    assert isinstance(error, InputError)
    found = [str(issue) for issue in error.issues]
    assert sorted(each.split("!")[0].split(":")[-1] for each in found) == ["CashFlow", "Inputs", "Technologies"], found
    assert all("which is not what the run wrote: only shaded cells can be edited" in each for each in found)


def test_a_row_that_was_inserted_is_one_error(solved_run: Path, tmp_path: Path) -> None:
    moved = edited(solved_run / "plan.xlsx", tmp_path / "moved.xlsx", lambda book: book["Plants"].delete_rows(12))
    error = run("check", moved).exception
    assert isinstance(error, InputError)
    (issue,) = error.issues
    assert "moved.xlsx:Plants!" in issue.where and "was a row inserted, deleted or sorted?" in issue.hint


def test_lists_are_read_as_the_workbook_shows_them(solved_run: Path, tmp_path: Path) -> None:
    def edit(book: Workbook) -> None:
        for key, text in (
            ("years", "2026；2031, 2036"),
            ("storage.sites", "Qinshui"),
            ("plants.provinces", "Shanxi、Hebei"),
        ):
            new_value(book, key).value = text

    read = read_edited(edited(solved_run / "plan.xlsx", tmp_path / "lists.xlsx", edit)).scenario
    assert (read.years, read.storage.sites) == ((2026, 2031, 2036), ("Qinshui",))
    assert read.plants.provinces == ("Shanxi", "Hebei")


@pytest.mark.parametrize(("value", "hint"), [("8%", "type 0.08"), ("0.08", "format it as a number and type it again")])
def test_a_number_that_is_text_is_named_with_what_to_type(
    solved_run: Path, tmp_path: Path, value: str, hint: str
) -> None:
    book = edited(solved_run / "plan.xlsx", tmp_path / "text.xlsx", set_named("discount_rate", value))
    error = run("check", book).exception
    assert isinstance(error, InputError) and hint in error.issues[0].hint


def test_a_carbon_price_of_a_workbook_says_what_it_replaces(solved_run: Path, tmp_path: Path) -> None:
    def edit(book: Workbook) -> None:
        cells(book, "carbon_price_input")[0].value = 50.0

    (notice,) = read_edited(edited(solved_run / "plan.xlsx", tmp_path / "price.xlsx", edit)).notices
    assert "the edited carbon price is now the price path of the scenario" in notice


def with_part(source: Path, to: Path, part: str, change: Callable[[str], str]) -> Path:
    """A copy of a workbook with one of its XML parts changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            raw = old.read(name)
            new.writestr(name, change(raw.decode()).encode() if name == part else raw)
    return to


@pytest.mark.parametrize(
    ("part", "old", "new", "what"),
    [
        ("xl/workbook.xml", r"<definedNames>.*</definedNames>", "", "ccs-model did not write this workbook"),
        ("xl/workbook.xml", '"_read_workbook_format"', '"other"', "an older version of ccs-model wrote this workbook"),
        ("xl/workbook.xml", '"_read_plant_ids"', '"other"', "its defined name plant_ids is missing or damaged"),
        ("xl/sharedStrings.xml", "ccs-model/workbook/1", "ccs-model/workbook/0", "has the older format"),
        ("xl/sharedStrings.xml", r"mip_gap: 0  # five\.yaml:8", "mip_gap: x", "solver.mip_gap: expected a number"),
    ],
)
def test_another_workbook_is_named_for_what_it_is(
    solved_run: Path, tmp_path: Path, part: str, old: str, new: str, what: str
) -> None:
    book = with_part(
        solved_run / "plan.xlsx", tmp_path / "b.xlsx", part, lambda text: re.sub(old, new, text, flags=re.S)
    )
    assert what in str(run("check", book).exception)


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (lambda book: book.remove(book["Series"]), "sheet Series is missing (take the workbook"),
        (lambda book: book.remove(book["Retrofits"]), "sheet Retrofits is missing (take the workbook"),
        (lambda book: setattr(book["Plants"], "title", "Works"),
         "sheet Plants is missing (if it is now called Works, rename it; otherwise take the workbook"),
    ],
)  # fmt: skip
def test_a_missing_sheet_is_the_only_error(
    solved_run: Path, tmp_path: Path, edit: Callable[[Workbook], object], what: str
) -> None:
    error = run("check", edited(solved_run / "plan.xlsx", tmp_path / "b.xlsx", edit)).exception
    assert isinstance(error, InputError) and len(error.issues) == 1
    assert what in str(error)


def test_the_workbook_of_an_infeasible_scenario_is_named(tmp_path: Path) -> None:
    path = tmp_path / "plan.xlsx"
    path.write_bytes(infeasible_workbook(["targets.abatement_share: 0.9 is out of reach"], "Five plants"))
    assert "holds no plan, because the scenario is infeasible (change the scenario" in str(run("check", path).exception)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (r"(_read_plant_ids\">)[^<]*", r"\1Plants!$A$1:$XFD$1048576", "covers too many cells"),
        (r"(_read_plant_ids\">)[^<]*", r"\1#REF!", "its defined name plant_ids is missing or damaged"),
        (r"(_read_plant_ids\">)[^<]*", r"\1Plants!$A$1:$A$2", "differ in length"),
        (r"(_read_scenario_text\">)[^<]*", r"\1RunLog!$A$1:$E$9", "its defined name scenario_text is damaged"),
        (r"(_read_solver_fingerprints\">)[^<]*", r"\1Plants!$A$10:$D$12", "fingerprints of solver results are damaged"),
    ],
)
def test_names_that_mark_other_places_are_errors(
    solved_run: Path, tmp_path: Path, old: str, new: str, what: str
) -> None:
    source, changed = solved_run / "plan.xlsx", tmp_path / "b.xlsx"
    book = with_part(source, changed, "xl/workbook.xml", lambda text: re.sub(old, new, text))
    error = run("check", book).exception
    assert isinstance(error, InputError) and what in str(error), error


def test_files_that_are_no_workbook_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "b.xlsx"
    for raw, what in ((b"", "is empty"), (b"PK\x03\x04 and no more", "damaged"), (b"name: x", "expected .xlsx")):
        path.write_bytes(raw)
        assert what in str(run("check", path).exception)


@pytest.mark.slow
def test_own_tables_that_are_not_beside_the_workbook_are_named(solved_run: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "tables/prices").mkdir(parents=True)
    shutil.copy(data_folder() / "prices/power.csv", home / "tables/prices")
    (home / "s.yaml").write_text(SCENARIO + "data: tables\n", encoding="utf-8")
    assert run("optimize", home / "s.yaml", "--out", home / "run", "-q").exit_code == 0
    assert run("check", home / "run/plan.xlsx").exit_code == 0
    mailed = Path(shutil.copy(home / "run/plan.xlsx", tmp_path / "mailed.xlsx"))
    error = str(run("check", mailed).exception)
    assert "mailed.xlsx:RunLog: the plan was solved with your own file own/tables, which is not at" in error
    assert str(tmp_path / "own/tables") in error and "copy the folder own of the run folder" in error


def test_the_workbook_that_is_read_is_never_replaced(solved_run: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(solved_run, tmp_path / "run"))
    before = edited(folder / "plan.xlsx", folder / "plan.xlsx", set_named("budget_mn", 2500)).read_bytes()
    answer = run("optimize", folder / "plan.xlsx", "--out", folder, "--force")
    assert answer.exit_code != 0
    assert (folder / "plan.xlsx").read_bytes() == before
    with pytest.raises(FileError, match="contains the workbook that is read"):
        optimize_to_folder(folder / "plan.xlsx", folder, force=True)


def test_other_commands_name_the_scenario_of_the_run(solved_run: Path) -> None:
    error = run("frontier", solved_run / "plan.xlsx").exception
    assert "is a workbook, expected a scenario file" in str(error)


def test_the_banner_of_an_edited_workbook_tells_how_to_solve_again(solved_run: Path) -> None:
    book = openpyxl.load_workbook(solved_run / "plan.xlsx", data_only=True)
    assert any(
        "Solve again: save the workbook and run ccs-model optimize FILE." in text for text in texts(book["Inputs"])
    )


def fingerprinted(values: dict[tuple[int, int], float | str]) -> list[tuple[str, str, str, str]]:
    prints = Fingerprints()
    for (row, column), value in values.items():
        prints.record("S", row, column, value)
    return [(each["sheet"], each["rows"], each["columns"], each["signs"]) for each in prints.rows()]


def test_fingerprints_bear_the_last_digit_and_find_any_other_change() -> None:
    values: dict[tuple[int, int], float | str] = {
        (row, column): row / 7 + column for row in range(40) for column in (1, 4)
    }
    values[3, 2] = "amine"
    listed = fingerprinted(values)

    def found(changed: dict[tuple[int, int], float | str]) -> list[tuple[str, int, int]]:
        there = {("S", row + 1, column + 1): value for (row, column), value in (values | changed).items()}
        return list(changed_cells(listed, there))

    assert found({}) == []
    assert found({place: value * (1 + 1e-15) for place, value in values.items() if isinstance(value, float)}) == []
    assert found({(5, 4): values[5, 4] + 1e-6}) == [("S", 6, 5)]  # type: ignore[operator]
    assert found({(3, 2): "mea"}) == [("S", 4, 3)]


@pytest.mark.office
def test_a_workbook_that_libreoffice_saved_reads_the_same(solved_run: Path, second_run: Path, tmp_path: Path) -> None:
    plain = Path(shutil.copy(solved_run / "plan.xlsx", tmp_path / "plain.xlsx"))
    mine = edited(plain, tmp_path / "mine.xlsx", five_edits)
    recomputed([plain, mine], tmp_path)
    assert run("check", tmp_path / "recomputed/plain.xlsx").output.startswith("No edits in")
    answer = run("optimize", tmp_path / "recomputed/mine.xlsx", "--out", tmp_path / "run", "-q")
    assert answer.exit_code == 0, answer.output
    found, asked = files_of(tmp_path / "run"), files_of(second_run)
    names: Iterator[str] = (name for name in asked if name != "plan.xlsx")
    for name in names:
        assert found[name] == asked[name], name


def test_an_infeasible_workbook_is_chinese(tmp_path: Path) -> None:
    conflicts = [
        "spending_within_budget: the budget is 10.0 million CNY; 12.5 million CNY would restore feasibility "
        "(budget.total_mn)",
        "wells_need_an_open_site: too few wells; these would do: qinshui: 9 in place of 3 (n_wells_max, "
        "storage.sites); and stored_within_capacity: the sites are too small; these would do: qinshui: 900 kt in "
        "place of 300 kt (storage.capacity_kt, storage.capacity, storage.max_fill_share)",
    ]
    path = tmp_path / "plan.xlsx"
    path.write_bytes(infeasible_workbook(conflicts, "Five plants", "zh"))
    rows = list(openpyxl.load_workbook(path)["Infeasible"].iter_rows(min_row=5, values_only=True))
    assert rows[0] == ("支出不超过总预算", "预算为 10.0 百万元；增至 12.5 百万元 可恢复可行（budget.total_mn）")
    assert "千吨，原为 300 千吨" in rows[1][1] and "would do" not in rows[1][1]
