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

from ccs_model.analysis.draws import Answering, Draws
from ccs_model.analysis.futures import LATIN, SAMPLINGS, Futures, drawn
from ccs_model.analysis.jobs import Job, results_of
from ccs_model.analysis.outcomes import (
    broken_table,
    futures_table,
    inputs_table,
    overrun,
    plants_table,
    spread_table,
    tornado_table,
    within_limits_share,
)
from ccs_model.analysis.rebuilt import at_point, plan_at
from ccs_model.errors import Fault, FileError, InputError, NoPlanError
from ccs_model.inputs import Inputs, load_inputs
from ccs_model.leftovers import holds_anything
from ccs_model.model.objective import unit_of
from ccs_model.plan.optimize import solve
from ccs_model.plan.plan import Plan
from ccs_model.plan.run_key import RunKey, run_key
from ccs_model.plan.uncertainty import HELD, REPLANNED, Uncertainty
from ccs_model.problem import pose
from ccs_model.problem.names import read_checked
from ccs_model.report.run_copy import copy_run
from ccs_model.report.run_folder import csv_text, existing_run, write_run_folder
from ccs_model.report.stored_run import refuse_without_plan
from ccs_model.report.uncertainty_json import uncertainty_text
from ccs_model.report.whole_file import write_whole
from ccs_model.report.workbook import workbook_bytes
from ccs_model.scenario import Scenario
from ccs_model.solver import Matrix
from ccs_model.solver.clock import now

ASKED, PLAN, DRAWS, RESULT, BOOK = "asked.json", "plan", "draws", "montecarlo.json", "plan.xlsx"
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
    say: Callable[[str], None] | None = None,
    tell: Callable[[Progress], None] | None = None,
) -> MonteCarlo:
    """Draw futures, plan each anew, and value the scenario's plan in all of them.

    The plan is that of `run`, a run folder of the same scenario; else that of its own run where it is there; else it is
    made. `sampling` is "latin" or "sobol". `jobs` processes work at a time, or the workers of a Dask `scheduler`.
    Raises what `optimize` raises.
    """
    talk = say or _silent
    if isinstance(scenario, Scenario):
        inputs = load_inputs(scenario, allow_outside=allow_outside)
    else:
        scenario, inputs = read_checked(scenario, allow_outside=allow_outside)
    if draws < 1:
        raise InputError([Fault("--draws", f"{draws} futures, expected one or more")])
    if sampling not in SAMPLINGS:
        raise InputError([Fault("--sampling", f"'{sampling}' is unknown", f"one of {list(SAMPLINGS)}")])
    key = run_key(scenario, inputs)
    asked = {"run_sha256": key.sha256, "scenario": scenario.name, "n_draws": draws, "seed": seed}
    if sampling != LATIN:
        asked["sampling"] = sampling
    sha = RunKey.of_text(json.dumps(asked))
    folder = Path(out) if out is not None else Path("runs") / f"{key.slug}-montecarlo-{sha[:8]}"
    _state(folder, {"key": sha, **asked})
    plan, matrix = _held_plan(scenario, inputs, key, folder, Path(run) if run is not None else None, talk)
    assert plan.point is not None
    problem = plan.problem
    futures = drawn(problem, draws, seed, sampling)
    talk("what futures change")
    answering = Answering.of(problem, futures, plan.point, matrix)
    work = Draws.of(answering, scenario.with_changes({"solver.threads": 1}), inputs, plan.point)
    rows = _rows(folder, len(answering.chunks))
    todo = [Job(_name(chunk), chunk) for chunk in range(len(answering.chunks)) if chunk not in rows]
    clock, done, n_before = now(), sum(map(len, rows.values())), 0
    talk("the futures")
    for ended in results_of(todo, work, n_processes=jobs, scheduler=scheduler):
        if ended.failure is not None:
            raise NoPlanError(f"chunk {ended.key} of futures: {ended.failure.words}")
        write_whole(folder / DRAWS / f"{ended.key}.json", ended.result.encode())
        found = json.loads(ended.result)
        rows[int(ended.key)] = found
        n_before += len(found)
        if tell is not None:
            tell(Progress(done + n_before, draws, n_before / max(now() - clock, 1e-9)))
    talk("summing up")
    flat = sorted((row for each in rows.values() for row in each), key=lambda row: int(row["future"]))
    result = replace(plan, uncertainty=_summed_up(plan, futures, answering, flat))
    found_run = MonteCarlo(folder, result)
    for name in TABLES:
        write_whole(folder / f"{name}.csv", csv_text(getattr(found_run.uncertainty, name)).encode())
    write_whole(folder / RESULT, found_run.text.encode())
    write_whole(folder / BOOK, workbook_bytes(result))
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
        "aim": problem.aim,
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


def _state(folder: Path, asked: Mapping[str, Any]) -> None:
    """Say in the folder what is asked; a folder of another run, or of anything else, is left alone."""
    path = folder / ASKED
    if path.is_file():
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise FileError(f"{path}: cannot be read: {error}") from error
        if there.get("key") != asked["key"]:
            raise FileError(f"{folder}: holds other futures; choose another --out")
        return
    if folder.exists() and (not folder.is_dir() or holds_anything(folder)):
        raise FileError(f"{folder}: already holds something; choose another --out")
    write_whole(path, (json.dumps(asked, ensure_ascii=False, indent=1) + "\n").encode())


def _held_plan(
    scenario: Scenario, inputs: Inputs, key: RunKey, folder: Path, run: Path | None, say: Callable[[str], None]
) -> tuple[Plan, Matrix | None]:
    """The plan that is held: once in the folder, always that one; and its program where it had to be built."""
    problem = pose(scenario, inputs)
    matrix: Matrix | None = None
    own = folder / PLAN
    for place in (own, run, Path("runs") / key.folder_name):
        if place is None or (existing_run(place, key) is None and place != run):
            continue
        if existing_run(place, key) is None:
            raise InputError([Fault("--run", f"{place} is no run of this scenario with these tables and this version")])
        document = json.loads((place / "plan.json").read_text(encoding="utf-8"))
        refuse_without_plan(place, document)
        at = at_point(place, problem)
        plan, matrix = plan_at(at, document), at.matrix
        break
    else:
        say("the plan that is held")
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
