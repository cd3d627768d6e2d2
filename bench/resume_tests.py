"""Crash tests of commands that resume: finished runs of a sweep and chunks of a Monte Carlo run are kept.

The command starts with the files that the previous kill left, and is killed at a moment drawn uniformly from the CPU
time of a complete run, until it completes. The result must be identical to that of an uninterrupted run; then the test
starts again in an empty folder. After each kill, finished files must be unchanged and not written again, every run
folder must be complete, and every summary must be that of a complete run. Every second kill ends only the main process,
whose workers must end by themselves; the others end all processes.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.crash_tests import (
    MAX_ISSUES,
    Tally,
    Workspace,
    count_running_processes,
    file_hashes,
    find_incomplete_runs,
    session_cpu_s,
)

RESUMING_COMMANDS = ("sweep", "montecarlo")
# Folders whose finished files are kept when the command resumes.
RESULT_FOLDERS = ("runs", "draws", "plan")
PARTIAL_TABLE = "sweep.partial.csv"
WORKER_TIME_LIMIT_S = 120.0


@dataclass
class ResumeTally(Tally):
    """Counts of a resume test; `finished_files` counts the files finished before each kill, over all kills."""

    finished_files: int = 0
    kills_of_main_process: int = 0


def run_resume_test(workspace: Workspace, n_kills: int, seed: int, verbose: bool = True) -> ResumeTally:
    """Kill a resuming command `n_kills` times and count the results."""
    rng, tally, iteration = random.Random(seed), ResumeTally(), 0
    runs = workspace.folder / "runs"
    shutil.rmtree(runs)
    finished: dict[str, tuple[str, int]] = {}
    while tally.kills < n_kills and len(tally.issues) < MAX_ISSUES:
        iteration += 1
        pid = workspace.start(workspace.command)
        moment_s = rng.uniform(0, workspace.complete_run_cpu_s)
        status = None
        while status is None and session_cpu_s(pid) < moment_s:
            ended, exit_status = os.waitpid(pid, os.WNOHANG)
            status = exit_status if ended else None
            time.sleep(0.005)
        if status is None:
            kills_main_process_only = iteration % 2 == 0
            (os.kill if kills_main_process_only else os.killpg)(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            tally.kills += 1
            tally.kills_of_main_process += kills_main_process_only
            tally.kills_while_writing += bool(_hidden_names(runs))
            if not _wait_for_workers(pid):
                tally.issues.append(f"kill {tally.kills}: workers still running after {WORKER_TIME_LIMIT_S:.0f} s")
        elif status:
            error_text = (
                (workspace.folder / "stderr.txt").read_text(errors="replace")
                if (workspace.folder / "stderr.txt").is_file()
                else ""
            )
            code = os.waitstatus_to_exitcode(status)
            tally.issues.append(f"restart after kill {tally.kills}: exit code {code}: {error_text[-300:]}")
        current = hash_finished_files(runs)
        tally.finished_files += len(finished)
        lost = [name for name, state in finished.items() if current.get(name) != state]
        tally.issues += [f"kill {tally.kills}: {name} is missing or was written again" for name in lost[:3]]
        tally.issues += [
            f"kill {tally.kills}: {issue}" for out in _output_folders(runs) for issue in _find_issues(out, workspace)
        ]
        if file_hashes(workspace.folder / "earlier") != workspace.earlier:
            tally.issues.append(f"kill {tally.kills}: the earlier run has changed")
        tally.max_temporary_names = max(
            tally.max_temporary_names, len(_hidden_names(runs)) + len(list(workspace.temporary.iterdir()))
        )
        finished = current
        if status == 0:
            tally.ended_before_kill += 1
            tally.complete_runs += 1
            if workspace.output_hashes() != workspace.expected:
                changed = {name for name, _ in set(workspace.output_hashes().items()) ^ set(workspace.expected.items())}
                tally.issues.append(f"complete run after kill {tally.kills}: these files differ: {sorted(changed)[:5]}")
            if hidden := _hidden_names(runs):
                tally.issues.append(f"complete run after kill {tally.kills}: temporary files {hidden}")
            shutil.rmtree(runs)
            finished = {}
        if verbose and iteration % 10 == 0:
            sys.stderr.write(f"{json.dumps(tally.summary())}\n")
    return tally


def hash_finished_files(runs: Path) -> dict[str, tuple[str, int]]:
    """Return finished file → hash and modification time."""
    current = {}
    for out in _output_folders(runs):
        for folder_name in RESULT_FOLDERS:
            for name, sha in (file_hashes(out / folder_name) if (out / folder_name).is_dir() else {}).items():
                path = out / folder_name / name
                current[path.relative_to(runs).as_posix()] = (sha, path.stat().st_mtime_ns)
    return current


def _find_issues(out: Path, workspace: Workspace) -> list[str]:
    """Return incomplete run folders, and top-level files that a complete run does not have."""
    issues = find_incomplete_runs(out / "runs") if (out / "runs").is_dir() else []
    issues += find_incomplete_runs(out, only=("plan",)) if (out / "plan").is_dir() else []
    for path in out.iterdir():
        if path.is_file() and not path.name.startswith(".") and path.name != PARTIAL_TABLE:
            name = f"{out.name}/{path.name}"
            if name not in workspace.expected or file_hashes(out).get(path.name) != workspace.expected[name]:
                issues.append(f"{name}: not a file of a complete run")
    return issues


def _output_folders(runs: Path) -> list[Path]:
    if not runs.is_dir():
        return []
    return sorted(path for path in runs.iterdir() if path.is_dir() and not path.name.startswith("."))


def _hidden_names(runs: Path) -> list[str]:
    return sorted(path.relative_to(runs).as_posix() for path in runs.rglob(".*")) if runs.is_dir() else []


def _wait_for_workers(pid: int) -> bool:
    """Return whether all processes of the session end by themselves within the time limit; kill them otherwise."""
    deadline = time.monotonic() + WORKER_TIME_LIMIT_S
    while count_running_processes(pid):
        if time.monotonic() > deadline:
            os.killpg(pid, signal.SIGKILL)
            return False
        time.sleep(0.02)
    return True
