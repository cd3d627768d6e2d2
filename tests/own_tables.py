"""Rows of steel plants as users write them: one plant near Shijiazhuang by default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WORKS: Mapping[str, Any] = {
    "plant": "M1",
    "name": "Works",
    "province": "Hebei",
    "grid": "Hebei south",
    "lat_deg": 38.04,
    "lon_deg": 114.51,
    "place_accuracy": "exact",
    "status": "operating",
    "crude_steel_ktpa": 5_000,
    "bof_steel_ktpa": 5_000,
    "bf_iron_ktpa": 4_500,
    "coke_ovens": "absent",
}


def works(*ids: str, **changes: Any) -> list[list[Any]]:
    """Return a heading and a row for each id."""
    headings = [*WORKS, *sorted(changes.keys() - WORKS.keys())]
    return [headings, *([{**WORKS, **changes, "plant": each}[name] for name in headings] for each in ids)]
