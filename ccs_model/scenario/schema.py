"""What a planner may ask: every key of a scenario, its default and its meaning.

Everything is frozen; `Scenario.with_changes` makes a checked copy. Text is never taken for a number.
The docstring under each key is also its description in the JSON Schema that editors use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PrivateAttr, ValidationError, field_validator
from pydantic_core.core_schema import ValidationInfo

from ccs_model.errors import InputError, Issue
from ccs_model.scenario.fields import (
    AmountByName,
    FileName,
    Line,
    MoneyByYear,
    Paragraph,
    Section,
    TerrainName,
    Words,
    Years,
    corridors_or_file,
    starts_of,
)
from ccs_model.scenario.resolved import resolved_yaml
from ccs_model.scenario.sections import (
    CUT_KEYS,
    Calibration,
    Capture,
    Finance,
    Fund,
    Funds,
    Future,
    Futures,
    Plants,
    Policy,
    Risk,
    Targets,
    Uncertainty,
    findings_of_futures,
    findings_of_money,
    stray_years,
)
from ccs_model.scenario.upgrade import HINT, upgraded_values
from ccs_model.scenario.validation import MISSING, Finding, dotted, findings_error, findings_of

FROM_PYTHON = "given in Python"
CHANGED = "changed"

_EXTENDS = "Another scenario file in this folder; the keys of this file are laid over its keys. One level only."


class Transport(Section):
    """How CO₂ travels."""

    shared_trunklines: bool = True
    """Plants share pipelines over a network; false gives every retrofit a pipe of its own to a near site."""
    corridors: Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(corridors_or_file)] = "auto"
    """Links among which a whole plan is proven: `auto` finds them, `all` takes every candidate, or a .csv file of
    yours with a column `link`."""
    candidate_links: Literal["made_and_given", "given"] = "made_and_given"
    """Links made from the places of plants and sites together with those of transport/links, or those alone."""
    trucks: bool = False
    """A plant may also send a small flow by road; haulage is paid by the tonne, outside the budget for capital."""
    detour_factor: float = Field(default=1.14, ge=1, le=3)
    """Length of a pipeline divided by the straight distance."""
    terrain: TerrainName | None = None
    """What a pipe costs by place against flat land: an .asc grid or a .csv file of yours; null takes the table
    transport/terrain."""


class Storage(Section):
    """Where CO₂ is stored."""

    sites: Words = ()
    """Storage sites or basins to use; empty means all."""
    capacity: Literal["low", "mid", "high"] = "mid"
    """Which estimate of each site's capacity to believe."""
    max_fill_share: float = Field(default=1.0, gt=0, le=1)
    """At most this share of a site's capacity is used, 0 to 1."""


class Budget(Section):
    """What may be spent."""

    total_mn: float | None = Field(default=None, ge=0)
    """Budget over all years, in million of the scenario's currency; needed unless there are targets."""
    cumulative_mn: MoneyByYear = Field(default_factory=dict)
    """Most that may be spent up to the end of the period that starts in a year, in million: {2026: 4_000}."""
    by_province_mn: AmountByName = Field(default_factory=dict)
    """Budget over all years of single provinces, within the total, in million by name."""


class Solver(Section):
    """How long and how exactly to solve."""

    mip_gap: float = Field(default=0.01, ge=0, le=0.5)
    """Stop when the plan is proven this close to the best one, 0 to 0.5."""
    time_limit_s: float = Field(default=120.0, gt=0)
    """Stop after this many seconds with the best plan found."""
    threads: int = Field(default=2, ge=1, le=64)
    """Processor threads."""
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    """Seed of the solver's random choices (HiGHS takes 31 bits)."""


