"""`show`, `runs`, a repeated `optimize`, help, completion and colour: output that needs no solver."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from ccs_model.cli import group
from ccs_model.errors import InfeasibleError
from ccs_model.plan.cache_key import run_key, run_key_of_shipped
from ccs_model.plan.plan import Plan
from ccs_model.problem.scenario_names import read_checked
from ccs_model.report.summary import summary_text
from ccs_model.scenario import Scenario
from ccs_model.solve.optimize_run import optimize_to_folder

pytestmark = pytest.mark.slow

SMALL = """\
name: Five works of Shanxi
years: [2026, 2031]
plants: {inventory: [chemicals], provinces: [Shanxi], min_emissions_ktpa: 1_200}
transport: {shared_trunklines: false, pipe_costs: dea}
policy: {non_fossil_share: {2023: 0.19}}
budget: {total_mn: 2_000}
solver: {mip_gap: 0.0, threads: 1}
"""
UNREACHABLE = SMALL.replace(
    "budget: {total_mn: 2_000}", "objective: min_cost\ntargets: {abatement_share: {2031: 0.99}}"
)


def command(folder: Path, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ccs_model", *args], cwd=folder, env={**os.environ, **environment},
        capture_output=True, text=True, encoding="utf-8", timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scenario and its run."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "five works.yaml").write_text(SMALL, encoding="utf-8")
    answer = command(folder, "optimize", "five works.yaml")
    assert answer.returncode == 0, answer.stderr
    (folder / "first.txt").write_text(answer.stdout, encoding="utf-8")
    return folder


def test_the_run_folder_is_named_after_the_scenario_file(workdir: Path) -> None:
    (folder,) = (workdir / "runs").iterdir()
    key = run_key(*read_checked(workdir / "five works.yaml"))
    assert folder.name == f"five-works-{key.sha256[:8]}"


def test_the_run_key_of_shipped_tables_equals_that_of_loaded_tables(workdir: Path, tmp_path: Path) -> None:
    scenario, inputs = read_checked(workdir / "five works.yaml")
    assert run_key_of_shipped(scenario) == run_key(scenario, inputs)
    (tmp_path / "own").mkdir()
    (tmp_path / "own.yaml").write_text(SMALL + "data: own\n", encoding="utf-8")
    assert run_key_of_shipped(read_checked(tmp_path / "own.yaml")[0]) is None


def test_a_repeated_optimize_and_show_print_the_first_summary(workdir: Path) -> None:
    first = (workdir / "first.txt").read_text(encoding="utf-8")
    again = command(workdir, "optimize", "five works.yaml")
    assert again.returncode == 0 and again.stderr == ""
    assert again.stdout.startswith(first) and "Cached run of 20" in again.stdout and "--force" in again.stdout
    (folder,) = (workdir / "runs").iterdir()
    assert command(workdir, "show", str(folder.relative_to(workdir))).stdout == first
    document = json.loads(command(workdir, "show", str(folder), "--json").stdout)
    assert document == json.loads((folder / "plan.json").read_text(encoding="utf-8"))


def test_warnings_of_a_run_are_repeated_by_optimize_show_and_report(workdir: Path, tmp_path: Path) -> None:
    gift = "funds: {gift: {kind: grant, share_max: 0.2, provinces: [Hebei]}}\n"
    (tmp_path / "gift.yaml").write_text(SMALL.replace("0.0, threads", "0.5, threads") + gift, encoding="utf-8")
    warned = "gift.yaml:8: fund gift can pay for nothing"
    answers = [command(tmp_path, "optimize", "gift.yaml", "--out", "run") for _ in range(2)]
    answers.append(command(tmp_path, "show", "run"))
    assert all(answer.stderr.startswith(f"warning: {warned}") for answer in answers)
    assert "Cached run" in answers[1].stdout
    (warning,) = json.loads((tmp_path / "run" / "plan.json").read_text(encoding="utf-8"))["warnings"]
    assert warning.startswith(warned)
    assert command(tmp_path, "report", "run").returncode == 0
    assert warned in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_a_repeated_optimize_imports_no_large_libraries(workdir: Path) -> None:
    script = (
        "import sys; from ccs_model.cli import group\n"
        "group.main(['optimize', 'five works.yaml', '-q'], standalone_mode=False)\n"
        "heavy = {'pandas', 'pyomo', 'highspy', 'xlsxwriter', 'openpyxl'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=workdir, check=False)
    assert answer.returncode == 0, answer.stderr


def test_a_copy_of_the_scenario_uses_the_cached_run(workdir: Path) -> None:
    (workdir / "copy.yaml").write_text(SMALL, encoding="utf-8")
    answer = command(workdir, "optimize", "copy.yaml")
    assert answer.returncode == 0 and "Cached run" in answer.stdout
    assert len(list((workdir / "runs").iterdir())) == 1


def test_runs_lists_one_line_per_run(workdir: Path) -> None:
    (workdir / "runs" / "notes").mkdir(exist_ok=True)
    listed = command(workdir, "runs", COLUMNS="140").stdout.splitlines()
    assert listed[0].split() == ["name", "date", "objective", "status", "gap", "result"] and len(listed) == 2
    plan = json.loads(command(workdir, "show", str(next((workdir / "runs").glob("five*"))), "--json").stdout)
    share = f"({plan['totals']['abatement_share']:.2%})"
    assert listed[1].startswith("five-works-") and share in listed[1] and " optimal " in listed[1]
    document = json.loads(command(workdir, "runs", "--json").stdout)
    assert document["schema"] == "ccs-model/runs/1"
    assert document["runs"][0]["objective"] == plan["objective"]["value"]
    (workdir / "runs" / "notes").rmdir()
    assert command(workdir, "runs", "nowhere").returncode == 8


def test_an_infeasible_run_has_its_own_folder_name_and_can_be_shown(workdir: Path) -> None:
    (workdir / "unreachable.yaml").write_text(UNREACHABLE, encoding="utf-8")
    for _ in range(2):  # the second is the cached report
        answer = command(workdir, "optimize", "unreachable.yaml", "--out", "out")
        assert answer.returncode == 4 and "out: report with the conflicting constraints" in answer.stderr
    answer = command(workdir, "optimize", "unreachable.yaml")
    assert answer.returncode == 4
    (folder,) = (workdir / "runs").glob("unreachable-*")
    assert folder.name.startswith("unreachable-infeasible-")
    again = command(workdir, "optimize", "unreachable.yaml")
    assert again.returncode == 4 and again.stderr == answer.stderr
    listed = command(workdir, "runs", COLUMNS="200").stdout.splitlines()
    assert listed[1].endswith("infeasible: 1 conflicting constraint"), listed
    shown = command(workdir, "show", str(folder))
    conflicts = json.loads((folder / "plan.json").read_text(encoding="utf-8"))["conflicts"]
    assert shown.returncode == 0 and "Infeasible" in shown.stdout
    assert all(each.split(":")[0] in shown.stdout for each in conflicts)


def test_show_rejects_folders_without_a_current_result(tmp_path: Path) -> None:
    for folder, code, message in ((tmp_path / "none", 8, "no such run folder"), (tmp_path, 3, "is not a run")):
        answer = command(tmp_path, "show", str(folder))
        assert answer.returncode == code and message in answer.stderr and "Traceback" not in answer.stderr
    (tmp_path / "plan.json").write_text('{"schema": "ccs-model/plan/1", "status": "optimal"}', encoding="utf-8")
    answer = command(tmp_path, "show", str(tmp_path))
    assert answer.returncode == 3 and "older format" in answer.stderr
    (tmp_path / "plan.json").unlink()
    (tmp_path / "regret.json").write_text('{"scenario": "A"}', encoding="utf-8")
    answer = command(tmp_path, "show", str(tmp_path))
    assert answer.returncode == 3 and "is not a result of this version" in answer.stderr


def test_the_summary_fits_terminals_of_80_to_120_columns(small_plan: Plan) -> None:
    document = small_plan.to_dict()
    for width in (80, 100, 120):
        assert max(map(len, summary_text(document, width).splitlines())) <= width
    assert "site" in summary_text(document, 120) and " of 2024" not in summary_text(document, 120)


def test_a_site_that_stores_only_part_of_the_co2_is_marked(small_plan: Plan) -> None:
    document = small_plan.to_dict()
    assert document["retrofits"][0]["site_share"] == 1 and "further sites" not in summary_text(document, 120)
    site = str(document["retrofits"][0]["site"]).replace("_", " ")
    document["retrofits"][0]["site_share"] = 0.6
    text = summary_text(document, 120)
    assert f" {site}+ " in text
    assert "+ and further sites: sheet Retrofits has the share stored at the site" in text


def test_the_run_folder_of_a_python_scenario_is_named_after_the_scenario(
    small: Callable[..., Scenario], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InfeasibleError) as caught:
        optimize_to_folder(
            small({"objective": "min_cost", "targets.abatement_share": {2031: 0.99}, "budget.total_mn": None})
        )
    assert caught.value.folder is not None and caught.value.folder.name.startswith("small-infeasible-")


def test_without_a_command_the_help_is_printed() -> None:
    answer = CliRunner().invoke(group, [])
    assert answer.exit_code == 0 and answer.output == CliRunner().invoke(group, ["--help"]).output
    assert "\n  Start here:\n    ccs-model optimize" in answer.output


@pytest.mark.parametrize(("shell", "script", "start"), [
    ("bash", ".local/share/ccs-model/complete.bash", ".bashrc"),
    ("zsh", ".local/share/ccs-model/complete.zsh", ".zshrc"),
    ("fish", ".config/fish/completions/ccs-model.fish", None),
])  # fmt: skip
def test_completion_is_installed_once(tmp_path: Path, shell: str, script: str, start: str | None) -> None:
    if start is not None:
        (tmp_path / start).write_text("alias ll='ls -l'", encoding="utf-8")
    for _ in range(2):
        answer = command(tmp_path, "--install-completion", HOME=str(tmp_path), SHELL=f"/bin/{shell}")
        assert answer.returncode == 0, answer.stderr
    assert "_CCS_MODEL_COMPLETE" in (tmp_path / script).read_text(encoding="utf-8")
    if start is not None:
        lines = (tmp_path / start).read_text(encoding="utf-8").splitlines()
        assert lines == ["alias ll='ls -l'", f'. "{tmp_path / script}"']


def test_completion_knows_the_commands_and_an_unknown_shell_is_an_error(tmp_path: Path) -> None:
    answer = command(tmp_path, COMP_WORDS="ccs-model fr", COMP_CWORD="1", _CCS_MODEL_COMPLETE="bash_complete")
    assert answer.stdout.split() == ["plain,frontier"]
    answer = command(tmp_path, "--install-completion", HOME=str(tmp_path), SHELL="/bin/tcsh")
    assert answer.returncode == 2 and "bash, zsh, fish" in answer.stderr


def run_on_terminal(folder: Path, *args: str, **environment: str) -> str:
    """Return the output of a command whose streams are a terminal."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execve(sys.executable, [sys.executable, "-m", "ccs_model", *args], {**os.environ, **environment})
    parts = []
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    os.waitpid(child, 0)
    os.close(terminal)
    return b"".join(parts).decode()


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_colour_is_used_on_terminals_only_and_respects_no_color(workdir: Path) -> None:
    assert "\x1b[1m" in run_on_terminal(workdir, "runs", TERM="xterm", NO_COLOR="")
    assert "\x1b[31m" in run_on_terminal(workdir, "check", "missing.yaml", TERM="xterm", NO_COLOR="")
    for args in (("runs",), ("check", "missing.yaml")):
        assert "\x1b" not in run_on_terminal(workdir, *args, TERM="xterm", NO_COLOR="1")
        answer = command(workdir, *args)
        assert "\x1b" not in answer.stdout + answer.stderr


