"""`ccs-model replay CASE…`: replays pilot-zone cases and says of each expectation whether it held."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ccs_model.cli.talk import ProgressLine
from ccs_model.errors import CHECK_FAILED, DONE

if TYPE_CHECKING:
    from ccs_model.pilots.replay import Replay, Row


@click.command(
    epilog="""\b
Examples:
  ccs-model replay scenarios/pilots/*.yaml
  ccs-model replay my-zone.yaml --json > replayed.json

Exit codes: 0 all as expected, 3 bad input, 7 an expectation failed.
"""
)
@click.argument("cases", metavar="CASE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, and only what is not as expected.")
def replay(cases: tuple[Path, ...], as_json: bool, quiet: bool) -> int:
    """Replay pilot-zone cases: does each expectation hold, and does each control fail?"""
    from ccs_model.pilots.replay import replay as replayed

    line = ProgressLine(quiet=quiet)
    found = replayed(cases, tell=lambda name: line.say(f"  replaying {name}"))
    line.done()
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=1, ensure_ascii=False, allow_nan=False))
    else:
        click.echo(_replay_text(found, quiet))
    return DONE if found.all_hold else CHECK_FAILED


def _replay_text(found: Replay, quiet: bool) -> str:
    shown = [row for row in found.rows if not (quiet and row.as_expected)]
    lines = []
    if shown:
        rows = [("case", "zone", "quantity", "value", "band", ""), *map(_cells, shown)]
        widths = [max(len(row[k]) for row in rows) for k in range(5)]
        lines = ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[5]]).rstrip()
                 for row in rows]  # fmt: skip
        lines.append("")
    n = len(found.rows)
    held = sum(row.as_expected for row in found.rows)
    return "\n".join([*lines, f"{held} of {n} expectations of {len(found.found)} cases are as expected."])


def _cells(row: Row) -> tuple[str, ...]:
    if row.low is None and row.high is None:
        band = "–"
    elif row.low is None:
        band = f"≤ {_replay_number(row.high)}"
    elif row.high is None:
        band = f"≥ {_replay_number(row.low)}"
    else:
        band = f"{_replay_number(row.low)} – {_replay_number(row.high)}"
    verdict = ("held" if row.holds else "failed, as it must") if row.as_expected else "NOT HELD"
    if row.expected_to_fail and not row.as_expected and not row.why:
        verdict = "HELD, and must not"
    return row.case, row.zone, row.quantity, _replay_number(row.value), band, f"{verdict} {row.why}".strip()


def _replay_number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
