"""One plant of a run: its cost chain, the reason why it is in or out, and what would change that.

Changes are found by re-solving near the plan (`ccs_model.analysis.what_if`). Each figure states its accuracy: the gap
of the exchange, the gap of the plan, or both ends of a bracket.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ccs_model.analysis.cost_chain import Chain, chain_of
from ccs_model.analysis.what_if import EXCHANGE_GAP, Exchange, Exchanges, exchanges_of
from ccs_model.arguments import instance_of, seconds
from ccs_model.errors import CcsModelError
from ccs_model.mip import Matrix
from ccs_model.mip.clock import effort, now, time_s
from ccs_model.mip.highs import gap_share
from ccs_model.model.names import (
    BUDGET,
    COMMITTED,
    CUMULATIVE_BUDGET,
    CUMULATIVE_TARGET,
    FUND_CEILING,
    MINIMUM_SHARE,
    PROVINCE_BUDGET,
    REQUIRED_PLANT,
    SITE_CAPACITY,
    TARGET,
    WELL_LIMIT,
    YEARLY_RATE,
)
from ccs_model.plan.merit_order import reasons_of
from ccs_model.plan.plan_json import to_plain_values
from ccs_model.problem import Problem
from ccs_model.runs.run_reader import RunLike, SolvedProblem, plant_of, solved_problem_of, validate_own_model
from ccs_model.units import join_first_names

SCHEMA = "ccs-model/explain/2"
# Solves of one bracket, and the largest multiple of the capture capex that is tried.
MAX_SOLVES = 6
MAX_CAPEX_FACTOR = 16.0
_CONSTRAINT_TEXTS = {
    BUDGET: "the budget",
    CUMULATIVE_BUDGET: "the cumulative budget until {}",
    PROVINCE_BUDGET: "the budget of {}",
    YEARLY_RATE: "retrofits per year from {}",
    TARGET: "the target {}",
    CUMULATIVE_TARGET: "the target {}",
    MINIMUM_SHARE: "the minimum share of {}",
    FUND_CEILING: "the ceiling of fund {}",
    REQUIRED_PLANT: "the required plant {}",
    COMMITTED: "the committed retrofit {}",
}
_BUDGETS = (BUDGET, CUMULATIVE_BUDGET, PROVINCE_BUDGET)


@dataclass(frozen=True)
class Change:
    """One finding: its `kind`, a sentence, figures (units in their names), and plants that enter and leave."""

    kind: str
    message: str
    figures: Mapping[str, float | None]
    entering: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        lists = {"entering": list(self.entering), "leaving": list(self.leaving)}
        return {"kind": self.kind, "message": self.message, "figures": dict(self.figures), **lists}


@dataclass(frozen=True, eq=False)
class Explanation:
    """Cost chain and reason of one plant.

    `owners` holds the owners' figures of a retrofitted plant, None in a static year or where it is not retrofitted;
    `changes` are the findings of re-solving, empty where nothing was solved.
    """

    run: SolvedProblem
    problem: Problem
    chain: Chain
    reason: str
    owners: Mapping[str, Any] | None
    changes: tuple[Change, ...]

    def to_dict(self) -> dict[str, Any]:
        """Schema ccs-model/explain/2; unknown values are null."""
        document = {
            "schema": SCHEMA,
            "scenario": self.problem.name,
            "plant": self.chain.plant,
            "currency": self.problem.currency,
            "price_year": self.problem.price_year,
            "is_retrofitted": self.chain.is_retrofitted,
            "reason": self.reason,
            "chain": self.chain.to_dict(),
            "changes": [each.to_dict() for each in self.changes],
            "owners": None if self.owners is None else dict(self.owners),
        }
        return to_plain_values(document)


# Effort of re-solving the model near a plan.
_EFFORT = 60.0


def explain(run: RunLike, plant: str, *, time_limit_s: float = 600.0) -> Explanation:
    """Explain why one plant of a run is retrofitted or not.

    Parameters
    ----------
    run
        Run folder that `optimize` wrote, a stored run, or a plan.
    plant
        Plant id, or a name (or part of a name) that matches one plant of the run.
    time_limit_s
        Seconds after which re-solving the model near the plan stops; with 0 nothing is solved and `changes` is empty.

    Returns
    -------
    Explanation
        Cost chain with sources, reason, owners' figures and what would change the decision.

    Raises
    ------
    InputError
        If the folder holds no run, its inputs changed, or no single plant matches.
    FileError
        If a file of the run cannot be read.
    """
    plant = instance_of("plant", plant, str, "the id or name of a plant")
    time_limit_s = seconds("time_limit_s", time_limit_s, zero=True)
    solved = solved_problem_of(run)
    validate_own_model(solved.added_components)
    problem = solved.problem
    name = plant_of(problem, plant)
    retrofits = solved.retrofits
    about = problem.plants.set_index("plant").loc[name]
    counting = [
        row
        for row in solved.document["targets"]
        if row["price_per_t"] is not None and row["group"] in ("all", about["province"], about["sector"])
    ]
    # Of the targets that count the plant, the one with the highest price.
    dearest = max(counting, key=lambda row: float(row["price_per_t"]), default=None)
    next_tonne = None if dearest is None else float(dearest["price_per_t"])
    chain = chain_of(problem, retrofits, name, next_tonne, "avoided" if dearest is None else str(dearest["measure"]))
    owners = next((each for each in solved.document.get("owners", []) if each["plant"] == name), None)
    changes = changes_of(solved, name, time_limit_s) if time_limit_s > 0 else ()
    reasons = reasons_of(problem, retrofits).set_index("plant")["reason"]
    return Explanation(solved, problem, chain, str(reasons[name]), owners, changes)


def changes_of(run: SolvedProblem, plant: str, time_limit_s: float) -> tuple[Change, ...]:
    """Findings on one plant of a run, in a fixed order, until their effort or the time limit ends."""
    problem = run.problem
    row = problem.plants.set_index("plant").loc[plant]
    if row["reason"] or plant not in set(problem.routes["plant"]):
        return ()
    links = pd.DataFrame(run.document["links"])
    with effort(time_s() + time_limit_s):
        exchanges = exchanges_of(problem, run.retrofits, links, now() + _EFFORT)
        return tuple(_Findings(run, plant, exchanges).find_changes())


class _Findings:
    """Runs one analysis after another while time remains."""

    def __init__(self, run: SolvedProblem, plant: str, exchanges: Exchanges) -> None:
        self._run, self._plant, self._exchanges = run, plant, exchanges
        self._problem = run.problem
        self._is_kt = run.problem.objective == "max_abatement"
        self._value = float(run.document["objective"]["value"])
        # The best exchange without a retrofitted plant, or with one that is not retrofitted.
        self._found: Exchange | None = None
        retrofits = run.retrofits
        self._is_retrofitted = len(retrofits) > 0 and plant in set(retrofits["plant"])
        self._names = run.problem.plants.set_index("plant")["name"]

    def find_changes(self) -> Iterator[Change]:
        """Findings in order; the last one says if the time limit was reached."""
        for analysis in (self._exchange, self._budget, self._relaxation, self._turning_points):
            if not self._has_time():
                message = "The time limit was reached before all analyses ran; a longer time limit completes them."
                yield Change("time", message, {})
                return
            try:
                yield from analysis()
            except CcsModelError as error:
                yield Change("none", f"One analysis failed: {error}.", {})

    def _exchange(self) -> Iterator[Change]:
        """The best plan without a retrofitted plant, or with one that is not retrofitted."""
        if self._plant in self._problem.committed_plants:
            yield Change("exclude", "No plan is without it: plants.committed names a retrofit of it.", {})
            return
        if self._plant in self._problem.scenario.plants.require:
            yield Change("exclude", "No plan is without it: plants.require names it.", {})
            return
        if self._is_retrofitted:
            kind, exchange = "exclude", self._exchanges.without_plant(self._plant)
            message = "No plan without it that keeps the other retrofits was found in time."
        else:
            kind, exchange = "require", self._exchanges.with_plant(self._plant)
            message = "No plan with it close to this one was found: none exists, or the time was too short."
        self._found = exchange
        if exchange is None:
            yield Change(kind, message, {})
            return
        gain = self._gain(exchange.value)
        if self._is_retrofitted:
            lost = self._loss(exchange)
            message = f"Without it and with the other retrofits kept, the plan is {lost}: {self._moves_text(exchange)}."
        elif gain >= 0:
            gap = float(self._run.document["objective"]["searched_gap_share"])
            message = (
                f"A plan with it is {self._amount(gain)} better than this one, within this plan's gap of {gap:.2%}: "
                f"both are equally good ({self._built_text(exchange)}); {self._moves_text(exchange)}."
            )
        else:
            lost = self._loss(exchange)
            message = (
                f"Requiring it ({self._built_text(exchange)}) makes the plan {lost}: {self._moves_text(exchange)}."
            )
        yield Change(kind, message, self._figures(exchange), exchange.entering, exchange.leaving)

    def _budget(self) -> Iterator[Change]:
        """The budget that pays for the plan and for a plant that is not retrofitted."""
        if self._is_retrofitted:
            return
        more = self._exchanges.money_to_add(self._plant, self._value)
        if more is None:
            return
        budget = self._problem.scenario.budget
        kinds = [
            name for name, given in (("cumulative", budget.cumulative_mn), ("province", budget.by_province_mn)) if given
        ]
        others = f"the {' and '.join(kinds)} budgets"
        message = (
            f"A budget {more:,.0f} million {self._problem.money} higher{f', without {others},' if kinds else ''} would "
            "pay for the plan and this plant."
        )
        if more <= 0:
            message = "The total budget would pay for the plan and this plant"
            message += f"; {others} do not." if kinds else " already."
        yield Change("budget", message, {"added_mn": more})

    def _relaxation(self) -> Iterator[Change]:
        """Binding constraints of the LP relaxation, and what requiring or excluding the plant costs there."""
        exchanges = self._exchanges
        relaxation = exchanges.relaxation()
        if not relaxation.is_solved:
            return
        if message := self._binding_text(exchanges.duals(relaxation)):
            yield Change(
                "binding", f"Binding constraints (LP relaxation with every option of the plant): {message}.", {}
            )
        price = exchanges.relaxed_cost_of(self._plant, relaxation, required=not self._is_retrofitted)
        if price is not None:
            action = "excluding it" if self._is_retrofitted else "requiring it"
            message = f"In the LP relaxation over all links, {action} costs {self._amount(price)}."
            yield Change("relaxation", message, {f"lost_{'kt' if self._is_kt else 'mn'}": price})

    def _turning_points(self) -> Iterator[Change]:
        """The capital cost and the carbon price at which the decision turns."""
        earns = self._problem.objective == "max_npv" and self._problem.accounts.credit_per_t.any()
        if self._is_retrofitted:
            yield from self._capex_of_leaving()
            if earns and self._found is not None:
                yield from self._carbon_price_of_leaving()
            return
        exchange = self._found
        if exchange is not None and self._gain(exchange.value) >= 0:
            return
        yield from self._capex_of_entering(exchange)
        if earns:
            yield from self._carbon_price_of_entering()

    def _capex_of_entering(self, exchange: Exchange | None) -> Iterator[Change]:
        """Shares of its capture capex between which the plant enters."""
        parameter_change = self._exchanges.with_capex(self._plant)

        def enters(share: float) -> bool | None:
            nonlocal exchange
            found = self._exchanges.with_plant(self._plant, parameter_change.at(share), exchange)
            if found is None:
                return None
            exchange = found
            return self._gain(found.value) >= 0

        low, high = _bracket(enters, 0.0, 1.0, MAX_SOLVES, self._has_time)
        if low is not None:
            message = (
                f"It would enter at a capital cost of capture between {low:.0%} and {high:.0%} of the present one: at "
                "the lower end an exchange is no worse than this plan, at the upper end all exchanges found are worse."
            )
        elif self._has_time():
            message = "It would not enter by an exchange even at zero capital cost of capture."
        else:
            message = "The time limit was reached before a capital cost at which it enters was found."
        yield Change("capex", message, {"low_share": low, "high_share": high})

    def _capex_of_leaving(self) -> Iterator[Change]:
        """Multiples of its capture capex between which the plant leaves."""
        without = self._found
        if without is None:
            return
        parameter_change = self._exchanges.with_capex(self._plant)

        def leaves(factor: float) -> bool | None:
            found = self._exchanges.with_plant(self._plant, parameter_change.at(factor))
            if found is None:
                return None if not self._has_time() else True
            return self._exchanges.sign * (without.value - found.value) > 0

        high, low = _bracket_by_doubling(leaves, 2.0, 1.0, self._has_time, most=MAX_CAPEX_FACTOR)
        if high is not None:
            message = (
                f"It would leave at a capital cost of capture between {low:.2f} and {high:.2f} times the present one."
            )
        elif low > 1.0:
            message = f"At {low:.0f} times its capital cost of capture it would still be worth keeping."
        else:
            return
        yield Change("capex", message, {"low_factor": low, "high_factor": high})

    def _carbon_price_of_entering(self) -> Iterator[Change]:
        """Additions to the carbon price between which the plant enters."""
        parameter_change = self._exchanges.with_carbon_price()

        def enters(more: float) -> bool | None:
            return self._is_worth(parameter_change.at(more), refilled=False)

        high, low = _bracket_by_doubling(enters, 100.0, 0.0, self._has_time)
        if high is not None:
            message = (
                f"It would enter at a carbon price {low:,.0f} to {high:,.0f} {self._problem.money}/t higher in "
                "the years in which abatement earns it."
            )
            yield Change("carbon_price", message, {"low_per_t": low, "high_per_t": high})

    def _carbon_price_of_leaving(self) -> Iterator[Change]:
        """Shares of the carbon price between which the plant leaves, others perhaps in its place."""
        parameter_change = self._exchanges.with_carbon_price_factor()

        def stays(share: float) -> bool | None:
            return self._is_worth(parameter_change.at(share), refilled=True)

        at_none = stays(0.0) if self._has_time() else None
        if at_none is None:
            return
        if at_none:
            yield Change(
                "carbon_price", "It would stay without a carbon price.", {"low_share": None, "high_share": 0.0}
            )
            return
        high, low = _bisect(stays, 1.0, 0.0, MAX_SOLVES - 1, self._has_time)
        message = f"It would leave at a carbon price between {low:.0%} and {high:.0%} of the present one in every year."
        yield Change("carbon_price", message, {"low_share": low, "high_share": high})

    def _is_worth(self, matrix: Matrix, *, refilled: bool) -> bool | None:
        """Whether the best plan with the plant is no worse than that without it; in both, the others may leave."""
        on = self._exchanges.with_plant(self._plant, matrix)
        off = self._exchanges.without_plant(self._plant, refilled=refilled, others_stay=False, matrix=matrix)
        return None if on is None or off is None else self._exchanges.sign * (on.value - off.value) >= 0

    def _gain(self, value: float) -> float:
        """Improvement of an objective value on the plan's."""
        return self._exchanges.sign * (value - self._value)

    def _amount(self, amount: float) -> str:
        over = "a year" if self._problem.is_static else "over the horizon"
        if self._is_kt:
            return f"{abs(amount):,.0f} kt {over}"
        return f"{abs(amount):,.1f} million {self._problem.money} {over}"

    def _loss(self, exchange: Exchange) -> str:
        """What an exchange costs, and its optimality gap relative to the objective."""
        gained, most = self._gain(exchange.value), self._gain(exchange.bound)
        if gained > 0:
            return f"{self._amount(gained)} better (within the plan's gap)"
        gap = gap_share(exchange.bound, exchange.value)
        if gap <= EXCHANGE_GAP:
            return f"{self._amount(gained)} worse (best exchange within {EXCHANGE_GAP:.2%})"
        least = "possibly none" if most >= 0 else f"at least {self._amount(most)}"
        return f"{self._amount(gained)} worse in the best exchange found ({least}; gap {gap:.2%})"

    def _figures(self, exchange: Exchange) -> dict[str, float | None]:
        name = "gain_kt" if self._is_kt else "gain_mn"
        return {name: self._gain(exchange.value), f"at_most_{name}": self._gain(exchange.bound)}

    def _list(self, plants: tuple[str, ...]) -> str:
        return join_first_names([f"{self._names.get(each, each)} ({each})" for each in plants], 3)

    def _moves_text(self, exchange: Exchange) -> str:
        """Other plants that leave and enter."""
        leaving = tuple(each for each in exchange.leaving if each != self._plant)
        entering = tuple(each for each in exchange.entering if each != self._plant)
        texts = [f"{self._list(each)} {verb}" for each, verb in ((leaving, "left"), (entering, "entered")) if each]
        return "; ".join(texts) or "no other plant enters or leaves"

    def _built_text(self, exchange: Exchange) -> str:
        """What an exchange builds at the plant: `power plant, quarter, from 2035`."""
        routes = self._problem.routes.set_index("route")
        texts = []
        for route, year in self._exchanges.builds_at(self._plant, exchange):
            row = routes.loc[route]
            stream = str(row["stream"]).replace("_", " ")
            texts.append(f"{stream}, {row['size']}, from {year}")
        return "; ".join(texts)

    def _binding_text(self, duals: Mapping[tuple[str, object], float]) -> str:
        has_own_pipes = self._problem.network is None
        texts = []
        for constraint, text in _CONSTRAINT_TEXTS.items():
            for (name, index), price in duals.items():
                if name == constraint:
                    of = f" ({price:,.2f} kt per million)" if self._is_kt and constraint in _BUDGETS else ""
                    named = " of ".join(map(str, index)) if isinstance(index, tuple) else index
                    texts.append(text.format(named) + of)
        sites = {
            str(index[0] if isinstance(index, tuple) else index)
            for (name, index) in duals
            if name == SITE_CAPACITY or (has_own_pipes and name == WELL_LIMIT)
        }
        if sites:
            texts.append(f"wells or capacity of {len(sites)} site" + ("s" if len(sites) > 1 else ""))
        return ", ".join(texts)

    def _has_time(self) -> bool:
        return now() < self._exchanges.deadline


