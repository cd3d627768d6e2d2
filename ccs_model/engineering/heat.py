"""Heat of a capture unit: how much by concentration and capture rate, and where it comes from.

    heat(x, r) = heat of the table at x × max(1, W(x, r) ÷ W(x, rate of the table))

W is the least work that thermodynamics asks for taking a share r of the CO₂ out of a gas of share x as pure CO₂ (the
Gibbs energy of mixing of ideal gases, textbook): it rises ever more steeply as r nears 1. That solvent heat follows it
is assumed, a cautious reading: between 0.90 and 0.99 it adds 6 to 10 %, where two published pairs add 0 and −1 %. Below
the rate of the table nothing is saved.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

WASTE_HEAT = "waste_heat"
COAL_BOILER = "coal_boiler"
# A source that burns nothing has no price of fuel and no CO₂ of its own.
NO_FUEL = "none"
_KWH_PER_GJ = 1000.0 / 3.6


def heat_gj_per_t(co2_share: npt.ArrayLike, points: pd.DataFrame) -> Floats:
    """Heat per t captured at a CO₂ share by volume: straight lines between the points, flat outside them."""
    ordered = points.sort_values("co2_share")
    return np.interp(np.asarray(co2_share, dtype=float), ordered["co2_share"], ordered["heat_gj_per_t"])


def least_work_rt(co2_share: npt.ArrayLike, rate_share: npt.ArrayLike) -> Floats:
    """Least work of separation per mole of CO₂ taken out, in units of RT; arguments broadcast, both above 0.

    ((1 − rx) Σ y' ln y' − Σ y ln y) ÷ (rx), y of the gas, y' of what is left of it.
    """
    x, rate = np.asarray(co2_share, dtype=float), np.asarray(rate_share, dtype=float)
    taken = rate * x
    left = np.maximum(1.0 - taken, 1e-300)
    remaining = (x - taken) / left
    return np.asarray((left * _mixing(remaining) - _mixing(x)) / taken)


def capture_rate_factor(co2_share: npt.ArrayLike, rate_share: npt.ArrayLike, table_rate_share: npt.ArrayLike) -> Floats:
    """What heat is multiplied by at a higher capture rate than that of its table; 1 at the same or a lower one.

    Of pure CO₂ nothing is separated, so the factor is 1.
    """
    x = np.asarray(co2_share, dtype=float)
    is_gas = x < 1.0
    mixed = np.where(is_gas, x, 0.5)
    factor = least_work_rt(mixed, rate_share) / least_work_rt(mixed, table_rate_share)
    higher = np.asarray(rate_share, dtype=float) > np.asarray(table_rate_share, dtype=float)
    return np.where(is_gas & higher, factor, 1.0)


def _mixing(share: Floats) -> Floats:
    """Σ y ln y of a gas of two parts; 0 where it is pure."""
    total = np.zeros(np.shape(share))
    for part in (share, 1.0 - share):
        total = total + np.where(part > 0, part * np.log(np.where(part > 0, part, 1.0)), 0.0)
    return total


def with_heat(options: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """Options with `heat_gj_per_t` of their technology at their gas and capture rate; 0 where it has no points."""
    heat = np.zeros(len(options))
    for technology, rows in points.groupby("technology"):
        at = (options["technology"] == technology).to_numpy()
        gas, rate = options.loc[at, "co2_share"], options.loc[at, "capture_rate_share"]
        heat[at] = heat_gj_per_t(gas, rows) * capture_rate_factor(gas, rate, rows["capture_rate_share"].iloc[0])
    return options.assign(heat_gj_per_t=heat)


def with_heat_sources(options: pd.DataFrame, sources: pd.DataFrame) -> pd.DataFrame:
    """Every option that needs heat once for each source, others once with none.

    Adds `heat_source` ("" where none is needed), `heat_efficiency_share` and `fuel_t_per_gj` of its boiler, and
    `heat_kwh_per_t`, the power that a heat pump draws: heat ÷ coefficient of performance.
    """
    needs = options["heat_gj_per_t"] > 0
    columns = ["heat_source", "fuel", "heat_efficiency_share", "fuel_t_per_gj", "cop"]
    named = sources.rename(columns={"efficiency_share": "heat_efficiency_share"})[columns]
    heated = options[needs].merge(named, how="cross")
    cold = options[~needs].assign(
        heat_source="", fuel=NO_FUEL, heat_efficiency_share=1.0, fuel_t_per_gj=0.0, cop=np.nan
    )
    together = pd.concat([each for each in (heated, cold) if len(each)] or [cold], ignore_index=True)
    drawn = together["heat_gj_per_t"] * _KWH_PER_GJ / together["cop"].astype(float)
    return together.assign(heat_kwh_per_t=drawn.fillna(0.0)).drop(columns="cop")
