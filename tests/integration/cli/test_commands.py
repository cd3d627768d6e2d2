"""The command line: exit codes, output streams, files and errors with their line numbers."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ccs_model.cli import group

SCENARIO = """\
name: Two works of Shanxi
plants:
  provinces: [Shanxi]
  min_emissions_ktpa: 5_000
years: [2026, 2030]
budget:
  total_mn: 1_500
"""

FILES = {
    "plan.xlsx",
    "plan.json",
    "manifest.json",
    "scenario.resolved.yaml",
    "solver.log",
    "map.geojson",
    *(f"tables/{name}.csv" for name in ("retrofits", "flows", "storage", "costs", "emissions", "cashflow", "zones")),
    *(f"tables/{name}.csv" for name in ("macc", "pipes", "links", "shares", "owners", "owner_cashflow", "funds")),
    *(f"tables/{name}.csv" for name in ("stakeholders", "ledger", "intensity", "air_pollution", "point")),
}


def run(folder: Path, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ccs_model", *args],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk")
    (folder / "small.yaml").write_text(SCENARIO, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def first_run(workdir):
    return run(workdir, "optimize", "small.yaml")


def run_folders(workdir):
    return sorted(path for path in (workdir / "runs").iterdir())


def test_optimize_writes_every_file_of_the_run_folder(workdir, first_run):
    assert first_run.returncode == 0, first_run.stderr
    (folder,) = run_folders(workdir)
    assert folder.name.startswith("small-") and len(folder.name.rsplit("-", 1)[1]) == 8
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert written == FILES
    assert f"runs/{folder.name}" in first_run.stdout.replace("\\", "/")


def test_stderr_has_at_most_progress_lines_if_it_is_not_a_terminal(first_run):
    """A progress line appears every 30 s, which a short run reaches only on a very busy machine."""
    assert all(re.fullmatch(r" *\d+ s  .*", line) for line in first_run.stderr.splitlines())


@pytest.mark.slow
def test_a_cached_run_is_reported_and_not_solved_again(workdir, first_run):
    (folder,) = run_folders(workdir)
    before = (folder / "manifest.json").read_bytes()
    # A process that was killed just after writing the folder leaves its lock.
    (folder.parent / f".{folder.name}.lock").touch()
    again = run(workdir, "optimize", "small.yaml")
    assert not list(folder.parent.glob(".*"))
    assert again.returncode == 0
    assert "use --force to re-run" in again.stdout and folder.name in again.stdout
    assert (folder / "manifest.json").read_bytes() == before


@pytest.mark.slow
def test_force_writes_identical_files_except_manifest_and_log(workdir, first_run):
    (folder,) = run_folders(workdir)
    same = FILES - {"manifest.json", "solver.log"}
    before = {name: (folder / name).read_bytes() for name in same}
    assert run(workdir, "optimize", "small.yaml", "--force", PYTHONHASHSEED="7", TZ="Asia/Tokyo").returncode == 0
    assert {name: (folder / name).read_bytes() for name in same} == before
    assert run_folders(workdir) == [folder]


@pytest.mark.slow
def test_optimize_json_prints_one_object(workdir, first_run):
    answer = run(workdir, "optimize", "small.yaml", "--json")
    plan = json.loads(answer.stdout)
    assert plan["schema"] == "ccs-model/plan/2"
    assert plan["status"] in ("optimal", "within_gap")
    assert sum(plan["terms"].values()) == pytest.approx(plan["objective"]["value"], rel=1e-9)
    assert plan["totals"]["capex_mn"] <= 1_500 + 1e-6
    assert all(check["holds"] for check in plan["checks"])


def test_the_manifest_names_inputs_outputs_and_the_data_folder(workdir, first_run):
    (folder,) = run_folders(workdir)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["data_folder"] in ("checkout data/", "installed ccs_model/_shipped/data")
    assert set(manifest["outputs"]) == FILES - {"manifest.json"}
    assert "plants/steel.csv" in manifest["inputs"]
    assert all(len(sha) == 64 for sha in {**manifest["inputs"], **manifest["outputs"]}.values())


def test_retrofits_table_sums_to_the_totals_of_the_plan(workdir, first_run):
    (folder,) = run_folders(workdir)
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    with (folder / "tables" / "retrofits.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(float(row["capex_mn"]) for row in rows) == pytest.approx(plan["totals"]["capex_mn"])
    assert sum(float(row["avoided_ktpa"]) for row in rows) == pytest.approx(plan["totals"]["avoided_ktpa"])


@pytest.mark.slow
def test_the_resolved_scenario_uses_the_cached_run(workdir, first_run):
    (folder,) = run_folders(workdir)
    (workdir / "resolved.yaml").write_bytes((folder / "scenario.resolved.yaml").read_bytes())
    again = run(workdir, "optimize", "resolved.yaml")
    assert again.returncode == 0 and "Cached run" in again.stdout


def test_errors_of_different_kinds_are_reported_with_their_lines(workdir):
    (workdir / "broken.yaml").write_text(
        "name: Broken\n"
        "discount_rate: 8\n"
        "plants:\n"
        "  provinces: [Shanksi]\n"
        "capture: {technologys: [amine]}\n"
        "storage: {capacity: middle}\n"
        "budget: {total_mn: 1,000,000}\n"
        "policy: {carbon_price_per_t: 75}\n",
        encoding="utf-8",
    )
    answer = run(workdir, "check", "broken.yaml")
    assert answer.returncode == 3
    assert answer.stdout == ""
    found = answer.stderr.splitlines()
    for line, word in ((2, "0.08"), (4, "Shanxi"), (5, "technologies"), (6, "mid"), (7, "1000000"), (8, "{2026: 75}")):
        assert any(each.startswith(f"broken.yaml:{line}:") and word in each for each in found), (line, word, found)
    assert "Traceback" not in answer.stderr


@pytest.mark.slow
def test_check_reports_the_candidate_plants_of_a_valid_scenario(workdir):
    answer = run(workdir, "check", "small.yaml")
    assert answer.returncode == 0
    assert "no errors" in answer.stdout and "candidate plants" in answer.stdout


@pytest.mark.slow
def test_a_zero_budget_gives_an_empty_plan(workdir):
    (workdir / "nothing.yaml").write_text(SCENARIO.replace("1_500", "0"), encoding="utf-8")
    answer = run(workdir, "optimize", "nothing.yaml", "--out", "nothing")
    assert answer.returncode == 0, answer.stderr
    assert "Nothing is built" in answer.stdout
    plan = json.loads((workdir / "nothing" / "plan.json").read_text(encoding="utf-8"))
    assert plan["retrofits"] == [] and plan["totals"]["avoided_ktpa"] == 0


@pytest.mark.slow
def test_conflicting_constraints_are_named_and_the_suggested_budget_is_sufficient(workdir):
    conflicting = (
        SCENARIO.replace("1_500", "10").replace("years:", "  require: [NH3_82]\nyears:").replace("5_000", "100")
    )
    # Conflicts with shared pipelines are tested in plan/test_infeasible.
    conflicting += "transport: {shared_trunklines: false}\n"
    (workdir / "clash.yaml").write_text(conflicting, encoding="utf-8")
    answer = run(workdir, "optimize", "clash.yaml", "--out", "clash", "--effort", "quick")
    assert answer.returncode == 4
    assert "required_plant_is_retrofitted" in answer.stderr and "spending_within_budget" in answer.stderr
    reported = json.loads((workdir / "clash" / "plan.json").read_text(encoding="utf-8"))
    assert reported["status"] == "infeasible" and len(reported["conflicts"]) >= 2 and reported["retrofits"] == []
    # The nearest plan keeps the budget and violates the required retrofit.
    with (workdir / "clash" / "tables" / "nearest_violations.csv").open(encoding="utf-8", newline="") as file:
        violations = list(csv.DictReader(file))
    assert [row["constraint"] for row in violations] == ["required_plant_is_retrofitted"]
    assert float(violations[0]["missed_by"]) == pytest.approx(1.0) and "nearest_*.csv" in answer.stderr
    suggested_budget_mn = answer.stderr.split("million CNY; ")[1].split(" million")[0].replace(",", "")
    (workdir / "mended.yaml").write_text(
        conflicting.replace("total_mn: 10", f"total_mn: {suggested_budget_mn}"), encoding="utf-8"
    )
    assert run(workdir, "optimize", "mended.yaml", "--out", "mended", "--quiet", "--effort", "quick").returncode == 0


@pytest.mark.slow
def test_a_time_limit_gives_a_plan_with_its_gap(workdir):
    answer = run(workdir, "optimize", "small.yaml", "--out", "late", "--time-limit", "0.01")
    assert answer.returncode == 5
    assert "the time limit of 0.01 s stopped the search" in answer.stderr
    plan = json.loads((workdir / "late" / "plan.json").read_text(encoding="utf-8"))
    assert plan["status"] == "limit" and (plan["objective"]["searched_gap_share"] or 1.0) > 0.005
    assert "Stopped by a limit" in answer.stdout


@pytest.mark.slow
@pytest.mark.parametrize("command", ["optimize", "frontier"])
def test_a_limit_before_the_first_plan_of_a_shared_network_is_no_optimum(workdir, command):
    text = (workdir / "small.yaml").read_text(encoding="utf-8")
    shared = "transport: {shared_trunklines: true, trucks: false}"
    text = re.sub(r"(?m)^transport:.*$", shared, text) if "transport:" in text else f"{text}\n{shared}\n"
    (workdir / "shared.yaml").write_text(text, encoding="utf-8")
    more = ("--points", "2", "--jobs", "1") if command == "frontier" else ()
    answer = run(workdir, command, "shared.yaml", "--out", f"early-{command}", "--time-limit", "0.01", *more)
    assert answer.returncode == 5, answer.stdout + answer.stderr
    if command == "optimize":
        plan = json.loads((workdir / f"early-{command}" / "plan.json").read_text(encoding="utf-8"))
        assert plan["status"] == "limit" and plan["objective"]["gap_share"] is None
        assert plan["objective"]["searched_gap_share"] is None
        assert (
            "the search ended before it found a retrofit" in answer.stdout and "0 links searched" not in answer.stdout
        )
    else:
        assert "own pipeline" not in answer.stdout and "before it chose links" in answer.stdout


@pytest.mark.slow
def test_a_folder_with_other_files_is_never_overwritten(workdir):
    (workdir / "mine").mkdir()
    (workdir / "mine" / "thesis.txt").write_text("ten years", encoding="utf-8")
    for args in ((), ("--force",)):
        answer = run(workdir, "optimize", "small.yaml", "--out", "mine", *args)
        assert answer.returncode == 8
    assert (workdir / "mine" / "thesis.txt").read_text(encoding="utf-8") == "ten years"
    assert [path.name for path in (workdir / "mine").iterdir()] == ["thesis.txt"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("optimize",), 2),
        (("optimise", "small.yaml"), 2),
        (("optimize", "small.yaml", "--mip-gap", "7"), 2),
        (("data", "no/table"), 2),
        (("optimize", "missing.yaml"), 8),
        (("check", "."), 8),
        (("-h",), 0),
        (("optimize", "--help"), 0),
        (("data",), 0),
        (("data", "technologies/technologies"), 0),
        (("doctor",), 0),
        (("schema",), 0),
    ],
)
def test_commands_return_the_expected_exit_code(workdir, args, code):
    answer = run(workdir, *args)
    assert answer.returncode == code, answer.stderr
    assert "Traceback" not in answer.stderr


def test_help_shows_examples_without_importing_large_libraries(workdir):
    script = (
        "import sys; from ccs_model.cli import group\n"
        "group.main(['optimize', '--help'], standalone_mode=False)\n"
        "heavy = {'pandas', 'pyomo', 'highspy', 'numpy', 'xlsxwriter', 'openpyxl'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, encoding="utf-8", cwd=workdir
    )
    assert answer.returncode == 0, answer.stderr
    assert "ccs-model optimize scenarios/pilot-zones.yaml" in answer.stdout


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("alternatives", "near-optimal"),
        ("hedge", "stochastic"),
        ("collect", "sweep merge"),
        ("new", "init"),
        ("template", "init --inventory-only FILE.xlsx"),
    ],
)
def test_a_former_command_name_is_rejected_with_the_current_name(old, new):
    answer = CliRunner().invoke(group, [old, "small.yaml"])
    assert answer.exit_code == 2
    assert f"'{old}' is now '{new}'" in answer.output


def test_help_lists_the_commands_in_sections():
    shown = CliRunner().invoke(group, ["--help"]).output
    sections = ("Start:", "Solve:", "Analyse:", "Inspect:", "Maintain:")
    assert sorted(sections, key=shown.index) == list(sections)
    assert all(f"\n  {name} " in shown for name in group.commands)


@pytest.mark.parametrize("args", [["--help"], ["import", "--help"]])
def test_command_summaries_fit_on_one_line(args):
    shown = CliRunner().invoke(group, args, terminal_width=80).output
    assert not [line for line in shown.splitlines() if line.endswith("...") and not line.startswith("Usage")]


@pytest.mark.parametrize("args", [["sweep", "-h"], ["sweep", "run", "-h"]])
def test_sweep_needs_no_subcommand(args):
    answer = CliRunner().invoke(group, args)
    assert answer.exit_code == 0 and answer.output.startswith("Usage: group sweep [OPTIONS] SCENARIO")


def test_the_option_gap_is_a_short_form_of_mip_gap():
    (option,) = (each for each in group.commands["optimize"].params if each.name == "mip_gap")
    assert set(option.opts) == {"--mip-gap", "--gap"}


def test_schema_prints_json_with_the_scenario_keys(workdir):
    schema = json.loads(run(workdir, "schema").stdout)
    assert {"name", "plants", "budget", "extends"} <= set(schema["properties"])
