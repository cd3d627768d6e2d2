"""A finished run put into another folder as it is, when nothing in it has changed since it was written."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path, PurePosixPath

from ccs_model.report.run_folder import MANIFEST, OWN, write_files


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
