"""Measure how long a command takes to end after Ctrl-C at a random moment, and check that no temporary files remain."""

from __future__ import annotations

import os
import random
import shutil
import signal
import statistics
import time

from bench.crash_tests import MAX_ISSUES, Workspace, file_hashes, process_cpu_s, session_cpu_s

EXIT_INTERRUPTED = 130


def measure_interruptions(workspace: Workspace, n_interruptions: int, seed: int) -> dict[str, object]:
    """Return median and maximum of wall and CPU seconds from SIGINT to the end, and the failures."""
    rng = random.Random(seed)
    runs = workspace.folder / "runs"
    issues: list[str] = []
    wall_s: list[float] = []
    cpu_s: list[float] = []
    n_ended_before = 0
    while len(wall_s) < n_interruptions and len(issues) < MAX_ISSUES:
        shutil.rmtree(runs, ignore_errors=True)
        pid = workspace.start(workspace.command)
        # Before the first import, Python itself prints a traceback.
        moment_s = rng.uniform(0.0 if workspace.forked else 0.1, workspace.complete_run_cpu_s)
        code = None
        while code is None and process_cpu_s(pid) < moment_s:
            ended, status = os.waitpid(pid, os.WNOHANG)
            code = os.waitstatus_to_exitcode(status) if ended else None
            time.sleep(0.002)
        if code is not None:
            n_ended_before += 1
            continue
        cpu_used_s, cpu_before_s, started = 0.0, session_cpu_s(pid), time.monotonic()
        os.kill(pid, signal.SIGINT)
        while True:
            cpu_now_s = session_cpu_s(pid)
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                break
            cpu_used_s = cpu_now_s - cpu_before_s
            time.sleep(0.002)
        wall_s.append(time.monotonic() - started)
        cpu_s.append(max(cpu_used_s, 0.0))
        code = os.waitstatus_to_exitcode(status)
        label = f"Ctrl-C {len(wall_s)} at {moment_s:.2f} s"
        if code == 0:
            n_ended_before += 1  # already complete except for the last steps
        elif code != EXIT_INTERRUPTED:
            issues.append(f"{label}: exit code {code}")
        elif runs.exists():
            issues.append(f"{label}: files in runs {sorted(path.name for path in runs.rglob('*'))[:5]}")
        if remaining := sorted(path.name for path in workspace.temporary_paths()):
            issues.append(f"{label}: temporary files {remaining}")
        if file_hashes(workspace.folder / "earlier") != workspace.earlier:
            issues.append(f"{label}: the earlier run has changed")
    return {
        "ctrl_c": len(wall_s),
        "ended_before_interruption": n_ended_before,
        "median_s": round(statistics.median(wall_s), 3),
        "worst_s": round(max(wall_s), 3),
        "median_cpu_s": round(statistics.median(cpu_s), 3),
        "worst_cpu_s": round(max(cpu_s), 3),
        "issues": issues,
    }
