"""The HTML page of a run: one file without external resources, with escaped names and the figures of the run."""

from __future__ import annotations

import io
import json
import math
import re
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ccs_model.cli import group
from ccs_model.errors import FileError, InputError
from ccs_model.plan.citations import quality_rows
from ccs_model.plan.merit_order import reasons_of
from ccs_model.plan.plan import Plan
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.language import LANGUAGES, labels
from ccs_model.report.page import account_sections, charts, page_sections
from ccs_model.report.page.basemap import HEIGHT, WIDTH, Projection, basemap_of
from ccs_model.report.page.html import PageColumn, PageLanguage
from ccs_model.report.page.page import page_text, write_page
from ccs_model.report.page.plan_map import plan_map, plant_names
from ccs_model.runs.run_reader import read_run, run_of

from .page_runs import HOSTILE, frontier_of, futures_of, of_two_regions

pytestmark = pytest.mark.slow


class Page(HTMLParser):
    """The parsed page: elements with their attributes, and texts by element, scripts included."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open = [""]
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br", "input"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while len(self._open) > 1 and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self._open[-1], []).append(data)

    @property
    def charts(self) -> dict[str, dict[str, Any]]:
        """The Vega-Lite specification of each chart, by name."""
        return {name: block for name, block in self._blocks.items() if name != "map"}

    @property
    def map(self) -> dict[str, Any]:
        """The data of the map."""
        return self._blocks["map"]

    @property
    def _blocks(self) -> dict[str, dict[str, Any]]:
        data = [about["id"] for tag, about in self.elements if tag == "script" and about.get("type")]
        names = [name for name in data if str(name).endswith("-data")]
        blocks = [text for text in self.texts["script"] if text.startswith("{")]
        return {str(name).removesuffix("-data"): json.loads(text) for name, text in zip(names, blocks, strict=True)}


@pytest.fixture(scope="module")
def text(run: StoredRun) -> str:
    return page_text(run)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def values_of(chart: dict[str, Any]) -> list[dict[str, Any]]:
    parts = [chart, *chart.get("layer", [])]
    found = [part.get("data", {}).get("values", []) for part in parts] + list(chart.get("datasets", {}).values())
    return [row for values in found for row in (csv_rows(values) if isinstance(values, str) else values)]


def csv_rows(text: str) -> list[dict[str, Any]]:
    return pd.read_csv(io.StringIO(text), keep_default_na=False).to_dict("records")


def test_page_loads_no_resources_and_allows_only_its_own_two_scripts(page: Page, text: str) -> None:
    for tag, about in page.elements:
        assert "src" not in about and tag not in ("iframe", "object", "embed", "img", "base", "form")
        assert not any(name.startswith("on") for name in about)
        if tag == "a" and str(about["href"]).startswith("https://"):
            assert about["rel"] == "noopener noreferrer"  # a reference, which opens only on a click
        else:
            assert about.get("href", "data:,") == "data:," or str(about["href"]).startswith("#")
    (policy,) = (about["content"] for _, about in page.elements if about.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'; script-src 'sha256-")
    assert policy.count("sha256-") == sum(tag == "script" and not about for tag, about in page.elements) == 2
    assert "@import" not in text.split("</style>")[0] and "url(" not in text.split("</style>")[0]


def test_page_contains_every_section_and_the_figures_of_the_plan(page: Page, plan: Plan) -> None:
    headings = page.texts["h2"]
    expected = (
        "answer", "map", "timeline", "built", "plants", "pipelines", "storage", "macc", "stakeholders",
        "owner_returns", "evidence", "sources",
    )  # fmt: skip
    assert headings == [labels().keyed[key][0] for key in expected]
    # The table of contents links to each section.
    links = [str(about["href"]) for tag, about in page.elements if tag == "a" and str(about["href"]).startswith("#")]
    assert links == [f"#{about['id']}" for tag, about in page.elements if tag == "section"]
    message = " ".join(page.texts["b"])
    for name in ("captured_ktpa", "avoided_ktpa", "capex_mn", "avoidance_cost_per_t", "storage_cost_per_t"):
        assert f"{plan.totals[name]:,.0f}" in message, name
    all_text = " ".join(word for words in page.texts.values() for word in words)
    assert f"Optimality gap {100 * plan.objective.searched_gap_share:.2f}\u00a0%" in all_text
    assert "Not calibrated" in all_text and "schematic, not a boundary statement" in all_text
    assert plan.problem.name in page.texts["h1"] and "Which works, and when?" in page.texts["p"]


def test_every_chart_has_a_text_description(page: Page) -> None:
    assert set(page.charts) == {"spending", "tonnes", "macc-chart", "stakeholders-chart"}
    labels = {about["id"]: about["aria-label"] for _, about in page.elements if "data-chart" in about}
    for name, chart in page.charts.items():
        assert chart["description"] == labels[name] and len(chart["description"]) > 20


def test_bars_of_the_cost_curve_are_as_wide_as_the_abatement(page: Page, run: StoredRun) -> None:
    rows = values_of(page.charts["macc-chart"])
    widths = [row["cumulative_avoided_at_full_load_ktpa"] - row["start_ktpa"] for row in rows]
    assert widths == pytest.approx(list(run.tables["macc"]["avoided_at_full_load_ktpa"]), abs=0.002)
    assert rows[0]["start_ktpa"] == pytest.approx(0.0, abs=1e-6)
    # No gap and no overlap: each bar starts where the one before ends.
    starts = [row["start_ktpa"] for row in rows[1:]]
    assert starts == pytest.approx([row["cumulative_avoided_at_full_load_ktpa"] for row in rows[:-1]], abs=0.002)


def test_map_shows_every_plant_pipe_and_site_to_scale(page: Page, run: StoredRun) -> None:
    drawn = page.map
    features = run.features("plant")
    assert {each["id"] for each in drawn["plants"]} == {each["properties"]["id"] for each in features}
    assert len(drawn["sites"]) == len(run.features("site")) and len(drawn["pipes"]) == len(run.features("pipe"))
    # Mercator is conformal: distances on the map are those on the ground, at the latitude of its centre.
    places = {each["id"]: (each["x"], each["y"]) for each in drawn["plants"]}
    a, b = (each["properties"]["id"] for each in (features[0], features[-1]))
    (lon, lat), (lon2, lat2) = (features[at]["geometry"]["coordinates"] for at in (0, -1))
    east_km = 111.2 * (lon2 - lon) * math.cos(math.radians((lat + lat2) / 2))
    km = math.dist(places[a], places[b]) * drawn["kmPerUnit"]
    assert km == pytest.approx(math.hypot(east_km, 111.2 * (lat2 - lat)), rel=0.05)
    # The area of circles is proportional to emissions; no centre is outside the map.
    for each in drawn["plants"]:
        assert 0 < each["x"] < WIDTH and 0 < each["y"] < HEIGHT
    areas = [each["r"] ** 2 / each["baseline"] for each in drawn["plants"] if each["r"] > 5.0]
    assert len(areas) > 2 and max(areas) == pytest.approx(min(areas), rel=0.04)


def test_map_states_why_each_plant_is_in_or_out_and_lists_its_retrofits(page: Page, run: StoredRun, plan: Plan) -> None:
    drawn = page.map
    reasons = reasons_of(plan.problem, plan.retrofits).set_index("plant")["reason"]
    retrofits = plan.retrofits.groupby("plant").size()
    for each in drawn["plants"]:
        assert drawn["texts"][each["why"][0]] == reasons[each["id"]]
        assert (each["state"] == "retrofitted") == (each["id"] in retrofits.index)
        built = [row for row in each["streams"] if row[2] in ("2026", "2030")]
        assert len(built) == retrofits.get(each["id"], 0)


def test_basemap_has_english_and_chinese_names_in_china_and_abroad() -> None:
    china = basemap_of(None).visible_part(Projection((110.0, 34.0, 120.0, 43.0)))
    assert {"Shanxi", "Tibet"} <= {each.name for each in basemap_of(None).outlines}
    assert ("Taiyuan", "太原") in {(city["name"], city["name_zh"]) for city in china.cities}
    germany = basemap_of(None).visible_part(Projection((6.0, 50.0, 14.0, 55.0)))
    assert {"Germany", "Netherlands"} <= {each.name for each in germany.outlines}
    assert not {"China", "Hebei", "Brazil"} & {each.name for each in germany.outlines}
    # The simplified outline of Germany contains Berlin and not Paris.
    (outline,) = (each for each in germany.outlines if each.name == "Germany")
    assert (outline.name_zh, is_inside(13.4, 52.5, outline.rings[0])) == ("德国", True)
    assert not is_inside(2.35, 48.86, outline.rings[0])


def is_inside(lon: float, lat: float, ring: list[list[float]]) -> bool:
    """Whether a ring contains a point, by the even-odd rule."""
    edges = zip(ring, [*ring[1:], ring[0]], strict=True)
    crossed = [
        (a[1] > lat) != (b[1] > lat) and lon < (b[0] - a[0]) * (lat - a[1]) / (b[1] - a[1]) + a[0] for a, b in edges
    ]
    return sum(crossed) % 2 == 1


def test_figures_and_rows_by_period_match_the_plan(page: Page, plan: Plan) -> None:
    by_year = plan.emissions.groupby("year")[["captured_ktpa", "avoided_ktpa"]].sum()
    by_period = [json.loads(str(about["data-periods"])) for tag, about in page.elements if tag == "b" and len(about)]
    for name in by_year:
        assert [f"{value:,.0f}" for value in by_year[name]] in by_period
    # Tonnes and shares depend on the period; costs per tonne are labelled with the last period.
    assert len(by_period) >= 4
    last = f"{plan.problem.years[-1]}–"
    labels_of = [text for text in page.texts["span"] if "/t avoided" in text or "/t stored" in text]
    capture = f"{plan.totals['capture_cost_per_t']:,.0f}"
    assert any(f"transport and storage; capture alone {capture} per t captured, {last}" in text for text in labels_of)
    assert len(labels_of) == 2 and all(f", {last}" in text for text in labels_of)
    second_period_rows = [about for tag, about in page.elements if tag == "tr" and about.get("data-from") == "1"]
    # Rows of retrofits that start in the second period, and of their pipelines.
    assert len(second_period_rows) == 2 * int((plan.retrofits["year"] == plan.problem.years[1]).sum())


def test_zones_section_states_the_period_of_its_figures(run: StoredRun, plan: Plan) -> None:
    last = f"{plan.problem.years[-1]}–"
    page = Page(page_text(of_two_regions(run)))
    (title,) = (text for text in page.texts["h3"] if "abatement is highest in Shanxi:" in text)
    assert title.startswith(f"In {last}")
    assert page.charts["zones-chart"]["description"].startswith("Abatement of each region")


def test_what_remains_of_the_baseline_names_its_period(page: Page, plan: Plan) -> None:
    assert any(
        text.startswith(f"In {plan.problem.years[-1]}–") and " a year are not avoided" in text
        for text in page.texts["dd"]
    )


def test_regions_are_a_section_if_there_are_several(run: StoredRun) -> None:
    words, last = PageLanguage("en", run.money), run.document["by_year"][-1]["year"]
    assert page_sections.zones(run, words) == ""
    text = str(page_sections.zones(of_two_regions(run), words))
    assert "<h2>Regions</h2>" in text and f"Tonnes and shares of each region are those of {last}" in text
    assert 'href="#zones">Regions</a>' in page_text(of_two_regions(run))


def test_regions_without_a_calibration_have_one_share_of_abatement(run: StoredRun) -> None:
    text = str(page_sections.zones(of_two_regions(run), PageLanguage("en", run.money)))
    assert text.count(">Share of the region&#39;s emissions<") + text.count(">Share of the region's emissions<") == 1
    assert "as delivered" not in text and "As designed" not in text and "as designed" not in text


def test_shares_of_abatement_have_two_digits(run: StoredRun) -> None:
    zones = [
        {**zone, "abatement_share": 0.000244, "on_site_abatement_share": 0.000331}
        for zone in of_two_regions(run).document["zones"]
    ]
    text = str(
        page_sections.zones(replace(run, document={**run.document, "zones": zones}), PageLanguage("en", run.money))
    )
    for share in ("0.02", "0.03"):
        assert f"<td class=n>{share}\u00a0%</td>" in text


def test_plants_of_one_chinese_name_are_told_apart(run: StoredRun) -> None:
    words = PageLanguage("zh", run.money)
    marked = json.loads(json.dumps(run.map))
    plants = [each["properties"] for each in marked["features"] if each["properties"]["kind"] == "plant"]
    named = (("ammonia", "chemicals", "合成氨"), ("methanol", "chemicals", "甲醇"), ("", "steel", "钢铁"))
    for about, (product, sector, _) in zip(plants, named, strict=False):
        about |= {"name": f"Works ({product})" if product else "Works", "name_zh": "一厂", "sector": sector}
    names = plant_names(replace(run, map=marked), words)
    assert [names[about["id"]] for about in plants[:3]] == [f"一厂（{kind}）" for _, _, kind in named]
    assert len(set(names.values())) == len(names)


def test_short_pipelines_have_a_decimal() -> None:
    texts = [PageColumn("length_km", "Length").text(value) for value in (0.23, 9.94, 9.96, 0.0, 1234.5, None)]
    assert texts == ["0.2", "9.9", "10", "0", "1,234", "–"]


def test_a_country_has_regions_and_no_ratio_without_benefits(run: StoredRun) -> None:
    words = PageLanguage("en", run.money)
    abroad = [{**zone, "zone": "Germany"} for zone in run.document["zones"]]
    document = {**run.document, "zones": abroad}
    text = str(page_sections.plants(replace(run, document=document), words, {}))
    assert ">Region</th>" in text and ">Province</th>" not in text
    assert ">Province</th>" in str(page_sections.plants(run, words, {}))
    row = {
        "stakeholder": "public purse",
        "benefits_mn": 0.0,
        "costs_mn": 5.0,
        "npv_mn": -5.0,
        "benefit_cost_ratio": 0.0,
    }
    shown = str(account_sections.stakeholders(replace(run, document={**document, "stakeholders": [row]}), words))
    assert "<td class=n>–</td>" in shown and "<td class=n>0.00</td>" not in shown
    assert "The net value is lowest for the public purse: " in shown
    society = replace(run, document={**document, "stakeholders": [{**row, "stakeholder": "society"}]})
    assert "The net value is lowest for society: " in str(account_sections.stakeholders(society, words))


def test_a_status_within_the_links_searched_says_so(run: StoredRun) -> None:
    links = {"n_searched_links": 1, "n_candidate_links": 36}
    document = {**run.document, "status": "within_gap", "context": {**run.document["context"], **links}}
    text = str(page_sections.answer(replace(run, document=document), PageLanguage("en", run.money)))
    assert "Within the requested gap for the links searched. Optimality gap" in text
    assert "within the 1 link searched." in text


def test_a_number_and_its_percent_sign_stay_on_one_line(page: Page) -> None:
    # Citations (list items) repeat the text of the table of references.
    shown = [text for tag, texts in page.texts.items() if tag not in ("script", "style", "li") for text in texts]
    assert any("\u00a0%" in text for text in shown)
    assert [text for text in shown if re.search("[0-9] %", text)] == []


def test_chinese_page_has_chinese_punctuation_without_spaces(run: StoredRun) -> None:
    page = Page(page_text(run, lang="zh"))
    shown = [text for tag, texts in page.texts.items() if tag not in ("script", "style") for text in texts]
    han = "[\u4e00-\u9fff]"
    sentences = [text for text in shown if "。" in text]
    assert [text for text in sentences if re.search(f"{han} {han}|[，。；：] ", text)] == []
    assert [text for text in shown if re.search(f"{han}[,:;]( |$)", text)] == []
    (menu,) = (about for tag, about in page.elements if tag == "main")
    assert menu["data-save"] == "保存为 {0}"


def test_headings_of_tables_start_with_a_capital(text: str) -> None:
    headings = re.findall("scope=col>([^<]+)", text)
    assert "Retrofits started" in headings and [each for each in headings if each[0].islower()] == []


def test_chart_colours_have_sufficient_contrast_on_white() -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        red, green, blue = (x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for colour in (charts.INK, charts.IN_PLAN, charts.OUT, charts.FIRST, charts.SECOND, charts.THIRD):
        assert 1.05 / (luminance(colour) + 0.05) >= 3.0, colour


def test_evidence_table_matches_the_quality_rows_of_the_workbook(text: str, plan: Plan) -> None:
    shown = text.split('data-table="evidence"')[1].split("</table>")[0]
    rows = list(quality_rows(plan.problem, plan.retrofits))
    assert rows
    for row in rows:
        assert f"<td class=n>{row['value']:,.0f}</td>" in shown
        assert f"<td class=n>{100 * row['assumed_share']:.1f}\u00a0%</td>" in shown


def test_reasons_and_evidence_are_omitted_if_tables_have_changed(run: StoredRun) -> None:
    changed = Page(page_text(replace(run, inputs={**run.inputs, "prices/power": "0" * 64})))
    assert labels().keyed["evidence"][0] not in changed.texts["h2"]
    assert "Tables have changed since this run" in " ".join(changed.texts["p"])
    assert all(each["why"][1] == "" for each in changed.map["plants"])


def test_page_is_deterministic_and_identical_from_the_run_folder(
    run: StoredRun, text: str, plan: Plan, tmp_path: Path
) -> None:
    assert page_text(run) == text
    folder = plan.to_folder(tmp_path / run.name)
    assert write_page(read_run(folder)) == folder / "report.html"
    assert (folder / "report.html").read_text(encoding="utf-8") == text


def test_hostile_names_are_inert(run: StoredRun) -> None:
    marked = json.loads(json.dumps(run.map))
    for feature in marked["features"]:
        feature["properties"] |= {"name": HOSTILE, "name_zh": HOSTILE, "reason": HOSTILE}
    document = json.loads(json.dumps(run.document))
    document["scenario"] = HOSTILE
    for row in document["retrofits"]:
        row |= {"name": HOSTILE, "name_zh": HOSTILE}
    tables = {**run.tables, "macc": run.tables["macc"].assign(name=HOSTILE)}
    hostile = replace(
        run, name=HOSTILE, map=marked, document=document, tables=tables,
        scenario=run.scenario.with_changes({"description": HOSTILE}),
    )  # fmt: skip
    text = page_text(hostile, lang="both")
    page, plain = Page(text), Page(page_text(run, lang="both"))
    # The number of elements is unchanged: no name became an element.
    assert [tag for tag, _ in page.elements if tag in ("script", "img")] == ["script"] * (len(page.charts) + 3)
    assert len(page.elements) == len(plain.elements)
    assert HOSTILE in {row["name"] for row in values_of(page.charts["macc-chart"])}
    assert HOSTILE in page.texts["h1"]


def test_missing_optimality_gap_is_reported_as_unknown(run: StoredRun) -> None:
    document = {**run.document, "objective": {**run.document["objective"], "searched_gap_share": None}}
    assert "The optimality gap is unknown." in " ".join(Page(page_text(replace(run, document=document))).texts["dd"])


def test_headings_are_in_the_requested_language(run: StoredRun) -> None:
    chinese, both = Page(page_text(run, lang="zh")), Page(page_text(run, lang="both"))
    assert "地图" in chinese.texts["h2"] and "Map" not in chinese.texts["h2"]
    assert "Map / 地图" in both.texts["h2"]
    assert dict(chinese.elements)["html"]["lang"] == "zh-CN"
    assert all(english and chinese for english, chinese in labels().keyed.values())
    (option,) = (each for each in group.commands["report"].params if each.name == "lang")
    assert tuple(option.type.choices) == LANGUAGES  # type: ignore[attr-defined]


def test_run_with_a_frontier_has_its_chart_and_a_budget_slider(run: StoredRun) -> None:
    page = Page(page_text(replace(run, frontier=frontier_of(run))))
    assert labels().keyed["frontier"][0] in page.texts["h2"]
    shown = [row["value"] for row in values_of(page.charts["frontier-chart"]) if row["what"] == "solutions"]
    assert shown == [0.0, 900.0, 1500.0]
    (slider,) = (about for tag, about in page.elements if about.get("id") == "budget" and tag == "input")
    assert (slider["type"], slider["min"], slider["max"], slider["value"]) == ("range", "0", "2", "1")


def test_half_size_retrofit_is_labelled_in_every_list(run: StoredRun) -> None:
    retrofits = [{**row, "technology": "amine", "size": "half"} for row in run.document["retrofits"]]
    halves = replace(run, document={**run.document, "retrofits": retrofits})
    page = Page(page_text(replace(halves, frontier=frontier_of(halves))))
    assert page.texts["td"].count("amine, half") == 2 * len(retrofits)
    drawn = page.map
    shown = [row[1] for each in drawn["plants"] for row in each["streams"] if row[2] in ("2026", "2030")]
    assert {drawn["texts"][each] if isinstance(each, int) else each for each in shown} == {"amine, half"}


def test_run_with_uncertainty_has_charts_of_outcomes_inputs_and_plants(run: StoredRun, page: Page) -> None:
    text = page_text(futures_of(run))
    charts = Page(text).charts
    bars, line = (layer["data"]["values"] for layer in charts["outcomes"]["layer"])
    for mode, most in (("fixed plan", 50), ("re-optimised (continuous)", 100)):
        bars_of_mode = [row for row in bars if row["mode"] == mode]
        assert sum(row["n"] for row in bars_of_mode) == 5
        assert max(row["high"] for row in bars_of_mode) >= most > max(row["low"] for row in bars_of_mode)
    assert line == [{"planned": 31.0}]
    # Changes from the mean of 60, the widest bar first; inputs whose effect may be noise are omitted.
    assert "inputs within sampling noise, left out: 2." in text
    assert [(row["input"], row["change"]) for row in values_of(charts["tornado"])] == [
        ("power price", 20.0), ("power price", -15.0), ("pipe cost", 5.0), ("pipe cost", -5.0),
    ]  # fmt: skip
    # The most often chosen plant is first; plants with the same name are distinguished by their ids.
    assert [(row["name"], row["share"]) for row in values_of(charts["chosen"])] == [
        (HOSTILE, 1.0), ("p3 Works", 0.6), ("p2 Works", 0.4),
    ]  # fmt: skip
    assert not {"outcomes", "tornado", "chosen"} & set(page.charts)


def test_monte_carlo_sentences_are_translated_to_chinese(run: StoredRun) -> None:
    page = page_text(futures_of(run), lang="zh")
    for message in (
        "共 5 种未来情景（随机种子 1）。",
        "固定方案在 20\u00a0% 的未来情景下超出预算。",
        "固定方案在 40\u00a0% 的未来情景下未达到目标。",
        "未来情景少于 100 种时",
        "按宽度由大到小排列；影响未超出抽样误差而未列出的参数：2 个。",
        "目标函数值的主要影响因素：电价影响最大",
    ):
        assert message in page
    for message in ("5 futures", "Re-optimised", "power price", "Widest first", "90 % interval"):
        assert message not in page


def test_page_of_a_monte_carlo_folder_shows_its_plan_and_futures(plan: Plan, tmp_path: Path) -> None:
    plan.to_folder(tmp_path / "plan")
    found = futures_of(run_of(plan))
    (tmp_path / "montecarlo.json").write_text(json.dumps(found.uncertainty))
    found.tables["futures"].to_csv(tmp_path / "futures.csv", index=False)
    read = read_run(tmp_path)
    assert (read.folder, read.uncertainty, read.document) == (tmp_path, found.uncertainty, found.document)
    assert {"outcomes", "tornado", "chosen"} <= set(Page(write_page(read).read_text(encoding="utf-8")).charts)
    assert (tmp_path / "report.html").is_file()


def test_empty_network_and_static_plans_have_pages(empty_plan: Plan, shared_plan: Plan, static_plan: Plan) -> None:
    empty, shared, static = (Page(page_text(run_of(each))) for each in (empty_plan, shared_plan, static_plan))
    assert "Nothing is built." in empty.texts["p"]
    assert "Nothing is built because the budget is 0." in empty.texts["p"]
    assert not {"stakeholders-chart", "spending", "tonnes", "zones-chart"} & set(empty.charts)
    assert "Nothing is spent in any period." in empty.texts["p"]
    of_regions = str(page_sections.zones(of_two_regions(run_of(empty_plan)), PageLanguage("en", "CNY 2024")))
    assert "No region reduces its emissions." in of_regions
    assert "Year" not in static.texts["th"] and "Year" in shared.texts["th"]
    assert any(text == "Stored over the site's life of 30 years" for text in static.texts["th"])
    assert any(text.startswith("Tonnes in the representative year and capital") for text in static.texts["p"])
    # Without investment there is no payback period.
    owners = page_text(run_of(empty_plan)).split('data-table="owners"')[1].split("<tfoot>")[1].split("</tfoot>")[0]
    assert re.findall(r"<td class=n>(.*?)</td>", owners) == ["0", "0", "0", "–", "–", "–"]
    assert {"pipe", "truck"} >= {row["kind"] for row in shared.map["pipes"]} != set()
    assert "stakeholders-chart" not in static.charts and static.map["plants"]


@pytest.mark.parametrize("ring_order", [1, -1])
def test_own_basemap_replaces_the_provinces(run: StoredRun, tmp_path: Path, ring_order: int) -> None:
    square = [[110.0, 34.0], [115.0, 34.0], [115.0, 41.0], [110.0, 41.0], [110.0, 34.0]][::ring_order]
    shape = {"type": "Polygon", "coordinates": [square]}
    feature = {"type": "Feature", "properties": {"name": "Square"}, "geometry": shape}
    (tmp_path / "own.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), "utf-8")
    (drawn,) = basemap_of(str(tmp_path / "own.geojson")).outlines
    assert drawn.rings == [square]
    labels_of = {each["text"] for each in Page(page_text(run, basemap=str(tmp_path / "own.geojson"))).map["labels"]}
    assert "Square" in labels_of and "Shaanxi" not in labels_of
    for option, source, absent in (
        (str(tmp_path / "own.geojson"), "own.geojson (outlines), GeoNames", "Natural Earth (outlines"),
        ("none", "Source: map.geojson", "GeoNames ("),
    ):
        notes = str(plan_map(run, PageLanguage("en", run.money), basemap_of(option), {}))
        assert source in notes and absent not in notes and "boundary statement" not in notes
    far = {**feature, "geometry": {"type": "Polygon", "coordinates": [[[-x, y] for x, y in square]]}}
    (tmp_path / "far.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [far]}), "utf-8")
    notes = str(plan_map(run, PageLanguage("en", run.money), basemap_of(str(tmp_path / "far.geojson")), {}))
    assert "No polygon of far.geojson lies within the map." in notes


def _collection(*ring: list[float]) -> str:
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}}
    return json.dumps({"type": "FeatureCollection", "features": [feature]})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("{}", "not GeoJSON"),
        ('{"features": []}', "no polygon"),
        ('{"features": [3]}', "not GeoJSON"),
        ('{"type": "Feature", "geometry": null}', "is a Feature, expected a FeatureCollection"),
        ('{"type": "Polygon", "coordinates": []}', "is a Polygon, expected a FeatureCollection"),
        (_collection([5e5, 4e6], [6e5, 4e6], [6e5, 5e6], [5e5, 4e6]), "at 500000, 4000000, expected.* .give WGS84"),
        (_collection([37, 114], [41, 114], [41, 119], [37, 114]), "at 37, 114, expected.* .longitude comes first"),
        (_collection([114, 37], [114, 41], [119, 41], [119, 37]), "feature 1: has a ring that is not closed"),
        (_collection([114, 37], [114, 41], [114, 37]), "has a ring of 3 points"),
    ],
)
def test_invalid_or_missing_basemap_raises_an_error(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "bad.geojson").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        basemap_of(str(tmp_path / "bad.geojson"))
    with pytest.raises(FileError):
        basemap_of(str(tmp_path / "missing.geojson"))


def test_sources_are_listed_with_their_licences(text: str) -> None:
    listed = text.split("<ol class=sources>")[1].split("</ol>")[0]
    assert "Global Energy Monitor" in listed and "CC BY 4.0" in listed


def test_report_command_without_its_extra_states_the_install_command(plan: Plan, tmp_path: Path) -> None:
    import sys

    folder = plan.to_folder(tmp_path / "run")
    script = (
        "import sys; sys.modules['altair'] = None\n"
        "from ccs_model.cli import main\n"
        f"sys.argv = ['ccs-model', 'report', {str(folder)!r}]\n"
        "main()\n"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert answer.returncode == 2 and 'pip install "ccs-model[report]"' in answer.stderr
    assert not (folder / "report.html").exists()
