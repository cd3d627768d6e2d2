"""Sheets Cover, Data, Checks and RunLog: the answer in short, every number of it, its checks, and how it was computed.

Checks are those of the plan, verified without the solver, and those of the workbook's own cells. The sheets hold no
times or paths, so that equal runs give equal bytes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import PurePath
from typing import Any

import numpy as np

import ccs_model
from ccs_model.plan.cache_key import hashes, names_of_copies, own_files, resolved_scenario_text
from ccs_model.plan.calibrated_results import reported_reduction_lines
from ccs_model.plan.merit_order import macc_table
from ccs_model.plan.plan import Plan
from ccs_model.plan.plan_json import pipe_links, records, without_folder
from ccs_model.report import sentences as words
from ccs_model.report.export.formats import long_table, number_columns
from ccs_model.report.language import Language, chinese_text, labels
from ccs_model.report.live_accounts import budgeted_parts_mn_pa, flows_of, has_accounts, npv_by_plant
from ccs_model.report.workbook.book import CHOSEN, HUNDRED_MILLIONS, MILLIONS
from ccs_model.report.workbook.budget_checks import LimitCheck, limit_checks
from ccs_model.report.workbook.columns import CALCULATION, CELL_CLASSES, CLASS_OF, INPUT, Cell, declared_rows, label
from ccs_model.report.workbook.formulas import Formula, TableRange
from ccs_model.report.workbook.sheet import Row, Sheet, SheetSpec

FORMAT = "ccs-model/workbook/1"
# Signs of a line in one cell.
_LONGEST_LINE = 30_000
# Rows of the heading, the text and the head above the scenario's lines.
_HEAD_AND_TEXT = 3
_LIBRARIES = ("highspy", "pyomo", "pandas", "numpy", "XlsxWriter")


def write_run_log(sheet: Sheet, plan: Plan) -> None:
    """Outcome, size, options, versions, hashes."""
    sheet.paragraph(
        "Times and the command are in manifest.json of the run folder; the solver's output is in solver.log."
    )
    sheet.section("Run")
    run = sheet.table("run_log", list(_items(sheet, plan)), plain=True)
    if plan.warnings:
        sheet.section("Warnings")
        for each in plan.warnings:
            sheet.paragraph(without_folder(each))
    sheet.section("Inputs")
    scenario = plan.problem.scenario
    files = {"scenario.resolved.yaml": hashlib.sha256(scenario.resolved_yaml().encode()).hexdigest()}
    files |= dict(sorted(hashes(scenario, plan.problem.inputs).items()))
    of_files: list[Row] = [{"file": name, "sha256": sha256} for name, sha256 in files.items()]
    inputs = sheet.table("run_log.inputs", of_files, plain=True)
    sheet.section("Scenario as solved")
    sheet.paragraph(
        "Text of a scenario file with every value and its origin. ccs-model optimize reads it back, so that the "
        "workbook is enough to solve again where the scenario names no files of its own."
    )
    lines = sheet.table("run_log.scenario", list(_scenario_lines(plan)), plain=True)
    sheet.section("Fingerprints of solver results")
    sheet.note("By these, ccs-model finds a changed cell when it reads the workbook back.")
    signs = sheet.table("run_log.fingerprints", list(sheet.book.fingerprints.rows()), plain=True)
    sheet.leave_unprinted(inputs.first - _HEAD_AND_TEXT, signs.last)
    if plan.added_components:
        sheet.book.mark(model_additions=run.cell("value", "additions"))
    sheet.book.mark(
        workbook_format=run.cell("value", "format"),
        workbook_version=run.cell("value", "version"),
        workbook_lang=run.cell("value", "language"),
        workbook_run=run.cell("value", "run"),
        input_files=inputs.column("file"),
        input_hashes=inputs.column("sha256"),
        scenario_text=_column_range(lines, "n", "text"),
        solver_fingerprints=_column_range(signs, "sheet", "signs"),
        solved_numbers=_column_range(sheet.book.blocks["data"], "table", "value"),
    )


def _column_range(block: TableRange, first: str, last: str) -> str:
    """Absolute address of the body of a table from one column to another."""
    return f"{block.column(first).split(':')[0]}:{block.column(last).split(':')[1]}"


def _scenario_lines(plan: Plan) -> Iterator[Row]:
    """The resolved scenario, line by line; a line longer than a cell goes on in the next row, with its number."""
    scenario = plan.problem.scenario
    copies = names_of_copies(list(own_files(scenario, plan.problem.inputs)))
    for n, line in enumerate(resolved_scenario_text(scenario, copies).splitlines(), start=1):
        for start in range(0, max(len(line), 1), _LONGEST_LINE):
            yield {"n": n, "text": line[start : start + _LONGEST_LINE]}


def _items(sheet: Sheet, plan: Plan) -> Iterator[Row]:
    """The items of run_items.csv that the run has."""
    objective, size, problem, gap = plan.objective, plan.size, plan.problem, words.gap_of(plan)
    solver, is_searched = problem.scenario.solver, plan.corridors is not None
    values: dict[str, object] = {
        "status": plan.status,
        "objective": problem.objective,
        "decisions": "integer" if problem.is_integer else "continuous",
        "value": objective.value,
        "bound": _number_or_text(objective.searched_bound),
        "gap": _number_or_text(objective.searched_gap_share),
        "relaxation": _number_or_text(plan.relaxation.value),
        "rows": size.n_rows,
        "columns": size.n_columns,
        "integer": size.n_integer,
        "nonzeros": size.n_nonzeros,
        "mip_gap": solver.mip_gap,
        "effort": solver.effort,
        "time_limit": solver.time_limit_s,
        "threads": solver.threads,
        "seed": solver.seed,
        "run": sheet.book.run,
        "format": FORMAT,
        "version": ccs_model.__version__,
        "language": sheet.book.language.lang,
        **{library: metadata.version(library) for library in _LIBRARIES},
        "data_folder": problem.inputs.folder_name,
    }
    if is_searched:
        values |= {"bound_of_all": _number_or_text(objective.bound), "gap_of_all": _number_or_text(objective.gap_share)}
        values["searched"] = gap.n_searched
    if plan.added_components:
        values["additions"] = ", ".join(plan.added_components)
    if problem.network is not None:
        values |= {"nodes": len(problem.network.nodes), "links": pipe_links(plan)[1]}
    if (price := plan.relaxation.abatement_per_budget_kt_per_mn) is not None:
        values["shadow_price"] = price
    within = " within the searched links" if is_searched else ""
    requested = PurePath(problem.scenario.transport.corridors).name
    for declared in declared_rows("run_items.csv", within=within, n_links=f"{gap.n_links:,}", requested=requested):
        if declared["id"] in values:
            name, kind = declared["quantity"], CLASS_OF[declared["class"]]
            yield {
                "id": declared["id"],
                "item": declared["item"],
                "value": Cell(values[declared["id"]], name, kind),
                "unit": objective.unit if declared["unit"] else sheet.unit(name),
                "class": kind.letter,
                "meaning": declared["meaning"],
            }


def _number_or_text(value: float) -> float | str:
    """A figure that was found, or the word that it was not."""
    return value if math.isfinite(value) else "not found"


RUN_LOG = SheetSpec(
    "RunLog", "Status, model size, solver options, versions and the hash of every input.", write_run_log
)


_NAMED_SOURCES = 3
_DISCLAIMER = (
    "Results of a model under the assumptions of sheet Assumptions; no engineering design, offer or investment advice. "
    "Sites, costs and permits must be examined before a decision."
)
_HEADLINE = ("avoided_ktpa", "abatement_share", "capex_mn", "avoidance_cost_per_t", "break_even_carbon_value_per_t")


def write_cover(sheet: Sheet, plan: Plan) -> None:
    """Question, answer, status, checks, legend, contents."""
    scenario = plan.problem.scenario
    sheet.hide_gridlines()
    sheet.print_on_one_page(upright=True)
    sheet.quotation(scenario.name, "lead")
    if scenario.description.strip():
        sheet.section("Question")
        sheet.quotation(" ".join(scenario.description.split()), "lead")
    sheet.section("Answer")
    sheet.paragraph(words.answer(plan), "lead")
    sheet.note(words.AS_SOLVED)
    sheet.section("Headline figures")
    sheet.table("cover.headline", list(_headline(sheet, plan)), plain=True)
    sheet.section("Quality of the solution")
    sheet.paragraph(words.status(plan))
    if len(plan.targets):
        sheet.paragraph(words.targets(plan))
    write_check_result(sheet, plan)
    sheet.banner()
    for line in reported_reduction_lines(plan):
        sheet.note(line)
    sheet.note(
        f"Money is in real {plan.problem.currency} {plan.problem.price_year}. Tonnes are metric; kt is a thousand "
        "tonnes of CO2 unless stated otherwise."
    )
    if sheet.book.has_money_unit:
        # The cell in which the reader chooses the unit of money; only Chinese workbooks have it.
        row = {
            "id": CHOSEN, "item": "Unit of money in tables", "value": Cell(MILLIONS, "", INPUT, unlocked=True),
            "note": "select from the list; charts, sentences, sheet Inputs and sheet Data stay in million",
        }  # fmt: skip
        block = sheet.table("cover.money_unit", [row], plain=True)
        sheet.book.define(CHOSEN, block.cell("value", CHOSEN))
        sheet.choices(block, "value", (MILLIONS, HUNDRED_MILLIONS))
    sheet.section("About")
    about = sheet.table("cover.about", list(_provenance_rows(sheet, plan)), plain=True)
    sheet.book.mark(author=about.cell("value", "author"))
    sheet.note(_DISCLAIMER)
    sheet.section("Contents")
    contents = [{"sheet": Cell(page.name, sheet=page.name), "holds": page.holds} for page in sheet.shown_pages()]
    sheet.table("cover.contents", contents, plain=True)
    sheet.section("Cell classes")
    sheet.paragraph(
        "The colour above each column gives the class of its numbers, and so does their own. Screen readers read the "
        "name of the class there. Where the rows of a table differ, a column Class has the letter."
    )
    classes = [
        {
            "letter": Cell(kind.letter, cell_class=kind),
            "kind": Cell(kind.name, cell_class=kind),
            "meaning": Cell(kind.meaning, cell_class=CALCULATION),
        }
        for kind in CELL_CLASSES
    ]
    sheet.table("cover.classes", classes, plain=True)


def _provenance_rows(sheet: Sheet, plan: Plan) -> Iterator[Row]:
    """Version, author, sources of the plants and run; the author's name is for the reader to fill in."""
    sources = plan.problem.plants["reference"].value_counts().index
    named = ", ".join(sources[:_NAMED_SOURCES]) + (" …" if len(sources) > _NAMED_SOURCES else "")
    yield {"item": "Software", "value": f"ccs-model {ccs_model.__version__}"}
    author = None if plan.revision is None else plan.revision.author or None
    yield {"id": "author", "item": "Author", "value": Cell(author, unlocked=True)}
    yield {"item": "Plant data", "value": f"{named}: see sheet Sources" if named else "none"}
    # Not the run folder, whose name is the user's: the same inputs give the same workbook in every folder.
    yield {"item": "Scenario and hash of inputs", "value": f"{sheet.book.run}: see sheet RunLog"}


