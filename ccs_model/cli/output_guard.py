"""The guard of every -o and --out: no output replaces a run's file, an input, a special file or another kind of file.

An existing file needs --force and must be of the kind that the command writes. Files of a run, inputs of the command,
folders, links and special files (devices, pipes, sockets) are never replaced.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ccs_model.bounded_reading import parse_json, read_regular
from ccs_model.errors import CcsModelError, FileError
from ccs_model.runs.folder_writer import ADDED_LATER, MANIFEST, link_target, validate_outside_runs

_MANIFEST_BYTES = 10_000_000
# Enough for the first bytes that identify a kind.
_HEAD_BYTES = 4096
# First names of the files that an import replaces with --force.
_IMPORTED = frozenset(("scenario.yaml", "steel.csv", "chemicals.csv", "data"))
# First names inside a run folder that belong to the run, besides those that its manifest lists.
_OF_RUN = frozenset((MANIFEST, "solver.log", "tables", "own"))


@dataclass(frozen=True)
class FileKind:
    """A kind of file that a command writes: what messages call it, and how the content of such a file begins."""

    name: str
    begins: re.Pattern[bytes]

    def matches(self, path: Path) -> bool:
        """Return whether a file is empty or begins as this kind does. Raises OSError."""
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        return not head or self.begins.match(head) is not None


WORKBOOK = FileKind("an Excel workbook", re.compile(rb"PK\x03\x04.{26}(\[Content_Types\]|_rels/|xl/|docProps/)", re.S))
PAGE = FileKind("an HTML page", re.compile(rb"\s*<!doctype html", re.I))
GEOJSON = FileKind("a GeoJSON feature collection", re.compile(rb'\s*\{\s*"type"\s*:\s*"FeatureCollection"'))
NETCDF = FileKind("a netCDF file", re.compile(rb"CDF[\x01\x02\x05]"))
PARQUET = FileKind("a Parquet file", re.compile(rb"PAR1"))
CALIBRATION = FileKind("a calibration", re.compile(rb'\s*\{\s*"schema"\s*:\s*"ccs-model/calibration/'))
IAMC = FileKind("an IAMC table", re.compile(rb"Model,Scenario,Region,Variable,Unit\b", re.I))
NUMBERS = FileKind("an exported table of numbers", re.compile(rb"table,key,year,name,value,unit\s"))


def validate_output_file(path: Path, kind: FileKind, *, force: bool = False, inputs: Iterable[Path] = ()) -> None:
    """Raise unless `path` may be written.

    Parameters
    ----------
    path
        The file to write.
    kind
        Kind of the new file, and the only one that may be replaced.
    force
        Whether an existing file may be replaced.
    inputs
        Files and folders that the command reads.

    Raises
    ------
    click.BadParameter
        If `path` is an input of the command.
    FileError
        If it belongs to a run, is no regular file, exists and not `force`, or is of another kind.
    """
    with _report_write_errors(path):
        status = path.lstat() if _lexists(path) else None
        if status is not None and stat.S_ISDIR(status.st_mode):
            raise FileError(f"{path}: is a folder, expected a file to write")
        if status is not None and not stat.S_ISREG(status.st_mode):
            what = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "not a regular file"
            raise FileError(f"{path}: is {what}; it is left unchanged")
        for each in inputs:
            if status is not None and each.exists() and path.samefile(each):
                raise click.BadParameter(f"'{path}' is an input of this command", param_hint="-o")
        _validate_not_of_run(path)
        if status is None:
            return
        if not force:
            raise FileError(f"{path}: already exists; choose another name, or use --force to replace it")
        if not kind.matches(path):
            raise FileError(f"{path}: is not {kind.name}; it is left unchanged")


def validate_output_files(folder: Path, kind: FileKind, *, force: bool = False) -> None:
    """Raise FileError unless files of a kind may be written to a folder: it is new, or holds only such files."""
    with _report_write_errors(folder):
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise FileError(f"{folder}: is not a folder; it is left unchanged")
        _validate_not_of_run(folder)
        for path in sorted(folder.iterdir()) if folder.exists() else ():
            validate_output_file(path, kind, force=force)


def validate_output_folder(folder: Path, *, inputs: Iterable[Path] = ()) -> None:
    """Raise unless a folder may be replaced by a new one.

    Whether it holds a run that may be replaced is tested where the run is written.

    Raises
    ------
    click.BadParameter
        If the folder holds an input of the command.
    FileError
        If it contains the current folder, is inside a run, or is a symbolic link to a folder that does not exist.
    """
    with _report_write_errors(folder):
        here, target = Path.cwd(), link_target(folder).resolve()
        if target == here or target in here.parents:
            raise FileError(f"{folder}: is the current folder or contains it; choose another --out")
        for each in inputs:
            if _lexists(each) and each.resolve().is_relative_to(target):
                raise click.BadParameter(f"'{folder}' holds {each}, an input of this command", param_hint="--out")
        for path in (folder, target):
            _validate_not_of_run(path, may_be_inside=True)
            validate_outside_runs(path)


def validate_import_folder(folder: Path, inputs: Iterable[Path] = ()) -> None:
    """Raise unless files may be added to a folder, whose other files are kept.

    Raises
    ------
    click.BadParameter
        If an input of the command would be replaced.
    FileError
        If it is no folder, or a run, or a part of one.
    """
    with _report_write_errors(folder):
        if _lexists(folder) and not folder.is_dir():
            raise FileError(f"{folder}: is not a folder; it is left unchanged")
        for each in inputs:
            parts = Path(os.path.relpath(each.resolve(), folder.resolve())).parts
            if parts and parts[0] in _IMPORTED:
                raise click.BadParameter(f"would replace {each}, an input of this command", param_hint="-o")
        _validate_not_of_run(folder / MANIFEST)


def scenario_files(scenario: Path) -> Iterator[Path]:
    """Yield the files and folders that a scenario names, as far as it can be read."""
    from ccs_model.scenario.read import read

    try:
        reading = read(scenario, allow_outside=True)
    except CcsModelError:
        return
    own, found = reading.own, reading.scenario
    names: list[Any] = [name for _, name in own.files] + [own.data, own.terrain]
    if found is not None:
        names += [found.calibration.file, found.transport.corridors]
    yield from (own.folder / name for name in names if name and name not in ("auto", "all"))
    # Places of values name the files that were read, also the one that the scenario extends.
    yield from {Path(place.rpartition(":")[0]) for place in own.places.values() if ":" in place}


@contextmanager
def _report_write_errors(path: Path) -> Iterator[None]:
    """Report errors of the system at a path to write. A missing working folder is an error of its own."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        if isinstance(error, FileNotFoundError) and error.filename is None:
            raise
        raise FileError(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}") from error


