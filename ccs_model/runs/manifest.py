"""The files of a run hashed again: its inputs where they lie today, and its outputs in the run folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ccs_model.paths import data_folder

OWN = "own"


def changed_inputs(folder: Path, manifest: Mapping[str, Any]) -> tuple[int, list[str]]:
    """How many inputs the manifest names, and those that are missing or changed, in words.

    Shipped tables are looked for where this program reads them; the user's own are the copies in the run folder, which
    are found by what they hold, since two of one name were given others.
    """
    inputs: Mapping[str, str] = manifest.get("inputs", {})
    copies = {_sha256(path) for path in sorted((folder / OWN).rglob("*")) if path.is_file()}
    message = []
    for name, sha256 in sorted(inputs.items()):
        if name.startswith(f"{OWN}:"):
            if sha256 not in copies:
                message.append(f"{name}: its copy in {OWN}/ is missing or changed")
            continue
        path = data_folder() / name
        if not path.is_file():
            message.append(f"{name}: missing from {data_folder().name}/")
        elif _sha256(path) != sha256:
            message.append(f"{name}: changed")
    return len(inputs), message


def changed_outputs(folder: Path, manifest: Mapping[str, Any]) -> tuple[int, list[str]]:
    """How many files the run wrote, and those that are missing or changed since, in words."""
    outputs: Mapping[str, str] = manifest.get("outputs", {})
    return len(outputs), list(_changed(folder, outputs))


def _changed(folder: Path, files: Mapping[str, str]) -> Iterator[str]:
    for name, sha256 in sorted(files.items()):
        path = folder / name
        if not path.is_file():
            yield f"{name}: missing"
        elif _sha256(path) != sha256:
            yield f"{name}: changed"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
