"""The map of the page: an SVG drawn here, and the data with which map.js moves it and describes what is on it.

The area of a circle is the baseline of a plant, the width of a pipeline its flow. Everything drawn has a row in the
data under the same number, with its texts in the language of the page.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from ccs_model.inputs.geography import are_in_china
from ccs_model.plan.plan_json import records
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.page.basemap import HEIGHT, WIDTH, Basemap, Projection
from ccs_model.report.page.html import PageLanguage, as_data, length, number, paragraph, render, section
from ccs_model.report.page.map_view import box_of, ends_of, home_of, places_of_name
from ccs_model.report.phrases import capitalise, years_of_work
from ccs_model.report.plant_names import distinct_chinese_names
from ccs_model.report.workbook.native_charts import sector_colours

# Radius in pixels of the largest circle and of the smallest; widths of the widest pipeline and of the narrowest.
_RADIUS, _LEAST_RADIUS, _WIDTH, _LEAST_WIDTH = 16.0, 2.5, 7.0, 1.4
# Names, the first kept where two would overlap.
_ZONE, _USED_SITE, _PROVINCE, _COUNTRY, _CITY = range(5)
_LEGEND_SHARES = (1.0, 0.25, 0.05)
# Longer texts stand once in the data, since many plants share them.
_SHORT = 8


def plan_map(run: StoredRun, words: PageLanguage, basemap: Basemap, why: Mapping[str, tuple[str, str]]) -> Markup:
    """Return the map with its controls, legends and data; `why` holds the reason of each plant and what changes it."""
    home = home_of(run, basemap)
    projection = Projection(box_of(run, [each for each in basemap.outlines if each.is_country and each.name in home]))
    near = basemap.visible_part(projection)
    plants = list(_plants(run, words, projection, why))
    pipes, sites = list(_pipes(run, words, projection)), list(_sites(run, words, projection))
    land = [
        {"css": "zone" if each.name in home else "country" if each.is_country else "province",
         "path": projection.path(each.rings)}
        for each in sorted(near.outlines, key=lambda each: (not each.is_country, each.name in home))
    ]  # fmt: skip
    message = (
        f"Map of {len(run.features('plant'))} plants ({run.document['totals']['n_plants_retrofitted']} retrofitted), "
        f"{len(run.features('pipe', 'truck'))} pipelines and roads, and "
        f"{sum(bool(each['properties']['is_used']) for each in run.features('site'))} storage sites in use"
    )
    caption = "Plants are drawn at their locations, in their state in the period shown; "
    caption += "pipelines are drawn as straight lines."
    sources = "Source: map.geojson of this run."
    if basemap.own:
        if not near.outlines:
            caption = f"No polygon of {basemap.own} lies within the map. {caption}"
        elif not any(each.name for each in basemap.outlines):
            missing = "expected a property such as name, NAME_1 or shapeName"
            caption = f"No polygon of {basemap.own} has a name: {missing}. {caption}"
        sources = f"Source: {basemap.own} (outlines), GeoNames (cities, CC BY 4.0), map.geojson of this run."
    elif basemap.outlines:
        caption = f"Outlines are schematic, not a boundary statement. {caption}" if near.outlines else caption
        sources = "Natural Earth (outlines, public domain), GeoNames (cities, CC BY 4.0), map.geojson of this run."
        sources = f"Source: {sources}"
    largest = max((each["baseline"] for each in plants), default=1.0)
    widest = max((max(each["flows"]) for each in pipes), default=0.0)
    texts: dict[str, int] = {}
    for each in (*plants, *pipes, *sites):
        each |= {name: _index_texts(each[name], texts) for name in ("facts", "streams", "why") if name in each}
    data = {
        "texts": list(texts), "extent": projection.extent, "kmPerUnit": projection.km_per_unit,
        "plants": plants, "pipes": pipes, "sites": sites, "labels": list(_names(run, words, projection, near, home)),
        "budgets": _budgets(run, projection),
        "leastWidth": _LEAST_WIDTH, "widthPerFlow": (_WIDTH - _LEAST_WIDTH) / max(widest, 1.0),
        "streamHeads": [capitalise(words.title(name)) for name in _STREAM_COLUMNS], "scroll": words("scroll"),
    }  # fmt: skip
    drawn = render(
        "map",
        words=words,
        description=words.sentence(message),
        width=WIDTH,
        height=HEIGHT,
        land=land,
        plants=plants,
        pipes=pipes,
        sites=sites,
        sectors=[(each, words.translate_identifier(each, "sector"), colour) for each, colour in _colours(run).items()],
        circles=[(number(top), _radius(top, largest)) for top in _legend(largest)],
        lines=[(number(top), _LEAST_WIDTH + (_WIDTH - _LEAST_WIDTH) * top / widest) for top in _legend(widest)],
        unit=words.unit("kt/y"),
        has_trucks=bool(run.features("truck")),
        data=as_data(data),
    )
    notes = (paragraph(words.sentence(text), "note") for text in (caption, sources))
    return section("map", words("map"), drawn, *notes)


def _index_texts(value: Any, texts: dict[str, int]) -> Any:
    """Return lists of texts with the longer texts replaced by their number in a list of texts."""
    if isinstance(value, list):
        return [_index_texts(each, texts) for each in value]
    return texts.setdefault(value, len(texts)) if len(value) > _SHORT else value


def zone_word(run: StoredRun) -> str:
    """Return the key of the word for a zone: only calibrated plans are compared with the pilot zones."""
    return "zone" if run.document["calibration"] else "region"


def province_word(run: StoredRun) -> str:
    """Return the key of the word for the place of a plant: a province of China, or a region elsewhere."""
    zones = [str(zone["zone"]) for zone in run.document["zones"]]
    return "province" if are_in_china(zones).any() else "region"


def plant_names(run: StoredRun, words: PageLanguage) -> dict[str, str]:
    """Return the name of each plant in the language of the page."""
    found = [each["properties"] for each in run.features("plant")]
    if words.lang == "en":
        return {str(each["id"]): str(each["name"]) for each in found}
    chinese = distinct_chinese_names(
        (str(each["id"]), str(each["name"]), str(each["name_zh"] or ""), str(each["sector"])) for each in found
    )
    return {str(each["id"]): words.plant_name(str(each["name"]), chinese[str(each["id"])]) for each in found}


def _colours(run: StoredRun) -> dict[str, str]:
    """The sectors of the plants with their colours."""
    sectors = sorted({str(each["properties"]["sector"]) for each in run.features("plant")})
    colours = sector_colours(sectors)
    return {sector: colours[sector] for sector in sectors}


def _radius(baseline_ktpa: float, largest_ktpa: float) -> float:
    return round(max(_RADIUS * math.sqrt(max(baseline_ktpa, 0.0) / max(largest_ktpa, 1.0)), _LEAST_RADIUS), 1)


def _legend(top: float) -> list[float]:
    """Round values of a legend, the largest first: 1, 2 or 5 times a power of ten."""
    if top <= 0:
        return []
    found = []
    for share in _LEGEND_SHARES:
        power = 10 ** math.floor(math.log10(top * share))
        found.append(max(step for step in (1, 2, 5) if step * power <= top * share * 1.0001) * power)
    return found


_STREAM_COLUMNS = ("stream", "technology", "start", "site", "avoided_ktpa", "capex_mn", "avoidance_cost_per_t")


def streams_of(run: StoredRun, words: PageLanguage) -> dict[str, list[list[str]]]:
    """Return the streams of each plant as texts: those retrofitted, then the others with their cheapest option."""
    rows: dict[str, list[list[str]]] = {}

    def add(row: Mapping[str, Any], start: str, avoided: str, cost: str) -> None:
        texts = [words.translate_identifier(str(row["stream"] or ""), "stream"), technology_text(words, row)]
        amounts = [number(row[name]) for name in (avoided, "capex_mn", cost)]
        rows.setdefault(str(row["plant"]), []).append([*texts, start, site_name(run, words, row["site"]), *amounts])

    for row in run.document["retrofits"]:
        start = words("in_plan") if run.scenario.is_static else years_of_work(row)
        add(row, start, "avoided_ktpa", "avoidance_cost_per_t")
    table = run.tables.get("macc", pd.DataFrame())
    for row in records(table):
        if not row["in_plan"]:
            add(row, words("not_in_plan"), "avoided_at_full_load_ktpa", "avoidance_cost_at_full_load_per_t")
    return rows


def technology_text(words: PageLanguage, row: Mapping[str, Any]) -> str:
    """Return the technology, and the size of a retrofit that takes a part of its stream."""
    name, size = words.translate_identifier(str(row["technology"] or ""), "technology"), str(row.get("size") or "full")
    return name if size == "full" else f"{name}{words.comma}{words.translate_identifier(size, 'size')}"


def site_name(run: StoredRun, words: PageLanguage, site: Any) -> str:
    """Return the name of a storage site in the language of the page; empty for none."""
    names = {each["properties"]["id"]: str(each["properties"]["name"]) for each in run.features("site")}
    return words.value(names.get(site, str(site or "")), "site")


def _plants(
    run: StoredRun, words: PageLanguage, place: Projection, why: Mapping[str, tuple[str, str]]
) -> Iterator[dict[str, Any]]:
    """Plants, the largest first, so that small ones stay visible."""
    features, colours = run.features("plant"), _colours(run)
    names, streams, province = plant_names(run, words), streams_of(run, words), province_word(run)
    started = _first_periods(run, run.document["retrofits"])
    owners = {row["plant"]: row for row in run.document["owners"]}
    largest = max((float(each["properties"]["baseline_ktpa"] or 0.0) for each in features), default=1.0)
    for each in sorted(features, key=lambda each: -float(each["properties"]["baseline_ktpa"] or 0.0)):
        about = each["properties"]
        plant, baseline = str(about["id"]), float(about["baseline_ktpa"] or 0.0)
        facts = [
            [words("sector"), words.translate_identifier(str(about["sector"]), "sector")],
            [words(province), words.value(str(about["province"]), "province")],
        ]
        amounts = ("captured_ktpa", "avoided_ktpa", "capex_mn") if about["is_retrofitted"] else ()
        facts += [[words.title(name), number(about[name])] for name in ("baseline_ktpa", *amounts)]
        if owner := owners.get(plant):
            names_of = ("npv_mn", "break_even_carbon_price_per_t")
            facts += [[words.title(name), number(owner[name])] for name in names_of if owner[name] is not None]
        reason, change = why.get(plant, (words.label(f"out: {about['reason']}") if about["reason"] else "", ""))
        x, y = place(*each["geometry"]["coordinates"])
        yield {
            "id": plant, "name": names[plant], "x": x, "y": y, "r": _radius(baseline, largest), "baseline": baseline,
            "sector": str(about["sector"]), "colour": colours[str(about["sector"])],
            "state": "retrofitted" if about["is_retrofitted"] else "ineligible" if about["reason"] else "eligible",
            "from": started.get(plant), "facts": facts, "streams": streams.get(plant, []),
            "why": [reason, change],
        }  # fmt: skip


def link_name(run: StoredRun, words: PageLanguage, about: Mapping[str, Any]) -> str:
    """Return the ends of a pipeline or road by name."""
    plants = plant_names(run, words)
    if about.get("from_name"):
        shown = {str(each["properties"]["name"]): plants[each["properties"]["id"]] for each in run.features("plant")}
        ends = (str(about.get(key) or "") for key in ("from_name", "to_name"))
        return " → ".join(shown.get(end) or words.cell("Transport", "from_name", end) for end in ends)
    plant = plants.get(str(about.get("plant")), str(about.get("plant")))
    return f"{plant} → {site_name(run, words, about.get('site'))}"


def flows_of(run: StoredRun, about: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the flow of a link, of an own pipeline or of a road in each period."""
    flow = float(about["flow_ktpa"])
    if run.scenario.is_static:
        return (flow,)
    # A pipeline of one retrofit is named by its route.
    found = [row for row in run.document["links"] if row.get("link", row.get("route")) == about["id"]]
    by_year = {row["year"]: float(row["flow_ktpa"]) for row in found}
    return tuple(by_year.get(year, 0.0) for year in run.years)


