"""Import of SimCCS folders: the published case, other file formats, and errors in the files."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from ccs_model.errors import FileError, InputError
from ccs_model.importers import SimccsCase, SimccsFolder, read_simccs, simccs_notices, simccs_scenario, simccs_tables
from ccs_model.importers import simccs as simccs_files
from ccs_model.scenario import read_scenario
from tests.paths import DATA

PUBLISHED = DATA / "simccs" / "southeast_us"
PLACES = {
    "Sources.csv": "Sources",
    "Sinks.csv": "Sinks",
    "Linear.txt": "Transport",
    "CandidateNetwork.txt": "Network/CandidateNetwork",
    "DelaunayPaths.txt": "Network/DelaunayNetwork",
}
Edit = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the published folder `price` for editing."""
    shutil.copytree(PUBLISHED / "price", tmp_path / "case")
    return tmp_path / "case"


@pytest.fixture
def edit(folder: Path) -> Edit:
    """Replaces the first occurrence of a text in a file of the copy."""

    def replace_once(name: str, old: str, new: str) -> Path:
        raw = (folder / name).read_bytes()
        assert old.encode("latin-1") in raw
        (folder / name).write_bytes(raw.replace(old.encode("latin-1"), new.encode("latin-1"), 1))
        return folder

    return replace_once


def have_same_tables(one: SimccsFolder, other: SimccsFolder) -> bool:
    tables = ("sources", "sinks", "trends", "edges", "nodes")
    return all(getattr(one, table).equals(getattr(other, table)) for table in tables)


def issues_of(folder: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        read_simccs(folder)
    return [str(issue) for issue in caught.value.issues]


@pytest.mark.parametrize("case", ["price", "cap"])
def test_published_folders_have_the_expected_sizes(case):
    read = read_simccs(PUBLISHED / case)
    assert [len(read.sources), len(read.sinks), len(read.edges), len(read.trends)] == [20, 7, 183, 2]
    assert read.nodes["kind"].value_counts().to_dict() == {"junction": 100, "source": 20, "sink": 7}
    assert set(read.edges["start"]) | set(read.edges["end"]) == set(read.nodes["vertex"])
    assert read.edges["right_of_way_km"].eq(0).all()
    assert read.sources["capturable_ktpa"].sum() == pytest.approx(111_132, abs=1e-9)


def test_values_are_converted_to_kilotonnes_and_million_dollars():
    read = read_simccs(PUBLISHED / "price")
    source = read.sources.set_index("source").loc["16"]
    assert source[["vertex", "capturable_ktpa", "capital_mn", "fixed_om_mn_pa", "capture_cost_per_t"]].tolist() == [
        270438, 20_331.0, 5_295.0, 311.2, 41.91,
    ]  # fmt: skip
    assert source[["lat_deg", "lon_deg"]].tolist() == [33.0583, -83.8072]
    sink = read.sinks.set_index("sink").loc["3"]
    assert sink[["vertex", "capacity_kt", "capital_mn", "fixed_om_mn_pa"]].tolist() == [674100, 360_000.0, 63.063, 0.0]
    assert sink[["well_rate_ktpa", "well_capital_mn", "well_fixed_om_mn_pa"]].tolist() == [180.0, 3.859, 0.201]
    assert sink["injection_cost_per_t"] == -96.98
    assert read.trends["slope_per_tpa"].tolist() == [0.115719152, 0.078306697]
    assert read.trends["intercept_mn"].tolist() == [0.431655132, 0.770037049]
    assert read.edges.iloc[1].tolist() == [580414, 583060, 3.3900000000000006, 0.0]


def test_published_cases_differ_only_in_the_storage_credit():
    price, cap = read_simccs(PUBLISHED / "price"), read_simccs(PUBLISHED / "cap")
    credit = cap.sinks["injection_cost_per_t"] - price.sinks["injection_cost_per_t"]
    assert credit.to_numpy() == pytest.approx(100.0)
    assert price.sinks.drop(columns="injection_cost_per_t").equals(cap.sinks.drop(columns="injection_cost_per_t"))
    assert price.sources.equals(cap.sources)
    assert price.edges.equals(cap.edges)


@pytest.mark.parametrize("end", [b"\r", b"\r\n"])
def test_line_ends_do_not_matter(folder, end):
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", end))
    assert have_same_tables(read_simccs(folder), read_simccs(PUBLISHED / "price"))


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-8-sig", "utf-16"])
def test_encodings_do_not_matter(folder, encoding):
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes().decode("cp1252").replace("\x96", "-").replace("–", "-").encode(encoding))
    name = "Usine de Fos-sur-Mer, étage n° 2"
    for file, old, new in (
        ("Sources.csv", "\n16,16,", f'\n16,"{name}",'),
        ("DelaunayPaths.txt", "E\t16\t", f"E\t{name}\t"),
    ):
        text = (folder / file).read_bytes().decode(encoding)
        (folder / file).write_bytes(text.replace("\r\n", "\n").replace(old, new).encode(encoding))
    read = read_simccs(folder)
    assert read.sources["source"].tolist()[15] == name
    assert name in read.nodes["site"].tolist()


