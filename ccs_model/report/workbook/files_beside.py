"""The files of the user that a workbook names: those that are missing beside it, and tables that have changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from ccs_model.errors import Issue
from ccs_model.plan.cache_key import OWN
from ccs_model.scenario import Scenario
from ccs_model.scenario.sections import OwnTables
from ccs_model.scenario.yaml_document import full_path

# Start of the names of own files in lists of hashes, and the two of them that are named by their purpose.
_MARK = "own:"
_CORRIDORS, _CALIBRATION = f"{_MARK}corridors", f"{_MARK}calibration"
# The number that a copy of a file or folder has whose name another copy has.
_NUMBER = re.compile(r"^([^/]+?)-[0-9]+(?=\.[^./]*$|/|$)")


def missing_files(path: Path, shown: str, scenario: Scenario) -> Iterator[Issue]:
    """An issue for each file of the user that the scenario names and that is not beside the workbook."""
    own = OwnTables.of(scenario)
    corridors = scenario.transport.corridors
    named = [
        *(name for _, name in own.files), own.data, own.terrain, scenario.calibration.file,
        corridors if corridors not in ("auto", "all") else None,
    ]  # fmt: skip
    for name in dict.fromkeys(filter(None, named)):
        there = path.parent / name
        if not there.exists():
            what = f"the plan was solved with your own file {name}, which is not at {full_path(there)}"
            hint = f"copy the folder {OWN} of the run folder beside the workbook"
            yield Issue(f"{shown}:RunLog", what, hint)


def changed_tables(
    stored: Mapping[str, str], now: Mapping[str, str], solved: Scenario, scenario: Scenario
) -> list[str]:
    """Return the names of tables that are not those of the solved plan.

    `stored` and `now` hold SHA-256 by name. An own table is stored under the name that it was first read by, and is
    now read from its copy in the run folder. Files that an edit of the scenario names or drops are no changes.
    """
    changed = {name for name, sha256 in stored.items() if now.get(name, sha256) != sha256}
    own = {name: sha256 for name, sha256 in stored.items() if _is_own_table(name)}
    named = {name for _, name in OwnTables.of(solved).files} | {solved.data, solved.transport.terrain}
    dropped = set(own)
    for name, sha256 in now.items():
        if not _is_own_table(name):
            continue
        known = {name} if name in own else {each for each in own if _is_copy(name, each)}
        dropped -= known
        of_folder = solved.data is not None and name.startswith(f"{_MARK}{solved.data}/")
        if (known or of_folder) and (of_folder or name.removeprefix(_MARK) in named):
            changed -= known
            if sha256 not in {own[each] for each in known}:
                changed.add(name)
    is_same = all(
        one == other
        for one, other in (
            (solved.plants.inventory, scenario.plants.inventory),
            (solved.data, scenario.data),
            (solved.transport.terrain, scenario.transport.terrain),
        )
    )
    files = {_CORRIDORS: scenario.transport.corridors, _CALIBRATION: scenario.calibration.file or _CALIBRATION}
    return sorted(files.get(name, name).removeprefix(_MARK) for name in changed | (dropped if is_same else frozenset()))


def _is_own_table(name: str) -> bool:
    return name.startswith(_MARK) and name not in (_CORRIDORS, _CALIBRATION)


def _is_copy(name: str, original: str) -> bool:
    """Whether a name in a run folder is that of the copy of an original."""
    copy = name.removeprefix(_MARK).removeprefix(f"{OWN}/")
    first = original.removeprefix(_MARK).replace("\\", "/")
    return any(first == each or first.endswith(f"/{each}") for each in (copy, _NUMBER.sub(r"\1", copy)))
