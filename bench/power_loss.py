"""`python -m bench.power_loss [-- optimize small.yaml -q]`: what a power cut can leave, by the order of writes.

A command runs once while its file operations are recorded: opening for writing, creating, renaming, exchanging, linking
and removing names, and flushing files and folders. The operations are then replayed on a model of a file system that
promises no more than POSIX does:

- the content of a file is on the disk once the file has been flushed after its last opening for writing;
- a change of names is on the disk once a folder it concerns has been flushed. Before, it may or may not be there,
  whatever was done before or after it. One rename or exchange is there entirely or not at all.

After every operation the power may fail: none of the pending changes is on the disk, all are, one is missing, one alone
is there, or a random selection. In each of these states every file and every run folder under its final name must be
absent as before the command, as before the command, or as a complete version that the command gave it. When the command
has ended, every state must be the final one. Linux only, commands of one process.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.crash_tests import DEFAULT, ROOT
from tests.small_scenario import SMALL_TEXT

MANIFEST = "manifest.json"
# Names in a run folder that `report` and `export` write later.
_LATER = ("report.html", "export")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
# Random selections of pending changes after each operation, and single changes that are missing or alone.
_SELECTIONS, _SINGLES = 20, 40
_MOST_ISSUES = 10

# The folder, name and inode of the folder under test itself.
_ROOT = (-1, "", None)
Signature = tuple[Any, ...] | None


# The recorder runs in the process of the command.


def record(log: Path, arguments: Sequence[str]) -> int:
    """Run the command in this process and write its file operations to `log`, one JSON list a line."""
    from ccs_model import atomic_files
    from ccs_model.__main__ import main
    from ccs_model.runs import folder_writer

    events: list[tuple[str, ...]] = []
    flush, exchange = os.fsync, atomic_files.exchange_folders

    def recorded_flush(number: int) -> None:
        flush(number)
        events.append(("flush", str(_opened(number))))

    def recorded_exchange(one: Path, other: Path) -> bool:
        is_done = exchange(one, other)
        if is_done:
            events.append(("exchange", _absolute(one), _absolute(other)))
        return is_done

    vars(os)["fsync"] = recorded_flush
    for module in (atomic_files, folder_writer):
        vars(module)["exchange_folders"] = recorded_exchange
    sys.addaudithook(lambda event, values: _note(events, event, values))
    sys.argv = ["ccs-model", *arguments]
    try:
        main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    done = list(events)
    log.write_text("".join(json.dumps(event) + "\n" for event in done), encoding="utf-8")
    return code


def _note(events: list[tuple[str, ...]], event: str, values: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(values[0], str | bytes | os.PathLike) and values[2] & _WRITING:
        events.append(("open", _absolute(values[0])))
    elif event == "os.mkdir":
        events.append(("mkdir", _absolute(values[0], values[2])))
    elif event in {"os.remove", "os.rmdir"}:
        events.append(("remove", _absolute(values[0], values[1])))
    elif event in {"os.rename", "os.link"}:
        events.append((event[3:], _absolute(values[0], values[2]), _absolute(values[1], values[3])))


def _absolute(path: str | bytes | os.PathLike[Any], folder: int = -1) -> str:
    above = _opened(folder) if folder >= 0 else Path()
    return str((above / os.fsdecode(path)).absolute())


def _opened(number: int) -> Path:
    return Path(f"/proc/self/fd/{number}").readlink()


# The model of the file system.


@dataclass(eq=False)
class Inode:
    """A file or folder; `is_complete`: its content has been flushed. Folders have entries."""

    number: int
    is_folder: bool
    is_complete: bool = True


@dataclass
class Change:
    """A change of names that is on the disk entirely or not at all: the inode (or none) of each (folder, name)."""

    entries: list[tuple[int, str, Inode | None]]
    is_durable: bool = False


@dataclass
class Disk:
    """The names as the command sees them, and the changes that lead to them in their order."""

    root: Path
    changes: list[Change] = field(default_factory=list)
    names: dict[int, dict[str, Inode]] = field(default_factory=dict)
    inodes: int = 0

    @classmethod
    def of(cls, root: Path) -> Disk:
        """The files below `root`, all of them on the disk."""
        disk = cls(root)
        disk._scan(root, disk._new(is_folder=True))
        return disk

    def _new(self, *, is_folder: bool, is_complete: bool = True) -> Inode:
        inode = Inode(self.inodes, is_folder, is_complete)
        self.inodes += 1
        if is_folder:
            self.names[inode.number] = {}
        return inode

    def _scan(self, folder: Path, inode: Inode) -> None:
        for path in sorted(folder.iterdir()):
            made = self._new(is_folder=path.is_dir())
            self._change([(inode.number, path.name, made)], is_durable=True)
            if made.is_folder:
                self._scan(path, made)

    def _change(self, entries: list[tuple[int, str, Inode | None]], *, is_durable: bool = False) -> None:
        self.changes.append(Change(entries, is_durable))
        for folder, name, inode in entries:
            _assign(self.names[folder], name, inode)

    def _find(self, path: str) -> tuple[int, str, Inode | None] | None:
        """The folder, name and inode of a path; None if it is outside `root` or its folder does not exist."""
        try:
            parts = Path(path).relative_to(self.root).parts
        except ValueError:
            return None
        folder = 0
        for part in parts[:-1]:
            above = self.names[folder].get(part)
            if above is None or not above.is_folder:
                return None
            folder = above.number
        return (folder, parts[-1], self.names[folder].get(parts[-1])) if parts else _ROOT

    def apply(self, kind: str, *paths: str) -> None:
        """Apply one recorded operation; one that failed, such as a folder that exists, changes nothing."""
        found = [self._find(path) for path in paths]
        one, two = found[0], found[-1]
        if one is None or two is None:
            if kind in {"rename", "exchange", "link"} and (one or two):
                raise NotImplementedError(f"{kind} across the folder under test: {paths}")
            return
        (folder, name, inode), (other, new, there) = one, two
        if kind == "flush":
            self._flush(inode)
        elif one == _ROOT:
            return
        elif kind == "open":
            if inode is None:
                self._change([(folder, name, self._new(is_folder=False, is_complete=False))])
            elif not inode.is_folder:
                inode.is_complete = False
        elif kind == "mkdir" and inode is None:
            self._change([(folder, name, self._new(is_folder=True))])
        elif kind == "remove" and inode is not None and not (inode.is_folder and self.names[inode.number]):
            self._change([(folder, name, None)])
        elif kind == "rename" and inode is not None:
            self._change([(folder, name, None), (other, new, inode)])
        elif kind == "exchange" and inode is not None and there is not None:
            self._change([(folder, name, there), (other, new, inode)])
        elif kind == "link" and inode is not None and there is None:
            self._change([(other, new, inode)])

    def _flush(self, inode: Inode | None) -> None:
        """Flush a file, or a folder; None is the root."""
        if inode is not None and not inode.is_folder:
            inode.is_complete = True
            return
        number = 0 if inode is None else inode.number
        for change in self.changes:
            change.is_durable |= any(folder == number for folder, _, _ in change.entries)

    def after(self, is_there: Sequence[bool]) -> dict[int, dict[str, Inode]]:
        """The names on the disk if the pending changes for which `is_there` holds are on it."""
        names: dict[int, dict[str, Inode]] = {number: {} for number in self.names}
        pending = iter(is_there)
        for change in self.changes:
            if change.is_durable or next(pending):
                for folder, name, inode in change.entries:
                    _assign(names[folder], name, inode)
        return names


def _assign(names: dict[str, Inode], name: str, inode: Inode | None) -> None:
    if inode is None:
        names.pop(name, None)
    else:
        names[name] = inode


# The promise: what may stand under a final name.


def units(names: dict[int, dict[str, Inode]], folder: int = 0, above: str = "") -> Iterator[str]:
    """The final names: run folders, and files that are no part of a run. Hidden names are temporary."""
    is_run = MANIFEST in names[folder]
    for name, inode in names[folder].items():
        if name.startswith(".") or (is_run and name not in _LATER):
            continue
        if not inode.is_folder or MANIFEST in names[inode.number]:
            yield above + name
        if inode.is_folder:
            yield from units(names, inode.number, f"{above}{name}/")


def signature(names: dict[int, dict[str, Inode]], path: str) -> Signature:
    """The inodes of a file or of a run, each with whether it is complete; None if absent."""
    folder = 0
    *above, last = path.split("/")
    for part in above:
        inode = names[folder].get(part)
        if inode is None or not inode.is_folder:
            return None
        folder = inode.number
    return _signature(names, names[folder].get(last))


def _signature(names: dict[int, dict[str, Inode]], inode: Inode | None) -> Signature:
    if inode is None:
        return None
    inside = sorted(names[inode.number].items()) if inode.is_folder else []
    of_run = [(name, each) for name, each in inside if not name.startswith(".") and name not in _LATER]
    return inode.number, inode.is_complete, tuple((name, _signature(names, each)) for name, each in of_run)


def _is_complete(found: Signature) -> bool:
    return found is None or (found[1] and all(_is_complete(each) for _, each in found[2]))


def _state(found: Signature) -> str:
    return "missing" if found is None else "another version" if _is_complete(found) else "incomplete"


@dataclass
class Outcome:
    """The states examined and the sentences on those that break the promise."""

    operations: int = 0
    states: int = 0
    issues: list[str] = field(default_factory=list)


def examine(root: Path, before: Disk, events: Sequence[Sequence[str]], seed: int = 0) -> Outcome:
    """Replay the operations on the files of `before`, cut the power after each, and compare with what is promised."""
    final = _copy(before)
    versions: dict[str, set[Signature]] = {path: {signature(final.names, path)} for path in units(final.names)}
    for event in events:
        final.apply(*event)
        for path in units(final.names):
            versions.setdefault(path, {None})
            found = signature(final.names, path)
            if event[0] in {"rename", "exchange", "link"} and _is_complete(found):
                versions[path].add(found)
    for path, allowed in versions.items():
        if signature(final.names, path) is None:
            allowed.add(None)
    outcome, disk, rng = Outcome(), _copy(before), random.Random(seed)
    for n, event in enumerate(events, 1):
        disk.apply(*event)
        outcome.operations += 1
        is_end = n == len(events)
        for names in _states(disk, rng):
            outcome.states += 1
            for path, allowed in versions.items():
                found = signature(names, path)
                if found not in ({signature(final.names, path)} if is_end else allowed):
                    when = "after the end" if is_end else f"after operation {n} ({' '.join(event)})"
                    outcome.issues.append(f"{path} is {_state(found)} {when}".replace(str(root), "."))
            if len(outcome.issues) >= _MOST_ISSUES:
                return outcome
    return outcome


def _copy(disk: Disk) -> Disk:
    return Disk.of(disk.root) if not disk.changes else _replayed(disk)


def _replayed(disk: Disk) -> Disk:
    """A disk of equal initial files with inodes of its own."""
    copied = Disk(disk.root)
    made: dict[int, Inode] = {0: copied._new(is_folder=True)}
    for change in disk.changes:
        for folder, name, inode in change.entries:
            assert inode is not None
            made[inode.number] = copied._new(is_folder=inode.is_folder)
            copied._change([(made[folder].number, name, made[inode.number])], is_durable=True)
    return copied


def _states(disk: Disk, rng: random.Random) -> Iterator[dict[int, dict[str, Inode]]]:
    n = sum(not change.is_durable for change in disk.changes)
    yield disk.after([False] * n)
    if not n:
        return
    yield disk.after([True] * n)
    for k in rng.sample(range(n), min(n, _SINGLES)):
        yield disk.after([i == k for i in range(n)])
        yield disk.after([i != k for i in range(n)])
    for _ in range(_SELECTIONS):
        share = rng.random()
        yield disk.after([rng.random() < share for _ in range(n)])


def examined(desk: Path, arguments: Sequence[str]) -> tuple[int, Outcome]:
    """Record a command in the folder `desk` and examine its operations; returns its exit code too."""
    desk = desk.resolve()
    log = desk.with_name(desk.name + ".jsonl")
    temporary = desk / ".tmp"
    temporary.mkdir(exist_ok=True)
    before = Disk.of(desk)
    command = [sys.executable, "-m", "bench.power_loss", "--record", str(log), "--", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}
    code = subprocess.run(command, cwd=desk, env=environment, stdout=subprocess.DEVNULL, check=False).returncode
    events = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    log.unlink()
    return code, examine(desk, before, [event for event in events if _is_inside(event, desk)])


def _is_inside(event: Sequence[str], desk: Path) -> bool:
    return any(Path(path).is_relative_to(desk) for path in event[1:])


def main() -> int:
    """Print one JSON object; exit 1 if a state breaks the promise."""
    parser = argparse.ArgumentParser(prog="python -m bench.power_loss", description=__doc__.splitlines()[0])
    parser.add_argument("--record", type=Path, metavar="LOG", help=argparse.SUPPRESS)
    parser.add_argument("command", nargs="*", default=DEFAULT, help="a command and its options, after --")
    parser.add_argument("--first", metavar="COMMAND", action="append", default=[], help="run before, such as an `init`")
    options = parser.parse_args()
    if options.record:
        return record(options.record, options.command)
    desk = Path(tempfile.mkdtemp(prefix="ccs-model-power-")) / "desk"
    desk.mkdir()
    try:
        (desk / "small.yaml").write_text(SMALL_TEXT, encoding="utf-8")
        for first in options.first:
            subprocess.run([sys.executable, "-m", "ccs_model", *first.split()], cwd=desk, check=True)
        code, outcome = examined(desk, options.command)
    finally:
        shutil.rmtree(desk.parent, ignore_errors=True)
    sys.stdout.write(json.dumps({"exit_code": code, **outcome.__dict__}, indent=2) + "\n")
    return int(bool(outcome.issues))


if __name__ == "__main__":
    sys.exit(main())
