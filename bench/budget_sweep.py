"""B5: one warm solve of a budget sweep, in one solver instance, against one cold solve of the same model.

The LP has 300 generated plants with four technologies and six periods. The 100 budgets run from zero to the cost of all
retrofits. The optima of warm and cold solves are compared.
"""

from __future__ import annotations

import time
from statistics import median

import numpy as np
from scipy import sparse

from bench.measurement import Figure, finite_median, report_progress, run_in_process
from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip.matrix import Column
from ccs_model.mip.parametric import MovingLimit

N_PLANTS, N_OPTIONS, N_PERIODS, N_SITES, N_BUDGETS = 300, 4, 6, 20, 100
GOAL = 0.1


def figures(*, quick: bool) -> list[Figure]:
    """Return B5: the median ratio over the seeds, each measured in a separate process."""
    runs = [run_in_process(measure_sweep, seed, N_BUDGETS) for seed in range(1 if quick else 5)]
    ratios = [warm / cold for warm, cold, _ in runs]
    worst = max(largest_difference for *_, largest_difference in runs)
    report_progress(f"B5: largest relative difference between warm and cold solves: {worst:.1e}")
    return [
        Figure(
            "B5",
            f"one warm solve of a {N_BUDGETS}-budget sweep / one cold solve, {N_PLANTS} plants",
            "ratio",
            finite_median(ratios) if worst <= 1e-9 else None,
            GOAL,
            {"warm_s": median(warm for warm, *_ in runs), "cold_s": median(cold for _, cold, _ in runs)},
            {"ratio": ratios},
        )
    ]


def measure_sweep(seed: int, n_budgets: int) -> tuple[float, float, float]:
    """Return CPU seconds of one warm and one cold solve, and the largest relative difference of their values."""
    matrix = generate_lp(seed)
    options = SolverOptions(threads=1)
    budgets = np.linspace(0.0, float(matrix.row_upper[0]), n_budgets + 1)[1:]
    moving_limit = MovingLimit(matrix, 0, options)
    moving_limit.solve_at(float(budgets[-1]))
    started = time.process_time()
    warm = [moving_limit.solve_at(float(budget)) for budget in budgets]
    warm_s = (time.process_time() - started) / n_budgets
    started = time.process_time()
    # Cold solves take similar times, so only every fifth is measured.
    cold = {k: solve_cold(matrix, float(budgets[k]), options) for k in range(0, n_budgets, 5)}
    cold_s = (time.process_time() - started) / len(cold)
    largest_difference = max(
        abs(warm_point.value - value) / max(abs(value), 1.0) for k, value in cold.items() if (warm_point := warm[k])
    )
    return warm_s, cold_s, largest_difference


def solve_cold(matrix: Matrix, budget: float, options: SolverOptions) -> float:
    """Return the optimum of the model, solved cold in a new solver instance."""
    highs = Highs.lp_relaxation(matrix, options)
    highs.set_row(0, -np.inf, budget)
    return highs.run(60.0, "cold").objective


def generate_lp(seed: int) -> Matrix:
    """Generate an LP with one choice per plant, coupled by budget, build rate, injection per site and storage."""
    rng = np.random.default_rng(seed)
    n = N_PLANTS * N_OPTIONS * N_PERIODS
    plant = np.repeat(np.arange(N_PLANTS), N_OPTIONS * N_PERIODS)
    period = np.tile(np.arange(N_PERIODS), N_PLANTS * N_OPTIONS)
    size = np.repeat(rng.lognormal(6.0, 0.8, N_PLANTS), N_OPTIONS * N_PERIODS)
    share = np.tile(np.repeat(np.array([0.25, 0.5, 0.75, 1.0]), N_PERIODS), N_PLANTS)
    captured_kt = size * share * (2.0 * (N_PERIODS - period)) * rng.uniform(0.8, 1.0, n)
    capex = (size * share) ** 0.8 * rng.uniform(1.5, 4.0, n)
    site = np.repeat(rng.integers(0, N_SITES, N_PLANTS), N_OPTIONS * N_PERIODS)
    # A retrofit injects from the period of its start to the last period.
    start, active_period = np.nonzero(period[:, None] <= np.arange(N_PERIODS)[None, :])
    first_plant_row, first_site_row = 2 + N_PERIODS, 2 + N_PERIODS + N_PLANTS
    all_columns = np.arange(n)
    row_index = [np.zeros(n, dtype=int), 1 + period, np.full(n, 1 + N_PERIODS), first_plant_row + plant]
    row_index.append(first_site_row + site[start] * N_PERIODS + active_period)
    values = [capex, np.ones(n), captured_kt, np.ones(n), (size * share)[start]]
    column_index = [all_columns, all_columns, all_columns, all_columns, start]
    n_rows = first_site_row + N_SITES * N_PERIODS
    entries = (np.concatenate(values), (np.concatenate(row_index), np.concatenate(column_index)))
    rows_matrix = sparse.csc_array(entries, shape=(n_rows, n))
    rows_matrix.sort_indices()
    upper = np.ones(n_rows)
    upper[0] = capex.sum() / N_OPTIONS / N_PERIODS
    upper[1 : 1 + N_PERIODS] = N_PLANTS / N_PERIODS
    upper[1 + N_PERIODS] = 0.5 * captured_kt.sum() / N_OPTIONS / N_PERIODS
    upper[first_site_row:] = 0.6 * size.sum() / N_OPTIONS / N_PERIODS / N_SITES
    constraints = tuple(("row", k) for k in range(n_rows))
    return Matrix(
        rows=rows_matrix,
        row_lower=np.full(n_rows, -np.inf),
        row_upper=upper,
        lower=np.zeros(n),
        upper=np.ones(n),
        is_integer=np.zeros(n, dtype=bool),
        costs=captured_kt[None, :],
        maximise=(True,),
        row_constraints=constraints,
        columns=tuple(Column("build", k) for k in range(n)),
    )
