"""Sorts the sheets of Global Energy Monitor's workbooks: steel plants, their capacities, furnaces, chemical plants."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from ccs_model.errors import Fault
from ccs_model.inputs.cells import shown
from ccs_model.inputs.grid import Grid
from ccs_model.inputs.importers.gem_sheets import ASIDE, CAPACITIES, KIND_OF, PLANTS, has_chemicals
from ccs_model.inputs.workbook_grids import Book, workbook_grids

STEEL, CHEMICALS = "steel", "chemicals"
_KNOWN = (PLANTS.lower(), CAPACITIES.lower(), *KIND_OF)
_KEY_OF = {STEEL: "GIST", CHEMICALS: "GCI"}
_WORK_OF = {STEEL: "Global Iron and Steel Tracker", CHEMICALS: "Global Chemicals Inventory"}
_RELEASE = re.compile(
    r"(January|February|March|April|May|June|July|August|September|October|November|December)[\s_-]+(20\d\d)"
)
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


@dataclass
class GemSheets:
    """`steel` by the lower-case name of the sheet; `chemicals` are sheets of chemical plants, by file; `releases` is
    what the workbooks of either kind, or their names, say of when they came out."""

    steel: dict[str, list[Grid]] = field(default_factory=dict)
    chemicals: dict[str, list[Grid]] = field(default_factory=dict)
    releases: dict[str, str] = field(default_factory=dict)

    def reference(self, kind: str) -> tuple[str, str]:
        """(key, citation) of the release: the steel tracker's of September 2025 is GIST-2025-09."""
        key, release = _KEY_OF[kind], self.releases.get(kind, "")
        if release:
            month, year = release.split()
            key = f"{key}-{year}-{_MONTHS.index(month) + 1:02d}"
        return key, f"Global Energy Monitor, {_WORK_OF[kind]}, {release or 'release not stated'}"


def sorted_sheets(files: Sequence[tuple[str, bytes]], faults: list[Fault]) -> GemSheets:
    """The sheets of the workbooks of (name, bytes); what is not known and looks like it is a fault."""
    found = GemSheets()
    said: dict[str, list[str]] = {STEEL: [], CHEMICALS: []}
    for name, raw in files:
        book = workbook_grids(raw, name)
        faults += book.faults
        chemical = [
            grid for title, grid in book.sheets.items() if _plain_heading(title) not in ASIDE and has_chemicals(grid)
        ]
        if chemical:
            found.chemicals[name] = chemical
            faults += [fault for grid in chemical for fault in grid.faults]
        for title, grid in book.sheets.items():
            if grid not in chemical:
                _sort_steel(found, _plain_heading(title), grid, faults, is_alone=not chemical)
        kind = CHEMICALS if chemical else STEEL
        said[kind] = [*_about(book), *said[kind], name]
    for kind, words in said.items():
        found.releases[kind] = next((f"{at[1]} {at[2]}" for each in words if (at := _RELEASE.search(each))), "")
    return found


def _sort_steel(found: GemSheets, sheet: str, grid: Grid, faults: list[Fault], *, is_alone: bool) -> None:
    if sheet in _KNOWN:
        faults += grid.faults
        if sheet in found.steel and sheet not in KIND_OF:
            hint = "give one workbook of plants at a time"
            faults.append(Fault(grid.source.file, f"the sheet is in {found.steel[sheet][0].source.file} too", hint))
        found.steel.setdefault(sheet, []).append(grid)
    elif sheet not in ASIDE and is_alone:
        near = get_close_matches(sheet, _KNOWN, n=1)
        if near:
            faults.append(Fault(grid.source.file, "the sheet is not known", f"did you mean '{near[0]}'?"))


def _about(book: Book) -> list[str]:
    sheets: Mapping[str, Grid] = book.sheets
    words: list[str] = []
    for title, grid in sheets.items():
        if _plain_heading(title) == "about":
            words += [str(cell) for cell in grid.header] + [str(cell) for _, row in grid.rows for cell in row]
    return words


def no_plants(files: Sequence[tuple[str, bytes]], found: GemSheets) -> Fault | None:
    """What is wrong where neither the sheets of the steel tracker's plants nor chemical plants are there."""
    lacking = [each for each in (PLANTS, CAPACITIES) if each.lower() not in found.steel]
    is_any_steel = bool(found.steel) or not found.chemicals
    if not lacking or not is_any_steel:
        return None
    there = ", ".join(f"'{shown(grid.source.file)}'" for each in found.steel.values() for grid in each)
    named = " and ".join(f"'{each}'" for each in lacking)
    return Fault(files[0][0], f"no workbook has the sheet {named}", f"there: {there or 'nothing known'}")


def _plain_heading(title: str) -> str:
    return " ".join(title.lower().split())
