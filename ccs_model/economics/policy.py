"""Carbon policy as functions of years, and benefits and costs by stakeholder.

Carbon prices, emission trading, grid factor path and carbon intensity: years are calendar years, tonnes are kt, prices
money per t, so million = price × kt ÷ 1,000. Arrays are [plant, year].

Stakeholders' accounts: an item is a discounted amount from one stakeholder to another. An empty stakeholder is the
outside world: money to it buys real resources, money from it is a real gain. A transfer between two stakeholders counts
in both accounts and cancels in that of society.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.economics.prices import PriceLevel

CHINA = "China"
"""Region of policy/non_fossil whose path holds in every province without one of its own."""


def price_path(given: Mapping[int, float], years: npt.ArrayLike) -> Floats:
    """Return values at `years`: linear between the given years, constant outside; 0 if none is given."""
    at = np.asarray(years, dtype=float)
    if not given:
        return np.zeros(at.shape)
    known = sorted(given)
    return np.interp(at, known, [float(given[year]) for year in known])


def trading_rules(ets: pd.DataFrame, market: str | None, sectors: pd.Series, years: npt.ArrayLike) -> dict[str, Floats]:
    """Return the rules of policy/ets by sector and year: is_covered (0 or 1), free_share, band_share, [plant, year].

    A rule holds from its first year until the sector's next one. Without a market (None) all sectors are covered in all
    years, with no free allowances and no band.
    """
    at = np.asarray(years, dtype=float)
    names = ("is_covered", "free_share", "band_share")
    if market is None:
        shape = (len(sectors), len(at))
        return {"is_covered": np.ones(shape), "free_share": np.zeros(shape), "band_share": np.ones(shape)}
    of_sector = {}
    for sector, rules in ets[ets["market"] == market].sort_values("first_year").groupby("sector"):
        row = np.searchsorted(rules["first_year"].to_numpy(), at, side="right") - 1
        held = {"is_covered": np.ones(len(rules)), **{name: rules[name].to_numpy() for name in names[1:]}}
        of_sector[sector] = {name: np.where(row >= 0, values[np.maximum(row, 0)], 0.0) for name, values in held.items()}
    nothing = {name: np.zeros(len(at)) for name in names}
    rows = [of_sector.get(sector, nothing) for sector in sectors]
    return {name: np.array([row[name] for row in rows]).reshape(len(rows), len(at)) for name in names}


def carbon_value_mn(
    price_per_t: npt.ArrayLike,
    on_site_abatement_kt: npt.ArrayLike,
    verified_kt: npt.ArrayLike,
    *,
    is_covered: npt.ArrayLike,
    band_share: npt.ArrayLike,
    is_deductible: bool,
) -> Floats:
    """Return the market revenue of on-site abatement, million a year, [plant, year].

    price × min(on-site abatement, band × verified emissions) for covered plants, since the band limits the surplus that
    can be sold. 0 if captured CO₂ is not deductible. Emission trading covers direct emissions only, not power.
    """
    cut = np.atleast_2d(np.asarray(on_site_abatement_kt, dtype=float))
    if not is_deductible:
        return np.zeros(cut.shape)
    sold = np.minimum(cut, np.asarray(band_share, dtype=float) * np.asarray(verified_kt, dtype=float))
    return np.asarray(price_per_t, dtype=float) * np.asarray(is_covered, dtype=float) * sold / 1000.0


def non_fossil_path(table: pd.DataFrame, region: str = CHINA) -> dict[int, float]:
    """Return a region's non-fossil share of energy by year: what was reached, and the targets of years after that."""
    table = table[table["region"] == region]
    reached = table[table["measure"] == "reached"]
    last = reached["year"].max() if len(reached) else -np.inf
    rows = pd.concat([reached, table[(table["measure"] == "target") & (table["year"] > last)]])
    return {int(year): float(share) for year, share in zip(rows["year"], rows["non_fossil_share"], strict=True)}


