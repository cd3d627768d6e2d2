"""`ccs-model export RUN`: a run for other tools."""

from __future__ import annotations

from pathlib import Path

import click

from ccs_model.errors import DONE

# The names of report.export.FORMATS, which is not imported for --help.
FORMATS = ("iamc", "csv", "parquet", "geojson")


@click.command(
    epilog="""\b
Examples:
  ccs-model export runs/hebei-1a2b3c4d --format iamc
  ccs-model export runs/hebei-1a2b3c4d --format csv -o hebei.csv
  ccs-model export runs/hebei-1a2b3c4d --format parquet -o hebei-tables

Exit codes: 0 done, 2 an extra is not installed, 3 not a run, 8 file trouble.
"""
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    required=True,
    help="iamc: the table that pyam reads; csv: every number one a row; parquet: the tables; geojson: the map.",
)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="File, or folder for parquet (default: in RUN/export)."
)
def export(run: Path, form: str, out: Path | None) -> int:
    """Write a run folder in the format of another tool."""
    from ccs_model.report.export import export as exported
    from ccs_model.report.stored_run import read_run

    for path in exported(read_run(run), form, out):
        click.echo(path)
    return DONE