@pytest.mark.parametrize("sign", ["\t", ";"])
def test_separators_of_site_files_do_not_matter(folder, sign):
    for name in ("Sources.csv", "Sinks.csv"):
        (folder / name).write_bytes((folder / name).read_bytes().replace(b",", sign.encode()))
    assert have_same_tables(read_simccs(folder), read_simccs(PUBLISHED / "price"))


def test_right_of_way_trends_and_costs_are_read(folder):
    (folder / "Linear.txt").write_text(
        "ID\tCON_SLOPE\tCON_INT\tROW_SLOPE\tROW_INT\n1\t.1\t.4\t.02\t.03\n2\t.07\t.7\t.01\t.05\n"
    )
    lines = (folder / "CandidateNetwork.txt").read_text().splitlines()
    lines[1] = "653100\t674100\t388.2\t234.05\t154.15\t653100\t674100"
    (folder / "CandidateNetwork.txt").write_text("\n".join(lines))
    read = read_simccs(folder)
    assert read.trends.iloc[1].tolist() == ["2", 0.07, 0.7, 0.01, 0.05]
    assert read.edges.iloc[0].tolist() == [653100, 674100, 234.05, 154.15]


@pytest.mark.parametrize("heading", ["Vertex1\tVertex2\tCost\tCellRoute", "# made by hand\n\n\nv1 v2 cost"])
def test_older_network_files_with_one_cost_column_are_read(folder, heading):
    edges = read_simccs(folder).edges
    rows = [f"{start}\t{end}\t{km}\t{start}\t{end}" for start, end, km, _ in edges.itertuples(index=False)]
    (folder / "CandidateNetwork.txt").write_text("\n".join([heading, *rows]) + "\n")
    assert read_simccs(folder).edges.equals(edges)


def test_older_text_files_of_sites_are_read(folder):
    read = read_simccs(folder)
    lines = ["ID\tcostFix ($M)\tfixO&M\tvarO&M\tcapMax (MtCO2/yr)\tN/A\tLON\tLAT\tName"]
    for row in read.sources.itertuples():
        costs = f"{row.capital_mn}\t{row.fixed_om_mn_pa}\t{row.capture_cost_per_t}\t{row.capturable_ktpa / 1000}"
        lines.append(f"{row.source}\t{costs}\t0\t{row.lon_deg}\t{row.lat_deg}\tPlant of two words")
    (folder / "Sources.csv").unlink()
    (folder / "Sources.txt").write_text("\n".join(lines))
    lines = [
        "Sink_ID\tNAME\tfieldCap\tcostFix\tfixO&M\twellCap\twellCostFix\twellFixO&M\tvarO&M\tN/A\tLON\tLAT\tLocation"
    ]
    for row in read.sinks.itertuples():
        well = (
            f"{row.well_rate_ktpa / 1000}\t{row.well_capital_mn}\t{row.well_fixed_om_mn_pa}\t{row.injection_cost_per_t}"
        )
        site = f"{row.sink}\tname\t{row.capacity_kt / 1000}\t{row.capital_mn}\t{row.fixed_om_mn_pa}"
        lines.append(f"{site}\t{well}\t0\t{row.lon_deg}\t{row.lat_deg}\tGulf offshore")
    (folder / "Sinks.csv").unlink()
    (folder / "Sinks.txt").write_text("\n".join(lines))
    assert have_same_tables(read_simccs(folder), read)


