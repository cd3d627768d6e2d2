"""Costs and benefits of a plan by stakeholder, air pollution and carbon intensity.

All accounts use the social discount rate, so that transfers cancel; `plan/owners` has the owners' accounts at their own
rate. The counterpart of the carbon market is the public purse. An oil field's payment is taken as the value of its
additional oil net of its own costs; emissions from burning that oil are not counted.
"""

from __future__ import annotations

from math import fsum

import numpy as np
import pandas as pd

from ccs_model.economics.investment import discount_factor
from ccs_model.economics.policy import (
    OUTSIDE,
    SOCIETY,
    carbon_intensity_kt_per_mn,
    intensity_reduction_share,
    pollutants_kt,
)
from ccs_model.inputs.geography import are_in_china
from ccs_model.model.objective import abatement_value, net_benefit_terms
from ccs_model.model.terms import breakdown, cost_terms
from ccs_model.plan.decisions import Point
from ccs_model.plan.owners import OF_PUBLIC_PURSE, Owners
from ccs_model.problem import Problem

# Payer of each flow of the owners' accounts, if it is an income.
_SIDES = {
    "capture_capex_mn": OUTSIDE, "transport_capex_mn": OUTSIDE, "storage_capex_mn": OUTSIDE, "capture_om_mn": OUTSIDE,
    "energy_mn": OUTSIDE, "transport_om_mn": OUTSIDE, "storage_om_mn": OUTSIDE, "salvage_mn": OUTSIDE,
    "oil_mn": OUTSIDE, **dict.fromkeys(OF_PUBLIC_PURSE, "public purse"), "loans_mn": "financiers",
}  # fmt: skip


def items_by_stakeholder(point: Point, owners: Owners) -> pd.DataFrame:
    """Return item, from_stakeholder, to_stakeholder, discounted_mn: all flows of the owners, and requested damages."""
    problem = point.problem
    rate = problem.accounts.social_discount_rate
    factors = discount_factor(rate, np.arange(len(problem.calendar) + 1))
    worth = {name: float((amount.sum(axis=0) * factors).sum()) for name, amount in owners.flows.items()}
    # Loans are netted, since drawings and repayments would inflate both benefits and costs.
    worth["loans_mn"] = fsum(worth.pop(name) for name in ("drawn_mn", "repaid_mn", "interest_mn"))
    rows = [(name, _SIDES[name], "owners", amount) for name, amount in worth.items()]
    social = problem.with_discount_rate(rate)
    # Salvage value depends on the discount rate of the account; its tax is that of the owners' account.
    found = breakdown({"salvage_mn": cost_terms(social)["salvage_mn"]}, point.values, {})
    rows = [row for row in rows if row[0] != "salvage_mn"]
    rows.append(("salvage_mn", OUTSIDE, "owners", -found["salvage_mn"]))
    rows.append(("damage_avoided_mn", OUTSIDE, SOCIETY, damages_avoided_mn(point)["central"]))
    table = pd.DataFrame(rows, columns=["item", "from_stakeholder", "to_stakeholder", "discounted_mn"])
    return table[table["discounted_mn"] != 0].reset_index(drop=True)


def damages_avoided_mn(point: Point) -> dict[str, float]:
    """Return damages avoided by `central`, `low` and `high`, discounted million; 0 if the scenario requests none."""
    problem, damages = point.problem, point.problem.accounts.damages
    if damages is None:
        return dict.fromkeys(("central", "low", "high"), 0.0)
    terms = {
        end: abatement_value(
            problem.with_discount_rate(damages.rate[end]),
            # The central path may be scaled by an uncertain parameter.
            problem.accounts.damage_per_t if end == "central" else per_t,
        )
        for end, per_t in damages.per_t.items()
    }
    return breakdown(terms, point.values, {})


SOCIAL_TOTALS = (
    "resource_cost_mn", "break_even_carbon_value_per_t", "value_at_market_price_mn", "net_value_at_market_price_mn",
    "damage_avoided_mn", "damage_avoided_low_mn", "damage_avoided_high_mn", "net_benefit_mn", "benefit_cost_ratio",
    "avoided_discounted_kt", "owners_account_mn", "public_purse_account_mn", "financiers_account_mn",
    "public_grants_mn", "public_carbon_mn", "public_paid_mn", "public_tax_mn", "public_cost_per_t",
)  # fmt: skip


