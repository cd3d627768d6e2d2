"""Two documents held against each other, leaf by leaf."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from ccs_model.report.recomputed import distance_of

_MISSING = object()


def apart(one: object, other: object, tolerance: float) -> tuple[int, float, list[str]]:
    """How many leaves were compared, the largest distance of numbers (relative above 1), and what differs, in words."""
    n, worst, words = 0, 0.0, []
    for place, mine, theirs in _leaf_values(one, other, ""):
        n += 1
        distance = 0.0 if _both_unknown(mine, theirs) else distance_of(mine, theirs)
        if distance is not None and distance <= tolerance:
            worst = max(worst, distance)
            continue
        worst = max(worst, distance or 0.0)
        words.append(f"{place or 'all of it'}: {_shown(mine)}, expected {_shown(theirs)}")
    return n, worst, words


def _leaf_values(one: object, other: object, place: str) -> Iterator[tuple[str, object, object]]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in [*one, *(key for key in other if key not in one)]:
            inner = f"{place}.{key}" if place else str(key)
            yield from _leaf_values(one.get(key, _MISSING), other.get(key, _MISSING), inner)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for at, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            yield from _leaf_values(mine, theirs, f"{place}[{at}]")
    elif isinstance(one, list) and isinstance(other, list):
        yield f"{place}, rows", float(len(one)), float(len(other))
    else:
        yield place, one, other


def _both_unknown(*values: object) -> bool:
    return all(value is None or (isinstance(value, float) and math.isnan(value)) for value in values)


def _shown(value: object) -> str:
    if value is _MISSING:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
