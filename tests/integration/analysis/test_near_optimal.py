"""Plans nearly as good as the best: hand cases of which plants may be swapped, and laws of what is found."""

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

from ccs_model.analysis.near_optimal import Alternatives, held_of, near
from ccs_model.analysis.near_optimal_search import NEEDED, NEVER, SWAPPABLE, swap_words
from ccs_model.cli import group
from ccs_model.cli.terminal import answered
from ccs_model.errors import FileError, InputError
from ccs_model.mip.matrix import residuals
from ccs_model.plan.cache_key import RunKey
from ccs_model.plan.plan import Plan
from ccs_model.runs.result_folder import answer_in, write_answer

Solved = Callable[..., Plan]
KEY = RunKey("a" * 64, "hebei-alternatives")
# So short that no pipe costs a thousandth of what is looked at.
SHORT = {"length_km": 1e-6}
REQUEST = {"targets.captured_ktpa": 1_000, "transport.corridors": "all"}


def by_hand(solved: Solved, plants: dict[str, Any], **changes: Any) -> Alternatives:
    """Within 1 % of the least cost of 1,000 kt/y; capital is a tenth a year."""
    links = {f"{plant}-S": SHORT for plant in plants}
    plan = solved({**REQUEST, **changes}, plants=plants, sites={"S": {}}, links=links)
    return near(held_of(plan), time_limit_s=60)


def standings(found: Alternatives) -> dict[str, str]:
    return dict(zip(found.plants["plant"], found.plants["standing"], strict=True))


