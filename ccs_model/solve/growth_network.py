"""The shared network of a problem as tree growth needs it: costs of pipes and sites, options, limits of the budget.

Tree growth maximises what fits into a budget or what an objective in money gains over several periods, and reaches
every target. It is left out for tonnes without a budget or targets. Trucks do not count: the linear program that
completes a solution uses them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.mip import Matrix
from ccs_model.mip.growing_network import GrowthNetwork
from ccs_model.mip.matrix import mask_at
from ccs_model.model.names import (
    ADDED_CAPACITY,
    BALANCE,
    BUDGET,
    BUILD,
    COMMITTED,
    CREDITED,
    CUMULATIVE_BUDGET,
    CUMULATIVE_TARGET,
    CURTAILED,
    FUND_CEILING,
    FUND_SHARE,
    INJECTED,
    MINIMUM_LOAD,
    MINIMUM_SHARE,
    OBLIGATION_BALANCE,
    ONE_RETROFIT,
    OPENED,
    PAID,
    PAID_FOR_OIL,
    PEAK_BALANCE,
    PIPE,
    PIPE_FLOW,
    PROVINCE_BUDGET,
    REQUIRED_PLANT,
    SITE_CAPACITY,
    SPEND,
    TARGET,
    WELLS,
)
from ccs_model.problem import Problem
from ccs_model.problem.owner_accounts import most_capital
from ccs_model.solve.fixed_charge_network import choices_of


def growth_network_of(
    problem: Problem, matrix: Matrix, *, to_targets: bool = False, without: Collection[str] = ()
) -> GrowthNetwork | None:
    """Return the network, or None where tree growth does not apply.

    Parameters
    ----------
    problem, matrix
        The problem and its model.
    to_targets
        Growth ends when the abatement targets are reached, and an option is worth what it contributes to them.
    without
        Names of constraints that do not count.
    """
    network = problem.network
    if network is None:
        return None
    rows = sparse.csr_array(matrix.rows)
    goal = _Goal.towards_targets(problem, matrix, rows) if to_targets else _Goal.of_objective(problem, matrix, rows)
    if goal is None:
        return None
    money = goal.money
    # Periods with a network, also those in which no retrofit may start.
    of_periods = {matrix.columns[j].index[1] for j in matrix.columns_of(BUILD, PIPE_FLOW)}
    years = {year: p for p, year in enumerate(sorted(of_periods))}
    nodes = {node: k for k, node in enumerate(network.nodes["node"])}
    pipelines = network.links[network.links["kind"] != "truck"]
    links = {link: k for k, link in enumerate(pipelines["link"])}
    columns = {(column.variable, column.index): j for j, column in enumerate(matrix.columns)}
    n_years, n_links = len(years), len(links)

    lines = network.lines[network.built]
    size = lines.groupby("link").cumcount().to_numpy(int)
    at = np.array([links[link] for link in lines["link"]], dtype=np.int64)
    shape = n_links, int(size.max(initial=0)) + 1
    nameplate = problem.delivered_share
    included, largest = np.zeros(shape), np.zeros(shape)
    included[at, size] = lines[["included_ktpa", "largest_ktpa"]].min(axis=1) * nameplate
    largest[at, size] = lines["largest_ktpa"] * nameplate
    pipe = np.full((n_years, *shape), -1)
    fixed, slope = np.full(pipe.shape, np.inf), np.zeros(pipe.shape)
    for line, k, d in zip(lines["line"], at, size, strict=True):
        for year, p in years.items():
            j, added = columns.get((PIPE, (line, year))), columns.get((ADDED_CAPACITY, (line, year)))
            if j is not None:
                pipe[p, k, d], fixed[p, k, d] = j, money[j]
                slope[p, k, d] = 0.0 if added is None else money[added] / nameplate
    sites = [site for site in problem.sites["site"] if (OPENED, (site, next(iter(years), None))) in columns]
    if not sites:
        return None
    opened = np.array([[columns[OPENED, (site, year)] for site in sites] for year in years], dtype=np.int64)
    wells = np.array([[columns[WELLS, (site, year)] for site in sites] for year in years], dtype=np.int64)
    about = problem.sites.set_index("site").loc[sites]
    room, weight = _site_capacities(problem, matrix, rows, sites, years)
    contributions = rows[goal.targets].toarray()
    counts = (goal.worth > 0) | (contributions > 0).any(axis=0)
    options = _Options(problem, matrix, rows, nodes, years, counts)
    charge = np.zeros((2, len(years)))
    if goal.is_priced:
        charge[:] = [_charge(of, money, goal.gains) for of in (pipe.reshape(n_years, -1), np.hstack([opened, wells]))]
    if not len(options.column):
        return None
    packing, packing_limit = _packing(matrix, rows, options.column, without)
    areas = _areas(matrix, rows, options.column, pipe, opened, is_limited=PROVINCE_BUDGET not in without)
    degrees = network.nodes[["lat_deg", "lon_deg"]].to_numpy(float)
    narrower = np.cos(np.radians(degrees[:, 0].mean()))
    return GrowthNetwork(
        start=np.array([nodes[node] for node in pipelines["node_a"]], dtype=np.int64),
        end=np.array([nodes[node] for node in pipelines["node_b"]], dtype=np.int64),
        fixed=fixed,
        slope=slope,
        included=included,
        largest=largest,
        free=pipelines["existing_ktpa"].to_numpy(float) * nameplate,
        pipe=pipe,
        site_node=np.array([nodes[site] for site in sites], dtype=np.int64),
        opening=money[opened],
        well=money[wells],
        may_be_open=np.maximum.accumulate(matrix.upper[opened], axis=0) > 0,
        opened=opened,
        wells=wells,
        rate=about["well_injectivity_ktpa"].to_numpy(float) * problem.delivered_share,
        most_wells=matrix.upper[wells].max(axis=0, initial=0.0),
        room=room,
        weight=weight,
        column=options.column,
        period=options.period,
        choice=options.choice,
        node=options.node,
        value=goal.worth[options.column],
        cost=money[options.column],
        price=-goal.gains[options.column],
        flow=options.flow,
        packing=packing,
        packing_limit=packing_limit,
        required=_required_streams(matrix, rows, options, without),
        targets=contributions[:, options.column],
        target_limits=matrix.row_lower[goal.targets],
        deducted=_deductions(problem, matrix, goal.targets, links, years),
        ends_at_targets=to_targets,
        limits=_limits(problem, matrix, years, without),
        area_limits=areas["area_limits"],
        area_options=areas["area_options"],
        area_links=areas["area_links"],
        area_sites=areas["area_sites"],
        positions=degrees * np.array([1.0, narrower]),
        charge=charge[0],
        charge_at_sites=charge[1],
    )


@dataclass(frozen=True)
class _Goal:
    """What growth maximises and what limits it.

    `worth` is what each column adds to the goal, `gains` what it adds to the objective, and `money` what it costs;
    `targets` are the rows to be reached, those of the first years first. With `is_priced`, pipes and sites count
    against the objective.
    """

    worth: Floats
    gains: Floats
    money: Floats
    targets: Ints
    is_priced: bool = False

    @classmethod
    def towards_targets(cls, problem: Problem, matrix: Matrix, rows: sparse.csr_array) -> _Goal | None:
        """Growth until all targets are reached; None without one."""
        targets = _targets(problem, matrix)
        if not len(targets):
            return None
        worth = np.asarray((rows[targets] / matrix.row_lower[targets][:, None]).sum(axis=0)).ravel()
        return cls(worth, _gains(matrix), _money(matrix, rows, _gains(matrix)), targets)

    @classmethod
    def of_objective(cls, problem: Problem, matrix: Matrix, rows: sparse.csr_array) -> _Goal | None:
        """Growth for the objective of the problem; None where it does not apply."""
        gains, targets = _gains(matrix), _targets(problem, matrix)
        if problem.objective == "max_abatement":
            has_budget = len(matrix.rows_of(BUDGET)) > 0
            return cls(gains, gains, _money(matrix, rows, gains), targets) if has_budget else None
        # One period does not need a first plan to choose its links.
        if len(problem.years) == 1 or len(matrix.rows_of(MINIMUM_SHARE)):
            return None
        # A province's budget without one in all would mix two kinds of money within a period.
        if len(matrix.rows_of(PROVINCE_BUDGET)) and not len(matrix.rows_of(BUDGET)):
            return None
        # Revenue that is limited by rows of its own is not that of an option, and does not count towards targets.
        limited = (gains[matrix.columns_of(CREDITED, PAID, PAID_FOR_OIL)] > 0).any()
        for_targets = problem.objective == "min_cost" and len(targets) > 0
        if limited and not for_targets:
            return None
        gains = _gains_with_funds(matrix, gains)
        worth = gains if for_targets else _gains_with_curtailment(matrix, gains)
        money = _money(matrix, rows, gains)
        if not len(matrix.rows_of(BUDGET)):
            for i in matrix.rows_of(CUMULATIVE_BUDGET):
                columns, amounts = matrix.entries(i)
                money[columns] = amounts
        pays = (worth[matrix.columns_of(BUILD)] > 0).any()
        return cls(worth, gains, money, targets, is_priced=True) if pays or len(targets) else None


def _targets(problem: Problem, matrix: Matrix) -> Ints:
    """Rows of the abatement targets above 0, by year; those over the horizon are last."""
    targets = matrix.rows_of(TARGET, CUMULATIVE_TARGET)
    targets = targets[matrix.row_lower[targets] > 0]
    year_of = {target.key: target.year or np.inf for target in problem.targets}
    return targets[np.argsort([year_of[matrix.row_constraints[i][1]] for i in targets], kind="stable")]


def _gains(matrix: Matrix) -> Floats:
    """[column] what it adds to the objective, maximised."""
    gains: Floats = matrix.costs[0] if matrix.maximise[0] else -matrix.costs[0]
    return gains


def _money(matrix: Matrix, rows: sparse.csr_array, gains: Floats) -> Floats:
    """What each column takes of the budget; without one, costs of the objective guide the growth and limit nothing."""
    budget = matrix.rows_of(BUDGET)
    money: Floats = rows[[int(budget[0])]].toarray().ravel() if len(budget) else np.maximum(-gains, 0.0)
    return money


def _gains_with_curtailment(matrix: Matrix, gains: Floats) -> Floats:
    """What each column adds to the objective where a retrofit captures only when that pays."""
    worth = gains.copy()
    is_build, is_curtailed = matrix.is_of(BUILD), matrix.is_of(CURTAILED)
    for i in matrix.rows_of(MINIMUM_LOAD):
        columns, amounts = matrix.entries(i)
        gain = float(gains[columns[is_curtailed[columns]]].max(initial=0.0))
        if gain > 0:
            builds = is_build[columns]
            worth[columns[builds]] += gain * np.abs(amounts[builds])
    return worth


def _gains_with_funds(matrix: Matrix, gains: Floats) -> Floats:
    """What each column adds to the objective where funds without a ceiling pay their largest share of its capital."""
    is_spend = matrix.is_of(SPEND)
    limited = {int(j) for i in matrix.rows_of(FUND_CEILING) for j in matrix.entries(i)[0]}
    of_fund = {matrix.columns[j].index: int(j) for j in matrix.columns_of(SPEND)}
    added = gains.copy()
    for i in matrix.rows_of(FUND_SHARE):
        own = of_fund[matrix.row_constraints[i][1]]
        if gains[own] > 0 and own not in limited:
            columns, amounts = matrix.entries(i)
            paid = ~is_spend[columns]
            added[columns[paid]] += gains[own] * np.abs(amounts[paid])
    return added


def _charge(columns: Ints, money: Floats, gains: Floats) -> Floats:
    """[p] what money for some columns [p, …] takes from the objective."""
    charge = np.zeros(len(columns))
    for p, each in enumerate(columns):
        paid = each[(each >= 0) & (money[each] > 0)]
        charge[p] = np.median(-gains[paid] / money[paid]) if len(paid) else 0.0
    return np.maximum(charge, 0.0)


class _Options:
    """Columns of retrofits that earn a value or count for a target, and send CO₂ to a node."""

    def __init__(
        self, problem: Problem, matrix: Matrix, rows: sparse.csr_array, nodes: dict[object, int],
        years: dict[int, int], counts: Mask,
    ) -> None:  # fmt: skip
        build = matrix.columns_of(BUILD)
        n_years = len(years)
        flow, node = np.zeros((len(matrix.lower), n_years)), np.full(len(matrix.lower), -1)
        is_build = matrix.is_of(BUILD)
        for i in matrix.rows_of(BALANCE):
            name, year = matrix.row_constraints[i][1]
            column, amount = matrix.entries(i)
            mine = is_build[column]
            flow[column[mine], years[year]] = np.abs(amount[mine])
            node[column[mine]] = nodes[name]
        for i in matrix.rows_of(PEAK_BALANCE):
            column, amount = matrix.entries(i)
            mine = is_build[column]
            flow[column[mine], years[matrix.row_constraints[i][1][1]]] += np.abs(amount[mine])
        for i in matrix.rows_of(OBLIGATION_BALANCE):
            # Capacity of the last period also serves the time after the horizon.
            column, amount = matrix.entries(i)
            mine = is_build[column]
            after = np.abs(amount[mine]) / problem.obligation_yr
            flow[column[mine], -1] = np.maximum(flow[column[mine], -1], after)
        choice = choices_of(matrix)
        required = np.isin(build, rows[matrix.rows_of(REQUIRED_PLANT, COMMITTED)].indices)
        kept = build[
            (counts[build] | required) & (flow[build].max(axis=1, initial=0.0) > 0) & (choice[build] >= 0)
            & (matrix.upper[build] > 0)
        ]  # fmt: skip
        self.column: Ints = kept
        self.flow: Floats = flow[kept]
        self.node: Ints = node[kept]
        self.choice: Ints = choice[kept]
        self.period: Ints = np.array([years[matrix.columns[j].index[1]] for j in kept], dtype=np.int64)


def _packing(
    matrix: Matrix, rows: sparse.csr_array, options: Ints, without: Collection[str]
) -> tuple[sparse.csc_array, Floats]:
    """Rows Σ coefficient × option ≤ limit, with coefficients of options alone and none below 0."""
    is_build = matrix.is_of(BUILD)
    entries = rows.tocoo()
    other = np.array([name in without for name, _ in matrix.row_constraints], dtype=bool)
    other[entries.row[~is_build[entries.col] | (entries.data < 0)]] = True
    filled = np.diff(rows.indptr) > 0
    streams = mask_at(rows.shape[0], matrix.rows_of(ONE_RETROFIT))
    kept = np.flatnonzero(~other & filled & ~streams & np.isfinite(matrix.row_upper))
    return sparse.csc_array(rows[kept][:, options]), matrix.row_upper[kept]


def _required_streams(
    matrix: Matrix, rows: sparse.csr_array, options: _Options, without: Collection[str]
) -> tuple[Ints, ...]:
    """The streams of each required plant and committed retrofit."""
    stream = dict(zip(options.column.tolist(), options.choice.tolist(), strict=True))
    names = [name for name in (REQUIRED_PLANT, COMMITTED) if name not in without]
    required = rows[matrix.rows_of(*names)].tolil().rows
    return tuple(np.array(sorted({stream[j] for j in each if j in stream}), dtype=np.int64) for each in required)


def _deductions(
    problem: Problem, matrix: Matrix, targets: Ints, links: dict[object, int], years: dict[int, int]
) -> Floats:
    """[target, p, link] what a unit of flow takes from a target."""
    assert problem.network is not None
    link_of = dict(zip(problem.network.lines["line"], problem.network.lines["link"], strict=True))
    deducted = np.zeros((len(targets), len(years), len(links)))
    for k, row in enumerate(targets):
        for j, amount in matrix.terms(int(row)).items():
            if matrix.columns[j].variable == PIPE_FLOW:
                line, year = matrix.columns[j].index
                if (at := links.get(link_of[line])) is not None:
                    deducted[k, years[year], at] = max(deducted[k, years[year], at], -amount)
    return deducted


def _site_capacities(
    problem: Problem, matrix: Matrix, rows: sparse.csr_array, sites: list[str], years: dict[int, int]
) -> tuple[Floats, Floats]:
    """[site] capacity, and [p, site] what a flow takes of it, the time after the horizon included in the last p."""
    at = {site: k for k, site in enumerate(sites)}
    room, weight = np.full(len(sites), np.inf), np.zeros((len(years), len(sites)))
    for i in matrix.rows_of(SITE_CAPACITY):
        k = at[matrix.row_constraints[i][1]]
        room[k] = matrix.row_upper[i]
        for j, value in matrix.terms(i).items():
            if matrix.columns[j].variable == INJECTED:
                weight[years[matrix.columns[j].index[1]], k] = value
    weight[-1] += problem.obligation_yr
    return room, weight


def _areas(
    matrix: Matrix, rows: sparse.csr_array, options: Ints, pipe: Ints, opened: Ints, *, is_limited: bool
) -> dict[str, Floats]:
    """Budgets of provinces: limits, costs of options, and which links and sites count."""
    limits = matrix.rows_of(PROVINCE_BUDGET) if is_limited else np.zeros(0, dtype=np.int64)
    money = rows[limits].toarray()
    # The largest coefficient of a column of each link and site; −1 stands for no column.
    with_none = np.hstack([money, np.zeros((len(limits), 1))])
    return {
        "area_limits": matrix.row_upper[limits],
        "area_options": money[:, options],
        "area_links": (with_none[:, pipe].max(axis=(1, 3), initial=0.0) > 0).astype(float),
        "area_sites": (with_none[:, opened].max(axis=1, initial=0.0) > 0).astype(float),
    }


def _limits(problem: Problem, matrix: Matrix, years: dict[int, int], without: Collection[str]) -> Floats:
    """[p] money that may be spent until the end of the period, grants that are open to every asset included."""
    limits = np.full(len(years), np.inf)
    grants = _grants(problem, matrix)
    for i in matrix.rows_of(*(name for name in (BUDGET, CUMULATIVE_BUDGET) if name not in without)):
        spent = [years[matrix.columns[j].index[1]] for j in matrix.terms(i) if matrix.columns[j].variable == PIPE]
        if spent:
            limits[max(spent)] = min(limits[max(spent)], most_capital(float(matrix.row_upper[i]), grants))
    # What may be spent until a later period bounds what may be spent until now.
    return np.minimum.accumulate(limits[::-1])[::-1]


def _grants(problem: Problem, matrix: Matrix) -> list[tuple[float, float]]:
    """Ceiling, in the unit of the model, and largest share of capital of each grant that is open to every asset."""
    ceilings = {matrix.row_constraints[i][1]: float(matrix.row_upper[i]) for i in matrix.rows_of(FUND_CEILING)}
    return [
        (ceilings.get(fund.fund, np.inf), float(fund.share_max))
        for fund in problem.accounts.funds.itertuples()
        if fund.kind == "grant" and not fund.sectors and not fund.provinces
    ]
