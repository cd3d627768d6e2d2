"""The shipped tables' zones and fits, made once."""

from __future__ import annotations

import pytest

from ccs_model.inputs import Inputs
from ccs_model.pilots.calibrate import Calibration, calibrate
from ccs_model.pilots.replay_cases import ReplayContext


@pytest.fixture(scope="session")
def context(inputs: Inputs) -> ReplayContext:
    return ReplayContext(inputs)


@pytest.fixture(scope="session")
def fitted(inputs: Inputs) -> Calibration:
    """The calibration of all presets, fitted in this session."""
    return calibrate("all", accept=True, inputs=inputs)
