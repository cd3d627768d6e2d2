"""Which plant a plan's money belongs to: its own retrofits', and its part by use of what is shared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccs_model.model.funds import eligible
from ccs_model.model.terms import capex_mn, paid_by_tonne
from ccs_model.plan.decisions import Point
from ccs_model.plan.money import year_at
from ccs_model.plan.sharing import Sharing

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Split:
    """Splits amounts [id, period] or [id, calendar + 1] of a variable into [plant, …] of the plants that are fitted."""

    point: Point
    sharing: Sharing | None

    @cached_property
    def plants(self) -> pd.Index:
        """Ids of the plants that have a retrofit, sorted."""
        built = self.point.build.sum(axis=1) > 0
        return pd.Index(sorted(set(self.point.problem.routes["plant"][built])))

    def __call__(self, variable: str, amount: Floats) -> Floats:
        """[plant, …]; what nobody uses is everybody's."""
        problem = self.point.problem
        if variable in ("build", "captured_ktpa"):
            return self._of_plants(problem.routes["plant"], amount)
        if variable == "credited_ktpa":
            return self._of_plants(pd.Series(problem.axes[variable]), amount)
        if variable == "paid_mn":
            return self._in_proportion(self._entitled, amount[0])
        if variable == "spend_mn":
            return sum(
                (self._in_proportion(self._open_to[f], amount[f]) for f in range(len(amount))),
                start=np.zeros((len(self.plants), amount.shape[1])),
            )
        return self._of_shared(variable, amount)

    def _of_plants(self, names: pd.Series, amount: Floats) -> Floats:
        at = self.plants.get_indexer(names)
        split = np.zeros((len(self.plants), amount.shape[1]))
        np.add.at(split, at[at >= 0], amount[at >= 0])
        return split

    def _period_at(self, n_columns: int) -> npt.NDArray[np.int64]:
        """Position of the period of each column; the horizon's end belongs to the last."""
        problem = self.point.problem
        if n_columns == len(problem.years):
            return np.arange(n_columns)
        return np.r_[year_at(problem), len(problem.years) - 1]

    def _of_shared(self, variable: str, amount: Floats) -> Floats:
        problem, sharing = self.point.problem, self.sharing
        assert problem.network is not None and problem.stores is not None and sharing is not None
        if variable in ("pipe", "added_ktpa", "carried_ktpa"):
            lines = problem.network.lines
            lines = lines if variable == "carried_ktpa" else lines[problem.network.laid]
            at = pd.Index(problem.network.links["link"]).get_indexer(lines["link"])
            always, use = sharing.link_share, sharing.on_link_ktpa
        else:
            names = problem.stores["site"] if variable == "injected_ktpa" else problem.sites["site"]
            at = pd.Index(problem.sites["site"]).get_indexer(names)
            always, use = sharing.site_share, sharing.at_site_ktpa
        gathered = np.zeros((len(always), amount.shape[1]))
        np.add.at(gathered, at, amount)
        if variable not in ("carried_ktpa", "injected_ktpa", "paid_for_oil_ktpa"):
            split = always.T @ gathered
        else:
            split = np.zeros((always.shape[1], amount.shape[1]))
            period = self._period_at(amount.shape[1])
            for y in range(len(problem.years)):
                share = sharing.in_year(use[:, :, y], always)
                split[:, period == y] = share.T @ gathered[:, period == y]
        return self._of_plants(problem.routes["plant"].iloc[sharing.routes], split)

    def _in_proportion(self, basis: Floats, amount: Floats) -> Floats:
        """[plant, …] of an amount [period] or [calendar + 1], by `basis` [plant, period]."""
        total = basis.sum(axis=0)
        even = np.full_like(basis, 1.0 / max(len(basis), 1))
        share = np.where(total > 0, np.divide(basis, total, out=np.zeros_like(basis), where=total > 0), even)
        return share[:, self._period_at(len(amount))] * amount

    @cached_property
    def _entitled(self) -> Floats:
        """[plant, period] what a policy would pay each without a cap."""
        values = self.point.values
        parts = [self(name, amount * values[name]) for name, amount in paid_by_tonne(self.point.problem).items()]
        return np.maximum(sum(parts), 0.0)

    @cached_property
    def _open_to(self) -> list[Floats]:
        """[fund][plant, period] capital of each plant that the fund may pay for."""
        problem = self.point.problem
        found = []
        for fund in problem.accounts.funds.itertuples():
            where = eligible(problem, fund.sectors, fund.provinces)
            parts = [
                self(variable, (capex * where[variable])[:, None] * self.point.decided[variable])
                for variable, capex in capex_mn(problem).items()
            ]
            found.append(sum(parts, start=np.zeros((len(self.plants), len(problem.years)))))
        return found
