"""`ccs-model montecarlo SCENARIO --draws N --seed S`: how the answer spreads when the inputs do."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ccs_model.cli.terminal import ProgressLine, answer_options, answered, columns
from ccs_model.errors import DONE, INTERRUPTED, LIMIT_REACHED

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
            on_message=lambda words: line.show(f"  {words}"),
            on_progress=lambda at: line.show(f"  {at.n_ended} of {at.n_all} futures; {at.per_s:.1f} a second"),
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
    from ccs_model.plan.plan import HELD, REPLANNED
    from ccs_model.report.workbook.uncertainty_sheet import MEASURES

    reported, about = found.uncertainty, found.uncertainty.about
    lines = [f"{about['scenario']}: {about['n_draws']} futures of seed {about['seed']}",
             f"Money in million {about['currency']} {about['price_year']}, real", ""]  # fmt: skip
    for mode, words in ((HELD, "The plan held in every future"), (REPLANNED, "Each future planned anew, in parts")):
        lines.append(f"{words:40} {'planned':>12} {'P5':>12} {'P50':>12} {'P95':>12}")
        for row in reported.spread[reported.spread["mode"] == mode].itertuples(index=False):
            lines.append(
                f"  {MEASURES[row.measure]:38} {row.planned:12,.1f} {row.p5:12,.1f} {row.p50:12,.1f} {row.p95:12,.1f}"
            )
    if about["overrun_share"] is not None:
        lines.append(f"The held plan costs more than the budget in {about['overrun_share']:.0%} of the futures.")
    for mode in (HELD, REPLANNED):
        most = reported.tornado[(reported.tornado["mode"] == mode) & (reported.tornado["measure"] == "aim_value")]
        # What chance alone could do is not shown.
        most = most[most["width"] > most["noise_width"]].head(_N_INPUTS_SHOWN)
        lines += ["", f"What moves the value of the aim most, {mode}:"]
        lines += [f"  {row.input:32} {row.low:12,.0f} … {row.high:12,.0f}" for row in most.itertuples(index=False)]
    names = reported.plants[reported.plants["is_no_regret"]]["name"].tolist()
    listed = ", ".join(names) if names else "none"
    lines += ["", textwrap.fill(f"Chosen in nine futures of ten or more ({len(names)}): {listed}", columns())]
    lines.append(f"Folder: {found.folder} (plan.xlsx, sheet Uncertainty; montecarlo.json; futures.csv)")
    return "\n".join(lines)


# `ccs-model hedge SCENARIO`: what to build here and now, whichever of the scenario's futures comes.

_SHOWN_BUILDS = 20


@click.command(
    epilog="""\b
Examples:
  ccs-model hedge my.yaml
  ccs-model hedge my.yaml --out hedges/prices --json

\b
The scenario names its futures:
  futures:
    low: {probability_share: 0.6, changes: {policy.carbon_price_per_t: {2026: 75, 2040: 120}}}
    high: {probability_share: 0.4, changes: {policy.carbon_price_per_t: {2026: 75, 2040: 500}}}
  here_and_now: [2026]
  risk: {cvar_share: 0.9, weight: 0.5}

\b
Exit codes: 0 done, 3 bad input, 4 infeasible, 5 a limit was reached, 6 no plan, 8 file trouble.
"""
)
@click.argument("scenario", type=click.Path(path_type=Path))
@answer_options("hedge")
def stochastic(scenario: Path, out: Path | None, as_json: bool, force: bool, allow_outside: bool, quiet: bool) -> int:
    """Plan in two stages: the same first builds in all futures, then what suits the one that comes."""
    from ccs_model.analysis.regret import question_key
    from ccs_model.analysis.stochastic import StochasticPlan
    from ccs_model.analysis.stochastic import stochastic as found_by

    line = ProgressLine(quiet=quiet)
    key = question_key(scenario, [], "stochastic", allow_outside=allow_outside)
    folder = out if out is not None else Path("runs") / key.folder_name

    def ask() -> StochasticPlan:
        return found_by(scenario, allow_outside=allow_outside, on_progress=lambda words: line.show(f"  {words}"))

    text = answered(folder, key, "stochastic", "{}: stochastic plan", ask, force=force)
    line.done()
    document = json.loads(text)
    if as_json:
        click.echo(text, nl=False)
    elif not quiet:
        click.echo(_stochastic_text(document, folder))
    return DONE if document["status"] == "optimal" else LIMIT_REACHED


def _stochastic_text(document: Mapping[str, Any], folder: Path) -> str:
    years = ", ".join(map(str, document["here_and_now"]))
    lines = [f"{document['scenario']}: one plan for {len(document['futures'])} futures, in {document['unit']}"]
    lines += [f"gap {document['gap_share']:.2%}; {document['n_columns']:,} columns, {document['n_rows']:,} rows", ""]
    for row in document["values"]:
        amount = f"{row['objective']:,.1f}" if row["objective"] is not None else "–"
        lines.append(f"{amount:>14}  {row['text']}")
    lines += ["", f"Built here and now ({years}), whatever comes:"]
    for row in document["plants"][:_SHOWN_BUILDS]:
        more = "" if row["is_in_mean_plan"] else "; not in the plan of the mean future"
        lines.append(f"  {row['plant']} {row['name']}, {row['year']}{more}")
    lines += [] if document["plants"] else ["  nothing"]
    n_more = len(document["plants"]) - _SHOWN_BUILDS
    lines += [f"  … and {n_more} more"] if n_more > 0 else []
    lines.append("")
    for row in document["futures"]:
        later = [r for r in document["retrofits"] if r["future"] == row["future"] and not r["is_here_and_now"]]
        ends = f"{row['objective']:,.1f}, at best {row['perfect_objective']:,.1f}"
        lines.append(f"{row['name']} ({row['probability_share']:.0%}): {ends}; {len(later)} retrofits follow")
    return "\n".join([*lines, f"Folder: {folder} (stochastic.xlsx, stochastic.json, tables/)"])


# `ccs-model regret SCENARIO --set KEY=V1,V2`: the plan that is never far from the best, whatever comes.

_SHOWN_FUTURES = 20


@click.command(
    epilog="""\b
