"""B1–B4 and B7: models with one choice per plant: hand-over to HiGHS, `solve`, LPs by sifting, and integer plans.

CPU seconds on one thread, each solve in a separate process. `generated_models` generates models with any number of
plants. The pilot zones and China are shipped scenarios, here with own pipes.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

import ccs_model as ccs
from bench import peers
from bench.generated_models import generate_model
from bench.measurement import Figure, finite_or_none, report_progress, run_in_process
from bench.network import ROOT
from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip.clock import cpu_seconds, now
from ccs_model.mip.grouped_milp import solve_by_groups
from ccs_model.model.standard_form import matrix_of
from ccs_model.problem import Problem
from ccs_model.problem.scenario_names import read_checked

N_RUNS = 5
# Time limit of HiGHS alone, in wall seconds.
PEER_TIME_LIMIT_S = 1_500.0
# Goals of the ratio to each peer, for building the model and passing it to HiGHS.
HANDOVER_GOALS = {"matrix": 8.0, "plain": 0.5}
SHIPPED_CASES = (("pilot-zones", 1.5), ("china", 1.2))
# Number of plants and goal of the optimality gap after 60 s of CPU.
MILP_CASES = ((1_000, 0.0015), (10_000, 0.0001), (50_000, 0.0001))
MILP_CPU_S = 60.0
GOAL_MEMORY_GB = 1.0


@dataclass(frozen=True)
class SolveResult:
    """Result of a solve: CPU seconds, objective value and bound (NaN if missing), peak memory of the process."""

    cpu_s: float
    value: float
    bound: float
    peak_gb: float

    @property
    def gap(self) -> float:
        return abs(self.bound - self.value) / abs(self.value) if np.isfinite(self.value) else np.inf


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def load_shipped(name: str) -> Problem:
    """Build the problem of a shipped scenario with own pipes, one thread and a long time limit."""
    scenario, inputs = read_checked(ROOT / "scenarios" / f"{name}.yaml")
    changes = {"transport.shared_trunklines": False, "solver.threads": 1, "solver.time_limit_s": 1_200}
    return ccs.build_problem(scenario.with_changes(changes), inputs)


def solve_generated_lp(n_plants: int, n_periods: int = 6, seed: int = 0) -> SolveResult:
    """Solve the LP of a generated model by sifting (Bixby et al. 1992), from the matrix to the optimality proof."""
    matrix = relax_integrality(generate_model(n_plants, n_periods=n_periods, seed=seed))
    started = time.process_time()
    found = solve_by_groups(
        matrix, SolverOptions(gap_share=0.0, threads=1), deadline=now() + PEER_TIME_LIMIT_S, stage="bench"
    )
    cpu_s = time.process_time() - started
    if found is None:
        return SolveResult(cpu_s, np.nan, np.nan, _peak_gb())
    return SolveResult(cpu_s, found.outcome.objective, found.outcome.bound, _peak_gb())


def solve_generated_milp(n_plants: int, gap: float, cpu_s: float, seed: int) -> SolveResult:
    """Solve a generated MILP to `gap`, or until the limit of CPU seconds."""
    matrix = generate_model(n_plants, seed=seed)
    started = time.process_time()
    options = SolverOptions(gap_share=gap, threads=1)
    with cpu_seconds():
        found = solve_by_groups(matrix, options, deadline=now() + cpu_s, stage="bench")
    used_s = time.process_time() - started
    if found is None:
        return SolveResult(used_s, np.nan, np.nan, _peak_gb())
    return SolveResult(used_s, found.outcome.objective, found.outcome.bound, _peak_gb())


def solve_with_highs(matrix: Matrix, gap: float = 0.0) -> SolveResult:
    """Solve a model with HiGHS alone and its default options."""
    started = time.process_time()
    outcome = Highs(matrix, SolverOptions(gap_share=gap, threads=1)).run(PEER_TIME_LIMIT_S, "alone")
    return SolveResult(time.process_time() - started, outcome.objective, outcome.bound, _peak_gb())


def solve_generated_lp_with_highs(n_plants: int, n_periods: int = 6) -> SolveResult:
    return solve_with_highs(relax_integrality(generate_model(n_plants, n_periods=n_periods)))


def relax_integrality(matrix: Matrix) -> Matrix:
    return replace(matrix, is_integer=np.zeros(len(matrix.lower), dtype=bool))


def measure_handover(name: str) -> dict[str, float]:
    """Return CPU seconds from the problem to a model in HiGHS, and those of each peer from the matrix."""
    problem = load_shipped(name)
    started = time.process_time()
    matrix = matrix_of(ccs.build_model(problem))
    Highs(matrix, SolverOptions(threads=1))
    package = time.process_time() - started
    return {"package": package, **{peer: peers.handover_s(peer, matrix) for peer in peers.installed_peers()}}


def measure_solve(name: str) -> dict[str, float]:
    """Return CPU seconds of build, solve, tables and checks of a shipped scenario, and gap and value of its plan."""
    problem = load_shipped(name)
    started = time.process_time()
    plan = ccs.solve(problem)
    return {
        "cpu_s": time.process_time() - started,
        "gap": plan.objective.searched_gap_share,
        "value": plan.objective.value,
    }


def measure_solve_with_highs(name: str) -> dict[str, float]:
    problem = load_shipped(name)
    result = solve_with_highs(matrix_of(ccs.build_model(problem)), problem.scenario.solver.mip_gap)
    return {"cpu_s": result.cpu_s, "gap": result.gap, "value": result.value}


def handover_figures(*, quick: bool = False) -> Iterator[Figure]:
    """Yield B1: building the model and passing it to HiGHS, against each peer."""
    runs = [run_in_process(measure_handover, "pilot-zones") for _ in range(1 if quick else N_RUNS)]
    for peer in peers.installed_peers():
        ratios = [run["package"] / run[peer] for run in runs]
        seconds = {f"{name}_s": [run[name] for run in runs] for name in ("package", peer)}
        medians = {name: median(each) for name, each in seconds.items()}
        label = f"pilot zones, building and hand-over / {peers.PEERS[peer][0]}"
        yield Figure("B1", label, "ratio", median(ratios), HANDOVER_GOALS.get(peer), medians, seconds)


def solve_figures(*, quick: bool = False) -> Iterator[Figure]:
    """Yield B2: `solve` against HiGHS alone. If HiGHS reaches its time limit, the ratio is an upper bound."""
    for name, goal in SHIPPED_CASES[:1] if quick else SHIPPED_CASES:
        report_progress(f"B2 {name}")
        package, peer = run_in_process(measure_solve, name), run_in_process(measure_solve_with_highs, name)
        seconds = {"package_s": package["cpu_s"], "highs_s": peer["cpu_s"]}
        gaps: dict[str, list[float | None]] = {
            "package_gap": [finite_or_none(package["gap"])],
            "highs_gap": [finite_or_none(peer["gap"])],
        }
        yield Figure(
            "B2", f"{name}, own pipes / HiGHS alone", "ratio", package["cpu_s"] / peer["cpu_s"], goal, seconds, gaps
        )


def sifting_figures(*, quick: bool = False) -> Iterator[Figure]:
    """Yield B3: an LP by sifting against HiGHS alone."""
    n_plants = 1_000 if quick else 10_000
    runs = [run_in_process(solve_generated_lp, n_plants) for _ in range(1 if quick else N_RUNS)]
    peer = run_in_process(solve_generated_lp_with_highs, n_plants)
    cpu_s = median([run.cpu_s for run in runs])
    difference = abs(runs[0].value - peer.value) / abs(peer.value)
    value = cpu_s / peer.cpu_s if difference <= 1e-9 and runs[0].gap <= 1e-9 else None
    seconds = {"package_s": cpu_s, "highs_s": peer.cpu_s}
    yield Figure("B3", f"LP of {n_plants:,} plants / HiGHS alone", "ratio", value, 0.1, seconds)
    yield Figure("B3", "the same, optimum against HiGHS", "difference", finite_or_none(difference), 1e-9)
    yield Figure("B3", "the same, bound against value", "difference", finite_or_none(runs[0].gap), 1e-9)


def largest_lp_figures(*, quick: bool = False) -> Iterator[Figure]:
    """Yield B4: time and memory of the largest LP."""
    n_plants = 2_000 if quick else 50_000
    run = run_in_process(solve_generated_lp, n_plants)
    proven_s = run.cpu_s if run.gap <= 1e-6 else None
    yield Figure("B4", f"LP of {n_plants:,} plants × 24 columns, proven to 1e-6", "s", proven_s, 60.0)
    yield Figure("B4", "the same, peak memory in GB", "ratio", run.peak_gb, GOAL_MEMORY_GB)


def milp_figures(*, quick: bool = False) -> Iterator[Figure]:
    """Yield B7: optimality gaps of integer plans, median of three seeds."""
    for n_plants, goal in MILP_CASES[:1] if quick else MILP_CASES:
        cpu_s = 10.0 if quick else MILP_CPU_S
        runs = [
            run_in_process(solve_generated_milp, n_plants, goal / 4, cpu_s, seed) for seed in range(1 if quick else 3)
        ]
        report_progress(f"B7 {n_plants}: {[round(run.gap, 6) for run in runs]}")
        samples: dict[str, list[float | None]] = {
            "gap": [finite_or_none(run.gap) for run in runs],
            "cpu_s": [*(run.cpu_s for run in runs)],
        }
        label = f"integer plan of {n_plants:,} plants, gap after at most {cpu_s:.0f} s of CPU"
        yield Figure("B7", label, "share", finite_or_none(median([run.gap for run in runs])), goal, {}, samples)
    yield Figure(
        "B7",
        f"integer plan of {n_plants:,} plants, peak memory in GB",
        "ratio",
        max(run.peak_gb for run in runs),
        GOAL_MEMORY_GB,
    )
