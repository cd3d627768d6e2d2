"""`Plan`: the result of a run as tables on the index columns of the inputs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from ccs_model.arguments import file_path
from ccs_model.plan.headline import Gaps, headline, html_table, short_text
from ccs_model.problem import Problem
from ccs_model.units import unit_text

if TYPE_CHECKING:
    from os import PathLike

    from ccs_model.plan.stored_run import Revision, StoredRun

TARGET_COLUMNS = [
    "target", "group", "measure", "year", "required_kt", "reached_kt", "shortfall_kt", "abatement_share", "price_per_t",
]  # fmt: skip
FIXED_DECISION_COLUMNS = ["plant", "name", "decision", "abatement_lost_kt", "cost_added_mn"]

FRONTIER_SCHEMA = "ccs-model/frontier/2"

POINT_COLUMNS = [
    "budget_mn", "abatement_kt", "spent_mn", "avoided_ktpa", "n_plants_retrofitted", "objective", "bound", "gap_share",
    "all_links_bound", "all_links_gap_share", "status", "added_mn", "more_kt", "more_kt_per_mn", "capital_per_t",
    "entering", "leaving", "changing", "text", "list_objective", "list_short_share", "list_only", "plan_only",
    "plants", "is_scenario",
]  # fmt: skip
BREAK_COLUMNS = ["budget_mn", "objective", "below_per_mn", "above_per_mn"]
MOVE_COLUMNS = ["budget_mn", "change", "plant", "name", "province", "sector", "avoided_ktpa", "capex_mn", "retrofits"]
ENTERS, LEAVES, CHANGES = "enters", "leaves", "changes"


@dataclass(frozen=True, eq=False)
class Frontier:
    """Plans at a range of budgets.

    Attributes
    ----------
    about
        The request and the method.
    points
        One row a budget: its plan, bound and gap, abatement of the merit order, changes.
    breakpoints
        One row a budget at which the slope of the LP changes, both ends included.
    moves
        One row a plant that enters, leaves or changes its retrofit against the budget below.
    pictures
        Map data of the plan at each budget.
    """

    about: Mapping[str, Any]
    points: pd.DataFrame
    breakpoints: pd.DataFrame
    moves: pd.DataFrame
    pictures: tuple[Mapping[str, Any], ...]

    @property
    def is_exact(self) -> bool:
        """Whether the frontier is that of the LP, with all breakpoints known."""
        return bool(self.about["is_exact"])


UNCERTAINTY_SCHEMA = "ccs-model/montecarlo/2"
REPLANNED, FIXED = "replanned", "fixed"
MODES = (REPLANNED, FIXED)
# A plant chosen in this share of the futures is no-regret.
NO_REGRET_SHARE = 0.9
# A plant counts as chosen from this share of its largest stream.
CHOSEN_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Spread of the results under uncertain inputs.

    There are two modes: `replanned` is the LP relaxation of each future with perfect information, `fixed` the plan of
    the scenario with its builds fixed in every future.

    Attributes
    ----------
    about
        The request and the method.
    inputs
        One row an uncertain input: its distribution and quantiles over the futures.
    futures
        One row a future: values of all inputs, and results re-planned and with fixed decisions.
    spread
        One row a mode and measure: the plan's value, mean, P5, P50, P95 over the futures.
    tornado
        One row a mode, measure and input: means of the measure in the lowest and highest fifth of the input.
    broken
        One row a constraint that the fixed plan violates in some future: share of futures, size.
    plants
        One row a plant chosen in any future: how often, and whether the plan retrofits it.
    """

    about: Mapping[str, Any]
    inputs: pd.DataFrame
    futures: pd.DataFrame
    spread: pd.DataFrame
    tornado: pd.DataFrame
    broken: pd.DataFrame
    plants: pd.DataFrame

    @property
    def no_regret(self) -> tuple[str, ...]:
        """Plants that nearly every future chooses."""
        return tuple(self.plants.loc[self.plants["is_no_regret"], "plant"])


