"""Measures that shrink a stream before capture: alone, or with a capture unit behind them.

    reduced = shrink share × CO₂ of the stream × share whose furnaces last      kt/y, avoided and cut, never captured
    yearly  = fixed O&M − saving × reduced                                      million, negative where it pays

A unit behind a measure is sized on what is left. The measure's capital, upkeep and saving are part of the option's; its
tonnes count while the option works, whether or not the unit is throttled. An option with a measure lives as long as the
shorter-lived of the two. One measure a stream, and none in a unit that streams share.
"""

from __future__ import annotations

import pandas as pd

from ccs_model.economics.price_level import PriceLevel
from ccs_model.engineering.capture import NO_VINTAGE
from ccs_model.engineering.heat import NO_FUEL
from ccs_model.inputs import Inputs
from ccs_model.scenario import Scenario

_LIFE = ("first_year", "lead_yr", "min_life_yr")


def measures_of(scenario: Scenario, inputs: Inputs, level: PriceLevel) -> pd.DataFrame:
    """Measures that the scenario allows, money in the scenario's."""
    table = inputs["technologies/measures"]
    table = table[table["measure"].isin(scenario.capture.measures)].sort_values("measure").reset_index(drop=True)
    money = {name: level.convert(table[name], table["currency"], table["price_year"]) for name in _MONEY}
    return table.assign(**money)


_MONEY = ("capex_per_tpa", "saving_per_t")


def measured_streams(streams: pd.DataFrame, measures: pd.DataFrame) -> pd.DataFrame:
    """Streams as they are, then each with every measure that it takes, shrunk: with `measure` and `reduced_ktpa`."""
    plain = streams.assign(measure="", reduced_ktpa=0.0)
    lasting = streams[streams["lasting_share"] > 1e-9]
    shrunk = lasting.merge(measures[["measure", "stream", "shrink_share"]], on="stream")
    if shrunk.empty:
        return plain
    shrunk["reduced_ktpa"] = shrunk["co2_ktpa"] * shrunk["lasting_share"] * shrunk["shrink_share"]
    shrunk["co2_ktpa"] = shrunk["co2_ktpa"] * (1.0 - shrunk["shrink_share"])
    return pd.concat([plain, shrunk[plain.columns]], ignore_index=True)


def with_measure_costs(options: pd.DataFrame, measures: pd.DataFrame) -> pd.DataFrame:
    """Capture options behind a measure, with its capital and yearly money added and the shorter life."""
    at = options["measure"] != ""
    if not at.any():
        return options
    rows = measures.set_index("measure").loc[options.loc[at, "measure"]].set_axis(options.index[at])
    capex, yearly = _money(rows, options.loc[at, "reduced_ktpa"])
    options.loc[at, "capture_capex_mn"] += capex
    options.loc[at, "fixed_om_mn_pa"] += yearly
    options.loc[at, "life_yr"] = options.loc[at, "life_yr"].clip(upper=rows["life_yr"])
    for name in _LIFE:
        options.loc[at, name] = options.loc[at, name].clip(lower=rows[name])
    return options


def measures_alone(streams: pd.DataFrame, measures: pd.DataFrame, columns: pd.Index) -> pd.DataFrame:
    """Options that are a measure and no capture: nameplate 0. Other columns of capture options are 0 or empty."""
    shrunk = streams[streams["measure"] != ""].reset_index(drop=True)
    if shrunk.empty:
        return pd.DataFrame(columns=columns)
    rows = measures.set_index("measure").loc[shrunk["measure"]].set_axis(shrunk.index)
    capex, yearly = _money(rows, shrunk["reduced_ktpa"])
    alone = shrunk.assign(
        option=shrunk["plant"] + "/" + shrunk["stream"] + "/" + shrunk["measure"] + "/full",
        technology=shrunk["measure"],
        size="full",
        stream_share=1.0,
        heat_source="",
        heat_efficiency_share=1.0,
        fuel=NO_FUEL,
        last_year=NO_VINTAGE,
        is_extrapolated=False,
        capture_capex_mn=capex,
        fixed_om_mn_pa=yearly,
        fixed_om_share=rows["fixed_om_share"],
        life_yr=rows["life_yr"],
        **{name: rows[name] for name in _LIFE},
    )
    alone = alone.assign(**dict.fromkeys(columns.difference(alone.columns), 0.0))
    return alone[list(columns)]


def _money(rows: pd.DataFrame, reduced_ktpa: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Capital and yearly money, million: kt/y × money per t/y."""
    capex = rows["capex_per_tpa"] * reduced_ktpa / 1000.0
    return capex, capex * rows["fixed_om_share"] - rows["saving_per_t"] * reduced_ktpa / 1000.0
