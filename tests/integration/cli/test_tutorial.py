"""The tutorial shows the current output of its commands."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from tests.paths import ROOT

pytestmark = pytest.mark.slow

REPLAY = runpy.run_path(str(ROOT / "docs" / "replay_tutorial.py"))


@pytest.fixture(scope="module")
def page() -> str:
    return REPLAY["PAGE"].read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tutorial")


def test_outputs_in_the_tutorial_match_the_commands(page: str, folder: Path) -> None:
    replayed = REPLAY["replayed"](page, folder)
    assert replayed == page, "run python docs/replay_tutorial.py"


def test_the_scenario_in_the_tutorial_matches_that_of_init(page: str, folder: Path) -> None:
    written = (folder / "my-zone" / "scenario.yaml").read_text(encoding="utf-8").splitlines()
    (quoted,) = re.findall(r"```yaml\n(.+?)```", page, re.DOTALL)
    assert [line for line in quoted.splitlines() if line not in written] == []
