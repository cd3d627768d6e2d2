"""Sentences from plain values, without tables and solver, so that a stored run is summarised at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ccs_model.plan.headline import megatonnes
from ccs_model.units import count_text, join_first_names, money_text, rounded_text

# Name of a series of damages that is the scenario's own, as in problem.owner_accounts, which needs pandas.
_OWN_SERIES = "scenario"

# How many of the largest plants, and of the binding limits, a sentence names.
_NAMED, _LIMITS_NAMED, _LISTED = 3, 4, 8
# Share of the budget below which money left unspent is not worth a sentence.
_LITTLE_MONEY = 0.002
# Share of full load below which the cost at full load is stated too.
_FULL_LOAD = 0.95
# Costs per tonne that are all below this have a decimal.
_TENTHS = 20.0
# Constraints of which sentences on futures speak, as in model.names, which needs Pyomo.
_BUDGETS: Mapping[str, str] = {
    "spending_within_cumulative_budget": "a cumulative budget",
    "spending_within_province_budget": "the budget of a province",
}
_STATED = frozenset(
    (*_BUDGETS, "spending_within_budget", "abatement_target_reached", "cumulative_target_reached",
     "minimum_share_of_avoided_kept")
)  # fmt: skip


@dataclass(frozen=True)
class Gap:
    """Optimality gap of a plan, within the links searched and over all candidate links.

    Attributes
    ----------
    searched_share, share : float
        Gap relative to the value, within the links searched and over all candidate links; infinite if unknown.
    searched_bound, bound : float
        Bounds behind them, in the unit of the objective.
    n_searched, n_links : int
        Links for pipelines that were searched, and all candidates; both 0 without a shared network.
    """

    searched_share: float
    share: float
    searched_bound: float
    bound: float
    n_searched: int = 0
    n_links: int = 0

    @property
    def is_restricted(self) -> bool:
        """Whether a part of the candidate links was searched."""
        return self.n_searched < self.n_links


def capitalise(text: str) -> str:
    """Return a text with a capital first letter."""
    return text[:1].upper() + text[1:]


# Tonnes below it are numerical noise.
_LEAST_KT = 1e-6


def gap_text(gap: Gap, unit: str = "") -> str:
    """The optimality gap, over all candidate links first: `optimality gap 6.20 % (over all 420 candidate links); …`."""
    if not gap.n_links:
        return f"optimality gap {percent(gap.searched_share)}"
    every = f"over all {gap.n_links:,} candidate links"
    if not gap.is_restricted:
        return f"optimality gap {percent(gap.searched_share)} ({every})"
    if not math.isfinite(gap.share) and math.isfinite(gap.bound):
        # A value of 0 has a bound, but no relative gap.
        every = f"bound {gap.bound:,.0f} {unit} {every}"
    if not gap.n_searched:
        return f"optimality gap {percent(gap.share)} ({every})"
    return (
        f"optimality gap {percent(gap.share)} ({every}); "
        f"{percent(gap.searched_share)} within the {count_text(gap.n_searched, 'link')} searched"
    )


def percent(share: float | None, digits: int = 2) -> str:
    """A share as a percentage, or `unknown`."""
    return f"{100 * share:.{digits}f} %" if share is not None and math.isfinite(share) else "unknown"


def society(totals: Mapping[str, Any], currency: str, price_year: int, terms: Mapping[str, Any] | None) -> list[str]:
    """Sentences on the social account: resource cost, break-even value, value at the market price, requested damages.

    Parameters
    ----------
    totals
        Totals of the plan.
    currency, price_year
        Money of the plan.
    terms
        Result of `social_terms`, also in plan.json as `social_account`; None in runs without it.
    """
    if terms is None or totals.get("resource_cost_mn") is None:
        return []
    money = money_text(currency, price_year)

    def mn(name: str) -> str:
        return f"{totals[name]:,.0f} million {money}"

    found = [
        f"The resource cost to society is {mn('resource_cost_mn')} at a discount rate of "
        f"{100 * terms['discount_rate']:g} %, without transfers."
    ]
    value = totals["break_even_carbon_value_per_t"]
    if value is not None:
        found[0] = f"{found[0][:-1]}; the break-even carbon value is {value:,.0f} {money} per t avoided."
    # A price path of 0 says nothing of what the tonnes are worth.
    if totals["value_at_market_price_mn"]:
        first, last = terms["market_price_per_t"]
        path = (
            f"{first:,.0f} {money} per t"
            if first == last
            else f"{first:,.0f} at first, {last:,.0f} at last, {money} per t"
        )
        net = totals["net_value_at_market_price_mn"]
        at_price = "At the price path of the carbon market"
        if terms.get("is_price_of_scenario"):
            at_price = "At the scenario's carbon price path"
        found.append(
            f"{at_price} ({path}) the tonnes avoided are worth "
            f"{mn('value_at_market_price_mn')}; net of resource cost {net:,.0f} million."
        )
    if totals.get("public_purse_account_mn") is not None:
        found.append(_public_cost(totals, terms["discount_rate"], money))
    damages = terms["damages"]
    if damages is None:
        return found
    net = (
        f"net of resource cost at {100 * terms['discount_rate']:g} %, the social benefit is "
        f"{totals['net_benefit_mn']:,.0f} million."
    )
    if damages["series"] == _OWN_SERIES:
        found.append(
            f"Damages avoided at the scenario's own values are {mn('damage_avoided_mn')}, discounted at the social "
            f"discount rate of {100 * damages['near_term_rate']:g} %; {net}"
        )
    else:
        exchanged = f" at the market exchange rate of {damages['exchange_rate']:.4g} {currency}"
        exchanged = "" if damages["currency"] == currency else exchanged
        low, high = (f"{totals[f'damage_avoided_{end}_mn']:,.0f}" for end in ("low", "high"))
        rates = " and ".join(f"{100 * damages[f'{end}_near_term_rate']:g} %" for end in ("low", "high"))
        found.append(
            f"Damages avoided with the series {damages['series']} are {mn('damage_avoided_mn')} (range {low} to "
            f"{high}), discounted at its near-term rate of {100 * damages['near_term_rate']:g} % (range {rates}), in "
            f"{damages['currency']} {damages['price_year']}{exchanged}; {net}"
        )
    return found


def _public_cost(totals: Mapping[str, Any], rate: float, money: str) -> str:
    """What the public purse pays, net of what it receives, and for which items."""
    names = ("purse_account_mn", "grants_mn", "carbon_mn", "paid_mn", "tax_mn")
    # Adding zero turns −0 into 0.
    net, grants, carbon, paid, tax = (round(-totals[f"public_{name}"]) + 0.0 for name in names)
    per_t = totals["public_cost_per_t"]
    of_tonnes = "" if per_t is None else f", {round(per_t) + 0.0:,.0f} {money} per t avoided"
    text = f"The net cost to the public purse, discounted at {100 * rate:g} %, is {net:,.0f} million {money}{of_tonnes}"
    if grants == carbon == paid == 0:
        return f"{text}: tax relief less tax paid."
    taxed = f"tax relief less tax paid {tax:,.0f}" if tax >= 0 else f"less tax paid, net of relief, {-tax:,.0f}"
    return (
        f"{text}: grants {grants:,.0f}, carbon revenue of the owners {carbon:,.0f}, payments per tonne {paid:,.0f}, "
        f"{taxed} million."
    )


def all_plants(n: int) -> str:
    """Return `all 12 operating plants`; `both operating plants` of two."""
    return {1: "the operating plant", 2: "both operating plants"}.get(n, f"all {n:,} operating plants")


def stored_over_life(life_yr: float) -> str:
    """Heading of the stored amount of a site in a static plan, whose year stands for every year of its life."""
    return f"Stored over the site's life of {life_yr:g} years"


# Smallest share of the CO2 that a sentence names.
_LEAST_PART = 0.005
# Classes of the Storage Resources Management System.
_RESOURCES = {
    "prospective": "undiscovered, without a characterised site",
    "contingent": "discovered, without a commercial project",
    "capacity": "of a commercial project",
    "stored": "in a project in operation",
    "inaccessible": "not usable by a project at present",
}


def storage_range(cost_per_t: float | None, band: Mapping[str, Any] | None, money: str) -> str:
    """Cost of storage beside its published range `band`; empty without either. `money` is the unit of the cost."""
    if cost_per_t is None or band is None:
        return ""
    place = "within"
    # A cost that prints like an end of the range lies within it.
    if round(cost_per_t, 1) < round(band["low_per_t"], 1):
        place = "below"
    elif round(cost_per_t, 1) > round(band["high_per_t"], 1):
        place = "above"
    amounts = [cost_per_t, *(band[f"{name}_per_t"] for name in ("low", "high", "central"))]
    shown = [rounded_text(amount) for amount in amounts]
    if max(amounts) < _TENTHS or (place != "within" and shown[0] in shown[1:3]):
        shown = [f"{amount:,.1f}" for amount in amounts]
    cost, low, high, mean = shown
    return (
        f"Storage costs {cost} {money} stored, {place} the published range of {low} to {high} "
        f"(national mean {mean}, {band['reference']})."
    )


def resources_in_words(storage: Sequence[Mapping[str, Any]]) -> list[str]:
    """One sentence for each class of storage resources that takes CO2 of the plan, with its share of the tonnes."""
    last = {row["site"]: row for row in storage}.values()
    total = math.fsum(row["stored_kt"] for row in last)
    if total <= 0:
        return []
    by_class = {
        name: math.fsum(row["stored_kt"] for row in last if row.get("resource_class") == name) for name in _RESOURCES
    }
    return [
        f"{100 * kt / total:.0f} % of the CO2 goes into storage resources of class {name} "
        f"(Storage Resources Management System): {_RESOURCES[name]}."
        for name, kt in by_class.items()
        if kt / total >= _LEAST_PART
    ]


def oil_in_words(storage: Sequence[Mapping[str, Any]], money: str, *, is_static: bool) -> str:
    """What sites pay in the last year, and for how much oil; empty without a payment. `money` is the unit."""
    rows = [row for row in storage if row["year"] == max(each["year"] for each in storage)]
    paid_mn = math.fsum(row.get("oil_revenue_mn_pa") or 0.0 for row in rows)
    if paid_mn <= 0:
        return ""
    oil_ktpa = math.fsum(row.get("additional_oil_ktpa") or 0.0 for row in rows)
    paid = f"pay {rounded_text(paid_mn)} million {money} a year"
    if oil_ktpa <= 0:
        return f"For CO2, storage sites {paid}."
    emitted = math.fsum(row.get("additional_oil_co2_ktpa") or 0.0 for row in rows)
    burnt = f" of some {megatonnes(emitted)} CO2 when burnt" if emitted else ""
    oil = f"they produce {megatonnes(oil_ktpa)} of additional oil, whose emissions{burnt} are not counted"
    counted_in = "annual cost counts" if is_static else "owners' NPV and the resource cost to society count"
    return f"For CO2, oil fields {paid}, which the {counted_in}; {oil}."


def estimates_in_words(estimates: Sequence[Mapping[str, Any]]) -> list[str]:
    """One sentence for each class of estimates with a part of the capital of capture units."""
    return [
        f"{100 * row['share']:.0f} % of the capture capital is an estimate of AACE class {row['aace_class']:.0f} "
        f"(−{-100 * row['low_share']:.0f} to +{100 * row['high_share']:.0f} %)."
        for row in estimates
        if row["share"] >= _LEAST_PART
    ]


def load_in_words(retrofits: Sequence[Mapping[Any, Any]], unit: str) -> str:
    """At which part of full load the units of the last period run, and their avoidance cost at it; empty near it."""
    captured = math.fsum(float(row["captured_ktpa"] or 0.0) for row in retrofits)
    # Units that work in a part of the period could deliver only then.
    full, avoided, cost = (
        math.fsum(float(row.get(name) or 0.0) * float(row.get("operating_share", 1.0)) for row in retrofits)
        for name in ("captured_at_full_load_ktpa", "avoided_at_full_load_ktpa", "cost_at_full_load_mn_pa")
    )
    if avoided <= 0 or captured >= _FULL_LOAD * full:
        return ""
    return (
        f"The units run at {100 * captured / full:.0f} % of full load; at full load the avoidance cost "
        f"would be {rounded_text(1000.0 * cost / avoided)} {unit} avoided."
    )


def remaining_emissions_in_words(totals: Mapping[str, Any], period: str = "") -> str:
    """What is not avoided of the baseline in the last period, which is named unless it is a representative year."""
    left = float(totals["baseline_ktpa"] or 0.0) - float(totals["avoided_ktpa"] or 0.0)
    baseline = megatonnes(totals["baseline_ktpa"])
    if period:
        return f"In {period}, {megatonnes(left)} of the baseline of {baseline} a year are not avoided."
    return f"Of the baseline of {baseline} a year, {megatonnes(left)} are not avoided."


def less_than_captured(totals: Mapping[str, Any]) -> str:
    """Why avoided is less than captured, with a space behind; empty if it is not less."""
    captured, avoided = (float(totals[name] or 0.0) for name in ("captured_ktpa", "avoided_ktpa"))
    if avoided >= captured:
        return ""
    return "Avoided is less than captured: the CO2 of steam and electricity for capture is subtracted. "


def granted_mn(funds: Sequence[Mapping[Any, Any]]) -> float:
    """What grants pay of the investment, on top of the budget; `funds` has one row a fund and period."""
    return math.fsum(row["spend_mn"] for row in funds if row["kind"] == "grant")


def unspent_budget_in_words(budget_mn: float | None, capex_mn: float | None, money: str) -> str:
    """What a plan leaves of its budget, which the next retrofits use as well; empty below a small share of it.

    `capex_mn` is what counts towards the budget: less grants.
    """
    if budget_mn is None or capex_mn is None or budget_mn - capex_mn <= _LITTLE_MONEY * budget_mn:
        return ""
    left = f"{rounded_text(budget_mn - capex_mn)} million {money}"
    return f" The retrofits added also use the {left} of the budget that the plan leaves unspent."


# Below, a gain is printed as 0 kt.
LEAST_SHOWN_KT = 0.5


def replan_changes_in_words(abatement_kt: float, *plants: Sequence[str]) -> str:
    """Return how many plants enter, leave and change in a re-plan, or that its retrofits are the same."""
    if abatement_kt >= LEAST_SHOWN_KT and not any(plants):
        return "the same retrofits, with other pipes, sites or wells"
    return "plants entering: {}, leaving: {}, changing: {}".format(*map(len, plants))


def reasons_in_words(plants: Sequence[Mapping[Any, Any]]) -> list[str]:
    """One sentence for each reason why plants are not eligible: their number, emissions, the key, the largest."""
    sentences = []
    for (reason, key), rows in _group_by_reason(plants).items():
        n = len(rows)
        change = f" (scenario key {key})" if key else _TABLE_KEYS.get(reason, "")
        named = rows if reason in _TABLE_KEYS else rows[:_NAMED]
        largest = "; ".join(f"{row['name']}{_closing_year_text(row)}" for row in named)
        sentences.append(
            f"{n} plant{'s' if n != 1 else ''} with {rounded_text(sum(row['baseline_ktpa'] for row in rows))} kt CO2 a "
            f"year {'are' if n != 1 else 'is'} not eligible: {reason}{change}. "
            f"{'Largest' if n > 1 else 'Plant'}: {largest}."
        )
    return sentences


def _group_by_reason(plants: Sequence[Mapping[Any, Any]]) -> dict[tuple[str, str], list[Mapping[Any, Any]]]:
    """Plants by reason and the scenario key that changes it."""
    found: dict[tuple[str, str], list[Mapping[Any, Any]]] = {}
    for plant in plants:
        found.setdefault((plant["reason"], plant["key"]), []).append(plant)
    return found


# What changes a reason that no scenario key changes. These plants are all named, with their closing year.
_TABLE_KEYS: Mapping[str, str] = {
    "closes before the first period": " (closing_year of the plant)",
    "closes before a retrofit reaches its minimum life": (
        " (closing_year of the plant, or min_life_yr of technologies/technologies)"
    ),
}


def _closing_year_text(row: Mapping[Any, Any]) -> str:
    year = row.get("closing_year")
    return f" ({year:.0f})" if row["reason"].startswith("closes") and year is not None and math.isfinite(year) else ""


def years_of_work(retrofit: Mapping[Any, Any]) -> str:
    """Return the start year, and the year of the end if it is within the horizon: `2026–2038`."""
    end = retrofit.get("end_year")
    return str(retrofit["year"]) if end is None or math.isnan(end) else f"{retrofit['year']}–{end:.0f}"


_SMALL_PART = 0.01


def ended_retrofits_in_words(retrofits: Sequence[Mapping[Any, Any]], totals: Mapping[str, Any], unit: str) -> str:
    """Part of the avoidance cost that pays for shared assets of retrofits that have ended; empty if it is small.

    `unit` is money per tonne. These retrofits still bear their part of pipes and storage, but avoid nothing.
    """
    whole, avoided = totals["avoidance_cost_per_t"], totals["avoided_ktpa"]
    ended = math.fsum(float(row["cost_mn_pa"]) for row in retrofits if row.get("operating_share") == 0)
    if not whole or ended * 1000.0 <= _SMALL_PART * whole * avoided:
        return ""
    part = f"{rounded_text(ended * 1000.0 / avoided)} {unit} avoided"
    return f"Of the avoidance cost, {part} pays for pipes and storage of retrofits that have ended."


def left_out_plants_in_words(plants: Sequence[Mapping[Any, Any]]) -> list[str]:
    """One sentence for each reason why plants of the user's inventories are not in the plan."""
    sentences = []
    for (reason, key), rows in _group_by_reason(plants).items():
        names = [f"{row['name']}, {row['province']}" for row in rows]
        plants_are = f"{len(names)} plants of your tables are" if len(names) > 1 else "1 plant of your tables is"
        change = f"scenario key {key}" if key else "column status"
        sentences.append(
            f"{plants_are} not in the plan: {reason} ({change}). Plants: {join_first_names(names, _LISTED, '; ')}."
        )
    return sentences


