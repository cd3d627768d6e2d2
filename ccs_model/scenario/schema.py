"""The schema of a scenario: every key, its type, default and meaning.

A scenario is frozen; `Scenario.with_changes` returns a validated copy. Text is never converted to a number. The
docstring under each key is also its description in the JSON Schema that editors use.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from pydantic import Field, PrivateAttr, ValidationError, field_validator
from pydantic_core.core_schema import ValidationInfo

from ccs_model.arguments import mapping
from ccs_model.errors import InputError, Issue
from ccs_model.scenario.fields import (
    AmountByName,
    AmountByYear,
    Currency,
    FileName,
    Line,
    Paragraph,
    Section,
    Years,
    plain_values,
    put_key,
    starts_of,
    value_at,
)
from ccs_model.scenario.sections import (
    TONNE_TARGETS,
    Calibration,
    Capture,
    Costs,
    Finance,
    Fund,
    Funds,
    Plants,
    Policy,
    Storage,
    Targets,
    Transport,
    findings_of_money,
    stray_years,
)
from ccs_model.scenario.uncertainty_sections import Future, Futures, Risk, Uncertainty, findings_of_futures
from ccs_model.scenario.upgrade import FORMAT, HINT, VERSION, upgraded_values
from ccs_model.scenario.validation import (
    MISSING,
    Finding,
    KeyPath,
    consequences_of,
    dotted_key,
    findings_of,
    raise_findings,
    without_misspelt,
    without_paths,
)
from ccs_model.scenario.yaml_document import resolved_yaml

_NO_PLACES: Mapping[str, str] = MappingProxyType({})
FROM_PYTHON = "given in Python"
CHANGED = "changed"

_EXTENDS = (
    "Another scenario file in this folder or below, whose keys the keys of this file override; that file may extend "
    "another. A null clears an inherited key."
)
_FORMAT = "Format of the file, which is tested when it is read; optional."


class Budget(Section):
    """Limits on spending."""

    total_mn: float | None = Field(default=None, ge=0)
    """Budget over all years, in million of the scenario's currency; with `years: static` all costs of a year. Required
    unless there are targets or an objective that needs none."""
    cumulative_mn: AmountByYear = Field(default_factory=dict)
    """Upper limit on spending up to the end of the period that starts in a year, in million: {2026: 4_000}."""
    by_province_mn: AmountByName = Field(default_factory=dict)
    """Budgets of provinces of plants and shared sites over all years, within the total, in million by name."""


class Solver(Section):
    """Limits and accuracy of the solution."""

    mip_gap: float = Field(default=0.01, ge=0, le=0.5)
    """Relative optimality gap at which to stop, 0 to 0.5."""
    effort: Literal["quick", "normal", "thorough"] = "normal"
    """How long to search: a limit in rounds, nodes and iterations, so that the same inputs give the same plan."""
    time_limit_s: float = Field(default=1800.0, gt=0)
    """Time limit in seconds, which stops the search; the best plan found by then is returned."""
    threads: int = Field(default=2, ge=1, le=64)
    """Most threads of an optimisation, or processes of a frontier. A search has one thread; no plan depends on it."""
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    """Random seed of the solver (31 bits)."""

    @property
    def is_threaded(self) -> bool:
        """Whether computations that share nothing run beside each other."""
        return self.threads > 1


class Scenario(Section):
    """A validated scenario: which plants, technologies, budgets, targets and policies to plan with.

    Read one from a file with `read_scenario`, or create one with `Scenario.from_dict`.
    """

    name: Line
    """Title of the scenario; names the run folder of a scenario without a file."""
    description: Paragraph = ""
    """The planning question in your own words."""
    currency: Currency = "CNY"
    """Currency of all amounts: a code of ISO 4217 with rows in indices/deflators and indices/exchange_rates."""
    price_year: int = Field(default=2024, ge=2005, le=2025)
    """Price year of all amounts, in real terms; amounts in other currencies take the exchange rate of that year."""
    years: Years = (2026, 2030, 2035, 2040)
    """First year of each period; the last is as long as the one before. `static` models one representative year,
    without funds, plants.committed, plants.not_before, storage.not_before, max_npv and max_net_benefit."""
    capital_recovery_share: float | None = Field(default=None, gt=0, le=1)
    """Capital recovery factor a year, for `years: static`; null derives it from the discount rate and each lifetime."""
    storage_life_yr: float = Field(default=30.0, gt=0, le=200)
    """Years over which a site's capacity is filled, for `years: static`."""
    discount_rate: float = Field(default=0.08, ge=0, lt=1)
    """Real discount rate a year, 0 to 1."""
    plants: Plants
    """Plants to consider."""
    data: FileName | None = None
    """A folder with tables of your own, which override rows of the shipped tables by key; null means none."""
    capture: Capture = Capture()
    """Retrofits that may be built."""
    transport: Transport = Transport()
    """CO₂ transport."""
    storage: Storage = Storage()
    """CO₂ storage."""
    budget: Budget = Budget()
    """Limits on spending."""
    targets: Targets = Targets()
    """Targets to reach; min_cost needs one unless retrofits may earn money (payments per tonne, oil fields)."""
    policy: Policy = Policy()
    """Payments for CO₂ and its social cost."""
    funds: Funds = Field(default_factory=dict)
    """Loans, bonds and grants by name: {green_bond: {kind: bond, share_max: 0.4, interest_rate: 0.028}}."""
    finance: Finance = Finance()
    """Tax and depreciation of the owners."""
    costs: Costs = Costs()
    """Multipliers of the costs that the tables give."""
    calibration: Calibration = Calibration()
    """Use of the calibration on the pilot zones."""
    uncertainty: Uncertainty = Uncertainty()
    """Distributions of uncertain inputs, for `ccs-model montecarlo`."""
    objective: Literal["max_abatement", "min_cost", "max_npv", "max_net_benefit"] = "max_abatement"
    """Objective: maximise CO₂ avoided within the budget, minimise the cost of reaching the targets, or maximise the
    owners' net present value or the net social benefit."""
    futures: Futures = Field(default_factory=dict)
    """Uncertainty scenarios by name, for `ccs-model stochastic`: {low: {probability_share: 0.5, changes: {…}}}."""
    here_and_now: tuple[int, ...] = ()
    """First years of the periods whose builds are the same in all futures; empty means only the first period."""
    risk: Risk = Risk()
    """Weight of the worst futures in a stochastic plan."""
    solver: Solver = Solver()
    """Limits and accuracy of the solution."""

    _places: dict[str, str] = PrivateAttr(default_factory=dict)
    _source_path: Path | None = PrivateAttr(default=None)

    @field_validator("budget", mode="after")
    @classmethod
    def _cumulative_budgets_in_known_years(cls, budget: Budget, info: ValidationInfo) -> Budget:
        years = starts_of(info.data.get("years", tuple(budget.cumulative_mn)), info.data.get("price_year", 0))
        starts = ", ".join(map(str, years))
        raise_findings(
            Finding(("cumulative_mn", str(year)), f"no period starts in {year}", f"years: {starts}", on_key=True)
            for year in budget.cumulative_mn
            if year not in years
        )
        return budget

    @field_validator("targets", mode="after")
    @classmethod
    def _targets_in_known_years(cls, targets: Targets, info: ValidationInfo) -> Targets:
        raise_findings(stray_years(targets, starts_of(info.data.get("years", ()), info.data.get("price_year", 0))))
        return targets

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Scenario:
        """Create a scenario from nested plain values.

        Parameters
        ----------
        values
            Sections and keys as in a scenario file.

        Raises
        ------
        InputError
            With every error, each with its dotted key.
        """
        if not isinstance(values, Mapping):
            raise InputError([Issue("scenario", f"expected keys with values, got a {type(values).__name__}")])
        return _build_scenario(values, dict.fromkeys(_keys_in(values), FROM_PYTHON), None)

    def with_changes(self, changes: Mapping[str, object], places: Mapping[str, str] = _NO_PLACES) -> Scenario:
        """Return a validated copy with some keys changed.

        Parameters
        ----------
        changes
            New values by dotted key, such as `{"budget.total_mn": 5000}`. A list or mapping is replaced as a whole.
        places
            Where a change stands, by dotted key, such as `plan.xlsx:Inputs!D8`; parts of a value may have their own.

        Raises
        ------
        InputError
            With every error, each with its dotted key.
        """
        values = self.model_dump()
        known = dict(self._places)
        for key, value in mapping("changes", changes, "a dict of values by dotted key").items():
            put_key(values, key, value)
            beneath = (f"{key}.", f"{key}[")
            known = {k: place for k, place in known.items() if k != key and not k.startswith(beneath)}
            nested = [f"{key}.{each}" for each in _keys_in(value)] if isinstance(value, Mapping) else []
            listed = [f"{key}[{i}]" for i in range(len(value))] if isinstance(value, list | tuple) else []
            known.update(dict.fromkeys((key, *nested, *listed), places.get(key, CHANGED)))
        return _build_scenario(values, known | dict(places), self._source_path)

    @property
    def places(self) -> Mapping[str, str]:
        """Place of each given value, `file:line` by dotted key; keys with their default value are absent."""
        return MappingProxyType(self._places)

    @property
    def source_path(self) -> Path | None:
        """The file the scenario was read from."""
        return self._source_path

    @property
    def is_static(self) -> bool:
        """Whether the scenario models one representative year, with annualised capital."""
        return self.years == "static"

    @property
    def pays_by_start(self) -> bool:
        """Whether the payments per tonne of a unit depend on its start; a static year has no starts."""
        policy = self.policy
        return not self.is_static and (policy.paid_for_yr is not None or policy.paid_to_starts_until is not None)

    @property
    def starts(self) -> tuple[int, ...]:
        """First year of each period; for `static`, the price year."""
        return starts_of(self.years, self.price_year)

    def period_years(self, year: int) -> int:
        """Length in years of the period that starts in `year`."""
        if year not in self.starts:
            raise ValueError(f"no period starts in {year}")
        return min(start for start in (*self.starts, self.horizon_end) if start > year) - year

    @property
    def horizon_end(self) -> int:
        """The first year after the last period."""
        return self.starts[-1] + 1 if self.is_static else 2 * self.starts[-1] - self.starts[-2]

    def resolved_yaml(self) -> str:
        """YAML text of every value in a fixed order, each with its origin; it reads back as an equal scenario."""
        return resolved_yaml(self.model_dump(), self._places)

    def __eq__(self, other: object) -> bool:
        """Whether all values are equal; their places in files do not matter."""
        return isinstance(other, Scenario) and self.model_dump() == other.model_dump()

    def __hash__(self) -> int:
        return hash((self.name, self.years, self.budget.total_mn))


