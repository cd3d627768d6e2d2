"""`python -m bench.two_hosts [--rounds 100]`: two machines write one run folder on a shared disk.

The machines are processes in separate namespaces for host name and process ids, so that neither finds the processes of
the other. The locks of the shared disk are tested in three variants: `shared` as on one machine, `local` as on a
network disk that keeps the locks of each machine separate, and `none` as on a disk without lock support.

For each variant:

- One machine holds the folder. A command on the other must end with exit code 8, name the holder, and write nothing.
- The holder is killed. A command on the same machine must then write the run; with shared locks, one on the other.
- In each round both write the folder at the same time. One must succeed, the other must fail, the folder must hold
  the run of the former, and no temporary name may remain.

Prints one JSON object. Needs Linux, root, and `unshare` of util-linux. Exit codes: 0 as expected, 1 failures, 2 usage
error or missing privilege.
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

from bench.crash_tests import ROOT, file_hashes
from ccs_model.errors import FILE_TROUBLE, FileError
from tests.small_scenario import SMALL_TEXT

HOSTS = ("alpha", "beta")
LOCK_KINDS = ("shared", "local", "none")
_N_FILES = 20


def print_line(line: str) -> None:
    """Print a line without buffering."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def set_locks(lock_kind: str) -> None:
    """Simulate a disk with locks of the given kind in this process."""
    import fcntl

    from ccs_model.atomic_files import host_name
    from ccs_model.runs import folder_writer

    def raise_no_locks(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    if lock_kind != "shared":
        fcntl.flock = raise_no_locks if lock_kind == "none" else lambda *_: None
        # Two machines, not two containers on one machine.
        vars(folder_writer)["boot_id"] = host_name


def run_role(lock_kind: str, arguments: list[str]) -> int:
    """Run the role of a process: `hold FOLDER`, `write FOLDER ROUNDS START`, or a ccs-model command."""
    set_locks(lock_kind)
    from ccs_model.__main__ import main as command_line
    from ccs_model.atomic_files import host_name
    from ccs_model.runs.folder_writer import hold_lock, write_files

    role, *values = arguments
    if role == "hold":
        with hold_lock(Path(values[0])):
            print_line("held")
            sys.stdin.read()
    elif role == "write":
        files = {f"{n}.txt": f"{host_name()}\n".encode() * 1000 for n in range(_N_FILES)} | {"manifest.json": b"{}"}
        for n in range(int(values[1])):
            # Both machines have the same clock.
            time.sleep(max(0.0, float(values[2]) + 0.1 * n - time.time()))
            try:
                write_files(files, Path(values[0]) / str(n))
                print_line("written")
            except FileError:
                print_line("refused")
    else:
        sys.argv = ["ccs-model", *arguments]
        command_line()
    return 0


def _start_process(host: str, lock_kind: str, *arguments: str, cwd: Path) -> subprocess.Popen[str]:
    script = 'hostname "$1" && shift && exec "$@"'
    python_command = [sys.executable, "-m", "bench.two_hosts", "--as", lock_kind, "--", *arguments]
    command = ["unshare", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", script, "sh", host]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command + python_command, cwd=cwd, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )


def _run_command(host: str, lock_kind: str, workdir: Path) -> tuple[int, str]:
    process = _start_process(host, lock_kind, "optimize", "small.yaml", "-q", "--out", "run", cwd=workdir)
    _, errors = process.communicate()
    return process.returncode, errors


def check_lock_holder(lock_kind: str, workdir: Path) -> list[str]:
    """Test a folder that another machine holds, and then a folder whose holder was killed."""
    issues = []
    holder = _start_process(HOSTS[0], lock_kind, "hold", str(workdir / "run"), cwd=workdir)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n", holder.communicate()
    code, errors = _run_command(HOSTS[1], lock_kind, workdir)
    if code != FILE_TROUBLE or f"on {HOSTS[0]} has been writing this run" not in errors or (workdir / "run").exists():
        issues.append(f"{lock_kind}: the folder of a running holder: exit code {code}, {errors.strip()[-200:]}")
    holder.kill()
    holder.communicate()
    code, errors = _run_command(HOSTS[1 if lock_kind == "shared" else 0], lock_kind, workdir)
    if code or not file_hashes(workdir / "run"):
        issues.append(f"{lock_kind}: the folder of a killed holder: exit code {code}, {errors.strip()[-200:]}")
    return issues


def check_concurrent_writes(lock_kind: str, workdir: Path, rounds: int) -> tuple[Counter[str], list[str]]:
    """Let both machines write the same folders at the same time; return the outcomes and the issues."""
    issues, start = [], str(time.time() + 3.0)
    writers = [
        _start_process(host, lock_kind, "write", str(workdir / "race"), str(rounds), start, cwd=workdir)
        for host in HOSTS
    ]
    results = [writer.communicate()[0].split() for writer in writers]
    outcomes = Counter("+".join(sorted(pair)) for pair in zip(*results, strict=True))
    for n, pair in enumerate(zip(*results, strict=True)):
        written = {host for host, result in zip(HOSTS, pair, strict=True) if result == "written"}
        found_hosts = {line for path in (workdir / "race" / str(n)).glob("*.txt") for line in path.read_text().split()}
        if len(written) != 1 or found_hosts != written:
            issues.append(f"{lock_kind}: round {n}: {' and '.join(pair)}, files of {sorted(found_hosts)}")
    remaining = sorted(path.name for path in (workdir / "race").iterdir() if not path.name.isdigit())
    if remaining or len(results[0]) != rounds:
        issues.append(f"{lock_kind}: {len(results[0])} rounds, temporary files {remaining}")
    return outcomes, issues


def main() -> int:
    """Test the three lock kinds and print the counts."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.two_hosts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rounds", type=int, default=100, help="number of folders that both write concurrently, per lock kind"
    )
    parser.add_argument("--as", dest="lock_kind", choices=LOCK_KINDS, help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs="*", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.lock_kind:
        return run_role(args.lock_kind, args.arguments)
    probe = ["unshare", "--uts", "--pid", "--fork", "--mount-proc", "hostname", HOSTS[0]]
    if not shutil.which("unshare") or subprocess.run(probe, capture_output=True, check=False).returncode:
        sys.stderr.write("bench.two_hosts: needs Linux, root and unshare\n")
        return 2
    report: dict[str, Any] = {"rounds": {}, "issues": []}
    for lock_kind in LOCK_KINDS:
        with tempfile.TemporaryDirectory(prefix="ccs-model-hosts-") as folder:
            workdir = Path(folder)
            (workdir / "small.yaml").write_text(SMALL_TEXT, encoding="utf-8")
            report["issues"] += check_lock_holder(lock_kind, workdir)
            outcomes, issues = check_concurrent_writes(lock_kind, workdir, args.rounds)
            report["rounds"][lock_kind] = dict(outcomes)
            report["issues"] += issues
    print_line(json.dumps(report, indent=2))
    return int(bool(report["issues"]))


if __name__ == "__main__":
    sys.exit(main())
