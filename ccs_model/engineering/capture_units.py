"""Capture options: stream × technology × size × heat source, with tonnes, energy and the CO₂ of that energy.

Captured is not avoided. Per t captured:

    on-site abatement = 1 − CO₂ of the fuel for steam       reduction at the plant's own stacks
    avoided           = on-site abatement − CO₂ of power    includes emissions of the grid
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.engineering.co2_transport import Train, compression_kwh_per_t
from ccs_model.engineering.streams import lasting_share_of_mill, utilisation_share
from ccs_model.inputs import Inputs

# Shared units: one absorber and compressor for several flue gases of a plant.
#
# The gases mix before the absorber. CO₂ and volumes add up, so the CO₂ share of the mixture is
#
#     x = Σ CO₂ ÷ Σ (CO₂ ÷ x of each)
#
# A shared unit is one option on all of its streams, with a stream id such as `hot_stoves+power_plant`.

SHARED = "+"
# Shared units cover the two largest, the three largest or all flue gases of a plant.
_LARGEST: Sequence[int | None] = (2, 3, None)


def streams_covered(stream: str) -> list[str]:
    """Return the streams of an option's `stream` id."""
    return stream.split(SHARED)


def is_shared(streams: pd.Series) -> pd.Series:
    """Return a mask of rows that cover several streams."""
    return streams.str.contains(SHARED, regex=False)


def covered_rows(options: pd.DataFrame) -> pd.DataFrame:
    """Return one row an option and covered stream: `row` (position of the option), plant and stream."""
    parts = options["stream"].map(streams_covered)
    times = parts.str.len().to_numpy(int)
    return pd.DataFrame(
        {
            "row": np.repeat(np.arange(len(options)), times),
            "plant": np.repeat(options["plant"].to_numpy(object), times),
            # The dtype holds for an empty list as well, so that tables can be merged.
            "stream": pd.Series(list(chain.from_iterable(parts)), dtype=object),
        }
    )


def shared_streams(streams: pd.DataFrame) -> pd.DataFrame:
    """Return mixtures of each plant's flue gases as rows of streams; none for plants with fewer than two.

    `co2_ktpa` is the sum and `lasting_share` the mean. Gases of unknown CO₂ share are not mixed.
    """
    gases = streams[(streams["grade"] == "flue_gas") & (streams["lasting_share"] > 1e-9) & (streams["co2_share"] > 0)]
    lasting = gases["co2_ktpa"] * gases["lasting_share"]
    gases = gases.assign(lasting_ktpa=lasting, volume=lasting / gases["co2_share"])
    gases = gases.sort_values(["plant", "lasting_ktpa", "stream"], ascending=[True, False, True], kind="stable")
    rank = gases.groupby("plant").cumcount()
    number = gases.groupby("plant")["stream"].transform("size")
    mixtures = []
    for most in _LARGEST:
        # A plant with no more gases than the set has the same set as all gases.
        enough = (number > most) if most is not None else (number > 1)
        inside = gases[enough & ((rank < most) if most is not None else True)].sort_values(["plant", "stream"])
        grouped = inside.groupby("plant", sort=True)
        sums = grouped[["co2_ktpa", "lasting_ktpa", "volume"]].sum()
        mixtures.append(
            pd.DataFrame(
                {
                    "plant": sums.index,
                    "stream": grouped["stream"].agg(SHARED.join).to_numpy(object),
                    "grade": "flue_gas",
                    "co2_ktpa": sums["co2_ktpa"].to_numpy(float),
                    "co2_share": (sums["lasting_ktpa"] / sums["volume"]).to_numpy(float),
                    "lasting_share": (sums["lasting_ktpa"] / sums["co2_ktpa"]).to_numpy(float),
                }
            )
        )
    return pd.concat(mixtures, ignore_index=True)


# Heat of a capture unit by concentration and capture rate, and its source.
#
#     heat(x, r) = heat of the table at x × max(1, W(x, r) ÷ W(x, rate of the table))
#
# W is the minimum work of separating a share r of the CO₂ from a gas of CO₂ share x as pure CO₂ (Gibbs energy of mixing
# of ideal gases). That solvent heat scales with W is an assumption on the safe side: from 0.90 to 0.99 it adds 6 to 10
# %, against 0 and −1 % in two published pairs. Rates below the table's save no heat.


WASTE_HEAT = "waste_heat"
COAL_BOILER = "coal_boiler"
# A source without fuel has no fuel price and no CO₂ of its own.
NO_FUEL = "none"
_KWH_PER_GJ = 1000.0 / 3.6


def heat_gj_per_t(co2_share: npt.ArrayLike, points: pd.DataFrame) -> Floats:
    """Return heat per t captured at a CO₂ share by volume, linear between the points and constant outside."""
    ordered = points.sort_values("co2_share")
    return np.interp(np.asarray(co2_share, dtype=float), ordered["co2_share"], ordered["heat_gj_per_t"])


