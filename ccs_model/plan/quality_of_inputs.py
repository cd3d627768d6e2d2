"""Quality of the numbers behind a plan: tonnes and capital of each retrofit, by the weakest number they need.

Measured and reported numbers are documented; the others are estimated or assumed. Capital of a capture unit, for
example, needs the capital cost of its technology and the law of concentration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ccs_model.inputs.declarations import QUALITIES
from ccs_model.plan.citations import Citations, Cited
from ccs_model.problem import Problem

# The group that each quality counts in.
DOCUMENTED, ESTIMATED, ASSUMED = GROUPS = ("documented", "estimated", "assumed")
_GROUP = dict(zip(QUALITIES, (DOCUMENTED, DOCUMENTED, ESTIMATED, ASSUMED), strict=True))
TONNES, CAPTURE, PIPES, STORAGE, CAPITAL = (
    "captured tonnes", "capital of capture", "capital of pipelines", "capital of storage", "capital",
)  # fmt: skip
_OF_CAPITAL = (CAPTURE, PIPES, STORAGE)


QUALITY_NOTE = (
    "Tonnes in the last period and capital, by the weakest number that each retrofit needs. Documented numbers are "
    "measured or reported. Built projects: every reference reports the costs of such projects."
)


@dataclass(frozen=True)
class Amount:
    """A part of an amount of the plan, and the numbers it needs."""

    name: str
    value: float
    cited: Cited

    @property
    def group(self) -> str:
        """Group of its weakest number; assumed where no table states a quality."""
        known = [QUALITIES.index(each.quality) for each in self.cited if each.quality in QUALITIES]
        return _GROUP[QUALITIES[max(known, default=-1)]]

    def is_built(self, projects_in: Mapping[str, str]) -> bool:
        """Whether all of its references report built projects; `projects_in` is their country by reference."""
        return len(self.cited) > 0 and all(projects_in.get(each.reference) for each in self.cited)


def amounts_of(problem: Problem, retrofits: pd.DataFrame) -> Iterator[Amount]:
    """Captured tonnes and capital of each retrofit, with the numbers they need."""
    citations = Citations(problem)
    plants = problem.plants.set_index("plant", drop=False)
    routes = problem.routes.set_index("route")
    lines = () if problem.network is None else tuple(problem.network.lines["pipe"].unique())
    for retrofit in retrofits.to_dict("records"):
        plant, stream = plants.loc[retrofit["plant"]], str(retrofit["stream"])
        technology = citations.technology(str(retrofit["technology"]), str(retrofit["plant"]))
        tonnes = (
            *citations.plant(str(retrofit["plant"])), *citations.utilisation(plant["province"], plant["product"]),
            *citations.tonnes(plant, stream), *technology,
        )  # fmt: skip
        is_flue_gas = routes.loc[retrofit["route"], "grade"] == "flue_gas"
        capture = (*technology, *(citations.of("technologies/concentration_capex") if is_flue_gas else ()))
        # Sizes give diameters and power, no money.
        pipes = citations.pipes(lines or (str(retrofit["pipe"]),))
        pipes = tuple(each for each in pipes if each.table != "transport/pipe_sizes")
        yield Amount(TONNES, float(retrofit["captured_ktpa"]), tonnes)
        yield Amount(CAPTURE, float(retrofit["capture_capex_mn"]), capture)
        yield Amount(PIPES, float(retrofit["pipe_capex_mn"]), pipes)
        yield Amount(STORAGE, float(retrofit["storage_capex_mn"]), citations.site_costs(str(retrofit["site"])))


def projects_by_reference(problem: Problem) -> dict[str, str]:
    """Country whose built projects a reference reports, by reference; empty where it reports none."""
    references = problem.inputs["references"]
    countries = references["projects_in"].fillna("").astype(str)
    return dict(zip(references["reference"].astype(str), countries, strict=True))


def shares_table(problem: Problem, amounts: Sequence[Amount], projects_in: Mapping[str, str]) -> pd.DataFrame:
    """One row an amount: value, unit, and its share by group."""
    rows = [(each.name, each.value, each.group, each.value * each.is_built(projects_in)) for each in amounts]
    found = pd.DataFrame(rows, columns=["amount", "value", "group", "built"])
    found = pd.concat([found, found[found["amount"].isin(_OF_CAPITAL)].assign(amount=CAPITAL)])
    shares = []
    for name in (TONNES, CAPITAL, *_OF_CAPITAL):
        of_amount = found[found["amount"] == name]
        total = float(of_amount["value"].sum())
        by_group = of_amount.groupby("group")["value"].sum().reindex(GROUPS, fill_value=0.0)
        unit = "kt/y" if name == TONNES else f"mn {problem.currency} {problem.price_year}"
        parts = [float(value) / total if total > 0 else np.nan for value in (*by_group, of_amount["built"].sum())]
        shares.append((name, total, unit, *parts))
    columns = ["amount", "value", "unit", *(f"{group}_share" for group in GROUPS), "built_projects_share"]
    return pd.DataFrame(shares, columns=columns)


def sources_table(amounts: Sequence[Amount], projects_in: Mapping[str, str]) -> pd.DataFrame:
    """One row an amount, reference and table, the largest share first within an amount."""
    keys = ["amount", "reference", "quality", "table"]
    pairs = [(each.name, c.reference, c.quality, c.table, each.value) for each in amounts for c in set(each.cited)]
    found = pd.DataFrame(pairs, columns=[*keys, "value"]).groupby(keys, as_index=False)["value"].sum()
    totals = pd.DataFrame([(each.name, each.value) for each in amounts], columns=["amount", "value"])
    total = found["amount"].map(totals.groupby("amount")["value"].sum())
    found["share"] = np.where(total > 0, found["value"] / total, np.nan)
    found["projects_in"] = found["reference"].map(projects_in).fillna("")
    order = found["amount"].map({name: at for at, name in enumerate((TONNES, *_OF_CAPITAL))})
    found = found.assign(order=order).sort_values(
        ["order", "value", "reference", "table", "quality"], ascending=[True, False, True, True, True]
    )
    return found.drop(columns=["order", "value"]).reset_index(drop=True)


def quality_rows(problem: Problem, retrofits: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of `shares_table` for the retrofits of a plan; an empty amount has no shares."""
    table = shares_table(problem, list(amounts_of(problem, retrofits)), projects_by_reference(problem))
    return [
        {str(name): None if isinstance(value, float) and np.isnan(value) else value for name, value in row.items()}
        for row in table.to_dict("records")
    ]