def test_simccs_scenario_is_read_from_its_subfolders(tmp_path):
    for name, place in PLACES.items():
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        shutil.copy(PUBLISHED / "cap" / name, tmp_path / place)
    assert have_same_tables(read_simccs(tmp_path), read_simccs(PUBLISHED / "cap"))


def test_total_unit_cost_replaces_the_separate_costs(edit):
    edit("Sources.csv", "16,16,20.331,0.00,5295.000,311.200,41.91", "16,16,20.331,55.5,,,")
    folder = edit("Sinks.csv", "3,3,360.000,0.00,63.063,0.000,0.180,3.859,0.201,-96.98", "3,3,360.000,-7,,,,0,0.000,")
    read = read_simccs(folder)
    assert read.sources.iloc[15][["capital_mn", "fixed_om_mn_pa", "capture_cost_per_t"]].tolist() == [0, 0, 55.5]
    sink = read.sinks.iloc[2]
    assert sink[["capital_mn", "fixed_om_mn_pa", "injection_cost_per_t"]].tolist() == [0, 0, -7]
    assert pd.isna(sink[["well_rate_ktpa", "well_capital_mn", "well_fixed_om_mn_pa"]].tolist()).all()


def test_coordinates_may_be_left_out(folder, edit):
    edit("Sources.csv", "41.91,-83.8072,33.0583", "41.91,,")
    edit("Sinks.csv", "X-LON,Y-LAT", "Comment,Comment")
    read = read_simccs(folder)
    assert math.isnan(read.sources["lat_deg"][15])
    assert read.sinks["lat_deg"].isna().all()


def test_sites_without_coordinates_are_noticed_and_their_places_are_assumed(folder, edit):
    edit("Sources.csv", "41.91,-83.8072,33.0583", "41.91,,")
    edit("Sinks.csv", "X-LON,Y-LAT", "Comment,Comment")
    read, case = read_simccs(folder), SimccsCase(50.0, 0.1, 30.0)
    (notice,) = simccs_notices(read, case)
    assert notice.startswith("1 source and 7 sinks have no coordinates: the places in the tables have no meaning")
    tables = simccs_tables(read, case)
    sources = tables["plants/sources"].set_index("name")
    assert sources.index[sources["quality"] == "assumed"].tolist() == ["16"]
    assert set(sources["quality"].drop("16")) == {"reported"}
    assert "no coordinates" in sources.loc["16", "note"] and sources.loc["15", "note"] == ""
    assert set(tables["storage/sites"]["quality"]) == {"assumed"}
    assert tables["storage/sites"]["note"].str.contains("stands as revenue; no coordinates").all()
    assert simccs_notices(read_simccs(PUBLISHED / "price"), case) == []


def test_place_of_the_credit_is_noticed_in_price_mode():
    price = SimccsCase(None, 0.1, 30.0)
    (notice,) = simccs_notices(read_simccs(PUBLISHED / "price"), price)
    assert "the CO2 credit" in notice and "oil-field revenue and as a gain to society" in notice
    assert "builds nothing" in simccs_notices(read_simccs(PUBLISHED / "cap"), price)[0]


def test_scenario_has_no_carbon_market(tmp_path):
    (tmp_path / "scenario.yaml").write_text(simccs_scenario("a case", SimccsCase(None, 0.1, 30.0)), encoding="utf-8")
    assert read_scenario(tmp_path / "scenario.yaml").policy.market is None


