"""Values in tables: ranges, units, currencies, places, names and size limits (F26–F39)."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import pytest

from tests.own_tables import works
from tests.paths import ROOT

from .conftest import Report, Workspace, csv_text

SOURCE = {
    "plant": "P1", "name": "Given", "province": "Hebei", "grid": "Hebei south", "lat_deg": 38.04, "lon_deg": 114.51,
    "status": "operating", "co2_ktpa": 900, "capture_capex_mn": 400, "fixed_om_mn_pa": 12, "capture_cost_per_t": 150,
    "life_yr": 20, "currency": "CNY", "price_year": 2024, "reference": "OWN", "quality": "reported",
}  # fmt: skip
SITE = {
    "site": "mine", "name": "Mine", "basin": "Mine", "province": "Hebei", "lat_deg": 38.5, "lon_deg": 115,
    "kind": "saline", "capacity_low_kt": 1e5, "capacity_mid_kt": 2e5, "capacity_high_kt": 3e5,
    "well_injectivity_ktpa": 50, "n_wells_max": 40, "storage_cost_per_t": 30, "currency": "CNY",
    "price_year": 2024, "reference": "OWN", "quality": "assumed",
}  # fmt: skip


def one_row_table(row: dict[str, Any], **changes: Any) -> str:
    row = {key: value for key, value in {**row, **changes}.items() if value is not ...}
    return csv_text([list(row), list(row.values())])


def put_sources(workspace: Workspace, **changes: Any) -> None:
    workspace.put("tables/plants/sources.csv", one_row_table(SOURCE, **changes))
    workspace.scenario(plants="{inventory: [sources]}", data="tables")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"co2_ktpa": -900}, "sources.csv:2:co2_ktpa: -900 is outside the range 0 to 100000"),
        (
            {"avoided_per_captured_share": 90},
            "sources.csv:2:avoided_per_captured_share: 90 is outside the range 0 to 1",
        ),
        ({"avoided_per_captured_share": 1.1}, "1.1 is outside the range 0 to 1"),
        ({"life_yr": -1}, "sources.csv:2:life_yr: -1 is outside the range 1 to 100"),
    ],
)
def test_F26_emissions_shares_and_lifetimes_out_of_range_are_reported(
    workspace: Workspace, reported: Report, changes: dict[str, Any], words: str
) -> None:
    put_sources(workspace, **changes)
    assert words in reported()


def test_F26_a_negative_capacity_and_a_capture_rate_in_percent_are_reported(
    workspace: Workspace, reported: Report
) -> None:
    workspace.csv(works("M1", crude_steel_ktpa=-5))
    assert "mine.csv:2:crude_steel_ktpa: -5 is outside the range 0 to 50000" in reported()
    shipped = (ROOT / "data/technologies/technologies.csv").read_text(encoding="utf-8")
    workspace.csv(works("M1"))
    heading, first = shipped.splitlines()[:2]
    at = heading.split(",").index("capture_rate_share")
    workspace.put(
        "tables/technologies/technologies.csv", f"{heading}\n{first.replace(first.split(',')[at], '90', 1)}\n"
    )
    workspace.scenario(data="tables")
    assert "technologies.csv:2:capture_rate_share: 90 is outside the range" in reported()


def test_F28_tonnes_in_a_column_of_kilotonnes_are_reported(workspace: Workspace, reported: Report) -> None:
    # 5 Mt/y written in tonnes exceed any steel works; 1.2 Mt/y of hot metal for 1 kt/y of steel would emit 1,900 t CO2
    # per tonne of steel.
    workspace.csv(works("M1", crude_steel_ktpa=5_000_000, bof_steel_ktpa=5_000_000, bf_iron_ktpa=4_500_000))
    message = reported()
    assert "mine.csv:2:crude_steel_ktpa: 5000000 is outside the range 0 to 50000" in message
    workspace.csv(works("M1", crude_steel_ktpa=1, bof_steel_ktpa=1, bf_iron_ktpa=1_200))
    message = reported()
    assert "mine.csv:2:bf_iron_ktpa: 1,200 t of iron for each t of crude steel" in message
    put_sources(workspace, co2_ktpa=900_000)
    assert "co2_ktpa: 900000 is outside the range 0 to 100000" in reported()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"currency": ""}, "sources.csv:2:currency: is empty"),
        ({"price_year": ""}, "sources.csv:2:price_year: is empty"),
        ({"currency": ...}, "sources.csv:2:currency: is empty"),
        ({"price_year": ...}, "sources.csv:2:price_year: is empty"),
        ({"currency": "万元"}, "sources.csv:2:currency: '万元' is unknown (expected a currency code of ISO 4217"),
        ({"currency": "RMB"}, "sources.csv:2:currency: no price index for RMB"),
        ({"capture_capex_mn": "40000万元"}, "sources.csv:2:capture_capex_mn: '40000万元' is not a finite number"),
    ],
)
def test_F29_money_without_a_valid_currency_or_price_year_is_reported(
    workspace: Workspace, reported: Report, changes: dict[str, Any], words: str
) -> None:
    put_sources(workspace, **changes)
    assert words in reported()


def test_F29_money_in_another_currency_is_accepted(workspace: Workspace) -> None:
    put_sources(workspace, currency="USD")
    assert workspace.check().code == 0


def test_F29_a_heading_in_ten_thousands_is_converted_and_reported(workspace: Workspace) -> None:
    text = one_row_table(SOURCE).replace("capture_capex_mn", "capture_capex_mn (万元)")
    workspace.put("tables/plants/sources.csv", text)
    workspace.scenario(plants="{inventory: [sources]}", data="tables")
    answer = workspace.check()
    assert answer.code == 0, answer.err
    assert (
        "sources.csv:1: column 'capture_capex_mn (万元)' is converted from 万元 to million CNY (× 0.01)" in answer.out
    )


def test_F31_a_price_year_without_a_price_index_is_reported(workspace: Workspace, reported: Report) -> None:
    put_sources(workspace, price_year=2029)
    assert "sources.csv:2" in (message := reported()) and "2029" in message
    workspace.csv(works("M1"))
    workspace.scenario(price_year="2031")
    assert "price_year" in (message := reported()) and "2031" in message


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ((114.51, 38.04), "mine.csv:2"),
        ((0, 0), "mine.csv:2:lat_deg: 'M1' is at (0, 0), in the sea off Africa"),
        ((38.5, 119.9), "plant M1 lies"),
        ((30.59, 114.31), "plant M1 lies"),
    ],
)
def test_F32_swapped_zero_and_misplaced_coordinates_of_a_plant_are_reported(
    workspace: Workspace, reported: Report, place: Any, words: str
) -> None:
    workspace.csv(works("M1", lat_deg=place[0], lon_deg=place[1]))
    message = reported()
    assert words in message and ("swapped" in message) == (place[0] == 114.51)


def test_F32_swapped_and_zero_coordinates_of_a_site_are_reported(workspace: Workspace, reported: Report) -> None:
    workspace.scenario(data="tables", storage="{sites: [mine]}")
    workspace.put("tables/storage/sites.csv", one_row_table(SITE, lat_deg=115, lon_deg=38.5))
    message = reported()
    assert "sites.csv:2:lat_deg: 115 is outside the range -90 to 90" in message and "swapped" in message
    workspace.put("tables/storage/sites.csv", one_row_table(SITE, lat_deg=0, lon_deg=0))
    assert "sites.csv:2:lat_deg: 'mine' is at (0, 0), in the sea off Africa" in reported()


def test_F33_an_unknown_sector_is_reported_with_the_closest_name_and_the_list(
    workspace: Workspace, reported: Report
) -> None:
    workspace.scenario(plants="{inventory: [steal]}")
    assert (
        "did you mean 'steel'?" in (message := reported())
        and "chemicals" in message
        and message.startswith("s.yaml:2:")
    )
    workspace.book(Steal=works("M1"))
    assert "mine.xlsx: no sheet is named steel, chemicals or sources" in reported()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"plants": "{inventory: [mine.csv], require: [M2]}"}, "s.yaml:2:43: plants.require: plant 'M2' is not in"),
        ({"plants": "{inventory: [mine.csv], exclude: [M11]}"}, "did you mean 'M1'?"),
        ({"storage": "{sites: [nanpoo]}"}, "s.yaml:5:19: storage.sites: site or basin 'nanpoo' is not in the tables"),
        ({"capture": "{technologies: [amines]}"}, "did you mean 'amine'?"),
        ({"plants": "{inventory: [mine.csv], provinces: [Hebai]}"}, "did you mean 'Hebei'?"),
    ],
)
def test_F34_unknown_names_in_a_scenario_are_reported(
    workspace: Workspace, reported: Report, changes: dict[str, str], words: str
) -> None:
    workspace.scenario(**changes)
    assert words in reported()


def test_F34_unknown_references_and_nodes_in_a_table_are_reported(workspace: Workspace, reported: Report) -> None:
    workspace.csv(works("M1", reference="NOBODY", quality="reported"))
    assert "mine.csv:2:reference: " in (message := reported()) and "NOBODY" in message
    workspace.csv(works("M1"))
    link = {"link": "l", "node_a": "M1", "node_b": "nowhere", "length_km": 5, "reference": "OWN", "quality": "assumed"}
    workspace.put("tables/transport/links.csv", one_row_table(link))
    workspace.scenario(data="tables")
    assert "links.csv:2:node_b: 'nowhere' is not a plant, site or hub" in reported()
    link |= {"node_b": "jinxian_sag", "length_km": -5}
    workspace.put("tables/transport/links.csv", one_row_table(link))
    assert "links.csv:2:length_km: -5 is outside the range" in reported()


@pytest.mark.parametrize(
    ("share", "code", "words"),
    [
        ("8", 3, "s.yaml:7:16: discount_rate: expected less than 1, got 8 (did you mean 0.08?)"),
        ("-0.5", 3, "s.yaml:7:16: discount_rate: expected at least 0, got -0.5"),
        ("0", 0, ""),
    ],
)
def test_F36_a_discount_rate_out_of_range_is_reported(workspace: Workspace, share: str, code: int, words: str) -> None:
    workspace.scenario(discount_rate=share)
    answer = workspace.check()
    assert answer.code == code and words[:40] in answer.err, answer.err
    assert ("did you mean 0.08?" in answer.err) == (share == "8")


def test_F36_without_discounting_the_capital_recovery_share_is_one_over_the_life() -> None:
    from ccs_model.economics.investment import capital_recovery_share

    assert capital_recovery_share(0.0, 20) == pytest.approx(1 / 20)
    assert capital_recovery_share(1e-12, 20) == pytest.approx(1 / 20)


@pytest.mark.parametrize("name", ["=1+1", "+86 Steel", "-7", "@home", 'O\'Brien & "Sons"', "Works 🏭", "石家庄"])
def test_F38_names_with_special_characters_are_accepted(workspace: Workspace, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    workspace.csv(works("M1", name=quoted))
    answer = workspace.check()
    assert answer.code == 0, answer.err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ('"a\tb"', "mine.csv:2:name: contains a control character"),
        ('"a\nb"', "mine.csv:2:name: contains a control character"),
        ("a\x07b", "mine.csv:2:name: contains a control character"),
        ("x" * 40_000, "mine.csv:2:name: has 40,000 characters, expected at most 32,767"),
    ],
)
def test_F38_control_characters_and_very_long_names_are_rejected(
    workspace: Workspace, reported: Report, name: str, words: str
) -> None:
    workspace.csv(works("M1", name=name))
    message = reported()
    assert words in message and len(message) < 2_000


def test_F39_fifty_thousand_columns_and_five_gigabytes_are_rejected(workspace: Workspace, reported: Report) -> None:
    rows = works("M1")
    workspace.csv([[*rows[0], *(f"c{k}" for k in range(50_000))], [*rows[1], *["1"] * 50_000]])
    begun = time.process_time()
    message = reported()
    assert "mine.csv: 50,012 columns, expected at most 500" in message and time.process_time() - begun < 30
    with (workspace.folder / "mine.csv").open("wb") as file:
        file.truncate(5_000_000_000)
    assert "mine.csv: the file has 5,000,000,000 bytes, expected at most 100,000,000" in reported()


def test_F39_a_file_with_too_many_rows_is_rejected(
    workspace: Workspace, reported: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ccs_model.inputs.csv_reader.MOST_ROWS", 100)
    workspace.csv(works(*(f"M{k}" for k in range(101))))
    assert "mine.csv: more than 100 rows" in reported()


# Peak memory of this process; the value of getrusage would include the memory of its parent.
MEASURED = """
import re, sys, time
from ccs_model.cli import main
import ccs_model.problem.build_problem, ccs_model.problem.scenario_names
begun = time.process_time()
sys.argv = ["ccs-model", "check", "s.yaml"]
try:
    main()
finally:
    used = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
    print(time.process_time() - begun, used / 1024, file=sys.stderr)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, which Linux alone has")
@pytest.mark.parametrize("kind", ["a bomb of aliases", "20,000 plants with a fault each", "five gigabytes"])
def test_F39_memory_and_time_of_a_rejection_are_bounded(workspace: Workspace, kind: str) -> None:
    # Two seconds on an idle machine; the rest is margin for a test suite that uses every core.
    most_mb, most_s = 300, 8.0
    if kind == "a bomb of aliases":
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 10)]
        workspace.put("s.yaml", "\n".join(lines) + "\n")
    elif kind == "five gigabytes":
        with (workspace.folder / "mine.csv").open("wb") as file:
            file.truncate(5_000_000_000)
    else:
        most_s = 30.0
        workspace.csv(works(*(f"M{k}" for k in range(20_000)), status="closed"))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED], cwd=workspace.folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr[-500:]
    seconds, mb = map(float, done.stderr.splitlines()[-1].split())
    assert seconds < most_s and mb < most_mb
