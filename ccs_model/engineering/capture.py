"""Capture options: stream × technology × size × heat source, each with its tonnes, its energy and that energy's CO₂.

Captured is not avoided. Per t captured:

    direct cut = 1 − fuel CO₂ of the steam         what leaves the plant's own stacks
    avoided    = direct cut − CO₂ of the power     the grid's part of it
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.engineering.compression import Train, compression_kwh_per_t
from ccs_model.engineering.heat import COAL_BOILER, with_heat, with_heat_sources

Floats = npt.NDArray[np.float64]


def fuel_co2_t_per_t(
    heat_gj_per_t: npt.ArrayLike, efficiency_share: npt.ArrayLike, fuel_t_per_gj: npt.ArrayLike
) -> Floats:
    """CO₂ of the fuel that raises the steam, t per t captured."""
    efficiency, fuel = np.asarray(efficiency_share, dtype=float), np.asarray(fuel_t_per_gj, dtype=float)
    return np.asarray(np.asarray(heat_gj_per_t, dtype=float) / efficiency * fuel)


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


NO_VINTAGE = 9999


def vintages(technologies: pd.DataFrame, starts: Sequence[int]) -> pd.DataFrame:
    """Technologies with `last_year` and `vintage`; one that learns stands once for each start from its first year on.

    A vintage can be built in its start alone and costs (1 − learning)^(start − first year) of the first; `vintage` is
    that start, and 0 for a technology that does not learn.
    """
    learns = technologies["learning_share"] > 0
    steady = technologies[~learns].assign(vintage=0, last_year=NO_VINTAGE)
    grown = technologies[learns].merge(pd.DataFrame({"vintage": list(starts)}), how="cross")
    grown = grown[grown["vintage"] >= grown["first_year"]]
    fallen = (1.0 - grown["learning_share"]) ** (grown["vintage"] - grown["first_year"])
    grown = grown.assign(
        capex_per_tpa=grown["capex_per_tpa"] * fallen, first_year=grown["vintage"], last_year=grown["vintage"]
    )
    return pd.concat([each for each in (steady, grown) if len(each)] or [steady], ignore_index=True)


def capture_options(
    streams: pd.DataFrame,
    technologies: pd.DataFrame,
    heat: pd.DataFrame,
    sizes: pd.DataFrame,
    sources: pd.DataFrame,
    train: Train,
) -> pd.DataFrame:
    """One row an option of every capturable stream.

    `streams` are rows of `engineering.streams` with the `measure` that shrank each ("" for none), `technologies` of
    `vintages`; `heat`, `sizes` are the tables of data/technologies and `sources` those rows of heat_sources that are on
    offer.
    nameplate_ktpa = stream × lasting share × size × capture rate. `is_extrapolated` marks what takes more than one
    train, since none larger was built. Of a technology's power the part for compression is computed and the rest is
    the process's own; what a heat pump draws comes on top.
    """
    offered = streams[(streams["grade"] != "none") & (streams["lasting_share"] > 1e-9)]
    technologies = technologies.assign(
        compression_kwh_per_t=np.minimum(
            compression_kwh_per_t(technologies["suction_mpa"].to_numpy(float), train), technologies["power_kwh_per_t"]
        )
    )
    columns = [
        "technology", "vintage", "grade", "capture_rate_share", "reference_co2_share", "smallest_train_ktpa",
        "largest_train_ktpa", "power_kwh_per_t", "compression_kwh_per_t", "used_t_water_per_t", "first_year",
        "last_year", "lead_yr", "life_yr", "min_life_yr", "min_load_share",
    ]  # fmt: skip
    options = offered.merge(technologies[columns], on="grade").merge(sizes[["size", "stream_share"]], how="cross")
    options["nameplate_ktpa"] = options[["co2_ktpa", "lasting_share", "stream_share", "capture_rate_share"]].prod(
        axis=1
    )
    options = with_heat_sources(with_heat(options, heat), sources)
    options["process_kwh_per_t"] = options["power_kwh_per_t"] - options["compression_kwh_per_t"]
    options["power_kwh_per_t"] = options["power_kwh_per_t"] + options["heat_kwh_per_t"]
    options["n_trains"] = n_trains(options["nameplate_ktpa"], options["largest_train_ktpa"])
    options["is_extrapolated"] = options["n_trains"] > 1
    options.insert(0, "option", _ids(options))
    return options.sort_values("option", kind="stable").reset_index(drop=True)


def _ids(options: pd.DataFrame) -> pd.Series:
    """plant/stream/technology/size, then the heat source unless it is the coal boiler, a measure, a vintage's year."""
    parts = [options[name].astype(str) for name in ("plant", "stream", "technology", "size")]
    ids = parts[0].str.cat(parts[1:], sep="/")
    ids = ids + unit_suffix(options["heat_source"])
    ids = ids + ("/with_" + options["measure"].astype(str)).where(options["measure"] != "", "")
    return ids + ("/built_" + options["vintage"].astype(str)).where(options["vintage"] > 0, "")


def unit_suffix(heat_source: pd.Series) -> pd.Series:
    """What tells options apart that differ in where their heat comes from; nothing for the coal boiler or no heat."""
    return ("/" + heat_source.astype(str)).where(~heat_source.isin(["", COAL_BOILER]), "")
