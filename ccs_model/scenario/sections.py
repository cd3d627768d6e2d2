"""Sections of a scenario: policy, finance, targets, plants, capture, calibration, transport and storage.

All amounts are real, in the scenario's price year. Nominal rates have keys of their own and are converted with
`finance.inflation_rate`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from ccs_model.paths import data_folder
from ccs_model.scenario.fields import (
    MORE_INVENTORIES,
    SHIPPED_INVENTORIES,
    SOURCES,
    AmountByName,
    AmountByYear,
    Currency,
    FileName,
    Inventories,
    Line,
    PlantsWithReasons,
    Section,
    ShareByName,
    ShareByYear,
    StartByName,
    TerrainName,
    Words,
    corridors_or_file,
    is_file_name,
    plant_and_reason,
    reject_repeats,
    sort_by_key,
    value_at,
)
from ccs_model.scenario.validation import Finding, raise_findings

if TYPE_CHECKING:
    from ccs_model.scenario.schema import Scenario


CHINA_ETS = "China ETS"
CaptureClass = Literal["vent", "flue_gas", "given"]


class Policy(Section):
    """Payments for CO₂ and its social cost."""

    carbon_price_per_t: AmountByYear = Field(default_factory=dict)
    """Allowance price by year, linear between the given years and constant outside them: {2026: 75, 2040: 300}."""
    capture_deductible: bool = False
    """Whether stored CO₂ is exempt from surrendering allowances; the shipped rules do not allow it yet."""
    market: Line | None = CHINA_ETS
    """Carbon market of policy/ets that sets the sectors and years with a price; null means all sectors and years."""
    surplus_band_share: float | None = Field(default=None, ge=0, le=1)
    """Largest share of a plant's emissions that earns the carbon price in a year; null means no limit."""
    paid_per_captured_t: float = Field(default=0.0, ge=0)
    """Payment per tonne captured, in the scenario's currency."""
    paid_per_avoided_t: float = Field(default=0.0, ge=0)
    """Payment per tonne avoided, in the scenario's currency."""
    paid_from: int | None = Field(default=None, ge=2000, le=2200)
    """First year of the payments per tonne; null means from the start."""
    paid_until: int | None = Field(default=None, ge=2000, le=2200)
    """Last year of the payments per tonne; null means to the end."""
    paid_for_yr: int | None = Field(default=None, ge=1, le=100)
    """Years for which a unit is paid, from its first year of operation; null means as long as it works."""
    paid_to_starts_until: int | None = Field(default=None, ge=2000, le=2200)
    """Last start (year of decision) of a unit that is paid; null pays every unit."""
    paid_is_taxed: bool = True
    """Whether the payments per tonne are taxable income of the owners; false for an after-tax credit."""
    paid_cap_mn: float | None = Field(default=None, ge=0)
    """Upper limit on the payments per tonne over all years, in million, undiscounted; null means no limit."""
    non_fossil_share: ShareByYear = Field(default_factory=dict)
    """Share of non-fossil power by year; grid factors scale with the fossil share: {2025: 0.21, 2030: 0.25}. They
    replace grid factors of years after the first of them. Empty uses the path of policy/non_fossil, if it is the
    country's; one year keeps the last known factors."""
    value_added_growth_rate: float = Field(default=0.05, gt=-0.5, lt=1)
    """Real growth of value added a year; used only for carbon intensity."""
    social_cost_of_carbon_per_t: AmountByYear = Field(default_factory=dict)
    """Damage per tonne by year, discounted at the social discount rate; reports damages avoided with these figures."""
    social_cost_series: Line | None = None
    """Series of policy/social_cost_of_carbon, such as EPA 2023: reports damages avoided with it; null reports none."""
    social_discount_rate: float = Field(default=0.08, ge=0, lt=1)
    """Real social discount rate, 0 to 1."""

    @model_validator(mode="after")
    def _validate_payment_years_and_social_cost(self) -> Policy:
        if self.social_cost_series is not None and self.social_cost_of_carbon_per_t:
            what = "the social cost of carbon is given twice, as a series and by year"
            raise_findings([Finding(("social_cost_series",), what, "keep one", other=("social_cost_of_carbon_per_t",))])
        if self.paid_from is not None and self.paid_until is not None and self.paid_until < self.paid_from:
            what = f"{self.paid_until} is before the first year paid, {self.paid_from},"
            hint = f"expected {self.paid_from} or later"
            raise_findings([Finding(("paid_until",), what, hint, other=("paid_from",))])
        return self