def check_values(
    values: Mapping[str, object], places: dict[str, str], source_path: Path | None
) -> Scenario | tuple[Finding, ...]:
    """The scenario, or every error in the values."""
    plain = plain_values(values)
    try:
        scenario = Scenario.model_validate(plain)
    except ValidationError as error:
        found = findings_of(error, plain, known_keys())
        more = (*_findings_without_limits(upgraded_values(plain)), *_findings_behind(plain, found))
        return without_misspelt((*found, *more))
    of_futures = findings_of_futures(scenario.futures, scenario.here_and_now, scenario.starts)
    of_money = findings_of_money(plain, scenario.funds, scenario.finance)
    in_futures = _findings_in_futures(plain, scenario)
    if missing := (*_findings_without_limits(plain), *of_money, *of_futures, *in_futures):
        return missing
    scenario._places, scenario._source_path = places, source_path
    return scenario


def _findings_behind(plain: Mapping[str, Any], found: Sequence[Finding]) -> list[Finding]:
    """Errors of several values together: without the faulty values, and without errors that may follow from that."""
    faulty = {each.path: each.on_key for each in found}
    result: list[Finding] = []
    while not {"years", "price_year"} & {path[0] for path in faulty if path}:
        kept = {"name": "-", "plants": {}, **without_paths(plain, faulty)}
        try:
            scenario = Scenario.model_validate(kept)
        except ValidationError as error:
            more = findings_of(error, kept, known_keys())
        else:
            more = list(findings_of_futures(scenario.futures, scenario.here_and_now, scenario.starts))
            if not {"finance", "objective"} & {path[0] for path in faulty if path}:
                more += findings_of_money(kept, scenario.funds, scenario.finance)
        result += itertools.filterfalse(consequences_of(faulty), more)
        more = [each for each in more if each.path not in faulty]
        if not more:
            break
        faulty |= {each.path: each.on_key for each in more}
    return result


