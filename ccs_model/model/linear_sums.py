"""Weighted sums of variables of the Pyomo model. In a linear sum each variable appears once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import pyomo.environ as pyo
from pyomo.core.expr.numeric_expr import LinearExpression

from ccs_model._typing import Floats, Mask
from ccs_model.model.names import BUILD, CAPTURED, CURTAILED
from ccs_model.problem import Problem

# Coefficient and variable, one pair a term.
Terms = list[tuple[float, object]]


def linear_sum(terms: Terms) -> LinearExpression:
    """Return Σ coefficient × variable."""
    return LinearExpression(
        constant=0.0, linear_coefs=[c for c, _ in terms], linear_vars=[variable for _, variable in terms]
    )


def scale_terms(terms: Terms, factor: float) -> Terms:
    """Return the terms times a factor."""
    return [(factor * coefficient, variable) for coefficient, variable in terms]


class Sum:
    """Σ coefficient × variable for coefficient arrays [id, year] along `problem.axes`.

    Coefficients on `captured_ktpa` [route, year] become those of the builds at full load, less curtailment.
    """

    def __init__(self, m: pyo.ConcreteModel, problem: Problem) -> None:
        years = {year: y for y, year in enumerate(problem.years)}
        self._columns = {name: _Columns(getattr(m, name).items(), ids, years) for name, ids in problem.axes.items()}
        self._full_ktpa = problem.delivered_ktpa[:, None, None] * problem.running_share
        # One option represents its unit, since tonnes of all its options have the same coefficients.
        self._representative = np.unique(problem.unit_of, return_index=True)[1]

    def __call__(self, amounts: Mapping[str, Floats], routes: Mask | None = None) -> LinearExpression:
        """Return the sum; `routes` restricts builds and curtailment to some source–sink options."""
        return linear_sum(self.terms(amounts, routes))

    def terms(self, amounts: Mapping[str, Floats], routes: Mask | None = None) -> Terms:
        """Return the terms of the sum."""
        on = {name: amount for name, amount in amounts.items() if name != CAPTURED}
        captured = amounts.get(CAPTURED)
        if captured is not None:
            built = np.einsum("rsy,ry->rs", self._full_ktpa, captured)
            on[BUILD] = on[BUILD] + built if BUILD in on else built
            on[CURTAILED] = on.get(CURTAILED, 0.0) - captured[self._representative]
        found: Terms = []
        for name, amount in on.items():
            mask = None
            if routes is not None:
                mask = {BUILD: routes, CURTAILED: routes[self._representative]}.get(name)
            found += self._columns[name].take(np.asarray(amount, dtype=float), mask)
        return found


class _Columns:
    """Variables of one indexed Var with their positions in [id, year] arrays."""

    def __init__(self, items: Iterable[tuple[tuple[str, int], object]], ids: pd.Index, years: dict[int, int]) -> None:
        pairs = list(items)
        self.shape = (len(ids), len(years))
        first = ids.get_indexer([key[0] for key, _ in pairs]) if pairs else np.array([], dtype=int)
        second = np.array([years[key[1]] for key, _ in pairs], dtype=int)
        self.at = np.column_stack([first, second]).astype(int).reshape(-1, 2)
        self.variables = np.array([variable for _, variable in pairs], dtype=object)

    def take(self, coefficients: Floats, mask: Mask | None) -> Terms:
        values = np.broadcast_to(coefficients, self.shape)[self.at[:, 0], self.at[:, 1]]
        keep = values != 0
        if mask is not None:
            keep &= mask[self.at[:, 0]]
        return list(zip(values[keep].tolist(), self.variables[keep].tolist(), strict=True))
