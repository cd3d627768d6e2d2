"""Files are created all together or not at all; the next command removes temporary files of killed processes."""

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


def temporary_of(pid: int, name: str, kind: str = "part") -> str:
    return temporary_name(kind, name).replace(f"-{os.getpid()}-", f"-{pid}-")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_as_import(folder: Path) -> None:
    with atomic_folder(folder, {"plants.xlsx": b"new", "data/a.csv": b"a"}, force=True):
        pass


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: create_folder_files(folder, {"plants.xlsx": b"new", "scenario.yaml": b"s"}),
        lambda folder: create_files({folder / "plants.xlsx": b"new"}),
        write_as_import,
    ],
    ids=["init", "init --inventory-only, check --annotate", "import"],
)
def test_a_command_removes_temporary_files_of_killed_processes(
    make: Callable[[Path], None], ended_pid: int, tmp_path: Path
) -> None:
    workdir = tmp_path / "desk"
    workdir.mkdir()
    kept_file = temporary_of(os.getppid(), "plants.xlsx")
    (workdir / temporary_of(ended_pid, "plants.xlsx")).write_bytes(b"ha")
    (workdir / kept_file).write_bytes(b"ha")
    stale_folder, kept_folder = (tmp_path / temporary_of(pid, "desk") for pid in (ended_pid, os.getppid()))
    for folder in (stale_folder, kept_folder):
        folder.mkdir()
        (folder / "plants.xlsx").write_bytes(b"ha")
    make(workdir)
    assert (workdir / "plants.xlsx").read_bytes() == b"new"
    assert (workdir / kept_file).exists() and kept_folder.exists()
    if make is write_as_import:  # temporary folders of an import are siblings of the folder
        assert not stale_folder.exists()
    else:
        assert [name for name in names_in(workdir) if name.startswith(".")] == [kept_file]


def test_a_new_folder_is_complete_and_stale_temporary_folders_are_removed(ended_pid: int, tmp_path: Path) -> None:
    temporary = tmp_path / temporary_of(ended_pid, "desk")
    temporary.mkdir()
    (temporary / "a").write_bytes(b"ha")
    create_folder_files(tmp_path / "desk", {"a": b"a", "b": b"b"})
    assert names_in(tmp_path) == ["desk"] and names_in(tmp_path / "desk") == ["a", "b"]


def test_files_moved_aside_by_a_killed_import_are_restored(ended_pid: int, tmp_path: Path) -> None:
    aside = tmp_path / temporary_of(ended_pid, "desk", "old")
    for path, words in (
        (aside / "data", "old"),  # its new version was never written
        (aside / "scenario.yaml", "old"),  # its new version exists
        (tmp_path / "desk" / "scenario.yaml", "new"),
        (tmp_path / "desk" / "notes.txt", "the user's own"),
    ):
        path.parent.mkdir(exist_ok=True)
        path.write_text(words, encoding="utf-8")
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "desk", {"scenario.yaml": b"newer"}, force=True):
        raise ZeroDivisionError
    found = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "desk").iterdir()}
    assert found == {"data": "old", "scenario.yaml": "new", "notes.txt": "the user's own"}
    assert names_in(tmp_path) == ["desk"]


def test_atomic_folder_fills_an_empty_current_folder_and_rejects_a_filled_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "desk").mkdir()
    monkeypatch.chdir(tmp_path / "desk")
    with atomic_folder(Path(), {"data/a.csv": b"a"}):
        pass
    assert (tmp_path / "desk" / "data" / "a.csv").is_file() and names_in(tmp_path) == ["desk"]
    with pytest.raises(FileError, match="already contains files"), atomic_folder(Path(), {"b": b"b"}):
        pass


def test_a_file_created_by_another_process_is_kept_and_no_file_is_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def link_after_another_process(made: Path, path: Path) -> None:
        if path.name == "b":
            path.write_bytes(b"another's")
        link(made, path)

    monkeypatch.setattr(os, "link", link_after_another_process)
    with pytest.raises(FileError, match="b: already exists and is left unchanged; take c"):
        create_files({tmp_path / "new" / "a": b"a", tmp_path / "b": b"b"}, hint="take c")
    assert names_in(tmp_path) == ["b"] and (tmp_path / "b").read_bytes() == b"another's"


