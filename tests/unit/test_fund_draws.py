"""Grants and loans of a fixed plan in a future, by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csc_array

from ccs_model.analysis.outcomes import FundDraws
from ccs_model.mip.matrix import Column
from ccs_model.model.names import FUND_SHARE, FUNDS_PAY, SPEND


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
