"""The page in Chromium: layout on screens and paper, controls, downloads and accessibility."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.page.page import page_text

from .page_runs import HOSTILE, frontier_of, futures_of, of_two_regions

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PHONE_PX, DESKTOP_PX = 390, 1280
# Playwright leaves its event loop open until the interpreter exits.
ignore_loop = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
pytestmark = [pytest.mark.browser, ignore_loop]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install -y chromium fonts-noto-cjk")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class BrowserSession:
    """Opens pages and collects console messages, page errors and external requests."""

    def __init__(self, chromium: Any, folder: Path) -> None:
        self.chromium, self.folder = chromium, folder
        self.messages: list[str] = []

    def open(self, text: str, width: int = DESKTOP_PX) -> Any:
        path = self.folder / "page.html"
        path.write_text(text, encoding="utf-8")
        page = self.chromium.new_page(viewport={"width": width, "height": 900}, accept_downloads=True)
        page.on("console", lambda message: self.messages.append(message.text))
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        page.on("request", lambda request: self.messages.extend([] if request.url.startswith(("file:", "data:",
                "blob:")) else [request.url]))  # fmt: skip
        page.add_init_script("window.alerts = 0; window.alert = function () { window.alerts += 1; };")
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-charts]", timeout=120_000)
        return page


@pytest.fixture
def session(chromium: Any, tmp_path: Path) -> Iterator[BrowserSession]:
    found = BrowserSession(chromium, tmp_path)
    yield found
    assert found.messages == []
    for context in chromium.contexts:
        context.close()


@pytest.fixture
def page(session: BrowserSession, run: StoredRun) -> Any:
    return session.open(page_text(run))


_OVERFLOWING = """() => Array.from(document.querySelectorAll("body *")).filter(each =>
  each.getBoundingClientRect().right > document.documentElement.clientWidth + 1 &&
  !each.closest(".wide, svg, details, noscript")).map(each => each.outerHTML.slice(0, 80))"""
_SMALL_TEXTS = """() => Array.from(document.querySelectorAll("svg text, td, p, li, dd")).filter(each =>
  each.textContent.trim() && each.getClientRects().length && parseFloat(getComputedStyle(each).fontSize) < 11).length"""
_CHARTS = """() => Array.from(document.querySelectorAll("[data-chart]")).map(each => [each.id,
  each.querySelectorAll("svg.marks path, svg.marks rect, svg.marks line, svg.marks text").length,
  each.querySelector("svg.marks").getBoundingClientRect().width])"""


@pytest.mark.parametrize("width", [PHONE_PX, DESKTOP_PX])
@pytest.mark.parametrize("lang", ["en", "both"])
def test_page_fits_the_width_of_the_screen(session: BrowserSession, run: StoredRun, width: int, lang: str) -> None:
    page = session.open(page_text(futures_of(of_two_regions(run)), lang=lang), width)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(_OVERFLOWING) == [] and page.evaluate(_SMALL_TEXTS) == 0
    charts = page.evaluate(_CHARTS)
    assert [name for name, *_ in charts] == [
        "spending", "tonnes", "zones-chart", "macc-chart", "stakeholders-chart", "outcomes", "tornado", "chosen",
    ]  # fmt: skip
    for name, n_marks, px in charts:
        assert n_marks > 5 and px > 0.6 * min(width, 500), name
    # No text has an unfilled placeholder, in either language.
    assert "{0}" not in page.locator("main").inner_text()
    # A table that is wider than its frame shows a hint.
    for table in page.locator("[data-table]").all():
        wide = table.locator(".wide").evaluate("each => each.scrollWidth > each.clientWidth + 1")
        assert table.locator(".more").is_visible() == wide


@pytest.mark.parametrize(("lang", "width"), [("en", DESKTOP_PX), ("zh", PHONE_PX)])
def test_axe_reports_no_accessibility_violation(session: BrowserSession, run: StoredRun, lang: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = session.open(page_text(replace(futures_of(run), frontier=frontier_of(run)), lang=lang), width)
    select(page, 0)
    found = axe.run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:120]) for each in found] == []


def test_hostile_names_run_no_script(session: BrowserSession, run: StoredRun) -> None:
    marked = {**run.map, "features": [
        {**each, "properties": {**each["properties"], "name": HOSTILE, "name_zh": HOSTILE}}
        for each in run.map["features"]
    ]}  # fmt: skip
    tables = {**run.tables, "macc": run.tables["macc"].assign(name=HOSTILE)}
    page = session.open(page_text(replace(run, map=marked, tables=tables)))
    select(page, 0)
    page.locator(".frame circle").first.hover(force=True)
    assert page.locator(".tip b").inner_text() == page.locator(".pinned h3").inner_text() == HOSTILE
    assert page.evaluate("window.alerts") == 0
    assert all(n_marks > 5 for _, n_marks, _ in page.evaluate(_CHARTS))


def select(page: Any, plant: int) -> None:
    page.locator(".pick select").select_option(str(plant))


def view(page: Any) -> str:
    return str(page.locator("[data-view]").get_attribute("transform"))


def scale(page: Any) -> float:
    return float(view(page).split("scale(")[1].rstrip(")"))


def test_the_map_zooms_and_moves_by_buttons_mouse_and_keys(page: Any) -> None:
    first, km = view(page), page.locator(".scale text").text_content()
    page.locator("[data-zoom=in]").click()
    page.locator("[data-zoom=in]").click()
    assert scale(page) == pytest.approx(float(first.split("scale(")[1].rstrip(")")) * 2.25)
    assert page.locator(".scale text").text_content() != km
    # Circles keep their size on the screen while the map zooms.
    assert page.locator(".frame circle").first.get_attribute("transform").endswith(f"scale({1 / scale(page)})")
    page.locator("[data-zoom=reset]").click()
    assert view(page) == first
    box = page.locator(".frame").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.wheel(0, -200)
    assert view(page) == first  # without the focus, the wheel scrolls the page
    page.locator(".frame").scroll_into_view_if_needed()
    box = page.locator(".frame").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 90, steps=4)
    page.mouse.up()
    moved = view(page)
    assert moved != first and scale(page) == pytest.approx(float(first.split("scale(")[1].rstrip(")")))
    page.mouse.wheel(0, -200)
    page.wait_for_function("before => document.querySelector('[data-view]').getAttribute('transform') !== before",
                           arg=moved)  # fmt: skip
    page.keyboard.press("0")
    assert view(page) == first
    for key in ("ArrowLeft", "+", "ArrowUp"):
        before = view(page)
        page.keyboard.press(key)
        assert view(page) != before, key


def test_a_click_or_the_list_pins_a_plant_with_its_streams_and_reason(page: Any, run: StoredRun) -> None:
    retrofit = run.document["retrofits"][0]
    pinned = page.locator(".pinned")
    assert pinned.is_hidden()
    page.locator(".pick select").select_option(label=retrofit["name"])
    assert pinned.locator("h3").inner_text() == retrofit["name"]
    assert pinned.locator("p").first.inner_text().startswith("in: ")
    assert f"{retrofit['avoided_ktpa']:,.0f}" in pinned.locator("table").inner_text()
    # The first cell of every data row is its row header.
    for table in page.locator("table").all():
        assert table.locator("tbody tr > th[scope=row]:first-child").count() == table.locator("tbody tr").count()
    page.locator("[data-do=unpin]").click()
    assert pinned.is_hidden() and page.locator("circle.selected").count() == 0
    page.locator(".frame circle.retrofitted").last.click(force=True)
    assert pinned.is_visible() and page.locator("circle.selected").count() == 1
    page.locator(".frame").focus()
    page.keyboard.press("Escape")
    assert pinned.is_hidden()


def test_unchecked_layers_are_hidden_on_the_map(page: Any) -> None:
    def visible(css: str) -> int:
        return sum(each.evaluate("each => each.style.display !== 'none'") for each in page.locator(css).all())

    layers = {
        "[data-sector=chemicals]": ".frame circle[fill='#2166ac' i]",
        "[data-layer=pipes]": ".frame .pipe",
        "[data-state=ineligible]": "circle.ineligible",
        "[data-layer=names]": "text.name",
    }
    for box, css in layers.items():
        n = visible(css)
        page.locator(f".layers {box}").uncheck()
        assert visible(css) == 0 < n, box
        page.locator(f".layers {box}").check()
        assert visible(css) == n, box


def test_period_slider_updates_figures_map_tables_and_charts(page: Any, run: StoredRun) -> None:
    period = page.locator("#period")
    period.focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("#period-name").inner_text() == "2026–29"
    page.wait_for_timeout(300)
    first = run.document["by_year"][0]
    assert f"{first['captured_ktpa']:,.0f}" in page.locator("#answer").inner_text()
    started = [row for row in run.document["retrofits"] if row["year"] == 2026]
    assert page.locator("#retrofits tbody tr:visible").count() == len(started)
    assert page.locator(".map").get_attribute("data-shown") == str(len({row["plant"] for row in started}))
    assert page.locator("#timeline tr.current th").inner_text() == "2026–29"
    bars = page.locator("#spending .mark-rect path").all()
    assert [each.get_attribute("fill-opacity") or "1" for each in bars] == ["1", "0.35"]
    page.keyboard.press("ArrowRight")
    assert page.locator("#retrofits tbody tr:visible").count() == len(run.document["retrofits"])


def test_a_table_is_sorted_searched_and_saved_as_shown(page: Any, run: StoredRun, tmp_path: Path) -> None:
    plants = page.locator("#plants")
    n = len(run.features("plant"))
    status = plants.locator("[role=status]")
    assert status.inner_text() == f"{min(12, n) if n > 15 else n} of {n} rows"
    if n > 15:
        plants.locator("[data-do=all]").click()
    assert status.inner_text() == f"{n} of {n} rows"

    def column(at: int) -> list[str]:
        return list(plants.locator(f"tbody tr:visible > :nth-child({at})").all_inner_texts())

    baseline = plants.locator("th", has_text="baseline")
    baseline.locator("button").press("Enter")
    assert baseline.get_attribute("aria-sort") == "descending"
    baseline.locator("button").press("Enter")
    numbers = [float(text.replace(",", "")) for text in column(4)]
    assert baseline.get_attribute("aria-sort") == "ascending" and numbers == sorted(numbers)
    plants.locator("input[type=search]").fill("steel")
    assert 0 < len(column(1)) < n and all("steel" in text.lower() for text in plants.locator("tbody tr:visible")
                                          .all_inner_texts())  # fmt: skip
    shown = column(1)
    with page.expect_download() as download:
        plants.locator("[data-do=csv]").click()
    download.value.save_as(tmp_path / "plants.csv")
    assert download.value.suggested_filename == "plants.csv"
    with (tmp_path / "plants.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows[1:]] == shown and rows[0][3] == "Baseline emissions kt/y"
    assert all(float(row[3]) > 0 for row in rows[1:])


def test_downloaded_csv_escapes_formulas(session: BrowserSession, run: StoredRun, tmp_path: Path) -> None:
    plants = json.loads(json.dumps(run.map))
    for each in plants["features"]:
        each["properties"] |= {"name": "=1+1"} if each["properties"]["kind"] == "plant" else {}
    page = session.open(page_text(replace(run, map=plants)))
    with page.expect_download() as download:
        page.locator("#retrofits [data-do=csv]").click()
    download.value.save_as(tmp_path / "out.csv")
    assert "\n'=1+1," in (tmp_path / "out.csv").read_text(encoding="utf-8-sig")


def test_budget_slider_updates_map_text_and_list(session: BrowserSession, run: StoredRun) -> None:
    page = session.open(page_text(replace(run, frontier=frontier_of(run))))
    n_shown = page.locator(".map").get_attribute("data-shown")
    page.locator("#budget").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#budget-summary").inner_text().startswith("2,000 million")
    assert page.locator("#budget-step").inner_text() == "step 2"
    rows = page.locator("#budget-list tbody tr")
    assert rows.count() == len(run.document["retrofits"])
    assert rows.first.locator("th[scope=row]").inner_text() == HOSTILE
    assert page.locator(".map").get_attribute("data-shown") == n_shown
    assert page.locator(".frame .pipe[data-other]").count() == len(run.features("pipe"))
    page.keyboard.press("Home")
    assert page.locator(".map").get_attribute("data-shown") == "0" and rows.count() == 0
    assert page.evaluate("window.alerts") == 0


def test_the_keyboard_reaches_every_control(page: Any) -> None:
    n = page.locator("a[href], button:visible, input:visible, select:visible, summary:visible, [tabindex='0']").count()
    reached = set()
    for _ in range(n + 5):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("(() => { const e = document.activeElement; return e.id || e.dataset.zoom || "
                                  "e.dataset.do || e.dataset.layer || e.className || e.tagName; })()"))  # fmt: skip
    assert {"period", "in", "out", "reset", "csv", "pipes", "frame", "wide", "SELECT", "A", "SUMMARY"} <= reached


def test_controls_never_cover_the_focused_element(page: Any) -> None:
    page.locator("summary").last.focus()
    bottom = page.locator(".controls").evaluate("each => each.getBoundingClientRect().bottom")
    for _ in range(60):
        page.keyboard.press("Shift+Tab")
        box = page.evaluate("(() => { const e = document.activeElement, r = e.getBoundingClientRect(); "
                            "return [r.bottom, e.id, e.outerHTML.slice(0, 60)]; })()")  # fmt: skip
        if box[1] == "period":
            return
        assert box[0] > bottom, box


def test_controls_on_a_phone_are_not_sticky_and_show_their_note(session: BrowserSession, run: StoredRun) -> None:
    page = session.open(page_text(replace(run, frontier=frontier_of(run))), PHONE_PX)
    controls = page.locator(".controls")
    assert controls.evaluate("each => getComputedStyle(each).position") == "static"
    assert controls.locator("small").is_visible()
    # The table of the selected plant shows the hint that it continues to the right.
    select(
        page, int(page.locator(".pick option", has_text=run.document["retrofits"][0]["name"]).get_attribute("value"))
    )
    assert page.locator(".pinned .more").is_visible()


def test_narrow_chart_wraps_title_and_legend_and_wide_chart_shows_long_names(
    session: BrowserSession, run: StoredRun
) -> None:
    name = "Iron and Steel Works of a Very Long Name, Second Site"
    found = futures_of(of_two_regions(run))
    assert found.uncertainty is not None
    plants = [{**row, "name": name} for row in found.uncertainty["plants"][:1]]
    text = page_text(replace(found, uncertainty={**found.uncertainty, "plants": plants}))
    truncated = """() => Array.from(document.querySelectorAll(":is(#stakeholders-chart, #zones-chart) svg.marks text"))
      .filter(each => { const box = each.closest("svg").getBoundingClientRect(), own = each.getBoundingClientRect();
        return own.left < box.left - 1 || own.right > box.right + 1 || each.textContent.includes("…"); }).length"""
    page = session.open(text, 320)
    assert page.evaluate(truncated) == 0
    assert "2024" in page.locator("#stakeholders-chart svg.marks").text_content()
    page = session.open(text)
    assert name in page.locator("#chosen svg.marks").text_content()


def test_chart_menu_of_a_chinese_page_is_chinese(session: BrowserSession, run: StoredRun) -> None:
    page = session.open(page_text(of_two_regions(run), lang="zh"))
    assert page.locator("#zones-chart .vega-actions a").all_text_contents() == ["保存为 SVG", "保存为 PNG"]


def test_map_and_charts_are_resized_for_print(page: Any) -> None:
    def widths() -> list[int]:
        boxes = [page.locator(css).first.get_attribute("viewBox") for css in (".frame > svg", "#macc-chart svg.marks")]
        return [round(float(box.split()[2])) for box in boxes]

    screen, drawn = widths(), view(page)
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function(
        "document.querySelector('#macc-chart svg.marks').getAttribute('viewBox').startsWith('0 0 688')"
    )
    assert widths() == [688, 688] != screen
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    page.wait_for_timeout(300)
    assert (widths(), view(page)) == (screen, drawn)
    page.emulate_media(media="print")
    assert page.locator("#plants .printed").is_visible() and page.locator("#plants table").is_hidden()
    assert page.locator("#timeline .tools").is_hidden()
    # Table headings repeat on each page only if their buttons are laid out as text of the cells.
    assert (
        page.locator("#retrofits thead button").first.evaluate("each => getComputedStyle(each).display") == "contents"
    )


def test_every_warning_is_printed(session: BrowserSession, run: StoredRun) -> None:
    warned = replace(run, document={**run.document, "warnings": ["one thing", "two things", "three things"]})
    page = session.open(page_text(warned))
    last = page.get_by_text("three things")
    assert last.is_hidden()
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert last.is_visible() and page.locator(".warnings summary").is_hidden()
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert last.is_hidden() and page.locator(".warnings summary").is_visible()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_page_prints_on_at_most_eight_pages(session: BrowserSession, run: StoredRun, lang: str) -> None:
    page = session.open(page_text(run, lang=lang))
    printed = page.pdf(prefer_css_page_size=True, print_background=True)
    assert printed.startswith(b"%PDF") and 3 <= printed.count(b"/Type /Page\n") <= 8


_NAMES = """() => Array.from(document.querySelectorAll(".name")).filter(each => each.style.display !== "none")
  .map(each => { const box = each.getBoundingClientRect();
    return [each.classList.contains("rank5"), each.textContent, box.left, box.top, box.right, box.bottom]; })"""


@pytest.mark.parametrize("width", [DESKTOP_PX, PHONE_PX])
def test_map_names_retrofitted_plants_where_they_fit(session: BrowserSession, run: StoredRun, width: int) -> None:
    page = session.open(page_text(run), width)
    known = {str(each["properties"]["name"]) for each in run.features("plant") if each["properties"]["is_retrofitted"]}

    def shown() -> set[str]:
        names = page.evaluate(_NAMES)
        for k, (_, text, left, top, right, bottom) in enumerate(names):
            for _, other, *box in names[:k]:
                apart = left >= box[2] or box[0] >= right or top >= box[3] - 2 or box[1] >= bottom - 2
                assert apart, (text, other)
        return {text for is_plant, text, *_ in names if is_plant}

    first = shown()
    assert first <= known and (first or width == PHONE_PX)
    largest = max(run.document["retrofits"], key=lambda row: row["captured_ktpa"])
    page.locator(".pick select").select_option(label=str(largest["name"]))
    for _ in range(8):
        page.locator("[data-zoom=in]").click()
        if more := shown() - first:
            break
    assert first == known or more or width == PHONE_PX
    page.locator("[data-layer=names]").uncheck()
    assert page.evaluate(_NAMES) == []


def test_hidden_plants_have_no_name_on_the_map(session: BrowserSession, run: StoredRun) -> None:
    page = session.open(page_text(run))
    page.locator("[data-state=retrofitted]").uncheck()
    assert not any(is_plant for is_plant, *_ in page.evaluate(_NAMES))
