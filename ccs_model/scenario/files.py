"""Opening a scenario file: only a small UTF-8 text; and which files it may name: those below its own folder."""

from __future__ import annotations

import codecs
import re
import stat
from pathlib import Path, PurePosixPath, PureWindowsPath

from ccs_model.errors import Fault, FileError, InputError
from ccs_model.scenario.scalars import shown

LARGEST_BYTES = 1_000_000

# What YAML calls printable; lone surrogates cannot come out of UTF-8.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_text(path: Path) -> str:
    """The text of a scenario file. FileError when it cannot be read, InputError when it is no text or too large."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise FileError(f"cannot read {full(path)}: it is a folder, expected a scenario file")
        if not stat.S_ISREG(status.st_mode):
            raise FileError(f"cannot read {full(path)}: it is not a regular file")
        if status.st_size > LARGEST_BYTES:
            raise _not_text(path, 1, 1, f"the file has {status.st_size:,} bytes, expected at most {LARGEST_BYTES:,}")
        with path.open("rb") as file:
            raw = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise FileError(f"cannot read {full(path)}: {(error.strerror or str(error)).lower()}") from error
    except ValueError as error:
        raise FileError(f"cannot read {full(path)}: no file can have this name (a NUL in it)") from error
    return _decoded(path, raw.removeprefix(codecs.BOM_UTF8))


def path_inside(folder: Path, name: str, *, allow_outside: bool) -> Path | None:
    """What `name` names, seen from the scenario's folder; None when it lies outside and that is not allowed."""
    path = folder / name
    if allow_outside:
        return path
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        return None
    try:
        return path if path.resolve().is_relative_to(folder.resolve()) else None
    except (OSError, RuntimeError, ValueError):
        return path  # a name that cannot exist, or a loop of links: opening it says so


def full(path: Path) -> str:
    """The resolved path, safe to show."""
    try:
        return _visible(path.resolve())
    except (OSError, RuntimeError, ValueError):
        return _visible(path.absolute())


def _visible(path: Path) -> str:
    text = str(path)
    return text if text.isprintable() else ascii(text)


def _decoded(path: Path, raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        raise _not_text(path, *_end_of(before), "not UTF-8, expected a text file in UTF-8") from error
    odd = _UNPRINTABLE.search(text)
    if odd:
        what = f"control character U+{ord(odd[0]):04X}, expected a text file in UTF-8"
        raise _not_text(path, *_end_of(text[: odd.start()]), what)
    return text


def _end_of(text: str) -> tuple[int, int]:
    """Line and column just after the text."""
    return text.count("\n") + 1, len(text) - text.rfind("\n")


def _not_text(path: Path, line: int, column: int, what: str) -> InputError:
    return InputError([Fault(f"{shown_path(path)}:{line}:{column}", what)])


def shown_path(path: Path) -> str:
    """A path as the user gave it, safe to show."""
    return "".join(shown(sign) for sign in str(path))
