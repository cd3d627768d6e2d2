"""B9: writing table rows with formulas and formats, as in the sheets of the package."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from statistics import median
from types import SimpleNamespace
from typing import Any

from bench.measurement import Figure, run_in_process
from ccs_model.problem import build_problem
from ccs_model.report.language import Language
from ccs_model.report.workbook.book import Book, new_workbook
from ccs_model.report.workbook.columns import CALCULATION, OBSERVED, SOLVER, Column
from ccs_model.report.workbook.formulas import Formula
from ccs_model.report.workbook.sheet import Sheet, SheetSpec
from ccs_model.scenario import Scenario

GOAL_ROWS_PER_S = 6_000
COLUMNS = (
    Column("plant", OBSERVED),
    Column("name", OBSERVED, widest=26),
    Column("captured_ktpa", SOLVER),
    Column("capex_mn", SOLVER),
    Column("life_yr", SOLVER),
    Column("capital_mn_pa", CALCULATION),
    Column("fixed_om_mn_pa", CALCULATION),
    Column("cost_mn_pa", CALCULATION),
    Column("capture_cost_per_t", CALCULATION),
    Column("verdict", CALCULATION),
)


def generate_rows(n_rows: int) -> list[dict[str, object]]:
    """Return rows of ten cells, five of which are formulas with cached values."""
    rows: list[dict[str, object]] = []
    for k in range(n_rows):
        captured, capex, life = 100.0 + k % 977, 50.0 + k % 613, 20.0
        capital, upkeep = capex * 0.09, capex * 0.03
        cost = capital + upkeep
        rows.append(
            {
                "plant": f"P_{k}",
                "name": f"工厂 Works number {k % 5_000}",
                "captured_ktpa": captured,
                "capex_mn": capex,
                "life_yr": life,
                "capital_mn_pa": Formula("={capex_mn}*0.09", capital),
                "fixed_om_mn_pa": Formula("={capex_mn}*0.03", upkeep),
                "cost_mn_pa": Formula("=SUM({capital_mn_pa},{fixed_om_mn_pa})", cost),
                "capture_cost_per_t": Formula("={cost_mn_pa}*1000/{captured_ktpa}", cost * 1000.0 / captured),
                "verdict": Formula('=IF({life_yr}>={captured_ktpa},"long","short")', "short"),
            }
        )
    return rows


def measure_writing(n_rows: int) -> tuple[float, float]:
    """Return the CPU seconds from `n_rows` rows in memory to the bytes of the file, and the file size in MB."""
    # A small scenario provides currency, price year and run name. No model is solved.
    scenario = Scenario.from_dict(
        {
            "name": "rows",
            "plants": {"inventory": ["chemicals"], "provinces": ["Shanxi"], "min_emissions_ktpa": 1_200},
            "transport": {"shared_trunklines": False},
            "budget": {"total_mn": 1},
        }
    )
    from ccs_model.inputs import load_inputs

    plan: Any = SimpleNamespace(problem=build_problem(scenario, load_inputs(scenario)))
    rows = generate_rows(n_rows)

    def write(sheet: Sheet, _: object) -> None:
        sheet.table(COLUMNS, rows, main=True, key="rows")

    page = SheetSpec("Rows", "Rows.", write)
    started = time.process_time()
    workbook, out = new_workbook("Rows")
    sheet = Sheet(Book(workbook, [page.name], plan, Language()), page, (page,))
    page.write(sheet, plan)
    sheet.finish()
    workbook.close()
    return time.process_time() - started, len(out.getvalue()) / 1e6


def figures(*, quick: bool = False) -> Iterator[Figure]:
    """Yield B9: CPU seconds for 50,000 rows, median of three runs. The goal is 6,000 rows per second."""
    n_rows, n_runs = (5_000, 1) if quick else (50_000, 3)
    runs: Sequence[tuple[float, float]] = [run_in_process(measure_writing, n_rows) for _ in range(n_runs)]
    seconds = [each for each, _ in runs]
    cpu_s = median(seconds)
    label = f"{n_rows:,} rows of ten cells, five of them formulas, CPU"
    yield Figure("B9", label, "s", cpu_s, n_rows / GOAL_ROWS_PER_S, {}, {"package_s": seconds})
    yield Figure("B9", "the same, rows per CPU second", "ratio", n_rows / cpu_s)
    yield Figure("B9", "the same, file size in MB", "ratio", runs[0][1])
