"""What the figures of a plan rest on: the quality of the numbers behind them, and the inputs that move them most.

The quality of the numbers is that of `ccs_model.plan.citations`.

Published ranges (pilots/anchors) stand beside the same figures of the plan, each computed from the retrofits that the
range covers, in the money of the plan.

Sensitivities are one at a time: each uncertain input at the 5th and at the 95th percentile of its range, with all
others as planned, once with the plan's decisions fixed and once re-planned. Re-planned values are those of the linear
relaxation within the plan's links, so only their differences are meaningful.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ccs_model.analysis.outcomes import FutureEvaluator
from ccs_model.analysis.uncertain_inputs import vary_one_at_a_time
from ccs_model.inputs.geography import are_in_china
from ccs_model.plan.citations import Citations, amounts_of, projects_by_reference, shares_table, sources_table
from ccs_model.plan.merit_order import CAPTURE_PARTS, PARTS, STORAGE_PARTS, TRANSPORT_PARTS
from ccs_model.plan.plan import FIXED, REPLANNED
from ccs_model.plan.plan_json import Band, to_plain_values
from ccs_model.problem import Problem
from ccs_model.runs.run_reader import RunLike, solved_problem_of

SCHEMA = "ccs-model/evidence/2"
_TABLES = ("shares", "sources", "published", "sensitivities")
# Yearly cost of a retrofit by what a published range covers.
_COST_OF: Mapping[str, tuple[str, ...]] = {
    "capture": CAPTURE_PARTS, "transport": TRANSPORT_PARTS, "storage": STORAGE_PARTS, "chain": PARTS,
    "avoidance": PARTS,
}  # fmt: skip
_BREAK_EVEN = {"owners": "owners_break_even_price_per_t", "society": "break_even_carbon_value_per_t"}


@dataclass(frozen=True, eq=False)
class Evidence:
    """Quality and sources behind a plan, and its sensitivities.

    `shares` has one row an amount: its value, its unit, the share on documented, estimated and assumed numbers, and the
    share for which every reference reports built projects. `sources` has one row an amount, reference and table: the
    share of the amount that needs it (an amount with several sources counts for each), and the country whose built
    projects the reference reports. `published` has one row a published range that the plan can be compared with: the
    plan's figure, the range in the plan's money, its position and what the figure covers. `sensitivities` has one row
    an input, the most influential first.
    """

    problem: Problem
    shares: pd.DataFrame
    sources: pd.DataFrame
    published: pd.DataFrame
    sensitivities: pd.DataFrame
    titles: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Schema ccs-model/evidence/2; unknown values are null."""
        tables = {name: getattr(self, name).to_dict("records") for name in _TABLES}
        about = {
            "scenario": self.problem.name,
            "currency": self.problem.currency,
            "price_year": self.problem.price_year,
        }
        return to_plain_values({"schema": SCHEMA, **about, **tables, "references": dict(self.titles)})


def evidence(run: RunLike) -> Evidence:
    """Report what the figures of a run rest on.

    Parameters
    ----------
    run
        Run folder that `optimize` wrote, a stored run, or a plan.

    Returns
    -------
    Evidence
        Shares of tonnes and capital by the quality of the numbers they need, the sources, and the effect of each
        uncertain input.

    Raises
    ------
    InputError
        If the folder holds no run, its plan has no retrofits, or its inputs changed.
    FileError
        If a file of the run cannot be read.
    """
    solved = solved_problem_of(run)
    problem = solved.problem
    amounts = list(amounts_of(problem, solved.retrofits))
    projects_in = projects_by_reference(problem)
    sources = sources_table(amounts, projects_in)
    published = published_ranges(problem, solved.retrofits, solved.document["totals"])
    moved = sensitivities(problem, solved.point)
    titles = Citations(problem).titles((*sources["reference"], *published["reference"]))
    return Evidence(problem, shares_table(problem, amounts, projects_in), sources, published, moved, titles)


