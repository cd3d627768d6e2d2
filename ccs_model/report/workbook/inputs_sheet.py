"""Sheets Inputs and Technologies: inputs that can be changed, scenario values with their origin, and input tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import PurePath

import pandas as pd

from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import records
from ccs_model.problem import Problem
from ccs_model.report.live_accounts import has_accounts
from ccs_model.report.tables_in_use import rows_in_use
from ccs_model.report.workbook.columns import CALCULATION, INPUT, Cell, Column, data_columns, declared_rows
from ccs_model.report.workbook.formulas import Formula
from ccs_model.report.workbook.npv_grid import write_grid
from ccs_model.report.workbook.run_log_sheet import check_texts
from ccs_model.report.workbook.sheet import Page, Row, Sheet
from ccs_model.report.workbook.worksheet import AS_SOLVED, WHEN_CHANGED
from ccs_model.scenario.fields import Section
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


def write_live_inputs(sheet: Sheet, plan: Plan) -> None:
    """Write the inputs with defined names, of which some can be changed, and the NPV grid.

    Costs follow the inputs; retrofits, tonnes and energy stay those of the solved plan.
    """
    values = solved_with(plan)
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
            sheet.between(block, "value", each["name"], float(each["low"]), float(each["high"]))
    sheet.book.mark(live_names=block.column("name"), live_solved=block.column("solved"))
    if has_accounts(plan):
        write_grid(sheet, plan)


def live_inputs() -> list[dict[str, str]]:
    """The declared live inputs: name, range, and the scenario key that each is or `scales`."""
    return declared_rows("named_inputs.csv")


def solved_with(plan: Plan) -> dict[str, float]:
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


def _tables_of(sheet: str, problem: Problem, tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Section title and rows of the tables that input_tables.csv lists for a sheet.

    Some are shown `when` they have rows, those that only a shared network reads when there is one.
    """
    for declared in declared_rows("input_tables.csv"):
        name, when = declared["table"], declared["when"]
        has_rows = not when or len(tables[name] if when == "rows" else problem.inputs[name])
        if declared["sheet"] == sheet and has_rows and (when != "network" or problem.network is not None):
            yield declared["title"] + (f" ({name}.csv)" if sheet == INPUTS.name else ""), tables[name]


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
    _built_up(sheet, problem.power_per_kwh[grids], problem.inputs["prices/power"], ["grid", "year"])
    sheet.section("Steam price, without VAT")
    provinces = problem.steam_per_gj["province"].isin(problem.zones)
    _built_up(sheet, problem.steam_per_gj[provinces], problem.inputs["prices/fuels"], ["province", "fuel", "year"])
    sheet.section("Grid emission factor (linear interpolation, constant outside the years)")
    factors = problem.grid_kg_per_kwh[problem.grid_kg_per_kwh["province"].isin(problem.zones)]
    sheet.table_in_halves(data_columns(factors), records(factors))
    sheet.section(f"Currency conversion to {problem.currency} {problem.price_year}")
    sheet.table("inputs.money", list(_price_levels(problem)), named="money")
    tables = rows_in_use(problem.inputs, problem.scenario, problem.zones)
    for title, table in _tables_of(INPUTS.name, problem, tables):
        sheet.section(title)
        named = [name for name in ("value", "low", "high") if name in table and "value" in table]
        sheet.table(data_columns(table), records(table.assign(**{name: _named_values(table, name) for name in named})))


# Rows for keys that the scenario does not list, such as those of a single province.
_N_MORE_KEYS = 5