def test_vertex_without_a_site_becomes_a_junction(folder):
    with (folder / "CandidateNetwork.txt").open("a") as file:
        file.write("\n653100\t999999\t12.5\t12.5\t0.0\t653100\t999999\n")
    assert read_simccs(folder).nodes.iloc[-1][["vertex", "kind", "site"]].tolist() == [999999, "junction", ""]


def test_missing_files_are_reported_with_the_folders_that_hold_them(tmp_path):
    assert issues_of(PUBLISHED) == [
        f"{PUBLISHED}: not a SimCCS folder: Sources.csv, Sinks.csv, Linear.txt, CandidateNetwork.txt, "
        "DelaunayPaths.txt are missing (they lie in cap/, price/)"
    ]
    assert "there is no such folder" in issues_of(tmp_path / "none")[0]
    assert issues_of(tmp_path)[0].endswith("DelaunayPaths.txt are missing")


def test_single_missing_file_is_reported(folder):
    (folder / "Linear.txt").unlink()
    assert issues_of(folder) == [f"{folder}: not a SimCCS folder: Linear.txt is missing"]


@pytest.mark.parametrize(
    ("name", "old", "new", "reported"),
    [
        ("Sources.csv", "\n16,16,20.331", "\n16,16,lots",
         r"Sources.csv:19:capturable_ktpa: 'lots' is not a finite number"),
        ("Sources.csv", "\n16,16,20.331", "\n16,16,", r"Sources.csv:19:capturable_ktpa: is empty"),
        ("Sources.csv", "\n16,16,20.331", "\n16,16,-2",
         r"Sources.csv:19:capturable_ktpa: -2 is outside the range from 0"),
        ("Sources.csv", "\n16,16,", "\n,16,", r"Sources.csv:19: has no Unique ID"),
        ("Sources.csv", "\n16,16,", "\n15,16,", r"Sources.csv:19: source '16' is given twice \(see line 18\)"),
        ("Sources.csv", "\n16,16,", "\n16,15,", r"Sources.csv:19: source '15' is given twice \(see line 18\)"),
        ("Sources.csv", "0.00,5295.000", "55,5295.000", r"Sources.csv:19: has a total unit cost in column D and costs"),
        ("Sources.csv", "5295.000", "-5295", r"Sources.csv:19:capital_mn: -5295 is outside the range"),
        ("Sources.csv", "-83.8072,33.0583", "0,0", r"Sources.csv:19: is at \(0, 0\)"),
        ("Sources.csv", "-83.8072,33.0583", "33.0583,-93.8", r"Sources.csv:19:lat_deg: .* the two look swapped"),
        ("Sources.csv", "Unique ID", "Identity", r"Sources.csv:2: not in the format of SimCCS's Sources.csv"),
        ("Sinks.csv", "0.000,0.180,", "0.000,,", r"Sinks.csv:6: the injection rate of its wells is 0"),
        ("Sinks.csv", "\n3,3,360.000", "\n3,3,inf", r"Sinks.csv:6:capacity_kt: 'inf' is not a finite number"),
        ("Linear.txt", "0.431655132", "-0.4", r"Linear.txt:2:intercept_mn: -0.4 is outside the range"),
        ("Linear.txt", "0.770037049", "0.1", r"Linear.txt:3: trend '2' has slope"),
        ("Linear.txt", "\t0.770037049", "", r"Linear.txt:3: 2 fields, expected at least 3"),
        ("CandidateNetwork.txt", "\t3.3900000000000006\t0.0", "\t-3.39\t0.0",
         r"Network.txt:3:construction_km: -3.39 is out"),
        ("CandidateNetwork.txt", "580414\t583060", "580414\t580414",
         r"Network.txt:3: an edge from vertex 580414 to itself"),
        ("CandidateNetwork.txt", "580414\t583060", "674100\t653100",
         r"Network.txt:3: edge .* is given twice \(see line 2\)"),
        ("CandidateNetwork.txt", "580414\t583060", "580414\t5830.5",
         r"Network.txt:3:vertex: 5830.5 is not a whole number"),
        ("DelaunayPaths.txt", "SOURCE\t16\t", "SOURCE\t61\t", r"Paths.txt:2: source '61' is unknown \(expected a name"),
        ("DelaunayPaths.txt", "SOURCE\t16\t", "FLARE\t16\t", r"Paths.txt:2: 'FLARE' is neither SOURCE nor SINK"),
        ("DelaunayPaths.txt", "270438\t525352", "270439\t525352", r"source '16' is at vertex 270439 and at 270438"),
        ("DelaunayPaths.txt", "270438\t525352", "270438", r"DelaunayPaths.txt:2: 5 fields, expected at least 6"),
    ],
)  # fmt: skip
def test_errors_are_reported_with_file_and_line(edit, name, old, new, reported):
    issues = issues_of(edit(name, old, new))
    assert any(re.search(reported, issue) for issue in issues), issues


