"""Atomic writes of files and run folders, results saved elsewhere, temporary files and deferred signals."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path

import pytest

from ccs_model.atomic_files import (
    defer_interrupt,
    deferred_signals,
    exchange_folders,
    folder_for,
    host_name,
    remove_temporary_paths,
    temporary_name,
    temporary_path,
    write_atomic,
)
from ccs_model.errors import FILE_TROUBLE, FileError
from ccs_model.plan.plan import Plan
from ccs_model.runs.folder_writer import remove_temporary_files


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def temporary_name_of(pid: int, name: str, kind: str) -> str:
    return temporary_name(kind, name).replace(f"-{os.getpid()}-", f"-{pid}-")


def simulate_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate a full disk: files below `folder` cannot be flushed."""
    sync = os.fsync

    def fsync(number: int) -> None:
        if Path(f"/proc/self/fd/{number}").readlink().is_relative_to(folder):
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(number)

    monkeypatch.setattr(os, "fsync", fsync)


on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@on_linux
def test_full_disk_keeps_the_old_file_and_saves_the_new_file_elsewhere(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "desk" / "plan.xlsx"
    write_atomic(path, b"old")
    simulate_full_disk(path.parent, monkeypatch)
    with pytest.raises(FileError, match=r"plan\.xlsx: cannot be written: No space left on device") as caught:
        write_atomic(path, b"new")
    assert caught.value.exit_code == FILE_TROUBLE == 8
    assert path.read_bytes() == b"old" and names_in(path.parent) == ["plan.xlsx"]
    kept = Path(str(caught.value).rpartition("kept in ")[2])
    assert kept.is_relative_to(temporary) and kept.read_bytes() == b"new"


def test_file_that_cannot_be_replaced_is_kept_and_the_new_file_is_saved_beside_it(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_atomic(tmp_path / "plan.xlsx", b"old")
    replace = Path.replace

    def rejected(source: Path, target: Path) -> Path:
        if target == path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", rejected)
    with pytest.raises(FileError, match=r"kept in .*plan-2\.xlsx"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old" and (tmp_path / "plan-2.xlsx").read_bytes() == b"new"
    with pytest.raises(FileError, match=r"kept in .*plan-3\.xlsx"):
        write_atomic(path, b"newer")
    assert not list(temporary.iterdir()) and not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("name", ["x" * 300 + ".xlsx", "/".join(["y" * 200] * 25) + "/plan.xlsx", "file/plan.xlsx"])
def test_invalid_path_raises_a_file_error_and_the_result_is_saved_elsewhere(
    name: str, tmp_path: Path, temporary: Path
) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(FileError, match="cannot be written") as caught:
        write_atomic(tmp_path / name, b"new")
    assert Path(str(caught.value).rpartition("kept in ")[2]).read_bytes() == b"new"
    assert (tmp_path / "file").read_bytes() == b"in the way"


def test_error_states_that_the_file_could_not_be_saved_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rejected(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, "fsync", rejected)
    with pytest.raises(FileError, match="could not be kept elsewhere"):
        write_atomic(tmp_path / "plan.xlsx", b"new")


def test_temporary_files_of_ended_processes_are_removed_and_others_are_kept(tmp_path: Path, ended_pid: int) -> None:
    removed_names = [temporary_name_of(ended_pid, "plan.xlsx", "part")]
    kept_names = [
        temporary_name_of(os.getppid(), "plan.xlsx", "part"),
        temporary_name_of(ended_pid, "plan.xlsx.b", "part"),
        ".plan.xlsx.x.part",
    ]
    kept_names.append(temporary_name_of(ended_pid, "plan.xlsx", "part").replace(host_name(), "another"))
    for name in (*removed_names, *kept_names):
        (tmp_path / name).write_bytes(b"half")
    write_atomic(tmp_path / "plan.xlsx", b"new")
    assert names_in(tmp_path) == sorted([*kept_names, "plan.xlsx"])


def test_interruption_removes_unfinished_files_and_folders(tmp_path: Path) -> None:
    with temporary_path(tmp_path / "folder") as folder, temporary_path(tmp_path / "file") as file:
        folder.mkdir()
        (folder / "inside").write_bytes(b"half")
        file.write_bytes(b"half")
        remove_temporary_paths()
        assert not list(tmp_path.iterdir())


def test_interruption_or_exit_removes_new_folders_that_are_empty(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with folder_for(tmp_path / "there" / "new" / "newer" / "file"), folder_for(tmp_path / "full" / "empty" / "file"):
        assert (tmp_path / "there" / "new" / "newer").is_dir()
        (tmp_path / "full" / "file").touch()
        remove_temporary_paths()
        assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "full", "there"]
    with folder_for(tmp_path / "new" / "file"):
        pass
    with folder_for(tmp_path / "kept" / "file"):
        (tmp_path / "kept" / "file").touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "kept", "there"]


def test_interrupt_is_deferred_until_the_outermost_block_ends() -> None:
    done = []
    assert not defer_interrupt()
    with pytest.raises(KeyboardInterrupt), deferred_signals():
        with deferred_signals():
            assert defer_interrupt()
            done.append("the inner one")
        done.append("the outer one")
    assert done == ["the inner one", "the outer one"]
    with deferred_signals():
        done.append("nothing waits any more")
    with pytest.raises(KeyboardInterrupt), deferred_signals():
        assert defer_interrupt()
        raise OSError


@pytest.mark.slow
@on_linux
def test_full_disk_keeps_the_old_run_and_saves_the_new_run_elsewhere(
    small_plan: Plan, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small_plan.to_folder(tmp_path / "desk" / "run")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    simulate_full_disk(folder.parent, monkeypatch)
    with pytest.raises(FileError, match="No space left on device; the run is kept in") as caught:
        small_plan.to_folder(folder, force=True)
    kept = Path(str(caught.value).rpartition("kept in ")[2])
    outputs = json.loads((kept / "manifest.json").read_text(encoding="utf-8"))["outputs"]
    assert outputs and kept.is_relative_to(temporary)
    for name, sha in outputs.items():
        assert hashlib.sha256((kept / name).read_bytes()).hexdigest() == sha
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert names_in(folder.parent) == ["run"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["z" * 300, "z" * 250])
def test_long_name_of_a_run_folder_is_written_or_rejected(
    name: str, small_plan: Plan, tmp_path: Path, temporary: Path
) -> None:
    if len(name) < 256:  # longer names of temporary files are shortened
        assert (small_plan.to_folder(tmp_path / name) / "plan.json").is_file()
        return
    with pytest.raises(FileError, match="File name too long"):
        small_plan.to_folder(tmp_path / name)


def test_old_run_set_aside_by_an_ended_process_is_restored(tmp_path: Path, ended_pid: int) -> None:
    aside = tmp_path / temporary_name_of(ended_pid, "run", "old")
    half = tmp_path / temporary_name_of(ended_pid, "run", "part")
    for each, content in ((aside, "whole"), (half, "half")):
        each.mkdir()
        (each / "manifest.json").write_text(content, encoding="utf-8")
    remove_temporary_files(tmp_path / "run")
    assert (tmp_path / "run" / "manifest.json").read_text(encoding="utf-8") == "whole"
    assert names_in(tmp_path) == ["run"]


@pytest.mark.slow
def test_old_run_is_set_aside_and_restored_without_an_atomic_exchange(
    small_plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small_plan.to_folder(tmp_path / "run")
    (folder / "solver.log").write_text("of the old run", encoding="utf-8")
    monkeypatch.setattr("ccs_model.runs.folder_writer.exchange_folders", lambda one, other: False)
    small_plan.to_folder(folder, force=True)
    assert (folder / "solver.log").read_text(encoding="utf-8") != "of the old run"
    assert names_in(tmp_path) == ["run"]

    rename = Path.rename

    def rejected(source: Path, target: Path) -> Path:
        if source.name.endswith(".part"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return rename(source, target)

    (folder / "solver.log").write_text("of the run before", encoding="utf-8")
    monkeypatch.setattr(Path, "rename", rejected)
    with pytest.raises(FileError, match="Permission denied; the run could not be kept"):
        small_plan.to_folder(folder, force=True)
    assert (folder / "solver.log").read_text(encoding="utf-8") == "of the run before"
    assert names_in(tmp_path) == ["run"]


@on_linux
def test_exchange_folders_swaps_two_folders(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if not exchange_folders(tmp_path / "one", tmp_path / "other"):
        pytest.skip("this file system cannot do that")
    assert (tmp_path / "one" / "other").is_file() and (tmp_path / "other" / "one").is_file()
    assert not exchange_folders(tmp_path / "one", tmp_path / "nowhere")
