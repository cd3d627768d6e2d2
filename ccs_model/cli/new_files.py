"""Files that a command creates for the user: all or none, and without overwriting.

A command first removes the temporary files that a killed command left beside the same names.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from os.path import lexists
from pathlib import Path, PurePath

from ccs_model.atomic_files import (
    deferred_signals,
    folder_for,
    has_files,
    remove_stale,
    stale_paths,
    sync_folder,
    temporary_name,
    temporary_path,
    write_synced,
)
from ccs_model.errors import FileError

_PART, _OLD = "part", "old"


def create_folder_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Create the files of `folder`. Raises FileError if one already exists or cannot be written."""
    if not lexists(folder):  # one rename puts all of them in place
        with atomic_folder(folder, files):
            return
    create_files({folder / name: contents for name, contents in files.items()})


def create_files(files: Mapping[Path, bytes], *, hint: str = "") -> None:
    """Create all files or none.

    Each is written under a temporary name and then linked to its own, which fails if that name exists by then. Raises
    FileError if a file already exists (`hint` says what to do) or cannot be written.
    """
    for path in files:
        if path.is_symlink() or path.exists():
            raise FileError(_exists_message(path, hint))
    beside: dict[Path, Path] = {}
    with ExitStack() as made:
        try:
            for path, contents in files.items():
                made.enter_context(folder_for(path))
                remove_stale(path.parent, path.name, _PART)
                part = made.enter_context(temporary_path(path.with_name(temporary_name(_PART, path.name))))
                write_synced(part, contents)
                beside[path] = part
            with deferred_signals():
                _link_all(beside, hint)
        except OSError as error:
            raise FileError(f"{path}: cannot be written: {error.strerror or error}") from error
    for folder in {path.parent for path in files}:
        sync_folder(folder)


def _link_all(beside: Mapping[Path, Path], hint: str) -> None:
    done: list[Path] = []
    try:
        for path, made in beside.items():
            _link(made, path)
            done.append(path)
    except BaseException as error:
        for each in done:
            each.unlink(missing_ok=True)
        if isinstance(error, FileExistsError):
            raise FileError(_exists_message(path, hint)) from error
        raise


def _exists_message(path: Path, hint: str) -> str:
    return f"{path}: already exists and is left unchanged{hint and f'; {hint}'}"


def _link(made: Path, path: Path) -> None:
    """Give the file its name unless the name exists; a file system without links, such as FAT, renames it."""
    try:
        os.link(made, path)
    except FileExistsError:
        raise
    except OSError:
        if path.exists() or path.is_symlink():
            raise FileExistsError(str(path)) from None
        made.rename(path)


@contextmanager
def atomic_folder(folder: Path, files: Mapping[str, bytes], *, force: bool = False) -> Iterator[Path]:
    """Write the files to a temporary folder, yield it for validation, then move them to `folder`.

    An error inside the block leaves nothing behind. With `force`, the top-level files and folders of `files` replace
    those of the same name; all others are kept. Raises FileError if `folder` contains files and not `force`.
    """
    _validate_overwrite(folder, force)
    target = folder.absolute()  # so that the current folder has a name
    try:
        with folder_for(target):
            remove_temporary_files(target)
            with temporary_path(target.with_name(temporary_name(_PART, target.name))) as made:
                made.mkdir()
                for name, contents in files.items():
                    (made / name).parent.mkdir(parents=True, exist_ok=True)
                    write_synced(made / name, contents)
                yield made
                _validate_overwrite(folder, force)
                _move_into_place(made, target, sorted({PurePath(name).parts[0] for name in files}))
            sync_folder(target.parent)
    except OSError as error:
        raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error


def remove_temporary_files(folder: Path) -> None:
    """Remove what killed commands left beside `folder`, and restore files that they had moved aside."""
    for aside in stale_paths(folder.parent, folder.name, _OLD):
        with contextlib.suppress(OSError):
            for path in aside.iterdir():
                if not (folder / path.name).exists():
                    path.rename(folder / path.name)
    for kind in (_OLD, _PART):
        remove_stale(folder.parent, folder.name, kind)


def _validate_overwrite(folder: Path, force: bool) -> None:
    try:
        if folder.is_symlink() or folder.exists():
            if not folder.is_dir():
                raise FileError(f"{folder}: is a file, not a folder")
            if has_files(folder) and not force:
                raise FileError(f"{folder}: already contains files; choose another, or use --force to write into it")
    except OSError as error:
        raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error


def _move_into_place(made: Path, folder: Path, names: list[str]) -> None:
    """Move the new files to `folder`; existing ones are moved aside first, and moved back if anything fails."""
    if not folder.exists():
        made.rename(folder)
        return
    aside = folder.with_name(temporary_name(_OLD, folder.name))
    with deferred_signals():
        aside.mkdir()
        done: list[str] = []
        try:
            for name in names:
                if (folder / name).exists() or (folder / name).is_symlink():
                    (folder / name).rename(aside / name)
                (made / name).rename(folder / name)
                done.append(name)
        except BaseException:
            for name in names:
                if name in done:
                    (folder / name).rename(made / name)
                if (aside / name).exists() or (aside / name).is_symlink():
                    (aside / name).rename(folder / name)
            shutil.rmtree(aside, ignore_errors=True)
            raise
    shutil.rmtree(aside, ignore_errors=True)
