"""What is paid for CO₂, how retrofits are financed, and what their owners pay in tax.

All money is real, at the scenario's price year. A rate quoted in nominal terms is given as such and converted with
`finance.inflation_rate`; the two are never mixed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from ccs_model.scenario.fields import (
    GIVEN_SOURCES,
    MORE_INVENTORIES,
    SHIPPED_INVENTORIES,
    FileName,
    Inventories,
    Line,
    MoneyByYear,
    Section,
    ShareByName,
    ShareByYear,
    Words,
    names_a_file,
    no_repeats,
)
from ccs_model.scenario.validation import Finding, findings_error

if TYPE_CHECKING:
    from ccs_model.scenario.schema import Scenario

# Every set of funds that are tied to sectors or provinces has a claim of its own, so there may not be many.
MOST_TIED_FUNDS = 5
CHINA_ETS = "China ETS"


class Policy(Section):
    """What is paid for CO₂, and what society holds it worth."""

    carbon_price_per_t: MoneyByYear = Field(default_factory=dict)
    """Price of an allowance by year, straight between the years given and flat outside them: {2026: 75, 2040: 300}."""
    capture_deductible: bool = False
    """Whether stored CO₂ need not be surrendered for; the market whose rules are shipped does not grant it yet."""
    market: Line | None = CHINA_ETS
    """Carbon market of policy/ets whose sectors and years earn the price; null means that all sectors always do."""
    surplus_band_share: float | None = Field(default=None, ge=0, le=1)
    """At most this share of a plant's emissions earns the carbon price in a year; null means that all of a cut does."""
    paid_per_captured_t: float = Field(default=0.0, ge=0)
    """Paid for every tonne captured, in the scenario's currency."""
    paid_per_avoided_t: float = Field(default=0.0, ge=0)
    """Paid for every tonne avoided."""
    paid_from: int | None = Field(default=None, ge=2000, le=2200)
    """First year in which tonnes are paid for; null means from the start."""
    paid_until: int | None = Field(default=None, ge=2000, le=2200)
    """Last year in which tonnes are paid for; null means to the end."""
    paid_cap_mn: float | None = Field(default=None, ge=0)
    """Most that is paid for tonnes over all years, in million, undiscounted; null means no limit."""
    non_fossil_share: ShareByYear = Field(default_factory=dict)
    """Share of non-fossil power by year; grid factors then follow the fossil rest: {2025: 0.21, 2030: 0.25}."""
    value_added_growth_rate: float = Field(default=0.05, gt=-0.5, lt=1)
    """Real growth of value added a year, 0 to 1; only for carbon intensity."""
    social_cost_of_carbon_per_t: MoneyByYear = Field(default_factory=dict)
    """Damage of a tonne by year, for costs and benefits; empty takes the shipped table."""
    social_discount_rate: float = Field(default=0.08, ge=0, lt=1)
    """Real discount rate of society, 0 to 1."""

    @model_validator(mode="after")
    def _from_before_until(self) -> Policy:
        if self.paid_from is not None and self.paid_until is not None and self.paid_until < self.paid_from:
            what = f"expected a year from {self.paid_from} on, got {self.paid_until}"
            raise findings_error([Finding(("paid_until",), what, other=("paid_from",))])
        return self


