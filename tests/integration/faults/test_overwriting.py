"""No output replaces a run's file, an input, a special file or a file of another kind."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from .conftest import SCENARIO, Desk, answer_of, works

NOTES = "mine: 1\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk with a run and a copy of it."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    desk.put("s.yaml", SCENARIO)
    desk.csv(works("M1"))
    answer = answer_of(["optimize", "s.yaml", "--out", "run", "-q"], desk.folder)
    assert answer.code == 0, answer.err
    return desk.folder


@pytest.fixture
def there(made: Path, tmp_path: Path) -> Desk:
    """That desk with two runs, and a file of the user."""
    for name in ("run", "run2"):
        shutil.copytree(made / "run", tmp_path / name)
    for name in ("s.yaml", "mine.csv"):
        shutil.copy(made / name, tmp_path / name)
    desk = Desk(tmp_path)
    desk.put("notes.yaml", NOTES)
    return desk


def state(folder: Path) -> dict[str, object]:
    """Content of every regular file, and the mode of everything else."""
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


@pytest.mark.parametrize("words", WRITERS.values(), ids=WRITERS)
def test_an_output_that_is_something_else_is_left_unchanged(there: Desk, words: tuple[str, ...]) -> None:
    os.mkfifo(there.folder / "fifo")
    (there.folder / "link").symlink_to("notes.yaml")
    (there.folder / "loop").symlink_to("loop")
    before = state(there.folder)
    places = ["notes.yaml", "run/plan.json", "run2/tables/more.csv", "fifo", "link", "loop", "loop/x", "/dev/null"]
    places += [".", "..", "/"] if words[-1] != "parquet" else []
    for out in places:
        for force in ((), ("--force",)):
            answer = there.ask(*words, "-o", out, *force)
            assert answer.code == 8, (out, answer.err)
            assert answer.out == "" and len(answer.lines) == 1, answer.err
    empty = there.ask(*words, "-o", "")
    assert empty.code == 2 and "an empty path" in empty.err
    assert state(there.folder) == before


def test_an_existing_file_needs_force_and_must_be_of_the_same_kind(there: Desk) -> None:
    words = ("export", "run", "--format", "csv", "-o", "out.csv")
    assert there.ask(*words).code == 0
    whole = (there.folder / "out.csv").read_bytes()
    again = there.ask(*words)
    assert again.code == 8 and "--force" in again.err
    assert there.ask(*words, "--force").code == 0
    assert (there.folder / "out.csv").read_bytes() == whole
    inventory = there.ask("export", "run", "--format", "csv", "-o", "mine.csv", "--force")
    assert inventory.code == 8 and "is not an exported table of numbers" in inventory.err
    compared = ("compare", "run", "run2", "-o", "c.xlsx")
    assert [there.ask(*compared, *more).code for more in ((), (), ("--force",))] == [0, 8, 0]
    there.put("c.xlsx", "text")
    assert "is not an Excel workbook" in there.ask(*compared, "--force").err


def test_an_export_without_a_name_replaces_its_own_file(there: Desk) -> None:
    for _ in range(2):
        assert there.ask("export", "run", "--format", "csv").code == 0
    shutil.rmtree(there.folder / "run" / "export")
    (there.folder / "elsewhere").mkdir()
    (there.folder / "run" / "export").symlink_to("../elsewhere")
    answer = there.ask("export", "run", "--format", "csv")
    assert answer.code == 8 and not any((there.folder / "elsewhere").iterdir())


def test_a_run_never_replaces_the_folder_of_its_inputs(there: Desk) -> None:
    shutil.copy(there.folder / "s.yaml", there.folder / "run" / "s.yaml")
    shutil.copy(there.folder / "mine.csv", there.folder / "run" / "mine.csv")
    there.put("outer.yaml", SCENARIO.replace("[mine.csv]", "[run/mine.csv]"))
    there.put("upper.yaml", "extends: run2/scenario.resolved.yaml\nbudget: {total_mn: 1}\n")
    before = state(there.folder)
    for words in (
        ("optimize", "run/s.yaml", "--out", "run"),
        ("optimize", "run/scenario.resolved.yaml", "--out", "run"),
        ("optimize", "outer.yaml", "--out", "run"),
        ("optimize", "upper.yaml", "--out", "run2"),
        ("frontier", "s.yaml", "--run", "run", "--out", "run"),
    ):
        answer = there.ask(*words, "--force")
        assert answer.code == 2 and "an input of this command" in answer.err, answer.err
    for out in (".", "..", "/", "run/tables", "run/own/x"):
        assert there.ask("optimize", "s.yaml", "--out", out, "--force").code == 8
    assert state(there.folder) == before


def test_an_import_replaces_neither_its_inputs_nor_a_run(there: Desk) -> None:
    case = there.folder / "out" / "data" / "case"
    shutil.copytree(Path(__file__).parents[2] / "data" / "simccs" / "southeast_us" / "price", case)
    before = state(there.folder)
    words = ("import", "simccs", str(case), "--mode", "price", "--force", "-o")
    assert there.ask(*words, "out").code == 2
    assert there.ask(*words, "run").code == 8
    assert state(there.folder) == before


def test_a_run_is_not_replaced_with_the_files_that_a_user_put_into_it(there: Desk) -> None:
    for name in ("run/notes.txt", "run/tables/mine.csv"):
        there.put(name, NOTES)
    before = state(there.folder)
    for words in (("optimize",), ("frontier", "--points", "2")):
        answer = there.ask(words[0], "s.yaml", *words[1:], "--out", "run", "--force", "-q")
        assert answer.code == 8, answer.err
        assert "run: contains notes.txt and 1 more, which the run did not write" in answer.err
        assert state(there.folder) == before
    # What report and export write beside the run is replaced with it.
    for name in ("run/notes.txt", "run/tables/mine.csv"):
        (there.folder / name).unlink()
    assert there.ask("report", "run").code == there.ask("export", "run", "--format", "iamc").code == 0
    assert there.ask("optimize", "s.yaml", "--out", "run", "--force", "-q").code == 0


@pytest.mark.parametrize(("folder", "what"), [("notes.yaml", "is not a folder"), ("run", "belongs to the run run")])
def test_a_new_scenario_is_not_written_into_a_run_or_a_file(there: Desk, folder: str, what: str) -> None:
    before = state(there.folder)
    for words in (("init", folder), ("init", folder, "--country", "Germany")):
        answer = there.ask(*words)
        assert answer.code == 8 and what in answer.err, answer.err
        assert state(there.folder) == before


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    "words",
    [("optimize", "--time-limit"), ("optimize", "--mip-gap"), ("frontier", "--to"), ("near-optimal", "--within")],
)
def test_a_number_that_is_not_finite_is_a_usage_error(desk: Desk, words: tuple[str, str], value: str) -> None:
    answer = desk.ask(words[0], "s.yaml", words[1], value)
    assert answer.code == 2 and words[1] in answer.err
