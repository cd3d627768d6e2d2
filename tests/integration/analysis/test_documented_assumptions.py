"""The documentation pages for planners and reviewers match the texts and results of the program."""

from __future__ import annotations

import json
import re
import runpy
from typing import Any

import pytest

from tests.paths import ROOT

PACKAGE = ROOT / "ccs_model"
# Files with the sentences of the summary and of the answer on the page.
TEXT_FILES = (
    "report/summary.py", "report/phrases.py", "report/labels.csv", "plan/calibrated_results.py",
    "cli/optimize.py", "cli/inspect_run.py",
)  # fmt: skip


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docs" / "make_reviewers.py"))


@pytest.fixture(scope="module")
def stored(script: dict[str, Any]) -> dict[str, Any]:
    return json.loads(script["STORED"].read_text(encoding="utf-8"))


def test_the_stored_sensitivities_belong_to_the_current_inputs(script: dict[str, Any], stored: dict[str, Any]) -> None:
    repeat = "solve scenarios/hebei.yaml, then run python docs/make_reviewers.py RUN"
    assert stored["run_sha256"] == script["fingerprint"](), f"an input has changed: {repeat}"


def test_the_table_of_the_page_matches_the_stored_sensitivities(script: dict[str, Any], stored: dict[str, Any]) -> None:
    page = script["PAGE"].read_text(encoding="utf-8")
    assert script["page_with"](stored, page) == page, "run python docs/make_reviewers.py"


def test_the_table_lists_exactly_the_inputs_that_change_a_result_by_more_than_2_percent(
    script: dict[str, Any], stored: dict[str, Any]
) -> None:
    """An input is in the table if one of its eight stored changes is above 2 %."""
    rows = [line for line in script["table"](stored).splitlines() if line.startswith("| `")]
    shown = [re.match(r"\| `(\w+)`", line)[1] for line in rows]  # type: ignore[index]
    changes = {
        row["input"]: [abs(value) for name, value in row.items() if name.endswith("_share") and value is not None]
        for row in stored["uncertain"]
    }
    assert sorted(shown) == sorted(name for name, values in changes.items() if max(values) > 0.02)
    # The posterior of the delivered share is 43 to 85 % around 66 %; abatement of a fixed plan is proportional to it.
    delivered = next(row for row in stored["uncertain"] if row["input"] == "delivered_share")
    assert delivered["fixed_abatement_low_share"] == pytest.approx(
        delivered["low"] / delivered["planned"] - 1, rel=1e-4
    )


def test_every_phrase_of_the_answer_page_occurs_in_the_texts_of_the_program() -> None:
    page = (ROOT / "docs" / "explanation" / "answer.md").read_text(encoding="utf-8")
    phrases = re.findall(r"^\| \*(.+?)\* \|", page, re.MULTILINE)
    assert len(phrases) > 25
    texts = " ".join((PACKAGE / name).read_text(encoding="utf-8") for name in TEXT_FILES)
    texts = " ".join(re.sub(r'"\s*f?"', "", texts).split()).casefold()
    for phrase in phrases:
        for part in phrase.split(" … "):
            assert part.casefold() in texts, phrase
