"""A finished run as its folder holds it: the answer, its tables, its map and its question, without solving or posing.

A plan in memory gives the same, so that what is written from either is equal.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from ccs_model.errors import FileError, InputError, Issue, NoPlanInRunError
from ccs_model.plan.cache_key import hashes, run_key
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import SCHEMA, csv_text, plan_dict
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.export.geojson import geojson_text
from ccs_model.report.export.json_documents import frontier_dict
from ccs_model.runs.run_writer import FRONTIER, MANIFEST, tables_of
from ccs_model.scenario import read_scenario
from ccs_model.units import unit_of

PLAN, SCENARIO, MAP, TABLES = "plan.json", "scenario.resolved.yaml", "map.geojson", "tables"
# The folder of a Monte Carlo: what it found, its futures one by one, and the run of the plan that it looked at.
FUTURES_DOCUMENT, FUTURES, FUTURES_PLAN = "montecarlo.json", "futures.csv", "plan"

# Ids are text even where they are all digits, and a plant may well be called NA.
_TEXT = frozenset(
    (
        "plant", "name", "name_zh", "province", "zone", "sector", "product", "stream", "technology", "size", "site",
        "heat_source", "pipe", "route", "link", "kind", "node_a", "node_b", "from_node", "from_name", "to_node",
        "to_name", "users", "facility", "term", "item", "stakeholder", "pollutant", "basin", "target",
    )
)  # fmt: skip
_GUARDED = ("'=", "'+", "'-", "'@", "'\t", "'\r")

# Keys that the schema gained: a run from before has none of them.
_GAINED: Mapping[str, Any] = MappingProxyType(
    {"corridors": None, "calibration": None, "owners": [], "stakeholders": [], "ledger": []}
)


def read_run(folder: str | PathLike[str]) -> StoredRun:
    """Read a run folder, or that of a Monte Carlo, which holds the run of its plan.

    Raises FileError where there is none or it cannot be read, InputError where it holds no run, NoPlanInRunError where
    it tells what clashes in place of a plan.
    """
    path = Path(folder)
    if not path.is_dir():
        raise FileError(f"{path}: no such run folder")
    if all((path / name).is_file() for name in (PLAN, SCENARIO, MANIFEST)):
        validate_has_plan(path, _json(path / PLAN))
    if (path / FUTURES_DOCUMENT).is_file() and (path / FUTURES_PLAN / PLAN).is_file():
        of_plan = read_run(path / FUTURES_PLAN)
        futures = {"futures": table_of(_text(path / FUTURES))} if (path / FUTURES).is_file() else {}
        return replace(
            of_plan, name=path.resolve().name, folder=path, uncertainty=_json(path / FUTURES_DOCUMENT),
            tables={**of_plan.tables, **futures},
        )  # fmt: skip
    missing = [name for name in (PLAN, SCENARIO, MAP, MANIFEST) if not (path / name).is_file()]
    if missing:
        hint = "give a folder that `ccs-model optimize` wrote, such as runs/<name>-<hash>"
        raise InputError([Issue(str(path), f"is no run: it holds no {', '.join(missing)}", hint)])
    document, manifest = _json(path / PLAN), _json(path / MANIFEST)
    if document.get("schema") != SCHEMA:
        raise InputError([Issue(str(path / PLAN), f"schema is '{document.get('schema')}', expected '{SCHEMA}'")])
    return StoredRun(
        name=path.resolve().name,
        document={**_GAINED, **document},
        tables={file.stem: table_of(_text(file)) for file in sorted((path / TABLES).glob("*.csv"))},
        map=_json(path / MAP),
        scenario=read_scenario(path / SCENARIO, allow_outside=True),
        inputs=dict(manifest.get("inputs", {})),
        sha256=str(manifest.get("run_sha256", "")),
        folder=path,
        frontier=_json(path / FRONTIER) if (path / FRONTIER).is_file() else None,
    )


def validate_has_plan(folder: Path, document: Mapping[str, Any]) -> None:
    """NoPlanInRunError where plan.json, `document`, tells what clashes."""
    if document.get("status") == "infeasible":
        raise NoPlanInRunError(str(folder))


def run_of(plan: Plan) -> StoredRun:
    """A plan in memory, as its run folder would be read back."""
    problem = plan.problem
    key = run_key(problem.scenario, problem.inputs)
    return StoredRun(
        name=key.folder_name,
        document=json.loads(json.dumps(plan_dict(plan))),
        tables={name: table_of(csv_text(table)) for name, table in sorted(tables_of(plan).items())},
        map=json.loads(geojson_text(plan)),
        scenario=problem.scenario,
        inputs=hashes(problem.scenario, problem.inputs),
        sha256=key.sha256,
        frontier=None if plan.frontier is None else frontier_dict(plan.frontier, problem.name),
    )


def table_of(text: str) -> pd.DataFrame:
    """A table of the run folder; text that was guarded against spreadsheets is as it was."""
    header = text.partition("\n")[0].split(",")
    as_text = {name: str for name in header if name in _TEXT}
    table = pd.read_csv(io.StringIO(text), dtype=as_text, keep_default_na=False, na_values=[""])
    for name in table.columns:
        if name in _TEXT:
            column = table[name].fillna("")
            guarded = column.str.startswith(_GUARDED)
            table[name] = column.where(~guarded, column.str[1:])
        elif unit_of(str(name)) is not None:
            table[name] = table[name].astype(float)
    return table


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError([Issue(str(path), "is not UTF-8 text")]) from error


def _json(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(_text(path))
    except ValueError as error:
        raise InputError([Issue(str(path), f"is not JSON: {error}")]) from error
    if not isinstance(read, dict):
        raise InputError([Issue(str(path), "is no JSON object")])
    return read
