"""`ccs-model hedge SCENARIO`: what to build here and now, whichever of the scenario's futures comes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ccs_model.cli.answers import answer_options, answered
from ccs_model.cli.talk import ProgressLine
from ccs_model.errors import DONE, LIMIT_REACHED

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
def hedge(scenario: Path, out: Path | None, as_json: bool, force: bool, allow_outside: bool, quiet: bool) -> int:
    """Plan in two stages: the same first builds in all futures, then what suits the one that comes."""
    from ccs_model.analysis.hedge import Hedge
    from ccs_model.analysis.hedge import hedge as found_by
    from ccs_model.analysis.regret import question_key

    line = ProgressLine(quiet=quiet)
    key = question_key(scenario, [], "hedge", allow_outside=allow_outside)
    folder = out if out is not None else Path("runs") / key.folder_name

    def ask() -> Hedge:
        return found_by(scenario, allow_outside=allow_outside, tell=lambda words: line.say(f"  {words}"))

    text = answered(folder, key, "hedge", "{}: hedged", ask, force=force)
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
        lines.append(f"{amount:>14}  {row['words']}")
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
    return "\n".join([*lines, f"Folder: {folder} (hedge.xlsx, hedge.json, tables/)"])
