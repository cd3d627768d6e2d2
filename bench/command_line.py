"""B10: `--help`, and `optimize` of the pilot zones from the shell to the last output file."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.measurement import Figure, report_progress
from bench.network import ROOT

GOAL_HELP_S, GOAL_OPTIMIZE_CPU_S = 0.3, 30.0
N_RUNS = 5


def time_command(*arguments: str) -> tuple[float, float]:
    """Return wall seconds and CPU seconds of `python -m ccs_model ARGUMENTS`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "ccs_model", *arguments],
        check=True,
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    wall_s = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def figures(*, quick: bool = False) -> Iterator[Figure]:
    """Yield B10: wall seconds of `--help`, CPU seconds of `optimize`."""
    help_s = [time_command("--help")[0] for _ in range(1 if quick else N_RUNS)]
    yield Figure("B10", "ccs-model --help, wall time", "s", median(help_s), GOAL_HELP_S, {}, {"help_s": help_s})
    name = "shanxi" if quick else "pilot-zones"
    report_progress(f"B10: optimize scenarios/{name}.yaml")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        wall_s, cpu_s = time_command("optimize", f"scenarios/{name}.yaml", "--out", str(out), "--quiet")
    yield Figure("B10", f"optimize {name}, CPU", "s", cpu_s, GOAL_OPTIMIZE_CPU_S, {"wall_s": wall_s})
