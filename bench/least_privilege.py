"""`python -m bench.least_privilege [--shm] [-- WORDS …]`: a command without privileges and network.

The command (`optimize small.yaml -q` unless other words follow) runs as the user `nobody`. Its network namespace holds
nothing but a loopback device that is down. In its mount namespace every file system is read-only, the home folder and
that of the scenario included; it may write in the folder of the output and in TMPDIR. It may read every file, so that
it finds the program wherever it is installed. `--shm` adds an empty /dev/shm of its own, for the semaphores of commands
with several processes.

The command must end with exit code 0 and a run folder, and leave nothing in TMPDIR. First, a probe with the same limits
must be refused the home folder, the folder of the scenario, /tmp and a connection.

Prints one JSON object. Needs Linux, root, and `unshare`, `setpriv` and `mount` of util-linux. Exit codes: 0 as
expected, 1 not, 2 usage or a missing privilege.
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

from bench.crash_tests import hashes
from tests.small_scenario import SMALL_TEXT

HOME = Path(__file__).resolve().parents[1]
NOBODY = 65534
NEEDED = ("unshare", "setpriv", "mount")
# $1 is the folder that stays writable. Pseudo file systems that refuse are not writable for nobody either.
SANDBOX = """
mount --bind "$1" "$1"
while read -r _ _ _ _ place _; do
    [ "$place" = "$1" ] || mount -o remount,bind,ro "$place" 2>/dev/null
done < /proc/self/mountinfo
[ "$2" = shm ] && mount -t tmpfs tmpfs /dev/shm
shift 2
exec setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs --inh-caps=-all,+dac_read_search \\
    --ambient-caps=-all,+dac_read_search --bounding-set=-all,+dac_read_search "$@"
"""
PROBE = """
import json, os, socket, sys
from pathlib import Path

def refused(do):
    try:
        do()
    except OSError as error:
        return error.strerror or str(error)
    return ""

places = {"home": os.environ["HOME"], "scenario": ".", "tmp": "/tmp"}
found = {name: refused((Path(place) / "probe").touch) for name, place in places.items()}
found["network"] = refused(lambda: socket.create_connection(("192.0.2.1", 80), timeout=5))
print(json.dumps({"user": os.getuid(), "refused": found}))
"""


def missing() -> str:
    """What is needed and not there; empty if nothing is."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "needs root on Linux"
    if lacking := [name for name in NEEDED if shutil.which(name) is None]:
        return f"needs {', '.join(lacking)} of util-linux"
    ended = subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True, text=True, check=False)
    return f"needs namespaces: {ended.stderr.strip()}" if ended.returncode else ""


class Desk:
    """A home and a scenario that belong to root, and a folder of nobody's with the output and TMPDIR."""

    def __init__(self, folder: Path, *, shm: bool = False) -> None:
        self.shm = "shm" if shm else "none"
        folder.chmod(0o755)
        self.work, self.home, self.open = (folder / name for name in ("work", "home", "open"))
        self.runs, self.temporary = self.open / "runs", self.open / "tmp"
        for each in (self.work, self.home, self.open, self.runs, self.temporary):
            each.mkdir()
        for each in (self.open, self.runs, self.temporary):
            os.chown(each, NOBODY, NOBODY)
        (self.work / "small.yaml").write_text(SMALL_TEXT, encoding="utf-8")

    def limited(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """The command within its limits."""
        environment = {
            "HOME": str(self.home), "TMPDIR": str(self.temporary), "PYTHONPATH": str(HOME), "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8",
        }  # fmt: skip
        sandbox = ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", SANDBOX]
        whole = [*sandbox, "sh", str(self.open), self.shm, *command]
        return subprocess.run(whole, cwd=self.work, env=environment, capture_output=True, text=True, check=False)


def measured(words: list[str], *, shm: bool = False) -> dict[str, object]:
    """What the probe was refused, and how the command ended."""
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder), shm=shm)
        before = hashes(desk.work) | hashes(desk.home)
        probe = json.loads(desk.limited([sys.executable, "-c", PROBE]).stdout)
        out = desk.runs / "answer"
        ended = desk.limited([sys.executable, "-m", "ccs_model", *words, "--out", str(out)])
        return {
            "command": words,
            "user": probe["user"],
            "refused": probe["refused"],
            "exit_code": ended.returncode,
            "errors": ended.stderr.splitlines()[-5:],
            "n_files": len(hashes(out)) if out.is_dir() else 0,
            "others": sorted(each.name for each in desk.runs.iterdir() if each != out),
            "left_in_tmpdir": sorted(str(each.relative_to(desk.temporary)) for each in desk.temporary.rglob("*")),
            "changed": sorted((before | hashes(desk.work) | hashes(desk.home)).keys() - before.keys()),
        }


def is_as_expected(found: dict[str, object]) -> bool:
    """Whether the probe was refused everything, and the command completed and left nothing else."""
    refused = found["refused"]
    assert isinstance(refused, dict)
    left = (found["others"], found["left_in_tmpdir"], found["changed"])
    return all(refused.values()) and found["exit_code"] == 0 and bool(found["n_files"]) and not any(left)


def main() -> int:
    """Run the command and print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m bench.least_privilege", description=__doc__.split("\n")[0])
    parser.add_argument("--shm", action="store_true", help="an empty /dev/shm to write")
    parser.add_argument("words", nargs="*", default=["optimize", "small.yaml", "-q"], help="the command, after --")
    requested = parser.parse_args()
    if lack := missing():
        sys.stderr.write(f"bench.least_privilege: {lack}\n")
        return 2
    found = measured(requested.words, shm=requested.shm)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    return 0 if is_as_expected(found) else 1


if __name__ == "__main__":
    sys.exit(main())
