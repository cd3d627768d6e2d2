"""`python -m bench.growth FILE.svg [--quick]`: CPU time against the number of plants and periods, as a chart.

Two measurements: the LP of a generated model (`generated_models`), from the matrix to the optimality proof; and a run
with own pipes and integer decisions (`generated_inventories`), from reading to tables and checks, without its files.
"""

from __future__ import annotations

import argparse
import math
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import ccs_model as ccs
from bench.generated_inventories import write_scenario
from bench.large_models import solve_generated_lp, solve_generated_lp_with_highs
from bench.measurement import report_progress, run_in_process
from ccs_model.mip.grouped_milp import PAYS_COLUMNS
from ccs_model.problem.scenario_names import read_checked

_LP_PLANTS = (100, 1_000, 10_000, 50_000)
_PERIODS = (1, 3, 6, 12)
_LP_PLANTS_BY_PERIOD = 4_000
_OWN_PIPE_PLANTS = (100, 1_000, 3_000, 10_000)
_OWN_PIPE_PLANTS_BY_PERIOD = 300
_FIRST_YEAR, _HORIZON_YR = 2026, 24
_WIDTH, _HEIGHT, _MARGIN, _COLUMNS = 420, 260, 50, 2
_GREEN, _INK, _GREY = "#1B6637", "#222", "#ccc"


@dataclass(frozen=True)
class Curve:
    """CPU seconds and, where measured, peak memory in GB against the number of plants or periods."""

    title: str
    axis: str
    points: Sequence[tuple[int, float, float | None]]


def measure_curves(*, quick: bool = False) -> Iterator[Curve]:
    """Yield each curve as soon as it is measured."""
    lp_plants, periods, own_pipe_plants = (
        each[:1] if quick else each for each in (_LP_PLANTS, _PERIODS, _OWN_PIPE_PLANTS)
    )
    n_plants, n_own_pipe_plants = (100, 40) if quick else (_LP_PLANTS_BY_PERIOD, _OWN_PIPE_PLANTS_BY_PERIOD)
    lp_title, run_title = "LP alone", "Integer plans, own pipes"
    yield Curve(f"{lp_title}, 6 periods", "plants", [(n, *_measure_lp(n, 6)) for n in lp_plants])
    yield Curve(f"{lp_title}, {n_plants:,} plants", "periods", [(n, *_measure_lp(n_plants, n)) for n in periods])
    yield Curve(
        f"{run_title}, 3 periods", "plants", [(n, *run_in_process(_measure_run, n, 3)) for n in own_pipe_plants]
    )
    yield Curve(
        f"{run_title}, {n_own_pipe_plants} plants",
        "periods",
        [(n, *run_in_process(_measure_run, n_own_pipe_plants, n)) for n in periods],
    )


def _measure_lp(n_plants: int, n_periods: int) -> tuple[float, None]:
    """Solve the LP as the package does: by sifting if it is large enough, otherwise with HiGHS."""
    uses_sifting = 4 * n_plants * n_periods >= PAYS_COLUMNS
    run = (
        run_in_process(solve_generated_lp, n_plants, n_periods)
        if uses_sifting
        else run_in_process(solve_generated_lp_with_highs, n_plants, n_periods)
    )
    if not run.gap <= 1e-6:
        raise RuntimeError(f"{n_plants} plants, {n_periods} periods: the LP was not solved to optimality")
    return run.cpu_s, None


def _measure_run(n_own_pipe_plants: int, n_periods: int) -> tuple[float, float]:
    years = [_FIRST_YEAR + k * _HORIZON_YR // n_periods for k in range(n_periods + 1)]
    with tempfile.TemporaryDirectory() as folder:
        path = write_scenario(n_own_pipe_plants, years, Path(folder))
        started = time.process_time()
        scenario, inputs = read_checked(path)
        ccs.solve(ccs.build_problem(scenario, inputs))
        used_s = time.process_time() - started
    return used_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def draw_chart(curves: Sequence[Curve]) -> str:
    """Draw two curves per row on logarithmic axes, each point with its seconds."""
    panels = [_draw_panel(curve, k % _COLUMNS * _WIDTH, k // _COLUMNS * _HEIGHT) for k, curve in enumerate(curves)]
    size = f'width="{_WIDTH * _COLUMNS}" height="{_HEIGHT * -(-len(curves) // _COLUMNS)}"'
    style = 'font-family="sans-serif" font-size="11" fill="none"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n' + "\n".join(panels) + "\n</svg>\n"


def _draw_panel(curve: Curve, left: float, top: float) -> str:
    xs = [math.log10(n) for n, _, _ in curve.points]
    ys = [math.log10(max(seconds, 1e-3)) for _, seconds, _ in curve.points]
    x_range = max(max(xs) - min(xs), 1e-9)
    # Axes end at powers of ten, so that panels are comparable.
    low, high = math.floor(min(ys)), math.ceil(max(ys) + 1e-9)

    def x_of(x: float) -> float:
        return left + _MARGIN + (x - min(xs)) / x_range * (_WIDTH - 2 * _MARGIN)

    def y_of(y: float) -> float:
        return top + _HEIGHT - _MARGIN - (y - low) / (high - low) * (_HEIGHT - 2 * _MARGIN - 10)

    elements = []
    for power in range(low, high + 1):
        y_grid = y_of(power)
        elements.append(
            f'<line x1="{left + 40}" y1="{y_grid:.1f}" x2="{left + _WIDTH - 20}" y2="{y_grid:.1f}" stroke="{_GREY}"/>'
        )
        elements.append(_draw_text(left + 36, y_grid + 4, f"{10.0**power:g} s", "end"))
    line = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in zip(xs, ys, strict=True))
    elements.append(f'<polyline points="{line}" stroke="{_GREEN}" stroke-width="2"/>')
    for x, y, (n, seconds, peak_gb) in zip(xs, ys, curve.points, strict=True):
        memory = "" if peak_gb is None else f", {peak_gb:.1f} GB"
        elements.append(f'<circle cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="3" fill="{_GREEN}"/>')
        elements.append(_draw_text(x_of(x), y_of(y) - 8, f"{_format_seconds(seconds)}{memory}", "middle"))
        elements.append(_draw_text(x_of(x), top + _HEIGHT - _MARGIN + 16, f"{n:,}", "middle"))
    elements.append(_draw_text(left + _WIDTH / 2, top + 18, f"{curve.title}: CPU seconds", "middle"))
    elements.append(_draw_text(left + _WIDTH / 2, top + _HEIGHT - 16, curve.axis, "middle"))
    return "\n".join(elements)


def _draw_text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{_INK}">{text}</text>'


def _format_seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def main() -> None:
    """Measure the curves, rewrite the chart after each, and print the values."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.growth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="chart to write, in SVG")
    parser.add_argument("--quick", action="store_true", help="measure only the smallest case of each curve")
    args = parser.parse_args()
    curves: list[Curve] = []
    for curve in measure_curves(quick=args.quick):
        curves.append(curve)
        args.file.write_text(draw_chart(curves), encoding="utf-8")
        row = ", ".join(
            f"{n:,} {_format_seconds(seconds)}" + ("" if peak_gb is None else f" ({peak_gb:.1f} GB)")
            for n, seconds, peak_gb in curve.points
        )
        report_progress(f"{curve.title}, against {curve.axis}: {row}")


if __name__ == "__main__":
    main()
