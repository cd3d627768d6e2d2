"""Inventories of the user's own: a CSV file, told by its header, or a workbook with sheets steel and chemicals."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ccs_model.errors import Fault
from ccs_model.inputs.cells import shown
from ccs_model.inputs.chinese import SHEETS
from ccs_model.inputs.csv_grid import csv_grid
from ccs_model.inputs.dictionary import Column
from ccs_model.inputs.grid import Grid
from ccs_model.inputs.headings import column_of, nearest
from ccs_model.inputs.own_workbooks import ASIDE
from ccs_model.inputs.source import Source
from ccs_model.inputs.table import Table, table_of
from ccs_model.inputs.workbook_grids import workbook_grids

SECTORS = ("steel", "chemicals")
# Shipped chemical plants that are read only when a scenario names them.
COAL_CHEMICALS = "coal_chemicals"
EXAMPLE = "EXAMPLE"
OWN_REFERENCE, OWN_QUALITY = "OWN", "reported"
OWN_NOTE = "reference and quality not given: taken as the user's own, reported"
_NAMED = 5

Declared = Mapping[str, Sequence[Column]]


@dataclass(frozen=True)
class Inventory:
    """What one file gave: tables of plants and perhaps of references. `name` is as the scenario writes it, `raw` the
    file as it was read."""

    name: str
    raw: bytes
    tables: tuple[Table, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def sha256(self) -> str:
        """The hash of the file."""
        return hashlib.sha256(self.raw).hexdigest()


def read_inventory(raw: bytes, name: str, declared: Declared) -> Inventory:
    """Read the bytes of a file that `plants.inventory` names; what is wrong comes back as faults."""
    if name.lower().endswith((".csv", ".txt", ".tsv")):
        tables, faults = _of_csv(raw, name, declared)
    else:
        tables, faults = _of_workbook(raw, name, declared)
    plants = [table for table in tables if table.name != "references"]
    faults += [fault for table in tables for fault in table.faults]
    if not faults and not sum(len(table.frame) for table in plants):
        faults = [Fault(name, "holds no plants", f"rows whose id starts with {EXAMPLE} are not read")]
    return Inventory(name, raw, tuple(tables), tuple(faults))


def _of_csv(raw: bytes, name: str, declared: Declared) -> tuple[list[Table], list[Fault]]:
    both = [column for sector in SECTORS for column in declared[f"plants/{sector}"]]
    grid = csv_grid(raw, Source(name, is_own=True), both)
    if grid.is_unreadable:
        return [], list(grid.faults)
    if not grid.header:
        return [], [Fault(name, "the file is empty, expected a header and a row for each plant")]
    headings = [heading for heading in grid.header if heading]
    known = {sector: _n_known(headings, declared[f"plants/{sector}"]) for sector in SECTORS}
    if 2 * max(known.values()) < len(headings):
        strays = [heading for heading in headings if column_of(heading, both) is None]
        near = [f"{shown(heading)}: {hint}" for heading in strays if (hint := nearest(heading, both))]
        hint = "; ".join(near[:_NAMED]) or "`ccs-model template FILE.xlsx` writes one to fill in"
        return [], [Fault(f"{name}:{grid.header_line}", "the header fits neither steel nor chemicals", hint)]
    # Where the header fits both alike, the table that misses the fewest columns.
    sector = max(SECTORS, key=lambda each: (known[each], -_n_missing(headings, declared[f"plants/{each}"])))
    return [_plants(grid, f"plants/{sector}", declared)], []


def _of_workbook(raw: bytes, name: str, declared: Declared) -> tuple[list[Table], list[Fault]]:
    book = workbook_grids(raw, name)
    if book.faults:
        return [], list(book.faults)
    tables: list[Table] = []
    strays: list[str] = []
    faults: list[Fault] = []
    for title, grid in book.sheets.items():
        sheet = _sheet(title)
        if grid.is_unreadable and sheet not in ASIDE:
            faults += grid.faults
        elif sheet in SECTORS and grid.header:
            tables.append(_plants(grid, f"plants/{sheet}", declared))
        elif sheet == "references" and grid.header:
            tables.append(
                table_of(
                    _without_examples(grid, "reference", declared["references"]), "references", declared["references"]
                )
            )
        elif sheet not in (*SECTORS, "references", *ASIDE):
            strays.append(title)
    if strays:
        named = ", ".join(f"'{shown(title)}'" for title in strays)
        hint = f"sheets are {', '.join(SECTORS)} and references; README, notes and lists are not read"
        faults.append(Fault(name, f"a sheet that is not known: {named}", hint))
    if not any(_sheet(title) in SECTORS for title in book.sheets):
        there = ", ".join(f"'{shown(title)}'" for title in book.sheets)
        faults = [Fault(name, "no sheet is named steel or chemicals", f"there: {there}")]
    return tables, faults


def _sheet(title: str) -> str:
    """The name of the sheet, in English if we know it."""
    name = title.strip().lower()
    return SHEETS.get(name, name)


def _plants(grid: Grid, name: str, declared: Declared) -> Table:
    """A table of plants in which reference and quality may be left out."""
    columns = [
        replace(column, required=False) if column.name in ("reference", "quality") else column
        for column in declared[name]
    ]
    return with_own_reference(table_of(_without_examples(grid, "plant", columns), name, columns))


def with_own_reference(table: Table) -> Table:
    """Rows that give neither reference nor quality are the user's own, reported, and say so."""
    frame = table.frame
    unsaid = (frame["reference"] == "") & (frame["quality"] == "")
    frame["note"] = frame["note"].mask(unsaid & (frame["note"] == ""), OWN_NOTE)
    frame["note"] = frame["note"].mask(unsaid & (frame["note"] != OWN_NOTE), frame["note"] + "; " + OWN_NOTE)
    frame["reference"] = frame["reference"].replace("", OWN_REFERENCE)
    frame["quality"] = frame["quality"].replace("", OWN_QUALITY)
    return table


def _without_examples(grid: Grid, key: str, columns: Sequence[Column]) -> Grid:
    """The rows that the user wrote: an example left in a template is no plant."""
    meant = [column_of(heading, columns) for heading in grid.header]
    names = [column.name if column else heading.lower() for heading, column in zip(grid.header, meant, strict=True)]
    if key not in names:
        return grid
    at = names.index(key)
    kept = [row for row in grid.rows if at >= len(row[1]) or not str(row[1][at]).upper().startswith(EXAMPLE)]
    return replace(grid, rows=tuple(kept))


def _n_known(headings: Sequence[str], columns: Sequence[Column]) -> int:
    return sum(column_of(heading, columns) is not None for heading in headings)


def _n_missing(headings: Sequence[str], columns: Sequence[Column]) -> int:
    there = {column.name for heading in headings if (column := column_of(heading, columns))}
    return sum(column.required and column.name not in there for column in columns)
