"""SIGKILL of commands that resume: the runs of a sweep and the chunks of a Monte Carlo run, kept once finished.

The same command starts on what the previous kill left, and is killed at a moment drawn uniformly over the CPU time of a
complete run. This repeats until the command completes. The result must have the bytes of an undisturbed run; then the
test starts again from nothing. After each kill, finished parts are unchanged and were not written again, every run
folder is complete, and every summary is that of a complete run. Every second kill ends only the main process, whose
workers must end by themselves; the others end all processes.
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

from bench.crash_tests import MOST_FAULTS, Desk, Tally, half_made, hashes, n_running, seconds_of_all

GOES_ON = ("sweep", "montecarlo")
# Folders of parts that are kept once finished.
KEPT = ("runs", "draws", "plan")
PARTIAL = "sweep.partial.csv"
PATIENCE_S = 120.0


@dataclass
class GoneOn(Tally):
    """Counts of a test; `kept` is the number of files finished before a kill, summed over all kills."""

    kept: int = 0
    kills_of_one_process: int = 0


def kill_and_go_on(desk: Desk, n_kills: int, seed: int, say: bool = True) -> GoneOn:
    """Kill a resuming command `n_kills` times and count the results."""
    drawn, tally, turn = random.Random(seed), GoneOn(), 0
    runs = desk.folder / "runs"
    shutil.rmtree(runs)
    finished: dict[str, tuple[str, int]] = {}
    while tally.kills < n_kills and len(tally.issues) < MOST_FAULTS:
        turn += 1
        pid = desk.start(desk.command)
        moment_s = drawn.uniform(0, desk.whole_s)
        status = None
        while status is None and seconds_of_all(pid) < moment_s:
            ended, message = os.waitpid(pid, os.WNOHANG)
            status = message if ended else None
            time.sleep(0.005)
        if status is None:
            is_alone = turn % 2 == 0
            (os.kill if is_alone else os.killpg)(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            tally.kills += 1
            tally.kills_of_one_process += is_alone
            tally.kills_while_writing += bool(_half_written(runs))
            if not _is_over(pid):
                tally.issues.append(f"kill {tally.kills}: workers still ran after {PATIENCE_S:.0f} s")
        elif status:
            words = (desk.folder / "said").read_text(errors="replace") if (desk.folder / "said").is_file() else ""
            code = os.waitstatus_to_exitcode(status)
            tally.issues.append(f"the start after kill {tally.kills} ended by itself with {code}: {words[-300:]}")
        found = kept_in(runs)
        tally.kept += len(finished)
        lost = [name for name, state in finished.items() if found.get(name) != state]
        tally.issues += [f"kill {tally.kills}: {name} is lost or was made again" for name in lost[:3]]
        tally.issues += [f"kill {tally.kills}: {words}" for out in _outs(runs) for words in _wrong(out, desk)]
        if hashes(desk.folder / "earlier") != desk.earlier:
            tally.issues.append(f"kill {tally.kills}: the earlier run has changed")
        tally.most_left = max(tally.most_left, len(_half_written(runs)) + len(list(desk.temporary.iterdir())))
        finished = found
        if status == 0:
            tally.ended_before_the_kill += 1
            tally.whole_runs += 1
            if desk.files() != desk.first:
                changed = {name for name, _ in set(desk.files().items()) ^ set(desk.first.items())}
                tally.issues.append(f"the whole run after kill {tally.kills} gave other files: {sorted(changed)[:5]}")
            if left := _half_written(runs):
                tally.issues.append(f"the whole run after kill {tally.kills} left {left}")
            shutil.rmtree(runs)
            finished = {}
        if say and turn % 10 == 0:
            sys.stderr.write(f"{json.dumps(tally.shown())}\n")
    return tally


def kept_in(runs: Path) -> dict[str, tuple[str, int]]:
    """Finished file → its hash and the time it was written."""
    found = {}
    for out in _outs(runs):
        for kind in KEPT:
            for name, sha in (hashes(out / kind) if (out / kind).is_dir() else {}).items():
                path = out / kind / name
                found[path.relative_to(runs).as_posix()] = (sha, path.stat().st_mtime_ns)
    return found


def _wrong(out: Path, desk: Desk) -> list[str]:
    """Incomplete run folders, and top-level files that a complete run does not have."""
    wrong = half_made(out / "runs") if (out / "runs").is_dir() else []
    wrong += half_made(out, only=("plan",)) if (out / "plan").is_dir() else []
    for path in out.iterdir():
        if path.is_file() and not path.name.startswith(".") and path.name != PARTIAL:
            name = f"{out.name}/{path.name}"
            if name not in desk.first or hashes(out).get(path.name) != desk.first[name]:
                wrong.append(f"{name}: is none of a whole run")
    return wrong


def _outs(runs: Path) -> list[Path]:
    if not runs.is_dir():
        return []
    return sorted(path for path in runs.iterdir() if path.is_dir() and not path.name.startswith("."))


def _half_written(runs: Path) -> list[str]:
    return sorted(path.relative_to(runs).as_posix() for path in runs.rglob(".*")) if runs.is_dir() else []


def _is_over(pid: int) -> bool:
    """Whether every process of the session ends by itself within the patience."""
    until = time.monotonic() + PATIENCE_S
    while n_running(pid):
        if time.monotonic() > until:
            os.killpg(pid, signal.SIGKILL)
            return False
        time.sleep(0.02)
    return True
