"""`ccs-model optimize SCENARIO`: the main command."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from ccs_model.cli.options import (
    allow_outside_option,
    force_option,
    json_option,
    lang_option,
    out_option,
    quiet_option,
    scenario_argument,
    time_limit_option,
)
from ccs_model.cli.terminal import ProgressLine
from ccs_model.errors import DONE, LIMIT_REACHED, InfeasibleError


@click.command(
    epilog="""\b
Examples:
  ccs-model optimize scenarios/pilot-zones.yaml
  ccs-model optimize my.yaml --out results/my --mip-gap 0.001 --time-limit 300
  ccs-model optimize my.yaml --json > plan.json
  ccs-model optimize my.yaml --lang zh --out results/my-zh

Results are cached by input hash; use --force to re-run.

Exit codes: 0 done, 3 invalid input, 4 infeasible, 5 stopped by a limit (plan and gap written), 6 solver
failure without a plan, 7 verification failed, 8 file system error.
"""
)
@scenario_argument
@out_option()
@json_option
@click.option("--mip-gap", "--gap", "mip_gap", type=click.FloatRange(0, 0.5), metavar="SHARE",
              help="Stop at this relative optimality gap.")  # fmt: skip
@time_limit_option("Seconds for the whole run.")
@click.option("--threads", type=click.IntRange(1, 64), help="Number of solver threads.")
@lang_option("workbook")
@force_option
@allow_outside_option
@quiet_option
@click.option("-v", "--verbose", is_flag=True, help="Print the solver log on stderr.")
def optimize(
    scenario: Path,
    out: Path | None,
    as_json: bool,
    mip_gap: float | None,
    time_limit: float | None,
    threads: int | None,
    lang: str,
    force: bool,
    allow_outside: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Find the retrofits to build and write a run folder with a workbook."""
    if out is not None and out.resolve() == scenario.resolve():
        raise click.BadParameter(f"'{out}' is the scenario itself", param_hint="--out")
    from ccs_model.cli.summary import summary_text
    from ccs_model.solve.optimize_run import optimize_to_folder

    given = {"solver.mip_gap": mip_gap, "solver.time_limit_s": time_limit, "solver.threads": threads}
    line = ProgressLine(quiet=quiet)
    try:
        run = optimize_to_folder(
            scenario,
            out,
            changes={key: value for key, value in given.items() if value is not None},
            force=force,
            lang=lang,
            allow_outside=allow_outside,
            command=shlex.join(["ccs-model", *sys.argv[1:]]),
            on_progress=line.on_progress if line.is_shown else None,
            on_message=line.show,
        )
    except InfeasibleError as error:
        line.done()
        if error.folder is not None:
            _echo_plan(error.folder, as_json)
            click.echo(f"{error.folder}: report with the conflicting constraints (plan.xlsx, plan.json)", err=True)
        raise
    finally:
        line.done()
    if run.plan is None:
        there = run.manifest.get("workbook_lang", "en")
        if there != lang:
            click.echo(f"{run.folder}: its workbook is in '{there}', not '{lang}'; use --force to re-run", err=True)
        if not quiet and not as_json:
            click.echo(f"Cached run: {run.folder}\nResults are cached by input hash; use --force to re-run.")
    else:
        for warning in run.plan.warnings:
            click.echo(f"warning: {warning}", err=True)
        if verbose:
            click.echo(run.plan.solver_log, err=True)
        if not quiet and not as_json:
            click.echo(summary_text(run.plan, run.folder))
    _echo_plan(run.folder, as_json)
    return LIMIT_REACHED if run.plan is not None and run.plan.reached_a_limit else DONE


def _echo_plan(folder: Path, as_json: bool) -> None:
    if as_json:
        click.echo((folder / "plan.json").read_text(encoding="utf-8"), nl=False)