def flows_of_pipe(run: StoredRun, about: Mapping[str, Any], beside: Sequence[Mapping[str, Any]]) -> tuple[float, ...]:
    """Return the flow of a pipeline in each period: its share, by capacity, in that of the pipelines `beside` it."""
    flows = flows_of(run, about)
    if len(beside) == 1 or run.scenario.is_static:
        return flows

    def capacity(pipe: Mapping[str, Any], year: int) -> float:
        size = float(pipe.get("capacity_ktpa", pipe["flow_ktpa"]))
        return size if (pipe["built_year"] or year) <= year else 0.0

    totals = [sum(capacity(pipe, year) for pipe in beside) for year in run.years]
    return tuple(
        flow * capacity(about, year) / total if total > 0 else 0.0
        for flow, year, total in zip(flows, run.years, totals, strict=True)
    )


def _pipes(run: StoredRun, words: PageLanguage, place: Projection) -> Iterator[dict[str, Any]]:
    """Links, own pipelines and roads, with the flow of each period; the pipelines of a link are one line."""
    for each in run.lines():
        about, (start, end) = each["properties"], ends_of(each)
        flows = flows_of(run, about)
        facts = [
            [words.title("length_km"), length(about["length_km"])],
            [words.title("capex_mn"), number(about["capex_mn"])],
        ]
        yield {
            "name": link_name(run, words, about), "kind": about["kind"], "line": [*place(*start), *place(*end)],
            "flows": [round(value, 1) for value in flows],
            "facts": [[words.title("flow_ktpa"), [number(value) for value in flows]], *facts],
        }  # fmt: skip


