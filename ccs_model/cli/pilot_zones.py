"""`ccs-model calibrate` and `replay`: the pilot zones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ccs_model.cli.command_options import PATH, json_option, replace_file_option
from ccs_model.cli.output_guard import CALIBRATION, validate_output_file
from ccs_model.cli.terminal import ProgressLine, print_json, print_json_text
from ccs_model.errors import CHECK_FAILED, DONE
from ccs_model.report.text_tables import align_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ccs_model.pilots.replay import ExpectationResult, Replay

_LABELS = {
    "deployment_share": "deployment in five years",
    "delivered_share": "delivered share of design",
    "b_share": "abatement without capture",
    "kappa": "capex factor",
}


@click.command(
    epilog="""\b
Examples:
  ccs-model calibrate
  ccs-model calibrate --preset pilot-literal -o calibration.json
  ccs-model calibrate --preset all --accept -o calibration.json

Exit codes: 0 done, 3 invalid input, 7 the report conflicts with other evidence (--accept fits it nevertheless).
"""
)
@click.option("--preset", default="pilot-reported", show_default=True, help="Preset of pilots/presets, or all.")
@click.option("--accept", is_flag=True, help="Fit despite a conflict, and record the conflict with the results.")
@click.option("-o", "--out", type=PATH, help="File to write (calibration.json).")
@replace_file_option
@click.option("--data", type=PATH, help="Folder with your own tables, which override the shipped ones.")
@json_option
def calibrate(preset: str, accept: bool, out: Path | None, force: bool, data: Path | None, as_json: bool) -> int:
    """Fit parameters to the pilot-zone reports."""
    if out is not None:
        validate_output_file(out, CALIBRATION, force=force)
    from ccs_model.inputs.load import load_tables
    from ccs_model.pilots.calibrate import calibrate as fit
    from ccs_model.scenario.sections import OwnTables

    own = None if data is None else OwnTables(data.resolve().parent, data=data.resolve().name)
    found = fit(preset, accept=accept, inputs=load_tables(own))
    if out is not None:
        found.to_json(out)
    if as_json:
        print_json_text(found.text())
    else:
        click.echo("\n\n".join(_preset(name, found[name]) for name in found.names))
    return DONE


def _preset(name: str, fit: Mapping[str, Any]) -> str:
    from ccs_model.plan.calibrated_results import PRESS, evidence_of

    lines = [f"{name}: {fit['effective_points']:,.0f} effective points of {20_000:,}", ""]
    rows = [("", "prior", "P10–P90", "posterior", "P10–P90", "contraction", "")]
    for key, each in fit["parameters"].items():
        bands = [_posterior_band(each[name]) for name in ("prior", "posterior")]
        rows.append((_LABELS[key], *bands[0], *bands[1], f"{each['contraction_share']:.2f}", each["verdict"]))
    lines += [align_columns(rows, left={0, 6}), "", _zones(fit)]
    lines += [f"Accepted conflict: {conflict}." for conflict in fit["conflicts"]]
    evidence = evidence_of(fit)
    lacks = " without baseline, metric, boundary or attribution" if evidence == PRESS else ""
    lines.append(f"Evidence: {evidence}{lacks}. It informs deployment, hardly performance, and not cost.")
    return "\n".join(lines)


def _zones(fit: Mapping[str, Any]) -> str:
    rows = [("zone", "reported", "fitted", "by capture", "other", "unexplained", "fit without this zone, P10–P90", "")]
    for zone in fit["zones"]:
        without = zone["held_out"]
        fitted = (zone[f"{name}_share"]["mean"] for name in ("fitted_abatement", "capture", "other"))
        shares = (zone["reported_abatement_share"], *fitted, zone.get("unexplained_share"))
        band = "" if without is None else f"{_percent(without['p10'])}–{_percent(without['p90'])}"
        rows.append((zone["zone"], *map(_percent, shares), band, "" if without is None else without["verdict"]))
    return align_columns(rows, left={0, 7})


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.2%}" if abs(share) < 0.005 else f"{share:.1%}"


def _posterior_band(band: Mapping[str, float]) -> tuple[str, str]:
    """The median, and P10 to P90."""
    values = (band[name] for name in ("p10", "median", "p90"))
    low, middle, high = (f"{each:.2f}" if abs(each) >= 0.01 else f"{each:.1e}" for each in values)
    return middle, f"{low}–{high}"


@click.command(
    epilog="""\b
Examples:
  ccs-model replay scenarios/pilots/*.yaml
  ccs-model replay my-zone.yaml --json > replayed.json

Exit codes: 0 all as expected, 3 invalid input, 7 an expectation failed.
"""
)
@click.argument("cases", metavar="CASE...", nargs=-1, required=True, type=PATH)
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Print no progress, and only unexpected results.")
def replay(cases: tuple[Path, ...], as_json: bool, quiet: bool) -> int:
    """Test pilot-zone cases.

    Every expectation must hold and every control must fail.
    """
    from ccs_model.pilots.replay import replay as replay_cases

    line = ProgressLine(quiet=quiet)
    found = replay_cases(cases, on_progress=lambda name: line.show(f"replaying {name}"))
    line.clear()
    if as_json:
        print_json(found.to_dict())
    else:
        click.echo(_replay_text(found, quiet))
    return DONE if found.all_hold else CHECK_FAILED


def _replay_text(found: Replay, quiet: bool) -> str:
    shown = [row for row in found.rows if not (quiet and row.as_expected)]
    table = align_columns([("case", "zone", "quantity", "value", "band", ""), *map(_cells, shown)], left=6)
    held = sum(row.as_expected for row in found.rows)
    counts = f"{held} of {len(found.rows)} expectations of {len(found.found)} cases are as expected."
    n_consistency = sum(not row.can_fail for row in found.rows)
    if n_consistency:
        counts += f" {n_consistency} are consistency checks, which hold by construction."
    return f"{table}\n\n{counts}" if shown else counts


def _cells(row: ExpectationResult) -> tuple[str, ...]:
    if row.low is None and row.high is None:
        band = "–"
    elif row.low is None:
        band = f"≤ {_replay_number(row.high)}"
    elif row.high is None:
        band = f"≥ {_replay_number(row.low)}"
    else:
        band = f"{_replay_number(row.low)} – {_replay_number(row.high)}"
    outcome = ("held" if row.holds else "failed, as it must") if row.as_expected else "NOT HELD"
    if row.expected_to_fail and not row.as_expected and not row.why:
        outcome = "HELD, and must not"
    if not row.can_fail and row.as_expected:
        outcome += " (by construction)"
    return row.case, row.zone, row.quantity, _replay_number(row.value), band, f"{outcome} {row.why}".strip()


def _replay_number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
