"""What of a sheet is printed, on which pages: columns of wide tables by parts, and no section cut off from its rows.

A part is as many columns as a page shows in readable print. The first holds titles, running text and the left columns
of all tables; each further one holds, of the tables that reach so far and of nothing else, their columns beside the
first ones again. Parts are ranges of the print area, so that spreadsheets print them the same way.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Paper(NamedTuple):
    """Number in the file format; width and height within the margins, in points."""

    number: int
    across: float
    down: float


# Upright A3 is as wide as landscape A4 and more than twice as long.
A4, A3, UPRIGHT_A3 = Paper(9, 798.0, 537.0), Paper(8, 1147.0, 784.0), Paper(8, 798.0, 1132.0)
# Cells of 10 points are printed in no less than about 6. Some programs make columns up to 6 % wider than Excel does.
_SMALLEST, _SPARE = 0.6, 0.95
PIXELS_A_DIGIT, _PIXELS_A_COLUMN, _POINTS_A_PIXEL = 7, 5, 0.75
# Rows of a section that stand with its heading. What takes up to such a share of a page is not cut: the largest
# share that needs no more pages than the smallest.
_ROWS_WITH_HEADING = 8
_UNCUT_SHARES = (0.67, 0.5, 0.35, 0.2)
# Programs differ in the height of rows; a chart that just fits by the heights known here may be cut.
_ROOM_SHARE = 0.9
# Of a table beside the main one: more rows are for the screen, since nothing heads them on further pages.
PRINTED_BESIDE = 100


@dataclass(frozen=True)
class TableExtent:
    """The rows of a table with its head and totals, and its last column, all counted from 0.

    The texts of a last column that `runs_on` reach to the edge of its part.
    """

    top: int
    bottom: int
    right: int
    runs_on: bool = False


@dataclass(frozen=True)
class UnbrokenRows:
    """Rows that stand together on a page; a chart always does."""

    top: int
    bottom: int
    is_chart: bool = False


def max_page_pixels(paper: Paper) -> int:
    """Pixels across a page that are printed in readable size."""
    return round(_SPARE * paper.across / _SMALLEST / _POINTS_A_PIXEL)


def paper_for(widths: Sequence[int]) -> Paper:
    """A4 where these columns are readable side by side, else A3."""
    return A4 if pixels_across(widths) <= max_page_pixels(A4) else A3


def parts(widths: Sequence[int], n_repeated: int, paper: Paper) -> list[tuple[int, int]]:
    """First and last column of each part; the first `n_repeated` columns are repeated in each part but the first.

    `widths` in digits. As few parts as keep to the widest that is readable, and those as even as may be; where no
    column is repeated, there is one part.
    """
    if not n_repeated:
        return [(0, len(widths) - 1)]
    most = max_page_pixels(paper)
    found = _parts(widths, n_repeated, most)
    for fewer in range(most - PIXELS_A_DIGIT, 0, -PIXELS_A_DIGIT):
        evener = _parts(widths, n_repeated, fewer)
        if len(found) == 1 or len(evener) > len(found):
            break
        found = evener
    return found


def _parts(widths: Sequence[int], n_repeated: int, most: float) -> list[tuple[int, int]]:
    again = pixels_across(widths[:n_repeated])
    found, first, used = [], 0, 0.0
    for column, width in enumerate(widths):
        pixels = pixels_across([width])
        if used + pixels > most and column > max(first, n_repeated):
            found.append((first, column - 1))
            first, used = column, again
        used += pixels
    return [*found, (first, len(widths) - 1)]


def _printed_rows(top: int, bottom: int, unprinted: Collection[int]) -> list[tuple[int, int]]:
    """First and last row of each stretch of the rows from `top` to `bottom` that are printed."""
    found: list[tuple[int, int]] = []
    for row in range(top, bottom + 1):
        if row not in unprinted:
            is_next = bool(found) and found[-1][1] == row - 1
            found.append((found.pop()[0] if is_next else row, row))
    return found


def area(
    stretches: Sequence[TableExtent], columns: Sequence[tuple[int, int]], last_row: int, unprinted: Collection[int]
) -> list[tuple[int, int, int, int]]:
    """Ranges to print, each (first row, first column, last row, last column): the first part, then each further one.

    Rows that are `unprinted` are in none of them.
    """
    ranges = [(first, 0, last, columns[0][1]) for first, last in _printed_rows(0, last_row, unprinted)]
    for left, right in columns[1:]:
        ranges += [
            (first, left, last, right if each.runs_on else min(right, each.right))
            for each in sorted(stretches, key=lambda stretch: stretch.top)
            if each.right >= left
            for first, last in _printed_rows(each.top, min(each.bottom, last_row), unprinted)
        ]
    return ranges


def pixels_across(widths: Sequence[int]) -> float:
    """How wide columns are on a screen; `widths` in digits."""
    return float(sum(widths) * PIXELS_A_DIGIT + len(widths) * _PIXELS_A_COLUMN)


def page_rows_points(widths: Sequence[int], columns: Sequence[tuple[int, int]], n_repeated: int, paper: Paper) -> float:
    """Height of the rows that a page holds when it is made as small as its widest part asks for."""
    across = 0.0
    for at, (left, right) in enumerate(columns):
        shown = [*(widths[:n_repeated] if at else ()), *widths[left : right + 1]]
        across = max(across, pixels_across(shown))
    return paper.down * max(1.0, across * _POINTS_A_PIXEL / paper.across)


def breaks(
    sections: Sequence[UnbrokenRows],
    keeps: Sequence[UnbrokenRows],
    points: float,
    heights: Sequence[float],
    given: Collection[int] = (),
) -> list[int]:
    """Rows that begin a page, so that no heading stands at its foot and as little as may be is cut.

    `keeps` that take most of a page are cut where they must be. `sections` from their heading to their last row, in
    order; `points` is what a page holds, `heights` those of the rows; rows that are `given` begin a page anyhow.
    """
    tried = [_breaks(sections, keeps, points, heights, given, share * points) for share in _UNCUT_SHARES]
    return min(tried, key=lambda each: each[1])[0]


def _breaks(
    sections: Sequence[UnbrokenRows],
    keeps: Sequence[UnbrokenRows],
    points: float,
    heights: Sequence[float],
    given: Collection[int],
    uncut_points: float,
) -> tuple[list[int], int]:
    """The same where what takes up to `uncut_points` is not cut, and the number of pages."""

    def fits(each: UnbrokenRows) -> bool:
        return sum(heights[each.top : each.bottom + 1]) <= (points if each.is_chart else uncut_points)

    keeps, wholes = [each for each in keeps if fits(each)], []
    for each in sections:
        bottom = each.bottom if fits(each) else min(each.bottom, each.top + _ROWS_WITH_HEADING)
        bottom = max([bottom, *(keep.bottom for keep in keeps if each.top <= keep.top <= bottom)])
        wholes.append(UnbrokenRows(each.top, bottom))
    starts: dict[int, int] = {}
    for keep in (*wholes, *keeps):
        starts[keep.top] = max(starts.get(keep.top, 0), keep.bottom)
    charts = {each.top for each in keeps if each.is_chart}
    found, used, n_pages = [], 0.0, 1
    for row in range(len(heights)):
        room = points * (_ROOM_SHARE if row in charts else 1.0)
        if row in given or (row in starts and used and used + sum(heights[row : starts[row] + 1]) > room):
            found.append(row)
            used, n_pages = 0.0, n_pages + 1
        if used + heights[row] > points:
            used, n_pages = 0.0, n_pages + 1
        used += heights[row]
    return found, n_pages
