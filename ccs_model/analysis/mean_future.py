"""The mean of futures: each number that they change, weighed by how likely they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ccs_model.scenario import Scenario


def mean_changes(
    base: Scenario, changes: Sequence[Mapping[str, Any]], shares: Sequence[float]
) -> dict[str, Any] | None:
    """Changes that make the mean future; None where a change is no number, nor numbers by the same years or names."""
    keys = list(dict.fromkeys(key for each in changes for key in each))
    found: dict[str, Any] = {}
    for key in keys:
        values = [each[key] if key in each else _value_of(base, key) for each in changes]
        mean = _mean(values, shares)
        if mean is None:
            return None
        found[key] = mean
    return found


def _mean(values: Sequence[Any], shares: Sequence[float]) -> Any:
    if all(value == values[0] for value in values):
        return values[0]
    if all(isinstance(value, Mapping) for value in values):
        names = list(values[0])
        if any(set(value) != set(names) for value in values):
            return None
        parts = {name: _mean([value[name] for value in values], shares) for name in names}
        return None if any(part is None for part in parts.values()) else parts
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        return None
    return sum(share * value for share, value in zip(shares, values, strict=True))


def _value_of(base: Scenario, key: str) -> Any:
    value: Any = base.model_dump()
    for step in key.split("."):
        name: Any = int(step) if step.isascii() and step.isdigit() else step
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    return value
