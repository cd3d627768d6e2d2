"""The cache key of a run: a hash of its resolved inputs and the program's version."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import ccs_model
from ccs_model.bounded_reading import TABLE_BYTES, is_workbook
from ccs_model.paths import data_folder
from ccs_model.scenario import Scenario
from ccs_model.scenario.sections import SHIPPED_CALIBRATION, OwnTables, calibration_file, corridors_file
from ccs_model.scenario.yaml_document import path_inside

if TYPE_CHECKING:
    from ccs_model.inputs import Inputs

RUNS = "runs"
INFEASIBLE_NAME = "infeasible"
# Scenario files that are named by their folder.
_UNNAMED = ("scenario", "scenario.resolved")
_HASH_OF_FOLDER = re.compile(rf"(-{INFEASIBLE_NAME})?-[0-9a-f]{{8}}$")


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
        there = sorted(path for path in runs.glob(f"*-{self.sha256[:8]}") if is_run_of(path, self))
        default = runs / self.folder_name
        return default if not there or default in there else there[0]

    @staticmethod
    def of_text(text: str) -> str:
        """Return the hash of an analysis that is described by `text`."""
        return hashlib.sha256(f"{ccs_model.__version__}\0{text}".encode()).hexdigest()


def is_run_of(folder: Path, key: RunKey) -> bool:
    """Return whether a folder holds a finished run of the key, by its manifest."""
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(manifest, dict) and manifest.get("run_sha256") == key.sha256


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

    A file that `build_problem` will reject is not opened here.
    """
    return _with_own_files(scenario, inputs.sha256, inputs.allow_outside)


def _key(scenario: Scenario, files: Mapping[str, str]) -> RunKey:
    digest = hashlib.sha256()
    values = json.dumps(scenario.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    for part in (ccs_model.__version__, values, *(f"{name}={sha}" for name, sha in sorted(files.items()))):
        digest.update(part.encode() + b"\0")
    sha256 = digest.hexdigest()
    return RunKey(sha256, _slug(scenario), f"{_as_slug(scenario.name)}-{sha256[:8]}")


def _slug(scenario: Scenario) -> str:
    """Return the name of the scenario file for folders; of its folder for `scenario.yaml`, and else of the scenario.

    A workbook that is solved again has the name of its scenario, whatever the file is called.
    """
    source = scenario.source_path
    if is_workbook(source):
        source = None
    name = scenario.name if source is None else source.stem
    if source is not None and name in _UNNAMED:
        name = _HASH_OF_FOLDER.sub("", source.resolve().parent.name) or scenario.name
    return _as_slug(name)


def _as_slug(name: str) -> str:
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
