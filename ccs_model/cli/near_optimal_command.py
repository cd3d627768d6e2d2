"""`ccs-model near-optimal SCENARIO_OR_RUN`: different plans within a share of the optimum."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ccs_model.cli.command_options import PATH, Output, cached_or_solved, output_options, time_limit_option
from ccs_model.errors import DONE, LIMIT_REACHED

if TYPE_CHECKING:
    from ccs_model.analysis.near_optimal import Alternatives

_N_SHOWN = 20


@click.command(
    name="near-optimal",
    epilog="""\b
Examples:
  ccs-model near-optimal scenarios/hebei.yaml
  ccs-model near-optimal runs/hebei-1a2b3c4d --within 0.02
  ccs-model near-optimal my.yaml --n 5 --out near-optimal/my --json

The command classifies plants: in every near-optimal plan, in some, or in none. A scenario is solved first; a run
is used as it is. For a shared network the pipes keep to the links of the plan unless --all-links is given.

\b
Exit codes: 0 done, 3 invalid input, 4 infeasible, 5 time limit before every plant was classified,
8 file system error.
""",
)
@click.argument("requested", metavar="SCENARIO_OR_RUN", type=PATH)
@click.option("--within", "within_share", type=float, default=0.01, show_default=True,
              help="Largest loss of the objective, as a share of its optimum.")  # fmt: skip
@click.option("--n", "n_plans", type=click.IntRange(1, 1000), default=10, show_default=True,
              help="Number of maximally different plans.")  # fmt: skip
@click.option("--all-links", is_flag=True, help="Allow pipes on all candidate links; takes longer.")
@time_limit_option("Seconds for the search after the plan is solved.", default=60.0)
@output_options("near-optimal")
def near_optimal(
    requested: Path, within_share: float, n_plans: int, all_links: bool, time_limit: float, output: Output
) -> int:
    """Find different plans close to the optimum."""
    from ccs_model.analysis.near_optimal import near_optimal as search
    from ccs_model.analysis.near_optimal import question_key

    output.line.show("reading the scenario and the tables")
    inside = {"all_links": all_links, "allow_outside": output.allow_outside}
    key = question_key(requested, within_share, n_plans, **inside)
    folder = output.folder(key.folder_name)

    def solve() -> Alternatives:
        return search(
            requested,
            within_share=within_share,
            n_plans=n_plans,
            time_limit_s=time_limit,
            on_progress=output.line.show,
            **inside,
        )

    title = f"{{}}: plans within {within_share:.2%}"
    text = cached_or_solved(folder, key, "near_optimal", title, solve, force=output.force)
    document = json.loads(text)
    output.report(text, lambda: _text(document, folder))
    return DONE if document["is_complete"] else LIMIT_REACHED


def _text(document: Mapping[str, Any], folder: Path) -> str:
    share, value = document["within_share"], document["objective"]
    lines = [f"{document['scenario']}: plans within {share:.2%} of {value:,.1f} {document['unit']}"]
    if document["n_corridors"] is not None:
        lines[0] += f"; pipes on the plan's {document['n_corridors']} links"
    lines += _ranges(document["ranges"]) if "ranges" in document else _sets(document)
    if not document["is_complete"]:
        lines.append("The time limit was reached before every plant was classified; raise --time-limit")
    lines.append(f"Folder: {folder} (near_optimal.xlsx, near_optimal.json, tables/)")
    return "\n".join(lines)


def _sets(document: Mapping[str, Any]) -> list[str]:
    """Lines on integer plans: plants by class, exchanges, and the plans that differ most."""
    plants, plans = document["plants"], document["plans"]
    every = "; there are no others" if document["is_exhausted"] else ""
    lines = [f"Other sets of plants found: {len(plans) - 1}{every}", ""]
    headings = {
        "needed": "In every near-optimal plan",
        "in all found": "In all plans found; not proven for every plan",
        "swappable": "In some near-optimal plans",
        "in none found": "In no plan found; not proven for every plan",
        "never": "In no near-optimal plan",
    }
    for standing, heading in headings.items():
        rows = [row for row in plants if row["standing"] == standing]
        if not rows and not standing.isalpha():
            continue
        lines.append(f"{heading}: {len(rows)} plants")
        if standing == "never":
            continue
        for row in rows[:_N_SHOWN]:
            lost = f"; excluding it loses at least {row['lost_share']:.2%}" if row["lost_share"] is not None else ""
            lines.append(f"  {row['plant']} {row['name']}" + (lost if standing == "needed" else ""))
        lines += [f"  … and {len(rows) - _N_SHOWN} more"] if len(rows) > _N_SHOWN else []
    lines += ["", "Exchanges:"] if document["exchanges"] else []
    for row in document["exchanges"][:_N_SHOWN]:
        lines.append(f"  {row['text']} (−{row['short_share']:.2%})")
    most = [each for each in plans[1:] if each["how"] == "most different"]
    lines += ["", "Most different plans:"] if most else []
    for row in most[:_N_SHOWN]:
        lines.append(
            f"  {row['alternative']}: {row['n_differing']} plants differ, −{row['short_share']:.2%}: {row['text']}"
        )
    return [*lines, ""]


def _ranges(rows: list[Mapping[str, Any]]) -> list[str]:
    """Lines on continuous plans: the range of each plant's capture."""
    lines = [f"{'plan':>7} {'min':>7} {'max':>7}  share of the capturable CO2 at"]
    for row in [each for each in rows if each["standing"] != "never"][: 2 * _N_SHOWN]:
        ends = [row["plan_share"], row["min_share"], row["max_share"]]
        shown = " ".join(f"{each:>7.1%}" if each is not None else f"{'–':>7}" for each in ends)
        lines.append(f"{shown}  {row['plant']} {row['name']}")
    n_never = sum(row["standing"] == "never" for row in rows)
    return [*lines, f"{n_never} further plants are in no near-optimal plan", ""]
