"""`StoredRun`: a finished run as its folder holds it, for everything that is written from a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ccs_model.scenario import Scenario


@dataclass(frozen=True, eq=False)
class StoredRun:
    """A run folder as read: `document` is plan.json, `tables` its tables by name, `map` a GeoJSON feature collection.

    `inputs` holds the SHA-256 of every input file by name, `sha256` that of all inputs together. `frontier` is
    frontier.json and `uncertainty` is montecarlo.json, if the folder has them; the futures of a Monte Carlo run are in
    `tables` as `futures`.
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

    @property
    def years(self) -> tuple[int, ...]:
        """First year of each period."""
        return self.scenario.starts

    @property
    def money(self) -> str:
        """Currency and price year, as units print them."""
        return f"{self.document['currency']} {self.document['price_year']}"

    def features(self, *kinds: str) -> list[dict[str, Any]]:
        """Features of the map of these kinds."""
        return [feature for feature in self.map["features"] if feature["properties"]["kind"] in kinds]
