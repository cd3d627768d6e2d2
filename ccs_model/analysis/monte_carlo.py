"""Monte Carlo: a scenario in many futures, with its plan fixed in all of them and each future replanned.

A run's folder holds `request.json`, `plan/` (the run folder of the fixed plan), `draws/` (finished chunks of futures)
and, at the end, the tables, `montecarlo.json`, `plan.xlsx` and `own/` (copies of the user's own tables). A chunk does
not depend on the process that computes it, so an interrupted run resumes with the same result.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ccs_model._typing import MessageCallback
from ccs_model.analysis.compare import differing_keys
from ccs_model.analysis.jobs import Job, Scheduler, Work, processes_of, results_of
from ccs_model.analysis.outcomes import MEASURES, FutureEvaluator
from ccs_model.analysis.rebuilt_plan import AtPoint, about_of, plan_at, solution_point
from ccs_model.analysis.uncertain_inputs import LATIN, SAMPLINGS, Futures, draw_futures, sampled_inputs
from ccs_model.arguments import callback, choice, file_path, optional, whole_number
from ccs_model.atomic_files import write_atomic
from ccs_model.errors import CcsModelError, InputError, Issue, NoPlanError
from ccs_model.inputs import Inputs
from ccs_model.mip import Matrix
from ccs_model.mip.clock import now
from ccs_model.model.names import BUDGET
from ccs_model.plan.cache_key import OWN, RunKey, cached_manifest, is_incomplete, run_key
from ccs_model.plan.plan import CHOSEN_SHARE, FIXED, MODES, NO_REGRET_SHARE, REPLANNED, Plan, Uncertainty
from ccs_model.plan.plan_json import csv_text
from ccs_model.plan.stored_run import StoredRun
from ccs_model.problem import Problem, build_problem
from ccs_model.report.export.formats import uncertainty_text
from ccs_model.report.workbook.workbook import workbook_bytes
from ccs_model.runs.folder_writer import hold_lock
from ccs_model.runs.run_reader import (
    RunLike,
    SolvedProblem,
    is_run,
    read_point,
    read_run,
    require_plan,
    solved_problem_of,
    validate_own_model,
)
from ccs_model.runs.run_writer import copy_run, input_files, read_json, write_request, write_run_folder
from ccs_model.scenario import Scenario
from ccs_model.solve.driver import ScenarioLike, inputs_of, solve
from ccs_model.units import join_first_names


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
        return FutureEvaluator(draw_futures(problem, *self.drawn), self.point).text


REQUEST, PLAN, DRAWS, RESULT, WORKBOOK = "request.json", "plan", "draws", "montecarlo.json", "plan.xlsx"
TABLES = ("inputs", "futures", "spread", "tornado", "broken", "plants")
N_DRAWS = 1_000


@dataclass(frozen=True)
class DrawProgress:
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
    on_progress: Callable[[DrawProgress], None] | None = None,
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
    report_message = callback("on_message", on_message) or (lambda _: None)
    callback("on_progress", on_progress)
    draws, seed = whole_number("draws", draws, 1), whole_number("seed", seed, 0)
    sampling = choice("sampling", sampling, SAMPLINGS)
    jobs, scheduler = processes_of(jobs, scheduler)
    run, out = optional(file_path, "run", run), optional(file_path, "out", out)
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
    is_calibrated = planned.calibration.use != "none"
    sampled_inputs(planned, inputs["uncertainty/inputs"], is_calibrated=is_calibrated)  # an error before any file
    requested = {"run_sha256": key.sha256, "scenario": planned.name, "n_draws": draws, "seed": seed}
    if sampling != LATIN:
        requested["sampling"] = sampling
    sha = RunKey.analysis_sha256(json.dumps(requested))
    folder = out if out is not None else Path("runs") / f"{key.slug}-montecarlo-{sha[:8]}"
    write_request(folder / REQUEST, {"key": sha, **requested}, "other futures")
    # Inside the folder, which may be a mount point.
    with hold_lock(folder / RESULT):
        if solved is not None:
            plan, matrix = _given_plan(scenario, solved, key, folder)
        else:
            plan, matrix = _fixed_plan(planned, inputs, key, folder, run, report_message)
        assert plan.point is not None
        problem = plan.problem
        futures = draw_futures(problem, draws, seed, sampling)
        report_message("model of the futures")
        evaluator = FutureEvaluator(futures, plan.point, matrix)
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
                on_progress(DrawProgress(done + n_before, draws, n_before / max(now() - clock, 1e-9)))
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
    weights = evaluator.weights
    relaxed = evaluator.replanner.planned
    planned = {FIXED: weights.measures_of_plan(evaluator.fixed), REPLANNED: weights.measures_of_plan(relaxed.x)}
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
        **_limit_shares(problem, rows),
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
    if cached_manifest(own, key) is not None and read_point(own).to_dict("list") != solved.point.to_dict("list"):
        what = f"{folder}: holds futures of another plan of this scenario"
        raise InputError([Issue("out", what, "choose another folder")])
    if isinstance(given, Plan):
        _keep(given, None, own, key)
        return given, None
    at = solution_point(solved)
    plan = plan_at(at, solved.document)
    _keep(plan, solved.folder, own, key)
    return plan, at.matrix


def _keep(plan: Plan, source: Path | None, own: Path, key: RunKey) -> None:
    """Keep the run of the fixed plan in `own`: a copy of its folder `source`, if that is unchanged."""
    if cached_manifest(own, key) is None:
        force = is_incomplete(own, key)
        if source is None or not copy_run(source, own, force=force):
            write_run_folder(plan, own, force=force, command="ccs-model montecarlo")


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
                raise InputError(
                    [Issue("run", f"{place} is not a run of {scenario.name}: {_difference(place, scenario)}")]
                )
            continue
        document = read_json(place / "plan.json")
        require_plan(place, document)
        at = AtPoint.of(problem, read_point(place))
        plan, matrix = plan_at(at, document), at.matrix
        break
    else:
        on_message("the plan")
        plan, place = solve(problem), None
    _keep(plan, place, own, key)
    return plan, matrix


def _difference(place: Path, scenario: Scenario) -> str:
    """Why a folder is not a run of a scenario."""
    try:
        run = read_run(place)
    except CcsModelError:
        return "it is no complete run"
    differs = differing_keys(run.scenario, scenario)
    named = join_first_names(differs, _NAMED)
    return f"{named} differ{'s' if len(differs) == 1 else ''}" if differs else "its tables or its version differ"


def _name(chunk: int) -> str:
    return f"{chunk:06d}"


def _rows(folder: Path, n_chunks: int) -> dict[int, list[dict[str, Any]]]:
    """Rows of finished chunks by their number."""
    paths = {chunk: folder / DRAWS / f"{_name(chunk)}.json" for chunk in range(n_chunks)}
    return {chunk: read_json(path) for chunk, path in paths.items() if path.exists()}


_NAMED = 3
QUANTILES = {"p5": 0.05, "p50": 0.5, "p95": 0.95}
# A tornado compares the lowest and the highest of this many equal parts of a parameter.
_PARTS = 5
# Equal parts for the share of variance that a parameter explains.
_BINS = 10


def futures_table(futures: Futures, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row a future: parameters, `<mode>_<measure>`, number of plants chosen and violated constraints."""
    measures = [(f"{mode}_{name}", mode, name) for mode in MODES for name in MEASURES]
    table = pd.DataFrame(
        {
            "future": row["future"],
            **{column: row[mode][name] for column, mode, name in measures},
            "replanned_n_plants": sum(share >= CHOSEN_SHARE for share in row["plants"].values()),
            "fixed_violations": "; ".join(sorted(row["broken"])),
        }
        for row in rows
    ).astype({column: float for column, _, _ in measures})
    values = futures.values.iloc[table["future"].to_numpy()].reset_index(drop=True)
    return pd.concat([table[["future"]], values, table.drop(columns="future")], axis=1)


