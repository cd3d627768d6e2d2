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
    return f"spending_within_ceiling: the ceilings are too low; these would do: {each} (budget.ceiling_mn)"


def _rate(problem: Problem, rows: Rows) -> str:
    each = "; ".join(f"{year}: {more:,.2g} more than {limit:,.0f}" for year, more, limit in rows)
    return f"building_within_yearly_rate: too few retrofits may start; needed, {each} (capture.built_per_year_max)"


def _fitted(problem: Problem, rows: Rows) -> str:
    names = ", ".join(str(plant) for plant, _, _ in rows)
    return f"plant_is_fitted: without having to fit {names} there is a plan (plants.must_fit)"


def _wells(problem: Problem, rows: Rows) -> str:
    each = "; ".join(f"{index[0]} in {index[1]}: {more:,.1f} kt/y more" for index, more, _ in rows)
    return f"injection_within_wells: the wells take too little; needed, {each} (storage.sites)"


def _capacity(problem: Problem, rows: Rows) -> str:
    each = "; ".join(f"{site}: {more:,.0f} kt more" for site, more, _ in rows)
    return f"stored_within_capacity: the sites are too small; needed, {each} (storage.capacity, storage.fill_share_max)"


_WORDS: Mapping[str, Callable[[Problem, Rows], str]] = MappingProxyType(
    {
        "plant_is_fitted": _fitted,
        "spending_within_budget": _budget,
        "spending_within_ceiling": _ceiling,
        "building_within_yearly_rate": _rate,
        "injection_within_wells": _wells,
        "stored_within_capacity": _capacity,
    }
)

# Tried in this order; a group of two only where neither alone is enough.
GROUPS: tuple[tuple[str, ...], ...] = (
    ("plant_is_fitted",),
    ("spending_within_budget",),
    ("spending_within_ceiling",),
    ("building_within_yearly_rate",),
    ("injection_within_wells",),
    ("stored_within_capacity",),
    ("spending_within_budget", "spending_within_ceiling"),
    ("injection_within_wells", "stored_within_capacity"),
    ("spending_within_budget", "spending_within_ceiling", "building_within_yearly_rate"),
)


def in_words(problem: Problem, rows_by_claim: Mapping[str, Rows]) -> str:
    """One way to mend the program, as a sentence; what must give way together is joined by "and"."""
    return "; and ".join(_WORDS[claim](problem, rows) for claim, rows in rows_by_claim.items())
