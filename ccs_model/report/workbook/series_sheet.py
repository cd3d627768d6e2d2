"""Series: what changes from year to year, the years across. Carbon price and social cost may be changed here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

import numpy as np
import pandas as pd

from ccs_model._typing import Floats
from ccs_model.economics.investment import discount_factor
from ccs_model.economics.policy import price_path
from ccs_model.plan.plan import Plan
from ccs_model.problem import Problem
from ccs_model.problem.owner_accounts import OWN_SERIES
from ccs_model.report.workbook.columns import (
    CLASS_OF,
    OBSERVED,
    SOLVER,
    WORDS,
    Cell,
    CellClass,
    Column,
    declared_rows,
    table_columns,
)
from ccs_model.report.workbook.formulas import Formula
from ccs_model.report.workbook.sheet import Row, Sheet, SheetSpec

Value = TypeVar("Value")

# Rows that other sheets name.
NAMED = {
    "when": "calendar_year",
    "discount": "discount_factor",
    "social": "social_discount_factor",
    "carbon": "carbon_price_per_t",
    "damage": "social_cost_per_t",
}
# Rows that are read back from an edited workbook.
_READ_BACK = {
    "price": "carbon_price_input",
    "price_solved": "carbon_price_solved",
    "damage_input": "social_cost_input",
    "damage_solved": "social_cost_solved",
}
# Rows that act on accounts alone, which a static year has none of.
_OF_ACCOUNTS = ("social", "carbon", "damage_factor", "damage_input", "damage_solved", "damage")


def years_of(problem: Problem) -> list[int]:
    """Every year of the horizon, and the first after it, when books are closed."""
    return [int(year) for year in (*problem.calendar, problem.horizon_end)]


def year_column(year: int) -> str:
    """Name of a year's column."""
    return f"y{year}"


def values_by_year(problem: Problem, values: Iterable[Value]) -> dict[str, Value]:
    """A value of every year, by the name of the year's column."""
    return dict(zip(map(year_column, years_of(problem)), values, strict=True))


def year_columns(problem: Problem) -> list[Column]:
    """A column a year; the last is the horizon's end."""
    end = problem.horizon_end
    return [
        Column(year_column(year), WORDS, f"{year} (end)" if year == end else f"{year}", optional=True, is_period=True)
        for year in years_of(problem)
    ]


def year_span(problem: Problem) -> str:
    """Template of the cells of a row from the first year to the last."""
    first, *_, last = years_of(problem)
    return f"{{{year_column(first)}}}:{{{year_column(last)}}}"


def carbon_price_per_t(problem: Problem) -> Floats:
    """The scenario's carbon price in every year, whether or not a captured tonne earns it."""
    return np.asarray(price_path(problem.scenario.policy.carbon_price_per_t, np.array(years_of(problem))), dtype=float)


def write_series(sheet: Sheet, plan: Plan) -> None:
    """Years, discount factors, carbon price, social cost; then grid factors and prices of the provinces used."""
    problem = plan.problem
    sheet.banner()
    sheet.paragraph(
        "The first year is the representative one. You can change its carbon price in the shaded cell; sheet MACC "
        "compares it with the costs."
        if problem.is_static
        else "Years run across, in the same columns as on sheet CashFlow. The last column is the end of the horizon, "
        "when salvage values, closure and loans are settled. You can change the carbon price and the social cost of "
        "carbon in the shaded cells."
    )
    sheet.is_in_one_part = True
    columns = [*table_columns("series"), *year_columns(problem)]
    live = [row for row in _live_series(sheet, problem) if not (problem.is_static and row["id"] in _OF_ACCOUNTS)]
    # What the plan avoids in each year: the period's yearly mean.
    by_period = plan.by_year.set_index("year")["avoided_ktpa"].reindex(problem.years, fill_value=0.0)
    at = np.searchsorted(problem.years, problem.calendar, side="right") - 1
    avoided = np.r_[by_period.to_numpy(float)[at], 0.0]
    texts = {"series": "Avoided in the plan", "reference": "solver", "note": "annual mean of the period"}
    of_plan = _row(sheet, problem, {"id": "avoided", **texts}, "avoided_kt", SOLVER, avoided)
    rows = [*live, of_plan, *_observed_series(sheet, problem)]
    block = sheet.table(columns, rows, main=True, frozen=2, key="series")
    for row, name in NAMED.items():
        if row in block.rows:
            sheet.book.define(name, block.row(row))
    sheet.book.mark(**{name: block.row(row) for row, name in _READ_BACK.items() if row in block.rows})


