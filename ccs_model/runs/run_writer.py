"""The files of run folders and of analysis results, and the manifest by which a finished one is recognised.

A run has the hash of its resolved inputs and the program's version. The user's own tables are copied to `own/` as they
were read, and the resolved scenario names the copies, so that a run can be solved again wherever its folder is moved.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

import ccs_model
from ccs_model.arguments import whole_number
from ccs_model.atomic_files import has_files, write_atomic
from ccs_model.bounded_reading import parse_json, read_regular
from ccs_model.errors import FileError
from ccs_model.inputs import Inputs
from ccs_model.plan.cache_key import (
    OWN,
    RunKey,
    cached_manifest,
    hashes,
    names_of_copies,
    own_files,
    resolved_scenario_text,
    run_key,
)
from ccs_model.plan.merit_order import macc_table
from ccs_model.plan.plan import Plan, Plots
from ccs_model.plan.plan_json import SCHEMA, csv_text, plan_text, to_plain_values, without_folder
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.export.formats import frontier_text, geojson_text
from ccs_model.report.pipe_tables import candidate_links, pipes_by_vintage, pipes_table, shares_of
from ccs_model.report.summary import summary_text
from ccs_model.report.workbook.workbook import infeasible_workbook, table_book, workbook_bytes, write_workbook
from ccs_model.runs.folder_writer import MANIFEST, link_target, validate_outside_runs, write_files, write_locked
from ccs_model.scenario import Scenario
from ccs_model.units import money_text

PLAN, WORKBOOK, SCENARIO, MAP, FRONTIER = (
    "plan.json",
    "plan.xlsx",
    "scenario.resolved.yaml",
    "map.geojson",
    "frontier.json",
)
MANIFEST_SCHEMA = "ccs-model/manifest/2"
# Narrowest summary.
_LEAST_WIDTH = 20
_LIBRARIES = ("pyomo", "highspy", "pandas", "numpy", "scipy", "pydantic", "ruamel.yaml", "XlsxWriter")


class RunWriter:
    """Writes a plan's workbook and run folder; the `writer` of a Plan and the `viewer` of a StoredRun."""

    def to_excel(self, plan: Plan, path: Path, *, lang: str) -> Path:
        """Write the workbook."""
        return write_workbook(plan, path, lang=lang)

    def to_folder(self, plan: Plan, folder: Path, *, force: bool, lang: str) -> Path:
        """Write the run folder."""
        return write_run_folder(plan, folder, force=force, lang=lang)

    def summary(self, document: Mapping[str, Any], width: int) -> str:
        """Return the summary of plan.json."""
        return summary_text(document, whole_number("width", width, _LEAST_WIDTH))

    def stored_run(self, plan: Plan) -> StoredRun:
        """Return a plan as its run folder holds it."""
        from ccs_model.runs.run_reader import run_of

        return run_of(plan)

    def plots(self, run: StoredRun) -> Plots:
        """Return the charts of a stored run. Raises MissingExtraError without the extra `report`."""
        from ccs_model.report.plots import RunPlots

        return RunPlots(run)

    def dataset(self, run: StoredRun) -> Any:
        """Return a stored run as a dataset. Raises MissingExtraError without the extra `netcdf`."""
        from ccs_model.report.export.netcdf import dataset_of

        return dataset_of(run)


RUN_WRITER = RunWriter()


def write_run_folder(
    plan: Plan,
    folder: Path,
    *,
    force: bool = False,
    command: str = "",
    started: datetime | None = None,
    lang: str = "en",
) -> Path:
    """Write the run folder of a plan and return it; `lang` is the language of the workbook.

    Raises
    ------
    FileError
        If the folder holds a run and not `force`, or other files, if another process writes it, or if it cannot be
        written; the run is then kept under another name if possible.
    """
    return write_files(run_files(plan, command=command, started=started, lang=lang), folder, force=force)


def run_files(
    plan: Plan,
    *,
    command: str = "",
    started: datetime | None = None,
    with_workbook: bool = True,
    lang: str = "en",
    analysis_sha256: str | None = None,
) -> dict[str, bytes]:
    """Return every file of a run folder by name; the workbook takes longer than all others together.

    `analysis_sha256` is the hash of an analysis to which the run belongs, and of its options.
    """
    problem = plan.problem
    texts = {
        PLAN: plan_text(plan),
        "solver.log": plan.solver_log,
        MAP: geojson_text(plan),
        **{f"tables/{name}.csv": csv_text(table) for name, table in tables_of(plan).items()},
    }
    if plan.frontier is not None:
        texts[FRONTIER] = frontier_text(plan.frontier, problem.name)
    files = {name: text.encode() for name, text in texts.items()}
    files |= input_files(problem.scenario, problem.inputs)
    if with_workbook:
        files[WORKBOOK] = workbook_bytes(plan, lang=lang)
    details = {
        **({} if analysis_sha256 is None else {"analysis_sha256": analysis_sha256}),
        "status": plan.status,
        "gap_share": plan.objective.gap_share,
        "searched_gap_share": plan.objective.searched_gap_share,
        "workbook_lang": lang,
        "seed": problem.scenario.solver.seed,
        "seconds": {name: round(seconds, 3) for name, seconds in plan.timings.items()},
    }
    return with_manifest(files, _input_record(problem.scenario, problem.inputs), command, started, details)


