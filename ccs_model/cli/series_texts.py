"""Summaries of a frontier and of a sweep for a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ccs_model.cli.terminal import bold_text, columns, shorten_lines
from ccs_model.report.text_tables import amount_text, fit_columns, truncate, width_of, wrap
from ccs_model.runs.run_list import status_counts
from ccs_model.units import count_text, join_first_names

_N_FAILED_SHOWN = 10
# Scenarios that a warning lists.
_N_NUMBERS_SHOWN = 5
# Objectives in money, as headings of a table.
_WORTH = {"min_cost": "cost", "max_npv": "NPV", "max_net_benefit": "net benefit"}
# Variants of a sweep that its summary lists, and their figures.
_N_VARIANTS_SHOWN = 20
# The effect of a step that is not known, and columns for effects, at least.
_NOT_KNOWN, _LEAST_CHANGE = "not known", 12
# Columns of the heading of a swept key, at least.
_LEAST_HEADING = 4
_FIGURES = (("avoided_ktpa", ",.0f"), ("n_plants_retrofitted", ",.0f"), ("capex_mn", ",.0f"), ("gap_share", ".2%"))


def frontier_text(document: Mapping[str, Any], folder: Path, page: Path | None) -> str:
    """Return the table of frontier.json."""
    worth = _WORTH.get(document["objective_name"], "")
    money = f"{document['currency']} {document['price_year']}"
    over = "in a year" if str(document["unit"]).endswith("a year") else "over the horizon"
    subject = f"{'Plans' if worth else 'Abatement'} by budget {over}; {document['network']}"
    lines = [wrap(subject, columns()), f"Money in million {money}, real", ""]
    # A narrow terminal shows no merit order, then no gap within the links searched; at last lines are shortened.
    optional: tuple[str, ...] = ("searched", "merit") if document["n_corridors"] is not None else ("merit",)
    table = _frontier_table(document, worth, money, optional)
    while optional and max(map(width_of, table)) > columns():
        optional = optional[:-1]
        table = _frontier_table(document, worth, money, optional)
    lines += [bold_text(truncate(table[0], columns())), *(_wrap_change(line, table[0]) for line in table[1:])]
    if document["is_exact"]:
        n_breaks = len(document["breakpoints"])
        lines.append(f"Exact: the slope changes at {n_breaks - 2} budgets (tables/frontier_breakpoints.csv).")
    gaps = "gap: over all candidate links; " if document["n_corridors"] is not None else ""
    gaps += "searched: within the links searched; " if "searched" in optional else ""
    unknown = (
        "not known: the plan at the budget below has no known gap; " if any(_NOT_KNOWN in row for row in table) else ""
    )
    star = "* the scenario's budget; " if any(row["is_scenario"] for row in document["points"]) else ""
    merit = f"merit: {worth or 'abatement'} of the merit order less the plan's" if "merit" in optional else ""
    notes = f"{star}{gaps}{unknown}{merit}".removesuffix("; ")
    lines += [*([textwrap.fill(notes, columns())] if notes else []), ""]
    lines.append(f"Run folder: {folder} (plan.xlsx, whose sheet Frontier names the plants of each step; frontier.json)")
    if page is not None:
        lines.append(f"Page with a slider over the budgets: {page}")
    return "\n".join(lines)


def _wrap_change(line: str, heading: str) -> str:
    """A row of a frontier whose last column takes as many lines as a narrow terminal needs."""
    at = heading.index("change")
    if width_of(line) <= columns() or columns() - at < _LEAST_CHANGE:
        return truncate(line, columns())
    return line[:at] + wrap(line[at:], columns() - at).replace("\n", "\n" + " " * at)


def _frontier_table(document: Mapping[str, Any], worth: str, money: str, optional: Collection[str]) -> list[str]:
    """The heading and the budgets of a frontier, with the `optional` columns; without `merit` changes are short."""
    is_short = "merit" not in optional
    searched = f" {'searched':>9}" if "searched" in optional else ""
    merit = "" if is_short else f" {'merit':>7}"
    lines = [
        f"{'budget':>10} {worth and f'{worth:>12} '}{'avoided kt':>12} {'gap':>7}{searched} {'plants':>7}{merit}"
        f"  change{'' if is_short else ' from the previous budget'}"
    ]
    for row in document["points"]:
        short = row["list_short_share"]
        # Rounded before the sign is written, so that no difference reads −0.0 %.
        listed = "–" if short is None else f"{round(-short, 3) + 0.0:+.1%}"
        within = f" {amount_text(row['gap_share'], '.2%'):>9}" if searched else ""
        mark = "*" if row["is_scenario"] else " "
        lines.append(
            f"{row['budget_mn']:>9,.0f}{mark} {worth and format(row['objective'], '>12,.0f') + ' '}"
            f"{row['abatement_kt']:>12,.0f} "
            f"{amount_text(row['all_links_gap_share'], '.2%'):>7}{within} {row['n_plants_retrofitted']:>7}"
            f"{f' {listed:>7}' if merit else ''}  {_step(row, money, is_short=is_short)}"
        )
    return lines


def _step(row: Mapping[str, Any], money: str, *, is_short: bool) -> str:
    """What the step from the budget below does, and how many plants enter, leave and change: short for a screen."""
    effect = str(row["text"]).split(";")[0].rstrip(".")
    effect = effect[:1].lower() + effect[1:]
    if "is not known" in effect:
        effect = _NOT_KNOWN
    elif effect.startswith("the effect of"):
        effect = "within the gaps"
    elif row.get("added_mn"):
        effect = effect.removeprefix(f"{row['added_mn']:,.0f} million {money} more ").removeprefix("bring ")
        currency = money.partition(" ")[0]
        effect = effect.replace(" over the horizon", "").replace(" kt a year", " kt")
        effect = effect.replace(f" {money} of budget per tonne", f" {currency} of budget/t")
    if is_short:
        effect = re.sub("^(raise|lower) .+ by ", lambda found: "+" if found[1] == "raise" else "−", effect)
    verbs = {"entering": ("enter", "in"), "leaving": ("leave", "out"), "changing": ("change", "changed")}
    counts = [
        f"{n} {short if is_short else verb}{'s' if n == 1 and not is_short else ''}"
        for key, (verb, short) in verbs.items()
        if (n := len(str(row[key]).split("; ")) if row[key] else 0)
    ]
    return "; ".join([effect, ", ".join(counts)]) if counts else effect


def _figures_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The changes and main figures of the first variants as a table; none for a sweep without a plan."""
    names = list(rows[0])
    if "avoided_ktpa" not in names or not any(amount_text(row["avoided_ktpa"], ",.0f") != "–" for row in rows):
        return []
    changed = names[names.index("scenario") + 1 : names.index("status")]
    units = [_money_of(row) for row in rows]
    different = dict.fromkeys(unit for unit in units if unit)
    # Amounts in different money have their own unit each.
    money = f" {next(iter(different))}" if len(different) == 1 else ""
    own_unit = ["" if money or not unit else f" {unit}" for unit in units]
    head, worth = _objective_figures(rows, money, own_unit)
    if not head and _is_npv_alone_different(rows):
        head, worth = (
            [f"NPV, mn{money}"],
            [[amount_text(row["npv_mn"], ",.0f") + unit] for row, unit in zip(rows, own_unit, strict=True)],
        )
    keys, parent = _short_keys(changed)
    table = [["", *keys, "status", *head, "avoided, kt/y", "plants", f"capex, mn{money}", "gap"]]
    for row, own, unit in zip(rows[:_N_VARIANTS_SHOWN], worth, own_unit, strict=False):
        values = ["–" if row[name] is None else str(row[name]) for name in changed]
        figures = [amount_text(row[name], form) + (unit if name == "capex_mn" else "") for name, form in _FIGURES]
        table.append([str(row["scenario"]), *values, str(row["status"]).replace("_", " "), *own, *figures])
    # A narrow terminal shows fewer figures: no plants, then no capex, then no gap; at last headings are shortened.
    n = len(table[0])
    legend = _shorten_headings(table, len(changed), n - 3)
    text, n_less = fit_columns(table, {len(changed) + 1}, columns(), (n - 3, n - 2, n - 1))
    more = len(rows) - _N_VARIANTS_SHOWN
    notes = [f"… and {more} more"] if more > 0 else []
    notes += [f"…: {parent}"] if parent else []
    notes += legend
    notes += ["Figures left out on this narrow terminal are in the table."] if n_less else []
    return ["", *text.splitlines(), *notes, ""]


