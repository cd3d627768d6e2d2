"""Former names of public functions, which work for one minor version with a warning."""

from __future__ import annotations

import warnings

# Former name: name to use.
RENAMED = {"alternatives": "near_optimal", "hedge": "stochastic", "pose": "build_problem"}


def renamed(name: str) -> str:
    """Return the name that replaces a former one, with a DeprecationWarning at the caller of the caller.

    Parameters
    ----------
    name : str
        Former name, a key of `RENAMED`.

    Returns
    -------
    str
        Name to use.
    """
    new = RENAMED[name]
    message = f"ccs_model.{name} is deprecated and will be removed in version 0.3; use ccs_model.{new}"
    warnings.warn(message, DeprecationWarning, stacklevel=3)
    return new