def infeasible_files(
    conflicts: Sequence[str],
    scenario: Scenario,
    inputs: Inputs,
    *,
    tables: Mapping[str, pd.DataFrame] | None = None,
    warnings: Sequence[str] | None = None,
    command: str = "",
    lang: str = "en",
) -> dict[str, bytes]:
    """Return the run folder of an infeasible problem: plan.json, the workbook, the resolved scenario, the manifest.

    `tables` are those of the nearest plan, by name; `warnings` are those of the problem, by default the notices on the
    tables; `lang` is the language of the workbook.
    """
    document = {
        "schema": SCHEMA,
        "scenario": scenario.name,
        "currency": scenario.currency,
        "price_year": scenario.price_year,
        "objective_name": scenario.objective,
        "decisions": scenario.capture.decisions,
        "status": "infeasible",
        "objective": dict.fromkeys(("value", "bound", "gap_share", "searched_bound", "searched_gap_share", "unit")),
        "totals": {},
        **{name: [] for name in ("retrofits", "links", "storage", "zones")},
        "terms": {},
        "costs": {},
        "conflicts": list(conflicts),
        "warnings": [without_folder(each) for each in (inputs.all_notices if warnings is None else warnings)],
        "checks": [],
    }
    money = money_text(scenario.currency, scenario.price_year)
    notes = [f"Money is in {money}, in million where no other unit stands."]
    if tables:
        notes.append("The plan nearest to the constraints is in tables/nearest_*.csv of the run folder.")
    files = {
        PLAN: json_bytes(document),
        WORKBOOK: infeasible_workbook(conflicts, scenario.name, lang, notes),
        **{f"tables/{name}.csv": csv_text(table).encode() for name, table in (tables or {}).items()},
        **input_files(scenario, inputs),
    }
    return with_manifest(files, _input_record(scenario, inputs), command, None, {"status": "infeasible"})


