"""Reads a folder of SimCCS 2: sources, sinks, pipe trends and the candidate network, in this package's units.

`read_simccs(folder)` takes the five files side by side, or a scenario of SimCCS as it lies (Sources/Sources.csv,
Network/CandidateNetwork/CandidateNetwork.txt and so on). Older files are read too: Sources.txt and Sinks.txt, candidate
networks without construction costs, any line ends, Latin-1 or Unicode, commas, semicolons or tabs.

SimCCS: Middleton, Yaw, Hoover and Ellett (2020), Environmental Modelling & Software 124, 104560, and
https://github.com/simccs/SimCCS, whose data sets show the layout of the files.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ccs_model.errors import InputError, Issue, raise_issues
from ccs_model.inputs.cells import convert_cell
from ccs_model.inputs.declarations import Column, kind_of, reading_order
from ccs_model.inputs.geography import km_if_swapped
from ccs_model.scenario.validation import shown_text
from ccs_model.scenario.yaml_document import contents
from ccs_model.units import join_first_names

LARGEST_BYTES = 50_000_000
_MOST_FOLDERS = 2_000  # searched for files in subfolders
_N_NAMED = 4

# Files with their usual folders, and the names of their older formats.
_FILES = {
    "Sources": ("Sources", ("Sources.csv", "Sources.txt")),
    "Sinks": ("Sinks", ("Sinks.csv", "Sinks.txt")),
    "Linear": ("Transport", ("Linear.txt",)),
    "CandidateNetwork": ("Network/CandidateNetwork", ("CandidateNetwork.txt",)),
    "DelaunayPaths": ("Network/DelaunayNetwork", ("DelaunayPaths.txt",)),
}


@dataclass
class Text:
    """A file as lines of fields. `name` is its name in issues; `is_faulty` is set if a line could not be read."""

    name: str
    text: str
    is_old: bool
    is_faulty: bool = False

    def lines(self) -> Iterator[tuple[int, list[str]]]:
        """Line number and fields of each line that is not blank, separated by tabs or else by blanks."""
        for number, line in enumerate(self.text.split("\n"), 1):
            if line.strip():
                fields = line.rstrip("\t ").split("\t") if "\t" in line else line.split()
                yield number, [field.strip() for field in fields]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line number and fields of a spreadsheet, with the most frequent delimiter of its first lines."""
        first = "".join(self.text.splitlines(keepends=True)[:4])
        delimiter = max(",;\t", key=first.count)
        reader = csv.reader(io.StringIO(self.text, newline=""), delimiter=delimiter)
        for fields in reader:
            if any(field.strip() for field in fields):
                yield reader.line_num, [field.strip() for field in fields]


def read_texts(folder: Path) -> dict[str, Text]:
    """Read the five files. Raises InputError if one is missing, too large or not text, FileError if unreadable."""
    found = {name: path for name in _FILES if (path := _path_of(folder, name)) is not None}
    if missing := [spellings[0] for name, (_, spellings) in _FILES.items() if name not in found]:
        what = f"not a SimCCS folder: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        raise InputError([Issue(str(folder), what, _subfolder_hint(folder))])
    issues: list[Issue] = []
    texts: dict[str, Text] = {}
    for name, path in found.items():
        called = path.relative_to(folder).as_posix()
        try:
            raw = contents(path, largest_bytes=LARGEST_BYTES, expected="a file of SimCCS", at=called)
        except InputError as error:
            issues += error.issues
            continue
        if kind := kind_of(raw):
            issues.append(Issue(called, f"this is {kind}, expected text"))
        else:
            texts[name] = Text(called, _decode_text(raw), is_old=path.suffix == ".txt")
    raise_issues(issues)
    return texts


def _path_of(folder: Path, name: str) -> Path | None:
    own, spellings = _FILES[name]
    places = [folder / spelling for spelling in spellings] + [folder / own / spelling for spelling in spellings]
    return next((place for place in places if place.is_file()), None)


def _subfolder_hint(folder: Path) -> str:
    """Subfolders with all five files, one or two levels down."""
    if not folder.is_dir():
        return "there is no such folder"
    below = islice((path for pattern in ("*", "*/*") for path in folder.glob(pattern) if path.is_dir()), _MOST_FOLDERS)
    whole = sorted(path for path in below if all(_path_of(path, name) for name in _FILES))
    return "they lie in " + ", ".join(f"{path.relative_to(folder).as_posix()}/" for path in whole[:5]) if whole else ""


