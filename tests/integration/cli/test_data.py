"""`ccs-model data`: counts, columns and rows agree with the files of the data folder."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter

import pytest
from click.testing import CliRunner

from ccs_model.cli import group
from ccs_model.paths import data_folder
from ccs_model.report.text_tables import width_of


def rows_of(table: str) -> list[dict[str, str]]:
    with (data_folder() / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def run_data(*args: str) -> str:
    result = CliRunner().invoke(group, ["data", *args], standalone_mode=False)
    assert result.return_value == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def listed() -> dict:
    return json.loads(run_data("--json"))


def test_every_table_is_listed_with_its_rows_qualities_and_hash(listed: dict) -> None:
    declared = {row["table"] for row in rows_of("dictionary")}
    assert {each["table"] for each in listed["tables"]} == declared
    for each in listed["tables"]:
        rows = rows_of(each["table"])
        assert each["n_rows"] == len(rows)
        assert each["quality"] == dict(Counter(row["quality"] for row in rows if "quality" in row))
        raw = (data_folder() / f"{each['table']}.csv").read_bytes()
        assert each["sha256"] == hashlib.sha256(raw).hexdigest()
    assert listed["schema"] == "ccs-model/data/2"
    assert listed["n_rows"] == sum(each["n_rows"] for each in listed["tables"])
    for kind, count in listed["quality"].items():
        assert count == sum(each["quality"].get(kind, 0) for each in listed["tables"])


def test_json_of_a_table_lists_its_columns_and_sources() -> None:
    document = json.loads(run_data("plants/steel", "--json"))
    rows = rows_of("plants/steel")
    declared = [row for row in rows_of("dictionary") if row["table"] == "plants/steel"]
    assert [each["column"] for each in document["columns"]] == [row["column"] for row in declared]
    for each in document["columns"]:
        assert each["n_given"] == sum(bool(row[each["column"]]) for row in rows if each["column"] in row)
    counted = Counter(row["reference"] for row in rows)
    citations = {row["reference"]: row["citation"] for row in rows_of("references")}
    assert {each["reference"]: each["n_rows"] for each in document["sources"]} == counted
    assert all(each["citation"] == citations[each["reference"]] for each in document["sources"])
    assert all(sum(each["quality"].values()) == each["n_rows"] for each in document["sources"])


def test_text_output_accepts_the_last_part_of_a_table_name(listed: dict) -> None:
    text = run_data("cost_steps")
    assert text.startswith("storage/cost_steps: ") and "Sources" in text
    overview = run_data()
    assert f"{len(listed['tables'])} tables, {listed['n_rows']:,} rows" in overview
    assert "Rows by quality" in overview


def test_table_rows_fit_the_terminal_with_every_number_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = run_data("streams/source_streams")
    # URLs are not wrapped.
    assert max(width_of(line) for line in text.splitlines() if "://" not in line) <= 80
    rows = rows_of("streams/source_streams")
    blocks = text.partition("\nRows\n")[2].split("\n\n")
    for name in ("emission_t_per_t", "low_t_per_t", "high_t_per_t"):
        (block,) = (each.strip("\n").splitlines() for each in blocks if name in each)
        assert len(block) == len(rows) + 1
        for line, row in zip(block[1:], rows, strict=True):
            assert line.split()[:2] == [row["sector"], row["stream"]]
            assert not row[name] or f"{float(row[name]):.12g}" in line.split()


def test_a_long_table_shows_its_first_rows_unless_rows_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    rows = rows_of("plants/steel")
    text = run_data("plants/steel")
    assert f"… and {len(rows) - 20} more rows (--rows prints all)" in text
    assert rows[19]["plant"] in text and rows[20]["plant"] not in text
    all_rows = run_data("plants/steel", "--rows")
    assert rows[-1]["plant"] in all_rows and "more rows" not in all_rows
    assert max(map(width_of, all_rows.splitlines())) <= 80
    result = CliRunner().invoke(group, ["data", "--rows"])
    assert result.exit_code == 2 and "--rows needs TABLE" in result.output


def test_json_of_a_table_contains_its_rows() -> None:
    document = json.loads(run_data("streams/chemical_routes", "--json"))
    for found, row in zip(document["rows"], rows_of("streams/chemical_routes"), strict=True):
        assert {name: "" if value is None else str(value) for name, value in found.items() if "_t_" not in name} == {
            name: text if "share" not in name or not text else str(float(text))
            for name, text in row.items()
            if "_t_" not in name
        }
        assert found["process_t_per_t"] == float(row["process_t_per_t"])


def test_an_unknown_table_is_reported_with_the_closest_name() -> None:
    result = CliRunner().invoke(group, ["data", "plants/stel"])
    assert result.exit_code == 2 and "did you mean 'plants/steel'?" in result.output
