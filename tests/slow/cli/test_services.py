"""Runs in a job queue, in a container, by `make` or without a terminal: no result is lost, and exit codes are right."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.faults.conftest import CommandResult, run_command
from tests.paths import ROOT
from tests.small_scenario import SMALL_TEXT

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="signals and name spaces of Linux")

Run = Callable[..., subprocess.CompletedProcess[str]]
Command = Callable[[str], CommandResult]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a line of shell in a folder with small.yaml; `ccs-model` is the program."""
    (tmp_path / "small.yaml").write_text(SMALL_TEXT, encoding="utf-8")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "ccs-model"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ccs_model "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{program.parent}:{os.environ['PATH']}"}

    def done(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True)

    return done


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Run a command in a folder with small.yaml, in this process where the process itself does not matter."""
    (tmp_path / "small.yaml").write_text(SMALL_TEXT, encoding="utf-8")
    return lambda line: run_command(line.split(), tmp_path)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_the_signal_of_a_job_queue_ends_a_run_like_ctrl_c(name: str, tmp_path: Path) -> None:
    (tmp_path / "hard.yaml").write_text(SMALL_TEXT.replace("1_200", "0").replace("900", "20_000"), encoding="utf-8")
    words = [sys.executable, "-m", "ccs_model", "optimize", "hard.yaml", "--out", "run"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    # Under `nohup` the signal would stay ignored.
    restore_default = lambda: signal.signal(getattr(signal, name), signal.SIG_DFL)  # noqa: E731
    process = subprocess.Popen(words, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, preexec_fn=restore_default)
    while not (tmp_path / ".run.holder").exists():
        assert process.poll() is None
    process.send_signal(getattr(signal, name))
    _, message = process.communicate(timeout=60)
    assert process.returncode == 128 + getattr(signal, name)
    assert message.decode().strip() == "interrupted; no partial file is left"
    assert [path.name for path in tmp_path.iterdir()] == ["hard.yaml"]


def test_a_lock_left_by_a_killed_container_is_taken_over_by_the_next(run: Run, tmp_path: Path) -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    holder = {"pid": 1, "host": "pod-7f3", "since": "2026-01-01T00:00:00+00:00", "boot": boot}
    (tmp_path / ".run.holder").write_text(json.dumps(holder), encoding="utf-8")
    (tmp_path / ".run.lock").touch()
    assert run("ccs-model optimize small.yaml -q --out run").returncode == 0
    shutil.rmtree(tmp_path / "run")
    # A process on another machine may still be writing.
    (tmp_path / ".run.holder").write_text(json.dumps(holder | {"boot": "another"}), encoding="utf-8")
    refused = run("ccs-model optimize small.yaml -q --out run")
    assert refused.returncode == 8 and "process 1 on pod-7f3" in refused.stderr


def test_a_mount_point_as_output_is_rejected_before_solving(run: Run, tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("without the privilege nothing can be mounted")
    refused = run("mkdir m; unshare -m sh -c 'mount -t tmpfs none m; ccs-model optimize small.yaml --out m -q'")
    assert refused.returncode == 8, refused
    assert "m: is a mount point, which a run cannot replace; name a folder inside it" in refused.stderr
    inside = run("unshare -m sh -c 'mount -t tmpfs none m; ccs-model optimize small.yaml --out m/run -q && ls m/run'")
    assert inside.returncode == 0 and "plan.xlsx" in inside.stdout
    assert not (tmp_path / "m-2").exists()


@pytest.mark.parametrize(
    ("command", "closed"),
    [
        ("check small.yaml", "<&- >&- 2>&-"),
        *(("optimize small.yaml --out run", each) for each in (">&-", "<&- >&- 2>&-")),
    ],
)
def test_commands_succeed_with_closed_streams(command: str, closed: str, run: Run, tmp_path: Path) -> None:
    assert run(f"ccs-model {command} {closed}").returncode == 0
    if command.startswith("optimize"):
        assert json.loads((tmp_path / "run" / "plan.json").read_text(encoding="utf-8"))["status"] == "optimal"


def test_a_run_with_missing_or_empty_files_is_solved_again(command: Command, tmp_path: Path) -> None:
    run, line = tmp_path / "run", "optimize small.yaml -q --out run"
    assert command(line).code == 0
    before = {path: path.read_bytes() for path in run.rglob("*.csv")}

    def delete_workbook() -> None:
        (run / "plan.xlsx").unlink()

    def empty_plan_and_delete_tables() -> None:
        (run / "plan.json").write_bytes(b"")
        shutil.rmtree(run / "tables")

    for damage in (delete_workbook, empty_plan_and_delete_tables):
        damage()
        again = command(line)
        assert again.code == 0
        assert "files of this run were missing or empty; it was solved again" in again.err
        assert before == {path: path.read_bytes() for path in run.rglob("*.csv")}
        assert (run / "plan.xlsx").stat().st_size > 0
    assert "solved again" not in command(line).err
    # Files that do not belong to the run are never replaced.
    (run / "mine.txt").touch()
    (run / "plan.json").unlink()
    refused = command(line)
    assert refused.code == 8 and "mine.txt" in refused.err


def test_montecarlo_succeeds_again_if_its_plan_has_lost_a_file(command: Command, tmp_path: Path) -> None:
    line, workbook = "montecarlo small.yaml --draws 8 --jobs 1 -q --out futures", tmp_path / "futures/plan/plan.xlsx"
    assert command(line).code == 0
    workbook.unlink()
    again = command(line)
    assert again.code == 0 and workbook.exists(), again.err


def test_update_replaces_a_run_of_other_inputs_and_reuses_one_of_the_same(command: Command, tmp_path: Path) -> None:
    line, plan = "optimize small.yaml -q --out run", tmp_path / "run" / "plan.json"
    assert command(f"{line} --update").code == 0
    stamp = plan.stat().st_mtime_ns
    assert command(f"{line} --update").code == 0
    assert plan.stat().st_mtime_ns == stamp
    (tmp_path / "small.yaml").write_text(SMALL_TEXT.replace("900", "950"), encoding="utf-8")
    refused = command(line)
    assert refused.code == 8 and "already contains files of another run" in refused.err
    assert command(f"{line} --update").code == 0
    assert json.loads(plan.read_text(encoding="utf-8"))["totals"]["budget_mn"] == 950


def test_damaged_runs_of_a_shard_are_reported_and_solved_again(command: Command, tmp_path: Path) -> None:
    line = "sweep small.yaml --set budget.total_mn=600,900 --jobs 1 -q"
    for n in (1, 2):
        assert command(f"{line} --shard {n}/2 --out shard-{n}").code == 0
    damaged = min((tmp_path / "shard-2" / "runs").glob("small-*"))
    table = damaged / "tables" / "retrofits.csv"
    table.write_bytes(table.read_bytes()[:100])
    merged = command("sweep merge shard-1 shard-2")
    assert merged.code == 8
    assert "tables/retrofits.csv: changed; copy this run again" in " ".join(merged.out.split())
    assert command(f"{line} --shard 2/2 --out shard-2").code == 0
    # A run of the first folder is compared as well.
    other = min((tmp_path / "shard-1" / "runs").glob("small-*")) / "map.geojson"
    other.write_bytes(other.read_bytes()[:-100])
    assert command("sweep merge shard-1 shard-2 -q").code == 7
    assert command(f"{line} --shard 1/2 --out shard-1").code == 0
    assert command("sweep merge shard-1 shard-2 -q").code == 0


@pytest.mark.parametrize("address", ["", "tcp://127.0.0.1", "http://x:1", "h:8786"])
def test_an_invalid_scheduler_address_is_a_usage_error(address: str, run: Run) -> None:
    wrong = run(f"ccs-model sweep small.yaml --set budget.total_mn=300,600 --scheduler '{address}'")
    assert wrong.returncode == 2 and "is no address; expected tls://HOST:PORT" in wrong.stderr


@pytest.mark.cluster
def test_a_lost_scheduler_keeps_the_finished_scenarios(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    port, budgets = 18_771, "budget.total_mn=300:1500:5"
    dask = f"{sys.executable} -m distributed.cli."
    line = f"ccs-model sweep small.yaml --set {budgets} --out all"
    lost = run(f"""
        {dask}dask_scheduler --host 127.0.0.1 --port {port} --no-dashboard >/dev/null 2>&1 & scheduler=$!
        {dask}dask_worker tcp://127.0.0.1:{port} --nworkers 1 --nthreads 1 --no-dashboard >/dev/null 2>&1 & worker=$!
        {line} --scheduler tcp://127.0.0.1:{port} & sweep=$!
        until [ "$(ls all/runs 2>/dev/null | wc -l)" -ge 2 ]; do sleep 0.1; done
        kill -9 $scheduler; wait $sweep; code=$?; kill -9 $worker; exit $code
    """)
    assert lost.returncode == 8, lost.stderr
    message = lost.stderr.strip().splitlines()[-1]
    assert f"the scheduler at tcp://127.0.0.1:{port} was lost" in message and "Traceback" not in lost.stderr
    assert (tmp_path / "all" / "sweep.partial.csv").exists()
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "all").glob("runs/*/plan.json")}
    assert kept and run(f"{line} --jobs 2 -q").returncode == 0
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in kept.items())
