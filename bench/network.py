"""B8: shared networks: two SimCCS cases against the published model, generated cases, and the pilot zones.

CPU seconds on one thread, each solve in a separate process. The time of the package covers `solve` after the model is
built: hand-over, all search stages, tables and checks. The time of the published model covers hand-over and solve.

The package sorts candidate links by name, so the order of edges in a file has no effect on it. An *edge order*
therefore permutes the rows and the vertex numbers of a SimCCS case. Both models then have their edges in another order,
and the optimum is the same.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

import ccs_model as ccs
from bench import simccs_published
from bench.generated_networks import write_network_case
from bench.measurement import Figure, finite_median, finite_or_none, report_progress, run_in_process
from ccs_model.errors import NoPlanError
from ccs_model.importers import SimccsCase, read_simccs, simccs_scenario, simccs_tables
from ccs_model.mip import Highs, Progress, SolverOptions
from ccs_model.mip.clock import cpu_seconds
from ccs_model.mip.highs import gap_share
from ccs_model.model.standard_form import matrix_of
from ccs_model.problem.scenario_names import read_checked

ROOT = Path(__file__).resolve().parents[1]
SOUTHEAST = ROOT / "tests" / "data" / "simccs" / "southeast_us"
PILOT_ZONES = ROOT / "scenarios" / "pilot-zones.yaml"

# Folder, target in Mt/y captured, and goal of the ratio to the published model.
SIMCCS_CASES = (("price", None, 0.5), ("cap", 50.0, 0.8))
N_ORDERS = 5
# Gap to which both models are solved, as in imported scenarios, and tolerance for the difference of their optima.
SIMCCS_GAP = 1e-8
OPTIMUM_TOLERANCE = 1e-6
CRF, YEARS = 0.1, 30.0
# Numbers of sources and sites, and goal of the gap.
GENERATED_CASES = ((100, 30, 0.006), (500, 50, 0.015))
N_SEEDS = 3
GENERATED_TIME_LIMIT_S = 60
# Budget in million CNY, and goal of the gap over all links by time limit; then the goal within the links searched.
PILOT_BUDGETS = ((12_000, {60: 0.30, 300: 0.20}), (50_000, {60: 0.16, 300: 0.12}))
PILOT_GAP_GOAL = 0.01
# Pilot zones at minimum cost with a target: changes, limit in CPU seconds, and goal of the gap over all links.
MIN_COST_CHANGES = {"objective": "min_cost", "budget": {"total_mn": None}, "targets.abatement_share": {2040: 0.015}}
MIN_COST_TIME_LIMIT_S, MIN_COST_GAP_GOAL = 300, 0.15
# Relative distance from the best plan of all runs, and goal of the CPU seconds to find a plan within it.
NEAR_BEST_SHARE = 0.01
NEAR_BEST_GOAL_S = 15


def figures(*, quick: bool) -> Iterator[Figure]:
    """Yield B8; `quick` uses one edge order and one seed."""
    yield from simccs_figures(1 if quick else N_ORDERS)
    yield from generated_figures(1 if quick else N_SEEDS)
    yield from pilot_figures()
    yield min_cost_figure()


@dataclass(frozen=True)
class ExactResult:
    """Result of an exact solve: CPU seconds, and the optimum (NaN without an optimality proof)."""

    cpu_s: float
    optimum: float


@dataclass(frozen=True)
class LimitedResult:
    """Result of a run with a limit: CPU seconds, value, both gaps, and (CPU seconds, value) of each incumbent."""

    cpu_s: float
    value: float = math.nan
    gap: float = math.inf
    all_links_gap: float = math.inf
    reached_a_limit: bool = True
    incumbents: tuple[tuple[float, float], ...] = ()

    def time_to_within(self, share: float, best: float) -> float:
        """Return the CPU seconds until the first incumbent within `share` of `best`."""
        return min(
            (seconds for seconds, value in self.incumbents if abs(value - best) <= share * abs(best)), default=math.inf
        )


def simccs_figures(n_orders: int) -> Iterator[Figure]:
    """Yield the ratio of median CPU times and the largest difference of the optima, for both SimCCS cases."""
    for name, target, goal in SIMCCS_CASES:
        package, published = [], []
        for order in range(n_orders):
            with tempfile.TemporaryDirectory() as folder:
                case = shuffle_case(SOUTHEAST / name, Path(folder) / name, order)
                published.append(run_in_process(solve_published, case, target))
                package.append(run_in_process(solve_imported, case, target))
            times = f"{package[-1].cpu_s:.1f} s, published model {published[-1].cpu_s:.1f} s"
            report_progress(f"B8 SimCCS {name}, order {order}: {times}")
        largest_difference = max(
            relative_difference(one.optimum, other.optimum) for one, other in zip(package, published, strict=True)
        )
        package_s, published_s = (median(each.cpu_s for each in runs) for runs in (package, published))
        label = f"SimCCS {name}: CPU time ÷ HiGHS on the published model, medians of {n_orders} orders"
        yield Figure(
            "B8",
            label,
            "ratio",
            # The ratio counts only if the optima agree.
            package_s / published_s if largest_difference <= OPTIMUM_TOLERANCE else None,
            goal,
            {"package_s": package_s, "published_s": published_s},
            {"package_s": [each.cpu_s for each in package], "published_s": [each.cpu_s for each in published]},
        )
        difference_label = f"SimCCS {name}: largest relative difference from the optimum of the published model"
        yield Figure("B8", difference_label, "difference", finite_or_none(largest_difference), OPTIMUM_TOLERANCE)


def generated_figures(n_seeds: int) -> Iterator[Figure]:
    """Yield the gap of the generated cases over all links, and the gap of HiGHS on the same matrix."""
    for n_sources, n_sites, goal in GENERATED_CASES:
        package, highs = [], []
        for seed in range(n_seeds):
            with tempfile.TemporaryDirectory() as folder:
                path = write_network_case(Path(folder), n_sources, n_sites, seed)
                changes = {"transport.corridors": "all"}
                package.append(run_in_process(optimize_with_limit, path, changes, GENERATED_TIME_LIMIT_S))
                highs.append(run_in_process(solve_with_highs, path, changes, GENERATED_TIME_LIMIT_S))
            gaps = f"{100 * package[-1].all_links_gap:.2f} % and {100 * highs[-1].gap:.2f} % with HiGHS alone"
            report_progress(
                f"B8 generated {n_sources} × {n_sites}, seed {seed}: {gaps}; {package[-1].cpu_s:.0f} s of CPU"
            )
        label = f"generated {n_sources} × {n_sites}: gap over all links in {GENERATED_TIME_LIMIT_S} s"
        yield Figure(
            "B8",
            f"{label}, median of {n_seeds} seeds",
            "share",
            finite_median([each.all_links_gap for each in package]),
            goal,
            {"HiGHS alone": finite_median([each.gap for each in highs])},
            {
                "package": [finite_or_none(each.all_links_gap) for each in package],
                "HiGHS alone": [finite_or_none(each.gap) for each in highs],
                "cpu_s": [finite_or_none(each.cpu_s) for each in package],
            },
        )


def pilot_figures() -> Iterator[Figure]:
    """Yield both gaps of the pilot zones with two budgets after each limit, and the time to a near-best plan."""
    for budget, goals in PILOT_BUDGETS:
        runs = {}
        # A run ends at the requested gap, so the goal is requested.
        changes = {"budget.total_mn": budget, "solver.mip_gap": PILOT_GAP_GOAL}
        for limit_s, goal in goals.items():
            runs[limit_s] = run = run_in_process(optimize_with_limit, PILOT_ZONES, changes, limit_s)
            gaps = f"{100 * run.gap:.2f} % within the links searched, {100 * run.all_links_gap:.1f} % over all links"
            report_progress(f"B8 pilot zones, {budget:,} mn CNY, {limit_s} s: {gaps}; {run.cpu_s:.0f} s of CPU")
            all_links_gap = finite_or_none(run.all_links_gap)
            # A plan that builds nothing searches no links, so its gap within them is not meaningful.
            searched_gap = None if all_links_gap is None else finite_or_none(run.gap)
            cpu = {"cpu_s": [finite_or_none(run.cpu_s)]}
            label = f"pilot zones, {budget / 1000:g} bn CNY, {limit_s} s"
            yield Figure(
                "B8", f"{label}: gap within the links searched", "share", searched_gap, PILOT_GAP_GOAL, samples=cpu
            )
            yield Figure("B8", f"{label}: gap over all links", "share", all_links_gap, goal, samples=cpu)
        best = max((run.value for run in runs.values() if run.value > 0), default=math.nan)
        near_best_s = {limit_s: run.time_to_within(NEAR_BEST_SHARE, best) for limit_s, run in runs.items()}
        (first, value), *others = near_best_s.items()
        label = (
            f"pilot zones, {budget / 1000:g} bn CNY: CPU time to within {100 * NEAR_BEST_SHARE:g} % of the best plan"
        )
        yield Figure(
            "B8",
            f"{label}, run of {first} s",
            "s",
            finite_or_none(value),
            NEAR_BEST_GOAL_S,
            peers={f"run of {limit_s} s": finite_or_none(seconds) for limit_s, seconds in others},
        )


def min_cost_figure() -> Figure:
    """Return the gap over all links of the pilot zones at minimum cost with a target."""
    run = run_in_process(optimize_with_limit, PILOT_ZONES, MIN_COST_CHANGES, MIN_COST_TIME_LIMIT_S)
    label = f"pilot zones, 1.5 % avoided in 2040 at minimum cost, {MIN_COST_TIME_LIMIT_S} s"
    report_progress(f"B8 {label}: {run.value:,.0f} mn CNY, {100 * run.all_links_gap:.1f} % over all links")
    samples = {"cpu_s": [finite_or_none(run.cpu_s)], "value_mn": [finite_or_none(run.value)]}
    return Figure(
        "B8",
        f"{label}: gap over all links",
        "share",
        finite_or_none(run.all_links_gap),
        MIN_COST_GAP_GOAL,
        samples=samples,
    )


def shuffle_case(case: Path, folder: Path, order: int) -> Path:
    """Copy a SimCCS folder with the edges in another order and the vertex numbers permuted."""
    rng = np.random.default_rng(order)
    folder.mkdir()
    for file in case.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    heading, *lines = (folder / "CandidateNetwork.txt").read_text(encoding="latin-1").splitlines()
    edges = [line.split("\t")[:5] for line in lines if line.strip()]
    vertices = sorted({vertex for edge in edges for vertex in edge[:2]})
    new_vertex = dict(zip(vertices, rng.permutation(vertices).tolist(), strict=True))
    shuffled_edges = [
        [new_vertex[a], new_vertex[b], *costs] for a, b, *costs in (edges[k] for k in rng.permutation(len(edges)))
    ]
    _write_table(folder / "CandidateNetwork.txt", heading, shuffled_edges)
    heading, *lines = (folder / "DelaunayPaths.txt").read_text(encoding="latin-1").splitlines()
    pairs = [line.split("\t") for line in lines if line.strip()]
    renumbered = [[*sites, new_vertex.get(a, a), new_vertex.get(b, b)] for *sites, a, b in pairs]
    _write_table(folder / "DelaunayPaths.txt", heading, renumbered)
    return folder


def solve_published(
    case: Path, target_mt: float | None, *, gap: float = SIMCCS_GAP, limit_s: float = math.inf
) -> ExactResult:
    """Solve the published SimCCS model with HiGHS."""
    model = simccs_published.build_published_model(simccs_published.read_files(case), target_mt, CRF, YEARS)
    options = {
        "output_flag": False, "threads": 1, "mip_rel_gap": gap, "mip_abs_gap": 0.0, "time_limit": limit_s,
    }  # fmt: skip
    highs, cpu_s = model.solve(options)
    is_proven = highs.modelStatusToString(highs.getModelStatus()) == "Optimal"
    return ExactResult(cpu_s, highs.getInfo().objective_function_value if is_proven else math.nan)


def solve_imported(
    case: Path, target_mt: float | None, *, gap: float = SIMCCS_GAP, limit_s: float | None = None
) -> ExactResult:
    """Solve the same case, imported as by `ccs-model import simccs --rounded`."""
    import_options = SimccsCase(target_mt, CRF, YEARS, 1.0, True)
    with tempfile.TemporaryDirectory() as folder:
        for name, table in simccs_tables(read_simccs(case), import_options).items():
            path = Path(folder) / "data" / f"{name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            table.to_csv(path, index=False)
        path = Path(folder) / "scenario.yaml"
        path.write_text(simccs_scenario(case.name, import_options), encoding="utf-8")
        scenario, inputs = read_checked(path)
        limits = {} if limit_s is None else {"solver.time_limit_s": limit_s}
        scenario = scenario.with_changes({"solver.mip_gap": gap, "solver.effort": "thorough", **limits})
        problem = ccs.build_problem(scenario, inputs)
        started = time.process_time()
        with cpu_seconds():
            plan = ccs.solve(problem)
        cpu_s = time.process_time() - started
    return ExactResult(cpu_s, plan.objective.value if not plan.reached_a_limit else math.nan)


def optimize_with_limit(path: Path, changes: Mapping[str, object], limit_s: float) -> LimitedResult:
    """Optimize a scenario under a limit of CPU seconds.

    A limit of wall time would depend on the load of the machine.
    """
    started = time.process_time()
    incumbents: list[tuple[float, float]] = []

    def on_progress(progress: Progress) -> None:
        if math.isfinite(progress.incumbent):
            incumbents.append((time.process_time() - started, progress.incumbent))

    # With this effort, the limit of CPU seconds ends the search.
    limits = {"solver.time_limit_s": limit_s, "solver.effort": "thorough"}
    scenario = ccs.read_scenario(path).with_changes({**changes, **limits})
    try:
        with cpu_seconds():
            plan = ccs.optimize(scenario, on_progress=on_progress)
    except NoPlanError:
        return LimitedResult(time.process_time() - started)
    cpu_s, objective = time.process_time() - started, plan.objective
    gaps = objective.searched_gap_share, objective.gap_share
    return LimitedResult(cpu_s, objective.value, *gaps, plan.reached_a_limit, tuple(incumbents))


def solve_with_highs(path: Path, changes: Mapping[str, object], limit_s: float) -> LimitedResult:
    """Solve the full model with HiGHS alone, without cut-sets, link search or a warm start."""
    scenario, inputs = read_checked(path)
    scenario = scenario.with_changes(changes)
    matrix = matrix_of(ccs.build_model(ccs.build_problem(scenario, inputs)))
    solver = Highs(matrix, SolverOptions(scenario.solver.mip_gap, threads=1))
    started = time.process_time()
    with cpu_seconds():
        outcome = solver.run(limit_s, "alone")
    gap = gap_share(outcome.bound, outcome.objective)
    return LimitedResult(time.process_time() - started, outcome.objective, gap, gap, outcome.status == "limit")


def relative_difference(one: float, other: float) -> float:
    """Return the relative difference, infinite if a value is missing."""
    return math.inf if math.isnan(one) or math.isnan(other) else abs(one - other) / abs(other)


def _write_table(path: Path, heading: str, rows: list[list[str]]) -> None:
    path.write_text("\n".join([heading, *("\t".join(row) for row in rows)]) + "\n", encoding="latin-1")
