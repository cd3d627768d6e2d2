"""Monte Carlo: properties, hand calculations, and identical files for any division of the work."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import openpyxl
import pandas as pd
import pytest
from click.testing import CliRunner

from ccs_model.analysis.monte_carlo import DrawProgress, MonteCarlo, montecarlo, plants_table, tornado_table
from ccs_model.analysis.outcomes import FutureEvaluator
from ccs_model.analysis.rebuilt_plan import plan_at, solution_point
from ccs_model.analysis.uncertain_inputs import vary_one_at_a_time
from ccs_model.cli import group
from ccs_model.errors import FileError, InputError
from ccs_model.plan.plan import FIXED, MODES, REPLANNED, Plan
from ccs_model.plan.plan_json import records
from ccs_model.problem import Problem, build_problem
from ccs_model.report.phrases import is_beyond_noise
from ccs_model.runs.run_reader import solved_problem_of
from ccs_model.scenario import Scenario
from ccs_model.solve.driver import load_scenario_inputs, solve
from tests.integration.report.recalculation import assert_same_cells

pytestmark = pytest.mark.slow

N = 60


@pytest.fixture(scope="module")
def scenario(small: Callable[..., Scenario]) -> Scenario:
    return small({"calibration.use": "median"})


@pytest.fixture(scope="module")
def found(scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> MonteCarlo:
    return montecarlo(scenario, draws=N, seed=4, jobs=1, out=tmp_path_factory.mktemp("one") / "run")


def bytes_of(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        name: path.read_bytes()
        for path in files
        if not (name := path.relative_to(folder).as_posix()).startswith("plan/")
    }


def test_two_processes_resume_an_incomplete_run_with_the_same_bytes(
    scenario: Scenario, found: MonteCarlo, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(found.folder, out)
    for name in ("montecarlo.json", "plan.xlsx", "futures.csv", "draws/000000.json", "draws/000002.json"):
        (out / name).unlink()
    montecarlo(scenario, draws=N, seed=4, jobs=2, out=out)
    assert bytes_of(out) == bytes_of(found.folder)


def test_F63_a_killed_run_resumes_with_the_same_bytes(scenario: Scenario, found: MonteCarlo, tmp_path: Path) -> None:
    path, out = tmp_path / "small.yaml", tmp_path / "run"
    path.write_text(json.dumps(scenario.model_dump(mode="json", exclude_unset=True)), encoding="utf-8")
    command = [sys.executable, "-m", "ccs_model", "montecarlo", str(path), "--draws", str(N), "--seed", "4", "-q"]
    command += ["--jobs", "1", "--run", str(found.folder / "plan"), "--out"]
    running = subprocess.Popen([*command, str(out)])
    began = time.monotonic()
    while not list(out.glob("draws/*.json")):
        assert running.poll() is None and time.monotonic() - began < 240
        time.sleep(0.005)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    kept = {path: path.stat().st_mtime_ns for path in out.glob("draws/*.json")}
    assert kept
    assert subprocess.run([*command, str(out)], check=False).returncode == 0
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in kept.items())
    assert subprocess.run([*command, str(tmp_path / "straight")], check=False).returncode == 0
    assert bytes_of(out) == bytes_of(tmp_path / "straight")
    # Except for the workbook, which names the file that a value comes from.
    resumed, in_process = bytes_of(out), bytes_of(found.folder)
    assert {name for name in in_process if resumed[name] != in_process[name]} <= {"plan.xlsx"}


@pytest.mark.cluster
@pytest.mark.filterwarnings("default")
def test_a_cluster_whose_worker_is_killed_gives_the_same_bytes(
    scenario: Scenario, found: MonteCarlo, tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        pids = [worker.pid for worker in cluster.workers.values()]
        killed: list[int] = []

        def kill(_: DrawProgress) -> None:
            # After the first chunk, while others are running.
            if not killed:
                killed.append(pids[0])
                os.kill(pids[0], signal.SIGKILL)

        run = montecarlo(
            scenario, draws=N, seed=4, scheduler=cluster.scheduler_address, run=found.folder / "plan",
            out=tmp_path / "run", on_progress=kill,
        )  # fmt: skip
    assert killed
    assert bytes_of(run.folder) == bytes_of(found.folder)


def test_a_run_folder_and_a_plan_are_used_without_a_new_solve(
    scenario: Scenario, found: MonteCarlo, tmp_path: Path
) -> None:
    """The run folder and the plan in memory give the futures of the scenario without a new solve."""
    plan = plan_at(solution_point(solved := solved_problem_of(found.folder)), solved.document)
    messages: list[str] = []
    for number, given in enumerate((found.folder / "plan", plan)):
        run = montecarlo(given, draws=N, seed=4, jobs=1, out=tmp_path / str(number), on_message=messages.append)
        assert (run.folder / "futures.csv").read_bytes() == (found.folder / "futures.csv").read_bytes()
        assert (run.folder / "plan" / "tables" / "point.csv").is_file()
    assert "the plan" not in messages
    with pytest.raises(InputError, match="a run is given already"):
        montecarlo(plan, run=found.folder / "plan")
    quick = scenario.with_changes({"solver.effort": "quick", "budget.total_mn": 700})
    with pytest.raises(InputError, match=r"is not a run of .*: budget\.total_mn, solver\.effort differ"):
        montecarlo(quick, draws=N, run=found.folder / "plan", out=tmp_path / "other")
    other = solve(build_problem(scenario.with_changes({"budget.total_mn": 10}), plan.problem.inputs))
    same_key = replace(plan, point=other.point)
    with pytest.raises(InputError, match="futures of another plan"):
        montecarlo(same_key, draws=N, seed=4, jobs=1, out=found.folder)
    args = ["montecarlo", str(found.folder / "plan"), "--draws", str(N), "--seed", "4", "--out", str(tmp_path / "0")]
    command = CliRunner().invoke(group, [*args, "-q"])
    assert command.exit_code == 0, command.output


def test_sobol_sampling_is_supported_and_an_unknown_sampling_is_an_input_error(
    scenario: Scenario, found: MonteCarlo, tmp_path: Path
) -> None:
    run = montecarlo(
        scenario, draws=4, seed=4, sampling="sobol", jobs=1, run=found.folder / "plan", out=tmp_path / "run"
    )
    assert run.uncertainty.about["sampling"].startswith("Sobol")
    assert (run.folder / "futures.csv").read_text().count("\n") == 5
    # The fixed plan is that of the run folder.
    assert bytes_of(run.folder / "plan") == bytes_of(found.folder / "plan")
    with pytest.raises(InputError, match="sampling: expected one of latin, sobol"):
        montecarlo(scenario, draws=4, sampling="halton", out=tmp_path / "other")


def test_a_folder_with_other_futures_is_a_file_error(scenario: Scenario, found: MonteCarlo) -> None:
    with pytest.raises(FileError, match="other futures"):
        montecarlo(scenario, draws=N, seed=5, jobs=1, out=found.folder)


def test_futures_without_uncertainty_reproduce_the_plan(small: Callable[..., Scenario], tmp_path: Path) -> None:
    names = ("capture_capex", "heat_price", "grid_factor", "pipe_cost", "carbon_price")
    everything = [
        *names, "capture_capex_amine", "capture_capex_advanced_amine", "capture_capex_compression", "delivered_share",
        "capture_capex_purification", "capture_om", "power_price", "capture_heat", "social_cost", "storage_cost",
        "storage_capacity", "utilisation",
    ]  # fmt: skip
    constant = {"low": 1.0, "mode": 1.0, "high": 1.0}
    scenario = small(
        {
            "uncertainty.exclude": [name for name in everything if name not in names],
            "uncertainty.spreads": dict.fromkeys(names, constant),
        }
    )
    run = montecarlo(scenario, draws=3, seed=1, jobs=1, out=tmp_path / "run")
    spread = run.uncertainty.spread.set_index(["mode", "measure"])
    for quantile in ("p5", "p50", "p95"):
        assert spread[quantile].to_numpy() == pytest.approx(spread["planned"].to_numpy(), rel=1e-9)
    assert spread.at[(FIXED, "objective_value"), "planned"] == pytest.approx(run.plan.objective.value, rel=1e-9)
    assert spread.at[(FIXED, "cost_mn"), "planned"] == pytest.approx(sum(run.plan.cost_terms.values()), rel=1e-9)
    assert run.uncertainty.broken.empty
    # Every plant is selected in all futures or in none, as the futures are equal.
    assert set(run.uncertainty.plants["chosen_share"]) <= {0.0, 1.0}


def test_the_capital_of_the_fixed_plan_scales_with_its_factors(small: Callable[..., Scenario], tmp_path: Path) -> None:
    scenario = small(
        {"uncertainty.spreads": {"pipe_cost": {"low": 1, "high": 1}}, "capture.technologies": ["compression"]}
    )
    run = montecarlo(scenario, draws=40, seed=2, jobs=1, out=tmp_path / "run")
    futures, retrofits = run.uncertainty.futures, run.plan.retrofits
    both = futures["capture_capex"] * futures["capture_capex_compression"]
    capture, pipes = retrofits["capture_capex_mn"].sum(), retrofits["pipe_capex_mn"].sum()
    storage = futures["storage_cost"] * retrofits["storage_capex_mn"].sum()
    assert futures["fixed_capex_mn"].to_numpy() == pytest.approx(
        (both * capture + pipes + storage).to_numpy(), rel=1e-9
    )
    over = float((futures["fixed_capex_mn"] > 2_000.0 * (1 + 1e-6)).mean())
    assert run.uncertainty.about["overrun_share"] == pytest.approx(over)


def test_spending_above_the_budget_is_counted_net_of_grants(small: Callable[..., Scenario], tmp_path: Path) -> None:
    grant = {"funds": {"state": {"kind": "grant", "ceiling_mn": 400.0}}, "capture.technologies": ["compression"]}
    run = montecarlo(small(grant), draws=30, seed=2, jobs=1, out=tmp_path / "run")
    about, broken = run.uncertainty.about, run.uncertainty.broken.set_index("constraint")["future_share"]
    assert (run.uncertainty.futures["fixed_capex_mn"] > 2_000.0).mean() > about["overrun_share"] > 0
    assert about["overrun_share"] == broken["spending_within_budget"]


def test_a_grant_stays_within_its_share_of_the_capital_in_every_future(
    small: Callable[..., Scenario], tmp_path: Path
) -> None:
    grant = {"funds": {"state": {"kind": "grant", "share_max": 0.3}}, "capture.technologies": ["compression"]}
    run = montecarlo(small(grant), draws=30, seed=2, jobs=1, out=tmp_path / "run")
    capex = run.uncertainty.futures["fixed_capex_mn"]
    planned = run.plan.totals["capex_mn"]
    assert planned > 0 and (capex < 0.99 * planned).any()
    assert not {"fund_within_share", "funds_pay_what_is_spent"} & set(run.uncertainty.broken["constraint"])


def test_the_workbook_of_futures_can_be_solved_again_with_own_tables(tmp_path: Path) -> None:
    row = "C1,Cement,Hebei,Hebei south,38.2,114.4,operating,cement,1000"
    header = "plant,name,province,grid,lat_deg,lon_deg,status,sector,capacity_ktpa"
    (tmp_path / "mine.csv").write_text(f"{header}\n{row}\n", encoding="utf-8")
    keys = "plants: {inventory: [mine.csv]}\nbudget: {total_mn: 1000}\nyears: [2026, 2031]\n"
    (tmp_path / "mine.yaml").write_text(
        f"name: Mine\n{keys}transport: {{shared_trunklines: false}}\n", encoding="utf-8"
    )
    folder = montecarlo(tmp_path / "mine.yaml", draws=2, jobs=1, out=tmp_path / "run").folder
    (tmp_path / "mine.csv").unlink()
    workbook = load_scenario_inputs(folder / "plan.xlsx")
    assert workbook.revision is None and workbook.scenario.plants.inventory == ("own/mine.csv",)


def test_the_fixed_plan_is_never_better_than_the_reoptimised_plan(found: MonteCarlo) -> None:
    futures = found.uncertainty.futures
    kept = futures[futures["fixed_violations"] == ""]
    assert len(kept) > 0
    assert (kept["replanned_objective_value"] >= kept["fixed_objective_value"] * (1 - 1e-9)).all()


def test_quantiles_and_selection_shares_match_the_futures(found: MonteCarlo) -> None:
    reported, futures = found.uncertainty, found.uncertainty.futures
    for row in reported.spread.itertuples():
        values = futures[f"{row.mode}_{row.measure}"]
        assert (row.p5, row.p50, row.p95) == pytest.approx(np.quantile(values, [0.05, 0.5, 0.95]))
    often = reported.plants["chosen_share"] >= 0.9
    assert reported.plants["is_no_regret"].equals(often & reported.plants["is_planned"])
    # Selected plants, counted over futures and over plants.
    assert futures["replanned_n_plants"].sum() == pytest.approx(reported.plants["chosen_share"].sum() * N)


def test_the_tornado_table_matches_the_hand_calculation() -> None:
    # y = 10 a + b with a and b uniform on 0 to 1: quintile means differ by 8 and 0.8; a explains 100/101.
    n = 2_000
    rng = np.random.default_rng(1)
    a, b = (rng.permutation((np.arange(n) + 0.5) / n) for _ in range(2))
    measures = {f"{mode}_{name}": 10 * a + b for mode in MODES for name in
                ("objective_value", "abatement_kt", "capex_mn", "cost_mn", "cost_per_t", "npv_mn")}  # fmt: skip
    table = tornado_table(pd.DataFrame({"a": a, "b": b, **measures}), ["b", "a"])
    first = table[(table["mode"] == REPLANNED) & (table["measure"] == "npv_mn")].set_index("input")
    assert list(first.index) == ["a", "b"]
    assert first.at["a", "width"] == pytest.approx(8.0, abs=0.1)
    assert first.at["a", "variance_share"] == pytest.approx(100 / 101, abs=0.02)
    assert first.at["b", "variance_share"] < 0.03


def test_the_uncertainty_sheet_has_tables_and_charts(found: MonteCarlo) -> None:
    book = openpyxl.load_workbook(found.folder / "plan.xlsx")
    sheet = book["Uncertainty"]
    assert len(sheet._charts) == 2
    # The chart of drivers ends where the effect is within sampling noise; the rows below it stay in the table.
    tornado = found.uncertainty.tornado
    of_chart = tornado[(tornado["mode"] == "replanned") & (tornado["measure"] == "objective_value")]
    is_in_chart = [is_beyond_noise(row) for row in records(of_chart)]
    rows = re.findall(r"\$([0-9]+)", sheet._charts[0].series[0].val.numRef.f)
    assert int(rows[-1]) - int(rows[0]) + 1 == min(sum(is_in_chart), 10)
    note = f"Inputs within sampling noise, last in the table and not in the chart: {is_in_chart.count(False)}."
    assert note in [cell.value for cell in sheet["A"]] or all(is_in_chart)
    texts = {cell.value for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)}
    assert {"How often each plant is selected", "Uncertain inputs", "Results over the futures"} <= texts


def test_the_command_prints_one_json_document(found: MonteCarlo, scenario: Scenario, tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(json.dumps(scenario.model_dump(mode="json", exclude_unset=True)), encoding="utf-8")
    out = tmp_path / "run"
    args = ["montecarlo", str(path), "--draws", "5", "--seed", "4", "--jobs", "1", "--out", str(out), "--json"]
    result = CliRunner().invoke(group, args)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["schema"] == "ccs-model/montecarlo/2"
    assert document["n_draws"] == 5
    assert {row["mode"] for row in document["spread"]} == set(MODES)


def test_the_command_prints_a_summary_of_the_futures(found: MonteCarlo, monkeypatch: pytest.MonkeyPatch) -> None:
    from ccs_model.cli.robustness import _monte_carlo_text

    monkeypatch.setenv("COLUMNS", "120")
    lines = click.unstyle(_monte_carlo_text(json.loads(found.text), found.folder)).splitlines()
    about = found.uncertainty.about
    assert lines[0] == f"{about['scenario']}: {about['n_draws']} futures, seed {about['seed']}"
    assert [re.split(r"  +", line)[0] for line in lines if line.endswith("P95")] == [
        "The plan, fixed in every future", "Re-optimised in each future, LP relaxation",
    ]  # fmt: skip
    text = " ".join(lines)
    assert f"The fixed plan exceeds the budget in {about['overrun_share']:.0%}".replace("%", " %") in text
    assert "With fewer than 100 futures" in text and f"million {about['currency']} {about['price_year']}" in text
    sure = found.uncertainty.plants["is_no_regret"].sum()
    assert f"No-regret plants, in the plan and in at least 90% of the futures by the LP relaxation ({sure}):" in text
    # No input is reported whose effect sampling noise could explain.
    reported = found.uncertainty.tornado
    of_objective = reported[reported["measure"] == "objective_value"]
    is_noise = of_objective["width"] <= of_objective["noise_width"]
    beyond_noise = set(of_objective.loc[~is_noise, "input"])
    shown = {line.strip().split("  ")[0].replace(" ", "_") for line in lines if " … " in line}
    assert shown and shown <= beyond_noise
    # Inputs are words, and the table fits a narrow terminal.
    assert not any("_" in line for line in lines[:-1])
    monkeypatch.setenv("COLUMNS", "80")
    narrow = click.unstyle(_monte_carlo_text(json.loads(found.text), found.folder)).splitlines()
    assert max(map(len, narrow[:-1])) <= 80


def test_an_exported_workbook_contains_the_futures(found: MonteCarlo, tmp_path: Path) -> None:
    again = tmp_path / "again.xlsx"
    written = CliRunner().invoke(group, ["export", str(found.folder), "--format", "xlsx", "-o", str(again)])
    assert written.exit_code == 0, written.output
    assert_same_cells(found.folder / "plan.xlsx", again)
    assert openpyxl.load_workbook(again)["Uncertainty"].sheet_state == "visible"


def test_a_missed_target_is_reported_in_the_workbook_and_in_the_summary(
    small: Callable[..., Scenario], tmp_path: Path
) -> None:
    target = {"objective": "min_cost", "budget.total_mn": None, "targets.cumulative_avoided_kt": 2_000}
    run = montecarlo(small({**target, "calibration.use": "median"}), draws=20, seed=1, jobs=1, out=tmp_path / "run")
    broken = run.uncertainty.futures["fixed_violations"].str.contains("target")
    about = run.uncertainty.about
    assert about["missed_target_share"] == pytest.approx(broken.mean())
    expected = f"The fixed plan misses a target in {100 * broken.mean():.0f} % of the futures."
    sheet = openpyxl.load_workbook(run.folder / "plan.xlsx")["Uncertainty"]
    assert any(expected in str(cell.value) for row in sheet.iter_rows() for cell in row)
    shown = CliRunner().invoke(group, ["show", str(run.folder)]).output
    assert expected in " ".join(shown.split())
    # Rows of futures in which a constraint holds have no key for it; the export accepts them.
    exported = CliRunner().invoke(group, ["export", str(run.folder), "--format", "csv", "-o", str(tmp_path / "x.csv")])
    assert exported.exit_code == 0, exported.output
    verified = CliRunner().invoke(group, ["verify", str(run.folder)])
    assert isinstance(verified.exception, InputError) and str(run.folder / "plan") in str(verified.exception)


def test_limits_that_do_not_bind_change_no_future_and_those_that_bind_reproduce_the_plan(
    solved: Callable[..., Plan],
) -> None:
    earning = {
        "objective": "max_npv", "policy.carbon_price_per_t": {2026: 300, 2031: 400}, "policy.capture_deductible": True,
        "policy.paid_per_captured_t": 300, "calibration.use": "median", "capture.technologies": ["compression"],
    }  # fmt: skip
    free = solved(earning)
    assert free.totals["n_retrofits"] > 0

    def rows_of(plan: Plan) -> list[dict[str, Any]]:
        assert plan.point is not None
        futures = vary_one_at_a_time(plan.problem)
        shares = futures.inputs["input"].tolist()
        evaluator = FutureEvaluator(futures, plan.point)
        chosen = [0, *(1 + 2 * shares.index(name) + end for name in ("utilisation", "carbon_price") for end in (0, 1))]
        return [evaluator.row(k) for k in chosen]

    expected = [row[FIXED] for row in rows_of(free)]
    for wide in ({"policy.paid_cap_mn": 1e7}, {"policy.surplus_band_share": 1.0}):
        found = rows_of(solved(earning, wide))
        assert not any(row["broken"] for row in found)
        for row, free_row in zip(found, expected, strict=True):
            assert row[FIXED] == pytest.approx(free_row, rel=1e-6)
    for narrow in ({"policy.paid_cap_mn": 500.0}, {"policy.surplus_band_share": 0.02}):
        plan = solved(earning, narrow)
        planned, *others = rows_of(plan)
        assert planned[FIXED]["npv_mn"] == pytest.approx(plan.objective.value, rel=1e-7)
        assert not any({"paid_for_tonnes_alone", "credit_within_the_band"} & set(row["broken"]) for row in others)


def test_a_priced_shortfall_is_a_missed_target(small: Callable[..., Scenario], tmp_path: Path) -> None:
    priced = {"objective": "min_cost", "budget.total_mn": None, "targets.cumulative_avoided_kt": 2_000,
              "targets.shortfall_per_t": 5_000, "calibration.use": "median"}  # fmt: skip
    about = montecarlo(small(priced), draws=20, seed=1, jobs=1, out=tmp_path / "run").uncertainty.about
    free = {**priced, "targets.shortfall_per_t": None}
    expected = montecarlo(small(free), draws=20, seed=1, jobs=1, out=tmp_path / "free").uncertainty.about
    assert 0 < about["missed_target_share"] == expected["missed_target_share"]
    assert about["within_limits_share"] == expected["within_limits_share"]


def test_futures_without_a_plan_count_in_the_shares_of_plants(problem_of: Callable[..., Problem]) -> None:
    problem = problem_of()
    built = {str(problem.plants["plant"].iloc[0]): 1.0}
    infeasible = {REPLANNED: {"objective_value": None}, "plants": {}}
    feasible = {REPLANNED: {"objective_value": 1.0}, "plants": built}
    table = plants_table(problem, [feasible, feasible, infeasible, infeasible], built)
    assert table[["chosen_share", "built_share"]].to_numpy().tolist() == [[0.5, 0.5]]
    assert not table["is_no_regret"].any()


def test_an_input_without_effect_explains_no_variance() -> None:
    n = 2_000
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"a": rng.random(n), "b": rng.random(n)})
    values = {f"{mode}_{name}": table["a"] for mode in MODES for name in
              ("objective_value", "abatement_kt", "capex_mn", "cost_mn", "cost_per_t", "npv_mn")}  # fmt: skip
    found = tornado_table(table.assign(**values), ["a", "b"])
    shares = found[(found["mode"] == FIXED) & (found["measure"] == "cost_mn")].set_index("input")["variance_share"]
    assert shares["a"] > 0.95 and shares["b"] == 0
