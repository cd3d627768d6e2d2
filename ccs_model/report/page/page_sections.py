"""Sections of the page for a planner and an engineer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from ccs_model.plan.decisions import BUILT
from ccs_model.plan.headline import uncalibrated_text
from ccs_model.plan.stored_run import StoredRun
from ccs_model.problem import Problem
from ccs_model.report.page import charts
from ccs_model.report.page.html import (
    ByPeriod,
    PageColumn,
    PageLanguage,
    as_data,
    columns_of,
    figure,
    number,
    paragraph,
    percent,
    render,
    section,
    table,
)
from ccs_model.report.page.plan_map import (
    flows_of_pipe,
    link_name,
    plant_names,
    province_word,
    site_name,
    technology_text,
    zone_word,
)
from ccs_model.report.page.warning_list import warning_list
from ccs_model.report.phrases import (
    capitalise,
    ended_retrofits_in_words,
    estimates_in_words,
    gap_text,
    granted_mn,
    less_than_captured,
    load_in_words,
    oil_in_words,
    remaining_emissions_in_words,
    resources_in_words,
    stored_over_life,
    targets_in_words,
    years_of_work,
)
from ccs_model.report.sentences import storage_band
from ccs_model.report.summary import gap_of_document

# What the tonnes of the headline leave out, for a reader who does not open the workbook.
_WHAT_COUNTS = (
    "Upstream emissions, such as methane of coal mines, are not counted, and all stored CO2 is taken to stay."
)

# Sections for a planner.


def answer(run: StoredRun, words: PageLanguage) -> Markup:
    """Return the headline numbers by period, and the quality of the solution."""
    document = run.document
    figures = [
        # Texts of the single periods only where they differ.
        (texts[-1], label, str(as_data(texts)) if len(set(texts)) > 1 else "")
        for texts, label in _headline(run, words)
        if texts[-1] != number(None)
    ]
    calibration = document["calibration"]
    searched = document["status"] == "within_gap" and gap_of_document(document).is_restricted
    state = "within_gap_searched" if searched else str(document["status"])
    status = capitalise(words.label(words.translate_identifier(state)))
    statement = calibration["statement"] if calibration else uncalibrated_text(document["context"])
    of_targets = targets_in_words(document["targets"], document["costs"].get("shortfall_mn", 0.0), run.money)
    retrofits, storage, unit = document["retrofits"], document["storage"], f"{run.money}/t"
    costs = (ended_retrofits_in_words(retrofits, document["totals"], unit), load_in_words(retrofits, unit))
    estimates = estimates_in_words(document["context"].get("capture_estimates") or ())
    stored = (*resources_in_words(storage), oil_in_words(storage, run.money, is_static=run.scenario.is_static))
    totals = document["totals"]
    what_counts = ""
    if retrofits:
        period = "" if run.scenario.is_static else charts.periods(run, words)[-1]
        remaining = remaining_emissions_in_words(totals, period)
        what_counts = f"{remaining} {less_than_captured(totals)}{_WHAT_COUNTS}"
    notes = [
        (words("avoided"), what_counts),
        (words("avoidance_cost"), " ".join(filter(None, costs))),
        (words("capex"), " ".join(estimates)),
        (words.label("Storage"), " ".join(filter(None, stored))),
        (words("targets"), of_targets if document["targets"] else ""),
        (words("calibration"), statement),
    ]
    quality = [
        (words("status"), f"{status}{words.stop}{words.sentence(_gap(run))}"),
        *((capitalise(label), words.sentence(text)) for label, text in notes if text),
    ]
    why = document["context"].get("nothing_built_because")
    nothing = [paragraph(words.sentence(f"Nothing is built because {why}."))] if why else []
    shown = render("answer", figures=figures, quality=quality)
    return section("answer", words("answer"), *nothing, shown, warning_list(document.get("warnings", ()), words))


def _headline(run: StoredRun, words: PageLanguage) -> Iterator[tuple[list[str], str]]:
    """Texts of each period, or one text, and their label."""
    document, totals, is_static = run.document, run.document["totals"], run.scenario.is_static
    by_year = document["by_year"]
    plants: set[str] = set()
    capex, n_plants, invested = 0.0, [], []
    for row in by_year:
        plants |= {each["plant"] for each in document["retrofits"] if is_static or each["year"] <= row["year"]}
        n_plants.append(f"{len(plants)} / {totals['n_plants']}")
        capex += row["spending_mn"] or 0.0
        invested.append(number(totals["capex_mn"] if row is by_year[-1] else capex))
    yield n_plants, words("plants_retrofitted")
    for name in ("avoided", "captured"):
        texts = [number(row[f"{name}_ktpa"]) for row in by_year]
        yield texts, words.with_unit(words.unit("kt/y"), words(name))
    baseline = f"{words('baseline')} {number(totals['baseline_ktpa'])} {words.unit('kt/y')}"
    yield [percent(row["abatement_share"], 2) for row in by_year], f"{words('abatement')}{words.add_brackets(baseline)}"
    yield [percent(row["on_site_abatement_share"], 2) for row in by_year], words("on_site_abatement")
    limits = [] if totals["budget_mn"] is None else [f"{words('budget')} {number(totals['budget_mn'])}"]
    if limits and (granted := granted_mn(document["funds"])) > BUILT:
        limits.append(f"{words('grants')} {number(granted)}")
    budget = words.add_brackets(words.comma.join(limits)) if limits else ""
    if is_static:
        # The budget of a representative year limits the annual cost, with annualised capital.
        budget = f"{words.semicolon}{words('annual_cost')} {number(math.fsum(document['costs'].values()))}{budget}"
    yield invested, f"{words.with_unit(words.millions, words('capex'))}{budget}"
    unit = words.unit(f"{run.money}/t")
    last = f"{words.comma}{charts.periods(run, words)[-1]}" if len(by_year) > 1 else ""
    per_avoided = words("per_t_avoided").format(unit, number(totals["capture_cost_per_t"]))
    yield [number(totals["avoidance_cost_per_t"])], f"{per_avoided}{last}"
    yield [number(totals.get("storage_cost_per_t"))], f"{words('per_t_stored').format(unit)}{last}"
    yield (
        [number(totals.get("owners_break_even_price_per_t"))],
        f"{words.with_unit(unit, words('owners_break_even'))}{words.comma}{words('per_t_on_site')}",
    )


def _gap(run: StoredRun) -> str:
    """The optimality gap as a sentence."""
    gap = gap_of_document(run.document)
    if not math.isfinite(gap.searched_share):
        return "The optimality gap is unknown."
    return f"{capitalise(gap_text(gap, str(run.document['objective']['unit'])))}."


def timeline(run: StoredRun, words: PageLanguage) -> Markup:
    """Return spending and tonnes by period, as charts and as a table."""
    periods = charts.periods(run, words)
    by_year = run.document["by_year"]
    rows = [
        {**row, "period": period, "of_period": at}
        for at, (period, row) in enumerate(zip(periods, by_year, strict=True))
    ]
    columns = columns_of(
        words, "period", PageColumn("n_started", words("started"), "", 0), "spending_mn", "captured_ktpa",
        "avoided_ktpa", "abatement_share", captured_ktpa="captured_pa", avoided_ktpa="avoided_pa",
    )  # fmt: skip
    last, most = rows[-1], max(rows, key=lambda row: row["spending_mn"] or 0.0)
    where, when, rate = f" is highest in {most['period']}", last["period"], "kt a year"
    if run.scenario.is_static:
        where, when, rate = "", "a representative year", "kt"
    spending = f"Capital spending{where}: {number(most['spending_mn'])} million {run.money}."
    if not most["spending_mn"]:
        spending = "Nothing is spent in any period."
    tonnes = f"In {when}, {number(last['captured_ktpa'])} {rate} are captured and "
    tonnes += f"{number(last['avoided_ktpa'])} kt avoided."
    drawn = (
        ("spending", charts.spending_chart(run, words), spending),
        ("tonnes", charts.tonnes_chart(run, words), tonnes),
    )
    parts = [
        paragraph(words.sentence(title))
        if chart is None
        else figure(name, chart, words, title=title, source="plan.json")
        for name, chart, title in drawn
    ]
    pair = render("pair", parts=parts) if any(chart is not None for _, chart, _ in drawn) else Markup("").join(parts)
    return section("timeline", words("timeline"), pair, table("timeline", columns, rows, words, words("timeline")))


def zones(run: StoredRun, words: PageLanguage) -> Markup:
    """Return the abatement of each zone as delivered, as designed and as reported.

    Empty for one region of an uncalibrated plan, whose shares are those of the answer.
    """
    is_calibrated = bool(run.document["calibration"])
    if len(run.document["zones"]) == 1 and not is_calibrated:
        return Markup("")
    chart = charts.zones_chart(run, words)
    rows = [{**zone, "zone": words.value(str(zone["zone"]), "zone", "province")} for zone in run.document["zones"]]
    delivered = PageColumn("abatement_share", f"{words('abatement')}{words.colon}{words('as_delivered')}")
    has_report = any(zone["reported_abatement_share"] is not None for zone in rows)
    # Without a calibration, units deliver what they were designed for.
    of_calibration = ["uncalibrated_abatement_share", *(["reported_abatement_share"] if has_report else [])]
    columns = columns_of(
        words, "zone", "baseline_ktpa", "avoided_ktpa", delivered if is_calibrated else "abatement_share",
        "on_site_abatement_share", *(of_calibration if is_calibrated else []), zone=zone_word(run),
        abatement_share="abatement_share_of_region",
    )  # fmt: skip
    highest = max(rows, key=lambda row: row["abatement_share"] or 0.0)
    share = percent(highest["abatement_share"], 2)
    when = f"In {charts.periods(run, words)[-1]}, " if len(run.document["by_year"]) > 1 else ""
    where = f"in {highest['zone']} is" if len(rows) == 1 else f"is highest in {highest['zone']}:"
    title = f"{when}{'abatement' if when else 'Abatement'} {where} {share} of the emissions of its plants."
    if not highest["abatement_share"]:
        title = f"No {zone_word(run)} reduces its emissions."
    calibration: dict[str, Any] = run.document["calibration"] or {}
    is_press = calibration.get("evidence", "").startswith("press")
    what = ": a press figure without baseline, metric or technology" if is_press else ""
    note = f"The thin mark is the reported abatement{what}; it is not known to result from capture."
    # A run of 0.1 lacks what the reported reduction would take.
    reported = [paragraph(words.sentence(each)) for each in calibration.get("reported_reduction", ())]
    drawn = paragraph(words.sentence(title))
    if chart is not None:
        caption = note if has_report else ""
        if len(charts.drawn_zones(run)) < len(rows):
            caption = f"{caption} {capitalise(zone_word(run))}s without abatement are in the table only.".strip()
        drawn = figure("zones-chart", chart, words, title=title, caption=caption, source="tables/zones.csv")
    heading = words(f"{zone_word(run)}s")
    shown = table("zones", columns, rows, words, heading)
    notes = _last_period_note(run, words, f"Tonnes and shares of each {zone_word(run)}")
    return section("zones", heading, *notes, drawn, *reported, shown)


# Sections for an engineer.


def retrofits(run: StoredRun, words: PageLanguage) -> Markup:
    """Return the table of retrofits."""
    names = plant_names(run, words)
    rows: list[dict[str, Any]] = [
        {
            **row,
            "name": names.get(str(row["plant"]), str(row["name"])),
            "stream": words.translate_identifier(str(row["stream"]), "stream"),
            "technology": technology_text(words, row),
            "province": words.value(str(row["province"]), "province"),
            "site": site_name(run, words, row["site"]),
            "start": "" if run.scenario.is_static else years_of_work(row),
            "from_period": 0 if run.scenario.is_static else run.years.index(int(row["year"])),
        }
        for row in run.document["retrofits"]
    ]
    if not rows:
        return section("retrofits", words("built"), paragraph(words.sentence("Nothing is built.")))
    rows.sort(key=lambda row: (-row["avoided_ktpa"], row["plant"], row["stream"]))
    start = () if run.scenario.is_static else ("start",)
    columns = columns_of(
        words, "name", "province", "stream", "technology", *start, "site", "captured_ktpa", "avoided_ktpa", "capex_mn",
        "avoidance_cost_per_t", province=province_word(run),
    )  # fmt: skip
    shown = table("retrofits", columns, rows, words, words("built"))
    return section("retrofits", words("built"), *_last_period_note(run, words), shown)


def _last_period_note(
    run: StoredRun, words: PageLanguage, what: str = "Tonnes and costs per tonne of each plant"
) -> Iterator[Markup]:
    """A note that figures of a section are those of the last period; none with one period."""
    if len(run.document["by_year"]) > 1:
        last = charts.periods(run, words)[-1]
        yield paragraph(words.sentence(f"{what} are those of {last}."), "note")


def plants(run: StoredRun, words: PageLanguage, why: Mapping[str, tuple[str, str]]) -> Markup:
    """Return the table of all plants, with the reason why each is in the plan or not."""
    names = plant_names(run, words)
    rows = []
    for each in run.features("plant"):
        about = each["properties"]
        state = "retrofitted" if about["is_retrofitted"] else "ineligible" if about["reason"] else "eligible"
        stated = words.label(str(about["reason"] or "")) or words(f"state_{state}")
        rows.append(
            {
                **about,
                "name": names[str(about["id"])],
                "province": words.value(str(about["province"]), "province"),
                "sector_name": words.translate_identifier(str(about["sector"]), "sector"),
                "item": why.get(str(about["id"]), (stated, ""))[0],
            }
        )
    if not rows:
        return Markup("")
    rows.sort(key=lambda row: (-(row["baseline_ktpa"] or 0.0), str(row["id"])))
    columns = columns_of(
        words, "name", "province", "sector_name", "baseline_ktpa", "avoided_ktpa", PageColumn("item", words("why")),
        province=province_word(run),
    )  # fmt: skip
    shown = table("plants", columns, rows, words, words("plants"))
    printed = paragraph(words.sentence("This table is not printed; it is sheet Plants of plan.xlsx."), "printed")
    return section("plants", words("plants"), *_last_period_note(run, words), shown, printed)


def pipelines(run: StoredRun, words: PageLanguage) -> Markup:
    """Return the table of pipelines and roads."""
    rows = []
    features = [each["properties"] for each in run.features("pipe", "truck")]
    for about in features:
        flows = flows_of_pipe(run, about, [each for each in features if each["id"] == about["id"]])
        first = 0 if run.scenario.is_static else next((k for k, flow in enumerate(flows) if flow > 0), len(flows) - 1)
        rows.append(
            {
                **about, "name": link_name(run, words, about), "flow_ktpa": ByPeriod(flows),
                "diameter_mm": about.get("diameter_mm"),
                "built_year": "" if run.scenario.is_static else str(about["built_year"] or ""), "from_period": first,
            }
        )  # fmt: skip
    if not rows:
        return Markup("")
    rows.sort(key=lambda row: (-float(row["capex_mn"] or 0.0), row["name"]))
    columns = columns_of(
        words,
        PageColumn("name", words("pipeline")),
        *(() if run.scenario.is_static else (PageColumn("built_year", words("year")),)),
        "length_km",
        "diameter_mm",
        "flow_ktpa",
        "capex_mn",
    )
    return section("pipelines", words("pipelines"), table("pipelines", columns, rows, words, words("pipelines")))


def storage(run: StoredRun, words: PageLanguage, problem: Problem | None) -> Markup:
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
    stored: str | PageColumn = "stored_kt"
    if run.scenario.is_static:
        stored = PageColumn("stored_kt", words.label(stored_over_life(run.scenario.storage_life_yr)), words.unit("kt"))
    columns = columns_of(
        words, "name", "injected_ktpa", stored, "capacity_kt", "storage_cost_per_t", name="site"
    )  # fmt: skip
    cost = run.document["totals"].get("storage_cost_per_t")
    band = storage_band(cost, problem) if problem is not None else ""
    texts = filter(None, (band, *resources_in_words(run.document["storage"])))
    notes = [paragraph(words.sentence(text)) for text in texts]
    return section("storage", words("storage"), *notes, table("storage", columns, rows, words, words("storage")))
