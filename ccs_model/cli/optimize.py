"""`ccs-model optimize SCENARIO`: the main command."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from ccs_model.cli.command_options import (
    CACHED,
    Output,
    effort_option,
    lang_option,
    output_options,
    scenario_argument,
    time_limit_option,
)
from ccs_model.errors import DONE, LIMIT_REACHED, InfeasibleError


@click.command(
    epilog="""\b
Examples:
  ccs-model optimize scenarios/pilot-zones.yaml
  ccs-model optimize my.yaml --out results/my --mip-gap 0.001 --effort thorough
  ccs-model optimize my.yaml --json > plan.json
  ccs-model optimize my.yaml --lang zh --out results/my-zh

Results are cached by input hash; use --force to re-run.

Exit codes: 0 done, 3 invalid input, 4 infeasible, 5 the gap was not reached (plan and gap written), 6 solver
failure without a plan, 7 verification failed, 8 file system error.
"""
)
@scenario_argument
@output_options()
@click.option("--mip-gap", "--gap", "mip_gap", type=click.FloatRange(0, 0.5), metavar="SHARE",
              help="Stop at this relative optimality gap.")  # fmt: skip
@time_limit_option("Seconds after which the search stops; the whole run takes hardly longer.")
@effort_option
@click.option("--threads", type=click.IntRange(1, 64), help="Most processes of a frontier; no plan depends on it.")
@lang_option("workbook")
@click.option("-v", "--verbose", is_flag=True, help="Print the solver log on stderr.")
def optimize(
    scenario: Path,
    output: Output,
    mip_gap: float | None,
    time_limit: float | None,
    effort: str | None,
    threads: int | None,
    lang: str,
    verbose: bool,
) -> int:
    """Find the retrofits to build and write a run folder."""
    if output.out is not None and output.out.resolve() == scenario.resolve():
        raise click.BadParameter(f"'{output.out}' is the scenario itself", param_hint="--out")
    from ccs_model.cli.summary import summary_text
    from ccs_model.solve.optimize_run import optimize_to_folder

    given = {
        "solver.mip_gap": mip_gap,
        "solver.effort": effort,
        "solver.time_limit_s": time_limit,
        "solver.threads": threads,
    }
    try:
        run = optimize_to_folder(
            scenario,
            output.out,
            changes={key: value for key, value in given.items() if value is not None},
            force=output.force,
            lang=lang,
            allow_outside=output.allow_outside,
            command=shlex.join(["ccs-model", *sys.argv[1:]]),
            on_progress=output.line.on_progress if output.line.is_shown else None,
            on_message=output.line.show,
        )
    except InfeasibleError as error:
        output.line.done()
        if error.folder is not None:
            if output.as_json:
                click.echo(_document(error.folder), nl=False)
            click.echo(f"{error.folder}: report with the conflicting constraints (plan.xlsx, plan.json)", err=True)
        raise
    finally:
        output.line.done()
    plan, document = run.plan, _document(run.folder)
    if plan is None:
        there = run.manifest.get("workbook_lang", "en")
        if there != lang:
            click.echo(f"{run.folder}: its workbook is in '{there}', not '{lang}'; use --force to re-run", err=True)
        output.report(document, lambda: f"Cached run: {run.folder}\n{CACHED}")
        return DONE
    for warning in plan.warnings:
        click.echo(f"warning: {warning}", err=True)
    if verbose:
        click.echo(plan.solver_log, err=True)
    output.report(document, lambda: summary_text(plan, run.folder))
    return LIMIT_REACHED if plan.reached_a_limit else DONE


def _document(folder: Path) -> str:
    return (folder / "plan.json").read_text(encoding="utf-8")
