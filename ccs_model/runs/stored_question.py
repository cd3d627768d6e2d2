"""A run folder read back: its plan.json, and its question posed again from its own scenario and tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from ccs_model.errors import FileError, InputError, Issue
from ccs_model.inputs import Inputs
from ccs_model.plan.cache_key import hashes
from ccs_model.plan.plan_json import SCHEMA
from ccs_model.problem import Problem, build_problem
from ccs_model.problem.scenario_names import read_checked
from ccs_model.runs.run_reader import validate_has_plan
from ccs_model.scenario import Scenario

PLAN, SCENARIO, MANIFEST = "plan.json", "scenario.resolved.yaml", "manifest.json"
_SHOWN = 8


@dataclass(frozen=True, eq=False)
class Run:
    """`document` is plan.json; `problem` is the question it answers."""

    folder: Path
    document: Mapping[str, Any]
    problem: Problem

    @property
    def retrofits(self) -> pd.DataFrame:
        """One row a retrofit, as the plan has them; empty where nothing is built."""
        return pd.DataFrame(self.document["retrofits"])


def read_run(folder: str | PathLike[str]) -> Run:
    """Read a run folder.

    FileError where there is none or it cannot be read; InputError where it holds no run, or one of other tables;
    NoPlanInRunError where it tells what clashes in place of a plan.
    """
    path, document, manifest = read_answer(folder)
    scenario, inputs = read_checked(path / SCENARIO)
    _validate_tables(path, manifest, scenario, inputs)
    return Run(path, document, build_problem(scenario, inputs))


def read_answer(folder: str | PathLike[str]) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """A run folder, its plan.json and its manifest.json. Raises as `read_run`, but for other tables."""
    path = Path(folder)
    if not path.exists():
        raise FileError(f"{path}: no such run folder")
    missing = [name for name in (PLAN, SCENARIO, MANIFEST) if not (path / name).is_file()]
    if missing:
        hint = "give a folder that `ccs-model optimize` wrote, such as runs/<name>-<hash>"
        raise InputError([Issue(str(path), f"is no run: it holds no {', '.join(missing)}", hint)])
    document, manifest = _json(path / PLAN), _json(path / MANIFEST)
    if document.get("schema") != SCHEMA:
        raise InputError([Issue(str(path / PLAN), f"schema is '{document.get('schema')}', expected '{SCHEMA}'")])
    validate_has_plan(path, document)
    return path, document, manifest


def plant_of(problem: Problem, text: str) -> str:
    """The id of the plant that `text` names: by its id, or by a name that only one plant of the run has.

    Raises InputError that names the nearest, or all that could be meant.
    """
    plants = problem.plants
    if text in set(plants["plant"]):
        return text
    message = text.strip().casefold()
    names = [plants[name].fillna("").astype(str).str.strip().str.casefold() for name in ("plant", "name", "name_zh")]
    same = pd.concat([each == message for each in names], axis=1).any(axis=1)
    within = pd.concat([each.str.contains(message, regex=False) for each in names], axis=1).any(axis=1) & (
        message != ""
    )
    for found in (plants[same], plants[within]):
        if len(found) == 1:
            return str(found["plant"].iloc[0])
        if len(found):
            some = [f"{row.plant} {row.name}" for row in found.head(_SHOWN).itertuples(index=False)]
            more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            raise InputError([Issue("PLANT", f"'{text}' may be {len(found)} plants", "; ".join(some) + more)])
    raise InputError([Issue("PLANT", *_unknown(problem, text, message))])


def _unknown(problem: Problem, text: str, message: str) -> tuple[str, str]:
    """What is wrong with a name that no plant of the run has, and the nearest that one has."""
    inputs, plants = problem.inputs, problem.plants
    for table in (inputs["plants/steel"], inputs.plants_of("chemicals"), inputs["plants/sources"]):
        there = table[(table["plant"].str.casefold() == message) | (table["name"].str.casefold() == message)]
        if len(there):
            row = there.iloc[0]
            what = f"'{text}' is in the tables ({row['province']}, {row['status']}) but is no plant of this run"
            return what, f"it looks at operating plants of {', '.join(problem.zones)}"
    by_text = {str(value): str(row.plant) for row in plants.itertuples() for value in (row.plant, row.name)}
    folded = {value.casefold(): value for value in by_text}
    near = get_close_matches(message, list(folded), n=1)
    if not near:
        return f"no plant '{text}' in this run", "ids and names stand in the workbook, sheet Plants"
    meant = folded[near[0]]
    return f"no plant '{text}' in this run", f"did you mean '{meant}' ({by_text[meant]})?"


def _json(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError([Issue(str(path), f"is not JSON: {error}")]) from error
    if not isinstance(read, dict):
        raise InputError([Issue(str(path), "is no JSON object")])
    return read


def _validate_tables(path: Path, manifest: Mapping[str, Any], scenario: Scenario, inputs: Inputs) -> None:
    """A plan is explained by the tables that it was made from; files of one's own lie in the run folder."""
    was = {name: sha for name, sha in manifest.get("inputs", {}).items() if not name.startswith("own:")}
    now = {name: sha for name, sha in hashes(scenario, inputs).items() if not name.startswith("own:")}
    changed = sorted(name for name in was.keys() | now.keys() if was.get(name) != now.get(name))
    if changed:
        some = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
        hint = "make the run again with ccs-model optimize, then explain that"
        raise InputError([Issue(str(path), f"was made from other tables than those of today: {some}", hint)])
