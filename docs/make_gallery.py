"""Images of a run for docs/gallery: the main sheets of the workbook, and the HTML page.

    python docs/make_gallery.py runs/<scenario file>-<hash> [RUN_OF_INDIA]

Requires LibreOffice, poppler, Chromium and Playwright. The same run and the same program versions give the same images.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ccs_model.report.page.page import write_page
from ccs_model.runs.run_reader import read_run

GALLERY = Path(__file__).resolve().parent / "gallery"
SHEETS = ("Cover", "Summary", "Inputs", "Retrofits", "Economics", "CashFlow", "MACC", "Checks")
# Pixels of the longer side of a sheet.
_LONG = 1100
_DESK_PX, _PHONE_PX = 1280, 390
_DESK_SIZE, _PHONE_SIZE = {"width": 1280, "height": 2400}, {"width": 390, "height": 2000}
# The page of India, in English and Chinese.
_INDIA_PX, _INDIA_HEIGHTS = 1160, {"en": ("page-india", 1570), "zh": ("page-india-zh", 1250)}


def main(run: Path, india: Path | None = None) -> None:
    """Write all images; those of India only if its run is given."""
    GALLERY.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        _sheets(run, Path(folder))
        _page(run, Path(folder))
        if india is not None:
            _page_of_india(india, Path(folder))


def _sheets(run: Path, folder: Path) -> None:
    """Write the first printed page of each sheet, found by its title and the link back to Cover."""
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    _do("soffice", "--headless", profile, "--convert-to", "pdf", "--outdir", folder, run / "plan.xlsx")
    pdf = folder / "plan.pdf"
    _do("pdftotext", "-layout", pdf, folder / "plan.txt")
    pages = (folder / "plan.txt").read_text(encoding="utf-8").split("\f")
    for sheet in SHEETS:
        number = "1"
        if sheet != SHEETS[0]:
            head = re.compile(rf"^\s*{sheet}\s*\n\s*back to {SHEETS[0]}", re.MULTILINE)
            number = str(1 + next(at for at, page in enumerate(pages) if head.search(page)))
        size = ("-scale-to", str(_LONG))
        _do("pdftoppm", "-png", "-singlefile", "-f", number, "-l", number, *size, pdf, GALLERY / sheet.lower())


def _page(run: Path, folder: Path) -> None:
    """Write screenshots of the HTML page: on a desk, with a selected plant, on a phone in Chinese, and printed."""
    from playwright.sync_api import sync_playwright

    stored = read_run(run)
    html = {lang: write_page(stored, folder / f"{lang}.html", lang=lang).as_uri() for lang in ("en", "zh")}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        desk, phone = (browser.new_page(viewport={"width": px, "height": 900}) for px in (_DESK_PX, _PHONE_PX))
        for page, lang, name, size in ((desk, "en", "page", _DESK_SIZE), (phone, "zh", "page-phone", _PHONE_SIZE)):
            page.goto(html[lang])
            page.wait_for_selector("html[data-charts]")
            page.screenshot(path=GALLERY / f"{name}.png", full_page=True, clip={"x": 0, "y": 0, **size})
        retrofit = max(stored.document["retrofits"], key=lambda row: row["avoided_ktpa"])
        desk.locator(".pick select").select_option(label=retrofit["name"])
        for _ in range(3):
            desk.locator("[data-zoom=in]").click()
        desk.locator("#map").screenshot(path=GALLERY / "page-map.png")
        phone.pdf(path=folder / "page.pdf", prefer_css_page_size=True, print_background=True)
    size = ("-scale-to-x", "800", "-scale-to-y", "-1")
    _do("pdftoppm", "-png", "-singlefile", "-l", "1", *size, folder / "page.pdf", GALLERY / "page-print")


def _page_of_india(run: Path, folder: Path) -> None:
    from playwright.sync_api import sync_playwright

    stored = read_run(run)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": _INDIA_PX, "height": 900})
        for lang, (name, height) in _INDIA_HEIGHTS.items():
            page.goto(write_page(stored, folder / f"{name}.html", lang=lang).as_uri())
            page.wait_for_selector("html[data-charts]")
            clip = {"x": 0, "y": 0, "width": _INDIA_PX, "height": height}
            page.screenshot(path=GALLERY / f"{name}.png", full_page=True, clip=clip)


def _do(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True, timeout=300)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
