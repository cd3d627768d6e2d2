"""`Canvas`: a worksheet with a cursor: titles, text, banner, page set-up, widths and heights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ccs_model.plan.plan import Plan
from ccs_model.report.workbook.book import Book
from ccs_model.report.workbook.cell_values import checked_text, quoted, text_width
from ccs_model.report.workbook.columns import Styles
from ccs_model.report.workbook.formulas import Block
from ccs_model.report.workbook.printed_pages import Keep, Stretch, parts, united
from ccs_model.units import unit_text

if TYPE_CHECKING:
    from ccs_model.report.workbook.sheet import Sheet

NO_CHANGES: Mapping[str, object] = MappingProxyType({})
_NARROWEST, _SPARE = 7, 11
# Running text is set about as wide as an A4 page lying down; longer lines are hard to read.
_PAGE_WIDTH = 120
_LEAST_ROOM = 40
_LINE_POINTS, _TALLEST_POINTS = 13.0, 400.0
_PLAIN_POINTS, _POINTS_A_PIXEL = 14.0, 0.75
# Widths count digits; running text is narrower, a wide character nearly as wide as two, larger print wider.
_TEXT_SIZE = {"lead": 1.15}
_TEXT_WIDTH, _WIDE_WIDTH = 0.76, 1.92


@dataclass(frozen=True)
class _Wide:
    """Text that reaches over several columns; `sets_height` where its row has no height of its own."""

    row: int
    column: int
    text: str
    style: str
    changes: Mapping[str, object]
    sets_height: bool


class Layout:
    """Widths and heights of a sheet, gathered while it is written and set when it is complete."""

    def __init__(self) -> None:
        self._widths: dict[int, int] = {}
        self._headings: dict[int, list[tuple[int, str]]] = {}
        self._wides: list[_Wide] = []
        self._wrapped: dict[int, list[tuple[int, str]]] = {}
        self._reach = _PAGE_WIDTH
        self.widths: list[int] = []
        self.parts: list[tuple[int, int]] = []

    def widen(self, column: int, width: int) -> None:
        """A column must be at least this wide."""
        self._widths[column] = max(self._widths.get(column, 0), width)

    def reach(self, width: int) -> None:
        """The columns together are at least this wide."""
        self._reach = max(self._reach, width)

    def width(self, column: int) -> int:
        """What a column needs so far."""
        return max(self._widths.get(column, 0), _NARROWEST)

    def heading(self, row: int, column: int, text: str) -> None:
        """A heading that may wrap: its row becomes as tall as its lines."""
        self._headings.setdefault(row, []).append((column, text))

    def wrapped(self, row: int, column: int, text: str) -> None:
        """Text that may wrap in its cell: spreadsheets make its row tall enough, unless a wide text sets its height."""
        self._wrapped.setdefault(row, []).append((column, text))

    def wide(
        self,
        row: int,
        column: int,
        text: str,
        style: str,
        changes: Mapping[str, object] = NO_CHANGES,
        *,
        sets_height: bool = True,
    ) -> None:
        """Text that reaches to the right edge."""
        self._wides.append(_Wide(row, column, text, style, changes, sets_height))

    def apply(self, worksheet: Any, styles: Styles, n_repeated: int = 0) -> None:
        """Set widths, then heights, then the wide texts; afterwards `widths` and `parts` are those of the sheet.

        Where the first `n_repeated` columns are printed again beside later ones, no wide text runs on past a page.
        """
        self.widths = widths = self._all_widths()
        self.parts = parts(widths, n_repeated)
        for column, width in enumerate(widths):
            worksheet.set_column(column, column, width)
        for row, headings in self._headings.items():
            lines = max(math.ceil((text_width(text) + 1) / _room(text, widths[column])) for column, text in headings)
            worksheet.set_row(row, _LINE_POINTS * lines + 3)
        heights: dict[int, float] = {}
        for wide in self._wides:
            edge = next(last for first, last in self.parts if wide.column <= last)
            room = _place(worksheet, styles, wide, widths[: edge + 1])
            if wide.sets_height:
                others = [_height(text, widths[column]) for column, text in self._wrapped.get(wide.row, [])]
                heights[wide.row] = max(heights.get(wide.row, 0.0), _height(wide.text, room, wide.style), *others)
        for row, height in heights.items():
            worksheet.set_row(row, min(height, _TALLEST_POINTS))

    def row_points(self, row: int, worksheet: Any) -> float:
        """How tall a row is, as far as its texts tell: spreadsheets differ a little in those that set their own."""
        if row in worksheet.row_sizes:
            return float(worksheet.row_sizes[row][0]) * _POINTS_A_PIXEL
        texts = self._wrapped.get(row, ())
        return max([_PLAIN_POINTS, *(_height(text, self.widths[column]) for column, text in texts)])

    def _all_widths(self) -> list[int]:
        """Widths of all columns that are used, and of as many more as a page has room for."""
        widths = [max(self._widths.get(at, _SPARE), _NARROWEST) for at in range(max(self._widths, default=0) + 1)]
        while sum(widths) < self._reach or any(sum(widths[wide.column :]) < _LEAST_ROOM for wide in self._wides):
            widths.append(_SPARE)
        return widths


def _place(worksheet: Any, styles: Styles, wide: _Wide, widths: list[int]) -> int:
    """Write a wide text over the columns it reaches; gives their width. Running text stops at the page's width."""
    end = wide.column
    while end + 1 < len(widths) and (wide.column > 0 or sum(widths[: end + 1]) < _PAGE_WIDTH):
        end += 1
    room = sum(widths[wide.column : end + 1])
    form = styles.get(wide.style, **{"text_wrap": True, **wide.changes, **quoted(wide.text)})
    if end > wide.column:
        worksheet.merge_range(wide.row, wide.column, wide.row, end, "", form)
    worksheet.write_string(wide.row, wide.column, wide.text, form)
    return room


