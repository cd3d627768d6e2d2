"""`StoredRun`: a finished run as its folder holds it, for everything that is written from a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import pandas as pd

from ccs_model.plan.headline import headline, html_table, short_text
from ccs_model.plan.plan import FIXED_DECISION_COLUMNS, TARGET_COLUMNS, Plots
from ccs_model.scenario import Scenario
from ccs_model.units import money_text, unit_text

# Tables of a plan that the run folder has in plan.json.
_IN_DOCUMENT: Mapping[str, Sequence[str] | None] = MappingProxyType(
    {"by_year": None, "targets": TARGET_COLUMNS, "fixed_decisions": FIXED_DECISION_COLUMNS, "checks": None}
)


class RunViewer(Protocol):
    """Shows a stored run; `ccs_model.runs` has the implementation."""

    def summary(self, document: Mapping[str, Any], width: int) -> str:
        """Return the summary of plan.json."""

    def plots_of_run(self, run: StoredRun) -> Plots:
        """Return the charts of the run."""

    def dataset_of_run(self, run: StoredRun) -> Any:
        """Return the run as a dataset."""


@dataclass(frozen=True, eq=False, repr=False)
class StoredRun:
    """A run folder as read: `document` is plan.json, `tables` its tables by name, `map` a GeoJSON feature collection.

    `inputs` holds the SHA-256 of every input file by name, `sha256` that of all inputs together. `frontier` is
    frontier.json and `uncertainty` is montecarlo.json, if the folder has them; the futures of a Monte Carlo run are in
    `tables` as `futures`. `run.retrofits` is short for `run.tables["retrofits"]`, and so on; `by_year`, `targets`,
    `fixed_decisions` and `checks` are read from plan.json. The units of the columns are in `attrs["unit"]` of a table.
    `duals`, `vintages`, `owner_capital` and `owner_tonnes` of a plan are not stored.
    """

    name: str
    document: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame] = field(repr=False)
    map: Mapping[str, Any] = field(repr=False)
    scenario: Scenario = field(repr=False)
    inputs: Mapping[str, str] = field(repr=False)
    sha256: str
    folder: Path | None = None
    frontier: Mapping[str, Any] | None = field(default=None, repr=False)
    uncertainty: Mapping[str, Any] | None = field(default=None, repr=False)
    viewer: RunViewer | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """State the units of the columns of every table."""
        for table in self.tables.values():
            self._with_units(table)

    def __repr__(self) -> str:
        document = self.document
        result = headline(document["totals"], self.money)
        gap = document["objective"]["gap_share"]
        return short_text("StoredRun", str(document["scenario"]), str(document["status"]), gap, result)

    def _repr_html_(self) -> str:
        document = self.document
        gap, currency = document["objective"]["gap_share"], str(document["currency"])
        return html_table(
            str(document["scenario"]), str(document["status"]), gap, document["totals"], currency,
            int(document["price_year"]),
        )  # fmt: skip

    def __getattr__(self, name: str) -> pd.DataFrame:
        """Return a table of the run by its name."""
        tables = self.__dict__.get("tables", {})
        if name in tables:
            return tables[name]
        if name in _IN_DOCUMENT and "document" in self.__dict__:
            table = pd.DataFrame(self.document[name], columns=_IN_DOCUMENT[name])
            return self._with_units(table.where(table.notna(), np.nan).infer_objects())
        known = ", ".join((*tables, *_IN_DOCUMENT))
        raise AttributeError(f"a stored run has no attribute or table {name!r}; its tables: {known}")

    def _with_units(self, table: pd.DataFrame) -> pd.DataFrame:
        units = {str(name): self._unit(str(name)) for name in table.columns}
        table.attrs["unit"] = {name: unit for name, unit in units.items() if unit}
        return table

    def summary(self, width: int = 100) -> str:
        """Return the summary that `ccs-model show` prints, in lines of at most `width` columns."""
        return self._viewer().summary(self.document, width)

    @property
    def plot(self) -> Plots:
        """Charts (Altair): `plot.map()`, `plot.macc()`, `plot.timeline()`, `plot.stakeholders()`."""
        return self._viewer().plots_of_run(self)

    def to_xarray(self) -> Any:
        """Return an `xarray.Dataset`: the tables with dimensions, units and references. Needs the extra `netcdf`."""
        return self._viewer().dataset_of_run(self)

    def _viewer(self) -> RunViewer:
        if self.viewer is None:
            raise ValueError("this run has no viewer; read it with ccs_model.read_run")
        return self.viewer

    def _unit(self, column: str) -> str:
        return unit_text(column, str(self.document["currency"]), int(self.document["price_year"]))

    @property
    def years(self) -> tuple[int, ...]:
        """First year of each period."""
        return self.scenario.starts

    @property
    def money(self) -> str:
        """Currency and price year, as units print them."""
        return money_text(str(self.document["currency"]), int(self.document["price_year"]))

    def features(self, *kinds: str) -> list[dict[str, Any]]:
        """Features of the map of these kinds."""
        return [feature for feature in self.map["features"] if feature["properties"]["kind"] in kinds]

    def lines(self) -> list[dict[str, Any]]:
        """Features of pipelines and roads, one an id: pipelines of one link or option with their flow and capex."""
        found: dict[str, dict[str, Any]] = {}
        for feature in self.features("pipe", "truck"):
            about = feature["properties"]
            if about["id"] in found:
                first = found[about["id"]]["properties"]
                about = {**first, **{name: first[name] + about[name] for name in ("flow_ktpa", "capex_mn")}}
            found[about["id"]] = {**feature, "properties": about}
        return list(found.values())
