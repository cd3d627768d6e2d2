"""Workbooks and scenarios of a user: three steel works near Shijiazhuang, and helpers that write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from ccs_model.scenario import Scenario

# In a workbook plant is column A, name B, latitude E, longitude F, status H, crude steel I, coke ovens L.
Rows = Sequence[Sequence[Any]]
WriteBook = Callable[..., Path]


@pytest.fixture
def write_book(tmp_path: Path) -> WriteBook:
    """Write a workbook of sheets of rows into the test's folder."""

    def make(name: str = "mine.xlsx", **sheets: Rows) -> Path:
        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(list(row))
        book.save(tmp_path / name)
        return tmp_path / name

    return make


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[..., Path]:
    """Write rows as CSV into the test's folder."""

    def make(rows: Rows, name: str = "mine.csv", sign: str = ",", end: str = "\n", encoding: str = "utf-8") -> Path:
        text = "".join(sign.join("" if cell is None else str(cell) for cell in row) + end for row in rows)
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text.encode(encoding))
        return tmp_path / name

    return make


@pytest.fixture
def scenario(tmp_path: Path) -> Callable[..., Scenario]:
    """A scenario in the test's folder with an inventory and perhaps a data folder."""
    from ccs_model.scenario import read_scenario

    def make(*inventory: str, data: str | None = None) -> Scenario:
        listed = ", ".join(inventory) or "steel, chemicals"
        lines = ["name: Mine", f"plants: {{inventory: [{listed}]}}", "years: [2026, 2030]", "budget: {total_mn: 1000}"]
        lines += [f"data: {data}"] if data else []
        path = tmp_path / "scenario.yaml"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return read_scenario(path)

    return make
