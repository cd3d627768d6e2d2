"""Sheets Inputs and Technologies: inputs that can be changed, scenario values with their origin, and input tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

import pandas as pd

from ccs_model._typing import Floats
from ccs_model.economics.investment import annuity_yr
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.problem import Problem
from ccs_model.report.live_accounts import flows_of, has_accounts
from ccs_model.report.tables_in_use import rows_in_use
from ccs_model.report.workbook.columns import (
    CALCULATION,
    INPUT,
    Cell,
    Column,
    data_columns,
    declared_rows,
    table_columns,
)
from ccs_model.report.workbook.formulas import Formula
from ccs_model.report.workbook.run_log_sheet import check_texts
from ccs_model.report.workbook.sheet import Row, Sheet, SheetSpec
from ccs_model.report.workbook.worksheet import AS_SOLVED, SOLVE_AGAIN, WHEN_CHANGED
from ccs_model.scenario.fields import HOME_CURRENCY, Section
from ccs_model.scenario.sections import Storage
from ccs_model.scenario.yaml_document import DEFAULT
from ccs_model.units import unit_text

# Inputs that act on accounts, which a static year has none of.
_OF_ACCOUNTS = (
    "social_discount_rate", "tax_share", "depreciation_yr", "capture_deductible", "social_cost_factor", "oil_factor",
    "subsidy_factor",
)  # fmt: skip
# Inputs of named_inputs.csv without a key of the scenario; they are 1 in the solved plan.
PLAY = "play"
# Names of the formats of inputs that are integers.
_INTEGERS = ("depreciation_yr", "flag")


def write_live_inputs(sheet: Sheet, plan: Plan) -> None:
    """Write the inputs with defined names, of which some can be changed, and the NPV grid.

    Costs follow the inputs; retrofits, tonnes and energy stay those of the solved plan.
    """
    values = solved_values(plan)
    sheet.section("Inputs you can change here")
    is_static = plan.problem.is_static
    recomputed = (
        "When you change a shaded value, annual costs and the cost curve are recomputed. Sheet Series holds the carbon "
        "price."
        if is_static
        else "When you change a shaded value, costs, cash flows, ratios and checks are recomputed. Sheet Series holds "
        "the carbon price and the social cost of carbon by year."
    )
    sheet.paragraph(f"{recomputed} To choose plants again, save the workbook and solve it: ccs-model optimize FILE.")
    places = plan.problem.scenario.places
    declared = [each for each in declared_rows("named_inputs.csv") if each["name"] in values]
    rows: list[Row] = []
    for each in declared:
        name, like, is_live = each["name"], each["like"], bool(each["key"])
        kind, solved = INPUT if is_live else CALCULATION, Cell(values[name], like)
        low, high = (Cell(float(each[end]), like) if is_live else solved for end in ("low", "high"))
        origin = "1: as solved" if each["key"] == PLAY else _origin(places.get(each["key"]))
        meaning = (is_static and each["static_meaning"]) or each["meaning"]
        rows.append(
            {
                "id": name, "name": name, "meaning": meaning, "unit": sheet.unit(like),
                "value": Cell(values[name], like, kind, unlocked=is_live), "low": low, "high": high,
                "class": kind.letter, "reference": origin if is_live else "scenario", "solved": solved, "changed": "no",
            }
        )  # fmt: skip
    block = sheet.table("inputs.live", rows, key="inputs", plain=True, named="live")
    for each in declared:
        sheet.book.define(each["name"], block.cell("value", each["name"]))
        if each["key"]:
            ends = (float(each["low"]), float(each["high"]))
            sheet.limit_number(block, "value", each["name"], *ends, is_integer=each["like"] in _INTEGERS)
    sheet.book.mark(live_names=block.column("name"), live_solved=block.column("solved"))
    if has_accounts(plan):
        write_grid(sheet, plan)


def solved_values(plan: Plan) -> dict[str, float]:
    """The value of each name in the solved plan."""
    problem, scenario = plan.problem, plan.problem.scenario
    requested = scenario.capital_recovery_share if problem.is_static else None
    values = {
        **{each["name"]: 1.0 for each in declared_rows("named_inputs.csv") if each["key"] == PLAY},
        "discount_rate": problem.discount_rate,
        "social_discount_rate": problem.accounts.social_discount_rate,
        "tax_share": problem.accounts.tax_share,
        "depreciation_yr": float(scenario.finance.depreciation_yr),
        "capture_deductible": float(scenario.policy.capture_deductible),
        "first_year": float(problem.first_year),
        "horizon_end": float(problem.horizon_end),
        "delivered_share": float(plan.totals["delivered_share"] or problem.delivered_share),
        "capital_recovery_share": float(requested or 0.0),
        "price_year": float(problem.price_year),
        **({"budget_mn": problem.budget_mn} if math.isfinite(problem.budget_mn) else {}),
    }
    return {name: value for name, value in values.items() if not (problem.is_static and name in _OF_ACCOUNTS)}


def _declared_tables(problem: Problem) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """The tables of input_tables.csv that bear on a problem: what is declared of each, and its rows in use.

    Some are shown `when` they have rows, those that only a shared network reads when there is one.
    """
    tables = rows_in_use(problem.inputs, problem.scenario, problem.zones)
    for declared in declared_rows("input_tables.csv"):
        name, when = declared["table"], declared["when"]
        has_rows = not when or len(tables[name] if when == "rows" else problem.inputs[name])
        if has_rows and (when != "network" or problem.network is not None):
            yield declared, tables[name]


_GRID_RATES = (0.04, 0.06, 0.08, 0.10, 0.12)
# CNY per t; other currencies have prices of about the same worth.
_GRID_PRICES = (0.0, 50.0, 100.0, 200.0, 400.0, 800.0)


def write_grid(sheet: Sheet, plan: Plan) -> None:
    """Write the net present value of all plants by discount rate and constant carbon price."""
    sheet.section("Net present value of all plants by discount rate and carbon price")
    sheet.note(
        "Down: discount rate. Across: a constant carbon price, earned by every tonne of on-site abatement, in place "
        "of the carbon price of sheet Series, and taxed as other income. You can change rates and prices."
    )
    prices = grid_prices(plan.problem)
    names = [f"at_{at}" for at in range(len(prices))]
    template = "={base_mn}+{@prices}*{taxed_kt}/1000+({salvage_mn}-{programme!total_mn@salvage_mn})*{end_factor}"
    for name in ("spent_mn", "left_yr", "life_yr"):
        sheet.book.define(f"capital_{name}", sheet.book.blocks["capital"].column(name))
    price_row = {
        "id": "prices", "what": f"Carbon price, {sheet.unit('price_per_t')}", "rate": "",
        **{
            name: Cell(price, "price_per_t", INPUT, unlocked=True)
            for name, price in zip(names, prices, strict=True)
        },
    }  # fmt: skip
    rows: list[Row] = [price_row]
    flows = flows_of(plan, None)
    for rate in _GRID_RATES:
        parts = grid_parts(plan, rate, flows)
        salvage = (parts["salvage_mn"] - float(flows["salvage_mn"].sum())) * parts["end_factor"]
        values = [parts["base_mn"] + price * parts["taxed_kt"] / 1000.0 + salvage for price in prices]
        cells: dict[str, object] = {
            name: Cell(Formula(template, value), "npv_mn", CALCULATION)
            for name, value in zip(names, values, strict=True)
        }
        rate_cell = Cell(rate, "discount_rate", INPUT, unlocked=True)
        rows.append({"what": "NPV", "rate": rate_cell, **cells, **parts})
    of_prices = [Column(name, label=f"Price {at}", widest=14) for at, name in enumerate(names, 1)]
    what, rate_column, *of_parts = table_columns("inputs.grid", headings={"what": f"NPV, {sheet.unit('npv_mn')}"})
    sheet.table([what, rate_column, *of_prices, *of_parts], rows, plain=True)


def grid_prices(problem: Problem) -> tuple[float, ...]:
    """Carbon prices of the grid; in other currencies the highest is 1, 2 or 5 times a power of ten."""
    level = problem.price_level
    if level.currency == HOME_CURRENCY:
        return _GRID_PRICES
    highest = _GRID_PRICES[-1] / level.rate(level.currency)
    power = 10.0 ** math.floor(math.log10(highest))
    rounded = min((1.0, 2.0, 5.0, 10.0), key=lambda digit: abs(math.log(digit * power / highest))) * power
    return tuple(rounded * price / _GRID_PRICES[-1] for price in _GRID_PRICES)


def grid_parts(plan: Plan, rate: float, flows: Mapping[str, Floats]) -> dict[str, float]:
    """What the net present values of a row of the grid are made of, at its discount rate."""
    assert plan.owner_capital is not None
    problem = plan.problem
    kept = 1.0 - problem.accounts.tax_share
    weights = (1 + rate) ** -(flows["when"] - problem.first_year)
    capital = plan.owner_capital
    spent, life, left = (capital[name].to_numpy(float) for name in ("capital_mn", "life_yr", "left_yr"))
    # Sums of products, not BLAS's, whose last digit hangs on where the numbers lie in memory.
    return {
        "base_mn": float((flows["without_carbon_mn"] * weights).sum()),
        "taxed_kt": kept * float((flows["on_site_abatement_kt"] * weights).sum()),
        "straight_mn": float((spent * left / life).sum()),
        "salvage_mn": float((spent * annuity_yr(rate, left) / annuity_yr(rate, life)).sum()),
        "end_factor": kept * float(weights[-1]),
    }


def write_inputs(sheet: Sheet, plan: Plan) -> None:
    """Write inputs, scenario values, prices, grid factors, price levels and tables of streams and pipelines."""
    problem = plan.problem
    sheet.paragraph(
        "Inputs you can change come first, then all scenario values. Money in tables is in the currency and price "
        "year of the row if given, otherwise in those of the scenario."
    )
    sheet.banner()
    write_live_inputs(sheet, plan)
    _write_scenario(sheet, plan)
    sheet.section("Electricity price, without VAT")
    grids = problem.power_per_kwh["grid"].isin(set(problem.plants["grid"]))
    _write_price_parts(sheet, problem.power_per_kwh[grids], problem.inputs["prices/power"], ["grid", "year"])
    sheet.section("Steam price, without VAT")
    provinces = problem.steam_per_gj["province"].isin(problem.zones)
    _write_price_parts(
        sheet, problem.steam_per_gj[provinces], problem.inputs["prices/fuels"], ["province", "fuel", "year"]
    )
    sheet.section("Grid emission factor (linear interpolation, constant outside the years)")
    factors = problem.grid_kg_per_kwh[problem.grid_kg_per_kwh["province"].isin(problem.zones)]
    sheet.table_in_halves(data_columns(factors), records(factors))
    sheet.section(f"Currency conversion to {problem.currency} {problem.price_year}")
    sheet.table("inputs.money", list(_price_levels(problem)), named="money")
    for declared, table in _declared_tables(problem):
        if declared["sheet"] == INPUTS.name:
            sheet.section(f"{declared['title']} ({declared['table']}.csv)")
            # The rows of some tables are named after their quantity: each value is formatted by its own name.
            names = [name for name in ("value", "low", "high") if name in table and "value" in table]
            cells = {name: list(map(Cell, table[name], table.iloc[:, 0])) for name in names}
            sheet.table(data_columns(table), records(table.assign(**cells)))


# Rows for keys that the scenario does not list, such as those of a single province.
_N_MORE_KEYS = 15


def _write_scenario(sheet: Sheet, plan: Plan) -> None:
    """Write all values of the scenario with cells for new ones, rows for further keys, and the number of edits."""
    scenario = plan.problem.scenario
    sheet.section("Scenario")
    sheet.paragraph(
        "A new value does not change this workbook: it takes effect when you solve again with ccs-model optimize FILE. "
        "Write it as in a scenario file, such as 12000, true, [Ordos, Qinshui] or {2026: 900, 2030: 2000}; none stands "
        "for no value. Values without a shaded cell are live inputs above."
    )
    known = solved_values(plan)
    live = {each["key"] for each in declared_rows("named_inputs.csv") if each["name"] in known}
    rows = []
    for row in _values(sheet, scenario, scenario.places):
        new = {} if row["key"] in live else {"new": Cell(None, row["value"].name, INPUT, unlocked=True)}
        rows.append({**row, **new})
    block = sheet.table("inputs.scenario", rows, key="scenario", plain=True)
    sheet.section("Further scenario keys")
    sheet.note("Any other key of a scenario file with its value, such as targets.abatement_share.2040 and 0.05.")
    blank = Cell(None, "", INPUT, unlocked=True)
    more_keys = [{"key": blank, "new": blank} for _ in range(_N_MORE_KEYS)]
    more = sheet.table("inputs.more_keys", more_keys, key="more_keys", plain=True)
    sheet.section("Edits of this workbook")
    # The banner counts them.
    changes = [row for row in declared_rows("counted_edits.csv") if not (plan.problem.is_static and row["of_accounts"])]
    written = [
        {"id": str(at), "name": "", "meaning": row["meaning"], "value": Formula(row["formula"], 0)}
        for at, row in enumerate(changes)
    ]
    total = "=" + "+".join(f"{{value@{at}}}" for at in range(len(changes)))
    every = {"id": "n", "name": "inputs_changed", "meaning": "all edits", "value": Formula(total, 0)}
    count = sheet.table("inputs.changed", [*written, every], plain=True)
    status = {"said_as_solved": AS_SOLVED, "said_when_changed": WHEN_CHANGED, "said_solve_again": SOLVE_AGAIN}
    parts = check_texts(sheet.book.language)
    banner: list[Row] = [{"id": name, "name": name, "meaning": text} for name, text in status.items()]
    banner += [{"id": name, "name": None, "meaning": text} for name, text in parts.items()]
    message = sheet.table("inputs.banner", banner, plain=True, key="messages")
    sheet.book.define("inputs_changed", count.cell("value", "n"))
    for name in status:
        sheet.book.define(name, message.cell("meaning", name))
    sheet.book.mark(
        scenario_keys=block.column("key"),
        scenario_new=block.column("new"),
        more_keys=more.column("key"),
        more_values=more.column("new"),
    )


def _values(sheet: Sheet, section: Section, places: Mapping[str, str], parent: str = "") -> Iterator[dict[str, Any]]:
    """Each value of a section, with those of the sections in it."""
    for key, field in type(section).model_fields.items():
        value, dotted = getattr(section, key), f"{parent}{key}"
        if isinstance(value, Section):
            yield from _values(sheet, value, places, f"{dotted}.")
            continue
        parts = {f"{dotted}.{each}": amount for each, amount in value.items()} if isinstance(value, Mapping) else {}
        for name, amount in (parts or {dotted: value}).items():
            if isinstance(amount, Section):
                yield from _values(sheet, amount, places, f"{name}.")
                continue
            yield {
                "key": name,
                "value": Cell(_sentence(sheet, amount), "year" if section.has_years(key) else key),
                "unit": _unit(sheet, section, key),
                "class": INPUT.letter,
                "place": _origin(places.get(name)),
                "meaning": sheet.book.language.meaning(dotted, field.description or ""),
            }


def _unit(sheet: Sheet, section: Section, key: str) -> str:
    """The unit of a value; the price of oil has a currency and a price year of its own."""
    if isinstance(section, Storage) and key == "oil_price_per_bbl":
        return unit_text(key, section.oil_price_currency, section.oil_price_year)
    return sheet.unit(key)


def _sentence(sheet: Sheet, value: object) -> object:
    """A value as one cell holds it."""
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or sheet.book.language.label("(none named)")
    if value is None or value == {}:
        return sheet.book.language.label("(none)")
    return " ".join(value.split()) if isinstance(value, str) else value


def _origin(place: str | None) -> str:
    """A file's name and line without its folder, so that the workbook is the same wherever the scenario lies."""
    if place is None:
        return DEFAULT
    return "".join(sign if sign.isprintable() else "?" for sign in PurePath(place).name)


