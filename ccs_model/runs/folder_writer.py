"""Run folders, and folders of files for the user, that appear completely or not at all.

The files are written to a temporary folder beside the target, flushed to disk and moved into place by one rename while
a lock keeps other processes out. If that fails, the result is kept elsewhere and the error says where.

The lock of a run folder lets one process at a time write it, and the others learn which. The operating system releases
the lock when its holder ends, however it ends. A second file names the holder; it also protects the folder on a network
disk that does not pass locks on to other machines.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import json
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from os.path import lexists
from pathlib import Path, PurePath
from typing import Any

from filelock import FileLock, Timeout

from ccs_model.atomic_files import (
    boot_id,
    create_files,
    deferred_signals,
    exchange_folders,
    folder_for,
    has_files,
    host_name,
    is_running,
    remove_stale,
    rescue_folder,
    shortened_name,
    stale_paths,
    sync_folder,
    temporary_name,
    temporary_path,
    write_synced,
)
from ccs_model.bounded_reading import parse_json, read_regular
from ccs_model.errors import FileError

MANIFEST = "manifest.json"
_PART, _OLD = "part", "old"
# Names in a run folder that `report` and `export` add to those of its manifest.
ADDED_LATER = ("report.html", "export")
_OTHER_NAMES = 9


class LockedError(FileError):
    """Another process is writing the folder."""


_TRIES = 20
_HOLDER_BYTES = 10_000
# Errors of a disk without locks.
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


def write_files(files: Mapping[str, bytes], folder: Path, *, force: bool = False) -> Path:
    """Write a folder of files completely or not at all.

    Parameters
    ----------
    files
        Content by name; a name that ends in `/` is an empty folder.
    folder
        The folder to write.
    force
        Replace a run that is there.

    Returns
    -------
    Path
        `folder`.

    Raises
    ------
    FileError
        If the folder holds a run and not `force`, or other files, if another process writes it, or if it cannot be
        written; the result is then kept under another name if possible.
    """
    with hold_lock(folder):
        return write_locked(files, folder, force=force)


def write_locked(files: Mapping[str, bytes], folder: Path, *, force: bool = False) -> Path:
    """Write as `write_files` does, in a process that holds the folder's lock."""
    validate_overwrite(folder, force)
    target = link_target(folder)
    try:
        _write(files, target)
    except (OSError, FileError) as error:
        reason = str(error)
        if isinstance(error, OSError):
            reason = f"{folder}: cannot be written: {error.strerror or error}"
        kept = _write_elsewhere(files, target)
        outcome = f"is kept in {kept}" if kept is not None else "could not be kept elsewhere"
        raise FileError(f"{reason}; the run {outcome}") from error
    return folder


# Errors of a link to nothing and of a loop of links.
_OF_LINKS = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def link_target(folder: Path) -> Path:
    """Return the folder that a symbolic link names, and any other path unchanged.

    Raises FileError if the target of the link does not exist.
    """
    try:
        if not folder.is_symlink():
            return folder
        return folder.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links before Python 3.13
        if isinstance(error, OSError) and error.errno not in _OF_LINKS:
            raise FileError(f"{folder}: cannot be written: {error.strerror}") from error
        what = "is a symbolic link to a folder that does not exist; create that folder, or choose another --out"
        raise FileError(f"{folder}: {what}") from error


def validate_outside_runs(folder: Path) -> None:
    """Raise FileError if a folder above `folder` is a run, which no command could replace any more. Raises OSError."""
    target = folder.absolute().parent.resolve() / folder.name
    for above in target.parents:
        if is_result(above):
            beside = os.path.relpath(above.with_name(f"{above.name}-{folder.name}"))
            what = f"is inside the run {above.name}, which could then not be replaced"
            raise FileError(f"{folder}: {what}; choose a folder outside it, such as --out {shlex.quote(beside)}")


def is_result(folder: Path) -> bool:
    """Return whether a folder holds the manifest of a run or an analysis."""
    try:
        document = parse_json(read_regular(folder / MANIFEST))
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and "run_sha256" in document


