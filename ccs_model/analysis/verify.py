"""A run checked from outside: its files, its point in the program posed again, all it says, and its workbook.

Nothing is solved. Each check has a name, a verdict, a figure and, where it does not hold, what was found.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import ccs_model
from ccs_model._typing import MessageCallback
from ccs_model.analysis.compare import difference
from ccs_model.analysis.rebuilt_plan import AtPoint, at_point, plan_at
from ccs_model.errors import CcsModelError, FileError, InputError, Issue, MissingExtraError
from ccs_model.mip.matrix import TOLERANCE
from ccs_model.plan.cache_key import run_key
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_checks import GAP_CHECK
from ccs_model.plan.plan_json import csv_text, plain, plan_dict
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.scenario_names import read_checked
from ccs_model.report.export.geojson import geojson_text
from ccs_model.report.workbook.recalculation import StoredCell, distance_of, recomputed, stored_cells
from ccs_model.report.workbook.workbook import workbook_bytes
from ccs_model.runs.manifest import changed_inputs, changed_outputs
from ccs_model.runs.run_reader import table_of
from ccs_model.runs.run_writer import tables_of
from ccs_model.runs.stored_question import SCENARIO, read_answer

SCHEMA = "ccs-model/verify/2"
EXACT = 1e-9
WORKBOOK, MAP = "plan.xlsx", "map.geojson"
# plan.json says these of the solve alone: they are carried over, and no check here can refute them.
OF_THE_SOLVE = (
    "objective.bound", "objective.all_links_bound", "relaxation", "marginal_budget", "fixed_decisions", "targets.price_per_t",
    "corridors", "status",
)  # fmt: skip
# What the workbook says of versions and hashes is the machine's that wrote it; those of the inputs are checked apart.
_OF_THE_MACHINE = "RunLog"


@dataclass(frozen=True)
class Check:
    """`figure` is a count or a distance, as `unit` says; `found` names what does not hold, worst first."""

    name: str
    holds: bool
    figure: float
    unit: str
    found: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verification:
    """All checks of a run; `skipped` says which part was left out, and how to have it."""

    run: str
    checks: tuple[Check, ...]
    skipped: tuple[str, ...] = ()

    @property
    def all_hold(self) -> bool:
        """Whether every check that was made holds."""
        return all(check.holds for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Schema ccs-model/verify/2."""
        document = {
            "schema": SCHEMA,
            "run": self.run,
            "all_hold": self.all_hold,
            "checks": [{**asdict(check), "found": list(check.found)} for check in self.checks],
            "skipped": list(self.skipped),
            "not_checked": list(OF_THE_SOLVE),
        }
        cleaned: dict[str, Any] = plain(document)
        return cleaned


@dataclass(frozen=True)
class _Book:
    """plan.xlsx as it lies there."""

    raw: bytes
    cells: Sequence[StoredCell]


def verify(folder: str | PathLike[str], *, on_progress: MessageCallback = lambda _: None) -> Verification:
    """Check the run in `folder`.

    Raises FileError where it cannot be read, InputError where it holds no run or no point. Bad tables are no error
    here when they changed since: they are a check that does not hold.
    """
    path, document, manifest = read_answer(folder)
    checks: list[Check] = []
    skipped: list[str] = []
    on_progress("hashing inputs and outputs")
    checks += _of_files(path, manifest)
    inputs_hold = checks[0].holds
    on_progress("posing the problem again")
    problem, issue = _rebuilt_problem(path, must=inputs_hold)
    plan: Plan | None = None
    if problem is None:
        checks.append(Check("the problem is posed again", False, 1.0, "faults", (issue,)))
    else:
        checks += _of_question(problem, manifest, inputs_hold)
        on_progress("checking every row of the program at the point")
        at = at_point(path, problem)
        checks += _of_point(at)
        plan, issue = _made_anew(at, document) if _holds(at) else (None, "the point does not hold")
        on_progress("making the answer anew from the point")
        checks += _of_answer(path, document, plan, issue)
    on_progress("reading the workbook and computing it again")
    book, issues = _book_of(path)
    if book is None:
        checks.append(Check("the workbook can be read", False, 1.0, "faults", issues))
    else:
        checks += [_of_numbers(book, plan)] if plan is not None else []
        checks += _of_formulas(book, skipped)
    return Verification(path.resolve().name, tuple(checks), tuple(skipped))


