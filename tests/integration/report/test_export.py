"""Exports: what pyam's format asks for, laws of sums, hand-made numbers, the same bytes from folder and from memory."""

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


def test_the_iamc_table_keeps_the_rules_of_the_format(run: StoredRun, plan: Plan) -> None:
    table = iamc_table(run)
    assert list(table.columns) == [*IAMC_INDEX, *plan.problem.years]
    assert all(isinstance(year, int) for year in table.columns[5:])
    assert not table.duplicated(list(IAMC_INDEX)).any()
    assert not table.isna().any(axis=None)
    assert np.isfinite(table.iloc[:, 5:].to_numpy(float)).all()
    # One model and one scenario a file, a variable has one unit, and no level of a variable is empty.
    assert table["Model"].nunique() == table["Scenario"].nunique() == 1
    assert table.groupby("Variable")["Unit"].nunique().max() == 1
    assert all(part.strip() == part != "" for name in table["Variable"] for part in name.split("|"))
    assert set(table["Region"]) == {*plan.problem.zones, ALL_ZONES}


def test_levels_of_a_variable_add_up(run: StoredRun) -> None:
    table = iamc_table(run)
    names = set(table["Variable"])
    for whole, parts in (
        ("Emissions|CO2", ("Industry", "Electricity for Capture")),
        ("Carbon Sequestration|CCS", ("Industry",)),
        ("Investment|CCS", ("Capture", "Transport and Storage")),
        *((name, ("Steel", "Chemicals")) for name in names if name.endswith("|Industry")),
    ):
        summed = sum(values(table, f"{whole}|{part}") for part in parts if f"{whole}|{part}" in names)
        assert summed == pytest.approx(values(table, whole), rel=1e-9, abs=1e-12), whole
    sites = [name for name in names if name.startswith("Carbon Storage|Geological|")]
    stored = sum(values(table, name) for name in sites)
    assert stored == pytest.approx(values(table, "Carbon Sequestration|CCS"), rel=1e-6)


def test_figures_are_those_of_the_plan(run: StoredRun, plan: Plan) -> None:
    table = iamc_table(run)
    totals = plan.totals
    assert values(table, "Carbon Sequestration|CCS")[-1] * 1000 == pytest.approx(totals["captured_ktpa"])
    emitted = totals["baseline_ktpa"] - totals["avoided_ktpa"]
    assert values(table, "Emissions|CO2")[-1] * 1000 == pytest.approx(emitted)
    # 2026 and 2030 start periods of four years each: what is invested in all is four times the yearly means.
    assert 4 * values(table, "Investment|CCS").sum() == pytest.approx(totals["capex_mn"])


def test_the_carbon_price_runs_straight_between_the_years_given(run: StoredRun) -> None:
    priced = run.scenario.with_changes({"policy.carbon_price_per_t": {2020: 50.0, 2030: 150.0}})
    table = iamc_table(replace(run, scenario=priced))
    # Six tenths of the way from 50 to 150 in 2026.
    assert values(table, "Price|Carbon") == pytest.approx([110.0, 150.0])
    assert not (iamc_table(run)["Variable"] == "Price|Carbon").any()


def test_bars_in_names_never_make_a_level(run: StoredRun) -> None:
    storage = run.tables["storage"].assign(name=HOSTILE)
    table = iamc_table(replace(run, tables={**run.tables, "storage": storage}))
    named = [name for name in table["Variable"] if "HYPERLINK" in name]
    assert named and all(name.count("|") == 2 for name in named)


def test_the_long_table_holds_every_number_of_every_table(run: StoredRun, plan: Plan) -> None:
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


def test_no_two_rows_of_the_long_table_have_the_same_key(run: StoredRun, shared_plan: Plan) -> None:
    for each in (run, run_of(shared_plan)):
        assert not tidy_table(each).duplicated(ROW).any()
    # Two retrofits of a stream with the same technology, and pipes built in two periods.
    for name in ("retrofits", "flows", "pipes"):
        row = run.tables[name].iloc[[0]]
        again = pd.concat([row, row.assign(size="half") if name == "retrofits" else row.assign(route="other")])
        table = tidy_table(replace(run, tables={name: again}))
        assert not table.duplicated(ROW).any(), name


