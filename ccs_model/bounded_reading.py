"""Reading of untrusted files: regular files only, within a limit of bytes; JSON within a limit of depth.

A device, pipe or socket would block or never end, so that the kind of a file is tested before it is opened and again
on the open file.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from itertools import accumulate
from pathlib import Path
from typing import Any

# A file of a run folder or of an analysis, a GeoJSON file, a table.
RUN_FILE_BYTES, GEOJSON_BYTES, TABLE_BYTES = 500_000_000, 50_000_000, 100_000_000
DEEPEST_JSON = 64
# Without O_NONBLOCK, opening a pipe waits for its writer. Windows has neither flag.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
# A text up to its closing quote, or to the end of the document.
_JSON_TEXT = re.compile(rb'"(?:[^"\\]+|\\.)*+(?:"|\Z)?', re.S)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def is_workbook(path: object) -> bool:
    """Whether a path names an Excel workbook."""
    return isinstance(path, str | os.PathLike) and Path(path).suffix.lower() == ".xlsx"


def read_regular(path: Path, largest_bytes: int = RUN_FILE_BYTES) -> bytes:
    """Return the content of a regular file.

    Raises
    ------
    OSError
        If the file cannot be read: EISDIR for a folder, EINVAL for a special file, EFBIG for too many bytes.
    ValueError
        If no file can have the name, since it contains a NUL.
    """
    _validate(path.stat(), largest_bytes)
    with open(os.open(path, _FLAGS), "rb") as file:  # noqa: PTH123 - a descriptor
        _validate(os.fstat(file.fileno()), largest_bytes)
        raw = file.read(largest_bytes + 1)
    if len(raw) > largest_bytes:  # it has grown meanwhile
        raise _size_error(len(raw), largest_bytes)
    return raw


def read_regular_text(path: Path) -> str:
    """Return the content of a regular file in UTF-8. Raises as `read_regular`, and UnicodeDecodeError."""
    return read_regular(path).decode("utf-8")


def parse_json(raw: bytes) -> Any:
    """Return the value of a JSON document. Raises ValueError if it is invalid or nested too deeply."""
    brackets = _JSON_TEXT.sub(b"", raw).translate(None, _NOT_BRACKETS)
    if max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > DEEPEST_JSON:
        raise ValueError(f"nested more than {DEEPEST_JSON} levels deep")
    return json.loads(raw)


def _validate(status: os.stat_result, largest_bytes: int) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    if status.st_size > largest_bytes:
        raise _size_error(status.st_size, largest_bytes)


def _size_error(n_bytes: int, largest_bytes: int) -> OSError:
    return OSError(errno.EFBIG, f"the file has {n_bytes:,} bytes, expected at most {largest_bytes:,}")
