"""Plan → workbook, and workbooks of plain tables: analyses, comparisons of runs, conflicts of an infeasible problem.

Written whole or not at all; the same plan or tables give the same bytes.
"""

from __future__ import annotations

import gc
import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from xlsxwriter.utility import xl_rowcol_to_cell

from ccs_model.atomic_files import write_atomic
from ccs_model.plan.plan import Plan
from ccs_model.report.language import LANGUAGES, Language
from ccs_model.report.workbook.assumptions_sheet import ASSUMPTIONS, SOURCES
from ccs_model.report.workbook.book import Book, new_workbook
from ccs_model.report.workbook.cash_flow_sheet import CASH_FLOW
from ccs_model.report.workbook.columns import (
    FACTOR_FORMAT,
    checked_number,
    checked_text,
    is_missing,
    label,
    number_format,
    quote_format,
    text_width,
)
from ccs_model.report.workbook.economics_sheet import ECONOMICS
from ccs_model.report.workbook.inputs_sheet import INPUTS, TECHNOLOGIES
from ccs_model.report.workbook.macc_sheet import FRONTIER, MACC
from ccs_model.report.workbook.plants_sheet import CHANGES, PLANTS, RETROFITS
from ccs_model.report.workbook.run_log_sheet import CHECKS, COVER, DATA, RUN_LOG
from ccs_model.report.workbook.series_sheet import SERIES
from ccs_model.report.workbook.sheet import Sheet, SheetSpec
from ccs_model.report.workbook.summary_sheet import SUMMARY
from ccs_model.report.workbook.transport_sheet import STORAGE, TRANSPORT
from ccs_model.report.workbook.uncertainty_sheet import CALIBRATION, UNCERTAINTY
from ccs_model.units import label_of, money_text, unit_of

