"""`python -m bench.full_disk [--times 100] [--seed 1]`: write run folders to disks that become full at a random byte.

Each disk is a tmpfs of a random size; mounting needs root. Half of the writes replace a finished run. The writer must
end with a file error or with the complete folder. After an error no file is partially written, the earlier run is
unchanged, no temporary name remains, and the complete new run is kept in the folder for temporary files.
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

from bench.crash_tests import file_hashes
from tests.small_scenario import SMALL_TEXT

WRITTEN, FILE_ERROR, UNEXPECTED = 0, 8, 70
PAGE_BYTES = 4096


def write_run(files: dict[str, bytes], folder: Path, temporary: Path, *, force: bool) -> int:
    """Write the run folder in a separate process and return its exit code."""
    from ccs_model.errors import FileError
    from ccs_model.runs.folder_writer import write_files

    pid = os.fork()
    if pid == 0:
        code = UNEXPECTED
        try:
            os.environ["TMPDIR"], tempfile.tempdir = str(temporary), None
            write_files(files, folder, force=force)
            code = WRITTEN
        except FileError:
            code = FILE_ERROR
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def write_to_full_disk(
    files: dict[str, bytes], expected: dict[str, str], workdir: Path, free_bytes: int, replaces_run: bool
) -> tuple[int, list[str]]:
    """Write a run to a disk with `free_bytes` beyond the finished run; return the exit code and the issues."""
    disk, temporary = workdir / "disk", workdir / "temporary"
    for folder in (disk, temporary):
        folder.mkdir()
    run_bytes = sum(-(-len(raw) // PAGE_BYTES) * PAGE_BYTES for raw in files.values()) + 40 * PAGE_BYTES
    disk_bytes = free_bytes + (run_bytes if replaces_run else 0)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={disk_bytes}", "tmpfs", disk], check=True)
    try:
        if replaces_run:
            write_run({**files, "plan.json": b"{}"}, disk / "run", temporary, force=False)
        hashes_before = file_hashes(disk)
        code = write_run(files, disk / "run", temporary, force=replaces_run)
        written, kept_runs = file_hashes(disk / "run") if (disk / "run").is_dir() else {}, list(temporary.glob("*/run"))
        issues = [
            f"temporary file {path.name}"
            for path in disk.iterdir()
            if path.name.startswith(".") and path.suffix == ".part"
        ]
        if code == WRITTEN:
            issues += ["the run is incomplete"] if written != expected else []
        elif code == FILE_ERROR:
            issues += ["the disk has changed"] if file_hashes(disk) != hashes_before else []
            issues += (
                ["the run is not kept in the temporary folder"]
                if [file_hashes(path) for path in kept_runs] != [expected]
                else []
            )
        else:
            issues.append(f"exit code {code}")
        return code, issues
    finally:
        subprocess.run(["umount", disk], check=True)
        subprocess.run(["rm", "-r", disk, temporary], check=True)


def main() -> int:
    """Parse the command line, run the trials, and print one JSON object."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.full_disk", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=100, help="number of disks")
    parser.add_argument("--seed", type=int, default=1, help="random seed")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    counts = {WRITTEN: 0, FILE_ERROR: 0}
    issues: list[str] = []
    with tempfile.TemporaryDirectory() as folder_name:
        workdir = Path(folder_name)
        (workdir / "small.yaml").write_text(SMALL_TEXT, encoding="utf-8")
        command = [sys.executable, "-m", "ccs_model", "optimize", "small.yaml", "-q", "--out", "run"]
        subprocess.run(
            command, cwd=workdir, check=True, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        )
        expected = file_hashes(workdir / "run")
        files = {name: (workdir / "run" / name).read_bytes() for name in expected}
        n_bytes = sum(map(len, files.values()))
        for n in range(args.times):
            replaces_run = n % 2 == 1
            free_bytes = rng.randrange(PAGE_BYTES, int(1.2 * n_bytes))
            code, disk_issues = write_to_full_disk(files, expected, workdir, free_bytes, replaces_run)
            counts[code] = counts.get(code, 0) + 1
            issues += [
                f"disk {n} of {free_bytes:,} bytes{', replacing a run' if replaces_run else ''}: {text}"
                for text in disk_issues
            ]
    summary = {"disks": args.times, "written": counts[WRITTEN], "full": counts[FILE_ERROR], "issues": issues}
    sys.stdout.write(json.dumps(summary, indent=1) + "\n")
    return 1 if issues else 0


if __name__ == "__main__":
    sys.exit(main())
