"""Carbon intensity: the plants' own CO₂ per unit of a province's value added, against the goals of the five-year plans.

Value added grows by `policy.value_added_growth_share` a year from its last known year; what the plants emit without the
plan stays as it is today. So an intensity falls without capture too: both are told.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model.economics.policy import carbon_intensity_kt_per_mn, intensity_cut_share
from ccs_model.economics.price_level import PriceLevel
from ccs_model.problem import Problem

INTENSITY_COLUMNS = [
    "province", "year", "plan", "since", "value_added_mn", "emission_ktpa", "carbon_intensity_kt_per_mn",
    "intensity_cut_share", "without_plan_share", "goal_share", "is_reached",
]  # fmt: skip


def intensity_table(problem: Problem, emissions: pd.DataFrame) -> pd.DataFrame:
    """COLUMNS, one row a province, period and five-year plan with a target that ends in or before the period.

    Cuts are counted from the first year of the five-year plan. Provinces without a value added are left out.
    """
    inputs = problem.inputs
    level = PriceLevel(
        problem.currency, problem.price_year, inputs["indices/deflators"], inputs["indices/exchange_rates"]
    )
    known = inputs["policy/value_added"].sort_values("year").groupby("province", as_index=False).last()
    known["gdp_mn"] = level.convert(known["gdp_mn"], known["currency"], known["price_year"])
    known = known.set_index("province")
    goals = inputs["policy/intensity"]
    goals = goals[goals["measure"] == "target"].sort_values("last_year")
    growth = 1.0 + problem.scenario.policy.value_added_growth_share
    sums = emissions.groupby(["province", "year"], as_index=False)[["baseline_ktpa", "direct_cut_ktpa"]].sum()
    rows = []
    for row in sums[sums["province"].isin(known.index)].itertuples():
        due = goals[goals["last_year"] <= row.year + _period(problem, row.year) - 1]
        if due.empty:
            continue
        goal = due.iloc[-1]
        base = known.loc[row.province]

        def value_added(year: int, base: pd.Series = base) -> float:
            return float(base["gdp_mn"] * growth ** (year - base["year"]))

        left = row.baseline_ktpa - row.direct_cut_ktpa
        before, now = value_added(int(goal["first_year"])), value_added(row.year)
        cut = float(intensity_cut_share(row.baseline_ktpa, before, left, now))
        rows.append(
            {
                "province": row.province,
                "year": row.year,
                "plan": goal["plan"],
                "since": int(goal["first_year"]),
                "value_added_mn": now,
                "emission_ktpa": left,
                "carbon_intensity_kt_per_mn": float(carbon_intensity_kt_per_mn(left, now)),
                "intensity_cut_share": cut,
                "without_plan_share": float(intensity_cut_share(row.baseline_ktpa, before, row.baseline_ktpa, now)),
                "goal_share": float(goal["intensity_cut_share"]),
                "is_reached": bool(cut >= float(goal["intensity_cut_share"]) - 1e-12),
            }
        )
    return pd.DataFrame(rows, columns=INTENSITY_COLUMNS)


def _period(problem: Problem, year: int) -> int:
    return int(np.asarray(problem.periods.loc[problem.periods["year"] == year, "n_years"])[0])
