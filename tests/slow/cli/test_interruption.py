"""Ctrl-C ends the program within two seconds with 130, whatever it is doing; kills at any moment leave nothing half."""

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

# Whole retrofits of two provinces to the last tonne: the solver is busy for longer than a test waits.
HARD = """\
name: Hard
plants: {inventory: [steel, chemicals], provinces: [Hebei, Shanxi]}
years: [2026, 2030, 2035, 2040]
transport: {shared_trunklines: false}
budget: {total_mn: 9_000}
solver: {mip_gap: 0.0, threads: 1, time_limit_s: 300}
"""
LOST = """
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
# A library loses the interruption, and then new folders, a lock, a file and a run folder are begun.
LOST_AND_BUSY = """
import sys, time
from pathlib import Path
sys.argv = ["ccs-model", "--version"]
import ccs_model.cli
from ccs_model import atomic_files
from ccs_model.atomic_files import temporary_folder
from ccs_model.runs import folder_writer
from ccs_model.runs.folder_writer import locked
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
    with temporary_folder(), locked(Path("runs/deep/run")):
        folder_writer.write_locked(
            {"own/data/x": b"first", "tables/y": b"WHAT", "z": b"more"}, Path("runs/deep/run"), force=False
        )
        atomic_files.write_atomic(Path("other/new/file"), b"last")
ccs_model.cli.main = deaf
from ccs_model.__main__ import main
main()
"""


def patience_s() -> float:
    """Two seconds on an idle machine; the rest is room for a busy one, and more where more processes want to run."""
    return 5.0 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def started(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "temporary").mkdir()
    environment = {**os.environ, "TMPDIR": str(folder / "temporary"), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, *words], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def interrupted(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> tuple[int, float, bytes]:
    """Exit code, seconds from Ctrl-C to the end, and stderr."""
    until = time.monotonic() + 120
    try:
        while not ready():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until, "never came to the moment"
            time.sleep(0.005)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, words = process.communicate(timeout=300)
    finally:
        process.kill()
    return process.returncode, time.monotonic() - begun, words


def has_loaded(process: subprocess.Popen[bytes], library: str) -> bool:
    return library in Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize("library", ["_multiarray_umath", "pandas/_libs/tslibs", "_highs"])
def test_ctrl_c_while_libraries_are_loaded(library: str, tmp_path: Path) -> None:
    (tmp_path / "hard.yaml").write_text(HARD, encoding="utf-8")
    process = started(tmp_path, "-m", "ccs_model", "optimize", "hard.yaml")
    code, seconds, words = interrupted(process, lambda: has_loaded(process, library))
    assert (code, words.split()[-1]) == (130, b"left"), words
    assert b"Traceback" not in words and seconds < patience_s()
    assert not (tmp_path / "runs").exists() and not list((tmp_path / "temporary").iterdir())


def test_ctrl_c_while_the_solver_works(tmp_path: Path) -> None:
    (tmp_path / "hard.yaml").write_text(HARD, encoding="utf-8")
    process = started(tmp_path, "-m", "ccs_model", "optimize", "hard.yaml")

    def solving() -> bool:
        logs = list((tmp_path / "temporary").glob(".ccs-model*/solver.log"))
        return any(b"B&B" in log.read_bytes() or b"Presolv" in log.read_bytes() for log in logs)

    code, seconds, words = interrupted(process, solving)
    assert (code, words.strip()) == (130, b"interrupted; no partial file is left")
    assert seconds < patience_s()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hard.yaml", "temporary"]
    assert not list((tmp_path / "temporary").iterdir())


def test_where_the_interruption_is_swallowed_the_program_ends_all_the_same(tmp_path: Path) -> None:
    process = started(tmp_path, "-c", LOST)
    assert process.stdout is not None and process.stdout.readline() == b"deaf\n"
    code, seconds, _ = interrupted(process, lambda: True)
    assert code == 130 and seconds < patience_s()


LATE = """
import atexit, sys, time
atexit.register(lambda: (print("over", flush=True), time.sleep(1)))
sys.argv = ["ccs-model", "--version"]
from ccs_model.__main__ import main
main()
"""


def test_ctrl_c_when_all_is_done_changes_nothing(tmp_path: Path) -> None:
    process = started(tmp_path, "-c", LATE)
    assert process.stdout is not None and process.stdout.readline().startswith(b"ccs-model")
    assert process.stdout.readline() == b"over\n"
    code, _, words = interrupted(process, lambda: True)
    assert (code, words) == (0, b"")


@pytest.mark.parametrize(("last", "stays"), [("tables/y", False), ("file", True)])
def test_what_was_begun_after_a_lost_interruption_goes_too(last: str, stays: bool, tmp_path: Path) -> None:
    process = started(tmp_path, "-c", LOST_AND_BUSY.replace("WHAT", "last" if last == "tables/y" else "then"))
    assert process.stdout is not None and process.stdout.readline() == b"half\n"
    code, seconds, words = interrupted(process, lambda: True)
    assert (code, words.strip()) == (130, b"interrupted; no partial file is left")
    assert seconds < patience_s()
    there = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    run = ["runs/deep/run/own/data/x", "runs/deep/run/tables/y", "runs/deep/run/z"]
    assert there == (run if stays else [])
    # Nor an empty folder: what was whole before stays, with its folders.
    assert sorted(path.name for path in tmp_path.iterdir()) == (["runs"] if stays else []) + ["temporary"]
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.skipif(not (ROOT / "bench").is_dir(), reason="bench/ is not part of this distribution")
def test_kills_at_random_moments_leave_nothing_half_made() -> None:
    words = [sys.executable, "-m", "bench.kills", "--kills", "8", "--forked", "--seed", "3"]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert '"kills": 8,' in ended.stdout


@pytest.mark.skipif(not (ROOT / "bench").is_dir(), reason="bench/ is not part of this distribution")
def test_a_sweep_that_is_killed_again_and_again_goes_on_to_the_same_bytes() -> None:
    requested = ["sweep", "small.yaml", "--set", "budget.total_mn=300,900", "--jobs", "2", "-q"]
    words = [sys.executable, "-m", "bench.kills", "--kills", "4", "--forked", "--seed", "3", "--", *requested]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert '"kills": 4,' in ended.stdout


@pytest.mark.skipif(not (ROOT / "bench").is_dir(), reason="bench/ is not part of this distribution")
def test_ctrl_c_at_random_moments_leaves_nothing() -> None:
    words = [sys.executable, "-m", "bench.kills", "--ctrl-c", "4", "--forked", "--seed", "3"]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert '"ctrl_c": 4,' in ended.stdout


@pytest.mark.skipif(not (ROOT / "bench").is_dir(), reason="bench/ is not part of this distribution")
def test_the_same_question_gives_the_same_bytes_whatever_the_circumstances() -> None:
    words = [sys.executable, "-m", "bench.sameness", "--quick", "--pilot-runs", "0"]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "as it is: 22 files the same" in ended.stderr
