"""`python -m bench.least_privilege [--shm] [-- COMMAND …]`: a command without privileges and network.

The command (default: `optimize small.yaml -q`) runs as the user `nobody`. Its network namespace has only a loopback
device that is down. In its mount namespace every file system is read-only, including the home folder and the folder of
the scenario; it may write only to the folder of the output and to TMPDIR. It may read every file, so that it finds the
program wherever it is installed. `--shm` adds an empty private /dev/shm, for the semaphores of commands with several
processes.

The command must end with exit code 0 and a run folder, and leave nothing in TMPDIR. Beforehand, a probe with the same
restrictions must be denied access to the home folder, the folder of the scenario, /tmp and the network.

Prints one JSON object. Needs Linux, root, and `unshare`, `setpriv` and `mount` of util-linux. Exit codes: 0 as
expected, 1 failures, 2 usage error or missing privilege.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.crash_tests import file_hashes
from tests.small_scenario import SMALL_TEXT

ROOT = Path(__file__).resolve().parents[1]
NOBODY = 65534
REQUIRED_PROGRAMS = ("unshare", "setpriv", "mount")
# $1 is the folder that remains writable. The user nobody cannot write to pseudo file systems that reject the remount.
SANDBOX_SCRIPT = """
mount --bind "$1" "$1"
while read -r _ _ _ _ place _; do
    [ "$place" = "$1" ] || mount -o remount,bind,ro "$place" 2>/dev/null
done < /proc/self/mountinfo
[ "$2" = shm ] && mount -t tmpfs tmpfs /dev/shm
shift 2
exec setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs --inh-caps=-all,+dac_read_search \\
    --ambient-caps=-all,+dac_read_search --bounding-set=-all,+dac_read_search "$@"
"""
PROBE_SCRIPT = """
import json, os, socket, sys
from pathlib import Path

def refusal(action):
    try:
        action()
    except OSError as error:
        return error.strerror or str(error)
    return ""

places = {"home": os.environ["HOME"], "scenario": ".", "tmp": "/tmp"}
found = {name: refusal((Path(place) / "probe").touch) for name, place in places.items()}
found["network"] = refusal(lambda: socket.create_connection(("192.0.2.1", 80), timeout=5))
print(json.dumps({"user": os.getuid(), "refused": found}))
"""


def missing_requirement() -> str:
    """Return the missing requirement, or an empty text."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "needs root on Linux"
    if absent := [name for name in REQUIRED_PROGRAMS if shutil.which(name) is None]:
        return f"needs {', '.join(absent)} of util-linux"
    completed = subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, text=True, check=False)
    return f"needs namespaces: {completed.stderr.strip()}" if completed.returncode else ""


class Sandbox:
    """A home folder and a scenario owned by root, and a folder owned by nobody for the output and TMPDIR."""

    def __init__(self, folder: Path, *, shm: bool = False) -> None:
        self.shm = "shm" if shm else "none"
        folder.chmod(0o755)
        self.work, self.home, self.writable = (folder / name for name in ("work", "home", "open"))
        self.runs, self.temporary = self.writable / "runs", self.writable / "tmp"
        for each in (self.work, self.home, self.writable, self.runs, self.temporary):
            each.mkdir()
        for each in (self.writable, self.runs, self.temporary):
            os.chown(each, NOBODY, NOBODY)
        (self.work / "small.yaml").write_text(SMALL_TEXT, encoding="utf-8")

    def run_limited(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command with restricted privileges."""
        environment = {
            "HOME": str(self.home), "TMPDIR": str(self.temporary), "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8",
        }  # fmt: skip
        prefix = ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", SANDBOX_SCRIPT]
        full_command = [*prefix, "sh", str(self.writable), self.shm, *command]
        return subprocess.run(full_command, cwd=self.work, env=environment, capture_output=True, text=True, check=False)


def run_in_sandbox(command: list[str], *, shm: bool = False) -> dict[str, object]:
    """Run the probe and the command; return the refusals of the probe and the result of the command."""
    with tempfile.TemporaryDirectory() as folder:
        sandbox = Sandbox(Path(folder), shm=shm)
        before = file_hashes(sandbox.work) | file_hashes(sandbox.home)
        probe = json.loads(sandbox.run_limited([sys.executable, "-c", PROBE_SCRIPT]).stdout)
        output = sandbox.runs / "answer"
        completed = sandbox.run_limited([sys.executable, "-m", "ccs_model", *command, "--out", str(output)])
        return {
            "command": command,
            "user": probe["user"],
            "refused": probe["refused"],
            "exit_code": completed.returncode,
            "errors": completed.stderr.splitlines()[-5:],
            "n_files": len(file_hashes(output)) if output.is_dir() else 0,
            "others": sorted(each.name for each in sandbox.runs.iterdir() if each != output),
            "left_in_tmpdir": sorted(str(each.relative_to(sandbox.temporary)) for each in sandbox.temporary.rglob("*")),
            "changed": sorted((before | file_hashes(sandbox.work) | file_hashes(sandbox.home)).keys() - before.keys()),
        }


def meets_expectations(report: dict[str, object]) -> bool:
    """Return whether all accesses of the probe were refused, and the command succeeded without other files."""
    refused = report["refused"]
    assert isinstance(refused, dict)
    leftover_lists = (report["others"], report["left_in_tmpdir"], report["changed"])
    return all(refused.values()) and report["exit_code"] == 0 and bool(report["n_files"]) and not any(leftover_lists)


def main() -> int:
    """Run the command and print one JSON object."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.least_privilege",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--shm", action="store_true", help="provide an empty writable /dev/shm")
    parser.add_argument(
        "command", nargs="*", default=["optimize", "small.yaml", "-q"], help="ccs-model command, after --"
    )
    args = parser.parse_args()
    if requirement := missing_requirement():
        sys.stderr.write(f"bench.least_privilege: {requirement}\n")
        return 2
    report = run_in_sandbox(args.command, shm=args.shm)
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
    return 0 if meets_expectations(report) else 1


if __name__ == "__main__":
    sys.exit(main())
