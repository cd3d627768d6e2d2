"""`ccs-model collect DIR`: the shares of a sweep in one table."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(
    epilog="""\b
Examples:
  ccs-model collect runs/hebei-sweep-1a2b3c4d
  ccs-model collect sweeps/all sweeps/share-of-machine-2 sweeps/share-of-machine-3

The first folder is the one that is filled; runs of the others are copied into it.
Exit codes: as of ccs-model sweep; 3 another sweep, 8 no sweep there.
"""
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("others", metavar="[DIR]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No summary.")
def collect(folder: Path, others: tuple[Path, ...], as_json: bool, quiet: bool) -> int:
    """Sum up a sweep that was run in shares."""
    from ccs_model.analysis.sweep import collect as collected
    from ccs_model.cli.sweep import show

    result = collected(folder, others)
    show(result, as_json=as_json, quiet=quiet)
    return result.exit_code