class Scenario(Section):
    """One question of a planner, checked. Read one with `read_scenario`, or make one with `Scenario.from_dict`."""

    name: Line
    """Title of the scenario; also names its run folder."""
    description: Paragraph = ""
    """The question in the planner's words."""
    currency: Literal["CNY", "USD", "EUR"] = "CNY"
    """Currency of all money."""
    price_year: int = Field(default=2024, ge=2005, le=2025)
    """All money is in real prices of this year."""
    years: Years = (2026, 2030, 2035, 2040)
    """Start of each period; the last one lasts as long as the one before. `static` looks at one representative year."""
    capital_recovery_share: float | None = Field(default=None, gt=0, le=1)
    """Of a static year: the yearly share of capital; null takes the discount rate over each thing's life."""
    storage_life_yr: float = Field(default=30.0, gt=0, le=200)
    """Of a static year: the years over which a site's capacity is filled."""
    discount_rate: float = Field(default=0.08, ge=0, lt=1)
    """Real discount rate a year, 0 to 1."""
    plants: Plants
    """Which plants are looked at."""
    data: FileName | None = None
    """A folder of CSV tables of your own, laid over the shipped ones by key; null means none."""
    capture: Capture = Capture()
    """Which retrofits may be built."""
    transport: Transport = Transport()
    """How CO₂ travels."""
    storage: Storage = Storage()
    """Where CO₂ is stored."""
    budget: Budget = Budget()
    """What may be spent."""
    targets: Targets = Targets()
    """What must be reached; needed for the aim min_cost."""
    policy: Policy = Policy()
    """What is paid for CO₂."""
    funds: Funds = Field(default_factory=dict)
    """Loans, bonds and grants by name: {green_bond: {kind: bond, share_max: 0.4, interest_rate: 0.028}}."""
    finance: Finance = Finance()
    """How owners account for what they build."""
    calibration: Calibration = Calibration()
    """What the pilot zones say about how much is delivered and built."""
    uncertainty: Uncertainty = Uncertainty()
    """How far inputs may lie from what is planned with; read by `ccs-model montecarlo`."""
    objective: Literal["max_abatement", "min_cost", "max_npv", "max_net_benefit"] = "max_abatement"
    """What is sought: the most CO₂ avoided for the budget, the least cost at which the targets are reached, the
    highest net present value of the owners, or the highest net benefit of society."""
    futures: Futures = Field(default_factory=dict)
    """Uncertain worlds by name, for `ccs-model hedge`: {dear carbon: {probability_share: 0.5, changes: {…}}}."""
    here_and_now: tuple[int, ...] = ()
    """Starts of the periods whose builds are the same in all futures; empty means the first alone."""
    risk: Risk = Risk()
    """How much the worst futures weigh in a hedged plan."""
    solver: Solver = Solver()
    """How long and how exactly to solve."""

    _places: dict[str, str] = PrivateAttr(default_factory=dict)
    _source_path: Path | None = PrivateAttr(default=None)

    @field_validator("budget", mode="after")
    @classmethod
    def _ceilings_in_known_years(cls, budget: Budget, info: ValidationInfo) -> Budget:
        years = starts_of(info.data.get("years", tuple(budget.cumulative_mn)), info.data.get("price_year", 0))
        strays = [year for year in budget.cumulative_mn if year not in years]
        if strays:
            starts = ", ".join(map(str, years))
            raise findings_error(
                Finding(("cumulative_mn", str(year)), f"no period starts in {year}", f"years: {starts}", on_key=True)
                for year in strays
            )
        return budget

    @field_validator("targets", mode="after")
    @classmethod
    def _targets_in_known_years(cls, targets: Targets, info: ValidationInfo) -> Targets:
        if strays := stray_years(targets, starts_of(info.data.get("years", ()), info.data.get("price_year", 0))):
            raise findings_error(strays)
        return targets

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Scenario:
        """A scenario from nested plain values; raises one InputError with every fault, each at its dotted key."""
        if not isinstance(values, Mapping):
            raise InputError([Issue("scenario", f"expected keys with values, got a {type(values).__name__}")])
        return _built(values, dict.fromkeys(_keys_in(values), FROM_PYTHON), None)

    def with_changes(self, changes: Mapping[str, object]) -> Scenario:
        """A checked copy with some keys changed: `{"budget.total_mn": 5000}`. A list or mapping is replaced whole."""
        values = self.model_dump()
        places = dict(self._places)
        for key, value in changes.items():
            _put(values, key, value)
            beneath = (f"{key}.", f"{key}[")
            places = {k: place for k, place in places.items() if k != key and not k.startswith(beneath)}
            nested = [f"{key}.{each}" for each in _keys_in(value)] if isinstance(value, Mapping) else []
            places.update(dict.fromkeys((key, *nested), CHANGED))
        return _built(values, places, self._source_path)

    @property
    def places(self) -> Mapping[str, str]:
        """Where each given value stands, `file:line` by dotted key; a key that is absent here is a default."""
        return MappingProxyType(self._places)

    @property
    def source_path(self) -> Path | None:
        """The file the scenario was read from."""
        return self._source_path

    @property
    def is_static(self) -> bool:
        """One representative year, with capital as a yearly share."""
        return self.years == "static"

    @property
    def starts(self) -> tuple[int, ...]:
        """First year of each period; a static year is the price year."""
        return starts_of(self.years, self.price_year)

    def period_years(self, year: int) -> int:
        """How many years the period lasts that starts in `year`."""
        if year not in self.starts:
            raise ValueError(f"no period starts in {year}")
        return min(start for start in (*self.starts, self.horizon_end) if start > year) - year

    @property
    def horizon_end(self) -> int:
        """The first year after the last period."""
        return self.starts[-1] + 1 if self.is_static else 2 * self.starts[-1] - self.starts[-2]

    def resolved_yaml(self) -> str:
        """Every value in a fixed order, each with a comment that says where it came from; reads back as an equal."""
        return resolved_yaml(self.model_dump(), self._places)

    def __eq__(self, other: object) -> bool:
        """Scenarios are equal when they ask the same, wherever they were written."""
        return isinstance(other, Scenario) and self.model_dump() == other.model_dump()

    def __hash__(self) -> int:
        return hash((self.name, self.years, self.budget.total_mn))


