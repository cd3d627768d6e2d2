"""Missing resources of the system are reported with an exit code, and not as internal errors."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ccs_model.cli import outcome_of
from tests.paths import ROOT

from .conftest import Workspace

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="devices and limits of Linux")


def shell(line: str, folder: Path) -> tuple[int, str]:
    """Return exit code and stderr of a line of bash, in which $C is the command."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "C": f"{sys.executable} -m ccs_model"}
    ended = subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in ended.stderr and "internal error" not in ended.stderr, ended.stderr
    assert "Exception ignored" not in ended.stderr
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("words", ["schema", "--help"])
def test_a_full_device_as_output_is_a_file_error(words: str, tmp_path: Path) -> None:
    code, message = shell(f"$C {words} > /dev/full", tmp_path)
    assert (code, message) == (8, "ccs-model: cannot write the output: No space left on device\n")


@pytest.mark.parametrize("words", ["schema", "optimize --help", "data"])
def test_a_closed_output_ends_the_command_with_success(words: str, tmp_path: Path) -> None:
    assert shell(f"$C {words} | true; exit ${{PIPESTATUS[0]}}", tmp_path) == (0, "")


def test_an_unbuffered_output_is_written_completely_or_reported(tmp_path: Path) -> None:
    # One write to a file at its limit takes a part of the text and reports no error.
    line = "export PYTHONUNBUFFERED=1; ulimit -f 4; $C schema > out"
    assert shell(line, tmp_path) == (8, "ccs-model: cannot write the output: File too large\n")
    assert shell("$C schema > whole; PYTHONUNBUFFERED=1 $C schema > out; cmp whole out", tmp_path) == (0, "")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "gbk", "ascii"])
def test_characters_that_the_output_cannot_encode_are_escaped_in_json_and_replaced_in_text(
    encoding: str, tmp_path: Path
) -> None:
    code, message = shell(f"export PYTHONIOENCODING={encoding}; $C data plants/steel --json > out", tmp_path)
    assert (code, message) == (0, "")
    rows = json.loads((tmp_path / "out").read_bytes().decode("ascii"))["rows"]
    assert any(not str(row).isascii() for row in rows)
    assert shell(f"PYTHONIOENCODING={encoding} $C data plants/steel > out", tmp_path) == (0, "")
    assert (tmp_path / "out").read_bytes().count(b"\n") > 10


INTERRUPTED = """
import atexit, os, signal, sys, time
import ccs_model.cli
from ccs_model.__main__ import main
from ccs_model.atomic_files import interrupted_code
def interrupted(**_):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    except KeyboardInterrupt:
        print("kept", end="")
        return interrupted_code()
ccs_model.cli.group.main = interrupted
atexit.register(print, "the interpreter has ended, with which a solver thread aborts")
main()
"""


def test_an_interrupted_command_ends_without_waiting_for_solver_threads(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout, ended.stderr) == (143, "kept", "")


def test_errors_that_cannot_be_printed_keep_their_exit_code(tmp_path: Path) -> None:
    assert shell("$C check none.yaml 2> /dev/full", tmp_path)[0] == 8
    assert shell("$C none 2> /dev/full", tmp_path)[0] == 2


@pytest.mark.parametrize("words", ["check s.yaml", "init x"])
def test_a_deleted_working_folder_is_reported(words: str, tmp_path: Path) -> None:
    code, message = shell(f"mkdir gone; cd gone; rmdir ../gone; $C {words}", tmp_path)
    assert code == 8 and "the current folder does not exist" in message


@pytest.mark.parametrize("kilobytes", [60_000, 300_000])
def test_too_little_memory_is_reported(kilobytes: int, workspace: Workspace) -> None:
    code, message = shell(f"ulimit -v {kilobytes}; $C check s.yaml", workspace.folder)
    assert code == 6 and "ccs-model: not enough memory" in message, message


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(), 6),
        (ImportError("libscipy.so: failed to map segment from shared object"), 6),
        (RuntimeError("can't start new thread"), 6),
        (OSError(12, "Cannot allocate memory"), 6),
        (OSError(5, "Input/output error", "plan.json"), 8),
        (PermissionError(13, "Permission denied", "a"), 8),
        (RuntimeError("Symlink loop from 'a'"), 8),
        (ImportError("no module named x"), 1),
        (RuntimeError("a bug"), 1),
    ],
)
def test_system_errors_have_their_documented_exit_codes(error: Exception, code: int) -> None:
    found, message = outcome_of(error)
    assert found == code and message.startswith("ccs-model: ") and ("internal" in message) == (code == 1)


@pytest.mark.parametrize(
    "words",
    ["check {0}", "init {0}", "init {0}/x", "calibrate --data {0}", "optimize s.yaml --out {0}", "verify {0}",
     "replay {0}", "near-optimal {0}", "sweep merge {0}", "import gem {0} -o x", "import simccs {0} -o x --mode price",
     "frontier s.yaml --run {0}", "report {0}", "explain {0} M1", "sweep s.yaml --list {0}", "check {0} --upgrade x"],
)  # fmt: skip
def test_a_symlink_loop_is_a_file_input_or_usage_error(workspace: Workspace, words: str) -> None:
    (workspace.folder / "loop").symlink_to("loop")
    answer = workspace.run(*words.format("loop").split())
    assert answer.code in ((2, 8) if "--run" in words else (3, 8) if "simccs" in words else (8,)), answer.err


def test_shared_memory_that_cannot_be_written_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    # Semaphores shared by processes are files in /dev/shm; the error of the system names no file.
    monkeypatch.setattr("os.access", lambda *_: False)
    code, text = outcome_of(OSError(errno.EROFS, "Read-only file system"))
    assert (code, text) == (8, "ccs-model: /dev/shm, which several processes need: Read-only file system")
