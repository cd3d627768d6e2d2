"""Published bands of capture cost, to hold the plan's own figures against."""

from __future__ import annotations

from dataclasses import dataclass

CITATION = "ACCA21 ranges as quoted"
NOTE = "price year and system boundary unknown: compared as they stand"


@dataclass(frozen=True)
class Band:
    """A range of CNY per tonne captured and what it is said to cover."""

    covers: str
    low_per_t: float
    high_per_t: float
    currency: str = "CNY"

    def place(self, cost_per_t: float) -> str:
        """Where a cost lies: inside, below or above."""
        if cost_per_t < self.low_per_t:
            return "below"
        return "above" if cost_per_t > self.high_per_t else "inside"


STEEL = Band("steel works", 348.0, 560.0)
PURE_COAL_CHEMICAL = Band("pure streams of coal chemicals", 105.0, 250.0)
BANDS = (STEEL, PURE_COAL_CHEMICAL)


def band_of(sector: str, grade: str, feedstock: str) -> Band | None:
    """The band that covers a stream. Mixed tail gas, flue gas of chemical plants and gas-fed plants have none."""
    if sector == "steel":
        return STEEL
    return PURE_COAL_CHEMICAL if grade == "product_grade" and feedstock == "coal" else None
