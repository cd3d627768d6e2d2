"""Peers of B1: a bare sparse matrix, plain Pyomo rules through two solver interfaces, and linopy.

Each function returns the CPU seconds from the numbers of the matrix to a model in HiGHS.
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
    """Assemble a scipy.sparse matrix from triplets and pass it to HiGHS."""
    parts = sparse.coo_array(matrix.rows)
    started = time.process_time()
    assembled = sparse.csc_array((parts.data, (parts.row, parts.col)), shape=parts.shape)
    assembled.sort_indices()
    Highs(replace(matrix, rows=assembled), SolverOptions(threads=1))
    return time.process_time() - started


def contrib_s(matrix: Matrix) -> float:
    """Build plain Pyomo rules and pass them through pyomo.contrib.solver."""
    started = time.process_time()
    model = _build_plain_rules(matrix)
    # Only the hand-over is measured, so the solver stops immediately.
    ContribHighs().solve(
        model,
        time_limit=0.001,
        load_solutions=False,
        raise_exception_on_nonoptimal_result=False,
        solver_options={"presolve": "off"},
    )
    return time.process_time() - started


def appsi_s(matrix: Matrix) -> float:
    """Build plain Pyomo rules and pass them through pyomo.contrib.appsi."""
    started = time.process_time()
    solver = AppsiHighs()
    solver.set_instance(_build_plain_rules(matrix))
    return time.process_time() - started


def linopy_s(matrix: Matrix) -> float:
    """Build a linopy model in which rows of similar length form one constraint."""
    import linopy
    import xarray

    rows = sparse.csr_array(matrix.rows)
    started = time.process_time()
    model = linopy.Model()
    model.add_variables(matrix.lower, matrix.upper, coords=[np.arange(len(matrix.lower))], dims=["j"], name="x")
    lengths = np.diff(rows.indptr)
    size_classes = np.where(lengths > 0, np.ceil(np.log2(np.maximum(lengths, 1))), -1).astype(int)
    for size_class in range(size_classes.max() + 1):
        group = np.flatnonzero(size_classes == size_class)
        if not len(group):
            continue
        positions = rows.indptr[group][:, None] + np.arange(2**size_class)
        is_entry = np.arange(2**size_class) < lengths[group][:, None]
        positions = np.where(is_entry, positions, 0)
        data = xarray.Dataset(
            {
                "coeffs": (("i", "_term"), np.where(is_entry, rows.data[positions], np.nan)),
                "vars": (("i", "_term"), np.where(is_entry, rows.indices[positions], -1)),
            },
            coords={"i": group},
        )
        for sign, limit in ((">=", matrix.row_lower[group]), ("<=", matrix.row_upper[group])):
            is_finite = np.isfinite(limit)
            if is_finite.any():
                expression = linopy.LinearExpression(data.isel(i=is_finite), model)
                right_side = xarray.DataArray(limit[is_finite], dims=["i"], coords={"i": group[is_finite]})
                model.add_constraints(expression, sign, right_side, name=f"{size_class}{sign}")
    costs = matrix.costs[0]
    objective = xarray.DataArray(costs, dims=["j"], coords={"j": np.arange(len(costs))})
    model.add_objective((model.variables["x"] * objective).sum(), sense="max" if matrix.maximise[0] else "min")
    linopy.io.to_highspy(model)
    return time.process_time() - started


# Label in the table and function of each peer. linopy is optional.
PEERS: Mapping[str, tuple[str, Callable[[Matrix], float]]] = MappingProxyType(
    {
        "matrix": ("bare matrix", bare_matrix_s),
        "plain": ("plain rules, Pyomo contrib.solver", contrib_s),
        "appsi": ("plain rules, Pyomo appsi", appsi_s),
        LINOPY: ("linopy", linopy_s),
    }
)


def handover_s(peer: str, matrix: Matrix) -> float:
    """Return the CPU seconds of one peer, without the banner of HiGHS."""
    with quiet_stdout():
        return PEERS[peer][1](matrix)


def installed_peers() -> list[str]:
    """Return the names of the installed peers."""
    return [name for name in PEERS if name != LINOPY or find_spec(LINOPY) is not None]


def _build_plain_rules(matrix: Matrix) -> Any:
    """Build the model from plain Pyomo rules, as a modeller would write them."""
    rows = sparse.csr_array(matrix.rows)
    is_integer = matrix.is_integer
    m = pyo.ConcreteModel()
    upper = [None if np.isinf(each) else float(each) for each in matrix.upper]
    m.x = pyo.Var(
        range(len(is_integer)),
        domain=lambda m, j: pyo.Binary if is_integer[j] else pyo.NonNegativeReals,
        bounds=lambda m, j: (0, upper[j]),
    )

    def rule(m: pyo.ConcreteModel, i: int) -> object:
        positions = range(rows.indptr[i], rows.indptr[i + 1])
        total = sum(float(rows.data[k]) * m.x[int(rows.indices[k])] for k in positions)
        low, high = matrix.row_lower[i], matrix.row_upper[i]
        return total <= float(high) if np.isfinite(high) else total >= float(low)

    m.row = pyo.Constraint([i for i in range(rows.shape[0]) if rows.indptr[i + 1] > rows.indptr[i]], rule=rule)
    m.objective = pyo.Objective(
        expr=sum(float(c) * m.x[j] for j, c in enumerate(matrix.costs[0]) if c), sense=pyo.maximize
    )
    return m
