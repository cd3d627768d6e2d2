"""B8: networks: two SimCCS cases beside the published model, generated cases, and the pilot zones.

CPU seconds on one thread, each solve in a separate process. The figure of the package covers everything that `solve`
does once the model is built: hand-over, all stages, tables and checks. The figure of the published model covers
hand-over and run.

The package sorts candidate links by name, so the order of edges in a file has no effect. An edge order of a SimCCS case
therefore shuffles the rows *and* the numbers of the vertices. Both models then see their edges in another order, and
the optimum stays.
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

# Folder, target in Mt/y captured, goal of the ratio.
SIMCCS = (("price", None, 0.5), ("cap", 50.0, 0.8))
ORDERS = 5
# Gap to which both models are solved, as in imported scenarios, and largest relative difference of their optima.
SIMCCS_GAP = 1e-8
OPTIMUM = 1e-6
CRF, YEARS = 0.1, 30.0
# Sources, sites, goal of the gap.
MADE = ((100, 30, 0.006), (500, 50, 0.015))
MADE_SEEDS = 3
MADE_S = 60
# Budget in million CNY, and goals over all links by time limit. WITHIN is the goal within the links searched.
PILOTS = ((12_000, {60: 0.30, 300: 0.20}), (50_000, {60: 0.16, 300: 0.12}))
WITHIN = 0.01
# The pilot zones at least cost with a target, the limit in CPU seconds, and the goal over all links.
AT_LEAST_COST = {"objective": "min_cost", "budget": {"total_mn": None}, "targets.abatement_share": {2040: 0.015}}
AT_LEAST_COST_S, AT_LEAST_COST_GOAL = 300, 0.15
# Relative distance from the best plan of all runs within which a plan is good.
GOOD = 0.01
# Goal: CPU seconds until a good plan is found.
GOOD_S = 15


def figures(*, quick: bool) -> Iterator[Figure]:
    """All figures of B8; `quick` uses one edge order and one seed."""
    yield from simccs(1 if quick else ORDERS)
    yield from made(1 if quick else MADE_SEEDS)
    yield from pilots()
    yield at_least_cost()


@dataclass(frozen=True)
class Proven:
    """A model solved to the end: CPU seconds and optimum (NaN if it was not proven)."""

    cpu_s: float
    optimum: float


@dataclass(frozen=True)
class Reached:
    """Result of a limited run: CPU seconds, value, both gaps, and (CPU seconds, value) of each incumbent."""

    cpu_s: float
    value: float = math.nan
    gap: float = math.inf
    all_links_gap: float = math.inf
    reached_a_limit: bool = True
    seen: tuple[tuple[float, float], ...] = ()

    def first_within(self, share: float, best: float) -> float:
        """CPU seconds until the first incumbent within `share` of `best`."""
        return min((s for s, value in self.seen if abs(value - best) <= share * abs(best)), default=math.inf)


def simccs(n_orders: int) -> Iterator[Figure]:
    """Both SimCCS cases: the ratio of median CPU times, and the largest difference of the optima."""
    for name, target, goal in SIMCCS:
        ours, published = [], []
        for order in range(n_orders):
            with tempfile.TemporaryDirectory() as folder:
                case = shuffled(SOUTHEAST / name, Path(folder) / name, order)
                published.append(run_in_process(solve_published, case, target))
                ours.append(run_in_process(solve_imported, case, target))
            report_progress(
                f"B8 SimCCS {name}, order {order}: {ours[-1].cpu_s:.1f} s and {published[-1].cpu_s:.1f} s published"
            )
        apart_by = max(difference(one.optimum, other.optimum) for one, other in zip(ours, published, strict=True))
        own, peer = (median(each.cpu_s for each in runs) for runs in (ours, published))
        what = f"SimCCS {name}: CPU time ÷ HiGHS on the published program, medians of {n_orders} orders"
        yield Figure(
            "B8",
            what,
            "ratio",
            # The ratio counts only if the optima agree.
            own / peer if apart_by <= OPTIMUM else None,
            goal,
            {"ours_s": own, "published_s": peer},
            {"ours_s": [each.cpu_s for each in ours], "published_s": [each.cpu_s for each in published]},
        )
        farthest = f"SimCCS {name}: farthest optimum from the published program's, relative"
        yield Figure("B8", farthest, "difference", finite_or_none(apart_by), OPTIMUM)


def made(n_seeds: int) -> Iterator[Figure]:
    """Generated cases over all links: the proven gap, and that of HiGHS on the same matrix."""
    for n_sources, n_sites, goal in MADE:
        ours, alone = [], []
        for seed in range(n_seeds):
            with tempfile.TemporaryDirectory() as folder:
                path = write_network_case(Path(folder), n_sources, n_sites, seed)
                changes = {"transport.corridors": "all"}
                ours.append(run_in_process(reach, path, changes, MADE_S))
                alone.append(run_in_process(reach_alone, path, changes, MADE_S))
            gaps = f"{100 * ours[-1].all_links_gap:.2f} % and {100 * alone[-1].gap:.2f} % by HiGHS alone"
            report_progress(f"B8 made {n_sources} × {n_sites}, seed {seed}: {gaps}; {ours[-1].cpu_s:.0f} s of CPU")
        yield Figure(
            "B8",
            f"made {n_sources} × {n_sites}: gap over all links in {MADE_S} s, median of {n_seeds} seeds",
            "share",
            finite_median([each.all_links_gap for each in ours]),
            goal,
            {"HiGHS alone": finite_median([each.gap for each in alone])},
            {
                "ours": [finite_or_none(each.all_links_gap) for each in ours],
                "HiGHS alone": [finite_or_none(each.gap) for each in alone],
                "cpu_s": [finite_or_none(each.cpu_s) for each in ours],
            },
        )


def pilots() -> Iterator[Figure]:
    """The pilot zones with two budgets: both gaps after each limit, and the time of the first good plan."""
    for budget, goals in PILOTS:
        runs = {}
        # A run ends at the requested gap, so the gap of the goal is requested.
        changes = {"budget.total_mn": budget, "solver.mip_gap": WITHIN}
        for limit_s, goal in goals.items():
            runs[limit_s] = run = run_in_process(reach, PILOT_ZONES, changes, limit_s)
            gaps = f"{100 * run.gap:.2f} % within corridors, {100 * run.all_links_gap:.1f} % over all links"
            report_progress(f"B8 pilot zones, {budget:,} mn CNY, {limit_s} s: {gaps}; {run.cpu_s:.0f} s of CPU")
            over = finite_or_none(run.all_links_gap)
            # A plan that builds nothing searches no links, so its gap proves nothing.
            within = None if over is None else finite_or_none(run.gap)
            cpu = {"cpu_s": [finite_or_none(run.cpu_s)]}
            what = f"pilot zones, {budget / 1000:g} bn CNY, {limit_s} s"
            yield Figure("B8", f"{what}: gap within corridors", "share", within, WITHIN, samples=cpu)
            yield Figure("B8", f"{what}: gap over all links", "share", over, goal, samples=cpu)
        best = max((run.value for run in runs.values() if run.value > 0), default=math.nan)
        at = {limit_s: run.first_within(GOOD, best) for limit_s, run in runs.items()}
        (first, value), *others = at.items()
        yield Figure(
            "B8",
            f"pilot zones, {budget / 1000:g} bn CNY: CPU time to within {100 * GOOD:g} % of the best, run of {first} s",
            "s",
            finite_or_none(value),
            GOOD_S,
            peers={f"run of {limit_s} s": finite_or_none(seconds) for limit_s, seconds in others},
        )


def at_least_cost() -> Figure:
    """The pilot zones at least cost with a target: the gap over all links."""
    run = run_in_process(reach, PILOT_ZONES, AT_LEAST_COST, AT_LEAST_COST_S)
    what = f"pilot zones, 1.5 % avoided in 2040 at least cost, {AT_LEAST_COST_S} s"
    report_progress(f"B8 {what}: {run.value:,.0f} mn CNY, {100 * run.all_links_gap:.1f} % over all links")
    samples = {"cpu_s": [finite_or_none(run.cpu_s)], "value_mn": [finite_or_none(run.value)]}
    return Figure(
        "B8",
        f"{what}: gap over all links",
        "share",
        finite_or_none(run.all_links_gap),
        AT_LEAST_COST_GOAL,
        samples=samples,
    )


def shuffled(case: Path, folder: Path, order: int) -> Path:
    """Copy a SimCCS folder with the edges in another order and the numbers of the vertices permuted."""
    chance = np.random.default_rng(order)
    folder.mkdir()
    for file in case.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    heading, *lines = (folder / "CandidateNetwork.txt").read_text(encoding="latin-1").splitlines()
    edges = [line.split("\t")[:5] for line in lines if line.strip()]
    vertices = sorted({vertex for edge in edges for vertex in edge[:2]})
    anew = dict(zip(vertices, chance.permutation(vertices).tolist(), strict=True))
    mixed = [[anew[a], anew[b], *costs] for a, b, *costs in (edges[k] for k in chance.permutation(len(edges)))]
    _write(folder / "CandidateNetwork.txt", heading, mixed)
    heading, *lines = (folder / "DelaunayPaths.txt").read_text(encoding="latin-1").splitlines()
    pairs = [line.split("\t") for line in lines if line.strip()]
    named = [[*sites, anew.get(a, a), anew.get(b, b)] for *sites, a, b in pairs]
    _write(folder / "DelaunayPaths.txt", heading, named)
    return folder


def solve_published(
    case: Path, target_mt: float | None, *, gap: float = SIMCCS_GAP, limit_s: float = math.inf
) -> Proven:
    """Solve the published SimCCS model with HiGHS."""
    program = simccs_published.published(simccs_published.read(case), target_mt, CRF, YEARS)
    options = {
        "output_flag": False, "threads": 1, "mip_rel_gap": gap, "mip_abs_gap": 0.0, "time_limit": limit_s,
    }  # fmt: skip
    highs, cpu_s = program.solve(options)
    is_proven = highs.modelStatusToString(highs.getModelStatus()) == "Optimal"
    return Proven(cpu_s, highs.getInfo().objective_function_value if is_proven else math.nan)


def solve_imported(
    case: Path, target_mt: float | None, *, gap: float = SIMCCS_GAP, limit_s: float | None = None
) -> Proven:
    """Solve the same case as imported by `ccs-model import simccs --rounded`."""
    requested = SimccsCase(target_mt, CRF, YEARS, 1.0, True)
    with tempfile.TemporaryDirectory() as folder:
        for name, table in simccs_tables(read_simccs(case), requested).items():
            path = Path(folder) / "data" / f"{name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            table.to_csv(path, index=False)
        path = Path(folder) / "scenario.yaml"
        path.write_text(simccs_scenario(case.name, requested), encoding="utf-8")
        scenario, inputs = read_checked(path)
        limits = {} if limit_s is None else {"solver.time_limit_s": limit_s}
        scenario = scenario.with_changes({"solver.mip_gap": gap, "solver.effort": "thorough", **limits})
        problem = ccs.build_problem(scenario, inputs)
        began = time.process_time()
        with cpu_seconds():
            plan = ccs.solve(problem)
        cpu_s = time.process_time() - began
    return Proven(cpu_s, plan.objective.value if not plan.reached_a_limit else math.nan)


def reach(path: Path, changes: Mapping[str, object], limit_s: float) -> Reached:
    """Optimize a scenario under a limit of CPU seconds.

    A limit of wall time would measure the other work on a busy machine.
    """
    began = time.process_time()
    seen: list[tuple[float, float]] = []

    def on_progress(progress: Progress) -> None:
        # Tie-breaking reports values of the secondary objective.
        if progress.stage != "settling ties" and math.isfinite(progress.incumbent):
            seen.append((time.process_time() - began, progress.incumbent))

    # The limit of CPU seconds ends the search, not its effort.
    limits = {"solver.time_limit_s": limit_s, "solver.effort": "thorough"}
    scenario = ccs.read_scenario(path).with_changes({**changes, **limits})
    try:
        with cpu_seconds():
            plan = ccs.optimize(scenario, on_progress=on_progress)
    except NoPlanError:
        return Reached(time.process_time() - began)
    cpu_s, reached = time.process_time() - began, plan.objective
    gaps = reached.searched_gap_share, reached.gap_share
    return Reached(cpu_s, reached.value, *gaps, plan.reached_a_limit, tuple(seen))


def reach_alone(path: Path, changes: Mapping[str, object], limit_s: float) -> Reached:
    """Solve the full matrix with HiGHS alone, without cut-sets, link search or a start."""
    scenario, inputs = read_checked(path)
    scenario = scenario.with_changes(changes)
    matrix = matrix_of(ccs.build_model(ccs.build_problem(scenario, inputs)))
    highs = Highs(matrix, SolverOptions(scenario.solver.mip_gap, threads=1))
    began = time.process_time()
    with cpu_seconds():
        outcome = highs.run(limit_s, "alone")
    gap = gap_share(outcome.bound, outcome.objective)
    return Reached(time.process_time() - began, outcome.objective, gap, gap, outcome.status == "limit")


def difference(one: float, other: float) -> float:
    """Relative difference; infinite if one of the values is missing."""
    return math.inf if math.isnan(one) or math.isnan(other) else abs(one - other) / abs(other)


def _write(path: Path, heading: str, rows: list[list[str]]) -> None:
    path.write_text("\n".join([heading, *("\t".join(row) for row in rows)]) + "\n", encoding="latin-1")
