"""Exports of a run: an IAMC table, one long table, Parquet files, a netCDF file, the map, and JSON documents.

The IAMC table has one row per region and variable and one column per period (its first year), as pyam reads it. Tonnes
are annual means of the period in Mt; investment is the annual mean of the period. `Emissions|CO2` is the CO2 of the
plants' own stacks after capture plus the CO2 of electricity for capture; `Baseline Emissions|CO2` is the CO2 of the
same plants without capture. Regions are the zones and `All zones`, their sum.

The map is GeoJSON (RFC 7946: WGS84, longitude before latitude, no crs member). The property `kind` gives the layer of a
feature: `plant` (all plants of the zones), `site` (all candidate sites), `hub` (other nodes of the network), `pipe` and
`truck`. A pipeline is a straight line from plant to site or, on a shared network, from node to node, in the direction
of the flow in the last period; where it crosses the antimeridian it is cut into a MultiLineString (section 3.1.9).
Lengths include the detour factor.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

import ccs_model
from ccs_model.atomic_files import write_atomic
from ccs_model.economics.policy import price_path
from ccs_model.errors import MissingExtraError
from ccs_model.inputs import load_inputs
from ccs_model.inputs.cells import shipped_rows
from ccs_model.plan.plan import FRONTIER_SCHEMA, NO_REGRET_SHARE, UNCERTAINTY_SCHEMA, Frontier, Plan, Uncertainty
from ccs_model.plan.plan_json import csv_text, records, to_plain_values
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.export.netcdf import netcdf_bytes
from ccs_model.report.phrases import capitalise
from ccs_model.report.pipe_tables import network_of, node_names, pipes_by_vintage, pipes_table
from ccs_model.scenario.fields import SHIPPED_INVENTORIES
from ccs_model.units import unit_text

# Decimal places of coordinates; about 1 m.
_DECIMALS = 5

Feature = dict[str, Any]


def frontier_dict(frontier: Frontier, scenario: str) -> dict[str, Any]:
    """Return the frontier as plain values, unknown ones as None; each point includes its moves and map data."""
    moves: dict[float, list[dict[str, Any]]] = {}
    for row in records(frontier.moves):
        moves.setdefault(row["budget_mn"], []).append({key: row[key] for key in row if key != "budget_mn"})
    points = [
        {**row, "plants": str(row["plants"]).split(), "moves": moves.get(row["budget_mn"], []), **drawn}
        for row, drawn in zip(records(frontier.points), frontier.pictures, strict=True)
    ]
    document: dict[str, Any] = to_plain_values(
        {
            "schema": FRONTIER_SCHEMA,
            "scenario": scenario,
            **dict(frontier.about),
            "points": points,
            "breakpoints": records(frontier.breakpoints),
        }
    )
    return document


def frontier_text(frontier: Frontier, scenario: str) -> str:
    """Return frontier.json; the same frontier gives the same bytes."""
    return json.dumps(frontier_dict(frontier, scenario), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def uncertainty_text(found: Uncertainty) -> str:
    """Return montecarlo.json, without the single futures, which futures.csv holds; equal results give equal bytes."""
    document = to_plain_values(
        {
            "schema": UNCERTAINTY_SCHEMA,
            **dict(found.about),
            "inputs": records(found.inputs),
            "spread": records(found.spread),
            "tornado": records(found.tornado),
            "broken": records(found.broken),
            "plants": records(found.plants),
            "no_regret": {"share_min": NO_REGRET_SHARE, "plants": list(found.no_regret)},
        }
    )
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


# The map as GeoJSON.


def geojson_text(plan: Plan) -> str:
    """Return the feature collection as text with one feature per line; the same plan gives the same bytes."""
    shared = plan.problem.network is not None
    features = [*(_links(plan) if shared else _pipes(plan)), *_sites(plan), *_plants(plan)]
    return _collection_text([to_plain_values(feature) for feature in features])


def _collection_text(features: Sequence[Feature]) -> str:
    """Plain features as a feature collection."""
    lines = [json.dumps(feature, ensure_ascii=False, allow_nan=False) for feature in features]
    return '{"type": "FeatureCollection", "features": [\n' + ",\n".join(lines) + "\n]}\n"


def _plants(plan: Plan) -> Iterator[Feature]:
    amounts = ["captured_ktpa", "avoided_ktpa", "capex_mn"]
    retrofitted = plan.retrofits.groupby("plant")[amounts].sum()
    for plant in records(plan.problem.plants):
        is_retrofitted = plant["plant"] in retrofitted.index
        properties = {
            "kind": "plant",
            "id": plant["plant"],
            **{name: plant[name] for name in ("name", "name_zh", "sector", "province", "baseline_ktpa", "status")},
            "reason": plant["reason"],
            **{name: retrofitted.at[plant["plant"], name] if is_retrofitted else 0.0 for name in amounts},
            "is_retrofitted": is_retrofitted,
        }
        yield _feature("Point", _position(plant), properties)


def _sites(plan: Plan) -> Iterator[Feature]:
    """Candidate sites; the capacity is the usable one, as in plan.storage."""
    problem = plan.problem
    last = plan.storage[plan.storage["year"] == problem.years[-1]].set_index("site")
    for site in records(problem.sites):
        is_used = site["site"] in last.index
        properties = {
            "kind": "site",
            "id": site["site"],
            **{name: site[name] for name in ("name", "basin", "province")},
            **{name: last.at[site["site"], name] if is_used else 0.0 for name in ("injected_ktpa", "stored_kt")},
            "capacity_kt": site["capacity_kt"] * problem.max_fill_share,
            "is_used": is_used,
        }
        yield _feature("Point", _position(site), properties)


def _pipes(plan: Plan) -> Iterator[Feature]:
    plants = {row["plant"]: _position(row) for row in records(plan.problem.plants)}
    sites = {row["site"]: _position(row) for row in records(plan.problem.sites)}
    for pipe in records(pipes_table(plan)):
        properties = {
            "kind": "pipe",
            "id": pipe["route"],
            **{name: pipe[name] for name in ("plant", "stream", "site", "pipe", "n_lines", "flow_ktpa", "length_km")},
            "built_year": pipe["built_year"],
            "capex_mn": pipe["pipe_capex_mn"],
        }
        yield _feature(*_line(plants[pipe["plant"]], sites[pipe["site"]]), properties)


def _links(plan: Plan) -> Iterator[Feature]:
    """Pipelines and roads built or in use, those of a link with the same id, then the hubs of the candidate network."""
    links = pipes_by_vintage(plan)
    network = network_of(plan)
    nodes = {row["node"]: _position(row) for row in records(network.nodes)}
    named = ("from_node", "from_name", "to_node", "to_name", "pipe", "built_year", "length_km", "diameter_mm",
             "capacity_ktpa", "flow_ktpa", "used_share", "n_users")  # fmt: skip
    for link in records(links):
        properties = {
            "kind": link["kind"],
            "id": link["link"],
            **{name: link[name] for name in named},
            "capex_mn": link["pipe_capex_mn"],
        }
        yield _feature(*_line(nodes[link["from_node"]], nodes[link["to_node"]]), properties)
    used = {*links["from_node"], *links["to_node"]}
    names = node_names(plan)
    for hub in records(network.nodes[network.nodes["kind"] == "hub"]):
        properties = {"kind": "hub", "id": hub["node"], "name": names[hub["node"]], "is_used": hub["node"] in used}
        yield _feature("Point", nodes[hub["node"]], properties)


def _feature(shape: str, coordinates: list[Any], properties: dict[str, Any]) -> Feature:
    return {"type": "Feature", "geometry": {"type": shape, "coordinates": coordinates}, "properties": properties}


def _line(start: list[float], end: list[float]) -> tuple[str, list[Any]]:
    """Return shape and coordinates of the straight line between two positions, cut where it crosses 180°."""
    (lon, lat), (to_lon, to_lat) = start, end
    if abs(to_lon - lon) <= 180.0:
        return "LineString", [start, end]
    edge = math.copysign(180.0, lon)
    before, after = abs(edge - lon), abs(-edge - to_lon)
    # An end on the antimeridian lies on both sides of it.
    if not before:
        return "LineString", [[-edge, lat], end]
    if not after:
        return "LineString", [start, [edge, to_lat]]
    at_edge = round(lat + (to_lat - lat) * before / (before + after), _DECIMALS)
    return "MultiLineString", [[start, [edge, at_edge]], [[-edge, at_edge], end]]


def _position(row: dict[str, Any]) -> list[float]:
    return [round(float(row["lon_deg"]), _DECIMALS), round(float(row["lat_deg"]), _DECIMALS)]


ALL_ZONES = "All zones"
IAMC_INDEX = ("Model", "Scenario", "Region", "Variable", "Unit")
TIDY_COLUMNS = ("table", "key", "year", "name", "value", "unit")

# Columns that identify a row, besides the year, as far as a table has them; in other tables the first text column.
_KEYS = MappingProxyType(
    {
        "retrofits": ("plant", "stream", "technology"),
        "macc": ("plant", "stream"),
        "emissions": ("province", "sector"),
        "air_pollution": ("province", "pollutant"),
        "shares": ("facility", "plant"),
        "flows": ("link", "plant", "stream", "site"),
        "pipes": ("link", "plant", "stream", "site"),
        "targets": ("target", "group"),
        "fund_uses": ("fund", "plant"),
        "frontier": ("budget_mn",),
        "frontier_moves": ("budget_mn", "plant"),
        "frontier_breakpoints": ("budget_mn",),
        "point": ("variable", "index"),
    }
)
# Columns that complete the key where rows have the same one.
_FURTHER = ("size", "site", "heat_source", "route", "pipe", "built_year")
_UNIT_OF_RATIOS = "1"
_RATIOS = frozenset({"benefit_cost_ratio", "cost_factor", "debt_service_cover", "discount_factor"})

Rows = Iterator[tuple[str, str, str, int, float]]
# Branches of the IAMC variables of the stacks of power stations and waste incinerators.
_INDUSTRY, _POWER, _WASTE = "Industry", "Energy|Supply|Electricity", "Waste"


def iamc_table(run: StoredRun) -> pd.DataFrame:
    """Return the run as an IAMC table.

    Parameters
    ----------
    run : StoredRun
        The run.

    Returns
    -------
    pandas.DataFrame
        Columns IAMC_INDEX and one column per period; the index is unique and no value is missing.
    """
    rows = [*_tonnes(run), *_storage(run), *_investment(run), *_prices(run)]
    long = pd.DataFrame(rows, columns=["Region", "Variable", "Unit", "year", "value"])
    wide = long.pivot(index=["Region", "Variable", "Unit"], columns="year", values="value").reset_index()
    wide.insert(0, "Scenario", _name(str(run.document["scenario"])))
    wide.insert(0, "Model", f"ccs-model {ccs_model.__version__}")
    wide.columns.name = None
    return wide


def _tonnes(run: StoredRun) -> Rows:
    """Mt CO2 a year by region; variables of the plants' own stacks also by branch and sector."""
    table = run.tables["emissions"]
    every = pd.DataFrame(
        {
            "Emissions|CO2": table["baseline_ktpa"] - table["avoided_ktpa"],
            "Emissions|CO2|Electricity for Capture": table["power_co2_ktpa"],
            "Carbon Sequestration|CCS": table["captured_ktpa"],
        }
    )
    stacks = pd.DataFrame(
        {
            "Baseline Emissions|CO2": table["baseline_ktpa"],
            "Emissions|CO2": table["baseline_ktpa"] - table["on_site_abatement_ktpa"],
            "Carbon Sequestration|CCS": table["captured_ktpa"],
        }
    )
    branches = table["sector"].map(_branches(run, table["sector"].unique())).fillna(_INDUSTRY)
    for region, inside in _regions(run, table):
        year = table.loc[inside, "year"]
        yield from _rows(region, every[inside].groupby(year).sum(), "")
        for branch, of_branch in stacks[inside].groupby(branches):
            yield from _rows(region, of_branch.groupby(year).sum(), f"|{branch}")
            for name, of_sector in of_branch.groupby(table["sector"]):
                ending = _name(capitalise(str(name).replace("_", " ")))
                yield from _rows(region, of_sector.groupby(year).sum(), f"|{branch}|{ending}")