def social_totals(
    point: Point, stakeholders: pd.DataFrame | None, ledger: pd.DataFrame | None
) -> dict[str, float | None]:
    """Return SOCIAL_TOTALS, discounted million and money per t avoided; all None in a static year.

    `resource_cost_mn` is net of transfers. `break_even_carbon_value_per_t` is resource cost ÷ avoided tonnes, both
    discounted at the social rate. `value_at_market_price_mn` values the avoided tonnes at the price path of the carbon
    market. Damages avoided and what follows from them are None unless the scenario requests them. `…_account_mn` is the
    net gain of a stakeholder, `public_…_mn` what the public purse receives of an item (negative if it pays), and
    `public_cost_per_t` its net loss ÷ avoided tonnes.
    """
    if stakeholders is None or ledger is None:
        return dict.fromkeys(SOCIAL_TOTALS)
    problem, accounts = point.problem, point.problem.accounts
    social = problem.with_discount_rate(accounts.social_discount_rate)
    accounts_of = stakeholders.set_index("stakeholder")
    ratio = float(accounts_of.at["society", "benefit_cost_ratio"])
    net = {who: float(accounts_of.at[who, "npv_mn"]) for who in ("owners", "public purse", "financiers")}
    public = ledger.set_index("item")["public_purse_mn"]
    parts = breakdown(net_benefit_terms(problem), point.values, {})
    damage = parts.pop("damage_avoided_mn", None)
    cost = -fsum(parts.values())
    kt = breakdown({"kt": abatement_value(social, np.full(len(problem.calendar), 1000.0))}, point.values, {})["kt"]
    at_market = None
    if accounts.market_price_per_t is not None:
        value = {"value": abatement_value(social, accounts.market_price_per_t)}
        at_market = breakdown(value, point.values, {})["value"]
    ends = damages_avoided_mn(point) if damage is not None else {}
    return {
        "resource_cost_mn": cost,
        "break_even_carbon_value_per_t": cost * 1000.0 / kt if kt > 0 else None,
        "value_at_market_price_mn": at_market,
        "net_value_at_market_price_mn": None if at_market is None else at_market - cost,
        "damage_avoided_mn": damage,
        "damage_avoided_low_mn": ends.get("low"),
        "damage_avoided_high_mn": ends.get("high"),
        "net_benefit_mn": None if damage is None else damage - cost,
        "benefit_cost_ratio": None if damage is None or np.isnan(ratio) else ratio,
        "avoided_discounted_kt": kt,
        # Adding 0.0 turns −0.0 into 0.0.
        **{f"{who.replace(' ', '_')}_account_mn": amount + 0.0 for who, amount in net.items()},
        **{
            f"public_{item}": float(public.get(item, 0.0)) + 0.0
            for item in ("grants_mn", "carbon_mn", "paid_mn", "tax_mn")
        },
        "public_cost_per_t": -net["public purse"] * 1000.0 / kt + 0.0 if kt > 0 else None,
    }


def social_terms(problem: Problem) -> dict[str, object]:
    """Return the basis of the social account: discount rate, price path (first and last) and its origin, damages."""
    accounts, damages = problem.accounts, problem.accounts.damages
    price, ends = accounts.market_price_per_t, {"": "central", "low_": "low", "high_": "high"}
    return {
        "discount_rate": accounts.social_discount_rate,
        "market_price_per_t": None if price is None else [float(price[0]), float(price[-1])],
        "is_price_of_scenario": bool(problem.scenario.policy.carbon_price_per_t),
        "damages": None
        if damages is None
        else {
            "series": damages.series,
            **{
                f"{prefix}per_t": [float(damages.per_t[end][0]), float(damages.per_t[end][-1])]
                for prefix, end in ends.items()
            },
            **{f"{prefix}near_term_rate": damages.rate[end] for prefix, end in ends.items()},
            "currency": damages.currency,
            "price_year": damages.price_year,
            "conversion": "market exchange rate",
            "exchange_rate": damages.exchange_rate,
        },
    }


# Air pollution from coal and power for capture, and the tax on it.
#
# It is reported separately from the accounts: only the tax per tonne is documented here, not the damage.

AIR_COLUMNS = [
    "province", "pollutant", "emission_ktpa", "tax_low_per_t", "tax_high_per_t", "tax_low_mn_pa", "tax_high_mn_pa",
]  # fmt: skip
_SUFFIX = "_kt"


def air_pollution_table(point: Point) -> pd.DataFrame:
    """Return AIR_COLUMNS, one row a province and pollutant, in the last period; pumps of pipelines do not count.

    The shipped rates of pollutants are Chinese: other places have only the pollutants of the user's table. Taxes are
    the lowest and highest of the province's tax zones. Chinese provinces without known rates use the range of
    the law; other places have no tax unless the user's table has a row.
    """
    problem = point.problem
    inputs, routes = problem.inputs, problem.routes
    captured = np.maximum(point.captured_ktpa[:, -1], 0.0)
    burnt = np.where(routes["fuel"] == "coal", routes["heat_gj_per_t"] / routes["heat_efficiency_share"], 0.0)
    given_off = pollutants_kt(inputs["policy/pollutants"], captured, np.nan_to_num(burnt), routes["power_kwh_per_t"])
    by_province = given_off.groupby(routes["province"].to_numpy()).sum()
    taxes = inputs["policy/pollution_taxes"]
    taxes = taxes.assign(tax_per_t=problem.price_level.column(taxes, "tax_per_t"))
    is_of_law = taxes["province"].fillna("") == ""
    bounds = taxes[~is_of_law].groupby(["province", "pollutant"])["tax_per_t"].agg(["min", "max"])
    of_law = taxes[is_of_law].groupby("pollutant")["tax_per_t"].agg(["min", "max"])
    table = by_province.rename(columns=lambda name: name.removesuffix(_SUFFIX)).stack()
    table = table.rename("emission_ktpa").rename_axis(["province", "pollutant"]).reset_index()
    pollutants, sources = inputs["policy/pollutants"]["pollutant"], inputs.sources.get("policy/pollutants", ())
    own_rates = {each for each, source in zip(pollutants, sources, strict=False) if source.is_own}
    in_china = are_in_china(table["province"])
    table, in_china = (each[in_china | table["pollutant"].isin(own_rates)] for each in (table, in_china))
    own, law = (table.join(each, on=key) for each, key in ((bounds, ["province", "pollutant"]), (of_law, "pollutant")))
    for end, which in (("low", "min"), ("high", "max")):
        table[f"tax_{end}_per_t"] = own[which].fillna(law[which].where(in_china))
        table[f"tax_{end}_mn_pa"] = table["emission_ktpa"] * table[f"tax_{end}_per_t"] / 1000.0
    return table[AIR_COLUMNS]


