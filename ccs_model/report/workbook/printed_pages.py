"""What of a sheet is printed, on which pages: columns of wide tables by parts, and no section cut off from its rows.

A part is as many columns as a page shows in readable print. The first holds titles, running text and the left columns
of all tables; each further one holds, of the tables that reach so far and of nothing else, their columns beside the
first ones again. Parts are ranges of the print area, so that spreadsheets print them the same way.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

# So many digits across an A4 page lying down are printed in about 6 points, which is the smallest that is easy to read.
WIDEST_PART = 235
_PIXELS_A_DIGIT, _PIXELS_A_COLUMN = 7, 5
_PAGE_PIXELS, _PAGE_POINTS = 1040.0, 510.0
# So many rows of a section stand with its heading; what takes less than two thirds of a page is not cut at all.
_ROWS_WITH_HEADING = 8
_UNCUT_SHARE = 0.67
# Of a table beside the main one: more rows are for the screen, since nothing heads them on further pages.
PRINTED_BESIDE = 100


@dataclass(frozen=True)
class Stretch:
    """The rows of a table with its head and totals, and its first and last column, all counted from 0.

    The texts of a last column that `runs_on` reach to the edge of its part.
    """

    top: int
    bottom: int
    left: int
    right: int
    runs_on: bool = False


@dataclass(frozen=True)
class Keep:
    """Rows that stand together on a page."""

    top: int
    bottom: int


def parts(widths: Sequence[int], n_repeated: int) -> list[tuple[int, int]]:
    """First and last column of each part, of which the `n_repeated` first columns come again in each but the first.

    `widths` in digits. As few parts as keep to the widest that is readable, and those as even as may be; where no
    column is repeated, there is one part.
    """
    if not n_repeated:
        return [(0, len(widths) - 1)]
    found = _parts(widths, n_repeated, WIDEST_PART)
    for widest in range(WIDEST_PART - 1, 0, -1):
        evener = _parts(widths, n_repeated, widest)
        if len(found) == 1 or len(evener) > len(found):
            break
        found = evener
    return found


def _parts(widths: Sequence[int], n_repeated: int, widest: int) -> list[tuple[int, int]]:
    again = sum(widths[:n_repeated])
    found, first, used = [], 0, 0
    for column, width in enumerate(widths):
        if used + width > widest and column > max(first, n_repeated):
            found.append((first, column - 1))
            first, used = column, again
        used += width
    return [*found, (first, len(widths) - 1)]


def united(rows: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same (first, last) rows in order, those that touch or overlap as one."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(rows):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def _but(top: int, bottom: int, left_out: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The rows from `top` to `bottom` without those left out, which are in order and apart."""
    found, row = [], top
    for first, last in [*left_out, (bottom + 1, bottom + 1)]:
        if row < min(first, bottom + 1):
            found.append((row, min(first - 1, bottom)))
        row = max(row, last + 1)
    return found


def area(
    stretches: Sequence[Stretch], columns: Sequence[tuple[int, int]], last_row: int, left_out: Sequence[tuple[int, int]]
) -> list[tuple[int, int, int, int]]:
    """Ranges to print, each (first row, first column, last row, last column): the first part, then each further one.

    `left_out` are (first, last) rows that are not printed, in order and apart from one another.
    """
    ranges = [(first, 0, last, columns[0][1]) for first, last in _but(0, last_row, left_out)]
    for left, right in columns[1:]:
        ranges += [
            (first, left, last, right if each.runs_on else min(right, each.right))
            for each in sorted(stretches, key=lambda stretch: stretch.top)
            if each.right >= left
            for first, last in _but(each.top, each.bottom, left_out)
        ]
    return ranges


def pixels_across(widths: Sequence[int]) -> float:
    """How wide columns are on a screen; `widths` in digits."""
    return float(sum(widths) * _PIXELS_A_DIGIT + len(widths) * _PIXELS_A_COLUMN)


def page_rows_points(widths: Sequence[int], columns: Sequence[tuple[int, int]], n_repeated: int) -> float:
    """Height of the rows that a page holds when it is made as small as its widest part asks for."""
    across = 0.0
    for at, (left, right) in enumerate(columns):
        shown = [*(widths[:n_repeated] if at else ()), *widths[left : right + 1]]
        across = max(across, pixels_across(shown))
    return _PAGE_POINTS * max(1.0, across / _PAGE_PIXELS)


def breaks(
    sections: Sequence[Keep],
    keeps: Sequence[Keep],
    points: float,
    heights: Sequence[float],
    given: Collection[int] = (),
) -> list[int]:
    """Rows that begin a page, so that no heading stands at its foot and nothing of `keeps` is cut.

    `keeps` that take most of a page are cut where they must be. `sections` from their heading to their last row, in
    order; `points` is what a page holds, `heights` those of the rows; rows that are `given` begin a page anyhow.
    """

    def fits(each: Keep) -> bool:
        return sum(heights[each.top : each.bottom + 1]) <= _UNCUT_SHARE * points

    keeps, wholes = [each for each in keeps if fits(each)], []
    for each in sections:
        bottom = each.bottom if fits(each) else min(each.bottom, each.top + _ROWS_WITH_HEADING)
        bottom = max([bottom, *(keep.bottom for keep in keeps if each.top <= keep.top <= bottom)])
        wholes.append(Keep(each.top, bottom))
    starts: dict[int, int] = {}
    for keep in (*wholes, *keeps):
        starts[keep.top] = max(starts.get(keep.top, 0), keep.bottom)
    found, used = [], 0.0
    for row in range(len(heights)):
        if row in given or (row in starts and used and used + sum(heights[row : starts[row] + 1]) > points):
            found.append(row)
            used = 0.0
        used = used + heights[row] if used + heights[row] <= points else heights[row]
    return found