def _room(text: str, width: int) -> int:
    """Columns of a line that can be used: where wide characters stand, the last one may be left over."""
    return width if text_width(text) == len(text) else max(width - 2, 2)


def _height(text: str, room: int, style: str = "") -> float:
    size = _TEXT_SIZE.get(style, 1.0)
    lines = sum(max(math.ceil(size * _printed_width(line) / room), 1) for line in text.split("\n"))
    return _LINE_POINTS * size * lines + 3


def _printed_width(line: str) -> float:
    n_wide = text_width(line) - len(line)
    return _TEXT_WIDTH * (len(line) - n_wide) + _WIDE_WIDTH * n_wide


Row = Mapping[str, object]

_A4 = 9
_MAY = {"autofilter": True, "sort": True, "format_columns": True, "format_rows": True, "objects": False}
_BANNER_COLUMNS = 6
AS_SOLVED = "Inputs equal those of the solved plan."
WHEN_CHANGED = (
    "INPUTS EDITED: costs and checks follow, the selection is that of the solved plan. To solve again, change the "
    "scenario file and run ccs-model optimize."
)


@dataclass(frozen=True)
class Page:
    """A sheet to be: its name, what it holds in a line, and who writes it."""

    name: str
    holds: str
    write: Callable[[Sheet, Plan], None]