def _of_files(path: Path, manifest: Mapping[str, Any]) -> Iterator[Check]:
    n, message = changed_inputs(path, manifest)
    yield Check("every input is the one that was read", not message and n > 0, float(n), "files", tuple(message))
    n, message = changed_outputs(path, manifest)
    yield Check("every file of the run is as it was written", not message and n > 0, float(n), "files", tuple(message))


def _rebuilt_problem(path: Path, *, must: bool) -> tuple[Problem | None, str]:
    """The question of the run; where inputs changed, a fault in them is part of the verdict."""
    try:
        return build_problem(*read_checked(path / SCENARIO)), ""
    except InputError as error:
        if must:
            raise
        return None, str(error.issues[0]) if error.issues else str(error)


def _of_question(problem: Problem, manifest: Mapping[str, Any], inputs_hold: bool) -> Iterator[Check]:
    """The hash that named the run; tables of one's own were copied, and the question then names the copies."""
    same_version = manifest.get("versions", {}).get("ccs-model") == ccs_model.__version__
    has_own = any(name.startswith("own:") for name in manifest.get("inputs", {}))
    if not (same_version and inputs_hold) or has_own:
        return
    same = run_key(problem.scenario, problem.inputs).sha256 == manifest.get("run_sha256")
    found = () if same else (f"{SCENARIO} gives another hash than run_sha256 of the manifest",)
    yield Check("the question is the one that named the run", same, float(not same), "differences", found)


def _of_point(at: AtPoint) -> Iterator[Check]:
    found, n_rows = at.found, at.matrix.rows.shape[0]
    strange = tuple(f"{name}: no such column" for name in at.strange)
    yield Check("the point's columns are the program's", not strange, float(len(strange)), "columns apart", strange)
    worst = (f"{found.worst_row}: {found.row:.3g}",) if found.row > TOLERANCE else ()
    yield Check(f"all {n_rows:,} rows hold at the point", not worst, found.row, "distance", worst)
    beyond = found.bound > TOLERANCE
    yield Check("every column lies within its bounds", not beyond, found.bound, "distance")
    broken = found.integrality > TOLERANCE
    yield Check("whole decisions are whole", not broken, found.integrality, "distance")


def _holds(at: AtPoint) -> bool:
    return not at.strange and at.found.hold


def _made_anew(at: AtPoint, document: Mapping[str, Any]) -> tuple[Plan | None, str]:
    """The plan of the point; what cannot be read out of plan.json is said."""
    try:
        return plan_at(at, document), ""
    except (KeyError, TypeError, ValueError, IndexError, CcsModelError) as error:
        return None, f"plan.json cannot be read as a plan: {type(error).__name__}: {error}"


def _of_answer(path: Path, document: Mapping[str, Any], plan: Plan | None, issue: str) -> Iterator[Check]:
    if plan is None:
        yield Check("the answer is made anew from the point", False, 1.0, "faults", (issue,))
        return
    broken = plan.checks[~plan.checks["holds"] & (plan.checks["name"] != GAP_CHECK)]
    message = tuple(f"{row.name}: {row.figure:.3g}" for row in broken.itertuples(index=False))
    yield Check(f"the plan's own {len(plan.checks)} checks hold", not message, float(len(message)), "broken", message)
    again = json.loads(json.dumps(plan_dict(plan)))
    for name, part in _PARTS.items():
        n, worst, words = difference(_some(document, part), _some(again, part), EXACT)
        yield Check(f"{name}: {n:,} figures", not words, worst, "distance", tuple(words))
    yield _of_tables(path, plan)
    n, worst, words = difference(_json(path / MAP), json.loads(geojson_text(plan)), EXACT)
    yield Check(f"map.geojson: {n:,} figures", not words, worst, "distance", tuple(words))


