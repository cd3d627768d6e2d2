"""`StoredRun`: a finished run as its folder holds it, for everything that is written from a run.

`Revision`: the edits of a workbook from which a plan was solved again, and the figures of the plan before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ccs_model.plan.headline import Gaps, headline, html_table, short_text
from ccs_model.plan.plan import FIXED_DECISION_COLUMNS, TARGET_COLUMNS, Plots, RunWriter, with_units
from ccs_model.scenario import Scenario
from ccs_model.scenario.fields import Section
from ccs_model.units import money_text

# Tables of a plan that the run folder has in plan.json.
_IN_DOCUMENT: Mapping[str, Sequence[str] | None] = MappingProxyType(
    {"by_year": None, "targets": TARGET_COLUMNS, "fixed_decisions": FIXED_DECISION_COLUMNS, "checks": None}
)


@dataclass(frozen=True, eq=False, repr=False)
class StoredRun:
    """A run folder as read: `document` is plan.json, `tables` its tables by name, `map` a GeoJSON feature collection.

    `inputs` holds the SHA-256 of every input file by name, `sha256` that of all inputs together. `frontier` is
    frontier.json and `uncertainty` is montecarlo.json, if the folder has them; the futures of a Monte Carlo run are in
    `tables` as `futures`. `run.retrofits` is short for `run.tables["retrofits"]`, and so on; `by_year`, `targets`,
    `fixed_decisions` and `checks` are read from plan.json. The units of the columns are in `attrs["unit"]` of a table.
    `duals`, `vintages`, `owner_capital` and `owner_tonnes` of a plan are not stored.
    """

    name: str
    document: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame] = field(repr=False)
    map: Mapping[str, Any] = field(repr=False)
    scenario: Scenario = field(repr=False)
    inputs: Mapping[str, str] = field(repr=False)
    sha256: str
    folder: Path | None = None
    frontier: Mapping[str, Any] | None = field(default=None, repr=False)
    uncertainty: Mapping[str, Any] | None = field(default=None, repr=False)
    viewer: RunWriter | None = field(default=None, repr=False)
    absolute_folder: Path | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """State the units of the columns of every table, and keep the folder for another working directory."""
        if self.folder is not None and self.absolute_folder is None:
            object.__setattr__(self, "absolute_folder", self.folder.absolute())
        for table in self.tables.values():
            self._with_units(table)

    def __repr__(self) -> str:
        document = self.document
        result = headline(document["totals"], self.money)
        return short_text("StoredRun", str(document["scenario"]), str(document["status"]), self._gaps, result)

    def _repr_html_(self) -> str:
        document = self.document
        return html_table(
            str(document["scenario"]), str(document["status"]), self._gaps, document["totals"],
            str(document["currency"]), int(document["price_year"]),
        )  # fmt: skip

    @property
    def _gaps(self) -> Gaps:
        objective = self.document["objective"]
        is_part = objective["searched_bound"] not in (None, objective["bound"])
        return objective["gap_share"], objective["searched_gap_share"] if is_part else None

    def __getattr__(self, name: str) -> pd.DataFrame:
        """Return a table of the run by its name."""
        tables = self.__dict__.get("tables", {})
        if name in tables:
            return tables[name]
        if name in _IN_DOCUMENT and "document" in self.__dict__:
            table = pd.DataFrame(self.document[name], columns=_IN_DOCUMENT[name])
            return self._with_units(table.where(table.notna(), np.nan).infer_objects())
        known = ", ".join((*tables, *_IN_DOCUMENT))
        raise AttributeError(f"a stored run has no attribute or table {name!r}; its tables: {known}")

    def __dir__(self) -> list[str]:
        """Return attributes and tables."""
        return [*super().__dir__(), *self.tables, *_IN_DOCUMENT]

    @property
    def current_folder(self) -> Path | None:
        """The run folder as given while it is there from the working directory, else its absolute path."""
        is_there = self.folder is None or self.folder.absolute() == self.absolute_folder
        return self.folder if is_there else self.absolute_folder

    @property
    def status(self) -> str:
        """`optimal`, `within_gap` or `limit`."""
        return str(self.document["status"])

    @property
    def totals(self) -> Mapping[str, float | int | None]:
        """Headline figures by name, as `Plan.totals`."""
        totals: Mapping[str, float | int | None] = self.document["totals"]
        return totals

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know of the run as it was solved."""
        return tuple(self.document.get("warnings", ()))

    def _with_units(self, table: pd.DataFrame) -> pd.DataFrame:
        return with_units(table, str(self.document["currency"]), int(self.document["price_year"]))

    def summary(self, width: int = 100) -> str:
        """Return the summary that `ccs-model show` prints, in lines of at most `width` (≥ 20) columns."""
        return self._viewer().summary(self.document, width)

    @property
    def plot(self) -> Plots:
        """Charts (Altair): `plot.map()`, `plot.macc()`, `plot.timeline()`, `plot.stakeholders()`."""
        return self._viewer().plots(self)

    def to_xarray(self) -> Any:
        """Return an `xarray.Dataset`: the tables with dimensions, units and references. Needs the extra `netcdf`."""
        return self._viewer().dataset(self)

    def _viewer(self) -> RunWriter:
        if self.viewer is None:
            raise ValueError("this run has no viewer; read it with ccs_model.read_run")
        return self.viewer

    @property
    def years(self) -> tuple[int, ...]:
        """First year of each period."""
        return self.scenario.starts

    @property
    def money(self) -> str:
        """Currency and price year, as units print them."""
        return money_text(str(self.document["currency"]), int(self.document["price_year"]))

    def features(self, *kinds: str) -> list[dict[str, Any]]:
        """Features of the map of these kinds."""
        return [feature for feature in self.map["features"] if feature["properties"]["kind"] in kinds]

    def lines(self) -> list[dict[str, Any]]:
        """Features of pipelines and roads, one an id: pipelines of one link or option with their flow and capex."""
        found: dict[str, dict[str, Any]] = {}
        for feature in self.features("pipe", "truck"):
            about = feature["properties"]
            if about["id"] in found:
                first = found[about["id"]]["properties"]
                about = {**first, **{name: first[name] + about[name] for name in ("flow_ktpa", "capex_mn")}}
            found[about["id"]] = {**feature, "properties": about}
        return list(found.values())


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
    """A value as one cell holds it: a number, or text as in a scenario file; a year is text."""
    if isinstance(value, int) and not isinstance(value, bool) and _is_year(key):
        return str(value)
    if isinstance(value, Section):
        return _entries(value) or "{}"
    if isinstance(value, Mapping):
        return _entries(value) or "none"
    if isinstance(value, tuple | list):
        return ", ".join(map(_part_text, value)) or "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "none" if value is None or value == "" else value


def _entries(value: Mapping[Any, object] | Section) -> str:
    """The entries of a mapping; of a section the keys with other values than their defaults."""
    if isinstance(value, Section):
        fields = type(value).model_fields
        known = {name: getattr(value, name) for name in fields}
        default = {name: field.get_default(call_default_factory=True) for name, field in fields.items()}
        value = {name: each for name, each in known.items() if each != default[name]}
    return ", ".join(f"{name}: {_part_text(each)}" for name, each in value.items())


def _part_text(value: object) -> str:
    """A value within a list or mapping."""
    if isinstance(value, Mapping | Section):
        return f"{{{_entries(value)}}}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_part_text, value))}]"
    if isinstance(value, float):
        return f"{value:.12g}"
    return str(shown_value(value))


def _is_year(key: str) -> bool:
    """Whether the value of a key of the scenario is a year."""
    *above, last = key.split(".")
    if any(each in ("not_before", "committed") for each in above):
        return True
    section: type[Section] = Scenario
    for each in above:
        kind = section.model_fields[each].annotation if each in section.model_fields else None
        if not (isinstance(kind, type) and issubclass(kind, Section)):
            return False
        section = kind
    return last in section.model_fields and section.has_years(last)


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
