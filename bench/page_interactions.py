"""Response times of the page's controls in Chromium.

    python -m bench.page_interactions PAGE.html [--repeats 15]

Each interaction runs as an event of the page. Its time ends with the second frame after the event, when the change is
painted. Prints a Markdown table with one row per interaction, the slowest first: median and largest time in ms.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from pathlib import Path

WIDTH, HEIGHT = 1280, 900

# JavaScript of each interaction; `n` is the number of the repeat.
INTERACTIONS = {
    "zoom in or out": "document.querySelector(n % 2 ? '[data-zoom=out]' : '[data-zoom=in]').click()",
    "move the map with a key": "document.querySelector('[data-map] .frame').dispatchEvent(new KeyboardEvent('keydown', "
    "{key: n % 2 ? 'ArrowLeft' : 'ArrowRight', bubbles: true}))",
    "select a plant": "(() => { const s = document.querySelector('.pick select'); s.selectedIndex = 1 + n * 37 % "
    "(s.options.length - 1); s.dispatchEvent(new Event('change', {bubbles: true})) })()",
    "hide or show a layer": "document.querySelectorAll('[data-map] input[type=checkbox]')[0].click()",
    "hide or show names": "[...document.querySelectorAll('[data-map] input[type=checkbox]')].pop().click()",
    "change the period": "(() => { const p = document.getElementById('period'); p.value = n % (Number(p.max) + 1); "
    "p.dispatchEvent(new Event('input', {bubbles: true})) })()",
    "sort all plants by a text column": "document.querySelectorAll('#plants thead th button')[0].click()",
    "sort all plants by a numeric column": "document.querySelector('#plants thead th.n button').click()",
    "sort all plants with every row shown": "(() => { const a = document.querySelector('#plants [data-do=all]'); "
    "if (a.getAttribute('aria-expanded') === 'false') a.click(); "
    "document.querySelector('#plants thead th.n button').click() })()",
    "search all plants": "(() => { const s = document.querySelector('#plants .tools input'); s.value = 'abcde'[n % 5]; "
    "s.dispatchEvent(new Event('input', {bubbles: true})) })()",
    "show all plants or the first ones": "document.querySelector('#plants [data-do=all]').click()",
}
_TIMING_SCRIPT = """async ([code, n]) => {
  const run = new Function('n', code);
  const frame = () => new Promise(requestAnimationFrame);
  await frame();
  const start = performance.now();
  run(n);
  await frame(); await frame();
  return performance.now() - start;
}"""


def measure_interactions(page: Path, repeats: int) -> list[tuple[str, float, float]]:
    """Return (interaction, median, largest time in ms), the slowest first."""
    from playwright.sync_api import sync_playwright

    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, code in INTERACTIONS.items():
            tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            tab.set_default_timeout(300_000)
            tab.goto(page.resolve().as_uri())
            tab.wait_for_selector("html[data-charts]")
            times = [float(tab.evaluate(_TIMING_SCRIPT, [code, n])) for n in range(repeats + 2)][2:]
            rows.append((name, statistics.median(times), max(times)))
            tab.close()
    return sorted(rows, key=lambda row: -row[1])


def main() -> None:
    """Parse the command line, measure, and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.page_interactions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("page", type=Path, help="HTML page of a run")
    parser.add_argument("--repeats", type=int, default=15, help="measured repeats of each interaction")
    args = parser.parse_args()
    sys.stdout.write("| interaction | median, ms | largest, ms |\n|---|---|---|\n")
    for name, median, largest in measure_interactions(args.page, args.repeats):
        sys.stdout.write(f"| {name} | {median:.0f} | {largest:.0f} |\n")


if __name__ == "__main__":
    main()
