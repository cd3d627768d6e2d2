"""Case files: what a planner writes to replay a zone, and what is expected of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from ccs_model.errors import InputError
from ccs_model.scenario.fields import FileName, Line, Paragraph, Section, Words
from ccs_model.scenario.read import read_values
from ccs_model.scenario.sections import SHIPPED_PRESET
from ccs_model.scenario.upgrade import HINT, case_renames
from ccs_model.scenario.validation import Finding, findings_error, findings_of

KINDS = (
    "heldout", "physical", "inverse", "budget_sweep", "ceiling", "presets", "optimality_gap", "plant_hand",
    "published_cost", "carbon_price", "degenerate", "calibrator",
)  # fmt: skip


class Expectation(Section):
    """One thing that must hold of a case: a quantity lies in its band."""

    quantity: Line
    """What is looked at; each kind of case computes its own, see docs/calibration.md."""
    given: float | None = None
    """A number to try in place of the computed one, as in a control that must fail."""
    low: float | str | None = None
    """Low end of the band: a number, or another quantity of the case."""
    high: float | str | None = None
    """High end of the band."""
    about: float | str | None = None
    """In place of low and high: the middle of the band."""
    within: float = Field(default=0.0, ge=0)
    """Half the width of the band about its middle, or what a bound may be passed by."""
    relative: bool = False
    """Whether `within` is a share of the middle."""
    expected_to_fail: bool = False
    """A control: the value must lie outside the band."""

    @model_validator(mode="after")
    def _has_a_band(self) -> Expectation:
        bounds = self.low is not None or self.high is not None
        if bounds == (self.about is not None):
            raise findings_error([Finding(("about",), "expected either low or high, or about")])
        return self


class Case(Section):
    """One case: a zone, a kind of question, and what is expected."""

    case: Line
    """Name of the case."""
    kind: Literal[KINDS]  # type: ignore[valid-type]
    """What is replayed; see docs/calibration.md."""
    zone: Line = "all"
    """A row of pilots/zones; `all` for cases that need no single one."""
    description: Paragraph = ""
    """What the case tests, in plain words."""
    preset: Line = SHIPPED_PRESET
    """How the report is read, for kinds that fit."""
    plants: Words = ()
    """Plants that the case is about, for kinds that need some."""
    values: dict[str, float] = Field(default_factory=dict)
    """Numbers the kind needs, by name."""
    data: FileName | None = None
    """A folder beside the case with tables of your own (pilots/zones, pilots/observations), laid over the shipped."""
    scenario: dict[str, Any] = Field(default_factory=dict)
    """Keys of a scenario laid over the zone's own, by section: {budget: {total_mn: 500}}."""
    expect: tuple[Expectation, ...] = Field(min_length=1)
    """What must hold."""

    _folder: Path = PrivateAttr(default_factory=Path)

    @property
    def folder(self) -> Path:
        """Where the case was read from; files are seen from there."""
        return self._folder


def read_case(path: str | os.PathLike[str]) -> Case:
    """The case in a YAML file. Raises InputError with every fault at its line, FileError when it cannot be read."""
    document = read_values(Path(path))
    values = _with_tuples(document.values)
    for key_path, on_key, what in case_renames(values):
        document.add_issue(document.mark_of(key_path, on_key=on_key), key_path, what, HINT)
    case = None
    try:
        case = Case.model_validate(values)
        case._folder = Path(path).parent
    except ValidationError as error:
        document.note(findings_of(error, values, _known()))
    if document.issues or case is None:
        raise InputError([issue for _, issue in sorted(document.issues, key=lambda each: each[0])])
    return case


def _with_tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_tuples(each) for key, each in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value


def _known() -> tuple[str, ...]:
    return (*Case.model_fields, *(f"expect.{name}" for name in Expectation.model_fields))
