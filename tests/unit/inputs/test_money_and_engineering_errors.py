"""Invalid financial and technical values are reported with file, row, column and what is expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccs_model.errors import InputError, Issue
from ccs_model.inputs import load_inputs
from ccs_model.paths import data_folder
from ccs_model.problem import build_problem


def overlay(tmp_path: Path, table: str, changes: dict[str, str]) -> None:
    """Write the first shipped row of a table, with some cells changed, to the folder `my`."""
    header, first = (data_folder() / f"{table}.csv").read_text(encoding="utf-8").splitlines()[:2]
    names = header.split(",")
    cells = dict(zip(names, first.split('"')[0].split(","), strict=False)) | {"note": "mine"} | changes
    path = tmp_path / "my" / f"{table}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, ",".join(cells.get(name, "") for name in names)]) + "\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("table", "changes", "where", "what"),
    [
        ("technologies/technologies", {"life_yr": "0"}, "life_yr", "0 is outside the range 1 to 60"),
        ("technologies/technologies", {"fixed_om_share": "3.6"}, "fixed_om_share", "3.6 is outside the range 0 to 0.2"),
        (
            "technologies/technologies",
            {"capture_rate_share": "90"},
            "capture_rate_share",
            "90 is outside the range 0.01 to 1",
        ),
        (
            "technologies/technologies",
            {"price_year": "2028"},
            "price_year",
            "no price index for CNY 2028; indices/defl",
        ),
        (
            "technologies/heat_sources",
            {"efficiency_share": "84"},
            "efficiency_share",
            "84 is outside the range 0.1 to 1",
        ),
        ("finance/hurdle_rates", {"hurdle_share": "9"}, "hurdle_share", "9 is outside the range 0 to 1"),
        ("policy/pollution_taxes", {"currency": "GBP"}, "currency", "GBP"),
    ],
)
def test_invalid_value_is_reported_at_its_cell_with_what_is_expected(scenario, tmp_path, table, changes, where, what):
    overlay(tmp_path, table, changes)
    with pytest.raises(InputError) as caught:
        load_inputs(scenario(data="my"))
    assert caught.value.exit_code == 3
    found: list[Issue] = list(caught.value.issues)
    assert [issue.where for issue in found] == [f"my/{table}.csv:2:{where}"], [str(issue) for issue in found]
    assert what in str(found[0])


def test_missing_exchange_rate_is_reported(scenario, tmp_path):
    tables = tmp_path / "my" / "indices"
    tables.mkdir(parents=True)
    rows = (data_folder() / "indices" / "exchange_rates.csv").read_text(encoding="utf-8").splitlines()
    kept = [row for row in rows if not row.startswith("EUR,2024")]
    (tables / "exchange_rates.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    (tmp_path / "my" / "instead.txt").write_text("indices/exchange_rates\n", encoding="utf-8")
    requested = scenario(data="my")
    with pytest.raises(InputError, match="no exchange rate for EUR in 2024"):
        build_problem(requested, load_inputs(requested))


def test_unknown_heat_source_is_reported_with_the_nearest_one(scenario):
    with pytest.raises(InputError) as caught:
        scenario().with_changes({"capture.heat_sources": ["coal_boilr"]})
    (issue,) = caught.value.issues
    assert issue.where == "capture.heat_sources[0]"
    assert issue.hint == "did you mean 'coal_boiler'?"


def test_percentage_in_place_of_a_share_is_reported_with_the_share(scenario):
    with pytest.raises(InputError) as caught:
        scenario().with_changes({"policy.social_discount_rate": 8, "finance.tax_share": 25})
    assert [str(issue) for issue in caught.value.issues] == [
        "policy.social_discount_rate: expected less than 1, got 8 (did you mean 0.08?)",
        "finance.tax_share: expected less than 1, got 25 (did you mean 0.25?)",
    ]
