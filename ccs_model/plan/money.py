"""All money of a plan by item, id and calendar year, undiscounted.

A `MoneyItem` has million [id, calendar + 1] along the ids of one variable; its last column is the end of the horizon.
Costs are positive. The sum over ids is the programme's account; the split by users gives each plant's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import fsum

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model._typing import Floats, Ints
from ccs_model.model.names import (
    ADDED_CAPACITY,
    BUILD,
    CAPTURED,
    CREDITED,
    INJECTED,
    OPENED,
    PAID,
    PAID_FOR_OIL,
    PIPE,
    PIPE_FLOW,
    SPEND,
    WELLS,
)
from ccs_model.model.terms import STORAGE_YEARLY, capex_mn, fund_groups, payments_by_tonne, salvage_mn, spending_amounts
from ccs_model.plan.cost_sharing import CostSharing, normalise_rows
from ccs_model.plan.decisions import Point, sum_by_name
from ccs_model.problem import Problem


@dataclass(frozen=True, eq=False)
class MoneyItem:
    """One item of money on one variable; `name` ends in _mn and is its cost term."""

    name: str
    variable: str
    amount: Floats


def items_of(point: Point) -> Iterator[MoneyItem]:
    """Yield all money of the cost terms, except shortfalls, which no plant pays."""
    yield from _retrofit_items(point)
    if point.problem.network is not None:
        yield from _network_items(point)
    yield from _salvage(point)
    yield from _policy_payments(point)


def base_costs_per_t(problem: Problem) -> dict[str, float]:
    """Return the cost of the products of other sectors without capture, per t or MWh, by product."""
    table = problem.inputs["streams/source_sectors"]
    table = table[table["base_cost_per_t"].notna()]
    level = problem.price_level
    return dict(zip(table["product"], level.column(table, "base_cost_per_t").astype(float), strict=True))


def period_positions(problem: Problem) -> Ints:
    """Return [calendar] the position of each year's period."""
    return np.asarray(np.searchsorted(problem.years, problem.calendar, side="right") - 1, dtype=np.int64)


def spread_at_start(problem: Problem, amount: Floats) -> Floats:
    """Spread money at the start of each period [id, period] to [id, calendar + 1]."""
    spread = np.zeros((len(amount), len(problem.calendar) + 1))
    spread[:, np.searchsorted(problem.calendar, problem.years)] = amount
    return spread


def spread_yearly(problem: Problem, amount: Floats) -> Floats:
    """Spread yearly money [id, period] or [id, calendar] to [id, calendar + 1]."""
    by_year = amount if amount.shape[1] == len(problem.calendar) else amount[:, period_positions(problem)]
    return np.concatenate([by_year, np.zeros((len(by_year), 1))], axis=1)


def spread_at_end(problem: Problem, amount: Floats) -> Floats:
    """Spread money at the end of the horizon [id] to [id, calendar + 1]."""
    return np.concatenate([np.zeros((len(amount), len(problem.calendar))), amount[:, None]], axis=1)


def budgeted_cost_mn_pa(cost_terms: Mapping[str, float]) -> float:
    """Return the annual cost that the budget of a static year limits: all cost terms but shortfalls; million."""
    return sum(cost_terms.values()) - cost_terms.get("shortfall_mn", 0.0)


def capital_of(point: Point, variable: str, capex: Floats, life_yr: npt.ArrayLike) -> Floats:
    """Return overnight capital when it is spent; in a static year, its yearly share."""
    problem = point.problem
    weight = problem.recovery(life_yr) if problem.is_static else 1.0
    return spread_at_start(problem, (capex * weight)[:, None] * point.decided[variable])


def _retrofit_items(point: Point) -> Iterator[MoneyItem]:
    problem = point.problem
    routes = problem.routes
    for kind, life in (("capture", "life_yr"), ("pipe", "pipe_life_yr")):
        capex = routes[f"{kind}_capex_mn"].to_numpy(float)
        yield MoneyItem(f"{kind}_capex_mn", BUILD, capital_of(point, BUILD, capex, routes[life]))
    for name, column in (("capture_fixed_om_mn", "fixed_om_mn_pa"), ("pipe_fixed_om_mn", "pipe_om_mn_pa")):
        yearly = routes[column].to_numpy(float)[:, None] * point.running
        yield MoneyItem(name, BUILD, spread_yearly(problem, yearly))
    if problem.network is None:
        yield from _own_storage_items(point)
    captured = point.captured_ktpa[:, period_positions(problem)]
    for name, per_t in problem.cost_per_t.items():
        yield MoneyItem(f"{name}_mn", CAPTURED, spread_yearly(problem, captured * per_t / 1000.0))


