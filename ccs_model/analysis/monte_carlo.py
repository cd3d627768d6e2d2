"""Monte Carlo: a scenario in many futures, its plan held in all of them and each planned anew.

A folder of a run holds `asked.json` (what was asked), `plan/` (the run folder of the held plan), `draws/` (finished
chunks of futures), and once all are there the tables, `montecarlo.json` and `plan.xlsx`. Chunks are the same whoever
makes them, so that the same command goes on where it was stopped, and the end does not depend on how often it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Ints
from ccs_model.analysis.jobs import Job, results_of
from ccs_model.analysis.outcomes import (
    MEASURES,
    broken_table,
    futures_table,
    held_point,
    inputs_table,
    overrun,
    plants_table,
    spread_table,
    tornado_table,
    violated_constraints,
    within_limits_share,
)
from ccs_model.analysis.rebuilt_plan import at_point, plan_at
from ccs_model.analysis.reparameterised import ReparameterisedModel
from ccs_model.analysis.uncertain_inputs import LATIN, SAMPLINGS, Futures, drawn
from ccs_model.analysis.uncertainty_scenarios import (
    ProductFutureModels,
    Replanned,
    future_models_of,
    place_of,
    planned_model,
)
from ccs_model.atomic_files import holds_anything, write_atomic
from ccs_model.errors import CheckError, FileError, InputError, Issue, NoPlanError
from ccs_model.inputs import Inputs, load_inputs
from ccs_model.mip import Matrix
from ccs_model.mip.clock import now
from ccs_model.model.objective import unit_of
from ccs_model.plan.cache_key import RunKey, run_key
from ccs_model.plan.decisions import vector_of
from ccs_model.plan.plan import HELD, REPLANNED, Plan, Uncertainty
from ccs_model.plan.plan_json import csv_text
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.scenario_names import read_checked
from ccs_model.report.export.json_documents import uncertainty_text
from ccs_model.report.workbook.workbook import workbook_bytes
from ccs_model.runs.run_reader import validate_has_plan
from ccs_model.runs.run_writer import copy_run, existing_run, write_run_folder
from ccs_model.scenario import Scenario
from ccs_model.solve.driver import solve

# Futures by the chunk, in whatever process they fall to: each planned anew, and the scenario's plan held in it.


# So many futures are kept at a time: a kill loses what runs of them, and each file is read in a moment.
CHUNK = 25
# So many futures are solved beforehand, to start all others from.
LEARNT = 20
_TRACE = 1e-6


@dataclass(frozen=True, eq=False)
class Draws:
    """The work of a Monte Carlo run; a result is the text of one chunk.

    `answering` is what answers chunks, where it can be handed to another process; else every process makes its own.
    `point` is the held plan's point table.
    """

    scenario: Scenario
    inputs: Inputs | None
    n: int
    seed: int
    point: pd.DataFrame
    sampling: str = LATIN
    answering: Answering | None = None

    @classmethod
    def of(cls, answering: Answering, scenario: Scenario, inputs: Inputs, point: pd.DataFrame) -> Draws:
        """The work of a run of which `answering` was made."""
        n, seed, sampling = len(answering.values), answering.seed, answering.sampling
        if answering.is_light:
            return cls(scenario, None, n, seed, point, sampling, answering)
        return cls(scenario, inputs, n, seed, point, sampling)

    def opened(self) -> Callable[[int], str]:
        """What answers one chunk, by its number."""
        if self.answering is not None:
            return self.answering.text
        assert self.inputs is not None
        problem = build_problem(self.scenario, self.inputs)
        return Answering.of(problem, drawn(problem, self.n, self.seed, self.sampling), self.point).text


class Answering:
    """What every chunk needs, made once."""

    def __init__(self, futures: Futures, held: Floats, reparameterised: ReparameterisedModel) -> None:
        """`held` [column] is the plan that is held."""
        self.values, self.seed, self.sampling = futures.values, futures.seed, futures.sampling
        self.held = held
        self.future_models = future_models_of(futures, reparameterised)
        self.replanned = Replanned(reparameterised.planned)
        self.planned = planned_model(reparameterised)
        self.chunks = chunks_of(self.values)
        self._short = np.flatnonzero(reparameterised.is_short)
        self._plants, self._of_plant = plant_columns(futures.planned_problem, reparameterised)
        order = np.concatenate(self.chunks)
        n_learnt = min(LEARNT, len(order))
        learnt = [int(order[place]) for place in (np.arange(n_learnt) * len(order)) // n_learnt]
        self.replanned.learn([(self.future_models.of(k), self._of(k)) for k in learnt])
        self.mark = self.replanned.mark()
        self.replanned.rest()

    @classmethod
    def of(cls, problem: Problem, futures: Futures, point: pd.DataFrame, matrix: Matrix | None = None) -> Answering:
        """`matrix` is the problem's own where it was built already.

        Raises CheckError where the plan is not one of this problem.
        """
        reparameterised = ReparameterisedModel(problem, matrix)
        held, strange = vector_of(reparameterised.planned, point)
        if strange:
            raise CheckError(f"the plan does not fit the scenario: it holds {strange[0]}, which nothing here is")
        return cls(futures, held, reparameterised)

    @property
    def is_light(self) -> bool:
        """Whether it holds arrays alone, which any process can be handed."""
        return isinstance(self.future_models, ProductFutureModels)

    def text(self, chunk: int) -> str:
        """A chunk as JSON, a line a future; numbers to the last bit."""
        self.replanned.reset(self.mark)
        rows = sorted((self.row(int(k)) for k in self.chunks[chunk]), key=lambda row: int(row["future"]))
        lines = [json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows]
        return "[\n" + ",\n".join(lines) + "\n]\n"

    def row(self, k: int) -> dict[str, Any]:
        """One future: measures of both modes, plants chosen anew by their share, claims that the held plan breaks."""
        future_model = self.future_models.of(k)
        solved = self.replanned.of(future_model, self._of(k))
        anew = future_model.weights.of_plan(solved.x) if solved.is_optimal else dict.fromkeys(MEASURES, np.nan)
        point = held_point(future_model.matrix, future_model.scale, self._short, self.held)
        return {
            "future": k,
            REPLANNED: _plain(anew),
            HELD: _plain(future_model.weights.of_plan(point)),
            "broken": dict(violated_constraints(future_model.matrix, point)),
            "plants": self.plants_in(solved.x),
        }

    def _of(self, k: int) -> dict[str, float]:
        return {str(name): float(value) for name, value in self.values.iloc[k].items()}

    def plants_in(self, x: Floats) -> dict[str, float]:
        """By plant, what is built of its most built stream, where it is more than a trace."""
        share = plant_shares(self._of_plant, len(self._plants), x)
        return {self._plants[p]: round(float(share[p]), 9) for p in np.flatnonzero(share > _TRACE)}


def chunks_of(values: pd.DataFrame) -> list[Ints]:
    """Futures by chunks of those whose capital costs are alike, so that one starts near to where another ended."""
    places = np.array([place_of(dict(row)) for row in values.to_dict("records")])

    def ordered(these: Ints) -> list[Ints]:
        if len(these) < 2:
            return [these]
        wide = int(np.ptp(places[these], axis=0).argmax())
        these = these[np.argsort(places[these, wide], kind="stable")]
        n_chunks = -(-len(these) // CHUNK)
        half = n_chunks // 2 * CHUNK if n_chunks > 1 else len(these) // 2
        return [*ordered(these[:half]), *ordered(these[half:])]

    order = np.concatenate(ordered(np.arange(len(values))))
    return [order[first : first + CHUNK] for first in range(0, len(order), CHUNK)]


def plant_columns(problem: Problem, reparameterised: ReparameterisedModel) -> tuple[list[str], tuple[Ints, Ints, Ints]]:
    """Plants with a capture route; columns of build with the position of their stream and of each stream's plant."""
    columns, first, _ = reparameterised.places["build"]
    routes = problem.routes
    captures = problem.captures[first]
    keys = (routes["plant"].astype(str) + "\0" + routes["stream"].astype(str)).to_numpy(object)
    streams, at = np.unique(keys[first[captures]], return_inverse=True)
    plants, of_stream = np.unique(np.array([key.split("\0")[0] for key in streams], dtype=object), return_inverse=True)
    return [str(plant) for plant in plants], (columns[captures], at, of_stream)