def targets_in_words(targets: Sequence[Mapping[Any, Any]], shortfall_mn: float, money: str) -> str:
    """Whether the targets are reached; what the missing tonnes cost where they are not."""
    missed = sum(float(row["shortfall_kt"] or 0.0) > _LEAST_KT for row in targets)
    if missed:
        price = f"{rounded_text(shortfall_mn)} million {money}"
        return f"{missed} of {len(targets)} targets are missed; the cost includes {price} for the missing tonnes."
    return "All targets are reached."


def binding_limits(limits: Sequence[str]) -> str:
    """Which limits beside the budget bind in the LP relaxation; empty if none does."""
    named = join_first_names(limits, _LIMITS_NAMED, "; ")
    return (
        f"Limits other than the budget that bind in the LP relaxation, though perhaps not in the plan: {named}."
        if limits
        else ""
    )


FEW_FUTURES = 100
"""Futures below which five per cent are fewer than five of them."""


def futures_text(about: Mapping[str, Any], broken: Sequence[Mapping[Any, Any]]) -> str:
    """Return sentences on the fixed plan over the futures: its spending, targets and constraints; and on few futures.

    `about` has the settings of the analysis and `broken` the violated constraints, as in montecarlo.json.
    """
    is_few = about["n_draws"] < FEW_FUTURES
    texts = []
    if about["overrun_share"] is not None:
        text = f"The fixed plan exceeds the budget in {percent(about['overrun_share'], 0)} of the futures"
        if about.get("overrun_p95_mn") and not is_few:
            money = money_text(about["currency"], about["price_year"])
            text += f", by {about['overrun_p95_mn']:,.0f} million {money} or more in 5 %"
        texts.append(f"{text}.")
    shares = {str(row["constraint"]): float(row["future_share"]) for row in broken}
    for constraint, budget in _BUDGETS.items():
        if constraint in shares:
            texts.append(f"The fixed plan exceeds {budget} in {percent(shares[constraint], 0)} of the futures.")
    if about.get("missed_target_share") is not None:
        texts.append(f"The fixed plan misses a target in {percent(about['missed_target_share'], 0)} of the futures.")
    texts.append(
        f"The fixed plan satisfies every constraint in {percent(about['within_limits_share'], 0)} of the futures."
    )
    others = sorted(shares.keys() - _STATED, key=lambda name: (-shares[name], name))
    texts += [
        f"It violates the constraint '{name.replace('_', ' ')}' in {percent(shares[name], 0)} of the futures."
        for name in others[:_NAMED]
    ]
    if n_infeasible := about.get("n_infeasible"):
        texts.append(
            f"No plan is feasible in {n_infeasible:,} of {about['n_draws']:,} futures. There no plant counts as "
            "selected, and re-optimised results leave these futures out."
        )
    if is_few:
        texts.append(
            f"With fewer than {FEW_FUTURES} futures, P5 and P95 are based on fewer than five of them, and how often a "
            "plant is selected is uncertain."
        )
    return " ".join(texts)


def is_beyond_noise(driver: Mapping[str, Any]) -> bool:
    """Whether a row of the tornado has an effect by the F test, or by its width with too few futures for that test."""
    share = driver.get("variance_share")
    if share is None or math.isnan(share):
        width, noise = driver["width"], driver["noise_width"]
        return width is not None and noise is not None and bool(width > noise)
    return bool(share > 0.0)