def _headline(sheet: Sheet, plan: Plan) -> Iterator[Row]:
    """The key figures that answer the question; they follow the inputs as on sheet Summary."""
    for name in _HEADLINE:
        value = plan.totals.get(name)
        if value is not None:
            live = Formula(f"={{key_figures!value@{name}}}", float(value))
            yield {"id": name, "figure": label(name), "value": Cell(live, name, CALCULATION), "unit": sheet.unit(name)}


COVER = SheetSpec(
    "Cover",
    "Question, answer, quality of the solution and contents.",
    write_cover,
    "ccs-model: carbon capture retrofit plan",
)


PRINTED_ROWS = 25
# Table of the plan, and what names a row of it.
_TABLES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("by_year", ()),
    ("zones", ("zone",)),
    ("emissions", ("province", "sector")),
    ("cashflow", ()),
    ("retrofits", ("plant", "stream", "technology")),
    ("owners", ("plant",)),
    ("stakeholders", ("stakeholder",)),
    ("ledger", ("item",)),
    ("storage", ("site",)),
    ("targets", ("target", "group")),
)


def write_data(sheet: Sheet, plan: Plan) -> None:
    """One row a number; what has no value has no row."""
    sheet.paragraph(
        "One number per row, as solved: table, key, year, name, value, unit. The year of a retrofit is the decision "
        "year. Annual cash items of each plant are on sheet CashFlow, pipelines on sheet Transport. The sheet is for "
        f"filters, pivot tables and other programs; the first {PRINTED_ROWS} rows are printed."
    )
    block = sheet.table("data", list(_numbers(sheet, plan)), main=True, key="data")
    # A pilot-zones run would otherwise print a hundred pages of it.
    sheet.last_printed_row = min(block.first + PRINTED_ROWS - 1, block.last)


