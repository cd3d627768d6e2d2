"""Funds, payments per tonne and carbon prices of a scenario that have no effect, or less than they seem to have."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ccs_model.problem.problem import Problem
from ccs_model.problem.scenario_names import named_place, place_of
from ccs_model.scenario.sections import CHINA_ETS


def policy_notices(problem: Problem) -> Iterator[str]:
    """Yield a sentence on each fund and on each value of the policy that has no effect, or less than it seems."""
    yield from _funds(problem)
    yield from _policy(problem)


def _funds(problem: Problem) -> Iterator[str]:
    paying = set(problem.accounts.allocations["fund"])
    alike: dict[str, str] = {}
    for name in problem.scenario.funds:
        first = alike.setdefault(re.sub(r"[\s_-]", "", name.casefold()), name)
        if first != name:
            place = place_of(problem.scenario, f"funds.{name}")
            yield f"{place}: funds '{first}' and '{name}' are two funds, though their names differ in spelling only"
    for name, fund in problem.scenario.funds.items():
        place = place_of(problem.scenario, f"funds.{name}")
        zero = next((key for key in ("ceiling_mn", "share_max") if getattr(fund, key) == 0), "")
        if zero:
            yield f"{place}: fund {name} can pay for nothing: its {zero} is 0"
        elif name not in paying:
            where = [text for text, names in (("sectors", fund.sectors), ("provinces", fund.provinces)) if names]
            yield f"{place}: fund {name} can pay for nothing: no asset belongs to its {' and '.join(where)}"
        if fund.passed_through_share and not problem.is_in_china:
            yield (
                f"{place}: fund {name} takes its saving from the facility of the People's Bank of China, though no "
                "plant is in China; leave out passed_through_share where that facility does not apply"
            )


_NO_ACCOUNTS = "has no effect in a representative year, which has neither owners' accounts nor a social account"


def _policy(problem: Problem) -> Iterator[str]:
    scenario, policy, accounts = problem.scenario, problem.scenario.policy, problem.accounts

    def at(key: str) -> str:
        return place_of(scenario, f"policy.{key}")

    yield from _payments(problem)
    yield from _growth_of_value_added(problem)
    if problem.objective == "min_cost" and not problem.is_static:
        without = ["policy.carbon_price_per_t"] if accounts.credit_per_t.any() else []
        budget = scenario.budget
        # A grant enlarges every budget.
        is_limited = budget.total_mn is not None or bool(budget.cumulative_mn or budget.by_province_mn)
        without += [f"funds.{name}" for name, fund in scenario.funds.items() if fund.kind != "grant" or not is_limited]
        for key in without:
            yield (
                f"{named_place(scenario, key)} affects the owners' accounts but not the plan: min_cost leaves it "
                "out, and max_npv counts it"
            )
    if problem.is_static:
        keys = ("carbon_price_per_t", "social_cost_series", "social_cost_of_carbon_per_t")
        for key in keys:
            if getattr(policy, key):
                yield f"{named_place(scenario, f'policy.{key}')} {_NO_ACCOUNTS}"
        for key in ("finance.tax_share", "finance.depreciation_yr"):
            if key in scenario.places:
                yield f"{named_place(scenario, key)} {_NO_ACCOUNTS}"
        if scenario.capital_recovery_share is not None and "discount_rate" in scenario.places:
            place = named_place(scenario, "discount_rate")
            yield f"{place} has no effect: capital_recovery_share annualises the capital of a representative year"
    elif policy.carbon_price_per_t and not policy.capture_deductible:
        yield (
            f"{at('carbon_price_per_t')}: the carbon price earns the owners nothing, since "
            "policy.capture_deductible is false"
        )
    elif without := sectors_without_rule(problem):
        yield (
            f"{at('market')}: {policy.market} has no rule in policy/ets for {', '.join(without)}, whose plants earn "
            "nothing from the carbon price; null prices all sectors in all years"
        )
    if accounts.credit_per_t.any():
        yield from _price_years(problem)
    if accounts.credit_per_t.any() and policy.market == CHINA_ETS and not problem.is_in_china:
        yield (
            f"{at('market')}: the sectors and years of the {CHINA_ETS} apply, though no plant is in China; null prices "
            "all sectors in all years"
        )
    if policy.surplus_band_share is not None and not accounts.credit_per_t.any():
        yield (
            f"{named_place(scenario, 'policy.surplus_band_share')} limits tonnes sold on the carbon market, of which "
            "there are none"
        )
    elif policy.surplus_band_share == 0:
        yield f"{at('surplus_band_share')}: no tonne is sold on the carbon market, since the band is 0"


def _growth_of_value_added(problem: Problem) -> Iterator[str]:
    """A growth rate of value added without a carbon intensity goal that is judged with projected value added."""
    key = "policy.value_added_growth_rate"
    if key not in problem.scenario.places:
        return
    goals = problem.inputs["policy/intensity"]
    goals = goals[(goals["measure"] == "target") & goals["last_year"].isin(problem.calendar)]
    known = []
    for name in ("policy/provincial_co2", "policy/value_added"):
        table = problem.inputs[name]
        table = table[table["quality"] != "assumed"]
        known.append({*zip(table["province"], table["year"], strict=True)})
    co2, value_added = known
    spans = list(zip(goals["first_year"], goals["last_year"], strict=True))
    for zone in problem.zones:
        if any((zone, first) in co2 & value_added and (zone, last) not in value_added for first, last in spans):
            return
    yield (
        f"{named_place(problem.scenario, key)} has no effect: no carbon intensity goal is judged with projected value "
        "added; it needs CO2 and value added of the province in the first year of a five-year plan that ends within "
        "the horizon"
    )


def _payments(problem: Problem) -> Iterator[str]:
    """Payments per tonne that are never made, and limits on them that have no effect."""
    scenario, policy, accounts = problem.scenario, problem.scenario.policy, problem.accounts

    def at(key: str) -> str:
        return place_of(scenario, f"policy.{key}")

    has_rate = bool(policy.paid_per_captured_t or policy.paid_per_avoided_t)
    if has_rate and not (accounts.paid_per_captured_t + accounts.paid_per_avoided_t).any():
        key = "paid_from" if policy.paid_from is not None else "paid_until"
        yield f"{at(key)}: no payment per tonne is made, since its years are outside the horizon"
    elif has_rate and not accounts.pays:
        key = "paid_for_yr" if policy.paid_to_starts_until is None else "paid_to_starts_until"
        yield f"{at(key)}: no payment per tonne is made, since no unit that it allows works in the years paid for"
    elif has_rate and policy.paid_cap_mn == 0:
        yield f"{at('paid_cap_mn')}: no payment per tonne is made, since the limit is 0"
    elif has_rate and not problem.is_static:
        yield from _payment_years(problem)
    for key in ("paid_cap_mn", "paid_for_yr", "paid_to_starts_until"):
        if getattr(policy, key) is None:
            continue
        place = named_place(scenario, f"policy.{key}")
        if not has_rate:
            yield f"{place} limits payments per tonne, of which there are none"
        elif problem.is_static and key != "paid_cap_mn":
            yield f"{place} has no effect in a representative year, in which no unit starts"
    if not policy.paid_is_taxed and (problem.is_static or not has_rate):
        why = _NO_ACCOUNTS if has_rate else "has no effect: there are no payments per tonne"
        yield f"{named_place(scenario, 'policy.paid_is_taxed')} {why}"


def sectors_without_rule(problem: Problem) -> list[str]:
    """Return the sectors of plants that may be retrofitted and that earn nothing from the carbon price.

    They have no rule of the market of `policy.market`. Without a price that owners earn there are none.
    """
    policy = problem.scenario.policy
    earns = policy.carbon_price_per_t and policy.capture_deductible and not problem.is_static
    if policy.market is None or not earns:
        return []
    rules = problem.inputs["policy/ets"]
    covered = rules.loc[rules["market"] == policy.market, "sector"]
    candidates = problem.plants["plant"].isin(problem.routes["plant"])
    return sorted({*problem.plants.loc[candidates, "sector"]} - {*covered})


def _payment_years(problem: Problem) -> Iterator[str]:
    """Payments per tonne that begin or end within a period."""
    policy, edges = problem.scenario.policy, {*problem.years, problem.horizon_end}
    for key, year in (("paid_from", policy.paid_from), ("paid_until", policy.paid_until)):
        border = None if year is None else year + (key == "paid_until")
        if border is not None and problem.years[0] < border < problem.horizon_end and border not in edges:
            yield (
                f"{place_of(problem.scenario, f'policy.{key}')}: {key} {year} lies within a period; its tonnes are "
                "spread evenly over its years, also over those before operation, and are paid accordingly"
            )


def _price_years(problem: Problem) -> Iterator[str]:
    """A price path that begins after the horizon or ends before it, and sectors that enter the market in a period."""
    policy, edges = problem.scenario.policy, {*problem.years, problem.horizon_end}
    named = sorted(policy.carbon_price_per_t)
    if named[-1] < problem.years[0] or named[0] >= problem.horizon_end:
        nearest = named[0] if named[0] >= problem.horizon_end else named[-1]
        yield (
            f"{place_of(problem.scenario, 'policy.carbon_price_per_t')}: no year of the price lies in the horizon, "
            f"{problem.years[0]} to {problem.horizon_end - 1}, where the price of {nearest} holds"
        )
    rules = problem.inputs["policy/ets"]
    rules = rules[rules["market"] == policy.market]
    candidates = set(problem.plants.loc[problem.plants["plant"].isin(problem.routes["plant"]), "sector"])
    for sector, first in rules.groupby("sector")["first_year"].min().items():
        if sector in candidates and problem.years[0] < first < problem.horizon_end and first not in edges:
            place = named_place(problem.scenario, "policy.market")
            yield (
                f"{place}: the sector {sector} enters the market in {first:.0f}, within a period; its tonnes are "
                "spread evenly over the years of the period, and those before the entry earn nothing"
            )
