"""Owners' accounts: cash flow of every retrofitted plant by year, and investment figures from it.

As in the optimiser, losses offset other profits of the year in which they arise. The NPVs from this cash flow therefore
equal those from the model's coefficients, plant by plant. Figures of a stand-alone plant, which carries losses forward,
are reported beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Mask
from ccs_model.economics.investment import (
    break_even_price_per_t,
    debt_service_cover,
    irr_share,
    npv_mn,
    payback_yr,
    stand_alone_tax,
)
from ccs_model.economics.policy import trading_rules
from ccs_model.model.names import ADDED_CAPACITY, BUILD, CAPTURED, CREDITED, OPENED, PIPE, SPEND, WELLS
from ccs_model.model.objective import npv_terms
from ccs_model.model.terms import capex_mn, sum_terms
from ccs_model.plan.cost_sharing import CostSharing
from ccs_model.plan.decisions import BUILT, Point
from ccs_model.plan.money import PlantSplit, items_of, period_positions, spread_at_start, spread_yearly
from ccs_model.problem import Problem

# Income positive, expense negative; they sum to net_mn.
FLOWS = (
    "capture_capex_mn", "transport_capex_mn", "storage_capex_mn", "grants_mn", "drawn_mn", "capture_om_mn", "energy_mn",
    "transport_om_mn", "storage_om_mn", "oil_mn", "carbon_mn", "paid_mn", "interest_mn", "repaid_mn", "tax_mn",
    "salvage_mn",
)  # fmt: skip
OWNERS_TOTALS = (
    "npv_mn", "npv_without_salvage_mn", "standalone_npv_mn", "carbon_revenue_mn", "owners_break_even_price_per_t",
)  # fmt: skip
CAPITAL = ("capture_capex_mn", "transport_capex_mn", "storage_capex_mn")
FINANCING = ("grants_mn", "drawn_mn", "interest_mn", "repaid_mn")
# Flows whose counterpart is the public purse, to which the carbon market counts.
OF_PUBLIC_PURSE = ("grants_mn", "paid_mn", "carbon_mn", "tax_mn")
# Flow of an owner to which each item of the cost terms belongs.
_FLOW_OF = {
    "capture_capex_mn": "capture_capex_mn", "pipe_capex_mn": "transport_capex_mn", "site_capex_mn": "storage_capex_mn",
    "well_capex_mn": "storage_capex_mn", "capture_fixed_om_mn": "capture_om_mn",
    "capture_variable_om_mn": "capture_om_mn", "heat_mn": "energy_mn", "capture_power_mn": "energy_mn",
    "pipe_fixed_om_mn": "transport_om_mn", "pipe_power_mn": "transport_om_mn", "haul_mn": "transport_om_mn",
    "site_fixed_om_mn": "storage_om_mn", "well_fixed_om_mn": "storage_om_mn", "storage_mn": "storage_om_mn",
    "monitoring_mn": "storage_om_mn", "closure_mn": "storage_om_mn",
    "post_injection_mn": "storage_om_mn", "oil_revenue_mn": "oil_mn", "paid_mn": "paid_mn", "salvage_mn": "salvage_mn",
}  # fmt: skip
_TAXED_YEARLY = (
    "capture_om_mn", "energy_mn", "transport_om_mn", "storage_om_mn", "oil_mn", "carbon_mn", "paid_mn", "interest_mn",
)  # fmt: skip


def taxed_yearly_flows(problem: Problem) -> tuple[str, ...]:
    """Return the yearly flows that are taxable income; payments per tonne only if the policy taxes them."""
    return tuple(name for name in _TAXED_YEARLY if name != "paid_mn" or problem.accounts.paid_is_taxed)


@dataclass(frozen=True, eq=False)
class Owners:
    """Accounts of the retrofitted plants; arrays [plant, calendar + 1], with the end of the horizon as last column."""

    point: Point
    split: PlantSplit

    @classmethod
    def of(cls, point: Point, sharing: CostSharing | None) -> Owners:
        """Return the accounts of a plan's plants."""
        return cls(point, PlantSplit(point, sharing))

    @cached_property
    def flows(self) -> dict[str, Floats]:
        """FLOWS in million, undiscounted."""
        problem, accounts = self.point.problem, self.point.problem.accounts
        shape = (len(self.split.plants), len(problem.calendar) + 1)
        found = {name: np.zeros(shape) for name in FLOWS}
        for item in items_of(self.point):
            found[_FLOW_OF[item.name]] -= self.split(item.variable, item.amount)
        found["carbon_mn"] += self.weighted_abatement(accounts.credit_per_t, 1000.0)
        if len(accounts.allocations):
            found |= self._financing()
        income = sum(found[name] for name in taxed_yearly_flows(problem)) - self.depreciation_mn
        income[:, -1] += found["salvage_mn"][:, -1] - self.book_mn
        found["tax_mn"] = -accounts.tax_share * income
        return found

    @cached_property
    def capex_mn(self) -> Floats:
        """[plant, period] overnight capital."""
        problem = self.point.problem
        parts = [self.split(v, each[:, None] * self.point.decided[v]) for v, each in capex_mn(problem).items()]
        return np.asarray(sum(parts, start=np.zeros((len(self.split.plants), len(problem.years)))))

    @cached_property
    def grants_mn(self) -> Floats:
        """Grants of each plant and period [plant, period], in million."""
        accounts = self.point.problem.accounts
        if not len(accounts.allocations):
            return np.zeros_like(self.capex_mn)
        return self.split(SPEND, self.point.decided[SPEND] * accounts.is_grant)

    @cached_property
    def funded_mn(self) -> Floats:
        """Grants and loans of each plant and period [plant, period], in million."""
        if not len(self.point.problem.accounts.allocations):
            return np.zeros_like(self.capex_mn)
        return self.split(SPEND, self.point.decided[SPEND])

    @cached_property
    def depreciation_mn(self) -> Floats:
        """Yearly depreciation of capex less grants."""
        return (self.capex_mn - self.grants_mn) @ self.point.problem.accounts.depreciation_share

    @cached_property
    def book_mn(self) -> Floats:
        """[plant] net book value at the end of the horizon."""
        return (self.capex_mn - self.grants_mn) @ self.point.problem.accounts.book_share

    @cached_property
    def on_site_abatement_kt(self) -> Floats:
        """On-site abatement of each plant in every year."""
        problem = self.point.problem
        return self.split(CAPTURED, spread_yearly(problem, self.point.on_site_abatement_ktpa))

    def weighted_abatement(self, weight: Floats, divisor: float = 1.0) -> Floats:
        """Return on-site abatement, within the band if there is one, × weight [route, calendar] ÷ divisor."""
        problem = self.point.problem
        variable, amount = CAPTURED, self.point.on_site_abatement_ktpa
        if problem.accounts.is_banded:
            names = problem.routes["plant"].to_numpy(str)
            first = pd.Series(np.arange(len(names)), index=names).groupby(level=0).first()
            weight = weight[first.loc[problem.axes[CREDITED]].to_numpy()]
            variable, amount = CREDITED, self.point.decided[CREDITED]
        return self.split(variable, spread_yearly(problem, amount[:, period_positions(problem)] * weight / divisor))

    def _financing(self) -> dict[str, Floats]:
        problem, accounts = self.point.problem, self.point.problem.accounts
        spend = self.point.decided[SPEND]
        drawn = self.split(SPEND, spend * (1.0 - accounts.is_grant))
        found = {"grants_mn": spread_at_start(problem, self.grants_mn), "drawn_mn": spread_at_start(problem, drawn)}
        for name, share in (("repaid_mn", accounts.repaid_share), ("interest_mn", accounts.interest_rate)):
            # Payments due by fund and start; each plant pays in proportion to its drawings.
            due = np.zeros_like(found["drawn_mn"])
            for s in range(len(problem.years)):
                at = np.zeros_like(spend)
                at[:, s] = spend[:, s]
                for f in range(len(spend)):
                    if at[f, s]:
                        only = np.where(np.arange(len(spend))[:, None] == f, at, 0.0)
                        due += self.split(SPEND, only)[:, [s]] * share[f, s]
            found[name] = -due
        return found

    @cached_property
    def net_mn(self) -> Floats:
        """Net cash flow of each owner, after tax and financing."""
        return np.asarray(sum(self.flows.values()))

    @cached_property
    def npv_mn(self) -> Floats:
        """[plant] from the cash flow."""
        return npv_mn(self.net_mn, self.point.problem.discount_rate)

    @cached_property
    def npv_of_model_mn(self) -> Floats:
        """[plant] NPV from the coefficients of the objective `max_npv`, with the same split."""
        problem = self.point.problem
        values = self.point.values
        total = np.zeros(len(self.split.plants))
        for variable, amount in sum_terms(npv_terms(problem)).items():
            total += self.split(variable, amount * values[variable]).sum(axis=1)
        return total

    def totals(self) -> dict[str, float | None]:
        """Return OWNERS_TOTALS of all plants, at the owners' rate, after tax and with funds.

        `npv_without_salvage_mn` leaves out the salvage value and the tax on it, `standalone_npv_mn` the tax saving on
        other profits. `carbon_revenue_mn` is before tax.
        """
        problem, price = self.point.problem, float(self.by_plant()["break_even_carbon_price_per_t"].iloc[-1])
        salvage = float(self.flows["salvage_mn"][:, -1].sum()) * problem.closing_discount
        npv = float(self.npv_mn.sum())
        amounts = (
            npv,
            npv - salvage * (1.0 - problem.accounts.tax_share),
            float(self.standalone_npv_mn.sum()),
            float(npv_mn(self.flows["carbon_mn"], problem.discount_rate).sum()),
            price if np.isfinite(price) else None,
        )
        return dict(zip(OWNERS_TOTALS, amounts, strict=True))

    def by_year(self) -> pd.DataFrame:
        """Return one row a retrofitted plant and calendar year: FLOWS, net_mn and the discount factor."""
        problem = self.point.problem
        years = np.r_[problem.calendar, problem.horizon_end]
        n = len(self.split.plants)
        table = pd.DataFrame(
            {
                "plant": np.repeat(self.split.plants.to_numpy(object), len(years)),
                "year": np.tile(years, n),
                "discount_factor": np.tile(np.r_[problem.discount, problem.closing_discount], n),
            }
        )
        for name, amount in self.flows.items():
            table[name] = amount.ravel()
        table["net_mn"] = self.net_mn.ravel()
        return table

    def by_plant(self) -> pd.DataFrame:
        """Return investment figures, one row a retrofitted plant, and `all`.

        public_money_mn (grants, payments per tonne and carbon revenue less tax, at the social discount rate; tax relief
        counts as received), npv_mn, project_npv_mn (without loans and bonds), rates of return of project and equity,
        payback_yr, discounted_payback_yr, debt_service_cover (minimum over the years before the settlement at the end),
        break_even_carbon_price_per_t and contract_strike_per_t (per tonne of on-site abatement, after tax; the contract
        runs for contract_yr from the first year of operation, in other years tonnes earn the carbon revenue of the
        account), standalone_npv_mn (without the tax saving on other profits of the owner: losses are carried forward;
        `all` is the sum of the plants), hurdle_npv_mn (after grants, before tax and loans, at the required return of
        the sector).
        Missing figures are NaN; two columns give the reason for a missing rate of return.
        """
        names = [*self.split.plants, "all"]
        flows = {name: _with_sum(amount) for name, amount in self.flows.items()}
        accounts = self.point.problem.accounts
        rate, tax = self.point.problem.discount_rate, accounts.tax_share
        net = np.asarray(sum(flows.values()))
        interest_shield = -tax * flows["interest_mn"]
        financing = np.asarray(sum(flows[name] for name in FINANCING))
        grants = flows["grants_mn"]
        capital = np.asarray(sum(flows[name] for name in CAPITAL))
        # Grants lower depreciation, so they stay in the project's flows.
        project = net - (financing - grants) - interest_shield
        # Required returns are those before tax and loans.
        hurdle = self._hurdle_share()
        before_tax = net - (financing - grants) - flows["tax_mn"]
        at_hurdle = npv_mn(before_tax[:-1], hurdle) if len(hurdle) else np.zeros(0)
        equity_irr, equity_reason = irr_share(net)
        project_irr, reason = irr_share(project)
        cut = _with_sum(self.on_site_abatement_kt)
        without_carbon = net - flows["carbon_mn"] * (1.0 - tax)
        # Of all plants, each tonne counts that is under the contract of its plant.
        under = self._is_under_contract(cut[:-1])
        cut_under, carbon_under = (_with_sum(np.where(under, amount[:-1], 0.0)) for amount in (cut, flows["carbon_mn"]))
        service = tuple(-flows[name][:, :-1] for name in ("interest_mn", "repaid_mn"))
        # Operating cash after the tax that is paid; the settlement at the end of the horizon is excluded.
        cash = (net - financing - capital)[:, :-1]
        return pd.DataFrame(
            {
                "plant": names,
                "capex_mn": -capital.sum(axis=1),
                "grants_mn": grants.sum(axis=1),
                "borrowed_mn": flows["drawn_mn"].sum(axis=1),
                "public_money_mn": sum(npv_mn(flows[name], accounts.social_discount_rate) for name in OF_PUBLIC_PURSE),
                "npv_mn": npv_mn(net, rate),
                "project_npv_mn": npv_mn(project, rate),
                "project_irr_share": project_irr,
                "equity_irr_share": equity_irr,
                "payback_yr": payback_yr(project),
                "discounted_payback_yr": payback_yr(project, rate),
                "debt_service_cover": _minimum_cover(debt_service_cover(cash, *service)),
                "break_even_carbon_price_per_t": break_even_price_per_t(without_carbon, cut, rate, tax),
                "contract_strike_per_t": break_even_price_per_t(net - carbon_under * (1.0 - tax), cut_under, rate, tax),
                "standalone_npv_mn": [*self.standalone_npv_mn, self.standalone_npv_mn.sum()],
                "hurdle_share": [*hurdle, np.nan],
                "hurdle_npv_mn": [*at_hurdle, at_hurdle.sum()],
                "no_project_irr": reason,
                "no_equity_irr": equity_reason,
            }
        )

    def _factor(self, name: str) -> int:
        """Whole years of finance/factors."""
        return int(self.point.problem.inputs["finance/factors"].set_index("factor").at[name, "value"])

    def _is_under_contract(self, cut_kt: Floats) -> Mask:
        """[plant, year] the years with tonnes until contract_yr years after operation begins.

        The account spreads the tonnes of a period evenly, so that some stand in the years before operation: they are
        under the contract, too.
        """
        problem = self.point.problem
        first = np.array(problem.years) + problem.routes["lead_yr"].to_numpy(float)[:, None] * (not problem.is_static)
        begins = np.where(self.point.build > BUILT, first, np.inf).min(axis=1, initial=np.inf)
        of_plant = pd.Series(begins).groupby(problem.routes["plant"].to_numpy(object)).min()
        begins = of_plant.reindex(self.split.plants).to_numpy(float)
        ends = begins - problem.calendar[0] + self._factor("contract_yr")
        return (cut_kt > 0) & (np.arange(cut_kt.shape[1]) < ends[:, None])

    def _hurdle_share(self) -> Floats:
        """[plant] required return of its sector; NaN if the table has none for its product."""
        rates = self.point.problem.inputs["finance/hurdle_rates"]
        requested = rates[rates["product"] != ""].set_index("product")["hurdle_share"]
        made = self.point.problem.plants.set_index("plant").loc[self.split.plants, "product"]
        return np.asarray(made.map(requested), dtype=float)

    @cached_property
    def standalone_npv_mn(self) -> Floats:
        """[plant] NPV of stand-alone plants, whose losses reduce no tax on other profits but are carried forward."""
        problem, flows = self.point.problem, self.flows
        taxed = np.asarray(sum(flows[name] for name in taxed_yearly_flows(problem))) - self.depreciation_mn
        taxed[:, -1] += flows["salvage_mn"][:, -1] - self.book_mn
        years = self._factor("loss_carry_forward_yr")
        paid = stand_alone_tax(taxed, problem.accounts.tax_share, years)["tax_mn"]
        untaxed = np.asarray(sum(amount for name, amount in flows.items() if name != "tax_mn"))
        return npv_mn(untaxed - paid, problem.discount_rate)


