"""What is laid once and for all, as the solver's searches know it: pipes and sites, and the ways to fit a stream."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ccs_model.problem import Problem
from ccs_model.solver import Matrix
from ccs_model.solver.fixed_charge import FixedCharges

MONEY = ("spending_within_budget", "spending_within_ceiling", "spending_within_province_budget")
_CHOICE = "one_retrofit_per_stream"

Ints = npt.NDArray[np.int64]


def charges_of(problem: Problem, matrix: Matrix) -> FixedCharges:
    """Pipes and sites as fixed charges; sizes of a link and vintages of a site exclude each other."""
    assert problem.network is not None
    lines = problem.network.lines.set_index("line")
    link_at = {link: k for k, link in enumerate(problem.network.links["link"])}
    pipes, opened = matrix.columns_of("pipe"), matrix.columns_of("opened")
    named = [matrix.columns[j].index for j in pipes]
    year_at = {year: y for y, year in enumerate(problem.years)}
    link = np.array([link_at[lines.at[line, "link"]] for line, _ in named], dtype=np.int64)
    year = np.array([year_at[y] for _, y in named], dtype=np.int64)
    size = np.array([lines.at[line, "largest_ktpa"] for line, _ in named], dtype=float)
    sites = {site: k for k, site in enumerate(problem.sites["site"])}
    at_site = [matrix.columns[j].index for j in opened]
    site = np.array([sites[s] for s, _ in at_site], dtype=np.int64) + len(link_at)
    site_year = np.array([year_at[y] for _, y in at_site], dtype=float)
    n_years = len(problem.years)
    return FixedCharges(
        columns=np.r_[pipes, opened],
        family=np.r_[link, site],
        exclusive=np.r_[link * n_years + year, site * n_years],
        # The largest size; of a site's vintages the first.
        rank=np.r_[size, -site_year],
        money_rows=np.concatenate([matrix.rows_of(claim) for claim in MONEY]),
        choice=_choices(matrix),
    )


def _choices(matrix: Matrix) -> Ints:
    """[column] the stream whose retrofit it is, as a number, or −1."""
    rows = matrix.rows.tocsr()[matrix.rows_of(_CHOICE)].tocoo()
    choice = np.full(len(matrix.lower), -1, dtype=np.int64)
    choice[rows.col] = rows.row
    return choice