def _write_price_parts(sheet: Sheet, prices: pd.DataFrame, sources: pd.DataFrame, key: list[str]) -> None:
    """Parts and total of a price, with the reference of the row it was built from."""
    table = prices.merge(sources[[*key, "reference", "quality", "note"]], on=key, how="left")
    of_row = {*key, "heat_source", "reference", "quality", "note"}
    columns = [
        Column(name, None if name in of_row else CALCULATION, optional=name == "note", widest=24, wide=name == "note")
        for name in table
    ]
    sheet.table(columns, records(table))


def _price_levels(problem: Problem) -> Iterator[Row]:
    """Conversion of each currency and price year of the tables into the scenario's money."""
    deflators, rates = problem.inputs["indices/deflators"], problem.inputs["indices/exchange_rates"]
    level = problem.price_level
    index = deflators.set_index(["currency", "year"])
    tables = [
        table[["currency", "price_year"]] for each, table in _declared_tables(problem) if each["money"] and len(table)
    ]
    pairs = pd.concat(tables).drop_duplicates().sort_values(["currency", "price_year"])
    for currency, year in pairs.itertuples(index=False, name=None):
        own, base = index.loc[(currency, year)], index.loc[(currency, problem.price_year)]
        # The yuan has no rows; rates are yuan per unit.
        exchange = rates[(rates["currency"] == currency) & (rates["year"] == problem.price_year)]
        assumed = "assumed" in (own["quality"], base["quality"], *exchange["quality"])
        yield {
            "currency": currency,
            "price_year": year,
            "price_index": own["price_index"],
            "base_price_index": base["price_index"],
            "rate": level.rate(currency) / level.rate(problem.currency),
            "worth": level.factor(currency, int(year)),
            "index_reference": ", ".join(dict.fromkeys((own["reference"], base["reference"]))),
            "rate_reference": ", ".join(exchange["reference"]),
            "quality": "assumed" if assumed else "reported",
        }


