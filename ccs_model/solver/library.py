"""HiGHS's library: without it, or with one too old, the line that installs it is all there is to say."""

from __future__ import annotations

from importlib import metadata

from ccs_model.errors import NoPlanError

OLDEST = (1, 11)
_HOW = 'install it: python -m pip install "highspy>=' + ".".join(map(str, OLDEST)) + '"'

try:
    import highspy
except ImportError as error:
    raise NoPlanError(f"the solver needs highspy, which is not installed here or cannot be loaded; {_HOW}") from error

try:
    _version = metadata.version("highspy")
except metadata.PackageNotFoundError:
    _version = ""
_numbers = tuple(int(part) for part in _version.split(".")[: len(OLDEST)] if part.isdigit())
if _numbers and _numbers < OLDEST:
    raise NoPlanError(f"the solver needs a newer highspy than {_version}; {_HOW}")

__all__ = ["highspy"]
