"""Re-solve near a reference plan: plants forced in or out, 1-exchanges and changed coefficients.

This is the kit behind `explain` and `near_optimal`. Two restrictions of the model are used:

1-exchange        existing retrofits stay or leave, one plant is forced in or out, pipes keep to the plan's links
                  and to the cheapest connection of the plant (`Exchanges`)
relaxation        the LP over all links with the builds of one plant forced in or out (`LinearRelaxation`)

The model is linear in capital cost and in the carbon price, so two matrices give the model at any value of either
(`ParameterChange`).
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
from ccs_model.analysis.rebuilt_plan import NO_COLUMNS, feasible_point, solver_options
from ccs_model.mip import Highs, Matrix, Outcome, SolverOptions
from ccs_model.mip.branch_and_bound import solve_mip
from ccs_model.mip.clock import now
from ccs_model.model.build_model import build_model
from ccs_model.model.names import BUDGET, BUILD, MONEY_LIMITS, PIPE
from ccs_model.model.standard_form import matrix_of
from ccs_model.plan.decisions import BUILT
from ccs_model.problem import Problem

EXCHANGE_GAP = 5e-4


class LinearRelaxation:
    """The LP relaxation of a model, solved once and re-solved from a warm start with some columns forced in or out.

    `base` is the outcome without anything forced; columns in `off` are fixed at 0 throughout.
    """

    def __init__(self, matrix: Matrix, options: SolverOptions, time_s: float, off: Ints | None = None) -> None:
        self._sign = matrix.sign
        self._highs = Highs.lp_relaxation(matrix, options)
        if off is not None:
            self._highs.fix(off)
        self.base = self._highs.run(time_s, "LP relaxation")

    @property
    def is_solved(self) -> bool:
        """Whether the relaxation was solved to optimality in time."""
        return self.base.status == "optimal"

    def value_without(self, columns: Ints, time_s: float) -> float | None:
        """Objective with these columns at 0; infinitely bad if infeasible, None if it was not solved in time."""
        highs = self._highs
        lower, upper = highs.lower[columns], highs.upper[columns]
        highs.fix(columns)
        outcome = highs.run(time_s, "LP relaxation without a plant")
        highs.set_bounds(columns, lower, upper)
        return bound_from(outcome, self._sign)

    def value_with(self, columns: Ints, time_s: float) -> float | None:
        """Objective if these columns sum to 1 or more, a row that stays in the model; else as `value_without`."""
        self._highs.add_sparse_row(columns, np.ones(len(columns)), 1.0, np.inf)
        return bound_from(self._highs.run(time_s, "LP relaxation with a plant"), self._sign)


def bound_from(outcome: Outcome, sign: float) -> float | None:
    """Bound that an LP outcome gives; `sign` is 1 for maximisation.

    Infinitely bad if infeasible, None if it was not solved.
    """
    if outcome.status == "infeasible":
        return -sign * np.inf
    return float(outcome.objective) if outcome.status == "optimal" else None


@dataclass(frozen=True)
class Exchange:
    """Best plan found in a 1-exchange neighbourhood: value and bound in the objective's unit, plants, and its point."""

    value: float
    bound: float
    entering: tuple[str, ...]
    leaving: tuple[str, ...]
    x: Floats


