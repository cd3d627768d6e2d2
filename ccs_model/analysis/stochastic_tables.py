"""Tables of a hedged plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ccs_model.analysis.uncertainty_scenarios import Valuation
from ccs_model.model.stochastic_model import Outlook
from ccs_model.model.terms import abatement_terms, breakdown, cost_terms
from ccs_model.plan.cost_sharing import Sharing
from ccs_model.plan.decisions import BUILT, Point, point_of
from ccs_model.plan.tables import by_year_table, emissions_table, flows_table, retrofits_table
from ccs_model.scenario import Scenario

if TYPE_CHECKING:
    from ccs_model.analysis.stochastic import FutureModel

# The mean of futures: each number that they change, weighed by how likely they are.


def mean_changes(
    base: Scenario, changes: Sequence[Mapping[str, Any]], shares: Sequence[float]
) -> dict[str, Any] | None:
    """Changes that make the mean future; None where a change is no number, nor numbers by the same years or names."""
    keys = list(dict.fromkeys(key for each in changes for key in each))
    found: dict[str, Any] = {}
    for key in keys:
        values = [each[key] if key in each else _value_of(base, key) for each in changes]
        mean = _mean(values, shares)
        if mean is None:
            return None
        found[key] = mean
    return found


def _mean(values: Sequence[Any], shares: Sequence[float]) -> Any:
    if all(value == values[0] for value in values):
        return values[0]
    if all(isinstance(value, Mapping) for value in values):
        names = list(values[0])
        if any(set(value) != set(names) for value in values):
            return None
        parts = {name: _mean([value[name] for value in values], shares) for name in names}
        return None if any(part is None for part in parts.values()) else parts
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        return None
    return sum(share * value for share, value in zip(shares, values, strict=True))


def _value_of(base: Scenario, key: str) -> Any:
    value: Any = base.model_dump()
    for step in key.split("."):
        name: Any = int(step) if step.isascii() and step.isdigit() else step
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value


# What a plan is worth over futures: its mean, and the mean over its tail.


@dataclass(frozen=True)
class Worth:
    """The mean over all futures, over the worst of them, the value where those begin, the worst, and the aim's mix."""

    mean: float
    tail: float
    at_risk: float
    worst: float
    objective: float


def worth_of(values: Sequence[float], outlook: Outlook, sign: float) -> Worth:
    """The worth of one value a future; `sign` is 1 where more is better.

    The tail holds the worst futures up to 1 − cvar_share of probability, the last of them in part.
    """
    value, share = np.asarray(values, dtype=float), np.asarray(outlook.probability_share)
    order = np.argsort(sign * value, kind="stable")
    room = 1.0 - outlook.cvar_share
    before = np.r_[0.0, np.cumsum(share[order])[:-1]]
    taken = np.clip(room - before, 0.0, share[order])
    mean, tail = float(share @ value), float(taken @ value[order] / taken.sum())
    # The last future that the tail takes any of.
    at_risk = float(value[order][np.flatnonzero(taken > 0)[-1]])
    mixed = (1.0 - outlook.weight) * mean + outlook.weight * tail
    return Worth(mean, tail, at_risk, float(value[order][0]), mixed)


FUTURE_COLUMNS = [
    "future", "name", "probability_share", "objective", "perfect_objective", "regret", "mean_plan_objective",
    "mean_plan_state", "n_plants_retrofitted", "abatement_kt", "cost_mn", "spending_mn", "residual",
]  # fmt: skip
PLANT_COLUMNS = [
    "plant", "name", "province", "sector", "year", "built_share", "is_in_mean_plan", "n_perfect_plans",
]  # fmt: skip
RETROFIT_COLUMNS = [
    "future", "future_name", "is_here_and_now", "plant", "name", "stream", "technology", "year", "share", "site",
    "captured_ktpa", "avoided_ktpa", "capex_mn",
]  # fmt: skip
VALUE_COLUMNS = ["quantity", "objective", "words"]
HEDGED, TAIL, AT_RISK, WORST, MEAN_PLAN, PERFECT = (
    "hedged_mean", "hedged_tail", "at_risk", "worst_future", "mean_plan", "perfect_information"
)  # fmt: skip
OBJECTIVE_ROW, VSS, EVPI = "hedged_objective", "value_of_stochastic_solution", "value_of_perfect_information"


