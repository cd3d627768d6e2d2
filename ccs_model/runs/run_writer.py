"""The run folder: every file of a run, written whole or not at all.

Files are made in a temporary folder beside the target, flushed to disk, and moved into place by one rename, while a
lock keeps others away. What cannot be written there is kept elsewhere, and the error says where. A run is recognised by
the hash of its resolved inputs and the program's version; it is never overwritten without being told to. Tables of the
user's own are copied into `own/`, as they were when they were read, with a file of corridors, and the resolved scenario
names them there: a run folder can be asked again wherever it lies.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from os.path import lexists
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

import pandas as pd

import ccs_model
from ccs_model.atomic_files import (
    clear_away,
    exchanged,
    folder_for,
    kept_folder,
    left_behind,
    name_of_unfinished,
    signals_deferred,
    sync_folder,
    unfinished,
    write_synced,
)
from ccs_model.errors import FileError
from ccs_model.inputs import Inputs
from ccs_model.plan.cache_key import RunKey, hashes, run_key
from ccs_model.plan.merit_order import macc_table
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import csv_text, plain, plan_text
from ccs_model.problem.applied_calibration import calibration_file
from ccs_model.problem.candidate_network import corridors_file
from ccs_model.report.export.geojson import geojson_text
from ccs_model.report.export.json_documents import frontier_text
from ccs_model.report.pipe_tables import candidate_links, links_in_use, pipes_table, shares_of
from ccs_model.report.workbook.workbook import workbook_bytes
from ccs_model.runs.run_lock import locked
from ccs_model.scenario import Scenario
from ccs_model.scenario.resolved import resolved_yaml

MANIFEST, FRONTIER = "manifest.json", "frontier.json"
OWN = "own"
_PART, _OLD = "part", "old"
_LIBRARIES = ("pyomo", "highspy", "pandas", "numpy", "scipy", "pydantic", "ruamel.yaml", "XlsxWriter")


def existing_run(folder: Path, key: RunKey) -> dict[str, Any] | None:
    """The manifest of a finished run of the same inputs in `folder`, if there is one."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    same = isinstance(manifest, dict) and manifest.get("run_sha256") == key.sha256
    return manifest if same else None


def write_run_folder(
    plan: Plan,
    folder: Path,
    *,
    force: bool = False,
    command: str = "",
    started: datetime | None = None,
    lang: str = "en",
) -> Path:
    """Write the whole folder, the workbook's words in `lang`.

    Raises FileError when it is there already (unless `force`), another process makes it, or it cannot be written; the
    run is then kept under another name if there is any room for it.
    """
    with locked(folder):
        return write_locked(plan, folder, force=force, command=command, started=started, lang=lang)


def write_locked(
    plan: Plan, folder: Path, *, force: bool, command: str, started: datetime | None, lang: str = "en"
) -> Path:
    """As write_run_folder, by a process that holds the folder's lock."""
    validate_overwrite(folder, force)
    return _put(run_files(plan, command=command, started=started, lang=lang), folder)


def write_files(files: Mapping[str, bytes], folder: Path, *, force: bool = False) -> Path:
    """Write a folder of files, whole or not at all; a name that ends in `/` is an empty folder.

    Raises FileError as write_run_folder does.
    """
    with locked(folder):
        return put_locked(files, folder, force=force)


def put_locked(files: Mapping[str, bytes], folder: Path, *, force: bool) -> Path:
    """As write_files, by a process that holds the folder's lock."""
    validate_overwrite(folder, force)
    return _put(files, folder)


def _put(files: Mapping[str, bytes], folder: Path) -> Path:
    try:
        _write(files, folder)
    except (OSError, FileError) as error:
        kept = _kept_elsewhere(files, folder)
        words = f"the run is kept in {kept}" if kept is not None else "the run could not be kept elsewhere"
        message = (
            str(error) if isinstance(error, FileError) else f"{folder}: cannot be written: {error.strerror or error}"
        )
        raise FileError(f"{message}; {words}") from error
    return folder


