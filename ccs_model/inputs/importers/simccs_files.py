"""The five files of a SimCCS folder as text: where they lie, whatever their line ends, encoding and delimiter."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ccs_model.errors import Fault, FileError, InputError
from ccs_model.inputs.kinds import kind_of

LARGEST_BYTES = 50_000_000
_MOST_FOLDERS = 2_000  # looked into for files that lie deeper

# File → where SimCCS itself keeps it, and the name of its older form.
_FILES = {
    "Sources": ("Sources", ("Sources.csv", "Sources.txt")),
    "Sinks": ("Sinks", ("Sinks.csv", "Sinks.txt")),
    "Linear": ("Transport", ("Linear.txt",)),
    "CandidateNetwork": ("Network/CandidateNetwork", ("CandidateNetwork.txt",)),
    "DelaunayPaths": ("Network/DelaunayNetwork", ("DelaunayPaths.txt",)),
}


@dataclass
class Text:
    """A file as lines of fields; `name` is what a fault calls it. `is_faulty` once a line could not be understood."""

    name: str
    text: str
    is_old: bool
    is_faulty: bool = False

    def lines(self) -> Iterator[tuple[int, list[str]]]:
        """Line number and fields of each line that is not blank, fields parted by tabs or, failing them, by blanks."""
        for number, line in enumerate(self.text.split("\n"), 1):
            if line.strip():
                yield (
                    number,
                    [field.strip() for field in (line.rstrip("\t ").split("\t") if "\t" in line else line.split())],
                )

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """The same of a spreadsheet: quoted fields, parted by the sign that its first lines hold the most of."""
        first = "".join(self.text.splitlines(keepends=True)[:4])
        delimiter = max(",;\t", key=first.count)
        reader = csv.reader(io.StringIO(self.text, newline=""), delimiter=delimiter)
        for fields in reader:
            if any(field.strip() for field in fields):
                yield reader.line_num, [field.strip() for field in fields]


def read_texts(folder: Path) -> dict[str, Text]:
    """The five files. InputError when one is missing, too large or no text; FileError when it cannot be read."""
    found = {name: _path_of(folder, name) for name in _FILES}
    missing = [_FILES[name][1][0] for name, path in found.items() if path is None]
    if missing:
        what = f"not a folder of SimCCS: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        raise InputError([Fault(str(folder), what, _where_they_lie(folder))])
    faults: list[Fault] = []
    texts: dict[str, Text] = {}
    for name, path in found.items():
        assert path is not None
        called = path.relative_to(folder).as_posix()
        try:
            size = path.stat().st_size
            raw = path.read_bytes() if size <= LARGEST_BYTES else b""
        except OSError as error:
            raise FileError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
        kind = kind_of(raw)
        if size > LARGEST_BYTES:
            faults.append(Fault(called, f"the file has {size:,} bytes, expected at most {LARGEST_BYTES:,}"))
        elif kind:
            faults.append(Fault(called, f"this is {kind}, expected text"))
        else:
            texts[name] = Text(called, _decoded(raw), is_old=path.suffix == ".txt")
    if faults:
        raise InputError(faults)
    return texts


def _path_of(folder: Path, name: str) -> Path | None:
    own, spellings = _FILES[name]
    places = [folder / spelling for spelling in spellings] + [folder / own / spelling for spelling in spellings]
    return next((place for place in places if place.is_file()), None)


def _where_they_lie(folder: Path) -> str:
    """Subfolders that are whole, one or two levels down."""
    if not folder.is_dir():
        return "there is no such folder"
    below = islice((path for pattern in ("*", "*/*") for path in folder.glob(pattern) if path.is_dir()), _MOST_FOLDERS)
    whole = sorted(path for path in below if all(_path_of(path, name) for name in _FILES))
    return "they lie in " + ", ".join(f"{path.relative_to(folder).as_posix()}/" for path in whole[:5]) if whole else ""


def _decoded(raw: bytes) -> str:
    """The text with plain line ends. Every byte is a sign of Windows' Latin-1, so that always reads."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = raw.decode("utf-16", errors="replace")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("cp1252", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")
