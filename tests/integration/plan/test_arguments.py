"""Arguments of the public functions: a wrong one is an InputError that names it; numbers of numpy are numbers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ccs_model as ccs
from ccs_model.errors import InputError
from ccs_model.inputs import Inputs
from ccs_model.plan.plan import Plan
from ccs_model.scenario import Scenario

NAN, TABLE, OBJECT, TWO = float("nan"), pd.DataFrame(), object(), [{"budget.total_mn": 900}, {"budget.total_mn": 950}]
NO_COUNT = (0, -3, NAN, 2.5, True, "x", [1])
NO_SECONDS = (0, -3, NAN, "x", [1], True)
NO_RUN = (3, NAN, OBJECT, b"r1", [], {}, TABLE, "")
NO_CHANGES = (None, 3, NAN, OBJECT, "x", b"x", TABLE)
NO_FUNCTION = (3, "x")

# Function with a plan or scenario as its first argument, the other arguments, the argument, and wrong values of it.
CASES: tuple[tuple[str, dict[str, Any], str, tuple[Any, ...]], ...] = (
    ("optimize", {}, "on_progress", NO_FUNCTION),
    ("solve", {}, "on_progress", NO_FUNCTION),
    ("montecarlo", {}, "draws", (*NO_COUNT, None)),
    ("montecarlo", {}, "seed", (-3, 2.5, "x", None, True)),
    ("montecarlo", {}, "sampling", ([1], "x", None)),
    ("montecarlo", {}, "jobs", NO_COUNT),
    ("montecarlo", {}, "scheduler", (3, [1])),
    ("montecarlo", {}, "out", (3, "")),
    ("montecarlo", {}, "run", (3, b"r1")),
    ("montecarlo", {}, "on_message", NO_FUNCTION),
    ("montecarlo", {}, "on_progress", NO_FUNCTION),
    ("frontier", {}, "n_points", (*NO_COUNT, 1, None)),
    ("frontier", {}, "to_mn", (*NO_SECONDS, float("inf"))),
    ("frontier", {}, "time_limit_s", NO_SECONDS),
    ("frontier", {}, "known", (3, None, "x", [3], TABLE, [TABLE])),
    ("frontier", {}, "known_bound", ("x", [1], NAN, True)),
    ("frontier", {}, "jobs", NO_COUNT),
    ("frontier", {}, "on_progress", NO_FUNCTION),
    ("near_optimal", {}, "n_plans", (*NO_COUNT, None)),
    ("near_optimal", {}, "within_share", (0, 1, -0.1, NAN, "x", None, True)),
    ("near_optimal", {}, "time_limit_s", (*NO_SECONDS, None)),
    ("near_optimal", {}, "on_progress", NO_FUNCTION),
    ("explain", {"plant": "NH3_21"}, "time_limit_s", (-3, NAN, "x", None)),
    ("explain", {}, "plant", (None, 3, NAN, OBJECT, b"NH3_21", [], {}, TABLE, iter([]))),
    ("sweep", {}, "changes", NO_CHANGES),
    ("sweep", {"changes": TWO}, "scheduler", (3,)),
    ("sweep", {"changes": TWO}, "jobs", NO_COUNT),
    ("sweep", {"changes": TWO}, "shard", (0, True, 2.5, "x", [1], (1, 2, 3), (0, 2), (3, 2), (1.0, 2), (True, 2))),
    ("sweep", {"changes": TWO}, "out", (3,)),
    ("sweep", {"changes": TWO}, "on_progress", NO_FUNCTION),
    ("regret", {}, "changes", NO_CHANGES),
    ("regret", {"changes": TWO}, "probabilities", ([NAN, 1], 0, [None, 1], "x", [0.5], [0.5, 0.6], [-1, 2], {}, TABLE)),
    ("regret", {"changes": TWO}, "on_progress", NO_FUNCTION),
    ("stochastic", {}, "on_progress", NO_FUNCTION),
)  # fmt: skip


@pytest.mark.parametrize(("name", "others", "argument", "values"), CASES, ids=[f"{c[0]}-{c[2]}" for c in CASES])
def test_a_wrong_argument_is_an_input_error_that_names_it(
    name: str, others: Mapping[str, Any], argument: str, values: tuple[Any, ...], small_plan: Plan, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    first = {"solve": small_plan.problem}.get(name, small_plan)
    if name in ("optimize", "sweep", "regret", "stochastic"):
        first = small_plan.problem.scenario
    for value in values:
        with pytest.raises(InputError) as caught:
            getattr(ccs, name)(first, **others, **{argument: value})
        assert caught.value.issues[0].where == argument, (value, str(caught.value))
        assert "expected" in str(caught.value) and len(str(caught.value)) < 250
    assert not list(tmp_path.iterdir())


def test_a_wrong_scenario_run_or_file_is_an_input_error_that_names_it(small_plan: Plan, tmp_path: Path) -> None:
    scenario = small_plan.problem.scenario
    calls: list[tuple[str, tuple[Any, ...], Callable[[Any], object]]] = [
        ("scenario", (None, 3, "", b"x"), ccs.optimize),
        ("scenario", (None, 3, ""), ccs.frontier),
        ("scenario", (None, 3), lambda value: ccs.sweep(value, TWO)),
        ("requested", (None, 3, ""), ccs.near_optimal),
        ("run", NO_RUN, lambda value: ccs.explain(value, "NH3_21")),
        ("run", NO_RUN, ccs.evidence),
        ("folder", NO_RUN, ccs.read_run),
        ("folder", NO_RUN, ccs.list_runs),
        ("path", NO_RUN, ccs.read_scenario),
        ("path", NO_RUN, small_plan.to_excel),
        ("folder", NO_RUN, small_plan.to_folder),
        ("runs", (None, 3, NAN, OBJECT, {}, TABLE), lambda value: ccs.compare(value, small_plan)),
        ("runs", (None, 3, NAN, OBJECT, {}, TABLE), lambda value: ccs.compare(small_plan, value)),
        ("cases", (None, 3, {}, TABLE, [3]), ccs.replay),
        ("inputs", (3, {}), lambda value: ccs.replay([], inputs=value)),
        ("inputs", (3, {}), lambda value: ccs.calibrate(inputs=value)),
        ("preset", (3, [1]), ccs.calibrate),
        ("changes", (None, 3, [], "", b"", iter([]), OBJECT, TABLE), scenario.with_changes),
        ("folder", (3, ""), lambda value: ccs.load_inputs(folder=value)),
        ("inputs", (None, {}), lambda value: ccs.build_problem(scenario, value)),
    ]
    for argument, values, call in calls:
        for value in values:
            with pytest.raises(InputError, match=rf"^{argument}: .*expected") as caught:
                call(value)
            assert len(str(caught.value)) < 250
    assert not list(tmp_path.iterdir())


def test_an_error_shows_what_was_given_in_short(small_plan: Plan) -> None:
    for value, text in (
        (-1, "got -1"),
        (NAN, "got nan"),
        ("x" * 1000, "got 'xxx"),
        (TABLE, "got a DataFrame"),
        (OBJECT, "got an object"),
    ):
        with pytest.raises(InputError, match=r"^draws: expected a whole number of at least 1, ") as caught:
            ccs.montecarlo(small_plan, draws=value)  # type: ignore[arg-type]
        assert text in str(caught.value) and len(str(caught.value)) < 150


def test_numbers_of_numpy_and_other_sequences_are_accepted(small_plan: Plan, tmp_path: Path) -> None:
    found = ccs.montecarlo(small_plan, draws=np.int64(3), seed=np.int32(3), out=tmp_path / "mc")  # type: ignore[arg-type]
    assert found.uncertainty.about["n_draws"] == 3
    plans = ccs.near_optimal(
        small_plan, within_share=np.float64(0.02), n_plans=np.int64(1), time_limit_s=np.float32(20)  # type: ignore[arg-type]
    )  # fmt: skip
    assert plans.about["within_share"] == 0.02
    scenario = small_plan.problem.scenario
    shares = iter(np.array([0.25, 0.75]))
    assert ccs.regret(scenario, iter(TWO), probabilities=shares).futures["probability_share"].tolist() == [0.25, 0.75]
    assert ccs.optimize(scenario, mip_gap=np.float64(0.1), time_limit_s=np.int64(30)).status != ""  # type: ignore[arg-type]


def test_tables_of_frontier_and_comparison_have_units(small_plan: Plan, small: Callable[..., Scenario]) -> None:
    found = ccs.frontier(small_plan, n_points=2, jobs=1)
    assert found.frontier is not None
    assert found.frontier.points.attrs["unit"]["budget_mn"] == "million CNY 2024"
    assert found.frontier.moves.attrs["unit"]["avoided_ktpa"] == "kt/y"
    assert "budget_mn" in found.frontier.breakpoints.attrs["unit"]
    compared = ccs.compare(small_plan, ccs.optimize(small({"budget.total_mn": 1_500, "name": "by_mn"})))
    assert compared.plants.attrs["unit"]["capex_mn"] == "million CNY 2024"
    assert compared.runs.attrs["unit"]["gap_share"] == "share" and compared.totals.attrs["unit"] == {}


def test_a_run_read_by_a_relative_path_is_found_from_another_working_directory(
    small_plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small_plan.to_folder("r1")
    run = ccs.read_run("r1")
    assert run.folder == run.current_folder == Path("r1")
    (tmp_path / "elsewhere").mkdir()
    os.chdir("elsewhere")
    plant = str(small_plan.retrofits["plant"].iloc[0])
    assert ccs.explain(run, plant, time_limit_s=0).chain.plant == plant
    assert len(ccs.evidence(run).shares)
    assert run.current_folder == tmp_path / "r1"


@pytest.mark.parametrize("value", ["x", 3, "plants/chemical", ["plants/steel"]])
def test_an_unknown_table_is_a_key_error_that_names_the_nearest(inputs: Inputs, value: Any) -> None:
    expected = "did you mean 'plants/chemicals'" if value == "plants/chemical" else r"the tables: .*plants/steel"
    with pytest.raises(KeyError, match=f"^no table {re.escape(repr(value))}; {expected}"):
        inputs[value]


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("capacity_ktpa", None, r"^plants/chemicals: column 'capacity_ktpa' is missing$"),
        ("capacity_ktpa", NAN, r"^plants/chemicals: row 0 \(\w+\): capacity_ktpa: is empty"),
        ("capacity_ktpa", -1.0, r"^plants/chemicals: row 0 \(\w+\): capacity_ktpa: -1(\.0)? is outside the range"),
        ("capacity_ktpa", "12", r"^plants/chemicals: row 0 \(\w+\): capacity_ktpa: is '12', expected a number"),
        ("province", 3, r"^plants/chemicals: row 0 \(\w+\): province: is 3, expected text"),
        ("product", "tea", r"^plants/chemicals: row 0 \(\w+\): product: 'tea' is unknown"),
        ("plant", "last", r"^plants/chemicals: row \d+ \(\w+\): repeats the plant of an earlier row"),
    ],
)
def test_a_table_changed_in_python_is_validated(
    small: Callable[..., Scenario], column: str, value: Any, expected: str
) -> None:
    scenario = small()
    inputs = ccs.load_inputs(scenario)
    frame = inputs["plants/chemicals"]
    if value is None:
        del frame[column]
    else:
        frame[column] = frame[column].astype(object)
        frame.loc[0, column] = frame[column].iloc[-1] if value == "last" else value
    with pytest.raises(InputError, match=expected):
        ccs.build_problem(scenario, inputs)


def test_a_valid_change_of_a_table_is_accepted(small: Callable[..., Scenario]) -> None:
    scenario = small()
    inputs = ccs.load_inputs(scenario)
    inputs["plants/chemicals"]["capacity_ktpa"] *= 1.1
    kept = inputs["plants/chemicals"].drop(index=0)
    for changed in (inputs, replace(inputs, tables={**inputs.tables, "plants/chemicals": kept})):
        assert changed.changed_tables and len(ccs.build_problem(scenario, changed).plants)