def validate_overwrite(folder: Path, force: bool) -> None:
    """Raise FileError if a run cannot be written to `folder`: it holds other files, or a run and not `force`.

    Of a symbolic link, its target is tested. A folder inside a run is refused.
    """
    folder = link_target(folder)
    try:
        validate_outside_runs(folder)
        above = next(parent for parent in folder.absolute().parents if parent.exists())
        if not above.is_dir():
            raise FileError(f"{folder}: cannot be written: {above.name} is a file, not a folder")
        if not os.access(above, os.W_OK):
            raise FileError(f"{folder}: cannot be written: no permission to write to {above}")
        if not folder.exists():
            return
        if not folder.is_dir():
            raise FileError(f"{folder}: is a file, not a folder")
        if os.path.ismount(folder):
            # One rename puts a run in place, and nothing can be renamed to a mount point.
            what = f"is a mount point, which a run cannot replace; name a folder inside it, such as {folder}/run"
            raise FileError(f"{folder}: {what}")
        is_empty = not any(folder.iterdir())
        is_run = (folder / MANIFEST).is_file()
        strays = _files_of_others(folder) if is_run and force else []
    except OSError as error:
        raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error
    if not is_empty and not force:
        what = "already contains files of another run" if is_run else "already contains files"
        raise FileError(f"{folder}: {what}; choose another --out, or use --force to replace a run")
    if not is_empty and not is_run:
        raise FileError(f"{folder}: contains files that are not a run; they are left unchanged")
    if strays:
        more = f" and {len(strays) - 1} more" if len(strays) > 1 else ""
        what = f"contains {strays[0]}{more}, which the run did not write; move it, or choose another --out"
        raise FileError(f"{folder}: {what}")


def _files_of_others(folder: Path) -> list[str]:
    """Files in a run folder that neither the run nor `report` and `export` have written. Raises OSError."""
    try:
        outputs = parse_json(read_regular(folder / MANIFEST))["outputs"]
    except (ValueError, LookupError, TypeError):
        return []
    found = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if not path.is_dir())
    return [
        inner.as_posix()
        for inner in found
        if inner.as_posix() not in outputs
        and inner.parts[0] not in (MANIFEST, *ADDED_LATER)
        and not inner.name.startswith((".", "~$"))  # of the system and of office programs
    ]


def remove_leftovers(folder: Path) -> None:
    """Remove the lock and temporary files that a killed process left beside a folder, unless another process has it."""
    with contextlib.suppress(FileError):
        folder = link_target(folder)
        if any(folder.parent.glob(f".{glob.escape(shortened_name(folder.name))}.*")):
            with hold_lock(folder):
                remove_temporary_files(folder)


def remove_temporary_files(folder: Path) -> None:
    """Remove what killed processes left beside a run folder, and restore a run that they had moved aside."""
    for aside in stale_paths(folder.parent, folder.name, _OLD, is_locked=True):
        if not folder.exists():
            with contextlib.suppress(OSError):
                aside.rename(folder)
    for kind in (_OLD, _PART):
        remove_stale(folder.parent, folder.name, kind, is_locked=True)


def _write(files: Mapping[str, bytes], folder: Path) -> None:
    with folder_for(folder):
        remove_temporary_files(folder)
        with temporary_path(folder.with_name(temporary_name(_PART, folder.name))) as made:
            _fill(files, made)
            _move_into_place(made, folder)


def _fill(files: Mapping[str, bytes], folder: Path) -> None:
    """Create `folder` with the files, and flush them and all folders to the disk."""
    folder.mkdir()
    for name, content in files.items():
        inner = PurePath(name)
        is_folder = name.endswith("/")
        # One level at a time, so that `folder` is not made again if an interruption has removed it.
        for above in (*reversed(inner.parents[:-1]), *((inner,) if is_folder else ())):
            (folder / above).mkdir(exist_ok=True)
        if not is_folder:
            write_synced(folder / inner, content)
    for inside in (*(path for path in folder.rglob("*") if path.is_dir()), folder):
        sync_folder(inside)


def _write_elsewhere(files: Mapping[str, bytes], folder: Path) -> Path | None:
    """Write to the first place that has room: another name beside `folder`, or the folder for temporary files."""
    names = (folder.with_name(f"{folder.name}-{n}") for n in range(2, 1 + _OTHER_NAMES))
    beside = next((each for each in names if not lexists(each)), None)
    if beside is not None:
        with contextlib.suppress(OSError):
            _write(files, beside)
            return beside
    with contextlib.suppress(OSError), rescue_folder() as home:
        _write(files, home / "run")
        return home / "run"
    return None


