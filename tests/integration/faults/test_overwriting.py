"""No output replaces a run's file, an input, a special file or a file of another kind."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ccs_model.runs.folder_writer import hold_lock
from tests.own_tables import works

from .conftest import SCENARIO, Workspace, run_command

NOTES = "mine: 1\n"


@pytest.fixture(scope="module")
def solved_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scenario, its inventory and its run."""
    workspace = Workspace(tmp_path_factory.mktemp("desk"))
    workspace.put("s.yaml", SCENARIO)
    workspace.csv(works("M1"))
    answer = run_command(["optimize", "s.yaml", "--out", "run", "-q"], workspace.folder)
    assert answer.code == 0, answer.err
    return workspace.folder


@pytest.fixture
def copied(solved_folder: Path, tmp_path: Path) -> Workspace:
    """A workspace with two copies of that run and a file of the user."""
    for name in ("run", "run2"):
        shutil.copytree(solved_folder / "run", tmp_path / name)
    for name in ("s.yaml", "mine.csv"):
        shutil.copy(solved_folder / name, tmp_path / name)
    workspace = Workspace(tmp_path)
    workspace.put("notes.yaml", NOTES)
    return workspace


def state(folder: Path) -> dict[str, object]:
    """Return the content of every regular file, and the mode of everything else."""
    return {
        str(path): path.read_bytes() if path.is_file() and not path.is_symlink() else path.lstat().st_mode
        for path in sorted(folder.rglob("*"))
    }


WRITERS = {
    "csv": ("export", "run", "--format", "csv"),
    "iamc": ("export", "run", "--format", "iamc"),
    "geojson": ("export", "run", "--format", "geojson"),
    "parquet": ("export", "run", "--format", "parquet"),
    "report": ("report", "run"),
    "calibrate": ("calibrate",),
}


@pytest.mark.parametrize("args", WRITERS.values(), ids=WRITERS)
def test_an_output_path_of_another_kind_is_left_unchanged(copied: Workspace, args: tuple[str, ...]) -> None:
    os.mkfifo(copied.folder / "fifo")
    (copied.folder / "link").symlink_to("notes.yaml")
    (copied.folder / "loop").symlink_to("loop")
    before = state(copied.folder)
    outputs = [
        "notes.yaml",
        "run/plan.json",
        "run2/tables/more.csv",
        "run2/more",
        "fifo",
        "link",
        "loop",
        "loop/x",
        "/dev/null",
    ]
    outputs += [".", "..", "/"] if args[-1] != "parquet" else []
    for out in outputs:
        for force in ((), ("--force",)):
            answer = copied.run(*args, "-o", out, *force)
            assert answer.code == 8, (out, answer.err)
            assert answer.out == "" and len(answer.lines) == 1, answer.err
    empty = copied.run(*args, "-o", "")
    assert empty.code == 2 and "an empty path" in empty.err
    assert state(copied.folder) == before


def test_an_existing_file_is_replaced_only_with_force_and_by_its_own_kind(copied: Workspace) -> None:
    args = ("export", "run", "--format", "csv", "-o", "out.csv")
    assert copied.run(*args).code == 0
    exported = (copied.folder / "out.csv").read_bytes()
    again = copied.run(*args)
    assert again.code == 8 and "--force" in again.err
    assert copied.run(*args, "--force").code == 0
    assert (copied.folder / "out.csv").read_bytes() == exported
    inventory = copied.run("export", "run", "--format", "csv", "-o", "mine.csv", "--force")
    assert inventory.code == 8 and "is not an exported table of numbers" in inventory.err
    compared = ("compare", "run", "run2", "-o", "c.xlsx")
    assert [copied.run(*compared, *more).code for more in ((), (), ("--force",))] == [0, 8, 0]
    copied.put("c.xlsx", "text")
    assert "is not an Excel workbook" in copied.run(*compared, "--force").err


def test_an_export_without_an_output_name_replaces_its_own_file(copied: Workspace) -> None:
    for _ in range(2):
        assert copied.run("export", "run", "--format", "csv").code == 0
    shutil.rmtree(copied.folder / "run" / "export")
    (copied.folder / "elsewhere").mkdir()
    (copied.folder / "run" / "export").symlink_to("../elsewhere")
    answer = copied.run("export", "run", "--format", "csv")
    assert answer.code == 8 and not any((copied.folder / "elsewhere").iterdir())


def test_a_run_never_replaces_the_folder_of_its_inputs(copied: Workspace) -> None:
    shutil.copy(copied.folder / "s.yaml", copied.folder / "run" / "s.yaml")
    shutil.copy(copied.folder / "mine.csv", copied.folder / "run" / "mine.csv")
    copied.put("outer.yaml", SCENARIO.replace("[mine.csv]", "[run/mine.csv]"))
    copied.put("upper.yaml", "extends: run2/scenario.resolved.yaml\nbudget: {total_mn: 1}\n")
    before = state(copied.folder)
    for args in (
        ("optimize", "run/s.yaml", "--out", "run"),
        ("optimize", "run/scenario.resolved.yaml", "--out", "run"),
        ("optimize", "outer.yaml", "--out", "run"),
        ("optimize", "upper.yaml", "--out", "run2"),
        ("frontier", "s.yaml", "--run", "run", "--out", "run"),
    ):
        answer = copied.run(*args, "--force")
        assert answer.code == 2 and "an input of this command" in answer.err, answer.err
    for out in (".", "..", "/", "run/tables", "run/own/x"):
        assert copied.run("optimize", "s.yaml", "--out", out, "--force").code == 8
    assert state(copied.folder) == before


