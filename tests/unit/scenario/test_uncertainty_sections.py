"""Invalid distributions of inputs and invalid first-stage years, reported at their key."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ccs_model.analysis.uncertain_inputs import quantiles
from ccs_model.errors import InputError
from ccs_model.scenario import Scenario

TWO = {name: {"changes": {"budget.total_mn": amount}} for name, amount in (("low", 500.0), ("high", 900.0))}


@pytest.mark.parametrize(
    ("name", "spread", "message"),
    [
        ("capture_capex", {"low": 1.5, "high": 0.8, "distribution": "uniform"}, "low 1.5 is above high 0.8"),
        ("capture_capex", {"low": 0.8, "mode": 2.0, "high": 1.2}, "mode 2 is not between low 0.8 and high 1.2"),
        ("pipe_cost", {"low": -0.5, "high": 1.2}, "low -0.5, expected 0 or more"),
        ("utilisation", {"low": 0.0, "high": 1.2}, "low 0, expected more than 0"),
        (
            "carbon_price",
            {"low": 0.0, "high": 2.0, "distribution": "lognormal"},
            "expected more than 0 for a lognormal",
        ),
        ("delivered_share", {"low": 0.5, "mode": 0.8, "high": 1.5}, "high 1.5 is above 1"),
        ("storage_capacity", {"low": -1.0, "mode": 0.0, "high": 2.0}, "-1 to 2 is outside -1 to 1"),
        ("storage_capacity", {"low": 0.1, "mode": 0.2, "high": 0.9, "distribution": "lognormal"}, "no lognormal"),
    ],
)
def test_invalid_distribution_is_reported_at_its_key(
    small: Callable[..., Scenario], name: str, spread: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        small({"uncertainty.spreads": {name: spread}})
    (issue,) = caught.value.issues
    assert issue.where == f"uncertainty.spreads.{name}" and message in issue.what


def test_excluded_inputs_have_no_spread_and_are_listed_once(small: Callable[..., Scenario]) -> None:
    given = {"capture_capex": {"low": 0.8, "high": 1.2}}
    with pytest.raises(InputError, match="capture_capex: the input is excluded as well"):
        small({"uncertainty.spreads": given, "uncertainty.exclude": ["capture_capex"]})
    with pytest.raises(InputError, match="'utilisation' is listed twice"):
        small({"uncertainty.exclude": ["utilisation", "utilisation"]})


def test_a_uniform_distribution_needs_no_mode(small: Callable[..., Scenario]) -> None:
    small({"uncertainty.spreads": {"capture_capex": {"low": 1.2, "high": 1.5, "distribution": "uniform"}}})


def test_lognormal_has_the_given_quantiles() -> None:
    # Low and high are not symmetric about the median: 0.8 × 3 is not 1.
    found = quantiles("lognormal", np.array([0.05, 0.5, 0.95]), 0.8, 1.0, 3.0)
    assert found == pytest.approx([0.8, 1.0, 3.0])
    # If they are, quantiles are the median multiplied and divided by the same factor.
    found = quantiles("lognormal", np.array([0.25, 0.75]), 0.5, 1.0, 2.0)
    assert found[0] * found[1] == pytest.approx(1.0) and found[1] == pytest.approx(2 ** (0.67449 / 1.64485), rel=1e-4)


@pytest.mark.parametrize(("years", "gap"), [([2031], 2026), ([2026, 2036], 2031)])
def test_gap_in_first_stage_years_is_reported(small: Callable[..., Scenario], years: list[int], gap: int) -> None:
    with pytest.raises(InputError) as caught:
        small({"years": [2026, 2031, 2036], "futures": TWO, "here_and_now": years})
    (issue,) = caught.value.issues
    assert issue.where.startswith("here_and_now") and f"but {gap}, which is earlier, is not" in issue.what


def test_first_stage_years_from_the_first_year_on_are_valid(small: Callable[..., Scenario]) -> None:
    small({"years": [2026, 2031, 2036], "futures": TWO, "here_and_now": [2026, 2031]})
