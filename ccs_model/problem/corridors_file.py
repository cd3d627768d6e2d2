"""The planner's own file of corridors: a CSV file whose column `link` names candidate links."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ccs_model.errors import Fault, InputError
from ccs_model.inputs import Inputs
from ccs_model.inputs.own_files import found, table_bytes
from ccs_model.scenario import Scenario
from ccs_model.scenario.own_tables import OwnTables
from ccs_model.scenario.scalars import shown

CORRIDORS = "transport.corridors"


def corridors_file(scenario: Scenario) -> Path | None:
    """The file, seen from the scenario's folder; None where the scenario names none."""
    name = scenario.transport.corridors
    return None if name in ("auto", "all") else OwnTables.of(scenario).folder / name


def corridor_rows(scenario: Scenario, inputs: Inputs, links: Sequence[str]) -> npt.NDArray[np.int64]:
    """Places among `links` of those that the file names; `links` is empty where lines are not shared.

    Raises FileError when it cannot be read, InputError with every line of it that is of no use.
    """
    asked, name = OwnTables.of(scenario), scenario.transport.corridors
    path = found(asked, CORRIDORS, name, allow_outside=inputs.allow_outside)
    raw = table_bytes(path, asked.where(CORRIDORS), name=name)
    try:
        rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    except UnicodeDecodeError as error:
        raise InputError([Fault(name, f"not UTF-8 text at byte {error.start}", "save it as CSV UTF-8")]) from error
    except csv.Error as error:
        raise InputError([Fault(name, f"not readable as CSV: {error}")]) from error
    if not rows or "link" not in rows[0]:
        raise InputError([Fault(f"{name}:1", "no column 'link'", "tables/flows.csv of a run has one")])
    at = {link: k for k, link in enumerate(links)}
    hint = "tables/links.csv of a run lists them"
    faults = [
        Fault(f"{name}:{line}", f"no candidate link '{shown(row['link'])}'", hint)
        for line, row in enumerate(rows, start=2)
        if row["link"] not in at
    ]
    if faults and at:
        raise InputError(faults)
    return np.unique(np.array([at[row["link"]] for row in rows if row["link"] in at], dtype=np.int64))
