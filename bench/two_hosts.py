"""`python -m bench.two_hosts [--rounds 100]`: two machines that write one run folder on a common disk.

The machines are processes in name spaces of their own for the host name and the process ids, so that neither finds the
processes of the other. The disk is common. Its locks are tested in three ways: `shared` as on one machine, `local` as
on a network disk that keeps the locks of each machine to itself, and `none` as on a disk that refuses them.

For each of the three:

- one machine holds the folder; a command of the other must end with exit code 8, name the holder, and write nothing;
- the holder is killed; a command of its own machine must then write the run, and with shared locks one of the other;
- in each round both write the folder at the same moment. One must succeed and the other be refused, the folder must
  hold the run of the former, and no temporary name may be left.

Prints one JSON object. Needs Linux, root and `unshare` of util-linux. Exit codes: 0 as expected, 1 not, 2 usage or a
missing privilege.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bench.crash_tests import ROOT, hashes
from ccs_model.errors import FILE_TROUBLE, FileError
from tests.small_scenario import SMALL_TEXT

HOSTS = ("alpha", "beta")
LOCKS = ("shared", "local", "none")
_FILES = 20


def say(words: str) -> None:
    """Print at once."""
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def set_locks(kind: str) -> None:
    """Give this process a disk with the locks of `kind`; for the processes of a machine."""
    import fcntl

    from ccs_model.atomic_files import host_name
    from ccs_model.runs import folder_writer

    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    if kind != "shared":
        fcntl.flock = refuse if kind == "none" else lambda *_: None
        # Two machines, not two containers on one.
        vars(folder_writer)["boot_id"] = host_name


def act(kind: str, arguments: list[str]) -> int:
    """Be a process of a machine: `hold FOLDER`, `write FOLDER ROUNDS START`, or a command of the program."""
    set_locks(kind)
    from ccs_model.__main__ import main as command_line
    from ccs_model.atomic_files import host_name
    from ccs_model.runs.folder_writer import hold_lock, write_files

    role, *values = arguments
    if role == "hold":
        with hold_lock(Path(values[0])):
            say("held")
            sys.stdin.read()
    elif role == "write":
        content = {f"{n}.txt": f"{host_name()}\n".encode() * 1000 for n in range(_FILES)} | {"manifest.json": b"{}"}
        for n in range(int(values[1])):
            # Both machines have the same clock.
            time.sleep(max(0.0, float(values[2]) + 0.1 * n - time.time()))
            try:
                write_files(content, Path(values[0]) / str(n))
                say("written")
            except FileError:
                say("refused")
    else:
        sys.argv = ["ccs-model", *arguments]
        command_line()
    return 0


def _start(host: str, kind: str, *arguments: str, cwd: Path) -> subprocess.Popen[str]:
    script = 'hostname "$1" && shift && exec "$@"'
    inner = [sys.executable, "-m", "bench.two_hosts", "--as", kind, "--", *arguments]
    command = ["unshare", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", script, "sh", host]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    return subprocess.Popen(command + inner, cwd=cwd, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def _command(host: str, kind: str, desk: Path) -> tuple[int, str]:
    process = _start(host, kind, "optimize", "small.yaml", "-q", "--out", "run", cwd=desk)
    _, errors = process.communicate()
    return process.returncode, errors


def held_elsewhere(kind: str, desk: Path) -> list[str]:
    """Test a folder that another machine holds, and then one whose holder was killed."""
    issues = []
    holder = _start(HOSTS[0], kind, "hold", str(desk / "run"), cwd=desk)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n", holder.communicate()
    code, errors = _command(HOSTS[1], kind, desk)
    if code != FILE_TROUBLE or f"on {HOSTS[0]} has been writing this run" not in errors or (desk / "run").exists():
        issues.append(f"{kind}: the folder of a running holder: exit code {code}, {errors.strip()[-200:]}")
    holder.kill()
    holder.communicate()
    code, errors = _command(HOSTS[1 if kind == "shared" else 0], kind, desk)
    if code or not hashes(desk / "run"):
        issues.append(f"{kind}: the folder of a killed holder: exit code {code}, {errors.strip()[-200:]}")
    return issues


def at_once(kind: str, desk: Path, rounds: int) -> tuple[Counter[str], list[str]]:
    """Let both machines write the same folders at the same moments."""
    issues, start = [], str(time.time() + 3.0)
    writers = [_start(host, kind, "write", str(desk / "race"), str(rounds), start, cwd=desk) for host in HOSTS]
    said = [writer.communicate()[0].split() for writer in writers]
    outcomes = Counter("+".join(sorted(pair)) for pair in zip(*said, strict=True))
    for n, pair in enumerate(zip(*said, strict=True)):
        written = {host for host, word in zip(HOSTS, pair, strict=True) if word == "written"}
        found = {line for path in (desk / "race" / str(n)).glob("*.txt") for line in path.read_text().split()}
        if len(written) != 1 or found != written:
            issues.append(f"{kind}: round {n}: {' and '.join(pair)}, files of {sorted(found)}")
    left = sorted(path.name for path in (desk / "race").iterdir() if not path.name.isdigit())
    if left or len(said[0]) != rounds:
        issues.append(f"{kind}: {len(said[0])} rounds, left {left}")
    return outcomes, issues


def main() -> int:
    """Test the three kinds of locks and print the counts."""
    parser = argparse.ArgumentParser(prog="python -m bench.two_hosts", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100, help="folders that both write at once, for each kind")
    parser.add_argument("--as", dest="kind", choices=LOCKS, help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.kind:
        return act(options.kind, options.arguments)
    probe = ["unshare", "--uts", "--pid", "--fork", "--mount-proc", "hostname", HOSTS[0]]
    if not shutil.which("unshare") or subprocess.run(probe, capture_output=True, check=False).returncode:
        sys.stderr.write("bench.two_hosts: needs Linux, root and unshare\n")
        return 2
    found: dict[str, Any] = {"rounds": {}, "issues": []}
    for kind in LOCKS:
        with tempfile.TemporaryDirectory(prefix="ccs-model-hosts-") as folder:
            desk = Path(folder)
            (desk / "small.yaml").write_text(SMALL_TEXT, encoding="utf-8")
            found["issues"] += held_elsewhere(kind, desk)
            outcomes, issues = at_once(kind, desk, options.rounds)
            found["rounds"][kind] = dict(outcomes)
            found["issues"] += issues
    say(json.dumps(found, indent=2))
    return int(bool(found["issues"]))


if __name__ == "__main__":
    sys.exit(main())
