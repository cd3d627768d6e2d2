"""`ccs-model verify RUN`: a run checked again, without the solver."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ccs_model.errors import CHECK_FAILED, DONE

if TYPE_CHECKING:
    from ccs_model.analysis.verify import Check, Verdict

SHOWN = 8


@click.command(
    epilog="""\b
Examples:
  ccs-model verify runs/hebei-1a2b3c4d
  ccs-model verify runs/hebei-1a2b3c4d --json

Computing the workbook again needs the extra: python -m pip install "ccs-model[verify]"

Exit codes: 0 every check holds, 3 not a run, 7 a check does not hold, 8 file trouble.
"""
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, and only what does not hold.")
def verify(run: Path, as_json: bool, quiet: bool) -> int:
    """Check a run again without solving: its files, its point in the program, its figures, its workbook."""
    from ccs_model.analysis.verify import verify as verified

    verdict = verified(run, tell=lambda words: None if quiet else click.echo(f"  {words}", err=True))
    for each in verdict.skipped:
        click.echo(f"left out: {each}", err=True)
    if as_json:
        click.echo(json.dumps(verdict.to_dict(), ensure_ascii=False, indent=1, allow_nan=False))
    else:
        click.echo(_verification_text(verdict, quiet))
    return DONE if verdict.all_hold else CHECK_FAILED


def _verification_text(verdict: Verdict, quiet: bool) -> str:
    shown = [check for check in verdict.checks if not (quiet and check.holds)]
    rows = [("check", "holds", "figure"), *((check.name, _holds(check), _figure(check)) for check in shown)]
    widths = [max(len(row[k]) for row in rows) for k in range(2)]
    lines = []
    for row, check in zip(rows if shown else [], [None, *shown], strict=bool(shown)):
        lines.append("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[2]]))
        if check is not None:
            lines += [f"    {each}" for each in check.found[:SHOWN]]
            more = len(check.found) - SHOWN
            lines += [f"    … and {more:,} more; --json names them all"] if more > 0 else []
    held = sum(check.holds for check in verdict.checks)
    left = "; the workbook was not computed again" if verdict.skipped else ""
    return "\n".join([*lines, *([""] if lines else []), f"{held} of {len(verdict.checks)} checks hold{left}."])


def _holds(check: Check) -> str:
    return "yes" if check.holds else "NO"


def _figure(check: Check) -> str:
    if check.unit == "distance":
        return f"{check.figure:.1e}"
    return f"{check.figure:,.0f} {check.unit}"
