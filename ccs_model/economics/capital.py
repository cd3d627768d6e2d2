"""Capital cost of capture units and of pipes: overnight, in the scenario's money.

Basis for Chinese works: built projects' total overnight cost per t/y. They show no economy of scale between the
smallest and the largest train built, so a train's unit cost is flat there; a smaller train costs more by the scale
exponent; several trains save nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]


def concentration_factor(
    co2_share: npt.ArrayLike,
    reference_share: npt.ArrayLike,
    *,
    scaled_share: float,
    law_reference_share: float,
    exponent: float,
) -> Floats:
    """Cost at a CO₂ share by volume over the cost at `reference_share`: part of a unit scales with CO₂, part with gas.

    capex(x) ∝ scaled + (1 − scaled) (law reference ÷ x)^exponent.
    """

    def law(share: npt.ArrayLike) -> Floats:
        gas = (law_reference_share / np.asarray(share, dtype=float)) ** exponent
        return scaled_share + (1.0 - scaled_share) * gas

    return law(co2_share) / law(reference_share)


def small_train_factor(
    train_ktpa: npt.ArrayLike, smallest_train_ktpa: npt.ArrayLike, exponent: npt.ArrayLike
) -> Floats:
    """Unit cost of a train over that of the smallest built: (Q ÷ smallest)^(n − 1) below it, 1 from there on."""
    ratio = np.minimum(np.asarray(train_ktpa, dtype=float) / np.asarray(smallest_train_ktpa, dtype=float), 1.0)
    return ratio ** (np.asarray(exponent, dtype=float) - 1.0)


def pipe_cost(flow_tph: npt.ArrayLike, pipes: pd.DataFrame) -> tuple[Floats, npt.NDArray[np.int64], Floats]:
    """Cheapest pipe for each flow: (capex per m, row of `pipes`, number of parallel lines).

    `pipes` holds capex_per_tph_m already in the scenario's money. A class may be bought for less than its smallest
    flow at the price of that smallest flow, so cost never falls with flow; above the largest class lines are laid side
    by side.
    """
    flow = np.asarray(flow_tph, dtype=float)
    largest = float(pipes["largest_tph"].max())
    n_lines = np.maximum(np.ceil(flow / largest - 1e-9), 1.0)
    each = flow / n_lines
    cost = np.maximum(each[:, None], pipes["smallest_tph"].to_numpy()) * pipes["capex_per_tph_m"].to_numpy()
    cost = np.where(each[:, None] <= pipes["largest_tph"].to_numpy() + 1e-9, cost, np.inf)
    chosen = np.argmin(cost, axis=1)
    return cost[np.arange(len(flow)), chosen] * n_lines, chosen.astype(np.int64), n_lines
