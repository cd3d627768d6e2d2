"""The lock of a run folder where disks know none, and where its file is taken away at the same moment."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest

from ccs_model.atomic_files import host_name
from ccs_model.errors import FileError
from ccs_model.runs import run_lock as lock
from ccs_model.runs.run_lock import lock_path, locked


def held_by(folder: Path, **holder: object) -> Path:
    """A lock file that names a holder."""
    path = lock_path(folder)
    path.write_text(json.dumps({"since": "2026-01-01T00:00:00+00:00", **holder}), encoding="utf-8")
    return path


@pytest.fixture
def no_fixed_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that knows no locks, as some of networks."""

    def unknown(number: int, how: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unknown)


def test_a_second_of_one_machine_waits_for_nobody_and_says_whom(tmp_path: Path) -> None:
    with locked(tmp_path / "run"):
        with pytest.raises(FileError) as caught, locked(tmp_path / "run"):
            raise AssertionError("both hold it")
        assert f"process {os.getpid()} on {host_name()}, since " in str(caught.value)
        assert "delete" not in str(caught.value)
        # Whoever came second may not read the words of the first.
        lock_path(tmp_path / "run").write_text("", encoding="utf-8")
        with pytest.raises(FileError, match=r"another process is making this run \(\.run\.lock is locked\)"):
            lock._held(tmp_path / "run", lock_path(tmp_path / "run"))
    assert not list(tmp_path.iterdir())


def test_where_no_locks_are_the_words_guard_against_the_living_alone(tmp_path: Path, no_fixed_decisions: None) -> None:
    held_by(tmp_path / "run", pid=os.getppid(), host=host_name())
    with pytest.raises(FileError, match=f"process {os.getppid()} on "), locked(tmp_path / "run"):
        raise AssertionError("its holder lives")
    # No process has such an id.
    held_by(tmp_path / "run", pid=2**22 + 1, host=host_name())
    with locked(tmp_path / "run"):
        assert json.loads(lock_path(tmp_path / "run").read_text(encoding="utf-8"))["pid"] == os.getpid()
    held_by(tmp_path / "run", pid=0, host=host_name())
    with locked(tmp_path / "run"):
        pass
    assert not list(tmp_path.iterdir())


def test_another_machine_s_lock_stands_until_somebody_deletes_it(tmp_path: Path) -> None:
    path = held_by(tmp_path / "run", pid=1, host="elsewhere")
    with pytest.raises(FileError) as caught, locked(tmp_path / "run"):
        raise AssertionError("its holder may live")
    assert "process 1 on elsewhere, since 2026-01-01" in str(caught.value)
    assert str(caught.value).endswith(f"; if that machine no longer works on it, delete {path}")
    assert path.exists()


def test_a_file_that_goes_between_opening_and_locking_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, take, n = lock_path(tmp_path / "run"), lock._take, 0

    def late(number: int) -> bool | None:
        nonlocal n
        n += 1
        if n == 1:  # its holder ends now
            path.unlink()
        if n == 2:  # and another one has made it anew
            path.unlink()
            path.write_text("", encoding="utf-8")
        return take(number)

    monkeypatch.setattr(lock, "_take", late)
    with locked(tmp_path / "run"):
        assert n == 3 and json.loads(path.read_text(encoding="utf-8"))["pid"] == os.getpid()


def test_a_folder_that_another_takes_away_is_made_again_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, opened, n = tmp_path / "runs" / "run", os.open, 0

    def removed(path: Path, *how: int, **more: int) -> int:
        nonlocal n
        n += 1
        if n <= most:
            (tmp_path / "runs").rmdir()
        return opened(path, *how, **more)

    monkeypatch.setattr(os, "open", removed)
    most = 2
    with locked(folder):
        assert n == 3
    most = 1_000
    with pytest.raises(FileError, match="run: cannot be written: No such file or directory"), locked(folder):
        raise AssertionError("there is no folder")


def test_a_lock_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    lock_path(tmp_path / "run").mkdir()
    with pytest.raises(FileError, match="run: cannot be written: Is a directory"), locked(tmp_path / "run"):
        raise AssertionError("there is no file")