def _row(
    sheet: Sheet, problem: Problem, texts: Mapping[str, str], name: str, kind: CellClass, values: Floats,
    formula: str = "", *, is_live: bool = False,
) -> Row:  # fmt: skip
    """One series: its `texts`, and its values by year or a formula of them.

    An input that `is_live` may be changed. Nothing follows from the year after a static one.
    """
    last = problem.horizon_end - problem.is_static
    cells = (
        Cell(Formula(formula, float(value)) if formula else float(value), name, kind, unlocked=is_live and year <= last)
        for year, value in zip(years_of(problem), values, strict=True)
    )
    unknown = {"place": "", "reference": "", "note": ""}
    return {**unknown, **texts, "unit": sheet.unit(name), "class": kind.letter, **values_by_year(problem, cells)}


def _live_series(sheet: Sheet, problem: Problem) -> Iterator[Row]:
    """The series of series.csv: years, discount factors, carbon price and social cost of carbon."""
    years, policy, damages = np.array(years_of(problem)), problem.scenario.policy, problem.accounts.damages
    price, damage = carbon_price_per_t(problem), np.r_[problem.accounts.damage_per_t, 0.0]
    social = problem.accounts.social_discount_rate
    rate = social if damages is None else damages.rate["central"]
    factors = {"discount": problem.discount_rate, "social": social, "damage_factor": rate}
    values: dict[str, Floats] = {
        "when": years.astype(float),
        **{name: discount_factor(each, years - problem.first_year) for name, each in factors.items()},
        "price": price,
        "price_solved": price,
        "carbon": price * policy.capture_deductible,
        "damage_input": damage,
        "damage_solved": damage,
        "damage": damage,
    }
    is_own = damages is None or damages.series == OWN_SERIES
    marks = {
        "covered": "" if policy.market is None else "only in years in which the market covers the sector; ",
        "damage_rate": "social_discount_rate" if is_own else f"{rate:.12g}",
        "no_damages": "0: no damages requested; " if damages is None else "",
    }
    for row in declared_rows("series.csv", **marks):
        name, kind, is_live = row["quantity"], CLASS_OF[row["class"]], bool(row["editable"])
        texts = {**row, "id": row["row"]}
        yield _row(sheet, problem, texts, name, kind, values[row["row"]], row["formula"], is_live=is_live)


def _observed_series(sheet: Sheet, problem: Problem) -> Iterator[Row]:
    """Grid factors, power and steam prices, straight between the years known and flat outside them."""
    grids = problem.plants[["province", "grid"]].drop_duplicates()
    of_zones = problem.grid_kg_per_kwh[problem.grid_kg_per_kwh["province"].isin(problem.zones)]
    for province, table in of_zones.groupby("province"):
        yield _path(sheet, problem, "Grid emission factor", str(province), "grid_kg_per_kwh", table)
    for grid, table in problem.power_per_kwh.groupby("grid"):
        if grid in set(grids["grid"]):
            yield _path(sheet, problem, "Electricity price, without VAT", str(grid), "power_per_kwh", table)
    steam = problem.steam_per_gj[problem.steam_per_gj["province"].isin(problem.zones)]
    for (province, source), table in steam.groupby(["province", "heat_source"]):
        what = f"Steam price, {str(source).replace('_', ' ')}"
        yield _path(sheet, problem, what, str(province), "steam_per_gj", table)


def spans(years: Iterable[float]) -> str:
    """Years in words, consecutive ones as a span: "2020, 2024-2030"."""
    found: list[list[int]] = []
    for year in sorted({int(each) for each in years}):
        if found and year == found[-1][1] + 1:
            found[-1][1] = year
        else:
            found.append([year, year])
    return ", ".join(f"{first}" if first == last else f"{first}\N{EN DASH}{last}" for first, last in found)


def _path(sheet: Sheet, problem: Problem, what: str, place: str, name: str, table: pd.DataFrame) -> Row:
    table = table.sort_values("year")
    values = np.interp(years_of(problem), table["year"].to_numpy(float), table[name].to_numpy(float))
    texts = {
        "series": what,
        "place": place,
        "reference": ", ".join(dict.fromkeys(table["reference"])) if "reference" in table else "sheet Inputs",
        "note": f"data for {spans(table['year'])}",
    }
    return _row(sheet, problem, texts, name, OBSERVED, values)


SERIES = SheetSpec(
    "Series",
    "Annual values: discount factors, carbon price, grid emission factors, electricity and steam prices.",
    write_series,
)