class Fund(Section):
    """Money from others for what is built."""

    kind: Literal["loan", "bond", "grant"] = "loan"
    """`loan`: equal yearly payments; `bond`: interest every year, principal at the end; `grant`: not paid back."""
    ceiling_mn: float | None = Field(default=None, ge=0)
    """Most that it pays over all years, in million; null means no limit of its own."""
    share_max: float = Field(default=1.0, ge=0, le=1)
    """Most that it pays as a share of all spending, 0 to 1."""
    interest_rate: float | None = Field(default=None, ge=0, lt=1)
    """Real interest a year, 0 to 1."""
    nominal_interest_rate: float | None = Field(default=None, ge=0, lt=1)
    """Interest a year as quoted, with inflation in it; needs finance.inflation_rate."""
    passed_through_share: float | None = Field(default=None, ge=0, le=1)
    """Of a bank's saving by the central bank's carbon-reduction facility, the share that lowers this fund's interest;
    null means that the fund does not draw on the facility."""
    term_yr: int = Field(default=10, ge=1, le=60)
    """Years until it is paid back."""
    sectors: Annotated[tuple[Literal["steel", "chemicals"], ...], AfterValidator(no_repeats)] = ()
    """Only for plants of these sectors; empty means all. What is shared belongs to no sector."""
    provinces: Words = ()
    """Only for what stands in these provinces; empty means all."""

    @property
    def is_tied(self) -> bool:
        """Whether it is open to some only."""
        return bool(self.sectors or self.provinces)

    @model_validator(mode="after")
    def _one_rate(self) -> Fund:
        both = self.interest_rate is not None and self.nominal_interest_rate is not None
        none = self.interest_rate is None and self.nominal_interest_rate is None
        if self.kind == "grant" and not none:
            key = "interest_rate" if self.interest_rate is not None else "nominal_interest_rate"
            raise findings_error([Finding((key,), "a grant bears no interest", "leave it out")])
        if both:
            what = "the interest is given twice, real and nominal"
            raise findings_error([Finding(("nominal_interest_rate",), what, "keep one", other=("interest_rate",))])
        if self.passed_through_share is not None and self.nominal_interest_rate is None:
            what = "the facility lowers a bank's quoted rate"
            raise findings_error([Finding(("passed_through_share",), what, "give 'nominal_interest_rate:'")])
        if none and self.kind != "grant":
            hint = "add 'interest_rate:' (real) or 'nominal_interest_rate:'"
            raise findings_error([Finding((), f"a {self.kind} needs an interest", hint)])
        return self


class Finance(Section):
    """How owners account for what they build."""

    tax_share: float = Field(default=0.25, ge=0, lt=1)
    """Income tax of the owners, 0 to 1. Losses are set against other profits of the year in which they arise."""
    depreciation_yr: int = Field(default=10, ge=1, le=60)
    """Years over which what is built is written off for tax, in equal parts."""
    inflation_rate: float | None = Field(default=None, gt=-0.5, lt=1)
    """Yearly rise of prices, to turn nominal interest into real; null where no nominal rate is given."""


def _by_name(funds: dict[str, Fund]) -> dict[str, Fund]:
    return dict(sorted(funds.items()))


# Written out with every default, more funds than this would make a resolved scenario that is too large to be read.
MOST_FUNDS = 200
Funds = Annotated[dict[Line, Fund], Field(max_length=MOST_FUNDS), AfterValidator(_by_name)]


def findings_of_money(values: Mapping[str, object], funds: Mapping[str, Fund], finance: Finance) -> Iterator[Finding]:
    """What only shows when funds, finance and years are seen together."""
    if finance.inflation_rate is None:
        for name, fund in funds.items():
            if fund.nominal_interest_rate is not None:
                what = "a nominal rate needs the inflation in it"
                yield Finding(("funds", name, "nominal_interest_rate"), what, "add 'finance: {inflation_rate: 0.02}'")
    if sum(fund.is_tied for fund in funds.values()) > MOST_TIED_FUNDS:
        yield Finding(("funds",), f"at most {MOST_TIED_FUNDS} funds may be tied to sectors or provinces")
    if values.get("years") != "static":
        return
    if funds:
        yield Finding(("funds",), "a static year knows no loans and grants", "give 'years:' as a list, or leave it out")
    if values.get("objective") in ("max_npv", "max_net_benefit"):
        yield Finding(("objective",), f"{values['objective']} needs years to discount over", "give 'years:' as a list")


# What a plan must reach: cuts by year, tonnes over the horizon, and shares that must come from somewhere.

# Keys of targets that ask for tonnes; the others only say how or at what price.
CUT_KEYS = ("abatement_share", "cumulative_avoided_kt", "captured_ktpa", "by_province", "by_sector")


