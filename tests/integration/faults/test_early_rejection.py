"""An invalid scenario is rejected before the solver is loaded, with the same errors as later."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ccs_model.errors import InputError
from ccs_model.inputs.checked_scenario import read_checked, reject_invalid
from tests.paths import ROOT

from .conftest import Desk

INVALID = (
    "name: A\nplants: {provinces: [Hebeii], require: [nobody]}\nbudget: {total_mn: -5}\nstorage: {sites: [Mars]}\n"
)
UNKNOWN = "name: A\nplants: {provinces: [Hebeii]}\nbudget: {total_mn: 5}\n"
HEAVY = ("pyomo", "scipy", "highspy", "xlsxwriter", "openpyxl")
PROBE = """
import json, sys
from pathlib import Path
sys.argv[0] = "ccs-model"
from ccs_model.__main__ import main
try:
    main()
except SystemExit as ended:
    heavy = sorted({name.partition(".")[0] for name in sys.modules} & set(%r))
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps([ended.code, heavy, int(peak.split()[1]) // 1000]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak memory is read from /proc")
@pytest.mark.parametrize("text", [INVALID, UNKNOWN], ids=["values", "names"])
@pytest.mark.parametrize("words", ["check", "optimize"])
def test_an_invalid_scenario_is_rejected_without_the_solver(desk: Desk, words: str, text: str) -> None:
    desk.put("s.yaml", text)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROBE % (HEAVY,), words, "s.yaml"]
    ended = subprocess.run(command, cwd=desk.folder, env=environment, capture_output=True, text=True, check=True)
    code, heavy, memory_mb = json.loads(ended.stdout)
    assert (code, heavy) == (3, [])
    assert memory_mb < 170


@pytest.mark.parametrize("text", [INVALID, UNKNOWN, INVALID + "data: none\n"], ids=["values", "names", "own tables"])
def test_the_errors_are_those_of_the_whole_check(desk: Desk, text: str) -> None:
    path = desk.put("s.yaml", text)
    found = []
    for read in (reject_invalid, read_checked):
        with pytest.raises(InputError) as raised:
            read(path)
        found.append(raised.value.issues)
    assert found[0] == found[1] and found[0]
