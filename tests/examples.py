"""Number of Hypothesis examples of a test by tier."""

from __future__ import annotations

from typing import Any

from hypothesis import settings


def examples(most: int, **others: Any) -> settings:
    """Settings with `most` examples, or with those of the profile where it has fewer (the default tier)."""
    return settings(max_examples=min(most, settings().max_examples), **others)
