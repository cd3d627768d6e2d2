"""Files and run folders appear whole or not at all; what cannot be written where it was meant to is kept elsewhere."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
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
from ccs_model.runs import folder_writer
from ccs_model.runs.folder_writer import holder_path, locked, remove_temporary_files


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(scope="module")
def dead() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def left_by(pid: int, name: str, kind: str) -> str:
    return temporary_name(kind, name).replace(f"-{os.getpid()}-", f"-{pid}-")


def full_below(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full: nothing below `folder` can be flushed to it."""
    sync = os.fsync

    def fsync(number: int) -> None:
        if Path(f"/proc/self/fd/{number}").readlink().is_relative_to(folder):
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(number)

    monkeypatch.setattr(os, "fsync", fsync)


on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks files up in /proc")


@on_linux
def test_on_a_full_disk_the_old_file_stays_and_the_new_one_is_kept_where_there_is_room(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "desk" / "plan.xlsx"
    write_atomic(path, b"old")
    full_below(path.parent, monkeypatch)
    with pytest.raises(FileError, match=r"plan\.xlsx: cannot be written: No space left on device") as caught:
        write_atomic(path, b"new")
    assert caught.value.exit_code == FILE_TROUBLE == 8
    assert path.read_bytes() == b"old" and names_in(path.parent) == ["plan.xlsx"]
    kept = Path(str(caught.value).rpartition("kept in ")[2])
    assert kept.is_relative_to(temporary) and kept.read_bytes() == b"new"


def test_a_file_that_is_open_elsewhere_is_left_alone_and_the_new_one_stands_beside_it(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_atomic(tmp_path / "plan.xlsx", b"old")
    replace = Path.replace

    def rejected(made: Path, target: Path) -> Path:
        if target == path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return replace(made, target)

    monkeypatch.setattr(Path, "replace", rejected)
    with pytest.raises(FileError, match=r"kept in .*plan-2\.xlsx"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old" and (tmp_path / "plan-2.xlsx").read_bytes() == b"new"
    with pytest.raises(FileError, match=r"kept in .*plan-3\.xlsx"):
        write_atomic(path, b"newer")
    assert not list(temporary.iterdir()) and not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("name", ["x" * 300 + ".xlsx", "/".join(["y" * 200] * 25) + "/plan.xlsx", "file/plan.xlsx"])
def test_a_path_that_cannot_be_is_an_error_of_files_and_the_result_is_kept(
    name: str, tmp_path: Path, temporary: Path
) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(FileError, match="cannot be written") as caught:
        write_atomic(tmp_path / name, b"new")
    assert Path(str(caught.value).rpartition("kept in ")[2]).read_bytes() == b"new"
    assert (tmp_path / "file").read_bytes() == b"in the way"


def test_where_nothing_has_room_the_message_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rejected(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, "fsync", rejected)
    with pytest.raises(FileError, match="could not be kept elsewhere"):
        write_atomic(tmp_path / "plan.xlsx", b"new")


def test_what_dead_processes_left_goes_and_what_living_ones_make_stays(tmp_path: Path, dead: int) -> None:
    removed = [left_by(dead, "plan.xlsx", "part")]
    stay = [left_by(os.getppid(), "plan.xlsx", "part"), left_by(dead, "plan.xlsx.b", "part"), ".plan.xlsx.x.part"]
    stay.append(left_by(dead, "plan.xlsx", "part").replace(host_name(), "another"))
    for name in (*removed, *stay):
        (tmp_path / name).write_bytes(b"half")
    write_atomic(tmp_path / "plan.xlsx", b"new")
    assert names_in(tmp_path) == sorted([*stay, "plan.xlsx"])


def test_an_interruption_takes_away_what_is_not_finished(tmp_path: Path) -> None:
    with temporary_path(tmp_path / "folder") as folder, temporary_path(tmp_path / "file") as file:
        folder.mkdir()
        (folder / "inside").write_bytes(b"half")
        file.write_bytes(b"half")
        remove_temporary_paths()
        assert not list(tmp_path.iterdir())


def test_an_interruption_takes_away_folders_that_were_made_for_nothing(tmp_path: Path) -> None:
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


def test_an_interruption_waits_for_a_step_that_must_not_be_cut_in_two() -> None:
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
def test_a_run_that_finds_no_room_is_kept_elsewhere_and_the_old_one_stays(
    small_plan: Plan, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small_plan.to_folder(tmp_path / "desk" / "run")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    full_below(folder.parent, monkeypatch)
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
def test_a_long_name_of_a_run_folder(name: str, small_plan: Plan, tmp_path: Path, temporary: Path) -> None:
    if len(name) < 256:  # the names beside it, which are longer, are cut
        assert (small_plan.to_folder(tmp_path / name) / "plan.json").is_file()
        return
    with pytest.raises(FileError, match="File name too long"):
        small_plan.to_folder(tmp_path / name)


def test_an_old_run_that_had_stepped_aside_comes_back(tmp_path: Path, dead: int) -> None:
    aside = tmp_path / left_by(dead, "run", "old")
    half = tmp_path / left_by(dead, "run", "part")
    for each, words in ((aside, "whole"), (half, "half")):
        each.mkdir()
        (each / "manifest.json").write_text(words, encoding="utf-8")
    remove_temporary_files(tmp_path / "run")
    assert (tmp_path / "run" / "manifest.json").read_text(encoding="utf-8") == "whole"
    assert names_in(tmp_path) == ["run"]


@pytest.mark.slow
def test_without_an_exchange_in_one_step_the_old_run_steps_aside(
    small_plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small_plan.to_folder(tmp_path / "run")
    (folder / "solver.log").write_text("of the old run", encoding="utf-8")
    monkeypatch.setattr("ccs_model.runs.folder_writer.exchange_folders", lambda one, other: False)
    small_plan.to_folder(folder, force=True)
    assert (folder / "solver.log").read_text(encoding="utf-8") != "of the old run"
    assert names_in(tmp_path) == ["run"]

    rename = Path.rename

    def rejected(made: Path, target: Path) -> Path:
        if made.name.endswith(".part"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return rename(made, target)

    (folder / "solver.log").write_text("of the run before", encoding="utf-8")
    monkeypatch.setattr(Path, "rename", rejected)
    with pytest.raises(FileError, match="Permission denied; the run could not be kept"):
        small_plan.to_folder(folder, force=True)
    assert (folder / "solver.log").read_text(encoding="utf-8") == "of the run before"
    assert names_in(tmp_path) == ["run"]


@on_linux
def test_two_folders_change_places_in_one_step(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if not exchange_folders(tmp_path / "one", tmp_path / "other"):
        pytest.skip("this file system cannot do that")
    assert (tmp_path / "one" / "other").is_file() and (tmp_path / "other" / "one").is_file()
    assert not exchange_folders(tmp_path / "one", tmp_path / "nowhere")


def test_a_lock_names_its_holder_and_goes_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "mine"
    with locked(folder):
        words = json.loads(holder_path(folder).read_text(encoding="utf-8"))
        assert words["pid"] == os.getpid() and words["host"] == host_name()
        who = rf"mine: process {os.getpid()} on {host_name()} has been writing this run since {words['since'][:10]}"
        with pytest.raises(FileError, match=who), locked(folder):
            pass
    assert not list(tmp_path.iterdir())


def test_the_lock_of_a_dead_process_is_taken_over_and_that_of_another_machine_is_not(tmp_path: Path, dead: int) -> None:
    lock = holder_path(tmp_path / "mine")
    of_the_dead = {"pid": dead, "host": host_name(), "since": "2026-01-01T00:00:00+00:00"}
    for words in ("", "{", "[]", json.dumps(of_the_dead)):
        lock.write_text(words, encoding="utf-8")
        with locked(tmp_path / "mine"):
            assert json.loads(lock.read_text(encoding="utf-8"))["pid"] == os.getpid()
        assert not lock.exists()
    lock.write_text(json.dumps(of_the_dead | {"host": "node7"}), encoding="utf-8")
    with (
        pytest.raises(FileError, match=r"on node7 has been .* since 2026-01-01.* delete .*\.mine\.holder"),
        locked(tmp_path / "mine"),
    ):
        pass
    assert lock.exists()


def without_locks(lock: folder_writer.FileLock, **_: bool) -> None:
    """A network disk without locks."""
    raise OSError(errno.EOPNOTSUPP, "Operation not supported")


def test_on_a_disk_without_locks_the_holder_file_protects_the_folder(
    tmp_path: Path, dead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_writer.FileLock, "acquire", without_locks)
    lock = holder_path(tmp_path / "mine")
    for pid, is_free in ((dead, True), (os.getppid(), False)):
        lock.write_text(json.dumps({"pid": pid, "host": host_name(), "since": "now"}), encoding="utf-8")
        if is_free:
            with locked(tmp_path / "mine"):
                pass
        else:
            with pytest.raises(FileError, match=f"process {pid} on"), locked(tmp_path / "mine"):
                pass


def test_a_lock_that_cannot_be_made_is_an_error_of_files(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="cannot be written"), locked(tmp_path / "file" / "run"):
        pass