def _numbers(sheet: Sheet, plan: Plan) -> Iterator[Row]:
    """Numbers of the tables; then totals, costs and terms, of which each has a name."""
    for name, key in _TABLES:
        frame = getattr(plan, name)
        if frame is None or frame.empty:
            continue
        present = [column for column in key if column in frame]
        numbers = [column for column in number_columns(frame) if column not in ("year", *present)]
        yield from records(long_table(name, frame, present, numbers, sheet.unit, no_year=None))

    for table, amounts in (("totals", plan.totals), ("costs", plan.cost_terms), ("terms", plan.terms)):
        for name, value in amounts.items():
            if value is not None:
                yield {"table": table, "key": "", "name": name, "value": float(value), "unit": sheet.unit(name)}


DATA = SheetSpec("Data", "Every number of the result, one per row, for pivot tables.", write_data)


HOLDS, BROKEN = "holds", "does not hold"


def write_checks(sheet: Sheet, plan: Plan) -> None:
    """One row a check, then how many hold."""
    rows = [*map(_check_row, records(plan.checks)), *_workbook_checks(sheet, plan)]
    n_broken = int((~plan.checks["holds"]).sum())
    sheet.print_on_one_page()
    sheet.banner()
    sheet.paragraph(
        "The checks of the plan are computed from the problem's coefficients and the decisions alone; their figures "
        "are as solved. The checks of the workbook compare its own cells and follow its inputs. A check holds if the "
        "deviation between actual and expected is within the tolerance; if the expected value exceeds 1, the "
        "deviation is relative."
    )
    top = sheet.row
    sheet.jump(top + 1)
    block = sheet.table("checks", rows, main=True, key="checks")
    sheet.check_results(block, "holds", BROKEN)
    sheet.section("Master check")
    n_formula = Formula("=SUMPRODUCT(({checks!tolerance}>0)*1)", len(rows))
    broken_formula = Formula(f'=COUNTIF({{checks!holds}},"{BROKEN}")', n_broken)
    counts = [
        {"id": "n", "name": "Checks", "value": n_formula},
        {"id": "broken", "name": "Failed checks", "value": broken_formula},
    ]
    counted = sheet.table("checks.master", counts, plain=True)
    sheet.book.define("checks_n", counted.cell("value", "n"))
    sheet.book.define("checks_broken", counted.cell("value", "broken"))
    with sheet.write_at_row(top):
        write_check_result(sheet, plan)


