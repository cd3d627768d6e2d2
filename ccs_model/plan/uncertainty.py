"""`Uncertainty`: how the answer spreads when the inputs do, as tables.

inputs      one row an uncertain input: how it is spread, and its quantiles over the futures
futures     one row a future: the value of every input, and what came of it, planned anew and held
spread      one row a mode and measure: what the plan says, mean, P5, P50, P95 over the futures
tornado     one row a mode, measure and input: means of the measure in the lowest and highest fifth of the input
broken      one row a claim that the held plan breaks in some future, and in which share of them
plants      one row a plant chosen in any future: how often, and whether the plan fits it

Modes: `replanned` is each future's own best plan, known beforehand, with retrofits in parts; `held` is the scenario's
plan, built as it is in every future.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

UNCERTAINTY_SCHEMA = "ccs-model/montecarlo/1"
REPLANNED, HELD = "replanned", "held"
MODES = (REPLANNED, HELD)
# A plant chosen in so many of the futures is fitted without regret.
NO_REGRET_SHARE = 0.9
# What is built of a plant's largest stream from here on counts as chosen.
CHOSEN_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """`about` says what was asked and how it was found."""

    about: Mapping[str, Any]
    inputs: pd.DataFrame
    futures: pd.DataFrame
    spread: pd.DataFrame
    tornado: pd.DataFrame
    broken: pd.DataFrame
    plants: pd.DataFrame

    @property
    def no_regret(self) -> tuple[str, ...]:
        """Plants that nearly every future chooses."""
        return tuple(self.plants.loc[self.plants["is_no_regret"], "plant"])
