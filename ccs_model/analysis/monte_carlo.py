"""Monte Carlo: a scenario in many futures, with its plan fixed in all of them and each future replanned.

A run's folder holds `request.json`, `plan/` (the run folder of the fixed plan), `draws/` (finished chunks of futures)
and, at the end, the tables, `montecarlo.json`, `plan.xlsx` and `own/` (copies of the user's own tables). A chunk does
not depend on the process that computes it, so an interrupted run resumes with the same result.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Ints, MessageCallback
from ccs_model.analysis.analysis_result import about_of, read_json, write_request
from ccs_model.analysis.fund_draws import FundDraws
from ccs_model.analysis.jobs import Job, Scheduler, Work, results_of
from ccs_model.analysis.outcomes import (
    MEASURES,
    ProductFutureModels,
    Replanner,
    broken_table,
    fixed_point,
    future_models_of,
    futures_table,
    inputs_table,
    missed_target_share,
    overrun,
    planned_model,
    plants_table,
    position_of,
    spread_table,
    tornado_table,
    violated_constraints,
    within_limits_share,
)
from ccs_model.analysis.rebuilt_plan import AtPoint, at_solution, plan_at
from ccs_model.analysis.reparameterised import ReparameterisedModel
from ccs_model.analysis.uncertain_inputs import LATIN, SAMPLINGS, Futures, draw_futures, numbers_in
from ccs_model.atomic_files import write_atomic
from ccs_model.errors import CheckError, InputError, Issue, NoPlanError
from ccs_model.inputs import Inputs
from ccs_model.mip import Matrix
from ccs_model.mip.clock import now
from ccs_model.model.names import BUILD
from ccs_model.plan.cache_key import OWN, RunKey, cached_manifest, run_key
from ccs_model.plan.decisions import vector_of
from ccs_model.plan.plan import FIXED, REPLANNED, Plan, Uncertainty
from ccs_model.plan.plan_json import csv_text, plain
from ccs_model.plan.stored_run import StoredRun
from ccs_model.problem import Problem, build_problem
from ccs_model.report.export.formats import uncertainty_text
from ccs_model.report.workbook.workbook import workbook_bytes
from ccs_model.runs.run_reader import (
    RunLike,
    SolvedProblem,
    is_run,
    read_point,
    require_plan,
    solved_problem_of,
    validate_own_model,
)
from ccs_model.runs.run_writer import copy_run, input_files, write_run_folder
from ccs_model.scenario import Scenario
from ccs_model.solve.driver import ScenarioLike, inputs_of, solve

# Futures in one chunk, the unit that is written and resumed.
CHUNK = 25
# Futures that are solved first; all others start from their bases.
N_WARM_UP = 20
_TRACE = 1e-6


@dataclass(frozen=True, eq=False)
class Draws:
    """The work of a Monte Carlo run in which every process builds its own evaluator.

    `point` is the point table of the fixed plan, `drawn` the number of futures, the seed and the sampling.
    """

    scenario: Scenario
    inputs: Inputs
    point: pd.DataFrame
    drawn: tuple[int, int, str]

    def opened(self) -> Callable[[int], str]:
        """The function that evaluates one chunk, by its number."""
        problem = build_problem(self.scenario, self.inputs)
        return FutureEvaluator.of(problem, draw_futures(problem, *self.drawn), self.point).text


class FutureEvaluator:
    """Evaluates chunks of futures; what all chunks need is computed once."""

    def __init__(self, futures: Futures, fixed: Floats, reparameterised: ReparameterisedModel) -> None:
        """`fixed` [column] is the point of the fixed plan."""
        self.values, self.fixed = futures.values, fixed
        self.future_models = future_models_of(futures, reparameterised)
        self.replanner = Replanner(reparameterised.planned)
        self.planned = planned_model(reparameterised)
        self.chunks = chunks_of(self.values)
        self._shortfalls = np.flatnonzero(reparameterised.is_short)
        self._draws = FundDraws.of(reparameterised.planned)
        self._plants, self._of_plant = plant_columns(futures.planned_problem, reparameterised)
        order = np.concatenate(self.chunks)
        n_warm_up = min(N_WARM_UP, len(order))
        first = [int(order[place]) for place in (np.arange(n_warm_up) * len(order)) // n_warm_up]
        self.replanner.learn([(self.future_models.of(k), numbers_in(self.values, k)) for k in first])
        self.mark = self.replanner.mark()
        self.replanner.release()

    @classmethod
    def of(
        cls, problem: Problem, futures: Futures, point: pd.DataFrame, matrix: Matrix | None = None
    ) -> FutureEvaluator:
        """From a problem, its futures and the fixed plan's point; `matrix` is the problem's own if it exists already.

        Raises CheckError if the plan belongs to another problem.
        """
        reparameterised = ReparameterisedModel(problem, matrix)
        fixed, strange = vector_of(reparameterised.planned, point)
        if strange:
            raise CheckError(f"the plan belongs to another scenario: the model has no column {strange[0]}")
        return cls(futures, fixed, reparameterised)

    @property
    def is_light(self) -> bool:
        """Whether it holds arrays alone and can be sent to other processes."""
        return isinstance(self.future_models, ProductFutureModels)

    def opened(self) -> Callable[[int], str]:
        """The function that evaluates one chunk, by its number: with arrays alone it is the work of every process."""
        return self.text

    def text(self, chunk: int) -> str:
        """A chunk as JSON, one line a future, with numbers to the last bit."""
        self.replanner.reset(self.mark)
        rows = sorted((self.row(int(k)) for k in self.chunks[chunk]), key=lambda row: int(row["future"]))
        lines = [json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows]
        return "[\n" + ",\n".join(lines) + "\n]\n"

    def row(self, k: int) -> dict[str, Any]:
        """One future: measures of both modes, replanned plants by share built, violations of the fixed plan."""
        future_model = self.future_models.of(k)
        solved = self.replanner.of(future_model, numbers_in(self.values, k))
        replanned = future_model.weights.of_plan(solved.x) if solved.is_optimal else dict.fromkeys(MEASURES, np.nan)
        point = fixed_point(future_model.matrix, future_model.scale, self._shortfalls, self.fixed)
        point = self._draws.capped(future_model.matrix, point)
        return {
            "future": k,
            REPLANNED: plain(replanned),
            FIXED: plain(future_model.weights.of_plan(point)),
            "broken": dict(violated_constraints(future_model.matrix, point)),
            "plants": self.plants_in(solved.x),
        }

    def plants_in(self, x: Floats) -> dict[str, float]:
        """Share built of the most built stream of each plant, without traces."""
        share = plant_shares(self._of_plant, len(self._plants), x)
        return {self._plants[p]: round(float(share[p]), 9) for p in np.flatnonzero(share > _TRACE)}


def chunks_of(values: pd.DataFrame) -> list[Ints]:
    """Chunks of futures with similar capital costs, so that one starts near where another ended."""
    positions = np.array([position_of(dict(row)) for row in values.to_dict("records")])

    def ordered(these: Ints) -> list[Ints]:
        if len(these) < 2:
            return [these]
        wide = int(np.ptp(positions[these], axis=0).argmax())
        these = these[np.argsort(positions[these, wide], kind="stable")]
        n_chunks = -(-len(these) // CHUNK)
        half = n_chunks // 2 * CHUNK if n_chunks > 1 else len(these) // 2
        return [*ordered(these[:half]), *ordered(these[half:])]

    order = np.concatenate(ordered(np.arange(len(values))))
    return [order[first : first + CHUNK] for first in range(0, len(order), CHUNK)]


def plant_columns(problem: Problem, reparameterised: ReparameterisedModel) -> tuple[list[str], tuple[Ints, Ints, Ints]]:
    """Plants with a capture option, and (build columns, stream of each column, plant of each stream)."""
    columns, first, _ = reparameterised.places[BUILD]
    routes = problem.routes
    captures = problem.captures[first]
    # Joined as plain strings: without pyarrow, adding columns of pandas drops the separator.
    pairs = zip(routes["plant"], routes["stream"], strict=True)
    keys = np.array([f"{plant}\0{stream}" for plant, stream in pairs], dtype=object)
    streams, at = np.unique(keys[first[captures]], return_inverse=True)
    plants, of_stream = np.unique(np.array([key.split("\0")[0] for key in streams], dtype=object), return_inverse=True)
    return [str(plant) for plant in plants], (columns[captures], at, of_stream)


def plant_shares(of_plant: tuple[Ints, Ints, Ints], n_plants: int, x: Floats) -> Floats:
    """[plant] share built of its most built stream, over all start years."""
    columns, stream, plant = of_plant
    by_stream = np.bincount(stream, weights=x[columns], minlength=len(plant))
    share = np.zeros(n_plants)
    np.maximum.at(share, plant, np.minimum(by_stream, 1.0))
    return share


REQUEST, PLAN, DRAWS, RESULT, WORKBOOK = "request.json", "plan", "draws", "montecarlo.json", "plan.xlsx"
TABLES = ("inputs", "futures", "spread", "tornado", "broken", "plants")
N_DRAWS = 1_000


@dataclass(frozen=True)
class Progress:
    """Progress of a run: futures done, futures in all, and futures per second."""

    n_ended: int
    n_all: int
    per_s: float


@dataclass(frozen=True, eq=False)
class MonteCarlo:
    """A finished run; `plan` is the fixed plan with `uncertainty` filled in."""

    folder: Path
    plan: Plan

    @property
    def uncertainty(self) -> Uncertainty:
        """Tables of the outcomes over all futures."""
        assert self.plan.uncertainty is not None
        return self.plan.uncertainty

    @property
    def text(self) -> str:
        """Content of montecarlo.json."""
        return uncertainty_text(self.uncertainty)


def montecarlo(
    scenario: ScenarioLike | RunLike,
    *,
    draws: int = N_DRAWS,
    seed: int = 1,
    sampling: str = LATIN,
    run: str | PathLike[str] | None = None,
    out: str | PathLike[str] | None = None,
    jobs: int | None = None,
    scheduler: Scheduler | str | None = None,
    allow_outside: bool = False,
    on_message: MessageCallback | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> MonteCarlo:
    """Sample futures, replan each one, and evaluate the plan in all of them.

    Parameters
    ----------
    scenario
        A run folder, a stored run or a plan, which is fixed as it is; or a scenario, its file or its values as a dict.
    draws, seed
        Number of futures and seed; equal values give every scenario the same futures.
    sampling
        "latin" (Latin hypercube) or "sobol" (scrambled Sobol sequence).
    run
        Run folder of the same scenario whose plan is fixed. By default the scenario's own run in `runs/` if it exists;
        otherwise the scenario is solved first. Not with a run or a plan.
    out
        Folder of the results; by default `runs/<scenario file>-montecarlo-<hash>`.
    jobs
        Number of processes; by default one a core.
    scheduler
        Dask scheduler, or its address, whose workers are used instead.
    allow_outside
        Whether files outside the scenario's folder may be read.
    on_message, on_progress
        Receive a message at each step, and the progress after each chunk.

    Returns
    -------
    MonteCarlo
        Folder and plan, with distributions, sensitivities, choice frequencies and violated constraints.

    Raises
    ------
    InputError
        If the scenario, the run or an option is invalid.
    FileError
        If the folder holds something else, or a file cannot be read or written.
    InfeasibleError, NoPlanError
        If the scenario has no plan, or a chunk failed.
    """
    report_message = on_message or (lambda _: None)
    if draws < 1:
        raise InputError([Issue("draws", f"{draws} futures, expected one or more")])
    if sampling not in SAMPLINGS:
        raise InputError([Issue("sampling", f"'{sampling}' is unknown", f"one of {list(SAMPLINGS)}")])
    solved: SolvedProblem | None = None
    if is_run(scenario):
        if run is not None:
            raise InputError([Issue("run", "a run is given already", "give a run, or a scenario with a run")])
        solved = solved_problem_of(scenario)
        validate_own_model(solved.added_components)
        planned, inputs = solved.problem.scenario, solved.problem.inputs
        key = replace(run_key(planned, inputs), sha256=solved.sha256)
    else:
        assert not isinstance(scenario, StoredRun | Plan)
        planned, inputs = inputs_of(scenario, allow_outside=allow_outside)
        key = run_key(planned, inputs)
    requested = {"run_sha256": key.sha256, "scenario": planned.name, "n_draws": draws, "seed": seed}
    if sampling != LATIN:
        requested["sampling"] = sampling
    sha = RunKey.of_text(json.dumps(requested))
    folder = Path(out) if out is not None else Path("runs") / f"{key.slug}-montecarlo-{sha[:8]}"
    write_request(folder / REQUEST, {"key": sha, **requested}, "other futures")
    if solved is not None:
        plan, matrix = _given_plan(scenario, solved, key, folder)
    else:
        plan, matrix = _fixed_plan(planned, inputs, key, folder, Path(run) if run is not None else None, report_message)
    assert plan.point is not None
    problem = plan.problem
    futures = draw_futures(problem, draws, seed, sampling)
    report_message("model of the futures")
    evaluator = FutureEvaluator.of(problem, futures, plan.point, matrix)
    work: Work = evaluator
    if not evaluator.is_light:
        single = planned.with_changes({"solver.threads": 1})
        work = Draws(single, inputs, plan.point, (draws, seed, sampling))
    rows = _rows(folder, len(evaluator.chunks))
    todo = [Job(_name(chunk), chunk) for chunk in range(len(evaluator.chunks)) if chunk not in rows]
    clock, done, n_before = now(), sum(map(len, rows.values())), 0
    report_message("futures")
    for ended in results_of(todo, work, n_processes=jobs, scheduler=scheduler):
        if ended.failure is not None:
            raise NoPlanError(f"chunk {ended.key} of futures: {ended.failure.message}")
        write_atomic(folder / DRAWS / f"{ended.key}.json", ended.result.encode())
        found = json.loads(ended.result)
        rows[int(ended.key)] = found
        n_before += len(found)
        if on_progress is not None:
            on_progress(Progress(done + n_before, draws, n_before / max(now() - clock, 1e-9)))
    report_message("summary")
    flat = sorted((row for each in rows.values() for row in each), key=lambda row: int(row["future"]))
    result = replace(plan, uncertainty=_uncertainty(plan, futures, evaluator, flat))
    found_run = MonteCarlo(folder, result)
    _write(found_run)
    return found_run


def _write(found: MonteCarlo) -> None:
    """Write the tables, the results, the workbook and the user's own tables, with which it can be solved again."""
    folder, problem = found.folder, found.plan.problem
    for name in TABLES:
        write_atomic(folder / f"{name}.csv", csv_text(getattr(found.uncertainty, name)).encode())
    write_atomic(folder / RESULT, found.text.encode())
    write_atomic(folder / WORKBOOK, workbook_bytes(found.plan))
    for name, content in input_files(problem.scenario, problem.inputs).items():
        if name.startswith(f"{OWN}/") and not name.endswith("/"):
            write_atomic(folder / name, content)


