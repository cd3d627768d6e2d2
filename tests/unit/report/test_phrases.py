"""Sentences from plain values."""

from __future__ import annotations

import pytest

from ccs_model.report.language import Language
from ccs_model.report.phrases import unspent


def test_money_that_a_plan_leaves_is_named() -> None:
    text = unspent(12_000.0, 11_897.3, "CNY 2024")
    assert text == " The retrofits added also use the 103 million CNY 2024 of the budget that the plan leaves unspent."
    assert Language("zh").sentence(text.strip()) == "新增改造还使用方案预算中未支出的 103 百万元（2024年价）。"


@pytest.mark.parametrize(("budget", "capex"), [(12_000.0, 11_990.0), (None, 500.0), (12_000.0, None), (100.0, 120.0)])
def test_little_money_left_is_not_worth_a_sentence(budget: float | None, capex: float | None) -> None:
    assert unspent(budget, capex, "CNY 2024") == ""
