"""`ccs-model montecarlo SCENARIO --draws N --seed S`: how the answer spreads when the inputs do."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ccs_model.cli.screen import columns
from ccs_model.cli.talk import ProgressLine
from ccs_model.errors import DONE, INTERRUPTED

if TYPE_CHECKING:
    from ccs_model.analysis.monte_carlo import MonteCarlo

_N_INPUTS_SHOWN = 6


@click.command(
    epilog="""\b
Examples:
  ccs-model montecarlo my.yaml --draws 1000 --seed 1
  ccs-model montecarlo my.yaml --draws 5000 --seed 1 --jobs 8 --out results/futures
  ccs-model montecarlo my.yaml --run runs/my-1a2b3c4d --json > futures.json

The same seed gives every scenario the same futures. The same command goes on where it was stopped. What is
uncertain, and how far: `ccs-model data uncertainty/inputs`, and the key `uncertainty:` of a scenario.
Exit codes: 0 done, 3 bad input, 4 no plan can keep every claim, 6 no plan, 8 file trouble, 130 interrupted:
finished futures are kept.
"""
)
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--draws", type=click.IntRange(1, 1_000_000), default=1_000, show_default=True, help="Futures.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, help="Which futures.")
@click.option("--sampling", type=click.Choice(["latin", "sobol"]), default="latin", show_default=True,
              help="How: Latin hypercube, or a Sobol sequence (best with 512, 1024, … draws).")  # fmt: skip
@click.option("--run", type=click.Path(path_type=Path), help="Run folder whose plan is held (default: the scenario's "
              "own run, where it is there; else the plan is made first).")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1, 512), help="Processes at a time (default: one a core).")
@click.option("--scheduler", metavar="ADDR", help="Dask scheduler whose workers take part, such as tcp://head:8786.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder (default: runs/<name>-montecarlo-<hash>).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else on stdout.")
@click.option("--allow-outside", is_flag=True, help="Allow files outside the scenario's folder.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, no summary.")
def montecarlo(
    scenario: Path,
    draws: int,
    seed: int,
    sampling: str,
    run: Path | None,
    jobs: int | None,
    scheduler: str | None,
    out: Path | None,
    as_json: bool,
    allow_outside: bool,
    quiet: bool,
) -> int:
    """Draw futures: how the answer spreads, what moves it, and which plants are chosen in nearly all of them."""
    from ccs_model.analysis.monte_carlo import montecarlo as found_by

    line = ProgressLine(quiet=quiet)
    try:
        found = found_by(
            scenario,
            draws=draws,
            seed=seed,
            sampling=sampling,
            run=run,
            out=out,
            jobs=jobs,
            scheduler=scheduler,
            allow_outside=allow_outside,
            say=lambda words: line.say(f"  {words}"),
            tell=lambda at: line.say(f"  {at.n_ended} of {at.n_all} futures; {at.per_s:.1f} a second"),
        )
    except KeyboardInterrupt:
        line.done()
        click.echo("interrupted; finished futures are kept, the same command goes on", err=True)
        return INTERRUPTED
    line.done()
    if as_json:
        click.echo(found.text, nl=False)
    elif not quiet:
        click.echo(_monte_carlo_text(found))
    return DONE


def _monte_carlo_text(found: MonteCarlo) -> str:
    from ccs_model.plan.uncertainty import HELD, REPLANNED
    from ccs_model.report.sheets.uncertainty import MEASURES

    told, about = found.uncertainty, found.uncertainty.about
    lines = [f"{about['scenario']}: {about['n_draws']} futures of seed {about['seed']}",
             f"Money in million {about['currency']} {about['price_year']}, real", ""]  # fmt: skip
    for mode, words in ((HELD, "The plan held in every future"), (REPLANNED, "Each future planned anew, in parts")):
        lines.append(f"{words:40} {'planned':>12} {'P5':>12} {'P50':>12} {'P95':>12}")
        for row in told.spread[told.spread["mode"] == mode].itertuples(index=False):
            lines.append(
                f"  {MEASURES[row.measure]:38} {row.planned:12,.1f} {row.p5:12,.1f} {row.p50:12,.1f} {row.p95:12,.1f}"
            )
    if about["overrun_share"] is not None:
        lines.append(f"The held plan costs more than the budget in {about['overrun_share']:.0%} of the futures.")
    for mode in (HELD, REPLANNED):
        most = told.tornado[(told.tornado["mode"] == mode) & (told.tornado["measure"] == "aim_value")]
        # What chance alone could do is not shown.
        most = most[most["width"] > most["chance"]].head(_N_INPUTS_SHOWN)
        lines += ["", f"What moves the value of the aim most, {mode}:"]
        lines += [f"  {row.input:32} {row.low:12,.0f} … {row.high:12,.0f}" for row in most.itertuples(index=False)]
    names = told.plants[told.plants["is_no_regret"]]["name"].tolist()
    listed = ", ".join(names) if names else "none"
    lines += ["", textwrap.fill(f"Chosen in nine futures of ten or more ({len(names)}): {listed}", columns())]
    lines.append(f"Folder: {found.folder} (plan.xlsx, sheet Uncertainty; montecarlo.json; futures.csv)")
    return "\n".join(lines)
