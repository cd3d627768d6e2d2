"""A workspace with a valid scenario and inventory, and the command line in this process.

After every command two rules are checked: no traceback is printed, and no earlier run is changed.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from ccs_model.cli import main
from tests.own_tables import works

SCENARIO = """\
name: Mine
plants: {inventory: [mine.csv]}
years: [2026, 2030]
transport: {shared_trunklines: false}
storage: {sites: [jinxian_sag]}
budget: {total_mn: 3000}
"""
EARLIER = "runs/earlier-01234567/plan.json"


@dataclass(frozen=True)
class CommandResult:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of stderr."""
        return self.err.splitlines()


@dataclass(frozen=True)
class Workspace:
    """A folder with a scenario, an inventory and an earlier run."""

    folder: Path

    def put(self, name: str, content: str | bytes) -> Path:
        """Write a file of the user."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def scenario(self, **changes: str) -> Path:
        """Write the valid scenario with changed lines; an empty value removes the line."""
        lines = {line.partition(":")[0]: line for line in SCENARIO.splitlines()}
        lines |= {key: f"{key}: {value}" for key, value in changes.items()}
        return self.put("s.yaml", "".join(f"{line}\n" for key, line in lines.items() if changes.get(key) != ""))

    def csv(self, rows: Sequence[Sequence[Any]], name: str = "mine.csv", sign: str = ",", end: str = "\n") -> Path:
        """Write rows as a CSV file in UTF-8."""
        return self.put(name, csv_text(rows, sign, end))

    def book(self, name: str = "mine.xlsx", **sheets: Sequence[Sequence[Any]]) -> Path:
        """Write sheets as a workbook, and a scenario that names it."""
        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(list(row))
        book.save(self.folder / name)
        self.scenario(plants=f"{{inventory: [{name}]}}")
        return self.folder / name

    def run(self, *words: str) -> CommandResult:
        """Run `ccs-model …` in this folder; no error is an internal one, and no earlier run changes."""
        before = _state(self.folder / "runs")
        answer = run_command(words, self.folder)
        assert "Traceback" not in answer.err + answer.out, answer.err
        assert "internal error" not in answer.err or answer.code == 1, answer.err
        after = _state(self.folder / "runs")
        assert {path: after.get(path) for path in before} == before
        if answer.code in (1, 2, 3, 6):
            assert after == before
        return answer

    def check(self) -> CommandResult:
        """`ccs-model check s.yaml`."""
        return self.run("check", "s.yaml")


def csv_text(rows: Sequence[Sequence[Any]], sign: str = ",", end: str = "\n") -> str:
    """Rows as CSV, nothing quoted."""
    return "".join(sign.join("" if cell is None else str(cell) for cell in row) + end for row in rows)


def run_command(words: Sequence[str], folder: Path) -> CommandResult:
    """Run the command line in this process; return its exit code and both streams."""
    out, err = io.StringIO(), io.StringIO()
    typed, sys.argv = sys.argv, ["ccs-model", *words]
    try:
        with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as ended:
        return CommandResult(int(ended.code or 0), out.getvalue(), err.getvalue())
    finally:
        sys.argv = typed
    raise AssertionError("the command line ends with SystemExit")


def _state(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A valid scenario with one plant of the user's own, and an earlier run."""
    created = Workspace(tmp_path)
    created.scenario()
    created.csv(works("M1"))
    created.put(EARLIER, "{}\n")
    return created


Report = Callable[..., str]


@pytest.fixture
def reported(workspace: Workspace) -> Report:
    """Check the scenario of the workspace, which must end with this exit code; return stderr."""

    def make(code: int = 3) -> str:
        answer = workspace.check()
        assert answer.code == code, answer.err or answer.out
        assert answer.out == ""
        return answer.err

    return make
