"""`ccs-model sweep SCENARIO --set KEY=V1,V2` and `ccs-model sweep merge DIR…`: scenario variants."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ccs_model.cli.command_options import (
    PATH,
    DefaultCommand,
    DefaultGroup,
    Output,
    changes_options,
    jobs_option,
    json_option,
    output_options,
    requested_changes,
    scenario_argument,
    scheduler_option,
    with_options,
)
from ccs_model.cli.terminal import ProgressLine, print_json
from ccs_model.errors import INTERRUPTED

if TYPE_CHECKING:
    from ccs_model.analysis.sweep import Sweep, SweepProgress

# Interval of progress lines if stderr is not a terminal.
_LINE_EVERY_S = 30.0
_N_SHOWN = 10


@click.group(
    cls=DefaultGroup,
    epilog="""\b
Examples:
  ccs-model sweep my.yaml --set budget.total_mn=0:20000:21
  ccs-model sweep merge runs/my-sweep-1a2b3c4d
""",
)
def sweep() -> None:
    """Run variants of a scenario; `sweep merge` combines shards."""


@sweep.command(
    cls=DefaultCommand,
    epilog="""\b
Examples:
  ccs-model sweep my.yaml --set budget.total_mn=0:20000:21
  ccs-model sweep my.yaml --set budget.total_mn=5000,9000 --set policy.carbon_price_per_t.2030=100,150,200
  ccs-model sweep my.yaml --set storage.sites=[Ordos],[Qinshui] --jobs 4 --out sweeps/sites
  ccs-model sweep my.yaml --list scenarios.csv --shard 1/2
  ccs-model sweep my.yaml --list scenarios.csv --scheduler tcp://head:8786
  ccs-model sweep merge sweeps/machine-1 sweeps/machine-2

Repeat the command to resume an interrupted sweep. A scenario without a plan is listed and stops no other.

\b
Exit codes: 0 done, 3 a scenario is invalid, 4 one is infeasible, 5 one reached a limit, 6 the solver failed
for one, 8 file system error, 130 interrupted (finished runs are kept).
""",
)
@scenario_argument
@with_options(*changes_options)
@jobs_option
@scheduler_option
@click.option("--shard", metavar="i/n", help="Run only shard i of n; `ccs-model sweep merge` combines the shards.")
@click.option("--workbooks", is_flag=True, help="Write a workbook for every scenario; takes several times longer.")
@output_options("sweep", force=False)
def run(
    scenario: Path,
    sets: tuple[str, ...],
    listed: Path | None,
    jobs: int | None,
    scheduler: str | None,
    shard: str | None,
    workbooks: bool,
    output: Output,
) -> int:
    """Run variants of a scenario, each in its own run folder, and write one table of all."""
    changes = requested_changes(sets, listed)
    from ccs_model.analysis.jobs import shard_of
    from ccs_model.analysis.sweep import sweep as run_sweep

    console = _SweepConsole(quiet=output.quiet)
    try:
        result = run_sweep(
            scenario,
            changes,
            out=output.out,
            jobs=jobs,
            scheduler=scheduler,
            shard=shard_of(shard) if shard is not None else None,
            workbooks=workbooks,
            allow_outside=output.allow_outside,
            on_progress=console.on_progress,
        )
    except KeyboardInterrupt:
        console.done()
        click.echo(f"interrupted; {console.n_ended} finished runs are kept; repeat the command to resume", err=True)
        return INTERRUPTED
    console.done()
    show(result, as_json=output.as_json, quiet=output.quiet)
    return result.exit_code


@sweep.command(
    epilog="""\b
Examples:
  ccs-model sweep merge runs/hebei-sweep-1a2b3c4d
  ccs-model sweep merge sweeps/all sweeps/machine-2 sweeps/machine-3

The first folder is completed with the runs of the others. Exit codes are those of ccs-model sweep; also 3
for a folder of a different sweep and 8 for a folder without a sweep.
"""
)
@click.argument("folder", metavar="DIR", type=PATH)
@click.argument("others", metavar="[DIR]...", nargs=-1, type=PATH)
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Print no summary.")
def merge(folder: Path, others: tuple[Path, ...], as_json: bool, quiet: bool) -> int:
    """Combine the shards of a sweep."""
    from ccs_model.analysis.sweep import collect

    result = collect(folder, others)
    show(result, as_json=as_json, quiet=quiet)
    return result.exit_code


class _SweepConsole:
    """Progress, rate and remaining time of a sweep on stderr."""

    def __init__(self, *, quiet: bool) -> None:
        self._line, self._quiet = ProgressLine(quiet=quiet), quiet
        self._last = time.monotonic()
        self.n_ended = 0

    def on_progress(self, progress: SweepProgress) -> None:
        self.n_ended = progress.n_ended
        failed = f", {progress.n_failed} without a plan" if progress.n_failed else ""
        text = (
            f"{progress.n_ended} of {progress.n_all} scenarios{failed}; {60 * progress.per_s:.1f} per minute, "
            f"{_duration(progress.left_s)} left"
        )
        self._line.show(text)
        if not self._quiet and not sys.stderr.isatty() and time.monotonic() - self._last > _LINE_EVERY_S:
            self._last = time.monotonic()
            click.echo(text, err=True)

    def done(self) -> None:
        self._line.done()


def show(result: Sweep, *, as_json: bool, quiet: bool) -> None:
    """Print the sweep on stdout."""
    if as_json:
        print_json(result.to_dict())
        return
    if quiet:
        return
    table = result.table
    counts = table["status"].value_counts(sort=False)
    lines = [f"{result.name}: {len(table)} scenarios: " + ", ".join(f"{n} {name}" for name, n in counts.items())]
    for row in table[table["message"] != ""].head(_N_SHOWN).itertuples(index=False):
        lines.append(f"  scenario {row.scenario}: {row.message}")
    if result.n_failed > _N_SHOWN:
        lines.append(f"  … and {result.n_failed - _N_SHOWN} more")
    names = "sweep.partial.csv" if result.n_missing else "sweep.csv and sweep.xlsx"
    lines.append(f"Table: {result.folder} ({names}); run folders: {result.folder / 'runs'}")
    if result.n_missing:
        lines.append(f"{result.n_missing} missing: run the other shards, then ccs-model sweep merge {result.folder}")
    click.echo("\n".join(lines))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
