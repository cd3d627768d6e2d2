"""Links and sites of a shared network as tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccs_model.engineering.pipeline import diameter_mm
from ccs_model.plan.decisions import BUILT, Point

LINK_COLUMNS = [
    "link", "kind", "from_node", "to_node", "year", "pipe", "length_km", "diameter_mm", "capacity_ktpa", "flow_ktpa",
    "laid_mn",
]  # fmt: skip
SITE_COLUMNS = [
    "site", "name", "basin", "province", "year", "injected_ktpa", "injection_max_ktpa", "stored_kt", "committed_kt",
    "capacity_kt", "storage_cost_per_t", "n_wells", "wells_ktpa", "invested_mn", "oil_revenue_mn_pa",
]  # fmt: skip


def links_table(point: Point) -> pd.DataFrame:
    """One row a link that is laid or used and period: what lies there by then, and what flows which way.

    `laid_mn` is spent in that period; `diameter_mm` is the inner diameter that the capacity needs in one line.
    """
    problem = point.problem
    network = problem.network
    assert network is not None
    lines = network.lines
    laid_lines = network.laid
    laid = lines[laid_lines]
    links = pd.Index(network.links["link"])
    pipe, added = point.decided["pipe"], point.decided["added_ktpa"]
    spent_by_line = (
        laid["fixed_mn"].to_numpy(float)[:, None] * pipe + laid["slope_mn_per_ktpa"].to_numpy(float)[:, None] * added
    )
    included = laid[["included_ktpa", "largest_ktpa"]].min(axis=1).to_numpy(float)[:, None]
    capacity_by_line = np.cumsum(included * pipe + added, axis=1)
    n_links, n_years = len(links), len(problem.years)
    spent, capacity = np.zeros((n_links, n_years)), np.zeros((n_links, n_years))
    at = links.get_indexer(laid["link"])
    np.add.at(spent, at, spent_by_line)
    # Trends include nothing, so that what is carried is what was laid for.
    np.add.at(capacity, at, capacity_by_line)
    free = lines[~laid_lines]
    np.add.at(capacity, links.get_indexer(free["link"]), free["free_ktpa"].to_numpy(float)[:, None])
    flow = point.decided["forth_ktpa"] - point.decided["back_ktpa"]
    there = np.cumsum(spent, axis=1) > BUILT
    used = there | (np.abs(flow) > BUILT)
    names = _names_of_sizes(laid, pipe, free, problem.years)
    rows = []
    for k, y in np.argwhere(used):
        link = network.links.iloc[k]
        forth = flow[k, y] >= 0
        capacity_ktpa = float(capacity[k, y])
        rows.append(
            (
                link["link"], link["kind"], link["node_a"] if forth else link["node_b"],
                link["node_b"] if forth else link["node_a"], problem.years[y],
                names.get((link["link"], int(y)), link["kind"]), link["length_km"],
                diameter_mm(capacity_ktpa) if link["kind"] == "pipe" else np.nan,
                capacity_ktpa, abs(float(flow[k, y])), float(spent[k, y]),
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=LINK_COLUMNS)


def _names_of_sizes(
    laid: pd.DataFrame, pipe: np.ndarray, free: pd.DataFrame, years: tuple[int, ...]
) -> dict[tuple[str, int], str]:
    """What lies on each link by each year: `large, small`; an existing pipe and a road by their own names."""
    names: dict[tuple[str, int], str] = {}
    there = np.cumsum(pipe, axis=1) > BUILT
    for line, row in zip(laid.itertuples(), there, strict=True):
        for y in np.flatnonzero(row).tolist():
            key = (str(line.link), y)
            names[key] = f"{names[key]}, {line.pipe}" if key in names else str(line.pipe)
    for line in free.itertuples():
        for y in range(len(years)):
            key = (str(line.link), y)
            names[key] = f"{names[key]}, {line.pipe}" if key in names else str(line.pipe)
    return names


def sites_table(point: Point) -> pd.DataFrame:
    """One row a used site and period: wells, injected, stored by the period's end, committed after the horizon."""
    problem = point.problem
    stores = problem.stores
    assert stores is not None
    sites = pd.Index(problem.sites["site"])
    n_years = problem.periods["n_years"].to_numpy(float)
    injected = np.zeros((len(sites), len(problem.years)))
    np.add.at(injected, sites.get_indexer(stores["site"]), point.decided["injected_ktpa"])
    opened = np.cumsum(point.decided["opened"], axis=1)
    wells = np.cumsum(point.decided["wells"], axis=1)
    stored = np.cumsum(injected * n_years, axis=1)
    tail = point.tail_kt.get("tail_stored_kt", {})
    rows = []
    for k, site in enumerate(problem.sites.itertuples()):
        if opened[k, -1] <= BUILT and injected[k].max() <= BUILT:
            continue
        for y, year in enumerate(problem.years):
            invested = (
                site.site_capex_mn * point.decided["opened"][k, y] + site.well_capex_mn * point.decided["wells"][k, y]
            )
            rows.append(
                (
                    site.site, site.name, site.basin, site.province, year, injected[k, y],
                    site.injection_max_ktpa * problem.delivered_share,
                    stored[k, y], tail.get(site.site, 0.0), site.capacity_kt * problem.fill_share_max,
                    site.storage_cost_per_t, wells[k, y],
                    wells[k, y] * site.well_injectivity_ktpa * problem.delivered_share, invested,
                    site.eor_revenue_per_t * point.decided["paid_for_oil_ktpa"][k, y] / 1000.0,
                )
            )  # fmt: skip
    return pd.DataFrame(rows, columns=SITE_COLUMNS)
