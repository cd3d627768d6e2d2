"""A run as one HTML file.

The file holds no path and no time, so that the same run gives the same bytes. Its content security policy lets the
browser run its own two scripts, identified by their hashes, and load nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from markupsafe import Markup

import ccs_model
from ccs_model.atomic_files import write_atomic
from ccs_model.inputs import load_inputs
from ccs_model.plan.merit_order import reasons_of
from ccs_model.plan.plan_json import records, to_plain_values
from ccs_model.plan.stored_run import StoredRun
from ccs_model.problem import Problem
from ccs_model.report.page import account_sections, page_sections
from ccs_model.report.page.analysis_sections import frontier, plans_of, uncertainty
from ccs_model.report.page.basemap import Basemap, basemap_of
from ccs_model.report.page.charts import drawing_library, periods
from ccs_model.report.page.html import PageLanguage, render, section
from ccs_model.report.page.plan_map import plan_map, zone_word
from ccs_model.report.tables_in_use import problem_of_run, references_of_run

REPORT = "report.html"
_SCRIPTS = ("map.js", "tables.js", "page.js")
# Words of sections that are not headed by their name.
_HEADINGS = {"retrofits": "built", "owners": "owner_returns"}


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
    target = path or (run.current_folder or Path(run.name)) / REPORT
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
        If the language is unknown, or the basemap or one of the run's own tables is invalid.
    """
    words = PageLanguage(lang, run.money)
    inputs = load_inputs(run.scenario, allow_outside=True)
    problem = problem_of_run(run, inputs)
    # Why each plant is in the plan or not, and what would change it.
    reasons = () if problem is None else reasons_of(problem, run.tables["retrofits"]).itertuples(index=False)
    why = {str(row.plant): (words.label(str(row.reason)), words.label(str(row.change))) for row in reasons}
    references = to_plain_values(records(references_of_run(run, inputs)))
    groups = _sections(run, words, basemap_of(basemap), problem, why, references)
    headings = {**_HEADINGS, "zones": f"{zone_word(run)}s"}
    listed = [
        (words(group), [(name, words(headings.get(name, name))) for name, each in found.items() if each])
        for group, found in groups.items()
    ]
    scripts = (drawing_library(), "".join(map(_file, _SCRIPTS)))
    first, plans = plans_of(run, words)
    note = "" if problem else "Tables have changed since this run; the sources are those of the current tables."
    page = render(
        "page",
        words=words,
        title=run.document["scenario"],
        style=Markup(_file("page.css")),
        description=" ".join(run.scenario.description.split()),
        contents=render("contents", words=words, groups=[each for each in listed if each[1]]),
        controls=render("controls", words=words, periods=periods(run, words), first=first, plans=plans),
        sections=[each for group in groups.values() for each in group.values()],
        note=note,
        footer=(
            f"Run {run.name} · ccs-model {ccs_model.__version__} · {run.money}, real · "
            "same numbers as plan.xlsx and plan.json of the run folder"
        ),
        scripts=[{"text": Markup(script), "sha256": _sha256(script)} for script in scripts],
    )
    return str(page)


def _sections(
    run: StoredRun,
    words: PageLanguage,
    basemap: Basemap,
    problem: Problem | None,
    why: Mapping[str, tuple[str, str]],
    references: list[dict[str, Any]],
) -> dict[str, dict[str, Markup]]:
    """Sections by reader and name; those without content are empty."""
    return {
        "for_planners": {
            "answer": page_sections.answer(run, words),
            "map": plan_map(run, words, basemap, why),
            "timeline": page_sections.timeline(run, words),
            "frontier": frontier(run, words),
            "zones": page_sections.zones(run, words),
        },
        "for_engineers": {
            "retrofits": page_sections.retrofits(run, words),
            "plants": page_sections.plants(run, words, why),
            "pipelines": page_sections.pipelines(run, words),
            "storage": page_sections.storage(run, words, problem),
        },
        "for_economists": {
            "macc": account_sections.cost_curve(run, words),
            "stakeholders": account_sections.stakeholders(run, words),
            "owners": account_sections.owners(run, words),
            "uncertainty": uncertainty(run, words),
        },
        "for_reviewers": {
            "evidence": account_sections.evidence(run, words, problem),
            "sources": section("sources", words("sources"), render("sources", words=words, references=references)),
        },
    }


def _file(name: str) -> str:
    return resources.files("ccs_model.report.page").joinpath(name).read_text(encoding="utf-8")


def _sha256(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