def _findings_in_futures(values: Mapping[str, Any], scenario: Scenario) -> Iterator[Finding]:
    """Errors of the scenario with the changes of each future."""
    for name, future in scenario.futures.items():
        there = _mutable_copy({**values, "futures": {}})
        place = ("futures", name, "changes")
        try:
            for key, value in future.changes.items():
                put_key(there, key, value)
        except InputError as error:
            yield from (Finding(place, each.what, each.hint) for each in error.issues)
            continue
        found = check_values(there, {}, None)
        for each in () if isinstance(found, Scenario) else found:
            key = dotted_key(each.path)
            changed = [name for name in future.changes if is_within(key, name) or is_within(name, key)]
            yield Finding((*place, *changed[:1]), f"{key}: {each.what}", each.hint, on_key=each.on_key)


def is_within(key: str, other: str) -> bool:
    """Whether a dotted key is another one or stands beneath it."""
    return key == other or key.startswith((f"{other}.", f"{other}["))


def _mutable_copy(values: Mapping[Any, Any]) -> dict[Any, Any]:
    return {key: _mutable_copy(value) if isinstance(value, Mapping) else value for key, value in values.items()}


def _findings_without_limits(values: Mapping[str, object]) -> Iterator[Finding]:
    """Errors of a scenario without a budget or target: nothing limits it, or min_cost builds nothing."""
    budget = values.get("budget")
    has_abatement_target = any(value_at(values, f"targets.{key}") for key in TONNE_TARGETS)
    weighs = values.get("objective") in ("max_npv", "max_net_benefit")
    if (
        not has_abatement_target
        and not weighs
        and not (values.get("objective") == "min_cost" and _has_possible_revenue(values))
    ):
        if "budget" not in values:
            yield Finding(("budget",), MISSING, "add 'budget:'")
        if isinstance(budget, Mapping) and budget.get("total_mn", MISSING) is MISSING:
            yield Finding(("budget", "total_mn"), MISSING, "add 'total_mn:'")
        if isinstance(budget, Mapping) and budget.get("total_mn", MISSING) is None:
            yield Finding(("budget", "total_mn"), "expected a number, got nothing")
        if values.get("objective") == "min_cost" and not _has_possible_revenue(values):
            hint = "min_cost requires a target: add 'targets:' with 'abatement_share:'"
            if value_at(values, "policy.carbon_price_per_t"):
                hint += "; its cost excludes the carbon price, which max_npv counts"
            yield Finding(("targets",), MISSING, hint)
    if value_at(values, "targets.shortfall_per_t") is not None and values.get("objective") != "min_cost":
        what = "applies only to the objective min_cost"
        yield Finding(("targets", "shortfall_per_t"), what, "add 'objective: min_cost', or remove the key")


