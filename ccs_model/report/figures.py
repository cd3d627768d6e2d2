"""Headline figures beside the totals of a plan: its optimality gap, and published ranges of the capture cost."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

import pandas as pd

from ccs_model.inputs import Inputs
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import Band, pipe_links
from ccs_model.report.phrases import Gap
from ccs_model.scenario.fields import SHIPPED_INVENTORIES

# Share of the tonnes of the cost curve that its cost axis shows in full height.
_SHOWN_SHARE = 0.95


def gap_of(plan: Plan) -> Gap:
    """The optimality gap of a plan."""
    objective = plan.objective
    n_searched, n_links = (0, 0) if plan.corridors is None else pipe_links(plan)
    return Gap(
        objective.searched_gap_share,
        objective.gap_share,
        objective.searched_bound,
        objective.bound,
        n_searched,
        n_links,
    )


# Published ranges of the capture cost (costs/capture_ranges), compared as they stand.


@dataclass(frozen=True)
class PublishedRange(Band):
    """A published range of the capture cost of a sector, with its source; an empty grade or feedstock means any."""

    sector: str = ""
    grade: str = ""
    feedstock: str = ""
    citation: str = ""
    note: str = ""


def published_ranges(inputs: Inputs) -> tuple[PublishedRange, ...]:
    """The published ranges in the order of their table."""
    names = [each.name for each in fields(PublishedRange)]
    return tuple(PublishedRange(*row) for row in inputs["costs/capture_ranges"][names].itertuples(index=False))


def ranges_of(inputs: Inputs, sectors: Iterable[str]) -> tuple[PublishedRange, ...]:
    """The ranges of steel and chemicals, and those of other sectors of a plan."""
    shown = {*SHIPPED_INVENTORIES, *sectors}
    return tuple(each for each in published_ranges(inputs) if each.sector in shown)


def covering_range(ranges: Iterable[PublishedRange], sector: str, grade: str, feedstock: str) -> PublishedRange | None:
    """The first range that covers a stream; None for mixed tail gas, flue gas of chemical plants and gas-fed plants."""
    for each in ranges:
        if each.sector == sector and each.grade in ("", grade) and each.feedstock in ("", feedstock):
            return each
    return None


def macc_cut(table: pd.DataFrame) -> float:
    """Return where the cost axis of the curve ends: above the cost of all but the most expensive tonnes."""
    costs, ends = table["avoidance_cost_at_full_load_per_t"], table["cumulative_avoided_at_full_load_ktpa"]
    shown = float(costs[ends >= _SHOWN_SHARE * ends.iloc[-1]].iloc[0])
    step = 10 ** math.floor(math.log10(max(shown, 1.0))) / 2
    return min(math.ceil(1.25 * shown / step) * step, float(costs.max()))
