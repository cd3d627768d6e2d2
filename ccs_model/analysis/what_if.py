"""What a plan loses or gains with one plant in it or out of it, and what would change that: found by solving again.

Figures are of swaps close to the plan (see ccs_model.plan.swaps), so they say how close: the gap of a swap, the plan's
own gap, the two ends of a bracket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ccs_model.analysis.exchanges import SWAP_GAP, Swap, Swaps, swaps_of
from ccs_model.errors import CcsModelError
from ccs_model.mip.search import now
from ccs_model.runs.stored_question import Run

MOST_SOLVES = 6
DEAREST = 16.0
_LIMITS = {
    "spending_within_budget": "the budget",
    "spending_within_ceiling": "the ceiling until {}",
    "spending_within_province_budget": "the budget of {}",
    "building_within_yearly_rate": "retrofits a year from {}",
    "cut_reached": "the target {}",
    "cumulative_cut_reached": "the target {}",
    "share_of_avoided_kept": "the least share of {}",
    "fund_within_ceiling": "the ceiling of {}",
    "plant_is_fitted": "having to fit {}",
}
_PER_MILLION = ("spending_within_budget", "spending_within_ceiling", "spending_within_province_budget")


@dataclass(frozen=True)
class Change:
    """One finding: its `kind`, a sentence, its figures (units in their names), and who enters and leaves."""

    kind: str
    said: str
    figures: Mapping[str, float | None]
    entering: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "kind": self.kind,
            "said": self.said,
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
    swaps = swaps_of(problem, run.retrofits, links, now() + time_limit_s)
    return tuple(_Findings(run, plant, swaps).all())


class _Findings:
    """Asks one question after another, each only while there is time."""

    def __init__(self, run: Run, plant: str, swaps: Swaps) -> None:
        self._run, self._plant, self._swaps = run, plant, swaps
        self._value = float(run.document["objective"]["value"])
        self._with: Swap | None = None
        self._without: Swap | None = None
        retrofits = run.retrofits
        self._is_fitted = len(retrofits) > 0 and plant in set(retrofits["plant"])
        self._names = run.problem.plants.set_index("plant")["name"]

    def all(self) -> Iterator[Change]:
        """Findings in order; the last says where time ran out."""
        asked: tuple[Callable[[], Iterator[Change]], ...] = (
            self._swap,
            self._money,
            self._linear,
            self._turning_points,
        )
        for ask in asked:
            if now() >= self._swaps.deadline:
                yield Change("time", "Time ran out before all was asked; --time-limit gives it more.", {})
                return
            try:
                yield from ask()
            except CcsModelError as error:
                yield Change("none", f"A question had no answer: {error}.", {})

    def _gain(self, value: float) -> float:
        """How much better a value of the aim is than the plan's."""
        return self._swaps.sign * (value - self._value)

    def _amount(self, amount: float) -> str:
        problem = self._run.problem
        over = "a year" if problem.is_static else "over the horizon"
        if problem.aim == "most_abatement":
            return f"{abs(amount):,.0f} kt {over}"
        return f"{abs(amount):,.1f} million {problem.currency} {over}"

    def _figure(self) -> str:
        return "gain_kt" if self._run.problem.aim == "most_abatement" else "gain_mn"

    def _list(self, plants: tuple[str, ...]) -> str:
        some = [f"{self._names.get(each, each)} ({each})" for each in plants[:3]]
        return ", ".join(some) + (f" and {len(plants) - 3} more" if len(plants) > 3 else "")

    def _moves(self, swap: Swap) -> str:
        """Who leaves and who enters, besides the plant itself."""
        left = tuple(each for each in swap.leaving if each != self._plant)
        came = tuple(each for each in swap.entering if each != self._plant)
        said = [f"{self._list(each)} {verb}" for each, verb in ((left, "left"), (came, "came in")) if each]
        return "; ".join(said) or "no other plant moves"

    def _built(self, swap: Swap) -> str:
        """What a swap builds at the plant: `power plant, quarter, from 2035`."""
        routes = self._run.problem.routes.set_index("route")
        said = []
        for route, year in self._swaps.built_at(self._plant, swap):
            row = routes.loc[route]
            stream = str(row["stream"]).replace("_", " ")
            said.append(f"{stream}, {row['size']}, from {year}")
        return "; ".join(said)

    def _swap(self) -> Iterator[Change]:
        if self._is_fitted:
            swap = self._without = self._swaps.without_plant(self._plant)
            if swap is None:
                yield Change("leave_out", "No plan without it was found in time that keeps the rest.", {})
                return
            lost = -self._gain(swap.value)
            said = f"Without it, the rest kept, the plan is {self._worse(lost)}: {self._moves(swap)}."
            yield Change("leave_out", said, self._figures(swap), swap.entering, swap.leaving)
            return
        swap = self._with = self._swaps.with_plant(self._plant)
        if swap is None:
            said = "No plan close to this one that holds it was found: none is there, or time was short."
            yield Change("must_fit", said, {})
            return
        if self._gain(swap.value) >= 0:
            gap = float(self._run.document["objective"]["gap_share"])
            said = (
                f"A plan with it is {self._amount(self._gain(swap.value))} better than this one, within this one's "
                f"gap of {gap:.2%}: it could as well be in ({self._built(swap)}); {self._moves(swap)}."
            )
        else:
            worse = self._worse(-self._gain(swap.value))
            said = f"Having to fit it ({self._built(swap)}) makes the plan {worse}: {self._moves(swap)}."
        yield Change("must_fit", said, self._figures(swap), swap.entering, swap.leaving)

    def _worse(self, lost: float) -> str:
        if lost < 0:
            return f"{self._amount(lost)} better (within its gap)"
        return f"{self._amount(lost)} worse (best swap within {SWAP_GAP:.2%})"

    def _figures(self, swap: Swap) -> dict[str, float | None]:
        name = self._figure()
        return {name: self._gain(swap.value), f"at_most_{name}": self._gain(swap.bound)}

    def _money(self) -> Iterator[Change]:
        if self._is_fitted:
            return
        more = self._swaps.money_to_add(self._plant, self._value)
        if more is None:
            return
        money = f"{max(more, 0.0):,.0f} million {self._run.problem.currency}"
        said = f"A budget {money} higher, ceilings of years aside, would hold all that the plan builds and it as well."
        if more <= 0:
            said = "The budget alone would hold all that the plan builds and it as well: ceilings of years do not."
        yield Change("budget", said, {"more_mn": more})

    def _linear(self) -> Iterator[Change]:
        relaxed = self._swaps.relaxed()
        if not relaxed.is_solved:
            return
        if said := self._binding(relaxed.duals()):
            yield Change("binds", f"In the linear program these bind: {said}.", {})
        price = relaxed.price_of(self._plant, fitted=not self._is_fitted)
        if price is not None:
            what = "leaving it out" if self._is_fitted else "having to fit it"
            said = f"In the linear program over all links {what} costs {self._amount(price)}."
            yield Change("lock", said, {f"lost_{'kt' if self._figure() == 'gain_kt' else 'mn'}": price})

    def _binding(self, duals: Mapping[tuple[str, object], float]) -> str:
        is_kt = self._run.problem.aim == "most_abatement"
        own_pipes = self._run.problem.network is None
        said = []
        for claim, words in _LIMITS.items():
            for (name, index), price in duals.items():
                if name == claim:
                    of = f" ({price:,.2f} kt a million)" if is_kt and claim in _PER_MILLION else ""
                    said.append(words.format(index) + of)
        sites = {
            str(index[0] if isinstance(index, tuple) else index)
            for (name, index) in duals
            if name == "stored_within_capacity" or (own_pipes and name == "injection_within_wells")
        }
        if sites:
            said.append(f"wells or room of {len(sites)} site" + ("s" if len(sites) > 1 else ""))
        return ", ".join(said)

    def _turning_points(self) -> Iterator[Change]:
        if self._is_fitted:
            yield from self._dearer()
            return
        swap = self._with
        if swap is not None and self._gain(swap.value) >= 0:
            return
        yield from self._cheaper(swap)
        if self._run.problem.aim == "highest_npv" and self._run.problem.accounts.credit_per_t.any():
            yield from self._carbon_price()

    def _cheaper(self, swap: Swap | None) -> Iterator[Change]:
        """Between which shares of its capital the plant enters: down from all of it."""
        lever = self._swaps.with_capex(self._plant)
        start: list[Swap | None] = [swap]

        def is_in(share: float) -> bool | None:
            found = self._swaps.with_plant(self._plant, lever.at(share), start[0])
            if found is None:
                return None
            start[0] = found
            return self._gain(found.value) >= 0

        low, high = _bracket(is_in, 0.0, 1.0, MOST_SOLVES, self._has_time)
        figures = {"low_share": low, "high_share": high}
        if low is None:
            said = "Not even without any capital cost of capture would it enter by a swap."
            if not self._has_time():
                said = "Whether a lower capital cost would bring it in was not found in time."
            yield Change("capex", said, figures)
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
        lever = self._swaps.with_capex(self._plant)

        def is_out(factor: float) -> bool | None:
            found = self._swaps.with_plant(self._plant, lever.at(factor))
            if found is None:
                return None if not self._has_time() else True
            return self._swaps.sign * (without.value - found.value) > 0

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
            said = f"At {stays:.0f} times its capital cost of capture it would still be worth keeping."
            yield Change("capex", said, {"low_factor": stays, "high_factor": None})

    def _carbon_price(self) -> Iterator[Change]:
        """Between which additions to the carbon price the plant enters."""
        lever = self._swaps.with_carbon_price()

        def is_in(more: float) -> bool | None:
            matrix = lever.at(more)
            on = self._swaps.with_plant(self._plant, matrix)
            off = self._swaps.without_plant(self._plant, refilled=False, matrix=matrix)
            return None if on is None or off is None else self._swaps.sign * (on.value - off.value) >= 0

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
                said = (
                    f"It would enter at a carbon price {high:,.0f} to {low:,.0f} {money} higher where a cut earns it."
                )
                yield Change("carbon_price", said, {"low_per_t": high, "high_per_t": low})
                return
            more *= 2.0

    def _has_time(self) -> bool:
        return now() < self._swaps.deadline


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
