"""An invalid scenario is rejected at once, with every error in one pass, by `check` and `optimize` alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ccs_model.errors import InputError
from ccs_model.inputs.checked_scenario import read_checked, reject_invalid
from ccs_model.problem import build_problem
from tests.own_tables import works
from tests.paths import ROOT

from .conftest import Workspace

INVALID = (
    "name: A\nplants: {provinces: [Hebeii], require: [nobody]}\nbudget: {total_mn: -5}\nstorage: {sites: [Mars]}\n"
)
# One error of each kind: in values, combinations of values, names and amounts.
EVERY_KIND = """\
name: Every kind
plants: {provinces: [Hebeii], require: [nobody, NH3_21], exclude: [NH3_21], not_before: {nowhere: 2030}, colour: red}
capture: {technologies: [amin]}
transport: {detour_factor: -1}
storage: {sites: [Mars], capacity_kt: {Mars: 100}}
budget: {total_mn: 12_000_000_000, by_province_mn: {Hebeii: 10}}
targets:
  by_sector: {steeel: {abatement_share: {2030: 0.2}}}
  by_province: {Shanxxi: {abatement_share: {2031: 0.2}}}
  share_of_avoided_min: {stel: 0.1}
funds: {bank: {kind: loan, nominal_interest_rate: 0.03, provinces: [Henann], sectors: [steeel]}}
policy: {carbon_price_per_t: {2030: 80_000_000}, paid_per_captured_t: lots}
discount_rate: 8
"""
FOUND = {
    2: ["province 'Hebeii'", "plant 'nobody'", "both required and excluded", "plant 'nowhere'", "colour: unknown key"],
    3: ["technology 'amin'"],
    4: ["detour_factor: expected at least 1"],
    5: ["site or basin 'Mars'", "site 'Mars'"],
    6: ["total_mn: 12,000,000,000 million CNY is implausible", "province 'Hebeii'"],
    8: ["sector 'steeel' is not in the tables (did you mean 'steel'?)"],
    9: ["province 'Shanxxi'", "no period starts in 2031"],
    10: ["province or sector 'stel'"],
    11: ["nominal interest rate requires the inflation rate", "province 'Henann'", "sector 'steeel'"],
    12: ["80,000,000 CNY/t is implausible", "paid_per_captured_t: expected a number"],
    13: ["discount_rate: expected less than 1"],
}
UNKNOWN = "name: A\nplants: {provinces: [Hebeii]}\nbudget: {total_mn: 5}\n"
HEAVY = ("numpy", "pandas", "pyomo", "scipy", "highspy", "xlsxwriter", "openpyxl")
PROBE = """
import json, sys, time
from pathlib import Path
sys.argv[0] = "ccs-model"
from ccs_model.__main__ import main
try:
    main()
