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

LARGEST_UNPACKED = 200_000_000
LARGEST_RATIO = 200
_MOST_PARTS = 10_000
_TOO_SMALL_TO_HARM = 1_000_000  # a sheet of equal rows may pack better than the ratio
_CHUNK, _OVERLAP = 1 << 20, 64
# Both ways in which XML may be written; an entity can only be declared inside a DOCTYPE.
_DOCTYPE = tuple("<!DOCTYPE".encode(encoding) for encoding in ("ascii", "utf-16-le", "utf-16-be"))
_FORMULA = re.compile(rb"<(\w+:)?f[\s/>]")


@dataclass(frozen=True)
class Guarded:
    """Why a file is refused (nothing when it may be opened), how to mend it, and whether it holds formulas."""

    what: str = ""
    hint: str = ""
    has_formulas: bool = False


def guarded(raw: bytes) -> Guarded:
    """The verdict on the bytes of a file that is called .xlsx."""
    kind = kind_of(raw)
    if not raw.startswith(b"PK\x03\x04"):
        hint = "take the password away" if "password" in kind else "save it as an Excel workbook (.xlsx)"
        return Guarded(f"this is {kind or 'text, perhaps CSV'}, expected .xlsx", hint if kind else "name it .csv")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return _of_archive(archive, kind)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError) as error:
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
        return Guarded(f"this is {kind or 'a zip archive'}, expected .xlsx", "save it as an Excel workbook (.xlsx)")
    has_formulas = False
    for part in parts:
        if not part.filename.lower().endswith((".xml", ".rels", ".vml")):
            continue
        doctype, formula = _seen(archive, part)
        has_formulas |= formula and part.filename.startswith("xl/worksheets/")
        if doctype:
            return Guarded(
                f"its part {part.filename} declares a document type, which no workbook needs", "save it anew"
            )
    return Guarded(has_formulas=has_formulas)


def _seen(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> tuple[bool, bool]:
    """Whether the part holds a DOCTYPE, and whether it holds a formula."""
    doctype = formula = False
    tail = b""
    with archive.open(part) as file:
        while chunk := file.read(_CHUNK):
            text = tail + chunk
            doctype |= any(sign in text for sign in _DOCTYPE)
            formula |= _FORMULA.search(text) is not None
            tail = text[-_OVERLAP:]
    return doctype, formula
