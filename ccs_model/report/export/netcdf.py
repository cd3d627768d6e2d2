"""A run as a dataset with dimensions, units and references (xarray), and as a netCDF file.

A variable is called `<table>_<column>`. Tables with unique keys have their keys as dimensions, such as
`emissions_avoided_ktpa(province, sector, year)`; the others have one dimension of rows, such as `retrofit`. `year` is
the first year of a period; calendar years have a dimension of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import ccs_model
from ccs_model.errors import MissingExtraError
from ccs_model.inputs import Inputs, load_inputs
from ccs_model.plan.citations import CAPITAL, CAPTURE, PIPES, STORAGE, TONNES, amounts_of
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.tables_in_use import problem_of_run, references_of_run
from ccs_model.units import label_of, unit_text

if TYPE_CHECKING:
    import xarray

# Keys of tables whose rows they identify, by the name of their dimension.
_KEYS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "zones": {"province": "zone"},
        "emissions": {"province": "province", "sector": "sector", "year": "year"},
        "air_pollution": {"province": "province", "pollutant": "pollutant"},
        "storage": {"site": "site", "year": "year"},
        "by_year": {"year": "year"},
        "costs": {"term": "term"},
        "cashflow": {"calendar_year": "year"},
        "owner_cashflow": {"owner": "plant", "calendar_year": "year"},
        "owners": {"owner": "plant"},
        "funds": {"fund": "fund", "year": "year"},
        "fund_years": {"fund": "fund", "calendar_year": "year"},
        "stakeholders": {"stakeholder": "stakeholder"},
        "ledger": {"item": "item"},
    }
)
# Names of rows; other tables have `<table>_row`.
_ROWS: Mapping[str, str] = MappingProxyType(
    {
        "retrofits": "retrofit", "flows": "flow", "pipes": "pipe", "links": "link", "macc": "step", "shares": "share",
        "fund_uses": "fund_use",
        "targets": "target", "point": "column", "futures": "future", "frontier": "budget",
    }
)  # fmt: skip
# The amount, as in `ccs_model.plan.citations`, whose references a column has.
_AMOUNT_OF: Mapping[str, str] = MappingProxyType(
    {
        "captured_ktpa": TONNES, "capex_mn": CAPITAL, "capture_capex_mn": CAPTURE, "pipe_capex_mn": PIPES,
        "storage_capex_mn": STORAGE,
    }
)  # fmt: skip
# Dimensions of a column, the place of each value along each of them (none for a dimension of rows), and the values.
_Values = tuple[tuple[str, ...], Sequence[np.ndarray], np.ndarray]
_MEANINGS: Mapping[str, str] = MappingProxyType(
    {"year": "first year of the period", "calendar_year": "calendar year", "owner": "plant, or all of them"}
)


def dataset_of(run: StoredRun) -> xarray.Dataset:
    """Return a run as a dataset.

    Parameters
    ----------
    run : StoredRun
        The run.

    Returns
    -------
    xarray.Dataset
        Totals and tables, with `units`, `long_name` and, where they are known, `references` of each variable, and the
        references of the run on the dimension `reference`. Tables without rows are left out.

    Raises
    ------
    MissingExtraError
        If xarray is not installed.
    InputError
        If one of the run's own tables is invalid.
    """
    try:
        import xarray
    except ImportError as error:
        raise MissingExtraError("export --format netcdf", "netcdf", ["xarray"]) from error
    inputs = load_inputs(run.scenario, allow_outside=True)
    cited = _references_of_amounts(run, inputs)
    coordinates: dict[str, dict[Any, int]] = {}
    variables: dict[str, tuple[_Values, dict[str, str]]] = {}
    for name, table in _tables(run, inputs):
        for column, values in _columns(name, table, coordinates):
            variables[f"{name}_{column}"] = values, _attributes(run, column, cited)
    sized = _arrange_values(variables, coordinates)
    labels = {
        name: ((name,), _label_array(list(places)), {"long_name": _MEANINGS.get(name, label_of(name))})
        for name, places in coordinates.items()
    }
    return xarray.Dataset({**_scalars(run, cited), **sized}, labels, _run_attributes(run))


def netcdf_bytes(run: StoredRun) -> bytes:
    """Return a run as a netCDF file (format 3, 64-bit offsets), the same bytes for the same run."""
    return bytes(dataset_of(run).to_netcdf(engine="scipy", format="NETCDF3_64BIT"))


def _tables(run: StoredRun, inputs: Inputs) -> Iterator[tuple[str, pd.DataFrame]]:
    """Tables with rows, by name."""
    yield "by_year", pd.DataFrame(list(run.document["by_year"]))
    for name, table in run.tables.items():
        if len(table) and name != "by_year":
            yield name, table
    if run.frontier is not None:
        yield "frontier", pd.DataFrame(list(run.frontier["points"])).drop(columns="rows", errors="ignore")
    yield "reference", references_of_run(run, inputs).drop(columns="line", errors="ignore")


def _columns(name: str, table: pd.DataFrame, coordinates: dict[str, dict[Any, int]]) -> Iterator[tuple[str, _Values]]:
    """Columns with their values; the coordinates grow by the values of the keys.

    A text belongs to the first key that determines it, and is left out if none does.
    """
    keys = {"reference": "reference"} if name == "reference" else dict(_KEYS.get(name, {}))
    if not keys or table.duplicated(list(keys.values())).any():
        row = _ROWS.get(name, f"{name}_row")
        coordinates[row] = {number: number for number in range(len(table))}
        for column in table.columns:
            if (values := _values(table[column])) is not None:
                yield str(column), ((row,), [], values)
        return
    places = []
    for dimension, column in keys.items():
        known = coordinates.setdefault(dimension, {})
        places.append(np.array([known.setdefault(each, len(known)) for each in table[column].tolist()]))
    for column in table.columns:
        if column in keys.values() or (values := _values(table[column])) is None:
            continue
        if values.dtype.kind != "U":
            yield str(column), (tuple(keys), places, values)
            continue
        for dimension, key, at in zip(keys, keys.values(), places, strict=True):
            if table.groupby(key)[column].nunique(dropna=False).max() == 1:
                yield str(column), ((dimension,), [at], values)
                break


def _values(column: pd.Series) -> np.ndarray | None:
    """Return a column as numbers or texts; None for one without content, or of lists."""
    if column.dtype == bool:
        return np.where(column, "yes", "no")
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy()
    texts = column.astype(object).where(column.notna(), "")
    if any(isinstance(each, list | tuple | dict) for each in texts):
        return None
    if all(isinstance(each, int | float) or each == "" for each in texts) and any(each != "" for each in texts):
        return pd.to_numeric(column, errors="coerce").to_numpy(float)
    found = np.array([str(each) for each in texts], dtype=str)
    return found if (found != "").any() else None


def _arrange_values(
    variables: Mapping[str, tuple[_Values, dict[str, str]]], coordinates: Mapping[str, Mapping[Any, int]]
) -> dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, str]]]:
    """Arrange values over their dimensions; what a table does not have is NaN, or an empty text."""
    found = {}
    for name, ((dimensions, places, values), attributes) in variables.items():
        array = values
        if places:
            is_text = values.dtype.kind == "U"
            shape = tuple(len(coordinates[each]) for each in dimensions)
            array = np.full(shape, "" if is_text else np.nan, dtype=values.dtype if is_text else float)
            array[tuple(places)] = values
        found[name] = dimensions, array, attributes
    return found


def _label_array(labels: Sequence[Any]) -> np.ndarray:
    return np.array(labels) if all(isinstance(each, int) for each in labels) else np.array([str(x) for x in labels])


def _scalars(run: StoredRun, cited: Mapping[str, str]) -> dict[str, tuple[tuple[()], float, dict[str, str]]]:
    """Totals of the plan, and the value, bounds and gaps of the objective."""
    document = run.document
    objective = document["objective"]
    totals = {f"total_{name}": (name, value) for name, value in document["totals"].items()}
    solved = {f"objective_{name}": (name, objective[name]) for name in ("value", "bound", "gap_share")}
    found = {}
    for name, (column, value) in {**totals, **solved}.items():
        if isinstance(value, int | float):
            attributes = _attributes(run, column, cited)
            if column in ("value", "bound"):
                attributes["units"] = str(objective["unit"])
            found[name] = (), float(value), attributes
    return found


def _attributes(run: StoredRun, column: str, cited: Mapping[str, str]) -> dict[str, str]:
    unit = unit_text(column, str(run.document["currency"]), int(run.document["price_year"]))
    unit = "1" if unit == "share" else unit
    found = {"long_name": label_of(column), "units": unit, "references": cited.get(_AMOUNT_OF.get(column, ""), "")}
    return {name: text for name, text in found.items() if text or name == "long_name"}


def _run_attributes(run: StoredRun) -> dict[str, str]:
    document = run.document
    return {
        "title": str(document["scenario"]),
        "description": " ".join(run.scenario.description.split()),
        "source": f"ccs-model {ccs_model.__version__}",
        "run_sha256": run.sha256,
        "status": str(document["status"]),
        "money": f"{run.money}, real",
        "comment": "Captured is not avoided: avoided is captured less the CO2 of fuel and electricity for capture.",
    }


def _references_of_amounts(run: StoredRun, inputs: Inputs) -> dict[str, str]:
    """References of tonnes and capital by amount; empty if tables have changed since the run."""
    problem = problem_of_run(run, inputs)
    if problem is None:
        return {}
    found: dict[str, set[str]] = {}
    for amount in amounts_of(problem, run.tables["retrofits"]):
        for name in (amount.name,) if amount.name == TONNES else (amount.name, CAPITAL):
            found.setdefault(name, set()).update(each.reference for each in amount.cited)
    return {name: ", ".join(sorted(keys)) for name, keys in found.items()}
