"""The folder of an answer that is no single plan: its document, its workbook and its tables as CSV.

The document is written last, so that a folder that holds it holds all of it; the same answer gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ccs_model.errors import FileError
from ccs_model.report.run_folder import csv_text
from ccs_model.report.table_book import table_book
from ccs_model.report.whole_file import write_whole

Tables = Mapping[str, tuple[str, pd.DataFrame]]


def answer_in(folder: Path, stem: str) -> str | None:
    """The document of an answer that is there already, as text.

    Raises FileError where the folder holds something else.
    """
    if (folder / f"{stem}.json").is_file():
        return (folder / f"{stem}.json").read_text(encoding="utf-8")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileError(f"{folder}: already holds something; choose another --out")
    return None


def write_answer(folder: Path, stem: str, title: str, document: Mapping[str, Any], tables: Tables) -> Path:
    """Write `stem`.xlsx, tables/*.csv and `stem`.json. Raises FileError."""
    sheets = [(_sheet_name(name), said, spoken(table)) for name, (said, table) in tables.items()]
    write_whole(folder / f"{stem}.xlsx", table_book(title, sheets))
    for name, (_, table) in tables.items():
        write_whole(folder / "tables" / f"{name}.csv", csv_text(table).encode())
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    return write_whole(folder / f"{stem}.json", text.encode())


def spoken(table: pd.DataFrame) -> pd.DataFrame:
    """The table with truths as yes and no, which a sheet has no other form for."""
    truths = [name for name in table if table[name].dtype == bool]
    return table.assign(**{name: table[name].map({True: "yes", False: "no"}) for name in truths})


def _sheet_name(name: str) -> str:
    return name.replace("_", " ").capitalize()
