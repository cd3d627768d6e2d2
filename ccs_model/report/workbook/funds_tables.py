"""Tables of the scenario's funds on sheet Summary: limits and interest rates, and what is drawn and paid."""

from __future__ import annotations

from collections.abc import Iterator

from ccs_model.plan.plan import Plan
from ccs_model.report.workbook.columns import SOLVER, Column, table_columns
from ccs_model.report.workbook.formulas import Formula
from ccs_model.report.workbook.sheet import Row, Sheet

_REAL = "=(1+{nominal_interest_rate})/(1+{inflation_rate})-1"
_CONCESSIONAL = (
    "=(1+{nominal_interest_rate}-{passed_through_share}*{facility_principal_share}"
    "*MAX({nominal_interest_rate}-{facility_rate},0))/(1+{inflation_rate})-1"
)


def write_funds(sheet: Sheet, plan: Plan) -> None:
    """Write the terms of each fund, then what it pays by period and what is paid back; nothing without funds."""
    if not plan.problem.scenario.funds or plan.problem.is_static:
        return
    sheet.section("Funds")
    sheet.paragraph(
        "The largest share is of capital in a period; for a loan or bond, of capital less grants. A loan is served "
        "in equal yearly payments from the following year, a bond with yearly interest and its principal at the end of "
        "the term; the balance at the end of the horizon is repaid then.",
        "note",
    )
    limited = {name for fund in plan.problem.scenario.funds.values() for name in _LIMITS if getattr(fund, name)}
    columns = table_columns("summary.funds", without=[name for name in _LIMITS if name not in limited])
    sheet.table(columns, list(_terms(plan)), named="funds")
    years = [int(year) for year in plan.problem.years]
    first, *others = table_columns("summary.funds_drawn")
    drawn = [Column(_drawn(year), SOLVER, label=f"Drawn in {year}", total="solved") for year in years]
    sheet.section("Drawn from funds and paid back over the horizon, undiscounted")
    sheet.table([first, *drawn, *others], list(_payments(plan)), named="drawn", totals={"fund": "Total"})


_LIMITS = ("sectors", "provinces")


def _drawn(year: int) -> str:
    return f"drawn_{year}_mn"


def _terms(plan: Plan) -> Iterator[Row]:
    problem = plan.problem
    rates, factors = problem.inputs["finance/rates"], problem.inputs["finance/factors"].set_index("factor")["value"]
    facility = rates[rates["instrument"] == "carbon_reduction_facility"].sort_values("from_date").iloc[-1]
    real = problem.accounts.funds.set_index("fund")["interest_rate"]
    for name, fund in problem.scenario.funds.items():
        row: dict[str, object] = {
            "fund": name, "kind": fund.kind, "ceiling_mn": fund.ceiling_mn, "share_max": fund.share_max,
            **{limit: ", ".join(getattr(fund, limit)) for limit in _LIMITS},
        }  # fmt: skip
        if fund.kind == "grant":
            yield row
            continue
        row |= {"term_yr": fund.term_yr, "interest_rate": float(real[name])}
        if fund.nominal_interest_rate is not None:
            template = _CONCESSIONAL if fund.passed_through_share else _REAL
            row |= {
                "nominal_interest_rate": fund.nominal_interest_rate,
                "inflation_rate": problem.scenario.finance.inflation_rate,
                "interest_rate": Formula(template, float(real[name])),
            }
        if fund.passed_through_share:
            row |= {
                "passed_through_share": fund.passed_through_share,
                "facility_principal_share": float(factors["facility_principal_share"]),
                "facility_rate": float(facility["rate_share"]),
            }
        yield row


def _payments(plan: Plan) -> Iterator[Row]:
    accounts, years = plan.problem.accounts, list(plan.problem.years)
    spent = plan.funds.pivot(index="fund", columns="year", values="spend_mn").reindex(columns=years).fillna(0.0)
    of_fund = accounts.allocations.drop_duplicates("fund").reset_index().set_index("fund")["index"]
    for name in plan.problem.scenario.funds:
        drawn = spent.loc[name].to_numpy(float) if name in spent.index else 0.0 * spent.sum().to_numpy(float)
        row: dict[str, object] = {"fund": name, "drawn_mn": float(drawn.sum()), "interest_mn": 0.0, "repaid_mn": 0.0}
        row |= {_drawn(int(year)): float(amount) for year, amount in zip(years, drawn, strict=True)}
        if name in of_fund.index:
            at = int(of_fund[name])
            row["interest_mn"] = float((accounts.interest_rate[at] * drawn[:, None]).sum())
            row["repaid_mn"] = float((accounts.repaid_share[at] * drawn[:, None]).sum())
        yield row