_OF_LOANS = {
    "interest_rate": "interest", "nominal_interest_rate": "interest", "passed_through_share": "interest",
    "term_yr": "term",
}  # fmt: skip


class Fund(Section):
    """A loan, bond or grant for investments."""

    kind: Literal["loan", "bond", "grant"] = "loan"
    """`loan`: equal yearly payments; `bond`: yearly interest, principal at the end; `grant`: not repaid."""
    ceiling_mn: float | None = Field(default=None, ge=0)
    """Upper limit over all years, in million; null means no limit."""
    share_max: float = Field(default=1.0, ge=0, le=1)
    """Upper limit as a share of capex at the time it is spent, 0 to 1; for a loan or bond, of capex less grants."""
    interest_rate: float | None = Field(default=None, ge=0, lt=1)
    """Real interest rate a year, 0 to 1."""
    nominal_interest_rate: float | None = Field(default=None, ge=0, lt=1)
    """Nominal interest rate a year, 0 to 1; requires finance.inflation_rate."""
    passed_through_share: float | None = Field(default=None, ge=0, le=1)
    """Share of the bank's saving from the central bank's carbon-reduction facility that lowers the interest rate of
    this fund; null means that the fund does not use the facility."""
    term_yr: int = Field(default=10, ge=1, le=60)
    """Years to repayment."""
    sectors: Words = ()
    """Only for plants of these sectors; empty means all. Shared pipelines and storage belong to no sector."""
    provinces: Words = ()
    """Only for investments in these provinces; empty means all."""

    @model_validator(mode="after")
    def _one_rate(self) -> Fund:
        both = self.interest_rate is not None and self.nominal_interest_rate is not None
        none = self.interest_rate is None and self.nominal_interest_rate is None
        if self.kind == "grant":
            # A resolved scenario holds every default, so that a key given with its default passes.
            given = [key for key in _OF_LOANS if getattr(self, key) != type(self).model_fields[key].default]
            raise_findings(Finding((key,), f"a grant has no {_OF_LOANS[key]}", "remove the key") for key in given)
        if both:
            what = "a nominal interest rate beside the real one"
            hint = "keep one; null removes an inherited key"
            raise_findings([Finding(("nominal_interest_rate",), what, hint, other=("interest_rate",))])
        if self.passed_through_share is not None and self.nominal_interest_rate is None:
            what = "the facility lowers a nominal interest rate"
            raise_findings([Finding(("passed_through_share",), what, "give 'nominal_interest_rate:'")])
        if none and self.kind != "grant":
            hint = "add 'interest_rate:' (real) or 'nominal_interest_rate:'"
            raise_findings([Finding((), f"a {self.kind} needs an interest rate", hint)])
        return self


class Finance(Section):
    """Tax and depreciation of the owners."""

    tax_share: float = Field(default=0.25, ge=0, lt=1)
    """Income tax rate of the owners, from 0 to below 1. Losses are offset against other profits of the same year."""
    depreciation_yr: int = Field(default=10, ge=1, le=60)
    """Years of straight-line depreciation for tax."""
    inflation_rate: float | None = Field(default=None, gt=-0.5, lt=1)
    """Inflation rate a year, to convert nominal interest rates; null if no nominal rate is given."""


