"""The run folder: every file of a run, written whole or not at all.

Files are made in a temporary folder beside the target, flushed to disk, and moved into place by one rename. A run is
recognised by the hash of its resolved inputs and the program's version; it is never overwritten without being told to.
Tables of the user's own are copied into `own/`, as they were when they were read, with a file of corridors, and the
resolved scenario names them there: a run folder can be asked again wherever it lies.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path, PurePath
from typing import Any

import pandas as pd

import ccs_model
from ccs_model.errors import FileError
from ccs_model.plan.macc import macc_table
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import plain, plan_text
from ccs_model.plan.run_key import RunKey, hashes, run_key
from ccs_model.problem import Problem
from ccs_model.problem.calibrated import calibration_file
from ccs_model.problem.corridors_file import corridors_file
from ccs_model.report.geojson import geojson_text
from ccs_model.report.links import candidate_links, links_in_use, shares_of
from ccs_model.report.pipes import pipes_table
from ccs_model.report.workbook import write_workbook
from ccs_model.scenario import Scenario
from ccs_model.scenario.resolved import resolved_yaml

MANIFEST = "manifest.json"
OWN = "own"
_LIBRARIES = ("pyomo", "highspy", "pandas", "numpy", "scipy", "pydantic", "ruamel.yaml", "XlsxWriter")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def existing_run(folder: Path, key: RunKey) -> dict[str, Any] | None:
    """The manifest of a finished run of the same inputs in `folder`, if there is one."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    same = isinstance(manifest, dict) and manifest.get("run_sha256") == key.sha256
    return manifest if same else None


def write_run_folder(
    plan: Plan, folder: Path, *, force: bool = False, command: str = "", started: datetime | None = None
) -> Path:
    """Write the whole folder. Raises FileError when it is there already (unless `force`) or cannot be written."""
    return whole_folder(folder, lambda made: _fill(plan, made, command, started or datetime.now(UTC)), force=force)


def whole_folder(folder: Path, fill: Callable[[Path], None], *, force: bool) -> Path:
    """A folder that `fill` writes into, in place when it is whole. Raises FileError as write_run_folder does."""
    refuse_to_overwrite(folder, force)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise FileError(f"{folder.parent}: cannot be written: {error.strerror}") from error
    try:
        fill(made)
        made.chmod(0o755)
        _move_into_place(made, folder)
    except OSError as error:
        raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return folder


def refuse_to_overwrite(folder: Path, force: bool) -> None:
    """Raises FileError where something stands that a run may not take the place of."""
    try:
        is_there = folder.exists()
        above = next(parent for parent in folder.absolute().parents if parent.exists())
    except OSError as error:
        raise FileError(f"{folder}: cannot be written: {error.strerror}") from error
    if not above.is_dir():
        raise FileError(f"{folder}: cannot be written: {above.name} is a file, not a folder")
    if not os.access(above, os.W_OK):
        raise FileError(f"{folder}: cannot be written: no leave to write in {above}")
    if not is_there:
        return
    if not folder.is_dir():
        raise FileError(f"{folder}: is a file, not a folder")
    anything = any(folder.iterdir())
    if anything and not force:
        raise FileError(f"{folder}: already holds something; choose another --out, or --force to make the run again")
    if anything and not (folder / MANIFEST).is_file():
        raise FileError(f"{folder}: holds files that are not a run; they are left alone")


def _move_into_place(made: Path, folder: Path) -> None:
    """One rename puts the new folder in place; an old run steps aside first and comes back if that fails."""
    if not folder.exists():
        made.rename(folder)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent)) / folder.name
    folder.rename(aside)
    try:
        made.rename(folder)
    except OSError as error:
        try:
            aside.rename(folder)
        except OSError:
            raise FileError(f"{folder}: cannot be written: {error.strerror}; what was there is now {aside}") from error
        aside.parent.rmdir()
        raise
    shutil.rmtree(aside.parent, ignore_errors=True)


def _fill(plan: Plan, folder: Path, command: str, started: datetime) -> None:
    problem = plan.problem
    own_files = _own_files(problem)
    copies = _names_of_copies(list(own_files))
    files: dict[str, str | bytes] = {
        "plan.json": plan_text(plan),
        "scenario.resolved.yaml": _resolved(problem.scenario, copies),
        "solver.log": plan.solver_log,
        "map.geojson": geojson_text(plan),
        **{f"tables/{name}.csv": csv_text(table) for name, table in tables_of(plan).items()},
    }
    for name, inside in own_files.items():
        is_folder = name == problem.scenario.data
        if is_folder:
            (folder / copies[name]).mkdir(parents=True)  # none of its files may have been taken
        files |= {f"{copies[name]}/{inner}" if is_folder else copies[name]: raw for inner, raw in inside.items()}
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    write_workbook(plan, folder / "plan.xlsx")
    manifest = _manifest(plan, folder, [*files, "plan.xlsx"], command, started)
    (folder / MANIFEST).write_text(manifest, encoding="utf-8", newline="")
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _own_files(problem: Problem) -> dict[str, Mapping[str, bytes]]:
    """The user's own files by the name in the scenario: tables as they were read, and the file of corridors."""
    files = dict(problem.inputs.own_files)
    corridors = corridors_file(problem.scenario)
    if problem.network is not None and corridors is not None and corridors.is_file():
        name = problem.scenario.transport.corridors
        files.setdefault(name, {PurePath(name).name: corridors.read_bytes()})
    calibration = problem.scenario.calibration
    path = calibration_file(problem.scenario)
    if calibration.file is not None and path is not None:
        files.setdefault(calibration.file, {PurePath(calibration.file).name: path.read_bytes()})
    return files