def test_files_are_moved_if_hard_links_are_not_supported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported_link(made: Path, path: Path) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "link", unsupported_link)
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
@pytest.mark.parametrize("folder_exists", [False, True])
def test_a_kill_during_writing_leaves_none_of_the_files(folder_exists: bool, tmp_path: Path) -> None:
    workdir = tmp_path / "desk"
    if folder_exists:
        workdir.mkdir()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", KILLED, str(workdir)], env=environment, check=False)
    assert ended.returncode == -9
    assert not (workdir / "a").exists() and not (workdir / "b").exists()
    create_folder_files(workdir, {"a": b"aaaa", "b": b"bbbb"})
    assert names_in(tmp_path) == ["desk"] and names_in(workdir) == ["a", "b"]


def test_a_failed_move_restores_the_existing_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workdir = tmp_path / "desk"
    (workdir / "b").mkdir(parents=True)
    (workdir / "a").write_bytes(b"old")
    (workdir / "b" / "c").write_bytes(b"old")
    rename = Path.rename

    def rename_on_full_disk(path: Path, target: Path) -> Path:
        if target == workdir / "b" / "c" and path.parent.parent.name.endswith(".part"):
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", rename_on_full_disk)
    new = {"a": b"new", "b/a/a": b"new", "b/c": b"new", "d": b"new"}
    with (
        pytest.raises(FileError, match="desk: cannot be written: No space left on device"),
        atomic_folder(workdir, new, force=True),
    ):
        pass
    assert names_in(tmp_path) == ["desk"] and names_in(workdir) == ["a", "b"]
    assert (workdir / "a").read_bytes() == (workdir / "b" / "c").read_bytes() == b"old"
    assert names_in(workdir / "b") == ["c"]


def test_files_beside_the_new_ones_in_a_folder_are_kept(tmp_path: Path) -> None:
    workdir = tmp_path / "desk"
    create_folder_files(workdir, {"data/prices/power.csv": b"own", "data/a.csv": b"old"})
    with atomic_folder(workdir, {"data/a.csv": b"new", "data/plants/b.csv": b"b"}, force=True):
        pass
    found = {path.relative_to(workdir).as_posix(): path.read_bytes() for path in workdir.rglob("*.csv")}
    assert found == {"data/prices/power.csv": b"own", "data/a.csv": b"new", "data/plants/b.csv": b"b"}
    assert names_in(tmp_path) == ["desk"]
    with (
        pytest.raises(FileError, match=r"prices: is a folder, where a file would be written"),
        atomic_folder(workdir / "data", {"a.csv": b"newest", "prices": b"x"}, force=True),
    ):
        pass


def test_an_existing_file_is_kept_if_hard_links_are_not_supported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported_link(made: Path, path: Path) -> None:
        path.write_bytes(b"another's")
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "link", unsupported_link)
    with pytest.raises(FileError, match="a: already exists and is left unchanged"):
        create_files({tmp_path / "a": b"a"})
    assert names_in(tmp_path) == ["a"] and (tmp_path / "a").read_bytes() == b"another's"


def test_an_interruption_during_linking_removes_the_files_already_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def interrupted_link(made: Path, path: Path) -> None:
        if path.name == "b":
            raise KeyboardInterrupt
        link(made, path)

    monkeypatch.setattr(os, "link", interrupted_link)
    with pytest.raises(KeyboardInterrupt):
        create_files({tmp_path / "a": b"a", tmp_path / "b": b"b"})
    assert names_in(tmp_path) == []


def test_a_folder_name_that_is_too_long_is_reported(tmp_path: Path) -> None:
    with (
        pytest.raises(FileError, match="cannot be written: File name too long"),
        atomic_folder(tmp_path / ("x" * 300), {}),
    ):
        raise AssertionError("there is no such folder")
