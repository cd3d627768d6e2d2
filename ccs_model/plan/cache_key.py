"""The cache key of a run: a hash of its resolved inputs and the program's version."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

import ccs_model
from ccs_model.inputs import Inputs
from ccs_model.inputs.csv_reader import LARGEST_BYTES
from ccs_model.problem.applied_calibration import SHIPPED, calibration_file
from ccs_model.problem.candidate_network import corridors_file
from ccs_model.scenario import Scenario
from ccs_model.scenario.sections import OwnTables
from ccs_model.scenario.yaml_document import path_inside


@dataclass(frozen=True)
class RunKey:
    """The hash of a run's inputs and the slug of its scenario's name."""

    sha256: str
    slug: str

    @property
    def folder_name(self) -> str:
        """The default name of the run folder: `<scenario name>-<hash8>`."""
        return f"{self.slug}-{self.sha256[:8]}"

    @staticmethod
    def of_text(text: str) -> str:
        """Return the hash of an analysis that is described by `text`."""
        return hashlib.sha256(f"{ccs_model.__version__}\0{text}".encode()).hexdigest()


def run_key(scenario: Scenario, inputs: Inputs) -> RunKey:
    """Return the key of a run: a hash of all resolved values, all tables and the version."""
    digest = hashlib.sha256()
    values = json.dumps(scenario.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    files = sorted(hashes(scenario, inputs).items())
    for part in (ccs_model.__version__, values, *(f"{name}={sha}" for name, sha in files)):
        digest.update(part.encode() + b"\0")
    slug = re.sub(r"[^\w]+", "-", scenario.name.lower()).strip("-_")[:60].strip("-_") or "run"
    return RunKey(digest.hexdigest(), slug)


def hashes(scenario: Scenario, inputs: Inputs) -> dict[str, str]:
    """Return the SHA-256 of every table, of the user's own file of candidate links and of the calibration file.

    A file that `build_problem` will reject is not opened here.
    """
    files = dict(inputs.sha256)
    corridors = corridors_file(scenario)
    if corridors is not None and _is_readable(scenario, inputs, scenario.transport.corridors):
        files["own:corridors"] = hashlib.sha256(corridors.read_bytes()).hexdigest()
    calibration = calibration_file(scenario)
    own = scenario.calibration.file
    if calibration is not None and (own is None or _is_readable(scenario, inputs, own)):
        name = SHIPPED if own is None else "own:calibration"
        files[name] = hashlib.sha256(calibration.read_bytes()).hexdigest()
    return files


def _is_readable(scenario: Scenario, inputs: Inputs, name: str) -> bool:
    """Return whether the file is allowed, exists and is not too large."""
    try:
        path = path_inside(OwnTables.of(scenario).folder, name, allow_outside=inputs.allow_outside)
        return path is not None and path.is_file() and path.stat().st_size <= LARGEST_BYTES
    except (OSError, ValueError):
        return False
