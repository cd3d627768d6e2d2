"""Axis titles and orientations of native charts, read from the XML of the workbook."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
import xlsxwriter

from ccs_model.report.language import Language
from ccs_model.report.workbook.native_charts import ChartSpec, draw


def axis(xml: str, tag: str) -> tuple[str, str]:
    """The title and the orientation of an axis."""
    (found,) = re.findall(rf"<c:{tag}>.*?</c:{tag}>", xml, re.DOTALL)
    (title,), (orientation,) = re.findall(r"<a:t>(.*?)</a:t>", found), re.findall(r'orientation val="(\w+)"', found)
    return title, orientation


@pytest.mark.parametrize(("kind", "orientation"), [("bars", "maxMin"), ("shares", "maxMin"), ("stacked", "minMax")])
def test_category_and_value_axes_have_their_titles_and_orientations(
    tmp_path: Path, kind: str, orientation: str
) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "book.xlsx"))
    sheet = book.add_worksheet("S")
    sheet.write_column(0, 0, ["one", "two"])
    sheet.write_column(0, 1, [0.25, 1.0])
    series = (("Share", ["S", 0, 0, 1, 0], ["S", 0, 1, 1, 1], "#1B5E8A"),)
    draw(book, sheet, 3, 0, ChartSpec("Plants", kind, series, "Plant", "Part", "Two plants."), Language(), 1000)
    book.close()
    with zipfile.ZipFile(tmp_path / "book.xlsx") as archive:
        xml = archive.read("xl/charts/chart1.xml").decode()
    # Horizontal bars show the first category at the top.
    assert axis(xml, "catAx") == ("Plant", orientation)
    assert axis(xml, "valAx") == ("Part", "minMax")
    if kind == "shares":
        (values,) = re.findall(r"<c:valAx>.*?</c:valAx>", xml, re.DOTALL)
        assert 'c:max val="1"' in values and 'formatCode="0%"' in values
