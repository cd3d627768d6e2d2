"""From a CSV file of a cement and a power plant to a plan with a workbook, on the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest

pytestmark = pytest.mark.slow
SOURCES = """plant,name,province,grid,lat_deg,lon_deg,status,sector,capacity_ktpa,capacity_mw,co2_ktpa
C1,Cement,Hebei,Hebei south,38.2,114.4,operating,cement,1500,,
K1,Power,Hebei,Hebei south,38.3,114.2,operating,coal_power,,330,
"""
SCENARIO = """name: Cluster
plants: {inventory: [sources.csv]}
years: [2026, 2030]
storage: {sites: [Bohai Bay]}
budget: {total_mn: 3_500}
solver: {effort: quick, mip_gap: 0.1}
"""


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    args = (sys.executable, "-m", "ccs_model", *args)
    return subprocess.run(
        args, cwd=folder, env=os.environ, capture_output=True, text=True, encoding="utf-8", timeout=600
    )


def rows_of(book: openpyxl.Workbook, title: str, first: str) -> list[dict[str, object]]:
    """Return the rows of the plants below the heading that starts with `first`, as dictionaries."""
    lines = list(book[title].iter_rows(values_only=True))
    at = next(i for i, line in enumerate(lines) if line and line[0] == first)
    table = [dict(zip(map(str, lines[at]), line, strict=False)) for line in lines[at + 1 :] if line[0]]
    return [row for row in table if row[first] in ("C1", "K1")]


def test_cement_and_power_plants_are_solved_from_csv_to_workbook(tmp_path: Path) -> None:
    (tmp_path / "sources.csv").write_text(SOURCES, encoding="utf-8")
    (tmp_path / "zone.yaml").write_text(SCENARIO, encoding="utf-8")
    checked = run(tmp_path, "check", "zone.yaml")
    assert checked.returncode == 0, checked.stderr
    assert "2 operating plants with 2.4 Mt CO2 a year" in checked.stdout
    solved = run(tmp_path, "optimize", "zone.yaml", "--out", "answer")
    assert solved.returncode in (0, 5), solved.stderr
    plan = json.loads((tmp_path / "answer/plan.json").read_text(encoding="utf-8"))
    by_plant = {row["plant"]: row for row in plan["retrofits"]}
    # 1,500 kt of clinker at a utilisation of 0.85 and 0.865 t/t, of which 90 % is captured; 330 MW at 0.53, 0.84 t/MWh.
    max_captured_ktpa = {"C1": 1500 * 0.85 * 0.865 * 0.9, "K1": 330 * 8.76 * 0.53 * 0.84 * 0.9}
    assert by_plant["C1"]["sector"] == "cement"
    for plant, row in by_plant.items():
        assert row["captured_ktpa"] <= max_captured_ktpa[plant] * (1 + 1e-9)
    book = openpyxl.load_workbook(tmp_path / "answer/plan.xlsx", data_only=True)
    (cement,) = [row for row in rows_of(book, "Economics", "Plant") if row["Plant"] == "C1"]
    headings = {str(heading).split(" [")[0]: heading for heading in cement}
    rise = cement[headings["Rise of product cost"]]
    base = cement[headings["Product cost without capture"]]
    added = cement[headings["Added product cost"]]
    assert rise == pytest.approx(added / base, rel=1e-9)  # type: ignore[operator]
    explained = run(tmp_path, "explain", "answer", "K1")
    assert explained.returncode == 0, explained.stderr
    assert "coal power 2,891 GWh/y" in explained.stdout
