"""The lock of a run folder: its holder, file systems without locks, and lock files that disappear."""

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
from ccs_model.runs.folder_writer import hold_lock, holder_path, lock_path


def write_holder(folder: Path, **holder: object) -> Path:
    """Write the holder file of a folder and return its path."""
    path = holder_path(folder)
    path.write_text(json.dumps({"since": "2026-01-01T00:00:00+00:00", **holder}), encoding="utf-8")
    return path


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks, as on some network drives."""

    def unsupported(lock: FileLock, **_: bool) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(folder_writer.FileLock, "acquire", unsupported)


def test_second_lock_fails_at_once_and_names_the_holder(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "run"):
        with pytest.raises(FileError) as caught, hold_lock(tmp_path / "run"):
            raise AssertionError("both processes hold the lock")
        assert f"process {os.getpid()} on {host_name()} has been writing this run since " in str(caught.value)
        assert "delete" not in str(caught.value)
        # The holder file may be unreadable or not yet written.
        holder_path(tmp_path / "run").write_text("", encoding="utf-8")
        with (
            pytest.raises(FileError, match=r"another process is writing this run \(\.run\.lock is locked\)"),
            hold_lock(tmp_path / "run"),
        ):
            raise AssertionError("both processes hold the lock")
    assert not list(tmp_path.iterdir())


def test_failed_attempts_keep_the_lock_of_the_holder(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "run"):
        for _ in range(2):
            with pytest.raises(FileError, match=f"process {os.getpid()} on "), hold_lock(tmp_path / "run"):
                raise AssertionError("both processes hold the lock")
        assert lock_path(tmp_path / "run").exists() and holder_path(tmp_path / "run").exists()


def test_only_a_running_holder_protects_a_folder_without_locks(
    tmp_path: Path, ended_pid: int, without_locks: None
) -> None:
    write_holder(tmp_path / "run", pid=os.getppid(), host=host_name())
    with pytest.raises(FileError, match=f"process {os.getppid()} on "), hold_lock(tmp_path / "run"):
        raise AssertionError("the holder is still running")
    write_holder(tmp_path / "run", pid=ended_pid, host=host_name())
    with hold_lock(tmp_path / "run"):
        assert json.loads(holder_path(tmp_path / "run").read_text(encoding="utf-8"))["pid"] == os.getpid()
    write_holder(tmp_path / "run", pid=0, host=host_name())
    with hold_lock(tmp_path / "run"):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["", "{", "[]", None])
def test_lock_of_an_ended_process_is_taken_over(tmp_path: Path, ended_pid: int, content: str | None) -> None:
    holder = write_holder(tmp_path / "run", pid=ended_pid, host=host_name())
    if content is not None:
        holder.write_text(content, encoding="utf-8")
    with hold_lock(tmp_path / "run"):
        assert json.loads(holder.read_text(encoding="utf-8"))["pid"] == os.getpid()
    assert not list(tmp_path.iterdir())


def test_container_takes_over_the_lock_of_a_killed_container_on_the_same_system(tmp_path: Path) -> None:
    if not folder_writer.boot_id():
        pytest.skip("the system has no boot id")
    write_holder(tmp_path / "run", pid=1, host="pod-1", boot=folder_writer.boot_id())
    with hold_lock(tmp_path / "run"):
        pass
    assert not list(tmp_path.iterdir())


def test_lock_of_another_machine_is_kept_and_the_error_says_how_to_delete_it(tmp_path: Path) -> None:
    path = write_holder(tmp_path / "run", pid=1, host="elsewhere")
    with pytest.raises(FileError) as caught, hold_lock(tmp_path / "run"):
        raise AssertionError("the holder may still be running")
    assert "process 1 on elsewhere has been writing this run since 2026-01-01" in str(caught.value)
    assert str(caught.value).endswith(f"; if it has ended there, delete {path}")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_folder_removed_by_another_process_is_recreated_a_limited_number_of_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, acquire, n_attempts = tmp_path / "runs" / "run", FileLock.acquire, 0

    def acquire_in_removed_folder(lock: FileLock, **options: Any) -> Any:
        nonlocal n_attempts
        n_attempts += 1
        if n_attempts <= n_failures:
            (tmp_path / "runs").rmdir()
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return acquire(lock, **options)

    monkeypatch.setattr(folder_writer.FileLock, "acquire", acquire_in_removed_folder)
    n_failures = 2
    with hold_lock(folder):
        assert n_attempts == 3
    n_failures = 1_000
    with pytest.raises(FileError, match="run: cannot be written: No such file or directory"), hold_lock(folder):
        raise AssertionError("the folder does not exist")


def test_lock_is_acquired_again_if_the_lock_file_disappears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    acquire, n_attempts = FileLock.acquire, 0

    def acquire_after_timeout(lock: FileLock, **options: Any) -> Any:
        nonlocal n_attempts
        n_attempts += 1
        if n_attempts == 1:  # the holder has just ended
            raise folder_writer.Timeout(lock.lock_file)
        return acquire(lock, **options)

    monkeypatch.setattr(folder_writer.FileLock, "acquire", acquire_after_timeout)
    with hold_lock(tmp_path / "run"):
        assert (
            n_attempts == 2
            and json.loads(holder_path(tmp_path / "run").read_text(encoding="utf-8"))["pid"] == os.getpid()
        )


def test_lock_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    lock_path(tmp_path / "run").mkdir()
    with pytest.raises(FileError, match="run: cannot be written: "), hold_lock(tmp_path / "run"):
        raise AssertionError("a folder has the name of the lock file")


def test_lock_below_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="cannot be written"), hold_lock(tmp_path / "file" / "run"):
        raise AssertionError("the folder does not exist")
