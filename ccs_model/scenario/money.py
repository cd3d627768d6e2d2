"""What is paid for CO₂, how retrofits are financed, and what their owners pay in tax.

All money is real, at the scenario's price year. A rate quoted in nominal terms is given as such and converted with
`finance.inflation_share`; the two are never mixed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from ccs_model.scenario.fields import Line, MoneyByYear, ShareByYear, Words, no_repeats
from ccs_model.scenario.findings import Finding, findings_error
from ccs_model.scenario.section import Section

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
    value_added_growth_share: float = Field(default=0.05, gt=-0.5, lt=1)
    """Real growth of value added a year, 0 to 1; only for carbon intensity."""
    social_cost_of_carbon_per_t: MoneyByYear = Field(default_factory=dict)
    """Damage of a tonne by year, for costs and benefits; empty takes the shipped table."""
    social_discount_share: float = Field(default=0.08, ge=0, lt=1)
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
    interest_share: float | None = Field(default=None, ge=0, lt=1)
    """Real interest a year, 0 to 1."""
    nominal_interest_share: float | None = Field(default=None, ge=0, lt=1)
    """Interest a year as quoted, with inflation in it; needs finance.inflation_share."""
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
        both = self.interest_share is not None and self.nominal_interest_share is not None
        none = self.interest_share is None and self.nominal_interest_share is None
        if self.kind == "grant" and not none:
            key = "interest_share" if self.interest_share is not None else "nominal_interest_share"
            raise findings_error([Finding((key,), "a grant bears no interest", "leave it out")])
        if both:
            what = "the interest is given twice, real and nominal"
            raise findings_error([Finding(("nominal_interest_share",), what, "keep one", other=("interest_share",))])
        if self.passed_through_share is not None and self.nominal_interest_share is None:
            what = "the facility lowers a bank's quoted rate"
            raise findings_error([Finding(("passed_through_share",), what, "give 'nominal_interest_share:'")])
        if none and self.kind != "grant":
            hint = "add 'interest_share:' (real) or 'nominal_interest_share:'"
            raise findings_error([Finding((), f"a {self.kind} needs an interest", hint)])
        return self


class Finance(Section):
    """How owners account for what they build."""

    tax_share: float = Field(default=0.25, ge=0, lt=1)
    """Income tax of the owners, 0 to 1. Losses are set against other profits of the year in which they arise."""
    depreciation_yr: int = Field(default=10, ge=1, le=60)
    """Years over which what is built is written off for tax, in equal parts."""
    inflation_share: float | None = Field(default=None, gt=-0.5, lt=1)
    """Yearly rise of prices, to turn nominal interest into real; null where no nominal rate is given."""


def _by_name(funds: dict[str, Fund]) -> dict[str, Fund]:
    return dict(sorted(funds.items()))


# Written out with every default, more funds than this would make a resolved scenario that is too large to be read.
MOST_FUNDS = 200
Funds = Annotated[dict[Line, Fund], Field(max_length=MOST_FUNDS), AfterValidator(_by_name)]


def findings_of_money(values: Mapping[str, object], funds: Mapping[str, Fund], finance: Finance) -> Iterator[Finding]:
    """What only shows when funds, finance and years are seen together."""
    if finance.inflation_share is None:
        for name, fund in funds.items():
            if fund.nominal_interest_share is not None:
                what = "a nominal rate needs the inflation in it"
                yield Finding(("funds", name, "nominal_interest_share"), what, "add 'finance: {inflation_share: 0.02}'")
    if sum(fund.is_tied for fund in funds.values()) > MOST_TIED_FUNDS:
        yield Finding(("funds",), f"at most {MOST_TIED_FUNDS} funds may be tied to sectors or provinces")
    if values.get("years") != "static":
        return
    if funds:
        yield Finding(("funds",), "a static year knows no loans and grants", "give 'years:' as a list, or leave it out")
    if values.get("aim") in ("highest_npv", "highest_net_benefit"):
        yield Finding(("aim",), f"{values['aim']} needs years to discount over", "give 'years:' as a list")