def write_check_result(sheet: Sheet, plan: Plan) -> None:
    """The master check as a live line, when sheet Checks has its rows."""
    block = sheet.book.blocks["checks"]
    n_rows = block.last - block.first + 1
    n_broken, texts = int((~plan.checks["holds"]).sum()), check_texts(sheet.book.language)
    value = f"{n_broken}{texts['checks_of']}{n_rows}{texts['checks_broken']}"
    if n_broken == 0:
        value = f"{texts['checks_all']}{n_rows}{texts['checks_hold']}"
    messages = sheet.book.blocks["messages"]
    every, hold, of, broken = (messages.cell("meaning", name) for name in texts)
    formula = f"=IF(checks_broken=0,{every}&checks_n&{hold},checks_broken&{of}&checks_n&{broken})"
    sheet.live_line(formula, value, "holds", "checks_broken>0", "broken")


def check_texts(language: Language) -> dict[str, str]:
    """The parts of the master check around its numbers, by the ids of their rows on sheet Inputs."""
    texts = {name: labels().keyed[name] for name in ("checks_all", "checks_hold", "checks_of", "checks_broken")}
    if language.lang == "both":
        after = {
            "checks_hold": chinese_text("All checks hold."),
            "checks_broken": chinese_text("Some checks do not hold."),
        }
        return {name: each[0] + (f" / {after[name]}" if name in after else "") for name, each in texts.items()}
    return {name: each[language.lang == "zh"] for name, each in texts.items()}


def _check_row(check: Mapping[str, Any]) -> Row:
    """A check of the plan: its figures are the plan's; the deviation and whether it holds are computed again."""
    actual, expected, figure = check["actual"], check["expected"], check["figure"]
    if not np.isfinite(actual):
        # The gap of a plan worth nothing is no share of it: all of the bound is open.
        actual, figure = 1.0, abs(1.0 - expected) / max(1.0, abs(expected))
    shown = {"actual": Cell(actual, "figure"), "expected": Cell(expected, "figure"), "figure": figure}
    return {**check, **shown, "holds": HOLDS if check["holds"] else BROKEN, "of": "plan"}


