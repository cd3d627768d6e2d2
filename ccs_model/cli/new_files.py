"""Files that a command makes for the user: all of them whole or none, and nothing is overwritten unasked."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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


def write_whole(files: Mapping[Path, bytes]) -> None:
    """Make each file whole or none of them; FileError when one is there already or cannot be written.

    Each is written beside its place and then linked into it, which fails where a file has come in the meantime.
    """
    beside: dict[Path, Path] = {}
    done: list[Path] = []
    try:
        for path, contents in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            beside[path] = Path(name)
            with os.fdopen(number, "wb") as file:
                file.write(contents)
                file.flush()
                os.fsync(file.fileno())
        for path, made in beside.items():
            made.chmod(0o666 & ~_umask())
            _link(made, path)
            done.append(path)
    except BaseException as error:
        for path in done:
            path.unlink(missing_ok=True)
        if isinstance(error, FileExistsError):
            raise FileError(f"{path}: is there already and is left alone") from error
        if isinstance(error, OSError):
            raise FileError(f"{path}: cannot be written: {error.strerror or error}") from error
        raise
    finally:
        for made in beside.values():
            made.unlink(missing_ok=True)


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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def made_whole(folder: Path, files: Mapping[str, bytes], *, force: bool = False) -> Iterator[Path]:
    """Makes the files in a folder beside `folder` and yields it, to be looked over; then moves them into place.

    An error inside leaves nothing behind. FileError when `folder` holds anything and not `force`; with it, what stands
    at the top of `files` (a file, or a whole folder of them) takes the place of what was there, and nothing else.
    """
    _refuse_to_overwrite(folder, force)
    made: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        for name, contents in files.items():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            (made / name).write_bytes(contents)
        yield made
        _refuse_to_overwrite(folder, force)
        _move_into_place(made, folder, sorted({Path(name).parts[0] for name in files}))
    except OSError as error:
        raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error
    finally:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)


def _refuse_to_overwrite(folder: Path, force: bool) -> None:
    try:
        if folder.is_symlink() or folder.exists():
            if not folder.is_dir():
                raise FileError(f"{folder}: is a file, not a folder")
            if any(folder.iterdir()) and not force:
                raise FileError(f"{folder}: already holds something; choose another, or --force to write into it")
    except OSError as error:
        raise FileError(f"{folder}: cannot be written: {error.strerror or error}") from error


def _move_into_place(made: Path, folder: Path, names: list[str]) -> None:
    """What is in the way steps aside, and comes back if anything fails."""
    is_new = not folder.exists()
    folder.mkdir(exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent))
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
        if is_new:
            folder.rmdir()
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
