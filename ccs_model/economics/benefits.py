"""Benefits and costs by stakeholder: damages avoided, air pollution beside CO₂, and stakeholders' accounts.

An item is a discounted amount from one stakeholder to another. An empty stakeholder is the outside world: money to it
buys real resources, money from it is a real gain. A transfer between two stakeholders counts in both accounts and
cancels in that of society.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.economics.prices import PriceLevel

OUTSIDE, SOCIETY = "", "society"
STAKEHOLDERS = ("owners", "public purse", "financiers", SOCIETY)
_G_PER_T = 1e6
_KT = "_kt"
# Costs below a thousandth of a unit of money count as zero.
_NOTHING_MN = 1e-9


def social_cost_path_per_t(
    table: pd.DataFrame, level: PriceLevel, series: str, years: npt.ArrayLike, measure: str = "scc_per_t"
) -> Floats:
    """Return the social cost of carbon in `years`, in the scenario's money: linear between years, constant outside.

    `table` is policy/social_cost_of_carbon; `measure` one of low_per_t, scc_per_t, high_per_t.
    """
    rows = table[table["series"] == series].sort_values("year")
    if rows.empty:
        raise ValueError(f"no social cost series '{series}'; there are {', '.join(sorted(set(table['series'])))}")
    money = level.convert(rows[measure], rows["currency"], rows["price_year"])
    return np.interp(np.asarray(years, dtype=float), rows["year"].to_numpy(), money.to_numpy(dtype=float))


def pollutants_kt(
    pollutants: pd.DataFrame, captured_kt: npt.ArrayLike, coal_gj_per_t: npt.ArrayLike, power_kwh_per_t: npt.ArrayLike
) -> pd.DataFrame:
    """Return air pollutants of capture: one row a plant, a column `…_kt` for each of policy/pollutants.

    `coal_gj_per_t` is coal burnt (heat ÷ boiler efficiency) and `power_kwh_per_t` grid power, both per t captured;
    negative if consumption falls.
    """
    captured, coal, power = np.broadcast_arrays(
        np.atleast_1d(np.asarray(captured_kt, dtype=float)),
        np.asarray(coal_gj_per_t, dtype=float),
        np.asarray(power_kwh_per_t, dtype=float),
    )
    return pd.DataFrame(
        {
            f"{row['pollutant']}{_KT}": captured
            * (coal * row["coal_g_per_gj"] + power * row["grid_g_per_kwh"])
            / _G_PER_T
            for _, row in pollutants.iterrows()
        }
    )


def accounts_by_stakeholder(items: pd.DataFrame) -> pd.DataFrame:
    """Return benefits, costs, NPV and benefit–cost ratio of each stakeholder, in the order of STAKEHOLDERS.

    `items`: item, from_stakeholder, to_stakeholder, discounted_mn. A negative amount runs
    the other way. Columns: stakeholder, benefits_mn, costs_mn, npv_mn, benefit_cost_ratio (NaN without costs). Enter a
    loan net of its service; otherwise drawings and repayments inflate both sides of the ratio.
    """
    rows = _facing_forward(items)
    accounts = []
    for stakeholder in STAKEHOLDERS:
        if stakeholder == SOCIETY:
            gained, lost = rows["from_stakeholder"] == OUTSIDE, rows["to_stakeholder"] == OUTSIDE
        else:
            gained, lost = rows["to_stakeholder"] == stakeholder, rows["from_stakeholder"] == stakeholder
        benefits, costs = rows.loc[gained, "discounted_mn"].sum(), rows.loc[lost, "discounted_mn"].sum()
        ratio = benefits / costs if costs > _NOTHING_MN else np.nan
        accounts.append((stakeholder, benefits, costs, benefits - costs, ratio))
    return pd.DataFrame(accounts, columns=["stakeholder", "benefits_mn", "costs_mn", "npv_mn", "benefit_cost_ratio"])


def ledger_by_stakeholder(items: pd.DataFrame) -> pd.DataFrame:
    """Return each item's net amount for each stakeholder, one row an item in the given order.

    Columns: item, owners_mn, public_purse_mn, financiers_mn, society_mn; each sums to the `npv_mn` of its stakeholder.
    Society's account excludes transfers.
    """
    rows = _facing_forward(items)
    amount = rows["discounted_mn"]
    table = pd.DataFrame({"item": rows["item"]})
    for stakeholder in STAKEHOLDERS[:-1]:
        table[_column(stakeholder)] = amount * rows["to_stakeholder"].eq(stakeholder) - amount * rows[
            "from_stakeholder"
        ].eq(stakeholder)
    table[_column(SOCIETY)] = amount * rows["from_stakeholder"].eq(OUTSIDE) - amount * rows["to_stakeholder"].eq(
        OUTSIDE
    )
    return table.groupby("item", sort=False).sum().reset_index()


def _column(stakeholder: str) -> str:
    return f"{stakeholder.replace(' ', '_')}_mn"


def _facing_forward(items: pd.DataFrame) -> pd.DataFrame:
    """The items with amounts of at least 0, checked: no unknown stakeholder, none from the outside to the outside."""
    unknown = sorted((set(items["from_stakeholder"]) | set(items["to_stakeholder"])) - {OUTSIDE, *STAKEHOLDERS})
    if unknown:
        raise ValueError(f"unknown stakeholder '{unknown[0]}', expected one of {', '.join(STAKEHOLDERS)} or nothing")
    if (items["from_stakeholder"] == items["to_stakeholder"]).any():
        raise ValueError("an item runs from a stakeholder to itself")
    is_back = items["discounted_mn"] < 0
    return pd.DataFrame(
        {
            "item": items["item"],
            "from_stakeholder": items["from_stakeholder"].where(~is_back, items["to_stakeholder"]),
            "to_stakeholder": items["to_stakeholder"].where(~is_back, items["from_stakeholder"]),
            "discounted_mn": items["discounted_mn"].abs(),
        }
    )
