"""Tables of the user's own in a workbook: each sheet is named after its table, `sites` or `storage_sites`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from ccs_model.errors import Fault
from ccs_model.inputs.cells import shown
from ccs_model.inputs.dictionary import Column
from ccs_model.inputs.table import Table, table_of
from ccs_model.inputs.workbook_grids import workbook_grids

WORKBOOKS = (".xlsx", ".xlsm")
# Sheets for people, which are not read.
ASIDE = ("readme", "notes", "lists", "faults")


def workbook_tables(
    raw: bytes, file: str, declared: Mapping[str, Sequence[Column]]
) -> tuple[dict[str, Table], list[Fault]]:
    """(place of the sheet → table, what is wrong with the workbook). An empty sheet says nothing and is passed over."""
    book = workbook_grids(raw, file)
    tables: dict[str, Table] = {}
    faults = list(book.faults)
    for title, grid in book.sheets.items():
        if title.strip().lower() in ASIDE or not (grid.header or grid.faults):
            continue
        name = table_named(title, declared)
        if name is None:
            faults.append(Fault(f"{file}:{title}", f"'{shown(title)}' is not a table", _nearest(title, declared)))
        else:
            tables[grid.source.file] = table_of(grid, name, declared[name])
    return tables, faults


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
