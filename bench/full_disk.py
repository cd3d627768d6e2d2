"""`python -m bench.full_disk [--times 100] [--seed 1]`: run folders on disks that are full at a random byte.

Each disk is a tmpfs of a random size, on which half of the time a finished run is replaced; mounting needs root. The
writer must end with a file error or with the complete folder. After an error nothing is half written, the earlier run
has not changed by a byte, no temporary name is left, and the run is kept, complete, in the folder for temporary files.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.crash_tests import hashes
from tests.small_scenario import SMALL_TEXT

WRITTEN, REFUSED, WRONG = 0, 8, 70
PAGE = 4096


def write(files: dict[str, bytes], folder: Path, temporary: Path, *, force: bool) -> int:
    """Exit code of a process that writes the run folder."""
    from ccs_model.errors import FileError
    from ccs_model.runs.folder_writer import write_files

    pid = os.fork()
    if pid == 0:
        code = WRONG
        try:
            os.environ["TMPDIR"], tempfile.tempdir = str(temporary), None
            write_files(files, folder, force=force)
            code = WRITTEN
        except FileError:
            code = REFUSED
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def tried(
    files: dict[str, bytes], expected: dict[str, str], desk: Path, size: int, again: bool
) -> tuple[int, list[str]]:
    """Exit code on a disk of `size` bytes beyond the finished run, and what was wrong."""
    disk, temporary = desk / "disk", desk / "temporary"
    for folder in (disk, temporary):
        folder.mkdir()
    whole = sum(-(-len(raw) // PAGE) * PAGE for raw in files.values()) + 40 * PAGE
    total = size + (whole if again else 0)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={total}", "tmpfs", disk], check=True)
    try:
        if again:
            write({**files, "plan.json": b"{}"}, disk / "run", temporary, force=False)
        before = hashes(disk)
        code = write(files, disk / "run", temporary, force=again)
        now, kept = hashes(disk / "run") if (disk / "run").is_dir() else {}, list(temporary.glob("*/run"))
        wrong = [f"left {path.name}" for path in disk.iterdir() if path.name.startswith(".") and path.suffix == ".part"]
        if code == WRITTEN:
            wrong += ["the run is incomplete"] if now != expected else []
        elif code == REFUSED:
            wrong += ["something else is there"] if hashes(disk) != before else []
            wrong += ["the run is not kept"] if [hashes(path) for path in kept] != [expected] else []
        else:
            wrong.append(f"ended with {code}")
        return code, wrong
    finally:
        subprocess.run(["umount", disk], check=True)
        subprocess.run(["rm", "-r", disk, temporary], check=True)


def main() -> int:
    """Parse the command line, run the trials, and print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m bench.full_disk", description=__doc__)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    requested = parser.parse_args()
    drawn = random.Random(requested.seed)
    counts = {WRITTEN: 0, REFUSED: 0}
    issues: list[str] = []
    with tempfile.TemporaryDirectory() as home:
        desk = Path(home)
        (desk / "small.yaml").write_text(SMALL_TEXT, encoding="utf-8")
        command = [sys.executable, "-m", "ccs_model", "optimize", "small.yaml", "-q", "--out", "run"]
        subprocess.run(command, cwd=desk, check=True, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])})
        expected = hashes(desk / "run")
        files = {name: (desk / "run" / name).read_bytes() for name in expected}
        n_bytes = sum(map(len, files.values()))
        for n in range(requested.times):
            again = n % 2 == 1
            size = drawn.randrange(PAGE, int(1.2 * n_bytes))
            code, wrong = tried(files, expected, desk, size, again)
            counts[code] = counts.get(code, 0) + 1
            issues += [f"disk {n} of {size:,} bytes{', again' if again else ''}: {text}" for text in wrong]
    shown = {"disks": requested.times, "written": counts[WRITTEN], "full": counts[REFUSED], "issues": issues}
    sys.stdout.write(json.dumps(shown, indent=1) + "\n")
    return 1 if issues else 0


if __name__ == "__main__":
    sys.exit(main())