class Cut(Section):
    """A cut that must be reached, of all plants looked at or of some."""

    abatement_share: ShareByYear = Field(default_factory=dict)
    """Avoided CO₂ as a share of the baseline, in the period that starts in a year: {2040: 0.05}. Holds in that year."""
    cumulative_avoided_kt: float | None = Field(default=None, ge=0)
    """Avoided CO₂ over the whole horizon, in thousand tonnes."""


def _sorted(cuts: dict[str, Cut]) -> dict[str, Cut]:
    return dict(sorted(cuts.items()))


class Targets(Cut):
    """What must be reached."""

    by_province: Annotated[dict[Line, Cut], AfterValidator(_sorted)] = Field(default_factory=dict)
    """Cuts of single provinces, by name, each as abatement_share: {2040: 0.03}."""
    by_sector: Annotated[dict[Literal["steel", "chemicals"], Cut], AfterValidator(_sorted)] = Field(
        default_factory=dict
    )
    """Cuts of single sectors: {steel: {abatement_share: {2040: 0.02}}}."""
    captured_ktpa: float | None = Field(default=None, ge=0)
    """Captured CO₂ that must be reached in the last period, or in the static year, in thousand tonnes a year."""
    share_of_avoided_min: ShareByName = Field(default_factory=dict)
    """At least this share of all CO₂ avoided over the horizon comes from a province or a sector: {steel: 0.3}."""
    shortfall_per_t: float | None = Field(default=None, ge=0)
    """Price of a tonne that a target is missed by; null means that targets must be reached."""

    def cuts(self) -> Iterator[tuple[str, str, Cut]]:
        """Every cut with the dotted key it stands under and the province or sector it is for ("" for all)."""
        yield "targets", "", self
        yield from ((f"targets.by_province.{name}", name, cut) for name, cut in self.by_province.items())
        yield from ((f"targets.by_sector.{name}", name, cut) for name, cut in self.by_sector.items())


def stray_years(targets: Targets, years: Sequence[int]) -> list[Finding]:
    """Years of cuts in which no period starts."""
    starts = ", ".join(map(str, years))
    groups: Mapping[tuple[str, ...], Cut] = {
        (): targets,
        **{("by_province", name): cut for name, cut in targets.by_province.items()},
        **{("by_sector", name): cut for name, cut in targets.by_sector.items()},
    }
    return [
        Finding((*path, "abatement_share", str(year)), f"no period starts in {year}", f"years: {starts}", on_key=True)
        for path, cut in groups.items()
        for year in cut.abatement_share
        if years and year not in years
    ]


# Futures: uncertain worlds that a plan is hedged against, each the scenario with some keys changed.

_ROUNDING = 1e-6


class Future(Section):
    """One of the worlds that may come."""

    probability_share: float | None = Field(default=None, ge=0, le=1)
    """How likely it is, 0 to 1; all of them sum to 1. Null in every future means that all are alike likely."""
    changes: dict[Line, Any] = Field(default_factory=dict)
    """Keys of the scenario that are otherwise then, with dots: {policy.carbon_price_per_t.2030: 300}."""


class Risk(Section):
    """How much the worst futures weigh."""

    cvar_share: float = Field(default=0.9, ge=0, lt=1)
    """The tail is what is worse than this share of all futures, by probability: 0.9 looks at the worst tenth."""
    weight: float = Field(default=0.0, ge=0, le=1)
    """What the mean over the tail weighs against the mean over all futures, 0 to 1."""


Futures = Annotated[dict[Line, Future], Field(max_length=1000)]


def probabilities_of(futures: Mapping[str, Future]) -> tuple[float, ...]:
    """How likely each future is; alike where no future says."""
    given = [future.probability_share for future in futures.values()]
    known = [each for each in given if each is not None]
    return tuple(known) if len(known) == len(given) else (1.0 / len(given),) * len(given)


