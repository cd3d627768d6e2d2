"""The matrix of a problem whose coefficients a future changes, from the planned one's, without Pyomo.

Which rows and columns there are never changes. Costs, spending and targets are summed again from the model's own
terms. All other coefficients and limits are products: the planned one times powers of the delivered share, of the heat
need and of a site's capacity. Those powers are read off a second matrix, built once from a problem in which the three
differ by powers of two that no product confuses. Where a claim is neither, every future is built by Pyomo.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.analysis.levers import Draft, capture_heat
from ccs_model.analysis.products import Powers, Products
from ccs_model.model import build_model
from ccs_model.model.objective import AIMS
from ccs_model.model.targets import routes_counted, surplus_of, tonnes_of
from ccs_model.model.terms import capex_mn, summed
from ccs_model.plan.decisions import places_of
from ccs_model.problem import Problem
from ccs_model.solver import Matrix, matrix_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_OF_CAPEX = (
    "spending_within_budget", "spending_within_ceiling", "spending_within_province_budget", "funds_pay_what_is_spent",
    "fund_within_share", "tied_funds_pay_for_their_own",
)  # fmt: skip
_OF_TONNES = ("cut_reached", "cumulative_cut_reached", "share_of_avoided_kept")
# Sums of money and tonnes at once: built anew.
_NEITHER = ("credit_within_the_cut", "paid_for_tonnes_alone")
# What a pipe is laid for is designed, and what is missed is no flow: neither moves with the delivered share.
_BUILT = ("added_ktpa", "shortfall_kt")
# The three are told apart by these powers of two: −1, 0 or 1 times each.
_SHARE_BITS, _HEAT_BITS, _ROOM_BITS = -1, 4, 16


class Restated:
    """Makes the matrices of a problem's futures; `planned` is its own."""

    def __init__(self, problem: Problem, matrix: Matrix | None = None, *, probed: bool = True) -> None:
        """Without `probed` only the planned matrix is known, and every other one is built anew."""
        self.problem = problem
        self.planned = matrix if matrix is not None else matrix_of(build_model(problem))
        claims = np.array([name for name, _ in self.planned.row_claims], dtype=object)
        full = problem.routes["nameplate_ktpa"].to_numpy(float)
        self._per_share = full[:, None, None] * problem.running_share
        self._speaker = np.unique(problem.unit_of, return_index=True)[1]
        self.places = {name: places_of(problem, self.planned, name) for name in problem.axes}
        names = [column.variable for column in self.planned.columns]
        self.is_short = np.equal(np.array(names, dtype=object), "shortfall_kt")
        self.is_tonnes = np.array([name.endswith(("_ktpa", "_kt")) and name not in _BUILT for name in names])
        self.products: Products | None = None
        if not probed or problem.is_static or np.isin(claims, _NEITHER).any():
            return
        rows = self.planned.rows
        self._targets = {target.key: target for target in problem.targets}
        self._tonnes = []
        for row in np.flatnonzero(np.isin(claims, _OF_TONNES)):
            entries = np.flatnonzero(rows.indices == row)
            # A shortfall stands in its target as 1.
            columns = np.searchsorted(rows.indptr, entries, side="right") - 1
            self._tonnes.append((row, *self.planned.row_claims[row], entries[~self.is_short[columns]]))
        aim = AIMS[problem.aim].first(problem)
        self._other_costs = self.planned.costs[0] - self.vector(problem, summed(aim))
        self.products = self._products(claims[rows.indices])

    @property
    def by_products(self) -> bool:
        """Whether matrices need no Pyomo."""
        return self.products is not None

    def matrix(self, other: Problem) -> Matrix:
        """The matrix of the problem with other coefficients, its second objective left as it is."""
        if self.products is None:
            return matrix_of(build_model(other))
        share = other.delivered_share / self.problem.delivered_share
        room, heat = self._room_ratio(other), self._heat_ratio(other)
        return self.products.matrix(
            share, heat, room, self._by_column(capex_mn(other)), self.of_targets(other), self.first_objective(other)
        )

    def of_targets(self, other: Problem) -> list[Floats]:
        """What 1 of each column gives to each target, [column]."""
        found = []
        for _, claim, index, _ in self._tonnes:
            if claim == "share_of_avoided_kept":
                found.append(self.vector(other, surplus_of(other, index)))
            else:
                target = self._targets[index]
                found.append(self.vector(other, tonnes_of(other, target), routes_counted(other, target)))
        return found

    def first_objective(self, other: Problem) -> Floats:
        """[column] what the aim counts, shortfalls as planned."""
        return np.asarray(self._other_costs + self.vector(other, summed(AIMS[other.aim].first(other))))

    def tonnes_scaled(self, share: float) -> Floats:
        """[column] `share` where the column counts delivered tonnes, 1 where it counts what is built or spent."""
        return np.where(self.is_tonnes, share, 1.0)

    def vector(self, problem: Problem, amounts: dict[str, Floats], routes: Mask | None = None) -> Floats:
        """[column] coefficients of amounts [id, year] by variable, as the model sums them."""
        on = {name: amount for name, amount in amounts.items() if name != "captured_ktpa"}
        captured = amounts.get("captured_ktpa")
        if captured is not None:
            built = np.einsum("rsy,ry->rs", self._per_share, captured) * problem.delivered_share
            on["build"] = on["build"] + built if "build" in on else built
            on["throttled_ktpa"] = on.get("throttled_ktpa", 0.0) - captured[self._speaker]
        found = np.zeros(len(self.planned.columns))
        for name, amount in on.items():
            columns, first, years = self.places[name]
            shape = (len(self.problem.axes[name]), len(self.problem.years))
            values = np.broadcast_to(amount, shape)[first, years]
            mask = None
            if routes is not None:
                mask = {"build": routes, "throttled_ktpa": routes[self._speaker]}.get(name)
            found[columns] = values if mask is None else values * mask[first]
        return found

    def _by_column(self, amounts: dict[str, Floats]) -> Floats:
        found = np.zeros(len(self.planned.columns))
        for name, amount in amounts.items():
            columns, first, _ = self.places[name]
            found[columns] = amount[first]
        return found

    def _products(self, claim_of: npt.NDArray[np.object_]) -> Products | None:
        """The powers of share, heat and room in every coefficient and limit, from a problem that differs in them."""
        planned = self.planned
        there = matrix_of(build_model(_probed(self.problem)))
        if not (
            np.array_equal(there.rows.indices, planned.rows.indices)
            and np.array_equal(there.rows.indptr, planned.rows.indptr)
        ):
            return None
        site_of = _sites_by_name(self.problem)
        row_site = np.array([_site_in(index, site_of) for _, index in planned.row_claims], dtype=np.int64)
        column_site = np.array([_site_in(column.index, site_of) for column in planned.columns], dtype=np.int64)
        summed_anew = np.isin(claim_of, (*_OF_CAPEX, *_OF_TONNES))
        powers, sound = _powers(planned.rows.data, there.rows.data, ~summed_anew)
        room_of_entry = row_site[planned.rows.indices]
        sound &= bool((room_of_entry[powers[2] != 0] >= 0).all())
        of_data, of_limits = Powers.of(powers, room_of_entry), {}
        for name, sites in (
            ("row_lower", row_site), ("row_upper", row_site), ("lower", column_site), ("upper", column_site)
        ):  # fmt: skip
            powers, fine = _powers(getattr(planned, name), getattr(there, name), np.ones(len(sites), dtype=bool))
            sound &= fine & bool((sites[powers[2] != 0] >= 0).all())
            of_limits[name] = Powers.of(powers, sites)
        if not sound:
            return None
        of_capex = np.flatnonzero(np.isin(claim_of, _OF_CAPEX))
        capex = self._by_column(capex_mn(self.problem))
        return Products(planned, of_data, of_limits, of_capex, capex, tuple(each[3] for each in self._tonnes))

    def _room_ratio(self, other: Problem) -> Floats:
        before, after = (each.sites["capacity_kt"].to_numpy(float) for each in (self.problem, other))
        return np.divide(after, before, out=np.ones_like(before), where=(before > 0) & np.isfinite(before))

    def _heat_ratio(self, other: Problem) -> float:
        before, after = (
            float(np.nansum(each.routes["heat_gj_per_t"].to_numpy(float))) for each in (self.problem, other)
        )
        return after / before if before > 0 else 1.0


