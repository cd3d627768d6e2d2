"""Sweeps: the same table for any processes, shards or interruptions; invalid scenarios do not stop the others."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from ccs_model.analysis.sweep import collect, sweep
from ccs_model.atomic_files import temporary_name
from ccs_model.errors import FileError, InputError
from ccs_model.scenario.variations import grid_of, read_changes
from tests.integration.faults.conftest import run_command
from tests.paths import ROOT
from tests.small_scenario import SMALL_TEXT

pytestmark = pytest.mark.slow

GRID = {"budget.total_mn": [300, 900, 1500], "storage.capacity": ["mid", "all"]}


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    path = tmp_path_factory.mktemp("asked") / "small.yaml"
    path.write_text(SMALL_TEXT)
    return path


@pytest.fixture(scope="module")
def swept(scenario, tmp_path_factory):
    """A sweep over three budgets; half of its scenarios have an invalid storage capacity."""
    return sweep(scenario, GRID, out=tmp_path_factory.mktemp("swept") / "one", jobs=2)


def bytes_of(folder):
    """The bytes of all files except those with times."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    with_times = ("manifest.json", "solver.log")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if path.name not in with_times}


def test_F64_an_invalid_scenario_does_not_stop_the_others(swept):
    table = swept.table
    assert list(table["scenario"]) == [1, 2, 3, 4, 5, 6]
    assert list(table["status"]) == ["optimal", "bad input"] * 3
    assert "storage.capacity" in table["message"].iloc[1]
    assert (swept.n_failed, swept.n_missing, swept.exit_code) == (3, 0, 3)
    reached = table["objective_value"].iloc[::2].astype(float)
    assert reached.is_monotonic_increasing and reached.iloc[-1] > 0
    assert (swept.folder / "sweep.csv").is_file() and (swept.folder / "sweep.xlsx").is_file()
    assert set(swept.plants["chosen_share"]) <= {1 / 3, 2 / 3, 1.0}
    read = pd.read_csv(swept.folder / "sweep.csv")
    assert list(read["budget.total_mn"]) == [300, 300, 900, 900, 1500, 1500]
    assert (table["budget.total_mn"].dtype, table["captured_ktpa"].dtype) == ("Int64", "float64")
    assert table.attrs["unit"]["captured_ktpa"] == "kt/y"


def test_values_of_numpy_count_as_numbers(scenario, tmp_path):
    grid = {"budget.total_mn": np.array([300, 900])}
    of_numpy = sweep(scenario, grid, out=tmp_path / "numpy", jobs=1)
    assert of_numpy.table["budget.total_mn"].tolist() == [300, 900]
    plain = sweep(scenario, [{"budget.total_mn": np.int64(300)}, {"budget.total_mn": 900}], out=tmp_path / "a", jobs=1)
    assert plain.table["run"].tolist() == of_numpy.table["run"].tolist()


def test_a_merge_without_a_run_leaves_no_complete_table(swept, tmp_path):
    shutil.copytree(swept.folder, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "runs" / next(name for name in swept.table["run"] if name))
    collected = collect(tmp_path / "copy")
    assert collected.n_missing == 1
    assert sorted(path.name for path in (tmp_path / "copy").glob("sweep.*")) == ["sweep.json", "sweep.partial.csv"]


def test_run_folders_of_a_sweep_can_be_compared(swept):
    import ccs_model as ccs

    runs = [swept.folder / "runs" / name for name in swept.table["run"] if name]
    assert len(ccs.compare(runs[:2]).plants)


def test_shards_and_another_number_of_processes_give_the_same_bytes(swept, scenario, tmp_path):
    first = sweep(scenario, GRID, out=tmp_path / "a", shard=(1, 2), jobs=1)
    assert first.n_missing and (tmp_path / "a" / "sweep.partial.csv").is_file()
    assert not (tmp_path / "a" / "sweep.csv").exists()
    second = sweep(scenario, GRID, out=tmp_path / "b", shard=(2, 2), jobs=1)
    assert second.n_missing
    merged = collect(tmp_path / "a", [tmp_path / "b"])
    assert merged.n_missing == 0
    assert bytes_of(tmp_path / "a") == bytes_of(swept.folder)


