"""Combinations of objective, target, decisions and network of one small scenario, run through the command line."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import openpyxl
from ruamel.yaml import YAML

from tests.integration.faults.conftest import run_command

OBJECTIVES = ("max_abatement", "min_cost", "max_npv", "max_net_benefit")
TARGETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "none": {},
        "abatement_share": {"abatement_share": {"YEAR": 0.01}},
        "cumulative_avoided_kt": {"cumulative_avoided_kt": 400},
        "captured_ktpa": {"captured_ktpa": 300},
        "by_province": {"by_province": {"Shanxi": {"avoided_ktpa": {"YEAR": 150}}}},
        "by_sector": {"by_sector": {"chemicals": {"cumulative_avoided_kt": 400}}},
        "share_of_avoided_min": {"share_of_avoided_min": {"chemicals": 0.5}},
    }
)
YEARS: Mapping[str, Any] = MappingProxyType({"periods": [2026, 2031], "static": "static"})
DECISIONS = ("integer", "continuous")
NETWORKS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "own pipes": {"transport": {"shared_trunklines": False}},
        "shared pipes": {"transport": {"shared_trunklines": True}, "storage": {"sites": ["Qinshui"]}},
    }
)
STATIC_YEAR = 2024
FORMATS = ("iamc", "csv", "geojson", "parquet")


@dataclass(frozen=True)
class Combination:
    """One combination of objective, target, years, decisions and network."""

    objective: str
    target: str
    has_shortfall: bool
    years: str
    decisions: str
    network: str

    def __str__(self) -> str:
        target = f"{self.target} or a price" if self.has_shortfall else self.target
        return ", ".join((self.objective, target, self.years, self.decisions, self.network))

    @property
    def is_valid(self) -> bool:
        """Whether the scenario is valid; the others are rejected with exit code 3."""
        if self.years == "static" and self.objective in ("max_npv", "max_net_benefit"):
            return False
        if self.has_shortfall and self.objective != "min_cost":
            return False
        has_abatement_target = self.target not in ("none", "share_of_avoided_min")
        return self.objective != "min_cost" or has_abatement_target or self.years == "static"

    def scenario(self) -> dict[str, Any]:
        """The scenario as a mapping."""
        year = STATIC_YEAR if self.years == "static" else YEARS[self.years][-1]
        targets = json.loads(json.dumps(TARGETS[self.target]).replace('"YEAR"', f'"{year}"'), object_hook=_with_years)
        if self.has_shortfall:
            targets["shortfall_per_t"] = 300
        return {
            "name": "Small",
            "price_year": STATIC_YEAR,
            "years": YEARS[self.years],
            "plants": {"inventory": ["chemicals"], "provinces": ["Shanxi"], "min_emissions_ktpa": 1_200},
            "capture": {"decisions": self.decisions},
            "budget": {"total_mn": 150 if self.years == "static" else 900},
            "objective": self.objective,
            **({"targets": targets} if targets else {}),
            **NETWORKS[self.network],
            "solver": {"mip_gap": 0.3, "threads": 1, "effort": "quick"},
        }


def combinations(network: str, years: str) -> list[Combination]:
    """Return the combinations of every objective and target for one network and one kind of years.

    A combination that is valid over periods and in a static year has integer decisions in one of them and continuous
    decisions in the other. Scenarios with a price of missing tonnes and invalid scenarios have integer decisions only.
    """
    product = itertools.product(OBJECTIVES, TARGETS, (False, True), (years,), DECISIONS, (network,))
    return [each for each in (Combination(*values) for values in product) if _is_selected(each)]


def _is_selected(combination: Combination) -> bool:
    is_integer = combination.decisions == "integer"
    is_valid_in_both = replace(combination, years="static").is_valid and replace(combination, years="periods").is_valid
    if not is_valid_in_both or combination.has_shortfall:
        return is_integer or (combination.is_valid and not combination.has_shortfall)
    parts = ((OBJECTIVES, combination.objective), (TARGETS, combination.target), (NETWORKS, combination.network))
    is_even = sum([*names].index(name) for names, name in parts) % 2 == 0
    return (combination.years == "periods") == (is_integer == is_even)


def export_of(combination: Combination, formats: Sequence[str]) -> str:
    """Return the export format of a combination; the formats are assigned in turn."""
    names = (*OBJECTIVES, *TARGETS, *DECISIONS)
    index = sum(names.index(each) for each in (combination.objective, combination.target, combination.decisions))
    return formats[(index + combination.has_shortfall) % len(formats)]


def check(combination: Combination, folder: Path, formats: Sequence[str] = FORMATS[:3]) -> None:
    """Check the run, the page and one export of a combination; an invalid scenario is rejected and writes nothing.

    The page does not depend on the kind of decisions, and shows targets in the same way for a static year and without
    shared pipelines. So it is written for integer decisions with shared pipelines over periods, and otherwise only for
    scenarios without a target.
    """
    run = folder / "run"
    YAML().dump(combination.scenario(), folder / "small.yaml")
    answer = run_command(["optimize", "small.yaml", "--out", "run", "-q"], folder)
    if not combination.is_valid:
        assert answer.code == 3, answer.err
        assert not run.exists()
        return
    assert answer.code == 0, answer.err
    plan = json.loads((run / "plan.json").read_text(encoding="utf-8"))
    assert plan["objective_name"] == combination.objective and plan["decisions"] == combination.decisions
    assert all(each["holds"] for each in plan["checks"])
    assert "Summary" in openpyxl.load_workbook(run / "plan.xlsx", read_only=True).sheetnames
    is_on_network = combination.years == "periods" and combination.network == "shared pipes"
    if combination.decisions == "integer" and (is_on_network or combination.target == "none"):
        page = run_command(["report", "run"], folder)
        assert page.code == 0, page.err
        assert (run / "report.html").stat().st_size > 10_000
    written = run_command(["export", "run", "--format", export_of(combination, formats)], folder)
    assert written.code == 0, written.err
    assert all((folder / line).exists() for line in written.out.splitlines())


def _with_years(mapping: dict[str, Any]) -> dict[Any, Any]:
    return {int(key) if key.isdigit() else key: value for key, value in mapping.items()}
