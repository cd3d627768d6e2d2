"""A plan asked again with one plant in it or out of it, close to the plan in hand.

*Swaps* keep to what the plan lays and builds: its retrofits stay as they are or leave, the plant's own options enter,
pipes may take any size in the years in which the plan lays some, and the plant may lay the way from its place to them.
They are few decisions, so that the best swap is found soon and proven; a plan that moves more may be better still.

The program is linear in capital cost and in the carbon price, so two statements of it give every other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from ccs_model._typing import Floats, Ints
from ccs_model.mip import Highs, Matrix, Outcome, SolverOptions
from ccs_model.mip.branch_and_bound import solve_mip
from ccs_model.mip.clock import now
from ccs_model.mip.matrix import residuals, rounded_to_integrality
from ccs_model.model import build_model
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.decisions import BUILT
from ccs_model.problem import Problem
from ccs_model.solve.fixed_charge_network import BUDGET_CONSTRAINTS

SWAP_GAP = 5e-4


@dataclass(frozen=True)
class Exchange:
    """The best plan found and the bound on it, in the aim's unit; plants that enter and leave. `x` is its point."""

    value: float
    bound: float
    entering: tuple[str, ...]
    leaving: tuple[str, ...]
    x: Floats


@dataclass(frozen=True, eq=False)
class Exchanges:
    """`retrofits` are the plan's, `links` the rows of its links in whose year something is laid."""

    problem: Problem
    matrix: Matrix
    retrofits: pd.DataFrame
    links: pd.DataFrame
    options: SolverOptions
    deadline: float

    @property
    def sign(self) -> float:
        """1 where more is better."""
        return 1.0 if self.matrix.maximise[0] else -1.0

    @cached_property
    def _builds(self) -> pd.DataFrame:
        """One row a column of build: column, route, year, plant, and share, what the plan builds of it."""
        at = self.matrix.columns_of("build")
        index = [self.matrix.columns[j].index for j in at]
        frame = pd.DataFrame(index, columns=["route", "year"]).assign(column=at)
        frame["plant"] = frame["route"].map(
            dict(zip(self.problem.routes["route"], self.problem.routes["plant"], strict=True))
        )
        built = (
            self.retrofits[["route", "year", "share"]]
            if len(self.retrofits)
            else pd.DataFrame(columns=["route", "year", "share"])
        )
        return frame.merge(built.astype({"year": int}), on=["route", "year"], how="left").fillna({"share": 0.0})

    def with_plant(self, plant: str, matrix: Matrix | None = None, start: Exchange | None = None) -> Exchange | None:
        """The best swap in which the plant is fitted; None where there is none, or none was found in time.

        `matrix` stands in for the program, `start` is a swap that holds in it.
        """
        builds = self._builds
        may = (builds["share"] > BUILT) | (builds["plant"] == plant)
        highs = self._program(matrix, builds["column"][~may], self._way(plant))
        forced = builds["column"][builds["plant"] == plant].to_numpy(np.int64)
        highs.add_sparse_row(forced, np.ones(len(forced)), 1.0, np.inf)
        return self._exchange(highs, start)

    def without_plant(self, plant: str, *, refilled: bool = True, matrix: Matrix | None = None) -> Exchange | None:
        """The best plan without the plant: the rest of the plan kept, and others along its pipes in the room it leaves.

        With `refilled` off nobody enters, and the rest may leave.
        """
        builds = self._builds
        others = (builds["share"] > BUILT) & (builds["plant"] != plant)
        near = builds["plant"].isin(self._along()) & (builds["plant"] != plant) if refilled else others
        highs = self._program(matrix, builds["column"][~(others | near)], set())
        if refilled:
            kept = builds["column"][others].to_numpy(np.int64)
            highs.set_bounds(kept, builds["share"][others].to_numpy(float), self.matrix.upper[kept])
        return self._exchange(highs)

    def money_to_add(self, plant: str, value: float) -> float | None:
        """Least million to add to the budget, ceilings aside, that holds all the plan builds and the plant.

        The aim comes out no worse than the plan's `value`; None where that cannot be, or was not found.
        """
        rows = self.matrix.rows_of("spending_within_budget")
        if not len(rows) or self.problem.is_static:
            return None
        builds = self._builds
        mine, others = builds["plant"] == plant, builds["share"] > BUILT
        highs = self._program(None, builds["column"][~(mine | others)], self._way(plant))
        kept = builds["column"][others & ~mine].to_numpy(np.int64)
        highs.set_bounds(kept, builds["share"][others & ~mine].to_numpy(float), self.matrix.upper[kept])
        slack = 1e-6 * abs(value)
        low, high = (value - slack, np.inf) if self.sign > 0 else (-np.inf, value + slack)
        highs.add_row(self.matrix.costs[0], low, high)
        for constraint in BUDGET_CONSTRAINTS:
            for row in self.matrix.rows_of(constraint):
                highs.set_row(int(row), -np.inf, np.inf)
        forced = builds["column"][mine].to_numpy(np.int64)
        highs.add_sparse_row(forced, np.ones(len(forced)), 1.0, np.inf)
        spending = self.matrix.rows.tocsr()[[int(rows[0])]].toarray().ravel()
        highs.set_objective(spending, maximise=False)
        highs.set_option("mip_rel_gap", 1e-3)
        outcome = highs.run(self.time_s, "money to add")
        if outcome.x is None:
            return None
        return float(outcome.objective) - float(self.matrix.row_upper[int(rows[0])])

    def relaxed(self) -> Relaxed:
        """The linear program over all links, to price a lock and to see what binds."""
        return Relaxed(self)

    def with_capex(self, plant: str) -> ParameterChange:
        """The program at any multiple of the capture capital of a plant's options; fixed O&M follows as its share."""
        return ParameterChange.of(self.matrix, with_capex(self.problem, plant, 2.0), 1.0, 2.0)

    def with_carbon_price(self) -> ParameterChange:
        """The program at any addition per t to the carbon price, in every year in which a cut earns it."""
        accounts = self.problem.accounts
        earns = accounts.credit_per_t > 0
        more = replace(self.problem, accounts=replace(accounts, credit_per_t=accounts.credit_per_t + 100.0 * earns))
        return ParameterChange.of(self.matrix, more, 0.0, 100.0)

    def _program(self, matrix: Matrix | None, idle: pd.Series, way: set[str]) -> Highs:
        """The program with these builds, and pipes off the plan's way, at 0."""
        highs = Highs(matrix or self.matrix, replace(self.options, gap_share=SWAP_GAP))
        off = np.concatenate([idle.to_numpy(np.int64), self._pipes_off(way)])
        if self.problem.is_integer:
            highs.set_bounds(off, np.zeros(len(off)), np.zeros(len(off)))
        return highs

    def _exchange(self, highs: Highs, start: Exchange | None = None) -> Exchange | None:
        point = None if start is None else start.x
        if self.problem.is_integer and self.problem.network is None:
            # Every route of every plant may enter; the whole program finds the few that matter first.
            outcome = solve_mip(
                highs,
                maximise=self.matrix.maximise[0],
                gap=SWAP_GAP,
                deadline=now() + self.time_s,
                stage="a swap",
                start=point,
            ).outcome
        else:
            if point is not None and self.problem.is_integer:
                highs.start_from(point)
            outcome = highs.run(self.time_s, "a swap")
        if outcome.x is None or outcome.status not in ("optimal", "limit"):
            return None
        return self._found(highs.matrix, outcome)

    def _found(self, matrix: Matrix, outcome: Outcome) -> Exchange | None:
        assert outcome.x is not None
        x = rounded_to_integrality(matrix, outcome.x)
        if not residuals(matrix, x).hold:
            return None
        builds = self._builds
        after = pd.Series(x[builds["column"].to_numpy(np.int64)]).groupby(builds["plant"].to_numpy()).sum()
        was = builds.groupby("plant")["share"].sum()
        entering = tuple(sorted(after.index[(after > BUILT) & (was <= BUILT)]))
        leaving = tuple(sorted(after.index[(after <= BUILT) & (was > BUILT)]))
        return Exchange(float(outcome.objective), float(outcome.bound), entering, leaving, x)

    def columns_of(self, plant: str) -> Ints:
        """Columns of what can be built at a plant."""
        builds = self._builds
        return builds["column"][builds["plant"] == plant].to_numpy(np.int64)

    def built_at(self, plant: str, exchange: Exchange) -> tuple[tuple[str, int], ...]:
        """(route, year) of what a swap builds at a plant."""
        mine = self._builds[self._builds["plant"] == plant]
        built = mine[exchange.x[mine["column"].to_numpy(np.int64)] > BUILT]
        return tuple(zip(built["route"], built["year"], strict=True))

    @property
    def time_s(self) -> float:
        """What one solve may take: half of what is left."""
        return max((self.deadline - now()) / 2.0, 0.1)

    def _pipes_off(self, way: set[str]) -> Ints:
        """Columns of pipes that neither the plan lays nor the plant's way needs."""
        network = self.problem.network
        if network is None:
            return np.zeros(0, dtype=np.int64)
        link_of = dict(zip(network.lines["line"], network.lines["link"], strict=True))
        built = set(zip(self.links["link"], self.links["year"], strict=True)) if len(self.links) else set()
        return np.array(
            [
                j
                for j in self.matrix.columns_of("pipe")
                for line, year in [self.matrix.columns[j].index]
                if link_of[line] not in way and (link_of[line], year) not in built
            ],
            dtype=np.int64,
        )

    def _along(self) -> set[str]:
        """Plants at the nodes of the plan's links; all of them where each has a pipe of its own."""
        network = self.problem.network
        if network is None:
            return set(self._builds["plant"])
        used = network.links[network.links["link"].isin(set(self.links["link"]) if len(self.links) else set())]
        nodes = set(used["node_a"]) | set(used["node_b"])
        return {plant for plant, node in network.node_of_plant.items() if node in nodes}

    def _way(self, plant: str) -> set[str]:
        """Links of the cheapest ways from a plant to the plan's pipes and to its nearest site."""
        network = self.problem.network
        if network is None:
            return set()
        nodes = pd.Index(network.nodes["node"])
        pipes = network.links[network.links["kind"] == "pipe"]
        a, b = nodes.get_indexer(pipes["node_a"]), nodes.get_indexer(pipes["node_b"])
        weight = (pipes["length_km"] * pipes["cost_factor"]).to_numpy(float) + 1e-6
        graph = coo_array((weight, (a, b)), shape=(len(nodes), len(nodes))).tocsr()
        home = int(nodes.get_loc(network.node_of_plant[plant]))
        far, before = dijkstra(graph, directed=False, indices=home, return_predecessors=True)
        used = pipes["link"].isin(set(self.links["link"]) if len(self.links) else set()).to_numpy()
        goals = [np.unique(np.r_[a[used], b[used]]), nodes.get_indexer(self.problem.sites["site"])]
        name = {
            frozenset(ends): link
            for ends, link in zip(zip(a.tolist(), b.tolist(), strict=True), pipes["link"], strict=True)
        }
        way: set[str] = set()
        for goal in goals:
            there = goal[(goal >= 0) & np.isfinite(far[np.maximum(goal, 0)])]
            if not len(there):
                continue
            at = int(there[np.argmin(far[there])])
            while at != home:
                way.add(name[frozenset((at, int(before[at])))])
                at = int(before[at])
        return way


