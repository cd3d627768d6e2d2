"""What a user has added to the folder of an earlier import, which the next import keeps."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ccs_model.errors import Issue, raise_issues
from ccs_model.importers.gem_chemicals import GivenCapacities
from ccs_model.inputs.csv_reader import csv_grid, table_bytes
from ccs_model.inputs.declarations import Grid, Source


def with_own_rows(
    out: Path, files: Mapping[str, bytes], *, keeps_tables: bool = False
) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """The files that replace those in `out`, with the references that the user added, and the names of tables kept.

    If the import `keeps_tables`, its empty tables replace none that the user has filled in.
    """
    written, kept = dict(files), []
    for name in [name for name in files if name.endswith(".csv") and (out / name).is_file()]:
        new, is_references = _grid(name, files[name]), name.endswith("references.csv")
        if not is_references and not (keeps_tables and not new.rows):
            continue
        there = _grid(str(out / name), table_bytes(out / name, str(out / name)))
        raise_issues(there.issues if there.is_unreadable else ())
        if is_references:
            written[name] += _added_rows(there, new)
        elif there.rows:
            del written[name]
            kept.append(name)
    return written, tuple(kept)


def _added_rows(there: Grid, new: Grid) -> bytes:
    """Rows of a table whose first column has no value of the new table, as CSV with the columns of the new one."""
    rows = [dict(zip(there.header, cells, strict=False)) for _, cells in there.rows]
    key, known = new.header[0], {cells[0] for _, cells in new.rows}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(
        [row.get(heading, "") for heading in new.header] for row in rows if row.get(key) not in {*known, "", None}
    )
    return text.getvalue().encode()


def discarded_capacities(path: Path, new: bytes) -> list[str]:
    """Plants with a capacity in the file of capacities at `path`, but not in the new one. Raises InputError."""
    if not path.is_file():
        return []
    issues: list[Issue] = []
    there, after = (
        {
            key
            for key, row in GivenCapacities.read((str(path), raw), issues).rows.items()
            if pd.notna(row["capacity_ktpa"])
        }
        for raw in (table_bytes(path, str(path)), new)
    )
    raise_issues(issues)
    return [f"{plant} {product}".strip() for plant, product in sorted(there - after)]


def _grid(name: str, raw: bytes) -> Grid:
    return csv_grid(raw, Source(name, is_own=True), ())
