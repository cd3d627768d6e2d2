"""Paper sizes, print areas and page breaks of sheets, compared with hand calculations."""

from __future__ import annotations

import pytest

from ccs_model.report.workbook.printed_pages import (
    A3,
    A4,
    UPRIGHT_A3,
    TableExtent,
    UnbrokenRows,
    area,
    breaks,
    max_page_pixels,
    page_rows_points,
    paper_for,
    parts,
    pixels_across,
)


def test_paper_size_keeps_printed_text_at_about_six_points() -> None:
    # Landscape A4 is 297 mm wide and A3 420, with margins of 0.3 inches. At 6 of 10 points, 10 / 6 of the width fits.
    for paper, mm in ((A4, 297), (A3, 420)):
        points = (mm / 25.4 - 0.6) * 72
        shown = points * 10 / 6
        assert 0.93 * shown < max_page_pixels(paper) * 0.75 < 0.97 * shown
    assert paper_for([100, 100]) == A4 and paper_for([200, 100]) == A3
    assert pixels_across([100, 100]) < max_page_pixels(A4) < pixels_across([200, 100]) < max_page_pixels(A3)


def test_parts_with_repeated_columns_fit_the_width_of_a_page() -> None:
    # Two columns of 30 digits take 430 of 1,685 pixels and leave room for 16 columns of 10 digits. 40 columns need
    # three parts, which are of even width: 14 columns in the first two and 12 in the last.
    widths = [30, 30, *[10] * 40]
    assert max_page_pixels(A4) == 1685
    assert parts(widths, 2, A4) == [(0, 15), (16, 29), (30, 41)]
    assert parts(widths, 0, A4) == [(0, 41)]
    assert parts([10, 20], 1, A4) == [(0, 1)]
    # A column that is wider than a page is a separate part.
    assert parts([10, 300, 10], 1, A4) == [(0, 1), (2, 2)]


def test_further_parts_print_only_the_tables_that_reach_them() -> None:
    columns = [(0, 3), (4, 7), (8, 9)]
    tables = [TableExtent(5, 20, 8), TableExtent(25, 30, 2), TableExtent(35, 40, 4)]
    assert area(tables, columns, 50, []) == [(0, 0, 50, 3), (5, 4, 20, 7), (35, 4, 40, 4), (5, 8, 20, 8)]
    # Text that runs beyond the last column is printed to the edge of its part and not on later parts.
    assert area([TableExtent(5, 20, 4, runs_on=True)], columns, 50, []) == [(0, 0, 50, 3), (5, 4, 20, 7)]
    # Excluded rows are in no range.
    assert area(tables, columns, 50, range(34, 51)) == [(0, 0, 33, 3), (5, 4, 20, 7), (5, 8, 20, 8)]
    assert area(tables, columns, 50, range(10, 19))[2:4] == [(5, 4, 9, 7), (19, 4, 20, 7)]
    unprinted = {*range(3, 10), *range(34, 46)}
    assert area(tables, columns[:1], 50, unprinted) == [(0, 0, 2, 3), (10, 0, 33, 3), (46, 0, 50, 3)]


def test_a_wider_sheet_has_more_rows_a_page() -> None:
    # A digit has 7 pixels, a column 5 more, and a pixel 0.75 points; A4 shows 798 by 537 points, A3 1,147 by 784.
    assert pixels_across([10, 10]) == 150
    assert page_rows_points([10, 10], [(0, 1)], 0, A4) == 537
    assert page_rows_points([204, 85], [(0, 1)], 0, A4) == pytest.approx(537 * (289 * 7 + 10) * 0.75 / 798)
    assert page_rows_points([100, 100, 189], [(0, 1), (2, 2)], 1, A4) == pytest.approx(537 * 2033 * 0.75 / 798)
    assert page_rows_points([204, 85], [(0, 1)], 0, A3) == pytest.approx(784 * 2033 * 0.75 / 1147)
    # Portrait A3 is as wide as landscape A4, with the same text size and more than twice the rows.
    assert max_page_pixels(UPRIGHT_A3) == max_page_pixels(A4)
    assert page_rows_points([204, 10], [(0, 1)], 0, UPRIGHT_A3) > 2 * page_rows_points([204, 10], [(0, 1)], 0, A4)


def test_page_breaks_keep_headings_with_their_rows_and_short_sections_whole() -> None:
    heights = [10.0] * 40
    # Ten rows per page. A section of five rows from row 7 would be split; the next section of three rows fits below it.
    assert breaks([UnbrokenRows(7, 11), UnbrokenRows(12, 14)], [], 100, heights) == [7]
    # A section of 20 rows is always split, after its heading and the rows kept with it if those fit.
    assert breaks([UnbrokenRows(1, 20)], [], 100, heights) == []
    assert breaks([UnbrokenRows(4, 23)], [], 100, heights) == [4]
    # A chart outside a section; a required page break; rows that are not printed take no space.
    assert breaks([], [UnbrokenRows(8, 12, is_chart=True)], 100, heights) == [8]
    assert breaks([], [UnbrokenRows(8, 12, is_chart=True)], 100, heights, {6}) == [6]
    assert breaks([UnbrokenRows(7, 11)], [], 100, [0.0 if 2 <= row <= 6 else 10.0 for row in range(20)]) == []


def test_table_is_split_if_that_saves_a_page() -> None:
    # Ten rows per page: five tables of six rows take a page each, or three pages if they are split.
    tables = [UnbrokenRows(6 * at, 6 * at + 5) for at in range(5)]
    assert breaks([], tables[:1], 100, [10.0] * 6) == []
    assert breaks([], [UnbrokenRows(2, 7), UnbrokenRows(8, 13)], 100, [10.0] * 14) == [8]
    assert breaks([], tables, 100, [10.0] * 30) == []
