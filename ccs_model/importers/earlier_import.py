"""What a user has added to the folder of an earlier import, which the next import keeps."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

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
        there, new = _grid(str(out / name), table_bytes(out / name, str(out / name))), _grid(name, files[name])
        if keeps_tables and there.rows and not new.rows:
            del written[name]
            kept.append(name)
        elif name.endswith("references.csv") and there.header == new.header:
            known = {cells[0] for _, cells in new.rows}
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(cells for _, cells in there.rows if cells[0] not in known)
            written[name] += text.getvalue().encode()
    return written, tuple(kept)


def discarded_capacities(path: Path, new: bytes) -> list[str]:
    """Plants with a capacity in the file of capacities at `path`, but not in the new one."""
    if not path.is_file():
        return []
    there, after = (
        {key for key, row in GivenCapacities.read((str(path), raw), []).rows.items() if pd.notna(row["capacity_ktpa"])}
        for raw in (table_bytes(path, str(path)), new)
    )
    return [f"{plant} {product}".strip() for plant, product in sorted(there - after)]


def _grid(name: str, raw: bytes) -> Grid:
    return csv_grid(raw, Source(name, is_own=True), ())
