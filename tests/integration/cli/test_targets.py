"""Targets of every kind through the command: the workbook and the page are written where a figure does not apply."""

import pytest
from click.testing import CliRunner

from ccs_model.cli import group

SCENARIO = """
name: Small
years: {years}
plants: {{inventory: [chemicals], provinces: [Shanxi], min_emissions_ktpa: 1_200}}
transport: {{shared_trunklines: false}}
objective: min_cost
targets: {targets}
solver: {{mip_gap: 0.0, threads: 1}}
"""


@pytest.mark.parametrize(
    ("years", "targets"),
    [
        ("static", "{captured_ktpa: 500}"),
        ("[2026, 2031]", "{captured_ktpa: 500}"),
        ("[2026, 2031]", "{cumulative_avoided_kt: 5000}"),
        ("[2026, 2031]", "{abatement_share: {2031: 0.01}}"),
    ],
)
def test_optimize_and_report_with_a_target(tmp_path, years, targets):
    path = tmp_path / "small.yaml"
    path.write_text(SCENARIO.format(years=years, targets=targets), encoding="utf-8")
    for words in (["optimize", str(path), "--out", str(tmp_path / "run"), "-q"], ["report", str(tmp_path / "run")]):
        answer = CliRunner().invoke(group, words)
        assert answer.exit_code == 0, answer.output
    assert {"plan.xlsx", "report.html"} <= {path.name for path in (tmp_path / "run").iterdir()}
