"""Colours of sectors in the charts of the workbook."""

from __future__ import annotations

from ccs_model.inputs import Inputs
from ccs_model.report.workbook.native_charts import SECTOR_COLOURS, lighten_colour, sector_colours


def test_each_sector_of_the_table_has_its_own_colour(inputs: Inputs) -> None:
    assert set(SECTOR_COLOURS) == {"steel", "chemicals", *inputs["streams/source_sectors"]["sector"]}
    colours = sector_colours([*SECTOR_COLOURS, "glass", "bricks"])
    assert len(set(colours.values())) == len(colours) == len(SECTOR_COLOURS) + 2


def test_pale_colours_are_nearer_to_white() -> None:
    assert lighten_colour("#000000") == "#B2B2B2" and lighten_colour("#FFFFFF") == "#FFFFFF"
