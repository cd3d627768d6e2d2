"""`ccs-model report RUN`: the page."""

from __future__ import annotations

from pathlib import Path

import click

from ccs_model.errors import DONE


@click.command(
    epilog="""\b
Examples:
  ccs-model report runs/hebei-1a2b3c4d
  ccs-model report runs/hebei-1a2b3c4d --lang both -o hebei.html
  ccs-model report runs/hebei-1a2b3c4d --basemap my-borders.geojson

Needs the extra: python -m pip install "ccs-model[report]"

Exit codes: 0 done, 2 the extra is not installed, 3 not a run, 8 file trouble.
"""
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), help="HTML file to write (default: RUN/report.html).")
@click.option(
    "--lang", type=click.Choice(["en", "zh", "both"]), default="en", show_default=True, help="Of the page's words."
)
@click.option("--basemap", metavar="FILE|none", help="GeoJSON polygons to draw below, in place of shipped provinces.")
def report(run: Path, out: Path | None, lang: str, basemap: str | None) -> int:
    """Write one HTML page with map, charts and tables, which needs no network."""
    from ccs_model.report.page.page import write_page
    from ccs_model.report.stored_run import read_run

    click.echo(write_page(read_run(run), out, lang=lang, basemap=basemap))
    return DONE