def _write_scenario(sheet: Sheet, plan: Plan) -> None:
    """Write all values of the scenario with cells for new ones, rows for further keys, and the number of edits."""
    scenario = plan.problem.scenario
    sheet.section("Scenario")
    sheet.paragraph(
        "A new value does not change this workbook: it takes effect when you solve again with ccs-model optimize FILE. "
        "Write it as in a scenario file, such as 12000, true, [Ordos, Qinshui] or {2026: 900, 2030: 2000}; none stands "
        "for no value. Values without a shaded cell are live inputs above."
    )
    known = solved_with(plan)
    live = {each["key"] for each in live_inputs() if each["name"] in known}
    rows = [
        row if row["key"] in live else {**row, "new": _new(row)} for row in _values(sheet, scenario, scenario.places)
    ]
    block = sheet.table("inputs.scenario", rows, key="scenario", plain=True)
    sheet.section("Further scenario keys")
    sheet.paragraph(
        "Any other key of a scenario file with its value, such as targets.abatement_share.2040 and 0.05.", "note"
    )
    blank = Cell(None, "", INPUT, unlocked=True)
    more = sheet.table(
        "inputs.more_keys", [{"key": blank, "new": blank} for _ in range(_N_MORE_KEYS)], key="more_keys", plain=True
    )
    sheet.section("Edits of this workbook")
    # The banner counts them.
    changes = [row for row in declared_rows("counted_edits.csv") if not (plan.problem.is_static and row["of_accounts"])]
    written = [
        {"id": str(at), "name": "", "meaning": row["meaning"], "value": Formula(row["formula"], 0)}
        for at, row in enumerate(changes)
    ]
    total = "=" + "+".join(f"{{value@{at}}}" for at in range(len(changes)))
    count = sheet.table(
        "inputs.changed",
        [*written, {"id": "n", "name": "inputs_changed", "meaning": "all edits", "value": Formula(total, 0)}],
        plain=True,
    )
    status = {"said_as_solved": AS_SOLVED, "said_when_changed": WHEN_CHANGED}
    parts = [{"id": name, "name": None, "meaning": text} for name, text in check_texts(sheet.book.language).items()]
    message = sheet.table(
        "inputs.banner",
        [*({"id": name, "name": name, "meaning": text} for name, text in status.items()), *parts],
        plain=True,
        key="messages",
    )
    sheet.book.define("inputs_changed", count.cell("value", "n"))
    for name in status:
        sheet.book.define(name, message.cell("meaning", name))
    sheet.book.mark(
        scenario_keys=block.column("key"),
        scenario_new=block.column("new"),
        more_keys=more.column("key"),
        more_values=more.column("new"),
    )


def _new(row: Row) -> Cell:
    """The cell for a new value, in the format of the present one."""
    value = row["value"]
    return Cell(None, value.name if isinstance(value, Cell) else "", INPUT, unlocked=True)


def _values(sheet: Sheet, section: Section, places: Mapping[str, str], parent: str = "") -> Iterator[Row]:
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
                "value": Cell(_sentence(sheet, amount), "year" if section.holds_years(key) else key),
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


def _built_up(sheet: Sheet, prices: pd.DataFrame, sources: pd.DataFrame, key: list[str]) -> None:
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
    in_use = rows_in_use(problem.inputs, problem.scenario, problem.zones)
    tables = [
        in_use[declared["table"]][["currency", "price_year"]]
        for declared in declared_rows("input_tables.csv")
        if declared["money"]
        and len(in_use[declared["table"]])
        and (declared["when"] != "network" or problem.network is not None)
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


def _named_values(table: pd.DataFrame, column: str) -> list[Cell]:
    """Values of a table whose rows are named after their quantity, each formatted by its own name."""
    return [Cell(value, name) for name, value in zip(table.iloc[:, 0], table[column], strict=True)]


INPUTS = Page("Inputs", "Inputs you can change; all scenario values; prices and factors.", write_inputs)


def write_technologies(sheet: Sheet, plan: Plan) -> None:
    """The technologies with their capex in both moneys, then what bears on them."""
    problem = plan.problem
    tables = rows_in_use(problem.inputs, problem.scenario, problem.zones)
    table, level = tables["technologies/technologies"], problem.price_level
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
    for title, rows_of in _tables_of(TECHNOLOGIES.name, problem, tables):
        sheet.section(title)
        if rows_of.empty:
            sheet.paragraph("None.", "note")
            continue
        sheet.table(data_columns(rows_of), records(rows_of))


TECHNOLOGIES = Page(
    "Technologies", "Cost, heat, electricity, size and lifetime of the available technologies.", write_technologies
)