@dataclass(frozen=True)
class Objective:
    """Value of the objective, its bounds and its gaps, in `unit`.

    `bound` holds for every plan over all candidate links. `searched_bound` and `searched_gap_share` hold for plans
    within the corridors of a shared network, and equal the others where there are none.
    """

    value: float
    searched_bound: float
    searched_gap_share: float
    unit: str
    bound: float

    @property
    def gap_share(self) -> float:
        """Gap against the bound over all candidate links."""
        if not self.value:
            return 0.0 if self.bound == self.value else float("inf")
        return abs(self.bound - self.value) / abs(self.value)

    @property
    def gaps(self) -> Gaps:
        """Gap over all candidate links, and that within the links searched if these are not all."""
        is_part = math.isfinite(self.searched_bound) and self.searched_bound != self.bound
        return self.gap_share, self.searched_gap_share if is_part else None


@dataclass(frozen=True)
class Relaxation:
    """The LP relaxation of a plan: its value and its shadow prices.

    `abatement_per_budget_kt_per_mn` is the shadow price of the budget, for `max_abatement`. `cost_of_next_tonne_per_t`
    is that of the most expensive target, per t avoided, for `min_cost`.
    """

    value: float
    abatement_per_budget_kt_per_mn: float | None
    cost_of_next_tonne_per_t: float | None = None


@dataclass(frozen=True)
class Replan:
    """A plan with a larger budget in which every decision is free.

    `abatement_kt` is what it adds. Plants enter, leave, or stay with other retrofits, sizes or years (`changing`).
    """

    added_mn: float
    abatement_kt: float
    entering: tuple[str, ...]
    leaving: tuple[str, ...]
    changing: tuple[str, ...] = ()


@dataclass(frozen=True)
class BindingLimit:
    """A limit beside the budget that binds in the LP relaxation.

    `price` is the change of the objective per unit of the limit: million, kt, kt/y of nameplate or retrofits.
    """

    constraint: str
    index: str
    price: float


@dataclass(frozen=True)
class MarginalBudget:
    """The marginal value of the budget, re-solved with the plan's retrofits kept, and by re-plans.

    `added_mn` is added to the budget, `abatement_kt` gained over the horizon, and `plants` enter or are enlarged.
    `last_kt_per_mn` is the slope below the budget of continuous plans. `replans` have 1 % and 10 % more budget and all
    decisions free. `spent_mn` is the additional spending if most of it is budget left unspent, else None.
    """

    added_mn: float
    abatement_kt: float
    plants: tuple[str, ...]
    last_kt_per_mn: float | None = None
    replans: tuple[Replan, ...] = ()
    spent_mn: float | None = None

    @property
    def kt_per_mn(self) -> float:
        """Abatement gained per million added, or spent if `spent_mn` is given."""
        return self.abatement_kt / (self.spent_mn or self.added_mn) if self.added_mn else 0.0


@dataclass(frozen=True)
class ModelSize:
    """Size of the model as solved."""

    n_rows: int
    n_columns: int
    n_integer: int
    n_nonzeros: int


class Plots(Protocol):
    """Charts of a plan, as Altair charts; `ccs_model.report` has the implementation."""

    def map(self) -> Any:
        """Plants, pipelines and storage sites."""

    def macc(self) -> Any:
        """Marginal abatement cost curve."""

    def timeline(self) -> Any:
        """Tonnes captured and avoided, and spending, by period."""

    def stakeholders(self) -> Any:
        """Benefits and costs by stakeholder."""


class RunWriter(Protocol):
    """Writes a plan's workbook and run folder, and shows plans and stored runs; implemented in `ccs_model.runs`."""

    def to_excel(self, plan: Plan, path: Path, *, lang: str) -> Path:
        """Write the workbook and return its path."""

    def to_folder(self, plan: Plan, folder: Path, *, force: bool, lang: str) -> Path:
        """Write the run folder and return its path."""

    def summary(self, document: Mapping[str, Any], width: int) -> str:
        """Return the summary of plan.json."""

    def stored_run(self, plan: Plan) -> StoredRun:
        """Return the plan as its run folder holds it."""

    def plots(self, run: StoredRun) -> Plots:
        """Return the charts of the run."""

    def dataset(self, run: StoredRun) -> Any:
        """Return the run as a dataset."""


