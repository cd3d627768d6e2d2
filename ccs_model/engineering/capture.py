"""Capture options: stream × technology × size, each with its tonnes, its energy and the CO₂ of that energy.

Captured is not avoided. Per t captured:

    direct cut = 1 − fuel CO₂ of the steam         what leaves the plant's own stacks
    avoided    = direct cut − CO₂ of the power     the grid's part of it
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]


def heat_gj_per_t(co2_share: npt.ArrayLike, points: pd.DataFrame) -> Floats:
    """Steam per t captured at a CO₂ share by volume: straight lines between the points, flat outside them."""
    ordered = points.sort_values("co2_share")
    return np.interp(np.asarray(co2_share, dtype=float), ordered["co2_share"], ordered["heat_gj_per_t"])


def fuel_co2_t_per_t(heat_gj_per_t: npt.ArrayLike, efficiency_share: float, fuel_t_per_gj: float) -> Floats:
    """CO₂ of the fuel that raises the steam, t per t captured."""
    return np.asarray(heat_gj_per_t, dtype=float) / efficiency_share * fuel_t_per_gj


def power_co2_t_per_t(power_kwh_per_t: npt.ArrayLike, grid_kg_per_kwh: npt.ArrayLike) -> Floats:
    """CO₂ of the power drawn, t per t captured."""
    return np.asarray(power_kwh_per_t, dtype=float) * np.asarray(grid_kg_per_kwh, dtype=float) / 1000.0


def avoided_t_per_t(
    heat_gj_per_t: npt.ArrayLike,
    efficiency_share: float,
    fuel_t_per_gj: float,
    power_kwh_per_t: npt.ArrayLike,
    grid_kg_per_kwh: npt.ArrayLike,
) -> Floats:
    """CO₂ avoided per t captured: 1 less the CO₂ of steam and power."""
    steam = fuel_co2_t_per_t(heat_gj_per_t, efficiency_share, fuel_t_per_gj)
    return 1.0 - steam - power_co2_t_per_t(power_kwh_per_t, grid_kg_per_kwh)


def n_trains(nameplate_ktpa: npt.ArrayLike, largest_train_ktpa: npt.ArrayLike) -> Floats:
    """Whole trains of at most the largest size built."""
    return np.maximum(np.ceil(np.asarray(nameplate_ktpa) / np.asarray(largest_train_ktpa) - 1e-9), 1.0)


def capture_options(
    streams: pd.DataFrame, technologies: pd.DataFrame, heat: pd.DataFrame, sizes: pd.DataFrame
) -> pd.DataFrame:
    """One row an option of every capturable stream.

    `streams` are rows of `engineering.streams`; `technologies`, `heat`, `sizes` are the tables of data/technologies.
    nameplate_ktpa = stream × lasting share × size × capture rate. `is_extrapolated` marks what takes more than one
    train, since none larger was built.
    """
    offered = streams[(streams["grade"] != "none") & (streams["lasting_share"] > 1e-9)]
    columns = [
        "technology", "grade", "capture_rate_share", "reference_co2_share", "smallest_train_ktpa", "largest_train_ktpa",
        "power_kwh_per_t", "first_year", "lead_yr", "life_yr", "min_life_yr", "min_load_share",
    ]  # fmt: skip
    options = offered.merge(technologies[columns], on="grade").merge(sizes[["size", "stream_share"]], how="cross")
    options["nameplate_ktpa"] = options[["co2_ktpa", "lasting_share", "stream_share", "capture_rate_share"]].prod(
        axis=1
    )
    options["heat_gj_per_t"] = 0.0
    for technology, points in heat.groupby("technology"):
        at = options["technology"] == technology
        options.loc[at, "heat_gj_per_t"] = heat_gj_per_t(options.loc[at, "co2_share"], points)
    options["n_trains"] = n_trains(options["nameplate_ktpa"], options["largest_train_ktpa"])
    options["is_extrapolated"] = options["n_trains"] > 1
    parts = [options[name].astype(str) for name in ("plant", "stream", "technology", "size")]
    options.insert(0, "option", parts[0].str.cat(parts[1:], sep="/"))
    return options.sort_values("option", kind="stable").reset_index(drop=True)