def _uncertainty(plan: Plan, futures: Futures, evaluator: FutureEvaluator, rows: list[dict[str, Any]]) -> Uncertainty:
    problem = plan.problem
    table = futures_table(futures, rows)
    weights = evaluator.planned.weights
    relaxed = evaluator.replanner.planned
    planned = {FIXED: weights.of_plan(evaluator.fixed), REPLANNED: weights.of_plan(relaxed.x)}
    retrofitted = evaluator.plants_in(evaluator.fixed)
    about = {
        **about_of(problem),
        "is_static": problem.is_static,
        "n_draws": len(futures),
        "seed": futures.seed,
        "sampling": f"{SAMPLINGS[futures.sampling]}, ranks correlated after Iman and Conover",
        "replanned": "LP relaxation of each future with perfect information: continuous retrofits, pipes and wells"
        + (", over every candidate link" if problem.network is not None else ""),
        "fixed": "the scenario's plan with its builds fixed; the delivered share is the future's",
        "n_infeasible": sum(row[REPLANNED]["objective_value"] is None for row in rows),
        "within_limits_share": within_limits_share(table),
        "missed_target_share": missed_target_share(problem, rows),
        **overrun(problem, rows),
    }
    return Uncertainty(
        about=MappingProxyType(about),
        inputs=inputs_table(futures),
        futures=table,
        spread=spread_table(table, planned),
        # A parameter that is the same in all futures has no effect.
        tornado=tornado_table(table, [name for name in futures.inputs["input"] if futures.values[name].nunique() > 1]),
        broken=broken_table(rows),
        plants=plants_table(problem, rows, retrofitted),
    )


