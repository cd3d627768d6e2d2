"""Absorbers and compressors that several flue gases of a plant share.

The gases meet before the absorber: CO₂ adds up, volumes add up, so the mixture's share of CO₂ is

    x = Σ CO₂ ÷ Σ (CO₂ ÷ x of each)

A shared unit is one option that occupies all its streams; its stream reads `hot_stoves+power_plant`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import pandas as pd

SHARED = "+"
# Sets of a plant's flue gases that are offered one unit: its largest two, its largest three, all of them.
_LARGEST: Sequence[int | None] = (2, 3, None)


def streams_covered(stream: str) -> list[str]:
    """The streams that an option's `stream` stands for."""
    return stream.split(SHARED)


def is_shared(streams: pd.Series) -> pd.Series:
    """Which rows stand for several streams."""
    return streams.str.contains(SHARED, regex=False)


def covered_rows(options: pd.DataFrame) -> pd.DataFrame:
    """One row an option and stream that it covers: `row` (position of the option), plant and stream."""
    parts = options["stream"].map(streams_covered)
    times = parts.str.len().to_numpy(int)
    return pd.DataFrame(
        {
            "row": np.repeat(np.arange(len(options)), times),
            "plant": np.repeat(options["plant"].to_numpy(object), times),
            "stream": list(chain.from_iterable(parts)),
        }
    )


def shared_streams(streams: pd.DataFrame) -> pd.DataFrame:
    """Mixtures of each plant's flue gases as rows of streams, none where a plant has fewer than two.

    `co2_ktpa` is the sum and `lasting_share` its mean; gases whose share of CO₂ is not known do not mix.
    """
    gases = streams[(streams["grade"] == "flue_gas") & (streams["lasting_share"] > 1e-9) & (streams["co2_share"] > 0)]
    lasting = gases["co2_ktpa"] * gases["lasting_share"]
    gases = gases.assign(lasting_ktpa=lasting, volume=lasting / gases["co2_share"])
    gases = gases.sort_values(["plant", "lasting_ktpa", "stream"], ascending=[True, False, True], kind="stable")
    rank = gases.groupby("plant").cumcount()
    number = gases.groupby("plant")["stream"].transform("size")
    mixtures = []
    for most in _LARGEST:
        # A set that a plant has no more gases for is the set of all of them.
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