def _own_storage_items(point: Point) -> Iterator[MoneyItem]:
    """Injection sites and wells of options with their own pipe."""
    problem = point.problem
    routes = problem.routes
    for name in ("site_capex_mn", "well_capex_mn"):
        yield MoneyItem(name, BUILD, capital_of(point, BUILD, routes[name].to_numpy(float), routes["storage_life_yr"]))
    for name, column in STORAGE_YEARLY.items():
        yield MoneyItem(name, BUILD, spread_yearly(problem, routes[column].to_numpy(float)[:, None] * point.running))
    for name in ("closure_mn", "post_injection_mn"):
        due = routes[name].to_numpy(float) * point.build.sum(axis=1) * (not problem.is_static)
        yield MoneyItem(name, BUILD, spread_at_end(problem, due))


def _network_items(point: Point) -> Iterator[MoneyItem]:
    problem, decided = point.problem, point.decided
    assert problem.network is not None and problem.stores is not None and problem.line_power_per_t is not None
    lines, sites, stores = problem.network.lines, problem.sites, problem.stores
    built = lines[problem.network.built]
    capex, pipe_flow = capex_mn(problem), decided[PIPE_FLOW]

    def yearly_cost(table: object, name: str, used: Floats, factor: float = 1.0) -> Floats:
        per_unit = table[name].to_numpy(float)[:, None]  # type: ignore[index]
        return spread_yearly(problem, per_unit * used * factor)

    for name in (PIPE, ADDED_CAPACITY):
        yield MoneyItem("pipe_capex_mn", name, capital_of(point, name, capex[name], built["life_yr"]))
    # O&M of pipes follows nameplate capacity, or their capital.
    upkeep = yearly_cost(lines, "om_mn_per_ktpa", pipe_flow, 1.0 / problem.delivered_share)
    yield MoneyItem("pipe_fixed_om_mn", PIPE_FLOW, upkeep)
    for name in (PIPE, ADDED_CAPACITY):
        yearly = (capex[name] * built["om_share"].to_numpy(float))[:, None] * np.cumsum(decided[name], axis=1)
        yield MoneyItem("pipe_fixed_om_mn", name, spread_yearly(problem, yearly))
    power = pipe_flow[:, period_positions(problem)] * problem.line_power_per_t / 1000.0
    yield MoneyItem("pipe_power_mn", PIPE_FLOW, spread_yearly(problem, power))
    yield MoneyItem("haul_mn", PIPE_FLOW, yearly_cost(lines, "haul_per_t", pipe_flow, 1e-3))
    yield MoneyItem("site_capex_mn", OPENED, capital_of(point, OPENED, capex[OPENED], sites["life_yr"]))
    yield MoneyItem("well_capex_mn", WELLS, capital_of(point, WELLS, capex[WELLS], sites["life_yr"]))
    for name, column in STORAGE_YEARLY.items():
        variable = WELLS if name.startswith("well") else OPENED
        yield MoneyItem(name, variable, yearly_cost(sites, column, np.cumsum(decided[variable], axis=1)))
    yield MoneyItem("storage_mn", INJECTED, yearly_cost(stores, "variable_per_t", decided[INJECTED], 1e-3))
    for name in ("closure_mn", "post_injection_mn"):
        due = sites[name].to_numpy(float) * decided[OPENED].sum(axis=1) * (not problem.is_static)
        yield MoneyItem(name, OPENED, spread_at_end(problem, due))
    oil = yearly_cost(sites, "eor_revenue_per_t", decided[PAID_FOR_OIL], -1e-3)
    yield MoneyItem("oil_revenue_mn", PAID_FOR_OIL, oil)


def _salvage(point: Point) -> Iterator[MoneyItem]:
    """Salvage value of all capital at the end of the horizon, an income."""
    problem = point.problem
    if problem.is_static:
        return
    for name, left in salvage_mn(problem).items():
        amount = (left * point.decided[name]).sum(axis=1) / problem.closing_discount
        yield MoneyItem("salvage_mn", name, spread_at_end(problem, -amount))


