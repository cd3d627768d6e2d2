"""Carbon prices, emission trading, grid factor path and carbon intensity as functions of years.

Years are calendar years. Tonnes are kt, prices money per t, so million = price × kt ÷ 1,000. Arrays are [plant, year].
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model._typing import Floats

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
