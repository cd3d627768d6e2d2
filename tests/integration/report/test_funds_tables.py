"""Funds on sheet Summary: real rates, and payments that agree with sheet CashFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from openpyxl.workbook import Workbook

from ccs_model.economics.investment import concessional_rate_share, real_rate_share
from ccs_model.plan.plan import Plan
from tests.integration.report.reading import row_that_starts, texts

FUNDS = {
    "finance.inflation_rate": 0.02,
    "funds": {
        "bank loan": {"nominal_interest_rate": 0.04, "passed_through_share": 0.5, "share_max": 0.3, "term_yr": 5},
        "green bond": {"kind": "bond", "nominal_interest_rate": 0.028, "ceiling_mn": 200, "term_yr": 3},
        "state grant": {"kind": "grant", "share_max": 0.1, "provinces": ["Shanxi"]},
    },
}


@pytest.fixture(scope="module")
def funded_plan(solved: Callable[..., Plan]) -> Plan:
    return solved(FUNDS, {"solver.mip_gap": 0.05})


@pytest.fixture(scope="module")
def workbook(funded_plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Workbook:
    return openpyxl.load_workbook(funded_plan.to_excel(tmp_path_factory.mktemp("paid") / "plan.xlsx"), data_only=True)


def rows_of(workbook: Workbook, table: str) -> dict[str, dict[str, Any]]:
    """The rows of a table of sheet Summary by their first cell, cells by heading."""
    sheet = workbook["Summary"]
    head, *rows = ([cell.value for cell in row] for row in sheet[sheet.tables[table].ref])
    return {str(row[0]): dict(zip(map(str, head), row, strict=True)) for row in rows}


def test_real_interest_rate_follows_from_the_terms_of_the_fund(funded_plan: Plan, workbook: Workbook) -> None:
    terms = rows_of(workbook, "Summary_funds_table")
    loan, bond, grant = (terms[name] for name in ("bank loan", "green bond", "state grant"))
    nominal = concessional_rate_share(
        0.04, loan["Nominal rate of the facility"], loan["Refinanced by the facility"], 0.5
    )
    assert loan["Real interest rate"] == pytest.approx(float(real_rate_share(nominal, 0.02)), rel=1e-12)
    assert bond["Real interest rate"] == pytest.approx(1.028 / 1.02 - 1, rel=1e-12)
    assert (loan["Largest share of capital"], bond["Ceiling"], loan["Term"], bond["Kind"]) == (0.3, 200, 5, "bond")
    assert grant["Real interest rate"] is None and grant["Provinces"] == "Shanxi" and "Sectors" not in grant
    used = funded_plan.funds.groupby("fund")["interest_rate"].first()
    assert loan["Real interest rate"] == pytest.approx(used["bank loan"], rel=1e-12)


def test_payments_of_funds_add_up_to_the_cash_flow_account(funded_plan: Plan, workbook: Workbook) -> None:
    drawn = rows_of(workbook, "Summary_drawn_table")
    cash = workbook["CashFlow"]

    def total(item: str) -> float:
        return float(next(cell.value for cell in row_that_starts(cash, item)[3:] if cell.value is not None))

    loans = [row for name, row in drawn.items() if name != "state grant"]
    assert sum(row["Drawn in all"] for row in loans) == pytest.approx(total("Loans and bonds drawn"), rel=1e-9) != 0
    assert drawn["state grant"]["Drawn in all"] == pytest.approx(total("Grants"), rel=1e-9) != 0
    assert -sum(row["Interest paid"] for row in loans) == pytest.approx(total("Interest"), rel=1e-9) != 0
    assert -sum(row["Repaid"] for row in loans) == pytest.approx(total("Debt repaid"), rel=1e-9) != 0
    by_year = funded_plan.funds.set_index(["fund", "year"])["spend_mn"]
    for (fund, year), amount in by_year.items():
        assert drawn[fund][f"Drawn in {year}"] == pytest.approx(amount, abs=1e-12)


def test_plan_without_funds_has_no_funds_table(book: Workbook) -> None:
    assert "Funds" not in texts(book["Summary"])
