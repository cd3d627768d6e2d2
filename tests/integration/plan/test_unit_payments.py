"""Payments per tonne that depend on the start of a unit, and untaxed payments, checked by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ccs_model.analysis.regret import validate_comparable
from ccs_model.errors import InputError
from ccs_model.model.terms import payments_by_tonne
from ccs_model.plan.cost_sharing import CostSharing
from ccs_model.plan.owners import Owners
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem
from tests.hand_network import LINKS, PLANTS, SITES
from tests.integration.report.recalculated_accounts import with_point

Changes = dict[str, Any]

# A unit decided in 2026 operates from 2027 to the end of 2040.
VENT: Changes = {
    "years": [2026, 2031, 2036], "objective": "max_npv", "budget.total_mn": 3_000,
    "policy.paid_per_captured_t": 800.0,
}  # fmt: skip
NETWORK: Changes = {
    "objective": "max_npv", "years": [2026, 2031, 2036], "capital_recovery_share": None,
    "transport.corridors": "all", "policy.paid_per_captured_t": 60.0,
}  # fmt: skip


def paid_by_year(plan: Plan) -> pd.Series:
    """Payments of each year of the calendar, million."""
    assert plan.owner_cashflow is not None
    return plan.owner_cashflow.groupby("year")["paid_mn"].sum()


def full_load_mn(plan: Plan) -> float:
    """Payments of a year at full load."""
    return float(plan.retrofits["nameplate_ktpa"].sum() * plan.problem.delivered_share * 800.0 / 1000.0)


def test_a_unit_is_paid_for_its_own_years_of_operation(solved: Callable[..., Plan], one_vent: Changes) -> None:
    plan = solved(one_vent, VENT, {"policy.paid_for_yr": 7})
    (retrofit,) = plan.retrofits.to_dict("records")
    assert retrofit["year"] == 2026
    paid, full = paid_by_year(plan), full_load_mn(plan)
    # The unit operates from 2027: 4 years of the first period, spread over 5; then 2031 to 2033.
    assert paid.loc[2026:2030].to_numpy() == pytest.approx([0.8 * full] * 5, rel=1e-9)
    assert paid.loc[2031:2033].to_numpy() == pytest.approx([full] * 3, rel=1e-9)
    assert paid.loc[2034:].abs().max() == 0.0
    assert paid.sum() == pytest.approx(7 * full, rel=1e-9)


@pytest.mark.slow
def test_payments_that_end_in_the_first_period_cover_a_share_of_its_tonnes(
    solved: Callable[..., Plan], one_vent: Changes
) -> None:
    plan = solved(one_vent, VENT, {"policy.paid_for_yr": 3, "policy.paid_per_captured_t": 1_500.0})
    paid, full = paid_by_year(plan), full_load_mn(plan) * 1_500.0 / 800.0
    assert paid.sum() == pytest.approx(3 * full, rel=1e-9)
    assert paid.loc[2031:].abs().max() == 0.0


@pytest.mark.slow
def test_units_that_start_later_are_not_paid(solved: Callable[..., Plan], one_vent: Changes) -> None:
    late: Changes = {"plants.not_before": {"NH3_79": 2031}, "plants.require": ["NH3_79"]}
    for until, start in ((2030, 2036), (2031, 2031)):
        plan = solved(one_vent, VENT, late, {"policy.paid_to_starts_until": until})
        # Without a payment, the required unit starts as late as it may.
        assert plan.retrofits["year"].tolist() == [start]
        assert (paid_by_year(plan).sum() > 0) == (start <= until), until


@pytest.mark.slow
def test_untaxed_payments_raise_the_npv_by_the_tax_saved(solved: Callable[..., Plan], one_vent: Changes) -> None:
    taxed, free = (solved(one_vent, VENT, {"policy.paid_is_taxed": is_taxed}) for is_taxed in (True, False))
    columns = ["plant", "size", "year", "captured_ktpa"]
    assert taxed.retrofits[columns].values.tolist() == free.retrofits[columns].values.tolist()
    years = np.arange(len(paid_by_year(taxed)))
    tax_saved = 0.25 * float((paid_by_year(taxed).to_numpy() * 1.08**-years).sum())
    assert free.objective.value - taxed.objective.value == pytest.approx(tax_saved, rel=1e-9)
    assert taxed.owners is not None and free.owners is not None
    for name in ("npv_mn", "project_npv_mn"):
        assert free.owners[name].iloc[-1] - taxed.owners[name].iloc[-1] == pytest.approx(tax_saved, rel=1e-9)


@pytest.mark.parametrize("more", [
    {},
    *(
        pytest.param(each, marks=pytest.mark.slow)
        for each in (
            {"policy.paid_cap_mn": 60.0},
            {"policy.paid_per_captured_t": 0.0, "policy.paid_per_avoided_t": 60.0},
            {"policy.paid_to_starts_until": 2031, "policy.paid_for_yr": None},
            {"objective": "min_cost"},
        )
    ),
])  # fmt: skip
def test_accounts_of_a_shared_network_agree_with_the_objective(hand_solved: Callable[..., Plan], more: Changes) -> None:
    keys: Changes = {"policy.paid_for_yr": 4, "policy.paid_is_taxed": False}
    changes = NETWORK | keys | more
    plan, point = with_point(lambda: hand_solved(changes, plants=PLANTS, sites=SITES, links=LINKS))
    problem = plan.problem
    owners = Owners.of(point, CostSharing.of(point))
    assert len(plan.retrofits) and paid_by_year(plan).sum() > 0
    assert owners.npv_mn == pytest.approx(owners.npv_of_model_mn, rel=1e-9, abs=1e-9)
    if problem.objective == "max_npv":
        assert plan.objective.value == pytest.approx(owners.npv_mn.sum(), rel=1e-7)
    flow = plan.cashflow
    paid = float((flow["paid_mn"] * flow["discount_factor"]).sum())
    assert paid == pytest.approx(plan.cost_terms["paid_mn"], rel=1e-9)


def test_measures_are_paid_for_the_years_of_their_unit(problem_of: Callable[..., Problem]) -> None:
    problem = problem_of({
        "plants.inventory": ["steel"], "plants.provinces": ["Hebei"], "plants.min_emissions_ktpa": 20_000,
        "capture.technologies": ["amine"], "capture.measures": ["sinter_fuel_saving"], "years": [2026, 2031, 2036],
        "policy.paid_per_avoided_t": 100.0, "policy.paid_for_yr": 6,
    })  # fmt: skip
    alone = np.flatnonzero(problem.routes["technology"] == "sinter_fuel_saving")
    assert len(alone) and (problem.routes["vintage"].iloc[alone] == 0).all()
    assert (problem.routes.loc[problem.captures, "vintage"] > 0).all()
    # With a lead time of one year, the six years start in 2027, 2032 and 2037; four of the last are in the horizon.
    per_kt = payments_by_tonne(problem)["build"][alone] / problem.reduced_ktpa[alone][:, None]
    assert per_kt == pytest.approx(np.tile([0.6, 0.6, 0.4], (len(alone), 1)), rel=1e-9)


@pytest.mark.slow
def test_a_payment_limit_longer_than_the_horizon_does_not_change_the_plan(hand_solved: Callable[..., Plan]) -> None:
    tables: Changes = {"plants": PLANTS, "sites": SITES, "links": LINKS}
    free = hand_solved(NETWORK, **tables)
    limited = hand_solved(NETWORK | {"policy.paid_for_yr": 50}, **tables)
    assert limited.objective.value == pytest.approx(free.objective.value, rel=1e-9)
    assert limited.retrofits[["plant", "year"]].values.tolist() == free.retrofits[["plant", "year"]].values.tolist()


def test_futures_with_and_without_a_payment_limit_by_start_are_not_comparable(
    hand_problem: Callable[..., Problem],
) -> None:
    def problem(years: int | None) -> Problem:
        return hand_problem(NETWORK | {"policy.paid_for_yr": years}, plants=PLANTS, sites=SITES, links=LINKS)

    validate_comparable([problem(12), problem(100)])
    with pytest.raises(InputError, match="some futures limit the payments of a unit by its start"):
        validate_comparable([problem(12), problem(None)])