def with_units(table: pd.DataFrame, currency: str, price_year: int) -> pd.DataFrame:
    """State the units of the columns of a table in its `attrs`."""
    units = {str(name): unit_text(str(name), currency, price_year) for name in table.columns}
    table.attrs["unit"] = {name: unit for name, unit in units.items() if unit}
    return table


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """A verified plan. Do not change its tables: what is written is theirs.

    Tables are DataFrames with the units of their columns in `attrs["unit"]`.

    Attributes
    ----------
    problem
        The problem that was solved.
    status
        `optimal`, `within_gap` or `limit`.
    objective
        Value, bounds and gaps of the objective.
    relaxation
        Optimum and shadow prices of the LP relaxation.
    marginal_budget
        What additional budget buys; None without a budget or a value.
    binding_limits
        Limits beside the budget that bind in the LP relaxation, with shadow prices.
    totals
        Headline figures by name; units are those of their suffix.
    terms
        Parts of the objective by name.
    cost_terms
        Discounted cost by term, million.
    retrofits
        One row a retrofit: where, when, what, tonnes, capex, levelised costs.
    flows
        One row a pipe and period.
    vintages
        One row a link, pipe size and period of construction; None without shared links.
    storage
        One row a site and period.
    emissions
        One row a province, sector and period.
    costs
        One row a term: discounted million over the horizon; `cost_terms` is the same as a mapping.
    cashflow
        Undiscounted million by calendar year.
    zones
        One row a province, last period.
    by_year
        One row a period: totals.
    targets
        One row a target: required, reached, missed, shadow price.
    fixed_decisions
        One row a required or excluded plant: cost of that decision.
    shares
        One row a user of each link and site: its costs by use and by Shapley value; None without shared links.
    owners
        One row a retrofitted plant and `all`: NPV, IRR, payback, break-even price; None in a static year.
    owner_cashflow
        One row a retrofitted plant and calendar year: income, expenses, funds, tax; None in a static year.
    funds
        One row a fund and period: its part of the capital.
    fund_uses
        One row a fund and plant that it pays for: amount and attributed tonnes; None without funds.
    fund_years
        One row a fund and calendar year: drawings and debt service; None without funds.
    owner_capital
        One row a retrofitted plant, kind, start and life: capital; None in a static year.
    owner_tonnes
        One row a retrofitted plant and kind of tonne, one column a calendar year; None in a static year.
    stakeholders
        Costs and benefits of owners, public purse, financiers and society; None in a static year.
    ledger
        One row an item of money, one column a stakeholder; None in a static year.
    intensity
        One row a province and five-year plan within the horizon: carbon intensity against its goal.
    air_pollution
        One row a province and pollutant, last period: emissions of capture beside CO₂.
    point
        One row a non-zero column of the model: its variable, index and value.
    duals
        One row a constraint that binds in the LP relaxation: its shadow price; None without a relaxation.
    checks
        One row a check: name, holds, figure, tolerance.
    frontier
        Results of other budgets, if computed.
    uncertainty
        Spread of the results under uncertain inputs, if computed.
    revision
        Edits of the workbook that was solved again, if one was.
    corridors
        Links searched; None with own pipelines or continuous decisions.
    size
        Rows, columns, integers and non-zeros of the model.
    timings
        Seconds of each stage; they stand in the manifest only.
    solver_log
        Log of the solver.
    warnings
        Sentences on the model as it was solved: its numbers, not its plan.
    added_components
        Constraints and variables added to the model, and `bounds of VARIABLE` or `domain of VARIABLE` if changed.
    writer
        Writes run folders and workbooks.
    """

    problem: Problem
    status: str
    objective: Objective
    relaxation: Relaxation
    marginal_budget: MarginalBudget | None
    binding_limits: tuple[BindingLimit, ...]
    totals: Mapping[str, float | int | None]
    terms: Mapping[str, float]
    cost_terms: Mapping[str, float]
    retrofits: pd.DataFrame
    flows: pd.DataFrame
    vintages: pd.DataFrame | None
    storage: pd.DataFrame
    emissions: pd.DataFrame
    cashflow: pd.DataFrame
    zones: pd.DataFrame
    by_year: pd.DataFrame
    targets: pd.DataFrame
    shares: pd.DataFrame | None
    owners: pd.DataFrame | None
    owner_cashflow: pd.DataFrame | None
    funds: pd.DataFrame
    stakeholders: pd.DataFrame | None
    ledger: pd.DataFrame | None
    intensity: pd.DataFrame
    air_pollution: pd.DataFrame
    corridors: tuple[str, ...] | None
    checks: pd.DataFrame
    size: ModelSize
    fixed_decisions: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=FIXED_DECISION_COLUMNS))
    timings: Mapping[str, float] = field(default_factory=dict)
    solver_log: str = ""
    owner_capital: pd.DataFrame | None = None
    owner_tonnes: pd.DataFrame | None = None
    point: pd.DataFrame | None = None
    duals: pd.DataFrame | None = None
    fund_uses: pd.DataFrame | None = None
    fund_years: pd.DataFrame | None = None
    frontier: Frontier | None = None
    uncertainty: Uncertainty | None = None
    revision: Revision | None = None
    warnings: tuple[str, ...] = ()
    added_components: tuple[str, ...] = ()
    writer: RunWriter | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """State the units of the columns of every table."""
        for table in vars(self).values():
            if isinstance(table, pd.DataFrame):
                with_units(table, self.problem.currency, self.problem.price_year)

    def __repr__(self) -> str:
        problem = self.problem
        result = headline(self.totals, problem.money)
        return short_text("Plan", problem.name, self.status, self.objective.gaps, result)

    def _repr_html_(self) -> str:
        problem = self.problem
        return html_table(
            problem.name, self.status, self.objective.gaps, self.totals, problem.currency, problem.price_year
        )

    @property
    def costs(self) -> pd.DataFrame:
        """Discounted cost by term over the horizon; the costs of a year for `years: static`."""
        table = pd.DataFrame({"term": list(self.cost_terms), "discounted_mn": list(self.cost_terms.values())})
        return with_units(table, self.problem.currency, self.problem.price_year)

    def summary(self, width: int = 100) -> str:
        """Return the summary that the command line prints, in lines of at most `width` (≥ 20) columns."""
        return self._writer().summary(self.to_dict(), width)

    @property
    def plot(self) -> Plots:
        """Charts (Altair): `plot.map()`, `plot.macc()`, `plot.timeline()`, `plot.stakeholders()`."""
        return self._writer().stored_run(self).plot

    @property
    def reached_a_limit(self) -> bool:
        """Whether the gap is wider than requested."""
        return self.status == "limit"

    def to_dict(self) -> dict[str, Any]:
        """Return plan.json (schema ccs-model/plan/2) as plain values."""
        from ccs_model.plan.plan_json import plan_dict

        return plan_dict(self)

    def to_excel(self, path: str | PathLike[str], *, lang: str = "en") -> Path:
        """Write the workbook.

        Parameters
        ----------
        path
            File to write (.xlsx).
        lang
            Language of its text: en, zh or both.

        Raises
        ------
        InputError
            If the language is unknown, or the name of the file does not end in .xlsx.
        FileError
            If it cannot be written; a workbook that was there is kept.
        """
        return self._writer().to_excel(self, file_path("path", path, suffix=".xlsx"), lang=lang)

    def to_folder(self, folder: str | PathLike[str], *, force: bool = False, lang: str = "en") -> Path:
        """Write the run folder, completely or not at all.

        Parameters
        ----------
        folder
            Folder to write.
        force
            Replace a run that is there.
        lang
            Language of the workbook: en, zh or both.

        Raises
        ------
        InputError
            If the language is unknown.
        FileError
            If the folder holds other files, or a run and not `force`, or if it cannot be written.
        """
        return self._writer().to_folder(self, file_path("folder", folder), force=force, lang=lang)

    def to_xarray(self) -> Any:
        """Return an `xarray.Dataset`: the tables with dimensions, units and references. Needs the extra `netcdf`."""
        return self._writer().stored_run(self).to_xarray()

    def _writer(self) -> RunWriter:
        if self.writer is None:
            raise ValueError("this plan has no writer; use ccs_model.runs.run_writer.RUN_WRITER")
        return self.writer
