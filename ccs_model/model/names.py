"""The claims a planner could relax, and how each is said in words when it clashes with others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ccs_model.problem import Problem

# (index, how far it gives way, its limit) of each row that gives way
Rows = Sequence[tuple[Any, float, float]]


def _money(problem: Problem, amount: float) -> str:
    """Rounded up to a tenth of a million, so that a limit read from here is wide enough."""
    return f"{math.ceil(amount * 10 - 1e-6) / 10:,.1f} million {problem.currency}"


def _budget(problem: Problem, rows: Rows) -> str:
    _, more, limit = rows[0]
    return (
        f"spending_within_budget: the budget is {_money(problem, limit)}; "
        f"{_money(problem, limit + more)} would do (budget.total_mn)"
    )


def _ceiling(problem: Problem, rows: Rows) -> str:
    each = "; ".join(f"{year}: {_money(problem, limit + more)}" for year, more, limit in rows)
    return f"spending_within_cumulative_budget: the ceilings are too low; these would do: {each} (budget.cumulative_mn)"


def _rate(problem: Problem, rows: Rows) -> str:
    each = "; ".join(
        f"{year}: {math.ceil(limit + more - 1e-6):,} in place of {limit:,.0f}" for year, more, limit in rows
    )
    return (
        f"builds_within_yearly_rate: too few retrofits may start in the periods from {each} would do "
        "(capture.max_builds_per_year, times the years of the period)"
    )


def _fitted(problem: Problem, rows: Rows) -> str:
    names = ", ".join(str(plant) for plant, _, _ in rows)
    return f"required_plant_is_retrofitted: without having to fit {names} there is a plan (plants.require)"


def _deployment(problem: Problem, rows: Rows) -> str:
    each = "; ".join(
        f"{zone} by {year}: {math.ceil(limit + more - 1e-6):,} kt/y of nameplate in place of {math.floor(limit):,}"
        for (zone, year), more, limit in rows
    )
    return f"deployment_within_ceiling: the zones may not build so much; these would do: {each} (calibration.ceiling)"


def _wells(problem: Problem, rows: Rows) -> str:
    each = "; ".join(f"{index[0]} in {index[1]}: {math.ceil(more):,} kt/y more" for index, more, _ in rows)
    return f"injection_within_wells: the wells take too little; needed, {each} (storage.sites)"


def _capacity(problem: Problem, rows: Rows) -> str:
    each = "; ".join(f"{site}: {math.ceil(more):,} kt more" for site, more, _ in rows)
    return f"stored_within_capacity: the sites are too small; needed, {each} (storage.capacity, storage.max_fill_share)"


def _province_budget(problem: Problem, rows: Rows) -> str:
    each = "; ".join(f"{name}: {_money(problem, limit + more)}" for name, more, limit in rows)
    return f"spending_within_province_budget: too little for some provinces; these would do: {each}"


def _cut(problem: Problem, rows: Rows) -> str:
    by_key = {target.key: target for target in problem.targets}
    each = []
    for key, missing, _ in rows:
        target = by_key[key]
        if target.measure == "captured":
            tonnes = math.floor(target.required - missing)
            each.append(f"{key} is {target.required:,.0f} kt/y; {tonnes:,} kt/y are in reach")
            continue
        # Rounded down to a hundredth of a percent, so that the share read from here is in reach.
        attainable_share = math.floor((target.required - missing) / target.baseline_ktpa * 1e4) / 1e4
        each.append(f"{key} is {target.required / target.baseline_ktpa:.2%}; {attainable_share:.2%} is in reach")
    return f"abatement_target_reached: {'; '.join(each)}"


def _tonnes(problem: Problem, rows: Rows) -> str:
    by_key = {target.key: target.required for target in problem.targets}
    each = "; ".join(
        f"{key} is {by_key[key]:,.0f} kt; {math.floor(by_key[key] - missing):,.0f} kt are in reach"
        for key, missing, _ in rows
    )
    return f"cumulative_target_reached: {each}"


def _share(problem: Problem, rows: Rows) -> str:
    names = ", ".join(str(group) for group, _, _ in rows)
    return f"minimum_share_of_avoided_kept: without a least share for {names} there is a plan (targets.share_of_avoided_min)"


_WORDS: Mapping[str, Callable[[Problem, Rows], str]] = MappingProxyType(
    {
        "required_plant_is_retrofitted": _fitted,
        "spending_within_budget": _budget,
        "spending_within_cumulative_budget": _ceiling,
        "spending_within_province_budget": _province_budget,
        "builds_within_yearly_rate": _rate,
        "deployment_within_ceiling": _deployment,
        "abatement_target_reached": _cut,
        "cumulative_target_reached": _tonnes,
        "minimum_share_of_avoided_kept": _share,
        "injection_within_wells": _wells,
        "stored_within_capacity": _capacity,
    }
)

# Tried in this order; a group of two only where neither alone is enough.
GROUPS: tuple[tuple[str, ...], ...] = (
    ("required_plant_is_retrofitted",),
    ("spending_within_budget",),
    ("spending_within_cumulative_budget",),
    ("spending_within_province_budget",),
    ("builds_within_yearly_rate",),
    ("deployment_within_ceiling",),
    ("abatement_target_reached",),
    ("cumulative_target_reached",),
    ("minimum_share_of_avoided_kept",),
    ("injection_within_wells",),
    ("stored_within_capacity",),
    ("spending_within_budget", "spending_within_cumulative_budget"),
    ("injection_within_wells", "stored_within_capacity"),
    ("abatement_target_reached", "cumulative_target_reached"),
    ("spending_within_budget", "spending_within_cumulative_budget", "spending_within_province_budget"),
    ("spending_within_budget", "spending_within_cumulative_budget", "builds_within_yearly_rate"),
)


# Claims of wells and room. Behind shared pipes a row that gives way would be wells that cost nothing.
_OF_SITES = {"injection_within_wells", "stored_within_capacity"}


def groups_of(problem: Problem) -> tuple[tuple[str, ...], ...]:
    """The groups whose rows say by themselves what would do."""
    return tuple(group for group in GROUPS if problem.network is None or not _OF_SITES & set(group))


def in_words(problem: Problem, rows_by_constraint: Mapping[str, Rows]) -> str:
    """One way to mend the program, as a sentence; what must give way together is joined by "and"."""
    return "; and ".join(_WORDS[constraint](problem, rows) for constraint, rows in rows_by_constraint.items())