def _names_of_copies(names: list[str]) -> dict[str, str]:
    """Name in the scenario → name in the run folder; two files of one name from two folders are told apart."""
    copies: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        plain = PurePath(name).name
        first = PurePath("tables" if plain in ("", "..") else plain)
        copy, n = first.name, 1
        while copy.casefold() in taken:
            n += 1
            copy = f"{first.stem}-{n}{first.suffix}"
        taken.add(copy.casefold())
        copies[name] = f"{OWN}/{copy}"
    return copies


def _resolved(scenario: Scenario, copies: Mapping[str, str]) -> str:
    """Every value of the scenario, which names its files where they were copied to."""
    values = scenario.model_dump()
    copied_from = {}
    if copied := [name for name in scenario.plants.inventory if name in copies]:
        values["plants"]["inventory"] = tuple(copies.get(name, name) for name in scenario.plants.inventory)
        copied_from["plants.inventory"] = ", ".join(PurePath(name).name for name in copied)
    if scenario.data is not None and scenario.data in copies:
        values["data"] = copies[scenario.data]
        copied_from["data"] = PurePath(scenario.data).name or scenario.data
    corridors = scenario.transport.corridors
    if corridors in copies:
        values["transport"]["corridors"] = copies[corridors]
        copied_from["transport.corridors"] = PurePath(corridors).name
    if scenario.calibration.file is not None and scenario.calibration.file in copies:
        values["calibration"]["file"] = copies[scenario.calibration.file]
        copied_from["calibration.file"] = PurePath(scenario.calibration.file).name
    if scenario.transport.terrain is not None and scenario.transport.terrain in copies:
        values["transport"]["terrain"] = copies[scenario.transport.terrain]
        copied_from["transport.terrain"] = PurePath(scenario.transport.terrain).name
    return resolved_yaml(values, scenario.places, copied_from)


def tables_of(plan: Plan) -> Mapping[str, pd.DataFrame]:
    """The tables a run folder holds, by name."""
    costs = pd.DataFrame({"term": list(plan.costs), "discounted_mn": list(plan.costs.values())})
    tables = {
        "retrofits": plan.retrofits,
        "flows": plan.flows,
        "storage": plan.storage,
        "costs": costs,
        "emissions": plan.emissions,
        "cashflow": plan.cashflow,
        "zones": plan.zones,
        "macc": macc_table(plan.problem, plan.retrofits),
    }
    for name in ("owners", "owner_cashflow", "funds", "bearers", "ledger", "intensity", "air_pollution"):
        table = getattr(plan, name)
        if table is not None:
            tables[name] = table
    if plan.problem.network is None:
        return {**tables, "pipes": pipes_table(plan)}
    # Candidates are `links`: a file with some of its rows is a file of corridors.
    return {**tables, "pipes": links_in_use(plan), "links": candidate_links(plan), "shares": shares_of(plan)}


def csv_text(table: pd.DataFrame) -> str:
    """A table as CSV. Text that a spreadsheet would run as a formula gets a leading apostrophe."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.itertuples(index=False, name=None):
        writer.writerow([_cell(plain(value)) for value in row])
    return out.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


def _manifest(plan: Plan, folder: Path, names: list[str], command: str, started: datetime) -> str:
    problem = plan.problem
    source = problem.scenario.source_path
    document = {
        "schema": "ccs-model/manifest/1",
        "run_sha256": run_key(problem.scenario, problem.inputs).sha256,
        "scenario": problem.name,
        "scenario_file": source.name if source is not None else None,
        "scenario_sha256": _sha256(source) if source is not None and source.is_file() else None,
        "data_folder": problem.inputs.folder_name,
        "inputs": hashes(problem.scenario, problem.inputs),
        "outputs": {name: _sha256(folder / name) for name in sorted(names)},
        "status": plan.status,
        "gap_share": plan.objective.gap_share,
        "all_links_gap_share": plan.objective.all_links_gap_share,
        "command": command,
        "seed": problem.scenario.solver.seed,
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": {name: round(seconds, 3) for name, seconds in plan.timings.items()},
        "versions": {"ccs-model": ccs_model.__version__, **{name: metadata.version(name) for name in _LIBRARIES}},
    }
    return json.dumps(plain(document), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
