"""Tables as the sheets declare them: columns with a name that ends in its unit, and rows as mappings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from ccs_model.report.style import CALCULATION, SOLVER, CellClass
from ccs_model.units import label_of, unit_text

# Where a name without its unit says too little for a heading.
_LABELS = {
    "cut_share": "Cut share",
    "direct_cut_share": "Direct cut share",
    "uncalibrated_cut_share": "Uncalibrated cut share",
    "reported_cut_share": "Reported cut share",
    "co2_share": "CO2 by volume",
    "reference_co2_share": "Reference CO2 by volume",
    "share": "Share built",
    "year": "Year",
    "n_years": "Years in period",
    "n_started": "Retrofits started",
    "n_plants": "Plants looked at",
    "n_trains": "Trains",
    "lat_deg": "Latitude",
    "lon_deg": "Longitude",
    "vat_share": "VAT",
    "grid_kg_per_kwh": "CO2 of grid power",
    "fuel_t_per_gj": "CO2 of fuel",
    "name_zh": "Name (Chinese)",
    "length_km": "Pipe length",
    "power_per_kwh": "Price of power",
    "steam_per_gj": "Price of steam",
}


@dataclass(frozen=True)
class Column:
    """One column. Its heading, unit and number format follow from `name`.

    cell_class   None: observed or assumed, as the quality of each row says
    optional     an empty cell means "not applicable"; elsewhere a missing value is an error
    unit, form   only where the suffix tells neither the unit nor the number format
    widest       text beyond this many letters wraps
    wide         the last column: its text reaches across the sheet and asks for no width of its own
    """

    name: str
    cell_class: CellClass | None = CALCULATION
    label: str = ""
    optional: bool = False
    unit: str | None = None
    form: str = ""
    widest: int = 40
    wide: bool = False

    @property
    def heading(self) -> str:
        """Words above the column."""
        return self.label or _LABELS.get(self.name) or label_of(self.name)


@dataclass(frozen=True)
class Cell:
    """A value that does not look like the rest of its column: its own unit, class, style, or a link to a sheet.

    `unlocked` marks an input that may be changed in the workbook.
    """

    value: object
    name: str = ""
    cell_class: CellClass | None = None
    style: str = "cell"
    sheet: str = ""
    unlocked: bool = False


def label(name: str) -> str:
    """The heading of a name, for where it stands in a row."""
    return Column(name).heading


def columns_of(
    frame: pd.DataFrame,
    cell_class: CellClass | None = SOLVER,
    *,
    classes: dict[str, CellClass] | None = None,
    optional: Collection[str] = (),
    widest: int = 20,
) -> list[Column]:
    """A column for each of the frame's."""
    return [
        Column(name, (classes or {}).get(name, cell_class), optional=name in optional, widest=widest) for name in frame
    ]


def data_columns(frame: pd.DataFrame) -> list[Column]:
    """Columns of a table of inputs; its money is the row's own, named in the columns beside it.

    What a table needs was checked when it was read, so that an empty cell here always means "not applicable".
    """
    names = [name for name in frame if name != "line"]
    money = "price_year" in names
    return [
        Column(
            name,
            None,
            optional=True,
            unit=own_money(name) if money else None,
            widest=24,
            wide=name == "note",
        )
        for name in names
    ]


def own_money(name: str) -> str:
    """The unit of a quantity whose currency and price year stand in the row."""
    return unit_text(name, "own money")