def findings_of_futures(
    futures: Mapping[str, Future], here_and_now: Sequence[int], starts: Sequence[int]
) -> Iterator[Finding]:
    """What only shows when futures and years are seen together."""
    given = [future.probability_share for future in futures.values()]
    known = [each for each in given if each is not None]
    if known and len(known) < len(given):
        some = next(name for name, future in futures.items() if future.probability_share is None)
        hint = "give one to every future, or to none"
        yield Finding(("futures", some), "has no probability_share, though others have", hint)
    elif known and abs(sum(known) - 1.0) > _ROUNDING:
        yield Finding(("futures",), f"the probabilities sum to {sum(known):g}", "expected 1")
    if len(futures) == 1:
        yield Finding(("futures",), "one future is no uncertainty", "give two or more, or none")
    for name, future in futures.items():
        for key in future.changes:
            if key.split(".")[0] in ("futures", "here_and_now", "risk", "extends", "name", "years"):
                yield Finding(("futures", name, "changes", key), "is the same in every future", "leave it out")
    for place, year in enumerate(here_and_now):
        if year not in starts:
            hint = f"years: {', '.join(map(str, starts))}"
            yield Finding(("here_and_now", str(place)), f"no period starts in {year}", hint)


# Which plants a scenario looks at, and how finely.


class Plants(Section):
    """Which plants are looked at."""

    inventory: Inventories = SHIPPED_INVENTORIES
    """Tables of plants to read: steel, chemicals, coal_chemicals (shipped), or .csv and .xlsx files of your own."""
    provinces: Words = ()
    """Only plants of these provinces; empty means all."""
    min_emissions_ktpa: float = Field(default=0.0, ge=0)
    """Only plants that emit at least this much CO₂, in thousand tonnes a year."""
    exclude: Words = ()
    """Ids of plants that may not be fitted."""
    require: Words = ()
    """Ids of plants that must be fitted."""
    furnace_streams: bool = False
    """Hot stoves of a steel works are a stream of each blast furnace, so that only those of furnaces that retire are
    left out, instead of one stream of the works."""
    captive_units: bool = False
    """Coal units of a works or plant are a stream of their own as far as they emit more than the power plant or the
    boilers already counted there."""

    @model_validator(mode="after")
    def _not_both(self) -> Plants:
        left_out = {plant: place for place, plant in enumerate(self.exclude)}
        both = [
            Finding(
                ("require", place),
                f"plant '{plant}' must be fitted here and is left out",
                "keep one",
                other=("exclude", left_out[plant]),
            )
            for place, plant in enumerate(self.require)
            if plant in left_out
        ]
        if both:
            raise findings_error(both)
        return self


# Which tables of the user's own a scenario names, and where it names them.

INVENTORY, DATA, TERRAIN = "plants.inventory", "data", "transport.terrain"
_TABLES = (*SHIPPED_INVENTORIES, *MORE_INVENTORIES, GIVEN_SOURCES)


@dataclass(frozen=True)
class OwnTables:
    """`inventory`, `data` and `terrain` as the scenario says them; files are seen from `folder`, the scenario's."""

    folder: Path
    inventory: tuple[str, ...] = SHIPPED_INVENTORIES
    data: str | None = None
    places: Mapping[str, str] = field(default_factory=dict)
    terrain: str | None = None

    @classmethod
    def of(cls, scenario: Scenario) -> OwnTables:
        """Of a sound scenario; one made in Python sees files from the folder the program runs in."""
        source = scenario.source_path
        folder = source.parent if source is not None else Path.cwd()
        return cls(folder, scenario.plants.inventory, scenario.data, scenario.places, scenario.transport.terrain)

    @classmethod
    def of_values(cls, values: Mapping[str, object], places: Mapping[str, str], folder: Path) -> OwnTables:
        """Of a file with faults: what can still be read, so that faults of its tables are told with its own."""
        plants, data, transport = values.get("plants"), values.get("data"), values.get("transport")
        terrain = transport.get("terrain") if isinstance(transport, Mapping) else None
        listed = plants.get("inventory") if isinstance(plants, Mapping) else None
        names = listed if isinstance(listed, list | tuple) else SHIPPED_INVENTORIES
        inventory = tuple(name for name in names if name in _TABLES or (isinstance(name, str) and names_a_file(name)))
        return cls(
            folder,
            inventory,
            data if isinstance(data, str) and data else None,
            places,
            terrain if isinstance(terrain, str) and terrain.lower().endswith((".asc", ".csv")) else None,
        )

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """(key, name) of each inventory that is a file: `("plants.inventory[1]", "mine.xlsx")`."""
        return tuple(
            (f"{INVENTORY}[{place}]", name) for place, name in enumerate(self.inventory) if name not in _TABLES
        )

    def where(self, key: str) -> str:
        """The place of a key, and the key where no file gave it."""
        place = self.places.get(key, "")
        return f"{place}: {key}" if ":" in place else key