def _policy_payments(point: Point) -> Iterator[MoneyItem]:
    """Yearly policy payments; capped payments are spread evenly over the period's years with a payment."""
    problem, accounts = point.problem, point.problem.accounts
    if not accounts.pays:
        return
    at = period_positions(problem)
    if accounts.is_capped:
        pays = accounts.paying_years.astype(float)
        n_paid = np.bincount(at, weights=pays, minlength=len(problem.years))
        yearly = point.decided[PAID] / np.maximum(n_paid, 1.0)
        yield MoneyItem("paid_mn", PAID, spread_yearly(problem, -yearly[:, at] * pays))
        return
    if problem.has_measures and accounts.paid_per_avoided_t.any():
        running = point.running[:, at]
        if accounts.paid_share is not None:
            works = problem.running_share[..., at] * accounts.paid_share
            running = np.einsum("rst,rs->rt", works, point.build)
        reduced = problem.reduced_ktpa[:, None] * running
        yield MoneyItem("paid_mn", BUILD, spread_yearly(problem, -accounts.paid_per_avoided_t * reduced / 1000.0))
    # Payments that depend on the start of a unit leave out the CO₂ of shared pipes.
    flow = point.decided.get(PIPE_FLOW) if accounts.paid_share is None else None
    for variable, used in ((CAPTURED, point.captured_ktpa), (PIPE_FLOW, flow)):
        if used is not None:
            yield MoneyItem(
                "paid_mn", variable, spread_yearly(problem, -_rate(problem, variable) * used[:, at] / 1000.0)
            )


def _rate(problem: Problem, variable: str) -> Floats:
    """[id, calendar] payment per t of a variable."""
    accounts, at = problem.accounts, period_positions(problem)
    if variable == CAPTURED:
        rate = accounts.paid_per_captured_t + accounts.paid_per_avoided_t * problem.avoided_t_per_t[:, at]
        return rate * accounts.paid_share_of_captured
    assert problem.line_power_co2_t_per_t is not None
    return -accounts.paid_per_avoided_t * problem.line_power_co2_t_per_t[:, at]


def cashflow_table(point: Point) -> pd.DataFrame:
    """Return undiscounted million by calendar year; with `discount_factor` it sums to the discounted costs.

    Salvage and closure fall in a row of their own after the horizon. A static year has one row, with annualised
    capital.
    """
    problem = point.problem
    end = problem.horizon_end
    table = pd.DataFrame(
        {"year": np.r_[problem.calendar, end], "discount_factor": np.r_[problem.discount, problem.closing_discount]}
    )
    money: dict[str, Floats] = {}
    for item in items_of(point):
        by_year = item.amount.sum(axis=0)
        money[item.name] = money[item.name] + by_year if item.name in money else by_year
    if problem.shortfall_per_t is not None and problem.targets:
        money["shortfall_mn"] = np.r_[_shortfall_mn(point), 0.0]
    # Salvage is the last column.
    salvage = money.pop("salvage_mn", np.zeros(len(table)))
    table = pd.concat([table, pd.DataFrame({**money, "salvage_mn": salvage})], axis=1)
    if problem.is_static:
        table = table.iloc[:-1].copy()
    table["cost_mn"] = table[[column for column in table if column.endswith("_mn")]].sum(axis=1)
    table["discounted_mn"] = table["cost_mn"] * table["discount_factor"]
    return table


def _shortfall_mn(point: Point) -> Floats:
    """Cost of missed targets by calendar year; a shortfall over the horizon is paid once, in the first year."""
    problem = point.problem
    of_year = period_positions(problem)
    paid = np.zeros(len(of_year))
    for target in problem.targets:
        missed_mn = point.shortfall_kt.get(target.key, 0.0) * (problem.shortfall_per_t or 0.0) / 1000.0
        when = np.arange(len(of_year)) == 0 if target.year is None else of_year == problem.years.index(target.year)
        paid += np.where(when, missed_mn, 0.0)
    return paid


