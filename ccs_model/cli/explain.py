"""`ccs-model explain RUN PLANT`: one plant from its streams to its costs, and why it is in the plan or out of it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ccs_model.errors import DONE


@click.command(
    epilog="""\b
Examples:
  ccs-model explain runs/hebei-1a2b3c4d NH3_29
  ccs-model explain runs/hebei-1a2b3c4d NH3_29 --quick
  ccs-model explain runs/hebei-1a2b3c4d "Shougang Jingtang" --json

Exit codes: 0 done, 3 not a run, or no such plant in it, 8 file trouble.
"""
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("plant")
@click.option("--quick", is_flag=True, help="The chain and the reason alone: nothing is solved again.")
@click.option(
    "--time-limit",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds for solving again, in all.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else on stdout.")
def explain(run: Path, plant: str, quick: bool, time_limit: float, as_json: bool) -> int:
    """Explain PLANT of a run folder: its chain of numbers with sources, why it is in or out, what would change it."""
    from ccs_model.analysis.explain import explain as explained

    answer = explained(run, plant, time_limit_s=0.0 if quick else time_limit)
    if as_json:
        click.echo(json.dumps(answer.to_dict(), ensure_ascii=False, indent=1, allow_nan=False))
    else:
        from ccs_model.cli.explanation import explanation_text

        click.echo(explanation_text(answer))
    return DONE
