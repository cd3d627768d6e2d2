"""A sweep: scenarios that differ in a few keys, each with its own run folder, and a table of all.

A sweep's folder holds `sweep.json` (the request), `runs/<file>-<hash>/` for each scenario and, when all are there,
`sweep.csv` and `sweep.xlsx` with one row a scenario. Runs are cached by input hash, so an interrupted sweep resumes,
and shards that ran elsewhere can be merged. The table does not depend on the order or the place of the runs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ccs_model.analysis.jobs import EndedJob, Job, Scheduler, message_of, processes_of, results_of, share_of
from ccs_model.analysis.regret import inputs_for, own_tables
from ccs_model.analysis.sweep_tables import FAILURES, MISSING, row_of, sweep_tables, typed_table, write_warnings
from ccs_model.arguments import callback, file_path, optional
from ccs_model.atomic_files import write_atomic
from ccs_model.bounded_reading import parse_json, read_regular
from ccs_model.errors import (
    BAD_INPUT,
    CHECK_FAILED,
    DONE,
    FILE_TROUBLE,
    INFEASIBLE,
    LIMIT_REACHED,
    CcsModelError,
    CheckError,
    FileError,
    InputError,
    Issue,
    schema_issue,
)
from ccs_model.inputs import Inputs
from ccs_model.plan.cache_key import RunKey, cached_manifest, run_key
from ccs_model.plan.plan_json import csv_text, records, to_plain_values
from ccs_model.problem import build_problem
from ccs_model.report.workbook.workbook import table_book
from ccs_model.runs.folder_writer import MANIFEST, LockedError, remove_leftovers, write_files
from ccs_model.runs.run_reader import changed_outputs
from ccs_model.runs.run_writer import json_bytes, read_json, run_files, write_request
from ccs_model.scenario import Scenario
from ccs_model.scenario.variations import Changes, add_row_place, variations_of
from ccs_model.solve.driver import ScenarioLike, inputs_of, solve
from ccs_model.units import join_first_names

SCHEMA = "ccs-model/sweep/2"
SPEC, TABLE, BOOK, PARTIAL, RUNS = "sweep.json", "sweep.csv", "sweep.xlsx", "sweep.partial.csv", "runs"
FAILED = "failed.json"
# Failures that do not change on a second try; others are tried again.
_FINAL = (BAD_INPUT, INFEASIBLE)
_THREADS = "solver.threads"
_DIGITS = 12
# Most damaged files that a message names.
_NAMED = 3


@dataclass(frozen=True)
class SweepProgress:
    """Progress of a sweep: runs ended, failed and in all, runs per second, and seconds left."""

    n_ended: int
    n_failed: int
    n_all: int
    per_s: float
    left_s: float


@dataclass(frozen=True, eq=False)
class Sweep:
    """A complete or partial sweep.

    Attributes
    ----------
    folder
        Folder of the sweep.
    name
        Name of the scenario.
    cells
        The rows of sweep.csv, one a scenario; lists and mappings are JSON text.
    plants
        One row a plant that any plan retrofits.
    is_part
        Whether missing scenarios are expected, because only one shard ran.
    warnings
        Warnings of the plans, each once with its scenarios.
    """

    folder: Path
    name: str
    cells: pd.DataFrame
    plants: pd.DataFrame
    is_part: bool = False
    warnings: tuple[dict[str, Any], ...] = ()

    @cached_property
    def table(self) -> pd.DataFrame:
        """The rows with a data type for each column and the units of columns in `attrs`."""
        return typed_table(self.cells)

    @property
    def n_missing(self) -> int:
        """Number of scenarios not run yet."""
        return int((self.cells["status"] == MISSING).sum())

    @property
    def n_failed(self) -> int:
        """Number of scenarios without a plan."""
        codes = self.cells["exit_code"].dropna()
        return int((~codes.isin([DONE, LIMIT_REACHED])).sum())

    @property
    def exit_code(self) -> int:
        """3 if any scenario is invalid, else the exit code of the worst run: 1, 7, 8, 6, 4, 5, 0.

        A missing scenario counts as 7, unless the sweep is a part.
        """
        there = set(self.cells["exit_code"].dropna().astype(int))
        if self.n_missing and not self.is_part:
            there.add(CHECK_FAILED)
        return next((code for code in (*FAILURES, LIMIT_REACHED) if code in there), DONE)

    def to_dict(self) -> dict[str, Any]:
        """Schema ccs-model/sweep/2; unknown values are null."""
        rows = to_plain_values(records(self.cells))
        return {
            "schema": SCHEMA,
            "scenario": self.name,
            "folder": str(self.folder),
            "n_scenarios": len(self.cells),
            "n_failed": self.n_failed,
            "n_missing": self.n_missing,
            "warnings": [dict(each) for each in self.warnings],
            "scenarios": rows,
        }


def sweep(
    scenario: ScenarioLike,
    changes: Sequence[Changes] | Mapping[str, Sequence[object]],
    *,
    out: str | PathLike[str] | None = None,
    jobs: int | None = None,
    scheduler: Scheduler | str | None = None,
    shard: tuple[int, int] | None = None,
    workbooks: bool = False,
    allow_outside: bool = False,
    on_progress: Callable[[SweepProgress], None] | None = None,
) -> Sweep:
    """Solve many variations of a scenario.

    Parameters
    ----------
    scenario
        Scenario file, a `Scenario`, or a dict.
    changes
        One mapping a scenario of dotted keys to values, or values by key for all combinations.
    out
        Folder of the sweep; by default `runs/<scenario file>-sweep-<hash>`.
    jobs
        Number of processes; by default one a core.
    scheduler
        Dask scheduler, or its address, whose workers are used instead.
    shard
        (i, n), i from 1 to n, runs only every n-th scenario from the i-th on, counted over all scenarios, whatever has
        run before.
    workbooks
        Whether each run gets its workbook.
    allow_outside
        Whether files outside the scenario's folder may be read.
    on_progress
        Receives the progress after each run.

    Returns
    -------
    Sweep
        One row a scenario: changes, status, objective, totals and plants. Failed scenarios are listed with the reason.

    Raises
    ------
    InputError
        If no scenario is valid, or `shard` is not (i, n) with i from 1 to n.
    FileError
        If the folder holds something else, or a file cannot be read or written.
    """
    jobs, scheduler = processes_of(jobs, scheduler)
    out = optional(file_path, "out", out)
    callback("on_progress", on_progress)
    variations = variations_of(changes)
    cases = _Cases.of(scenario, variations, workbooks=workbooks, allow_outside=allow_outside)
    # A share of the fixed list: a share of the waiting runs would change while other shards run.
    share = share_of([Job(name, task) for name, task in cases.tasks.items()], shard)
    folder = out if out is not None else Path("runs") / cases.folder_name
    write_request(folder / SPEC, cases.spec, "another sweep", _read_spec)
    runs = _Runs(cases.spec, folder)
    waiting = runs.pending_runs()
    pending = tuple(job for job in share if job.key in waiting)
    runs.remove_leftovers(job.key for job in share)
    clock, n_before, n_failed = time.monotonic(), 0, 0
    try:
        for ended in results_of(pending, ScenarioRuns(cases.inputs), n_processes=jobs, scheduler=scheduler):
            runs.keep(ended)
            n_before += 1
            n_failed += ended.failure is not None
            if on_progress is not None:
                rate = n_before / max(time.monotonic() - clock, 1e-9)
                on_progress(SweepProgress(n_before, n_failed, len(pending), rate, (len(pending) - n_before) / rate))
    finally:
        # An interrupted sweep leaves a table with another name.
        result = runs.write_tables(is_part=shard is not None)
    return result


def collect(folder: str | PathLike[str], others: Sequence[str | PathLike[str]] = (), *, partial: bool = False) -> Sweep:
    """Merge shards of a sweep into its folder and write the tables.

    Parameters
    ----------
    folder
        Folder of the sweep.
    others
        Folders of the same sweep, whose runs are copied into `folder` first.
    partial
        Whether scenarios may be missing.

    Returns
    -------
    Sweep
        The merged sweep; its exit code is 7 if a scenario is missing and not `partial`.

    Raises
    ------
    FileError
        If a folder holds no sweep.
    InputError
        If a folder holds another sweep.
    """
    home = Path(folder)
    spec = _read_spec(home / SPEC)
    runs = _Runs(spec, home)
    for other in map(Path, others):
        if _read_spec(other / SPEC)["key"] != spec["key"]:
            raise InputError(
                [Issue(str(other), f"holds another sweep than {home}", "shards of one sweep have the same key")]
            )
        runs.copy_from(other)
    return runs.write_tables(is_part=partial)


@dataclass(frozen=True, eq=False)
class _Cases:
    """The runs of a sweep by name, and the tables they need; equal scenarios share a run, an invalid one has none."""

    spec: dict[str, Any]
    folder_name: str
    tasks: Mapping[str, ScenarioTask]
    inputs: tuple[Inputs, ...] = field(repr=False)

    @classmethod
    def of(
        cls, scenario: ScenarioLike, variations: tuple[Changes, ...], *, workbooks: bool, allow_outside: bool
    ) -> _Cases:
        if not variations:
            raise InputError([Issue("changes", "the sweep has no scenario")])
        base, first = inputs_of(scenario, allow_outside=allow_outside)
        inputs: dict[tuple[object, ...], Inputs] = {own_tables(base): first}
        tasks: dict[str, ScenarioTask] = {}
        cases: list[dict[str, Any]] = []
        first_error: CcsModelError | None = None
        for n, changes in enumerate(variations, start=1):
            try:
                one = base.with_changes({_THREADS: 1, **changes})
                key = run_key(one, inputs_for(one, inputs, allow_outside=allow_outside))
            except (InputError, FileError) as failed:
                error = add_row_place(changes, failed)
                first_error = first_error or error
                outcome = {"error": message_of(error), "exit_code": error.exit_code}
            else:
                # Among many thousand runs, eight digits of the hash could coincide.
                name = f"{key.slug}-{key.sha256[:_DIGITS]}"
                at = list(inputs).index(own_tables(one))
                tasks.setdefault(name, ScenarioTask(one, at, key.sha256, workbooks))
                outcome = {"run": name, "sha256": key.sha256}
            cases.append({"scenario": n, "changes": dict(changes), **outcome})
        if first_error is not None and not tasks:
            raise first_error
        base_key = run_key(base, first)
        spec = {
            "schema": SCHEMA,
            "scenario": base.name,
            "currency": base.currency,
            "price_year": base.price_year,
            "keys": list(dict.fromkeys(key for changes in variations for key in changes)),
            "cases": json.loads(json.dumps(cases, default=_plain_value)),
        }
        sha = RunKey.analysis_sha256(json.dumps(spec, sort_keys=True, ensure_ascii=False))
        return cls({"key": sha, **spec}, f"{base_key.slug}-sweep-{sha[:8]}", tasks, tuple(inputs.values()))


def _plain_value(value: Any) -> Any:
    """A number of numpy as one of Python, and any other sequence as a list."""
    return value.item() if isinstance(value, np.generic) else list(value)


def _read_spec(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileError(f"{path.parent}: not a sweep (it holds no {SPEC})")
    spec = read_json(path)
    if not isinstance(spec, dict) or spec.get("schema") != SCHEMA:
        found = spec.get("schema") if isinstance(spec, dict) else None
        raise InputError([schema_issue(str(path), found, SCHEMA, "sweep again into another folder")])
    return spec


class _Runs:
    """The runs of a sweep in its folder."""

    def __init__(self, spec: Mapping[str, Any], folder: Path) -> None:
        self._spec, self._folder = spec, folder
        self._sha = {case["run"]: case["sha256"] for case in spec["cases"] if "run" in case}
        self._rows: dict[str, dict[str, Any]] = {}
        # Why a run could not be written; it counts if the run is still missing in the end.
        self._trouble: dict[str, str] = {}
        self._read_missing()

    def pending_runs(self) -> set[str]:
        """Names of runs that are missing, or whose failure may not occur again."""
        final = {n for n, row in self._rows.items() if row["exit_code"] in (DONE, LIMIT_REACHED, *_FINAL)}
        return set(self._sha) - final

    def remove_leftovers(self, names: Iterable[str]) -> None:
        """Remove what killed processes left beside runs; runs of other shards may be in progress and are locked."""
        for name in names if any((self._folder / RUNS).glob(".*")) else ():
            remove_leftovers(self._folder / RUNS / name)

    def keep(self, ended: EndedJob) -> None:
        """Write a run that has ended, or its failure, completely or not at all."""
        name = ended.key
        if ended.failure is None:
            self._write(name, ended.result)
            return
        failed = {"run_sha256": self._sha[name], **asdict(ended.failure)}
        self._write(name, {FAILED: json_bytes(failed)})

    def copy_from(self, other: Path) -> None:
        """Copy the runs that this folder lacks from another folder of the sweep."""
        for name in sorted(self.pending_runs()):
            source = other / RUNS / name
            if damage := self._damage(source, name):
                what = f"{source}: {damage}; copy this run again, or repeat the shard"
                self._trouble[name] = what
            elif self._stored_row(other, name) is not None:
                files = sorted(path for path in source.rglob("*") if path.is_file())
                self._write(name, {path.relative_to(source).as_posix(): read_regular(path) for path in files})

    def _damage(self, place: Path, name: str) -> str:
        """How the files of a finished run differ from what it wrote; empty without such a run, or if they do not."""
        try:
            manifest = parse_json(read_regular(place / MANIFEST))
            if not isinstance(manifest, dict) or manifest.get("run_sha256") != self._sha[name]:
                return ""
            _, changes = changed_outputs(place, manifest)
        except (OSError, ValueError, AttributeError):
            return ""
        return join_first_names(changes, _NAMED, "; ")

    def write_tables(self, *, is_part: bool = False) -> Sweep:
        """Write the tables; a partial sweep has another file name."""
        self._read_missing()  # what other shards have finished meanwhile
        for name, what in self._trouble.items():
            self._rows.setdefault(name, {"exit_code": FILE_TROUBLE, "message": what})
        table, plants = sweep_tables(self._spec, self._rows)
        warnings = write_warnings(self._folder, self._spec, self._rows)
        result = Sweep(self._folder, str(self._spec["scenario"]), table, plants, is_part, warnings)
        if result.n_missing:
            write_atomic(self._folder / PARTIAL, csv_text(table).encode())
            # Tables of a sweep that was complete before would contradict it.
            for stale in (TABLE, BOOK):
                (self._folder / stale).unlink(missing_ok=True)
            return result
        write_atomic(self._folder / TABLE, csv_text(table).encode())
        name, money = self._spec["scenario"], f"{self._spec['currency']} {self._spec['price_year']}"
        line = f"{name}: one row a scenario. Money in {money}, real, unless a row states another."
        of_plants = ("Plants", "Number of scenarios with a plan that retrofit each plant.", plants)
        write_atomic(self._folder / BOOK, table_book(f"Sweep of {name}", (("Sweep", line, table), of_plants)))
        (self._folder / PARTIAL).unlink(missing_ok=True)
        return result

    def _read_missing(self) -> None:
        """Read the runs of the folder that have no row yet."""
        for name in self._sha.keys() - self._rows.keys():
            if (row := self._stored_row(self._folder, name)) is not None:
                self._rows[name] = row

    def _write(self, name: str, files: Mapping[str, bytes]) -> None:
        folder = self._folder / RUNS / name
        (folder / FAILED).unlink(missing_ok=True)
        # Another shard may have written the run meanwhile; one that has lost files is replaced.
        is_damaged = bool(self._damage(folder, name))
        trouble = f"{folder}: contains files that are not this run; they are left unchanged"
        try:
            if is_damaged or not folder.exists() or not any(folder.iterdir()):
                write_files(files, folder, force=is_damaged)
        except LockedError as error:
            # Another process is writing the same run; the others go on.
            trouble = str(error)
        if row := self._stored_row(self._folder, name):
            self._rows[name] = row
        else:
            self._trouble[name] = trouble

    def _stored_row(self, folder: Path, name: str) -> dict[str, Any] | None:
        """Row of the table for a run in a folder of this sweep; None if it is not there."""
        place = folder / RUNS / name
        try:
            failed = parse_json(read_regular(place / FAILED))
            return {"exit_code": failed["exit_code"], "message": failed["message"]}
        except (OSError, ValueError, KeyError, TypeError):
            pass
        if cached_manifest(place, RunKey(self._sha[name], "")) is None or self._damage(place, name):
            return None
        try:
            return row_of(parse_json(read_regular(place / "plan.json")))
        except (OSError, ValueError):
            return None


@dataclass(frozen=True)
class ScenarioTask:
    """A scenario, the position of its inputs, its hash, and whether to write a workbook."""

    scenario: Scenario
    inputs_at: int
    sha256: str
    with_workbook: bool


@dataclass(frozen=True, eq=False)
class ScenarioRuns:
    """The work of a sweep: inputs are loaded once a process; a result is the run folder's files by name."""

    inputs: tuple[Inputs, ...]

    def opened(self) -> Callable[[ScenarioTask], dict[str, bytes]]:
        """The function that solves one scenario."""
        return self._files

    def _files(self, task: ScenarioTask) -> dict[str, bytes]:
        started = datetime.now(UTC)
        inputs = self.inputs[task.inputs_at]
        if run_key(task.scenario, inputs).sha256 != task.sha256:
            raise CheckError("the package version or a file of the scenario differs on this worker")
        plan = solve(build_problem(task.scenario, inputs))
        return run_files(plan, command="ccs-model sweep", started=started, with_workbook=task.with_workbook)