Holds = Callable[[float], bool | None]


def _bracket(
    holds: Holds, where: float, where_not: float, n_solves: int, has_time: Callable[[], bool]
) -> tuple[float | None, float | None]:
    """Bisect between an end where it may hold and one where it does not; (None, None) if it does not hold there."""
    if not has_time() or not holds(where):
        return None, None
    return _bisect(holds, where, where_not, n_solves - 1, has_time)


def _bracket_by_doubling(
    holds: Holds, where: float, where_not: float, has_time: Callable[[], bool], *, most: float = math.inf
) -> tuple[float | None, float]:
    """Double a value until it holds there, then bisect; (None, last value where it does not hold) if it never does."""
    for n in range(1, MAX_SOLVES + 1):
        if where > most or not has_time() or (found := holds(where)) is None:
            break
        if found:
            return _bisect(holds, where, where_not, MAX_SOLVES - n, has_time)
        where, where_not = where * 2.0, where
    return None, where_not


def _bisect(
    holds: Holds, where: float, where_not: float, n_solves: int, has_time: Callable[[], bool]
) -> tuple[float, float]:
    """The closest pair (holds, does not hold) that bisection finds in `n_solves` solves."""
    for _ in range(n_solves):
        middle = (where + where_not) / 2.0
        if not has_time() or (found := holds(middle)) is None:
            break
        where, where_not = (middle, where_not) if found else (where, middle)
    return where, where_not