def test_an_import_replaces_neither_its_inputs_nor_a_run(copied: Workspace) -> None:
    case = copied.folder / "out" / "data" / "case"
    shutil.copytree(Path(__file__).parents[2] / "data" / "simccs" / "southeast_us" / "price", case)
    before = state(copied.folder)
    args = ("import", "simccs", str(case), "--mode", "price", "--force", "-o")
    assert copied.run(*args, "out").code == 2
    assert copied.run(*args, "run").code == 8
    assert state(copied.folder) == before


def test_a_run_with_files_of_the_user_is_not_replaced(copied: Workspace) -> None:
    for name in ("run/notes.txt", "run/tables/mine.csv"):
        copied.put(name, NOTES)
    before = state(copied.folder)
    for args in (("optimize",), ("frontier", "--points", "2")):
        answer = copied.run(args[0], "s.yaml", *args[1:], "--out", "run", "--force", "-q")
        assert answer.code == 8, answer.err
        assert "run: contains notes.txt and 1 more, which the run did not write" in answer.err
        assert state(copied.folder) == before
    # Files that `report` and `export` write into the run folder are replaced with the run.
    for name in ("run/notes.txt", "run/tables/mine.csv"):
        (copied.folder / name).unlink()
    assert copied.run("report", "run").code == copied.run("export", "run", "--format", "iamc").code == 0
    assert copied.run("optimize", "s.yaml", "--out", "run", "--force", "-q").code == 0


@pytest.mark.parametrize(("folder", "what"), [("notes.yaml", "is not a folder"), ("run", "belongs to the run run")])
def test_a_new_scenario_is_not_written_into_a_run_or_a_file(copied: Workspace, folder: str, what: str) -> None:
    before = state(copied.folder)
    for args in (("init", folder), ("init", folder, "--country", "Germany")):
        answer = copied.run(*args)
        assert answer.code == 8 and what in answer.err, answer.err
        assert state(copied.folder) == before


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    "args",
    [("optimize", "--time-limit"), ("optimize", "--mip-gap"), ("frontier", "--to"), ("near-optimal", "--within")],
)
def test_a_non_finite_option_is_a_usage_error(workspace: Workspace, args: tuple[str, str], value: str) -> None:
    answer = workspace.run(args[0], "s.yaml", args[1], value)
    assert answer.code == 2 and args[1] in answer.err


def test_a_run_is_written_to_the_target_of_a_symbolic_link(copied: Workspace) -> None:
    folder, optimize = copied.folder, ("optimize", "s.yaml", "-q", "--out", "link")
    (folder / "target").mkdir()
    (folder / "link").symlink_to("target")
    assert copied.run(*optimize).code == 0
    first = (folder / "target" / "manifest.json").read_bytes()
    assert copied.run(*optimize).code == 0  # cached
    assert (folder / "target" / "manifest.json").read_bytes() == first
    changed = copied.run(*optimize, "--mip-gap", "0.2")
    assert changed.code == 8 and "target: already contains files of another run" in changed.err
    assert copied.run(*optimize, "--mip-gap", "0.2", "--update").code == 0
    second = (folder / "target" / "manifest.json").read_bytes()
    assert copied.run(*optimize, "--force").code == 0
    assert len({first, second, (folder / "target" / "manifest.json").read_bytes()}) == 3
    assert (folder / "link").readlink() == Path("target")
    copied.put("target/notes.txt", NOTES)
    refused = copied.run(*optimize, "--force")
    assert refused.code == 8 and "contains notes.txt" in refused.err
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    "args",
    [("optimize", "s.yaml"), ("frontier", "s.yaml"), ("montecarlo", "run"), ("near-optimal", "run"),
     ("stochastic", "s.yaml"), ("sweep", "s.yaml", "--set", "budget.total_mn=1,2"),
     ("regret", "s.yaml", "--set", "budget.total_mn=1,2")],
    ids=lambda args: args[0],
)  # fmt: skip
def test_a_broken_link_and_a_folder_inside_a_run_are_refused_before_anything_is_solved(
    copied: Workspace, args: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ccs_model.mip.highs.Highs._solve", lambda _: pytest.fail("something is solved"))
    (copied.folder / "broken").symlink_to("nowhere")
    (copied.folder / "link").symlink_to("run2/new")
    (copied.folder / "of-run").symlink_to("run2")
    before = state(copied.folder)
    words = {
        "broken": "broken: is a symbolic link to a folder that does not exist; create that folder",
        "link": "link: is a symbolic link to a folder that does not exist",
        "run2/new": "run2/new: is inside the run run2, which could then not be replaced; choose a folder outside it, "
        "such as --out run2-new",
        "run2/new/deep": "--out run2-deep",
        "of-run/new": "is inside the run run2",
    }
    for out, what in words.items():
        answer = copied.run(*args, "--out", out)
        assert answer.code == 8 and what in answer.err, answer.err
        assert state(copied.folder) == before


@pytest.mark.parametrize(
    ("args", "locked"),
    [(("frontier", "s.yaml"), "new"), (("montecarlo", "run", "--draws", "2"), "new/montecarlo.json"),
     (("near-optimal", "run"), "new"), (("regret", "s.yaml", "--set", "budget.total_mn=1,2"), "new")],
    ids=["frontier", "montecarlo", "near-optimal", "regret"],
)  # fmt: skip
def test_a_result_that_another_process_computes_is_not_computed_again(
    copied: Workspace, args: tuple[str, ...], locked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ccs_model.mip.highs.Highs._solve", lambda _: pytest.fail("something is solved"))
    if locked != "new":
        (copied.folder / "new").mkdir()
        monkeypatch.setattr("ccs_model.runs.run_writer.has_files", lambda _: False)
    with hold_lock(copied.folder / locked):
        answer = copied.run(*args, "--out", "new")
    assert answer.code == 8 and f"{locked}: process {os.getpid()} on " in answer.err, answer.err