def _probed(problem: Problem) -> Problem:
    room = 2.0**_ROOM_BITS
    stores = problem.stores
    draft = Draft(problem)
    capture_heat(draft, 2.0**_HEAT_BITS)
    return replace(
        draft.problem(),
        delivered_share=problem.delivered_share * 2.0**_SHARE_BITS,
        sites=problem.sites.assign(capacity_kt=problem.sites["capacity_kt"] * room),
        stores=None if stores is None else stores.assign(capacity_kt=stores["capacity_kt"] * room),
    )


def _powers(before: Floats, after: Floats, asked: Mask) -> tuple[Ints, bool]:
    """[share, heat, room] the powers by which each number grew, and whether all that were asked for are products."""
    powers = np.zeros((3, len(before)), dtype=np.int64)
    here = np.flatnonzero(asked & np.isfinite(before) & (before != 0) & (before != after))
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = np.log2(after[here] / before[here])
    if not np.isfinite(bits).all():
        return powers, False
    left = np.round(bits).astype(np.int64)
    sound = bool(np.abs(bits - left).max(initial=0.0) < 1e-9)
    for at, size in ((2, _ROOM_BITS), (1, _HEAT_BITS), (0, _SHARE_BITS)):
        powers[at, here] = np.round(left / size).astype(np.int64)
        left = left - powers[at, here] * size
    return powers, sound and not left.any() and bool((np.abs(powers) <= 1).all())


def _sites_by_name(problem: Problem) -> dict[str, int]:
    """Position of a site by its id, and by the ids of its steps."""
    at = {site: k for k, site in enumerate(problem.sites["site"])}
    steps = problem.stores if problem.stores is not None else pd.DataFrame(columns=["store", "site"])
    return at | {store: at[site] for store, site in zip(steps["store"], steps["site"], strict=True) if site in at}


def _site_in(index: object, site_of: dict[str, int]) -> int:
    name = index[0] if isinstance(index, tuple) else index
    return site_of.get(name, -1) if isinstance(name, str) else -1
