"""`python -m bench.crash_tests [--kills 200] [-- optimize small.yaml]`: crash tests with SIGKILL at random moments.

Commands that resume (`sweep`, `montecarlo`) are tested by bench.resume_tests. `--ctrl-c 50` measures instead how long a
command takes to end after Ctrl-C at random moments.

A command starts repeatedly in one folder and is killed at a moment drawn uniformly over the CPU time of a complete run,
so that a busy machine does not shift the moments. After each kill, every run folder under its final name is complete
(every file of its manifest with its hash), an earlier finished run has not changed by a byte, and the number of
temporary names is bounded. Each start must work on what the previous kill left. Every EVERY-th kill is followed by a
complete run, which must give the same files as the first. Half of the runs replace a finished one (`--force`). With
`--writing`, each kill waits for the first temporary name of the run, and its moment is drawn from the wall time after.
`-- write` is no command but the writer of run folders alone, which takes milliseconds, killed after a random wall time.
`edited.xlsx` in the folder is the workbook of the finished run with another budget, for `-- optimize edited.xlsx -q`.
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
DEFAULT = ("optimize", "small.yaml", "-q")
EVERY = 20
WRITE = "write"
# Loaded before the fork, so that no kill falls into imports.
LIBRARIES = (
    "numpy", "pandas", "pydantic", "pyomo.environ", "highspy", "openpyxl", "ruamel.yaml", "scipy.optimize",
    "scipy.sparse.csgraph", "scipy.stats.qmc", "xlsxwriter", "ccs_model.__main__", "ccs_model.cli.optimize",
    "ccs_model.cli.plan_series", "ccs_model.cli.robustness", "ccs_model.analysis.monte_carlo",
    "ccs_model.analysis.sweep", "ccs_model.analysis.frontier", "ccs_model.report.workbook.workbook",
    "ccs_model.report.workbook.edited_workbook", "ccs_model.report.page", "ccs_model.solve.optimize_run",
    "ccs_model.runs.folder_writer",
)  # fmt: skip
# A lock, the file that names its holder, a temporary folder, and a folder in the making.
MOST_LEFT = 4
MOST_FAULTS = 5
# Files that contain times and differ from run to run.
DATED = ("manifest.json", "solver.log")


@dataclass
class Tally:
    """Counts of a test; `issues` are sentences that describe failures."""

    kills: int = 0
    kills_while_writing: int = 0
    ended_before_the_kill: int = 0
    whole_runs: int = 0
    most_left: int = 0
    issues: list[str] = field(default_factory=list)

    def shown(self) -> dict[str, object]:
        """The counts for the summary."""
        return {**self.__dict__, "survived": self.kills if not self.issues else None}


class Desk:
    """A working folder with a scenario, an earlier finished run, and the runs that are killed."""

    def __init__(self, folder: Path, command: Sequence[str], *, forked: bool) -> None:
        self.folder, self.command, self.forked = folder, list(command), forked
        for name in LIBRARIES if forked else ():
            importlib.import_module(name)
        self.temporary = folder / "temporary"
        self.temporary.mkdir(parents=True)
        (folder / "small.yaml").write_text(SMALL_TEXT, encoding="utf-8")
        self.whole("optimize", "small.yaml", "-q", "--out", "earlier/run")
        self.earlier = hashes(folder / "earlier")
        run = folder / "earlier" / "run"
        self.content = {name: (run / name).read_bytes() for name in hashes(run)}
        edit_workbook(folder / "earlier" / "run" / "plan.xlsx", folder / "edited.xlsx")
        self.whole_s = self.whole(*self.command)
        self.first = self.files()
        shutil.copytree(folder / "runs", folder / "finished")

    def files(self) -> dict[str, str]:
        """Hashes of the files of the command, except those that contain times."""
        found = hashes(self.folder / "runs")
        return {name: sha for name, sha in found.items() if name.rpartition("/")[2] not in DATED}

    def restore(self) -> None:
        """Copy the finished run back to its final name."""
        for path in (self.folder / "finished").iterdir():
            if not (self.folder / "runs" / path.name).exists():
                shutil.copytree(path, self.folder / "runs" / path.name)

    def left(self) -> list[Path]:
        """Hidden and temporary files."""
        places = (self.folder / "runs", self.folder, self.folder / "earlier")
        hidden = [path for place in places if place.is_dir() for path in place.iterdir() if path.name.startswith(".")]
        return hidden + list(self.temporary.iterdir())

    def whole(self, *words: str) -> float:
        """Run the command to its end and return its CPU seconds. Raises RuntimeError if it fails."""
        pid = self.start(words)
        used, writing_since, begun = 0.0, None, time.monotonic()
        while True:
            used = max(used, seconds_of(pid))
            if writing_since is None and self.is_writing(pid):
                writing_since = time.monotonic()
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                break
            time.sleep(0.005)
        if status:
            raise RuntimeError(f"{' '.join(words)}: ended with status {os.waitstatus_to_exitcode(status)}")
        ended_at = time.monotonic()
        self.whole_wall_s, self.writing_wall_s = ended_at - begun, ended_at - (writing_since or ended_at)
        return used

    def is_writing(self, pid: int) -> bool:
        """Whether the process has a temporary file or folder in `runs`."""
        runs = self.folder / "runs"
        return runs.is_dir() and any(f"-{pid}-" in path.name for path in runs.iterdir())

    def killed(self, words: Sequence[str], moment: float, *, writing: bool = False) -> tuple[bool, bool]:
        """Kill the command at `moment`, a share of its CPU time; return whether it was killed, and while writing.

        With `writing` it is a share of the wall time from the first temporary file on. Raises RuntimeError if the
        command fails by itself.
        """
        pid = self.start(words)
        moment_s = None if writing else moment * self.whole_s
        if words[0] == WRITE:
            time.sleep(moment * self.whole_wall_s)
            moment_s = 0.0
        while moment_s is None or seconds_of(pid) < moment_s:
            if moment_s is None and self.is_writing(pid):
                time.sleep(moment * self.writing_wall_s)
                moment_s = 0.0
                continue
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                if status:
                    raise RuntimeError(f"{' '.join(words)}: ended by itself, {os.waitstatus_to_exitcode(status)}")
                return False, False
            time.sleep(0.002)
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:  # it has no session of its own yet
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        return os.WIFSIGNALED(status), self.is_writing(pid)

    def start(self, words: Sequence[str]) -> int:
        """Start the command in a session of its own and return the process id."""
        environment = {**os.environ, "TMPDIR": str(self.temporary), "PYTHONPATH": str(ROOT)}
        if not self.forked:
            line = [sys.executable, "-m", "ccs_model", *words]
            with open(os.devnull, "wb") as nothing:  # noqa: PTH123
                console = None if os.environ.get("CCS_MODEL_TRACEBACK") else nothing
                return subprocess.Popen(
                    line, cwd=self.folder, env=environment, stdout=nothing, stderr=console, start_new_session=True
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
                os.dup2(os.open(self.folder / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
                # Workers also start from a process that has the libraries loaded.
                setattr(processes, "get_context", lambda method: multiprocessing.get_context("fork"))  # noqa: B010
                sys.argv = ["ccs-model", *words]
                if words[0] == WRITE:
                    write_files(self.content, Path("runs/written"), force="--force" in words)
                    raise SystemExit(0)
                main()
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else 1
            finally:
                os._exit(code)
        return pid


def seconds_of(pid: int) -> float:
    """CPU seconds of a process and its finished children from /proc; 0 once it has ended."""
    fields = _stat(pid)
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def seconds_of_all(pid: int) -> float:
    """CPU seconds as in seconds_of, plus those of running children in the same session."""
    ticks = sum(sum(map(int, fields[11:15])) for each, fields in _session(pid) if each != pid)
    return seconds_of(pid) + ticks / os.sysconf("SC_CLK_TCK")


def n_running(pid: int) -> int:
    """Number of running processes in the session that `pid` started."""
    return sum(fields[0] != "Z" for _, fields in _session(pid))


def _session(pid: int) -> list[tuple[int, list[str]]]:
    running = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
    return [(each, fields) for each in running if (fields := _stat(each)) and int(fields[3]) == pid]


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def hashes(folder: Path) -> dict[str, str]:
    """File below the folder → SHA-256, without hidden files and folders."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not re.search(r"(^|/)\.", name):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def edit_workbook(source: Path, to: Path) -> None:
    """Copy a workbook with a budget that is a third higher."""
    import openpyxl

    book = openpyxl.load_workbook(source)
    sheet, address = book.defined_names["budget_mn"].attr_text.replace("$", "").replace("'", "").split("!")
    book[sheet][address].value *= 4 / 3
    book.save(to)


