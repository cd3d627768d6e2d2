"""Files that appear whole or not at all."""

from __future__ import annotations

import os
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
        raise FileError(f"{path}: cannot be written: {error.strerror or error} (is it open elsewhere?)") from error
    finally:
        made.unlink(missing_ok=True)
    return path