class Costs(Section):
    """Multipliers of the costs that the tables give."""

    capex_factor: float = Field(default=1.0, gt=0, le=10)
    """Multiplies all capital: capture, pipes, sites and wells. O&M stays as it is."""
    om_factor: float = Field(default=1.0, ge=0, le=10)
    """Multiplies all operation and maintenance, with monitoring, closure and post-injection care of sites, pump power,
    trucks and injection fees."""
    energy_factor: float = Field(default=1.0, ge=0, le=10)
    """Multiplies the cost of heat and electricity for capture."""
    oil_factor: float = Field(default=1.0, ge=0, le=10)
    """Multiplies the payments of oil fields."""


# With more funds, the resolved scenario would exceed the size limit of a scenario file.
MOST_FUNDS = 200
Funds = Annotated[dict[Line, Fund], Field(max_length=MOST_FUNDS), AfterValidator(sort_by_key)]


def findings_of_money(values: Mapping[str, object], funds: Mapping[str, Fund], finance: Finance) -> Iterator[Finding]:
    """Errors that involve several of funds, finance, years, plants and objective."""
    if finance.inflation_rate is None:
        for name, fund in funds.items():
            if fund.nominal_interest_rate is not None:
                what = "a nominal interest rate requires the inflation rate"
                yield Finding(("funds", name, "nominal_interest_rate"), what, "add 'finance: {inflation_rate: 0.02}'")
    if values.get("years") != "static":
        return
    for key in ("plants.committed", "plants.not_before", "storage.not_before"):
        if value_at(values, key):
            yield Finding(tuple(key.split(".")), "not available with 'years: static'", "give 'years:' as a list")
    if funds:
        yield Finding(("funds",), "not available with 'years: static'", "give 'years:' as a list, or remove the funds")
    if values.get("objective") in ("max_npv", "max_net_benefit"):
        yield Finding(
            ("objective",), f"{values['objective']} is not available with 'years: static'", "give 'years:' as a list"
        )


# Keys of targets that require tonnes; the other keys set shares or the price of a shortfall.
TONNE_TARGETS = (
    "abatement_share", "avoided_ktpa", "cumulative_avoided_kt", "captured_ktpa", "by_province", "by_sector"
)  # fmt: skip
# Targets of single years, by the year in which their period starts.
YEARLY_TARGETS = ("abatement_share", "avoided_ktpa")


class AbatementTarget(Section):
    """A required abatement, of all plants or of a province or sector."""

    abatement_share: ShareByYear = Field(default_factory=dict)
    """Avoided CO₂ as a share of the baseline, in the period that starts in a year: {2040: 0.05}."""
    avoided_ktpa: AmountByYear = Field(default_factory=dict)
    """Avoided CO₂ in the period that starts in a year, in thousand tonnes a year: {2040: 5_000}."""
    cumulative_avoided_kt: float | None = Field(default=None, ge=0)
    """Avoided CO₂ over the planning horizon, in thousand tonnes."""

    @property
    def is_set(self) -> bool:
        """Whether some tonnes are required."""
        return bool(self.abatement_share or self.avoided_ktpa or self.cumulative_avoided_kt)


class Targets(AbatementTarget):
    """Targets to reach."""

    by_province: Annotated[dict[Line, AbatementTarget], AfterValidator(sort_by_key)] = Field(default_factory=dict)
    """Targets of individual provinces by name, each with abatement_share: {2040: 0.03}."""
    by_sector: Annotated[dict[Line, AbatementTarget], AfterValidator(sort_by_key)] = Field(default_factory=dict)
    """Targets of individual sectors, such as steel, chemicals or cement: {steel: {abatement_share: {2040: 0.02}}}."""
    captured_ktpa: float | None = Field(default=None, ge=0)
    """Captured CO₂ to reach in the last period, or in the static year, in thousand tonnes a year."""
    share_of_avoided_min: ShareByName = Field(default_factory=dict)
    """Minimum share of a province or sector in all CO₂ avoided over the horizon: {steel: 0.3}."""
    shortfall_per_t: float | None = Field(default=None, ge=0)
    """Penalty per tonne by which a target is missed; null means that targets are mandatory."""

    def abatement_targets(self) -> Iterator[tuple[str, str, AbatementTarget]]:
        """Every target with its dotted key and its province or sector ("" for all plants)."""
        yield "targets", "", self
        yield from ((f"targets.by_province.{name}", name, target) for name, target in self.by_province.items())
        yield from ((f"targets.by_sector.{name}", name, target) for name, target in self.by_sector.items())