def _sites(run: StoredRun, words: PageLanguage, place: Projection) -> Iterator[dict[str, Any]]:
    """Storage sites, those in use last, above the others."""
    costs = {row["site"]: row["storage_cost_per_t"] for row in run.document["storage"]}
    for each in sorted(run.features("site"), key=lambda each: bool(each["properties"]["is_used"])):
        about = each["properties"]
        facts = [[words.title(name), number(about[name])] for name in ("injected_ktpa", "capacity_kt")]
        if about["is_used"] and costs.get(about["id"]) is not None:
            facts.append([words.title("storage_cost_per_t"), number(costs[about["id"]])])
        x, y = place(*each["geometry"]["coordinates"])
        yield {
            "name": words.value(str(about["name"]), "site"), "x": x, "y": y, "used": bool(about["is_used"]),
            "facts": facts,
        }  # fmt: skip


def _names(
    run: StoredRun, words: PageLanguage, place: Projection, basemap: Basemap, home: Collection[str]
) -> Iterator[dict[str, Any]]:
    """Names on the map with their rank and the places where they may stand, largest cities first.

    Names of plants, which depend on the period, are added by map.js.
    """
    for each in basemap.outlines:
        if each.name:
            rank = _ZONE if each.name in home else _COUNTRY if each.is_country else _PROVINCE
            name = words.choose_text(each.name, each.name_zh) if each.name_zh else words.value(each.name, "province")
            (x, y), *others = places_of_name(each, place, home)
            yield {"text": name, "x": x, "y": y, "rank": rank, **({"others": others} if others else {})}
    for site in run.features("site"):
        if site["properties"]["is_used"]:
            x, y = place(*site["geometry"]["coordinates"])
            yield {"text": words.value(str(site["properties"]["name"]), "site"), "x": x, "y": y, "rank": _USED_SITE}
    for city in sorted(basemap.cities, key=lambda city: -city["population_k"]):
        x, y = place(city["lon"], city["lat"])
        yield {"text": words.choose_text(city["name"], city["name_zh"] or None), "x": x, "y": y, "rank": _CITY}


def _budgets(run: StoredRun, place: Projection) -> list[dict[str, Any]]:
    """Retrofitted plants with their first period, and pipelines, of each budget of a frontier."""
    points: Sequence[Mapping[str, Any]] = run.frontier["points"] if run.frontier else ()
    found = []
    for point in points:
        lines = [
            [*place(lon, lat), *place(lon2, lat2), round(flow, 1)] for lon, lat, lon2, lat2, flow in point["lines"]
        ]
        fitted = _first_periods(run, point["rows"])
        found.append({"isScenario": bool(point["is_scenario"]), "retrofitted": fitted, "lines": lines})
    return found


def _first_periods(run: StoredRun, retrofits: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Number of the first period of each plant with retrofits."""
    found: dict[str, int] = {}
    for row in retrofits:
        at = 0 if run.scenario.is_static else run.years.index(row["year"])
        found[row["plant"]] = min(at, found.get(row["plant"], at))
    return found
