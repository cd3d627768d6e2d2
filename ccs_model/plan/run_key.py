"""What makes a run this run: the hash of its resolved inputs and the program's version."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

import ccs_model
from ccs_model.inputs import Inputs
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


def run_key(scenario: Scenario, inputs: Inputs) -> RunKey:
    """Hash of every resolved value, every table and the version. Comments on where values came from do not count."""
    digest = hashlib.sha256()
    values = json.dumps(scenario.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    for part in (ccs_model.__version__, values, *(f"{name}={sha}" for name, sha in sorted(inputs.sha256.items()))):
        digest.update(part.encode() + b"\0")
    slug = re.sub(r"[^\w]+", "-", scenario.name.lower()).strip("-_")[:60].strip("-_") or "run"
    return RunKey(digest.hexdigest(), slug)