# plan.json in parts: objective and terms, totals, and the rest.
_PARTS: Mapping[str, tuple[str, ...]] = {
    "objective and its terms": ("objective", "terms", "costs"),
    "totals": ("totals",),
    "the rest of plan.json": (),
}


def _some(document: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """These parts of plan.json, or all those that no other check names."""
    named = {key for each in _PARTS.values() for key in each}
    return {key: value for key, value in document.items() if (key in keys if keys else key not in named)}


def _of_tables(path: Path, plan: Plan) -> Check:
    """Every table of the run folder, cell by cell."""
    words: list[str] = []
    worst, n_cells = 0.0, 0
    expected = {name: csv_text(table) for name, table in tables_of(plan).items()}
    there = {file.stem for file in (path / "tables").glob("*.csv")}
    words += [f"tables/{name}.csv: missing" for name in sorted(expected.keys() - there)]
    words += [f"tables/{name}.csv: is no table of a run" for name in sorted(there - expected.keys())]
    for name in sorted(expected.keys() & there):
        text = _text(path / "tables" / f"{name}.csv")
        try:
            rows = [table_of(each).to_dict("list") for each in (text, expected[name])]
        except ValueError as error:
            words.append(f"tables/{name}.csv: cannot be read: {error}")
            continue
        n, distance, message = difference(rows[0], rows[1], EXACT)
        n_cells, worst = n_cells + n, max(worst, distance)
        words += [f"tables/{name}.csv: {each}" for each in message]
    return Check(f"tables: {n_cells:,} cells of {len(expected)}", not words, worst, "distance", tuple(words))


def _of_numbers(book: _Book, plan: Plan) -> Check:
    """Every number of the workbook against one written anew; headings may be in another language."""
    anew, ours = workbook_bytes(plan), _numbers(book.cells)
    name = f"the workbook's {len(ours):,} numbers are the plan's"
    if book.raw == anew:
        return Check(name, True, 0.0, "distance")
    theirs = _numbers(stored_cells(anew, WORKBOOK))
    words, worst = [], 0.0
    for at in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(at), theirs.get(at)
        if one is None or other is None:
            only = one or other
            words.append(f"{only.address if only else at}: a number stands in {'the file' if one else 'the plan'} only")
            continue
        distance = distance_of(one.value, other.value)
        worst = max(worst, distance or 0.0)
        if distance is None or distance > EXACT:
            words.append(f"{one.address}: {one.value!r} stands there, {other.value!r} is the plan's")
    return Check(name, not words, worst, "distance", tuple(words))


def _numbers(cells: Sequence[StoredCell]) -> dict[tuple[str, int, int], StoredCell]:
    return {
        (cell.sheet, cell.row, cell.column): cell
        for cell in cells
        if isinstance(cell.value, float) and cell.sheet != _OF_THE_MACHINE
    }


def _of_formulas(book: _Book, skipped: list[str]) -> Iterator[Check]:
    """Every formula computed again by an independent engine."""
    try:
        found = recomputed(book.raw, book.cells)
    except MissingExtraError as error:
        skipped.append(str(error))
        return
    name = f"{found.n_compared:,} formulas of the workbook computed again"
    yield Check(name, found.holds, found.worst, "distance", (*found.difference, *found.not_compared))


def _book_of(path: Path) -> tuple[_Book | None, tuple[str, ...]]:
    """The workbook's bytes and cells, or why it cannot be read."""
    raw = _bytes(path / WORKBOOK)
    try:
        return _Book(raw, stored_cells(raw, WORKBOOK)), ()
    except InputError as error:
        return None, tuple(map(str, error.issues))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError([Issue(str(path), "is not UTF-8 text")]) from error


def _json(path: Path) -> Any:
    try:
        return json.loads(_text(path))
    except ValueError as error:
        raise InputError([Issue(str(path), f"is not JSON: {error}")]) from error
