"""Periods in which a retrofit may start: given turnaround windows and expected relinings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model._typing import Mask
from ccs_model.engineering.streams import STOVES, running_furnaces
from ccs_model.inputs import Inputs


def in_given_window(
    from_year: npt.ArrayLike, until_year: npt.ArrayLike, starts: npt.ArrayLike, n_years: npt.ArrayLike
) -> Mask:
    """Return [row, period] whether the period overlaps the window; a missing end (NaN) is open."""
    begin, end = np.asarray(from_year, dtype=float), np.asarray(until_year, dtype=float)
    first = np.asarray(starts, dtype=float)[None, :]
    last = first + np.asarray(n_years, dtype=float)[None, :] - 1
    return ~((last < begin[:, None]) | (first > end[:, None]))


def about_a_relining(
    relined: npt.ArrayLike,
    starts: npt.ArrayLike,
    n_years: npt.ArrayLike,
    *,
    campaign_yr: float,
    window_yr: float,
) -> Mask:
    """Return [furnace, period] whether a year of the period lies within `window_yr` of an expected relining.

    Relinings are expected one campaign after the last and every campaign from then on. All periods qualify if the last
    relining is unknown (NaN), or if the next was due more than `window_yr` before the first period.
    """
    due = np.asarray(relined, dtype=float)[:, None] + campaign_yr
    first = np.asarray(starts, dtype=float)[None, :]
    last = first + np.asarray(n_years, dtype=float)[None, :] - 1
    rounds = np.maximum(np.ceil((first - window_yr - due) / campaign_yr), 0.0)
    meets = due + rounds * campaign_yr <= last + window_yr
    return meets | ~(due + window_yr >= first[:, :1])


def may_start(
    streams: pd.DataFrame,
    plants: pd.DataFrame,
    inputs: Inputs,
    starts: npt.ArrayLike,
    n_years: npt.ArrayLike,
    *,
    at_relining: bool,
) -> Mask:
    """Return [stream, period] whether a retrofit of the stream may start in the period.

    A window of the plant (`turnaround_from`, `turnaround_until`) applies to all its streams. With `at_relining`, hot
    stoves also start only near a relining of one of their furnaces.
    """
    of_plant = plants.set_index("plant")[["turnaround_from", "turnaround_until"]].reindex(streams["plant"])
    allowed = in_given_window(of_plant["turnaround_from"], of_plant["turnaround_until"], starts, n_years)
    stoves = (streams["stream"] == STOVES) | streams["stream"].str.startswith(f"{STOVES} ")
    if not at_relining or not stoves.any():
        return allowed
    furnaces = running_furnaces(inputs)
    furnaces = furnaces[furnaces["status"] == "operating"].reset_index(drop=True)
    meets = about_a_relining(
        furnaces["relining_year"],
        starts,
        n_years,
        campaign_yr=inputs.factor("blast_furnace_campaign_yr"),
        window_yr=inputs.factor("relining_window_yr"),
    )
    windows = pd.DataFrame(meets)
    own = windows.groupby([furnaces["plant"], STOVES + " " + furnaces["unit"].astype(str)]).any()
    of_small = furnaces["capacity_ktpa"] < inputs.factor("own_stoves_iron_ktpa")
    is_split = set(streams.loc[stoves & (streams["stream"] != STOVES), "plant"])
    common = windows[of_small | ~furnaces["plant"].isin(is_split)]
    common = common.groupby([furnaces["plant"], pd.Series(STOVES, furnaces.index)]).any()
    known = pd.concat([own, common])
    keys = pd.MultiIndex.from_frame(streams.loc[stoves, ["plant", "stream"]])
    # Stoves without known furnaces may start in any period.
    rows = known.reindex(keys).astype(object).fillna(True).to_numpy(dtype=bool)
    allowed[stoves.to_numpy(bool)] &= rows
    return allowed
