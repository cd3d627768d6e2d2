"""`python -m bench.growth FILE.svg [--quick]`: CPU time against plants and against periods, as a chart.

Measured are the LP from the matrix to its proof (`generated_models`), and a complete run without its files: reading,
building the problem and the model, solving, tables and checks (`generated_inventories`, integer decisions, own pipes).
"""

from __future__ import annotations

import math
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import ccs_model as ccs
from bench.generated_inventories import write_works
from bench.large_models import highs_on_made, sifted_s
from bench.measurement import apart, say
from ccs_model.mip.grouped_milp import PAYS_COLUMNS
from ccs_model.problem.scenario_names import read_checked

_PLANTS = (100, 1_000, 10_000, 50_000)
_PERIODS = (1, 3, 6, 12)
_PLANTS_OF_PERIODS = 4_000
_WORKS = (100, 1_000, 3_000, 10_000)
_WORKS_OF_PERIODS = 300
_FIRST_YEAR, _HORIZON_Y = 2026, 24
_WIDTH, _HEIGHT, _MARGIN, _COLUMNS = 420, 260, 50, 2
_GREEN, _INK, _GREY = "#1B6637", "#222", "#ccc"


@dataclass(frozen=True)
class Curve:
    """CPU seconds, and peak memory in GB where measured, against plants or periods."""

    title: str
    axis: str
    points: Sequence[tuple[int, float, float | None]]


def measured(*, quick: bool = False) -> Iterator[Curve]:
    """Yield each curve once it is measured."""
    plants, periods, works = (each[:1] if quick else each for each in (_PLANTS, _PERIODS, _WORKS))
    n_plants, n_works = (100, 40) if quick else (_PLANTS_OF_PERIODS, _WORKS_OF_PERIODS)
    linear, whole = "The linear program alone", "Whole plans, pipes of their own"
    yield Curve(f"{linear}, 6 periods", "plants", [(n, *_linear(n, 6)) for n in plants])
    yield Curve(f"{linear}, {n_plants:,} plants", "periods", [(n, *_linear(n_plants, n)) for n in periods])
    yield Curve(f"{whole}, 3 periods", "works", [(n, *apart(_chain, n, 3)) for n in works])
    yield Curve(f"{whole}, {n_works} works", "periods", [(n, *apart(_chain, n_works, n)) for n in periods])


def _linear(n_plants: int, n_periods: int) -> tuple[float, None]:
    """Solve the LP as the package does: by sifting if it is large enough, otherwise with HiGHS."""
    by_groups = 4 * n_plants * n_periods >= PAYS_COLUMNS
    run = apart(sifted_s, n_plants, n_periods) if by_groups else apart(highs_on_made, n_plants, n_periods)
    if not run.gap <= 1e-6:
        raise RuntimeError(f"{n_plants} plants, {n_periods} periods: the linear program was not proven")
    return run.cpu_s, None


def _chain(n_works: int, n_periods: int) -> tuple[float, float]:
    years = [_FIRST_YEAR + k * _HORIZON_Y // n_periods for k in range(n_periods + 1)]
    with tempfile.TemporaryDirectory() as home:
        path = write_works(n_works, years, Path(home))
        began = time.process_time()
        scenario, inputs = read_checked(path)
        ccs.solve(ccs.build_problem(scenario, inputs))
        spent = time.process_time() - began
    return spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def drawn(curves: Sequence[Curve]) -> str:
    """Draw two curves per row on logarithmic axes, each point with its seconds."""
    panels = [_panel(curve, k % _COLUMNS * _WIDTH, k // _COLUMNS * _HEIGHT) for k, curve in enumerate(curves)]
    size = f'width="{_WIDTH * _COLUMNS}" height="{_HEIGHT * -(-len(curves) // _COLUMNS)}"'
    style = 'font-family="sans-serif" font-size="11" fill="none"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n' + "\n".join(panels) + "\n</svg>\n"


def _panel(curve: Curve, left: float, top: float) -> str:
    xs = [math.log10(n) for n, _, _ in curve.points]
    ys = [math.log10(max(seconds, 1e-3)) for _, seconds, _ in curve.points]
    wide = max(max(xs) - min(xs), 1e-9)
    # Integer powers of ten, so that the panels are comparable.
    low, high = math.floor(min(ys)), math.ceil(max(ys) + 1e-9)

    def x_of(x: float) -> float:
        return left + _MARGIN + (x - min(xs)) / wide * (_WIDTH - 2 * _MARGIN)

    def y_of(y: float) -> float:
        return top + _HEIGHT - _MARGIN - (y - low) / (high - low) * (_HEIGHT - 2 * _MARGIN - 10)

    shown = []
    for power in range(low, high + 1):
        at = y_of(power)
        shown.append(f'<line x1="{left + 40}" y1="{at:.1f}" x2="{left + _WIDTH - 20}" y2="{at:.1f}" stroke="{_GREY}"/>')
        shown.append(_text(left + 36, at + 4, f"{10.0**power:g} s", "end"))
    line = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in zip(xs, ys, strict=True))
    shown.append(f'<polyline points="{line}" stroke="{_GREEN}" stroke-width="2"/>')
    for x, y, (n, seconds, peak_gb) in zip(xs, ys, curve.points, strict=True):
        memory = "" if peak_gb is None else f", {peak_gb:.1f} GB"
        shown.append(f'<circle cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="3" fill="{_GREEN}"/>')
        shown.append(_text(x_of(x), y_of(y) - 8, f"{_seconds(seconds)}{memory}", "middle"))
        shown.append(_text(x_of(x), top + _HEIGHT - _MARGIN + 16, f"{n:,}", "middle"))
    shown.append(_text(left + _WIDTH / 2, top + 18, f"{curve.title}: CPU seconds", "middle"))
    shown.append(_text(left + _WIDTH / 2, top + _HEIGHT - 16, curve.axis, "middle"))
    return "\n".join(shown)


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{_INK}">{words}</text>'


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def main() -> None:
    """Measure the curves, redraw the chart after each, and print the values."""
    curves: list[Curve] = []
    for curve in measured(quick="--quick" in sys.argv[2:]):
        curves.append(curve)
        Path(sys.argv[1]).write_text(drawn(curves), encoding="utf-8")
        row = ", ".join(
            f"{n:,} {_seconds(seconds)}" + ("" if peak_gb is None else f" ({peak_gb:.1f} GB)")
            for n, seconds, peak_gb in curve.points
        )
        say(f"{curve.title}, against {curve.axis}: {row}")


if __name__ == "__main__":
    main()
