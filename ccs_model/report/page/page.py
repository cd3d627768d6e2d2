"""A run as one HTML file: no network, no path, no time of day, so that the same run gives the same bytes.

What a page may do is told to the browser: run its own two scripts, which it knows by their hashes, and load nothing.
"""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from pathlib import Path
from typing import Any

import ccs_model
from ccs_model.atomic_files import write_atomic
from ccs_model.inputs import load_inputs
from ccs_model.plan.cache_key import hashes
from ccs_model.plan.plan_json import plain, records
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.page import page_sections as sections
from ccs_model.report.page.budget_slider import frontier
from ccs_model.report.page.charts import programs
from ccs_model.report.page.html import Words, safe
from ccs_model.report.page.map import outlines_of
from ccs_model.report.page.uncertainty_section import uncertainty
from ccs_model.report.tables_in_use import references_in_use, rows_in_use

REPORT = "report.html"
_NO_SCRIPT = "The charts need JavaScript; their numbers stand in the tables and the workbook."


def write_page(run: StoredRun, path: Path | None = None, *, lang: str = "en", basemap: str | None = None) -> Path:
    """Write the page, into the run folder unless told where. Raises FileError and what `page_text` raises."""
    target = path or (run.folder or Path(run.name)) / REPORT
    return write_atomic(target, page_text(run, lang=lang, basemap=basemap).encode())


def page_text(run: StoredRun, *, lang: str = "en", basemap: str | None = None) -> str:
    """The whole file. `basemap` is a GeoJSON file to draw in place of the shipped provinces, or `none`.

    Raises InputError where the basemap, or a table of the run's own, cannot be used.
    """
    words, outlines = Words(lang), outlines_of(basemap)
    references, note = _references(run)
    made = (
        f"Run {run.name} · ccs-model {ccs_model.__version__} · {run.money}, real · "
        "the same numbers as plan.xlsx and plan.json of the run folder"
    )
    body = "\n".join(
        [
            f"<header>{sections.heading(run, words)}</header>",
            "<main>",
            f"<noscript><p>{safe(words.message(_NO_SCRIPT))}</p></noscript>",
            sections.the_map(run, words, outlines),
            sections.timeline(run, words),
            sections.built(run, words),
            sections.cost_curve(run, words),
            frontier(run, words, outlines),
            uncertainty(run, words),
            sections.zones(run, words),
            sections.stakeholders(run, words),
            sections.owners(run, words),
            sections.sources(words, references),
            f"<p class=note>{safe(words.message(note))}</p>" if note else "",
            "</main>",
            f"<footer>{safe(words.message(made))}</footer>",
        ]
    )
    scripts = (programs(), _part("page.js"))
    allowed = " ".join(f"'sha256-{_hash(script)}'" for script in scripts)
    policy = (
        f"default-src 'none'; script-src {allowed} 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        f'<!DOCTYPE html>\n<html lang="{words.tag}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{safe(run.document["scenario"])}</title>\n<link rel=icon href="data:,">\n'
        f"<style>\n{_part('page.css')}</style>\n</head>\n<body>\n{body}\n"
        + "".join(f"<script>{script}</script>\n" for script in scripts)
        + "</body>\n</html>\n"
    )


def _references(run: StoredRun) -> tuple[list[dict[str, Any]], str]:
    """References of the run's tables with the tables that use them; what to say where tables have changed since."""
    inputs = load_inputs(run.scenario, allow_outside=True)
    zones = [str(zone["zone"]) for zone in run.document["zones"]]
    used = references_in_use(rows_in_use(inputs, run.scenario, zones))
    rows = [
        {**row, "used_by": ", ".join(used[str(row["reference"])])}
        for row in plain(records(inputs["references"]))
        if str(row["reference"]) in used
    ]
    now = hashes(run.scenario, inputs)
    changed = [name for name, sha in run.inputs.items() if not name.startswith("own:") and now.get(name) != sha]
    note = "Tables have changed since this run was made; the sources are those of the tables now." if changed else ""
    return rows, note


def _part(name: str) -> str:
    return resources.files("ccs_model.report.page").joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
