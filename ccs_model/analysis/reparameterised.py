"""The re-parameterised model: the matrix of a future from the planned one, without Pyomo.

The sparsity pattern never changes. Costs, spending and targets are recomputed from the model's own terms. All other
coefficients and limits are the planned ones times powers of the delivered share, the heat demand and a site's capacity.
The exponents are identified from a second matrix, built once from a problem in which the three differ by powers of two
that no product confuses. If a constraint has neither form, every future is built by Pyomo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ccs_model._typing import Floats, Ints, Mask
from ccs_model.analysis.uncertain_inputs import Draft, ScalingChange, capture_heat
from ccs_model.mip import Matrix
from ccs_model.model.build_model import build_model
from ccs_model.model.names import (
    ADDED_CAPACITY,
    BUDGET,
    BUILD,
    CAPTURED,
    CREDIT,
    CUMULATIVE_BUDGET,
    CUMULATIVE_TARGET,
    CURTAILED,
    FUND_SHARE,
    FUNDS_PAY,
    MINIMUM_SHARE,
    PAID_FOR_TONNES,
    PROVINCE_BUDGET,
    SHORTFALL,
    TARGET,
    TARGETS,
)
from ccs_model.model.objective import OBJECTIVES, routes_counted, surplus_of, tonnes_of
from ccs_model.model.standard_form import matrix_of
from ccs_model.model.terms import capex_mn, sum_terms
from ccs_model.plan.decisions import places_of
from ccs_model.problem import Problem


@dataclass(frozen=True, eq=False)
class Powers:
    """Exponents of numbers in delivered share, heat demand and site capacity.

    `groups` are (positions, exponent of share, exponent of heat); the numbers at `with_capacity` have the exponents
    `capacity` in the capacity of `site`.
    """

    groups: tuple[tuple[Ints, int, int], ...]
    with_capacity: Ints
    site: Ints
    capacity: Floats

    @classmethod
    def of(cls, powers: Ints, sites: Ints) -> Powers:
        """From exponents [share/heat/capacity, number], −1, 0 or 1, and the site of each number."""
        groups = []
        for share, heat in product((-1, 0, 1), repeat=2):
            which = np.flatnonzero((powers[0] == share) & (powers[1] == heat))
            if len(which) and (share or heat):
                groups.append((which, share, heat))
        at = np.flatnonzero(powers[2])
        return cls(tuple(groups), at, sites[at], powers[2][at].astype(float))

    def scale_numbers(self, planned: Floats, share: float, heat: float, capacity: Floats) -> Floats:
        """The numbers at multiples of the planned share, heat and capacity [site]."""
        found = planned.copy()
        for which, of_share, of_heat in self.groups:
            found[which] *= float(share) ** of_share * float(heat) ** of_heat
        if len(self.with_capacity):
            found[self.with_capacity] *= capacity[self.site] ** self.capacity
        return found


@dataclass(frozen=True, eq=False)
class Products:
    """Parts of a future's matrix.

    `of_limits` by the name of the limit in the matrix; `of_capex` are the entries of capital and `capex` [column] the
    planned capital; `targets` are the entries of each row of tonnes, which are recomputed.
    """

    planned: Matrix
    of_data: Powers
    of_limits: Mapping[str, Powers]
    of_capex: Ints
    capex: Floats
    targets: tuple[Ints, ...]

    def matrix(
        self, share: float, heat: float, capacity: Floats, capex: Floats, targets: Sequence[Floats], objective: Floats
    ) -> Matrix:
        """The matrix at multiples of the planned delivered share, heat demand and capacity [site].

        `capex` [column] is capital per unit of each column, each of `targets` [column] the tonnes per unit, and
        `objective` [column] the objective's coefficients.
        """
        planned, rows = self.planned, self.planned.rows
        column_of = np.repeat(np.arange(rows.shape[1]), np.diff(rows.indptr))
        data = self.of_data.scale_numbers(rows.data, share, heat, capacity)
        ratio = np.divide(capex, self.capex, out=np.ones_like(capex), where=self.capex != 0)
        data[self.of_capex] *= ratio[column_of[self.of_capex]]
        for entries, numbers in zip(self.targets, targets, strict=True):
            data[entries] = numbers[column_of[entries]]
        limits: dict[str, Any] = {
            name: powers.scale_numbers(getattr(planned, name), share, heat, capacity)
            for name, powers in self.of_limits.items()
        }
        return replace(
            planned,
            rows=sparse.csc_array((data, rows.indices, rows.indptr), shape=rows.shape),
            costs=np.vstack([objective, planned.costs[1:]]),
            **limits,
        )


_OF_CAPEX = (
    BUDGET, CUMULATIVE_BUDGET, PROVINCE_BUDGET,
    FUNDS_PAY, FUND_SHARE,
)  # fmt: skip
_OF_TONNES = (TARGET, CUMULATIVE_TARGET, MINIMUM_SHARE)
_LIMITS = ("row_lower", "row_upper", "lower", "upper")
# Constraints with both money and tonnes: built by Pyomo.
_NOT_SEPARABLE = (CREDIT, PAID_FOR_TONNES)
# Design flow of a pipe and shortfall of a target: neither depends on the delivered share.
_NOT_DELIVERED = (ADDED_CAPACITY, SHORTFALL)
# Powers of two that identify the exponents of the three.
_SHARE_BITS, _HEAT_BITS, _CAPACITY_BITS = -1, 4, 16


class ReparameterisedModel:
    """Matrices of a problem's futures; `planned` is the problem's own matrix.

    Without `products`, all other matrices are built by Pyomo.
    """

    def __init__(self, problem: Problem, matrix: Matrix | None = None) -> None:
        self.problem = problem
        self.planned = matrix if matrix is not None else matrix_of(build_model(problem))
        constraints = np.array([name for name, _ in self.planned.row_constraints], dtype=object)
        self._per_share = (problem.delivered_ktpa / problem.delivered_share)[:, None, None] * problem.running_share
        self._speaker = np.unique(problem.unit_of, return_index=True)[1]
        self.places = {name: places_of(problem, self.planned, name) for name in problem.axes}
        names = [column.variable for column in self.planned.columns]
        self.is_short = np.equal(np.array(names, dtype=object), "shortfall_kt")
        self.is_tonnes = np.array([name.endswith(("_ktpa", "_kt")) and name not in _NOT_DELIVERED for name in names])
        self.products: Products | None = None
        if problem.is_static or np.isin(constraints, _NOT_SEPARABLE).any():
            return
        rows = self.planned.rows
        self._targets = {target.key: target for target in problem.targets}
        self._tonnes = []
        for row in np.flatnonzero(np.isin(constraints, TARGETS)):
            entries = np.flatnonzero(rows.indices == row)
            # The shortfall of a target always has the coefficient 1.
            columns = np.searchsorted(rows.indptr, entries, side="right") - 1
            self._tonnes.append((row, *self.planned.row_constraints[row], entries[~self.is_short[columns]]))
        objective = OBJECTIVES[problem.objective].first(problem)
        self._other_costs = self.planned.costs[0] - self.vector(problem, sum_terms(objective))
        self.products = self._products(constraints[rows.indices])

    def matrix(self, other: Problem) -> Matrix:
        """The matrix of a problem with other coefficients; its second objective is unchanged."""
        if self.products is None:
            return matrix_of(build_model(other))
        share = other.delivered_share / self.problem.delivered_share
        capacity, heat = self._capacity_ratio(other), self._heat_ratio(other)
        return self.products.matrix(
            share, heat, capacity, self.capex(other), self.target_tonnes(other), self.first_objective(other)
        )

    def target_tonnes(self, other: Problem) -> list[Floats]:
        """[column] tonnes per unit that count for each target."""
        found = []
        for _, constraint, index, _ in self._tonnes:
            if constraint == MINIMUM_SHARE:
                found.append(self.vector(other, surplus_of(other, index)))
            else:
                target = self._targets[index]
                found.append(self.vector(other, tonnes_of(other, target), routes_counted(other, target)))
        return found

    def first_objective(self, other: Problem) -> Floats:
        """[column] coefficients of the objective, with the planned cost of shortfalls."""
        return np.asarray(self._other_costs + self.vector(other, sum_terms(OBJECTIVES[other.objective].first(other))))

    def capex(self, other: Problem) -> Floats:
        """[column] capital per unit of what is built, in million."""
        return self.vector(other, {name: amount[:, None] for name, amount in capex_mn(other).items()})

    def vector(self, problem: Problem, amounts: dict[str, Floats], routes: Mask | None = None) -> Floats:
        """[column] coefficients from amounts [id, year] by variable, summed as in the model."""
        on = {name: amount for name, amount in amounts.items() if name != CAPTURED}
        captured = amounts.get(CAPTURED)
        if captured is not None:
            built = np.einsum("rsy,ry->rs", self._per_share, captured) * problem.delivered_share
            on[BUILD] = on[BUILD] + built if BUILD in on else built
            on[CURTAILED] = on.get(CURTAILED, 0.0) - captured[self._speaker]
        found = np.zeros(len(self.planned.columns))
        for name, amount in on.items():
            columns, first, years = self.places[name]
            shape = (len(self.problem.axes[name]), len(self.problem.years))
            values = np.broadcast_to(amount, shape)[first, years]
            mask = None if routes is None else {BUILD: routes, CURTAILED: routes[self._speaker]}.get(name)
            found[columns] = values if mask is None else values * mask[first]
        return found

    def _products(self, constraint_of: npt.NDArray[np.object_]) -> Products | None:
        """Exponents of share, heat and capacity in every coefficient and limit, identified from a second matrix."""
        planned = self.planned
        probe = matrix_of(build_model(_probe_problem(self.problem)))
        if not (
            np.array_equal(probe.rows.indices, planned.rows.indices)
            and np.array_equal(probe.rows.indptr, planned.rows.indptr)
        ):
            return None
        site_of = _sites_by_name(self.problem)
        row_site = np.array([_site_in(index, site_of) for _, index in planned.row_constraints], dtype=np.int64)
        column_site = np.array([_site_in(column.index, site_of) for column in planned.columns], dtype=np.int64)
        is_recomputed = np.isin(constraint_of, (*_OF_CAPEX, *_OF_TONNES))
        powers, is_valid = _powers(planned.rows.data, probe.rows.data, ~is_recomputed)
        site_of_entry = row_site[planned.rows.indices]
        is_valid &= bool((site_of_entry[powers[2] != 0] >= 0).all())
        of_data, of_limits = Powers.of(powers, site_of_entry), {}
        for name in _LIMITS:
            sites = row_site if name.startswith("row") else column_site
            powers, is_product = _powers(getattr(planned, name), getattr(probe, name), np.ones(len(sites), dtype=bool))
            is_valid &= is_product & bool((sites[powers[2] != 0] >= 0).all())
            of_limits[name] = Powers.of(powers, sites)
        if not is_valid:
            return None
        of_capex = np.flatnonzero(np.isin(constraint_of, _OF_CAPEX))
        targets = tuple(each[3] for each in self._tonnes)
        return Products(planned, of_data, of_limits, of_capex, self.capex(self.problem), targets)

    def _capacity_ratio(self, other: Problem) -> Floats:
        before, after = (each.sites["capacity_kt"].to_numpy(float) for each in (self.problem, other))
        return np.divide(after, before, out=np.ones_like(before), where=(before > 0) & np.isfinite(before))

    def _heat_ratio(self, other: Problem) -> float:
        before, after = (
            float(np.nansum(each.routes["heat_gj_per_t"].to_numpy(float))) for each in (self.problem, other)
        )
        return after / before if before > 0 else 1.0


def _probe_problem(problem: Problem) -> Problem:
    """The problem with delivered share, heat demand and capacity multiplied by their powers of two."""
    draft = Draft(problem)
    capture_heat(draft, 2.0**_HEAT_BITS)
    draft.scale(("delivered_share",), 2.0**_SHARE_BITS)
    ScalingChange({"sites": ("capacity_kt",), "stores": ("capacity_kt",)})(draft, 2.0**_CAPACITY_BITS)
    return draft.problem()


def _powers(before: Floats, after: Floats, requested: Mask) -> tuple[Ints, bool]:
    """Exponents [share/heat/capacity, number] of each requested number, and whether all are such products."""
    powers = np.zeros((3, len(before)), dtype=np.int64)
    here = np.flatnonzero(requested & np.isfinite(before) & (before != 0) & (before != after))
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = np.log2(after[here] / before[here])
    if not np.isfinite(bits).all():
        return powers, False
    left = np.round(bits).astype(np.int64)
    is_product = bool(np.abs(bits - left).max(initial=0.0) < 1e-9)
    for at, size in ((2, _CAPACITY_BITS), (1, _HEAT_BITS), (0, _SHARE_BITS)):
        powers[at, here] = np.round(left / size).astype(np.int64)
        left = left - powers[at, here] * size
    return powers, is_product and not left.any() and bool((np.abs(powers) <= 1).all())


def _sites_by_name(problem: Problem) -> dict[str, int]:
    """Position of a site by its id and by the ids of its supply-curve steps."""
    at = {site: k for k, site in enumerate(problem.sites["site"])}
    steps = problem.stores if problem.stores is not None else pd.DataFrame(columns=["store", "site"])
    return at | {store: at[site] for store, site in zip(steps["store"], steps["site"], strict=True) if site in at}


def _site_in(index: object, site_of: dict[str, int]) -> int:
    name = index[0] if isinstance(index, tuple) else index
    return site_of.get(name, -1) if isinstance(name, str) else -1


# Evaluates [vector, column] at parameters by name and a delivered share, both relative to the planned ones.
Evaluate = Callable[[Mapping[str, float], float], Floats]

# Parameters are doubled, the share halved and quartered: exact in binary numbers.
_TWICE, _SHARES = 2.0, (0.5, 0.25)
# Rounding error of a difference, relative to its terms.
_ROUNDED = 1e-13
_SAME = 1e-10
# Largest number of parameters in one product.
_MAX_ORDER = 5

Product = tuple[tuple[str, ...], int]


@dataclass(frozen=True, eq=False)
class Responses:
    """Coefficients as sums of products of uncertain parameters, so that a future is one matrix product.

        number = Σ over products P and h in {1, share − 1, 1 / share − 1}: part × Π over P: (parameter − 1) × h

    with parameters and delivered share relative to the planned ones. `products` [part] are parameter names and h as 0,
    1 or 2; `parts` [vector] are each [column, part]. The parts follow from differences of the model's own terms with
    parameters doubled, alone and together.
    """

    products: tuple[Product, ...]
    parts: tuple[sparse.csr_array, ...]

    @classmethod
    def of(
        cls, evaluate: Evaluate, names: Sequence[str], tried: Sequence[tuple[Mapping[str, float], float]]
    ) -> Responses | None:
        """Identify the parts from `evaluate`; None if the result does not reproduce the futures `tried`."""
        known: dict[tuple[tuple[str, ...], float], Floats] = {}

        def evaluate_at(together: tuple[str, ...], share: float) -> Floats:
            key = (together, share)
            if key not in known:
                known[key] = evaluate(dict.fromkeys(together, _TWICE), share)
            return known[key]

        planned = evaluate_at((), 1.0)
        size = np.abs(planned)
        found: dict[Product, Floats] = {((), 0): planned}

        def part(together: tuple[str, ...], share: float) -> Floats:
            total = np.zeros_like(planned)
            for n in range(len(together) + 1):
                for some in combinations(together, n):
                    total += (-1.0) ** (len(together) - n) * evaluate_at(some, share)
            return total

        def add_product(together: tuple[str, ...]) -> bool:
            np.maximum(size, np.abs(evaluate_at(together, 1.0)), out=size)
            number = part(together, 1.0)
            number[np.abs(number) <= _ROUNDED * 2 ** len(together) * size] = 0.0
            if together and number.any():
                found[together, 0] = number
            return bool(number.any())

        level: list[tuple[str, ...]] = [(name,) for name in names if add_product((name,))]
        there = set(level)
        by_share: list[tuple[str, ...]] = [(), *level]
        for order in range(2, _MAX_ORDER + 1):
            singles = sorted({name for each in level for name in each}, key=list(names).index)
            requested = [
                each for each in combinations(singles, order)
                if all(some in there for some in combinations(each, order - 1)) and _is_interaction(found, each)
            ]  # fmt: skip
            level = [each for each in requested if add_product(each)]
            there |= set(level)
            by_share += level
            if not level:
                break
        for together in by_share:
            base = part(together, 1.0)
            half, quarter = (part(together, share) - base for share in _SHARES)
            # With s − 1 and 1 / s − 1 at a half −1/2 and 1, at a quarter −3/4 and 3.
            itself = (4.0 / 3.0) * (quarter - 3.0 * half)
            over = half + 0.5 * itself
            for how, number in ((1, itself), (2, over)):
                number[np.abs(number) <= 16 * _ROUNDED * 2 ** len(together) * size] = 0.0
                if number.any():
                    found[together, how] = number
        products = tuple(found)
        parts = tuple(
            sparse.csr_array(np.column_stack([found[product][k] for product in products])) for k in range(len(planned))
        )
        responses = cls(products, parts)
        for values, share in tried:
            expected, computed = evaluate(values, share), responses.numbers(values, share)
            most = np.maximum(np.abs(expected), size)
            if (np.abs(expected - computed) > _SAME * most).any():
                return None
        return responses

    def weights(self, values: Mapping[str, float], share: float) -> Floats:
        """[part] value of each product at parameters and a share, both relative to the planned ones."""
        how = (1.0, share - 1.0, 1.0 / share - 1.0)
        return np.array(
            [how[h] * np.prod([values.get(name, 1.0) - 1.0 for name in names]) for names, h in self.products]
        )

    def numbers(self, values: Mapping[str, float], share: float) -> Floats:
        """[vector, column] numbers at parameters and a share, both relative to the planned ones."""
        weights = self.weights(values, share)
        return np.vstack([part @ weights for part in self.parts])


def _is_interaction(found: Mapping[Product, Floats], together: tuple[str, ...]) -> bool:
    """Whether any number depends on all of these parameters."""
    depends = np.ones(1, dtype=bool)
    for name in together:
        depends = depends & (found[(name,), 0] != 0)
    return bool(depends.any())