def with_manifest(
    files: Mapping[str, bytes],
    inputs_used: Mapping[str, Any],
    command: str = "",
    started: datetime | None = None,
    details: Mapping[str, Any] | None = None,
) -> dict[str, bytes]:
    """Return `files` with manifest.json: what was solved, the hashes of all files, times and versions.

    `inputs_used` holds `run_sha256` and what else identifies the inputs; `details` describes the result.
    """
    finished = datetime.now(UTC)
    document = {
        "schema": MANIFEST_SCHEMA,
        **inputs_used,
        "outputs": {name: _sha256(content) for name, content in sorted(files.items()) if not name.endswith("/")},
        **(details or {}),
        "command": command,
        "started": (started or finished).isoformat(timespec="seconds"),
        "finished": finished.isoformat(timespec="seconds"),
        "versions": {
            "ccs-model": ccs_model.__version__,
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in _LIBRARIES},
        },
    }
    text = json.dumps(to_plain_values(document), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    return {**files, MANIFEST: text.encode()}


def _input_record(scenario: Scenario, inputs: Inputs) -> dict[str, Any]:
    source = scenario.source_path
    is_there = source is not None and source.is_file()
    return {
        "run_sha256": run_key(scenario, inputs).sha256,
        "scenario": scenario.name,
        "scenario_file": source.name if source is not None else None,
        "scenario_sha256": _sha256(source.read_bytes()) if source is not None and is_there else None,
        "data_folder": inputs.folder_name,
        "inputs": hashes(scenario, inputs),
    }


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def input_files(scenario: Scenario, inputs: Inputs) -> dict[str, bytes]:
    """Return the resolved scenario, and copies of the user's own files that it names."""
    own = own_files(scenario, inputs)
    copies = names_of_copies(list(own))
    files = {SCENARIO: resolved_scenario_text(scenario, copies).encode()}
    for name, inside in own.items():
        is_folder = name == scenario.data
        if is_folder and not inside:
            files[f"{copies[name]}/"] = b""
        files |= {f"{copies[name]}/{inner}" if is_folder else copies[name]: raw for inner, raw in inside.items()}
    return files


def tables_of(plan: Plan) -> Mapping[str, pd.DataFrame]:
    """Return the tables of a run folder by name."""
    tables = {
        "retrofits": plan.retrofits,
        "flows": plan.flows,
        "storage": plan.storage,
        "costs": plan.costs,
        "emissions": plan.emissions,
        "cashflow": plan.cashflow,
        "zones": plan.zones,
        "macc": macc_table(plan.problem, plan.retrofits),
    }
    more = (
        "owners", "owner_cashflow", "funds", "fund_uses", "fund_years", "stakeholders", "ledger", "intensity",
        "air_pollution", "point",
    )  # fmt: skip
    tables |= {name: table for name in more if (table := getattr(plan, name)) is not None}
    if plan.frontier is not None:
        tables["frontier"] = plan.frontier.points
        tables["frontier_moves"] = plan.frontier.moves
        if len(plan.frontier.breakpoints):
            tables["frontier_breakpoints"] = plan.frontier.breakpoints
    if plan.problem.network is None:
        return {**tables, "pipes": pipes_table(plan)}
    # A file with some rows of `links` is a valid file of candidate links (transport.corridors).
    return {**tables, "pipes": pipes_by_vintage(plan), "links": candidate_links(plan), "shares": shares_of(plan)}


def copy_run(source: Path, folder: Path, *, force: bool = False) -> bool:
    """Copy the run `source` to `folder`, with `force` over a run; return False if its files differ from its manifest.

    Raises FileError as `write_files` does.
    """
    files = _unchanged_files(source)
    if files is None:
        return False
    write_files(files, folder, force=force)
    return True


def _unchanged_files(source: Path) -> dict[str, bytes] | None:
    """Return every file of a run by name; None if one differs from the manifest."""
    try:
        manifest = read_regular(source / MANIFEST)
        wanted = parse_json(manifest)["outputs"]
        if not all(_is_inside(name) for name in wanted):
            return None
        files = {name: read_regular(source / name) for name in wanted}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if any(_sha256(content) != wanted[name] for name, content in files.items()):
        return None
    empty = [path for path in sorted((source / OWN).rglob("*")) if path.is_dir() and not any(path.iterdir())]
    return {**files, **{f"{path.relative_to(source).as_posix()}/": b"" for path in empty}, MANIFEST: manifest}


def _is_inside(name: str) -> bool:
    """Whether the name stays in the folder, whatever system wrote it."""
    parts = PurePosixPath(name).parts
    return bool(parts) and ".." not in parts and not name.startswith("/") and "\\" not in name and ":" not in name


# The folder of an analysis result, which is cached by its key as a run folder is.

Tables = Mapping[str, tuple[str, pd.DataFrame]]


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """A document as a JSON file."""
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def read_json(path: Path) -> Any:
    """Content of a JSON file. Raises FileError if it cannot be read."""
    try:
        return parse_json(read_regular(path))
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: cannot be read: {error}") from error


def write_request(path: Path, request: Mapping[str, Any], other: str, read: Callable[[Path], Any] = read_json) -> None:
    """Write a request with its `key` into the folder of an analysis, unless it is there already.

    Raises FileError if the folder holds another request, called `other`, or anything else.
    """
    folder = path.parent
    if path.is_file():
        if read(path).get("key") != request["key"]:
            raise FileError(f"{folder}: holds {other}; choose another --out")
        return
    if link_target(folder).exists() and (not folder.is_dir() or has_files(folder)):
        raise FileError(f"{folder}: is not empty; choose another --out")
    validate_outside_runs(link_target(folder))
    write_atomic(path, json_bytes(request))


def cached_document(folder: Path, key: RunKey, stem: str) -> str | None:
    """Return the text of `stem`.json if `folder` holds the result of `key`, else None."""
    if cached_manifest(folder, key) is None:
        return None
    return (folder / f"{stem}.json").read_text(encoding="utf-8")


def write_result(
    folder: Path,
    key: RunKey,
    stem: str,
    title: str,
    document: Mapping[str, Any],
    tables: Tables,
    *,
    force: bool = False,
) -> str:
    """Write `stem`.json, `stem`.xlsx, tables/*.csv and manifest.json, and return the text of the document.

    The process holds the folder's lock. `tables` holds a line of explanation and a table by name. Raises FileError as
    `write_locked` does.
    """
    sheets = []
    for name, (line, table) in tables.items():
        flags = {column: table[column].map({True: "yes", False: "no"}) for column in table.select_dtypes(bool)}
        sheets.append((name.replace("_", " ").capitalize(), line, table.assign(**flags)))
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    files = {
        f"{stem}.json": text.encode(),
        f"{stem}.xlsx": table_book(title, sheets),
        **{f"tables/{name}.csv": csv_text(table).encode() for name, (_, table) in tables.items()},
    }
    manifest = {
        "schema": MANIFEST_SCHEMA,
        "run_sha256": key.sha256,
        "outputs": {name: _sha256(content) for name, content in sorted(files.items())},
        "versions": {"ccs-model": ccs_model.__version__},
    }
    files[MANIFEST] = (json.dumps(manifest, indent=1) + "\n").encode()
    write_locked(files, folder, force=force)
    return text
