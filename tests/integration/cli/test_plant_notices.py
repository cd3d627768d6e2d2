"""Notices of `ccs-model check` about the plants in the files of a user."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ccs_model.cli import group
from ccs_model.report.language import Language

HEADER = """plant,name,product,province,grid,lat_deg,lon_deg,place_accuracy,status,capacity_ktpa,feedstock,gasifier,\
urea_share
"""
CHEMICALS = f"""{HEADER}X1,Gas ammonia,ammonia,Shaanxi,Shaanxi,38.60,109.90,exact,operating,600,natural_gas,,1
X2,Oven gas ammonia,ammonia,Shaanxi,Shaanxi,38.60,109.90,exact,operating,600,coke_oven_gas,,1
X3,Coal ammonia,ammonia,Shaanxi,Shaanxi,38.60,109.90,exact,operating,600,coal,oxygen_blown,1
X4,Gas ammonia at its limit,ammonia,Shaanxi,Shaanxi,38.60,109.90,exact,operating,600,natural_gas,,0.95
"""
SOURCES = """plant,name,province,grid,lat_deg,lon_deg,status,sector,capacity_ktpa,co2_ktpa,capture_capex_mn,\
fixed_om_mn_pa,capture_cost_per_t,currency,price_year
Q1,Own costs,Shaanxi,Shaanxi,38.30,109.75,operating,,,500,180,6,60,CNY,2024
Q2,Own costs and capacity,Shaanxi,Shaanxi,38.30,109.75,operating,,400,500,180,6,60,CNY,2024
"""
NEAR = (
    HEADER
    + """X1,Same methanol,methanol,{0},{1},{2},{3},exact,operating,600,coal,oxygen_blown,
X2,Its olefins,olefins,{0},{1},{4},{3},exact,operating,300,coal,oxygen_blown,
X4,Far methanol,methanol,{0},{1},41.5,{3},exact,operating,600,coal,oxygen_blown,
"""
)


def check_output(folder: Path, inventory: str, **files: str) -> str:
    """Return the output of `ccs-model check` for a scenario with these files."""
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    scenario = f"name: Own\nplants: {{inventory: {inventory}}}\nbudget: {{total_mn: 4000}}\n"
    (folder / "own.yaml").write_text(scenario, encoding="utf-8")
    answer = CliRunner().invoke(group, ["check", str(folder / "own.yaml")])
    assert answer.exit_code == 0, answer.output
    return answer.output


def has_translation(line: str) -> bool:
    return Language("zh").sentence(line.strip()) != line.strip()


def test_a_urea_share_above_the_process_co2_is_reported(tmp_path: Path) -> None:
    output = check_output(tmp_path, "[own.csv]", own=CHEMICALS)
    lines = [line for line in output.splitlines() if "urea_share counts as" in line]
    # Process CO2 is 1.23 and 0.95 t/t; urea binds 1.296 t per t of ammonia. The other plants need less than they have.
    assert [line.split("counts as ")[1][:4] for line in lines] == ["0.95", "0.73"]
    assert "own.csv:2:urea_share: urea of Gas ammonia would" in lines[0] and has_translation(lines[0])


def test_a_capacity_without_effect_is_reported(tmp_path: Path) -> None:
    output = check_output(tmp_path, "[own.csv]", own=SOURCES)
    (line,) = [line for line in output.splitlines() if "no effect" in line]
    assert "own.csv:3:capacity_ktpa: capacity_ktpa of Own costs and capacity has no effect" in line and has_translation(
        line
    )


@pytest.fixture
def methanol(inputs) -> tuple[str, str, float, float, str]:  # type: ignore[no-untyped-def]
    """Province, grid and place of a shipped methanol plant far from others, and its id."""
    row = inputs["plants/chemicals"].set_index("plant").loc["MEOH_24"]
    return row["province"], row["grid"], row["lat_deg"], row["lon_deg"], "MEOH_24"


@pytest.mark.slow
def test_plants_that_may_be_counted_twice_are_reported(
    tmp_path: Path, methanol: tuple[str, str, float, float, str]
) -> None:
    province, grid, lat, lon, shipped = methanol
    # A degree of latitude is 111.2 km.
    rows = NEAR.format(province, grid, lat, lon, lat + 1.0 / 111.195)
    output = check_output(tmp_path, "[chemicals, own.csv]", own=rows)
    (line,) = [line for line in output.splitlines() if "counted twice" in line]
    assert f"Same methanol and China Coal Ordos Energy Chemical (methanol) ({shipped}, 0.0 km)" in line
    assert f"({shipped}, 1.0 km)" in line and "Its olefins" in line
    assert "Far methanol" not in line and has_translation(line)
    assert "counted twice" not in check_output(tmp_path, "[own.csv]", own=rows)
