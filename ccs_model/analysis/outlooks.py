"""What a plan is worth over futures: its mean, and the mean over its tail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ccs_model.model.futures import Outlook


@dataclass(frozen=True)
class Worth:
    """The mean over all futures, over the worst of them, the value where those begin, the worst, and the aim's mix."""

    mean: float
    tail: float
    at_risk: float
    worst: float
    objective: float


def worth_of(values: Sequence[float], outlook: Outlook, sign: float) -> Worth:
    """The worth of one value a future; `sign` is 1 where more is better.

    The tail holds the worst futures up to 1 − cvar_share of probability, the last of them in part.
    """
    value, share = np.asarray(values, dtype=float), np.asarray(outlook.probability_share)
    order = np.argsort(sign * value, kind="stable")
    room = 1.0 - outlook.cvar_share
    before = np.r_[0.0, np.cumsum(share[order])[:-1]]
    taken = np.clip(room - before, 0.0, share[order])
    mean, tail = float(share @ value), float(taken @ value[order] / taken.sum())
    # The last future that the tail takes any of.
    at_risk = float(value[order][np.flatnonzero(taken > 0)[-1]])
    mixed = (1.0 - outlook.weight) * mean + outlook.weight * tail
    return Worth(mean, tail, at_risk, float(value[order][0]), mixed)