def checked(
    values: Mapping[str, object], places: dict[str, str], source_path: Path | None
) -> Scenario | tuple[Finding, ...]:
    """The scenario, or everything that is wrong with the values."""
    plain = _plain(values)
    try:
        scenario = Scenario.model_validate(plain)
    except ValidationError as error:
        return (*findings_of(error, plain, known_keys()), *_without_an_end(upgraded_values(plain)))
    of_futures = findings_of_futures(scenario.futures, scenario.here_and_now, scenario.starts)
    of_money = findings_of_money(plain, scenario.funds, scenario.finance)
    in_futures = _unlike_a_scenario(plain, scenario)
    if missing := (*_without_an_end(plain), *of_money, *of_futures, *in_futures):
        return missing
    scenario._places, scenario._source_path = places, source_path
    return scenario


def _unlike_a_scenario(values: Mapping[str, Any], scenario: Scenario) -> Iterator[Finding]:
    """What is wrong with the scenario as it stands in a future."""
    for name, future in scenario.futures.items():
        there = _mutable({**values, "futures": {}})
        place = ("futures", name, "changes")
        try:
            for key, value in future.changes.items():
                _put(there, key, value)
        except InputError as error:
            yield from (Finding(place, each.what, each.hint) for each in error.issues)
            continue
        found = checked(there, {}, None)
        for each in () if isinstance(found, Scenario) else found:
            key = dotted(each.path)
            changed = [name for name in future.changes if _is_within(key, name) or _is_within(name, key)]
            yield Finding((*place, *changed[:1]), f"{key}: {each.what}", each.hint, on_key=each.on_key)


def _is_within(key: str, other: str) -> bool:
    return key == other or key.startswith((f"{other}.", f"{other}["))


def _mutable(values: Mapping[Any, Any]) -> dict[Any, Any]:
    return {key: _mutable(value) if isinstance(value, Mapping) else value for key, value in values.items()}


