"""Files that a command makes for the user: all of them whole or none, and nothing is overwritten."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ccs_model.errors import FileError


def write_new(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make each file of `folder`; FileError when one is there already or cannot be written."""
    for name in files:
        if (folder / name).exists() or (folder / name).is_symlink():
            raise FileError(f"{folder / name}: is there already and is left alone")
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, contents in files.items():
            # Mode x fails where a file has come in the meantime.
            with (folder / name).open("xb") as file:
                written.append(folder / name)
                file.write(contents)
    except BaseException as error:
        for path in written:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error
        raise
