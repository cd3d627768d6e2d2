"""B5: one warm solve of a sweep over budgets, in one solver instance, against one cold solve of the same model.

300 generated plants with four technologies and six periods; 100 budgets from zero to the cost of all of them. Warm and
cold values are compared.
"""

from __future__ import annotations

import time
from statistics import median

import numpy as np
from scipy import sparse

from bench.measurement import Figure, apart, middle, say
from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip.matrix import Column
from ccs_model.mip.parametric import MovingLimit

N_PLANTS, N_OPTIONS, N_YEARS, N_SITES, N_BUDGETS = 300, 4, 6, 20, 100
GOAL = 0.1


def figures(*, quick: bool) -> list[Figure]:
    """The figure as the median over the seeds, each in a separate process."""
    samples = [apart(measured, seed, N_BUDGETS) for seed in range(1 if quick else 5)]
    ratios = [hot / cold for hot, cold, _ in samples]
    worst = max(off for *_, off in samples)
    say(f"B5: values of hot and cold solves differ by at most {worst:.1e}, relative")
    return [
        Figure(
            "B5",
            f"one solve of a {N_BUDGETS}-budget sweep / one cold solve, {N_PLANTS} plants",
            "ratio",
            middle(ratios) if worst <= 1e-9 else None,
            GOAL,
            {"hot_s": median(hot for hot, *_ in samples), "cold_s": median(cold for _, cold, _ in samples)},
            {"ratio": ratios},
        )
    ]


def measured(seed: int, n_budgets: int) -> tuple[float, float, float]:
    """CPU seconds of one warm and one cold solve, and the largest relative difference of their values."""
    matrix = made(seed)
    options = SolverOptions(threads=1)
    budgets = np.linspace(0.0, float(matrix.row_upper[0]), n_budgets + 1)[1:]
    moving = MovingLimit(matrix, 0, options)
    moving.solve_at(float(budgets[-1]))
    began = time.process_time()
    hot = [moving.solve_at(float(budget)) for budget in budgets]
    hot_s = (time.process_time() - began) / n_budgets
    began = time.process_time()
    # Cold solves take similar times, so one in five is measured.
    cold = {k: cold_value(matrix, float(budgets[k]), options) for k in range(0, n_budgets, 5)}
    cold_s = (time.process_time() - began) / len(cold)
    off = max(abs(known.value - value) / max(abs(value), 1.0) for k, value in cold.items() if (known := hot[k]))
    return hot_s, cold_s, off


def cold_value(matrix: Matrix, budget: float, options: SolverOptions) -> float:
    """Value of the model, passed to a new instance and solved cold."""
    highs = Highs.lp_relaxation(matrix, options)
    highs.set_row(0, -np.inf, budget)
    return highs.run(60.0, "cold").objective


def made(seed: int) -> Matrix:
    """A generated LP: one choice per plant; budget, build rate, injection per site and storage couple the plants."""
    chance = np.random.default_rng(seed)
    n = N_PLANTS * N_OPTIONS * N_YEARS
    plant = np.repeat(np.arange(N_PLANTS), N_OPTIONS * N_YEARS)
    year = np.tile(np.arange(N_YEARS), N_PLANTS * N_OPTIONS)
    size = np.repeat(chance.lognormal(6.0, 0.8, N_PLANTS), N_OPTIONS * N_YEARS)
    share = np.tile(np.repeat(np.array([0.25, 0.5, 0.75, 1.0]), N_YEARS), N_PLANTS)
    tonnes = size * share * (2.0 * (N_YEARS - year)) * chance.uniform(0.8, 1.0, n)
    capex = (size * share) ** 0.8 * chance.uniform(1.5, 4.0, n)
    site = np.repeat(chance.integers(0, N_SITES, N_PLANTS), N_OPTIONS * N_YEARS)
    # A retrofit injects from its period to the last one.
    start, running = np.nonzero(year[:, None] <= np.arange(N_YEARS)[None, :])
    of_plant, of_site = 2 + N_YEARS, 2 + N_YEARS + N_PLANTS
    every = np.arange(n)
    rows = [np.zeros(n, dtype=int), 1 + year, np.full(n, 1 + N_YEARS), of_plant + plant]
    rows.append(of_site + site[start] * N_YEARS + running)
    values = [capex, np.ones(n), tonnes, np.ones(n), (size * share)[start]]
    columns = [every, every, every, every, start]
    n_rows = of_site + N_SITES * N_YEARS
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    table = sparse.csc_array(entries, shape=(n_rows, n))
    table.sort_indices()
    upper = np.ones(n_rows)
    upper[0] = capex.sum() / N_OPTIONS / N_YEARS
    upper[1 : 1 + N_YEARS] = N_PLANTS / N_YEARS
    upper[1 + N_YEARS] = 0.5 * tonnes.sum() / N_OPTIONS / N_YEARS
    upper[of_site:] = 0.6 * size.sum() / N_OPTIONS / N_YEARS / N_SITES
    constraints = tuple(("row", k) for k in range(n_rows))
    return Matrix(
        rows=table,
        row_lower=np.full(n_rows, -np.inf),
        row_upper=upper,
        lower=np.zeros(n),
        upper=np.ones(n),
        is_integer=np.zeros(n, dtype=bool),
        costs=tonnes[None, :],
        maximise=(True,),
        row_constraints=constraints,
        columns=tuple(Column("build", k) for k in range(n)),
    )
