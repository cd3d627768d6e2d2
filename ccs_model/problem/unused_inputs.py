"""Values of a scenario that are valid and have no effect, in words, so that none is without effect in silence."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from ccs_model.problem.problem import Problem
from ccs_model.problem.scenario_names import place_of


def unused_inputs(problem: Problem) -> tuple[str, ...]:
    """Return a sentence, after its file and line or key, on each value of the scenario that has no effect."""
    return (*_funds(problem), *_policy(problem), *_budgets(problem))


def _funds(problem: Problem) -> Iterator[str]:
    paying = set(problem.accounts.allocations["fund"])
    for name, fund in problem.scenario.funds.items():
        if name not in paying:
            place = place_of(problem.scenario, f"funds.{name}")
            where = [text for text, names in (("sectors", fund.sectors), ("provinces", fund.provinces)) if names]
            yield f"{place}: fund {name} can pay for nothing: no asset belongs to its {' and '.join(where)}"


def _policy(problem: Problem) -> Iterator[str]:
    scenario, policy, accounts = problem.scenario, problem.scenario.policy, problem.accounts

    def at(key: str) -> str:
        return place_of(scenario, f"policy.{key}")

    has_rate = bool(policy.paid_per_captured_t or policy.paid_per_avoided_t)
    if has_rate and not accounts.pays:
        key = "paid_from" if policy.paid_from is not None else "paid_until"
        yield f"{at(key)}: no payment per tonne is made, since its years are outside the horizon"
    if policy.paid_cap_mn is not None and not has_rate:
        yield f"{at('paid_cap_mn')}: limits payments per tonne, of which there are none"
    if problem.objective == "max_npv" and policy.carbon_price_per_t and not policy.capture_deductible:
        yield f"{at('carbon_price_per_t')}: earns the owners nothing, since policy.capture_deductible is false"
    if policy.surplus_band_share is not None and not accounts.credit_per_t.any():
        yield f"{at('surplus_band_share')}: limits tonnes sold on the carbon market, of which there are none"


def _budgets(problem: Problem) -> Iterator[str]:
    limits = sorted(problem.cumulative_mn.items())
    for (year, limit), (later, lower) in pairwise(limits):
        if lower < limit:
            place = place_of(problem.scenario, "budget.cumulative_mn")
            yield (
                f"{place}: the limit until {later} is lower than that until {year}, and holds before it too: "
                "cumulative budgets count all spending until their year"
            )
            return
