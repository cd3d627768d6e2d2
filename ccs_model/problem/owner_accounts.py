"""Owners' accounts as yearly arrays: carbon price, payments, funds, taxes; and the social cost of carbon.

Arrays end in the calendar: one entry for each year of the horizon. Arrays of funds and depreciation have one more
entry, the end of the horizon, at which balances are repaid and salvage is compared with the net book value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np
import pandas as pd

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.economics.investment import (
    ANNUITY,
    BULLET,
    book_share,
    concessional_rate_share,
    depreciation_mn,
    loan_schedule,
    real_rate_share,
)
from ccs_model.economics.policy import price_path, social_cost_path_per_t, trading_rules
from ccs_model.economics.prices import PriceLevel
from ccs_model.errors import InputError, Issue
from ccs_model.inputs import Inputs
from ccs_model.inputs.geography import are_in_china
from ccs_model.problem.scenario_names import place_of
from ccs_model.scenario import Scenario
from ccs_model.scenario.sections import CHINA_ETS

SOCIAL_COST_SERIES = "EPA 2023"
"""Series of an objective that values damages if the scenario names none."""
OWN_SERIES = "scenario"
_SCHEDULE_OF = {"loan": ANNUITY, "bond": BULLET}
SHARED = "shared"
"""Sector of shared pipes, sites and wells."""
FUND_COLUMNS = ("fund", "kind", "ceiling_mn", "share_max", "interest_rate", "term_yr", "sectors", "provinces")


@dataclass(frozen=True)
class FundGroups:
    """Groups of assets that the funds and budgets treat alike: by sector, by province, by both, or all together."""

    by_sector: bool
    by_province: bool

    def of(self, sectors: Iterable[str], provinces: Iterable[str]) -> list[str]:
        """Return the group of each asset by its sector (SHARED for shared assets) and province."""
        parts = [
            (sector if self.by_sector else "", province if self.by_province else "")
            for sector, province in zip(sectors, provinces, strict=True)
        ]
        return [" in ".join(filter(None, each)) or "all" for each in parts]


@dataclass(frozen=True, eq=False)
class Damages:
    """Social cost of carbon that a scenario requests.

    Attributes
    ----------
    series
        Name of the series, or OWN_SERIES for a path of the scenario.
    per_t, rate
        By `central`, `low` and `high`: damage of a tonne in each year of the calendar in the scenario's money, and the
        discount rate of the series.
    currency, price_year
        Money of the series.
    exchange_rate
        Market exchange rate: units of the scenario's currency per unit of `currency`, in the scenario's price year.
    """

    series: str
    per_t: Mapping[str, Floats]
    rate: Mapping[str, float]
    currency: str
    price_year: int
    exchange_rate: float


@dataclass(frozen=True, eq=False)
class Accounts:
    """Coefficients of the owners' and the social account.

    credit_per_t[route, calendar]      revenue of a tonne of on-site abatement on the carbon market
    paid_per_captured_t[calendar], paid_per_avoided_t[calendar]     policy payments
    paid_share[route, start, calendar] share of a year's tonnes that they pay for; None if they pay for all tonnes
    paid_is_taxed                      whether policy payments are taxable income
    damage_per_t[calendar]             social cost of carbon of a tonne avoided; 0 if no damages are requested
    damages                            the requested series with its range; None if no damages are requested
    market_price_per_t[calendar]       price path of the carbon market: the scenario's, or the last observed mean
    funds                              FUND_COLUMNS; interest is real
    allocations                        one row a fund and group of assets it may pay for: allocation, fund, kind, group
    repaid_share, interest_rate[allocation, start, calendar + 1]   of 1 drawn at the start of a period
    depreciation_share[start, calendar + 1], book_share[start]      of 1 of capex at the start of a period
    """

    credit_per_t: Floats
    surplus_band_share: float | None
    paid_per_captured_t: Floats
    paid_per_avoided_t: Floats
    paid_share: Floats | None
    paid_is_taxed: bool
    paid_cap_mn: float | None
    damage_per_t: Floats
    damages: Damages | None
    market_price_per_t: Floats | None
    social_discount_rate: float
    tax_share: float
    funds: pd.DataFrame
    allocations: pd.DataFrame
    groups: FundGroups
    repaid_share: Floats
    interest_rate: Floats
    depreciation_share: Floats
    book_share: Floats

    @property
    def pays(self) -> bool:
        """Whether a policy pays for tonnes."""
        return bool(self.paying_years.any())

    @property
    def paying_years(self) -> Mask:
        """[calendar] years in which a policy may pay for tonnes."""
        rate = self.paid_per_captured_t + self.paid_per_avoided_t
        years: Mask = (rate if self.paid_share is None else rate * self.paid_share.max(axis=(0, 1), initial=0.0)) > 0
        return years

    @property
    def paid_share_of_captured(self) -> Floats:
        """[route, calendar], or [1] if policies pay for all tonnes: an option that captures has one start otherwise."""
        return np.ones(1) if self.paid_share is None else np.asarray(self.paid_share.max(axis=1, initial=0.0))

    @property
    def is_capped(self) -> bool:
        """Whether policy payments are capped."""
        return self.pays and self.paid_cap_mn is not None

    @property
    def is_banded(self) -> bool:
        """Whether a band limits the sale of on-site abatement."""
        return self.surplus_band_share is not None and bool(self.credit_per_t.any())

    @property
    def is_grant(self) -> Floats:
        """[allocation, 1] 1 for a grant, 0 for a loan or bond."""
        return self.allocations["kind"].eq("grant").to_numpy(float)[:, None]


# Rounds in which the most capital approaches its limit from above.
_ROUNDS = 100


def most_capital_mn(scenario: Scenario) -> float:
    """Return an upper bound on the capital that the budget and the grants pay for, in million; infinite without one."""
    if scenario.budget.total_mn is None:
        return np.inf
    grants = [fund for fund in scenario.funds.values() if fund.kind == "grant"]
    ceilings = [np.inf if fund.ceiling_mn is None else fund.ceiling_mn for fund in grants]
    return most_capital(
        scenario.budget.total_mn, [(c, fund.share_max) for c, fund in zip(ceilings, grants, strict=True)]
    )


def most_capital(budget: float, grants: Sequence[tuple[float, float]]) -> float:
    """Return an upper bound on the capital C ≤ budget + Σ min(ceiling, share × C) of grants (ceiling, share)."""
    unlimited = fsum(share for ceiling, share in grants if np.isinf(ceiling))
    if unlimited >= 1:
        return np.inf
    most = (budget + fsum(ceiling for ceiling, _ in grants if np.isfinite(ceiling))) / (1.0 - unlimited)
    for _ in range(_ROUNDS if grants else 0):
        most = budget + fsum(min(ceiling, share * most) for ceiling, share in grants)
    return most


def accounts_of(
    scenario: Scenario,
    inputs: Inputs,
    level: PriceLevel,
    routes: pd.DataFrame,
    calendar: Ints,
    shared_provinces: Iterable[str] = (),
    paid_share: Floats | None = None,
) -> Accounts:
    """The scenario's policy, funds and finance as arrays over the calendar.

    `shared_provinces` are the provinces of the links and sites of a shared network, `paid_share` that of `Accounts`.
    """
    policy, finance = scenario.policy, scenario.finance
    starts, end = np.array(scenario.starts), scenario.horizon_end
    price = price_path(policy.carbon_price_per_t, calendar)
    # A sector outside the scheme has no allowances to sell.
    _validate_market(scenario, inputs)
    covered = trading_rules(inputs["policy/ets"], policy.market, routes["sector"], calendar)["is_covered"]
    window = np.asarray(
        (calendar >= (policy.paid_from or calendar[0])) & (calendar <= (policy.paid_until or calendar[-1])), dtype=float
    )
    damages = _damages(scenario, inputs, level, calendar)
    funds = _funds(scenario, inputs)
    groups = FundGroups(
        by_sector=any(fund.sectors for fund in scenario.funds.values()),
        by_province=any(fund.provinces for fund in scenario.funds.values())
        or (bool(scenario.budget.by_province_mn) and bool(funds["kind"].eq("grant").any())),
    )
    assets = {*zip(routes["sector"], routes["province"], strict=True), *((SHARED, name) for name in shared_provinces)}
    allocations = _allocations(funds, groups, assets)
    repaid, interest = _repayments(funds, starts, calendar, end)
    of_fund = pd.Index(funds["fund"]).get_indexer(allocations["fund"])
    return Accounts(
        credit_per_t=price * covered * policy.capture_deductible,
        surplus_band_share=policy.surplus_band_share,
        paid_per_captured_t=policy.paid_per_captured_t * window,
        paid_per_avoided_t=policy.paid_per_avoided_t * window,
        paid_share=paid_share,
        paid_is_taxed=policy.paid_is_taxed,
        paid_cap_mn=policy.paid_cap_mn,
        damage_per_t=np.zeros(len(calendar)) if damages is None else damages.per_t["central"],
        damages=damages,
        market_price_per_t=_market_price(scenario, inputs, level, routes["province"], calendar),
        social_discount_rate=policy.social_discount_rate,
        tax_share=finance.tax_share,
        funds=funds,
        allocations=allocations,
        groups=groups,
        repaid_share=repaid[of_fund],
        interest_rate=interest[of_fund],
        depreciation_share=_depreciation(starts, calendar, finance.depreciation_yr),
        book_share=book_share(starts, end, finance.depreciation_yr),
    )


def _validate_market(scenario: Scenario, inputs: Inputs) -> None:
    """Raise if the carbon market has no rules, since its price would apply to no plant."""
    market, known = scenario.policy.market, sorted(set(inputs["policy/ets"]["market"]))
    if market is not None and market not in known:
        hint = f"there: {', '.join(known)}; add rows to policy/ets of your own, or null for all sectors in all years"
        what = f"market '{market}' has no rules in policy/ets"
        raise InputError([Issue(place_of(scenario, "policy.market"), what, hint)])


def _damages(scenario: Scenario, inputs: Inputs, level: PriceLevel, calendar: Ints) -> Damages | None:
    """The social cost of carbon that the scenario requests by a key or by its objective."""
    policy, table = scenario.policy, inputs["policy/social_cost_of_carbon"]
    if policy.social_cost_of_carbon_per_t:
        path, rate = price_path(policy.social_cost_of_carbon_per_t, calendar), policy.social_discount_rate
        ends = ("central", "low", "high")
        return Damages(
            OWN_SERIES, dict.fromkeys(ends, path), dict.fromkeys(ends, rate), level.currency, level.price_year, 1.0
        )
    series = policy.social_cost_series
    if series is None and scenario.objective == "max_net_benefit":
        series = SOCIAL_COST_SERIES
    if series is None:
        return None
    rows = table[table["series"] == series]
    if rows.empty:
        what = f"series '{series}' is not in policy/social_cost_of_carbon"
        known = ", ".join(sorted(set(table["series"])))
        raise InputError([Issue(place_of(scenario, "policy.social_cost_series"), what, f"there: {known}")])
    first = rows.sort_values("year").iloc[0]
    of_end = {"central": ("scc_per_t", ""), "low": ("low_per_t", "low_"), "high": ("high_per_t", "high_")}
    return Damages(
        series=series,
        per_t={
            end: social_cost_path_per_t(table, level, series, calendar, measure) for end, (measure, _) in of_end.items()
        },
        rate={end: float(first[f"{prefix}near_term_rate"]) for end, (_, prefix) in of_end.items()},
        currency=str(first["currency"]),
        price_year=int(first["price_year"]),
        exchange_rate=level.factor(str(first["currency"]), level.price_year),
    )


def _market_price(
    scenario: Scenario, inputs: Inputs, level: PriceLevel, provinces: pd.Series, calendar: Ints
) -> Floats | None:
    """Price path of the scenario's carbon market; None if neither the scenario nor prices/carbon has a price.

    The price of China's market is none of plants elsewhere.
    """
    if scenario.policy.carbon_price_per_t:
        return price_path(scenario.policy.carbon_price_per_t, calendar)
    if scenario.policy.market == CHINA_ETS and not are_in_china(provinces).any():
        return None
    table = inputs["prices/carbon"]
    seen = table[(table["market"] == scenario.policy.market) & (table["measure"] == "mean")]
    # A price of a year without a price index cannot be converted.
    seen = seen[seen["price_year"] <= level.last_year]
    if seen.empty:
        return None
    last = seen.sort_values("year").iloc[[-1]]
    return np.full(len(calendar), float(level.column(last, "price_per_t").iloc[0]))


def _funds(scenario: Scenario, inputs: Inputs) -> pd.DataFrame:
    """One row a fund, with the borrower's real interest rate."""
    rates, factors = inputs["finance/rates"], inputs["finance/factors"].set_index("factor")["value"]
    facility = rates[rates["instrument"] == "carbon_reduction_facility"].sort_values("from_date").iloc[-1]
    rows = []
    for name, fund in scenario.funds.items():
        interest = fund.interest_rate or 0.0
        if fund.nominal_interest_rate is not None and scenario.finance.inflation_rate is not None:
            nominal = concessional_rate_share(
                fund.nominal_interest_rate,
                facility["rate_share"],
                factors["facility_principal_share"],
                fund.passed_through_share or 0.0,
            )
            interest = float(real_rate_share(nominal, scenario.finance.inflation_rate))
        ceiling = np.inf if fund.ceiling_mn is None else fund.ceiling_mn
        rows.append((name, fund.kind, ceiling, fund.share_max, interest, fund.term_yr, fund.sectors, fund.provinces))
    return pd.DataFrame(rows, columns=list(FUND_COLUMNS))


