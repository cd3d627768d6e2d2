"""Near-optimal plans: hand cases of exchangeable plants, and properties of the plans found."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from ccs_model.analysis.near_optimal import Alternatives, exchange_text, near_optimal, reference_of
from ccs_model.analysis.near_optimal_model import NEEDED, NEVER, SWAPPABLE
from ccs_model.cli import group
from ccs_model.cli.command_options import Output
from ccs_model.errors import FileError, InputError
from ccs_model.mip.matrix import residuals
from ccs_model.plan.cache_key import RunKey
from ccs_model.plan.plan import Plan
from ccs_model.runs.run_writer import cached_document, write_result

pytestmark = pytest.mark.slow

Solved = Callable[..., Plan]
KEY = RunKey("a" * 64, "hebei-near-optimal")
# So short that pipe costs are negligible.
SHORT = {"length_km": 1e-6}
REQUEST = {"targets.captured_ktpa": 1_000, "transport.corridors": "all"}


def alternatives_of(solved: Solved, plants: dict[str, Any], **changes: Any) -> Alternatives:
    """Alternatives within 1 % of the least cost of capturing 1,000 kt/y; the capital recovery factor is 0.1."""
    links = {f"{plant}-S": SHORT for plant in plants}
    plan = solved({**REQUEST, **changes}, plants=plants, sites={"S": {}}, links=links)
    return near_optimal(plan, time_limit_s=60)


def standings(found: Alternatives) -> dict[str, str]:
    return dict(zip(found.plants["plant"], found.plants["standing"], strict=True))


def test_two_plants_together_can_replace_one(hand_solved: Solved) -> None:
    # A alone costs 10; B and C together 5.01 + 5.015 = 10.025, a quarter of a percent more; D costs twice as much.
    found = alternatives_of(
        hand_solved,
        {
            "A": {"co2_ktpa": 1_000, "capture_capex_mn": 100},
            "B": {"co2_ktpa": 500, "capture_capex_mn": 50.1},
            "C": {"co2_ktpa": 500, "capture_capex_mn": 50.15},
            "D": {"co2_ktpa": 1_000, "capture_capex_mn": 200},
        },
    )
    assert found.about["objective"] == pytest.approx(10, rel=1e-6)
    assert standings(found) == {"A": SWAPPABLE, "B": SWAPPABLE, "C": SWAPPABLE, "D": NEVER}
    assert found.plants["is_proven"].all()
    assert found.about["is_exhausted"]
    exchange = found.exchanges.set_index("plant").loc["A"]
    assert exchange["text"] == "B and C together can replace A"
    assert exchange["objective"] == pytest.approx(10.025, rel=1e-6)
    assert exchange["short_share"] == pytest.approx(0.0025, rel=1e-3)
    # The most different plan shares no plant with the optimum.
    first = found.plans.iloc[1]
    assert (first["plants"], first["n_differing"], first["is_proven"]) == ("B C", 3, True)


def test_a_plant_is_needed_if_excluding_it_costs_more_than_the_tolerance(hand_solved: Solved) -> None:
    # Without A, C must be retrofitted: 5.01 + 6 = 11.01, a tenth more. With A, no other plant is needed.
    found = alternatives_of(
        hand_solved,
        {
            "A": {"co2_ktpa": 1_000, "capture_capex_mn": 100},
            "B": {"co2_ktpa": 500, "capture_capex_mn": 50.1},
            "C": {"co2_ktpa": 500, "capture_capex_mn": 60},
        },
    )
    plants = found.plants.set_index("plant")
    assert plants.at["A", "standing"] == NEEDED and plants.at["A", "is_proven"]
    assert plants.at["A", "lost_share"] == pytest.approx(0.101, rel=1e-4)
    assert plants.loc[["B", "C"], "standing"].tolist() == [NEVER, NEVER]


def test_a_required_plant_is_needed_because_the_scenario_requires_it(hand_solved: Solved) -> None:
    # B costs twice as much as A, and is in every plan all the same.
    plants = {"A": {"co2_ktpa": 1_000, "capture_capex_mn": 100}, "B": {"co2_ktpa": 1_000, "capture_capex_mn": 200}}
    found = alternatives_of(hand_solved, plants, **{"plants.require": ["B"]})
    assert standings(found) == {"A": NEVER, "B": NEEDED}
    assert dict(zip(found.plants["plant"], found.plants["text"], strict=True))["B"] == "required by the scenario"


def test_continuous_decisions_give_a_range_for_each_plant(hand_solved: Solved) -> None:
    # A tonne of B costs 5 % more than one of A, so that 1 % of the cost exchanges a fifth of the tonnes.
    found = alternatives_of(
        hand_solved,
        {
            "A": {"co2_ktpa": 1_000, "capture_capex_mn": 100},
            "B": {"co2_ktpa": 500, "capture_capex_mn": 52.5},
            "C": {"co2_ktpa": 500, "capture_capex_mn": 500},
        },
        **{"capture.decisions": "continuous"},
    )
    ranges = found.ranges.set_index("plant")
    rate = ranges.at["A", "max_share"]  # the capture rate
    assert ranges.loc[["A", "B"], "min_ktpa"].tolist() == pytest.approx([800, 0], rel=1e-5, abs=1e-3)
    assert ranges.at["B", "max_ktpa"] == pytest.approx(200, rel=1e-5)
    assert ranges.at["A", "min_share"] == pytest.approx(0.8 * rate, rel=1e-5)
    # A tonne of C costs ten times one of A, so that 1 % of the cost exchanges 1/9 of 1 % of the tonnes.
    assert ranges.at["C", "max_ktpa"] == pytest.approx(1_000 * 0.01 / 9, rel=1e-5)
    assert ranges["standing"].tolist() == [NEEDED, SWAPPABLE, SWAPPABLE]


@pytest.fixture(scope="module")
def found(solved: Solved) -> Alternatives:
    return near_optimal(solved({"budget.total_mn": 3_500}), within_share=0.1, n_plans=4, time_limit_s=60)


def test_every_alternative_is_feasible_and_within_the_tolerance(solved: Solved, found: Alternatives) -> None:
    reference = reference_of(solved({"budget.total_mn": 3_500}))
    assert len(found.plans) == len(found.points) > 1
    for x, row in zip(found.points, found.plans.to_dict("records"), strict=True):
        assert residuals(reference.matrix, x).hold
        assert float(reference.matrix.costs[0] @ x) == pytest.approx(row["objective"], rel=1e-9)
        assert row["objective"] >= 0.9 * reference.value * (1 - 1e-9)
        assert row["objective"] <= reference.bound * (1 + 1e-9)
    assert found.plans["plants"].is_unique
    # The distance of each most different plan is at most that of the previous one.
    difference = found.plans.loc[found.plans["how"] == "most different", "distance"].tolist()
    assert difference == sorted(difference, reverse=True)


def test_standings_agree_with_plans_with_fixed_decisions(solved: Solved, found: Alternatives) -> None:
    value = found.about["objective"]
    for row in found.plants.to_dict("records"):
        assert row["is_proven"]
        key = "plants.exclude" if row["is_in_plan"] else "plants.require"
        fixed = solved({"budget.total_mn": 3_500, key: [row["plant"]]}).objective.value
        assert (fixed >= 0.9 * value) == (row["standing"] == SWAPPABLE), row
        if row["standing"] != SWAPPABLE and np.isfinite(row["lost_share"]):
            assert row["lost_share"] <= (value - fixed) / value + 1e-6


def test_pipes_keep_to_the_corridors_of_the_plan_by_default(hand_solved: Solved) -> None:
    plants = {"A": {"co2_ktpa": 1_000, "capture_capex_mn": 100}, "B": {"co2_ktpa": 1_000, "capture_capex_mn": 100.1}}
    links = {f"{plant}-S": SHORT for plant in plants}
    plan = hand_solved({"targets.captured_ktpa": 1_000}, plants=plants, sites={"S": {}}, links=links)
    # A network of this size is searched over all links.
    assert plan.corridors == ("A-S", "B-S")
    plan = replace(plan, corridors=("A-S",))
    assert standings(near_optimal(plan)) == {"A": NEEDED, "B": NEVER}
    assert standings(near_optimal(plan, all_links=True)) == {"A": SWAPPABLE, "B": SWAPPABLE}


def test_an_exhausted_search_finds_every_set_of_plants(hand_solved: Solved) -> None:
    # Any two of four identical plants suffice, so six sets are equally good.
    plants = {name: {"co2_ktpa": 500, "capture_capex_mn": 50} for name in "ABCD"}
    links = {f"{plant}-S": SHORT for plant in plants}
    plan = hand_solved(REQUEST, plants=plants, sites={"S": {}}, links=links)
    found = near_optimal(plan, n_plans=100, time_limit_s=60)
    sets = set(found.plans["plants"])
    assert found.about["is_exhausted"]
    assert {" ".join(pair) for pair in combinations("ABCD", 2)} <= sets


def test_exchanges_are_described_in_words() -> None:
    assert exchange_text(["B", "C"], ["A"]) == "B and C together can replace A"
    assert exchange_text(["B"], ["A", "C", "D"]) == "B can replace A, C and D"
    assert exchange_text([], ["A"]) == "A can be left out without a replacement"
    assert exchange_text(["A"], []) == "A can be added without removing another plant"


def test_the_same_alternatives_give_the_same_bytes(found: Alternatives, solved: Solved, tmp_path: Path) -> None:
    again = near_optimal(solved({"budget.total_mn": 3_500}), within_share=0.1, n_plans=4, time_limit_s=60)
    for name, each in (("one", found), ("two", again)):
        write_result(tmp_path / name, KEY, "near_optimal", "t", each.to_dict(), each.tables())
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert {path.name for path in files} == {
        "exchanges.csv", "manifest.json", "near_optimal.json", "near_optimal.xlsx", "plans.csv", "plants.csv"
    }  # fmt: skip
    for path in files:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()


def test_a_folder_is_reused_for_the_same_request_only(found: Alternatives, tmp_path: Path) -> None:
    folder, other = tmp_path / "out", RunKey("b" * 64, "other")
    text = write_result(folder, KEY, "near_optimal", "t", found.to_dict(), found.tables())
    assert cached_document(folder, KEY, "near_optimal") == text
    assert cached_document(folder, other, "near_optimal") is None
    requested: list[str] = []
    with pytest.raises(FileError, match="already contains files"):
        output = Output(folder, as_json=True, allow_outside=False, quiet=True)
        output.report_analysis(other, "near_optimal", "{}", lambda: requested.append("asked"), lambda *_: "")
    assert not requested
    assert (folder / "near_optimal.json").read_text(encoding="utf-8") == text


def test_the_command_analyses_a_run_folder_and_reuses_its_result(solved: Solved, tmp_path: Path) -> None:
    run = solved({"budget.total_mn": 3_500}).to_folder(tmp_path / "run")
    out = tmp_path / "out"
    args = ["near-optimal", str(run), "--within", "0.1", "--n", "2", "--json", "--out", str(out)]
    result = CliRunner().invoke(group, args, catch_exceptions=False, standalone_mode=False)
    document = json.loads(result.stdout)
    assert result.return_value == 0
    assert document["schema"] == "ccs-model/near-optimal/2"
    assert document["objective"] == pytest.approx(solved({"budget.total_mn": 3_500}).objective.value)
    without_json = [*args[:-3], "--out", str(out)]
    again = CliRunner().invoke(group, without_json, catch_exceptions=False, standalone_mode=False)
    assert "In every near-optimal plan: " in again.stdout


def test_a_share_must_be_between_0_and_1(solved: Solved) -> None:
    with pytest.raises(InputError, match="within_share: expected a number above 0 and below 1"):
        near_optimal(solved({"budget.total_mn": 3_500}), within_share=1.0)