def _minimum_cover(cover: Floats) -> Floats:
    """[plant] minimum cover ratio over the years; NaN without debt."""
    return pd.DataFrame(cover).min(axis=1).to_numpy()


def _with_sum(amount: Floats) -> Floats:
    """The plants' rows, and their sum as last row."""
    return np.concatenate([amount, amount.sum(axis=0, keepdims=True)])


# Inputs of the owners' accounts: capital by start and life, and tonnes by year and plant.
#
# With these tables and the yearly flows, the accounts can be recomputed at another discount rate, carbon price, capital
# cost or tax.

CAPTURE, TRANSPORT, STORAGE, GRANT = "capture", "transport", "storage", "grant"
CAPITAL_COLUMNS = ("plant", "kind", "year", "life_yr", "left_yr", "capital_mn")
ON_SITE_ABATEMENT, SOLD = "on_site_abatement_kt", "sold_kt"
_NOTHING_MN = 1e-9


def capital_table(owners: Owners) -> pd.DataFrame:
    """Return CAPITAL_COLUMNS, one row a plant, kind, start and life: undiscounted million at the start.

    `left_yr` of `life_yr` remain at the end of the horizon. Grants are negative capital of their own kind.
    """
    problem = owners.point.problem
    years = np.array(problem.years)
    rows = []
    for kind, life, left, amount in _capital(owners):
        at, start = np.nonzero(np.abs(amount) > _NOTHING_MN)
        of_start = np.broadcast_to(left, (len(years),))
        rows.append(
            pd.DataFrame(
                {
                    "plant": owners.split.plants.to_numpy(object)[at],
                    "kind": kind,
                    "year": years[start],
                    "life_yr": life,
                    "left_yr": of_start[start],
                    "capital_mn": amount[at, start],
                }
            )
        )
    filled = [each for each in rows if len(each)]
    if not filled:
        return pd.DataFrame(columns=list(CAPITAL_COLUMNS))
    table = pd.concat(filled, ignore_index=True)
    key = list(CAPITAL_COLUMNS[:-1])
    return table.groupby(key, as_index=False)["capital_mn"].sum()[list(CAPITAL_COLUMNS)]


