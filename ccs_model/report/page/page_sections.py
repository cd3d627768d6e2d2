"""Sections of the page: for a planner, an engineer and an economist, and what the plan rests on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from ccs_model.plan.citations import CAPITAL, DOCUMENTED, QUALITY_NOTE, TONNES, quality_rows
from ccs_model.plan.decisions import BUILT
from ccs_model.plan.headline import uncalibrated_text
from ccs_model.plan.plan_json import plain, records
from ccs_model.plan.stored_run import StoredRun
from ccs_model.problem import Problem
from ccs_model.report.figures import macc_cut
from ccs_model.report.page import charts
from ccs_model.report.page.html import (
    ByPeriod,
    Column,
    Words,
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
from ccs_model.report.page.plan_map import flows_of_pipe, link_name, plant_names, site_name, technology_text
from ccs_model.report.phrases import (
    capitalised,
    ended_in_words,
    gap_text,
    granted_mn,
    resources_in_words,
    society,
    targets_in_words,
    years_of_work,
)
from ccs_model.report.sentences import storage_band
from ccs_model.report.summary import gap_of_document
from ccs_model.units import label_of

# Sections for a planner.


def heading(run: StoredRun) -> Markup:
    """Return the name of the run and the question it answers."""
    return render(
        "heading", title=run.document["scenario"], description=" ".join(run.scenario.description.split())
    )  # fmt: skip


def answer(run: StoredRun, words: Words) -> Markup:
    """Return the headline numbers by period, and the quality of the solution."""
    document = run.document
    figures = [
        (texts[-1], label, as_texts(texts)) for texts, label in _headline(run, words) if texts[-1] != number(None)
    ]
    calibration = document["calibration"]
    status = capitalised(words.known(document["status"]))
    statement = calibration["statement"] if calibration else uncalibrated_text(document["context"])
    of_targets = targets_in_words(document["targets"], document["costs"].get("shortfall_mn", 0.0), run.money)
    ended = ended_in_words(document["retrofits"], document["totals"], f"{run.money}/t")
    quality = [
        *([(words("avoidance_cost"), words.sentence(ended))] if ended else []),
        (words("status"), f"{status}{words.stop}{words.sentence(_gap(run))}"),
        *([(words("targets"), words.sentence(of_targets))] if document["targets"] else []),
        (words("calibration"), words.sentence(statement)),
        *((words("warning"), words.sentence(each)) for each in document.get("warnings", ())),
    ]
    why = document["context"].get("nothing_built_because")
    nothing = [paragraph(words.sentence(f"Nothing is built because {why}."))] if why else []
    return section("answer", words("answer"), *nothing, render("answer", figures=figures, quality=quality))


def as_texts(texts: Sequence[str]) -> str:
    """Return the texts of each period for an attribute; empty where they do not differ."""
    return str(as_data(list(texts))) if len(set(texts)) > 1 else ""


def _headline(run: StoredRun, words: Words) -> Iterator[tuple[list[str], str]]:
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
    for name in ("captured", "avoided"):
        texts = [number(row[f"{name}_ktpa"]) for row in by_year]
        yield texts, f"{words.unit('kt/y')} {words(name)}"
    for name in ("abatement", "on_site_abatement"):
        yield [percent(row[f"{name}_share"], 2) for row in by_year], words(name)
    limits = [] if totals["budget_mn"] is None else [f"{words('budget')} {number(totals['budget_mn'])}"]
    if limits and (granted := granted_mn(document["funds"])) > BUILT:
        limits.append(f"{words('grants')} {number(granted)}")
    budget = words.bracketed(words.comma.join(limits)) if limits else ""
    if is_static:
        # The budget of a representative year limits the annual cost, with annualised capital.
        budget = f"; {words('annual_cost')} {number(sum(document['costs'].values()))}{budget}"
    yield invested, f"{words.millions} {words('capex')}{budget}"
    per_captured = f"{number(totals['capture_cost_per_t'])} {words('per_t_captured')}"
    last = f"{words.comma}{charts.periods(run, words)[-1]}" if len(by_year) > 1 else ""
    per_avoided = f"{words.unit(f'{run.money}/t')} {words('per_t_avoided')}{words.bracketed(per_captured)}{last}"
    yield [number(totals["avoidance_cost_per_t"])], per_avoided
    yield [number(totals.get("storage_cost_per_t"))], f"{words.unit(f'{run.money}/t')} {words('per_t_stored')}{last}"
    yield (
        [number(totals.get("owners_break_even_price_per_t"))],
        f"{words.unit(f'{run.money}/t')} {words('owners_break_even')}",
    )


def _gap(run: StoredRun) -> str:
    """The optimality gap as a sentence."""
    gap = gap_of_document(run.document)
    if not math.isfinite(gap.searched_share):
        return "The optimality gap is unknown."
    return f"{capitalised(gap_text(gap, str(run.document['objective']['unit'])))}."


def timeline(run: StoredRun, words: Words) -> Markup:
    """Return spending and tonnes by period, as charts and as a table."""
    periods = charts.periods(run, words)
    by_year = run.document["by_year"]
    rows = [
        {**row, "period": period, "of_period": at}
        for at, (period, row) in enumerate(zip(periods, by_year, strict=True))
    ]
    columns = columns_of(
        words, "period", Column("n_started", words("started"), "", 0), "spending_mn", "captured_ktpa", "avoided_ktpa",
        "abatement_share", captured_ktpa="captured_pa", avoided_ktpa="avoided_pa",
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
    pair = render(
        "pair",
        parts=[
            figure("spending", charts.spending_chart(run, words), words, title=spending, source="plan.json"),
            figure("tonnes", charts.tonnes_chart(run, words), words, title=tonnes, source="plan.json"),
        ],
    )
    return section("timeline", words("timeline"), pair, table("timeline", columns, rows, words, words("timeline")))


def zones(run: StoredRun, words: Words) -> Markup:
    """Return the abatement of each zone as delivered, as designed and as reported."""
    chart = charts.zones_chart(run, words)
    rows = [{**zone, "zone": words.value(str(zone["zone"]), "zone", "province")} for zone in run.document["zones"]]
    delivered = Column("abatement_share", f"{words('abatement')}{words.colon}{words('as_delivered')}")
    columns = columns_of(
        words, "zone", "baseline_ktpa", "avoided_ktpa", delivered, "on_site_abatement_share",
        "uncalibrated_abatement_share", "reported_abatement_share",
    )  # fmt: skip
    has_report = any(zone["reported_abatement_share"] is not None for zone in rows)
    highest = max(rows, key=lambda row: row["abatement_share"] or 0.0)
    share = percent(highest["abatement_share"], 2)
    title = f"Abatement is highest in {highest['zone']}: {share} of its emissions."
    if len(run.document["by_year"]) > 1:
        last = charts.periods(run, words)[-1]
        title = f"In {last}, abatement is highest in {highest['zone']}: {share} of its emissions."
    if not highest["abatement_share"]:
        title = "No zone reduces its emissions."
    calibration: dict[str, Any] = run.document["calibration"] or {}
    is_press = calibration.get("evidence", "").startswith("press")
    what = ": a press figure without baseline, metric or technology" if is_press else ""
    note = f"The thin mark is the reported abatement{what}; it is not known to result from capture."
    # A run of 0.1 lacks what the reported reduction would take.
    reported = [paragraph(words.sentence(each)) for each in calibration.get("reported_reduction", ())]
    drawn = Markup("")
    if chart is not None:
        caption = note if has_report else ""
        if len(charts.drawn_zones(run)) < len(rows):
            caption = f"{caption} Zones without abatement are in the table only.".strip()
        drawn = figure("zones-chart", chart, words, title=title, caption=caption, source="tables/zones.csv")
    shown = table("zones", columns, rows, words, words("zones"))
    notes = _of_last_period(run, words, "Tonnes and shares of each zone")
    return section("zones", words("zones"), *notes, drawn, *reported, shown)


# Sections for an engineer.


def retrofits(run: StoredRun, words: Words) -> Markup:
    """Return the table of retrofits."""
    rows: list[dict[str, Any]] = [
        {
            **row,
            "name": words.named(str(row["name"]), str(row["name_zh"] or "")),
            "stream": words.known(str(row["stream"]), "stream"),
            "technology": technology_text(words, row),
            "province": words.value(str(row["province"]), "province"),
            "site": site_name(run, words, row["site"]),
            "start": "" if run.scenario.is_static else years_of_work(row),
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
    shown = table("retrofits", columns, rows, words, words("built"))
    return section("retrofits", words("built"), *_of_last_period(run, words), shown)


def _of_last_period(
    run: StoredRun, words: Words, what: str = "Tonnes and costs per tonne of each plant"
) -> Iterator[Markup]:
    """A note that figures of a section are those of the last period; none with one period."""
    if len(run.document["by_year"]) > 1:
        last = charts.periods(run, words)[-1]
        yield paragraph(words.sentence(f"{what} are those of {last}."), "note")


def _period(run: StoredRun, year: Any) -> int:
    return 0 if run.scenario.is_static else run.years.index(int(year))


def plants(run: StoredRun, words: Words, why: Mapping[str, tuple[str, str]]) -> Markup:
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
    shown = table("plants", columns, rows, words, words("plants"))
    printed = paragraph(words.sentence("This table is not printed; it is sheet Plants of plan.xlsx."), "printed")
    return section("plants", words("plants"), *_of_last_period(run, words), shown, printed)


def pipelines(run: StoredRun, words: Words) -> Markup:
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
    texts = filter(None, (band, *resources_in_words(run.document["storage"])))
    notes = [paragraph(words.sentence(text)) for text in texts]
    return section("storage", words("storage"), *notes, table("storage", columns, rows, words, words("storage")))


# Sections for an economist.


def cost_curve(run: StoredRun, words: Words) -> Markup:
    """Return the marginal abatement cost curve; empty without a stream."""
    found = run.tables.get("macc")
    if found is None or found.empty:
        return Markup("")
    cut = macc_cut(found)
    note = (
        "Each bar is a stream at full size with its cheapest option: the width is its annual abatement, the height its "
        "cost per tonne. The curve ignores the budget and limits shared between streams; the plan respects them and "
        "may therefore skip a cheap stream."
    )
    costs, ends = found["avoidance_cost_at_full_load_per_t"], found["cumulative_avoided_at_full_load_ktpa"]
    if cut < float(costs.max()):
        above = found[costs > cut]
        n_in = int(above["in_plan"].sum())
        note += f" Bars cut off at {number(cut)}: {len(above)}, of which {n_in} in the plan; the highest reaches "
        note += f"{number(costs.max())}."
    half = float(costs[ends >= ends.iloc[-1] / 2].iloc[0])
    title = f"Half of the {number(ends.iloc[-1])} kt a year costs at most {number(half)} {run.money} per t avoided."
    chart = charts.macc_chart(run, words, found, cut)
    drawn = figure("macc-chart", chart, words, title=title, caption=note, source="tables/macc.csv")
    return section("macc", words("macc"), drawn)


def stakeholders(run: StoredRun, words: Words) -> Markup:
    """Return costs and benefits of each stakeholder, with the payments between them."""
    chart = charts.stakeholders_chart(run, words)
    if chart is None:
        message = words.sentence("A representative year has no owners' or social accounts.")
        return section("stakeholders", words("stakeholders"), paragraph(message))
    rows = [
        {**row, "stakeholder": words.known(str(row["stakeholder"]), "stakeholder")}
        for row in run.document["stakeholders"]
    ]
    ratio = Column("benefit_cost_ratio", words("ratio"), "", 2)
    columns = columns_of(words, "stakeholder", "benefits_mn", "costs_mn", "npv_mn", ratio, npv_mn="net")
    document = run.document
    note = "The mark is the net value. Payments between stakeholders cancel in the social account."
    if document.get("social_account"):
        note += f" The social discount rate is {100 * document['social_account']['discount_rate']:g} %."
    lowest = min(rows, key=lambda row: row["npv_mn"] or 0.0)
    title = f"The net value is lowest for {lowest['stakeholder']}: {number(lowest['npv_mn'])} million {run.money}."
    drawn = Markup("")
    if any(abs(row["npv_mn"] or 0.0) > BUILT for row in rows):
        drawn = figure("stakeholders-chart", chart, words, title=title, caption=note, source="tables/stakeholders.csv")
    money = str(document["currency"]), int(document["price_year"])
    sentences = society(document["totals"], *money, document["social_account"])
    return section(
        "stakeholders",
        words("stakeholders"),
        *(paragraph(words.sentence(each)) for each in sentences),
        drawn,
        table("stakeholders", columns, rows, words, words("stakeholders")),
        _ledger(run, words),
    )


def _ledger(run: StoredRun, words: Words) -> Markup:
    """The payments of each item, with their sum."""
    frame = pd.DataFrame(run.document["ledger"])
    if frame.empty:
        return Markup("")
    amounts = [name for name in frame.columns if name != "item"]
    total = {"item": words("net"), **{name: float(frame[name].sum()) for name in amounts}}
    rows = [{**row, "item": words.label(label_of(str(row["item"])))} for row in records(frame)]
    columns = [
        Column("item", words("item")),
        *(Column(name, words.known(name.removesuffix("_mn"), "stakeholder"), words.millions) for name in amounts),
    ]
    return table("ledger", columns, [*rows, total], words, words("payments"), has_total=True)


def owners(run: StoredRun, words: Words) -> Markup:
    """Return the returns of each owner; empty for a representative year."""
    found = run.document["owners"]
    if not found:
        return Markup("")
    names = plant_names(run, words)
    rows = []
    for row in found:
        is_total = row["plant"] == "all"
        name = words.label("All plants") if is_total else names.get(row["plant"], row["plant"])
        payback = row["payback_yr"] if row["capex_mn"] else None  # nothing invested, nothing to pay back
        rows.append({**row, "name": name, "is_total": is_total, "payback_yr": payback})
    rows.sort(key=lambda row: (row["is_total"], -(row["capex_mn"] or 0.0), row["plant"]))
    columns = columns_of(
        words, "name", "capex_mn", "npv_mn", "project_irr_share", "payback_yr", "break_even_carbon_price_per_t"
    )
    has_total = bool(rows[-1]["is_total"])
    reasons = Counter(str(row["no_project_irr"]) for row in rows if row["no_project_irr"] and not row["is_total"])
    notes = [
        words.sentence(f"Plants without an internal rate of return: {n} ({reason}).") for reason, n in reasons.items()
    ]
    document = run.document
    if (left := -document["costs"].get("salvage_mn", 0.0)) > 0:
        worth = f"{number(left)} million {run.money}"
        count = f"The net present values count {worth}, before tax, for assets that outlive the horizon"
        without = document["totals"].get("npv_without_salvage_mn")
        count += "." if without is None else f"; without them their sum is {number(without)} million."
        notes.insert(0, words.sentence(f"{count} Rates of return and payback count these assets too."))
    notes.insert(0, words.sentence(f"The owners' discount rate is {100 * document['context']['discount_rate']:g} %."))
    if document["funds"] or document["costs"].get("paid_mn"):
        notes.insert(0, words.sentence("Break-even prices count the payments, grants and loans of the scenario."))
    shown = table("owners", columns, plain(rows), words, words("owner_returns"), has_total=has_total)
    drawn = [row for row in document["funds"] if row["spend_mn"] > 0]
    of_funds = [
        Column("fund", words.label("Fund")),
        Column("kind", words.label("Kind")),
        Column("of_year", words("year")),
        Column("spend_mn", words.label("Drawn"), words.millions, 0),
        Column("interest_share", words.label("Real interest rate"), ""),
        Column("term_yr", words.label("Term"), words.unit("years"), 0),
    ]
    terms = [
        {
            **row,
            "kind": words.label(str(row["kind"]).capitalize()),
            "of_year": f"{row['year']:.0f}",
            "interest_share": None if row["kind"] == "grant" else row["interest_rate"],
            "term_yr": None if row["kind"] == "grant" else row["term_yr"],
        }
        for row in drawn
    ]
    parts = [shown, *(paragraph(note, "note") for note in notes)]
    if drawn:
        parts.append(paragraph(words.sentence("Funds drawn, by period:")))
        parts.append(table("funds", of_funds, plain(terms), words, words.label("Funds drawn")))
    return section("owners", words("owner_returns"), *parts)


# Sections for a reviewer.


def evidence(run: StoredRun, words: Words, problem: Problem | None) -> Markup:
    """Return the quality of the inputs; empty for a plan without retrofits or where tables have changed."""
    retrofits = run.tables.get("retrofits")
    if problem is None or retrofits is None or retrofits.empty:
        return Markup("")
    found = quality_rows(problem, retrofits)
    rows = [
        {
            **row,
            "item": words.label(str(row["amount"])),
            "unit_text": words.unit("kt/y") if row["amount"] == TONNES else words.millions,
        }
        for row in found
    ]
    columns = [
        Column("item", words("amount")),
        Column("value", words("value"), "", 0),
        Column("unit_text", words("unit")),
        *(
            Column(f"{name}_share", words.label(capitalised(name.replace("_", " "))))
            for name in (DOCUMENTED, "estimated", "assumed", "built_projects")
        ),
    ]
    capital = next(row for row in found if row["amount"] == CAPITAL)
    tonnes = next(row for row in found if row["amount"] == TONNES)
    message = (
        f"Documented numbers carry {percent(capital['documented_share'], 0)} of the capital and "
        f"{percent(tonnes['documented_share'], 0)} of the tonnes."
    )
    return section(
        "evidence",
        words("evidence"),
        paragraph(words.sentence(message)),
        paragraph(words.sentence(QUALITY_NOTE), "note"),
        table("evidence", columns, rows, words, words("evidence")),
    )


def sources(words: Words, references: Sequence[Mapping[str, Any]]) -> Markup:
    """Return the references with their places, licences and the tables that use them, folded."""
    return section("sources", words("sources"), render("sources", words=words, references=references))
