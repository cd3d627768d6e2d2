"""Calibration in its sheet, the summary and plan.json, and the user's own calibration file in the run folder."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

import ccs_model as ccs
from ccs_model.cli.inspect_run import run_text
from ccs_model.paths import data_folder
from ccs_model.plan.calibrated_results import ensemble_table, reported_reduction_lines, statement
from ccs_model.plan.headline import NOT_CALIBRATED
from ccs_model.plan.merit_order import macc_table
from ccs_model.plan.plan import Plan
from ccs_model.report.language import Language

VALUES = {
    "name": "Large works of Shanxi",
    "years": [2026, 2030],
    "plants": {"provinces": ["Shanxi"], "min_emissions_ktpa": 1000},
    "transport": {"shared_trunklines": False},
    "budget": {"total_mn": 3000},
    "solver": {"mip_gap": 0.05},
}


@pytest.fixture(scope="module")
def calibrated() -> Plan:
    return ccs.optimize(ccs.Scenario.from_dict({**VALUES, "calibration": {"use": "ensemble"}}))


def text_of(plan: Plan, folder: Path) -> list[str]:
    sheet = openpyxl.load_workbook(plan.to_excel(folder / "plan.xlsx"))["Calibration"]
    return [str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value is not None]


@pytest.mark.slow
def test_calibration_sheet_shows_statement_evidence_and_fit(calibrated: Plan, tmp_path: Path) -> None:
    cells = text_of(calibrated, tmp_path)
    assert statement(calibrated) in cells
    assert any("press figure without baseline, metric or technology" in cell for cell in cells)
    for words in ("not informed by the pilots", "consistent", "hebei-about", "metric", "attribution", "C"):
        assert words in cells, words
    assert not any("validated" in cell for cell in cells)


@pytest.mark.slow
def test_plan_without_calibration_is_reported_as_not_calibrated(plan: Plan, tmp_path: Path) -> None:
    assert NOT_CALIBRATED in text_of(plan, tmp_path)
    assert plan.to_dict()["calibration"] is None
    assert plan.to_dict()["zones"][0]["reported_abatement_share"] is None


def test_calibration_statement_names_ceiling_fits_and_period_in_sentences(calibrated: Plan) -> None:
    text = statement(calibrated)
    assert re.search(r"The deployment ceiling is (not )?applied[:;] .+ \(80 % band [0-9.]+–[0-9.]+ %; ", text)
    assert "Each zone's report agrees with a fit that leaves it out: Hebei, Shanxi. " in text
    assert f" Abatement in {calibrated.problem.years[-1]}–" in text and "without it" not in text
    assert not re.search("[a-z]{4}", Language("zh").sentence(text).replace("pilot-reported", "").replace(
        "pilot-installed", ""
    ))  # fmt: skip


def test_summary_includes_the_calibration_statement(calibrated: Plan) -> None:
    text = " ".join(run_text(calibrated.to_dict(), Path("runs")).split())
    assert statement(calibrated).replace(" %", "%") in text
    assert "press figure, grade C" in text
    assert "as designed" in text


def test_plan_json_reports_calibrated_and_publicly_reported_abatement_share(calibrated: Plan) -> None:
    (zone,) = calibrated.to_dict()["zones"]
    phi = calibrated.problem.delivered_share
    assert zone["reported_abatement_share"] == 0.15
    assert zone["abatement_share"] == pytest.approx(phi * zone["uncalibrated_abatement_share"])
    reported = calibrated.to_dict()["calibration"]
    assert reported["held_out"]["Shanxi"]["verdict"] == "consistent"
    assert reported["delivered_share"]["used"] == phi


def test_ensemble_evaluates_the_plan_over_the_draws_of_the_fit(calibrated: Plan) -> None:
    table = ensemble_table(calibrated)
    totals = calibrated.totals
    assert len(table) == 64
    nameplate = float(totals["captured_ktpa"] or 0.0) / calibrated.problem.delivered_share
    assert table["captured_ktpa"].to_numpy() == pytest.approx(table["delivered_share"].to_numpy() * nameplate)
    assert table["capex_mn"].to_numpy() == pytest.approx(table["kappa"].to_numpy() * float(totals["capex_mn"] or 0.0))
    within = table["capex_mn"] <= calibrated.problem.budget_mn * (1 + 1e-9)
    assert table["is_within_budget"].tolist() == within.tolist()
    # Grants that pay half of the planned capital count as budget that is not spent, at most.
    half = pd.DataFrame({"kind": ["grant"], "spend_mn": [0.5 * float(totals["capex_mn"] or 0.0)]})
    spent = table["capex_mn"] - np.minimum(table["kappa"], 1.0) * half["spend_mn"].iloc[0]
    with_grants = ensemble_table(dataclasses.replace(calibrated, funds=half))
    assert with_grants["is_within_budget"].tolist() == (spent <= calibrated.problem.budget_mn * (1 + 1e-9)).tolist()
    bands = calibrated.to_dict()["calibration"]["ensemble"]
    assert bands["abatement_share"]["p10"] < float(totals["abatement_share"] or 0.0) < bands["abatement_share"]["p90"]
    # The draws are those of the fit and do not depend on the plan.
    assert table["kappa"].tolist() == [draw["kappa"] for draw in calibrated.problem.calibrated.fit["draws"]]  # type: ignore[union-attr]


@pytest.mark.slow
def test_own_calibration_file_is_copied_and_its_content_changes_the_run_key(tmp_path: Path) -> None:
    from ccs_model.plan.cache_key import run_key

    shutil.copy(data_folder() / "pilots/calibration.json", tmp_path / "mine.json")
    path = tmp_path / "s.yaml"
    path.write_text(json.dumps({**VALUES, "calibration": {"use": "median", "file": "mine.json"}}), encoding="utf-8")
    plan = ccs.optimize(path)
    folder = plan.to_folder(tmp_path / "run")
    assert (folder / "own" / "mine.json").read_bytes() == (tmp_path / "mine.json").read_bytes()
    again = ccs.optimize(folder / "scenario.resolved.yaml")
    assert again.objective.value == plan.objective.value
    key_before = run_key(plan.problem.scenario, plan.problem.inputs).sha256
    text = (tmp_path / "mine.json").read_text(encoding="utf-8")
    changed = text.replace('"median": 0.66', '"median": 0.65', 1)
    assert changed != text
    (tmp_path / "mine.json").write_text(changed, encoding="utf-8")
    assert run_key(plan.problem.scenario, plan.problem.inputs).sha256 != key_before


def test_plan_states_what_the_reported_reduction_would_require(calibrated: Plan) -> None:
    caveat, line = reported_reduction_lines(calibrated)
    assert caveat.startswith("The 15 % is a press figure without baseline, metric or technology")
    # By hand: 15 % of the emissions of the zone, as a multiple of the abatement of the plan.
    zone = calibrated.zones.set_index("zone").loc["Shanxi"]
    needed = 0.15 * zone["baseline_ktpa"]
    assert f"would take {needed / 1000:,.1f} Mt a year, {needed / zone['avoided_ktpa']:,.1f} times this plan" in line
    merit_order = macc_table(calibrated.problem, calibrated.retrofits)
    cumulative_ktpa = merit_order["avoided_at_full_load_ktpa"].cumsum()
    last = merit_order.loc[cumulative_ktpa >= needed, "avoidance_cost_at_full_load_per_t"]
    assert f"last tonne costs {last.iloc[0]:,.0f} CNY 2024 per t avoided" in line
    shown = " ".join(run_text(calibrated.to_dict(), Path("run")).split())
    assert caveat.replace(" %", "%") in shown and line.replace(" %", "%") in shown
    assert calibrated.to_dict()["calibration"]["reported_reduction"] == [caveat, line]
    assert "not informed by the pilots" in statement(calibrated) and "pilot-installed 0.0" in statement(calibrated)
