"""Verification of a run without the solver: its files, its point in the rebuilt model, its answer and its workbook.

Each check has a name, a result, a figure and, if it fails, what was found.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import ccs_model
from ccs_model._typing import MessageCallback
from ccs_model.analysis.rebuilt_plan import AtPoint, plan_at
from ccs_model.bounded_reading import parse_json, read_regular
from ccs_model.errors import CcsModelError, FileError, InputError, Issue, MissingExtraError
from ccs_model.mip.matrix import TOLERANCE
from ccs_model.plan.cache_key import run_key
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_checks import GAP_CHECK
from ccs_model.plan.plan_json import csv_text, plan_dict, to_plain_values
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.scenario_names import read_checked
from ccs_model.report.export.formats import geojson_text
from ccs_model.report.workbook.macc_sheet import FRONTIER as FRONTIER_SHEET
from ccs_model.report.workbook.plants_sheet import CHANGES
from ccs_model.report.workbook.recalculation import StoredCell, distance_of, recompute_workbook, stored_cells
from ccs_model.report.workbook.workbook import workbook_bytes
from ccs_model.runs.run_list import text_of
from ccs_model.runs.run_reader import (
    changed_inputs,
    changed_outputs,
    read_documents,
    read_point,
    table_of,
    version_note,
    writer_version,
)
from ccs_model.runs.run_writer import FRONTIER, SCENARIO, tables_of

SCHEMA = "ccs-model/verify/2"
EXACT = 1e-9
WORKBOOK, MAP = "plan.xlsx", "map.geojson"
# Results of the solve in plan.json that cannot be verified without solving again.
NOT_CHECKED = (
    "objective.searched_bound", "objective.bound", "relaxation", "marginal_budget", "binding_limits",
    "fixed_decisions", "targets.price_per_t", "corridors", "status", "added_components", "warnings",
)  # fmt: skip
# Versions and hashes of the machine that wrote the workbook; hashes of inputs have their own check.
_SKIPPED_SHEET = "RunLog"


@dataclass(frozen=True)
class Check:
    """One check; `figure` is a count or a distance as `unit` says, `found` lists what fails, largest first."""

    name: str
    holds: bool
    figure: float
    unit: str
    found: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verification:
    """All checks of a run.

    `skipped` says which part did not run, and what it needs; `not_recomputed` names sheets and tables with results of
    other solves, whose numbers are not compared; `note` that another version wrote the run.
    """

    run: str
    checks: tuple[Check, ...]
    skipped: tuple[str, ...] = ()
    note: str = ""
    not_recomputed: tuple[str, ...] = ()

    @property
    def all_hold(self) -> bool:
        """Whether every check that ran holds."""
        return all(check.holds for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Schema ccs-model/verify/2."""
        return to_plain_values(
            {
                "schema": SCHEMA,
                "run": self.run,
                "all_hold": self.all_hold,
                "checks": [{**vars(check), "found": list(check.found)} for check in self.checks],
                "skipped": list(self.skipped),
                "not_checked": [*NOT_CHECKED, *self.not_recomputed],
                "note": self.note,
            }
        )


def verify(folder: str | PathLike[str], *, on_progress: MessageCallback = lambda _: None) -> Verification:
    """Verify a run without the solver.

    Parameters
    ----------
    folder
        Run folder that `optimize` wrote.
    on_progress
        Receives a message at each step.

    Returns
    -------
    Verification
        All checks. Inputs that changed and became invalid are a failed check, not an error.

    Raises
    ------
    InputError
        If the folder holds no run or no point.
    FileError
        If a file of the run cannot be read.
    """
    path, document, manifest = read_documents(folder)
    checks: list[Check] = []
    skipped: list[str] = []
    other_tables, other_sheets = _parts_of_other_budgets(manifest)
    on_progress("hashing inputs and outputs")
    checks += _check_files(path, manifest)
    inputs_hold = checks[0].holds
    on_progress("building the problem")
    problem, issue = _rebuilt_problem(path, must=inputs_hold)
    plan: Plan | None = None
    if problem is None:
        checks.append(_failed_check("the problem can be built", issue))
    else:
        checks += _check_input_hash(problem, manifest, inputs_hold)
        on_progress("checking every row of the model at the point")
        at = AtPoint.of(problem, read_point(path))
        checks += _check_point(at)
        is_feasible = not at.strange and at.largest_residuals.hold
        plan, issue = _rebuilt_plan(at, document) if is_feasible else (None, "the point does not hold")
        on_progress("recomputing the answer from the point")
        if plan is None:
            checks.append(_failed_check("the answer can be recomputed from the point", issue))
        else:
            checks += _check_plan(path, document, plan, other_tables)
    if WORKBOOK in manifest.get("outputs", {WORKBOOK: ""}):
        on_progress("recomputing the workbook")
        raw = _bytes(path / WORKBOOK)
        try:
            cells = stored_cells(raw, WORKBOOK)
        except InputError as error:
            checks.append(_failed_check("the workbook can be read", *map(str, error.issues)))
        else:
            # Sheet Changes has the figures of the run before.
            other_sheets += (CHANGES.name,) if any(cell.sheet == CHANGES.name for cell in cells) else ()
            checks += [_check_numbers(raw, cells, plan, other_sheets)] if plan is not None else []
            checks += _check_formulas(raw, cells, skipped)
    else:
        skipped.append(f"{WORKBOOK}: the run was written without a workbook")
    if note := version_note(manifest):
        note += f"; a failed check may come from the version (verify with ccs-model=={writer_version(manifest)})"
    others = (*(f"sheet {name}" for name in other_sheets), *(f"tables/{name}.csv" for name in other_tables))
    return Verification(path.resolve().name, tuple(checks), tuple(skipped), note, others)


