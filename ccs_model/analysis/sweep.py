"""A sweep: many scenarios that differ from one in a few keys, each a run in a folder of its own, and a table of all.

A folder of a sweep holds `sweep.json` (what was asked), `runs/<name>-<key>/` for each scenario, and once all of them
are there `sweep.csv` and `sweep.xlsx`, a row a scenario. Runs are recognised by their key, so that the same sweep goes
on where it was stopped; shares of it may be run elsewhere and collected. What the table holds does not depend on the
order in which runs ended, nor on where they ran.
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

from ccs_model.analysis.jobs import Ended, Failure, Job, results_of, share_of, words_of
from ccs_model.analysis.sweep_tables import Question, ScenarioRuns, row_of, run_folder_name, sweep_tables
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
from ccs_model.scenario.sections import OwnTables
from ccs_model.scenario.variations import Changes, combinations

SCHEMA = "ccs-model/sweep/2"
SPEC, TABLE, BOOK, PARTIAL, RUNS = "sweep.json", "sweep.csv", "sweep.xlsx", "sweep.partial.csv", "runs"
FAILED = "failed.json"
# What a scenario without a plan says again whenever it is asked; other failures are tried again.
_LASTING = (BAD_INPUT, INFEASIBLE)
_THREADS = "solver.threads"


@dataclass(frozen=True)
class SweepProgress:
    """How far a sweep is: `n_failed` of the `n_ended` have no plan; `per_s` runs a second, `left_s` seconds to go."""

    n_ended: int
    n_failed: int
    n_all: int
    per_s: float
    left_s: float


@dataclass(frozen=True, eq=False)
class Sweep:
    """A sweep as far as it is: `table` has a row a scenario, `plants` a row a plant that any plan fits."""

    folder: Path
    name: str
    table: pd.DataFrame
    plants: pd.DataFrame

    @property
    def n_missing(self) -> int:
        """Scenarios not run yet."""
        return int((self.table["status"] == "missing").sum())

    @property
    def n_failed(self) -> int:
        """Scenarios that have no plan."""
        codes = self.table["exit_code"].dropna()
        return int((~codes.isin([DONE, LIMIT_REACHED])).sum())

    @property
    def exit_code(self) -> int:
        """3 where any scenario cannot be used, else the code of the worst: 1, 7, 6, 4, 5, 0."""
        there = set(self.table["exit_code"].dropna().astype(int))
        return next(
            (code for code in (BAD_INPUT, BUG, 7, 8, NO_PLAN, INFEASIBLE, LIMIT_REACHED) if code in there), DONE
        )

    def to_dict(self) -> dict[str, Any]:
        """Schema ccs-model/sweep/2; what is not known is null."""
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
    """Run a scenario with each of some changes: a list of changes by dotted key, or values by key for all combinations.

    `jobs` processes run at a time (one a core unless told), or the workers of a Dask `scheduler`; a `shard` (i, n) runs
    only every n-th scenario. Raises InputError where no scenario of them can be used, FileError.
    """
    requested = combinations(changes) if isinstance(changes, Mapping) else tuple(changes)
    made = _Made.of(scenario, requested, allow_outside=allow_outside)
    folder = Path(out) if out is not None else Path("runs") / made.folder_name
    _state(folder, made.spec)
    reported = _Reporter(made.spec, folder)
    todo = made.jobs(reported.waiting(), workbooks=workbooks)
    work = ScenarioRuns(tuple(made.inputs))
    mine = share_of(todo, shard)
    reported.clear_away(job.key for job in mine)
    clock, n_before, n_failed = time.monotonic(), 0, 0
    try:
        for ended in results_of(mine, work, n_processes=jobs, scheduler=scheduler):
            reported.keep(ended)
            n_before += 1
            n_failed += ended.failure is not None
            if on_progress is not None:
                rate = n_before / max(time.monotonic() - clock, 1e-9)
                on_progress(SweepProgress(n_before, n_failed, len(mine), rate, (len(mine) - n_before) / rate))
    finally:
        # Ended before its time, it says so by the name of its table.
        result = reported.summed_up()
    return result


def collect(folder: str | PathLike[str], others: Sequence[str | PathLike[str]] = ()) -> Sweep:
    """Sum up a sweep's runs as they are in its folder, with runs of `others` (shares run elsewhere) moved in first.

    Raises FileError where there is no sweep, InputError where another folder holds another sweep.
    """
    home = Path(folder)
    spec = _read_spec(home)
    reported = _Reporter(spec, home)
    for other in map(Path, others):
        if _read_spec(other)["key"] != spec["key"]:
            raise InputError([Issue(str(other), f"is another sweep than {home}", "shares of one sweep have one key")])
        reported.take_from(other)
    return reported.summed_up()


@dataclass(frozen=True, eq=False)
class _Made:
    """The scenarios of a sweep with the tables they need; one of them that cannot be used has its fault instead."""

    spec: dict[str, Any]
    folder_name: str
    scenarios: tuple[tuple[Scenario, int, RunKey] | None, ...]
    inputs: list[Inputs] = field(repr=False)

    @classmethod
    def of(
        cls, scenario: str | PathLike[str] | Scenario, requested: tuple[Changes, ...], *, allow_outside: bool
    ) -> _Made:
        if not requested:
            raise InputError([Issue("sweep", "no scenario asked for", "give --set KEY=V1,V2 or --list FILE")])
        if isinstance(scenario, Scenario):
            base, first = scenario, load_inputs(scenario, allow_outside=allow_outside)
        else:
            base, first = read_checked(scenario, allow_outside=allow_outside)
        inputs: dict[tuple[object, ...], Inputs] = {_tables(base): first}
        scenarios: list[tuple[Scenario, int, RunKey] | None] = []
        cases: list[dict[str, Any]] = []
        first_error: CcsModelError | None = None
        for n, changes in enumerate(requested, start=1):
            try:
                one = base.with_changes({_THREADS: 1, **changes})
                if _tables(one) not in inputs:
                    inputs[_tables(one)] = load_inputs(one, allow_outside=allow_outside)
                at = list(inputs).index(_tables(one))
                strays = [Issue(place, what, hint) for place, what, hint in unknown_names(one, inputs[_tables(one)])]
                if strays:
                    raise InputError(strays)
                key = run_key(one, inputs[_tables(one)])
            except (InputError, FileError) as error:
                first_error = first_error or error
                scenarios.append(None)
                cases.append({"scenario": n, "changes": dict(changes), "fault": words_of(error),
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
            "keys": list(dict.fromkeys(key for changes in requested for key in changes)),
            "cases": json.loads(json.dumps(cases, default=list)),
        }
        sha = RunKey.of_text(json.dumps(spec, sort_keys=True, ensure_ascii=False))
        return cls({"key": sha, **spec}, f"{base_key.slug}-sweep-{sha[:8]}", tuple(scenarios), list(inputs.values()))

    def jobs(self, waiting: set[str], *, workbooks: bool) -> list[Job]:
        """A job for each run that waits; scenarios that ask the same share one."""
        found: dict[str, Job] = {}
        for each in self.scenarios:
            if each is not None and run_folder_name(each[2]) in waiting:
                scenario, at, key = each
                name = run_folder_name(key)
                found.setdefault(name, Job(name, Question(scenario, at, key.sha256, workbooks)))
        return list(found.values())


def _tables(scenario: Scenario) -> tuple[object, ...]:
    """What tables a scenario names; those of the same name are the same for all scenarios of a sweep."""
    own = OwnTables.of(scenario)
    return own.inventory, own.data, own.terrain


def _state(folder: Path, spec: Mapping[str, Any]) -> None:
    """Say in the folder what is asked; a folder of another sweep, or of anything else, is left alone."""
    if (folder / SPEC).is_file():
        if _read_spec(folder).get("key") != spec["key"]:
            raise FileError(f"{folder}: holds another sweep; choose another --out")
        return
    if folder.exists() and (not folder.is_dir() or has_files(folder)):
        raise FileError(f"{folder}: already holds something; choose another --out")
    write_atomic(folder / SPEC, (json.dumps(spec, ensure_ascii=False, indent=1) + "\n").encode())


def _read_spec(folder: Path) -> dict[str, Any]:
    path = folder / SPEC
    if not path.is_file():
        raise FileError(f"{folder}: no sweep (it holds no {SPEC})")
    try:
        spec = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: cannot be read: {error}") from error
    if not isinstance(spec, dict) or spec.get("schema") != SCHEMA:
        raise InputError([Issue(str(path), f"is no sweep of schema '{SCHEMA}'")])
    return spec


class _Reporter:
    """What is known of each run of a sweep, in its folder and here."""

    def __init__(self, spec: Mapping[str, Any], folder: Path) -> None:
        self._spec, self._folder = spec, folder
        self._sha = {case["run"]: case["sha256"] for case in spec["cases"] if "run" in case}
        self._rows: dict[str, dict[str, Any]] = {}
        for name in self._sha:
            if (row := self._stored(folder, name)) is not None:
                self._rows[name] = row

    def waiting(self) -> set[str]:
        """Runs that are to be made, or whose failure may have been chance."""
        lasting = {n for n, row in self._rows.items() if row["exit_code"] in (DONE, LIMIT_REACHED, *_LASTING)}
        return set(self._sha) - lasting

    def clear_away(self, names: Iterable[str]) -> None:
        """Halves of runs that a kill left behind; those of other shares may be in the making."""
        for name in names:
            if not any((self._folder / RUNS).glob(f".{name}.*")):
                continue
            run = self._folder / RUNS / name
            with contextlib.suppress(FileError), locked(run):
                remove_temporary_files(run)

    def keep(self, ended: Ended) -> None:
        """Write a run that has ended, or why it has no plan, whole or not at all."""
        name = ended.key
        files = ended.result if ended.failure is None else _failed_files(self._sha[name], ended.failure)
        self._write(name, files)

    def take_from(self, other: Path) -> None:
        """Runs that another folder of the same sweep has and this one lacks."""
        for name in sorted(self.waiting()):
            source = other / RUNS / name
            if self._stored(other, name) is not None:
                files = sorted(path for path in source.rglob("*") if path.is_file())
                self._write(name, {path.relative_to(source).as_posix(): path.read_bytes() for path in files})

    def summed_up(self) -> Sweep:
        """The table of all, under its name if every run is there; else under the name of a part."""
        table, plants = sweep_tables(self._spec, self._rows)
        result = Sweep(self._folder, str(self._spec["scenario"]), table, plants)
        if result.n_missing:
            write_atomic(self._folder / PARTIAL, csv_text(table).encode())
            return result
        write_atomic(self._folder / TABLE, csv_text(table).encode())
        write_atomic(self._folder / BOOK, _book(self._spec, table, plants))
        (self._folder / PARTIAL).unlink(missing_ok=True)
        return result

    def _write(self, name: str, files: Mapping[str, bytes]) -> None:
        folder = self._folder / RUNS / name
        # What failed before gives way to what came of it now.
        (folder / FAILED).unlink(missing_ok=True)
        if not folder.exists() or not any(folder.iterdir()):
            write_files(files, folder)
        row = self._stored(self._folder, name)
        if row is not None:
            self._rows[name] = row

    def _stored(self, folder: Path, name: str) -> dict[str, Any] | None:
        """The row of a run that lies in a folder of this sweep."""
        place = folder / RUNS / name
        try:
            failed = json.loads((place / FAILED).read_text(encoding="utf-8"))
            return {"exit_code": failed["exit_code"], "words": failed["words"]}
        except (OSError, ValueError, KeyError):
            pass
        if cached_manifest(place, RunKey(self._sha[name], "")) is None:
            return None
        try:
            return row_of(json.loads((place / "plan.json").read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return None


def _failed_files(sha256: str, failure: Failure) -> dict[str, bytes]:
    document = {"run_sha256": sha256, "exit_code": failure.exit_code, "words": failure.words}
    return {FAILED: (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()}


def _book(spec: Mapping[str, Any], table: pd.DataFrame, plants: pd.DataFrame) -> bytes:
    money = f"{spec['currency']} {spec['price_year']}"
    return table_book(
        f"Sweep of {spec['scenario']}",
        (
            (
                "Sweep",
                f"{spec['scenario']}: a row a scenario. Money in {money}, real, unless a row says otherwise.",
                table,
            ),
            ("Plants", "In how many of the scenarios that have a plan each plant is fitted.", plants),
        ),
    )
