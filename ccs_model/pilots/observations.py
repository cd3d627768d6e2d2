"""What a preset says was observed: rows of pilots/observations by id, and how likely each makes a prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.errors import Fault, InputError
from ccs_model.inputs import Inputs
from ccs_model.inputs.pilot_checks import parts
from ccs_model.pilots.sampling import log_normal_below, log_normal_between, mean

Floats = npt.NDArray[np.float64]

REPORTED, LITERAL, INSTALLED = "pilot-reported", "pilot-literal", "pilot-installed"
# Rows from which a parameter is drawn instead of weighing its draws.
DRAWN_FROM = "lognormal"


@dataclass(frozen=True)
class Observation:
    """One row; `sigma` is no less than its grade allows where it is of a share."""

    id: str
    zones: tuple[str, ...]
    quantity: str
    kind: str
    value: float
    low: float
    high: float
    sigma: float
    grade: str

    def log_likelihood(self, predicted: Floats) -> Floats:
        """[point] logarithm of how likely the row is, given what the model predicts; constants are left out."""
        if self.kind == "lognormal":
            with np.errstate(divide="ignore"):
                return np.maximum(-0.5 * ((np.log(self.value) - np.log(predicted)) / self.sigma) ** 2, -1e300)
        if self.kind == "upper":
            return log_normal_below((self.value - predicted) / self.sigma)
        if self.kind == "lower":
            return log_normal_below((predicted - self.value) / self.sigma)
        if self.kind == "interval":
            return log_normal_between((self.low - predicted) / self.sigma, (self.high - predicted) / self.sigma)
        return -0.5 * ((self.value - predicted) / self.sigma) ** 2

    def z(self, predicted: Floats, weights: Floats) -> float:
        """How far the row lies from what `weights` predict, in standard deviations of both together.

        A bound is far from predictions beyond it alone, an interval from those outside it.
        """
        at = np.log(np.maximum(predicted, 1e-300)) if self.kind == "lognormal" else predicted
        middle = mean(at, weights)
        spread = float(np.sqrt(mean((at - middle) ** 2, weights) + self.sigma**2))
        if self.kind == "interval":
            return (min(max(middle, self.low), self.high) - middle) / spread
        told = float(np.log(self.value)) if self.kind == "lognormal" else self.value
        z = (told - middle) / spread
        return min(z, 0.0) if self.kind == "upper" else max(z, 0.0) if self.kind == "lower" else z


def presets(inputs: Inputs) -> list[str]:
    """Names of the presets, in the order of the table."""
    return list(dict.fromkeys(inputs["pilots/presets"]["preset"]))


def observations_of(inputs: Inputs, preset: str) -> tuple[Observation, ...]:
    """The preset's rows, sorted by id. Raises InputError for a preset that is not in the table."""
    known = inputs["pilots/presets"]
    wanted = set(known.loc[known["preset"] == preset, "id"])
    if not wanted:
        raise InputError([Fault("preset", f"'{preset}' is not in pilots/presets", ", ".join(presets(inputs)))])
    table = inputs["pilots/observations"]
    factors = inputs["pilots/factors"].set_index("factor")["value"]
    rows = table[table["id"].isin(wanted)].sort_values("id", kind="stable")
    return tuple(_observation(row, factors) for _, row in rows.iterrows())


def _observation(row: pd.Series, factors: pd.Series) -> Observation:
    least = f"least_sigma_{str(row['grade']).lower()}_share"
    floor = float(factors.get(least, 0.0)) if row["quantity"] == "cut_share" else 0.0
    return Observation(
        str(row["id"]),
        tuple(sorted(parts(row["zone"]))),
        str(row["quantity"]),
        str(row["kind"]),
        float(row["value"]),
        float(row["low"]),
        float(row["high"]),
        max(float(row["sigma"]), floor),
        str(row["grade"]),
    )
