"""A figure, what it was measured on, and how figures are shown; and work done in a process of its own."""

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
# numpy's libraries take as many threads as there are cores unless they are told before they are loaded.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Figure:
    """One measured number. `goal` is the most it may be; None where there is none.

    `value` is None where nothing was reached: no plan, or not the optimum. `peers` are numbers measured beside it in
    the same run, `samples` the single runs behind value and peers.
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
    """JSON knows no infinity: None instead."""
    return value if math.isfinite(value) else None


def middle(values: Sequence[float]) -> float | None:
    """The median; None where it is infinite."""
    return finite(median(values))


def apart(function: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """`function` in a fresh process with one thread for numpy's libraries; its result, or its error."""
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
    """What is going on, beside the answer."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def machine() -> dict[str, Any]:
    """CPU model and cores."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        named = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = named[0].partition(":")[2].strip() if named else model
    return {"cpu": model, "cores": os.cpu_count()}


def versions() -> dict[str, str]:
    """Of what the figures depend on."""
    libraries = {name: version(name) for name in ("highspy", "pyomo")}
    return {"python": platform.python_version(), **libraries, "ccs_model": ccs_model.__version__}


def as_json(figures: Sequence[Figure]) -> str:
    """One object; every row carries machine and versions, so that a row can be kept by itself."""
    where = {"machine": machine(), "versions": versions()}
    rows = [{**asdict(figure), "met": figure.met, **where} for figure in figures]
    return json.dumps({"schema": SCHEMA, "figures": rows}, indent=1, ensure_ascii=False, allow_nan=False)


def as_table(figures: Sequence[Figure]) -> str:
    """The same as text: a row a figure, and below what it was measured on."""
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
    """A peer in seconds says so by its name; others are of the figure's own kind."""
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
