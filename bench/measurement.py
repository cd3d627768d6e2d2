"""Figures, the machine they were measured on, their output, and runs in separate processes."""

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
Unit = Literal["ratio", "share", "difference", "s"]

SCHEMA = "ccs-model/bench/2"
# The libraries of numpy use one thread per core unless these variables are set before they load.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Figure:
    """One measured number. `goal` is its upper limit; None where there is no goal.

    `value` is None where no plan was found or the optimum was missed. `peers` were measured in the same run. `samples`
    are the single runs behind value and peers.
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
        """Whether the goal is reached; None without one."""
        return None if self.goal is None else self.value is not None and self.value <= self.goal


def finite(value: float) -> float | None:
    """The value, or None if it is not finite, since JSON has no infinity."""
    return value if math.isfinite(value) else None


def middle(values: Sequence[float]) -> float | None:
    """The median, or None if it is infinite."""
    return finite(median(values))


def apart(function: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """Call `function` in a new process with one thread per library; return its result or raise its error."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(function, *given, **named).result()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def say(line: str) -> None:
    """Write one line of progress to stderr."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def machine() -> dict[str, Any]:
    """CPU model and number of cores."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        named = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = named[0].partition(":")[2].strip() if named else model
    return {"cpu": model, "cores": os.cpu_count()}


def versions() -> dict[str, str]:
    """Versions of Python, the solver, the modelling library and the package."""
    libraries = {name: version(name) for name in ("highspy", "pyomo")}
    return {"python": platform.python_version(), **libraries, "ccs_model": ccs_model.__version__}


def as_json(figures: Sequence[Figure]) -> str:
    """The figures as one JSON object. Every row carries machine and versions, so it can be stored on its own."""
    where = {"machine": machine(), "versions": versions()}
    rows = [{**asdict(figure), "met": figure.met, **where} for figure in figures]
    return json.dumps({"schema": SCHEMA, "figures": rows}, indent=1, ensure_ascii=False, allow_nan=False)


def as_table(figures: Sequence[Figure]) -> str:
    """The figures as a text table, with machine and versions below."""
    heads = ("id", "what", "value", "goal", "met", "peers")
    rows = [
        (
            figure.id,
            figure.what,
            _shown(figure.value, figure.unit),
            "" if figure.goal is None else f"≤ {_shown(figure.goal, figure.unit)}",
            {None: "", True: "yes", False: "no"}[figure.met],
            ", ".join(f"{name} {_shown(value, _unit_of(name, figure))}" for name, value in figure.peers.items()),
        )
        for figure in figures
    ]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in (heads, *rows)]
    lines.insert(1, "  ".join("-" * width for width in widths))
    on = machine()
    with_what = ", ".join(f"{name} {number}" for name, number in versions().items())
    return "\n".join([*(line.rstrip() for line in lines), "", f"{on['cpu']}, {on['cores']} cores; {with_what}"])


def _unit_of(peer: str, figure: Figure) -> Unit:
    """Unit of a peer: seconds if its name ends in `_s`, otherwise the unit of the figure."""
    return "s" if peer.endswith("_s") else figure.unit


def _shown(value: float | None, unit: Unit) -> str:
    if value is None:
        return "none"
    if unit == "share":
        return f"{100 * value:.2f} %"
    if unit == "difference":
        return f"{value:.0e}"
    if unit == "s":
        return f"{value:.1f} s" if abs(value) >= 1.0 else f"{value:.3g} s"
    return f"{value:.2f}"
