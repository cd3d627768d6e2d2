"""Tables of a stochastic plan, the mean of futures, and risk measures over futures (Rockafellar, Uryasev 2000)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ccs_model.analysis.rebuilt_plan import KEPT, Valuation, amount_at, retrofit_shares
from ccs_model.model.build_model import Outlook
from ccs_model.model.terms import abatement_terms, cost_terms
from ccs_model.plan.cost_sharing import CostSharing
from ccs_model.plan.decisions import Point, point_of
from ccs_model.plan.tables import by_year_table, emissions_table, flows_table, retrofits_table
from ccs_model.scenario import Scenario
from ccs_model.scenario.fields import first_step, value_at

if TYPE_CHECKING:
    from ccs_model.analysis.stochastic import SolvedFuture


def mean_changes(
    base: Scenario, changes: Sequence[Mapping[str, Any]], probabilities: Sequence[float]
) -> dict[str, Any] | None:
    """Changes of the mean future: the probability-weighted mean of every changed number.

    If one key contains another, the mean is that of the containing key. None if a change is neither a number nor
    numbers by the same years or names in every future.
    """
    own, found = base.model_dump(), dict[str, Any]()
    steps = {key: _steps_of(own, key) for each in changes for key in each}
    inner = {key for key, path in steps.items() if any(path[:n] in steps.values() for n in range(1, len(path)))}
    whole = [base.with_changes(each).model_dump() for each in changes] if inner else []
    for key in (each for each in steps if each not in inner):
        if any(steps[each][: len(steps[key])] == steps[key] for each in inner):
            values = [value_at(each, key) for each in whole]
        else:
            values = [each[key] if key in each else value_at(own, key) for each in changes]
        mean = _mean(values, probabilities)
        if mean is None:
            return None
        found[key] = mean
    return found


def _steps_of(values: Any, key: str) -> tuple[str | int, ...]:
    """The steps of a dotted key in nested values; a name that has dots is one step."""
    steps: list[str | int] = []
    rest: Sequence[str] = key.split(".")
    while rest:
        known = values if isinstance(values, Mapping) else {}
        step, rest = first_step(known, rest)
        steps.append(step)
        values = known.get(step)
    return tuple(steps)


def _mean(values: Sequence[Any], probabilities: Sequence[float]) -> Any:
    if all(value == values[0] for value in values):
        return values[0]
    if all(isinstance(value, Mapping) for value in values):
        names = list(values[0])
        if any(set(value) != set(names) for value in values):
            return None
        parts = {name: _mean([value[name] for value in values], probabilities) for name in names}
        return None if any(part is None for part in parts.values()) else parts
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        return None
    return fsum(probability * value for probability, value in zip(probabilities, values, strict=True))


# Probabilities below this part of the largest are rounding errors of sums.
_TRACE = 1e-12


@dataclass(frozen=True)
class RiskMeasures:
    """Risk measures of a plan, in the objective's unit.

    `mean` is the expected value, `tail` the conditional value at risk (CVaR), `at_risk` the value at risk, `worst` the
    value in the worst future, and `objective` the weighted sum of mean and tail.
    """

    mean: float
    tail: float
    at_risk: float
    worst: float
    objective: float


def risk_measures(values: Sequence[float], outlook: Outlook, sign: float) -> RiskMeasures:
    """Risk measures of one objective value a future; `sign` is 1 for maximisation.

    The tail holds the worst futures up to a probability of 1 − cvar_share, the last of them in part.
    """
    value, share = np.asarray(values, dtype=float), np.asarray(outlook.probability_share)
    order = np.argsort(sign * value, kind="stable")
    room = 1.0 - outlook.cvar_share
    before = np.r_[0.0, np.cumsum(share[order])[:-1]]
    taken = np.clip(room - before, 0.0, share[order])
    mean, tail = float(share @ value), float(taken @ value[order] / taken.sum())
    # Sums of probabilities are rounded: a future beyond the tail would hold a trace of it.
    at_risk = float(value[order][np.flatnonzero(taken > _TRACE * taken.max())[-1]])
    mixed = (1.0 - outlook.weight) * mean + outlook.weight * tail
    return RiskMeasures(mean, tail, at_risk, float(value[order][0]), mixed)


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
VALUE_COLUMNS = ["quantity", "objective", "text"]
HEDGED, TAIL, AT_RISK, WORST, MEAN_PLAN, PERFECT = (
    "hedged_mean", "hedged_tail", "at_risk", "worst_future", "mean_plan", "perfect_information"
)  # fmt: skip
OBJECTIVE_ROW, VSS, EVPI = "hedged_objective", "value_of_stochastic_solution", "value_of_perfect_information"


def values_table(
    hedged: RiskMeasures, mean: RiskMeasures | None, perfect: RiskMeasures, mean_state: str, outlook: Outlook,
    sign: float, *, has_mean_plan: bool,
) -> pd.DataFrame:  # fmt: skip
    """VALUE_COLUMNS: the stochastic plan compared with the plan of the mean future and with perfect information.

    `mean` is None where there is no plan of the mean future, or it is infeasible in some future; `mean_state` says why.
    """
    level = f"level {outlook.cvar_share:g}"
    known = mean is not None
    unknown = "unbounded, since the mean plan is infeasible" if has_mean_plan else "unknown"
    # With a weight of the tail, values compare the objective, which is no mean over the futures.
    what = "expected value" if hedged.objective == hedged.mean else "objective"
    gained = sign * (hedged.objective - mean.objective) if mean is not None else float("nan")
    rows = [
        (OBJECTIVE_ROW, hedged.objective, f"objective: expected value, and CVaR with a weight of {outlook.weight:g}"),
        (HEDGED, hedged.mean, "expected value over all futures"),
        (TAIL, hedged.tail, f"conditional value at risk (CVaR, {level}): mean over the worst futures"),
        (AT_RISK, hedged.at_risk, f"value at risk ({level}): best value of the worst futures"),
        (WORST, hedged.worst, "value in the worst future"),
        (MEAN_PLAN, mean.objective if mean is not None else float("nan"),
         "plan of the mean future with its first-stage builds fixed" if known else f"mean plan: {mean_state}"),
        (VSS, gained, "value of the stochastic solution (VSS)" + ("" if known else f": {unknown}")),
        (PERFECT, perfect.objective, f"{what} with perfect information"),
        (EVPI, sign * (perfect.objective - hedged.objective),
         "expected value of perfect information (EVPI)" if what == "expected value" else "gain of perfect information"),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=VALUE_COLUMNS)


def futures_table(
    futures: Sequence[SolvedFuture],
    points: Sequence[Point],
    values: Sequence[float],
    best: Sequence[float],
    mean: Sequence[Valuation] | None,
    residual: Sequence[float],
) -> pd.DataFrame:
    """FUTURE_COLUMNS of each future: the stochastic plan there, the future's own best plan and the mean plan."""
    rows = []
    for f, (future, point) in enumerate(zip(futures, points, strict=True)):
        sharing = CostSharing.of(point) if future.problem.network is not None else None
        spent = by_year_table(point, emissions_table(point, sharing))["spending_mn"].sum()
        other = mean[f] if mean is not None else None
        rows.append(
            (f + 1, future.future.name, future.future.probability_share, values[f], best[f], abs(best[f] - values[f]),
             other.objective if other is not None and other.state == KEPT else float("nan"),
             other.state if other is not None else "",
             len({plant for plant, _ in retrofit_shares(point)}), amount_at(point, abatement_terms),
             amount_at(point, cost_terms), float(spent), residual[f])
        )  # fmt: skip
    return pd.DataFrame(rows, columns=FUTURE_COLUMNS)