def tonnes_table(owners: Owners) -> pd.DataFrame:
    """Return plant, name (ON_SITE_ABATEMENT or SOLD) and a column a calendar year and the end of the horizon, in kt.

    SOLD is on-site abatement of covered sectors, within the surplus band.
    """
    problem = owners.point.problem
    rules = trading_rules(
        problem.inputs["policy/ets"], problem.scenario.policy.market, problem.routes["sector"], problem.calendar
    )
    sold = owners.weighted_abatement(rules["is_covered"])
    years = [int(year) for year in (*problem.calendar, problem.horizon_end)]
    parts = []
    for name, amount in ((ON_SITE_ABATEMENT, owners.on_site_abatement_kt), (SOLD, sold)):
        table = pd.DataFrame(amount, columns=years)
        table.insert(0, "name", name)
        table.insert(0, "plant", owners.split.plants.to_numpy(object))
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def _capital(owners: Owners) -> Iterator[tuple[str, float, Floats, Floats]]:
    """Kind, life, remaining life at the end of the horizon [start], and million [plant, start]."""
    point, split = owners.point, owners.split
    problem, decided = point.problem, point.decided
    routes, build = problem.routes, decided[BUILD]
    used = np.broadcast_to(problem.unit_used_yr, build.shape)
    lives = np.broadcast_to(problem.unit_life_yr, build.shape)
    remain = np.clip(lives - np.maximum(used, 0.0), 0.0, lives)
    pairs = np.stack([lives, remain], axis=-1)
    built = build > 0
    for life, left in sorted({(float(a), float(b)) for a, b in pairs[built]}):
        here = built & (lives == life) & (remain == left)
        capex = routes["capture_capex_mn"].to_numpy(float)[:, None] * build * here
        yield CAPTURE, life, np.array(left), split(BUILD, capex)
    yield from _own_assets(owners) if problem.network is None else _shared_assets(owners)
    if len(problem.accounts.allocations):
        yield GRANT, 1.0, np.array(0.0), -owners.grants_mn


