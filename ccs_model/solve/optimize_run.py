"""Optimisation into a run folder: the cache, the lock, the report of an infeasible problem and the model file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any

from ccs_model._typing import MessageCallback
from ccs_model.atomic_files import write_atomic
from ccs_model.bounded_reading import is_workbook
from ccs_model.errors import CheckError, FileError, InfeasibleError
from ccs_model.mip.clock import time_s
from ccs_model.plan.cache_key import INCOMPLETE, cached_manifest, is_incomplete, run_key
from ccs_model.plan.plan import Plan
from ccs_model.report.language import Language
from ccs_model.runs.folder_writer import hold_lock, remove_leftovers, validate_overwrite, write_files, write_locked
from ccs_model.runs.run_writer import infeasible_files, run_files
from ccs_model.scenario import Scenario
from ccs_model.solve.driver import ProgressCallback, ScenarioInputs, load_scenario_inputs, optimize_inputs


@dataclass(frozen=True, eq=False)
class OptimizedRun:
    """A run folder with a plan.

    Attributes
    ----------
    folder
        The run folder.
    plan
        The plan; None if the run was cached.
    manifest
        manifest.json of the cached run; empty if the plan is new.
    loaded
        The scenario and tables, with the edits if a workbook was read.
    repaired
        Why a stored run of the same inputs was replaced; empty if there was none.
    """

    folder: Path
    plan: Plan | None
    manifest: Mapping[str, Any] = field(default_factory=dict)
    loaded: ScenarioInputs | None = None
    repaired: str = ""


def optimize_to_folder(
    scenario: str | PathLike[str] | Scenario,
    out: str | PathLike[str] | None = None,
    *,
    changes: Mapping[str, Any] | None = None,
    force: bool = False,
    update: bool = False,
    lang: str | None = None,
    allow_outside: bool = False,
    command: str = "",
    on_progress: ProgressCallback | None = None,
    on_message: MessageCallback | None = None,
) -> OptimizedRun:
    """Optimise a scenario and write its run folder, or return the cached run of the same inputs.

    Parameters
    ----------
    scenario
        A scenario file, a workbook of ccs-model (.xlsx) that may have been edited, or a Scenario.
    out
        Folder to write; by default `runs/<scenario file>-<hash>`, or `runs/<scenario file>-infeasible-<hash>`.
    changes
        Changes of the scenario by dotted key, such as {"solver.mip_gap": 0.001}.
    force
        Solve again and replace a cached run.
    update
        Replace a run of other inputs; one of the same inputs is reused.
    lang
        Language of the workbook: en, zh or both; by default that of the workbook that is read, or en.
    allow_outside
        Allow input files outside the scenario's folder.
    command
        Command line for the manifest.
    on_progress, on_message
        Called with the progress of the solver, and with one line per stage.

    Raises
    ------
    InputError
        If the scenario or a table is invalid.
    InfeasibleError
        If the problem is infeasible; its `folder` holds the report.
    NoPlanError
        If the solver fails, or a limit stops it before it finds a plan.
    CheckError
        If the solution fails verification; the model is saved beside the folder as an MPS file.
    FileError
        If the folder holds other files, is locked by another process or cannot be written.
    """
    started, clock = datetime.now(UTC), time_s()
    message = on_message or (lambda _: None)
    message("reading the scenario and the tables")
    loaded = load_scenario_inputs(scenario, allow_outside=allow_outside)
    requested, inputs = loaded.scenario, loaded.inputs
    lang = Language(lang or ("en" if loaded.revision is None else loaded.revision.lang)).lang
    for notice in loaded.notices:
        message(notice)
    if changes:
        requested = requested.with_changes(dict(changes))
    key = run_key(requested, inputs)
    folder = Path(out) if out is not None else key.folder()
    if not force and (manifest := cached_manifest(folder, key)) is not None:
        remove_leftovers(folder)
        return _cached_run(folder, manifest, loaded)
    _validate_workbook_stays(scenario, folder)
    with hold_lock(folder):
        # Another process may have finished the same run before it released the lock.
        if not force and (manifest := cached_manifest(folder, key)) is not None:
            return _cached_run(folder, manifest, loaded)
        repaired = "" if force or not is_incomplete(folder, key) else f"{folder}: {INCOMPLETE}"
        force = force or update or bool(repaired)
        validate_overwrite(folder, force)
        message("building the problem")
        try:
            plan = optimize_inputs(requested, inputs, on_progress=on_progress, started=clock)
        except InfeasibleError as error:
            files = infeasible_files(
                error.conflicts,
                requested,
                inputs,
                tables=error.tables,
                warnings=error.warnings,
                command=command,
                lang=lang,
            )
            if out is None and folder.name == key.folder_name:
                report = folder.with_name(key.infeasible_folder_name)
                error.folder = write_files(files, report, force=force or is_incomplete(report, key))
            else:
                error.folder = write_locked(files, folder, force=force)
            raise
        except CheckError as error:
            if error.program:
                saved = write_atomic(folder.with_name(f"{folder.name}.mps"), error.program)
                raise CheckError(f"{error}; the model is saved as {saved}") from error
            raise
        message("writing the run folder")
        plan = replace(plan, revision=loaded.revision, warnings=(*loaded.notices, *plan.warnings))
        files = run_files(plan, command=command, started=started, lang=lang)
        return OptimizedRun(write_locked(files, folder, force=force), plan, loaded=loaded, repaired=repaired)


def _validate_workbook_stays(scenario: object, folder: Path) -> None:
    """Raise FileError if the run would replace the folder of the workbook that is read."""
    if is_workbook(scenario) and isinstance(scenario, str | PathLike):
        read = Path(scenario)
        if read.resolve().is_relative_to(folder.resolve()):
            raise FileError(f"{folder}: contains the workbook that is read, {read.name}; choose another --out")


def _cached_run(folder: Path, manifest: Mapping[str, Any], loaded: ScenarioInputs) -> OptimizedRun:
    if manifest.get("status") == "infeasible":
        conflicts = json.loads((folder / "plan.json").read_text(encoding="utf-8"))["conflicts"]
        raise InfeasibleError(conflicts, folder)
    return OptimizedRun(folder, None, manifest, loaded)