def test_shards_in_one_folder_run_every_scenario_in_any_order(scenario, tmp_path):
    # Budgets near 0 give the empty plan, so each scenario is fast. Regression: shard 2, started last, ran nothing.
    grid, out = {"budget.total_mn": [0, 0.001, 0.002]}, tmp_path / "one"
    missing = [sweep(scenario, grid, out=out, shard=(i, 3), jobs=1).n_missing for i in (1, 3)]
    assert missing == [2, 1]
    merge = ["sweep", "merge", str(out)]
    assert run_command(merge, tmp_path).code == 7
    assert run_command([*merge, "--partial"], tmp_path).code == 0
    last = sweep(scenario, grid, out=out, shard=(2, 3), jobs=1)
    assert (last.n_missing, list(last.table["scenario"])) == (0, [1, 2, 3])
    assert run_command(merge, tmp_path).code == 0


def test_a_run_folder_with_other_files_is_listed_as_a_file_error(scenario, tmp_path):
    grid, out = {"budget.total_mn": [0, 0.001]}, tmp_path / "one"
    name = sweep(scenario, grid, out=out, shard=(1, 2), jobs=1).table["run"].iloc[1]
    (out / "runs" / name).mkdir()
    (out / "runs" / name / "notes.txt").write_text("mine")
    found = sweep(scenario, grid, out=out, jobs=1)
    assert list(found.table["status"]) == ["optimal", "file error"] and found.exit_code == 8
    assert "not this run" in found.table["message"].iloc[1]
    assert (out / "runs" / name / "notes.txt").read_text() == "mine"


def test_finished_runs_are_not_repeated(swept, scenario, tmp_path):
    stamps = {path: path.stat().st_mtime_ns for path in (swept.folder / "runs").rglob("*")}
    reported = []
    again = sweep(scenario, GRID, out=swept.folder, jobs=1, on_progress=reported.append)
    assert not reported
    assert {path: path.stat().st_mtime_ns for path in (swept.folder / "runs").rglob("*")} == stamps
    assert again.table.equals(swept.table)
    with pytest.raises(FileError, match="another sweep"):
        sweep(scenario, {"budget.total_mn": [1]}, out=swept.folder)
    with pytest.raises(FileError, match="not a sweep"):
        collect(tmp_path)


@pytest.mark.parametrize("kind", ["sweep.json", "request.json"])
def test_a_folder_with_a_temporary_file_of_an_interrupted_start_counts_as_empty(kind, tmp_path):
    from ccs_model.runs.run_writer import write_request

    temporary = tmp_path / "out" / temporary_name("part", kind)
    temporary.parent.mkdir()
    temporary.write_text("{")
    write_request(tmp_path / "out" / kind, {"key": "a"}, "another")
    with pytest.raises(FileError, match="another --out"):
        write_request(tmp_path / "out" / kind, {"key": "b"}, "another")
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / ".notes").touch()
    with pytest.raises(FileError, match="is not empty"):
        write_request(tmp_path / "else" / kind, {"key": "a"}, "another")


def start_sweep(scenario, out):
    args = [sys.executable, "-m", "ccs_model", "sweep", str(scenario), "--set", "budget.total_mn=300:1500:5",
             "--jobs", "2", "--out", str(out), "-q"]  # fmt: skip
    return subprocess.Popen(args, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE)


def n_finished(out):
    return len(list(out.glob("runs/small-*/plan.json")))


def wait_until_finished(out, n):
    began = time.monotonic()
    while n_finished(out) < n:
        assert time.monotonic() - began < 240
        time.sleep(0.02)


