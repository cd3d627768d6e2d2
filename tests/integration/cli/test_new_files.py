"""Files created for the user: all or none; the next command removes what a killed one left."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ccs_model.atomic_files import create_files, temporary_name
from ccs_model.errors import FileError
from ccs_model.runs.folder_writer import atomic_folder, create_folder_files


@pytest.fixture(scope="module")
def dead() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def left_by(pid: int, name: str, kind: str = "part") -> str:
    return temporary_name(kind, name).replace(f"-{os.getpid()}-", f"-{pid}-")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def by_import(folder: Path) -> None:
    with atomic_folder(folder, {"plants.xlsx": b"new", "data/a.csv": b"a"}, force=True):
        pass


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: create_folder_files(folder, {"plants.xlsx": b"new", "scenario.yaml": b"s"}),
        lambda folder: create_files({folder / "plants.xlsx": b"new"}),
        by_import,
    ],
    ids=["init", "init --inventory-only, check --annotate", "import"],
)
def test_a_command_removes_what_a_killed_one_left(make: Callable[[Path], None], dead: int, tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    desk.mkdir()
    living = left_by(os.getppid(), "plants.xlsx")
    (desk / left_by(dead, "plants.xlsx")).write_bytes(b"ha")
    (desk / living).write_bytes(b"ha")
    beside, of_the_living = (tmp_path / left_by(pid, "desk") for pid in (dead, os.getppid()))
    for folder in (beside, of_the_living):
        folder.mkdir()
        (folder / "plants.xlsx").write_bytes(b"ha")
    make(desk)
    assert (desk / "plants.xlsx").read_bytes() == b"new"
    assert (desk / living).exists() and of_the_living.exists()
    if make is by_import:  # its halves lie beside the folder
        assert not beside.exists()
    else:
        assert [name for name in names_in(desk) if name.startswith(".")] == [living]


def test_a_new_folder_appears_complete_and_temporary_ones_are_removed(dead: int, tmp_path: Path) -> None:
    half = tmp_path / left_by(dead, "desk")
    half.mkdir()
    (half / "a").write_bytes(b"ha")
    create_folder_files(tmp_path / "desk", {"a": b"a", "b": b"b"})
    assert names_in(tmp_path) == ["desk"] and names_in(tmp_path / "desk") == ["a", "b"]


def test_files_moved_aside_by_a_killed_import_are_restored(dead: int, tmp_path: Path) -> None:
    aside = tmp_path / left_by(dead, "desk", "old")
    for path, words in (
        (aside / "data", "old"),  # its follower never came
        (aside / "scenario.yaml", "old"),  # its follower is there
        (tmp_path / "desk" / "scenario.yaml", "new"),
        (tmp_path / "desk" / "notes.txt", "the user's own"),
    ):
        path.parent.mkdir(exist_ok=True)
        path.write_text(words, encoding="utf-8")
    with (
        pytest.raises(ZeroDivisionError),
        atomic_folder(tmp_path / "desk", {"scenario.yaml": b"newer"}, force=True),
    ):
        raise ZeroDivisionError
    found = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "desk").iterdir()}
    assert found == {"data": "old", "scenario.yaml": "new", "notes.txt": "the user's own"}
    assert names_in(tmp_path) == ["desk"]


def test_into_the_folder_one_is_in_and_into_an_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "desk").mkdir()
    monkeypatch.chdir(tmp_path / "desk")
    with atomic_folder(Path(), {"data/a.csv": b"a"}):
        pass
    assert (tmp_path / "desk" / "data" / "a.csv").is_file() and names_in(tmp_path) == ["desk"]
    with pytest.raises(FileError, match="already contains files"), atomic_folder(Path(), {"b": b"b"}):
        pass


def test_a_file_that_appears_meanwhile_is_kept_and_none_is_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def late(made: Path, path: Path) -> None:
        if path.name == "b":
            path.write_bytes(b"another's")
        link(made, path)

    monkeypatch.setattr(os, "link", late)
    with pytest.raises(FileError, match="b: already exists and is left unchanged; take c"):
        create_files({tmp_path / "new" / "a": b"a", tmp_path / "b": b"b"}, hint="take c")
    assert names_in(tmp_path) == ["b"] and (tmp_path / "b").read_bytes() == b"another's"


def test_where_there_are_no_links_files_are_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rejected(made: Path, path: Path) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "link", rejected)
    create_files({tmp_path / "a": b"a"})
    assert names_in(tmp_path) == ["a"]


KILLED = """
import os, signal, sys
from pathlib import Path
from ccs_model import atomic_files
from ccs_model.runs import folder_writer
write, n = folder_writer.write_synced, [0]
def killed(path, content):
    n[0] += 1
    write(path, content[: len(content) // 2])
    if n[0] == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, content)
folder_writer.write_synced = atomic_files.write_synced = killed
folder_writer.create_folder_files(Path(sys.argv[1]), {"a": b"aaaa", "b": b"bbbb"})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize("is_there", [False, True])
def test_a_kill_while_files_are_written_leaves_none_of_them(is_there: bool, tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    if is_there:
        desk.mkdir()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", KILLED, str(desk)], env=environment, check=False)
    assert ended.returncode == -9
    assert not (desk / "a").exists() and not (desk / "b").exists()
    create_folder_files(desk, {"a": b"aaaa", "b": b"bbbb"})
    assert names_in(tmp_path) == ["desk"] and names_in(desk) == ["a", "b"]


def test_a_move_that_fails_half_way_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = tmp_path / "desk"
    (desk / "b").mkdir(parents=True)
    (desk / "a").write_bytes(b"old")
    (desk / "b" / "c").write_bytes(b"old")
    rename = Path.rename

    def full(path: Path, target: Path) -> Path:
        if target == desk / "b" and path.parent.name.endswith(".part"):
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", full)
    new = {"a": b"new", "b/c": b"new", "d": b"new"}
    with (
        pytest.raises(FileError, match="desk: cannot be written: No space left on device"),
        atomic_folder(desk, new, force=True),
    ):
        pass
    assert names_in(tmp_path) == ["desk"] and names_in(desk) == ["a", "b"]
    assert (desk / "a").read_bytes() == (desk / "b" / "c").read_bytes() == b"old"


def test_without_links_a_file_that_is_there_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rejected(made: Path, path: Path) -> None:
        path.write_bytes(b"another's")
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "link", rejected)
    with pytest.raises(FileError, match="a: already exists and is left unchanged"):
        create_files({tmp_path / "a": b"a"})
    assert names_in(tmp_path) == ["a"] and (tmp_path / "a").read_bytes() == b"another's"


def test_an_error_of_the_disk_while_files_are_named_takes_back_those_that_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def full(made: Path, path: Path) -> None:
        if path.name == "b":
            raise KeyboardInterrupt
        link(made, path)

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(KeyboardInterrupt):
        create_files({tmp_path / "a": b"a", tmp_path / "b": b"b"})
    assert names_in(tmp_path) == []


def test_a_name_that_is_too_long_is_reported(tmp_path: Path) -> None:
    with (
        pytest.raises(FileError, match="cannot be written: File name too long"),
        atomic_folder(tmp_path / ("x" * 300), {}),
    ):
        raise AssertionError("there is no such folder")
