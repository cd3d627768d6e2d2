"""Benchmark figures, their output as JSON or a table, and measurements in separate processes."""

from __future__ import annotations

import json
import math
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, Literal, ParamSpec, TypeVar

import ccs_model

P = ParamSpec("P")
T = TypeVar("T")
Unit = Literal["ratio", "share", "difference", "s", "count"]

SCHEMA = "ccs-model/bench/2"
# NumPy's linear algebra libraries use one thread per core unless these variables are set before they are loaded.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    `goal` is an upper limit, or None if no goal is set. `value` is None if no plan was found or the optimum was not
    reached. `peers` holds the figures of the peers in the same run. `samples` holds the individual runs.
    """

    id: str
    what: str
    unit: Unit
    value: float | None
    goal: float | None = None
    peers: Mapping[str, float | None] = field(default_factory=dict)
    samples: Mapping[str, Sequence[float | None]] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """Whether the value meets the goal; None if no goal is set."""
        return None if self.goal is None else self.value is not None and self.value <= self.goal


def finite_or_none(value: float) -> float | None:
    """Return the value, or None if it is not finite, because JSON has no infinity."""
    return value if math.isfinite(value) else None


def finite_median(values: Sequence[float]) -> float | None:
    """Return the median, or None if it is not finite."""
    return finite_or_none(median(values))


def run_in_process(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `function` in a new process with one thread per numerical library; return its result or raise its error."""
    saved = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(function, *args, **kwargs).result()
    finally:
        for name, value in saved.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def report_progress(line: str) -> None:
    """Write one line of progress to stderr."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def machine() -> dict[str, Any]:
    """Return the CPU model and the number of cores."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        models = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = models[0].partition(":")[2].strip() if models else model
    return {"cpu": model, "cores": os.cpu_count()}


def versions() -> dict[str, str]:
    """Return the versions of Python, HiGHS, Pyomo and the package."""
    libraries = {name: version(name) for name in ("highspy", "pyomo")}
    return {"python": platform.python_version(), **libraries, "ccs_model": ccs_model.__version__}


def as_json(figures: Sequence[Figure]) -> str:
    """Format the figures as one JSON object, in which each row states machine and versions."""
    context = {"machine": machine(), "versions": versions()}
    rows = [{**asdict(figure), "met": figure.met, **context} for figure in figures]
    return json.dumps({"schema": SCHEMA, "figures": rows}, indent=1, ensure_ascii=False, allow_nan=False)


def as_table(figures: Sequence[Figure]) -> str:
    """Format the figures as a text table, followed by machine and versions."""
    header = ("id", "what", "value", "goal", "met", "peers")
    rows = [
        (
            figure.id,
            figure.what,
            _format_value(figure.value, figure.unit),
            "" if figure.goal is None else f"≤ {_format_value(figure.goal, figure.unit)}",
            {None: "", True: "yes", False: "no"}[figure.met],
            ", ".join(f"{name} {_format_value(value, _unit_of(name, figure))}" for name, value in figure.peers.items()),
        )
        for figure in figures
    ]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in (header, *rows)]
    lines.insert(1, "  ".join("-" * width for width in widths))
    host = machine()
    releases = ", ".join(f"{name} {release}" for name, release in versions().items())
    return "\n".join([*(line.rstrip() for line in lines), "", f"{host['cpu']}, {host['cores']} cores; {releases}"])


def _unit_of(peer: str, figure: Figure) -> Unit:
    """Return the unit of a peer: seconds if its name ends in `_s`, a count after `n_`, otherwise that of the figure."""
    return "s" if peer.endswith("_s") else "count" if peer.startswith("n_") else figure.unit


def _format_value(value: float | None, unit: Unit) -> str:
    if value is None:
        return "none"
    if unit == "share":
        return f"{100 * value:.2f} %"
    if unit == "difference":
        return f"{value:.0e}"
    if unit == "count":
        return f"{value:,.0f}"
    if unit == "s":
        return f"{value:.1f} s" if abs(value) >= 1.0 else f"{value:.3g} s"
    return f"{value:.2f}"
