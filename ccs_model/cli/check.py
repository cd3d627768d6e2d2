"""`ccs-model check SCENARIO`: reads everything, solves nothing, lists every fault at once."""

from __future__ import annotations

from pathlib import Path

import click

from ccs_model.errors import DONE


@click.command(
    epilog="""\b
Example:
  ccs-model check my-scenario.yaml
"""
)
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--allow-outside", is_flag=True, help="Allow files outside the scenario's folder.")
def check(scenario: Path, allow_outside: bool) -> int:
    """Read the scenario and every table, and list all faults with file and line. Nothing is solved."""
    from ccs_model.problem import pose
    from ccs_model.problem.names import read_checked

    problem = pose(*read_checked(scenario, allow_outside=allow_outside))
    n_candidates = int(problem.plants["is_candidate"].sum())
    click.echo(
        f"{scenario}: no faults. {len(problem.plants)} operating plants emitting "
        f"{problem.baseline_ktpa / 1000:,.1f} Mt CO2 a year, {n_candidates} of them candidates, "
        f"{len(problem.options):,} options, {len(problem.sites)} storage sites."
    )
    for table, origin in problem.inputs.origins.items():
        if origin != "shipped":
            click.echo(f"  {table}: {origin or 'none asked for'}")
    return DONE
