"""The folder of an analysis result: its document, its workbook, its tables as CSV and a manifest.

It is written completely or not at all and is cached by its key, as a run folder is. Equal results give equal bytes.
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
from ccs_model.runs.folder_writer import MANIFEST, write_files
from ccs_model.runs.run_writer import MANIFEST_SCHEMA, cached_manifest

Tables = Mapping[str, tuple[str, pd.DataFrame]]


def cached_document(folder: Path, key: RunKey, stem: str) -> str | None:
    """Return the text of `stem`.json if `folder` holds the result of `key`, else None."""
    if cached_manifest(folder, key) is None:
        return None
    return (folder / f"{stem}.json").read_text(encoding="utf-8")


def write_result(
    folder: Path,
    key: RunKey,
    stem: str,
    title: str,
    document: Mapping[str, Any],
    tables: Tables,
    *,
    force: bool = False,
) -> str:
    """Write `stem`.json, `stem`.xlsx, tables/*.csv and manifest.json, and return the text of the document.

    `tables` holds a line of explanation and a table by name. Raises FileError as `write_files` does.
    """
    sheets = [(name.replace("_", " ").capitalize(), line, with_yes_no(table)) for name, (line, table) in tables.items()]
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    files = {
        f"{stem}.json": text.encode(),
        f"{stem}.xlsx": table_book(title, sheets),
        **{f"tables/{name}.csv": csv_text(table).encode() for name, (_, table) in tables.items()},
    }
    manifest = {
        "schema": MANIFEST_SCHEMA,
        "run_sha256": key.sha256,
        "outputs": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())},
        "versions": {"ccs-model": ccs_model.__version__},
    }
    files[MANIFEST] = (json.dumps(manifest, indent=1) + "\n").encode()
    write_files(files, folder, force=force)
    return text


def with_yes_no(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with booleans as "yes" and "no", for a sheet."""
    booleans = [name for name in table if table[name].dtype == bool]
    return table.assign(**{name: table[name].map({True: "yes", False: "no"}) for name in booleans})
