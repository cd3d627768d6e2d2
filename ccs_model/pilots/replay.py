"""Replay of pilot-zone cases: computes their quantities and checks each expectation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from types import MappingProxyType
from typing import Any

import pandas as pd

from ccs_model.arguments import callback, file_path, instance_of, items_of, optional
from ccs_model.errors import CheckError, InfeasibleError, InputError, Issue, NoPlanError, raise_issues
from ccs_model.inputs import Inputs
from ccs_model.inputs.cells import nearest_hint
from ccs_model.inputs.declarations import PLANTS
from ccs_model.inputs.load import load_tables
from ccs_model.pilots import replay_cases
from ccs_model.pilots.replay_cases import ReplayContext
from ccs_model.scenario.case import Case, Expectation, read_case
from ccs_model.scenario.sections import OwnTables

SCHEMA = "ccs-model/replay/2"

Kind = Callable[[Case, ReplayContext], Mapping[str, float]]
KIND_OF: Mapping[str, Kind] = MappingProxyType(
    {
        kind.__name__: kind
        for kind in (
            replay_cases.heldout, replay_cases.physical, replay_cases.inverse, replay_cases.budget_sweep,
            replay_cases.ceiling, replay_cases.presets, replay_cases.optimality_gap, replay_cases.plant_hand,
            replay_cases.published_cost, replay_cases.carbon_price, replay_cases.degenerate, replay_cases.calibrator,
        )
    }
)  # fmt: skip
# Keys of `values:` that a kind needs.
_VALUES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "budget_sweep": ("most_mn",),
        "plant_hand": ("iron_ktpa", "captured_kg_per_t", "switch_ktpa"),
        "published_cost": ("nameplate_ktpa", "published_per_t", "published_ratio"),
        "carbon_price": ("carbon_price_per_t",),
    }
)


@dataclass
class ReplayContexts:
    """One context for each data folder of the cases, and one for the shipped or given tables."""

    inputs: Inputs | None = None
    made: dict[str, ReplayContext] = field(default_factory=dict)

    def of(self, case: Case) -> ReplayContext:
        """Return the context of a case. Raises InputError for invalid tables and for plants that they lack."""
        key = "" if case.data is None else str((case.folder / case.data).resolve())
        if key not in self.made:
            own = OwnTables(case.folder, data=case.data) if case.data is not None else None
            given = self.inputs if own is None else None
            self.made[key] = ReplayContext(given if given is not None else load_tables(own))
        context = self.made[key]
        known = {str(plant) for table in PLANTS for plant in context.inputs[table]["plant"]}
        raise_issues(
            Issue(f"{case.place}: plants[{i}]", f"no plant '{plant}' in the tables", nearest_hint(plant, known))
            for i, plant in enumerate(case.plants)
            if plant not in known
        )
        return context


@dataclass(frozen=True)
class ExpectationResult:
    """One expectation of a case and its result.

    `can_fail` is false for a consistency check that holds by construction. `why` gives the reason for a missing value.
    """

    case: str
    kind: str
    zone: str
    quantity: str
    value: float | None
    low: float | None
    high: float | None
    holds: bool
    expected_to_fail: bool
    can_fail: bool
    why: str = ""

    @property
    def as_expected(self) -> bool:
        """Whether the band holds, or fails for a control."""
        return self.holds != self.expected_to_fail


@dataclass(frozen=True)
class Replay:
    """Results of all expectations; `found` has every quantity of each case."""

    rows: tuple[ExpectationResult, ...]
    found: Mapping[str, Mapping[str, float]]

    @property
    def all_hold(self) -> bool:
        """Whether every row is as expected."""
        return all(row.as_expected for row in self.rows)

    @property
    def table(self) -> pd.DataFrame:
        """Return the rows as a frame."""
        return pd.DataFrame([vars(row) for row in self.rows])

    def to_dict(self) -> dict[str, Any]:
        """Return the document of `replay --json`."""
        return {"schema": SCHEMA, "cases": [dict(vars(row)) for row in self.rows], "all_hold": self.all_hold}


def replay(
    cases: str | PathLike[str] | Case | Iterable[str | PathLike[str] | Case],
    *,
    inputs: Inputs | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Replay:
    """Test cases of pilot zones: every expectation must hold, and every control must fail.

    Parameters
    ----------
    cases
        Case file, a case, or several of them. Every file is read before anything is solved.
    inputs
        Tables; the shipped ones by default.
    on_progress
        Receives the name of each case before it is solved.

    Returns
    -------
    Replay
        One row an expectation: quantity, value, band, and whether it is as expected.

    Raises
    ------
    InputError
        With the issues of all files.
    FileError
        If a file cannot be read.
    """
    expected = "case files or cases"
    given = [cases] if isinstance(cases, str | PathLike | Case) else items_of("cases", cases, expected)
    optional(instance_of, "inputs", inputs, Inputs, "Inputs", "load_inputs() reads them")
    callback("on_progress", on_progress)
    read: list[Case] = []
    issues: list[Issue] = []
    for each in given:
        try:
            read.append(each if isinstance(each, Case) else read_case(file_path("cases", each, expected)))
        except InputError as error:
            issues += error.issues
    n_cases = Counter(case.case for case in read)
    issues += [
        Issue(f"case '{name}'", f"{n} cases have this name", "rename them") for name, n in n_cases.items() if n > 1
    ]
    if issues:
        raise InputError(issues)
    contexts = ReplayContexts(inputs)
    rows: list[ExpectationResult] = []
    quantities: dict[str, Mapping[str, float]] = {}
    for case in read:
        if on_progress is not None:
            on_progress(case.case)
        found, why = find_quantities(case, contexts.of(case))
        quantities[case.case] = found
        rows += [judge_expectation(case, each, found, why) for each in case.expect]
    return Replay(tuple(rows), MappingProxyType(quantities))


def find_quantities(case: Case, context: ReplayContext) -> tuple[Mapping[str, float], str]:
    """Return every quantity of a case, or the reason why a problem is infeasible."""
    try:
        return KIND_OF[case.kind](case, context), ""
    except (InfeasibleError, NoPlanError, CheckError) as error:
        return {}, " ".join(str(error).split())
    except KeyError as error:
        if error.args and error.args[0] in _VALUES.get(case.kind, ()):
            hint = f"under `values:`, {', '.join(_VALUES[case.kind])}"
            raise InputError([Issue(f"case {case.case}", f"kind {case.kind} needs '{error.args[0]}'", hint)]) from error
        raise


def judge_expectation(case: Case, each: Expectation, found: Mapping[str, float], why: str = "") -> ExpectationResult:
    """Whether one expectation holds; where nothing was found, nothing is as expected, a control neither."""

    def row(
        value: float | None, low: float | None, high: float | None, holds: bool, why: str = ""
    ) -> ExpectationResult:
        marks = each.expected_to_fail, each.can_fail
        return ExpectationResult(case.case, case.kind, case.zone, each.quantity, value, low, high, holds, *marks, why)

    if not found:
        return row(None, None, None, each.expected_to_fail, why)
    value = each.given if each.given is not None else _value(case, each.quantity, found)
    low, high = _band(case, each, found)
    if not math.isfinite(value):
        return row(None, low, high, each.expected_to_fail, "no such number here")
    holds = (low is None or value >= low) and (high is None or value <= high)
    return row(value, low, high, holds)


def _band(case: Case, each: Expectation, found: Mapping[str, float]) -> tuple[float | None, float | None]:
    if each.about is not None:
        middle = _value(case, each.about, found)
        half = each.within * (abs(middle) if each.relative else 1.0)
        return middle - half, middle + half
    ends: list[float | None] = []
    for end, sign in ((each.low, -1.0), (each.high, 1.0)):
        bound = None if end is None else _value(case, end, found)
        ends.append(None if bound is None else bound + sign * each.within * (abs(bound) if each.relative else 1.0))
    return ends[0], ends[1]


def _value(case: Case, name: float | str, found: Mapping[str, float]) -> float:
    """A number, or what the case computed under a name."""
    if isinstance(name, int | float):
        return float(name)
    if name not in found:
        known = ", ".join(found)
        raise InputError([Issue(case.place, f"kind {case.kind} computes no '{name}'", f"one of {known}")])
    return float(found[name])
