"""B1–B4 and B7: models with one choice per plant: hand-over, `solve`, sifting, integer plans.

CPU seconds on one thread, each solve in a separate process. Models with a given number of plants are generated
(`generated_models`). The pilot zones and China are the shipped scenarios with own pipes.
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
from bench.generated_models import made_program
from bench.measurement import Figure, apart, finite, say
from bench.network import ROOT
from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip.clock import cpu_seconds, now
from ccs_model.mip.grouped_milp import solve_by_groups
from ccs_model.model.standard_form import matrix_of
from ccs_model.problem import Problem
from ccs_model.problem.scenario_names import read_checked

RUNS = 5
# Wall seconds after which HiGHS alone is stopped.
PEER_S = 1_500.0
# Goals: build and hand-over ÷ the same of a peer.
HANDING_OVER = {"matrix": 8.0, "plain": 0.5}
SHIPPED = (("pilot-zones", 1.5), ("china", 1.2))
# Number of plants, and goal of the proven gap after 60 s of CPU.
WHOLE = ((1_000, 0.0015), (10_000, 0.0001), (50_000, 0.0001))
WHOLE_CPU_S = 60.0
MEMORY_GB = 1.0


@dataclass(frozen=True)
class Reached:
    """A solved model: CPU seconds, value and bound (NaN if missing), peak memory of the process."""

    cpu_s: float
    value: float
    bound: float
    peak_gb: float

    @property
    def gap(self) -> float:
        return abs(self.bound - self.value) / abs(self.value) if np.isfinite(self.value) else np.inf


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def shipped(name: str) -> Problem:
    """A shipped scenario with own pipes, one thread, and a long time limit."""
    scenario, inputs = read_checked(ROOT / "scenarios" / f"{name}.yaml")
    changes = {"transport.shared_trunklines": False, "solver.threads": 1, "solver.time_limit_s": 1_200}
    return ccs.build_problem(scenario.with_changes(changes), inputs)


def sifted_s(n_plants: int, n_periods: int = 6, seed: int = 0) -> Reached:
    """Solve the LP of generated plants, from the matrix on: structure, sample, sifting, proof."""
    matrix = linear(made_program(n_plants, n_periods=n_periods, seed=seed))
    began = time.process_time()
    found = solve_by_groups(matrix, SolverOptions(gap_share=0.0, threads=1), deadline=now() + PEER_S, stage="bench")
    cpu_s = time.process_time() - began
    if found is None:
        return Reached(cpu_s, np.nan, np.nan, _peak_gb())
    return Reached(cpu_s, found.outcome.objective, found.outcome.bound, _peak_gb())


def whole_by_groups(n_plants: int, gap: float, cpu_s: float, seed: int) -> Reached:
    """Solve the MILP of generated plants to `gap`, or until the CPU seconds are used."""
    matrix = made_program(n_plants, seed=seed)
    began = time.process_time()
    options = SolverOptions(gap_share=gap, threads=1)
    with cpu_seconds():
        found = solve_by_groups(matrix, options, deadline=now() + cpu_s, stage="bench")
    spent = time.process_time() - began
    if found is None:
        return Reached(spent, np.nan, np.nan, _peak_gb())
    return Reached(spent, found.outcome.objective, found.outcome.bound, _peak_gb())


def highs_alone(matrix: Matrix, gap: float = 0.0) -> Reached:
    """Solve a matrix with HiGHS alone and its default options."""
    began = time.process_time()
    outcome = Highs(matrix, SolverOptions(gap_share=gap, threads=1)).run(PEER_S, "alone")
    return Reached(time.process_time() - began, outcome.objective, outcome.bound, _peak_gb())


def highs_on_made(n_plants: int, n_periods: int = 6) -> Reached:
    return highs_alone(linear(made_program(n_plants, n_periods=n_periods)))


def linear(matrix: Matrix) -> Matrix:
    return replace(matrix, is_integer=np.zeros(len(matrix.lower), dtype=bool))


def handed_over(name: str) -> dict[str, float]:
    """CPU seconds from the problem to a model in HiGHS, and the same of the peers from the matrix."""
    problem = shipped(name)
    began = time.process_time()
    matrix = matrix_of(ccs.build_model(problem))
    Highs(matrix, SolverOptions(threads=1))
    ours = time.process_time() - began
    return {"ours": ours, **{peer: peers.seconds_of(peer, matrix) for peer in peers.there()}}


def chain_s(name: str) -> dict[str, float]:
    """CPU seconds of build, solve, tables and checks of a shipped scenario, with the gap and value of its plan."""
    problem = shipped(name)
    began = time.process_time()
    plan = ccs.solve(problem)
    return {
        "cpu_s": time.process_time() - began,
        "gap": plan.objective.searched_gap_share,
        "value": plan.objective.value,
    }


def chain_peer(name: str) -> dict[str, float]:
    problem = shipped(name)
    reached = highs_alone(matrix_of(ccs.build_model(problem)), problem.scenario.solver.mip_gap)
    return {"cpu_s": reached.cpu_s, "gap": reached.gap, "value": reached.value}


def handing_over(*, quick: bool = False) -> Iterator[Figure]:
    """B1: build and hand-over against each peer."""
    runs = [apart(handed_over, "pilot-zones") for _ in range(1 if quick else RUNS)]
    for peer in peers.there():
        ratios = [run["ours"] / run[peer] for run in runs]
        seconds = {f"{name}_s": [run[name] for run in runs] for name in ("ours", peer)}
        shown = {name: median(each) for name, each in seconds.items()}
        what = f"pilot zones, build and hand-over / {peers.PEERS[peer][0]}"
        yield Figure("B1", what, "ratio", median(ratios), HANDING_OVER.get(peer), shown, seconds)


def chain(*, quick: bool = False) -> Iterator[Figure]:
    """B2: `solve` against HiGHS alone. If HiGHS ends by its time limit, the ratio is an upper limit."""
    for name, goal in SHIPPED[:1] if quick else SHIPPED:
        say(f"B2 {name}")
        ours, peer = apart(chain_s, name), apart(chain_peer, name)
        seconds = {"ours_s": ours["cpu_s"], "highs_s": peer["cpu_s"]}
        gaps: dict[str, list[float | None]] = {"our gap": [finite(ours["gap"])], "HiGHS's gap": [finite(peer["gap"])]}
        yield Figure(
            "B2", f"{name}, own pipes / HiGHS alone", "ratio", ours["cpu_s"] / peer["cpu_s"], goal, seconds, gaps
        )


def sifting(*, quick: bool = False) -> Iterator[Figure]:
    """B3: an LP by sifting against HiGHS alone."""
    n_plants = 1_000 if quick else 10_000
    runs = [apart(sifted_s, n_plants) for _ in range(1 if quick else RUNS)]
    peer = apart(highs_on_made, n_plants)
    cpu_s = median([run.cpu_s for run in runs])
    same = abs(runs[0].value - peer.value) / abs(peer.value)
    value = cpu_s / peer.cpu_s if same <= 1e-9 and runs[0].gap <= 1e-9 else None
    seconds = {"ours_s": cpu_s, "highs_s": peer.cpu_s}
    yield Figure("B3", f"linear program of {n_plants:,} plants / HiGHS alone", "ratio", value, 0.1, seconds)
    yield Figure("B3", "its optimum beside HiGHS's", "difference", finite(same), 1e-9)
    yield Figure("B3", "its proof: bound and value", "difference", finite(runs[0].gap), 1e-9)


def many(*, quick: bool = False) -> Iterator[Figure]:
    """B4: the largest LP, its time and its memory."""
    n_plants = 2_000 if quick else 50_000
    run = apart(sifted_s, n_plants)
    proven = run.cpu_s if run.gap <= 1e-6 else None
    yield Figure("B4", f"linear program of {n_plants:,} plants × 24, proven to 1e-6", "s", proven, 60.0)
    yield Figure("B4", "its memory in GB", "ratio", run.peak_gb, MEMORY_GB)


def whole(*, quick: bool = False) -> Iterator[Figure]:
    """B7: integer plans, median of three seeds."""
    for n_plants, goal in WHOLE[:1] if quick else WHOLE:
        cpu_s = 10.0 if quick else WHOLE_CPU_S
        runs = [apart(whole_by_groups, n_plants, goal / 4, cpu_s, seed) for seed in range(1 if quick else 3)]
        say(f"B7 {n_plants}: {[round(run.gap, 6) for run in runs]}")
        samples: dict[str, list[float | None]] = {
            "gap": [finite(run.gap) for run in runs],
            "cpu_s": [*(run.cpu_s for run in runs)],
        }
        what = f"whole plan of {n_plants:,} plants, gap after {cpu_s:.0f} s of CPU at most"
        yield Figure("B7", what, "share", finite(median([run.gap for run in runs])), goal, {}, samples)
    yield Figure("B7", f"memory of {n_plants:,} plants in GB", "ratio", max(run.peak_gb for run in runs), MEMORY_GB)
