"""`ccs-model regret SCENARIO --set KEY=V1,V2`: the plan that is never far from the best, whatever comes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ccs_model.cli.answers import answer_options, answered
from ccs_model.cli.talk import ProgressLine
from ccs_model.errors import DONE

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
            tell=lambda words: line.say(f"  {words}"),
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
    said = {row["plan"]: row["name"] for row in plans}
    for key, what in (("minimax_plan", "Least regret at worst"), ("least_expected_plan", "Least regret in the mean")):
        lines += [f"{what}: {said[document[key]] if document[key] else 'no plan can be kept in every future'}"]
    sure = [row for row in plants if row["is_no_regret"]]
    lines += ["", f"{len(sure)} plant{'s' if len(sure) != 1 else ''} in every plan (no regret):"]
    lines += [f"  {row['plant']} {row['name']}" for row in sure[:_SHOWN_FUTURES]]
    lines += [f"  … and {len(sure) - _SHOWN_FUTURES} more"] if len(sure) > _SHOWN_FUTURES else []
    return "\n".join([*lines, f"Folder: {folder} (regret.xlsx, regret.json, tables/)"])
