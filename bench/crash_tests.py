"""`python -m bench.crash_tests [--kills 200] [-- optimize small.yaml]`: crash tests with SIGKILL at random moments.

A command starts repeatedly in one folder and is killed at a moment drawn uniformly from the CPU time of a complete run,
so that the load of the machine does not shift the moments. After each kill, every run folder under its final name must
be complete (every file of its manifest with its hash), an earlier finished run must be unchanged, and the number of
temporary names must not exceed a limit. Each start must cope with the files that the previous kill left. Every 20th
kill is followed by a complete run, whose files must equal those of the first run. Half of the runs replace a finished
one (`--force`).

With `--writing`, each kill waits for the first temporary name of the run, and its moment is drawn from the wall time
after that. `-- write` tests only the writer of run folders, which takes milliseconds, with kills at random wall times.
`edited.xlsx` in the folder is the workbook of the finished run with another budget, for `-- optimize edited.xlsx -q`.

Commands that resume (`sweep`, `montecarlo`) are tested by `bench.resume_tests`. With `--ctrl-c 50`,
`bench.interruption_tests` measures how long a command takes to end after Ctrl-C at random moments.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.small_scenario import SMALL_TEXT

ROOT = Path(__file__).resolve().parents[1]
DEFAULT_COMMAND = ("optimize", "small.yaml", "-q")
COMPLETE_RUN_INTERVAL = 20
WRITER_ONLY = "write"
# Loaded before the fork, so that no kill occurs during imports.
PRELOADED_MODULES = (
    "numpy", "pandas", "pydantic", "pyomo.environ", "highspy", "openpyxl", "ruamel.yaml", "scipy.optimize",
    "scipy.sparse.csgraph", "scipy.stats.qmc", "xlsxwriter", "ccs_model.__main__", "ccs_model.cli.optimize",
    "ccs_model.cli.plan_series", "ccs_model.cli.robustness", "ccs_model.analysis.monte_carlo",
    "ccs_model.analysis.sweep", "ccs_model.analysis.frontier", "ccs_model.report.workbook.workbook",
    "ccs_model.report.workbook.edited_workbook", "ccs_model.report.page", "ccs_model.solve.optimize_run",
    "ccs_model.runs.folder_writer",
)  # fmt: skip
# A lock, the file that names its holder, a temporary folder, and an unfinished run folder.
MAX_TEMPORARY_NAMES = 4
MAX_ISSUES = 5
# Files that contain times and therefore differ from run to run.
TIMESTAMPED_FILES = ("manifest.json", "solver.log")


@dataclass
class Tally:
    """Counts of a crash test; `issues` describe the failures."""

    kills: int = 0
    kills_while_writing: int = 0
    ended_before_kill: int = 0
    complete_runs: int = 0
    max_temporary_names: int = 0
    issues: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, object]:
        """Return the counts for the JSON output."""
        return {**self.__dict__, "survived": self.kills if not self.issues else None}


class Workspace:
    """A working folder with a scenario, an earlier finished run, and the runs of the command under test."""

    def __init__(self, folder: Path, command: Sequence[str], *, forked: bool) -> None:
        self.folder, self.command, self.forked = folder, list(command), forked
        for name in PRELOADED_MODULES if forked else ():
            importlib.import_module(name)
        self.temporary = folder / "temporary"
        self.temporary.mkdir(parents=True)
        (folder / "small.yaml").write_text(SMALL_TEXT, encoding="utf-8")
        self.run_to_completion("optimize", "small.yaml", "-q", "--out", "earlier/run")
        self.earlier = file_hashes(folder / "earlier")
        run = folder / "earlier" / "run"
        self.run_content = {name: (run / name).read_bytes() for name in file_hashes(run)}
        write_edited_workbook(folder / "earlier" / "run" / "plan.xlsx", folder / "edited.xlsx")
        self.complete_run_cpu_s = self.run_to_completion(*self.command)
        self.expected = self.output_hashes()
        shutil.copytree(folder / "runs", folder / "finished")

    def output_hashes(self) -> dict[str, str]:
        """Return the hashes of the output files, except those that contain times."""
        hashes = file_hashes(self.folder / "runs")
        return {name: sha for name, sha in hashes.items() if name.rpartition("/")[2] not in TIMESTAMPED_FILES}

    def restore(self) -> None:
        """Restore the finished run under its final name."""
        for path in (self.folder / "finished").iterdir():
            if not (self.folder / "runs" / path.name).exists():
                shutil.copytree(path, self.folder / "runs" / path.name)

    def temporary_paths(self) -> list[Path]:
        """Return hidden and temporary files and folders."""
        places = (self.folder / "runs", self.folder, self.folder / "earlier")
        hidden = [path for place in places if place.is_dir() for path in place.iterdir() if path.name.startswith(".")]
        return hidden + list(self.temporary.iterdir())

    def run_to_completion(self, *arguments: str) -> float:
        """Run a command to completion and return its CPU seconds. Raises RuntimeError if it fails."""
        pid = self.start(arguments)
        cpu_s, writing_started, started = 0.0, None, time.monotonic()
        while True:
            cpu_s = max(cpu_s, process_cpu_s(pid))
            if writing_started is None and self.is_writing(pid):
                writing_started = time.monotonic()
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                break
            time.sleep(0.005)
        if status:
            raise RuntimeError(f"{' '.join(arguments)}: failed with exit code {os.waitstatus_to_exitcode(status)}")
        ended_s = time.monotonic()
        self.complete_run_wall_s, self.writing_wall_s = ended_s - started, ended_s - (writing_started or ended_s)
        return cpu_s

    def is_writing(self, pid: int) -> bool:
        """Return whether the process has a temporary file or folder in `runs`."""
        runs = self.folder / "runs"
        return runs.is_dir() and any(f"-{pid}-" in path.name for path in runs.iterdir())

    def run_and_kill(
        self, arguments: Sequence[str], moment_share: float, *, writing: bool = False
    ) -> tuple[bool, bool]:
        """Kill the command at a share of its CPU time; return whether it was killed, and whether it was writing.

        With `writing`, the share refers to the wall time after the first temporary file. Raises RuntimeError if the
        command fails before it is killed.
        """
        pid = self.start(arguments)
        moment_s = None if writing else moment_share * self.complete_run_cpu_s
        if arguments[0] == WRITER_ONLY:
            time.sleep(moment_share * self.complete_run_wall_s)
            moment_s = 0.0
        while moment_s is None or process_cpu_s(pid) < moment_s:
            if moment_s is None and self.is_writing(pid):
                time.sleep(moment_share * self.writing_wall_s)
                moment_s = 0.0
                continue
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                if status:
                    raise RuntimeError(
                        f"{' '.join(arguments)}: failed before the kill, exit code {os.waitstatus_to_exitcode(status)}"
                    )
                return False, False
            time.sleep(0.002)
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:  # its own session does not exist yet
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        return os.WIFSIGNALED(status), self.is_writing(pid)

    def start(self, arguments: Sequence[str]) -> int:
        """Start the command in its own session and return the process id."""
        environment = {**os.environ, "TMPDIR": str(self.temporary), "PYTHONPATH": str(ROOT)}
        if not self.forked:
            command_line = [sys.executable, "-m", "ccs_model", *arguments]
            with open(os.devnull, "wb") as devnull:  # noqa: PTH123
                stderr = None if os.environ.get("CCS_MODEL_TRACEBACK") else devnull
                return subprocess.Popen(
                    command_line,
                    cwd=self.folder,
                    env=environment,
                    stdout=devnull,
                    stderr=stderr,
                    start_new_session=True,
                ).pid
        pid = os.fork()
        if pid == 0:
            from ccs_model.__main__ import main
            from ccs_model.analysis import jobs as processes
            from ccs_model.runs.folder_writer import write_files

            code = 1
            try:
                os.setsid()
                os.chdir(self.folder)
                os.environ.update(environment)
                tempfile.tempdir = None
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                os.dup2(os.open(self.folder / "stderr.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
                # Worker processes are also forked from a process with the libraries loaded.
                setattr(processes, "get_context", lambda method: multiprocessing.get_context("fork"))  # noqa: B010
                sys.argv = ["ccs-model", *arguments]
                if arguments[0] == WRITER_ONLY:
                    write_files(self.run_content, Path("runs/written"), force="--force" in arguments)
                    raise SystemExit(0)
                main()
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else 1
            finally:
                os._exit(code)
        return pid


def process_cpu_s(pid: int) -> float:
    """Return CPU seconds of a process and its finished children from /proc; 0 after it has ended."""
    fields = _read_stat(pid)
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def session_cpu_s(pid: int) -> float:
    """Return CPU seconds as in `process_cpu_s`, plus those of running children in the same session."""
    ticks = sum(sum(map(int, fields[11:15])) for process_id, fields in _session_processes(pid) if process_id != pid)
    return process_cpu_s(pid) + ticks / os.sysconf("SC_CLK_TCK")


def count_running_processes(pid: int) -> int:
    """Return the number of running processes in the session of `pid`."""
    return sum(fields[0] != "Z" for _, fields in _session_processes(pid))


def _session_processes(pid: int) -> list[tuple[int, list[str]]]:
    running = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
    return [
        (process_id, fields) for process_id in running if (fields := _read_stat(process_id)) and int(fields[3]) == pid
    ]


def _read_stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def file_hashes(folder: Path) -> dict[str, str]:
    """Return relative path → SHA-256 of all files below the folder, except hidden files and folders."""
    hashes = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not re.search(r"(^|/)\.", name):
            hashes[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return hashes


def write_edited_workbook(source: Path, target: Path) -> None:
    """Write a copy of a workbook with a budget that is one third higher."""
    import openpyxl

    workbook = openpyxl.load_workbook(source)
    sheet, address = workbook.defined_names["budget_mn"].attr_text.replace("$", "").replace("'", "").split("!")
    workbook[sheet][address].value *= 4 / 3
    workbook.save(target)


def find_incomplete_runs(runs: Path, only: Sequence[str] = ()) -> list[str]:
    """Return one message per incomplete run folder under its final name, or under the names in `only`."""
    issues = []
    for folder in sorted(path for path in runs.iterdir() if path.is_dir() and not path.name.startswith(".")):
        if only and folder.name not in only:
            continue
        try:
            outputs = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["outputs"]
            found_hashes = file_hashes(folder)
        except (OSError, ValueError, KeyError) as error:
            issues.append(f"{folder.name}: {type(error).__name__}: {error}")
            continue
        issues += [
            f"{folder.name}/{name}: missing or changed"
            for name, sha in outputs.items()
            if found_hashes.get(name) != sha
        ]
    return issues


def run_crash_test(
    workspace: Workspace, n_kills: int, seed: int, *, writing: bool = False, verbose: bool = True
) -> Tally:
    """Kill a command `n_kills` times and count the results."""
    rng, tally, iteration = random.Random(seed), Tally(), 0
    runs = workspace.folder / "runs"
    while tally.kills < n_kills and len(tally.issues) < MAX_ISSUES:
        iteration += 1
        replaces_run = iteration % 2 == 0 and "--force" not in workspace.command
        if not replaces_run:
            for path in runs.iterdir():
                if path.is_dir() and not path.name.startswith("."):
                    shutil.rmtree(path)
        else:
            workspace.restore()
        arguments = [*workspace.command, "--force"] if replaces_run else workspace.command
        try:
            was_killed, while_writing = workspace.run_and_kill(arguments, rng.random(), writing=writing)
        except RuntimeError as error:
            tally.issues.append(f"restart after kill {tally.kills}: {error}")
            continue
        tally.kills += was_killed
        tally.ended_before_kill += not was_killed
        tally.kills_while_writing += while_writing
        tally.issues += find_incomplete_runs(runs)
        if file_hashes(workspace.folder / "earlier") != workspace.earlier:
            tally.issues.append(f"after kill {tally.kills}: the earlier run has changed")
        if replaces_run and not workspace.output_hashes():
            tally.issues.append(f"after kill {tally.kills}: the finished run that was being replaced is missing")
        tally.max_temporary_names = max(tally.max_temporary_names, len(workspace.temporary_paths()))
        if len(workspace.temporary_paths()) > MAX_TEMPORARY_NAMES:
            tally.issues.append(
                f"after kill {tally.kills}: temporary files {sorted(path.name for path in workspace.temporary_paths())}"
            )
        if iteration % COMPLETE_RUN_INTERVAL == 0:
            tally.complete_runs += _check_complete_run(workspace, tally)
        if verbose and iteration % 10 == 0:
            sys.stderr.write(f"{json.dumps(tally.summary())}\n")
    tally.complete_runs += _check_complete_run(workspace, tally)
    return tally


def _check_complete_run(workspace: Workspace, tally: Tally) -> bool:
    """Run the command to completion and compare its files with those of the first run."""
    try:
        if workspace.command[0] == WRITER_ONLY:
            shutil.rmtree(workspace.folder / "runs" / "written", ignore_errors=True)
        workspace.run_to_completion(*workspace.command)
    except RuntimeError as error:
        tally.issues.append(f"restart after kill {tally.kills}: {error}")
        return False
    if workspace.output_hashes() != workspace.expected:
        tally.issues.append(f"complete run after kill {tally.kills}: the files differ")
    return True


def main() -> int:
    """Parse the command line, run the test, and print one JSON object."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.crash_tests", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200, help="number of kills")
    parser.add_argument("--seed", type=int, default=1, help="random seed")
    parser.add_argument("--forked", action="store_true", help="fork from a process with the libraries loaded")
    parser.add_argument("--writing", action="store_true", help="kill only after the first temporary file of a run")
    parser.add_argument("--ctrl-c", type=int, default=0, metavar="N", help="send N SIGINTs instead of the kills")
    parser.add_argument("command", nargs="*", default=list(DEFAULT_COMMAND), help="ccs-model command, after --")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        forked = args.forked or args.command[0] == WRITER_ONLY
        workspace = Workspace(Path(folder) / "workspace", args.command, forked=forked)
        if args.ctrl_c:
            from bench.interruption_tests import measure_interruptions

            summary = measure_interruptions(workspace, args.ctrl_c, args.seed)
        else:
            from bench.resume_tests import RESUMING_COMMANDS, run_resume_test

            if args.command[0] in RESUMING_COMMANDS:
                summary = run_resume_test(workspace, args.kills, args.seed).summary()
            else:
                summary = run_crash_test(workspace, args.kills, args.seed, writing=args.writing).summary()
    sys.stdout.write(json.dumps({"complete_run_cpu_s": workspace.complete_run_cpu_s, **summary}, indent=1) + "\n")
    return 1 if summary["issues"] else 0


if __name__ == "__main__":
    sys.exit(main())
