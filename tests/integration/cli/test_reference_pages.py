"""The committed reference pages of commands and scenario keys match the code."""

from __future__ import annotations

import importlib.util
import re
from types import ModuleType

import pytest

from tests.paths import ROOT

REFERENCE = ROOT / "docs" / "reference"


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "docs" / "make_reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_page_of_scenario_keys_is_up_to_date(pages: ModuleType) -> None:
    assert (REFERENCE / "scenario.md").read_text(encoding="utf-8") == pages.scenario_page()


def test_the_reference_page_of_commands_is_up_to_date(pages: ModuleType) -> None:
    # Versions of click wrap lines differently, and keep the names of the help option that a command had first.
    def words(text: str) -> list[str]:
        return re.findall(r"\S+", text.replace("-h, --help", "--help"))

    assert words((REFERENCE / "commands.md").read_text(encoding="utf-8")) == words(pages.commands_page())