def _is_npv_alone_different(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether plans with the same figures in the table differ in NPV, as with another tax."""
    figures: dict[tuple[str, ...], set[str]] = {}
    for row in rows:
        npv = amount_text(row.get("npv_mn"), ",.0f")
        figures.setdefault(tuple(amount_text(row[name], form) for name, form in _FIGURES), set()).add(npv)
    return any(len(found) > 1 for found in figures.values())


def _money_of(row: Mapping[str, Any]) -> str:
    """Currency and price year of a variant's plan; a variant without one has neither."""
    year = amount_text(row["price_year"], ".0f")
    has_plan = isinstance(row["currency"], str) and row["currency"] and year != "–"
    return f"{row['currency']} {year}" if has_plan else ""


def _objective_figures(
    rows: Sequence[Mapping[str, Any]], money: str, units: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    """Heading and cells of the objective in money; nothing where every variant maximises the abatement shown anyway."""
    names = {str(row.get("objective_name")) for row in rows if amount_text(row.get("objective_value"), ".0f") != "–"}
    if not names & set(_WORTH):
        return [], [[] for _ in rows]
    if len(names) == 1:
        values = [[amount_text(row["objective_value"], ",.0f") + unit] for row, unit in zip(rows, units, strict=True)]
        return [f"{_WORTH[names.pop()]}, mn{money}"], values
    cells = []
    for row in rows:
        value, unit = amount_text(row["objective_value"], ",.0f"), str(row["unit"]).partition(" over ")[0]
        cells.append(["–" if value == "–" else f"{_WORTH.get(str(row['objective_name']), '')} {value} {unit}".strip()])
    return ["objective"], cells


def _short_keys(keys: Sequence[str]) -> tuple[list[str], str]:
    """The swept keys, and the part that stands for `…` in them.

    If they need too much of a line, their sections are left out where the names stay different; names that differ in a
    year follow `…`.
    """
    last = [key.rpartition(".")[2] for key in keys]
    parents = {key.rpartition(".")[0] for key in keys}
    if sum(map(len, keys)) <= columns() // 3 or len(set(last)) < len(last):
        return list(keys), ""
    if all(map(str.isdigit, last)) and len(parents) == 1:
        return [f"….{name}" for name in last], parents.pop()
    return [".".join(key.split(".")[-2:]) if name.isdigit() else name for key, name in zip(keys, last, strict=True)], ""


def _shorten_headings(table: list[list[str]], n_keys: int, n_shown: int) -> list[str]:
    """Shorten the headings of the keys, the longest first, until the first `n_shown` columns fit the line.

    Headings that become equal are numbered instead; the lines returned say which key a number is.
    """
    keys = table[0][1 : n_keys + 1]

    def width(k: int, first: int = 0) -> int:
        return max(width_of(row[k]) for row in table[first:])

    for _ in range(sum(len(each) for each in table[0])):
        longest = max(range(1, n_keys + 1), key=lambda k: width_of(table[0][k]) - width(k, 1), default=0)
        is_wide = sum(map(width, range(n_shown))) + 2 * (n_shown - 1) > columns()
        if not longest or not is_wide or width_of(table[0][longest]) <= max(width(longest, 1), _LEAST_HEADING):
            break
        table[0][longest] = truncate(table[0][longest], width_of(table[0][longest]) - 1)
    if len(set(table[0][1 : n_keys + 1])) == len(set(keys)):
        return []
    table[0][1 : n_keys + 1] = [f"({k})" for k in range(1, n_keys + 1)]
    return [f"({k}) {key}" for k, key in enumerate(keys, start=1)]


def sweep_warning_texts(warnings: Sequence[Mapping[str, Any]], n_all: int) -> list[str]:
    """Return each warning of a sweep's plans with the scenarios, of `n_all`, that have it."""
    texts = []
    for each in warnings:
        scenarios = str(each["scenarios"]).split()
        name = f"scenario{'s' if len(scenarios) > 1 else ''} {join_first_names(scenarios, _N_NUMBERS_SHOWN)}"
        texts.append(f"{each['warning']} ({f'all {n_all} scenarios' if len(scenarios) == n_all > 1 else name})")
    return texts


def sweep_text(folder: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the summary of a sweep: scenarios by status, their figures, those without a plan, and the tables."""
    if not rows:
        return f"{bold_text(name)}: the sweep has not ended; repeat its command to resume it"
    counts = status_counts([dict(row) for row in rows])
    lines = [f"{bold_text(name)}: {count_text(len(rows), 'scenario')}: {counts}"]
    failed = [f"scenario {row['scenario']}: {row['message']}" for row in rows if row["message"]]
    lines += [f"  {wrap(line, columns() - 2, '    ')}" for line in shorten_lines(failed, _N_FAILED_SHOWN, "")]
    lines += _figures_of(rows)
    n_missing = sum(row["status"] == "missing" for row in rows)
    names = "sweep.partial.csv" if n_missing else "sweep.csv and sweep.xlsx"
    lines.append(f"Table: {folder} ({names}); run folders: {folder / 'runs'}")
    if n_missing:
        lines.append(
            f"{n_missing} missing: run the other shards, then ccs-model sweep merge {folder}, with any folders "
            "of shards run elsewhere"
        )
    return "\n".join(lines)
