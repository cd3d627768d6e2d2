"""`ccs-model import simccs`: written files, rejected inputs, and no files after a failed import."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from ccs_model.cli import group
from ccs_model.errors import CcsModelError, FileError, InputError
from ccs_model.problem import build_problem
from ccs_model.problem.scenario_names import read_checked
from ccs_model.problem.unused_inputs import input_warnings
from ccs_model.report.pipe_tables import node_names
from ccs_model.scenario import read_scenario
from tests.paths import DATA

pytestmark = pytest.mark.slow

PUBLISHED = DATA / "simccs" / "southeast_us"
CAP = ("--mode", "target", "--target-mt", "50")


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(group, ["import", "simccs", *map(str, args)], standalone_mode=False)


def import_error(kind: type[CcsModelError], *args: str | Path) -> CcsModelError:
    answer = run(*args)
    assert isinstance(answer.exception, kind), answer.exception or answer.output
    return answer.exception


@pytest.fixture
def edited_case(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that copies the published case `price` and replaces a text in one of its files."""

    def edit(name: str, old: str, new: str) -> Path:
        folder = tmp_path / "case"
        shutil.copytree(PUBLISHED / "price", folder, dirs_exist_ok=True)
        raw = (folder / name).read_bytes()
        assert old.encode() in raw
        (folder / name).write_bytes(raw.replace(old.encode(), new.encode(), 1))
        return folder

    return edit


def test_junctions_keep_their_names_and_weighted_lengths_give_a_warning(tmp_path):
    assert run(PUBLISHED / "cap", "-o", tmp_path / "case", *CAP).exception is None
    problem = build_problem(*read_checked(tmp_path / "case" / "scenario.yaml"))
    names = node_names(SimpleNamespace(problem=problem))
    hubs = problem.network.nodes.loc[problem.network.nodes["kind"] == "hub", "node"]
    assert len(hubs) == 100 and all(names[hub] == hub and hub.startswith("junction ") for hub in hubs)
    assert sum("lengths of the links of SimCCS are weighted by cost" in text for text in input_warnings(problem)) == 1


