"""Levelised costs as functions of arrays: capture, avoidance, and what a tonne of product costs more.

    capture cost     yearly cost of capture without transport and storage ÷ captured
    avoidance cost   (cost with − cost without) ÷ (emission without − emission with), transport and storage within
    added cost       yearly cost of it all ÷ product

Three different numbers; the marginal cost (a dual of the program) is a fourth. Amounts are kt a year, money million a
year, so money per t = 1,000 × million ÷ kt.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.economics.discounting import annuity_yr

Floats = npt.NDArray[np.float64]

CAPTURE_PARTS = ("capital_mn_pa", "fixed_om_mn_pa", "variable_om_mn_pa", "heat_mn_pa", "power_mn_pa")


def capital_charge_share(discount_share: float, life_yr: npt.ArrayLike, tasc_factor: npt.ArrayLike = 1.0) -> Floats:
    """Yearly charge on total overnight cost: capital recovery × TASC ÷ TOC; 1/n at a rate of 0."""
    return np.asarray(tasc_factor, dtype=float) / annuity_yr(discount_share, life_yr)


def yearly_capture_cost(
    *,
    captured_ktpa: npt.ArrayLike,
    capex_mn: npt.ArrayLike,
    charge_share: npt.ArrayLike,
    fixed_om_mn_pa: npt.ArrayLike,
    variable_om_per_t: npt.ArrayLike,
    heat_gj_per_t: npt.ArrayLike,
    heat_per_gj: npt.ArrayLike,
    power_kwh_per_t: npt.ArrayLike,
    power_per_kwh: npt.ArrayLike,
) -> pd.DataFrame:
    """CAPTURE_PARTS and their sum `capture_mn_pa`, one row a unit; capex overnight, tonnes delivered."""
    tonnes = np.atleast_1d(np.asarray(captured_ktpa, dtype=float))
    heat = np.asarray(heat_gj_per_t, dtype=float) * np.asarray(heat_per_gj, dtype=float)
    power = np.asarray(power_kwh_per_t, dtype=float) * np.asarray(power_per_kwh, dtype=float)
    table = pd.DataFrame(index=pd.RangeIndex(len(tonnes)))
    table["capital_mn_pa"] = np.asarray(capex_mn, dtype=float) * np.asarray(charge_share, dtype=float)
    table["fixed_om_mn_pa"] = np.asarray(fixed_om_mn_pa, dtype=float)
    table["variable_om_mn_pa"] = tonnes * np.asarray(variable_om_per_t, dtype=float) / 1000.0
    table["heat_mn_pa"] = tonnes * heat / 1000.0
    table["power_mn_pa"] = tonnes * power / 1000.0
    table["capture_mn_pa"] = table[list(CAPTURE_PARTS)].sum(axis=1)
    return table


def cost_per_t(cost_mn_pa: npt.ArrayLike, amount_ktpa: npt.ArrayLike) -> Floats:
    """Money per tonne of `amount` (captured, or product); NaN where there is none of it."""
    amount = np.asarray(amount_ktpa, dtype=float)
    return np.asarray(cost_mn_pa, dtype=float) * 1000.0 / np.where(amount > 0, amount, np.nan)


def avoidance_cost_per_t(
    cost_with: npt.ArrayLike, cost_without: npt.ArrayLike, emission_without: npt.ArrayLike, emission_with: npt.ArrayLike
) -> Floats:
    """Money per tonne avoided; NaN where nothing is avoided.

    Costs and emissions over the same thing: money and t CO₂ per t of product, or money and t a year of a plant.
    """
    avoided = np.asarray(emission_without, dtype=float) - np.asarray(emission_with, dtype=float)
    added = np.asarray(cost_with, dtype=float) - np.asarray(cost_without, dtype=float)
    return added / np.where(avoided > 0, avoided, np.nan)


def avoidance_cost_of_capture(capture_cost_per_t: npt.ArrayLike, avoided_t_per_t: npt.ArrayLike) -> Floats:
    """Money per tonne avoided from money per tonne captured, at t avoided per t captured; NaN where none is avoided."""
    return avoidance_cost_per_t(capture_cost_per_t, 0.0, avoided_t_per_t, 0.0)
