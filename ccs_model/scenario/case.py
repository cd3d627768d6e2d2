"""Case files of the pilot zones: a zone, a kind of calculation, and the expected results."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from ccs_model.errors import InputError
from ccs_model.scenario.fields import FileName, Line, Paragraph, Section, Words, plain_values
from ccs_model.scenario.read import read_values
from ccs_model.scenario.sections import SHIPPED_PRESET
from ccs_model.scenario.upgrade import HINT, case_renames
from ccs_model.scenario.validation import Finding, findings_of, raise_findings

KINDS = (
    "heldout", "physical", "inverse", "budget_sweep", "ceiling", "presets", "optimality_gap", "plant_hand",
    "published_cost", "carbon_price", "degenerate", "calibrator",
)  # fmt: skip


class Expectation(Section):
    """An expectation of a case: a quantity lies within a band."""

    quantity: Line
    """Quantity to test; docs/explanation/calibration.md lists the quantities of each kind."""
    given: float | None = None
    """Value to test instead of the computed one, for a negative control."""
    low: float | str | None = None
    """Lower end of the band: a number, or the name of another quantity of the case."""
    high: float | str | None = None
    """Upper end of the band: a number, or the name of another quantity."""
    about: float | str | None = None
    """Middle of the band, instead of low and high: a number, or the name of another quantity."""
    within: float = Field(default=0.0, ge=0)
    """Half the width of the band about its middle, or the tolerance of a bound."""
    relative: bool = False
    """Whether `within` is a share of the middle or bound."""
    expected_to_fail: bool = False
    """Negative control: the value must lie outside the band."""
    can_fail: bool = True
    """False for a consistency check that holds by construction, such as a constraint of the model."""

    @model_validator(mode="after")
    def _require_band(self) -> Expectation:
        bounds = self.low is not None or self.high is not None
        if bounds == (self.about is not None):
            raise_findings([Finding(("about",), "expected low, high or both, or about")])
        if isinstance(self.low, float) and isinstance(self.high, float) and self.low > self.high:
            raise_findings([Finding(("low",), f"expected at most high ({self.high:g}), got {self.low:g}")])
        return self


class Case(Section):
    """A case: a zone, a kind of calculation, and the expectations."""

    case: Line
    """Name of the case."""
    kind: Literal[KINDS]  # type: ignore[valid-type]
    """Kind of calculation; docs/explanation/calibration.md describes each kind."""
    zone: Line = "all"
    """A row of pilots/zones; `all` for kinds that cover every zone."""
    description: Paragraph = ""
    """What the case tests, in your own words."""
    preset: Line = SHIPPED_PRESET
    """Interpretation of the report, for kinds that fit the calibration."""
    plants: Words = ()
    """Ids of the plants, for kinds that require some."""
    values: dict[str, float] = Field(default_factory=dict)
    """Numbers that the kind requires, by name."""
    data: FileName | None = None
    """A folder next to the case file with tables of your own that override the shipped ones."""
    scenario: dict[str, Any] = Field(default_factory=dict)
    """Keys that override the scenario of the zone: {budget: {total_mn: 500}}."""
    expect: tuple[Expectation, ...] = Field(min_length=1)
    """Expectations, at least one."""

    _path: Path = PrivateAttr(default_factory=Path)

    @property
    def folder(self) -> Path:
        """Folder of the case file; file names in the case are relative to it."""
        return self._path.parent

    @property
    def place(self) -> str:
        """The file and name of the case, for errors."""
        return f"{self._path}: case {self.case}" if self._path.name else f"case {self.case}"


def read_case(path: str | os.PathLike[str]) -> Case:
    """Read a case file.

    Raises
    ------
    InputError
        With every error of the file, each with its line and column.
    FileError
        If the file cannot be read.
    """
    document = read_values(Path(path))
    values = plain_values(document.values)
    for key_path, on_key, what in case_renames(values):
        document.add_issue(document.mark_of(key_path, on_key=on_key), key_path, what, HINT)
    case = None
    try:
        case = Case.model_validate(values)
        case._path = Path(path)
    except ValidationError as error:
        known = (*Case.model_fields, *(f"expect.{name}" for name in Expectation.model_fields))
        document.note(findings_of(error, values, known))
    if document.issues or case is None:
        raise InputError(document.issues_in_order())
    return case
