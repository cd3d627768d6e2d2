"""`ccs-model alternatives SCENARIO_OR_RUN`: plans nearly as good as the best, and what may be swapped in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ccs_model.cli.terminal import ProgressLine, answer_options, answered
from ccs_model.errors import DONE, LIMIT_REACHED

_SHOWN = 20


@click.command(
    epilog="""\b
Examples:
  ccs-model alternatives scenarios/hebei.yaml
  ccs-model alternatives runs/hebei-1a2b3c4d --within 0.02
  ccs-model alternatives my.yaml --n 5 --out alternatives/my --json

A plant is needed where every plan within the share fits it, swappable where some do, never where none
does. A run is asked as it stands; a scenario is solved first. On a shared network pipes keep to the
corridors of the plan, unless --all-links.

\b
Exit codes: 0 done, 3 bad input, 4 infeasible, 5 time ran out before every plant was decided, 8 file trouble.
"""
)
@click.argument("asked", metavar="SCENARIO_OR_RUN", type=click.Path(path_type=Path))
@click.option("--within", "within_share", type=float, default=0.01, show_default=True, help="How much of the aim's "
              "best a plan may fall short of, as a share.")  # fmt: skip
@click.option("--n", "n_plans", type=click.IntRange(1, 1000), default=10, show_default=True,
              help="How many plans that differ most are made.")  # fmt: skip
@click.option("--all-links", is_flag=True, help="Pipes may leave the corridors of the plan; takes longer.")
@click.option("--time-limit", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True,
              help="Seconds for the search, the plan itself aside.")  # fmt: skip
@answer_options("alternatives")
def near_optimal(
    requested: Path,
    within_share: float,
    n_plans: int,
    all_links: bool,
    time_limit: float,
    out: Path | None,
    as_json: bool,
    force: bool,
    allow_outside: bool,
    quiet: bool,
) -> int:
    """Find plans within a share of the best that differ most: which plants are needed, which may be swapped."""
    from ccs_model.analysis.near_optimal import Alternatives, question_key
    from ccs_model.analysis.near_optimal import near_optimal as found_by

    line = ProgressLine(quiet=quiet)
    line.show("  reading the scenario and the tables")
    key = question_key(requested, within_share, n_plans, all_links=all_links, allow_outside=allow_outside)
    folder = out if out is not None else Path("runs") / key.folder_name

    def ask() -> Alternatives:
        return found_by(
            requested,
            within_share=within_share,
            n_plans=n_plans,
            time_limit_s=time_limit,
            all_links=all_links,
            allow_outside=allow_outside,
            on_progress=lambda words: line.show(f"  {words}"),
        )

    text = answered(folder, key, "near_optimal", f"{{}}: plans within {within_share:.2%}", ask, force=force)
    line.done()
    document = json.loads(text)
    if as_json:
        click.echo(text, nl=False)
    elif not quiet:
        click.echo(_text(document, folder))
    return DONE if document["is_complete"] else LIMIT_REACHED


def _text(document: Mapping[str, Any], folder: Path) -> str:
    share, value = document["within_share"], document["objective"]
    lines = [f"{document['scenario']}: plans within {share:.2%} of {value:,.1f} {document['unit']}"]
    if document["n_corridors"] is not None:
        lines[0] += f", pipes in the plan's {document['n_corridors']} corridors"
    lines += _ranges(document["ranges"]) if "ranges" in document else _rounded(document)
    if not document["is_complete"]:
        lines.append("Time ran out before every plant was decided; more of it: --time-limit")
    lines.append(f"Folder: {folder} (near_optimal.xlsx, near_optimal.json, tables/)")
    return "\n".join(lines)


def _rounded(document: Mapping[str, Any]) -> list[str]:
    plants, plans = document["plants"], document["plans"]
    every = "; no other set of plants is" if document["is_exhausted"] else ""
    lines = [f"{len(plans) - 1} other sets of plants are within it{every}", ""]
    kinds = {
        "needed": "in every one",
        "in all found": "in all that were found, not proven to be in every one",
        "swappable": "in some",
        "in none found": "in none that was found, not proven to be in none",
        "never": "in none",
    }
    for standing, message in kinds.items():
        rows = [row for row in plants if row["standing"] == standing]
        if not rows and not standing.isalpha():
            continue
        lines.append(f"{message}: {len(rows)} plants")
        for row in rows[:_SHOWN] if standing != "never" else ():
            loses = f"; without it at least {row['lost_share']:.2%} is lost" if row["lost_share"] is not None else ""
            lines.append(f"  {row['plant']} {row['name']}" + (loses if standing == "needed" else ""))
        lines += [f"  … and {len(rows) - _SHOWN} more"] if standing != "never" and len(rows) > _SHOWN else []
    lines += ["", "Exchanges:"] if document["exchanges"] else []
    for row in document["exchanges"][:_SHOWN]:
        lines.append(f"  {row['text']} (−{row['short_share']:.2%})")
    most = [each for each in plans[1:] if each["how"] == "most different"]
    lines += ["", "Plans that differ most:"] if most else []
    for row in most[:_SHOWN]:
        lines.append(
            f"  {row['alternative']}: {row['n_differing']} plants differ, −{row['short_share']:.2%}: {row['text']}"
        )
    return [*lines, ""]


def _ranges(rows: list[Mapping[str, Any]]) -> list[str]:
    lines = [f"{'plan':>7} {'least':>7} {'most':>7}  of what can be captured at"]
    for row in [each for each in rows if each["standing"] != "never"][: 2 * _SHOWN]:
        ends = [row["plan_share"], row["min_share"], row["max_share"]]
        shown = " ".join(f"{each:>7.1%}" if each is not None else f"{'–':>7}" for each in ends)
        lines.append(f"{shown}  {row['plant']} {row['name']}")
    n_never = sum(row["standing"] == "never" for row in rows)
    return [*lines, f"{n_never} further plants are in no such plan", ""]
