"""A retrofit whose plant closes before the last period: its reason, its costs at full load and its end year."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from ccs_model.analysis.cost_chain import chain_of
from ccs_model.plan.merit_order import reasons_of
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import plan_text
from ccs_model.report.sentences import answer
from ccs_model.report.summary import summary_text


@pytest.fixture(scope="module")
def closing(hand_solved: Callable[..., Plan]) -> Plan:
    """Two plants on one site; A closes in 2036, within the second of three periods, B never."""
    given = {"capture_cost_per_t": 20.0, "capture_capex_mn": 50.0, "avoided_per_captured_share": 0.8, "life_yr": 20}
    return hand_solved(
        {"years": [2026, 2031, 2036], "objective": "max_abatement", "budget.total_mn": 10_000},
        plants={"A": {"co2_ktpa": 1000.0, "closing_year": 2036.0, **given}, "B": {"co2_ktpa": 500.0, **given}},
        sites={"S": {}},
        links={"A-S": {"length_km": 10.0}, "B-S": {"length_km": 10.0}},
    )


@pytest.mark.slow
def test_the_reason_names_the_cost_at_full_load_and_the_last_year(closing: Plan) -> None:
    row = closing.retrofits.set_index("plant").loc["A"]
    cost = row["avoidance_cost_at_full_load_per_t"]
    assert cost == pytest.approx(row["cost_at_full_load_mn_pa"] * 1000.0 / 800.0)
    expected = f"in: {cost:,.0f} EUR 2015 per t avoided at full load, works until 2035"
    reasons = reasons_of(closing.problem, closing.retrofits).set_index("plant")["reason"]
    assert reasons["A"] == expected


def test_an_ended_retrofit_has_an_end_year_and_no_product_cost(closing: Plan) -> None:
    table = closing.retrofits.set_index("plant")
    assert table["end_year"].to_dict() == {"A": 2035, "B": None}
    assert table["product_cost_per_t"].isna().all()
    assert table["length_km"].tolist() == pytest.approx([10.0, 10.0])


def test_explain_shows_the_cost_chain_at_full_load(closing: Plan) -> None:
    chain = chain_of(closing.problem, closing.retrofits, "A", None)
    found = {line.name: line.values[0] for line in chain.lines}
    row = closing.retrofits.set_index("plant").loc["A"]
    assert (found["load_share"], found["captured_ktpa"], found["basis"]) == (1.0, 1000.0, "full load")
    assert found["end_year"] == "2035" and found["product_cost_per_t"] is None
    assert found["avoided_t_per_t"] == pytest.approx(0.8)
    # 50 million at 8 % over the 10 years until A closes for 1000 kt/y, and 20 per t.
    assert found["capital_per_t"] == pytest.approx(50 * 0.1490295, abs=1e-5)
    assert found["capture_cost_per_t"] == pytest.approx(20 + 50 * 0.1490295, abs=1e-5)
    assert found["avoidance_cost_per_t"] == pytest.approx(row["avoidance_cost_at_full_load_per_t"])
    total = found["capture_cost_per_t"] + found["transport_per_t"] + found["storage_per_t"]
    assert total / 0.8 == pytest.approx(found["avoidance_cost_per_t"])


def test_the_summary_reports_the_end_year_and_the_remaining_costs_of_the_closed_plant(closing: Plan) -> None:
    row = closing.retrofits.set_index("plant").loc["A"]
    # In the last period A still pays for its pipe and its part of the site, but not for capture.
    capture_mn_pa = 20.0 + 50.0 * 0.1490295
    assert row["cost_mn_pa"] == pytest.approx(row["cost_at_full_load_mn_pa"] - capture_mn_pa, abs=1e-4)
    assert row["cost_mn_pa"] > 0
    text = " ".join(summary_text(json.loads(plan_text(closing)), 200).split())
    sentence = "avoided pays for pipes and storage of retrofits that have ended."
    assert "2026–2035" in text and sentence in text and sentence in answer(closing)
