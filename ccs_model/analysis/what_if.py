"""What a plan loses or gains with one plant in it or out of it, and what would change that: found by solving again.

Figures are of swaps close to the plan (see ccs_model.plan.swaps), so they say how close: the gap of a swap, the plan's
own gap, the two ends of a bracket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ccs_model.analysis.exchanges import SWAP_GAP, Exchange, Exchanges, exchanges_of
from ccs_model.errors import CcsModelError
from ccs_model.mip.clock import now
from ccs_model.runs.stored_question import Run

MOST_SOLVES = 6
DEAREST = 16.0
_LIMITS = {
    "spending_within_budget": "the budget",
    "spending_within_cumulative_budget": "the ceiling until {}",
    "spending_within_province_budget": "the budget of {}",
    "builds_within_yearly_rate": "retrofits a year from {}",
    "abatement_target_reached": "the target {}",
    "cumulative_target_reached": "the target {}",
    "minimum_share_of_avoided_kept": "the least share of {}",
    "fund_within_ceiling": "the ceiling of {}",
    "required_plant_is_retrofitted": "having to fit {}",
}
_PER_MILLION = ("spending_within_budget", "spending_within_cumulative_budget", "spending_within_province_budget")


@dataclass(frozen=True)
class Change:
    """One finding: its `kind`, a sentence, its figures (units in their names), and who enters and leaves."""

    kind: str
    message: str
    figures: Mapping[str, float | None]
    entering: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "kind": self.kind,
            "said": self.message,
            "figures": dict(self.figures),
            "entering": list(self.entering),
            "leaving": list(self.leaving),
        }


def changes_of(run: Run, plant: str, time_limit_s: float) -> tuple[Change, ...]:
    """Findings on one plant of a run, in a fixed order, until the time is over."""
    problem = run.problem
    row = problem.plants.set_index("plant").loc[plant]
    if row["reason"] or plant not in set(problem.routes["plant"]):
        return ()
    links = pd.DataFrame(run.document["links"])
    exchanges = exchanges_of(problem, run.retrofits, links, now() + time_limit_s)
    return tuple(_Findings(run, plant, exchanges).all())


class _Findings:
    """Asks one question after another, each only while there is time."""

    def __init__(self, run: Run, plant: str, exchanges: Exchanges) -> None:
        self._run, self._plant, self._exchanges = run, plant, exchanges
        self._value = float(run.document["objective"]["value"])
        self._with: Exchange | None = None
        self._without: Exchange | None = None
        retrofits = run.retrofits
        self._is_fitted = len(retrofits) > 0 and plant in set(retrofits["plant"])
        self._names = run.problem.plants.set_index("plant")["name"]

    def all(self) -> Iterator[Change]:
        """Findings in order; the last says where time ran out."""
        requested: tuple[Callable[[], Iterator[Change]], ...] = (
            self._exchange,
            self._money,
            self._linear,
            self._turning_points,
        )
        for ask in requested:
            if now() >= self._exchanges.deadline:
                yield Change("time", "Time ran out before all was asked; --time-limit gives it more.", {})
                return
            try:
                yield from ask()
            except CcsModelError as error:
                yield Change("none", f"A question had no answer: {error}.", {})

    def _gain(self, value: float) -> float:
        """How much better a value of the aim is than the plan's."""
        return self._exchanges.sign * (value - self._value)

    def _amount(self, amount: float) -> str:
        problem = self._run.problem
        over = "a year" if problem.is_static else "over the horizon"
        if problem.objective == "max_abatement":
            return f"{abs(amount):,.0f} kt {over}"
        return f"{abs(amount):,.1f} million {problem.currency} {over}"

    def _figure(self) -> str:
        return "gain_kt" if self._run.problem.objective == "max_abatement" else "gain_mn"

    def _list(self, plants: tuple[str, ...]) -> str:
        some = [f"{self._names.get(each, each)} ({each})" for each in plants[:3]]
        return ", ".join(some) + (f" and {len(plants) - 3} more" if len(plants) > 3 else "")

    def _moves(self, exchange: Exchange) -> str:
        """Who leaves and who enters, besides the plant itself."""
        left = tuple(each for each in exchange.leaving if each != self._plant)
        came = tuple(each for each in exchange.entering if each != self._plant)
        message = [f"{self._list(each)} {verb}" for each, verb in ((left, "left"), (came, "came in")) if each]
        return "; ".join(message) or "no other plant moves"

    def _built(self, exchange: Exchange) -> str:
        """What a swap builds at the plant: `power plant, quarter, from 2035`."""
        routes = self._run.problem.routes.set_index("route")
        message = []
        for route, year in self._exchanges.built_at(self._plant, exchange):
            row = routes.loc[route]
            stream = str(row["stream"]).replace("_", " ")
            message.append(f"{stream}, {row['size']}, from {year}")
        return "; ".join(message)

    def _exchange(self) -> Iterator[Change]:
        if self._is_fitted:
            exchange = self._without = self._exchanges.without_plant(self._plant)
            if exchange is None:
                yield Change("exclude", "No plan without it was found in time that keeps the rest.", {})
                return
            lost = -self._gain(exchange.value)
            message = f"Without it, the rest kept, the plan is {self._worse(lost)}: {self._moves(exchange)}."
            yield Change("exclude", message, self._figures(exchange), exchange.entering, exchange.leaving)
            return
        exchange = self._with = self._exchanges.with_plant(self._plant)
        if exchange is None:
            message = "No plan close to this one that holds it was found: none is there, or time was short."
            yield Change("require", message, {})
            return
        if self._gain(exchange.value) >= 0:
            gap = float(self._run.document["objective"]["gap_share"])
            message = (
                f"A plan with it is {self._amount(self._gain(exchange.value))} better than this one, within this one's "
                f"gap of {gap:.2%}: it could as well be in ({self._built(exchange)}); {self._moves(exchange)}."
            )
        else:
            worse = self._worse(-self._gain(exchange.value))
            message = f"Having to fit it ({self._built(exchange)}) makes the plan {worse}: {self._moves(exchange)}."
        yield Change("require", message, self._figures(exchange), exchange.entering, exchange.leaving)

    def _worse(self, lost: float) -> str:
        if lost < 0:
            return f"{self._amount(lost)} better (within its gap)"
        return f"{self._amount(lost)} worse (best swap within {SWAP_GAP:.2%})"

    def _figures(self, exchange: Exchange) -> dict[str, float | None]:
        name = self._figure()
        return {name: self._gain(exchange.value), f"at_most_{name}": self._gain(exchange.bound)}

    def _money(self) -> Iterator[Change]:
        if self._is_fitted:
            return
        more = self._exchanges.money_to_add(self._plant, self._value)
        if more is None:
            return
        money = f"{max(more, 0.0):,.0f} million {self._run.problem.currency}"
        message = (
            f"A budget {money} higher, ceilings of years aside, would hold all that the plan builds and it as well."
        )
        if more <= 0:
            message = "The budget alone would hold all that the plan builds and it as well: ceilings of years do not."
        yield Change("budget", message, {"added_mn": more})

    def _linear(self) -> Iterator[Change]:
        relaxed = self._exchanges.relaxed()
        if not relaxed.is_solved:
            return
        if message := self._binding(relaxed.duals()):
            yield Change("binds", f"In the linear program these bind: {message}.", {})
        price = relaxed.price_of(self._plant, fitted=not self._is_fitted)
        if price is not None:
            what = "leaving it out" if self._is_fitted else "having to fit it"
            message = f"In the linear program over all links {what} costs {self._amount(price)}."
            yield Change("lock", message, {f"lost_{'kt' if self._figure() == 'gain_kt' else 'mn'}": price})

    def _binding(self, duals: Mapping[tuple[str, object], float]) -> str:
        is_kt = self._run.problem.objective == "max_abatement"
        own_pipes = self._run.problem.network is None
        message = []
        for constraint, words in _LIMITS.items():
            for (name, index), price in duals.items():
                if name == constraint:
                    of = f" ({price:,.2f} kt a million)" if is_kt and constraint in _PER_MILLION else ""
                    message.append(words.format(index) + of)
        sites = {
            str(index[0] if isinstance(index, tuple) else index)
            for (name, index) in duals
            if name == "stored_within_capacity" or (own_pipes and name == "injection_within_wells")
        }
        if sites:
            message.append(f"wells or room of {len(sites)} site" + ("s" if len(sites) > 1 else ""))
        return ", ".join(message)

    def _turning_points(self) -> Iterator[Change]:
        if self._is_fitted:
            yield from self._dearer()
            return
        exchange = self._with
        if exchange is not None and self._gain(exchange.value) >= 0:
            return
        yield from self._cheaper(exchange)
        if self._run.problem.objective == "max_npv" and self._run.problem.accounts.credit_per_t.any():
            yield from self._carbon_price()

    def _cheaper(self, exchange: Exchange | None) -> Iterator[Change]:
        """Between which shares of its capital the plant enters: down from all of it."""
        parameter_change = self._exchanges.with_capex(self._plant)
        start: list[Exchange | None] = [exchange]

        def is_in(share: float) -> bool | None:
            found = self._exchanges.with_plant(self._plant, parameter_change.at(share), start[0])
            if found is None:
                return None
            start[0] = found
            return self._gain(found.value) >= 0

        low, high = _bracket(is_in, 0.0, 1.0, MOST_SOLVES, self._has_time)
        figures = {"low_share": low, "high_share": high}
        if low is None:
            message = "Not even without any capital cost of capture would it enter by a swap."
            if not self._has_time():
                message = "Whether a lower capital cost would bring it in was not found in time."
            yield Change("capex", message, figures)
            return
        yield Change(
            "capex",
            f"It would enter at a capital cost of capture between {low:.0%} and {high:.0%} of what it is: at the "
            "lower a swap with it is no worse than this plan, at the higher none found is.",
            figures,
        )

    def _dearer(self) -> Iterator[Change]:
        """Between which multiples of its capital the plant leaves."""
        without = self._without
        if without is None:
            return
        parameter_change = self._exchanges.with_capex(self._plant)

        def is_out(factor: float) -> bool | None:
            found = self._exchanges.with_plant(self._plant, parameter_change.at(factor))
            if found is None:
                return None if not self._has_time() else True
            return self._exchanges.sign * (without.value - found.value) > 0

        stays, factor, n = 1.0, 2.0, 0
        while n < MOST_SOLVES and factor <= DEAREST and self._has_time():
            n += 1
            out = is_out(factor)
            if out is None:
                break
            if not out:
                stays, factor = factor, factor * 2.0
                continue
            left, kept = _bracket(is_out, factor, stays, MOST_SOLVES - n, self._has_time, known=True)
            yield Change(
                "capex",
                f"It would leave at a capital cost of capture between {kept:.2f} and {left:.2f} times what it is.",
                {"low_factor": kept, "high_factor": left},
            )
            return
        if stays > 1.0:
            message = f"At {stays:.0f} times its capital cost of capture it would still be worth keeping."
            yield Change("capex", message, {"low_factor": stays, "high_factor": None})

    def _carbon_price(self) -> Iterator[Change]:
        """Between which additions to the carbon price the plant enters."""
        parameter_change = self._exchanges.with_carbon_price()

        def is_in(more: float) -> bool | None:
            matrix = parameter_change.at(more)
            on = self._exchanges.with_plant(self._plant, matrix)
            off = self._exchanges.without_plant(self._plant, refilled=False, matrix=matrix)
            return None if on is None or off is None else self._exchanges.sign * (on.value - off.value) >= 0

        more, n = 100.0, 0
        while n < MOST_SOLVES and self._has_time():
            n += 1
            found = is_in(more)
            if found is None:
                return
            if found:
                low, high = _bracket(
                    is_in, more, more / 2.0 if n > 1 else 0.0, MOST_SOLVES - n, self._has_time, known=True
                )
                money = f"{self._run.problem.currency}/t"
                message = (
                    f"It would enter at a carbon price {high:,.0f} to {low:,.0f} {money} higher where a cut earns it."
                )
                yield Change("carbon_price", message, {"low_per_t": high, "high_per_t": low})
                return
            more *= 2.0

    def _has_time(self) -> bool:
        return now() < self._exchanges.deadline


def _bracket(
    holds: Callable[[float], bool | None],
    where: float,
    where_not: float,
    n_solves: int,
    has_time: Callable[[], bool],
    *,
    known: bool = False,
) -> tuple[float | None, float | None]:
    """The closest pair (it holds, it does not) found in `n_solves`, from an end where it should hold.

    (None, None) where it does not hold at that end either, or that was not found; `known` skips asking there.
    """
    left = n_solves
    if not known:
        if not has_time() or not holds(where):
            return None, None
        left -= 1
    for _ in range(left):
        if not has_time():
            break
        middle = (where + where_not) / 2.0
        found = holds(middle)
        if found is None:
            break
        where, where_not = (middle, where_not) if found else (where, middle)
    return where, where_not
