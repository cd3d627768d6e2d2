"""Reading run folders, looking up plants by name, and explaining single plants."""

import json
from dataclasses import replace

import pytest

from ccs_model.analysis.explain import explain
from ccs_model.errors import FileError, InputError
from ccs_model.runs.run_reader import plant_of, read_solved_problem


@pytest.fixture(scope="module")
def folder(small_plan, tmp_path_factory):
    return small_plan.to_folder(tmp_path_factory.mktemp("runs") / "small")


def test_a_run_is_read_back_unchanged(folder, small_plan):
    run = read_solved_problem(folder)
    assert run.document["objective"]["value"] == small_plan.objective.value
    assert list(run.problem.routes["route"]) == list(small_plan.problem.routes["route"])
    assert set(run.retrofits["plant"]) == set(small_plan.retrofits["plant"])


def test_a_missing_folder_is_a_file_error(tmp_path):
    with pytest.raises(FileError, match="no such run folder"):
        read_solved_problem(tmp_path / "nothing")


def test_a_folder_that_is_not_a_run_is_invalid_input(tmp_path):
    with pytest.raises(InputError, match=r"is not a run: plan\.json, scenario\.resolved\.yaml"):
        read_solved_problem(tmp_path)


@pytest.mark.slow
def test_a_run_whose_tables_have_changed_is_rejected(small_plan, tmp_path):
    folder = small_plan.to_folder(tmp_path / "run")
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["inputs"]["prices/power.csv"] = "0" * 64
    path.write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(InputError, match=r"these tables have changed since the run: prices/power\.csv"):
        read_solved_problem(folder)


def test_a_plan_that_is_not_json_is_invalid_input(small_plan, tmp_path):
    folder = small_plan.to_folder(tmp_path / "run")
    (folder / "plan.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="is not JSON"):
        read_solved_problem(folder)


def test_a_plant_is_named_by_id_or_by_a_unique_name(small_plan):
    problem = small_plan.problem
    row = problem.plants.iloc[0]
    for text in (row["plant"], row["plant"].lower(), row["name"], row["name"].upper(), row["name_zh"]):
        assert plant_of(problem, text) == row["plant"]


def test_accents_matter_only_between_names_that_differ_in_accents(small_plan):
    plants = small_plan.problem.plants.copy()
    plants.loc[plants.index[:3], "name"] = ["Gijón Works", "Léon", "Leon"]
    problem = replace(small_plan.problem, plants=plants)
    first, second, third = plants["plant"].iloc[:3]
    named = {"gijon works": first, "GIJÓN": first, "Gijon": first, "léon": second, "leon": third}
    assert {text: plant_of(problem, text) for text in named} == named
    with pytest.raises(InputError, match="did you mean 'Gijón Works'"):
        plant_of(problem, "Gihon Works")


def test_an_ambiguous_name_lists_the_plants(small_plan):
    with pytest.raises(InputError, match=r"'chemical' matches \d+ plants .*MEOH_"):
        plant_of(small_plan.problem, "chemical")


def test_an_unknown_plant_gets_a_suggestion(small_plan):
    problem = small_plan.problem
    row = problem.plants.iloc[0]
    with pytest.raises(InputError, match=f"did you mean '{row['plant']}'"):
        plant_of(problem, row["plant"] + "X")
    with pytest.raises(InputError, match=r"is in the tables \(Hebei, operating\) but not in this run"):
        plant_of(problem, "NH3_29")
    with pytest.raises(InputError, match="sheet Plants"):
        plant_of(problem, "§§§")


def test_an_explanation_has_reason_and_changes(folder, small_plan):
    plant = small_plan.retrofits["plant"].iloc[0]
    answer = explain(folder, plant)
    document = json.loads(json.dumps(answer.to_dict(), allow_nan=False))
    assert document["schema"] == "ccs-model/explain/2" and document["is_retrofitted"]
    assert document["owners"]["plant"] == plant
    kinds = [each["kind"] for each in document["changes"]]
    assert kinds[0] == "exclude" and {"binding", "relaxation", "capex"} <= set(kinds)
    assert document["changes"][0]["figures"]["gain_kt"] <= 1e-6 * small_plan.objective.value


@pytest.mark.slow
def test_a_plant_that_is_not_selected_gets_the_changes_that_would_select_it(solved, tmp_path):
    plan = solved({"budget.total_mn": 1_300})
    folder = plan.to_folder(tmp_path / "run")
    plants = plan.problem.plants
    out = sorted(set(plants["plant"][plants["is_candidate"]]) - set(plan.retrofits["plant"]))[0]
    found = {each.kind: each for each in explain(folder, out).changes}
    assert found["require"].figures["gain_kt"] <= 0.0
    assert found["budget"].figures["added_mn"] > 0.0
    low, high = (found["capex"].figures[name] for name in ("low_share", "high_share"))
    assert low is None or 0.0 <= low < high <= 1.0


def test_an_explanation_with_a_time_limit_of_0_has_no_changes(folder, small_plan):
    assert explain(folder, small_plan.retrofits["plant"].iloc[0], time_limit_s=0.0).changes == ()


@pytest.mark.slow
def test_an_excluded_plant_has_a_reason_and_no_changes(solved, tmp_path):
    folder = solved({"plants.exclude": ["NH3_82"]}).to_folder(tmp_path / "run")
    answer = explain(folder, "NH3_82")
    assert answer.reason == "out: excluded by the scenario" and answer.changes == ()
