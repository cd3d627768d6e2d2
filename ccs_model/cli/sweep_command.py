"""`ccs-model sweep SCENARIO --set KEY=V1,V2`: many scenarios, each a run; it goes on where it was stopped."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ccs_model.cli.terminal import ProgressLine
from ccs_model.errors import INTERRUPTED

if TYPE_CHECKING:
    from ccs_model.analysis.sweep import Sweep, SweepProgress

# Where stderr is no terminal, a line so often.
_LINE_EVERY_S = 30.0
_SHOWN = 10


@click.command(
    epilog="""\b
Examples:
  ccs-model sweep my.yaml --set budget.total_mn=0:20000:21
  ccs-model sweep my.yaml --set budget.total_mn=5000,9000 --set policy.carbon_price_per_t.2030=100,150,200
  ccs-model sweep my.yaml --set storage.sites=[Ordos],[Qinshui] --jobs 4 --out sweeps/sites
  ccs-model sweep my.yaml --list scenarios.csv --shard 1/2
  ccs-model sweep my.yaml --list scenarios.csv --scheduler tcp://head:8786

The same command goes on where it was stopped. A scenario that has no plan is listed and stops no other.
Exit codes: 0 done, 3 a scenario cannot be used, 4 one is infeasible, 5 one reached a limit, 6 one has no
plan, 8 file trouble, 130 interrupted: what is finished is kept.
"""
)
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--set", "sets", multiple=True, metavar="KEY=V1,V2,…|KEY=start:stop:n", help="Values of a key; several "
              "keys are combined.")  # fmt: skip
@click.option("--list", "listed", type=click.Path(path_type=Path), help="CSV or YAML file with the changes of each.")
@click.option("--jobs", type=click.IntRange(1, 512), help="Processes at a time (default: one a core).")
@click.option("--scheduler", metavar="ADDR", help="Dask scheduler whose workers run them, such as tcp://head:8786.")
@click.option("--shard", metavar="i/n", help="Run only the i-th of n shares; `ccs-model collect` sums them up.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder (default: runs/<name>-sweep-<hash>).")
@click.option(
    "--workbooks", is_flag=True, help="A workbook for each scenario as well; that takes several times longer."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else on stdout.")
@click.option("--allow-outside", is_flag=True, help="Allow files outside the scenario's folder.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no summary.")
def sweep(
    scenario: Path,
    sets: tuple[str, ...],
    listed: Path | None,
    jobs: int | None,
    scheduler: str | None,
    shard: str | None,
    out: Path | None,
    workbooks: bool,
    as_json: bool,
    allow_outside: bool,
    quiet: bool,
) -> int:
    """Run many scenarios that differ from one in some keys, and set them in one table."""
    if not sets and listed is None:
        raise click.UsageError("give --set KEY=V1,V2 or --list FILE")
    from ccs_model.analysis.jobs import shard_of
    from ccs_model.analysis.sweep import sweep as swept
    from ccs_model.scenario.variations import grid_of, listed_in

    grid = grid_of(sets)
    rows = listed_in(listed) if listed is not None else ({},)
    changes = [{**row, **each} for row in rows for each in grid]
    console = _SweepConsole(quiet=quiet)
    try:
        result = swept(
            scenario,
            changes,
            out=out,
            jobs=jobs,
            scheduler=scheduler,
            shard=shard_of(shard) if shard is not None else None,
            workbooks=workbooks,
            allow_outside=allow_outside,
            on_progress=console.on_progress,
        )
    except KeyboardInterrupt:
        console.done()
        click.echo(f"interrupted; {console.n_ended} runs are finished and kept, the same command goes on", err=True)
        return INTERRUPTED
    console.done()
    show(result, as_json=as_json, quiet=quiet)
    return result.exit_code


class _SweepConsole:
    """How far it is, how fast, and how long it will take."""

    def __init__(self, *, quiet: bool) -> None:
        self._line, self._quiet = ProgressLine(quiet=quiet), quiet
        self._last = time.monotonic()
        self.n_ended = 0

    def on_progress(self, progress: SweepProgress) -> None:
        self.n_ended = progress.n_ended
        failed = f", {progress.n_failed} without a plan" if progress.n_failed else ""
        words = (
            f"  {progress.n_ended} of {progress.n_all} scenarios{failed}; {60 * progress.per_s:.1f} a minute, "
            f"{_duration(progress.left_s)} left"
        )
        self._line.show(words)
        if not self._quiet and not sys.stderr.isatty() and time.monotonic() - self._last > _LINE_EVERY_S:
            self._last = time.monotonic()
            click.echo(words.strip(), err=True)

    def done(self) -> None:
        self._line.done()


def show(result: Sweep, *, as_json: bool, quiet: bool) -> None:
    """The sweep on stdout."""
    if as_json:
        click.echo(json.dumps(result.to_dict(), ensure_ascii=False, indent=1, allow_nan=False))
        return
    if quiet:
        return
    table = result.table
    counts = table["status"].value_counts(sort=False)
    lines = [f"{result.name}: {len(table)} scenarios: " + ", ".join(f"{n} {name}" for name, n in counts.items())]
    for row in table[table["message"] != ""].head(_SHOWN).itertuples(index=False):
        lines.append(f"  scenario {row.scenario}: {row.message}")
    if result.n_failed > _SHOWN:
        lines.append(f"  … and {result.n_failed - _SHOWN} more")
    names = "sweep.partial.csv" if result.n_missing else "sweep.csv and sweep.xlsx"
    lines.append(f"Table: {result.folder} ({names}); a run folder for each in {result.folder / 'runs'}")
    if result.n_missing:
        lines.append(
            f"{result.n_missing} are not run yet: run the other shares, then ccs-model collect {result.folder}"
        )
    click.echo("\n".join(lines))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


# `ccs-model collect DIR`: the shares of a sweep in one table.


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

    result = collected(folder, others)
    show(result, as_json=as_json, quiet=quiet)
    return result.exit_code
