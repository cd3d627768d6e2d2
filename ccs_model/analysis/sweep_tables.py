"""Tables of a sweep: one row a scenario, one row a plant, and each warning of the plans once with its scenarios."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ccs_model.atomic_files import write_atomic
from ccs_model.errors import BAD_INPUT, BUG, CHECK_FAILED, DONE, FILE_TROUBLE, INFEASIBLE, LIMIT_REACHED, NO_PLAN
from ccs_model.plan.plan import with_units
from ccs_model.plan.plan_json import csv_text
from ccs_model.runs.run_list import SWEEP_WARNINGS

MISSING = "missing"
# Statuses of failures, the worst first.
FAILURES = {
    BAD_INPUT: "bad input", BUG: "failed", CHECK_FAILED: "check failed", FILE_TROUBLE: "file error",
    NO_PLAN: "no plan", INFEASIBLE: "infeasible",
}  # fmt: skip
_OF_OBJECTIVE = ("unit", "bound", "gap_share", "searched_bound", "searched_gap_share")
_ABOUT = ("status", "exit_code", "objective_name", "currency", "price_year", "objective_value", *_OF_OBJECTIVE)
_OF_PLANT = ("name", "province", "sector")
_SEVERAL = "several currencies"


def row_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Row of one run, from its plan.json."""
    objective = document["objective"]
    # Adding 0.0 turns −0.0 into 0.0.
    figures = {key: objective[key] + 0.0 if isinstance(objective[key], float) else objective[key]
               for key in _OF_OBJECTIVE}  # fmt: skip
    return {
        "exit_code": LIMIT_REACHED if document["status"] == "limit" else DONE,
        **{key: document[key] for key in ("status", "objective_name", "currency", "price_year", "totals")},
        "objective_value": objective["value"],
        **figures,
        "warnings": document.get("warnings", ()),
        "retrofitted": {row["plant"]: {key: row[key] for key in _OF_PLANT} for row in document["retrofits"]},
    }


def sweep_tables(spec: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row a scenario in their order, and one row a plant, most often retrofitted first; `rows` are by run."""
    found = [_row(case, rows) for case in spec["cases"]]
    totals = list(dict.fromkeys(name for each in found for name in each["totals"]))
    table = pd.DataFrame(
        [
            {
                "scenario": case["scenario"],
                **{key: _text(case["changes"][key]) if key in case["changes"] else None for key in spec["keys"]},
                # A swept key of the same name stays where there is no plan.
                **{key: each.get(key, case["changes"].get(key)) for key in _ABOUT},
                **{name: each["totals"].get(name) for name in totals},
                "plants": " ".join(sorted(each["retrofitted"])),
                "message": each.get("message", ""),
                "run": case.get("run", ""),
            }
            for case, each in zip(spec["cases"], found, strict=True)
        ],
        # A column of integers with missing values would become floats.
        dtype=object,
    )
    return table, _plants(found)


def typed_table(cells: pd.DataFrame) -> pd.DataFrame:
    """The rows of a sweep with numbers as numbers, yes or no as booleans, null as missing, and units in `attrs`.

    Amounts have no unit where scenarios differ in currency or price year, which are columns of their own.
    """
    table = pd.DataFrame({name: _typed_column(column) for name, column in cells.items()})
    money = cells[["currency", "price_year"]].dropna().drop_duplicates()
    if len(money) == 1:
        return with_units(table, str(money["currency"].iloc[0]), int(money["price_year"].iloc[0]))
    with_units(table, _SEVERAL, 0)
    table.attrs["unit"] = {name: unit for name, unit in table.attrs["unit"].items() if _SEVERAL not in unit}
    return table


def _typed_column(column: pd.Series) -> pd.Series:
    column = column.mask(column == _text(None))
    there = column.dropna()
    kinds = {type(value) for value in there}
    if not kinds:
        return column
    if kinds <= {int}:
        return column.astype("Int64")
    if kinds <= {int, float}:
        return column.astype(float)
    if set(there) <= {_text(True), _text(False)}:
        return column.map({_text(True): True, _text(False): False}).astype("boolean")
    return column


def _row(case: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    row: Mapping[str, Any] = {"status": MISSING}
    if "run" not in case:
        row = {"exit_code": case["exit_code"], "message": case["error"]}
    elif case["run"] in rows:
        row = rows[case["run"]]
    return {"totals": {}, "retrofitted": {}, "status": FAILURES.get(row.get("exit_code", DONE), ""), **row}


def _text(value: Any) -> Any:
    """A changed value as one cell."""
    is_plain = isinstance(value, int | float | str) and not isinstance(value, bool)
    return value if is_plain else json.dumps(value, ensure_ascii=False)


def _plants(found: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    with_plan = [each for each in found if "objective_value" in each]
    often = Counter(plant for each in with_plan for plant in each["retrofitted"])
    about = {plant: row for each in with_plan for plant, row in each["retrofitted"].items()}
    rows = [
        {"plant": plant, **about[plant], "n_scenarios": n, "chosen_share": n / len(with_plan)}
        for plant, n in sorted(often.items(), key=lambda item: (-item[1], item[0]))
    ]
    return pd.DataFrame(rows, columns=["plant", *_OF_PLANT, "n_scenarios", "chosen_share"])


def write_warnings(
    folder: Path, spec: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Any], ...]:
    """Write the warnings of the plans beside the table of a sweep and return them; without any there is no file.

    A warning has `warning`, `n_scenarios` and `scenarios`; they are in the order of the scenarios.
    """
    scenarios: dict[str, list[int]] = {}
    for case in spec["cases"]:
        for warning in rows.get(case.get("run", ""), {}).get("warnings", ()):
            scenarios.setdefault(warning, []).append(case["scenario"])
    warnings = tuple(
        {"warning": warning, "n_scenarios": len(found), "scenarios": " ".join(map(str, found))}
        for warning, found in scenarios.items()
    )
    if warnings:
        write_atomic(folder / SWEEP_WARNINGS, csv_text(pd.DataFrame(warnings)).encode())
    else:
        (folder / SWEEP_WARNINGS).unlink(missing_ok=True)
    return warnings
