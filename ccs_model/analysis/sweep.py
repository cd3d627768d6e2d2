"""A sweep: scenarios that differ in a few keys, each with its own run folder, and a table of all.

A sweep's folder holds `sweep.json` (the request), `runs/<name>-<hash>/` for each scenario and, when all are there,
`sweep.csv` and `sweep.xlsx` with one row a scenario. Runs are cached by input hash, so an interrupted sweep resumes,
and shards that ran elsewhere can be merged. The table does not depend on the order or the place of the runs.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from ccs_model.analysis.jobs import Ended, Failure, Job, message_of, results_of, share_of
from ccs_model.analysis.regret import own_tables
from ccs_model.analysis.sweep_tables import ScenarioRuns, ScenarioTask, row_of, run_folder_name, sweep_tables
from ccs_model.atomic_files import has_files, write_atomic
from ccs_model.errors import (
    BAD_INPUT,
    BUG,
    DONE,
    INFEASIBLE,
    LIMIT_REACHED,
    NO_PLAN,
    CcsModelError,
    FileError,
    InputError,
    Issue,
)
from ccs_model.inputs import Inputs, load_inputs
from ccs_model.plan.cache_key import RunKey, run_key
from ccs_model.plan.plan_json import csv_text, plain, records
from ccs_model.problem.scenario_names import read_checked, unknown_names
from ccs_model.report.workbook.plain_workbook import table_book
from ccs_model.runs.folder_writer import remove_temporary_files, write_files
from ccs_model.runs.run_lock import locked
from ccs_model.runs.run_writer import cached_manifest
from ccs_model.scenario import Scenario
from ccs_model.scenario.variations import Changes, combinations

SCHEMA = "ccs-model/sweep/2"
SPEC, TABLE, BOOK, PARTIAL, RUNS = "sweep.json", "sweep.csv", "sweep.xlsx", "sweep.partial.csv", "runs"
FAILED = "failed.json"
# Failures that do not change on a second try; others are tried again.
_FINAL = (BAD_INPUT, INFEASIBLE)
_THREADS = "solver.threads"


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
    """A complete or partial sweep: `table` has one row a scenario, `plants` one row a plant that any plan retrofits."""

    folder: Path
    name: str
    table: pd.DataFrame
    plants: pd.DataFrame

    @property
    def n_missing(self) -> int:
        """Number of scenarios not run yet."""
        return int((self.table["status"] == "missing").sum())

    @property
    def n_failed(self) -> int:
        """Number of scenarios without a plan."""
        codes = self.table["exit_code"].dropna()
        return int((~codes.isin([DONE, LIMIT_REACHED])).sum())

    @property
    def exit_code(self) -> int:
        """3 if any scenario is invalid, else the exit code of the worst run: 1, 7, 8, 6, 4, 5, 0."""
        there = set(self.table["exit_code"].dropna().astype(int))
        return next(
            (code for code in (BAD_INPUT, BUG, 7, 8, NO_PLAN, INFEASIBLE, LIMIT_REACHED) if code in there), DONE
        )

    def to_dict(self) -> dict[str, Any]:
        """Schema ccs-model/sweep/2; unknown values are null."""
        rows = plain(records(self.table))
        return {
            "schema": SCHEMA,
            "scenario": self.name,
            "folder": str(self.folder),
            "n_scenarios": len(self.table),
            "n_failed": self.n_failed,
            "n_missing": self.n_missing,
            "scenarios": rows,
        }


def sweep(
    scenario: str | PathLike[str] | Scenario,
    changes: Sequence[Changes] | Mapping[str, Sequence[object]],
    *,
    out: str | PathLike[str] | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
    shard: tuple[int, int] | None = None,
    workbooks: bool = False,
    allow_outside: bool = False,
    on_progress: Callable[[SweepProgress], None] | None = None,
) -> Sweep:
    """Solve many variations of a scenario.

    Parameters
    ----------
    scenario
        Scenario, or its file.
    changes
        One mapping a scenario of dotted keys to values, or values by key for all combinations.
    out
        Folder of the sweep; by default `runs/<name>-sweep-<hash>`.
    jobs
        Number of processes; by default one a core.
    scheduler
        Address of a Dask scheduler whose workers are used instead.
    shard
        (i, n) runs only every n-th scenario from the i-th on.
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
        If no scenario is valid.
    FileError
        If the folder holds something else, or a file cannot be read or written.
    """
    variations = combinations(changes) if isinstance(changes, Mapping) else tuple(changes)
    cases = _Cases.of(scenario, variations, allow_outside=allow_outside)
    folder = Path(out) if out is not None else Path("runs") / cases.folder_name
    _write_spec(folder, cases.spec)
    runs = _Runs(cases.spec, folder)
    todo = cases.jobs(runs.waiting(), workbooks=workbooks)
    work = ScenarioRuns(tuple(cases.inputs))
    mine = share_of(todo, shard)
    runs.remove_leftovers(job.key for job in mine)
    clock, n_before, n_failed = time.monotonic(), 0, 0
    try:
        for ended in results_of(mine, work, n_processes=jobs, scheduler=scheduler):
            runs.keep(ended)
            n_before += 1
            n_failed += ended.failure is not None
            if on_progress is not None:
                rate = n_before / max(time.monotonic() - clock, 1e-9)
                on_progress(SweepProgress(n_before, n_failed, len(mine), rate, (len(mine) - n_before) / rate))
    finally:
        # An interrupted sweep leaves a table with another name.
        result = runs.write_tables()
    return result


def collect(folder: str | PathLike[str], others: Sequence[str | PathLike[str]] = ()) -> Sweep:
    """Merge shards of a sweep into its folder and write the tables.

    Parameters
    ----------
    folder
        Folder of the sweep.
    others
        Folders of the same sweep, whose runs are copied into `folder` first.

    Returns
    -------
    Sweep
        The merged sweep.

    Raises
    ------
    FileError
        If a folder holds no sweep.
    InputError
        If a folder holds another sweep.
    """
    home = Path(folder)
    spec = _read_spec(home)
    runs = _Runs(spec, home)
    for other in map(Path, others):
        if _read_spec(other)["key"] != spec["key"]:
            raise InputError(
                [Issue(str(other), f"holds another sweep than {home}", "shards of one sweep have the same key")]
            )
        runs.copy_from(other)
    return runs.write_tables()


@dataclass(frozen=True, eq=False)
class _Cases:
    """The scenarios of a sweep with the tables they need; one of them that cannot be used has its fault instead."""

    spec: dict[str, Any]
    folder_name: str
    scenarios: tuple[tuple[Scenario, int, RunKey] | None, ...]
    inputs: list[Inputs] = field(repr=False)

    @classmethod
    def of(
        cls, scenario: str | PathLike[str] | Scenario, variations: tuple[Changes, ...], *, allow_outside: bool
    ) -> _Cases:
        if not variations:
            raise InputError([Issue("sweep", "the sweep has no scenario", "give --set KEY=V1,V2 or --list FILE")])
        if isinstance(scenario, Scenario):
            base, first = scenario, load_inputs(scenario, allow_outside=allow_outside)
        else:
            base, first = read_checked(scenario, allow_outside=allow_outside)
        inputs: dict[tuple[object, ...], Inputs] = {own_tables(base): first}
        scenarios: list[tuple[Scenario, int, RunKey] | None] = []
        cases: list[dict[str, Any]] = []
        first_error: CcsModelError | None = None
        for n, changes in enumerate(variations, start=1):
            try:
                one = base.with_changes({_THREADS: 1, **changes})
                if own_tables(one) not in inputs:
                    inputs[own_tables(one)] = load_inputs(one, allow_outside=allow_outside)
                at = list(inputs).index(own_tables(one))
                issues = [Issue(place, what, hint) for place, what, hint in unknown_names(one, inputs[own_tables(one)])]
                if issues:
                    raise InputError(issues)
                key = run_key(one, inputs[own_tables(one)])
            except (InputError, FileError) as error:
                first_error = first_error or error
                scenarios.append(None)
                cases.append({"scenario": n, "changes": dict(changes), "error": message_of(error),
                              "exit_code": error.exit_code})  # fmt: skip
                continue
            scenarios.append((one, at, key))
            cases.append({"scenario": n, "changes": dict(changes), "run": run_folder_name(key), "sha256": key.sha256})
        if first_error is not None and not any(scenarios):
            raise first_error
        base_key = run_key(base, first)
        spec = {
            "schema": SCHEMA,
            "scenario": base.name,
            "currency": base.currency,
            "price_year": base.price_year,
            "keys": list(dict.fromkeys(key for changes in variations for key in changes)),
            "cases": json.loads(json.dumps(cases, default=list)),
        }
        sha = RunKey.of_text(json.dumps(spec, sort_keys=True, ensure_ascii=False))
        return cls({"key": sha, **spec}, f"{base_key.slug}-sweep-{sha[:8]}", tuple(scenarios), list(inputs.values()))

    def jobs(self, waiting: set[str], *, workbooks: bool) -> list[Job]:
        """One job for each waiting run; equal scenarios share one."""
        found: dict[str, Job] = {}
        for each in self.scenarios:
            if each is not None and run_folder_name(each[2]) in waiting:
                scenario, at, key = each
                name = run_folder_name(key)
                found.setdefault(name, Job(name, ScenarioTask(scenario, at, key.sha256, workbooks)))
        return list(found.values())


def _write_spec(folder: Path, spec: Mapping[str, Any]) -> None:
    """Write the request into the folder. Raises FileError if the folder holds another sweep or anything else."""
    if (folder / SPEC).is_file():
        if _read_spec(folder).get("key") != spec["key"]:
            raise FileError(f"{folder}: holds another sweep; choose another --out")
        return
    if folder.exists() and (not folder.is_dir() or has_files(folder)):
        raise FileError(f"{folder}: is not empty; choose another --out")
    write_atomic(folder / SPEC, (json.dumps(spec, ensure_ascii=False, indent=1) + "\n").encode())


def _read_spec(folder: Path) -> dict[str, Any]:
    path = folder / SPEC
    if not path.is_file():
        raise FileError(f"{folder}: not a sweep (it holds no {SPEC})")
    try:
        spec = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: cannot be read: {error}") from error
    if not isinstance(spec, dict) or spec.get("schema") != SCHEMA:
        raise InputError([Issue(str(path), f"is not a sweep of schema '{SCHEMA}'")])
    return spec


class _Runs:
    """The runs of a sweep in its folder."""

    def __init__(self, spec: Mapping[str, Any], folder: Path) -> None:
        self._spec, self._folder = spec, folder
        self._sha = {case["run"]: case["sha256"] for case in spec["cases"] if "run" in case}
        self._rows: dict[str, dict[str, Any]] = {}
        for name in self._sha:
            if (row := self._stored(folder, name)) is not None:
                self._rows[name] = row

    def waiting(self) -> set[str]:
        """Names of runs that are missing, or whose failure may not occur again."""
        final = {n for n, row in self._rows.items() if row["exit_code"] in (DONE, LIMIT_REACHED, *_FINAL)}
        return set(self._sha) - final

    def remove_leftovers(self, names: Iterable[str]) -> None:
        """Remove temporary files of interrupted runs; runs of other shards may be in progress and are locked."""
        for name in names:
            if not any((self._folder / RUNS).glob(f".{name}.*")):
                continue
            run = self._folder / RUNS / name
            with contextlib.suppress(FileError), locked(run):
                remove_temporary_files(run)

    def keep(self, ended: Ended) -> None:
        """Write a run that has ended, or its failure, completely or not at all."""
        name = ended.key
        files = ended.result if ended.failure is None else _failed_files(self._sha[name], ended.failure)
        self._write(name, files)

    def copy_from(self, other: Path) -> None:
        """Copy the runs that this folder lacks from another folder of the sweep."""
        for name in sorted(self.waiting()):
            source = other / RUNS / name
            if self._stored(other, name) is not None:
                files = sorted(path for path in source.rglob("*") if path.is_file())
                self._write(name, {path.relative_to(source).as_posix(): path.read_bytes() for path in files})

    def write_tables(self) -> Sweep:
        """Write the tables; a partial sweep has another file name."""
        table, plants = sweep_tables(self._spec, self._rows)
        result = Sweep(self._folder, str(self._spec["scenario"]), table, plants)
        if result.n_missing:
            write_atomic(self._folder / PARTIAL, csv_text(table).encode())
            return result
        write_atomic(self._folder / TABLE, csv_text(table).encode())
        write_atomic(self._folder / BOOK, _workbook(self._spec, table, plants))
        (self._folder / PARTIAL).unlink(missing_ok=True)
        return result

    def _write(self, name: str, files: Mapping[str, bytes]) -> None:
        folder = self._folder / RUNS / name
        (folder / FAILED).unlink(missing_ok=True)
        if not folder.exists() or not any(folder.iterdir()):
            write_files(files, folder)
        row = self._stored(self._folder, name)
        if row is not None:
            self._rows[name] = row

    def _stored(self, folder: Path, name: str) -> dict[str, Any] | None:
        """Row of the table for a run in a folder of this sweep; None if it is not there."""
        place = folder / RUNS / name
        try:
            failed = json.loads((place / FAILED).read_text(encoding="utf-8"))
            return {"exit_code": failed["exit_code"], "message": failed["message"]}
        except (OSError, ValueError, KeyError):
            pass
        if cached_manifest(place, RunKey(self._sha[name], "")) is None:
            return None
        try:
            return row_of(json.loads((place / "plan.json").read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return None


def _failed_files(sha256: str, failure: Failure) -> dict[str, bytes]:
    document = {"run_sha256": sha256, "exit_code": failure.exit_code, "message": failure.message}
    return {FAILED: (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()}


def _workbook(spec: Mapping[str, Any], table: pd.DataFrame, plants: pd.DataFrame) -> bytes:
    money = f"{spec['currency']} {spec['price_year']}"
    return table_book(
        f"Sweep of {spec['scenario']}",
        (
            (
                "Sweep",
                f"{spec['scenario']}: one row a scenario. Money in {money}, real, unless a row states another.",
                table,
            ),
            ("Plants", "Number of scenarios with a plan that retrofit each plant.", plants),
        ),
    )