class Canvas:
    """One worksheet, a cursor on it, and what is needed to name money: currency and price year."""

    def __init__(self, book: Book, page: Page, contents: Sequence[Page]) -> None:
        self.contents, self.book, self._language = contents, book, book.language
        name = page.name
        self._name, self._styles = name, book.styles
        self._sheet = worksheet = book.worksheets[name]
        self._currency, self._price_year = book.plan.problem.currency, book.plan.problem.price_year
        self._row = self._left = 0
        self._own: Block | None = None
        self._layout = Layout()
        # What is printed, and on which page: see printing.py.
        self._printed_rows: int | None = None
        self._printed_columns: int | None = None
        self._stretches: list[Stretch] = []
        self._sections: list[int] = []
        self._keeps: list[Keep] = []
        self._left_out: list[tuple[int, int]] = []
        self._own_breaks: list[int] = []
        self._below_section = False
        worksheet.set_landscape()
        worksheet.set_paper(_A4)
        worksheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
        worksheet.fit_to_pages(1, 0)
        worksheet.set_footer(f"&L&8&A&C&8{book.run.replace('&', '&&')}&R&8{self._language.label('Page &P of &N')}")
        # Protected against slips, not against people: there is no password.
        worksheet.protect("", _MAY)

    def unit(self, name: str) -> str:
        """The unit of a quantity; money carries its base year."""
        return unit_text(name, self._currency, self._price_year)

    def title(self, text: str) -> None:
        """The first line, with a way back to the cover under it."""
        self._sheet.set_row(self._row, 24)
        self._text(self._row, 0, self._language.label(text), "title")
        self._row += 1
        if self._name != self.contents[0].name:
            self._link(self._row, 0, self.contents[0].name, self._language.label(f"back to {self.contents[0].name}"))
            self._row += 1

    def hide_gridlines(self) -> None:
        """For sheets that are read, not worked on."""
        self._sheet.hide_gridlines(2)

    def one_page(self) -> None:
        """Print on a single page."""
        self._sheet.fit_to_pages(1, 1)
        self._sheet.center_horizontally()

    def prints_to(self, row: int) -> None:
        """Print no further than this row, counted from 0."""
        self._printed_rows = row

    def leave_unprinted(self, first: int, last: int) -> None:
        """Rows for programs and for who traces a figure, too many to be read on paper; both counted from 0."""
        self._left_out = united([*self._left_out, (first, last)])

    def page_break(self) -> None:
        """Print what follows on a new page."""
        self._own_breaks.append(self._row)

    def freeze_first_column(self) -> None:
        """Names of rows stay in sight where years run on to the right."""
        self._sheet.freeze_panes(0, 1)

    def section(self, text: str) -> None:
        """A heading within the sheet, with room above it."""
        self._row += 1
        self._sections.append(self._row)
        self._sheet.set_row(self._row, 19)
        self._text(self._row, 0, self._language.label(text), "section")
        self._row += 1
        self._below_section = True

    def paragraph(self, text: str, style: str = "text") -> None:
        """Running text across the sheet, in the workbook's language."""
        self.quotation(self._language.sentence(text), style)

    def quotation(self, text: str, style: str = "text") -> None:
        """Running text that somebody else wrote: as it stands in every language."""
        self._layout.wide(self._row, 0, checked_text(text, self._name), style)
        self._row += 1
        self._below_section = False

    def result(self, holds: bool, text: str) -> None:
        """A line in green or red that says in words what the colour says."""
        self.paragraph(text, "holds" if holds else "broken")

    def live_check_result(self, formula: str, value: str, alarm: str) -> None:
        """A line that a formula of defined names writes; red where `alarm` is true."""
        self._live_line(formula, value, alarm, "holds", "broken")
        self._below_section = False

    def _live_line(self, formula: str, value: str, alarm: str, style: str, alarm_style: str) -> None:
        form = self._styles.get(style)
        self._sheet.merge_range(self._row, 0, self._row, _BANNER_COLUMNS - 1, "", form)
        self._sheet.write_formula(self._row, 0, formula, form, value)
        rule = {"type": "formula", "criteria": f"={alarm}", "format": self._styles.get(alarm_style)}
        self._sheet.conditional_format(self._row, 0, self._row, _BANNER_COLUMNS - 1, rule)
        self._row += 1

    def check_results(self, block: Block, column: str, broken: str) -> None:
        """Colour a column of verdicts; the words say the same."""
        at = (block.first, block.columns[column], block.last, block.columns[column])
        for criteria, style in (("equal to", "broken"), ("not equal to", "holds")):
            rule = {"type": "cell", "criteria": criteria, "value": f'"{broken}"', "format": self._styles.get(style)}
            self._sheet.conditional_format(*at, rule)

    @property
    def row(self) -> int:
        """Where the next thing is written, counted from 0."""
        return self._row

    def jump(self, row: int) -> None:
        """Go on at another row; what stands there must not have been written."""
        self._row, self._below_section = row, False

    def banner(self) -> None:
        """One line that says whether inputs were changed since the plan was solved."""
        # The words stand in cells of sheet Inputs, so that the formula is the same in every language.
        formula = "=IF(inputs_changed>0,said_when_changed,said_as_solved)"
        self._live_line(formula, self._language.label(AS_SOLVED), "inputs_changed>0", "banner", "alarm")

    def choice(self, block: Block, column: str, row: str, source: str) -> None:
        """A cell of a table in which one of the values of `source` is chosen."""
        at = (block.rows[row], block.columns[column])
        rule = {"validate": "list", "source": f"={source}"}
        hint = {"input_title": "Choose", "input_message": "Pick one of the list."}
        self._sheet.data_validation(*at, *at, rule | hint)

    def between(self, block: Block, column: str, row: str, low: float, high: float) -> None:
        """A cell that takes numbers from low to high only."""
        at = (block.rows[row], block.columns[column])
        rule = {"validate": "decimal", "criteria": "between", "minimum": f"{low:g}", "maximum": f"{high:g}"}
        self._sheet.data_validation(*at, *at, {**rule, "error_message": f"A number from {low:g} to {high:g}."})

    def _text(self, row: int, at: int, text: str, style: str, **changes: object) -> None:
        form = self._styles.get(style, **changes, **quoted(text))
        self._sheet.write_string(row, at, text, form)

    def _link(self, row: int, at: int, sheet: str, text: str, style: str = "link") -> None:
        self._sheet.write_url(row, at, f"internal:'{sheet}'!A1", self._styles.get(style), string=text)
