"""Sentences about a plan."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from ccs_model.plan.plan import Plan
from ccs_model.report import sentences
from ccs_model.report.language import Language


def test_grants_are_told_apart_from_the_budget(small_plan: Plan) -> None:
    funds = pd.DataFrame({"fund": "eu", "kind": "grant", "year": [2026, 2030], "spend_mn": [80.0, 0.0]})
    capex = small_plan.totals["budget_mn"] + 79.0
    plan = replace(small_plan, funds=funds, totals={**small_plan.totals, "capex_mn": capex})
    text = sentences.answer(plan)
    assert ", including grants of 80 on top of a budget of" in text
    assert "grants" not in sentences.answer(small_plan)
    translated = Language("zh").sentence(text)
    assert "预算外补助 80，预算" in translated
