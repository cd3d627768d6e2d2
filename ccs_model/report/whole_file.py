"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ccs_model.errors import FileError


def write_whole(path: Path, content: bytes) -> Path:
    """Write `content`; a file that was there stays until the new one is whole. Raises FileError."""
    # Beside the target, so that the last step is a rename within one file system.
    made = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        made.write_bytes(content)
        made.replace(path)
    except OSError as error:
        kept = _kept(path.name, content)
        where = f"; what was to be written is kept in {kept}" if kept else ""
        what = f"{path}: cannot be written: {error.strerror or error} (is it open elsewhere?){where}"
        raise FileError(what) from error
    finally:
        made.unlink(missing_ok=True)
    return path


def _kept(name: str, content: bytes) -> Path | None:
    """The content under the same name where temporary files are, if it can be written there."""
    try:
        path = Path(tempfile.mkdtemp(prefix="ccs-model-")) / name[-100:]
        path.write_bytes(content)
    except OSError:
        return None
    return path
