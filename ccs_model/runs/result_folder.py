"""The folder of an answer that is no single plan: its document, its workbook and its tables as CSV.

It is written whole or not at all and recognised by its question, as a run folder is. The same answer gives the same
bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

import ccs_model
from ccs_model.plan.cache_key import RunKey
from ccs_model.plan.plan_json import csv_text
from ccs_model.report.workbook.plain_workbook import table_book
from ccs_model.runs.run_writer import MANIFEST, existing_run, write_files

Tables = Mapping[str, tuple[str, pd.DataFrame]]


def answer_in(folder: Path, key: RunKey, stem: str) -> str | None:
    """The document of an answer to the same question, as text, if `folder` holds it."""
    if existing_run(folder, key) is None:
        return None
    return (folder / f"{stem}.json").read_text(encoding="utf-8")


def write_answer(
    folder: Path,
    key: RunKey,
    stem: str,
    title: str,
    document: Mapping[str, Any],
    tables: Tables,
    *,
    force: bool = False,
) -> str:
    """Write `stem`.json, `stem`.xlsx, tables/*.csv and manifest.json, whole or not at all; the document as text.

    Raises FileError as write_files does.
    """
    sheets = [(_sheet_name(name), message, spoken(table)) for name, (message, table) in tables.items()]
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    files = {
        f"{stem}.json": text.encode(),
        f"{stem}.xlsx": table_book(title, sheets),
        **{f"tables/{name}.csv": csv_text(table).encode() for name, (_, table) in tables.items()},
    }
    manifest = {
        "schema": "ccs-model/manifest/2",
        "run_sha256": key.sha256,
        "outputs": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())},
        "versions": {"ccs-model": ccs_model.__version__},
    }
    files[MANIFEST] = (json.dumps(manifest, indent=1) + "\n").encode()
    write_files(files, folder, force=force)
    return text


def spoken(table: pd.DataFrame) -> pd.DataFrame:
    """The table with truths as yes and no, which a sheet has no other form for."""
    truths = [name for name in table if table[name].dtype == bool]
    return table.assign(**{name: table[name].map({True: "yes", False: "no"}) for name in truths})


def _sheet_name(name: str) -> str:
    return name.replace("_", " ").capitalize()