@dataclass(frozen=True, eq=False)
class Exchanges:
    """The 1-exchange neighbourhood of a plan.

    `retrofits` is the plan's table; `links` has the rows of its links in whose year something is built. Retrofits stay
    as they are or leave, the options of the forced plant enter, and pipes may take any size where the plan builds one.
    The neighbourhood is small, so the best exchange is proven quickly; a plan with more changes may be better.
    """

    problem: Problem
    matrix: Matrix
    retrofits: pd.DataFrame
    links: pd.DataFrame
    options: SolverOptions
    deadline: float

    @property
    def sign(self) -> float:
        """1 for maximisation, −1 for minimisation."""
        return self.matrix.sign

    @property
    def time_s(self) -> float:
        """Time limit of one solve: half of the remaining time."""
        return max((self.deadline - now()) / 2.0, 0.1)

    @cached_property
    def _builds(self) -> pd.DataFrame:
        """Columns column, route, year and plant of every build, and share, what the plan builds of it."""
        at = self.matrix.columns_of(BUILD)
        index = [self.matrix.columns[j].index for j in at]
        frame = pd.DataFrame(index, columns=["route", "year"]).assign(column=at)
        frame["plant"] = frame["route"].map(
            dict(zip(self.problem.routes["route"], self.problem.routes["plant"], strict=True))
        )
        columns = ["route", "year", "share"]
        built = self.retrofits[columns] if len(self.retrofits) else pd.DataFrame(columns=columns)
        return frame.merge(built.astype({"year": int}), on=["route", "year"], how="left").fillna({"share": 0.0})

    def with_plant(self, plant: str, matrix: Matrix | None = None, start: Exchange | None = None) -> Exchange | None:
        """Best exchange that retrofits a plant; None if there is none or none was found in time.

        `matrix` replaces the model's own; `start` is a feasible exchange to start from.
        """
        builds = self._builds
        allowed = (builds["share"] > BUILT) | (builds["plant"] == plant)
        highs = self._restricted_model(matrix, builds["column"][~allowed], self._connection_of(plant))
        self._require(highs, plant)
        return self._solve(highs, start)

    def without_plant(
        self, plant: str, *, refilled: bool = True, others_stay: bool = True, matrix: Matrix | None = None
    ) -> Exchange | None:
        """Best exchange without a plant.

        With `refilled` plants along the plan's pipes may enter, otherwise none. With `others_stay` the other retrofits
        stay, otherwise they may leave.
        """
        builds = self._builds
        others = (builds["share"] > BUILT) & (builds["plant"] != plant)
        nearby = builds["plant"].isin(self._plants_on_pipes()) & (builds["plant"] != plant) if refilled else others
        highs = self._restricted_model(matrix, builds["column"][~(others | nearby)], set())
        if others_stay:
            self._keep(highs, others)
        return self._solve(highs)

    def money_to_add(self, plant: str, value: float) -> float | None:
        """Smallest increase of the budget (million) that pays for the plan and the plant, without other budgets.

        The objective must not be worse than `value`. None if that is impossible or was not found in time.
        """
        rows = self.matrix.rows_of(BUDGET)
        if not len(rows) or self.problem.is_static:
            return None
        builds = self._builds
        of_plant, others = builds["plant"] == plant, builds["share"] > BUILT
        highs = self._restricted_model(None, builds["column"][~(of_plant | others)], self._connection_of(plant))
        self._keep(highs, others & ~of_plant)
        slack = 1e-6 * abs(value)
        low, high = (value - slack, np.inf) if self.sign > 0 else (-np.inf, value + slack)
        highs.add_row(self.matrix.costs[0], low, high)
        for constraint in MONEY_LIMITS:
            for row in self.matrix.rows_of(constraint):
                highs.set_row(int(row), -np.inf, np.inf)
        self._require(highs, plant)
        spending = self.matrix.rows.tocsr()[[int(rows[0])]].toarray().ravel()
        highs.set_objective(spending, maximise=False)
        highs.set_option("mip_rel_gap", 1e-3)
        outcome = highs.run(self.time_s, "budget to add")
        if outcome.x is None:
            return None
        return float(outcome.objective) - float(self.matrix.row_upper[int(rows[0])])

    def relaxation(self) -> LinearRelaxation:
        """The LP relaxation over all candidate links."""
        return LinearRelaxation(self.matrix, self.options, self.time_s)

    def relaxed_cost_of(self, plant: str, relaxation: LinearRelaxation, *, required: bool) -> float | None:
        """Loss of the LP objective if a plant is required (or excluded), at least 0; None if it was not found."""
        columns = self.columns_of(plant)
        if not relaxation.is_solved or not len(columns):
            return None
        value = (relaxation.value_with if required else relaxation.value_without)(columns, self.time_s)
        if value is None or not np.isfinite(value):
            return None
        return max(self.sign * (relaxation.base.objective - value), 0.0)

    def duals(self, relaxation: LinearRelaxation) -> Mapping[tuple[str, object], float]:
        """Absolute dual of each binding row of the LP relaxation, by (constraint, index)."""
        dual = relaxation.base.row_dual
        if dual is None:
            return {}
        return {
            self.matrix.row_constraints[i]: float(abs(dual[i])) for i in np.flatnonzero(np.abs(dual) > 1e-9).tolist()
        }

    def with_capex(self, plant: str) -> ParameterChange:
        """The model at any multiple of the capture capex of a plant's options; fixed O&M follows as its share."""
        return ParameterChange.of(self.matrix, with_capex(self.problem, plant, 2.0), 1.0, 2.0)

    def with_carbon_price(self) -> ParameterChange:
        """The model at any addition (money per t) to the carbon price in the years in which abatement earns it."""
        credit_per_t = self.problem.accounts.credit_per_t
        return self._with_credit(credit_per_t + 100.0 * (credit_per_t > 0), 0.0, 100.0)

    def with_carbon_price_factor(self) -> ParameterChange:
        """The model at any multiple of the carbon price that abatement earns."""
        return self._with_credit(2.0 * self.problem.accounts.credit_per_t, 1.0, 2.0)

    def _with_credit(self, credit_per_t: Floats, low_at: float, high_at: float) -> ParameterChange:
        accounts = replace(self.problem.accounts, credit_per_t=credit_per_t)
        return ParameterChange.of(self.matrix, replace(self.problem, accounts=accounts), low_at, high_at)

    def columns_of(self, plant: str) -> Ints:
        """Columns of the builds at a plant."""
        builds = self._builds
        return builds["column"][builds["plant"] == plant].to_numpy(np.int64)

    def builds_at(self, plant: str, exchange: Exchange) -> tuple[tuple[str, int], ...]:
        """(route, year) of what an exchange builds at a plant."""
        at_plant = self._builds[self._builds["plant"] == plant]
        built = at_plant[exchange.x[at_plant["column"].to_numpy(np.int64)] > BUILT]
        return tuple(zip(built["route"], built["year"], strict=True))

    def _restricted_model(self, matrix: Matrix | None, idle: pd.Series, connection: set[str]) -> Highs:
        """The model with idle builds, and pipes outside the plan and the connection, fixed at 0."""
        highs = Highs(matrix or self.matrix, replace(self.options, gap_share=EXCHANGE_GAP))
        off = np.concatenate([idle.to_numpy(np.int64), self._idle_pipe_columns(connection)])
        if self.problem.is_integer:
            highs.fix(off)
        return highs

    def _require(self, highs: Highs, plant: str) -> None:
        columns = self.columns_of(plant)
        highs.add_sparse_row(columns, np.ones(len(columns)), 1.0, np.inf)

    def _keep(self, highs: Highs, which: pd.Series) -> None:
        kept = self._builds["column"][which].to_numpy(np.int64)
        highs.set_bounds(kept, self._builds["share"][which].to_numpy(float), self.matrix.upper[kept])

    def _solve(self, highs: Highs, start: Exchange | None = None) -> Exchange | None:
        point = None if start is None else start.x
        if self.problem.is_integer and self.problem.network is None:
            # Every route of every plant may enter; sifting finds the few that matter first.
            outcome = solve_mip(highs, deadline=now() + self.time_s, stage="1-exchange", start=point).outcome
        else:
            if point is not None and self.problem.is_integer:
                highs.start_from(point)
            outcome = highs.run(self.time_s, "1-exchange")
        x = feasible_point(highs.matrix, outcome.point)
        if x is None:
            return None
        builds = self._builds
        after = pd.Series(x[builds["column"].to_numpy(np.int64)]).groupby(builds["plant"].to_numpy()).sum()
        before = builds.groupby("plant")["share"].sum()
        entering = tuple(sorted(after.index[(after > BUILT) & (before <= BUILT)]))
        leaving = tuple(sorted(after.index[(after <= BUILT) & (before > BUILT)]))
        return Exchange(float(outcome.objective), float(outcome.bound), entering, leaving, x)

    def _idle_pipe_columns(self, connection: set[str]) -> Ints:
        """Columns of pipes that the plan does not build and the connection does not need."""
        network = self.problem.network
        if network is None:
            return NO_COLUMNS
        link_of = network.link_of
        built = set(zip(self.links["link"], self.links["year"], strict=True)) if len(self.links) else set()
        return np.array(
            [
                j
                for j in self.matrix.columns_of(PIPE)
                for line, year in [self.matrix.columns[j].index]
                if link_of[line] not in connection and (link_of[line], year) not in built
            ],
            dtype=np.int64,
        )

    @property
    def _used_links(self) -> set[str]:
        return set(self.links["link"]) if len(self.links) else set()

    def _plants_on_pipes(self) -> set[str]:
        """Plants at the nodes of the plan's links; all plants where each has its own pipe."""
        network = self.problem.network
        if network is None:
            return set(self._builds["plant"])
        used = network.links[network.links["link"].isin(self._used_links)]
        nodes = set(used["node_a"]) | set(used["node_b"])
        return {plant for plant, node in network.node_of_plant.items() if node in nodes}

    def _connection_of(self, plant: str) -> set[str]:
        """Links of the shortest cost-weighted paths from a plant to the plan's pipes and to its nearest site."""
        network = self.problem.network
        if network is None:
            return set()
        nodes = pd.Index(network.nodes["node"])
        pipes = network.links[network.links["kind"] == "pipe"]
        a, b = nodes.get_indexer(pipes["node_a"]), nodes.get_indexer(pipes["node_b"])
        weight = (pipes["length_km"] * pipes["cost_factor"]).to_numpy(float) + 1e-6
        graph = coo_array((weight, (a, b)), shape=(len(nodes), len(nodes))).tocsr()
        home = int(nodes.get_loc(network.node_of_plant[plant]))
        distance, before = dijkstra(graph, directed=False, indices=home, return_predecessors=True)
        used = pipes["link"].isin(self._used_links).to_numpy()
        goals = [np.unique(np.r_[a[used], b[used]]), nodes.get_indexer(self.problem.sites["site"])]
        name = {
            frozenset(ends): link
            for ends, link in zip(zip(a.tolist(), b.tolist(), strict=True), pipes["link"], strict=True)
        }
        connection: set[str] = set()
        for goal in goals:
            reachable = goal[(goal >= 0) & np.isfinite(distance[np.maximum(goal, 0)])]
            if not len(reachable):
                continue
            at = int(reachable[np.argmin(distance[reachable])])
            while at != home:
                connection.add(name[frozenset((at, int(before[at])))])
                at = int(before[at])
        return connection


