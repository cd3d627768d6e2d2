"""Budgets that pay for few retrofits with their pipelines and wells."""

from __future__ import annotations

from pathlib import Path

import pytest

import ccs_model as ccs

pytestmark = pytest.mark.slow
HEBEI = Path(__file__).parents[3] / "scenarios/hebei.yaml"


def test_budget_that_pays_for_one_small_unit_is_used() -> None:
    # The options of most value per money need more: quarter-size stoves with their own pipe and well take 445 million.
    changes = {"budget.total_mn": 450.0, "budget.cumulative_mn": {}, "solver.effort": "quick"}
    plan = ccs.optimize(ccs.read_scenario(HEBEI).with_changes(changes))
    assert len(plan.retrofits) == 1
    assert plan.objective.value > 400.0
    assert plan.totals["capex_mn"] <= 450.0 + 1e-6
