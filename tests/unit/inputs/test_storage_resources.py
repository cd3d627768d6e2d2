"""Import of the public storage data sets CO2StoP and NATCARB as tables of storage sites."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from ccs_model.cli import group
from ccs_model.errors import InputError
from ccs_model.importers import read_storage, storage_files
from ccs_model.importers.storage_places import from_lambert_azimuthal, from_utm, place_of, places_of_kml
from ccs_model.importers.storage_resources import class_of
from ccs_model.inputs.declarations import RESOURCE_CLASSES, read_dictionary
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
# The columns of the geodatabase, as far as used, with latitude and longitude added by an export.
CELLS = """\
COL_ROW,RESOURCE_NAME,BASIN_NAME,VOL_LOW,VOL_MED,VOL_HIGH,RSC_AREA_CELL,ASSESSED,DUPLICATE,LAT,LONG,SRMS class
1_1,Mt. Simon,Illinois Basin,1000000,3000000,9000000,1e8,1,0,40.0,-89.0,Undiscovered: Basin Play
1_2,Mt. Simon,Illinois Basin,1000000,1000000,3000000,1e8,1,0,40.4,-89.0,Undiscovered: Basin Play
1_3,Mt. Simon,Illinois Basin,5000000,5000000,5000000,1e8,1,1,41.0,-89.0,
9_3,Tuscaloosa,Gulf Coast,0,0,0,1e8,0,0,30.0,-90.0,
"""
# Fields of the shapefile of the layer, with their width. The rows are from a published listing of it: a cell
# without a capacity, and two cells of British Columbia with the capacity of all their aquifers, in t.
FIELDS = (
    ("COL_ROW", 12), ("PARTNERSHI", 10), ("RESOURCE_N", 40), ("BASIN_NAME", 40), ("RSC_AREA_C", 24), ("VOL_LOW", 24),
    ("VOL_MED", 24), ("VOL_HIGH", 24), ("DEPTH_FT", 24), ("ASSESSED", 5), ("CYCLE_OF_L", 20), ("OVERLAP", 5),
    ("DUPLICATE", 5),
)  # fmt: skip
LAYER = (
    ("314 - 367", "PCOR", "Basal Cambrian", "", "1.1e+07", "0", "0", "0", "0", "1", "Atlas V, v1", "1", "0"),
    ("", "PCOR", "Aquifers", "", "1.79924e+07", "3.19865e+06", "6.05149e+06", "1.0374e+07", "", "1", "", "0", "0"),
    ("", "PCOR", "Aquifers", "", "5.54231e+07", "8.07035e+06", "1.52682e+07", "2.61741e+07", "", "1", "", "0", "0"),
)
# South-west corners of the cells of 10 km in the projection of the layer; the listing lacks that of the first.
CORNERS = ((-600_000.0, 500_000.0), (-1331251.74, 1328935.68), (-1331251.74, 1338935.68))
PRJ = (
    'PROJCS["Lambert",GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]]],'
    'PROJECTION["Lambert_Azimuthal_Equal_Area"],PARAMETER["False_Easting",0.0],PARAMETER["False_Northing",0.0],'
    'PARAMETER["Central_Meridian",-100.0],PARAMETER["Latitude_Of_Origin",45.0],UNIT["Meter",1.0]]'
)


def dbf(fields: tuple[tuple[str, int], ...], rows: tuple[tuple[str, ...], ...], deleted: tuple[int, ...] = ()) -> bytes:
    headers = b"".join(
        name.encode().ljust(11, b"\0") + b"C" + bytes(4) + bytes((width, 0)) + bytes(14) for name, width in fields
    )
    lengths = (32 + len(headers) + 1, 1 + sum(width for _, width in fields))
    body = b"".join(
        (b"*" if place in deleted else b" ")
        + b"".join(cell.encode().ljust(width) for cell, (_, width) in zip(row, fields, strict=True))
        for place, row in enumerate(rows)
    )
    return struct.pack("<4BIHH20x", 3, 115, 5, 14, len(rows), *lengths) + headers + b"\r" + body + b"\x1a"


def shp(corners: tuple[tuple[float, float] | None, ...], side: float = 10_000.0) -> bytes:
    shapes = []
    for place, corner in enumerate(corners, start=1):
        if corner is None:
            shape = struct.pack("<i", 0)
        else:
            west, south = corner
            ring = [(0, 0), (0, side), (side, side), (side, 0), (0, 0)]
            shape = struct.pack("<i4d3i", 5, west, south, west + side, south + side, 1, len(ring), 0)
            shape += b"".join(struct.pack("<2d", west + x, south + y) for x, y in ring)
        shapes.append(struct.pack(">2i", place, len(shape) // 2) + shape)
    body = b"".join(shapes)
    return (
        struct.pack(">7i", 9994, 0, 0, 0, 0, 0, (100 + len(body)) // 2)
        + struct.pack("<2i8d", 1000, 5, *[0.0] * 8)
        + body
    )


SHAPEFILE = [("a/Saline.dbf", dbf(FIELDS, LAYER)), ("a/Saline.shp", shp(CORNERS)), ("a/Saline.prj", PRJ.encode())]
TEXTS = {"units.csv": UNITS, "traps.csv": TRAPS, "formations.csv": FORMATIONS, "units.kml": KML}
CO2STOP = [(name, text.encode()) for name, text in TEXTS.items()]


def error_text(source: str, *files: tuple[str, str], countries: tuple[str, ...] = ()) -> str:
    with pytest.raises(InputError) as caught:
        read_storage(source, [(name, text.encode()) for name, text in files], countries)
    return str(caught.value)


def test_co2stop_units_and_traps_become_sites_without_double_counting() -> None:
    resources = read_storage("co2stop", CO2STOP)
    sites = resources.sites.set_index("site")
    assert sorted(sites.index) == ["buntsandstein", "dotlingen", "monegrillo", "pavlikeni_zone"]
    # Mt become kt; a missing estimate takes the adjacent one; without estimates the calculated capacities are used.
    cases = ["capacity_low_kt", "capacity_mid_kt", "capacity_high_kt"]
    assert sites.loc["monegrillo", cases].tolist() == pytest.approx([95_640] * 3)
    assert sites.loc["pavlikeni_zone", cases].tolist() == pytest.approx([400_000, 460_000, 550_000])
    assert sites.loc["buntsandstein", cases].tolist() == pytest.approx([12_000, 12_000, 20_000])
    assert sites["kind"].to_dict() == {
        "monegrillo": "saline", "pavlikeni_zone": "saline", "buntsandstein": "saline", "dotlingen": "gas_field",
    }  # fmt: skip
    # Monegrillo lies in the province of Zaragoza, 41.64 N, 0.42 W.
    assert sites.loc["monegrillo", ["lat_deg", "lon_deg"]].tolist() == pytest.approx([41.64, -0.42], abs=0.02)
    assert sites.loc["buntsandstein", ["lat_deg", "lon_deg"]].tolist() == pytest.approx([54.5, 7.5], abs=0.01)
    assert sites.loc["dotlingen", ["lat_deg", "lon_deg"]].tolist() == pytest.approx([53.0, 8.5], abs=0.01)
    assert sites["is_offshore"].to_dict() == {
        "monegrillo": "no", "pavlikeni_zone": "no", "buntsandstein": "yes", "dotlingen": "yes",
    }  # fmt: skip
    assert sites.at["monegrillo", "basin"] == "Ebro Basin"
    # The unit of this trap has no capacity and lies in the formation of the Buntsandstein unit.
    assert sites.at["dotlingen", "basin"] == "North German Basin"
    assert sum(resources.left_out.values()) == 3
    assert any("500 km outside" in reason for reason in resources.left_out)


def test_omitted_rows_and_adjusted_estimates_of_co2stop_are_listed() -> None:
    header, spain, *_ = UNITS.splitlines()
    degrees = "Spain,-2.5,41.5,WGS84"
    rows = (
        header, spain, spain.replace("95.64", "99"),
        f"F,ES_S_2,Almazán,400,60,50,0,0,0,{degrees}",
        f"F,ES_S_3,Duero,-5,60,0,0,0,0,{degrees}",
        f"F,ES_S_4,Tormo,0,95.6,0,0,0,0,{degrees.replace('-2.5,41.5', '41.9,-4.2')}",
        f"F,ES_S_5,Badajoz,0,1.5,0,0,0,0,{degrees.replace('Spain', '')}",
    )  # fmt: skip
    resources = read_storage("co2stop", [("units.csv", "\n".join(rows).encode())])
    sites = resources.sites.set_index("site")
    cases = ["capacity_low_kt", "capacity_mid_kt", "capacity_high_kt"]
    assert sites[cases].to_numpy().tolist() == [[60_000] * 3, [60_000] * 3, pytest.approx([95_640] * 3)]
    assert sites.index.tolist() == ["almazan", "duero", "monegrillo"]
    assert resources.adjusted == ["Almazán (400/60/50 Mt)", "Duero (-5/60/0 Mt)"]
    assert resources.lost == {
        "repeated rows of units": ["units.csv:3 ES_S_1 (99.0 Mt)"],
        "rows whose place lies more than 500 km outside their country": [
            "units.csv:6 ES_S_4 (95.6 Mt, X and Y look swapped)"
        ],
        "rows without a country": ["units.csv:7 ES_S_5 (1.5 Mt)"],
    }
    assert {reason: len(names) for reason, names in resources.lost.items()} == dict(resources.left_out)
    with pytest.raises(InputError, match=r"no site: 1 rows without a country \(units.csv:2 ES_S_5 \(1.5 Mt\)\)"):
        read_storage("co2stop", [("units.csv", "\n".join((header, rows[-1])).encode())])


@pytest.mark.parametrize(("country", "place"), [("Czech Republic", "50,-15"), ("UK", "10,95"), ("Viet Nam", "50,15")])
def test_places_of_countries_under_other_names_are_checked(country: str, place: str) -> None:
    lat, lon = place.split(",")
    units = f"{UNITS.splitlines()[0]}\nF,U1,Far,10,20,40,0,0,0,{country},{lon},{lat},WGS84\n"
    with pytest.raises(InputError, match=r"no site: 1 rows whose place lies more than 500 km outside their country"):
        read_storage("co2stop", [("units.csv", units.encode())])


def test_traps_count_where_their_unit_is_left_out_or_unknown() -> None:
    header, _, *_ = UNITS.splitlines()
    units = "\n".join(
        (header, "F,DE_U_1,No place,50,80,120,0,0,0,Germany,0,0,", "F,,No id,10,20,40,0,0,0,Germany,10.7,53.2,WGS84")
    )
    none = ",0,0,0" * 2
    traps = "\n".join(
        (TRAPS.splitlines()[0],
         f"DE_U_1,DE_T_8,Trap of the unit,10,20,30{none},Germany,9.5,53.1,WGS84",
         f",DE_T_9,Trap without unit,20,40,60{none},Germany,9.8,53.4,WGS84")
    )  # fmt: skip
    found = read_storage("co2stop", [("units.csv", units.encode()), ("traps.csv", traps.encode())])
    capacity_mt = (found.sites.set_index("site")["capacity_mid_kt"] / 1_000).to_dict()
    assert capacity_mt == {"no_id": 20, "trap_of_the_unit": 20, "trap_without_unit": 40}
    assert [*found.lost.values()] == [["units.csv:2 DE_U_1 (80.0 Mt)"]]


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_natcarb_cells_of_several_classes_are_a_site_for_each_class(order: slice) -> None:
    header, first, second, *_ = CELLS.splitlines()
    cells = [first, second.replace("Undiscovered: Basin Play", "stored")][order]
    found = read_storage("natcarb", [("cells.csv", "\n".join((header, *cells)).encode())])
    of_class = found.sites.set_index("resource_class")["capacity_mid_kt"].to_dict()
    assert of_class == {"prospective": 3_000, "stored": 1_000}
    wrong = "\n".join((header, first, second.replace("Undiscovered: Basin Play", "perhaps")))
    with pytest.raises(InputError, match=r"cells\.csv:3.*'perhaps' is no class of the SRMS"):
        read_storage("natcarb", [("cells.csv", wrong.encode())])


def test_natcarb_estimates_out_of_order_are_adjusted_and_listed() -> None:
    cells = CELLS.replace("1000000,3000000,9000000", "4000000,3000000,9000000")
    resources = read_storage("natcarb", [("cells.csv", cells.encode())])
    assert resources.adjusted == ["Mt. Simon (4,000,000/3,000,000/9,000,000 t)"]
    assert resources.sites["capacity_low_kt"].tolist() == [4_000]


def test_natcarb_cells_of_a_resource_become_one_site() -> None:
    resources = read_storage("natcarb", [("cells.csv", CELLS.encode())])
    (site,) = resources.sites.to_dict("records")
    assert [site[f"capacity_{case}_kt"] for case in ("low", "mid", "high")] == pytest.approx([2_000, 4_000, 12_000])
    assert site["area_km2"] == pytest.approx(200)
    # The centre of the cells weighted by capacity, three to one.
    assert (site["lat_deg"], site["lon_deg"]) == pytest.approx((40.1, -89.0))
    assert site["resource_class"] == "prospective"
    assert dict(resources.left_out) == {"duplicate rows": 1, "rows that were not assessed": 1}


def test_natcarb_shapefile_is_read_as_published() -> None:
    side_files = [("a/Saline.shx", b""), ("a/Saline.cpg", b"UTF-8"), ("a/Saline.shp.xml", b"<metadata/>")]
    resources = read_storage("natcarb", [*SHAPEFILE, *side_files])
    (site,) = resources.sites.to_dict("records")
    assert (site["name"], site["basin"], site["kind"], site["is_offshore"]) == ("Aquifers", "Aquifers", "saline", "no")
    cases = [site[f"capacity_{case}_kt"] for case in ("low", "mid", "high")]
    assert cases == pytest.approx([(3198.65 + 8070.35), (6051.49 + 15268.2), (10374.0 + 26174.1)])
    assert site["area_km2"] == pytest.approx(17.9924 + 55.4231)
    # The cells lie at 55.3663 N, 121.16 W and 55.4522 N, 121.206 W; the centre is weighted by capacity.
    weights = (6.05149, 15.2682)
    for name, ends in (("lat_deg", (55.3663, 55.4522)), ("lon_deg", (-121.16, -121.206))):
        middle = sum(w * end for w, end in zip(weights, ends, strict=True)) / sum(weights)
        assert site[name] == pytest.approx(middle, abs=1e-3)
    assert "2 cells of 10 km" in site["note"]
    assert dict(resources.left_out) == {"rows without a capacity": 1}
    # Without the .prj file the projection is that of the published layers.
    assert read_storage("natcarb", SHAPEFILE[:2]).sites.equals(resources.sites)


def test_reservoirs_of_a_natcarb_field_become_separate_sites() -> None:
    table = (
        "FIELD_NAME,FIELD_TYPE,RESERVOIR_NUM,RESERVOIR_NAME,STATE_SRC,VOL_LOW,VOL_MED,VOL_HIGH,ASSESSED,OVERLAP,"
        "DUPLICATE,LAT,LONG\n"
        "East Texas,OIL,1,Woodbine,TX,1e6,2e6,3e6,1,0,0,32.4,-94.9\n"
        "East Texas,OIL & GAS,2,Travis Peak,TX,1e6,4e6,5e6,1,0,0,32.4,-94.9\n"
    )
    sites = read_storage("natcarb", [("fields.csv", table.encode())]).sites
    assert sites["name"].tolist() == ["East Texas, Travis Peak", "East Texas, Woodbine"]
    assert sites["basin"].tolist() == ["TX", "TX"]
    assert set(sites["kind"]) == {"gas_field"}
    assert sites["note"].tolist() == ["NATCARB v1502 oil & gas", "NATCARB v1502 oil"]


def test_blocks_divide_a_resource_into_sites_near_its_cells() -> None:
    # Cells at 40.0 and 40.4 N: blocks of 30 km span at most 0.27 degrees, a block of 500 km holds both.
    def sites(block_km: float) -> pd.DataFrame:
        sites = read_storage("natcarb", [("cells.csv", CELLS.encode())], block_km=block_km).sites.set_index("site")
        assert not sites["note"].str.contains("1 cells").any()
        return sites

    small = sites(30.0)
    assert small.index.tolist() == ["mt_simon", "mt_simon_2"]
    assert small["lat_deg"].tolist() == [40.0, 40.4]
    assert small["capacity_mid_kt"].tolist() == [3_000, 1_000]
    assert sites(500.0)["capacity_mid_kt"].tolist() == [4_000]
    # Two cells on one parallel, 1.5 degrees or 128 km apart at 40 N.
    apart = CELLS.replace("40.4,-89.0", "40.0,-90.5").encode()
    assert len(read_storage("natcarb", [("cells.csv", apart)], block_km=100.0).sites) == 2
    command = ["import", "storage", "co2stop", "units.csv", "-o", "out", "--block-km", "100"]
    assert "--block-km is for natcarb" in CliRunner().invoke(group, command).output


def test_deleted_rows_and_empty_shapes_become_no_sites() -> None:
    files = [("s.dbf", dbf(FIELDS, LAYER, deleted=(2,))), ("s.shp", shp((CORNERS[0], CORNERS[1], CORNERS[2])))]
    (site,) = read_storage("natcarb", files).sites.to_dict("records")
    assert site["capacity_mid_kt"] == pytest.approx(6051.49)
    files[1] = ("s.shp", shp((CORNERS[0], None, CORNERS[2])))
    files[0] = ("s.dbf", dbf(FIELDS, LAYER))
    resources = read_storage("natcarb", files)
    assert dict(resources.left_out) == {"rows without a capacity": 1, "rows without a place": 1}


def test_incomplete_or_damaged_shapefile_is_reported() -> None:
    def natcarb_error(*files: tuple[str, bytes]) -> str:
        with pytest.raises(InputError) as caught:
            read_storage("natcarb", files)
        return str(caught.value)

    table, shapes, projection = SHAPEFILE
    assert "a/Saline.dbf: is a shapefile without its shapes" in natcarb_error(table)
    assert "give Saline.shp as well" in natcarb_error(table)
    assert "a/Saline.shp: is a shapefile without the table of its attributes" in natcarb_error(shapes, projection)
    assert "has 2 shapes, but Saline.dbf has 3 rows" in natcarb_error(table, ("a/Saline.shp", shp(CORNERS[:2])))
    assert "is cut short or damaged at shape 3" in natcarb_error(table, ("a/Saline.shp", shapes[1][:-20]))
    assert "is cut short or damaged" in natcarb_error(("a/Saline.dbf", table[1][:-200]), shapes)
    assert "is not a dBASE table" in natcarb_error(("a/Saline.dbf", b"COL_ROW,VOL_MED"), shapes)
    assert "is not a shapefile" in natcarb_error(table, ("a/Saline.shp", b"nothing"))
    albers = PRJ.replace("Azimuthal_Equal_Area", "Conformal_Conic").encode()
    assert "the projection 'Lambert' is not supported" in natcarb_error(table, shapes, ("a/Saline.prj", albers))
    bad = dbf(FIELDS, (LAYER[0], (*LAYER[1][:5], "x", *LAYER[1][6:]), LAYER[2]))
    assert "a/Saline.dbf:2: VOL_LOW is 'x', expected a number" in natcarb_error(("a/Saline.dbf", bad), shapes)
    with pytest.raises(InputError, match="is part of a shapefile, expected CSV"):
        read_storage("co2stop", [table])


@pytest.mark.slow
def test_shapefile_with_random_bytes_is_read_or_rejected() -> None:
    rng = random.Random(7)
    n_rejected = 0
    for _ in range(600):
        files = dict(SHAPEFILE)
        name = rng.choice(list(files))
        raw = bytearray(files[name])
        for _ in range(rng.choice((1, 3, 30))):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        files[name] = bytes(raw[: rng.choice((len(raw), rng.randrange(1, len(raw))))])
        try:
            read_storage("natcarb", list(files.items()))
        except InputError:
            n_rejected += 1
    assert 100 < n_rejected < 600


def test_unsupported_natcarb_layers_are_reported() -> None:
    coal = CELLS.replace("BASIN_NAME,", "ARRA_PROJECT,")
    assert "coal seams are no sites" in error_text("natcarb", ("coal.csv", coal))
    formations = "PARTNERSHIP,RESOURCE_NAME,BASIN_NAME,ASSESSED\nPCOR,Mt. Simon,Illinois Basin,1\n"
    assert "the layer of whole formations has no capacities" in error_text("natcarb", ("poly.csv", formations))
    attributes = CELLS.replace("LAT,LONG", "Y,X")
    assert "give the shapefile, .shp with .dbf" in error_text("natcarb", ("cells.csv", attributes))


def test_implausibly_large_capacity_is_listed() -> None:
    # The Bunter Sandstone of Denmark as published: 154,400 Mt, against 6,210 Mt calculated.
    large = (
        UNITS
        + "DK_F_1,DK_S_1,Bunter Sand Stone unit 1,3200,154400,1388000,0,6210,0,Denmark,11.4,54.7,Decimal degrees\n"
    )
    assert read_storage("co2stop", [("units.csv", large.encode())]).largest == ["Bunter Sand Stone unit 1 (154 Gt)"]
    assert read_storage("co2stop", [("units.csv", UNITS.encode())]).largest == []


def test_resource_classes_match_the_choices_of_the_sites_table() -> None:
    (column,) = (each for each in read_dictionary()["storage/sites"] if each.name == "resource_class")
    assert column.choices == RESOURCE_CLASSES
    assert [class_of(name, "") for name in RESOURCE_CLASSES] == list(RESOURCE_CLASSES)


def test_written_folder_loads_as_own_tables(tmp_path: Path) -> None:
    for name, raw in storage_files("natcarb", read_storage("natcarb", [("cells.csv", CELLS.encode())])).items():
        (tmp_path / "basins" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "basins" / name).write_bytes(raw)
    sites = load_tables(OwnTables(tmp_path, data="basins"))["storage/sites"].set_index("site")
    assert sites.at["mt_simon", "province"] == "United States"
    assert sites.at["mt_simon", "resource_class"] == "prospective"


def test_import_command_writes_a_data_folder_and_reports_omitted_rows(tmp_path: Path) -> None:
    for name, raw in CO2STOP:
        (tmp_path / name).write_bytes(raw)
    files = [str(tmp_path / name) for name in TEXTS]
    options = ["-o", str(tmp_path / "out"), "--country", "Bulgaria", "--min-mt", "5"]
    args = ["import", "storage", "co2stop", *files, *options]
    result = CliRunner().invoke(group, args, standalone_mode=False)
    assert result.exception is None, result.exception
    assert "with 1 site in 1 country, 460 Mt" in result.stdout
    assert "left out: sites of other countries (3)" in result.stderr
    assert "country (1): " + f"{files[0]}:6 NL_S_1 (1.0 Mt)" in result.stderr
    assert pd.read_csv(tmp_path / "out" / "storage" / "sites.csv")["site"].tolist() == ["pavlikeni_zone"]


@pytest.mark.slow
def test_import_command_reads_a_shapefile(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name, raw in SHAPEFILE:
        (tmp_path / name).write_bytes(raw)
    files = [str(tmp_path / name) for name, _ in SHAPEFILE]
    args = ["import", "storage", "natcarb", *files, "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(group, args, standalone_mode=False)
    assert result.exception is None, result.exception
    assert "with 1 site, 21 Mt" in result.stdout
    assert "left out: rows without a capacity (1)" in result.stderr
    assert pd.read_csv(tmp_path / "out" / "storage" / "sites.csv")["capacity_mid_kt"].tolist() == [21_319.7]


def test_invalid_files_are_reported_with_place_and_hint() -> None:
    assert "is a table of natcarb" in error_text("co2stop", ("cells.csv", CELLS))
    assert "is a table of co2stop" in error_text("natcarb", ("units.csv", UNITS))
    missing = error_text("natcarb", ("cells.csv", CELLS.replace("VOL_MED", "VOL_MEDIAN")))
    assert "column VOL_MED missing" in missing and "VOL_MEDIAN" in missing
    swapped = error_text("natcarb", ("cells.csv", CELLS.replace("LAT,LONG", "LONG,LAT")))
    assert "cells.csv:2" in swapped and "lat and lon look swapped" in swapped
    assert "did you mean 'Bulgaria'" in error_text("co2stop", ("units.csv", UNITS), countries=("Bulgarai",))
    assert "units.csv:3: EST_STORECAP_MEAN is 'x'" in error_text(
        "co2stop", ("units.csv", UNITS.replace(",460,", ",x,"))
    )
    assert "is no class of the SRMS" in error_text(
        "natcarb", ("cells.csv", CELLS.replace("Undiscovered: Basin Play", "Undiscoverd"))
    )
    assert "expected plain KML" in error_text("co2stop", ("units.kml", '<!DOCTYPE a [<!ENTITY b "c">]><kml/>'))


def test_natcarb_projection_converts_to_latitude_and_longitude() -> None:
    # Centres of three cells of the layer with latitude and longitude from a published listing.
    for x, y, lat, lon in (
        (-1336251.74, 1363935.68, 55.5994, -121.452),
        (-1326251.74, 1333935.68, 55.3663, -121.160),
        (-1326251.74, 1343935.68, 55.4522, -121.206),
    ):
        assert from_lambert_azimuthal(x, y, 45.0, -100.0) == pytest.approx((lat, lon), abs=5e-4)
    assert from_lambert_azimuthal(0.0, 0.0, 45.0, -100.0) == (45.0, -100.0)
    # Along the central meridian the latitude falls with y, and the longitude stays.
    assert from_lambert_azimuthal(0.0, -1e5, 45.0, -100.0) == pytest.approx((44.1, -100.0), abs=1e-3)


def test_utm_coordinates_convert_to_latitude_and_longitude() -> None:
    # The Eiffel Tower: 48.8583 N, 2.2945 E is 448,251 E, 5,411,933 N in zone 31.
    assert from_utm(448_251, 5_411_933, 31) == pytest.approx((48.8583, 2.2945), abs=1e-4)
    # Christ the Redeemer, 22.9519 S, 43.2105 W: 683,466 E, 7,460,689 N in zone 23 S.
    assert from_utm(683_466, 7_460_689, 23, is_south=True) == pytest.approx((-22.9519, -43.2105), abs=2e-3)
    assert place_of(448_251, 5_411_933, "WGS84 UTM31N") == pytest.approx((48.8583, 2.2945), abs=1e-4)
    assert place_of(0, 0, "WGS84") is None
    assert place_of(4_000_000, 2_000_000, "LAMBERT CONFORMAL CONIC") is None
    assert places_of_kml(KML.encode(), "a.kml")["DE_S_1"] == pytest.approx((54.5, 7.5))
