"""What a planner may ask of the calibration on the pilot zones."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ccs_model.scenario.fields import FileName, Line
from ccs_model.scenario.section import Section

SHIPPED_PRESET = "pilot-reported"


class Calibration(Section):
    """Whether capture delivers what the pilot zones and built projects suggest, or all that it is designed for."""

    use: Literal["median", "p10", "p90", "ensemble", "none"] = "none"
    """Which delivered share of design to plan with; `ensemble` plans with the median and evaluates the plan over 64
    draws; `none` takes capture as designed."""
    preset: Line = SHIPPED_PRESET
    """How the pilot zones' report is read: pilot-reported (about 15 %), pilot-literal (up to 15 %), pilot-installed."""
    ceiling: bool = False
    """Retrofit in each province no more of its capturable CO₂ than the fitted share in five years."""
    file: FileName | None = Field(default=None)
    """A calibration.json of your own, written by `ccs-model calibrate -o`; null takes the shipped one."""
