"""Periods of the horizon, and the years in which a retrofit works."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Ints
from ccs_model.economics.investment import discount_factor
from ccs_model.scenario import Scenario


def periods_of(scenario: Scenario) -> pd.DataFrame:
    """Return year, n_years, flow_weight and capex_weight; the last period is as long as the one before."""
    starts = scenario.starts
    periods = pd.DataFrame({"year": starts, "n_years": [scenario.period_years(year) for year in starts]})
    return weighed(periods, scenario.discount_rate)


def weighed(periods: pd.DataFrame, discount_rate: float) -> pd.DataFrame:
    """Return the periods with the weights of yearly flows and of capex at a discount rate."""
    first = int(periods["year"].iloc[0])
    factors = discount_factor(discount_rate, calendar(periods) - first)
    return periods.assign(
        flow_weight=period_sums(factors, periods),
        capex_weight=discount_factor(discount_rate, periods["year"].to_numpy() - first),
    )


def calendar(periods: pd.DataFrame) -> Ints:
    """Return every year of the horizon."""
    return np.arange(int(periods["year"].iloc[0]), int((periods["year"] + periods["n_years"]).iloc[-1]))


def period_sums(by_year: Floats, periods: pd.DataFrame) -> Floats:
    """Sum the last axis, one entry a calendar year, over the years of each period."""
    starts = np.cumsum(np.r_[0, periods["n_years"].to_numpy()[:-1]])
    return np.add.reduceat(by_year, starts, axis=-1)


def running_share(
    periods: pd.DataFrame, lead_yr: Floats, life_yr: Floats, closing_year: Floats
) -> tuple[Floats, Floats]:
    """Return the working share [unit, start, year] and the last working year + 1 [unit, start].

    A unit works from start + lead time until the end of its life or the closure of its plant (NaN: never).
    """
    years = calendar(periods)
    begins = periods["year"].to_numpy()[None, :] + lead_yr[:, None]
    ends = np.fmin(begins + life_yr[:, None], closing_year[:, None])
    works = (years >= begins[..., None]) & (years < ends[..., None])
    return period_sums(works.astype(float), periods) / periods["n_years"].to_numpy(), ends
