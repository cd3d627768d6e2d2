"""Reads finished runs: their tables, the problem they answer, the list of runs in a folder, and changed files."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeGuard

import pandas as pd

import ccs_model
from ccs_model.arguments import file_path
from ccs_model.bounded_reading import read_regular, read_regular_text
from ccs_model.errors import FileError, InputError, Issue, NoPlanInRunError, schema_issue
from ccs_model.inputs import Inputs
from ccs_model.paths import data_folder
from ccs_model.plan.cache_key import OWN, RunKey, hashes, run_key
from ccs_model.plan.decisions import POINT_COLUMNS
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import SCHEMA, csv_text, plan_dict
from ccs_model.plan.stored_run import StoredRun
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.scenario_names import read_checked
from ccs_model.report.export.formats import frontier_dict, geojson_text
from ccs_model.runs.folder_writer import MANIFEST
from ccs_model.runs.run_list import document_of, listed_runs, text_of
from ccs_model.runs.run_writer import FRONTIER, MAP, PLAN, RUN_WRITER, SCENARIO, tables_of
from ccs_model.scenario import Scenario, read_scenario
from ccs_model.scenario.validation import without_accents
from ccs_model.units import join_first_names, unit_of

TABLES, POINT = "tables", "tables/point.csv"
# The folder of a Monte Carlo analysis: its result, its futures one per row, and the run of its plan.
FUTURES_DOCUMENT, FUTURES, FUTURES_PLAN = "montecarlo.json", "futures.csv", "plan"
RUN_COLUMNS = ["name", "date", "objective", "status", "gap_share", "unit", "kind", "scenario", "headline"]

# Identifiers are text even if they are all digits, and a plant may be called NA.
_TEXT = frozenset(
    (
        "plant", "name", "name_zh", "province", "zone", "sector", "product", "stream", "technology", "size", "site",
        "heat_source", "pipe", "route", "link", "kind", "node_a", "node_b", "from_node", "from_name", "to_node",
        "to_name", "users", "facility", "term", "item", "stakeholder", "pollutant", "basin", "target",
        "no_project_irr", "no_equity_irr",
    )
)  # fmt: skip
_GUARDED = ("'=", "'+", "'-", "'@", "'\t", "'\r")
# Keys that were added to the schema later.
_ADDED: Mapping[str, Any] = MappingProxyType(
    {"corridors": None, "calibration": None, "owners": [], "stakeholders": [], "ledger": [], "social_account": None}
)
_N_SHOWN = 8

RunLike = str | PathLike[str] | StoredRun | Plan
"""A finished run: its folder, the run as read, or a plan in memory."""


def read_run(folder: str | PathLike[str]) -> StoredRun:
    """Read a run folder, or the folder of a Monte Carlo analysis, which contains the run of its plan.

    Parameters
    ----------
    folder
        A folder written by `ccs-model optimize`, `frontier` or `montecarlo`, or by `Plan.to_folder`.

    Returns
    -------
    StoredRun
        The run with its tables, summary and charts.

    Raises
    ------
    FileError
        If there is no such folder or it cannot be read.
    InputError
        If the folder is not a run.
    NoPlanInRunError
        If the problem of the run is infeasible.
    """
    path = file_path("folder", folder, "a run folder")
    if (path / FUTURES_DOCUMENT).is_file() and (path / FUTURES_PLAN / PLAN).is_file():
        of_plan = read_run(path / FUTURES_PLAN)
        futures = {"futures": table_of(text_of(path / FUTURES))} if (path / FUTURES).is_file() else {}
        return replace(
            of_plan, name=path.resolve().name, folder=path, absolute_folder=path.absolute(),
            uncertainty=document_of(path / FUTURES_DOCUMENT), tables={**of_plan.tables, **futures},
        )  # fmt: skip
    path, document, manifest = read_documents(path)
    _require(path, MAP)
    with name_version_in_errors(path, manifest):
        scenario = read_scenario(path / SCENARIO, allow_outside=True)
    return StoredRun(
        name=path.resolve().name,
        document={**_ADDED, **document},
        tables={file.stem: table_of(text_of(file)) for file in sorted((path / TABLES).glob("*.csv"))},
        map=document_of(path / MAP),
        scenario=scenario,
        inputs=dict(manifest.get("inputs", {})),
        sha256=str(manifest.get("run_sha256", "")),
        folder=path,
        frontier=document_of(path / FRONTIER) if (path / FRONTIER).is_file() else None,
        viewer=RUN_WRITER,
    )


def read_documents(folder: str | PathLike[str]) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """Return the path of a run folder, its plan.json and its manifest.json. Raises as `read_run` does."""
    path = Path(folder)
    if not path.is_dir():
        raise FileError(f"{path}: no such run folder")
    _require(path, PLAN, SCENARIO, MANIFEST)
    document, manifest = document_of(path / PLAN), document_of(path / MANIFEST)
    if document.get("schema") != SCHEMA:
        remedy = f"solve it again: ccs-model optimize {path / SCENARIO} --out ANOTHER"
        raise InputError(
            [schema_issue(str(path / PLAN), document.get("schema"), SCHEMA, remedy, writer_version(manifest))]
        )
    require_plan(path, document)
    return path, document, manifest


def analysis_key(
    requested: str | PathLike[str], asked: Sequence[object], what: str, *, allow_outside: bool = False
) -> RunKey:
    """Cache key of what is `asked` of a scenario or a run; `what` is the part of the folder name for it.

    Raises what reading the scenario or the run raises.
    """
    path = Path(requested)
    if path.is_dir():
        read_documents(path)
        path = path / SCENARIO
    own = run_key(*read_checked(path, allow_outside=allow_outside))
    sha = RunKey.analysis_sha256(json.dumps([own.sha256, *asked], default=list, ensure_ascii=False))
    return RunKey(sha, f"{own.slug}-{what}")


def writer_version(manifest: Mapping[str, Any]) -> str:
    """Return the version of ccs-model that wrote a run; empty if its manifest does not say."""
    versions = manifest.get("versions")
    return str(versions.get("ccs-model", "")) if isinstance(versions, Mapping) else ""


def version_note(manifest: Mapping[str, Any]) -> str:
    """Return what to know of a run that another version wrote; empty for this version."""
    was = writer_version(manifest)
    if was in ("", ccs_model.__version__):
        return ""
    return f"was written by ccs-model {was}, and this is {ccs_model.__version__}"


@contextmanager
def name_version_in_errors(folder: Path, manifest: Mapping[str, Any]) -> Iterator[None]:
    """Add the version that wrote the run to an InputError, if it is another one."""
    try:
        yield
    except InputError as error:
        if not (what := version_note(manifest)):
            raise
        hint = f"install that version (ccs-model=={writer_version(manifest)}), or solve the scenario again"
        raise InputError([Issue(str(folder), what, hint), *error.issues]) from error


def require_plan(folder: Path, document: Mapping[str, Any]) -> None:
    """Raise NoPlanInRunError if plan.json, `document`, is the report of an infeasible problem."""
    if document.get("status") == "infeasible":
        raise NoPlanInRunError(str(folder))


def run_of(plan: Plan) -> StoredRun:
    """Return a plan as `read_run` reads its run folder."""
    problem = plan.problem
    key = run_key(problem.scenario, problem.inputs)
    return StoredRun(
        name=key.folder_name,
        document=json.loads(json.dumps(plan_dict(plan))),
        tables={name: table_of(csv_text(table)) for name, table in sorted(tables_of(plan).items())},
        map=json.loads(geojson_text(plan)),
        scenario=problem.scenario,
        inputs=hashes(problem.scenario, problem.inputs),
        sha256=key.sha256,
        frontier=None if plan.frontier is None else frontier_dict(plan.frontier, problem.name),
        viewer=RUN_WRITER,
    )


def list_runs(folder: str | PathLike[str] = "runs") -> pd.DataFrame:
    """List the runs and analyses directly inside a folder, the newest first.

    Parameters
    ----------
    folder
        Folder of the run folders.

    Returns
    -------
    DataFrame
        One row per run: `name` of its folder, `date` (ISO 8601, UTC) at which it finished, `objective` value in `unit`
        (missing if infeasible), `status`, `gap_share` over all candidate links, and `kind`, `scenario` and `headline`
        as `ccs-model runs` lists them; analyses have no status. Folders that are not runs are left out.

    Raises
    ------
    FileError
        If there is no such folder.
    """
    rows = [each.to_dict() for each in listed_runs(file_path("folder", folder))]
    return pd.DataFrame(rows, columns=RUN_COLUMNS).astype({"objective": float, "gap_share": float})


def table_of(text: str) -> pd.DataFrame:
    """Return a table of the run folder.

    Text is without the apostrophes that guard it against spreadsheets. Flags are booleans, missing if unknown.
    """
    header = text.partition("\n")[0].split(",")
    as_text = {name: str for name in header if name in _TEXT}
    table = pd.read_csv(io.StringIO(text), dtype=as_text, keep_default_na=False, na_values=[""])
    for name in table.columns:
        if name in _TEXT:
            column = table[name].fillna("")
            guarded = column.str.startswith(_GUARDED)
            table[name] = column.where(~guarded, column.str[1:])
        elif unit_of(str(name)) is not None:
            table[name] = table[name].astype(float)
        elif str(name).startswith("is_") or name == "in_plan":
            flags = table[name].map({"yes": True, "no": False})
            table[name] = flags if flags.isna().any() else flags.astype(bool)
    return table


def read_point(folder: Path) -> pd.DataFrame:
    """Return the solution of a run, tables/point.csv: variable, index and value of each column that is not zero.

    Raises InputError if it is missing or invalid, FileError if it cannot be read.
    """
    path = folder / POINT
    hint = "an earlier version wrote the run, or the file was lost; run ccs-model optimize --force"
    if not path.is_file():
        raise InputError([Issue(str(path), "is missing; it holds the solution to check", hint)])
    try:
        rows = list(csv.reader(io.StringIO(read_regular_text(path), newline="")))
        if not rows or rows[0] != POINT_COLUMNS:
            raise ValueError(f"its columns are not {', '.join(POINT_COLUMNS)}")
        # float() reads numbers exactly; pandas need not.
        values = [(variable, index, float(value)) for variable, index, value in rows[1:]]
        return pd.DataFrame(values, columns=POINT_COLUMNS)
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, csv.Error) as error:
        raise InputError([Issue(str(path), f"is not a solution table: {error}", hint)]) from error


# The problem of a run, rebuilt from its resolved scenario.


@dataclass(frozen=True, eq=False)
class SolvedProblem:
    """A run with the problem that it answers.

    Attributes
    ----------
    folder
        The run folder; empty for a plan in memory.
    document
        plan.json.
    problem
        The problem, rebuilt from the scenario and tables of the run.
    sha256
        Hash of the run's inputs.
    solution
        The solution of a plan in memory; that of a run folder is read by `point`.
    """

    folder: Path
    document: Mapping[str, Any]
    problem: Problem
    sha256: str = ""
    solution: pd.DataFrame | None = field(default=None, repr=False)

    @property
    def point(self) -> pd.DataFrame:
        """The solution: variable, index and value of each column that is not zero. Raises as `read_point` does."""
        return read_point(self.folder) if self.solution is None else self.solution

    @property
    def added_components(self) -> tuple[str, ...]:
        """Constraints and variables that were added to the model of the problem, by name."""
        return tuple(self.document.get("added_components", ()))

    @property
    def retrofits(self) -> pd.DataFrame:
        """One row per retrofit of the plan; empty if nothing is built."""
        return pd.DataFrame(self.document["retrofits"])


def read_solved_problem(folder: str | PathLike[str]) -> SolvedProblem:
    """Read a run folder and rebuild its problem.

    Of a Monte Carlo analysis, the run of its plan. Raises as `read_run` does, and InputError if a shipped table has
    changed since the run.
    """
    path = Path(folder)
    if (path / FUTURES_DOCUMENT).is_file() and (path / FUTURES_PLAN / PLAN).is_file():
        path /= FUTURES_PLAN
    path, document, manifest = read_documents(path)
    with name_version_in_errors(path, manifest):
        scenario, inputs = read_checked(path / SCENARIO)
        _validate_tables(path, manifest, scenario, inputs)
        return SolvedProblem(path, document, build_problem(scenario, inputs), str(manifest.get("run_sha256", "")))


def solved_problem_of(run: RunLike) -> SolvedProblem:
    """Return the problem of a run folder, a stored run or a plan. Raises as `read_solved_problem` does."""
    if isinstance(run, StoredRun):
        if (folder := run.current_folder) is None:
            raise InputError([Issue(run.name, "has no folder, from which its solution could be read", "give its plan")])
        return read_solved_problem(folder)
    if not isinstance(run, Plan):
        return read_solved_problem(file_path("run", run, "a run folder, a stored run or a plan"))
    problem = run.problem
    sha256 = run_key(problem.scenario, problem.inputs).sha256
    return SolvedProblem(Path(), json.loads(json.dumps(plan_dict(run))), problem, sha256, run.point)


def validate_own_model(added: Sequence[str]) -> None:
    """Raise InputError if the model of a plan has added constraints or variables, which an analysis would drop."""
    if added:
        what = f"its model has constraints or variables that this analysis does not know: {', '.join(added)}"
        raise InputError([Issue("the plan", what, "solve the problem without them, or analyse it in your own code")])


def is_run(requested: object) -> TypeGuard[RunLike]:
    """Return whether the argument is a finished run (a folder, a stored run or a plan) and no scenario."""
    return isinstance(requested, StoredRun | Plan) or (
        isinstance(requested, str | PathLike) and requested != "" and Path(requested).is_dir()
    )


def plant_of(problem: Problem, text: str) -> str:
    """Return the id of the plant that `text` names: its id, or a name that only one plant of the run has.

    Raises InputError with the nearest plants, or with all that match.
    """
    plants = problem.plants
    if text in set(plants["plant"]):
        return text
    exact, wanted = text.strip().casefold(), _fold_name(text)
    names = plants[["plant", "name", "name_zh"]].fillna("").astype(str)
    same = names.map(lambda name: name.strip().casefold() == exact).any(axis=1)
    alike = names.map(lambda name: _fold_name(name) == wanted).any(axis=1)
    within = names.map(lambda name: wanted in _fold_name(name)).any(axis=1) & (wanted != "")
    for found in (plants[same], plants[alike], plants[within]):
        if len(found) == 1:
            return str(found["plant"].iloc[0])
        if len(found):
            some = [f"{row.plant} {row.name}" for row in found.head(_N_SHOWN).itertuples(index=False)]
            more = f", and {len(found) - _N_SHOWN} more" if len(found) > _N_SHOWN else ""
            raise InputError([Issue("plant", f"'{text}' matches {len(found)} plants", "; ".join(some) + more)])
    raise InputError([_unknown_plant(problem, text, wanted)])


def _fold_name(name: str) -> str:
    """The name without case and accents."""
    return without_accents(name.strip().casefold())


def _unknown_plant(problem: Problem, text: str, wanted: str) -> Issue:
    """Return the issue of a name that no plant of the run has, with the nearest name as the hint."""
    inputs, plants = problem.inputs, problem.plants
    for table in (inputs["plants/steel"], inputs.plants_of("chemicals"), inputs["plants/sources"]):
        there = table[(table["plant"].map(_fold_name) == wanted) | (table["name"].map(_fold_name) == wanted)]
        if len(there):
            row = there.iloc[0]
            what = f"'{text}' is in the tables ({row['province']}, {row['status']}) but not in this run"
            return Issue("plant", what, f"the run covers operating plants of {', '.join(problem.zones)}")
    by_text = {str(value): str(row.plant) for row in plants.itertuples() for value in (row.plant, row.name)}
    folded = {_fold_name(value): value for value in by_text}
    near = get_close_matches(wanted, list(folded), n=1)
    hint = "the workbook lists ids and names on sheet Plants"
    if near:
        hint = f"did you mean '{folded[near[0]]}' ({by_text[folded[near[0]]]})?"
    return Issue("plant", f"no plant '{text}' in this run", hint)


def _validate_tables(path: Path, manifest: Mapping[str, Any], scenario: Scenario, inputs: Inputs) -> None:
    """Raise InputError if a shipped table has changed since the run; the run folder has copies of the user's own."""
    was = {name: sha for name, sha in manifest.get("inputs", {}).items() if not name.startswith("own:")}
    now = {name: sha for name, sha in hashes(scenario, inputs).items() if not name.startswith("own:")}
    changed = sorted(name for name in was.keys() | now.keys() if was.get(name) != now.get(name))
    if changed:
        some = join_first_names(changed, 3)
        hint = "solve again with ccs-model optimize, and use the new run"
        raise InputError([Issue(str(path), f"these tables have changed since the run: {some}", hint)])