def half_made(runs: Path, only: Sequence[str] = ()) -> list[str]:
    """Incomplete run folders under their final names (or under the names in `only`), one message per problem."""
    wrong = []
    for folder in sorted(path for path in runs.iterdir() if path.is_dir() and not path.name.startswith(".")):
        if only and folder.name not in only:
            continue
        try:
            outputs = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["outputs"]
            there = hashes(folder)
        except (OSError, ValueError, KeyError) as error:
            wrong.append(f"{folder.name}: {type(error).__name__}: {error}")
            continue
        wrong += [
            f"{folder.name}/{name}: missing or changed" for name, sha in outputs.items() if there.get(name) != sha
        ]
    return wrong


def kill_often(desk: Desk, n_kills: int, seed: int, *, writing: bool = False, say: bool = True) -> Tally:
    """Kill a command `n_kills` times and count the results."""
    drawn, tally, turn = random.Random(seed), Tally(), 0
    runs = desk.folder / "runs"
    while tally.kills < n_kills and len(tally.issues) < MOST_FAULTS:
        turn += 1
        again = turn % 2 == 0 and "--force" not in desk.command
        if not again:
            for path in runs.iterdir():
                if path.is_dir() and not path.name.startswith("."):
                    shutil.rmtree(path)
        else:
            desk.restore()
        words = [*desk.command, "--force"] if again else desk.command
        try:
            killed, while_writing = desk.killed(words, drawn.random(), writing=writing)
        except RuntimeError as error:
            tally.issues.append(f"the start after kill {tally.kills}: {error}")
            continue
        tally.kills += killed
        tally.ended_before_the_kill += not killed
        tally.kills_while_writing += while_writing
        tally.issues += half_made(runs)
        if hashes(desk.folder / "earlier") != desk.earlier:
            tally.issues.append(f"after kill {tally.kills}: the earlier run has changed")
        if again and not desk.files():
            tally.issues.append(f"after kill {tally.kills}: the finished run that was made again is gone")
        tally.most_left = max(tally.most_left, len(desk.left()))
        if len(desk.left()) > MOST_LEFT:
            tally.issues.append(f"after kill {tally.kills}: left {sorted(path.name for path in desk.left())}")
        if turn % EVERY == 0:
            tally.whole_runs += _rounded(desk, tally)
        if say and turn % 10 == 0:
            sys.stderr.write(f"{json.dumps(tally.shown())}\n")
    tally.whole_runs += _rounded(desk, tally)
    return tally


