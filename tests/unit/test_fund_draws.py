"""Grants, loans, credits and capped payments of a fixed plan in a future, by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csc_array

from ccs_model.analysis.fixed_plan import FundDraws, LimitedSales
from ccs_model.mip import Matrix
from ccs_model.mip.matrix import Column
from ccs_model.model.names import (
    CREDIT,
    CREDIT_BAND,
    CREDITED,
    FUND_SHARE,
    FUNDS_PAY,
    PAID,
    PAID_CAP,
    PAID_FOR_TONNES,
    SPEND,
)


def test_draws_are_capped_by_shares_grants_first_and_by_total_capital() -> None:
    # Capital falls from 100 to 50: a grant of 30 falls to 15, a loan of 40 % of the rest falls from 28 to 14.
    columns = (Column("build", "a"), Column(SPEND, ("grant", 2026)), Column(SPEND, ("loan", 2026)))
    rows = np.array([[-15.0, 1.0, 0.0], [-20.0, 0.4, 1.0], [-50.0, 1.0, 1.0]])
    names = ((FUND_SHARE, ("grant", 2026)), (FUND_SHARE, ("loan", 2026)), (FUNDS_PAY, ("all", 2026)))
    matrix = SimpleNamespace(rows=csc_array(rows), row_upper=np.zeros(3), row_constraints=names, columns=columns)
    assert FundDraws.of(matrix).cap_draws(matrix, np.array([1.0, 30.0, 28.0])) == pytest.approx([1.0, 15.0, 14.0])
    # All funds together pay at most the capital: draws of 60 are scaled to 50, each to five sixths.
    matrix.row_constraints = (("none", 0), ("none", 1), names[2])
    assert FundDraws.of(matrix).cap_draws(matrix, np.array([1.0, 36.0, 24.0])) == pytest.approx([1.0, 30.0, 20.0])


def matrix_with(rows: list[list[float]], upper: list[float], constraints: list[str], variables: list[str]) -> Matrix:
    n_rows, n_columns = len(rows), len(variables)
    return Matrix(
        rows=csc_array(np.array(rows)),
        row_lower=np.full(n_rows, -np.inf),
        row_upper=np.array(upper),
        lower=np.zeros(n_columns),
        upper=np.full(n_columns, np.inf),
        is_integer=np.zeros(n_columns, dtype=bool),
        costs=np.zeros((1, n_columns)),
        maximise=(True,),
        row_constraints=tuple((name, k) for k, name in enumerate(constraints)),
        columns=tuple(Column(name, k) for k, name in enumerate(variables)),
    )


def credit_model(abated_ktpa: float) -> Matrix:
    """One plant that abates this at full build, credited within a band of 50 kt/y."""
    return matrix_with([[-abated_ktpa, 1.0], [0.0, 1.0]], [0.0, 50.0], [CREDIT, CREDIT_BAND], ["build", CREDITED])


@pytest.mark.parametrize(("abated", "credited"), [(90.0, 50.0), (60.0, 50.0), (40.0, 40.0), (0.0, 0.0)])
def test_credits_are_those_of_the_band_or_of_the_abatement_of_the_future(abated: float, credited: float) -> None:
    plan, scaled = np.array([1.0, 50.0]), np.array([1.0, 50.0 * abated / 90.0])
    sales = LimitedSales.of(credit_model(90.0), plan, np.array([0.0, 1.0]))
    assert sales.sell(credit_model(abated), scaled) == pytest.approx([1.0, credited])


def test_credits_below_the_limit_of_the_plan_keep_their_share_of_it() -> None:
    sales = LimitedSales.of(credit_model(90.0), np.array([1.0, 25.0]), np.array([0.0, 1.0]))
    assert sales.sell(credit_model(90.0), np.array([1.0, 25.0])) == pytest.approx([1.0, 25.0])
    assert sales.sell(credit_model(40.0), np.array([1.0, 25.0])) == pytest.approx([1.0, 20.0])


def payment_model(per_year: float, cap_mn: float) -> Matrix:
    """One plant that earns this in each of two periods, all together within a cap."""
    rows = [[-per_year, 1.0, 0.0], [-per_year, 0.0, 1.0], [0.0, 1.0, 1.0]]
    names = [PAID_FOR_TONNES, PAID_FOR_TONNES, PAID_CAP]
    return matrix_with(rows, [0.0, 0.0, cap_mn], names, ["build", PAID, PAID])


@pytest.mark.parametrize(
    ("cap", "planned", "earned", "paid"),
    [
        # The cap does not bind: all that is earned is paid, and no more than the cap in total.
        (300.0, (100.0, 100.0), 80.0, (80.0, 80.0)),
        (300.0, (100.0, 100.0), 120.0, (120.0, 120.0)),
        (210.0, (100.0, 100.0), 120.0, (120.0, 90.0)),
        # The cap binds: the first payment is worth most, and the second takes what is left of the cap.
        (150.0, (100.0, 50.0), 100.0, (100.0, 50.0)),
        (150.0, (100.0, 50.0), 80.0, (80.0, 70.0)),
        (150.0, (100.0, 50.0), 120.0, (120.0, 30.0)),
        (150.0, (100.0, 50.0), 60.0, (60.0, 60.0)),
    ],
)
def test_capped_payments_are_those_that_the_tonnes_of_the_future_earn(
    cap: float, planned: tuple[float, float], earned: float, paid: tuple[float, float]
) -> None:
    plan, worth = np.array([1.0, *planned]), np.array([0.0, 1.0, 0.7])
    sales = LimitedSales.of(payment_model(100.0, cap), plan, worth)
    assert sales.sell(payment_model(100.0, cap), plan) == pytest.approx(plan)
    assert sales.sell(payment_model(earned, cap), plan) == pytest.approx([1.0, *paid])