def stray_years(targets: Targets, years: Sequence[int]) -> list[Finding]:
    """Errors of target years in which no period starts."""
    starts = ", ".join(map(str, years))
    groups: Mapping[tuple[str, ...], AbatementTarget] = {
        (): targets,
        **{("by_province", name): target for name, target in targets.by_province.items()},
        **{("by_sector", name): target for name, target in targets.by_sector.items()},
    }
    return [
        Finding((*path, key, str(year)), f"no period starts in {year}", f"years: {starts}", on_key=True)
        for path, target in groups.items()
        for key in YEARLY_TARGETS
        for year in getattr(target, key)
        if years and year not in years
    ]


class Plants(Section):
    """Plants to consider."""

    inventory: Inventories = SHIPPED_INVENTORIES
    """Inventories to read: steel, chemicals, coal_chemicals (shipped), sources (your own table plants/sources), or .csv
    and .xlsx files of your own."""
    provinces: Words = ()
    """Only plants of these provinces; empty means all."""
    min_emissions_ktpa: float = Field(default=0.0, ge=0)
    """Minimum CO₂ emissions of a plant, in thousand tonnes a year."""
    exclude: PlantsWithReasons = ()
    """Ids of plants that may not be retrofitted, each alone or with a reason: [NH3_21, NH3_80: closes in 2027]."""
    require: Words = ()
    """Ids of plants that must be retrofitted."""
    committed: StartByName = Field(default_factory=dict)
    """Retrofits that are built or under construction, each with the year of its start, by the column `route` of
    retrofits.csv: {NH3_21/product_vent/compression/full: 2026}."""
    not_before: StartByName = Field(default_factory=dict)
    """Year from which a plant may be retrofitted, by its id: {NH3_21: 2030}."""
    furnace_streams: bool = False
    """Whether the hot stoves of each blast furnace are a stream of their own, instead of one stream per plant; the
    stoves of furnaces that retire are then excluded."""
    captive_units: bool = False
    """Whether captive coal units are streams of their own, as far as their emissions exceed those of the power plant or
    boilers already counted at the plant."""

    @model_validator(mode="after")
    def _reject_required_and_excluded(self) -> Plants:
        left_out = {plant: place for place, plant in enumerate(self.excluded)}
        what = "plant '{}' is both required and excluded, excluded"
        raise_findings(
            Finding(("require", place), what.format(plant), "keep one", other=("exclude", left_out[plant]))
            for place, plant in enumerate(self.require)
            if plant in left_out
        )
        return self

    @property
    def excluded(self) -> dict[str, str]:
        """Reason of each excluded plant by its id, in their order; empty where none is given."""
        return dict(map(plant_and_reason, self.exclude))


INVENTORY, DATA, TERRAIN = "plants.inventory", "data", "transport.terrain"
_TABLES = (*SHIPPED_INVENTORIES, *MORE_INVENTORIES, SOURCES)


