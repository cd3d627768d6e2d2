"""The inputs of a run: their hash with the program's version, which is its cache key, and the user's own files.

A run folder holds copies of these files, and a resolved scenario that names the copies.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import ccs_model
from ccs_model.bounded_reading import TABLE_BYTES, is_workbook, parse_json, read_regular
from ccs_model.paths import data_folder
from ccs_model.scenario import Scenario
from ccs_model.scenario.sections import SHIPPED_CALIBRATION, OwnTables, calibration_file, corridors_file
from ccs_model.scenario.yaml_document import path_inside, resolved_yaml

if TYPE_CHECKING:
    from ccs_model.inputs import Inputs

RUNS = "runs"
INFEASIBLE_NAME = "infeasible"
# Scenario files that are named by their folder.
_UNNAMED = ("scenario", "scenario.resolved")
_HASH_OF_FOLDER = re.compile(rf"(-{INFEASIBLE_NAME})?-[0-9a-f]{{8}}$")
# Folder of the copies in a run folder.
OWN = "own"


@dataclass(frozen=True)
class RunKey:
    """The hash of a run's inputs, the slug of its scenario file, and the label of the run in its workbook.

    The label has the name of the scenario, so that it does not depend on the file that the scenario was read from.
    """

    sha256: str
    slug: str
    label: str = ""

    @property
    def folder_name(self) -> str:
        """The default name of the run folder: `<scenario file>-<hash8>`."""
        return f"{self.slug}-{self.sha256[:8]}"

    @property
    def infeasible_folder_name(self) -> str:
        """The default name of the folder with the report of an infeasible problem."""
        return f"{self.slug}-{INFEASIBLE_NAME}-{self.sha256[:8]}"

    def folder(self, runs: Path | None = None) -> Path:
        """Return the run folder of these inputs: one that is there under any name with its hash, else the default."""
        runs = runs or Path(RUNS)
        there = sorted(path for path in runs.glob(f"*-{self.sha256[:8]}") if cached_manifest(path, self))
        default = runs / self.folder_name
        return default if not there or default in there else there[0]

    @staticmethod
    def analysis_sha256(text: str) -> str:
        """Return the hash of an analysis that is described by `text`."""
        return hashlib.sha256(f"{ccs_model.__version__}\0{text}".encode()).hexdigest()


INCOMPLETE = "files of this run were missing or empty; it was solved again"


def cached_manifest(folder: Path, key: RunKey) -> dict[str, Any] | None:
    """Return the manifest of the finished run in `folder`; None without one, if its inputs differ or a file is gone."""
    manifest = _read_matching_manifest(folder, key)
    return None if manifest is None or _has_missing_files(folder, manifest) else manifest


def is_incomplete(folder: Path, key: RunKey) -> bool:
    """Whether a folder holds a run of the same inputs of which files are missing or empty."""
    manifest = _read_matching_manifest(folder, key)
    return manifest is not None and _has_missing_files(folder, manifest)


def _read_matching_manifest(folder: Path, key: RunKey) -> dict[str, Any] | None:
    try:
        manifest = parse_json(read_regular(folder / "manifest.json"))
    except (OSError, ValueError):
        return None
    if not isinstance(manifest, dict):
        return None
    # The folder of a frontier is also a run.
    return manifest if key.sha256 in (manifest.get("run_sha256"), manifest.get("analysis_sha256")) else None


def _has_missing_files(folder: Path, manifest: Mapping[str, Any]) -> bool:
    """Whether a file that the run wrote is missing or empty."""
    outputs = manifest.get("outputs")
    return not isinstance(outputs, dict) or not all(_is_there(folder / name, sha) for name, sha in outputs.items())


def _is_there(path: Path, sha256: object) -> bool:
    """Whether a file of a run exists and is not empty, unless it was written so."""
    try:
        return path.stat().st_size > 0 or sha256 == hashlib.sha256().hexdigest()
    except OSError:
        return False


def run_key(scenario: Scenario, inputs: Inputs) -> RunKey:
    """Return the key of a run: a hash of all resolved values, all tables and the version."""
    return _key(scenario, hashes(scenario, inputs))


def run_key_of_shipped(scenario: Scenario, *, allow_outside: bool = False) -> RunKey | None:
    """Return what `run_key` returns, from the bytes of the shipped tables; None for a scenario with tables of its own.

    No table is parsed or validated, so that a cached run is found at once.
    """
    own = OwnTables.of(scenario)
    if own.files or own.data is not None or own.terrain is not None:
        return None
    root = data_folder()
    try:
        with (root / "dictionary.csv").open(encoding="utf-8", newline="") as file:
            names = dict.fromkeys(f"{row['table']}.csv" for row in csv.DictReader(file))
        files = {name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in names}
        return _key(scenario, _with_own_files(scenario, files, allow_outside))
    except (OSError, KeyError):
        return None


def hashes(scenario: Scenario, inputs: Inputs) -> dict[str, str]:
    """Return the SHA-256 of every table, of the user's own file of candidate links and of the calibration file.

    A file that `build_problem` will reject is not opened here. A table that was changed in Python has the hash of its
    rows.
    """
    changed = {
        f"{name}.csv": hashlib.sha256(inputs[name].to_csv().encode()).hexdigest() for name in inputs.changed_tables
    }
    return _with_own_files(scenario, {**inputs.sha256, **changed}, inputs.allow_outside)


def _key(scenario: Scenario, files: Mapping[str, str]) -> RunKey:
    digest = hashlib.sha256()
    values = json.dumps(scenario.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    for part in (ccs_model.__version__, values, *(f"{name}={sha}" for name, sha in sorted(files.items()))):
        digest.update(part.encode() + b"\0")
    sha256 = digest.hexdigest()
    return RunKey(sha256, _slug(scenario), f"{_make_slug(scenario.name)}-{sha256[:8]}")


def _slug(scenario: Scenario) -> str:
    """Return the name of the scenario file for folders; of its folder for `scenario.yaml`, and else of the scenario.

    A workbook that is solved again has the name of its scenario, whatever the file is called.
    """
    source = scenario.source_path
    if is_workbook(source):
        source = None
    name = scenario.name if source is None else source.stem
    if source is not None and name in _UNNAMED:
        name = _HASH_OF_FOLDER.sub("", source.absolute().parent.name) or scenario.name
    return _make_slug(name)


def _make_slug(name: str) -> str:
    return re.sub(r"[^\w]+", "-", name.lower()).strip("-_")[:60].strip("-_") or "run"


def _with_own_files(scenario: Scenario, tables: Mapping[str, str], allow_outside: bool) -> dict[str, str]:
    files = dict(tables)
    corridors = corridors_file(scenario)
    if corridors is not None and _is_readable(scenario, scenario.transport.corridors, allow_outside):
        files["own:corridors"] = hashlib.sha256(corridors.read_bytes()).hexdigest()
    calibration = calibration_file(scenario)
    own = scenario.calibration.file
    if calibration is not None and (own is None or _is_readable(scenario, own, allow_outside)):
        name = SHIPPED_CALIBRATION if own is None else "own:calibration"
        files[name] = hashlib.sha256(calibration.read_bytes()).hexdigest()
    return files


def _is_readable(scenario: Scenario, name: str, allow_outside: bool) -> bool:
    """Return whether the file is allowed, exists and is not too large."""
    try:
        path = path_inside(OwnTables.of(scenario).folder, name, allow_outside=allow_outside)
        return path is not None and path.is_file() and path.stat().st_size <= TABLE_BYTES
    except (OSError, ValueError):
        return False


# The user's own files of a run, and the names of their copies in its folder.


def own_files(scenario: Scenario, inputs: Inputs) -> dict[str, Mapping[str, bytes]]:
    """Return the user's own files by name in the scenario: tables as read, candidate links, calibration."""
    files = dict(inputs.own_files)
    corridors = corridors_file(scenario)
    if scenario.transport.shared_trunklines and corridors is not None and corridors.is_file():
        name = scenario.transport.corridors
        files.setdefault(name, {PurePath(name).name: read_regular(corridors, TABLE_BYTES)})
    path = calibration_file(scenario)
    if scenario.calibration.file is not None and path is not None:
        files.setdefault(scenario.calibration.file, {PurePath(scenario.calibration.file).name: read_regular(path)})
    return files