def published_ranges(problem: Problem, retrofits: pd.DataFrame, totals: Mapping[str, Any]) -> pd.DataFrame:
    """Compare a plan with the published ranges of cost in China.

    Parameters
    ----------
    problem
        The problem of the plan.
    retrofits
        The plan's retrofits, with their yearly costs in million.
    totals
        The plan's totals: break-even carbon price of the owners and break-even carbon value of society.

    Returns
    -------
    pd.DataFrame
        One row a range of pilots/anchors whose retrofits are in the plan: `cost_per_t` of the plan in the last period
        (per tonne captured, carried, stored or avoided; a carbon price for owners and society), `low_per_t` and
        `high_per_t` in the plan's money, `place` (below, inside, above), an `explanation` where it is outside, the
        number of retrofits, their mean size in kt/y and mean distance to the site in km. Empty for plants outside China
        and for a plan without retrofits.
    """
    columns = [
        "anchor", "covers", "sector", "cost_per_t", "low_per_t", "high_per_t", "place", "explanation", "n_retrofits",
        "mean_captured_ktpa", "mean_length_km", "reference", "quality", "note",
    ]  # fmt: skip
    anchors = problem.inputs["pilots/anchors"]
    if not len(retrofits) or not are_in_china(pd.Series(problem.zones)).any():
        return pd.DataFrame(columns=columns)
    money = {name: problem.price_level.column(anchors, name).to_numpy(float) for name in ("low_per_t", "high_per_t")}
    grades = problem.routes.set_index("route")["grade"].reindex(retrofits["route"]).to_numpy()
    rows = []
    for at, anchor in enumerate(anchors.itertuples(index=False)):
        covered = retrofits[_is_covered(retrofits, grades, anchor)]
        captured = float(covered["captured_ktpa"].sum()) if len(covered) else 0.0
        if captured <= 0:
            continue
        cost = _cost_per_t(covered, totals, anchor.covers)
        if cost is None:
            continue
        low, high = (float(money[name][at]) for name in ("low_per_t", "high_per_t"))
        place = Band(anchor.covers, low, high, problem.currency).place(cost)
        distance = float((covered["length_km"] * covered["captured_ktpa"]).sum()) / captured
        size = captured / len(covered)
        why = {"below": anchor.if_below, "above": anchor.if_above}.get(place, "")
        if anchor.covers == "owners" and why and (problem.accounts.pays or len(problem.accounts.allocations)):
            why += " The break-even price counts the payments, grants and loans of the scenario."
        rows.append((anchor.anchor, anchor.covers, anchor.sector, cost, low, high, place, why, len(covered), size,
                     distance, anchor.reference, anchor.quality, anchor.note))  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _cost_per_t(covered: pd.DataFrame, totals: Mapping[str, Any], covers: str) -> float | None:
    """Cost of the covered retrofits per tonne, or the plan's break-even; None where it has none."""
    if covers in _BREAK_EVEN:
        value = totals.get(_BREAK_EVEN[covers])
        return None if value is None else float(value)
    tonnes = float(covered["avoided_ktpa" if covers == "avoidance" else "captured_ktpa"].sum())
    return 1000.0 * float(covered[list(_COST_OF[covers])].to_numpy(float).sum()) / tonnes if tonnes > 0 else None


def _is_covered(retrofits: pd.DataFrame, grades: np.ndarray, anchor: Any) -> np.ndarray:
    """Retrofits of the anchor's sector; of chemicals those of pure streams, which the published ranges are for."""
    if not isinstance(anchor.sector, str) or not anchor.sector:
        return np.ones(len(retrofits), dtype=bool)
    is_sector = (retrofits["sector"] == anchor.sector).to_numpy(bool)
    return is_sector & (grades == "product_grade") if anchor.sector == "chemicals" else is_sector


def sensitivities(problem: Problem, point: pd.DataFrame) -> pd.DataFrame:
    """Effect of each uncertain input on a plan, one at a time.

    Parameters
    ----------
    problem
        The problem of the plan.
    point
        The plan's decisions by column of the model (`tables/point.csv`).

    Returns
    -------
    pd.DataFrame
        One row an input, sorted by its largest relative change of abatement or cost: its values at both percentiles,
        and the relative change of abatement over the horizon and of the discounted cost per tonne avoided, with the
        plan fixed and re-planned. A change is NaN where an outcome is unknown.
    """
    futures = vary_one_at_a_time(problem)
    evaluator = FutureEvaluator(futures, point)
    outcomes = [evaluator.row(k) for k in range(len(futures))]
    planned = outcomes[0]
    rows = []
    for at, row in enumerate(futures.inputs.itertuples(index=False)):
        ends = {"low": 1 + 2 * at, "high": 2 + 2 * at}
        values: dict[str, Any] = {"input": row.input, "quality": row.quality, "planned": futures.planned[row.input]}
        values |= {end: float(futures.values[row.input].iloc[k]) for end, k in ends.items()}
        for mode in (FIXED, REPLANNED):
            for measure, name in (("abatement_kt", "abatement"), ("cost_per_t", "cost")):
                base = planned[mode][measure]
                for end, k in ends.items():
                    values[f"{mode}_{name}_{end}_share"] = _relative(outcomes[k][mode][measure], base)
        rows.append(values)
    found = pd.DataFrame(rows)
    if not len(found):
        return found
    moved = found.filter(like="_share").astype(float).abs().max(axis=1).fillna(0.0)
    return found.assign(moved=moved).sort_values(["moved", "input"], ascending=[False, True]).drop(columns="moved")


def _relative(value: float | None, base: float | None) -> float:
    return float("nan") if value is None or not base else value / base - 1.0