def test_site_without_a_vertex_is_reported(folder):
    lines = (folder / "DelaunayPaths.txt").read_text().splitlines()
    (folder / "DelaunayPaths.txt").write_text("\n".join(line for line in lines if "SOURCE\t16\t" not in line))
    assert issues_of(folder) == [
        "Sources.csv:19: source '16' is at no vertex (DelaunayPaths.txt must have a pair of nodes for it)"
    ]


def test_all_errors_are_reported_at_once_in_reading_order(edit):
    edit("Sources.csv", "\n16,16,20.331", "\n16,16,lots")
    edit("Sources.csv", "\n2,2,7.236", "\n2,2,few")
    issues = issues_of(edit("Linear.txt", "0.431655132", "x"))
    assert [issue.split(": ")[0] for issue in issues] == [
        "Linear.txt:2:intercept_mn", "Sources.csv:5:capturable_ktpa", "Sources.csv:19:capturable_ktpa",
    ]  # fmt: skip


def test_unclosed_field_is_reported(folder):
    with (folder / "Sinks.csv").open("ab") as file:
        file.write(b'8,"' + b"x" * 200_000)
    assert any(issue.startswith("Sinks.csv: not readable as CSV") for issue in issues_of(folder))


@pytest.mark.parametrize(
    ("name", "reported"),
    [
        ("Sources.csv", "not in the format of SimCCS's Sources.csv"),
        ("Linear.txt", "has no trend"),
        ("CandidateNetwork.txt", "has no edge"),
        ("DelaunayPaths.txt", "is at no vertex"),
    ],
)
def test_empty_file_is_reported(folder, name, reported):
    (folder / name).write_bytes(b"")
    assert any(reported in issue for issue in issues_of(folder))


def test_file_with_headings_only_is_reported(folder):
    (folder / "Sinks.csv").write_bytes(b"".join((folder / "Sinks.csv").read_bytes().splitlines(keepends=True)[:3]))
    assert "Sinks.csv: has no sink" in issues_of(folder)


def test_oversized_and_binary_files_are_rejected(folder, monkeypatch):
    (folder / "Linear.txt").write_bytes(b"PK\x03\x04 xl/workbook.xml")
    assert issues_of(folder) == ["Linear.txt: this is an Excel workbook (.xlsx), expected text"]
    monkeypatch.setattr(simccs_files, "LARGEST_BYTES", 1_000)
    assert any("CandidateNetwork.txt: the file has 76,809 bytes" in issue for issue in issues_of(folder))


def test_unreadable_file_is_reported(folder, monkeypatch):
    def raise_permission_error(path: Path, flags: int) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("ccs_model.bounded_reading.os.open", raise_permission_error)
    with pytest.raises(FileError, match="permission denied"):
        read_simccs(folder)


def test_sites_of_an_invalid_file_are_not_also_reported_as_unknown(edit):
    assert issues_of(edit("Sinks.csv", "Unique ID,Name,Storage", "Unique ID,Name,Room")) == [
        "Sinks.csv:2: not in the format of SimCCS's Sinks.csv "
        "(the second row names Unique ID, Name and storage capacity, the third the costs)"
    ]