INPUTS = SheetSpec("Inputs", "Inputs you can change; all scenario values; prices and factors.", write_inputs)


def write_technologies(sheet: Sheet, plan: Plan) -> None:
    """The technologies with their capex in both moneys, then what bears on them."""
    problem = plan.problem
    level = problem.price_level
    table = rows_in_use(problem.inputs, problem.scenario, problem.zones)["technologies/technologies"]
    sheet.paragraph(
        "Capex is total overnight cost per t/y captured, in the money of the source and of the scenario. "
        "Concentrations are of CO2 by volume."
    )
    shown = table.drop(columns=["capex_per_tpa", "variable_om_per_t"]).assign(
        is_offered=table["technology"].isin(problem.scenario.capture.technologies),
        own_capex_per_tpa=table["capex_per_tpa"],
        own_variable_om_per_t=table["variable_om_per_t"],
        capex_per_tpa=level.convert(table["capex_per_tpa"], table["currency"], table["price_year"]),
        variable_om_per_t=level.convert(table["variable_om_per_t"], table["currency"], table["price_year"]),
    )
    rows = records(shown)
    sheet.table("technologies", rows, main=True)
    sheet.section("Sources of the technologies")
    sheet.table("technologies.sources", rows)
    for declared, rows_of in _declared_tables(problem):
        if declared["sheet"] == TECHNOLOGIES.name:
            sheet.section(declared["title"])
            if rows_of.empty:
                sheet.note("None.")
            else:
                sheet.table(data_columns(rows_of), records(rows_of))


TECHNOLOGIES = SheetSpec(
    "Technologies", "Cost, heat, electricity, size and lifetime of the available technologies.", write_technologies
)