def validate_overwrite(folder: Path, force: bool) -> None:
    """FileError where a run cannot be put: something is there that is not ours, or a run and not `force`."""
    try:
        above = next(parent for parent in folder.absolute().parents if parent.exists())
        if not above.is_dir():
            raise FileError(f"{folder}: cannot be written: {above.name} is a file, not a folder")
        if not os.access(above, os.W_OK):
            raise FileError(f"{folder}: cannot be written: no leave to write in {above}")
        if not folder.exists():
            return
        if not folder.is_dir():
            raise FileError(f"{folder}: is a file, not a folder")
        anything = any(folder.iterdir())
        is_run = (folder / MANIFEST).is_file()
    except OSError as error:
        raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error
    if anything and not force:
        raise FileError(f"{folder}: already holds something; choose another --out, or --force to make the run again")
    if anything and not is_run:
        raise FileError(f"{folder}: holds files that are not a run; they are left alone")


def remove_temporary_files(folder: Path) -> None:
    """What killed processes left of a run folder goes; an old run that had stepped aside for a new one comes back."""
    for aside in left_behind(folder.parent, folder.name, _OLD):
        if not folder.exists():
            with contextlib.suppress(OSError):
                aside.rename(folder)
    for kind in (_OLD, _PART):
        clear_away(folder.parent, folder.name, kind)


def _write(files: Mapping[str, bytes], folder: Path) -> None:
    with folder_for(folder):
        remove_temporary_files(folder)
        with unfinished(folder.with_name(name_of_unfinished(_PART, folder.name))) as made:
            made.mkdir()
            _fill(files, made)
            for inside in (*(path for path in made.rglob("*") if path.is_dir()), made):
                sync_folder(inside)
            _move_into_place(made, folder)
        sync_folder(folder.parent)


def _kept_elsewhere(files: Mapping[str, bytes], folder: Path) -> Path | None:
    """The first place that takes the run: another name beside it, or the folder for temporary files."""
    beside = next((each for n in range(2, 10) if not lexists(each := folder.with_name(f"{folder.name}-{n}"))), None)
    if beside is not None:
        with contextlib.suppress(OSError):
            _write(files, beside)
            return beside
    with contextlib.suppress(OSError), kept_folder() as home:
        _write(files, home / "run")
        return home / "run"
    return None


def _move_into_place(made: Path, folder: Path) -> None:
    """One rename puts the new folder in place; an old run changes places with it, or where the system cannot do that
    in one step, steps aside first and comes back if that fails."""
    with signals_deferred():
        if not folder.exists():
            made.rename(folder)
            return
        if exchanged(made, folder):
            return
        aside = folder.with_name(name_of_unfinished(_OLD, folder.name))
        folder.rename(aside)
        try:
            made.rename(folder)
        except BaseException as error:
            try:
                aside.rename(folder)
            except OSError:
                raise FileError(f"{folder}: cannot be written: {error}; what was there is now {aside}") from error
            raise
    shutil.rmtree(aside, ignore_errors=True)


def run_files(
    plan: Plan,
    *,
    command: str = "",
    started: datetime | None = None,
    with_workbook: bool = True,
    lang: str = "en",
) -> dict[str, bytes]:
    """Every file of a run folder by its name in it; the workbook takes longer to write than all the others."""
    problem = plan.problem
    texts = {
        "plan.json": plan_text(plan),
        "solver.log": plan.solver_log,
        "map.geojson": geojson_text(plan),
        **{f"tables/{name}.csv": csv_text(table) for name, table in tables_of(plan).items()},
    }
    if plan.frontier is not None:
        texts[FRONTIER] = frontier_text(plan.frontier, problem.name)
    files = {name: text.encode() for name, text in texts.items()}
    files |= question_files(problem.scenario, problem.inputs)
    if with_workbook:
        files["plan.xlsx"] = workbook_bytes(plan, lang=lang)
    files[MANIFEST] = _manifest(plan, files, command, started or datetime.now(UTC), lang).encode()
    return files