def exchanges_of(
    problem: Problem, retrofits: pd.DataFrame, links: pd.DataFrame, deadline: float, matrix: Matrix | None = None
) -> Exchanges:
    """The 1-exchange neighbourhood of a plan from its tables of retrofits and links.

    `deadline` is a `now()` value; `matrix` is the problem's own if it exists already.
    """
    if problem.network is not None and len(links):
        links = links[links["built_mn"] > BUILT]
    matrix = matrix if matrix is not None else matrix_of(build_model(problem))
    return Exchanges(problem, matrix, retrofits, links, solver_options(problem), deadline)


@dataclass(frozen=True, eq=False)
class ParameterChange:
    """A model that is linear in one parameter, known at two of its values."""

    low: Matrix
    high: Matrix
    low_at: float
    high_at: float

    @classmethod
    def of(cls, matrix: Matrix, problem: Problem, low_at: float, high_at: float) -> ParameterChange:
        """From the model at `low_at` and the problem at `high_at`."""
        return cls(matrix, matrix_of(build_model(problem)), low_at, high_at)

    def at(self, value: float) -> Matrix:
        """The model at a value of the parameter."""
        k = (value - self.low_at) / (self.high_at - self.low_at)
        rows = self.low.rows + k * (self.high.rows - self.low.rows)
        rows.sort_indices()
        return replace(self.low, rows=rows, costs=self.low.costs + k * (self.high.costs - self.low.costs))


def with_capex(problem: Problem, plant: str, factor: float) -> Problem:
    """The problem with a multiple of the capture capex of a plant's options; fixed O&M follows as its share."""
    of_plant = (problem.routes["plant"] == plant).to_numpy()
    more = problem.routes["capture_capex_mn"].where(of_plant, 0.0) * (factor - 1.0)
    share = problem.routes["fixed_om_share"].where(problem.routes["measure"] == "", 0.0).fillna(0.0)
    routes = problem.routes.assign(
        capture_capex_mn=problem.routes["capture_capex_mn"] + more,
        capex_mn=problem.routes["capex_mn"] + more,
        fixed_om_mn_pa=problem.routes["fixed_om_mn_pa"] + more * share,
    )
    return replace(problem, routes=routes)
