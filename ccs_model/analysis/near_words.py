"""Swaps of plants in words."""

from __future__ import annotations

from collections.abc import Sequence


def swap_words(entering: Sequence[str], leaving: Sequence[str]) -> str:
    """What it takes to go from one plan to another: `B and C together can replace A`."""
    if not entering and not leaving:
        return "the same plants"
    if not entering:
        return f"{listed(leaving)} can be left out, and nobody need enter"
    if not leaving:
        return f"{listed(entering)} can be added, and nobody need leave"
    together = " together" if len(entering) > 1 else ""
    return f"{listed(entering)}{together} can replace {listed(leaving)}"


def listed(names: Sequence[str]) -> str:
    """`A`, `A and B`, `A, B and C`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
