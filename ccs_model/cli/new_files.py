"""Files that a command makes for the user: all of them whole or none, and nothing is overwritten unasked.

What a killed command left beside them goes with the next one that makes files of the same names.
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
    clear_away,
    folder_for,
    holds_anything,
    left_behind,
    name_of_unfinished,
    signals_deferred,
    sync_folder,
    unfinished,
    write_synced,
)
from ccs_model.errors import FileError

_PART, _OLD = "part", "old"


def write_new(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make each file of `folder`; FileError when one is there already or cannot be written."""
    if not lexists(folder):  # then one rename puts all of them in place
        with written_atomically(folder, files):
            return
    write_atomic({folder / name: contents for name, contents in files.items()})


def write_atomic(files: Mapping[Path, bytes], *, hint: str = "") -> None:
    """Make each file whole or none of them; FileError when one is there already (`hint` says what to do) or cannot be
    written.

    Each is written beside its place and then linked into it, which fails where a file has come in the meantime.
    """
    for path in files:
        if path.is_symlink() or path.exists():
            raise FileError(_is_there(path, hint))
    beside: dict[Path, Path] = {}
    with ExitStack() as made:
        try:
            for path, contents in files.items():
                made.enter_context(folder_for(path))
                clear_away(path.parent, path.name, _PART)
                part = made.enter_context(unfinished(path.with_name(name_of_unfinished(_PART, path.name))))
                write_synced(part, contents)
                beside[path] = part
            with signals_deferred():
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
            raise FileError(_is_there(path, hint)) from error
        raise


def _is_there(path: Path, hint: str) -> str:
    return f"{path}: is there already and is left alone{hint and f'; {hint}'}"


def _link(made: Path, path: Path) -> None:
    """Give the file its name unless that is taken; where there are no links, as on FAT, it is moved."""
    try:
        os.link(made, path)
    except FileExistsError:
        raise
    except OSError:
        if path.exists() or path.is_symlink():
            raise FileExistsError(str(path)) from None
        made.rename(path)


@contextmanager
def written_atomically(folder: Path, files: Mapping[str, bytes], *, force: bool = False) -> Iterator[Path]:
    """Makes the files in a folder beside `folder` and yields it, to be looked over; then moves them into place.

    An error inside leaves nothing behind. FileError when `folder` holds anything and not `force`; with it, what stands
    at the top of `files` (a file, or a whole folder of them) takes the place of what was there, and nothing else.
    """
    _validate_overwrite(folder, force)
    target = folder.absolute()  # the folder one is in has a name, too
    try:
        with folder_for(target):
            mend_halves(target)
            with unfinished(target.with_name(name_of_unfinished(_PART, target.name))) as made:
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


def mend_halves(folder: Path) -> None:
    """What killed commands left beside `folder` goes; what had stepped aside and has no follower comes back."""
    for aside in left_behind(folder.parent, folder.name, _OLD):
        with contextlib.suppress(OSError):
            for path in aside.iterdir():
                if not (folder / path.name).exists():
                    path.rename(folder / path.name)
    for kind in (_OLD, _PART):
        clear_away(folder.parent, folder.name, kind)


def _validate_overwrite(folder: Path, force: bool) -> None:
    try:
        if folder.is_symlink() or folder.exists():
            if not folder.is_dir():
                raise FileError(f"{folder}: is a file, not a folder")
            if holds_anything(folder) and not force:
                raise FileError(f"{folder}: already holds something; choose another, or --force to write into it")
    except OSError as error:
        raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error


def _move_into_place(made: Path, folder: Path, names: list[str]) -> None:
    """One rename where nothing is in the way; else what is there steps aside, and comes back if anything fails."""
    if not folder.exists():
        made.rename(folder)
        return
    aside = folder.with_name(name_of_unfinished(_OLD, folder.name))
    with signals_deferred():
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
