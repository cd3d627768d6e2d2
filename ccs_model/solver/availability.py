"""Whether highspy is there and new enough; without it the error says what to install."""

from __future__ import annotations

import re
from importlib import metadata

from ccs_model.errors import NoPlanError

OLDEST = "1.11"
INSTALL = f'python -m pip install "highspy>={OLDEST}"'


def trouble() -> str:
    """What is wrong with the solver's library, with the line that mends it; empty where nothing is."""
    try:
        there = metadata.version("highspy")
    except metadata.PackageNotFoundError:
        return f"the solver is not installed: {INSTALL}"
    if numbers(there) < numbers(OLDEST):
        return f"the solver is too old (highspy {there}, at least {OLDEST} is needed): {INSTALL}"
    try:
        import highspy  # noqa: F401
    except ImportError as error:
        return f"the solver cannot be loaded ({error}): {INSTALL}"
    return ""


def refuse_unless_usable() -> None:
    """Raises NoPlanError where the solver's library is missing or too old."""
    if said := trouble():
        raise NoPlanError(said)


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version, which compare as versions do: 1.9 is older than 1.11."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


# Whatever solves imports this room first, and would otherwise end in an ImportError that helps nobody.
refuse_unless_usable()
