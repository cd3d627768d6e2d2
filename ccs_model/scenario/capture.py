"""Which retrofits may be built: the keys under `capture:`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ccs_model.scenario.fields import Words, no_repeats
from ccs_model.scenario.section import Section


class Capture(Section):
    """Which retrofits may be built."""

    technologies: Annotated[
        tuple[Literal["amine", "advanced_amine", "compression", "purification"], ...],
        Field(min_length=1),
        AfterValidator(no_repeats),
    ] = ("amine", "advanced_amine", "compression", "purification")
    """Capture technologies to choose from."""
    heat_sources: Annotated[
        tuple[Literal["coal_boiler", "gas_boiler", "waste_heat", "heat_pump"], ...],
        Field(min_length=1),
        AfterValidator(no_repeats),
    ] = ("coal_boiler",)
    """Where the heat of a solvent may come from; each is an option of its own."""
    shared_absorbers: bool = False
    """Flue gases of a plant may share one absorber and compressor, as an option that takes all of them."""
    readiness_min: int = Field(default=1, ge=1, le=9)
    """Only technologies of at least this readiness level, 1 to 9."""
    measures: Words = ()
    """Measures that shrink a stream before capture, by their names in technologies/measures; empty means none."""
    retrofits: Literal["whole", "fractional"] = "whole"
    """`whole`: built or not (an integer program); `fractional`: in parts (a linear program)."""
    built_per_year_max: int | None = Field(default=None, ge=0)
    """At most this many retrofits start in one year; null means no limit."""
    start_at_relining: bool = False
    """Retrofits of hot stoves start only about the years in which a furnace is expected to be relined, where known."""