def grid_factor_path(
    known_kg_per_kwh: npt.ArrayLike,
    known_year: npt.ArrayLike,
    non_fossil: Mapping[int, float],
    years: npt.ArrayLike,
    fossil_kg_per_kwh: float,
) -> Floats:
    """Return the grid factor, kg/kWh, [province, year], as the non-fossil share rises.

    fossil factor × (1 − share(t)) × scale. The scale reproduces the province's factor in its known year; the result
    does not exceed the fossil factor, unless the known one does. `known_…` are [province]; `non_fossil` maps years to
    the country's non-fossil share of energy, a proxy for the province's share of power.
    """
    known = np.atleast_1d(np.asarray(known_kg_per_kwh, dtype=float))
    at_known = fossil_kg_per_kwh * (1.0 - price_path(non_fossil, np.broadcast_to(known_year, known.shape)))
    national = fossil_kg_per_kwh * (1.0 - price_path(non_fossil, years))
    # Without fossil power in the known year, nothing is left to fall.
    scale = np.divide(known, at_known, out=np.zeros_like(known), where=at_known > 0)
    path = np.where((at_known > 0)[:, None], national * scale[:, None], known[:, None])
    return np.minimum(path, np.maximum(fossil_kg_per_kwh, known)[:, None])


def carbon_intensity_kt_per_mn(emission_kt: npt.ArrayLike, value_added_mn: npt.ArrayLike) -> Floats:
    """kt CO₂ per million of value added."""
    return np.asarray(emission_kt, dtype=float) / np.asarray(value_added_mn, dtype=float)


def intensity_reduction_share(
    emission_before_kt: npt.ArrayLike,
    value_added_before_mn: npt.ArrayLike,
    emission_kt: npt.ArrayLike,
    value_added_mn: npt.ArrayLike,
) -> Floats:
    """Return the reduction of carbon intensity: 1 − (E ÷ V) ÷ (E₀ ÷ V₀), with real value added."""
    before = carbon_intensity_kt_per_mn(emission_before_kt, value_added_before_mn)
    return 1.0 - carbon_intensity_kt_per_mn(emission_kt, value_added_mn) / before


# Benefits and costs by stakeholder: damages avoided, air pollution beside CO₂, and stakeholders' accounts.

OUTSIDE, FINANCIERS, SOCIETY = "", "financiers", "society"
STAKEHOLDERS = ("owners", "public purse", FINANCIERS, SOCIETY)
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
    the other way. Columns: stakeholder, benefits_mn, costs_mn, npv_mn, benefit_cost_ratio. Enter a loan net of its
    service; otherwise drawings and repayments inflate both sides of the ratio. It is NaN without costs, for financiers,
    whose loans are net, and for society without an item to it, such as damages avoided: the rest is cost.
    """
    rows = _orient_items(items)
    accounts = []
    to_society = bool(((rows["to_stakeholder"] == SOCIETY) & (rows["discounted_mn"] > 0)).any())
    for stakeholder in STAKEHOLDERS:
        if stakeholder == SOCIETY:
            gained, lost = rows["from_stakeholder"] == OUTSIDE, rows["to_stakeholder"] == OUTSIDE
        else:
            gained, lost = rows["to_stakeholder"] == stakeholder, rows["from_stakeholder"] == stakeholder
        benefits, costs = rows.loc[gained, "discounted_mn"].sum(), rows.loc[lost, "discounted_mn"].sum()
        has_ratio = stakeholder != FINANCIERS and (stakeholder != SOCIETY or to_society)
        ratio = benefits / costs if has_ratio and costs > _NOTHING_MN else np.nan
        accounts.append((stakeholder, benefits, costs, benefits - costs, ratio))
    return pd.DataFrame(accounts, columns=["stakeholder", "benefits_mn", "costs_mn", "npv_mn", "benefit_cost_ratio"])


def ledger_by_stakeholder(items: pd.DataFrame) -> pd.DataFrame:
    """Return each item's net amount for each stakeholder, one row an item in the given order.

    Columns: item, owners_mn, public_purse_mn, financiers_mn, society_mn; each sums to the `npv_mn` of its stakeholder.
    Society's account excludes transfers.
    """
    rows = _orient_items(items)
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


def _orient_items(items: pd.DataFrame) -> pd.DataFrame:
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