def least_work_rt(co2_share: npt.ArrayLike, rate_share: npt.ArrayLike) -> Floats:
    """Return the minimum work of separation per mole of CO₂ captured, in units of RT.

    ((1 − rx) Σ y' ln y' − Σ y ln y) ÷ (rx), with y of the gas and y' of the remaining gas. Arguments broadcast and are
    above 0.
    """
    x, rate = np.asarray(co2_share, dtype=float), np.asarray(rate_share, dtype=float)
    taken = rate * x
    left = np.maximum(1.0 - taken, 1e-300)
    remaining = (x - taken) / left
    return np.asarray((left * _mixing(remaining) - _mixing(x)) / taken)


def capture_rate_factor(co2_share: npt.ArrayLike, rate_share: npt.ArrayLike, table_rate_share: npt.ArrayLike) -> Floats:
    """Return the factor on heat at a capture rate above that of its table; 1 at or below it, and for pure CO₂."""
    x = np.asarray(co2_share, dtype=float)
    is_gas = x < 1.0
    mixed = np.where(is_gas, x, 0.5)
    factor = least_work_rt(mixed, rate_share) / least_work_rt(mixed, table_rate_share)
    higher = np.asarray(rate_share, dtype=float) > np.asarray(table_rate_share, dtype=float)
    return np.where(is_gas & higher, factor, 1.0)


def _mixing(share: Floats) -> Floats:
    """Σ y ln y of a binary mixture; 0 for a pure gas."""
    total = np.zeros(np.shape(share))
    for part in (share, 1.0 - share):
        total = total + np.where(part > 0, part * np.log(np.where(part > 0, part, 1.0)), 0.0)
    return total