def _parts_of_other_budgets(manifest: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tables and sheets of a frontier, whose plans at other budgets have no point in the run folder."""
    written = manifest.get("outputs", {})
    if FRONTIER not in written:
        return (), ()
    tables = ("frontier", "frontier_moves", "frontier_breakpoints")
    return tuple(name for name in tables if f"tables/{name}.csv" in written), (FRONTIER_SHEET.name,)


def _failed_check(name: str, *found: str) -> Check:
    return Check(name, False, 1.0, "errors", found)


def _comparison_check(name: str, largest: float, found: Sequence[str]) -> Check:
    return Check(name, not found, largest, "distance", tuple(found))


def _check_files(path: Path, manifest: Mapping[str, Any]) -> Iterator[Check]:
    for name, changed in (("input", changed_inputs), ("file of the run", changed_outputs)):
        n, found = changed(path, manifest)
        yield Check(f"every {name} is unchanged", not found and n > 0, float(n), "files", tuple(found))


def _rebuilt_problem(path: Path, *, must: bool) -> tuple[Problem | None, str]:
    """The problem of the run, or the first error; with `must`, an error in the inputs is raised."""
    try:
        return build_problem(*read_checked(path / SCENARIO)), ""
    except InputError as error:
        if must:
            raise
        return None, str(error.issues[0]) if error.issues else str(error)


def _check_input_hash(problem: Problem, manifest: Mapping[str, Any], inputs_hold: bool) -> Iterator[Check]:
    """The input hash of the run; not checked for own tables, since the run's scenario names their copies."""
    same_version = manifest.get("versions", {}).get("ccs-model") == ccs_model.__version__
    has_own = any(name.startswith("own:") for name in manifest.get("inputs", {}))
    if not (same_version and inputs_hold) or has_own:
        return
    same = run_key(problem.scenario, problem.inputs).sha256 == manifest.get("run_sha256")
    found = () if same else (f"{SCENARIO} gives another hash than run_sha256 of the manifest",)
    yield Check("the input hash is that of the manifest", same, float(not same), "differences", found)


def _check_point(at: AtPoint) -> Iterator[Check]:
    found, n_rows = at.largest_residuals, at.matrix.rows.shape[0]
    strange = tuple(f"{name}: no such column" for name in at.strange)
    yield Check("the point's columns are the model's", not strange, float(len(strange)), "unknown columns", strange)
    violated = (f"{found.worst_row}: {found.row:.3g}",) if found.row > TOLERANCE else ()
    yield _comparison_check(f"all {n_rows:,} rows hold at the point", found.row, violated)
    yield Check("every column lies within its bounds", not found.bound > TOLERANCE, found.bound, "distance")
    yield Check("integer decisions are integer", not found.integrality > TOLERANCE, found.integrality, "distance")


def _rebuilt_plan(at: AtPoint, document: Mapping[str, Any]) -> tuple[Plan | None, str]:
    """The plan of the point, or why plan.json cannot be read."""
    try:
        return plan_at(at, document), ""
    except (KeyError, TypeError, ValueError, IndexError, CcsModelError) as error:
        return None, f"plan.json cannot be read as a plan: {type(error).__name__}: {error}"


def _check_plan(path: Path, document: Mapping[str, Any], plan: Plan, other_tables: Collection[str]) -> Iterator[Check]:
    broken = plan.checks[~plan.checks["holds"] & (plan.checks["name"] != GAP_CHECK)]
    message = tuple(f"{row.name}: {row.figure:.3g}" for row in broken.itertuples(index=False))
    n_others = int((plan.checks["name"] != GAP_CHECK).sum())
    name = f"the plan's own {n_others} checks other than the optimality gap hold"
    yield Check(name, not message, float(len(message)), "failed", message)
    recomputed_document = json.loads(json.dumps(plan_dict(plan)))
    for name, part in _PARTS.items():
        n, largest, differences = difference(_select_keys(document, part), _select_keys(recomputed_document, part))
        yield _comparison_check(f"{name}: {n:,} figures", largest, differences)
    yield _check_tables(path, plan, other_tables)
    n, largest, differences = difference(_json(path / MAP), json.loads(geojson_text(plan)))
    yield _comparison_check(f"map.geojson: {n:,} figures", largest, differences)


# Parts of plan.json with a check of their own.
_PARTS: Mapping[str, tuple[str, ...]] = {
    "objective and its terms": ("objective", "terms", "costs"),
    "totals": ("totals",),
    "the rest of plan.json": (),
}


def _select_keys(document: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """These keys of plan.json, or all keys that no part names."""
    named = {key for each in _PARTS.values() for key in each}
    return {key: value for key, value in document.items() if (key in keys if keys else key not in named)}


def _check_tables(path: Path, plan: Plan, others: Collection[str]) -> Check:
    """Compare every table of the run folder cell by cell, except `others`."""
    differences: list[str] = []
    largest, n_cells = 0.0, 0
    expected = {name: csv_text(table) for name, table in tables_of(plan).items()}
    there = {file.stem for file in (path / "tables").glob("*.csv")} - set(others)
    differences += [f"tables/{name}.csv: missing" for name in sorted(expected.keys() - there)]
    differences += [f"tables/{name}.csv: is not a table of a run" for name in sorted(there - expected.keys())]
    for name in sorted(expected.keys() & there):
        text = text_of(path / "tables" / f"{name}.csv")
        try:
            rows = [table_of(each).to_dict("list") for each in (text, expected[name])]
        except ValueError as error:
            differences.append(f"tables/{name}.csv: cannot be read: {error}")
            continue
        n, distance, message = difference(rows[0], rows[1])
        n_cells, largest = n_cells + n, max(largest, distance)
        differences += [f"tables/{name}.csv: {each}" for each in message]
    return _comparison_check(f"tables: {n_cells:,} cells of {len(expected)}", largest, differences)


def _check_numbers(raw: bytes, cells: Sequence[StoredCell], plan: Plan, others: Collection[str]) -> Check:
    """Compare every number with a newly written workbook, except on the sheets `others`; headings may be translated."""
    expected, in_file = workbook_bytes(plan), _numbers(cells, others)
    name = f"the workbook's {len(in_file):,} numbers are the plan's"
    if raw == expected:
        return _comparison_check(name, 0.0, ())
    in_plan = _numbers(stored_cells(expected, WORKBOOK), others)
    differences, largest = [], 0.0
    for at in sorted(in_file.keys() | in_plan.keys()):
        one, other = in_file.get(at), in_plan.get(at)
        if one is None or other is None:
            only = one or other
            differences.append(f"{only.address if only else at}: only {'the file' if one else 'the plan'} has a number")
            continue
        distance = distance_of(one.value, other.value)
        largest = max(largest, distance or 0.0)
        if distance is None or distance > EXACT:
            differences.append(f"{one.address}: {one.value!r} in the file, {other.value!r} in the plan")
    return _comparison_check(name, largest, differences)


def _numbers(cells: Sequence[StoredCell], others: Collection[str]) -> dict[tuple[str, int, int], StoredCell]:
    return {
        (cell.sheet, cell.row, cell.column): cell
        for cell in cells
        if isinstance(cell.value, float) and cell.sheet not in (_SKIPPED_SHEET, *others)
    }


def _check_formulas(raw: bytes, cells: Sequence[StoredCell], skipped: list[str]) -> Iterator[Check]:
    """Recompute every formula with an independent engine."""
    try:
        found = recompute_workbook(raw, cells)
    except MissingExtraError as error:
        skipped.append(str(error))
        return
    name = f"{found.n_compared:,} formulas of the workbook recomputed"
    yield Check(name, found.holds, found.worst, "distance", (*found.difference, *found.not_compared))


def _bytes(path: Path) -> bytes:
    try:
        return read_regular(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error


def _json(path: Path) -> Any:
    try:
        return parse_json(text_of(path).encode())
    except ValueError as error:
        raise InputError([Issue(str(path), f"is not JSON: {error}")]) from error


_MISSING = object()


def difference(one: object, other: object) -> tuple[int, float, list[str]]:
    """Compare two documents value by value.

    Returns
    -------
    n, largest, differences
        Number of values, largest distance of two numbers (relative above 1), and the differences as text.
    """
    n, largest, differences = 0, 0.0, []
    for place, value, expected in _leaf_values(one, other, ""):
        n += 1
        distance = 0.0 if _are_unknown(value, expected) else distance_of(value, expected)
        if distance is not None and distance <= EXACT:
            largest = max(largest, distance)
            continue
        largest = max(largest, distance or 0.0)
        differences.append(f"{place or 'the document'}: {_value_text(value)}, expected {_value_text(expected)}")
    return n, largest, differences


def _leaf_values(one: object, other: object, place: str) -> Iterator[tuple[str, object, object]]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in [*one, *(key for key in other if key not in one)]:
            inner = f"{place}.{key}" if place else str(key)
            yield from _leaf_values(one.get(key, _MISSING), other.get(key, _MISSING), inner)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for at, (value, expected) in enumerate(zip(one, other, strict=True)):
            yield from _leaf_values(value, expected, f"{place}[{at}]")
    elif isinstance(one, list) and isinstance(other, list):
        yield f"{place}, rows", float(len(one)), float(len(other))
    else:
        yield place, one, other


def _are_unknown(*values: object) -> bool:
    return all(value is None or (isinstance(value, float) and math.isnan(value)) for value in values)


def _value_text(value: object) -> str:
    if value is _MISSING:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
