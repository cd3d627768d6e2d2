"""Ctrl-C ends the program within two seconds with exit code 130, and kills at any moment leave no partial files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.paths import ROOT

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")

# Integer retrofits of two provinces with a gap of 0 keep the solver busy for longer than a test waits.
HARD = """\
name: Hard
plants: {inventory: [steel, chemicals], provinces: [Hebei, Shanxi]}
years: [2026, 2030, 2035, 2040]
transport: {shared_trunklines: false}
budget: {total_mn: 9_000}
solver: {mip_gap: 0.0, threads: 1, time_limit_s: 300}
"""
SWALLOWED = """
import sys, time
sys.argv = ["ccs-model", "--version"]
import ccs_model.cli
def deaf():
    print("deaf", flush=True)
    for _ in range(200):
        try:
            time.sleep(0.05)
        except BaseException:
            pass
ccs_model.cli.main = deaf
from ccs_model.__main__ import main
main()
"""
# A library swallows the interruption, and then new folders, a lock, a file and a run folder are created.
SWALLOWED_WHILE_WRITING = """
import sys, time
from pathlib import Path
sys.argv = ["ccs-model", "--version"]
import ccs_model.cli
from ccs_model import atomic_files
from ccs_model.atomic_files import temporary_folder
from ccs_model.runs import folder_writer
from ccs_model.runs.folder_writer import hold_lock
def slowly(path, content):
    path.write_bytes(content[:1])
    if content == b"last":
        print("half", flush=True)
        for _ in range(200):
            try:
                time.sleep(0.05)
            except BaseException:
                pass
    path.write_bytes(content)
folder_writer.write_synced = atomic_files.write_synced = slowly
def deaf():
    with temporary_folder(), hold_lock(Path("runs/deep/run")):
        folder_writer.write_locked(
            {"own/data/x": b"first", "tables/y": b"WHAT", "z": b"more"}, Path("runs/deep/run"), force=False
        )
        atomic_files.write_atomic(Path("other/new/file"), b"last")
