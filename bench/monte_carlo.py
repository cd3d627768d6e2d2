"""B6 and B11: re-optimised uncertainty scenarios against cold solves, and with two processes against one."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pandas as pd

from bench.measurement import Figure, apart, say
from ccs_model.analysis.monte_carlo import montecarlo
from ccs_model.analysis.outcomes import FutureEvaluator, relax_integrality
from ccs_model.analysis.uncertain_inputs import draw_futures
from ccs_model.inputs import load_inputs
from ccs_model.mip import Highs, SolverOptions
from ccs_model.plan.decisions import POINT_COLUMNS
from ccs_model.problem import build_problem
from ccs_model.scenario import Scenario

# About three hundred plants of the shipped inventories with own pipes, two periods.
PLANTS = {
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
A_SECOND, RATIO, SPEED_UP = 40.0, 4.0, 1.8
RUNS, DRAWS, COLD = 5, 1_000, 8


def futures(*, quick: bool = False) -> Iterator[Figure]:
    """B6: seconds per scenario, in full and for the LP alone."""
    yield from apart(_beside_cold, 1 if quick else RUNS)


def processes(*, quick: bool = False) -> Iterator[Figure]:
    """B11: enough scenarios for a minute or more, because one process prepares the run."""
    yield apart(_in_processes, 200 if quick else 20_000)


def _beside_cold(runs: int) -> list[Figure]:
    problem = build_problem(Scenario.from_dict(PLANTS), load_inputs())
    say(f"B6: {int(problem.plants['is_candidate'].sum())} plants, {len(problem.routes)} routes")
    # As many scenarios as a run, so that chunks are as homogeneous as there.
    futures = draw_futures(problem, DRAWS, 1)
    evaluator = FutureEvaluator(futures, pd.DataFrame(columns=POINT_COLUMNS))
    whole, solves, cold = [], [], []
    for run in range(1, runs + 1):
        chunk = run * len(evaluator.chunks) // (runs + 1)
        these = [int(k) for k in evaluator.chunks[chunk]]
        began = time.process_time()
        evaluator.text(chunk)
        whole.append((time.process_time() - began) / len(these))
        future_models = [(evaluator.future_models.of(k), futures.of(k)) for k in these]
        evaluator.replanner.reset(evaluator.mark)
        began = time.process_time()
        for each in future_models:
            evaluator.replanner.solve_future(*each)
        solves.append((time.process_time() - began) / len(these))
        began = time.process_time()
        for future_model, _ in future_models[:COLD]:
            Highs(relax_integrality(future_model.matrix), SolverOptions(0.0, 1)).run(600.0, "cold")
        cold.append((time.process_time() - began) / COLD)
    peers = {"solve_s": median(solves), "cold_solve_s": median(cold)}
    samples = {"future_s": whole, "solve_s": solves, "cold_solve_s": cold}
    return [
        Figure("B6", "a future, all in, CPU", "s", median(whole), 1.0 / A_SECOND, peers, samples),
        Figure("B6", "solve of a future / cold", "ratio", median(solves) / median(cold), 1.0 / RATIO, peers, samples),
    ]


def _in_processes(n_draws: int) -> Figure:
    """Wall time of a run with two processes ÷ the same with one; the plan is solved once beforehand."""
    scenario = Scenario.from_dict(PLANTS)
    took = {}
    with tempfile.TemporaryDirectory() as home:
        first = montecarlo(scenario, draws=1, seed=1, jobs=1, out=Path(home) / "plan")
        for jobs in (1, 2):
            say(f"B11: {n_draws} futures, {jobs} processes")
            began = time.monotonic()
            montecarlo(
                scenario, draws=n_draws, seed=1, jobs=jobs, run=first.folder / "plan", out=Path(home) / str(jobs)
            )
            took[jobs] = time.monotonic() - began
    peers = {"one_process_s": took[1], "two_processes_s": took[2]}
    return Figure("B11", "two processes / one, wall time", "ratio", took[2] / took[1], 1.0 / SPEED_UP, peers)
