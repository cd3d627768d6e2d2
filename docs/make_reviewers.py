"""The table of docs/explanation/for-reviewers.md: what moves the result by more than 2 %.

    ccs-model optimize scenarios/hebei.yaml --out RUN
    python docs/make_reviewers.py RUN      # calculates, stores the sensitivities and writes the table; some minutes
    python docs/make_reviewers.py          # writes the table from the stored sensitivities

Sensitivities are stored in docs/explanation/sensitivities.json with the hash of the scenario and of every input table.
A test compares the hash with today's inputs and the table with the stored sensitivities.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ccs_model.analysis.evidence import sensitivities
from ccs_model.analysis.outcomes import Replanner, Weights
from ccs_model.analysis.reparameterised import ReparameterisedModel
from ccs_model.inputs import Inputs
from ccs_model.plan.cache_key import run_key
from ccs_model.plan.plan_json import to_plain_values
from ccs_model.problem import build_problem
from ccs_model.problem.scenario_names import read_checked
from ccs_model.runs.run_reader import read_solved_problem
from ccs_model.scenario import Scenario

ROOT = Path(__file__).resolve().parent.parent
SCENARIO = ROOT / "scenarios" / "hebei.yaml"
PAGE = ROOT / "docs" / "explanation" / "for-reviewers.md"
STORED = ROOT / "docs" / "explanation" / "sensitivities.json"
THRESHOLD_SHARE = 0.02
_THRESHOLD = f"{100 * THRESHOLD_SHARE:g} %"
BEGIN, END = "<!-- table: docs/make_reviewers.py -->", "<!-- end of table -->"

_MEASURES = ("abatement_kt", "cost_per_t")
_NUMBERS = ("fixed_abatement", "fixed_cost", "replanned_abatement", "replanned_cost")
# Keys of the scenario that are choices of the planner's model, not amounts: their text and the values compared.
_KEYS: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("discount_rate", "discount rate", {"6 %": 0.06, "10 %": 0.10}),
    ("calibration.ceiling", "ceiling of deployment from the pilot zones", {"off": False}),
    ("policy.non_fossil_share", "non-fossil share of power", {"that of 2023": {2023: 0.19}}),
    ("capture.max_builds_per_year", "retrofits per year", {"6": 6}),
)


def fingerprint() -> str:
    """Return the hash of the scenario, of every input table and of the version, as of a run."""
    return run_key(*read_checked(SCENARIO)).sha256


def calculated(folder: Path) -> dict[str, Any]:
    """Return the sensitivities of a run of the scenario. Raises ValueError for a run of other inputs."""
    solved = read_solved_problem(folder)
    if solved.sha256 != fingerprint():
        raise ValueError(f"{folder} is not a run of {SCENARIO.name} with today's tables and version")
    objective, totals = solved.document["objective"], solved.document["totals"]
    uncertain = sensitivities(solved.problem, solved.point).to_dict("records")
    structural = _structural(solved.problem.scenario, solved.problem.inputs)
    return {
        "scenario": SCENARIO.name,
        "run_sha256": solved.sha256,
        "gap_share": _rounded(objective["gap_share"]),
        "abatement_kt": _rounded(objective["value"]),
        "avoidance_cost_per_t": _rounded(totals["avoidance_cost_per_t"]),
        "uncertain": [{name: _rounded(value) for name, value in to_plain_values(row).items()} for row in uncertain],
        "structural": [{name: _rounded(value) for name, value in to_plain_values(row).items()} for row in structural],
    }


def _rounded(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _structural(scenario: Scenario, inputs: Inputs) -> Iterator[dict[str, Any]]:
    """Effects of keys of the scenario on the re-planned LP relaxation, over all candidate links."""
    planned = _relaxed(scenario, inputs)
    for key, text, values in _KEYS:
        for shown, value in values.items():
            found = _relaxed(scenario.with_changes({key: value}), inputs)
            was = _shown(scenario, key)
            yield {"name": key, "text": text, "value": shown, "planned": was, **_moved(found, planned)}


def _relaxed(scenario: Scenario, inputs: Inputs) -> dict[str, float]:
    """Return the measures of the LP relaxation."""
    model = ReparameterisedModel(build_problem(scenario, inputs))
    return Weights.of(model, model.problem, model.planned).measures_of_plan(Replanner(model.planned).planned.x)


def _moved(found: Mapping[str, float], planned: Mapping[str, float]) -> dict[str, float]:
    return {f"{name}_share": found[name] / planned[name] - 1.0 for name in _MEASURES}


def _shown(scenario: Scenario, key: str) -> str:
    value: Any = scenario
    for part in key.split("."):
        value = getattr(value, part)
    if isinstance(value, bool):
        return "on" if value else "off"
    if key.endswith("_rate"):
        return f"{100 * value:g} %"
    return f"{value:,g}" if isinstance(value, int | float) else str(value or "path to 2060")


def table(stored: Mapping[str, Any]) -> str:
    """Return the tables of the page in Markdown, the largest effect first."""
    rows, below = [], []
    for row in stored["uncertain"]:
        ends = {name: [row[f"{name}_{end}_share"] for end in ("low", "high")] for name in _NUMBERS}
        most = max((abs(each) for pair in ends.values() for each in pair if each is not None), default=0.0)
        name = f"`{row['input']}`"
        if most <= THRESHOLD_SHARE:
            below.append(name)
            continue
        cells = [" … ".join(_percent(each) for each in ends[each_name]) for each_name in _NUMBERS]
        spread = f"{row['planned']:.3g} ({row['low']:.3g} … {row['high']:.3g})"
        rows.append(f"| {name} | {spread} | {row['quality']} | {' | '.join(cells)} |")
    lines = [
        "| uncertain input | planned (5th … 95th percentile) | quality | plan fixed: abatement | "
        "plan fixed: cost per t | re-planned: abatement | re-planned: cost per t |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        f"Inputs that move nothing by more than {_THRESHOLD}: {', '.join(below) or 'none'}.",
        "",
        "| choice of the model | planned | instead | re-planned: abatement | re-planned: cost per t |",
        "|---|---|---|---|---|",
    ]
    structural = pd.DataFrame(stored["structural"])
    size = structural[[f"{name}_share" for name in _MEASURES]].astype(float).abs().max(axis=1)
    order = size.groupby(structural["name"]).transform("max")
    sorted_rows = structural.assign(size=size, order=order).sort_values(
        ["order", "name"], ascending=[False, True], kind="stable"
    )
    few = []
    for row in sorted_rows.to_dict("records"):
        if row["order"] <= THRESHOLD_SHARE:
            few.append(f"`{row['name']}`")
            continue
        cells = [_percent(row[f"{name}_share"]) for name in _MEASURES]
        lines.append(f"| {row['text']} (`{row['name']}`) | {row['planned']} | {row['value']} | {' | '.join(cells)} |")
    lines += ["", f"Choices that move nothing by more than {_THRESHOLD}: {', '.join(dict.fromkeys(few)) or 'none'}."]
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    if share is None:
        return "–"
    text = f"{100 * share:+.1f} %"
    return "0" if text[1:] == "0.0 %" else text.replace("-", "−")


def page_with(stored: Mapping[str, Any], page: str) -> str:
    """Return the page with the table of the stored sensitivities."""
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    return f"{before}{BEGIN}\n\n{table(stored)}\n\n{END}{after}"


def main(arguments: list[str]) -> None:
    """Calculate if a run is given, and write the table."""
    if arguments:
        text = json.dumps(calculated(Path(arguments[0])), indent=1, ensure_ascii=False)
        STORED.write_text(f"{text}\n", encoding="utf-8")
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    PAGE.write_text(page_with(stored, PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
