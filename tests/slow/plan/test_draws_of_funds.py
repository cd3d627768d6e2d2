"""Draws of funds obey the limits of the model to the tolerance of the check."""

from __future__ import annotations

from pathlib import Path

import pytest

import ccs_model as ccs

pytestmark = pytest.mark.slow
FUNDS = """\
name: funds
years: [2026, 2029, 2036]
plants: {inventory: [chemicals, steel], provinces: [Shanxi], min_emissions_ktpa: 1500}
transport: {shared_trunklines: false}
storage: {nearest_sites: 2}
objective: max_npv
policy: {carbon_price_per_t: {2026: 100, 2040: 900}, capture_deductible: true, paid_per_captured_t: 350}
budget: {total_mn: 4000, cumulative_mn: {2026: 2500}}
funds:
  g: {kind: grant, share_max: 0.3, ceiling_mn: 900, sectors: [steel]}
  l: {kind: loan, share_max: 0.5, interest_rate: 0.03, provinces: [Shanxi], ceiling_mn: 1500}
  b: {kind: bond, share_max: 0.5, interest_rate: 0.03, term_yr: 7}
"""


def test_draws_without_spending_are_removed(tmp_path: Path) -> None:
    (tmp_path / "funds.yaml").write_text(FUNDS, encoding="utf-8")
    plan = ccs.optimize(tmp_path / "funds.yaml")
    # The optimum of a program written from the published formulation.
    assert plan.objective.value == pytest.approx(8972.05631857, rel=1e-9)
