"""What a planner may say of the inputs that are uncertain."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ccs_model.scenario.fields import Line
from ccs_model.scenario.section import Section


class Spread(Section):
    """How one input is spread: factors on what the scenario plans with, but for `delivered_share`, which is a value."""

    distribution: Literal["triangular", "uniform", "lognormal", "truncated_normal"] = "triangular"
    """Between its ends; a lognormal's ends are its 5 and 95 % quantiles, a normal's about two standard deviations."""
    low: float = Field(ge=-1.0, le=100.0)
    """Lowest factor."""
    mode: float = Field(default=1.0, ge=-1.0, le=100.0)
    """The most likely one; the median of a lognormal; of no use to a uniform."""
    high: float = Field(ge=-1.0, le=100.0)
    """Highest factor."""


class Uncertainty(Section):
    """How far inputs may lie from what the scenario plans with, for `ccs-model montecarlo`.

    Inputs, spreads and correlations ship in data/uncertainty; here some are left out or spread otherwise.
    """

    leave_out: tuple[Line, ...] = ()
    """Inputs that stay as planned."""
    spreads: dict[Line, Spread] = Field(default_factory=dict)
    """Other spreads than the shipped ones, by input."""