def values_table(hedged: Worth, mean: Worth | None, perfect: Worth, mean_state: str, sign: float) -> pd.DataFrame:
    """What the hedged plan is worth, against the plan of the mean future and against knowing which comes."""
    known = mean is not None
    gained = sign * (hedged.objective - mean.objective) if mean is not None else float("nan")
    rows = [
        (OBJECTIVE_ROW, hedged.objective, "what is optimised: the mean, and the tail by its weight"),
        (HEDGED, hedged.mean, "the mean over all futures"),
        (TAIL, hedged.tail, "the mean over the worst futures, the tail"),
        (AT_RISK, hedged.at_risk, "the best of the tail"),
        (WORST, hedged.worst, "the worst future"),
        (MEAN_PLAN, mean.objective if mean is not None else float("nan"),
         "the plan of the mean future, its builds of here and now kept" if known else f"the mean plan: {mean_state}"),
        (VSS, gained, "what hedging gains on that plan" if known else "not known: the mean plan is no plan for all"),
        (PERFECT, perfect.objective, "as if the future were known"),
        (EVPI, sign * (perfect.objective - hedged.objective), "what knowing the future would be worth"),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=VALUE_COLUMNS)


def futures_table(
    future_models: Sequence[FutureModel],
    points: Sequence[Point],
    values: Sequence[float],
    best: Sequence[float],
    mean: Sequence[Valuation] | None,
    off: Sequence[float],
) -> pd.DataFrame:
    """One row a future: the hedged plan there, beside the future's best and the mean plan's."""
    rows = []
    for f, (future_model, point) in enumerate(zip(future_models, points, strict=True)):
        problem = future_model.problem
        message = [
            sum(breakdown(terms(problem), point.values, point.shortfall_kt).values())
            for terms in (abatement_terms, cost_terms)
        ]
        sharing = Sharing.of(point) if problem.network is not None else None
        spent = by_year_table(point, emissions_table(point, sharing))["spending_mn"].sum()
        other = mean[f] if mean is not None else None
        rows.append(
            (f + 1, future_model.future.name, future_model.future.probability_share, values[f], best[f], abs(best[f] - values[f]),
             other.objective if other is not None else float("nan"), other.state if other is not None else "",
             len(_fitted(point)), *message, float(spent), off[f])
        )  # fmt: skip
    return pd.DataFrame(rows, columns=FUTURE_COLUMNS)


def plants_table(
    future_models: Sequence[FutureModel],
    points: Sequence[Point],
    mean: Sequence[Valuation] | None,
    years: Sequence[int],
) -> pd.DataFrame:
    """One row a plant and year of here and now in which it is fitted; whether the mean plan and futures alone do so."""
    first = future_models[0].problem
    named = first.plants.set_index("plant")
    hedged = _fitted(points[0])
    own = [
        _fitted(point_of(future_model.problem, future_model.matrix, future_model.own)) for future_model in future_models
    ]
    of_mean = None
    if mean is not None and mean[0].x is not None:
        of_mean = _fitted(point_of(first, future_models[0].matrix, mean[0].x))
    rows = [
        (plant, named.at[plant, "name"], named.at[plant, "province"], named.at[plant, "sector"], year, share,
         (plant, year) in of_mean if of_mean is not None else False, sum((plant, year) in each for each in own))
        for (plant, year), share in sorted(hedged.items())
        if year in years
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=PLANT_COLUMNS)


def retrofits_of(future_models: Sequence[FutureModel], points: Sequence[Point], years: Sequence[int]) -> pd.DataFrame:
    """One row a retrofit and future."""
    parts = []
    for f, (future_model, point) in enumerate(zip(future_models, points, strict=True)):
        sharing = Sharing.of(point) if future_model.problem.network is not None else None
        table = retrofits_table(point, sharing)
        if len(table):
            here = table["year"].astype(int).isin(list(years))
            parts.append(table.assign(future=f + 1, future_name=future_model.future.name, is_here_and_now=here))
    if not parts:
        return pd.DataFrame(columns=RETROFIT_COLUMNS)
    return pd.concat(parts, ignore_index=True)[RETROFIT_COLUMNS]


def links_table(future_models: Sequence[FutureModel], points: Sequence[Point]) -> pd.DataFrame:
    """One row a pipe in use, period and future; nothing where retrofits have pipes of their own."""
    parts = [
        flows_table(point).assign(future=f + 1, future_name=future_model.future.name)
        for f, (future_model, point) in enumerate(zip(future_models, points, strict=True))
        if future_model.problem.network is not None
    ]
    parts = [each for each in parts if len(each)]
    if not parts:
        return pd.DataFrame()
    joined = pd.concat(parts, ignore_index=True)
    return joined[["future", "future_name", *(name for name in joined if name not in ("future", "future_name"))]]


def _fitted(point: Point) -> dict[tuple[str, int], float]:
    """(plant, year) → Σ built there of what captures."""
    problem = point.problem
    build = point.build * problem.captures[:, None]
    found: dict[tuple[str, int], float] = {}
    for r, y in zip(*(build > BUILT).nonzero(), strict=True):
        key = (str(problem.routes["plant"].iloc[r]), problem.years[y])
        found[key] = found.get(key, 0.0) + float(build[r, y])
    return found
