"""Measure how long a command takes to end after Ctrl-C at a random moment, and check that nothing is left."""

from __future__ import annotations

import os
import random
import shutil
import signal
import statistics
import time

from bench.crash_tests import MOST_FAULTS, Desk, hashes, seconds_of, seconds_of_all

INTERRUPTED = 130


def interrupt_often(desk: Desk, n_times: int, seed: int) -> dict[str, object]:
    """Wall and CPU seconds from SIGINT to the end (median, worst), and the failures."""
    drawn = random.Random(seed)
    runs = desk.folder / "runs"
    issues: list[str] = []
    waited_s: list[float] = []
    used_s: list[float] = []
    ended_before = 0
    while len(waited_s) < n_times and len(issues) < MOST_FAULTS:
        shutil.rmtree(runs, ignore_errors=True)
        pid = desk.start(desk.command)
        # Before the first import, Python itself would print a traceback.
        moment_s = drawn.uniform(0.0 if desk.forked else 0.1, desk.whole_s)
        code = None
        while code is None and seconds_of(pid) < moment_s:
            ended, status = os.waitpid(pid, os.WNOHANG)
            code = os.waitstatus_to_exitcode(status) if ended else None
            time.sleep(0.002)
        if code is not None:
            ended_before += 1
            continue
        used, before_s, began = 0.0, seconds_of_all(pid), time.monotonic()
        os.kill(pid, signal.SIGINT)
        while True:
            now_s = seconds_of_all(pid)
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                break
            used = now_s - before_s
            time.sleep(0.002)
        waited_s.append(time.monotonic() - began)
        used_s.append(max(used, 0.0))
        code = os.waitstatus_to_exitcode(status)
        at = f"Ctrl-C {len(waited_s)} at {moment_s:.2f} s"
        if code == 0:
            ended_before += 1  # it was already complete except for its last steps
        elif code != INTERRUPTED:
            issues.append(f"{at}: ended with {code}")
        elif runs.exists():
            issues.append(f"{at}: left {sorted(path.name for path in runs.rglob('*'))[:5]}")
        if left := sorted(path.name for path in desk.left()):
            issues.append(f"{at}: left {left}")
        if hashes(desk.folder / "earlier") != desk.earlier:
            issues.append(f"{at}: the earlier run has changed")
    return {
        "ctrl_c": len(waited_s),
        "ended_before": ended_before,
        "median_s": round(statistics.median(waited_s), 3),
        "worst_s": round(max(waited_s), 3),
        "median_cpu_s": round(statistics.median(used_s), 3),
        "worst_cpu_s": round(max(used_s), 3),
        "issues": issues,
    }