def _has_possible_revenue(values: Mapping[str, object]) -> bool:
    """Whether retrofits may have revenue that min_cost counts, so that it needs no target.

    Payments per tonne, oil fields, and the own tables of a static year, whose costs may be negative.
    """
    sources = ("storage.oil_fields", "policy.paid_per_captured_t", "policy.paid_per_avoided_t")
    return values.get("years") == "static" or any(value_at(values, key) for key in sources)


@cache
def known_keys() -> tuple[str, ...]:
    """Every dotted key of a scenario file; `*` stands for a name chosen by the planner."""
    keys = ["extends"]
    for name, field in Scenario.model_fields.items():
        keys.append(name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            keys += [f"{name}.{each}" for each in field.annotation.model_fields]
    named: dict[str, type[Section]] = {"funds": Fund, "futures": Future}
    return (*keys, *(f"{key}.*.{each}" for key, kind in named.items() for each in kind.model_fields))


def is_cleared_by_null(path: KeyPath) -> bool:
    """Return whether a null at a path removes what a scenario inherits: not where null is a value of the key."""
    section: type[Section] | None = Scenario
    for place, step in enumerate(path):
        if section is None or step not in section.model_fields:
            # An entry by year or name is removed; a change of a future is a value.
            return path[0] != "futures" or "changes" not in path[:-1]
        annotation = section.model_fields[str(step)].annotation
        if place == len(path) - 1:
            return type(None) not in get_args(annotation)
        section = annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None
    return True


def json_schema() -> dict[str, Any]:
    """JSON Schema of a scenario file, for editors. With `extends`, required keys may come from the other file."""
    schema = Scenario.model_json_schema()
    for part in schema["$defs"].values():
        part.pop("required", None)
    needed = schema.pop("required")
    schema["properties"]["extends"] = {"type": "string", "title": "Extends", "description": _EXTENDS}
    schema["properties"][FORMAT] = {"enum": [VERSION, float(VERSION)], "description": _FORMAT}
    budget = {"required": [*needed, "budget"], "properties": {"budget": {"required": ["total_mn"]}}}
    targets = {"required": [*needed, "targets"]}
    # Net values need no limit, and min_cost needs none where retrofits may earn money.
    weighs = {"required": [*needed, "objective"], "properties": {"objective": {"enum": ["max_npv", "max_net_benefit"]}}}
    earns = {"required": [*needed, "objective"], "properties": {"objective": {"const": "min_cost"}}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "anyOf": [{"required": ["extends"]}, budget, targets, weighs, earns],
    }


def _build_scenario(values: Mapping[str, object], places: dict[str, str], source_path: Path | None) -> Scenario:
    if "extends" in values:
        raise InputError([Issue("extends", "only a file can extend another file", "use read_scenario")])
    result = check_values(values, places, source_path)
    if isinstance(result, Scenario):
        return result
    raise InputError(
        Issue(
            dotted_key(each.path),
            each.what + (f" at {dotted_key(each.other)}" if each.other else ""),
            "" if each.hint == HINT else each.hint,
        )
        for each in result
    )


def _keys_in(values: Mapping[Any, object]) -> list[str]:
    """Dotted keys of nested values."""
    keys = []
    for key, value in values.items():
        keys.append(str(key))
        if isinstance(value, Mapping):
            keys += [f"{key}.{each}" for each in _keys_in(value)]
    return keys