# Which retrofits may be built: the keys under `capture:`.


class Capture(Section):
    """Which retrofits may be built."""

    technologies: Annotated[
        tuple[Literal["amine", "advanced_amine", "compression", "purification"], ...],
        Field(min_length=1),
        AfterValidator(no_repeats),
    ] = ("amine", "advanced_amine", "compression", "purification")
    """Capture technologies to choose from."""
    heat_sources: Annotated[
        tuple[Literal["coal_boiler", "gas_boiler", "waste_heat", "heat_pump"], ...],
        Field(min_length=1),
        AfterValidator(no_repeats),
    ] = ("coal_boiler",)
    """Where the heat of a solvent may come from; each is an option of its own."""
    shared_absorbers: bool = False
    """Flue gases of a plant may share one absorber and compressor, as an option that takes all of them."""
    readiness_min: int = Field(default=1, ge=1, le=9)
    """Only technologies of at least this readiness level, 1 to 9."""
    measures: Words = ()
    """Measures that shrink a stream before capture, by their names in technologies/measures; empty means none."""
    decisions: Literal["integer", "continuous"] = "integer"
    """`whole`: built or not (an integer program); `fractional`: in parts (a linear program)."""
    max_builds_per_year: int | None = Field(default=None, ge=0)
    """At most this many retrofits start in one year; null means no limit."""
    start_at_relining: bool = False
    """Retrofits of hot stoves start only about the years in which a furnace is expected to be relined, where known."""


# What a planner may say of the inputs that are uncertain.


class Spread(Section):
    """How one input is spread: factors on what the scenario plans with, but for `delivered_share`, which is a value."""

    distribution: Literal["triangular", "uniform", "lognormal", "truncated_normal"] = "triangular"
    """Between its ends; a lognormal's ends are its 5 and 95 % quantiles, a normal's about two standard deviations."""
    low: float = Field(ge=-1.0, le=100.0)
    """Lowest factor."""
    mode: float = Field(default=1.0, ge=-1.0, le=100.0)
    """The most likely one; the median of a lognormal; of no use to a uniform."""
    high: float = Field(ge=-1.0, le=100.0)
    """Highest factor."""


class Uncertainty(Section):
    """How far inputs may lie from what the scenario plans with, for `ccs-model montecarlo`.

    Inputs, spreads and correlations ship in data/uncertainty; here some are left out or spread otherwise.
    """

    exclude: tuple[Line, ...] = ()
    """Inputs that stay as planned."""
    spreads: dict[Line, Spread] = Field(default_factory=dict)
    """Other spreads than the shipped ones, by input."""


# What a planner may ask of the calibration on the pilot zones.

SHIPPED_PRESET = "pilot-reported"


class Calibration(Section):
    """Whether capture delivers what the pilot zones and built projects suggest, or all that it is designed for."""

    use: Literal["median", "p10", "p90", "ensemble", "none"] = "none"
    """Which delivered share of design to plan with; `ensemble` plans with the median and evaluates the plan over 64
    draws; `none` takes capture as designed."""
    preset: Line = SHIPPED_PRESET
    """How the pilot zones' report is read: pilot-reported (about 15 %), pilot-literal (up to 15 %), pilot-installed."""
    ceiling: bool = False
    """Retrofit in each province no more of its capturable CO₂ than the fitted share in five years."""
    file: FileName | None = Field(default=None)
    """A calibration.json of your own, written by `ccs-model calibrate -o`; null takes the shipped one."""