def _without_an_end(values: Mapping[str, object]) -> Iterator[Finding]:
    """A scenario needs a budget or a cut to reach, or nothing limits it; without a cut min_cost builds nothing."""
    budget, targets = values.get("budget"), values.get("targets")
    has_abatement_target = isinstance(targets, Mapping) and any(targets.get(key) for key in CUT_KEYS)
    weighs = values.get("objective") in ("max_npv", "max_net_benefit")
    if not has_abatement_target and not weighs and not (values.get("objective") == "min_cost" and _pays(values)):
        if "budget" not in values:
            yield Finding(("budget",), MISSING, "add 'budget:'")
        if isinstance(budget, Mapping) and budget.get("total_mn", MISSING) is MISSING:
            yield Finding(("budget", "total_mn"), MISSING, "add 'total_mn:'")
        if isinstance(budget, Mapping) and budget.get("total_mn", MISSING) is None:
            yield Finding(("budget", "total_mn"), "expected a number, got nothing")
        if values.get("objective") == "min_cost" and not _pays(values):
            hint = "min_cost is the least cost of a cut: add 'targets:' with 'abatement_share:'"
            yield Finding(("targets",), MISSING, hint)
    if (
        isinstance(targets, Mapping)
        and targets.get("shortfall_per_t") is not None
        and values.get("objective") != "min_cost"
    ):
        what = "a missing tonne has a price only where the aim is min_cost"
        yield Finding(("targets", "shortfall_per_t"), what, "add 'aim: min_cost', or leave it out")


def _pays(values: Mapping[str, object]) -> bool:
    """Least cost without a cut asks what pays for itself; sites of a static year may, and whatever a policy pays."""
    return values.get("years") == "static" or bool(values.get("policy"))


@cache
def known_keys() -> tuple[str, ...]:
    """Every dotted key that may stand in a scenario file."""
    keys = ["extends"]
    for name, field in Scenario.model_fields.items():
        keys.append(name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            keys += [f"{name}.{each}" for each in field.annotation.model_fields]
    named: dict[str, type[Section]] = {"funds": Fund, "futures": Future}
    return (*keys, *(f"{key}.*.{each}" for key, kind in named.items() for each in kind.model_fields))


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a scenario file, for editors. With `like`, the needed keys may come from the other file."""
    schema = Scenario.model_json_schema()
    for part in schema["$defs"].values():
        part.pop("required", None)
    needed = schema.pop("required")
    schema["properties"]["extends"] = {"type": "string", "title": "Extends", "description": _EXTENDS}
    money = {"required": [*needed, "budget"], "properties": {"budget": {"required": ["total_mn"]}}}
    cut = {"required": [*needed, "targets"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "anyOf": [{"required": ["extends"]}, money, cut],
    }


def _built(values: Mapping[str, object], places: dict[str, str], source_path: Path | None) -> Scenario:
    if "extends" in values:
        raise InputError([Issue("extends", "only a file can extend another file", "use read_scenario")])
    result = checked(values, places, source_path)
    if isinstance(result, Scenario):
        return result
    raise InputError(
        Issue(
            dotted(each.path),
            each.what + (f" at {dotted(each.other)}" if each.other else ""),
            "" if each.hint == HINT else each.hint,
        )
        for each in result
    )


def _plain(value: Any) -> Any:
    """Lists as tuples, numpy's numbers as Python's; everything else as it is, for the schema to judge."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_plain(each) for each in value)
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else value


def _keys_in(values: Mapping[Any, object]) -> list[str]:
    """Dotted keys of nested values."""
    keys = []
    for key, value in values.items():
        keys.append(str(key))
        if isinstance(value, Mapping):
            keys += [f"{key}.{each}" for each in _keys_in(value)]
    return keys


def _put(values: dict[Any, Any], key: str, value: object) -> None:
    """Sets a dotted key in nested values; a step of digits is a year."""
    *way, last = (int(step) if step.isascii() and step.isdigit() else step for step in key.split("."))
    for step in way:
        values = values.setdefault(step, {})
        if not isinstance(values, dict):
            raise InputError([Issue(key, f"'{step}' holds a value, not keys")])
    values[last] = value
