"""A folder of the user's own tables: CSV files laid out like data/ (storage/sites.csv), and workbooks of any name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

from ccs_model.errors import FileError, Issue
from ccs_model.inputs.cells import shown
from ccs_model.inputs.checked_table import Table, table_of
from ccs_model.inputs.chinese import SHEETS
from ccs_model.inputs.csv_reader import csv_grid, table_bytes
from ccs_model.inputs.declarations import Column, Grid, Source
from ccs_model.inputs.excel_reader import workbook_grids
from ccs_model.inputs.headings import column_of, nearest
from ccs_model.inputs.table_checks import rows_that_repeat
from ccs_model.paths import data_folder
from ccs_model.scenario.yaml_document import full

# Tables of the user's own in a workbook: each sheet is named after its table, `sites` or `storage_sites`.

WORKBOOKS = (".xlsx", ".xlsm")
# Sheets for people, which are not read.
ASIDE = ("readme", "notes", "lists", "faults")


def workbook_tables(
    raw: bytes, file: str, declared: Mapping[str, Sequence[Column]]
) -> tuple[dict[str, Table], list[Issue]]:
    """(place of the sheet → table, what is wrong with the workbook). An empty sheet says nothing and is passed over."""
    book = workbook_grids(raw, file)
    tables: dict[str, Table] = {}
    issues = list(book.issues)
    for title, grid in book.sheets.items():
        if title.strip().lower() in ASIDE or not (grid.header or grid.issues):
            continue
        name = table_named(title, declared)
        if name is None:
            issues.append(Issue(f"{file}:{title}", f"'{shown(title)}' is not a table", _nearest(title, declared)))
        else:
            tables[grid.source.file] = table_of(grid, name, declared[name])
    return tables, issues


def table_named(title: str, declared: Mapping[str, Sequence[Column]]) -> str | None:
    """The table that a sheet is named after, with or without its folder; `_` stands for the slash no sheet may have."""
    found = _sheet_table(title, declared)
    return found[0] if len(found) == 1 else None


def _sheet_table(title: str, declared: Mapping[str, Sequence[Column]]) -> list[str]:
    whole = [name for name in declared if _word(name) == _word(title)]
    return whole or [name for name in declared if _word(name.rpartition("/")[2]) == _word(title)]


def _nearest(title: str, declared: Mapping[str, Sequence[Column]]) -> str:
    if several := _sheet_table(title, declared):
        return f"name it {' or '.join(map(_word, several))}"
    words = [_word(each) for name in declared for each in (name.rpartition("/")[2], name)]
    near = get_close_matches(_word(title)[:80], words, n=1)
    return f"did you mean '{near[0]}'?" if near else "sheets are named after tables; `ccs-model data` lists them"


def _word(title: str) -> str:
    return re.sub(r"[\s/.-]+", "_", title.strip().lower())


INSTEAD = "instead.txt"
_MOST_FILES = 200
_FOR_PEOPLE = (".md", ".txt")
_OTHER_WORKBOOKS = (".xls", ".xlsb", ".ods")


@dataclass(frozen=True)
class OwnFolder:
    """The tables of the folder; those named in `instead` are taken in place of ours, the others laid over them.

    `files` are the files that were taken, by their name inside the folder, as they were when they were read.
    """

    tables: tuple[Table, ...] = ()
    instead: frozenset[str] = frozenset()
    name: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    issues: tuple[Issue, ...] = ()

    @property
    def sha256(self) -> dict[str, str]:
        """The hash of each file, by its name as the scenario would write it."""
        return {f"{self.name}/{inner}": hashlib.sha256(raw).hexdigest() for inner, raw in self.files.items()}


def read_own_folder(
    folder: Path, name: str, where: str, declared: Mapping[str, Sequence[Column]], inside: Path | None
) -> OwnFolder:
    """Read the folder that the scenario calls `name`; every file must lie in `inside`, links followed, if given."""
    if not folder.is_dir():
        what = "it is a file, expected a folder" if folder.exists() else "no such folder"
        raise FileError(f"{where}: cannot read {full(folder)}: {what}")
    prefix = name.rstrip("/\\")
    tables: dict[str, Table] = {}
    files: dict[str, bytes] = {}
    issues: list[Issue] = []
    instead: list[tuple[int, str]] = []
    for path in _files(folder, where):
        inner = path.relative_to(folder).as_posix()
        place = f"{prefix}/{inner}"
        if inside is not None and not path.resolve().is_relative_to(inside.resolve()):
            issues.append(Issue(place, "lies outside the scenario's folder", "allow it with --allow-outside"))
            continue
        if inner != INSTEAD and path.suffix.lower() in _FOR_PEOPLE:
            continue
        raw = table_bytes(path, where, name=place)
        if inner != INSTEAD and _is_ours(inner, raw):
            continue
        files[inner] = raw
        table = inner[: -len(path.suffix)] if path.suffix else inner
        if inner == INSTEAD:
            instead = _named(raw.decode("utf-8-sig", errors="replace"))
        elif path.suffix.lower() == ".csv" and table in declared:
            grid = csv_grid(raw, Source(place, is_own=True), declared[table])
            tables[place] = table_of(grid, table, declared[table])
        elif path.suffix.lower() in WORKBOOKS:
            sheets, wrong = workbook_tables(raw, place, declared)
            tables |= sheets
            issues += wrong
        else:
            issues.append(Issue(place, "is not a table", _hint(table, path.suffix.lower(), declared)))
    for table_read in tables.values():
        issues += table_read.issues or rows_that_repeat(table_read.name, table_read.frame)
    issues += _given_twice(tables)
    issues += _strays(instead, prefix, {table.name for table in tables.values()}, declared)
    return OwnFolder(tuple(tables.values()), frozenset(each for _, each in instead), prefix, files, tuple(issues))


def _files(folder: Path, where: str) -> list[Path]:
    """Every file below the folder but those that editors and systems leave behind."""
    found = []
    for path in sorted(folder.rglob("*")):
        if any(part.startswith((".", "~$")) for part in path.relative_to(folder).parts) or path.is_dir():
            continue
        found.append(path)
        if len(found) > _MOST_FILES:
            raise FileError(f"{where}: {full(folder)} holds more than {_MOST_FILES} files, expected a folder of tables")
    return found


def _hint(table: str, suffix: str, declared: Mapping[str, Sequence[Column]]) -> str:
    """How to make a table of a file that is none."""
    if suffix in _OTHER_WORKBOOKS:
        return "save it as an Excel workbook (.xlsx)"
    near = get_close_matches(table, list(declared), n=1)
    return f"did you mean '{near[0]}.csv'?" if near else "`ccs-model data` lists the tables"


def _given_twice(tables: Mapping[str, Table]) -> list[Issue]:
    """A table stands in one file or on one sheet: which of two should be laid over the other nobody could tell."""
    first: dict[str, str] = {}
    issues = []
    for place, table in tables.items():
        before = first.setdefault(table.name, place)
        if before != place:
            issues.append(Issue(place, f"{table.name} is given already in {before}", "keep one of the two"))
    return issues


def _is_ours(inner: str, raw: bytes) -> bool:
    """Whether the file is a plain copy of a shipped one, which says nothing new."""
    ours = data_folder() / inner
    return ours.is_file() and ours.read_bytes() == raw


def _named(text: str) -> list[tuple[int, str]]:
    """(line, table) of each line that is not empty or a comment."""
    lines = enumerate(text.splitlines(), start=1)
    named = [(number, line.partition("#")[0].strip().removesuffix(".csv")) for number, line in lines]
    return [(number, table) for number, table in named if table]


def _strays(
    instead: list[tuple[int, str]], prefix: str, there: set[str], declared: Mapping[str, Sequence[Column]]
) -> list[Issue]:
    issues = []
    for number, table in instead:
        if table not in there:
            near = get_close_matches(table, list(declared), n=1)
            what = "has no file of its own in this folder" if table in declared else "is not a table"
            hint = f"add {table}.csv" if table in declared else f"did you mean '{near[0]}'?" if near else ""
            issues.append(Issue(f"{prefix}/{INSTEAD}:{number}", f"'{shown(table)}' {what}", hint))
    return issues


# Inventories of the user's own: a CSV file, told by its header, or a workbook with sheets steel and chemicals.

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
    """Tables of one file: plants, and references if it has them.

    `name` is the name in the scenario, `raw` the content of the file.
    """

    name: str
    raw: bytes
    tables: tuple[Table, ...] = ()
    issues: tuple[Issue, ...] = ()

    @property
    def sha256(self) -> str:
        """The hash of the file."""
        return hashlib.sha256(self.raw).hexdigest()


def read_inventory(raw: bytes, name: str, declared: Declared) -> Inventory:
    """Read the bytes of a file that `plants.inventory` names; what is wrong comes back as faults."""
    if name.lower().endswith((".csv", ".txt", ".tsv")):
        tables, issues = _of_csv(raw, name, declared)
    else:
        tables, issues = _of_workbook(raw, name, declared)
    plants = [table for table in tables if table.name != "references"]
    issues += [issue for table in tables for issue in table.issues]
    if not issues and not sum(len(table.frame) for table in plants):
        issues = [Issue(name, "holds no plants", f"rows whose id starts with {EXAMPLE} are not read")]
    return Inventory(name, raw, tuple(tables), tuple(issues))


def _of_csv(raw: bytes, name: str, declared: Declared) -> tuple[list[Table], list[Issue]]:
    both = [column for sector in SECTORS for column in declared[f"plants/{sector}"]]
    grid = csv_grid(raw, Source(name, is_own=True), both)
    if grid.is_unreadable:
        return [], list(grid.issues)
    if not grid.header:
        return [], [Issue(name, "the file is empty, expected a header and a row for each plant")]
    headings = [heading for heading in grid.header if heading]
    known = {sector: _n_known(headings, declared[f"plants/{sector}"]) for sector in SECTORS}
    if 2 * max(known.values()) < len(headings):
        strays = [heading for heading in headings if column_of(heading, both) is None]
        near = [f"{shown(heading)}: {hint}" for heading in strays if (hint := nearest(heading, both))]
        hint = "; ".join(near[:_NAMED]) or "`ccs-model template FILE.xlsx` writes one to fill in"
        return [], [Issue(f"{name}:{grid.header_line}", "the header fits neither steel nor chemicals", hint)]
    # Where the header fits both alike, the table that misses the fewest columns.
    sector = max(SECTORS, key=lambda each: (known[each], -_n_missing(headings, declared[f"plants/{each}"])))
    return [_plants(grid, f"plants/{sector}", declared)], []


def _of_workbook(raw: bytes, name: str, declared: Declared) -> tuple[list[Table], list[Issue]]:
    book = workbook_grids(raw, name)
    if book.issues:
        return [], list(book.issues)
    tables: list[Table] = []
    strays: list[str] = []
    issues: list[Issue] = []
    for title, grid in book.sheets.items():
        sheet = _sheet(title)
        if grid.is_unreadable and sheet not in ASIDE:
            issues += grid.issues
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
        issues.append(Issue(name, f"a sheet that is not known: {named}", hint))
    if not any(_sheet(title) in SECTORS for title in book.sheets):
        there = ", ".join(f"'{shown(title)}'" for title in book.sheets)
        issues = [Issue(name, "no sheet is named steel or chemicals", f"there: {there}")]
    return tables, issues


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
