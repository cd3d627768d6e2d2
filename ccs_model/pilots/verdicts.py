"""What a fit is worth, in words: what the pilots say nothing of, what lies at a bound, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ccs_model.pilots.estimate import Prior, Sample
from ccs_model.pilots.observations import Observation
from ccs_model.pilots.sampling import effective_points, mean

Floats = npt.NDArray[np.float64]

FARTHEST_Z = 2.0
LEAST_EFFECTIVE_POINTS = 100.0
LEAST_CONTRACTION = 0.1
# Near a bound: within this part of the range; "at bound" with more than this share of the weight there.
NEAR_BOUND, MASS_AT_BOUND = 0.02, 0.2

NOT_INFORMED, AT_BOUND, INFORMED = "not informed by the pilots", "at bound", "informed"
CONSISTENT, OUTSIDE = "consistent", "outside its band"


def verdict_of(values: Floats, weights: Floats, prior: Prior, contraction: float) -> str:
    """What may be said of one parameter after the fit."""
    margin = NEAR_BOUND * (prior.high - prior.low)
    share = weights / weights.sum()
    for near in (values <= prior.low + margin, values >= prior.high - margin):
        if float(share[near].sum()) > MASS_AT_BOUND:
            return AT_BOUND
    return NOT_INFORMED if contraction < LEAST_CONTRACTION else INFORMED


def conflicts_of(sample: Sample, rows: Sequence[Observation], weights: Floats) -> list[str]:
    """Why the fit must be refused: rows that the priors do not reach, or too few points that carry the weight."""
    before = np.exp(sample.log_start - sample.log_start.max())
    found = []
    for row in rows:
        if row.id == sample.drawn_from:
            continue
        predicted = sample.predicted(row)
        z = row.z(predicted, before)
        if abs(z) > FARTHEST_Z:
            expected = mean(predicted, before)
            left = row.value - mean(predicted, weights)
            found.append(
                f"{row.id}: reported {row.value:g}, but {expected:.3g} is what the priors predict (z = {z:.1f}); "
                f"after the fit {left:.3g} of it stays unexplained"
            )
    points = effective_points(weights)
    if points < LEAST_EFFECTIVE_POINTS:
        found.append(f"only {points:.0f} points carry the weight, fewer than {LEAST_EFFECTIVE_POINTS:.0f}")
    return found