def _rounded(desk: Desk, tally: Tally) -> bool:
    """Run to the end: the command works, gives the files of the first run, and leaves nothing else."""
    try:
        if desk.command[0] == WRITE:
            shutil.rmtree(desk.folder / "runs" / "written", ignore_errors=True)
        desk.whole(*desk.command)
    except RuntimeError as error:
        tally.issues.append(f"the start after kill {tally.kills}: {error}")
        return False
    if desk.files() != desk.first:
        tally.issues.append(f"the run after kill {tally.kills} gave other files")
    return True


def main() -> int:
    """Parse the command line, run the test, and print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m bench.crash_tests", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--forked", action="store_true", help="start from a process that has the libraries loaded")
    parser.add_argument("--writing", action="store_true", help="kill only after the first temporary file of a run")
    parser.add_argument("--ctrl-c", type=int, default=0, metavar="N", help="number of SIGINTs in place of the kills")
    parser.add_argument("command", nargs="*", default=list(DEFAULT), help="after --: the ccs-model command")
    requested = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        forked = requested.forked or requested.command[0] == WRITE
        desk = Desk(Path(folder) / "desk", requested.command, forked=forked)
        if requested.ctrl_c:
            from bench.interruption_tests import interrupt_often

            shown = interrupt_often(desk, requested.ctrl_c, requested.seed)
        else:
            from bench.resume_tests import GOES_ON, kill_and_go_on

            if requested.command[0] in GOES_ON:
                shown = kill_and_go_on(desk, requested.kills, requested.seed).shown()
            else:
                shown = kill_often(desk, requested.kills, requested.seed, writing=requested.writing).shown()
    sys.stdout.write(json.dumps({"whole_run_cpu_s": desk.whole_s, **shown}, indent=1) + "\n")
    return 1 if shown["issues"] else 0


if __name__ == "__main__":
    sys.exit(main())