def _given_plan(
    given: ScenarioLike | RunLike, solved: SolvedProblem, key: RunKey, folder: Path
) -> tuple[Plan, Matrix | None]:
    """The plan of a run, kept in the folder of the analysis, and its matrix if it was built on the way.

    Raises InputError if the folder has futures of another plan of the same scenario.
    """
    own = folder / PLAN
    is_kept = cached_manifest(own, key) is not None
    if is_kept and not _is_same(read_point(own), solved.point):
        what = f"{folder}: holds futures of another plan of this scenario"
        raise InputError([Issue("out", what, "choose another folder")])
    if isinstance(given, Plan):
        plan, matrix = given, None
    else:
        at = at_solution(solved)
        plan, matrix = plan_at(at, solved.document), at.matrix
    if not is_kept and (isinstance(given, Plan) or not copy_run(solved.folder, own)):
        write_run_folder(plan, own, command="ccs-model montecarlo")
    return plan, matrix


def _is_same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    return bool(list(one.itertuples(index=False, name=None)) == list(other.itertuples(index=False, name=None)))


def _fixed_plan(
    scenario: Scenario, inputs: Inputs, key: RunKey, folder: Path, run: Path | None, on_message: MessageCallback
) -> tuple[Plan, Matrix | None]:
    """The fixed plan, kept in the folder once it is there, and its matrix if it was built on the way."""
    problem = build_problem(scenario, inputs)
    matrix: Matrix | None = None
    own = folder / PLAN
    for place in filter(None, (own, run, key.folder())):
        if cached_manifest(place, key) is None:
            if place == run:
                what = f"{place} is not a run of this scenario with these tables and this version"
                raise InputError([Issue("run", what)])
            continue
        document = read_json(place / "plan.json")
        require_plan(place, document)
        at = AtPoint.of(problem, read_point(place))
        plan, matrix = plan_at(at, document), at.matrix
        break
    else:
        on_message("the plan")
        plan, place = solve(problem), None
    if cached_manifest(own, key) is None and (place is None or not copy_run(place, own)):
        write_run_folder(plan, own, command="ccs-model montecarlo")
    return plan, matrix


def _name(chunk: int) -> str:
    return f"{chunk:06d}"


def _rows(folder: Path, n_chunks: int) -> dict[int, list[dict[str, Any]]]:
    """Rows of finished chunks by their number."""
    paths = {chunk: folder / DRAWS / f"{_name(chunk)}.json" for chunk in range(n_chunks)}
    return {chunk: read_json(path) for chunk, path in paths.items() if path.exists()}