def test_import_writes_a_scenario_with_tables_and_prints_the_next_command(tmp_path):
    out = tmp_path / "my cap"
    answer = run(PUBLISHED / "cap", "-o", out, *CAP, "--crf", "0.08", "--years", "25.5", "--rounded")
    assert answer.exception is None, answer.exception
    assert "20 sources, 7 sinks, 100 junctions, 183 edges, 2 pipe trends" in answer.stdout
    assert f'Next: ccs-model optimize "{out / "scenario.yaml"}"' in answer.stdout
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*")) == [
        "data/plants/sources.csv",
        "data/references.csv",
        "data/storage/sites.csv",
        "data/transport/hubs.csv",
        "data/transport/line_costs.csv",
        "data/transport/links.csv",
        "data/transport/trends.csv",
        "scenario.yaml",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["my cap"]
    scenario = read_scenario(out / "scenario.yaml")
    assert scenario.name == "SimCCS cap"
    assert (scenario.capital_recovery_share, scenario.storage_life_yr) == (0.08, 25.5)
    assert scenario.targets.captured_ktpa == 50_000
    text = (out / "scenario.yaml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith(("capital_recovery", "storage", "targets"))]
    assert lines and all("#" in line for line in lines)


def test_a_folder_name_with_special_characters_is_quoted(tmp_path):
    folder = tmp_path / 'a: "b" # c'
    shutil.copytree(PUBLISHED / "cap", folder)
    assert run(folder, "-o", tmp_path / "out", *CAP).exception is None
    assert read_scenario(tmp_path / "out" / "scenario.yaml").name == 'SimCCS a: "b" # c'


def test_price_mode_without_a_credit_warns(tmp_path):
    assert "builds nothing" in run(PUBLISHED / "cap", "-o", tmp_path / "a", "--mode", "price").stderr
    assert "the CO2 credit" in run(PUBLISHED / "price", "-o", tmp_path / "b", "--mode", "price").stderr
    assert run(PUBLISHED / "cap", "-o", tmp_path / "c", *CAP).stderr == ""


def test_force_replaces_an_earlier_import_and_keeps_other_files(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    assert run(PUBLISHED / "cap", "-o", out, *CAP).exception is None  # an empty folder is filled
    (out / "notes.txt").write_text("mine")
    (out / "data" / "own.csv").write_text("mine")
    error = import_error(FileError, PUBLISHED / "price", "-o", out, "--mode", "price")
    assert "already contains files" in str(error)
    assert run(PUBLISHED / "price", "-o", out, "--mode", "price", "--force").exception is None
    assert read_scenario(out / "scenario.yaml").name == "SimCCS price"
    assert (out / "notes.txt").read_text() == "mine"
    assert (out / "data" / "own.csv").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_file_at_the_output_path_is_reported(tmp_path):
    (tmp_path / "out").write_text("")
    assert "is not a folder" in str(import_error(FileError, PUBLISHED / "cap", "-o", tmp_path / "out", *CAP, "--force"))


@pytest.mark.parametrize(
    "args",
    [
        ("--mode", "target"),
        ("--mode", "price", "--target-mt", "50"),
        ("--mode", "other"),
        (),
        ("--mode", "target", "--target-mt", "0"),
        ("--mode", "target", "--target-mt", "nan"),
        (*CAP, "--crf", "0"),
        (*CAP, "--crf", "1.1"),
        (*CAP, "--years", "0"),
        (*CAP, "--pipe-utilisation", "0"),
        (*CAP, "--pipe-utilisation", "1.01"),
    ],
)
def test_invalid_options_are_usage_errors(tmp_path, args):
    answer = CliRunner().invoke(group, ["import", "simccs", str(PUBLISHED / "cap"), "-o", str(tmp_path / "a"), *args])
    assert answer.exit_code == 2, answer.output
    assert not list(tmp_path.iterdir())


def test_a_target_above_the_capacity_of_sources_and_sinks_is_reported(tmp_path):
    error = import_error(InputError, PUBLISHED / "cap", "-o", tmp_path / "a", "--mode", "target", "--target-mt", "150")
    assert [str(issue) for issue in error.issues] == [
        "--target-mt: 150 Mt a year is more than all 20 sources supply together (111.132 Mt a year)",
        "--target-mt: 150 Mt a year is more than all 7 sinks can store in (116.3333 Mt a year over 30 years)",
    ]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "old", "new", "reported"),
    [
        ("Sources.csv", "-83.8072,33.0583", "33.0583,-83.8072", r"Sources.csv:19: lies .* \(X-LON .* swapped"),
        ("Sources.csv", "-83.8072,33.0583", "0,0", r"Sources.csv:19: is at \(0, 0\)"),
        ("Sources.csv", "311.200,41.91", "311.200,-41.91", "Sources.csv:19:capture_cost_per_t: -41.91 is outside"),
        ("Sinks.csv", "63.063,0.000,0.180", "63.063,0.000,180", "Sinks.csv:6:well_injectivity_ktpa: 180000.0 is"),
        ("CandidateNetwork.txt", "580414\t583060", "580414\t5830.5", "CandidateNetwork.txt:3:vertex"),
    ],
)
def test_errors_are_reported_at_lines_of_the_simccs_files_and_no_file_is_written(
    tmp_path, edited_case, name, old, new, reported
):
    folder = edited_case(name, old, new)
    error = import_error(InputError, folder, "-o", tmp_path / "out", "--mode", "price")
    assert any(re.match(reported, str(issue)) for issue in error.issues), [str(issue) for issue in error.issues]
    assert [path.name for path in tmp_path.iterdir()] == ["case"]


def test_a_folder_of_several_cases_is_rejected_with_their_names(tmp_path):
    error = import_error(InputError, PUBLISHED, "-o", tmp_path / "out", *CAP)
    assert "they lie in cap/, price/" in str(error)
