"""The results in a folder: runs and analyses, each with its kind, date, status and headline, without any table."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ccs_model.bounded_reading import parse_json, read_regular_text
from ccs_model.errors import FileError, InputError, Issue
from ccs_model.report.summary import headline_of

# File that identifies a result → its kind. The folder of a frontier also holds plan.json, so that the order matters.
KINDS = {
    "montecarlo.json": "montecarlo",
    "frontier.json": "frontier",
    "plan.json": "run",
    "sweep.json": "sweep",
    "near_optimal.json": "near-optimal",
    "regret.json": "regret",
    "stochastic.json": "stochastic",
}
SWEEP_TABLES = ("sweep.csv", "sweep.partial.csv")
SWEEP_WARNINGS = "sweep.warnings.csv"


@dataclass(frozen=True)
class RunEntry:
    """A result folder: `objective` in `unit` with its gaps, and the result in a few words.

    `gap_share` is that over all candidate links, `searched_gap_share` that within the links searched.
    """

    name: str
    kind: str
    date: str
    scenario: str
    objective: float | None
    unit: str | None
    status: str
    gap_share: float | None
    headline: str
    searched_gap_share: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)


def text_of(path: Path) -> str:
    """Return the text of a file of a run. Raises FileError if it cannot be read, InputError if it is not UTF-8."""
    try:
        return read_regular_text(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError([Issue(str(path), "is not UTF-8 text")]) from error


def document_of(path: Path) -> dict[str, Any]:
    """Return a JSON object of a result folder. Raises FileError or InputError if it cannot be read."""
    try:
        found = parse_json(text_of(path).encode())
    except ValueError as error:
        raise InputError([Issue(str(path), f"is not JSON: {error}")]) from error
    if not isinstance(found, dict):
        raise InputError([Issue(str(path), "is not a JSON object")])
    return found


def kind_of(folder: Path) -> tuple[str, Path] | None:
    """Return the kind of a result folder and its main file; None if it is not a result."""
    return next(((kind, folder / name) for name, kind in KINDS.items() if (folder / name).is_file()), None)


def require_kind(folder: Path) -> tuple[str, Path]:
    """Return what `kind_of` returns. Raises FileError if there is no folder, InputError if it holds no result."""
    if not folder.is_dir():
        raise FileError(f"{folder}: no such run folder")
    if (found := kind_of(folder)) is None:
        hint = "give a folder that ccs-model wrote, such as runs/<scenario file>-<hash>; `ccs-model runs` lists them"
        raise InputError([Issue(str(folder), "is not a run", hint)])
    return found


def listed_runs(folder: Path) -> list[RunEntry]:
    """Return the results directly inside a folder, the newest first; other folders and damaged results are left out.

    Raises FileError if there is no such folder.
    """
    if not folder.is_dir():
        raise FileError(f"{folder}: no such folder")
    rows = []
    for each in sorted(folder.iterdir()):
        try:
            if (found := kind_of(each)) is not None:
                rows.append(_listed_run_of(each, *found))
        except (FileError, InputError, KeyError, TypeError, AttributeError):
            continue
    return sorted(rows, key=lambda row: row.date, reverse=True)


def sweep_rows(folder: Path) -> list[dict[str, str]]:
    """Return the rows of a sweep's table, that of a partial sweep if it is not complete; none before it has ended."""
    return next((_rows(folder / name) for name in SWEEP_TABLES if (folder / name).is_file()), [])


def sweep_warnings(folder: Path) -> list[dict[str, str]]:
    """Return the warnings of a sweep's plans, each with its scenarios."""
    return _rows(folder / SWEEP_WARNINGS) if (folder / SWEEP_WARNINGS).is_file() else []


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def status_counts(rows: list[dict[str, str]]) -> str:
    """Return the number of scenarios of each status, in words."""
    return ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in Counter(row["status"] for row in rows).items())


def _listed_run_of(folder: Path, kind: str, path: Path) -> RunEntry:
    document = document_of(path)
    date = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
    value, unit, status, gap, searched, text = None, None, "", None, None, ""
    if kind in ("run", "frontier"):
        plan = document if kind == "run" else document_of(folder / "plan.json")
        date = str(document_of(folder / "manifest.json")["finished"])
        objective = plan["objective"]
        value, unit = objective["value"], objective["unit"]
        gap, searched = objective["gap_share"], objective["searched_gap_share"]
        status, text = plan["status"], headline_of(plan)
        if kind == "frontier":
            text = f"{len(document['points'])} budgets; at the scenario's: {text}"
    else:
        text, value, gap = _analysis(folder, kind, document)
        unit = document.get("unit")
    return RunEntry(folder.name, kind, date, str(document["scenario"]), value, unit, status, gap, text, searched)


def _analysis(folder: Path, kind: str, document: Mapping[str, Any]) -> tuple[str, float | None, float | None]:
    """Return the headline of an analysis, and its objective and gap where it has them."""
    if kind == "montecarlo":
        n = len(document["no_regret"]["plants"])
        return f"{document['n_draws']:,} futures, {n} no-regret plant{'' if n == 1 else 's'}", None, None
    if kind == "sweep":
        n, rows = len(document["cases"]), sweep_rows(folder)
        return f"{n} scenarios: {status_counts(rows) or 'not finished'}", None, None
    if kind == "near-optimal":
        return f"plans within {document['within_share']:.2%} of the optimum", document["objective"], None
    if kind == "regret":
        names = {row["plan"]: row["name"] for row in document["plans"]}
        least = names.get(document["minimax_plan"], "no plan is feasible in every future")
        return f"{len(document['futures'])} futures; minimax regret: {least}", None, None
    return f"two-stage plan for {len(document['futures'])} futures", document.get("objective"), document["gap_share"]