def _decode_text(raw: bytes) -> str:
    """The text with plain line ends; bytes that are not Unicode are read as Windows Latin-1."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = raw.decode("utf-16", errors="replace")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("cp1252", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


_KT_PER_MT = 1000
_Site = dict[str, Any]


@dataclass(frozen=True, eq=False)
class SimccsFolder:
    """A SimCCS case as DataFrames. Money is million USD (no price year is stated) or USD per t of CO₂.

    sources  a row a source: source (its name), id, vertex, capturable_ktpa, capital_mn, fixed_om_mn_pa,
             capture_cost_per_t, lat_deg, lon_deg
    sinks    a row a sink: sink (its name), id, vertex, capacity_kt (for good, not a year), capital_mn, fixed_om_mn_pa,
             well_rate_ktpa, well_capital_mn, well_fixed_om_mn_pa, injection_cost_per_t (negative: a credit), lat_deg,
             lon_deg; the three columns of wells are NaN where one total unit cost stands for all, and no well is needed
    trends   a row a trend, cheapest for small flows first: trend, slope_per_tpa, intercept_mn,
             right_of_way_slope_per_tpa, right_of_way_intercept_mn; slope × Q + intercept is the capital of one weighted
             km at a flow of Q million t/y
    edges    a row a candidate edge, usable both ways: start, end (vertices), construction_km, right_of_way_km: lengths
             weighted by what the ground costs
    nodes    a row a site and a row a junction: vertex, kind (source, sink, junction), site (a name, or nothing),
             lat_deg, lon_deg; coordinates are NaN where no file has them

    `places` says of sources, sinks, trends and edges where each row stands: `Sources.csv:19`.
    """

    sources: pd.DataFrame
    sinks: pd.DataFrame
    trends: pd.DataFrame
    edges: pd.DataFrame
    nodes: pd.DataFrame
    places: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_simccs(folder: Path) -> SimccsFolder:
    """The case in a folder of SimCCS 2; see SimccsFolder for tables and units.

    Raises InputError with every error, each with file:line, and FileError when a file cannot be read.
    """
    texts = read_texts(folder)
    issues: list[Issue] = []
    sources = _sites(texts["Sources"], _SOURCE, issues)
    sinks = _sites(texts["Sinks"], _SINK, issues)
    trends = _trends(texts["Linear"], issues)
    edges = _edges(texts["CandidateNetwork"], issues)
    vertices = _vertices(texts["DelaunayPaths"], {"SOURCE": set(sources), "SINK": set(sinks)}, issues)
    for kind, text, sites in (("SOURCE", texts["Sources"], sources), ("SINK", texts["Sinks"], sinks)):
        for name, site in sites.items():
            site["vertex"] = vertices.get((kind, name), -1)
            if site["vertex"] == -1 and not texts["DelaunayPaths"].is_faulty:
                what = f"{kind.lower()} '{shown_text(name)}' is at no vertex"
                hint = f"{texts['DelaunayPaths'].name} must have a pair of nodes for it"
                issues.append(Issue(f"{text.name}:{site['line']}", what, hint))
    issues += _swapped_site_issues(texts, {"Sources": sources, "Sinks": sinks})
    raise_issues(sorted(issues, key=reading_order))
    rows = {
        "sources": ("Sources", sources.values()), "sinks": ("Sinks", sinks.values()), "trends": ("Linear", trends),
        "edges": ("CandidateNetwork", edges),
    }  # fmt: skip
    return SimccsFolder(
        sources=pd.DataFrame([*sources.values()], columns=["source", "id", "vertex", *_SOURCE.names]),
        sinks=pd.DataFrame([*sinks.values()], columns=["sink", "id", "vertex", *_SINK.names]),
        trends=pd.DataFrame(trends, columns=["trend", *(column.name for column in _TREND)]),
        edges=pd.DataFrame(edges, columns=["start", "end", *(column.name for column in _LENGTHS)]),
        nodes=_nodes(sources, sinks, edges),
        places={
            name: tuple(f"{texts[file].name}:{row['line']}" for row in table) for name, (file, table) in rows.items()
        },
    )


def _swapped_site_issues(texts: Mapping[str, Text], sites: Mapping[str, Mapping[str, _Site]]) -> Iterator[Issue]:
    """Issues of sites with swapped latitude and longitude: far from the others, but near when swapped."""
    rows = [(f"{texts[file].name}:{site['line']}", site) for file, each in sites.items() for site in each.values()]
    lat, lon = (np.array([site[name] for _, site in rows], dtype=float) for name in ("lat_deg", "lon_deg"))
    for (where, _), far in zip(rows, km_if_swapped(lat, lon, lat, lon), strict=True):
        if far == far:
            yield Issue(where, f"lies {far:,.0f} km from the centre of the sites", "X-LON and Y-LAT look swapped")


def _column(
    name: str, meaning: str, low: float | None = 0.0, high: float | None = None, kind: str = "number"
) -> Column:
    return Column("simccs", name, kind, required=True, low=low, high=high, meaning=meaning)


_LATITUDE = _column("lat_deg", "latitude, WGS84; beyond 90 the two look swapped", -90, 90)
_LONGITUDE = _column("lon_deg", "longitude, WGS84", -180, 180)
_VERTEX = _column("vertex", "a cell of the cost surface", 0, kind="whole")
_LENGTHS = (_column("construction_km", "construction cost"), _column("right_of_way_km", "right-of-way cost"))
_TREND = (
    _column("slope_per_tpa", "capital that grows with the flow"),
    _column("intercept_mn", "capital at no flow"),
    _column("right_of_way_slope_per_tpa", "right of way that grows with the flow"),
    _column("right_of_way_intercept_mn", "right of way at no flow"),
)


@dataclass(frozen=True)
class _Layout:
    """Columns of the numbers of a site in the spreadsheet and the older text file, in order of `costs`."""

    kind: str
    amount: Column
    costs: tuple[Column, ...]
    heading: str  # of the spreadsheet's third column
    old_amount: int  # columns of the text file
    old_costs: tuple[int, ...]
    old_place: tuple[int, int]  # longitude, latitude

    @property
    def names(self) -> list[str]:
        """Columns of the table with numbers."""
        return [self.amount.name, *(column.name for column in self.costs), "lat_deg", "lon_deg"]


_SOURCE = _Layout(
    "source",
    _column("capturable_ktpa", "capturable CO2 in Mt/y"),
    (
        _column("capital_mn", "fixed capital cost"),
        _column("fixed_om_mn_pa", "fixed O&M cost"),
        _column("capture_cost_per_t", "variable O&M cost", None),
    ),
    "capturable",
    old_amount=4,
    old_costs=(1, 2, 3),
    old_place=(6, 7),
)
_SINK = _Layout(
    "sink",
    _column("capacity_kt", "storage capacity in Mt"),
    (
        _column("capital_mn", "site-wide fixed capital cost"),
        _column("fixed_om_mn_pa", "site-wide fixed O&M cost"),
        _column("well_rate_ktpa", "individual well injection rate in Mt/y"),
        _column("well_capital_mn", "injection fixed capital cost"),
        _column("well_fixed_om_mn_pa", "injection fixed O&M cost"),
        _column("injection_cost_per_t", "injection variable O&M cost", None),
    ),
    "storage capacity",
    old_amount=2,
    old_costs=(3, 4, 5, 6, 7, 8),
    old_place=(10, 11),
)
_OF_WELLS = ("well_rate_ktpa", "well_capital_mn", "well_fixed_om_mn_pa")


def _sites(text: Text, layout: _Layout, issues: list[Issue]) -> dict[str, _Site]:
    """Sites by name; invalid rows are skipped, with issues."""
    sites: dict[str, _Site] = {}
    ids: dict[str, int] = {}
    before = len(issues)
    for line, name, site in _old_sites(text, layout, issues) if text.is_old else _sheet_sites(text, layout, issues):
        where = f"{text.name}:{line}"
        twin = ids.get(str(site["id"])) or (sites[name]["line"] if name in sites else None)
        if twin:
            issues.append(Issue(where, f"{layout.kind} '{shown_text(name)}' is given twice", f"see line {twin}"))
            continue
        ids[str(site["id"])] = line
        sites[name] = {layout.kind: name, "line": line} | site
        if site.get("lat_deg") == 0 and site.get("lon_deg") == 0:
            issues.append(Issue(where, "is at (0, 0), in the sea off Africa", "enter X-LON and Y-LAT"))
    if not sites and len(issues) == before:
        issues.append(Issue(text.name, f"has no {layout.kind}"))
    return sites


def _sheet_sites(text: Text, layout: _Layout, issues: list[Issue]) -> Iterator[tuple[int, str, _Site]]:
    """Sites of the spreadsheet: three rows of headings, then one row per site."""
    try:
        rows = list(text.rows())
    except csv.Error as error:
        issues.append(Issue(text.name, f"not readable as CSV: {error}"))
        return
    heading = rows[1][1] if len(rows) > 1 else []
    if len(heading) < 3 or heading[0].lower() != "unique id" or not heading[2].lower().startswith(layout.heading):
        what = f"not in the format of SimCCS's {Path(text.name).name}"
        hint = f"the second row names Unique ID, Name and {layout.amount.meaning.split(' in ')[0]}, the third the costs"
        issues.append(Issue(f"{text.name}:{rows[1][0] if len(rows) > 1 else 1}", what, hint))
        return
    place = [next((i for i, head in enumerate(heading) if head.upper() == wanted), -1) for wanted in ("X-LON", "Y-LAT")]
    for line, given in rows[3:]:
        cells = given + [""] * (4 + len(layout.costs) + 20)
        if not cells[0]:
            if cells[2]:
                issues.append(Issue(f"{text.name}:{line}", "has no Unique ID"))
            continue
        reader = _Cells(f"{text.name}:{line}", issues)
        site: _Site = {"id": cells[0], layout.amount.name: reader.number(layout.amount, cells[2])}
        site |= _costs(layout, cells[3], cells[4 : 4 + len(layout.costs)], reader)
        site |= reader.place(*(cells[i] if i >= 0 else "" for i in place))
        yield line, cells[1] or cells[0], site


def _old_sites(text: Text, layout: _Layout, issues: list[Issue]) -> Iterator[tuple[int, str, _Site]]:
    """Sites of the older text file: a row of headings, then one row per site."""
    for line, cells in list(text.lines())[1:]:
        reader = _Cells(f"{text.name}:{line}", issues)
        if reader.require_fields(cells, max(layout.old_place) + 1):
            site: _Site = {"id": cells[0], layout.amount.name: reader.number(layout.amount, cells[layout.old_amount])}
            site |= _costs(layout, "", [cells[i] for i in layout.old_costs], reader)
            site |= reader.place(*(cells[i] for i in layout.old_place))
            yield line, cells[0], site


def _costs(layout: _Layout, total: str, parts: Sequence[str], reader: _Cells) -> _Site:
    """Costs by component, 0 if empty; or a total unit cost without capital, fixed O&M and wells."""
    last = layout.costs[-1]
    total_per_t = reader.number(last, total or "0")
    values: _Site = {
        column.name: reader.number(column, part or "0") for column, part in zip(layout.costs, parts, strict=True)
    }
    if total_per_t:
        if any(values.values()):
            what = "has a total unit cost in column D and costs in the columns after it"
            reader.issues.append(Issue(reader.where, what, "SimCCS allows only one of them: clear the other"))
        zero = {column.name: float("nan") if column.name in _OF_WELLS else 0.0 for column in layout.costs}
        return zero | {last.name: total_per_t}
    if values.get("well_rate_ktpa") == 0:
        hint = "enter the individual well injection rate, or a total unit cost"
        reader.issues.append(Issue(reader.where, "the injection rate of its wells is 0", hint))
    return values


class _Cells:
    """Converts the cells of a line to values and collects their issues."""

    def __init__(self, where: str, issues: list[Issue]) -> None:
        self.where = where
        self.issues = issues

    def require_fields(self, cells: Sequence[str], count: int) -> bool:
        """Whether the line has enough fields; adds an issue if not."""
        if len(cells) < count:
            self.issues.append(Issue(self.where, f"{len(cells)} fields, expected at least {count}"))
        return len(cells) >= count

    def number(self, column: Column, cell: str) -> float:
        """The value, with million tonnes converted exactly to thousand tonnes; NaN with an issue if invalid."""
        value = convert_cell(column, cell, f"{self.where}:{column.name}", self.issues)
        if not isinstance(value, float):
            return float("nan")
        return float(Decimal(repr(value)) * _KT_PER_MT) if column.name.endswith(("_kt", "_ktpa")) else value

    def vertex(self, cell: str) -> int:
        """A vertex; −1 with an issue if invalid."""
        value = self.number(_VERTEX, cell)
        return int(value) if value == value else -1

    def place(self, longitude: str, latitude: str) -> _Site:
        """Coordinates; NaN if the cells are empty."""
        return {
            column.name: self.number(column, cell) if cell else float("nan")
            for column, cell in ((_LATITUDE, latitude), (_LONGITUDE, longitude))
        }


def _trends(text: Text, issues: list[Issue]) -> list[_Site]:
    """Trends; each must have the lowest cost for some flow."""
    trends: list[_Site] = []
    total: tuple[float, float] | None = None
    for line, cells in list(text.lines())[1:]:
        reader = _Cells(f"{text.name}:{line}", issues)
        if not reader.require_fields(cells, 5 if len(cells) > 3 else 3):
            continue
        numbers = [reader.number(column, cell) for column, cell in zip(_TREND, [*cells[1:5], "0", "0"], strict=False)]
        slope, intercept = numbers[0] + numbers[2], numbers[1] + numbers[3]
        if total and (slope >= total[0] or intercept <= total[1]):
            what = (
                f"trend '{shown_text(cells[0])}' has slope {slope:g} and intercept {intercept:g}, the trend before it "
                f"{total[0]:g} and {total[1]:g}"
            )
            issues.append(Issue(reader.where, what, "slopes must fall and intercepts rise from trend to trend"))
        total = slope, intercept
        named = dict(zip((column.name for column in _TREND), numbers, strict=True))
        trends.append({"trend": cells[0], "line": line} | named)
    if not trends:
        issues.append(Issue(text.name, "has no trend"))
    return trends


def _edges(text: Text, issues: list[Issue]) -> list[_Site]:
    """Candidate edges. Older files have one cost column; the oldest have four lines of headings."""
    lines = list(text.lines())
    heading = lines[0][1] if lines else []
    has_parts = "ConCost" in heading
    edges: list[_Site] = []
    seen: dict[frozenset[int], int] = {}
    before = len(issues)
    last_heading = 1 if heading[:1] == ["Vertex1"] else 4
    for line, cells in lines:
        if line <= last_heading:
            continue
        reader = _Cells(f"{text.name}:{line}", issues)
        if not reader.require_fields(cells, 5 if has_parts else 3):
            continue
        start, end = reader.vertex(cells[0]), reader.vertex(cells[1])
        lengths = cells[3:5] if has_parts else [cells[2], "0"]
        edge: _Site = {"line": line, "start": start, "end": end}
        edge |= {column.name: reader.number(column, cell) for column, cell in zip(_LENGTHS, lengths, strict=True)}
        if -1 not in (start, end):
            twin = seen.setdefault(frozenset((start, end)), line)
            if start == end:
                issues.append(Issue(reader.where, f"an edge from vertex {start} to itself"))
            elif twin != line:
                issues.append(Issue(reader.where, f"edge {start}–{end} is given twice", f"see line {twin}"))
        edges.append(edge)
    if not edges and len(issues) == before:
        issues.append(Issue(text.name, "has no edge"))
    return edges


def _vertices(text: Text, sites: dict[str, set[str]], issues: list[Issue]) -> dict[tuple[str, str], int]:
    """Vertex by (SOURCE or SINK, name), from the pairs of nodes; names of a kind that could not be read all count."""
    vertices: dict[tuple[str, str], int] = {}
    before = len(issues)
    for line, cells in text.lines():
        reader = _Cells(f"{text.name}:{line}", issues)
        if cells[0].startswith("#") or not reader.require_fields(cells, 6):
            continue
        for kind, name, cell in ((cells[0], cells[1], cells[4]), (cells[2], cells[3], cells[5])):
            vertex = reader.vertex(cell)
            if kind not in sites:
                issues.append(Issue(reader.where, f"'{shown_text(kind)}' is neither SOURCE nor SINK"))
            elif name not in sites[kind] and sites[kind]:
                names = join_first_names(sorted(map(shown_text, sites[kind])), _N_NAMED)
                what = f"{kind.lower()} '{shown_text(name)}' is unknown"
                issues.append(Issue(reader.where, what, f"expected a name: {names}"))
            elif vertices.setdefault((kind, name), vertex) != vertex:
                what = f"{kind.lower()} '{shown_text(name)}' is at vertex {vertices[kind, name]} and at {vertex}"
                issues.append(Issue(reader.where, what))
    text.is_faulty = len(issues) > before
    return vertices


def _nodes(sources: dict[str, _Site], sinks: dict[str, _Site], edges: Sequence[_Site]) -> pd.DataFrame:
    """Sites, followed by the vertices that are only junctions."""
    rows = [
        (site["vertex"], kind, name, site["lat_deg"], site["lon_deg"])
        for kind, sites in (("source", sources), ("sink", sinks))
        for name, site in sites.items()
    ]
    taken = {row[0] for row in rows}
    junctions = sorted({int(edge[side]) for edge in edges for side in ("start", "end")} - taken)
    nowhere = float("nan")
    rows += [(vertex, "junction", "", nowhere, nowhere) for vertex in junctions]
    return pd.DataFrame(rows, columns=["vertex", "kind", "site", "lat_deg", "lon_deg"])
