"""No power cut leaves a partial run, loses a finished run, or undoes what a command has reported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.small_scenario import SMALL_TEXT

if not (ROOT / "bench").is_dir():
    pytest.skip("bench/ is not part of this distribution", allow_module_level=True)
if not sys.platform.startswith("linux"):
    pytest.skip("operations are recorded on Linux only", allow_module_level=True)

from bench.power_loss import Disk, examine, record_and_examine

WRITTEN = [("mkdir", "p"), ("mkdir", "p/r"), ("open", "p/r/manifest.json"), ("flush", "p/r/manifest.json")]


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "small.yaml").write_text(SMALL_TEXT, encoding="utf-8")
    return folder


def issues(folder: Path, *operations: tuple[str, ...]) -> list[str]:
    made = [(kind, *(str(folder / path) for path in paths)) for kind, *paths in operations]
    return examine(folder, Disk.of(folder), made).issues


def test_the_disk_model_finds_each_missing_flush(workdir: Path) -> None:
    part = [(kind, *(path.replace("p/r", "p/.r.part") for path in paths)) for kind, *paths in WRITTEN]
    moved = ("rename", "p/.r.part", "p/r")
    assert not issues(workdir, *part, ("flush", "p/.r.part"), moved, ("flush", "p"), ("flush", "."))
    # Missing flush of the file content, the file entry, the name of the run, and the name of its folder.
    assert issues(workdir, *part[:-1], ("flush", "p/.r.part"), moved, ("flush", "p"), ("flush", "."))
    assert issues(workdir, *part, moved, ("flush", "p"), ("flush", "."))
    assert issues(workdir, *part, ("flush", "p/.r.part"), moved, ("flush", "."))
    assert issues(workdir, *part, ("flush", "p/.r.part"), moved, ("flush", "p"))


def test_the_disk_model_finds_a_file_written_in_place(workdir: Path) -> None:
    replaced = [("open", ".part"), ("flush", ".part"), ("rename", ".part", "small.yaml"), ("flush", ".")]
    assert not issues(workdir, *replaced)
    assert "small.yaml is incomplete" in issues(workdir, ("open", "small.yaml"), ("flush", "small.yaml"))[0]


def test_the_disk_model_finds_an_old_run_removed_before_the_new_one_is_in_place(workdir: Path) -> None:
    for name in ("old", ".part"):
        (workdir / name).mkdir()
        (workdir / name / "manifest.json").touch()
    exchange, flush = ("exchange", ".part", "old"), ("flush", ".")
    removed = [("remove", ".part/manifest.json"), ("remove", ".part"), ("flush", ".")]
    assert not issues(workdir, exchange, flush, *removed)
    assert issues(workdir, exchange, *removed)


def test_a_run_survives_a_power_cut_at_any_moment(workdir: Path) -> None:
    for more in ((), ("--force",)):
        code, outcome = record_and_examine(workdir, ["optimize", "small.yaml", "-q", "--out", "runs/x", *more])
        assert code == 0 and not outcome.issues
        assert outcome.operations > 80 and outcome.states > 5_000


def test_a_sweep_survives_a_power_cut_at_any_moment(workdir: Path) -> None:
    code, outcome = record_and_examine(
        workdir, ["sweep", "small.yaml", "--set", "budget.total_mn=300,900", "--jobs", "1", "-q"]
    )
    assert code == 0 and not outcome.issues
