"""Reads a workbook of ccs-model back: the scenario it was solved with, the cells edited since, and the plan it held.

A cell counts as edited if it differs from the value that was written beside it, never from a converted one, so that a
workbook without edits gives the scenario bit by bit. Every issue names the cell.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ccs_model.bounded_reading import TABLE_BYTES
from ccs_model.errors import InputError, Issue
from ccs_model.inputs.csv_reader import LOCK
from ccs_model.plan.stored_run import Revision, notices_of_edits
from ccs_model.problem.owner_accounts import SOCIAL_COST_SERIES
from ccs_model.report.language import LANGUAGES
from ccs_model.report.workbook.collected_edits import CollectedEdits
from ccs_model.report.workbook.columns import declared_rows
from ccs_model.report.workbook.files_beside import changed_tables, missing_files
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
    is_same,
    is_same_number,
    plant_decision,
    thousands_hint,
)
from ccs_model.scenario import Scenario
from ccs_model.scenario.fields import Section, first_step, plant_and_reason
from ccs_model.scenario.read import values_in
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
_YEARS, _STATIC = "years", "static"
# Factors of what a scenario may lack: whether it has it, what it is, and what else to do.
_SCALED: Mapping[str, tuple[Callable[[Scenario], bool], str, str]] = {
    "oil_factor": (  # sites in tables of the user may be oil fields
        lambda s: s.storage.oil_fields or s.data is not None,
        "payments of oil fields",
        "give key storage.oil_fields the value yes",
    ),
    "subsidy_factor": (
        lambda s: s.policy.paid_per_captured_t > 0 or s.policy.paid_per_avoided_t > 0,
        "policy payments per tonne",
        "give key policy.paid_per_captured_t or policy.paid_per_avoided_t a value",
    ),
}


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

    def changed_tables(self, now: Mapping[str, str]) -> list[str]:
        """Return the tables that are not those of the run; `now` are their SHA-256 by name as they were loaded."""
        return changed_tables(self.hashes, now, self.solved, self.scenario)


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
    cells, names, merged = stored_workbook(raw, shown, MOST_CELLS)
    book = WorkbookReader(path, shown, {(each.sheet, each.row, each.column): each for each in cells}, names, merged)
    notices = book.validate_format()
    solved = book.solved_scenario()
    reading = _Edits(book, solved)
    reading.read()
    found = {issue.where for issue in reading.issues}
    changed = (issue for issue in book.changed_results() if issue.where not in found)
    issues = [*book.merged_inputs(), *reading.issues, *changed, *missing_files(path, shown, solved)]
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
class _Edits(CollectedEdits):
    """The edited cells of a workbook, read sheet by sheet; `live` holds the cell of the live input of a key."""

    live: dict[str, str] = field(default_factory=dict)

    def read(self) -> None:
        """Read every cell that may be edited."""
        factors = self._take_live_inputs()
        self._paths(factors)
        keys = self.book.zip_cells("scenario_keys", "scenario_new")
        self.key_cells = {str(self.book.value_at(at)): self.book.full_address(cell) for at, cell in keys}
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
                self.add_issue(found, what, hint)

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
            solved = self.book.value_at(names[name])
            value = self.number(place, float(each["low"]), float(each["high"]), each["meaning"], solved)
            if value is None or is_same_number(value, solved):
                continue
            known = 1.0 if key == PLAY else _leaf(self.solved, key)
            if not isinstance(solved, float | int) or not is_same_number(float(solved), known):
                self.add_issue(names[name], f"is {solved!r}, but the plan was solved with {known}", "restore it")
                continue
            if key == PLAY:
                factors[name] = (value, place)
                self.add_edit(place, name, each["scales"].split()[0], 1.0, value)
            elif self.take(key, place):
                self.add_edit(place, name, key, known, convert_to_type_of(value, known))
                self.change(key, convert_to_type_of(value, known), place)
        for name, (value, place) in factors.items():
            if name in _SCALED and not _SCALED[name][0](self.solved):
                _, what, hint = _SCALED[name]
                self.add_issue(place, f"multiplies {what}, and the scenario has none", f"restore 1, or {hint}")
                continue
            for key in declared[name]["scales"].split():
                if key not in (_CARBON, _SOCIAL) and self.take(key, place):
                    known = _leaf(self.solved, key)
                    assert isinstance(known, float | int)
                    self.change(key, float(known) * value, place)
        return factors

    def _check_non_input(self, place: Place, before: Place) -> None:
        """Add an issue if a value that formulas use, but no key of the scenario holds, has changed."""
        value, solved = self.book.value_at(place), self.book.value_at(before)
        if value == solved or (isinstance(value, float) and isinstance(solved, float) and math.isclose(value, solved)):
            return
        shown, known = (f"{each:g}" if isinstance(each, float) else repr(each) for each in (value, solved))
        what = f"is {shown}, which is not what was solved with ({known}): the cell is not an input of the workbook"
        self.add_issue(place, what, "restore it; to change the plan, give a scenario key below a new value")

    def _paths(self, factors: Mapping[str, tuple[float, Place]]) -> None:
        """Take the carbon price and the social cost of carbon by year, with their factors."""
        policy = self.solved.policy
        for key, factor, row, known in (
            (_CARBON, "carbon_price_factor", "carbon_price", policy.carbon_price_per_t),
            (_SOCIAL, "social_cost_factor", "social_cost", policy.social_cost_of_carbon_per_t),
        ):
            times, of_factor = factors.get(factor, (1.0, None))
            if key == _SOCIAL and self.solved.is_static:  # Without a social account the workbook has no such row.
                continue
            path: dict[int, float] = {}
            cells: dict[int, Place] = {}
            edited: list[Place] = []
            is_zero = True
            for at, cell, before in self.book.zip_cells("calendar_year", f"{row}_input", f"{row}_solved"):
                shown_year, old = self.book.value_at(at), self.book.value_at(before)
                value = self.number(cell, 0.0, 1e9, "")
                if value is None or not isinstance(old, float | int) or not isinstance(shown_year, float | int):
                    continue
                year, is_zero = int(shown_year), is_zero and old == 0
                # Nothing follows from the year after a static one, nor from damages at the end of the horizon.
                if year != self.solved.horizon_end or not (self.solved.is_static or key == _SOCIAL):
                    path[year], cells[year] = value * times, cell
                if not is_same_number(value, old):
                    edited.append(cell)
                    self.add_edit(cell, f"{row.replace('_', ' ')} {year}", f"{key}.{year}", float(old), value)
            if not edited and of_factor is None:
                continue
            factor_cells = [] if of_factor is None else [of_factor]
            if not edited and not known:
                self._report_lone_factor(key, *factor_cells, has_values=not is_zero)
                continue
            if not self.take(key, [*edited, *factor_cells][0]):
                continue
            # The path before and after the horizon stays; without edited years, all of it but for the factor.
            outside = {year: v * times for year, v in known.items() if not edited or not path or year not in path}
            path = outside | path if edited else outside
            for year in path:
                part = f"{key}.{year}"
                of_year = [cells[year], *factor_cells] if edited and year not in outside else factor_cells
                if of_year:
                    self.cells_of[part] = of_year
                else:
                    self.kept[part] = self.solved.places.get(part) or self.solved.places.get(key, key)
            if key == _SOCIAL and policy.social_cost_series is not None:
                self.change(_SERIES, None, *edited)
            self.change(key, path, *edited, *factor_cells)

    def _report_lone_factor(self, key: str, place: Place, *, has_values: bool) -> None:
        """Add an issue for a factor without a path of the scenario that it could multiply."""
        what = "carbon price" if key == _CARBON else "social cost of carbon"
        hint = f"restore 1, or type the {what} by year into the shaded cells of sheet Series"
        if not has_values:
            self.add_issue(place, f"multiplies the {what}, and the scenario has none", hint)
            return
        series = self.solved.policy.social_cost_series or SOCIAL_COST_SERIES
        text = f"multiplies the series {series}, which a scenario takes as it is, with its discount rates and its range"
        own = "scaled rows of policy/social_cost_of_carbon.csv in tables of your own scale the series"
        self.add_issue(place, text, f"{hint}; {own}")

    def _keys(self, keys: str, values: str) -> None:
        """Take new values of scenario keys."""
        for at, place in self.book.zip_cells(keys, values):
            key, new = str(self.book.value_at(at)), self.book.value_at(place)
            cell = self.book.cell(place)
            if new == "" and (keys != "more_keys" or not key) and (cell is None or not cell.has_formula):
                continue
            if not key:
                self.add_issue(at, "expected a key of the scenario beside the value", "such as solver.mip_gap")
            elif keys == "scenario_keys" and key in self.live:
                self.add_issue(place, f"{key} has a cell of its own, {self.live[key]}", "clear this cell, and use that")
            elif not self.require_plain_value(place):
                continue
            elif new == "":
                self.add_issue(place, f"expected a value of {key}")
            elif old_name := renamed_key(key):
                self.add_issue(at, old_name)
            else:
                self._new_value(key, new, place, is_listed=keys == "scenario_keys")

    def _new_value(self, key: str, new: Value, place: Place, *, is_listed: bool) -> None:
        """Take a new value of one key, unless it is the present one; a key that is not listed may be unknown."""
        old = _leaf(self.solved, key)
        value = self._parse_years(place, new, old) if key == _YEARS else self._parse_value(place, new, old)
        if is_same(value, old) and (is_listed or old is not None):
            return
        if self.take(key, place):
            self.add_edit(place, key, key, old, value)
            self._put(key, value, place)

    def _put(self, key: str, value: object, place: Place) -> None:
        """Change a key; without a value, an entry of a mapping is removed."""
        above, _, last = key.rpartition(".")
        mapping = _leaf(self.solved, above) if above else None
        if value is not None or not isinstance(mapping, Mapping):
            self.change(key, value, place)
            return
        # Other entries that were changed before are part of what is left.
        beneath = [each for each in self.changes if each.startswith(f"{above}.")]
        cells = [cell for each in beneath for cell in self.cells_of[each]]
        changed = {each.rpartition(".")[2]: self.changes.pop(each) for each in beneath}
        left = {str(name): each for name, each in mapping.items()} | changed
        known = self.changes.get(above, left)
        assert isinstance(known, Mapping)
        self.change(above, {name: each for name, each in known.items() if str(name) != last}, *cells, place)

    def _parse_years(self, place: Place, new: Value, old: object) -> object:
        """The years of a cell: a list, also in place of `static`, or `static` in place of a list."""
        text = str(new).strip("\"' ")
        if text.casefold() == _STATIC:
            return _STATIC
        if isinstance(new, bool | float) or not re.search(r"[0-9]", text):
            got = f"{new:g}" if isinstance(new, float) else repr(text)
            self.add_issue(place, f"expected years or {_STATIC}, got {got}", "such as 2026, 2030, 2035")
            return old
        return self._parse_value(place, new, ())

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
            self.add_issue(place, f"'{new}' is text whose points may separate thousands", hint)
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
            if not self.require_plain_value(place) or text.casefold() == old.casefold():
                continue
            found = plant_decision(text)
            if found is None:
                typed = self.book.value_at(place)
                typed = f"{typed:g}" if isinstance(typed, float) else typed
                self.add_issue(place, f"'{typed}' is no decision on a plant", decision_hint(text))
                continue
            required, year, excluded = found
            if excluded and (kept := [key for key in plants.committed if key.partition("/")[0] == plant]):
                hint = "clear this cell, or remove the commitment from the scenario"
                self.add_issue(place, f"'{plant}' has a committed retrofit, plants.committed.{kept[0]}", hint)
                continue
            # A decision that is cleared names the key that it had.
            of_key = found if any(found) else plant_decision(old) or found
            key = "exclude" if of_key[2] else "not_before" if of_key[1] and not of_key[0] else "require"
            self.add_edit(place, plant, f"plants.{key}", old, text)
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
                cells = [place for plant, place in changed.items() if now.get(plant) != was.get(plant)]
                if self.take(key, cells[0]):
                    self.change(key, new, *cells)
                    for i, plant in enumerate(plant_and_reason(each)[0] for each in new):
                        part = f"{key}[{i}]" if isinstance(new, tuple) else f"{key}.{plant}"
                        if plant in changed:
                            self.cells_of[part] = [changed[plant]]
                        else:
                            self.kept[part] = self.solved.places.get(part, key)

    def _sites(self) -> None:
        """Take the use and the capacities of sites."""
        storage = self.solved.storage
        columns = self.book.zip_cells(
            "site_ids", "site_use", "site_use_solved", "site_capacity", "site_capacity_solved"
        )
        sites = [str(self.book.value_at(row[0])) for row in columns]
        excluded: dict[str, Place] = {}
        changed: list[Place] = []
        for site, (_, place, solved, _, _) in zip(sites, columns, strict=True):
            use, used = (decision(self.book.value_at(each)).lower() for each in (place, solved))
            if not self.require_plain_value(place):
                use = used
            elif use not in (YES, NO):
                self.add_issue(place, f"expected {YES} or {NO}, got {use or 'nothing'!r}")
                use = used
            if use == NO:
                excluded[site] = place
            if use != used:
                self.add_edit(place, site, "storage.exclude", used, use)
                changed.append(place)
        if changed:
            if len(excluded) == len(sites):
                self.add_issue(changed[0], "no storage site is left", f"write {YES} for one of them")
            elif self.take("storage.exclude", changed[0]):
                # Sites that the table does not list stay excluded.
                basins = {str(self.book.value_at(at)) for at in self.book.places("site_basins")}
                others = [each for each in storage.exclude if each not in sites and each not in basins]
                self.change("storage.exclude", (*excluded, *others), *changed)
                self.cells_of |= {f"storage.exclude[{i}]": [place] for i, place in enumerate(excluded.values())}
                for i in range(len(excluded), len(excluded) + len(others)):
                    self.kept[f"storage.exclude[{i}]"] = self.solved.places.get("storage.exclude", "storage.exclude")
        capacities = dict(storage.capacity_kt)
        edited: list[Place] = []
        for site, (_, _, _, place, before) in zip(sites, columns, strict=True):
            old = self.book.value_at(before)
            value = self.number(place, 0.0, 1e9, "thousand tonnes")
            if value is not None and not is_same_number(value, old):
                self.add_edit(place, site, "storage.capacity_kt", old, value)
                capacities[site] = value
                self.cells_of[f"storage.capacity_kt.{site}"] = [place]
                edited.append(place)
        if edited and self.take("storage.capacity_kt", edited[0]):
            self.change("storage.capacity_kt", capacities, *edited)


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
