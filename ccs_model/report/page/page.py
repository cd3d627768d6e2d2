"""A run as one HTML file.

The file holds no path and no time, so that the same run gives the same bytes. Its content security policy lets the
browser run its own two scripts, identified by their hashes, and load nothing.
"""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from pathlib import Path
from typing import Any

from markupsafe import Markup

import ccs_model
from ccs_model.atomic_files import write_atomic
from ccs_model.inputs import load_inputs
from ccs_model.plan.cache_key import hashes
from ccs_model.plan.plan_json import plain, records
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.page import page_sections as sections
from ccs_model.report.page.budget_slider import frontier
from ccs_model.report.page.charts import drawing_library
from ccs_model.report.page.html import Words, render
from ccs_model.report.page.map import outlines_of
from ccs_model.report.page.uncertainty_section import uncertainty
from ccs_model.report.tables_in_use import references_in_use, rows_in_use

REPORT = "report.html"


def write_page(run: StoredRun, path: Path | None = None, *, lang: str = "en", basemap: str | None = None) -> Path:
    """Write the page of a run and return its path.

    Parameters
    ----------
    run : StoredRun
        The run.
    path : Path, optional
        Target file; `report.html` in the run folder by default.
    lang : {"en", "zh", "both"}
        Language of the page.
    basemap : str, optional
        Passed to `page_text`.

    Raises
    ------
    FileError
        If the file cannot be written.
    InputError
        As for `page_text`.
    """
    target = path or (run.folder or Path(run.name)) / REPORT
    return write_atomic(target, page_text(run, lang=lang, basemap=basemap).encode())


def page_text(run: StoredRun, *, lang: str = "en", basemap: str | None = None) -> str:
    """Return the page of a run as HTML.

    Parameters
    ----------
    run : StoredRun
        The run.
    lang : {"en", "zh", "both"}
        Language of the page.
    basemap : str, optional
        A GeoJSON file that replaces the shipped province outlines, or `none`.

    Raises
    ------
    InputError
        If the basemap or one of the run's own tables is invalid.
    """
    words, outlines = Words(lang, run.money), outlines_of(basemap)
    references, note = _references(run)
    scripts = (drawing_library(), _file("page.js"))
    page = render(
        "page",
        words=words,
        title=run.document["scenario"],
        style=Markup(_file("page.css")),
        heading=sections.heading(run, words),
        sections=[
            sections.plan_map(run, words, outlines),
            sections.timeline(run, words),
            sections.built(run, words),
            sections.cost_curve(run, words),
            frontier(run, words, outlines),
            uncertainty(run, words),
            sections.zones(run, words),
            sections.stakeholders(run, words),
            sections.owners(run, words),
            sections.sources(words, references),
        ],
        note=note,
        footer=(
            f"Run {run.name} · ccs-model {ccs_model.__version__} · {run.money}, real · "
            "same numbers as plan.xlsx and plan.json of the run folder"
        ),
        scripts=[{"text": Markup(script), "sha256": _sha256(script)} for script in scripts],
    )
    return str(page)


def _references(run: StoredRun) -> tuple[list[dict[str, Any]], str]:
    """References of the run with the tables that use them, and a note if tables have changed since the run."""
    inputs = load_inputs(run.scenario, allow_outside=True)
    zones = [str(zone["zone"]) for zone in run.document["zones"]]
    used = references_in_use(rows_in_use(inputs, run.scenario, zones))
    rows = [
        {**row, "used_by": ", ".join(used[str(row["reference"])])}
        for row in plain(records(inputs["references"]))
        if str(row["reference"]) in used
    ]
    now = hashes(run.scenario, inputs)
    has_changed = any(not name.startswith("own:") and now.get(name) != sha for name, sha in run.inputs.items())
    note = "Tables have changed since this run; the sources are those of the current tables." if has_changed else ""
    return rows, note


def _file(name: str) -> str:
    return resources.files("ccs_model.report.page").joinpath(name).read_text(encoding="utf-8")


def _sha256(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
