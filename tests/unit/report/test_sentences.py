"""Sentences about a plan."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ccs_model.plan.plan import Plan
from ccs_model.report import language, sentences
from ccs_model.report.language import Language
from ccs_model.report.workbook.columns import lines_of_name, number_format
from ccs_model.scenario.schema import Scenario
from ccs_model.scenario.sections import Fund


def test_capital_paid_by_grants_is_reported_apart_from_the_budget(small_plan: Plan) -> None:
    funds = pd.DataFrame({"fund": "eu", "kind": "grant", "year": [2026, 2030], "spend_mn": [80.0, 0.0]})
    budget = small_plan.totals["budget_mn"]
    capex = budget + 79.0
    plan = replace(small_plan, funds=funds, totals={**small_plan.totals, "capex_mn": capex})
    text = sentences.answer(plan)
    assert f", of which grants pay 80; the budget of {budget:,.0f} million pays {budget - 1:,.0f}; the capture" in text
    assert "grants" not in sentences.answer(small_plan)
    translated = Language("zh").sentence(text)
    assert "其中补助 80；预算 2,000 百万元，其中支付 1,999 百万元" in translated


@pytest.mark.parametrize("objective", ["max_abatement", "min_cost", "max_npv", "max_net_benefit"])
@pytest.mark.parametrize("requested", ["", "2 %"])
def test_the_bound_over_all_links_has_a_chinese_text(small_plan: Plan, objective: str, requested: str) -> None:
    unit = small_plan.objective.unit if objective == "max_abatement" else "million over the horizon, discounted"
    plan = replace(
        small_plan,
        problem=replace(small_plan.problem, objective=objective),
        objective=replace(small_plan.objective, unit=unit),
    )
    text = f"{sentences.bound_text(plan, requested)}."
    assert not re.search("[a-z]{3}", Language("zh").sentence(text)), text


def test_the_answer_states_a_small_abatement_share(small_plan: Plan) -> None:
    plan = replace(small_plan, totals={**small_plan.totals, "abatement_share": 0.000244})
    assert ", 0.02 % of the emissions of all these plants." in sentences.answer(plan)
    assert number_format("on_site_abatement_share", 0.0) == "0.00%" and number_format("share_share", 0.0) == "0.0%"


def test_a_status_names_the_limit_or_the_links_searched(small_plan: Plan) -> None:
    limited = sentences.status(replace(small_plan, status="limit"))
    assert limited.startswith("Status: stopped by a limit before the requested gap (")
    assert Language("zh").sentence(limited).startswith("求解状态：未达到设定的最优性间隙")


def test_a_name_breaks_behind_its_hyphens() -> None:
    name = "shanxi-with-low-storage-capacity-2026-2044-dccbe2d1"
    assert (lines_of_name(name, 24), lines_of_name("two words-of it", 4)) == (3, 1)


def test_the_keys_of_every_fund_have_a_chinese_meaning() -> None:
    for key in Fund.model_fields:
        assert Language("zh").meaning(f"funds.eu_grant.{key}", "English") != "English", key


def _descriptions(node: Mapping[str, Any], prefix: str, sections: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Key and description of each property of a JSON schema."""
    for name, value in node.get("properties", {}).items():
        if "description" in value:
            yield f"{prefix}{name}", " ".join(value["description"].split())
        if "$ref" in value:
            section = value["$ref"].rsplit("/", 1)[-1]
            yield from _descriptions(sections[section], f"{prefix}{name}.", sections)


def test_the_meanings_of_keys_are_translated_from_the_present_schema() -> None:
    schema = Scenario.model_json_schema()
    present = dict(_descriptions(schema, "", schema["$defs"]))
    with (Path(language.__file__).parent / "labels.csv").open(encoding="utf-8", newline="") as file:
        translated = {row[0].removeprefix("key:"): row[1] for row in csv.reader(file) if row[0].startswith("key:")}
    stale = {key for key, text in translated.items() if key in present and text != present[key]}
    assert len(present.keys() & translated.keys()) > 90 and not stale