def _allocations(funds: pd.DataFrame, groups: FundGroups, assets: set[tuple[str, str]]) -> pd.DataFrame:
    """One row a fund and group of assets (sector, province) that it may pay for."""
    rows = []
    for fund in funds.itertuples():
        open_to = [
            asset
            for asset in sorted(assets)
            if (not fund.sectors or asset[0] in fund.sectors) and (not fund.provinces or asset[1] in fund.provinces)
        ]
        for group in dict.fromkeys(groups.of(*zip(*open_to, strict=True))) if open_to else ():
            name = fund.fund if group == "all" else f"{fund.fund}, {group}"
            rows.append((name, fund.fund, fund.kind, group))
    return pd.DataFrame(rows, columns=["allocation", "fund", "kind", "group"])


def _repayments(funds: pd.DataFrame, starts: Ints, calendar: Ints, end: int) -> tuple[Floats, Floats]:
    """[fund, start, calendar + 1] principal and interest of 1 drawn at each start; a grant pays neither."""
    shape = (len(funds), len(starts), len(calendar) + 1)
    repaid, interest = np.zeros(shape), np.zeros(shape)
    for f, fund in enumerate(funds.itertuples()):
        for s, start in enumerate(starts):
            if fund.kind == "grant":
                continue
            schedule = loan_schedule(fund.interest_rate, fund.term_yr, _SCHEDULE_OF[fund.kind], int(start), end)
            repaid[f, s, start - calendar[0] :] = schedule["principal_share"]
            interest[f, s, start - calendar[0] :] = schedule["interest_rate"]
    return repaid, interest


def _depreciation(starts: Ints, calendar: Ints, depreciation_yr: int) -> Floats:
    """[start, calendar + 1] depreciation of 1 of capex at each start; none after the horizon."""
    spent = np.equal(starts[:, None], calendar).astype(float)
    return np.concatenate([depreciation_mn(spent, depreciation_yr), np.zeros((len(starts), 1))], axis=1)
