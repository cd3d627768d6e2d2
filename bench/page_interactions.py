"""Response of the page to its controls, in Chromium.

    python -m bench.page_interactions PAGE.html [--repeats 15]

Every interaction runs as an event of the page; the time ends with the second frame after it, when the change is
painted. Prints one row an interaction, the slowest first: median and largest time in ms.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from pathlib import Path

WIDTH, HEIGHT = 1280, 900

# What is done, as JavaScript; `n` counts the repeats.
INTERACTIONS = {
    "zoom in or out": "document.querySelector(n % 2 ? '[data-zoom=out]' : '[data-zoom=in]').click()",
    "move the map by a key": "document.querySelector('[data-map] .frame').dispatchEvent(new KeyboardEvent('keydown', "
    "{key: n % 2 ? 'ArrowLeft' : 'ArrowRight', bubbles: true}))",
    "select a plant": "(() => { const s = document.querySelector('.pick select'); s.selectedIndex = 1 + n * 37 % "
    "(s.options.length - 1); s.dispatchEvent(new Event('change', {bubbles: true})) })()",
    "hide or show a layer": "document.querySelectorAll('[data-map] input[type=checkbox]')[0].click()",
    "hide or show names": "[...document.querySelectorAll('[data-map] input[type=checkbox]')].pop().click()",
    "change the period": "(() => { const p = document.getElementById('period'); p.value = n % (Number(p.max) + 1); "
    "p.dispatchEvent(new Event('input', {bubbles: true})) })()",
    "sort all plants by a text": "document.querySelectorAll('#plants thead th button')[0].click()",
    "sort all plants by a number": "document.querySelector('#plants thead th.n button').click()",
    "sort all plants with every row shown": "(() => { const a = document.querySelector('#plants [data-do=all]'); "
    "if (a.getAttribute('aria-expanded') === 'false') a.click(); "
    "document.querySelector('#plants thead th.n button').click() })()",
    "search all plants": "(() => { const s = document.querySelector('#plants .tools input'); s.value = 'abcde'[n % 5]; "
    "s.dispatchEvent(new Event('input', {bubbles: true})) })()",
    "show all plants, or the first": "document.querySelector('#plants [data-do=all]').click()",
}
_TIMED = """async ([code, n]) => {
  const run = new Function('n', code);
  const frame = () => new Promise(requestAnimationFrame);
  await frame();
  const start = performance.now();
  run(n);
  await frame(); await frame();
  return performance.now() - start;
}"""


def measured(page: Path, repeats: int) -> list[tuple[str, float, float]]:
    """Return interaction, median and largest time in ms, the slowest first."""
    from playwright.sync_api import sync_playwright

    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, code in INTERACTIONS.items():
            tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            tab.set_default_timeout(300_000)
            tab.goto(page.resolve().as_uri())
            tab.wait_for_selector("html[data-charts]")
            times = [float(tab.evaluate(_TIMED, [code, n])) for n in range(repeats + 2)][2:]
            rows.append((name, statistics.median(times), max(times)))
            tab.close()
    return sorted(rows, key=lambda row: -row[1])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("--repeats", type=int, default=15)
    given = parser.parse_args()
    sys.stdout.write("| interaction | median, ms | largest, ms |\n|---|---|---|\n")
    for name, median, most in measured(given.page, given.repeats):
        sys.stdout.write(f"| {name} | {median:.0f} | {most:.0f} |\n")


if __name__ == "__main__":
    main()