def test_F63_a_killed_and_interrupted_sweep_resumes_with_the_same_bytes(scenario, tmp_path):
    out = tmp_path / "killed"
    running = start_sweep(scenario, out)
    wait_until_finished(out, 1)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    kept = {path: path.stat().st_mtime_ns for path in out.glob("runs/small-*/plan.json")}
    assert kept
    # The kill may also fall between a finished run and the release of its lock.
    (next(iter(kept)).parent.with_name(f".{next(iter(kept)).parent.name}.lock")).touch()
    locks = {*out.rglob("*.lock"), *out.rglob("*.holder")}
    running = start_sweep(scenario, out)
    wait_until_finished(out, len(kept) + 1)
    began = time.monotonic()
    running.send_signal(signal.SIGINT)
    _, message = running.communicate()
    assert time.monotonic() - began < 20, "takes two seconds on an idle machine"
    assert running.returncode == 130
    assert b"kept" in message
    # A lock of the killed process is taken over by the run that reaches its scenario, which this run may not have.
    assert set(out.rglob(".*")) <= locks
    if n_finished(out) < 5:
        assert (out / "sweep.partial.csv").is_file() and not (out / "sweep.csv").exists()
    last = start_sweep(scenario, out)
    last.communicate()
    assert last.returncode == 0
    assert not list(out.rglob(".*"))
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in kept.items())
    uninterrupted = sweep(scenario, grid_of(["budget.total_mn=300:1500:5"]), out=tmp_path / "straight", jobs=2)
    assert bytes_of(out) == bytes_of(uninterrupted.folder)


@pytest.mark.cluster
@pytest.mark.filterwarnings("default")
def test_a_cluster_gives_the_same_bytes(swept, scenario, tmp_path):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        found = sweep(scenario, GRID, out=tmp_path / "c", scheduler=cluster.scheduler_address)
    assert bytes_of(found.folder) == bytes_of(swept.folder)


def test_values_are_read_as_in_a_scenario_file(tmp_path):
    grid = grid_of(
        ["budget.total_mn=0:1_000:3", "storage.sites=[Ordos],[Qinshui, Bohai Bay]", "capture.x=true,0.5,a b"]
    )
    assert len(grid) == 18
    assert [each["budget.total_mn"] for each in grid[::6]] == [0, 500, 1000]
    assert all(isinstance(each["budget.total_mn"], int) for each in grid)
    assert grid[3]["storage.sites"] == ["Qinshui", "Bohai Bay"]
    assert [each["capture.x"] for each in grid[:3]] == [True, 0.5, "a b"]
    assert grid_of(["policy.carbon_price_per_t.2030=0:1:3"])[1] == {"policy.carbon_price_per_t.2030": 0.5}
    (tmp_path / "some.csv").write_text("budget.total_mn,storage.capacity\n500,\n,low\n")
    assert read_changes(tmp_path / "some.csv") == ({"budget.total_mn": 500}, {"storage.capacity": "low"})
    (tmp_path / "some.yaml").write_text("scenarios:\n  - {budget.total_mn: 500}\n  - {storage.capacity: low}\n")
    assert read_changes(tmp_path / "some.yaml") == read_changes(tmp_path / "some.csv")
    for wrong in ("budget.total_mn", "=3", "budget.total_mn=a:b:3", "budget.total_mn=1:2:0"):
        with pytest.raises(InputError):
            grid_of([wrong])


def test_an_unknown_key_is_an_input_error_before_any_run(scenario, tmp_path):
    with pytest.raises(InputError, match="did you mean"):
        sweep(scenario, {"budget.totl_mn": [1, 2]}, out=tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_sweep_json_contains_the_requested_changes(swept):
    spec = json.loads((swept.folder / "sweep.json").read_text())
    assert spec["schema"] == "ccs-model/sweep/2"
    assert spec["cases"][0]["changes"] == {"budget.total_mn": 300, "storage.capacity": "mid"}
