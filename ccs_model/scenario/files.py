"""Opening files: a scenario is a small UTF-8 text; and which files it may name: those below its own folder."""

from __future__ import annotations

import codecs
import errno
import re
import stat
from difflib import get_close_matches
from pathlib import Path, PurePosixPath, PureWindowsPath

from ccs_model.errors import Fault, FileError, InputError
from ccs_model.scenario.scalars import shown

LARGEST_BYTES = 1_000_000

# What YAML calls printable; lone surrogates cannot come out of UTF-8.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_text(path: Path) -> str:
    """The text of a scenario file. FileError when it cannot be read, InputError when it is no text or too large."""
    at = f"{shown_path(path)}:1:1"
    raw = contents(path, largest_bytes=LARGEST_BYTES, expected="a scenario file", at=at)
    return _decoded(path, raw.removeprefix(codecs.BOM_UTF8))


def contents(path: Path, *, largest_bytes: int, expected: str, at: str, asked_at: str = "") -> bytes:
    """The bytes of a regular file.

    FileError, led by `asked_at`, when it cannot be read; InputError, placed `at`, when it is too large.
    """
    start = f"{asked_at}: cannot read" if asked_at else "cannot read"
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise FileError(f"{start} {full(path)}: it is a folder, expected {expected}")
        if not stat.S_ISREG(status.st_mode):
            raise FileError(f"{start} {full(path)}: it is not a regular file")
        if status.st_size > largest_bytes:
            what = f"the file has {status.st_size:,} bytes, expected at most {largest_bytes:,}"
            raise InputError([Fault(at, what)])
        with path.open("rb") as file:
            return file.read(largest_bytes + 1)
    except OSError as error:
        hint = " (folders are separated by /)" if asked_at and "\\" in path.name else ""
        hint = hint or (_other_letters(path) if error.errno == errno.ENOENT else "")
        raise FileError(f"{start} {full(path)}: {(error.strerror or str(error)).lower()}{hint}") from error
    except ValueError as error:
        raise FileError(f"{start} {full(path)}: no file can have this name (a NUL in it)") from error


def _other_letters(path: Path) -> str:
    """A hint that names a file of the same folder called the same but for capital letters and such."""
    try:
        names = [each.name for each in path.parent.iterdir()]
    except OSError:
        return ""
    same = [name for name in names if name.casefold() == path.name.casefold()]
    near = same or get_close_matches(path.name, names, n=1, cutoff=0.85)
    return f" (did you mean '{shown(near[0])}'?)" if near else ""


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
