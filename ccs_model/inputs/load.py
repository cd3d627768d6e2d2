"""Loads the shipped tables into `Inputs`, the frozen statement of what is true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from ccs_model.errors import InputError
from ccs_model.inputs.checks import CHECKS
from ccs_model.inputs.dictionary import read_dictionary
from ccs_model.inputs.table import read_table
from ccs_model.paths import data_folder, data_folder_name


@dataclass(frozen=True)
class Inputs:
    """The tables, by name (`plants/steel`); every row with its reference and quality. Do not change the frames."""

    tables: Mapping[str, pd.DataFrame]
    sha256: Mapping[str, str]
    folder_name: str

    def __getitem__(self, table: str) -> pd.DataFrame:
        return self.tables[table]

    def factor(self, name: str) -> float:
        """One number of streams/factors, by its name."""
        table = self["streams/factors"]
        return float(table.loc[table["factor"] == name, "value"].iloc[0])

    def limit(self, name: str) -> float:
        """One number of transport/limits, by its name."""
        table = self["transport/limits"]
        return float(table.loc[table["limit"] == name, "value"].iloc[0])


def load_inputs(*, folder: Path | None = None) -> Inputs:
    """Read and check every table of `folder` (the shipped data by default); all faults of all are raised at once."""
    root = folder or data_folder()
    tables = [read_table(root, name, columns) for name, columns in read_dictionary(root).items()]
    faults = [fault for table in tables for fault in table.faults]
    frames = {table.name: table.frame for table in tables}
    if not faults:
        # Checks across tables assume that each table by itself is sound.
        faults = [fault for check in CHECKS for fault in check(frames)]
    if faults:
        raise InputError(sorted(faults))
    return Inputs(
        tables=MappingProxyType(frames),
        sha256=MappingProxyType({f"{table.name}.csv": table.sha256 for table in tables}),
        folder_name=data_folder_name() if folder is None else folder.name,
    )