def _validate_not_of_run(path: Path, *, may_be_inside: bool = False) -> None:
    """Raise FileError if the path is one of a run or, unless it `may_be_inside`, another that no command adds to it."""
    target = path.parent.resolve() / path.name
    for folder in target.parents:
        first, names = target.relative_to(folder).parts[0], _names_of_run(folder)
        if first in names:
            raise FileError(f"{path}: belongs to the run {folder.name} ({first}); it is left unchanged")
        if names and first not in ADDED_LATER and not may_be_inside:
            what = f"is inside the run {folder.name}, which could then not be replaced"
            raise FileError(f"{path}: {what}; choose a path outside it")


def _names_of_run(folder: Path) -> frozenset[str]:
    """Return the first names that belong to the run in `folder`; none if it is not a run."""
    manifest = folder / MANIFEST
    try:
        document = parse_json(read_regular(manifest, _MANIFEST_BYTES))
    except (OSError, ValueError):
        return frozenset()
    if not isinstance(document, dict) or "run_sha256" not in document:
        return frozenset()
    outputs = document.get("outputs")
    return _OF_RUN | {str(name).partition("/")[0] for name in (outputs if isinstance(outputs, dict) else ())}


def _lexists(path: Path) -> bool:
    """Return whether a path exists, also a broken link. Raises OSError if that cannot be determined."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
