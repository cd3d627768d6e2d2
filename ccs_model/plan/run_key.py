"""What makes a run this run: the hash of its resolved inputs and the program's version."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import ccs_model
from ccs_model.inputs import Inputs
from ccs_model.problem.calibrated import SHIPPED, calibration_file
from ccs_model.scenario import Scenario


@dataclass(frozen=True)
class RunKey:
    """What makes a run this run."""

    sha256: str
    slug: str

    @property
    def folder_name(self) -> str:
        """`<scenario name>-<hash8>`."""
        return f"{self.slug}-{self.sha256[:8]}"

    @staticmethod
    def of_text(text: str) -> str:
        """The hash of a question that is no single run."""
        return hashlib.sha256(f"{ccs_model.__version__}\0{text}".encode()).hexdigest()


def run_key(scenario: Scenario, inputs: Inputs) -> RunKey:
    """Hash of every resolved value, every table and the version. Comments on where values came from do not count."""
    digest = hashlib.sha256()
    values = json.dumps(scenario.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    files = sorted(hashes(scenario, inputs).items())
    for part in (ccs_model.__version__, values, *(f"{name}={sha}" for name, sha in files)):
        digest.update(part.encode() + b"\0")
    slug = re.sub(r"[^\w]+", "-", scenario.name.lower()).strip("-_")[:60].strip("-_") or "run"
    return RunKey(digest.hexdigest(), slug)


def hashes(scenario: Scenario, inputs: Inputs) -> dict[str, str]:
    """SHA-256 of every table, and of the planner's own file of corridors."""
    files = dict(inputs.sha256)
    corridors = corridors_file(scenario)
    if corridors is not None and corridors.is_file():
        files["own:corridors"] = hashlib.sha256(corridors.read_bytes()).hexdigest()
    calibration = calibration_file(scenario)
    if calibration is not None and calibration.is_file():
        name = SHIPPED if scenario.calibration.file is None else "own:calibration"
        files[name] = hashlib.sha256(calibration.read_bytes()).hexdigest()
    return files


def corridors_file(scenario: Scenario) -> Path | None:
    """The planner's own file of corridors, seen from the scenario's folder; None where there is none."""
    name = scenario.transport.corridors
    if name in ("auto", "all"):
        return None
    source = scenario.source_path
    return (source.parent if source is not None else Path()) / name
