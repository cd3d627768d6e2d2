"""B6 and B11: re-optimised uncertainty scenarios against cold solves, and two worker processes against one."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pandas as pd

from bench.measurement import Figure, report_progress, run_in_process
from ccs_model.analysis.monte_carlo import montecarlo
from ccs_model.analysis.outcomes import FutureEvaluator, relax_integrality
from ccs_model.analysis.uncertain_inputs import draw_futures
from ccs_model.inputs import load_inputs
from ccs_model.mip import Highs, SolverOptions
from ccs_model.plan.decisions import POINT_COLUMNS
from ccs_model.problem import build_problem
from ccs_model.scenario import Scenario

# About 300 plants of the shipped inventories with own pipes and two periods.
SCENARIO = {
    "name": "Three hundred plants",
    "years": [2026, 2031],
    "plants": {"inventory": ["steel", "chemicals"], "min_emissions_ktpa": 400},
    "transport": {"shared_trunklines": False},
    "storage": {"sites": ["Ordos", "Bohai Bay", "Subei"]},
    "capture": {"technologies": ["amine", "compression"], "decisions": "continuous"},
    "budget": {"total_mn": 60_000},
    "calibration": {"use": "median"},
    "solver": {"threads": 1},
}
GOAL_PER_S, GOAL_RATIO, GOAL_SPEED_UP = 40.0, 4.0, 1.8
N_RUNS, N_DRAWS, N_COLD = 5, 1_000, 8


def scenario_figures(*, quick: bool = False) -> Iterator[Figure]:
    """Yield B6: CPU seconds per uncertainty scenario, in full and for the LP alone."""
    yield from run_in_process(_compare_with_cold, 1 if quick else N_RUNS)


def process_figures(*, quick: bool = False) -> Iterator[Figure]:
    """Yield B11: two processes against one. The run is long, because one process prepares it."""
    yield run_in_process(_compare_process_counts, 200 if quick else 20_000)


def _compare_with_cold(runs: int) -> list[Figure]:
    problem = build_problem(Scenario.from_dict(SCENARIO), load_inputs())
    report_progress(
        f"B6: {int(problem.plants['is_candidate'].sum())} plants, {len(problem.routes)} source–sink options"
    )
    # As many scenarios as a full run, so that the chunks are equally homogeneous.
    futures = draw_futures(problem, N_DRAWS, 1)
    evaluator = FutureEvaluator(futures, pd.DataFrame(columns=POINT_COLUMNS))
    full_s, solve_s, cold_s = [], [], []
    for run in range(1, runs + 1):
        chunk = run * len(evaluator.chunks) // (runs + 1)
        indices = [int(k) for k in evaluator.chunks[chunk]]
        started = time.process_time()
        evaluator.text(chunk)
        full_s.append((time.process_time() - started) / len(indices))
        future_models = [(evaluator.future_models.of(k), futures.of(k)) for k in indices]
        evaluator.replanner.reset(evaluator.mark)
        started = time.process_time()
        for future in future_models:
            evaluator.replanner.solve_future(*future)
        solve_s.append((time.process_time() - started) / len(indices))
        started = time.process_time()
        for future_model, _ in future_models[:N_COLD]:
            Highs(relax_integrality(future_model.matrix), SolverOptions(0.0, 1)).run(600.0, "cold")
        cold_s.append((time.process_time() - started) / N_COLD)
    peers = {"solve_s": median(solve_s), "cold_solve_s": median(cold_s)}
    samples = {"future_s": full_s, "solve_s": solve_s, "cold_solve_s": cold_s}
    return [
        Figure("B6", "uncertainty scenario, in full, CPU", "s", median(full_s), 1.0 / GOAL_PER_S, peers, samples),
        Figure(
            "B6",
            "LP of an uncertainty scenario / cold solve",
            "ratio",
            median(solve_s) / median(cold_s),
            1.0 / GOAL_RATIO,
            peers,
            samples,
        ),
    ]


def _compare_process_counts(n_draws: int) -> Figure:
    """Return wall time with two processes ÷ wall time with one. The plan is solved once beforehand."""
    scenario = Scenario.from_dict(SCENARIO)
    wall_s = {}
    with tempfile.TemporaryDirectory() as folder:
        first = montecarlo(scenario, draws=1, seed=1, jobs=1, out=Path(folder) / "plan")
        for jobs in (1, 2):
            report_progress(f"B11: {n_draws} uncertainty scenarios, {jobs} processes")
            started = time.monotonic()
            montecarlo(
                scenario, draws=n_draws, seed=1, jobs=jobs, run=first.folder / "plan", out=Path(folder) / str(jobs)
            )
            wall_s[jobs] = time.monotonic() - started
    peers = {"one_process_s": wall_s[1], "two_processes_s": wall_s[2]}
    return Figure("B11", "two processes / one, wall time", "ratio", wall_s[2] / wall_s[1], 1.0 / GOAL_SPEED_UP, peers)
