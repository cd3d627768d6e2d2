"""The net present value of all plants by discount rate and carbon price, on sheet Inputs."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ccs_model._typing import Floats
from ccs_model.economics.investment import annuity_yr
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem
from ccs_model.report.live_accounts import flows_of
from ccs_model.report.workbook.columns import CALCULATION, INPUT, Cell, Column, table_columns
from ccs_model.report.workbook.formulas import Formula
from ccs_model.report.workbook.sheet import Row, Sheet
from ccs_model.scenario.fields import HOME_CURRENCY

_GRID_RATES = (0.04, 0.06, 0.08, 0.10, 0.12)
# CNY per t; other currencies have prices of about the same worth.
_GRID_PRICES = (0.0, 50.0, 100.0, 200.0, 400.0, 800.0)


def write_grid(sheet: Sheet, plan: Plan) -> None:
    """Write the net present value of all plants by discount rate and constant carbon price."""
    sheet.section("Net present value of all plants by discount rate and carbon price")
    sheet.paragraph(
        "Down: discount rate. Across: a constant carbon price, earned by every tonne of on-site abatement, in place "
        "of the carbon price of sheet Series, and taxed as other income. You can change rates and prices.",
        "note",
    )
    prices = grid_prices(plan.problem)
    names = [f"at_{at}" for at in range(len(prices))]
    template = "={base_mn}+{@prices}*{taxed_kt}/1000+({salvage_mn}-{programme!total_mn@salvage_mn})*{end_factor}"
    for name in ("spent_mn", "left_yr", "life_yr"):
        sheet.book.define(f"capital_{name}", sheet.book.blocks["capital"].column(name))
    price_row = {
        "id": "prices", "what": f"Carbon price, {sheet.unit('price_per_t')}", "rate": "",
        **{
            name: Cell(price, "price_per_t", INPUT, unlocked=True)
            for name, price in zip(names, prices, strict=True)
        },
    }  # fmt: skip
    rows: list[Row] = [price_row]
    flows = flows_of(plan, None)
    for rate in _GRID_RATES:
        parts = grid_parts(plan, rate, flows)
        values = grid_row(parts, flows, np.array(prices))
        cells: dict[str, object] = {
            name: Cell(Formula(template, float(value)), "npv_mn", CALCULATION)
            for name, value in zip(names, values, strict=True)
        }
        rate_cell = Cell(rate, "discount_rate", INPUT, unlocked=True)
        rows.append({"what": "NPV", "rate": rate_cell, **cells, **parts})
    of_prices = [Column(name, label=f"Price {at}", widest=14) for at, name in enumerate(names, 1)]
    what, rate_column, *of_parts = table_columns("inputs.grid", headings={"what": f"NPV, {sheet.unit('npv_mn')}"})
    sheet.table([what, rate_column, *of_prices, *of_parts], rows, key="grid", plain=True)


def grid_prices(problem: Problem) -> tuple[float, ...]:
    """Carbon prices of the grid; in other currencies the highest is 1, 2 or 5 times a power of ten."""
    level = problem.price_level
    if level.currency == HOME_CURRENCY:
        return _GRID_PRICES
    highest = _GRID_PRICES[-1] / level.rate(level.currency)
    power = 10.0 ** math.floor(math.log10(highest))
    rounded = min((1.0, 2.0, 5.0, 10.0), key=lambda digit: abs(math.log(digit * power / highest))) * power
    return tuple(rounded * price / _GRID_PRICES[-1] for price in _GRID_PRICES)


def grid_parts(plan: Plan, rate: float, flows: Mapping[str, Floats]) -> dict[str, float]:
    """What the net present values of a row of the grid are made of, at its discount rate."""
    assert plan.owner_capital is not None
    problem = plan.problem
    kept = 1.0 - problem.accounts.tax_share
    weights = (1 + rate) ** -(flows["when"] - problem.first_year)
    capital = plan.owner_capital
    spent, life, left = (capital[name].to_numpy(float) for name in ("capital_mn", "life_yr", "left_yr"))
    # Sums of products, not BLAS's, whose last digit hangs on where the numbers lie in memory.
    return {
        "base_mn": float((flows["without_carbon_mn"] * weights).sum()),
        "taxed_kt": kept * float((flows["on_site_abatement_kt"] * weights).sum()),
        "straight_mn": float((spent * left / life).sum()),
        "salvage_mn": float((spent * annuity_yr(rate, left) / annuity_yr(rate, life)).sum()),
        "end_factor": kept * float(weights[-1]),
    }


def grid_row(parts: Mapping[str, float], flows: Mapping[str, Floats], prices: Floats) -> Floats:
    """NPV for each carbon price at the discount rate of the parts, [prices]. Million."""
    salvage = parts["salvage_mn"] - float(flows["salvage_mn"].sum())
    return np.asarray(parts["base_mn"] + prices * parts["taxed_kt"] / 1000.0 + salvage * parts["end_factor"])