def plant_shares(of_plant: tuple[Ints, Ints, Ints], n_plants: int, x: Floats) -> Floats:
    """[plant] what is built of its most built stream, over all starts."""
    columns, stream, plant = of_plant
    by_stream = np.bincount(stream, weights=x[columns], minlength=len(plant))
    share = np.zeros(n_plants)
    np.maximum.at(share, plant, np.minimum(by_stream, 1.0))
    return share


def _plain(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if not np.isfinite(value) else float(value) for name, value in values.items()}


REQUEST, PLAN, DRAWS, RESULT, BOOK = "asked.json", "plan", "draws", "montecarlo.json", "plan.xlsx"
TABLES = ("inputs", "futures", "spread", "tornado", "broken", "plants")
N_DRAWS = 1_000


@dataclass(frozen=True)
class Progress:
    """How far a run is: futures done of all, and how many a second."""

    n_ended: int
    n_all: int
    per_s: float


@dataclass(frozen=True, eq=False)
class MonteCarlo:
    """A finished run: `plan` is the held plan with `uncertainty` filled."""

    folder: Path
    plan: Plan

    @property
    def uncertainty(self) -> Uncertainty:
        """How its answer spreads."""
        assert self.plan.uncertainty is not None
        return self.plan.uncertainty

    @property
    def text(self) -> str:
        """montecarlo.json."""
        return uncertainty_text(self.uncertainty)


