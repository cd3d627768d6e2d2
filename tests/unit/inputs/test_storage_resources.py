"""Public data of storage basins: CO2StoP and NATCARB as tables of sites."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from ccs_model.cli import group
from ccs_model.errors import InputError
from ccs_model.importers import read_storage, storage_files
from ccs_model.importers.storage_places import from_utm, place_of, places_of_kml
from ccs_model.inputs.load import load_tables
from ccs_model.scenario.sections import OwnTables

# As published: capacities in Mt, 0 where unknown; coordinates in several grids.
UNITS = """\
FORMATION_ID,STORAGE_UNIT_ID,STORAGE_UNIT_NAME,EST_STORECAP_MIN,EST_STORECAP_MEAN,EST_STORECAP_MAX,STORE_CAP_MIN,STORE_CAP_MEAN,STORE_CAP_MAX,COUNTRY,X,Y,Projection_Info
ES_F_1,ES_S_1,Monegrillo,0.0,95.64,0.0,0,0,0,Spain,714606.1211,4613026.0799,ED_1950_UTM_Zone_30N
BG_F_1,BG_S_1,Pavlikeni zone,400,460,550,0,0,0,Bulgaria,25.77506,43.24403,WGS 84
DE_F_1,DE_S_1,Buntsandstein,0,0,0,0,12,20,Germany,0,0,
DE_F_1,DE_S_2,Zechstein,0,0,0,0,0,0,Germany,0,0,
NL_F_1,NL_S_1,Lost,1,1,1,0,0,0,Netherlands,-17.87,54.3,WGS84
"""
TRAPS = """\
STORAGE_UNIT_ID,TRAP_ID,TRAP_NAME,EST_STORECAP_MIN,EST_STORECAP_MEAN,EST_STORECAP_MAX,MIN_EST_STORE_CAP_GAS,MEAN_EST_STORE_CAP_GAS,MAX_EST_STORE_CAP_GAS,MIN_EST_STORE_CAP_OIL,MEAN_EST_STORE_CAP_OIL,MAX_EST_STORE_CAP_OIL,COUNTRY,X,Y,Projection_Info
DE_S_2,DE_T_1,Dötlingen,0,0,0,0,44.3,0,0,0,0,Germany,0,0,
DE_S_1,DE_T_2,Within,0,0,0,0,9,0,0,0,0,Germany,8.4,52.9,WGS84
"""
FORMATIONS = """\
FORMATION_ID,FORMATION_NAME,GEOLOGICAL_BASIN,ON_OFFSHOR
ES_F_1,Utrillas,Ebro Basin,Onshore
DE_F_1,Buntsandstein,North German Basin,Offshore
"""
KML = """\
<?xml version="1.0" encoding="utf-8" ?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Folder>
<Placemark><name>a</name><ExtendedData><SchemaData><SimpleData name="ID">DE_S_1</SimpleData></SchemaData></ExtendedData>
<MultiGeometry><Polygon><outerBoundaryIs><LinearRing><coordinates>7,54 8,54 8,55 7,55 7,54</coordinates></LinearRing>
</outerBoundaryIs></Polygon></MultiGeometry></Placemark>
<Placemark><ExtendedData><SchemaData><SimpleData name="ID">DE_T_1</SimpleData></SchemaData></ExtendedData>
<Polygon><outerBoundaryIs><LinearRing>
<coordinates>8.4,52.9,0 8.6,52.9,0 8.6,53.1,0 8.4,53.1,0</coordinates></LinearRing>
</outerBoundaryIs></Polygon></Placemark>
</Folder></Document></kml>
"""
CELLS = """\
COL_ROW,RESOURCE_NAME,BASIN_NAME,VOL_LOW,VOL_MED,VOL_HIGH,RSC_AREA_CELL,ASSESSED,DUPLICATE,LAT,LONG,SRMS class
1_1,Mt. Simon,Illinois Basin,1000000,3000000,9000000,1e8,1,0,40.0,-89.0,Undiscovered: Basin Play
1_2,Mt. Simon,Illinois Basin,1000000,1000000,3000000,1e8,1,0,40.4,-89.0,Undiscovered: Basin Play
1_3,Mt. Simon,Illinois Basin,5000000,5000000,5000000,1e8,1,1,41.0,-89.0,
9_3,Tuscaloosa,Gulf Coast,0,0,0,1e8,0,0,30.0,-90.0,
"""
TEXTS = {"units.csv": UNITS, "traps.csv": TRAPS, "formations.csv": FORMATIONS, "units.kml": KML}
CO2STOP = [(name, text.encode()) for name, text in TEXTS.items()]


def only(source: str, *files: tuple[str, str], countries: tuple[str, ...] = ()) -> str:
    with pytest.raises(InputError) as caught:
        read_storage(source, [(name, text.encode()) for name, text in files], countries)
    return str(caught.value)


def test_co2stop_units_and_traps_become_sites_once() -> None:
    made = read_storage("co2stop", CO2STOP)
    sites = made.sites.set_index("site")
    assert sorted(sites.index) == ["buntsandstein", "d_tlingen", "monegrillo", "pavlikeni_zone"]
    # Mt become kt; a missing estimate takes its neighbour's; calculated capacities stand in for none.
    cases = ["capacity_low_kt", "capacity_mid_kt", "capacity_high_kt"]
    assert sites.loc["monegrillo", cases].tolist() == pytest.approx([95_640] * 3)
    assert sites.loc["pavlikeni_zone", cases].tolist() == pytest.approx([400_000, 460_000, 550_000])
    assert sites.loc["buntsandstein", cases].tolist() == pytest.approx([12_000, 12_000, 20_000])
    assert sites["kind"].to_dict() == {
        "monegrillo": "saline", "pavlikeni_zone": "saline", "buntsandstein": "saline", "d_tlingen": "gas_field",
    }  # fmt: skip
    # Monegrillo lies in the province of Zaragoza, 41.64 N, 0.42 W.
    assert sites.loc["monegrillo", ["lat_deg", "lon_deg"]].tolist() == pytest.approx([41.64, -0.42], abs=0.02)
    assert sites.loc["buntsandstein", ["lat_deg", "lon_deg"]].tolist() == pytest.approx([54.5, 7.5], abs=0.01)
    assert sites.loc["d_tlingen", ["lat_deg", "lon_deg"]].tolist() == pytest.approx([53.0, 8.5], abs=0.01)
    assert sites["is_offshore"].to_dict() == {
        "monegrillo": "no", "pavlikeni_zone": "no", "buntsandstein": "yes", "d_tlingen": "no",
    }  # fmt: skip
    assert sites.at["monegrillo", "basin"] == "Ebro Basin"
    assert sum(made.left_out.values()) == 3
    assert any("500 km outside" in reason for reason in made.left_out)


def test_natcarb_cells_of_a_resource_are_one_site() -> None:
    made = read_storage("natcarb", [("cells.csv", CELLS.encode())])
    (site,) = made.sites.to_dict("records")
    assert [site[f"capacity_{case}_kt"] for case in ("low", "mid", "high")] == pytest.approx([2_000, 4_000, 12_000])
    assert site["area_km2"] == pytest.approx(200)
    # The middle of the cells by capacity, three to one.
    assert (site["lat_deg"], site["lon_deg"]) == pytest.approx((40.1, -89.0))
    assert site["resource_class"] == "prospective"
    assert dict(made.left_out) == {"duplicate rows": 1, "rows that were not assessed": 1}


def test_the_folder_is_read_as_own_tables(tmp_path: Path) -> None:
    for name, raw in storage_files("natcarb", read_storage("natcarb", [("cells.csv", CELLS.encode())])).items():
        (tmp_path / "basins" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "basins" / name).write_bytes(raw)
    sites = load_tables(OwnTables(tmp_path, data="basins"))["storage/sites"].set_index("site")
    assert sites.at["mt_simon", "province"] == "United States"
    assert sites.at["mt_simon", "resource_class"] == "prospective"


def test_the_command_writes_a_data_folder_and_tells_what_it_leaves_out(tmp_path: Path) -> None:
    for name, raw in CO2STOP:
        (tmp_path / name).write_bytes(raw)
    files = [str(tmp_path / name) for name in TEXTS]
    options = ["-o", str(tmp_path / "out"), "--country", "Bulgaria", "--min-mt", "5"]
    words = ["import", "storage", "co2stop", *files, *options]
    answer = CliRunner().invoke(group, words, standalone_mode=False)
    assert answer.exception is None, answer.exception
    assert "with 1 site in 1 country, 0.5 Gt" in answer.stdout
    assert "left out: sites of other countries (3)" in answer.stderr
    assert pd.read_csv(tmp_path / "out" / "storage" / "sites.csv")["site"].tolist() == ["pavlikeni_zone"]


def test_wrong_files_name_the_place_and_the_right_thing() -> None:
    assert "is a table of natcarb" in only("co2stop", ("cells.csv", CELLS))
    assert "is a table of co2stop" in only("natcarb", ("units.csv", UNITS))
    lacking = only("natcarb", ("cells.csv", CELLS.replace("VOL_MED", "VOL_MEDIAN")))
    assert "column VOL_MED missing" in lacking and "VOL_MEDIAN" in lacking
    swapped = only("natcarb", ("cells.csv", CELLS.replace("LAT,LONG", "LONG,LAT")))
    assert "cells.csv:2" in swapped and "lat and lon look swapped" in swapped
    assert "did you mean 'Bulgaria'" in only("co2stop", ("units.csv", UNITS), countries=("Bulgarai",))
    assert "units.csv:3: EST_STORECAP_MEAN is 'x'" in only("co2stop", ("units.csv", UNITS.replace(",460,", ",x,")))
    assert "is no class of the SRMS" in only(
        "natcarb", ("cells.csv", CELLS.replace("Undiscovered: Basin Play", "Undiscoverd"))
    )
    assert "expected plain KML" in only("co2stop", ("units.kml", '<!DOCTYPE a [<!ENTITY b "c">]><kml/>'))


def test_places_on_the_utm_grid() -> None:
    # The Eiffel Tower: 48.8583 N, 2.2945 E is 448,251 E, 5,411,933 N in zone 31.
    assert from_utm(448_251, 5_411_933, 31) == pytest.approx((48.8583, 2.2945), abs=1e-4)
    # Christ the Redeemer, 22.9519 S, 43.2105 W: 683,466 E, 7,460,689 N in zone 23 S.
    assert from_utm(683_466, 7_460_689, 23, is_south=True) == pytest.approx((-22.9519, -43.2105), abs=2e-3)
    assert place_of(448_251, 5_411_933, "WGS84 UTM31N") == pytest.approx((48.8583, 2.2945), abs=1e-4)
    assert place_of(0, 0, "WGS84") is None
    assert place_of(4_000_000, 2_000_000, "LAMBERT CONFORMAL CONIC") is None
    assert places_of_kml(KML.encode(), "a.kml")["DE_S_1"] == pytest.approx((54.5, 7.5))
