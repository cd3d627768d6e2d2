"""The run folder of a question that no plan answers: what clashes and what would mend it, in words, and no plan."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import xlsxwriter

import ccs_model
from ccs_model.inputs import Inputs
from ccs_model.plan.cache_key import hashes, run_key
from ccs_model.plan.plan_json import SCHEMA
from ccs_model.report.workbook.cell_values import checked_text, quoted
from ccs_model.report.workbook.workbook import CREATED, OPTIONS
from ccs_model.runs.run_writer import MANIFEST, put_locked, question_files
from ccs_model.scenario import Scenario

SHEET = "Infeasible"
_LEAD = "No plan can keep every claim of this scenario. These clash; mending one line is enough."
_NONE = "No single claim mends it when it alone gives way."
_HEADINGS = ("Claim or key", "What clashes, and the least change that would do")
_WIDTHS = (32, 110)


def write_infeasible(
    conflicts: Sequence[str],
    scenario: Scenario,
    inputs: Inputs,
    folder: Path,
    *,
    force: bool = False,
    command: str = "",
) -> Path:
    """Write plan.json with the conflicts, a workbook with the sheet `Infeasible`, the question with the user's own
    files, and the manifest, whole or not.

    The folder's lock is held by whoever asks.
    """
    started = datetime.now(UTC).isoformat(timespec="seconds")
    text = json.dumps(_document(conflicts, scenario), ensure_ascii=False, indent=1) + "\n"
    files = {
        "plan.json": text.encode(),
        "plan.xlsx": infeasible_book(conflicts, scenario.name),
        **question_files(scenario, inputs),
    }
    manifest = {
        "schema": "ccs-model/manifest/2",
        "run_sha256": run_key(scenario, inputs).sha256,
        "scenario": scenario.name,
        "data_folder": inputs.folder_name,
        "inputs": hashes(scenario, inputs),
        "outputs": {n: hashlib.sha256(raw).hexdigest() for n, raw in sorted(files.items()) if not n.endswith("/")},
        "status": "infeasible",
        "command": command,
        "started": started,
        "finished": started,
        "versions": {"ccs-model": ccs_model.__version__, "highspy": metadata.version("highspy")},
    }

    files[MANIFEST] = (json.dumps(manifest, ensure_ascii=False, indent=1) + "\n").encode()
    return put_locked(files, folder, force=force)


def infeasible_book(conflicts: Sequence[str], name: str) -> bytes:
    """The workbook: a line a clash. The same conflicts give the same bytes."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, OPTIONS)
    book.set_properties({"title": name, "author": f"ccs-model {ccs_model.__version__}", "created": CREATED})
    sheet = book.add_worksheet(SHEET)
    bold, plain = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
    for column, width in enumerate(_WIDTHS):
        sheet.set_column(column, column, width)
    sheet.write_string(
        0, 0, checked_text(name, SHEET), book.add_format({"bold": True, "font_size": 16, **quoted(name)})
    )
    sheet.write_string(1, 0, _LEAD)
    for column, heading in enumerate(_HEADINGS):
        sheet.write_string(3, column, heading, bold)
    for row, words in enumerate(conflicts or (_NONE,), start=4):
        constraint = words.partition(":")[0] if ":" in words else ""
        for column, text in enumerate((constraint, words)):
            form = book.add_format({"text_wrap": True, "valign": "top", **quoted(text)}) if quoted(text) else plain
            sheet.write_string(row, column, checked_text(text, SHEET), form)
    sheet.freeze_panes(4, 0)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    book.close()
    return out.getvalue()


def _document(conflicts: Sequence[str], scenario: Scenario) -> dict[str, Any]:
    nothing = dict.fromkeys(("value", "bound", "gap_share", "all_links_bound", "unit"))
    return {
        "schema": SCHEMA,
        "scenario": scenario.name,
        "currency": scenario.currency,
        "price_year": scenario.price_year,
        "objective_name": scenario.objective,
        "decisions": scenario.capture.decisions,
        "status": "infeasible",
        "objective": nothing,
        "totals": {},
        "retrofits": [],
        "links": [],
        "storage": [],
        "zones": [],
        "terms": {},
        "costs": {},
        "conflicts": list(conflicts),
        "checks": [],
    }