def montecarlo(
    scenario: str | PathLike[str] | Scenario,
    *,
    draws: int = N_DRAWS,
    seed: int = 1,
    sampling: str = LATIN,
    run: str | PathLike[str] | None = None,
    out: str | PathLike[str] | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
    allow_outside: bool = False,
    on_message: Callable[[str], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> MonteCarlo:
    """Draw futures, plan each anew, and value the scenario's plan in all of them.

    The plan is that of `run`, a run folder of the same scenario; else that of its own run where it is there; else it is
    made. `sampling` is "latin" or "sobol". `jobs` processes work at a time, or the workers of a Dask `scheduler`.
    Raises what `optimize` raises.
    """
    console = on_message or _silent
    if isinstance(scenario, Scenario):
        inputs = load_inputs(scenario, allow_outside=allow_outside)
    else:
        scenario, inputs = read_checked(scenario, allow_outside=allow_outside)
    if draws < 1:
        raise InputError([Issue("--draws", f"{draws} futures, expected one or more")])
    if sampling not in SAMPLINGS:
        raise InputError([Issue("--sampling", f"'{sampling}' is unknown", f"one of {list(SAMPLINGS)}")])
    key = run_key(scenario, inputs)
    requested = {"run_sha256": key.sha256, "scenario": scenario.name, "n_draws": draws, "seed": seed}
    if sampling != LATIN:
        requested["sampling"] = sampling
    sha = RunKey.of_text(json.dumps(requested))
    folder = Path(out) if out is not None else Path("runs") / f"{key.slug}-montecarlo-{sha[:8]}"
    _state(folder, {"key": sha, **requested})
    plan, matrix = _held_plan(scenario, inputs, key, folder, Path(run) if run is not None else None, console)
    assert plan.point is not None
    problem = plan.problem
    futures = drawn(problem, draws, seed, sampling)
    console("what futures change")
    answering = Answering.of(problem, futures, plan.point, matrix)
    work = Draws.of(answering, scenario.with_changes({"solver.threads": 1}), inputs, plan.point)
    rows = _rows(folder, len(answering.chunks))
    todo = [Job(_name(chunk), chunk) for chunk in range(len(answering.chunks)) if chunk not in rows]
    clock, done, n_before = now(), sum(map(len, rows.values())), 0
    console("the futures")
    for ended in results_of(todo, work, n_processes=jobs, scheduler=scheduler):
        if ended.failure is not None:
            raise NoPlanError(f"chunk {ended.key} of futures: {ended.failure.words}")
        write_atomic(folder / DRAWS / f"{ended.key}.json", ended.result.encode())
        found = json.loads(ended.result)
        rows[int(ended.key)] = found
        n_before += len(found)
        if on_progress is not None:
            on_progress(Progress(done + n_before, draws, n_before / max(now() - clock, 1e-9)))
    console("summing up")
    flat = sorted((row for each in rows.values() for row in each), key=lambda row: int(row["future"]))
    result = replace(plan, uncertainty=_summed_up(plan, futures, answering, flat))
    found_run = MonteCarlo(folder, result)
    for name in TABLES:
        write_atomic(folder / f"{name}.csv", csv_text(getattr(found_run.uncertainty, name)).encode())
    write_atomic(folder / RESULT, found_run.text.encode())
    write_atomic(folder / BOOK, workbook_bytes(result))
    return found_run


def _silent(_: str) -> None:
    pass


def _summed_up(plan: Plan, futures: Futures, answering: Answering, rows: list[dict[str, Any]]) -> Uncertainty:
    problem = plan.problem
    table = futures_table(futures, rows)
    weights = answering.planned.weights
    relaxed = answering.replanned.planned
    planned = {HELD: weights.of_plan(answering.held), REPLANNED: weights.of_plan(relaxed.x)}
    fitted = answering.plants_in(answering.held)
    about = {
        "scenario": problem.name,
        "objective_name": problem.objective,
        "unit": unit_of(problem),
        "currency": problem.currency,
        "price_year": problem.price_year,
        "n_draws": len(futures),
        "seed": futures.seed,
        "sampling": f"{SAMPLINGS[futures.sampling]}, ranks correlated after Iman and Conover",
        "replanned": "each future's own linear program: retrofits, pipes and wells in parts"
        + (", over every candidate link, " if problem.network is not None else ", ")
        + "the future known",
        "held": "the scenario's plan, built as it is; what it delivers is the future's",
        "n_infeasible": sum(row[REPLANNED]["aim_value"] is None for row in rows),
        "within_limits_share": within_limits_share(table),
        **overrun(problem, table),
    }
    return Uncertainty(
        about=MappingProxyType(about),
        inputs=inputs_table(futures),
        futures=table,
        spread=spread_table(table, planned),
        tornado=tornado_table(table, _moving(futures)),
        broken=broken_table(rows),
        plants=plants_table(problem, rows, fitted),
    )


def _moving(futures: Futures) -> list[str]:
    """Inputs that differ between futures at all."""
    return [name for name in futures.inputs["input"] if futures.values[name].nunique() > 1]


def _state(folder: Path, requested: Mapping[str, Any]) -> None:
    """Say in the folder what is asked; a folder of another run, or of anything else, is left alone."""
    path = folder / REQUEST
    if path.is_file():
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise FileError(f"{path}: cannot be read: {error}") from error
        if there.get("key") != requested["key"]:
            raise FileError(f"{folder}: holds other futures; choose another --out")
        return
    if folder.exists() and (not folder.is_dir() or holds_anything(folder)):
        raise FileError(f"{folder}: already holds something; choose another --out")
    write_atomic(path, (json.dumps(requested, ensure_ascii=False, indent=1) + "\n").encode())


def _held_plan(
    scenario: Scenario, inputs: Inputs, key: RunKey, folder: Path, run: Path | None, on_message: Callable[[str], None]
) -> tuple[Plan, Matrix | None]:
    """The plan that is held: once in the folder, always that one; and its program where it had to be built."""
    problem = build_problem(scenario, inputs)
    matrix: Matrix | None = None
    own = folder / PLAN
    for place in (own, run, Path("runs") / key.folder_name):
        if place is None or (existing_run(place, key) is None and place != run):
            continue
        if existing_run(place, key) is None:
            raise InputError([Issue("--run", f"{place} is no run of this scenario with these tables and this version")])
        document = json.loads((place / "plan.json").read_text(encoding="utf-8"))
        validate_has_plan(place, document)
        at = at_point(place, problem)
        plan, matrix = plan_at(at, document), at.matrix
        break
    else:
        on_message("the plan that is held")
        plan, place = solve(problem), None
    if existing_run(own, key) is None and (place is None or not copy_run(place, own)):
        write_run_folder(plan, own, command="ccs-model montecarlo")
    return plan, matrix


def _name(chunk: int) -> str:
    return f"{chunk:06d}"


def _rows(folder: Path, n_chunks: int) -> dict[int, list[dict[str, Any]]]:
    """Finished chunks by their number."""
    found = {}
    for chunk in range(n_chunks):
        path = folder / DRAWS / f"{_name(chunk)}.json"
        try:
            found[chunk] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise FileError(f"{path}: cannot be read: {error}") from error
    return found