def _move_into_place(made: Path, folder: Path) -> None:
    """Put the new folder in place by one rename, on the disk before anything of an old run is removed.

    An old run changes places with the new one. Where the system cannot do that in one step, the old run is moved aside
    first, and moved back if the rename fails.
    """
    with deferred_signals():
        if not folder.exists():
            made.rename(folder)
            sync_folder(folder.parent)
            return
        if exchange_folders(made, folder):
            sync_folder(folder.parent)
            return
        aside = folder.with_name(temporary_name(_OLD, folder.name))
        folder.rename(aside)
        try:
            made.rename(folder)
        except BaseException as error:
            try:
                aside.rename(folder)
            except OSError:
                raise FileError(f"{folder}: cannot be written: {error}; the previous run is now {aside}") from error
            raise
    sync_folder(folder.parent)
    shutil.rmtree(aside, ignore_errors=True)


# Folders of the user, in which a command creates files.


def create_folder_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Create the files of `folder`. Raises FileError if one already exists or cannot be written."""
    if not lexists(folder):  # one rename puts all of them in place
        with atomic_folder(folder, files):
            return
    create_files({folder / name: contents for name, contents in files.items()})


@contextmanager
def atomic_folder(folder: Path, files: Mapping[str, bytes], *, force: bool = False) -> Iterator[Path]:
    """Write the files to a temporary folder, yield it for validation, then move them to `folder`.

    An error inside the block leaves nothing behind. With `force`, the files replace those of the same name; all others
    are kept, also those beside them in a folder. Raises FileError if `folder` contains files and not `force`.
    """
    _validate_new_files(folder, force)
    target = folder.absolute()  # so that the current folder has a name
    try:
        with folder_for(target):
            _restore_files(target)
            with temporary_path(target.with_name(temporary_name(_PART, target.name))) as made:
                _fill(files, made)
                yield made
                _validate_new_files(folder, force)
                _move_files(made, target)
    except OSError as error:
        raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error


def _restore_files(folder: Path) -> None:
    """Remove what killed commands left beside `folder`, and restore files that they had moved aside."""
    for aside in stale_paths(folder.parent, folder.name, _OLD):
        with contextlib.suppress(OSError):
            for name in _files_in(aside):
                if not lexists(folder / name):
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    (aside / name).rename(folder / name)
    for kind in (_OLD, _PART):
        remove_stale(folder.parent, folder.name, kind)


def _files_in(folder: Path) -> list[PurePath]:
    """Names of the files of a folder and of the folders in it."""
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def _validate_new_files(folder: Path, force: bool) -> None:
    try:
        if folder.is_symlink() or folder.exists():
            if not folder.is_dir():
                raise FileError(f"{folder}: is a file, not a folder")
            if has_files(folder) and not force:
                raise FileError(f"{folder}: already contains files; choose another, or use --force to write into it")
    except OSError as error:
        raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error


def _move_files(made: Path, folder: Path) -> None:
    """Move the new files to `folder`; existing ones are moved aside first, and moved back if anything fails."""
    if not folder.exists():
        made.rename(folder)
        sync_folder(folder.parent)
        return
    names = _files_in(made)
    for name in names:
        if (folder / name).is_dir():
            raise FileError(f"{folder / name}: is a folder, where a file would be written; move it")
    aside = folder.with_name(temporary_name(_OLD, folder.name))
    with deferred_signals():
        aside.mkdir()
        new_folders = [
            folder / each.relative_to(made)
            for each in sorted(made.rglob("*"))
            if each.is_dir() and not (folder / each.relative_to(made)).exists()
        ]
        try:
            for each in new_folders:
                each.mkdir()
            for name in names:
                if lexists(folder / name):
                    (aside / name).parent.mkdir(parents=True, exist_ok=True)
                    (folder / name).rename(aside / name)
                (made / name).rename(folder / name)
        except BaseException:
            for name in names:
                if not lexists(made / name):
                    (folder / name).rename(made / name)
                if lexists(aside / name):
                    (aside / name).rename(folder / name)
            for each in reversed(new_folders):
                with contextlib.suppress(OSError):
                    each.rmdir()
            shutil.rmtree(aside, ignore_errors=True)
            raise
        for inside in dict.fromkeys([*((folder / name).parent for name in names), *new_folders, folder]):
            sync_folder(inside)
    shutil.rmtree(aside, ignore_errors=True)


# The lock of a run folder.


def lock_path(folder: Path) -> Path:
    """Return `.<name>.lock` beside the folder."""
    return folder.with_name(f".{shortened_name(folder.name)}.lock")


def holder_path(folder: Path) -> Path:
    """Return `.<name>.holder` beside the folder: JSON with the process, host and time of the lock's holder."""
    return folder.with_name(f".{shortened_name(folder.name)}.holder")


