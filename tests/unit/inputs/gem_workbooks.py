"""Small workbooks in the layout of the GEM steel tracker (both generations of headings) and chemicals inventory."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import openpyxl

OLD, NEW = "old", "new"
_PLANT = {
    OLD: {
        "id": "Plant ID", "name": "Plant name (English)", "local": "Plant name (other language)",
        "also": "Other plant names (English)", "parent": "Parent", "address": "Location address",
        "town": "Municipality", "state": "Subnational unit (province/state)", "country": "Country/Area",
        "address_zh": "Other language location address", "place": "Coordinates", "accuracy": "Coordinate accuracy",
        "start": "Start date", "coke": "Coking plant capacity (ttpa)",
    },
    NEW: {
        "id": "GEM plant ID", "name": "Plant Name (English)", "local": "Plant Name (Other Language)",
        "also": "Other Plant Names (English)", "parent": "PARENT", "address": "Location Address",
        "town": "municipality", "state": "Subnational unit", "country": "Country/area",
        "address_zh": "Other Language Location Address", "place": "coordinates", "accuracy": "Coordinate Accuracy",
        "start": "Start Date", "coke": "Coking Plant Capacity (ttpa)",
    },
}  # fmt: skip
_CAPACITY = {
    OLD: {
        "id": "Plant ID", "status": "Status", "crude": "Nominal crude steel capacity (ttpa)",
        "bof": "Nominal BOF steel capacity (ttpa)", "eaf": "Nominal EAF steel capacity (ttpa)",
        "ohf": "Nominal OHF steel capacity (ttpa)", "bf": "Nominal BF capacity (ttpa)",
        "dri": "Nominal DRI capacity (ttpa)",
    },
    NEW: {
        "id": "GEM plant ID", "status": "status", "crude": "Nominal Crude Steel Capacity (ttpa)",
        "bof": "Nominal BOF Steel Capacity (ttpa)", "eaf": "Nominal EAF Steel Capacity (ttpa)",
        "ohf": "Nominal IF Steel Capacity (ttpa)", "bf": "Nominal BF Capacity (ttpa)",
        "dri": "Nominal DRI Capacity (ttpa)",
    },
}  # fmt: skip
# Two real places; the plant data are invented for the tests.
WORKS: Sequence[Mapping[str, Any]] = (
    {
        "id": "P1", "name": "Ruhr works", "local": "Ruhrwerk", "also": "Old Ruhr", "parent": "Ruhr AG [100.0%]",
        "address": "unknown", "town": "Duisburg", "state": "North Rhine-Westphalia", "country": "Germany",
        "address_zh": None, "place": "51.4890000, 6.7310004", "accuracy": "exact", "start": "1891", "coke": ">0",
    },
    {
        "id": "P2", "name": "Saar works", "local": None, "also": None, "parent": "unknown", "address": None,
        "town": "Dillingen", "state": "Saarland", "country": "Germany", "address_zh": None,
        "place": "49.3560, 6.7470", "accuracy": "approximate", "start": "unknown", "coke": "N/A",
    },
)  # fmt: skip
CAPACITIES: Sequence[Mapping[str, Any]] = (
    {"id": "P1", "status": "operating", "crude": 5000, "bof": 4000, "eaf": "N/A", "ohf": 1000, "bf": 3500, "dri": None},
    {"id": "P1", "status": "operating pre-retirement", "crude": 1500, "bof": 1500, "eaf": 0, "ohf": None, "bf": 1200},
    {"id": "P1", "status": "announced", "crude": 2500, "bof": None, "eaf": 2500, "ohf": None, "bf": None, "dri": 2300},
    {"id": "P2", "status": "operating", "crude": ">0", "bof": None, "eaf": ">0", "ohf": None, "bf": "unknown"},
)


def plant_book(
    generation: str = OLD,
    works: Sequence[Mapping[str, Any]] = WORKS,
    capacities: Sequence[Mapping[str, Any]] = CAPACITIES,
    about: str = "Global Iron and Steel Tracker, September 2025 (V1)",
) -> bytes:
    """Return a workbook of steel plants."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    book.create_sheet("About").append([None, about])
    _fill(book.create_sheet("Plant data"), _PLANT[generation], works)
    _fill(book.create_sheet("Plant capacities and status"), _CAPACITY[generation], capacities)
    book.create_sheet("Plant production").append(["Plant ID", 2019, 2020])
    return _bytes_of(book)


def unit_book(sheets: Mapping[str, Sequence[Sequence[Any]]]) -> bytes:
    """Return a workbook of furnaces; rows are unit, plant, name, status, capacity, relining."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    headings = ("GEM Unit ID", "GEM Plant ID", "Unit Name", "Unit Status", "Current Capacity (ttpa)")
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        sheet.append([*headings, "Most Recent Relining"])
        for row in rows:
            sheet.append(list(row))
    return _bytes_of(book)


def _fill(sheet: Any, headings: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
    sheet.append([*headings.values()])
    for row in rows:
        sheet.append([row.get(key) for key in headings])


def _bytes_of(book: openpyxl.Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


# The workbook of the chemicals inventory is not available here; its headings follow public descriptions.
_CHEMICAL = {
    "id": "GEM plant ID", "name": "Plant name (English)", "local": "Plant name (other language)",
    "owner": "Owner (English)", "entity": "Owner GEM entity ID", "town": "Municipality", "state": "Subnational unit",
    "country": "Country/area", "iso": "ISO3 code", "place": "Coordinates", "accuracy": "Coordinate accuracy",
    "products": "Primary products", "second": "Secondary products", "feedstock": "Feedstock",
}  # fmt: skip
# The first lies about 1 km from NH3_36 and MEOH_32 of the shipped table; owners and other plants are invented.
CHEMICALS: Sequence[Mapping[str, Any]] = (
    {
        "id": "C1", "name": "Anhui JinCoal Zhongneng Fuyang Chemical Plant", "local": "安徽晋煤中能化工",
        "owner": "JinCoal", "town": "Fuyang", "state": "Anhui", "country": "China", "place": "33.0611, 115.2887",
        "accuracy": "exact",
        "products": "ammonia; methanol", "feedstock": "coal",
    },
    {
        "id": "C2", "name": "Rhine Ammonia Plant", "local": "Rheinwerk", "owner": "unknown", "town": "Köln",
        "state": "North Rhine-Westphalia", "country": "Germany", "place": "51.0800, 6.8400", "accuracy": "approximate",
        "products": "ethylene, propylene", "second": "Ammonia", "feedstock": "natural gas",
    },
    {
        "id": "C3", "name": "Lausitz Methanol Plant", "country": "Germany", "state": "Saxony",
        "place": "51.53, 14.35", "products": "methanol", "feedstock": "hydrogen; biomass",
    },
    {
        "id": "C4", "name": "Elbe Cracker", "country": "Germany", "state": "Saxony-Anhalt", "place": "51.4, 11.98",
        "products": "ethylene; benzene", "feedstock": "naphtha",
    },
)  # fmt: skip


def chemicals_book(
    plants: Sequence[Mapping[str, Any]] = CHEMICALS,
    about: str = "Global Chemicals Inventory, November 2025 (V1)",
    headings: Mapping[str, str] | None = None,
) -> bytes:
    """Return a workbook in the layout of the chemicals inventory; `headings` renames some headings."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    book.create_sheet("About").append([None, about])
    _fill(book.create_sheet("Plant data"), _CHEMICAL | dict(headings or {}), plants)
    return _bytes_of(book)
