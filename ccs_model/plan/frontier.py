"""`Frontier`: what each budget buys, as tables.

points       one row a budget: the plan there, its bound and gap, what the ranked list would reach, what changed
breakpoints  one row a budget at which the slope of the linear program changes, both ends included
moves        one row a plant that enters, leaves or is fitted otherwise than at the budget below
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

FRONTIER_SCHEMA = "ccs-model/frontier/1"

POINT_COLUMNS = [
    "budget_mn", "abatement_kt", "spent_mn", "avoided_ktpa", "n_plants_fitted", "objective", "bound", "gap_share",
    "all_links_bound", "all_links_gap_share", "status", "more_mn", "more_kt", "more_kt_per_mn", "capital_per_t",
    "entering", "leaving", "changing", "words", "list_objective", "list_short_share", "list_only", "plan_only",
    "plants", "is_scenario",
]  # fmt: skip
BREAK_COLUMNS = ["budget_mn", "objective", "below_per_mn", "above_per_mn"]
MOVE_COLUMNS = ["budget_mn", "change", "plant", "name", "province", "sector", "avoided_ktpa", "capex_mn", "retrofits"]
ENTERS, LEAVES, CHANGES = "enters", "leaves", "changes"


@dataclass(frozen=True, eq=False)
class Frontier:
    """`about` says what was asked and how it was found; `pictures` hold, a point each, what a map shows of its plan.

    `is_exact` where every breakpoint of a linear program is known; a ladder of whole plans has a gap at each rung.
    """

    about: Mapping[str, Any]
    points: pd.DataFrame
    breakpoints: pd.DataFrame
    moves: pd.DataFrame
    pictures: tuple[Mapping[str, Any], ...]

    @property
    def is_exact(self) -> bool:
        """Whether the frontier is a linear program's, known everywhere."""
        return bool(self.about["is_exact"])
