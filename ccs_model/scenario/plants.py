"""Which plants a scenario looks at, and how finely."""

from __future__ import annotations

from pydantic import Field, model_validator

from ccs_model.scenario.fields import SHIPPED_INVENTORIES, Inventories, Words
from ccs_model.scenario.findings import Finding, findings_error
from ccs_model.scenario.section import Section


class Plants(Section):
    """Which plants are looked at."""

    inventory: Inventories = SHIPPED_INVENTORIES
    """Tables of plants to read: steel, chemicals, coal_chemicals (shipped), or .csv and .xlsx files of your own."""
    provinces: Words = ()
    """Only plants of these provinces; empty means all."""
    emitting_at_least_ktpa: float = Field(default=0.0, ge=0)
    """Only plants that emit at least this much CO₂, in thousand tonnes a year."""
    leave_out: Words = ()
    """Ids of plants that may not be fitted."""
    must_fit: Words = ()
    """Ids of plants that must be fitted."""
    furnace_streams: bool = False
    """Hot stoves of a steel works are a stream of each blast furnace, so that only those of furnaces that retire are
    left out, instead of one stream of the works."""
    captive_units: bool = False
    """Coal units of a works or plant are a stream of their own as far as they emit more than the power plant or the
    boilers already counted there."""

    @model_validator(mode="after")
    def _not_both(self) -> Plants:
        left_out = {plant: place for place, plant in enumerate(self.leave_out)}
        both = [
            Finding(
                ("must_fit", place),
                f"plant '{plant}' must be fitted here and is left out",
                "keep one",
                other=("leave_out", left_out[plant]),
            )
            for place, plant in enumerate(self.must_fit)
            if plant in left_out
        ]
        if both:
            raise findings_error(both)
        return self
