"""`WorksheetWriter`: a worksheet with a cursor: titles, text, banner, page set-up, widths and heights."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from ccs_model._typing import Floats
from ccs_model.plan.plan import Plan
from ccs_model.report.workbook.book import Book
from ccs_model.report.workbook.columns import (
    INPUT,
    SOLVER,
    Styles,
    checked_text,
    fixed_classes,
    fixed_text_classes,
    lines_of_name,
    lines_of_words,
    printed_width,
    quote_format,
    text_width,
)
from ccs_model.report.workbook.formulas import TableRange
from ccs_model.report.workbook.printed_pages import (
    A3,
    A4,
    PIXELS_A_DIGIT,
    Paper,
    TableExtent,
    UnbrokenRows,
    max_page_pixels,
    paper_for,
    parts,
    pixels_across,
)
from ccs_model.units import unit_text

if TYPE_CHECKING:
    from ccs_model.report.workbook.sheet import Sheet

_NARROWEST, _SPARE = 7, 11
# Running text is about as wide as a landscape A4 page, and half as wide as A3; longer lines are hard to read.
_PAGE_WIDTH = 120
_RUNNING_WIDTH: Mapping[Paper, int] = MappingProxyType({A4: _PAGE_WIDTH, A3: 170})
_LEAST_ROOM = 40
_LINE_POINTS, _WIDE_POINTS, _SPARE_POINTS, _TALLEST_POINTS = 13.0, 14.5, 1.0, 400.0
# A row of one line and each further line, where spreadsheets make the row as tall as its texts ask for.
_PLAIN_POINTS, _NEXT_POINTS, _POINTS_A_PIXEL = 12.75, 12.0, 0.75
# Units are set in smaller print. Columns of texts are widened in steps of this many digits, up to this width; a
# sheet with more rows of text than this is long.
_UNIT_SIZE, _UNIT_POINTS = 0.9, 11.0
_STEP, _WIDEST_TEXT, _LONG = 2, 130, 60
# Widths count digits; larger print is wider, and a line breaks before a word that it has no room for, so that a little
# is left over at its end.
_TEXT_SIZE = {"lead": 1.2}
_LEFT_OVER = 1.03


@dataclass(frozen=True)
class WideText:
    """Text that reaches over the columns to the right edge; `sets_height` where its row has no height of its own."""

    row: int
    column: int
    text: str
    style: str
    changes: Mapping[str, object] = field(default_factory=dict)
    sets_height: bool = True


class Layout:
    """Widths and heights of a sheet, gathered while it is written and set when it is complete.

    By row, each with its column: `headings`, and `units` in small print over them, whose rows become as tall as their
    lines; and texts that are `wrapped` in their cells, for which spreadsheets make the row tall enough, unless one of
    `wides` sets its height. The columns together are at least as wide as `reach`; the parts end with the column of the
    number `limit`.
    """

    def __init__(self) -> None:
        self._widths: dict[int, int] = {}
        self._heads: dict[int, tuple[int, int]] = {}
        self.headings: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
        self.units: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
        self.wrapped: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
        self.wides: list[WideText] = []
        self.reach = _PAGE_WIDTH
        self.limit: int | None = None
        self.widths: list[int] = []
        self.parts: list[tuple[int, int]] = []
        self.paper = A4

    def widen(self, column: int, width: int) -> None:
        """A column must be at least this wide."""
        self._widths[column] = max(self._widths.get(column, 0), width)

    def head(self, column: int, width: int, narrowest: int) -> None:
        """What the heading of a column needs, and the least that will do where that saves a page."""
        wide, narrow = self._heads.get(column, (0, 0))
        self._heads[column] = (max(wide, width), max(narrow, narrowest))

    def apply(self, worksheet: Any, styles: Styles, n_repeated: int, n_shown: int | None) -> None:
        """Set widths, heights and wide texts; afterwards `widths`, `parts` and `paper` are those of the sheet.

        Where the first `n_repeated` columns are printed again beside later ones, no wide text runs on past a page.
        """
        self._fit(n_repeated, n_shown)
        widths = self.widths
        for column, width in enumerate(widths):
            worksheet.set_column(column, column, width)
        for row, headings in self.headings.items():
            lines = max(lines_of_words(text, _room(text, widths[column])) for column, text in headings)
            worksheet.set_row(row, _LINE_POINTS * lines + 3)
        for row, units in self.units.items():
            lines = max(math.ceil(_UNIT_SIZE * text_width(text) / widths[column]) for column, text in units)
            worksheet.set_row(row, _UNIT_POINTS * max(lines, 1) + 3)
        heights: dict[int, float] = {}
        for wide in self.wides:
            edge = next((last for first, last in self.parts if wide.column <= last), len(widths) - 1)
            room = _place(worksheet, styles, wide, widths[: edge + 1], _RUNNING_WIDTH[self.paper])
            if wide.sets_height:
                others = [_height(text, widths[column]) for column, text in self.wrapped.get(wide.row, [])]
                heights[wide.row] = max(heights.get(wide.row, 0.0), _height(wide.text, room, wide.style), *others)
        for row, height in heights.items():
            worksheet.set_row(row, min(height, _TALLEST_POINTS))

    def row_points(self, row: int, worksheet: Any) -> float:
        """How tall a row is, as far as its texts tell: spreadsheets differ a little in those that set their own."""
        if row in worksheet.row_sizes:
            return float(worksheet.row_sizes[row][0]) * _POINTS_A_PIXEL
        texts = self.wrapped.get(row, ())
        more = _WIDE_POINTS - _LINE_POINTS if any(text_width(text) > len(text) for _, text in texts) else 0.0
        lines = max([1, *(_lines(text, self.widths[column]) for column, text in texts)])
        return _PLAIN_POINTS + more + (_NEXT_POINTS + more) * (lines - 1)

    def fix_heights(self, last: int, worksheet: Any) -> None:
        """Fix the rows to the `last`: LibreOffice moves no chart when wide letters make the rows above it taller."""
        for row in range(last + 1):
            if row not in worksheet.row_sizes:
                worksheet.set_row(row, self.row_points(row, worksheet))

    def _fit(self, n_repeated: int, n_shown: int | None) -> None:
        """Widths, paper and parts: narrow headings where they save a part, long texts as wide as the paper allows."""
        wide, narrow = self._all_widths(0), self._all_widths(1)
        n = n_shown or self.limit
        self.paper = paper_for(narrow[:n])
        found = [parts(widths[: self.limit], n_repeated, self.paper) for widths in (wide, narrow)]
        is_wider = pixels_across(wide[:n]) > max_page_pixels(self.paper)
        is_narrow = len(found[1]) < len(found[0]) or (len(found[0]) == 1 and is_wider)
        self.widths, self.parts = (narrow if is_narrow else wide), found[is_narrow]
        self._stretch(n_repeated, n_shown)

    def _stretch(self, n_repeated: int, n_shown: int | None) -> None:
        """Give what a page has to spare to the columns whose texts wrap, as long as rows get fewer lines by it."""
        rows = list(self.wrapped)
        columns = sorted({column for texts in self.wrapped.values() for column, _ in texts})
        if not rows:
            return
        needs = np.zeros((len(rows), len(columns)))
        place = {column: at for at, column in enumerate(columns)}
        for at, row in enumerate(rows):
            for column, text in self.wrapped[row]:
                needs[at, place[column]] = _LEFT_OVER * printed_width(text)
        most, starts = max_page_pixels(self.paper), n_repeated if len(self.parts) > 1 else 0
        for at, (left, right) in enumerate(self.parts):
            last = min(right, n_shown - 1) if n_shown else right
            again = range(n_repeated) if at else ()
            spare = most - pixels_across([self.widths[column] for column in (*again, *range(left, last + 1))])
            mine = [column for column in columns if max(left, starts) <= column <= last]
            spare = self._widen(mine, spare, needs, place)
            if mine and (len(self.parts) > 1 or len(rows) > _LONG or self.paper is not A4):
                # All parts are made as small as the widest, and a long table or a large sheet takes fewer pages.
                each, rest = divmod(max(int(spare / PIXELS_A_DIGIT), 0), len(mine))
                for n, column in enumerate(mine):
                    self.widths[column] += each + (n < rest)

    def _widen(self, mine: Sequence[int], spare: float, needs: Floats, place: Mapping[int, int]) -> float:
        """Widen the column that saves most lines for its width, again and again; gives the pixels that are left."""

        def lines(column: int, width: int) -> Floats:
            return np.maximum(np.ceil(needs[:, place[column]] / width), 1.0)

        now = np.column_stack([lines(column, self.widths[column]) for column in place])
        while mine:
            saved: dict[tuple[int, int], float] = {}
            for column in mine:
                room = min(int(spare / PIXELS_A_DIGIT), _WIDEST_TEXT - self.widths[column])
                others = np.delete(now, place[column], axis=1).max(axis=1, initial=1.0)
                before = now.max(axis=1)
                for n in range(_STEP, room + 1, _STEP):
                    after = np.maximum(others, lines(column, self.widths[column] + n))
                    saved[column, n] = float((before - after).sum()) / n
            best = max(saved, key=lambda each: (saved[each], -each[1]), default=None)
            if best is None or saved[best] <= 0:
                break
            column, n = best
            self.widths[column] += n
            spare -= n * PIXELS_A_DIGIT
            now[:, place[column]] = lines(column, self.widths[column])
        return spare

    def _all_widths(self, narrow: int) -> list[int]:
        """Widths of all columns that are used, and of as many more as a page has room for."""
        given = {column: heads[narrow] for column, heads in self._heads.items()}
        given |= {column: max(width, given.get(column, 0)) for column, width in self._widths.items()}
        widths = [max(given.get(at, _SPARE), _NARROWEST) for at in range(max(given, default=0) + 1)]
        while sum(widths) < self.reach or any(sum(widths[wide.column :]) < _LEAST_ROOM for wide in self.wides):
            widths.append(_SPARE)
        return widths


def _place(worksheet: Any, styles: Styles, wide: WideText, widths: list[int], running: int) -> int:
    """Write a wide text over the columns it reaches; gives their width. Running text stops at the width `running`."""
    end = wide.column
    while end + 1 < len(widths) and (wide.column > 0 or sum(widths[: end + 1]) < running):
        end += 1
    room = sum(widths[wide.column : end + 1])
    form = styles.get(wide.style, **{"text_wrap": True, **wide.changes, **quote_format(wide.text)})
    if end > wide.column:
        worksheet.merge_range(wide.row, wide.column, wide.row, end, "", form)
    worksheet.write_string(wide.row, wide.column, wide.text, form)
    return room


def _room(text: str, width: int) -> int:
    """Columns of a line that can be used: where wide characters stand, the last one may be left over."""
    return width if text_width(text) == len(text) else max(width - 2, 2)


def _height(text: str, room: int, style: str = "") -> float:
    size = _TEXT_SIZE.get(style, 1.0)
    # Fonts of wide characters have taller lines.
    is_plain, lines = text_width(text) == len(text), _lines(text, room, size)
    if lines == size == 1:
        return _PLAIN_POINTS if is_plain else _WIDE_POINTS
    return (_LINE_POINTS if is_plain else _WIDE_POINTS) * size * lines + _SPARE_POINTS


def _lines(text: str, room: int, size: float = 1.0) -> int:
    return sum(
        max(math.ceil(size * (_LEFT_OVER * printed_width(line)) / room), lines_of_name(line, room / size))
        for line in text.split("\n")
    )


_MAY = {"autofilter": True, "sort": True, "format_columns": True, "format_rows": True, "objects": False}
_BANNER_COLUMNS = 6
# Column of the link to the sheet before or after; the column before each has room for the end of a longer text.
_NEIGHBOURS = ((2, -1, "← {}"), (4, 1, "{} →"))
# Colours of the tabs: answer, inputs, results, evidence.
_TAB_COLOURS = MappingProxyType(
    {
        **dict.fromkeys(("Cover", "Summary", "Changes"), "#1F3A5F"),
        **dict.fromkeys(("Inputs", "Series", "Plants", "Technologies"), INPUT.ink),
        **dict.fromkeys(
            ("Transport", "Storage", "Retrofits", "Economics", "CashFlow", "MACC", "Frontier", "Uncertainty"),
            SOLVER.ink,
        ),
    }
)
_EVIDENCE_COLOUR = "#5F6B76"
AS_SOLVED = "Inputs equal those of the solved plan."
WHEN_CHANGED = (
    "INPUTS EDITED: costs follow, the selection is that of the solved plan. Solve again: save the workbook and run "
    "ccs-model optimize FILE."
)
# Shown once an input is edited, for a key figure that the workbook cannot recompute.
SOLVE_AGAIN = "solve again"
# Characters that Excel accepts in the message of a data validation.
_LONGEST_MESSAGE = 255
_CHOICE = {"input_title": "Choose", "input_message": "Pick one of the list."}
KEPT = "This sheet shows the plan as solved and does not follow edits of this workbook; sheet Economics does."


@dataclass(frozen=True)
class SheetSpec:
    """A sheet to be: its name, what it holds in a line, who writes it, and its title where that is not its name."""

    name: str
    holds: str
    write: Callable[[Sheet, Plan], None]
    title: str = ""


class WorksheetWriter:
    """One worksheet, a cursor on it, and what is needed to name money: currency and price year."""

    def __init__(self, book: Book, page: SheetSpec, contents: Sequence[SheetSpec]) -> None:
        self.contents, self.book, self._language = contents, book, book.language
        name = page.name
        self._name, self._styles, self._fixed = name, book.styles, fixed_classes(name)
        self._fixed_text = fixed_text_classes(name)
        self._sheet = worksheet = book.worksheets[name]
        self._currency, self._price_year = book.plan.problem.currency, book.plan.problem.price_year
        self._row = self._left = 0
        self._link_row: int | None = None
        self._own: TableRange | None = None
        self._layout = Layout()
        # The last row that is printed, counted from 0, and the number of columns.
        self.last_printed_row: int | None = None
        self.n_printed_columns: int | None = None
        # All columns on one page across, so that the years of a table are not divided; upright A3 where several pages
        # of A4 would be needed: the text has the same size.
        self.is_in_one_part = self.may_be_upright = False
        self._stretches: list[TableExtent] = []
        self._sections: list[int] = []
        self._keeps: list[UnbrokenRows] = []
        self._unprinted: set[int] = set()
        self._own_breaks: list[int] = []
        self._below_section = False
        worksheet.set_tab_color(_TAB_COLOURS.get(name, _EVIDENCE_COLOUR))
        worksheet.set_landscape()
        worksheet.set_margins(left=0.3, right=0.3, top=0.35, bottom=0.45)
        worksheet.fit_to_pages(1, 0)
        footer = f"&L&8&A&C&8{book.run.replace('&', '&&')}&R&8{self._language.label('Page &P of &N')}"
        worksheet.set_footer(footer, {"margin": 0.25})
        # Protected against slips, not against people: there is no password.
        worksheet.protect("", _MAY)
        self.title(page.title or name)

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
            self._link_row = self._row
            self._row += 1

    def link_neighbours(self) -> None:
        """Write the links to the sheets before and after, when all are written: hidden sheets are left out."""
        names = [page.name for page in self.shown_pages()]
        if self._link_row is None or self._name not in names:
            return
        for column, step, sign in _NEIGHBOURS:
            at = names.index(self._name) + step
            if 0 < at < len(names):
                self._link(self._link_row, column, names[at], sign.format(names[at]))

    def hide_gridlines(self) -> None:
        """For sheets that are read, not worked on."""
        self._sheet.hide_gridlines(2)

    def shown_pages(self) -> list[SheetSpec]:
        """The pages that are not hidden so far."""
        return [page for page in self.contents if not self.book.worksheets[page.name].hidden]

    def print_on_one_page(self, *, upright: bool = False) -> None:
        """Print on a single page."""
        if upright:
            self._sheet.set_portrait()
        self._sheet.fit_to_pages(1, 1)
        self._sheet.center_horizontally()

    def hide(self, why: str) -> None:
        """Leave out of the tabs and of what is printed; the sheet says why."""
        self._sheet.hide()
        self.hide_gridlines()
        self.paragraph(why)

    def print_parts_to(self, n: int) -> None:
        """Print the first `n` columns only, in parts."""
        self._layout.limit = n

    def leave_unprinted(self, first: int, last: int) -> None:
        """Rows for programs and for who traces a figure, too many to be read on paper; both counted from 0."""
        self._unprinted.update(range(first, last + 1))

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

    def note(self, text: str) -> None:
        """Write a note on the table above or below, in the workbook's language."""
        self.paragraph(text, "note")

    def quotation(self, text: str, style: str = "text") -> None:
        """Running text that somebody else wrote: as it stands in every language."""
        self._layout.wides.append(WideText(self._row, 0, checked_text(text, self._name), style))
        self._row += 1
        self._below_section = False

    def live_line(self, formula: str, value: str, style: str, alarm: str = "", alarm_style: str = "") -> None:
        """A line that a formula of addresses and defined names writes, in another style where `alarm` is true."""
        form = self._styles.get(style)
        self._sheet.merge_range(self._row, 0, self._row, _BANNER_COLUMNS - 1, "", form)
        self._sheet.write_formula(self._row, 0, formula, form, value)
        if self._fixed:
            self.book.fingerprints.record_formula(self._name, self._row, 0, formula)
        if alarm:
            rule = {"type": "formula", "criteria": f"={alarm}", "format": self._styles.get(alarm_style)}
            self._sheet.conditional_format(self._row, 0, self._row, _BANNER_COLUMNS - 1, rule)
        self._row += 1
        self._below_section = False

    def check_results(self, block: TableRange, column: str, broken: str) -> None:
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

    @contextmanager
    def write_at_row(self, row: int) -> Iterator[None]:
        """Write something at another row, then go on here."""
        here = self._row
        self.jump(row)
        yield
        self.jump(here)

    def banner(self) -> None:
        """One line that says whether inputs were changed since the plan was solved."""
        # The words stand in cells of sheet Inputs, so that the formula is the same in every language.
        formula = "=IF(inputs_changed>0,said_when_changed,said_as_solved)"
        self.live_line(formula, self._language.label(AS_SOLVED), "banner", "inputs_changed>0", "alarm")

    def write_fixed_notice(self) -> None:
        """Write that the sheet does not follow edits; the line is highlighted once an input is edited."""
        rule = {"type": "formula", "criteria": "=inputs_changed>0", "format": self._styles.get("alarm")}
        self._sheet.conditional_format(self._row, 0, self._row, _BANNER_COLUMNS - 1, rule)
        self.note(KEPT)

    def choice(self, block: TableRange, column: str, row: str, source: str) -> None:
        """A cell of a table in which one of the values of `source` is chosen."""
        at = (block.rows[row], block.columns[column])
        rule = {"validate": "list", "source": f"={source}"}
        hint = {name: self._language.sentence(text) for name, text in _CHOICE.items()}
        self._sheet.data_validation(*at, *at, rule | hint)

    def choices(self, block: TableRange, column: str, values: Sequence[str], *, also_chinese: bool = False) -> None:
        """A column of which each cell takes one of these values, or none; the reader may know them in Chinese, too."""
        at = block.columns[column]
        message = self._language.sentence(f"One of: {', '.join(values)}.")
        if len(message) > _LONGEST_MESSAGE:
            message = self._language.sentence(_CHOICE["input_message"])
        rule = {"validate": "list", "source": list(values), "error_message": message}
        if also_chinese and self._language.lang != "en":
            rule["error_type"] = "information"
        self._sheet.data_validation(block.first, at, block.last, at, rule)

    def limit_number(
        self, block: TableRange, column: str, row: str, low: float, high: float, *, is_integer: bool = False
    ) -> None:
        """A cell that takes numbers from low to high only, or whole numbers only."""
        at = (block.rows[row], block.columns[column])
        kind, words = ("whole", "A whole number") if is_integer else ("decimal", "A number")
        rule = {"validate": kind, "criteria": "between", "minimum": f"{low:g}", "maximum": f"{high:g}"}
        message = self._language.sentence(f"{words} from {low:,.10g} to {high:,.10g}.")
        self._sheet.data_validation(*at, *at, {**rule, "error_message": message})

    def _text(self, row: int, at: int, text: str, style: str, **changes: object) -> None:
        form = self._styles.get(style, **changes, **quote_format(text))
        self._sheet.write_string(row, at, text, form)

    def _link(self, row: int, at: int, sheet: str, text: str, style: str = "link") -> None:
        self._sheet.write_url(row, at, f"internal:'{sheet}'!A1", self._styles.get(style), string=text)