def inputs_table(futures: Futures) -> pd.DataFrame:
    """Distribution of each parameter, its planned value and its quantiles over the futures."""
    values = futures.values[list(futures.inputs["input"])]
    quantiles = {name: values.quantile(share).to_numpy() for name, share in QUANTILES.items()}
    return futures.inputs.assign(planned=futures.planned[list(futures.inputs["input"])].to_numpy(), **quantiles)


def spread_table(table: pd.DataFrame, planned: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """One row a mode and measure that has values: planned value, mean and quantiles."""
    rows = []
    for mode in MODES:
        for name in MEASURES:
            values = table[f"{mode}_{name}"].dropna()
            if len(values):
                quantiles = {q: float(values.quantile(share)) for q, share in QUANTILES.items()}
                rows.append({"mode": mode, "measure": name, "planned": planned[mode][name],
                             "mean": float(values.mean()), **quantiles, "n_futures": len(values)})  # fmt: skip
    return pd.DataFrame(rows, columns=["mode", "measure", "planned", "mean", *QUANTILES, "n_futures"])


def tornado_table(table: pd.DataFrame, inputs: Sequence[str]) -> pd.DataFrame:
    """One row a mode, measure and parameter, widest first: means in the lowest and highest fifth of the parameter.

    `noise_width` is the width that a parameter without any effect exceeds in one of twenty runs. `variance_share` is
    the variance of the means over ten equal parts of the parameter, less sampling noise, over the variance of the
    measure: the first-order share of the parameter, with that of parameters correlated with it, so that shares may sum
    to more than 1. It is 0 where an F test at 1 % finds no effect.
    """
    rows = []
    for mode in MODES:
        for name in MEASURES:
            kept = table[table[f"{mode}_{name}"].notna()]
            values = kept[f"{mode}_{name}"].to_numpy(float)
            if len(values) < _PARTS:
                continue
            found = []
            noise_width = 1.96 * float(values.std()) * np.sqrt(2.0 * _PARTS / len(values))
            for each in inputs:
                order = np.argsort(kept[each].to_numpy(float), kind="stable")
                parts = np.array_split(values[order], _PARTS)
                low, high = float(parts[0].mean()), float(parts[-1].mean())
                share = _explained_share(values[order])
                found.append((mode, name, each, low, high, abs(high - low), noise_width, share))
            rows += sorted(found, key=lambda row: (-row[5], row[2]))
    columns = ["mode", "measure", "input", "low", "high", "width", "noise_width", "variance_share"]
    return pd.DataFrame(rows, columns=columns)


def _explained_share(ordered: np.ndarray) -> float:
    """Variance between equal parts over the total variance, less sampling noise."""
    n = len(ordered)
    total = float(ordered.var())
    if n < 2 * _BINS or total <= 0.0:
        return float("nan") if total > 0.0 else 0.0
    parts = np.array_split(ordered, _BINS)
    between = sum(len(part) * (part.mean() - ordered.mean()) ** 2 for part in parts) / n
    within = max(total - float(between), 0.0)
    if between * (n - _BINS) <= within * (_BINS - 1) * stats.f.ppf(0.99, _BINS - 1, n - _BINS):
        return 0.0
    return float(min(max((between - within * (_BINS - 1) / (n - _BINS)) / total, 0.0), 1.0))


def broken_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row a constraint that the fixed plan violates: share of futures and size of the violation."""
    constraints = sorted({constraint for row in rows for constraint in row["broken"]})
    found = []
    for constraint in constraints:
        missed = [row["broken"][constraint] for row in rows if constraint in row["broken"]]
        found.append((constraint, len(missed) / len(rows), float(np.median(missed)), max(missed)))
    return pd.DataFrame(found, columns=["constraint", "future_share", "median_missed", "most_missed"])


def plants_table(problem: Problem, rows: Sequence[Mapping[str, Any]], planned: Mapping[str, float]) -> pd.DataFrame:
    """One row a plant that any future chooses or the plan retrofits, most often chosen first.

    Shares are of all futures; a future without a feasible plan chooses no plant. A plant that the scenario requires or
    commits is in every plan, so that it is no finding and not no-regret.
    """
    fixed = {*problem.scenario.plants.require, *problem.committed_plants}
    replanned = [row["plants"] for row in rows]
    about = problem.plants.set_index("plant")[["name", "province", "sector", "baseline_ktpa"]]
    found = []
    for plant in sorted({plant for row in replanned for plant in row} | set(planned)):
        shares = np.array([row.get(plant, 0.0) for row in replanned])
        chosen = float((shares >= CHOSEN_SHARE).mean()) if len(shares) else float("nan")
        found.append(
            {
                "plant": plant,
                **about.loc[plant].to_dict(),
                "chosen_share": chosen,
                "built_share": float(shares.mean()) if len(shares) else float("nan"),
                "is_planned": planned.get(plant, 0.0) >= CHOSEN_SHARE,
                "is_no_regret": (
                    plant not in fixed and chosen >= NO_REGRET_SHARE and planned.get(plant, 0.0) >= CHOSEN_SHARE
                ),
            }
        )
    columns = ["plant", *about.columns, "chosen_share", "built_share", "is_planned", "is_no_regret"]
    table = pd.DataFrame(found, columns=columns)
    return table.sort_values(["chosen_share", "plant"], ascending=[False, True], kind="stable").reset_index(drop=True)


def _limit_shares(problem: Problem, rows: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Shares of futures in which the fixed plan keeps every limit, misses a target and exceeds the budget.

    A target with a shortfall is missed, priced or not. The last share has the 95 % quantile of the excess. Spending
    counts less grants, as in the constraint; in a static year it is a year's cost. The shares of targets and budget are
    None without them.
    """
    broken = [row["broken"] for row in rows]
    has_target = problem.targets or problem.share_of_avoided_min
    missed = float(np.mean([bool(row["missed"]) for row in rows])) if has_target else None
    is_within = [not (row["broken"] or row["missed"]) for row in rows]
    found = {"within_limits_share": float(np.mean(is_within)), "missed_target_share": missed}
    if not np.isfinite(problem.budget_mn):
        return {**found, "budget_mn": None, "overrun_share": None, "overrun_p95_mn": None}
    over = np.array([each.get(BUDGET, 0.0) for each in broken])
    return {
        **found,
        "budget_mn": float(problem.budget_mn),
        "overrun_share": float((over > 0.0).mean()),
        "overrun_p95_mn": float(np.quantile(over, 0.95)),
    }
