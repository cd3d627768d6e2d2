"""Sections for an engineer: retrofits, all plants with the reason for each, pipelines, and storage sites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from ccs_model.plan.stored_run import StoredRun
from ccs_model.problem import Problem
from ccs_model.report.page.html import ByPeriod, Column, Words, columns_of, paragraph, section, table
from ccs_model.report.page.plan_map import flows_of, link_name, plant_names, site_name
from ccs_model.report.sentences import storage_band


def retrofits(run: StoredRun, words: Words) -> Markup:
    """Return the table of retrofits."""
    rows: list[dict[str, Any]] = [
        {
            **row,
            "name": words.named(str(row["name"]), str(row["name_zh"] or "")),
            "stream": words.known(str(row["stream"]), "stream"),
            "technology": words.known(str(row["technology"]), "technology"),
            "province": words.value(str(row["province"]), "province"),
            "site": site_name(run, words, row["site"]),
            "start": "" if run.scenario.is_static else str(row["year"]),
            "from_period": _period(run, row["year"]),
        }
        for row in run.document["retrofits"]
    ]
    if not rows:
        return section("retrofits", words("built"), paragraph(words.sentence("Nothing is built.")))
    rows.sort(key=lambda row: (-row["avoided_ktpa"], row["plant"], row["stream"]))
    columns = columns_of(
        words, "name", "province", "stream", "technology", "start", "site", "captured_ktpa", "avoided_ktpa", "capex_mn",
        "avoidance_cost_per_t",
    )  # fmt: skip
    return section("retrofits", words("built"), table("retrofits", columns, rows, words, words("built")))


def _period(run: StoredRun, year: Any) -> int:
    return 0 if run.scenario.is_static else run.years.index(int(year))


def plants(run: StoredRun, words: Words, why: Mapping[str, tuple[str, str]]) -> Markup:
    """Return the table of all plants, with the reason why each is in the plan or not."""
    names = plant_names(run, words)
    rows = []
    for each in run.features("plant"):
        about = each["properties"]
        state = "fitted" if about["is_fitted"] else "ineligible" if about["reason"] else "eligible"
        stated = words.label(str(about["reason"] or "")) or words(f"state_{state}")
        rows.append(
            {
                **about,
                "name": names[str(about["id"])],
                "province": words.value(str(about["province"]), "province"),
                "sector_name": words.known(str(about["sector"]), "sector"),
                "item": why.get(str(about["id"]), (stated, ""))[0],
            }
        )
    if not rows:
        return Markup("")
    rows.sort(key=lambda row: (-(row["baseline_ktpa"] or 0.0), str(row["id"])))
    columns = columns_of(
        words, "name", "province", "sector_name", "baseline_ktpa", "avoided_ktpa", Column("item", words("why"))
    )
    return section("plants", words("plants"), table("plants", columns, rows, words, words("plants")))


def pipelines(run: StoredRun, words: Words) -> Markup:
    """Return the table of pipelines and roads."""
    rows = []
    for each in run.features("pipe", "truck"):
        about = each["properties"]
        name, flows = link_name(run, words, about), flows_of(run, about)
        first = 0 if run.scenario.is_static else next((k for k, flow in enumerate(flows) if flow > 0), len(flows) - 1)
        rows.append(
            {
                **about, "name": name, "flow_ktpa": ByPeriod(flows), "diameter_mm": about.get("diameter_mm"),
                "built_year": "" if run.scenario.is_static else str(about["built_year"]), "from_period": first,
            }
        )  # fmt: skip
    if not rows:
        return Markup("")
    rows.sort(key=lambda row: (-float(row["capex_mn"] or 0.0), row["name"]))
    columns = columns_of(
        words,
        Column("name", words("pipeline")),
        Column("built_year", words("year")),
        "length_km",
        "diameter_mm",
        "flow_ktpa",
        "capex_mn",
    )
    return section("pipelines", words("pipelines"), table("pipelines", columns, rows, words, words("pipelines")))


def storage(run: StoredRun, words: Words, problem: Problem | None) -> Markup:
    """Return the storage sites in use, with the cost per tonne beside its published range; empty without one."""
    by_site: dict[str, dict[Any, Mapping[str, Any]]] = {}
    for row in run.document["storage"]:
        by_site.setdefault(str(row["site"]), {})[row["year"]] = row
    if not by_site:
        return Markup("")
    years = sorted({row["year"] for row in run.document["storage"]} | set(() if run.scenario.is_static else run.years))
    rows = []
    for site, found in by_site.items():
        any_year = next(iter(found.values()))
        changing = {
            name: ByPeriod(found.get(year, {}).get(name) for year in years)
            for name in ("injected_ktpa", "stored_kt", "storage_cost_per_t")
        }
        rows.append({"name": site_name(run, words, site), "capacity_kt": any_year["capacity_kt"], **changing})
    rows.sort(key=lambda row: (-float(row["injected_ktpa"][-1] or 0.0), row["name"]))
    columns = columns_of(
        words, "name", "injected_ktpa", "stored_kt", "capacity_kt", "storage_cost_per_t", name="site"
    )  # fmt: skip
    cost = run.document["totals"].get("storage_cost_per_t")
    band = storage_band(cost, problem) if problem is not None else ""
    notes = [paragraph(words.sentence(band))] if band else []
    return section("storage", words("storage"), *notes, table("storage", columns, rows, words, words("storage")))
