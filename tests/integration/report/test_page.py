"""The page: one file that loads nothing, in which names stay names, and which a browser draws without a complaint."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ccs_model.cli import group
from ccs_model.errors import FileError, InputError
from ccs_model.plan.plan import Plan
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.language import LANGUAGES, labels
from ccs_model.report.page.map import outlines_of
from ccs_model.report.page.page import page_text, write_page
from ccs_model.runs.run_reader import read_run, run_of

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&{{7*7}}"
# What a run may tell of: sizes that a phone and a desk have.
PHONE_PX, DESK_PX = 390, 1280


class Page(HTMLParser):
    """What a browser would make of the file: elements with their attributes, scripts, and text."""

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
        """The Vega-Lite of each chart by its name."""
        data = [about["id"] for tag, about in self.elements if tag == "script" and about.get("type")]
        names = [name for name in data if str(name).endswith("-data")]
        blocks = [text for text in self.texts["script"] if text.startswith("{")]
        return {str(name).removesuffix("-data"): json.loads(text) for name, text in zip(names, blocks, strict=True)}


@pytest.fixture(scope="module")
def run(plan: Plan) -> StoredRun:
    return run_of(plan)


@pytest.fixture(scope="module")
def text(run: StoredRun) -> str:
    return page_text(run)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def frontier_of(run: StoredRun) -> dict[str, Any]:
    """Three budgets: nothing, the plan of the run, and the same again with a name that is markup."""
    retrofits = run.document["retrofits"]
    rows = [{key: row[key] for key in ("plant", "name", "stream", "technology", "year", "site", "avoided_ktpa",
                                       "capex_mn")} for row in retrofits]  # fmt: skip
    fitted = {row["plant"]: [row["avoided_ktpa"], row["capex_mn"]] for row in rows}
    lines = [[*each["geometry"]["coordinates"][0], *each["geometry"]["coordinates"][-1], 100.0]
             for each in run.features("pipe")]  # fmt: skip
    nothing: dict[str, Any] = {"fitted": {}, "rows": [], "lines": []}
    built = {"fitted": fitted, "rows": rows, "lines": lines}
    hostile = {**built, "rows": [{**row, "name": HOSTILE} for row in rows]}
    points = [
        {
            "budget_mn": 1000.0 * k, "abatement_kt": value, "objective": value, "bound": value + 10.0,
            "gap_share": 0.01, "list_objective": None, "n_plants_retrofitted": len(plan["fitted"]),
            "words": f"step {k}", "is_scenario": k == 1, **plan,
        }
        for k, (value, plan) in enumerate(((0.0, nothing), (900.0, built), (1500.0, hostile)))
    ]  # fmt: skip
    about = {"unit": "kt over the horizon", "is_exact": False, "network": "every retrofit has its own pipeline"}
    return {**about, "list_words": "", "points": points}


def futures_of(run: StoredRun) -> StoredRun:
    """Five futures by hand: the plan, held, reaches 10 to 50, and planned anew twice as much."""
    held = [10.0, 20.0, 30.0, 40.0, 50.0]
    futures = pd.DataFrame({"fixed_objective_value": held, "replanned_objective_value": [2 * value for value in held]})
    spread = [
        {"mode": mode, "measure": "objective_value", "planned": 31.0, "mean": 30.0 * k, "p5": 12.0 * k, "p50": 30.0 * k,
         "p95": 48.0 * k, "n_futures": 5}
        for mode, k in (("replanned", 2), ("fixed", 1))
    ]  # fmt: skip
    tornado = [
        {"mode": mode, "measure": "objective_value", "input": name, "low": low, "high": high}
        for mode in ("replanned", "fixed")
        for name, low, high in (("power_price", 80.0, 45.0), ("pipe_cost", 65.0, 55.0))
    ]
    plants = [
        {"plant": "p1", "name": HOSTILE, "chosen_share": 1.0, "is_planned": True},
        {"plant": "p2", "name": "Works", "chosen_share": 0.4, "is_planned": False},
        {"plant": "p3", "name": "Works", "chosen_share": 0.6, "is_planned": True},
    ]
    about = {"n_draws": 5, "seed": 1, "unit": "kt over the horizon", "overrun_share": 0.2, "within_limits_share": 0.8}
    found = {**about, "spread": spread, "tornado": tornado, "plants": plants, "no_regret": {"plants": ["p1"]}}
    return replace(run, uncertainty=found, tables={**run.tables, "futures": futures})


def values_of(chart: dict[str, Any]) -> list[dict[str, Any]]:
    parts = [chart, *chart.get("layer", [])]
    return [row for part in parts for row in part.get("data", {}).get("values", [])]


def test_it_loads_nothing_and_runs_its_own_two_scripts_alone(page: Page, text: str) -> None:
    for tag, about in page.elements:
        assert "src" not in about and tag not in ("iframe", "object", "embed", "img", "base", "form")
        assert not any(name.startswith("on") for name in about)
        assert about.get("href", "data:,") == "data:,"
    (policy,) = (about["content"] for _, about in page.elements if about.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'; script-src 'sha256-")
    assert policy.count("sha256-") == sum(tag == "script" and not about for tag, about in page.elements) == 2
    assert "@import" not in text.split("</style>")[0] and "url(" not in text.split("</style>")[0]


def test_it_holds_every_section_and_the_plans_own_figures(page: Page, plan: Plan) -> None:
    headings = page.texts["h2"]
    expected = ("map", "timeline", "built", "macc", "zones", "stakeholders", "owner_returns", "sources")
    assert headings == [labels().keyed[key][0] for key in expected]
    message = " ".join(page.texts["b"])
    for name in ("captured_ktpa", "avoided_ktpa", "capex_mn", "avoidance_cost_per_t"):
        assert f"{plan.totals[name]:,.0f}" in message, name
    whole = " ".join(word for words in page.texts.values() for word in words)
    assert f"Optimality gap {100 * plan.objective.searched_gap_share:.2f} %" in whole
    assert "Not calibrated" in whole and "schematic, not a boundary statement" in whole
    assert plan.problem.name in page.texts["h1"] and "Which works, and when?" in page.texts["p"]


def test_every_chart_says_in_words_what_it_shows(page: Page) -> None:
    assert set(page.charts) == {"map", "spending", "tonnes", "macc", "zones", "stakeholders"}
    labels = {about["id"]: about["aria-label"] for _, about in page.elements if "data-chart" in about}
    for name, chart in page.charts.items():
        assert chart["description"] == labels[name] and len(chart["description"]) > 20


def test_the_cost_curve_has_bars_as_wide_as_what_they_avoid(page: Page, run: StoredRun) -> None:
    rows = values_of(page.charts["macc"])
    widths = [row["cumulative_avoided_at_full_load_ktpa"] - row["start_ktpa"] for row in rows]
    assert widths == pytest.approx(list(run.tables["macc"]["avoided_at_full_load_ktpa"]))
    assert rows[0]["start_ktpa"] == pytest.approx(0.0, abs=1e-6)
    # No gap and no overlap: each bar starts where the one before ends.
    starts = [row["start_ktpa"] for row in rows[1:]]
    assert starts == pytest.approx([row["cumulative_avoided_at_full_load_ktpa"] for row in rows[:-1]])


def test_the_map_shows_every_plant_pipe_and_site_where_it_lies(page: Page, run: StoredRun) -> None:
    rows = values_of(page.charts["map"])
    places = {
        row["id"]: [row["lon"], row["lat"]] for row in rows if row.get("kind") in ("plant", "site") and "id" in row
    }
    expected = {each["properties"]["id"]: each["geometry"]["coordinates"] for each in run.features("plant", "site")}
    assert places == expected
    assert sum("lon2" in row for row in rows) == len(run.features("pipe"))


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes(run: StoredRun, text: str, plan: Plan, tmp_path: Path) -> None:
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
    # As many elements of each kind as without: no name became an element.
    assert [tag for tag, _ in page.elements if tag in ("script", "img")] == ["script"] * (len(page.charts) + 2)
    assert len(page.elements) == len(plain.elements)
    assert HOSTILE in {row["name"] for row in values_of(page.charts["macc"])}
    assert HOSTILE in page.texts["h1"]


def test_a_gap_that_was_not_found_is_said_to_be_so(run: StoredRun) -> None:
    document = {**run.document, "objective": {**run.document["objective"], "searched_gap_share": None}}
    assert "The optimality gap is unknown." in " ".join(Page(page_text(replace(run, document=document))).texts["dd"])


@pytest.mark.slow
def test_headings_are_in_the_language_asked_for(run: StoredRun) -> None:
    chinese, both = Page(page_text(run, lang="zh")), Page(page_text(run, lang="both"))
    assert "地图" in chinese.texts["h2"] and "Map" not in chinese.texts["h2"]
    assert "Map / 地图" in both.texts["h2"]
    assert dict(chinese.elements)["html"]["lang"] == "zh-CN"
    assert all(english and chinese for english, chinese in labels().keyed.values())
    (option,) = (each for each in group.commands["report"].params if each.name == "lang")
    assert tuple(option.type.choices) == LANGUAGES  # type: ignore[attr-defined]


def test_a_frontier_is_drawn_where_the_run_has_one(run: StoredRun) -> None:
    page = Page(page_text(replace(run, frontier=frontier_of(run))))
    assert labels().keyed["frontier"][0] in page.texts["h2"]
    shown = [row["value"] for row in values_of(page.charts["frontier"]) if row["what"] == "solutions"]
    assert shown == [0.0, 900.0, 1500.0]
    (slider,) = (about for tag, about in page.elements if tag == "input")
    assert (slider["type"], slider["min"], slider["max"], slider["value"]) == ("range", "0", "2", "1")


def test_futures_are_drawn_where_the_run_has_been_looked_at_in_many(run: StoredRun, page: Page) -> None:
    charts = Page(page_text(futures_of(run))).charts
    bars, line = (layer["data"]["values"] for layer in charts["outcomes"]["layer"])
    for mode, most in (("fixed plan", 50), ("re-optimised (continuous)", 100)):
        mine = [row for row in bars if row["mode"] == mode]
        assert sum(row["n"] for row in mine) == 5
        assert max(row["high"] for row in mine) >= most > max(row["low"] for row in mine)
    assert line == [{"planned": 31.0}]
    # Less the mean of 60: the widest first, its low end to the right.
    assert [(row["input"], row["change"]) for row in values_of(charts["tornado"])] == [
        ("power price", 20.0), ("power price", -15.0), ("pipe cost", 5.0), ("pipe cost", -5.0),
    ]  # fmt: skip
    # The most often chosen first; plants of one name are told apart by their ids.
    assert [(row["name"], row["share"]) for row in values_of(charts["chosen"])] == [
        (HOSTILE, 1.0), ("p3 Works", 0.6), ("p2 Works", 0.4),
    ]  # fmt: skip
    assert not {"outcomes", "tornado", "chosen"} & set(page.charts)


def test_sentences_of_a_monte_carlo_are_chinese_in_chinese(run: StoredRun) -> None:
    page = page_text(futures_of(run), lang="zh")
    for message in (
        "共 5 种未来情景（随机种子 1）。",
        "的未来情景下超出预算，在",
        "按宽度由大到小排列。",
        "目标函数值的主要影响因素：电价 影响最大",
    ):
        assert message in page
    for message in ("5 futures", "Re-optimised", "power price", "Widest first", "90 % interval"):
        assert message not in page


def test_the_folder_of_a_monte_carlo_has_a_page_of_its_plan_and_its_futures(plan: Plan, tmp_path: Path) -> None:
    plan.to_folder(tmp_path / "plan")
    found = futures_of(run_of(plan))
    (tmp_path / "montecarlo.json").write_text(json.dumps(found.uncertainty))
    found.tables["futures"].to_csv(tmp_path / "futures.csv", index=False)
    read = read_run(tmp_path)
    assert (read.folder, read.uncertainty, read.document) == (tmp_path, found.uncertainty, found.document)
    assert {"outcomes", "tornado", "chosen"} <= set(Page(write_page(read).read_text(encoding="utf-8")).charts)
    assert (tmp_path / "report.html").is_file()


@pytest.mark.slow
def test_an_empty_plan_a_network_and_a_static_year_have_pages(
    empty_plan: Plan, shared_plan: Plan, static_plan: Plan
) -> None:
    empty, shared, static = (Page(page_text(run_of(each))) for each in (empty_plan, shared_plan, static_plan))
    assert "Nothing is built." in empty.texts["p"]
    assert {"pipe", "truck"} >= {row["kind"] for row in values_of(shared.charts["map"]) if "lon2" in row} != set()
    assert "stakeholders" not in static.charts and "map" in static.charts


@pytest.mark.slow
@pytest.mark.parametrize("turn", [1, -1])
def test_a_basemap_of_ones_own_takes_the_place_of_provinces(run: StoredRun, tmp_path: Path, turn: int) -> None:
    square = [[110.0, 34.0], [115.0, 34.0], [115.0, 41.0], [110.0, 41.0], [110.0, 34.0]][::turn]
    shape = {"type": "Polygon", "coordinates": [square]}
    feature = {"type": "Feature", "properties": {"name": "Square"}, "geometry": shape}
    (tmp_path / "own.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), "utf-8")
    (drawn,) = outlines_of(str(tmp_path / "own.geojson"))
    # Clockwise whichever way it was written, or all the globe but the square would be land.
    ((ring,),) = drawn["geometry"]["coordinates"]
    assert ring == [[110.0, 34.0], [110.0, 41.0], [115.0, 41.0], [115.0, 34.0], [110.0, 34.0]]
    names = {
        row.get("name") for row in values_of(Page(page_text(run, basemap=str(tmp_path / "own.geojson"))).charts["map"])
    }
    assert "Square" in names and "Shaanxi" not in names
    assert "boundary statement" not in page_text(run, basemap="none")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("{}", "not GeoJSON"),
        ('{"features": []}', "no polygon"),
        ('{"features": [3]}', "not GeoJSON"),
    ],
)
def test_a_basemap_that_is_none_is_told(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "bad.geojson").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        outlines_of(str(tmp_path / "bad.geojson"))
    with pytest.raises(FileError):
        outlines_of(str(tmp_path / "missing.geojson"))


def test_sources_are_those_of_the_tables_with_their_licences(text: str) -> None:
    listed = text.split("<ol class=sources>")[1].split("</ol>")[0]
    assert "Global Energy Monitor" in listed and "CC BY 4.0" in listed


def test_without_the_extra_the_command_says_how_to_install_it(plan: Plan, tmp_path: Path) -> None:
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


def browse(path: Path, *options: str, width: int = DESK_PX) -> subprocess.CompletedProcess[str]:
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install -y chromium fonts-noto-cjk")
    words = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
             f"--user-data-dir={path.parent / 'profile'}", "--virtual-time-budget=20000", f"--window-size={width},2000",
             *options, path.as_uri()]  # fmt: skip
    return subprocess.run(words, capture_output=True, text=True, encoding="utf-8", timeout=300, check=False)


def complaints(answer: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in answer.stderr.splitlines() if "CONSOLE" in line]


# Asks the browser what it made of the page; the page's own rules would not let it run, so they are left out.
_MEASURE = """<script>
window.addEventListener("load", function () { setTimeout(function () {
  const root = document.documentElement;
  const beyond = Array.from(document.querySelectorAll("body *")).filter(function (each) {
    return each.getBoundingClientRect().right > root.clientWidth + 1 && !each.closest(".wide, svg, details, noscript");
  });
  const small = Array.from(document.querySelectorAll("svg text, td, p, li, dd")).filter(function (each) {
    return each.textContent.trim() && each.getClientRects().length && parseFloat(getComputedStyle(each).fontSize) < 11;
  });
  window.parent.postMessage(JSON.stringify({
    width: root.clientWidth, scroll: root.scrollWidth, beyond: beyond.map(each => each.outerHTML.slice(0, 80)),
    charts: Array.from(document.querySelectorAll("[data-chart]")).map(function (each) {
      const drawn = each.querySelector("svg.marks");
      return [each.id, drawn ? drawn.querySelectorAll("path, rect, line, text").length : 0,
              drawn ? drawn.getBoundingClientRect().width : 0];
    }),
    small: small.length, alerts: window.alerts || 0,
  }), "*");
}, 3000); });
window.alerts = 0; window.alert = function () { window.alerts += 1; };
</script>"""


# A window has a least width that is wider than a phone; a frame has none.
_FRAME = """<!DOCTYPE html><html><body>
<iframe width={width} height=2000 style="border:0" src="page.html"></iframe><script>
window.addEventListener("message", function (told) {{ document.documentElement.dataset.measured = told.data; }});
</script></body></html>"""


def measured(text: str, folder: Path, width: int) -> dict[str, Any]:
    """What a browser finds where the page is `width` pixels wide."""
    unruled = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', _MEASURE, text)
    (folder / "page.html").write_text(unruled, encoding="utf-8")
    (folder / "frame.html").write_text(_FRAME.format(width=width), encoding="utf-8")
    answer = browse(folder / "frame.html", "--dump-dom", width=width + 40)
    assert complaints(answer) == []
    (root,) = (about for tag, about in Page(answer.stdout).elements if tag == "html")
    found: dict[str, Any] = json.loads(str(root["data-measured"]))
    return found


@pytest.mark.browser
@pytest.mark.parametrize("width", [PHONE_PX, DESK_PX])
@pytest.mark.parametrize("lang", ["en", "both"])
def test_a_browser_draws_it_within_the_screen(run: StoredRun, tmp_path: Path, width: int, lang: str) -> None:
    run = futures_of(run)
    found = measured(page_text(run, lang=lang), tmp_path, width)
    assert found["width"] == found["scroll"] == width
    assert found["beyond"] == []
    assert [name for name, *_ in found["charts"]] == [
        "map", "spending", "tonnes", "macc", "outcomes", "tornado", "chosen", "zones", "stakeholders",
    ]  # fmt: skip
    for name, n_marks, px in found["charts"]:
        assert n_marks > 5 and px > 0.6 * min(width, 500), name
    assert found["small"] == 0


@pytest.mark.browser
def test_hostile_names_run_nothing_in_a_browser_either(run: StoredRun, tmp_path: Path) -> None:
    marked = json.loads(json.dumps(run.map))
    for feature in marked["features"]:
        feature["properties"] |= {"name": HOSTILE, "name_zh": HOSTILE}
    tables = {**run.tables, "macc": run.tables["macc"].assign(name=HOSTILE)}
    found = measured(page_text(replace(run, map=marked, tables=tables)), tmp_path, DESK_PX)
    assert found["alerts"] == 0
    assert all(n_marks > 5 for _, n_marks, _ in found["charts"])


@pytest.mark.browser
def test_under_its_own_rules_a_browser_has_nothing_to_complain_of(text: str, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(text, encoding="utf-8")
    answer = browse(path, "--dump-dom")
    assert complaints(answer) == []
    assert '<html lang="en" data-charts="6">' in answer.stdout


_SLIDE = """<script>
window.alerts = 0; window.alert = function () { window.alerts += 1; };
setTimeout(function () {
  const slider = document.getElementById("budget");
  slider.value = "2";
  slider.dispatchEvent(new Event("input"));
}, 3000);
setTimeout(function () {
  const fitted = document.querySelectorAll("#frontier-map svg.marks path[fill-opacity], #frontier-map svg.marks path");
  document.documentElement.dataset.slid = JSON.stringify({
    said: document.getElementById("budget-summary").textContent,
    words: document.getElementById("budget-step").textContent,
    rows: document.querySelectorAll("#budget-list tbody tr").length,
    name: document.querySelector("#budget-list tbody td").textContent,
    marks: fitted.length, alerts: window.alerts,
  });
}, 6000);
</script>"""


@pytest.mark.browser
def test_the_slider_moves_map_words_and_list(run: StoredRun, tmp_path: Path) -> None:
    text = page_text(replace(run, frontier=frontier_of(run)))
    unruled = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', _SLIDE, text)
    (tmp_path / "page.html").write_text(unruled, encoding="utf-8")
    answer = browse(tmp_path / "page.html", "--dump-dom")
    assert complaints(answer) == []
    (root,) = (about for tag, about in Page(answer.stdout).elements if tag == "html")
    slid = json.loads(str(root["data-slid"]))
    assert root["data-charts"] == "8"
    assert slid["said"].startswith("2,000 million") and slid["words"] == "step 2"
    assert slid["rows"] == len(run.document["retrofits"])
    assert slid["name"] == HOSTILE and slid["alerts"] == 0


@pytest.mark.browser
def test_it_prints(text: str, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(text, encoding="utf-8")
    answer = browse(path, f"--print-to-pdf={tmp_path / 'page.pdf'}", "--no-pdf-header-footer")
    printed = (tmp_path / "page.pdf").read_bytes()
    assert complaints(answer) == [] and printed.startswith(b"%PDF")
    # A4 is 595 × 842 points.
    assert re.search(rb"/MediaBox \[0 0 59[45]\.\d+ 84[12]\.\d+\]", printed) and printed.count(b"/Type /Page\n") < 25