@dataclass(frozen=True)
class OwnTables:
    """Tables of the planner that a scenario names; file names are relative to `folder`, that of the scenario.

    `currency` and `price_year` of the scenario hold for amounts that state none; with `oil_fields`, the rows of
    storage/oil_fields are sites as well. Notices on plants name those of `provinces` only, if there are any.
    """

    folder: Path
    inventory: tuple[str, ...] = SHIPPED_INVENTORIES
    data: str | None = None
    places: Mapping[str, str] = field(default_factory=dict)
    terrain: str | None = None
    currency: str = "CNY"
    price_year: int = 2024
    oil_fields: bool = False
    provinces: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, scenario: Scenario) -> OwnTables:
        """From a valid scenario; for one created in Python, files are relative to the working directory."""
        source = scenario.source_path
        folder = source.parent if source is not None else Path.cwd()
        terrain, money = scenario.transport.terrain, (scenario.currency, scenario.price_year)
        oil, plants = scenario.storage.oil_fields, scenario.plants
        return cls(folder, plants.inventory, scenario.data, scenario.places, terrain, *money, oil, plants.provinces)

    @classmethod
    def of_values(cls, values: Mapping[str, object], places: Mapping[str, str], folder: Path) -> OwnTables:
        """From the values of a file with errors, so that errors of its tables are reported together with its own."""
        data, terrain, listed = values.get("data"), value_at(values, TERRAIN), value_at(values, INVENTORY)
        names = listed if isinstance(listed, list | tuple) else SHIPPED_INVENTORIES
        # A faulty name is left empty, so that those after it keep their place.
        inventory = tuple(
            name if isinstance(name, str) and (name in _TABLES or is_file_name(name)) else "" for name in names
        )
        provinces = value_at(values, "plants.provinces")
        return cls(
            folder,
            inventory,
            data if isinstance(data, str) and data else None,
            places,
            terrain if isinstance(terrain, str) and terrain.lower().endswith((".asc", ".csv")) else None,
            oil_fields=value_at(values, "storage.oil_fields") is True,
            provinces=tuple(map(str, provinces)) if isinstance(provinces, list | tuple) else (),
        )

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """Key and name of each inventory that is a file: `("plants.inventory[1]", "mine.xlsx")`."""
        return tuple(
            (f"{INVENTORY}[{place}]", name) for place, name in enumerate(self.inventory) if name and name not in _TABLES
        )

    def place_of_key(self, key: str) -> str:
        """Place and name of a key; only its name if it is not from a file."""
        place = self.places.get(key, "")
        return f"{place}: {key}" if ":" in place else key


SHIPPED_CALIBRATION = "pilots/calibration.json"


def calibration_file(scenario: Scenario) -> Path | None:
    """Return the calibration.json of the scenario, or None."""
    requested = scenario.calibration
    if requested.use == "none":
        return None
    if requested.file is None:
        return data_folder() / SHIPPED_CALIBRATION
    return OwnTables.of(scenario).folder / requested.file


def corridors_file(scenario: Scenario) -> Path | None:
    """Return the scenario's own file of candidate links, or None."""
    name = scenario.transport.corridors
    return None if name in ("auto", "all") else OwnTables.of(scenario).folder / name


class Capture(Section):
    """Retrofits that may be built."""

    technologies: Annotated[Words, Field(min_length=1)] = ("amine", "advanced_amine", "compression", "purification")
    """Capture technologies to choose from, by their names in technologies/technologies."""
    heat_sources: Annotated[
        tuple[Literal["coal_boiler", "gas_boiler", "waste_heat", "heat_pump"], ...],
        Field(min_length=1),
        AfterValidator(reject_repeats),
    ] = ("coal_boiler",)
    """Heat sources for solvent regeneration to choose from."""
    shared_absorbers: bool = False
    """Whether the flue gases of a plant may share one absorber and compressor, as an additional option."""
    readiness_min: int = Field(default=1, ge=1, le=9)
    """Minimum technology readiness level, 1 to 9."""
    measures: Words = ()
    """Measures that reduce a stream before capture, by their names in technologies/measures; empty means none."""
    decisions: Literal["integer", "continuous"] = "integer"
    """`integer`: a retrofit is built or not (MILP); `continuous`: fractions of retrofits are allowed (LP)."""
    max_builds_per_year: int | None = Field(default=None, ge=0)
    """Most capture units that start in one year, or in all of a representative year; null means no limit."""
    start_at_relining: bool = False
    """Whether retrofits of hot stoves may start only around the relining of a furnace, if its year is known."""


SHIPPED_PRESET = "pilot-reported"