except SystemExit as ended:
    heavy = sorted({name.partition(".")[0] for name in sys.modules} & set(%r))
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps([ended.code, heavy, int(peak.split()[1]) // 1000, time.process_time()]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak memory is read from /proc")
@pytest.mark.parametrize("text", [INVALID, UNKNOWN], ids=["values", "names"])
@pytest.mark.parametrize("words", ["check", "optimize"])
def test_an_invalid_scenario_is_rejected_quickly_without_large_libraries(
    workspace: Workspace, words: str, text: str
) -> None:
    workspace.put("s.yaml", text)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROBE % (HEAVY,), words, "s.yaml"]
    ended = subprocess.run(command, cwd=workspace.folder, env=environment, capture_output=True, text=True, check=True)
    code, heavy, memory_mb, cpu_s = json.loads(ended.stdout)
    assert (code, heavy) == (3, [])
    assert memory_mb < 80
    assert cpu_s < 3  # 0.8 s on an idle machine, with a margin for a busy one


@pytest.mark.parametrize("text", [INVALID, UNKNOWN, INVALID + "data: none\n"], ids=["values", "names", "own tables"])
def test_early_rejection_finds_the_same_errors_as_the_full_check(workspace: Workspace, text: str) -> None:
    path = workspace.put("s.yaml", text)
    found = []
    for read in (reject_invalid, read_checked):
        with pytest.raises(InputError) as raised:
            read(path)
        found.append(raised.value.issues)
    assert found[0] == found[1] and found[0]


@pytest.mark.parametrize("words", [["check"], ["optimize", "-q"]], ids=["check", "optimize"])
def test_every_kind_of_error_is_found_in_one_pass(workspace: Workspace, words: list[str]) -> None:
    workspace.put("s.yaml", EVERY_KIND)
    answer = workspace.run(*words, "s.yaml")
    *lines, last = answer.lines
    assert answer.code == 3 and last == f"ccs-model: {len(lines)} errors; nothing was solved"
    by_line: dict[int, list[str]] = {}
    for line in lines:
        by_line.setdefault(int(line.split(":")[1]), []).append(line)
    assert {number: len(found) for number, found in by_line.items()} == {n: len(each) for n, each in FOUND.items()}
    for number, words_ in FOUND.items():
        for each in words_:
            assert any(each in line for line in by_line[number]), (number, each, by_line[number])
    # JSON lists the same errors.
    document = json.loads(workspace.run(*words, "s.yaml", "--json").out)
    found = [f"{e['where']}: {e['what']}" + (f" ({e['hint']})" if e["hint"] else "") for e in document["errors"]]
    assert found == lines
    if words != ["check"]:
        assert (document["schema"], document["error"], document["exit_code"]) == ("ccs-model/error/1", "InputError", 3)


def test_json_reports_file_and_usage_errors(workspace: Workspace) -> None:
    for words, error, code in (
        (("optimize", "nowhere.yaml"), "FileError", 8),
        (("frontier", "s.yaml", "--points", "many"), "BadParameter", 2),
    ):
        answer = workspace.run(*words, "--json")
        document = json.loads(answer.out)
        assert (document["error"], document["exit_code"], answer.code) == (error, code, code), words
        assert document["message"] in answer.err and document["errors"] == []


@pytest.mark.parametrize("words", [["check"], ["optimize", "-q"]], ids=["check", "optimize"])
def test_errors_of_an_inventory_and_its_scenario_are_found_in_one_pass(workspace: Workspace, words: list[str]) -> None:
    rows = works("M1", "M2")
    rows[2][rows[0].index("status")] = "opperating"
    workspace.csv(rows)
    workspace.scenario(
        budget="{total_mn: 12_000_000_000}", targets="{by_sector: {steeel: {abatement_share: {2030: 0.2}}}}"
    )
    found = [each.split(": ")[0] for each in workspace.run(*words, "s.yaml").lines[:-1]]
    assert found == ["mine.csv:3:status", "s.yaml:6:20", "s.yaml:7:23"]
    # A missing column ends the checks of tables, but not those of the scenario.
    workspace.csv([[cell for cell, name in zip(row, rows[0], strict=True) if name != "status"] for row in rows])
    found = [each.split(": ")[0] for each in workspace.run(*words, "s.yaml").lines[:-1]]
    assert found == ["mine.csv:1", "s.yaml:6:20", "s.yaml:7:23"]


def test_an_error_causes_no_consequential_errors(workspace: Workspace) -> None:
    # The invalid rate is not reported as missing as well, nor 2031 as a year in which no period starts.
    workspace.scenario(
        years="[2026, 2031, x]",
        funds="{bank: {interest_rate: 300}}",
        budget="{total_mn: 5, cumulative_mn: {2031: 5}}",
        finance="{inflation_rate: 5}",
    )
    assert [each.split(": ")[1] for each in workspace.check().lines[:-1]] == [
        "years[2]", "funds.bank.interest_rate", "finance.inflation_rate",
    ]  # fmt: skip
    workspace.scenario(
        funds="{bank: {nominal_interest_rate: 0.03}, other: {interst_rate: 0.1}}", finance="{inflation: 0.02}"
    )
    assert [each.split(": ")[1] for each in workspace.check().lines[:-1]] == [
        "funds.other.interst_rate", "finance.inflation",
    ]  # fmt: skip


def test_a_scenario_without_an_operating_plant_is_rejected_at_its_line(workspace: Workspace) -> None:
    text = "name: A\nbudget: {total_mn: 5}\nplants: {inventory: [coal_chemicals], provinces: [Hebei, Shanxi]}\n"
    path = workspace.put("s.yaml", text)
    with pytest.raises(InputError) as rejected:
        build_problem(*read_checked(path))
    (issue,) = rejected.value.issues
    assert issue.where.endswith("s.yaml:3")
    assert issue.what == "no operating plant of coal_chemicals in Hebei, Shanxi"
