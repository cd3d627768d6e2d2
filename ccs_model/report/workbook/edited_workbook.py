"""Reads a workbook of ccs-model back: the scenario it was solved with, the cells edited since, and the plan it held.

A cell counts as edited if it differs from the value that was written beside it, never from a converted one, so that a
workbook without edits gives the scenario bit by bit. Every issue names the cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ccs_model.bounded_reading import TABLE_BYTES
from ccs_model.errors import InputError, Issue
from ccs_model.inputs.csv_reader import LOCK
from ccs_model.plan.stored_run import Edit, Revision, notices_of_edits
from ccs_model.report.language import LANGUAGES
from ccs_model.report.workbook.columns import declared_rows
from ccs_model.report.workbook.inputs_sheet import PLAY
from ccs_model.report.workbook.plants_sheet import decision_text
from ccs_model.report.workbook.recalculation import stored_workbook
from ccs_model.report.workbook.transport_sheet import NO, YES
from ccs_model.report.workbook.workbook_reader import (
    MOST_CELLS,
    Place,
    Value,
    WorkbookReader,
    add_brackets,
    convert_to_type_of,
    decision,
    decision_hint,
    drop_consequences,
    is_digits,
    is_same,
    is_same_number,
    missing_files,
    plant_decision,
    thousands_hint,
)
from ccs_model.scenario import Scenario
from ccs_model.scenario.fields import Section, first_step, plant_and_reason
from ccs_model.scenario.read import values_in
from ccs_model.scenario.schema import is_within
from ccs_model.scenario.upgrade import renamed_key
from ccs_model.scenario.yaml_document import contents, shown_path

# Words for no value in a cell of new values.
_NOTHING = ("none", "(none)", "null", "(none named)", "无", "（无）", "（未指定）")
# Tables of inputs: names of their columns, rows below them that a run leaves empty, columns checked, message and hint.
_BELOW: tuple[tuple[tuple[str, ...], range, int, str, str], ...] = (
    (("more_keys", "more_values"), range(1, 2), 2, "is below the rows for further keys and would be ignored",
     "use a row of the table, or a scenario file for more keys"),
    (("plant_ids", "plant_decisions"), range(2, 30), 40, "is below the table of plants and would be ignored",
     "add plants to an inventory of your own: ccs-model init DIR --inventory-only plants.xlsx"),
    (("site_ids", "site_use", "site_capacity"), range(1, 30), 40,
     "is below the table of sites and would be ignored",
     "add sites to storage/sites.csv of your own data folder"),
)  # fmt: skip
_TRUTH: Mapping[str, bool] = MappingProxyType({"yes": True, "no": False})
_CARBON, _SOCIAL = "policy.carbon_price_per_t", "policy.social_cost_of_carbon_per_t"
_SERIES = "policy.social_cost_series"


@dataclass(frozen=True, eq=False)
class EditedWorkbook:
    """A workbook that was read back.

    Attributes
    ----------
    solved
        The scenario that the workbook was solved with.
    scenario
        The same with the edits of the workbook; `solved` itself without any.
    revision
        The edits and the plan before.
    notices
        What a reader should know: another version, changed tables.
    hashes
        SHA-256 of the tables of the run, by name.
    """

    solved: Scenario
    scenario: Scenario
    revision: Revision
    notices: tuple[str, ...]
    hashes: Mapping[str, str]


def read_edited_workbook(path: Path) -> EditedWorkbook:
    """Read a workbook that ccs-model wrote, perhaps edited and saved by another program.

    Raises
    ------
    InputError
        With every issue, each at its cell: no such workbook, an older format, a formula in an input, an edited result
        of the solver, a value that the scenario cannot take.
    FileError
        If the file cannot be read.
    """
    shown = shown_path(path)
    if path.name.startswith(LOCK):
        hint = f"name the workbook: {path.name.removeprefix(LOCK)}"
        raise InputError([Issue(shown, "is a lock file of Excel and holds no plan", hint)])
    raw = contents(path, largest_bytes=TABLE_BYTES, expected="a workbook of ccs-model", at=shown)
    cells, names = stored_workbook(raw, shown, MOST_CELLS)
    book = WorkbookReader(path, shown, {(each.sheet, each.row, each.column): each for each in cells}, names)
    notices = book.validate_format()
    solved = book.solved_scenario()
    reading = _Edits(book, solved)
    reading.read()
    found = {issue.where for issue in reading.issues}
    changed = (issue for issue in book.changed_results() if issue.where not in found)
    issues = [*reading.issues, *changed, *missing_files(path, shown, solved)]
    scenario = solved
    try:
        scenario = reading.scenario()
    except InputError as error:
        issues += error.issues
    if issues:
        raise InputError(drop_consequences(issues))
    revision = Revision(
        workbook=shown_path(Path(path.name)),
        run=str(book.value("workbook_run")),
        edits=tuple(reading.edits),
        totals=book.totals(),
        retrofits=book.retrofits(),
        money=f"{solved.currency} {solved.price_year}",
        lang=lang if (lang := book.optional_text("workbook_lang")) in LANGUAGES else "en",
        author=book.optional_text("author"),
    )
    files = book.zip_cells("input_files", "input_hashes")
    hashes = {str(book.value_at(name)): str(book.value_at(sha256)) for name, sha256 in files}
    notices = (*notices, *notices_of_edits(solved, scenario))
    return EditedWorkbook(solved, scenario, revision, notices, MappingProxyType(hashes))


@dataclass
class _Edits:
    """The edited cells of a workbook, and the changes of its scenario that follow."""

    book: WorkbookReader
    solved: Scenario
    edits: list[Edit] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    changes: dict[str, object] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    # Key → the cell that changes it, and that of its live input.
    taken: dict[str, str] = field(default_factory=dict)
    live: dict[str, str] = field(default_factory=dict)

    def read(self) -> None:
        """Read every cell that may be edited."""
        factors = self._take_live_inputs()
        self._paths(factors)
        self._keys("scenario_keys", "scenario_new")
        self._keys("more_keys", "more_values")
        self._plants()
        self._sites()
        self._check_below_tables()

    def _check_below_tables(self) -> None:
        """Add an issue for each table of inputs below which a cell was filled in, since it would be ignored."""
        for names, below, most, what, hint in _BELOW:
            places = [self.book.places(name) for name in names]
            sheet, last, _ = places[0][-1]
            columns = range(1, 1 + max(most, *(each[-1][2] for each in places)))
            typed = ((sheet, last + n, column) for n in below for column in columns)
            found = next((place for place in typed if self.book.is_filled(place)), None)
            if found is not None:
                self._issue(found, what, hint)

    def scenario(self) -> Scenario:
        """The scenario with all changes. Raises InputError with the cell of each error."""
        if not self.changes:
            return self.solved
        try:
            return self.solved.with_changes(self.changes, self.places)
        except InputError as error:
            raise InputError(map(self._locate_issue, error.issues)) from error

    def _locate_issue(self, issue: Issue) -> Issue:
        """The issue of a key, at the cell that changed it."""
        key = issue.where
        near = [each for each in self.places if is_within(key, each) or is_within(each, key)]
        if not near:
            return issue
        return Issue(self.places[max(near, key=len)], f"{key}: {issue.what}", issue.hint)

    def _edit(self, place: Place, what: str, key: str, old: object, new: object) -> None:
        self.edits.append(Edit(self.book.address(place), what, key, old, new))

    def _take(self, key: str, place: Place) -> bool:
        """Whether no other cell changes the key, one above it, or one beneath it; if one does, add an issue."""
        for other, cell in self.taken.items():
            if is_within(key, other) or is_within(other, key):
                self._issue(place, f"{key} is already changed at {cell}", "keep one of the two")
                return False
        self.taken[key] = self.book.address(place)
        return True

    def _change(self, key: str, value: object, place: Place) -> None:
        self.changes[key] = value
        self.places.setdefault(key, self.book.full_address(place))

    def _issue(self, place: Place, what: str, hint: str = "") -> None:
        self.issues.append(Issue(self.book.full_address(place), what, hint))

    def _require_plain_value(self, place: Place, expected: str = "a value") -> bool:
        """Whether a cell holds neither a formula nor a date; if it does, add an issue."""
        cell = self.book.cell(place)
        if cell is None or not (cell.has_formula or cell.is_date):
            return True
        if not cell.has_formula:
            self._issue(place, f"is a date, expected {expected}", "format the cell as a number and type the value")
        elif cell.value == "":
            what = "holds a formula without a stored value, expected a value"
            self._issue(place, what, "type its value; a spreadsheet program shows it")
        else:
            self._issue(place, "holds a formula, expected a value", f"type its value: {cell.value!r}")
        return False

    def _number(self, place: Place, low: float, high: float, unit: str) -> float | None:
        """The number of a cell within its range; None, with an issue, if there is none."""
        if not self._require_plain_value(place, f"a number from {low:g} to {high:g}"):
            return None
        value = self.book.value_at(place)
        if isinstance(value, bool) and (low, high) == (0.0, 1.0):  # a switch
            return float(value)
        if isinstance(value, bool) or not isinstance(value, float | int):
            got = "nothing" if value == "" else repr(value)
            hint = "the cell is text: format it as a number and type it again" if is_digits(value) else ""
            if isinstance(value, str) and value.strip().endswith("%") and is_digits(value.strip()[:-1]):
                hint = f"type {float(value.strip()[:-1]) / 100:g}"
            self._issue(
                place, f"expected a number from {low:g} to {high:g}, got {got}", hint or "type digits and no unit"
            )
            return None
        if not low <= value <= high:
            hint = f"{value:g} % is {value / 100:g}" if high <= 1 < value <= 100 else unit
            self._issue(place, f"expected a number from {low:g} to {high:g}, got {value:g}", hint)
            return None
        return float(value)

    def _take_live_inputs(self) -> dict[str, tuple[float, Place]]:
        """Take the live inputs of sheet Inputs, and return the edited factors with their cells."""
        names = {str(self.book.value_at(at)): solved for at, solved in self.book.zip_cells("live_names", "live_solved")}
        factors: dict[str, tuple[float, Place]] = {}
        declared = {each["name"]: each for each in declared_rows("named_inputs.csv")}
        for name, each in declared.items():
            key = each["key"]
            if name not in names:
                continue
            place = self.book.places(name)[0]
            self.live[key] = self.book.address(place)
            if not key:
                self._check_non_input(place, names[name])
                continue
            value = self._number(place, float(each["low"]), float(each["high"]), each["meaning"])
            solved = self.book.value_at(names[name])
            if value is None or is_same_number(value, solved):
                continue
            known = 1.0 if key == PLAY else _leaf(self.solved, key)
            if not isinstance(solved, float | int) or not is_same_number(float(solved), known):
                self._issue(names[name], f"is {solved!r}, but the plan was solved with {known}", "restore it")
                continue
            if key == PLAY:
                factors[name] = (value, place)
                self._edit(place, name, each["scales"].split()[0], 1.0, value)
            elif self._take(key, place):
                self._edit(place, name, key, known, convert_to_type_of(value, known))
                self._change(key, convert_to_type_of(value, known), place)
        for name, (value, place) in factors.items():
            for key in declared[name]["scales"].split():
                if key not in (_CARBON, _SOCIAL) and self._take(key, place):
                    known = _leaf(self.solved, key)
                    assert isinstance(known, float | int)
                    self._change(key, float(known) * value, place)
        return factors

    def _check_non_input(self, place: Place, before: Place) -> None:
        """Add an issue if a value that formulas use, but no key of the scenario holds, has changed."""
        value, solved = self.book.value_at(place), self.book.value_at(before)
        if value == solved or (isinstance(value, float) and isinstance(solved, float) and math.isclose(value, solved)):
            return
        shown, known = (f"{each:g}" if isinstance(each, float) else repr(each) for each in (value, solved))
        what = f"is {shown}, which is not what was solved with ({known}): the cell is not an input of the workbook"
        self._issue(place, what, "restore it; to change the plan, give a scenario key below a new value")

    def _paths(self, factors: Mapping[str, tuple[float, Place]]) -> None:
        """Take the carbon price and the social cost of carbon by year, with their factors."""
        policy = self.solved.policy
        for key, factor, row, known in (
            (_CARBON, "carbon_price_factor", "carbon_price", policy.carbon_price_per_t),
            (_SOCIAL, "social_cost_factor", "social_cost", policy.social_cost_of_carbon_per_t),
        ):
            times, place = factors.get(factor, (1.0, None))
            if key == _SOCIAL and self.solved.is_static:  # Without a social account the workbook has no such row.
                continue
            path: dict[int, float] = {}
            first: Place | None = place
            for at, cell, before in self.book.zip_cells("calendar_year", f"{row}_input", f"{row}_solved"):
                shown_year, old = self.book.value_at(at), self.book.value_at(before)
                value = self._number(cell, 0.0, 1e9, "")
                if value is None or not isinstance(old, float | int) or not isinstance(shown_year, float | int):
                    continue
                year = int(shown_year)
                path[year] = value * times
                if not is_same_number(value, old):
                    first = first if first is not None and first != place else cell
                    self._edit(cell, f"{row.replace('_', ' ')} {year}", f"{key}.{year}", float(old), value)
                    self.places[f"{key}.{year}"] = self.book.full_address(cell)
            if first is None or not self._take(key, first):
                continue
            if first == place and known:
                path = {year: amount * times for year, amount in known.items()}
            elif known:
                # The path before and after the horizon stays.
                path = {year: v * times for year, v in known.items() if not path or year not in path} | path
            if key == _SOCIAL:
                path.pop(self.solved.horizon_end, None)
                if policy.social_cost_series is not None:
                    self._change(_SERIES, None, first)
            self._change(key, path, first)

    def _keys(self, keys: str, values: str) -> None:
        """Take new values of scenario keys."""
        for at, place in self.book.zip_cells(keys, values):
            key, new = str(self.book.value_at(at)), self.book.value_at(place)
            cell = self.book.cell(place)
            if new == "" and (keys != "more_keys" or not key) and (cell is None or not cell.has_formula):
                continue
            if not key:
                self._issue(at, "expected a key of the scenario beside the value", "such as solver.mip_gap")
            elif keys == "scenario_keys" and key in self.live:
                self._issue(place, f"{key} has a cell of its own, {self.live[key]}", "clear this cell, and use that")
            elif new == "" and self._require_plain_value(place):
                self._issue(place, f"expected a value of {key}")
            elif not self._require_plain_value(place):
                continue
            elif old_name := renamed_key(key):
                self._issue(at, old_name)
            else:
                self._new_value(key, new, place, is_listed=keys == "scenario_keys")

    def _new_value(self, key: str, new: Value, place: Place, *, is_listed: bool) -> None:
        """Take a new value of one key, unless it is the present one; a key that is not listed may be unknown."""
        old = _leaf(self.solved, key)
        value = self._parse_value(place, new, old)
        if is_same(value, old) and (is_listed or old is not None):
            return
        if self._take(key, place):
            self._edit(place, key, key, old, value)
            self._put(key, value, place)

    def _put(self, key: str, value: object, place: Place) -> None:
        """Change a key; without a value, an entry of a mapping is removed."""
        above, _, last = key.rpartition(".")
        mapping = _leaf(self.solved, above) if above else None
        if value is not None or not isinstance(mapping, Mapping):
            self._change(key, value, place)
            return
        # Other entries that were changed before are part of what is left.
        beneath = [each for each in self.changes if each.startswith(f"{above}.")]
        changed = {each.rpartition(".")[2]: self.changes.pop(each) for each in beneath}
        left = {str(name): each for name, each in mapping.items()} | changed
        known = self.changes.get(above, left)
        assert isinstance(known, Mapping)
        self._change(above, {name: each for name, each in known.items() if str(name) != last}, place)

    def _parse_value(self, place: Place, new: Value, old: object) -> object:
        """The value of a cell as the scenario takes it: text is read as in a scenario file."""
        if isinstance(new, bool):
            return new
        if isinstance(new, float | int):
            return int(new) if float(new).is_integer() else float(new)
        if new.lower() in _NOTHING:
            return () if isinstance(old, tuple) else None
        if isinstance(old, bool) and decision(new).lower() in _TRUTH:
            return _TRUTH[decision(new).lower()]
        if isinstance(old, str):
            return new
        if not isinstance(old, tuple | Mapping) and (hint := thousands_hint(new)):
            self._issue(place, f"'{new}' is text whose points may separate thousands", hint)
            return old
        document = values_in(f"value: {add_brackets(new, old)}\n", self.book.full_address(place))
        if document.issues:
            self.issues += [Issue(self.book.full_address(place), issue.what.partition(": ")[2], issue.hint)
                            for _, issue in document.issues]  # fmt: skip
            return new
        return document.values.get("value")

    def _plants(self) -> None:
        """Take the decisions on plants."""
        plants = self.solved.plants
        require, exclude, start = dict.fromkeys(plants.require, ""), dict(plants.excluded), dict(plants.not_before)
        changed: dict[str, Place] = {}
        for at, place in self.book.zip_cells("plant_ids", "plant_decisions"):
            plant, text = str(self.book.value_at(at)), decision(self.book.value_at(place))
            old = decision_text(self.solved, plant)
            if not self._require_plain_value(place) or text.casefold() == old.casefold():
                continue
            found = plant_decision(text)
            if found is None:
                typed = self.book.value_at(place)
                typed = f"{typed:g}" if isinstance(typed, float) else typed
                self._issue(place, f"'{typed}' is no decision on a plant", decision_hint(text))
                continue
            required, year, excluded = found
            key = "exclude" if excluded else "not_before" if year and not required else "require"
            self._edit(place, plant, f"plants.{key}", old, text)
            for names, is_named in ((require, required), (exclude, excluded)):
                if not is_named:
                    names.pop(plant, None)
                elif plant not in names:
                    names[plant] = ""
            start.pop(plant, None)
            if year:
                start[plant] = int(year)
            changed[plant] = place
        for key, new, before in (
            ("plants.require", tuple(require), plants.require),
            ("plants.exclude", tuple({plant: why} if why else plant for plant, why in exclude.items()), plants.exclude),
            ("plants.not_before", start, dict(plants.not_before)),
        ):
            if changed and new != before:
                now, was = _decisions_by_plant(new), _decisions_by_plant(before)
                first = next(place for plant, place in changed.items() if now.get(plant) != was.get(plant))
                if self._take(key, first):
                    self._change(key, new, first)
                    named = {f"{key}[{i}]" if isinstance(new, tuple) else f"{key}.{plant}": plant
                             for i, plant in enumerate(plant_and_reason(each)[0] for each in new)}  # fmt: skip
                    self.places |= {
                        part: self.book.full_address(changed[plant])
                        if plant in changed
                        else self.solved.places.get(part, key)
                        for part, plant in named.items()
                    }

    def _sites(self) -> None:
        """Take the use and the capacities of sites."""
        storage = self.solved.storage
        columns = self.book.zip_cells(
            "site_ids", "site_use", "site_use_solved", "site_capacity", "site_capacity_solved"
        )
        sites = [str(self.book.value_at(row[0])) for row in columns]
        excluded: list[str] = []
        changed: Place | None = None
        for site, (_, place, solved, _, _) in zip(sites, columns, strict=True):
            use, used = (decision(self.book.value_at(each)).lower() for each in (place, solved))
            if use not in (YES, NO) and self._require_plain_value(place):
                self._issue(place, f"expected {YES} or {NO}, got {use or 'nothing'!r}")
            if not self._require_plain_value(place) or use not in (YES, NO):
                use = used
            if use == NO:
                excluded.append(site)
            if use != used:
                self._edit(place, site, "storage.exclude", used, use)
                changed = changed or place
        if changed is not None:
            if len(excluded) == len(sites):
                self._issue(changed, "no storage site is left", f"write {YES} for one of them")
            elif self._take("storage.exclude", changed):
                self._change("storage.exclude", tuple(excluded), changed)
        capacities = dict(storage.capacity_kt)
        edited: Place | None = None
        for site, (_, _, _, place, before) in zip(sites, columns, strict=True):
            old = self.book.value_at(before)
            value = self._number(place, 0.0, 1e9, "thousand tonnes")
            if value is not None and not is_same_number(value, old):
                self._edit(place, site, "storage.capacity_kt", old, value)
                capacities[site] = value
                self.places[f"storage.capacity_kt.{site}"] = self.book.full_address(place)
                edited = edited or place
        if edited is not None and self._take("storage.capacity_kt", edited):
            self._change("storage.capacity_kt", capacities, edited)


def _leaf(scenario: Scenario, key: str) -> object:
    """The value of a dotted key: a section, a mapping or a single value; None if the scenario has none."""
    value: object = scenario
    steps: Sequence[str] = key.split(".")
    while steps:
        if isinstance(value, Section):
            name, *steps = steps
            value = getattr(value, name) if name in type(value).model_fields else None
        elif isinstance(value, Mapping):
            step, steps = first_step(value, steps)
            value = value.get(step)
        else:
            return None
    return value


def _decisions_by_plant(decisions: Sequence[Any] | Mapping[str, Any]) -> Mapping[str, Any]:
    """Decisions by plant; plants are listed, perhaps with a reason, or have a year each."""
    return decisions if isinstance(decisions, Mapping) else {plant_and_reason(each)[0]: each for each in decisions}
