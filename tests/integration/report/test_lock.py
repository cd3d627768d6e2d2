"""The lock of a run folder: its holder, disks without locks, and lock files that disappear."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from ccs_model.atomic_files import host_name
from ccs_model.errors import FileError
from ccs_model.runs import folder_writer
from ccs_model.runs.folder_writer import holder_path, lock_path, locked


def held_by(folder: Path, **holder: object) -> Path:
    """Write the file that names a holder."""
    path = holder_path(folder)
    path.write_text(json.dumps({"since": "2026-01-01T00:00:00+00:00", **holder}), encoding="utf-8")
    return path


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without locks, as some network disks are."""

    def unsupported(lock: FileLock, **_: bool) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(folder_writer.FileLock, "acquire", unsupported)


def test_a_second_process_does_not_wait_and_names_the_holder(tmp_path: Path) -> None:
    with locked(tmp_path / "run"):
        with pytest.raises(FileError) as caught, locked(tmp_path / "run"):
            raise AssertionError("both hold it")
        assert f"process {os.getpid()} on {host_name()} has been writing this run since " in str(caught.value)
        assert "delete" not in str(caught.value)
        # The holder's file may be unreadable or not written yet.
        holder_path(tmp_path / "run").write_text("", encoding="utf-8")
        with (
            pytest.raises(FileError, match=r"another process is writing this run \(\.run\.lock is locked\)"),
            locked(tmp_path / "run"),
        ):
            raise AssertionError("both hold it")
    assert not list(tmp_path.iterdir())


def test_a_refused_process_leaves_the_lock_to_its_holder(tmp_path: Path) -> None:
    with locked(tmp_path / "run"):
        for _ in range(2):
            with pytest.raises(FileError, match=f"process {os.getpid()} on "), locked(tmp_path / "run"):
                raise AssertionError("both hold it")
        assert lock_path(tmp_path / "run").exists() and holder_path(tmp_path / "run").exists()


def test_without_locks_only_a_living_holder_protects_the_folder(tmp_path: Path, without_locks: None) -> None:
    held_by(tmp_path / "run", pid=os.getppid(), host=host_name())
    with pytest.raises(FileError, match=f"process {os.getppid()} on "), locked(tmp_path / "run"):
        raise AssertionError("its holder lives")
    # No process has such an id.
    held_by(tmp_path / "run", pid=2**22 + 1, host=host_name())
    with locked(tmp_path / "run"):
        assert json.loads(holder_path(tmp_path / "run").read_text(encoding="utf-8"))["pid"] == os.getpid()
    held_by(tmp_path / "run", pid=0, host=host_name())
    with locked(tmp_path / "run"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_container_takes_over_the_lock_of_a_killed_one_on_the_same_system(tmp_path: Path) -> None:
    if not folder_writer.boot_id():
        pytest.skip("the system does not name its start")
    held_by(tmp_path / "run", pid=1, host="pod-1", boot=folder_writer.boot_id())
    with locked(tmp_path / "run"):
        pass
    assert not list(tmp_path.iterdir())


def test_the_lock_of_another_machine_stands_until_somebody_deletes_it(tmp_path: Path) -> None:
    path = held_by(tmp_path / "run", pid=1, host="elsewhere")
    with pytest.raises(FileError) as caught, locked(tmp_path / "run"):
        raise AssertionError("its holder may live")
    assert "process 1 on elsewhere has been writing this run since 2026-01-01" in str(caught.value)
    assert str(caught.value).endswith(f"; if it has ended there, delete {path}")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_another_process_removes_is_made_again_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, acquire, n = tmp_path / "runs" / "run", FileLock.acquire, 0

    def removed(lock: FileLock, **how: Any) -> Any:
        nonlocal n
        n += 1
        if n <= most:
            (tmp_path / "runs").rmdir()
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return acquire(lock, **how)

    monkeypatch.setattr(folder_writer.FileLock, "acquire", removed)
    most = 2
    with locked(folder):
        assert n == 3
    most = 1_000
    with pytest.raises(FileError, match="run: cannot be written: No such file or directory"), locked(folder):
        raise AssertionError("there is no folder")


def test_a_lock_file_that_disappears_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    acquire, n = FileLock.acquire, 0

    def late(lock: FileLock, **how: Any) -> Any:
        nonlocal n
        n += 1
        if n == 1:  # its holder has just ended
            raise folder_writer.Timeout(lock.lock_file)
        return acquire(lock, **how)

    monkeypatch.setattr(folder_writer.FileLock, "acquire", late)
    with locked(tmp_path / "run"):
        assert n == 2 and json.loads(holder_path(tmp_path / "run").read_text(encoding="utf-8"))["pid"] == os.getpid()


def test_a_lock_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    lock_path(tmp_path / "run").mkdir()
    with pytest.raises(FileError, match="run: cannot be written: Is a directory"), locked(tmp_path / "run"):
        raise AssertionError("there is no file")