SHEETS: tuple[SheetSpec, ...] = (
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
def _pause_garbage_collection() -> Iterator[None]:
    """Pause the collector of reference cycles: searching the many cells takes a tenth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_pause_garbage_collection()
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
    return _compress_archive(out)


def _compress_archive(archive: io.BytesIO) -> bytes:
    """The archive in 4 % less space: XlsxWriter has no option for the level of compression."""
    smaller = io.BytesIO()
    with zipfile.ZipFile(archive) as parts, zipfile.ZipFile(smaller, "w") as out:
        for part in parts.infolist():
            info = zipfile.ZipInfo(part.filename, part.date_time)
            out.writestr(info, parts.read(part), zipfile.ZIP_DEFLATED, _LEVEL)
    return smaller.getvalue()


# Workbooks of plain tables.

_HEAD_ROW, _WIDEST, _WIDEST_OF_COMPARISON = 3, 48, 60


class _PlainBook:
    """A workbook in memory whose sheets have a title, a line of text and one table; each format is made once."""

    def __init__(self, title: str) -> None:
        self._book, self._out = new_workbook(title)
        self._made: dict[tuple[tuple[str, object], ...], Any] = {}

    def form(self, **properties: object) -> Any:
        """The cell format with these properties."""
        key = tuple(sorted(properties.items()))
        if key not in self._made:
            self._made[key] = self._book.add_format({"valign": "top", **properties})
        return self._made[key]

    def sheet(self, title: str, message: str) -> Any:
        """A new sheet with its title and a line of text."""
        sheet = self._book.add_worksheet(title)
        sheet.write_string(0, 0, title, self.form(bold=True, font_size=14))
        sheet.write_string(1, 0, checked_text(message, title), self.form(font_color="#55616D"))
        return sheet

    def finish(self, sheet: Any, n_rows: int, n_columns: int) -> None:
        """Set how a sheet scrolls and prints."""
        sheet.freeze_panes(_HEAD_ROW + 1, 1)
        if n_rows:
            sheet.autofilter(_HEAD_ROW, 0, _HEAD_ROW + n_rows, n_columns - 1)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(_HEAD_ROW)
        sheet.hide_gridlines(2)
        sheet.set_footer("&L&A&RPage &P of &N")

    def close(self) -> bytes:
        """The workbook as bytes."""
        self._book.close()
        return self._out.getvalue()


def table_book(title: str, sheets: Sequence[tuple[str, str, pd.DataFrame]]) -> bytes:
    """The workbook as bytes; a sheet is its name, a line of text, and its table."""
    book = _PlainBook(title)
    for name, message, table in sheets:
        _write(book, name, message, table)
    return book.close()


def _write(book: _PlainBook, name: str, message: str, table: pd.DataFrame) -> None:
    sheet = book.sheet(name, message)
    for at, column in enumerate(map(str, table.columns)):
        # Scenario keys are shown as planners type them.
        text = column if "." in column else _heading(column)
        is_text = any(isinstance(value, str) for value in table[column])
        side = "left" if is_text else "right"
        sheet.write_string(_HEAD_ROW, at, text, book.form(bold=True, bottom=1, text_wrap=True, align=side))
        wide = max(map(text_width, text.replace(".", " ").split()), default=0)
        for row, value in enumerate(table[column], start=_HEAD_ROW + 1):
            where = f"{name}, row {row + 1}, {column}"
            if is_missing(value):
                continue
            if isinstance(value, str):
                shown = checked_text(value, where)
                sheet.write_string(row, at, shown, book.form(**quote_format(shown)))
                wide = max(wide, text_width(shown))
            else:
                number = checked_number(value, where)
                shape = number_format(column, number) if unit_of(column) is not None else FACTOR_FORMAT
                sheet.write_number(row, at, number, book.form(num_format="0" if float(number).is_integer() else shape))
                wide = max(wide, 10)
        sheet.set_column(at, at, min(wide, _WIDEST) + 2)
    book.finish(sheet, len(table), len(table.columns))


# Comparisons of runs: differences are formulas with their values; text of a run is never a formula.

_TITLES: Mapping[str, tuple[str, str]] = {
    "runs": ("Runs", "Runs that are compared; differences are relative to the first."),
    "totals": ("Totals", "Last period unless the name says otherwise. Differences: run minus the first run."),
    "years": ("Years", "By period, from its first year."),
    "zones": ("Zones", "By zone, in the last period."),
    "costs": ("Costs", "Cost terms, discounted over the horizon."),
    "terms": ("Terms", "Terms of the objective, in its unit (sheet Runs)."),
    "ledger": ("Ledger", "Items of money of each stakeholder, discounted at the social rate; gains are positive."),
    "plants": ("Plants", "Plants that enter, leave or change their retrofits relative to the first run."),
    "inputs": ("Inputs", "Inputs that differ: scenario keys by value, tables by the start of their SHA-256."),
}
# Columns with names of quantities, which are shown by their labels, and headings that the name does not give.
_NAMES = ("quantity", "term", "item")
_FIRST_RUN = "first_"
OWN_MONEY = "own money"
"""The money of a row whose runs have other currencies or price years; it has no differences."""
_HEADINGS_OF_COMPARISON: Mapping[str, str] = {
    "objective_name": "Objective",
    "objective": "Value of the objective",
    "gap_share": "Optimality gap",
    "searched_gap_share": "Optimality gap within the links searched",
    "question_sha256": "SHA-256 of the inputs",
}
_EMPTY: Mapping[str, str] = {"plants": "Every plant has the retrofits of the first run.", "inputs": "No input differs."}


def write_comparison(names: Sequence[str], tables: Mapping[str, pd.DataFrame], path: Path) -> Path:
    """Write the workbook, whole or not at all; `tables` are those of analysis.compare, in the order of the sheets.

    Raises FileError when it cannot be written.
    """
    book = _PlainBook("Runs side by side")
    runs = tables["runs"].to_dict("records")
    money = {money_text(str(run["currency"]), int(run["price_year"])) for run in runs}
    own = money.pop() if len(money) == 1 else OWN_MONEY
    for name, table in tables.items():
        _write_comparison_sheet(book, name, table, names, own)
    return write_atomic(path, book.close())


def _write_comparison_sheet(book: _PlainBook, name: str, table: pd.DataFrame, names: Sequence[str], money: str) -> None:
    title, message = _TITLES[name]
    sheet = book.sheet(title, message if len(table) else _EMPTY.get(name, message))
    columns = [str(column) for column in table.columns]
    sides = _sides(columns, names)
    widths = [0] * len(columns)
    for at, column in enumerate(columns):
        text = column if at in sides else _comparison_heading(column, money)
        side = "right" if at in sides or unit_of(column) else "left"
        form = book.form(bold=True, bottom=1, text_wrap=True, align=side)
        sheet.write_string(_HEAD_ROW, at, checked_text(text, f"{title}, heading"), form)
        widths[at] = min(text_width(text), 24) + 2
    for place, row in enumerate(table.itertuples(index=False, name=None), start=_HEAD_ROW + 1):
        form_of = next((str(row[at]) for at, column in enumerate(columns) if column in ("quantity", "term")), "")
        for at, value in enumerate(row):
            where = f"{title}!{xl_rowcol_to_cell(place, at)}"
            minus = sides.get(at)
            if minus is None or is_missing(value):
                shown = label(str(value)) if at not in sides and columns[at] in _NAMES else value
                wide = _cell(sheet, book, (place, at), shown, form_of if at in sides else columns[at], where)
            else:
                run, first = (xl_rowcol_to_cell(place, other) for other in minus)
                form = book.form(num_format=number_format(form_of, float(value)))
                sheet.write_formula(place, at, f"={run}-{first}", form, checked_number(value, where))
                wide = 14
            widths[at] = max(widths[at], min(wide, _WIDEST_OF_COMPARISON))
    for at, width in enumerate(widths):
        sheet.set_column(at, at, width)
    book.finish(sheet, len(table), len(columns))


def _sides(columns: Sequence[str], names: Sequence[str]) -> dict[int, tuple[int, int] | None]:
    """Columns of runs (None), and columns of differences with the two columns they compare."""
    sides: dict[int, tuple[int, int] | None] = {columns.index(name): None for name in names if name in columns}
    for name in names[1:]:
        if f"{name} − first" in columns:
            sides[columns.index(f"{name} − first")] = (columns.index(name), columns.index(names[0]))
    return sides


def _heading(column: str) -> str:
    """The heading of a column, with its unit."""
    unit = unit_of(column)
    return label_of(column) + ("" if unit is None else f", {unit.text.format(currency='').strip()}")


def _comparison_heading(column: str, money: str) -> str:
    """The heading of a column of a comparison, as in the workbook of a plan, with its unit and money."""
    name = column.removeprefix(_FIRST_RUN)
    text = _HEADINGS_OF_COMPARISON.get(name)
    if text is None:
        unit = unit_of(name)
        text = label(name) + ("" if unit is None else f", {unit.text.format(currency=money)}")
    return text if name == column else f"First run: {text[:1].lower()}{text[1:]}"


def _cell(sheet: Any, book: _PlainBook, at: tuple[int, int], value: Any, name: str, where: str) -> int:
    """Write one value and return its width."""
    if is_missing(value):
        return 0
    if isinstance(value, str):
        text = checked_text(value, where)
        sheet.write_string(*at, text, book.form(text_wrap=True, **quote_format(text)))
        return text_width(text) + 2
    number = checked_number(value, where)
    form = number_format(name, number) if name else FACTOR_FORMAT
    sheet.write_number(*at, number, book.form(num_format=form))
    return 14


SHEET = "Infeasible"
_LEAD = "The problem is infeasible: these constraints conflict; relaxing any one of them restores feasibility."
_LEAD_ALONE = "The problem is infeasible."
_NO_CONFLICT = "No single constraint restores feasibility when it is relaxed alone."
_HEADINGS = ("Constraint or key", "Conflict, and the smallest relaxation found that restores feasibility")
_WIDTHS = (32, 110)
_PAIR = re.compile(r"; and (?=[a-z_.]+: )")


def leads() -> frozenset[str]:
    """The first sentence of the sheet in every language."""
    return frozenset(Language(lang).sentence(each) for lang in LANGUAGES for each in (_LEAD, _LEAD_ALONE))


def infeasible_workbook(conflicts: Sequence[str], name: str, lang: str = "en", notes: Sequence[str] = ()) -> bytes:
    """Return the workbook with one row per conflicting constraint and notes below; equal conflicts give equal bytes."""
    language = Language(lang)
    book, out = new_workbook(name)
    sheet = book.add_worksheet(SHEET)
    for column, width in enumerate(_WIDTHS):
        sheet.set_column(column, column, width)
    title = book.add_format({"bold": True, "font_size": 16, **quote_format(name)})
    bold, plain = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
    sheet.write_string(0, 0, checked_text(name, SHEET), title)
    sheet.write_string(1, 0, language.sentence(_LEAD if conflicts else _LEAD_ALONE))
    for column, heading in enumerate(_HEADINGS):
        sheet.write_string(3, column, language.label(heading), bold)
    for row, conflict in enumerate(conflicts or (_NO_CONFLICT,), start=4):
        # A pair of changes is one conflict.
        parts = [part.partition(": ") if ": " in part else ("", "", part) for part in _PAIR.split(conflict)]
        names = [language.value(constraint, "constraint") for constraint, _, _ in parts]
        texts = [language.sentence(what) for _, _, what in parts]
        is_same = texts == [what for _, _, what in parts]
        for column, text in enumerate((", ".join(names), conflict if is_same else "\n".join(texts))):
            form = (
                book.add_format({"text_wrap": True, "valign": "top", **quote_format(text)})
                if quote_format(text)
                else plain
            )
            sheet.write_string(row, column, checked_text(text, SHEET), form)
    note = book.add_format({"italic": lang != "zh", "font_color": "#5b6770"})
    for row, text in enumerate(notes, start=5 + max(len(conflicts), 1)):
        sheet.write_string(row, 0, checked_text(language.sentence(text), SHEET), note)
    sheet.freeze_panes(4, 0)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    book.close()
    return out.getvalue()