def exchanges_of(problem: Problem, retrofits: pd.DataFrame, links: pd.DataFrame, deadline: float) -> Exchanges:
    """Swaps of a plan from its tables of retrofits and links; `deadline` is a now() value."""
    requested = problem.scenario.solver
    if problem.network is not None and len(links):
        links = links[links["built_mn"] > BUILT]
    options = SolverOptions(requested.mip_gap, requested.threads, requested.seed)
    return Exchanges(problem, matrix_of(build_model(problem)), retrofits, links, options, deadline)


@dataclass(frozen=True, eq=False)
class ParameterChange:
    """A program that is linear in one number: `at(k)` states it there."""

    low: Matrix
    high: Matrix
    low_at: float
    high_at: float

    @classmethod
    def of(cls, matrix: Matrix, problem: Problem, low_at: float, high_at: float) -> ParameterChange:
        """From a program at `low_at` and the problem at `high_at`."""
        return cls(matrix, matrix_of(build_model(problem)), low_at, high_at)

    def at(self, number: float) -> Matrix:
        """The program at a number."""
        k = (number - self.low_at) / (self.high_at - self.low_at)
        rows = self.low.rows + k * (self.high.rows - self.low.rows)
        rows.sort_indices()
        return replace(self.low, rows=rows, costs=self.low.costs + k * (self.high.costs - self.low.costs))