def _own_assets(owners: Owners) -> Iterator[tuple[str, float, Floats, Floats]]:
    """The same of own pipes, and of own injection sites and wells."""
    problem, build = owners.point.problem, owners.point.decided[BUILD]
    routes = problem.routes
    used = problem.horizon_end - np.array(problem.years, dtype=float)
    storage = routes["site_capex_mn"] + routes["well_capex_mn"]
    for kind, column, capex in (
        (TRANSPORT, "pipe_life_yr", routes["pipe_capex_mn"]),
        (STORAGE, "storage_life_yr", storage),
    ):
        lives = problem.own_asset_lives(routes[column])
        for life in sorted(set(lives[build > 0].tolist())):
            amount = capex.to_numpy(float)[:, None] * (lives == life) * build
            yield kind, life, np.clip(life - used, 0.0, life), owners.split(BUILD, amount)


def _shared_assets(owners: Owners) -> Iterator[tuple[str, float, Floats, Floats]]:
    problem, decided = owners.point.problem, owners.point.decided
    assert problem.network is not None
    used = problem.horizon_end - np.array(problem.years, dtype=float)
    capex = capex_mn(problem)
    built = problem.network.lines.loc[problem.network.built, "life_yr"].to_numpy(float)
    sites = problem.sites["life_yr"].to_numpy(float)
    for kind, names, life_yr in ((TRANSPORT, (PIPE, ADDED_CAPACITY), built), (STORAGE, (OPENED, WELLS), sites)):
        lives = problem.shared_asset_lives(life_yr)
        for life in sorted(set(lives.ravel().tolist())):
            for name in names:
                amount = capex[name][:, None] * (lives == life) * decided[name]
                yield kind, life, np.clip(life - used, 0.0, life), owners.split(name, amount)