def plants_table(
    futures: Sequence[SolvedFuture], points: Sequence[Point], mean: Sequence[Valuation] | None, years: Sequence[int]
) -> pd.DataFrame:
    """PLANT_COLUMNS of each plant and first-stage year of its retrofit, and which other plans retrofit it then."""
    first = futures[0].problem
    named = first.plants.set_index("plant")
    hedged = retrofit_shares(points[0])
    own = [retrofit_shares(future.at.point) for future in futures]
    of_mean = None
    if mean is not None and mean[0].x is not None:
        of_mean = retrofit_shares(point_of(first, futures[0].matrix, mean[0].x))
    rows = [
        (plant, named.at[plant, "name"], named.at[plant, "province"], named.at[plant, "sector"], year, share,
         (plant, year) in of_mean if of_mean is not None else None, sum((plant, year) in each for each in own))
        for (plant, year), share in sorted(hedged.items())
        if year in years
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=PLANT_COLUMNS)


def retrofits_of(futures: Sequence[SolvedFuture], points: Sequence[Point], years: Sequence[int]) -> pd.DataFrame:
    """RETROFIT_COLUMNS of each retrofit in each future."""
    shared = [None if point.problem.network is None else CostSharing.of(point) for point in points]
    joined = _join_tables(
        futures, [retrofits_table(point, sharing) for point, sharing in zip(points, shared, strict=True)]
    )
    if not len(joined):
        return pd.DataFrame(columns=RETROFIT_COLUMNS).astype({"is_here_and_now": bool})
    return joined.assign(is_here_and_now=joined["year"].astype(int).isin(list(years)))[RETROFIT_COLUMNS]


def links_table(futures: Sequence[SolvedFuture], points: Sequence[Point]) -> pd.DataFrame:
    """Columns of `flows_table` for each future; empty where each retrofit has its own pipe."""
    nothing = pd.DataFrame()
    return _join_tables(futures, [nothing if point.problem.network is None else flows_table(point) for point in points])


def _join_tables(futures: Sequence[SolvedFuture], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of one table a future, after the number and the name of the future."""
    parts = [
        table.assign(future=f, future_name=each.future.name)[["future", "future_name", *table.columns]]
        for f, (each, table) in enumerate(zip(futures, tables, strict=True), start=1)
        if len(table)
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
