"""Exports of a run: the IAMC and long tables, Parquet and netCDF files, and the commands `export` and `report`."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ccs_model.cli import group
from ccs_model.cli.inspect_run import FORMATS as OFFERED
from ccs_model.errors import FileError, InputError, MissingExtraError
from ccs_model.inputs import Inputs
from ccs_model.plan.plan import Plan
from ccs_model.plan.stored_run import StoredRun
from ccs_model.report.export import formats as module
from ccs_model.report.export.formats import ALL_ZONES, FORMATS, IAMC_INDEX, export, iamc_table, tidy_table
from ccs_model.runs.run_reader import read_run, run_of
from ccs_model.runs.run_writer import tables_of

HOSTILE = '=HYPERLINK("x")|</script>'


@pytest.fixture(scope="module")
def folder(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return plan.to_folder(tmp_path_factory.mktemp("run") / "answer")


def values(table: pd.DataFrame, variable: str, region: str = ALL_ZONES) -> np.ndarray:
    row = table[(table["Variable"] == variable) & (table["Region"] == region)]
    assert len(row) == 1, variable
    return row.drop(columns=list(IAMC_INDEX)).iloc[0].to_numpy(float)


def test_iamc_table_follows_the_rules_of_the_format(run: StoredRun, plan: Plan) -> None:
    table = iamc_table(run)
    assert list(table.columns) == [*IAMC_INDEX, *plan.problem.years]
    assert all(isinstance(year, int) for year in table.columns[5:])
    assert not table.duplicated(list(IAMC_INDEX)).any()
    assert not table.isna().any(axis=None)
    assert np.isfinite(table.iloc[:, 5:].to_numpy(float)).all()
    # A file has one model and one scenario; each variable has one unit and no empty level.
    assert table["Model"].nunique() == table["Scenario"].nunique() == 1
    assert table.groupby("Variable")["Unit"].nunique().max() == 1
    assert all(part.strip() == part != "" for name in table["Variable"] for part in name.split("|"))
    assert set(table["Region"]) == {*plan.problem.zones, ALL_ZONES}


def test_iamc_variables_equal_the_sums_of_their_components(run: StoredRun) -> None:
    table = iamc_table(run)
    names = set(table["Variable"])
    for variable, parts in (
        ("Emissions|CO2", ("Industry", "Electricity for Capture")),
        ("Carbon Sequestration|CCS", ("Industry",)),
        ("Investment|CCS", ("Capture", "Transport and Storage")),
        *((name, ("Steel", "Chemicals")) for name in names if name.endswith("|Industry")),
    ):
        summed = sum(values(table, f"{variable}|{part}") for part in parts if f"{variable}|{part}" in names)
        assert summed == pytest.approx(values(table, variable), rel=1e-9, abs=1e-12), variable
    sites = [name for name in names if name.startswith("Carbon Storage|Geological|")]
    stored = sum(values(table, name) for name in sites)
    assert stored == pytest.approx(values(table, "Carbon Sequestration|CCS"), rel=1e-6)


def test_iamc_values_match_the_totals_of_the_plan(run: StoredRun, plan: Plan) -> None:
    table = iamc_table(run)
    totals = plan.totals
    assert values(table, "Carbon Sequestration|CCS")[-1] * 1000 == pytest.approx(totals["captured_ktpa"])
    remaining_ktpa = totals["baseline_ktpa"] - totals["avoided_ktpa"]
    assert values(table, "Emissions|CO2")[-1] * 1000 == pytest.approx(remaining_ktpa)
    # 2026 and 2030 start periods of four years each: total investment is four times the sum of the annual means.
    assert 4 * values(table, "Investment|CCS").sum() == pytest.approx(totals["capex_mn"])


def test_power_stations_and_waste_incinerators_are_no_industry(run: StoredRun) -> None:
    emissions = run.tables["emissions"]
    moved = emissions.assign(sector=emissions["sector"].replace({"steel": "coal_power"}))
    table = iamc_table(replace(run, tables={**run.tables, "emissions": moved}))
    before = iamc_table(run)
    for variable in ("Baseline Emissions|CO2", "Emissions|CO2", "Carbon Sequestration|CCS"):
        power = values(table, f"{variable}|Energy|Supply|Electricity|Coal power")
        assert power == pytest.approx(values(before, f"{variable}|Industry|Steel"))
        assert values(table, f"{variable}|Energy|Supply|Electricity") == pytest.approx(power)
        chemicals = values(before, f"{variable}|Industry|Chemicals")
        assert values(table, f"{variable}|Industry") == pytest.approx(chemicals)


def test_sectors_of_ones_own_have_the_branch_of_their_product(
    run: StoredRun, inputs: Inputs, with_tables: Callable[..., Inputs], monkeypatch: pytest.MonkeyPatch
) -> None:
    sectors = inputs["streams/source_sectors"]
    own = {"biomass_power": ("biomass_electricity", "MWh"), "sludge": ("waste", "t"), "glass": ("glass", "t")}
    rows = [
        {**sectors.iloc[0], "sector": name, "product": product, "unit": unit} for name, (product, unit) in own.items()
    ]
    tables = with_tables({"streams/source_sectors": pd.concat([sectors, pd.DataFrame(rows)], ignore_index=True)})
    monkeypatch.setattr(module, "load_inputs", lambda scenario, *, allow_outside: tables)
    emissions = run.tables["emissions"]
    before = iamc_table(run)
    for name, branch in (("biomass_power", "Energy|Supply|Electricity"), ("sludge", "Waste"), ("glass", "Industry")):
        moved = emissions.assign(sector=emissions["sector"].replace({"steel": name}))
        table = iamc_table(replace(run, tables={**run.tables, "emissions": moved}))
        found = values(table, f"Emissions|CO2|{branch}|{name.replace('_', ' ').capitalize()}")
        assert found == pytest.approx(values(before, "Emissions|CO2|Industry|Steel"))


def test_carbon_price_is_interpolated_linearly_between_the_given_years(run: StoredRun) -> None:
    priced = run.scenario.with_changes({"policy.carbon_price_per_t": {2020: 50.0, 2030: 150.0}})
    table = iamc_table(replace(run, scenario=priced))
    # Six tenths of the way from 50 to 150 in 2026.
    assert values(table, "Price|Carbon") == pytest.approx([110.0, 150.0])
    assert not (iamc_table(run)["Variable"] == "Price|Carbon").any()


def test_vertical_bars_in_names_add_no_level_to_a_variable(run: StoredRun) -> None:
    storage = run.tables["storage"].assign(name=HOSTILE)
    table = iamc_table(replace(run, tables={**run.tables, "storage": storage}))
    named = [name for name in table["Variable"] if "HYPERLINK" in name]
    assert named and all(name.count("|") == 2 for name in named)


def test_long_table_preserves_the_sums_and_units_of_every_table(run: StoredRun, plan: Plan) -> None:
    table = tidy_table(run)
    assert list(table.columns) == list(module.TIDY_COLUMNS)
    for name, frame in tables_of(plan).items():
        for column in ("captured_ktpa", "capex_mn", "npv_mn", "length_km"):
            if column in frame:
                reported = table[(table["table"] == name) & (table["name"] == column)]
                assert reported["value"].sum() == pytest.approx(float(frame[column].sum()), rel=1e-12), (name, column)
    units = table.drop_duplicates("name").set_index("name")["unit"]
    assert units["captured_ktpa"] == "kt/y" and units["capex_mn"] == "million CNY 2024"
    assert units["discount_factor"] == units["benefit_cost_ratio"] == "1"


ROW = ["table", "key", "year", "name"]


def test_keys_of_the_long_table_are_unique(run: StoredRun, shared_plan: Plan) -> None:
    for each in (run, run_of(shared_plan)):
        assert not tidy_table(each).duplicated(ROW).any()
    # Two retrofits of a stream with the same technology, and two flows and pipes that differ only by route.
    for name in ("retrofits", "flows", "pipes"):
        row = run.tables[name].iloc[[0]]
        again = pd.concat([row, row.assign(size="half") if name == "retrofits" else row.assign(route="other")])
        table = tidy_table(replace(run, tables={name: again}))
        assert not table.duplicated(ROW).any(), name
    # Tables whose rows are those of budgets, and of funds and plants.
    budgets = pd.DataFrame({"budget_mn": [0.0, 0.5, 1250.0], "status": "optimal", "abatement_kt": 1.0})
    uses = pd.DataFrame({"fund": "grant", "plant": ["A", "B"], "year": 2026, "drawn_mn": 1.0})
    table = tidy_table(replace(run, tables={"frontier": budgets, "fund_uses": uses}))
    assert not table.duplicated(ROW).any()
    assert set(table["key"][table["table"] != "totals"]) == {"0", "0.5", "1250", "grant / A", "grant / B"}


@pytest.mark.slow
def test_exports_from_a_folder_and_from_memory_are_identical(run: StoredRun, folder: Path, tmp_path: Path) -> None:
    stored = read_run(folder)
    assert stored.sha256 == run.sha256 and dict(stored.inputs) == dict(run.inputs)
    for file_format in FORMATS:
        from_folder = export(stored, file_format, tmp_path / "folder" / file_format)
        from_memory = export(run, file_format, tmp_path / "memory" / file_format)
        assert [path.read_bytes() for path in from_folder] == [path.read_bytes() for path in from_memory], file_format
    assert (folder / "map.geojson").read_bytes() == (tmp_path / "folder" / "geojson").read_bytes()


@pytest.mark.slow
def test_parquet_files_carry_values_and_units(run: StoredRun, plan: Plan, tmp_path: Path) -> None:
    from pyarrow import parquet

    paths = export(run, "parquet", tmp_path / "tables")
    assert {path.stem for path in paths} == set(tables_of(plan))
    retrofits = parquet.read_table(tmp_path / "tables" / "retrofits.parquet")
    assert retrofits.schema.field("capex_mn").metadata == {b"unit": b"million CNY 2024"}
    pd.testing.assert_series_equal(retrofits.to_pandas()["capex_mn"], plan.retrofits["capex_mn"].reset_index(drop=True))


@pytest.mark.slow
def test_a_netcdf_file_carries_dimensions_units_and_references(run: StoredRun, plan: Plan, tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray", reason="the extra netcdf is not installed")
    (path,) = export(run, "netcdf", tmp_path / "plan.nc")
    with xarray.open_dataset(path, engine="scipy") as data:
        avoided = data["emissions_avoided_ktpa"]
        assert avoided.dims == ("province", "sector", "year")
        assert (avoided.attrs["units"], data["retrofits_capex_mn"].attrs["units"]) == ("kt/y", "million CNY 2024")
        by_year = avoided.sum(["province", "sector"]).to_series()
        assert by_year.to_dict() == pytest.approx(plan.by_year.set_index("year")["avoided_ktpa"].to_dict())
        assert float(data["retrofits_capex_mn"].sum()) == pytest.approx(plan.totals["capex_mn"])
        assert float(data["total_capex_mn"]) == pytest.approx(plan.totals["capex_mn"])
        assert list(data["retrofits_plant"].values) == list(plan.retrofits["plant"])
        # Capture capex cites the references of the technologies.
        technologies = plan.problem.inputs["technologies/technologies"].set_index("technology")["reference"]
        cited = data["retrofits_capture_capex_mn"].attrs["references"].split(", ")
        assert set(technologies[plan.retrofits["technology"]]) <= set(cited) <= set(data["reference"].values)
        assert data.attrs["money"] == "CNY 2024, real" and data.attrs["run_sha256"] == run.sha256
        suffixes = ("_mn", "_ktpa", "_per_t")
        assert all("units" in each.attrs for name, each in data.data_vars.items() if name.endswith(suffixes))


def test_long_table_escapes_text_that_starts_like_a_formula(run: StoredRun, tmp_path: Path) -> None:
    owners = run.tables["owners"].assign(plant=HOSTILE)
    (path,) = export(replace(run, tables={**run.tables, "owners": owners}), "csv", tmp_path / "x.csv")
    keys = [row["key"] for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))]
    assert f"'{HOSTILE}" in keys and HOSTILE not in keys


@pytest.mark.slow
def test_names_that_look_like_formulas_or_numbers_survive_a_round_trip(
    solved: Callable[..., Plan], tmp_path: Path
) -> None:
    plan = solved({})
    named = plan.retrofits.assign(name=(["=1+1", "NA", "007", "+5"] * len(plan.retrofits))[: len(plan.retrofits)])
    folder = replace(plan, retrofits=named).to_folder(tmp_path / "run")
    assert list(read_run(folder).tables["retrofits"]["name"]) == list(named["name"])


@pytest.mark.slow
def test_empty_plan_can_be_exported(empty_plan: Plan, tmp_path: Path) -> None:
    run = run_of(empty_plan)
    table = iamc_table(run)
    assert not values(table, "Carbon Sequestration|CCS").any()
    assert not values(table, "Investment|CCS").any()
    for file_format in FORMATS:
        assert export(run, file_format, tmp_path / file_format)


@pytest.mark.slow
def test_shared_network_and_static_plans_can_be_exported(shared_plan: Plan, static_plan: Plan) -> None:
    for plan in (shared_plan, static_plan):
        run = run_of(plan)
        table = iamc_table(run)
        assert list(table.columns[5:]) == list(run.years)
        assert values(table, "Carbon Sequestration|CCS")[-1] * 1000 == pytest.approx(plan.totals["captured_ktpa"])
        assert len(tidy_table(run))


def test_missing_or_invalid_run_folder_raises_an_error(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such run folder"):
        read_run(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"is not a run: plan\.json"):
        read_run(tmp_path)
    for name in ("map.geojson", "manifest.json", "scenario.resolved.yaml"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    for text, words in (
        ("{", "not JSON"),
        ("[]", "is not a JSON object"),
        (json.dumps({"schema": "x"}), "is not of schema ccs-model/plan/2"),
    ):
        (tmp_path / "plan.json").write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=words):
            read_run(tmp_path)


def test_error_for_a_missing_library_states_the_install_command(
    run: StoredRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for library, file_format, extra in (("pyarrow", "parquet", "fast"), ("xarray", "netcdf", "netcdf")):
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(MissingExtraError, match=rf"pip install .*ccs-model\[{extra}\]") as raised:
            export(run, file_format, tmp_path / "x")
        assert raised.value.exit_code == 2
        assert not (tmp_path / "x").exists()


def test_export_command_offers_every_format() -> None:
    # The workbook is not an export format: it is rebuilt from the model.
    assert (*FORMATS, "xlsx") == tuple(OFFERED)


@pytest.mark.slow
def test_export_and_report_commands_write_to_and_print_the_output_path(folder: Path, tmp_path: Path) -> None:
    for words, name in ((["export", "--format", "iamc"], "iamc.csv"), (["report", "--basemap", "none"], "page.html")):
        message = CliRunner().invoke(group, [*words, str(folder), "-o", str(tmp_path / name)], standalone_mode=False)
        assert message.exception is None and message.output.strip() == str(tmp_path / name)
        assert (tmp_path / name).is_file()
    message = CliRunner().invoke(group, ["export", str(folder), "--format", "csv"], standalone_mode=False)
    assert message.exception is None and (folder / "export" / "data.csv").is_file()
    assert CliRunner().invoke(group, ["export", str(folder), "--format", "xml"]).exit_code == 2
