"""`Revision`: the edits of a workbook from which a plan was solved again, and the figures of the plan before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ccs_model.scenario import Scenario

# A plant's retrofits as text, by plant.
Retrofits = Mapping[str, str]


@dataclass(frozen=True)
class Edit:
    """One edited cell.

    Attributes
    ----------
    cell
        Its address, such as `Inputs!D8`.
    what
        The input: the name of a number, a plant, a site, or a key of the scenario.
    key
        The key of the scenario that follows it.
    old, new
        The value as solved, and the value in the cell.
    """

    cell: str
    what: str
    key: str
    old: object
    new: object


@dataclass(frozen=True, eq=False)
class Revision:
    """The edits of a workbook, and the plan that it held.

    Attributes
    ----------
    workbook
        File name of the workbook.
    run
        Name of the run that wrote it.
    edits
        The edited cells, in the order of the sheets.
    totals
        `Plan.totals` of that run.
    retrofits
        Its retrofits as text, by plant.
    money
        Its currency and price year, as units print them.
    lang, author
        Language of the workbook, and the author that its Cover names.
    """

    workbook: str
    run: str
    edits: tuple[Edit, ...]
    totals: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    retrofits: Retrofits = field(default_factory=lambda: MappingProxyType({}))
    money: str = ""
    lang: str = "en"
    author: str = ""


def retrofit_text(stream: str, technology: str, year: int, nameplate_ktpa: float) -> str:
    """A retrofit in short: `product_vent compression 2026 497 kt/y`."""
    return f"{stream} {technology} {year} {nameplate_ktpa:,.0f} kt/y"


def shown_value(value: object, key: str = "") -> object:
    """A value as one cell holds it: a number, or text; a year, which some keys have, is text."""
    if isinstance(value, int) and any(each in key.split(".") for each in ("not_before", "committed")):
        return str(value)
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {shown_value(each)}" for name, each in value.items()) or "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "none" if value is None or value == "" else value


def value_text(value: object, key: str = "") -> str:
    """The value of a key as a terminal prints it."""
    shown = shown_value(value, key)
    return f"{shown:,.12g}" if isinstance(shown, float | int) else str(shown)


def notices_of_edits(solved: Scenario, edited: Scenario) -> Iterator[str]:
    """Yield what an edited carbon price or social cost of carbon changes beside its amount."""
    was, policy = solved.policy, edited.policy
    if policy.social_cost_of_carbon_per_t and not was.social_cost_of_carbon_per_t:
        yield (
            "damages avoided now use the edited social cost of carbon, discounted at the social discount rate of "
            f"{100 * policy.social_discount_rate:g} %, in place of any series with a rate and a range of its own"
        )
    if policy.carbon_price_per_t and not was.carbon_price_per_t:
        yield (
            "the edited carbon price is now the price path of the scenario, with which the value of the tonnes avoided "
            "at the price of the market is computed"
        )
