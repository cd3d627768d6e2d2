"""The readers of untrusted input, each as a function of bytes that must not raise.

    yaml    a scenario file; its resolved text must read back as an equal scenario
    csv     an inventory of plants
    xlsx    an inventory workbook: the raw archive, or an archive built with one part from the bytes, so that checksums
            do not reject every change
    json    the plan.json of a run folder, or its manifest.json if the first byte is m
    geojson the polygons of a map
    simccs  one of the five files of a SimCCS folder, by the first byte; the others are valid
    gem     a workbook of the steel tracker as for xlsx, or a CSV file of capacities if the first byte is g

A finding is any exception but a `CcsModelError`, more than SLOWEST_S of CPU time, or more memory than the runner
allows.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

from ccs_model.errors import CcsModelError, InputError
from ccs_model.importers.gem import read_gem
from ccs_model.importers.simccs import read_simccs
from ccs_model.inputs.checked_scenario import issues_of, known_names, shipped_column
from ccs_model.inputs.declarations import read_dictionary
from ccs_model.inputs.user_tables import read_inventory, workbook_tables
from ccs_model.report.page.basemap import basemap_of
from ccs_model.runs.run_reader import read_run
from ccs_model.scenario import read_scenario
from ccs_model.scenario.read import read

SLOWEST_S = 2.0
LARGEST_BYTES = 20_000

_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
    '<Override PartName="/xl/sharedStrings.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>'
    '<Override PartName="/xl/styles.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>'
)
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELS = (
    f'<?xml version="1.0"?><Relationships xmlns="{_PACKAGE}">'
    f'<Relationship Id="rId1" Type="{_RELATION}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)
_WORKBOOK_RELS = (
    f'<?xml version="1.0"?><Relationships xmlns="{_PACKAGE}">'
    f'<Relationship Id="rId1" Type="{_RELATION}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_RELATION}/sharedStrings" Target="sharedStrings.xml"/>'
    f'<Relationship Id="rId3" Type="{_RELATION}/styles" Target="styles.xml"/></Relationships>'
)
_WORKBOOK = (
    f'<?xml version="1.0"?><workbook xmlns="{_MAIN}" xmlns:r="{_RELATION}">'
    '<sheets><sheet name="steel" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
_SHEET = (
    f'<?xml version="1.0"?><worksheet xmlns="{_MAIN}"><sheetData><row r="1">'
    '<c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>province</t></is></c></row>'
    '<row r="2"><c r="A2" t="str"><f>B2</f><v>P1</v></c><c r="B2" s="0"><v>45000</v></c></row></sheetData></worksheet>'
)
_STRINGS = f'<?xml version="1.0"?><sst xmlns="{_MAIN}" count="1" uniqueCount="1"><si><t>plant</t></si></sst>'
_STYLES = (
    f'<?xml version="1.0"?><styleSheet xmlns="{_MAIN}"><fonts count="1"><font/></fonts><fills count="1"><fill/></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="1"><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>'
)
# Part of the workbook that the bytes after the first one replace, by that first byte.
PART_OF_BYTE: Mapping[bytes, str] = {
    b"s": "xl/worksheets/sheet1.xml",
    b"t": "xl/sharedStrings.xml",
    b"b": "xl/workbook.xml",
    b"y": "xl/styles.xml",
    b"r": "xl/_rels/workbook.xml.rels",
    b"c": "[Content_Types].xml",
}
WORKBOOK_PARTS: Mapping[str, str] = {
    "[Content_Types].xml": _TYPES,
    "_rels/.rels": _RELS,
    "xl/workbook.xml": _WORKBOOK,
    "xl/_rels/workbook.xml.rels": _WORKBOOK_RELS,
    "xl/worksheets/sheet1.xml": _SHEET,
    "xl/sharedStrings.xml": _STRINGS,
    "xl/styles.xml": _STYLES,
}

_SIMCCS = Path(__file__).resolve().parents[2] / "data" / "simccs" / "southeast_us" / "cap"
SIMCCS_FILES = ("CandidateNetwork.txt", "DelaunayPaths.txt", "Linear.txt", "Sinks.csv", "Sources.csv")
_MANIFEST = b'{"schema": "ccs-model/manifest/2", "run_sha256": "00", "outputs": {}, "inputs": {}, "versions": {}}'
_PLAN = b'{"schema": "ccs-model/plan/2", "scenario": {"name": "A"}, "status": "optimal", "totals": {"npv_mn": 1.5}}'
_MAP = (
    b'{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"name": "A"}, "geometry": '
    b'{"type": "Polygon", "coordinates": [[[110, 30], [111, 30], [111, 31], [110, 30]]]}}]}'
)
_TRACKER = (
    ("Plant ID", "Plant name (English)", "Country/Area", "Subnational unit (province/state)", "Coordinates", "Status",
     "Nominal crude steel capacity (ttpa)", "Nominal BOF steel capacity (ttpa)", "Start date"),
    ("P1", "Works", "Germany", "Saarland", "49.3560, 6.7470", "operating", "5000", ">0", "unknown"),
)  # fmt: skip


def _sheet_of(rows: tuple[tuple[str, ...], ...]) -> str:
    """The XML of a sheet of text cells."""
    cells = (
        "".join(f'<c t="inlineStr"><is><t>{cell.replace(">", "&gt;")}</t></is></c>' for cell in row) for row in rows
    )
    written = "".join(f"<row>{each}</row>" for each in cells)
    return f'<?xml version="1.0"?><worksheet xmlns="{_MAIN}"><sheetData>{written}</sheetData></worksheet>'


class TooSlowError(Exception):
    """Reading took more than SLOWEST_S of CPU time."""


def workbook_of(raw: bytes, title: str = "steel") -> bytes:
    """The bytes as an archive, or a small workbook of one sheet with one part replaced by the bytes."""
    part = PART_OF_BYTE.get(raw[:1])
    if part is None or raw.startswith(b"PK"):
        return raw
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in WORKBOOK_PARTS.items():
            archive.writestr(name, raw[1:] if name == part else text.replace('"steel"', f'"{title}"').encode())
    return buffer.getvalue()


def read_yaml(raw: bytes) -> None:
    """Compare a scenario with the shipped tables; its resolved text must read back as an equal scenario."""
    path = _folder() / "scenario.yaml"
    path.write_bytes(raw)
    with contextlib.suppress(CcsModelError):
        reading = read(path)
        issues_of(reading.document, known_names(shipped_column), shipped_column)
        scenario = reading.validate_scenario()
        path.write_bytes(scenario.resolved_yaml().encode())
        try:
            again = read_scenario(path)
        except InputError as error:
            raise AssertionError(f"the resolved text is rejected: {error}") from error
        assert again == scenario, "the resolved text reads back as another scenario"


def read_csv(raw: bytes) -> None:
    """Read an inventory of plants as CSV."""
    with contextlib.suppress(CcsModelError):
        read_inventory(raw, "mine.csv", read_dictionary())


def read_xlsx(raw: bytes) -> None:
    """Read a workbook as an inventory and as tables of a data folder."""
    workbook = workbook_of(raw)
    with contextlib.suppress(CcsModelError):
        read_inventory(workbook, "mine.xlsx", read_dictionary())
        workbook_tables(workbook, "mine.xlsx", read_dictionary())


def read_json(raw: bytes) -> None:
    """Read a run folder with a plan and a manifest."""
    folder = _folder() / "run"
    folder.mkdir(exist_ok=True)
    is_manifest = raw[:1] == b"m"
    (folder / "manifest.json").write_bytes(raw[1:] if is_manifest else _MANIFEST)
    (folder / "plan.json").write_bytes(_PLAN if is_manifest else raw)
    with contextlib.suppress(CcsModelError):
        read_run(folder)


def read_geojson(raw: bytes) -> None:
    """Read polygons that replace the shipped base map."""
    path = _folder() / "map.geojson"
    path.write_bytes(raw)
    with contextlib.suppress(CcsModelError):
        basemap_of(str(path))


def read_network(raw: bytes) -> None:
    """Read a SimCCS folder in which the bytes after the first one replace one file."""
    folder = _folder() / "simccs"
    if not folder.is_dir():
        shutil.copytree(_SIMCCS, folder)
    name = SIMCCS_FILES[raw[0] % len(SIMCCS_FILES)] if raw else SIMCCS_FILES[0]
    (folder / name).write_bytes(raw[1:])
    try:
        with contextlib.suppress(CcsModelError):
            read_simccs(folder)
    finally:
        shutil.copy(_SIMCCS / name, folder / name)


def read_tracker(raw: bytes) -> None:
    """Read a workbook of the steel tracker, or a CSV file of capacities of chemical plants."""
    given = ("capacities.csv", raw[1:]) if raw[:1] == b"g" else None
    workbook = workbook_of(b"" if given else raw, "Plant data")
    with contextlib.suppress(CcsModelError):
        read_gem([("tracker.xlsx", workbook)], given=given)


READERS: Mapping[str, Callable[[bytes], None]] = {
    "yaml": read_yaml, "csv": read_csv, "xlsx": read_xlsx, "json": read_json, "geojson": read_geojson,
    "simccs": read_network, "gem": read_tracker,
}  # fmt: skip


def try_reading(kind: str, raw: bytes) -> None:
    """Run a reader, and raise if it takes too long."""
    started = time.process_time()
    READERS[kind](raw)
    elapsed_s = time.process_time() - started
    if elapsed_s > SLOWEST_S:
        raise TooSlowError(f"{elapsed_s:.1f} s for {len(raw):,} bytes")


def seeds(kind: str) -> Iterator[bytes]:
    """First inputs of the search: the files in `seeds/`, generated files, and for workbooks one for each part."""
    for path in sorted((Path(__file__).parent / "seeds" / kind).glob("*")):
        yield path.read_bytes()
    if kind == "json":
        yield _PLAN
        yield b"m" + _MANIFEST
    if kind == "geojson":
        yield _MAP
    if kind == "simccs":
        for n, name in enumerate(SIMCCS_FILES):
            yield bytes([n]) + (_SIMCCS / name).read_bytes()[:LARGEST_BYTES]
    if kind == "gem":
        yield b"s" + _sheet_of(_TRACKER).encode()
        yield b"gplant,product,capacity_ktpa\nC1,ammonia,300\n"
    if kind == "xlsx":
        yield workbook_of(b"s" + _SHEET.encode())
        for letter, part in PART_OF_BYTE.items():
            yield letter + WORKBOOK_PARTS[part].encode()


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="reading-"))