class Calibration(Section):
    """Delivered share of design capture, from the calibration on pilot zones and built projects."""

    use: Literal["median", "p10", "p90", "ensemble", "none"] = "none"
    """Delivered share to plan with; `ensemble` plans with the median and evaluates the plan over 64 draws; `none` plans
    with the design."""
    preset: Line = SHIPPED_PRESET
    """Interpretation of the report: pilot-reported (about 15 %), pilot-literal (up to 15 %) or pilot-installed."""
    ceiling: bool = False
    """Whether to limit retrofits in each province to the calibrated share of its capturable CO₂ in five years."""
    file: FileName | None = Field(default=None)
    """A calibration.json of your own, written by `ccs-model calibrate -o`; null uses the shipped one."""
    delivered_by_class: bool = False
    """Whether vents and flue gas have delivered shares of their own (pilots/delivered_shares), in place of one share
    for all capture; `use` selects median, p10 or p90, and `none` the median."""
    delivered_share: dict[CaptureClass, Annotated[float, Field(gt=0, le=1)]] = Field(default_factory=dict)
    """Delivered shares of your own by class, in place of all others: {vent: 0.9, flue_gas: 0.7}."""

    @property
    def is_by_class(self) -> bool:
        """Whether classes of capture have delivered shares of their own."""
        return self.delivered_by_class or bool(self.delivered_share)


class Transport(Section):
    """CO₂ transport."""

    shared_trunklines: bool = True
    """Whether plants share the pipelines of a network; if false, every retrofit has its own pipe to a nearby site."""
    corridors: Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(corridors_or_file)] = "auto"
    """Candidate links for integer decisions: `auto` selects them, `all` uses every candidate link, or name a .csv file
    of your own with a column `link`."""
    candidate_links: Literal["made_and_given", "given"] = "made_and_given"
    """Links generated from the locations of plants and sites together with those of transport/links, or only these."""
    trucks: bool = False
    """Whether plants may also send small flows by truck; haulage is paid per tonne, outside the budget for capital."""
    pipe_costs: Literal["as_built", "dea"] = "as_built"
    """Cost data of pipelines: the law of lines as built (transport/pipe_laws), or the size classes of the Danish
    Energy Agency (transport/pipes); linear trends (transport/trends) replace either."""
    detour_factor: float = Field(default=1.14, ge=1, le=3)
    """Length of a pipeline divided by the straight-line distance."""
    terrain: TerrainName | None = None
    """Cost multipliers of pipelines by location, relative to flat land: an .asc grid or a .csv file of your own; null
    uses the table transport/terrain."""


class Storage(Section):
    """CO₂ storage."""

    sites: Words = ()
    """Storage sites or basins to use; empty means all."""
    exclude: Words = ()
    """Storage sites or basins that are not used, of those to use."""
    capacity: Literal["low", "mid", "high"] = "mid"
    """Which estimate of each site's capacity to use."""
    capacity_kt: AmountByName = Field(default_factory=dict)
    """Capacity of single sites in thousand tonnes, by id, in place of the estimate: {nanpu: 20_000}."""
    not_before: StartByName = Field(default_factory=dict)
    """Year from which a site may be opened, by its id: {nanpu: 2031}."""
    max_fill_share: float = Field(default=1.0, gt=0, le=1)
    """Largest share of a site's capacity that may be used, 0 to 1."""
    site_reach_km: float | None = Field(default=None, gt=0)
    """Largest distance from a plant to a site, in km; null takes that of transport/limits."""
    nearest_sites: int | None = Field(default=None, ge=1)
    """Most sites offered to each plant without shared pipelines, nearest first; null means every site in reach."""
    oil_fields: bool = False
    """Whether the oil fields of storage/oil_fields are sites as well; they pay for CO₂ by the oil price."""
    oil_price_per_bbl: float | None = Field(default=None, ge=0, le=100_000)
    """Price of a barrel of oil, by which oil fields pay; null takes that of prices/oil."""
    oil_price_currency: Currency = "USD"
    """Currency of `oil_price_per_bbl`."""
    oil_price_year: int | None = Field(default=None, ge=2000, le=2030)
    """Price year of `oil_price_per_bbl`; null means that of the scenario."""
