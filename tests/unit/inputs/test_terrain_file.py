"""`transport.terrain`: cost factors from a grid or points, their place in run records, and errors in the files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import ccs_model as ccs
from ccs_model.errors import InputError
from ccs_model.plan.cache_key import run_key
from ccs_model.problem import build_problem
from ccs_model.problem.link_costs import Terrain
from ccs_model.problem.scenario_names import read_checked
from ccs_model.runs.run_writer import write_run_folder
from ccs_model.solve.driver import solve

# Hebei and Shanxi in cells of half a degree: factor 1 east of 114°, 2 west of it, no data in the north-west corner.
COLUMNS, ROWS = 20, 16
GRID = "\n".join(
    [
        f"ncols {COLUMNS}", f"nrows {ROWS}", "xllcorner 110", "yllcorner 34", "cellsize 0.5", "NODATA_value -9999",
        " ".join(["-9999"] * 2 + ["2"] * 6 + ["1"] * 12),
        *[" ".join(["2"] * 8 + ["1"] * 12)] * (ROWS - 1),
    ]
)  # fmt: skip
POINTS = "lat_deg,lon_deg,cost_multiplier\n" + "".join(
    f"{lat},{lon},{2 if lon < 114 else 1}\n" for lat in np.arange(34.25, 42, 0.5) for lon in np.arange(110.25, 120, 0.5)
)


def write_scenario(tmp_path: Path, name: str, text: str, more: str = "") -> Path:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text, encoding="utf-8")
    path = tmp_path / "scenario.yaml"
    path.write_text(
        "name: Hills\nyears: [2026, 2031]\n"
        "plants: {inventory: [chemicals], provinces: [Shanxi], min_emissions_ktpa: 1_500}\n"
        f"transport: {{terrain: {name}, trucks: false}}\nbudget: {{total_mn: 900}}\n"
        f"solver: {{effort: quick, mip_gap: 0.2}}\n{more}",
        encoding="utf-8",
    )
    return path


def factors(path: Path, *points: tuple[float, float]) -> list[float]:
    _, inputs = read_checked(path)
    lat, lon = np.array(points).T
    return Terrain.of(inputs).factor(lat, lon, lat, lon).tolist()


@pytest.mark.parametrize(("name", "text"), [("hills.asc", GRID), ("hills.csv", POINTS), ("in/Hills.ASC", GRID)])
def test_cost_factor_is_that_of_the_cell_and_1_outside_the_grid(tmp_path, name, text):
    path = write_scenario(tmp_path, name, text)
    # Just beyond the edge the nearest cell still counts: up to a diagonal from its centre.
    places = [(36.0, 112.0), (36.0, 116.0), (36.2, 109.8), (36.0, 108.9), (45.0, 112.0)]
    assert factors(path, *places) == [2, 1, 2, 1, 1]


def test_cells_without_data_count_as_1(tmp_path):
    assert factors(write_scenario(tmp_path, "hills.asc", GRID), (41.8, 110.2), (41.8, 112.2)) == [1, 2]
    centred = GRID.replace("xllcorner 110", "XLLCENTER 110.25").replace("yllcorner 34", "yllcenter 34.25")
    assert factors(write_scenario(tmp_path, "hills.asc", centred), (41.8, 110.2), (41.8, 112.2)) == [1, 2]


@pytest.mark.slow
def test_cost_factors_of_links_follow_the_terrain(tmp_path):
    links = build_problem(*read_checked(write_scenario(tmp_path, "hills.asc", GRID))).network.links
    links = links[links["kind"] == "pipe"]
    assert links["cost_factor"].between(1, 2).all()
    assert links["cost_factor"].max() == 2
    scenario, _ = read_checked(tmp_path / "scenario.yaml")
    plain = scenario.with_changes({"transport.terrain": None})
    without = build_problem(plain, ccs.load_inputs(plain)).network.links
    assert (without.loc[~without["is_offshore"].astype(bool), "cost_factor"] == 1).all()


@pytest.mark.slow
def test_terrain_file_enters_the_hash_the_origins_and_the_run_folder(tmp_path):
    path = write_scenario(tmp_path, "hills.asc", GRID)
    scenario, inputs = read_checked(path)
    assert inputs.origins["transport/terrain"] == "hills.asc, replaces the shipped table (20 × 16 cells)"
    before = run_key(scenario, inputs).sha256
    write_scenario(tmp_path, "hills.asc", GRID + "\n\n")
    assert run_key(*read_checked(path)).sha256 != before

    folder = write_run_folder(solve(build_problem(scenario, inputs)), tmp_path / "run")
    assert (folder / "own" / "hills.asc").read_text(encoding="utf-8") == GRID
    assert 'terrain: "own/hills.asc"' in (folder / "scenario.resolved.yaml").read_text(encoding="utf-8")
    assert read_checked(folder / "scenario.resolved.yaml")[1].raster is not None


def test_inputs_loaded_without_the_terrain_file_are_rejected(tmp_path, inputs):
    scenario, _ = read_checked(write_scenario(tmp_path, "hills.asc", GRID))
    with pytest.raises(InputError, match=r"'hills.asc' was not read \(load_inputs"):
        build_problem(scenario, inputs)


def error_text(path: Path, **options: bool) -> str:
    with pytest.raises(InputError) as caught:
        read_checked(path, **options)
    return "\n".join(str(issue) for issue in caught.value.issues)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("ncols 20", "ncols 21", "hills.asc:7: 20 cells, expected 21 as ncols says"),
        ("nrows 16", "nrows 17", "hills.asc:22: 16 rows of cells, expected 17 as nrows says"),
        ("nrows 16", "nrows 15", "hills.asc:22: 16 rows of cells, expected 15"),
        ("nrows 16", "nrows 1.5", "hills.asc:2: expected nrows and a positive integer"),
        ("cellsize 0.5", "cellsize 0", "hills.asc:5: cellsize is 0, expected more than 0"),
        ("cellsize 0.5\n", "", "hills.asc:1: the header lacks cellsize"),
        ("xllcorner 110", "xllcorner 500000", "hills.asc:3: reaches from 500000 to .* expected degrees .*EPSG:4326"),
        ("xllcorner 110", "left 110", "hills.asc:3: 'left' is not a header key"),
        ("-9999 -9999 2", "-9999 x 2", "hills.asc:7: 'x' is not a number"),
        ("-9999 -9999 2", "-9999 200 2", "hills.asc:7: cell 2: 200 is outside the range 0.1 to 20"),
        ("-9999 -9999 2", "-9999 nan 2", "hills.asc:7: cell 2: nan is outside the range"),
        ("nrows 16", "nrows 9999999", "cells, expected at most 20,000,000"),
        (GRID, "PK\x03\x04", "this is a zip archive"),
        (GRID, "", "hills.asc:1: the header lacks ncols, nrows"),
    ],
)
def test_errors_in_a_grid_are_reported_with_file_and_line(tmp_path, old, new, what):
    assert re.search(what, error_text(write_scenario(tmp_path, "hills.asc", GRID.replace(old, new, 1))))


def test_errors_in_points_are_reported_with_file_and_line(tmp_path):
    text = POINTS.replace("34.25,110.25,2", "34.25,110.25,200").replace("34.25,110.75,2", "134.25,110.75,2")
    issues = error_text(write_scenario(tmp_path, "hills.csv", text))
    assert "hills.csv:2:cost_multiplier: 200 is outside the range" in issues
    assert "hills.csv:3:lat_deg: 134.25 is outside the range" in issues
    assert "hills.csv: has no rows" in error_text(
        write_scenario(tmp_path, "hills.csv", "lat_deg,lon_deg,cost_multiplier\n")
    )


def test_invalid_terrain_path_is_reported_at_the_scenario_line(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    path = write_scenario(inner, "../hills.asc", GRID)
    assert "scenario.yaml:4:" in error_text(path) and "--allow-outside" in error_text(path)
    assert read_checked(path, allow_outside=True)[1].raster is not None
    path.write_text(path.read_text().replace("../hills.asc", "hills.tif"))
    assert "scenario.yaml:4:" in error_text(path) and "expected an .asc or .csv file" in error_text(path)


def test_terrain_table_and_terrain_file_together_are_rejected(tmp_path):
    table = tmp_path / "my" / "transport" / "terrain.csv"
    table.parent.mkdir(parents=True)
    table.write_text("lat_deg,lon_deg,cost_multiplier,reference,quality\n38,112,2,OWN,assumed\n")
    issues = error_text(write_scenario(tmp_path, "hills.asc", GRID, "data: my\n"))
    assert "transport.terrain: transport/terrain is already given in my/transport/terrain.csv" in issues


def test_nan_is_accepted_as_the_no_data_value(tmp_path):
    # This holds for the first cell too, which follows the header.
    path = write_scenario(tmp_path, "hills.asc", GRID.replace("-9999", "nan"))
    assert factors(path, (41.8, 110.2), (41.8, 112.2)) == [1, 2]


def test_only_the_first_twenty_invalid_lines_are_reported(tmp_path):
    rows = "\n".join(["-2 -2"] * 30)
    grid = f"ncols 2\nnrows 30\nxllcorner 110\nyllcorner 30\ncellsize 0.5\n{rows}\n"
    with pytest.raises(InputError) as caught:
        read_checked(write_scenario(tmp_path, "hills.asc", grid))
    issues = [str(issue) for issue in caught.value.issues]
    # The cells start at line 6; twenty lines are reported, the last of them line 25.
    assert issues[0].startswith("hills.asc:6: cell 1: -2 is outside the range")
    assert issues[-1] == "hills.asc:25: further lines were not checked" and len(issues) == 21
