"""What is looked at before a workbook is unpacked: is it one, is it small enough, does it declare entities.

A workbook is a zip of XML files. A bomb is refused by the sizes it declares, and zipfile never unpacks more than these.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from dataclasses import dataclass

from ccs_model.inputs.kinds import kind_of
from ccs_model.inputs.workbook_marks import percent_styles

LARGEST_UNPACKED = 200_000_000
LARGEST_RATIO = 200
_MOST_PARTS = 10_000
_TOO_SMALL_TO_HARM = 1_000_000  # a sheet of equal rows may pack better than the ratio
_CHUNK, _OVERLAP = 1 << 20, 64
# Both ways in which XML may be written; an entity can only be declared inside a DOCTYPE.
_DOCTYPE = tuple("<!DOCTYPE".encode(encoding) for encoding in ("ascii", "utf-16-le", "utf-16-be"))
_FAR_LINE = 300_000
# Escaped signs, signs of pronunciation and days counted from 1904: readers differ there.
_SIGNS = {"other": re.compile(rb"_x[0-9A-Fa-f]{4}_|<(\w+:)?rPh|date1904\s*=\s*[\"'](1|true)")}
_SIGNS_OF_SHEETS = {
    "formula": re.compile(rb"<(\w+:)?f[\s/>]"),
    "merged": re.compile(rb"<(\w+:)?mergeCell\s"),
    "error": re.compile(rb"\st\s*=\s*[\"']e[\"']"),
}
_HINTS = {
    "a workbook protected by a password": "take the password away",
    "a link to a file": "download the file itself",
    "a file of nothing but zeros": "copy it again",
}
_PLACE = re.compile(rb"\sr\s*=\s*[\"']([^\"']{0,40})")


@dataclass(frozen=True)
class Guarded:
    """Why a file is refused (nothing when it may be opened) and how to mend it.

    `has_marks`: some cells are more than their values (formulas, merged cells, cells shown in percent).
    `is_plain`: none is, none holds an error, and no sheet is laid out far beyond what a table needs.
    """

    what: str = ""
    hint: str = ""
    has_marks: bool = False
    is_plain: bool = False
    percent_styles: frozenset[int] = frozenset()


def guarded(raw: bytes) -> Guarded:
    """The verdict on the bytes of a file that is called .xlsx."""
    if not raw:
        return Guarded("the file is empty", "where a cloud keeps it, open it once so that it is fetched")
    kind = kind_of(raw)
    if not raw.startswith(b"PK\x03\x04"):
        hint = _HINTS.get(kind.split(",")[0], "save it as an Excel workbook (.xlsx)")
        return Guarded(f"this is {kind or 'text, perhaps CSV'}, expected .xlsx", hint if kind else "name it .csv")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return _of_archive(archive, kind)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        OSError,
        ValueError,
        SyntaxError,
    ) as error:
        return Guarded(f"a damaged workbook, cut off perhaps: {error}", "copy it again")


def _of_archive(archive: zipfile.ZipFile, kind: str) -> Guarded:
    parts = archive.infolist()
    unpacked = sum(part.file_size for part in parts)
    packed = max(sum(part.compress_size for part in parts), 1)
    if len(parts) > _MOST_PARTS:
        return Guarded(f"holds {len(parts):,} parts, expected a workbook of at most {_MOST_PARTS:,}")
    if unpacked > LARGEST_UNPACKED:
        return Guarded(f"would unpack to {unpacked:,} bytes, expected at most {LARGEST_UNPACKED:,}")
    if unpacked > _TOO_SMALL_TO_HARM and unpacked > LARGEST_RATIO * packed:
        what = f"would unpack to {unpacked / packed:,.0f} times its size, expected at most {LARGEST_RATIO} times"
        return Guarded(what, "save it anew in Excel")
    names = {part.filename for part in parts}
    if "xl/workbook.xml" not in names:
        kind = "a binary Excel workbook (.xlsb)" if "xl/workbook.bin" in names else kind
        kind = "an OpenDocument spreadsheet (.ods)" if "content.xml" in names else kind
        kind = "a Numbers document" if any(name.endswith(".iwa") for name in names) else kind
        return Guarded(f"this is {kind or 'a zip archive'}, expected .xlsx", "save it as an Excel workbook (.xlsx)")
    signs: set[str] = set()
    for part in parts:
        if not part.filename.lower().endswith((".xml", ".rels", ".vml")):
            continue
        found = _seen(archive, part)
        signs |= found
        if "doctype" in found:
            return Guarded(
                f"its part {part.filename} declares a document type, which no workbook needs", "save it anew"
            )
    percent = percent_styles(archive.read("xl/styles.xml")) if "xl/styles.xml" in names else frozenset()
    has_marks = bool(percent or signs & {"formula", "merged"})
    return Guarded(has_marks=has_marks, is_plain=not (has_marks or signs), percent_styles=percent)


def _seen(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> set[str]:
    """Which signs the part holds of what needs another look."""
    found: set[str] = set()
    is_sheet = part.filename.startswith("xl/worksheets/")
    tail = b""
    with archive.open(part) as file:
        while chunk := file.read(_CHUNK):
            text = tail + chunk
            if any(sign in text for sign in _DOCTYPE):
                found.add("doctype")
            found |= {name for name, sign in _SIGNS.items() if sign.search(text)}
            if is_sheet:
                found |= {name for name, sign in _SIGNS_OF_SHEETS.items() if sign.search(text)}
                if "far" not in found and any(_is_far(each[1]) for each in _PLACE.finditer(text)):
                    found.add("far")
            tail = text[-_OVERLAP:]
    return found


def _is_far(place: bytes) -> bool:
    """Whether a row or cell lies beyond what a table needs, or says where it lies in a way of its own."""
    letters = place.rstrip(b"0123456789")
    line = place[len(letters) :]
    return not (line.isdigit() and len(letters) <= 2 and int(line[:9]) <= _FAR_LINE)
