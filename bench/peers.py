"""Peers of building and hand-over: the bare matrix, plain Pyomo rules through two interfaces, and linopy.

Each function returns CPU seconds from the numbers of the matrix to a model in HiGHS.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.contrib.appsi.solvers.highs import Highs as AppsiHighs
from pyomo.contrib.solver.solvers.highs import Highs as ContribHighs
from scipy import sparse

from ccs_model.mip import Highs, Matrix, SolverOptions
from ccs_model.mip.highs_instances import quiet_stdout

LINOPY = "linopy"


def bare_matrix_s(matrix: Matrix) -> float:
    """Assemble a scipy.sparse matrix from triples and pass it to HiGHS."""
    parts = sparse.coo_array(matrix.rows)
    began = time.process_time()
    again = sparse.csc_array((parts.data, (parts.row, parts.col)), shape=parts.shape)
    again.sort_indices()
    Highs(replace(matrix, rows=again), SolverOptions(threads=1))
    return time.process_time() - began


def contrib_s(matrix: Matrix) -> float:
    """Build plain Pyomo rules and pass them through pyomo.contrib.solver."""
    began = time.process_time()
    model = _plain_rules(matrix)
    # Only the hand-over counts, so the solver stops at once.
    ContribHighs().solve(
        model,
        time_limit=0.001,
        load_solutions=False,
        raise_exception_on_nonoptimal_result=False,
        solver_options={"presolve": "off"},
    )
    return time.process_time() - began


def appsi_s(matrix: Matrix) -> float:
    """Build plain Pyomo rules and pass them through pyomo.contrib.appsi."""
    began = time.process_time()
    solver = AppsiHighs()
    solver.set_instance(_plain_rules(matrix))
    return time.process_time() - began


def linopy_s(matrix: Matrix) -> float:
    """Build a linopy model, with rows of similar length as one constraint each."""
    import linopy
    import xarray

    rows = sparse.csr_array(matrix.rows)
    began = time.process_time()
    model = linopy.Model()
    model.add_variables(matrix.lower, matrix.upper, coords=[np.arange(len(matrix.lower))], dims=["j"], name="x")
    lengths = np.diff(rows.indptr)
    sizes = np.where(lengths > 0, np.ceil(np.log2(np.maximum(lengths, 1))), -1).astype(int)
    for size in range(sizes.max() + 1):
        these = np.flatnonzero(sizes == size)
        if not len(these):
            continue
        at = rows.indptr[these][:, None] + np.arange(2**size)
        there = np.arange(2**size) < lengths[these][:, None]
        at = np.where(there, at, 0)
        data = xarray.Dataset(
            {
                "coeffs": (("i", "_term"), np.where(there, rows.data[at], np.nan)),
                "vars": (("i", "_term"), np.where(there, rows.indices[at], -1)),
            },
            coords={"i": these},
        )
        for sign, limit in ((">=", matrix.row_lower[these]), ("<=", matrix.row_upper[these])):
            kept = np.isfinite(limit)
            if kept.any():
                expression = linopy.LinearExpression(data.isel(i=kept), model)
                right = xarray.DataArray(limit[kept], dims=["i"], coords={"i": these[kept]})
                model.add_constraints(expression, sign, right, name=f"{size}{sign}")
    costs = matrix.costs[0]
    objective = xarray.DataArray(costs, dims=["j"], coords={"j": np.arange(len(costs))})
    model.add_objective((model.variables["x"] * objective).sum(), sense="max" if matrix.maximise[0] else "min")
    linopy.io.to_highspy(model)
    return time.process_time() - began


# Name in the table and function; linopy only where it is installed.
PEERS: Mapping[str, tuple[str, Callable[[Matrix], float]]] = MappingProxyType(
    {
        "matrix": ("the bare matrix", bare_matrix_s),
        "plain": ("plain rules by Pyomo's contrib.solver", contrib_s),
        "appsi": ("plain rules by Pyomo's appsi", appsi_s),
        LINOPY: ("linopy", linopy_s),
    }
)


def seconds_of(peer: str, matrix: Matrix) -> float:
    """CPU seconds of one peer, without the banner of HiGHS."""
    with quiet_stdout():
        return PEERS[peer][1](matrix)


def there() -> list[str]:
    """Names of the peers that are installed."""
    return [name for name in PEERS if name != LINOPY or find_spec(LINOPY) is not None]


def _plain_rules(matrix: Matrix) -> Any:
    """The model as plain Pyomo rules, as a modeller writes them."""
    rows = sparse.csr_array(matrix.rows)
    whole = matrix.is_integer
    m = pyo.ConcreteModel()
    upper = [None if np.isinf(each) else float(each) for each in matrix.upper]
    m.x = pyo.Var(
        range(len(whole)),
        domain=lambda m, j: pyo.Binary if whole[j] else pyo.NonNegativeReals,
        bounds=lambda m, j: (0, upper[j]),
    )

    def rule(m: pyo.ConcreteModel, i: int) -> object:
        at = range(rows.indptr[i], rows.indptr[i + 1])
        total = sum(float(rows.data[k]) * m.x[int(rows.indices[k])] for k in at)
        low, high = matrix.row_lower[i], matrix.row_upper[i]
        return total <= float(high) if np.isfinite(high) else total >= float(low)

    m.row = pyo.Constraint([i for i in range(rows.shape[0]) if rows.indptr[i + 1] > rows.indptr[i]], rule=rule)
    m.objective = pyo.Objective(
        expr=sum(float(c) * m.x[j] for j, c in enumerate(matrix.costs[0]) if c), sense=pyo.maximize
    )
    return m
