"""Terminal output for given results: bands, ranges, sweeps, failures, missing shards and progress."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from ccs_model.analysis.jobs import Failure, attempt_task, shard_of, share_of
from ccs_model.analysis.sweep import Sweep, SweepProgress
from ccs_model.analysis.sweep_tables import write_warnings
from ccs_model.cli import group
from ccs_model.cli.terminal import ProgressLine
from ccs_model.errors import BUG, INFEASIBLE, CcsModelError, InfeasibleError, InputError, Issue, NoPlanError
from ccs_model.mip import Progress
from ccs_model.pilots.replay import ExpectationResult, Replay
from ccs_model.report.text_tables import align_columns, wrap_rows
from ccs_model.runs.run_list import RunEntry, sweep_warnings

# The package exports the commands under these names; the tests need the modules.
robustness, inspect_run, pilot_zones, plan_series = (
    import_module(f"ccs_model.cli.{name}") for name in ("robustness", "inspect_run", "pilot_zones", "plan_series")
)


def row(quantity: str, value: float | None, low: float | None, high: float | None, **more: Any) -> ExpectationResult:
    holds = value is not None and (low is None or value >= low) and (high is None or value <= high)
    return ExpectationResult(
        "hebei", "shares", "Hebei", quantity, value, low, high, holds, more.pop("fails", False), True, **more
    )


def test_a_replay_shows_bands_and_the_reason_of_a_missing_value() -> None:
    rows = (
        row("abatement_share", 0.15, 0.1, 0.2), row("spent_mn", 12_345_678.9, None, 2e7), row("n_plants", 3, 5, None),
        row("npv_mn", None, None, None, why="no plan"), row("control", 0.4, 0.1, 0.2, fails=True),
        row("spoilt_control", 0.15, 0.1, 0.2, fails=True),
    )  # fmt: skip
    found = Replay(rows, {"hebei": {}})
    shown = {
        line.split()[2]: " ".join(line.split()[3:])
        for line in pilot_zones._replay_text(found, False).splitlines()[1:-2]
    }
    assert shown == {
        "abatement_share": "0.15 0.1 – 0.2 held",
        "spent_mn": "12,345,679 ≤ 20,000,000 held",
        "n_plants": "3 ≥ 5 NOT HELD",
        "npv_mn": "– – NOT HELD no plan",
        "control": "0.4 0.1 – 0.2 failed, as it must",
        "spoilt_control": "0.15 0.1 – 0.2 HELD, and must not",
    }
    last = pilot_zones._replay_text(found, False).splitlines()[-1]
    assert last == "3 of 6 expectations of 1 cases are as expected."
    # With --quiet only unexpected results are shown; without any, only the count.
    assert len(pilot_zones._replay_text(found, True).splitlines()) == 1 + 3 + 2
    assert pilot_zones._replay_text(Replay(rows[:1], {"hebei": {}}), True).startswith("1 of 1 expectations")


def test_ranges_of_a_continuous_plan_are_shown_as_shares(tmp_path: Path) -> None:
    each = {"plant": "A", "name": "Aster", "plan_share": 0.5, "min_share": 0.25, "max_share": 1.0, "standing": "every"}
    unknown = {**each, "plant": "B", "name": "Birch", "min_share": None, "max_share": None, "standing": "open"}
    document = {
        "scenario": "Small", "within_share": 0.01, "objective": 1_234.5, "unit": "kt", "n_corridors": 7,
        "ranges": [each, unknown, {**each, "plant": "C", "standing": "never"}], "is_complete": False,
    }  # fmt: skip
    lines = robustness._near_optimal_text(document, tmp_path).splitlines()
    assert lines[0] == "Small: plans within 1.00% of 1,234.5 kt; pipelines within the 7 links searched"
    assert [line.split() for line in lines[2:4]] == [
        ["50.0%", "25.0%", "100.0%", "A", "Aster"], ["50.0%", "–", "–", "B", "Birch"],
    ]  # fmt: skip
    assert lines[4] == "1 further plants are in no near-optimal plan"
    assert "The time limit was reached before every plant was classified; raise --time-limit" in lines


def test_a_comparison_rounds_numbers_and_marks_missing_values() -> None:
    assert [inspect_run._number(value, "capex_mn") for value in (None, float("nan"), 12.34, 12.0, 1_234.5)] == [
        "–", "–", "12.3", "12", "1,234",
    ]  # fmt: skip
    assert inspect_run._number(0.1234, "abatement_share") == "12.34%"


def sweep_of(folder: Path, **status: int) -> Sweep:
    """Return a sweep with the given number of scenarios of each status."""
    codes = {"optimal": 0.0, "limit": 5.0, "infeasible": 4.0, "missing": float("nan")}
    names = [name for name, n in status.items() for _ in range(n)]
    table = pd.DataFrame(
        {
            "scenario": range(1, len(names) + 1), "status": names, "exit_code": [codes[name] for name in names],
            "message": ["these clash" if name == "infeasible" else "" for name in names],
        }
    )  # fmt: skip
    return Sweep(folder, "Small", table, pd.DataFrame({"plant": [], "chosen_share": []}))


def test_a_sweep_prints_the_figures_of_its_variants(tmp_path: Path) -> None:
    row = {
        "scenario": 1, "budget.total_mn": 1_500, "status": "within_gap", "currency": "CNY", "price_year": 2024.0,
        "unit": "kt", "gap_share": 0.0193, "n_plants_retrofitted": 1.0, "avoided_ktpa": 523.4, "capex_mn": 1_484.2,
        "message": "",
    }  # fmt: skip
    none = dict.fromkeys(("gap_share", "n_plants_retrofitted", "avoided_ktpa", "capex_mn"), float("nan"))
    failed = {**row, "scenario": 2, "status": "infeasible", "unit": float("nan"), "currency": "", **none}
    text = plan_series.sweep_text(tmp_path, "Small", [failed, *[row] * 24])
    lines = [line.split() for line in text.splitlines()]
    assert ["budget.total_mn", "status", "avoided,", "kt/y", "plants", "capex,", "mn", "CNY", "2024", "gap"] in lines
    assert ["2", "1500", "infeasible", "–", "–", "–", "–"] in lines
    assert lines.count(["1", "1500", "within", "gap", "523", "1", "1,484", "1.93%"]) == 19
    assert "… and 5 more" in text and ": 25 scenarios: 1 infeasible, 24 within gap" in text
    # Read back from a file, a variant without a plan has no values at all.
    without = {**failed, "unit": None, "currency": None, "price_year": None}
    assert "mn CNY 2024" in " ".join(plan_series.sweep_text(tmp_path, "Small", [without, row]).split())
    assert "budget.total_mn" not in plan_series.sweep_text(tmp_path, "Small", [failed])


def test_the_list_of_runs_has_words_for_each_status() -> None:
    runs_table = import_module("ccs_model.cli.inspect_run")._runs_table
    entry = RunEntry("own", "run", "2026-01-01T00:00:00", "Own", 5.0, "kt", "within_gap", 0.02, "built")
    text = runs_table([entry, replace(entry, name="late", status="limit")])
    assert "within gap" in text and "limit reached" in text and "_" not in text


def test_a_sweep_prints_the_npv_if_only_the_npv_differs(tmp_path: Path) -> None:
    row = {
        "scenario": 1, "finance.tax_share": 0.25, "status": "optimal", "objective_name": "max_abatement",
        "currency": "INR", "price_year": 2024, "objective_value": 5_484.0, "unit": "kt over the horizon",
        "gap_share": 0.0, "n_plants_retrofitted": 1, "avoided_ktpa": 319, "capex_mn": 812, "npv_mn": -210.4,
        "message": "",
    }  # fmt: skip
    other = {**row, "scenario": 2, "finance.tax_share": 0.17, "npv_mn": -229.3}
    text = plan_series.sweep_text(tmp_path, "Small", [row, other])
    assert "NPV, mn INR 2024" in text and "-210" in text and "-229" in text
    assert "NPV" not in plan_series.sweep_text(tmp_path, "Small", [row, {**other, "avoided_ktpa": 300}])


def test_a_sweep_prints_the_objective_of_its_variants(tmp_path: Path) -> None:
    row = {
        "scenario": 1, "discount_rate": 0.06, "status": "optimal", "objective_name": "max_npv", "currency": "CNY",
        "price_year": 2024, "objective_value": 349.7, "unit": "million over the horizon, discounted", "gap_share": 0.0,
        "n_plants_retrofitted": 1, "avoided_ktpa": 319, "capex_mn": 812, "message": "",
    }  # fmt: skip
    failed = {**row, "scenario": 2, "status": "infeasible", "objective_name": None, "objective_value": None}
    text = plan_series.sweep_text(tmp_path, "Small", [row, failed])
    assert "NPV, mn CNY 2024" in text and ["1", "0.06", "optimal", "350", "319"] in [
        line.split()[:5] for line in text.splitlines()
    ]
    tonnes = {**row, "objective_name": "max_abatement", "objective_value": 5_484.0, "unit": "kt over the horizon"}
    assert "5,484" not in plan_series.sweep_text(tmp_path, "Small", [tonnes, failed])
    mixed = plan_series.sweep_text(tmp_path, "Small", [tonnes, row])
    assert "objective" in mixed and "NPV 350 million" in mixed and "5,484 kt" in mixed


def test_a_sweep_prints_each_warning_once_with_its_scenarios(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = {"cases": [{"scenario": n, "run": f"run-{n}"} for n in range(1, 8)]}
    rows = {f"run-{n}": {"warnings": ["of all", *(["of two"] if n in (2, 5) else [])]} for n in range(1, 8)}
    rows["run-3"]["warnings"].append("of one")
    warnings = write_warnings(tmp_path, spec, rows)
    found = [(each["warning"], each["scenarios"]) for each in warnings]
    assert found == [("of all", "1 2 3 4 5 6 7"), ("of two", "2 5"), ("of one", "3")]
    plan_series.show(replace(sweep_of(tmp_path, optimal=7), warnings=warnings), as_json=False, quiet=False)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "warning: of all (all 7 scenarios)", "warning: of two (scenarios 2, 5)", "warning: of one (scenario 3)"
    ]  # fmt: skip
    assert [each["warning"] for each in sweep_warnings(tmp_path)] == ["of all", "of two", "of one"]
    assert write_warnings(tmp_path, spec, {}) == () and sweep_warnings(tmp_path) == []


def test_a_sweep_fits_a_narrow_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    row = {
        "scenario": 1, "budget.total_mn": 1_000, "finance.tax_share": 0.25, "discount_rate": 0.06, "status": "optimal",
        "objective_name": "max_npv", "currency": "CNY", "price_year": 2024, "objective_value": 349.7, "unit": "million",
        "gap_share": 0.0, "n_plants_retrofitted": 1, "avoided_ktpa": 319, "capex_mn": 812, "message": "",
    }  # fmt: skip
    failed = {**row, "scenario": 2, "status": "infeasible", "message": "these constraints conflict: " + "x " * 80}
    lines = plan_series.sweep_text(Path("runs"), "Small", [row, failed]).splitlines()
    assert max(map(len, lines)) <= 80
    heading = next(line for line in lines if "status" in line)
    assert "total_mn  tax_share  discount_" in heading and "NPV" in heading and "plants" not in heading
    assert heading.endswith("avoided, kt/y")
    assert "Figures left out on this narrow terminal are in the table." in lines


def test_sweep_keys_with_the_same_short_form_are_numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    figures = {
        "status": "optimal", "objective_name": "max_abatement", "currency": "CNY", "price_year": 2024,
        "objective_value": 13_431.4, "unit": "kt", "gap_share": 0.0, "n_plants_retrofitted": 1, "avoided_ktpa": 8_869,
        "capex_mn": 812, "message": "",
    }  # fmt: skip
    swept_keys = {f"policy.{name}.{year}": 1 for name in ("carbon_price_per_t", "paid") for year in (2026, 2030, 2040)}
    lines = plan_series.sweep_text(Path("runs"), "Small", [{"scenario": 1, **swept_keys, **figures}]).splitlines()
    assert max(map(len, lines)) <= 80
    heading = next(line for line in lines if "status" in line)
    assert heading.split()[:6] == ["(1)", "(2)", "(3)", "(4)", "(5)", "(6)"]
    assert "(2) policy.carbon_price_per_t.2030" in lines and "(6) policy.paid.2040" in lines


def test_sweep_keys_are_shortened_before_figures_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    figures = {
        "status": "within_gap", "objective_name": "max_npv", "currency": "CNY", "price_year": 2024,
        "objective_value": 13_431.4, "unit": "million", "gap_share": 0.0, "n_plants_retrofitted": 1,
        "avoided_ktpa": 8_869, "capex_mn": 812, "message": "",
    }  # fmt: skip
    years = {f"policy.carbon_price_per_t.{year}": 500 for year in (2026, 2030, 2040)}
    lines = plan_series.sweep_text(Path("runs"), "Small", [{"scenario": 1, **years, **figures}]).splitlines()
    heading, row = (line.split() for line in lines if "….2026" in line or "13,431" in line)
    assert heading[:3] == ["….2026", "….2030", "….2040"] and "…: policy.carbon_price_per_t" in lines
    assert row[:7] == ["1", "500", "500", "500", "within", "gap", "13,431"] and row[7] == "8,869"
    several = dict.fromkeys(
        ("budget.total_mn", "transport.detour_factor", "policy.value_added_growth_rate", *list(years)[:2]), 0.25
    )
    lines = plan_series.sweep_text(Path("runs"), "Small", [{"scenario": 1, **several, **figures}]).splitlines()
    assert max(map(len, lines)) <= 80
    row = next(line.split() for line in lines if "13,431" in line)
    assert row[-1] == "8,869"


def test_a_frontier_fits_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = import_module("ccs_model.cli.series_texts")
    text = "1,125 million CNY 2024 more raise the owners' NPV by 416 million; A enters."
    point = {
        "budget_mn": 3_000, "objective": 1_416.0, "abatement_kt": 14_860, "all_links_gap_share": 0.036,
        "gap_share": 0.01, "n_plants_retrofitted": 2, "list_short_share": 0.1, "is_scenario": True, "text": text,
        "added_mn": 1_125.0, "entering": "A", "leaving": "B", "changing": "",
    }  # fmt: skip
    document = {
        "objective_name": "max_npv", "unit": "million over the horizon, discounted", "currency": "CNY",
        "price_year": 2024, "n_corridors": 9, "is_exact": False,
        "network": "pipelines are shared, within the links of known plans and those found here", "points": [point],
    }  # fmt: skip
    monkeypatch.setenv("COLUMNS", "140")
    wide = texts.frontier_text(document, Path("runs"), None)
    assert "searched" in wide and "merit" in wide and "416 million; 1 enters, 1 leaves" in wide
    monkeypatch.setenv("COLUMNS", "80")
    narrow = texts.frontier_text(document, Path("runs"), None)
    assert max(map(len, narrow.splitlines()[:-1])) <= 80  # the last line names the folder
    assert "+416 million; 1 in, 1 out" in narrow and "NPV" in narrow
    assert "searched" not in narrow and "merit" not in narrow
    assert "gap: over all candidate links" in narrow
    assert wide.startswith("Plans by budget over the horizon;")
    of_a_year = texts.frontier_text({**document, "unit": "million a year"}, Path("runs"), None)
    assert of_a_year.startswith("Plans by budget in a year;")
    # The text of a step is never cut.
    unsure = (
        "The effect of 1,125 million CNY 2024 more is not known, because the plan at the budget below has no known gap"
    )
    point |= {"text": unsure, "entering": "A; B; C", "leaving": "D", "changing": "E; F; G; H; I; J; K; L; M; N"}
    unknown = texts.frontier_text({**document, "points": [point]}, Path("runs"), None)
    assert max(map(len, unknown.splitlines()[:-1])) <= 80
    assert "not known; 3 in, 1 out, 10 changed" in " ".join(unknown.split())
    assert "not known: the plan at the budget below has no known gap" in " ".join(unknown.split())


def test_a_wide_table_is_wrapped_and_neither_cut_nor_wider_than_the_terminal() -> None:
    rows = [["input", "quality", "change, re-planned"], ["capture capex, amine", "assumed", "-11.1% … +0.2%"]]
    rows += [["capture capex, amine", "reported", "+0.0% … +0.0%"], ["power price", "assumed", "+0.0% … +0.0%"]]
    assert "\n".join(wrap_rows(rows, {0, 1}, 80)) == align_columns(rows, {0, 1})
    wrapped = wrap_rows(rows, {0, 1}, 40)
    assert wrapped[0].splitlines() == ["input           quality          change,", " " * 30 + "re-planned"]
    assert wrapped[1].splitlines() == ["capture capex,  assumed   -11.1% … +0.2%", "amine"]
    # Names take lines of their own, once for the rows of one name.
    own = wrap_rows(rows, {0, 1}, 31)
    assert own[1].startswith("capture capex, amine\n  assumed ") and "-11.1% … +0.2%" in own[1]
    assert "capture" not in own[2] and own[3].startswith("power price\n")
    assert max(len(line) for text in own for line in text.splitlines()) <= 31


def test_a_sweep_lists_its_failures_and_missing_shards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    complete = sweep_of(tmp_path, optimal=3, infeasible=1)
    plan_series.show(complete, as_json=False, quiet=False)
    reported = capsys.readouterr().out.splitlines()
    assert reported[0] == "Small: 4 scenarios: 3 optimal, 1 infeasible"
    assert reported[1] == "  scenario 4: these clash"
    assert "sweep.csv and sweep.xlsx" in reported[2] and len(reported) == 3
    incomplete = sweep_of(tmp_path, optimal=1, infeasible=30, missing=2)
    plan_series.show(incomplete, as_json=False, quiet=False)
    reported = capsys.readouterr().out.splitlines()
    n_shown = sum("these clash" in line for line in reported)
    assert f"  … and {30 - n_shown} more" in reported and "sweep.partial.csv" in reported[-2]
    where = f"2 missing: run the other shards, then ccs-model sweep merge {tmp_path}"
    assert reported[-1] == f"{where}, with any folders of shards run elsewhere"
    assert (complete.exit_code, sweep_of(tmp_path, optimal=1, limit=1).exit_code) == (INFEASIBLE, 5)
    plan_series.show(complete, as_json=False, quiet=True)
    assert capsys.readouterr().out == ""
    plan_series.show(incomplete, as_json=True, quiet=True)
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "ccs-model/sweep/2" and document["scenario"] == "Small"


@pytest.mark.parametrize(
    ("seconds", "text"), [(59.4, "59 s"), (61, "1 min 1 s"), (3_599, "59 min 59 s"), (7_260, "2 h 1 min")]
)
def test_the_remaining_time_of_a_sweep_is_in_hours_minutes_and_seconds(
    seconds: float, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    console = plan_series._SweepConsole(quiet=False)
    console.on_progress(SweepProgress(5, 2, 40, 0.5, seconds))
    assert capsys.readouterr().err.endswith(f"5 of 40 scenarios, 2 without a plan; 30.0 per minute, {text} left")
    console.clear()


def test_progress_is_one_line_on_a_terminal_and_is_cleared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    line = ProgressLine(quiet=False)
    line.on_progress(Progress("bounding", 1.25, float("inf"), float("nan")))
    line.on_progress(Progress("proving the gap", 2.5, 1_050.0, float("nan")))
    line.on_progress(Progress("proving the gap", 2.5, 1_050.0, 1_000.0))
    first, second, third = capsys.readouterr().err.split("\r")[1:]
    assert first == "    0 s  bounding"
    assert second == "    0 s  proving the gap: best none yet, bound 1,050, gap open"
    assert third.startswith("    0 s  proving the gap: best 1,000, bound 1,050, gap 5.00%") and len(third) >= len(
        second
    )
    time.sleep(1.2)  # the clock goes on while the solver is silent
    assert capsys.readouterr().err.startswith("\r    1 s  proving the gap: best 1,000")
    line.clear()
    assert capsys.readouterr().err.strip() == ""
    line.clear()
    ProgressLine(quiet=True).show("nothing")
    assert capsys.readouterr().err == ""


def failing_job(error: BaseException) -> Callable[[int], int]:
    def job(task: int) -> int:
        raise error

    return job


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (
            InputError([Issue("a.csv:2", "is empty"), Issue("b.csv:3", "is odd")]),
            3,
            "a.csv:2: is empty; b.csv:3: is odd",
        ),
        (InfeasibleError(["the budget", "the target"]), 4, "infeasible: the budget; the target"),
        (NoPlanError("no plan\n  in time"), 6, "no plan in time"),
        (MemoryError(), 6, "not enough memory"),
        (ValueError("odd"), BUG, "internal error: ValueError: odd"),
    ],
)
def test_an_error_of_a_job_is_returned_as_a_failure(error: CcsModelError, code: int, message: str) -> None:
    assert attempt_task(failing_job(error), 1) == (None, Failure(code, message))
    assert attempt_task(lambda task: task + 1, 1) == (2, None)


def test_shards_contain_every_job_once() -> None:
    jobs = list(range(11))
    assert sorted(job for i in (1, 2, 3) for job in share_of(jobs, shard_of(f"{i}/3"))) == jobs
    for wrong in ("0/3", "4/3", "1", "a/b", "1/0", "²/3"):
        with pytest.raises(InputError, match="is not a shard"):
            shard_of(wrong)


def test_regret_refers_a_scenario_with_futures_to_stochastic(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    futures = "futures: {low: {changes: {policy.carbon_price_per_t.2030: 50}}, high: {}}\n"
    path.write_text(
        f"name: S\nyears: [2026, 2030]\nplants: {{provinces: [Shanxi]}}\nbudget: {{total_mn: 1}}\n{futures}",
        encoding="utf-8",
    )
    answer = CliRunner().invoke(group, ["regret", str(path)])
    assert answer.exit_code == 2 and "planned for by ccs-model stochastic" in answer.output, answer.output


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["sweep", "s.yaml"], "give --set KEY=V1,V2 or --list FILE"),
        (["regret", "s.yaml"], "give --set KEY=V1,V2 or --list FILE"),
        (
            ["regret", "s.yaml", "--set", "budget.total_mn=1,2", "--probability", "half,half"],
            "'half,half' is not a list of numbers",
        ),
    ],
)
def test_a_missing_or_invalid_option_is_reported(
    args: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text("name: Small\nplants: {provinces: [Shanxi]}\nbudget: {total_mn: 1}\n", encoding="utf-8")
    answer = CliRunner().invoke(group, args)
    assert answer.exit_code == 2 and message in answer.output
