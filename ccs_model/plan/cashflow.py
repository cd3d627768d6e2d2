"""The plan's money year by year, undiscounted, term by term."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.plan.decisions import Point
from ccs_model.plan.money import items_of, year_at

Floats = npt.NDArray[np.float64]


def cashflow_table(point: Point) -> pd.DataFrame:
    """Undiscounted million by calendar year; with `discount_factor` it sums to the discounted costs.

    Salvage and closure fall due when the horizon has ended: a row of its own. In a static year the table is the year
    itself, capital as its yearly share.
    """
    problem = point.problem
    end = problem.horizon_end
    table = pd.DataFrame(
        {"year": np.r_[problem.calendar, end], "discount_factor": np.r_[problem.discount, problem.closing_discount]}
    )
    money: dict[str, Floats] = {}
    for item in items_of(point):
        by_year = item.amount.sum(axis=0)
        money[item.name] = money[item.name] + by_year if item.name in money else by_year
    if problem.shortfall_per_t is not None and problem.targets:
        money["shortfall_mn"] = np.r_[_shortfall_mn(point), 0.0]
    # Salvage stands last, as it falls due last.
    salvage = money.pop("salvage_mn", np.zeros(len(table)))
    table = pd.concat([table, pd.DataFrame({**money, "salvage_mn": salvage})], axis=1)
    if problem.is_static:
        table = table.iloc[:-1].copy()
    table["cost_mn"] = table[[column for column in table if column.endswith("_mn")]].sum(axis=1)
    table["discounted_mn"] = table["cost_mn"] * table["discount_factor"]
    return table


def _shortfall_mn(point: Point) -> Floats:
    """What missing targets costs in each calendar year; a miss over the horizon is paid once, in the first year."""
    problem = point.problem
    of_year = year_at(problem)
    paid = np.zeros(len(of_year))
    for target in problem.targets:
        missed_mn = point.shortfall_kt.get(target.key, 0.0) * (problem.shortfall_per_t or 0.0) / 1000.0
        when = np.arange(len(of_year)) == 0 if target.year is None else of_year == problem.years.index(target.year)
        paid += np.where(when, missed_mn, 0.0)
    return paid