def test_two_plants_together_can_replace_one(hand_solved: Solved) -> None:
    # A alone costs 10; B and C together 5.01 + 5.015 = 10.025, a quarter of a percent more; D costs twice as much.
    found = by_hand(
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
    assert exchange["words"] == "B and C together can replace A"
    assert exchange["objective"] == pytest.approx(10.025, rel=1e-6)
    assert exchange["short_share"] == pytest.approx(0.0025, rel=1e-3)
    # The plan that differs most is the one that shares no plant with it.
    first = found.plans.iloc[1]
    assert (first["plants"], first["n_differing"], first["is_proven"]) == ("B C", 3, True)


def test_a_plant_is_needed_where_leaving_it_out_costs_more_than_the_share(hand_solved: Solved) -> None:
    # Without A, C must be taken at 60: 5.01 + 6 = 11.01, a tenth more. With A, nobody else is of use.
    found = by_hand(
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


def test_a_fractional_plan_has_a_range_for_each_plant(hand_solved: Solved) -> None:
    # A tonne of B costs 5 % more than one of A, so that a hundredth of the cost swaps a fifth of the tonnes.
    found = by_hand(
        hand_solved,
        {
            "A": {"co2_ktpa": 1_000, "capture_capex_mn": 100},
            "B": {"co2_ktpa": 500, "capture_capex_mn": 52.5},
            "C": {"co2_ktpa": 500, "capture_capex_mn": 500},
        },
        **{"capture.decisions": "continuous"},
    )
    ranges = found.ranges.set_index("plant")
    rate = ranges.at["A", "max_share"]  # the capture rate: what can be captured is delivered at that share
    assert ranges.loc[["A", "B"], "min_ktpa"].tolist() == pytest.approx([800, 0], rel=1e-5, abs=1e-3)
    assert ranges.at["B", "max_ktpa"] == pytest.approx(200, rel=1e-5)
    assert ranges.at["A", "min_share"] == pytest.approx(0.8 * rate, rel=1e-5)
    # 9 % of a tonne's cost above: 1 % of the cost is worth 1/90 of ... the dearest plant, at ten times the price.
    assert ranges.at["C", "max_ktpa"] == pytest.approx(1_000 * 0.01 / 9, rel=1e-5)
    assert ranges["standing"].tolist() == [NEEDED, SWAPPABLE, SWAPPABLE]


@pytest.fixture(scope="module")
def found(solved: Solved) -> Alternatives:
    return near(held_of(solved({"budget.total_mn": 700})), within_share=0.1, n_plans=4, time_limit_s=60)


def test_every_alternative_holds_and_is_within_the_share(solved: Solved, found: Alternatives) -> None:
    held = held_of(solved({"budget.total_mn": 700}))
    assert len(found.plans) == len(found.points) > 1
    for x, row in zip(found.points, found.plans.to_dict("records"), strict=True):
        assert residuals(held.matrix, x).hold
        assert float(held.matrix.costs[0] @ x) == pytest.approx(row["objective"], rel=1e-9)
        assert row["objective"] >= 0.9 * held.value * (1 - 1e-9)
        assert row["objective"] <= held.bound * (1 + 1e-9)
    assert found.plans["plants"].is_unique
    # Each of those that differ most is nearer to those before it than the one made before it was.
    difference = found.plans.loc[found.plans["how"] == "most different", "n_apart"].tolist()
    assert difference == sorted(difference, reverse=True)


@pytest.mark.slow
def test_standings_are_those_of_plans_made_with_locks(solved: Solved, found: Alternatives) -> None:
    value = found.about["objective"]
    for row in found.plants.to_dict("records"):
        assert row["is_proven"]
        key = "plants.exclude" if row["is_in_plan"] else "plants.require"
        locked = solved({"budget.total_mn": 700, key: [row["plant"]]}).objective.value
        assert (locked >= 0.9 * value) == (row["standing"] == SWAPPABLE), row
        if row["standing"] != SWAPPABLE and np.isfinite(row["lost_share"]):
            assert row["lost_share"] <= (value - locked) / value + 1e-6


def test_pipes_keep_to_the_corridors_of_the_plan_unless_told(hand_solved: Solved) -> None:
    plants = {"A": {"co2_ktpa": 1_000, "capture_capex_mn": 100}, "B": {"co2_ktpa": 1_000, "capture_capex_mn": 100.1}}
    links = {f"{plant}-S": SHORT for plant in plants}
    plan = hand_solved({"targets.captured_ktpa": 1_000}, plants=plants, sites={"S": {}}, links=links)
    held = held_of(plan)
    assert held.corridors == ("A-S",)
    assert standings(near(held)) == {"A": NEEDED, "B": NEVER}
    assert standings(near(replace(held, corridors=None))) == {"A": SWAPPABLE, "B": SWAPPABLE}


def test_every_set_of_plants_is_found_where_none_is_left(hand_solved: Solved) -> None:
    # Any two of four alike plants, so that six sets are equally good.
    plants = {name: {"co2_ktpa": 500, "capture_capex_mn": 50} for name in "ABCD"}
    links = {f"{plant}-S": SHORT for plant in plants}
    plan = hand_solved(REQUEST, plants=plants, sites={"S": {}}, links=links)
    found = near(held_of(plan), n_plans=100, time_limit_s=60)
    sets = set(found.plans["plants"])
    assert found.about["is_exhausted"]
    assert {" ".join(pair) for pair in combinations("ABCD", 2)} <= sets


def test_swaps_in_words() -> None:
    assert swap_words(["B", "C"], ["A"]) == "B and C together can replace A"
    assert swap_words(["B"], ["A", "C", "D"]) == "B can replace A, C and D"
    assert swap_words([], ["A"]) == "A can be left out, and nobody need enter"
    assert swap_words(["A"], []) == "A can be added, and nobody need leave"


def test_the_same_alternatives_give_the_same_bytes(found: Alternatives, solved: Solved, tmp_path: Path) -> None:
    again = near(held_of(solved({"budget.total_mn": 700})), within_share=0.1, n_plans=4, time_limit_s=60)
    for name, each in (("one", found), ("two", again)):
        write_answer(tmp_path / name, KEY, "alternatives", "t", each.to_dict(), each.tables())
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert {path.name for path in files} == {
        "alternatives.json", "alternatives.xlsx", "manifest.json", "plans.csv", "plants.csv", "swaps.csv"
    }  # fmt: skip
    for path in files:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()


def test_a_folder_answers_its_own_question_alone(found: Alternatives, tmp_path: Path) -> None:
    folder, other = tmp_path / "out", RunKey("b" * 64, "other")
    text = write_answer(folder, KEY, "alternatives", "t", found.to_dict(), found.tables())
    assert answer_in(folder, KEY, "alternatives") == text
    assert answer_in(folder, other, "alternatives") is None
    requested: list[str] = []
    with pytest.raises(FileError, match="already holds something"):
        answered(folder, other, "alternatives", "{}", lambda: requested.append("asked"), force=False)
    assert not requested
    assert (folder / "alternatives.json").read_text(encoding="utf-8") == text


@pytest.mark.slow
def test_a_run_is_asked_as_it_stands(solved: Solved, tmp_path: Path) -> None:
    run = solved({"budget.total_mn": 700}).to_folder(tmp_path / "run")
    out = tmp_path / "out"
    words = ["alternatives", str(run), "--within", "0.1", "--n", "2", "--json", "--out", str(out)]
    result = CliRunner().invoke(group, words, catch_exceptions=False, standalone_mode=False)
    document = json.loads(result.stdout)
    assert result.return_value == 0
    assert document["schema"] == "ccs-model/alternatives/2"
    assert document["objective"] == pytest.approx(solved({"budget.total_mn": 700}).objective.value)
    message = [*words[:-3], "--out", str(out)]
    again = CliRunner().invoke(group, message, catch_exceptions=False, standalone_mode=False)
    assert "in every one:" in again.stdout


def test_a_share_is_more_than_nothing(solved: Solved) -> None:
    with pytest.raises(InputError, match="no share"):
        near(held_of(solved({"budget.total_mn": 700})), within_share=1.0)
