"""The command `ccs-model explain`."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from ccs_model.analysis.explain import explain
from ccs_model.cli.explanation import explanation_text


def run(*args, columns="100"):
    return subprocess.run(
        [sys.executable, "-m", "ccs_model", "explain", *map(str, args)],
        env={**os.environ, "COLUMNS": columns},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )


@pytest.fixture(scope="module")
def folder(small_plan, tmp_path_factory):
    return small_plan.to_folder(tmp_path_factory.mktemp("runs") / "small")


@pytest.fixture(scope="module")
def mill(solved, one_mill, tmp_path_factory):
    return solved(one_mill).to_folder(tmp_path_factory.mktemp("runs") / "mill")


@pytest.mark.slow
def test_the_explanation_of_a_steel_mill_fits_on_one_screen(mill):
    plant = json.loads((mill / "plan.json").read_text(encoding="utf-8"))["retrofits"][0]["plant"]
    answer = run(mill, plant)
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert len(lines) <= 60
    assert max(len(line) for line in lines) <= 100
    for words in ("CAPTURE COST", "COST OF AVOIDANCE", "Why in:", "CN-PROJECTS", "1 − fuel − power", "Without it"):
        assert words in answer.stdout, words
    assert answer.stderr == ""


@pytest.mark.slow
def test_a_narrow_terminal_shows_fewer_retrofits_with_their_sources(solved, one_mill, tmp_path):
    plan = solved(one_mill, {"budget.total_mn": 100_000})
    folder, plant = plan.to_folder(tmp_path / "rich"), plan.retrofits["plant"].iloc[0]
    assert len(plan.retrofits) >= 3
    n_shown = []
    for columns in ("90", "100", "160"):
        lines = run(folder, plant, "--quick", columns=columns).stdout.splitlines()
        (line,) = [line for line in lines if line.startswith("capex × dilute")]
        assert len(line) <= int(columns) and re.search(r"  [0-9]+[rema]\b[0-9rema ]*…?$", line), line
        # Each retrofit has two multiplication signs, and the unit has none.
        n_shown.append((line.count("×") - 2) // 2)
    assert 1 <= n_shown[0] <= n_shown[1] < n_shown[2]


@pytest.mark.slow
def test_quick_json_is_one_object_without_plan_changes(folder, small_plan):
    plant = small_plan.retrofits["plant"].iloc[0]
    answer = run(folder, plant, "--quick", "--json")
    assert answer.returncode == 0, answer.stderr
    document = json.loads(answer.stdout)
    assert (document["schema"], document["plant"], document["changes"]) == ("ccs-model/explain/2", plant, [])
    line_of = {line["name"]: line for line in document["chain"]["lines"]}
    assert line_of["reference_capex_per_tpa"]["cited"][0][0].keys() == {"reference", "quality", "table"}


@pytest.mark.slow
def test_an_invalid_run_and_an_unknown_plant_are_reported(folder, tmp_path):
    assert run(tmp_path / "nothing", "NH3_29").returncode == 8
    no_run = run(tmp_path, "NH3_29")
    assert no_run.returncode == 3 and "is not a run" in no_run.stderr
    no_plant = run(folder, "NH3_8X")
    assert no_plant.returncode == 3 and "did you mean" in no_plant.stderr and no_plant.stdout == ""


@pytest.mark.slow
def test_costs_per_tonne_state_their_basis(folder, small_plan):
    answer = explain(folder, small_plan.retrofits["plant"].iloc[0], time_limit_s=0.0)
    n = len(answer.chain.columns)
    text = " ".join(explanation_text(answer).split())
    assert "CAPTURE COST is levelised, before tax, for capture alone" in text
    assert "COST OF AVOIDANCE adds its own pipe and storage" in text and "load of the last period" in text
    assert ("average of the plant's" in text) == (n > 1)
    assert "The break-even carbon price is constant" in text
    lines = tuple(replace(line, values=line.values * 2, cited=line.cited * 2) for line in answer.chain.lines)
    twice = replace(answer.chain, columns=answer.chain.columns * 2, lines=lines)
    several = " ".join(explanation_text(replace(answer, chain=twice)).split())
    assert f"The cost under Why is the average of the plant's {2 * n} retrofits" in several


def test_a_terminal_of_80_columns_shows_the_lines_of_the_cost_table_in_full(folder, small_plan, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    answer = explain(folder, small_plan.retrofits["plant"].iloc[0], time_limit_s=0.0)
    lines = tuple(replace(line, values=line.values * 2, cited=line.cited * 2) for line in answer.chain.lines)
    twice = replace(answer, chain=replace(answer.chain, columns=answer.chain.columns * 2, lines=lines))
    text = explanation_text(twice)
    table = text.partition("References")[0]
    assert "…" not in table.replace("… and 1 more retrofit on a wider terminal or in --json", "")
    assert "… and 1 more retrofit on a wider terminal or in --json" in table
    assert max(map(len, text.splitlines())) <= 80
    for end in ("rate", "TPC)", "captured"):
        assert any(line.split()[:1] == [end] for line in table.splitlines()), end


@pytest.mark.parametrize(
    ("place", "words"),
    [((43.53, -5.741), "43.53 N 5.74 W"), ((-26.2, 28), "26.20 S 28.00 E"), ((0.0, 0.0), "0.00 N 0.00 E")],
)
def test_coordinates_are_shown_with_their_hemisphere(folder, small_plan, place, words):
    answer = explain(folder, small_plan.retrofits["plant"].iloc[0], time_limit_s=0.0)
    given = dict(zip(("lat_deg", "lon_deg"), place, strict=True))
    about = [replace(line, values=(given.get(line.name, line.values[0]),)) for line in answer.chain.about]
    moved = replace(answer, chain=replace(answer.chain, about=about))
    assert words in " ".join(explanation_text(moved).split())


@pytest.mark.slow
def test_lines_fit_a_terminal_of_80_columns(folder, small_plan):
    answer = run(folder, small_plan.retrofits["plant"].iloc[0], "--quick", columns="80")
    assert max(len(line) for line in answer.stdout.splitlines()) <= 80