def test_check_supports_json_and_quiet_output(workdir: Path) -> None:
    answer = command(workdir, "check", "five works.yaml", "--json")
    found = json.loads(answer.stdout)
    assert answer.returncode == 0 and found["is_valid"] and found["errors"] == []
    assert found["n_candidate_plants"] == 5 and found["n_plants"] > 5
    assert command(workdir, "check", "five works.yaml", "-q").stdout == ""
    (workdir / "wrong.yaml").write_text(SMALL.replace("Shanxi]", "Shanksi]"), encoding="utf-8")
    answer = command(workdir, "check", "wrong.yaml", "--json")
    (error,) = json.loads(answer.stdout)["errors"]
    assert answer.returncode == 3 and answer.stderr == ""
    assert error["where"].startswith("wrong.yaml:3:") and "Shanxi" in error["hint"]
    assert "Shanksi" in command(workdir, "check", "wrong.yaml", "-q").stderr


def test_analyses_are_shown_and_listed_by_their_kind(tmp_path: Path) -> None:
    plant = {"plant": "A", "name": "Aster", "plan_share": 0.5, "min_share": 0.25, "max_share": 1.0, "standing": "every"}
    near = {
        "scenario": "Small", "within_share": 0.01, "objective": 1_234.5, "unit": "kt", "n_corridors": None,
        "ranges": [plant], "is_complete": True,
    }  # fmt: skip
    sweep = {"scenario": "Small", "cases": [{"scenario": 1}, {"scenario": 2}, {"scenario": 3}]}
    for name, document in (("near_optimal", near), ("sweep", sweep)):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    shown = CliRunner().invoke(group, ["show", str(tmp_path / "sweep")]).output
    assert "the sweep has not ended" in shown
    (tmp_path / "sweep" / "sweep.partial.csv").write_text(
        "scenario,status,message\n1,optimal,\n2,infeasible,these clash\n3,missing,\n", encoding="utf-8"
    )
    shown = CliRunner().invoke(group, ["show", str(tmp_path / "sweep")]).output
    assert shown.startswith("Small: 3 scenarios: 1 optimal, 1 infeasible, 1 missing\n  scenario 2: these clash\n")
    shown = CliRunner().invoke(group, ["show", str(tmp_path / "near_optimal")]).output
    assert shown.startswith("Small: plans within 1.00% of 1,234.5 kt") and "Aster" in shown
    listed = CliRunner().invoke(group, ["runs", str(tmp_path), "--json"]).output
    kinds = {each["name"]: (each["kind"], each["headline"]) for each in json.loads(listed)["runs"]}
    assert kinds == {
        "near_optimal": ("near-optimal", "plans within 1.00% of the optimum"),
        "sweep": ("sweep", "3 scenarios: 1 optimal, 1 infeasible, 1 missing"),
    }
