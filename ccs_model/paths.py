"""Where the shipped data/ and scenarios/ lie: beside the package in a checkout, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_WHEEL = _PACKAGE / "_shipped"
_CHECKOUT = _PACKAGE.parent


def _shipped(name: str, landmark: str) -> Path:
    """The folder that holds `landmark`; a wheel's own copy is preferred, so a stray data/ beside it is never read."""
    for root in (_WHEEL, _CHECKOUT):
        if (root / name / landmark).is_file():
            return root / name
    return _WHEEL / name


def data_folder() -> Path:
    """The folder of shipped tables."""
    return _shipped("data", "dictionary.csv")


def scenarios_folder() -> Path:
    """The folder of shipped scenarios."""
    return _shipped("scenarios", "pilot-zones.yaml")


def data_folder_name() -> str:
    """How the manifest names the data folder: which kind it is, without a path of this machine."""
    return "checkout data/" if data_folder().parent == _CHECKOUT else "installed ccs_model/_shipped/data"