Examples:
  ccs-model regret my.yaml --set policy.carbon_price_per_t.2030=80,150,300
  ccs-model regret my.yaml --set storage.capacity=low,mid,high --probability 0.25,0.5,0.25
  ccs-model regret my.yaml --list futures.csv --json

Each future has a plan of its own; each plan is then held in every future. A plan that some future cannot
keep (over budget, a target missed) is marked and is none to choose.

\b
Exit codes: 0 done, 3 a future cannot be used, 4 one is infeasible, 6 one has no plan, 8 file trouble.
"""
)
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--set", "sets", multiple=True, metavar="KEY=V1,V2,…|KEY=start:stop:n", help="Values of a key, a future "
              "each; several keys are combined.")  # fmt: skip
@click.option("--list", "listed", type=click.Path(path_type=Path), help="CSV or YAML file with the changes of each.")
@click.option("--probability", metavar="P1,P2,…", help="How likely each future is (default: all alike).")
@answer_options("regret")
def regret(
    scenario: Path,
    sets: tuple[str, ...],
    listed: Path | None,
    probability: str | None,
    out: Path | None,
    as_json: bool,
    force: bool,
    allow_outside: bool,
    quiet: bool,
) -> int:
    """Value a plan for each future in every other: the least regret at worst, and in the mean."""
    if not sets and listed is None:
        raise click.UsageError("give --set KEY=V1,V2 or --list FILE")
    from ccs_model.analysis.regret import Regret, question_key, shares_of
    from ccs_model.analysis.regret import regret as found_by
    from ccs_model.scenario.variations import grid_of, listed_in

    grid = grid_of(sets)
    rows = listed_in(listed) if listed is not None else ({},)
    changes = [{**row, **each} for row in rows for each in grid]
    shares = shares_of(_shares(probability), len(changes))
    line = ProgressLine(quiet=quiet)
    key = question_key(scenario, [changes, shares], "regret", allow_outside=allow_outside)
    folder = out if out is not None else Path("runs") / key.folder_name

    def ask() -> Regret:
        return found_by(
            scenario,
            changes,
            probabilities=shares,
            allow_outside=allow_outside,
            on_progress=lambda words: line.show(f"  {words}"),
        )

    text = answered(folder, key, "regret", "{}: regret", ask, force=force)
    line.done()
    if as_json:
        click.echo(text, nl=False)
    elif not quiet:
        click.echo(_regret_text(json.loads(text), folder))
    return DONE


def _shares(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(each) for each in text.split(","))
    except ValueError:
        raise click.BadParameter(f"'{text}' are no numbers", param_hint="--probability") from None


def _regret_text(document: Mapping[str, Any], folder: Path) -> str:
    futures, plans, plants = document["futures"], document["plans"], document["plants"]
    lines = [f"{document['scenario']}: regret in {document['unit']}", "", "future   best      likely"]
    for row in futures:
        lines.append(f"{row['future']:>4} {row['objective']:>12,.1f} {row['probability_share']:>7.1%}  {row['name']}")
    by_plan: dict[int, list[str]] = {}
    for row in document["regrets"]:
        by_plan.setdefault(row["plan"], []).append(
            f"{row['regret']:,.1f}" if row["regret"] is not None else row["state"]
        )
    lines += ["", "plan      worst       mean  regret in each future"]
    for row in plans:
        ends = [f"{row[name]:,.1f}" if row[name] is not None else "–" for name in ("max_regret", "expected_regret")]
        lines.append(f"{row['plan']:>4} {ends[0]:>10} {ends[1]:>10}  {' | '.join(by_plan[row['plan']])}")
    message = {row["plan"]: row["name"] for row in plans}
    for key, what in (("minimax_plan", "Least regret at worst"), ("least_expected_plan", "Least regret in the mean")):
        lines += [f"{what}: {message[document[key]] if document[key] else 'no plan can be kept in every future'}"]
    sure = [row for row in plants if row["is_no_regret"]]
    lines += ["", f"{len(sure)} plant{'s' if len(sure) != 1 else ''} in every plan (no regret):"]
    lines += [f"  {row['plant']} {row['name']}" for row in sure[:_SHOWN_FUTURES]]
    lines += [f"  … and {len(sure) - _SHOWN_FUTURES} more"] if len(sure) > _SHOWN_FUTURES else []
    return "\n".join([*lines, f"Folder: {folder} (regret.xlsx, regret.json, tables/)"])
