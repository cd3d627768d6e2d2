"""Generated models with any number of plants: one choice per plant, 161 coupling rows, five entries per column.

A column is an option of a plant and the period in which it starts. It has entries in five rows: the choice of its
plant, the budget of its period, the budget of its province, the new injection at its site in that period, and the
capacity of its site. All numbers are drawn at random from a seed; they describe no real plant.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from ccs_model.mip import Matrix
from ccs_model.mip.matrix import Column

N_SITES, N_PROVINCES = 20, 15
# Sigma of the log-normal sizes. With LUMPY, some plants are too large for most budget and site rows.
SMOOTH, LUMPY = 0.8, 1.2
_PERIOD_YEARS = 5


def generate_model(
    n_plants: int, n_options: int = 4, n_periods: int = 6, *, seed: int = 0, spread: float = LUMPY
) -> Matrix:
    """Generate a model that maximises abatement in kt; budgets are in million, sites in kt, all columns integer."""
    rng = np.random.default_rng(seed)
    per_plant = n_options * n_periods
    size_ktpa = rng.lognormal(np.log(800.0), spread, n_plants).clip(50.0, 20_000.0)
    site = rng.integers(0, N_SITES, n_plants)
    province = rng.integers(0, N_PROVINCES, n_plants)
    # Options are technologies in two sizes; more expensive ones avoid a larger share of the captured CO₂.
    share = np.resize([1.0, 0.5], n_options)
    avoided_share = np.linspace(0.65, 0.9, n_options) * rng.uniform(0.75, 1.05, (n_plants, n_options))
    cost_factor = rng.uniform(0.8, 1.25, (n_plants, n_options)) * np.linspace(0.85, 1.2, n_options)
    captured = size_ktpa[:, None] * share * rng.uniform(0.85, 0.95, (n_plants, n_options))
    capex = 0.9 * cost_factor * captured**0.95 * rng.uniform(0.7, 1.5, n_plants)[:, None]
    periods = np.arange(n_periods)
    years = _PERIOD_YEARS * (n_periods - periods)
    profit = (captured * avoided_share)[:, :, None] * years
    cost = capex[:, :, None] * 0.97 ** (_PERIOD_YEARS * periods)
    flow = np.broadcast_to(captured[:, :, None], profit.shape)
    stored = captured[:, :, None] * years
    plant = np.repeat(np.arange(n_plants), per_plant)
    period = np.tile(periods, n_plants * n_options)
    budget_row = n_plants + period
    province_row = n_plants + n_periods + province[plant]
    flow_row = n_plants + n_periods + N_PROVINCES + site[plant] * n_periods + period
    store_row = n_plants + n_periods + N_PROVINCES + N_SITES * n_periods + site[plant]
    n_columns, n_rows = n_plants * per_plant, n_plants + n_periods + N_PROVINCES + N_SITES * (n_periods + 1)
    row_index = np.stack([plant, budget_row, province_row, flow_row, store_row], axis=1).astype(np.int32)
    values = np.stack([np.ones(n_columns), cost.ravel(), cost.ravel(), flow.ravel(), stored.ravel()], axis=1)
    rows = sparse.csc_array(
        (values.ravel(), row_index.ravel(), np.arange(0, 5 * n_columns + 1, 5, dtype=np.int32)),
        shape=(n_rows, n_columns),
    )
    total_capex = capex[:, 0].sum()
    capex_by_province = np.bincount(province, weights=capex[:, 0], minlength=N_PROVINCES)
    captured_by_site = np.bincount(site, weights=captured[:, 0], minlength=N_SITES)
    upper = np.r_[
        np.ones(n_plants),
        np.full(n_periods, 0.25 * total_capex / n_periods),
        capex_by_province * rng.uniform(0.15, 0.5, N_PROVINCES),
        np.repeat(captured_by_site * rng.uniform(0.3, 0.9, N_SITES) / n_periods, n_periods),
        captured_by_site * rng.uniform(0.2, 1.0, N_SITES) * _PERIOD_YEARS * n_periods / 2,
    ]
    return Matrix(
        rows=rows,
        row_lower=np.full(n_rows, -np.inf),
        row_upper=upper,
        lower=np.zeros(n_columns),
        upper=np.ones(n_columns),
        is_integer=np.ones(n_columns, dtype=bool),
        costs=profit.reshape(1, -1),
        maximise=(True,),
        row_constraints=(("row", None),) * n_rows,
        columns=(Column("build", None),) * n_columns,
    )
