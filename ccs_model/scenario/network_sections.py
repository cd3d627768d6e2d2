"""Sections of a scenario: transport and storage."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ccs_model.scenario.fields import AmountByName, Currency, Section, TerrainName, Words, corridors_or_file


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
