"""Paths of the shipped data/ and scenarios/: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_WHEEL = _PACKAGE / "_shipped"
_CHECKOUT = _PACKAGE.parent


def _shipped_folder(name: str, landmark: str) -> Path:
    """Return the folder that contains `landmark`; a wheel's own copy comes before a data/ folder beside the package."""
    for root in (_WHEEL, _CHECKOUT):
        if (root / name / landmark).is_file():
            return root / name
    return _WHEEL / name


def data_folder() -> Path:
    """Return the folder of the shipped tables."""
    return _shipped_folder("data", "dictionary.csv")


def scenarios_folder() -> Path:
    """Return the folder of the shipped scenarios."""
    return _shipped_folder("scenarios", "pilot-zones.yaml")


def data_folder_name() -> str:
    """Return the name of the data folder for the manifest: its kind, without a local path."""
    return "checkout data/" if data_folder().parent == _CHECKOUT else "installed ccs_model/_shipped/data"
