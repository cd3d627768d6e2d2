"""`WorkbookReader`: the cells of a workbook that ccs-model wrote, found by the names that mark them.

Cells and names are untrusted: the archive is checked before it is opened, and a name may mark any place. What a user
typed is compared with the values of the scenario and expressed in its words.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType

from xlsxwriter.utility import xl_col_to_name

from ccs_model import __version__
from ccs_model.errors import InputError, Issue, schema_issue
from ccs_model.inputs.cells import nearest_hint
from ccs_model.plan.stored_run import retrofit_text
from ccs_model.report.workbook.book import READ_BACK
from ccs_model.report.workbook.columns import PLANT_DATA, SOLVED_BESIDE, declared_rows
from ccs_model.report.workbook.formulas import column_number
from ccs_model.report.workbook.plants_sheet import CHANGES, EXCLUDE, REQUIRE
from ccs_model.report.workbook.recalculation import MergedArea, StoredCell
from ccs_model.report.workbook.run_log_sheet import COVER, FORMAT
from ccs_model.report.workbook.solver_fingerprints import changed_cells
from ccs_model.report.workbook.transport_sheet import NO, YES
from ccs_model.report.workbook.workbook import SHEET, SHEETS, leads
from ccs_model.scenario import Scenario
from ccs_model.scenario.read import resolved_scenario
from ccs_model.scenario.yaml_document import LARGEST_BYTES
from ccs_model.units import join_first_names

Value = float | str | bool
# Sheet, row and column, counted from 1.
Place = tuple[str, int, int]

MOST_CELLS = 2_000_000
FOREIGN = "give a plan.xlsx of a run folder; scenarios end in .yaml"
_AGAIN = "take the workbook from the run folder again and edit its shaded cells only"
# Changed cells of a sheet that are named one by one, at most.
_MOST_CHANGED = 12
_MOVED = "are not what the run wrote, the first here"
# Sheets with inputs, and those with what the plan was solved from.
_INPUT_SHEETS, _SOLVED_FROM = ("Inputs", "Series", "Plants", "Storage"), ("Data", "RunLog")
# Names of the cells that may be edited.
_INPUT_NAMES = (
    *(each["name"] for each in declared_rows("named_inputs.csv") if each["key"]),
    "carbon_price_input", "social_cost_input", "scenario_new", "more_keys", "more_values",
    "plant_decisions", "site_use", "site_capacity",
)  # fmt: skip
# Cells that the origin of a value names, at most.
_MOST_NAMED = 12
_RANGE = re.compile(r"(\w+)!([A-Z]{1,3})([0-9]{1,7})(?::([A-Z]{1,3})([0-9]{1,7}))?")


def drop_consequences(issues: Sequence[Issue]) -> list[Issue]:
    """The issues without those of single cells on a sheet whose rows were moved."""
    moved = {issue.where.rpartition("!")[0] for issue in issues if _MOVED in issue.what}
    return [issue for issue in issues if _MOVED in issue.what or issue.where.rpartition("!")[0] not in moved]


class WorkbookReader:
    """Cells and names of a workbook, found by the names that ccs-model defines."""

    def __init__(
        self,
        path: Path,
        shown: str,
        cells: Mapping[Place, StoredCell],
        names: Mapping[str, str],
        merged: Sequence[MergedArea] = (),
    ) -> None:
        self.path, self.shown = path, shown
        self._cells, self._names = cells, names
        inputs = [area for name in _INPUT_NAMES if (area := self._area(name)) is not None]
        self._merged = [area for area in merged if any(map(area.overlaps, inputs))]

    def full_address(self, place: Place) -> str:
        """A cell as errors name it: `plan.xlsx:Inputs!C7`."""
        return f"{self.shown}:{self.address(place)}"

    def address(self, place: Place) -> str:
        """A cell as a reader names it: `Inputs!C7`."""
        sheet, row, column = place
        return f"{sheet}!{xl_col_to_name(column - 1)}{row}"

    def full_addresses(self, cells: Sequence[Place]) -> str:
        """Cells as errors and origins name them, sheets once: `plan.xlsx:Plants!D7, D9, Inputs!D16`."""
        first, *others = cells
        names, sheet = [self.full_address(first)], first[0]
        for cell in others:
            names.append(self.address(cell).removeprefix(f"{sheet}!"))
            sheet = cell[0]
        return join_first_names(names, _MOST_NAMED)

    def is_merged_input(self, place: Place) -> bool:
        """Whether a cell is merged with an input."""
        sheet, row, column = place
        return any(MergedArea(sheet, row, column, row, column).overlaps(area) for area in self._merged)

    def merged_inputs(self) -> Iterator[Issue]:
        """An issue for each merged area with inputs, since a program keeps the value of its first cell only."""
        for area in self._merged:
            first, last = (area.sheet, area.row, area.column), (area.sheet, area.last_row, area.last_column)
            cells = f"{self.address(first)}:{self.address(last).rpartition('!')[2]}"
            what = f"is merged with other cells ({cells}); only the first of them keeps its value"
            yield Issue(self.full_address(first), what, "unmerge them and fill in each cell by itself")

    def _area(self, name: str) -> MergedArea | None:
        """The cells of a defined name from its first to its last; None where it is missing or damaged."""
        found = _RANGE.fullmatch(self._names.get(f"{READ_BACK}{name}", self._names.get(name, "")))
        if found is None:
            return None
        sheet, left, top, right, bottom = found.groups()
        return MergedArea(sheet, int(top), column_number(left), int(bottom or top), column_number(right or left))

    def places(self, name: str) -> list[Place]:
        """The cells of a defined name, row by row. Raises InputError if the name is missing or damaged."""
        found = _RANGE.fullmatch(self._names.get(f"{READ_BACK}{name}", self._names.get(name, "")))
        if found is None:
            raise InputError([Issue(self.shown, f"its defined name {name} is missing or damaged", _AGAIN)])
        sheet, left, top, right, bottom = found.groups()
        columns = range(column_number(left), column_number(right or left) + 1)
        rows = range(int(top), int(bottom or top) + 1)
        if len(columns) * len(rows) > MOST_CELLS:
            raise InputError([Issue(self.shown, f"its defined name {name} covers too many cells")])
        return [(sheet, row, column) for row in rows for column in columns]

    def cell(self, place: Place) -> StoredCell | None:
        """A cell; None if it is empty."""
        return self._cells.get(place)

    def value_at(self, place: Place) -> Value:
        """The value of a cell; "" if it is empty. Texts have no spaces around them."""
        found = self._cells.get(place)
        if found is None:
            return ""
        return found.value.strip() if isinstance(found.value, str) else found.value

    def value(self, name: str) -> Value:
        """The value of the first cell of a name."""
        return self.value_at(self.places(name)[0])

    def optional_text(self, name: str) -> str:
        """The text of the cell of a name that older workbooks lack, or whose row was deleted; "" without it."""
        if _RANGE.fullmatch(self._names.get(f"{READ_BACK}{name}", "")) is None:
            return ""
        value = self.value(name)
        return f"{value:g}" if isinstance(value, float) else str(value)

    def is_filled(self, place: Place) -> bool:
        """Whether a cell holds a value or a formula."""
        cell = self.cell(place)
        return cell is not None and (cell.has_formula or self.value_at(place) != "")

    def zip_cells(self, *names: str) -> list[tuple[Place, ...]]:
        """The cells of several names side by side. Raises InputError if these differ in length."""
        places = [self.places(name) for name in names]
        if len({len(each) for each in places}) > 1:
            raise InputError([Issue(self.shown, f"its defined names {', '.join(names)} differ in length", _AGAIN)])
        return list(zip(*places, strict=True))

    def table(self, name: str, n_columns: int) -> Iterator[list[Value]]:
        """The rows of a defined name; texts as they stand, with spaces. Raises InputError for another width."""
        places = self.places(name)
        if len({column for _, _, column in places}) != n_columns:
            raise InputError([Issue(self.shown, f"its defined name {name} is damaged", _AGAIN)])
        for _, row in groupby(places, key=itemgetter(1)):
            yield ["" if (found := self._cells.get(place)) is None else found.value for place in row]

    def validate_format(self) -> tuple[str, ...]:
        """Return notices of another version, and of changes of the model that the workbook does not store.

        Raises InputError for a workbook of others, of an infeasible scenario, without a sheet, or of another format.
        """
        if f"{READ_BACK}workbook_format" not in self._names:
            if self.value_at((SHEET, 2, 1)) in leads():
                hint = "change the scenario and solve it; the sheet lists the conflicting constraints"
                raise InputError([Issue(self.shown, "holds no plan, because the scenario is infeasible", hint)])
            if "inputs_changed" in self._names:
                what = f"an older version of ccs-model wrote this workbook; {__version__} cannot read it back"
                hint = "solve its scenario again: ccs-model optimize scenario.resolved.yaml of its run folder"
                raise InputError([Issue(self.shown, what, hint)])
            raise InputError([Issue(self.shown, "ccs-model did not write this workbook", FOREIGN)])
        notices = self._check_sheets()
        found, version = str(self.value("workbook_format")), str(self.value("workbook_version"))
        if found != FORMAT:
            remedy = "solve the scenario.resolved.yaml of its run folder again"
            raise InputError(
                [schema_issue(self.full_address(self.places("workbook_format")[0]), found, FORMAT, remedy, version)]
            )
        if version != __version__:
            notices.append(
                f"{self.shown} was written by ccs-model {version}, and this is {__version__}; results may differ"
            )
        written = {page.name for page in (*SHEETS, CHANGES)}
        if others := sorted({sheet for sheet, _, _ in self._cells} - written):
            notices.append(f"{self.shown}: sheets that ccs-model did not write are ignored: {', '.join(others)}")
        if f"{READ_BACK}model_additions" in self._names:
            added = f"its plan has constraints, variables or bounds added in Python ({self.value('model_additions')})"
            notices.append(f"{self.shown}: {added}; it is solved again without them")
        return tuple(notices)

    def _check_sheets(self) -> list[str]:
        """Return notices of missing sheets without inputs or checked results.

        Raises InputError for each missing sheet that has cells to be read back.
        """
        found = {sheet for sheet, _, _ in self._cells}
        needed = {*_INPUT_SHEETS, *_SOLVED_FROM}
        if found >= needed:
            needed |= {str(row[0]) for row in self.table("solver_fingerprints", 4)}
        # Sheet Changes is one of a plan that was solved from an edited workbook; Cover lists it.
        cover = {cell.value for cell in self._cells.values() if cell.sheet == COVER.name}
        written = [page.name for page in (*SHEETS, *([CHANGES] if CHANGES.name in cover else ()))]
        others = ", ".join(sorted(found.difference(written, {CHANGES.name})))
        hint = f"if it is now called {others}, rename it; otherwise {_AGAIN}" if others else _AGAIN
        issues, notices = [], []
        for name in (each for each in written if each not in found):
            if name not in needed:
                notices.append(f"{self.shown}: sheet {name}, which holds no inputs, is missing; the next plan has it")
                continue
            lost = (
                "edits of its inputs cannot be read"
                if name in _INPUT_SHEETS
                else "the solved plan cannot be read"
                if name in _SOLVED_FROM
                else "its results cannot be compared with those of the run"
            )
            issues.append(Issue(self.shown, f"sheet {name} is missing, so that {lost}", hint))
        if issues:
            raise InputError(issues)
        return notices

    def solved_scenario(self) -> Scenario:
        """The scenario whose text stands on sheet RunLog."""
        lines: dict[int, str] = {}
        place = f"{self.shown}:RunLog"
        for number, text in self.table("scenario_text", 2):
            if not isinstance(number, float | int):
                raise InputError([Issue(place, "the text of the scenario has lines without a number")])
            lines[int(number)] = lines.get(int(number), "") + str(text)
        whole = "\n".join(lines[number] for number in sorted(lines)) + "\n"
        if len(whole.encode()) > LARGEST_BYTES:
            raise InputError([Issue(place, f"the text of the scenario exceeds {LARGEST_BYTES:,} bytes")])
        return resolved_scenario(whole, place, self.path)

    def changed_results(self) -> Iterator[Issue]:
        """An issue at each cell with a result of the solver, or with data of a plant, that was edited."""
        values = {place: cell.value for place, cell in self._cells.items() if not cell.has_formula}
        formulas = {place: cell.formula for place, cell in self._cells.items() if cell.formula is not None}
        listed = []
        for row in self.table("solver_fingerprints", 4):
            sheet, span, columns, signs = (each if isinstance(each, str) else f"{each:g}" for each in row)
            listed.append((sheet, span, columns, signs))
        try:
            changed = list(changed_cells((each for each in listed if any(each)), values, formulas))
        except ValueError as error:
            what = f"its fingerprints of solver results are damaged: {error}"
            yield Issue(f"{self.shown}:RunLog", what, _AGAIN)
            return
        changed = [each for each in self._drop_adapted_cells(changed) if not self.is_merged_input(each)]
        n_changed = Counter(place[0] for place in changed)
        for sheet, n in n_changed.items():
            if n > _MOST_CHANGED:
                first = next(place for place in changed if place[0] == sheet)
                what = f"{n} cells of sheet {sheet} {_MOVED}"
                hint = "was a row inserted, deleted or sorted? Take the workbook of the run and edit its shaded cells"
                yield Issue(self.full_address(first), what, hint)
        for place in (each for each in changed if n_changed[each[0]] <= _MOST_CHANGED):
            cell = self.cell(place)
            shown = "is empty" if cell is None else f"is {cell.value!r}"
            if cell is not None and cell.formula is not None:
                shown = f"holds the formula ={cell.formula[0]}"
            what = f"{shown}, which is not what the run wrote: only shaded cells can be edited"
            hint = "restore it; to change the plan, edit shaded cells of Inputs, Series, Plants or Storage"
            if place[0] == PLANT_DATA:
                what = f"{shown}, which is not what was solved with: the cell is not an input of the workbook"
                hint = "restore it; to change data of a plant, change the inventory"
            elif place[0] in SOLVED_BESIDE:
                what = f"{shown}, which is not the value of the solved plan: only shaded cells are inputs"
                hint = "restore it, and write the new value into the shaded cell"
            yield Issue(self.full_address(place), what, hint)

    def _drop_adapted_cells(self, changed: list[Place]) -> list[Place]:
        """The changed cells without formulas that a program adapted because rows of another sheet were moved."""
        n_changed = Counter(place[0] for place in changed)
        moved = {sheet for sheet, n in n_changed.items() if n > _MOST_CHANGED}

        def is_adapted(place: Place) -> bool:
            cell = self.cell(place)
            text = cell.formula[0] if cell is not None and cell.formula is not None else ""
            return any(f"{sheet}!" in text or f"{sheet}'!" in text for sheet in moved - {place[0]})

        return [place for place in changed if not is_adapted(place)] if moved else changed

    def totals(self) -> Mapping[str, float]:
        """`Plan.totals` as sheet Data holds them."""
        rows = (row for row in self.table("solved_numbers", 5) if row[0] == "totals")
        return MappingProxyType({str(row[3]): float(row[4]) for row in rows if isinstance(row[4], float | int)})

    def retrofits(self) -> Mapping[str, str]:
        """Retrofits as text by plant, from sheet Data."""
        found: dict[str, set[str]] = {}
        for row in self.table("solved_numbers", 5):
            is_size = row[0] == "retrofits" and row[3] == "nameplate_ktpa"
            if is_size and isinstance(row[2], float | int) and isinstance(row[4], float | int):
                plant, stream, technology = [*str(row[1]).rsplit(" / ", 2), "", ""][:3]
                text = retrofit_text(stream, technology, int(row[2]), float(row[4]))
                found.setdefault(plant, set()).add(text)
        return MappingProxyType({plant: "; ".join(sorted(each)) for plant, each in found.items()})


# Decisions in Chinese, as own tables take them.
_CHINESE = {"必须": REQUIRE, "必选": REQUIRE, "要求": REQUIRE, "排除": EXCLUDE, "不改造": EXCLUDE, "是": YES, "否": NO}
_CHINESE_YEAR = re.compile(r"(?:自|从)?\s*([0-9]{4})\s*年?\s*(?:起|开始|以后|之后)")
_DECISION = re.compile(rf"({REQUIRE})?(?:(?:^|\s+)from\s+([0-9]{{4}}))?|({EXCLUDE})", re.IGNORECASE)
_YEAR_FIRST = re.compile(rf"(from\s+[0-9]{{4}})\s+({REQUIRE})", re.IGNORECASE)
_AMBIGUOUS = re.compile(r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+")
# A number that another program saved may differ in its last digits.
_SAME = 1e-12


def convert_to_type_of(value: float, known: object) -> object:
    """A number of a cell as the type that the scenario has."""
    if isinstance(known, bool):
        return bool(value) if value in (0.0, 1.0) else value
    return int(value) if isinstance(known, int) and value.is_integer() else value


def is_same_number(written: float, known: object) -> bool:
    """Whether a number is the known one, up to digits that another program may have changed."""
    return isinstance(known, float | int) and abs(written - float(known)) <= _SAME * max(1.0, abs(float(known)))


def decision(value: Value) -> str:
    """A decision on a plant, a site or a switch in English words; Chinese words are translated."""
    text = _CHINESE_YEAR.sub(r" from \1 ", unicodedata.normalize("NFKC", str(value)))
    for chinese, english in _CHINESE.items():
        text = text.replace(chinese, f" {english} ")
    return " ".join(text.replace("，", " ").replace(",", " ").replace("、", " ").split())


def plant_decision(text: str) -> tuple[str | None, str | None, str | None] | None:
    """Return the word `require`, the first year and the word `exclude` of a decision in English; None if it is none."""
    found = _DECISION.fullmatch(_YEAR_FIRST.sub(r"\2 \1", text))
    return None if found is None else (found[1], found[2], found[3])


def decision_hint(text: str) -> str:
    """Return the decisions that a plant can have, or the nearest word for a misspelt one."""
    known = f"expected {REQUIRE}, {EXCLUDE}, from YEAR or {REQUIRE} from YEAR"
    return known if re.search(r"[0-9]", text) else nearest_hint(text, (REQUIRE, EXCLUDE), known)


def thousands_hint(text: str) -> str:
    """Return a hint for text whose points may separate thousands, such as 1.500; "" for other text."""
    if not _AMBIGUOUS.fullmatch(text):
        return ""
    joined = text.replace(".", "")
    return f"type the number: {joined} or {float(text):g}" if text.count(".") == 1 else f"type the number: {joined}"


def add_brackets(text: str, old: object) -> str:
    """A list or mapping as column Value shows it, or with other separators, in the brackets that YAML needs."""
    is_list, is_mapping = isinstance(old, tuple), isinstance(old, Mapping) and ":" in text
    if text.lstrip()[:1] in ("[", "{") or not (is_list or is_mapping):
        return text
    inner = re.sub(r"\s*[,;，；、]\s*", ", ", text.strip())
    return f"[{inner}]" if is_list else f"{{{inner}}}"


def is_digits(value: object) -> bool:
    """Whether a value is text that is a number."""
    try:
        return isinstance(value, str) and math.isfinite(float(value))
    except ValueError:
        return False


def is_same(new: object, known: object) -> bool:
    """Whether a new value is the one that the scenario has.

    Lists and mappings are compared by their parts, numbers with `is_same_number`.
    """
    if isinstance(new, Mapping) and isinstance(known, Mapping):
        own, other = ({str(key): each for key, each in part.items()} for part in (new, known))
        return own.keys() == other.keys() and all(is_same(each, other[key]) for key, each in own.items())
    if isinstance(new, list | tuple) and isinstance(known, list | tuple):
        return len(new) == len(known) and all(map(is_same, new, known))
    if isinstance(new, bool) or isinstance(known, bool) or not isinstance(new, float | int):
        return type(new) is type(known) and new == known
    return is_same_number(float(new), known)