def _workbook_checks(sheet: Sheet, plan: Plan) -> Iterator[Row]:
    """The checks of checks.csv: figures that stand in two places of the workbook."""
    values = _figures(sheet, plan)
    parts = (("capture_capital_mn_pa", "capture_power_mn_pa"), ("pipe_capital_mn_pa", "storage_mn_pa"))
    sums = (f"SUM({{economics!{first}@total}}:{{economics!{last}@total}})" for first, last in parts)
    cap = plan.problem.scenario.policy.paid_cap_mn
    marks = {"cost_parts": "+".join(sums), "last_year": str(plan.problem.years[-1]), "paid_cap": repr(cap)}
    for declared in declared_rows("checks.csv", **marks):
        if declared["check"] in values:
            value = float(values[declared["check"]])
            yield {
                "name": declared["name"],
                "holds": HOLDS,
                "actual": Formula(f"={declared['actual']}", value),
                "expected": Formula(f"={declared['expected']}", value),
                "figure": 0.0,
                "tolerance": float(declared["tolerance"]),
                "of": "workbook",
            }
        if declared["check"] == "budget":
            yield from map(_limit_row, limit_checks(plan))


def _limit_row(check: LimitCheck) -> Row:
    """The row of a check of a limit."""
    return {
        "name": check.name,
        "holds": HOLDS,
        "actual": Formula(f"={check.actual}", check.actual_value),
        "expected": Formula(f"={check.limit}", check.limit_value),
        "figure": (check.actual_value - check.limit_value) / max(1.0, check.limit_value),
        "tolerance": 1e-6,
        "of": "workbook",
    }


def _figures(sheet: Sheet, plan: Plan) -> dict[str, float]:
    """The figure that each check of the workbook compares; those without their tables are left out."""
    table, totals = plan.retrofits, plan.totals
    found: dict[str, float] = {}
    if len(plan.problem.plants):
        found["baseline"] = plan.problem.baseline_ktpa
    if "macc" in sheet.book.blocks:
        found["macc"] = macc_table(plan.problem, table)["avoided_at_full_load_ktpa"].sum()
    if len(table):
        found |= {name: totals[name] or 0.0 for name in ("captured_ktpa", "avoided_ktpa", "on_site_abatement_ktpa")}
    if table["captured_ktpa"].sum() > 0:
        found |= {
            "by_sector": totals["captured_ktpa"] or 0.0,
            "capture_capex": table["capture_capex_mn"].sum(),
            "pipe_capex": table["pipe_capex_mn"].sum(),
            "cost": table["cost_mn_pa"].sum(),
        }
    if plan.problem.is_static and len(table) and math.isfinite(plan.problem.budget_mn):
        found["budgeted_cost"] = max(budgeted_parts_mn_pa(plan)[0], plan.problem.budget_mn)
    if has_accounts(plan):
        assert plan.owners is not None and plan.stakeholders is not None
        flows, npv_mn = flows_of(plan, None), plan.owners["npv_mn"]
        discount = np.r_[plan.problem.discount, plan.problem.closing_discount]
        own = flows["own_mn"].sum()
        found |= dict.fromkeys(("npv_of_plants", "npv_as_solved", "npv_of_row"), npv_mn.iloc[-1])
        found |= {"npv_of_selected": npv_mn.iloc[0], "capital": -own, "depreciation": own}
        found |= {"salvage": npv_by_plant(plan)["salvage_mn"].sum(), "carbon": (flows["carbon_mn"] * discount).sum()}
        society = plan.stakeholders.set_index("stakeholder")["npv_mn"]["society"]
        if math.isfinite(plan.problem.budget_mn):
            found["budget"] = max(float(own), plan.problem.budget_mn)
        if (cap := plan.problem.scenario.policy.paid_cap_mn) is not None:
            found["payments"] = max(float(flows["paid_mn"].sum()), cap)
        found |= {"cumulative": flows["net_mn"].sum(), "society": society, "society_as_solved": society}
    return found


CHECKS = SheetSpec("Checks", "Each check: actual value, expected value, tolerance and result.", write_checks)