# Files that have changed since the run.


def changed_inputs(folder: Path, manifest: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Return the number of inputs in the manifest, and a message for each that is missing or has changed.

    Shipped tables are compared where this program reads them. The user's own files are compared with the copies in the
    run folder, by content, since copies may have other names.
    """
    inputs: Mapping[str, str] = manifest.get("inputs", {})
    copies = {_sha256(path) for path in sorted((folder / OWN).rglob("*")) if path.is_file()}
    messages = []
    for name, sha256 in sorted(inputs.items()):
        if name.startswith(f"{OWN}:"):
            if sha256 not in copies:
                messages.append(f"{name}: its copy in {OWN}/ is missing or has changed")
            continue
        if change := _change(data_folder() / name, sha256, f" from {data_folder().name}/"):
            messages.append(f"{name}: {change}")
    return len(inputs), messages


def changed_outputs(folder: Path, manifest: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Return the number of files that the run wrote, and a message for each that is missing or has changed."""
    outputs: Mapping[str, str] = manifest.get("outputs", {})
    changes = ((name, _change(folder / name, sha256)) for name, sha256 in sorted(outputs.items()))
    return len(outputs), [f"{name}: {change}" for name, change in changes if change]


def _change(path: Path, sha256: str, where: str = "") -> str:
    """Return how a file differs from its hash; empty if it does not."""
    if not path.is_file():
        return f"missing{where}"
    return "changed" if _sha256(path) != sha256 else ""


def _sha256(path: Path) -> str:
    return hashlib.sha256(read_regular(path)).hexdigest()


def _require(path: Path, *names: str) -> None:
    missing = [name for name in names if not (path / name).is_file()]
    if missing:
        hint = "give a folder that `ccs-model optimize` wrote, such as runs/<scenario file>-<hash>"
        if all((path / "plan" / name).is_file() for name in names):
            hint = f"it is an analysis, whose plan is the run {path / 'plan'}"
        raise InputError([Issue(str(path), f"is not a run: {', '.join(missing)} missing", hint)])
