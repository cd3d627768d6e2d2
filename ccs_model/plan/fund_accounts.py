"""Accounts of the funds: what each fund pays for, plant by plant, and its drawings and debt service by year.

The attribution follows the practice of green bonds: a fund's part of the capital of a plant, its shared pipelines and
storage included, is its part of the tonnes that the plant avoids.

References
----------
International Capital Market Association (2024), Handbook: Harmonised Framework for Impact Reporting, Zurich.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.model.names import SPEND
from ccs_model.plan.cost_sharing import CostSharing
from ccs_model.plan.decisions import sum_by_name
from ccs_model.plan.owners import Owners

FUND_USE_COLUMNS = (
    "fund", "kind", "plant", "name", "province", "sector", "year", "drawn_mn", "capital_mn", "financed_share",
    "avoided_kt", "attributed_avoided_kt",
)  # fmt: skip
FUND_YEAR_COLUMNS = ("fund", "kind", "year", "drawn_mn", "interest_mn", "repaid_mn", "outstanding_mn")
# Drawings below this are rounding of the solver.
_NOTHING_MN = 1e-6


def fund_uses_table(owners: Owners, sharing: CostSharing | None) -> pd.DataFrame:
    """Return FUND_USE_COLUMNS, one row a fund and plant that it pays for.

    `year` is the period of the first drawing, `financed_share` drawings ÷ capital of the plant over the horizon,
    undiscounted, and `avoided_kt` are the tonnes that the plant avoids over the horizon. Tonnes attributed to funds and
    to the rest of the capital sum to the tonnes of the plan, but for the pump power of links without CO₂.
    """
    problem = owners.point.problem
    plants = problem.plants.set_index("plant").loc[owners.split.plants]
    capital, avoided = owners.capex_mn.sum(axis=1), _avoided_kt(owners, sharing)
    rows = []
    for fund, kind, drawn in _drawn_by_fund(owners):
        of_plant = drawn.sum(axis=1)
        at = np.flatnonzero(of_plant > _NOTHING_MN)
        share = np.divide(of_plant[at], capital[at], out=np.zeros(len(at)), where=capital[at] > 0)
        rows.append(
            pd.DataFrame(
                {
                    "fund": fund,
                    "kind": kind,
                    "plant": plants.index[at].to_numpy(object),
                    **{name: plants[name].to_numpy(object)[at] for name in ("name", "province", "sector")},
                    "year": np.array(problem.years)[(drawn[at] > _NOTHING_MN).argmax(axis=1)],
                    "drawn_mn": of_plant[at],
                    "capital_mn": capital[at],
                    "financed_share": share,
                    "avoided_kt": avoided[at],
                    "attributed_avoided_kt": share * avoided[at],
                }
            )
        )
    filled = [each for each in rows if len(each)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(FUND_USE_COLUMNS))


def fund_years_table(owners: Owners) -> pd.DataFrame:
    """Return FUND_YEAR_COLUMNS, one row a fund and calendar year, and one for the end of the horizon.

    Undiscounted million. `outstanding_mn` is the principal at the end of the year; the last row repays the balance.
    """
    problem, accounts = owners.point.problem, owners.point.problem.accounts
    years = [*problem.calendar.tolist(), problem.horizon_end]
    starts = np.searchsorted(problem.calendar, problem.years)
    names = accounts.allocations["fund"].to_numpy(object)
    rows = []
    for fund, kind, drawn in _drawn_by_fund(owners):
        by_start = drawn.sum(axis=0)
        drawn_mn = np.zeros(len(years))
        drawn_mn[starts] = by_start
        interest, repaid = np.zeros(len(years)), np.zeros(len(years))
        of_fund = np.flatnonzero(names == fund)
        if len(of_fund) and kind != "grant":
            interest, repaid = (by_start @ each[of_fund[0]] for each in (accounts.interest_rate, accounts.repaid_share))
        owed = np.zeros(len(years)) if kind == "grant" else np.cumsum(drawn_mn - repaid)
        amounts = (drawn_mn, interest, repaid, np.where(np.abs(owed) > _NOTHING_MN, owed, 0.0))
        rows.append(pd.DataFrame(dict(zip(FUND_YEAR_COLUMNS, (fund, kind, years, *amounts), strict=True))))
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=list(FUND_YEAR_COLUMNS))


def _drawn_by_fund(owners: Owners) -> list[tuple[str, str, Floats]]:
    """Each fund with its kind and [plant, period] drawings."""
    problem, accounts = owners.point.problem, owners.point.problem.accounts
    names, found = accounts.allocations["fund"].to_numpy(object), []
    for fund, kind in accounts.funds[["fund", "kind"]].itertuples(index=False):
        drawn = np.zeros((len(owners.split.plants), len(problem.years)))
        if len(names):
            spend = owners.point.decided[SPEND]
            drawn = owners.split(SPEND, np.where((names == fund)[:, None], spend, 0.0))
        found.append((str(fund), str(kind), drawn))
    return found


def _avoided_kt(owners: Owners, sharing: CostSharing | None) -> Floats:
    """[plant] tonnes avoided over the horizon."""
    point, problem = owners.point, owners.point.problem
    power = point.captured_ktpa * (problem.capture_power_t_per_t + problem.booster_power_t_per_t)
    shared = 0.0 if sharing is None else sharing.power_co2_ktpa
    n_years = problem.periods["n_years"].to_numpy(float)
    avoided = (point.on_site_abatement_ktpa - power - shared) @ n_years
    return sum_by_name(owners.split.plants, problem.routes["plant"], avoided)