def _fill(files: Mapping[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        inner = PurePath(name)
        is_folder = name.endswith("/")
        # One by one, so that the folder itself does not come again where it was taken away meanwhile.
        for above in (*reversed(inner.parents[:-1]), *((inner,) if is_folder else ())):
            (folder / above).mkdir(exist_ok=True)
        if not is_folder:
            write_synced(folder / inner, content)


def question_files(scenario: Scenario, inputs: Inputs) -> dict[str, bytes]:
    """The resolved scenario and copies of the user's own files that it names, by which it can be asked again."""
    own_files = _own_files(scenario, inputs)
    copies = _names_of_copies(list(own_files))
    files = {"scenario.resolved.yaml": _resolved(scenario, copies).encode()}
    for name, inside in own_files.items():
        is_folder = name == scenario.data
        if is_folder and not inside:
            files[f"{copies[name]}/"] = b""
        files |= {f"{copies[name]}/{inner}" if is_folder else copies[name]: raw for inner, raw in inside.items()}
    return files


def _own_files(scenario: Scenario, inputs: Inputs) -> dict[str, Mapping[str, bytes]]:
    """The user's own files by the name in the scenario: tables as they were read, and the file of corridors."""
    files = dict(inputs.own_files)
    corridors = corridors_file(scenario)
    if scenario.transport.shared_trunklines and corridors is not None and corridors.is_file():
        name = scenario.transport.corridors
        files.setdefault(name, {PurePath(name).name: corridors.read_bytes()})
    path = calibration_file(scenario)
    if scenario.calibration.file is not None and path is not None:
        files.setdefault(scenario.calibration.file, {PurePath(scenario.calibration.file).name: path.read_bytes()})
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
    for name in ("owners", "owner_cashflow", "funds", "stakeholders", "ledger", "intensity", "air_pollution", "point"):
        table = getattr(plan, name)
        if table is not None:
            tables[name] = table
    if plan.frontier is not None:
        tables["frontier"] = plan.frontier.points
        tables["frontier_moves"] = plan.frontier.moves
        if len(plan.frontier.breakpoints):
            tables["frontier_breakpoints"] = plan.frontier.breakpoints
    if plan.problem.network is None:
        return {**tables, "pipes": pipes_table(plan)}
    # Candidates are `links`: a file with some of its rows is a file of corridors.
    return {**tables, "pipes": links_in_use(plan), "links": candidate_links(plan), "shares": shares_of(plan)}


def _manifest(plan: Plan, files: Mapping[str, bytes], command: str, started: datetime, lang: str) -> str:
    problem = plan.problem
    source = problem.scenario.source_path
    document = {
        "schema": "ccs-model/manifest/2",
        "run_sha256": run_key(problem.scenario, problem.inputs).sha256,
        "scenario": problem.name,
        "scenario_file": source.name if source is not None else None,
        "scenario_sha256": _sha256(source) if source is not None and source.is_file() else None,
        "data_folder": problem.inputs.folder_name,
        "inputs": hashes(problem.scenario, problem.inputs),
        "outputs": {
            name: hashlib.sha256(content).hexdigest()
            for name, content in sorted(files.items())
            if not name.endswith("/")
        },
        "status": plan.status,
        "gap_share": plan.objective.gap_share,
        "all_links_gap_share": plan.objective.all_links_gap_share,
        "workbook_lang": lang,
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


# A finished run put into another folder as it is, when nothing in it has changed since it was written.


def copy_run(source: Path, folder: Path) -> bool:
    """Write the files of the run `source` into `folder`, bit by bit the same; False where one is not as it was written.

    Raises FileError as write_run_folder does.
    """
    files = _as_written(source)
    if files is None:
        return False
    write_files(files, folder)
    return True


def _as_written(source: Path) -> dict[str, bytes] | None:
    """Every file of a run by its name, if the run is as its manifest says."""
    try:
        manifest = (source / MANIFEST).read_bytes()
        wanted = json.loads(manifest)["outputs"]
        if not all(_is_inside(name) for name in wanted):
            return None
        files = {name: (source / name).read_bytes() for name in wanted}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if any(hashlib.sha256(content).hexdigest() != wanted[name] for name, content in files.items()):
        return None
    empty = [path for path in sorted((source / OWN).rglob("*")) if path.is_dir() and not any(path.iterdir())]
    return {**files, **{f"{path.relative_to(source).as_posix()}/": b"" for path in empty}, MANIFEST: manifest}


def _is_inside(name: str) -> bool:
    """Whether a name stays in the folder, wherever it was written."""
    parts = PurePosixPath(name).parts
    return bool(parts) and ".." not in parts and not name.startswith("/") and "\\" not in name and ":" not in name