@pytest.mark.slow
def test_a_folder_and_a_plan_in_memory_give_the_same_bytes(run: StoredRun, folder: Path, tmp_path: Path) -> None:
    stored = read_run(folder)
    assert stored.sha256 == run.sha256 and dict(stored.inputs) == dict(run.inputs)
    for form in FORMATS:
        there = export(stored, form, tmp_path / "folder" / form)
        again = export(run, form, tmp_path / "memory" / form)
        assert [path.read_bytes() for path in there] == [path.read_bytes() for path in again], form
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
        # The capital of capture needs the reference of its technology.
        technologies = plan.problem.inputs["technologies/technologies"].set_index("technology")["reference"]
        cited = data["retrofits_capture_capex_mn"].attrs["references"].split(", ")
        assert set(technologies[plan.retrofits["technology"]]) <= set(cited) <= set(data["reference"].values)
        assert data.attrs["money"] == "CNY 2024, real" and data.attrs["run_sha256"] == run.sha256
        money = ("_mn", "_ktpa", "_per_t")
        assert all("units" in each.attrs for name, each in data.data_vars.items() if name.endswith(money))


def test_text_of_the_long_table_is_never_a_formula_and_reads_back(run: StoredRun, tmp_path: Path) -> None:
    owners = run.tables["owners"].assign(plant=HOSTILE)
    (path,) = export(replace(run, tables={**run.tables, "owners": owners}), "csv", tmp_path / "x.csv")
    keys = [row["key"] for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))]
    assert f"'{HOSTILE}" in keys and HOSTILE not in keys


@pytest.mark.slow
def test_names_that_look_like_formulas_or_numbers_come_back_as_they_were(
    solved: Callable[..., Plan], tmp_path: Path
) -> None:
    plan = solved({})
    named = plan.retrofits.assign(name=(["=1+1", "NA", "007", "+5"] * len(plan.retrofits))[: len(plan.retrofits)])
    folder = replace(plan, retrofits=named).to_folder(tmp_path / "run")
    assert list(read_run(folder).tables["retrofits"]["name"]) == list(named["name"])


@pytest.mark.slow
def test_an_empty_plan_is_exported_too(empty_plan: Plan, tmp_path: Path) -> None:
    run = run_of(empty_plan)
    table = iamc_table(run)
    assert not values(table, "Carbon Sequestration|CCS").any()
    assert not values(table, "Investment|CCS").any()
    for form in FORMATS:
        assert export(run, form, tmp_path / form)


@pytest.mark.slow
def test_a_network_and_a_static_year_are_exported_too(shared_plan: Plan, static_plan: Plan) -> None:
    for plan in (shared_plan, static_plan):
        run = run_of(plan)
        table = iamc_table(run)
        assert list(table.columns[5:]) == list(run.years)
        assert values(table, "Carbon Sequestration|CCS")[-1] * 1000 == pytest.approx(plan.totals["captured_ktpa"])
        assert len(tidy_table(run))


def test_what_is_no_run_is_told(folder: Path, tmp_path: Path) -> None:
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


def test_a_missing_library_is_named_with_the_command_that_installs_it(
    run: StoredRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for library, form, extra in (("pyarrow", "parquet", "fast"), ("xarray", "netcdf", "netcdf")):
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(MissingExtraError, match=rf"pip install .*ccs-model\[{extra}\]") as raised:
            export(run, form, tmp_path / "x")
        assert raised.value.exit_code == 2
        assert not (tmp_path / "x").exists()


def test_the_command_offers_the_formats_there_are() -> None:
    # A workbook is rebuilt with the model, and not by the exports.
    assert (*FORMATS, "xlsx") == tuple(OFFERED)


@pytest.mark.slow
def test_the_commands_write_where_they_are_told_and_say_where(folder: Path, tmp_path: Path) -> None:
    for words, name in ((["export", "--format", "iamc"], "iamc.csv"), (["report", "--basemap", "none"], "page.html")):
        message = CliRunner().invoke(group, [*words, str(folder), "-o", str(tmp_path / name)], standalone_mode=False)
        assert message.exception is None and message.output.strip() == str(tmp_path / name)
        assert (tmp_path / name).is_file()
    message = CliRunner().invoke(group, ["export", str(folder), "--format", "csv"], standalone_mode=False)
    assert message.exception is None and (folder / "export" / "data.csv").is_file()
    assert CliRunner().invoke(group, ["export", str(folder), "--format", "xml"]).exit_code == 2