@dataclass(frozen=True, eq=False)
class PlantSplit:
    """Splits amounts of a variable, [id, period] or [id, calendar + 1], into [plant, …] of the retrofitted plants.

    Plants pay for their own retrofits, and for shared assets in proportion to use.
    """

    point: Point
    sharing: CostSharing | None

    @cached_property
    def plants(self) -> pd.Index:
        """Ids of the retrofitted plants, sorted."""
        built = self.point.build.sum(axis=1) > 0
        return pd.Index(sorted(set(self.point.problem.routes["plant"][built])))

    def __call__(self, variable: str, amount: Floats) -> Floats:
        """Return [plant, …]; unused shared assets are split over all plants."""
        problem = self.point.problem
        if variable in (BUILD, CAPTURED):
            return sum_by_name(self.plants, problem.routes["plant"], amount)
        if variable == CREDITED:
            return sum_by_name(self.plants, pd.Series(problem.axes[variable]), amount)
        if variable == PAID:
            return self._split_in_proportion(self._entitlements, amount[0])
        if variable == SPEND:
            return sum(
                (self._split_in_proportion(self._eligible_capital[f], amount[f]) for f in range(len(amount))),
                start=np.zeros((len(self.plants), amount.shape[1])),
            )
        return self._split_shared_assets(variable, amount)

    def _period_at(self, n_columns: int) -> Ints:
        """Position of each column's period; the end of the horizon belongs to the last."""
        problem = self.point.problem
        if n_columns == len(problem.years):
            return np.arange(n_columns)
        return np.r_[period_positions(problem), len(problem.years) - 1]

    def _split_shared_assets(self, variable: str, amount: Floats) -> Floats:
        problem, sharing = self.point.problem, self.sharing
        assert problem.network is not None and problem.stores is not None and sharing is not None
        if variable in (PIPE, ADDED_CAPACITY, PIPE_FLOW):
            lines = problem.network.lines
            lines = lines if variable == PIPE_FLOW else lines[problem.network.built]
            of_assets = sum_by_name(problem.network.links["link"], lines["link"], amount)
            always, use = sharing.link_share, sharing.on_link_ktpa
        else:
            names = problem.stores["site"] if variable == INJECTED else problem.sites["site"]
            of_assets = sum_by_name(problem.sites["site"], names, amount)
            always, use = sharing.site_share, sharing.at_site_ktpa
        if variable not in (PIPE_FLOW, INJECTED, PAID_FOR_OIL):
            split = always.T @ of_assets
        else:
            split = np.zeros((always.shape[1], amount.shape[1]))
            period = self._period_at(amount.shape[1])
            for y in range(len(problem.years)):
                share = normalise_rows(use[:, :, y], always)
                split[:, period == y] = share.T @ of_assets[:, period == y]
        return sum_by_name(self.plants, problem.routes["plant"].iloc[sharing.routes], split)

    def _split_in_proportion(self, basis: Floats, amount: Floats) -> Floats:
        """[plant, …] of an amount [period] or [calendar + 1], by `basis` [plant, period]."""
        total = basis.sum(axis=0)
        even = np.full_like(basis, 1.0 / max(len(basis), 1))
        share = np.where(total > 0, np.divide(basis, total, out=np.zeros_like(basis), where=total > 0), even)
        return share[:, self._period_at(len(amount))] * amount

    @cached_property
    def _entitlements(self) -> Floats:
        """[plant, period] policy payments without the cap."""
        values = self.point.values
        parts = [self(name, amount * values[name]) for name, amount in payments_by_tonne(self.point.problem).items()]
        return np.maximum(sum(parts), 0.0)

    @cached_property
    def _eligible_capital(self) -> list[Floats]:
        """[allocation][plant, period] capital of the group of assets that a fund pays for."""
        problem = self.point.problem
        group_of = {variable: fund_groups(problem, variable) for variable in capex_mn(problem)}
        found = []
        for group in problem.accounts.allocations["group"]:
            parts = [
                self(variable, (capex * np.equal(group_of[variable], group))[:, None] * self.point.decided[variable])
                for variable, capex in capex_mn(problem).items()
            ]
            found.append(sum(parts, start=np.zeros((len(self.plants), len(problem.years)))))
        return found


def province_spending(point: Point) -> dict[str, float]:
    """Return what counts towards the budget of each province that has one, in million."""
    problem = point.problem
    return {
        province: fsum(
            float((amount * point.values[name]).sum())
            for name, amount in spending_amounts(problem, problem.years[-1], province).items()
        )
        for province in problem.province_budget_mn
    }
