"""What a file really is, told by its first bytes, whatever its name says."""

from __future__ import annotations

# What clouds and browsers leave in place of a file.
_LINKS = (b'{"url"', b'{"doc_id"', b"[internetshortcut]", b"bplist00")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def kind_of(raw: bytes) -> str:
    """`an Excel workbook (.xlsx)`, `an old Excel workbook (.xls)` and the like; nothing for what may be text."""
    if raw.startswith(b"PK\x03\x04"):
        if b"xl/workbook.bin" in raw:
            return "a binary Excel workbook (.xlsb)"
        if b"opendocument.spreadsheet" in raw[:200]:
            return "an OpenDocument spreadsheet (.ods)"
        return "an Excel workbook (.xlsx)" if b"xl/workbook.xml" in raw else "a zip archive"
    if raw.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in raw:
            return "a workbook protected by a password"
        return "an old Excel workbook (.xls)"
    if raw.startswith(b"%PDF"):
        return "a PDF document"
    if raw.lstrip()[:100].lower().startswith((b"<!doctype html", b"<html", b"<?xml")):
        return "an HTML or XML document"
    if raw.lstrip()[:100].lower().startswith(_LINKS):
        return "a link to a file, not the file itself"
    if raw and not raw.strip(b"\0"):
        return "a file of nothing but zeros, as a copy that failed leaves"
    if b"\0" in raw[:4096] and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "a binary file"
    return ""