def with_heat(options: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """Return options with `heat_gj_per_t` at their gas and capture rate; 0 for technologies without heat.

    A technology without points has the same heat at any gas, its own `heat_gj_per_t`.
    """
    own = options.get("heat_gj_per_t", pd.Series(0.0, options.index))
    heat = own.fillna(0.0).to_numpy(float, copy=True)
    for technology, rows in points.groupby("technology"):
        at = (options["technology"] == technology).to_numpy()
        gas, rate = options.loc[at, "co2_share"], options.loc[at, "capture_rate_share"]
        heat[at] = heat_gj_per_t(gas, rows) * capture_rate_factor(gas, rate, rows["capture_rate_share"].iloc[0])
    return options.assign(heat_gj_per_t=heat)


def with_heat_sources(options: pd.DataFrame, sources: pd.DataFrame) -> pd.DataFrame:
    """Return every option that needs heat once for each heat source, and other options once.

    Adds `heat_source` ("" where none is needed), `heat_efficiency_share` and `fuel_t_per_gj` of its boiler, and
    `heat_kwh_per_t`, the power of a heat pump: heat ÷ coefficient of performance.
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


def fuel_co2_t_per_t(
    heat_gj_per_t: npt.ArrayLike, efficiency_share: npt.ArrayLike, fuel_t_per_gj: npt.ArrayLike
) -> Floats:
    """Return CO₂ of the fuel for steam, t per t captured."""
    efficiency, fuel = np.asarray(efficiency_share, dtype=float), np.asarray(fuel_t_per_gj, dtype=float)
    return np.asarray(np.asarray(heat_gj_per_t, dtype=float) / efficiency * fuel)


def power_co2_t_per_t(power_kwh_per_t: npt.ArrayLike, grid_kg_per_kwh: npt.ArrayLike) -> Floats:
    """Return CO₂ of power, t per t captured."""
    return np.asarray(power_kwh_per_t, dtype=float) * np.asarray(grid_kg_per_kwh, dtype=float) / 1000.0


def n_trains(nameplate_ktpa: npt.ArrayLike, largest_train_ktpa: npt.ArrayLike) -> Floats:
    """Return the number of trains of at most the largest size built."""
    return np.maximum(np.ceil(np.asarray(nameplate_ktpa) / np.asarray(largest_train_ktpa) - 1e-9), 1.0)


NO_VINTAGE = 9999


def vintages(technologies: pd.DataFrame, starts: Sequence[int]) -> pd.DataFrame:
    """Return technologies with `last_year` and `vintage`; with learning, one row for each start from the first year.

    A vintage can be built at its start only and costs (1 − learning)^(start − first year) of the first. `vintage` is 0
    for technologies without learning.
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


def split_by_start(options: pd.DataFrame, starts: Sequence[int]) -> pd.DataFrame:
    """Return the options with each that captures split into vintages, one for each start from its first year.

    Tonnes of a vintage are known by their start, which payments per tonne may depend on.
    """
    steady = (options["vintage"] == 0) & (options["technology"] != options["measure"])
    split = options[steady].drop(columns="vintage").merge(pd.DataFrame({"vintage": list(starts)}), how="cross")
    split = split[(split["vintage"] >= split["first_year"]) & (split["vintage"] <= split["last_year"])]
    split["option"] = split["option"] + _vintage_suffix(split)
    split = split.assign(first_year=split["vintage"], last_year=split["vintage"])[list(options.columns)]
    return pd.concat([each for each in (options[~steady], split) if len(each)] or [options], ignore_index=True)


def capture_options(
    streams: pd.DataFrame,
    technologies: pd.DataFrame,
    heat: pd.DataFrame,
    sizes: pd.DataFrame,
    sources: pd.DataFrame,
    train: Train,
) -> pd.DataFrame:
    """Return one row an option of every capturable stream.

    `streams` are rows of `engineering.streams` with their `measure` ("" for none), `technologies` those of `vintages`;
    `heat` and `sizes` are tables of data/technologies, and `sources` the available rows of heat_sources.
    nameplate_ktpa = stream × lasting share × size × capture rate. `is_extrapolated` marks options of more than one
    train, beyond the largest built. Power is the sum of compression (computed), process and heat pump.
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
        "last_year", "lead_yr", "life_yr", "min_life_yr", "min_load_share", "heat_gj_per_t", "streams",
    ]  # fmt: skip
    options = offered.merge(technologies[columns], on="grade")
    options = options[_is_suitable(options)].drop(columns="streams").merge(sizes[["size", "stream_share"]], how="cross")
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


def _is_suitable(options: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Whether the technology suits every stream of the option; one without a list suits all streams of its grade.

    Stoves of a furnace (`hot_stoves UNIT`) count as hot stoves.
    """
    listed = options["streams"] != ""
    found = np.ones(len(options), dtype=bool)
    for at in np.flatnonzero(listed):
        suited = {stream.strip() for stream in options["streams"].iloc[at].split(";")}
        found[at] = {name.split(" ")[0] for name in streams_covered(options["stream"].iloc[at])} <= suited
    return found


def _ids(options: pd.DataFrame) -> pd.Series:
    """plant/stream/technology/size, then the heat source unless it is the coal boiler, a measure, a vintage's year."""
    parts = [options[name].astype(str) for name in ("plant", "stream", "technology", "size")]
    ids = parts[0].str.cat(parts[1:], sep="/")
    return ids + unit_suffix(options["heat_source"]) + variant_suffix(options)


def variant_suffix(options: pd.DataFrame) -> pd.Series:
    """Return the suffix of ids by measure and vintage; empty without a measure and for any start."""
    measure = ("/with_" + options["measure"].astype(str)).where(options["measure"] != "", "")
    return measure + _vintage_suffix(options)


def _vintage_suffix(options: pd.DataFrame) -> pd.Series:
    return ("/built_" + options["vintage"].astype(int).astype(str)).where(options["vintage"] > 0, "")


def unit_suffix(heat_source: pd.Series) -> pd.Series:
    """Return the suffix of ids by heat source; empty for the coal boiler and for no heat."""
    return ("/" + heat_source.astype(str)).where(~heat_source.isin(["", COAL_BOILER]), "")


# Unused waste heat of a plant that could raise steam for capture.

_OF_PRODUCT = {
    "ammonia": "ammonia_waste_heat_gj_per_t",
    "methanol": "methanol_waste_heat_gj_per_t",
    "olefins": "methanol_waste_heat_gj_per_t",
    "coal_to_liquids_direct": "methanol_waste_heat_gj_per_t",
}


def waste_heat_tj_pa(plants: pd.DataFrame, inputs: Inputs) -> pd.Series:
    """Return the usable waste heat of each row of `plants` (plant, province, product, capacity_ktpa), TJ/y.

    Output × factor per t (streams/factors, conservative assumptions). A mill counts its lasting oxygen-furnace steel,
    or blast-furnace iron if it lists none, so electric furnaces have no waste heat. A chemical plant counts its
    product. kt/y × GJ/t = TJ/y. Other plants have none.
    """
    works = inputs["plants/steel"].set_index("plant")
    hot_ktpa = works["bof_steel_ktpa"].where(works["bof_steel_ktpa"] > 0, works["bf_iron_ktpa"]).fillna(0.0)
    hot_ktpa = hot_ktpa * lasting_share_of_mill(works)
    is_steel = plants["product"] == "crude_steel"
    factor = plants["product"].map({name: inputs.factor(key) for name, key in _OF_PRODUCT.items()}).fillna(0.0)
    factor = factor.mask(is_steel, inputs.factor("steel_waste_heat_gj_per_t"))
    base_ktpa = np.where(is_steel, plants["plant"].map(hot_ktpa).fillna(0.0), plants["capacity_ktpa"])
    used = utilisation_share(plants, plants["product"], inputs["streams/utilisation"]).fillna(0.0)
    return (base_ktpa * used * factor).astype(float).rename("waste_heat_tj_pa")