ccs_model.cli.main = deaf
from ccs_model.__main__ import main
main()
"""


def longest_s() -> float:
    """Return the time limit: two seconds on an idle machine, with a margin that grows with the load of the machine."""
    return 5.0 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def start(folder: Path, *args: str) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "temporary").mkdir()
    environment = {**os.environ, "TMPDIR": str(folder / "temporary"), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, *args], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def interrupt(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> tuple[int, float, bytes]:
    """Send Ctrl-C once `ready`; return the exit code, the seconds to the end, and stderr."""
    until = time.monotonic() + 120
    try:
        while not ready():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until, "the process was not ready in time"
            time.sleep(0.005)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=300)
    finally:
        process.kill()
    return process.returncode, time.monotonic() - begun, stderr


def has_loaded(process: subprocess.Popen[bytes], library: str) -> bool:
    return library in Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize("library", ["_multiarray_umath", "pandas/_libs/tslibs", "_highs"])
def test_ctrl_c_while_libraries_are_loaded_leaves_no_files(library: str, tmp_path: Path) -> None:
    (tmp_path / "hard.yaml").write_text(HARD, encoding="utf-8")
    process = start(tmp_path, "-m", "ccs_model", "optimize", "hard.yaml")
    code, seconds, stderr = interrupt(process, lambda: has_loaded(process, library))
    assert (code, stderr.split()[-1]) == (130, b"left"), stderr
    assert b"Traceback" not in stderr and seconds < longest_s()
    assert not (tmp_path / "runs").exists() and not list((tmp_path / "temporary").iterdir())


def test_ctrl_c_while_the_solver_runs_leaves_no_files(tmp_path: Path) -> None:
    (tmp_path / "hard.yaml").write_text(HARD, encoding="utf-8")
    process = start(tmp_path, "-m", "ccs_model", "optimize", "hard.yaml")

    def solving() -> bool:
        logs = list((tmp_path / "temporary").glob(".ccs-model*/solver.log"))
        return any(b"B&B" in log.read_bytes() or b"Presolv" in log.read_bytes() for log in logs)

    code, seconds, stderr = interrupt(process, solving)
    assert (code, stderr.strip()) == (130, b"interrupted; no partial file is left")
    assert seconds < longest_s()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hard.yaml", "temporary"]
    assert not list((tmp_path / "temporary").iterdir())


def test_a_swallowed_interruption_ends_the_program(tmp_path: Path) -> None:
    process = start(tmp_path, "-c", SWALLOWED)
    assert process.stdout is not None and process.stdout.readline() == b"deaf\n"
    code, seconds, _ = interrupt(process, lambda: True)
    assert code == 130 and seconds < longest_s()


AFTER_COMPLETION = """
import atexit, sys, time
atexit.register(lambda: (print("over", flush=True), time.sleep(1)))
sys.argv = ["ccs-model", "--version"]
from ccs_model.__main__ import main
main()
"""


def test_ctrl_c_after_completion_keeps_the_exit_code(tmp_path: Path) -> None:
    process = start(tmp_path, "-c", AFTER_COMPLETION)
    assert process.stdout is not None and process.stdout.readline().startswith(b"ccs-model")
    assert process.stdout.readline() == b"over\n"
    code, _, stderr = interrupt(process, lambda: True)
    assert (code, stderr) == (0, b"")


@pytest.mark.parametrize(("last", "is_complete"), [("tables/y", False), ("file", True)])
def test_files_begun_after_a_swallowed_interruption_are_removed_unless_complete(
    last: str, is_complete: bool, tmp_path: Path
) -> None:
    process = start(tmp_path, "-c", SWALLOWED_WHILE_WRITING.replace("WHAT", "last" if last == "tables/y" else "then"))
    assert process.stdout is not None and process.stdout.readline() == b"half\n"
    code, seconds, stderr = interrupt(process, lambda: True)
    assert (code, stderr.strip()) == (130, b"interrupted; no partial file is left")
    assert seconds < longest_s()
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    run = ["runs/deep/run/own/data/x", "runs/deep/run/tables/y", "runs/deep/run/z"]
    assert files == (run if is_complete else [])
    # No empty folder is left; a run that was complete before stays with its folders.
    assert sorted(path.name for path in tmp_path.iterdir()) == (["runs"] if is_complete else []) + ["temporary"]
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.skipif(not (ROOT / "bench").is_dir(), reason="bench/ is not part of this distribution")
def test_kills_at_random_moments_leave_no_partial_files() -> None:
    command = [sys.executable, "-m", "bench.crash_tests", "--kills", "8", "--forked", "--seed", "3"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert '"kills": 8,' in ended.stdout


@pytest.mark.skipif(not (ROOT / "bench").is_dir(), reason="bench/ is not part of this distribution")
def test_a_sweep_killed_several_times_resumes_to_identical_files() -> None:
    sweep = ["sweep", "small.yaml", "--set", "budget.total_mn=300,900", "--jobs", "2", "-q"]
    command = [sys.executable, "-m", "bench.crash_tests", "--kills", "4", "--forked", "--seed", "3", "--", *sweep]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert '"kills": 4,' in ended.stdout


@pytest.mark.skipif(not (ROOT / "bench").is_dir(), reason="bench/ is not part of this distribution")
def test_ctrl_c_at_random_moments_leaves_no_partial_files() -> None:
    command = [sys.executable, "-m", "bench.crash_tests", "--ctrl-c", "4", "--forked", "--seed", "3"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert '"ctrl_c": 4,' in ended.stdout


@pytest.mark.skipif(not (ROOT / "bench").is_dir(), reason="bench/ is not part of this distribution")
def test_a_scenario_gives_identical_files_in_every_environment() -> None:
    command = [sys.executable, "-m", "bench.reproducibility", "--quick", "--pilot-runs", "0"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "baseline: 22 files identical" in ended.stderr
