"""No power cut leaves a half-written run, loses a finished one, or takes back what a command has reported."""

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

from bench.power_loss import Disk, examine, examined

WRITTEN = [("mkdir", "p"), ("mkdir", "p/r"), ("open", "p/r/manifest.json"), ("flush", "p/r/manifest.json")]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "small.yaml").write_text(SMALL_TEXT, encoding="utf-8")
    return folder


def issues(folder: Path, *operations: tuple[str, ...]) -> list[str]:
    made = [(kind, *(str(folder / path) for path in paths)) for kind, *paths in operations]
    return examine(folder, Disk.of(folder), made).issues


def test_the_model_finds_each_missing_flush(desk: Path) -> None:
    part = [(kind, *(path.replace("p/r", "p/.r.part") for path in paths)) for kind, *paths in WRITTEN]
    moved = ("rename", "p/.r.part", "p/r")
    assert not issues(desk, *part, ("flush", "p/.r.part"), moved, ("flush", "p"), ("flush", "."))
    # The content of the file, the entry of the file, the name of the run, the name of its folder.
    assert issues(desk, *part[:-1], ("flush", "p/.r.part"), moved, ("flush", "p"), ("flush", "."))
    assert issues(desk, *part, moved, ("flush", "p"), ("flush", "."))
    assert issues(desk, *part, ("flush", "p/.r.part"), moved, ("flush", "."))
    assert issues(desk, *part, ("flush", "p/.r.part"), moved, ("flush", "p"))


def test_the_model_finds_a_file_written_in_place(desk: Path) -> None:
    replaced = [("open", ".part"), ("flush", ".part"), ("rename", ".part", "small.yaml"), ("flush", ".")]
    assert not issues(desk, *replaced)
    assert "small.yaml is incomplete" in issues(desk, ("open", "small.yaml"), ("flush", "small.yaml"))[0]


def test_the_model_finds_an_old_run_removed_before_the_new_one_is_in_place(desk: Path) -> None:
    for name in ("old", ".part"):
        (desk / name).mkdir()
        (desk / name / "manifest.json").touch()
    exchange, flush = ("exchange", ".part", "old"), ("flush", ".")
    removed = [("remove", ".part/manifest.json"), ("remove", ".part"), ("flush", ".")]
    assert not issues(desk, exchange, flush, *removed)
    assert issues(desk, exchange, *removed)


def test_a_run_survives_a_power_cut_at_any_moment(desk: Path) -> None:
    for more in ((), ("--force",)):
        code, outcome = examined(desk, ["optimize", "small.yaml", "-q", "--out", "runs/x", *more])
        assert code == 0 and not outcome.issues
        assert outcome.operations > 80 and outcome.states > 5_000


def test_the_parts_of_a_sweep_survive_a_power_cut(desk: Path) -> None:
    code, outcome = examined(desk, ["sweep", "small.yaml", "--set", "budget.total_mn=300,900", "--jobs", "1", "-q"])
    assert code == 0 and not outcome.issues
