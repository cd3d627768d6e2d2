"""`CollectedEdits`: the edited cells of a workbook, the changes of its scenario that follow, and the issues found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ccs_model.errors import InputError, Issue
from ccs_model.plan.stored_run import Edit
from ccs_model.report.workbook.workbook_reader import Place, WorkbookReader, is_digits, is_same_number
from ccs_model.scenario import Scenario
from ccs_model.scenario.schema import is_within


@dataclass
class CollectedEdits:
    """Edits, issues and changes of the scenario by key; each change knows the cells that make it up.

    Attributes
    ----------
    cells_of
        The cells of the value of a key, or of a part of it.
    kept
        Place of each part of a changed value that stays as the scenario has it.
    taken
        The cell that changes a key.
    key_cells
        The cell for a new value of a key that the workbook lists.
    """

    book: WorkbookReader
    solved: Scenario
    edits: list[Edit] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    changes: dict[str, object] = field(default_factory=dict)
    cells_of: dict[str, list[Place]] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    taken: dict[str, str] = field(default_factory=dict)
    key_cells: dict[str, str] = field(default_factory=dict)

    @property
    def places(self) -> dict[str, str]:
        """The cells that make up each changed value, by key."""
        return {**self.kept, **{key: self.book.full_addresses(cells) for key, cells in self.cells_of.items()}}

    def scenario(self) -> Scenario:
        """The scenario with all changes. Raises InputError with the cell of each error."""
        if not self.changes:
            return self.solved
        places = self.places
        try:
            return self.solved.with_changes(self.changes, places)
        except InputError as error:
            raise InputError([_locate_issue(issue, places, self.key_cells) for issue in error.issues]) from error

    def add_edit(self, place: Place, what: str, key: str, old: object, new: object) -> None:
        """Record an edited cell."""
        self.edits.append(Edit(self.book.address(place), what, key, old, new))

    def take(self, key: str, place: Place) -> bool:
        """Whether no other cell changes the key, one above it, or one beneath it; if one does, add an issue."""
        for other, cell in self.taken.items():
            if is_within(key, other) or is_within(other, key):
                self.add_issue(place, f"{key} is already changed at {cell}", "keep one of the two")
                return False
        self.taken[key] = self.book.address(place)
        return True

    def change(self, key: str, value: object, *cells: Place) -> None:
        """Change a key to a value that these cells make up, with those that changed it before."""
        self.changes[key] = value
        known = self.cells_of.setdefault(key, [])
        known += [cell for cell in dict.fromkeys(cells) if cell not in known]

    def add_issue(self, place: Place, what: str, hint: str = "") -> None:
        """Add an issue at a cell; one of a merged area is enough."""
        if not self.book.is_merged_input(place):
            self.issues.append(Issue(self.book.full_address(place), what, hint))

    def require_plain_value(self, place: Place, expected: str = "a value") -> bool:
        """Whether a cell holds neither a formula nor a date; if it does, add an issue."""
        cell = self.book.cell(place)
        if cell is None or not (cell.has_formula or cell.is_date):
            return True
        if not cell.has_formula:
            self.add_issue(place, f"is a date, expected {expected}", "format the cell as a number and type the value")
        elif cell.value == "":
            what = "holds a formula without a stored value, expected a value"
            self.add_issue(place, what, "type its value; a spreadsheet program shows it")
        else:
            self.add_issue(place, "holds a formula, expected a value", f"type its value: {cell.value!r}")
        return False

    def number(self, place: Place, low: float, high: float, unit: str, solved: object = None) -> float | None:
        """The number of a cell within its range, or the solved one; None, with an issue, if there is none."""
        if not self.require_plain_value(place, f"a number from {low:g} to {high:g}"):
            return None
        value = self.book.value_at(place)
        if isinstance(value, bool) and (low, high) == (0.0, 1.0):  # a switch
            return float(value)
        if isinstance(value, bool) or not isinstance(value, float | int):
            got = "nothing" if value == "" else repr(value)
            hint = "the cell is text: format it as a number and type it again" if is_digits(value) else ""
            if isinstance(value, str) and value.strip().endswith("%") and is_digits(value.strip()[:-1]):
                hint = f"type {float(value.strip()[:-1]) / 100:g}"
            self.add_issue(
                place, f"expected a number from {low:g} to {high:g}, got {got}", hint or "type digits and no unit"
            )
            return None
        if not low <= value <= high and not is_same_number(float(value), solved):
            hint = f"{value:g} % is {value / 100:g}" if high <= 1 < value <= 100 else unit
            self.add_issue(place, f"expected a number from {low:g} to {high:g}, got {value:g}", hint)
            return None
        return float(value)


def _locate_issue(issue: Issue, places: Mapping[str, str], key_cells: Mapping[str, str]) -> Issue:
    """The issue of a key, at the cells that changed it, or where they did not, at the cell for a new value of it."""
    key = issue.where
    for cells in (places, key_cells):
        near = [each for each in cells if is_within(key, each) or is_within(each, key)]
        if near:
            return Issue(cells[max(near, key=len)], f"{key}: {issue.what}", issue.hint)
    return issue