# Carbon intensity: CO₂ of a province per unit of value added, against the goals of the five-year plans.
#
# A goal is judged in the last year of its five-year plan, if that year lies within the horizon and the province's CO₂
# and value added of the plan's first year are known. Value added grows from there by `policy.value_added_growth_rate`
# unless the table knows it; the province's other emissions stay constant. Without known start values a row gives the
# reason and no figure.

INTENSITY_COLUMNS = [
    "province", "year", "plan", "since", "value_added_mn", "emission_ktpa", "carbon_intensity_kt_per_mn",
    "intensity_reduction_share", "without_plan_share", "goal_share", "is_reached", "not_judged",
]  # fmt: skip


def intensity_table(problem: Problem, emissions: pd.DataFrame) -> pd.DataFrame:
    """Return INTENSITY_COLUMNS, one row a Chinese province and five-year plan that ends within the horizon.

    Reductions count from the first year of the five-year plan. `is_reached` is missing where the goal is not judged;
    `not_judged` names what is missing, for example a series that ends too early.
    """
    goals = problem.inputs["policy/intensity"]
    goals = goals[(goals["measure"] == "target") & goals["last_year"].isin(problem.calendar)].sort_values("last_year")
    value_added, co2 = _values_by_year(problem, "policy/value_added"), _values_by_year(problem, "policy/provincial_co2")
    growth = 1.0 + problem.scenario.policy.value_added_growth_rate
    cut = emissions.groupby(["province", "year"])["on_site_abatement_ktpa"].sum()
    provinces = pd.Series(problem.zones, dtype=object)
    rows = []
    for province in provinces[are_in_china(provinces)]:
        for goal in goals.itertuples():
            since, year = int(goal.first_year), int(goal.last_year)
            period = problem.years[int(np.searchsorted(problem.years, year, side="right")) - 1]
            missing = (
                _missing_data_text(co2, "CO2", province, since),
                _missing_data_text(value_added, "value added", province, since),
            )
            row = {
                "province": province,
                "year": year,
                "plan": goal.plan,
                "since": since,
                "goal_share": float(goal.intensity_reduction_share),
                "not_judged": "; ".join(filter(None, missing)),
            }
            if not row["not_judged"]:
                before, start = co2[province][since], value_added[province][since]
                now = value_added[province].get(year, start * growth ** (year - since))
                left = before - float(cut[province, period])
                share = float(intensity_reduction_share(before, start, left, now))
                row |= {
                    "value_added_mn": now,
                    "emission_ktpa": left,
                    "carbon_intensity_kt_per_mn": float(carbon_intensity_kt_per_mn(left, now)),
                    "intensity_reduction_share": share,
                    "without_plan_share": float(intensity_reduction_share(before, start, before, now)),
                    "is_reached": bool(share >= goal.intensity_reduction_share - 1e-12),
                }
            rows.append(row)
    return pd.DataFrame(rows, columns=INTENSITY_COLUMNS)


def _values_by_year(problem: Problem, table: str) -> dict[str, dict[int, float]]:
    """Values that are not assumed, by province and year; money is real."""
    rows = problem.inputs[table]
    rows = rows[rows["quality"] != "assumed"]
    values = rows["co2_ktpa"] if "co2_ktpa" in rows else problem.price_level.column(rows, "gdp_mn")
    found: dict[str, dict[int, float]] = {}
    for province, year, value in zip(rows["province"], rows["year"], values, strict=True):
        found.setdefault(str(province), {})[int(year)] = float(value)
    return found


def _missing_data_text(known: dict[str, dict[int, float]], what: str, province: str, year: int) -> str:
    """What is missing to judge a goal; empty if nothing is."""
    own = known.get(province, {})
    if year in own:
        return ""
    if not own:
        return f"no {what} of {province} is known"
    last = max(own)
    return (
        f"{what} of {province} ends in {last}, before {year}" if last < year else f"no {what} of {province} in {year}"
    )
