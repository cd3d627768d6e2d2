"""Folders that tests read: the checkout and the data of published cases."""

from __future__ import annotations

from pathlib import Path

ROOT = next(folder for folder in Path(__file__).resolve().parents if (folder / "pyproject.toml").is_file())
DATA = ROOT / "tests" / "data"
