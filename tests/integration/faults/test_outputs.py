"""Output files, and failures to write them: F46–F51, F66–F68."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from ccs_model.atomic_files import write_atomic
from ccs_model.errors import FileError
from ccs_model.plan.plan import Plan
from ccs_model.report.workbook.workbook import workbook_bytes
from ccs_model.runs import folder_writer
from tests.own_tables import works
from tests.paths import ROOT

from .conftest import SCENARIO, Workspace, run_command

FORMULA = "=cmd|'/c calc'!A1"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one works whose name is a formula."""
    workspace = Workspace(tmp_path_factory.mktemp("desk"))
    workspace.put("s.yaml", SCENARIO)
    workspace.csv(works("M1", name=FORMULA))
    answer = run_command(["optimize", "s.yaml", "--threads", "1", "--out", "run"], workspace.folder)
    assert answer.code == 0, answer.err
    return workspace.folder / "run"


@pytest.fixture
def with_run(workspace: Workspace, run: Path) -> Workspace:
    """A workspace with a copy of that run, which a test may damage."""
    workspace.csv(works("M1", name=FORMULA))
    shutil.copytree(run, workspace.folder / "run")
    return workspace


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_F46_a_name_that_is_a_formula_is_written_as_text(run: Path) -> None:
    book = openpyxl.load_workbook(run / "plan.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value == FORMULA]
    assert cells and {cell.data_type for cell in cells} == {"s"} and all(cell.style for cell in cells)
    assert all(cell.quotePrefix for cell in cells if cell.parent.title == "Plants")
    with (run / "tables" / "retrofits.csv").open(encoding="utf-8", newline="") as file:
        assert {row["name"] for row in csv.DictReader(file)} == {f"'{FORMULA}"}
    assert FORMULA in (run / "plan.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_F47_non_finite_values_are_never_written(workspace: Workspace, small_plan: Plan, value: float) -> None:
    from ccs_model.errors import CcsModelError

    retrofits = small_plan.retrofits.copy()
    retrofits.loc[0, "captured_ktpa"] = value
    broken = replace(small_plan, retrofits=retrofits)
    with pytest.raises(CcsModelError, match="sheet Retrofits") as caught:
        workbook_bytes(broken)
    assert caught.value.exit_code == 1
    with pytest.raises(CcsModelError, match="sheet Retrofits"):
        broken.to_folder(workspace.folder / "never")
    assert not (workspace.folder / "never").exists()


@pytest.mark.parametrize(
    ("number", "words"), [(13, "permission denied"), (28, "no space left on device"), (30, "read-only file system")]
)
def test_F49_a_failed_replacement_keeps_the_previous_and_the_new_run(
    with_run: Workspace, number: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(with_run.folder / "run")
    rename = Path.rename

    def rejected(path: Path, target: Any) -> Path:
        if Path(target) == Path("run") and path.name.endswith(".part"):
            raise OSError(number, os.strerror(number))
        return rename(path, target)

    monkeypatch.setattr(folder_writer, "exchange_folders", lambda *_: False)
    monkeypatch.setattr(Path, "rename", rejected)
    answer = with_run.run("optimize", "s.yaml", "--threads", "1", "--out", "run", "--force")
    assert answer.code == 8 and words in answer.err.lower()
    assert contents(with_run.folder / "run") == before
    kept = with_run.folder / answer.err.rpartition("the run is kept in ")[2].strip()
    assert (kept / "plan.xlsx").is_file() and (kept / "manifest.json").is_file()
    shutil.rmtree(kept)


def test_F49_the_previous_run_is_kept_even_if_it_cannot_be_moved_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, new_folder = tmp_path / "run", tmp_path / "made"
    for each in (folder, new_folder):
        each.mkdir()
    (folder / "manifest.json").write_text("{}", encoding="utf-8")
    rename = Path.rename

    def rejected(path: Path, target: Any) -> Path:
        if Path(target) == folder:
            raise OSError(30, os.strerror(30))
        return rename(path, target)

    monkeypatch.setattr(folder_writer, "exchange_folders", lambda *_: False)
    monkeypatch.setattr(Path, "rename", rejected)
    with pytest.raises(FileError, match="the previous run is now") as caught:
        folder_writer._move_into_place(new_folder, folder)
    assert (Path(str(caught.value).rpartition(" is now ")[2]) / "manifest.json").is_file()


def test_F49_an_invalid_output_path_is_reported_before_solving(
    with_run: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ccs_model.solve.driver.solve", None)
    for out in ("x" * 300, "mine.csv/run", "mine.csv"):
        answer = with_run.run("optimize", "s.yaml", "--threads", "1", "--out", out)
        assert answer.code == 8 and out[:40] in answer.err, answer.err
    with_run.put("others/notes.txt", "mine")
    answer = with_run.run("optimize", "s.yaml", "--threads", "1", "--out", "others")
    assert answer.code == 8 and "already contains files" in answer.err


def test_F49_a_file_that_cannot_be_replaced_is_kept_and_the_new_one_saved_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "plan.xlsx"
    target.write_bytes(b"old")

    def rejected(path: Path, target: Any) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", rejected)
    with pytest.raises(FileError, match="is it open elsewhere") as caught:
        write_atomic(target, b"new")
    assert target.read_bytes() == b"old"
    kept = Path(str(caught.value).rpartition("is kept in ")[2])
    assert kept.read_bytes() == b"new" and kept.name == "plan.xlsx"
    assert [path.name for path in tmp_path.iterdir()] == ["plan.xlsx"]
    shutil.rmtree(kept.parent)


OTHER_CLOCK = """
import sys, time
offset = [0.0]
real = time.time
def jumping():
    offset[0] += 86_400.0
    return real() - offset[0]
time.time = jumping
from ccs_model.cli import main
sys.argv = ["ccs-model", "optimize", "s.yaml", "--threads", "1", "--out", "again", "-q"]
main()
"""


def test_F51_F67_files_are_identical_with_another_clock_locale_and_hash_seed(with_run: Workspace) -> None:
    environment = {
        "PYTHONPATH": str(ROOT), "TZ": "Pacific/Kiritimati", "LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8",
        "PYTHONHASHSEED": "4711", "PATH": os.environ["PATH"],
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", OTHER_CLOCK], cwd=with_run.folder, env=environment, capture_output=True, text=True,
        timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    one, other = contents(with_run.folder / "run"), contents(with_run.folder / "again")
    for name in ("manifest.json", "solver.log"):
        one.pop(name), other.pop(name)
    assert {name for name in one if one[name] != other.get(name)} == set() and one.keys() == other.keys()
    with zipfile.ZipFile(with_run.folder / "again" / "plan.xlsx") as archive:
        assert {part.date_time[0] for part in archive.infolist()} == {1980}


WAITING = """
import os, signal, sys, threading, time
from ccs_model.__main__ import main
from ccs_model.mip import highs

def working(self):
    print("working", flush=True)
    # In short turns, as the solver's own wait: a signal just before one long sleep would wait for its end.
    for _ in range(1200):
        time.sleep(0.05)

highs.Highs._solve = working
sys.argv = ["ccs-model", "optimize", "s.yaml", "--threads", "1"]
main()
"""


def test_F66_an_interruption_ends_the_run_and_leaves_no_files(workspace: Workspace) -> None:
    before = contents(workspace.folder)
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING], cwd=workspace.folder, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "working\n"
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    _, message = process.communicate(timeout=300)
    assert (
        process.returncode == 130 and "interrupted; no partial file is left" in message and "Traceback" not in message
    )
    assert time.monotonic() - begun < 30  # 2 s on an idle machine
    assert contents(workspace.folder) == before


@pytest.mark.parametrize(
    "args",
    [
        ("optimize",),
        ("optimize", "s.yaml", "--budgett", "5"),
        ("optimize", "s.yaml", "--gap", "2"),
        ("optimize", "s.yaml", "--out", "s.yaml"),
        ("optimize", "s.yaml", "--out", "./s.yaml", "--force"),
        ("check",),
        ("check", "s.yaml", "--annotate", "mine.csv"),
        ("frobnicate",),
        ("data", "plants/stel"),
    ],
)
def test_F68_usage_errors_change_no_files(workspace: Workspace, args: tuple[str, ...]) -> None:
    before = contents(workspace.folder)
    answer = workspace.run(*args)
    assert answer.code == 2 and "Error:" in answer.err and answer.out == ""
    assert contents(workspace.folder) == before


def test_a_damaged_run_is_not_used_as_a_cached_result(with_run: Workspace) -> None:
    (with_run.folder / "run" / "manifest.json").write_text("{", encoding="utf-8")
    answer = with_run.run("optimize", "s.yaml", "--threads", "1", "--out", "run")
    assert answer.code == 8 and "already contains files" in answer.err
    assert json.loads((with_run.folder / "run" / "plan.json").read_text(encoding="utf-8"))["status"] == "optimal"
