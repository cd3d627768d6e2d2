"""Images of a run for docs/gallery: the main sheets of the workbook, and the HTML page.

    python docs/make_gallery.py runs/<name>-<hash>

Requires LibreOffice, poppler and Chromium. The same run and the same program versions give the same images.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from ccs_model.report.page.page import write_page
from ccs_model.runs.run_reader import read_run

GALLERY = Path(__file__).resolve().parent / "gallery"
SHEETS = ("Cover", "Summary", "Inputs", "Retrofits", "Economics", "CashFlow", "MACC", "Checks")
_WIDE = 1100
_PAGE_SIZE = "1180,3300"


def main(run: Path) -> None:
    """Write all images."""
    GALLERY.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        _sheets(run, Path(folder))
        _page(run, Path(folder))


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
        size = ("-scale-to-x", str(_WIDE), "-scale-to-y", "-1")
        _do("pdftoppm", "-png", "-singlefile", "-f", number, "-l", number, *size, pdf, GALLERY / sheet.lower())


def _page(run: Path, folder: Path) -> None:
    """Write a browser screenshot of the HTML page."""
    html = write_page(read_run(run), folder / "report.html")
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=8000")
    screenshot = f"--screenshot={GALLERY / 'page.png'}"
    _do(
        "chromium",
        *options,
        f"--user-data-dir={folder / 'browser'}",
        f"--window-size={_PAGE_SIZE}",
        screenshot,
        html.as_uri(),
    )


def _do(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True, timeout=300)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