def names_of_copies(names: list[str]) -> dict[str, str]:
    """Return name in the scenario → name in the run folder; equal names from two folders get a number."""
    copies: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        last = PurePath(name).name
        first = PurePath("tables" if last in ("", "..") else last)
        copy, n = first.name, 1
        while copy.casefold() in taken:
            n += 1
            copy = f"{first.stem}-{n}{first.suffix}"
        taken.add(copy.casefold())
        copies[name] = f"{OWN}/{copy}"
    return copies


def resolved_scenario_text(scenario: Scenario, copies: Mapping[str, str]) -> str:
    """Return every value of the scenario as YAML, with its files under the names of their copies."""
    values = scenario.model_dump()
    copied_from = {}
    if copied := [name for name in scenario.plants.inventory if name in copies]:
        values["plants"]["inventory"] = tuple(copies.get(name, name) for name in scenario.plants.inventory)
        copied_from["plants.inventory"] = ", ".join(PurePath(name).name for name in copied)
    if scenario.data is not None and scenario.data in copies:
        values["data"] = copies[scenario.data]
        copied_from["data"] = PurePath(scenario.data).name or scenario.data
    for section, key in (("transport", "corridors"), ("calibration", "file"), ("transport", "terrain")):
        name = values[section][key]
        if name is not None and name in copies:
            values[section][key] = copies[name]
            copied_from[f"{section}.{key}"] = PurePath(name).name
    return resolved_yaml(values, scenario.places, copied_from)
