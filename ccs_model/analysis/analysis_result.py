"""What the analyses have in common: settings, tables, cache keys, and the request in the folder of one that resumes."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from ccs_model.atomic_files import has_files, write_atomic
from ccs_model.bounded_reading import parse_json, read_regular
from ccs_model.errors import FileError
from ccs_model.model.objective import unit_of
from ccs_model.model.terms import breakdown
from ccs_model.plan.cache_key import RunKey, run_key
from ccs_model.plan.decisions import Point
from ccs_model.plan.plan_json import plain, records
from ccs_model.problem import Problem
from ccs_model.problem.scenario_names import read_checked
from ccs_model.runs.run_reader import read_documents
from ccs_model.runs.run_writer import SCENARIO
from ccs_model.units import unit_with_money


@dataclass(frozen=True, eq=False)
class AnalysisResult(ABC):
    """Settings `about` and tables of an analysis."""

    schema: ClassVar[str]
    about: Mapping[str, Any]

    @abstractmethod
    def tables(self) -> dict[str, tuple[str, pd.DataFrame]]:
        """Each table with a heading, by name."""

    def to_dict(self) -> dict[str, Any]:
        """The schema, `about` and the rows of each table; unknown values are null."""
        rows = {name: records(table) for name, (_, table) in self.tables().items()}
        found: dict[str, Any] = plain({"schema": self.schema, **self.about, **rows})
        return found


def about_of(problem: Problem) -> dict[str, Any]:
    """Name, objective and money of a problem, the first settings of every analysis."""
    return {
        "scenario": problem.name,
        "objective_name": problem.objective,
        "unit": unit_with_money(unit_of(problem), problem.currency, problem.price_year),
        "currency": problem.currency,
        "price_year": problem.price_year,
    }


def amount_at(point: Point, terms: Callable[[Problem], Any]) -> float:
    """Sum of some terms of the model at a point."""
    return fsum(breakdown(terms(point.problem), point.values, point.shortfall_kt).values())


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """A document as a JSON file."""
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def read_json(path: Path) -> Any:
    """Content of a JSON file. Raises FileError if it cannot be read."""
    try:
        return parse_json(read_regular(path))
    except (OSError, ValueError) as error:
        raise FileError(f"{path}: cannot be read: {error}") from error


def question_key(
    requested: str | PathLike[str], asked: Sequence[object], what: str, *, allow_outside: bool = False
) -> RunKey:
    """Cache key of what is `asked` of a scenario or a run; `what` is the part of the folder name for it.

    Raises what reading the scenario or the run raises.
    """
    path = Path(requested)
    if path.is_dir():
        read_documents(path)
        path = path / SCENARIO
    own = run_key(*read_checked(path, allow_outside=allow_outside))
    sha = RunKey.of_text(json.dumps([own.sha256, *asked], default=list, ensure_ascii=False))
    return RunKey(sha, f"{own.slug}-{what}")


def write_request(path: Path, request: Mapping[str, Any], other: str, read: Callable[[Path], Any] = read_json) -> None:
    """Write a request with its `key` into the folder of an analysis, unless it is there already.

    Raises FileError if the folder holds another request, called `other`, or anything else.
    """
    folder = path.parent
    if path.is_file():
        if read(path).get("key") != request["key"]:
            raise FileError(f"{folder}: holds {other}; choose another --out")
        return
    if folder.exists() and (not folder.is_dir() or has_files(folder)):
        raise FileError(f"{folder}: is not empty; choose another --out")
    write_atomic(path, json_bytes(request))