def with_capex(problem: Problem, plant: str, factor: float) -> Problem:
    """The problem with a multiple of the capture capital of a plant's options; fixed O&M follows as its share."""
    mine = (problem.routes["plant"] == plant).to_numpy()
    more = problem.routes["capture_capex_mn"].where(mine, 0.0) * (factor - 1.0)
    share = problem.routes["fixed_om_share"].where(problem.routes["measure"] == "", 0.0).fillna(0.0)
    routes = problem.routes.assign(
        capture_capex_mn=problem.routes["capture_capex_mn"] + more,
        capex_mn=problem.routes["capex_mn"] + more,
        fixed_om_mn_pa=problem.routes["fixed_om_mn_pa"] + more * share,
    )
    return replace(problem, routes=routes)


class Relaxed:
    """The linear program of a plan, solved once and asked again hot."""

    def __init__(self, exchanges: Exchanges) -> None:
        self._exchanges = exchanges
        self._highs = Highs(exchanges.matrix, exchanges.options)
        self._highs.set_integrality(False)
        self.base = self._highs.run(exchanges.time_s, "the linear program")

    @property
    def is_solved(self) -> bool:
        """Whether it was solved in time."""
        return self.base.status == "optimal"

    def price_of(self, plant: str, *, fitted: bool) -> float | None:
        """What the aim loses in the linear program when the plant must be fitted, or must be left out; at least 0."""
        exchanges, highs = self._exchanges, self._highs
        columns = exchanges.columns_of(plant)
        if not self.is_solved or not len(columns):
            return None
        if fitted:
            highs.add_sparse_row(columns, np.ones(len(columns)), 1.0, np.inf)
        else:
            highs.set_bounds(columns, np.zeros(len(columns)), np.zeros(len(columns)))
        outcome = highs.run(exchanges.time_s, "price of a lock")
        if outcome.status != "optimal":
            return None
        return max(exchanges.sign * (self.base.objective - outcome.objective), 0.0)

    def duals(self) -> Mapping[tuple[str, object], float]:
        """What one more unit of each binding row would gain, by (claim, index)."""
        dual = self.base.row_dual
        if dual is None:
            return {}
        return {
            self._exchanges.matrix.row_constraints[i]: float(abs(dual[i]))
            for i in np.flatnonzero(np.abs(dual) > 1e-9).tolist()
        }