@contextmanager
def hold_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; of a symbolic link, that of its target.

    Raises
    ------
    FileError
        If another process holds it, with that process named, or if the lock cannot be made.
    """
    folder = link_target(folder)
    path, note = lock_path(folder), holder_path(folder)
    with ExitStack() as held:
        try:
            held.enter_context(folder_for(path))
            with deferred_signals():
                is_enforced = _acquire(path, held)
                held.enter_context(temporary_path(path))
                holder = _holder(note)
                if holder is not None and _may_hold(holder, is_enforced=is_enforced):
                    raise LockedError(_message(folder, holder))
                note.unlink(missing_ok=True)
                _write_holder(note, folder)
                held.enter_context(temporary_path(note))
        except Timeout as error:
            raise LockedError(_message(folder, _holder(note))) from error
        except OSError as error:
            if folder.parent.is_dir() and not os.access(folder.parent, os.W_OK):
                what = f"no permission to write to {folder.absolute().parent}, which a new run folder needs"
                raise FileError(f"{folder}: cannot be written: {what}") from error
            raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error
        yield


def _acquire(path: Path, held: ExitStack) -> bool:
    """Take the lock until `held` closes; False if the disk has no locks. Raises Timeout if another process has it."""
    lock = FileLock(path)
    for attempt in range(_TRIES):
        try:
            lock.acquire(blocking=False)
            break
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return False
            # A process that ends its own run removes the lock, and the folder if it is empty.
            is_missing = isinstance(error, FileNotFoundError) or (isinstance(error, Timeout) and not path.exists())
            if not is_missing or attempt == _TRIES - 1:
                raise
            path.parent.mkdir(parents=True, exist_ok=True)
    held.callback(_release, lock, path)
    return True


def _release(lock: FileLock, path: Path) -> None:
    lock.release()
    if os.name == "nt":  # Windows deletes no open file
        with contextlib.suppress(OSError):
            path.unlink()


def _may_hold(holder: dict[str, Any], *, is_enforced: bool) -> bool:
    """Whether the named holder may still write although this process got the lock."""
    # Containers on one system have names and processes of their own, and share its locks.
    if is_enforced and holder.get("boot") and holder["boot"] == boot_id():
        return False
    if holder.get("host") != host_name():
        return True
    pid = holder.get("pid")
    return not is_enforced and isinstance(pid, int) and pid != os.getpid() and is_running(pid)


def _holder(note: Path) -> dict[str, Any] | None:
    """Return the named holder; None if the file is missing or unreadable."""
    try:
        found = parse_json(read_regular(note, _HOLDER_BYTES))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "pid" in found else None


def _write_holder(note: Path, folder: Path) -> None:
    """Name this process in a new file. Raises FileError if a process of another machine has done so first."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    holder = {"pid": os.getpid(), "host": host_name(), "since": since, "boot": boot_id()}
    try:
        create_files({note: (json.dumps(holder) + "\n").encode()})
    except FileError as error:
        # The lock holds even if the disk is too full to name its holder.
        if lexists(note):
            raise LockedError(_message(folder, _holder(note))) from error


def _message(folder: Path, holder: dict[str, Any] | None) -> str:
    if holder is None:
        return f"{folder}: another process is writing this run ({lock_path(folder).name} is locked)"
    who = f"process {holder['pid']} on {holder.get('host')} has been writing this run since {holder.get('since')}"
    is_here = holder.get("host") == host_name() or (holder.get("boot") or None) == boot_id()
    return f"{folder}: {who}; " + (
        "wait for it, or choose another --out" if is_here else f"if it has ended there, delete {holder_path(folder)}"
    )
