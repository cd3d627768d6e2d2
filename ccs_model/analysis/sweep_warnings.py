"""Warnings of the plans of a sweep: each once, with the scenarios whose plans have it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ccs_model.atomic_files import write_atomic
from ccs_model.plan.plan_json import csv_text
from ccs_model.runs.run_list import SWEEP_WARNINGS


def warnings_of(spec: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Return `warning`, `n_scenarios` and `scenarios` of each warning, in the order of the scenarios.

    `spec` is the request of the sweep, `rows` are its runs by name.
    """
    scenarios: dict[str, list[int]] = {}
    for case in spec["cases"]:
        for warning in rows.get(case.get("run", ""), {}).get("warnings", ()):
            scenarios.setdefault(warning, []).append(case["scenario"])
    return tuple(
        {"warning": warning, "n_scenarios": len(found), "scenarios": " ".join(map(str, found))}
        for warning, found in scenarios.items()
    )


def write_warnings(
    folder: Path, spec: Mapping[str, Any], rows: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Any], ...]:
    """Write the warnings beside the table of a sweep and return them; without any there is no file."""
    warnings = warnings_of(spec, rows)
    if warnings:
        write_atomic(folder / SWEEP_WARNINGS, csv_text(pd.DataFrame(warnings)).encode())
    else:
        (folder / SWEEP_WARNINGS).unlink(missing_ok=True)
    return warnings