def _branches(run: StoredRun, sectors: Iterable[object]) -> dict[str, str]:
    """Branch of each sector that produces electricity or burns waste; sectors of the user's own are in their tables."""
    rows: list[dict[Any, Any]] = [*shipped_rows("streams/source_sectors")]
    if not {*sectors} <= {*SHIPPED_INVENTORIES, *(row["sector"] for row in rows)}:
        rows = load_inputs(run.scenario, allow_outside=True)["streams/source_sectors"].to_dict("records")
    power = {row["sector"]: _POWER for row in rows if row["unit"] == "MWh"}
    return power | {row["sector"]: _WASTE for row in rows if row["product"] == "waste"}


def _rows(region: str, sums: pd.DataFrame, ending: str) -> Rows:
    for variable in sums:
        for year, value in sums[variable].items():
            yield region, f"{variable}{ending}", "Mt CO2/yr", int(year), float(value) / 1000.0


def _regions(run: StoredRun, table: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """Each zone, then all zones, with a mask of the table's rows."""
    for zone in run.tables["zones"]["zone"]:
        yield str(zone), table["province"] == zone
    yield ALL_ZONES, pd.Series(True, index=table.index)


def _storage(run: StoredRun) -> Rows:
    """Mt CO2 a year injected into each site; sites belong to all zones."""
    table = run.tables["storage"]
    into = table.groupby(["site", "year"])["injected_ktpa"].sum()
    names = {str(site): _name(f"{name} ({site})") for site, name in zip(table["site"], table["name"], strict=True)}
    for site, name in names.items():
        for year in run.years:
            injected_mtpa = float(into.get((site, year), 0.0)) / 1000.0
            yield ALL_ZONES, f"Carbon Storage|Geological|{name}", "Mt CO2/yr", year, injected_mtpa


def _investment(run: StoredRun) -> Rows:
    """Million a year, mean over each period; only capture is given by zone, since pipelines and sites are shared.

    A representative year has annualised capital and no investment of its own.
    """
    if run.scenario.is_static:
        return
    lasts = {year: run.scenario.period_years(year) for year in run.years}
    unit = f"million {run.money.replace(' ', '_')}/yr"
    retrofits = run.tables["retrofits"]
    spent = {int(row["year"]): float(row["spending_mn"]) for row in run.document["by_year"]}
    for region, inside in _regions(run, retrofits):
        capture = retrofits[inside].groupby("year")["capture_capex_mn"].sum()
        for year in run.years:
            of_capture = float(capture.get(year, 0.0))
            yield region, "Investment|CCS|Capture", unit, year, of_capture / lasts[year]
            if region == ALL_ZONES:
                rest = spent[year] - of_capture
                yield region, "Investment|CCS", unit, year, spent[year] / lasts[year]
                yield region, "Investment|CCS|Transport and Storage", unit, year, max(rest, 0.0) / lasts[year]


def _prices(run: StoredRun) -> Rows:
    """The carbon price of the scenario, if it has one."""
    given = run.scenario.policy.carbon_price_per_t
    if given:
        for year, price in zip(run.years, price_path(given, run.years), strict=True):
            yield ALL_ZONES, "Price|Carbon", f"{run.money.replace(' ', '_')}/t CO2", year, float(price)


def _name(text: str) -> str:
    """A name without `|`, which separates the levels of a variable."""
    return " ".join(text.replace("|", "/").split())


def tidy_table(run: StoredRun) -> pd.DataFrame:
    """Return every number of the run as one row.

    Parameters
    ----------
    run : StoredRun
        The run.

    Returns
    -------
    pandas.DataFrame
        Columns TIDY_COLUMNS: the totals and all tables, as on sheet Data of the workbook.
    """
    totals = {name: value for name, value in run.document["totals"].items() if value is not None}
    parts = [_tidy_rows(run, "totals", pd.DataFrame([totals]))]
    parts += [_tidy_rows(run, name, table) for name, table in run.tables.items() if len(table)]
    return pd.concat(parts, ignore_index=True)


def _tidy_rows(run: StoredRun, name: str, table: pd.DataFrame) -> pd.DataFrame:
    numbers = number_columns(table)
    texts = [column for column in map(str, table) if column not in numbers]
    keys = _unique_key(table, [column for column in _KEYS.get(name, texts[:1]) if column in table])
    numbers = [column for column in numbers if column != "year"]
    currency, price_year = str(run.document["currency"]), int(run.document["price_year"])

    def unit(column: str) -> str:
        return _UNIT_OF_RATIOS if column in _RATIOS else unit_text(column, currency, price_year)

    return long_table(name, table, keys, numbers, unit, no_year="")


def number_columns(table: pd.DataFrame) -> list[str]:
    """Return the columns of numbers; truth values are none."""
    return list(map(str, table.select_dtypes("number")))


def _unique_key(table: pd.DataFrame, keys: list[str]) -> list[str]:
    """Return the key, completed by further columns until no two rows of a year have the same one."""
    year = ["year"] if "year" in table else []
    for column in _FURTHER:
        if not (keys or year) or not table.duplicated([*keys, *year]).any():
            break
        if column in table and column not in keys:
            keys = [*keys, column]
    return keys


def _key_texts(column: pd.Series) -> pd.Series:
    """The values of a column of a key as texts: 1250 and 0.5 for numbers."""
    if pd.api.types.is_float_dtype(column):
        return column.map(lambda value: "" if pd.isna(value) else f"{value:.12g}")
    return column.astype(object).where(column.notna(), "").astype(str)


def long_table(
    name: str,
    table: pd.DataFrame,
    keys: Sequence[str],
    numbers: Sequence[str],
    unit: Callable[[str], str],
    no_year: str | None,
) -> pd.DataFrame:
    """Return TIDY_COLUMNS with one row per finite number of these columns; `no_year` stands where there is no year."""
    of_row = (
        pd.DataFrame({name: _key_texts(table[name]) for name in keys}).agg(" / ".join, axis=1)
        if keys
        else pd.Series("", index=table.index)
    )
    year = table["year"].astype(object) if "year" in table else pd.Series(no_year, index=table.index, dtype=object)
    n = len(numbers)
    long = pd.DataFrame(
        {
            "table": name,
            "key": np.tile(of_row.to_numpy(object), n),
            "year": np.tile(year.to_numpy(object), n),
            "name": np.repeat(np.array(numbers, dtype=object), len(table)),
            "value": table[list(numbers)].to_numpy(float).T.ravel(),
            "unit": np.repeat(np.array([unit(column) for column in numbers], dtype=object), len(table)),
        },
        columns=list(TIDY_COLUMNS),
    )
    return long[np.isfinite(long["value"])]


def _parquet(run: StoredRun) -> dict[str, bytes]:
    """One file per table, with the unit of each column in its metadata."""
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("export --format parquet", "fast", ["pyarrow"]) from error
    files = {}
    for name, table in run.tables.items():
        columns, units = arrow.Table.from_pandas(table, preserve_index=False), table.attrs["unit"]
        fields = [
            field.with_metadata({"unit": units[field.name]}) if field.name in units else field
            for field in columns.schema
        ]
        out = io.BytesIO()
        parquet.write_table(columns.cast(arrow.schema(fields)), out)
        files[f"{name}.parquet"] = out.getvalue()
    return files


FORMATS: Mapping[str, Callable[[StoredRun], dict[str, bytes]]] = MappingProxyType(
    {
        "iamc": lambda run: {"iamc.csv": csv_text(iamc_table(run)).encode()},
        "csv": lambda run: {"data.csv": csv_text(tidy_table(run)).encode()},
        "parquet": _parquet,
        "netcdf": lambda run: {"plan.nc": netcdf_bytes(run)},
        "geojson": lambda run: {"map.geojson": _collection_text(run.map["features"]).encode()},
    }
)


def export(run: StoredRun, form: str, target: Path | None = None) -> list[Path]:
    """Write a run in another format and return the paths written.

    Parameters
    ----------
    run : StoredRun
        The run.
    form : str
        One of FORMATS; `parquet` writes a folder of files, the others write one file.
    target : Path, optional
        File or folder; in `export/` of the run folder by default.

    Raises
    ------
    FileError
        If a file cannot be written.
    MissingExtraError
        If a library is not installed.
    """
    files = FORMATS[form](run)
    if target is None:
        home = (run.current_folder or Path(run.name)) / "export"
        target = home / form if form == "parquet" else home / next(iter(files))
    if form == "parquet":
        return [write_atomic(target / name, content) for name, content in files.items()]
    return [write_atomic(target, content) for content in files.values()]
