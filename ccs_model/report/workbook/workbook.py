"""Plan → workbook. Written whole or not at all, and the same plan gives the same bytes."""

from __future__ import annotations

import gc
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ccs_model.atomic_files import write_atomic
from ccs_model.plan.plan import Plan
from ccs_model.report.language import Language
from ccs_model.report.workbook.assumptions_sheet import ASSUMPTIONS, SOURCES
from ccs_model.report.workbook.book import Book, new_workbook
from ccs_model.report.workbook.cash_flow_sheet import CASH_FLOW
from ccs_model.report.workbook.economics_sheet import ECONOMICS
from ccs_model.report.workbook.inputs_sheet import INPUTS, TECHNOLOGIES
from ccs_model.report.workbook.macc_sheet import FRONTIER, MACC
from ccs_model.report.workbook.plants_sheet import CHANGES, PLANTS, RETROFITS
from ccs_model.report.workbook.run_log_sheet import CHECKS, COVER, DATA, RUN_LOG
from ccs_model.report.workbook.series_sheet import SERIES
from ccs_model.report.workbook.sheet import Page, Sheet
from ccs_model.report.workbook.storage_sheet import STORAGE
from ccs_model.report.workbook.summary_sheet import SUMMARY
from ccs_model.report.workbook.transport_sheet import TRANSPORT
from ccs_model.report.workbook.uncertainty_sheet import CALIBRATION, UNCERTAINTY

SHEETS: tuple[Page, ...] = (
    COVER,
    SUMMARY,
    INPUTS,
    SERIES,
    PLANTS,
    TECHNOLOGIES,
    TRANSPORT,
    STORAGE,
    RETROFITS,
    ECONOMICS,
    CASH_FLOW,
    MACC,
    FRONTIER,
    UNCERTAINTY,
    CALIBRATION,
    CHECKS,
    DATA,
    SOURCES,
    ASSUMPTIONS,
    RUN_LOG,
)
# A sheet is filled after those whose cells its formulas name; the others follow in their own order.
_FIRST = (SERIES, DATA, PLANTS, STORAGE, RETROFITS, CASH_FLOW, ECONOMICS, INPUTS, MACC)
# The last one lists fingerprints of the cells of all others.
_LAST = (SUMMARY, CHECKS, COVER, RUN_LOG)
# Of zlib; 9 gains nothing.
_LEVEL = 8


def write_workbook(plan: Plan, path: Path, *, lang: str = "en") -> Path:
    """Write the workbook, its words in `lang`: en, zh or both.

    Raises FileError when it cannot be written; a workbook that was there then stays.
    """
    return write_atomic(Path(path), workbook_bytes(plan, lang=lang))


@contextmanager
def _without_collection() -> Iterator[None]:
    """Pause the collector of reference cycles: searching the many cells takes a tenth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_without_collection()
def workbook_bytes(plan: Plan, *, lang: str = "en") -> bytes:
    """The workbook as bytes. Names of sheets, formulas and values are the same in every language."""
    subject = "Which carbon-capture retrofits to build, when and with what"
    book, out = new_workbook(plan.problem.name, subject=subject)
    pages = SHEETS if plan.revision is None else (*SHEETS[:2], CHANGES, *SHEETS[2:])
    shared = Book(book, [page.name for page in pages], plan, Language(lang))
    between = (page for page in pages if page not in (*_FIRST, *_LAST))
    sheets = []
    for page in (*_FIRST, *between, *_LAST):
        sheets.append(sheet := Sheet(shared, page, pages))
        page.write(sheet, plan)
        sheet.finish()
    for sheet in sheets:
        sheet.link_neighbours()
    book.close()
    return _compressed(out)


def _compressed(archive: io.BytesIO) -> bytes:
    """The archive in 4 % less space: XlsxWriter has no option for the level of compression."""
    smaller = io.BytesIO()
    with zipfile.ZipFile(archive) as parts, zipfile.ZipFile(smaller, "w") as out:
        for part in parts.infolist():
            info = zipfile.ZipInfo(part.filename, part.date_time)
            out.writestr(info, parts.read(part), zipfile.ZIP_DEFLATED, _LEVEL)
    return smaller.getvalue()
